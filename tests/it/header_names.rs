//! Default mappings of HR exports: which headers are understood, and what comes of their values.

use entrant::mapping::{FlowOutcome, Mapped, Mapping, OnNull};
use entrant::model::ObjectId;
use entrant::{Record, Value};
use proptest::prelude::*;

use crate::mapping::{compile, context, outcome, record};

/// The mapping without its long expressions, and the headers that are not mapped.
fn from_headers(header_line: &str) -> String {
    let headers: Vec<&str> = header_line.split(',').collect();
    let made = Mapping::from_headers(&headers);
    compile(made.mapping.clone());
    let mut lines: Vec<String> = made
        .mapping
        .to_string()
        .lines()
        .map(|line| match line.split_once("Replace(") {
            Some((before, _)) => format!("{before}Replace(…"),
            None => line.to_owned(),
        })
        .collect();
    lines.extend(made.not_mapped.iter().map(|(header, reason)| format!("not mapped: {header}: {reason}")));
    lines.push(format!("unrecognised: {}", made.unrecognised.join(", ")));
    assert_eq!(
        made.recognised.len() + made.not_mapped.len() + made.unrecognised.len(),
        headers.len(),
        "each header is somewhere"
    );
    lines.join("\n")
}

#[test]
fn headers_of_a_workday_style_export() {
    insta::assert_snapshot!(from_headers(
        "WorkerID,WorkerStatus,WorkerType,UserID,FirstName,LastName,FullName,GenderPronoun,ManagerID,HireDate,OnLeave,\
         Department,Division,CostCenter,Company,Location,JobTitle,StreetAddress,City,CountryCode,OfficePhone,Custom01,\
         Custom02,ZipCode"
    ), @r#"
    people: user → user
      employeeId                  ← [WorkerID]
      givenName                   ← [FirstName]
      surname                     ← [LastName]
      displayName                 ← [FullName]
      accountEnabled              ← closure worker-status v1
      employeeType                ← [WorkerType]
      department                  ← [Department]
      companyName                 ← [Company]
      jobTitle                    ← [JobTitle]
      employeeOrgData.division    ← [Division]
      employeeOrgData.costCenter  ← [CostCenter]
      officeLocation              ← [Location]
      streetAddress               ← [StreetAddress]
      city                        ← [City]
      postalCode                  ← [ZipCode]
      usageLocation               ← [CountryCode]
      businessPhones              ← [OfficePhone]
      manager                     ← [ManagerID]
      userPrincipalName           ← Append(Coalesce(Replace(…
      mailNickname                ← Coalesce(Replace(…
      password                    ← generated
    matching: employeeId, then userPrincipalName
    not mapped: HireDate: employeeHireDate cannot be written by an application
    unrecognised: UserID, GenderPronoun, OnLeave, Custom01, Custom02
    "#);
}

#[test]
fn headers_in_words() {
    insta::assert_snapshot!(from_headers(
        "Employee ID,First Name,Last Name,E-Mail,Work Phone,Mobile,Job Title,Start Date,Employee Number,State, City,Active"
    ), @r#"
    people: user → user
      employeeId         ← [Employee ID]
      givenName          ← [First Name]
      surname            ← [Last Name]
      accountEnabled     ← closure worker-status v1
      jobTitle           ← [Job Title]
      state              ← [State]
      businessPhones     ← [Work Phone]
      mobilePhone        ← [Mobile]
      mail               ← [E-Mail]
      displayName        ← Coalesce(Join(" ", [First Name], [Last Name]), NULL)
      userPrincipalName  ← Append(Coalesce(Replace(…
      mailNickname       ← Coalesce(Replace(…
      password           ← generated
    matching: employeeId, then userPrincipalName
    not mapped: Start Date: employeeHireDate cannot be written by an application
    not mapped: Employee Number: employeeId comes from Employee ID
    unrecognised:  City
    "#);
}

#[test]
fn headers_as_graph_names_them() {
    insta::assert_snapshot!(from_headers(
        "id,employeeId,userPrincipalName,displayName,accountEnabled,usageLocation,preferredLanguage,\
         employeeOrgData.division,mailNickname,employee_hire_date,manager"
    ), @r#"
    people: user → user
      employeeId                ← [employeeId]
      displayName               ← [displayName]
      userPrincipalName         ← [userPrincipalName]
      mailNickname              ← [mailNickname]
      accountEnabled            ← closure worker-status v1
      employeeOrgData.division  ← [employeeOrgData.division]
      usageLocation             ← [usageLocation]
      preferredLanguage         ← [preferredLanguage]
      manager                   ← [manager]
      password                  ← generated
    matching: employeeId, then userPrincipalName
    not mapped: employee_hire_date: employeeHireDate cannot be written by an application
    unrecognised: id
    "#);
}

#[test]
fn headers_with_one_name_only() {
    let local = |headers: &[&str], json: serde_json::Value| {
        let mapping = compile(Mapping::from_headers(headers).mapping);
        outcome(&mapping, &record(json), "mailNickname")
    };
    let text = |text: &str| FlowOutcome::Value(Value::text(text));
    assert_eq!(local(&["Name"], serde_json::json!({"Name": "Ada  Lovelace"})), text("ada.lovelace"));
    assert_eq!(local(&["Surname"], serde_json::json!({"Surname": "Lovelace"})), text("lovelace"));
    let upn = serde_json::json!({"UPN": "Ada@contoso.com"});
    assert_eq!(local(&["UPN"], upn), text("ada"));
    let made = Mapping::from_headers(&["Shoe size"]);
    assert_eq!(made.mapping.to_string(), "people: user → user\n  password  ← generated");
    let long = format!("e{}mail", "_".repeat(20_000));
    assert_eq!(Mapping::from_headers(&[long.as_str()]).unrecognised, [long]);
}

#[test]
fn a_principal_name_holds_what_is_legal_only() {
    let mapping = compile(Mapping::from_headers(&["FirstName", "LastName"]).mapping);
    let name = |first: &str, last: &str| {
        let record = record(serde_json::json!({"FirstName": first, "LastName": last}));
        match outcome(&mapping, &record, "userPrincipalName") {
            FlowOutcome::Value(Value::Text(text)) => text.to_string(),
            other => format!("{other:?}"),
        }
    };
    for (first, last, expected) in [
        ("Talya", "Fleeta", "talya.fleeta@contoso.com"),
        ("Zsa Zsa", "Fadiman", "zsazsa.fadiman@contoso.com"),
        ("Sara-Ann", "O'Neil", "sara-ann.o'neil@contoso.com"),
        ("Renée", "D’Arc", "renee.d'arc@contoso.com"),
        ("Søren", "Łukasz-Groß", "soeren.lukasz-gross@contoso.com"),
        ("Bob (CHI)", "Smith, Jr.", "bobchi.smithjr@contoso.com"),
        ("A.", "B.", "a.b@contoso.com"),
        ("\"Al\"", "x\\y/z@w;:|[]{}<>=+*?&%$`´\u{A0}\t", "al.xyzw@contoso.com"),
        ("Cher", "", "cher@contoso.com"),
        ("", "", "Value(null)"),
        (" ", "()", "Value(null)"),
    ] {
        assert_eq!(name(first, last), expected, "{first} {last}");
    }
    let nobody = record(serde_json::json!({}));
    for target in ["userPrincipalName", "mailNickname", "displayName"] {
        assert_eq!(outcome(&mapping, &nobody, target), FlowOutcome::Absent, "{target}");
    }
}

proptest! {
    #[test]
    fn a_principal_name_of_ascii_names_is_legal(first in "[ -~]{0,7}", last in "[ -~]{0,7}") {
        let mapping = compile(Mapping::from_headers(&["FirstName", "LastName"]).mapping);
        let record = record(serde_json::json!({"FirstName": first, "LastName": last}));
        match outcome(&mapping, &record, "userPrincipalName") {
            FlowOutcome::Value(Value::Text(name)) => {
                let local = name.strip_suffix("@contoso.com").expect("the domain");
                let legal = |character: char| {
                    character.is_ascii_lowercase() || character.is_ascii_digit() || "'.-_!#^~".contains(character)
                };
                prop_assert!(!local.is_empty() && local.chars().all(legal), "{}", name);
                prop_assert!(!local.starts_with('.') && !local.ends_with('.') && !local.contains(".."), "{}", name);
            }
            FlowOutcome::Value(Value::Null) => {}
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn what_is_absent_never_changes_an_existing_object(names in prop::collection::btree_set("[a-f]", 0..6)) {
        let mapping = compile(
            Mapping::users()
                .attribute("city", "a")
                .on_null("city", OnNull::Clear)
                .expression("state", "Join(\"-\", [b], [c])")
                .expect("an expression")
                .on_null("state", OnNull::Clear)
                .attribute("businessPhones", "d")
                .attribute("department", "e.inside")
                .default_value("department", "none")
                .on_null("department", OnNull::Default),
        );
        let record = names.iter().fold(Record::new(ObjectId::user("7")), |record, name| record.with(name.as_str(), Value::Null));
        let Mapped::Flows(flows) = mapping.evaluate(&record, &context()) else {
            return Err(TestCaseError::fail("the record is ignored"));
        };
        let has = |name: &str| names.contains(name);
        let delivered = [has("d"), has("a"), has("e"), has("b") && has("c")];
        for (flow, delivered) in flows.iter().zip(delivered) {
            prop_assert_eq!(mapping.on_update(flow).is_some(), delivered, "{:?}", flow);
        }
    }
}

#[test]
fn a_worker_status_is_understood_or_refused() {
    let mapping = compile(Mapping::from_headers(&["Worker Status"]).mapping);
    assert_eq!(mapping.source_attributes(), ["Worker Status"]);
    let status = |value: Value| {
        let record = Record::new(ObjectId::user("7")).with("Worker Status", value);
        outcome(&mapping, &record, "accountEnabled")
    };
    for word in ["Active", "TRUE", "1", "yes", " Enabled "] {
        assert_eq!(status(word.into()), FlowOutcome::Value(true.into()), "{word}");
    }
    for word in ["inactive", "Terminated", "false", "0", "no", "disabled", "leaver"] {
        assert_eq!(status(word.into()), FlowOutcome::Value(false.into()), "{word}");
    }
    assert_eq!(status(true.into()), FlowOutcome::Value(true.into()));
    assert_eq!(status(0.into()), FlowOutcome::Value(false.into()));
    assert_eq!(status(" ".into()), FlowOutcome::Absent);
    assert_eq!(status(Value::Null), FlowOutcome::Absent);
    assert_eq!(
        status("on leave".into()),
        FlowOutcome::Failed(
            "Worker Status is \"on leave\", which is none of active, true, 1, yes, enabled (active) or inactive, \
             terminated, false, 0, no, disabled, leaver (inactive)"
                .to_owned()
        )
    );
}
