//! Applications and service principals, their secrets and owners, and what they were granted.

pub(super) mod application;
pub(super) mod credential;
pub(super) mod extension_property;
pub(super) mod grant;
pub(super) mod owner;
pub(super) mod permission;
pub(super) mod scope_grant;
pub(super) mod serve;
pub(super) mod upsert;
