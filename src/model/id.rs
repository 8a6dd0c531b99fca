//! Which object of which class.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Name;

/// The kind of an object, such as [`Class::USER`]. Stores may have classes of their own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Class(pub(crate) Name);

impl Class {
    /// People.
    pub const USER: Class = Class(Name::from_static("user"));
    /// Groups of people.
    pub const GROUP: Class = Class(Name::from_static("group"));

    /// A class by its name.
    pub fn new(name: impl Into<Name>) -> Self {
        Self(name.into())
    }

    /// The name of the class.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of an object within its store: its class, and the store's own key for it.
///
/// Ids are compared exactly. The text is whatever the store says; it is encoded wherever it is put into an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ObjectId {
    /// The class of the object.
    pub class: Class,
    /// The store's key for the object.
    pub id: Arc<str>,
}

impl ObjectId {
    /// An id of a class.
    pub fn new(class: Class, id: impl Into<Arc<str>>) -> Self {
        Self { class, id: id.into() }
    }

    /// The id of a user.
    pub fn user(id: impl Into<Arc<str>>) -> Self {
        Self::new(Class::USER, id)
    }

    /// The id of a group.
    pub fn group(id: impl Into<Arc<str>>) -> Self {
        Self::new(Class::GROUP, id)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.class, self.id)
    }
}
