//! What was done.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use super::super::builder::ConnectionBuilder;
use super::super::settings::{Connection, consent_url};
use super::plan::{PlannedStep, SetupStep, StepKind};
use crate::auth::{ClientId, TenantId};
use crate::cloud::Cloud;
use crate::graph::{ApplicationId, ServicePrincipalId};
use crate::secret::Secret;

/// What a set-up did. Serialised, it holds no secret.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SetupReport {
    /// What was made, to be stored for [`Setup::remove`](super::Setup::remove).
    pub made: Made,
    /// What came of the steps: what was done, what was there, what is left for somebody else. Those after a failure are
    /// not among them.
    pub steps: Vec<PlannedStep>,
    /// What went wrong; run the set-up again when it is mended.
    pub failure: Option<SetupFailure>,
    #[serde(skip)]
    pub(super) secret: Option<Secret>,
}

/// A step that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SetupFailure {
    /// Which step.
    pub step: SetupStep,
    /// What is wrong, in one line.
    pub cause: String,
    /// What to do about it.
    pub advice: String,
}

/// The application that was set up, and what of it was made then. Storable; holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Made {
    /// The tenant.
    pub tenant: TenantId,
    /// The application's object id.
    pub application: Option<ApplicationId>,
    /// Its client id, with which it signs in.
    pub client_id: Option<ClientId>,
    /// Its service principal.
    pub service_principal: Option<ServicePrincipalId>,
    /// Whether the application was made then, and not there before.
    pub created_application: bool,
    /// Whether the service principal was.
    pub created_service_principal: bool,
    /// The permissions that the registration was made to ask for, by id.
    #[serde(default)]
    pub declared: Vec<Uuid>,
    /// The grants that were made, by id.
    #[serde(default)]
    pub grants: Vec<String>,
    /// The role assignments that were made, by id.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The secret that was made, by its key id.
    #[serde(default)]
    pub secret: Option<Uuid>,
    /// The certificate that was added, DER as base64.
    #[serde(default)]
    pub certificate: Option<String>,
}

impl Made {
    pub(super) fn nothing(tenant: TenantId) -> Self {
        Self {
            tenant,
            application: None,
            client_id: None,
            service_principal: None,
            created_application: false,
            created_service_principal: false,
            declared: Vec::new(),
            grants: Vec::new(),
            roles: Vec::new(),
            secret: None,
            certificate: None,
        }
    }

    /// With what an earlier set-up made of the same application, so that both are taken back together.
    #[must_use]
    pub fn merged_with(mut self, earlier: &Self) -> Self {
        if self.application != earlier.application || self.tenant != earlier.tenant {
            return self;
        }
        self.created_application |= earlier.created_application;
        self.created_service_principal |= earlier.created_service_principal;
        self.declared.extend_from_slice(&earlier.declared);
        self.grants.extend_from_slice(&earlier.grants);
        self.roles.extend_from_slice(&earlier.roles);
        self.secret = self.secret.or(earlier.secret);
        self.certificate = self.certificate.or_else(|| earlier.certificate.clone());
        self
    }

    /// Where an administrator consents to what the application asks for, if it is there.
    #[must_use]
    pub fn consent_url(&self, cloud: &Cloud) -> Option<Url> {
        self.client_id.as_ref().map(|id| consent_url(cloud, &self.tenant, id))
    }

    /// Starts a connection as the application, if it is there. It needs the credential too.
    #[must_use]
    pub fn connection(&self) -> Option<ConnectionBuilder> {
        self.client_id.as_ref().map(|id| Connection::builder(self.tenant.as_str(), id.as_str()))
    }
}

impl SetupReport {
    /// Whether all is there now, and nothing is left for somebody else.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failure.is_none() && self.by_hand().next().is_none()
    }

    /// What somebody with more rights must do.
    pub fn by_hand(&self) -> impl Iterator<Item = &PlannedStep> {
        self.steps.iter().filter(|step| step.kind == StepKind::ByHand)
    }

    /// The secret that was made, if one was: it is given once, and cannot be read again.
    pub fn take_secret(&mut self) -> Option<Secret> {
        self.secret.take()
    }
}

/// One line a step; the secret is not shown.
impl fmt::Display for SetupReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.steps.iter().map(|step| {
            let kind = match step.kind {
                StepKind::Unchanged => "unchanged",
                StepKind::Change => "done",
                StepKind::ByHand => "by hand",
            };
            format!("{}: {kind}: {}", step.step, step.what)
        });
        let failed = self.failure.iter().map(|it| format!("{}: failed: {}; {}", it.step, it.cause, it.advice));
        let all: Vec<String> = lines.by_ref().chain(failed).collect();
        f.write_str(&all.join("\n"))
    }
}
