//! What the crate's stores tell of changes, beyond the contract.

use std::collections::BTreeMap;

use entrant::adapters::{CsvMemberships, CsvSource, JsonlSource};
use entrant::model::{
    AttributeSchema, Change, ChangeId, Class, Completeness, ElementChange, Name, ObjectId, Operation, Schema, eq,
};
use entrant::store::{Cursor, MemoryStore, Query, Read, Source, Target, WriteFault};
use entrant::{ErrorKind, Record, Result, Value};
use futures::{StreamExt, TryStreamExt};

fn users() -> Query {
    Query::all(Class::USER)
}

fn person(id: usize, name: &str) -> Record {
    Record::new(ObjectId::user(id.to_string())).with("name", name)
}

async fn steps(store: &impl Source, query: &Query) -> Result<(Vec<String>, Option<Cursor>)> {
    let mut told = Vec::new();
    let mut steps = store.read(query);
    while let Some(step) = steps.try_next().await? {
        match step {
            Read::Record(record) => {
                let name = record.get("name").map_or("?", |name| name.as_text().unwrap_or("-"));
                told.push(format!("{} {name}", record.id.id));
            }
            Read::Deleted(id) => told.push(format!("{} gone", id.id)),
            Read::End { cursor, .. } => return Ok((told, cursor)),
            other => panic!("{other:?}"),
        }
    }
    panic!("no end");
}

async fn begin(store: &impl Source) -> Cursor {
    steps(store, &users().with_cursor()).await.expect("it is read").1.expect("it keeps track")
}

async fn since(store: &impl Source, cursor: &Cursor) -> Result<(Vec<String>, Cursor)> {
    let (told, next) = steps(store, &users().with_since(cursor.clone())).await?;
    Ok((told, next.expect("changes end with a cursor")))
}

async fn write(store: &MemoryStore, operation: Operation) -> Result<ObjectId> {
    let mut answers: Vec<_> = store.write(vec![Change::new(ChangeId::new(1), operation)]).collect().await;
    answers.remove(0).1.map(|written| written.id)
}

#[tokio::test]
async fn every_way_to_change_a_store_in_memory_is_told() {
    let schema = Schema::new(Class::USER)
        .with("name", AttributeSchema::text())
        .with("friends", AttributeSchema::reference(Class::USER).many());
    let store = MemoryStore::new("hr")
        .with_schema(schema)
        .with_records([person(1, "Ada"), person(2, "Bo"), person(3, "Cy"), person(4, "Di")])
        .with_record(Record::new(ObjectId::group("1")).with("name", "Sales"));
    let mut cursor = begin(&store).await;
    let id = |id: &str| ObjectId::user(id);
    let update = |name: &str| Operation::Update {
        id: id("1"),
        attributes: [(Name::from("name"), Value::from(name))].into_iter().collect(),
        secrets: BTreeMap::new(),
    };
    let befriend = || Operation::Elements {
        id: id("2"),
        changes: BTreeMap::from([(Name::from("friends"), ElementChange::new(["1".into()], []))]),
    };
    let create = || Operation::Create { class: Class::USER, attributes: Default::default(), secrets: BTreeMap::new() };
    let mut expect = async |told: &[&str]| {
        let (seen, next) = since(&store, &cursor).await.expect("changes are told");
        assert_eq!(seen, told);
        cursor = next;
    };
    expect(&[]).await;
    write(&store, update("Eve")).await.expect("written");
    expect(&["1 Eve"]).await;
    write(&store, befriend()).await.expect("written");
    expect(&["2 Bo"]).await;
    let new = write(&store, create()).await.expect("made");
    expect(&[&format!("{} -", new.id)]).await;
    write(&store, Operation::Delete { id: id("3") }).await.expect("deleted");
    expect(&["3 gone"]).await;
    write(&store, Operation::Restore { id: id("3") }).await.expect("restored");
    expect(&["3 Cy"]).await;
    store.push(person(4, "Dirk"));
    expect(&["4 Di", "4 Dirk"]).await;
    store.remove(&id("4"));
    store.remove(&id("nobody"));
    expect(&["4 gone"]).await;
    assert!(store.set(&id("3"), "name", "Cyd") && !store.set(&id("4"), "name", "x"));
    expect(&["3 Cyd"]).await;
    store.set(&ObjectId::group("1"), "name", "Legal");
    expect(&[]).await;
    // A write that fails changes nothing, one whose answer is lost does.
    store.fail_write(1, WriteFault::Refused);
    write(&store, update("Fay")).await.expect_err("refused");
    expect(&[]).await;
    store.fail_write(1, WriteFault::AnswerLost);
    write(&store, update("Fay")).await.expect_err("lost");
    expect(&["1 Fay"]).await;

    store.end_reads(Completeness::Partial { reason: "a whim".into() });
    for query in [users().with_cursor(), users().with_since(cursor)] {
        let last = store.read(&query).collect::<Vec<_>>().await.pop().expect("an end");
        assert_eq!(last.expect("it is read"), Read::partial("a whim"), "no cursor");
    }
}

