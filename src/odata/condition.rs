//! Conditions on Graph's own properties, as `$filter` text.

use std::cmp::Ordering;

use serde_json::{Map, Value as Json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::literal;
use crate::error::{Error, ErrorKind, Result};
use crate::model::fold;

/// The most values in an `in`, and the most alternatives in an `or`, that Graph takes.
const MAX_ALTERNATIVES: usize = 15;

/// A condition on the properties of an object, made from [`property`].
///
/// # Examples
///
/// ```
/// use entrant::odata::property;
///
/// # fn main() -> entrant::Result<()> {
/// let condition = property("surname").eq("O'Neil").and(property("mail").ends_with("@contoso.com").not());
/// assert_eq!(condition.text()?, "surname eq 'O''Neil' and not(endswith(mail,'@contoso.com'))");
/// # Ok(())
/// # }
/// ```
///
/// See [filter](https://learn.microsoft.com/graph/filter-query-parameter).
#[derive(Debug, Clone, PartialEq)]
pub struct Condition(Node);

/// A property, or a member of one: `onPremisesExtensionAttributes/extensionAttribute1`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Property(String);

/// A value to compare with.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Operand {
    /// Text, compared without regard to case.
    Text(String),
    /// Yes or no.
    Bool(bool),
    /// A moment.
    Moment(OffsetDateTime),
    /// A GUID where Graph wants it without quotes, as in licences.
    Guid(Uuid),
}

