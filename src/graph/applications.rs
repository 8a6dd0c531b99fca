//! Applications, their credentials, and their service principals.

use std::sync::Arc;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::auth::ClientId;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::resource::{Moment, resource};
use crate::graph::send::decode;
use crate::graph::word::text_id;
use crate::graph::{ApplicationId, Call, GraphClient, List};
use crate::odata;
use crate::secret::Secret;

/// Microsoft Graph's own client id, the same in every tenant.
pub const MICROSOFT_GRAPH: &str = "00000003-0000-0000-c000-000000000000";

/// The applications that are registered in the tenant.
///
/// # Permissions
///
/// `Application.Read.All` to read, `Application.ReadWrite.OwnedBy` to write those that the caller owns, and
/// `Application.ReadWrite.All` to write any (application or delegated).
#[derive(Debug, Clone)]
pub struct Applications(GraphClient);

/// The service principals of the tenant: what applications are there, its own and those of others.
///
/// # Permissions
///
/// As for [`Applications`]; to grant and withdraw permissions, `AppRoleAssignment.ReadWrite.All` too.
#[derive(Debug, Clone)]
pub struct ServicePrincipals(GraphClient);

/// The object id of a service principal; neither the application's nor its client id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServicePrincipalId(Arc<str>);

text_id!(ServicePrincipalId);

resource! {
    /// An application that is registered in the tenant.
    ///
    /// See [application](https://learn.microsoft.com/graph/api/resources/application).
    Application {
        id: ApplicationId = "id",
        /// The client id.
        app_id: ClientId = "appId",
        display_name: String = "displayName",
        /// A key of the caller's choice, which cannot be changed once it is set.
        unique_name: String = "uniqueName",
        sign_in_audience: String = "signInAudience",
        required_resource_access: Vec<RequiredResourceAccess> = "requiredResourceAccess",
        key_credentials: Vec<KeyCredential> = "keyCredentials",
        password_credentials: Vec<PasswordCredential> = "passwordCredentials",
    }
}

resource! {
    /// What an application is in a tenant.
    ///
    /// See [servicePrincipal](https://learn.microsoft.com/graph/api/resources/serviceprincipal).
    ServicePrincipal {
        id: ServicePrincipalId = "id",
        app_id: ClientId = "appId",
        display_name: String = "displayName",
        account_enabled: bool = "accountEnabled",
        /// The application permissions that it offers.
        app_roles: Vec<AppRole> = "appRoles",
    }
}

/// Permissions that an application asks for; asking grants nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RequiredResourceAccess {
    /// The client id of who offers them, such as [`MICROSOFT_GRAPH`].
    pub resource_app_id: String,
    /// The permissions.
    pub resource_access: Vec<ResourceAccess>,
    /// Every other property, under Graph's own name.
    #[serde(flatten)]
    pub extra: Map<String, Json>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ResourceAccess {
    /// Its id.
    pub id: Uuid,
    /// `Role` for a permission of the application itself, `Scope` for one that acts for a person.
    #[serde(rename = "type")]
    pub kind: String,
}

impl RequiredResourceAccess {
    /// These permissions of the application itself.
    pub fn of_roles(resource_app_id: impl Into<String>, roles: impl IntoIterator<Item = Uuid>) -> Self {
        let resource_access = roles.into_iter().map(|id| ResourceAccess { id, kind: "Role".to_owned() }).collect();
        Self { resource_app_id: resource_app_id.into(), resource_access, extra: Map::new() }
    }
}

impl KeyCredential {
    /// The public part of a certificate: DER as base64, good between these moments.
    pub fn certificate(
        name: impl Into<String>,
        der_base64: impl Into<String>,
        start: OffsetDateTime,
        end: OffsetDateTime,
    ) -> Self {
        Self {
            display_name: Some(name.into()),
            kind: "AsymmetricX509Cert".to_owned(),
            usage: "Verify".to_owned(),
            key: Some(der_base64.into()),
            start_date_time: Some(start),
            end_date_time: Some(end),
            ..Self::default()
        }
    }
}

/// An application permission that a service principal offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AppRole {
    /// Its id.
    pub id: Uuid,
    /// Its name, such as `User.Read.All`.
    pub value: Option<String>,
    /// Whether it can be granted.
    #[serde(default)]
    pub is_enabled: bool,
    /// `Application`, `User` or both.
    #[serde(default)]
    pub allowed_member_types: Vec<String>,
}

/// A permission that was granted.
///
/// See [appRoleAssignment](https://learn.microsoft.com/graph/api/resources/approleassignment).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AppRoleAssignment {
    /// Its id.
    pub id: String,
    /// Which permission.
    pub app_role_id: Uuid,
    /// To whom.
    pub principal_id: ServicePrincipalId,
    /// Of whom.
    pub resource_id: ServicePrincipalId,
}

