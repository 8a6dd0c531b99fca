//! Who is whom, and who owns what.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::model::{Class, Name, ObjectId};
use crate::reconcile::Digests;
use crate::reconcile::find::rows::{Places, Rows};
use crate::reconcile::reading::growing::Growing;

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
    /// When the link was made, or the object was brought back: at the end that the owner writes to by that store's clock, as
    /// far as it tells ([`Target::clock_ahead`](crate::store::Target::clock_ahead)).
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
    /// Digests of what this end had when both ends last had the same, by attribute: of what jobs of both directions write.
    #[serde(default, skip_serializing_if = "Digests::is_empty")]
    pub agreed: Digests,
    /// Digests of the rules by which the owner last wrote such an attribute, or found it the same; also where another job
    /// has made the other end of it since.
    #[serde(default, skip_serializing_if = "Digests::is_empty")]
    pub by_rule: Digests,
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
            agreed: Digests::default(),
            by_rule: Digests::default(),
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
pub(crate) struct LinkIndex {
    links: Rows,
    by_source: Places,
    by_target: Places,
    /// The places of links that share an end with others.
    shared: HashSet<u32>,
    /// The targets of tombstones.
    deleted: HashSet<ObjectId>,
    /// Who owns objects of the target that are linked to objects of other stores than the job's source.
    by_others: HashMap<ObjectId, String>,
    /// Where not all links are known: those that were looked up.
    lookups: Option<Arc<Lookups>>,
}

/// Links that are looked up little by little, by either end.
#[derive(Debug, Default)]
struct Lookups {
    by_source: Growing<ObjectId, Linked>,
    by_target: Growing<ObjectId, AtTarget>,
}

/// What is known of an object of the target.
#[derive(Debug)]
pub(crate) struct AtTarget {
    link: Option<Linked>,
    /// Who owns it, if it is linked to an object of another store than the job's source.
    of_others: Option<String>,
    /// Whether its owner deleted it, so that its link is a tombstone.
    deleted: bool,
}

/// A link between a job's two stores.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) struct Linked {
    /// The object in the job's source.
    pub(crate) source: ObjectId,
    /// The end in the job's target.
    pub(crate) target: LinkEnd,
    /// The end in the job's source, where both ends remember what they agree on.
    pub(crate) counterpart: Option<Box<LinkEnd>>,
}

