//! The crate's own stores keep the contracts, and the suites notice one that does not.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use entrant::adapters::{CsvSource, CsvTarget, JsonlSource, JsonlTarget, PasswordFile, RedbState};
use entrant::clock::{Clock, ManualClock};
use entrant::model::{
    Anchor, AttributeSchema, Change, ChangeId, Class, Mutability, Name, ObjectId, Operation, Schema, Value, Written,
};
use entrant::secret::Secret;
use entrant::store::{
    Batch, ByClass, Capabilities, Cursor, InitialPassword, Lease, Lookup, MemoryState, MemoryStore, PasswordSink,
    Query, Read, Source, State, Table, Target,
};
use entrant::testing::{
    Edit, Sample, Violation, changes_suite, password_sink_suite, source_suite, state_suite, target_suite,
};
use entrant::{Record, Result};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::time::Duration;

fn clock() -> ManualClock {
    ManualClock::at(time::macros::datetime!(2026-01-01 0:00 UTC))
}

/// A new path for each call, so that what one source reads is not what the next one writes.
fn paths(directory: &Path) -> impl Fn() -> std::path::PathBuf {
    let count = AtomicU32::new(0);
    move || directory.join(count.fetch_add(1, Ordering::Relaxed).to_string())
}

#[tokio::test]
async fn memory_store_is_a_source() {
    source_suite(async |records| MemoryStore::new("memory").with_records(records))
        .await
        .expect("it keeps the contract");
}

#[tokio::test]
async fn csv_is_a_source() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = paths(directory.path());
    let cell = |value: &str| format!("\"{}\"", value.replace('"', "\"\""));
    source_suite(async |records| {
        let mut text = String::from("id,name,note\r\n");
        for record in records {
            let value = |name| record.get(name).and_then(Value::as_text).unwrap_or_default();
            text += &format!("{},{},{}\r\n", cell(&record.id.id), cell(value("name")), cell(value("note")));
        }
        let path = path();
        std::fs::write(&path, text).expect("written");
        CsvSource::open(path).expect("a good file")
    })
    .await
    .expect("it keeps the contract");
}

#[tokio::test]
async fn jsonl_is_a_source() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = paths(directory.path());
    source_suite(async |records| {
        let mut text = String::new();
        for record in records {
            let mut line = serde_json::to_value(&record.attributes).expect("JSON");
            line["id"] = (*record.id.id).into();
            text += &format!("{line}\n");
        }
        let path = path();
        std::fs::write(&path, text).expect("written");
        JsonlSource::open(path).expect("a good file")
    })
    .await
    .expect("it keeps the contract");
}

#[tokio::test]
async fn files_that_are_written_are_sources() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = paths(directory.path());
    let text = AttributeSchema::text;
    source_suite(async |records| {
        let target = CsvTarget::builder(path()).attribute("name", text()).attribute("note", text()).build();
        filled(target.expect("a new file"), records).await
    })
    .await
    .expect("CSV keeps the contract");
    source_suite(async |records| {
        let target = JsonlTarget::builder(path()).attribute("name", text()).attribute("note", text()).build();
        filled(target.expect("a new file"), records).await
    })
    .await
    .expect("JSON Lines keep the contract");
}

/// A file into which these records were written, under their own ids.
async fn filled<T: Target>(target: T, records: Vec<Record>) -> T {
    let create = |(number, mut record): (u64, Record)| {
        record.attributes.insert("id".into(), Value::text(&*record.id.id));
        let (class, attributes) = (record.id.class, record.attributes);
        Change::new(ChangeId::new(number), Operation::Create { class, attributes, secrets: BTreeMap::new() })
    };
    let changes = (0..).zip(records).map(create).collect();
    let answers: Vec<_> = target.write(changes).collect().await;
    answers.into_iter().for_each(|(_, answer)| drop(answer.expect("it is written")));
    target
}

#[tokio::test]
async fn several_stores_are_a_source() {
    source_suite(async |records| {
        let people = MemoryStore::new("people").with_records(records);
        ByClass::new("hr").with(Class::GROUP, MemoryStore::new("groups")).with(Class::USER, people)
    })
    .await
    .expect("it keeps the contract");
}

