//! Mappings from outside: what compiles and what does not, what flows, and the default mapping of HR exports.

use entrant::expr::Context;
use entrant::mapping::{AbsentMeans, CompiledMapping, FlowOutcome, Mapped, Mapping, OnNull};
use entrant::model::{
    AttributeSchema, Class, Kind, Mutability, ObjectId, Schema, all, eq, is_in, present, starts_with,
};
use entrant::{Error, ErrorKind, Record, Value};
use time::OffsetDateTime;

pub(crate) fn schema() -> Schema {
    let text = AttributeSchema::text;
    let folded = || text().ignore_case();
    let mut schema = Schema::new(Class::USER)
        .with("id", text().with_mutability(Mutability::ReadOnly))
        .with("accountEnabled", AttributeSchema::boolean().required())
        .with("displayName", text().required())
        .with("mailNickname", folded().required())
        .with("userPrincipalName", folded().required())
        .with("employeeId", text())
        .with("businessPhones", text().many())
        .with("skuId", text().many())
        .with("disabledPlans", text().many())
        .with("usageLocation", text().not_nullable())
        .with("level", AttributeSchema::new(Kind::Integer))
        .with("invitedAs", text().with_mutability(Mutability::CreateOnly))
        .with("manager", AttributeSchema::new(Kind::Reference(Class::USER)))
        .with("password", text().required().secret().with_mutability(Mutability::CreateOnly))
        .with("pin", text().secret().with_mutability(Mutability::WriteOnly))
        .with_status("accountEnabled");
    for name in [
        "givenName",
        "surname",
        "employeeType",
        "department",
        "companyName",
        "jobTitle",
        "officeLocation",
        "streetAddress",
        "city",
        "state",
        "postalCode",
        "country",
        "mobilePhone",
        "mail",
        "preferredLanguage",
        "employeeOrgData.division",
        "employeeOrgData.costCenter",
    ] {
        schema = schema.with(name, text());
    }
    schema
}

pub(crate) fn compile(mapping: Mapping) -> CompiledMapping {
    mapping.compile(&schema(), AbsentMeans::Unknown).expect("a mapping that fits")
}

pub(crate) fn context() -> Context {
    Context::new(OffsetDateTime::UNIX_EPOCH).with_parameter("Domain", "contoso.com")
}

pub(crate) fn record(json: serde_json::Value) -> Record {
    Record::from_serialize(ObjectId::user("7"), &json).expect("a record")
}

pub(crate) fn outcome(mapping: &CompiledMapping, record: &Record, target: &str) -> FlowOutcome {
    let Mapped::Flows(flows) = mapping.evaluate(record, &context()) else {
        panic!("the record is ignored");
    };
    let flow = flows.into_iter().find(|flow| flow.attribute == target);
    flow.expect("a flow for the attribute").outcome
}

