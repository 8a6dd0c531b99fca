//! Guides: longer than an item's documentation, shorter than a book. Their code runs as tests, on a simulated tenant.
//!
//! | to | read |
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
