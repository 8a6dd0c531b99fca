//! References and licences while a plan is applied: resolved, noted, remembered.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::Outcome;
use super::apply::Progress;
use super::claims::Unseen;
use super::ledger::{Intent, Taken};
use super::work::Work;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ElementChange, Name, ObjectId, Operation, Refused, Value};
use crate::reconcile::{Action, EdgeKind, Element, Entry, Giving, Guard, Part, SetChange, SetKind, element_key};
use crate::store::{Batch, Source};

/// How many of those that are left out a reason names.
const NAMED: usize = 5;

impl Progress<'_> {
    /// The elements of one part of an entry, as the target calls them by now; and what must be left out, and why.
    pub(super) fn elements(&self, entry: &Entry, part: Part) -> (BTreeMap<Name, ElementChange>, Option<Outcome>) {
        let mut changes = BTreeMap::new();
        let mut missing = Vec::new();
        let (replaced, unlinked) = (self.replaced(entry), self.unlinked(entry));
        let is_left_out =
            |value: &Value| value.as_text().is_some_and(|id| replaced.contains(id) || unlinked.contains(id));
        for set in entry.sets.iter().filter(|set| set.part() == part) {
            let mut change = ElementChange::default();
            for element in &set.add {
                match self.resolved(element).filter(|value| !is_left_out(value)) {
                    Some(value) => change.add.push(value),
                    None => missing.extend(element.source.as_ref().map(|source| source.id.to_string())),
                }
            }
            // What is replaced needs no taking.
            if set.takes() {
                change.remove.extend(set.remove.iter().filter_map(|element| element.value.clone()));
            }
            if !change.is_empty() {
                changes.insert(set.attribute.clone(), change);
            }
        }
        let reason = (!missing.is_empty()).then(|| {
            let more = missing.len().saturating_sub(NAMED);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            missing.truncate(NAMED);
            format!("waits for {}{more}, which was not made or linked", missing.join(", "))
        });
        (changes, reason.map(|reason| Outcome::Blocked { reason }))
    }

    fn resolved(&self, element: &Element) -> Option<Value> {
        if let Some(value) = &element.value {
            return Some(value.clone());
        }
        let end = self.links.target_of(element.source.as_ref()?)?;
        end.deleted_at.is_none().then(|| Value::text(&end.object.id))
    }

    /// The accounts that are gone, of those whom an entry refers to and who are made anew: their links may still lead
    /// there.
    fn replaced(&self, entry: &Entry) -> HashSet<&str> {
        let needed = entry.after.iter().filter(|edge| edge.kind == EdgeKind::Needs);
        let makers = needed.filter_map(|edge| self.entry_of(&edge.entry));
        makers.flat_map(|maker| &maker.candidates).map(|gone| &*gone.id).collect()
    }

    /// The accounts that were to be linked, of those whom an entry refers to, and were not: they may be somebody else's.
    fn unlinked(&self, entry: &Entry) -> HashSet<&str> {
        let needed = entry.after.iter().filter(|edge| edge.kind == EdgeKind::Needs);
        let links = needed.filter_map(|edge| self.entry_of(&edge.entry)).filter(|own| own.action == Action::Link);
        let is_linked = |link: &&Entry| {
            let end = link.source.as_ref().and_then(|source| self.links.target_of(source));
            end.is_some_and(|end| Some(&end.object) == link.target.as_ref())
        };
        links.filter(|link| !is_linked(link)).filter_map(|link| Some(&*link.target.as_ref()?.id)).collect()
    }

    /// Remembers what was given and taken.
    pub(super) fn remember_elements(&self, batch: &mut Batch, work: &Work, object: &ObjectId) {
        let Some(Operation::Elements { changes, .. }) = &work.operation else { return };
        let (ledger, store, now) = (&self.job.ledger, self.job.target.name(), self.job.target_now());
        let entry = self.entry(work.at);
        for (attribute, change) in changes {
            let set = entry.sets.iter().find(|set| set.attribute == *attribute);
            for key in change.add.iter().filter_map(element_key) {
                ledger.put_given(batch, store, object, attribute, &key, Giving { at: now, in_doubt: false });
            }
            for key in taken(work, attribute, change) {
                ledger.remove_given(batch, store, object, attribute, &key);
            }
            let Some(set) = set else { continue };
            if set.kind == SetKind::Reference && !change.add.is_empty() {
                for key in set.remove.iter().filter_map(|element| element_key(element.value.as_ref()?)) {
                    ledger.remove_given(batch, store, object, attribute, &key);
                }
            }
            self.count_taken(batch, entry, set, change, object);
        }
    }

    /// What was taken, or made way for another, is none of what earlier runs may have given.
    pub(super) fn overrule(&mut self, batch: &mut Batch, work: &Work) {
        let Some(Operation::Elements { changes, .. }) = &work.operation else { return };
        for (attribute, change) in changes {
            let set = self.entry(work.at).sets.iter().find(|set| set.attribute == *attribute);
            let is_one = set.is_some_and(|set| set.kind == SetKind::Reference);
            let added: HashSet<Arc<str>> = change.add.iter().filter_map(element_key).collect();
            let taken: HashSet<Arc<str>> = taken(work, attribute, change).collect();
            let is_gone = |key: &Arc<str>| taken.contains(key) || (is_one && !added.is_empty() && !added.contains(key));
            self.unsettled.overrule(self.job, batch, &work.intent, attribute, is_gone);
        }
    }

    /// Notes what was taken for the guards: members one by one, since some may have been refused.
    fn count_taken(
        &self,
        batch: &mut Batch,
        entry: &Entry,
        set: &SetChange,
        change: &ElementChange,
        object: &ObjectId,
    ) {
        let (ledger, job) = (&self.job.ledger, self.job.name());
        let taken = Taken {
            entry: &entry.key,
            plan: self.plan.digest(),
            class: &entry.class,
            guard: set.guard(),
            object: (set.guard() == Guard::MemberRemoval).then_some(object),
            element: None,
            count: 1,
        };
        // A reference that is taken away stands beside the values that the same entry clears.
        let attribute = (set.kind == SetKind::Reference).then(|| set.attribute.as_str());
        if set.kind == SetKind::References {
            for key in change.remove.iter().filter_map(element_key) {
                let element = format!("{} {key}", set.attribute);
                ledger.put_removal(batch, job, &Taken { element: Some(&element), ..taken }, self.now());
            }
        } else if !change.remove.is_empty() && set.removals() > 0 {
            ledger.put_removal(batch, job, &Taken { element: attribute, count: set.removals(), ..taken }, self.now());
        }
    }

    /// Counts what was given and taken, for the report.
    pub(super) fn count_elements(&mut self, work: &Work) {
        let Some(Operation::Elements { changes, .. }) = &work.operation else { return };
        for (attribute, change) in changes {
            let count = self.counts.entry(attribute.clone()).or_default();
            let (given, taken) = (change.add.len() as u64, change.remove.len() as u64);
            count.given += given;
            count.taken += taken;
            let is_reference = self.job.ready(&work.intent.key).is_ok_and(|ready| ready.schema.is_reference(attribute));
            if is_reference {
                let more = i64::try_from(given).unwrap_or(i64::MAX).saturating_sub_unsigned(taken);
                let count = self.memberships.entry(work.intent.class.clone()).or_default();
                *count = count.saturating_add(more);
            }
        }
    }

    /// Keeps of what was to be taken and was not there that which may come back: an account that was deleted meanwhile
    /// has its membership again when it is restored. Of all others an attempt whose answer was lost may have taken it.
    pub(super) async fn look_for_not_there(&self, written: &mut [(Work, ObjectId, Option<Intent>)]) -> Result<()> {
        let mut unseen = Vec::new();
        for (at, (work, object, _)) in written.iter().enumerate() {
            let schema = &self.job.ready(&work.intent.key)?.schema;
            for (attribute, keys) in &work.not_there {
                let keys = keys.iter().cloned().collect();
                unseen.push(Unseen { at, schema, object: object.clone(), attribute: attribute.clone(), keys });
            }
        }
        let whereabouts = self.job.whereabouts(&unseen).await?;
        for Unseen { at, schema, attribute, keys, .. } in &unseen {
            let keys = keys.iter().cloned();
            let stays = keys.filter(|key| whereabouts.may_come_back(schema, attribute, key)).collect();
            written[*at].0.not_there.insert(attribute.clone(), stays);
        }
        Ok(())
    }

    /// Looks at what someone else took away, before it is forgotten: what was given again since the plan was made may not
    /// show yet; and an account that was deleted meanwhile shows nowhere, and comes back with what it was given.
    pub(super) async fn look_for_forgotten(&self, works: &mut [Work]) -> Result<()> {
        let mut unseen = Vec::new();
        for (at, entry) in works.iter().map(|work| self.entry(work.at)).enumerate() {
            let Some(object) = &entry.target else { continue };
            let schema = &self.job.ready(&entry.key)?.schema;
            for (attribute, keys) in &entry.forget {
                let (object, attribute, keys) = (object.clone(), attribute.clone(), keys.clone());
                unseen.push(Unseen { at, schema, object, attribute, keys });
            }
        }
        let mut claims = self.job.claims(&unseen).await?;
        // In whose place another is made does not come back.
        claims.whereabouts.away.retain(|gone| !self.replaced.contains(gone));
        for Unseen { at, schema, object, attribute, keys } in &unseen {
            let keys = keys.iter().cloned();
            let gone = keys.filter(|key| !self.job.stays(&claims, schema, object, attribute, key)).collect();
            works[*at].forget.insert(attribute.clone(), gone);
        }
        Ok(())
    }

    /// Forgets what someone else took away.
    pub(super) fn forget_elements(&self, batch: &mut Batch, work: &Work) {
        let Some(target) = &self.entry(work.at).target else { return };
        for (attribute, elements) in &work.forget {
            for element in elements {
                self.job.ledger.remove_given(batch, self.job.target.name(), target, attribute, element);
            }
        }
    }

    /// Whether one of the objects that are referred to was made so recently that it may not show yet.
    pub(super) fn refers_to_young(&self, work: &Work) -> bool {
        let Some(Operation::Elements { changes, .. }) = &work.operation else { return false };
        let entry = self.entry(work.at);
        changes.iter().any(|(attribute, change)| {
            let set = entry.sets.iter().find(|set| set.attribute == *attribute);
            let sources = set.into_iter().flat_map(|set| &set.add).filter_map(|element| element.source.as_ref());
            let ends = sources.filter_map(|source| self.links.target_of(source));
            ends.into_iter().any(|end| {
                let added = change.add.iter().any(|value| value.as_text() == Some(&end.object.id));
                added && self.job.is_young(end.since)
            })
        })
    }
}

