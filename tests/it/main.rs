//! Whole flows, against the simulated tenant.

mod auth;
mod connection;
mod default_mappings;
mod entra;
mod expr;
mod feeds;
mod file_targets;
mod flow;
mod flow_org;
mod forms;
mod group_licenses;
mod guests;
mod header_mapping;
mod import;
mod import_groups;
mod job;
mod mapping;
mod mapping_steps;
mod memberships;
mod scheduler;
mod scopes;
mod sim;
mod special_accounts;
mod stores;
mod synchronization;
mod wire;
