//! The stores that come with the crate.
