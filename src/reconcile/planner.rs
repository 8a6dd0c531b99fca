//! The pure stage as a whole: from what was read of one mapping to its entries, or to questions.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::Entry;
use super::EntryKey;
use super::Problem;
use super::Severity;
use super::Situation;
use crate::model::{Completeness, Name, ObjectId, Origin, Record};
use crate::reconcile::decide::entries::Decider;
use crate::reconcile::decide::unique::Spaces;
use crate::reconcile::decide::{choose, holds};
use crate::reconcile::elements::{references, settle, whereabouts};
use crate::reconcile::find::assess::assess;
use crate::reconcile::find::case::{Assessment, Extent, SourceRead, Sourced};
use crate::reconcile::find::correlate::TargetIndex;
use crate::reconcile::plan::conceal;
use crate::reconcile::reading::inputs::{Answers, Inputs, Questions, Side};
use crate::reconcile::reading::pairs::Pairs;
use crate::reconcile::reading::watch::{Watch, watched};

/// What planning yields.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    pub(crate) entries: Vec<Entry>,
    pub(crate) situations: BTreeMap<Situation, u64>,
    pub(crate) owned_elsewhere: u64,
    /// For each planner the sources that the next incremental run looks at again, whatever becomes of their entries.
    pub(crate) watch: Vec<BTreeMap<Arc<str>, Watch>>,
}

