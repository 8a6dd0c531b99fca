//! The settings of a connection, and how they are stored.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::check::{self, Check};
use crate::auth::{ClientId, ClientSecret, StaticToken, TenantId, TokenCredential};
use crate::clock::{Clock, SystemClock};
use crate::cloud::Cloud;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{GraphClient, GraphClientBuilder};
use crate::http::Transport;
use crate::http::address::checked_root;
use crate::secret::Secret;

/// The version of the stored form.
const FORMAT: u32 = 1;

/// A tenant, an application in it, and how that signs in.
///
/// Serialised, it holds everything but the secrets, also when the last check failed. Loaded again, it has no
/// credential: add it with [`with_client_secret`](Connection::with_client_secret) or one of its siblings.
///
/// # Examples
///
/// ```
/// use entrant::connection::Connection;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let connection = Connection::builder("contoso.onmicrosoft.com", "11111111-2222-3333-4444-555555555555")
///     .name("Contoso")
///     .client_secret("the secret's value")
///     .build()?;
/// let stored = serde_json::to_string(&connection)?;
/// assert!(!stored.contains("value"));
///
/// let loaded: Connection = serde_json::from_str(&stored)?;
/// assert!(!loaded.has_credential());
/// let loaded = loaded.with_client_secret("the secret's value");
/// assert!(loaded.has_credential());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Connection {
    stored: Stored,
    credential: Option<Arc<dyn TokenCredential>>,
}

/// What is stored, with the names of its stored form.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    format: u32,
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default)]
    cloud: Cloud,
    tenant: TenantId,
    client_id: ClientId,
    credential: CredentialKind,
    enabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_check: Option<Check>,
}

/// How a connection signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CredentialKind {
    /// With a secret of the application.
    ClientSecret,
    /// With a token that someone else got.
    Token,
    /// With a credential of the host's own.
    Custom,
}

/// Sets up a [`Connection`].
#[derive(Debug)]
#[must_use]
pub struct ConnectionBuilder {
    tenant: String,
    client_id: String,
    cloud: Cloud,
    name: Option<String>,
    description: String,
    enabled: bool,
    credential: Option<Given>,
}

/// A credential before the ids that it needs are known to be good.
#[derive(Debug)]
enum Given {
    ClientSecret(Secret),
    Token(Secret),
    Custom(Arc<dyn TokenCredential>),
}

impl Connection {
    /// Starts a connection to a tenant (its id, a GUID, or one of its domains) as an application (its client id).
    ///
    /// It needs a credential too.
    pub fn builder(tenant: impl Into<String>, client_id: impl Into<String>) -> ConnectionBuilder {
        ConnectionBuilder {
            tenant: tenant.into(),
            client_id: client_id.into(),
            cloud: Cloud::Global,
            name: None,
            description: String::new(),
            enabled: true,
            credential: None,
        }
    }

