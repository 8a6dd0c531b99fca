//! What a user of Entra ID holds, and how each attribute can be asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::model::{AttributeSchema, Class, Filter, Kind, Mutability, Name, Schema, eq};

/// A secret that is written when a user is created.
pub(super) const PASSWORD: &str = "password";
/// Whether a new password must be chosen at the next sign-in.
pub(super) const RESET_PASSWORD: &str = "resetPassword";
/// Whether the user can sign in.
pub(super) const ACCOUNT_ENABLED: &str = "accountEnabled";
pub(super) const ORG_DATA: &str = "employeeOrgData";
pub(super) const USER_PRINCIPAL_NAME: &str = "userPrincipalName";
pub(super) const IMMUTABLE_ID: &str = "onPremisesImmutableId";
pub(super) const SYNC_ENABLED: &str = "onPremisesSyncEnabled";

/// How `$filter` can test an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filtering {
    No,
    /// `eq` and `in`.
    Equals,
    /// `startsWith` too.
    Prefix,
    /// As an advanced query only, whose answers may lag.
    Advanced,
}

/// One attribute of a user.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) filtering: Filtering,
    /// The words that it takes; any if there are none.
    pub(super) words: &'static [&'static str],
}

impl Attribute {
    /// The property of Graph that it is, or is a member of.
    pub(super) fn property(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(parent, _)| parent)
    }

    /// Its name within that property, if it is a member.
    pub(super) fn member(&self) -> Option<&'static str> {
        self.name.split_once('.').map(|(_, member)| member)
    }
}

/// The members of an organisation's directory and not its guests: what jobs look at unless a mapping says otherwise.
#[must_use]
pub fn member_scope() -> Filter {
    eq("userType", "Guest").not()
}

/// What is known of an attribute beside its schema.
pub(super) fn attribute(name: &str) -> Option<&'static Attribute> {
    ATTRIBUTES.get(name)
}

/// The attributes that can be read.
pub(super) fn readable() -> impl Iterator<Item = &'static Attribute> {
    ATTRIBUTES.values().filter(|attribute| SCHEMA.get(attribute.name).is_some_and(|schema| schema.is_readable()))
}

/// The schema of users.
pub(super) fn user_schema() -> Arc<Schema> {
    Arc::clone(&SCHEMA)
}

static ATTRIBUTES: LazyLock<BTreeMap<&'static str, Attribute>> = LazyLock::new(|| {
    let rows = table().into_iter().map(|(attribute, _)| (attribute.name, attribute));
    rows.collect()
});

static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let mut schema = Schema::new(Class::USER)
        .with_status(Name::from_static(ACCOUNT_ENABLED))
        .with_created_at(Name::from_static("createdDateTime"))
        .with_label(Name::from_static(USER_PRINCIPAL_NAME))
        .with_default_scope(member_scope());
    for (attribute, kind) in table() {
        schema = schema.with(Name::from_static(attribute.name), kind);
    }
    Arc::new(schema)
});

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
fn table() -> Vec<(Attribute, AttributeSchema)> {
    use Filtering::{Advanced, Equals, No, Prefix};

    let row = |name, filtering, schema| {
        let attribute = Attribute { name, filtering, words: &[] };
        (attribute, schema)
    };
    let words = |name, words| {
        let attribute = Attribute { name, filtering: Equals, words };
        (attribute, AttributeSchema::text().ignore_case())
    };
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
            folded().required().with_max_length(113).renames().unique_in("userPrincipalName"),
        ),
        row("displayName", Prefix, text(256).required()),
        row("mailNickname", Prefix, folded().required().with_max_length(64).renames()),
        row(ACCOUNT_ENABLED, Equals, AttributeSchema::boolean().not_nullable()),
        row(PASSWORD, No, unbounded().required().secret().with_mutability(Mutability::CreateOnly).with_max_length(256)),
        row(RESET_PASSWORD, No, AttributeSchema::boolean().not_nullable().with_mutability(Mutability::WriteOnly)),
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
        words("userType", &["Member", "Guest"][..]),
        words("ageGroup", &["Minor", "NotAdult", "Adult"][..]),
        words("consentProvidedForMinor", &["Granted", "Denied", "NotRequired"][..]),
        row(IMMUTABLE_ID, Equals, unbounded().unique_in("immutableid").anchor()),
        row("createdDateTime", No, read_only(date())),
        row(SYNC_ENABLED, Equals, read_only(AttributeSchema::boolean())),
        row("proxyAddresses", No, read_only(folded().many().unique_in("proxyAddresses"))),
    ];
    rows.extend(EXTENSION_ATTRIBUTES.map(|name| row(name, No, text(1024))));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let schema = user_schema();
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
