//! Records in few bytes, for as long as nobody looks at them.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::Arc;

use crate::model::{Name, ObjectId, Origin, Record, Shape, Value};

/// How many bytes are asked for at once.
const CHUNK: usize = 1 << 20;
/// Texts shorter than this take no more room than to say where they stand in the counterpart.
const SHORTEST_SAME: usize = 2;

/// Which side a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Source,
    Target,
}

/// Records that were packed. Their ids are kept by whoever packs them, and nothing is ever given back.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    chunks: Vec<Vec<u8>>,
    shapes: [Shapes; 2],
    /// Where records were read.
    places: Vec<Arc<str>>,
    /// Values that no bytes are made of.
    others: Vec<Value>,
    /// What is being packed.
    buffer: Vec<u8>,
    /// Where the texts of its counterpart are, in what that was packed into.
    texts: Vec<Range<usize>>,
}

/// Where a packed record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handle(NonZeroU64);

/// A value as it is packed.
#[derive(Debug, PartialEq)]
pub(crate) enum Lean<'a> {
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
const LONG_TEXT: u8 = 4;
/// The text of the counterpart that has the number that follows.
const SAME: u8 = 5;
/// The text of the counterpart after the one that was the same before.
const NEXT: u8 = 6;
const LIST: u8 = 7;
const OTHER: u8 = 8;
/// From here on a text of as many bytes as it is more.
const TEXT: u8 = 16;
/// The longest of them.
const LONGEST: usize = (u8::MAX - TEXT) as usize;

impl Packed {
    /// Packs all of a record but its id and what it lacks. Texts that its counterpart has too, which was packed before
    /// on its own, are not kept twice.
    pub(crate) fn pack(&mut self, end: End, record: &Record, counterpart: Option<Handle>) -> Handle {
        self.buffer.clear();
        self.texts.clear();
        let counterpart = counterpart.map_or(&[][..], |handle| bytes(&self.chunks, handle));
        if !counterpart.is_empty() {
            let mut reader = Reader::new(counterpart, &self.others);
            reader.origin(&self.places);
            let [sources, targets] = &self.shapes;
            let others = if end == End::Source { targets } else { sources };
            for _ in others.shape(reader.number()).names() {
                if let Lean::Text(text) = reader.value() {
                    self.texts.push(reader.at - text.len()..reader.at);
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
        put(buffer, self.shapes[end as usize].number(record.attributes.shape()) as u64);
        let mut next = 0;
        for value in record.attributes.values() {
            let text = value.as_text().map(str::as_bytes).filter(|text| text.len() >= SHORTEST_SAME);
            match text.and_then(|text| find(counterpart, &self.texts, next, text)) {
                Some(same) => {
                    if same == next {
                        buffer.push(NEXT);
                    } else {
                        buffer.push(SAME);
                        put(buffer, same as u64);
                    }
                    next = same + 1;
                }
                None => put_value(buffer, &mut self.others, value),
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
    pub(crate) fn unpack(&self, end: End, id: ObjectId, handle: Handle, counterpart: Option<&Record>) -> Record {
        let texts: Vec<&Value> = counterpart
            .into_iter()
            .flat_map(|record| record.attributes.iter())
            .filter_map(|(_, value)| value.as_text().map(|_| value))
            .collect();
        let mut record = Record::new(id);
        let mut reader = Reader::new(bytes(&self.chunks, handle), &self.others);
        record.origin = reader.origin(&self.places);
        let shape = self.shapes[end as usize].shape(reader.number());
        let values = shape.names().iter().map(|_| match reader.value() {
            Lean::Text(text) => Value::text(utf8(text)),
            Lean::Same(at) => texts[at].clone(),
            Lean::Value(value) => value,
        });
        record.attributes = shape.with_values(values.collect());
        record
    }

    /// Lets packed records come nearer, all at once, since they are looked at soon.
    pub(crate) fn fetch(&self, handles: impl Iterator<Item = Handle>) {
        std::hint::black_box(handles.map(|handle| u64::from(bytes(&self.chunks, handle)[0])).sum::<u64>());
    }

    /// The number of a packed record's shape, and what it holds in the order of its names.
    pub(crate) fn values(&self, end: End, handle: Handle) -> (usize, impl Iterator<Item = Lean<'_>>) {
        let mut reader = Reader::new(bytes(&self.chunks, handle), &self.others);
        reader.origin(&self.places);
        let number = reader.number();
        let count = self.shapes[end as usize].shape(number).names().len();
        (number as usize, (0..count).map(move |_| reader.value()))
    }

    /// The shapes that the records of a side have, by their numbers.
    pub(crate) fn shapes(&self, end: End) -> &[Shape] {
        &self.shapes[end as usize].shapes
    }

    /// The names that the records of a side have.
    pub(crate) fn names(&self, end: End) -> BTreeSet<&Name> {
        self.shapes(end).iter().flat_map(Shape::names).collect()
    }
}

/// Where a text stands among those of the counterpart. Both sides have much the same, in much the same order.
fn find(counterpart: &[u8], texts: &[Range<usize>], next: usize, text: &[u8]) -> Option<usize> {
    let next = next.min(texts.len());
    let is_it = |at: &usize| texts[*at].len() == text.len() && counterpart[texts[*at].clone()] == *text;
    (next..texts.len()).chain(0..next).find(is_it)
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
            if text.len() <= LONGEST {
                buffer.push(TEXT + text.len() as u8);
            } else {
                buffer.push(LONG_TEXT);
                put(buffer, text.len() as u64);
            }
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
    /// The number of the text of the counterpart that comes next.
    next: usize,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], others: &'a [Value]) -> Self {
        Self { bytes, at: 0, others, next: 0 }
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
            length @ TEXT.. => return Lean::Text(self.take(usize::from(length - TEXT))),
            LONG_TEXT => {
                let length = self.number() as usize;
                return Lean::Text(self.take(length));
            }
            NEXT => {
                self.next += 1;
                return Lean::Same(self.next - 1);
            }
            SAME => {
                let same = self.number() as usize;
                self.next = same + 1;
                return Lean::Same(same);
            }
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

/// The names that records have, all of one record together, each once, by number.
#[derive(Debug, Default)]
struct Shapes {
    shapes: Vec<Shape>,
    numbers: HashMap<Shape, usize>,
    /// That of the last record: the next has mostly the same.
    last: usize,
}

impl Shapes {
    fn number(&mut self, shape: &Shape) -> usize {
        if self.shapes.get(self.last).is_none_or(|last| last != shape) {
            self.last = *self.numbers.entry(shape.clone()).or_insert_with(|| {
                self.shapes.push(shape.clone());
                self.shapes.len() - 1
            });
        }
        self.last
    }

    fn shape(&self, number: u64) -> &Shape {
        &self.shapes[number as usize]
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
