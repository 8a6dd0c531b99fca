//! Pairs that are settled as soon as both of their records are read.
//!
//! A plan holds changes, not populations. Nearly all objects of a run are linked, on both sides, and as they should be.
//! Of such a pair nothing is left but what others may ask of it, all of which is here: that it is there, which values its
//! target holds, and its records in few bytes, should someone need to look at it after all.

use std::cell::RefCell;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use super::case::{Case, Sourced};
use super::choose::own_space;
use super::decide::Decider;
use super::inputs::{Inputs, Side};
use super::link::Linked;
use super::packed::{End, Handle, Lean, Packed};
use super::quiet::{Look, Quiet};
use super::unique::Key;
use super::{Entry, EntryKey, Situation};
use crate::model::{AttributeSchema, Filter, Name, ObjectId, Record, Value, borrowed_key};

/// The linked pairs of one mapping, by the places of their links.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    slots: Vec<Slot>,
    packed: Packed,
    settled: u64,
    /// What is to be done about those that are settled, by the places of their links.
    entries: RefCell<Vec<(u32, Entry)>>,
    /// The values that targets hold, and may be found by: hashed, with the place of the link. Sorted once all are read.
    values: Vec<(u64, u32)>,
    /// Keyed, since whoever fills a store may choose its values.
    hasher: RandomState,
}

/// One pair, or what is there of it so far.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    source: Option<Handle>,
    target: Option<Handle>,
    state: State,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// The link is none of which the pair can be settled by itself.
    Foreign,
    /// One of the records, or none, was read.
    #[default]
    Waiting,
    /// Both were, this one first, and what is to be done is known.
    Settled(First),
    /// It is one for the rules about more than a pair: its records are among those of the sides.
    Open,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Source,
    Target,
}

/// What a target may be found by.
#[derive(Hash)]
enum FoundBy<'a> {
    /// A matching attribute, by its place in their order.
    Matching(usize),
    /// A name space.
    Space(&'a str),
}

impl Pairs {
    /// Whether the pair of the link at a place is settled.
    pub(super) fn is_settled(&self, place: usize) -> bool {
        self.slots.get(place).is_some_and(|slot| matches!(slot.state, State::Settled(_)))
    }

    /// How many are settled.
    pub(super) fn settled(&self) -> u64 {
        self.settled
    }

    /// Whether a source record of one of them had an attribute.
    pub(super) fn delivers(&self, name: &str) -> bool {
        self.packed.names(End::Source).iter().any(|own| own == name)
    }

    /// What is to be done about those that are settled. It can be taken once: where pairs are settled all links are known,
    /// so that a plan that has its answers is not made again.
    pub(super) fn take_entries(&self) -> Vec<Entry> {
        let entries = self.entries.take().into_iter();
        entries.filter(|(place, _)| self.is_settled(*place as usize)).map(|(_, entry)| entry).collect()
    }

    /// The places of the settled pairs whose targets hold a value of a name space.
    pub(super) fn holders(&self, (space, value): &Key) -> impl Iterator<Item = usize> {
        self.found_by(self.tag(&FoundBy::Space(space)), value)
    }

    /// The places of the settled pairs whose targets a source may be, by the keys of the matching attributes.
    pub(super) fn candidates(&self, keys: &[Option<String>]) -> Vec<usize> {
        let keys = keys.iter().enumerate().filter_map(|(at, key)| Some((at, key.as_ref()?)));
        keys.flat_map(|(at, key)| self.found_by(self.tag(&FoundBy::Matching(at)), key)).collect()
    }

