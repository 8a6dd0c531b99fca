//! An object in its situation, and the source record that it is about.

use std::collections::HashSet;

use crate::mapping::{Belonging, FlowOutcome, Mapped};
use crate::model::{Name, ObjectId, Origin, Record, Value, comparison_key};
use crate::reconcile::find::correlate::TargetIndex;
use crate::reconcile::find::link::Linked;
use crate::reconcile::reading::inputs::{InDoubt, Inputs};
use crate::reconcile::{EntryKey, Evidence, Problem, Severity, Situation};

/// A source record with what the mapping makes of it.
#[derive(Debug)]
pub(crate) struct Sourced {
    pub(crate) record: Record,
    pub(crate) belonging: Belonging,
    pub(crate) mapped: Mapped,
    /// Whether others refer to it, and nothing is planned for it in this run.
    pub(crate) referenced: bool,
}

impl Sourced {
    pub(crate) fn new(inputs: &Inputs<'_>, record: Record) -> Self {
        let belonging = inputs.mapping.belonging(&record);
        let mapped = inputs.mapping.evaluate(&record, inputs.context);
        Self { record, belonging, mapped, referenced: false }
    }

    pub(crate) fn is_in_scope(&self) -> bool {
        self.belonging == Belonging::InScope
    }

    /// What the mapping would give a new object for an attribute.
    pub(crate) fn desired(&self, inputs: &Inputs<'_>, attribute: &Name) -> Option<Value> {
        let Mapped::Flows(flows) = &self.mapped else { return None };
        let flow = flows.iter().find(|flow| flow.attribute == *attribute)?;
        inputs.mapping.on_create(flow)
    }

    /// The keys by which its counterpart is looked for, by matching attribute.
    pub(crate) fn matching_keys(&self, inputs: &Inputs<'_>) -> Vec<Option<String>> {
        let key = |name: &Name| comparison_key(inputs.schema.get(name)?, &self.desired(inputs, name)?);
        inputs.mapping.matching().iter().map(key).collect()
    }

    pub(crate) fn is_ignored(&self) -> bool {
        matches!(self.mapped, Mapped::Ignored)
    }
}

/// One object in its situation.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) key: EntryKey,
    pub(crate) situation: Situation,
    pub(crate) source: Option<&'a Sourced>,
    pub(crate) source_id: Option<ObjectId>,
    pub(crate) origin: Option<&'a Origin>,
    pub(crate) target: Option<&'a Record>,
    pub(crate) target_id: Option<ObjectId>,
    pub(crate) link: Option<&'a Linked>,
    /// What matches is linked to another source, which is known to be gone or out of scope.
    pub(crate) holder_left: bool,
    /// The first few of the objects that it may be.
    pub(crate) candidates: Vec<ObjectId>,
    /// How many there are in all.
    pub(crate) candidate_count: usize,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) recovered: Option<&'a InDoubt>,
    pub(crate) problems: Vec<Problem>,
}

impl Case<'_> {
    pub(crate) fn new(key: EntryKey, situation: Situation) -> Self {
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
    pub(crate) fn is_referenced(&self) -> bool {
        self.source.is_some_and(|source| source.referenced)
    }

    /// Whether the source object is there, and nothing says that it left: nobody left who cannot be read or told apart, or is
    /// not looked at.
    pub(crate) fn is_there(&self) -> bool {
        match self.source {
            Some(sourced) => sourced.is_ignored() || sourced.belonging != Belonging::LeftScope,
            None => matches!(self.situation, Situation::Duplicate | Situation::Unreadable),
        }
    }

    pub(crate) fn block(mut self, rule: &'static str, message: impl Into<String>) -> Self {
        self.problems.push(Problem::new(Severity::Blocks, rule, message));
        self
    }
}

/// All objects of a mapping in their situations.
pub(crate) struct Assessment<'a> {
    pub(crate) cases: Vec<Case<'a>>,
    pub(crate) owned_elsewhere: u64,
    /// Targets that some source may be, so that nobody else's leaving removes them.
    pub(crate) candidates: HashSet<ObjectId>,
    pub(crate) index: TargetIndex<'a>,
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
pub(crate) struct SourceRead {
    pub(crate) objects: u64,
    pub(crate) complete: bool,
    /// Whether some record has each attribute that the scope reads.
    pub(crate) scope_delivered: bool,
}

/// The messages of what the mapping could not make, by attribute.
pub(crate) fn failures(mapped: &Mapped) -> impl Iterator<Item = (&Name, &str)> {
    let flows = if let Mapped::Flows(flows) = mapped { flows.as_slice() } else { &[] };
    flows.iter().filter_map(|flow| match &flow.outcome {
        FlowOutcome::Failed(message) => Some((&flow.attribute, message.as_str())),
        _ => None,
    })
}
