//! What the token endpoint's refusals mean.

use std::fmt;

use serde_json::Value as Json;
use url::form_urlencoded;

use super::catalogue::{SignInAdvice, SignInClass};
use crate::error::Error;
use crate::http::redact::{one_line, without_secret};
use crate::secret::Secret;

/// A refusal of Entra's token endpoint, fit to be shown and kept.
///
/// It is the cause of the [`Error`]s of credentials: find it with [`of`](Self::of). Shown with `{}`, it says who must
/// act and where.
///
/// # Examples
///
/// ```
/// # use entrant::sim::Sim;
/// # futures::executor::block_on(async {
/// use entrant::auth::{Actor, ClientId, ClientSecret, SignInFailure, TenantId, TokenCache, TokenContext};
/// use entrant::clock::SystemClock;
/// use std::sync::Arc;
///
/// let sim = Sim::new();
/// let context = TokenContext::new(&sim.cloud(), sim.transport(), Arc::new(SystemClock::new()))?;
/// let (tenant, client) = (TenantId::new(sim.tenant_id())?, ClientId::new(sim.client_id())?);
/// let tokens = TokenCache::new(ClientSecret::new(tenant, client, "wrong"), context);
///
/// let error = tokens.token().await.expect_err("the secret is wrong");
/// let failure = SignInFailure::of(&error).expect("Entra refused");
/// assert_eq!(failure.code, Some(7000215));
/// let advice = failure.advice().expect("a known number");
/// assert_eq!(advice.actor, Actor::ApplicationAdministrator);
/// # Ok::<_, entrant::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignInFailure {
    /// The number after `AADSTS`.
    pub code: Option<u64>,
    /// OAuth's word for it, such as `invalid_client`; empty if there is none.
    pub error: String,
    /// OAuth's finer word, such as `basic_action`.
    pub suberror: Option<String>,
    /// What Entra says, in one line, without what only its support needs.
    pub description: String,
    /// What the next attempt must fulfil, as JSON, where a policy says so.
    pub claims: Option<String>,
    /// For Microsoft's support.
    pub correlation_id: Option<String>,
    /// Likewise.
    pub trace_id: Option<String>,
    /// Likewise: when it was, by Entra's clock.
    pub timestamp: Option<String>,
}

impl SignInFailure {
    /// The refusal that caused an error, if one did.
    #[must_use]
    pub fn of(error: &Error) -> Option<&Self> {
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            if let Some(failure) = error.downcast_ref::<Self>() {
                return Some(failure);
            }
            cause = error.source();
        }
        None
    }

    /// What the number means, who must act and where.
    #[must_use]
    pub fn advice(&self) -> Option<&'static SignInAdvice> {
        SignInAdvice::of(self.code?)
    }

    /// What kind of thing is wrong: by the number, or else by OAuth's word.
    #[must_use]
    pub fn class(&self) -> Option<SignInClass> {
        if let Some(advice) = self.advice() {
            return Some(advice.class);
        }
        Some(match self.error.as_str() {
            "invalid_client" => SignInClass::Credential,
            "unauthorized_client" | "invalid_scope" | "invalid_resource" | "invalid_tenant" => SignInClass::Config,
            "invalid_grant"
            | "interaction_required"
            | "login_required"
            | "authorization_pending"
            | "expired_token"
            | "authorization_declined" => SignInClass::Interaction,
            "consent_required" | "access_denied" => SignInClass::Permission,
            "invalid_request" | "unsupported_grant_type" | "bad_verification_code" => SignInClass::Defect,
            "slow_down" => SignInClass::Throttle,
            "temporarily_unavailable" | "server_error" => SignInClass::Transient,
            _ => return None,
        })
    }

    /// Whether it passes by itself.
    pub(super) fn passes(&self) -> bool {
        self.error == "temporarily_unavailable"
            || matches!(self.class(), Some(SignInClass::Transient))
            || self.code == Some(90_055)
    }

    /// What went wrong and what to do, in one line.
    pub(super) fn message(&self) -> String {
        let mut message = match self.description.as_str() {
            "" => "the token endpoint refused the request".to_owned(),
            said => format!("the token endpoint refused the request: {said}"),
        };
        if let Some(advice) = self.advice() {
            message.push_str("; ");
            message.push_str(advice.remedy);
        }
        message
    }

    /// Reads a refusal of any shape; a proxy may have answered with a page.
    pub(super) fn parse(body: &[u8], secrets: &[&Secret]) -> Self {
        let json: Json = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| json[name].as_str().unwrap_or_default();
        // Before it is cut, so that no part of a secret stays.
        let clean = |text: &str, max| {
            let text = secrets.iter().fold(text.to_owned(), |text, secret| {
                // As it is, and as it was sent in the form.
                let sent: String = form_urlencoded::byte_serialize(secret.expose().as_bytes()).collect();
                without_secret(&without_secret(&text, secret.expose()), &sent)
            });
            one_line(&text, max)
        };
        let kept = |name: &str, max| Some(clean(text(name), max)).filter(|text| !text.is_empty());
        let (error, description) = (text("error"), text("error_description"));
        let said = if json.is_object() && !(description.is_empty() && error.is_empty()) {
            let text = if description.is_empty() { error } else { description };
            let end = text.find("Trace ID:").unwrap_or(text.len());
            clean(text[..end].lines().next().unwrap_or_default(), 500)
        } else {
            let body = String::from_utf8_lossy(&body[..body.len().min(4_096)]);
            let is_data = body.trim_start_matches(['\u{feff}', ' ', '\r', '\n', '\t']).starts_with(['{', '[', '"']);
            // What is no refusal may be what was asked for, with a status that does not fit: a token, a code.
            let text = if is_data { json["message"].as_str().unwrap_or_default() } else { &*body };
            clean(text, 200)
        };
        Self {
            code: json["error_codes"][0].as_u64().or_else(|| code_in(description)),
            error: clean(error, 64),
            suberror: kept("suberror", 64),
            description: said.trim_end_matches('.').to_owned(),
            claims: kept("claims", 4_096),
            correlation_id: kept("correlation_id", 64),
            trace_id: kept("trace_id", 64),
            timestamp: kept("timestamp", 64),
        }
    }
}

