//! Default mappings: licences of people, and groups.

use entrant::expr::Context;
use entrant::mapping::{AbsentMeans, CompiledMapping, FlowOutcome, Mapped, Mapping};
use entrant::model::{AttributeSchema, Class, Kind, Mutability, ObjectId, Schema};
use entrant::{Record, Value};
use time::OffsetDateTime;

/// What a directory such as Entra knows of groups.
fn groups() -> Schema {
    let text = AttributeSchema::text;
    let create_only = |schema: AttributeSchema| schema.with_mutability(Mutability::CreateOnly);
    Schema::new(Class::GROUP)
        .with("displayName", text().required())
        .with("mailNickname", text().ignore_case().required().with_max_length(64))
        .with("description", text())
        .with("visibility", text().not_nullable())
        .with("uniqueName", text().not_nullable().unique_in("uniqueName"))
        .with("groupTypes", create_only(text().many()))
        .with("mailEnabled", create_only(AttributeSchema::boolean().not_nullable()))
        .with("securityEnabled", create_only(AttributeSchema::boolean().not_nullable()))
        .with("members", AttributeSchema::new(Kind::Reference(Class::USER)).many())
        .with("memberGroups", AttributeSchema::new(Kind::Reference(Class::GROUP)).many())
        .with("owners", AttributeSchema::new(Kind::Reference(Class::USER)).many())
}

fn compile(mapping: Mapping) -> CompiledMapping {
    mapping.compile(&groups(), AbsentMeans::Unknown).expect("a mapping that fits")
}

fn flow(mapping: &CompiledMapping, json: &serde_json::Value, target: &str) -> FlowOutcome {
    let record = Record::from_serialize(ObjectId::group("7"), json).expect("a record");
    let Mapped::Flows(flows) = mapping.evaluate(&record, &Context::new(OffsetDateTime::UNIX_EPOCH)) else {
        panic!("the record is ignored");
    };
    flows.into_iter().find(|flow| flow.attribute == target).expect("a flow for the attribute").outcome
}

fn value(value: impl Into<Value>) -> FlowOutcome {
    FlowOutcome::Value(value.into())
}

