//! Equality as a schema defines it.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizer;

use super::{AttributeSchema, Cardinality, CaseRule, Kind, Value};

/// Texts of so many bytes are folded where they are.
const SHORT: usize = 64;

/// Whether two values of an attribute are the same to its store.
///
/// Text is compared after NFC and, where the schema ignores case, simple Unicode case folding; never trimmed. A set
/// is compared without order and repetition. An empty list is null; an empty text is not.
#[must_use]
pub fn values_equal(schema: &AttributeSchema, left: &Value, right: &Value) -> bool {
    if left == right {
        return true;
    }
    match schema.cardinality {
        Cardinality::Single => scalar_equal(schema, left, right),
        Cardinality::Many => {
            let (left, right) = (left.as_slice(), right.as_slice());
            let holds = |values: &[Value], value: &Value| values.iter().any(|own| scalar_equal(schema, own, value));
            left.iter().all(|value| holds(right, value)) && right.iter().all(|value| holds(left, value))
        }
    }
}

fn scalar_equal(schema: &AttributeSchema, left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) if schema.kind == Kind::DateTime => {
            match (parse_moment(left), parse_moment(right)) {
                (Some(left), Some(right)) => left == right,
                _ => left == right,
            }
        }
        (Value::DateTime(moment), Value::Text(text)) | (Value::Text(text), Value::DateTime(moment)) => {
            parse_moment(text) == Some(*moment)
        }
        (Value::Text(left), Value::Text(right)) => text_equal(schema.case, left, right),
        (Value::List(one), other) | (other, Value::List(one)) if one.len() == 1 && !matches!(other, Value::List(_)) => {
            scalar_equal(schema, &one[0], other)
        }
        _ => left == right,
    }
}

fn text_equal(case: CaseRule, left: &str, right: &str) -> bool {
    if left == right {
        return true;
    }
    if left.is_ascii() && right.is_ascii() {
        return case == CaseRule::Ignore && left.eq_ignore_ascii_case(right);
    }
    match case {
        CaseRule::Exact => normalize(left) == normalize(right),
        CaseRule::Ignore => fold(left) == fold(right),
    }
}

/// Text in the form in which case-insensitive values are compared and indexed: NFC, then simple case folding.
#[must_use]
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
    }
    let mapper = CaseMapper::new();
    Cow::Owned(normalize(text).chars().map(|character| mapper.simple_fold(character)).collect())
}

/// The text under which a value is found by equality: two single values of an attribute are equal if, and only if,
/// their keys are. `None` for a blank, which equals nothing.
#[must_use]
pub fn comparison_key(schema: &AttributeSchema, value: &Value) -> Option<String> {
    borrowed_key(schema, value).map(Cow::into_owned)
}

/// The same, without a text of its own where the value is in that form already.
fn borrowed_key<'a>(schema: &AttributeSchema, value: &'a Value) -> Option<Cow<'a, str>> {
    if value.is_blank() {
        return None;
    }
    let moment = |moment: &time::OffsetDateTime| Cow::Owned(moment.unix_timestamp_nanos().to_string());
    match value {
        Value::Text(text) if schema.kind == Kind::DateTime => {
            Some(parse_moment(text).as_ref().map_or(Cow::Borrowed(text), moment))
        }
        Value::DateTime(own) => Some(moment(own)),
        Value::Text(text) if schema.case == CaseRule::Ignore => Some(fold(text)),
        Value::Text(text) => Some(normalize(text)),
        Value::List(one) if one.len() == 1 => borrowed_key(schema, &one[0]),
        // Marked, so that a number is not found under the text of its digits.
        other => Some(Cow::Owned(format!("\u{0}{other:?}"))),
    }
}

/// Does something with the [key](comparison_key) of a value. That of a short ASCII text, as most are, is folded on the way
/// and never kept.
pub(crate) fn with_key<T>(schema: &AttributeSchema, value: &Value, work: impl FnOnce(&str) -> T) -> Option<T> {
    let mut room = [0; SHORT];
    if let Value::Text(text) = value
        && schema.case == CaseRule::Ignore
        && schema.kind != Kind::DateTime
        && text.is_ascii()
        && !value.is_blank()
        && let Some(lower) = room.get_mut(..text.len())
    {
        lower.copy_from_slice(text.as_bytes());
        lower.make_ascii_lowercase();
        return std::str::from_utf8(lower).ok().map(work);
    }
    borrowed_key(schema, value).map(|key| work(&key))
}

fn normalize(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    ComposingNormalizer::new_nfc().normalize(text)
}

fn parse_moment(text: &str) -> Option<time::OffsetDateTime> {
    time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_follows_the_schema() {
        let exact = AttributeSchema::text();
        let folded = AttributeSchema::text().ignore_case();
        let set = AttributeSchema::text().many();
        let date = AttributeSchema::new(Kind::DateTime);
        let list = |values: &[&str]| Value::list(values.iter().map(|value| Value::text(*value)));
        #[rustfmt::skip]
        let table: &[(&AttributeSchema, Value, Value, bool, &str)] = &[
            (&exact, "a".into(), "a".into(), true, "same text"),
            (&exact, "a".into(), "A".into(), false, "case matters"),
            (&folded, "a".into(), "A".into(), true, "case does not matter"),
            (&folded, "STRASSE".into(), "straße".into(), false, "simple folding does not lengthen"),
            (&folded, "ÉCOLE".into(), "e\u{301}cole".into(), true, "folded and normalised"),
            (&exact, "é".into(), "e\u{301}".into(), true, "NFC"),
            (&exact, "a ".into(), "a".into(), false, "no trimming"),
            (&exact, "".into(), Value::Null, false, "empty text is not null"),
            (&exact, "1".into(), 1.into(), false, "types differ"),
            (&set, list(&["a", "b"]), list(&["b", "a", "b"]), true, "a set has no order and no repetition"),
            (&set, list(&["a"]), "a".into(), true, "one value is a list of one"),
            (&set, list(&[]), Value::Null, true, "an empty set is null"),
            (&set, list(&["a"]), list(&["a", "b"]), false, "sets differ"),
            (&date, "2026-01-01T00:00:00Z".into(), "2026-01-01T01:00:00+01:00".into(), true, "the same moment"),
            (&date, "soon".into(), "later".into(), false, "no dates at all"),
        ];
        for (schema, left, right, expected, why) in table {
            assert_eq!(values_equal(schema, left, right), *expected, "{why}: {left:?} and {right:?}");
            assert_eq!(values_equal(schema, right, left), *expected, "{why}, the other way round");
        }
    }

    #[test]
    fn a_key_is_the_same_whether_it_is_kept_or_not() {
        let schemas = [
            AttributeSchema::text(),
            AttributeSchema::text().ignore_case(),
            AttributeSchema::new(Kind::DateTime).ignore_case(),
            AttributeSchema::new(Kind::Integer).ignore_case(),
        ];
        let long = "Ab".repeat(SHORT);
        let texts = ["", "  ", "Ada@Contoso.com", "ÉCOLE", "2026-01-01T01:00:00+01:00", &long[..SHORT], &long];
        let others =
            [Value::Null, 7.into(), true.into(), Value::list(["Ab".into()]), Value::list(["A".into(), "b".into()])];
        for schema in &schemas {
            for value in texts.iter().map(|text| Value::text(*text)).chain(others.clone()) {
                let kept = comparison_key(schema, &value);
                assert_eq!(with_key(schema, &value, str::to_owned), kept, "{value:?} {schema:?}");
            }
        }
    }
}
