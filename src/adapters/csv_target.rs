//! A CSV file that a job writes.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::csv::{CsvFormat, Parser, RawRow, surely};
use super::rows::Row;
use super::table::{Edit, Settings, Table, TableFormat, fill, table_settings, table_store};
use crate::error::Result;
use crate::model::{AttributeSchema, Cardinality, Kind, Name, ObjectId, Origin, Record, Schema, Value};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// A CSV file that is read and written: a [`Source`](crate::Source) and a [`Target`](crate::Target).
///
/// It is read as [`CsvSource`](super::CsvSource) reads it, but for what is declared: a truth value, a whole number, a
/// list. A cell that is not of its type comes as the text that it is. An empty cell is null, whether quoted or not; an
/// empty text cannot be told from it and is refused, when planning already. A column that is declared and not there
/// reads as null, and is added when a value is written to it.
///
/// # What is written
///
/// Each call of [`write`](crate::Target::write) replaces the file once: a new file is written beside it, made to last
/// (`fsync`), and put in its place, so that whoever reads, and whatever is cut off at any moment, finds the old file or
/// the new one. It is for its owner's eyes only (0600). Rows keep their order; what is not changed stays byte for byte:
/// other columns, other rows, quotes, line ends, empty lines, a byte order mark. New rows come last. Cells are quoted
/// where [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180) asks for it, and where blanks are at an end. What was
/// written is read back before it is put in place.
///
/// A file with a row that cannot be read is not written at all, lest that row is lost: each change fails with
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), naming the row. Writers take turns: in one program by waiting for each other, between
/// programs by a lock on `.people.csv.lock` beside the file (after 30 seconds they give up with
/// [`ErrorKind::Store`](crate::ErrorKind::Store)). If somebody who knows nothing of that changed the file since this program last read it, such
/// as a person with an editor, each change fails with [`ErrorKind::Stale`](crate::ErrorKind::Stale) and the file is left as it is; a new plan
/// starts from what it holds now. The folder must let files be made in it. The file is held in memory while it is read
/// or written.
///
/// # Ids
///
/// The key column holds each object's id. A new object has the value that is mapped to that column, which must be free;
/// else a new UUID. It is never changed later.
///
/// # Spreadsheets
///
/// A cell that begins with `=`, `+`, `-` or `@` is written as it is. A spreadsheet that opens the file may take it for a
/// formula, so do not open one with names that strangers chose for themselves; import it as text. Changing the value
/// here would make it another value in every other program.
///
/// # Examples
///
/// ```
/// use entrant::adapters::CsvTarget;
/// use entrant::model::{Attributes, AttributeSchema, Change, ChangeId, Class, Name, Operation, Value};
/// use entrant::Target;
/// use futures::StreamExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("people.csv");
/// std::fs::write(&path, "id,room,userName\n7,\"2\",ada\n")?;
/// let people = CsvTarget::builder(&path)
///     .attribute("userName", AttributeSchema::text().ignore_case())
///     .attribute("mail", AttributeSchema::text())
///     .build()?;
/// let attributes: Attributes = [
///     (Name::from("id"), Value::text("8")),
///     (Name::from("userName"), Value::text("alan")),
///     (Name::from("mail"), Value::text("alan@example.com")),
/// ].into_iter().collect();
/// let create = Operation::Create { class: Class::USER, attributes, secrets: Default::default() };
/// for (_, answer) in people.write(vec![Change::new(ChangeId::new(1), create)]).collect::<Vec<_>>().await {
///     assert_eq!(&*answer?.id.id, "8");
/// }
/// assert_eq!(std::fs::read_to_string(&path)?, "id,room,userName,mail\n7,\"2\",ada,\n8,,alan,alan@example.com\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct CsvTarget {
    table: Table<CsvTable>,
}

/// Settings of a [`CsvTarget`].
#[derive(Debug, Clone)]
#[must_use]
pub struct CsvTargetBuilder {
    settings: Settings,
    separator: Option<char>,
    words: (Arc<str>, Arc<str>),
}

impl CsvTarget {
    /// Users in a file that is there, whose first column is the key; every other column is text that can be written.
    ///
    /// # Errors
    ///
    /// As [`CsvTargetBuilder::build`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder(path).build()
    }

    /// Other settings.
    pub fn builder(path: impl AsRef<Path>) -> CsvTargetBuilder {
        CsvTargetBuilder {
            settings: Settings::new(path.as_ref(), "csv"),
            separator: None,
            words: ("true".into(), "false".into()),
        }
    }
}

impl CsvTargetBuilder {
    table_settings!();

