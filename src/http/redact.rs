//! What of a request or an answer may be shown: the only gate to logs and errors.

use url::Url;

/// The longest text from the other side that an error keeps, in characters.
pub(crate) const MAX_TEXT: usize = 1_000;

/// The address without user, password, query and fragment, where secrets and personal data travel.
pub(crate) fn address_for_people(url: &Url) -> String {
    match url.host_str() {
        Some(host) => {
            let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
            format!("{}://{host}{port}{}", url.scheme(), url.path())
        }
        None => format!("{}:…", url.scheme()),
    }
}

/// The path of an address as it was written, without its query.
pub(crate) fn path_for_people(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap_or_default()
}

/// Foreign text in one line and at most `max` characters, without control characters (which could forge a log line).
pub(crate) fn one_line(text: &str, max: usize) -> String {
    let mut line = String::new();
    for (index, word) in text
        .split(|character: char| character.is_whitespace() || character.is_control())
        .filter(|word| !word.is_empty())
        .enumerate()
    {
        if index > 0 {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > max.saturating_mul(4) {
            break;
        }
    }
    match line.char_indices().nth(max) {
        Some((end, _)) => {
            line.truncate(end);
            line.push('…');
            line
        }
        None => line,
    }
}

/// `text` with every occurrence of a secret blotted out, for text that echoes what was sent.
pub(crate) fn without_secret(text: &str, secret: &str) -> String {
    if secret.is_empty() {
        return text.to_owned();
    }
    text.replace(secret, "…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_is_secret() {
        let url =
            Url::parse("https://me:hunter2@graph.example:8443/v1.0/users?$filter=hunter2#hunter2").expect("valid");
        assert_eq!(address_for_people(&url), "https://graph.example:8443/v1.0/users");
        assert_eq!(path_for_people("/users?$filter=hunter2"), "/users");
        assert_eq!(path_for_people("/users#x"), "/users");
    }

    #[test]
    fn foreign_text_stays_in_its_line() {
        assert_eq!(one_line("a\r\nb\u{1b}[31m\tc", 20), "a b [31m c");
        assert_eq!(one_line("äöü", 2), "äö…");
        assert_eq!(one_line("", 2), "");
        assert!(one_line(&"x ".repeat(1_000_000), 10).chars().count() <= 11);
        assert_eq!(without_secret("was s3cret, is s3cret", "s3cret"), "was …, is …");
        assert_eq!(without_secret("text", ""), "text");
    }
}
