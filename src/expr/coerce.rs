//! Conversions between the types of values, and comparison.

use std::borrow::Cow;
use std::cmp::Ordering;

use time::{OffsetDateTime, UtcOffset};

use crate::expr::ast::Comparison;
use crate::expr::datetime;
use crate::model::Value;

/// The text of a single value as the language prints it: `True` and `False`, decimal digits, a moment in UTC as
/// `3/16/2020 7:00:00 AM`, bytes as base64. `None` for null, lists and complex values.
#[must_use]
pub fn text_form(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Text(text) => Some(Cow::Borrowed(text)),
        Value::Bool(true) => Some(Cow::Borrowed("True")),
        Value::Bool(false) => Some(Cow::Borrowed("False")),
        Value::Integer(number) => Some(Cow::Owned(number.to_string())),
        Value::DateTime(moment) => Some(Cow::Owned(date_text(*moment))),
        Value::Binary(bytes) => Some(Cow::Owned(base64(bytes))),
        Value::Null | Value::List(_) | Value::Object(_) => None,
    }
}

/// What a text or number says as a whole number: an optional minus and digits, or `&H` and hexadecimal digits.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(number) => Some(*number),
        other => integer_of_text(&text_form(other)?),
    }
}

pub(super) fn integer_of_text(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Some(digits) = text.strip_prefix("&H").filter(|digits| is_all(digits, |b| b.is_ascii_hexdigit())) {
        // Two's complement, as in Visual Basic.
        return u64::from_str_radix(digits, 16).ok().map(u64::cast_signed);
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    is_all(digits, |byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// What a value says as a moment in UTC.
pub(super) fn moment(value: &Value) -> Option<OffsetDateTime> {
    match value {
        Value::DateTime(moment) => datetime::within(*moment),
        Value::Text(text) => datetime::parse(text),
        _ => None,
    }
}

fn is_all(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(allowed)
}

/// Whether a condition holds; `None` for a value that is no condition.
pub(super) fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Null => Some(false),
        Value::Bool(value) => Some(*value),
        Value::Integer(number) => Some(*number != 0),
        Value::Text(text) if text.is_empty() || text.eq_ignore_ascii_case("false") => Some(false),
        Value::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::Text(text) => integer_of_text(text).map(|number| number != 0),
        _ => None,
    }
}

/// Compares two single values. The caller has refused lists and complex values.
pub(super) fn compare(left: &Value, operator: Comparison, right: &Value) -> bool {
    if let (Value::DateTime(left), Value::DateTime(right)) = (left, right) {
        return operator.holds(left.cmp(right));
    }
    let text = |value| text_form(value).unwrap_or_default();
    let integers = || integer(left).zip(integer(right));
    let is_integer = |value: &Value| matches!(value, Value::Integer(_));
    let is_bool = |value: &Value| matches!(value, Value::Bool(_));
    let equality = matches!(operator, Comparison::Equal | Comparison::NotEqual);
    if !equality && (left.is_null() || right.is_null()) {
        return false;
    }
    if (!equality || is_integer(left) || is_integer(right))
        && let Some((left, right)) = integers()
    {
        return operator.holds(left.cmp(&right));
    }
    let ordering = if equality && (is_bool(left) || is_bool(right)) {
        match text(left).eq_ignore_ascii_case(&text(right)) {
            true => Ordering::Equal,
            false => Ordering::Less,
        }
    } else {
        text(left).cmp(&text(right))
    };
    operator.holds(ordering)
}

/// `M/d/yyyy h:mm:ss tt` in UTC.
fn date_text(moment: OffsetDateTime) -> String {
    let Some(moment) = moment.checked_to_offset(UtcOffset::UTC) else {
        return moment.to_string();
    };
    let (hour, minute, second) = moment.to_hms();
    let half = if hour < 12 { "AM" } else { "PM" };
    let hour = match hour % 12 {
        0 => 12,
        hour => hour,
    };
    let (year, month, day) = (moment.year(), u8::from(moment.month()), moment.day());
    format!("{month}/{day}/{year:04} {hour}:{minute:02}:{second:02} {half}")
}

pub(super) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (index, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            text.push(if index <= chunk.len() { char::from(ALPHABET[(bits >> shift & 63) as usize]) } else { '=' });
        }
    }
    text
}

