//! Records in few bytes, for as long as nobody looks at them.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use crate::model::{Name, ObjectId, Origin, Record, Value};

/// How many bytes are asked for at once.
const CHUNK: usize = 1 << 20;
/// Texts shorter than this take no more room than to say where they stand in the counterpart.
const SHORTEST_SAME: usize = 2;

/// Which side a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Source,
    Target,
}

/// Records that were packed. Their ids are kept by whoever packs them, and nothing is ever given back.
#[derive(Debug, Default)]
pub(super) struct Packed {
    chunks: Vec<Vec<u8>>,
    names: [Names; 2],
    /// Where records were read.
    places: Vec<Arc<str>>,
    /// Values that no bytes are made of.
    others: Vec<Value>,
    common: Common,
    /// What is being packed.
    buffer: Vec<u8>,
    /// The texts of its counterpart.
    texts: Vec<At>,
}

/// Where a text of a packed record stands.
#[derive(Debug, Clone, Copy)]
enum At {
    /// In the record itself, from here to there.
    Here(usize, usize),
    /// Among the common ones.
    Common(usize),
}

/// Where a packed record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Handle(NonZeroU64);

/// A value as it is packed.
#[derive(Debug, PartialEq)]
pub(super) enum Lean<'a> {
    /// UTF-8.
    Text(&'a [u8]),
    /// The text of the counterpart that has this number.
    Same(usize),
    /// Anything else.
    Value(Value),
}

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INTEGER: u8 = 3;
const TEXT: u8 = 4;
const SAME: u8 = 5;
const LIST: u8 = 6;
const OTHER: u8 = 7;
const COMMON: u8 = 8;

impl Packed {
    /// Packs all of a record but its id and what it lacks. Texts that its counterpart has too, which was packed before
    /// on its own, are not kept twice.
    pub(super) fn pack(&mut self, end: End, record: &Record, counterpart: Option<Handle>) -> Handle {
        self.buffer.clear();
        self.texts.clear();
        let counterpart = counterpart.map_or(&[][..], |handle| bytes(&self.chunks, handle));
        if !counterpart.is_empty() {
            let mut reader = Reader::new(counterpart, &self.others, &self.common);
            reader.origin(&self.places);
            for _ in 0..reader.number() {
                reader.number();
                let tag = reader.bytes[reader.at];
                match reader.value() {
                    Lean::Text(text) if tag == TEXT => {
                        self.texts.push(At::Here(reader.at - text.len(), reader.at));
                    }
                    Lean::Text(_) => self.texts.push(At::Common(reader.last)),
                    _ => {}
                }
            }
        }
        let buffer = &mut self.buffer;
        match &record.origin {
            None => buffer.push(0),
            Some(Origin { place, row, .. }) => {
                if self.places.last() != Some(place) {
                    self.places.push(Arc::clone(place));
                }
                put(buffer, (self.places.len() as u64) << 1 | u64::from(row.is_some()));
                row.iter().for_each(|row| put(buffer, *row));
            }
        }
        put(buffer, record.attributes.len() as u64);
        let mut next = 0;
        for (at, (name, value)) in record.attributes.iter().enumerate() {
            put(buffer, self.names[end as usize].id(at, name) as u64);
            let text = value.as_text().map(str::as_bytes).filter(|text| text.len() >= SHORTEST_SAME);
            let same = text.and_then(|text| find(counterpart, &self.common, &self.texts, next, text));
            if let Some(same) = same {
                buffer.push(SAME);
                put(buffer, same as u64);
                next = same + 1;
            } else if let Some(common) = text.and_then(|text| self.common.find(text)) {
                buffer.push(COMMON);
                put(buffer, common as u64);
            } else {
                put_value(buffer, &mut self.others, value);
            }
        }
        self.keep()
    }

    /// Moves what was packed to where it stays.
    fn keep(&mut self) -> Handle {
        let room = |chunk: &Vec<u8>| chunk.capacity() - chunk.len() >= self.buffer.len();
        if !self.chunks.last().is_some_and(room) {
            self.chunks.push(Vec::with_capacity(self.buffer.len().max(CHUNK)));
        }
        let number = self.chunks.len() as u64;
        let chunk = self.chunks.last_mut().expect("a chunk was made if there was none");
        let at = chunk.len() as u64;
        chunk.extend_from_slice(&self.buffer);
        Handle(NonZeroU64::new(number << 32 | at).expect("chunks are counted from 1"))
    }

