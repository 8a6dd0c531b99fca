//! The objects of a store in memory.

use std::collections::{BTreeMap, HashMap};
use std::ops::{Index, IndexMut};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Attributes, Name, ObjectId, Record, Schema, Value};
use crate::secret::Secret;

/// With fewer free places nothing is moved together.
const MIN_FREE: usize = 64;

/// An object of a store in memory.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) record: Record,
    /// Write-only values.
    pub(super) hidden: BTreeMap<Name, Value>,
    pub(super) secrets: BTreeMap<Name, Secret>,
}

/// Objects in the order in which they came, of which several may have one id.
#[derive(Debug, Default)]
pub(super) struct Objects {
    /// What was taken out leaves its place free.
    places: Vec<Option<Object>>,
    free: usize,
    /// Where the objects of an id are; made when it is first asked for.
    by_id: Option<HashMap<ObjectId, At>>,
}

#[derive(Debug)]
enum At {
    One(usize),
    Many(Vec<usize>),
}

impl Object {
    pub(super) fn new(record: Record) -> Self {
        Self { record, hidden: BTreeMap::new(), secrets: BTreeMap::new() }
    }

    pub(super) fn set(&mut self, schema: &Schema, attributes: Attributes, secrets: BTreeMap<Name, Secret>) {
        for (name, value) in attributes.iter() {
            if schema.get(name).is_some_and(|attribute| !attribute.is_readable()) {
                self.hidden.insert(name.clone(), value.clone());
            } else {
                self.record.attributes.insert(name.clone(), value.clone());
            }
        }
        self.secrets.extend(secrets);
    }
}

impl At {
    fn places(&self) -> &[usize] {
        match self {
            Self::One(place) => std::slice::from_ref(place),
            Self::Many(places) => places,
        }
    }

    fn add(&mut self, place: usize) {
        match self {
            Self::One(first) => *self = Self::Many(vec![*first, place]),
            Self::Many(places) => places.push(place),
        }
    }
}

impl Objects {
    pub(super) fn push(&mut self, object: Object) {
        if let Some(by_id) = &mut self.by_id {
            note(by_id, &object, self.places.len());
        }
        self.places.push(Some(object));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Object> {
        self.places.iter().flatten()
    }

    /// Makes objects quick to find by id from now on.
    pub(super) fn indexed(&mut self) -> &Self {
        if self.by_id.is_none() {
            let mut by_id = HashMap::with_capacity(self.places.len() - self.free);
            for (place, object) in self.places.iter().enumerate() {
                if let Some(object) = object {
                    note(&mut by_id, object, place);
                }
            }
            self.by_id = Some(by_id);
        }
        self
    }

    /// All objects of an id.
    pub(super) fn of(&mut self, id: &ObjectId) -> impl Iterator<Item = &Object> {
        let places = self.places_of(id);
        places.into_iter().filter_map(|place| self.places[place].as_ref())
    }

    /// Whether there is one; slow unless they are [indexed](Self::indexed).
    pub(super) fn has(&self, id: &ObjectId) -> bool {
        match &self.by_id {
            Some(by_id) => by_id.contains_key(id),
            None => self.iter().any(|object| object.record.id == *id),
        }
    }

    /// The place of the one object of an id.
    pub(super) fn position(&mut self, id: &ObjectId) -> Result<Option<usize>> {
        match self.places_of(id)[..] {
            [] => Ok(None),
            [place] => Ok(Some(place)),
            _ => Err(Error::new(ErrorKind::Conflict, "several objects have this id; remove all but one")
                .with_context("object", id)),
        }
    }

    /// The first object of an id.
    pub(super) fn first_mut(&mut self, id: &ObjectId) -> Option<&mut Object> {
        let place = *self.places_of(id).first()?;
        self.places[place].as_mut()
    }

    /// Takes all objects of an id out.
    pub(super) fn take(&mut self, id: &ObjectId) -> Vec<Object> {
        let places = self.places_of(id);
        let taken: Vec<Object> = places.into_iter().filter_map(|place| self.places[place].take()).collect();
        if let Some(by_id) = &mut self.by_id {
            by_id.remove(id);
        }
        self.free += taken.len();
        if self.free > MIN_FREE && self.free > self.places.len() / 2 {
            self.places.retain(Option::is_some);
            (self.free, self.by_id) = (0, None);
        }
        taken
    }

    fn places_of(&mut self, id: &ObjectId) -> Vec<usize> {
        self.indexed();
        let at = self.by_id.as_ref().and_then(|by_id| by_id.get(id));
        at.map(|at| at.places().to_vec()).unwrap_or_default()
    }
}

fn note(by_id: &mut HashMap<ObjectId, At>, object: &Object, place: usize) {
    match by_id.get_mut(&object.record.id) {
        Some(at) => at.add(place),
        None => drop(by_id.insert(object.record.id.clone(), At::One(place))),
    }
}

impl Index<usize> for Objects {
    type Output = Object;

    fn index(&self, place: usize) -> &Object {
        self.places[place].as_ref().expect("a position is that of an object that is there")
    }
}

impl IndexMut<usize> for Objects {
    fn index_mut(&mut self, place: usize) -> &mut Object {
        self.places[place].as_mut().expect("a position is that of an object that is there")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(id: usize, name: usize) -> Object {
        Object::new(Record::new(ObjectId::user(id.to_string())).with("name", name.to_string()))
    }

    fn names<'a>(objects: impl Iterator<Item = &'a Object>) -> Vec<String> {
        let name = |object: &Object| object.record.get("name").and_then(Value::as_text).map(str::to_owned);
        objects.filter_map(name).collect()
    }

    /// Against a list that is searched from the front.
    #[test]
    fn objects_are_found_by_id_whatever_came_and_went() {
        let (mut objects, mut plain) = (Objects::default(), Vec::<Object>::new());
        let mut random: usize = 7;
        for turn in 0..3_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let id = random.rotate_right(33) % 400;
            let key = ObjectId::user(id.to_string());
            if turn % 5 < 2 || (turn > 1_500 && turn % 5 == 2) {
                let (gone, left): (Vec<_>, Vec<_>) = plain.into_iter().partition(|own| own.record.id == key);
                plain = left;
                assert_eq!(names(objects.take(&key).iter()), names(gone.iter()));
            } else {
                objects.push(object(id, turn));
                plain.push(object(id, turn));
            }
            let expected = names(plain.iter().filter(|own| own.record.id == key));
            assert_eq!(names(objects.of(&key)), expected);
            assert_eq!(objects.has(&key), !expected.is_empty());
            let position = objects.position(&key);
            match expected.len() {
                0 => assert_eq!(position.expect("none"), None),
                1 => assert_eq!(objects[position.expect("one").expect("there")].record.id, key),
                _ => assert_eq!(position.expect_err("several").kind(), ErrorKind::Conflict),
            }
        }
        assert_eq!(names(objects.iter()), names(plain.iter()), "in their order");
        assert!(objects.places.len() <= 2 * plain.len() + MIN_FREE + 1, "free places are not kept");
    }
}
