//! What is there.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use uuid::Uuid;

use super::super::permissions::DirectoryRole;
use super::want::Setup;
use crate::auth::{ClientId, TenantId, TokenClaims};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{
    AppRoleAssignment, Application, GraphClient, MICROSOFT_GRAPH, ServicePrincipal, ServicePrincipalId,
};
use crate::http::redact::one_line;

/// What is there of what there should be, and what is not.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) tenant: TenantId,
    pub(super) application: Option<Application>,
    pub(super) principal: Option<ServicePrincipalId>,
    /// Microsoft Graph's own service principal.
    pub(super) graph: ServicePrincipalId,
    /// Permissions that the registration does not ask for yet.
    pub(super) undeclared: Vec<(String, Uuid)>,
    /// Permissions that are not granted yet.
    pub(super) ungranted: Vec<(String, Uuid)>,
    /// Roles that it does not hold yet.
    pub(super) unassigned: Vec<DirectoryRole>,
    /// Whether the caller may grant permissions, as far as its token tells.
    pub(super) may_grant: Option<bool>,
    /// Whether it may give roles.
    pub(super) may_assign: Option<bool>,
}

impl Found {
    pub(super) async fn look(setup: &Setup, client: &GraphClient) -> Result<Self> {
        let claims = client.tokens().token().await?.claims();
        let tenant = client.organization().await?.id;
        let graph = client.service_principals().get_by_client_id(MICROSOFT_GRAPH).await?;
        let wanted = offered(setup, &graph)?;
        let graph = identified(graph)?;
        let application = application(setup, client).await?;
        let principal = match application.as_ref().and_then(|known| known.app_id.as_ref()) {
            Some(id) => found(client.service_principals().get_by_client_id(id.as_str()).await)?,
            None => None,
        };
        let principal = principal.map(identified).transpose()?;

        let declared: BTreeSet<Uuid> = application.as_ref().map(declared).unwrap_or_default();
        let granted = match &principal {
            Some(principal) => granted(client, principal, &graph).await?,
            None => BTreeSet::new(),
        };
        let without = |there: &BTreeSet<Uuid>| -> Vec<(String, Uuid)> {
            wanted.iter().filter(|(_, id)| !there.contains(id)).cloned().collect()
        };
        let (undeclared, ungranted) = (without(&declared), without(&granted));
        let mut may_assign = may(&claims, "RoleManagement.ReadWrite.Directory");
        let held = match &principal {
            Some(principal) if !setup.roles.is_empty() => match held(client, principal).await {
                Err(error) if error.kind() == ErrorKind::Forbidden => {
                    may_assign = Some(false);
                    BTreeSet::new()
                }
                held => held?,
            },
            _ => BTreeSet::new(),
        };
        Ok(Self {
            tenant,
            application,
            principal,
            graph,
            undeclared,
            ungranted,
            unassigned: setup.roles.iter().filter(|role| !held.contains(role.template_id())).collect(),
            may_grant: may(&claims, "AppRoleAssignment.ReadWrite.All"),
            may_assign,
        })
    }
}

/// Nothing if the token does not tell.
fn may(claims: &TokenClaims, permission: &str) -> Option<bool> {
    // Who acts as a person in all things shows only when it is tried what that person may do.
    let acts_as_person = claims.scopes.iter().any(|scope| scope == "Directory.AccessAsUser.All");
    let is_told = *claims != TokenClaims::default() && !acts_as_person;
    is_told.then(|| claims.has_permission(permission) || claims.scopes.iter().any(|scope| scope == permission))
}

/// An object that may not be there.
pub(super) fn found<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn identified(principal: ServicePrincipal) -> Result<ServicePrincipalId> {
    principal.id.ok_or_else(|| Error::new(ErrorKind::Protocol, "Microsoft Graph gives a service principal without id"))
}

