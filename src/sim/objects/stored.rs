//! What an object stores, and what a reader sees of it.

use std::borrow::Cow;

use serde_json::Value;
use uuid::Uuid;

use super::extension::is_extension;
use crate::sim::users::property::{Kind, Prop, property};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stored {
    Bool(bool),
    Text(Box<str>),
    Json(Box<Value>),
}

/// What a property shows.
#[derive(Debug)]
pub(crate) enum Reading<'a> {
    Null,
    Bool(bool),
    Text(Cow<'a, str>),
    Json(Cow<'a, Value>),
}

/// The values that were set, and no others.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values(Vec<(Prop, Stored)>);

impl Values {
    pub(crate) fn stored(&self, prop: Prop) -> Option<&Stored> {
        let (_, value) = self.0.iter().find(|(of, _)| *of == prop)?;
        Some(value)
    }

    pub(crate) fn text(&self, prop: Prop) -> Option<&str> {
        match self.stored(prop)? {
            Stored::Text(text) => Some(text),
            Stored::Bool(_) | Stored::Json(_) => None,
        }
    }

    pub(crate) fn json(&self, prop: Prop) -> Option<&Value> {
        match self.stored(prop)? {
            Stored::Json(json) => Some(json),
            Stored::Bool(_) | Stored::Text(_) => None,
        }
    }

    pub(crate) fn is_true(&self, prop: Prop) -> bool {
        self.stored(prop) == Some(&Stored::Bool(true))
    }

    pub(crate) fn set(&mut self, prop: Prop, value: Option<Stored>) {
        self.0.retain(|(of, _)| *of != prop);
        self.0.extend(value.map(|value| (prop, value)));
    }

    pub(crate) fn set_text(&mut self, prop: Prop, text: &str) {
        self.set(prop, Some(Stored::Text(text.into())));
    }

    /// The directory extensions that have a value.
    pub(crate) fn extensions(&self) -> impl Iterator<Item = Prop> {
        self.0.iter().map(|(prop, _)| *prop).filter(|prop| is_extension(*prop))
    }

    /// What was stored, or what an object without a value shows.
    pub(crate) fn read(&self, prop: Prop) -> Reading<'_> {
        match self.stored(prop) {
            Some(Stored::Bool(value)) => Reading::Bool(*value),
            Some(Stored::Text(text)) => Reading::Text(Cow::Borrowed(text)),
            Some(Stored::Json(json)) => Reading::Json(Cow::Borrowed(json)),
            None if property(prop).is_collection() => Reading::Json(Cow::Owned(Value::Array(Vec::new()))),
            None => Reading::Null,
        }
    }

    /// The properties in which another differs.
    pub(crate) fn changes(&self, next: &Self) -> Vec<Prop> {
        let gone = self.0.iter().filter(|(prop, _)| next.stored(*prop).is_none());
        let new = next.0.iter().filter(|(prop, value)| self.stored(*prop) != Some(value));
        gone.chain(new).map(|(prop, _)| *prop).collect()
    }

    /// Gives back what building up left over.
    pub(crate) fn compact(&mut self) {
        self.0.shrink_to_fit();
    }
}

impl Reading<'_> {
    /// Writes it as JSON.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Self::Text(text) => write_text(text, out),
            Self::Json(json) => out.extend_from_slice(json.to_string().as_bytes()),
        }
    }

    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Text(text) => Value::String(text.into_owned()),
            Self::Json(json) => json.into_owned(),
        }
    }
}

/// Writes a JSON string.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(Value::from(text).to_string().as_bytes());
    }
}

/// An id as Windows writes it: four numbers, little-endian.
pub(crate) fn security_identifier(id: Uuid) -> String {
    let parts: Vec<_> = id
        .to_bytes_le()
        .chunks_exact(4)
        .map(|part| part.iter().rev().fold(0_u32, |number, byte| (number << 8) | u32::from(*byte)).to_string())
        .collect();
    format!("S-1-12-1-{}", parts.join("-"))
}

/// Text under which two values are the same.
///
/// Letter by letter: what a letter becomes must not depend on its neighbours, as a Greek sigma's does, or the beginning of
/// a text would not be the beginning of its folded form.
pub(crate) fn fold(text: &str) -> Box<str> {
    lower(text).collect::<String>().into_boxed_str()
}

pub(crate) fn lower(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

/// Whether a kind holds text.
pub(crate) fn is_text(kind: Kind) -> bool {
    matches!(kind, Kind::Text(_) | Kind::Word(_))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_security_identifier_is_the_id_in_four_numbers() {
        // The four little-endian words of the bytes, by hand.
        let id = Uuid::from_bytes_le([1, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 255, 255, 255, 255]);
        assert_eq!(security_identifier(id), "S-1-12-1-1-2-256-4294967295");
    }

    #[test]
    fn text_is_written_as_json() {
        for text in ["", "plain", "quo\"te", "back\\slash", "line\nbreak", "Zoë", "\u{0}"] {
            let mut out = Vec::new();
            write_text(text, &mut out);
            assert_eq!(serde_json::from_slice::<Value>(&out).expect("JSON"), json!(text));
        }
    }
}
