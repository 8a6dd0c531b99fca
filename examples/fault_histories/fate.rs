//! What becomes of a process, and the wrappers in which it meets it: the wire, the disk, the letters, the HR store.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entrant::http::Transport;
use entrant::model::ObjectId;
use entrant::secret::Secret;
use entrant::store::{Batch, InitialPassword, Lease, MemoryState, PasswordSink, State, Table};
use entrant::{Error, ErrorKind, Result};
use futures::stream::BoxStream;
use http::{Request, Response};

use crate::history::Incident;
use crate::witness::Witness;

/// Where a process can die, or what it does can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    Poll,
    Send,
    Commit,
    Prepare,
    Confirm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Before,
    After,
}

/// What happens at the `nth` passage of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stroke {
    pub(crate) point: Point,
    pub(crate) nth: u64,
    pub(crate) side: Side,
    pub(crate) kind: StrokeKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StrokeKind {
    /// The process is gone.
    Death,
    /// The call fails, having done its work or not.
    Failure,
}

/// What becomes of one process.
#[derive(Debug, Clone)]
pub(crate) struct Fate(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    is_dead: bool,
    strokes: Vec<Stroke>,
    counts: [u64; 5],
    /// What others do just before the nth request, in order.
    incidents: Vec<(u64, Incident)>,
    /// Whether a store was made to fail.
    has_failed: bool,
}

enum Turn {
    Goes,
    DiesBefore,
    DiesAfter,
    FailsBefore,
    FailsAfter,
}

impl Fate {
    pub(crate) fn new(strokes: Vec<Stroke>, mut incidents: Vec<(u64, Incident)>) -> Self {
        incidents.sort_by_key(|(at, _)| *at);
        let inner = Inner { is_dead: false, strokes, counts: [0; 5], incidents, has_failed: false };
        Self(Arc::new(Mutex::new(inner)))
    }

    pub(crate) fn quiet() -> Self {
        Self::new(Vec::new(), Vec::new())
    }

    /// Counts a poll; whether the process lives on.
    pub(crate) fn goes_on(&self) -> bool {
        match self.pass(Point::Poll) {
            Turn::Goes => {}
            _ => self.lock().is_dead = true,
        }
        !self.lock().is_dead
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.lock().has_failed
    }

    fn pass(&self, point: Point) -> Turn {
        let mut inner = self.lock();
        let count = &mut inner.counts[point as usize];
        *count += 1;
        let count = *count;
        let stroke = inner.strokes.iter().find(|stroke| stroke.point == point && stroke.nth == count).copied();
        let Some(stroke) = stroke else { return Turn::Goes };
        match (stroke.kind, stroke.side) {
            (StrokeKind::Death, Side::Before) => {
                inner.is_dead = true;
                Turn::DiesBefore
            }
            (StrokeKind::Death, Side::After) => Turn::DiesAfter,
            (StrokeKind::Failure, side) => {
                inner.has_failed = true;
                if side == Side::Before { Turn::FailsBefore } else { Turn::FailsAfter }
            }
        }
    }

    /// What others do before the request that was counted last.
    fn due(&self) -> Vec<Incident> {
        let mut inner = self.lock();
        let count = inner.counts[Point::Send as usize];
        let due = inner.incidents.iter().take_while(|(at, _)| *at <= count).count();
        inner.incidents.drain(..due).map(|(_, incident)| incident).collect()
    }

    /// Does something, unless the process dies or the call fails.
    async fn meet<T>(&self, point: Point, work: impl Future<Output = Result<T>>) -> Result<T> {
        if self.lock().is_dead {
            return futures::future::pending().await;
        }
        let broken = || Error::new(ErrorKind::Store, "the disk failed");
        match self.pass(point) {
            Turn::Goes => work.await,
            Turn::DiesBefore => futures::future::pending().await,
            Turn::DiesAfter => {
                let _ = work.await;
                self.lock().is_dead = true;
                futures::future::pending().await
            }
            Turn::FailsBefore => Err(broken()),
            Turn::FailsAfter => {
                work.await?;
                Err(broken())
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way to the tenant.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) inner: Arc<dyn Transport>,
    pub(crate) fate: Fate,
    pub(crate) witness: Witness,
}

#[async_trait]
impl Transport for Wire {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let witness = &self.witness;
        let answer = self.fate.meet(Point::Send, async {
            self.fate.due().into_iter().for_each(|incident| witness.befall(incident));
            // The tenant carries it out when it is polled first; what it did is seen before anything else happens.
            let mut sent = self.inner.send(request);
            let first = futures::poll!(&mut sent);
            witness.look();
            match first {
                std::task::Poll::Ready(answer) => answer,
                std::task::Poll::Pending => sent.await,
            }
        });
        answer.await
    }
}

/// The disk that the job's state lies on.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) inner: MemoryState,
    pub(crate) fate: Fate,
}

#[async_trait]
impl State for Disk {
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.inner.get(table, key).await
    }

    fn scan(&self, table: Table, prefix: &[u8]) -> BoxStream<'_, Result<(Vec<u8>, Vec<u8>)>> {
        self.inner.scan(table, prefix)
    }

    async fn commit(&self, lease: &Lease, batch: Batch) -> Result<()> {
        self.fate.meet(Point::Commit, self.inner.commit(lease, batch)).await
    }

    async fn lease(&self, name: &str, ttl: Duration) -> Result<Option<Lease>> {
        self.inner.lease(name, ttl).await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Option<Lease>> {
        self.inner.renew(lease, ttl).await
    }

    async fn release(&self, lease: Lease) -> Result<()> {
        self.inner.release(lease).await
    }
}

/// The letters with the initial passwords.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) letters: Letters,
    pub(crate) fate: Fate,
    pub(crate) witness: Witness,
}

/// What lies in the post: it outlives every process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Letters(Arc<Mutex<Kept>>);

#[derive(Debug, Default, Clone)]
pub(crate) struct Kept {
    /// Prepared and not confirmed, by key.
    pub(crate) open: std::collections::BTreeMap<String, Secret>,
    /// Every confirmation of a password that was prepared: key, object, password.
    pub(crate) confirmed: Vec<(String, ObjectId, Secret)>,
    /// Confirmations of what was never prepared: key, object.
    pub(crate) unknown: Vec<(String, ObjectId)>,
}

impl Letters {
    pub(crate) fn kept(&self) -> Kept {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl PasswordSink for Post {
    async fn prepare(&self, passwords: Vec<InitialPassword>) -> Result<Vec<Secret>> {
        let prepare = async {
            let mut kept = self.letters.lock();
            let news = passwords.iter().filter(|one| !kept.open.contains_key(&one.key)).count();
            self.witness.note(format!("prepares {} passwords, {news} of them new", passwords.len()));
            Ok(passwords.into_iter().map(|one| kept.open.entry(one.key).or_insert(one.password).clone()).collect())
        };
        self.fate.meet(Point::Prepare, prepare).await
    }

    async fn confirm(&self, created: Vec<(String, ObjectId)>) -> Result<()> {
        let confirm = async {
            let mut kept = self.letters.lock();
            for (key, id) in created {
                self.witness.note(format!("confirms {key}: {}", id.id));
                // What was prepared since belongs to no account.
                if kept.confirmed.iter().any(|(known, of, _)| *known == key && *of == id) {
                    continue;
                }
                match kept.open.remove(&key) {
                    Some(password) => kept.confirmed.push((key, id, password)),
                    None => kept.unknown.push((key, id)),
                }
            }
            Ok(())
        };
        self.fate.meet(Point::Confirm, confirm).await
    }
}
