//! An HR store that tells what changed, and of which for once not everything can be read.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use entrant::model::{ObjectId, Origin};
use entrant::store::{Capabilities, Lookup, MemoryStore, Query, Read, Source};
use entrant::{Error, ErrorKind, Result};
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::job::tracked::{Manners, Tracked};
use crate::worlds::cut::{self, Cut};

/// What of HR cannot be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Gaps {
    /// Rows that are there, and are no more than that.
    pub(super) unreadable: BTreeSet<ObjectId>,
    /// Lists of which only the first element comes, and the word that there may be more.
    pub(super) cut: Cut,
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
        Ok(cut::shown_of(found, &gaps.cut))
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        let Gaps { unreadable, cut, .. } = self.gaps().clone();
        let shown = move |step| match step {
            Ok(Read::Record(record)) if unreadable.contains(&record.id) => {
                Ok(Read::Unreadable { id: record.id, origin: Origin::new("hr.csv"), reason: "too few fields".into() })
            }
            Ok(Read::Record(record)) => Ok(Read::Record(cut::shown(record, &cut))),
            other => other,
        };
        self.inner.read(query).map(shown).boxed()
    }
}