    fn found_by(&self, tag: u64, value: &str) -> impl Iterator<Item = usize> + use<'_> {
        let hash = self.hasher.hash_one(value) ^ tag;
        let start = self.values.partition_point(|(own, _)| *own < hash);
        let found = self.values[start..].iter().take_while(move |(own, _)| *own == hash);
        found.map(|(_, place)| *place as usize).filter(|place| self.is_settled(*place))
    }

    /// What is mixed into the hashes of the values that something is found by.
    fn tag(&self, found_by: &FoundBy<'_>) -> u64 {
        self.hasher.hash_one(found_by)
    }

    /// Notes what a target may be found by.
    fn note(&mut self, inputs: &Inputs<'_>, found: &Findable<'_>, target: &Record, place: usize) {
        let before = self.values.len();
        if found.scope.is_none_or(|scope| scope.matches(&target.attributes)) {
            for (at, name) in inputs.mapping.matching().iter().enumerate() {
                let Some(schema) = inputs.schema.get(name) else { continue };
                for value in target.get(name).map_or(&[][..], Value::as_slice) {
                    if let Some(key) = borrowed_key(schema, value) {
                        self.values.push((self.hasher.hash_one(&*key) ^ found.matching[at], place as u32));
                    }
                }
            }
        }
        for (name, tag, schema) in &found.spaces {
            for value in target.get(name).map_or(&[][..], Value::as_slice) {
                if let Some(key) = borrowed_key(schema, value) {
                    let hash = self.hasher.hash_one(&*key) ^ tag;
                    if !self.values[before..].iter().any(|(own, _)| *own == hash) {
                        self.values.push((hash, place as u32));
                    }
                }
            }
        }
    }

    /// The records of a pair, as far as they were read.
    fn unpack(&self, link: &Linked, slot: Slot) -> (Option<Record>, Option<Record>) {
        let source =
            |handle, other: Option<&Record>| self.packed.unpack(End::Source, link.source.clone(), handle, other);
        let target =
            |handle, other: Option<&Record>| self.packed.unpack(End::Target, link.target.object.clone(), handle, other);
        if slot.state == State::Settled(First::Target) {
            let target = slot.target.map(|handle| target(handle, None));
            (slot.source.map(|handle| source(handle, target.as_ref())), target)
        } else {
            let source = slot.source.map(|handle| source(handle, None));
            let other = source.as_ref().filter(|_| slot.state == State::Settled(First::Source));
            let target = slot.target.map(|handle| target(handle, other));
            (source, target)
        }
    }

    /// The target of a settled pair.
    pub(super) fn target(&self, inputs: &Inputs<'_>, id: &ObjectId) -> Option<Record> {
        let place = inputs.links.place_of_target(id).filter(|place| self.is_settled(*place))?;
        self.unpack(&inputs.links.places()[place], self.slots[place]).1
    }

    /// Lets the rules about more than a pair look at one that was settled or waits: gives what was read of it.
    pub(super) fn open(&mut self, inputs: &Inputs<'_>, place: usize) -> (Option<Record>, Option<Record>) {
        let slot = std::mem::replace(&mut self.slots[place], Slot { state: State::Open, ..Slot::default() });
        self.settled -= u64::from(matches!(slot.state, State::Settled(_)));
        self.unpack(&inputs.links.places()[place], slot)
    }
}

/// What targets may be found by.
#[derive(Debug)]
struct Findable<'a> {
    scope: Option<&'a Filter>,
    /// The tags of the matching attributes.
    matching: Vec<u64>,
    /// The attributes of which one object only can hold a value, with the tags of their name spaces.
    spaces: Vec<(&'a Name, u64, AttributeSchema)>,
}

impl<'a> Findable<'a> {
    fn new(inputs: &Inputs<'a>, pairs: &Pairs) -> Self {
        let chosen = inputs.mapping.rules().iter().filter(|rule| rule.is_chosen()).filter_map(|rule| {
            let schema = inputs.schema.get(rule.target())?.clone().ignore_case();
            let space = own_space(inputs.mapping.target_class(), rule.target());
            Some((rule.target(), pairs.tag(&FoundBy::Space(&space)), schema))
        });
        let unique = inputs.schema.attributes.iter();
        let space = |schema: &AttributeSchema| Some(pairs.tag(&FoundBy::Space(schema.unique_in.as_ref()?)));
        let unique = unique.filter_map(|(name, schema)| Some((name, space(schema)?, schema.clone())));
        Self {
            scope: inputs.mapping.target_scope().or(inputs.schema.default_scope.as_ref()),
            matching: (0..inputs.mapping.matching().len()).map(|at| pairs.tag(&FoundBy::Matching(at))).collect(),
            spaces: chosen.chain(unique).collect(),
        }
    }
}

