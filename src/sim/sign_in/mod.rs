//! Signing in: the token endpoint, assertions, managed identities, people's consent, and refusals.

pub(super) mod assertion;
pub(super) mod consent;
pub(super) mod denials;
pub(super) mod identity;
pub(super) mod login;
pub(super) mod signing;
pub(super) mod upkeep;
