//! The identity that Azure gives to a machine or a service.

use std::fmt;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::channel::oneshot;
use futures::future::{Either, select};
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{Method, Request, StatusCode};
use url::{Url, form_urlencoded};

use super::endpoint::{self, Answer, Patience};
use super::{AccessToken, Environment, TokenContext, TokenCredential};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::http::address::check_local;
use crate::secret::Secret;

/// The metadata service of a virtual machine.
const IMDS: &str = "http://169.254.169.254";

/// The agent of Azure Arc.
const ARC: &str = "http://localhost:40342/metadata/identity/oauth2/token";

/// Where the agent of Azure Arc keeps the keys that it asks for.
const ARC_KEYS: &str = "/var/opt/azcmagent/tokens";

/// The largest of those keys, in bytes.
const MAX_KEY: u64 = 4_096;

/// So long the metadata service has for its first answer: where there is none, its address often leads nowhere.
const PROBE: Duration = Duration::from_secs(3);

/// How often the local service is asked: it may just have started.
const ATTEMPTS: u32 = 5;

/// The managed identity of the machine or service that this program runs on: nothing to configure and nothing to keep.
///
/// Which local service to ask is found by the environment: Service Fabric, App Service and Functions, Azure Machine
/// Learning, Azure Arc, Cloud Shell, and else the metadata service of a virtual machine or scale set. The identity gets
/// its Graph permissions as app role assignments; there is no registration to edit. Service Fabric's service has a
/// certificate that nobody has signed: give the client a transport that trusts it.
///
/// # Examples
///
/// ```
/// use entrant::auth::ManagedIdentity;
///
/// let system_assigned = ManagedIdentity::new();
/// let user_assigned = ManagedIdentity::new().client_id("11111111-2222-3333-4444-555555555555");
/// ```
///
/// See [managed identities](https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview).
#[derive(Clone)]
pub struct ManagedIdentity {
    host: Host,
    which: Which,
    has_answered: Arc<AtomicBool>,
}

/// Whom to ask.
#[derive(Clone, PartialEq, Eq)]
enum Host {
    ServiceFabric { endpoint: String, header: Secret },
    AppService { endpoint: String, header: Secret },
    MachineLearning { endpoint: String, secret: Secret },
    CloudShell { endpoint: String },
    Arc { endpoint: String, keys: String },
    Imds { root: String },
}

/// Which of a machine's identities.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Which {
    SystemAssigned,
    Client(String),
    Object(String),
    Resource(String),
}

impl Default for ManagedIdentity {
    fn default() -> Self {
        Self::new()
    }
}

impl ManagedIdentity {
    /// The system-assigned identity, by the environment of this process.
    #[must_use]
    pub fn new() -> Self {
        Self::from_environment(&Environment::of_process())
    }

    /// The system-assigned identity, by another environment.
    #[must_use]
    pub fn from_environment(environment: &Environment) -> Self {
        let text = |name: &str| environment.get(name).map(str::to_owned);
        let secret = |name: &str| environment.get(name).map(Secret::new);
        let identity = (text("IDENTITY_ENDPOINT"), secret("IDENTITY_HEADER"));
        let host = match (identity, text("MSI_ENDPOINT"), secret("MSI_SECRET")) {
            ((Some(endpoint), Some(header)), _, _) if text("IDENTITY_SERVER_THUMBPRINT").is_some() => {
                Host::ServiceFabric { endpoint, header }
            }
            ((Some(endpoint), Some(header)), _, _) => Host::AppService { endpoint, header },
            ((Some(endpoint), None), _, _) if text("IMDS_ENDPOINT").is_some() => {
                Host::Arc { endpoint, keys: arc_keys(environment) }
            }
            (_, Some(endpoint), Some(secret)) => Host::MachineLearning { endpoint, secret },
            (_, Some(endpoint), None) => Host::CloudShell { endpoint },
            _ if Path::new("/opt/azcmagent/bin/himds").exists() => {
                Host::Arc { endpoint: ARC.to_owned(), keys: arc_keys(environment) }
            }
            _ => Host::Imds { root: text("AZURE_POD_IDENTITY_AUTHORITY_HOST").unwrap_or_else(|| IMDS.to_owned()) },
        };
        Self { host, which: Which::SystemAssigned, has_answered: Arc::default() }
    }