#[test]
fn headers_of_groups() {
    let shown = |headers: &[&str]| {
        let made = Mapping::from_group_headers(headers).with_memberships();
        compile(made.mapping.clone());
        let known = made.recognised.len() + made.not_mapped.len() + made.unrecognised.len();
        assert_eq!(known, headers.len(), "each header is somewhere");
        let not_mapped: Vec<_> = made.not_mapped.iter().map(|(header, why)| format!("\n{header}: {why}")).collect();
        format!("{}{}\nunrecognised: {:?}", made.mapping, not_mapped.concat(), made.unrecognised)
    };
    insta::assert_snapshot!(shown(&["GroupID", "Name", "Description", "Type", "Cost", "Members", "Alternate Name"]), @r#"
    groups: group → group
      displayName      ← [Name]
      uniqueName       ← [GroupID]
      description      ← [Description]
      groupTypes       ← closure group-kind-groupTypes v1
      mailEnabled      ← closure group-kind-mailEnabled v1
      securityEnabled  ← closure group-kind-securityEnabled v1
      mailNickname     ← closure mail-nickname v1 (create only)
      members          ← [members]
      memberGroups     ← [groups]
      owners           ← [owners]
    matching: uniqueName
    Members: memberships come from a table of their own, a row for each
    unrecognised: ["Cost", "Alternate Name"]
    "#);
    insta::assert_snapshot!(shown(&[
        "id", "uniqueName", "displayName", "mailNickname", "mailEnabled", "securityEnabled", "groupTypes", "visibility"
    ]), @r#"
    groups: group → group
      displayName      ← [displayName]
      uniqueName       ← [uniqueName]
      mailNickname     ← [mailNickname]
      visibility       ← [visibility]
      groupTypes       ← closure group-kind-groupTypes v1
      mailEnabled      ← [mailEnabled]
      securityEnabled  ← [securityEnabled]
      members          ← [members]
      memberGroups     ← [groups]
      owners           ← [owners]
    matching: uniqueName
    id: uniqueName comes from uniqueName
    unrecognised: []
    "#);
    let nameless = compile(Mapping::from_group_headers(&["GroupID"]).mapping);
    assert_eq!(nameless.missing_required(), ["displayName", "mailNickname"], "none can be made without a name");
}

#[test]
fn a_mail_nickname_comes_from_the_name() {
    let mapping = compile(Mapping::from_group_headers(&["GroupID", "Name"]).mapping);
    let long = "Ab ".repeat(100);
    for (name, id, expected) in [
        ("Sales", "7", value("sales")),
        ("Größe & Ærø (EMEA), ‘Café’", "7", value("grosseaeroeemeacafe")),
        ("R&D\t2 \"/..@;:<>[]\\\0", "7", value("rd2")),
        ("Продажи", "Grp-17", value("grp17")),
        ("Продажи 2", "7", value("2")),
        ("…", "…", value(Value::Null)),
        (&long, "7", value("ab".repeat(32))),
    ] {
        let record = serde_json::json!({"Name": name, "GroupID": id});
        assert_eq!(flow(&mapping, &record, "mailNickname"), expected, "{name}");
    }
    let record = |json| flow(&mapping, &json, "mailNickname");
    assert_eq!(record(serde_json::json!({"Name": 2026, "GroupID": "g"})), value("2026"));
    assert_eq!(record(serde_json::json!({"Name": null, "GroupID": "g"})), value("g"));
    assert_eq!(record(serde_json::json!({"GroupID": "g"})), FlowOutcome::Absent, "nothing is known of the name");
    let rule = mapping.rules().iter().find(|rule| rule.target() == "mailNickname").expect("a rule");
    assert!(rule.is_create_only(), "an address does not follow a name");
    assert_eq!(rule.source_attributes(), ["GroupID", "Name"]);
}

#[test]
fn the_kind_of_a_group_is_a_word() {
    let mapping = compile(Mapping::from_group_headers(&["Name", "Kind"]).mapping);
    let of = |kind: Value| {
        let record = serde_json::json!({"Name": "x", "Kind": serde_json::Value::from(&kind)});
        ["groupTypes", "mailEnabled", "securityEnabled"].map(|target| flow(&mapping, &record, target))
    };
    let unified = || Value::list(["Unified".into()]);
    for word in ["microsoft365", "Microsoft 365", "M365", "office_365", "Unified", " unified "] {
        assert_eq!(of(word.into()), [value(unified()), value(true), value(false)], "{word}");
    }
    for word in ["security", "SECURITY", "Security Group"] {
        assert_eq!(of(word.into()), [value(Value::list([])), value(false), value(true)], "{word}");
    }
    for nothing in [Value::Null, " ".into()] {
        assert_eq!(of(nothing), [FlowOutcome::Absent, FlowOutcome::Absent, FlowOutcome::Absent]);
    }
    let message = "Kind is \"distribution\", which is neither security nor microsoft365";
    let failed = || FlowOutcome::Failed(message.to_owned());
    assert_eq!(of("distribution".into()), [failed(), failed(), failed()]);
    let own = compile(Mapping::from_group_headers(&["Name", "Type", "Mail Enabled"]).mapping);
    let record = serde_json::json!({"Name": "x", "Type": "security", "Mail Enabled": "TRUE"});
    assert_eq!(flow(&own, &record, "mailEnabled"), value(true), "a column of its own counts");
    assert_eq!(flow(&own, &record, "securityEnabled"), value(true));
}

#[test]
fn several_products_stand_in_one_cell() {
    let schema = Schema::new(Class::USER)
        .with("skuId", AttributeSchema::text().many())
        .with("disabledPlans", AttributeSchema::text().many())
        .with("password", AttributeSchema::text().secret().with_mutability(Mutability::CreateOnly));
    let made = Mapping::from_headers(&["Licences", "SKU ID", "Disabled Plans"]);
    assert_eq!(made.not_mapped, [("Licences".to_owned(), "skuId comes from SKU ID".to_owned())]);
    let mapping = made.mapping.compile(&schema, AbsentMeans::Unknown).expect("a mapping that fits");
    assert_eq!(mapping.source_attributes(), ["Disabled Plans", "SKU ID"]);
    let of = |cell: serde_json::Value| flow(&mapping, &serde_json::json!({"SKU ID": cell}), "skuId");
    let list = |names: &[&str]| value(Value::list(names.iter().map(|name| Value::from(*name))));
    for (cell, expected) in [
        (serde_json::json!("SPE_E3"), list(&["SPE_E3"])),
        (serde_json::json!("SPE_E3; EMS,VISIO ;"), list(&["SPE_E3", "EMS", "VISIO"])),
        (serde_json::json!(["SPE_E3", "a;b"]), list(&["SPE_E3", "a;b"])),
        (serde_json::json!(" ; "), list(&[])),
        (serde_json::json!(7), list(&["7"])),
        (serde_json::Value::Null, value(Value::Null)),
    ] {
        assert_eq!(of(cell.clone()), expected, "{cell}");
    }
    assert_eq!(flow(&mapping, &serde_json::json!({}), "skuId"), FlowOutcome::Absent, "nothing is known");
}
