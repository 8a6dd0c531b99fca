//! What a filter selects, what is refused, and how far it may go.

use time::OffsetDateTime;
use uuid::Uuid;

use super::*;
use crate::sim::licenses::license::Holding;
use crate::sim::lists::filter::Lookup;
use crate::sim::objects::extension::Extensions;
use crate::sim::objects::object::{Context, Object};
use crate::sim::objects::shelf::Field;
use crate::sim::objects::stored::Stored;
use crate::sim::users::user::User;

const CONTEXT: Context<'_> = Context { issuer: "i", skus: &[], members: None, now: OffsetDateTime::UNIX_EPOCH };

fn parse(text: &str, mode: Mode) -> Result<Filter, Refusal> {
    Filter::parse(text, Terms { class: Class::User, mode, max_values: 15, extensions: &Extensions::default() })
}

fn ada() -> User {
    let mut user = User::new(Uuid::from_u128(1), 0);
    user.set_text(property::UPN, "Ada.OBrien@contoso.com");
    user.set_text(property::SURNAME, "O'Brien");
    user.set_text(property::DEPARTMENT, "Platform, East");
    user.set_text(property::MAIL, "ada@contoso.com");
    user.licenses.push(Holding {
        sku: Uuid::from_u128(7),
        disabled: Vec::new(),
        by_group: None,
        error: None,
        updated: 0,
    });
    user.set(property::ACCOUNT_ENABLED, Some(Stored::Bool(true)));
    user.set_text(property::DISPLAY_NAME, "ΟΔΥΣΣΕΥΣ");
    user.set_text(property::find("employeeLeaveDateTime").expect("known"), "2020-01-01T00:00:00Z");
    let profile = serde_json::json!({"forceChangePasswordNextSignIn": true});
    user.set(property::PASSWORD_PROFILE, Some(Stored::Json(Box::new(profile))));
    user.set(
        property::ORG_DATA,
        Some(Stored::Json(Box::new(serde_json::json!({"costCenter": "C7", "division": null})))),
    );
    user
}

