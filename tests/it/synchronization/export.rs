//! Mappings that were built in Rust, as documents.

use entrant::mapping::synchronization::{SchemaError, SynchronizationSchema};
use entrant::mapping::{
    AbsentMeans, CompiledMapping, FlowBehavior, FlowOutcome, FlowType, Mapped, Mapping, OnNull, ScopingFilter,
};
use entrant::model::{AttributeSchema, Class, Kind, Mutability, Schema, eq, values_equal};
use entrant::{Record, Value};
use serde_json::json;

fn schema() -> Schema {
    let text = AttributeSchema::text;
    Schema::new(Class::USER)
        .with("employeeId", text())
        .with("mailNickname", text().ignore_case().required().with_max_length(64))
        .with("displayName", text().required())
        .with("jobTitle", text())
        .with("proxies", text().many())
        .with("active", AttributeSchema::boolean().not_nullable())
        .with("level", AttributeSchema::new(Kind::Integer))
        .with("hired", AttributeSchema::new(Kind::DateTime))
        .with("invited", text().with_mutability(Mutability::CreateOnly))
        .with("manager", AttributeSchema::reference(Class::USER))
        .with("members", AttributeSchema::reference(Class::USER).many())
        .with("address", AttributeSchema::new(Kind::Complex))
        .with("password", text().secret().with_mutability(Mutability::CreateOnly))
        .with_status("active")
}

