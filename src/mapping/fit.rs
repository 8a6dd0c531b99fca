//! A value into the type that a schema wants.

use crate::expr::{quote, text_form};
use crate::model::{AttributeSchema, Cardinality, Kind, Value};

/// Converts where nothing is lost and the meaning is plain; says what would be right otherwise.
///
/// `"True"` in any case becomes a Boolean, a number becomes text and text of digits a number, one value becomes a list
/// of one and a list of one a value. A list loses nulls and empty texts, which no set can hold. Text for a moment or for
/// bytes stays text.
pub(super) fn fit(schema: &AttributeSchema, value: Value) -> Result<Value, String> {
    match (schema.cardinality, value) {
        (_, Value::Null) => Ok(Value::Null),
        (Cardinality::Many, value) => {
            let elements = value.as_slice().iter();
            let kept = elements.filter(|element| !element.is_null() && element.as_text() != Some(""));
            let fitted = kept.map(|element| one(&schema.kind, element.clone()));
            Ok(Value::List(fitted.collect::<Result<_, _>>()?))
        }
        (Cardinality::Single, Value::List(elements)) => match &*elements {
            [] => Ok(Value::Null),
            [element] => one(&schema.kind, element.clone()),
            several => Err(format!("there are {} values where one is right", several.len())),
        },
        (Cardinality::Single, value) => one(&schema.kind, value),
    }
}

fn one(kind: &Kind, value: Value) -> Result<Value, String> {
    let fitted = match (kind, &value) {
        (_, Value::Null) => Some(Value::Null),
        (Kind::Text | Kind::Reference(_), Value::Text(_))
        | (Kind::Boolean, Value::Bool(_))
        | (Kind::Integer, Value::Integer(_))
        | (Kind::DateTime, Value::DateTime(_) | Value::Text(_))
        | (Kind::Binary, Value::Binary(_) | Value::Text(_))
        | (Kind::Complex, Value::Object(_)) => return Ok(value),
        (Kind::Text | Kind::Reference(_), other) => text_form(other).map(Value::text),
        (Kind::Boolean, Value::Text(text)) if text.eq_ignore_ascii_case("true") => Some(Value::Bool(true)),
        (Kind::Boolean, Value::Text(text)) if text.eq_ignore_ascii_case("false") => Some(Value::Bool(false)),
        (Kind::Integer, Value::Text(text)) => text.parse().ok().map(Value::Integer),
        _ => None,
    };
    fitted.ok_or_else(|| {
        let right = match kind {
            Kind::Text => "text",
            // Many databases have no other truth than 1 and 0.
            Kind::Boolean if matches!(value, Value::Integer(_)) => "True or False; CBool(…) makes it one of them",
            Kind::Boolean => "True or False",
            Kind::Integer => "a whole number",
            Kind::DateTime => "a moment",
            Kind::Binary => "bytes",
            Kind::Reference(_) => "an id",
            Kind::Complex => "a complex value",
        };
        format!("{} is not {right}", shown(&value))
    })
}

/// A value in a message.
fn shown(value: &Value) -> String {
    match value {
        Value::List(_) => "a list".to_owned(),
        Value::Object(_) => "a complex value".to_owned(),
        Value::Text(text) => quote(text),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_fitted_where_nothing_is_lost() {
        let list = |values: &[&str]| Value::list(values.iter().map(|value| Value::text(*value)));
        let text = AttributeSchema::text();
        let set = AttributeSchema::text().many();
        let boolean = AttributeSchema::boolean();
        let integer = AttributeSchema::new(Kind::Integer);
        let moment = AttributeSchema::new(Kind::DateTime);
        let complex = AttributeSchema::new(Kind::Complex);
        #[rustfmt::skip]
        let table: &[(&AttributeSchema, Value, Result<Value, &str>)] = &[
            (&text, Value::Null, Ok(Value::Null)),
            (&text, "".into(), Ok("".into())),
            (&text, 7.into(), Ok("7".into())),
            (&text, true.into(), Ok("True".into())),
            (&text, list(&["a"]), Ok("a".into())),
            (&text, list(&[]), Ok(Value::Null)),
            (&text, list(&["a", "b"]), Err("there are 2 values where one is right")),
            (&set, "a".into(), Ok(list(&["a"]))),
            (&set, "".into(), Ok(list(&[]))),
            (&set, Value::list([Value::Null, 5.into()]), Ok(list(&["5"]))),
            (&set, Value::list([list(&["a"])]), Err("a list is not text")),
            (&boolean, "tRue".into(), Ok(true.into())),
            (&boolean, "False".into(), Ok(false.into())),
            (&boolean, "yes".into(), Err("\"yes\" is not True or False")),
            (&boolean, 1.into(), Err("1 is not True or False; CBool(…) makes it one of them")),
            (&integer, "-12".into(), Ok((-12).into())),
            (&integer, "1.5".into(), Err("\"1.5\" is not a whole number")),
            (&moment, "tomorrow".into(), Ok("tomorrow".into())),
            (&moment, 5.into(), Err("5 is not a moment")),
            (&complex, "x".into(), Err("\"x\" is not a complex value")),
        ];
        for (schema, value, expected) in table {
            let expected = expected.clone().map_err(str::to_owned);
            assert_eq!(fit(schema, value.clone()), expected, "{value:?} for {:?}", schema.kind);
        }
    }
}
