//! Situations that several objects are in together.

use std::collections::{HashMap, HashSet};

use crate::model::ObjectId;
use crate::reconcile::decide::unique::listed;
use crate::reconcile::find::case::Case;
use crate::reconcile::{EntryKey, Problem, Severity, Situation};

/// Several sources that found the same target: it is nobody's until a person says whose.
pub(crate) fn contest(cases: &mut [Case<'_>]) {
    let mut claims: HashMap<ObjectId, Vec<usize>> = HashMap::new();
    for (position, case) in cases.iter().enumerate() {
        if case.situation == Situation::Found
            && let Some(target) = &case.target_id
        {
            claims.entry(target.clone()).or_default().push(position);
        }
    }
    for positions in claims.values().filter(|positions| positions.len() > 1) {
        let ids =
            listed(positions.iter().filter_map(|at| cases[*at].source_id.as_ref()).map(ToString::to_string), ", ");
        for position in positions {
            let case = &mut cases[*position];
            case.situation = Situation::Ambiguous;
            case.recovered = None;
            case.problems.push(Problem::new(
                Severity::Attention,
                "contested",
                format!("several sources match one object: {ids}"),
            ));
        }
    }
}

/// A source that is gone and another that came for its account are one person with a new id.
pub(crate) fn rekey(cases: &mut Vec<Case<'_>>) {
    let gone: HashMap<ObjectId, usize> = cases
        .iter()
        .enumerate()
        .filter(|(_, case)| case.situation == Situation::SourceMissing && case.problems.is_empty())
        .filter_map(|(position, case)| Some((case.target_id.clone()?, position)))
        .collect();
    let mut arrivals: HashMap<usize, Vec<usize>> = HashMap::new();
    for (position, case) in cases.iter().enumerate() {
        if case.situation == Situation::FoundAlreadyLinked
            && let Some(left) = case.target_id.as_ref().and_then(|target| gone.get(target))
        {
            arrivals.entry(*left).or_default().push(position);
        }
    }
    let mut merged: HashSet<EntryKey> = HashSet::new();
    for (left, arrived) in arrivals {
        let [arrived] = arrived.as_slice() else { continue };
        merged.insert(cases[left].key.clone());
        cases[*arrived].situation = Situation::Rekeyed;
        cases[*arrived].evidence = cases[left].evidence.clone();
    }
    cases.retain(|case| case.situation == Situation::Rekeyed || !merged.contains(&case.key));
}

/// Numbers records that share an id anew where their rows do not tell them apart: they have none, or are of several
/// files.
pub(crate) fn tell_apart(cases: &mut [Case<'_>]) {
    let rows: HashSet<Option<u64>> = cases.iter().map(|case| case.key.record).collect();
    if rows.len() < cases.len() {
        for (number, case) in (1..).zip(cases) {
            case.key.record = Some(number);
        }
    }
}
