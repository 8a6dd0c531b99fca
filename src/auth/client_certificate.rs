//! An application and its certificate.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use serde_json::json;
use uuid::Uuid;

use super::{
    AccessToken, AssertionSigner, Certificate, CertificateValidity, ClientId, SignInFailure, SigningAlgorithm,
    TenantId, TokenContext, TokenCredential, base64, endpoint,
};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// What an assertion is, in OAuth's words.
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// So long an assertion is good, in seconds; a new one is made for every request.
const LIFE: i64 = 300;

/// So far the machine's clock may be ahead of Entra's, in seconds.
const BEFORE: i64 = 30;

/// Entra's number for a certificate that it does not know, or a signature that it cannot check.
const UNKNOWN_CERTIFICATE: u64 = 700_027;

/// An application that signs in with a certificate, by signing an assertion for every token.
///
/// Signs with `PS256` and names the certificate by its SHA-256, as Microsoft recommends. If Entra does not know the
/// certificate by that, `RS256` with the SHA-1 is tried once, and kept to if it works; [`algorithm`](Self::algorithm)
/// says which one to use instead. From 30 days before its end every new token is accompanied by a warning in the log.
///
/// # Examples
///
/// ```
/// # fn main() -> entrant::Result<()> {
/// # let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).expect("a key");
/// # let certificate = rcgen::CertificateParams::default().self_signed(&key).expect("a certificate");
/// # let pem = format!("{}{}", certificate.pem(), key.serialize_pem());
/// use entrant::auth::{CertificateKey, ClientCertificate, ClientId, TenantId};
///
/// let key = CertificateKey::from_pem(pem)?;
/// # let as_the_portal_shows_it = entrant::auth::AssertionSigner::certificate(&key).thumbprint();
/// let credential = ClientCertificate::new(
///     TenantId::new("contoso.onmicrosoft.com")?,
///     ClientId::new("11111111-2222-3333-4444-555555555555")?,
///     key,
/// )
/// .thumbprint(&as_the_portal_shows_it)?;
/// # Ok(())
/// # }
/// ```
///
/// See [certificate credentials](https://learn.microsoft.com/entra/identity-platform/certificate-credentials).
#[derive(Clone)]
pub struct ClientCertificate {
    tenant: TenantId,
    client: ClientId,
    signer: Arc<dyn AssertionSigner>,
    algorithm: Option<SigningAlgorithm>,
    sends_chain: bool,
    /// Whether Entra knew the certificate by its SHA-1 alone.
    fell_back: Arc<AtomicBool>,
}

impl ClientCertificate {
    /// The application `client` of `tenant`, with what signs for it.
    pub fn new(tenant: TenantId, client: ClientId, signer: impl AssertionSigner) -> Self {
        Self {
            tenant,
            client,
            signer: Arc::new(signer),
            algorithm: None,
            sends_chain: false,
            fell_back: Arc::default(),
        }
    }

    /// Makes sure, without the network, that the certificate is the one that the portal shows by this thumbprint.
    ///
    /// # Errors
    ///
    /// As [`Certificate::check_thumbprint`].
    pub fn thumbprint(self, shown: &str) -> Result<Self> {
        self.certificate().check_thumbprint(shown)?;
        Ok(self)
    }

    /// Signs by this algorithm and no other.
    #[must_use]
    pub fn algorithm(mut self, algorithm: SigningAlgorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// Sends the certificate and its chain along (`x5c`), for applications that trust a certificate by its subject and
    /// issuer. The default is not to.
    #[must_use]
    pub fn send_chain(mut self) -> Self {
        self.sends_chain = true;
        self
    }

    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        self.signer.certificate()
    }

    pub(super) fn ids(&self) -> (TenantId, ClientId) {
        (self.tenant.clone(), self.client.clone())
    }

    /// An assertion for a token request, good for five minutes.
    pub(super) async fn assertion(&self, context: &TokenContext, algorithm: SigningAlgorithm) -> Result<Secret> {
        let now = context.clock().now();
        let certificate = self.certificate();
        certificate.check_dates(now)?;
        let now = now.unix_timestamp();
        let mut header = json!({"typ": "JWT", "alg": algorithm.name()});
        match algorithm {
            SigningAlgorithm::Ps256 => header["x5t#S256"] = base64::url(certificate.sha256()).into(),
            SigningAlgorithm::Rs256 => header["x5t"] = base64::url(certificate.sha1()).into(),
        }
        if self.sends_chain {
            let chain = std::iter::once(certificate).chain(self.signer.chain());
            header["x5c"] = chain.map(|certificate| base64::standard(certificate.der())).collect();
        }
        let claims = json!({
            "aud": endpoint::address(context, &self.tenant, "oauth2/v2.0/token"),
            "iss": self.client.as_str(),
            "sub": self.client.as_str(),
            "jti": Uuid::new_v4().to_string(),
            "iat": now,
            "nbf": now - BEFORE,
            "exp": now + LIFE,
        });
        let part = |json: serde_json::Value| base64::url(json.to_string().as_bytes());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = self.signer.sign(algorithm, message.as_bytes()).await.map_err(|source| {
            Error::new(source.kind(), "cannot sign the assertion").with_retry(source.retry()).with_source(source)
        })?;
        Ok(Secret::new(format!("{message}.{}", base64::url(&signature))))
    }

    /// The algorithm to begin with.
    pub(super) fn preferred(&self) -> SigningAlgorithm {
        match self.algorithm {
            Some(algorithm) => algorithm,
            None if self.fell_back.load(Ordering::Relaxed) => SigningAlgorithm::Rs256,
            None => SigningAlgorithm::Ps256,
        }
    }

    /// Whether it is worth trying the other algorithm.
    pub(super) fn may_fall_back(&self, error: &Error) -> bool {
        self.algorithm.is_none()
            && self.preferred() == SigningAlgorithm::Ps256
            && SignInFailure::of(error).is_some_and(|failure| failure.code == Some(UNKNOWN_CERTIFICATE))
    }

    /// Remembers that the other algorithm works.
    pub(super) fn fall_back(&self) {
        self.fell_back.store(true, Ordering::Relaxed);
    }

    async fn ask(&self, context: &TokenContext, algorithm: SigningAlgorithm) -> Result<AccessToken> {
        let assertion = self.assertion(context, algorithm).await?;
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

#[async_trait]
impl TokenCredential for ClientCertificate {
    async fn token(&self, context: &TokenContext) -> Result<AccessToken> {
        let refused = match self.ask(context, self.preferred()).await {
            Err(error) if self.may_fall_back(&error) => error,
            outcome => return outcome,
        };
        match self.ask(context, SigningAlgorithm::Rs256).await {
            Ok(token) => {
                self.fall_back();
                Ok(token)
            }
            // The first refusal is the one that people should see.
            Err(_) => Err(refused),
        }
    }

    fn certificate(&self) -> Option<CertificateValidity> {
        let own = Self::certificate(self);
        let validity = CertificateValidity::new(own.not_before(), own.not_after());
        Some(validity.with_thumbprint(own.thumbprint()))
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("tenant", &self.tenant)
            .field("client", &self.client)
            .field("certificate", self.certificate())
            .finish_non_exhaustive()
    }
}
