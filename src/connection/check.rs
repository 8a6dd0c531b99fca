//! Whether a tenant can be worked with, stage by stage.

use std::fmt;

use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::auth::TenantId;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind};
use crate::graph::{Domain, GraphClient, Organization};

/// What a check found, in the order in which it looked. Storable.
///
/// | stage | what it shows | what it needs |
/// |---|---|---|
/// | `token` | the application signs in | a good credential |
/// | `organization` | Graph answers, and for the tenant that was meant | `Organization.Read.All` |
/// | `domains` | there is a verified domain that new users get | `Domain.Read.All`, or what `organization` told |
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Check {
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Its stages; after one that failed, the others are skipped.
    pub stages: Vec<Stage>,
    /// What was learnt of the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantFacts>,
}

/// One stage of a [`Check`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Stage {
    /// Which one.
    pub name: StageName,
    /// What came of it.
    pub outcome: StageOutcome,
}

/// The stages of a [`Check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum StageName {
    /// The application signs in.
    Token,
    /// Graph answers for the tenant.
    Organization,
    /// The tenant's domains can be read.
    Domains,
}

/// What came of a [`Stage`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum StageOutcome {
    /// It is as it should be.
    Passed,
    /// It is not.
    Failed {
        /// What is wrong, in one line.
        cause: String,
        /// What to do about it.
        advice: String,
    },
    /// Not looked at, since an earlier stage failed.
    Skipped,
}

/// What a check learns of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TenantFacts {
    /// Its id.
    pub id: TenantId,
    /// Its name.
    pub name: Option<String>,
    /// The domain that new users get by default.
    pub default_domain: Option<String>,
    /// All domains that it has proved to own.
    pub verified_domains: Vec<String>,
}

impl Check {
    /// Whether every stage passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        !self.stages.is_empty() && self.stages.iter().all(|stage| stage.outcome == StageOutcome::Passed)
    }

    /// The stage that failed, with its cause and advice.
    #[must_use]
    pub fn failure(&self) -> Option<(StageName, &str, &str)> {
        self.stages.iter().find_map(|stage| match &stage.outcome {
            StageOutcome::Failed { cause, advice } => Some((stage.name, cause.as_str(), advice.as_str())),
            _ => None,
        })
    }
}

/// One line a stage.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, stage) in self.stages.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}: ", stage.name)?;
            match &stage.outcome {
                StageOutcome::Passed => f.write_str("passed")?,
                StageOutcome::Skipped => f.write_str("skipped")?,
                StageOutcome::Failed { cause, advice } => write!(f, "failed: {cause}; {advice}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for StageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token => "token",
            Self::Organization => "organization",
            Self::Domains => "domains",
        })
    }
}

/// Goes through the stages until one fails.
pub(super) async fn run(client: &GraphClient, tenant: &TenantId, clock: &dyn Clock) -> Check {
    let mut check = Check { at: clock.now(), stages: Vec::new(), tenant: None };
    let failed = look(client, tenant, &mut check.tenant).await.err();
    let failed_at = failed.as_ref().map(|(name, _)| *name);
    let outcome = |name| match (failed_at, &failed) {
        (Some(at), Some((_, failure))) if at == name => failure.clone(),
        (Some(at), _) if (at as u8) < (name as u8) => StageOutcome::Skipped,
        _ => StageOutcome::Passed,
    };
    for name in [StageName::Token, StageName::Organization, StageName::Domains] {
        check.stages.push(Stage { name, outcome: outcome(name) });
    }
    check
}

async fn look(
    client: &GraphClient,
    tenant: &TenantId,
    facts: &mut Option<TenantFacts>,
) -> Result<(), (StageName, StageOutcome)> {
    let token = client.tokens().token().await;
    token.map_err(|error| (StageName::Token, failure(&error, "check the tenant, the client id and the secret")))?;

    let organization = client.organization().await.map_err(|error| {
        let advice = "grant the application Organization.Read.All and consent to it";
        (StageName::Organization, failure(&error, advice))
    })?;
    let is_id = |tenant: &TenantId| !tenant.as_str().contains('.');
    if is_id(tenant) && *tenant != organization.id {
        let outcome = StageOutcome::Failed {
            cause: format!("the token is for the tenant {}, not for {tenant}", organization.id),
            advice: "check the tenant and where the token comes from".into(),
        };
        return Err((StageName::Organization, outcome));
    }
    let domains = domains(client, &organization).await.map_err(|error| {
        let advice = "grant the application Domain.Read.All and consent to it";
        (StageName::Domains, failure(&error, advice))
    })?;
    let verified = || domains.iter().filter(|domain| domain.is_verified);
    let learnt = facts.insert(TenantFacts {
        id: organization.id,
        name: organization.display_name,
        default_domain: verified().find(|domain| domain.is_default).map(|domain| domain.id.clone()),
        verified_domains: verified().map(|domain| domain.id.clone()).collect(),
    });
    if learnt.default_domain.is_none() {
        let outcome = StageOutcome::Failed {
            cause: "no verified domain is the default for new users".into(),
            advice: "verify a domain in the tenant and make it the default".into(),
        };
        return Err((StageName::Domains, outcome));
    }
    Ok(())
}

/// The tenant's domains; without the permission to list them, those that the organization names.
async fn domains(client: &GraphClient, organization: &Organization) -> Result<Vec<Domain>, Error> {
    match client.domains().items().try_collect().await {
        Err(error) if error.kind() == ErrorKind::Forbidden && !organization.verified_domains.is_empty() => {
            Ok(organization.verified_domains.iter().map(Domain::from).collect())
        }
        listed => listed,
    }
}

fn failure(error: &Error, permission: &str) -> StageOutcome {
    let advice = match error.kind() {
        ErrorKind::Unauthenticated if error.graph().is_some() => {
            "Graph refuses the token: use one that was issued for this cloud's Microsoft Graph and has not run out"
                .to_owned()
        }
        ErrorKind::Forbidden | ErrorKind::Unauthenticated => permission.to_owned(),
        ErrorKind::Transport | ErrorKind::TimedOut => {
            "check the network, the proxy and the hosts of the cloud, then try again".to_owned()
        }
        _ => match error.graph() {
            Some(graph) => graph.class().advice().to_owned(),
            None => permission.to_owned(),
        },
    };
    StageOutcome::Failed { cause: error.to_chain(), advice }
}

#[cfg(test)]
impl Default for Check {
    fn default() -> Self {
        Self {
            at: OffsetDateTime::UNIX_EPOCH,
            stages: vec![Stage { name: StageName::Token, outcome: StageOutcome::Passed }],
            tenant: None,
        }
    }
}
