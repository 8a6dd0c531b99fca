//! What a check found.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::operation::{Operation, OperationGroup};
use super::permissions::{Permissions, Roles};
use crate::auth::{ClientId, TenantId};
use crate::graph::SkuId;

/// What a check found, in the order in which it looked. Storable, also when it failed.
///
/// | stage | what it shows | what it needs |
/// |---|---|---|
/// | `credential` | the credential is there, and its certificate good for a while | nothing |
/// | `reachability` | the host that issues tokens answers | the network |
/// | `tenant` | the tenant exists, and in this cloud | |
/// | `clock` | this machine's clock is right | |
/// | `token` | the application signs in, and gets a token for this tenant's Graph | a good credential |
/// | `permissions` | what the connection is for is permitted | consent |
/// | `roles` | the directory roles that it is to hold | |
/// | `organization` | Graph answers, and for the tenant that was meant | `Organization.Read.All` |
/// | `domains` | there is a verified domain that new users get, the connection's own if it names one | `Domain.Read.All`, or what `organization` told |
/// | `subscription` | the tenant has an active subscription; a warning if not | `Organization.Read.All` |
/// | `licenses` | the products with their seats; a warning if they cannot be read | `LicenseAssignment.Read.All` |
///
/// A tenant that the cloud does not know is asked for at the hosts of the other known clouds, so that the right one can be
/// named; nothing but the tenant's id or domain is sent there.
///
/// The check passes if no stage failed. What rests on a stage that failed is skipped; with a ready token nobody signs in,
/// and the host that issues tokens is not asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Check {
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Its stages.
    pub stages: Vec<Stage>,
    /// What was learnt of the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantFacts>,
    /// What was learnt of the application, from its token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<ApplicationFacts>,
    /// What is permitted and what is missing, by group of operations; empty if the token does not tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access: Vec<GroupAccess>,
    /// The tenant's products.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<LicenseFacts>,
    /// When the certificate that the connection signs in with ends.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub certificate_ends: Option<OffsetDateTime>,
    /// How many seconds the other side's clock is ahead of this machine's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead_seconds: Option<i64>,
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
    /// How long it took, in milliseconds.
    #[serde(default)]
    pub took_ms: u64,
}

/// The stages of a [`Check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum StageName {
    /// The credential itself.
    Credential,
    /// The host that issues tokens answers.
    Reachability,
    /// The tenant exists in this cloud.
    Tenant,
    /// This machine's clock is right.
    Clock,
    /// The application signs in.
    Token,
    /// What the connection is for is permitted.
    Permissions,
    /// The application holds the directory roles that it is to hold.
    Roles,
    /// Graph answers for the tenant.
    Organization,
    /// The tenant's domains can be read.
    Domains,
    /// The tenant has an active subscription.
    Subscription,
    /// The tenant's products can be read.
    Licenses,
}

/// What came of a [`Stage`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum StageOutcome {
    /// It is as it should be.
    Passed,
    /// It works, and somebody should look at it.
    Warned {
        /// What is odd, in one line.
        cause: String,
        /// What to do about it.
        advice: String,
    },
    /// It is not as it should be.
    Failed {
        /// What is wrong, in one line.
        cause: String,
        /// What to do about it.
        advice: String,
    },
    /// Not looked at, since an earlier stage failed or it has no meaning for this credential.
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
    /// The domain that new users get: the connection's own if it names one, else the tenant's default.
    pub default_domain: Option<String>,
    /// All domains that it has proved to own.
    pub verified_domains: Vec<String>,
    /// Whether people are synchronised into it from another directory; those are read, and not written.
    #[serde(default)]
    pub is_synchronized: bool,
}

/// What a check learns of the application from its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ApplicationFacts {
    /// Its client id.
    pub client_id: Option<ClientId>,
    /// The id of its service principal in the tenant.
    pub service_principal: Option<String>,
    /// The permissions that it was granted.
    pub permissions: Permissions,
    /// The built-in directory roles that it holds.
    pub roles: Roles,
    /// What was granted and the connection has no use for, as far as it says what it is for.
    #[serde(default, skip_serializing_if = "Permissions::is_empty")]
    pub unneeded: Permissions,
}

