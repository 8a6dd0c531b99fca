//! Who is whom, and who owns what.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::model::{Name, ObjectId};

/// Joins two ends: an object of one store, and its counterpart in another. A link is ownership.
///
/// It is the same whichever job looks at it, and is found from either end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Link {
    /// The two ends, in the order of store, class and id.
    pub ends: [LinkEnd; 2],
}

/// One end of a [`Link`], with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LinkEnd {
    /// The store's name.
    pub store: Name,
    /// The object there.
    pub object: ObjectId,
    /// Whether a job made the object or found it.
    pub origin: LinkOrigin,
    /// The job that writes to this end, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When the link was made.
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
    /// Whether the owner switched the object off, or made it switched off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled_by_us: bool,
    /// Whether the other end said inactive when it was last seen, where the owner goes by that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_inactive: bool,
    /// When it was first seen that the other end left.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub leaving_since: Option<OffsetDateTime>,
    /// When the owner deleted the object: the link is a tombstone, kept so that a return can be restored.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub deleted_at: Option<OffsetDateTime>,
    /// Salted digests of the write-only values last written, by attribute.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub written: BTreeMap<Name, String>,
}

/// How a linked object came to be there. Complete by definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "a job made the object or it did not")]
pub enum LinkOrigin {
    /// A job made it.
    Created,
    /// It was there before.
    Adopted,
}

impl LinkEnd {
    /// An end that nobody owns.
    #[must_use]
    pub fn new(store: impl Into<Name>, object: ObjectId, origin: LinkOrigin, since: OffsetDateTime) -> Self {
        Self {
            store: store.into(),
            object,
            origin,
            owner: None,
            since,
            disabled_by_us: false,
            was_inactive: false,
            leaving_since: None,
            deleted_at: None,
            written: BTreeMap::new(),
        }
    }

    /// Makes a job the owner of this end.
    #[must_use]
    pub fn owned_by(mut self, job: impl Into<String>) -> Self {
        self.owner = Some(job.into());
        self
    }

    fn key(&self) -> (&Name, &ObjectId) {
        (&self.store, &self.object)
    }
}

impl Link {
    /// Joins two ends.
    #[must_use]
    pub fn new(one: LinkEnd, other: LinkEnd) -> Self {
        Self { ends: if one.key() <= other.key() { [one, other] } else { [other, one] } }
    }

    /// The end in a store.
    #[must_use]
    pub fn end(&self, store: &str) -> Option<&LinkEnd> {
        self.ends.iter().find(|end| end.store == *store)
    }

    /// The end in a store, to change.
    pub fn end_mut(&mut self, store: &str) -> Option<&mut LinkEnd> {
        self.ends.iter_mut().find(|end| end.store == *store)
    }

    /// The end that is not in this store.
    #[must_use]
    pub fn other_end(&self, store: &str) -> Option<&LinkEnd> {
        self.ends.iter().find(|end| end.store != *store)
    }
}

/// The links of a link set as one job sees them: from its source to its target.
#[derive(Debug, Clone, Default)]
pub struct LinkIndex {
    links: Vec<Linked>,
    by_source: HashMap<ObjectId, usize>,
    by_target: HashMap<ObjectId, usize>,
    /// The targets of tombstones.
    deleted: HashSet<ObjectId>,
}

/// A link between a job's two stores.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Linked {
    /// The object in the job's source.
    pub source: ObjectId,
    /// The end in the job's target.
    pub target: LinkEnd,
}

impl LinkIndex {
    /// The links between two stores; others are left out.
    #[must_use]
    pub fn new<'a>(links: impl IntoIterator<Item = &'a Link>, source: &str, target: &str) -> Self {
        let mut index = Self::default();
        for link in links {
            let (Some(from), Some(to)) = (link.end(source), link.end(target)) else { continue };
            let position = index.links.len();
            index.links.push(Linked { source: from.object.clone(), target: to.clone() });
            // A tombstone is found from its source only: its target is gone, and the id is not used again.
            index.by_source.insert(from.object.clone(), position);
            if to.deleted_at.is_none() {
                index.by_target.insert(to.object.clone(), position);
            } else {
                index.deleted.insert(to.object.clone());
            }
        }
        index
    }

    /// The link of a source object, a tombstone too.
    #[must_use]
    pub fn of_source(&self, source: &ObjectId) -> Option<&Linked> {
        self.by_source.get(source).map(|position| &self.links[*position])
    }

    /// The link of a target object.
    #[must_use]
    pub fn of_target(&self, target: &ObjectId) -> Option<&Linked> {
        self.by_target.get(target).map(|position| &self.links[*position])
    }

    /// Whether a target object was deleted by its owner, and may yet be brought back.
    pub(crate) fn is_deleted(&self, target: &ObjectId) -> bool {
        self.deleted.contains(target)
    }

    /// All links that are no tombstones.
    pub fn iter(&self) -> impl Iterator<Item = &Linked> {
        self.links.iter().filter(|link| link.target.deleted_at.is_none())
    }
}
