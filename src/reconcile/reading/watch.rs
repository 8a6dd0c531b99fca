//! Whom an incremental run looks at again although neither side says that he changed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::later;
use crate::mapping::{FlowOutcome, Mapped};
use crate::reconcile::decide::entries::Decider;
use crate::reconcile::find::case::{Assessment, Case};
use crate::reconcile::policy::rules::Decision;
use crate::reconcile::{Action, Entry, EntryKey, Inputs, Situation};

/// Why an object is looked at again although nothing of it changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Watch {
    /// What the mapping makes of it changes with time alone.
    Clock,
    /// It has no counterpart of its own: one may appear, or be taken away.
    Unlinked,
    /// It takes in what is nested in others.
    Nested,
    /// It left, and steps are still to come.
    Leaving,
    /// Something stands in its way, or was left out.
    Problem,
    /// What was planned for it was not done.
    Undone,
}

/// The sources of one mapping that are to be looked at again even if all that is planned for them gets done.
pub(crate) fn watched(
    inputs: &Inputs<'_>,
    assessment: &Assessment<'_>,
    decider: &Decider<'_>,
    entries: &HashMap<&EntryKey, &Entry>,
) -> BTreeMap<Arc<str>, Watch> {
    let reads_clock = inputs.mapping.reads_clock();
    let (context, read_clock) = inputs.context.watched();
    let nests = inputs.mapping.target_attributes().any(|name| inputs.mapping.flattened_into(name).is_some());
    let mut watched = BTreeMap::new();
    for case in assessment.cases.iter().filter(|case| !case.is_referenced()) {
        let Some(id) = &case.source_id else { continue };
        let why = unsettled(case, decider, entries).or_else(|| {
            let sourced = case.source?;
            if nests && nests_others(inputs, &sourced.mapped) {
                return Some(Watch::Nested);
            }
            let changes = reads_clock && {
                let _ = inputs.mapping.evaluate(&sourced.record, &context);
                read_clock()
            };
            changes.then_some(Watch::Clock)
        });
        if let Some(why) = why {
            watched.insert(Arc::clone(&id.id), why);
            // The one that is gone has no case of its own, until nobody comes for its account any more.
            if let (Situation::Rekeyed, Some(link)) = (case.situation, case.link) {
                watched.insert(Arc::clone(&link.source.id), why);
            }
        }
    }
    watched
}

/// Why an object's situation may become another without a change of its record or of the object that it is linked to.
fn unsettled(case: &Case<'_>, decider: &Decider<'_>, entries: &HashMap<&EntryKey, &Entry>) -> Option<Watch> {
    use Situation as S;
    let settles = || {
        entries.get(&case.key).is_some_and(|entry| {
            let links = matches!(entry.action, Action::Create | Action::Link | Action::Relink | Action::Restore);
            entry.runs() && (links || matches!(entry.action, Action::Unlink | Action::Delete))
        })
    };
    let may_be_others = || (case.link.is_none() && !case.candidates.is_empty()).then_some(Watch::Unlinked);
    match case.situation {
        S::Confirmed | S::Retired | S::Unassigned | S::TargetIgnored | S::AllGone => None,
        // Nobody takes away what it may have, as long as the run knows of it.
        S::SourceIgnored => may_be_others(),
        S::Unqualified | S::SourceMissing if case.link.is_none() => may_be_others(),
        S::Unqualified | S::SourceMissing => (!settles() && is_leaving(case, decider)).then_some(Watch::Leaving),
        S::Found
        | S::Absent
        | S::Ambiguous
        | S::FoundAlreadyLinked
        | S::Missing
        | S::RecycleBin
        | S::Pending
        | S::Rekeyed
        | S::Duplicate
        | S::Unreadable
        | S::LinkOnly => (!settles()).then_some(Watch::Unlinked),
    }
}

/// Whether steps are still to come for one who left, or are held back for now.
fn is_leaving(case: &Case<'_>, decider: &Decider<'_>) -> bool {
    let Some(link) = case.link else { return false };
    if decider.candidates.contains(&link.target.object) {
        return true;
    }
    let Decision::Leave(leaver) = decider.answer(case) else { return false };
    let as_of = decider.inputs.context.as_of();
    let since = link.target.leaving_since.unwrap_or(as_of);
    leaver.steps.iter().any(|step| later(since, step.after) > as_of)
}

fn nests_others(inputs: &Inputs<'_>, mapped: &Mapped) -> bool {
    let Mapped::Flows(flows) = mapped else { return false };
    flows
        .iter()
        .filter(|flow| inputs.mapping.flattened_into(&flow.attribute).is_some())
        .any(|flow| matches!(&flow.outcome, FlowOutcome::Value(value) if !value.as_slice().is_empty()))
}
