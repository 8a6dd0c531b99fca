//! The properties of a user, as Microsoft's v1.0 description has them.

/// A property by its place in [`PROPERTIES`].
pub(super) type Prop = u8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    /// Text of at most this many characters; 0 where no maximum is published.
    Text(u16),
    /// One of these words.
    Word(&'static [&'static str]),
    Texts,
    Date,
    Object,
    Objects,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Write,
    /// Written, and never empty again.
    Required,
    Read,
    /// Kept in another service: not in lists, and not written by an application.
    Elsewhere,
}

/// How `$filter` takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filtering {
    Plain,
    /// Only with `ConsistencyLevel: eventual` and `$count=true`.
    Advanced,
    None,
}

#[derive(Debug)]
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) access: Access,
    pub(super) filtering: Filtering,
    pub(super) prefix: Prefix,
}

/// Whether `startswith` takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefix {
    Yes,
    No,
}

impl Property {
    /// What an object without a value shows: `[]` for a collection, else `null`.
    pub(super) fn is_collection(&self) -> bool {
        matches!(self.kind, Kind::Texts | Kind::Objects)
    }
}

pub(super) fn property(prop: Prop) -> &'static Property {
    &PROPERTIES[usize::from(prop)]
}

/// Finds a property by name, without regard to case.
pub(super) fn find(name: &str) -> Option<Prop> {
    let place = PROPERTIES.iter().position(|property| property.name.eq_ignore_ascii_case(name))?;
    Prop::try_from(place).ok()
}

