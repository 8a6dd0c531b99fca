//! A table in a file, as a source and a target, however its rows are written down.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::blocking::blocking;
use super::rows::{BrokenRows, Row, RowFile, RowStore};
use super::shared_file::SharedFile;
use super::sheet::Sheet;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    AttributeSchema, Change, ChangeId, Class, Kind, Mutability, Name, Record, Schema, Value, Written, values_equal,
};
use crate::reconcile::{Constraints, Draft, Finding};
use crate::store::check::{holds_any, known};
use crate::store::{Capabilities, GetSupport};

/// How the rows of a table are written down.
pub(super) trait TableFormat: fmt::Debug + Clone + Send + Sync + 'static {
    /// Where everything stands in a file.
    type Layout;

    /// Takes a file apart; one of no bytes is a table without rows.
    fn parse(&self, content: &[u8]) -> Result<(Self::Layout, Vec<Row>)>;
    /// The file with its rows changed, one edit for each, and others added. What is not changed stays byte for byte.
    fn render(&self, content: &[u8], layout: &Self::Layout, edits: &[Edit<'_>], added: &[&Record]) -> Vec<u8>;
    /// How many bytes a record takes at most.
    fn size(&self, record: &Record) -> usize;
    /// Why a value cannot be written down so that the same is read again: a rule, and what would be right.
    fn refusal(&self, schema: &AttributeSchema, value: &Value) -> Option<(&'static str, String)>;
}

/// What becomes of a row of a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Edit<'a> {
    Keep,
    /// These attributes of it changed.
    Change(&'a Record, &'a BTreeSet<Name>),
    Remove,
}

/// What all tables are told.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) path: PathBuf,
    pub(super) key: Option<Name>,
    pub(super) name: Arc<str>,
    pub(super) class: Class,
    pub(super) attributes: Vec<(Name, AttributeSchema)>,
    pub(super) status: Option<Name>,
    pub(super) label: Option<Name>,
}

#[derive(Debug, Clone)]
pub(super) struct Table<F> {
    pub(super) format: F,
    pub(super) file: RowFile,
    pub(super) key: Name,
    pub(super) schema: Arc<Schema>,
    shared: Arc<SharedFile>,
}

impl Settings {
    pub(super) fn new(path: &Path, name: &str) -> Self {
        Self {
            path: path.to_owned(),
            key: None,
            name: name.into(),
            class: Class::USER,
            attributes: Vec::new(),
            status: None,
            label: None,
        }
    }

    pub(super) fn file(&self) -> RowFile {
        RowFile { path: self.path.clone(), name: Arc::clone(&self.name), class: self.class.clone() }
    }

    /// What objects of the table hold. `fault` says what a format cannot hold.
    ///
    /// # Errors
    ///
    /// Everything that does not fit, at once.
    pub(super) fn schema(
        &self,
        key: &Name,
        fault: impl Fn(&AttributeSchema) -> Option<&'static str>,
    ) -> Result<Arc<Schema>> {
        let mut schema = Schema::new(self.class.clone());
        let mut faults = Vec::new();
        for (name, attribute) in &self.attributes {
            let wrong = match () {
                () if attribute.secret => Some("is secret, and a file keeps no secrets"),
                () if !attribute.is_readable() => Some("cannot be read back, and all of a file can"),
                () => fault(attribute),
            };
            faults.extend(wrong.map(|wrong| format!("{name} {wrong}")));
            if schema.attributes.insert(name.clone(), attribute.clone()).is_some() {
                faults.push(format!("{name} is declared twice"));
            }
        }
        let own = schema.attributes.entry(key.clone()).or_insert_with(AttributeSchema::text);
        if own.kind != Kind::Text || own.cardinality != crate::model::Cardinality::Single {
            faults.push(format!("{key} is the key, which is one text"));
        }
        if own.mutability == Mutability::ReadWrite {
            own.mutability = Mutability::CreateOnly;
        }
        own.unique_in.get_or_insert_with(|| key.clone());
        if let Some(status) = &self.status {
            let own =
                schema.attributes.entry(status.clone()).or_insert_with(|| AttributeSchema::boolean().not_nullable());
            if own.kind != Kind::Boolean {
                faults.push(format!("{status} is the status, which is true or false"));
            }
        }
        if let Some(label) = self.label.as_ref().filter(|label| !schema.attributes.contains_key(*label)) {
            faults.push(format!("{label} is to be the label, and is no attribute"));
        }
        schema.status.clone_from(&self.status);
        schema.label.clone_from(&self.label);
        if faults.is_empty() {
            return Ok(Arc::new(schema));
        }
        Err(Error::new(ErrorKind::Invalid, format!("the file cannot be a target: {}", faults.join("; ")))
            .with_context("file", self.path.display()))
    }
}

