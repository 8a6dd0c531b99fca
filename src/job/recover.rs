//! What a run that was cut off left behind: found out by looking.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Job;
use super::builder::Ready;
use super::claims::Claims;
use super::ledger::{Intent, Taken};
use super::links::Links;
use super::planning::lookup;
use crate::error::Result;
use crate::model::{Class, Name, ObjectId, Record, Value};
use crate::reconcile::{Action, Answer, Guard, element_key};
use crate::store::{Batch, GetSupport, Lease, Query, Source, SourceExt};

/// What earlier runs began, and of which it is still not known what became of it.
#[derive(Default)]
pub(super) struct Unsettled {
    /// Creates, by their source.
    pub(super) creates: HashMap<ObjectId, Intent>,
    /// What was to be given and taken, by the object.
    pub(super) elements: HashMap<ObjectId, Vec<Intent>>,
}

/// How long a tombstone is kept: as long as the recycle bin keeps what it stands for.
pub(super) const TOMBSTONE: time::Duration = time::Duration::days(30);

impl Job {
    /// Settles the writes whose outcome is not known, by looking at the target.
    ///
    /// Gives those that are still in doubt.
    ///
    /// `sweeps`: also forgets the links of those that were deleted so long ago that they cannot come back, for which it
    /// goes through all of them.
    pub(super) async fn recover(&self, lease: &Lease, sweeps: bool) -> Result<Unsettled> {
        let now = self.clock.now();
        let mut batch = Batch::new();
        let mut created = Vec::new();
        let mut intents = self.ledger.intents(&self.name).await?;
        // What was begun last counts.
        intents.sort_by_key(Intent::target_at);
        let ids: Vec<ObjectId> = intents.iter().filter_map(|intent| intent.target.clone()).collect();
        let records = if ids.is_empty() { HashMap::new() } else { reread(&*self.target, &ids).await };
        let claims = self.claims_of(&intents, &records).await?;
        let creates: Vec<&Intent> = intents.iter().filter(|intent| intent.action == Action::Create).collect();
        let sought = self.seek_created(&creates).await;
        let mut links =
            if sweeps { self.links().await? } else { self.links_of(&intents, sought.made.values()).await? };
        let mut unsettled = Unsettled::default();
        for intent in intents {
            let settled = if intent.action == Action::Create {
                self.recover_create(&intent, &sought, &mut links, &mut batch, &mut created)
            } else {
                self.recover_other(&intent, &records, &claims, &mut links, &mut unsettled, &mut batch)
            };
            if settled {
                self.ledger.remove_intent(&mut batch, &self.name, &intent);
            } else {
                unsettled.insert(intent);
            }
        }
        for link in links.iter().filter(|_| sweeps) {
            let deleted = link.end(self.target.name()).and_then(|end| end.deleted_at);
            if deleted.is_some_and(|deleted| now - deleted > TOMBSTONE) {
                self.ledger.remove_link(&mut batch, link);
                if let Some(end) = link.end(self.target.name()) {
                    self.ledger.forget_given(&mut batch, self.target.name(), &end.object).await?;
                }
            }
        }
        // First the sink: as long as the intent stands, confirming is made up for.
        if let Some(sink) = self.passwords.as_ref().filter(|_| !created.is_empty()) {
            sink.confirm(created).await?;
        }
        if !batch.is_empty() {
            self.ledger.state().commit(lease, batch).await?;
        }
        Ok(unsettled)
    }

    /// Remembers what was carried out although its answer was lost: a disable, a delete, elements that were given and
    /// taken. Whether the intent is settled.
    fn recover_other(
        &self,
        intent: &Intent,
        records: &HashMap<ObjectId, Answer>,
        claims: &Claims,
        links: &mut Links,
        earlier: &mut Unsettled,
        batch: &mut Batch,
    ) -> bool {
        let found = match intent.target.as_ref().and_then(|id| records.get(id)) {
            None => return true,
            Some(Ok(found)) => found,
            // Nobody can say yet.
            Some(Err(_)) => return false,
        };
        let status = self.ready_for(intent).and_then(|ready| ready.schema.status.clone());
        let is_off = |record: &Record| {
            status.as_ref().and_then(|status| record.get(status)).and_then(Value::as_bool) == Some(false)
        };
        let Some(source) = &intent.source else { return true };
        let Some(end) = links.target_of_mut(source).filter(|end| Some(&end.object) == intent.target.as_ref()) else {
            return true;
        };
        let mut effect = None;
        // What was written may be there or not: what both ends agree on is seen anew.
        let agreed = intent.elements.is_empty() && !std::mem::take(&mut end.agreed).is_empty();
        match found.first() {
            Some(record) if !intent.elements.is_empty() => {
                return self.recover_elements(intent, record, claims, earlier, batch);
            }
            Some(record) if intent.disables && is_off(record) => {
                end.disabled_by_us = true;
                effect = Some(Guard::Disable);
            }
            Some(_) if intent.action == Action::Restore => {
                end.deleted_at = None;
                end.owner = Some(self.name.clone());
                // What comes back with it may not show yet.
                end.since = self.target_now();
            }
            // It may merely not show yet: then nobody can say.
            None if !intent.elements.is_empty() && self.is_young(end.since) => return false,
            // It comes back with what it was given, should it be brought back. What was to be taken and was not stays
            // given.
            None if !intent.elements.is_empty() => {
                self.claim_elements(intent, claims, batch);
                return true;
            }
            None if intent.action == Action::Delete => {
                end.deleted_at = Some(intent.at);
                effect = Some(Guard::Delete);
            }
            _ if agreed => {}
            _ => return true,
        }
        // What a dead run took away counts like any other.
        if let Some(guard) = effect {
            self.ledger.put_removal(batch, &self.name, &taken(intent, guard, None), intent.at);
        }
        if let Some(link) = links.get(source) {
            self.ledger.put_link(batch, link);
        }
        true
    }