const fn entry(name: &'static str, kind: Kind, access: Access, filtering: Filtering, prefix: Prefix) -> Property {
    Property { name, kind, access, filtering, prefix }
}
const fn text(name: &'static str, max: u16) -> Property {
    entry(name, Kind::Text(max), Access::Write, Filtering::Plain, Prefix::Yes)
}
const fn required(name: &'static str, max: u16) -> Property {
    entry(name, Kind::Text(max), Access::Required, Filtering::Plain, Prefix::Yes)
}
const fn late(name: &'static str, max: u16) -> Property {
    entry(name, Kind::Text(max), Access::Write, Filtering::Advanced, Prefix::Yes)
}
const fn word(name: &'static str, words: &'static [&'static str]) -> Property {
    entry(name, Kind::Word(words), Access::Write, Filtering::Plain, Prefix::No)
}
const fn other(name: &'static str, kind: Kind) -> Property {
    entry(name, kind, Access::Write, Filtering::None, Prefix::No)
}
const fn fixed(name: &'static str, kind: Kind) -> Property {
    entry(name, kind, Access::Read, Filtering::None, Prefix::No)
}
const fn elsewhere(name: &'static str, kind: Kind) -> Property {
    entry(name, kind, Access::Elsewhere, Filtering::None, Prefix::No)
}

pub(super) static PROPERTIES: &[Property] = &[
    // The default set, in the order of an answer.
    other("businessPhones", Kind::Texts),
    required("displayName", 256),
    text("givenName", 64),
    text("jobTitle", 128),
    required("mail", 0),
    late("mobilePhone", 64),
    late("officeLocation", 0),
    entry("preferredLanguage", Kind::Text(0), Access::Write, Filtering::Advanced, Prefix::No),
    text("surname", 64),
    required("userPrincipalName", 113),
    entry("id", Kind::Text(0), Access::Read, Filtering::Plain, Prefix::No),
    // Written by clients.
    entry("accountEnabled", Kind::Bool, Access::Required, Filtering::Plain, Prefix::No),
    word("ageGroup", &["Minor", "NotAdult", "Adult"]),
    text("city", 128),
    late("companyName", 64),
    word("consentProvidedForMinor", &["Granted", "Denied", "NotRequired"]),
    text("country", 128),
    text("department", 64),
    other("employeeHireDate", Kind::Date),
    text("employeeId", 16),
    other("employeeLeaveDateTime", Kind::Date),
    entry("employeeOrgData", Kind::Object, Access::Write, Filtering::Advanced, Prefix::Yes),
    late("employeeType", 0),
    late("faxNumber", 0),
    other("identities", Kind::Objects),
    required("mailNickname", 64),
    entry("onPremisesExtensionAttributes", Kind::Object, Access::Write, Filtering::Advanced, Prefix::Yes),
    entry("onPremisesImmutableId", Kind::Text(0), Access::Write, Filtering::Plain, Prefix::No),
    other("otherMails", Kind::Texts),
    other("passwordPolicies", Kind::Text(0)),
    other("passwordProfile", Kind::Object),
    late("postalCode", 40),
    other("preferredDataLocation", Kind::Text(0)),
    other("showInAddressList", Kind::Bool),
    entry("state", Kind::Text(128), Access::Write, Filtering::Plain, Prefix::Yes),
    late("streetAddress", 1024),
    entry("usageLocation", Kind::Text(2), Access::Required, Filtering::Plain, Prefix::Yes),
    word("userType", &["Member", "Guest"]),
    // Set by the service.
    fixed("assignedLicenses", Kind::Objects),
    fixed("assignedPlans", Kind::Objects),
    fixed("authorizationInfo", Kind::Object),
    fixed("createdDateTime", Kind::Date),
    fixed("creationType", Kind::Text(0)),
    fixed("customSecurityAttributes", Kind::Object),
    fixed("deletedDateTime", Kind::Date),
    fixed("externalUserState", Kind::Text(0)),
    fixed("externalUserStateChangeDateTime", Kind::Date),
    fixed("imAddresses", Kind::Texts),
    fixed("isManagementRestricted", Kind::Bool),
    fixed("isResourceAccount", Kind::Bool),
    fixed("lastPasswordChangeDateTime", Kind::Date),
    fixed("legalAgeGroupClassification", Kind::Text(0)),
    fixed("licenseAssignmentStates", Kind::Objects),
    fixed("onPremisesDistinguishedName", Kind::Text(0)),
    fixed("onPremisesDomainName", Kind::Text(0)),
    fixed("onPremisesLastSyncDateTime", Kind::Date),
    fixed("onPremisesProvisioningErrors", Kind::Objects),
    fixed("onPremisesSamAccountName", Kind::Text(0)),
    fixed("onPremisesSecurityIdentifier", Kind::Text(0)),
    entry("onPremisesSyncEnabled", Kind::Bool, Access::Read, Filtering::Plain, Prefix::No),
    fixed("onPremisesUserPrincipalName", Kind::Text(0)),
    fixed("provisionedPlans", Kind::Objects),
    fixed("proxyAddresses", Kind::Texts),
    fixed("securityIdentifier", Kind::Text(0)),
    fixed("serviceProvisioningErrors", Kind::Objects),
    fixed("signInActivity", Kind::Object),
    fixed("signInSessionsValidFromDateTime", Kind::Date),
    // Kept in SharePoint.
    elsewhere("aboutMe", Kind::Text(0)),
    elsewhere("birthday", Kind::Date),
    elsewhere("hireDate", Kind::Date),
    elsewhere("interests", Kind::Texts),
    elsewhere("mailboxSettings", Kind::Object),
    elsewhere("mySite", Kind::Text(0)),
    elsewhere("pastProjects", Kind::Texts),
    elsewhere("preferredName", Kind::Text(0)),
    elsewhere("responsibilities", Kind::Texts),
    elsewhere("schools", Kind::Texts),
    elsewhere("skills", Kind::Texts),
];

/// What an answer shows without `$select`: the first eleven.
pub(super) const DEFAULT_SET: &[Prop] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

pub(super) const DISPLAY_NAME: Prop = place("displayName");
pub(super) const MAIL: Prop = place("mail");
pub(super) const UPN: Prop = place("userPrincipalName");
pub(super) const ID: Prop = place("id");
pub(super) const ACCOUNT_ENABLED: Prop = place("accountEnabled");
pub(super) const EMPLOYEE_ID: Prop = place("employeeId");
pub(super) const ORG_DATA: Prop = place("employeeOrgData");
pub(super) const IDENTITIES: Prop = place("identities");
pub(super) const MAIL_NICKNAME: Prop = place("mailNickname");
pub(super) const EXTENSION_ATTRIBUTES: Prop = place("onPremisesExtensionAttributes");
pub(super) const IMMUTABLE_ID: Prop = place("onPremisesImmutableId");
pub(super) const BUSINESS_PHONES: Prop = place("businessPhones");
pub(super) const OTHER_MAILS: Prop = place("otherMails");
pub(super) const PASSWORD_POLICIES: Prop = place("passwordPolicies");
pub(super) const PASSWORD_PROFILE: Prop = place("passwordProfile");
pub(super) const USAGE_LOCATION: Prop = place("usageLocation");
pub(super) const USER_TYPE: Prop = place("userType");
pub(super) const CREATED: Prop = place("createdDateTime");
pub(super) const DELETED: Prop = place("deletedDateTime");
pub(super) const PASSWORD_CHANGED: Prop = place("lastPasswordChangeDateTime");
pub(super) const SESSIONS_VALID_FROM: Prop = place("signInSessionsValidFromDateTime");
pub(super) const SYNC_ENABLED: Prop = place("onPremisesSyncEnabled");
pub(super) const PROXY_ADDRESSES: Prop = place("proxyAddresses");
pub(super) const SECURITY_IDENTIFIER: Prop = place("securityIdentifier");
pub(super) const GIVEN_NAME: Prop = place("givenName");
pub(super) const SURNAME: Prop = place("surname");
pub(super) const JOB_TITLE: Prop = place("jobTitle");
pub(super) const DEPARTMENT: Prop = place("department");
pub(super) const CITY: Prop = place("city");
pub(super) const COUNTRY: Prop = place("country");

/// The place of a name, found while compiling: a wrong name does not compile.
#[expect(clippy::cast_possible_truncation, reason = "the table has fewer than 256 entries")]
const fn place(name: &str) -> Prop {
    let mut at = 0;
    while at < PROPERTIES.len() {
        if same(PROPERTIES[at].name, name) {
            return at as Prop;
        }
        at += 1;
    }
    panic!("not a property of a user")
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_only_once() {
        assert_eq!(find("MAILNICKNAME"), Some(MAIL_NICKNAME));
        assert_eq!(find("mailNick"), None);
        for (place, property) in PROPERTIES.iter().enumerate() {
            assert_eq!(find(property.name).map(usize::from), Some(place), "{}", property.name);
        }
    }

    #[test]
    fn the_default_set_is_the_documented_one() {
        let names: Vec<_> = DEFAULT_SET.iter().map(|prop| property(*prop).name).collect();
        assert_eq!(names.first(), Some(&"businessPhones"));
        assert_eq!(names.last(), Some(&"id"));
        assert_eq!(names.len(), 11);
    }
}
