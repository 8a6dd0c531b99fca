//! Work that waits for a disk, kept off the threads that run tasks.

use std::ops::ControlFlow;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::mpsc;
use tokio::task::{JoinError, spawn_blocking};

use crate::error::{Error, ErrorKind, Result};

const CHUNK: usize = 256;

/// Runs `work` on a thread that may block. Dropping the future does not stop it.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|error| Err(broke_off(error)))
}

/// What `work` pushes, as a stream; an error that it returns comes last. It runs on a thread that may block, and is
/// told to stop when the stream is dropped.
pub(super) fn blocking_stream<T: Send + 'static>(
    work: impl FnOnce(&mut Feed<T>) -> Result<()> + Send + 'static,
) -> BoxStream<'static, Result<T>> {
    let start = async move {
        let (sender, receiver) = mpsc::channel(2);
        let task = spawn_blocking(move || {
            let mut feed = Feed { sender, chunk: Vec::new() };
            if let Err(error) = work(&mut feed) {
                feed.chunk.push(Err(error));
            }
            let _ = feed.flush();
        });
        stream::unfold(Some((receiver, task)), async |state| {
            let (mut receiver, task) = state?;
            if let Some(chunk) = receiver.recv().await {
                return Some((chunk, Some((receiver, task))));
            }
            let error = task.await.err()?;
            Some((vec![Err(broke_off(error))], None))
        })
    };
    stream::once(start).flatten().flat_map(stream::iter).boxed()
}

/// Where blocking work puts what it finds.
pub(super) struct Feed<T> {
    sender: mpsc::Sender<Vec<Result<T>>>,
    chunk: Vec<Result<T>>,
}

impl<T> Feed<T> {
    /// Adds one; `Break` if nobody wants any more.
    pub(super) fn push(&mut self, item: T) -> ControlFlow<()> {
        self.chunk.push(Ok(item));
        if self.chunk.len() < CHUNK {
            return ControlFlow::Continue(());
        }
        self.flush()
    }

    fn flush(&mut self) -> ControlFlow<()> {
        match self.sender.blocking_send(std::mem::take(&mut self.chunk)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

fn broke_off(error: JoinError) -> Error {
    Error::new(ErrorKind::Store, "work on a file broke off").with_source(error)
}
