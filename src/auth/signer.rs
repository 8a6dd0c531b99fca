//! Who signs an application's assertions.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::Certificate;
use crate::error::Result;

/// The algorithm of a signature, and with it which thumbprint names the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SigningAlgorithm {
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes; the certificate is named by its SHA-256
    /// (`x5t#S256`). What Microsoft recommends.
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256; the certificate is named by its SHA-1 (`x5t`). For an HSM without PSS.
    Rs256,
}

impl SigningAlgorithm {
    /// The name in the header of a JWT.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
        }
    }
}

/// Signs with the private key of a certificate, which may be in an HSM or in a vault.
///
/// `CertificateKey` (feature `aws-lc`) is the shipped one, for keys in PEM and PFX files.
#[async_trait]
pub trait AssertionSigner: fmt::Debug + Send + Sync + 'static {
    /// The certificate whose key signs.
    fn certificate(&self) -> &Certificate;

    /// The certificates that lead from it to its root, without it; none if nobody asks for them.
    fn chain(&self) -> &[Certificate];

    /// Signs `message`: the signature's bytes, as RFC 7518 says for the algorithm.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) if the key cannot sign by this algorithm.
    async fn sign(&self, algorithm: SigningAlgorithm, message: &[u8]) -> Result<Vec<u8>>;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: AssertionSigner + ?Sized> AssertionSigner for Arc<T> {
    fn certificate(&self) -> &Certificate {
        (**self).certificate()
    }

    fn chain(&self) -> &[Certificate] {
        (**self).chain()
    }

    async fn sign(&self, algorithm: SigningAlgorithm, message: &[u8]) -> Result<Vec<u8>> {
        (**self).sign(algorithm, message).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: AssertionSigner + ?Sized> AssertionSigner for Box<T> {
    fn certificate(&self) -> &Certificate {
        (**self).certificate()
    }

    fn chain(&self) -> &[Certificate] {
        (**self).chain()
    }

    async fn sign(&self, algorithm: SigningAlgorithm, message: &[u8]) -> Result<Vec<u8>> {
        (**self).sign(algorithm, message).await
    }
}
