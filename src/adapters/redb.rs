//! What jobs remember, in one crash-safe file.

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use redb::{ConcurrencyMode, Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use time::OffsetDateTime;

use super::blocking::{blocking, blocking_stream};
use super::private_file::{self, Everybody};
use crate::clock::{Clock, SystemClock};
use crate::error::{BoxError, Error, ErrorKind, Result};
use crate::store::{Batch, Lease, State, StateOperation, Table, fences_used_up, lease_end, lease_lost};

/// The format of the file. An older one is brought up to date when it is opened: 2 knows who holds a lease, and has
/// tables that 1 lacks.
const VERSION: u64 = 2;
/// The oldest format that is read.
const OLDEST: u64 = 1;
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("entrant");
const VERSION_KEY: &str = "version";
/// A state that is damaged cannot be mended, and an empty one in its place knows nobody: what was created would be taken
/// for somebody else's.
const UNOPENED: &str = "cannot open the state; if its file is damaged, put a backup of it back";
const UNREAD: &str = "cannot read the state; if its file is damaged, put a backup of it back";
/// By name: the last fence given out, and when that lease ends in nanoseconds of Unix time; none if it was given back.
const LEASES: TableDefinition<'_, &str, (u64, Option<i128>)> = TableDefinition::new("leases");
/// By name: who was given the last lease, in words.
const HOLDERS: TableDefinition<'_, &str, &str> = TableDefinition::new("holders");
/// How long a write waits for another process in the middle of one before it says so, and each time again.
const IMPATIENT: Duration = Duration::from_secs(5);
/// After so long it gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A [`State`] in one file, crash-safe.
///
/// The file is created readable by its owner only; it holds personal data, and says what a job may take away: whoever can
/// write it can have accounts deleted. So one that everybody on the machine may write is refused, and of one that
/// everybody may read the log says so (on Unix; a file's group is the host's affair). Several processes may have it open, and the
/// lease decides which of them writes; that needs byte-range locks, which Linux, macOS and Windows have on local
/// disks. Every commit is on the disk when it returns. A file that is damaged, empty, or of a newer version is an
/// error and stays as it is; one of an older version is brought up to date when it is opened, after which older versions
/// refuse it. Clones share the file.
///
/// A write waits for another process that is in the middle of one, and says in the log for whom; after a minute it gives
/// up with [`ErrorKind::Leased`], naming the process. Such a wait is short unless that process was stopped, or its disk
/// hangs.
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
    patience: Duration,
}

impl RedbState {
    /// Opens a file, or makes it.
    ///
    /// An existing file is read through once to see whether it is whole.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`] if the file cannot be opened for writing or made, is damaged, or was written by a newer
    /// version; [`ErrorKind::Invalid`] if everybody may write it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let open = || -> Result<Database, Fault> {
            if !path.try_exists()? {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                if folder.is_some_and(|folder| !folder.is_dir()) {
                    return Err("its folder is not there; make that first".into());
                }
                make(path)?;
            }
            match private_file::for_everybody(&std::fs::metadata(path)?) {
                Everybody::Nothing => {}
                Everybody::Reads => {
                    let file = path.display();
                    tracing::warn!(%file, "everybody on this machine may read the state, which is personal data; run chmod 600");
                }
                Everybody::Writes => return Err(Fault::Known(open_to_all(path))),
            }
            let mut builder = Database::builder();
            builder.set_concurrency_mode(ConcurrencyMode::MultiWriter).set_check_integrity_on_open(true);
            // The check promises an error where a plain open may panic; the catch is for what it misses.
            let database = catch_unwind(AssertUnwindSafe(|| builder.open(path)))
                .map_err(|_| Fault::from("the file is damaged; put a backup of it in its place"))??;
            upgrade(&database)?;
            Ok(database)
        };
        let database = open().map_err(|fault| fault.of(path, UNOPENED))?;
        Ok(Self {
            path: path.into(),
            database: Arc::new(database),
            clock: Arc::new(SystemClock::new()),
            patience: PATIENCE,
        })
    }

    /// Makes a file as small as what it holds; `false` if it was already.
    ///
    /// What jobs forget leaves room that is used again, so that a file grows no larger than it ever needed to be; this is
    /// for one that once held far more. No other process should have it open.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); [`ErrorKind::Store`] if it is in use.
    pub fn compact(path: impl AsRef<Path>) -> Result<bool> {
        let path = path.as_ref();
        if !path.try_exists().is_ok_and(|exists| exists) {
            return Err(
                Error::new(ErrorKind::Store, "there is no state to compact").with_context("file", path.display())
            );
        }
        let Self { database, .. } = Self::open(path)?;
        let compact = || -> Result<bool, Fault> {
            let mut database = Arc::into_inner(database).ok_or("the file is in use")?;
            Ok(database.compact()?)
        };
        compact().map_err(|fault| fault.of(path, "cannot compact the state"))
    }

    /// Dates leases by another clock than the machine's.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How long a write waits for another process that is in the middle of one: a minute if not given.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        let database = Arc::clone(&self.database);
        let path = Arc::clone(&self.path);
        let turn = Arc::new(Turn::default());
        let own = Arc::clone(&turn);
        let mut writing = std::pin::pin!(blocking(move || {
            let run = || -> Result<T, Fault> {
                let mut transaction = database.begin_write()?;
                if !own.take() {
                    return Err(Fault::Known(Error::new(ErrorKind::Leased, "nobody waits for the write any more")));
                }
                transaction.set_durability(Durability::Immediate)?;
                // Dropping the transaction on an error takes back what it wrote.
                let answer = work(&transaction)?;
                transaction.commit()?;
                Ok(answer)
            };
            run().map_err(|fault| fault.of(&path, "cannot write the state"))
        }));
        let mut left = self.patience;
        while !left.is_zero() {
            let wait = left.min(IMPATIENT);
            left = left.saturating_sub(wait);
            match tokio::time::timeout(wait, &mut writing).await {
                Ok(written) => return written,
                Err(_) if turn.is_taken() => {}
                Err(_) => {
                    let writer = self.writer().await;
                    let file = self.path.display();
                    tracing::warn!(%file, writer, "waiting for another process that is writing the state");
                }
            }
        }
        if turn.give_up() {
            let message = "another process is in the middle of writing the state and does not go on: it was stopped, \
                           or its disk hangs; let it go on or end it";
            return Err(Error::new(ErrorKind::Leased, message)
                .with_context("writer", self.writer().await)
                .with_context("file", self.path.display()));
        }
        writing.await
    }

    /// Who is most likely writing: whoever was given a lease last and did not give it back.
    async fn writer(&self) -> String {
        let database = Arc::clone(&self.database);
        let found = blocking(move || {
            let run = || -> Result<Vec<String>, Fault> {
                let transaction = database.begin_read()?;
                let (leases, holders) = (transaction.open_table(LEASES)?, transaction.open_table(HOLDERS)?);
                let mut found = Vec::new();
                for row in holders.iter()? {
                    let (name, holder) = row?;
                    let held = leases.get(name.value())?.is_some_and(|lease| lease.value().1.is_some());
                    found.extend(held.then(|| holder.value().to_owned()).filter(|holder| *holder != myself()));
                }
                found.dedup();
                Ok(found)
            };
            Ok(run().unwrap_or_default())
        });
        match found.await.unwrap_or_default() {
            found if found.is_empty() => "unknown".to_owned(),
            found => found.join(" or "),
        }
    }
}

