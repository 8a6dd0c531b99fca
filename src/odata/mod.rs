//! What is sent in an address: query options, filters, escaping. Pure.

mod condition;
mod escape;
mod filter;

pub use condition::{Condition, Feature, Operand, Property, property};
pub(crate) use escape::query_name;
pub use escape::{alternate_key, key_segment, literal, query_value, segment};
pub use filter::{Test, filter_text};
