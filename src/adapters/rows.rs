//! What sources that read a file row by row have in common.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, BufReader};
use std::path::PathBuf;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::blocking::{blocking, blocking_stream};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Class, ObjectId, Origin, Record};
use crate::store::{Lookup, Query, Read};

/// The broken rows that a reason names one by one.
const NAMED_ROWS: usize = 10;

/// A file of rows, and what its rows are.
#[derive(Debug, Clone)]
pub(super) struct RowFile {
    pub(super) path: PathBuf,
    pub(super) name: Arc<str>,
    pub(super) class: Class,
}

/// Something whose rows can be gone through.
pub(super) trait RowStore: Clone + Send + 'static {
    fn file(&self) -> &RowFile;
    /// Shows each row to `take` until that has enough; answers how the file changed meanwhile.
    fn each_row(&self, take: &mut dyn FnMut(Row) -> bool) -> Result<Option<String>>;
}

impl<F: RowFormat> RowStore for F {
    fn file(&self) -> &RowFile {
        RowFormat::file(self)
    }

    fn each_row(&self, take: &mut dyn FnMut(Row) -> bool) -> Result<Option<String>> {
        each_row(self, take)
    }
}

/// How rows are written down in a file that is read from beginning to end.
pub(super) trait RowFormat: Clone + Send + 'static {
    fn file(&self) -> &RowFile;
    /// The rows of a file, from its first byte.
    fn rows(&self, input: BufReader<File>) -> Result<impl Rows>;
}

/// Rows, one after the other.
pub(super) trait Rows {
    fn next(&mut self) -> Result<Option<Row>>;
}

/// One row of a file.
#[derive(Debug, PartialEq)]
pub(super) enum Row {
    Record(Record),
    /// One that nobody may act on.
    Broken {
        /// Its line, from 1.
        row: u64,
        why: Cow<'static, str>,
        /// Whose it is, where that much can be read for sure.
        id: Option<ObjectId>,
    },
}

impl RowFile {
    /// The file as people know it.
    pub(super) fn place(&self) -> Arc<str> {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into()
    }

    pub(super) fn open(&self) -> Result<File> {
        File::open(&self.path).map_err(|error| self.failed("cannot open the file", error))
    }

    pub(super) fn failed(&self, message: &'static str, cause: io::Error) -> Error {
        Error::new(ErrorKind::Store, message).with_context("file", self.path.display()).with_source(cause)
    }
}

/// All records of the file, read when the stream is polled.
pub(super) fn read<F: RowStore>(format: &F, query: &Query) -> BoxStream<'static, Result<Read>> {
    if query.class != format.file().class {
        return stream::iter([Ok(Read::complete())]).boxed();
    }
    let format = format.clone();
    blocking_stream(move |feed| {
        let mut wanted = true;
        let end = visit(&format, |read| {
            wanted = feed.push(read).is_continue();
            wanted
        })?;
        if wanted {
            let _ = feed.push(end.map_or_else(Read::complete, Read::partial));
        }
        Ok(())
    })
}

/// Looks ids up by reading the whole file.
///
/// An id that is not found while a row could not be read may be that row's: an error, since its absence would be taken
/// for a fact.
pub(super) async fn get<F: RowStore>(format: &F, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
    let format = format.clone();
    let ids = ids.to_vec();
    blocking(move || {
        let mut found: HashMap<&ObjectId, Vec<Record>> = ids.iter().map(|id| (id, Vec::new())).collect();
        let mut broken: Vec<Record> = Vec::new();
        let end = visit(&format, |read| {
            match read {
                Read::Record(record) => {
                    if let Some(records) = found.get_mut(&record.id) {
                        records.push(record);
                    }
                }
                Read::Unreadable { id, origin, .. } => broken.push(Record::new(id).with_origin(origin)),
                _ => {}
            }
            true
        })?;
        // A broken row is no answer by itself, but it makes a second one of its id.
        for record in broken {
            if let Some(records) = found.get_mut(&record.id).filter(|records| !records.is_empty()) {
                records.push(record);
            }
        }
        let own_class = |id: &ObjectId| id.class == format.file().class;
        if let Some(reason) = end
            && ids.iter().any(|id| own_class(id) && found[id].is_empty())
        {
            let message = format!("cannot say who is missing, for not all rows could be read: {reason}");
            return Err(Error::new(ErrorKind::Store, message));
        }
        Ok(ids.iter().map(|id| Lookup::from_found(found[id].clone())).collect())
    })
    .await
}

/// Shows what each row is to `take` until that has enough; answers why that was not all.
fn visit<F: RowStore>(format: &F, mut take: impl FnMut(Read) -> bool) -> Result<Option<String>> {
    let place = format.file().place();
    let mut broken = BrokenRows::default();
    let changed = format.each_row(&mut |row| match row {
        Row::Record(record) => take(Read::Record(record)),
        Row::Broken { row, why, id } => {
            broken.add(row, &why);
            let origin = Origin::row(Arc::clone(&place), row);
            id.is_none_or(|id| take(Read::Unreadable { id, origin, reason: format!("the row {why}") }))
        }
    })?;
    Ok(changed.or_else(|| broken.reason(&place)))
}

/// Shows each row to `take` until that has enough; answers how the file changed meanwhile.
pub(super) fn each_row<F: RowFormat>(format: &F, mut take: impl FnMut(Row) -> bool) -> Result<Option<String>> {
    let file = format.file();
    let opened = file.open()?;
    let stamp = |file: &File| file.metadata().map(|metadata| (metadata.len(), modified(&metadata)));
    let before = stamp(&opened).map_err(|error| file.failed("cannot read the file", error))?;
    let again = opened.try_clone().map_err(|error| file.failed("cannot read the file", error))?;
    let mut rows = format.rows(BufReader::new(opened))?;
    while let Some(row) = rows.next()? {
        if !take(row) {
            return Ok(None);
        }
    }
    let after = stamp(&again).map_err(|error| file.failed("cannot read the file", error))?;
    Ok((before != after).then(|| format!("{} changed while it was read", file.place())))
}

pub(super) fn modified(metadata: &Metadata) -> Option<std::time::SystemTime> {
    metadata.modified().ok()
}

/// What is wrong with rows, said within bounds.
#[derive(Debug, Default)]
pub(super) struct BrokenRows {
    named: String,
    count: usize,
}

impl BrokenRows {
    pub(super) fn add(&mut self, row: u64, why: &str) {
        if self.count < NAMED_ROWS {
            let separator = if self.count == 0 { "" } else { "; " };
            self.named.push_str(&format!("{separator}row {row} {why}"));
        }
        self.count = self.count.saturating_add(1);
    }

    pub(super) fn reason(&self, place: &str) -> Option<String> {
        match self.count {
            0 => None,
            1..=NAMED_ROWS => Some(format!("{place}: {}", self.named)),
            more => Some(format!("{place}: {}; and {} more rows", self.named, more - NAMED_ROWS)),
        }
    }
}
