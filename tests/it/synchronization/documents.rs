//! Documents that can be used: what is kept, and how they map.

use entrant::expr::Context;
use entrant::mapping::synchronization::{FlowTypes, ImportedMapping, MappingSource, SynchronizationSchema};
use entrant::mapping::{
    AbsentMeans, Belonging, CompiledMapping, FlowBehavior, FlowOutcome, FlowType, Mapped, Mapping, OnNull,
};
use entrant::model::{Class, ObjectId};
use entrant::{Record, Value};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{INBOUND, MAPPING, OUTBOUND, expression, load, sample, small, warnings, with_mapping, with_second};

fn compiled(own: &ImportedMapping) -> CompiledMapping {
    own.mapping.compile(&own.target, AbsentMeans::Unknown).expect("a mapping that fits")
}

fn context() -> Context {
    Context::new(time::macros::datetime!(2026-01-05 08:00 UTC))
}

/// What a record gives on create, by target attribute.
fn created(mapping: &CompiledMapping, record: &Record) -> Vec<(String, Value)> {
    let Mapped::Flows(flows) = mapping.evaluate(record, &context()) else { panic!("the object is ignored") };
    let value = |flow: &entrant::mapping::Flow| Some((flow.attribute.to_string(), mapping.on_create(flow)?));
    flows.iter().filter_map(value).collect()
}

fn outcome(mapping: &CompiledMapping, record: &Record, target: &str) -> FlowOutcome {
    let Mapped::Flows(flows) = mapping.evaluate(record, &context()) else { panic!("the object is ignored") };
    flows.into_iter().find(|flow| flow.attribute == target).expect("it is mapped").outcome
}

fn first(json: &Json) -> ImportedMapping {
    load(json).expect("a document that can be used").mappings().expect("mappings").remove(0)
}

#[test]
fn what_is_read_is_written_again() {
    for text in [OUTBOUND, INBOUND] {
        let document = SynchronizationSchema::from_json(text).expect("a sample can be used");
        assert_eq!(document.to_json(), sample(text));
        document.check().expect("and stays so");
    }
    // In another spelling, with nulls for what is missing, and with members that nobody knows.
    let mut json = small();
    json["directories"][1]["objects"][0]["attributes"][0]["mutability"] = json!("readonly");
    json["directories"][1]["objects"][0]["attributes"][1]["type"] = json!(0);
    json["synchronizationRules"][0]["objectMappings"][0]["flowTypes"] = json!("add,update");
    json["synchronizationRules"][0]["objectMappings"][0]["scope"] = json!(null);
    json["synchronizationRules"][0]["metadata"] = json!(null);
    json["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"][0]["new"] = json!([1, {"a": 1.5}]);
    assert_eq!(load(&json).expect("a document that can be used").to_json(), json);
}

