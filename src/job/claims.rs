//! What of the elements whose answer was lost is the job's: what shows was given, what is gone was taken, and of whom lies
//! in the recycle bin nobody knows yet.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use time::OffsetDateTime;

use super::Job;
use super::ledger::{Intent, Taken};
use super::recover::{Unsettled, reread, taken};
use crate::error::Result;
use crate::model::{Cardinality, ElementChange, Kind, License, Name, ObjectId, Record, Schema, Value};
use crate::reconcile::{Answer, Given, Giving, Guard, element_key};
use crate::store::{Batch, Lease};

/// Where the objects are that elements refer to which do not show.
#[derive(Default)]
pub(super) struct Whereabouts {
    /// Those of which it is known that they are not there themselves, though linked: they may lie in the recycle bin, and
    /// come back.
    pub(super) away: HashSet<ObjectId>,
    /// Those that could not be asked for.
    unasked: HashSet<ObjectId>,
}

/// What is known of elements that do not show where they were given or taken.
pub(super) struct Claims {
    /// What is remembered as given to the objects.
    given: Given,
    pub(super) whereabouts: Whereabouts,
}

/// Elements of one attribute of one object.
pub(super) struct Unseen<'a> {
    /// The place of what asks for them.
    pub(super) at: usize,
    pub(super) schema: &'a Schema,
    pub(super) object: ObjectId,
    pub(super) attribute: Name,
    pub(super) keys: Vec<Arc<str>>,
}

impl Whereabouts {
    fn is_away(&self, schema: &Schema, attribute: &Name, key: &Arc<str>) -> bool {
        referred(schema, attribute, key).is_some_and(|own| self.away.contains(&own))
    }

    fn is_unasked(&self, schema: &Schema, attribute: &Name, key: &Arc<str>) -> bool {
        referred(schema, attribute, key).is_some_and(|own| self.unasked.contains(&own))
    }

    /// Whether an element may be there again: the object that it is lies in the recycle bin, or could not be asked for.
    pub(super) fn may_come_back(&self, schema: &Schema, attribute: &Name, key: &Arc<str>) -> bool {
        self.is_away(schema, attribute, key) || self.is_unasked(schema, attribute, key)
    }
}

impl Claims {
    /// When an element was given, as far as is remembered.
    fn given_at(&self, object: &ObjectId, attribute: &Name, key: &str) -> Option<OffsetDateTime> {
        self.given.of(object, attribute).at(key)
    }
}

impl Job {
    /// Looks for the objects that elements refer to which do not show.
    pub(super) async fn whereabouts(&self, unseen: &[Unseen<'_>]) -> Result<Whereabouts> {
        let referred = |own: &Unseen<'_>| {
            own.keys.iter().filter_map(|key| referred(own.schema, &own.attribute, key)).collect::<Vec<_>>()
        };
        let objects: HashSet<ObjectId> = unseen.iter().flat_map(referred).collect();
        let objects: Vec<ObjectId> = objects.into_iter().collect();
        let found = if objects.is_empty() { HashMap::new() } else { reread(&*self.target, &objects).await };
        let mut whereabouts = Whereabouts::default();
        for object in objects {
            match found.get(&object) {
                Some(Ok(records)) if !records.is_empty() => {}
                Some(Ok(_)) => {
                    // What nobody is linked to is not waited for.
                    if !self.ledger.links_of(self.target.name(), &object).await?.is_empty() {
                        whereabouts.away.insert(object);
                    }
                }
                _ => _ = whereabouts.unasked.insert(object),
            }
        }
        Ok(whereabouts)
    }

