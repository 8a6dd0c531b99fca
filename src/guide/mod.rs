//! Guides: longer than an item's documentation, shorter than a book. Their code runs as tests, on a simulated tenant.
//!
//! | to | read |
//! | --- | --- |
//! | get from an empty tenant to a first plan: registration, permissions, consent, check | [`getting_started`] |
//! | bring a user table, a database or a directory of your own, as source or target | [`your_own_store`] |
//! | say where each attribute comes from | [`writing_mappings`] |
//! | bring along what another product did | [`coming_from`] |
//! | understand a plan, line by line | [`the_plan_explained`] |
//! | switch it on for people who are at work, and be able to switch it off | [`going_live`] |
//! | know what an error, a problem or an ending means, and what to do | [`when_something_fails`] |
//! | test your own code without a tenant | [`testing`] |
//! | run for many tenants, on several machines | [`many_tenants`] |
//! | answer a security officer: borders, threats, what is against them, what is yours to do | [`security`] |
//! | know how it works inside | [`inside`] |

#[doc = include_str!("coming_from.md")]
pub mod coming_from {}
#[doc = include_str!("getting_started.md")]
pub mod getting_started {}
#[doc = include_str!("going_live.md")]
pub mod going_live {}
#[doc = include_str!("inside.md")]
pub mod inside {}
#[doc = include_str!("many_tenants.md")]
pub mod many_tenants {}
#[doc = include_str!("security.md")]
pub mod security {}
#[doc = include_str!("testing.md")]
pub mod testing {}
#[doc = include_str!("the_plan_explained.md")]
pub mod the_plan_explained {}
#[doc = include_str!("when_something_fails.md")]
pub mod when_something_fails {}
#[doc = include_str!("writing_mappings.md")]
pub mod writing_mappings {}
#[doc = include_str!("your_own_store.md")]
pub mod your_own_store {}