/// A store of users, and what the suite does with it.
async fn edited(store: &MemoryStore, edit: Edit) -> ObjectId {
    match edit {
        Edit::Add(number) => {
            let id = ObjectId::user(number.to_string());
            let name = format!("Person {number}");
            store.push(Record::new(id.clone()).with("name", name).with("note", Value::Null));
            id
        }
        Edit::Set(id, text) => {
            assert!(store.set(&id, "note", text));
            id
        }
        Edit::Remove(id) => {
            store.remove(&id);
            id
        }
        other => panic!("{other:?} is new"),
    }
}

#[tokio::test]
async fn memory_store_keeps_track_of_changes() {
    let store = MemoryStore::new("memory");
    changes_suite(&store, &Class::USER, "note", async |edit| edited(&store, edit).await)
        .await
        .expect("it keeps the contract");
    let people = MemoryStore::new("people");
    let both = ByClass::new("hr").with(Class::GROUP, MemoryStore::new("groups")).with(Class::USER, people.clone());
    changes_suite(&both, &Class::USER, "note", async |edit| edited(&people, edit).await)
        .await
        .expect("it keeps the contract");
    let untracked = MemoryStore::new("file").without_changes();
    changes_suite(&untracked, &Class::USER, "note", async |edit| edited(&untracked, edit).await)
        .await
        .expect("there is no contract to keep");
}

fn memory_target() -> MemoryStore {
    let schema = Schema::new(Class::USER)
        .with("login", AttributeSchema::text().ignore_case().required().unique_in("login"))
        .with("badge", AttributeSchema::text().unique_in("badge").anchor())
        .with("title", AttributeSchema::text())
        .with("active", AttributeSchema::boolean().not_nullable())
        .with("password", AttributeSchema::text().secret().with_mutability(Mutability::CreateOnly))
        .with("manager", AttributeSchema::reference(Class::USER))
        .with("friends", AttributeSchema::reference(Class::USER).many())
        .with("teams", AttributeSchema::reference(Class::GROUP).many())
        .with_status("active");
    let groups = Schema::new(Class::GROUP).with("name", AttributeSchema::text().required());
    MemoryStore::new("memory").with_schema(schema).with_schema(groups)
}

fn sample() -> Sample {
    Sample::new(Class::USER, "title", |number| {
        let attributes = [
            (Name::from("login"), Value::text(format!("o'neil{number}"))),
            (Name::from("badge"), Value::text(format!("badge {number}"))),
        ];
        let secrets = [(Name::from("password"), Secret::new(format!("geheim-{number}")))];
        (attributes.into_iter().collect(), BTreeMap::from(secrets))
    })
    .with_reference("manager")
    .with_reference("friends")
    .with_reference_to("teams", teams())
}

fn teams() -> Sample {
    Sample::new(Class::GROUP, "note", |number| {
        let attributes = [(Name::from("name"), Value::text(format!("team {number}")))];
        (attributes.into_iter().collect(), BTreeMap::new())
    })
}

#[tokio::test]
async fn memory_store_is_a_target() {
    target_suite(&memory_target(), &sample()).await.expect("it keeps the contract");
}

