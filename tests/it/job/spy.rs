//! A target that tells what it was asked to write, and answers as a test wishes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use entrant::model::{Anchor, Change, ChangeId, Class, Name, ObjectId, Operation, Schema, Value, Written};
use entrant::reconcile::Constraints;
use entrant::store::{Capabilities, Lookup, MemoryStore, Query, Read, Source, Target};
use entrant::{Error, ErrorKind, Record, Result};
use futures::StreamExt;
use futures::stream::BoxStream;

/// What a [`Spy`] makes of an answer.
type Answer = Box<dyn FnMut(&Change, Result<Written>) -> Result<Written> + Send>;

/// Which writes a [`Spy`] refuses, and how.
type Refusal = Box<dyn FnMut(&Change) -> Option<Error> + Send>;

/// A store in memory behind a target that is watched.
#[derive(Debug, Clone)]
pub(crate) struct Spy {
    inner: MemoryStore,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    log: Vec<String>,
    calls: Vec<usize>,
    writes: usize,
    asked: usize,
    dies: Option<Death>,
    answer: Option<Answer>,
    refusal: Option<Refusal>,
    unasked: Option<Error>,
    hidden: BTreeSet<String>,
    is_deaf: bool,
    is_unsearchable: bool,
    is_blind: bool,
    ahead: time::Duration,
    unseen: bool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("log", &self.log).finish_non_exhaustive()
    }
}

/// When the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    /// Before the write of this number is carried out.
    Before(usize),
    /// After it was carried out, before it is answered.
    After(usize),
}

impl Spy {
    pub(crate) fn new(inner: &MemoryStore) -> Self {
        Self { inner: inner.clone(), shared: Arc::default() }
    }

    fn shared(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().expect("no test panics while it holds the lock")
    }

    /// The writes, in their order: what, and whom.
    pub(crate) fn log(&self) -> Vec<String> {
        self.shared().log.clone()
    }

    /// How many changes each call had.
    pub(crate) fn calls(&self) -> Vec<usize> {
        self.shared().calls.clone()
    }

    /// How often it was asked for objects, by their ids or by a value.
    pub(crate) fn asked(&self) -> usize {
        self.shared().asked
    }

    pub(crate) fn dies(&self, death: Option<Death>) {
        let mut shared = self.shared();
        shared.writes = 0;
        shared.dies = death;
    }

    /// Answers otherwise than the store would.
    pub(crate) fn answers(&self, answer: impl FnMut(&Change, Result<Written>) -> Result<Written> + Send + 'static) {
        self.shared().answer = Some(Box::new(answer));
    }

    /// Refuses some writes in place of carrying them out.
    pub(crate) fn refuses(&self, refusal: impl FnMut(&Change) -> Option<Error> + Send + 'static) {
        self.shared().refusal = Some(Box::new(refusal));
    }

    /// Finds nobody by value, as long as this is so.
    pub(crate) fn is_deaf(&self, is_deaf: bool) {
        self.shared().is_deaf = is_deaf;
    }

    /// Has nothing that anybody could be found by.
    pub(crate) fn is_unsearchable(&self) {
        self.shared().is_unsearchable = true;
    }

    /// Cannot be asked for an object by its id, as long as this is so.
    pub(crate) fn is_blind(&self, is_blind: bool) {
        self.shared().is_blind = is_blind;
    }

    /// Its clock is so much ahead of the machine's.
    pub(crate) fn is_ahead(&self, ahead: time::Duration) {
        self.shared().ahead = ahead;
    }

    /// Shows no object at all, as long as this is so, as a replica that lags.
    pub(crate) fn shows_nothing(&self, unseen: bool) {
        self.shared().unseen = unseen;
    }

    /// Fails from now on when it is asked what it forbids.
    pub(crate) fn forbids_to_ask(&self, error: Error) {
        self.shared().unasked = Some(error);
    }

    /// Does not show an element in what is read, as a replica that lags.
    pub(crate) fn hides(&self, elements: impl IntoIterator<Item = String>) {
        self.shared().hidden = elements.into_iter().collect();
    }

    fn shown(&self, mut record: Record) -> Record {
        let hidden = self.shared().hidden.clone();
        let changed: Vec<(Name, Value)> = record
            .attributes
            .iter()
            .filter_map(|(name, value)| {
                let is_hidden = |own: &Value| own.as_text().is_some_and(|own| hidden.contains(own));
                let shown = match value {
                    Value::List(elements) => Value::list(elements.iter().filter(|own| !is_hidden(own)).cloned()),
                    one if is_hidden(one) => Value::Null,
                    _ => return None,
                };
                Some((name.clone(), shown))
            })
            .collect();
        for (name, value) in changed {
            record.attributes.insert(name, value);
        }
        record
    }
}

