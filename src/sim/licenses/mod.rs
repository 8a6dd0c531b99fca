//! What was bought, who holds it, and how it is given.

pub(super) mod license;
pub(super) mod sku;
pub(super) mod write;
