//! Files that a job writes: what is kept byte for byte, what is refused, and what comes back.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use entrant::adapters::{CsvTarget, CsvTargetBuilder, JsonlTarget};
use entrant::job::{Apply, Run, RunStatus};
use entrant::model::{
    AttributeSchema, Attributes, Change, ChangeId, Class, ElementChange, Kind, Name, ObjectId, Operation, Schema,
    Written, values_equal,
};
use entrant::reconcile::Winner;
use entrant::store::{Capabilities, Lookup, MemoryState, MemoryStore, Query, Read, SourceExt};
use entrant::{ErrorKind, Job, Mapping, Policy, Record, Result, Source, Target, Value};
use futures::StreamExt;
use futures::stream::BoxStream;
use proptest::prelude::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, content: &str) -> PathBuf {
        let path = self.0.path().join("people.csv");
        std::fs::write(&path, content).expect("written");
        path
    }

    fn content(&self) -> String {
        std::fs::read_to_string(self.0.path().join("people.csv")).expect("a file")
    }
}

fn values(pairs: &[(&str, Value)]) -> Attributes {
    pairs.iter().map(|(name, value)| (Name::from(*name), value.clone())).collect()
}

fn update(id: &str, pairs: &[(&str, Value)]) -> Operation {
    Operation::Update { id: ObjectId::user(id), attributes: values(pairs), secrets: Default::default() }
}

fn create(pairs: &[(&str, Value)]) -> Operation {
    Operation::Create { class: Class::USER, attributes: values(pairs), secrets: Default::default() }
}

fn delete(id: &str) -> Operation {
    Operation::Delete { id: ObjectId::user(id) }
}

async fn write(target: &impl Target, operations: Vec<Operation>) -> Vec<Result<Written>> {
    let changes = (0..).zip(operations).map(|(id, operation)| Change::new(ChangeId::new(id), operation)).collect();
    target.write(changes).map(|(_, answer)| answer).collect().await
}

fn declared(builder: CsvTargetBuilder) -> CsvTarget {
    builder
        .attribute("name", AttributeSchema::text())
        .attribute("tags", AttributeSchema::text().many())
        .attribute("age", AttributeSchema::new(Kind::Integer))
        .status("active")
        .separator(';')
        .build()
        .expect("a good file")
}

#[tokio::test]
async fn csv_keeps_what_it_does_not_change() {
    let text = Value::text;
    let none = Value::Null;
    #[rustfmt::skip]
    let table: &[(&str, Vec<Operation>, &str, &str)] = &[
        ("id,name\n1,Ada\n2,Alan\n", vec![update("2", &[("name", text("Grace"))])], "id,name\n1,Ada\n2,Grace\n", "one cell"),
        ("id,name,x\r\n1,\"A\"\"da\", y \r\n\r\n2,B,\"\"\r\n", vec![update("2", &[("name", text("C"))])],
         "id,name,x\r\n1,\"A\"\"da\", y \r\n\r\n2,C,\"\"\r\n", "quotes, blanks, an empty line, CRLF"),
        ("\u{feff}id,name\n1,Ada", vec![create(&[("id", text("2")), ("name", text("Zoë, \"Z\""))])],
         "\u{feff}id,name,active\n1,Ada,\n2,\"Zoë, \"\"Z\"\"\",true\n", "no end on the last line, a byte order mark"),
        ("id,name\n1,\"two\nlines\"\n2,B\n", vec![delete("1")], "id,name\n2,B\n", "a row of two lines goes"),
        ("id,name\n1,A\n2,B", vec![delete("2")], "id,name\n1,A\n", "the last row goes"),
        ("id,name\n1,A\n2,B\n", vec![delete("1"), delete("2"), delete("3")], "id,name\n", "all rows go"),
        ("id,name\r1,A\r", vec![update("1", &[("name", text("B"))])], "id,name\r1,B\r", "CR alone"),
        ("id,name\n1,A\n", vec![update("1", &[("name", none.clone())])], "id,name\n1,\n", "null is an empty cell"),
        ("id,name\n1,A\n2,B\n", vec![update("2", &[("age", Value::Integer(7))])], "id,name,age\n1,A,\n2,B,7\n", "a declared column is added"),
        ("id,name\n1,A\n", vec![update("1", &[("age", none)])], "id,name\n1,A\n", "not for a null"),
        ("id,active,name\n1,TRUE,A\n", vec![update("1", &[("active", Value::Bool(false))])], "id,active,name\n1,false,A\n", "disabled by the status"),
        ("id,tags\n1,b; a\n", vec![update("1", &[("tags", Value::list([text("a"), text("b")]))])], "id,tags\n1,a;b\n", "a list"),
        ("name,id\nA,1\n", vec![update("1", &[("name", text(" =cmd|' /C calc'!A0 "))])], "name,id\n\" =cmd|' /C calc'!A0 \",1\n", "a formula stays what it is"),
        ("id,name\n1,A\n", vec![update("1", &[("name", text("A"))])], "id,name\n1,A\n", "nothing changes"),
    ];
    for (before, operations, after, why) in table {
        let folder = Folder::new();
        let target = declared(CsvTarget::builder(folder.file(before)).key("id"));
        for answer in write(&target, operations.clone()).await {
            answer.unwrap_or_else(|error| panic!("{why}: {error}"));
        }
        assert_eq!(folder.content(), *after, "{why}");
    }
}

