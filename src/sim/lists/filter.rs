//! `$filter`: conditions, and what they select.

use serde_json::Value;
use uuid::Uuid;

use super::filter_any::Has;
use super::filter_parse;
use crate::sim::apps::application;
use crate::sim::groups::group_property;
use crate::sim::objects::extension::Extensions;
use crate::sim::objects::object::{Context, Object};
use crate::sim::objects::shelf::{Field, parse_id};
use crate::sim::objects::stored::{Reading, fold, lower};
use crate::sim::users::property::{self, Class, Prop, property};
use crate::sim::wire::answer::Refusal;

/// A condition on an object.
#[derive(Debug, PartialEq)]
pub(crate) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    In(Path, Vec<Literal>),
    StartsWith(Path, Box<str>),
    EndsWith(Path, Box<str>),
    /// `ge` and `le`: text without regard to case, or dates.
    Beyond(Path, Edge, Box<str>),
    /// Something in a collection.
    Has(Has),
    /// Nothing in a collection.
    Empty(Prop),
    /// A group has members to whom its licences do not come.
    LicenseErrors,
}

/// Which side of a value, itself included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    AtLeast,
    AtMost,
}

/// A property, or a member of one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path {
    pub(crate) prop: Prop,
    pub(crate) member: Option<String>,
}

/// A value to compare with; text is folded already.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Number(i64),
    Text(Box<str>),
}

/// What the request allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms<'a> {
    pub(crate) class: Class,
    pub(crate) mode: Mode,
    /// How many alternatives one condition may list.
    pub(crate) max_values: usize,
    pub(crate) extensions: &'a Extensions,
}

/// Whether `ConsistencyLevel: eventual` came with `$count=true`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Plain,
    Advanced,
}

/// Where objects that may match are found.
#[derive(Debug, PartialEq)]
pub(crate) enum Lookup {
    Id(Box<str>),
    Key(Field, Box<str>),
}

impl Filter {
    pub(crate) fn parse(text: &str, terms: Terms<'_>) -> Result<Self, Refusal> {
        filter_parse::parse(text, terms)
    }

    pub(crate) fn matches(&self, object: Object<'_>, context: Context<'_>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(object, context)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(object, context)),
            Self::Not(part) => !part.matches(object, context),
            Self::In(path, values) => path.with(object, context, |reading| {
                values.iter().any(|value| match (value, reading) {
                    (Literal::Null, Reading::Null) => true,
                    (Literal::Bool(value), Reading::Bool(is)) => value == is,
                    (Literal::Number(value), Reading::Json(is)) => is.as_i64() == Some(*value),
                    (Literal::Text(value), Reading::Text(is)) => lower(is).eq(value.chars()),
                    _ => false,
                })
            }),
            Self::StartsWith(path, prefix) => path.with(object, context, |reading| match reading {
                Reading::Text(is) => {
                    let mut chars = lower(is);
                    prefix.chars().all(|expected| chars.next() == Some(expected))
                }
                Reading::Null | Reading::Bool(_) | Reading::Json(_) => false,
            }),
            Self::EndsWith(path, end) => path.with(object, context, |reading| match reading {
                Reading::Text(is) => fold(is).ends_with(&**end),
                Reading::Null | Reading::Bool(_) | Reading::Json(_) => false,
            }),
            Self::Beyond(path, edge, value) => path.with(object, context, |reading| match (reading, edge) {
                (Reading::Text(is), Edge::AtLeast) => lower(is).ge(value.chars()),
                (Reading::Text(is), Edge::AtMost) => lower(is).le(value.chars()),
                _ => false,
            }),
            Self::Empty(prop) => match object.read(*prop, context) {
                Reading::Json(json) => json.as_array().is_none_or(Vec::is_empty),
                _ => true,
            },
            Self::LicenseErrors => context.has_license_errors(object.id()),
            Self::Has(has) => has.matches(&object.read(has.prop, context)),
        }
    }

    /// Where to look instead of going through everyone: each match is found by one of these.
    pub(crate) fn lookups(&self) -> Option<Vec<Lookup>> {
        match self {
            Self::All(parts) => parts.iter().find_map(Self::lookups),
            Self::Any(parts) => {
                let parts: Option<Vec<_>> = parts.iter().map(Self::lookups).collect();
                Some(parts?.into_iter().flatten().collect())
            }
            Self::In(path, values) if path.member.is_none() => values
                .iter()
                .map(|value| {
                    let Literal::Text(text) = value else { return None };
                    let field = match path.prop {
                        property::ID | group_property::ID | application::ID | application::PRINCIPAL_ID => {
                            return Some(Lookup::Id(text.clone()));
                        }
                        application::APP_ID | application::PRINCIPAL_APP_ID => Field::AppId,
                        property::UPN => Field::Name,
                        property::MAIL => Field::Address,
                        property::EMPLOYEE_ID => Field::EmployeeId,
                        property::IMMUTABLE_ID => Field::ImmutableId,
                        group_property::UNIQUE_NAME => Field::UniqueName,
                        _ => return None,
                    };
                    Some(Lookup::Key(field, text.clone()))
                })
                .collect(),
            Self::Has(has) => has.lookups(),
            Self::In(..)
            | Self::Not(_)
            | Self::StartsWith(..)
            | Self::EndsWith(..)
            | Self::Beyond(..)
            | Self::Empty(_)
            | Self::LicenseErrors => None,
        }
    }

    /// The ids that it names, if it asks for nothing else.
    pub(crate) fn only_ids(&self) -> Option<Vec<Uuid>> {
        let is_id = |prop| matches!(prop, property::ID | group_property::ID);
        match self {
            Self::Any(parts) => Some(parts.iter().map(Self::only_ids).collect::<Option<Vec<_>>>()?.concat()),
            Self::In(path, values) if is_id(path.prop) => values
                .iter()
                .map(|value| match value {
                    Literal::Text(text) => parse_id(text),
                    _ => None,
                })
                .collect(),
            _ => None,
        }
    }
}

impl Path {
    pub(crate) fn with<T>(&self, object: Object<'_>, context: Context<'_>, look: impl FnOnce(&Reading<'_>) -> T) -> T {
        let reading = object.read(self.prop, context);
        let Some(member) = &self.member else {
            return look(&reading);
        };
        match &reading {
            Reading::Json(json) => match json.get(member) {
                Some(Value::String(text)) => look(&Reading::Text(text.into())),
                Some(Value::Bool(value)) => look(&Reading::Bool(*value)),
                _ => look(&Reading::Null),
            },
            _ => look(&Reading::Null),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        property(self.prop).name
    }
}
