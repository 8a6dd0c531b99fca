//! A store that is forgotten when the program ends.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::check::{Step, check, check_required, holds_any, invalid, known, missing};
use super::feed::{Feed, expired};
use super::holders::{Holders, Schemas, unique_values};
use super::objects::{Object, Objects};
use super::{Access, Capabilities, Cursor, GetSupport, Lookup, Query, Read, Source, Target, elements};
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    Anchor, Attributes, Change, ChangeId, Class, Completeness, ElementChange, Name, ObjectId, Operation, Record,
    Schema, Value, Written,
};
use crate::reconcile::{Constraints, NoConstraints};
use crate::secret::Secret;

/// A [`Source`] and [`Target`] in memory: the reference implementation, for tests and trials.
///
/// Records keep the order in which they came. A class can be written once it has a schema, and writes are held to it:
/// unknown or read-only attributes, wrong types, missing required ones, values too long are
/// [`ErrorKind::Invalid`], a unique value that is taken is [`ErrorKind::Conflict`]. What is deleted goes to a recycle
/// bin. Reads apply filter and select. Clones share everything, the settings too.
///
/// It keeps track of changes, by their ids, from the first time that a [cursor](Query::with_cursor) is asked for: of the
/// last 100,000 ([`with_history`](Self::with_history)). A cursor is good while the program runs, and for another store
/// that holds the same.
///
/// # Examples
///
/// ```
/// use entrant::{Record, model::{Class, ObjectId}, store::{MemoryStore, Query, SourceExt}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let store = MemoryStore::new("hr").with_record(Record::new(ObjectId::user("7")).with("name", "Ada"));
/// let (people, completeness) = store.collect(&Query::all(Class::USER)).await;
/// assert_eq!(people[0].get("name").and_then(|name| name.as_text()), Some("Ada"));
/// assert!(completeness.is_complete());
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct MemoryStore {
    name: Arc<str>,
    shared: Arc<Mutex<Shared>>,
}

/// How many changes are kept unless it is said otherwise.
const HISTORY: usize = 100_000;

/// How a write of a [`MemoryStore`] fails when it is told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteFault {
    /// The store refuses it, and nothing is written.
    Refused,
    /// It does not arrive; the caller cannot know that.
    RequestLost,
    /// It is carried out, and the answer does not arrive.
    AnswerLost,
}

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    capabilities: Capabilities,
    constraints: Arc<dyn Constraints>,
    schemas: Schemas,
    objects: Objects,
    /// Made when it is first asked for.
    holders: Option<Holders>,
    bin: Objects,
    /// How many changes are kept at most, if any.
    history: Option<usize>,
    /// From the first cursor on: nobody asks for what came before.
    feed: Option<Feed>,
    partial: Option<String>,
    created: u64,
    writes: u64,
    faults: BTreeMap<u64, WriteFault>,
}

