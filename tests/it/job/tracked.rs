//! A store in memory behind a change feed, which misbehaves as far as a feed may.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use entrant::model::{Anchor, Change, ChangeId, Class, Completeness, Name, ObjectId, Schema, Value, Written};
use entrant::reconcile::Constraints;
use entrant::store::{Capabilities, Cursor, Lookup, MemoryStore, Query, Read, Source, SourceExt, Target};
use entrant::{Error, ErrorKind, Record, Result};
use futures::StreamExt;
use futures::stream::{self, BoxStream};

/// All records by id, as they were at a moment.
type Snapshot = BTreeMap<ObjectId, Vec<Record>>;

/// A store in memory that tells what changed.
#[derive(Debug, Clone)]
pub(crate) struct Tracked {
    inner: MemoryStore,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    snapshots: Vec<Snapshot>,
    manners: Manners,
    reads: Vec<&'static str>,
    asked: Vec<String>,
}

/// How the feed behaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Manners {
    /// It takes no cursor any more.
    pub(crate) expired: bool,
    /// It gives none.
    pub(crate) silent: bool,
    /// It breaks off before its last step, and gives a cursor all the same, as no store should.
    pub(crate) partial: bool,
    /// It tells everything twice, in another order, with what it told before.
    pub(crate) replays: bool,
    /// Of what came back after it was deleted it tells both.
    pub(crate) tells_all: bool,
    /// It says of nobody that he was deleted.
    pub(crate) forgets: bool,
}

impl Tracked {
    pub(crate) fn new(inner: &MemoryStore) -> Self {
        Self { inner: inner.clone(), shared: Arc::default() }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no test panics while it holds the lock")
    }

    pub(crate) fn behaves(&self, manners: Manners) {
        self.shared().manners = manners;
    }

    /// What was read since this was last asked: `whole` or `changes`.
    pub(crate) fn reads(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.shared().reads)
    }

    /// The ids that were asked for since this was last asked.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared().asked)
    }

    fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::new();
        for record in self.inner.records() {
            snapshot.entry(record.id.clone()).or_default().push(record);
        }
        snapshot
    }

    fn cursor(&self) -> Cursor {
        let snapshot = self.snapshot();
        let mut shared = self.shared();
        shared.snapshots.push(snapshot);
        Cursor::new((shared.snapshots.len() - 1).to_string())
    }

    async fn changes(&self, query: &Query, since: &Cursor) -> Vec<Result<Read>> {
        let manners = self.shared().manners;
        if manners.expired {
            return vec![Err(Error::new(ErrorKind::CursorExpired, "the cursor is too old"))];
        }
        let at: usize = since.as_str().parse().expect("a cursor of this store");
        let next = self.cursor();
        let mut shown = query.clone();
        shown.since = None;
        let (records, _) = self.inner.collect(&shown).await;
        let now = self.snapshot();
        let before: Vec<Snapshot> = {
            let shared = self.shared();
            let first = if manners.replays { at.saturating_sub(2) } else { at };
            let last = if manners.tells_all { shared.snapshots.len() - 1 } else { at + 1 };
            shared.snapshots[first..last.max(at + 1)].to_vec()
        };
        let mut steps: Vec<Result<Read>> = Vec::new();
        let known: std::collections::BTreeSet<&ObjectId> =
            before.iter().flat_map(Snapshot::keys).chain(now.keys()).filter(|id| id.class == query.class).collect();
        for id in known {
            let changed = before.iter().any(|then| then.get(id) != now.get(id));
            if !changed {
                continue;
            }
            let gone_between = before.iter().any(|then| !then.contains_key(id));
            if manners.forgets && !now.contains_key(id) {
                continue;
            }
            if !now.contains_key(id) || (manners.tells_all && gone_between) {
                steps.push(Ok(Read::Deleted(id.clone())));
            }
            steps.extend(records.iter().filter(|record| record.id == *id).cloned().map(Read::Record).map(Ok));
        }
        if manners.replays {
            let told: Vec<Read> = steps.into_iter().map(|step| step.expect("no step of a feed is an error")).collect();
            steps = told.iter().chain(&told).rev().cloned().map(Ok).collect();
        }
        if manners.partial {
            steps.pop();
        }
        steps.push(match manners {
            Manners { partial: true, .. } => {
                let completeness = Completeness::Partial { reason: "it broke off".to_owned() };
                Ok(Read::End { completeness, cursor: Some(next) })
            }
            Manners { silent: true, .. } => Ok(Read::complete()),
            _ => Ok(Read::complete_at(next)),
        });
        steps
    }
}

#[async_trait]
impl Source for Tracked {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
    async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        self.shared().asked.extend(ids.iter().map(|id| id.id.to_string()));
        self.inner.get(ids).await
    }
    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        self.shared().reads.push(if query.since.is_some() { "changes" } else { "whole" });
        let query = query.clone();
        if let Some(since) = query.since.clone() {
            return stream::once(async move { stream::iter(self.changes(&query, &since).await) }).flatten().boxed();
        }
        let mut whole = query.clone();
        whole.wants_cursor = false;
        let tracks = query.wants_cursor && !self.shared().manners.silent;
        let cursor = tracks.then(|| self.cursor());
        let with_cursor = move |read| match (read, &cursor) {
            (Ok(Read::End { completeness, .. }), Some(cursor)) if completeness.is_complete() => {
                Ok(Read::complete_at(cursor.clone()))
            }
            (read, _) => read,
        };
        self.inner.read(&whole).map(with_cursor).boxed()
    }
}

#[async_trait]
impl Target for Tracked {
    fn schema(&self, class: &Class) -> Result<Arc<Schema>> {
        self.inner.schema(class)
    }
    async fn constraints(&self) -> Result<Arc<dyn Constraints>> {
        self.inner.constraints().await
    }
    fn write<'a>(&'a self, changes: Vec<Change>) -> BoxStream<'a, (ChangeId, Result<Written>)> {
        self.inner.write(changes)
    }
    async fn find(&self, class: &Class, attribute: &Name, values: &[Value]) -> Result<Vec<Record>> {
        self.inner.find(class, attribute, values).await
    }
    async fn deleted(&self, anchors: &[Anchor]) -> Result<Vec<Record>> {
        self.inner.deleted(anchors).await
    }
}
