//! What a user consists of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value as Json};
use time::OffsetDateTime;

use crate::graph::resource::resource;
use crate::graph::{AssignedLicense, DirectoryObject, LicenseAssignmentState, UserId};
use crate::secret::Secret;

resource! {
    /// A user, as far as it was asked for: what was not selected, or has no value, is `None`.
    ///
    /// Properties without a field of their own, among them those of directory extensions, are in
    /// [`extra`](User::extra). When sent, `None` is left out; a `null` in `extra` clears a property.
    ///
    /// What is seldom asked for is in [`UserDetails`], and is read and written as if it were here: `user.skills`. To
    /// move such a property out, [`take`](Option::take) it.
    ///
    /// See [user](https://learn.microsoft.com/graph/api/resources/user).
    User {
        id: UserId = "id",
        user_principal_name: String = "userPrincipalName",
        display_name: String = "displayName",
        given_name: String = "givenName",
        surname: String = "surname",
        mail: String = "mail",
        mail_nickname: String = "mailNickname",
        account_enabled: bool = "accountEnabled",
        user_type: String = "userType",
        usage_location: String = "usageLocation",
        preferred_language: String = "preferredLanguage",
        employee_id: String = "employeeId",
        employee_type: String = "employeeType",
        job_title: String = "jobTitle",
        department: String = "department",
        company_name: String = "companyName",
        office_location: String = "officeLocation",
        street_address: String = "streetAddress",
        postal_code: String = "postalCode",
        city: String = "city",
        state: String = "state",
        country: String = "country",
        mobile_phone: String = "mobilePhone",
        business_phones: Vec<String> = "businessPhones",
        on_premises_sync_enabled: bool = "onPremisesSyncEnabled",
        assigned_licenses: Vec<AssignedLicense> = "assignedLicenses",
    }

    /// The properties of a [`User`] that are seldom asked for. They are read and written as if they were the user's
    /// own: `user.skills`.
    ///
    /// `aboutMe`, `birthday`, `interests`, `mySite`, `pastProjects`, `responsibilities`, `schools` and `skills` are kept
    /// in another service: a list has them not, and an application cannot write them.
    rare UserDetails {
        preferred_data_location: String = "preferredDataLocation",
        employee_hire_date: OffsetDateTime = "employeeHireDate" as moment,
        employee_leave_date_time: OffsetDateTime = "employeeLeaveDateTime" as moment,
        employee_org_data: EmployeeOrgData = "employeeOrgData",
        fax_number: String = "faxNumber",
        other_mails: Vec<String> = "otherMails",
        proxy_addresses: Vec<String> = "proxyAddresses",
        identities: Vec<ObjectIdentity> = "identities",
        age_group: String = "ageGroup",
        consent_provided_for_minor: String = "consentProvidedForMinor",
        show_in_address_list: bool = "showInAddressList",
        password_policies: String = "passwordPolicies",
        password_profile: PasswordProfile = "passwordProfile",
        on_premises_extension_attributes: ExtensionAttributes = "onPremisesExtensionAttributes",
        on_premises_immutable_id: String = "onPremisesImmutableId",
        custom_security_attributes: Map<String, Json> = "customSecurityAttributes",
        license_assignment_states: Vec<LicenseAssignmentState> = "licenseAssignmentStates",
        manager: DirectoryObject = "manager",
        external_user_state: String = "externalUserState",
        about_me: String = "aboutMe",
        birthday: OffsetDateTime = "birthday" as moment,
        interests: Vec<String> = "interests",
        my_site: String = "mySite",
        past_projects: Vec<String> = "pastProjects",
        responsibilities: Vec<String> = "responsibilities",
        schools: Vec<String> = "schools",
        skills: Vec<String> = "skills",
        created_date_time: OffsetDateTime = "createdDateTime" as moment,
        deleted_date_time: OffsetDateTime = "deletedDateTime" as moment,
    }
}

/// Where in the organisation someone works. What is `None` is cleared: Graph takes both or neither.
///
/// See [employeeOrgData](https://learn.microsoft.com/graph/api/resources/employeeorgdata).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct EmployeeOrgData {
    /// Who pays.
    pub cost_center: Option<String>,
    /// Which part of the organisation.
    pub division: Option<String>,
}

/// A way to sign in. When sent, all of a user's are replaced, and the one of type `userPrincipalName` must be among them.
///
/// See [objectIdentity](https://learn.microsoft.com/graph/api/resources/objectidentity).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct ObjectIdentity {
    /// `userPrincipalName`, `emailAddress`, `userName`, `federated` or another.
    pub sign_in_type: Option<String>,
    /// Who gave it, such as a domain.
    pub issuer: Option<String>,
    /// What it is there.
    pub issuer_assigned_id: Option<String>,
}

/// A password to set. Graph never gives one back.
///
/// See [passwordProfile](https://learn.microsoft.com/graph/api/resources/passwordprofile).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct PasswordProfile {
    /// 8 to 256 characters of at least three kinds.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "exposed", deserialize_with = "hidden")]
    pub password: Option<Secret>,
    /// Whether another must be chosen at the next sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force_change_password_next_sign_in: Option<bool>,
    /// The same, and only with a second factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force_change_password_next_sign_in_with_mfa: Option<bool>,
}

/// `extensionAttribute1` to `extensionAttribute15`. What is sent is merged with what is there.
///
/// See [onPremisesExtensionAttributes](https://learn.microsoft.com/graph/api/resources/onpremisesextensionattributes).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExtensionAttributes(BTreeMap<String, Option<String>>);

impl EmployeeOrgData {
    /// Both at once.
    pub fn new(cost_center: Option<String>, division: Option<String>) -> Self {
        Self { cost_center, division }
    }
}

impl PasswordProfile {
    /// A password that must be changed at the next sign-in.
    pub fn new(password: impl Into<Secret>) -> Self {
        Self {
            password: Some(password.into()),
            force_change_password_next_sign_in: Some(true),
            force_change_password_next_sign_in_with_mfa: None,
        }
    }

    /// Leaves it to the user whether to change it.
    #[must_use]
    pub fn without_change(mut self) -> Self {
        self.force_change_password_next_sign_in = Some(false);
        self
    }
}

impl ExtensionAttributes {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of the attribute with this number, 1 to 15.
    #[must_use]
    pub fn get(&self, number: u8) -> Option<&str> {
        self.0.get(&attribute_name(number))?.as_deref()
    }

    /// Sets the attribute with this number, or clears it with `None`. Another number than 1 to 15 does nothing.
    #[must_use]
    pub fn with(mut self, number: u8, value: Option<impl Into<String>>) -> Self {
        if (1..=15).contains(&number) {
            self.0.insert(attribute_name(number), value.map(Into::into));
        }
        self
    }
}

fn attribute_name(number: u8) -> String {
    format!("extensionAttribute{number}")
}

/// The only place where a password of this struct is written: the body of a request.
fn exposed<S: Serializer>(password: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    match password {
        Some(password) => serializer.serialize_str(password.expose()),
        None => serializer.serialize_none(),
    }
}

fn hidden<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::from))
}
