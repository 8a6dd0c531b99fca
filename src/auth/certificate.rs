//! Certificates: what Entra knows of an application's key.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use time::OffsetDateTime;
use x509_cert::der::{Decode as _, Encode as _};

use crate::error::{Error, ErrorKind, Result};

/// The largest certificate that is read, in bytes.
const MAX_CERTIFICATE: usize = 64 * 1024;

/// So long before its end a certificate is spoken of.
const WARN_AHEAD: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A certificate, which is public: its key is elsewhere.
///
/// # Examples
///
/// ```
/// # fn main() -> entrant::Result<()> {
/// use entrant::auth::Certificate;
///
/// # let pem = rcgen::generate_simple_self_signed(["sync.contoso.com".to_owned()]).expect("a certificate").cert.pem();
/// let certificate = Certificate::from_pem(pem)?;
/// println!("upload it; the portal then shows {}", certificate.thumbprint());
/// assert_eq!(certificate.thumbprint().len(), 40);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    der: Vec<u8>,
    sha1: [u8; 20],
    sha256: [u8; 32],
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
    subject: String,
    /// The public key, as the key's algorithm writes it.
    public_key: Vec<u8>,
}

impl Certificate {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if it is none.
    pub fn from_der(der: impl Into<Vec<u8>>) -> Result<Self> {
        let der = der.into();
        let wrong = || Error::new(ErrorKind::Invalid, "this is not an X.509 certificate");
        if der.len() > MAX_CERTIFICATE {
            return Err(wrong());
        }
        let certificate = x509_cert::Certificate::from_der(&der).map_err(|source| wrong().with_source(source))?;
        let content = certificate.tbs_certificate();
        let instant = |time: &x509_cert::time::Time| {
            let seconds = i64::try_from(time.to_unix_duration().as_secs()).map_err(|_| wrong())?;
            OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| wrong())
        };
        let (not_before, not_after) =
            (instant(&content.validity().not_before)?, instant(&content.validity().not_after)?);
        let subject = crate::http::redact::one_line(&content.subject().to_string(), 200);
        let key = content.subject_public_key_info();
        let public_key = key.subject_public_key.as_bytes().map(<[u8]>::to_vec).ok_or_else(wrong)?;
        // What follows the certificate, or is written in another way than DER, would change the thumbprint.
        if certificate.to_der().map_err(|_| wrong())? != der {
            return Err(wrong());
        }
        Ok(Self(Arc::new(Inner {
            sha1: sha1_smol::Sha1::from(&der).digest().bytes(),
            sha256: hmac_sha256::Hash::hash(&der),
            not_before,
            not_after,
            subject,
            public_key,
            der,
        })))
    }

    /// Reads the first certificate in PEM, such as a `.cer` or `.pem` file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if there is none.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self> {
        let first = CertificateDer::pem_slice_iter(pem.as_ref()).next();
        let der = first.and_then(Result::ok).ok_or_else(|| {
            Error::new(ErrorKind::Invalid, "there is no certificate in PEM: `-----BEGIN CERTIFICATE-----` is missing")
        })?;
        Self::from_der(der.as_ref())
    }

    /// The certificate in DER: what is uploaded to Entra.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// The same as base64: how Graph has it.
    pub(crate) fn der_base64(&self) -> String {
        super::base64::standard(&self.0.der)
    }

    /// The thumbprint as the portal shows it: SHA-1, 40 hexadecimal digits in upper case.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        hex(&self.0.sha1)
    }

    /// The SHA-256 thumbprint, 64 hexadecimal digits in upper case.
    #[must_use]
    pub fn thumbprint_sha256(&self) -> String {
        hex(&self.0.sha256)
    }

    /// From when it is good.
    #[must_use]
    pub fn not_before(&self) -> OffsetDateTime {
        self.0.not_before
    }

    /// When it ends.
    #[must_use]
    pub fn not_after(&self) -> OffsetDateTime {
        self.0.not_after
    }

    /// Whom it names, such as `CN=sync.contoso.com`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// How long it is still good; nothing if it has expired.
    #[must_use]
    pub fn remaining(&self, now: OffsetDateTime) -> Option<Duration> {
        Duration::try_from(self.0.not_after - now).ok().filter(|left| !left.is_zero())
    }

    /// What to tell people of its end, from 30 days before.
    #[must_use]
    pub fn expiry_warning(&self, now: OffsetDateTime) -> Option<String> {
        let end = self.0.not_after.date();
        match self.remaining(now) {
            None => Some(format!("the certificate {} expired on {end}", self.thumbprint())),
            Some(left) if left <= WARN_AHEAD => {
                let days = left.as_secs() / 86_400;
                Some(format!("the certificate {} expires on {end}, in {days} days", self.thumbprint()))
            }
            Some(_) => None,
        }
    }

    /// Checks that it is the one that people see in the portal.
    ///
    /// Blanks, colons and the invisible signs that Windows' dialogs copy along do not count, nor does case. SHA-1 (40
    /// digits, as the portal shows it) and SHA-256 (64 digits) are taken.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if it is another, with both thumbprints, or if that is no thumbprint.
    pub fn check_thumbprint(&self, shown: &str) -> Result<()> {
        let ignored =
            |c: &char| !(c.is_whitespace() || matches!(c, ':' | '\u{200e}' | '\u{200f}' | '\u{feff}' | '\u{a0}'));
        let digits: String = shown.chars().filter(ignored).map(|c| c.to_ascii_uppercase()).collect();
        let own = match digits.len() {
            _ if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => None,
            40 => Some(self.thumbprint()),
            64 => Some(self.thumbprint_sha256()),
            _ => None,
        };
        match own {
            Some(own) if own == digits => Ok(()),
            Some(own) => Err(Error::new(
                ErrorKind::Invalid,
                "the certificate is not the one whose thumbprint was given: compare with the portal, under \
                 `Certificates & secrets`",
            )
            .with_context("given", digits)
            .with_context("certificate", own)),
            None => Err(Error::new(
                ErrorKind::Invalid,
                "a thumbprint has 40 hexadecimal digits, as the portal shows it (or 64 for SHA-256)",
            )),
        }
    }

    /// Checks that it is good now.
    pub(super) fn check_dates(&self, now: OffsetDateTime) -> Result<()> {
        let wrong = |message: &'static str| {
            Error::new(ErrorKind::Unauthenticated, message)
                .with_context("thumbprint", self.thumbprint())
                .with_context("from", self.0.not_before)
                .with_context("to", self.0.not_after)
        };
        if now < self.0.not_before {
            return Err(wrong("the certificate is not good yet: check the clock, or wait"));
        }
        if now >= self.0.not_after {
            return Err(wrong("the certificate has expired: make a new one and upload it to the application"));
        }
        if let Some(warning) = self.expiry_warning(now) {
            tracing::warn!(thumbprint = self.thumbprint(), "{warning}");
        }
        Ok(())
    }

    pub(super) fn sha1(&self) -> &[u8] {
        &self.0.sha1
    }

    pub(super) fn sha256(&self) -> &[u8] {
        &self.0.sha256
    }

    #[cfg(feature = "aws-lc")]
    pub(super) fn public_key(&self) -> &[u8] {
        &self.0.public_key
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("thumbprint", &self.thumbprint())
            .field("subject", &self.0.subject)
            .field("not_after", &self.0.not_after)
            .finish_non_exhaustive()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02X}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::base64;
    use proptest::prelude::*;
    use serde_json::Value as Json;
    use time::macros::datetime;

    fn vector(text: &str) -> Json {
        serde_json::from_str(text).expect("JSON")
    }

    fn from_graph_docs() -> Json {
        vector(include_str!("../../tests/data/auth/jwt/thumbprint-vector.json"))
    }

    fn certificate(vector: &Json) -> Certificate {
        let der = base64::from_any(vector["der_base64"].as_str().expect("text")).expect("base64");
        Certificate::from_der(der).expect("a certificate")
    }

    #[test]
    fn the_vectors_pass() {
        let assertion = vector(include_str!("../../tests/data/auth/jwt/client-assertion-vector.json"));
        for vector in [from_graph_docs(), assertion["certificate"].clone()] {
            let certificate = certificate(&vector);
            assert_eq!(certificate.thumbprint(), vector["sha1_hex_portal"]);
            assert_eq!(certificate.thumbprint_sha256(), vector["sha256_hex"]);
            assert_eq!(base64::url(certificate.sha1()), vector["x5t"]);
            assert_eq!(base64::standard(certificate.sha1()), vector["sha1_base64"]);
            assert_eq!(base64::url(certificate.sha256()), vector["x5t#S256"]);
        }
    }

    #[test]
    fn dates_are_read_and_spoken_of() {
        let certificate = certificate(&from_graph_docs());
        assert_eq!(certificate.not_before(), datetime!(2022-12-20 15:27:20 UTC));
        assert_eq!(certificate.not_after(), datetime!(2023-12-20 15:47:20 UTC));
        assert_eq!(certificate.subject(), "CN=20221220");
        let table = [
            (datetime!(2022-12-20 15:27:19 UTC), false, None),
            (datetime!(2022-12-20 15:27:20 UTC), true, None),
            (datetime!(2023-11-20 15:47:19 UTC), true, None),
            (datetime!(2023-11-20 15:47:20 UTC), true, Some("expires on 2023-12-20, in 30 days")),
            (datetime!(2023-12-20 15:47:19 UTC), true, Some("expires on 2023-12-20, in 0 days")),
            (datetime!(2023-12-20 15:47:20 UTC), false, Some("expired on 2023-12-20")),
        ];
        for (now, is_good, warning) in table {
            assert_eq!(certificate.check_dates(now).is_ok(), is_good, "{now}");
            let said = certificate.expiry_warning(now);
            assert_eq!(said.is_some(), warning.is_some(), "{now}");
            assert!(said.unwrap_or_default().contains(warning.unwrap_or_default()), "{now}");
        }
    }

    #[test]
    fn a_thumbprint_is_compared_as_people_copy_it() {
        let certificate = certificate(&from_graph_docs());
        let table = [
            ("BB5D1064437D8720A5C53078185E6A361A78B10A", true),
            ("bb5d1064437d8720a5c53078185e6a361a78b10a", true),
            ("\u{200e}bb 5d 10 64 43 7d 87 20 a5 c5 30 78 18 5e 6a 36 1a 78 b1 0a\u{feff}\n", true),
            ("BB:5D:10:64:43:7D:87:20:A5:C5:30:78:18:5E:6A:36:1A:78:B1:0A", true),
            ("DAC3BD0772754DB348A95CD6A269154B172FF66BB61D3E0AA7108DC0801A6DD9", true),
            ("BB5D1064437D8720A5C53078185E6A361A78B10B", false),
            ("BB5D1064437D8720A5C53078185E6A361A78B10", false),
            ("u10QZEN9hyClxTB4GF5qNhp4sQo=", false),
            ("", false),
        ];
        for (shown, fits) in table {
            assert_eq!(certificate.check_thumbprint(shown).is_ok(), fits, "{shown:?}");
        }
        let error = certificate.check_thumbprint(&"0".repeat(40)).expect_err("another").to_string();
        assert!(error.contains("0000000000") && error.contains("BB5D1064437D"), "{error}");
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let vector = from_graph_docs();
        let der = certificate(&vector).der().to_vec();
        assert!(Certificate::from_der([&der[..], &[0]].concat()).is_err(), "something follows");
        for end in 0..der.len() {
            assert!(Certificate::from_der(&der[..end]).is_err(), "{end}");
        }
        assert!(Certificate::from_der(vec![0x30; MAX_CERTIFICATE + 1]).is_err());
        for pem in ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(Certificate::from_pem(pem).is_err(), "{pem}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_certificate_or_an_error(at in 0_usize..700, byte: u8) {
            let mut der = certificate(&from_graph_docs()).der().to_vec();
            der[at] = byte;
            if let Ok(certificate) = Certificate::from_der(der) {
                prop_assert_eq!(certificate.thumbprint().len(), 40);
            }
        }
    }
}
