//! A file of JSON Lines that a job writes.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::lines::MAX_ROW_BYTES;
use super::members::{Member, members};
use super::rows::{Row, RowFile};
use super::table::{Edit, Settings, Table, TableFormat, fill, table_settings, table_store};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{AttributeSchema, Attributes, Name, ObjectId, Origin, Record, Schema, Value};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// A file with one JSON object a line that is read and written: a [`Source`](crate::Source) and a
/// [`Target`](crate::Target).
///
/// It is read as [`JsonlSource`](super::JsonlSource) reads it; a member that is declared and not there reads as null,
/// and a line in which a member stands twice cannot be read.
///
/// How it is written, by whom, and what happens if somebody else changes it, is as with
/// [`CsvTarget`](super::CsvTarget#what-is-written): replaced as a whole once for each call, by way of a file beside it,
/// or not at all. Lines keep their order; what is not changed stays byte for byte: other lines, and in a line its
/// other members, with their order, blanks and numbers. New lines come last. A file with a line that cannot be read
/// is not written at all.
///
/// The key member holds each object's id, a text or a number. A new object has the text that is mapped to that member,
/// which must be free; else a new UUID. It is never changed later.
///
/// # Examples
///
/// ```
/// use entrant::adapters::JsonlTarget;
/// use entrant::model::{Attributes, AttributeSchema, Change, ChangeId, Name, ObjectId, Operation, Value};
/// use entrant::Target;
/// use futures::StreamExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("people.jsonl");
/// std::fs::write(&path, "{\"id\": 7, \"size\": 1.70, \"sn\": \"Byron\"}\n")?;
/// let people = JsonlTarget::builder(&path).attribute("sn", AttributeSchema::text()).build()?;
/// let attributes: Attributes = [(Name::from("sn"), Value::text("Lovelace"))].into_iter().collect();
/// let update = Operation::Update { id: ObjectId::user("7"), attributes, secrets: Default::default() };
/// for (_, answer) in people.write(vec![Change::new(ChangeId::new(1), update)]).collect::<Vec<_>>().await {
///     answer?;
/// }
/// assert_eq!(std::fs::read_to_string(&path)?, "{\"id\": 7, \"size\": 1.70, \"sn\": \"Lovelace\"}\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct JsonlTarget {
    table: Table<JsonlTable>,
}

/// Settings of a [`JsonlTarget`].
#[derive(Debug, Clone)]
#[must_use]
pub struct JsonlTargetBuilder {
    settings: Settings,
}

impl JsonlTarget {
    /// Users in a file, which is made by the first write if it is not there.
    pub fn builder(path: impl AsRef<Path>) -> JsonlTargetBuilder {
        JsonlTargetBuilder { settings: Settings::new(path.as_ref(), "jsonl") }
    }

    #[cfg(test)]
    pub(super) fn table(&self) -> &Table<JsonlTable> {
        &self.table
    }
}

impl JsonlTargetBuilder {
    table_settings!();

    /// The member that holds the key; `id` if not given.
    pub fn key(mut self, member: impl Into<Name>) -> Self {
        self.settings.key = Some(member.into());
        self
    }

    /// Reads the file, if it is there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) if the file cannot be read; [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if no attribute is declared, or one that
    /// a file cannot hold.
    pub fn build(self) -> Result<JsonlTarget> {
        let file = self.settings.file();
        if self.settings.attributes.is_empty() {
            let message = "no attribute is declared, so there is nothing to write; declare them with .attribute(…)";
            return Err(Error::new(ErrorKind::Invalid, message).with_context("file", file.path.display()));
        }
        let key = self.settings.key.clone().unwrap_or_else(|| Name::from_static("id"));
        let schema = self.settings.schema(&key, |_| None)?;
        let format = JsonlTable { file: file.clone(), key: key.clone(), schema: Arc::clone(&schema) };
        Ok(JsonlTarget { table: Table::open(format, file, key, schema)? })
    }
}

table_store!(JsonlTarget);

/// How a table is written down as JSON Lines.
#[derive(Debug, Clone)]
pub(super) struct JsonlTable {
    file: RowFile,
    key: Name,
    schema: Arc<Schema>,
}

impl TableFormat for JsonlTable {
    /// Where each line stands, without its end.
    type Layout = Vec<Range<usize>>;

    fn parse(&self, content: &[u8]) -> Result<(Self::Layout, Vec<Row>)> {
        let place = self.file.place();
        let (mut layout, mut rows) = (Vec::new(), Vec::new());
        let mut start = if content.starts_with(BOM) { BOM.len() } else { 0 };
        let mut number = 0_u64;
        while start < content.len() {
            number += 1;
            let next = content[start..].iter().position(|byte| *byte == b'\n').map_or(content.len(), |end| start + end);
            let end = if content[start..next].ends_with(b"\r") { next - 1 } else { next };
            let line = &content[start..end];
            if !line.trim_ascii().is_empty() {
                rows.push(self.row(line, number, &place));
                layout.push(start..end);
            }
            start = next + 1;
        }
        Ok((layout, rows))
    }

