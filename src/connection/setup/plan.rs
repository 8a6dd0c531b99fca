//! What would be done.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::look::Found;
use super::want::{FRESH, NewCredential, Setup};
use crate::auth::{ClientId, TenantId};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Application, GraphClient};
use crate::http::redact::one_line;

/// The steps of a set-up, in the order in which they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SetupStep {
    /// The application's registration.
    Application,
    /// Which permissions it asks for. Asking grants nothing.
    Permissions,
    /// The application's service principal in the tenant.
    ServicePrincipal,
    /// The consent: each permission is granted.
    Consent,
    /// Its directory roles.
    Roles,
    /// Its secret or certificate. Last, so that a secret is told as soon as there is one.
    Credential,
}

/// What a step comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StepKind {
    /// All is there already.
    Unchanged,
    /// Something is written.
    Change,
    /// The caller has no right to it: somebody else must do it.
    ByHand,
}

/// One step of a [`SetupPlan`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PlannedStep {
    /// Which one.
    pub step: SetupStep,
    /// What it comes to.
    pub kind: StepKind,
    /// What is done, in one line.
    pub what: String,
}

/// What a set-up would do: a value, which can be shown and stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SetupPlan {
    /// The tenant that it is for.
    pub tenant: TenantId,
    /// The application's client id, if it is there already.
    pub client_id: Option<ClientId>,
    /// Its steps.
    pub steps: Vec<PlannedStep>,
}

impl SetupPlan {
    /// Whether nothing is left to do, for anybody.
    #[must_use]
    pub fn is_converged(&self) -> bool {
        self.steps.iter().all(|step| step.kind == StepKind::Unchanged)
    }

    /// Whether everything that is written here is in an earlier plan too.
    pub(super) fn is_within(&self, shown: &Self) -> bool {
        let was_shown = |step: &PlannedStep| step.kind != StepKind::Change || shown.steps.contains(step);
        self.tenant == shown.tenant && self.steps.iter().all(was_shown)
    }
}

/// One line a step.
impl fmt::Display for SetupPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            let kind = match step.kind {
                StepKind::Unchanged => "unchanged",
                StepKind::Change => "change",
                StepKind::ByHand => "by hand",
            };
            write!(f, "{}: {kind}: {}", step.step, step.what)?;
        }
        Ok(())
    }
}

impl fmt::Display for SetupStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Application => "application",
            Self::Permissions => "permissions",
            Self::ServicePrincipal => "service principal",
            Self::Consent => "consent",
            Self::Roles => "roles",
            Self::Credential => "credential",
        })
    }
}

impl Setup {
    /// Compares what there should be with what is there; writes nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the set-up is wrong in itself, or a permission is not offered in
    /// this cloud; [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if several applications have the name, or another
    /// one has the key; those of reading.
    pub async fn plan(&self, client: &GraphClient) -> Result<SetupPlan> {
        self.check_at(client)?;
        Ok(self.planned(&Found::look(self, client).await?, client))
    }

    /// Whether it is right in itself, at this time.
    pub(super) fn check_at(&self, client: &GraphClient) -> Result<()> {
        self.check()?;
        let now = client.clock().now();
        match &self.credential {
            Some(NewCredential::Certificate(certificate)) if certificate.not_after() <= now => {
                Err(Error::new(ErrorKind::Invalid, "the certificate has expired; make a new one")
                    .with_context("end", certificate.not_after()))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn planned(&self, found: &Found, client: &GraphClient) -> SetupPlan {
        let mut steps = Vec::new();
        let mut note = |step, kind, what: String| steps.push(PlannedStep { step, kind, what });
        let unchanged_or = |is_unchanged: bool| if is_unchanged { StepKind::Unchanged } else { StepKind::Change };

        let name = &self.name;
        match &found.application {
            None => note(
                SetupStep::Application,
                StepKind::Change,
                format!("create the application '{name}' (unique name {})", self.key()),
            ),
            Some(known) if known.display_name.as_deref() == Some(name) => {
                note(SetupStep::Application, StepKind::Unchanged, format!("the application '{name}' is there"));
            }
            Some(known) => {
                let old = one_line(known.display_name.as_deref().unwrap_or_default(), 256);
                note(SetupStep::Application, StepKind::Change, format!("rename the application '{old}' to '{name}'"));
            }
        }
        let asked = listed(found.undeclared.iter().map(|(name, _)| name.as_str()), "asks for all permissions");
        note(SetupStep::Permissions, unchanged_or(found.undeclared.is_empty()), asked);
        let is_there = found.principal.is_some();
        let what = if is_there { "the service principal is there" } else { "create the service principal" };
        note(SetupStep::ServicePrincipal, unchanged_or(is_there), what.to_owned());

        let granted = listed(found.ungranted.iter().map(|(name, _)| name.as_str()), "all permissions are granted");
        let kind = match found.may_grant {
            _ if found.ungranted.is_empty() => StepKind::Unchanged,
            Some(false) => StepKind::ByHand,
            _ => StepKind::Change,
        };
        note(
            SetupStep::Consent,
            kind,
            if kind == StepKind::ByHand { format!("consent to {granted}") } else { granted },
        );
        let roles = listed(found.unassigned.iter().map(|role| role.name()), "all directory roles are there");
        let kind = match found.may_assign {
            _ if found.unassigned.is_empty() => StepKind::Unchanged,
            Some(false) => StepKind::ByHand,
            _ => StepKind::Change,
        };
        note(SetupStep::Roles, kind, roles);

        if let Some(credential) = &self.credential {
            let now = client.clock().now();
            let (is_there, what) = credential.planned(found.application.as_ref(), now);
            note(SetupStep::Credential, unchanged_or(is_there), what);
        }
        let client_id = found.application.as_ref().and_then(|application| application.app_id.clone());
        SetupPlan { tenant: found.tenant.clone(), client_id, steps }
    }
}

impl NewCredential {
    /// Whether it is there, and what is done about it.
    pub(super) fn planned(&self, known: Option<&Application>, now: time::OffsetDateTime) -> (bool, String) {
        match self {
            Self::Secret { name, good_for, is_forced } => {
                let secrets = known.and_then(|known| known.password_credentials.as_deref()).unwrap_or_default();
                let ends = secrets.iter().filter(|secret| secret.display_name.as_ref() == Some(name));
                let last = ends.filter_map(|secret| secret.end_date_time).max();
                if let Some(end) = last.filter(|end| !is_forced && *end - now >= FRESH) {
                    return (true, format!("the secret '{name}' is good until {}", end.date()));
                }
                let days = good_for.as_secs() / (24 * 60 * 60);
                (false, format!("make a secret '{name}' that is good for {days} days"))
            }
            Self::Certificate(certificate) => {
                let keys = known.and_then(|known| known.key_credentials.as_deref()).unwrap_or_default();
                let der = certificate.der_base64();
                let is_there = keys.iter().any(|key| key.key.as_ref() == Some(&der));
                let (print, end) = (certificate.thumbprint(), certificate.not_after().date());
                match is_there {
                    true => (true, format!("the certificate {print}, which ends on {end}, is trusted")),
                    false => (false, format!("trust the certificate {print}, which ends on {end}")),
                }
            }
        }
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>, none: &str) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { none.to_owned() } else { names.join(", ") }
}
