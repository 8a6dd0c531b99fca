//! What functions take and give, and what can never fit.

use std::fmt;

use super::ast::{Meaning, Node, NodeKind};
use super::coerce;
use crate::model::Value;

/// The type of a parameter or of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Any,
    /// Text, or what has a text form; of a list each element.
    Text,
    Integer,
    /// A whole number from 1.
    Position,
    /// A condition.
    Boolean,
    DateTime,
    List,
    /// `yyyy`, `m`, `d` …
    Interval,
    /// `en-US`
    Culture,
    /// `vbTextCompare` or `vbBinaryCompare`
    CompareMode,
    /// `Unicode`, `ASCII`, `UTF8`
    Encoding,
}

pub(super) const INTERVALS: [&str; 7] = ["yyyy", "m", "d", "ww", "h", "n", "s"];
pub(super) const COMPARE_MODES: [&str; 2] = ["vbBinaryCompare", "vbTextCompare"];
pub(super) const ENCODINGS: [&str; 3] = ["Unicode", "ASCII", "UTF8"];

impl Type {
    /// Whether what a node gives could be of this type for some object.
    pub(super) fn fits(self, node: &Node) -> bool {
        match &node.kind {
            NodeKind::Constant(value) => self.holds(value),
            NodeKind::Word(word) => match &word.meaning {
                Meaning::Bool(value) => self.holds(&Value::Bool(*value)),
                Meaning::Text(text) => self.holds(&Value::text(*text)),
                Meaning::Null | Meaning::IgnoreAttribute | Meaning::IgnoreObject => true,
            },
            NodeKind::Call { function, .. } => self.takes(function.gives),
            NodeKind::Compare { .. } => self.takes(Type::Boolean),
            NodeKind::Concat(_) => self.takes(Type::Text),
            NodeKind::Attribute(_) | NodeKind::Parameter(_) => true,
        }
    }

    /// Whether a known value is of this type.
    pub(super) fn holds(self, value: &Value) -> bool {
        let one_of = |names: &[&str]| value.as_text().is_some_and(|text| names.contains(&text));
        match self {
            Self::Any => true,
            Self::Text => !matches!(value, Value::Object(_)),
            Self::Integer => coerce::integer(value).is_some(),
            Self::Position => coerce::integer(value).is_some_and(|number| number > 0),
            Self::Boolean => coerce::truth(value).is_some(),
            Self::DateTime => coerce::moment(value).is_some() || value.as_text() == Some(""),
            Self::List => true,
            Self::Interval => one_of(&INTERVALS),
            Self::Culture => value.as_text().is_some_and(is_culture),
            Self::CompareMode => one_of(&COMPARE_MODES),
            Self::Encoding => one_of(&ENCODINGS),
        }
    }

    /// Whether a value of another type can be of this one.
    fn takes(self, given: Type) -> bool {
        match self {
            Self::Any | Self::Text | Self::List => true,
            Self::Integer | Self::Position => matches!(given, Type::Any | Type::Text | Type::Integer),
            Self::Boolean => !matches!(given, Type::DateTime | Type::List),
            Self::DateTime => matches!(given, Type::Any | Type::Text | Type::DateTime),
            Self::Interval | Self::Culture | Self::CompareMode | Self::Encoding => {
                matches!(given, Type::Any | Type::Text)
            }
        }
    }
}

/// Whether a text has the shape of a culture's name. The empty name is .NET's invariant culture.
pub(super) fn is_culture(name: &str) -> bool {
    let mut tags = name.split('-');
    let language = tags.next().unwrap_or_default();
    let is_tag = |tag: &str| (1..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_language = language.bytes().all(|byte| byte.is_ascii_alphabetic()) && is_tag(language);
    name.is_empty() || (is_language && tags.all(is_tag))
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "a value",
            Self::Text => "text",
            Self::Integer => "a whole number",
            Self::Position => "a whole number from 1",
            Self::Boolean => "True or False",
            Self::DateTime => "a date such as 2024-12-31 or 2024-12-31T23:59:59Z",
            Self::List => "a list",
            Self::Interval => "one of \"yyyy\", \"m\", \"d\", \"ww\", \"h\", \"n\", \"s\"",
            Self::Culture => "a culture such as \"en-US\"",
            Self::CompareMode => "vbTextCompare or vbBinaryCompare",
            Self::Encoding => "one of Unicode, ASCII, UTF8",
        })
    }
}
