//! What a job remembers, as typed tables over a [`State`].
//!
//! Keys are JSON arrays, so that no id can run into its neighbour; values are JSON objects. All of a link set lies
//! under its name.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::both_ways::Flows;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Class, ElementChange, Name, ObjectId, Value};
use crate::reconcile::{Action, Effects, EntryKey, Given, Giving, Guard, InDoubt, Link, LinkEnd, LinkIndex, Part};
use crate::store::{Batch, State, Table};

/// The format of what is stored. An older one is brought up to date by the first run that writes; a newer one is refused.
const FORMAT: u32 = 2;
/// In the first format the key of a link did not name the store at its other end.
const ONE_LINK_AN_OBJECT: u32 = 1;
/// Which of several targets of one source a link is for. There is one so far.
const QUALIFIER: &str = "default";

/// One link set's part of a [`State`].
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    state: Arc<dyn State>,
    set: String,
}

/// What is known of a link set as a whole.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LinkSet {
    format: u32,
    /// Tells this link set from one of the same name in another state.
    pub(super) id: String,
    tenant: Option<String>,
}

/// What is known of a job as a whole.
#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredJob {
    /// Since when it is being given up, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub(super) retired_at: Option<OffsetDateTime>,
    /// The day of its last run.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub(super) ran_on: Option<OffsetDateTime>,
    /// What it overwrites, as of then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) flows: Vec<Flows>,
    /// The fingerprint with which it went through everybody, if it is still the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) been_round: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum StoredLink {
    /// Under the first end.
    Link(Box<Link>),
    /// Under the second end: the key of the first.
    At(String),
}

/// A write that was begun: noted before it is sent, gone when its outcome is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Intent {
    pub(super) key: EntryKey,
    /// Which part of the entry's work: each is noted by itself.
    #[serde(default)]
    pub(super) part: Part,
    pub(super) action: Action,
    /// The plan that it belongs to.
    pub(super) plan: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) at: OffsetDateTime,
    /// The same by the target's clock, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub(super) target_at: Option<OffsetDateTime>,
    /// Of a create that was begun before, and whose outcome was not known: when it was tried again last, by the target's
    /// clock.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub(super) again_at: Option<OffsetDateTime>,
    pub(super) class: Class,
    pub(super) source: Option<ObjectId>,
    pub(super) target: Option<ObjectId>,
    /// Whether the account is switched off, or made switched off.
    pub(super) disables: bool,
    /// For a create: what can tell the object from others.
    pub(super) anchors: Vec<(Name, Value)>,
    /// For a create: the object that it takes the place of, which is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) replaces: Option<ObjectId>,
    /// Digests of the write-only values that are written.
    pub(super) written: Vec<(Name, String)>,
    /// The elements that are given and taken.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) elements: BTreeMap<Name, ElementChange>,
    /// How many of them are licences that are taken without another in their place.
    #[serde(default)]
    pub(super) licenses_lost: u64,
}

impl Intent {
    /// When the write was begun, by the target's clock as far as it was known.
    pub(super) fn target_at(&self) -> OffsetDateTime {
        self.target_at.unwrap_or(self.at)
    }

    /// When it was tried last, by the same clock: what it made may be as young as that.
    pub(super) fn tried_at(&self) -> OffsetDateTime {
        self.again_at.unwrap_or_else(|| self.target_at())
    }

