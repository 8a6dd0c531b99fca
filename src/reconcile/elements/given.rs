//! What a job gave to objects of its target, element by element: the rest is not its own to take.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use time::OffsetDateTime;

use crate::model::{Name, ObjectId};
use crate::reconcile::reading::growing::Growing;

/// The elements that a job gave, by object and attribute, with when it gave them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    objects: HashMap<ObjectId, OfObject>,
    /// Where not all is known: what was looked up.
    lookups: Option<Arc<Growing<ObjectId, OfObject>>>,
}

/// What was given to one object, by attribute.
type OfObject = BTreeMap<Name, BTreeMap<Arc<str>, Giving>>;

/// That an element was given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Giving {
    pub(crate) at: OffsetDateTime,
    /// Whether it was noted since the answer was lost, at a time when it could not be seen.
    pub(crate) in_doubt: bool,
}

impl Given {
    pub(crate) fn insert(&mut self, object: ObjectId, attribute: Name, element: Arc<str>, giving: Giving) {
        self.objects.entry(object).or_default().entry(attribute).or_default().insert(element, giving);
    }

    /// What was given of one attribute to one object.
    pub(crate) fn of(&self, object: &ObjectId, attribute: &Name) -> Elements<'_> {
        let known = self.objects.get(object).or_else(|| self.lookups.as_ref()?.get(object));
        Elements(known.and_then(|attributes| attributes.get(attribute)))
    }

    /// How many elements were given of some attributes, to some objects.
    pub(crate) fn count(&self, objects: impl Fn(&ObjectId) -> bool, wanted: impl Fn(&Name) -> bool) -> u64 {
        // Whose an object is takes longer to say than what was given to it.
        let counts = |(object, attributes): &(&ObjectId, &OfObject)| attributes.keys().any(&wanted) && objects(object);
        let of_objects = self.objects.iter().filter(counts).map(|(_, attributes)| attributes);
        let sets = of_objects.flatten().filter(|(name, _)| wanted(name)).map(|(_, elements)| elements.len() as u64);
        sets.sum()
    }

    /// One of which nothing is known at first: of whom it is asked for is noted.
    pub(crate) fn looked_up() -> Self {
        Self { objects: HashMap::new(), lookups: Some(Arc::default()) }
    }

    /// The objects that were asked for and are to be looked up.
    pub(crate) fn missed(&self) -> BTreeSet<ObjectId> {
        self.lookups.as_ref().map(|lookups| lookups.missed()).unwrap_or_default()
    }

    /// Puts in what was given to these objects, and to no others of those that were missed.
    pub(crate) fn put(&self, objects: impl IntoIterator<Item = ObjectId>, mut given: Self) {
        if let Some(lookups) = &self.lookups {
            lookups.put(objects.into_iter().map(|object| {
                let found = given.objects.remove(&object);
                (object, found)
            }));
        }
    }
}

/// What was given of one attribute to one object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Elements<'a>(Option<&'a BTreeMap<Arc<str>, Giving>>);

impl<'a> Elements<'a> {
    pub(crate) fn contains(self, element: &str) -> bool {
        self.0.is_some_and(|elements| elements.contains_key(element))
    }

    /// When an element was given.
    pub(crate) fn at(self, element: &str) -> Option<OffsetDateTime> {
        self.0?.get(element).map(|giving| giving.at)
    }

    pub(crate) fn len(self) -> u64 {
        self.0.map_or(0, |elements| elements.len() as u64)
    }

    /// The elements, in order.
    pub(crate) fn iter(self) -> impl Iterator<Item = (&'a Arc<str>, Giving)> {
        self.0.into_iter().flatten().map(|(element, giving)| (element, *giving))
    }
}
