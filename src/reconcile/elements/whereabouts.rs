//! Whether those are there who were given, and do not show where they were given.

use std::collections::HashSet;
use std::sync::Arc;

use crate::model::{Class, Kind, Name, ObjectId, Value};
use crate::reconcile::find::case::{Assessment, Case};
use crate::reconcile::planner::Planner;
use crate::reconcile::reading::inputs::{Inputs, Questions};

/// Asks for them where the run does not read all of their class. Whoever is not there comes back with what he was given,
/// so that it stays given; of whoever is there someone else took it.
pub(crate) fn ask(planners: &[Planner<'_>], assessments: &[Assessment<'_>], questions: &mut [Questions]) {
    let is_read = |class: &Class| {
        planners.iter().any(|planner| planner.inputs().mapping.target_class() == class && planner.is_whole())
    };
    let cases = || assessments.iter().flat_map(|assessment| &assessment.cases);
    let met: HashSet<&ObjectId> = cases().filter_map(|case| case.source_id.as_ref()).collect();
    for ((planner, assessment), questions) in planners.iter().zip(assessments).zip(questions) {
        let inputs = planner.inputs();
        if !inputs.abilities.target_get {
            continue;
        }
        for rule in inputs.mapping.rules() {
            let Some(Kind::Reference(class)) = inputs.schema.get(rule.target()).map(|schema| &schema.kind) else {
                continue;
            };
            if is_read(class) {
                continue;
            }
            for case in assessment.cases.iter().filter(|case| !case.is_referenced()) {
                let unseen =
                    unseen(inputs, case, rule.target()).into_iter().map(|own| ObjectId::new(class.clone(), own));
                // Whom nobody is linked to nobody brings back.
                let is_linked = |id: &ObjectId| {
                    let link = inputs.links.of_target(id);
                    link.is_some_and(|link| link.target.deleted_at.is_none() && !met.contains(&link.source))
                };
                questions.whereabouts.extend(unseen.filter(|id| planner.away(id).is_none() && is_linked(id)));
            }
        }
    }
}

/// What was given to an object and does not show, though it is too old to be only late.
fn unseen(inputs: &Inputs<'_>, case: &Case<'_>, attribute: &Name) -> Vec<Arc<str>> {
    let Some((target, record)) = case.target_id.as_ref().zip(case.target) else { return Vec::new() };
    let given = inputs.given.of(target, attribute);
    let shown = record.get(attribute).filter(|_| given.len() > 0 && !record.partial.contains_key(attribute));
    let Some(shown) = shown else { return Vec::new() };
    let shown: HashSet<&str> = shown.as_slice().iter().filter_map(Value::as_text).collect();
    let unseen = given.iter().filter(|(own, at)| !shown.contains(&***own) && !inputs.is_young(*at));
    unseen.map(|(own, _)| Arc::clone(own)).collect()
}
