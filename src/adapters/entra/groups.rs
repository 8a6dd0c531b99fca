//! What a group of Entra ID holds.

use super::schema::{
    ASSIGNABLE_TO_ROLE, DISABLED_PLANS, DYNAMIC, Filtering, GROUP_TYPE, GROUP_TYPES, LICENSE_ERRORS, Link,
    MAIL_ENABLED, MEMBER_GROUPS, MEMBERS, MEMBERSHIP_RULE, OWNERS, PROCESSING_STATE, Place, RULE_STATE, Reading, Row,
    SECURITY_ENABLED, SKU_ID, SYNC_ENABLED, Table, UNIFIED, UNIQUE_NAME, USER_TYPE, VISIBILITY, linked, read_by, row,
    words,
};
use crate::model::{AttributeSchema, Class, Kind, LicenseHeirs, Mutability, Name, Schema};

/// What is read of a group by requests of its own.
const LINKS: &[Link] = &[
    Link { property: "members", attributes: &[(USER_TYPE, MEMBERS), (GROUP_TYPE, MEMBER_GROUPS)] },
    Link { property: "owners", attributes: &[(USER_TYPE, OWNERS)] },
];

/// What Graph says of a group whose licences its members have got.
const PROCESSED: &str = "ProcessingComplete";

/// What is known of groups.
pub(super) fn table() -> Table {
    let heirs = LicenseHeirs::new(MEMBERS).with_faults(LICENSE_ERRORS).with_state(PROCESSING_STATE, PROCESSED);
    let schema = Schema::new(Class::GROUP)
        .with_licenses(SKU_ID, DISABLED_PLANS)
        .with_heirs(heirs)
        .with_created_at(Name::from_static("createdDateTime"))
        .with_label(Name::from_static("displayName"));
    let place = Place {
        path: "/groups",
        deleted: "/directory/deletedItems/microsoft.graph.group",
        type_name: GROUP_TYPE,
        plural: "groups",
        links: LINKS,
    };
    Table::new(place, schema, rows())
}

/// The attributes, after [group](https://learn.microsoft.com/graph/api/resources/group).
///
/// A mail nickname is unique among Microsoft 365 groups only, which a name space cannot say: Graph says then who has
/// it. What Exchange keeps (`hideFromAddressLists`, `allowExternalSenders` …) takes a person's token, and is not here.
fn rows() -> Vec<Row> {
    use Filtering::{Advanced, Equals, No, Prefix};

    let text = AttributeSchema::text;
    let folded = || AttributeSchema::text().ignore_case();
    let flag = || AttributeSchema::boolean().not_nullable();
    let date = || AttributeSchema::new(Kind::DateTime);
    let read_only = |schema: AttributeSchema| schema.with_mutability(Mutability::ReadOnly);
    let create_only = |schema: AttributeSchema| schema.with_mutability(Mutability::CreateOnly);

    vec![
        row("id", Equals, read_only(folded())),
        row("displayName", Prefix, text().required().with_max_length(256)),
        row("mailNickname", Prefix, folded().required().with_max_length(64).renames()),
        row("description", Advanced, text()),
        words(GROUP_TYPES, No, &[UNIFIED, DYNAMIC], create_only(folded().many())),
        row(MAIL_ENABLED, Equals, create_only(flag())),
        row(SECURITY_ENABLED, Equals, create_only(flag())),
        row(ASSIGNABLE_TO_ROLE, Equals, create_only(flag())),
        words(VISIBILITY, No, &["Private", "Public", "HiddenMembership"], folded().not_nullable()),
        // Set while it is null, and never again; what would change it is found when it is planned.
        row(UNIQUE_NAME, Prefix, folded().not_nullable().unique_in(UNIQUE_NAME).anchor()),
        row(MEMBERSHIP_RULE, Prefix, text()),
        words(RULE_STATE, Equals, &["On", "Paused"], folded().not_nullable()),
        row("preferredDataLocation", No, folded()),
        row("mail", Prefix, read_only(folded().unique_in("proxyAddresses"))),
        row("proxyAddresses", No, read_only(folded().many().unique_in("proxyAddresses"))),
        row("classification", Prefix, read_only(text())),
        row("preferredLanguage", Advanced, read_only(folded())),
        row("createdDateTime", No, read_only(date())),
        row("renewedDateTime", No, read_only(date())),
        row("expirationDateTime", No, read_only(date())),
        row(SYNC_ENABLED, Equals, read_only(AttributeSchema::boolean())),
        row("onPremisesSamAccountName", Advanced, read_only(folded())),
        row("securityIdentifier", No, read_only(folded())),
        linked(MEMBERS, Class::USER),
        linked(MEMBER_GROUPS, Class::GROUP),
        linked(OWNERS, Class::USER),
        read_by(SKU_ID, Reading::Assigned, folded().many()),
        row(DISABLED_PLANS, No, folded().many().with_mutability(Mutability::WriteOnly)),
        row(PROCESSING_STATE, No, read_only(folded())),
        read_by(LICENSE_ERRORS, Reading::Faults, read_only(AttributeSchema::new(Kind::Complex).many())),
    ]
}

#[cfg(test)]
mod tests {
    use crate::adapters::entra::schema::of;
    use crate::model::{Class, Mutability};

    #[test]
    fn what_graph_requires_is_required() {
        let schema = of(&Class::GROUP).expect("groups are known").schema();
        let named = |holds: fn(&crate::model::AttributeSchema) -> bool| {
            let attributes = schema.attributes.iter().filter(|(_, attribute)| holds(attribute));
            attributes.map(|(name, _)| name.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(named(|attribute| attribute.required_on_create), ["displayName", "mailNickname"]);
        assert_eq!(
            named(|attribute| attribute.mutability == Mutability::CreateOnly),
            ["groupTypes", "isAssignableToRole", "mailEnabled", "securityEnabled"]
        );
        assert_eq!(named(|attribute| attribute.anchor), ["uniqueName"]);
        assert_eq!(named(|attribute| attribute.secret), [""; 0]);
        assert!(schema.status.is_none());
        assert!(["members", "memberGroups", "owners"].iter().all(|name| schema.is_elements(name)));
    }
}
