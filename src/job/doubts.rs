//! Creates whose answer never came: which object each made, if it made one.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Job;
use super::ledger::Intent;
use super::links::Links;
use super::recover::TOMBSTONE;
use super::secrets::password_key;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Class, Completeness, Name, ObjectId, Record, Value, comparison_key};
use crate::reconcile::{EntryKey, Link, LinkEnd, LinkOrigin, is_made_by};
use crate::store::{Batch, Query, Source, SourceExt};

/// What looking for the objects of creates in doubt came to.
#[derive(Debug, Default)]
pub(super) struct Sought {
    /// The object that each made, where it was found.
    pub(super) made: HashMap<EntryKey, ObjectId>,
    /// Those for which the target could not be asked, so that not being found says nothing.
    pub(super) unasked: HashSet<EntryKey>,
}

impl Job {
    /// Links what a create made although its answer was lost. Whether the intent is settled.
    pub(super) fn recover_create(
        &self,
        intent: &Intent,
        sought: &Sought,
        links: &mut Links,
        batch: &mut Batch,
        created: &mut Vec<(String, ObjectId)>,
    ) -> bool {
        let now = self.clock.now();
        let Some(source) = &intent.source else { return true };
        let linked = links.target_of(source).filter(|end| end.deleted_at.is_none());
        if linked.is_some_and(|end| intent.replaces.as_ref() != Some(&end.object)) {
            return true;
        }
        let Some(id) = sought.made.get(&intent.key).cloned() else {
            if sought.unasked.contains(&intent.key) {
                return false;
            }
            // It may not show yet. What nothing can be found by stays a question for a person.
            let kept = if intent.anchors.is_empty() { TOMBSTONE } else { self.lag.try_into().unwrap_or(TOMBSTONE) };
            return self.target_now() - intent.tried_at() > kept;
        };
        // Another create that is settled with this one took it.
        if links.source_of(&id).is_some() {
            return true;
        }
        let mut end =
            LinkEnd::new(self.target.name(), id.clone(), LinkOrigin::Created, self.target_now()).owned_by(&self.name);
        end.disabled_by_us = intent.disables;
        end.written = intent.written.iter().cloned().collect();
        let link = Link::new(LinkEnd::new(self.source.name(), source.clone(), LinkOrigin::Adopted, now), end);
        if let Some(tombstone) = links.remove(source) {
            self.ledger.remove_link(batch, &tombstone);
        }
        self.ledger.put_link(batch, &link);
        links.insert(link);
        if self.ready_for(intent).is_some_and(|ready| ready.mapping.generates_password().is_some()) {
            created.push((password_key(&self.name, &intent.key), id));
        }
        true
    }

    /// The objects that creates in doubt made: of each the only one on which all anchors agree, and not older than the
    /// intent. That the target cannot be asked is no answer, and said.
    pub(super) async fn seek_created(&self, intents: &[&Intent]) -> Sought {
        let mut by_anchor: BTreeMap<(Class, Name), Vec<(&Intent, &Value)>> = BTreeMap::new();
        for intent in intents {
            let Some(ready) = self.ready_for(intent) else { continue };
            let unique = |name: &Name| ready.schema.get(name).is_some_and(|attribute| attribute.unique_in.is_some());
            let sharpest = intent.anchors.iter().max_by_key(|(name, value)| (unique(name), !value.is_blank()));
            if let Some((name, value)) = sharpest {
                let key = (ready.mapping.target_class().clone(), name.clone());
                by_anchor.entry(key).or_default().push((intent, value));
            }
        }
        let mut sought = Sought::default();
        for ((class, name), intents) in by_anchor {
            let values: Vec<Value> = intents.iter().map(|(_, value)| (*value).clone()).collect();
            match self.who_holds(&class, &name, &values).await {
                Ok(records) => {
                    let made = self.made_by(&name, &intents, &records);
                    self.keep_free(&intents, made, &mut sought).await;
                }
                Err(error) => {
                    sought.unasked.extend(intents.iter().map(|(intent, _)| intent.key.clone()));
                    tracing::warn!(error = %error.to_chain(), "cannot look for what creates in doubt made");
                }
            }
        }
        sought
    }

    /// Takes what was found for made, but for what is somebody's by now, and what two creates lay claim to.
    async fn keep_free(&self, intents: &[(&Intent, &Value)], made: HashMap<EntryKey, ObjectId>, sought: &mut Sought) {
        for (intent, _) in intents {
            let Some(id) = made.get(&intent.key) else { continue };
            if made.values().filter(|other| *other == id).count() > 1 {
                continue;
            }
            match self.is_anothers(id, intent.source.as_ref()).await {
                Ok(true) => {}
                Ok(false) => _ = sought.made.insert(intent.key.clone(), id.clone()),
                Err(error) => {
                    sought.unasked.insert(intent.key.clone());
                    tracing::warn!(error = %error.to_chain(), "cannot look whose it is what a create in doubt may have made");
                }
            }
        }
    }

    fn made_by(&self, name: &Name, intents: &[(&Intent, &Value)], records: &[Record]) -> HashMap<EntryKey, ObjectId> {
        let mut made = HashMap::new();
        let Some(ready) = intents.first().and_then(|(intent, _)| self.ready_for(intent)) else { return made };
        let Some(attribute) = ready.schema.get(name) else { return made };
        let mut by_key: HashMap<String, Vec<&Record>> = HashMap::new();
        for record in records {
            let key = record.get(name).and_then(|value| comparison_key(attribute, value));
            key.into_iter().for_each(|key| by_key.entry(key).or_default().push(record));
        }
        for (intent, value) in intents {
            let Some(doubt) = intent.in_doubt() else { continue };
            let holders = comparison_key(attribute, value).and_then(|key| by_key.get(&key));
            let mut ours = holders.into_iter().flatten().filter(|record| is_made_by(&ready.schema, record, &doubt));
            if let (Some(record), None) = (ours.next(), ours.next()) {
                made.insert(intent.key.clone(), record.id.clone());
            }
        }
        made
    }

    /// The target's objects that may hold one of these values: found by value, or else all there are.
    pub(super) async fn who_holds(&self, class: &Class, name: &Name, values: &[Value]) -> Result<Vec<Record>> {
        if self.target.capabilities().find {
            return self.target.find(class, name, values).await;
        }
        match self.target.collect(&Query::all(class.clone())).await {
            (records, Completeness::Complete) => Ok(records),
            (_, Completeness::Partial { reason }) => {
                Err(Error::new(ErrorKind::Store, "the target could not be read to its end")
                    .with_context("reason", reason))
            }
        }
    }
}