#[test]
fn all_faults_are_said_at_once() {
    let mapping = Mapping::new(Class::USER, Class::GROUP)
        .named("wrong")
        .attribute("dispalyName", "name")
        .attribute("id", "id")
        .attribute("city", "city")
        .constant("city", "Berlin")
        .constant("level", "high")
        .constant("pin", "1234")
        .attribute("manager", "boss")
        .attribute("displayName", "name")
        .on_null("displayName", OnNull::Clear)
        .on_null("usageLocation", OnNull::Skip)
        .attribute("department", "department")
        .on_null("department", OnNull::Default)
        .default_value("level", 1)
        .attribute("state", "state")
        .default_value("state", vec!["a", "b"])
        .default_value("password", "x")
        .create_only("country")
        .reads("city", ["x"])
        .generate_password()
        .match_on("employeeID")
        .match_on("password")
        .match_on("city")
        .match_on("city")
        .target_scope(all([eq("kind", "Member"), eq("pin", "1")]));
    let error = mapping.compile(&schema(), AbsentMeans::Unknown).expect_err("all is wrong");
    let faults: Vec<String> = error.faults().iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            "dispalyName: is no attribute of group in the target; did you mean displayName?",
            "id: is set by the target and cannot be written",
            "city: has two rules; one is right",
            "level: the constant does not fit: \"high\" is not a whole number",
            "pin: is secret and would be the same for everybody; take it from an attribute, an expression or a closure",
            "state: the default value does not fit: there are 2 values where one is right",
            "password: is secret and cannot have a default value",
            "usageLocation: has a null rule and is not mapped",
            "country: has a create-only rule and is not mapped",
            "city: is said to read source attributes and has no closure",
            "displayName: cannot be cleared; skip nulls or give a default value",
            "department: is to get its default value for null and has none",
            "employeeID: is matched on and is not mapped; did you mean employeeId?",
            "password: is matched on and cannot be read from the target",
            "city: is matched on twice",
            "kind: is no attribute of group in the target",
            "pin: is in the target scope and cannot be read from the target",
            "it writes group objects and the schema is of user objects",
        ]
    );
    let text = error.to_string();
    assert!(text.starts_with("the mapping wrong cannot be used: dispalyName: is no attribute"), "{text}");
    assert!(!text.contains("1234"), "a secret is not shown");
    assert_eq!(Error::from(error).kind(), ErrorKind::Invalid);
}

#[test]
fn a_password_goes_where_it_is_secret_only() {
    let open = Schema::new(Class::USER).with("password", AttributeSchema::text());
    let error = Mapping::users().generate_password().compile(&open, AbsentMeans::Unknown);
    let error = error.expect_err("the password could be read").to_string();
    assert_eq!(error, "the mapping user cannot be used: password: is not secret, so no password can be put there");
}

#[test]
fn a_compiled_mapping_tells_what_it_is() {
    let mapping = compile(
        Mapping::users()
            .named("people")
            .attribute("city", "address.city")
            .expression("displayName", "join(\" \", [first], %Title%, [last])")
            .expect("an expression")
            .constant("usageLocation", "DE")
            .closure("level", "seniority", 3, |_| Ok(Some(Value::from(1))))
            .reads("level", ["since", "grade"])
            .attribute("employeeId", "id")
            .generate_password()
            .match_on("employeeId")
            .match_on("displayName")
            .scope(present("status"))
            .target_scope(eq("city", "Berlin")),
    );
    assert_eq!(mapping.name(), &"people");
    assert_eq!((mapping.source_class(), mapping.target_class()), (&Class::USER, &Class::USER));
    assert_eq!(mapping.matching(), ["employeeId", "displayName"]);
    assert_eq!(mapping.scope(), Some(&present("status")));
    assert_eq!(mapping.target_scope(), Some(&eq("city", "Berlin")));
    assert_eq!(
        mapping.source_attributes(),
        ["address", "address.city", "first", "grade", "id", "last", "since", "status"]
    );
    assert_eq!(mapping.parameters(), ["Title"]);
    assert!(!mapping.reads_clock());
    assert_eq!(mapping.generates_password().map(|name| name.as_str()), Some("password"));
    assert_eq!(mapping.missing_required(), ["mailNickname", "userPrincipalName"]);
    let rules: Vec<String> =
        mapping.rules().iter().map(|rule| format!("{}: {}", rule.target(), rule.provenance())).collect();
    assert_eq!(
        rules,
        [
            "city: [address.city]",
            "displayName: Join(\" \", [first], %Title%, [last])",
            "employeeId: [id]",
            "level: closure seniority v3",
            "password: generated",
            "usageLocation: constant \"DE\"",
        ]
    );
    assert!(mapping.target_attributes().eq(mapping.rules().iter().map(|rule| rule.target())));
    let level = mapping.rule("level").expect("a rule");
    assert_eq!(level.source_attributes(), ["grade", "since"]);
    assert!(mapping.rule("mail").is_none());
}

