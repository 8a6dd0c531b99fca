//! One description of each object's members, from which it is read, written, and searched for what is not used.

use std::collections::HashSet;

use serde_json::{Map, Value as Json};

use super::error::{SchemaRemark, Unused};
use super::json::Place;

/// An object of the document.
pub(super) trait Node: Default + Clone {
    /// Shows each member with its name to a visitor.
    fn members<M: Members>(&mut self, members: &mut M);

    fn kept(&mut self) -> &mut Kept;
}

/// What visits the members of a [`Node`].
pub(super) trait Members {
    /// A member that is used, and what it is when it is missing or null.
    fn value<T: Member>(&mut self, name: &'static str, field: &mut T, default: T);

    /// A member that is known, and by which nothing goes here.
    fn spare<T: Member>(&mut self, name: &'static str, field: &mut T, default: T);

    /// A member that is used, and is written only where it says something.
    fn rare<T: Member>(&mut self, name: &'static str, field: &mut T, default: T) {
        self.value(name, field, default);
    }

    fn one<N: Node>(&mut self, name: &'static str, field: &mut Option<N>);

    fn list<N: Node>(&mut self, name: &'static str, field: &mut Vec<N>);

    /// A list that may be empty, and may not be missing.
    fn needed_list<N: Node>(&mut self, name: &'static str, field: &mut Vec<N>) {
        self.list(name, field);
    }
}

/// What a member may hold.
pub(super) trait Member: Clone + PartialEq {
    /// Reads it, or says what would be right.
    fn read(json: &Json) -> Result<Self, String>;

    fn write(&self) -> Json;
}

/// The members of an object as a document has them; `None` for one that was made here.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Kept(Option<Box<Map<String, Json>>>);

/// Reads objects, and notes what is wrong.
pub(super) struct Reader<'a> {
    map: Map<String, Json>,
    place: Place<'a>,
    faults: &'a mut Vec<SchemaRemark>,
}

pub(super) fn read<N: Node>(json: Json, place: Place<'_>, faults: &mut Vec<SchemaRemark>) -> N {
    let mut node = N::default();
    let Json::Object(map) = json else {
        faults.push(SchemaRemark::new(place, format!("{} is no object", kind(&json))));
        return node;
    };
    let mut reader = Reader { map, place, faults };
    node.members(&mut reader);
    *node.kept() = Kept(Some(Box::new(reader.map)));
    node
}

impl Reader<'_> {
    fn fault(&mut self, name: &str, message: String) {
        self.faults.push(SchemaRemark::new(self.place.member(name), message));
    }
}

impl Members for Reader<'_> {
    fn value<T: Member>(&mut self, name: &'static str, field: &mut T, default: T) {
        *field = match self.map.get(name) {
            None | Some(Json::Null) => default,
            Some(json) => match T::read(json) {
                Ok(value) => value,
                Err(message) => {
                    self.fault(name, message);
                    default
                }
            },
        };
    }

    fn spare<T: Member>(&mut self, name: &'static str, field: &mut T, default: T) {
        self.value(name, field, default);
    }

    fn one<N: Node>(&mut self, name: &'static str, field: &mut Option<N>) {
        *field = match self.map.get_mut(name).map(Json::take) {
            None | Some(Json::Null) => None,
            Some(json @ Json::Object(_)) => Some(read(json, self.place.member(name), self.faults)),
            Some(other) => {
                self.fault(name, format!("{} is no object", kind(&other)));
                None
            }
        };
    }

    fn needed_list<N: Node>(&mut self, name: &'static str, field: &mut Vec<N>) {
        if self.map.get(name).is_none_or(Json::is_null) {
            self.fault(name, "the list is missing; write [] if it is empty".to_owned());
        }
        self.list(name, field);
    }

    fn list<N: Node>(&mut self, name: &'static str, field: &mut Vec<N>) {
        let items = match self.map.get_mut(name) {
            None | Some(Json::Null) => Vec::new(),
            Some(Json::Array(items)) => std::mem::take(items),
            Some(other) => {
                let message = format!("{} is no list", kind(other));
                self.fault(name, message);
                return;
            }
        };
        let place = self.place.member(name);
        *field =
            items.into_iter().enumerate().map(|(index, item)| read(item, place.item(index), self.faults)).collect();
    }
}

/// Writes what was read as it was, and what was changed in Microsoft's spelling.
struct Writer {
    out: Map<String, Json>,
    made_here: bool,
}

pub(super) fn write<N: Node>(node: &mut N) -> Json {
    let kept = std::mem::take(node.kept());
    let mut writer = Writer { made_here: kept.0.is_none(), out: kept.0.map_or_else(Map::new, |map| *map) };
    node.members(&mut writer);
    Json::Object(writer.out)
}

impl Members for Writer {
    fn rare<T: Member>(&mut self, name: &'static str, field: &mut T, default: T) {
        if !self.made_here || *field != default {
            self.value(name, field, default);
        }
    }

    fn value<T: Member>(&mut self, name: &'static str, field: &mut T, default: T) {
        let before = self.out.get(name).filter(|json| !json.is_null()).and_then(|json| T::read(json).ok());
        if self.made_here || before.unwrap_or(default) != *field {
            self.out.insert(name.to_owned(), field.write());
        }
    }

