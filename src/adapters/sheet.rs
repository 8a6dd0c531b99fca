//! The rows of a table while changes are carried out, in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::lines::MAX_ROW_BYTES;
use super::table::{Edit, Table, TableFormat};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    Attributes, Class, ElementChange, Name, ObjectId, Operation, Record, Value, Written, comparison_key,
};
use crate::secret::Secret;
use crate::store::check::{Step, check, check_required, invalid, missing};
use crate::store::elements;

/// The rows of a table.
pub(super) struct Sheet<'a, F> {
    table: &'a Table<F>,
    rows: Vec<SheetRow>,
    /// How many of them are in the file; the others are added.
    in_file: usize,
    by_id: HashMap<Arc<str>, Vec<usize>>,
    /// Which rows hold a unique value, by name space and comparison key.
    holders: HashMap<(Name, String), BTreeSet<usize>>,
}

struct SheetRow {
    record: Record,
    changed: BTreeSet<Name>,
    is_gone: bool,
}

impl<'a, F: TableFormat> Sheet<'a, F> {
    pub(super) fn new(table: &'a Table<F>, records: Vec<Record>) -> Self {
        let mut sheet = Self {
            table,
            rows: Vec::with_capacity(records.len()),
            in_file: records.len(),
            by_id: HashMap::new(),
            holders: HashMap::new(),
        };
        records.into_iter().for_each(|record| sheet.push(record));
        sheet
    }

    pub(super) fn carry_out(&mut self, operation: Operation) -> Result<Written> {
        match operation {
            Operation::Create { class, attributes, secrets } => self.create(&class, attributes, &secrets),
            Operation::Update { id, attributes, secrets } => self.update(id, attributes, &secrets),
            Operation::Elements { id, changes } => self.change_elements(id, changes),
            Operation::Delete { id } => self.delete(id),
            Operation::Restore { .. } => {
                Err(Error::new(ErrorKind::Unsupported, "a file has no recycle bin to bring anything back from"))
            }
        }
    }

    pub(super) fn is_changed(&self) -> bool {
        self.rows.len() > self.in_file || self.rows.iter().any(|row| row.is_gone || !row.changed.is_empty())
    }

    /// What becomes of each row of the file, and what is added.
    pub(super) fn edits(&self) -> (Vec<Edit<'_>>, Vec<&Record>) {
        let (old, added) = self.rows.split_at(self.in_file);
        let edits = old
            .iter()
            .map(|row| match row {
                SheetRow { is_gone: true, .. } => Edit::Remove,
                SheetRow { record, changed, .. } if !changed.is_empty() => Edit::Change(record, changed),
                _ => Edit::Keep,
            })
            .collect();
        (edits, added.iter().filter(|row| !row.is_gone).map(|row| &row.record).collect())
    }

