//! Whole flows, against the simulated tenant.

mod auth;
mod entra;
mod expr;
mod flow;
mod flow_org;
mod header_mapping;
mod job;
mod mapping;
mod memberships;
mod scopes;
mod sim;
mod stores;
mod wire;