    /// The name in lists.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.stored.name
    }

    /// What people wrote about it; may be empty.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.stored.description
    }

    /// Where the tenant is.
    #[must_use]
    pub fn cloud(&self) -> &Cloud {
        &self.stored.cloud
    }

    /// The tenant as it was given: its id or a domain. A check says which id that is.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.stored.tenant
    }

    /// The application.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.stored.client_id
    }

    /// How it signs in.
    #[must_use]
    pub fn credential_kind(&self) -> CredentialKind {
        self.stored.credential
    }

    /// Whether the credential is there; after loading it is not.
    #[must_use]
    pub fn has_credential(&self) -> bool {
        self.credential.is_some()
    }

    /// Whether it is switched on. Nothing is written through one that is not.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.stored.enabled
    }

    /// What the last check found, if nothing that it depends on was edited since.
    #[must_use]
    pub fn last_check(&self) -> Option<&Check> {
        self.stored.last_check.as_ref()
    }

    /// Why nothing may be written through it, and what to do; `None` if it may.
    #[must_use]
    pub fn refusal(&self) -> Option<&'static str> {
        match self.last_check() {
            _ if !self.is_enabled() => Some("the connection is switched off; switch it on with Connection::enabled"),
            None => Some("the connection has not passed its check; run Connection::check, or use Entra::connect"),
            Some(check) if !check.passed() => {
                Some("the connection failed its last check; mend what it found and run Connection::check again")
            }
            Some(_) => None,
        }
    }

    /// Changes the name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.stored.name = name.into();
        self
    }

    /// Changes the description.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.stored.description = description.into();
        self
    }

    /// Switches it on.
    #[must_use]
    pub fn enabled(mut self) -> Self {
        self.stored.enabled = true;
        self
    }

    /// Switches it off.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.stored.enabled = false;
        self
    }

    /// Moves it to another cloud; it needs a new check.
    #[must_use]
    pub fn with_cloud(mut self, cloud: Cloud) -> Self {
        self.stored.cloud = cloud;
        self.stored.last_check = None;
        self
    }

    /// Moves it to another tenant; it needs a new check, and a secret again.
    #[must_use]
    pub fn with_tenant(mut self, tenant: TenantId) -> Self {
        self.stored.tenant = tenant;
        self.forget()
    }

    /// Makes it another application; it needs a new check, and a secret again.
    #[must_use]
    pub fn with_client_id(mut self, client_id: ClientId) -> Self {
        self.stored.client_id = client_id;
        self.forget()
    }

    /// Signs in with a secret of the application: its value, not its id.
    ///
    /// Where it fills in what loading left out, the last check stays; where it replaces a credential, a new check is
    /// needed.
    #[must_use]
    pub fn with_client_secret(self, secret: impl Into<Secret>) -> Self {
        let credential = ClientSecret::new(self.stored.tenant.clone(), self.stored.client_id.clone(), secret);
        self.sign_in(CredentialKind::ClientSecret, Arc::new(credential))
    }

    /// Signs in with a token that someone else got; as [`with_client_secret`](Self::with_client_secret).
    #[must_use]
    pub fn with_token(self, token: impl Into<Secret>) -> Self {
        self.sign_in(CredentialKind::Token, Arc::new(StaticToken::new(token)))
    }

    /// Signs in with a credential of one's own; as [`with_client_secret`](Self::with_client_secret).
    #[must_use]
    pub fn with_credential(self, credential: Arc<dyn TokenCredential>) -> Self {
        self.sign_in(CredentialKind::Custom, credential)
    }

    /// Starts a client for the tenant.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] without a credential.
    pub fn client(&self) -> Result<GraphClientBuilder> {
        let credential = self.credential.clone().ok_or_else(|| {
            Error::new(ErrorKind::NotReady, "the connection has no credential; secrets are not stored, add it again")
                .with_context("connection", self.name())
        })?;
        Ok(GraphClient::builder(credential).cloud(self.cloud().clone()))
    }

    /// Finds out whether the tenant can be worked with, and remembers it; see [`Check`].
    ///
    /// That a stage fails is not an error: the check says so, with the cause and what to do.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] without a credential, [`ErrorKind::Invalid`] without a way to the network (feature
    /// `reqwest`).
    ///
    /// # Permissions
    ///
    /// `Organization.Read.All`, and `Domain.Read.All` or no more (application).
    pub async fn check(&mut self) -> Result<&Check> {
        let client = self.client()?.build()?;
        self.run_check(&client, &SystemClock::new()).await
    }

    /// As [`check`](Self::check), over another way to the network and by another clock.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub async fn check_over(&mut self, transport: Arc<dyn Transport>, clock: Arc<dyn Clock>) -> Result<&Check> {
        let client = self.client()?.transport(transport).clock(Arc::clone(&clock)).build()?;
        self.run_check(&client, &clock).await
    }

    pub(crate) async fn run_check(&mut self, client: &GraphClient, clock: &dyn Clock) -> Result<&Check> {
        let check = check::run(client, self.tenant(), clock).await;
        Ok(self.stored.last_check.insert(check))
    }

    fn sign_in(mut self, kind: CredentialKind, credential: Arc<dyn TokenCredential>) -> Self {
        if self.credential.is_some() || self.stored.credential != kind {
            self.stored.last_check = None;
        }
        self.stored.credential = kind;
        self.credential = Some(credential);
        self
    }

    /// Forgets what was known of another tenant or application.
    fn forget(mut self) -> Self {
        self.stored.last_check = None;
        // A secret belongs to its application in its tenant; a token or a host's credential knows by itself.
        if self.stored.credential == CredentialKind::ClientSecret {
            self.credential = None;
        }
        self
    }
}

impl Serialize for Connection {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.stored.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Connection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        if stored.format != FORMAT {
            let message =
                format_args!("the connection was stored in format {}; this version knows {FORMAT}", stored.format);
            return Err(serde::de::Error::custom(message));
        }
        Ok(Self { stored, credential: None })
    }
}

impl ConnectionBuilder {
    /// Signs in with a secret of the application: its value, not its id.
    pub fn client_secret(mut self, secret: impl Into<Secret>) -> Self {
        self.credential = Some(Given::ClientSecret(secret.into()));
        self
    }

    /// Signs in with a token that someone else got.
    pub fn token(mut self, token: impl Into<Secret>) -> Self {
        self.credential = Some(Given::Token(token.into()));
        self
    }

    /// Signs in with a credential of one's own.
    pub fn credential(mut self, credential: Arc<dyn TokenCredential>) -> Self {
        self.credential = Some(Given::Custom(credential));
        self
    }

    /// Where the tenant is; the default is the worldwide cloud.
    pub fn cloud(mut self, cloud: Cloud) -> Self {
        self.cloud = cloud;
        self
    }

    /// The name in lists; the default is the tenant.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What people should know about it.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Leaves it switched off for now.
    pub fn disabled(mut self) -> Self {
        self.enabled = false;
        self
    }

