//! The properties of a user, as Microsoft's v1.0 description has them, and how properties of any class are named.

use super::{application, group_property, role};

/// A property by its place: those of a user by theirs in [`PROPERTIES`], those of other classes further on.
pub(super) type Prop = u16;

/// Where the properties of groups begin.
pub(super) const GROUPS: Prop = 256;
/// Where the properties of role assignments begin.
pub(super) const ASSIGNMENTS: Prop = 512;
/// Where the properties of applications begin.
pub(super) const APPLICATIONS: Prop = 768;
/// Where the properties of service principals begin.
pub(super) const PRINCIPALS: Prop = 1_024;
/// Stands for a user's manager where only what changed is told; it has no place in a table.
pub(super) const MANAGER: Prop = Prop::MAX;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    User,
    Group,
    /// A role assignment.
    Assignment,
    Application,
    ServicePrincipal,
    /// Directory objects of whatever class.
    Any,
}

impl Class {
    /// As Microsoft's description calls the type.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Assignment => "unifiedRoleAssignment",
            Self::Application => "application",
            Self::ServicePrincipal => "servicePrincipal",
            Self::Any => "directoryObject",
        }
    }

    /// As errors call it.
    pub(super) fn resource(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
            Self::Assignment => "RoleAssignment",
            Self::Application => "Application",
            Self::ServicePrincipal => "ServicePrincipal",
            Self::Any => "DirectoryObject",
        }
    }

    /// As `@odata.context` and addresses call a collection of them.
    pub(super) fn collection(self) -> &'static str {
        match self {
            Self::User => "users",
            Self::Group => "groups",
            Self::Assignment => "roleManagement/directory/roleAssignments",
            Self::Application => "applications",
            Self::ServicePrincipal => "servicePrincipals",
            Self::Any => "directoryObjects",
        }
    }

    /// The class that a property belongs to.
    pub(super) fn of(prop: Prop) -> Self {
        match prop {
            0..GROUPS => Self::User,
            GROUPS..ASSIGNMENTS => Self::Group,
            ASSIGNMENTS..APPLICATIONS => Self::Assignment,
            APPLICATIONS..PRINCIPALS => Self::Application,
            PRINCIPALS.. => Self::ServicePrincipal,
        }
    }

    /// The properties of that name, without regard to case: of mixed classes there may be several.
    pub(super) fn find(self, name: &str) -> impl Iterator<Item = Prop> {
        let parts: &[Self] = match self {
            Self::Any => &[Self::User, Self::Group, Self::ServicePrincipal, Self::Application],
            Self::User => &[Self::User],
            Self::Group => &[Self::Group],
            Self::Assignment => &[Self::Assignment],
            Self::Application => &[Self::Application],
            Self::ServicePrincipal => &[Self::ServicePrincipal],
        };
        parts.iter().filter_map(move |part| {
            let (first, table) = part.table();
            let place = table.iter().position(|property| property.name.eq_ignore_ascii_case(name))?;
            Prop::try_from(place).ok()?.checked_add(first)
        })
    }

    /// All properties.
    pub(super) fn all(self) -> impl Iterator<Item = Prop> {
        let (first, table) = self.table();
        (first..).take(table.len())
    }

    /// What an answer shows without `$select`.
    pub(super) fn default_set(self) -> &'static [Prop] {
        match self {
            Self::User | Self::Any => DEFAULT_SET,
            Self::Group => group_property::DEFAULT_SET,
            Self::Assignment => role::DEFAULT_SET,
            Self::Application => application::APPLICATION_SET,
            Self::ServicePrincipal => application::PRINCIPAL_SET,
        }
    }

    fn table(self) -> (Prop, &'static [Property]) {
        match self {
            Self::User | Self::Any => (0, PROPERTIES),
            Self::Group => (GROUPS, group_property::PROPERTIES),
            Self::Assignment => (ASSIGNMENTS, role::PROPERTIES),
            Self::Application => (APPLICATIONS, application::APPLICATION),
            Self::ServicePrincipal => (PRINCIPALS, application::PRINCIPAL),
        }
    }
}

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

/// Never asked for [`MANAGER`], which is in no table.
pub(super) fn property(prop: Prop) -> &'static Property {
    let (first, table) = Class::of(prop).table();
    &table[usize::from(prop - first)]
}

/// Finds a property of a user by name, without regard to case.
pub(super) fn find(name: &str) -> Option<Prop> {
    Class::User.find(name).next()
}

