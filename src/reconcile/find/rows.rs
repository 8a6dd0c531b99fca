//! Links in few bytes, for as long as nobody looks at them.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::OnceLock;

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use time::OffsetDateTime;

use crate::model::{Class, Name, ObjectId};
use crate::reconcile::find::link::{LinkEnd, LinkOrigin, Linked};

/// How many names of stores, classes and owners are kept once, however many links have them.
const SHARED: usize = 16;
/// Where there is no such name.
const NONE: u8 = u8::MAX;

/// Links by their places. One is made as a whole when it is asked for, and stays where it is then.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    rows: Vec<Row>,
    /// The ids of all, the source's before the target's.
    ids: String,
    /// The names of stores and classes, each once.
    names: Vec<Name>,
    owners: Vec<String>,
}

/// A link. What is seldom said of one is only in the whole.
#[derive(Debug, Clone)]
struct Row {
    /// Where the ids are.
    at: usize,
    source_bytes: u32,
    target_bytes: u32,
    since: OffsetDateTime,
    source_class: u8,
    target_class: u8,
    store: u8,
    owner: u8,
    is_created: bool,
    standing: Standing,
    whole: OnceLock<Box<Linked>>,
}

/// How the target of a link stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    /// Its owner deleted it.
    pub(crate) is_deleted: bool,
    /// Its source was seen to have left.
    pub(crate) is_leaving: bool,
    pub(crate) disabled_by_us: bool,
    pub(crate) was_inactive: bool,
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn push(&mut self, link: Linked) {
        let Linked { source, target, counterpart } = &link;
        // All of it, so that whatever comes to be known of an end is thought of here.
        #[rustfmt::skip]
        let LinkEnd {
            store, object, origin, owner, since, disabled_by_us, was_inactive, leaving_since, deleted_at, written, agreed,
            by_rule,
        } = target;
        let mut row = Row {
            at: self.ids.len(),
            source_bytes: u32::try_from(source.id.len()).expect("no id has four billion bytes"),
            target_bytes: u32::try_from(object.id.len()).expect("no id has four billion bytes"),
            since: *since,
            source_class: number(&mut self.names, &source.class.0),
            target_class: number(&mut self.names, &object.class.0),
            store: number(&mut self.names, store),
            owner: owner.as_ref().map_or(NONE, |owner| number(&mut self.owners, owner)),
            is_created: *origin == LinkOrigin::Created,
            standing: Standing {
                is_deleted: deleted_at.is_some(),
                is_leaving: leaving_since.is_some(),
                disabled_by_us: *disabled_by_us,
                was_inactive: *was_inactive,
            },
            whole: OnceLock::new(),
        };
        self.ids.push_str(&source.id);
        self.ids.push_str(&object.id);
        let agree = counterpart.is_some() || !agreed.is_empty() || !by_rule.is_empty();
        let seldom = leaving_since.is_some() || deleted_at.is_some() || !written.is_empty() || agree;
        let unnamed = [row.source_class, row.target_class, row.store].contains(&NONE);
        let unknown_owner = owner.is_some() && row.owner == NONE;
        if seldom || unnamed || unknown_owner {
            row.whole = OnceLock::from(Box::new(link));
        }
        self.rows.push(row);
    }

    /// The link at a place.
    pub(crate) fn get(&self, place: usize) -> &Linked {
        self.rows[place].whole.get_or_init(|| Box::new(self.make(place)))
    }

    /// The link that a row says.
    fn make(&self, place: usize) -> Linked {
        let row = &self.rows[place];
        let name = |number: u8| self.names[usize::from(number)].clone();
        let origin = if row.is_created { LinkOrigin::Created } else { LinkOrigin::Adopted };
        let object = ObjectId::new(Class(name(row.target_class)), self.target_id(place));
        let mut target = LinkEnd::new(name(row.store), object, origin, row.since);
        target.owner = self.owners.get(usize::from(row.owner)).cloned();
        target.disabled_by_us = row.standing.disabled_by_us;
        target.was_inactive = row.standing.was_inactive;
        Linked {
            source: ObjectId::new(Class(name(row.source_class)), self.source_id(place)),
            target,
            counterpart: None,
        }
    }

    /// Lets links come nearer, all at once, since they are looked at soon.
    pub(crate) fn fetch(&self, places: impl Iterator<Item = usize>) {
        let first = |place: usize| self.ids.as_bytes().get(self.rows[place].at).copied();
        std::hint::black_box(places.filter_map(first).map(u64::from).sum::<u64>());
    }

    pub(crate) fn source_id(&self, place: usize) -> &str {
        let row = &self.rows[place];
        &self.ids[row.at..][..row.source_bytes as usize]
    }

    pub(crate) fn target_id(&self, place: usize) -> &str {
        let row = &self.rows[place];
        &self.ids[row.at + row.source_bytes as usize..][..row.target_bytes as usize]
    }

    pub(crate) fn is_source(&self, place: usize, id: &ObjectId) -> bool {
        self.source_id(place) == &*id.id && *self.source_class(place) == id.class.0
    }

    pub(crate) fn is_target(&self, place: usize, id: &ObjectId) -> bool {
        self.target_id(place) == &*id.id && *self.target_class(place) == id.class.0
    }

    pub(crate) fn source_class(&self, place: usize) -> &Name {
        let known = self.names.get(usize::from(self.rows[place].source_class));
        known.unwrap_or_else(|| &self.get(place).source.class.0)
    }

    pub(crate) fn target_class(&self, place: usize) -> &Name {
        let known = self.names.get(usize::from(self.rows[place].target_class));
        known.unwrap_or_else(|| &self.get(place).target.object.class.0)
    }

    pub(crate) fn owner(&self, place: usize) -> Option<&str> {
        let row = &self.rows[place];
        match self.owners.get(usize::from(row.owner)) {
            Some(owner) => Some(owner),
            // There is none, or too many have one.
            None => row.whole.get().and_then(|link| link.target.owner.as_deref()),
        }
    }

    /// Whether a link is a job's own, between objects of two classes. The link itself is not made for that.
    pub(crate) fn is_between(&self, place: usize, source: &Class, target: &Class, job: &str) -> bool {
        self.owner(place) == Some(job)
            && *self.source_class(place) == *source.as_str()
            && *self.target_class(place) == *target.as_str()
    }

    pub(crate) fn standing(&self, place: usize) -> Standing {
        self.rows[place].standing
    }
}

