//! Signing in with a browser on the person's own machine.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::channel::oneshot;
use url::Url;

use super::person::RefreshToken;
use super::{
    AccessToken, AuthorizationCode, RefreshTokenStore, SignInPrompt, SignInRequest, TokenContext, TokenCredential,
    UserApplication,
};
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

/// So long a person may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// So long one connection may take to say what it wants.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest head of a request that is read, in bytes. Codes are long.
const MAX_HEAD: usize = 32 * 1024;

/// A person who signs in with the browser of this machine.
///
/// The answer comes to `http://localhost` at a free port, which only this machine reaches; register `http://localhost`
/// with the application under `Mobile and desktop applications`. The person has five minutes. Once signed in, it goes on
/// by its refresh token; the person is asked again when that is refused.
///
/// See [redirect URIs](https://learn.microsoft.com/entra/identity-platform/reply-url).
#[derive(Debug, Clone)]
pub struct BrowserSignIn {
    sign_in: RefreshToken,
    prompt: Arc<dyn SignInPrompt>,
}

impl BrowserSignIn {
    /// A sign-in to `application`; `prompt` opens the browser, `store` keeps the refresh token.
    pub fn new(application: UserApplication, prompt: impl SignInPrompt, store: impl RefreshTokenStore) -> Self {
        Self { sign_in: RefreshToken::new(application, store), prompt: Arc::new(prompt) }
    }
}

#[async_trait]
impl TokenCredential for BrowserSignIn {
    async fn token(&self, context: &TokenContext) -> Result<AccessToken> {
        if let Ok(token) = self.sign_in.renew(context).await? {
            return Ok(token);
        }
        let receiver = LoopbackReceiver::bind()?;
        let begun = AuthorizationCode::begin(self.sign_in.application().clone(), context, receiver.redirect_uri())?;
        let begun = Arc::new(begun);
        let answer = receiver.receive(Arc::clone(&begun), PATIENCE)?;
        self.prompt.show(&SignInRequest::Browser { page: begun.page().clone() }).await?;
        let query = answer.wait().await?;
        let begun = Arc::into_inner(begun)
            .ok_or_else(|| Error::new(ErrorKind::TimedOut, "the sign-in is still being waited for"))?;
        begun.finish_with(context, query.expose(), &self.sign_in).await
    }
}

/// Waits on this machine for a browser that comes back from the sign-in page.
#[derive(Debug)]
struct LoopbackReceiver {
    listener: TcpListener,
    port: u16,
}

/// The answer that will come; when it is dropped, nobody listens any more.
struct Awaited {
    answer: oneshot::Receiver<Result<Secret>>,
    given_up: Arc<AtomicBool>,
}

impl LoopbackReceiver {
    fn bind() -> Result<Self> {
        let cannot = |source: std::io::Error| {
            Error::new(ErrorKind::Transport, "cannot listen on this machine for the browser's answer")
                .with_source(source)
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(cannot)?;
        listener.set_nonblocking(true).map_err(cannot)?;
        let port = listener.local_addr().map_err(cannot)?.port();
        Ok(Self { listener, port })
    }

    fn redirect_uri(&self) -> Url {
        Url::parse(&format!("http://localhost:{}/", self.port)).expect("a host and a port make an address")
    }

    /// Listens in a thread of its own, until the answer of this sign-in comes.
    fn receive(self, begun: Arc<AuthorizationCode>, patience: Duration) -> Result<Awaited> {
        let (send, answer) = oneshot::channel();
        let given_up = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&given_up);
        let listen = move || {
            let answer = self.listen(&begun, patience, &ends);
            drop(begun);
            // Whoever waited may have given up.
            let _ = send.send(answer);
        };
        std::thread::Builder::new().name("sign-in".to_owned()).spawn(listen).map_err(|source| {
            Error::new(ErrorKind::Transport, "cannot listen on this machine for the browser's answer")
                .with_source(source)
        })?;
        Ok(Awaited { answer, given_up })
    }

    fn listen(&self, begun: &AuthorizationCode, patience: Duration, given_up: &AtomicBool) -> Result<Secret> {
        let began = Instant::now();
        while !given_up.load(Ordering::Relaxed) && began.elapsed() < patience {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    if let Some(query) = greet(stream, begun) {
                        return Ok(query);
                    }
                }
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        Err(Error::new(ErrorKind::TimedOut, "nobody signed in within five minutes"))
    }
}

impl Awaited {
    async fn wait(mut self) -> Result<Secret> {
        let answer = (&mut self.answer).await;
        answer.unwrap_or_else(|_| Err(Error::new(ErrorKind::TimedOut, "the browser's answer did not come")))
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.given_up.store(true, Ordering::Relaxed);
    }
}

/// Answers one connection; gives the query if it is the answer. Browsers also ask for icons, and others may knock.
fn greet(mut stream: TcpStream, begun: &AuthorizationCode) -> Option<Secret> {
    // On some systems a connection does not block since its listener does not.
    stream.set_nonblocking(false).ok()?;
    stream.set_read_timeout(Some(READ_TIMEOUT)).ok()?;
    stream.set_write_timeout(Some(READ_TIMEOUT)).ok()?;
    let mut head = zeroize::Zeroizing::new(Vec::new());
    let mut chunk = zeroize::Zeroizing::new([0; 1_024]);
    let began = Instant::now();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut *chunk).ok().filter(|read| *read > 0)?;
        head.extend_from_slice(&chunk[..read]);
        if head.len() > MAX_HEAD || began.elapsed() > READ_TIMEOUT {
            return None;
        }
    }
    let line = std::str::from_utf8(head.split(|byte| *byte == b'\r').next()?).ok()?;
    let mut words = line.split(' ');
    let target = words.next().filter(|method| *method == "GET").and_then(|_| words.next());
    let query = target.and_then(|target| target.strip_prefix("/?")).filter(|query| begun.is_answer(query));
    let (status, text) = match query {
        Some(_) => ("200 OK", "You are signed in, or were refused: see the program. You may close this page."),
        None => ("404 Not Found", "There is nothing here."),
    };
    let page = format!(
        "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>entrant</title></head><body><p>{text}</p></body></html>"
    );
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n\r\n{page}",
        page.len()
    );
    // A browser that does not read it has sent its answer all the same.
    let _ = stream.write_all(answer.as_bytes());
    query.map(Secret::new)
}
