//! Whole flows, against the simulated tenant.

mod stores;