/// The number of a name, of the first few that there are.
fn number<T: Clone + PartialEq>(names: &mut Vec<T>, name: &T) -> u8 {
    match names.iter().position(|own| own == name) {
        Some(at) => at as u8,
        None if names.len() < SHARED => {
            names.push(name.clone());
            names.len() as u8 - 1
        }
        None => NONE,
    }
}

/// The places of links, by an end that is kept where the links are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    places: HashTable<u32>,
    hasher: Keyed,
}

impl Places {
    /// The last place that was put in for an id.
    pub(crate) fn find(&self, id: &ObjectId, is_it: impl Fn(usize) -> bool) -> Option<usize> {
        let found = self.places.find(self.hasher.hash(&id.id), |place| is_it(*place as usize));
        found.map(|place| *place as usize)
    }

    /// A place that is most likely that of an id, seen without looking at what is there.
    pub(crate) fn guess(&self, id: &ObjectId) -> Option<usize> {
        self.places.find(self.hasher.hash(&id.id), |_| true).map(|place| *place as usize)
    }

    /// Puts a place in; gives the one that it takes the place of. The class is not hashed: it tells hardly any apart.
    pub(crate) fn insert<'a>(
        &mut self,
        place: u32,
        id: &ObjectId,
        is_it: impl Fn(usize) -> bool,
        id_of: impl Fn(usize) -> &'a str,
    ) -> Option<u32> {
        let Self { places, hasher } = self;
        let hash = hasher.hash(&id.id);
        match places.entry(hash, |own| is_it(*own as usize), |own| hasher.hash(id_of(*own as usize))) {
            Entry::Occupied(mut own) => Some(std::mem::replace(own.get_mut(), place)),
            Entry::Vacant(free) => {
                free.insert(place);
                None
            }
        }
    }
}