/// The ids of the wanted permissions, as this tenant's Microsoft Graph offers them.
fn offered(setup: &Setup, graph: &ServicePrincipal) -> Result<Vec<(String, Uuid)>> {
    let roles = graph.app_roles.as_deref().unwrap_or_default();
    let id_of = |name: &str| {
        let is_it = |role: &&crate::graph::AppRole| {
            role.value.as_deref() == Some(name)
                && role.is_enabled
                && role.allowed_member_types.iter().any(|kind| kind == "Application")
        };
        roles.iter().find(is_it).map(|role| role.id)
    };
    let (mut ids, mut unknown) = (Vec::new(), Vec::new());
    for name in setup.permissions.iter() {
        match id_of(name) {
            Some(id) => ids.push((name.to_owned(), id)),
            None => unknown.push(name),
        }
    }
    if !unknown.is_empty() {
        let message = "Microsoft Graph of this cloud offers applications no such permission; check its name";
        return Err(Error::new(ErrorKind::Invalid, message).with_context("permission", unknown.join(", ")));
    }
    Ok(ids)
}

/// Finds the application: by client id, else by its key, else by its name.
async fn application(setup: &Setup, client: &GraphClient) -> Result<Option<Application>> {
    let applications = client.applications();
    if let Some(id) = &setup.client_id {
        let known = found(applications.get_by_client_id(id).await)?;
        return known.map(Some).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "no application of the tenant has this client id")
                .with_context("client-id", id)
        });
    }
    if let Some(known) = found(applications.get_by_unique_name(&setup.key()).await)? {
        // A key that was made of the name says little; one that was given is meant.
        if setup.unique_name.is_none() && known.display_name.as_deref() != Some(&setup.name) {
            let message = "another application has the key that the name makes; give its client id, or a unique name";
            return Err(Error::new(ErrorKind::Conflict, message)
                .with_context("key", setup.key())
                .with_context("application", one_line(&known.display_name.unwrap_or_default(), 256)));
        }
        return Ok(Some(known));
    }
    let named = applications.list_named(&setup.name).select(["id", "appId", "displayName"]);
    let named: Vec<Application> = named.items().try_collect().await?;
    let mut named = named.into_iter().filter(|known| known.display_name.as_deref() == Some(&setup.name));
    match (named.next(), named.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(Error::new(
            ErrorKind::Conflict,
            "several applications have this name; give the client id of the right one",
        )
        .with_context("name", &setup.name)),
        (Some(known), None) => match known.id {
            // A list does not show the keys.
            Some(id) => applications.get(id).await.map(Some),
            None => Err(Error::new(ErrorKind::Protocol, "Microsoft Graph gives an application without id")),
        },
    }
}

fn declared(application: &Application) -> BTreeSet<Uuid> {
    let all = application.required_resource_access.as_deref().unwrap_or_default();
    let of_graph = all.iter().filter(|one| one.resource_app_id.eq_ignore_ascii_case(MICROSOFT_GRAPH));
    of_graph.flat_map(|one| &one.resource_access).filter(|one| one.kind == "Role").map(|one| one.id).collect()
}

/// The permissions of Microsoft Graph that a service principal was granted.
pub(super) async fn granted(
    client: &GraphClient,
    principal: &ServicePrincipalId,
    graph: &ServicePrincipalId,
) -> Result<BTreeSet<Uuid>> {
    let all: Vec<AppRoleAssignment> =
        client.service_principals().app_role_assignments(principal).items().try_collect().await?;
    Ok(all.into_iter().filter(|one| one.resource_id == *graph).map(|one| one.app_role_id).collect())
}

/// The template ids of the roles that a service principal holds over the whole tenant.
async fn held(client: &GraphClient, principal: &ServicePrincipalId) -> Result<BTreeSet<String>> {
    let all: Vec<_> = client.role_assignments_of(principal.as_str()).items().try_collect().await?;
    let whole = all.into_iter().filter(|one| one.directory_scope_id.as_deref().is_none_or(|scope| scope == "/"));
    Ok(whole.map(|one| one.role_definition_id.as_str().to_ascii_lowercase()).collect())
}

/// The client id of an application that was read.
pub(super) fn client_id(application: &Application) -> Result<ClientId> {
    let id = application.app_id.clone();
    id.ok_or_else(|| Error::new(ErrorKind::Protocol, "Microsoft Graph gives an application without client id"))
}
