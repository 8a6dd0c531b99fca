//! People from a file of JSON Lines.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;

use super::lines::{Line, MAX_ROW_BYTES, read_line, without_bom};
use super::rows::{self, Row, RowFile, RowFormat, Rows};
use crate::error::Result;
use crate::model::{Attributes, Class, Name, ObjectId, Origin, Record, Shape, Value};
use crate::store::{Capabilities, GetSupport, Lookup, Query, Read, Source};

/// A file with one JSON object a line, as a [`Source`].
///
/// Each read opens the file anew. A member that is not there is absent, null is null. A line that is no JSON object, is
/// longer than 1 MiB, or whose key is no text or number yields nothing and makes the read partial, with the reason
/// naming the line; the other lines are read. So does a file that changes while it is read.
/// [`get`](Source::get) reads the whole file, and is an error if an id is not found while a line could not be read.
/// A file keeps no track of changes: there is no [cursor](Query::with_cursor), a read [since](Query::with_since) one is a
/// whole read, and who wants to know what changed compares.
///
/// # Examples
///
/// ```
/// use entrant::{adapters::JsonlSource, model::Class, store::{Query, SourceExt}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("people.jsonl");
/// std::fs::write(&path, "{\"id\": 17, \"name\": \"Ada\"}\n")?;
/// let (people, completeness) = JsonlSource::open(&path)?.collect(&Query::all(Class::USER)).await;
/// assert!(completeness.is_complete());
/// assert_eq!(people[0].origin.as_ref().map(ToString::to_string).as_deref(), Some("row 1 of people.jsonl"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct JsonlSource {
    format: JsonlFormat,
}

/// Settings of a [`JsonlSource`].
#[derive(Debug, Clone)]
#[must_use]
pub struct JsonlSourceBuilder {
    path: PathBuf,
    key: Name,
    name: Arc<str>,
    class: Class,
}

impl JsonlSource {
    /// Users from a file whose member `id` is the key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) if the file cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder(path).build()
    }

    /// Other settings.
    pub fn builder(path: impl AsRef<Path>) -> JsonlSourceBuilder {
        JsonlSourceBuilder {
            path: path.as_ref().to_owned(),
            key: Name::from_static("id"),
            name: "jsonl".into(),
            class: Class::USER,
        }
    }
}

impl JsonlSourceBuilder {
    /// The member that holds the key; `id` if not given.
    pub fn key(mut self, member: impl Into<Name>) -> Self {
        self.key = member.into();
        self
    }

    /// The store's name; `jsonl` if not given.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// What the objects are; users if not given.
    pub fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// Looks whether the file can be opened.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) if it cannot.
    pub fn build(self) -> Result<JsonlSource> {
        let file = RowFile { path: self.path, name: self.name, class: self.class };
        file.open()?;
        let format = JsonlFormat { file, key: self.key };
        Ok(JsonlSource { format })
    }
}

#[async_trait]
impl Source for JsonlSource {
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
struct JsonlFormat {
    file: RowFile,
    key: Name,
}

impl RowFormat for JsonlFormat {
    fn file(&self) -> &RowFile {
        &self.file
    }

    fn rows(&self, input: BufReader<File>) -> Result<impl Rows> {
        let input = without_bom(input).map_err(|error| self.file.failed("cannot read the file", error))?;
        let (place, shape) = (self.file.place(), Shape::new());
        Ok(JsonlRows { place, shape, format: self.clone(), input, buffer: Vec::new(), line: 0 })
    }
}

struct JsonlRows<R> {
    format: JsonlFormat,
    place: Arc<str>,
    shape: Shape,
    input: R,
    buffer: Vec<u8>,
    line: u64,
}

impl<R: BufRead> Rows for JsonlRows<R> {
    fn next(&mut self) -> Result<Option<Row>> {
        loop {
            let line = read_line(&mut self.input, &mut self.buffer)
                .map_err(|error| self.format.file.failed("cannot read the file", error))?;
            self.line += 1;
            let broken = |why: String| Ok(Some(Row::Broken { row: self.line, why: why.into(), id: None }));
            match line {
                Line::End => return Ok(None),
                Line::TooLong => return broken(format!("is longer than {MAX_ROW_BYTES} bytes")),
                Line::Whole | Line::Unended if self.buffer.trim_ascii().is_empty() => {}
                Line::Whole | Line::Unended => {
                    let attributes: Attributes = match serde_json::from_slice(&self.buffer) {
                        Ok(attributes) => attributes,
                        Err(error) if error.is_data() => return broken("is no JSON object".into()),
                        // Only the place: the text of an error may quote what stands there.
                        Err(error) => return broken(format!("is no JSON, from column {}", error.column())),
                    };
                    let key: Arc<str> = match attributes.get(&self.format.key) {
                        Some(Value::Text(text)) if !text.trim().is_empty() => text.to_shared(),
                        Some(Value::Integer(number)) => number.to_string().into(),
                        _ => return broken(format!("has no {} to be known by", self.format.key)),
                    };
                    let mut record = Record::new(ObjectId::new(self.format.file.class.clone(), key))
                        .with_origin(Origin::row(Arc::clone(&self.place), self.line));
                    record.attributes = attributes;
                    self.shape.share(&mut record.attributes);
                    return Ok(Some(Row::Record(record)));
                }
            }
        }
    }
}
