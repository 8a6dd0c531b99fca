//! Whether those are there who were given, and do not show where they were given; and those who are to be given.

use std::cell::LazyCell;
use std::collections::HashSet;
use std::sync::Arc;

use crate::mapping::{Mapped, Rule};
use crate::model::{Class, Kind, Name, ObjectId, Value};
use crate::reconcile::Situation;
use crate::reconcile::elements::references::ids;
use crate::reconcile::find::case::{Assessment, Case};
use crate::reconcile::find::link::Linked;
use crate::reconcile::planner::Planner;
use crate::reconcile::reading::inputs::{Inputs, Questions};

/// Asks for them where the run does not say. Whoever is not there comes back with what he was given, so that it stays
/// given; of whoever is there someone else took it. Nothing can be given to whoever is not there.
pub(crate) fn ask(planners: &[Planner<'_>], assessments: &[Assessment<'_>], questions: &mut [Questions]) {
    let known = LazyCell::new(|| Known::new(assessments));
    for ((planner, assessment), questions) in planners.iter().zip(assessments).zip(questions) {
        let inputs = planner.inputs();
        if !inputs.abilities.target_get {
            continue;
        }
        // Of others nothing is given or taken.
        let is_compared = |case: &&Case<'_>| {
            !case.is_referenced() && case.source.is_some_and(|sourced| matches!(sourced.mapped, Mapped::Flows(_)))
        };
        for rule in inputs.mapping.rules() {
            let Some(Kind::Reference(class)) = inputs.schema.get(rule.target()).map(|schema| &schema.kind) else {
                continue;
            };
            let compared = assessment.cases.iter().filter(is_compared);
            for own in compared.flat_map(|case| {
                unseen(inputs, case, rule.target()).into_iter().chain(new(planners, inputs, case, rule, class))
            }) {
                let id = ObjectId::new(class.clone(), own);
                // Whom nobody is linked to nobody brings back.
                let link = inputs.links.of_target(&id).filter(|link| link.target.deleted_at.is_none());
                if !planner.was_asked(&id) && link.is_some_and(|link| !known.says_of(planners, link)) {
                    questions.whereabouts.insert(id);
                }
            }
        }
    }
}

/// What the run knows of the sources of links.
struct Known<'a> {
    /// Whose accounts were looked at.
    met: HashSet<&'a ObjectId>,
    /// Whose accounts were not, though they were read.
    left_alone: HashSet<&'a ObjectId>,
}

impl<'a> Known<'a> {
    fn new(assessments: &'a [Assessment<'_>]) -> Self {
        let mut known = Self { met: HashSet::new(), left_alone: HashSet::new() };
        for case in assessments.iter().flat_map(|assessment| &assessment.cases) {
            let Some(id) = &case.source_id else { continue };
            match case.situation {
                Situation::SourceIgnored | Situation::Unreadable => known.left_alone.insert(id),
                _ => known.met.insert(id),
            };
        }
        known
    }

    /// Whether the run says where the account of a link is: it met its source, or settled the pair on the way.
    fn says_of(&self, planners: &[Planner<'_>], link: &Linked) -> bool {
        let is_read = |planner: &Planner<'_>| {
            let inputs = planner.inputs();
            planner.is_whole()
                && *inputs.mapping.source_class() == link.source.class
                && *inputs.mapping.target_class() == link.target.object.class
                && link.target.owner.as_deref() == Some(inputs.job)
        };
        !self.left_alone.contains(&link.source) && (self.met.contains(&link.source) || planners.iter().any(is_read))
    }
}

/// What was given to an object and does not show, though it is too old to be only late.
fn unseen(inputs: &Inputs<'_>, case: &Case<'_>, attribute: &Name) -> Vec<Arc<str>> {
    let Some((target, record)) = case.target_id.as_ref().zip(case.target) else { return Vec::new() };
    let given = inputs.given.of(target, attribute);
    let shown = record.get(attribute).filter(|_| given.len() > 0 && !record.partial.contains_key(attribute));
    let Some(shown) = shown else { return Vec::new() };
    let shown: HashSet<&str> = shown.as_slice().iter().filter_map(Value::as_text).collect();
    let unseen = given.iter().filter(|(own, giving)| !shown.contains(&***own) && !inputs.is_young(giving.at));
    unseen.map(|(own, _)| Arc::clone(own)).collect()
}

/// The linked objects that an attribute names and does not hold, but for those that are too young to be asked for.
fn new(planners: &[Planner<'_>], inputs: &Inputs<'_>, case: &Case<'_>, rule: &Rule, class: &Class) -> Vec<Arc<str>> {
    let Some(sourced) = case.source.filter(|sourced| sourced.is_in_scope()) else { return Vec::new() };
    let Mapped::Flows(flows) = &sourced.mapped else { return Vec::new() };
    let shown = case.target.and_then(|record| record.get(rule.target())).map_or(&[][..], Value::as_slice);
    let shown: HashSet<&str> = shown.iter().filter_map(Value::as_text).collect();
    let wanted = ids(flows, rule, sourced, false).into_iter().flat_map(|wanted| wanted.ids);
    let linked = |id: Arc<str>| {
        let of_class = planners.iter().map(Planner::inputs).filter(|own| own.mapping.target_class() == class);
        let links = of_class.filter_map(move |own| {
            inputs.links.of_source(&ObjectId::new(own.mapping.source_class().clone(), Arc::clone(&id)))
        });
        links.filter(|link| link.target.deleted_at.is_none() && !inputs.is_young(link.target.since))
    };
    let objects = wanted.flat_map(linked).map(|link| Arc::clone(&link.target.object.id));
    objects.filter(|object| !shown.contains(&**object)).collect()
}
