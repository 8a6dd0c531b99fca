//! One request, put together and awaited.

use std::fmt;
use std::future::IntoFuture;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::graph::error::is_write;
use crate::graph::send::{Outgoing, decode, traffic_of};
use crate::graph::turns::turn_of;
use crate::graph::{BatchRequest, GraphClient, List};
use crate::http::redact::path_for_people;
use crate::odata;

/// A request to Graph, sent when awaited.
///
/// `T` is what its answer is read as. A mistake in a builder's argument comes out when it is awaited.
///
/// # Errors
///
/// Awaiting gives an [`Error`] whose [`graph`](Error::graph) is what Graph said, if it answered. After a write without
/// an answer it [is in doubt](Error::is_outcome_in_doubt).
///
/// # Cancellation
///
/// A request that is dropped while it is awaited may have been carried out.
#[must_use = "a request is sent when it is awaited"]
pub struct Call<T = Response<Bytes>> {
    client: GraphClient,
    method: Method,
    /// What was built so far, or the first mistake.
    parts: Result<Parts>,
    decode: fn(Response<Bytes>) -> Result<T>,
}

struct Parts {
    /// Relative to the root, encoded, with its query.
    path: String,
    headers: HeaderMap,
    body: Option<Bytes>,
}

impl Call {
    pub(super) fn new(client: GraphClient, method: Method, path: Result<String>) -> Self {
        let parts = path.map(|path| Parts { path, headers: HeaderMap::new(), body: None });
        Self { client, method, parts, decode: Ok }
    }
}

impl<T> Call<T> {
    /// Adds a query option, such as `$search`; the value is encoded here.
    pub fn query(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        if let Ok(parts) = &mut self.parts {
            parts.path.push(if parts.path.contains('?') { '&' } else { '?' });
            parts.path.push_str(&odata::query_name(name.as_ref()));
            parts.path.push('=');
            parts.path.push_str(&odata::query_value(value.as_ref()));
        }
        self
    }

    /// Asks for these properties and no others (`$select`).
    pub fn select<S: AsRef<str>>(self, properties: impl IntoIterator<Item = S>) -> Self {
        let mut names = String::new();
        for property in properties {
            if !names.is_empty() {
                names.push(',');
            }
            names.push_str(property.as_ref());
        }
        self.query("$select", names)
    }

    /// Asks for what a relation leads to, too (`$expand`); its options may stand in brackets: `manager($select=id)`.
    ///
    /// Graph expands 20 objects at most, one level deep, and not in an advanced query.
    ///
    /// See [expand](https://learn.microsoft.com/graph/query-parameters#expand-parameter).
    pub fn expand(self, relation: impl AsRef<str>) -> Self {
        self.query("$expand", relation)
    }

    /// Adds a header, such as `ConsistencyLevel`. The token's header cannot be replaced.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let header = HeaderName::try_from(name.as_ref()).ok().zip(HeaderValue::try_from(value.as_ref()).ok());
        match (&mut self.parts, header) {
            (Ok(parts), Some((name, value))) => {
                parts.headers.insert(name, value);
            }
            (Ok(_), None) => self.parts = Err(Error::new(ErrorKind::Invalid, "a header's name or value is not valid")),
            (Err(_), _) => {}
        }
        self
    }

    /// Sets the body, as JSON.
    pub fn body(mut self, body: &(impl Serialize + ?Sized)) -> Self {
        if let Ok(parts) = &mut self.parts {
            match serde_json::to_vec(body) {
                Ok(json) => parts.body = Some(json.into()),
                // Not the serializer's own error, which may quote what it was given.
                Err(_) => self.parts = Err(Error::new(ErrorKind::Invalid, "the body cannot be written as JSON")),
            }
        }
        self
    }

    /// Reads the answer's body as `U` instead.
    pub fn decode<U: DeserializeOwned>(self) -> Call<U> {
        self.decode_with(|answer| decode(answer.body()))
    }

    /// Reads the answer as the first page of a list of `U`.
    pub fn list<U: DeserializeOwned>(self) -> List<U> {
        List::new(self.decode_with(Ok))
    }

    /// The same request for a batch. `$batch` needs a body with a `POST`: an empty object where there is none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] for a mistake in what was put together.
    pub fn into_batch(self) -> Result<BatchRequest> {
        let parts = self.parts?;
        // The same check as for a request on its own.
        self.client.address(&parts.path)?;
        let url = format!("/{}", parts.path.trim_start_matches('/'));
        let mut request = BatchRequest::new(self.method.clone(), url);
        for (name, value) in &parts.headers {
            request = request.with_header(name.as_str(), String::from_utf8_lossy(value.as_bytes()));
        }
        match parts.body {
            Some(body) => Ok(request.with_body(decode(&body)?)),
            None if self.method == Method::POST => Ok(request.with_body(serde_json::json!({}))),
            None => Ok(request),
        }
    }

    /// The first mistake stays.
    pub(super) fn refused(mut self, error: Error) -> Self {
        if self.parts.is_ok() {
            self.parts = Err(error);
        }
        self
    }

    pub(super) fn decode_with<U>(self, decode: fn(Response<Bytes>) -> Result<U>) -> Call<U> {
        Call { client: self.client, method: self.method, parts: self.parts, decode }
    }

    pub(super) fn into_outgoing(self) -> Result<(GraphClient, Outgoing)> {
        let parts = self.parts?;
        let outgoing = Outgoing {
            url: self.client.address(&parts.path)?,
            traffic: traffic_of(&self.method, &parts.path),
            units: 1,
            turns: turn_of(&parts.path).into_iter().collect(),
            method: self.method,
            headers: parts.headers,
            body: parts.body,
        };
        Ok((self.client, outgoing))
    }

    async fn run(self) -> Result<T> {
        let decode = self.decode;
        let (client, outgoing) = self.into_outgoing()?;
        let answer = client.send(&outgoing).await?;
        decode(answer).map_err(|error| {
            let error = error.with_context("request", outgoing.name());
            // It was a success, only its answer cannot be read.
            if is_write(&outgoing.method) { error.with_outcome_in_doubt() } else { error }
        })
    }
}

impl<T: Send + 'static> IntoFuture for Call<T> {
    type Output = Result<T>;
    type IntoFuture = BoxFuture<'static, Result<T>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.parts.as_ref().map(|parts| path_for_people(&parts.path));
        f.debug_struct("Call").field("method", &self.method).field("path", &path).finish_non_exhaustive()
    }
}
