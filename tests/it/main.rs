//! Whole flows, against the simulated tenant.
mod sim;
