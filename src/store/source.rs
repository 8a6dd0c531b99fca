//! What is read: people and groups, from any store.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use serde::{Deserialize, Serialize};

use super::heed::heeded;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Class, Completeness, Filter, Name, ObjectId, Origin, Record};

/// A store that can be read.
///
/// A read yields what the store holds when it is asked, in any order; two reads may differ. Cancelling (dropping the
/// stream or future) leaves nothing behind. Nothing is written.
#[async_trait]
pub trait Source: fmt::Debug + Send + Sync + 'static {
    /// A short name for plans and logs, such as `hr`.
    fn name(&self) -> &str;

    /// What the store is and can do. Asked before calling.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    /// Looks objects up by id: one answer for each id, in the order asked.
    ///
    /// That an object is not there is an answer ([`Lookup::None`]), not an error; that nobody can say now, such as while a
    /// file is missing, is an error. Called only where [`Capabilities::get`] says so. Before a job takes somebody for gone
    /// by it alone, it makes sure that anybody is there: unless others are found too, it [reads](Self::read) up to the
    /// first object of the class, without selecting any attributes.
    async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        let _ = ids;
        Err(Error::new(ErrorKind::Unsupported, "the store cannot look objects up by id")
            .with_context("store", self.name()))
    }

    /// Reads a class: records, then one [`Read::End`] that says whether that was all.
    ///
    /// Only objects of the query's [`class`](Query::class) are yielded, each under an id of its own that stays the same;
    /// an object of another class ends the read, and one with a blank id is taken for unreadable.
    ///
    /// A stream that ends without [`Read::End`], or with an error, counts as partial: what was not in it is not taken
    /// for gone. A store may apply `query.filter` and `query.select` or yield more; the caller checks again. It must not
    /// yield less: of an id that it yields it yields all records, and what it cannot test as
    /// [`Filter::matches`] does it leaves to the caller.
    ///
    /// # Changes
    ///
    /// A store that keeps track of changes ends a whole read with a cursor where [`Query::wants_cursor`] asks for one,
    /// and then reads what changed [since](Query::since) it:
    ///
    /// - The cursor of a whole read stands for a moment before the first record was read, so that what changes while
    ///   it is read is told next time.
    /// - A read since a cursor yields of each object that changed the record as it is now, whole, with all that
    ///   `select` asks for, or [`Read::Deleted`] once it is gone; in any order, more than once, and objects that did
    ///   not change too. `filter` is left to the caller: what no longer passes it has changed as well.
    /// - It ends with the next cursor. What it does not yield is not taken for gone, and not for unchanged either
    ///   unless it is complete.
    /// - The same cursor may be read from again.
    /// - A cursor that is too old, or that another store, class or selection gave, fails with
    ///   [`ErrorKind::CursorExpired`], before or after some of the changes, and the caller reads everything anew.
    ///
    /// A store that keeps no track of changes never yields a cursor, and need not look at `since`: to read it all is
    /// more than was asked for. A cursor may be missing for once, too; then the next read is a whole one.
    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>>;
}

/// What a store is and can do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// What [`Source::get`] can say.
    pub get: GetSupport,
    /// Whether an attribute that a record lacks is empty in the store (as in LDAP), rather than not delivered.
    pub absent_is_empty: bool,
    /// The tenant that the store is, where it is one: a link set belongs to one tenant only.
    pub tenant: Option<Cow<'static, str>>,
    /// Whether writes are let through. Asked before every apply.
    pub writes: Access,
    /// Whether deleted objects can be sought with [`Target::deleted`](super::Target::deleted).
    pub recycle_bin: bool,
    /// Whether objects can be sought by attribute with [`Target::find`](super::Target::find).
    pub find: bool,
    /// Whether each call of [`Target::write`](super::Target::write) costs as much as all that the store holds, such as a
    /// file that is replaced as a whole: it is called a few times in a run then, however many changes there are.
    pub rewrites: bool,
}

impl Capabilities {
    /// Says what [`Source::get`] can say.
    #[must_use]
    pub fn with_get(mut self, get: GetSupport) -> Self {
        self.get = get;
        self
    }

    /// Takes what a record lacks for empty.
    #[must_use]
    pub fn with_absent_is_empty(mut self) -> Self {
        self.absent_is_empty = true;
        self
    }

