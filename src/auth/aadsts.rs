//! What the token endpoint's refusals mean.

use serde_json::Value as Json;

use crate::http::redact::{one_line, without_secret};
use crate::secret::Secret;

/// A refusal, fit to be shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The number after `AADSTS`.
    pub(super) code: Option<u64>,
    /// What Entra says, its first sentences without the trace, and what to do.
    pub(super) message: String,
    /// For Microsoft's support.
    pub(super) correlation_id: Option<String>,
    /// Whether it passes by itself.
    pub(super) passes: bool,
}

/// Reads a refusal of any shape; a proxy may have answered with a page.
pub(super) fn parse(body: &[u8], secret: &Secret) -> Refusal {
    let json: Json = serde_json::from_slice(body).unwrap_or_default();
    let description = json["error_description"].as_str().unwrap_or_default();
    let code = json["error_codes"][0].as_u64().or_else(|| code_in(description));
    let error = json["error"].as_str().unwrap_or_default();
    // Before it is cut, so that no part of the secret stays.
    let clean = |text: &str, max| one_line(&without_secret(text, secret.expose()), max);
    let said = if json.is_object() && !(description.is_empty() && error.is_empty()) {
        let text = if description.is_empty() { error } else { description };
        let end = text.find("Trace ID:").unwrap_or(text.len());
        clean(text[..end].lines().next().unwrap_or_default(), 500)
    } else {
        clean(&String::from_utf8_lossy(&body[..body.len().min(4_096)]), 200)
    };
    let said = said.trim_end_matches('.');
    let mut message = match said {
        "" => "the token endpoint refused the request".to_owned(),
        said => format!("the token endpoint refused the request: {said}"),
    };
    if let Some(advice) = code.and_then(advice) {
        message.push_str("; ");
        message.push_str(advice);
    }
    Refusal {
        code,
        message,
        correlation_id: json["correlation_id"].as_str().map(|id| clean(id, 64)),
        passes: error == "temporarily_unavailable"
            || matches!(code, Some(90006 | 90012 | 90024 | 90033 | 90090 | 50033 | 50087)),
    }
}

fn code_in(description: &str) -> Option<u64> {
    let digits = description.strip_prefix("AADSTS")?;
    let end = digits.find(|character: char| !character.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// What to do about a refusal, by its number.
pub(crate) fn advice(code: u64) -> Option<&'static str> {
    Some(match code {
        7_000_215 => "use the secret's value (not its id) of this application, or create a new one",
        7_000_222 => "the secret has expired: create a new one",
        7_000_218 => "no credential was sent: configure one",
        700_016 => "check the client id, the tenant and the cloud",
        7_000_112 => "enable the enterprise application",
        7_000_229 => "create the application's service principal in the tenant, by consenting to it",
        90_002 => "check the tenant and the cloud",
        900_023 => "give the tenant's id (a GUID) or one of its domains",
        50_059 | 90_019 => "name the tenant",
        90_038 | 900_382 | 900_432 => "choose the cloud that the tenant lives in",
        70_011 | 1_002_012 => "the scope must end in `/.default`",
        500_011 => "the Graph host does not belong to the tenant's cloud",
        53_003 => "Conditional Access blocks the application: exclude it, or allow its address",
        1_002_016 => "the connection uses an old TLS version, perhaps through a proxy: use TLS 1.2 or later",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_and_what_to_do() {
        let body = br#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided. Ensure the secret is the value. Trace ID: 0000aaaa Correlation ID: bbbb Timestamp: 2026-01-15 09:30:00Z","error_codes":[7000215],"correlation_id":"bbbb"}"#;
        let refusal = parse(body, &Secret::new("x"));
        assert_eq!(refusal.code, Some(7_000_215));
        assert_eq!(
            refusal.message,
            "the token endpoint refused the request: AADSTS7000215: Invalid client secret provided. Ensure the secret \
             is the value; use the secret's value (not its id) of this application, or create a new one"
        );
        assert_eq!(refusal.correlation_id.as_deref(), Some("bbbb"));
        assert!(!refusal.passes);
    }

    #[test]
    fn a_refusal_of_any_shape_is_read() {
        let secret = Secret::new("s3cret");
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
        ] {
            let refusal = parse(body.as_bytes(), &secret);
            assert!(!refusal.message.contains("s3cret"), "{body}");
            assert!(!refusal.message.contains('\n'), "{body}");
        }
        let old = parse(b"{\"error_description\":\"AADSTS90002: No tenant.\\r\\nTrace ID: x\"}", &secret);
        assert_eq!(old.code, Some(90_002));
        assert!(parse(br#"{"error":"x","error_codes":[90033]}"#, &secret).passes);
    }
}
