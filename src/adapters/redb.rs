//! What jobs remember, in one crash-safe file.

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use redb::{ConcurrencyMode, Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use time::OffsetDateTime;

use super::blocking::{blocking, blocking_stream};
use super::private_file;
use crate::clock::{Clock, SystemClock};
use crate::error::{BoxError, Error, ErrorKind, Result};
use crate::store::{Batch, Lease, State, StateOperation, Table, fences_used_up, lease_end, lease_lost};

const VERSION: u64 = 1;
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("entrant");
const VERSION_KEY: &str = "version";
/// A state that is damaged cannot be mended, and an empty one in its place knows nobody: what was created would be taken
/// for somebody else's.
const UNOPENED: &str = "cannot open the state; if its file is damaged, put a backup of it back";
const UNREAD: &str = "cannot read the state; if its file is damaged, put a backup of it back";
/// By name: the last fence given out, and when that lease ends in nanoseconds of Unix time; none if it was given back.
const LEASES: TableDefinition<'_, &str, (u64, Option<i128>)> = TableDefinition::new("leases");

/// A [`State`] in one file, crash-safe.
///
/// The file is created readable by its owner only; it holds personal data. Several processes may have it open, and the
/// lease decides which of them writes; that needs byte-range locks, which Linux, macOS and Windows have on local
/// disks. Every commit is on the disk when it returns. A file that is damaged, empty, or of another version is an
/// error and stays as it is. Clones share the file.
///
/// # Examples
///
/// ```
/// use entrant::adapters::RedbState;
/// use entrant::store::{State, Table};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let state = RedbState::open(directory.path().join("entrant.redb"))?;
/// assert_eq!(state.get(Table::Links, b"ada").await?, None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedbState {
    path: Arc<Path>,
    database: Arc<Database>,
    clock: Arc<dyn Clock>,
}

impl RedbState {
    /// Opens a file, or makes it.
    ///
    /// An existing file is read through once to see whether it is whole.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`] if the file cannot be opened or made, is damaged, or was not written by this version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let open = || -> Result<Database, Fault> {
            if !path.try_exists()? {
                make(path)?;
            }
            let mut builder = Database::builder();
            builder.set_concurrency_mode(ConcurrencyMode::MultiWriter).set_check_integrity_on_open(true);
            // The check promises an error where a plain open may panic; the catch is for what it misses.
            let database = catch_unwind(AssertUnwindSafe(|| builder.open(path)))
                .map_err(|_| Fault::from("the file is damaged"))??;
            check_version(&database)?;
            Ok(database)
        };
        let database = open().map_err(|fault| fault.of(path, UNOPENED))?;
        Ok(Self { path: path.into(), database: Arc::new(database), clock: Arc::new(SystemClock::new()) })
    }

    /// Dates leases by another clock than the machine's.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        let database = Arc::clone(&self.database);
        let path = Arc::clone(&self.path);
        blocking(move || {
            let run = || -> Result<T, Fault> {
                let mut transaction = database.begin_write()?;
                transaction.set_durability(Durability::Immediate)?;
                // Dropping the transaction on an error takes back what it wrote.
                let answer = work(&transaction)?;
                transaction.commit()?;
                Ok(answer)
            };
            run().map_err(|fault| fault.of(&path, "cannot write the state"))
        })
        .await
    }
}

impl fmt::Debug for RedbState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbState").field("path", &self.path).finish_non_exhaustive()
    }
}

