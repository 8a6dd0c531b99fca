//! The tenant itself, its domains, and the recycle bin.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::auth::TenantId;
use crate::error::{Error, ErrorKind};
use crate::graph::send::decode;
use crate::graph::{Call, GraphClient, List, User, UserId};
use crate::odata;

/// The tenant.
///
/// See [organization](https://learn.microsoft.com/graph/api/resources/organization).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Organization {
    /// The tenant's id.
    pub id: TenantId,
    /// Its name.
    #[serde(default)]
    pub display_name: Option<String>,
    /// The domains that user principal names may end in.
    #[serde(default)]
    pub verified_domains: Vec<VerifiedDomain>,
    /// `true`: synchronised from elsewhere; `false`: was once; `None`: never.
    #[serde(default)]
    pub on_premises_sync_enabled: Option<bool>,
    /// Every other property, under Graph's own name.
    #[serde(flatten)]
    pub extra: Map<String, Json>,
}

/// A domain that the tenant has proved to own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct VerifiedDomain {
    /// Such as `contoso.com`.
    pub name: String,
    /// Whether new users get it by default.
    pub is_default: bool,
    /// Whether it is the `….onmicrosoft.com` one.
    pub is_initial: bool,
    /// `Managed` or `Federated`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Such as `Email, OfficeCommunicationsOnline`.
    pub capabilities: Option<String>,
}

/// A domain of the tenant, verified or not.
///
/// See [domain](https://learn.microsoft.com/graph/api/resources/domain).
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Domain {
    /// Its name.
    pub id: String,
    /// Whether the tenant has proved to own it.
    pub is_verified: bool,
    /// Whether new users get it by default.
    pub is_default: bool,
    /// Whether it is the `….onmicrosoft.com` one.
    pub is_initial: bool,
    /// `Managed` or `Federated`: a federated user needs an `onPremisesImmutableId` and has no password here.
    pub authentication_type: Option<String>,
    /// Every other property, under Graph's own name.
    #[serde(flatten)]
    pub extra: Map<String, Json>,
}

impl From<&VerifiedDomain> for Domain {
    /// As much of the domain as the organization tells.
    fn from(domain: &VerifiedDomain) -> Self {
        Self {
            id: domain.name.clone(),
            is_verified: true,
            is_default: domain.is_default,
            is_initial: domain.is_initial,
            authentication_type: domain.kind.clone(),
            extra: Map::new(),
        }
    }
}

/// The recycle bin.
#[derive(Debug, Clone)]
pub struct DeletedItems(GraphClient);

impl DeletedItems {
    pub(super) fn new(client: GraphClient) -> Self {
        Self(client)
    }

    /// Lists the deleted users, 999 a page.
    ///
    /// # Permissions
    ///
    /// `User.Read.All` (application).
    ///
    /// See [list deleted items](https://learn.microsoft.com/graph/api/directory-deleteditems-list).
    pub fn list_users(&self) -> List<User> {
        let path = "/directory/deletedItems/microsoft.graph.user".to_owned();
        Call::new(self.0.clone(), Method::GET, Ok(path)).list().top(999)
    }

    /// Reads one deleted user by its object id.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if it is not in the bin.
    ///
    /// # Permissions
    ///
    /// `User.Read.All` (application).
    ///
    /// See [get deleted item](https://learn.microsoft.com/graph/api/directory-deleteditems-get).
    pub fn get(&self, id: impl Into<UserId>) -> Call<User> {
        self.call(Method::GET, id.into(), "").decode()
    }

    /// Takes a user out of the bin. A body may hold `newUserPrincipalName` and `autoReconcileProxyConflict`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if it is not in the bin, [`ErrorKind::Conflict`] if a unique value is taken now.
    ///
    /// # Permissions
    ///
    /// `User.DeleteRestore.All` (application).
    ///
    /// See [restore](https://learn.microsoft.com/graph/api/directory-deleteditems-restore).
    pub fn restore(&self, id: impl Into<UserId>) -> Call<User> {
        self.call(Method::POST, id.into(), "/restore").decode()
    }

    /// Deletes a user for ever.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if it is not in the bin.
    ///
    /// # Permissions
    ///
    /// `User.DeleteRestore.All` (application).
    ///
    /// See [permanently delete](https://learn.microsoft.com/graph/api/directory-deleteditems-delete).
    pub fn purge(&self, id: impl Into<UserId>) -> Call<()> {
        self.call(Method::DELETE, id.into(), "").decode_with(|_| Ok(()))
    }

    fn call(&self, method: Method, id: UserId, action: &str) -> Call {
        let path = odata::key_segment("/directory/deletedItems", id.as_str()).map(|path| path + action);
        Call::new(self.0.clone(), method, path)
    }
}

pub(super) fn organization(client: &GraphClient) -> Call<Organization> {
    #[derive(Deserialize)]
    struct Answer {
        value: Vec<Organization>,
    }
    Call::new(client.clone(), Method::GET, Ok("/organization".to_owned())).decode_with(|answer| {
        let answer: Answer = decode(answer.body())?;
        let first = answer.value.into_iter().next();
        first.ok_or_else(|| Error::new(ErrorKind::Protocol, "Microsoft Graph names no organization"))
    })
}

pub(super) fn domains(client: &GraphClient) -> List<Domain> {
    Call::new(client.clone(), Method::GET, Ok("/domains".to_owned())).list()
}
