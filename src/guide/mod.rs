//! Guides: how things are done, from the first plan to many tenants. Every block of Rust in them is run as a test.
//!
//! | you want to | read |
//! | --- | --- |
//! | say where each attribute comes from | [`writing_mappings`] |
//! | bring along what another product did | [`coming_from`] |
//! | test your own code without a tenant | [`testing`] |
//! | run for many tenants, on several machines | [`many_tenants`] |
//! | know how it works inside | [`inside`] |

#[doc = include_str!("coming_from.md")]
pub mod coming_from {}

#[doc = include_str!("inside.md")]
pub mod inside {}

#[doc = include_str!("many_tenants.md")]
pub mod many_tenants {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("writing_mappings.md")]
pub mod writing_mappings {}