/// The bytes of base64 text. White space does not count; padding does.
pub(super) fn base64_bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).collect();
    let padding = digits.iter().rev().take_while(|digit| **digit == b'=').count();
    if !digits.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3);
    for chunk in digits[..digits.len() - padding].chunks(4) {
        let mut bits = 0_u32;
        for digit in chunk {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        bits <<= 6 * (4 - chunk.len());
        bytes.extend(&bits.to_be_bytes()[1..chunk.len()]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn text_forms() {
        let bytes = |bytes: &[u8]| Value::Binary(bytes.into());
        for (value, expected) in [
            (Value::Null, None),
            (Value::from(true), Some("True")),
            (Value::from(-5), Some("-5")),
            (Value::from(datetime!(2020-03-16 00:00 -7)), Some("3/16/2020 7:00:00 AM")),
            (Value::from(datetime!(2020-12-01 12:05:09 UTC)), Some("12/1/2020 12:05:09 PM")),
            (Value::from(datetime!(2020-12-01 0:05 UTC)), Some("12/1/2020 12:05:00 AM")),
            (bytes(b""), Some("")),
            (bytes(b"M"), Some("TQ==")),
            (bytes(b"Ma"), Some("TWE=")),
            (bytes(b"Man?\xff"), Some("TWFuP/8=")),
            (Value::list([]), None),
        ] {
            assert_eq!(text_form(&value).as_deref(), expected, "{value:?}");
        }
    }

    #[test]
    fn comparisons_follow_the_types() {
        use Comparison::*;
        let earlier = Value::from(datetime!(2020-01-01 10:00 UTC));
        let later = Value::from(datetime!(2020-01-01 11:30 UTC));
        #[rustfmt::skip]
        let table: &[(Value, Comparison, Value, bool, &str)] = &[
            ("1".into(), Equal, 1.into(), true, "a number and its text"),
            ("01".into(), Equal, 1.into(), true, "as integers, since one is"),
            ("01".into(), Equal, "1".into(), false, "two texts are compared as texts"),
            ("&HF".into(), Equal, 15.into(), true, "hexadecimal text"),
            ("x".into(), NotEqual, 1.into(), true, "no integer"),
            (true.into(), Equal, "true".into(), true, "Booleans without case"),
            ("TRUE".into(), NotEqual, true.into(), false, "the other way round"),
            ("a".into(), Equal, "A".into(), false, "text by case"),
            (Value::Null, Equal, "".into(), true, "null counts as empty"),
            (Value::Null, NotEqual, "x".into(), true, "and differs from text"),
            (Value::Null, GreaterOrEqual, "".into(), false, "no order with null"),
            (Value::Null, Less, 5.into(), false, "no order with null"),
            ("9".into(), Less, "10".into(), true, "integers in order"),
            ("9a".into(), Less, "10".into(), false, "ordinal otherwise"),
            (earlier.clone(), Less, later.clone(), true, "moments"),
            (later, Equal, earlier, false, "moments"),
        ];
        for (left, operator, right, expected, why) in table {
            assert_eq!(compare(left, *operator, right), *expected, "{why}");
        }
    }

    #[test]
    fn conditions() {
        for (value, expected) in [
            (Value::Null, Some(false)),
            ("".into(), Some(false)),
            ("tRUE".into(), Some(true)),
            ("False".into(), Some(false)),
            (" -2 ".into(), Some(true)),
            ("0".into(), Some(false)),
            (0.into(), Some(false)),
            ("yes".into(), None),
            ("99999999999999999999".into(), None),
            (Value::list([]), None),
        ] {
            assert_eq!(truth(&value), expected, "{value:?}");
        }
    }
}
