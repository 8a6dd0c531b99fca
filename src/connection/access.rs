//! What an application may do, by its token.

use std::collections::BTreeMap;

use super::check::{ApplicationFacts, GroupAccess, StageOutcome};
use super::operation::{Operation, OperationGroup, Operations};
use super::permissions::{DirectoryRole, Permissions, Roles};
use super::settings::Connection;
use crate::auth::{ClientId, TokenClaims};

/// Microsoft Graph's own application id, the same in every tenant.
pub(super) const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

/// Reads a token's claims; nothing if it does not tell.
pub(super) fn look(claims: &TokenClaims, wanted: Option<&Operations>) -> Option<(ApplicationFacts, Vec<GroupAccess>)> {
    if *claims == TokenClaims::default() {
        return None;
    }
    let granted: Permissions = claims.roles.iter().chain(&claims.scopes).cloned().collect();
    let roles: Roles = claims.directory_roles().filter_map(|id| DirectoryRole::new(id).ok()).collect();
    // Who does not say what a connection is for is told what all there is.
    let (looked_at, missed) = match wanted {
        Some(wanted) => (wanted.clone(), wanted.clone()),
        None => (Operation::all().collect(), Operations::outbound()),
    };
    let mut groups: BTreeMap<OperationGroup, (Vec<Operation>, Vec<Operation>)> = BTreeMap::new();
    for operation in looked_at.iter() {
        let (allowed, denied) = groups.entry(operation.group()).or_default();
        if operation.is_allowed(&granted, &roles) {
            allowed.push(operation);
        } else if missed.contains(operation) {
            denied.push(operation);
        }
    }
    let access = groups.into_iter().map(|(group, (allowed, denied))| {
        let least = Permissions::least(&denied.iter().copied().collect());
        GroupAccess { group, allowed, denied, missing: least.missing_from(&granted) }
    });
    let access = access.filter(|access| !access.allowed.is_empty() || !access.denied.is_empty()).collect();
    let facts = ApplicationFacts {
        client_id: claims.application.as_deref().and_then(|id| ClientId::new(id).ok()),
        service_principal: claims.object.clone(),
        unneeded: wanted.map(|wanted| granted.unneeded_for(wanted)).unwrap_or_default(),
        permissions: granted,
        roles,
    };
    Some((facts, access))
}

/// What comes of the stage for permissions.
pub(super) fn permissions(facts: &ApplicationFacts, access: &[GroupAccess], connection: &Connection) -> StageOutcome {
    let consent = format!(
        "(API permissions of the application in the portal), and let a Privileged Role Administrator or Global \
         Administrator consent: {}",
        connection.consent_url()
    );
    if facts.permissions.is_empty() {
        let mut wanted = connection.permissions().clone();
        if wanted.is_empty() {
            wanted = Permissions::least(&connection.operations().cloned().unwrap_or_else(Operations::outbound));
        }
        return StageOutcome::Failed {
            cause: "the application has no permission at all: nobody has consented to any".into(),
            advice: format!("add {wanted} {consent}"),
        };
    }
    let lacking = connection.permissions().missing_from(&facts.permissions);
    if !lacking.is_empty() {
        return StageOutcome::Failed {
            cause: format!("permissions are not granted: {lacking}"),
            advice: format!("add {lacking} {consent}"),
        };
    }
    let denied: Vec<&GroupAccess> = access.iter().filter(|access| !access.denied.is_empty()).collect();
    if denied.is_empty() {
        return StageOutcome::Passed;
    }
    let names = |operations: &[Operation]| operations.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let parts: Vec<_> =
        denied.iter().map(|access| format!("{}: may not {}", access.group, names(&access.denied))).collect();
    let cause = format!("permissions are missing: {}", parts.join("; "));
    let all: Operations = denied.iter().flat_map(|access| access.denied.iter().copied()).collect();
    let missing = Permissions::least(&all).missing_from(&facts.permissions);
    if connection.operations().is_some() {
        return StageOutcome::Failed { cause, advice: format!("add {missing} {consent}") };
    }
    let reads = |operation: Operation| access.iter().any(|access| access.allowed.contains(&operation));
    if !reads(Operation::ReadUsers) && !reads(Operation::ReadGroups) {
        return StageOutcome::Failed { cause, advice: format!("add at least User.Read.All {consent}") };
    }
    StageOutcome::Warned {
        cause,
        advice: format!("if the connection is to do that, add {missing} {consent}; if not, say what it is for"),
    }
}

/// What comes of the stage for directory roles.
pub(super) fn roles(facts: &ApplicationFacts, connection: &Connection) -> StageOutcome {
    let missing = connection.roles().missing_from(&facts.roles);
    if missing.is_empty() {
        return StageOutcome::Passed;
    }
    StageOutcome::Failed {
        cause: format!("the application does not hold the directory role {missing}"),
        advice: format!(
            "let a Privileged Role Administrator assign {missing} to it (Roles and administrators in the portal); \
             without it, people who hold roles themselves cannot be disabled or deleted"
        ),
    }
}
