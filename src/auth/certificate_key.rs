//! The shipped signer: a key from a PEM or PFX file, and aws-lc.

use std::fmt;

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{AssertionSigner, Certificate, SigningAlgorithm};
use crate::error::{Error, ErrorKind, Result};
#[cfg(feature = "pfx")]
use crate::secret::Secret;

/// The smallest key that is taken, in bits.
const MIN_BITS: usize = 2_048;

/// A certificate with its private RSA key, in memory.
///
/// # Examples
///
/// ```
/// # fn main() -> entrant::Result<()> {
/// # let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).expect("a key");
/// # let certificate = rcgen::CertificateParams::default().self_signed(&key).expect("a certificate");
/// # let pem = format!("{}{}", certificate.pem(), key.serialize_pem());
/// use entrant::auth::{AssertionSigner, CertificateKey};
///
/// let key = CertificateKey::from_pem(pem)?;
/// assert!(!format!("{key:?}").contains("PRIVATE"));
/// println!("{}", key.certificate().thumbprint());
/// # Ok(())
/// # }
/// ```
pub struct CertificateKey {
    certificate: Certificate,
    chain: Vec<Certificate>,
    key: KeyPair,
}

impl CertificateKey {
    /// Reads a certificate and its key from PEM: `CERTIFICATE` blocks in any order, and a `PRIVATE KEY` or `RSA PRIVATE
    /// KEY`. The certificate is the one whose public key is that of the private key; the others are its chain.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if the key or the certificate is missing, if they do not belong together, or if the key is
    /// encrypted, no RSA key, or shorter than 2,048 bits.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self> {
        let pem = pem.as_ref();
        let key = match PrivateKeyDer::from_pem_slice(pem) {
            Ok(PrivateKeyDer::Pkcs8(key)) => KeyPair::from_pkcs8(key.secret_pkcs8_der()).ok(),
            Ok(PrivateKeyDer::Pkcs1(key)) => KeyPair::from_der(key.secret_pkcs1_der()).ok(),
            Ok(_) => None,
            Err(_) if contains(pem, b"BEGIN ENCRYPTED PRIVATE KEY") => {
                return Err(wrong(
                    "the private key is encrypted: use CertificateKey::from_encrypted_pem (feature `pfx`) with its \
                     password, or decrypt it with `openssl pkcs8`",
                ));
            }
            Err(_) => return Err(wrong("there is no private key in PEM: `-----BEGIN PRIVATE KEY-----` is missing")),
        };
        Self::matched(key.ok_or_else(unusable)?, certificates(pem)?)
    }

    /// Reads a certificate and its key from PEM as [`from_pem`](Self::from_pem), where the key is an `ENCRYPTED PRIVATE
    /// KEY` (PKCS#8).
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem), and [`ErrorKind::Invalid`] if the password is wrong.
    #[cfg(feature = "pfx")]
    #[cfg_attr(docsrs, doc(cfg(feature = "pfx")))]
    pub fn from_encrypted_pem(pem: impl AsRef<[u8]>, password: &Secret) -> Result<Self> {
        let pem = pem.as_ref();
        let der = encrypted_block(pem).ok_or_else(|| {
            wrong("there is no encrypted private key in PEM: `-----BEGIN ENCRYPTED PRIVATE KEY-----` is missing")
        })?;
        let encrypted = pkcs8::EncryptedPrivateKeyInfoRef::try_from(der.as_slice())
            .map_err(|_| wrong("the encrypted private key cannot be read"))?;
        let key = encrypted.decrypt(password.expose()).map_err(|_| {
            wrong("the private key cannot be decrypted: the password is wrong, or its cipher is unknown")
        })?;
        Self::matched(KeyPair::from_pkcs8(key.as_bytes()).map_err(|_| unusable())?, certificates(pem)?)
    }

    /// Reads a certificate and its key from a PFX (PKCS#12) file. An empty password is as none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if the password is wrong, the file cannot be read, it holds no private key or no
    /// certificate, or the key is no RSA key or shorter than 2,048 bits.
    #[cfg(feature = "pfx")]
    #[cfg_attr(docsrs, doc(cfg(feature = "pfx")))]
    pub fn from_pfx(pfx: impl AsRef<[u8]>, password: &Secret) -> Result<Self> {
        use p12_keystore::{KeyStore, KeyStoreEntry, Pkcs12ImportPolicy};

        // The library's own error may quote what it read.
        let store = KeyStore::from_pkcs12(pfx.as_ref(), password.expose(), Pkcs12ImportPolicy::Relaxed)
            .map_err(|_| wrong("the PFX file cannot be read: it is none, or the password is wrong"))?;
        let mut certificates = Vec::new();
        let mut key = None;
        for (_, entry) in store.entries() {
            match entry {
                KeyStoreEntry::PrivateKeyChain(chain) => {
                    if key.is_some() {
                        return Err(wrong("the PFX file holds several private keys: keep one"));
                    }
                    key = Some(KeyPair::from_pkcs8(chain.key().as_der()).map_err(|_| unusable())?);
                    certificates.extend(chain.certs().iter().map(p12_keystore::Certificate::as_der));
                }
                KeyStoreEntry::Certificate(certificate) => certificates.push(certificate.as_der()),
                _ => {}
            }
        }
        let key =
            key.ok_or_else(|| wrong("the PFX file holds no private key: export it again, with its private key"))?;
        let certificates: Result<Vec<_>> = certificates.into_iter().map(Certificate::from_der).collect();
        Self::matched(key, certificates?)
    }

    fn matched(key: KeyPair, mut certificates: Vec<Certificate>) -> Result<Self> {
        if key.public_modulus_len() * 8 < MIN_BITS {
            return Err(wrong("the key is too short: RSA keys of 2,048 bits or more are taken"));
        }
        if certificates.is_empty() {
            return Err(wrong("there is no certificate beside the private key"));
        }
        let own = certificates.iter().position(|certificate| certificate.public_key() == key.public_key().as_ref());
        let own = own.ok_or_else(|| wrong("the private key is not that of the certificate"))?;
        let certificate = certificates.remove(own);
        Ok(Self { certificate, chain: certificates, key })
    }
}

