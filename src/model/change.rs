//! What a target is asked to write, and what it answers.

use std::collections::BTreeMap;

use super::{Attributes, Class, Name, ObjectId};
use crate::secret::Secret;

/// One write to one object. A target carries it out whole or reports an error for it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Change {
    /// The caller's number for it; the answer carries it.
    pub id: ChangeId,
    /// What to do.
    pub operation: Operation,
}

impl Change {
    /// A change with the caller's number for it.
    #[must_use]
    pub fn new(id: ChangeId, operation: Operation) -> Self {
        Self { id, operation }
    }
}

/// The caller's number for a [`Change`], unique within one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeId(u64);

impl ChangeId {
    /// A number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// What to do to an object.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Operation {
    /// Makes an object.
    Create {
        /// Of this class.
        class: Class,
        /// With these attributes.
        attributes: Attributes,
        /// And these, which are never shown.
        secrets: BTreeMap<Name, Secret>,
    },
    /// Changes attributes; null clears one; what is not named stays.
    Update {
        /// Of this object.
        id: ObjectId,
        /// To these values.
        attributes: Attributes,
        /// And these, which are never shown.
        secrets: BTreeMap<Name, Secret>,
    },
    /// Deletes an object; that it is gone already is success.
    Delete {
        /// This object.
        id: ObjectId,
    },
    /// Brings an object back from the recycle bin.
    Restore {
        /// This object.
        id: ObjectId,
    },
}

/// What a target answers to a [`Change`] that it carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// The object, with the id that the store gave it.
    pub id: ObjectId,
}

impl Written {
    /// The object was written.
    #[must_use]
    pub fn new(id: ObjectId) -> Self {
        Self { id }
    }
}
