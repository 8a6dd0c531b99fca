//! What is to be done about each object: values that only one can hold, steps that are due, and limits.

pub(super) mod agreed;
pub(super) mod choose;
pub(super) mod constraints;
pub(super) mod entries;
pub(super) mod guard;
pub(super) mod holds;
pub(super) mod leavers;
pub(super) mod unique;