pub(super) const fn entry(
    name: &'static str,
    kind: Kind,
    access: Access,
    filtering: Filtering,
    prefix: Prefix,
) -> Property {
    Property { name, kind, access, filtering, prefix }
}
pub(super) const fn text(name: &'static str, max: u16) -> Property {
    entry(name, Kind::Text(max), Access::Write, Filtering::Plain, Prefix::Yes)
}
pub(super) const fn required(name: &'static str, max: u16) -> Property {
    entry(name, Kind::Text(max), Access::Required, Filtering::Plain, Prefix::Yes)
}
const fn late(name: &'static str, max: u16) -> Property {
    entry(name, Kind::Text(max), Access::Write, Filtering::Advanced, Prefix::Yes)
}
const fn word(name: &'static str, words: &'static [&'static str]) -> Property {
    entry(name, Kind::Word(words), Access::Write, Filtering::Plain, Prefix::No)
}
pub(super) const fn other(name: &'static str, kind: Kind) -> Property {
    entry(name, kind, Access::Write, Filtering::None, Prefix::No)
}
pub(super) const fn fixed(name: &'static str, kind: Kind) -> Property {
    entry(name, kind, Access::Read, Filtering::None, Prefix::No)
}
/// Set by the service, and compared with `ge` and `le`.
pub(super) const fn dated(name: &'static str, filtering: Filtering) -> Property {
    entry(name, Kind::Date, Access::Read, filtering, Prefix::No)
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
    entry("employeeHireDate", Kind::Date, Access::Write, Filtering::Advanced, Prefix::No),
    text("employeeId", 16),
    entry("employeeLeaveDateTime", Kind::Date, Access::Write, Filtering::Advanced, Prefix::No),
    entry("employeeOrgData", Kind::Object, Access::Write, Filtering::Advanced, Prefix::Yes),
    late("employeeType", 0),
    late("faxNumber", 0),
    other("identities", Kind::Objects),
    required("mailNickname", 64),
    entry("onPremisesExtensionAttributes", Kind::Object, Access::Write, Filtering::Advanced, Prefix::Yes),
    entry("onPremisesImmutableId", Kind::Text(0), Access::Write, Filtering::Plain, Prefix::No),
    entry("otherMails", Kind::Texts, Access::Write, Filtering::Plain, Prefix::Yes),
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
    entry("assignedLicenses", Kind::Objects, Access::Read, Filtering::Plain, Prefix::No),
    fixed("assignedPlans", Kind::Objects),
    fixed("authorizationInfo", Kind::Object),
    dated("createdDateTime", Filtering::Plain),
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
    dated("onPremisesLastSyncDateTime", Filtering::Plain),
    fixed("onPremisesProvisioningErrors", Kind::Objects),
    fixed("onPremisesSamAccountName", Kind::Text(0)),
    fixed("onPremisesSecurityIdentifier", Kind::Text(0)),
    entry("onPremisesSyncEnabled", Kind::Bool, Access::Read, Filtering::Plain, Prefix::No),
    fixed("onPremisesUserPrincipalName", Kind::Text(0)),
    fixed("provisionedPlans", Kind::Objects),
    entry("proxyAddresses", Kind::Texts, Access::Read, Filtering::Plain, Prefix::Yes),
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

pub(super) const ASSIGNED_LICENSES: Prop = place("assignedLicenses");
pub(super) const ASSIGNED_PLANS: Prop = place("assignedPlans");
pub(super) const LICENSE_STATES: Prop = place("licenseAssignmentStates");
pub(super) const PROVISIONED_PLANS: Prop = place("provisionedPlans");
pub(super) const MOBILE_PHONE: Prop = place("mobilePhone");
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
#[expect(clippy::cast_possible_truncation, reason = "the table has fewer entries than there are places")]
pub(super) const fn place_in(table: &[Property], first: Prop, name: &str) -> Prop {
    let mut at = 0;
    while at < table.len() {
        if same(table[at].name, name) {
            return at as Prop + first;
        }
        at += 1;
    }
    panic!("not a property of this class")
}

const fn place(name: &str) -> Prop {
    place_in(PROPERTIES, 0, name)
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
        for class in [Class::User, Class::Group, Class::Assignment, Class::Application, Class::ServicePrincipal] {
            let (first, table) = class.table();
            for (place, known) in table.iter().enumerate() {
                let found: Vec<_> = class.find(known.name).collect();
                assert_eq!(found.iter().map(|prop| usize::from(*prop - first)).collect::<Vec<_>>(), [place]);
                assert_eq!(property(found[0]).name, known.name);
                assert_eq!(Class::of(found[0]), class, "{}", known.name);
            }
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
