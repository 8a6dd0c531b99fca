//! A lease as a run keeps it: renewed before it runs low, and looked at before each request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::permit::Permit;
use crate::store::{Lease, State};

/// The last part of a lease in which nothing is sent any more: what is on its way must arrive in time.
const LAST_PART: u32 = 6;
/// How often it is renewed at once, should the program stand still while it is.
const ATTEMPTS: usize = 3;

/// A lease that is held.
#[derive(Debug)]
pub(super) struct Tenure {
    state: Arc<dyn State>,
    clock: Arc<dyn Clock>,
    ttl: Duration,
    link_set: String,
    held: Mutex<Held>,
    /// Whoever renews it.
    renewing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
struct Held {
    lease: Lease,
    /// When it was asked for, by this machine's clock: no later than the state gave it.
    since: OffsetDateTime,
}

impl Tenure {
    /// A lease that was asked for at this moment.
    pub(super) fn new(
        state: Arc<dyn State>,
        clock: Arc<dyn Clock>,
        ttl: Duration,
        link_set: &str,
        lease: Lease,
        since: OffsetDateTime,
    ) -> Self {
        let held = Mutex::new(Held { lease, since });
        Self { state, clock, ttl, link_set: link_set.to_owned(), held, renewing: tokio::sync::Mutex::new(()) }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lease(&self) -> Lease {
        self.held().lease.clone()
    }

    /// Whether more than a share of its time has passed; also if the clock was set back, so that nobody knows.
    fn has_used(&self, share: Duration) -> bool {
        let passed = self.clock.now() - self.held().since;
        passed.is_negative() || passed > share
    }

    /// Renews it if half of its time has passed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Leased`] if another run took over.
    pub(super) async fn keep(&self) -> Result<()> {
        if self.has_used(self.ttl / 2) { self.renew(self.ttl / 2).await } else { Ok(()) }
    }

    /// Keeps it as long as the future is driven on.
    pub(super) async fn keep_on(&self) {
        loop {
            self.clock.sleep(self.ttl / 4).await;
            if let Err(error) = self.keep().await {
                // Whoever sends next finds out.
                tracing::warn!(error = %error.to_chain(), "the lease could not be renewed");
            }
        }
    }

    /// Renews it, unless someone else did meanwhile.
    async fn renew(&self, share: Duration) -> Result<()> {
        let _turn = self.renewing.lock().await;
        for _ in 0..ATTEMPTS {
            if !self.has_used(share) {
                return Ok(());
            }
            let since = self.clock.now();
            let renewed = self.state.renew(&self.lease(), self.ttl).await?;
            let lease = renewed.ok_or_else(|| {
                Error::new(ErrorKind::Leased, "another run took over; this one stops")
                    .with_context("link set", &self.link_set)
            })?;
            *self.held() = Held { lease, since };
        }
        match self.has_used(share) {
            false => Ok(()),
            true => Err(Error::new(
                ErrorKind::Leased,
                "the lease runs out faster than the state can renew it; make it longer with JobBuilder::lease",
            )
            .with_context("link set", &self.link_set)),
        }
    }
}

#[async_trait]
impl Permit for Tenure {
    fn is_in_question(&self) -> bool {
        self.has_used(self.ttl - self.ttl / LAST_PART)
    }

    async fn make_sure(&self) -> Result<()> {
        self.renew(self.ttl - self.ttl / LAST_PART).await
    }
}
