//! Lists that break off as they are read.

use std::collections::BTreeSet;

use entrant::model::{Name, ObjectId};
use entrant::store::Lookup;
use entrant::{Record, Value};

/// Which lists of which records break off.
pub(super) type Cut = BTreeSet<(ObjectId, &'static str)>;

/// The record with only the first element of each list of its that breaks off, and the word that there may be more.
pub(super) fn shown(mut record: Record, cut: &Cut) -> Record {
    for (id, name) in cut {
        let Some(value) = record.get(name).filter(|_| *id == record.id) else { continue };
        let first = Value::list(value.as_slice().iter().take(1).cloned());
        record.attributes.insert(Name::from(*name), first);
        record = record.with_partial(*name, "the connection broke");
    }
    record
}

/// The same of all that was looked up.
pub(super) fn shown_of(found: Vec<Lookup>, cut: &Cut) -> Vec<Lookup> {
    let shown_of_one = |lookup| match lookup {
        Lookup::One(record) => Lookup::One(shown(record, cut)),
        Lookup::Many(records) => Lookup::Many(records.into_iter().map(|record| shown(record, cut)).collect()),
        other => other,
    };
    found.into_iter().map(shown_of_one).collect()
}
