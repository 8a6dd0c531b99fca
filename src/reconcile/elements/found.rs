//! What is given and taken of one object, and what stands in the way.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::digest::hex;
use crate::mapping::Mapped;
use crate::model::{Attributes, Name, Record};
use crate::reconcile::reading::inputs::Inputs;
use crate::reconcile::{Draft, DraftStep, Edge, Entry, Finding, Problem, SetChange, Severity};

/// What is given and taken of one object.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) sets: Vec<SetChange>,
    pub(crate) problems: Vec<Problem>,
    /// What someone else took away.
    pub(crate) forget: BTreeMap<Name, Vec<Arc<str>>>,
    pub(crate) edges: Vec<Edge>,
}

impl Found {
    pub(crate) fn is_empty(&self) -> bool {
        self.sets.is_empty() && self.problems.is_empty() && self.forget.is_empty()
    }
}

/// What the target says of elements that would be given or taken, beside what the entry writes.
pub(crate) fn draft_findings(
    inputs: &Inputs<'_>,
    current: Option<&Record>,
    entry: Option<&Entry>,
    elements: &[Name],
) -> Vec<Finding> {
    let changes = entry.map_or(&[][..], |entry| &entry.changes);
    let attributes: Attributes = changes.iter().map(|change| (change.attribute.clone(), change.new.clone())).collect();
    let draft = Draft::new(inputs.mapping.target_class(), DraftStep::Elements, current, &attributes);
    inputs.constraints.check(&draft.with_elements(elements))
}

/// A problem with an attribute as a whole.
pub(crate) fn left_out(
    severity: Severity,
    rule: &'static str,
    message: impl Into<String>,
    attribute: &Name,
) -> Problem {
    Problem::new(severity, rule, message).with_value(attribute.clone(), None)
}

/// A digest of what the source says of elements, to tell later whether it says so still.
pub(crate) fn basis(inputs: &Inputs<'_>, mapped: &Mapped, attribute: &Name) -> String {
    element_basis(inputs.mapping, inputs.schema, mapped, attribute)
}

/// As [`basis`], where planning is over.
pub(crate) fn element_basis(
    mapping: &crate::mapping::CompiledMapping,
    schema: &crate::model::Schema,
    mapped: &Mapped,
    attribute: &Name,
) -> String {
    let mut hash = hmac_sha256::Hash::new();
    let Mapped::Flows(flows) = mapped else { return "left out".to_owned() };
    let belongs = |name: &Name| {
        name == attribute
            || mapping.flattened_into(name) == Some(attribute)
            || (schema.is_licensing(attribute) && schema.is_licensing(name))
    };
    for flow in flows.iter().filter(|flow| belongs(&flow.attribute)) {
        hash.update(format!("{:?}\u{0}{:?}\u{0}", flow.attribute, flow.outcome));
    }
    hex(&hash.finalize())
}