/// The public part of a certificate that an application signs in with.
///
/// See [keyCredential](https://learn.microsoft.com/graph/api/resources/keycredential).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct KeyCredential {
    /// Its id among the application's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<Uuid>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// `AsymmetricX509Cert`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `Verify`.
    pub usage: String,
    /// The certificate, DER as base64; it is given only if it is asked for by name, of one application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The thumbprint: 20 bytes as base64, or as 40 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_key_identifier: Option<String>,
    /// It is good from here on.
    #[serde(skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub start_date_time: Option<OffsetDateTime>,
    /// It is good until here.
    #[serde(skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub end_date_time: Option<OffsetDateTime>,
    /// Every other property, under Graph's own name.
    #[serde(flatten)]
    pub extra: Map<String, Json>,
}

/// A secret of an application, without its value.
///
/// See [passwordCredential](https://learn.microsoft.com/graph/api/resources/passwordcredential).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct PasswordCredential {
    /// Its id among the application's.
    pub key_id: Option<Uuid>,
    /// For people.
    pub display_name: Option<String>,
    /// Its first characters.
    pub hint: Option<String>,
    /// It is good from here on.
    #[serde(with = "time::serde::rfc3339::option")]
    pub start_date_time: Option<OffsetDateTime>,
    /// It is good until here.
    #[serde(with = "time::serde::rfc3339::option")]
    pub end_date_time: Option<OffsetDateTime>,
}

/// A secret that was just made: its value is told this once.
#[derive(Debug)]
#[non_exhaustive]
pub struct NewPassword {
    /// Its id among the application's.
    pub key_id: Uuid,
    /// The value.
    pub secret: Secret,
    /// It is good until here.
    pub end: Option<OffsetDateTime>,
}

const READ: [&str; 8] = [
    "id",
    "appId",
    "displayName",
    "uniqueName",
    "signInAudience",
    "requiredResourceAccess",
    "keyCredentials",
    "passwordCredentials",
];

impl Applications {
    /// Lists them.
    ///
    /// See [list applications](https://learn.microsoft.com/graph/api/application-list).
    pub fn list(&self) -> List<Application> {
        Call::new(self.0.clone(), Method::GET, Ok("/applications".to_owned())).list()
    }

    /// Lists those of this display name; several may have the same.
    pub fn list_named(&self, name: &str) -> List<Application> {
        self.list().filter(format!("displayName eq {}", odata::literal(name)))
    }

    /// Reads one, with its credentials' public parts.
    ///
    /// See [get application](https://learn.microsoft.com/graph/api/application-get).
    pub fn get(&self, id: impl Into<ApplicationId>) -> Call<Application> {
        self.call(Method::GET, key(&id.into()), "").select(READ).decode()
    }

    /// Reads the one with this client id.
    pub fn get_by_client_id(&self, id: &ClientId) -> Call<Application> {
        self.call(Method::GET, odata::alternate_key("/applications", "appId", id.as_str()), "").select(READ).decode()
    }

    /// Reads the one with this unique name.
    pub fn get_by_unique_name(&self, name: &str) -> Call<Application> {
        self.call(Method::GET, odata::alternate_key("/applications", "uniqueName", name), "").select(READ).decode()
    }

    /// Creates the one with this unique name, or changes it if it is there already: sending this again does no harm.
    ///
    /// See [upsert application](https://learn.microsoft.com/graph/api/application-upsert).
    pub fn upsert_by_unique_name(&self, name: &str, application: &(impl Serialize + ?Sized)) -> Call {
        self.call(Method::PATCH, odata::alternate_key("/applications", "uniqueName", name), "")
            .header("Prefer", "create-if-missing")
            .body(application)
    }

    /// Changes properties. Collections are replaced as a whole.
    ///
    /// See [update application](https://learn.microsoft.com/graph/api/application-update).
    pub fn update(&self, id: impl Into<ApplicationId>, changes: &(impl Serialize + ?Sized)) -> Call<()> {
        self.call(Method::PATCH, key(&id.into()), "").body(changes).decode_with(|_| Ok(()))
    }

    /// Moves one to the recycle bin, and its service principal with it.
    ///
    /// See [delete application](https://learn.microsoft.com/graph/api/application-delete).
    pub fn delete(&self, id: impl Into<ApplicationId>) -> Call<()> {
        self.call(Method::DELETE, key(&id.into()), "").decode_with(|_| Ok(()))
    }

    /// Makes a secret that is good until `end`. Never repeated after a lost answer: the error is in doubt then, and a
    /// secret may be there that nobody knows.
    ///
    /// See [addPassword](https://learn.microsoft.com/graph/api/application-addpassword).
    pub fn add_password(&self, id: impl Into<ApplicationId>, name: &str, end: OffsetDateTime) -> Call<NewPassword> {
        let body = json!({"passwordCredential": {"displayName": name, "endDateTime": Moment(end)}});
        self.call(Method::POST, key(&id.into()), "/addPassword").body(&body).decode_with(|answer| {
            #[derive(Deserialize)]
            #[serde(rename_all = "camelCase")]
            struct Answer {
                key_id: Uuid,
                secret_text: String,
                #[serde(default, with = "time::serde::rfc3339::option")]
                end_date_time: Option<OffsetDateTime>,
            }
            let answer: Answer = decode(answer.body())?;
            if answer.secret_text.is_empty() {
                return Err(Error::new(ErrorKind::Protocol, "Microsoft Graph made a secret and does not tell it"));
            }
            Ok(NewPassword { key_id: answer.key_id, secret: answer.secret_text.into(), end: answer.end_date_time })
        })
    }

