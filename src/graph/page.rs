//! Lists: page after page, as a stream.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::marker::PhantomData;

use futures::stream::{self, Stream, TryStreamExt};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::error::{Error, ErrorKind, Result};
use crate::graph::send::{Outgoing, decode};
use crate::graph::{Call, GraphClient};

/// Pages without items in a row after which a listing is given up. A page may be empty and not be the last.
const MAX_EMPTY_PAGES: u32 = 1_000;

/// Pages after which a listing is given up: a hundred times the largest directory.
const MAX_PAGES: usize = 1_000_000;

/// A list, read page by page as it is consumed.
///
/// # Errors
///
/// The stream ends with its first error, and what came before it is then a part of the list only. A listing is never
/// begun again silently: [`GraphClass::ExpiredPageToken`](super::GraphClass::ExpiredPageToken) says that it took too
/// long. [`ErrorKind::Protocol`] if a link to the next page leaves the configured host or goes in a circle.
///
/// See [paging](https://learn.microsoft.com/graph/paging).
#[must_use = "a list is read as its stream is consumed"]
pub struct List<T> {
    call: Call,
    top: Option<u16>,
    items: PhantomData<fn() -> T>,
}

/// One page of a list.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Page<T> {
    /// The page's items; there may be none on a page that is not the last.
    pub items: Vec<T>,
    /// How many items the whole list has; on the first page only, and only if asked for.
    pub count: Option<u64>,
}

#[derive(Deserialize)]
struct RawPage<T> {
    value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
    #[serde(rename = "@odata.count")]
    count: Option<u64>,
}

impl<T: DeserializeOwned> List<T> {
    pub(super) fn new(call: Call) -> Self {
        Self { call, top: None, items: PhantomData }
    }

    /// Asks for these properties and no others (`$select`).
    pub fn select<S: AsRef<str>>(self, properties: impl IntoIterator<Item = S>) -> Self {
        self.map(|call| call.select(properties))
    }

    /// Lets only these through (`$filter`). [`odata::filter_text`](crate::odata::filter_text) and
    /// [`odata::literal`](crate::odata::literal) help to write it.
    pub fn filter(self, filter: impl AsRef<str>) -> Self {
        self.map(|call| call.query("$filter", filter))
    }

    /// Asks for what a relation leads to, too (`$expand`); its options may stand in brackets: `manager($select=id)`.
    ///
    /// Graph expands 20 objects of each item at most, one level deep, and not in an advanced query.
    ///
    /// See [expand](https://learn.microsoft.com/graph/query-parameters#expand-parameter).
    pub fn expand(self, relation: impl AsRef<str>) -> Self {
        self.map(|call| call.expand(relation))
    }

    /// How many items a page has, 1 to 999 for users, groups and members.
    pub fn top(mut self, items: u16) -> Self {
        self.top = Some(items);
        self
    }

    /// Makes an advanced query of it, with a count on the first page.
    ///
    /// See [advanced queries](https://learn.microsoft.com/graph/aad-advanced-queries).
    pub fn advanced(self) -> Self {
        self.map(|call| call.query("$count", "true").header("ConsistencyLevel", "eventual"))
    }

    /// Adds another query option; the value is encoded here.
    pub fn query(self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.map(|call| call.query(name, value))
    }

    /// Adds a header, which is sent for every page.
    pub fn header(self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.map(|call| call.header(name, value))
    }

    /// Reads each item as `U`, straight from the page's text.
    pub fn items_as<U: DeserializeOwned>(self) -> List<U> {
        List { call: self.call, top: self.top, items: PhantomData }
    }

    fn map(mut self, change: impl FnOnce(Call) -> Call) -> Self {
        self.call = change(self.call);
        self
    }
}

impl<T: DeserializeOwned + Send + 'static> List<T> {
    /// The items, one after the other. Boxed, so that `try_next` works on it as it is.
    pub fn items(self) -> stream::BoxStream<'static, Result<T>> {
        let items = self.pages().map_ok(|page| stream::iter(page.items.into_iter().map(Ok))).try_flatten();
        Box::pin(items)
    }

    /// The pages as they come.
    pub fn pages(self) -> stream::BoxStream<'static, Result<Page<T>>> {
        let call = match self.top {
            Some(top) => self.call.query("$top", top.to_string()),
            None => self.call,
        };
        match call.into_outgoing() {
            Ok((client, outgoing)) => Box::pin(walk(client, outgoing)),
            Err(error) => Box::pin(stream::once(async move { Err(error) })),
        }
    }
}

impl<T> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").field("call", &self.call).finish_non_exhaustive()
    }
}

fn walk<T: DeserializeOwned + Send>(
    client: GraphClient,
    first: Outgoing,
) -> impl Stream<Item = Result<Page<T>>> + Send {
    let track = Track::begin(&first.url);
    stream::try_unfold(Some((client, first, track)), |state| async move {
        let Some((client, outgoing, mut track)) = state else {
            return Ok(None);
        };
        let named = |error: Error| error.with_context("request", outgoing.name());
        let answer = client.send(&outgoing).await?;
        let page: RawPage<T> = decode(answer.body()).map_err(named)?;
        let next = match &page.next {
            Some(link) => {
                let url = client.followed(link).map_err(named)?;
                track.go_on(&url, page.value.is_empty()).map_err(named)?;
                Some((client, Outgoing { url, ..outgoing }, track))
            }
            None => None,
        };
        let page = Page { items: page.value, count: page.count };
        Ok(Some((page, next)))
    })
}

/// Where a walk has been, so that it ends.
pub(super) struct Track {
    hasher: RandomState,
    seen: HashSet<u64>,
    empty: u32,
}

impl Track {
    pub(super) fn begin(url: &Url) -> Self {
        let hasher = RandomState::new();
        let seen = HashSet::from([hasher.hash_one(url)]);
        Self { hasher, seen, empty: 0 }
    }

    pub(super) fn go_on(&mut self, next: &Url, was_empty: bool) -> Result<()> {
        self.empty = if was_empty { self.empty + 1 } else { 0 };
        if !self.seen.insert(self.hasher.hash_one(next)) {
            return Err(Error::new(ErrorKind::Protocol, "the links from page to page go in a circle"));
        }
        if self.empty >= MAX_EMPTY_PAGES || self.seen.len() > MAX_PAGES {
            return Err(
                Error::new(ErrorKind::Protocol, "the list does not end").with_context("pages", self.seen.len() - 1)
            );
        }
        Ok(())
    }
}
