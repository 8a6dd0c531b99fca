//! What Graph's index answers: which property can be asked what, and how.

use crate::odata::Feature;

/// How a property can be asked something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Support {
    Plain,
    /// With `ConsistencyLevel: eventual` and `$count=true` only.
    Advanced,
    /// Without those only.
    PlainOnly,
    Never,
}

/// A property, and how it answers `eq`, `startsWith`, `ge` and `le`, and `eq null`: `D` by default, `A` in advanced
/// queries only, `P` in others only, `-` never.
type Row = (&'static str, &'static str);

/// See [user properties](https://learn.microsoft.com/graph/aad-advanced-queries#user-properties).
pub(super) const USERS: &[Row] = &[
    ("accountEnabled", "D---"),
    ("ageGroup", "D---"),
    ("assignedLicenses", "D---"),
    ("assignedPlans", "D---"),
    ("businessPhones", "DA--"),
    ("city", "DDDA"),
    ("companyName", "AAAA"),
    ("consentProvidedForMinor", "D---"),
    ("country", "DDDA"),
    ("createdDateTime", "A-DA"),
    ("department", "DDDA"),
    ("displayName", "DDDA"),
    ("employeeHireDate", "A-A-"),
    ("employeeId", "DDAA"),
    ("employeeLeaveDateTime", "A-A-"),
    ("employeeOrgData/costCenter", "AA--"),
    ("employeeOrgData/division", "AA--"),
    ("employeeType", "AAA-"),
    ("externalUserState", "A--A"),
    ("faxNumber", "AAAA"),
    ("givenName", "DDDA"),
    ("id", "D---"),
    ("identities", "P---"),
    ("imAddresses", "DD--"),
    ("jobTitle", "DDDA"),
    ("mail", "DDDA"),
    ("mailNickname", "DDDA"),
    ("mobilePhone", "AAAA"),
    ("officeLocation", "AAAA"),
    ("onPremisesImmutableId", "D-A-"),
    ("onPremisesLastSyncDateTime", "--D-"),
    ("onPremisesSamAccountName", "AA--"),
    ("onPremisesSyncEnabled", "D--A"),
    ("otherMails", "DD--"),
    ("passwordPolicies", "---A"),
    ("postalCode", "AAAA"),
    ("preferredDataLocation", "----"),
    ("preferredLanguage", "A--A"),
    ("provisionedPlans", "D---"),
    ("proxyAddresses", "DD--"),
    ("state", "DAAA"),
    ("streetAddress", "AAAA"),
    ("surname", "DDDA"),
    ("usageLocation", "DDDA"),
    ("userPrincipalName", "DDD-"),
    ("userType", "D--A"),
];

/// See [group properties](https://learn.microsoft.com/graph/aad-advanced-queries#group-properties).
pub(super) const GROUPS: &[Row] = &[
    ("assignedLicenses", "D---"),
    ("classification", "DDDA"),
    ("createdByAppId", "D---"),
    ("createdDateTime", "--AA"),
    ("description", "AA-A"),
    ("displayName", "DDDA"),
    ("expirationDateTime", "--AA"),
    ("groupTypes", "D---"),
    ("hasMembersWithLicenseErrors", "P---"),
    ("id", "D---"),
    ("infoCatalogs", "DD--"),
    ("isAssignableToRole", "D---"),
    ("mail", "DDDA"),
    ("mailEnabled", "D---"),
    ("mailNickname", "DDDA"),
    ("membershipRule", "DD-A"),
    ("membershipRuleProcessingState", "D---"),
    ("onPremisesLastSyncDateTime", "--DA"),
    ("onPremisesSamAccountName", "AA-A"),
    ("onPremisesSecurityIdentifier", "D--A"),
    ("onPremisesSyncEnabled", "D--A"),
    ("preferredLanguage", "AA-A"),
    ("proxyAddresses", "DD--"),
    ("renewedDateTime", "--D-"),
    ("resourceBehaviorOptions", "D---"),
    ("resourceProvisioningOptions", "D---"),
    ("securityEnabled", "D---"),
    ("uniqueName", "DD-A"),
];

/// What answers `endsWith`.
const ENDS: &[&str] = &["mail", "otherMails", "userPrincipalName", "proxyAddresses"];

/// What can be counted.
const COUNTED: &[&str] = &["assignedLicenses", "otherMails", "proxyAddresses"];

/// How a property of a collection answers. Of one that is not known here anything may be asked, in advanced queries.
pub(super) fn support(rows: &[Row], property: &str, feature: Feature) -> Support {
    let is = |name: &&str| name.eq_ignore_ascii_case(property);
    let known = rows.iter().find(|(name, _)| is(name)).map(|(_, answers)| *answers);
    let first = property.split('/').next().unwrap_or_default();
    let answers = match known {
        Some(answers) => answers,
        None if first.eq_ignore_ascii_case("onPremisesExtensionAttributes") => "AAAA",
        None if first.to_ascii_lowercase().starts_with("extension_") => "DD-A",
        None => {
            let can = !matches!(feature, Feature::EndsWith | Feature::Count);
            return if can { Support::Advanced } else { Support::Never };
        }
    };
    let at = |place: usize| match answers.as_bytes().get(place) {
        Some(b'D') => Support::Plain,
        Some(b'A') => Support::Advanced,
        Some(b'P') => Support::PlainOnly,
        _ => Support::Never,
    };
    match feature {
        Feature::Equals => at(0),
        Feature::StartsWith => at(1),
        Feature::Range => at(2),
        Feature::Null => at(3),
        Feature::EndsWith if ENDS.iter().any(is) => Support::Advanced,
        Feature::Count if COUNTED.iter().any(is) => Support::Advanced,
        // Beside the question itself, which is told apart.
        Feature::Negation if at(0) != Support::PlainOnly => Support::Advanced,
        _ => Support::Never,
    }
}
