//! Assertions that applications sign in with: by a certificate, or by another issuer's token.

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::Value;
use time::OffsetDateTime;
use x509_cert::der::Decode as _;

use super::login::{Denial, deny};
use crate::sim::lists::query::base64url_decode;
use crate::sim::seed::base64url;
use crate::sim::state::Client;

/// How far clocks may differ, in seconds.
const SKEW: i64 = 300;

/// A certificate that an application registered.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    sha1: [u8; 20],
    sha256: [u8; 32],
    /// The key as its algorithm writes it.
    key: Vec<u8>,
    /// Seconds since 1970.
    ends: i64,
}

/// Whose tokens an application may sign in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Federated {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audience: String,
}

impl Registered {
    pub(crate) fn from_der(der: &[u8]) -> Option<Self> {
        let certificate = x509_cert::Certificate::from_der(der).ok()?;
        let content = certificate.tbs_certificate();
        Some(Self {
            sha1: sha1_smol::Sha1::from(der).digest().bytes(),
            sha256: hmac_sha256::Hash::hash(der),
            key: content.subject_public_key_info().subject_public_key.as_bytes()?.to_vec(),
            ends: i64::try_from(content.validity().not_after.to_unix_duration().as_secs()).ok()?,
        })
    }
}

/// A token taken apart, its signature not looked at.
struct Jwt<'a> {
    header: Value,
    claims: Value,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jwt<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let json = |part: &str| serde_json::from_slice::<Value>(&base64url_decode(part)?).ok().filter(Value::is_object);
        Some(Self {
            header: json(header)?,
            claims: json(claims)?,
            signed,
            signature: base64url_decode(signature.trim_end_matches('='))?,
        })
    }

    fn text(&self, claim: &str) -> &str {
        self.claims[claim].as_str().unwrap_or_default()
    }
}

/// Checks an assertion: a certificate's, or that of a federated issuer. `audiences` are what it may be for.
pub(crate) fn check(
    assertion: &str,
    client: &Client,
    certificates: &[Registered],
    audiences: &[String],
    now: OffsetDateTime,
) -> Result<(), Denial> {
    let malformed = || deny(50_027, "invalid_client", 401, "JWT token is invalid or malformed.".to_owned());
    let jwt = Jwt::read(assertion).ok_or_else(malformed)?;
    let own = jwt.text("iss").eq_ignore_ascii_case(&client.id);
    if own {
        by_certificate(&jwt, client, certificates, audiences)?
    } else {
        federated(&jwt, client)?
    }
    in_time(&jwt, now)
}

fn by_certificate(
    jwt: &Jwt<'_>,
    client: &Client,
    certificates: &[Registered],
    audiences: &[String],
) -> Result<(), Denial> {
    // Base64url as the standard says, and standard base64 with padding as an SDK sends it.
    let spelled = |text: &str| text.trim_end_matches('=').replace('+', "-").replace('/', "_");
    let thumbprint = |name: &str| jwt.header[name].as_str().map(spelled);
    let (algorithm, named): (&'static dyn VerificationAlgorithm, _) = match jwt.header["alg"].as_str() {
        Some("RS256") => (&RSA_PKCS1_2048_8192_SHA256, thumbprint("x5t")),
        Some("PS256") => (&RSA_PSS_2048_8192_SHA256, thumbprint("x5t#S256")),
        other => {
            let text =
                format!("The algorithm '{}' of the client assertion is not supported.", other.unwrap_or_default());
            return Err(deny(5_002_727, "invalid_client", 401, text));
        }
    };
    let is_short = jwt.header["alg"] == "RS256";
    let found = certificates.iter().find(|certificate| {
        let own = if is_short { base64url(&certificate.sha1) } else { base64url(&certificate.sha256) };
        named.as_deref() == Some(own.as_str())
    });
    let unknown = |reason: &str| {
        let shown = named.as_deref().and_then(base64url_decode).unwrap_or_default();
        let shown: String = shown.iter().map(|byte| format!("{byte:02X}")).collect();
        let text = format!(
            "The certificate with identifier used to sign the client assertion is not registered on application. \
             [Reason - {reason}, Thumbprint of key used by client: '{shown}', Please visit the Azure Portal, Graph \
             Explorer or directly use MS Graph to see configured keys for app Id '{}'.]",
            client.id
        );
        deny(700_027, "invalid_client", 401, text)
    };
    let certificate = found.ok_or_else(|| unknown("The key was not found."))?;
    UnparsedPublicKey::new(algorithm, &certificate.key)
        .verify(jwt.signed.as_bytes(), &jwt.signature)
        .map_err(|_| unknown("Client assertion contains an invalid signature."))?;
    if !jwt.text("sub").eq_ignore_ascii_case(&client.id) {
        let text = "Client assertion application identifier doesn't match 'client_id' parameter.";
        return Err(deny(700_021, "invalid_client", 401, text.to_owned()));
    }
    let audience = jwt.text("aud").trim_end_matches('/');
    if !audiences.iter().any(|own| own.eq_ignore_ascii_case(audience)) {
        let text = "Client assertion audience claim does not match Realm issuer. Review the documentation.";
        return Err(deny(700_023, "invalid_client", 401, text.to_owned()));
    }
    Ok(())
}

