//! What a job remembers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use time::OffsetDateTime;

use crate::error::Result;

/// Everything that jobs remember: links, cursors, journal. A few tables of bytes by key, and leases.
///
/// One trait for a host's own database; the keys and values are the crate's own. They hold personal data (ids, and
/// values of attributes that matter for removals), and no secrets.
#[async_trait]
pub trait State: fmt::Debug + Send + Sync + 'static {
    /// The value under a key.
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// All keys that begin with `prefix`, with their values, in the order of the keys' bytes.
    ///
    /// It shows what was committed when it was called, or later.
    fn scan(&self, table: Table, prefix: &[u8]) -> BoxStream<'_, Result<(Vec<u8>, Vec<u8>)>>;

    /// Writes a batch: all of it or nothing, and durable when it returns.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Leased`](crate::ErrorKind::Leased), and nothing is written, if a lease of the same name with a
    /// higher fence was given out since, or the lease was released.
    async fn commit(&self, lease: &Lease, batch: Batch) -> Result<()>;

    /// Takes the lease of a name for `ttl`; `None` while another holds it.
    ///
    /// Each lease of a name has a higher fence than all before it, also over restarts.
    async fn lease(&self, name: &str, ttl: Duration) -> Result<Option<Lease>>;

    /// Who holds the lease of a name, in words for people, such as `process 4711 (provision)`; `None` if nobody does, or
    /// nobody knows.
    async fn holder(&self, name: &str) -> Result<Option<String>> {
        let _ = name;
        Ok(None)
    }

    /// Prolongs a lease to `ttl` from now; `None` if it was released or another was given since.
    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Option<Lease>>;

    /// Gives a lease back. That it is no longer held is no error.
    async fn release(&self, lease: Lease) -> Result<()>;
}

/// The tables of a [`State`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Table {
    /// What is known of a link set as a whole: format version, tenant.
    LinkSets,
    /// Who is whom, and who owns what.
    Links,
    /// What is being written.
    Journal,
    /// What was removed when, for the guards.
    Removals,
    /// What was given to whom, element by element: members, licences.
    Given,
    /// What is known of a job as a whole, such as that it was given up.
    Jobs,
    /// Writes that failed, for when they are tried again; and jobs that apply nothing until they are released.
    Quarantine,
    /// Where each mapping of a job goes on reading: cursors.
    Bookmarks,
    /// The source objects that a job is not done with: an incremental run looks at them again.
    Pending,
    /// Digests of the records of sources that keep no track of changes.
    Seen,
}

impl Table {
    /// All tables.
    pub const ALL: &[Table] = &[
        Table::LinkSets,
        Table::Links,
        Table::Journal,
        Table::Removals,
        Table::Given,
        Table::Jobs,
        Table::Quarantine,
        Table::Bookmarks,
        Table::Pending,
        Table::Seen,
    ];

    /// A name for use in a database: lower-case letters and `_`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LinkSets => "link_sets",
            Self::Links => "links",
            Self::Journal => "journal",
            Self::Removals => "removals",
            Self::Given => "given",
            Self::Jobs => "jobs",
            Self::Quarantine => "quarantine",
            Self::Bookmarks => "bookmarks",
            Self::Pending => "pending",
            Self::Seen => "seen",
        }
    }
}

/// Writes that belong together, carried out in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Batch {
    /// The writes.
    pub operations: Vec<StateOperation>,
}

/// One write of a [`Batch`]. Complete by definition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a key is set or removed; every State must handle both")]
pub enum StateOperation {
    /// Sets a key.
    Put {
        /// In this table.
        table: Table,
        /// The key.
        key: Vec<u8>,
        /// The value.
        value: Vec<u8>,
    },
    /// Removes a key, if it is there.
    Remove {
        /// From this table.
        table: Table,
        /// The key.
        key: Vec<u8>,
    },
}

impl Batch {
    /// Nothing to write.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key.
    pub fn put(&mut self, table: Table, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.operations.push(StateOperation::Put { table, key: key.into(), value: value.into() });
    }

    /// Removes a key.
    pub fn remove(&mut self, table: Table, key: impl Into<Vec<u8>>) {
        self.operations.push(StateOperation::Remove { table, key: key.into() });
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }
}

/// The right to write, for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// What is leased.
    pub name: Arc<str>,
    /// Higher than that of every earlier lease of the name.
    pub fence: u64,
    /// When another may take it.
    pub expires: OffsetDateTime,
}

impl Lease {
    /// A lease, as a [`State`] gives it out.
    pub fn new(name: impl Into<Arc<str>>, fence: u64, expires: OffsetDateTime) -> Self {
        Self { name: name.into(), fence, expires }
    }
}

macro_rules! forward_state {
    ($wrapper:ident) => {
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<T: State + ?Sized> State for $wrapper<T> {
            async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
                (**self).get(table, key).await
            }

            fn scan(&self, table: Table, prefix: &[u8]) -> BoxStream<'_, Result<(Vec<u8>, Vec<u8>)>> {
                (**self).scan(table, prefix)
            }

            async fn commit(&self, lease: &Lease, batch: Batch) -> Result<()> {
                (**self).commit(lease, batch).await
            }

            async fn lease(&self, name: &str, ttl: Duration) -> Result<Option<Lease>> {
                (**self).lease(name, ttl).await
            }

            async fn holder(&self, name: &str) -> Result<Option<String>> {
                (**self).holder(name).await
            }

            async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Option<Lease>> {
                (**self).renew(lease, ttl).await
            }

            async fn release(&self, lease: Lease) -> Result<()> {
                (**self).release(lease).await
            }
        }
    };
}

forward_state!(Arc);
forward_state!(Box);
