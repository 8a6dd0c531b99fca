//! One user: what is stored, and what an answer shows of it.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::date_of;
use super::property::{self, Kind, Prop, property};

/// A user, small: only what was set is stored.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) id: Uuid,
    /// Seconds since 1970, as all dates here.
    pub(super) created: i64,
    pub(super) password_changed: i64,
    pub(super) deleted: Option<i64>,
    values: Vec<(Prop, Stored)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stored {
    Bool(bool),
    Text(Box<str>),
    Json(Box<Value>),
}

/// What a property shows.
#[derive(Debug)]
pub(super) enum Reading<'a> {
    Null,
    Bool(bool),
    Text(Cow<'a, str>),
    Json(Cow<'a, Value>),
}

impl User {
    pub(super) fn new(id: Uuid, created: i64) -> Self {
        Self { id, created, password_changed: created, deleted: None, values: Vec::new() }
    }

    pub(super) fn stored(&self, prop: Prop) -> Option<&Stored> {
        let (_, value) = self.values.iter().find(|(of, _)| *of == prop)?;
        Some(value)
    }

    pub(super) fn text(&self, prop: Prop) -> Option<&str> {
        match self.stored(prop)? {
            Stored::Text(text) => Some(text),
            Stored::Bool(_) | Stored::Json(_) => None,
        }
    }

    pub(super) fn json(&self, prop: Prop) -> Option<&Value> {
        match self.stored(prop)? {
            Stored::Json(json) => Some(json),
            Stored::Bool(_) | Stored::Text(_) => None,
        }
    }

    pub(super) fn is_true(&self, prop: Prop) -> bool {
        self.stored(prop) == Some(&Stored::Bool(true))
    }

    pub(super) fn set(&mut self, prop: Prop, value: Option<Stored>) {
        self.values.retain(|(of, _)| *of != prop);
        self.values.extend(value.map(|value| (prop, value)));
    }

    pub(super) fn set_text(&mut self, prop: Prop, text: &str) {
        self.set(prop, Some(Stored::Text(text.into())));
    }

    /// Gives back what building up left over.
    pub(super) fn compact(&mut self) {
        self.values.shrink_to_fit();
    }

    /// The addresses beside `mail`, each as `smtp:…`.
    pub(super) fn further_addresses(&self) -> impl Iterator<Item = &str> {
        let list = self.json(property::PROXY_ADDRESSES).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str)
    }

    /// What an answer shows; `issuer` is the tenant's initial domain.
    pub(super) fn read(&self, prop: Prop, issuer: &str) -> Reading<'_> {
        match prop {
            property::ID => Reading::Text(self.id.to_string().into()),
            property::CREATED | property::SESSIONS_VALID_FROM => Reading::Text(date_of(self.created).into()),
            property::PASSWORD_CHANGED => Reading::Text(date_of(self.password_changed).into()),
            property::DELETED => self.deleted.map_or(Reading::Null, |at| Reading::Text(date_of(at).into())),
            property::UPN => self.shown_name(),
            property::USER_TYPE => Reading::Text(self.text(prop).unwrap_or("Member").into()),
            property::SECURITY_IDENTIFIER => Reading::Text(security_identifier(self.id).into()),
            property::PROXY_ADDRESSES => Reading::Json(Cow::Owned(self.addresses())),
            property::IDENTITIES => Reading::Json(Cow::Owned(self.identities(issuer))),
            property::EXTENSION_ATTRIBUTES => Reading::Json(Cow::Owned(self.extension_attributes())),
            property::PASSWORD_PROFILE => self.json(prop).map_or(Reading::Null, |profile| {
                let mut profile = profile.clone();
                profile["password"] = Value::Null;
                Reading::Json(Cow::Owned(profile))
            }),
            _ => match self.stored(prop) {
                Some(Stored::Bool(value)) => Reading::Bool(*value),
                Some(Stored::Text(text)) => Reading::Text(Cow::Borrowed(text)),
                Some(Stored::Json(json)) => Reading::Json(Cow::Borrowed(json)),
                None if property(prop).is_collection() => Reading::Json(Cow::Owned(json!([]))),
                None => Reading::Null,
            },
        }
    }

    /// A deleted user's name has its id in front, which frees the name for others.
    fn shown_name(&self) -> Reading<'_> {
        match (self.text(property::UPN), self.deleted) {
            (Some(name), Some(_)) => Reading::Text(format!("{}{name}", self.id.simple()).into()),
            (Some(name), None) => Reading::Text(name.into()),
            (None, _) => Reading::Null,
        }
    }

    fn addresses(&self) -> Value {
        let primary = self.text(property::MAIL).map(|mail| format!("SMTP:{mail}"));
        primary.into_iter().chain(self.further_addresses().map(str::to_owned)).collect()
    }

    fn identities(&self, issuer: &str) -> Value {
        let own = json!({
            "signInType": "userPrincipalName",
            "issuer": issuer,
            "issuerAssignedId": self.text(property::UPN),
        });
        let stored = self.json(property::IDENTITIES).and_then(Value::as_array);
        stored.into_iter().flatten().cloned().chain([own]).collect()
    }

    fn extension_attributes(&self) -> Value {
        let stored = self.json(property::EXTENSION_ATTRIBUTES);
        let all: Map<_, _> = (1..=15)
            .map(|number| {
                let name = format!("extensionAttribute{number}");
                let value = stored.and_then(|stored| stored.get(&name)).cloned();
                (name, value.unwrap_or(Value::Null))
            })
            .collect();
        Value::Object(all)
    }
}

