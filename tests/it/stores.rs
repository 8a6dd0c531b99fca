//! What the crate's stores promise beyond their traits.

use std::collections::BTreeMap;

use entrant::adapters::{CsvSource, JsonlSource, RedbState};
use entrant::clock::ManualClock;
use entrant::model::{
    AttributeSchema, Attributes, Change, ChangeId, Class, Completeness, Kind, Mutability, Name, ObjectId, Operation,
    Schema, eq, values_equal,
};
use entrant::secret::Secret;
use entrant::store::{
    Access, Batch, Lookup, MemoryState, MemoryStore, Query, Source, SourceExt, State, Table, Target, WriteFault,
};
use entrant::{ErrorKind, Record, Result, Value};
use futures::StreamExt;
use std::time::Duration;
use time::macros::datetime;

fn schema() -> Schema {
    Schema::new(Class::USER)
        .with("login", AttributeSchema::text().ignore_case().required().unique_in("login").with_max_length(8))
        .with("title", AttributeSchema::text())
        .with("active", AttributeSchema::boolean().not_nullable())
        .with("created", AttributeSchema::new(Kind::DateTime).with_mutability(Mutability::ReadOnly))
        .with("badge", AttributeSchema::text().with_mutability(Mutability::CreateOnly))
        .with("nudge", AttributeSchema::boolean().with_mutability(Mutability::WriteOnly))
        .with("password", AttributeSchema::text().secret().with_mutability(Mutability::CreateOnly))
        .with_status("active")
        .with_created_at("created")
}

fn store() -> MemoryStore {
    MemoryStore::new("directory").with_schema(schema()).with_clock(ManualClock::at(datetime!(2026-01-01 0:00 UTC)))
}

fn attributes(pairs: &[(&str, Value)]) -> Attributes {
    pairs.iter().map(|(name, value)| (Name::from(*name), value.clone())).collect()
}

fn create(pairs: &[(&str, Value)]) -> Operation {
    Operation::Create { class: Class::USER, attributes: attributes(pairs), secrets: BTreeMap::new() }
}

fn update(id: &ObjectId, pairs: &[(&str, Value)]) -> Operation {
    Operation::Update { id: id.clone(), attributes: attributes(pairs), secrets: BTreeMap::new() }
}

async fn write(store: &MemoryStore, operation: Operation) -> Result<ObjectId> {
    let mut answers: Vec<_> = store.write(vec![Change::new(ChangeId::new(1), operation)]).collect().await;
    assert_eq!(answers.len(), 1, "one answer for one change");
    answers.remove(0).1.map(|written| written.id)
}

#[tokio::test]
async fn writes_are_held_to_the_schema() {
    let store = store();
    let ada = write(&store, create(&[("login", "ada".into())])).await.expect("a valid user");
    #[rustfmt::skip]
    let table: &[(Operation, ErrorKind, &str)] = &[
        (create(&[]), ErrorKind::Invalid, "required"),
        (create(&[("login", Value::Null)]), ErrorKind::Invalid, "required, and null"),
        (create(&[("login", "ADA".into())]), ErrorKind::Conflict, "taken, case aside"),
        (create(&[("login", "bob".into()), ("tilte", "x".into())]), ErrorKind::Invalid, "no such attribute"),
        (create(&[("login", "bob".into()), ("created", "2026-01-01T00:00:00Z".into())]), ErrorKind::Invalid, "read-only"),
        (create(&[("login", "bob".into()), ("active", "yes".into())]), ErrorKind::Invalid, "not of the type"),
        (create(&[("login", "bob".into()), ("title", Value::list(["x".into()]))]), ErrorKind::Invalid, "one value"),
        (create(&[("login", "bob".into()), ("password", "x".into())]), ErrorKind::Invalid, "a secret in the open"),
        (create(&[("login", "ßßßßßßßßß".into())]), ErrorKind::Invalid, "nine characters"),
        (update(&ada, &[("badge", "7".into())]), ErrorKind::Invalid, "create-only"),
        (update(&ada, &[("login", Value::Null)]), ErrorKind::Invalid, "not nullable"),
        (update(&ObjectId::user("nobody"), &[]), ErrorKind::NotFound, "not there"),
        (Operation::Restore { id: ObjectId::user("nobody") }, ErrorKind::NotFound, "not in the bin"),
        (update(&ObjectId::new(Class::GROUP, "1"), &[]), ErrorKind::Unsupported, "a class without schema"),
    ];
    for (operation, kind, why) in table {
        let error = write(&store, operation.clone()).await.expect_err(why);
        assert_eq!(error.kind(), *kind, "{why}: {error}");
    }
    assert_eq!(store.records().len(), 1, "nothing of it was written");
    let bob = create(&[("login", "ßßßßßßßß".into()), ("badge", "7".into())]);
    write(&store, bob).await.expect("eight characters, though sixteen bytes");
}

