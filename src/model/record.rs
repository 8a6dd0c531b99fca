//! One object of a store, as it was read or as it should be.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Attributes, Name, ObjectId, Value};
use crate::error::{Error, ErrorKind, Result};

/// An object: its id, its attributes, and where it was read.
///
/// # Examples
///
/// ```
/// use entrant::{Record, Value, model::ObjectId};
///
/// #[derive(serde::Serialize)]
/// struct Person<'a> { name: &'a str, phone: Option<&'a str> }
///
/// let record = Record::from_serialize(ObjectId::user("7"), &Person { name: "Ada", phone: None })?;
/// assert_eq!(record.get("name"), Some(&Value::text("Ada")));
/// assert_eq!(record.get("phone"), Some(&Value::Null)); // null is a value
/// assert_eq!(record.get("title"), None);               // absent is not null
/// # Ok::<(), entrant::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// Which object it is.
    pub id: ObjectId,
    /// What it holds.
    pub attributes: Attributes,
    /// Where it was read, for messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The attributes that could not be read whole, such as a list that broke off, and why: what they lack may well be
    /// there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub partial: BTreeMap<Name, String>,
}

impl Record {
    /// A record without attributes.
    #[must_use]
    pub fn new(id: ObjectId) -> Self {
        Self { id, attributes: Attributes::default(), origin: None, partial: BTreeMap::new() }
    }

    /// A record whose attributes are the members of a host's own type.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if the type does not serialise to a JSON object.
    pub fn from_serialize<T: Serialize + ?Sized>(id: ObjectId, object: &T) -> Result<Self> {
        let invalid = |message| Error::new(ErrorKind::Invalid, message).with_context("object", &id);
        let json = serde_json::to_value(object)
            .map_err(|error| invalid("cannot make a record of the object").with_source(error))?;
        let serde_json::Value::Object(members) = json else {
            return Err(invalid("cannot make a record: the object must serialise to a map of attributes"));
        };
        let attributes = members.into_iter().map(|(name, value)| (Name::from(name), Value::from(value))).collect();
        Ok(Self { attributes, ..Self::new(id) })
    }

    /// Sets an attribute.
    #[must_use]
    pub fn with(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// Says where the record was read.
    #[must_use]
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }

    /// Says that not all values of an attribute could be read, and why: nothing is taken away for not being among them.
    #[must_use]
    pub fn with_partial(mut self, name: impl Into<Name>, reason: impl Into<String>) -> Self {
        self.partial.insert(name.into(), reason.into());
        self
    }

    /// The value of an attribute; `None` if it is absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.attributes.get(name)
    }
}

/// Where a record was read, such as `row 17 of people.csv`. A problem with the record names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Origin {
    /// The file, table or service.
    pub place: Arc<str>,
    /// The row there, from 1, where there are rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
}

impl Origin {
    /// A place without rows.
    pub fn new(place: impl Into<Arc<str>>) -> Self {
        Self { place: place.into(), row: None }
    }

    /// A row of a place; rows count from 1.
    pub fn row(place: impl Into<Arc<str>>, row: u64) -> Self {
        Self { place: place.into(), row: Some(row) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row {
            Some(row) => write!(f, "row {row} of {}", self.place),
            None => f.write_str(&self.place),
        }
    }
}