    /// What planning needs to know of a create whose answer never came.
    pub(super) fn in_doubt(&self) -> Option<InDoubt> {
        (self.action == Action::Create).then_some(())?;
        Some(InDoubt {
            source: self.source.clone()?,
            begun_at: self.target_at(),
            tried_at: self.tried_at(),
            anchors: self.anchors.clone(),
            disabled: self.disables,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Removal {
    class: Class,
    guard: Guard,
    count: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object: Option<ObjectId>,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
}

/// What an entry took away.
#[derive(Clone, Copy)]
pub(super) struct Taken<'a> {
    pub(super) entry: &'a EntryKey,
    pub(super) plan: &'a str,
    pub(super) class: &'a Class,
    pub(super) guard: Guard,
    pub(super) object: Option<&'a ObjectId>,
    /// Which element, of those that are taken one by one.
    pub(super) element: Option<&'a str>,
    pub(super) count: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GivenAt {
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    in_doubt: bool,
}

impl Ledger {
    pub(super) fn new(state: Arc<dyn State>, set: &str) -> Self {
        Self { state, set: set.to_owned() }
    }

    pub(super) fn state(&self) -> &Arc<dyn State> {
        &self.state
    }

    /// What must be leased to write.
    pub(super) fn lease_name(&self) -> String {
        format!("link set {}", self.set)
    }

    // The link set as a whole.

    /// The link set, if anything was ever written to it; it must belong to this tenant, or to none yet.
    pub(super) async fn open(&self, tenant: Option<&str>) -> Result<Option<LinkSet>> {
        let Some(stored) = self.link_set().await? else { return Ok(None) };
        match (stored.tenant.as_deref(), tenant) {
            (Some(own), Some(other)) if own != other => Err(Error::new(
                ErrorKind::TenantChanged,
                "the link set belongs to another tenant; use a link set for each",
            )
            .with_context("link set", &self.set)
            .with_context("its tenant", own)
            .with_context("connected to", other)),
            _ => Ok(Some(stored)),
        }
    }

    async fn link_set(&self) -> Result<Option<LinkSet>> {
        let Some(bytes) = self.state.get(Table::LinkSets, &self.key(&[])).await? else { return Ok(None) };
        let set: LinkSet = decode(Table::LinkSets, &bytes)?;
        if !(ONE_LINK_AN_OBJECT..=FORMAT).contains(&set.format) {
            let message = "the state was written by another version of this crate; use one that is at least as new";
            return Err(Error::new(ErrorKind::Store, message)
                .with_context("format", set.format)
                .with_context("expected", FORMAT));
        }
        Ok(Some(set))
    }

    /// Brings what an earlier version stored up to date.
    pub(super) async fn upgrade(&self, batch: &mut Batch, stored: Option<&LinkSet>) -> Result<()> {
        if stored.is_none_or(|set| set.format != ONE_LINK_AN_OBJECT) {
            return Ok(());
        }
        for link in self.links().await? {
            for end in &link.ends {
                batch.remove(
                    Table::Links,
                    self.key(&[QUALIFIER, &end.store, end.object.class.as_str(), &end.object.id]),
                );
            }
            self.put_link(batch, &link);
        }
        Ok(())
    }

    /// Claims the link set for a tenant.
    pub(super) fn put_link_set(&self, batch: &mut Batch, stored: Option<LinkSet>, tenant: Option<&str>) {
        let (id, known) = match stored {
            Some(stored) => (stored.id, stored.tenant),
            None => (uuid::Uuid::new_v4().to_string(), None),
        };
        let set = LinkSet { format: FORMAT, id, tenant: tenant.map(str::to_owned).or(known) };
        batch.put(Table::LinkSets, self.key(&[]), encode(&set));
    }

    // A job as a whole.

    pub(super) async fn job(&self, job: &str) -> Result<StoredJob> {
        match self.state.get(Table::Jobs, &self.key(&[job])).await? {
            Some(bytes) => decode(Table::Jobs, &bytes),
            None => Ok(StoredJob::default()),
        }
    }

    pub(super) fn put_job(&self, batch: &mut Batch, job: &str, stored: &StoredJob) {
        batch.put(Table::Jobs, self.key(&[job]), encode(stored));
    }

    /// Forgets that the job was given up, and all else of it.
    pub(super) fn remove_job(&self, batch: &mut Batch, job: &str) {
        batch.remove(Table::Jobs, self.key(&[job]));
    }

    /// What is known of the other jobs of the link set, by their names.
    pub(super) async fn other_jobs(&self, job: &str) -> Result<Vec<(String, StoredJob)>> {
        let mut others = Vec::new();
        let mut stored = self.state.scan(Table::Jobs, &self.prefix(&[]));
        while let Some((key, bytes)) = stored.try_next().await? {
            let (key, stored): (Vec<String>, StoredJob) = (decode(Table::Jobs, &key)?, decode(Table::Jobs, &bytes)?);
            if let Some(other) = key.into_iter().nth(1).filter(|other| other != job) {
                others.push((other, stored));
            }
        }
        Ok(others)
    }

    // Links.

    pub(super) async fn links(&self) -> Result<Vec<Link>> {
        let mut stored = self.state.scan(Table::Links, &self.prefix(&[QUALIFIER]));
        let mut links = Vec::new();
        while let Some((_, bytes)) = stored.try_next().await? {
            if let StoredLink::Link(link) = decode(Table::Links, &bytes)? {
                links.push(*link);
            }
        }
        Ok(links)
    }

    /// The links between two stores; of others only whom a target belongs to.
    pub(super) async fn link_index(&self, source: &str, target: &str) -> Result<LinkIndex> {
        let mut stored = self.state.scan(Table::Links, &self.prefix(&[QUALIFIER]));
        let mut index = LinkIndex::default();
        while let Some((_, bytes)) = stored.try_next().await? {
            if let StoredLink::Link(link) = decode(Table::Links, &bytes)? {
                index.insert(*link, source, target);
            }
        }
        Ok(index)
    }

    /// The links of an object: one to each other store at most.
    pub(super) async fn links_of(&self, store: &str, object: &ObjectId) -> Result<Vec<Link>> {
        let prefix = self.prefix(&[QUALIFIER, store, object.class.as_str(), &object.id]);
        let mut stored = self.state.scan(Table::Links, &prefix);
        let mut links = Vec::new();
        while let Some((_, bytes)) = stored.try_next().await? {
            let found = match decode(Table::Links, &bytes)? {
                StoredLink::Link(link) => Some(link),
                StoredLink::At(first) => match self.state.get(Table::Links, first.as_bytes()).await? {
                    Some(bytes) => match decode(Table::Links, &bytes)? {
                        StoredLink::Link(link) => Some(link),
                        StoredLink::At(_) => None,
                    },
                    None => None,
                },
            };
            let is_of = |link: &Link| link.end(store).is_some_and(|end| end.object == *object);
            links.extend(found.map(|link| *link).filter(is_of));
        }
        Ok(links)
    }

    pub(super) fn put_link(&self, batch: &mut Batch, link: &Link) {
        let [first, second] = &link.ends;
        let key = self.end_key(first, second);
        let at = String::from_utf8_lossy(&key).into_owned();
        batch.put(Table::Links, key, encode(&StoredLink::Link(Box::new(link.clone()))));
        batch.put(Table::Links, self.end_key(second, first), encode(&StoredLink::At(at)));
    }

    pub(super) fn remove_link(&self, batch: &mut Batch, link: &Link) {
        let [first, second] = &link.ends;
        batch.remove(Table::Links, self.end_key(first, second));
        batch.remove(Table::Links, self.end_key(second, first));
    }

    /// An object is linked once to each other store: what came from HR and goes on into a table has two links.
    fn end_key(&self, end: &LinkEnd, other: &LinkEnd) -> Vec<u8> {
        self.key(&[QUALIFIER, &end.store, end.object.class.as_str(), &end.object.id, &other.store])
    }

    // The journal: intents whose outcome is not known.

    pub(super) async fn intents(&self, job: &str) -> Result<Vec<Intent>> {
        let stored = self.state.scan(Table::Journal, &self.prefix(&[job]));
        stored.and_then(|(_, bytes)| async move { decode(Table::Journal, &bytes) }).try_collect().await
    }

    pub(super) fn put_intent(&self, batch: &mut Batch, job: &str, intent: &Intent) {
        batch.put(Table::Journal, self.intent_key(job, intent), encode(intent));
    }

    pub(super) fn remove_intent(&self, batch: &mut Batch, job: &str, intent: &Intent) {
        batch.remove(Table::Journal, self.intent_key(job, intent));
    }

    /// One row for each part of an entry; of elements one for each plan, since what one plan gives and takes says nothing
    /// of what another one did. One that is in doubt is not forgotten over the next.
    fn intent_key(&self, job: &str, intent: &Intent) -> Vec<u8> {
        let key = serde_json::to_string(&intent.key).expect("a key has only text");
        match intent.part {
            Part::Main => self.key(&[job, &key]),
            part @ (Part::References | Part::Licenses) => self.key(&[job, &key, part.as_str(), &intent.plan]),
            part @ (Part::Restore | Part::Temporary | Part::Status) => self.key(&[job, &key, part.as_str()]),
        }
    }

    // What was given, element by element.

    /// What was given to the objects of a store.
    pub(super) async fn given(&self, store: &str) -> Result<Given> {
        let mut given = Given::default();
        self.add_given(&mut given, &self.prefix(&[QUALIFIER, store])).await?;
        Ok(given)
    }

    /// What was given to one object of a store.
    pub(super) async fn given_to(&self, given: &mut Given, store: &str, object: &ObjectId) -> Result<()> {
        self.add_given(given, &self.prefix(&[QUALIFIER, store, object.class.as_str(), &object.id])).await
    }

    async fn add_given(&self, given: &mut Given, prefix: &[u8]) -> Result<()> {
        let mut stored = self.state.scan(Table::Given, prefix);
        while let Some((key, bytes)) = stored.try_next().await? {
            let key: Vec<Arc<str>> = decode(Table::Given, &key)?;
            let GivenAt { at, in_doubt } = decode(Table::Given, &bytes)?;
            if let [_, _, _, class, id, attribute, element] = key.as_slice() {
                let object = ObjectId::new(Class::new(&**class), Arc::clone(id));
                given.insert(object, Name::from(&**attribute), Arc::clone(element), Giving { at, in_doubt });
            }
        }
        Ok(())
    }

    pub(super) fn put_given(
        &self,
        batch: &mut Batch,
        store: &str,
        object: &ObjectId,
        attribute: &Name,
        element: &str,
        Giving { at, in_doubt }: Giving,
    ) {
        let key = self.given_key(store, object, attribute, element);
        batch.put(Table::Given, key, encode(&GivenAt { at, in_doubt }));
    }

    pub(super) fn remove_given(
        &self,
        batch: &mut Batch,
        store: &str,
        object: &ObjectId,
        attribute: &Name,
        element: &str,
    ) {
        batch.remove(Table::Given, self.given_key(store, object, attribute, element));
    }

    /// Forgets all that was given to an object whose link is dropped.
    pub(super) async fn forget_given(&self, batch: &mut Batch, store: &str, object: &ObjectId) -> Result<()> {
        let prefix = self.prefix(&[QUALIFIER, store, object.class.as_str(), &object.id]);
        let mut stored = self.state.scan(Table::Given, &prefix);
        while let Some((key, _)) = stored.try_next().await? {
            batch.remove(Table::Given, key);
        }
        Ok(())
    }

    fn given_key(&self, store: &str, object: &ObjectId, attribute: &Name, element: &str) -> Vec<u8> {
        self.key(&[QUALIFIER, store, object.class.as_str(), &object.id, attribute, element])
    }

    // What was taken away, for the guards.

    /// What the job did since.
    pub(super) async fn effects_since(&self, job: &str, since: OffsetDateTime) -> Result<Effects> {
        let mut effects = Effects::default();
        let mut stored = self.state.scan(Table::Removals, &self.prefix(&[job]));
        while let Some((_, bytes)) = stored.try_next().await? {
            let removal: Removal = decode(Table::Removals, &bytes)?;
            if removal.at > since {
                effects.count(&removal.class, removal.guard, removal.object.as_ref(), removal.count);
            }
        }
        Ok(effects)
    }

    /// Notes what an entry took away. One row an entry, kind and element, so that noting it twice counts once.
    pub(super) fn put_removal(&self, batch: &mut Batch, job: &str, taken: &Taken<'_>, at: OffsetDateTime) {
        let entry = serde_json::to_string(taken.entry).expect("a key has only text");
        let removal = Removal {
            class: taken.class.clone(),
            guard: taken.guard,
            count: taken.count,
            object: taken.object.cloned(),
            at,
        };
        let mut key = vec![job, taken.plan, taken.guard.as_str(), &entry];
        key.extend(taken.element);
        batch.put(Table::Removals, self.key(&key), encode(&removal));
    }

    /// Forgets what is too old to count.
    pub(super) async fn forget_effects(&self, batch: &mut Batch, job: &str, before: OffsetDateTime) -> Result<()> {
        let mut stored = self.state.scan(Table::Removals, &self.prefix(&[job]));
        while let Some((key, bytes)) = stored.try_next().await? {
            let removal: Removal = decode(Table::Removals, &bytes)?;
            if removal.at <= before {
                batch.remove(Table::Removals, key);
            }
        }
        Ok(())
    }

    // Keys.

    pub(super) fn key(&self, rest: &[&str]) -> Vec<u8> {
        let parts: Vec<&str> = std::iter::once(self.set.as_str()).chain(rest.iter().copied()).collect();
        serde_json::to_vec(&parts).expect("a list of text is JSON")
    }

    /// What the keys under these parts, and no others, begin with.
    pub(super) fn prefix(&self, rest: &[&str]) -> Vec<u8> {
        let mut prefix = self.key(rest);
        prefix.pop();
        prefix.push(b',');
        prefix
    }
}

pub(super) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("stored values have only text keys and no values that could fail")
}

pub(super) fn decode<T: for<'a> Deserialize<'a>>(table: Table, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        Error::new(ErrorKind::Store, "the state holds something that cannot be read: damaged, or of another version")
            .with_context("table", table.as_str())
            .with_source(error)
    })
}
