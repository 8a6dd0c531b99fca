//! What changed since last time: a delta query says which objects, and each is read again by id.
//!
//! What a delta query tells of an object may be a part of it, so that only the ids are taken.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use serde::Deserialize;

use super::read::{MAX_LINKED, Reader, Wanted};
use super::schema::{LICENSE_STATES, MANAGER, Table};
use crate::digest::{Digester, hex};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Delta, DeltaCursor, DeltaQuery, DirectoryObjectId, GraphClient};
use crate::model::{Class, Name, ObjectId, Record};
use crate::store::{Cursor, Query, Read};

/// How many changed objects are read again by id; of more a list is had for less.
const MAX_CHANGED: usize = 50_000;
/// What begins a cursor of this form.
const FORM: &str = "entra-1";
/// What Graph tracks of the licences that a user has.
///
/// See [user: delta](https://learn.microsoft.com/graph/api/user-delta).
const ASSIGNED_LICENSES: &str = "assignedLicenses";

/// What is watched: the properties and relations of a class, in a tenant.
#[derive(Debug)]
pub(super) struct Watch {
    table: &'static Table,
    properties: BTreeSet<&'static str>,
    /// What begins its cursors, and no others.
    head: String,
}

/// An object of a delta query, of which the id is all that matters.
#[derive(Deserialize)]
struct Told {
    id: DirectoryObjectId,
}

/// What a round tells of an object. Both: it went and came, or came and went.
#[derive(Default)]
struct Word {
    is_there: bool,
    is_gone: bool,
}

impl Watch {
    /// Watches what the query selects; its filter is not for changes.
    pub(super) fn new(reader: &Reader, table: &'static Table, query: &Query) -> Self {
        let names: Option<Vec<&Name>> = query.select.as_ref().map(|names| names.iter().collect());
        let Wanted { select, manager, links, .. } = Wanted::new(table, names.as_deref());
        let tracked = |name| if name == LICENSE_STATES { ASSIGNED_LICENSES } else { name };
        let mut properties: BTreeSet<_> = select.into_iter().map(tracked).collect();
        properties.extend(manager.then_some(MANAGER));
        properties.extend(links.iter().map(|link| link.property));

        let mut digest = Digester::new();
        let watched = [&*reader.tenant, table.class.as_str()].into_iter().chain(properties.iter().copied());
        watched.for_each(|text| digest.part(text));
        let head = format!("{FORM} {} {} ", table.class, hex(&digest.bytes()[..16]));
        Self { table, properties, head }
    }

    /// A cursor for what changes from now on. Without one all can be read all the same.
    pub(super) async fn latest(&self, client: &GraphClient) -> Option<Cursor> {
        let mut round = self.query(client).select(&self.properties).latest().changes();
        loop {
            match round.try_next().await {
                Ok(Some(Delta::End(cursor))) => return Some(self.cursor(&cursor)),
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(error) => {
                    let class = self.table.class.as_str();
                    tracing::warn!(class, error = %error, "Graph gave no cursor, changes will not be told");
                    return None;
                }
            }
        }
    }

    fn query(&self, client: &GraphClient) -> DeltaQuery<Told> {
        match self.table.class == Class::GROUP {
            true => client.groups().delta().items_as(),
            false => client.users().delta().items_as(),
        }
    }

    fn cursor(&self, cursor: &DeltaCursor) -> Cursor {
        Cursor::new(format!("{}{}", self.head, cursor.as_str()))
    }

    /// Follows the changes since a cursor to their end.
    async fn round(&self, client: &GraphClient, cursor: &Cursor) -> Result<(BTreeMap<Arc<str>, Word>, Cursor)> {
        let link = cursor.as_str().strip_prefix(&self.head).ok_or_else(|| {
            let message = "the cursor is not of this form, tenant, class and selection";
            Error::new(ErrorKind::CursorExpired, message).with_context("class", &self.table.class)
        })?;
        let mut words: BTreeMap<Arc<str>, Word> = BTreeMap::new();
        let mut round = self.query(client).since(DeltaCursor::new(link)).minimal().changes();
        while let Some(change) = round.try_next().await.map_err(no_longer_good)? {
            let (id, is_gone) = match change {
                Delta::Record(Told { id }) | Delta::Linked { id, .. } | Delta::Unlinked { id, .. } => (id, false),
                Delta::Deleted { id, .. } => (id, true),
                Delta::End(next) => return Ok((words, self.cursor(&next))),
            };
            if words.len() == MAX_CHANGED && !words.contains_key(id.as_str()) {
                let message = "more has changed since the cursor than is worth reading one by one";
                return Err(Error::new(ErrorKind::CursorExpired, message).with_context("objects", MAX_CHANGED));
            }
            let word = words.entry(Arc::from(id.as_str())).or_default();
            word.is_gone |= is_gone;
            word.is_there |= !is_gone;
        }
        Err(Error::new(ErrorKind::Protocol, "the changes stopped without an end"))
    }
}

