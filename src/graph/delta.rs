//! What has changed since last time: delta queries.

use std::fmt;
use std::marker::PhantomData;

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use http::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use url::Url;

use crate::error::{Error, ErrorKind, Result};
use crate::graph::page::Track;
use crate::graph::send::{Outgoing, decode, wrong_shape};
use crate::graph::word::words;
use crate::graph::{Call, DirectoryObject, DirectoryObjectId, GraphClient};
use crate::odata;

/// The most objects that one query may be narrowed to.
const MAX_IDS: usize = 50;

/// What ends the name of a relation in a change.
const SUFFIX: &str = "@delta";

/// Where the next round begins. Kept as text; opaque, and good for seven days.
///
/// See [delta query](https://learn.microsoft.com/graph/delta-query-overview).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeltaCursor(String);

/// One change.
///
/// What is told is how things are now, not what was done: told twice, or in another order, it comes to the same. Graph
/// repeats itself, within a round and from one to the next.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Delta<T> {
    /// An object that is new, restored or changed. It has what was selected and is set, and may have more; what was
    /// cleared is null; after [`minimal`](DeltaQuery::minimal), what has not changed is absent.
    Record(T),
    /// An object that is gone. Told of some that were never told before, too.
    Deleted {
        /// Its id.
        id: DirectoryObjectId,
        /// How far gone.
        removal: Removal,
    },
    /// An object that has come into a relation, such as a group's members.
    Linked {
        /// Whose relation.
        id: DirectoryObjectId,
        /// Such as `members`, `owners` or `manager`.
        relation: String,
        /// Who has come in.
        object: DirectoryObject,
    },
    /// An object that has left a relation.
    Unlinked {
        /// Whose relation.
        id: DirectoryObjectId,
        /// Such as `members`, `owners` or `manager`.
        relation: String,
        /// Who has left.
        object: DirectoryObjectId,
    },
    /// The round is complete. Without it, something may be missing.
    End(DeltaCursor),
}

words! {
    /// How far gone a deleted object is.
    Removal {
        /// In the recycle bin, and may be restored.
        Deleted = "changed",
        /// For ever.
        Purged = "deleted",
    }
}

/// A round of changes, read page by page as it is consumed.
///
/// # Errors
///
/// The stream ends with its first error, and the round must then begin again from the same cursor.
/// [`GraphClass::ResyncRequired`](super::GraphClass::ResyncRequired) says that the cursor is no longer good, and that
/// everything must be read anew. [`ErrorKind::Protocol`] if a link leaves the configured host or goes in a circle, or
/// if a round ends without the cursor of the next.
///
/// # Examples
///
/// ```no_run
/// use entrant::graph::Delta;
/// use futures::TryStreamExt;
///
/// # async fn example(graph: entrant::graph::GraphClient) -> entrant::Result<()> {
/// let mut changes = graph.users().delta().select(["displayName", "accountEnabled"]).changes();
/// while let Some(change) = changes.try_next().await? {
///     match change {
///         Delta::Record(user) => println!("{:?} is {:?}", user.id, user.display_name),
///         Delta::Deleted { id, .. } => println!("{id} is gone"),
///         Delta::End(cursor) => println!("to be kept: {}", cursor.as_str()),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// See [delta query](https://learn.microsoft.com/graph/delta-query-overview).
#[must_use = "changes are read as their stream is consumed"]
pub struct DeltaQuery<T> {
    client: GraphClient,
    /// `users` or `groups`.
    collection: &'static str,
    call: Call,
    since: Option<DeltaCursor>,
    /// Something was asked for that only the first round can be asked.
    is_first: bool,
    items: PhantomData<fn() -> T>,
}

#[derive(Deserialize)]
struct RawPage {
    value: Vec<Map<String, Json>>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    delta: Option<String>,
}

impl DeltaCursor {
    /// Takes a cursor that was kept as text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text to keep.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DeltaCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Long, and nothing for people.
        f.write_str("DeltaCursor(…)")
    }
}

