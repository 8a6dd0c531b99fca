//! Where the next incremental run goes on, and whom it looks at again: remembered when a plan was applied as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use super::apply::Progress;
use super::builder::Ready;
use super::ledger::{Ledger, decode, encode};
use super::planning::source_query;
use super::seen::{Digest, Seen};
use super::{Job, Run};
use crate::digest::Digester;
use crate::error::Result;
use crate::model::{Class, Name};
use crate::reconcile::{Bookmark, Constraints, Entry, Inputs, Problem, Side, Watch};
use crate::store::{Batch, Source, Table};

/// What is only told, and changes with one of the two sides or with the policy alone: no reason to look again.
const TOLD: &[&str] = &["update-off", "enable-off", "disable-off", "disabled-by-others", "license-inherited"];

/// What is wrong with a value in itself, whatever the target holds elsewhere: only another record or mapping mends it, and
/// then it is looked at in any case.
const OF_THE_VALUE: &[&str] = &[
    "too-long",
    "not-nullable",
    "empty-text",
    "csv-empty-text",
    "moment",
    "unknown-word",
    "mail-nickname",
    "immutable-id",
    "business-phones",
];

/// A bookmark as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredBookmark {
    /// Counts up, so that an older plan does not take the place of a newer one.
    pub(super) number: u64,
    pub(super) fingerprint: String,
    pub(super) tenant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<String>,
    /// Whether there is a digest of each record of the source.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) seen: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) target: Option<String>,
    /// How many objects of the target's class the job owns, which guards go by.
    pub(super) linked: u64,
    /// How many references of such objects it gave.
    pub(super) memberships: u64,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredPending {
    why: Watch,
}

impl Ledger {
    /// Where a mapping goes on, if that is known.
    pub(super) async fn bookmark(&self, job: &str, mapping: &Name) -> Result<Option<StoredBookmark>> {
        let bytes = self.state().get(Table::Bookmarks, &self.key(&[job, mapping])).await?;
        bytes.map(|bytes| decode(Table::Bookmarks, &bytes)).transpose()
    }

    /// The source objects of a mapping that are to be looked at again.
    pub(super) async fn pending(&self, job: &str, mapping: &Name) -> Result<BTreeMap<Arc<str>, Watch>> {
        let mut pending = BTreeMap::new();
        let mut stored = self.state().scan(Table::Pending, &self.prefix(&[job, mapping]));
        while let Some((key, bytes)) = stored.try_next().await? {
            let key: Vec<Arc<str>> = decode(Table::Pending, &key)?;
            let StoredPending { why } = decode(Table::Pending, &bytes)?;
            pending.extend(key.last().map(|id| (Arc::clone(id), why)));
        }
        Ok(pending)
    }

    /// Forgets where a mapping goes on: the next incremental run is a full one.
    pub(super) fn remove_bookmark(&self, batch: &mut Batch, job: &str, mapping: &Name) {
        batch.remove(Table::Bookmarks, self.key(&[job, mapping]));
    }

    /// The digests of all records of a mapping's source as they were seen last.
    pub(super) async fn seen(&self, job: &str, mapping: &Name) -> Result<BTreeMap<Arc<str>, Digest>> {
        let mut seen = BTreeMap::new();
        let mut stored = self.state().scan(Table::Seen, &self.prefix(&[job, mapping]));
        while let Some((key, bytes)) = stored.try_next().await? {
            let key: Vec<Arc<str>> = decode(Table::Seen, &key)?;
            // A digest of another length is of another version, and fits no record.
            let digest = Digest::try_from(bytes.as_slice()).unwrap_or_default();
            seen.extend(key.last().map(|id| (Arc::clone(id), digest)));
        }
        Ok(seen)
    }

    /// Puts rows of a mapping in place of those that were there, by the ids of source objects: only what differs is
    /// written.
    fn replace<T: PartialEq>(
        &self,
        batch: &mut Batch,
        table: Table,
        (job, mapping): (&str, &Name),
        [before, after]: [&BTreeMap<Arc<str>, T>; 2],
        row: impl Fn(&T) -> Vec<u8>,
    ) {
        for (id, value) in after.iter().filter(|(id, value)| before.get(*id) != Some(value)) {
            batch.put(table, self.key(&[job, mapping, id]), row(value));
        }
        for id in before.keys().filter(|id| !after.contains_key(*id)) {
            batch.remove(table, self.key(&[job, mapping, id]));
        }
    }
}

impl Job {
    /// Where to go on after a whole read of both sides; nowhere if one of them did not come to its end, or the source
    /// keeps no track of changes and nobody asked for incremental runs yet: then `seen` is `None`.
    pub(super) fn bookmark_after(
        &self,
        inputs: &Inputs<'_>,
        before: Option<&StoredBookmark>,
        seen: Option<Seen>,
        source: &Side,
        target: &Side,
    ) -> Option<Bookmark> {
        if !source.is_complete() || !target.is_complete() {
            return None;
        }
        let seen = seen.filter(|_| source.cursor.is_none()).map(|seen| seen.digest());
        let known = source.cursor.is_some() || seen.is_some();
        known.then(|| Bookmark {
            before: before.map(|before| before.number),
            fingerprint: self.bookmark_fingerprint(inputs.constraints),
            source: source.cursor.clone(),
            seen,
            target: target.cursor.clone(),
            watch: BTreeMap::new(),
        })
    }