#[tokio::test]
async fn files_are_targets() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = paths(directory.path());
    let sample = || {
        Sample::new(Class::USER, "title", |number| {
            let attributes = [
                (Name::from("login"), Value::text(format!("o'neil{number}"))),
                (Name::from("badge"), Value::text(format!("badge, \"{number}\""))),
                (Name::from("active"), Value::Bool(number % 2 == 0)),
            ];
            (attributes.into_iter().collect(), BTreeMap::new())
        })
        .with_reference("manager")
        .with_reference("friends")
    };
    macro_rules! declare {
        ($builder:expr) => {
            $builder
                .attribute("login", AttributeSchema::text().ignore_case().required().unique_in("login"))
                .attribute("badge", AttributeSchema::text().unique_in("badge"))
                .attribute("title", AttributeSchema::text())
                .attribute("manager", AttributeSchema::reference(Class::USER))
                .attribute("friends", AttributeSchema::reference(Class::USER).many())
                .status("active")
        };
    }
    let csv = declare!(CsvTarget::builder(path())).separator(';').words("Active", "Inactive");
    target_suite(&csv.build().expect("a new file"), &sample()).await.expect("CSV keeps the contract");
    let jsonl = declare!(JsonlTarget::builder(path()));
    target_suite(&jsonl.build().expect("a new file"), &sample()).await.expect("JSON Lines keep the contract");
    // In a file that has only some of the columns, and is otherwise somebody else's.
    let own = path();
    std::fs::write(&own, "\u{feff}badge,\"login\",key,room\r\n\r\n\"b\",l,k,\"7\"\r\n").expect("written");
    let csv = declare!(CsvTarget::builder(&own)).separator('|').key("key");
    target_suite(&csv.build().expect("a good file"), &sample()).await.expect("CSV keeps the contract");
    let text = std::fs::read_to_string(&own).expect("a file");
    assert!(text.starts_with("\u{feff}badge,\"login\",key,room,"), "{text}");
    assert!(text.contains("\r\n\r\n\"b\",l,k,\"7\","), "{text}");
}

#[tokio::test]
async fn memory_state_is_a_state() {
    let clock = clock();
    let state = MemoryState::new().with_clock(clock.clone());
    state_suite(async || state.clone(), async |time| clock.advance(time)).await.expect("it keeps the contract");
}

#[tokio::test]
async fn redb_is_a_state() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.redb");
    let clock = clock();
    state_suite(
        async || RedbState::open(&path).expect("a good file").with_clock(clock.clone()),
        async |time| clock.advance(time),
    )
    .await
    .expect("it keeps the contract");
}

#[tokio::test]
async fn a_file_is_a_sink_for_passwords() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("passwords");
    password_sink_suite(async || PasswordFile::open(&path).expect("a good file")).await.expect("it keeps the contract");
}

/// What a deliberately wrong store does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    NoEnd,
    EndTwice,
    AlwaysPartial,
    DropsOne,
    GetOutOfOrder,
    MissingIsError,
    AnswersTwice,
    StopsAtFailure,
    FindsNothing,
    ForgetsDeleted,
    ForgetsRefused,
    TakesNothing,
    TakesAnyReference,
    IgnoresFence,
    SharesLease,
    Unsorted,
    HalfBatch,
}

#[derive(Debug)]
struct WrongStore(MemoryStore, Wrong);

#[async_trait]
impl Source for WrongStore {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        let mut answers = self.0.get(ids).await?;
        match self.1 {
            Wrong::GetOutOfOrder => answers.reverse(),
            Wrong::MissingIsError if answers.contains(&Lookup::None) => {
                return Err(entrant::Error::new(entrant::ErrorKind::NotFound, "not there"));
            }
            _ => {}
        }
        Ok(answers)
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        let steps = self.0.read(query);
        let is_end = |step: &Result<Read>| matches!(step, Ok(Read::End { .. }));
        match self.1 {
            Wrong::NoEnd => steps.filter(move |step| std::future::ready(!is_end(step))).boxed(),
            Wrong::EndTwice => steps.chain(futures::stream::iter([Ok(Read::complete())])).boxed(),
            Wrong::AlwaysPartial => {
                steps.map(move |step| if is_end(&step) { Ok(Read::partial("a whim")) } else { step }).boxed()
            }
            Wrong::DropsOne => steps.skip(1).boxed(),
            _ => steps,
        }
    }
}

#[async_trait]
impl Target for WrongStore {
    fn schema(&self, class: &Class) -> Result<Arc<Schema>> {
        self.0.schema(class)
    }