/// What a condition asks of a property: whether Graph answers it depends on both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Feature {
    /// `eq` or `in`.
    Equals,
    /// `ne`, or something within a `not`.
    Negation,
    /// `eq null` or `ne null`.
    Null,
    /// `ge` or `le`.
    Range,
    /// `startsWith`.
    StartsWith,
    /// `endsWith`.
    EndsWith,
    /// `$count eq 0`.
    Count,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Equals(String, Operand),
    Null(String),
    In(String, Vec<Operand>),
    Range(String, Bound, Operand),
    Starts(String, String),
    Ends(String, String),
    /// Of a collection; of a member of its elements if one is named.
    Has(String, Option<String>, Within, Operand),
    Empty(String),
    Not(Box<Node>),
    All(Vec<Node>),
    Any(Vec<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    Least,
    Most,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Within {
    Equals,
    Starts,
    Ends,
}

/// A property under Graph's own name.
pub fn property(name: impl Into<String>) -> Property {
    Property(name.into())
}

impl Property {
    /// It has this value.
    #[must_use]
    pub fn eq(self, value: impl Into<Operand>) -> Condition {
        Condition(Node::Equals(self.0, value.into()))
    }

    /// It has another value, or none.
    #[must_use]
    pub fn ne(self, value: impl Into<Operand>) -> Condition {
        self.eq(value).not()
    }

    /// It has one of these values, up to 15.
    #[must_use]
    pub fn is_in<V: Into<Operand>>(self, values: impl IntoIterator<Item = V>) -> Condition {
        Condition(Node::In(self.0, values.into_iter().map(Into::into).collect()))
    }

    /// It has no value.
    #[must_use]
    pub fn is_null(self) -> Condition {
        Condition(Node::Null(self.0))
    }

    /// It has this value, or one that comes after.
    #[must_use]
    pub fn at_least(self, value: impl Into<Operand>) -> Condition {
        Condition(Node::Range(self.0, Bound::Least, value.into()))
    }

    /// It has this value, or one that comes before.
    #[must_use]
    pub fn at_most(self, value: impl Into<Operand>) -> Condition {
        Condition(Node::Range(self.0, Bound::Most, value.into()))
    }

    /// Its text begins like this.
    #[must_use]
    pub fn starts_with(self, text: impl Into<String>) -> Condition {
        Condition(Node::Starts(self.0, text.into()))
    }

    /// Its text ends like this.
    #[must_use]
    pub fn ends_with(self, text: impl Into<String>) -> Condition {
        Condition(Node::Ends(self.0, text.into()))
    }

    /// One of its values is this.
    #[must_use]
    pub fn has(self, value: impl Into<Operand>) -> Condition {
        Condition(Node::Has(self.0, None, Within::Equals, value.into()))
    }

    /// One of its values begins like this.
    #[must_use]
    pub fn has_start(self, text: impl Into<String>) -> Condition {
        Condition(Node::Has(self.0, None, Within::Starts, Operand::Text(text.into())))
    }

    /// One of its values ends like this.
    #[must_use]
    pub fn has_end(self, text: impl Into<String>) -> Condition {
        Condition(Node::Has(self.0, None, Within::Ends, Operand::Text(text.into())))
    }

    /// A member of one of its values is this: `assignedLicenses` has a `skuId`.
    #[must_use]
    pub fn has_member(self, member: impl Into<String>, value: impl Into<Operand>) -> Condition {
        Condition(Node::Has(self.0, Some(member.into()), Within::Equals, value.into()))
    }

    /// It has no values.
    #[must_use]
    pub fn is_empty(self) -> Condition {
        Condition(Node::Empty(self.0))
    }
}

impl Condition {
    /// Both hold.
    #[must_use]
    pub fn and(self, other: Condition) -> Self {
        Self(match self.0 {
            Node::All(mut parts) => {
                parts.push(other.0);
                Node::All(parts)
            }
            first => Node::All(vec![first, other.0]),
        })
    }

    /// One holds at least; up to 15 may be joined.
    #[must_use]
    pub fn or(self, other: Condition) -> Self {
        Self(match self.0 {
            Node::Any(mut parts) => {
                parts.push(other.0);
                Node::Any(parts)
            }
            first => Node::Any(vec![first, other.0]),
        })
    }

    /// The opposite.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "reads as a word in a chain; `!condition` would be the surprise")]
    pub fn not(self) -> Self {
        Self(match self.0 {
            Node::Not(inner) => *inner,
            node => Node::Not(Box::new(node)),
        })
    }

    /// The `$filter` text, still to be encoded for an address.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if a name is none, a text is empty, or there are more alternatives than Graph takes.
    pub fn text(&self) -> Result<String> {
        print(&self.0)
    }

    /// What it asks of which property.
    #[must_use]
    pub fn features(&self) -> Vec<(&str, Feature)> {
        let mut features = Vec::new();
        collect(&self.0, &mut features);
        features
    }

    /// Whether an object with these properties meets it. What is absent is null.
    #[must_use]
    pub fn matches(&self, object: &Map<String, Json>) -> bool {
        holds(&self.0, object)
    }
}

fn print(node: &Node) -> Result<String> {
    Ok(match node {
        Node::Equals(path, value) => format!("{} eq {}", name(path)?, operand(value)?),
        Node::Null(path) => format!("{} eq null", name(path)?),
        Node::In(path, values) => {
            check_alternatives(values.len())?;
            let values: Vec<_> = values.iter().map(operand).collect::<Result<_>>()?;
            format!("{} in ({})", name(path)?, values.join(","))
        }
        Node::Range(path, Bound::Least, value) => format!("{} ge {}", name(path)?, operand(value)?),
        Node::Range(path, Bound::Most, value) => format!("{} le {}", name(path)?, operand(value)?),
        Node::Starts(path, start) => format!("startswith({},{})", name(path)?, text(start)?),
        Node::Ends(path, end) => format!("endswith({},{})", name(path)?, text(end)?),
        Node::Has(path, member, within, value) => {
            let element = match member {
                Some(member) => format!("x/{}", name(member)?),
                None => "x".to_owned(),
            };
            let value = operand(value)?;
            let test = match within {
                Within::Equals => format!("{element} eq {value}"),
                Within::Starts => format!("startswith({element},{value})"),
                Within::Ends => format!("endswith({element},{value})"),
            };
            format!("{}/any(x:{test})", name(path)?)
        }
        Node::Empty(path) => format!("{}/$count eq 0", name(path)?),
        Node::Not(inner) => match &**inner {
            Node::Equals(path, value) => format!("{} ne {}", name(path)?, operand(value)?),
            Node::Null(path) => format!("{} ne null", name(path)?),
            Node::Empty(path) => format!("{}/$count ne 0", name(path)?),
            inner => format!("not({})", print(inner)?),
        },
        Node::All(parts) => join(parts, " and ")?,
        Node::Any(parts) => {
            check_alternatives(parts.len())?;
            join(parts, " or ")?
        }
    })
}

fn join(parts: &[Node], word: &str) -> Result<String> {
    let parts = parts.iter().map(|part| {
        let text = print(part)?;
        Ok(if matches!(part, Node::All(_) | Node::Any(_)) { format!("({text})") } else { text })
    });
    Ok(parts.collect::<Result<Vec<_>>>()?.join(word))
}

fn check_alternatives(count: usize) -> Result<()> {
    if (1..=MAX_ALTERNATIVES).contains(&count) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Invalid, "a condition has 1 to 15 alternatives: ask several times for more")
        .with_context("alternatives", count))
}

