//! Expressions whose value is not the same each time, or not for every eye, in a mapping.

use entrant::expr::{Context, Seed};
use entrant::mapping::{AbsentMeans, CompiledMapping, FlowOutcome, Mapped, Mapping};
use entrant::model::{AttributeSchema, Class, ObjectId, Schema};
use entrant::{Record, Value};

use super::context;

fn schema() -> Schema {
    Schema::new(Class::USER)
        .with("employeeId", AttributeSchema::text())
        .with("mailNickname", AttributeSchema::text())
        .with("tag", AttributeSchema::text())
        .with("birthday", AttributeSchema::text())
}

fn mapping() -> Mapping {
    let made = Mapping::users()
        .attribute("employeeId", "id")
        .expression("mailNickname", r#"SelectUniqueValue([login], Append([login], "2"))"#)
        .and_then(|mapping| mapping.expression("tag", "Guid()"))
        .and_then(|mapping| {
            mapping.expression("birthday", r#"FormatDateTime(Redact([born]), "yyyy-MM-dd", "dd.MM.")"#)
        });
    made.expect("expressions").create_only("mailNickname").create_only("tag").match_on("employeeId")
}

fn compiled() -> CompiledMapping {
    mapping().compile(&schema(), AbsentMeans::Unknown).expect("a mapping that fits")
}

fn person(id: &str) -> Record {
    Record::new(ObjectId::user(id)).with("id", id).with("login", "ada").with("born", "1815-12-10")
}

fn outcome(mapping: &CompiledMapping, record: &Record, context: &Context, target: &str) -> FlowOutcome {
    let Mapped::Flows(flows) = mapping.evaluate(record, context) else { panic!("the object is ignored") };
    flows.into_iter().find(|flow| flow.attribute == target).expect("it is mapped").outcome
}

#[test]
fn a_random_value_is_of_its_record_and_stays() {
    let mapping = compiled();
    let tag = |id: &str, context: &Context| outcome(&mapping, &person(id), context, "tag");
    let first = tag("1", &context());
    assert!(matches!(&first, FlowOutcome::Value(Value::Text(text)) if text.len() == 36), "{first:?}");
    assert_eq!(tag("1", &context()), first, "asked again");
    assert_ne!(tag("2", &context()), first, "another record");
    assert_ne!(tag("1", &context().with_seed(Seed::new([8; 32]))), first, "another seed");
    let without = Context::new(time::OffsetDateTime::UNIX_EPOCH);
    assert!(matches!(tag("1", &without), FlowOutcome::Failed(message) if message.starts_with("there is no seed")));
}

#[test]
fn a_unique_value_passes_over_what_is_taken() {
    let mapping = compiled();
    let name = |context: &Context| outcome(&mapping, &person("1"), context, "mailNickname");
    assert_eq!(name(&context()), FlowOutcome::Value("ada".into()));
    assert_eq!(name(&context().with_taken(["ADA"])), FlowOutcome::Value("ada2".into()));
    assert!(matches!(name(&context().with_taken(["ada", "ada2"])), FlowOutcome::Failed(_)));
}

#[test]
fn what_is_redacted_is_written_and_said_to_be_so() {
    let mapping = compiled();
    assert_eq!(outcome(&mapping, &person("1"), &context(), "birthday"), FlowOutcome::Value("10.12.".into()));
    let redacted = |target: &str| mapping.rule(target).expect("it is mapped").is_redacted();
    assert!(redacted("birthday") && !redacted("tag"));
    let wrong = person("1").with("born", "10 December");
    match outcome(&mapping, &wrong, &context(), "birthday") {
        FlowOutcome::Failed(message) => assert!(!message.contains("December"), "{message}"),
        other => panic!("what is {other:?}?"),
    }
}

#[test]
fn what_changes_each_time_is_for_creating_only() {
    let unique = r#"SelectUniqueValue([login], Append([login], "2"))"#;
    let mapping = Mapping::users()
        .expression("mailNickname", unique)
        .and_then(|mapping| mapping.expression("tag", "RandomString(8, 1, 1, 1, 1)"))
        .expect("expressions")
        .match_on("mailNickname");
    let error = mapping.compile(&schema(), AbsentMeans::Unknown).expect_err("neither is create-only");
    let faults: Vec<String> = error.faults().iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            "mailNickname: is made unique, and would change in each run; make it create-only",
            "mailNickname: is made unique, and so cannot be matched on",
            "tag: is drawn at random, and would change in each run; make it create-only",
        ]
    );
}
