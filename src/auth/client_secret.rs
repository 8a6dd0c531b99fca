//! An application and its secret.

use async_trait::async_trait;

use super::{AccessToken, ClientId, TenantId, TokenContext, TokenCredential, endpoint};
use crate::error::Result;
use crate::secret::Secret;

/// An application that signs in with its client secret.
///
/// # Examples
///
/// ```
/// use entrant::auth::{ClientId, ClientSecret, TenantId};
///
/// # fn main() -> entrant::Result<()> {
/// let credential = ClientSecret::new(
///     TenantId::new("contoso.onmicrosoft.com")?,
///     ClientId::new("11111111-2222-3333-4444-555555555555")?,
///     "the secret's value, not its id",
/// );
/// assert!(!format!("{credential:?}").contains("value"));
/// # Ok(())
/// # }
/// ```
///
/// See [the client credentials flow](https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow).
#[derive(Debug, Clone)]
pub struct ClientSecret {
    tenant: TenantId,
    client: ClientId,
    secret: Secret,
}

impl ClientSecret {
    /// The application `client` of `tenant`, with the value of one of its secrets.
    pub fn new(tenant: TenantId, client: ClientId, secret: impl Into<Secret>) -> Self {
        Self { tenant, client, secret: secret.into() }
    }
}

#[async_trait]
impl TokenCredential for ClientSecret {
    async fn token(&self, context: &TokenContext) -> Result<AccessToken> {
        let fields = [
            ("client_id", self.client.as_str()),
            ("scope", context.scope()),
            ("client_secret", self.secret.expose()),
            ("grant_type", "client_credentials"),
        ];
        Ok(endpoint::token(context, &self.tenant, &fields, &[&self.secret]).await?.token)
    }
}
