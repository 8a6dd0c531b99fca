//! Certificates that nobody has, and a tenant to sign in to.

use std::sync::Arc;

use entrant::auth::{ClientId, TenantId, TokenContext};
use entrant::clock::ManualClock;
use entrant::sim::{Sim, SimBuilder};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::macros::datetime;

pub(crate) const NOW: OffsetDateTime = datetime!(2026-01-15 09:30:00 UTC);

/// A certificate with its key.
pub(crate) struct Pair {
    pub(crate) certificate: rcgen::Certificate,
    pub(crate) key: KeyPair,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::until(datetime!(2027-01-01 00:00:00 UTC))
    }

    pub(crate) fn until(end: OffsetDateTime) -> Self {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key");
        let mut params = CertificateParams::default();
        params.not_before = datetime!(2025-01-01 00:00:00 UTC);
        params.not_after = end;
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { certificate, key }
    }

    pub(crate) fn pem(&self) -> String {
        format!("{}{}", self.key.serialize_pem(), self.certificate.pem())
    }

    pub(crate) fn der(&self) -> &[u8] {
        self.certificate.der()
    }
}

pub(crate) fn clock() -> ManualClock {
    ManualClock::at(NOW)
}

pub(crate) fn builder(clock: &ManualClock) -> SimBuilder {
    Sim::builder().domain("contoso.com").seed(7).clock(clock.clone()).user(json!({
        "userPrincipalName": "ada@contoso.com",
        "displayName": "Ada Okafor",
        "accountEnabled": true,
    }))
}

pub(crate) fn ids(sim: &Sim) -> (TenantId, ClientId) {
    (TenantId::new(sim.tenant_id()).expect("a tenant"), ClientId::new(sim.client_id()).expect("a client"))
}

/// Over the tenant's own transport.
pub(crate) fn context(sim: &Sim, clock: &ManualClock) -> TokenContext {
    TokenContext::new(&sim.cloud(), sim.transport(), Arc::new(clock.clone())).expect("a context")
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// What a token says, its signature not looked at.
pub(crate) fn claims_of(token: &str) -> Json {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).expect("three parts");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// A token of another issuer, whose signature the tenant does not look at.
pub(crate) fn foreign_token(issuer: &str, subject: &str, now: OffsetDateTime) -> String {
    let now = now.unix_timestamp();
    let claims = json!({
        "iss": issuer, "sub": subject, "aud": "api://AzureADTokenExchange", "nbf": now, "iat": now, "exp": now + 3_600,
    });
    let part = |json: Json| base64url(json.to_string().as_bytes());
    format!("{}.{}.{}", part(json!({"alg": "RS256", "typ": "JWT"})), part(claims), base64url(b"signature"))
}
