//! What of the elements whose answer was lost is the job's: what shows was given, what is gone was taken, and of whom lies
//! in the recycle bin nobody knows yet.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::Job;
use super::ledger::{Intent, Taken};
use super::recover::{reread, taken};
use crate::error::Result;
use crate::model::{Cardinality, ElementChange, Kind, License, Name, ObjectId, Record, Schema, Value};
use crate::reconcile::{Answer, Given, Guard, element_key};
use crate::store::{Batch, Lease};

/// What is known of the elements that intents are about.
pub(super) struct Held {
    /// What of them is remembered as given.
    given: Given,
    /// The objects that are not there, of those that were to be given or taken and do not show where they were.
    away: HashSet<ObjectId>,
}

impl Job {
    /// What is known of the elements that intents are about.
    pub(super) async fn held(&self, intents: &[Intent], records: &HashMap<ObjectId, Answer>) -> Result<Held> {
        let mut given = Given::default();
        let mut unseen = HashSet::new();
        for intent in intents.iter().filter(|intent| !intent.elements.is_empty()) {
            if let Some(target) = &intent.target {
                self.ledger.given_to(&mut given, self.target.name(), target).await?;
            }
            let found = intent.target.as_ref().and_then(|id| records.get(id)).and_then(|found| found.as_ref().ok());
            let (Some([record]), Some(ready)) = (found.map(Vec::as_slice), self.ready_for(intent)) else { continue };
            for (attribute, change) in &intent.elements {
                let shown = record.get(attribute).map_or(&[][..], Value::as_slice);
                let elements = change.add.iter().chain(&change.remove).filter(|own| !shown.contains(own));
                let keys: Vec<Arc<str>> = elements.filter_map(element_key).collect();
                unseen.extend(referred(&ready.schema, attribute, &keys));
            }
        }
        Ok(Held { given, away: self.not_there(unseen).await? })
    }

    /// Remembers as given what was to be given to an object that does not show: what of it turns out not to be there is
    /// forgotten then.
    pub(super) fn claim_elements(&self, intent: &Intent, batch: &mut Batch) {
        let Some(target) = &intent.target else { return };
        for (attribute, change) in &intent.elements {
            for key in change.add.iter().filter_map(element_key) {
                self.ledger.put_given(batch, self.target.name(), target, attribute, &key, intent.target_at());
            }
        }
    }

    /// Remembers the elements that were given and taken although the answer was lost. Whether all of them show, or are
    /// too old to show yet.
    ///
    /// Whoever does not show and is away may be back with what he was given: it stays given, until planning is sure that
    /// it is not there. So does what was given after this was begun.
    pub(super) fn recover_elements(&self, intent: &Intent, record: &Record, held: &Held, batch: &mut Batch) -> bool {
        let (store, at) = (self.target.name(), intent.at);
        let given_at = intent.target_at();
        let schema = self.ready_for(intent).map(|ready| &ready.schema);
        let outcome = outcome_of(intent, record);
        for (attribute, change) in &outcome {
            let attribute_schema = schema.and_then(|schema| schema.get(attribute));
            let many = attribute_schema.is_some_and(|schema| schema.cardinality == Cardinality::Many);
            let licensing = schema.is_some_and(|schema| schema.is_licensing(attribute));
            let is_away = |key: &Arc<str>| {
                schema.is_some_and(|schema| referred(schema, attribute, [key]).any(|own| held.away.contains(&own)))
            };
            let given = held.given.of(&record.id, attribute);
            let is_later = |key: &Arc<str>| given.at(key).is_some_and(|at| at > given_at);
            let added: HashSet<Arc<str>> = change.add.iter().filter_map(element_key).collect();
            let asked = intent.elements[attribute].add.iter().filter_map(element_key);
            for key in asked.filter(|key| (added.contains(key) || is_away(key)) && !is_later(key)) {
                self.ledger.put_given(batch, store, &record.id, attribute, &key, given_at);
            }
            for key in change.remove.iter().filter_map(element_key) {
                if !is_away(&key) && !is_later(&key) {
                    self.ledger.remove_given(batch, store, &record.id, attribute, &key);
                }
                let element = format!("{attribute} {key}");
                // What a dead run took away counts as it would have.
                let (guard, element, count) = match (licensing, many) {
                    (true, _) => (Guard::LicenseRemoval, None, intent.licenses_lost),
                    (false, true) => (Guard::MemberRemoval, Some(element.as_str()), 1),
                    (false, false) => (Guard::Clear, Some(attribute.as_str()), 1),
                };
                if count > 0 {
                    let removal = Taken { count, ..taken(intent, guard, element) };
                    self.ledger.put_removal(batch, &self.name, &removal, at);
                }
            }
        }
        let of = |changes: &BTreeMap<Name, ElementChange>| {
            changes.values().map(|change| change.add.len() + change.remove.len()).sum::<usize>()
        };
        // What was not read to its end says nothing of what it does not show.
        let whole = intent.elements.keys().all(|name| record.get(name).is_some() && !record.partial.contains_key(name));
        of(&outcome) == of(&intent.elements) || (whole && !self.is_young(intent.target_at()))
    }

