//! What both sides of a job are made of: records, values, schemas and the changes between them.
//!
//! Pure: no input or output, no clock, no randomness.

mod anchor;
mod attributes;
mod change;
mod compare;
mod completeness;
mod filter;
mod id;
mod license;
mod name;
mod record;
mod schema;
mod text;
mod value;

pub use anchor::Anchor;
pub use attributes::{Attributes, Shape};
pub use change::{Change, ChangeId, ElementChange, Operation, Refused, Written};
pub(crate) use compare::with_key;
pub use compare::{comparison_key, fold, values_equal};
pub use completeness::Completeness;
pub use filter::{Filter, all, any, eq, is_in, ne, present, starts_with};
pub use id::{Class, ObjectId};
pub use license::{License, LicenseFault};
pub use name::Name;
pub use record::{Origin, Record};
pub use schema::{AttributeSchema, Cardinality, CaseRule, Kind, LicenseAttributes, LicenseHeirs, Mutability, Schema};
pub use text::Text;
pub use value::Value;
