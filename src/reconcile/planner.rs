//! The pure stage as a whole: from what was read of one mapping to its entries, or to questions.

use std::collections::{BTreeMap, HashSet};

use super::assess::assess;
use super::case::{Extent, SourceRead, Sourced};
use super::inputs::{Answers, Inputs, Questions, Side};
use super::{Entry, Problem, Severity, Situation, decide, order, unique};
use crate::model::{Completeness, ObjectId, Origin, Record};

/// What planning one mapping yields.
#[derive(Debug)]
pub(crate) struct MappingPlan {
    pub(crate) entries: Vec<Entry>,
    pub(crate) situations: BTreeMap<Situation, u64>,
    pub(crate) owned_elsewhere: u64,
}

/// Plans one mapping: evaluates each source record once, and is asked again as long as it has questions.
#[derive(Debug)]
pub(crate) struct Planner<'a> {
    inputs: Inputs<'a>,
    extent: Extent,
    sources: Vec<Sourced>,
    read: SourceRead,
    unreadable: Vec<(ObjectId, Origin, String)>,
    target: Side,
    answers: Answers,
}

impl<'a> Planner<'a> {
    pub(crate) fn new(inputs: Inputs<'a>, extent: Extent, source: Side, target: Side) -> Self {
        let read = SourceRead { objects: source.records.len() as u64, complete: source.is_complete() };
        let sources = source.records.into_iter().map(|record| Sourced::new(&inputs, record)).collect();
        Self { inputs, extent, sources, read, unreadable: source.unreadable, target, answers: Answers::default() }
    }

    /// Takes answers in. Sources that were looked up again are planned as if they had been read.
    pub(crate) fn answer(&mut self, answers: Answers) {
        let mut found: Vec<&Record> = answers.sources.values().flatten().flatten().collect();
        found.sort_by(|left, right| left.id.cmp(&right.id));
        for record in found {
            self.sources.push(Sourced::new(&self.inputs, record.clone()));
        }
        self.answers.sources.extend(answers.sources);
        self.answers.targets.extend(answers.targets);
        self.answers.deleted.extend(answers.deleted);
        self.answers.find.extend(answers.find);
    }

    /// The plan, or what must be looked up first.
    pub(crate) fn plan(&self) -> Result<MappingPlan, Questions> {
        let assessment =
            assess(&self.inputs, self.extent, &self.sources, self.read, &self.unreadable, &self.target, &self.answers)?;
        let mut situations: BTreeMap<Situation, u64> = BTreeMap::new();
        for case in &assessment.cases {
            *situations.entry(case.situation).or_default() += 1;
        }
        let mut entries = decide::decide(&self.inputs, &assessment);
        entries.sort_by(|left, right| left.key.cmp(&right.key));
        unique::settle(&self.inputs, &assessment.index, &mut entries);
        order::block_cycles(&mut entries);
        Ok(MappingPlan { entries, situations, owned_elsewhere: assessment.owned_elsewhere })
    }
}

/// Attributes that a mapping reads and no record of a read has: more likely a renamed column than an empty one. The
/// read counts as partial then.
pub(crate) fn schema_drift(inputs: &Inputs<'_>, source: &mut Side) -> Option<Problem> {
    if source.records.is_empty() {
        return None;
    }
    let mut seen: HashSet<&str> = HashSet::new();
    for record in &source.records {
        seen.extend(record.attributes.iter().map(|(name, _)| name.as_str()));
    }
    let missing = inputs.mapping.undelivered(|name| seen.contains(name));
    if missing.is_empty() {
        return None;
    }
    let names = missing.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    let message = format!("no record has {names}: renamed in the source? The read counts as partial");
    source.completeness = source.completeness.take().map(|_| Completeness::Partial { reason: message.clone() });
    Some(Problem::new(Severity::Attention, "schema-drift", message))
}