    /// The user-assigned identity with this client id.
    #[must_use]
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.which = Which::Client(id.into());
        self
    }

    /// The user-assigned identity with this object id.
    #[must_use]
    pub fn object_id(mut self, id: impl Into<String>) -> Self {
        self.which = Which::Object(id.into());
        self
    }

    /// The user-assigned identity with this resource id, such as `/subscriptions/…/userAssignedIdentities/sync`.
    #[must_use]
    pub fn resource_id(mut self, id: impl Into<String>) -> Self {
        self.which = Which::Resource(id.into());
        self
    }

    /// The request, by what its host is used to.
    fn request(&self, resource: &str) -> Result<Request<Bytes>> {
        let (endpoint, version, header): (&str, &str, (&str, &str)) = match &self.host {
            Host::ServiceFabric { endpoint, header } => (endpoint, "2019-07-01-preview", ("Secret", header.expose())),
            Host::AppService { endpoint, header } => (endpoint, "2019-08-01", ("X-IDENTITY-HEADER", header.expose())),
            Host::MachineLearning { endpoint, secret } => (endpoint, "2017-09-01", ("secret", secret.expose())),
            Host::CloudShell { endpoint } => (endpoint, "", ("Metadata", "true")),
            Host::Arc { endpoint, .. } => (endpoint, "2020-06-01", ("Metadata", "true")),
            Host::Imds { root } => (root, "2018-02-01", ("Metadata", "true")),
        };
        let wrong = || Error::new(ErrorKind::Invalid, "the address of the identity service is not valid");
        let mut url = Url::parse(endpoint).map_err(|_| wrong())?;
        if matches!(self.host, Host::Imds { .. }) {
            url.set_path("/metadata/identity/oauth2/token");
        }
        check_local(&url)?;
        let which = self.which_field();
        let mut value = http::HeaderValue::try_from(header.1).map_err(|_| wrong())?;
        // Most of them are keys.
        value.set_sensitive(true);
        let mut request = Request::builder().header(header.0, value);
        let body = if matches!(self.host, Host::CloudShell { .. }) {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.append_pair("resource", resource).extend_pairs(which);
            request = request.method(Method::POST).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            Bytes::from(form.finish())
        } else {
            url.query_pairs_mut()
                .append_pair("api-version", version)
                .append_pair("resource", resource)
                .extend_pairs(which);
            Bytes::new()
        };
        request.uri(url.as_str()).body(body).map_err(|_| wrong())
    }

    fn which_field(&self) -> Option<(&'static str, &str)> {
        let is_imds = matches!(self.host, Host::Imds { .. });
        match (&self.which, &self.host) {
            (Which::SystemAssigned, _) => None,
            (Which::Client(id), Host::MachineLearning { .. }) => Some(("clientid", id)),
            (Which::Client(id), _) => Some(("client_id", id)),
            (Which::Object(id), _) => Some(("object_id", id)),
            (Which::Resource(id), _) => Some((if is_imds { "msi_res_id" } else { "mi_res_id" }, id)),
        }
    }

    async fn ask(&self, context: &TokenContext) -> Result<AccessToken> {
        let resource = context.scope().strip_suffix("/.default").unwrap_or(context.scope());
        let request = self.request(resource)?;
        let sent = endpoint::send(context, Ok(request.clone()));
        let is_unknown = matches!(self.host, Host::Imds { .. }) && !self.has_answered.load(Ordering::Relaxed);
        let answer = if is_unknown { within(PROBE, sent).await.unwrap_or_else(|| Err(too_slow())) } else { sent.await };
        let mut answer = answer.map_err(|error| self.absent(error))?;
        self.has_answered.store(true, Ordering::Relaxed);
        if let (Host::Arc { keys, .. }, StatusCode::UNAUTHORIZED) = (&self.host, answer.status) {
            let key = arc_key(&answer, keys)?;
            let mut request = request;
            let mut header = http::HeaderValue::try_from(format!("Basic {}", key.expose()))
                .map_err(|_| Error::new(ErrorKind::Protocol, "the key of Azure Arc's agent is malformed"))?;
            header.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, header);
            answer = endpoint::send(context, Ok(request)).await?;
        }
        if answer.status == StatusCode::OK {
            return endpoint::parse_foreign_token(&answer.body, answer.sent_at);
        }
        Err(self.refused(&answer))
    }

    /// No answer at all: where there is no identity service, nothing answers at its address.
    fn absent(&self, error: Error) -> Error {
        let is_there = !matches!(self.host, Host::Imds { .. }) || error.is_outcome_in_doubt();
        match error.kind() {
            ErrorKind::Transport | ErrorKind::TimedOut if !is_there => {
                Error::new(ErrorKind::NotReady, "there is no managed identity here: no identity service answers")
                    .with_source(error)
            }
            _ => error,
        }
    }

    fn refused(&self, answer: &Answer) -> Error {
        let none = Secret::new("");
        let header = match &self.host {
            Host::ServiceFabric { header, .. } | Host::AppService { header, .. } => header,
            Host::MachineLearning { secret, .. } => secret,
            _ => &none,
        };
        let error = endpoint::refusal(answer, &[header]).with_context("host", self.host.name());
        let says_none = answer.status == StatusCode::BAD_REQUEST
            && String::from_utf8_lossy(&answer.body).to_lowercase().contains("identity not found");
        match answer.status {
            _ if says_none => {
                Error::new(ErrorKind::NotReady, "this machine has no such managed identity: assign one to it")
                    .with_source(error)
            }
            // The service is starting, or is being updated.
            StatusCode::NOT_FOUND | StatusCode::GONE => error.with_retry(Retry::Later),
            _ => error,
        }
    }
}

