//! The properties of a group, as Microsoft's v1.0 description has them.

use crate::sim::users::property::{
    Access, GROUPS, Kind, Prop, Property, dated, entry, fixed, other, place_in, required,
};

const fn eq(name: &'static str, kind: Kind, access: Access) -> Property {
    entry(name, kind, access, "D---")
}

const fn exchange(name: &'static str, kind: Kind) -> Property {
    entry(name, kind, Access::Elsewhere, "----")
}

/// What `$filter` may ask is in [Microsoft's table](https://learn.microsoft.com/graph/aad-advanced-queries#group-properties).
pub(crate) static PROPERTIES: &[Property] = &[
    // The default set, in the order of an answer.
    eq("id", Kind::Text(0), Access::Read),
    fixed("deletedDateTime", Kind::Date),
    entry("classification", Kind::Text(0), Access::Write, "DDDA"),
    dated("createdDateTime", "--AA"),
    fixed("creationOptions", Kind::Texts),
    entry("description", Kind::Text(1024), Access::Write, "AA-A"),
    required("displayName", 256),
    dated("expirationDateTime", "--AA"),
    eq("groupTypes", Kind::Texts, Access::Write),
    eq("isAssignableToRole", Kind::Bool, Access::Write),
    entry("mail", Kind::Text(0), Access::Read, "DDDA"),
    eq("mailEnabled", Kind::Bool, Access::Required),
    required("mailNickname", 64),
    entry("membershipRule", Kind::Text(0), Access::Write, "DD-A"),
    eq("membershipRuleProcessingState", Kind::Word(&["On", "Paused"]), Access::Write),
    fixed("onPremisesDomainName", Kind::Text(0)),
    dated("onPremisesLastSyncDateTime", "--DA"),
    fixed("onPremisesNetBiosName", Kind::Text(0)),
    entry("onPremisesSamAccountName", Kind::Text(0), Access::Read, "AA-A"),
    entry("onPremisesSecurityIdentifier", Kind::Text(0), Access::Read, "D--A"),
    entry("onPremisesSyncEnabled", Kind::Bool, Access::Read, "D--A"),
    other("preferredDataLocation", Kind::Text(0)),
    entry("preferredLanguage", Kind::Text(0), Access::Write, "AA-A"),
    entry("proxyAddresses", Kind::Texts, Access::Read, "DD--"),
    dated("renewedDateTime", "--D-"),
    eq("resourceBehaviorOptions", Kind::Texts, Access::Write),
    eq("resourceProvisioningOptions", Kind::Texts, Access::Write),
    eq("securityEnabled", Kind::Bool, Access::Required),
    fixed("securityIdentifier", Kind::Text(0)),
    other("theme", Kind::Word(&["Teal", "Purple", "Green", "Blue", "Pink", "Orange", "Red"])),
    entry("uniqueName", Kind::Text(0), Access::Write, "DD-A"),
    other("visibility", Kind::Word(&["Private", "Public", "HiddenMembership"])),
    fixed("onPremisesProvisioningErrors", Kind::Objects),
    fixed("serviceProvisioningErrors", Kind::Objects),
    // By `$select` alone.
    eq("assignedLicenses", Kind::Objects, Access::Read),
    fixed("assignedLabels", Kind::Objects),
    fixed("isManagementRestricted", Kind::Bool),
    fixed("licenseProcessingState", Kind::Object),
    // Kept in Exchange: of one group alone, and not written by an application.
    exchange("allowExternalSenders", Kind::Bool),
    exchange("autoSubscribeNewMembers", Kind::Bool),
    exchange("hideFromAddressLists", Kind::Bool),
    exchange("hideFromOutlookClients", Kind::Bool),
    exchange("isSubscribedByMail", Kind::Bool),
    exchange("unseenCount", Kind::Number),
];

/// What an answer shows without `$select`.
pub(crate) const DEFAULT_SET: &[Prop] = &{
    let mut set = [GROUPS; 34];
    let mut at = 0;
    while at < set.len() {
        #[expect(clippy::cast_possible_truncation, reason = "there are 34")]
        {
            set[at] = GROUPS + at as Prop;
        }
        at += 1;
    }
    set
};

pub(crate) const ID: Prop = place("id");
pub(crate) const DELETED: Prop = place("deletedDateTime");
pub(crate) const CREATED: Prop = place("createdDateTime");
pub(crate) const RENEWED: Prop = place("renewedDateTime");
pub(crate) const DISPLAY_NAME: Prop = place("displayName");
pub(crate) const DESCRIPTION: Prop = place("description");
pub(crate) const GROUP_TYPES: Prop = place("groupTypes");
pub(crate) const ROLE_ASSIGNABLE: Prop = place("isAssignableToRole");
pub(crate) const MAIL: Prop = place("mail");
pub(crate) const MAIL_ENABLED: Prop = place("mailEnabled");
pub(crate) const MAIL_NICKNAME: Prop = place("mailNickname");
pub(crate) const RULE: Prop = place("membershipRule");
pub(crate) const RULE_STATE: Prop = place("membershipRuleProcessingState");
pub(crate) const SYNC_ENABLED: Prop = place("onPremisesSyncEnabled");
pub(crate) const PROXY_ADDRESSES: Prop = place("proxyAddresses");
pub(crate) const SECURITY_ENABLED: Prop = place("securityEnabled");
pub(crate) const SECURITY_IDENTIFIER: Prop = place("securityIdentifier");
pub(crate) const UNIQUE_NAME: Prop = place("uniqueName");
pub(crate) const VISIBILITY: Prop = place("visibility");
pub(crate) const ASSIGNED_LICENSES: Prop = place("assignedLicenses");
pub(crate) const PROCESSING_STATE: Prop = place("licenseProcessingState");

const fn place(name: &str) -> Prop {
    place_in(PROPERTIES, GROUPS, name)
}
