//! Pairs that are settled as soon as both of their records are read.
//!
//! A plan holds changes, not populations. Nearly all objects of a run are linked, on both sides, and as they should be.
//! Of such a pair nothing is left but what others may ask of it, all of which is here: that it is there, which values its
//! target holds, and its records in few bytes, should someone need to look at it after all.

use std::cell::{OnceCell, RefCell};
use std::collections::HashSet;

use crate::model::{AttributeSchema, Filter, Name, ObjectId, Record, Shape, Value, with_key};
use crate::reconcile::decide::choose::own_space;
use crate::reconcile::decide::entries::Decider;
use crate::reconcile::decide::unique::Key;
use crate::reconcile::find::case::{Case, Sourced};
use crate::reconcile::find::link::Linked;
use crate::reconcile::find::rows::Keyed;
use crate::reconcile::reading::inputs::{Inputs, Side};
use crate::reconcile::reading::packed::{End, Handle, Lean, Packed};
use crate::reconcile::reading::quiet::{Look, Quiet};
use crate::reconcile::{Entry, EntryKey, Situation};

/// How many records are looked at together. In tests it is few, so that there are many orders.
const TOGETHER: usize = if cfg!(test) { 2 } else { 64 };

/// The linked pairs of one mapping, by the places of their links.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    slots: Vec<Slot>,
    packed: Packed,
    settled: u64,
    /// What is to be done about those that are settled, by the places of their links.
    entries: RefCell<Vec<(u32, Entry)>>,
    /// The values that targets hold, and may be found by, with the places of the links.
    values: Values,
    hasher: Keyed,
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
    pub(crate) fn is_settled(&self, place: usize) -> bool {
        self.slots.get(place).is_some_and(|slot| matches!(slot.state, State::Settled(_)))
    }

    /// How many are settled.
    pub(crate) fn settled(&self) -> u64 {
        self.settled
    }

    /// Whether a source record of one of them had an attribute.
    pub(crate) fn delivers(&self, name: &str) -> bool {
        self.packed.shapes(End::Source).iter().any(|shape| shape.position(name).is_some())
    }

    /// What is to be done about those that are settled. It can be taken once: where pairs are settled all links are known,
    /// so that a plan that has its answers is not made again.
    pub(crate) fn take_entries(&self) -> Vec<Entry> {
        let entries = self.entries.take().into_iter();
        entries.filter(|(place, _)| self.is_settled(*place as usize)).map(|(_, entry)| entry).collect()
    }

    /// The places of the settled pairs whose targets hold a value of a name space.
    pub(crate) fn holders(&self, (space, value): &Key) -> impl Iterator<Item = usize> {
        self.found_by(self.tag(&FoundBy::Space(space)), value)
    }

    /// The places of the settled pairs whose targets a source may be, by the keys of the matching attributes.
    pub(crate) fn candidates(&self, keys: &[Option<String>]) -> Vec<usize> {
        let keys = keys.iter().enumerate().filter_map(|(at, key)| Some((at, key.as_ref()?)));
        keys.flat_map(|(at, key)| self.found_by(self.tag(&FoundBy::Matching(at)), key)).collect()
    }

    fn found_by(&self, tag: u64, value: &str) -> impl Iterator<Item = usize> + use<'_> {
        self.values.find(self.hasher.hash(value) ^ tag).filter(|place| self.is_settled(*place))
    }

    /// What is mixed into the hashes of the values that something is found by.
    fn tag(&self, found_by: &FoundBy<'_>) -> u64 {
        self.hasher.tag(found_by)
    }

    /// Notes what a target may be found by.
    fn note(&mut self, inputs: &Inputs<'_>, found: &Findable<'_>, target: &Record, place: usize) {
        let before = self.values.noted.len();
        if found.scope.is_none_or(|scope| scope.matches(&target.attributes)) {
            for (at, name) in inputs.mapping.matching().iter().enumerate() {
                let Some(schema) = inputs.schema.get(name) else { continue };
                for value in target.get(name).map_or(&[][..], Value::as_slice) {
                    if let Some(hash) = with_key(schema, value, |key| self.hasher.hash(key)) {
                        self.values.noted.push((hash ^ found.matching[at], place as u32));
                    }
                }
            }
        }
        for (name, tag, schema) in &found.spaces {
            for value in target.get(name).map_or(&[][..], Value::as_slice) {
                if let Some(hash) = with_key(schema, value, |key| self.hasher.hash(key)) {
                    let hash = hash ^ tag;
                    if !self.values.noted[before..].iter().any(|(own, _)| *own == hash) {
                        self.values.noted.push((hash, place as u32));
                    }
                }
            }
        }
    }

    /// The records of a pair, as far as they were read.
    fn unpack(&self, inputs: &Inputs<'_>, place: usize, slot: Slot) -> (Option<Record>, Option<Record>) {
        let (mapping, links) = (inputs.mapping, inputs.links.places());
        let source = |handle, other: Option<&Record>| {
            let id = ObjectId::new(mapping.source_class().clone(), links.source_id(place));
            self.packed.unpack(End::Source, id, handle, other)
        };
        let target = |handle, other: Option<&Record>| {
            let id = ObjectId::new(mapping.target_class().clone(), links.target_id(place));
            self.packed.unpack(End::Target, id, handle, other)
        };
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
    pub(crate) fn target(&self, inputs: &Inputs<'_>, id: &ObjectId) -> Option<Record> {
        let place = inputs.links.place_of_target(id).filter(|place| self.is_settled(*place))?;
        self.unpack(inputs, place, self.slots[place]).1
    }

    /// Lets the rules about more than a pair look at one that was settled or waits: gives what was read of it.
    pub(crate) fn open(&mut self, inputs: &Inputs<'_>, place: usize) -> (Option<Record>, Option<Record>) {
        let slot = std::mem::replace(&mut self.slots[place], Slot { state: State::Open, ..Slot::default() });
        self.settled -= u64::from(matches!(slot.state, State::Settled(_)));
        self.unpack(inputs, place, slot)
    }
}