    fn write<'a>(&'a self, mut changes: Vec<Change>) -> BoxStream<'a, (ChangeId, Result<Written>)> {
        for change in &mut changes {
            let Operation::Elements { changes, .. } = &mut change.operation else { continue };
            for (name, change) in changes {
                match self.1 {
                    Wrong::TakesNothing => change.remove.clear(),
                    Wrong::TakesAnyReference if *name == "manager" && !change.remove.is_empty() => {
                        change.remove.extend((0..60).map(|number| Value::from(format!("user-{number}"))));
                    }
                    _ => {}
                }
            }
        }
        let repeated = changes.first().map(|change| change.id);
        let answers = self.0.write(changes);
        match self.1 {
            Wrong::AnswersTwice => answers
                .chain(futures::stream::iter(repeated.map(|id| (id, Ok(Written::new(ObjectId::user("1")))))))
                .boxed(),
            Wrong::ForgetsRefused => answers
                .map(|(id, answer)| {
                    (
                        id,
                        answer.map(|mut written| {
                            written.refused.clear();
                            written
                        }),
                    )
                })
                .boxed(),
            Wrong::StopsAtFailure => {
                let mut failed = false;
                answers
                    .map(move |(id, answer)| {
                        failed |= answer.is_err();
                        let stopped = || entrant::Error::new(entrant::ErrorKind::Conflict, "stopped");
                        (id, if failed { Err(stopped()) } else { answer })
                    })
                    .boxed()
            }
            _ => answers,
        }
    }

    async fn find(&self, class: &Class, attribute: &Name, values: &[Value]) -> Result<Vec<Record>> {
        match self.1 {
            Wrong::FindsNothing => Ok(Vec::new()),
            _ => self.0.find(class, attribute, values).await,
        }
    }

    async fn deleted(&self, anchors: &[Anchor]) -> Result<Vec<Record>> {
        match self.1 {
            Wrong::ForgetsDeleted => Ok(Vec::new()),
            _ => self.0.deleted(anchors).await,
        }
    }
}

#[tokio::test]
async fn a_wrong_source_is_caught() {
    for (wrong, sentence) in [
        (Wrong::NoEnd, "ends with an end"),
        (Wrong::EndTwice, "last step"),
        (Wrong::AlwaysPartial, "says that it was all"),
        (Wrong::DropsOne, "what the store holds"),
        (Wrong::GetOutOfOrder, "is not there is an answer"),
        (Wrong::MissingIsError, "one answer for each id"),
    ] {
        let violation =
            source_suite(async |records| WrongStore(MemoryStore::new("wrong").with_records(records), wrong))
                .await
                .expect_err("it breaks the contract");
        assert!(violation.sentence.contains(sentence), "{wrong:?}: {violation}");
    }
}

#[tokio::test]
async fn a_wrong_target_is_caught() {
    for (wrong, sentence) in [
        (Wrong::AnswersTwice, "exactly once"),
        (Wrong::StopsAtFailure, "stops no other"),
        (Wrong::FindsNothing, "find yields"),
        (Wrong::ForgetsDeleted, "recycle bin"),
        (Wrong::ForgetsRefused, "refused as not found"),
        (Wrong::TakesNothing, "given and taken are there and gone"),
        (Wrong::TakesAnyReference, "not the one held"),
        (Wrong::GetOutOfOrder, "none"),
    ] {
        let verdict = target_suite(&WrongStore(memory_target(), wrong), &sample()).await;
        match verdict {
            Err(violation) => assert!(violation.sentence.contains(sentence), "{wrong:?}: {violation}"),
            Ok(()) => assert_eq!(sentence, "none", "{wrong:?} was not caught"),
        }
    }
}

#[derive(Debug)]
struct WrongState(MemoryState, ManualClock, Wrong);