    /// Names the tenant that the store is.
    #[must_use]
    pub fn with_tenant(mut self, tenant: impl Into<Cow<'static, str>>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Says whether writes are let through.
    #[must_use]
    pub fn with_writes(mut self, writes: Access) -> Self {
        self.writes = writes;
        self
    }

    /// Says that deleted objects can be sought.
    #[must_use]
    pub fn with_recycle_bin(mut self) -> Self {
        self.recycle_bin = true;
        self
    }

    /// Says that objects can be sought by attribute.
    #[must_use]
    pub fn with_find(mut self) -> Self {
        self.find = true;
        self
    }

    /// Says that each call of [`Target::write`](super::Target::write) costs as much as all that the store holds.
    #[must_use]
    pub fn with_rewrites(mut self) -> Self {
        self.rewrites = true;
        self
    }
}

/// What looking an object up by id can say, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum GetSupport {
    /// The store cannot be asked by id.
    #[default]
    Unsupported,
    /// It can; that it finds nothing proves nothing (a cache, an index that lags).
    Found,
    /// It can, and what it does not find is not there.
    Authoritative,
}

/// Whether a store lets writes through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Access {
    /// It does.
    #[default]
    Allowed,
    /// It does not, for this reason, which also says what to do.
    Refused(Cow<'static, str>),
}

/// What to read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Query {
    /// Objects of this class.
    pub class: Class,
    /// Only those for which this holds.
    pub filter: Option<Filter>,
    /// At least these attributes; all that the store has if `None`.
    pub select: Option<Arc<[Name]>>,
    /// Only what changed since, as one of the store's own ends said it. See [`Source::read`].
    pub since: Option<Cursor>,
    /// Whether a whole read ends with a cursor, if the store keeps track of changes; it may cost a request or some
    /// memory. A read [`since`](Self::since) a cursor ends with one in any case.
    pub wants_cursor: bool,
}

impl Query {
    /// The whole class.
    #[must_use]
    pub fn all(class: Class) -> Self {
        Self { class, filter: None, select: None, since: None, wants_cursor: false }
    }

    /// Narrows it down.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Names the attributes that are needed.
    #[must_use]
    pub fn with_select(mut self, select: impl IntoIterator<Item = Name>) -> Self {
        self.select = Some(select.into_iter().collect());
        self
    }

    /// Asks for a cursor at the end.
    #[must_use]
    pub fn with_cursor(mut self) -> Self {
        self.wants_cursor = true;
        self
    }

    /// Asks for what changed since only.
    #[must_use]
    pub fn with_since(mut self, cursor: Cursor) -> Self {
        self.since = Some(cursor);
        self
    }
}

/// Where a read of changes goes on. Opaque to everyone but the store that made it.
///
/// It opens nothing for somebody who cannot read the store anyway. It may say which objects somebody looks at, and is
/// kept as carefully as the rest of a job's state; the debug form does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(Box<str>);

impl Cursor {
    /// A cursor by the store's own text.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The store's own text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Long, and nothing for people.
        f.write_str("Cursor(…)")
    }
}

/// One step of a read.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Read {
    /// An object.
    Record(Record),
    /// An object that is there and cannot be read, such as a row with too few fields: it is acted on by nobody, and
    /// it shares its id with no other. The read is partial, whatever its end says.
    Unreadable {
        /// Which object.
        id: ObjectId,
        /// Where it stands.
        origin: Origin,
        /// What is wrong with it, in one line.
        reason: String,
    },
    /// An object that was deleted since the cursor, and is gone. It may be one that was never read before.
    Deleted(ObjectId),
    /// The end, always the last step.
    End {
        /// Whether that was all.
        completeness: Completeness,
        /// Where to go on next time, if the store keeps track of changes and was asked. Only a complete read has one.
        cursor: Option<Cursor>,
    },
}

impl Read {
    /// The end of a read that yielded all there is.
    #[must_use]
    pub fn complete() -> Self {
        Self::End { completeness: Completeness::Complete, cursor: None }
    }

    /// The end of a read that yielded all there is, and where to go on next time.
    #[must_use]
    pub fn complete_at(cursor: Cursor) -> Self {
        Self::End { completeness: Completeness::Complete, cursor: Some(cursor) }
    }