#[tokio::test]
async fn json_lines_keep_what_they_do_not_change() {
    let text = Value::text;
    #[rustfmt::skip]
    let table: &[(&str, Vec<Operation>, &str, &str)] = &[
        ("{\"id\":\"1\",\"n\":1.50,\"name\":\"A\"}\n", vec![update("1", &[("name", text("B"))])], "{\"id\":\"1\",\"n\":1.50,\"name\":\"B\"}\n", "numbers stay as they are written"),
        ("{ \"z\": [1, 2], \"name\" : null, \"id\": 1 }\r\n", vec![update("1", &[("name", text("B\n"))])], "{ \"z\": [1, 2], \"name\" : \"B\\n\", \"id\": 1 }\r\n", "order and blanks"),
        ("{\"id\": 1, \"a\": {\"name\": 2}}", vec![update("1", &[("name", text("B"))]), create(&[("id", text("2"))])],
         "{\"id\": 1, \"a\": {\"name\": 2}, \"name\": \"B\"}\n{\"id\":\"2\"}\n", "a member is added, as the others are written"),
        ("{\"id\":1}\n\n{\"id\":2}\n", vec![update("2", &[("name", text("B"))]), delete("1")], "\n{\"id\":2,\"name\":\"B\"}\n", "an empty line stays"),
        ("{\"id\":1,\"name\":\"A\"}\n", vec![update("1", &[("name", Value::Null)])], "{\"id\":1,\"name\":null}\n", "null is said"),
        ("\u{feff}{\"id\":1,\"name\":\"\"}\n", vec![update("1", &[("name", Value::Null)])], "\u{feff}{\"id\":1,\"name\":null}\n", "an empty text is not null"),
        ("{\"id\":1,\"na\\u006de\":\"A\"}\n", vec![update("1", &[("name", text("B"))])], "{\"id\":1,\"na\\u006de\":\"B\"}\n", "a name written another way"),
    ];
    for (before, operations, after, why) in table {
        let folder = Folder::new();
        let target = JsonlTarget::builder(folder.file(before)).attribute("name", AttributeSchema::text()).build();
        for answer in write(&target.expect(why), operations.clone()).await {
            answer.unwrap_or_else(|error| panic!("{why}: {error}"));
        }
        assert_eq!(folder.content(), *after, "{why}");
    }
}