impl LinkIndex {
    /// The links between two stores; of others only whom a target belongs to.
    #[cfg(test)]
    pub(crate) fn new<'a>(links: impl IntoIterator<Item = &'a Link>, source: &str, target: &str) -> Self {
        let mut index = Self::default();
        links.into_iter().for_each(|link| index.insert(link.clone(), source, target));
        index
    }

    /// Adds a link: one between these two stores as a whole, of another only whom its target belongs to.
    pub(crate) fn insert(&mut self, link: Link, source: &str, target: &str) {
        let [one, other] = link.ends;
        let (from, to) = match (&*one.store == target, &*other.store == target) {
            (_, true) if &*one.store == source => (one, other),
            (true, _) if &*other.store == source => (other, one),
            (true, _) => return self.insert_of_others(one),
            (_, true) => return self.insert_of_others(other),
            _ => return,
        };
        let source = from.object.clone();
        let place = u32::try_from(self.links.len()).expect("no memory holds four billion links");
        // A tombstone is found from its source only: its target is gone, and the id is not used again.
        let lives = to.deleted_at.is_none();
        if !lives {
            self.deleted.insert(to.object.clone());
        }
        let links = &self.links;
        let is_source = |place| links.is_source(place, &source);
        let is_target = |place| links.is_target(place, &to.object);
        let same_source = self.by_source.insert(place, &source, is_source, |place| links.source_id(place));
        let same_target =
            lives.then(|| self.by_target.insert(place, &to.object, is_target, |place| links.target_id(place)));
        self.links.push(Linked { source, target: to, counterpart: counterpart(from) });
        for other in [same_source, same_target.flatten()].into_iter().flatten() {
            self.shared.extend([other, place]);
        }
    }

    /// Notes who owns an object of the target that is linked to one of another store than the source.
    fn insert_of_others(&mut self, to: LinkEnd) {
        if let (Some(owner), None) = (to.owner, to.deleted_at) {
            self.by_others.insert(to.object, owner);
        }
    }

    /// The link of a source object, a tombstone too.
    #[must_use]
    pub(crate) fn of_source(&self, source: &ObjectId) -> Option<&Linked> {
        let known = self.place_of_source(source).map(|place| self.links.get(place));
        known.or_else(|| self.lookups.as_ref()?.by_source.get(source))
    }

    /// The link of a target object.
    #[must_use]
    pub(crate) fn of_target(&self, target: &ObjectId) -> Option<&Linked> {
        let known = self.place_of_target(target).map(|place| self.links.get(place));
        known.or_else(|| self.lookups.as_ref()?.by_target.get(target)?.link.as_ref())
    }

    /// Whether anything is linked to objects of other stores than this job's source.
    pub(crate) fn knows_others(&self) -> bool {
        !self.by_others.is_empty() || self.lookups.is_some()
    }

    /// Whether another job owns a target object that it linked to another store than this job's source.
    #[must_use]
    pub(crate) fn is_of_others(&self, target: &ObjectId, job: &str) -> bool {
        let looked_up = || self.lookups.as_ref()?.by_target.get(target)?.of_others.as_ref();
        self.by_others.get(target).or_else(looked_up).is_some_and(|owner| owner != job)
    }

    /// Whether a target object was deleted by its owner, and may yet be brought back.
    pub(crate) fn is_deleted(&self, target: &ObjectId) -> bool {
        let looked_up = || self.lookups.as_ref()?.by_target.get(target).map(|at| at.deleted);
        self.deleted.contains(target) || looked_up().unwrap_or(false)
    }

    /// Where the link of a source object is, a tombstone too; not of those that were looked up.
    pub(crate) fn place_of_source(&self, source: &ObjectId) -> Option<usize> {
        self.by_source.find(source, |place| self.links.is_source(place, source))
    }

    /// Where the link of a target object is; not of those that were looked up.
    pub(crate) fn place_of_target(&self, target: &ObjectId) -> Option<usize> {
        self.by_target.find(target, |place| self.links.is_target(place, target))
    }

    /// Where the link of a source object most likely is.
    pub(crate) fn guess_of_source(&self, source: &ObjectId) -> Option<usize> {
        self.by_source.guess(source)
    }

    /// Where the link of a target object most likely is.
    pub(crate) fn guess_of_target(&self, target: &ObjectId) -> Option<usize> {
        self.by_target.guess(target)
    }

    /// The links by their places, tombstones too.
    pub(crate) fn places(&self) -> &Rows {
        &self.links
    }

    /// How many objects of a class a job owns, of those that are no tombstones.
    pub(crate) fn owned(&self, class: &Class, job: &str) -> u64 {
        let links = &self.links;
        let owned = |place: &usize| {
            *links.target_class(*place) == class.0
                && links.owner(*place) == Some(job)
                && !links.standing(*place).is_deleted
        };
        (0..links.len()).filter(owned).count() as u64
    }

    /// Whether no other link shares an end with the one at a place.
    pub(crate) fn is_single(&self, place: usize) -> bool {
        self.shared.is_empty() || !u32::try_from(place).is_ok_and(|place| self.shared.contains(&place))
    }

    /// Whether all links are known from the beginning.
    pub(crate) fn is_whole(&self) -> bool {
        self.lookups.is_none()
    }

    /// All links that are no tombstones.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Linked> {
        let lives = |place: &usize| !self.links.standing(*place).is_deleted;
        (0..self.links.len()).filter(lives).map(|place| self.links.get(place))
    }

    /// An index of which nothing is known at first: what is asked for is noted, see [`Self::missed`]. It has nothing to
    /// [go through](Self::iter).
    pub(crate) fn looked_up() -> Self {
        Self { lookups: Some(Arc::default()), ..Self::default() }
    }

    /// The ends in the source and in the target whose links were asked for and are to be looked up.
    pub(crate) fn missed(&self) -> (BTreeSet<ObjectId>, BTreeSet<ObjectId>) {
        let lookups = self.lookups.as_ref();
        lookups.map(|lookups| (lookups.by_source.missed(), lookups.by_target.missed())).unwrap_or_default()
    }

    /// Puts in the links that were looked up, by the end that was asked for.
    pub(crate) fn put(
        &self,
        by_source: impl IntoIterator<Item = (ObjectId, Option<Linked>)>,
        by_target: impl IntoIterator<Item = (ObjectId, Option<AtTarget>)>,
    ) {
        let Some(lookups) = &self.lookups else { return };
        lookups.by_source.put(by_source);
        lookups.by_target.put(by_target);
    }
}