/// The name if it is one, and nothing that a filter would read otherwise.
fn name(path: &str) -> Result<&str> {
    let is_name = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if path.split('/').all(is_name) && path.split('/').count() <= 2 {
        return Ok(path);
    }
    Err(Error::new(ErrorKind::Invalid, "a property is named with letters, digits and `_`, or `property/member`"))
}

fn operand(value: &Operand) -> Result<String> {
    match value {
        Operand::Text(value) => text(value),
        Operand::Bool(value) => Ok(value.to_string()),
        Operand::Guid(value) => Ok(value.to_string()),
        Operand::Moment(value) => value
            .to_offset(time::UtcOffset::UTC)
            .format(&Rfc3339)
            .map_err(|_| Error::new(ErrorKind::Invalid, "a moment to compare with is out of range")),
    }
}

fn text(value: &str) -> Result<String> {
    if value.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "no property has empty text: ask for null instead"));
    }
    Ok(literal(value))
}

fn collect<'a>(node: &'a Node, features: &mut Vec<(&'a str, Feature)>) {
    match node {
        Node::Equals(path, _) | Node::In(path, _) => features.push((path, Feature::Equals)),
        Node::Null(path) => features.push((path, Feature::Null)),
        Node::Range(path, ..) => features.push((path, Feature::Range)),
        Node::Starts(path, _) => features.push((path, Feature::StartsWith)),
        Node::Ends(path, _) => features.push((path, Feature::EndsWith)),
        Node::Has(path, _, within, _) => features.push((
            path,
            match within {
                Within::Equals => Feature::Equals,
                Within::Starts => Feature::StartsWith,
                Within::Ends => Feature::EndsWith,
            },
        )),
        Node::Empty(path) => features.push((path, Feature::Count)),
        Node::Not(inner) => {
            let from = features.len();
            collect(inner, features);
            let negated: Vec<_> = features[from..].iter().map(|(path, _)| (*path, Feature::Negation)).collect();
            features.extend(negated);
        }
        Node::All(parts) | Node::Any(parts) => parts.iter().for_each(|part| collect(part, features)),
    }
}

fn holds(node: &Node, object: &Map<String, Json>) -> bool {
    match node {
        Node::Equals(path, value) => same(at(object, path), value),
        Node::Null(path) => at(object, path).is_null(),
        Node::In(path, values) => values.iter().any(|value| same(at(object, path), value)),
        Node::Range(path, bound, value) => match (compare(at(object, path), value), bound) {
            (Some(order), Bound::Least) => order != Ordering::Less,
            (Some(order), Bound::Most) => order != Ordering::Greater,
            (None, _) => false,
        },
        Node::Starts(path, start) => starts(at(object, path), start),
        Node::Ends(path, end) => ends(at(object, path), end),
        Node::Has(path, member, within, value) => {
            let elements = at(object, path).as_array().map_or(&[][..], Vec::as_slice);
            elements.iter().any(|element| {
                let element = member.as_ref().map_or(element, |member| &element[member.as_str()]);
                match (within, value) {
                    (Within::Equals, value) => same(element, value),
                    (Within::Starts, Operand::Text(text)) => starts(element, text),
                    (Within::Ends, Operand::Text(text)) => ends(element, text),
                    _ => false,
                }
            })
        }
        Node::Empty(path) => at(object, path).as_array().is_none_or(Vec::is_empty),
        Node::Not(inner) => !holds(inner, object),
        Node::All(parts) => parts.iter().all(|part| holds(part, object)),
        Node::Any(parts) => parts.iter().any(|part| holds(part, object)),
    }
}

