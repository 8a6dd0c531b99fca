//! People from a CSV file.
//!
//! The rows are taken apart here rather than by a library, because a lenient reader takes a row with a stray quote for
//! another person's data, and tells neither the line nor where the damage begins.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::iter;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;

use super::lines::{MAX_ROW_BYTES, without_bom};
use super::rows::{self, Row, RowFile, RowFormat, Rows};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Class, Name, ObjectId, Origin, Record, Shape, Value};
use crate::store::{Capabilities, GetSupport, Lookup, Query, Read, Source};

/// A CSV file as a [`Source`]: comma-separated, UTF-8, names of the columns in the first row.
///
/// Each read opens the file anew. An empty cell is null, any other is text, as it stands there. A row with too few or
/// too many fields, with text after a closing quote, with a quote that is never closed, longer than 1 MiB, not in
/// UTF-8, or without a key yields nothing and makes the read partial, with the reason naming the row; the other rows
/// are read. So does a file that changes while it is read. Rows are numbered by the line on which they begin; the
/// header is row 1. [`get`](Source::get) reads the whole file, and is an error if an id is not found while a row could
/// not be read. A file keeps no track of changes: there is no [cursor](Query::with_cursor), a read
/// [since](Query::with_since) one is a whole read, and who wants to know what changed compares.
///
/// See [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180).
///
/// # Examples
///
/// ```
/// use entrant::{adapters::CsvSource, model::Class, store::{Query, SourceExt}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("people.csv");
/// std::fs::write(&path, "WorkerID,Name\n17,Ada\n")?;
/// let people = CsvSource::open(&path)?;
/// let (records, completeness) = people.collect(&Query::all(Class::USER)).await;
/// assert!(completeness.is_complete());
/// assert_eq!(&*records[0].id.id, "17");
/// assert_eq!(records[0].origin.as_ref().map(ToString::to_string).as_deref(), Some("row 2 of people.csv"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct CsvSource {
    format: CsvFormat,
    headers: Arc<[Name]>,
}

/// Settings of a [`CsvSource`].
#[derive(Debug, Clone)]
#[must_use]
pub struct CsvSourceBuilder {
    path: PathBuf,
    key: Option<Name>,
    name: Arc<str>,
    class: Class,
}

impl CsvSource {
    /// Users from a file whose first column is the key.
    ///
    /// # Errors
    ///
    /// As [`CsvSourceBuilder::build`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder(path).build()
    }

    /// Other settings.
    pub fn builder(path: impl AsRef<Path>) -> CsvSourceBuilder {
        CsvSourceBuilder { path: path.as_ref().to_owned(), key: None, name: "csv".into(), class: Class::USER }
    }

    /// The names of the columns, in their order, as they were when the source was made.
    #[must_use]
    pub fn headers(&self) -> &[Name] {
        &self.headers
    }
}

impl CsvSourceBuilder {
    /// The column that holds the key; the first if not given.
    pub fn key(mut self, column: impl Into<Name>) -> Self {
        self.key = Some(column.into());
        self
    }

    /// The store's name; `csv` if not given, whatever the file is called.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// What the objects are; users if not given.
    pub fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// Reads the first row of the file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) if the file cannot be read;
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if it is empty, a column has no name, two have the same, or
    /// none is the key.
    pub fn build(self) -> Result<CsvSource> {
        let file = RowFile { path: self.path, name: self.name, class: self.class };
        let format = CsvFormat { file, key: self.key };
        let headers = format.read_headers()?;
        Ok(CsvSource { format, headers })
    }
}

#[async_trait]
impl Source for CsvSource {
    fn name(&self) -> &str {
        &self.format.file.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default().with_get(GetSupport::Authoritative)
    }

    async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        rows::get(&self.format, ids).await
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        rows::read(&self.format, query)
    }
}

#[derive(Debug, Clone)]
pub(super) struct CsvFormat {
    pub(super) file: RowFile,
    pub(super) key: Option<Name>,
}

impl CsvFormat {
    /// The names of the columns, as they are now.
    pub(super) fn read_headers(&self) -> Result<Arc<[Name]>> {
        Ok(self.open_rows(BufReader::new(self.file.open()?))?.headers)
    }

    pub(super) fn invalid(&self, message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(ErrorKind::Invalid, message).with_context("file", self.file.path.display())
    }