impl<T: DeserializeOwned> DeltaQuery<T> {
    pub(super) fn new(client: GraphClient, collection: &'static str) -> Self {
        let call = Call::new(client.clone(), Method::GET, Ok(format!("/{collection}/delta")));
        Self { client, collection, call, since: None, is_first: false, items: PhantomData }
    }

    /// Asks for the changes since then. What was selected in the first round stays selected.
    pub fn since(mut self, cursor: DeltaCursor) -> Self {
        self.since = Some(cursor);
        self
    }

    /// Watches these properties and no others (`$select`); relations are named like properties: `members`, `manager`.
    pub fn select<S: AsRef<str>>(self, properties: impl IntoIterator<Item = S>) -> Self {
        self.first(|call| call.select(properties))
    }

    /// Watches these objects and no others; up to 50.
    pub fn only<I: Into<DirectoryObjectId>>(self, ids: impl IntoIterator<Item = I>) -> Self {
        let ids: Vec<DirectoryObjectId> = ids.into_iter().map(Into::into).collect();
        if ids.is_empty() || ids.len() > MAX_IDS {
            let error = Error::new(ErrorKind::Invalid, "a delta query is narrowed to 1 to 50 objects")
                .with_context("objects", ids.len());
            return self.first(|call| call.refused(error));
        }
        let conditions: Vec<_> = ids.iter().map(|id| format!("id eq {}", odata::literal(id.as_str()))).collect();
        self.first(|call| call.query("$filter", conditions.join(" or ")))
    }

    /// Asks for a cursor only: for what changes from now on.
    pub fn latest(self) -> Self {
        self.first(|call| call.query("$deltatoken", "latest"))
    }

    /// Asks for changed objects with no more than what has changed.
    pub fn minimal(mut self) -> Self {
        self.call = self.call.header("Prefer", "return=minimal");
        self
    }

    /// Reads each record as `U`.
    pub fn items_as<U: DeserializeOwned>(self) -> DeltaQuery<U> {
        let Self { client, collection, call, since, is_first, items: _ } = self;
        DeltaQuery { client, collection, call, since, is_first, items: PhantomData }
    }

    fn first(mut self, change: impl FnOnce(Call) -> Call) -> Self {
        self.is_first = true;
        self.call = change(self.call);
        self
    }

    fn start(self) -> Result<(GraphClient, Outgoing)> {
        let (client, mut outgoing) = self.call.into_outgoing()?;
        if let Some(cursor) = &self.since {
            if self.is_first {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    "only the first round says what is watched, not one since a cursor",
                ));
            }
            outgoing.url = client.cursor(cursor, self.collection)?;
        }
        Ok((client, outgoing))
    }
}

impl<T: DeserializeOwned + Send + 'static> DeltaQuery<T> {
    /// The changes, one after the other, and the cursor of the next round as the last. Boxed, so that `try_next` works
    /// on it as it is.
    ///
    /// # Cancellation
    ///
    /// A stream that is dropped has changed nothing; the round can be read again from its cursor.
    pub fn changes(self) -> BoxStream<'static, Result<Delta<T>>> {
        let state = match self.start() {
            Ok((client, outgoing)) => {
                let track = Track::begin(&outgoing.url);
                Ok(Some((client, outgoing, track)))
            }
            Err(error) => Err(error),
        };
        let pages = stream::once(async move { state }).map_ok(|state| {
            stream::try_unfold(state, |state| async move {
                let Some((client, outgoing, mut track)) = state else {
                    return Ok(None);
                };
                let named = |error: Error| error.with_context("request", outgoing.name());
                let answer = client.send(&outgoing).await?;
                let page: RawPage = decode(answer.body()).map_err(named)?;
                let is_empty = page.value.is_empty();
                let mut changes = Vec::with_capacity(page.value.len() + 1);
                for item in page.value {
                    take_apart(item, &mut changes).map_err(named)?;
                }
                let next = match (page.next, page.delta) {
                    (Some(next), None) => {
                        let url = client.followed(&next).map_err(named)?;
                        track.go_on(&url, is_empty).map_err(named)?;
                        Some((client, Outgoing { url, ..outgoing }, track))
                    }
                    (None, Some(link)) => {
                        client.followed(&link).map_err(named)?;
                        changes.push(Delta::End(DeltaCursor(link)));
                        None
                    }
                    (Some(_), Some(_)) | (None, None) => {
                        let message =
                            "a page of changes has a link to the next page or to the next round, and not both";
                        return Err(named(Error::new(ErrorKind::Protocol, message)));
                    }
                };
                Ok(Some((stream::iter(changes.into_iter().map(Ok)), next)))
            })
        });
        pages.try_flatten().try_flatten().boxed()
    }
}

