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
                let unseen = unseen(inputs, case, rule.target()).map(|own| ObjectId::new(class.clone(), own));
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
fn unseen<'a>(inputs: &'a Inputs<'_>, case: &Case<'_>, attribute: &Name) -> impl Iterator<Item = Arc<str>> + use<'a> {
    let shown = case.target.filter(|record| !record.partial.contains_key(attribute));
    let shown = shown.and_then(|record| record.get(attribute)).map(Value::as_slice);
    let current: HashSet<String> = shown.into_iter().flatten().filter_map(Value::as_text).map(str::to_owned).collect();
    let given = case.target_id.as_ref().filter(|_| shown.is_some()).map(|target| inputs.given.of(target, attribute));
    let given = given.into_iter().flat_map(|given| given.iter());
    given.filter(move |(own, at)| !current.contains(&***own) && !inputs.is_young(*at)).map(|(own, _)| Arc::clone(own))
}
