//! Settings from environment variables, by the names that Microsoft's own libraries use.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use url::Url;

use super::{
    AccessToken, CertificateValidity, ClientId, ClientSecret, TenantId, TokenContext, TokenCredential, WorkloadIdentity,
};
use crate::cloud::Cloud;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

/// The variables that are looked at, and no others.
const NAMES: &[&str] = &[
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN",
    "AZURE_AUTHORITY_HOST",
    "AZURE_FEDERATED_TOKEN_FILE",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "IDENTITY_SERVER_THUMBPRINT",
    "IMDS_ENDPOINT",
    "MSI_ENDPOINT",
    "MSI_SECRET",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "ProgramData",
];

/// The environment variables that say how to sign in, as they were when they were looked at.
///
/// Shown with `{:?}`, only their names appear.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, Secret>);

impl Environment {
    /// The variables of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self::new(NAMES.iter().filter_map(|name| Some((*name, std::env::var(name).ok()?))))
    }

    /// Variables from elsewhere, such as a file of settings or a test. Names that mean nothing here are left out.
    pub fn new<N: AsRef<str>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        let known = variables.into_iter().filter(|(name, _)| NAMES.contains(&name.as_ref()));
        Self(known.map(|(name, value)| (name.as_ref().to_owned(), Secret::new(value))).collect())
    }

    /// A variable, if it is set and not blank.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        Some(self.0.get(name)?.expose().trim()).filter(|value| !value.is_empty())
    }

    /// What there is to sign in with: the first of a secret, a certificate's file, a federated token's file.
    fn given(&self) -> Option<(EnvironmentKind, &str)> {
        [
            (EnvironmentKind::ClientSecret, "AZURE_CLIENT_SECRET"),
            (EnvironmentKind::Certificate, "AZURE_CLIENT_CERTIFICATE_PATH"),
            (EnvironmentKind::FederatedToken, "AZURE_FEDERATED_TOKEN_FILE"),
        ]
        .into_iter()
        .find_map(|(kind, name)| Some((kind, self.get(name)?)))
    }

    /// The error that names what is missing of these, and of something to sign in with.
    fn lacks(&self, names: &[&'static str]) -> Error {
        let mut missing: Vec<&str> = names.iter().copied().filter(|name| self.get(name).is_none()).collect();
        if self.given().is_none() {
            missing.push("AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH or AZURE_FEDERATED_TOKEN_FILE");
        }
        Error::new(ErrorKind::NotReady, "the environment does not say how to sign in")
            .with_context("missing", missing.join(", "))
    }

    /// The cloud of `AZURE_AUTHORITY_HOST`; the worldwide one without it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if that is no host of a known cloud.
    pub fn cloud(&self) -> Result<Cloud> {
        let Some(host) = self.get("AZURE_AUTHORITY_HOST") else { return Ok(Cloud::Global) };
        let address = if host.contains("://") { host.to_owned() } else { format!("https://{host}") };
        let known = Url::parse(&address).ok().and_then(|url| Cloud::of_authority(&url));
        known.ok_or_else(|| {
            Error::new(ErrorKind::Invalid, "AZURE_AUTHORITY_HOST is not the sign-in host of a known cloud")
                .with_context(
                    "known",
                    "login.microsoftonline.com, login.microsoftonline.us, login.partner.microsoftonline.cn",
                )
        })
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// An application that signs in as the environment says: `AZURE_TENANT_ID` and `AZURE_CLIENT_ID`, and
/// `AZURE_CLIENT_SECRET`, or `AZURE_CLIENT_CERTIFICATE_PATH` (PEM, or PFX with feature `pfx`) with
/// `AZURE_CLIENT_CERTIFICATE_PASSWORD`, or `AZURE_FEDERATED_TOKEN_FILE`, the first that is there.
///
/// # Examples
///
/// ```
/// use entrant::ErrorKind;
/// use entrant::auth::{Environment, EnvironmentCredential};
///
/// let environment = Environment::new([
///     ("AZURE_TENANT_ID", "contoso.onmicrosoft.com"),
///     ("AZURE_CLIENT_ID", "11111111-2222-3333-4444-555555555555"),
///     ("AZURE_CLIENT_SECRET", "the secret's value"),
/// ]);
/// assert!(EnvironmentCredential::new(&environment).is_ok());
///
/// let error = EnvironmentCredential::new(&Environment::default()).expect_err("nothing is set");
/// assert_eq!(error.kind(), ErrorKind::NotReady);
/// assert!(error.to_string().contains("AZURE_TENANT_ID"));
/// ```
#[derive(Debug, Clone)]
pub struct EnvironmentCredential {
    credential: Arc<dyn TokenCredential>,
    kind: EnvironmentKind,
}

/// What an environment signs in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EnvironmentKind {
    ClientSecret,
    Certificate,
    FederatedToken,
}

impl EnvironmentCredential {
    /// Chooses by what is set.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] with the names of the missing variables, [`ErrorKind::Invalid`] if a value is not what it
    /// should be.
    pub fn new(environment: &Environment) -> Result<Self> {
        let (tenant, client) = (environment.get("AZURE_TENANT_ID"), environment.get("AZURE_CLIENT_ID"));
        match (tenant, client, environment.given()) {
            (Some(tenant), Some(client), Some(_)) => {
                Self::of_application(TenantId::new(tenant)?, ClientId::new(client)?, environment)
            }
            _ => Err(environment.lacks(&["AZURE_TENANT_ID", "AZURE_CLIENT_ID"])),
        }
    }

    /// Chooses by what is set, for an application that is known from elsewhere: `AZURE_TENANT_ID` and `AZURE_CLIENT_ID`
    /// are not looked at.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn of_application(tenant: TenantId, client: ClientId, environment: &Environment) -> Result<Self> {
        let (kind, value) = environment.given().ok_or_else(|| environment.lacks(&[]))?;
        let credential: Arc<dyn TokenCredential> = match kind {
            EnvironmentKind::ClientSecret => Arc::new(ClientSecret::new(tenant, client, value)),
            EnvironmentKind::Certificate => by_certificate(tenant, client, Path::new(value), environment)?,
            EnvironmentKind::FederatedToken => Arc::new(WorkloadIdentity::from_file(tenant, client, value)),
        };
        Ok(Self { credential, kind })
    }

    pub(crate) fn kind(&self) -> EnvironmentKind {
        self.kind
    }
}

