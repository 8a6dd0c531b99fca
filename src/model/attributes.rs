//! What a record holds.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Name, Value};

/// Attributes by name, in the order of their names.
///
/// Who makes many of them, as a store does that is read, makes them by a [`Shape`].
#[derive(Clone, Default)]
pub struct Attributes {
    shape: Shape,
    /// One for each name.
    values: Vec<Value>,
}

/// The names that the attributes of many records have, kept once for all of them.
///
/// Records of one store mostly have the same attributes. Made by a shape they share their names, which takes half the
/// memory, and lets whoever goes through them find what is where once for all.
///
/// # Examples
///
/// ```
/// use entrant::model::{Shape, Value};
///
/// let mut shape = Shape::new();
/// for city in ["Oslo", "Kyoto"] {
///     let attributes = shape.attributes([("city", Value::from(city)), ("country", Value::Null)]);
///     assert_eq!(attributes.get("city"), Some(&Value::from(city)));
/// }
/// ```
#[derive(Clone, Default)]
pub struct Shape(Option<Arc<Vec<Name>>>);

impl Shape {
    /// A shape that takes the names of the first attributes that are made by it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes attributes. The last value of a repeated name wins.
    ///
    /// They share their names with those that were made before if these are the same; that is seen fastest where they
    /// come in their order, and from the same [`Name`]s. Else the shape takes the new names, for those that follow.
    pub fn attributes<N>(&mut self, pairs: impl IntoIterator<Item = (N, Value)>) -> Attributes
    where
        N: AsRef<str> + Into<Name>,
    {
        let mut pairs = pairs.into_iter();
        let names = self.names();
        let mut values = Vec::with_capacity(names.len());
        let mut other = None;
        for (name, value) in pairs.by_ref() {
            if names.get(values.len()).is_none_or(|own| !own.is(name.as_ref())) {
                other = Some((name.into(), value));
                break;
            }
            values.push(value);
        }
        if other.is_none() && values.len() == names.len() {
            return Attributes { shape: self.clone(), values };
        }
        let same = names.iter().cloned().zip(values);
        let all = same.chain(other).chain(pairs.map(|(name, value)| (name.into(), value)));
        let mut attributes = all.collect();
        self.share(&mut attributes);
        attributes
    }

    /// Lets attributes that were made without the shape share their names with those that were made before; if they have
    /// others, the shape takes these.
    pub fn share(&mut self, attributes: &mut Attributes) {
        if attributes.shape == *self {
            attributes.shape = self.clone();
        } else {
            *self = attributes.shape.clone();
        }
    }

    /// The names in their order.
    #[must_use]
    #[inline]
    pub fn names(&self) -> &[Name] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }

    /// Attributes with these names and a value for each.
    pub(crate) fn with_values(&self, values: Vec<Value>) -> Attributes {
        assert_eq!(values.len(), self.names().len(), "there is a value for each name");
        Attributes { shape: self.clone(), values }
    }

    /// Where a name is.
    #[inline]
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.search(name).ok()
    }

    #[inline]
    fn search(&self, name: &str) -> std::result::Result<usize, usize> {
        self.names().binary_search_by(|own| own.as_str().cmp(name))
    }
}

impl PartialEq for Shape {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        let is_one = matches!((&self.0, &other.0), (Some(own), Some(other)) if Arc::ptr_eq(own, other));
        is_one || self.names() == other.names()
    }
}

impl Eq for Shape {}

impl Hash for Shape {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.names().hash(state);
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

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
        self.shape.position(name).map(|index| &self.values[index])
    }

    /// Sets an attribute and gives the value before.
    pub fn insert(&mut self, name: Name, value: Value) -> Option<Value> {
        match self.shape.search(&name) {
            Ok(index) => Some(std::mem::replace(&mut self.values[index], value)),
            Err(index) => {
                Arc::make_mut(self.shape.0.get_or_insert_default()).insert(index, name);
                self.values.insert(index, value);
                None
            }
        }
    }

    /// Takes an attribute out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let index = self.shape.position(name)?;
        if let Some(names) = &mut self.shape.0 {
            Arc::make_mut(names).remove(index);
        }
        Some(self.values.remove(index))
    }

    /// The attributes in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Name, &Value)> {
        self.shape.names().iter().zip(&self.values)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The names, which other records may share.
    #[must_use]
    #[inline]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The values, one for each name of the shape.
    #[inline]
    pub(crate) fn values(&self) -> &[Value] {
        &self.values
    }
}

impl PartialEq for Attributes {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.values == other.values
    }
}

impl Eq for Attributes {}

