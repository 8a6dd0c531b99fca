//! The tenant itself and its domains.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::auth::TenantId;
use crate::error::{Error, ErrorKind};
use crate::graph::send::decode;
use crate::graph::{Call, GraphClient, List};

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
