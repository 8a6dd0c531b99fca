//! References and licences: what is given and taken one by one.

pub(super) mod found;
pub(super) mod given;
pub(super) mod heirs;
pub(super) mod licenses;
pub(super) mod products;
pub(super) mod references;
pub(super) mod seats;
pub(super) mod settle;
pub(super) mod whereabouts;
