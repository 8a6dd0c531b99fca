//! What planning one mapping starts from, what it may ask, and the answers.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::expr::Context;
use crate::mapping::CompiledMapping;
use crate::model::{Anchor, Completeness, Name, ObjectId, Origin, Record, Schema, Value};
use crate::reconcile::{CarriedBack, Constraints, Given, Holds, LinkIndex, Policy};

/// Everything that planning one mapping starts from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inputs<'a> {
    pub(crate) mapping: &'a CompiledMapping,
    pub(crate) policy: &'a Policy,
    pub(crate) schema: &'a Schema,
    pub(crate) constraints: &'a dyn Constraints,
    pub(crate) context: &'a Context,
    pub(crate) links: &'a LinkIndex,
    /// What the job gave before.
    pub(crate) given: &'a Given,
    pub(crate) in_doubt: &'a [InDoubt],
    /// What failed before and is not to be tried yet.
    pub(crate) holds: &'a Holds,
    /// The source objects for which a write was begun whose outcome is not known.
    pub(crate) begun: &'a [ObjectId],
    /// What jobs of the other direction carry back.
    pub(crate) carried_back: &'a CarriedBack,
    /// Whether the job went through everybody by the same mapping and policy before.
    pub(crate) been_round: bool,
    pub(crate) job: &'a str,
    pub(crate) abilities: Abilities,
    /// Whether to list an object although there is nothing to do: someone asked for it by name.
    pub(crate) lists_all: bool,
    /// Now, by the target's clock.
    pub(crate) target_now: OffsetDateTime,
    /// How long a new object may take to show.
    pub(crate) lag: Duration,
}

impl Inputs<'_> {
    /// Whether what was done in the target at a moment of its clock may not show yet.
    pub(crate) fn is_young(&self, at: OffsetDateTime) -> bool {
        self.target_now - at < self.lag
    }
}

/// Which questions the two stores can answer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Abilities {
    pub(crate) source_get: bool,
    pub(crate) source_get_is_authoritative: bool,
    pub(crate) source_absent_is_empty: bool,
    pub(crate) target_get: bool,
    pub(crate) target_find: bool,
    pub(crate) target_bin: bool,
}

/// What was read of one side.
#[derive(Debug, Clone, Default)]
pub(crate) struct Side {
    pub(crate) records: Vec<Record>,
    /// Objects that are there and cannot be read: where, and why.
    pub(crate) unreadable: Vec<(ObjectId, Origin, String)>,
    /// Whether that was all; `None` if the side was not read as a whole.
    pub(crate) completeness: Option<Completeness>,
    /// Where to go on reading next time, where the store keeps track of changes.
    pub(crate) cursor: Option<String>,
    /// How many records were read that are not among the others: what they were needed for is done already.
    pub(crate) settled: u64,
    /// The attributes that those had.
    pub(crate) settled_names: Vec<Name>,
}

impl Side {
    pub(crate) fn is_complete(&self) -> bool {
        self.completeness.as_ref().is_some_and(Completeness::is_complete)
    }

    /// How many objects were read.
    pub(crate) fn objects(&self) -> u64 {
        self.records.len() as u64 + self.settled
    }

    /// Whether any record has an attribute.
    pub(crate) fn delivers(&self, name: &str) -> bool {
        self.settled_names.iter().any(|own| own == name) || self.records.iter().any(|record| record.get(name).is_some())
    }
}

/// A create whose answer never came: the object may be there or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InDoubt {
    /// The source object that it was made for.
    pub(crate) source: ObjectId,
    /// When it was begun, by the target's clock: what it made is no older.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) begun_at: OffsetDateTime,
    /// When it was tried last, by the same clock: what it made may be as young as that.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) tried_at: OffsetDateTime,
    /// What it was made with, of what can tell it from others: all must agree.
    pub(crate) anchors: Vec<(Name, Value)>,
    /// Whether it was made switched off.
    pub(crate) disabled: bool,
}

impl InDoubt {
    /// Whether a second create would be refused if the first was carried out: by a value that one object only can hold.
    pub(crate) fn is_repeatable(&self, schema: &Schema) -> bool {
        self.is_repeatable_with(schema, |_, _| true)
    }

    /// The same for a second create that has only some of the values still, such as of one who was renamed since.
    pub(crate) fn is_repeatable_with(&self, schema: &Schema, has: impl Fn(&Name, &Value) -> bool) -> bool {
        let unique = |name: &Name| schema.get(name).is_some_and(|attribute| attribute.unique_in.is_some());
        self.anchors.iter().any(|(name, value)| unique(name) && !value.is_blank() && has(name, value))
    }
}

/// What planning must look up before it can go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Questions {
    /// Source objects to look up by id.
    pub(crate) sources: BTreeSet<ObjectId>,
    /// Source objects to look up by id that are only referred to: nothing is planned for them.
    pub(crate) references: BTreeSet<ObjectId>,
    /// Target objects to look up by id.
    pub(crate) targets: BTreeSet<ObjectId>,
    /// Target objects of which only is asked whether they are there.
    pub(crate) whereabouts: BTreeSet<ObjectId>,
    /// Deleted target objects to seek.
    pub(crate) deleted: BTreeSet<Anchor>,
    /// Values to find target objects by.
    pub(crate) find: BTreeSet<(Name, Value)>,
}

impl Questions {
    pub(crate) fn is_empty(&self) -> bool {
        self.sources.is_empty()
            && self.references.is_empty()
            && self.targets.is_empty()
            && self.whereabouts.is_empty()
            && self.deleted.is_empty()
            && self.find.is_empty()
    }
}

/// What was found out. A question that could not be answered says why.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers {
    pub(crate) sources: HashMap<ObjectId, Answer>,
    pub(crate) references: HashMap<ObjectId, Answer>,
    pub(crate) targets: HashMap<ObjectId, Answer>,
    pub(crate) whereabouts: HashMap<ObjectId, Answer>,
    pub(crate) deleted: HashMap<Anchor, Answer>,
    pub(crate) find: HashMap<(Name, Value), Answer>,
}

/// The objects that answer one question, or why there is no answer.
pub(crate) type Answer = Result<Vec<Record>, String>;