    /// What a bookmark holds for, beside the tenant: what would make other plans of the same objects.
    pub(super) fn bookmark_fingerprint(&self, constraints: &dyn Constraints) -> String {
        let mut digest = Digester::new();
        digest.part(self.fingerprint());
        digest.part(self.source.name());
        digest.part(self.target.name());
        constraints.parameters().iter().for_each(|parameter| digest.part(encode(&parameter)));
        digest.hex()
    }

    /// What is stored of each mapping.
    pub(super) async fn bookmarks(&self) -> Result<Vec<Option<StoredBookmark>>> {
        let mut stored = Vec::with_capacity(self.mappings.len());
        for ready in &self.mappings {
            stored.push(self.ledger.bookmark(&self.name, ready.mapping.name()).await?);
        }
        Ok(stored)
    }

    /// Forgets where all mappings go on.
    pub(super) fn remove_bookmarks(&self, batch: &mut Batch) {
        for ready in &self.mappings {
            self.ledger.remove_bookmark(batch, &self.name, ready.mapping.name());
        }
    }

    /// What the source holds now, if that is what a plan was made of.
    async fn seen_again(&self, ready: &Ready, digest: &str) -> Result<Option<Seen>> {
        let query = source_query(&Run::full(), &ready.mapping, &ready.policy);
        let seen = Seen::read(&*self.source, &query, &ready.mapping, &ready.policy).await;
        Ok(seen.filter(|seen| seen.digest() == digest))
    }
}

impl Progress<'_> {
    /// Remembers where the next incremental run goes on, now that all of the plan was dealt with.
    ///
    /// In one commit: if it fails, the next run sees the same changes again.
    pub(super) async fn put_bookmarks(&mut self, linked_before: &BTreeMap<Class, u64>) -> Result<()> {
        let (job, plan) = (self.job, self.plan);
        let name = job.name().to_owned();
        let linked_after = self.links.owned(&name);
        let mut batch = Batch::new();
        for (mapping, bookmark) in &plan.header().bookmarks {
            let before = job.ledger.bookmark(&name, mapping).await?;
            let Some(ready) = job.mappings.iter().find(|ready| ready.mapping.name() == mapping) else { continue };
            if before.as_ref().map(|before| before.number) != bookmark.before {
                // Another plan was applied since this one was made: it knows more.
                continue;
            }
            if let Some(digest) = &bookmark.seen {
                let Some(seen) = job.seen_again(ready, digest).await? else {
                    // The source changed since: what did is told from what was seen before.
                    continue;
                };
                let known = job.ledger.seen(&name, mapping).await?;
                job.ledger
                    .replace(&mut batch, Table::Seen, (&name, mapping), [&known, seen.digests()], |own| own.to_vec());
                self.renew().await?;
            }
            let class = ready.mapping.target_class();
            let count = |counts: &BTreeMap<Class, u64>| counts.get(class).copied().unwrap_or(0);
            let given = self.memberships.get(class).copied().unwrap_or(0);
            let stored = StoredBookmark {
                number: bookmark.before.map_or(1, |before| before.saturating_add(1)),
                fingerprint: bookmark.fingerprint.clone(),
                tenant: plan.header().tenant.clone(),
                source: bookmark.source.clone(),
                seen: bookmark.seen.is_some(),
                target: bookmark.target.clone(),
                linked: (plan.linked(class) + count(&linked_after)).saturating_sub(count(linked_before)),
                memberships: plan.memberships(class).saturating_add_signed(given),
            };
            batch.put(Table::Bookmarks, job.ledger.key(&[&name, mapping]), encode(&stored));
            let pending = self.still_pending(mapping, bookmark);
            let known = job.ledger.pending(&name, mapping).await?;
            let row = |why: &Watch| encode(&StoredPending { why: *why });
            job.ledger.replace(&mut batch, Table::Pending, (&name, mapping), [&known, &pending], row);
        }
        if !batch.is_empty() {
            self.renew().await?;
            job.ledger.state().commit(&self.lease, batch).await?;
        }
        Ok(())
    }

    /// The sources of a mapping that are to be looked at again.
    fn still_pending(&self, mapping: &Name, bookmark: &Bookmark) -> BTreeMap<Arc<str>, Watch> {
        let mut pending = bookmark.watch.clone();
        let entries = self.plan.entries().iter().enumerate().filter(|(_, entry)| entry.key.mapping == *mapping);
        for (at, entry) in entries {
            let Some(source) = &entry.source else { continue };
            let why = match self.outcome(at) {
                outcome if !outcome.is_done() => Watch::Undone,
                _ if has_open_problem(entry) => Watch::Problem,
                _ => continue,
            };
            pending.entry(Arc::clone(&source.id)).or_insert(why);
        }
        pending
    }
}

/// Whether something was left out that may be mended without a change on one of the two sides.
fn has_open_problem(entry: &Entry) -> bool {
    let is_open = |problem: &Problem| !TOLD.contains(&&*problem.rule) && !OF_THE_VALUE.contains(&&*problem.rule);
    entry.problems.iter().any(is_open)
}
