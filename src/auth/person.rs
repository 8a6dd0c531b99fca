//! People who sign in: the application they sign in to, and what is kept of it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use url::Url;

use super::client_certificate::JWT_BEARER;
use super::endpoint::{self, Granted};
use super::{
    AccessToken, ClientCertificate, ClientId, SignInClass, SignInFailure, SigningAlgorithm, TenantId, TokenContext,
    TokenCredential,
};
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

/// What is asked for beside permissions: who signed in, and a refresh token.
const PROTOCOL_SCOPES: &str = "offline_access openid profile";

/// An application that people sign in to.
///
/// A public one (on a person's own machine) shows nothing but its id; one on a server shows its secret or certificate.
/// A token is asked for with all permissions that the registration lists, or with [`scopes`](Self::scopes).
///
/// # Examples
///
/// ```
/// use entrant::auth::{ClientId, TenantId, UserApplication};
///
/// # fn main() -> entrant::Result<()> {
/// let application = UserApplication::public(
///     TenantId::new("contoso.onmicrosoft.com")?,
///     ClientId::new("11111111-2222-3333-4444-555555555555")?,
/// )
/// .scopes(["User.ReadWrite.All", "Group.ReadWrite.All"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct UserApplication {
    tenant: TenantId,
    client: ClientId,
    proof: Proof,
    scopes: Vec<String>,
}

/// How the application shows who it is.
#[derive(Debug, Clone)]
enum Proof {
    Nothing,
    Secret(Secret),
    Certificate(ClientCertificate),
}

impl UserApplication {
    /// A public application: a program on a person's machine, which cannot keep a secret.
    pub fn public(tenant: TenantId, client: ClientId) -> Self {
        Self { tenant, client, proof: Proof::Nothing, scopes: Vec::new() }
    }

    /// An application on a server, with its secret.
    pub fn with_secret(tenant: TenantId, client: ClientId, secret: impl Into<Secret>) -> Self {
        Self { proof: Proof::Secret(secret.into()), ..Self::public(tenant, client) }
    }

    /// An application on a server, with its certificate; tenant and client id are the credential's.
    pub fn with_certificate(certificate: ClientCertificate) -> Self {
        let (tenant, client) = certificate.ids();
        Self { proof: Proof::Certificate(certificate), ..Self::public(tenant, client) }
    }

    /// Asks for these delegated permissions: names such as `User.Read`, for Graph, or whole addresses.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    pub(super) fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    pub(super) fn client(&self) -> &ClientId {
        &self.client
    }

    /// The field `scope`.
    pub(super) fn scope(&self, context: &TokenContext) -> String {
        let graph = context.graph().as_str().trim_end_matches('/');
        let whole = |scope: &String| match scope.contains("://") {
            true => scope.clone(),
            false => format!("{graph}/{scope}"),
        };
        let asked: Vec<String> = self.scopes.iter().map(whole).collect();
        let asked = if asked.is_empty() { context.scope().to_owned() } else { asked.join(" ") };
        format!("{asked} {PROTOCOL_SCOPES}")
    }

    /// Asks for a token of a person; `fields` are those of the grant. Not repeated: codes are good once.
    pub(super) async fn ask(
        &self,
        context: &TokenContext,
        fields: &[(&str, &str)],
        secrets: &[&Secret],
    ) -> Result<Granted> {
        let mut fields: Vec<(&str, &str)> = fields.to_vec();
        fields.push(("client_id", self.client.as_str()));
        match &self.proof {
            Proof::Nothing => endpoint::ask(context, &self.tenant, &fields, secrets).await,
            Proof::Secret(secret) => {
                fields.push(("client_secret", secret.expose()));
                let secrets: Vec<&Secret> = secrets.iter().copied().chain([secret]).collect();
                endpoint::ask(context, &self.tenant, &fields, &secrets).await
            }
            Proof::Certificate(certificate) => {
                let first = self.ask_with(context, certificate, certificate.preferred(), &fields, secrets).await;
                match first {
                    Err(error) if certificate.may_fall_back(&error) => {
                        let other = SigningAlgorithm::Rs256;
                        let second = self.ask_with(context, certificate, other, &fields, secrets).await;
                        second.inspect(|_| certificate.fall_back()).map_err(|_| error)
                    }
                    outcome => outcome,
                }
            }
        }
    }

    async fn ask_with(
        &self,
        context: &TokenContext,
        certificate: &ClientCertificate,
        algorithm: SigningAlgorithm,
        fields: &[(&str, &str)],
        secrets: &[&Secret],
    ) -> Result<Granted> {
        let assertion = certificate.assertion(context, algorithm).await?;
        let proof = [("client_assertion_type", JWT_BEARER), ("client_assertion", assertion.expose())];
        let fields: Vec<_> = fields.iter().copied().chain(proof).collect();
        let secrets: Vec<&Secret> = secrets.iter().copied().chain([&assertion]).collect();
        endpoint::ask(context, &self.tenant, &fields, &secrets).await
    }
}