#[tokio::test]
async fn a_new_object_reads_back_whole() {
    let store = store();
    let operation = Operation::Create {
        class: Class::USER,
        attributes: attributes(&[("login", "ada".into()), ("nudge", true.into())]),
        secrets: BTreeMap::from([(Name::from("password"), Secret::new("geheim"))]),
    };
    let id = write(&store, operation).await.expect("a valid user");
    let record = store.record(&id).expect("it is there");
    assert_eq!(record.get("title"), Some(&Value::Null), "not given is null");
    assert_eq!(record.get("active"), Some(&Value::Bool(true)), "active unless said otherwise");
    assert_eq!(record.get("created"), Some(&datetime!(2026-01-01 0:00 UTC).into()));
    assert_eq!(record.get("nudge"), None, "write-only");
    assert_eq!(record.get("password"), None, "secret");
    assert_eq!(store.write_only(&id, "nudge"), Some(Value::Bool(true)));
    assert_eq!(store.secret(&id, "password"), Some(Secret::new("geheim")));
    assert!(!format!("{store:?}").contains("geheim"));
}

#[tokio::test]
async fn a_restored_object_must_find_its_unique_values_free() {
    let store = store();
    let ada = write(&store, create(&[("login", "ada".into())])).await.expect("a valid user");
    write(&store, Operation::Delete { id: ada.clone() }).await.expect("deleted");
    let other = write(&store, create(&[("login", "Ada".into())])).await.expect("the name is free again");
    assert_ne!(ada, other, "an id is never given out twice");
    let error = write(&store, Operation::Restore { id: ada.clone() }).await.expect_err("taken");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    write(&store, Operation::Delete { id: other }).await.expect("deleted");
    write(&store, Operation::Restore { id: ada.clone() }).await.expect("free now");
    assert!(store.record(&ada).is_some());
}

