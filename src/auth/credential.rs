//! The trait by which a token is had.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use time::OffsetDateTime;
use url::Url;

use super::challenge::claims_field;
use crate::clock::Clock;
use crate::cloud::Cloud;
use crate::error::Result;
use crate::http::Transport;
use crate::http::address::checked_root;
use crate::secret::Secret;

/// Gets a token for Microsoft Graph.
///
/// Called when a new token is needed, by one caller at a time: [`TokenCache`](super::TokenCache) keeps the last one.
/// A credential does not cache by itself, and gives a fresh token when asked. A token that Graph refuses is asked for
/// again once.
///
/// # Examples
///
/// A token that a vault's agent keeps in a file beside us:
///
/// ```
/// use entrant::auth::{AccessToken, TokenContext, TokenCredential};
/// use entrant::connection::Connection;
/// use entrant::error::Retry;
/// use entrant::{Error, ErrorKind, Result, async_trait};
///
/// #[derive(Debug)]
/// struct Sidecar(std::path::PathBuf);
///
/// #[async_trait]
/// impl TokenCredential for Sidecar {
///     async fn token(&self, context: &TokenContext) -> Result<AccessToken> {
///         let token = std::fs::read_to_string(&self.0).map_err(|error| {
///             // The agent may be starting: worth trying again.
///             let message = "the vault's agent has left no token";
///             Error::new(ErrorKind::Unauthenticated, message).with_retry(Retry::Later).with_source(error)
///         })?;
///         let expires_at = context.clock().now() + std::time::Duration::from_secs(600);
///         Ok(AccessToken::new(token.trim()).with_expiry(expires_at))
///     }
/// }
///
/// # let (tenant, client_id) = ("contoso.onmicrosoft.com", "11111111-2222-3333-4444-555555555555");
/// let connection = Connection::builder(tenant, client_id).credential(Sidecar("/run/vault/token".into())).build()?;
/// # Ok::<(), Error>(())
/// ```
#[async_trait]
pub trait TokenCredential: fmt::Debug + Send + Sync + 'static {
    /// Gets a new token for `context.scope()`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unauthenticated`](crate::ErrorKind::Unauthenticated) if the identity is refused; the message says
    /// why, and never holds the secret. It puts a job that meets it in quarantine until a person releases that: what
    /// passes by itself, such as an agent that is not there yet, says so [`with_retry`](crate::Error::with_retry).
    /// [`ErrorKind::NotReady`](crate::ErrorKind::NotReady) if there is no such credential here: a
    /// [`CredentialChain`](super::CredentialChain) then asks the next.
    async fn token(&self, context: &TokenContext) -> Result<AccessToken>;

    /// The certificate that it signs in with, if it does. Nothing is asked of anyone for this.
    fn certificate(&self) -> Option<CertificateValidity> {
        None
    }
}

/// From when until when a certificate is good, and which it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateValidity {
    /// It is good from here on.
    pub not_before: OffsetDateTime,
    /// It is good until here.
    pub not_after: OffsetDateTime,
    /// The SHA-1 of the certificate as the portal shows it, 40 hexadecimal digits, if it is known.
    pub thumbprint: Option<String>,
}

impl CertificateValidity {
    /// A certificate that is good between these moments.
    #[must_use]
    pub fn new(not_before: OffsetDateTime, not_after: OffsetDateTime) -> Self {
        Self { not_before, not_after, thumbprint: None }
    }

