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

mod wrong;

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
