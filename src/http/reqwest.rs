//! The shipped [`Transport`]: the only file that names reqwest.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use url::Url;

use crate::error::{Error, ErrorKind, Result};
use crate::http::Transport;
use crate::http::address::{check_local, is_link_local, is_loopback};
use crate::http::redact::address_for_people;

/// A [`Transport`] over reqwest: HTTP/1.1 and HTTP/2, gzip, the system's proxy and its trusted certificates.
///
/// Follows no redirects, refuses `http://` but to this machine itself and to link-local addresses, where Azure's
/// metadata service is (neither is reached through a proxy), and bounds the time and the size of an answer.
/// Clones share their connections. Needs a running tokio runtime.
///
/// # Examples
///
/// ```no_run
/// use entrant::http::ReqwestTransport;
/// use std::time::Duration;
///
/// # fn main() -> entrant::Result<()> {
/// let transport = ReqwestTransport::builder().timeout(Duration::from_secs(30)).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ReqwestTransport {
    outside: reqwest::Client,
    loopback: reqwest::Client,
    max_body_bytes: usize,
}

/// Sets up a [`ReqwestTransport`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ReqwestTransportBuilder {
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    certificates: Vec<Vec<u8>>,
    timeout: Duration,
    connect_timeout: Duration,
    max_body_bytes: usize,
}

impl ReqwestTransport {
    /// A transport with the defaults.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Transport`] if TLS cannot be set up.
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// Starts from the defaults: 100 s for a whole exchange, 64 MiB for a body.
    pub fn builder() -> ReqwestTransportBuilder {
        ReqwestTransportBuilder {
            #[cfg(any(feature = "rustls", feature = "native-tls"))]
            certificates: Vec::new(),
            timeout: Duration::from_secs(100),
            connect_timeout: Duration::from_secs(30),
            max_body_bytes: 64 * 1024 * 1024,
        }
    }
}

impl ReqwestTransportBuilder {
    /// Trusts these root certificates (PEM, one or several) beside those of the operating system.
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    #[cfg_attr(docsrs, doc(cfg(any(feature = "rustls", feature = "native-tls"))))]
    pub fn ca_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.certificates.push(pem.into());
        self
    }

    /// How long one exchange may take, from connecting to the last byte. The default is 100 s, which is longer than
    /// Graph itself works on a request.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long connecting may take; the default is 30 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The largest body that is taken in, after unpacking; the default is 64 MiB.
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// Makes the transport.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if a certificate cannot be read, [`ErrorKind::Transport`] if TLS cannot be set up.
    pub fn build(self) -> Result<ReqwestTransport> {
        Ok(ReqwestTransport {
            outside: self.client(|builder| builder)?,
            // A proxy would read what is sent to this machine itself over plain http.
            loopback: self.client(reqwest::ClientBuilder::no_proxy)?,
            max_body_bytes: self.max_body_bytes,
        })
    }

    fn client(&self, adapt: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder) -> Result<reqwest::Client> {
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .user_agent(concat!("entrant/", env!("CARGO_PKG_VERSION")))
            .timeout(self.timeout)
            .connect_timeout(self.connect_timeout);
        #[cfg(any(feature = "rustls", feature = "native-tls"))]
        let builder = match self.roots()? {
            roots if roots.is_empty() => builder,
            roots => builder.tls_certs_merge(roots),
        };
        adapt(builder).build().map_err(|source| {
            Error::new(ErrorKind::Transport, "cannot set up the connection to the network").with_source(source)
        })
    }

    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    fn roots(&self) -> Result<Vec<reqwest::Certificate>> {
        let mut roots = Vec::new();
        for pem in &self.certificates {
            let found = reqwest::Certificate::from_pem_bundle(pem).map_err(|source| {
                Error::new(ErrorKind::Invalid, "cannot read the root certificate").with_source(source)
            })?;
            if found.is_empty() {
                return Err(Error::new(ErrorKind::Invalid, "the file holds no PEM certificate"));
            }
            roots.extend(found);
        }
        Ok(roots)
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let url = Url::parse(&request.uri().to_string())
            .map_err(|source| Error::new(ErrorKind::Invalid, "the address is not valid").with_source(source))?;
        check_local(&url)?;
        let is_near = is_loopback(&url) || is_link_local(&url);
        let client = if is_near { &self.loopback } else { &self.outside };
        let (parts, body) = request.into_parts();
        let sent = client.request(parts.method, url.clone()).headers(parts.headers).body(body).send().await;
        let mut answer = sent.map_err(|error| failure(error, &url))?;
        let mut body = BytesMut::new();
        if answer.content_length().is_some_and(|length| length > self.max_body_bytes as u64) {
            return Err(self.too_large(&url));
        }
        while let Some(chunk) = answer.chunk().await.map_err(|error| failure(error, &url))? {
            if chunk.len() > self.max_body_bytes.saturating_sub(body.len()) {
                return Err(self.too_large(&url));
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = Response::new(body.freeze());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

impl ReqwestTransport {
    fn too_large(&self, url: &Url) -> Error {
        Error::new(ErrorKind::Protocol, "the answer is larger than allowed")
            .with_context("limit", format_args!("{} bytes", self.max_body_bytes))
            .with_context("address", address_for_people(url))
            .with_outcome_in_doubt()
    }
}

fn failure(error: reqwest::Error, url: &Url) -> Error {
    let (kind, message) = match () {
        () if error.is_builder() => (ErrorKind::Invalid, "the request is not valid"),
        () if error.is_connect() && error.is_timeout() => (ErrorKind::TimedOut, "no connection in time"),
        () if error.is_connect() => (ErrorKind::Transport, "no connection"),
        () if error.is_timeout() => (ErrorKind::TimedOut, "no whole answer in time"),
        () => (ErrorKind::Transport, "the connection broke before the whole answer was there"),
    };
    let in_doubt = !error.is_builder() && !error.is_connect();
    let error = Error::new(kind, message)
        .with_context("address", address_for_people(url))
        // The address in reqwest's own words has the query in it.
        .with_source(error.without_url());
    if in_doubt { error.with_outcome_in_doubt() } else { error }
}