#[tokio::test]
async fn a_store_in_memory_forgets_the_oldest_changes() {
    let store = MemoryStore::new("hr").with_history(3).with_record(person(1, "Ada"));
    let first = begin(&store).await;
    let mut cursors = vec![first];
    for number in 2..7 {
        store.push(person(number, "new"));
        cursors.push(begin(&store).await);
    }
    for (age, cursor) in cursors.iter().rev().enumerate() {
        match since(&store, cursor).await {
            Ok((told, next)) => assert!(age <= 3 && told.len() == age && next == cursors[5], "{age}: {told:?}"),
            Err(error) => assert!(age > 3 && error.kind() == ErrorKind::CursorExpired, "{age}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_cursor_is_not_taken_for_one_of_another_life() {
    let make = |name| MemoryStore::new("hr").with_records([person(1, name), person(2, "Bo")]);
    let (store, other, twin) = (make("Ada"), make("Eve"), make("Ada"));
    let cursor = begin(&store).await;
    let unasked = since(&other, &cursor).await.expect_err("it has given out no cursor yet");
    assert_eq!(unasked.kind(), ErrorKind::CursorExpired);
    begin(&other).await;
    assert_eq!(since(&other, &cursor).await.expect_err("it held something else").kind(), ErrorKind::CursorExpired);
    assert_eq!(begin(&twin).await, cursor, "the same for the same, so that plans are the same bytes");
    // What changed then is not what changes now.
    store.set(&ObjectId::user("1"), "name", "Fay");
    twin.set(&ObjectId::user("1"), "name", "Gil");
    let cursor = begin(&store).await;
    assert_eq!(since(&twin, &cursor).await.expect_err("another change").kind(), ErrorKind::CursorExpired);
    let turned = MemoryStore::new("hr").with_records([person(2, "Bo"), person(1, "Fay")]);
    let straight = MemoryStore::new("hr").with_records([person(1, "Fay"), person(2, "Bo")]);
    assert_eq!(begin(&turned).await, begin(&straight).await, "in any order");
    for form in [
        "memory-1 0",
        "memory-1 x 0 user",
        "memory-1 0 zz user",
        "memory-1 99999999999999999999 0 user",
        "memory-2 0 0 user",
    ] {
        let error = since(&store, &Cursor::new(form)).await.expect_err(form);
        assert_eq!(error.kind(), ErrorKind::CursorExpired, "{form}");
    }
}

#[tokio::test]
async fn without_changes_everything_is_read() {
    let store = MemoryStore::new("file").without_changes().with_records([person(1, "Ada"), person(2, "Bo")]);
    let query = users().with_filter(eq("name", "Ada"));
    let (told, cursor) = steps(&store, &query.with_cursor()).await.expect("it is read");
    assert_eq!((told.len(), cursor), (1, None));
    let (told, cursor) = steps(&store, &users().with_since(Cursor::new("x"))).await.expect("it is read");
    assert_eq!((told.len(), cursor), (2, None));
}

#[tokio::test]
async fn files_keep_no_track_of_changes() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("people.csv"), "id,name\n1,Ada\n2,Bo\n").expect("written");
    std::fs::write(path("people.jsonl"), "{\"id\": 1, \"name\": \"Ada\"}\n{\"id\": 2, \"name\": \"Bo\"}\n")
        .expect("written");
    std::fs::write(path("members.csv"), "group,member\n1,1\n").expect("written");
    let csv = CsvSource::open(path("people.csv")).expect("a good file");
    let jsonl = JsonlSource::open(path("people.jsonl")).expect("a good file");
    let groups = MemoryStore::new("groups").with_record(Record::new(ObjectId::group("1")).with("name", "Sales"));
    let memberships = CsvMemberships::open(groups, path("members.csv")).expect("a good file");
    let sources: [(&dyn Source, Query, usize); 3] =
        [(&csv, users(), 2), (&jsonl, users(), 2), (&memberships, Query::all(Class::GROUP), 1)];
    for (source, query, count) in sources {
        for query in [query.clone().with_cursor(), query.with_since(Cursor::new("of another store"))] {
            let read: Vec<Read> = source.read(&query).try_collect().await.expect("it is read");
            assert_eq!(read.len(), count + 1, "all of it");
            assert_eq!(read.last(), Some(&Read::complete()), "without a cursor");
        }
    }
}
