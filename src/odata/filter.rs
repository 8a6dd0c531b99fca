//! A condition as `$filter` text.

use crate::model::{Filter, Name, Value};
use crate::odata::literal;

/// The most values that Graph takes in an `in`, and the most alternatives in an `or`.
const MAX_ALTERNATIVES: usize = 15;

/// What a filter asks of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Test {
    /// `eq`, and `in`, which is many of them.
    Equals,
    /// `startsWith`.
    StartsWith,
}

/// The `$filter` text that lets exactly the same objects through, or `None` if there is none.
///
/// `supported` says whether the service can test a single-valued attribute so. Text is only compared by the service
/// where both sides agree what is equal: ASCII, not blank, no blanks at the ends. What needs a negation (whose meaning
/// for missing values differs) stays with the caller.
///
/// # Examples
///
/// ```
/// use entrant::model::{all, eq, starts_with};
/// use entrant::odata::filter_text;
///
/// let filter = all([eq("surname", "O'Neil"), eq("accountEnabled", true), starts_with("mail", "a")]);
/// assert_eq!(
///     filter_text(&filter, |_, _| true).as_deref(),
///     Some("surname eq 'O''Neil' and accountEnabled eq true and startswith(mail,'a')"),
/// );
/// ```
///
/// See [filter](https://learn.microsoft.com/graph/filter-query-parameter).
pub fn filter_text(filter: &Filter, supported: impl Fn(&Name, Test) -> bool) -> Option<String> {
    print(filter, &supported)
}

fn print(filter: &Filter, supported: &dyn Fn(&Name, Test) -> bool) -> Option<String> {
    let name_of = |name: &Name, test| (is_plain(name) && supported(name, test)).then(|| name.to_string());
    match filter {
        Filter::Eq(name, value) => Some(format!("{} eq {}", name_of(name, Test::Equals)?, literal_of(value)?)),
        Filter::In(name, values) => {
            let values: Vec<_> = values.iter().map(literal_of).collect::<Option<_>>()?;
            if values.is_empty() || values.len() > MAX_ALTERNATIVES {
                return None;
            }
            Some(format!("{} in ({})", name_of(name, Test::Equals)?, values.join(",")))
        }
        Filter::StartsWith(name, start) => {
            let start = text_literal(start)?;
            Some(format!("startswith({},{start})", name_of(name, Test::StartsWith)?))
        }
        Filter::All(filters) => join(filters, " and ", supported),
        Filter::Any(_) if alternatives(filter) > MAX_ALTERNATIVES => None,
        Filter::Any(filters) => join(filters, " or ", supported),
        _ => None,
    }
}

fn join(filters: &[Filter], word: &str, supported: &dyn Fn(&Name, Test) -> bool) -> Option<String> {
    let parts: Vec<_> = filters
        .iter()
        .map(|part| {
            let text = print(part, supported)?;
            Some(match part {
                Filter::All(_) | Filter::Any(_) => format!("({text})"),
                _ => text,
            })
        })
        .collect::<Option<_>>()?;
    // An empty condition holds always, or never: neither can be said.
    (!parts.is_empty()).then(|| parts.join(word))
}

/// How many comparisons may be enough.
fn alternatives(filter: &Filter) -> usize {
    match filter {
        Filter::In(_, values) => values.len(),
        Filter::All(filters) | Filter::Any(filters) => filters.iter().map(alternatives).sum(),
        _ => 1,
    }
}

/// Whether the name is one property, and nothing that a filter would read otherwise.
fn is_plain(name: &Name) -> bool {
    let name = name.as_str();
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn literal_of(value: &Value) -> Option<String> {
    match value {
        Value::Bool(value) => Some(value.to_string()),
        Value::Text(text) => text_literal(text),
        _ => None,
    }
}

fn text_literal(text: &str) -> Option<String> {
    let agreed = !text.is_empty() && text == text.trim() && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    agreed.then(|| literal(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{all, any, eq, is_in, ne, present, starts_with};

    #[test]
    fn only_what_means_the_same_is_printed() {
        #[rustfmt::skip]
        let table = [
            (eq("city", "Leeds"), Some("city eq 'Leeds'"), "text"),
            (eq("city", "' or 1 eq 1 or city eq '"), Some("city eq ''' or 1 eq 1 or city eq '''"), "quotes doubled"),
            (eq("accountEnabled", false), Some("accountEnabled eq false"), "a boolean has no quotes"),
            (eq("city", "Zürich"), None, "the service may fold otherwise"),
            (eq("city", ""), None, "blank never equals"),
            (eq("city", " x"), None, "the service may trim"),
            (eq("city", Value::Null), None, "null never equals"),
            (eq("city eq 'x' or city", "y"), None, "a name is not a place for text"),
            (eq("secret", "x"), None, "not supported"),
            (ne("city", "Leeds"), None, "missing values"),
            (present("city"), None, "blank is not null"),
            (is_in("city", ["a", "b"]), Some("city in ('a','b')"), "in"),
            (is_in("city", Vec::<String>::new()), None, "nothing to be in"),
            (is_in("city", (0..16).map(|n| n.to_string())), None, "too many"),
            (starts_with("city", "Le"), Some("startswith(city,'Le')"), "start"),
            (starts_with("id", "1"), None, "not supported for this attribute"),
            (any((0..16).map(|n| eq("city", n.to_string()))), None, "too many alternatives"),
            (all([]), None, "always"),
            (any([]), None, "never"),
            (all([eq("city", "a"), ne("city", "b")]), None, "all or nothing"),
            (
                all([eq("city", "a"), any([eq("id", "1"), eq("id", "2")])]),
                Some("city eq 'a' and (id eq '1' or id eq '2')"),
                "brackets",
            ),
        ];
        for (filter, expected, why) in table {
            let supported = |name: &Name, test| match name.as_str() {
                "secret" => false,
                "id" => test == Test::Equals,
                _ => true,
            };
            assert_eq!(filter_text(&filter, supported).as_deref(), expected, "{why}");
        }
    }
}
