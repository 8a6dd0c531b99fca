//! A plan: a value that can be read, kept, narrowed down and applied.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::digest::Digester;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Class, Completeness, Name};
use crate::reconcile::{Action, Effects, Entry, EntryKey, Problem, Severity, Situation, Watch};

/// The format of a plan; another one is refused.
pub(crate) const FORMAT: u32 = 1;

/// What a job would do, entry by entry. It is personal data: keep it where only those may read who may know it.
///
/// The same inputs give the same plan, byte for byte. Its [digest](Plan::digest) covers all of it; applying checks it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Plan {
    header: Header,
    entries: Vec<Entry>,
    digest: String,
}

/// What a plan as a whole says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Header {
    pub(crate) format: u32,
    pub(crate) job: String,
    pub(crate) link_set: String,
    /// Which link set of that name, if it was there when the plan was made.
    pub(crate) link_set_id: Option<String>,
    pub(crate) tenant: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) as_of: OffsetDateTime,
    pub(crate) run: String,
    /// What the random values of the plan were drawn from. Nothing secret or redacted was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<String>,
    pub(crate) fingerprint: String,
    pub(crate) reads: Vec<SideRead>,
    pub(crate) situations: BTreeMap<Situation, u64>,
    pub(crate) owned_elsewhere: u64,
    pub(crate) linked: BTreeMap<Class, u64>,
    /// How many references of objects of a class the job gave.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) memberships: BTreeMap<Class, u64>,
    pub(crate) problems: Vec<Problem>,
    /// Whether entries may have been left out by hand.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) selected: bool,
    /// Whether a source that holds nothing was to be believed, when this was planned and so when it is applied.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) believes_empty: bool,
    /// Where the next incremental run goes on once this plan was applied as a whole, by mapping.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) bookmarks: BTreeMap<Name, Bookmark>,
}

/// Where the next incremental run of a mapping goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Bookmark {
    /// The number of the bookmark that was there when the plan was made: if another took its place, this one is too old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<u64>,
    /// What it holds for; with another mapping or policy it says nothing.
    pub(crate) fingerprint: String,
    /// Where to go on reading the source, where that keeps track of changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    /// A digest of all that was read of a source that does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seen: Option<String>,
    /// Where to go on reading the target, where that keeps track of changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<String>,
    /// The sources to look at again, whatever becomes of their entries.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) watch: BTreeMap<Arc<str>, Watch>,
}

/// What was read of one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SideRead {
    /// The store's name.
    pub store: String,
    /// The class.
    pub class: Class,
    /// How many objects.
    pub objects: u64,
    /// Whether that was all; `None` if only single objects were looked up.
    pub completeness: Option<Completeness>,
    /// Whether only what changed was asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changes: bool,
}

impl Header {
    pub(crate) fn new(job: &str, link_set: &str, tenant: Option<String>, as_of: OffsetDateTime) -> Self {
        Self {
            format: FORMAT,
            job: job.to_owned(),
            link_set: link_set.to_owned(),
            link_set_id: None,
            tenant,
            as_of,
            run: String::new(),
            seed: None,
            fingerprint: String::new(),
            reads: Vec::new(),
            situations: BTreeMap::new(),
            owned_elsewhere: 0,
            linked: BTreeMap::new(),
            memberships: BTreeMap::new(),
            problems: Vec::new(),
            selected: false,
            believes_empty: false,
            bookmarks: BTreeMap::new(),
        }
    }
}

impl Plan {
    pub(crate) fn new(header: Header, mut entries: Vec<Entry>) -> Self {
        entries.sort_by(|left, right| left.key.cmp(&right.key));
        let digest = digest(&header, &entries);
        Self { header, entries, digest }
    }

    /// A plan as it was written; whether the digest fits is to be [verified](Plan::verify).
    pub(crate) fn from_parts(header: Header, entries: Vec<Entry>, digest: String) -> Self {
        Self { header, entries, digest }
    }

    /// Reads a plan that was written with [`Plan::to_json`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if it is no plan, was written by another version, or was changed since.
    pub fn from_json(text: &str) -> Result<Self> {
        let invalid = |message| Error::new(ErrorKind::Invalid, message);
        let plan: Self = serde_json::from_str(text)
            .map_err(|error| invalid("this is no plan, or a damaged one").with_source(error))?;
        if plan.header.format != FORMAT {
            return Err(invalid("the plan was written by another version; make a new one")
                .with_context("format", plan.header.format)
                .with_context("expected", FORMAT));
        }
        plan.verify()?;
        Ok(plan)
    }