    /// Removes a secret.
    ///
    /// See [removePassword](https://learn.microsoft.com/graph/api/application-removepassword).
    pub fn remove_password(&self, id: impl Into<ApplicationId>, key_id: Uuid) -> Call<()> {
        let body = json!({ "keyId": key_id });
        self.call(Method::POST, key(&id.into()), "/removePassword").body(&body).decode_with(|_| Ok(()))
    }

    fn call(&self, method: Method, path: Result<String>, rest: &str) -> Call {
        Call::new(self.0.clone(), method, path.map(|path| path + rest))
    }
}

impl ServicePrincipals {
    /// Reads the one of the application with this client id.
    ///
    /// See [get servicePrincipal](https://learn.microsoft.com/graph/api/serviceprincipal-get).
    pub fn get_by_client_id(&self, id: &str) -> Call<ServicePrincipal> {
        let path = odata::alternate_key("/servicePrincipals", "appId", id);
        let properties = ["id", "appId", "displayName", "accountEnabled", "appRoles"];
        self.call(Method::GET, path, "").select(properties).decode()
    }

    /// Creates the one of the application with this client id.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] if it is there already.
    ///
    /// See [create servicePrincipal](https://learn.microsoft.com/graph/api/serviceprincipal-post-serviceprincipals).
    pub fn create(&self, id: &ClientId) -> Call<ServicePrincipal> {
        self.call(Method::POST, Ok("/servicePrincipals".to_owned()), "").body(&json!({ "appId": id })).decode()
    }

    /// Removes one: the application can no longer sign in here, and what it was granted is gone.
    ///
    /// See [delete servicePrincipal](https://learn.microsoft.com/graph/api/serviceprincipal-delete).
    pub fn delete(&self, id: &ServicePrincipalId) -> Call<()> {
        let path = odata::key_segment("/servicePrincipals", id.as_str());
        self.call(Method::DELETE, path, "").decode_with(|_| Ok(()))
    }

    /// Lists the application permissions that one was granted.
    ///
    /// See [list appRoleAssignments](https://learn.microsoft.com/graph/api/serviceprincipal-list-approleassignments).
    pub fn app_role_assignments(&self, of: &ServicePrincipalId) -> List<AppRoleAssignment> {
        let path = odata::key_segment("/servicePrincipals", of.as_str());
        self.call(Method::GET, path, "/appRoleAssignments").list()
    }

    /// Grants a permission that `resource` offers: an administrator's consent, which takes effect with the next token.
    ///
    /// See [grant an appRoleAssignment](https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignedto).
    pub fn grant(
        &self,
        resource: &ServicePrincipalId,
        app_role: Uuid,
        to: &ServicePrincipalId,
    ) -> Call<AppRoleAssignment> {
        let path = odata::key_segment("/servicePrincipals", resource.as_str());
        let body = json!({"principalId": to, "resourceId": resource, "appRoleId": app_role});
        self.call(Method::POST, path, "/appRoleAssignedTo").body(&body).decode()
    }

    /// Withdraws a permission that `resource` offers.
    ///
    /// See [delete appRoleAssignment](https://learn.microsoft.com/graph/api/serviceprincipal-delete-approleassignedto).
    pub fn withdraw(&self, resource: &ServicePrincipalId, assignment: &str) -> Call<()> {
        let path = odata::key_segment("/servicePrincipals", resource.as_str())
            .and_then(|path| odata::key_segment(&format!("{path}/appRoleAssignedTo"), assignment));
        self.call(Method::DELETE, path, "").decode_with(|_| Ok(()))
    }

    fn call(&self, method: Method, path: Result<String>, rest: &str) -> Call {
        Call::new(self.0.clone(), method, path.map(|path| path + rest))
    }
}

impl GraphClient {
    /// The applications that are registered in the tenant.
    #[must_use]
    pub fn applications(&self) -> Applications {
        Applications(self.clone())
    }

    /// The service principals of the tenant.
    #[must_use]
    pub fn service_principals(&self) -> ServicePrincipals {
        ServicePrincipals(self.clone())
    }

    /// The clock that the client goes by.
    pub(crate) fn clock(&self) -> &dyn crate::clock::Clock {
        &*self.0.clock
    }
}

fn key(id: &ApplicationId) -> Result<String> {
    odata::key_segment("/applications", id.as_str())
}