impl<F: TableFormat> Table<F> {
    /// A table; what is in the file is read once, to say early what is wrong with it.
    pub(super) fn open(format: F, file: RowFile, key: Name, schema: Arc<Schema>) -> Result<Self> {
        let shared = SharedFile::open(&file.path)?;
        let table = Self { format, file, key, schema, shared };
        table.format.parse(&table.shared.peek()?.unwrap_or_default())?;
        Ok(table)
    }

    /// The same table on another disk, as another program sees it.
    #[cfg(test)]
    pub(super) fn elsewhere(&self, disk: impl super::shared_file::Disk) -> Self {
        let shared = Arc::new(SharedFile::on(disk, self.file.path.clone()));
        Self { shared, ..self.clone() }
    }

    #[cfg(test)]
    pub(super) fn look_again(&self) {
        let _ = self.shared.read();
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        Capabilities::default().with_get(GetSupport::Authoritative).with_find().with_rewrites()
    }

    pub(super) fn schema(&self, class: &Class) -> Result<Arc<Schema>> {
        if *class == self.file.class {
            return Ok(Arc::clone(&self.schema));
        }
        Err(Error::new(ErrorKind::Unsupported, "the file holds objects of another class")
            .with_context("class", class)
            .with_context("holds", &self.file.class))
    }

    /// All whose attribute has one of these values.
    pub(super) async fn find(&self, class: &Class, attribute: &Name, values: &[Value]) -> Result<Vec<Record>> {
        let schema = known(&*self.schema(class)?, attribute)?.clone();
        let (table, attribute, values) = (self.clone(), attribute.clone(), values.to_vec());
        blocking(move || {
            let (mut found, mut broken) = (Vec::new(), BrokenRows::default());
            table.each_row(&mut |row| {
                match row {
                    Row::Record(record) => {
                        if record.get(&attribute).is_some_and(|own| holds_any(&schema, own, &values)) {
                            found.push(record);
                        }
                    }
                    Row::Broken { row, why, .. } => broken.add(row, &why),
                }
                true
            })?;
            match broken.reason(&table.file.place()) {
                None => Ok(found),
                Some(reason) => {
                    let message = format!("cannot say who is there, for not all rows could be read: {reason}");
                    Err(Error::new(ErrorKind::Store, message))
                }
            }
        })
        .await
    }

