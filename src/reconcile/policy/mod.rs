//! What a host decides: which action each situation leads to, and what a job may do.

pub(super) mod licenses;
pub(super) mod preferences;
pub(super) mod presets;
pub(super) mod rules;
pub(super) mod situation;
#[cfg(test)]
pub(super) mod table;
