//! What the server shows of itself over https.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{BoxError, Error, ErrorKind, Result};

/// Takes a certificate chain, the server's own first, and its key, both as PEM.
pub(crate) fn acceptor(certificates: &[u8], key: &[u8]) -> Result<TlsAcceptor> {
    let invalid = |what: &'static str, error: BoxError| Error::new(ErrorKind::Invalid, what).with_source(error);
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates)
        .collect::<Result<_, _>>()
        .map_err(|error| invalid("the certificate is not PEM", error.into()))?;
    if chain.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "there is no certificate: a PEM file with at least one is needed"));
    }
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| invalid("the private key is not PEM (PKCS#8, PKCS#1 or SEC1)", error.into()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| invalid("TLS cannot be set up", error.into()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| invalid("the certificate and the key do not fit", error.into()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