    fn render(&self, content: &[u8], layout: &Self::Layout, edits: &[Edit<'_>], added: &[&Record]) -> Vec<u8> {
        let line_end: &[u8] = match content.iter().position(|byte| *byte == b'\n') {
            Some(at) if content[..at].ends_with(b"\r") => b"\r\n",
            _ => b"\n",
        };
        let mut out = Vec::with_capacity(content.len() + content.len() / 8 + 256);
        let mut at = 0;
        for (line, edit) in layout.iter().zip(edits) {
            out.extend_from_slice(&content[at..line.start]);
            at = line.end;
            match edit {
                Edit::Keep => out.extend_from_slice(&content[line.clone()]),
                Edit::Change(record, changed) => {
                    let line = &content[line.clone()];
                    let values = changed.iter().filter_map(|name| Some((name, record.get(name)?)));
                    change(&mut out, line, &members(line), values);
                }
                Edit::Remove => {
                    let rest = &content[at..];
                    at += if rest.starts_with(b"\r\n") { 2 } else { usize::from(rest.starts_with(b"\n")) };
                }
            }
        }
        out.extend_from_slice(&content[at..]);
        for record in added {
            if !out.is_empty() && out != BOM && out.last() != Some(&b'\n') {
                out.extend_from_slice(line_end);
            }
            out.extend_from_slice(self.line(record).as_bytes());
            out.extend_from_slice(line_end);
        }
        out
    }

    fn size(&self, record: &Record) -> usize {
        self.line(record).len()
    }

    fn refusal(&self, _: &AttributeSchema, _: &Value) -> Option<(&'static str, String)> {
        None
    }
}

impl JsonlTable {
    fn row(&self, line: &[u8], number: u64, place: &Arc<str>) -> Row {
        let broken = |why: String| Row::Broken { row: number, why: why.into(), id: None };
        if line.len() > MAX_ROW_BYTES {
            return broken(format!("is longer than {MAX_ROW_BYTES} bytes"));
        }
        let attributes: Attributes = match serde_json::from_slice(line) {
            Ok(attributes) => attributes,
            Err(error) if error.is_data() => return broken("is no JSON object".to_owned()),
            // Only the place: the text of an error may quote what stands there.
            Err(error) => return broken(format!("is no JSON, from column {}", error.column())),
        };
        let mut names: Vec<String> = members(line).into_iter().map(|member| member.name).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return broken(format!("has {} twice", twice[0]));
        }
        let id: Arc<str> = match attributes.get(&self.key) {
            Some(Value::Text(text)) if !text.trim().is_empty() => text.to_shared(),
            Some(Value::Integer(number)) => number.to_string().into(),
            _ => return broken(format!("has no {} to be known by", self.key)),
        };
        let mut record = Record::new(ObjectId::new(self.file.class.clone(), Arc::clone(&id)))
            .with_origin(Origin::row(Arc::clone(place), number));
        record.attributes = attributes;
        record.attributes.insert(self.key.clone(), Value::text(id));
        fill(&mut record, &self.schema);
        Row::Record(record)
    }

    /// A record as a line, the key first; null where it has to be said.
    fn line(&self, record: &Record) -> String {
        let key = record.get(&self.key).map(|value| (&self.key, value));
        let others = record.attributes.iter().filter(|(name, _)| **name != self.key);
        let members: Vec<String> =
            key.into_iter().chain(others).map(|(name, value)| format!("{}:{}", json(name), json(value))).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// Writes a line with other values for some of its members; those that it lacks come last.
fn change<'a>(out: &mut Vec<u8>, line: &[u8], members: &[Member], values: impl Iterator<Item = (&'a Name, &'a Value)>) {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let last = members.last();
    let end = last.map_or(line.len(), |member| member.value.end);
    // As the line is written: `"a": 1, "b": 2`, or without blanks.
    let airy = last.is_some_and(|member| member.value.start > member.key.end + 1);
    for (name, value) in values {
        match members.iter().find(|member| member.name == name.as_str()) {
            Some(member) => edits.push((member.value.clone(), json(value))),
            None if airy => edits.push((end..end, format!(", {}: {}", json(name), json(value)))),
            None => edits.push((end..end, format!(",{}:{}", json(name), json(value)))),
        }
    }
    // Stable: what comes last keeps its order, after the last value's own edit.
    edits.sort_by_key(|(range, _)| (range.end, range.start));
    let mut at = 0;
    for (range, text) in edits {
        out.extend_from_slice(&line[at..range.start]);
        out.extend_from_slice(text.as_bytes());
        at = range.end;
    }
    out.extend_from_slice(&line[at..]);
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("names and values are JSON, and memory does not fail")
}