    /// Makes the record again, given that of the counterpart that it was packed by.
    pub(super) fn unpack(&self, end: End, id: ObjectId, handle: Handle, counterpart: Option<&Record>) -> Record {
        let texts: Vec<&Value> = counterpart
            .into_iter()
            .flat_map(|record| record.attributes.iter())
            .filter_map(|(_, value)| value.as_text().map(|_| value))
            .collect();
        let mut record = Record::new(id);
        let mut reader = Reader::new(bytes(&self.chunks, handle), &self.others, &self.common);
        record.origin = reader.origin(&self.places);
        let attributes = (0..reader.number()).map(|_| {
            let name = self.names[end as usize].names[reader.number() as usize].clone();
            let value = match reader.value() {
                Lean::Text(text) => Value::text(utf8(text)),
                Lean::Same(at) => texts[at].clone(),
                Lean::Value(value) => value,
            };
            (name, value)
        });
        record.attributes = attributes.collect();
        record
    }

    /// Goes through the attributes of a packed record, in the order of their names; a name by its number.
    pub(super) fn attributes(&self, handle: Handle) -> impl Iterator<Item = (usize, Lean<'_>)> {
        let mut reader = Reader::new(bytes(&self.chunks, handle), &self.others, &self.common);
        reader.origin(&self.places);
        (0..reader.number()).map(move |_| (reader.number() as usize, reader.value()))
    }

    /// The names that the records of a side have, by their numbers.
    pub(super) fn names(&self, end: End) -> &[Name] {
        &self.names[end as usize].names
    }
}

/// Where a text stands among those of the counterpart. Both sides have much the same, in much the same order.
fn find(counterpart: &[u8], common: &Common, texts: &[At], next: usize, text: &[u8]) -> Option<usize> {
    let next = next.min(texts.len());
    (next..texts.len()).chain(0..next).find(|at| match texts[*at] {
        At::Here(start, end) => end - start == text.len() && counterpart[start..end] == *text,
        At::Common(number) => *common.texts[number] == *text,
    })
}

fn bytes(chunks: &[Vec<u8>], handle: Handle) -> &[u8] {
    let (chunk, at) = (handle.0.get() >> 32, handle.0.get() & u64::from(u32::MAX));
    &chunks[chunk as usize - 1][at as usize..]
}

fn utf8(text: &[u8]) -> &str {
    std::str::from_utf8(text).expect("it was packed from text")
}

/// Seven bits a byte, the lowest first.
fn put(buffer: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        buffer.push(number as u8 | 0x80);
        number >>= 7;
    }
    buffer.push(number as u8);
}

fn put_value(buffer: &mut Vec<u8>, others: &mut Vec<Value>, value: &Value) {
    match value {
        Value::Null => buffer.push(NULL),
        Value::Bool(false) => buffer.push(FALSE),
        Value::Bool(true) => buffer.push(TRUE),
        Value::Integer(value) => {
            buffer.push(INTEGER);
            buffer.extend_from_slice(&value.to_le_bytes());
        }
        Value::Text(text) => {
            buffer.push(TEXT);
            put(buffer, text.len() as u64);
            buffer.extend_from_slice(text.as_bytes());
        }
        Value::List(values) => {
            buffer.push(LIST);
            put(buffer, values.len() as u64);
            values.iter().for_each(|value| put_value(buffer, others, value));
        }
        Value::DateTime(_) | Value::Binary(_) | Value::Object(_) => {
            buffer.push(OTHER);
            put(buffer, others.len() as u64);
            others.push(value.clone());
        }
    }
}

/// Reads a packed record from its beginning.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    others: &'a [Value],
    common: &'a Common,
    /// The last of the common texts that was met.
    last: usize,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], others: &'a [Value], common: &'a Common) -> Self {
        Self { bytes, at: 0, others, common, last: 0 }
    }

    fn byte(&mut self) -> u8 {
        self.at += 1;
        self.bytes[self.at - 1]
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        self.at += length;
        &self.bytes[self.at - length..self.at]
    }

    fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return number;
            }
            shift += 7;
        }
    }

    fn origin(&mut self, places: &[Arc<str>]) -> Option<Origin> {
        let said = self.number();
        let place = (said >> 1).checked_sub(1)?;
        let mut origin = Origin::new(Arc::clone(&places[place as usize]));
        origin.row = (said & 1 == 1).then(|| self.number());
        Some(origin)
    }

    fn value(&mut self) -> Lean<'a> {
        Lean::Value(match self.byte() {
            NULL => Value::Null,
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            INTEGER => Value::Integer(i64::from_le_bytes(self.take(8).try_into().expect("eight bytes were taken"))),
            TEXT => {
                let length = self.number() as usize;
                return Lean::Text(self.take(length));
            }
            COMMON => {
                self.last = self.number() as usize;
                return Lean::Text(&self.common.texts[self.last]);
            }
            SAME => return Lean::Same(self.number() as usize),
            LIST => {
                let count = self.number();
                Value::list(
                    (0..count)
                        .map(|_| match self.value() {
                            Lean::Text(text) => Value::text(utf8(text)),
                            Lean::Value(value) => value,
                            Lean::Same(_) => unreachable!("lists are packed without a counterpart"),
                        })
                        .collect::<Vec<_>>(),
                )
            }
            _ => self.others[self.number() as usize].clone(),
        })
    }
}