    /// Carries changes out by writing the file once.
    pub(super) fn write(&self, changes: Vec<Change>) -> BoxStream<'static, (ChangeId, Result<Written>)> {
        let table = self.clone();
        let answers = async move {
            if changes.is_empty() {
                return Vec::new();
            }
            let ids: Vec<ChangeId> = changes.iter().map(|change| change.id).collect();
            let answers = blocking(move || table.shared.change(|content| table.carry_out(content, changes))).await;
            answers.unwrap_or_else(|error| ids.into_iter().map(|id| (id, Err(again(&error)))).collect())
        };
        stream::once(answers).flat_map(stream::iter).boxed()
    }

    #[expect(clippy::type_complexity, reason = "the answers, and the file if it changed")]
    fn carry_out(
        &self,
        content: Option<&[u8]>,
        changes: Vec<Change>,
    ) -> Result<(Vec<(ChangeId, Result<Written>)>, Option<Vec<u8>>)> {
        let content = content.unwrap_or_default();
        let (layout, rows) = self.format.parse(content)?;
        let mut broken = BrokenRows::default();
        let mut records = Vec::with_capacity(rows.len());
        for row in rows {
            match row {
                Row::Record(record) => records.push(record),
                Row::Broken { row, why, .. } => broken.add(row, &why),
            }
        }
        if let Some(reason) = broken.reason(&self.file.place()) {
            let message =
                format!("a file with rows that cannot be read is not written, lest they are lost; mend {reason}");
            return Err(self.error(ErrorKind::Invalid, message));
        }
        let mut sheet = Sheet::new(self, records);
        let answers = changes.into_iter().map(|change| (change.id, sheet.carry_out(change.operation))).collect();
        if !sheet.is_changed() {
            return Ok((answers, None));
        }
        let (edits, added) = sheet.edits();
        let new = self.format.render(content, &layout, &edits, &added);
        self.check_reads_back(&new, sheet.records())?;
        Ok((answers, Some(new)))
    }

    /// What was written must be read as what was meant, or is not written at all.
    fn check_reads_back<'a>(&self, content: &[u8], mut meant: impl Iterator<Item = &'a Record>) -> Result<()> {
        let (_, rows) = self.format.parse(content)?;
        let wrong = |row: u64| {
            let message = "the file would not read as what was to be written, so it was left as it is";
            Err(self.error(ErrorKind::Store, message).with_context("row", row))
        };
        for row in rows {
            match (row, meant.next()) {
                (Row::Record(read), Some(meant)) if self.is_same(&read, meant) => {}
                (Row::Record(read), _) => return wrong(read.origin.and_then(|origin| origin.row).unwrap_or(0)),
                (Row::Broken { row, .. }, _) => return wrong(row),
            }
        }
        if meant.next().is_some() { wrong(0) } else { Ok(()) }
    }

    fn is_same(&self, read: &Record, meant: &Record) -> bool {
        let names: BTreeSet<&Name> =
            read.attributes.iter().chain(meant.attributes.iter()).map(|(name, _)| name).collect();
        let value = |record: &Record, name: &Name| record.get(name).cloned().unwrap_or_default();
        let exact = AttributeSchema::text();
        read.id == meant.id
            && names.into_iter().all(|name| {
                let schema = AttributeSchema { case: exact.case, ..self.schema.get(name).unwrap_or(&exact).clone() };
                values_equal(&schema, &value(read, name), &value(meant, name))
            })
    }

    fn error(&self, kind: ErrorKind, message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
        Error::new(kind, message).with_context("file", self.file.path.display())
    }

    pub(super) fn constraints(&self) -> Arc<dyn Constraints> {
        Arc::new(Writable { format: self.format.clone(), schema: Arc::clone(&self.schema) })
    }
}

impl<F: TableFormat> RowStore for Table<F> {
    fn file(&self) -> &RowFile {
        &self.file
    }

    fn each_row(&self, take: &mut dyn FnMut(Row) -> bool) -> Result<Option<String>> {
        let content = self.shared.read()?.unwrap_or_default();
        let (_, rows) = self.format.parse(&content)?;
        let _ = rows.into_iter().all(take);
        Ok(None)
    }
}

/// The same error once more: of a file that cannot be written each change fails.
fn again(error: &Error) -> Error {
    let copy = Error::new(error.kind(), error.to_chain()).with_retry(error.retry());
    if error.is_outcome_in_doubt() { copy.with_outcome_in_doubt() } else { copy }
}

/// What cannot be written down, known when planning.
#[derive(Debug)]
struct Writable<F> {
    format: F,
    schema: Arc<Schema>,
}

