//! The properties of a group, as Microsoft's v1.0 description has them.

use super::property::{
    Access, Filtering, GROUPS, Kind, Prefix, Prop, Property, dated, entry, fixed, other, place_in, required,
};

const fn eq(name: &'static str, kind: Kind, access: Access) -> Property {
    entry(name, kind, access, Filtering::Plain, Prefix::No)
}
const fn text(name: &'static str, access: Access) -> Property {
    entry(name, Kind::Text(0), access, Filtering::Plain, Prefix::Yes)
}
const fn late(name: &'static str, kind: Kind, access: Access, prefix: Prefix) -> Property {
    entry(name, kind, access, Filtering::Advanced, prefix)
}

pub(super) static PROPERTIES: &[Property] = &[
    // The default set, in the order of an answer.
    entry("id", Kind::Text(0), Access::Read, Filtering::Plain, Prefix::No),
    fixed("deletedDateTime", Kind::Date),
    text("classification", Access::Write),
    dated("createdDateTime", Filtering::Advanced),
    fixed("creationOptions", Kind::Texts),
    late("description", Kind::Text(1024), Access::Write, Prefix::Yes),
    required("displayName", 256),
    dated("expirationDateTime", Filtering::Advanced),
    eq("groupTypes", Kind::Texts, Access::Write),
    eq("isAssignableToRole", Kind::Bool, Access::Write),
    text("mail", Access::Read),
    eq("mailEnabled", Kind::Bool, Access::Required),
    required("mailNickname", 64),
    text("membershipRule", Access::Write),
    eq("membershipRuleProcessingState", Kind::Word(&["On", "Paused"]), Access::Write),
    fixed("onPremisesDomainName", Kind::Text(0)),
    dated("onPremisesLastSyncDateTime", Filtering::Plain),
    fixed("onPremisesNetBiosName", Kind::Text(0)),
    late("onPremisesSamAccountName", Kind::Text(0), Access::Read, Prefix::Yes),
    eq("onPremisesSecurityIdentifier", Kind::Text(0), Access::Read),
    eq("onPremisesSyncEnabled", Kind::Bool, Access::Read),
    other("preferredDataLocation", Kind::Text(0)),
    late("preferredLanguage", Kind::Text(0), Access::Write, Prefix::Yes),
    entry("proxyAddresses", Kind::Texts, Access::Read, Filtering::Plain, Prefix::Yes),
    dated("renewedDateTime", Filtering::Plain),
    eq("resourceBehaviorOptions", Kind::Texts, Access::Write),
    eq("resourceProvisioningOptions", Kind::Texts, Access::Write),
    eq("securityEnabled", Kind::Bool, Access::Required),
    fixed("securityIdentifier", Kind::Text(0)),
    other("theme", Kind::Word(&["Teal", "Purple", "Green", "Blue", "Pink", "Orange", "Red"])),
    text("uniqueName", Access::Write),
    other("visibility", Kind::Word(&["Private", "Public", "HiddenMembership"])),
    fixed("onPremisesProvisioningErrors", Kind::Objects),
    fixed("serviceProvisioningErrors", Kind::Objects),
    // By `$select` alone.
    eq("assignedLicenses", Kind::Objects, Access::Read),
    fixed("assignedLabels", Kind::Objects),
    fixed("isManagementRestricted", Kind::Bool),
    fixed("licenseProcessingState", Kind::Object),
];

/// What an answer shows without `$select`.
pub(super) const DEFAULT_SET: &[Prop] = &{
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

pub(super) const ID: Prop = place("id");
pub(super) const DELETED: Prop = place("deletedDateTime");
pub(super) const CREATED: Prop = place("createdDateTime");
pub(super) const RENEWED: Prop = place("renewedDateTime");
pub(super) const DISPLAY_NAME: Prop = place("displayName");
pub(super) const DESCRIPTION: Prop = place("description");
pub(super) const GROUP_TYPES: Prop = place("groupTypes");
pub(super) const ROLE_ASSIGNABLE: Prop = place("isAssignableToRole");
pub(super) const MAIL: Prop = place("mail");
pub(super) const MAIL_ENABLED: Prop = place("mailEnabled");
pub(super) const MAIL_NICKNAME: Prop = place("mailNickname");
pub(super) const RULE: Prop = place("membershipRule");
pub(super) const RULE_STATE: Prop = place("membershipRuleProcessingState");
pub(super) const SYNC_ENABLED: Prop = place("onPremisesSyncEnabled");
pub(super) const PROXY_ADDRESSES: Prop = place("proxyAddresses");
pub(super) const SECURITY_ENABLED: Prop = place("securityEnabled");
pub(super) const SECURITY_IDENTIFIER: Prop = place("securityIdentifier");
pub(super) const UNIQUE_NAME: Prop = place("uniqueName");
pub(super) const VISIBILITY: Prop = place("visibility");
pub(super) const ASSIGNED_LICENSES: Prop = place("assignedLicenses");
pub(super) const PROCESSING_STATE: Prop = place("licenseProcessingState");

const fn place(name: &str) -> Prop {
    place_in(PROPERTIES, GROUPS, name)
}
