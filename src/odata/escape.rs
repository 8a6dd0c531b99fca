//! Putting any text into an address, so that it comes out as the same text.

use std::fmt::Write;

use crate::error::{Error, ErrorKind, Result};

/// A string literal for a filter: in single quotes, those inside doubled.
///
/// The result is still to be encoded by [`query_value`].
///
/// # Examples
///
/// ```
/// assert_eq!(entrant::odata::literal("O'Neil"), "'O''Neil'");
/// ```
#[must_use]
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The value of a query option, percent-encoded.
#[must_use]
pub fn query_value(text: &str) -> String {
    percent_encoded(text, b"-._~,:@()/")
}

/// The name of a query option, percent-encoded but for `$`.
pub(crate) fn query_name(text: &str) -> String {
    percent_encoded(text, b"-._~$@")
}

/// One segment of a path, percent-encoded.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] if the text is empty or a dot segment (`.`, `..`): that would be another path.
///
/// # Examples
///
/// ```
/// # fn main() -> entrant::Result<()> {
/// assert_eq!(entrant::odata::segment("a/b#c@contoso.com")?, "a%2Fb%23c@contoso.com");
/// # Ok(())
/// # }
/// ```
pub fn segment(text: &str) -> Result<String> {
    match text {
        "" => Err(Error::new(ErrorKind::Invalid, "an id is empty")),
        // Percent-encoded dots are dots to whoever normalises an address.
        "." | ".." => Err(Error::new(ErrorKind::Invalid, "`.` and `..` are no ids")),
        text => Ok(percent_encoded(text, b"-._~@")),
    }
}

/// Where the object with this id or alternate key is in a collection: `/users/{id}`.
///
/// A key that begins with `$` takes the form `/users('{key}')`, as Graph asks for, and so do dots alone.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] if the key is empty: that would be the whole collection.
///
/// See [get a user](https://learn.microsoft.com/graph/api/user-get).
pub fn key_segment(collection: &str, key: &str) -> Result<String> {
    if key.starts_with('$') || key == "." || key == ".." {
        let key = percent_encoded(&literal(key), b"-._~@");
        return Ok(format!("{collection}({key})"));
    }
    Ok(format!("{collection}/{}", segment(key)?))
}

/// Where the object with this value of an alternate key is in a collection: `/groups(uniqueName='{value}')`.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] if the value is empty.
///
/// # Examples
///
/// ```
/// # fn main() -> entrant::Result<()> {
/// let path = entrant::odata::alternate_key("/groups", "uniqueName", "o'neil/1")?;
/// assert_eq!(path, "/groups(uniqueName=%27o%27%27neil%2F1%27)");
/// # Ok(())
/// # }
/// ```
///
/// See [upsert group](https://learn.microsoft.com/graph/api/group-upsert).
pub fn alternate_key(collection: &str, name: &'static str, value: &str) -> Result<String> {
    if value.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "a key is empty").with_context("key", name));
    }
    Ok(format!("{collection}({name}={})", percent_encoded(&literal(value), b"-._~@")))
}

fn percent_encoded(text: &str, kept: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a String does not fail");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use url::Url;

    fn decoded(text: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            if byte == b'%' {
                let hex: Vec<u8> = rest.by_ref().take(2).collect();
                let hex = std::str::from_utf8(&hex).expect("hex digits");
                bytes.push(u8::from_str_radix(hex, 16).expect("hex digits"));
            } else {
                bytes.push(byte);
            }
        }
        String::from_utf8(bytes).expect("what was encoded is UTF-8")
    }

    fn round_trip(text: &str) {
        if let Ok(path) = key_segment("/users", text) {
            let url = Url::parse(&format!("https://graph.example/v1.0{path}/memberOf")).expect("a valid address");
            let path = url.path();
            let key = path.strip_prefix("/v1.0/users").and_then(|path| path.strip_suffix("/memberOf"));
            let key = key.unwrap_or_else(|| panic!("{text:?} stays one segment: {path}"));
            let key = match key.strip_prefix('/') {
                Some(key) => decoded(key),
                None => {
                    let literal = decoded(key.trim_start_matches('(').strip_suffix(')').expect("a bracket"));
                    let inner = literal.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
                    inner.expect("quotes").replace("''", "'")
                }
            };
            assert_eq!(key, text);
        } else {
            assert!(text.is_empty());
        }
        if let Ok(path) = alternate_key("/groups", "uniqueName", text) {
            let url = Url::parse(&format!("https://graph.example/v1.0{path}")).expect("a valid address");
            let path = url.path();
            let key = path.strip_prefix("/v1.0/groups(uniqueName=").and_then(|path| path.strip_suffix(')'));
            assert_eq!(key.map(decoded), Some(literal(text)), "stays one segment: {path}");
            assert_eq!((url.query(), url.fragment()), (None, None));
        } else {
            assert!(text.is_empty());
        }
        let value = literal(text);
        let url = Url::parse(&format!("https://graph.example/users?$filter={}&$top=1", query_value(&value)))
            .expect("a valid address");
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        assert_eq!(pairs, [("$filter".to_owned(), value), ("$top".to_owned(), "1".to_owned())]);
        assert_eq!(url.fragment(), None);
    }

    #[test]
    fn hostile_text_comes_out_as_it_went_in() {
        let long = "x'".repeat(5_000);
        for text in [
            "",
            ".",
            "..",
            "...",
            "a/../b",
            "%2F",
            "%2e%2e",
            "O'Neil",
            "''",
            "$ada@contoso.com",
            "$'x",
            "a#EXT#@b.com",
            "a?b=c&d",
            "a+b c",
            "\0",
            "\r\nX: y",
            "😀",
            "é",
            "\\",
            "a;b",
            "\u{202e}x",
            &long,
        ] {
            round_trip(text);
        }
    }

    #[test]
    fn a_key_that_begins_with_a_dollar_stands_in_brackets() {
        assert_eq!(key_segment("/users", "$a@b.c").expect("a key"), "/users(%27%24a@b.c%27)");
        assert_eq!(key_segment("/users", "a$b#c@b.c").expect("a key"), "/users/a%24b%23c@b.c");
        assert!(key_segment("/users", "").is_err());
    }

    proptest! {
        #[test]
        fn any_text_comes_out_as_it_went_in(text in "\\PC*|[ -~]*") {
            round_trip(&text);
        }
    }
}