    /// The column that holds the key; the first if not given, and `id` in a file that is not there yet.
    pub fn key(mut self, column: impl Into<Name>) -> Self {
        self.settings.key = Some(column.into());
        self
    }

    /// What stands between the values of an attribute of several, such as `;`. Without it no such attribute builds, and
    /// a value that holds it or has blanks at an end is refused.
    pub fn separator(mut self, separator: char) -> Self {
        self.separator = Some(separator);
        self
    }

    /// The words for true and false, such as `Active` and `Inactive`; `true` and `false` if not given. They are read in
    /// any case.
    pub fn words(mut self, yes: impl Into<Arc<str>>, no: impl Into<Arc<str>>) -> Self {
        self.words = (yes.into(), no.into());
        self
    }

    /// Reads the file, if it is there. Without declared attributes it must be, and all its columns are text.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) if the file cannot be read; [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if its header is not usable, as
    /// [`CsvSourceBuilder::build`](super::CsvSourceBuilder::build) says, or an attribute cannot be held by a CSV file.
    pub fn build(mut self) -> Result<CsvTarget> {
        let file = self.settings.file();
        let csv = CsvFormat { file: file.clone(), key: self.settings.key.clone() };
        let headers = match std::fs::metadata(&file.path) {
            Ok(metadata) if metadata.len() > 0 || self.settings.attributes.is_empty() => csv.read_headers()?.to_vec(),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound || self.settings.attributes.is_empty() => {
                return Err(file.failed("cannot open the file", error));
            }
            // It is made by the first write.
            _ => Vec::new(),
        };
        let first = || headers.first().cloned().unwrap_or_else(|| Name::from_static("id"));
        let key = self.settings.key.clone().unwrap_or_else(first);
        if self.settings.attributes.is_empty() {
            let columns =
                headers.iter().filter(|header| **header != key && self.settings.status.as_ref() != Some(*header));
            self.settings.attributes = columns.map(|header| (header.clone(), AttributeSchema::text())).collect();
        }
        let separated = self.separator.is_some();
        let schema = self.settings.schema(&key, |attribute| match attribute.kind {
            Kind::Binary | Kind::Complex => Some("is bytes or an object, which a cell cannot hold"),
            _ if attribute.cardinality == Cardinality::Many && !separated => {
                Some("has several values, and nothing is given to put between them; say what with .separator(…)")
            }
            _ => None,
        })?;
        let (yes, no) = &self.words;
        if yes.trim().is_empty() || no.trim().is_empty() || yes.to_lowercase() == no.to_lowercase() {
            return Err(csv.invalid("the words for true and false must be two, and not blank"));
        }
        if self.separator.is_some_and(|separator| separator.is_alphanumeric() || "\"\r\n".contains(separator)) {
            return Err(csv.invalid("the separator must be a sign other than a quote or a line end"));
        }
        let declared = self.settings.attributes.iter().map(|(name, _)| name.clone()).chain(self.settings.status);
        let mut columns = vec![key.clone()];
        columns.extend(declared.filter(|name| *name != key));
        columns.dedup();
        let csv = CsvFormat { file: file.clone(), key: Some(key.clone()) };
        let format = CsvTable {
            csv,
            schema: Arc::clone(&schema),
            columns: columns.into(),
            separator: self.separator,
            words: self.words,
        };
        Ok(CsvTarget { table: Table::open(format, file, key, schema)? })
    }
}

table_store!(CsvTarget);

/// How a table is written down in a CSV file.
#[derive(Debug, Clone)]
pub(super) struct CsvTable {
    csv: CsvFormat,
    schema: Arc<Schema>,
    /// What is declared, the key first: the columns of a new file.
    columns: Arc<[Name]>,
    separator: Option<char>,
    words: (Arc<str>, Arc<str>),
}

/// Where everything stands in the file.
#[derive(Debug)]
pub(super) struct CsvLayout {
    headers: Vec<Name>,
    /// Where the header stands; `None` if the file is empty.
    header: Option<Range<usize>>,
    /// The fields of each row.
    rows: Vec<Vec<Range<usize>>>,
}

impl TableFormat for CsvTable {
    type Layout = CsvLayout;