#[test]
fn what_is_changed_is_written_in_microsofts_spelling_and_the_rest_as_it_was() {
    let mut json = small();
    json["synchronizationRules"][0]["objectMappings"][0]["flowTypes"] = json!("add,update");
    let mut document = load(&json).expect("a document that can be used");
    let own = &mut document.synchronization_rules[0].object_mappings[0];
    own.flow_types.delete = true;
    own.attribute_mappings[1].flow_type = FlowType::ValueAddOnly;
    own.attribute_mappings[1].source = Some(MappingSource::constant("a \"b\" \\ c"));
    own.attribute_mappings.remove(0);
    let own = &mut json["synchronizationRules"][0]["objectMappings"][0];
    own["flowTypes"] = json!("Add, Update, Delete");
    own["attributeMappings"][1]["flowType"] = json!("ValueAddOnly");
    own["attributeMappings"][1]["source"] =
        json!({"type": "Constant", "name": "a \"b\" \\ c", "expression": r#""a \"b\" \\ c""#, "parameters": []});
    own["attributeMappings"].as_array_mut().expect("a list").remove(0);
    assert_eq!(document.to_json(), json);
    let error = document.check().expect_err("nothing is matched on");
    assert_eq!(error.faults()[0].place(), format!("{MAPPING}.attributeMappings"));
}

#[test]
fn what_is_not_used_is_listed_with_its_place() {
    let unused: Vec<String> =
        load(&small()).expect("a document that can be used").unused().iter().map(ToString::to_string).collect();
    assert_eq!(unused, ["id: \"job\"", "version: \"v1\"", "more: an object with of"]);
    let outbound = SynchronizationSchema::from_json(OUTBOUND).expect("a sample can be used").unused();
    let places: Vec<&str> = outbound.iter().map(|unused| unused.place.as_str()).collect();
    for place in [
        "@odata.context",
        "directories[0].discoverabilities",
        "synchronizationRules[0].editable",
        "synchronizationRules[0].metadata[0].value",
        "synchronizationRules[0].objectMappings[0].scope.groups[0].name",
        "synchronizationRules[0].objectMappings[0].metadata[2].value",
    ] {
        assert!(places.contains(&place), "{place} in {places:?}");
    }
    for place in ["groupFilter", "exportMissingReferences", "discoveryDateTime"] {
        assert!(!places.iter().any(|own| own.ends_with(place)), "{place} says nothing");
    }
}

/// R33 turned round: people and groups of Entra for an application.
#[test]
fn an_outbound_sample_maps_people_and_groups() {
    let document = SynchronizationSchema::from_json(OUTBOUND).expect("a sample can be used");
    let warnings: Vec<String> = document.warnings().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!("outbound_warnings", warnings.join("\n"));
    let mappings = document.mappings().expect("mappings");
    let [groups, people] = &mappings[..] else { panic!("two mappings") };
    assert_eq!(groups.mapping.target_class(), &Class::GROUP);
    assert_eq!((people.rule.as_str(), people.enabled), ("USERGROUP_OUTBOUND_USERGROUP", true));
    assert_eq!(people.flow_types, FlowTypes { add: true, update: true, delete: true });
    insta::assert_snapshot!("outbound_people", people.mapping.to_string());
    let mapping = compiled(people);
    let matching: Vec<&str> = mapping.matching().iter().map(|name| name.as_str()).collect();
    assert_eq!(matching, ["userName", "externalId"]);
    let record = Record::new(ObjectId::user("1"))
        .with("userPrincipalName", "Ann@Contoso.com")
        .with("mailNickname", "ann")
        .with("IsSoftDeleted", "False")
        .with("displayName", "Ann")
        .with("jobTitle", Value::Null)
        .with("mail", "")
        .with("preferredLanguage", "en-US")
        .with("givenName", "Ann")
        .with("surname", "")
        .with("department", "Sales")
        .with("mobile", "");
    let got: Json = created(&mapping, &record).into_iter().map(|(name, value)| (name, json!(value))).collect();
    assert_eq!(
        got,
        json!({
            "userName": "ann@contoso.com", "externalId": "ann", "active": true, "displayName": "Ann", "title": "Staff",
            "emails[type eq \"work\"].value": "Ann@Contoso.com", "preferredLanguage": "en_US",
            "name.givenName": "Ann", "name.familyName": ".", "name.formatted": "Ann",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department": "Sales",
            "urn:ietf:params:scim:schemas:extension:woodgrove:2.0:User:costCenter": "4100"
        })
    );
    let verdict = |record: &Record| mapping.belonging(record);
    assert_eq!(verdict(&record), Belonging::LeftScope);
    let record = record.with("mail", "ann@contoso.com").with("accountEnabled", true);
    assert_eq!(verdict(&record), Belonging::InScope);
    let department = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
    assert_eq!(mapping.rule(department).expect("it is mapped").flow_behavior(), FlowBehavior::FlowAlways);
}

#[test]
fn an_inbound_sample_maps_workers() {
    let document = SynchronizationSchema::from_json(INBOUND).expect("a sample can be used");
    let warnings: Vec<String> = document.warnings().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!("inbound_warnings", warnings.join("\n"));
    let workers = document.mappings().expect("mappings").remove(0);
    insta::assert_snapshot!("inbound_workers", workers.mapping.to_string());
    assert_eq!(workers.flow_types, FlowTypes { add: true, update: true, delete: false });
    let mapping = compiled(&workers);
    let record = Record::new(ObjectId::new(Class::new("Worker"), "1"))
        .with("WorkerID", "1000001")
        .with("Active", "1")
        .with("PreferredFirstName", "Zoë")
        .with("PreferredLastName", "O'Neil")
        .with("FirstName", "ZOË")
        .with("ContractEndDate", "2026-12-31-08:00")
        .with("Company", Value::Null)
        .with("UserID", "zoneil")
        .with("StatusHireDate", "2026-02-01")
        .with("Municipality", "Dallas");
    let got: std::collections::BTreeMap<String, Value> = created(&mapping, &record).into_iter().collect();
    let text = |name: &str| got.get(name).map(ToString::to_string).unwrap_or_default();
    assert_eq!(text("userPrincipalName"), "Zoe.O'Neil@contoso.com");
    assert_eq!(text("accountDisabled"), "false");
    assert_eq!(text("accountExpires"), "134432639990000000", "2027-01-01T07:59:59Z in steps of 100 nanoseconds");
    assert_eq!(text("givenName"), "Zoë");
    assert_eq!(text("company"), "Contoso");
    assert_eq!(text("physicalDeliveryOfficeName"), "HQ");
    assert_eq!(text("parentDistinguishedName"), "OU=Dallas,OU=Users,DC=contoso,DC=com");
    assert_eq!(mapping.rule("proxyAddresses").expect("it is mapped").flow_type(), FlowType::MultiValueAddOnly);
    let office = mapping.rule("physicalDeliveryOfficeName").expect("it is mapped");
    let none = FlowOutcome::Value("HQ".into());
    assert_eq!(office.on_update_over(&none, &"Berlin".into()), None, "what is there stays");
    assert_eq!(office.on_update_over(&none, &Value::Null), Some("HQ".into()), "what is empty is filled");
}

#[test]
fn the_expression_decides_and_parameters_stand_in_for_it() {
    let attribute = |name: &str| json!({"type": "Attribute", "name": name});
    let constant = |text: &str| json!({"type": "Constant", "name": text});
    let function = |name: &str, parameters: Json| json!({"type": "Function", "name": name, "parameters": parameters});
    let parameter = |key: &str, value: Json| json!({"key": key, "value": value});
    #[rustfmt::skip]
    let table = [
        (json!({"type": "Constant", "name": "x", "expression": "[login]"}), "[login]"),
        (json!({"name": "title"}), "[title]"),
        (json!({"type": "attribute", "name": "title", "expression": "  "}), "[title]"),
        (constant("a \"b\" \\"), r#"constant "a \"b\" \\""#),
        (constant(""), "constant \"\""),
        (function("Append", json!([parameter("source", attribute("login")), parameter("suffix", constant("2"))])), r#"Append([login], "2")"#),
        (function("replace", json!([parameter("source", attribute("login")), parameter("Find", constant("-")), parameter("Replacement", constant("_"))])), r#"Replace([login], "-", , , "_")"#),
        (function("Switch", json!([parameter("source", attribute("login")), parameter("switchValue", constant("a")), parameter("switchValue", constant("b"))])), r#"Switch([login], , "a", "b")"#),
        (function("Join", json!([parameter("separator", constant(".")), parameter("source", attribute("login")), parameter("source", function("Mid", json!([parameter("source", attribute("title")), parameter("start", constant("1")), parameter("length", constant("2"))])))])), r#"Join(".", [login], Mid([title], "1", "2"))"#),
        (function("Coalesce", json!([parameter("source", attribute("login")), parameter("source", attribute("title"))])), "Coalesce([login], [title])"),
        (function("SelectUniqueValue", json!([parameter("uniqueValueRule", attribute("login")), parameter("uniqueValueRule", attribute("title"))])), "SelectUniqueValue([login], [title])"),
        (function("FormatDateTime", json!([parameter("source", attribute("hired")), parameter("inputFormat", constant("yyyy")), parameter("outputFormat", constant("yy"))])), r#"FormatDateTime([hired], , "yyyy", "yy")"#),
        (function("ToUpper", json!([{"value": attribute("login")}])), "ToUpper([login])"),
        (function("Now", json!(null)), "Now()"),
    ];
    for (source, expected) in table {
        let own = first(&with_second(json!({"source": source, "flowType": "ObjectAddOnly"})));
        let rule = own.mapping.to_string();
        assert!(
            rule.contains(&format!("jobTitle      ← {expected} (create only)"))
                || rule.contains(&format!("jobTitle    ← {expected} (create only)")),
            "{expected} in {rule}"
        );
    }
}

#[test]
fn matching_follows_the_priorities() {
    let mut json = small();
    let source = json!({"type": "Attribute", "name": "login"});
    let mapping = |target: &str, priority: i32| json!({"targetAttributeName": target, "matchingPriority": priority, "source": source});
    let mappings = [
        mapping("mailNickname", 5),
        mapping("jobTitle", 2),
        mapping("employeeId", 2),
        mapping("level", 0),
        mapping("country", -1),
    ];
    json["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"] = json!(mappings);
    let matching: Vec<String> = compiled(&first(&json)).matching().iter().map(ToString::to_string).collect();
    assert_eq!(matching, ["jobTitle", "employeeId", "mailNickname"]);
    assert_eq!(
        warnings(&json),
        [
            format!(
                "{MAPPING}.attributeMappings[2].matchingPriority: attributeMappings[1] has this priority too, and comes first"
            ),
            format!("{MAPPING}.attributeMappings[4].matchingPriority: counts as 0: not for matching"),
        ]
    );
}

#[test]
fn defaults_are_for_creating() {
    let of = |members: Json| compiled(&first(&with_second(members)));
    let mapping = of(json!({"defaultValue": "Staff"}));
    let rule = mapping.rule("jobTitle").expect("it is mapped");
    for (value, on_create, on_update) in [
        (Value::Null, Some("Staff"), None),
        ("".into(), Some("Staff"), Some("")),
        ("Boss".into(), Some("Boss"), Some("Boss")),
    ] {
        let outcome = FlowOutcome::Value(value);
        assert_eq!(rule.on_create(&outcome), on_create.map(Value::text), "{outcome:?}");
        assert_eq!(rule.on_update(&outcome), on_update.map(Value::text), "{outcome:?}");
    }
    let record = Record::new(ObjectId::user("1")).with("id", "1").with("title", "");
    let ignoring = of(json!({"defaultValue": "Staff", "source": expression("IgnoreFlowIfNullOrEmpty([title])")}));
    assert_eq!(outcome(&ignoring, &record, "jobTitle"), FlowOutcome::Ignored);
    assert_eq!(created(&ignoring, &record).len(), 2, "the marker is no null");
    // What is required gets the default of its definition, mapped or not.
    let record = record.with("login", Value::Null);
    let country = |source: Json| with_second(json!({"targetAttributeName": "country", "source": source}));
    for json in [small(), country(expression("[login]")), country(Json::Null)] {
        assert_eq!(super::warnings(&json), [""; 0], "{json}");
        let mapping = compiled(&first(&json));
        assert!(created(&mapping, &record).contains(&("country".to_owned(), "DE".into())), "{json}");
        let country = mapping.rule("country").expect("it is there");
        assert_eq!(country.on_update_over(&FlowOutcome::Value(Value::Null), &"FR".into()), None);
    }
}

#[test]
fn null_clears_where_both_gates_are_open() {
    #[rustfmt::skip]
    let table = [
        (json!({"flowNullValues": true}), OnNull::Clear, "both"),
        (json!({}), OnNull::Skip, "the definition alone"),
        (json!({"flowNullValues": true, "source": expression("[login]")}), OnNull::Skip, "the mapping alone"),
        (json!({"flowNullValues": true, "source": expression("Append([title], [login])")}), OnNull::Skip, "not all that it reads"),
        (json!({"flowNullValues": true, "source": expression("ToLower([title])")}), OnNull::Clear, "all that it reads"),
        (json!({"flowNullValues": true, "targetAttributeName": "proxies"}), OnNull::Skip, "several values"),
    ];
    for (members, expected, why) in table {
        let mapping = compiled(&first(&with_second(members)));
        let rules = mapping.rules().iter().filter(|rule| rule.target() != "employeeId" && rule.target() != "country");
        assert_eq!(rules.map(|rule| rule.on_null()).collect::<Vec<_>>(), [expected], "{why}");
    }
}

#[test]
fn flow_types_and_flows_and_what_is_off_are_data() {
    for (flow_types, expected) in [
        (json!(null), [true, true, true]),
        (json!("Add"), [true, false, false]),
        (json!("update,DELETE"), [false, true, true]),
        (json!("None"), [false, false, false]),
        (json!(5), [true, false, true]),
    ] {
        let own = first(&with_mapping(json!({"flowTypes": flow_types, "enabled": false})));
        assert_eq!([own.flow_types.add, own.flow_types.update, own.flow_types.delete], expected);
        assert!(!own.enabled);
    }
    let own = first(&with_second(json!({"flowType": "valueaddonly", "flowBehavior": 1})));
    let mapping = compiled(&own);
    let rule = mapping.rule("jobTitle").expect("it is mapped");
    assert_eq!((rule.flow_type(), rule.flow_behavior()), (FlowType::ValueAddOnly, FlowBehavior::FlowAlways));
    // Nothing is matched on, and nothing is to be updated.
    first(&with_mapping(json!({"flowTypes": "Add", "attributeMappings": []})));
}

#[test]
fn a_byte_order_mark_is_no_fault() {
    let text = format!("\u{feff}{}", small());
    let document = SynchronizationSchema::from_json(&text).expect("a document");
    assert_eq!(document.to_json(), small());
}

#[test]
fn rules_come_by_their_priority() {
    let mut json = small();
    let mut second = json["synchronizationRules"][0].clone();
    second["priority"] = json!(0);
    second["name"] = json!("FIRST");
    json["synchronizationRules"].as_array_mut().expect("a list").push(second);
    let names: Vec<String> =
        load(&json).expect("a document").mappings().expect("mappings").into_iter().map(|own| own.rule).collect();
    assert_eq!(names, ["FIRST", "IN"]);
}

/// The same mapping, built in Rust.
#[test]
fn a_document_maps_like_the_builder() {
    let members =
        json!({"source": expression("ToUpper([title])"), "defaultValue": "STAFF", "flowType": "ValueAddOnly"});
    let own = first(&with_second(members));
    let built = Mapping::new(Class::new("Worker"), Class::USER)
        .named("people")
        .attribute("employeeId", "id")
        .expression("jobTitle", "ToUpper([title])")
        .expect("an expression")
        .default_value("jobTitle", "STAFF")
        .flow_type("jobTitle", FlowType::ValueAddOnly)
        .constant("country", "DE")
        .create_only("country")
        .match_on("employeeId");
    let built = built.compile(&own.target, AbsentMeans::Unknown).expect("a mapping that fits");
    assert_eq!(compiled(&own).fingerprint(), built.fingerprint());
}

/// Any JSON, of a few levels.
fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        "[a-z\"\\\\\u{e9}]{0,6}".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map("x[a-z]{1,4}", inner, 0..4)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

/// A document of the right shape, some members missing, null or in other spellings, others unknown.
fn any_document() -> impl Strategy<Value = Json> {
    let mapping = (
        prop_oneof![Just(json!("Always")), Just(json!("objectaddonly")), Just(json!(3)), Just(Json::Null)],
        prop_oneof![Just(Json::Null), "[a-z]{0,5}".prop_map(Json::from)],
        prop_oneof![Just(json!("[login]")), Just(json!("ToLower( [login] ,)")), Just(Json::Null)],
        any::<bool>(),
        any_json(),
    );
    let mapping = mapping.prop_map(|(flow_type, default, text, short, extra)| {
        let mut own = json!({
            "source": {"type": "Attribute", "name": "login", "expression": text, "extra": extra.clone()},
            "extra": extra
        });
        if !short {
            merge_all(&mut own, json!({"flowType": flow_type, "defaultValue": default, "matchingPriority": 0}));
        }
        own
    });
    (prop::collection::vec(mapping, 0..6), any_json(), any_json()).prop_map(|(mappings, one, other)| {
        let mut json = small();
        json["anything"] = one;
        json["directories"][0]["objects"][0]["anything"] = other;
        let own = json.pointer_mut("/synchronizationRules/0/objectMappings/0/attributeMappings").expect("it is there");
        let targets = ["mailNickname", "jobTitle", "proxies", "country", "level2"];
        for (mapping, target) in mappings.into_iter().zip(targets.into_iter().filter(|name| *name != "level2")) {
            let list = own.as_array_mut().expect("a list");
            list.retain(|own| own["targetAttributeName"] != target);
            let mut mapping = mapping;
            mapping["targetAttributeName"] = json!(target);
            list.push(mapping);
        }
        json
    })
}

fn merge_all(own: &mut Json, members: Json) {
    super::merge(own, members);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_document_is_written_as_it_was_read(json in any_document()) {
        let document = load(&json).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(document.to_json(), json);
        for own in document.mappings().expect("mappings") {
            compiled(&own);
        }
    }
}
