//! Taking back what a set-up made.

use serde_json::json;

use super::look::found;
use super::outcome::{Made, SetupFailure};
use super::plan::SetupStep;
use super::want::Setup;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Application, ApplicationId, GraphClient, MICROSOFT_GRAPH, ServicePrincipalId};

impl Setup {
    /// Takes back what a set-up made, and nothing else: roles, grants, the credential, and the application itself if it
    /// was made then; else what was added to it. What is gone already is no failure.
    ///
    /// A deleted application stays in the recycle bin for 30 days, and its unique name may stay taken as long.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TenantChanged`] if the client is another tenant's, and those of reading. What cannot be removed is no
    /// error: it is listed, and the rest is removed all the same.
    pub async fn remove(client: &GraphClient, made: &Made) -> Result<Vec<SetupFailure>> {
        let tenant = client.organization().await?.id;
        if tenant != made.tenant {
            return Err(Error::new(ErrorKind::TenantChanged, "the application was set up in another tenant")
                .with_context("made-in", &made.tenant)
                .with_context("tenant", tenant));
        }
        let mut failures = Vec::new();
        let mut note = |step: SetupStep, outcome: Result<()>| {
            let Err(error) = outcome else { return };
            if error.kind() != ErrorKind::NotFound {
                let advice = match error.graph() {
                    Some(graph) => graph.class().advice().to_owned(),
                    None => "check the network, then try again".to_owned(),
                };
                failures.push(SetupFailure { step, cause: error.to_chain(), advice });
            }
        };
        for role in &made.roles {
            note(SetupStep::Roles, client.unassign_role(role).await);
        }
        if !made.grants.is_empty() {
            note(SetupStep::Consent, withdraw(client, made).await);
        }
        if let Some(id) = &made.application {
            if made.created_application {
                note(SetupStep::Application, client.applications().delete(id.clone()).await);
            } else {
                note(SetupStep::Credential, credentials(client, id, made).await);
                note(SetupStep::Permissions, undeclare(client, id, made).await);
                if let (true, Some(principal)) = (made.created_service_principal, &made.service_principal) {
                    note(SetupStep::ServicePrincipal, client.service_principals().delete(principal).await);
                }
            }
        }
        Ok(failures)
    }
}

/// Withdraws the grants, each also if another was gone already.
async fn withdraw(client: &GraphClient, made: &Made) -> Result<()> {
    let principals = client.service_principals();
    let Some(graph) = found(principals.get_by_client_id(MICROSOFT_GRAPH).await)?.and_then(|graph| graph.id) else {
        return Ok(());
    };
    let graph: ServicePrincipalId = graph;
    for grant in &made.grants {
        found(principals.withdraw(&graph, grant).await)?;
    }
    Ok(())
}

async fn credentials(client: &GraphClient, id: &ApplicationId, made: &Made) -> Result<()> {
    let applications = client.applications();
    if made.secret.is_none() && made.certificate.is_none() {
        return Ok(());
    }
    let Some(known) = found(applications.get(id.clone()).await)? else { return Ok(()) };
    let secrets = known.password_credentials.as_deref().unwrap_or_default();
    if let Some(key) = made.secret.filter(|key| secrets.iter().any(|secret| secret.key_id == Some(*key))) {
        applications.remove_password(id.clone(), key).await?;
    }
    let mut keys = known.key_credentials.unwrap_or_default();
    let before = keys.len();
    keys.retain(|key| made.certificate.is_none() || key.key != made.certificate);
    if keys.len() < before {
        applications.update(id.clone(), &json!({ "keyCredentials": keys })).await?;
    }
    Ok(())
}

/// Lets the registration ask no longer for what it was made to ask for.
async fn undeclare(client: &GraphClient, id: &ApplicationId, made: &Made) -> Result<()> {
    let applications = client.applications();
    if made.declared.is_empty() {
        return Ok(());
    }
    let known: Option<Application> = found(applications.get(id.clone()).await)?;
    let Some(mut access) = known.and_then(|known| known.required_resource_access) else { return Ok(()) };
    for of_graph in access.iter_mut().filter(|one| one.resource_app_id.eq_ignore_ascii_case(MICROSOFT_GRAPH)) {
        of_graph.resource_access.retain(|one| one.kind != "Role" || !made.declared.contains(&one.id));
    }
    access.retain(|one| !one.resource_access.is_empty());
    applications.update(id.clone(), &json!({ "requiredResourceAccess": access })).await
}
