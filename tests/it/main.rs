//! Whole flows, against the simulated tenant.
