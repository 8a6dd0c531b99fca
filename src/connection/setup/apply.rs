//! Making what is missing.

use std::future::Future;
use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::super::patience::Waits;
use super::super::permissions::Permissions;
use super::look::{Found, client_id, found, granted, identified};
use super::outcome::{Made, SetupFailure, SetupReport};
use super::plan::{PlannedStep, SetupPlan, SetupStep, StepKind};
use super::want::{NewCredential, Setup};
use crate::clock::later;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{
    Application, GraphClient, KeyCredential, MICROSOFT_GRAPH, RequiredResourceAccess, ServicePrincipalId,
};
use crate::secret::Secret;

/// How long what was just made may take to be found everywhere.
const PATIENCE: Duration = Duration::from_secs(300);

impl Setup {
    /// Makes what is missing, as the plan shows it.
    ///
    /// What was made a moment ago may not be found everywhere yet: such requests are sent again for up to five minutes.
    /// What the caller has no right to is left, and is among the steps as [`StepKind::ByHand`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Stale`] if more would be written than the plan shows, since the tenant has changed; those of
    /// [`plan`](Setup::plan). A step that fails is no error: the report says which, with what was made before.
    ///
    /// # Cancellation
    ///
    /// What was made stays, and a secret that nobody took is lost. Run it again.
    pub async fn apply(&self, client: &GraphClient, plan: &SetupPlan) -> Result<SetupReport> {
        self.check_at(client)?;
        let found = Found::look(self, client).await?;
        let now_planned = self.planned(&found, client);
        if !now_planned.is_within(plan) {
            let message = "the tenant has changed since the plan was made, or it is another's; make a new plan";
            return Err(Error::new(ErrorKind::Stale, message));
        }
        let made = Made::nothing(found.tenant.clone());
        let mut run = Run { setup: self, client, found, made, secret: None, is_new: false };
        let (mut steps, mut failure) = (Vec::new(), None);
        for planned in now_planned.steps {
            match run.take(planned.step, planned.kind).await {
                Ok(kind) => steps.push(PlannedStep { kind, ..planned }),
                Err(error) => {
                    let advice = run.advice(planned.step, &error);
                    failure = Some(SetupFailure { step: planned.step, cause: error.to_chain(), advice });
                    break;
                }
            }
        }
        Ok(SetupReport { made: run.made, steps, failure, secret: run.secret })
    }

    /// Waits until an administrator has consented to all permissions, at most so long; those that are missing then.
    ///
    /// # Errors
    ///
    /// Those of reading; [`ErrorKind::NotFound`] if the application or its service principal is not there.
    pub async fn wait_for_consent(&self, client: &GraphClient, patience: Duration) -> Result<Permissions> {
        let clock = client.clock();
        let mut waits = Waits::new(clock.now(), patience);
        loop {
            let found = Found::look(self, client).await?;
            if found.application.is_none() {
                return Err(Error::new(ErrorKind::NotFound, "the application is not there"));
            }
            let missing: Permissions = found.ungranted.into_iter().map(|(name, _)| name).collect();
            match waits.next(clock.now()).filter(|_| !missing.is_empty()) {
                Some(wait) => clock.sleep(wait).await,
                None => return Ok(missing),
            }
        }
    }
}

struct Run<'a> {
    setup: &'a Setup,
    client: &'a GraphClient,
    found: Found,
    made: Made,
    secret: Option<Secret>,
    /// Whether what is asked for may not be found, since it was made a moment ago.
    is_new: bool,
}

