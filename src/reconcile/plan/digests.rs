//! Digests by attribute. There may be many for each pair of objects, so they take little room.

use litemap::LiteMap;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::model::Name;

/// Digests by attribute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digests(LiteMap<Name, Digest>);

impl Digests {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, name: &Name) -> Option<Digest> {
        self.0.get(name).copied()
    }

    pub(crate) fn set(&mut self, name: &Name, digest: impl Into<Option<Digest>>) {
        match digest.into() {
            Some(digest) => _ = self.0.insert(name.clone(), digest),
            None => _ = self.0.remove(name),
        }
    }

    /// Takes others in, in place of those of the same names.
    pub(crate) fn take_in(&mut self, others: &Self) {
        others.0.iter().for_each(|(name, digest)| self.set(name, *digest));
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Name> {
        self.0.keys()
    }
}

impl FromIterator<(Name, Digest)> for Digests {
    fn from_iter<T: IntoIterator<Item = (Name, Digest)>>(digests: T) -> Self {
        Self(digests.into_iter().collect())
    }
}