fn at<'a>(object: &'a Map<String, Json>, path: &str) -> &'a Json {
    let (first, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let value = object.get(first).unwrap_or(&Json::Null);
    rest.map_or(value, |member| &value[member])
}

fn same(own: &Json, value: &Operand) -> bool {
    compare(own, value) == Some(Ordering::Equal)
}

fn compare(own: &Json, value: &Operand) -> Option<Ordering> {
    match (own, value) {
        (Json::String(own), Operand::Text(value)) => Some(fold(own).cmp(&fold(value))),
        (Json::Bool(own), Operand::Bool(value)) => Some(own.cmp(value)),
        (Json::String(own), Operand::Guid(value)) => Some(Uuid::try_parse(own).ok()?.cmp(value)),
        (Json::String(own), Operand::Moment(value)) => Some(OffsetDateTime::parse(own, &Rfc3339).ok()?.cmp(value)),
        _ => None,
    }
}

fn starts(own: &Json, start: &str) -> bool {
    own.as_str().is_some_and(|own| fold(own).starts_with(&*fold(start)))
}

fn ends(own: &Json, end: &str) -> bool {
    own.as_str().is_some_and(|own| fold(own).ends_with(&*fold(end)))
}

impl From<&str> for Operand {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Operand {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Operand {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<OffsetDateTime> for Operand {
    fn from(moment: OffsetDateTime) -> Self {
        Self::Moment(moment)
    }
}

impl From<Uuid> for Operand {
    fn from(id: Uuid) -> Self {
        Self::Guid(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn conditions_are_printed() {
        let (a, b) = (|| property("a").eq("1"), || property("b").eq(true));
        let guid = Uuid::from_u128(7);
        #[rustfmt::skip]
        let table = [
            (property("city").eq("O'Neil & Söhne"), Some("city eq 'O''Neil & Söhne'")),
            (property("city").ne("x"), Some("city ne 'x'")),
            (property("city").is_null().not(), Some("city ne null")),
            (property("city").is_in(["a", "b"]), Some("city in ('a','b')")),
            (property("city").is_in(Vec::<String>::new()), None),
            (property("city").is_in((0..16).map(|n| n.to_string())), None),
            (property("createdDateTime").at_least(datetime!(2026-01-01 1:00 +1)), Some("createdDateTime ge 2026-01-01T00:00:00Z")),
            (property("city").at_most("m"), Some("city le 'm'")),
            (property("otherMails").has("a@b.c"), Some("otherMails/any(x:x eq 'a@b.c')")),
            (property("otherMails").has_start("a"), Some("otherMails/any(x:startswith(x,'a'))")),
            (property("otherMails").has_end("a").not(), Some("not(otherMails/any(x:endswith(x,'a')))")),
            (property("assignedLicenses").has_member("skuId", guid), Some("assignedLicenses/any(x:x/skuId eq 00000000-0000-0000-0000-000000000007)")),
            (property("assignedLicenses").is_empty(), Some("assignedLicenses/$count eq 0")),
            (property("x/y").eq("1"), Some("x/y eq '1'")),
            (a().and(b()).or(a()), Some("(a eq '1' and b eq true) or a eq '1'")),
            (a().or(b()).and(a()), Some("(a eq '1' or b eq true) and a eq '1'")),
            (a().and(b()).not(), Some("not(a eq '1' and b eq true)")),
            (a().not().not(), Some("a eq '1'")),
            (property("a eq '1' or b").eq("1"), None),
            (property("").eq("1"), None),
            (property("a/b/c").eq("1"), None),
            (property("a").eq(""), None),
            (property("a").starts_with(""), None),
        ];
        for (condition, expected) in table {
            assert_eq!(condition.text().ok().as_deref(), expected, "{condition:?}");
        }
    }

    #[test]
    fn what_is_negated_is_told_as_such() {
        let condition = property("a").starts_with("x").and(property("b").eq("y")).not().or(property("c").is_null());
        let expected = [
            ("a", Feature::StartsWith),
            ("b", Feature::Equals),
            ("a", Feature::Negation),
            ("b", Feature::Negation),
            ("c", Feature::Null),
        ];
        assert_eq!(condition.features(), expected);
    }
}
