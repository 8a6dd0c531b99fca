//! What is wrong with a document, what is odd in it, and what is not used.

use std::fmt;

use serde_json::Value as Json;

use crate::error::{Error, ErrorKind};
use crate::expr::{ExpressionError, Lint, quote};

/// Why a document cannot be used, or a mapping not be written as one: all that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the synchronization schema cannot be used: {}", summary(.faults))]
pub struct SchemaError {
    faults: Vec<SchemaRemark>,
}

impl SchemaError {
    pub(super) fn new(faults: Vec<SchemaRemark>) -> Self {
        Self { faults }
    }

    /// What is wrong, at least one.
    #[must_use]
    pub fn faults(&self) -> &[SchemaRemark] {
        &self.faults
    }

    /// All that is wrong, expressions with carets under the place, for a terminal. Without a line end at its end.
    #[must_use]
    pub fn render(&self) -> String {
        self.faults.iter().map(SchemaRemark::render).collect::<Vec<_>>().join("\n")
    }
}

impl From<SchemaError> for Error {
    fn from(error: SchemaError) -> Self {
        Error::new(ErrorKind::Invalid, "the synchronization schema cannot be used").with_source(error)
    }
}

/// The first few, and how many more there are.
fn summary(faults: &[SchemaRemark]) -> String {
    const SHOWN: usize = 10;
    let mut texts: Vec<String> = faults.iter().take(SHOWN).map(ToString::to_string).collect();
    if faults.len() > SHOWN {
        texts.push(format!("and {} more", faults.len() - SHOWN));
    }
    texts.join("; ")
}

/// One thing that is wrong with a document, or odd in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaRemark {
    place: String,
    message: String,
    detail: Option<Detail>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Detail {
    Error(Box<ExpressionError>),
    Lint(Box<Lint>),
}

impl SchemaRemark {
    pub(super) fn new(place: impl fmt::Display, message: impl Into<String>) -> Self {
        Self { place: place.to_string(), message: message.into(), detail: None }
    }

    pub(super) fn of_expression(place: impl fmt::Display, error: ExpressionError) -> Self {
        Self { detail: Some(Detail::Error(Box::new(error.clone()))), ..Self::new(place, error.to_string()) }
    }

    pub(super) fn of_lint(place: impl fmt::Display, lint: Lint) -> Self {
        Self { detail: Some(Detail::Lint(Box::new(lint.clone()))), ..Self::new(place, lint.to_string()) }
    }

    /// Where: `synchronizationRules[0].objectMappings[1].attributeMappings[3].source.expression`.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What is wrong or odd, and what would be right, in one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The error of an expression, with its place in the text.
    #[must_use]
    pub fn expression_error(&self) -> Option<&ExpressionError> {
        match &self.detail {
            Some(Detail::Error(error)) => Some(error),
            _ => None,
        }
    }

    /// The place, and below it what is wrong; of an expression with carets under it, for a terminal. One line or more,
    /// the last without a line end.
    #[must_use]
    pub fn render(&self) -> String {
        match &self.detail {
            Some(Detail::Error(error)) => format!("{}\n{}", self.place, error.render()),
            Some(Detail::Lint(lint)) => format!("{}\n{}", self.place, lint.render()),
            None => self.to_string(),
        }
    }
}

impl fmt::Display for SchemaRemark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// A member of a document that is kept and by which nothing goes here.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unused {
    /// Where: `synchronizationRules[0].groupFilter`.
    pub place: String,
    /// What it holds, as JSON, shortened.
    pub value: String,
}

impl Unused {
    pub(super) fn new(place: impl fmt::Display, json: &Json) -> Self {
        const LONGEST: usize = 100;
        let value = match json {
            Json::String(text) => quote(text),
            Json::Array(items) => format!("a list of {}", items.len()),
            Json::Object(members) => {
                let names: Vec<&str> = members.keys().map(String::as_str).take(5).collect();
                format!("an object with {}", names.join(", "))
            }
            other => other.to_string(),
        };
        let value = match value.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &value[..end]),
            None => value,
        };
        Self { place: place.to_string(), value }
    }
}

impl fmt::Display for Unused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.value)
    }
}