/// Against a search through all records.
#[tokio::test]
async fn unique_values_are_kept_apart_whatever_came_and_went() {
    let text = AttributeSchema::text;
    let schema = Schema::new(Class::USER)
        .with("login", text().ignore_case().unique_in("names"))
        .with("alias", text().unique_in("names"))
        .with("mails", text().many().unique_in("mails"));
    let store = MemoryStore::new("directory").with_schema(schema.clone());
    let mut random: usize = 7;
    let mut draw = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        random.rotate_right(33) % below
    };
    let names = ["ada", "ADA", "é", "e\u{301}", "É", "bob", "Bob", "eve", ""].map(Value::from);
    let holds = |record: &Record, name: &str, value: &Value| {
        let own = &schema.attributes[name];
        record.attributes.iter().any(|(other, held)| {
            schema.attributes[other].unique_in == own.unique_in
                && held
                    .as_slice()
                    .iter()
                    .any(|held| value.as_slice().iter().any(|value| values_equal(own, held, value)))
        })
    };
    let mut refused = 0;
    for _ in 0..4_000 {
        let (records, value) = (store.records(), names[draw(names.len())].clone());
        let (name, value) = match draw(3) {
            0 => ("login", value),
            1 => ("alias", value),
            _ => ("mails", Value::list([value, names[draw(names.len())].clone()])),
        };
        let id = if records.is_empty() { ObjectId::user("none") } else { records[draw(records.len())].id.clone() };
        let is_taken = |own: Option<&ObjectId>| {
            records.iter().any(|record| Some(&record.id) != own && holds(record, name, &value))
        };
        let (operation, own) = match draw(6) {
            0 => {
                store.set(&id, name, value);
                continue;
            }
            1 => {
                _ = write(&store, Operation::Delete { id }).await;
                continue;
            }
            2 => (update(&id, &[(name, value.clone())]), Some(&id)),
            _ => (create(&[(name, value.clone())]), None),
        };
        let expected = is_taken(own);
        let is_there = own.is_none_or(|own| records.iter().any(|record| record.id == *own));
        let written = write(&store, operation).await.map_err(|error| error.kind());
        let is_conflict = written == Err(ErrorKind::Conflict);
        assert_eq!(is_conflict, expected && is_there, "{name} {value:?} {written:?} {records:?}");
        refused += usize::from(is_conflict);
    }
    assert!((200..3_000).contains(&refused), "{refused}");
}

#[tokio::test]
async fn whether_a_value_is_free_is_found_without_a_look_at_everybody() {
    let mut took = Vec::new();
    for people in [1_000, 8_000] {
        let store = store();
        let began = std::time::Instant::now();
        for person in 0..people {
            write(&store, create(&[("login", format!("p{person}").into())])).await.expect("written");
        }
        took.push(began.elapsed().as_secs_f64());
    }
    // Eight times as many; not 64 times as long.
    assert!(took[1] / took[0] < 30.0, "{took:?}");
}

#[tokio::test]
async fn faults_strike_the_write_they_are_set_for() {
    let store = store();
    store.fail_write(2, WriteFault::Refused);
    store.fail_write(3, WriteFault::RequestLost);
    store.fail_write(4, WriteFault::AnswerLost);
    let mut errors = Vec::new();
    for login in ["a", "b", "c", "d", "e"] {
        errors.push(write(&store, create(&[("login", login.into())])).await.err());
    }
    let seen: Vec<_> =
        errors.iter().map(|error| error.as_ref().map(|error| (error.kind(), error.is_outcome_in_doubt()))).collect();
    let doubt = Some((ErrorKind::Transport, true));
    assert_eq!(seen, [None, Some((ErrorKind::Invalid, false)), doubt, doubt, None]);
    let logins: Vec<_> = store.records().iter().filter_map(|record| record.get("login").cloned()).collect();
    assert_eq!(logins, ["a".into(), "d".into(), "e".into()] as [Value; 3]);
    assert_eq!(store.writes(), 5);

    store.set_writes(Access::Refused("closed for the day".into()));
    let error = write(&store, create(&[("login", "f".into())])).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::NotReady);
    assert!(error.to_string().contains("closed for the day"), "{error}");
}

#[tokio::test]
async fn reads_apply_filter_and_select_and_can_be_partial() {
    let person = |id: &str, city: &str| Record::new(ObjectId::user(id)).with("city", city).with("name", id);
    let store = MemoryStore::new("hr").with_records([person("1", "Bonn"), person("2", "Rome"), person("3", "Bonn")]);
    let query = Query::all(Class::USER).with_filter(eq("city", "bonn")).with_select([Name::from("name")]);
    let (records, completeness) = store.collect(&query).await;
    assert!(completeness.is_complete());
    assert_eq!(records.iter().map(|record| &*record.id.id).collect::<Vec<_>>(), ["1", "3"]);
    assert_eq!(records[0].get("city"), None, "not selected");

    let partial = store.clone().with_read_partial("the cable was pulled");
    let (records, completeness) = store.collect(&query).await;
    assert!(!completeness.is_complete(), "clones share their settings");
    assert_eq!(records.len(), 2);
    drop(partial);
}