#[async_trait]
impl State for WrongState {
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.0.get(table, key).await
    }

    fn scan(&self, table: Table, prefix: &[u8]) -> BoxStream<'_, Result<(Vec<u8>, Vec<u8>)>> {
        match self.2 {
            Wrong::Unsorted => {
                let rows = self.0.scan(table, prefix);
                futures::stream::once(async move {
                    let mut rows: Vec<_> = rows.collect().await;
                    rows.reverse();
                    futures::stream::iter(rows)
                })
                .flatten()
                .boxed()
            }
            _ => self.0.scan(table, prefix),
        }
    }

    async fn commit(&self, lease: &Lease, mut batch: Batch) -> Result<()> {
        match self.2 {
            Wrong::IgnoresFence => {
                let any = self.0.lease("any", Duration::from_secs(1)).await?.expect("it is given back at once");
                self.0.commit(&any, batch).await?;
                self.0.release(any).await
            }
            Wrong::HalfBatch => {
                batch.operations.truncate(batch.operations.len().div_ceil(2));
                self.0.commit(lease, batch).await
            }
            _ => self.0.commit(lease, batch).await,
        }
    }

    async fn lease(&self, name: &str, ttl: Duration) -> Result<Option<Lease>> {
        match self.2 {
            Wrong::SharesLease => Ok(Some(Lease::new(name, 1, self.1.now() + ttl))),
            _ => self.0.lease(name, ttl).await,
        }
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Option<Lease>> {
        self.0.renew(lease, ttl).await
    }

    async fn release(&self, lease: Lease) -> Result<()> {
        self.0.release(lease).await
    }
}

#[tokio::test]
async fn a_wrong_state_is_caught() {
    for (wrong, sentence) in [
        (Wrong::IgnoresFence, "writes nothing"),
        (Wrong::HalfBatch, "in their order"),
        (Wrong::Unsorted, "order of their bytes"),
        (Wrong::SharesLease, "whole or not at all"),
    ] {
        let clock = clock();
        let state = MemoryState::new().with_clock(clock.clone());
        let open = async || WrongState(state.clone(), clock.clone(), wrong);
        let violation = state_suite(open, async |time| clock.advance(time)).await.expect_err("it breaks the contract");
        assert!(violation.sentence.contains(sentence), "{wrong:?}: {violation}");
    }
}

/// What a deliberately wrong feed does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WrongFeed {
    /// The cursor is taken after the list.
    CursorLate,
    NoNextCursor,
    Parts,
    Stale,
    NoTombstones,
    TombstoneAndRecord,
    TellsOnce,
    Filters,
    /// Whatever the cursor, nothing has changed.
    AcceptsAll,
    /// Whatever the cursor, all is new.
    BeginsAnew,
    CallsItInvalid,
    AnyClass,
    ForgetsNew,
}

#[derive(Debug)]
struct WrongFollowed(MemoryStore, WrongFeed, std::sync::Mutex<(Vec<String>, BTreeMap<ObjectId, Record>)>);

