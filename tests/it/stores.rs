//! What the reference stores promise beyond their traits.

use std::collections::BTreeMap;

use entrant::clock::ManualClock;
use entrant::model::{
    AttributeSchema, Attributes, Change, ChangeId, Class, Kind, Mutability, Name, ObjectId, Operation, Schema, eq,
};
use entrant::secret::Secret;
use entrant::store::{Access, Batch, MemoryState, MemoryStore, Query, SourceExt, State, Table, Target, WriteFault};
use entrant::{ErrorKind, Record, Result, Value};
use futures::StreamExt;
use std::time::Duration;
use time::macros::datetime;

fn schema() -> Schema {
    Schema::new(Class::USER)
        .with(
            "login",
            AttributeSchema::text()
                .ignore_case()
                .required()
                .unique_in("login")
                .with_max_length(8),
        )
        .with("title", AttributeSchema::text())
        .with("active", AttributeSchema::boolean().not_nullable())
        .with(
            "created",
            AttributeSchema::new(Kind::DateTime).with_mutability(Mutability::ReadOnly),
        )
        .with("badge", AttributeSchema::text().with_mutability(Mutability::CreateOnly))
        .with(
            "nudge",
            AttributeSchema::boolean().with_mutability(Mutability::WriteOnly),
        )
        .with(
            "password",
            AttributeSchema::text().secret().with_mutability(Mutability::CreateOnly),
        )
        .with_status("active")
        .with_created_at("created")
}

fn store() -> MemoryStore {
    MemoryStore::new("directory")
        .with_schema(schema())
        .with_clock(ManualClock::at(datetime!(2026-01-01 0:00 UTC)))
}

fn attributes(pairs: &[(&str, Value)]) -> Attributes {
    pairs
        .iter()
        .map(|(name, value)| (Name::from(*name), value.clone()))
        .collect()
}

fn create(pairs: &[(&str, Value)]) -> Operation {
    Operation::Create {
        class: Class::USER,
        attributes: attributes(pairs),
        secrets: BTreeMap::new(),
    }
}

fn update(id: &ObjectId, pairs: &[(&str, Value)]) -> Operation {
    Operation::Update {
        id: id.clone(),
        attributes: attributes(pairs),
        secrets: BTreeMap::new(),
    }
}

async fn write(store: &MemoryStore, operation: Operation) -> Result<ObjectId> {
    let mut answers: Vec<_> = store
        .write(vec![Change::new(ChangeId::new(1), operation)])
        .collect()
        .await;
    assert_eq!(answers.len(), 1, "one answer for one change");
    answers.remove(0).1.map(|written| written.id)
}

#[tokio::test]
async fn writes_are_held_to_the_schema() {
    let store = store();
    let ada = write(&store, create(&[("login", "ada".into())]))
        .await
        .expect("a valid user");
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
    write(&store, bob)
        .await
        .expect("eight characters, though sixteen bytes");
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
    assert_eq!(
        record.get("active"),
        Some(&Value::Bool(true)),
        "active unless said otherwise"
    );
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
    let ada = write(&store, create(&[("login", "ada".into())]))
        .await
        .expect("a valid user");
    write(&store, Operation::Delete { id: ada.clone() })
        .await
        .expect("deleted");
    let other = write(&store, create(&[("login", "Ada".into())]))
        .await
        .expect("the name is free again");
    assert_ne!(ada, other, "an id is never given out twice");
    let error = write(&store, Operation::Restore { id: ada.clone() })
        .await
        .expect_err("taken");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    write(&store, Operation::Delete { id: other }).await.expect("deleted");
    write(&store, Operation::Restore { id: ada.clone() })
        .await
        .expect("free now");
    assert!(store.record(&ada).is_some());
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
    let seen: Vec<_> = errors
        .iter()
        .map(|error| error.as_ref().map(|error| (error.kind(), error.is_outcome_in_doubt())))
        .collect();
    let doubt = Some((ErrorKind::Transport, true));
    assert_eq!(seen, [None, Some((ErrorKind::Invalid, false)), doubt, doubt, None]);
    let logins: Vec<_> = store
        .records()
        .iter()
        .filter_map(|record| record.get("login").cloned())
        .collect();
    assert_eq!(logins, ["a".into(), "d".into(), "e".into()] as [Value; 3]);
    assert_eq!(store.writes(), 5);

    store.set_writes(Access::Refused("closed for the day".into()));
    let error = write(&store, create(&[("login", "f".into())]))
        .await
        .expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::NotReady);
    assert!(error.to_string().contains("closed for the day"), "{error}");
}

#[tokio::test]
async fn reads_apply_filter_and_select_and_can_be_partial() {
    let person = |id: &str, city: &str| Record::new(ObjectId::user(id)).with("city", city).with("name", id);
    let store = MemoryStore::new("hr").with_records([person("1", "Bonn"), person("2", "Rome"), person("3", "Bonn")]);
    let query = Query::all(Class::USER)
        .with_filter(eq("city", "bonn"))
        .with_select([Name::from("name")]);
    let (records, completeness) = store.collect(&query).await;
    assert!(completeness.is_complete());
    assert_eq!(
        records.iter().map(|record| &*record.id.id).collect::<Vec<_>>(),
        ["1", "3"]
    );
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
    let second = state
        .lease("default", Duration::MAX)
        .await
        .expect("works")
        .expect("ran out");
    assert!(second.fence > first.fence);
    let error = state.commit(&first, batch.clone()).await.expect_err("another has it");
    assert_eq!(error.kind(), ErrorKind::Leased);
    state.fail_commit(1);
    assert_eq!(
        state.commit(&second, batch.clone()).await.expect_err("told to").kind(),
        ErrorKind::Store
    );
    state.commit(&second, batch).await.expect("only that one");
}
