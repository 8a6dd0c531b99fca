//! One line of a plan: what is found for one object, and what is to be done about it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::model::{Class, Name, ObjectId, Origin, Value};
use crate::reconcile::{Action, Agreed, Digests, LinkOrigin, Problem, SetChange, SetKind, Severity, Situation};

/// What is found for one object, and what is to be done about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Entry {
    /// Which entry it is, stable over runs.
    pub key: EntryKey,
    /// The class of the target object.
    pub class: Class,
    /// What is found.
    pub situation: Situation,
    /// What is to be done. [`Entry::runs`] says whether something stands in its way.
    pub action: Action,
    /// Which rule of the policy says so, counted from 0; none if it is the preset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_rule: Option<usize>,
    /// The source object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ObjectId>,
    /// Where the source record was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The target object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<ObjectId>,
    /// What people call the object, for reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What is written, in the order of the attributes' names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<AttributeChange>,
    /// References and licences that are given and taken, in the order of the attributes' names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<SetChange>,
    /// Secret attributes that are written, and which mapping yields them. Their values are in no plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretChange>,
    /// Whether all sign-ins are ended once the account is disabled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub revokes_sessions: bool,
    /// What a removal rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Why it is as it is, where the situation does not say enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When a waiting entry is due: its grace period is over, or what failed is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub until: Option<OffsetDateTime>,
    /// What changes in the link beside what the action says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<LinkNote>,
    /// Digests of write-only values that the link remembers without a write.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub remember: BTreeMap<Name, String>,
    /// What the ends of the link agree on without a write, by attribute, where a job of the other direction writes it back:
    /// the link remembers it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub agreed: BTreeMap<Name, Agreed>,
    /// Elements that the job gave and someone else took away, by attribute: the link forgets them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub forget: BTreeMap<Name, Vec<Arc<str>>>,
    /// The origin that the target's end of a new link gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_origin: Option<LinkOrigin>,
    /// Other objects that take part: the candidates of an ambiguous match, the other end of a conflict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<ObjectId>,
    /// What stands in the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// Entries that must have been carried out before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Edge>,
}

/// Which entry it is: the mapping, and an end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EntryKey {
    /// The name of the mapping.
    pub mapping: Name,
    /// Whether the id is of the source or of the target.
    pub end: KeyEnd,
    /// The id.
    pub id: Arc<str>,
    /// Tells records apart that share one id: their row, or their place in the read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
}

impl EntryKey {
    /// The entry of a source object.
    #[must_use]
    pub fn of_source(mapping: &Name, id: &ObjectId) -> Self {
        Self { mapping: mapping.clone(), end: KeyEnd::Source, id: id.id.clone(), record: None }
    }

    /// The entry of a target object that has no source.
    #[must_use]
    pub fn of_target(mapping: &Name, id: &ObjectId) -> Self {
        Self { mapping: mapping.clone(), end: KeyEnd::Target, id: id.id.clone(), record: None }
    }
}

impl fmt::Display for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.end == KeyEnd::Target { "target " } else { "" };
        write!(f, "{} {end}{}", self.mapping, self.id)?;
        self.record.map_or(Ok(()), |record| write!(f, " (record {record})"))
    }
}

/// Which end an [`EntryKey`] names. Complete by definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "a link has two ends")]
pub enum KeyEnd {
    /// The source.
    Source,
    /// The target.
    Target,
}

/// A value that is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AttributeChange {
    /// The target's attribute.
    pub attribute: Name,
    /// Its value now; `None` if the object is made, or the value cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub old: Option<Value>,
    /// Its value afterwards; null clears it.
    pub new: Value,
    /// The rule that yields it, such as `[JobTitle]` or `ToLower([login])`.
    pub rule: String,
    /// Whether this is the status, which is written by a request of its own after the others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub status: bool,
    /// Whether this is a rename.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub renames: bool,
    /// Whether the target has the value already, and it is written all the same: its rule flows always.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeated: bool,
    /// Whether the values must not be shown, because the expression redacts: then `old` and `new` are no values but the
    /// text `(redacted)`, or null for none. Applying evaluates again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redacted: bool,
    /// Whether the object is made without it, and it is written once the object is there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub later: bool,
    /// A value that is written first, so that another can take the old one: two objects swap theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<Value>,
    /// Digests of what the source has of the attributes that the rule reads, where a job of the other direction writes them
    /// back: the link remembers, once it is written, that both ends agree.
    #[serde(default, skip_serializing_if = "Digests::is_empty")]
    pub read: Digests,
}

/// A null that is there is a value; serde would take it for none.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl AttributeChange {
    /// Whether it takes a value away without giving another: empty text is none.
    #[must_use]
    pub fn clears(&self) -> bool {
        self.new.is_blank() && self.old.as_ref().is_some_and(|old| !old.is_blank())
    }
}

/// A secret that is written; the value is made or read when the plan is applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SecretChange {
    /// The target's attribute.
    pub attribute: Name,
    /// The rule that yields it.
    pub rule: String,
}