#[async_trait]
impl Source for WrongFollowed {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        let expired = |error: &entrant::Error| error.kind() == entrant::ErrorKind::CursorExpired;
        let Some(cursor) = &query.since else {
            let mut steps: Vec<_> = futures::executor::block_on(self.0.read(query).collect());
            if self.1 == WrongFeed::CursorLate && query.wants_cursor {
                steps.pop();
                let (store, query) = (self.0.clone(), query.clone());
                let end = async move { store.read(&query).collect::<Vec<_>>().await.pop().expect("an end") };
                return futures::stream::iter(steps).chain(futures::stream::once(end)).boxed();
            }
            return futures::stream::iter(steps).boxed();
        };
        let mut query = query.clone();
        if self.1 == WrongFeed::AnyClass {
            let text = cursor.as_str().rsplit_once(' ').map_or("", |(start, _)| start);
            query.since = Some(Cursor::new(format!("{text} {}", query.class)));
        }
        let mut steps: Vec<Result<Read>> = futures::executor::block_on(self.0.read(&query).collect());
        let mut memory = self.2.lock().expect("no test panics with it");
        let seen = memory.0.iter().any(|own| own == cursor.as_str());
        if steps.len() > 1 {
            memory.0.push(cursor.as_str().to_owned());
        }
        match self.1 {
            WrongFeed::NoNextCursor => {
                steps.pop();
                steps.push(Ok(Read::complete()));
            }
            WrongFeed::Parts => {
                for step in &mut steps {
                    if let Ok(Read::Record(record)) = step {
                        record.attributes.remove("name");
                    }
                }
            }
            WrongFeed::Stale => {
                for step in &mut steps {
                    if let Ok(Read::Record(record)) = step {
                        let first = memory.1.entry(record.id.clone()).or_insert_with(|| record.clone());
                        record.clone_from(first);
                    }
                }
            }
            WrongFeed::NoTombstones => steps.retain(|step| !matches!(step, Ok(Read::Deleted(_)))),
            WrongFeed::TombstoneAndRecord => {
                let gone: Vec<_> = steps
                    .iter()
                    .filter_map(|step| match step {
                        Ok(Read::Deleted(id)) => Some(Ok(Read::Record(Record::new(id.clone())))),
                        _ => None,
                    })
                    .collect();
                steps.splice(0..0, gone);
            }
            WrongFeed::TellsOnce if seen => drop(steps.drain(..steps.len() - 1)),
            WrongFeed::Filters => {
                let passes = |record: &Record| query.filter.as_ref().is_none_or(|own| own.matches(&record.attributes));
                steps.retain(|step| !matches!(step, Ok(Read::Record(record)) if !passes(record)));
            }
            WrongFeed::AcceptsAll if steps.iter().any(|step| step.as_ref().is_err_and(expired)) => {
                steps = vec![Ok(Read::complete_at(cursor.clone()))];
            }
            WrongFeed::BeginsAnew if steps.iter().any(|step| step.as_ref().is_err_and(expired)) => {
                query.since = None;
                return self.0.read(&query.with_cursor());
            }
            WrongFeed::CallsItInvalid if steps.iter().any(|step| step.as_ref().is_err_and(expired)) => {
                steps = vec![Err(entrant::Error::new(entrant::ErrorKind::Invalid, "what is that?"))];
            }
            WrongFeed::ForgetsNew => {
                steps.retain(
                    |step| !matches!(step, Ok(Read::Record(record)) if record.get("note") == Some(&Value::Null)),
                );
            }
            _ => {}
        }
        futures::stream::iter(steps).boxed()
    }
}

#[tokio::test]
async fn a_wrong_feed_is_caught() {
    for (wrong, sentence) in [
        (WrongFeed::CursorLate, "is told next time"),
        (WrongFeed::NoNextCursor, "with the next cursor"),
        (WrongFeed::Parts, "comes whole"),
        (WrongFeed::Stale, "comes whole"),
        (WrongFeed::NoTombstones, "what is gone is deleted"),
        (WrongFeed::TombstoneAndRecord, "what is gone is deleted"),
        (WrongFeed::TellsOnce, "read from again"),
        (WrongFeed::Filters, "no longer passes the filter"),
        (WrongFeed::AcceptsAll, "fails as expired"),
        (WrongFeed::BeginsAnew, "fails as expired"),
        (WrongFeed::CallsItInvalid, "fails as expired"),
        (WrongFeed::AnyClass, "fails as expired"),
        (WrongFeed::ForgetsNew, "yields what changed"),
    ] {
        let store = MemoryStore::new("wrong");
        let followed = WrongFollowed(store.clone(), wrong, std::sync::Mutex::default());
        let verdict: std::result::Result<(), Violation> =
            changes_suite(&followed, &Class::USER, "note", async |edit| edited(&store, edit).await).await;
        let violation = verdict.expect_err("it breaks the contract");
        assert!(violation.sentence.contains(sentence), "{wrong:?}: {violation}");
    }
}

/// A sink that keeps nothing.
#[derive(Debug)]
struct Forgetful;

#[async_trait]
impl PasswordSink for Forgetful {
    async fn prepare(&self, passwords: Vec<InitialPassword>) -> Result<Vec<Secret>> {
        Ok(passwords.into_iter().map(|one| one.password).collect())
    }

    async fn confirm(&self, _: Vec<(String, ObjectId)>) -> Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_forgetful_sink_is_caught() {
    let violation = password_sink_suite(async || Forgetful).await.expect_err("it forgets");
    assert!(violation.sentence.contains("wins"), "{violation}");
}
