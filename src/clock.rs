//! Time as an argument: the only clock that the crate reads.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;

/// What time it is, and how to wait.
///
/// Everything that waits or dates goes through a clock, so that tests run in virtual time.
#[async_trait]
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now, in UTC.
    fn now(&self) -> OffsetDateTime;
    /// Waits this long.
    async fn sleep(&self, duration: Duration);
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: Clock + ?Sized> Clock for Arc<T> {
    fn now(&self) -> OffsetDateTime {
        (**self).now()
    }

    async fn sleep(&self, duration: Duration) {
        (**self).sleep(duration).await;
    }
}

/// A moment so much later; the last one there is, if that is too far.
pub(crate) fn later(moment: OffsetDateTime, by: Duration) -> OffsetDateTime {
    let by = time::Duration::try_from(by).unwrap_or(time::Duration::MAX);
    moment.checked_add(by).unwrap_or(time::PrimitiveDateTime::MAX.assume_utc())
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct SystemClock;

impl SystemClock {
    /// The clock of the machine.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A clock that stands still until someone waits on it or moves it.
///
/// A sleep takes no real time: it moves the clock to the end of the sleep. Clones share the time.
///
/// # Examples
///
/// ```
/// use entrant::clock::{Clock, ManualClock};
/// use std::time::Duration;
///
/// let clock = ManualClock::at(time::macros::datetime!(2026-01-01 0:00 UTC));
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now(), time::macros::datetime!(2026-01-01 0:01 UTC));
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<OffsetDateTime>>);

impl ManualClock {
    /// A clock that shows this time.
    #[must_use]
    pub fn at(now: OffsetDateTime) -> Self {
        Self(Arc::new(Mutex::new(now)))
    }

    /// Moves the clock on.
    pub fn advance(&self, duration: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += duration;
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn sleep(&self, duration: Duration) {
        let end = self.now() + duration;
        // Others get their turn before time passes, so that what they start now is dated now.
        tokio::task::yield_now().await;
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = (*now).max(end);
    }
}
