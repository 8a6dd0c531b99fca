//! The trait through which everything reaches the network.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use crate::error::Result;

/// Sends one request and gives the whole answer.
///
/// An answer of any status is `Ok`. An error of [`ErrorKind::Transport`](crate::ErrorKind::Transport) means that no
/// whole answer came; if the request may have reached the other side, the error says
/// [`is_outcome_in_doubt`](crate::Error::is_outcome_in_doubt). An implementation follows no redirects, bounds the
/// size of a body, and retries nothing. Dropping the future gives the request up; it may have been carried out.
///
/// Requests and answers are those of the crate `http` 1, their bodies of `bytes` 1.
///
/// # Examples
///
/// One transport around another:
///
/// ```
/// use bytes::Bytes;
/// use entrant::http::Transport;
/// use entrant::{Result, async_trait};
/// use http::{Request, Response};
///
/// #[derive(Debug)]
/// struct Logged<T>(T);
///
/// #[async_trait]
/// impl<T: Transport> Transport for Logged<T> {
///     async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
///         // Neither headers nor queries belong into a log: they hold tokens and names.
///         let asked = format!("{} {}", request.method(), request.uri().path());
///         let answer = self.0.send(request).await?;
///         println!("{asked}: {}", answer.status());
///         Ok(answer)
///     }
/// }
/// ```
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends `request`, whose address is absolute.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>>;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: Transport + ?Sized> Transport for Arc<T> {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        (**self).send(request).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: Transport + ?Sized> Transport for Box<T> {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        (**self).send(request).await
    }
}
