//! The right to send, which may end while a run goes on.
//!
//! A run holds a lease, and must begin no request once another run may have taken over: not even after the program stood
//! still for an hour between two lines. So whoever sends asks here first, right before. What is asked travels with the
//! task, and into tasks that are spawned with [`inherited`].

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::error::Result;

/// The right to send.
#[async_trait]
pub(crate) trait Permit: fmt::Debug + Send + Sync {
    /// Whether it may have ended by now.
    fn is_in_question(&self) -> bool;

    /// Makes sure that it has not ended.
    async fn make_sure(&self) -> Result<()>;
}

tokio::task_local! {
    static PERMIT: Arc<dyn Permit>;
}

/// Runs a future whose requests need a permit.
pub(crate) async fn under<F: Future>(permit: Arc<dyn Permit>, future: F) -> F::Output {
    PERMIT.scope(permit, future).await
}

/// A future that needs the same permit wherever it is run.
pub(crate) fn inherited<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let permit = PERMIT.try_with(Arc::clone).ok();
    async move {
        match permit {
            Some(permit) => under(permit, future).await,
            None => future.await,
        }
    }
}

/// To be asked right before a request is sent.
///
/// # Errors
///
/// [`ErrorKind::Leased`](crate::ErrorKind::Leased) if the right has ended: nothing is to be sent then.
pub(crate) async fn check() -> Result<()> {
    match PERMIT.try_with(Arc::clone) {
        Ok(permit) if permit.is_in_question() => permit.make_sure().await,
        _ => Ok(()),
    }
}
