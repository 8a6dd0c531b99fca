//! Virtual time: it passes when nothing else is left to do.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use entrant::clock::Clock;
use time::OffsetDateTime;

/// A run that is polled more often than this gets nowhere.
const MOST_POLLS: u64 = 2_000_000;

/// The time of one history, and all who wait for a moment of it.
#[derive(Debug, Clone)]
pub(crate) struct Timeline(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    now: OffsetDateTime,
    /// Those who sleep, by when they wake; of one moment those who came first come first.
    sleepers: BTreeMap<(OffsetDateTime, u64), Waker>,
    next: u64,
    /// What is run, and whether nothing would ever wake it.
    root: Option<Waker>,
    is_stuck: bool,
}

/// How something that was run ended.
#[derive(Debug)]
pub(crate) enum Ended<T> {
    With(T),
    /// It was given up, as by a process that dies.
    Cut,
    /// It waits for something that never comes, or goes round in circles.
    Stuck(&'static str),
}

impl Timeline {
    pub(crate) fn at(now: OffsetDateTime) -> Self {
        let inner = Inner { now, sleepers: BTreeMap::new(), next: 0, root: None, is_stuck: false };
        Self(Arc::new(Mutex::new(inner)))
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        self.lock().now
    }

    /// Lets time pass while nothing runs.
    pub(crate) fn advance(&self, by: Duration) {
        self.lock().now += by;
    }

    /// Runs a future to its end, in no real time; asks before every poll whether it still goes on.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>, goes_on: impl Fn() -> bool) -> Ended<T> {
        let idle = self.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().on_thread_park(move || idle.pass()).build();
        let Ok(runtime) = runtime else { return Ended::Stuck("no runtime") };
        {
            let mut inner = self.lock();
            (inner.is_stuck, inner.root) = (false, None);
        }
        let ended = runtime.block_on(async {
            let mut future = pin!(future);
            let mut polls = 0;
            poll_fn(|context| {
                polls += 1;
                if !goes_on() {
                    return Poll::Ready(Ended::Cut);
                }
                if let Poll::Ready(value) = future.as_mut().poll(context) {
                    return Poll::Ready(Ended::With(value));
                }
                let mut inner = self.lock();
                inner.root = Some(context.waker().clone());
                match () {
                    () if !goes_on() => Poll::Ready(Ended::Cut),
                    () if inner.is_stuck => Poll::Ready(Ended::Stuck("it waits for what never comes")),
                    () if polls > MOST_POLLS => Poll::Ready(Ended::Stuck("it goes round in circles")),
                    () => Poll::Pending,
                }
            })
            .await
        });
        // Tasks that were given up are dropped with it, before their sleeps are forgotten.
        drop(runtime);
        self.lock().sleepers.clear();
        ended
    }

    /// Goes to the next moment that somebody waits for.
    fn pass(&self) {
        let woken: Vec<Waker> = {
            let mut inner = self.lock();
            match inner.sleepers.first_key_value().map(|((at, _), _)| *at) {
                Some(next) => {
                    inner.now = inner.now.max(next);
                    let later = inner.sleepers.split_off(&(next, u64::MAX));
                    std::mem::replace(&mut inner.sleepers, later).into_values().collect()
                }
                None => {
                    inner.is_stuck = true;
                    inner.root.take().into_iter().collect()
                }
            }
        };
        woken.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wait on the timeline.
struct Sleep {
    timeline: Timeline,
    until: OffsetDateTime,
    number: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let timeline = self.timeline.clone();
        let mut inner = timeline.lock();
        if inner.now >= self.until {
            return Poll::Ready(());
        }
        let number = *self.number.get_or_insert_with(|| {
            inner.next += 1;
            inner.next
        });
        inner.sleepers.insert((self.until, number), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.timeline.lock().sleepers.remove(&(self.until, number));
        }
    }
}

async fn sleep(timeline: &Timeline, duration: Duration) {
    Sleep { timeline: timeline.clone(), until: timeline.now() + duration, number: None }.await;
}

/// The clock of the tenant: it is right.
#[async_trait]
impl Clock for Timeline {
    fn now(&self) -> OffsetDateTime {
        Timeline::now(self)
    }

    async fn sleep(&self, duration: Duration) {
        sleep(self, duration).await;
    }
}

/// The clock of the machine that the job runs on: it can be set.
#[derive(Debug, Clone)]
pub(crate) struct MachineClock {
    timeline: Timeline,
    ahead: Arc<Mutex<time::Duration>>,
}

impl MachineClock {
    pub(crate) fn new(timeline: &Timeline) -> Self {
        Self { timeline: timeline.clone(), ahead: Arc::default() }
    }

    pub(crate) fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Sets it so much ahead of the right time, or behind.
    pub(crate) fn set_ahead(&self, ahead: time::Duration) {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = ahead;
    }

    pub(crate) fn ahead(&self) -> time::Duration {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Clock for MachineClock {
    fn now(&self) -> OffsetDateTime {
        self.timeline.now() + self.ahead()
    }

    async fn sleep(&self, duration: Duration) {
        sleep(&self.timeline, duration).await;
    }
}
