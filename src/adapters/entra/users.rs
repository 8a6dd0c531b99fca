//! What a user of Entra ID holds.

use super::schema::{
    ACCOUNT_ENABLED, DISABLED_PLANS, Filtering, IMMUTABLE_ID, MANAGER, PASSWORD, Place, RESET_PASSWORD,
    REVOKE_SESSIONS, Reading, Row, SKU_ID, SYNC_ENABLED, Table, USER_PRINCIPAL_NAME, USER_TYPE, read_by, row, words,
};
use crate::model::{AttributeSchema, Class, Filter, Kind, Mutability, Name, Schema, eq};

/// The members of an organisation's directory and not its guests: what jobs look at unless a mapping says otherwise.
#[must_use]
pub fn member_scope() -> Filter {
    eq("userType", "Guest").not()
}

/// What is known of users.
pub(super) fn table() -> Table {
    let schema = Schema::new(Class::USER)
        .with_status(Name::from_static(ACCOUNT_ENABLED))
        .with_sessions(Name::from_static(REVOKE_SESSIONS))
        .with_created_at(Name::from_static("createdDateTime"))
        .with_label(Name::from_static(USER_PRINCIPAL_NAME))
        .with_default_scope(member_scope())
        .with_licenses(Name::from_static(SKU_ID), Name::from_static(DISABLED_PLANS));
    let place = Place {
        path: "/users",
        deleted: "/directory/deletedItems/microsoft.graph.user",
        type_name: USER_TYPE,
        plural: "users",
        links: &[],
    };
    Table::new(place, schema, rows())
}

const EXTENSION_ATTRIBUTES: [&str; 15] = [
    "onPremisesExtensionAttributes.extensionAttribute1",
    "onPremisesExtensionAttributes.extensionAttribute2",
    "onPremisesExtensionAttributes.extensionAttribute3",
    "onPremisesExtensionAttributes.extensionAttribute4",
    "onPremisesExtensionAttributes.extensionAttribute5",
    "onPremisesExtensionAttributes.extensionAttribute6",
    "onPremisesExtensionAttributes.extensionAttribute7",
    "onPremisesExtensionAttributes.extensionAttribute8",
    "onPremisesExtensionAttributes.extensionAttribute9",
    "onPremisesExtensionAttributes.extensionAttribute10",
    "onPremisesExtensionAttributes.extensionAttribute11",
    "onPremisesExtensionAttributes.extensionAttribute12",
    "onPremisesExtensionAttributes.extensionAttribute13",
    "onPremisesExtensionAttributes.extensionAttribute14",
    "onPremisesExtensionAttributes.extensionAttribute15",
];

