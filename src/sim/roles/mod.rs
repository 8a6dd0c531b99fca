//! Directory roles: who holds one, and how it is given.

pub(super) mod role;
pub(super) mod write;