/// Who must act and where: the rest is in the error that this is the cause of.
impl fmt::Display for SignInFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.advice() {
            Some(advice) if advice.actor == super::Actor::Nobody => write!(f, "{}", advice.cause),
            Some(advice) => write!(f, "{}; {} can mend it, in: {}", advice.cause, advice.actor, advice.place),
            None if self.error.is_empty() => f.write_str("the answer is not one of Entra's"),
            None => write!(f, "Entra answered {}", self.error),
        }
    }
}

impl std::error::Error for SignInFailure {}

fn code_in(description: &str) -> Option<u64> {
    let digits = description.strip_prefix("AADSTS")?;
    let end = digits.find(|character: char| !character.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &[u8], secret: &str) -> SignInFailure {
        SignInFailure::parse(body, &[&Secret::new(secret)])
    }

    #[test]
    fn a_refusal_says_what_and_what_to_do() {
        let body = br#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided. Ensure the secret is the value. Trace ID: 0000aaaa Correlation ID: bbbb Timestamp: 2026-01-15 09:30:00Z","error_codes":[7000215],"correlation_id":"bbbb"}"#;
        let refusal = parse(body, "x");
        assert_eq!(refusal.code, Some(7_000_215));
        assert_eq!(
            refusal.message(),
            "the token endpoint refused the request: AADSTS7000215: Invalid client secret provided. Ensure the secret \
             is the value; use the secret's value (not its id) of this application, or create a new one"
        );
        assert_eq!(refusal.correlation_id.as_deref(), Some("bbbb"));
        assert!(!refusal.passes());
        assert_eq!(
            refusal.to_string(),
            "the client secret is wrong: often its id was given, or the secret is of another application; an \
             Application Administrator of the tenant or an owner of the application can mend it, in: App \
             registrations > the application > Certificates & secrets"
        );
    }

    #[test]
    fn a_refusal_of_any_shape_is_read() {
        for body in [
            "",
            "null",
            "[]",
            "7",
            "<html>s3cret</html>",
            r#"{"error":7,"error_codes":"x"}"#,
            r#"{"error_description":"AADSTS: s3cret"}"#,
            r#"{"error_description":"AADSTS99999999999999999999999: x"}"#,
            "{\"error\":\"s3cret\\r\\nforged line\"}",
            "{\"error\":\"x\",\"claims\":\"s3cret\",\"suberror\":\"s3cret\",\"timestamp\":\"s3cret\"}",
        ] {
            let refusal = parse(body.as_bytes(), "s3cret");
            assert!(!format!("{refusal:?} {refusal} {}", refusal.message()).contains("s3cret"), "{body}");
            assert!(!refusal.message().contains('\n'), "{body}");
        }
        let echoed = parse(br#"{"error":"x","error_description":"client_secret=s3%7Ecret%2B is wrong"}"#, "s3~cret+");
        assert_eq!(echoed.description, "client_secret=… is wrong");
        for issued in [
            r#"{"token_type":"Bearer","expires_in":3599,"access_token":"t0ken"}"#,
            "\u{feff} {\"access_token\":\"t0ken\"",
            r#"["t0ken"]"#,
            r#""t0ken""#,
        ] {
            assert_eq!(parse(issued.as_bytes(), "s3cret").description, "", "{issued}: a token is no refusal");
        }
        let other = parse(br#"{"statusCode":500,"message":"An unexpected error occured"}"#, "s3cret");
        assert_eq!(other.description, "An unexpected error occured");
        let old = parse(b"{\"error_description\":\"AADSTS90002: No tenant.\\r\\nTrace ID: x\"}", "s3cret");
        assert_eq!(old.code, Some(90_002));
        assert!(parse(br#"{"error":"x","error_codes":[90033]}"#, "s3cret").passes());
    }
}
