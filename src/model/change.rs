//! What a target is asked to write, and what it answers.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Attributes, Class, Name, ObjectId, Value};
use crate::error::Error;
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
///
/// Its debug form names the attributes and shows no values, of which some must not be shown.
#[derive(Clone)]
#[non_exhaustive]
pub enum Operation {
    /// Makes an object.
    Create {
        /// Of this class.
        class: Class,
        /// With these attributes. A job gives none that the schema writes
        /// [after](super::AttributeSchema::after_create) the object is made: they come as an update.
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
    /// Gives and takes elements of sets: references to other objects, licences. What an object has already, or no
    /// longer has, is success. All attributes are tried; of what is refused the others are none the worse.
    ///
    /// A reference is the id of the object, a licence is a [`License`](super::License) as a value. Of a single
    /// reference at most one is added, and it takes the place of the one before.
    Elements {
        /// Of this object.
        id: ObjectId,
        /// These, by attribute.
        changes: BTreeMap<Name, ElementChange>,
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

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |attributes: &Attributes| attributes.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let keys = |secrets: &BTreeMap<Name, Secret>| secrets.keys().cloned().collect::<Vec<_>>();
        match self {
            Self::Create { class, attributes, secrets } => f
                .debug_struct("Create")
                .field("class", class)
                .field("attributes", &names(attributes))
                .field("secrets", &keys(secrets))
                .finish(),
            Self::Update { id, attributes, secrets } => f
                .debug_struct("Update")
                .field("id", id)
                .field("attributes", &names(attributes))
                .field("secrets", &keys(secrets))
                .finish(),
            Self::Elements { id, changes } => {
                f.debug_struct("Elements").field("id", id).field("changes", changes).finish()
            }
            Self::Delete { id } => f.debug_struct("Delete").field("id", id).finish(),
            Self::Restore { id } => f.debug_struct("Restore").field("id", id).finish(),
        }
    }
}

/// Elements of one attribute that are given and taken.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ElementChange {
    /// What is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<Value>,
    /// What is taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<Value>,
}

impl ElementChange {
    /// Gives some and takes others.
    pub fn new(add: impl IntoIterator<Item = Value>, remove: impl IntoIterator<Item = Value>) -> Self {
        Self { add: add.into_iter().collect(), remove: remove.into_iter().collect() }
    }

    /// Whether nothing is given and nothing taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }
}

/// What a target answers to a [`Change`] that it carried out.
#[derive(Debug)]
#[non_exhaustive]
pub struct Written {
    /// The object, with the id that the store gave it.
    pub id: ObjectId,
    /// The elements that were not given or taken, and why: of an [`Operation::Elements`] alone.
    pub refused: Vec<Refused>,
    /// The elements that were to be taken and were not there, by attribute.
    ///
    /// Somebody else took them, or they lie in a recycle bin and come back with their membership: a target that can tell
    /// says so, and the job does not take them for gone until it has seen that they are.
    pub not_there: BTreeMap<Name, Vec<Value>>,
}

impl Written {
    /// The object was written.
    #[must_use]
    pub fn new(id: ObjectId) -> Self {
        Self { id, refused: Vec::new(), not_there: BTreeMap::new() }
    }

    /// Says that an element was to be taken and was not there.
    #[must_use]
    pub fn with_not_there(mut self, attribute: Name, element: Value) -> Self {
        self.not_there.entry(attribute).or_default().push(element);
        self
    }

    /// Says which elements were not written.
    #[must_use]
    pub fn with_refused(mut self, refused: impl IntoIterator<Item = Refused>) -> Self {
        self.refused.extend(refused);
        self
    }
}

/// An element that was not given or taken.
#[derive(Debug)]
#[non_exhaustive]
pub struct Refused {
    /// Of this attribute.
    pub attribute: Name,
    /// This element, as it was asked for.
    pub element: Value,
    /// Why.
    pub error: Error,
}

impl Refused {
    /// An element, and why it was not written.
    #[must_use]
    pub fn new(attribute: Name, element: Value, error: Error) -> Self {
        Self { attribute, element, error }
    }
}
