//! Whole flows, against the simulated tenant.

mod expr;
mod job;
mod mapping;
mod stores;
mod wire;