#[test]
fn what_no_record_delivered_is_named_as_it_is_written() {
    let mapping = compile(
        Mapping::users()
            .attribute("city", "address.city")
            .expression("displayName", "[first] & [name.last]")
            .expect("an expression")
            .closure("level", "seniority", 1, |_| Ok(None))
            .reads("level", ["since"])
            .scope(present("status")),
    );
    let seen = |names: &'static [&'static str]| move |name: &str| names.contains(&name);
    assert_eq!(mapping.undelivered(seen(&[])), ["address.city", "first", "name.last", "since", "status"]);
    assert_eq!(mapping.undelivered(seen(&["address", "name.last", "status", "first"])), ["since"]);
}

#[test]
fn what_the_source_says_becomes_what_is_written() {
    let mapping = |absent_means| {
        let mapping = Mapping::users()
            .attribute("city", "city")
            .attribute("department", "department")
            .default_value("department", "Unassigned")
            .attribute("jobTitle", "title")
            .on_null("jobTitle", OnNull::Clear)
            .attribute("state", "state")
            .default_value("state", "none")
            .on_null("state", OnNull::Default)
            .attribute("businessPhones", "phone")
            .attribute("country", "country")
            .create_only("country")
            .attribute("invitedAs", "invited");
        mapping.compile(&schema(), absent_means).expect("a mapping that fits")
    };
    let unknown = mapping(AbsentMeans::Unknown);
    let empty = mapping(AbsentMeans::Empty);
    let text = |text: &str| Some(Value::text(text));
    let none = serde_json::json!({});
    let null = |name: &str| serde_json::json!({ name: null });
    let set = |name: &str| serde_json::json!({ name: "x" });
    #[rustfmt::skip]
    let table = [
        // (mapping, target, record, on create, on update)
        (&unknown, "city", set("city"), text("x"), text("x")),
        (&unknown, "city", null("city"), None, None),
        (&unknown, "city", none.clone(), None, None),
        (&empty, "city", none.clone(), None, None),
        (&unknown, "department", set("department"), text("x"), text("x")),
        (&unknown, "department", null("department"), text("Unassigned"), None),
        (&unknown, "department", none.clone(), text("Unassigned"), None),
        (&unknown, "jobTitle", null("title"), None, Some(Value::Null)),
        (&unknown, "jobTitle", none.clone(), None, None),
        (&empty, "jobTitle", none.clone(), None, Some(Value::Null)),
        (&unknown, "state", null("state"), text("none"), text("none")),
        (&unknown, "state", none.clone(), text("none"), None),
        (&empty, "state", none.clone(), text("none"), text("none")),
        (&unknown, "businessPhones", set("phone"), Some(Value::list(["x".into()])), Some(Value::list(["x".into()]))),
        (&unknown, "businessPhones", null("phone"), None, Some(Value::list([]))),
        (&unknown, "businessPhones", none.clone(), None, None),
        (&unknown, "country", set("country"), text("x"), None),
        (&unknown, "invitedAs", set("invited"), text("x"), None),
    ];
    for (mapping, target, json, on_create, on_update) in table {
        let Mapped::Flows(flows) = mapping.evaluate(&record(json.clone()), &context()) else {
            panic!("the record is ignored");
        };
        let flow = flows.iter().find(|flow| flow.attribute == target).expect("a flow");
        assert_eq!(mapping.on_create(flow), on_create, "{target} on create of {json}");
        assert_eq!(mapping.on_update(flow), on_update, "{target} on update of {json}");
    }
}

#[test]
fn an_expression_over_what_is_absent_says_nothing_rather_than_null() {
    let mapping = |absent_means| {
        Mapping::users()
            .expression("city", "ToLower([city])")
            .and_then(|mapping| mapping.expression("state", "Join(\"-\", [a], [b])"))
            .and_then(|mapping| mapping.expression("mail", "Coalesce([mail], \"none\")"))
            .expect("expressions")
            .compile(&schema(), absent_means)
            .expect("a mapping that fits")
    };
    let unknown = mapping(AbsentMeans::Unknown);
    let empty = mapping(AbsentMeans::Empty);
    let value = |value: Value| FlowOutcome::Value(value);
    let nothing = record(serde_json::json!({}));
    assert_eq!(outcome(&unknown, &nothing, "city"), FlowOutcome::Absent);
    assert_eq!(outcome(&unknown, &nothing, "state"), FlowOutcome::Absent);
    assert_eq!(outcome(&unknown, &nothing, "mail"), value("none".into()));
    assert_eq!(outcome(&empty, &nothing, "city"), value(Value::Null));
    assert_eq!(outcome(&empty, &nothing, "state"), value("".into()));
    let nulls = record(serde_json::json!({"city": null, "a": null, "b": ""}));
    assert_eq!(outcome(&unknown, &nulls, "city"), value(Value::Null));
    assert_eq!(outcome(&unknown, &nulls, "state"), value("".into()));
}