/// Whose turn it is: a write that waits for others may be given up as long as it has not begun.
#[derive(Debug, Default)]
struct Turn(AtomicU8);

impl Turn {
    const WAITING: u8 = 0;
    const TAKEN: u8 = 1;
    const GIVEN_UP: u8 = 2;

    /// Begins; `false` if nobody waits any more.
    fn take(&self) -> bool {
        self.0.compare_exchange(Self::WAITING, Self::TAKEN, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn is_taken(&self) -> bool {
        self.0.load(Ordering::Acquire) == Self::TAKEN
    }

    /// Gives up; `false` if it has begun.
    fn give_up(&self) -> bool {
        self.0.compare_exchange(Self::WAITING, Self::GIVEN_UP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

fn open_to_all(path: &Path) -> Error {
    let message = "everybody on this machine may write the state, and so have accounts deleted; make sure that it is as it \
                   was, then run chmod 600";
    Error::new(ErrorKind::Invalid, message).with_context("file", path.display())
}

/// This process, in words.
fn myself() -> String {
    let program = std::env::current_exe().ok();
    let program = program.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy());
    let id = std::process::id();
    program.map_or_else(|| format!("process {id}"), |program| format!("process {id} ({program})"))
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
                let Some(rows) = rows_of(&database, table)? else { return Ok(None) };
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
                let Some(rows) = rows_of(&database, table)? else { return Ok(()) };
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
            transaction.open_table(HOLDERS)?.insert(&*name, myself().as_str())?;
            Ok(Some(Lease::new(Arc::clone(&name), fence, expires)))
        })
        .await
    }

    async fn holder(&self, name: &str) -> Result<Option<String>> {
        let database = Arc::clone(&self.database);
        let path = Arc::clone(&self.path);
        let name = name.to_owned();
        blocking(move || {
            let run = || -> Result<Option<String>, Fault> {
                let transaction = database.begin_read()?;
                let held =
                    transaction.open_table(LEASES)?.get(name.as_str())?.is_some_and(|row| row.value().1.is_some());
                let holder = transaction.open_table(HOLDERS)?.get(name.as_str())?.map(|row| row.value().to_owned());
                Ok(holder.filter(|_| held))
            };
            run().map_err(|fault| fault.of(&path, "cannot read the state"))
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

type Rows = redb::ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The rows of a table; `None` if there never were any.
fn rows_of(database: &Database, table: Table) -> Result<Option<Rows>, Fault> {
    match database.begin_read()?.open_table(definition(table)) {
        Ok(rows) => Ok(Some(rows)),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
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
    transaction.open_table(HOLDERS)?;
    for table in Table::ALL {
        transaction.open_table(definition(*table))?;
    }
    Ok(transaction.commit()?)
}

/// Refuses what is no state, or one of a newer version; brings one of an older version up to date.
fn upgrade(database: &Database) -> Result<(), Fault> {
    let meta = match database.begin_read()?.open_table(META) {
        Ok(meta) => meta,
        Err(redb::TableError::Storage(error)) => return Err(error.into()),
        Err(_) => return Err("the file is a database of something else; name another for the state".into()),
    };
    match meta.get(VERSION_KEY)?.map(|version| version.value()) {
        Some(VERSION) => Ok(()),
        Some(OLDEST..VERSION) => {
            let transaction = database.begin_write()?;
            transaction.open_table(META)?.insert(VERSION_KEY, VERSION)?;
            transaction.open_table(HOLDERS)?;
            for table in Table::ALL {
                transaction.open_table(definition(*table))?;
            }
            Ok(transaction.commit()?)
        }
        Some(other) => Err(Fault::Known(
            Error::new(
                ErrorKind::Store,
                "the state was written by a newer version of the program; use that, or one at least as new",
            )
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