    /// The records that are to be in the file, in their order.
    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.rows.iter().filter(|row| !row.is_gone).map(|row| &row.record)
    }

    fn create(&mut self, class: &Class, attributes: Attributes, secrets: &BTreeMap<Name, Secret>) -> Result<Written> {
        let schema = self.table.schema(class)?;
        check_required(&schema, &attributes, secrets)?;
        check(&schema, &attributes, secrets, Step::Create)?;
        self.check_writable(&attributes)?;
        self.check_unique(&attributes, None)?;
        let id: Arc<str> = match attributes.get(&self.table.key) {
            None | Some(Value::Null) => uuid::Uuid::new_v4().to_string().into(),
            Some(Value::Text(id)) if !id.trim().is_empty() => id.to_shared(),
            Some(_) => return Err(invalid("the key is blank").with_context("attribute", &self.table.key)),
        };
        if self.by_id.contains_key(&id) {
            return Err(Error::new(ErrorKind::Conflict, "another row has this key").with_context("key", id));
        }
        let id = ObjectId::new(class.clone(), id);
        let mut record = Record::new(id.clone());
        record.attributes = attributes;
        record.attributes.insert(self.table.key.clone(), Value::text(&id.id));
        if let Some(status) = schema.status.as_ref().filter(|status| record.get(status).is_none()) {
            record.attributes.insert(status.clone(), Value::Bool(true));
        }
        self.check_size(&record)?;
        self.push(record);
        Ok(Written::new(id))
    }

    fn update(&mut self, id: ObjectId, attributes: Attributes, secrets: &BTreeMap<Name, Secret>) -> Result<Written> {
        let schema = self.table.schema(&id.class)?;
        let at = self.position(&id)?.ok_or_else(|| missing(&id))?;
        check(&schema, &attributes, secrets, Step::Update)?;
        self.check_unique(&attributes, Some(at))?;
        self.set(at, attributes)?;
        Ok(Written::new(id))
    }

    fn change_elements(&mut self, id: ObjectId, changes: BTreeMap<Name, ElementChange>) -> Result<Written> {
        let schema = self.table.schema(&id.class)?;
        let at = self.position(&id)?.ok_or_else(|| missing(&id))?;
        // What another file holds is not known here.
        let there = |id: &ObjectId| id.class != self.table.file.class || self.by_id.contains_key(&id.id);
        let (values, refused) = elements::change(&schema, &there, &self.rows[at].record, changes);
        self.set(at, values.into_iter().collect())?;
        Ok(Written::new(id).with_refused(refused))
    }

    fn delete(&mut self, id: ObjectId) -> Result<Written> {
        self.table.schema(&id.class)?;
        if let Some(at) = self.position(&id)? {
            self.hold(at, false);
            self.by_id.remove(&id.id);
            self.rows[at].is_gone = true;
        }
        Ok(Written::new(id))
    }

    fn set(&mut self, at: usize, attributes: Attributes) -> Result<()> {
        self.check_writable(&attributes)?;
        let mut record = self.rows[at].record.clone();
        let mut changed = BTreeSet::new();
        for (name, value) in attributes.iter() {
            let before = record.attributes.insert(name.clone(), value.clone()).unwrap_or_default();
            if before != *value {
                changed.insert(name.clone());
            }
        }
        self.check_size(&record)?;
        self.hold(at, false);
        self.rows[at].record = record;
        self.rows[at].changed.extend(changed);
        self.hold(at, true);
        Ok(())
    }

    fn push(&mut self, record: Record) {
        let at = self.rows.len();
        self.by_id.entry(Arc::clone(&record.id.id)).or_default().push(at);
        self.rows.push(SheetRow { record, changed: BTreeSet::new(), is_gone: false });
        self.hold(at, true);
    }

    /// Where the one row of an id is.
    fn position(&self, id: &ObjectId) -> Result<Option<usize>> {
        match self.by_id.get(&id.id).map(Vec::as_slice) {
            None | Some([]) => Ok(None),
            Some([at]) => Ok(Some(*at)),
            Some(_) => {
                Err(Error::new(ErrorKind::Conflict, "several rows have this key; leave one").with_context("object", id))
            }
        }
    }

    /// Notes that a row holds its unique values, or no longer does.
    fn hold(&mut self, at: usize, holds: bool) {
        for key in self.unique_keys(&self.rows[at].record.attributes).collect::<Vec<_>>() {
            let holders = self.holders.entry(key).or_default();
            if holds {
                holders.insert(at)
            } else {
                holders.remove(&at)
            };
        }
    }

    fn unique_keys<'b>(&'b self, attributes: &'b Attributes) -> impl Iterator<Item = (Name, String)> + 'b {
        attributes.iter().flat_map(|(name, value)| {
            let schema = self.table.schema.get(name);
            let space = schema.and_then(|schema| Some((schema, schema.unique_in.as_ref()?)));
            let keys = |(schema, space): (_, &Name)| {
                let keys = value.as_slice().iter().filter_map(|value| comparison_key(schema, value));
                keys.map(|key| (space.clone(), key)).collect::<Vec<_>>()
            };
            space.map(keys).unwrap_or_default()
        })
    }

    fn check_unique(&self, attributes: &Attributes, own: Option<usize>) -> Result<()> {
        for (space, key) in self.unique_keys(attributes) {
            let holders = self.holders.get(&(space.clone(), key));
            if holders.is_some_and(|holders| holders.iter().any(|at| Some(*at) != own)) {
                return Err(
                    Error::new(ErrorKind::Conflict, "another row has this value").with_context("attribute", space)
                );
            }
        }
        Ok(())
    }

    fn check_writable(&self, attributes: &Attributes) -> Result<()> {
        for (name, value) in attributes.iter() {
            let refusal = self.table.schema.get(name).and_then(|schema| self.table.format.refusal(schema, value));
            if let Some((_, message)) = refusal {
                return Err(invalid(message).with_context("attribute", name));
            }
        }
        Ok(())
    }

    fn check_size(&self, record: &Record) -> Result<()> {
        if self.table.format.size(record) <= MAX_ROW_BYTES {
            return Ok(());
        }
        Err(invalid("the row would be longer than 1 MiB, and could not be read again")
            .with_context("object", &record.id))
    }
}
