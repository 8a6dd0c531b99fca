//! The default mapping.
