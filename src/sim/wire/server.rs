//! The tenant on a socket.

use std::fmt;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, Request, Response, StatusCode};
use bytes::Bytes;
use futures::future::{Either, select};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use url::Url;

use super::tls;
use crate::cloud::Cloud;
use crate::error::{BoxError, Error, ErrorKind, Result};
use crate::sim::tenant::{Forwarded, MAX_BODY_BYTES, Sim};

/// So many connections are served at once; more wait.
const MAX_CONNECTIONS: usize = 1_024;
/// So long requests under way may take to finish when the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// So long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// And so long for its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// A simulated tenant that listens on a socket.
///
/// It stops when it is dropped; [`stop`](SimServer::stop) lets requests under way finish first.
pub struct SimServer {
    address: SocketAddr,
    scheme: &'static str,
    stop: watch::Sender<()>,
    task: Option<JoinHandle<()>>,
}

impl Sim {
    /// Serves the tenant over HTTP, such as on `127.0.0.1:0`: a free port that nobody else can reach.
    ///
    /// It has no TLS, and its ids, keys and secrets follow from its seed, which anybody can guess: do not let others reach
    /// it, and put nobody's data into it. On an address that others can reach, the log warns. See
    /// [`serve_https`](Sim::serve_https).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Transport`] if it cannot listen there.
    ///
    /// # Examples
    ///
    /// ```
    /// # use entrant::sim::Sim;
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let server = Sim::new().serve("127.0.0.1:0").await?;
    /// assert!(server.url().as_str().starts_with("http://127.0.0.1:"));
    /// server.stop().await;
    /// # Ok::<_, entrant::Error>(())
    /// # }).unwrap();
    /// ```
    pub async fn serve(&self, address: impl ToSocketAddrs) -> Result<SimServer> {
        self.listen(address, None).await
    }

    /// Serves the tenant over https, with a certificate chain (the server's own first) and its private key, both as PEM.
    ///
    /// Microsoft's sign-in libraries refuse authorities without https.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if the certificate or the key cannot be used, [`ErrorKind::Transport`] if it cannot listen
    /// there.
    pub async fn serve_https(
        &self,
        address: impl ToSocketAddrs,
        certificates: &[u8],
        private_key: &[u8],
    ) -> Result<SimServer> {
        self.listen(address, Some(tls::acceptor(certificates, private_key)?)).await
    }

    async fn listen(&self, address: impl ToSocketAddrs, tls: Option<TlsAcceptor>) -> Result<SimServer> {
        let cannot = |error| Error::new(ErrorKind::Transport, "cannot listen").with_source(error);
        let listener = TcpListener::bind(address).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        if !address.ip().is_loopback() {
            tracing::warn!(%address, "others can reach this simulated tenant: its secrets can be guessed, and what is in it read");
        }
        let (stop, stopped) = watch::channel(());
        let scheme = if tls.is_some() { "https" } else { "http" };
        let door = Door { sim: self.clone(), scheme, tls };
        let task = tokio::spawn(listen(door, listener, stopped));
        Ok(SimServer { address, scheme, stop, task: Some(task) })
    }
}

impl SimServer {
    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> Url {
        Url::parse(&format!("{}://{}/", self.scheme, self.address)).expect("an address with a port makes a valid URL")
    }

    /// The tenant as a cloud of its own.
    #[must_use]
    pub fn cloud(&self) -> Cloud {
        Cloud::Custom { authority: self.url(), graph: self.url() }
    }

    /// Stops listening, and waits up to five seconds for requests under way.
    pub async fn stop(mut self) {
        self.stop.send_replace(());
        if let Some(task) = self.task.take() {
            // A task that panicked has stopped as well.
            let _ = task.await;
        }
    }
}

impl Drop for SimServer {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl fmt::Debug for SimServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimServer").field("address", &self.address).finish_non_exhaustive()
    }
}

/// What connections lead to.
#[derive(Clone)]
struct Door {
    sim: Sim,
    scheme: &'static str,
    tls: Option<TlsAcceptor>,
}

