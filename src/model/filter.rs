//! Conditions over attributes: who belongs to a scope, and which objects a run looks at.

use serde::{Deserialize, Serialize};

use super::{Attributes, Name, Value, fold};

/// A condition over the attributes of a record.
///
/// Text is compared without regard to case, as directories do. A comparison with an absent, null or blank attribute
/// does not hold ([`ne`] and `not` of it do).
///
/// # Examples
///
/// ```
/// use entrant::{Record, model::{ObjectId, all, eq, starts_with}};
///
/// let filter = all([eq("department", "Sales"), starts_with("mail", "a")]);
/// let record = Record::new(ObjectId::user("1")).with("department", "sales").with("mail", "ada@example.com");
/// assert!(filter.matches(&record.attributes));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Filter {
    /// The attribute has this value; of a list, one element has.
    Eq(Name, Value),
    /// The attribute has one of these values.
    In(Name, Vec<Value>),
    /// The attribute's text begins like this.
    StartsWith(Name, String),
    /// The attribute has a value that is not blank.
    Present(Name),
    /// The other condition does not hold.
    Not(Box<Filter>),
    /// All hold; none at all holds too.
    All(Vec<Filter>),
    /// One holds at least.
    Any(Vec<Filter>),
}

/// The attribute has this value.
pub fn eq(attribute: impl Into<Name>, value: impl Into<Value>) -> Filter {
    Filter::Eq(attribute.into(), value.into())
}

/// The attribute does not have this value, or has none.
pub fn ne(attribute: impl Into<Name>, value: impl Into<Value>) -> Filter {
    eq(attribute, value).not()
}

/// The attribute has one of these values.
pub fn is_in<V: Into<Value>>(attribute: impl Into<Name>, values: impl IntoIterator<Item = V>) -> Filter {
    Filter::In(attribute.into(), values.into_iter().map(Into::into).collect())
}

/// The attribute's text begins like this.
pub fn starts_with(attribute: impl Into<Name>, text: impl Into<String>) -> Filter {
    Filter::StartsWith(attribute.into(), text.into())
}

/// The attribute has a value that is not blank.
pub fn present(attribute: impl Into<Name>) -> Filter {
    Filter::Present(attribute.into())
}

/// All of them hold.
pub fn all(filters: impl IntoIterator<Item = Filter>) -> Filter {
    Filter::All(filters.into_iter().collect())
}

/// One of them holds.
pub fn any(filters: impl IntoIterator<Item = Filter>) -> Filter {
    Filter::Any(filters.into_iter().collect())
}

impl Filter {
    /// The opposite.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "reads as a word in a chain; `!filter` would be the surprise")]
    pub fn not(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// Both hold.
    #[must_use]
    pub fn and(self, other: Filter) -> Self {
        all([self, other])
    }

    /// Whether it holds for these attributes.
    #[must_use]
    pub fn matches(&self, attributes: &Attributes) -> bool {
        match self {
            Self::Eq(name, value) => holds(attributes, name, |own| same(own, value)),
            Self::In(name, values) => holds(attributes, name, |own| values.iter().any(|value| same(own, value))),
            Self::StartsWith(name, start) => {
                holds(attributes, name, |own| own.as_text().is_some_and(|text| fold(text).starts_with(&*fold(start))))
            }
            Self::Present(name) => attributes.get(name).is_some_and(|value| !value.is_blank()),
            Self::Not(filter) => !filter.matches(attributes),
            Self::All(filters) => filters.iter().all(|filter| filter.matches(attributes)),
            Self::Any(filters) => filters.iter().any(|filter| filter.matches(attributes)),
        }
    }

    /// The attributes that it looks at, each once, in the order of their names.
    #[must_use]
    pub fn attributes(&self) -> Vec<&Name> {
        let mut names = Vec::new();
        self.collect_attributes(&mut names);
        names.sort();
        names.dedup();
        names
    }

    fn collect_attributes<'a>(&'a self, names: &mut Vec<&'a Name>) {
        match self {
            Self::Eq(name, _) | Self::In(name, _) | Self::StartsWith(name, _) | Self::Present(name) => names.push(name),
            Self::Not(filter) => filter.collect_attributes(names),
            Self::All(filters) | Self::Any(filters) => {
                filters.iter().for_each(|filter| filter.collect_attributes(names));
            }
        }
    }
}

fn holds(attributes: &Attributes, name: &str, condition: impl Fn(&Value) -> bool) -> bool {
    attributes.get(name).is_some_and(|value| value.as_slice().iter().any(condition))
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => !left.trim().is_empty() && fold(left) == fold(right),
        _ => !left.is_null() && left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_as_written() {
        let attributes: Attributes = [
            ("name", Value::text("Ada")),
            ("empty", Value::text("")),
            ("none", Value::Null),
            ("active", Value::Bool(true)),
            ("tags", Value::list([Value::text("x"), Value::text("y")])),
        ]
        .into_iter()
        .map(|(name, value)| (Name::from(name), value))
        .collect();
        let table = [
            (eq("name", "ADA"), true),
            (eq("name", "Ad"), false),
            (eq("empty", ""), false),
            (eq("none", Value::Null), false),
            (eq("missing", "x"), false),
            (ne("missing", "x"), true),
            (eq("active", true), true),
            (eq("tags", "Y"), true),
            (is_in("name", ["Bob", "ada"]), true),
            (starts_with("name", "aD"), true),
            (present("empty"), false),
            (present("tags"), true),
            (all([]), true),
            (any([]), false),
            (any([eq("name", "Bob"), eq("active", true)]), true),
            (all([eq("name", "Ada"), eq("active", false)]), false),
        ];
        for (filter, expected) in table {
            assert_eq!(filter.matches(&attributes), expected, "{filter:?}");
        }
    }
}