#[tokio::test]
async fn a_file_with_a_row_that_cannot_be_read_is_not_written() {
    let csv = |path| declared(CsvTarget::builder(path).key("id"));
    for (damaged, named) in [
        ("id,name\n1,A\n2,B,C\n", "row 3 has 3 fields instead of 2"),
        ("id,name\n1,A\n2,\"B\n", "row 3 has a quote that is never closed"),
        ("id,name\n1,A\n,B\n", "row 3 has no id"),
    ] {
        let folder = Folder::new();
        let target = csv(folder.file(damaged));
        let mut answers = write(&target, vec![update("1", &[("name", "Z".into())]), delete("1"), delete("9")]).await;
        assert_eq!(answers.len(), 3);
        let error = answers.remove(0).expect_err("refused");
        assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains(named), "{error}");
        assert_eq!(folder.content(), damaged);
        let (_, completeness) = target.collect(&Query::all(Class::USER)).await;
        assert!(!completeness.is_complete(), "{named}");
    }
    for damaged in ["{\"id\":1,\"name\":\"A\"}\n{\"id\":2", "{\"id\":1,\"name\":\"A\",\"name\":\"B\"}\n", "[1]\n"] {
        let folder = Folder::new();
        let target = JsonlTarget::builder(folder.file(damaged)).attribute("name", AttributeSchema::text()).build();
        let error = write(&target.expect("it opens"), vec![delete("1")]).await.remove(0).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert_eq!(folder.content(), damaged);
    }
}

#[tokio::test]
async fn what_a_file_cannot_hold_is_refused_by_name() {
    let folder = Folder::new();
    let target = declared(CsvTarget::builder(folder.file("id,name,room\n1,A,4\n1,B,5\n2,C,6\n")).key("id"));
    let long = "x".repeat(1 << 20);
    #[rustfmt::skip]
    let table: Vec<(Operation, ErrorKind, &str)> = vec![
        (update("2", &[("name", "".into())]), ErrorKind::Invalid, "empty text"),
        (update("2", &[("tags", Value::list(["a;b".into()]))]), ErrorKind::Invalid, "choose another separator"),
        (update("2", &[("room", "7".into())]), ErrorKind::Invalid, "no such attribute"),
        (update("2", &[("id", "7".into())]), ErrorKind::Invalid, "cannot be written"),
        (update("2", &[("age", "old".into())]), ErrorKind::Invalid, "not of the attribute's type"),
        (update("2", &[("name", long.as_str().into())]), ErrorKind::Invalid, "longer than 1 MiB"),
        (update("1", &[("name", "Z".into())]), ErrorKind::Conflict, "several rows have this key"),
        (update("9", &[("name", "Z".into())]), ErrorKind::NotFound, "not there"),
        (create(&[("id", "2".into())]), ErrorKind::Conflict, "another row has this value"),
        (create(&[("id", " ".into())]), ErrorKind::Invalid, "blank"),
        (Operation::Restore { id: ObjectId::user("2") }, ErrorKind::Unsupported, "recycle bin"),
        (Operation::Delete { id: ObjectId::group("2") }, ErrorKind::Unsupported, "another class"),
    ];
    let count = table.len();
    let (operations, expected): (Vec<_>, Vec<_>) = table.into_iter().map(|(op, kind, text)| (op, (kind, text))).unzip();
    let answers = write(&target, operations).await;
    assert_eq!(answers.len(), count);
    for (answer, (kind, text)) in answers.into_iter().zip(expected) {
        let error = answer.expect_err(text);
        assert!(error.kind() == kind && error.to_string().contains(text), "{text}: {error}");
    }
    assert_eq!(folder.content(), "id,name,room\n1,A,4\n1,B,5\n2,C,6\n");
}

#[test]
fn what_does_not_fit_a_file_does_not_build() {
    let folder = Folder::new();
    let path = folder.file("id,name\n1,A\n");
    let error = CsvTarget::builder(&path)
        .attribute("password", AttributeSchema::text().secret())
        .attribute("photo", AttributeSchema::new(Kind::Binary))
        .attribute("tags", AttributeSchema::text().many())
        .attribute("tags", AttributeSchema::text().many())
        .label("nobody")
        .build()
        .expect_err("much is wrong")
        .to_string();
    for fault in ["password is secret", "photo is bytes", "tags has several", ".separator(", "twice", "nobody is to be"]
    {
        assert!(error.contains(fault), "{fault}: {error}");
    }
    let missing = folder.0.path().join("nothing.csv");
    assert_eq!(CsvTarget::open(&missing).expect_err("no file, nothing declared").kind(), ErrorKind::Store);
    assert_eq!(JsonlTarget::builder(&path).build().expect_err("nothing declared").kind(), ErrorKind::Invalid);
    let error = CsvTarget::builder(&path).key("nr").build().expect_err("no such column").to_string();
    assert!(error.contains("no column of the file is called nr"), "{error}");
}

