//! An object in its situation, and the source record that it is about.

use std::collections::HashSet;

use super::correlate::TargetIndex;
use super::inputs::{InDoubt, Inputs};
use super::link::Linked;
use super::{EntryKey, Evidence, Problem, Severity, Situation};
use crate::mapping::{Belonging, FlowOutcome, Mapped};
use crate::model::{Name, ObjectId, Origin, Record, Value, comparison_key};

/// A source record with what the mapping makes of it.
#[derive(Debug)]
pub(crate) struct Sourced {
    pub(super) record: Record,
    pub(super) belonging: Belonging,
    pub(super) mapped: Mapped,
    /// Whether others refer to it, and nothing is planned for it in this run.
    pub(super) referenced: bool,
}

impl Sourced {
    pub(crate) fn new(inputs: &Inputs<'_>, record: Record) -> Self {
        let belonging = inputs.mapping.belonging(&record.attributes);
        let mapped = inputs.mapping.evaluate(&record, inputs.context);
        Self { record, belonging, mapped, referenced: false }
    }

    pub(super) fn is_in_scope(&self) -> bool {
        self.belonging == Belonging::InScope
    }

    /// What the mapping would give a new object for an attribute.
    pub(super) fn desired(&self, inputs: &Inputs<'_>, attribute: &Name) -> Option<Value> {
        let Mapped::Flows(flows) = &self.mapped else { return None };
        let flow = flows.iter().find(|flow| flow.attribute == *attribute)?;
        inputs.mapping.on_create(flow)
    }

    /// The keys by which its counterpart is looked for, by matching attribute.
    pub(super) fn matching_keys(&self, inputs: &Inputs<'_>) -> Vec<Option<String>> {
        let key = |name: &Name| comparison_key(inputs.schema.get(name)?, &self.desired(inputs, name)?);
        inputs.mapping.matching().iter().map(key).collect()
    }

    pub(super) fn is_ignored(&self) -> bool {
        matches!(self.mapped, Mapped::Ignored)
    }
}

/// One object in its situation.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) key: EntryKey,
    pub(super) situation: Situation,
    pub(super) source: Option<&'a Sourced>,
    pub(super) source_id: Option<ObjectId>,
    pub(super) origin: Option<&'a Origin>,
    pub(super) target: Option<&'a Record>,
    pub(super) target_id: Option<ObjectId>,
    pub(super) link: Option<&'a Linked>,
    /// What matches is linked to another source, which is known to be gone or out of scope.
    pub(super) holder_left: bool,
    /// The first few of the objects that it may be.
    pub(super) candidates: Vec<ObjectId>,
    /// How many there are in all.
    pub(super) candidate_count: usize,
    pub(super) evidence: Option<Evidence>,
    pub(super) recovered: Option<&'a InDoubt>,
    pub(super) problems: Vec<Problem>,
}

impl Case<'_> {
    pub(super) fn new(key: EntryKey, situation: Situation) -> Self {
        Self {
            key,
            situation,
            source: None,
            source_id: None,
            origin: None,
            target: None,
            target_id: None,
            link: None,
            holder_left: false,
            candidates: Vec::new(),
            candidate_count: 0,
            evidence: None,
            recovered: None,
            problems: Vec::new(),
        }
    }

    /// Whether the run is not about it: others refer to it.
    pub(super) fn is_referenced(&self) -> bool {
        self.source.is_some_and(|source| source.referenced)
    }

    pub(super) fn block(mut self, rule: &'static str, message: impl Into<String>) -> Self {
        self.problems.push(Problem::new(Severity::Blocks, rule, message));
        self
    }
}

/// All objects of a mapping in their situations.
pub(super) struct Assessment<'a> {
    pub(super) cases: Vec<Case<'a>>,
    pub(super) owned_elsewhere: u64,
    /// Targets that some source may be, so that nobody else's leaving removes them.
    pub(super) candidates: HashSet<ObjectId>,
    pub(super) index: TargetIndex<'a>,
}

/// Whether the run looks at all objects, or only at those that it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All: what is not in the source is looked at too.
    Whole,
    /// Only these sources.
    Only,
    /// What the job owns, whatever the source says: it is being retired.
    Owned,
}

/// What is known of the read of the source as a whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct SourceRead {
    pub(super) objects: u64,
    pub(super) complete: bool,
    /// Whether some record has each attribute that the scope reads.
    pub(super) scope_delivered: bool,
}

/// The messages of what the mapping could not make, by attribute.
pub(super) fn failures(mapped: &Mapped) -> impl Iterator<Item = (&Name, &str)> {
    let flows = if let Mapped::Flows(flows) = mapped { flows.as_slice() } else { &[] };
    flows.iter().filter_map(|flow| match &flow.outcome {
        FlowOutcome::Failed(message) => Some((&flow.attribute, message.as_str())),
        _ => None,
    })
}
