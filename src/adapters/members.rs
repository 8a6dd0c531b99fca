//! Where the members of a JSON object stand.

use std::ops::Range;

/// A member of an object.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    /// Where its name stands, with the quotes.
    pub(super) key: Range<usize>,
    /// Where its value stands.
    pub(super) value: Range<usize>,
}

/// The members of an object, in their order. `text` must be one JSON object; of what is none it finds none.
pub(super) fn members(text: &[u8]) -> Vec<Member> {
    let mut members = Vec::new();
    let mut at = skip_blanks(text, 0);
    if text.get(at) != Some(&b'{') {
        return members;
    }
    loop {
        at = skip_blanks(text, at + 1);
        if text.get(at) != Some(&b'"') {
            return members;
        }
        let key = at..end_of_text(text, at);
        let Ok(name) = serde_json::from_slice(&text[key.clone()]) else { return members };
        at = skip_blanks(text, key.end);
        if text.get(at) != Some(&b':') {
            return members;
        }
        let start = skip_blanks(text, at + 1);
        at = end_of_value(text, start);
        let value = start..start + text[start..at].trim_ascii_end().len();
        members.push(Member { name, key, value });
        if text.get(at) != Some(&b',') {
            return members;
        }
    }
}

fn skip_blanks(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().position(|byte| !byte.is_ascii_whitespace()).map_or(text.len(), |blanks| at + blanks)
}

/// Past the closing quote of the text that begins here.
fn end_of_text(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// The comma or brace after the value that begins here.
fn end_of_value(text: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at = end_of_text(text, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 0 => depth -= 1,
            b',' | b'}' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_where_they_stand() {
        let table: &[(&str, &[(&str, &str)])] = &[
            ("{}", &[]),
            ("  { } ", &[]),
            (r#"{"a":1}"#, &[("a", "1")]),
            (r#" { "a" : 1.50 , "b":"x" }"#, &[("a", "1.50"), ("b", "\"x\"")]),
            (r#"{"a":{"b":[1,{"c":"}"}],"d":","},"e":[]}"#, &[("a", r#"{"b":[1,{"c":"}"}],"d":","}"#), ("e", "[]")]),
            (r#"{"q\"\\":"\"}\\","\u00e9":null}"#, &[("q\"\\", r#""\"}\\""#), ("é", "null")]),
            (r#"{"a":1,"a":2}"#, &[("a", "1"), ("a", "2")]),
            ("[1]", &[]),
        ];
        for (text, expected) in table {
            let found: Vec<(String, &str)> =
                members(text.as_bytes()).into_iter().map(|member| (member.name, &text[member.value])).collect();
            let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_object_does_no_harm() {
        for text in ["", "{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":\"\\", "{\"a\":[}", "{,}", "\\"] {
            let _ = members(text.as_bytes());
        }
    }
}
