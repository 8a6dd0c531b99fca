//! Default mappings of products: PingOne's (R20, R22 to R32), one from headers (R58), AIC's (R39, R41).

use entrant::Record;
use entrant::adapters::Entra;
use entrant::connection::Connection;
use entrant::expr::Context;
use entrant::mapping::{AbsentMeans, CompiledMapping, Mapped, Mapping};
use entrant::model::{Class, ObjectId, Schema};
use entrant::sim::Sim;
use entrant::store::Target;
use serde_json::{Value as Json, json};

/// What Entra says of its users; nothing is sent for it.
fn entra_users() -> Schema {
    let sim = Sim::builder().build();
    let connection = Connection::builder(sim.tenant_id(), sim.client_id()).client_secret(sim.client_secret());
    let connection = connection.cloud(sim.cloud()).build().expect("complete");
    let entra = Entra::builder(connection).transport(sim.transport()).unchecked().expect("a tenant");
    entra.schema(&Class::USER).expect("Entra has users").as_ref().clone()
}

fn record(json: &Json) -> Record {
    Record::from_serialize(ObjectId::user("7"), json).expect("a record")
}

/// What a record gives on create, by target attribute.
fn created(mapping: &CompiledMapping, json: &Json) -> Json {
    let context = Context::new(time::OffsetDateTime::UNIX_EPOCH).with_parameter("Domain", "contoso.com");
    let Mapped::Flows(flows) = mapping.evaluate(&record(json), &context) else { panic!("the record is ignored") };
    flows.iter().filter_map(|flow| Some((flow.attribute.to_string(), Json::from(&mapping.on_create(flow)?)))).collect()
}