    /// Settles what earlier runs were to give and take and this one saw done, so that it is not in doubt until the next.
    pub(super) async fn recover_overtaken(&self, lease: &Lease, plan: &str) -> Result<()> {
        let mut intents = self.ledger.intents(&self.name).await?;
        intents.retain(|intent| intent.plan != plan && !intent.elements.is_empty());
        intents.sort_by_key(Intent::target_at);
        let ids: Vec<ObjectId> = intents.iter().filter_map(|intent| intent.target.clone()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let records = reread(&*self.target, &ids).await;
        let held = self.held(&intents, &records).await?;
        let mut batch = Batch::new();
        for intent in intents {
            let Some(Ok(found)) = intent.target.as_ref().and_then(|id| records.get(id)) else { continue };
            if let [record] = found.as_slice()
                && self.recover_elements(&intent, record, &held, &mut batch)
            {
                self.ledger.remove_intent(&mut batch, &self.name, &intent);
            }
        }
        if batch.is_empty() { Ok(()) } else { self.ledger.state().commit(lease, batch).await }
    }

    /// Those of some objects that are not there now, but linked: they may lie in the recycle bin, and come back. One that
    /// cannot be asked for may be there or not.
    pub(super) async fn not_there(&self, objects: HashSet<ObjectId>) -> Result<HashSet<ObjectId>> {
        let objects: Vec<ObjectId> = objects.into_iter().collect();
        let found = if objects.is_empty() { HashMap::new() } else { reread(&*self.target, &objects).await };
        let mut away = HashSet::new();
        for object in objects {
            let is_there =
                found.get(&object).is_some_and(|found| found.as_ref().is_ok_and(|records| !records.is_empty()));
            // What nobody is linked to is not waited for.
            if !is_there && !self.ledger.links_of(self.target.name(), &object).await?.is_empty() {
                away.insert(object);
            }
        }
        Ok(away)
    }
}

/// The objects that elements of an attribute refer to.
pub(super) fn referred<'a>(
    schema: &'a Schema,
    attribute: &Name,
    elements: impl IntoIterator<Item = &'a Arc<str>>,
) -> impl Iterator<Item = ObjectId> {
    let class = match schema.get(attribute).map(|schema| &schema.kind) {
        Some(Kind::Reference(class)) => Some(class),
        _ => None,
    };
    elements.into_iter().filter_map(move |element| Some(ObjectId::new(class?.clone(), Arc::clone(element))))
}

/// Of a write that was begun and whose outcome is not known: what is there now was given, what is gone was taken.
fn outcome_of(intent: &Intent, record: &Record) -> BTreeMap<Name, ElementChange> {
    let mut outcome = BTreeMap::new();
    for (attribute, change) in &intent.elements {
        let Some(value) = record.get(attribute) else { continue };
        // What an object inherits was neither given nor taken.
        let direct = value.as_slice().iter().filter(|own| License::from_value(own).is_some_and(|own| own.is_direct()));
        let held: HashSet<Arc<str>> = direct.filter_map(element_key).collect();
        let holds = |element: &&Value| element_key(element).is_some_and(|key| held.contains(&key));
        let whole = !record.partial.contains_key(attribute);
        let add = change.add.iter().filter(holds).cloned();
        let remove = change.remove.iter().filter(|element| whole && !holds(element)).cloned();
        outcome.insert(attribute.clone(), ElementChange::new(add, remove));
    }
    outcome
}