impl Run<'_> {
    async fn take(&mut self, step: SetupStep, kind: StepKind) -> Result<StepKind> {
        match step {
            SetupStep::Application => self.application().await?,
            SetupStep::Permissions => self.declare().await?,
            SetupStep::ServicePrincipal => self.principal().await?,
            SetupStep::Consent if kind == StepKind::Change => return self.consent().await,
            SetupStep::Roles if kind == StepKind::Change => return self.roles().await,
            SetupStep::Credential if kind == StepKind::Change => self.credential().await?,
            SetupStep::Consent | SetupStep::Roles | SetupStep::Credential => {}
        }
        Ok(kind)
    }

    async fn application(&mut self) -> Result<()> {
        let name = &self.setup.name;
        let applications = self.client.applications();
        let application = match self.found.application.take() {
            Some(known) if known.display_name.as_deref() == Some(name) => known,
            Some(mut known) => {
                let id = known.id.clone().ok_or_else(without_id)?;
                applications.update(id, &json!({ "displayName": name })).await?;
                known.display_name = Some(name.clone());
                known
            }
            None => {
                let key = self.setup.key();
                let access = self.required(Vec::new());
                let body = json!({
                    "displayName": name,
                    "signInAudience": "AzureADMyOrg",
                    "requiredResourceAccess": access,
                });
                let answer = applications.upsert_by_unique_name(&key, &body).await?;
                // Anything else: somebody made it a moment ago, and it is not ours to delete.
                self.made.created_application = answer.status() == StatusCode::CREATED;
                self.is_new = true;
                self.made.declared = self.found.undeclared.drain(..).map(|(_, id)| id).collect();
                self.eventually(
                    |error| error.kind() == ErrorKind::NotFound,
                    async || self.client.applications().get_by_unique_name(&key).await,
                )
                .await?
            }
        };
        self.made.application = application.id.clone();
        self.made.client_id = Some(client_id(&application)?);
        self.found.application = Some(application);
        Ok(())
    }

    /// What the registration is to ask for: what it does already, and what is missing.
    fn required(&self, mut all: Vec<RequiredResourceAccess>) -> Vec<RequiredResourceAccess> {
        let missing = || self.found.undeclared.iter().map(|(_, id)| *id);
        let access = RequiredResourceAccess::of_roles(MICROSOFT_GRAPH, missing());
        match all.iter_mut().find(|one| one.resource_app_id.eq_ignore_ascii_case(MICROSOFT_GRAPH)) {
            Some(of_graph) => of_graph.resource_access.extend(access.resource_access),
            None if access.resource_access.is_empty() => {}
            None => all.push(access),
        }
        all
    }

    async fn declare(&mut self) -> Result<()> {
        if self.found.undeclared.is_empty() {
            return Ok(());
        }
        let application = self.known()?;
        let id = application.id.clone().ok_or_else(without_id)?;
        let access = self.required(application.required_resource_access.clone().unwrap_or_default());
        self.client.applications().update(id, &json!({ "requiredResourceAccess": access })).await?;
        self.made.declared = self.found.undeclared.iter().map(|(_, id)| *id).collect();
        Ok(())
    }

    async fn principal(&mut self) -> Result<()> {
        let id = client_id(self.known()?)?;
        let principal = match self.found.principal.clone() {
            Some(principal) => principal,
            None => {
                let no_application = |error: &Error| {
                    error.kind() == ErrorKind::NotFound || says(error, "does not reference a valid application object")
                };
                let principals = self.client.service_principals();
                let created = self.eventually(no_application, async || principals.create(&id).await).await;
                let principal = match created {
                    Ok(principal) => {
                        self.made.created_service_principal = true;
                        self.is_new = true;
                        principal
                    }
                    // Somebody made it a moment ago, or an answer of ours was lost.
                    Err(error) if error.kind() == ErrorKind::Conflict || error.is_outcome_in_doubt() => {
                        let known = found(principals.get_by_client_id(id.as_str()).await)?;
                        known.ok_or(error)?
                    }
                    Err(error) => return Err(error),
                };
                identified(principal)?
            }
        };
        self.made.service_principal = Some(principal.clone());
        self.found.principal = Some(principal);
        Ok(())
    }

    async fn consent(&mut self) -> Result<StepKind> {
        let principal = self.own()?;
        let graph = self.found.graph.clone();
        for (_, role) in std::mem::take(&mut self.found.ungranted) {
            let principals = self.client.service_principals();
            let lags =
                |error: &Error| self.is_new && (is_unknown(error) || says(error, "not a valid reference update"));
            match self.eventually(lags, async || principals.grant(&graph, role, &principal).await).await {
                Ok(grant) => self.made.grants.push(grant.id),
                Err(error) if says(&error, "already exists") => {}
                Err(error) if error.is_outcome_in_doubt() => {
                    if !granted(self.client, &principal, &graph).await?.contains(&role) {
                        return Err(error);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Forbidden => return Ok(StepKind::ByHand),
                Err(error) => return Err(error),
            }
        }
        Ok(StepKind::Change)
    }

    async fn roles(&mut self) -> Result<StepKind> {
        let principal = self.own()?;
        for role in std::mem::take(&mut self.found.unassigned) {
            let assign = async || self.client.assign_role(role.template_id(), principal.as_str()).await;
            match self.eventually(|error| self.is_new && is_unknown(error), assign).await {
                Ok(assignment) => self.made.roles.extend(assignment.id),
                Err(error) if says(&error, "conflicting object") || error.kind() == ErrorKind::Conflict => {}
                Err(error) if error.kind() == ErrorKind::Forbidden => return Ok(StepKind::ByHand),
                Err(error) => return Err(error),
            }
        }
        Ok(StepKind::Change)
    }

    async fn credential(&mut self) -> Result<()> {
        let Some(credential) = &self.setup.credential else { return Ok(()) };
        let id = self.known()?.id.clone().ok_or_else(without_id)?;
        let applications = self.client.applications();
        let lags = |error: &Error| self.is_new && is_unknown(error);
        match credential {
            NewCredential::Secret { name, good_for, .. } => {
                let end = later(self.client.clock().now(), *good_for);
                let made = self.eventually(lags, async || applications.add_password(&id, name, end).await).await?;
                self.made.secret = Some(made.key_id);
                self.secret = Some(made.secret);
            }
            NewCredential::Certificate(certificate) => {
                // The collection is replaced: what is there now goes along.
                let current = self.eventually(lags, async || applications.get(&id).await).await?;
                let mut keys = current.key_credentials.unwrap_or_default();
                let der = certificate.der_base64();
                if keys.iter().any(|key| key.key.as_ref() == Some(&der)) {
                    return Ok(());
                }
                let (start, end) = (certificate.not_before(), certificate.not_after());
                keys.push(KeyCredential::certificate(&self.setup.name, &der, start, end));
                let body = json!({ "keyCredentials": keys });
                self.eventually(lags, async || applications.update(&id, &body).await).await?;
                self.made.certificate = Some(der);
            }
        }
        Ok(())
    }

    fn known(&self) -> Result<&Application> {
        self.found.application.as_ref().ok_or_else(without_id)
    }

    fn own(&self) -> Result<ServicePrincipalId> {
        self.found.principal.clone().ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no service principal"))
    }

    /// Sends a request again as long as it fails because of what is not found everywhere yet.
    async fn eventually<T, F: Future<Output = Result<T>>>(
        &self,
        lags: impl Fn(&Error) -> bool,
        request: impl Fn() -> F,
    ) -> Result<T> {
        let clock = self.client.clock();
        let mut waits = Waits::new(clock.now(), PATIENCE);
        loop {
            let error = match request().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // What may have been carried out is not sent blindly again.
            let again = lags(&error) && !error.is_outcome_in_doubt();
            match waits.next(clock.now()).filter(|_| again) {
                Some(wait) => clock.sleep(wait).await,
                None => return Err(error),
            }
        }
    }

    fn advice(&self, step: SetupStep, error: &Error) -> String {
        if error.kind() == ErrorKind::Forbidden {
            let role = match step {
                SetupStep::Consent | SetupStep::Roles => "Privileged Role Administrator",
                _ => "Cloud Application Administrator or Application Administrator",
            };
            return format!("sign in as somebody who is {role}, with the permission that is missing");
        }
        if error.is_outcome_in_doubt() && step == SetupStep::Credential {
            return "a secret may have been made that nobody knows: remove it in the portal, and ask for a new one"
                .into();
        }
        match error.graph() {
            Some(graph) => graph.class().advice().to_owned(),
            None => "check the network, then run the set-up again".to_owned(),
        }
    }
}

fn without_id() -> Error {
    Error::new(ErrorKind::Protocol, "Microsoft Graph gives an application without id")
}

fn is_unknown(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound || says(error, "don't exist")
}

/// Whether Graph's message has these words; its codes alone tell too little here.
fn says(error: &Error, words: &str) -> bool {
    error.graph().is_some_and(|graph| graph.message.to_ascii_lowercase().contains(words))
}