#[test]
fn markers_failures_and_closures() {
    let mapping = compile(
        Mapping::users()
            .expression("city", "IIF([kind] = \"robot\", IgnoreObjectFlow, [city])")
            .and_then(|mapping| mapping.expression("mail", "IIF([mail] = \"\", IgnoreAttributeFlow, [mail])"))
            .and_then(|mapping| mapping.expression("state", "Join(\"@\", [city], %Missing%)"))
            .expect("expressions")
            .default_value("mail", "none")
            .attribute("level", "level")
            .closure("jobTitle", "title", 1, |record: &Record| match record.get("title") {
                None => Ok(None),
                Some(Value::Text(text)) => Ok(Some(Value::text(text.trim()))),
                Some(_) => Err("title is no text".to_owned()),
            })
            .reads("jobTitle", ["title"]),
    );
    let failed = |message: &str| FlowOutcome::Failed(message.to_owned());
    let robot = record(serde_json::json!({"kind": "robot"}));
    assert_eq!(mapping.evaluate(&robot, &context()), Mapped::Ignored);

    let person = record(serde_json::json!({"mail": "", "level": "high", "title": 5}));
    assert_eq!(outcome(&mapping, &person, "mail"), FlowOutcome::Ignored);
    assert_eq!(outcome(&mapping, &person, "level"), failed("\"high\" is not a whole number"));
    assert_eq!(outcome(&mapping, &person, "jobTitle"), failed("title is no text"));
    assert_eq!(outcome(&mapping, &person, "state"), failed("the parameter %Missing% is not defined (character 19)"));
    let Mapped::Flows(flows) = mapping.evaluate(&person, &context()) else {
        panic!("the record is ignored");
    };
    for flow in &flows {
        assert_eq!(mapping.on_update(flow), None, "{flow:?}");
    }
    let mail = flows.iter().find(|flow| flow.attribute == "mail").expect("a flow");
    assert_eq!(mapping.on_create(mail), None, "a marker takes no default value");

    let person = record(serde_json::json!({"title": " Director ", "level": "7"}));
    assert_eq!(outcome(&mapping, &person, "jobTitle"), FlowOutcome::Value("Director".into()));
    assert_eq!(outcome(&mapping, &person, "level"), FlowOutcome::Value(7.into()));
    assert_eq!(outcome(&mapping, &record(serde_json::json!({})), "jobTitle"), FlowOutcome::Absent);
}