/// Takes in what is read of both sides of a mapping, in any order, and settles pairs on the way.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    inputs: Inputs<'a>,
    /// `None` if nothing is settled on the way.
    quiet: Option<Quiet<'a>>,
    findable: Findable<'a>,
    pairs: Pairs,
    /// Which of the attributes that are written a name of a packed target is.
    numbers: Vec<Option<usize>>,
    /// What was read and is not settled.
    pub(crate) source: Side,
    /// The same of the target.
    pub(crate) target: Side,
}

impl<'a> Reading<'a> {
    /// `alone` says that no other mapping of the run reads the same class of the source: whoever shares an id with
    /// another record is known only when both are looked at together.
    pub(crate) fn new(inputs: Inputs<'a>, alone: bool) -> Self {
        let quiet = Quiet::new(&inputs).filter(|_| alone);
        let links = inputs.links.places().iter().enumerate().take_while(|_| quiet.is_some());
        let slot = |(place, link)| {
            let state = if may_settle(&inputs, place, link) { State::Waiting } else { State::Foreign };
            Slot { state, ..Slot::default() }
        };
        let slots = links.map(slot).collect();
        let pairs = Pairs { slots, ..Pairs::default() };
        Self {
            inputs,
            quiet,
            findable: Findable::new(&inputs, &pairs),
            pairs,
            numbers: Vec::new(),
            source: Side::default(),
            target: Side::default(),
        }
    }

    /// Takes in a record of the source.
    pub(crate) fn read_source(&mut self, record: Record) {
        let Some(place) = self.place(self.inputs.links.place_of_source(&record.id)) else {
            self.source.records.push(record);
            return;
        };
        let slot = self.pairs.slots[place];
        let waits = slot.state == State::Waiting && slot.source.is_none() && record.partial.is_empty();
        match slot.target.filter(|_| waits) {
            Some(target) => self.meet_target(place, record, target),
            None if waits => {
                let handle = self.pairs.packed.pack(End::Source, &record, None);
                self.pairs.slots[place].source = Some(handle);
                self.source.settled += 1;
            }
            None => {
                self.open(place);
                self.source.records.push(record);
            }
        }
    }

    /// Takes in a record of the target. Of several with one id the first counts.
    pub(crate) fn read_target(&mut self, record: Record) {
        let Some(place) = self.place(self.inputs.links.place_of_target(&record.id)) else {
            self.target.records.push(record);
            return;
        };
        let slot = self.pairs.slots[place];
        if slot.target.is_some() {
            self.target.settled += 1;
            return;
        }
        if slot.state != State::Waiting || !record.partial.is_empty() {
            self.open(place);
            self.target.records.push(record);
            return;
        }
        match slot.source {
            Some(source) => self.meet_source(place, source, record),
            None => {
                self.pairs.note(&self.inputs, &self.findable, &record, place);
                let handle = self.pairs.packed.pack(End::Target, &record, None);
                self.pairs.slots[place].target = Some(handle);
                self.target.settled += 1;
            }
        }
    }

    /// An object of the source that is there and cannot be read: whoever shares its id is looked at with it.
    pub(crate) fn read_unreadable(&mut self, id: &ObjectId) {
        if let Some(place) = self.place(self.inputs.links.place_of_source(id)) {
            self.open(place);
        }
    }

    /// The place of a link, if its pair may be settled by itself.
    fn place(&self, place: Option<usize>) -> Option<usize> {
        place.filter(|place| self.pairs.slots.get(*place).is_some_and(|slot| slot.state != State::Foreign))
    }

    fn meet_target(&mut self, place: usize, source: Record, handle: Handle) {
        let Some(quiet) = &self.quiet else { return };
        let link = &self.inputs.links.places()[place];
        let names = self.pairs.packed.names(End::Target);
        self.numbers.extend(names[self.numbers.len()..].iter().map(|name| quiet.number(name)));
        let held = self.pairs.packed.attributes(handle);
        let held = held.filter_map(|(name, value)| Some((self.numbers[name]?, value)));
        let (source, entry) = match quiet.look(link, &source, held) {
            Look::Quiet => (source, None),
            Look::Apart => {
                self.open(place);
                self.source.records.push(source);
                return;
            }
            Look::Differs => {
                let target = self.pairs.packed.unpack(End::Target, link.target.object.clone(), handle, None);
                entry(&self.inputs, link, source, &target)
            }
        };
        let packed = self.pairs.packed.pack(End::Source, &source, Some(handle));
        self.source.settled += 1;
        self.settle(
            place,
            Slot { source: Some(packed), target: Some(handle), state: State::Settled(First::Target) },
            entry,
        );
    }

