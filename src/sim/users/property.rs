//! The properties of a user, as Microsoft's v1.0 description has them, and how properties of any class are named.

use crate::sim::apps::application;
use crate::sim::groups::group_property;
use crate::sim::objects::extension::{self, ExtensionType};
use crate::sim::roles::role;

/// A property by its place: those of a user by theirs in [`PROPERTIES`], those of other classes further on.
pub(crate) type Prop = u16;

/// Where the properties of groups begin.
pub(crate) const GROUPS: Prop = 256;
/// Where the properties of role assignments begin.
pub(crate) const ASSIGNMENTS: Prop = 512;
/// Where the properties of applications begin.
pub(crate) const APPLICATIONS: Prop = 768;
/// Where the properties of service principals begin.
pub(crate) const PRINCIPALS: Prop = 1_024;
/// Where the directory extensions of users begin.
pub(crate) const USER_EXTENSIONS: Prop = 4_096;
/// Where those of groups begin.
pub(crate) const GROUP_EXTENSIONS: Prop = 32_768;
/// Stands for a user's manager where only what changed is told; it has no place in a table.
pub(crate) const MANAGER: Prop = Prop::MAX;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
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
    pub(crate) fn name(self) -> &'static str {
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
    pub(crate) fn resource(self) -> &'static str {
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
    pub(crate) fn collection(self) -> &'static str {
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
    pub(crate) fn of(prop: Prop) -> Self {
        match prop {
            0..GROUPS => Self::User,
            GROUPS..ASSIGNMENTS => Self::Group,
            ASSIGNMENTS..APPLICATIONS => Self::Assignment,
            APPLICATIONS..PRINCIPALS => Self::Application,
            PRINCIPALS..USER_EXTENSIONS => Self::ServicePrincipal,
            USER_EXTENSIONS..GROUP_EXTENSIONS | MANAGER => Self::User,
            GROUP_EXTENSIONS.. => Self::Group,
        }
    }

    /// The properties of that name, without regard to case: of mixed classes there may be several.
    pub(crate) fn find(self, name: &str) -> impl Iterator<Item = Prop> {
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
    pub(crate) fn all(self) -> impl Iterator<Item = Prop> {
        let (first, table) = self.table();
        (first..).take(table.len())
    }

    /// What an answer shows without `$select`.
    pub(crate) fn default_set(self) -> &'static [Prop] {
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
pub(crate) enum Kind {
    Bool,
    /// Text of at most this many characters; 0 where no maximum is published.
    Text(u16),
    /// One of these words.
    Word(&'static [&'static str]),
    Texts,
    Date,
    /// A whole number.
    Number,
    Object,
    Objects,
    /// A value of a directory extension.
    Extension(ExtensionType),
    /// Many of them.
    Extensions(ExtensionType),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Write,
    /// Written, and never empty again.
    Required,
    Read,
    /// Kept in another service: not in lists, and not written by an application.
    Elsewhere,
}

/// When something may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Support {
    Plain,
    /// Only with `ConsistencyLevel: eventual` and `$count=true`.
    Advanced,
    Never,
}

/// What `$filter` may ask of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answers {
    /// `eq` and `in`; `ne` and `not` are always advanced.
    pub(crate) eq: Support,
    pub(crate) starts: Support,
    /// `ge` and `le`.
    pub(crate) range: Support,
    pub(crate) null: Support,
}

impl Answers {
    /// Of a short form such as `DDDA`: `D` by default, `A` in advanced queries only, `-` never.
    pub(crate) const fn of(text: &str) -> Self {
        const fn at(text: &str, place: usize) -> Support {
            match text.as_bytes()[place] {
                b'D' => Support::Plain,
                b'A' => Support::Advanced,
                b'-' => Support::Never,
                _ => panic!("write D, A or -"),
            }
        }
        Self { eq: at(text, 0), starts: at(text, 1), range: at(text, 2), null: at(text, 3) }
    }

    /// Whether anything may be asked.
    pub(crate) fn is_any(self) -> bool {
        [self.eq, self.starts, self.range, self.null].iter().any(|support| *support != Support::Never)
    }
}

#[derive(Debug)]
pub(crate) struct Property {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) access: Access,
    pub(crate) answers: Answers,
}

