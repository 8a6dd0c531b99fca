//! What an expression needs from outside.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use crate::model::{Name, Value};

/// The moment and the parameters with which expressions are evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    as_of: OffsetDateTime,
    parameters: BTreeMap<Name, Value>,
}

impl Context {
    /// A context without parameters, as of a moment.
    #[must_use]
    pub fn new(as_of: OffsetDateTime) -> Self {
        Self { as_of, parameters: BTreeMap::new() }
    }

    /// Sets the value of `%name%`. Names are compared exactly.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// The moment that counts as now.
    #[must_use]
    pub fn as_of(&self) -> OffsetDateTime {
        self.as_of
    }

    /// The value of `%name%`; `None` if it is not defined.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Value> {
        self.parameters.get(name)
    }
}