/// Hashes of values, with the places of the links whose targets hold them.
#[derive(Debug, Default)]
struct Values {
    noted: Vec<(u64, u32)>,
    sorted: OnceCell<Sorted>,
}

/// The same by the first bits of the hashes. Hashes are spread evenly, so that few of them share these.
#[derive(Debug)]
struct Sorted {
    bits: u32,
    /// Where those begin that have the same first bits.
    starts: Vec<u32>,
    values: Vec<(u64, u32)>,
}

impl Values {
    /// The places under a hash. Asked for the first time once all are noted: many a run has nobody who asks.
    fn find(&self, hash: u64) -> impl Iterator<Item = usize> {
        let Sorted { bits, starts, values } = self.sorted.get_or_init(|| Sorted::new(&self.noted));
        let bucket = first_bits(hash, *bits);
        let range = starts[bucket] as usize..starts[bucket + 1] as usize;
        values[range].iter().filter(move |(own, _)| *own == hash).map(|(_, place)| *place as usize)
    }
}

impl Sorted {
    fn new(noted: &[(u64, u32)]) -> Self {
        let bits = (noted.len() / 8).max(1).ilog2();
        let mut starts = vec![0_u32; (1 << bits) + 1];
        for (hash, _) in noted {
            starts[first_bits(*hash, bits) + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut values = vec![(0, 0); noted.len()];
        for value in noted {
            let at = &mut next[first_bits(value.0, bits)];
            values[*at as usize] = *value;
            *at += 1;
        }
        Self { bits, starts, values }
    }
}

/// The first bits of a hash as a number.
fn first_bits(hash: u64, bits: u32) -> usize {
    hash.checked_shr(u64::BITS - bits).unwrap_or_default() as usize
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
    /// Which of the attributes that are written the names of packed targets are, by their shapes.
    numbers: Vec<Vec<Option<usize>>>,
    /// What was read of each side and is not looked at yet. It is looked at by many at a time, so that they wait for
    /// memory together, not each after the other: a link may be anywhere in it.
    unseen: [Vec<Record>; 2],
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
        let places = if quiet.is_some() { 0..inputs.links.places().len() } else { 0..0 };
        let slot = |place| {
            let state = if may_settle(&inputs, place) { State::Waiting } else { State::Foreign };
            Slot { state, ..Slot::default() }
        };
        let slots = places.map(slot).collect();
        let pairs = Pairs { slots, ..Pairs::default() };
        Self {
            inputs,
            quiet,
            findable: Findable::new(&inputs, &pairs),
            pairs,
            numbers: Vec::new(),
            unseen: Default::default(),
            source: Side::default(),
            target: Side::default(),
        }
    }

    /// Takes in a record of the source.
    pub(crate) fn read_source(&mut self, record: Record) {
        self.keep(End::Source, record);
    }

    /// Takes in a record of the target. Of several with one id the first counts.
    pub(crate) fn read_target(&mut self, record: Record) {
        self.keep(End::Target, record);
    }

    fn keep(&mut self, end: End, record: Record) {
        self.unseen[end as usize].push(record);
        if self.unseen[end as usize].len() >= TOGETHER {
            self.look(end);
        }
    }

    /// Looks at what was read of a side.
    fn look(&mut self, end: End) {
        let links = self.inputs.links;
        let mut records = std::mem::take(&mut self.unseen[end as usize]);
        let guess = |record: &Record| match end {
            End::Source => links.guess_of_source(&record.id),
            End::Target => links.guess_of_target(&record.id),
        };
        self.fetch(records.iter().filter_map(guess).collect());
        let place = |record: &Record| match end {
            End::Source => self.place(links.place_of_source(&record.id)),
            End::Target => self.place(links.place_of_target(&record.id)),
        };
        let places: Vec<Option<usize>> = records.iter().map(place).collect();
        let counterpart = |slot: &Slot| match end {
            End::Source => slot.target,
            End::Target => slot.source,
        };
        let handles = places.iter().flatten().filter_map(|place| counterpart(&self.pairs.slots[*place]));
        self.pairs.packed.fetch(handles);
        for (record, place) in records.drain(..).zip(places) {
            match (end, place) {
                (End::Source, Some(place)) => self.take_source(place, record),
                (End::Target, Some(place)) => self.take_target(place, record),
                (End::Source, None) => self.source.records.push(record),
                (End::Target, None) => self.target.records.push(record),
            }
        }
        self.unseen[end as usize] = records;
    }

    /// Lets what is known of some links come nearer, all at once.
    fn fetch(&self, places: Vec<usize>) {
        self.inputs.links.places().fetch(places.iter().copied());
        let slots = places.iter().filter_map(|place| self.pairs.slots.get(*place));
        std::hint::black_box(slots.filter(|slot| slot.state == State::Waiting).count());
    }

    fn take_source(&mut self, place: usize, record: Record) {
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

    fn take_target(&mut self, place: usize, record: Record) {
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
        let links = self.inputs.links.places();
        let numbers = |shape: &Shape| shape.names().iter().map(|name| quiet.number(name)).collect();
        let shapes = self.pairs.packed.shapes(End::Target);
        self.numbers.extend(shapes[self.numbers.len()..].iter().map(numbers));
        let (shape, held) = self.pairs.packed.values(End::Target, handle);
        let held = self.numbers[shape].iter().zip(held).filter_map(|(number, value)| Some(((*number)?, value)));
        let (source, entry) = match quiet.look(links.standing(place), &source, held) {
            Look::Quiet => (source, None),
            Look::Apart => {
                self.open(place);
                self.source.records.push(source);
                return;
            }
            Look::Differs => {
                let link = links.get(place);
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
        let links = self.inputs.links.places();
        let id = ObjectId::new(self.inputs.mapping.source_class().clone(), links.source_id(place));
        let source = self.pairs.packed.unpack(End::Source, id, handle, None);
        let held = target.attributes.iter().filter_map(|(name, value)| {
            let lean = match value {
                Value::Text(text) => Lean::Text(text.as_bytes()),
                other => Lean::Value(other.clone()),
            };
            Some((quiet.number(name)?, lean))
        });
        let entry = match quiet.look(links.standing(place), &source, held) {
            Look::Quiet => None,
            Look::Apart => {
                self.open(place);
                self.target.records.push(target);
                return;
            }
            Look::Differs => entry(&self.inputs, links.get(place), source, &target).1,
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
        self.look(End::Target);
        self.look(End::Source);
        for place in 0..self.pairs.slots.len() {
            let slot = self.pairs.slots[place];
            if slot.state == State::Waiting && (slot.source.is_some() || slot.target.is_some()) {
                self.open(place);
            }
        }
        self.source.settled_names = self.pairs.packed.names(End::Source).into_iter().cloned().collect();
        self.target.settled_names = self.pairs.packed.names(End::Target).into_iter().cloned().collect();
        (self.source, self.target, self.pairs)
    }
}

/// Whether the pair of a link may be settled by itself: it is this job's and nobody else's, between the mapping's classes,
/// and both of its ends are of no other link.
fn may_settle(inputs: &Inputs<'_>, place: usize) -> bool {
    let (links, class) = (inputs.links.places(), inputs.mapping.target_class());
    let target = || ObjectId::new(class.clone(), links.target_id(place));
    !links.standing(place).is_deleted
        && links.is_between(place, inputs.mapping.source_class(), class, inputs.job)
        && inputs.links.is_single(place)
        && !(inputs.links.knows_others() && inputs.links.is_of_others(&target(), inputs.job))
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