#[tokio::test]
async fn a_new_file_has_what_is_declared_and_ids_of_its_own() {
    let folder = Folder::new();
    let path = folder.0.path().join("people.csv");
    let target = declared(CsvTarget::builder(&path));
    assert!(!path.exists(), "nothing is written before there is something to write");
    let answers = write(&target, vec![create(&[("name", "Ada".into())]), create(&[("id", "7".into())])]).await;
    let ids: Vec<String> = answers.into_iter().map(|answer| answer.expect("made").id.id.to_string()).collect();
    assert_eq!(ids[1], "7");
    assert_eq!(folder.content(), format!("id,name,tags,age,active\r\n{},Ada,,,true\r\n7,,,,true\r\n", ids[0]));
    assert!(ids[0].len() == 36 && ids[0].contains('-'), "a UUID: {}", ids[0]);
}

#[cfg(unix)]
#[tokio::test]
async fn behind_a_symbolic_link_the_file_itself_is_replaced() {
    let folder = Folder::new();
    let path = folder.file("id,name\n1,A\n");
    let link = folder.0.path().join("link.csv");
    std::os::unix::fs::symlink(&path, &link).expect("linked");
    let target = declared(CsvTarget::builder(&link));
    write(&target, vec![update("1", &[("name", "B".into())])]).await.remove(0).expect("written");
    assert!(std::fs::symlink_metadata(&link).expect("there").is_symlink());
    assert_eq!(folder.content(), "id,name\n1,B\n");
}

/// Texts that hurt.
#[cfg(unix)]
#[tokio::test]
async fn a_lock_that_somebody_made_a_link_is_not_followed() {
    let directory = tempfile::tempdir().expect("a folder");
    let (path, victim) = (directory.path().join("people.csv"), directory.path().join("victim"));
    std::fs::write(&path, "id,name\n").expect("written");
    std::os::unix::fs::symlink(&victim, directory.path().join(".people.csv.lock")).expect("a link");
    let people = CsvTarget::open(&path).expect("a file");
    let attributes = [("id", "1"), ("name", "Ada")].map(|(name, value)| (Name::from(name), Value::text(value)));
    let create = Operation::Create {
        class: Class::USER,
        attributes: attributes.into_iter().collect(),
        secrets: Default::default(),
    };
    let answers: Vec<_> = people.write(vec![Change::new(ChangeId::new(1), create)]).collect().await;
    let error = answers[0].1.as_ref().expect_err("refused");
    assert!(error.kind() == ErrorKind::Store && error.to_chain().contains("is a link"), "{error:?}");
    assert!(!victim.exists() && std::fs::read_to_string(&path).expect("there") == "id,name\n");
}