impl Property {
    /// What an object without a value shows: `[]` for a collection, else `null`.
    pub(crate) fn is_collection(&self) -> bool {
        matches!(self.kind, Kind::Texts | Kind::Objects | Kind::Extensions(_))
    }
}

/// Never asked for [`MANAGER`], which is in no table.
pub(crate) fn property(prop: Prop) -> &'static Property {
    if extension::is_extension(prop) {
        return extension::property(prop);
    }
    let (first, table) = Class::of(prop).table();
    &table[usize::from(prop - first)]
}

/// Finds a property of a user by name, without regard to case.
pub(crate) fn find(name: &str) -> Option<Prop> {
    Class::User.find(name).next()
}

/// `answers` as [`Answers::of`] reads it.
pub(crate) const fn entry(name: &'static str, kind: Kind, access: Access, answers: &str) -> Property {
    Property { name, kind, access, answers: Answers::of(answers) }
}
pub(crate) const fn text(name: &'static str, max: u16) -> Property {
    entry(name, Kind::Text(max), Access::Write, "DDDA")
}
pub(crate) const fn required(name: &'static str, max: u16) -> Property {
    entry(name, Kind::Text(max), Access::Required, "DDDA")
}
const fn late(name: &'static str, max: u16) -> Property {
    entry(name, Kind::Text(max), Access::Write, "AAAA")
}
const fn word(name: &'static str, words: &'static [&'static str], answers: &str) -> Property {
    entry(name, Kind::Word(words), Access::Write, answers)
}
pub(crate) const fn other(name: &'static str, kind: Kind) -> Property {
    entry(name, kind, Access::Write, "----")
}
pub(crate) const fn fixed(name: &'static str, kind: Kind) -> Property {
    entry(name, kind, Access::Read, "----")
}
/// Set by the service, and compared with `ge` and `le`.
pub(crate) const fn dated(name: &'static str, answers: &str) -> Property {
    entry(name, Kind::Date, Access::Read, answers)
}
const fn elsewhere(name: &'static str, kind: Kind) -> Property {
    entry(name, kind, Access::Elsewhere, "----")
}

/// What `$filter` may ask is in [Microsoft's table](https://learn.microsoft.com/graph/aad-advanced-queries#user-properties).
pub(crate) static PROPERTIES: &[Property] = &[
    // The default set, in the order of an answer.
    entry("businessPhones", Kind::Texts, Access::Write, "D---"),
    required("displayName", 256),
    text("givenName", 64),
    text("jobTitle", 128),
    required("mail", 0),
    late("mobilePhone", 64),
    late("officeLocation", 0),
    entry("preferredLanguage", Kind::Text(0), Access::Write, "A--A"),
    text("surname", 64),
    entry("userPrincipalName", Kind::Text(113), Access::Required, "DDD-"),
    entry("id", Kind::Text(0), Access::Read, "D---"),
    // Written by clients.
    entry("accountEnabled", Kind::Bool, Access::Required, "D---"),
    word("ageGroup", &["Minor", "NotAdult", "Adult"], "D---"),
    text("city", 128),
    late("companyName", 64),
    word("consentProvidedForMinor", &["Granted", "Denied", "NotRequired"], "D---"),
    text("country", 128),
    text("department", 64),
    entry("employeeHireDate", Kind::Date, Access::Write, "--A-"),
    entry("employeeId", Kind::Text(16), Access::Write, "DDAA"),
    entry("employeeLeaveDateTime", Kind::Date, Access::Write, "A-A-"),
    entry("employeeOrgData", Kind::Object, Access::Write, "AA--"),
    entry("employeeType", Kind::Text(0), Access::Write, "AAA-"),
    late("faxNumber", 0),
    entry("identities", Kind::Objects, Access::Write, "D---"),
    required("mailNickname", 64),
    entry("onPremisesExtensionAttributes", Kind::Object, Access::Write, "AAAA"),
    entry("onPremisesImmutableId", Kind::Text(0), Access::Write, "D---"),
    entry("otherMails", Kind::Texts, Access::Write, "DD--"),
    entry("passwordPolicies", Kind::Text(0), Access::Write, "---A"),
    entry("passwordProfile", Kind::Object, Access::Write, "A--A"),
    late("postalCode", 40),
    other("preferredDataLocation", Kind::Text(0)),
    entry("showInAddressList", Kind::Bool, Access::Write, "A---"),
    // Microsoft's texts and tables differ in what else than `eq` there is.
    entry("state", Kind::Text(128), Access::Write, "DAAA"),
    late("streetAddress", 1024),
    entry("usageLocation", Kind::Text(2), Access::Required, "DDDA"),
    word("userType", &["Member", "Guest"], "D--A"),
    // Set by the service.
    entry("assignedLicenses", Kind::Objects, Access::Read, "D---"),
    entry("assignedPlans", Kind::Objects, Access::Read, "D---"),
    fixed("authorizationInfo", Kind::Object),
    dated("createdDateTime", "--DA"),
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
    dated("onPremisesLastSyncDateTime", "--D-"),
    fixed("onPremisesProvisioningErrors", Kind::Objects),
    entry("onPremisesSamAccountName", Kind::Text(0), Access::Read, "AA--"),
    fixed("onPremisesSecurityIdentifier", Kind::Text(0)),
    entry("onPremisesSyncEnabled", Kind::Bool, Access::Read, "D--A"),
    fixed("onPremisesUserPrincipalName", Kind::Text(0)),
    entry("provisionedPlans", Kind::Objects, Access::Read, "A---"),
    entry("proxyAddresses", Kind::Texts, Access::Read, "DD--"),
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
pub(crate) const DEFAULT_SET: &[Prop] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

pub(crate) const ASSIGNED_LICENSES: Prop = place("assignedLicenses");
pub(crate) const ASSIGNED_PLANS: Prop = place("assignedPlans");
pub(crate) const LICENSE_STATES: Prop = place("licenseAssignmentStates");
pub(crate) const PROVISIONED_PLANS: Prop = place("provisionedPlans");
pub(crate) const MOBILE_PHONE: Prop = place("mobilePhone");
pub(crate) const DISPLAY_NAME: Prop = place("displayName");
pub(crate) const MAIL: Prop = place("mail");
pub(crate) const UPN: Prop = place("userPrincipalName");
pub(crate) const ID: Prop = place("id");
pub(crate) const ACCOUNT_ENABLED: Prop = place("accountEnabled");
pub(crate) const EMPLOYEE_ID: Prop = place("employeeId");
pub(crate) const ORG_DATA: Prop = place("employeeOrgData");
pub(crate) const IDENTITIES: Prop = place("identities");
pub(crate) const MAIL_NICKNAME: Prop = place("mailNickname");
pub(crate) const EXTENSION_ATTRIBUTES: Prop = place("onPremisesExtensionAttributes");
pub(crate) const IMMUTABLE_ID: Prop = place("onPremisesImmutableId");
pub(crate) const BUSINESS_PHONES: Prop = place("businessPhones");
pub(crate) const OTHER_MAILS: Prop = place("otherMails");
pub(crate) const PASSWORD_POLICIES: Prop = place("passwordPolicies");
pub(crate) const PASSWORD_PROFILE: Prop = place("passwordProfile");
pub(crate) const USAGE_LOCATION: Prop = place("usageLocation");
pub(crate) const USER_TYPE: Prop = place("userType");
pub(crate) const CREATED: Prop = place("createdDateTime");
pub(crate) const DELETED: Prop = place("deletedDateTime");
pub(crate) const PASSWORD_CHANGED: Prop = place("lastPasswordChangeDateTime");
pub(crate) const SESSIONS_VALID_FROM: Prop = place("signInSessionsValidFromDateTime");
pub(crate) const SYNC_ENABLED: Prop = place("onPremisesSyncEnabled");
pub(crate) const PROXY_ADDRESSES: Prop = place("proxyAddresses");
pub(crate) const SECURITY_IDENTIFIER: Prop = place("securityIdentifier");
pub(crate) const GIVEN_NAME: Prop = place("givenName");
pub(crate) const SURNAME: Prop = place("surname");
pub(crate) const JOB_TITLE: Prop = place("jobTitle");
pub(crate) const DEPARTMENT: Prop = place("department");
pub(crate) const CITY: Prop = place("city");
pub(crate) const COUNTRY: Prop = place("country");

/// The place of a name, found while compiling: a wrong name does not compile.
#[expect(clippy::cast_possible_truncation, reason = "the table has fewer entries than there are places")]
pub(crate) const fn place_in(table: &[Property], first: Prop, name: &str) -> Prop {
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