/// What a removal rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
#[non_exhaustive]
pub enum Evidence {
    /// The record was read and says that the person is inactive.
    Inactive {
        /// The rule that says so.
        rule: String,
    },
    /// The record was read and fails the scope.
    OutOfScope,
    /// The object was not in a read that was complete.
    NotInCompleteRead {
        /// How many objects the read had.
        read: u64,
        /// Whether the source was asked again for this id, and had none.
        asked_again: bool,
    },
    /// The source was asked for this id, and its answer that there is none is authoritative.
    NotFoundById,
    /// The source was asked what changed, and said that the object was deleted.
    Deleted,
    /// Someone retires the job that owns the object.
    JobRetired,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inactive { rule } => write!(f, "the source says inactive, by `{rule}`"),
            Self::OutOfScope => f.write_str("the source record is out of scope"),
            Self::NotInCompleteRead { read, asked_again: true } => {
                write!(f, "not among the {read} records of a complete read, and not found when asked again by id")
            }
            Self::NotInCompleteRead { read, .. } => write!(f, "not among the {read} records of a complete read"),
            Self::NotFoundById => f.write_str("not found when asked by id"),
            Self::Deleted => f.write_str("the source says that it was deleted"),
            Self::JobRetired => f.write_str("the job that owns it is being retired"),
        }
    }
}

/// What an entry changes in its link, beside what its action says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LinkNote {
    /// Remembers since when the source has left.
    Leaving,
    /// Forgets that the source had left, whatever becomes of the rest of the entry.
    Returned,
    /// Forgets that this job had switched the account off: someone switched it on again.
    EnabledByOthers,
    /// Lets go of the object once all that is planned for it is done: the job is being retired.
    LetGo,
    /// Remembers that the source says inactive.
    Inactive,
    /// Forgets that the source said inactive.
    Active,
}

/// An entry that must have been carried out before another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Edge {
    /// The entry that comes first.
    pub entry: EntryKey,
    /// Why.
    pub kind: EdgeKind,
    /// The attribute that this entry waits to write.
    pub attribute: Name,
}

/// Why one entry comes before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EdgeKind {
    /// It gives up a unique value, or the seat of a licence, that the other takes.
    Frees,
    /// It makes an object that the other refers to.
    Needs,
}

impl Entry {
    /// Whether it carries out its action: it does something, and nothing blocks it.
    #[must_use]
    pub fn runs(&self) -> bool {
        let acts = match self.action {
            Action::Report | Action::Ignore | Action::Exception => false,
            Action::Update | Action::Wait => {
                !self.changes.is_empty() || !self.sets.is_empty() || !self.secrets.is_empty() || self.remembers()
            }
            Action::Create
            | Action::Link
            | Action::Relink
            | Action::Unlink
            | Action::Disable
            | Action::Delete
            | Action::Restore => true,
        };
        acts && !self.is_blocked()
    }

    /// Whether it writes to the target or to a link. An entry that carries out nothing may have to: who is back leaves no
    /// longer, also where nothing else is done about him.
    #[must_use]
    pub fn writes(&self) -> bool {
        (self.runs() && self.action != Action::Wait) || self.returns()
    }

    /// Whether its source had left and is back.
    pub(crate) fn returns(&self) -> bool {
        self.notes.contains(&LinkNote::Returned)
    }

    /// Whether all that it writes is there already, and is written because its rules flow always.
    #[must_use]
    pub fn only_repeats(&self) -> bool {
        self.action == Action::Update
            && !self.changes.is_empty()
            && self.changes.iter().all(|change| change.repeated)
            && self.sets.is_empty()
            && self.secrets.is_empty()
            && !self.remembers()
    }

    /// Whether the link remembers or forgets something by it, whatever is written.
    pub(crate) fn remembers(&self) -> bool {
        !self.notes.is_empty() || !self.remember.is_empty() || !self.agreed.is_empty() || !self.forget.is_empty()
    }

    /// Whether something stands in the way of the whole entry.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Blocks)
    }

    /// Whether a person must look: an exception, or a problem beyond a warning.
    #[must_use]
    pub fn needs_attention(&self) -> bool {
        self.action == Action::Exception || self.problems.iter().any(|problem| problem.severity != Severity::Warning)
    }

    /// Whether it switches the account off.
    #[must_use]
    pub fn disables(&self) -> bool {
        self.action != Action::Create
            && self.changes.iter().any(|change| change.status && change.new == Value::Bool(false))
    }

    /// Whether it switches the account on.
    #[must_use]
    pub fn enables(&self) -> bool {
        self.action != Action::Create
            && self.changes.iter().any(|change| change.status && change.new == Value::Bool(true))
    }

    /// Whether it takes something away that cannot simply be written back.
    #[must_use]
    pub fn is_irreversible(&self) -> bool {
        self.action == Action::Delete || self.disables() || self.sets.iter().any(SetChange::takes)
    }

    /// Whether it is a step of those that the policy has for who left.
    pub(crate) fn is_of_leaver(&self) -> bool {
        self.evidence.as_ref().is_some_and(|evidence| !matches!(evidence, Evidence::Inactive { .. }))
    }

    /// The licences that are given and taken.
    #[must_use]
    pub fn licenses(&self) -> Option<&SetChange> {
        self.sets.iter().find(|set| set.kind == SetKind::Licenses)
    }

    /// Whether it links an object whose creation was cut off before the answer came.
    #[must_use]
    pub fn recovers(&self) -> bool {
        self.action == Action::Link && self.link_origin == Some(LinkOrigin::Created)
    }
}