#[tokio::test]
async fn a_lease_that_ran_out_writes_until_another_has_it() {
    let clock = ManualClock::at(datetime!(2026-01-01 0:00 UTC));
    let state = MemoryState::new().with_clock(clock.clone());
    let minute = Duration::from_secs(60);
    let first = state.lease("default", minute).await.expect("works").expect("free");
    clock.advance(minute);
    let mut batch = Batch::new();
    batch.put(Table::Links, "a", "1");
    state.commit(&first, batch.clone()).await.expect("nobody else has it");
    let second = state.lease("default", Duration::MAX).await.expect("works").expect("ran out");
    assert!(second.fence > first.fence);
    let error = state.commit(&first, batch.clone()).await.expect_err("another has it");
    assert_eq!(error.kind(), ErrorKind::Leased);
    state.fail_commit(1);
    assert_eq!(state.commit(&second, batch.clone()).await.expect_err("told to").kind(), ErrorKind::Store);
    state.commit(&second, batch).await.expect("only that one");
}

fn reason(completeness: Completeness) -> String {
    match completeness {
        Completeness::Complete => "complete".into(),
        Completeness::Partial { reason } => reason,
    }
}

#[tokio::test]
async fn a_csv_file_with_broken_rows_is_partial_and_names_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("people.csv");
    let users = Query::all(Class::USER);
    std::fs::write(&path, "Name,WorkerID\nAda,1\nBob\nCleo,3\nCleo,3\n").expect("written");
    let source = CsvSource::builder(&path).key("WorkerID").name("hr").build().expect("a good header");
    assert_eq!(source.headers(), ["Name", "WorkerID"]);
    assert_eq!(source.name(), "hr");

    let (records, completeness) = source.collect(&users).await;
    let ids: Vec<_> = records.iter().map(|record| &*record.id.id).collect();
    assert_eq!(ids, ["1", "3", "3"], "the rest is read");
    assert_eq!(reason(completeness), "people.csv: row 3 has 1 field instead of 2");

    let found = source.get(&[ObjectId::user("1"), ObjectId::user("3")]).await.expect("both are there");
    assert!(matches!(&found[0], Lookup::One(record) if record.get("Name") == Some(&"Ada".into())));
    assert!(matches!(&found[1], Lookup::Many(records) if records.len() == 2));
    let error = source.get(&[ObjectId::user("2")]).await.expect_err("2 may be the broken row");
    assert!(error.to_string().contains("row 3 has 1 field"), "{error}");

    std::fs::write(&path, "Name,WorkerID\nAda,1\n").expect("written");
    let gone = source.get(&[ObjectId::user("2")]).await.expect("every row can be read");
    assert_eq!(gone, [Lookup::None]);
    std::fs::write(&path, "Name,ID\nAda,1\n").expect("written");
    let (_, completeness) = source.collect(&users).await;
    assert!(reason(completeness).contains("no column of the file is called WorkerID; it has Name, ID"));
    std::fs::remove_file(&path).expect("removed");
    let (_, completeness) = source.collect(&users).await;
    assert!(reason(completeness).contains("cannot open the file"));

    std::fs::write(&path, "WorkerID\n".to_owned() + &"\"a\"b\n".repeat(1_000)).expect("written");
    let (records, completeness) = CsvSource::open(&path).expect("a good header").collect(&users).await;
    assert!(records.is_empty());
    let reason = reason(completeness);
    assert!(reason.ends_with("row 11 has text after a closing quote; and 990 more rows"), "{reason}");
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_partial() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("people.csv");
    let rows: String = (0..20_000).map(|n| format!("{n},Person\n")).collect();
    std::fs::write(&path, format!("id,name\n{rows}")).expect("written");
    let source = CsvSource::open(&path).expect("a good header");
    // More rows than are kept ready for a reader, so that the read has not ended yet.
    let users = Query::all(Class::USER);
    let mut steps = source.read(&users);
    steps.next().await.expect("a row").expect("a good row");
    std::fs::write(&path, format!("id,name\n{rows}99999,Late\n")).expect("written");
    let last = steps.map(|step| step.expect("no error")).collect::<Vec<_>>().await.pop();
    assert_eq!(last, Some(entrant::store::Read::partial("people.csv changed while it was read")));
}

