//! Work that goes on while nobody looks.

use futures::future::{self, Either};

use crate::permit::inherited;

/// Drives a future on whether or not its outcome is asked for: what it holds of the client's pace must not wait for the
/// reader of a stream. Dropping it gives it up.
pub(super) fn driven<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> + Send {
    struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);
    impl<T> Drop for AbortOnDrop<T> {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    let task = match tokio::runtime::Handle::try_current() {
        Ok(runtime) => Either::Left(AbortOnDrop(runtime.spawn(inherited(future)))),
        // Without a runtime there is nobody else to drive it.
        Err(_) => Either::Right(future),
    };
    async move {
        match task {
            Either::Right(future) => future.await,
            Either::Left(mut task) => match (&mut task.0).await {
                Ok(outcome) => outcome,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // The runtime is shutting down.
                    Err(_) => future::pending().await,
                },
            },
        }
    }
}
