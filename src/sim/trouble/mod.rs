//! What goes wrong on purpose: faults, lag, throttling.

pub(super) mod bad_luck;
pub(super) mod fault;
pub(super) mod lag;
pub(super) mod throttle;