fn nasty() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c,;\"\r\n \t=+@-]{0,6}",
        Just("\"\"".to_owned()),
        Just("\u{feff}".to_owned()),
        Just("e\u{301}🦀\u{0}\u{2028}".to_owned()),
        Just("{\"a\":[1,\"}\"]}\\".to_owned()),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    let id = || "[1-6]";
    let value = || prop_oneof![Just(Value::Null), nasty().prop_map(Value::from)];
    prop_oneof![
        (id(), value(), value()).prop_map(|(id, name, mail)| update(&id, &[("name", name), ("mail, 2", mail)])),
        (id(), value()).prop_map(|(id, name)| create(&[("id", id.into()), ("name", name)])),
        id().prop_map(|id| delete(&id)),
        (id(), id()).prop_map(|(id, other)| Operation::Elements {
            id: ObjectId::user(id),
            changes: [(Name::from("friends"), ElementChange::new([Value::from(other)], []))].into_iter().collect(),
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Whatever is written is read as what it was, and whatever was not written is what it was before.
    #[test]
    fn what_is_written_comes_back(
        rows in proptest::collection::vec((nasty(), nasty()), 0..4),
        batches in proptest::collection::vec(proptest::collection::vec(operation(), 1..6), 1..4),
        json in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let folder = Folder::new();
            let path = folder.0.path().join("people.csv");
            let cell = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
            let mut content = String::new();
            if !json {
                content += "id,name,other\n";
            }
            for (index, (name, other)) in rows.iter().enumerate() {
                let id = index + 1;
                content += &match json {
                    true => format!("{}\n", serde_json::json!({"id": id, "other": other, "name": name})),
                    false => format!("{id},{},{}\n", cell(name), cell(other)),
                };
            }
            std::fs::write(&path, content).expect("written");
            let text = AttributeSchema::text;
            macro_rules! declare {
                ($builder:expr) => {
                    $builder
                        .attribute("name", text())
                        .attribute("mail, 2", text())
                        .attribute("friends", AttributeSchema::reference(Class::USER).many())
                        .build()
                        .expect("a good file")
                };
            }
            let target: Box<dyn Target> = match json {
                true => Box::new(declare!(JsonlTarget::builder(&path))),
                false => Box::new(declare!(CsvTarget::builder(&path).separator('|'))),
            };
            for batch in batches {
                let mut meant = read(&*target).await;
                let answers = write(&target, batch.clone()).await;
                for (operation, answer) in batch.into_iter().zip(answers) {
                    if answer.is_ok() {
                        carry_out(&mut meant, operation);
                    }
                }
                let seen = read(&*target).await;
                assert_eq!(seen.len(), meant.len());
                for (seen, meant) in seen.iter().zip(&meant) {
                    assert_eq!(seen.id, meant.id, "rows keep their order");
                    for (name, value) in meant.attributes.iter() {
                        let own = seen.get(name).cloned().unwrap_or_default();
                        let schema = if *name == "friends" { text().many() } else { text() };
                        assert!(values_equal(&schema, &own, value), "{name}: {own:?} in place of {value:?}");
                    }
                }
            }
        });
    }
}

async fn read(target: &dyn Target) -> Vec<Record> {
    let (records, completeness) = target.collect(&Query::all(Class::USER)).await;
    assert!(completeness.is_complete(), "{completeness:?}");
    let ids: Vec<_> = records.iter().map(|record| record.id.clone()).collect();
    for (answer, record) in target.get(&ids).await.expect("answers").into_iter().zip(&records) {
        let Lookup::One(own) = answer else { panic!("{answer:?} for {}", record.id) };
        assert_eq!(own.attributes, record.attributes);
    }
    records
}

/// What an operation means, in a few words.
fn carry_out(records: &mut Vec<Record>, operation: Operation) {
    match operation {
        Operation::Create { attributes, .. } => {
            let id = attributes.get("id").and_then(Value::as_text).expect("each has one").to_owned();
            let mut record = Record::new(ObjectId::user(id));
            record.attributes = attributes;
            records.push(record);
        }
        Operation::Update { id, attributes, .. } => {
            let record = records.iter_mut().find(|record| record.id == id).expect("it was updated");
            attributes.iter().for_each(|(name, value)| drop(record.attributes.insert(name.clone(), value.clone())));
        }
        Operation::Delete { id } => records.retain(|record| record.id != id),
        Operation::Elements { id, changes } => {
            let there: Vec<Value> = records.iter().map(|record| Value::text(record.id.id.clone())).collect();
            let record = records.iter_mut().find(|record| record.id == id).expect("it was updated");
            for (name, change) in changes {
                let mut held = record.get(&name).map_or_else(Vec::new, |value| value.as_slice().to_vec());
                held.extend(change.add.into_iter().filter(|value| there.contains(value)));
                record.attributes.insert(name, Value::list(held));
            }
        }
        _ => unreachable!("no other is drawn"),
    }
}