#[tokio::test]
async fn broken_lines_of_json_are_named_without_what_they_say() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("people.jsonl");
    let deep = "[".repeat(10_000);
    let text = format!(
        "\u{feff}{{\"id\": 1, \"pay\": 12.5, \"gone\": null}}\r\n\n[\"geheim\"]\n{{\"id\": \"geheim\n{{\"name\": \"geheim\"}}\n{{\"id\": {deep}\n{{\"id\": \" \"}}\n{{\"id\": \"2\"}}"
    );
    std::fs::write(&path, text).expect("written");
    let (records, completeness) =
        JsonlSource::open(&path).expect("it is there").collect(&Query::all(Class::USER)).await;
    assert_eq!(records.iter().map(|record| &*record.id.id).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(records[0].get("gone"), Some(&Value::Null));
    assert_eq!(records[0].get("absent"), None);
    let reason = reason(completeness);
    for row in
        ["row 3 is no JSON object", "row 4 is no JSON, from", "row 5 has no id", "row 6 is no JSON", "row 7 has no id"]
    {
        assert!(reason.contains(row), "{row}: {reason}");
    }
    assert!(!reason.contains("geheim"), "{reason}");
}

#[cfg(unix)]
#[test]
fn a_state_that_everybody_may_write_is_not_believed() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.redb");
    drop(RedbState::open(&path).expect("a new file"));
    for (mode, good) in [(0o600, true), (0o660, true), (0o644, true), (0o602, false), (0o666, false)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("ours");
        match RedbState::open(&path) {
            Ok(_) => assert!(good, "{mode:o}"),
            Err(error) => {
                assert!(!good && error.kind() == ErrorKind::Invalid, "{mode:o}: {error}");
                assert!(error.to_chain().contains("chmod 600"), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn a_state_file_is_never_reset() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.redb");
    let state = RedbState::open(&path).expect("a new file");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let lease = state.lease("default", Duration::from_secs(60)).await.expect("works").expect("free");
    let mut batch = Batch::new();
    for number in 0..5_000_u32 {
        batch.put(Table::Links, number.to_be_bytes(), "x".repeat(100));
    }
    state.commit(&lease, batch).await.expect("committed");
    drop(state);
    let entries = std::fs::read_dir(directory.path()).expect("a directory").count();
    assert_eq!(entries, 1, "nothing else is left lying there");

    let good = std::fs::read(&path).expect("it is there");
    let mut damages: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "empty"),
        (b"id,name\n1,Ada\n".to_vec(), "something else"),
        (good[..good.len() / 2].to_vec(), "cut off"),
    ];
    let mut flipped = good.clone();
    let in_data = flipped.windows(4).position(|bytes| bytes == b"xxxx").expect("data is in it");
    flipped[in_data] = b'y';
    damages.push((flipped, "a byte changed"));
    for (damaged, why) in damages {
        std::fs::write(&path, &damaged).expect("written");
        let error = RedbState::open(&path).expect_err(why);
        assert_eq!(error.kind(), ErrorKind::Store, "{why}");
        assert!(error.to_string().contains("state.redb"), "{why}: {error}");
        assert_eq!(std::fs::read(&path).expect("it is there").len(), damaged.len(), "{why}: it stays as it was");
    }
    std::fs::write(&path, &good).expect("written");
    let state = RedbState::open(&path).expect("good again");
    assert!(state.get(Table::Links, &7_u32.to_be_bytes()).await.expect("works").is_some());
}
