//! What planning starts from, looked at as it comes: most pairs are settled as soon as both records are read.

pub(super) mod growing;
pub(super) mod inputs;
pub(super) mod packed;
pub(super) mod pairs;
pub(super) mod partial;
pub(super) mod quiet;
pub(super) mod watch;
