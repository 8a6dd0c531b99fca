//! What objects of every class share: how they are kept, shown, changed by a value, and deleted.

pub(super) mod bin;
pub(super) mod extension;
pub(super) mod object;
pub(super) mod shelf;
pub(super) mod stored;
pub(super) mod values;
