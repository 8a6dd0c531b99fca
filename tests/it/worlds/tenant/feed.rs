//! An HR store that tells what changed, and of which for once not everything can be read.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use entrant::model::{Name, ObjectId, Origin};
use entrant::store::{Capabilities, Lookup, MemoryStore, Query, Read, Source};
use entrant::{Error, ErrorKind, Record, Result, Value};
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::job::tracked::{Manners, Tracked};

/// What of HR cannot be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Gaps {
    /// Rows that are there, and are no more than that.
    pub(super) unreadable: BTreeSet<ObjectId>,
    /// Lists of which only the first element comes, and the word that there may be more.
    pub(super) cut: BTreeSet<(ObjectId, &'static str)>,
    /// Whether HR answers no questions.
    pub(super) deaf: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Feed {
    inner: Tracked,
    gaps: Arc<Mutex<Gaps>>,
}

impl Feed {
    pub(super) fn new(store: &MemoryStore) -> Self {
        Self { inner: Tracked::new(store), gaps: Arc::default() }
    }

    fn gaps(&self) -> MutexGuard<'_, Gaps> {
        self.gaps.lock().expect("no test panics while it holds the lock")
    }

    pub(super) fn behaves(&self, manners: Manners) {
        self.inner.behaves(manners);
    }

    pub(super) fn lacks(&self, gaps: Gaps) {
        *self.gaps() = gaps;
    }

    fn shown(&self, mut record: Record) -> Record {
        for (id, name) in &self.gaps().cut {
            let Some(value) = record.get(name).filter(|value| *id == record.id && value.as_slice().len() > 1) else {
                continue;
            };
            let first = Value::list(value.as_slice().iter().take(1).cloned());
            record.attributes.insert(Name::from(*name), first);
            record = record.with_partial(*name, "the list broke off");
        }
        record
    }
}

#[async_trait]
impl Source for Feed {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        let gaps = self.gaps().clone();
        if gaps.deaf || ids.iter().any(|id| gaps.unreadable.contains(id)) {
            return Err(Error::new(ErrorKind::Transport, "the connection broke"));
        }
        let found = self.inner.get(ids).await?;
        let shown = |lookup| match lookup {
            Lookup::One(record) => Lookup::One(self.shown(record)),
            Lookup::Many(records) => Lookup::Many(records.into_iter().map(|record| self.shown(record)).collect()),
            other => other,
        };
        Ok(found.into_iter().map(shown).collect())
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        let unreadable = self.gaps().unreadable.clone();
        let shown = move |step| match step {
            Ok(Read::Record(record)) if unreadable.contains(&record.id) => {
                Ok(Read::Unreadable { id: record.id, origin: Origin::new("hr.csv"), reason: "too few fields".into() })
            }
            Ok(Read::Record(record)) => Ok(Read::Record(self.shown(record))),
            other => other,
        };
        self.inner.read(query).map(shown).boxed()
    }
}
