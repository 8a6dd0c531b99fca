//! From two sides to a plan: who is whom, what that means, what is to be done about it.
//!
//! Pure: no input or output, no clock, no randomness. The same inputs give the same plan, byte for byte.

mod constraints;

pub use constraints::{Constraints, Draft, DraftStep, Finding, FindingKind, NoConstraints};