    /// The same, with what is remembered as given.
    pub(super) async fn claims(&self, unseen: &[Unseen<'_>]) -> Result<Claims> {
        let mut given = Given::default();
        for object in unseen.iter().map(|unseen| &unseen.object).collect::<BTreeSet<_>>() {
            self.ledger.given_to(&mut given, self.target.name(), object).await?;
        }
        Ok(Claims { given, whereabouts: self.whereabouts(unseen).await? })
    }

    /// Whether what does not show stays the job's: it may come back with an account that was deleted, or be too young to
    /// show.
    pub(super) fn stays(
        &self,
        claims: &Claims,
        schema: &Schema,
        object: &ObjectId,
        attribute: &Name,
        key: &Arc<str>,
    ) -> bool {
        claims.given_at(object, attribute, key).is_some_and(|at| self.is_young(at))
            || claims.whereabouts.may_come_back(schema, attribute, key)
    }

    /// What is known of the elements that intents are about.
    pub(super) async fn claims_of(&self, intents: &[Intent], records: &HashMap<ObjectId, Answer>) -> Result<Claims> {
        let mut unseen = Vec::new();
        for (at, intent) in intents.iter().enumerate() {
            let (Some(object), Some(ready)) = (&intent.target, self.ready_for(intent)) else { continue };
            let record = records.get(object).and_then(|found| found.as_ref().ok()?.first());
            for (attribute, change) in &intent.elements {
                let shown = record.and_then(|record| record.get(attribute)).map_or(&[][..], Value::as_slice);
                let shown: HashSet<Arc<str>> = shown.iter().filter_map(element_key).collect();
                // What may yet show is not looked for: the intent stays.
                let add = change.add.iter().filter(|_| !self.is_young(intent.target_at()));
                let keys = add.chain(&change.remove).filter_map(element_key);
                let keys = keys.filter(|key| record.is_some() && !shown.contains(key)).collect();
                let (object, attribute) = (object.clone(), attribute.clone());
                unseen.push(Unseen { at, schema: &ready.schema, object, attribute, keys });
            }
        }
        self.claims(&unseen).await
    }

    /// Remembers as given what was to be given to an object that does not show: what of it turns out not to be there is
    /// forgotten then.
    pub(super) fn claim_elements(&self, intent: &Intent, claims: &Claims, batch: &mut Batch) {
        let Some(target) = &intent.target else { return };
        for (attribute, change) in &intent.elements {
            let is_later =
                |key: &Arc<str>| claims.given_at(target, attribute, key).is_some_and(|at| at > intent.target_at());
            for key in change.add.iter().filter_map(element_key).filter(|key| !is_later(key)) {
                let giving = Giving { at: intent.target_at(), in_doubt: true };
                self.ledger.put_given(batch, self.target.name(), target, attribute, &key, giving);
            }
        }
    }

    /// Remembers the elements that were given and taken although the answer was lost. Whether all of them show, or are
    /// too old to show yet.
    ///
    /// Whoever does not show and is away may be back with what he was given: it stays given, until planning is sure that
    /// it is not there. So does what was given after this was begun.
    pub(super) fn recover_elements(
        &self,
        intent: &Intent,
        record: &Record,
        claims: &Claims,
        earlier: &mut Unsettled,
        batch: &mut Batch,
    ) -> bool {
        let Some(ready) = self.ready_for(intent) else { return true };
        let (store, schema, at) = (self.target.name(), &ready.schema, intent.at);
        let begun_at = intent.target_at();
        let outcome = outcome_of(intent, record);
        let mut is_known = true;
        for (attribute, change) in &outcome {
            let many = schema.get(attribute).is_some_and(|schema| schema.cardinality == Cardinality::Many);
            let licensing = schema.is_licensing(attribute);
            let is_later =
                |key: &Arc<str>| claims.given_at(&record.id, attribute, key).is_some_and(|given| given > begun_at);
            let added: HashSet<Arc<str>> = change.add.iter().filter_map(element_key).collect();
            for key in intent.elements[attribute].add.iter().filter_map(element_key).filter(|key| !is_later(key)) {
                let in_doubt = !added.contains(&key);
                if !in_doubt || claims.whereabouts.is_away(schema, attribute, &key) {
                    let giving = Giving { at: begun_at, in_doubt };
                    self.ledger.put_given(batch, store, &record.id, attribute, &key, giving);
                } else {
                    is_known &= !claims.whereabouts.is_unasked(schema, attribute, &key);
                }
            }
            let removed: HashSet<Arc<str>> = change.remove.iter().filter_map(element_key).collect();
            let is_taken = |key: &Arc<str>| !is_later(key) && !claims.whereabouts.may_come_back(schema, attribute, key);
            let is_gone = |key: &Arc<str>| {
                let replaced = !many && !added.is_empty() && !added.contains(key);
                replaced || (removed.contains(key) && is_taken(key))
            };
            earlier.overrule(self, batch, intent, attribute, is_gone);
            for key in removed {
                if is_taken(&key) {
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
        of(&outcome) == of(&intent.elements) || (whole && is_known && !self.is_young(begun_at))
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
        let claims = self.claims_of(&intents, &records).await?;
        let (mut batch, mut earlier) = (Batch::new(), Unsettled::default());
        for intent in intents {
            let Some(Ok(found)) = intent.target.as_ref().and_then(|id| records.get(id)) else { continue };
            let [record] = found.as_slice() else { continue };
            match self.recover_elements(&intent, record, &claims, &mut earlier, &mut batch) {
                true => self.ledger.remove_intent(&mut batch, &self.name, &intent),
                false => earlier.insert(intent),
            }
        }
        if batch.is_empty() { Ok(()) } else { self.ledger.state().commit(lease, batch).await }
    }
}

/// The object that an element of an attribute refers to.
fn referred(schema: &Schema, attribute: &Name, key: &Arc<str>) -> Option<ObjectId> {
    match &schema.get(attribute)?.kind {
        Kind::Reference(class) => Some(ObjectId::new(class.clone(), Arc::clone(key))),
        _ => None,
    }
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
