//! A store whose reads break off as they are told, and which keeps a record of what was really written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use entrant::model::{
    Anchor, Change, ChangeId, Class, Completeness, Name, ObjectId, Operation, Origin, Schema, Value, Written,
};
use entrant::reconcile::Constraints;
use entrant::store::{Capabilities, GetSupport, Lookup, MemoryStore, Query, Read, Source, Target};
use entrant::{Error, ErrorKind, Record, Result};
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::cut::{self, Cut};

/// How the reads of a class end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// With the word that not all was read.
    Marked,
    /// With an error.
    Failed,
    /// Without a word.
    Silent,
}

/// What goes wrong with reads.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    /// Classes whose reads break off, and of which objects nothing comes.
    pub(super) broken: BTreeMap<Class, (Ending, BTreeSet<Arc<str>>)>,
    /// Objects that cannot be read, but for the first few records of each read.
    pub(super) unreadable: BTreeSet<ObjectId>,
    pub(super) readable: usize,
    /// Sets of which only the first element comes, and the word that there may be more.
    pub(super) cut: Cut,
    pub(super) get_fails: bool,
    pub(super) find_fails: bool,
    pub(super) bin_fails: bool,
}

impl Faults {
    pub(super) fn is_none(&self) -> bool {
        self.broken.is_empty()
            && self.unreadable.is_empty()
            && self.cut.is_empty()
            && !(self.get_fails || self.find_fails || self.bin_fails)
    }

    /// Whether a list of the class has an object, if it is there.
    pub(super) fn shows(&self, id: &ObjectId) -> bool {
        !self.unreadable.contains(id) && !self.hides(id)
    }

    fn hides(&self, id: &ObjectId) -> bool {
        self.broken.get(&id.class).is_some_and(|(_, hidden)| hidden.contains(&id.id))
    }

    /// Whether a list of the class is all there is.
    pub(super) fn lists_all(&self, class: &Class) -> bool {
        !self.broken.contains_key(class) && !self.unreadable.iter().any(|id| id.class == *class)
    }
}

/// A write as it was carried out.
#[derive(Debug, Clone)]
pub(super) struct Deed {
    /// The object before; none for one that was made, or lay in the recycle bin.
    pub(super) before: Option<Record>,
    /// The object afterwards; none for one that was deleted.
    pub(super) after: Option<Record>,
}

#[derive(Debug, Clone)]
pub(super) struct Watched {
    pub(super) inner: MemoryStore,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    faults: Faults,
    backwards: bool,
    get: GetSupport,
    deeds: Vec<Deed>,
}

impl Watched {
    pub(super) fn new(inner: MemoryStore) -> Self {
        let shared = Shared { get: GetSupport::Authoritative, ..Shared::default() };
        Self { inner, shared: Arc::new(Mutex::new(shared)) }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no test panics while it holds the lock")
    }

    pub(super) fn set_get(&self, get: GetSupport) {
        self.shared().get = get;
    }

    pub(super) fn set_faults(&self, faults: Faults) {
        self.shared().faults = faults;
    }

    /// Yields records in the other order from now on, or as they came.
    pub(super) fn read_backwards(&self, backwards: bool) {
        self.shared().backwards = backwards;
    }

    /// How many writes were carried out.
    pub(super) fn written(&self) -> usize {
        self.shared().deeds.len()
    }

    /// The writes carried out since there were this many.
    pub(super) fn deeds_since(&self, written: usize) -> Vec<Deed> {
        self.shared().deeds[written..].to_vec()
    }

    fn carry_out(
        &self,
        change: Change,
        answer: Result<Written>,
        before: Option<Record>,
    ) -> (ChangeId, Result<Written>) {
        let id = answer.as_ref().ok().map(|written| written.id.clone());
        if let Some(id) = id {
            let after = self.inner.record(&id);
            let before = before.filter(|before| before.id == id);
            self.shared().deeds.push(Deed { before, after });
        }
        (change.id, answer)
    }

