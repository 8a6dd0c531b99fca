//! Whole flows, against the simulated tenant.

mod auth;
mod connection;
mod default_mappings;
mod entra;
mod expr;
mod file_targets;
mod first_contact;
mod flow;
mod flow_org;
mod forms;
mod header_mapping;
mod import;
mod job;
mod mapping;
mod mapping_steps;
mod memberships;
mod round_trip;
mod scheduler;
mod scopes;
mod sim;
mod stores;
mod synchronization;
mod wire;
mod worlds;