    fn spare<T: Member>(&mut self, name: &'static str, field: &mut T, default: T) {
        self.value(name, field, default);
    }

    fn one<N: Node>(&mut self, name: &'static str, field: &mut Option<N>) {
        match field {
            Some(node) => _ = self.out.insert(name.to_owned(), write(node)),
            None if self.made_here || self.out.contains_key(name) => _ = self.out.insert(name.to_owned(), Json::Null),
            None => {}
        }
    }

    fn list<N: Node>(&mut self, name: &'static str, field: &mut Vec<N>) {
        if !field.is_empty() || self.made_here {
            self.out.insert(name.to_owned(), Json::Array(field.iter_mut().map(write).collect()));
        }
    }
}

/// Searches for what is kept and not used.
struct Search<'a> {
    place: Place<'a>,
    known: HashSet<&'static str>,
    found: &'a mut Found,
}

/// What a document holds and nothing here goes by.
#[derive(Default)]
pub(super) struct Found {
    pub(super) unused: Vec<Unused>,
    /// Of the unused: members whose names are those of known ones, but for their case.
    pub(super) misspelt: Vec<SchemaRemark>,
}

pub(super) fn search<N: Node>(node: &mut N, place: Place<'_>, found: &mut Found) {
    let mut search = Search { place, known: HashSet::new(), found };
    node.members(&mut search);
    let known = search.known;
    for (name, json) in node.kept().0.iter().flat_map(|map| map.iter()) {
        if !known.contains(name.as_str()) && !says_nothing(json) {
            found.unused.push(Unused::new(place.member(name), json));
            if let Some(meant) = known.iter().find(|own| own.eq_ignore_ascii_case(name)) {
                let message = format!("nothing goes by this member: it is spelt {meant}");
                found.misspelt.push(SchemaRemark::new(place.member(name), message));
            }
        }
    }
}

impl Members for Search<'_> {
    fn value<T: Member>(&mut self, name: &'static str, _: &mut T, _: T) {
        self.known.insert(name);
    }

    fn spare<T: Member>(&mut self, name: &'static str, field: &mut T, default: T) {
        self.known.insert(name);
        let json = field.write();
        if *field != default && !says_nothing(&json) {
            self.found.unused.push(Unused::new(self.place.member(name), &json));
        }
    }

    fn one<N: Node>(&mut self, name: &'static str, field: &mut Option<N>) {
        self.known.insert(name);
        if let Some(node) = field {
            search(node, self.place.member(name), self.found);
        }
    }

    fn list<N: Node>(&mut self, name: &'static str, field: &mut Vec<N>) {
        self.known.insert(name);
        let place = self.place.member(name);
        for (index, node) in field.iter_mut().enumerate() {
            search(node, place.item(index), self.found);
        }
    }
}

/// Null, false, 0, what is empty, and `"false"`, as metadata says it.
fn says_nothing(json: &Json) -> bool {
    match json {
        Json::Null | Json::Bool(false) => true,
        Json::Bool(true) => false,
        Json::Number(number) => number.as_i64() == Some(0),
        Json::String(text) => text.is_empty() || text.eq_ignore_ascii_case("false"),
        Json::Array(items) => items.is_empty(),
        Json::Object(members) => members.is_empty(),
    }
}

/// What a value is, in a message.
pub(super) fn kind(json: &Json) -> String {
    match json {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => crate::expr::quote(text),
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an object".to_owned(),
    }
}

impl Member for String {
    fn read(json: &Json) -> Result<Self, String> {
        json.as_str().map(str::to_owned).ok_or_else(|| format!("{} is no text", kind(json)))
    }

    fn write(&self) -> Json {
        self.as_str().into()
    }
}

impl Member for Option<String> {
    fn read(json: &Json) -> Result<Self, String> {
        String::read(json).map(Some)
    }

    fn write(&self) -> Json {
        self.as_deref().into()
    }
}

impl Member for bool {
    fn read(json: &Json) -> Result<Self, String> {
        json.as_bool().ok_or_else(|| format!("{} is neither true nor false", kind(json)))
    }

    fn write(&self) -> Json {
        (*self).into()
    }
}

impl Member for i32 {
    fn read(json: &Json) -> Result<Self, String> {
        let number = json.as_i64().and_then(|number| number.try_into().ok());
        number.ok_or_else(|| format!("{} is no whole number of 32 bits", kind(json)))
    }

    fn write(&self) -> Json {
        (*self).into()
    }
}

/// Texts; numbers, true and false count as the texts that Microsoft writes for them.
impl Member for Vec<String> {
    fn read(json: &Json) -> Result<Self, String> {
        let Json::Array(items) = json else { return Err(format!("{} is no list", kind(json))) };
        let text = |item: &Json| match item {
            Json::String(text) => Ok(text.clone()),
            Json::Number(number) => Ok(number.to_string()),
            Json::Bool(true) => Ok("True".to_owned()),
            Json::Bool(false) => Ok("False".to_owned()),
            other => Err(format!("{} is no text", kind(other))),
        };
        items.iter().map(text).collect()
    }

    fn write(&self) -> Json {
        self.as_slice().into()
    }
}