    fn parse(&self, content: &[u8]) -> Result<(CsvLayout, Vec<Row>)> {
        let failed = |error| self.csv.file.failed("cannot read the file", error);
        let start = if content.starts_with(BOM) { BOM.len() } else { 0 };
        let body = &content[start..];
        let mut parser = Parser::new(body);
        let Some(header) = parser.next_row().map_err(failed)? else {
            return Ok((CsvLayout { headers: Vec::new(), header: None, rows: Vec::new() }, Vec::new()));
        };
        let header = whole(&spans(&header, start));
        let mut parser = Parser::new(body);
        let headers = self.csv.headers(&mut parser)?.to_vec();
        let key = self.csv.key.as_ref();
        let key = headers.iter().position(|header| Some(header) == key).ok_or_else(|| {
            let columns: Vec<_> = headers.iter().map(Name::as_str).collect();
            let key = key.map_or("", Name::as_str);
            self.csv.invalid(format!("no column of the file is called {key}; it has {}", columns.join(", ")))
        })?;
        let place = self.csv.file.place();
        let (mut places, mut rows) = (Vec::new(), Vec::new());
        while let Some(raw) = parser.next_row().map_err(failed)? {
            rows.push(self.row(&raw, &headers, key, &place));
            places.push(spans(&raw, start));
        }
        Ok((CsvLayout { headers, header: Some(header), rows: places }, rows))
    }

    fn render(&self, content: &[u8], layout: &CsvLayout, edits: &[Edit<'_>], added: &[&Record]) -> Vec<u8> {
        let mut written: BTreeSet<&Name> = BTreeSet::new();
        for edit in edits {
            if let Edit::Change(record, changed) = edit {
                written.extend(changed.iter().filter(|name| record.get(name).is_some_and(|value| !value.is_null())));
            }
        }
        for record in added {
            written.extend(record.attributes.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name));
        }
        let is_there = |name: &&Name| layout.headers.contains(name);
        let new: Vec<&Name> = match &layout.header {
            Some(_) => self.columns.iter().filter(|name| !is_there(name) && written.contains(name)).collect(),
            None => self.columns.iter().collect(),
        };
        let line_end = line_end(content, layout.header.as_ref());
        let mut out = Vec::with_capacity(content.len() + content.len() / 8 + 256);
        let mut at = 0;
        match &layout.header {
            Some(header) => {
                out.extend_from_slice(&content[..header.end]);
                at = header.end;
                new.iter().for_each(|name| put_after(&mut out, &quoted(name)));
            }
            None => {
                out.extend_from_slice(content);
                at = at.max(content.len());
                put_row(&mut out, new.iter().map(|name| quoted(name)));
                out.extend_from_slice(line_end);
            }
        }
        for (fields, edit) in layout.rows.iter().zip(edits) {
            let row = whole(fields);
            out.extend_from_slice(&content[at..row.start]);
            at = row.end;
            match edit {
                Edit::Keep => {
                    out.extend_from_slice(&content[row]);
                    new.iter().for_each(|_| put_after(&mut out, ""));
                }
                Edit::Change(record, changed) => {
                    let kept = |index: usize| String::from_utf8_lossy(&content[fields[index].clone()]).into_owned();
                    let cell = |name: &Name| self.cell(name, record.get(name));
                    let old = layout
                        .headers
                        .iter()
                        .enumerate()
                        .map(|(index, name)| if changed.contains(name) { cell(name) } else { kept(index) });
                    put_row(&mut out, old);
                    new.iter().for_each(|name| put_after(&mut out, &cell(name)));
                }
                Edit::Remove => at += line_end_at(content, at),
            }
        }
        out.extend_from_slice(&content[at..]);
        for record in added {
            if !out.is_empty() && !matches!(out.last(), Some(b'\n' | b'\r')) {
                out.extend_from_slice(line_end);
            }
            let columns = layout.headers.iter().chain(new.iter().copied());
            put_row(&mut out, columns.map(|name| self.cell(name, record.get(name))));
            out.extend_from_slice(line_end);
        }
        out
    }

    fn size(&self, record: &Record) -> usize {
        let cells = record.attributes.iter().map(|(name, value)| self.cell(name, Some(value)).len() + 1);
        cells.sum::<usize>() + self.columns.len() + 2
    }

    fn refusal(&self, schema: &AttributeSchema, value: &Value) -> Option<(&'static str, String)> {
        let several = schema.cardinality == Cardinality::Many;
        for value in value.as_slice() {
            let Value::Text(text) = value else { continue };
            if text.is_empty() {
                let message = "a CSV file cannot tell an empty text from none; map it so that it gives null";
                return Some(("csv-empty-text", message.to_owned()));
            }
            let Some(separator) = self.separator.filter(|_| several) else { continue };
            if text.contains(separator) || text.trim() != &**text {
                let message = format!(
                    "a value of several holds {separator:?}, which stands between them, or has blanks at an end; choose \
                     another separator"
                );
                return Some(("csv-separator", message));
            }
        }
        None
    }
}