impl Reading<'_> {
    /// Writes it as JSON.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Self::Text(text) => write_text(text, out),
            Self::Json(json) => out.extend_from_slice(json.to_string().as_bytes()),
        }
    }

    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Text(text) => Value::String(text.into_owned()),
            Self::Json(json) => json.into_owned(),
        }
    }
}

/// Writes a JSON string.
pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(Value::from(text).to_string().as_bytes());
    }
}

/// Writes `{"a":…,"b":…}` with these properties, in this order; `annotations` come first and are already JSON.
pub(super) fn write_user(user: &User, props: &[Prop], issuer: &str, annotations: &[(&str, &str)], out: &mut Vec<u8>) {
    out.push(b'{');
    let mut first = true;
    let mut name = |name: &str, out: &mut Vec<u8>| {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
    };
    for (key, value) in annotations {
        name(key, out);
        write_text(value, out);
    }
    for prop in props {
        name(property(*prop).name, out);
        user.read(*prop, issuer).write(out);
    }
    out.push(b'}');
}

/// All properties, for whoever looks into the tenant from outside Graph.
pub(super) fn whole(user: &User, issuer: &str) -> Value {
    let all: Map<_, _> = property::PROPERTIES
        .iter()
        .filter_map(|property| Some((property, property::find(property.name)?)))
        .map(|(property, prop)| (property.name.to_owned(), user.read(prop, issuer).into_value()))
        .collect();
    Value::Object(all)
}

/// An id as Windows writes it: four numbers, little-endian.
fn security_identifier(id: Uuid) -> String {
    let parts: Vec<_> = id
        .to_bytes_le()
        .chunks_exact(4)
        .map(|part| part.iter().rev().fold(0_u32, |number, byte| (number << 8) | u32::from(*byte)).to_string())
        .collect();
    format!("S-1-12-1-{}", parts.join("-"))
}

/// Text under which two values are the same.
pub(super) fn fold(text: &str) -> Box<str> {
    text.to_lowercase().into_boxed_str()
}

/// Whether a kind holds text.
pub(super) fn is_text(kind: Kind) -> bool {
    matches!(kind, Kind::Text(_) | Kind::Word(_))
}

#[cfg(test)]
mod tests {
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