    /// The plan as JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a plan has only text keys and no values that could fail")
    }

    pub(crate) fn verify(&self) -> Result<()> {
        if digest(&self.header, &self.entries) == self.digest {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Stale, "the plan was changed after it was made: its digest does not fit")
            .with_context("digest", &self.digest))
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// The entries, in the order of their keys.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What the plan is known by: a hash over all of it, in hex.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The job that it is of.
    #[must_use]
    pub fn job(&self) -> &str {
        &self.header.job
    }

    /// When it was made: the time that its rules went by.
    #[must_use]
    pub fn as_of(&self) -> OffsetDateTime {
        self.header.as_of
    }

    /// What was read of each side.
    #[must_use]
    pub fn reads(&self) -> &[SideRead] {
        &self.header.reads
    }

    /// How often each situation was found, also where nothing is listed.
    #[must_use]
    pub fn situations(&self) -> &BTreeMap<Situation, u64> {
        &self.header.situations
    }

    /// How many targets belong to another job, and were left alone.
    #[must_use]
    pub fn owned_elsewhere(&self) -> u64 {
        self.header.owned_elsewhere
    }

    /// What is wrong with the plan as a whole, such as a side that could not be read to its end.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.header.problems
    }

    /// How many objects of a class were linked when the plan was made.
    #[must_use]
    pub fn linked(&self, class: &Class) -> u64 {
        self.header.linked.get(class).copied().unwrap_or(0)
    }

    /// How many references of objects of a class the job had given when the plan was made.
    #[must_use]
    pub fn memberships(&self, class: &Class) -> u64 {
        self.header.memberships.get(class).copied().unwrap_or(0)
    }

    /// Whether there is nothing to write, apart from what is written in each run by
    /// [`FlowAlways`](crate::mapping::FlowBehavior::FlowAlways).
    #[must_use]
    pub fn is_converged(&self) -> bool {
        !self.entries.iter().any(|entry| entry.writes() && !entry.only_repeats())
    }

    /// Whether a person must look at something: an exception, a blocked entry, a read that broke off.
    #[must_use]
    pub fn needs_attention(&self) -> bool {
        self.header.problems.iter().any(|problem| problem.severity != Severity::Warning)
            || self.entries.iter().any(Entry::needs_attention)
    }

    /// What the plan does, by class and kind, and by object where that is limited too.
    #[must_use]
    pub fn effects(&self) -> Effects {
        let mut effects = Effects::default();
        self.entries.iter().for_each(|entry| effects.add(&entry.effects()));
        effects
    }

    /// How many entries have an action and run.
    #[must_use]
    pub fn count(&self, action: Action) -> usize {
        self.entries.iter().filter(|entry| entry.action == action && entry.runs()).count()
    }

    /// The plan with only those entries, and what they depend on. It has a digest of its own.
    #[must_use]
    pub fn select(&self, keep: impl Fn(&Entry) -> bool) -> Self {
        let by_key: HashMap<&EntryKey, &Entry> = self.entries.iter().map(|entry| (&entry.key, entry)).collect();
        let mut kept: BTreeSet<&EntryKey> = BTreeSet::new();
        let mut open: Vec<&Entry> = self.entries.iter().filter(|entry| keep(entry)).collect();
        while let Some(entry) = open.pop() {
            if kept.insert(&entry.key) {
                open.extend(entry.after.iter().filter_map(|edge| by_key.get(&edge.entry).copied()));
            }
        }
        let mut header = self.header.clone();
        if kept.len() < self.entries.len() {
            header.selected = true;
            // What was left out is still to be done: the next incremental run begins where this one did.
            header.bookmarks.clear();
        }
        let entries = self.entries.iter().filter(|entry| kept.contains(&entry.key)).cloned().collect();
        Self::new(header, entries)
    }
}

fn digest(header: &Header, entries: &[Entry]) -> String {
    let mut digest = Digester::new();
    let mut feed = |part: serde_json::Result<Vec<u8>>| {
        digest.part(part.expect("a plan has only text keys and no values that could fail"));
    };
    feed(serde_json::to_vec(header));
    entries.iter().for_each(|entry| feed(serde_json::to_vec(entry)));
    digest.hex()
}