    /// The mapping that a write was of, by its name; or by its classes, should it have another name by now.
    pub(super) fn ready_for(&self, intent: &Intent) -> Option<&Ready> {
        let source = intent.source.as_ref().map(|source| &source.class);
        let same = |ready: &&Ready| {
            *ready.mapping.target_class() == intent.class && Some(ready.mapping.source_class()) == source
        };
        self.ready(&intent.key).ok().or_else(|| self.mappings.iter().find(same))
    }
}

impl Unsettled {
    pub(super) fn insert(&mut self, intent: Intent) {
        match (intent.action, intent.source.clone(), intent.target.clone()) {
            (Action::Create, Some(source), _) => _ = self.creates.insert(source, intent),
            (_, _, Some(target)) if !intent.elements.is_empty() => {
                self.elements.entry(target).or_default().push(intent)
            }
            _ => {}
        }
    }

    /// What is gone by a later write is none of what was begun before it and may have been given then: should it show
    /// still, or again, it is not taken for that. A plan does not overrule itself.
    pub(super) fn overrule(
        &mut self,
        job: &Job,
        batch: &mut Batch,
        by: &Intent,
        attribute: &Name,
        is_gone: impl Fn(&Arc<str>) -> bool,
    ) {
        let of_object = by.target.as_ref().and_then(|object| self.elements.get_mut(object)).into_iter().flatten();
        for before in of_object.filter(|before| before.plan != by.plan) {
            let Some(doubtful) = before.elements.get_mut(attribute) else { continue };
            let count = doubtful.add.len();
            doubtful.add.retain(|own| !element_key(own).is_some_and(|key| is_gone(&key)));
            if doubtful.add.len() == count {
                continue;
            }
            before.elements.retain(|_, change| !change.is_empty());
            match before.elements.is_empty() {
                true => job.ledger.remove_intent(batch, &job.name, before),
                false => job.ledger.put_intent(batch, &job.name, before),
            }
        }
    }
}

pub(super) fn taken<'a>(intent: &'a Intent, guard: Guard, element: Option<&'a str>) -> Taken<'a> {
    let object = intent.target.as_ref().filter(|_| guard == Guard::MemberRemoval);
    Taken { entry: &intent.key, plan: &intent.plan, class: &intent.class, guard, object, element, count: 1 }
}

/// Reads objects again: by id, or the whole class where the store cannot be asked by id.
pub(super) async fn reread<S: Source + ?Sized>(store: &S, ids: &[ObjectId]) -> HashMap<ObjectId, Answer> {
    if ids.is_empty() {
        return HashMap::new();
    }
    if store.capabilities().get != GetSupport::Unsupported {
        return lookup(store, ids).await;
    }
    let mut answers: HashMap<ObjectId, Answer> = HashMap::new();
    let classes: BTreeSet<&Class> = ids.iter().map(|id| &id.class).collect();
    for class in classes {
        let (records, completeness) = store.collect(&Query::all(class.clone())).await;
        let mut by_id: HashMap<ObjectId, Vec<Record>> = HashMap::new();
        for record in records {
            by_id.entry(record.id.clone()).or_default().push(record);
        }
        for id in ids.iter().filter(|id| id.class == *class) {
            let found = by_id.remove(id).unwrap_or_default();
            let answer = if found.is_empty() && !completeness.is_complete() {
                Err("not in a read that broke off".to_owned())
            } else {
                Ok(found)
            };
            answers.insert(id.clone(), answer);
        }
    }
    answers
}