/// Plans all mappings of a run together: what one of them finds protects what another would take away, and a value is
/// held once over all of them. Or gives what each planner must look up first.
pub(crate) fn plan(planners: &[Planner<'_>]) -> Result<Planned, Vec<Questions>> {
    let mut assessments = Vec::with_capacity(planners.len());
    let mut questions = Vec::with_capacity(planners.len());
    for planner in planners {
        match planner.assess() {
            Ok(assessment) => {
                assessments.push(assessment);
                questions.push(Questions::default());
            }
            Err(open) => questions.push(*open),
        }
    }
    if assessments.len() < planners.len() {
        return Err(questions);
    }
    let mut open = references::open(planners, &assessments);
    whereabouts::ask(planners, &assessments, &mut open);
    if open.iter().any(|questions| !questions.is_empty()) {
        return Err(open);
    }
    let candidates: HashSet<ObjectId> =
        assessments.iter().flat_map(|assessment| assessment.candidates.iter().cloned()).collect();
    let deciders: Vec<Decider<'_>> =
        planners.iter().map(|planner| Decider::new(&planner.inputs, &candidates)).collect();
    let mut planned = Planned::default();
    for planner in planners.iter().filter(|planner| planner.pairs.settled() > 0) {
        *planned.situations.entry(Situation::Confirmed).or_default() += planner.pairs.settled();
        planned.entries.extend(planner.pairs.take_entries());
    }
    for (assessment, decider) in assessments.iter().zip(&deciders) {
        for case in assessment.cases.iter().filter(|case| !case.is_referenced()) {
            *planned.situations.entry(case.situation).or_default() += 1;
        }
        planned.owned_elsewhere += assessment.owned_elsewhere;
        planned.entries.extend(decider.decide(&assessment.cases));
    }
    let Some(first) = planners.first() else { return Ok(planned) };
    planned.entries.sort_by(|left, right| left.key.cmp(&right.key));
    let spaces = Spaces {
        schemas: planners
            .iter()
            .map(|planner| (planner.inputs.mapping.target_class(), planner.inputs.schema))
            .collect(),
        constraints: first.inputs.constraints,
        indexes: assessments.iter().map(|assessment| &assessment.index).collect(),
    };
    choose::settle(&spaces, planners, &assessments, &mut planned.entries);
    holds::hold_objects(planners, &mut planned.entries);
    settle::settle(planners, &assessments, &deciders, &mut planned.entries);
    conceal::conceal(planners, &assessments, &mut planned.entries);
    let entries: HashMap<&EntryKey, &Entry> = planned.entries.iter().map(|entry| (&entry.key, entry)).collect();
    let all = planners.iter().zip(&assessments).zip(&deciders);
    planned.watch =
        all.map(|((planner, assessment), decider)| watched(&planner.inputs, assessment, decider, &entries)).collect();
    Ok(planned)
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
    pairs: Pairs,
    answers: Answers,
    /// Sources that were deleted, as the source says when it is asked what changed.
    deleted: BTreeSet<ObjectId>,
}

impl<'a> Planner<'a> {
    pub(crate) fn new(inputs: Inputs<'a>, extent: Extent, source: Side, target: Side, pairs: Pairs) -> Self {
        let delivered = |name: &str| source.delivers(name);
        let scope_delivered = source.objects() == 0 || inputs.mapping.scope_undelivered(delivered).is_empty();
        let read = SourceRead { objects: source.objects(), complete: source.is_complete(), scope_delivered };
        let sources = source.records.into_iter().map(|record| Sourced::new(&inputs, record)).collect();
        let (unreadable, answers, deleted) = (source.unreadable, Answers::default(), BTreeSet::new());
        let mut planner = Self { inputs, extent, sources, read, unreadable, target, pairs, answers, deleted };
        // Where not all of the target was read, it is asked who holds the values that a pair does not have yet.
        if !planner.target.is_complete() && inputs.abilities.target_find && planner.pairs.settled() > 0 {
            (0..inputs.links.places().len()).for_each(|place| planner.open(place));
        }
        planner.open_met(0);
        planner
    }

    /// Takes in which sources were deleted, as the source says. One of which there is a record all the same is there.
    pub(crate) fn deleted(&mut self, ids: impl IntoIterator<Item = ObjectId>) {
        self.deleted.extend(ids);
    }

    /// Opens the settled pairs that sources from this one on may be about: who shares an id with them, or may be the
    /// same account.
    fn open_met(&mut self, first: usize) {
        if self.pairs.settled() == 0 {
            return;
        }
        let mut met: Vec<usize> = Vec::new();
        for sourced in &self.sources[first..] {
            met.extend(self.inputs.links.place_of_source(&sourced.record.id));
            met.extend(self.pairs.candidates(&sourced.matching_keys(&self.inputs)));
        }
        met.into_iter().for_each(|place| self.open(place));
    }

    /// Looks at a pair again, with all that is known of others.
    fn open(&mut self, place: usize) {
        if self.pairs.is_settled(place) {
            let (source, target) = self.pairs.open(&self.inputs, place);
            self.sources.extend(source.map(|record| Sourced::new(&self.inputs, record)));
            self.target.records.extend(target);
        }
    }

    /// Takes answers in. Sources that were looked up again are planned as if they had been read.
    pub(crate) fn answer(&mut self, answers: Answers) {
        let first = self.sources.len();
        // What was asked for is fresher than what was listed, also of those that were settled.
        for record in answers.targets.values().chain(answers.find.values()).flatten().flatten() {
            if let Some(place) = self.inputs.links.place_of_target(&record.id) {
                self.open(place);
            }
        }
        let mut found: Vec<&Record> = answers.sources.values().flatten().flatten().collect();
        found.sort_by(|left, right| left.id.cmp(&right.id));
        for record in found {
            self.sources.push(Sourced::new(&self.inputs, record.clone()));
        }
        let mut found: Vec<&Record> = answers.references.values().flatten().flatten().collect();
        found.sort_by(|left, right| left.id.cmp(&right.id));
        for record in found {
            let sourced = Sourced::new(&self.inputs, record.clone());
            self.sources.push(Sourced { referenced: true, ..sourced });
        }
        self.answers.sources.extend(answers.sources);
        self.answers.references.extend(answers.references);
        self.answers.targets.extend(answers.targets);
        self.answers.whereabouts.extend(answers.whereabouts);
        self.answers.deleted.extend(answers.deleted);
        self.answers.find.extend(answers.find);
        self.open_met(first);
    }

    fn assess(&self) -> Result<Assessment<'_>, Box<Questions>> {
        let Self { inputs, extent, sources, read, unreadable, target, pairs, answers, deleted } = self;
        assess(inputs, *extent, sources, *read, unreadable, deleted, target, answers, pairs)
    }

    /// Whether the source was looked at as a whole, and read to its end.
    pub(super) fn is_whole(&self) -> bool {
        self.extent == Extent::Whole && self.read.complete
    }

    /// Whether objects that are referred to are looked up in the source, by their ids.
    pub(super) fn looks_up(&self) -> bool {
        self.extent == Extent::Only && self.inputs.abilities.source_get
    }

    /// Whether an object can still be looked up in the source by its id.
    pub(super) fn can_look_up(&self, id: &ObjectId) -> bool {
        self.looks_up() && *self.inputs.mapping.source_class() == id.class && !self.answers.references.contains_key(id)
    }

    /// Whether the target was asked where an object is.
    pub(super) fn was_asked(&self, id: &ObjectId) -> bool {
        self.answers.whereabouts.contains_key(id)
    }

    /// Whether an object that was asked for is not there, or may not be.
    pub(super) fn is_away(&self, id: &ObjectId) -> bool {
        self.answers.whereabouts.get(id).is_some_and(|answer| !answer.as_ref().is_ok_and(|found| !found.is_empty()))
    }

    /// An object of the target as it was read, of a settled pair too.
    pub(super) fn target<'b>(&self, index: &TargetIndex<'b>, id: &ObjectId) -> Option<Cow<'b, Record>> {
        match index.position(id) {
            Some(at) => Some(Cow::Borrowed(index.record(at))),
            None => self.pairs.target(&self.inputs, id).map(Cow::Owned),
        }
    }

    /// How many pairs were settled as they were read, and need not be looked at.
    #[cfg(test)]
    pub(super) fn settled(&self) -> u64 {
        self.pairs.settled()
    }

    /// What the planner goes by.
    pub(crate) fn inputs(&self) -> &Inputs<'a> {
        &self.inputs
    }
}

/// Attributes that a mapping reads and no record of a read has: more likely a renamed column than an empty one. The
/// read counts as partial then.
pub(crate) fn schema_drift(inputs: &Inputs<'_>, source: &mut Side) -> Option<Problem> {
    if source.objects() == 0 {
        return None;
    }
    let mut seen: HashSet<&str> = source.settled_names.iter().map(Name::as_str).collect();
    for record in &source.records {
        seen.extend(record.attributes.iter().map(|(name, _)| name.as_str()));
    }
    let mut missing = inputs.mapping.undelivered(|name| seen.contains(name));
    missing.extend(inputs.policy.source_attributes().filter(|name| !seen.contains(name.as_str())).cloned());
    missing.sort();
    missing.dedup();
    if missing.is_empty() {
        return None;
    }
    let names = missing.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    let message = format!("no record has {names}: renamed in the source? The read counts as partial");
    source.completeness = source.completeness.take().map(|_| Completeness::Partial { reason: message.clone() });
    Some(Problem::new(Severity::Attention, "schema-drift", message))
}