impl MemoryStore {
    /// An empty store without a schema, which can be read, searched and asked by id, and has a recycle bin.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let shared = Shared {
            clock: Arc::new(SystemClock::new()),
            capabilities: Capabilities::default().with_get(GetSupport::Authoritative).with_find().with_recycle_bin(),
            constraints: Arc::new(NoConstraints),
            schemas: BTreeMap::new(),
            objects: Objects::default(),
            holders: None,
            bin: Objects::default(),
            history: Some(HISTORY),
            feed: None,
            partial: None,
            created: 0,
            writes: 0,
            faults: BTreeMap::new(),
        };
        Self { name: name.into(), shared: Arc::new(Mutex::new(shared)) }
    }

    /// Lets objects of the schema's class be written.
    #[must_use]
    pub fn with_schema(self, schema: Schema) -> Self {
        let mut shared = self.lock();
        shared.schemas.insert(schema.class.clone(), Arc::new(schema));
        shared.holders = None;
        drop(shared);
        self
    }

    /// Adds a record, see [`push`](Self::push).
    #[must_use]
    pub fn with_record(self, record: Record) -> Self {
        self.push(record);
        self
    }

    /// Adds records, see [`push`](Self::push).
    #[must_use]
    pub fn with_records(self, records: impl IntoIterator<Item = Record>) -> Self {
        records.into_iter().for_each(|record| self.push(record));
        self
    }

    /// Dates new objects by another clock than the machine's.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        self.lock().clock = Arc::new(clock);
        self
    }

    /// Says something else of what the store is and can do. It does not change what it really can.
    #[must_use]
    pub fn with_capabilities(self, capabilities: Capabilities) -> Self {
        self.lock().capabilities = capabilities;
        self
    }

    /// Forbids what these constraints find.
    #[must_use]
    pub fn with_constraints(self, constraints: Arc<dyn Constraints>) -> Self {
        self.lock().constraints = constraints;
        self
    }

    /// Keeps track of this many changes at most. Cursors behind them are [`ErrorKind::CursorExpired`].
    #[must_use]
    pub fn with_history(self, changes: usize) -> Self {
        let mut shared = self.lock();
        (shared.history, shared.feed) = (Some(changes), None);
        drop(shared);
        self
    }

    /// Keeps no track of changes, as a file: there are no cursors, and reads since one read everything.
    #[must_use]
    pub fn without_changes(self) -> Self {
        let mut shared = self.lock();
        (shared.history, shared.feed) = (None, None);
        drop(shared);
        self
    }

    /// Makes every read end partial, for this reason.
    #[must_use]
    pub fn with_read_partial(self, reason: impl Into<String>) -> Self {
        self.end_reads(Completeness::Partial { reason: reason.into() });
        self
    }

    /// Says how reads end from now on.
    pub fn end_reads(&self, completeness: Completeness) {
        self.lock().partial = match completeness {
            Completeness::Complete => None,
            Completeness::Partial { reason } => Some(reason),
        };
    }

    /// Says whether the store lets writes through from now on. Where not, each fails with [`ErrorKind::NotReady`].
    pub fn set_writes(&self, access: Access) {
        self.lock().capabilities.writes = access;
    }

    /// Makes the `nth` write from now fail; 1 is the next.
    pub fn fail_write(&self, nth: u64, fault: WriteFault) {
        let mut shared = self.lock();
        let number = shared.writes.saturating_add(nth);
        shared.faults.insert(number, fault);
    }

    /// Adds a record as it is, past the schema, even under an id that is there already.
    pub fn push(&self, record: Record) {
        let mut shared = self.lock();
        let id = record.id.clone();
        shared.objects.push(Object::new(record));
        shared.note(&id);
    }

    /// Sets an attribute of an object past the schema, as someone else would. Answers whether the object is there.
    pub fn set(&self, id: &ObjectId, attribute: impl Into<Name>, value: impl Into<Value>) -> bool {
        let mut shared = self.lock();
        let Some(object) = shared.objects.first_mut(id) else { return false };
        object.record.attributes.insert(attribute.into(), value.into());
        shared.note(id);
        true
    }

    /// Takes all records of an id out, past the recycle bin.
    pub fn remove(&self, id: &ObjectId) {
        let mut shared = self.lock();
        if !shared.objects.take(id).is_empty() {
            shared.note(id);
        }
    }

    /// The records of all classes, in their order.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.lock().objects.iter().map(|object| object.record.clone()).collect()
    }

    /// The record of an id; the first, if there are several.
    #[must_use]
    pub fn record(&self, id: &ObjectId) -> Option<Record> {
        self.lock().find(id).map(|object| object.record.clone())
    }

    /// What was last written to a write-only attribute.
    #[must_use]
    pub fn write_only(&self, id: &ObjectId, attribute: &str) -> Option<Value> {
        self.lock().find(id).and_then(|object| object.hidden.get(attribute).cloned())
    }

    /// What was last written to a secret attribute.
    #[must_use]
    pub fn secret(&self, id: &ObjectId, attribute: &str) -> Option<Secret> {
        self.lock().find(id).and_then(|object| object.secrets.get(attribute).cloned())
    }

    /// How many writes were asked for.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.lock().writes
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carry_out(&self, operation: Operation) -> Result<Written> {
        let mut shared = self.lock();
        let number = shared.writes.saturating_add(1);
        shared.writes = number;
        if let Access::Refused(reason) = &shared.capabilities.writes {
            return Err(Error::new(ErrorKind::NotReady, reason.clone()).with_context("store", &self.name));
        }
        let lost = || Error::new(ErrorKind::Transport, "the connection broke").with_outcome_in_doubt();
        match shared.faults.remove(&number) {
            None => shared.write(operation),
            Some(WriteFault::Refused) => Err(invalid("the store was told to refuse the write")),
            Some(WriteFault::RequestLost) => Err(lost()),
            Some(WriteFault::AnswerLost) => shared.write(operation).and_then(|_| Err(lost())),
        }
        .map_err(|error| error.with_context("store", &self.name))
    }
}

