//! A create whose answer never came: which object it made, if it made one.

use std::sync::Arc;

use crate::mapping::Rule;
use crate::model::{Name, Record, Schema, Value, comparison_key, values_equal};
use crate::reconcile::find::assess::Assessor;
use crate::reconcile::find::case::{Case, Sourced};
use crate::reconcile::find::correlate::Match;
use crate::reconcile::reading::inputs::InDoubt;
use crate::reconcile::{EntryKey, Situation};

/// How far what is known of the target's clock may be off.
const CLOCK_TOLERANCE: time::Duration = time::Duration::minutes(5);

/// Whether an object is what a create in doubt made: all anchors agree, and it is not older than the intent.
pub(crate) fn is_made_by(schema: &Schema, record: &Record, doubt: &InDoubt) -> bool {
    let agrees = |(name, value): &(Name, Value)| {
        let (Some(schema), Some(own)) = (schema.get(name), record.get(name)) else { return false };
        values_equal(schema, own, value)
    };
    let young = schema.created_at.as_ref().is_none_or(|name| {
        record.get(name).and_then(moment).is_some_and(|created| created >= doubt.begun_at - CLOCK_TOLERANCE)
    });
    young && !doubt.anchors.is_empty() && doubt.anchors.iter().all(agrees)
}

fn moment(value: &Value) -> Option<time::OffsetDateTime> {
    match value {
        Value::DateTime(moment) => Some(*moment),
        Value::Text(text) => time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok(),
        _ => None,
    }
}

impl<'a> Assessor<'a> {
    /// Whether a create that was cut off made the object after all. `None` if none was; `Some(None)` if it must be
    /// looked up first.
    pub(crate) fn recovered(&mut self, case: &mut Case<'a>, sourced: &'a Sourced) -> Option<Option<Case<'a>>> {
        let id = &sourced.record.id;
        let doubt = self.inputs.in_doubt.iter().find(|doubt| doubt.source == *id)?;
        let mut asked = false;
        let mut found: Vec<&'a Record> = Vec::new();
        for (name, value) in &doubt.anchors {
            let Some(schema) = self.inputs.schema.get(name) else { continue };
            if schema.unique_in.is_none() && !self.inputs.mapping.matching().contains(name) {
                continue;
            }
            asked |= self.inputs.abilities.target_find && !self.ask_find(name, value);
            let Some(key) = comparison_key(schema, value) else { continue };
            let holders = schema
                .unique_in
                .as_ref()
                .map_or(&[][..], |space| self.index.unsettled_holders(&(space.clone(), key.clone())));
            let matches = self.index.candidates(
                &self
                    .inputs
                    .mapping
                    .matching()
                    .iter()
                    .map(|own| (own == name).then(|| key.clone()))
                    .collect::<Vec<_>>(),
            );
            let matches = if let Match::Candidates(found) = matches { found } else { Arc::default() };
            for position in holders.iter().chain(matches.iter()).copied() {
                let record = self.index.record(position);
                if !found.iter().any(|known| known.id == record.id) {
                    found.push(record);
                }
            }
        }
        if asked {
            return Some(None);
        }
        // Whoever is linked is somebody's.
        found.retain(|record| self.inputs.links.of_target(&record.id).is_none());
        let others = found.len();
        let ours: Vec<&'a Record> =
            found.into_iter().filter(|record| is_made_by(self.inputs.schema, record, doubt)).collect();
        if others > 0 && ours.len() != 1 {
            let mut case =
                std::mem::replace(case, Case::new(EntryKey::of_source(self.key_name(), id), Situation::Ambiguous));
            case.situation = Situation::Ambiguous;
            let message = "a create was cut off, and what holds its values cannot be told for sure to be what it made; look in the target";
            return Some(Some(case.block("in-doubt", message)));
        }
        if ours.is_empty() && !self.is_repeatable(doubt, sourced) && self.is_recent(doubt) {
            let mut case =
                std::mem::replace(case, Case::new(EntryKey::of_source(self.key_name(), id), Situation::Pending));
            case.situation = Situation::Pending;
            let message = "a create was cut off, and no unique value would stop a second one; look in the target for what it made";
            return Some(Some(case.block("in-doubt", message)));
        }
        let [record] = ours.as_slice() else { return None };
        let mut case = std::mem::replace(case, Case::new(EntryKey::of_source(self.key_name(), id), Situation::Absent));
        case.situation = Situation::Found;
        case.target = Some(record);
        case.target_id = Some(record.id.clone());
        self.candidates.insert(record.id.clone());
        case.recovered = Some(doubt);
        Some(Some(case))
    }

    /// Whether creating again would be refused if the first create was carried out after all.
    fn is_repeatable(&self, doubt: &InDoubt, sourced: &Sourced) -> bool {
        let (schema, mapping) = (self.inputs.schema, self.inputs.mapping);
        doubt.is_repeatable_with(schema, |name, value| {
            // Of those that are chosen the same one is free, or it is known who holds it.
            let is_chosen = mapping.rule(name).is_some_and(Rule::is_chosen);
            let same = |own: Value| schema.get(name).is_some_and(|schema| values_equal(schema, &own, value));
            is_chosen || sourced.desired(&self.inputs, name).is_some_and(same)
        })
    }

    /// Whether what a create made may not show yet; without anything to find it by, nobody can ever say.
    fn is_recent(&self, doubt: &InDoubt) -> bool {
        doubt.anchors.is_empty() || self.inputs.is_young(doubt.tried_at)
    }
}