/// Where the refresh token of a person's sign-in is kept between runs.
///
/// Whoever has it acts as the person: a host keeps it encrypted, such as in the operating system's key store.
#[async_trait]
pub trait RefreshTokenStore: fmt::Debug + Send + Sync + 'static {
    /// The token that was kept last, if any.
    async fn load(&self) -> Result<Option<Secret>>;

    /// Keeps a token in place of the last one, durably when it returns.
    async fn save(&self, token: &Secret) -> Result<()>;

    /// Forgets the token: it is not good any more.
    async fn clear(&self) -> Result<()>;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: RefreshTokenStore + ?Sized> RefreshTokenStore for Arc<T> {
    async fn load(&self) -> Result<Option<Secret>> {
        (**self).load().await
    }

    async fn save(&self, token: &Secret) -> Result<()> {
        (**self).save(token).await
    }

    async fn clear(&self) -> Result<()> {
        (**self).clear().await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: RefreshTokenStore + ?Sized> RefreshTokenStore for Box<T> {
    async fn load(&self) -> Result<Option<Secret>> {
        (**self).load().await
    }

    async fn save(&self, token: &Secret) -> Result<()> {
        (**self).save(token).await
    }

    async fn clear(&self) -> Result<()> {
        (**self).clear().await
    }
}

/// Keeps a refresh token in memory: it is gone with the program. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryRefreshTokens(Arc<Mutex<Option<Secret>>>);

impl MemoryRefreshTokens {
    /// Nothing is kept yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Secret>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RefreshTokenStore for MemoryRefreshTokens {
    async fn load(&self) -> Result<Option<Secret>> {
        Ok(self.lock().clone())
    }

    async fn save(&self, token: &Secret) -> Result<()> {
        *self.lock() = Some(token.clone());
        Ok(())
    }

    async fn clear(&self) -> Result<()> {
        *self.lock() = None;
        Ok(())
    }
}

/// A person's sign-in that goes on by its refresh token, as long as the person's account and the tenant's policies let
/// it: usually while it is used at least every 90 days.
///
/// Entra gives a new refresh token each time, which replaces the one in the store. When it is refused, the store is
/// cleared, and the person has to sign in again.
///
/// See [refresh tokens](https://learn.microsoft.com/entra/identity-platform/refresh-tokens).
#[derive(Debug, Clone)]
pub struct RefreshToken {
    application: UserApplication,
    store: Arc<dyn RefreshTokenStore>,
}

impl RefreshToken {
    /// The sign-in to `application` whose refresh token is in `store`.
    pub fn new(application: UserApplication, store: impl RefreshTokenStore) -> Self {
        Self { application, store: Arc::new(store) }
    }

    pub(super) fn application(&self) -> &UserApplication {
        &self.application
    }

    /// A token by the refresh token that is kept; `None` if there is none, or it was refused and is forgotten.
    pub(super) async fn renew(&self, context: &TokenContext) -> Result<Result<AccessToken, Option<Error>>> {
        let Some(refresh) = self.store.load().await? else { return Ok(Err(None)) };
        let scope = self.application.scope(context);
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.expose()), ("scope", scope.as_str())];
        let mut patience = endpoint::Patience::begin(context);
        loop {
            let error = match self.application.ask(context, &fields, &[&refresh]).await {
                Ok(granted) => return Ok(Ok(self.keep(granted).await)),
                Err(error) => error,
            };
            let failure = SignInFailure::of(&error);
            if failure.is_some_and(|failure| failure.class() == Some(SignInClass::Interaction)) {
                self.store.clear().await?;
                return Ok(Err(Some(error)));
            }
            patience.wait(context, error).await?;
        }
    }

    /// Keeps the refresh token that came along, and gives the token.
    pub(super) async fn keep(&self, granted: Granted) -> AccessToken {
        if let Some(refresh) = &granted.refresh_token
            && let Err(error) = self.store.save(refresh).await
        {
            // The token is good all the same, and so is the old refresh token: use does not end it.
            tracing::warn!(error = %error, "cannot keep the refresh token");
        }
        granted.token
    }
}

#[async_trait]
impl TokenCredential for RefreshToken {
    async fn token(&self, context: &TokenContext) -> Result<AccessToken> {
        match self.renew(context).await? {
            Ok(token) => Ok(token),
            Err(Some(error)) => Err(error),
            Err(None) => Err(Error::new(ErrorKind::NotReady, "nobody has signed in yet, or the sign-in has ended")),
        }
    }
}

/// What a person is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignInRequest {
    /// Open this page in a browser.
    Browser {
        /// The page.
        page: Url,
    },
    /// Open this page on any device, and enter a code there.
    DeviceCode {
        /// The page.
        page: Url,
        /// The code.
        code: String,
        /// Both in a sentence, in the tenant's language.
        message: String,
        /// How long the code is good, in seconds.
        expires_in: u64,
    },
}

/// How a person is asked: by opening a browser, by a line on a terminal, by a page of the host's.
#[async_trait]
pub trait SignInPrompt: fmt::Debug + Send + Sync + 'static {
    /// Asks, and comes back at once: the answer reaches the credential by itself.
    ///
    /// # Errors
    ///
    /// Whatever the host says; the sign-in ends with it.
    async fn show(&self, request: &SignInRequest) -> Result<()>;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: SignInPrompt + ?Sized> SignInPrompt for Arc<T> {
    async fn show(&self, request: &SignInRequest) -> Result<()> {
        (**self).show(request).await
    }
}