/// Hashes what comes from outside, by a key of its own.
///
/// Whoever fills a store may choose its ids and values, so a hash that he can foresee would let him make a run take
/// for ever. Foldhash is several times faster than the standard library's, and no cryptographic hash: it holds against
/// one who does not know the key and cannot watch single look-ups, and nobody outside can, since a key is made from the
/// system's randomness for each index of each run, and nothing that depends on a hash is ever shown.
#[derive(Debug, Clone)]
pub(crate) struct Keyed(SeedableRandomState);

impl Default for Keyed {
    fn default() -> Self {
        let key = RandomState::new().hash_one(0_u8);
        Self(SeedableRandomState::with_seed(key, SharedSeed::global_random()))
    }
}

impl Keyed {
    #[inline]
    pub(crate) fn hash(&self, text: &str) -> u64 {
        self.0.hash_one(text)
    }

    pub(crate) fn tag(&self, value: &impl Hash) -> u64 {
        self.0.hash_one(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    #[test]
    fn a_link_is_given_back_as_it_was() {
        let since = OffsetDateTime::UNIX_EPOCH;
        let plain = |at: usize, owner: Option<&str>| {
            let object = ObjectId::new(Class::new(format!("class-{}", at / 10)), format!("target-{at}-é"));
            let mut target = LinkEnd::new("directory", object, LinkOrigin::Adopted, since);
            target.owner = owner.map(str::to_owned);
            let source = ObjectId::user(if at == 3 { String::new() } else { at.to_string() });
            Linked { source, target, counterpart: None }
        };
        let changed = |change: fn(&mut LinkEnd)| {
            let mut link = plain(1, Some("job"));
            change(&mut link.target);
            link
        };
        let mut links = vec![
            plain(0, None),
            changed(|_| {}),
            changed(|end| end.origin = LinkOrigin::Created),
            changed(|end| end.disabled_by_us = true),
            changed(|end| end.was_inactive = true),
            changed(|end| end.leaving_since = Some(OffsetDateTime::UNIX_EPOCH)),
            changed(|end| end.deleted_at = Some(OffsetDateTime::UNIX_EPOCH)),
            changed(|end| _ = end.written.insert("pin".into(), "digest".into())),
            changed(|end| end.agreed.set(&"title".into(), Digest::NONE)),
            changed(|end| end.by_rule.set(&"title".into(), Digest::NONE)),
            Linked { counterpart: Some(Box::new(plain(1, Some("other")).target)), ..plain(1, Some("job")) },
            plain(3, Some("job")),
        ];
        // More owners and classes than are kept once.
        links.extend((0..400).map(|at| plain(at, Some(&format!("job-{}", at / 7)))));
        let mut rows = Rows::default();
        links.iter().for_each(|link| rows.push(link.clone()));
        assert_eq!(rows.len(), links.len());
        for (place, link) in links.iter().enumerate() {
            let Linked { source, target, .. } = link;
            assert!(rows.is_source(place, source) && rows.is_target(place, &target.object), "{link:?}");
            assert!(!rows.is_source(place, &ObjectId::new(Class::GROUP, "0")), "{link:?}");
            assert_eq!(rows.owner(place), target.owner.as_deref(), "{link:?}");
            assert_eq!((rows.source_class(place), rows.target_class(place)), (&source.class.0, &target.object.class.0));
            let Standing { is_deleted, is_leaving, disabled_by_us, was_inactive } = rows.standing(place);
            assert_eq!((is_deleted, is_leaving), (target.deleted_at.is_some(), target.leaving_since.is_some()));
            assert_eq!((disabled_by_us, was_inactive), (target.disabled_by_us, target.was_inactive));
            assert_eq!(rows.get(place), link);
            assert!(std::ptr::eq(rows.get(place), rows.get(place)), "it stays where it is");
        }
    }
}
