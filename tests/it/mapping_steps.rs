//! Conditions, transforms and flow types of a mapping: what compiles, and what flows (R58, R81).

use entrant::expr::Context;
use entrant::mapping::{AbsentMeans, FlowBehavior, FlowOutcome, FlowType, Mapped, Mapping, OnNull};
use entrant::model::{AttributeSchema, Class, Mutability, ObjectId, Schema, eq, present};
use entrant::{Record, Value};

fn schema() -> Schema {
    Schema::new(Class::USER)
        .with("employeeId", AttributeSchema::text())
        .with("officeLocation", AttributeSchema::text())
        .with("phones", AttributeSchema::text().many())
        .with("members", AttributeSchema::reference(Class::USER).many())
        .with("pin", AttributeSchema::text().with_mutability(Mutability::WriteOnly))
        .with("password", AttributeSchema::text().secret().with_mutability(Mutability::CreateOnly))
}

fn outcome(mapping: &Mapping, record: &Record) -> FlowOutcome {
    let compiled = mapping.compile(&schema(), AbsentMeans::Unknown).expect("a mapping that fits");
    let context = Context::new(time::OffsetDateTime::UNIX_EPOCH);
    let Mapped::Flows(flows) = compiled.evaluate(record, &context) else { panic!("the object is ignored") };
    flows.into_iter().find(|flow| flow.attribute == "officeLocation").expect("it is mapped").outcome
}

fn record() -> Record {
    Record::new(ObjectId::user("1")).with("kind", "Employee").with("desk", "b 12").with("none", Value::Null)
}

#[test]
fn a_condition_leaves_the_attribute_alone() {
    let mapping = || Mapping::users().attribute("officeLocation", "desk").default_value("officeLocation", "lobby");
    let of = |condition| outcome(&mapping().condition("officeLocation", condition), &record());
    assert_eq!(of(eq("kind", "employee")), FlowOutcome::Value("b 12".into()));
    assert_eq!(of(eq("kind", "Guest")), FlowOutcome::Ignored);
    let compiled = mapping().condition("officeLocation", present("badge")).compile(&schema(), AbsentMeans::Unknown);
    let compiled = compiled.expect("a mapping that fits");
    let rule = compiled.rule("officeLocation").expect("it is mapped");
    assert_eq!(rule.on_create(&FlowOutcome::Ignored), None, "no default either");
    assert_eq!(rule.source_attributes(), ["badge", "desk"], "what it looks at is asked for");
    assert_eq!(compiled.undelivered(|name| name == "desk"), ["badge"]);
}

#[test]
fn a_transform_sees_what_the_source_gives() {
    let upper = |value: Value| match value {
        Value::Text(text) if text.contains(' ') => Ok(text.to_uppercase().into()),
        Value::Null => Ok("nobody's".into()),
        other => Err(format!("{other} has no blank")),
    };
    let of =
        |mapping: Mapping, record: &Record| outcome(&mapping.transform("officeLocation", "upper", 1, upper), record);
    let users = Mapping::users;
    assert_eq!(of(users().attribute("officeLocation", "desk"), &record()), FlowOutcome::Value("B 12".into()));
    assert_eq!(of(users().attribute("officeLocation", "none"), &record()), FlowOutcome::Value("nobody's".into()));
    assert_eq!(of(users().attribute("officeLocation", "other"), &record()), FlowOutcome::Absent);
    assert_eq!(of(users().constant("officeLocation", "a b"), &record()), FlowOutcome::Value("A B".into()));
    let expression = |text: &str| users().expression("officeLocation", text).expect("an expression");
    assert_eq!(of(expression("ToLower([desk])"), &record()), FlowOutcome::Value("B 12".into()));
    assert_eq!(of(expression("IgnoreAttributeFlow"), &record()), FlowOutcome::Ignored);
    assert_eq!(of(expression("[kind]"), &record()), FlowOutcome::Failed("Employee has no blank".to_owned()));
    match of(expression("Redact([kind])"), &record()) {
        FlowOutcome::Failed(message) => assert!(!message.contains("Employee"), "{message}"),
        other => panic!("what is {other:?}?"),
    }
}

#[test]
fn what_cannot_work_is_said_with_the_rest() {
    let mapping = Mapping::users()
        .attribute("employeeId", "id")
        .attribute("pin", "pin")
        .attribute("members", "members")
        .generate_password()
        .flow_type("pin", FlowType::AttributeAddOnly)
        .exact("members")
        .flow_type("members", FlowType::MultiValueAddOnly)
        .transform("password", "x", 1, Ok)
        .flow_type("phones", FlowType::ValueAddOnly)
        .flow_behavior("phones", FlowBehavior::FlowAlways)
        .condition("phones", eq("a", "b"))
        .transform("phones", "x", 1, Ok)
        .on_null("phones", OnNull::Skip);
    let error = mapping.compile(&schema(), AbsentMeans::Unknown).expect_err("much is wrong");
    let faults: Vec<String> = error.faults().iter().map(ToString::to_string).collect();
    #[rustfmt::skip]
    assert_eq!(faults, [
        "pin: cannot be read from the target, so AttributeAddOnly cannot tell what is there; write it always or on create",
        "members: is to be exact, and MultiValueAddOnly takes nothing away",
        "password: is generated, so there is nothing to transform",
        "phones: has a null rule and is not mapped",
        "phones: has a flow type and is not mapped",
        "phones: has a flow behaviour and is not mapped",
        "phones: has a condition and is not mapped",
        "phones: has a transform and is not mapped",
    ]);
}

#[test]
fn all_of_it_counts_in_the_fingerprint() {
    let plain = || Mapping::users().attribute("officeLocation", "desk");
    let fingerprint = |mapping: Mapping| {
        mapping.compile(&schema(), AbsentMeans::Unknown).expect("a mapping that fits").fingerprint().to_owned()
    };
    let all = [
        plain(),
        plain().create_only("officeLocation"),
        plain().flow_type("officeLocation", FlowType::ValueAddOnly),
        plain().flow_behavior("officeLocation", FlowBehavior::FlowAlways),
        plain().condition("officeLocation", eq("a", "b")),
        plain().condition("officeLocation", eq("a", "c")),
        plain().transform("officeLocation", "x", 1, Ok),
        plain().transform("officeLocation", "x", 2, Ok),
        plain().transform("officeLocation", "y", 1, Ok),
    ];
    let digests: std::collections::BTreeSet<String> = all.iter().cloned().map(fingerprint).collect();
    assert_eq!(digests.len(), all.len());
    let said = plain()
        .flow_type("officeLocation", FlowType::Always)
        .flow_behavior("officeLocation", FlowBehavior::FlowWhenChanged);
    assert_eq!(fingerprint(said), fingerprint(plain()), "what holds anyhow changes nothing");
}

#[test]
fn a_huge_mapping_is_checked_in_time() {
    let mut mapping = Mapping::users();
    for number in 0..20_000 {
        let name = format!("a{number}");
        mapping = mapping.attribute(name.as_str(), "x").default_value(name.as_str(), "y").create_only(name.as_str());
    }
    let names = (0..20_000).map(|number| format!("a{number}"));
    let schema = names.fold(Schema::new(Class::USER), |schema, name| schema.with(name, AttributeSchema::text()));
    let start = std::time::Instant::now();
    mapping.compile(&schema, AbsentMeans::Unknown).expect("a mapping that fits");
    assert!(start.elapsed() < std::time::Duration::from_secs(10), "{:?}", start.elapsed());
}