/// Texts that many records hold, such as cities and departments, each once, by number.
#[derive(Debug)]
struct Common {
    texts: Vec<Box<[u8]>>,
    /// Which text was met last, of all those that are hashed to one place: its number, or what tells it from others if it
    /// has none yet.
    places: Box<[Place; 4_096]>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// From 1; 0 if there is none.
    number: u32,
    once: u32,
}

impl Default for Common {
    fn default() -> Self {
        Self { texts: Vec::new(), places: Box::new([Place::default(); 4_096]) }
    }
}

impl Common {
    /// Longer texts are hardly common.
    const LONGEST: usize = 32;
    const MOST: usize = 1 << 16;

    /// The number of a text, which it gets when it is met again before another takes its place. Whoever chooses texts so
    /// that they do makes nothing but records of their full length.
    fn find(&mut self, text: &[u8]) -> Option<usize> {
        if text.len() > Self::LONGEST {
            return None;
        }
        let mut hash = text.len() as u64;
        for part in text.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            hash = (hash.rotate_left(23) ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        let place = &mut self.places[(hash >> 52) as usize];
        if place.number > 0 && *self.texts[place.number as usize - 1] == *text {
            return Some(place.number as usize - 1);
        }
        let once = hash as u32 | 1;
        if place.once != once || self.texts.len() == Self::MOST {
            place.once = once;
            return None;
        }
        self.texts.push(text.into());
        *place = Place { number: self.texts.len() as u32, once: 0 };
        Some(self.texts.len() - 1)
    }
}

/// The names of attributes, each once, by number.
#[derive(Debug, Default)]
struct Names {
    names: Vec<Name>,
    ids: HashMap<Name, usize>,
    /// Which names the last record had, in their order: the next has mostly the same.
    last: Vec<usize>,
}

impl Names {
    fn id(&mut self, at: usize, name: &Name) -> usize {
        if let Some(id) = self.last.get(at).filter(|id| self.names[**id] == *name) {
            return *id;
        }
        let id = match self.ids.get(name) {
            Some(id) => *id,
            None => {
                self.names.push(name.clone());
                self.ids.insert(name.clone(), self.names.len() - 1);
                self.names.len() - 1
            }
        };
        self.last.truncate(at);
        self.last.push(id);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Integer),
            "[ab]{0,3}|.{0,200}".prop_map(Value::from),
            Just(Value::DateTime(time::OffsetDateTime::UNIX_EPOCH)),
            any::<Vec<u8>>().prop_map(|bytes| Value::Binary(bytes.into())),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::list),
                prop::collection::btree_map("[a-c]", inner, 0..3).prop_map(|members| Value::Object(Arc::new(
                    members.into_iter().map(|(name, value)| (Name::from(name), value)).collect()
                ))),
            ]
        })
    }

    fn record() -> impl Strategy<Value = Record> {
        let origin = prop_oneof![Just(u64::MAX), any::<u64>()].prop_map(|row| Origin::row("people.csv", row));
        let origin = prop::option::of(prop_oneof![origin, Just(Origin::new("directory"))]);
        (prop::collection::btree_map("[a-h]{1,2}", value(), 0..8), origin).prop_map(|(attributes, origin)| {
            let mut record = Record::new(ObjectId::user("7"));
            record.attributes = attributes.into_iter().map(|(name, value)| (Name::from(name), value)).collect();
            record.origin = origin;
            record
        })
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked_as_it_was(pairs in prop::collection::vec((record(), record()), 1..8)) {
            let mut packed = Packed::default();
            let handles: Vec<_> = pairs.iter().map(|(first, second)| {
                let handle = packed.pack(End::Target, first, None);
                (handle, packed.pack(End::Source, second, Some(handle)))
            }).collect();
            for ((first, second), (one, other)) in pairs.iter().zip(handles) {
                prop_assert_eq!(&packed.unpack(End::Target, first.id.clone(), one, None), first);
                prop_assert_eq!(&packed.unpack(End::Source, second.id.clone(), other, Some(first)), second);
            }
        }
    }

    #[test]
    fn a_record_larger_than_a_chunk_is_packed_too() {
        let mut packed = Packed::default();
        let record = Record::new(ObjectId::user("7")).with("photo", "x".repeat(3 * CHUNK));
        let small = Record::new(ObjectId::user("8")).with("name", "Ada");
        let handles = [&record, &small, &record].map(|record| packed.pack(End::Source, record, None));
        for (handle, record) in handles.into_iter().zip([&record, &small, &record]) {
            assert_eq!(&packed.unpack(End::Source, record.id.clone(), handle, None), record);
        }
    }
}
