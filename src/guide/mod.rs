//! Guides: longer than an item's documentation, shorter than a book. Their code runs as tests, on a simulated tenant.
//!
//! | to | read |
//! | --- | --- |
//! | get from an empty tenant to a first plan: registration, permissions, consent, check | [`getting_started`] |
//! | bring a user table, a database or a directory of your own, as source or target | [`your_own_store`] |
//! | switch it on for people who are at work, and be able to switch it off | [`going_live`] |
//! | understand a plan, line by line | [`the_plan_explained`] |
//! | know what an error, a problem or an ending means, and what to do | [`when_something_fails`] |

#[doc = include_str!("getting_started.md")]
pub mod getting_started {}
#[doc = include_str!("going_live.md")]
pub mod going_live {}
#[doc = include_str!("the_plan_explained.md")]
pub mod the_plan_explained {}
#[doc = include_str!("when_something_fails.md")]
pub mod when_something_fails {}
#[doc = include_str!("your_own_store.md")]
pub mod your_own_store {}