/// The elements that were taken. Of those that were not there planning forgets what does not come back.
fn taken<'a>(work: &'a Work, attribute: &Name, change: &'a ElementChange) -> impl Iterator<Item = Arc<str>> + use<'a> {
    let not_there = work.not_there.get(attribute);
    let is_taken = move |key: &Arc<str>| !not_there.is_some_and(|not_there| not_there.contains(key));
    change.remove.iter().filter_map(element_key).filter(is_taken)
}

/// Takes what was refused out of a work that was carried out for the rest. Gives the work that is left, with its error.
pub(super) fn split_refused(work: &mut Work, refused: Vec<Refused>) -> Option<(Work, Error)> {
    let mut left: BTreeMap<Name, ElementChange> = BTreeMap::new();
    let count = refused.len();
    let mut first: Option<Error> = None;
    // What may yet come by waiting tells more than what never will.
    let mut waits: Option<Error> = None;
    let mut rest = Work { operation: None, ..work.clone() };
    let Some(Operation::Elements { id, changes }) = &mut work.operation else { return None };
    for Refused { attribute, element, error } in refused {
        let Some(change) = changes.get_mut(&attribute) else { continue };
        let kept = left.entry(attribute).or_default();
        for (from, to) in [(&mut change.add, &mut kept.add), (&mut change.remove, &mut kept.remove)] {
            if let Some(place) = from.iter().position(|own| *own == element) {
                to.push(from.remove(place));
            }
        }
        if error.kind() == ErrorKind::NotFound || error.is_outcome_in_doubt() {
            waits.get_or_insert(error);
        } else {
            first.get_or_insert(error);
        }
    }
    changes.retain(|_, change| !change.is_empty());
    rest.operation = Some(Operation::Elements { id: id.clone(), changes: left.clone() });
    rest.intent.elements = left;
    let error = waits.or(first)?;
    Some((rest, if count > 1 { error.with_context("refused elements", count) } else { error }))
}
