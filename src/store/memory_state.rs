//! A state that is forgotten when the program ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use time::OffsetDateTime;

use super::{Batch, Lease, State, StateOperation, Table};
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};

/// A [`State`] in memory: the reference implementation, for tests and trials.
///
/// Everything in it is gone when the last clone is dropped, ownership of accounts included: for real use take a state
/// that lasts. Clones share what they hold.
///
/// # Examples
///
/// ```
/// use entrant::store::{Batch, MemoryState, State, Table};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> entrant::Result<()> {
/// let state = MemoryState::new();
/// let lease = state.lease("default", Duration::from_secs(60)).await?.expect("nobody else holds it");
/// let mut batch = Batch::new();
/// batch.put(Table::Links, "ada", "7");
/// state.commit(&lease, batch).await?;
/// assert_eq!(state.get(Table::Links, b"ada").await?, Some(b"7".to_vec()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct MemoryState {
    clock: Arc<dyn Clock>,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    tables: BTreeMap<Table, BTreeMap<Vec<u8>, Vec<u8>>>,
    leases: BTreeMap<Arc<str>, Holder>,
    commits: u64,
    failing_commits: BTreeSet<u64>,
}

#[derive(Debug)]
struct Holder {
    fence: u64,
    /// `None` after it was given back; the fence stays, so that the next is higher.
    expires: Option<OffsetDateTime>,
}

impl MemoryState {
    /// An empty state that dates leases by the machine's clock.
    #[must_use]
    pub fn new() -> Self {
        Self { clock: Arc::new(SystemClock::new()), shared: Arc::default() }
    }

    /// Dates leases by another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Makes the `nth` commit from now fail with [`ErrorKind::Store`] and write nothing; 1 is the next.
    ///
    /// For tests of what depends on a state.
    pub fn fail_commit(&self, nth: u64) {
        let mut shared = self.lock();
        let number = shared.commits.saturating_add(nth);
        shared.failing_commits.insert(number);
    }

    /// How many commits were asked for.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.lock().commits
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryState {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl State for MemoryState {
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let shared = self.lock();
        Ok(shared.tables.get(&table).and_then(|rows| rows.get(key)).cloned())
    }

    fn scan(&self, table: Table, prefix: &[u8]) -> BoxStream<'_, Result<(Vec<u8>, Vec<u8>)>> {
        let found: Vec<_> = match self.lock().tables.get(&table) {
            Some(rows) => rows
                .range(prefix.to_vec()..)
                .take_while(|(key, _)| key.starts_with(prefix))
                .map(|(key, value)| Ok((key.clone(), value.clone())))
                .collect(),
            None => Vec::new(),
        };
        stream::iter(found).boxed()
    }

    async fn commit(&self, lease: &Lease, batch: Batch) -> Result<()> {
        let mut shared = self.lock();
        let number = shared.commits.saturating_add(1);
        shared.commits = number;
        if shared.failing_commits.remove(&number) {
            return Err(Error::new(ErrorKind::Store, "the state was told to fail").with_context("commit", number));
        }
        if !shared.holds(lease) {
            return Err(lease_lost(lease));
        }
        for operation in batch.operations {
            match operation {
                StateOperation::Put { table, key, value } => {
                    shared.tables.entry(table).or_default().insert(key, value);
                }
                StateOperation::Remove { table, key } => {
                    shared.tables.entry(table).or_default().remove(&key);
                }
            }
        }
        Ok(())
    }

    async fn lease(&self, name: &str, ttl: Duration) -> Result<Option<Lease>> {
        let now = self.clock.now();
        let mut shared = self.lock();
        let name: Arc<str> = name.into();
        let holder = shared.leases.entry(Arc::clone(&name)).or_insert(Holder { fence: 0, expires: None });
        if holder.expires.is_some_and(|expires| expires > now) {
            return Ok(None);
        }
        let expires = lease_end(now, ttl);
        holder.fence = holder.fence.checked_add(1).ok_or_else(fences_used_up)?;
        holder.expires = Some(expires);
        Ok(Some(Lease::new(name, holder.fence, expires)))
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Option<Lease>> {
        let expires = lease_end(self.clock.now(), ttl);
        let mut shared = self.lock();
        if !shared.holds(lease) {
            return Ok(None);
        }
        if let Some(holder) = shared.leases.get_mut(&lease.name) {
            holder.expires = Some(expires);
        }
        Ok(Some(Lease::new(Arc::clone(&lease.name), lease.fence, expires)))
    }

    async fn release(&self, lease: Lease) -> Result<()> {
        let mut shared = self.lock();
        if shared.holds(&lease)
            && let Some(holder) = shared.leases.get_mut(&lease.name)
        {
            holder.expires = None;
        }
        Ok(())
    }
}

impl Shared {
    /// Whether this is the latest lease of its name and was not given back. One that ran out still counts: what
    /// matters is that nobody else has it.
    fn holds(&self, lease: &Lease) -> bool {
        self.leases.get(&lease.name).is_some_and(|holder| holder.fence == lease.fence && holder.expires.is_some())
    }
}

/// When a lease taken now for `ttl` runs out; never, if that is beyond what a date can say.
pub(crate) fn lease_end(now: OffsetDateTime, ttl: Duration) -> OffsetDateTime {
    time::Duration::try_from(ttl)
        .ok()
        .and_then(|ttl| now.checked_add(ttl))
        .unwrap_or(time::Date::MAX.midnight().assume_utc())
}

/// The error of a commit under a lease that is no longer held.
pub(crate) fn lease_lost(lease: &Lease) -> Error {
    Error::new(ErrorKind::Leased, "another run took over the lease, or it was given back: nothing was written")
        .with_context("lease", &lease.name)
        .with_context("fence", lease.fence)
}

/// The error when no higher fence can be given out.
pub(crate) fn fences_used_up() -> Error {
    Error::new(ErrorKind::Store, "no higher fence can be given to a lease")
}