impl Linked {
    /// A link as a job sees it that reads the one store and writes the other; none if it is between others.
    pub(crate) fn of(link: &Link, source: &str, target: &str) -> Option<Self> {
        let (from, target) = (link.end(source)?.clone(), link.end(target)?.clone());
        Some(Self { source: from.object.clone(), target, counterpart: counterpart(from) })
    }
}

fn counterpart(end: LinkEnd) -> Option<Box<LinkEnd>> {
    (!end.agreed.is_empty()).then(|| Box::new(end))
}

impl AtTarget {
    /// What the links of one object of the target say, as [`Self::insert`] takes them; none if they say nothing.
    pub(crate) fn of(links: &[Link], source: &str, target: &str) -> Option<Self> {
        let ends = links.iter().filter_map(|link| Some((link, link.end(target)?)));
        let mut found = Self { link: None, of_others: None, deleted: false };
        for (link, end) in ends {
            match (Linked::of(link, source, target), end.deleted_at) {
                // A tombstone is found from its source only.
                (Some(_), Some(_)) => found.deleted = true,
                (Some(linked), None) => found.link = Some(linked),
                (None, None) => found.of_others = end.owner.clone().or(found.of_others),
                (None, Some(_)) => {}
            }
        }
        (found.link.is_some() || found.of_others.is_some() || found.deleted).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(from: (&str, &str), target: &str, owner: &str, deleted: bool) -> Link {
        let since = OffsetDateTime::UNIX_EPOCH;
        let end = LinkEnd::new("b", ObjectId::user(target), LinkOrigin::Created, since).owned_by(owner);
        let end = LinkEnd { deleted_at: deleted.then_some(since), ..end };
        Link::new(LinkEnd::new(from.0, ObjectId::user(from.1), LinkOrigin::Adopted, since), end)
    }

    #[test]
    fn what_is_looked_up_says_the_same_as_what_was_known_from_the_beginning() {
        let links = [
            link(("a", "1"), "1", "job", false),
            link(("a", "2"), "2", "job", true),
            link(("c", "1"), "1", "other", false),
            link(("c", "3"), "3", "other", false),
            link(("c", "4"), "4", "other", true),
            link(("c", "5"), "5", "job", false),
        ];
        let whole = LinkIndex::new(&links, "a", "b");
        let looked_up = LinkIndex::looked_up();
        let ids: Vec<ObjectId> = (1..=6).map(|id| ObjectId::user(id.to_string())).collect();
        // Nothing is known before it was asked for.
        for id in &ids {
            assert_eq!((looked_up.of_source(id), looked_up.is_deleted(id)), (None, false));
        }
        let of = |store: &str, id: &ObjectId| -> Vec<Link> {
            let is_of = |link: &&Link| link.end(store).is_some_and(|end| end.object == *id);
            links.iter().filter(is_of).cloned().collect()
        };
        let (sources, targets) = looked_up.missed();
        let by_source = sources.into_iter().map(|id| {
            let found = of("a", &id).iter().find_map(|link| Linked::of(link, "a", "b"));
            (id, found)
        });
        let by_target = targets.into_iter().map(|id| {
            let found = AtTarget::of(&of("b", &id), "a", "b");
            (id, found)
        });
        looked_up.put(by_source, by_target);
        // By target: whether it is linked, of others, deleted.
        let expected = [(true, true, false), (false, false, true), (false, true, false)];
        let expected = expected.into_iter().chain([(false, false, false); 3]);
        for (id, expected) in ids.iter().zip(expected) {
            for index in [&whole, &looked_up] {
                let found = (index.of_target(id).is_some(), index.is_of_others(id, "job"), index.is_deleted(id));
                assert_eq!(found, expected, "{id}");
            }
            assert_eq!(whole.of_source(id), looked_up.of_source(id), "{id}");
            assert_eq!(whole.of_target(id), looked_up.of_target(id), "{id}");
        }
        assert_eq!(looked_up.missed(), Default::default(), "all was known");
    }
}