impl<'a> IntoIterator for &'a Attributes {
    type Item = (&'a Name, &'a Value);
    type IntoIter = std::iter::Zip<std::slice::Iter<'a, Name>, std::slice::Iter<'a, Value>>;

    fn into_iter(self) -> Self::IntoIter {
        self.shape.names().iter().zip(&self.values)
    }
}

impl FromIterator<(Name, Value)> for Attributes {
    /// The last value of a repeated name wins.
    fn from_iter<I: IntoIterator<Item = (Name, Value)>>(pairs: I) -> Self {
        let mut pairs = pairs.into_iter();
        let (few, _) = pairs.size_hint();
        let (mut names, mut values): (Vec<Name>, Vec<Value>) = (Vec::with_capacity(few), Vec::with_capacity(few));
        while let Some((name, value)) = pairs.next() {
            let comes_after = names.last().is_none_or(|last| *last < name);
            names.push(name);
            values.push(value);
            if !comes_after {
                let mut all: Vec<_> = names.into_iter().zip(values).chain(pairs).collect();
                // Stable, so that of equal names the last stays last; reversed for `dedup`, which keeps the first.
                all.reverse();
                all.sort_by(|(left, _), (right, _)| left.cmp(right));
                all.dedup_by(|(left, _), (right, _)| left == right);
                (names, values) = all.into_iter().unzip();
                break;
            }
        }
        names.shrink_to_fit();
        values.shrink_to_fit();
        Self { shape: Shape((!names.is_empty()).then(|| Arc::new(names))), values }
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        self.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Attributes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry::<Name, Value>()? {
                    pairs.push(pair);
                }
                Ok(pairs.into_iter().collect())
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(Name, Value)> {
        text.split_whitespace().map(|pair| (Name::from(&pair[..1]), Value::text(&pair[1..]))).collect()
    }

    #[test]
    fn attributes_are_the_same_in_whatever_order_and_by_whatever_shape_they_are_made() {
        #[rustfmt::skip]
        let table = [
            ("", "", "none"),
            ("a1 b2", "a1 b2", "in order"),
            ("b2 a1", "a1 b2", "out of order"),
            ("a1 b2 a3", "a3 b2", "the last of equal names"),
            ("a1 a2", "a2", "twice in a row"),
            ("c1 a2 b3 c4 a5", "a5 b3 c4", "all at once"),
            ("a1", "a1", "fewer than before"),
            ("a1 b2 c3", "a1 b2 c3", "more than before"),
            ("a1 c3", "a1 c3", "one left out"),
        ];
        let mut shape = Shape::new();
        for (given, expected, why) in table {
            let made: Attributes = pairs(given).into_iter().collect();
            let shaped = shape.attributes(pairs(given));
            let again = shape.attributes(pairs(expected));
            let one_by_one = pairs(given).into_iter().fold(Attributes::new(), |mut attributes, (name, value)| {
                attributes.insert(name, value);
                attributes
            });
            let json: Attributes = serde_json::from_str(&serde_json::to_string(&made).expect("JSON")).expect("JSON");
            let found: Vec<(Name, Value)> = made.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            assert_eq!(found, pairs(expected), "{why}");
            for other in [&shaped, &again, &one_by_one, &json] {
                assert_eq!(&made, other, "{why}");
            }
            for (name, value) in pairs(expected) {
                assert_eq!(shaped.get(&name), Some(&value), "{why}");
            }
            assert_eq!((shaped.get("z"), shaped.len()), (None, found.len()), "{why}");
        }
    }

    #[test]
    fn a_shape_lets_records_share_their_names_and_nothing_else() {
        let is_one = |one: &Attributes, other: &Attributes| matches!((&one.shape.0, &other.shape.0), (Some(one), Some(other)) if Arc::ptr_eq(one, other));
        let mut shape = Shape::new();
        let one = shape.attributes(pairs("a1 b2"));
        let mut other = shape.attributes(pairs("b3 a4"));
        assert!(is_one(&one, &other), "in another order too");
        other.insert("c".into(), 5.into());
        other.remove("a");
        assert_eq!(one, pairs("a1 b2").into_iter().collect());
        assert_eq!(other.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["b", "c"]);
        assert!(!is_one(&one, &other));
        let few = shape.attributes(pairs("a1"));
        assert!(is_one(&few, &shape.attributes(pairs("a2"))), "the shape goes with what comes");
    }

    #[test]
    fn what_is_left_after_all_was_taken_out_equals_nothing() {
        let mut attributes: Attributes = pairs("a1").into_iter().collect();
        attributes.remove("a");
        assert_eq!(attributes, Attributes::new());
    }
}
