//! Whole flows, against the simulated tenant.

mod expr;
mod mapping;
mod stores;