/// The error of a round: what Graph refuses to follow, although it gave it out, is followed no more.
fn no_longer_good(error: Error) -> Error {
    let is_refused = match error.graph() {
        Some(graph) => matches!(graph.status, 400 | 404 | 410),
        None => error.kind() == ErrorKind::Invalid,
    };
    if is_refused {
        Error::new(ErrorKind::CursorExpired, "the changes since the cursor are told no longer").with_source(error)
    } else {
        error
    }
}

impl Reader {
    /// The objects that changed since a cursor.
    pub(super) fn changes(&self, watch: Watch, wanted: Wanted, cursor: &Cursor) -> BoxStream<'static, Result<Read>> {
        let (reader, cursor) = (self.clone(), cursor.clone());
        let steps = async move {
            let (words, next) = watch.round(&reader.client, &cursor).await?;
            // All of the round comes before any object: one that it tells of twice has then changed before it is read.
            let told = words.into_iter().collect();
            let telling = Telling { reader, table: watch.table, wanted, told, doubts: Doubts::default(), next };
            Ok::<_, Error>(
                stream::unfold(Some(telling), |telling| async move { telling?.next().await }).flat_map(stream::iter),
            )
        };
        stream::once(steps).try_flatten().boxed()
    }
}

/// A round while its objects are read.
struct Telling {
    reader: Reader,
    table: &'static Table,
    wanted: Wanted,
    told: VecDeque<(Arc<str>, Word)>,
    doubts: Doubts,
    next: Cursor,
}

/// Of how many objects more is to be known than was read, and one of them.
#[derive(Default)]
struct Doubts {
    count: usize,
    first: Option<(Arc<str>, &'static str)>,
}

impl Doubts {
    fn add(&mut self, id: Arc<str>, what: &'static str) {
        self.count = self.count.saturating_add(1);
        self.first.get_or_insert((id, what));
    }
}

impl Telling {
    async fn next(mut self) -> Option<(Vec<Result<Read>>, Option<Self>)> {
        if self.told.is_empty() {
            return Some((vec![Ok(self.end())], None));
        }
        let told: Vec<_> = self.told.drain(..MAX_LINKED.min(self.told.len())).collect();
        match self.read(told).await {
            Ok(steps) => Some((steps, Some(self))),
            Err(error) => Some((vec![Err(error)], None)),
        }
    }

    async fn read(&mut self, told: Vec<(Arc<str>, Word)>) -> Result<Vec<Result<Read>>> {
        let class = &self.table.class;
        let ids: Vec<_> = told.iter().map(|(id, _)| ObjectId::new(class.clone(), Arc::clone(id))).collect();
        let found = self.reader.by_id(&ids, &|_| Ok(self.wanted.clone()), false).await?;
        let mut records: Vec<Record> = Vec::new();
        let mut steps = Vec::new();
        for (((id, word), object), found) in told.into_iter().zip(ids).zip(found) {
            match (found, word) {
                (Some(record), Word { is_there, .. }) => {
                    records.push(record);
                    if !is_there {
                        self.doubts.add(id, "was told to be gone, and is there");
                    }
                }
                (None, Word { is_gone: true, .. }) => steps.push(Ok(Read::Deleted(object))),
                (None, _) => self.doubts.add(id, "was told to be there, and is not found"),
            }
        }
        if self.wanted.fill(&self.reader.client, records.iter_mut().collect()).await > 0
            && let Some(record) = records.iter().find(|record| !record.partial.is_empty())
        {
            self.doubts.add(Arc::clone(&record.id.id), "could not be read with all its members and owners");
        }
        steps.extend(records.into_iter().map(|record| Ok(Read::Record(record))));
        Ok(steps)
    }

    /// Where something is in doubt there is no next cursor, so that it is told again.
    fn end(self) -> Read {
        let Some((id, what)) = self.doubts.first else { return Read::complete_at(self.next) };
        let plural = self.table.place.plural;
        let others = match self.doubts.count {
            1 => String::new(),
            count => format!(" ({} more of the {plural} like it)", count - 1),
        };
        Read::partial(format!("of the {plural} that changed, {id} {what}{others}"))
    }
}