impl<F: TableFormat> Constraints for Writable<F> {
    fn check(&self, draft: &Draft<'_>) -> Vec<Finding> {
        let refused = |(name, value): (&Name, &Value)| {
            let (rule, message) = self.format.refusal(self.schema.get(name)?, value)?;
            Some(Finding::attribute(name.clone(), rule, message))
        };
        draft.attributes.iter().filter_map(refused).collect()
    }
}

/// The settings that builders of tables share.
macro_rules! table_settings {
    () => {
        /// The store's name, by which links remember its objects: do not change it.
        pub fn name(mut self, name: impl Into<std::sync::Arc<str>>) -> Self {
            self.settings.name = name.into();
            self
        }

        /// What the objects are; users if not given.
        pub fn class(mut self, class: crate::model::Class) -> Self {
            self.settings.class = class;
            self
        }

        /// Declares an attribute. Only what is declared is written.
        ///
        /// A reference to the file's own class is to one of its objects. One to another class, such as the members of
        /// groups, is to what another file holds under the same [`name`](Self::name), and is taken as it is. What is
        /// secret or cannot be read back does not build.
        pub fn attribute(mut self, name: impl Into<crate::model::Name>, schema: crate::model::AttributeSchema) -> Self {
            self.settings.attributes.push((name.into(), schema));
            self
        }

        /// Names the attribute that says whether someone is active, by which people are disabled and enabled. A new
        /// object is active unless it is made inactive.
        pub fn status(mut self, name: impl Into<crate::model::Name>) -> Self {
            self.settings.status = Some(name.into());
            self
        }

        /// Names the attribute that people know an object by, for plans and reports.
        pub fn label(mut self, name: impl Into<crate::model::Name>) -> Self {
            self.settings.label = Some(name.into());
            self
        }
    };
}

/// A table as a source and a target.
macro_rules! table_store {
    ($name:ident) => {
        #[async_trait::async_trait]
        impl crate::store::Source for $name {
            fn name(&self) -> &str {
                &self.table.file.name
            }

            fn capabilities(&self) -> crate::store::Capabilities {
                self.table.capabilities()
            }

            async fn get(&self, ids: &[crate::model::ObjectId]) -> crate::error::Result<Vec<crate::store::Lookup>> {
                super::rows::get(&self.table, ids).await
            }

            fn read(
                &self,
                query: &crate::store::Query,
            ) -> futures::stream::BoxStream<'_, crate::error::Result<crate::store::Read>> {
                super::rows::read(&self.table, query)
            }
        }

        #[async_trait::async_trait]
        impl crate::store::Target for $name {
            fn schema(
                &self,
                class: &crate::model::Class,
            ) -> crate::error::Result<std::sync::Arc<crate::model::Schema>> {
                self.table.schema(class)
            }

            async fn constraints(&self) -> crate::error::Result<std::sync::Arc<dyn crate::reconcile::Constraints>> {
                Ok(self.table.constraints())
            }

            fn write<'a>(
                &'a self,
                changes: Vec<crate::model::Change>,
            ) -> futures::stream::BoxStream<'a, (crate::model::ChangeId, crate::error::Result<crate::model::Written>)>
            {
                self.table.write(changes)
            }

            async fn find(
                &self,
                class: &crate::model::Class,
                attribute: &crate::model::Name,
                values: &[crate::model::Value],
            ) -> crate::error::Result<Vec<crate::model::Record>> {
                self.table.find(class, attribute, values).await
            }
        }
    };
}

pub(super) use {table_settings, table_store};

/// The attributes that are declared and that a record lacks are null: the file says that there is nothing.
pub(super) fn fill(record: &mut Record, schema: &Schema) {
    for name in schema.attributes.keys() {
        if record.get(name).is_none() {
            record.attributes.insert(name.clone(), Value::Null);
        }
    }
}
