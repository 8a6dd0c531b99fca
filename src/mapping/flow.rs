//! When a value flows to an object that is there already, and how often it is written.

use std::collections::HashSet;

use super::engine::FlowOutcome;
use super::rule::{Rule, is_empty};
use crate::model::{AttributeSchema, Cardinality, Value, comparison_key};

/// When a value flows. On create it always does; this is about updates. Complete by definition of Entra's schema.
///
/// | | one value | several values |
/// | --- | --- | --- |
/// | `Always` | written | written as they are |
/// | `ObjectAddOnly` | untouched | untouched |
/// | `MultiValueAddOnly` | written only where there is none | new ones are added, none is removed |
/// | `ValueAddOnly` | a new value replaces the old one, nothing is cleared | new ones are added, none is removed |
/// | `AttributeAddOnly` | written only where there is none | written only where there are none |
///
/// Empty text counts as no value. References and licences follow the same rules.
///
/// See [attributeFlowType](https://learn.microsoft.com/graph/api/resources/synchronization-attributemapping).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(clippy::exhaustive_enums, reason = "Microsoft Graph has these five")]
pub enum FlowType {
    /// On create and update.
    #[default]
    Always,
    /// On create alone.
    ObjectAddOnly,
    /// On update values are only added to those that are there.
    MultiValueAddOnly,
    /// On update nothing is removed.
    ValueAddOnly,
    /// On update only where the target has no value at all.
    AttributeAddOnly,
}

/// How often a value is written to an object that has it already. Complete by definition of Entra's schema.
///
/// See [attributeFlowBehavior](https://learn.microsoft.com/graph/api/resources/synchronization-attributemapping).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(clippy::exhaustive_enums, reason = "Microsoft Graph has these two")]
pub enum FlowBehavior {
    /// When it differs from what the target has.
    #[default]
    FlowWhenChanged,
    /// In each run. A plan that does nothing else counts as converged.
    ///
    /// The status, references and licences, which have requests of their own, are written when they change all the same.
    FlowAlways,
}

impl Rule {
    /// When the value flows to an object that is there already.
    #[must_use]
    pub fn flow_type(&self) -> FlowType {
        self.flow_type
    }

    /// How often it is written.
    #[must_use]
    pub fn flow_behavior(&self) -> FlowBehavior {
        self.flow_behavior
    }

    /// What to write on update over the value that the target has; null clears, `None` leaves the target as it is.
    ///
    /// It may be what the target has already: comparing is for the caller, by [`flow_behavior`](Self::flow_behavior).
    #[must_use]
    pub fn on_update_over(&self, outcome: &FlowOutcome, current: &Value) -> Option<Value> {
        let new = self.on_update(outcome)?;
        if self.fills_only() {
            return is_empty(current).then_some(new);
        }
        match self.flow_type {
            FlowType::MultiValueAddOnly | FlowType::ValueAddOnly if self.is_many() => {
                Some(union(&self.schema, current, &new))
            }
            FlowType::ValueAddOnly if is_empty(&new) && !is_empty(current) => None,
            _ => Some(new),
        }
    }

    /// Whether an object that is there gets a value only where it has none.
    pub(crate) fn fills_only(&self) -> bool {
        match self.flow_type {
            FlowType::AttributeAddOnly => true,
            FlowType::MultiValueAddOnly => !self.is_many(),
            FlowType::Always | FlowType::ObjectAddOnly | FlowType::ValueAddOnly => false,
        }
    }

    /// Whether an object that is there gets just what it gives, in place of what it has.
    pub(crate) fn overwrites(&self) -> bool {
        match self.flow_type {
            FlowType::Always => true,
            FlowType::ValueAddOnly => !self.is_many(),
            FlowType::ObjectAddOnly | FlowType::MultiValueAddOnly | FlowType::AttributeAddOnly => false,
        }
    }

    /// Whether elements that the source no longer names are taken from an object.
    pub(crate) fn takes_elements(&self) -> bool {
        self.flow_type == FlowType::Always
    }

    fn is_many(&self) -> bool {
        self.schema.cardinality == Cardinality::Many
    }
}

/// What is there, then what is new.
fn union(schema: &AttributeSchema, current: &Value, new: &Value) -> Value {
    let mut seen: HashSet<Option<String>> =
        current.as_slice().iter().map(|value| comparison_key(schema, value)).collect();
    let added = new.as_slice().iter().filter(|value| seen.insert(comparison_key(schema, value)));
    Value::list(current.as_slice().iter().chain(added).cloned().collect::<Vec<_>>())
}