/// What is permitted in one group of operations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct GroupAccess {
    /// Which group.
    pub group: OperationGroup,
    /// What may be done.
    pub allowed: Vec<Operation>,
    /// What the connection is for and may not be done. Where it does not say what it is for: what else there is.
    pub denied: Vec<Operation>,
    /// What to grant so that nothing of it is denied: the least that would do.
    pub missing: Permissions,
}

/// A product of the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LicenseFacts {
    /// The product.
    pub sku: SkuId,
    /// Its name, such as `ENTERPRISEPREMIUM`.
    pub part_number: String,
    /// How many seats can be used, those of ended subscriptions that still work included.
    pub seats: i64,
    /// How many are taken.
    pub taken: i64,
}

impl Check {
    /// Whether no stage failed. Warnings do not stop anybody.
    #[must_use]
    pub fn passed(&self) -> bool {
        !self.stages.is_empty() && self.failure().is_none()
    }

    /// The first stage that failed, with its cause and advice.
    #[must_use]
    pub fn failure(&self) -> Option<(StageName, &str, &str)> {
        self.stages.iter().find_map(|stage| match &stage.outcome {
            StageOutcome::Failed { cause, advice } => Some((stage.name, cause.as_str(), advice.as_str())),
            _ => None,
        })
    }

    /// The stages that warn, each with its cause and advice.
    pub fn warnings(&self) -> impl Iterator<Item = (StageName, &str, &str)> {
        self.stages.iter().filter_map(|stage| match &stage.outcome {
            StageOutcome::Warned { cause, advice } => Some((stage.name, cause.as_str(), advice.as_str())),
            _ => None,
        })
    }

    /// What came of a stage.
    #[must_use]
    pub fn outcome(&self, name: StageName) -> Option<&StageOutcome> {
        self.stages.iter().find(|stage| stage.name == name).map(|stage| &stage.outcome)
    }
}

/// One line a stage.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, stage) in self.stages.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}: {}", stage.name, stage.outcome)?;
        }
        Ok(())
    }
}

impl fmt::Display for StageOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Skipped => f.write_str("skipped"),
            Self::Warned { cause, advice } => write!(f, "warning: {cause}; {advice}"),
            Self::Failed { cause, advice } => write!(f, "failed: {cause}; {advice}"),
        }
    }
}

/// `users: may read users; may not create users: grant User.ReadWrite.All`.
impl fmt::Display for GroupAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.group)?;
        if !self.allowed.is_empty() {
            write!(f, "may {}", listed(&self.allowed))?;
        }
        if !self.denied.is_empty() {
            let and = if self.allowed.is_empty() { "" } else { "; " };
            write!(f, "{and}may not {}: grant {}", listed(&self.denied), self.missing)?;
        }
        Ok(())
    }
}

fn listed(operations: &[Operation]) -> String {
    operations.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for StageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credential => "credential",
            Self::Reachability => "reachability",
            Self::Tenant => "tenant",
            Self::Clock => "clock",
            Self::Token => "token",
            Self::Permissions => "permissions",
            Self::Roles => "roles",
            Self::Organization => "organization",
            Self::Domains => "domains",
            Self::Subscription => "subscription",
            Self::Licenses => "licenses",
        })
    }
}

#[cfg(test)]
impl Default for Check {
    fn default() -> Self {
        Self {
            at: OffsetDateTime::UNIX_EPOCH,
            stages: vec![Stage { name: StageName::Token, outcome: StageOutcome::Passed, took_ms: 0 }],
            tenant: None,
            application: None,
            access: Vec::new(),
            licenses: Vec::new(),
            certificate_ends: None,
            clock_ahead_seconds: None,
        }
    }
}