#[async_trait]
impl TokenCredential for ManagedIdentity {
    async fn token(&self, context: &TokenContext) -> Result<AccessToken> {
        let mut patience = Patience::with(context, ATTEMPTS);
        loop {
            match self.ask(context).await {
                Ok(mut token) => {
                    // The service keeps tokens of a day; those are renewed at half their life.
                    let now = context.clock().now();
                    token.refresh_at = token
                        .expires_at
                        .filter(|ends| *ends - now >= time::Duration::hours(2))
                        .map(|ends| now + (ends - now) / 2);
                    return Ok(token);
                }
                Err(error) => patience.wait(context, error).await?,
            }
        }
    }
}

impl Host {
    fn name(&self) -> &'static str {
        match self {
            Self::ServiceFabric { .. } => "Service Fabric",
            Self::AppService { .. } => "App Service",
            Self::MachineLearning { .. } => "Azure Machine Learning",
            Self::CloudShell { .. } => "Cloud Shell",
            Self::Arc { .. } => "Azure Arc",
            Self::Imds { .. } => "virtual machine",
        }
    }
}

impl fmt::Debug for ManagedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedIdentity").field("host", &self.host.name()).field("which", &self.which).finish()
    }
}

/// What comes of a future in this time, by the machine's own clock: a virtual one would not wait for the network.
async fn within<T>(time: Duration, future: impl Future<Output = T>) -> Option<T> {
    let (ring, rung) = oneshot::channel::<()>();
    let timer = std::thread::Builder::new().name("identity-probe".to_owned()).spawn(move || {
        std::thread::sleep(time);
        // Nobody waits any more if the answer came.
        let _ = ring.send(());
    });
    if timer.is_err() {
        return Some(future.await);
    }
    match select(pin!(future), rung).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

fn too_slow() -> Error {
    Error::new(ErrorKind::TimedOut, "nothing answers at the address of the metadata service")
        .with_context("limit", format_args!("{} s", PROBE.as_secs()))
}

fn arc_keys(environment: &Environment) -> String {
    match environment.get("ProgramData") {
        Some(folder) if cfg!(windows) => format!("{folder}\\AzureConnectedMachineAgent\\Tokens"),
        _ => ARC_KEYS.to_owned(),
    }
}

/// Reads the key that the agent names: only who may read its folder is given a token.
fn arc_key(answer: &Answer, folder: &str) -> Result<Secret> {
    use std::io::Read as _;

    let wrong = |message: &'static str| Error::new(ErrorKind::Protocol, message);
    let header = answer.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let path = header.trim().strip_prefix("Basic realm=").map(|path| path.trim().trim_matches('"'));
    let path = Path::new(path.ok_or_else(|| wrong("Azure Arc's agent does not name its key"))?);
    let is_its_own = path.parent() == Some(Path::new(folder))
        && path.extension().is_some_and(|extension| extension == "key")
        && path.file_stem().is_some_and(|stem| stem != "..");
    if !is_its_own {
        return Err(wrong("Azure Arc's agent names a file that is none of its keys"));
    }
    let cannot = |source: std::io::Error| {
        Error::new(ErrorKind::NotReady, "cannot read the key of Azure Arc's agent: join the group `himds`")
            .with_source(source)
    };
    let mut key = zeroize::Zeroizing::new(String::new());
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(MAX_KEY + 1).read_to_string(&mut key).map_err(cannot)?;
    if key.len() as u64 > MAX_KEY || key.trim().is_empty() {
        return Err(wrong("the key of Azure Arc's agent is too long or empty"));
    }
    Ok(Secret::new(key.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::cloud::Cloud;
    use crate::http::Transport;
    use http::Response;
    use std::sync::Mutex;
    use time::macros::datetime;

    /// Answers as Azure Arc's agent: names a key, and wants to see what is in it.
    #[derive(Debug)]
    struct Agent {
        key: String,
        wants: &'static str,
        seen: Arc<Mutex<Vec<String>>>,
    }

    #[async_trait]
    impl Transport for Agent {
        async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
            self.seen.lock().expect("no panic").push(request.uri().to_string());
            let shown = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
            let body = br#"{"access_token":"t","expires_in":"3600","token_type":"Bearer"}"#;
            let answer = match shown == Some(self.wants) {
                true => Response::builder().body(Bytes::from_static(body)),
                false => Response::builder()
                    .status(401)
                    .header(WWW_AUTHENTICATE, format!("Basic realm={}", self.key))
                    .body(Bytes::new()),
            };
            Ok(answer.expect("an answer"))
        }
    }

    #[tokio::test]
    async fn azure_arc_shows_the_key_that_the_agent_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = folder.path().to_str().expect("text").to_owned();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
        write("good.key", "s3cret\n");
        write("long.key", &"x".repeat(5_000));
        write("other.txt", "s3cret");
        std::fs::create_dir(folder.path().join("inner")).expect("a folder");
        write("inner/deep.key", "s3cret");
        let asked = async |key: &str| {
            let seen = Arc::default();
            let agent = Agent { key: key.replace("KEYS", &keys), wants: "Basic s3cret", seen: Arc::clone(&seen) };
            let clock = ManualClock::at(datetime!(2026-01-15 09:30:00 UTC));
            let context = TokenContext::new(&Cloud::Global, Arc::new(agent), Arc::new(clock)).expect("a context");
            let host = Host::Arc { endpoint: ARC.to_owned(), keys: keys.clone() };
            let outcome = ManagedIdentity { host, which: Which::SystemAssigned, has_answered: Arc::default() }
                .token(&context)
                .await;
            let seen = seen.lock().expect("no panic").clone();
            (outcome, seen)
        };
        let (token, seen) = asked("KEYS/good.key").await;
        assert_eq!(token.expect("a token").secret.expose(), "t");
        let address = format!("{ARC}?api-version=2020-06-01&resource=https%3A%2F%2Fgraph.microsoft.com");
        assert_eq!(seen, [address.clone(), address]);
        for (key, kind) in [
            ("KEYS/long.key", ErrorKind::Protocol),
            ("KEYS/other.txt", ErrorKind::Protocol),
            ("KEYS/inner/deep.key", ErrorKind::Protocol),
            ("KEYS/../good.key", ErrorKind::Protocol),
            ("KEYS/missing.key", ErrorKind::NotReady),
            ("/etc/shadow", ErrorKind::Protocol),
            ("", ErrorKind::Protocol),
        ] {
            let (outcome, seen) = asked(key).await;
            let error = outcome.expect_err(key);
            assert_eq!((error.kind(), seen.len()), (kind, 1), "{key}: {error}");
            assert!(!format!("{error:?}").contains("s3cret"));
        }
    }

    #[tokio::test]
    async fn a_probe_ends() {
        let short = Duration::from_millis(10);
        assert_eq!(within(short, std::future::pending::<()>()).await, None);
        assert_eq!(within(Duration::from_secs(60), async { 7 }).await, Some(7));
        let imds = ManagedIdentity::from_environment(&Environment::new([(
            "AZURE_POD_IDENTITY_AUTHORITY_HOST",
            "http://169.254.169.254",
        )]));
        assert_eq!(imds.absent(too_slow()).kind(), ErrorKind::NotReady, "a chain goes on to the next");
    }

    #[test]
    fn each_host_is_asked_in_its_way() {
        let of = |variables: &[(&str, &str)]| {
            ManagedIdentity::from_environment(&Environment::new(variables.iter().copied()))
        };
        let request = |identity: &ManagedIdentity| identity.request("https://graph.microsoft.com").expect("a request");
        let imds = of(&[("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://169.254.169.254/")]);
        assert_eq!(
            request(&imds.clone().resource_id("/subscriptions/x")).uri().to_string(),
            "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01\
             &resource=https%3A%2F%2Fgraph.microsoft.com&msi_res_id=%2Fsubscriptions%2Fx"
        );
        assert_eq!(request(&imds).headers()["metadata"], "true");
        let fabric = of(&[
            ("IDENTITY_ENDPOINT", "https://localhost:2377/x"),
            ("IDENTITY_HEADER", "h"),
            ("IDENTITY_SERVER_THUMBPRINT", "00"),
        ]);
        assert_eq!(request(&fabric).headers()["secret"], "h");
        assert!(request(&fabric).headers()["secret"].is_sensitive(), "nobody who shows a request shows it");
        let learning = of(&[("MSI_ENDPOINT", "http://127.0.0.1/m"), ("MSI_SECRET", "s")]).client_id("c");
        assert!(request(&learning).uri().to_string().contains("api-version=2017-09-01"));
        assert!(request(&learning).uri().to_string().ends_with("&clientid=c"));
        let shell = of(&[("MSI_ENDPOINT", "http://localhost:50342/oauth2/token")]);
        assert_eq!(
            (request(&shell).method(), request(&shell).body().as_ref()),
            (&Method::POST, &b"resource=https%3A%2F%2Fgraph.microsoft.com"[..])
        );
        let arc = of(&[("IDENTITY_ENDPOINT", "http://localhost:40342/x"), ("IMDS_ENDPOINT", "http://localhost:40342")]);
        assert!(format!("{arc:?}").contains("Azure Arc"));
        let far = of(&[("IDENTITY_ENDPOINT", "http://evil.example/"), ("IDENTITY_HEADER", "h")]);
        assert!(far.request("x").is_err(), "the header does not leave the machine unprotected");
    }
}