/// The signature is not checked: the issuer is somewhere else.
fn federated(jwt: &Jwt<'_>, client: &Client) -> Result<(), Denial> {
    let (issuer, subject, audience) = (jwt.text("iss"), jwt.text("sub"), jwt.text("aud"));
    let fits = client
        .federated
        .iter()
        .any(|known| known.issuer == issuer && known.subject == subject && known.audience == audience);
    if fits {
        return Ok(());
    }
    let text = format!(
        "No matching federated identity record found for presented assertion. Assertion Issuer: '{issuer}'. Assertion \
         Subject: '{subject}'. Assertion Audience: '{audience}'."
    );
    Err(deny(70_021, "invalid_request", 400, text))
}

fn in_time(jwt: &Jwt<'_>, now: OffsetDateTime) -> Result<(), Denial> {
    let (from, to) = (jwt.claims["nbf"].as_i64().unwrap_or(0), jwt.claims["exp"].as_i64().unwrap_or(0));
    let seconds = now.unix_timestamp();
    if from.saturating_sub(SKEW) <= seconds && seconds < to.saturating_add(SKEW) {
        return Ok(());
    }
    let (now, from, to) = (
        crate::sim::wire::answer::date_of(seconds),
        crate::sim::wire::answer::date_of(from),
        crate::sim::wire::answer::date_of(to),
    );
    let text = format!(
        "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {from}, expiry \
         time of assertion {to}."
    );
    Err(deny(700_024, "invalid_client", 401, text))
}

impl Registered {
    pub(crate) fn has_expired(&self, now: OffsetDateTime) -> bool {
        now.unix_timestamp() >= self.ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    /// What a vector of another hand says: the certificate, two assertions, and the time in which they are good.
    fn vector() -> Value {
        serde_json::from_str(include_str!("../../../tests/data/auth/jwt/client-assertion-vector.json")).expect("JSON")
    }

    fn registered(vector: &Value) -> Registered {
        let der = vector["certificate"]["der_base64"].as_str().expect("text");
        let der = base64url_decode(&der.trim_end_matches('=').replace('+', "-").replace('/', "_")).expect("base64");
        Registered::from_der(&der).expect("a certificate")
    }

    fn number(assertion: &str, client: &str, audience: &str, seconds: i64, certificates: &[Registered]) -> Option<u32> {
        let client = Client::new(client.to_owned(), Vec::new(), Uuid::nil());
        let now = OffsetDateTime::from_unix_timestamp(seconds).expect("a time");
        check(assertion, &client, certificates, &[audience.to_owned()], now).err().map(|denial| denial.number())
    }

    #[test]
    fn the_vectors_are_accepted_and_what_is_altered_is_not() {
        let vector = vector();
        let claims = &vector["claims"];
        let (client, audience) = (claims["iss"].as_str().expect("text"), claims["aud"].as_str().expect("text"));
        let (from, to) = (claims["nbf"].as_i64().expect("a time"), claims["exp"].as_i64().expect("a time"));
        let own = [registered(&vector)];
        for name in ["rs256_x5t", "ps256_x5tS256"] {
            let assertion = vector[name].as_str().expect("text");
            assert_eq!(number(assertion, client, audience, from, &own), None, "{name}");
            assert_eq!(number(assertion, client, audience, to + SKEW - 1, &own), None, "{name}");
            assert_eq!(number(assertion, client, audience, to + SKEW, &own), Some(700_024), "{name}");
            assert_eq!(number(assertion, client, audience, from - SKEW - 1, &own), Some(700_024), "{name}");
            assert_eq!(number(assertion, client, audience, from, &[]), Some(700_027), "{name}");
            assert_eq!(number(assertion, client, "https://login.example/token", from, &own), Some(700_023), "{name}");
            // Another application's: nobody federates with its issuer.
            let stranger = "11111111-aaaa-2222-bbbb-3333cccc4444";
            assert_eq!(number(assertion, stranger, audience, from, &own), Some(70_021), "{name}");
            // One letter of the claims, and one of the signature.
            let parts: Vec<&str> = assertion.split('.').collect();
            let altered = base64url(claims.to_string().replace("1768470000", "1768470001").as_bytes());
            let altered = format!("{}.{altered}.{}", parts[0], parts[2]);
            assert_eq!(number(&altered, client, audience, from, &own), Some(700_027), "{name}");
            let swapped = if parts[2].starts_with('A') { "B" } else { "A" };
            let altered = format!("{}.{}.{swapped}{}", parts[0], parts[1], &parts[2][1..]);
            assert_eq!(number(&altered, client, audience, from, &own), Some(700_027), "{name}");
        }
    }

    #[test]
    fn families_are_not_mixed_and_nonsense_is_refused() {
        let vector = vector();
        let own = [registered(&vector)];
        let certificate = &vector["certificate"];
        let claims = vector["claims"].to_string();
        for (header, expected) in [
            (serde_json::json!({"alg": "RS256", "x5t#S256": certificate["x5t#S256"]}), 700_027),
            (serde_json::json!({"alg": "PS256", "x5t": certificate["x5t"]}), 700_027),
            (serde_json::json!({"alg": "none", "x5t": certificate["x5t"]}), 5_002_727),
            (serde_json::json!({"alg": "HS256"}), 5_002_727),
            (serde_json::json!({}), 5_002_727),
        ] {
            let assertion = format!("{}.{}.", base64url(header.to_string().as_bytes()), base64url(claims.as_bytes()));
            let client = vector["claims"]["iss"].as_str().expect("text");
            assert_eq!(number(&assertion, client, "x", 0, &own), Some(expected), "{header}");
        }
        for nonsense in ["", ".", "..", "a.b.c", "e30.e30", "W10.W10.x", "e30.e30.!"] {
            assert_eq!(number(nonsense, "x", "x", 0, &own), Some(50_027), "{nonsense}");
        }
    }
}
