//! Whole flows, against the simulated tenant.

mod entra;
mod expr;
mod flow;
mod job;
mod mapping;
mod scopes;
mod sim;
mod stores;
mod wire;
