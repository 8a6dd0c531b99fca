//! What may stand before and after the source of a value: a condition, and a function that transforms it.

use std::fmt;
use std::sync::Arc;

use super::rule::Raw;
use crate::model::{Filter, Name, Record, Value};

/// What becomes of the value of a source.
pub(super) type Transformation = dyn Fn(Value) -> Result<Value, String> + Send + Sync;

/// A function of the host over a value, known by its name and version.
#[derive(Clone)]
pub(super) struct NamedTransform {
    pub(super) name: Name,
    pub(super) version: u32,
    pub(super) function: Arc<Transformation>,
}

/// What a rule does before and after its source.
#[derive(Debug, Clone, Default)]
pub(super) struct Steps {
    pub(super) condition: Option<Filter>,
    pub(super) transform: Option<NamedTransform>,
}

impl Steps {
    /// Gives what the source gives, by way of the steps. `hides` says that an error must not show the value.
    pub(super) fn around(&self, record: &Record, hides: bool, source: impl FnOnce() -> Raw) -> Raw {
        if self.condition.as_ref().is_some_and(|condition| !condition.matches(&record.attributes)) {
            return Raw::IgnoreAttribute;
        }
        let Some(transform) = &self.transform else { return source() };
        match source() {
            Raw::Value(value) => match (transform.function)(value) {
                Ok(value) => Raw::Value(value),
                Err(_) if hides => Raw::Closure(format!(
                    "the transform {} refuses the value; why is not shown, since the expression redacts",
                    transform.name
                )),
                Err(message) => Raw::Closure(message),
            },
            other => other,
        }
    }
}

impl fmt::Debug for NamedTransform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}", self.name, self.version)
    }
}