    fn open_rows<R: BufRead>(&self, input: R) -> Result<CsvRows<impl BufRead + use<R>>> {
        let failed = |error| self.file.failed("cannot read the file", error);
        let mut parser = Parser::new(without_bom(input).map_err(failed)?);
        let headers = self.headers(&mut parser)?;
        let key = match &self.key {
            None => 0,
            Some(key) => headers.iter().position(|header| header == key).ok_or_else(|| {
                let columns: Vec<_> = headers.iter().map(Name::as_str).collect();
                self.invalid(format!("no column of the file is called {key}; it has {}", columns.join(", ")))
            })?,
        };
        let mut order: Vec<usize> = (0..headers.len()).collect();
        order.sort_by_key(|index| &headers[*index]);
        let shape = Shape::new();
        Ok(CsvRows { file: self.file.clone(), place: self.file.place(), headers, order, shape, key, parser })
    }

    pub(super) fn headers<R: BufRead>(&self, parser: &mut Parser<R>) -> Result<Arc<[Name]>> {
        let header = match parser.next_row() {
            Ok(Some(header)) => header,
            Ok(None) => return Err(self.invalid("the file is empty: not even a header is in it")),
            Err(error) => return Err(self.file.failed("cannot read the file", error)),
        };
        if let Some(fault) = header.fault {
            return Err(self.invalid(format!("the header {fault}")));
        }
        let mut headers: Vec<Name> = Vec::with_capacity(header.fields());
        for index in 0..header.fields() {
            let name = header
                .field(index)
                .map_err(|_| self.invalid("the header is not in UTF-8; save the file as CSV UTF-8"))?;
            if name.trim().is_empty() {
                return Err(self.invalid(format!("column {} has no name", index + 1)));
            }
            if headers.iter().any(|earlier| earlier == name) {
                return Err(self.invalid(format!("two columns are called {name}")));
            }
            headers.push(name.into());
        }
        if let [only] = headers.as_slice()
            && let Some(separator) = [';', '\t', '|'].into_iter().find(|separator| only.contains(*separator))
        {
            let message = format!("the columns are separated by {separator:?}; save the file with commas between them");
            return Err(self.invalid(message));
        }
        Ok(headers.into())
    }
}

impl RowFormat for CsvFormat {
    fn file(&self) -> &RowFile {
        &self.file
    }

    fn rows(&self, input: BufReader<File>) -> Result<impl Rows> {
        self.open_rows(input)
    }
}

struct CsvRows<R> {
    file: RowFile,
    place: Arc<str>,
    headers: Arc<[Name]>,
    /// The columns in the order of their names.
    order: Vec<usize>,
    shape: Shape,
    key: usize,
    parser: Parser<R>,
}

impl<R: BufRead> Rows for CsvRows<R> {
    fn next(&mut self) -> Result<Option<Row>> {
        let failed = |error| -> Error { self.file.failed("cannot read the file", error) };
        let Some(row) = self.parser.next_row().map_err(failed)? else {
            return Ok(None);
        };
        let broken = |why: Cow<'static, str>| {
            Ok(Some(Row::Broken { row: row.line, why, id: surely(&self.file, self.key, &row) }))
        };
        if let Some(fault) = row.fault {
            return broken(fault.into());
        }
        if row.fields() != self.headers.len() {
            let plural = if row.fields() == 1 { "" } else { "s" };
            let why = format!("has {} field{plural} instead of {}", row.fields(), self.headers.len());
            return broken(why.into());
        }
        let mut values = Vec::with_capacity(row.fields());
        for (index, header) in self.headers.iter().enumerate() {
            match row.field(index) {
                Ok("") => values.push(Value::Null),
                Ok(text) => values.push(Value::text(text)),
                Err(_) => return broken(format!("is not in UTF-8 in {header}").into()),
            }
        }
        let key = match &values[self.key] {
            Value::Text(text) if !text.trim().is_empty() => text.to_shared(),
            _ => return broken(format!("has no {}", self.headers[self.key]).into()),
        };
        let mut record = Record::new(ObjectId::new(self.file.class.clone(), key))
            .with_origin(Origin::row(Arc::clone(&self.place), row.line));
        let value = |index: &usize| (&self.headers[*index], std::mem::take(&mut values[*index]));
        record.attributes = self.shape.attributes(self.order.iter().map(value));
        Ok(Some(Row::Record(record)))
    }
}

/// Whose a broken row is: the key was followed by another field, so that it was not cut off itself.
pub(super) fn surely(file: &RowFile, key: usize, row: &RawRow<'_>) -> Option<ObjectId> {
    let whole = row.fault.is_none() && key + 1 < row.fields();
    let key = whole.then(|| row.field(key).ok()).flatten().filter(|key| !key.trim().is_empty())?;
    Some(ObjectId::new(file.class.clone(), key))
}

