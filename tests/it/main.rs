//! Whole flows, against the simulated tenant.

mod default_mappings;
mod entra;
mod expr;
mod flow;
mod flow_org;
mod forms;
mod header_mapping;
mod job;
mod mapping;
mod mapping_steps;
mod memberships;
mod scopes;
mod sim;
mod stores;
mod synchronization;
mod wire;
