//! What stands in the way of an entry, or of a plan.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{Name, Value};
use crate::reconcile::policy::situation::words;

words! {
    /// How much a [`Problem`] stands in the way.
    Severity {
        /// Something optional was left out or is unknown; the rest goes on, and the run is a success.
        Warning => "warning",
        /// Something was left out that needs a person; the rest goes on.
        Attention => "attention",
        /// The entry as a whole cannot be carried out.
        Blocks => "blocks",
    }
}

/// One thing that is wrong: what, where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Problem {
    /// How much it stands in the way.
    pub severity: Severity,
    /// A short stable name of the rule, such as `unverified-domain`.
    pub rule: Cow<'static, str>,
    /// The attribute at fault, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<Name>,
    /// Its value, unless it is secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// What is wrong and what would be right, in one line.
    pub message: String,
}

impl Problem {
    /// A problem by its rule.
    pub fn new(severity: Severity, rule: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { severity, rule: rule.into(), attribute: None, value: None, message: message.into() }
    }

    /// Names the attribute and its value.
    #[must_use]
    pub fn with_value(mut self, attribute: Name, value: Option<Value>) -> Self {
        self.attribute = Some(attribute);
        // Null says nothing, and would not survive being written and read.
        self.value = value.filter(|value| !value.is_null());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.attribute, &self.value) {
            (Some(attribute), Some(value)) => write!(f, "{attribute} `{value}`: {}", self.message),
            (Some(attribute), None) => write!(f, "{attribute}: {}", self.message),
            _ => f.write_str(&self.message),
        }
    }
}