    fn meet_source(&mut self, place: usize, handle: Handle, target: Record) {
        let Some(quiet) = &self.quiet else { return };
        let link = &self.inputs.links.places()[place];
        let source = self.pairs.packed.unpack(End::Source, link.source.clone(), handle, None);
        let held = target.attributes.iter().filter_map(|(name, value)| {
            let lean = match value {
                Value::Text(text) => Lean::Text(text.as_bytes()),
                other => Lean::Value(other.clone()),
            };
            Some((quiet.number(name)?, lean))
        });
        let entry = match quiet.look(link, &source, held) {
            Look::Quiet => None,
            Look::Apart => {
                self.open(place);
                self.target.records.push(target);
                return;
            }
            Look::Differs => entry(&self.inputs, link, source, &target).1,
        };
        self.pairs.note(&self.inputs, &self.findable, &target, place);
        let packed = self.pairs.packed.pack(End::Target, &target, Some(handle));
        self.target.settled += 1;
        self.settle(
            place,
            Slot { source: Some(handle), target: Some(packed), state: State::Settled(First::Source) },
            entry,
        );
    }

    fn settle(&mut self, place: usize, slot: Slot, entry: Option<Entry>) {
        self.pairs.slots[place] = slot;
        self.pairs.settled += 1;
        self.pairs.entries.get_mut().extend(entry.map(|entry| (place as u32, entry)));
    }

    /// Puts what was read of a pair among the records of the sides.
    fn open(&mut self, place: usize) {
        let (source, target) = self.pairs.open(&self.inputs, place);
        self.source.settled -= u64::from(source.is_some());
        self.target.settled -= u64::from(target.is_some());
        self.source.records.extend(source);
        self.target.records.extend(target);
    }

    /// Ends the reading: what waits for its counterpart still is looked at by the rules about more than a pair.
    pub(crate) fn end(mut self) -> (Side, Side, Pairs) {
        for place in 0..self.pairs.slots.len() {
            let slot = self.pairs.slots[place];
            if slot.state == State::Waiting && (slot.source.is_some() || slot.target.is_some()) {
                self.open(place);
            }
        }
        self.pairs.values.sort_unstable();
        self.source.settled_names = self.pairs.packed.names(End::Source).to_vec();
        self.target.settled_names = self.pairs.packed.names(End::Target).to_vec();
        (self.source, self.target, self.pairs)
    }
}

/// Whether the pair of a link may be settled by itself: it is this job's and nobody else's, between the mapping's classes,
/// and both of its ends are of no other link.
fn may_settle(inputs: &Inputs<'_>, place: usize, link: &Linked) -> bool {
    link.target.deleted_at.is_none()
        && link.target.owner.as_deref() == Some(inputs.job)
        && !inputs.links.is_of_others(&link.target.object, inputs.job)
        && link.source.class == *inputs.mapping.source_class()
        && link.target.object.class == *inputs.mapping.target_class()
        && inputs.links.is_single(place)
}

/// What is to be done about a pair by itself. The source record is given back.
fn entry(inputs: &Inputs<'_>, link: &Linked, source: Record, target: &Record) -> (Record, Option<Entry>) {
    let sourced = Sourced::new(inputs, source);
    let mut case = Case::new(EntryKey::of_source(inputs.mapping.name(), &link.source), Situation::Confirmed);
    case.source = Some(&sourced);
    case.source_id = Some(link.source.clone());
    case.target = Some(target);
    case.target_id = Some(link.target.object.clone());
    case.link = Some(link);
    // Only of those who leave is it asked whose candidates they are.
    let entry = Decider::new(inputs, &HashSet::new()).entry(&case);
    (sourced.record, entry)
}

#[cfg(test)]
mod tests;