    /// Says which certificate it is.
    #[must_use]
    pub fn with_thumbprint(mut self, thumbprint: impl Into<String>) -> Self {
        self.thumbprint = Some(thumbprint.into());
        self
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: TokenCredential + ?Sized> TokenCredential for Arc<T> {
    async fn token(&self, context: &TokenContext) -> Result<AccessToken> {
        (**self).token(context).await
    }

    fn certificate(&self) -> Option<CertificateValidity> {
        (**self).certificate()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: TokenCredential + ?Sized> TokenCredential for Box<T> {
    async fn token(&self, context: &TokenContext) -> Result<AccessToken> {
        (**self).token(context).await
    }

    fn certificate(&self) -> Option<CertificateValidity> {
        (**self).certificate()
    }
}

/// What a credential works with: which cloud, over which network, by which clock.
#[derive(Debug, Clone)]
pub struct TokenContext {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    authority: Url,
    graph: Url,
    scope: String,
    claims: Option<Arc<str>>,
    continuous_access: bool,
}

impl TokenContext {
    /// The context for Microsoft Graph in a cloud.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if a host of the cloud is neither `https` nor this machine.
    pub fn new(cloud: &Cloud, transport: Arc<dyn Transport>, clock: Arc<dyn Clock>) -> Result<Self> {
        let graph = checked_root(cloud.graph())?;
        Ok(Self {
            transport,
            clock,
            authority: checked_root(cloud.authority())?,
            scope: format!("{}/.default", graph.as_str().trim_end_matches('/')),
            graph,
            claims: None,
            continuous_access: false,
        })
    }

    /// Tells Entra that this client answers claims challenges ([`ClaimsChallenge`](super::ClaimsChallenge)).
    ///
    /// Entra then gives tokens that live longer, up to 28 hours, and Graph refuses them within minutes once the
    /// application is disabled or a policy changes. The default is not to.
    ///
    /// See [continuous access evaluation](https://learn.microsoft.com/entra/identity/conditional-access/concept-continuous-access-evaluation-workload).
    #[must_use]
    pub fn with_continuous_access(mut self) -> Self {
        self.continuous_access = true;
        self
    }

    /// The same network and clock, for another cloud.
    pub(super) fn at(&self, cloud: &Cloud) -> Result<Self> {
        Self::new(cloud, self.transport.clone(), self.clock.clone())
    }

    /// The same, for a token that must fulfil these claims (JSON).
    pub(super) fn with_claims(&self, claims: Option<Arc<str>>) -> Self {
        Self { claims, ..self.clone() }
    }

    /// The same, for a token for something else.
    pub(super) fn with_scope(&self, scope: &str) -> Self {
        Self { scope: scope.to_owned(), claims: None, continuous_access: false, ..self.clone() }
    }

    /// What a token request carries as its field `claims`: what the token must fulfil, and that this client answers
    /// challenges. Credentials that talk to Entra send it; those that cannot leave it out.
    #[must_use]
    pub fn claims(&self) -> Option<String> {
        claims_field(self.claims.as_deref(), self.continuous_access)
    }

    /// The way to the network.
    #[must_use]
    pub fn transport(&self) -> &dyn Transport {
        &*self.transport
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The host that issues tokens, with a slash at its end.
    #[must_use]
    pub fn authority(&self) -> &Url {
        &self.authority
    }

    /// The root of Graph, with a slash at its end.
    #[must_use]
    pub fn graph(&self) -> &Url {
        &self.graph
    }

    /// What the token is for, such as `https://graph.microsoft.com/.default`.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }
}

/// A token and how long it is good.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessToken {
    /// The token itself.
    pub secret: Secret,
    /// When it ends; `None` if nobody knows.
    pub expires_at: Option<OffsetDateTime>,
    /// When its issuer wants it renewed, if it said so.
    pub refresh_at: Option<OffsetDateTime>,
}

impl AccessToken {
    /// A token that is good until it is refused.
    pub fn new(secret: impl Into<Secret>) -> Self {
        Self { secret: secret.into(), expires_at: None, refresh_at: None }
    }

    /// Says when it ends.
    #[must_use]
    pub fn with_expiry(mut self, expires_at: OffsetDateTime) -> Self {
        self.expires_at = Some(expires_at);
        self
    }

    /// Says when its issuer wants it renewed; without it that is five minutes before it ends.
    #[must_use]
    pub fn with_refresh(mut self, refresh_at: OffsetDateTime) -> Self {
        self.refresh_at = Some(refresh_at);
        self
    }
}