fn all() -> Mapping {
    let mapping = Mapping::users()
        .named("people")
        .attribute("employeeId", "id")
        .expression("mailNickname", r#"SelectUniqueValue(ToLower([login]), Append([login], "2"))"#)
        .and_then(|mapping| mapping.expression("displayName", r#"Replace([given] & " " & [surname], "-", , , "_")"#))
        .and_then(|mapping| mapping.expression("active", r#"Switch([status], , "A", "True", "B", "False")"#))
        .and_then(|mapping| mapping.expression("proxies", r#"Split(Join(",", [mail], %Domain%), ",")"#))
        .and_then(|mapping| mapping.expression("invited", "IIF([a] = [b], Mid([c], 1, 2), True)"));
    mapping
        .expect("expressions")
        .create_only("mailNickname")
        .attribute("jobTitle", r#"jobs[type eq "main"].title"#)
        .on_null("jobTitle", OnNull::Clear)
        .default_value("jobTitle", "St\"aff\\")
        .constant("level", 3)
        .flow_behavior("level", FlowBehavior::FlowAlways)
        .constant("hired", time::macros::datetime!(2026-01-05 08:00 UTC))
        .flow_type("hired", FlowType::AttributeAddOnly)
        .flow_type("proxies", FlowType::MultiValueAddOnly)
        .attribute("manager", "boss")
        .match_on("employeeId")
        .match_on("displayName")
}

/// What is written and read again does the same.
#[test]
fn a_mapping_comes_back_from_its_document() {
    let document = SynchronizationSchema::from_mapping(&all(), &schema()).expect("a document can say it");
    let json = document.to_json();
    insta::assert_json_snapshot!("exported", json);
    let again = SynchronizationSchema::from_json(&json.to_string()).expect("a document that can be used");
    assert_eq!(again.to_json(), json);
    assert_eq!(again.warnings(), []);
    let own = again.mappings().expect("mappings").remove(0);
    let mine = all().compile(&schema(), AbsentMeans::Unknown).expect("a mapping that fits");
    let theirs = own.mapping.compile(&schema(), AbsentMeans::Unknown).expect("a mapping that fits");
    let context = entrant::expr::Context::new(time::OffsetDateTime::UNIX_EPOCH).with_parameter("Domain", "d");
    let record = Record::from_serialize(
        entrant::model::ObjectId::user("1"),
        &json!({"id": "1", "login": "Ann", "given": "A-n", "surname": "B", "status": "B", "mail": "m", "a": "x", "b": "x",
                "c": "cd", "jobs": [{"type": "main", "title": null}], "boss": "2"}),
    );
    let record = record.expect("a record");
    let flows = |mapping: &CompiledMapping| match mapping.evaluate(&record, &context) {
        Mapped::Flows(flows) => flows,
        other => panic!("what is {other:?}?"),
    };
    for (mine, theirs) in flows(&mine).into_iter().zip(flows(&theirs)) {
        assert_eq!(mine.attribute, theirs.attribute);
        let (FlowOutcome::Value(left), FlowOutcome::Value(right)) = (mine.outcome, theirs.outcome) else {
            panic!("{} has no value", mine.attribute);
        };
        // A moment is text in a document, and is compared as a moment all the same.
        let schema = schema();
        let own = schema.get(&mine.attribute).expect("it is in the schema");
        assert!(values_equal(own, &left, &right), "{}: {left:?} and {right:?}", mine.attribute);
    }
    for (mine, theirs) in mine.rules().iter().zip(theirs.rules()) {
        assert_eq!(mine.flow_type(), theirs.flow_type(), "{}", mine.target());
        assert_eq!(mine.flow_behavior(), theirs.flow_behavior(), "{}", mine.target());
        assert_eq!(mine.on_null(), theirs.on_null(), "{}", mine.target());
        let null = FlowOutcome::Value(Value::Null);
        assert_eq!(mine.on_create(&null), theirs.on_create(&null), "{}", mine.target());
    }
    assert_eq!(mine.matching(), theirs.matching());
    // And what the target holds.
    let target = &own.target;
    for name in ["mailNickname", "proxies", "level", "hired", "invited", "manager"] {
        let (mine, theirs) = (schema().get(name).cloned(), target.get(name).cloned());
        assert_eq!(theirs, mine, "{name}");
    }
    assert_eq!(target.status.as_deref(), Some("active"));
}

fn faults(mapping: Mapping) -> Vec<String> {
    let error: SchemaError = SynchronizationSchema::from_mapping(&mapping, &schema()).expect_err("no document says it");
    error.faults().iter().map(ToString::to_string).collect()
}

#[test]
fn what_a_document_cannot_say_is_said_all_at_once() {
    let mapping = Mapping::users()
        .attribute("employeeId", "id")
        .closure("displayName", "name", 1, |_| Ok(None))
        .generate_password()
        .constant("proxies", vec!["a", "b"])
        .attribute("jobTitle", "odd]name")
        .attribute("level", "level")
        .default_value("level", 1)
        .on_null("level", OnNull::Default)
        .attribute("members", "members")
        .exact("members")
        .claims(["1"])
        .attribute("address", "address")
        .attribute("invited", "invited")
        .condition("invited", eq("a", "b"))
        .transform("invited", "x", 1, Ok)
        .match_on("employeeId")
        .scope(eq("a", "b"));
    insta::assert_snapshot!(faults(mapping).join("\n"), @r#"
    the mapping: its scope is a filter, whose operators are others than those of a document; use a ScopingFilter
    the mapping: a document has no claims
    members: is to be exact; a document cannot say it
    invited: has a condition; a document cannot say it
    invited: has a transform, which is code; a document cannot say it
    displayName: comes from a closure, which is code; write an expression instead
    password: is secret; a document would not say so
    proxies: has the constant ["a", "b"], and a document has texts alone
    jobTitle: [odd]name] does not mean that attribute in an expression
    level: gets its default value for null on update too; a document writes it on create alone
    address: holds a complex value, for which a document has no type
    "#);
    let mapping = Mapping::users().attribute("employeId", "id").match_on("employeeId");
    assert_eq!(
        faults(mapping),
        [
            "employeId: is no attribute of user in the target; did you mean employeeId?",
            "employeeId: is matched on and is not mapped",
        ]
    );
    let mapping = Mapping::users().attribute("employeeId", "id");
    assert!(faults(mapping)[0].contains("matchingPriority"));
}

#[test]
fn deep_expressions_can_be_read_again() {
    let deep = format!("{}[a]{}", "ToLower(".repeat(120), ")".repeat(120));
    let mapping = Mapping::users().expression("employeeId", &deep).expect("an expression").match_on("employeeId");
    let document = SynchronizationSchema::from_mapping(&mapping, &schema()).expect("a document can say it");
    let text = document.to_json().to_string();
    let own = SynchronizationSchema::from_json(&text).expect("it can be read").mappings().expect("mappings").remove(0);
    assert_eq!(own.mapping.to_string(), mapping.to_string());
}

#[test]
fn a_scoping_filter_is_saved_and_loaded_again() {
    let filter = ScopingFilter::from_json(
        r#"{"groups": [
            {"clauses": [
                {"sourceOperandName": "country", "operatorName": "equals", "targetOperand": {"values": ["DE", "FR"]}},
                {"sourceOperandName": "login", "operatorName": "NOT REGEX MATCH", "targetOperand": {"values": ["^x(?=\\d)"]}}
            ]},
            {"clauses": [{"sourceOperandName": "grade", "operatorName": "Greater_Than", "targetOperand": {"values": ["-7"]}}]}
        ], "inputFilterGroups": [{"clauses": [{"sourceOperandName": "test", "operatorName": "IS FALSE", "targetOperand": null}]}],
        "categoryFilterGroups": [{"clauses": []}]}"#,
    )
    .expect("a filter");
    let mapping = Mapping::users().attribute("employeeId", "id").match_on("employeeId").scoping(filter.clone());
    let document = SynchronizationSchema::from_mapping(&mapping, &schema()).expect("a document");
    let text = document.to_json().to_string();
    let again = SynchronizationSchema::from_json(&text).expect("it can be read");
    let own = again.mappings().expect("it can be mapped").remove(0);
    let compiled = own.mapping.compile(&own.target, AbsentMeans::Unknown).expect("it fits");
    assert_eq!(compiled.scoping(), Some(&filter), "{text}");
}
