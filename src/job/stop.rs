//! Runs that are stopped from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Stops runs from outside, such as when the program is to end. Clones stop the same runs.
///
/// A run that is stopped begins no further request and gives up those that are under way; what was answered is noted,
/// the lease is given back, and the report lists the rest as pending. What was given up may have been carried out: the
/// next run looks. Dropping the future of a run stops it as fast, but leaves the lease to run out by itself.
///
/// # Examples
///
/// ```
/// use entrant::job::{Apply, Stop};
///
/// let stop = Stop::new();
/// let apply = Apply::new().stop_with(&stop);
/// // Elsewhere, when the program is asked to end:
/// stop.stop();
/// assert!(stop.is_stopped());
/// # let _ = apply;
/// ```
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    stopped: AtomicBool,
    told: Notify,
}

impl Stop {
    /// Stops nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops the runs that go on, and those that begin later.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Release);
        self.0.told.notify_waiters();
    }

    /// Whether runs are stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Acquire)
    }

    /// Waits until runs are stopped.
    pub(super) async fn stopped(&self) {
        let mut told = std::pin::pin!(self.0.told.notified());
        // From here on no word is missed.
        told.as_mut().enable();
        if !self.is_stopped() {
            told.await;
        }
    }
}

/// Whether they are one and the same.
impl PartialEq for Stop {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Stop {}