    /// The connection; nothing is sent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`], naming everything that is wrong: the tenant, the client id, a cloud whose hosts are
    /// neither `https` nor this machine, a credential that is missing or blank.
    pub fn build(self) -> Result<Connection> {
        let mut faults = Vec::new();
        let mut note = |error: Error| faults.push(error.to_string());
        let tenant = TenantId::new(&self.tenant).map_err(&mut note).ok();
        let client_id = ClientId::new(&self.client_id).map_err(&mut note).ok();
        for host in [self.cloud.authority(), self.cloud.graph()] {
            if let Err(error) = checked_root(host) {
                note(error);
            }
        }
        let blank = |secret: &Secret| secret.expose().trim().is_empty();
        match &self.credential {
            None => faults.push("no credential is given: a client secret, a token, or one of your own".into()),
            Some(Given::ClientSecret(secret)) if blank(secret) => faults.push("the client secret is blank".into()),
            Some(Given::Token(token)) if blank(token) => faults.push("the token is blank".into()),
            Some(_) => {}
        }
        let (Some(tenant), Some(client_id), Some(given), true) =
            (tenant, client_id, self.credential, faults.is_empty())
        else {
            let message = format!("the connection cannot be made: {}", faults.join("; "));
            return Err(Error::new(ErrorKind::Invalid, message));
        };
        let connection = Connection {
            stored: Stored {
                format: FORMAT,
                name: self.name.unwrap_or_else(|| tenant.to_string()),
                description: self.description,
                cloud: self.cloud,
                tenant,
                client_id,
                credential: CredentialKind::Custom,
                enabled: self.enabled,
                last_check: None,
            },
            credential: None,
        };
        Ok(match given {
            Given::ClientSecret(secret) => connection.with_client_secret(secret),
            Given::Token(token) => connection.with_token(token),
            Given::Custom(credential) => connection.with_credential(credential),
        })
    }
}

impl fmt::Display for CredentialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientSecret => "client secret",
            Self::Token => "token",
            Self::Custom => "credential of the host",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &str = "11111111-2222-3333-4444-555555555555";

    fn connection() -> Connection {
        Connection::builder("contoso.com", CLIENT).client_secret("geheim").build().expect("all is given")
    }

    #[test]
    fn all_faults_are_named_at_once() {
        let error = Connection::builder("common", "hunter2").build().expect_err("three faults");
        let text = error.to_string();
        for part in ["a tenant is given by", "a client id is a GUID", "no credential is given"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
        let cloud = Cloud::Custom {
            authority: "http://login.example".parse().expect("an address"),
            graph: "https://graph.example".parse().expect("an address"),
        };
        let error = Connection::builder("contoso.com", CLIENT).cloud(cloud).token(" ").build().expect_err("two faults");
        assert!(error.to_string().contains("the token is blank"), "{error}");
        assert!(error.to_string().contains("login.example"), "{error}");
    }

    #[test]
    fn the_secret_is_not_stored_and_not_shown() {
        let connection = connection().with_description("for tests").disabled();
        let stored = serde_json::to_string(&connection).expect("it can be stored");
        assert!(!stored.contains("geheim"), "{stored}");
        assert!(!format!("{connection:?}").contains("geheim"));
        let loaded: Connection = serde_json::from_str(&stored).expect("it can be loaded");
        assert_eq!(loaded.name(), "contoso.com");
        assert_eq!(loaded.description(), "for tests");
        assert_eq!(loaded.credential_kind(), CredentialKind::ClientSecret);
        assert!(!loaded.is_enabled() && !loaded.has_credential());
        assert_eq!(loaded.client().expect_err("no secret").kind(), ErrorKind::NotReady);
        let error = serde_json::from_str::<Connection>(&stored.replace("\"format\":1", "\"format\":2"));
        assert!(error.expect_err("another format").to_string().contains("format 2"));
    }

    #[test]
    fn an_edit_needs_a_new_check() {
        let mut checked = connection();
        checked.stored.last_check = Some(Check::default());
        let stays = |connection: Connection| connection.last_check().is_some();
        assert!(stays(checked.clone().with_name("x").with_description("y").disabled().enabled()));
        assert!(!stays(checked.clone().with_cloud(Cloud::China)));
        assert!(!stays(checked.clone().with_client_secret("new")));
        assert!(!stays(checked.clone().with_token("new")));
        let moved = checked.clone().with_tenant(TenantId::new("fabrikam.com").expect("a domain"));
        assert!(!moved.has_credential(), "the secret is not sent to another tenant");
        assert!(!stays(moved));

        let stored = serde_json::to_string(&checked).expect("it can be stored");
        let loaded: Connection = serde_json::from_str(&stored).expect("it can be loaded");
        assert!(stays(loaded.clone().with_client_secret("geheim")), "only what was left out is filled in");
        assert!(!stays(loaded.with_token("another kind")));
    }
}