impl<T> fmt::Debug for DeltaQuery<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeltaQuery").field("call", &self.call).field("since", &self.since).finish_non_exhaustive()
    }
}

/// Makes changes of one item of a page.
fn take_apart<T: DeserializeOwned>(item: Map<String, Json>, changes: &mut Vec<Delta<T>>) -> Result<()> {
    let id = id_of(&item)?;
    if let Some(removal) = removal_of(&item) {
        changes.push(Delta::Deleted { id, removal });
        return Ok(());
    }
    let mut record = Map::with_capacity(item.len());
    let mut links = Vec::new();
    for (name, value) in item {
        match name.strip_suffix(SUFFIX) {
            Some(relation) => links.push((relation.to_owned(), value)),
            None => {
                record.insert(name, value);
            }
        }
    }
    // The further slices of a large relation may come with nothing but the id.
    let says_more = record.keys().any(|name| name != "id" && !name.starts_with('@'));
    if says_more || links.is_empty() {
        changes.push(Delta::Record(serde_json::from_value(Json::Object(record)).map_err(|error| wrong_shape(&error))?));
    }
    for (relation, value) in links {
        let objects: Vec<Map<String, Json>> = serde_json::from_value(value).map_err(|error| wrong_shape(&error))?;
        for object in objects {
            let (id, relation) = (id.clone(), relation.clone());
            changes.push(match removal_of(&object) {
                Some(_) => Delta::Unlinked { id, relation, object: id_of(&object)? },
                None => {
                    let object = serde_json::from_value(Json::Object(object)).map_err(|error| wrong_shape(&error))?;
                    Delta::Linked { id, relation, object }
                }
            });
        }
    }
    Ok(())
}

fn id_of(item: &Map<String, Json>) -> Result<DirectoryObjectId> {
    match item.get("id") {
        Some(Json::String(id)) if !id.is_empty() => Ok(DirectoryObjectId::new(id.as_str())),
        _ => Err(Error::new(ErrorKind::Protocol, "a change does not say of which object")),
    }
}

/// How far gone it is, if it is. What is marked as removed and does not say how is not kept.
fn removal_of(item: &Map<String, Json>) -> Option<Removal> {
    let removed = item.get("@removed").filter(|removed| !removed.is_null())?;
    let reason = removed["reason"].as_str().unwrap_or_default();
    Some(Removal::from(reason.to_owned()))
}

impl GraphClient {
    /// The address that a cursor stands for, if it is one of this collection at the configured host.
    fn cursor(&self, cursor: &DeltaCursor, collection: &str) -> Result<Url> {
        let wrong = || {
            Error::new(ErrorKind::Invalid, "the cursor is not one of these changes at this tenant's host")
                .with_context("expected", format_args!("{collection}/delta"))
        };
        let url = self.followed(cursor.as_str()).map_err(|_| wrong())?;
        let rest = url.path().strip_prefix(self.root().path()).ok_or_else(wrong)?.to_ascii_lowercase();
        let function = rest.strip_prefix(collection).and_then(|rest| rest.strip_prefix('/')).ok_or_else(wrong)?;
        let function = function.strip_prefix("microsoft.graph.").unwrap_or(function);
        if matches!(function, "delta" | "delta()") && url.query().is_some() { Ok(url) } else { Err(wrong()) }
    }
}
