//! A token of another issuer in place of a secret.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::client_certificate::JWT_BEARER;
use super::{AccessToken, ClientId, TenantId, TokenContext, TokenCredential, endpoint};
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

/// What a federated token is for, in every cloud.
const EXCHANGE: &str = "api://AzureADTokenExchange/.default";

/// The largest token file that is read, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// An application that signs in with a token of an issuer that its registration trusts: a Kubernetes cluster, GitHub
/// Actions, another cloud, a managed identity.
///
/// The token comes from a file, which is read again for every request since its writer renews it, or from another
/// credential.
///
/// # Examples
///
/// ```
/// use entrant::auth::{ClientId, TenantId, WorkloadIdentity};
///
/// # fn main() -> entrant::Result<()> {
/// let credential = WorkloadIdentity::from_file(
///     TenantId::new("contoso.onmicrosoft.com")?,
///     ClientId::new("11111111-2222-3333-4444-555555555555")?,
///     "/var/run/secrets/azure/tokens/azure-identity-token",
/// );
/// # Ok(())
/// # }
/// ```
///
/// See [workload identity federation](https://learn.microsoft.com/entra/workload-id/workload-identity-federation).
#[derive(Clone)]
pub struct WorkloadIdentity {
    tenant: TenantId,
    client: ClientId,
    source: Source,
}

#[derive(Clone)]
enum Source {
    File(PathBuf),
    Credential(Arc<dyn TokenCredential>),
}

impl WorkloadIdentity {
    /// The application `client` of `tenant`, with a token from a file.
    pub fn from_file(tenant: TenantId, client: ClientId, file: impl Into<PathBuf>) -> Self {
        Self { tenant, client, source: Source::File(file.into()) }
    }

    /// The application `client` of `tenant`, with a token of another credential, such as
    /// [`ManagedIdentity`](super::ManagedIdentity), which is asked for one for `api://AzureADTokenExchange`.
    pub fn from_credential(tenant: TenantId, client: ClientId, credential: impl TokenCredential) -> Self {
        Self { tenant, client, source: Source::Credential(Arc::new(credential)) }
    }
}

#[async_trait]
impl TokenCredential for WorkloadIdentity {
    async fn token(&self, context: &TokenContext) -> Result<AccessToken> {
        let assertion = match &self.source {
            Source::File(file) => read(file)?,
            Source::Credential(credential) => credential.token(&context.with_scope(EXCHANGE)).await?.secret,
        };
        let fields = [
            ("client_id", self.client.as_str()),
            ("scope", context.scope()),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion.expose()),
            ("grant_type", "client_credentials"),
        ];
        Ok(endpoint::token(context, &self.tenant, &fields, &[&assertion]).await?.token)
    }
}

impl fmt::Debug for WorkloadIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("WorkloadIdentity");
        shown.field("tenant", &self.tenant).field("client", &self.client);
        match &self.source {
            Source::File(file) => shown.field("file", file),
            Source::Credential(credential) => shown.field("credential", credential),
        };
        shown.finish()
    }
}

/// Reads a file that is small and on this machine: a token that Kubernetes put there.
fn read(path: &Path) -> Result<Secret> {
    let wrong = |message: &'static str| Error::new(ErrorKind::NotReady, message).with_context("file", path.display());
    let cannot = |source: std::io::Error| wrong("cannot read the file with the federated token").with_source(source);
    let mut text = zeroize::Zeroizing::new(String::new());
    let file = File::open(path).map_err(cannot)?;
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(cannot)?;
    let token = text.trim();
    let is_usable = text.len() as u64 <= MAX_FILE && !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    if !is_usable {
        return Err(wrong("the file with the federated token holds no token"));
    }
    Ok(Secret::new(token))
}
