//! Whole flows, against the simulated tenant.

mod entra;
mod expr;
mod file_targets;
mod flow;
mod flow_org;
mod header_mapping;
mod import;
mod job;
mod mapping;
mod memberships;
mod scheduler;
mod scopes;
mod sim;
mod stores;
mod wire;
