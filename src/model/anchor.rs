//! What a deleted object is sought by.

use super::{Class, Name, ObjectId, Value};

/// What leads to a deleted object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Anchor {
    /// Its id.
    Id(ObjectId),
    /// The value of an attribute whose schema says [`anchor`](crate::model::AttributeSchema::anchor).
    Attribute {
        /// Of objects of this class.
        class: Class,
        /// This attribute.
        name: Name,
        /// Holds this value.
        value: Value,
    },
}