impl CsvTable {
    fn row(&self, raw: &RawRow<'_>, headers: &[Name], key: usize, place: &Arc<str>) -> Row {
        let broken = |why: String| Row::Broken { row: raw.line, why: why.into(), id: surely(&self.csv.file, key, raw) };
        if let Some(fault) = raw.fault {
            return broken(fault.to_owned());
        }
        if raw.fields() != headers.len() {
            let plural = if raw.fields() == 1 { "" } else { "s" };
            return broken(format!("has {} field{plural} instead of {}", raw.fields(), headers.len()));
        }
        let mut id = None;
        let mut values = Vec::with_capacity(headers.len());
        for (index, header) in headers.iter().enumerate() {
            let Ok(text) = raw.field(index) else { return broken(format!("is not in UTF-8 in {header}")) };
            if index == key && !text.trim().is_empty() {
                id = Some(Arc::from(text));
            }
            values.push((header.clone(), self.value(header, text)));
        }
        let Some(id) = id else { return broken(format!("has no {}", headers[key])) };
        let mut record = Record::new(ObjectId::new(self.csv.file.class.clone(), Arc::clone(&id)))
            .with_origin(Origin::row(Arc::clone(place), raw.line));
        record.attributes = values.into_iter().collect();
        record.attributes.insert(headers[key].clone(), Value::text(id));
        fill(&mut record, &self.schema);
        Row::Record(record)
    }

    fn value(&self, name: &Name, text: &str) -> Value {
        if text.is_empty() {
            return Value::Null;
        }
        let Some(schema) = self.schema.get(name) else { return Value::text(text) };
        let Some(separator) = self.separator.filter(|_| schema.cardinality == Cardinality::Many) else {
            return self.single(schema, text);
        };
        let values = text.split(separator).map(str::trim).filter(|text| !text.is_empty());
        let values: Vec<Value> = values.map(|text| self.single(schema, text)).collect();
        if values.is_empty() { Value::Null } else { Value::list(values) }
    }

    fn single(&self, schema: &AttributeSchema, text: &str) -> Value {
        let is = |word: &str| text.trim().to_lowercase() == word.trim().to_lowercase();
        match schema.kind {
            Kind::Boolean if is(&self.words.0) => Value::Bool(true),
            Kind::Boolean if is(&self.words.1) => Value::Bool(false),
            Kind::Integer => text.trim().parse().map_or_else(|_| Value::text(text), Value::Integer),
            _ => Value::text(text),
        }
    }

    /// A value as a cell, quoted where need be.
    fn cell(&self, name: &Name, value: Option<&Value>) -> String {
        let single = |value: &Value| match value {
            Value::Bool(true) => self.words.0.to_string(),
            Value::Bool(false) => self.words.1.to_string(),
            other => other.to_string(),
        };
        let several = self.schema.get(name).is_some_and(|schema| schema.cardinality == Cardinality::Many);
        let text = match (value, self.separator.filter(|_| several)) {
            (None | Some(Value::Null), _) => return String::new(),
            (Some(value), Some(separator)) => {
                value.as_slice().iter().map(single).collect::<Vec<_>>().join(&separator.to_string())
            }
            (Some(value), None) => single(value),
        };
        quoted(&text)
    }
}

fn quoted(text: &str) -> String {
    let plain = !text.contains(['"', ',', '\r', '\n']) && text.trim() == text;
    if plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

fn put_row(out: &mut Vec<u8>, cells: impl Iterator<Item = String>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(cell.as_bytes());
    }
}

fn put_after(out: &mut Vec<u8>, cell: &str) {
    out.push(b',');
    out.extend_from_slice(cell.as_bytes());
}

fn spans(row: &RawRow<'_>, offset: usize) -> Vec<Range<usize>> {
    row.spans().map(|span| span.start + offset..span.end + offset).collect()
}

/// From the first field to the last.
fn whole(fields: &[Range<usize>]) -> Range<usize> {
    let start = fields.first().map_or(0, |field| field.start);
    start..fields.last().map_or(start, |field| field.end)
}

/// How lines of the file end: as the header does.
fn line_end(content: &[u8], header: Option<&Range<usize>>) -> &'static [u8] {
    let after = header.map_or(&[][..], |header| &content[header.end..]);
    match after {
        [b'\n', ..] => b"\n",
        [b'\r', rest @ ..] if rest.first() != Some(&b'\n') => b"\r",
        _ => b"\r\n",
    }
}

/// How many bytes of a line's end are here.
fn line_end_at(content: &[u8], at: usize) -> usize {
    match content.get(at..).unwrap_or_default() {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    }
}