#[test]
fn conditions_hold_or_not() {
    let cases = [
        ("surname eq 'O''Brien'", true),
        ("SURNAME EQ 'o''brien'", true),
        ("surname eq 'Brien'", false),
        ("accountEnabled eq true", true),
        ("accountEnabled eq false", false),
        ("department in ('x','platform, east')", true),
        ("department in('x')", false),
        ("startswith(userPrincipalName,'ADA.')", true),
        ("startsWith(userPrincipalName , 'bda.')", false),
        ("id eq '00000000-0000-0000-0000-000000000001'", true),
        ("id eq 00000000-0000-0000-0000-000000000001", true),
        ("surname eq 'x' or surname eq 'y' and accountEnabled eq true", false),
        ("(surname eq 'x' or accountEnabled eq true) and startswith(surname,'o')", true),
        ("surname eq 'x' and surname eq 'x' or accountEnabled eq true", true),
        ("city eq 'Leeds'", false),
        ("assignedLicenses/any(x:x/skuId eq 00000000-0000-0000-0000-000000000007)", true),
        ("assignedLicenses/any(x:x/skuId eq 00000000-0000-0000-0000-000000000008)", false),
        ("assignedLicenses/any(s : s/skuId in ('00000000-0000-0000-0000-000000000007'))", true),
        ("proxyAddresses/ANY(p:p eq 'smtp:ADA@contoso.com')", true),
        ("proxyAddresses/any(p:startsWith(p,'smtp:ada'))", true),
        ("proxyAddresses/any(p:p eq 'x' or startswith(p,'y'))", false),
        ("otherMails/any(c:c eq 'x') or accountEnabled eq true", true),
        ("surname ge 'o'", true),
        ("surname ge 'p'", false),
        ("surname le 'O''BRIEN'", true),
        ("createdDateTime ge 1970-01-01T00:00:00Z", true),
        ("createdDateTime le 1969-12-31T23:59:59Z", false),
        ("createdDateTime le 1970-01-01T02:00:00+02:00", true),
        ("businessPhones/any(p:p eq '1')", false),
        ("identities/any(c:c/issuerAssignedId eq 'ada.obrien@contoso.com' and c/issuer eq 'i')", true),
        ("identities/any(c:c/issuerAssignedId eq 'ada.obrien@contoso.com' and c/issuer eq 'x')", false),
        ("assignedPlans/any(x:x/servicePlanId eq 00000000-0000-0000-0000-000000000007)", false),
        ("proxyAddresses/any(p:startswith(p,'smtp:') and p eq 'smtp:ada@contoso.com')", true),
        ("proxyAddresses/any(p:startswith(p,'x') and p eq 'smtp:ada@contoso.com' or p eq 'y')", false),
        ("city eq 'ὀδυσσεύς' or displayName eq 'ΟΔΥΣΣΕΥΣ'", true),
        ("displayName eq 'οδυσσευσ'", true),
        ("startswith(displayName,'ΟΔΥΣ')", true),
    ];
    for (text, expected) in cases {
        let filter = parse(text, Mode::Plain).unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"));
        assert_eq!(filter.matches(Object::User(&ada()), CONTEXT), expected, "{text}");
    }
    let advanced = [
        ("city eq null", true),
        ("surname ne 'x'", true),
        ("not (surname eq 'x')", true),
        ("not startswith(surname,'O')", false),
        ("employeeOrgData/costCenter eq 'c7'", true),
        ("onPremisesExtensionAttributes/extensionAttribute1 eq 'x'", false),
        ("officeLocation eq 'x'", false),
        ("endswith(mail,'@CONTOSO.com')", true),
        ("endsWith(userPrincipalName,'@fabrikam.com')", false),
        ("proxyAddresses/any(p:endsWith(p,'contoso.com'))", true),
        ("otherMails/any(p:endsWith(p,'contoso.com'))", false),
        ("assignedLicenses/$count eq 0", false),
        ("assignedLicenses/$count ne 0", true),
        ("otherMails/$count eq 0", true),
        ("employeeHireDate ge 2020-01-01T00:00:00Z", false),
        ("createdDateTime eq null", false),
        ("passwordProfile/forceChangePasswordNextSignIn eq true", true),
        ("passwordProfile/forceChangePasswordNextSignInWithMfa eq null", true),
        ("employeeLeaveDateTime eq 2020-01-01T02:00:00+02:00", true),
        ("employeeLeaveDateTime in (2020-01-02T00:00:00Z,2020-01-01T00:00:00Z)", true),
    ];
    for (text, expected) in advanced {
        let filter = parse(text, Mode::Advanced).unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"));
        assert_eq!(filter.matches(Object::User(&ada()), CONTEXT), expected, "{text}");
        let refusal = parse(text, Mode::Plain).expect_err(text);
        assert_eq!((refusal.status, refusal.code), (400, "Request_UnsupportedQuery"), "{text}");
    }
}