#[async_trait]
impl AssertionSigner for CertificateKey {
    fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    async fn sign(&self, algorithm: SigningAlgorithm, message: &[u8]) -> Result<Vec<u8>> {
        let encoding: &dyn RsaEncoding = match algorithm {
            SigningAlgorithm::Ps256 => &RSA_PSS_SHA256,
            SigningAlgorithm::Rs256 => &RSA_PKCS1_SHA256,
        };
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(encoding, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| Error::new(ErrorKind::Unauthenticated, "the private key cannot sign"))?;
        Ok(signature)
    }
}

impl fmt::Debug for CertificateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateKey").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate>> {
    let found = CertificateDer::pem_slice_iter(pem);
    found
        .map(|der| Certificate::from_der(der.map_err(|_| wrong("a certificate in PEM is damaged"))?.as_ref()))
        .collect()
}

fn unusable() -> Error {
    wrong("the private key cannot be used: RSA keys of 2,048 to 8,192 bits are taken")
}

fn wrong(message: &'static str) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

/// The first encrypted key; the library for PEM knows none.
#[cfg(feature = "pfx")]
fn encrypted_block(pem: &[u8]) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(pem).ok()?;
    let (_, rest) = text.split_once("-----BEGIN ENCRYPTED PRIVATE KEY-----")?;
    let (block, _) = rest.split_once("-----END ENCRYPTED PRIVATE KEY-----")?;
    let digits: String = block.split_ascii_whitespace().collect();
    super::base64::from_any(&digits).map(zeroize::Zeroizing::new)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