#[test]
fn secrets_are_apart_and_never_shown() {
    let mapping = compile(
        Mapping::users()
            .expression("password", "IIF([strong], Append([initial], \"!\"), ToLower([initial], [initial]))")
            .expect("an expression")
            .closure("pin", "pin", 1, |record: &Record| match record.get("pin") {
                Some(Value::Text(pin)) if pin.len() < 4 => Err(format!("{pin} is short")),
                pin => Ok(pin.cloned()),
            })
            .attribute("city", "city"),
    );
    let person = record(serde_json::json!({"strong": true, "initial": "hunter2", "pin": 1234, "city": "Ulm"}));
    let secrets = mapping.evaluate_secrets(&person, &context()).expect("secrets");
    let exposed: Vec<_> = secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose())).collect();
    assert_eq!(exposed, [("password", "hunter2!"), ("pin", "1234")]);
    let Mapped::Flows(flows) = mapping.evaluate(&person, &context()) else {
        panic!("the record is ignored");
    };
    assert_eq!(flows.iter().map(|flow| flow.attribute.as_str()).collect::<Vec<_>>(), ["city"]);

    let nobody = record(serde_json::json!({"strong": true, "initial": null, "pin": ""}));
    assert!(mapping.evaluate_secrets(&record(serde_json::json!({})), &context()).expect("none").is_empty());
    assert!(mapping.evaluate_secrets(&nobody, &context()).is_err(), "the closure refuses a short pin");
    for json in [
        serde_json::json!({"strong": "hunter2", "initial": "hunter2"}),
        serde_json::json!({"strong": false, "initial": "hunter2 and more"}),
        serde_json::json!({"pin": "123"}),
        serde_json::json!({"pin": ["hunter2"]}),
    ] {
        let error = mapping.evaluate_secrets(&record(json.clone()), &context()).expect_err("no secret");
        let shown = format!("{error:?} {}", error.to_chain());
        assert!(!shown.contains("hunter2") && !shown.contains("123"), "{shown}");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{json}");
    }
}

#[test]
fn a_fingerprint_is_of_what_the_mapping_does() {
    let base = || {
        Mapping::users()
            .attribute("city", "city")
            .expression("mail", "ToLower([mail])")
            .expect("an expression")
            .closure("jobTitle", "title", 1, |_| Ok(None))
    };
    let print = |mapping: Mapping| compile(mapping).fingerprint().to_owned();
    let first = print(base());
    assert_eq!(first.len(), 64);
    let same = Mapping::users()
        .closure("jobTitle", "title", 1, |_| Err("another body counts by its version".to_owned()))
        .expression("mail", "tolower( [mail] )")
        .expect("an expression")
        .attribute("city", "city");
    assert_eq!(print(same), first, "neither order nor spelling counts");
    let others = [
        base().named("other"),
        base().attribute("state", "city"),
        base().constant("state", "1"),
        base().default_value("city", "x"),
        base().default_value("city", "y"),
        base().on_null("city", OnNull::Clear),
        base().create_only("city"),
        base().match_on("city"),
        base().match_on("city").match_on("mail"),
        base().match_on("mail").match_on("city"),
        base().scope(present("city")),
        base().target_scope(present("city")),
        base().reads("jobTitle", ["title"]),
        Mapping::users().attribute("city", "city").attribute("mail", "mail"),
        Mapping::new(Class::new("person"), Class::USER).attribute("city", "city"),
        Mapping::users().attribute("city", "city").closure("jobTitle", "title", 2, |_| Ok(None)),
    ];
    let mut prints: Vec<String> = others.into_iter().map(print).collect();
    prints.push(first);
    prints.push(base().compile(&schema(), AbsentMeans::Empty).expect("fits").fingerprint().to_owned());
    let count = prints.len();
    prints.sort();
    prints.dedup();
    assert_eq!(prints.len(), count, "each difference counts");
}

#[test]
fn a_mapping_is_readable() {
    let mapping = Mapping::users()
        .named("people")
        .attribute("displayName", "FullName")
        .constant("usageLocation", "DE")
        .create_only("usageLocation")
        .attribute("city", "City")
        .default_value("city", "Ulm")
        .on_null("city", OnNull::Default)
        .generate_password()
        .match_on("displayName")
        .match_on("city")
        .scope(all([is_in("Type", ["a", "b"]), starts_with("Mail", "x").not(), all([present("Id")])]))
        .target_scope(eq("userType", "Member"));
    insta::assert_snapshot!(mapping.to_string(), @r#"
    people: user → user
      displayName    ← [FullName]
      usageLocation  ← constant "DE" (create only)
      city           ← [City] (default "Ulm") (null gives the default)
      password       ← generated
    matching: displayName, then city
    scope: Type in ("a", "b") and not (startsWith(Mail, "x")) and (present(Id))
    target scope: userType eq "Member"
    "#);
}