async fn listen(door: Door, listener: TcpListener, stopped: watch::Receiver<()>) {
    let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // Aborted with this task, should the server be dropped.
    let mut connections = JoinSet::new();
    let mut stop = stopped.clone();
    let mut stop = pin!(stop.changed());
    loop {
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else {
            break;
        };
        let stream = match select(pin!(listener.accept()), stop.as_mut()).await {
            Either::Left((Ok((stream, _)), _)) => stream,
            Either::Left((Err(_), _)) => {
                // Out of file handles, or a client that was gone before it was let in.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            Either::Right(_) => break,
        };
        while connections.try_join_next().is_some() {}
        let (door, stopped) = (door.clone(), stopped.clone());
        connections.spawn(async move {
            greet(door, stream, stopped).await;
            drop(permit);
        });
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    // What is not through by then is cut off.
    let _ = tokio::time::timeout(GRACE, all).await;
}

async fn greet(door: Door, stream: TcpStream, mut stopped: watch::Receiver<()>) {
    // Small answers go out at once; where that cannot be set they go out a little later.
    let _ = stream.set_nodelay(true);
    let Some(tls) = &door.tls else {
        return serve_connection(&door, stream, stopped).await;
    };
    let hello = pin!(tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)));
    // A client that cannot agree, or says nothing, is let go: it has seen why.
    let greeted = match select(hello, pin!(stopped.changed())).await {
        Either::Left((Ok(Ok(stream)), _)) => Some(stream),
        _ => None,
    };
    if let Some(stream) = greeted {
        serve_connection(&door, stream, stopped).await;
    }
}

async fn serve_connection<S>(door: &Door, stream: S, mut stopped: watch::Receiver<()>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request| respond(door, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // A connection that fails is the client's affair: it sees that no answer comes.
    if let Either::Right(_) = select(connection.as_mut(), pin!(stopped.changed())).await {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

/// An error closes the connection without an answer.
async fn respond(door: &Door, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Dropped> {
    let (parts, body) = request.into_parts();
    let Some(origin) = origin(&parts.headers, door.scheme, door.sim.forwarded()) else {
        return Ok(plain(StatusCode::BAD_REQUEST, "The Host header is missing or malformed."));
    };
    let body = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY_BYTES).collect());
    let Ok(body) = body.await else {
        return Ok(plain(StatusCode::REQUEST_TIMEOUT, "The body of the request did not come in time."));
    };
    let body = match body {
        Ok(body) => body.to_bytes(),
        Err(error) if is_too_long(&error) => {
            return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE, "The body of the request is too large."));
        }
        Err(_) => return Err(Dropped),
    };
    let answer = door.sim.answer(&origin, Request::from_parts(parts, body)).await.ok_or(Dropped)?;
    Ok(answer.map(Full::new))
}

#[derive(Debug)]
struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is dropped")
    }
}

impl std::error::Error for Dropped {}

fn is_too_long(error: &BoxError) -> bool {
    error.is::<http_body_util::LengthLimitError>()
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}

/// Under what address the client reached the tenant: its answers name that.
fn origin(headers: &HeaderMap, scheme: &'static str, forwarded: Forwarded) -> Option<String> {
    let text = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        // A chain of proxies appends: the first is what the client asked for.
        value.split(',').next().map(str::trim).filter(|text| !text.is_empty())
    };
    let trusted = |name: &str| (forwarded == Forwarded::Trusted).then(|| text(name)).flatten();
    let host = trusted("x-forwarded-host").or_else(|| text("host"))?;
    let scheme = match trusted("x-forwarded-proto") {
        Some(told) if told.eq_ignore_ascii_case("https") => "https",
        Some(told) if told.eq_ignore_ascii_case("http") => "http",
        _ => scheme,
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    (host.len() <= 255 && host.bytes().all(is_host)).then(|| format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().expect("name"), value.parse().expect("value"))).collect()
    }

    #[test]
    fn the_origin_is_what_the_client_asked_for() {
        let proxied = headers(&[
            ("host", "10.0.0.1:80"),
            ("x-forwarded-host", "graph.example, inner.example"),
            ("x-forwarded-proto", "https"),
        ]);
        assert_eq!(origin(&proxied, "http", Forwarded::Ignored).as_deref(), Some("http://10.0.0.1:80"));
        assert_eq!(origin(&proxied, "http", Forwarded::Trusted).as_deref(), Some("https://graph.example"));
        let plain = headers(&[("host", "x.example"), ("x-forwarded-proto", "HTTP")]);
        assert_eq!(origin(&plain, "https", Forwarded::Ignored).as_deref(), Some("https://x.example"));
        assert_eq!(origin(&plain, "https", Forwarded::Trusted).as_deref(), Some("http://x.example"));
        assert_eq!(origin(&headers(&[]), "http", Forwarded::Ignored), None);
        assert_eq!(origin(&headers(&[("host", "evil/\"path")]), "http", Forwarded::Ignored), None);
    }
}