/// Takes rows apart, one at a time.
pub(super) struct Parser<R> {
    input: R,
    /// How many bytes were taken.
    taken: usize,
    /// The line that the next byte is on, from 1.
    line: u64,
    after_return: bool,
    /// The text of the fields of the current row, one after the other, and where each ends.
    text: Vec<u8>,
    ends: Vec<usize>,
    /// Where each field ends in the input, before the comma.
    cuts: Vec<usize>,
}

pub(super) struct RawRow<'a> {
    /// The line on which it begins.
    pub(super) line: u64,
    /// What is wrong with it; then the fields are not to be used.
    pub(super) fault: Option<&'static str>,
    text: &'a [u8],
    ends: &'a [usize],
    /// Where it begins in the input.
    start: usize,
    cuts: &'a [usize],
}

#[derive(Clone, Copy)]
enum State {
    /// Before the first byte of a field.
    Start,
    Plain,
    Quoted,
    /// After a quote within quotes: the end of the field, or the first half of a doubled quote.
    Closed,
}

impl<R: BufRead> Parser<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, taken: 0, line: 1, after_return: false, text: Vec::new(), ends: Vec::new(), cuts: Vec::new() }
    }

    /// The next row that is not an empty line.
    pub(super) fn next_row(&mut self) -> io::Result<Option<RawRow<'_>>> {
        self.text.clear();
        self.ends.clear();
        self.cuts.clear();
        let mut start = self.taken;
        let mut state = State::Start;
        let mut fault = None;
        let mut size = 0_usize;
        let mut line = self.line;
        let end;
        loop {
            let byte = self.next_byte()?;
            if size > MAX_ROW_BYTES {
                fault = Some("is longer than 1 MiB; is a quote not closed?");
                self.text.clear();
                self.ends.clear();
                self.cuts.clear();
            }
            size = size.saturating_add(1);
            state = match (state, byte) {
                (State::Start, None) if size == 1 => return Ok(None),
                (State::Quoted, None) => {
                    fault = Some("has a quote that is never closed");
                    end = self.taken;
                    break;
                }
                (State::Start, Some(b'\r' | b'\n')) if size == 1 => {
                    size = 0;
                    line = self.line;
                    start = self.taken;
                    State::Start
                }
                (State::Start | State::Plain | State::Closed, None | Some(b'\r' | b'\n')) => {
                    end = self.taken - usize::from(byte.is_some());
                    break;
                }
                (State::Start | State::Plain | State::Closed, Some(b',')) => {
                    self.cuts.push(self.taken - 1);
                    self.ends.push(self.text.len());
                    State::Start
                }
                (State::Start, Some(b'"')) => State::Quoted,
                (State::Quoted, Some(b'"')) => State::Closed,
                (State::Quoted | State::Closed, Some(byte)) if matches!(state, State::Quoted) || byte == b'"' => {
                    self.text.push(byte);
                    State::Quoted
                }
                (_, Some(byte)) => {
                    if matches!(state, State::Closed) {
                        fault = fault.or(Some("has text after a closing quote"));
                    }
                    self.text.push(byte);
                    State::Plain
                }
            };
        }
        self.ends.push(self.text.len());
        self.cuts.push(end);
        Ok(Some(RawRow { line, fault, text: &self.text, ends: &self.ends, start, cuts: &self.cuts }))
    }

    fn next_byte(&mut self) -> io::Result<Option<u8>> {
        let byte = loop {
            match self.input.fill_buf() {
                Ok(buffer) => break buffer.first().copied(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        };
        if let Some(byte) = byte {
            self.input.consume(1);
            self.taken = self.taken.saturating_add(1);
            if byte == b'\r' || (byte == b'\n' && !self.after_return) {
                self.line = self.line.saturating_add(1);
            }
            self.after_return = byte == b'\r';
        }
        Ok(byte)
    }
}

impl RawRow<'_> {
    pub(super) fn fields(&self) -> usize {
        self.ends.len()
    }

    /// Where the fields stand in the input, quotes and all, without the commas between them.
    pub(super) fn spans(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = iter::once(self.start).chain(self.cuts.iter().map(|cut| cut + 1));
        starts.zip(self.cuts).map(|(start, end)| start..*end)
    }

    pub(super) fn field(&self, index: usize) -> Result<&str, std::str::Utf8Error> {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        std::str::from_utf8(&self.text[start..self.ends[index]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format() -> CsvFormat {
        CsvFormat { file: RowFile { path: "people.csv".into(), name: "csv".into(), class: Class::USER }, key: None }
    }

    /// Each row as `line: values`, or as `line! fault`.
    fn rows(input: &[u8]) -> Result<Vec<String>> {
        // A buffer of two bytes, so that everything crosses its border somewhere.
        let mut rows = format().open_rows(BufReader::with_capacity(2, input))?;
        let mut seen = Vec::new();
        while let Some(row) = rows.next()? {
            seen.push(match row {
                Row::Record(record) => {
                    let line = record.origin.as_ref().and_then(|origin| origin.row);
                    let values: Vec<_> = record.attributes.iter().map(|(_, value)| format!("{value:?}")).collect();
                    format!("{}: {}", line.unwrap_or(0), values.join(" "))
                }
                Row::Broken { row, why, id } => {
                    format!("{row}! {why}{}", id.map(|id| format!(" ({})", id.id)).unwrap_or_default())
                }
            });
        }
        Ok(seen)
    }

    #[test]
    fn rows_are_taken_apart() {
        #[rustfmt::skip]
        let table: &[(&str, &[&str], &str)] = &[
            ("a,b\n1,x\n2,y", &[r#"2: "1" "x""#, r#"3: "2" "y""#], "no end on the last line"),
            ("\u{feff}a,b\r\n1,x\r\n2,y\r\n", &[r#"2: "1" "x""#, r#"3: "2" "y""#], "BOM and CRLF"),
            ("\u{feff}\"a\",b\n1,x\n", &[r#"2: "1" "x""#], "BOM before a quote"),
            ("a,b\r1,x\r\r2,y\r", &[r#"2: "1" "x""#, r#"4: "2" "y""#], "CR alone, and an empty line"),
            ("a,b\n\n\r\n1,\n", &[r#"4: "1" null"#], "empty lines, and an empty cell"),
            ("a,b\n1,\"x\ny\"\n2,z\n", &[r#"2: "1" "x\ny""#, r#"4: "2" "z""#], "a cell of two lines"),
            ("a,b\n1,\"x, \"\"y\"\"\"\n", &[r#"2: "1" "x, \"y\"""#], "quotes"),
            ("a,b\n1, x \"y\" \n", &[r#"2: "1" " x \"y\" ""#], "spaces stay, a quote within is text"),
            ("a,b\n1\n2,y,z\n3,w\n", &["2! has 1 field instead of 2", "3! has 3 fields instead of 2 (2)", r#"4: "3" "w""#], "field counts"),
            ("a,b\n,x\n \t,x\n", &["2! has no a", "3! has no a"], "no key"),
            ("a,b\n1,\"x\"y\n2,z\n", &["2! has text after a closing quote", r#"3: "2" "z""#], "text after a quote"),
            ("a,b\n1,\"x\n2,\"y\"\n3,z\n", &["2! has text after a closing quote", r#"4: "3" "z""#], "a quote closed by the next row's"),
            ("a,b\n1,x\n2,\"y\n3,z\n", &[r#"2: "1" "x""#, "3! has a quote that is never closed"], "a quote never closed"),
            ("a,b\n", &[], "no rows"),
        ];
        for (input, expected, why) in table {
            assert_eq!(rows(input.as_bytes()).expect(why), *expected, "{why}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_spoil_their_row_only() {
        // The halves of `é` in two cells: together they would be UTF-8.
        assert_eq!(rows(b"a,b\n\xc3,\xa9\n2,y\n").expect("a header"), ["2! is not in UTF-8 in a", r#"3: "2" "y""#]);
    }

    #[test]
    fn a_row_is_bounded() {
        let long = "x".repeat(MAX_ROW_BYTES + 10);
        let commas = ",".repeat(MAX_ROW_BYTES + 10);
        let seen = rows(format!("a,b\n1,{long}\n2,\"{long}\"\n3{commas}\n4,y\n").as_bytes()).expect("a header");
        let fault = "is longer than 1 MiB; is a quote not closed?";
        assert_eq!(seen[..3], [2, 3, 4].map(|line| format!("{line}! {fault}")));
        assert_eq!(seen[3], r#"5: "4" "y""#);
    }

    #[test]
    fn a_header_must_be_usable() {
        for (input, message) in [
            (&b""[..], "is empty"),
            (b"\n\n", "is empty"),
            (b"\xef\xbb\xbf", "is empty"),
            (b"a,b,a\n", "two columns are called a"),
            (b"id;name\n1;Ada\n", "separated by ';'; save the file with commas"),
            (b"a,,b\n", "column 2 has no name"),
            (b"\xff\xfea\0,\0b\0", "not in UTF-8"),
            (b"a,\"b", "never closed"),
        ] {
            let error = rows(input).expect_err(message).to_string();
            assert!(error.contains(message) && error.contains("people.csv"), "{error}");
        }
    }
}