#[async_trait]
impl State for RedbState {
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let database = Arc::clone(&self.database);
        let path = Arc::clone(&self.path);
        let key = key.to_vec();
        blocking(move || {
            let run = || -> Result<Option<Vec<u8>>, Fault> {
                let rows = database.begin_read()?.open_table(definition(table))?;
                Ok(rows.get(key.as_slice())?.map(|value| value.value().to_vec()))
            };
            run().map_err(|fault| fault.of(&path, UNREAD))
        })
        .await
    }

    fn scan(&self, table: Table, prefix: &[u8]) -> BoxStream<'_, Result<(Vec<u8>, Vec<u8>)>> {
        let database = Arc::clone(&self.database);
        let path = Arc::clone(&self.path);
        let prefix = prefix.to_vec();
        blocking_stream(move |feed| {
            let mut run = || -> Result<(), Fault> {
                let rows = database.begin_read()?.open_table(definition(table))?;
                for row in rows.range(prefix.as_slice()..)? {
                    let (key, value) = row?;
                    let wanted = key.value().starts_with(&prefix);
                    if !wanted || feed.push((key.value().to_vec(), value.value().to_vec())) == ControlFlow::Break(()) {
                        break;
                    }
                }
                Ok(())
            };
            run().map_err(|fault| fault.of(&path, UNREAD))
        })
    }

    async fn commit(&self, lease: &Lease, batch: Batch) -> Result<()> {
        let lease = lease.clone();
        self.write(move |transaction| {
            if !holds(transaction, &lease)? {
                return Err(Fault::Known(lease_lost(&lease)));
            }
            for operation in batch.operations {
                match operation {
                    StateOperation::Put { table, key, value } => {
                        let mut rows = transaction.open_table(definition(table))?;
                        rows.insert(key.as_slice(), value.as_slice())?;
                    }
                    StateOperation::Remove { table, key } => {
                        transaction.open_table(definition(table))?.remove(key.as_slice())?;
                    }
                }
            }
            Ok(())
        })
        .await
    }

    async fn lease(&self, name: &str, ttl: Duration) -> Result<Option<Lease>> {
        let clock = Arc::clone(&self.clock);
        let name: Arc<str> = name.into();
        self.write(move |transaction| {
            let now = clock.now();
            let mut leases = transaction.open_table(LEASES)?;
            let (last, ends) = leases.get(&*name)?.map_or((0, None), |row| row.value());
            if ends.is_some_and(|ends| ends > now.unix_timestamp_nanos()) {
                return Ok(None);
            }
            let fence = last.checked_add(1).ok_or_else(|| Fault::Known(fences_used_up()))?;
            let expires = lease_end(now, ttl);
            leases.insert(&*name, (fence, Some(expires.unix_timestamp_nanos())))?;
            Ok(Some(Lease::new(Arc::clone(&name), fence, expires)))
        })
        .await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Option<Lease>> {
        let clock = Arc::clone(&self.clock);
        let lease = lease.clone();
        self.write(move |transaction| {
            if !holds(transaction, &lease)? {
                return Ok(None);
            }
            let expires: OffsetDateTime = lease_end(clock.now(), ttl);
            let mut leases = transaction.open_table(LEASES)?;
            leases.insert(&*lease.name, (lease.fence, Some(expires.unix_timestamp_nanos())))?;
            Ok(Some(Lease::new(lease.name, lease.fence, expires)))
        })
        .await
    }

    async fn release(&self, lease: Lease) -> Result<()> {
        self.write(move |transaction| {
            if holds(transaction, &lease)? {
                transaction.open_table(LEASES)?.insert(&*lease.name, (lease.fence, None))?;
            }
            Ok(())
        })
        .await
    }
}

/// Whether this is the latest lease of its name and was not given back.
fn holds(transaction: &WriteTransaction, lease: &Lease) -> Result<bool, Fault> {
    let leases = transaction.open_table(LEASES)?;
    let row = leases.get(&*lease.name)?;
    Ok(row.is_some_and(|row| {
        let (fence, ends) = row.value();
        fence == lease.fence && ends.is_some()
    }))
}

fn definition(table: Table) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(table.as_str())
}

/// Makes a new file beside the place and moves it there whole, so that a crash leaves no half of one, and an existing
/// file, also one that another process makes at this moment, is never written over.
fn make(path: &Path) -> Result<(), Fault> {
    let mut name = path.file_name().ok_or("the path names no file")?.to_owned();
    name.push(format!(".{}.new", uuid::Uuid::new_v4()));
    let new: PathBuf = path.with_file_name(name);
    let made = fill(&new).and_then(|()| match std::fs::hard_link(&new, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // A file system without links: the window between the look and the move is the best it can do.
        Err(_) if !path.try_exists()? => Ok(std::fs::rename(&new, path)?),
        linked => Ok(linked?),
    });
    let _ = std::fs::remove_file(&new);
    private_file::sync_directory(path);
    made
}

fn fill(path: &Path) -> Result<(), Fault> {
    drop(private_file::create(path)?);
    let mut builder = Database::builder();
    builder.set_concurrency_mode(ConcurrencyMode::MultiWriter);
    let transaction = builder.create(path)?.begin_write()?;
    transaction.open_table(META)?.insert(VERSION_KEY, VERSION)?;
    transaction.open_table(LEASES)?;
    for table in Table::ALL {
        transaction.open_table(definition(*table))?;
    }
    Ok(transaction.commit()?)
}

fn check_version(database: &Database) -> Result<(), Fault> {
    let meta = match database.begin_read()?.open_table(META) {
        Ok(meta) => meta,
        Err(redb::TableError::Storage(error)) => return Err(error.into()),
        Err(_) => return Err("the file is a database of something else".into()),
    };
    match meta.get(VERSION_KEY)?.map(|version| version.value()) {
        Some(VERSION) => Ok(()),
        Some(other) => Err(Fault::Known(
            Error::new(ErrorKind::Store, "the state was written by another version of the program")
                .with_context("format", other)
                .with_context("known", VERSION),
        )),
        None => Err("the file does not say of which version it is".into()),
    }
}

/// What can go wrong inside a transaction.
enum Fault {
    /// An error as it shall be seen.
    Known(Error),
    Cause(BoxError),
}

impl Fault {
    fn of(self, path: &Path, message: &'static str) -> Error {
        match self {
            Self::Known(error) => error,
            Self::Cause(cause) => Error::new(ErrorKind::Store, message).with_source(cause),
        }
        .with_context("file", path.display())
    }
}

impl<E: Into<BoxError>> From<E> for Fault {
    fn from(cause: E) -> Self {
        Self::Cause(cause.into())
    }
}
