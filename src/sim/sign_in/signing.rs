//! The key that tokens are signed with, and its public half for those who check.

use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use serde_json::{Value, json};

use crate::sim::seed::base64url;

/// One for all tenants of this process: making it takes a fifth of a second.
static KEY: OnceLock<Option<KeyPair>> = OnceLock::new();

/// By what name tokens refer to the key.
const KEY_ID: &str = "simulated";

fn key() -> Option<&'static KeyPair> {
    KEY.get_or_init(|| KeyPair::generate(KeySize::Rsa2048).ok()).as_ref()
}

/// A signed token. Without random numbers from the machine there is no key, and the signature is empty.
pub(crate) fn signed(claims: &Value) -> String {
    let header = json!({"typ": "JWT", "alg": "RS256", "kid": KEY_ID, "x5t": KEY_ID});
    let message = format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()));
    let signature = key().and_then(|key| {
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).ok()?;
        Some(signature)
    });
    format!("{message}.{}", base64url(&signature.unwrap_or_default()))
}

/// The document at `jwks_uri`.
pub(crate) fn keys(issuer: &str) -> Value {
    let Some(key) = key() else { return json!({"keys": []}) };
    let public = key.public_key();
    json!({"keys": [{
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": KEY_ID,
        "x5t": KEY_ID,
        "n": base64url(public.modulus().big_endian_without_leading_zero()),
        "e": base64url(public.exponent().big_endian_without_leading_zero()),
        "issuer": issuer,
    }]})
}