    /// The read of a store that answers all at once: its records and the [end](Self::complete), or its error.
    ///
    /// What blocks, as a database in a file does, goes to a thread that may.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::store::{BoxStream, Query, Read};
    /// use entrant::{Error, Record, Result, Source, model::ObjectId};
    /// use tokio::task::spawn_blocking;
    ///
    /// #[derive(Debug)]
    /// struct UserTable;
    ///
    /// impl UserTable {
    ///     fn users(&self) -> Result<Vec<Record>> {
    ///         // SELECT …, with .map_err(Error::store)? where the database may fail
    ///         Ok(vec![Record::new(ObjectId::user("7")).with("name", "Ada").with("phone", None::<String>)])
    ///     }
    /// }
    ///
    /// impl Source for UserTable {
    ///     fn name(&self) -> &str {
    ///         "user table"
    ///     }
    ///
    ///     fn read(&self, _users: &Query) -> BoxStream<'_, Result<Read>> {
    ///         Read::whole(async { spawn_blocking(|| UserTable.users()).await.map_err(Error::store)? })
    ///     }
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # use entrant::{model::Class, store::SourceExt};
    /// # let (records, completeness) = UserTable.collect(&Query::all(Class::USER)).await;
    /// # assert!(records.len() == 1 && completeness.is_complete());
    /// # }
    /// ```
    pub fn whole<'a>(records: impl Future<Output = Result<Vec<Record>>> + Send + 'a) -> BoxStream<'a, Result<Self>> {
        let steps = |answer: Result<Vec<Record>>| match answer {
            Ok(records) => {
                stream::iter(records.into_iter().map(|record| Ok(Self::Record(record))).chain([Ok(Self::complete())]))
                    .left_stream()
            }
            Err(error) => stream::iter([Err(error)]).right_stream(),
        };
        stream::once(records).flat_map(steps).boxed()
    }

    /// The end of a read that broke off, and why.
    pub fn partial(reason: impl Into<String>) -> Self {
        Self::End { completeness: Completeness::Partial { reason: reason.into() }, cursor: None }
    }
}

/// How a read ended, by the step of it that is no object: whether that was all, and the text of the cursor. An error on
/// the way makes it partial, and so does a stream that stops without an end mark.
pub(crate) fn ended(step: Option<Result<Read>>) -> (Completeness, Option<String>) {
    match step {
        Some(Ok(Read::End { completeness, cursor })) => (completeness, cursor.map(|Cursor(text)| text.into_string())),
        Some(Err(error)) => (Completeness::Partial { reason: error.to_chain() }, None),
        _ => (
            Completeness::Partial {
                reason: "the read stopped without an end mark: Read::complete() says that it was all".to_owned(),
            },
            None,
        ),
    }
}

/// The answer for one id.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Lookup {
    /// There is none.
    None,
    /// There is one.
    One(Record),
    /// The store holds several under this id, which is a fault in its data.
    Many(Vec<Record>),
}

impl Lookup {
    /// The answer for what was found under one id.
    #[must_use]
    pub fn from_found(mut records: Vec<Record>) -> Self {
        match (records.pop(), records.is_empty()) {
            (None, _) => Self::None,
            (Some(record), true) => Self::One(record),
            (Some(record), false) => {
                records.push(record);
                Self::Many(records)
            }
        }
    }
}

/// What callers of a [`Source`] want beside the least that it implements.
#[async_trait]
pub trait SourceExt: Source {
    /// Reads a class into memory, with the word on whether that was all. An error on the way makes it partial. Deleted
    /// objects and the cursor are left out.
    async fn collect(&self, query: &Query) -> (Vec<Record>, Completeness) {
        let mut records = Vec::new();
        let mut stream = heeded(self, query);
        loop {
            match stream.next().await {
                Some(Ok(Read::Record(record))) => records.push(record),
                Some(Ok(Read::Deleted(_) | Read::Unreadable { .. })) => {}
                end => return (records, ended(end).0),
            }
        }
    }
}

impl<T: Source + ?Sized> SourceExt for T {}

macro_rules! forward_source {
    ($wrapper:ident) => {
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<T: Source + ?Sized> Source for $wrapper<T> {
            fn name(&self) -> &str {
                (**self).name()
            }

            fn capabilities(&self) -> Capabilities {
                (**self).capabilities()
            }

            async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
                (**self).get(ids).await
            }

            fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
                (**self).read(query)
            }
        }
    };
}

forward_source!(Arc);
forward_source!(Box);