/// A target that counts how often it is written.
#[derive(Debug)]
struct Counted(CsvTarget, Arc<AtomicUsize>);

#[async_trait]
impl Source for Counted {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        self.0.get(ids).await
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        self.0.read(query)
    }
}

#[async_trait]
impl Target for Counted {
    fn schema(&self, class: &Class) -> Result<Arc<Schema>> {
        self.0.schema(class)
    }

    fn write<'a>(&'a self, changes: Vec<Change>) -> BoxStream<'a, (ChangeId, Result<Written>)> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.write(changes)
    }

    async fn find(&self, class: &Class, attribute: &Name, values: &[Value]) -> Result<Vec<Record>> {
        self.0.find(class, attribute, values).await
    }
}

/// What a file cannot hold is a fault of the value alone, and no reason to look at it again; what another separator would
/// mend is.
#[tokio::test]
async fn what_no_csv_file_can_hold_is_looked_at_again_only_when_it_changes() {
    for (attribute, value, looked_at) in [("name", Value::text(""), 0), ("tags", Value::list(["a;b".into()]), 1)] {
        let folder = Folder::new();
        let file = folder.file("id,name,tags,age,active\n7,Ada,x,36,\n8,Grace,y,40,\n");
        let person =
            |id: &str| Record::new(ObjectId::user(id)).with("id", id).with("name", "A").with("tags", Value::Null);
        let hr = MemoryStore::new("hr").with_records(["7", "8"].map(person));
        let job = Job::builder("import")
            .source(hr.clone())
            .target(declared(CsvTarget::builder(file).key("id")))
            .mapping(
                Mapping::users()
                    .attribute("id", "id")
                    .attribute("name", "name")
                    .attribute("tags", "tags")
                    .match_on("id"),
            )
            .policy(Policy::inbound(Winner::Source))
            .state(MemoryState::new())
            .build()
            .expect("a job");
        let run = |run: Run| job.run(run, Apply::new().lift(entrant::reconcile::Guard::Adopt));
        _ = run(Run::incremental()).await.expect("a report");
        hr.set(&ObjectId::user("7"), attribute, value);
        let report = run(Run::incremental()).await.expect("a report");
        println!("{report}");
        let plan = job.plan(Run::incremental()).await.expect("a plan");
        println!("{plan}");
        assert_eq!(plan.situations().values().sum::<u64>(), looked_at, "{attribute}: {plan}");
        hr.set(&ObjectId::user("7"), attribute, "new");
        let report = run(Run::incremental()).await.expect("a report");
        assert_eq!(report.status, RunStatus::Complete, "{report}");
        assert!(folder.content().contains("new"), "{}", folder.content());
    }
}

#[tokio::test]
async fn many_people_are_written_to_a_file_in_few_calls() {
    for (people, calls) in [(1, 1), (200, 1), (201, 2), (1_600, 8), (20_000, 8)] {
        let folder = Folder::new();
        let file =
            CsvTarget::builder(folder.file("")).attribute("name", AttributeSchema::text()).build().expect("a target");
        let written = Arc::new(AtomicUsize::new(0));
        let person =
            |id: usize| Record::new(ObjectId::user(id.to_string())).with("id", id.to_string()).with("name", "Ada");
        let job = Job::builder("import")
            .source(MemoryStore::new("hr").with_records((0..people).map(person)))
            .target(Counted(file, Arc::clone(&written)))
            .mapping(Mapping::users().attribute("id", "id").attribute("name", "name").match_on("id"))
            .policy(Policy::inbound(Winner::Source))
            .state(MemoryState::new())
            .build()
            .expect("a job");
        let report = job.run(Run::full(), Apply::new()).await.expect("a report");
        assert_eq!(report.status, RunStatus::Complete, "{people}");
        assert_eq!(written.load(Ordering::Relaxed), calls, "{people}");
        assert_eq!(folder.content().lines().count(), people + 1);
    }
}