    fn fail(&self, fails: impl Fn(&Faults) -> bool) -> Result<()> {
        match fails(&self.shared().faults) {
            true => Err(Error::new(ErrorKind::Transport, "the connection broke")),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Source for Watched {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities().with_get(self.shared().get)
    }

    async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        self.fail(|faults| faults.get_fails || ids.iter().any(|id| faults.unreadable.contains(id)))?;
        let found = self.inner.get(ids).await?;
        Ok(cut::shown_of(found, &self.shared().faults.cut))
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        let faults = self.shared().faults.clone();
        let backwards = self.shared().backwards;
        let class = query.class.clone();
        let mut readable = faults.readable;
        let steps = self.inner.read(query).filter_map(move |step| {
            let broken = readable == 0;
            readable = readable.saturating_sub(1);
            let step = match step {
                Ok(Read::Record(record)) if faults.unreadable.contains(&record.id) && broken => {
                    let origin = Origin::new("hr.csv");
                    Some(Ok(Read::Unreadable { id: record.id, origin, reason: "too few fields".to_owned() }))
                }
                Ok(Read::Record(record)) if faults.hides(&record.id) => None,
                Ok(Read::Record(record)) => Some(Ok(Read::Record(cut::shown(record, &self.shared().faults.cut)))),
                Ok(Read::End { completeness: Completeness::Complete, .. }) => match faults.broken.get(&class) {
                    Some((Ending::Marked, _)) => Some(Ok(Read::partial("the connection broke"))),
                    Some((Ending::Failed, _)) => Some(Err(Error::new(ErrorKind::Transport, "the connection broke"))),
                    Some((Ending::Silent, _)) => None,
                    None if faults.lists_all(&class) => Some(Ok(Read::complete())),
                    None => Some(Ok(Read::partial("some rows cannot be read"))),
                },
                other => Some(other),
            };
            std::future::ready(step)
        });
        if !backwards {
            return steps.boxed();
        }
        // All but the end, which stays the last.
        let turned = async move {
            let mut steps: Vec<_> = steps.collect().await;
            let is_end = |step: &Result<Read>| !matches!(step, Ok(Read::Record(_) | Read::Unreadable { .. }));
            let end = steps.iter().rposition(is_end).map(|at| steps.remove(at));
            steps.reverse();
            steps.extend(end);
            stream::iter(steps)
        };
        stream::once(turned).flatten().boxed()
    }
}

#[async_trait]
impl Target for Watched {
    fn schema(&self, class: &Class) -> Result<Arc<Schema>> {
        self.inner.schema(class)
    }

    async fn constraints(&self) -> Result<Arc<dyn Constraints>> {
        self.inner.constraints().await
    }

    fn write<'a>(&'a self, changes: Vec<Change>) -> BoxStream<'a, (ChangeId, Result<Written>)> {
        stream::iter(changes)
            .then(move |change| async move {
                let before = match &change.operation {
                    Operation::Update { id, .. }
                    | Operation::Elements { id, .. }
                    | Operation::Delete { id }
                    | Operation::Restore { id } => self.inner.record(id),
                    _ => None,
                };
                let mut answers = self.inner.write(vec![change.clone()]);
                let (_, answer) = answers.next().await.expect("an answer");
                self.carry_out(change, answer, before)
            })
            .boxed()
    }

    async fn find(&self, class: &Class, attribute: &Name, values: &[Value]) -> Result<Vec<Record>> {
        self.fail(|faults| faults.find_fails)?;
        let found = self.inner.find(class, attribute, values).await?;
        Ok(found.into_iter().map(|record| cut::shown(record, &self.shared().faults.cut)).collect())
    }

    async fn deleted(&self, anchors: &[Anchor]) -> Result<Vec<Record>> {
        self.fail(|faults| faults.bin_fails)?;
        self.inner.deleted(anchors).await
    }
}