#[cfg(feature = "aws-lc")]
fn by_certificate(
    tenant: TenantId,
    client: ClientId,
    path: &Path,
    environment: &Environment,
) -> Result<Arc<dyn TokenCredential>> {
    use super::{CertificateKey, ClientCertificate};

    let file = zeroize::Zeroizing::new(std::fs::read(path).map_err(|source| {
        Error::new(ErrorKind::Invalid, "cannot read the file of AZURE_CLIENT_CERTIFICATE_PATH")
            .with_context("file", path.display())
            .with_source(source)
    })?);
    let is_pem = file.windows(11).any(|window| window == b"-----BEGIN ");
    let password = environment.get("AZURE_CLIENT_CERTIFICATE_PASSWORD");
    #[cfg(feature = "pfx")]
    let key = match password.map(Secret::new) {
        Some(password) if is_pem => CertificateKey::from_encrypted_pem(&*file, &password)
            .or_else(|error| CertificateKey::from_pem(&*file).map_err(|_| error)),
        None if is_pem => CertificateKey::from_pem(&*file),
        password => CertificateKey::from_pfx(&*file, &password.unwrap_or_else(|| Secret::new(""))),
    };
    #[cfg(not(feature = "pfx"))]
    let key = match (is_pem, password) {
        (true, _) => CertificateKey::from_pem(&*file),
        (false, _) => Err(Error::new(ErrorKind::Unsupported, "reading PFX files needs the feature `pfx`")),
    };
    let key = key.map_err(|error| error.with_context("file", path.display()))?;
    let credential = ClientCertificate::new(tenant, client, key);
    let sends_chain = environment
        .get("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN")
        .is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"));
    Ok(Arc::new(if sends_chain { credential.send_chain() } else { credential }))
}

#[cfg(not(feature = "aws-lc"))]
fn by_certificate(_: TenantId, _: ClientId, path: &Path, _: &Environment) -> Result<Arc<dyn TokenCredential>> {
    Err(Error::new(ErrorKind::Unsupported, "signing in with a certificate file needs the feature `aws-lc`")
        .with_context("file", path.display()))
}

#[async_trait]
impl TokenCredential for EnvironmentCredential {
    async fn token(&self, context: &TokenContext) -> Result<AccessToken> {
        self.credential.token(context).await
    }

    fn certificate(&self) -> Option<CertificateValidity> {
        self.credential.certificate()
    }
}
