//! Who may hold a unique value of a store in memory.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::model::{AttributeSchema, Class, Name, ObjectId, Record, Schema, Value, comparison_key, fold};

pub(super) type Schemas = BTreeMap<Class, Arc<Schema>>;

/// The objects that hold a value of a name space, or held it once: whoever asks looks whether they do.
#[derive(Debug, Default)]
pub(super) struct Holders(HashMap<(Name, String), HashSet<ObjectId>>);

impl Holders {
    pub(super) fn of<'a>(schemas: &Schemas, records: impl Iterator<Item = &'a Record>) -> Self {
        let mut holders = Self::default();
        records.for_each(|record| holders.add(schemas, record));
        holders
    }

    pub(super) fn add(&mut self, schemas: &Schemas, record: &Record) {
        for (space, attribute, value) in unique_values(schemas, record) {
            for value in value.as_slice() {
                self.0.entry((space.clone(), key(attribute, value))).or_default().insert(record.id.clone());
            }
        }
    }

    /// Who may hold what is the same to an attribute of the name space.
    pub(super) fn candidates(
        &self,
        space: &Name,
        attribute: &AttributeSchema,
        value: &Value,
    ) -> impl Iterator<Item = &ObjectId> {
        self.0.get(&(space.clone(), key(attribute, value))).into_iter().flatten()
    }
}

/// The values of a record that are unique, with their name spaces.
pub(super) fn unique_values<'a>(
    schemas: &'a Schemas,
    record: &'a Record,
) -> impl Iterator<Item = (&'a Name, &'a AttributeSchema, &'a Value)> {
    let schema = schemas.get(&record.id.class);
    record.attributes.iter().filter_map(move |(name, value)| {
        let attribute = schema?.get(name)?;
        Some((attribute.unique_in.as_ref()?, attribute, value))
    })
}

/// The same for values that any attribute of a name space takes for the same, whether it ignores case or not.
fn key(attribute: &AttributeSchema, value: &Value) -> String {
    comparison_key(attribute, value).map(|key| fold(&key).into_owned()).unwrap_or_default()
}
