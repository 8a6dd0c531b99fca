//! One object of a store, as it was read or as it should be.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Name, ObjectId, Value};
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
    /// The attributes of several values of which not all could be read, and why: what they lack may well be there.
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

/// Attributes by name, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes(Vec<(Name, Value)>);

impl Attributes {
    /// No attributes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of an attribute; `None` if it is absent.
    #[must_use]
    #[inline]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.position(name).ok().map(|index| &self.0[index].1)
    }

    /// Sets an attribute and gives the value before.
    pub fn insert(&mut self, name: Name, value: Value) -> Option<Value> {
        match self.position(&name) {
            Ok(index) => Some(std::mem::replace(&mut self.0[index].1, value)),
            Err(index) => {
                self.0.insert(index, (name, value));
                None
            }
        }
    }

    /// Takes an attribute out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.position(name).ok().map(|index| self.0.remove(index).1)
    }

    /// The attributes in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Name, &Value)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As [`get`](Self::get), given where it is in most records; that is corrected.
    #[inline]
    pub(crate) fn get_near(&self, name: &Name, at: &mut usize) -> Option<&Value> {
        if self.0.get(*at).is_none_or(|(own, _)| own != name) {
            *at = self.position(name).ok()?;
        }
        Some(&self.0[*at].1)
    }

    #[inline]
    fn position(&self, name: &str) -> std::result::Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| own.as_str().cmp(name))
    }
}

impl FromIterator<(Name, Value)> for Attributes {
    /// The last value of a repeated name wins.
    fn from_iter<I: IntoIterator<Item = (Name, Value)>>(pairs: I) -> Self {
        let mut pairs: Vec<_> = pairs.into_iter().collect();
        if pairs.is_sorted_by(|(left, _), (right, _)| left < right) {
            pairs.shrink_to_fit();
            return Self(pairs);
        }
        // Stable, so that of equal names the last stays last; reversed for `dedup`, which keeps the first.
        pairs.reverse();
        pairs.sort_by(|(left, _), (right, _)| left.cmp(right));
        pairs.dedup_by(|(left, _), (right, _)| left == right);
        pairs.shrink_to_fit();
        Self(pairs)
    }
}

impl<'a> IntoIterator for &'a Attributes {
    type Item = (&'a Name, &'a Value);
    type IntoIter = std::iter::Map<std::slice::Iter<'a, (Name, Value)>, fn(&'a (Name, Value)) -> Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(name, value)| (name, value))
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = BTreeMap::<Name, Value>::deserialize(deserializer)?;
        Ok(Self(members.into_iter().collect()))
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