#[test]
fn what_is_not_supported_is_refused() {
    let unsupported = [
        "contains(surname,'x')",
        "endswith(surname,'x')",
        "endswith(mail,'')",
        "assignedLicenses/any(x:endsWith(x/skuId,'x'))",
        "proxyAddresses eq 'smtp:a@b.c'",
        "proxyAddresses/all(p:p eq 'smtp:a@b.c')",
        "proxyAddresses/any()",
        "assignedLicenses/any(x:x/disabledPlans eq 'x')",
        "assignedLicenses/any(x:x eq 'x')",
        "assignedLicenses/any(x:x/skuId eq 7)",
        "assignedPlans/any(x:x/assignedDateTime ge 2020-01-01T00:00:00Z)",
        "licenseAssignmentStates/any(x:x/state eq 'Error')",
        "identities/any(c:c/issuer eq 'x')",
        "identities/any(c:c/issuer eq 'x' and c/issuerAssignedId eq 'y')",
        "employeeOrgData/division eq null",
        "businessPhones/any(p:startswith(p,'1'))",
        "passwordProfile/forceChangePasswordNextSignIn eq 'x'",
        "passwordPolicies eq 'None'",
        "createdDateTime in (2020-01-01T00:00:00Z)",
        "displayName lt 'x'",
        "employeeHireDate gt 2020-01-01T00:00:00Z",
        "not contains(displayName,'x')",
        "assignedLicenses/$count eq 1",
        "assignedLicenses/$count ge 0",
        "assignedPlans/$count eq 0",
        "createdDateTime eq 2020-01-01T00:00:00Z",
        "createdDateTime ge 'x'",
        "surname gt 'x'",
        "surname ge ''",
        "id ge 'x'",
        "accountEnabled ge true",
        "surname eq ''",
        "surname eq 5",
        "accountEnabled eq 'true'",
        "employeeId in (1,2)",
        "employeeOrgData eq 'x'",
        "passwordProfile/password eq 'x'",
    ];
    let broken = [
        "",
        " ",
        "surname",
        "surname eq",
        "surname eq 'x",
        "surname eq 'x' and",
        "(surname eq 'x'",
        "surname eq 'x')",
        "surname eq 'x' surname eq 'y'",
        "nothing eq 'x'",
        "surname eq \"x\"",
        "in ('x')",
        "surname in ()",
        "startswith(surname)",
        "'x' eq surname",
        "and and and",
        "surname ge",
        "createdDateTime ge 2020",
        "createdDateTime ge 9999-12-31T23:59:59-23:59",
        "createdDateTime ge 0000-01-01T00:00:00+23:59",
        "proxyAddresses/any(p:p eq 'x' and)",
        "otherMails/$count eq",
        "proxyAddresses/any(p:q eq 'x')",
        "proxyAddresses/any(p:p eq 'x'",
        "proxyAddresses/any(p p eq 'x')",
    ];
    for text in unsupported {
        assert_eq!(parse(text, Mode::Advanced).expect_err(text).code, "Request_UnsupportedQuery", "{text}");
    }
    for text in broken {
        assert_eq!(parse(text, Mode::Advanced).expect_err(text).status, 400, "{text}");
    }
}

#[test]
fn nesting_and_length_are_bounded() {
    let brackets = "(".repeat(10_000);
    assert!(parse(&brackets, Mode::Plain).is_err());
    assert!(parse(&"not ".repeat(10_000), Mode::Advanced).is_err());
    let many = vec!["'x'"; 16].join(",");
    assert!(parse(&format!("surname in ({many})"), Mode::Plain).is_err());
    let long = vec!["surname ne 'x'"; MAX_CONDITIONS + 1].join(" and ");
    assert!(parse(&long, Mode::Advanced).is_err());
    let shallow = format!("{}surname eq 'x'{}", "(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH));
    assert!(parse(&shallow, Mode::Plain).is_ok());
}

#[test]
fn a_key_is_looked_up() {
    let filter = parse("accountEnabled eq true and employeeId in ('7','8')", Mode::Plain).expect("valid");
    let expected = ["7", "8"].map(|key| Lookup::Key(Field::EmployeeId, key.into()));
    assert_eq!(filter.lookups(), Some(expected.into()));
    let filter = parse("employeeId eq '7' or surname eq 'x'", Mode::Plain).expect("valid");
    assert_eq!(filter.lookups(), None);
}

proptest::proptest! {
    #[test]
    fn no_text_brings_the_parser_down(text in "[a-z'() ,/0-9]{0,60}|(surname|eq|'x'|\\(|\\)| |or|not|in|,|proxyAddresses|/|any|c:c){0,30}") {
        if let Ok(filter) = parse(&text, Mode::Advanced) {
            filter.matches(Object::User(&ada()), CONTEXT);
        }
    }
}