#[async_trait]
impl Source for MemoryStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        self.lock().capabilities.clone()
    }

    async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        let objects = &mut self.lock().objects;
        let found = |id| Lookup::from_found(objects.of(id).map(|object| object.record.clone()).collect());
        Ok(ids.iter().map(found).collect())
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        let mut shared = self.lock();
        let partial = shared.partial.clone();
        if let Some((cursor, _)) = query.since.as_ref().zip(shared.history) {
            let mut steps: Vec<_> = match shared.changes(query, cursor) {
                Ok(changes) => changes.into_iter().map(Ok).collect(),
                Err(error) => return stream::iter([Err(error.with_context("store", &self.name))]).boxed(),
            };
            steps.push(Ok(partial.map_or_else(|| shared.end(&query.class), Read::partial)));
            return stream::iter(steps).boxed();
        }
        if query.wants_cursor {
            shared.begin_feed();
        }
        let shared = &*shared;
        let of_class =
            || shared.objects.iter().map(|object| &object.record).filter(|record| record.id.class == query.class);
        // Of an id that fits all records, so that a twin is seen.
        let fitting: Option<HashSet<&ObjectId>> = query.filter.as_ref().map(|filter| {
            of_class().filter(|record| filter.matches(&record.attributes)).map(|record| &record.id).collect()
        });
        let mut steps: Vec<_> = of_class()
            .filter(|record| fitting.as_ref().is_none_or(|ids| ids.contains(&record.id)))
            .map(|record| Ok(Read::Record(select(record, query.select.as_deref()))))
            .collect();
        let end = if query.wants_cursor { shared.end(&query.class) } else { Read::complete() };
        steps.push(Ok(partial.map_or(end, Read::partial)));
        stream::iter(steps).boxed()
    }
}

#[async_trait]
impl Target for MemoryStore {
    fn schema(&self, class: &Class) -> Result<Arc<Schema>> {
        self.lock().schema(class)
    }

    async fn constraints(&self) -> Result<Arc<dyn Constraints>> {
        Ok(Arc::clone(&self.lock().constraints))
    }

    fn write<'a>(&'a self, changes: Vec<Change>) -> BoxStream<'a, (ChangeId, Result<Written>)> {
        stream::iter(changes).map(|change| (change.id, self.carry_out(change.operation))).boxed()
    }

    async fn find(&self, class: &Class, attribute: &Name, values: &[Value]) -> Result<Vec<Record>> {
        let shared = self.lock();
        let schema = shared.schema(class)?;
        let attribute_schema = known(&schema, attribute)?;
        let holds = |record: &Record| {
            record.id.class == *class
                && record.get(attribute).is_some_and(|own| holds_any(attribute_schema, own, values))
        };
        let records = shared.objects.iter().map(|object| &object.record);
        Ok(records.filter(|record| holds(record)).cloned().collect())
    }

    async fn deleted(&self, anchors: &[Anchor]) -> Result<Vec<Record>> {
        let shared = self.lock();
        let leads_to = |anchor: &Anchor, record: &Record| match anchor {
            Anchor::Id(id) => record.id == *id,
            Anchor::Attribute { class, name, value } => {
                record.id.class == *class
                    && shared
                        .schemas
                        .get(class)
                        .and_then(|schema| schema.get(name))
                        .zip(record.get(name))
                        .is_some_and(|(schema, own)| holds_any(schema, own, std::slice::from_ref(value)))
            }
        };
        let records = shared.bin.iter().map(|object| &object.record);
        Ok(records.filter(|record| anchors.iter().any(|anchor| leads_to(anchor, record))).cloned().collect())
    }
}