/// The attributes, after [user](https://learn.microsoft.com/graph/api/resources/user). A maximum that is not published
/// is left out: Graph says then what is too long.
///
/// What another service keeps (`aboutMe`, `skills` …), what needs permissions of its own (`employeeLeaveDateTime`,
/// `identities`, custom security attributes) and what is not to be used (`showInAddressList`) is not here.
fn rows() -> Vec<Row> {
    use Filtering::{Advanced, Equals, No, Prefix};

    let text = |max| AttributeSchema::text().with_max_length(max);
    let unbounded = AttributeSchema::text;
    let folded = || AttributeSchema::text().ignore_case();
    let date = || AttributeSchema::new(Kind::DateTime);
    let read_only = |schema: AttributeSchema| schema.with_mutability(Mutability::ReadOnly);

    let mut rows = vec![
        row("id", Equals, read_only(folded())),
        row(
            USER_PRINCIPAL_NAME,
            Prefix,
            folded().required().with_max_length(113).renames().unique_in("userPrincipalName").swappable(),
        ),
        row("displayName", Prefix, text(256).required()),
        row("mailNickname", Prefix, folded().required().with_max_length(64).renames()),
        row(ACCOUNT_ENABLED, Equals, AttributeSchema::boolean().not_nullable()),
        row(PASSWORD, No, unbounded().required().secret().with_mutability(Mutability::CreateOnly).with_max_length(256)),
        row(RESET_PASSWORD, No, AttributeSchema::boolean().not_nullable().with_mutability(Mutability::WriteOnly)),
        row(REVOKE_SESSIONS, No, AttributeSchema::boolean().not_nullable().with_mutability(Mutability::WriteOnly)),
        row("givenName", Prefix, text(64)),
        row("surname", Prefix, text(64)),
        row("mail", Prefix, folded().not_nullable().unique_in("proxyAddresses")),
        row("otherMails", No, folded().many().with_max_length(250)),
        row("mobilePhone", Advanced, text(64)),
        row("businessPhones", No, text(64).many()),
        row("faxNumber", Advanced, unbounded()),
        row("employeeId", Prefix, text(16)),
        row("employeeType", Advanced, unbounded()),
        row("employeeHireDate", No, date()),
        row("employeeOrgData.costCenter", No, unbounded()),
        row("employeeOrgData.division", No, unbounded()),
        row("jobTitle", Prefix, text(128)),
        row("department", Prefix, text(64)),
        row("companyName", Advanced, text(64)),
        row("officeLocation", Advanced, unbounded()),
        row("streetAddress", Advanced, text(1024)),
        row("postalCode", Advanced, text(40)),
        row("city", Prefix, text(128)),
        row("state", Equals, text(128)),
        row("country", Prefix, text(128)),
        row("usageLocation", Prefix, folded().not_nullable().with_max_length(2)),
        row("preferredLanguage", Advanced, folded()),
        row("preferredDataLocation", No, folded()),
        row("passwordPolicies", No, folded()),
        words("userType", Equals, &["Member", "Guest"], folded()),
        words("ageGroup", Equals, &["Minor", "NotAdult", "Adult"], folded()),
        words("consentProvidedForMinor", Equals, &["Granted", "Denied", "NotRequired"], folded()),
        row(IMMUTABLE_ID, Equals, unbounded().unique_in("immutableid").anchor()),
        row("createdDateTime", No, read_only(date())),
        row(SYNC_ENABLED, Equals, read_only(AttributeSchema::boolean())),
        row("proxyAddresses", No, read_only(folded().many().unique_in("proxyAddresses"))),
        read_by(MANAGER, Reading::Expanded, AttributeSchema::reference(Class::USER)),
        read_by(SKU_ID, Reading::Licenses, folded().many()),
        row(DISABLED_PLANS, No, folded().many().with_mutability(Mutability::WriteOnly)),
    ];
    rows.extend(EXTENSION_ATTRIBUTES.map(|name| row(name, No, text(1024))));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::entra::schema::of;

    #[test]
    fn members_are_in_scope_and_guests_are_not() {
        let holds = |user_type: Option<&str>| {
            let attributes = [(Name::from("userType"), user_type.into())].into_iter().collect();
            member_scope().matches(&attributes)
        };
        assert!(holds(Some("Member")));
        assert!(holds(None), "an account from before there were types");
        assert!(!holds(Some("guest")));
    }

    #[test]
    fn what_graph_requires_is_required() {
        let schema = of(&Class::USER).expect("users are known").schema();
        let required: Vec<_> = schema
            .attributes
            .iter()
            .filter(|(_, attribute)| attribute.required_on_create)
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(required, ["displayName", "mailNickname", "password", "userPrincipalName"]);
        for (name, attribute) in &schema.attributes {
            let one_word = attribute.secret && attribute.mutability == Mutability::CreateOnly;
            assert_eq!(attribute.secret, name == PASSWORD, "{name}");
            assert_eq!(one_word, name == PASSWORD, "{name}");
        }
        let not_nullable = ["accountEnabled", "displayName", "mail", "usageLocation"];
        assert!(not_nullable.iter().all(|name| !schema.attributes[*name].nullable));
    }
}