fn described(operation: &Operation) -> String {
    match operation {
        Operation::Create { class, attributes, .. } => {
            let name = attributes.get("employeeId").or_else(|| attributes.get("name"));
            format!("create {} {}", class.as_str(), name.cloned().unwrap_or_default())
        }
        Operation::Update { id, attributes, .. } => {
            let names: Vec<String> = attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("update {} {}", id.id, names.join(" "))
        }
        Operation::Elements { id, changes } => {
            let names: Vec<&str> = changes.keys().map(Name::as_str).collect();
            format!("elements {} {}", id.id, names.join(" "))
        }
        Operation::Delete { id } => format!("delete {}", id.id),
        Operation::Restore { id } => format!("restore {}", id.id),
        _ => "something else".to_owned(),
    }
}

#[async_trait]
impl Source for Spy {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
    async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        self.shared().asked += 1;
        if self.shared().is_blind {
            return Err(Error::new(ErrorKind::Unavailable, "the store is down"));
        }
        let found = self.inner.get(ids).await?;
        let unseen = self.shared().unseen;
        let shown = |found| match found {
            _ if unseen => Lookup::None,
            Lookup::One(record) => Lookup::One(self.shown(record)),
            other => other,
        };
        Ok(found.into_iter().map(shown).collect())
    }
    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        let unseen = self.shared().unseen;
        let read = self.inner.read(query);
        let read = read.filter(move |read| std::future::ready(!(unseen && matches!(read, Ok(Read::Record(_))))));
        read.map(|read| {
            read.map(|read| match read {
                Read::Record(record) => Read::Record(self.shown(record)),
                other => other,
            })
        })
        .boxed()
    }
}

#[async_trait]
impl Target for Spy {
    fn schema(&self, class: &Class) -> Result<Arc<Schema>> {
        self.inner.schema(class)
    }
    fn clock_ahead(&self) -> time::Duration {
        self.shared().ahead
    }
    async fn constraints(&self) -> Result<Arc<dyn Constraints>> {
        let unasked = self.shared().unasked.as_ref().map(|error| Error::new(error.kind(), error.to_string()));
        match unasked {
            Some(error) => Err(error),
            None => self.inner.constraints().await,
        }
    }
    fn write<'a>(&'a self, changes: Vec<Change>) -> BoxStream<'a, (ChangeId, Result<Written>)> {
        self.shared().calls.push(changes.len());
        futures::stream::iter(changes)
            .then(move |change| async move {
                let (number, dies) = {
                    let mut shared = self.shared();
                    shared.writes += 1;
                    shared.log.push(described(&change.operation));
                    (shared.writes, shared.dies)
                };
                let dead = match dies {
                    Some(Death::Before(at) | Death::After(at)) => number > at || dies == Some(Death::Before(number)),
                    None => false,
                };
                if dead {
                    return futures::future::pending().await;
                }
                let refused = self.shared().refusal.as_mut().and_then(|refusal| refusal(&change));
                if let Some(error) = refused {
                    return (change.id, Err(error));
                }
                let mut answers = self.inner.write(vec![change.clone()]).collect::<Vec<_>>().await;
                if dies == Some(Death::After(number)) {
                    return futures::future::pending().await;
                }
                let (id, answer) = answers.pop().expect("an answer for the change");
                let mut shared = self.shared();
                let answer = match &mut shared.answer {
                    Some(change_answer) => change_answer(&change, answer),
                    None => answer,
                };
                (id, answer)
            })
            .boxed()
    }
    async fn find(&self, class: &Class, attribute: &Name, values: &[Value]) -> Result<Vec<Record>> {
        self.shared().asked += 1;
        if self.shared().is_deaf {
            return Err(Error::new(ErrorKind::Unavailable, "the index is down"));
        }
        if self.shared().is_unsearchable {
            return Err(Error::new(ErrorKind::Unsupported, "nobody can be found by this"));
        }
        let unseen = self.shared().unseen;
        let found = self.inner.find(class, attribute, values).await?;
        Ok(if unseen { Vec::new() } else { found })
    }
    async fn deleted(&self, anchors: &[Anchor]) -> Result<Vec<Record>> {
        self.inner.deleted(anchors).await
    }
}
