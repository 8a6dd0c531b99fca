//! References and licences of all objects of a run: what is given and taken one by one.

use std::collections::HashMap;

use crate::model::Name;
use crate::reconcile::decide::entries::Decider;
use crate::reconcile::decide::holds;
use crate::reconcile::elements::found::{Found, draft_findings};
use crate::reconcile::elements::licenses::find_licenses;
use crate::reconcile::elements::references::{References, Referents};
use crate::reconcile::elements::{heirs, seats};
use crate::reconcile::find::case::{Assessment, Case};
use crate::reconcile::planner::Planner;
use crate::reconcile::reading::inputs::Inputs;
use crate::reconcile::{Action, Entry, EntryKey, FindingKind, Problem, SetKind, Severity};

/// Adds references and licences to the entries; an object of which nothing else changes gets an entry for them.
pub(crate) fn settle(
    planners: &[Planner<'_>],
    assessments: &[Assessment<'_>],
    deciders: &[Decider<'_>],
    entries: &mut Vec<Entry>,
) {
    let has_elements = |planner: &Planner<'_>| {
        let inputs = planner.inputs();
        inputs.schema.licenses.is_some()
            || inputs.mapping.target_attributes().any(|name| inputs.schema.is_reference(name))
    };
    if !planners.iter().any(has_elements) {
        return;
    }
    let places: HashMap<EntryKey, usize> =
        entries.iter().enumerate().map(|(at, entry)| (entry.key.clone(), at)).collect();
    let referents = Referents::new(planners, assessments, entries);
    let mut additions: Vec<(Option<usize>, &Decider<'_>, &Case<'_>, Found)> = Vec::new();
    for ((planner, assessment), decider) in planners.iter().zip(assessments).zip(deciders) {
        if !has_elements(planner) {
            continue;
        }
        let inputs = planner.inputs();
        let references = References { referents: &referents, inputs, planner };
        for case in assessment.cases.iter().filter(|case| !case.is_referenced()) {
            let at = places.get(&case.key).copied();
            let entry = at.map(|at| &entries[at]);
            let Some(is_new) = takes_elements(decider, case, entry) else { continue };
            let mut found = references.find(case, is_new);
            check(inputs, case, entry, is_new, &mut found);
            find_licenses(inputs, case, entry, is_new, &mut found);
            if !found.is_empty() {
                additions.push((at, decider, case, found));
            }
        }
    }
    for (at, decider, case, found) in additions {
        let at = at.unwrap_or_else(|| {
            entries.push(decider.blank(case));
            entries.len() - 1
        });
        add(decider, &mut entries[at], found);
    }
    holds::hold_licenses(planners, entries);
    seats::settle(planners, entries);
    heirs::warn_of_seats(planners, assessments, entries);
    for entry in entries.iter_mut() {
        // What is left may be nothing but words.
        if entry.action == Action::Update && !entry.runs() && !entry.is_blocked() {
            entry.action = Action::Report;
        }
    }
}

/// Whether elements are looked at for an object, and then whether this plan makes it.
fn takes_elements(decider: &Decider<'_>, case: &Case<'_>, entry: Option<&Entry>) -> Option<bool> {
    let updates = decider.updates(case);
    match entry {
        Some(entry) if entry.is_blocked() => None,
        Some(entry) => match entry.action {
            Action::Create => Some(true),
            Action::Link => Some(false),
            // Of those who left only the steps of their leaving are carried out.
            Action::Update | Action::Disable | Action::Report => updates.then_some(false),
            _ => None,
        },
        None => updates.then_some(false),
    }
}

fn add(decider: &Decider<'_>, entry: &mut Entry, found: Found) {
    if !decider.inputs().policy.preferences().update && entry.action != Action::Create {
        let (references, licenses): (Vec<_>, Vec<_>) =
            found.sets.into_iter().partition(|set| set.kind != SetKind::Licenses);
        if !references.is_empty() {
            let message = format!("{} references differ, and update is off", references.len());
            entry.problems.push(Problem::new(Severity::Warning, "update-off", message));
        }
        entry.sets.extend(licenses);
    } else {
        entry.sets.extend(found.sets);
        entry.after.extend(found.edges);
    }
    entry.sets.sort_by(|left, right| left.attribute.cmp(&right.attribute));
    entry.problems.extend(found.problems);
    entry.forget.extend(found.forget);
    let has_work = !entry.sets.is_empty() || !entry.forget.is_empty();
    if has_work && entry.action == Action::Report {
        entry.action = Action::Update;
        entry.reason = None;
    }
}

/// Leaves out the references that the target's constraints forbid, and says so.
fn check(inputs: &Inputs<'_>, case: &Case<'_>, entry: Option<&Entry>, is_new: bool, found: &mut Found) {
    if found.sets.is_empty() {
        return;
    }
    let names: Vec<Name> = found.sets.iter().map(|set| set.attribute.clone()).collect();
    let current = case.target.filter(|_| !is_new);
    let allowed = inputs.policy.preferences().allows_privileged();
    for finding in draft_findings(inputs, current, entry, &names) {
        let is_privileged = finding.kind == FindingKind::Privileged;
        if is_privileged && allowed {
            continue;
        }
        let severity = if is_privileged { Severity::Attention } else { Severity::Warning };
        let problem = Problem::new(severity, finding.rule, finding.message);
        if is_privileged || finding.kind == FindingKind::Violation {
            let forbidden = |name: &Name| finding.attribute.as_ref().is_none_or(|attribute| attribute == name);
            found.sets.retain(|set| !forbidden(&set.attribute));
            found.edges.retain(|edge| !forbidden(&edge.attribute));
        }
        found.problems.push(match finding.attribute {
            Some(attribute) => problem.with_value(attribute, None),
            None => problem,
        });
    }
}