impl Shared {
    fn schema(&self, class: &Class) -> Result<Arc<Schema>> {
        self.schemas.get(class).cloned().ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "the store has no such class to write").with_context("class", class)
        })
    }

    fn find(&mut self, id: &ObjectId) -> Option<&Object> {
        self.objects.of(id).next()
    }

    fn begin_feed(&mut self) {
        if let Some(history) = self.history
            && self.feed.is_none()
        {
            let records = self.objects.iter().map(|object| &object.record);
            self.feed = Some(Feed::begin(records, history));
        }
    }

    /// Takes note that an object changed.
    fn note(&mut self, id: &ObjectId) {
        if let Some(holders) = &mut self.holders {
            self.objects.of(id).for_each(|object| holders.add(&self.schemas, &object.record));
        }
        if let Some(feed) = &mut self.feed {
            feed.note(id, self.objects.of(id).map(|object| &object.record));
        }
    }

    /// The objects that changed, as they are now.
    fn changes(&mut self, query: &Query, cursor: &Cursor) -> Result<Vec<Read>> {
        let feed = self.feed.as_ref().ok_or_else(expired)?;
        let mut steps = Vec::new();
        for id in feed.since(&query.class, cursor)? {
            let before = steps.len();
            let records = self.objects.of(id).map(|object| select(&object.record, query.select.as_deref()));
            steps.extend(records.map(Read::Record));
            if steps.len() == before {
                steps.push(Read::Deleted(id.clone()));
            }
        }
        Ok(steps)
    }

    /// The end of a complete read, with a cursor if changes are kept track of.
    fn end(&self, class: &Class) -> Read {
        self.feed.as_ref().map_or_else(Read::complete, |feed| Read::complete_at(feed.cursor(class)))
    }

    fn write(&mut self, operation: Operation) -> Result<Written> {
        let written = self.carry_out(operation)?;
        self.note(&written.id);
        Ok(written)
    }

    fn carry_out(&mut self, operation: Operation) -> Result<Written> {
        match operation {
            Operation::Create { class, attributes, secrets } => self.create(class, attributes, secrets),
            Operation::Update { id, attributes, secrets } => self.update(id, attributes, secrets),
            Operation::Elements { id, changes } => self.change_elements(id, changes),
            Operation::Delete { id } => self.delete(id),
            Operation::Restore { id } => self.restore(id),
        }
    }

    fn create(&mut self, class: Class, attributes: Attributes, secrets: BTreeMap<Name, Secret>) -> Result<Written> {
        let schema = self.schema(&class)?;
        check_required(&schema, &attributes, &secrets)?;
        check(&schema, &attributes, &secrets, Step::Create)?;
        self.check_unique(&schema, &attributes, None)?;

        let id = self.free_id(&class)?;
        let mut object = Object::new(Record::new(id.clone()));
        for (name, attribute) in &schema.attributes {
            if attribute.is_readable() {
                object.record.attributes.insert(name.clone(), Value::Null);
            }
        }
        if let Some(status) = &schema.status {
            object.record.attributes.insert(status.clone(), Value::Bool(true));
        }
        if let Some(created_at) = &schema.created_at {
            object.record.attributes.insert(created_at.clone(), Value::DateTime(self.clock.now()));
        }
        object.set(&schema, attributes, secrets);
        self.objects.push(object);
        Ok(Written::new(id))
    }

    fn update(&mut self, id: ObjectId, attributes: Attributes, secrets: BTreeMap<Name, Secret>) -> Result<Written> {
        let schema = self.schema(&id.class)?;
        let position = self.objects.position(&id)?.ok_or_else(|| missing(&id))?;
        check(&schema, &attributes, &secrets, Step::Update)?;
        self.check_unique(&schema, &attributes, Some(&id))?;
        self.objects[position].set(&schema, attributes, secrets);
        Ok(Written::new(id))
    }

    fn change_elements(&mut self, id: ObjectId, changes: BTreeMap<Name, ElementChange>) -> Result<Written> {
        let schema = self.schema(&id.class)?;
        let position = self.objects.position(&id)?.ok_or_else(|| missing(&id))?;
        let objects = self.objects.indexed();
        let there = |id: &ObjectId| objects.has(id);
        let (values, refused) = elements::change(&schema, &there, &objects[position].record, changes);
        for (name, value) in values {
            self.objects[position].record.attributes.insert(name, value);
        }
        Ok(Written::new(id).with_refused(refused))
    }

    fn delete(&mut self, id: ObjectId) -> Result<Written> {
        self.schema(&id.class)?;
        if self.objects.position(&id)?.is_some() {
            self.objects.take(&id).into_iter().for_each(|object| self.bin.push(object));
        }
        Ok(Written::new(id))
    }

    fn restore(&mut self, id: ObjectId) -> Result<Written> {
        let schema = self.schema(&id.class)?;
        if self.objects.position(&id)?.is_some() {
            return Ok(Written::new(id));
        }
        let attributes = self.bin.of(&id).next().map(|object| object.record.attributes.clone());
        self.check_unique(&schema, &attributes.ok_or_else(|| missing(&id))?, Some(&id))?;
        let mut found = self.bin.take(&id).into_iter();
        found.by_ref().take(1).for_each(|object| self.objects.push(object));
        found.for_each(|object| self.bin.push(object));
        Ok(Written::new(id))
    }

    fn free_id(&mut self, class: &Class) -> Result<ObjectId> {
        loop {
            self.created = self.created.checked_add(1).ok_or_else(|| invalid("no id is left for a new object"))?;
            let id = ObjectId::new(class.clone(), format!("{class}-{}", self.created));
            if !self.objects.indexed().has(&id) && !self.bin.indexed().has(&id) {
                return Ok(id);
            }
        }
    }

    fn check_unique(&mut self, schema: &Schema, attributes: &Attributes, own: Option<&ObjectId>) -> Result<()> {
        let Self { objects, schemas, .. } = self;
        let all = || Holders::of(schemas, objects.iter().map(|object| &object.record));
        let holders = &*self.holders.get_or_insert_with(all);
        for (name, value) in attributes.iter() {
            let Some(attribute) = schema.get(name) else { continue };
            let Some(space) = &attribute.unique_in else { continue };
            let values = value.as_slice();
            let holds = |record: &Record| {
                unique_values(schemas, record)
                    .any(|(own, _, other)| own == space && holds_any(attribute, other, values))
            };
            let mut others = values.iter().flat_map(|value| holders.candidates(space, attribute, value));
            if others.any(|id| Some(id) != own && objects.of(id).any(|object| holds(&object.record))) {
                return Err(
                    Error::new(ErrorKind::Conflict, "another object has this value").with_context("attribute", name)
                );
            }
        }
        Ok(())
    }
}

fn select(record: &Record, names: Option<&[Name]>) -> Record {
    let Some(names) = names else { return record.clone() };
    let mut selected = Record::new(record.id.clone());
    selected.origin.clone_from(&record.origin);
    selected.partial.clone_from(&record.partial);
    selected.attributes = names.iter().filter_map(|name| Some((name.clone(), record.get(name)?.clone()))).collect();
    selected
}
