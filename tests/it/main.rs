//! Whole flows, against the simulated tenant.

mod entra;
mod expr;
mod flow;
mod job;
mod mapping;
mod memberships;
mod sim;
mod stores;
mod wire;