#[test]
fn pingones_mapping_is_as_its_table_says() {
    let mapping = Mapping::pingone();
    insta::assert_snapshot!(mapping.to_string(), @r#"
    pingone: user → user
      userPrincipalName      ← IIF(InStr([username], "@") > 0, [username], Append([username], Append("@", %Domain%)))
      mailNickname           ← Word([username], 1, "@")
      displayName            ← Coalesce([name.formatted], Join(" ", [name.given], [name.family]), NULL)
      onPremisesImmutableId  ← [externalId] (create only)
      accountEnabled         ← [enabled] (default true)
      surname                ← [name.family]
      givenName              ← [name.given]
      usageLocation          ← [address.countryCode]
      resetPassword          ← constant true (create only)
      password               ← generated
    matching: onPremisesImmutableId, then userPrincipalName
    "#);
    let compiled = mapping.compile(&entra_users(), AbsentMeans::Unknown).expect("it fits Entra");
    assert_eq!(compiled.missing_required(), [""; 0]);
    assert_eq!(compiled.generates_password().map(|name| name.as_str()), Some("password"));
    let full = json!({
        "username": "scarter@example.com", "externalId": "abc", "enabled": false,
        "name": {"given": "Sam", "family": "Carter", "formatted": "Dr. Sam Carter"}, "address": {"countryCode": "US"}
    });
    assert_eq!(
        created(&compiled, &full),
        json!({
            "userPrincipalName": "scarter@example.com", "mailNickname": "scarter", "onPremisesImmutableId": "abc",
            "displayName": "Dr. Sam Carter", "accountEnabled": false, "givenName": "Sam", "surname": "Carter",
            "usageLocation": "US", "resetPassword": true
        })
    );
    let least = json!({"username": "sam", "name": {"given": "Sam", "family": "Carter"}});
    assert_eq!(
        created(&compiled, &least),
        json!({
            "userPrincipalName": "sam@contoso.com", "mailNickname": "sam", "displayName": "Sam Carter",
            "accountEnabled": true, "givenName": "Sam", "surname": "Carter", "resetPassword": true
        })
    );
    for name in ["resetPassword", "onPremisesImmutableId", "password"] {
        assert!(compiled.rule(name).expect("it is mapped").is_create_only(), "{name}");
    }
}

#[test]
fn aics_mapping_gives_the_four_values_that_are_needed() {
    let compiled = Mapping::aic().compile(&Mapping::aic_schema(), AbsentMeans::Unknown).expect("it fits");
    assert_eq!(compiled.missing_required(), [""; 0]);
    let user = json!({"userPrincipalName": "scarter@d.onmicrosoft.com", "mail": "scarter@example.com",
        "displayName": "Sam Carter", "givenName": "Sam", "surname": "Carter", "jobTitle": "Major"});
    assert_eq!(
        created(&compiled, &user),
        json!({"userName": "scarter@d.onmicrosoft.com", "mail": "scarter@example.com", "displayName": "Sam Carter",
            "givenName": "Sam", "sn": "Carter"})
    );
    let needed: Vec<String> = Mapping::aic_schema()
        .attributes
        .iter()
        .filter(|(_, own)| own.required_on_create)
        .map(|(name, _)| name.to_string())
        .collect();
    assert_eq!(needed, ["displayName", "givenName", "mail", "sn", "userName"]);
    assert_eq!(compiled.target_class(), &Class::USER);
}

/// Each word of a name with a blank before it, `_` before it, or a capital.
fn style(name: &str, style: u8) -> String {
    let mut text = String::new();
    for (index, character) in name.char_indices() {
        let begins =
            index > 0 && (character.is_uppercase() || (character.is_numeric() && !text.ends_with(char::is_numeric)));
        match style {
            0 if begins => text.push(' '),
            1 if begins => text.push('_'),
            _ => {}
        }
        match style {
            0 if index == 0 => text.extend(character.to_uppercase()),
            1 => text.extend(character.to_lowercase()),
            _ => text.push(character),
        }
    }
    text
}

/// One header for each attribute that an application can write to a user of Entra.
#[rustfmt::skip]
const HEADERS: &[(&str, &str)] = &[
    ("accountEnabled", "workerStatus"), ("ageGroup", "ageGroup"), ("businessPhones", "workPhone"), ("city", "city"),
    ("companyName", "companyName"), ("consentProvidedForMinor", "consentProvidedForMinor"), ("country", "country"),
    ("department", "departmentName"), ("disabledPlans", "disabledPlans"), ("displayName", "fullName"),
    ("employeeId", "employeeNumber"), ("employeeOrgData.costCenter", "costCenter"), ("employeeOrgData.division", "division"),
    ("employeeType", "employmentType"), ("faxNumber", "faxNumber"), ("givenName", "firstName"), ("jobTitle", "jobTitle"),
    ("mail", "workEmail"), ("mailNickname", "mailAlias"), ("manager", "managerId"), ("mobilePhone", "mobileNumber"),
    ("officeLocation", "officeLocation"), ("onPremisesImmutableId", "immutableId"), ("otherMails", "personalEmail"),
    ("passwordPolicies", "passwordPolicies"), ("postalCode", "zipCode"), ("preferredDataLocation", "dataLocation"),
    ("preferredLanguage", "preferredLanguage"), ("resetPassword", "mustChangePassword"), ("skuId", "skuIds"),
    ("state", "province"), ("streetAddress", "streetAddress"), ("surname", "lastName"), ("usageLocation", "countryCode"),
    ("userPrincipalName", "userPrincipalName"), ("userType", "userType"),
];

/// The same mapping from `First Name`, `first_name` and `firstName`.
#[test]
fn headers_of_three_styles_cover_all_that_can_be_written() {
    let mut headers: Vec<(String, String)> =
        HEADERS.iter().map(|(target, header)| ((*target).to_owned(), (*header).to_owned())).collect();
    for number in 1..=15 {
        let target = format!("onPremisesExtensionAttributes.extensionAttribute{number}");
        headers.push((target, format!("extensionAttribute{number}")));
    }
    for number in 0..3 {
        let styled: Vec<String> = headers.iter().map(|(_, header)| style(header, number)).collect();
        let made = Mapping::from_headers(&styled);
        assert_eq!((made.not_mapped, made.unrecognised), (vec![], vec![]), "style {number}");
        let mut recognised: Vec<(String, String)> =
            made.recognised.into_iter().map(|(header, target)| (target.to_string(), header)).collect();
        recognised.sort();
        let mut expected: Vec<(String, String)> =
            headers.iter().zip(&styled).map(|((target, _), header)| (target.clone(), header.clone())).collect();
        expected.sort();
        assert_eq!(recognised, expected, "style {number}");
        insta::assert_snapshot!(format!("headers_style_{number}"), made.mapping.to_string());
        // Nothing that can be written is left out, but what an application cannot write, and what is no fact of a person.
        let schema = entra_users();
        let compiled = made.mapping.compile(&schema, AbsentMeans::Unknown).expect("it fits Entra");
        let left_out: Vec<&str> = schema
            .attributes
            .iter()
            .filter(|(name, own)| {
                own.mutability != entrant::model::Mutability::ReadOnly && compiled.rule(name).is_none()
            })
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(left_out, ["employeeHireDate", "revokeSignInSessions"]);
    }
}

#[test]
fn further_addresses_stand_in_one_cell() {
    let made = Mapping::from_headers(&["Personal Email", "Employee ID"]);
    let mapping = made.mapping.constant("country", "Germany").compile(&entra_users(), AbsentMeans::Unknown);
    let got = created(&mapping.expect("it fits Entra"), &json!({"Personal Email": "a@x.io; b@y.io", "Employee ID": 7}));
    assert_eq!(got, json!({"otherMails": ["a@x.io", "b@y.io"], "employeeId": "7", "country": "Germany"}));
}
