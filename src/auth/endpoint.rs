//! One request to the token endpoint, and what comes back.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, StatusCode};
use time::OffsetDateTime;
use url::form_urlencoded;
use uuid::Uuid;

use super::{AccessToken, TenantId, TokenContext, aadsts};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::http::retry::{Attempts, retry_after};
use crate::http::{RetryPolicy, redact};
use crate::secret::Secret;

/// The longest life of a token that is believed; the longest that Entra gives is 28 hours.
const MAX_LIFE: Duration = Duration::from_secs(48 * 60 * 60);

/// The longest token that is taken. Tokens with many roles reach some kilobytes.
const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// Asks for a token. Repeating does no harm here, so a lost answer is asked for again.
pub(super) async fn token(
    context: &TokenContext,
    tenant: &TenantId,
    fields: &[(&str, &str)],
    secret: &Secret,
) -> Result<AccessToken> {
    let policy = RetryPolicy::default().with_max_attempts(3).with_deadline(Duration::from_secs(120));
    let clock = context.clock();
    let mut attempts = Attempts::begin(clock.now());
    loop {
        let error = match ask(context, tenant, fields, secret).await {
            Ok(token) => return Ok(token),
            Err(error) => error,
        };
        match attempts.next(&policy, clock.now(), &error) {
            Some(delay) => clock.sleep(delay).await,
            None => return Err(error),
        }
    }
}

async fn ask(
    context: &TokenContext,
    tenant: &TenantId,
    fields: &[(&str, &str)],
    secret: &Secret,
) -> Result<AccessToken> {
    let address = format!("{}{tenant}/oauth2/v2.0/token", context.authority());
    let id = Uuid::new_v4().to_string();
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::builder()
        .method(Method::POST)
        .uri(&address)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "application/json")
        .header("client-request-id", &id)
        .body(Bytes::from(body))
        .map_err(|_| Error::new(ErrorKind::Invalid, "the address of the token endpoint is not valid"))?;
    let sent_at = context.clock().now();
    let failed = |error: Error| error.with_context("authority", redact::address_for_people(context.authority()));
    let answer = context.transport().send(request).await.map_err(|source| {
        let retry = match source.kind() {
            ErrorKind::Transport | ErrorKind::TimedOut => Retry::Later,
            _ => Retry::Never,
        };
        failed(Error::new(source.kind(), "the token endpoint did not answer").with_retry(retry).with_source(source))
    })?;
    let (parts, body) = answer.into_parts();
    tracing::debug!(tenant = tenant.as_str(), status = parts.status.as_u16(), client_request_id = id, "token request");
    if parts.status == StatusCode::OK {
        return parse_token(&body, sent_at).map_err(failed);
    }
    Err(failed(refusal(parts.status, &parts.headers, &body, sent_at, secret)))
}

fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8], now: OffsetDateTime, secret: &Secret) -> Error {
    let refused = aadsts::parse(body, secret);
    let asked = retry_after(headers, now);
    let passes =
        status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() || refused.passes || asked.is_some();
    let kind = match status {
        StatusCode::TOO_MANY_REQUESTS => ErrorKind::Throttled,
        _ if passes => ErrorKind::Unavailable,
        _ if status.is_redirection() || status.is_success() || status.is_informational() => ErrorKind::Protocol,
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::Unauthenticated,
        _ => ErrorKind::Protocol,
    };
    let mut error = Error::new(kind, refused.message).with_context("status", status.as_u16());
    if let Some(code) = refused.code {
        error = error.with_context("code", format_args!("AADSTS{code}"));
    }
    if let Some(id) = refused.correlation_id {
        error = error.with_context("correlation-id", id);
    }
    error.with_retry(match asked {
        _ if !passes => Retry::Never,
        Some(delay) => Retry::After(delay),
        None => Retry::Later,
    })
}

fn parse_token(body: &[u8], sent_at: OffsetDateTime) -> Result<AccessToken> {
    let wrong = |what: &'static str| Error::new(ErrorKind::Protocol, what);
    // Not the parser's own error, which may quote what it read.
    let json: serde_json::Value =
        serde_json::from_slice(body).map_err(|_| wrong("the token endpoint's answer is not JSON"))?;
    let is_bearer = json["token_type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
    if !is_bearer {
        return Err(wrong("the token endpoint's answer is no bearer token"));
    }
    let token = json["access_token"].as_str().unwrap_or_default();
    if token.is_empty() || token.len() > MAX_TOKEN_BYTES || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong("the token endpoint's answer holds no usable token"));
    }
    let life = seconds(&json["expires_in"])
        .ok_or_else(|| wrong("the token endpoint does not say how long the token is good"))?;
    let mut token = AccessToken::new(token).with_expiry(sent_at + life);
    token.refresh_at = seconds(&json["refresh_in"]).map(|after| sent_at + after.min(life));
    Ok(token)
}

/// A positive number of seconds, as a number or as text, cut to what is believed.
fn seconds(json: &serde_json::Value) -> Option<Duration> {
    let seconds: f64 = match json {
        serde_json::Value::Number(number) => number.as_f64()?,
        serde_json::Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    if seconds.is_nan() || seconds <= 0.0 {
        return None;
    }
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(MAX_LIFE).min(MAX_LIFE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-01-15 09:30:00 UTC);

    #[test]
    fn hostile_answers_are_errors_or_bounded() {
        let table: &[(&str, Option<i64>)] = &[
            (r#"{"token_type":"Bearer","expires_in":3599,"access_token":"t"}"#, Some(3_599)),
            (r#"{"token_type":"bearer","expires_in":"3599","access_token":"t"}"#, Some(3_599)),
            (r#"{"token_type":"Bearer","expires_in":1e300,"access_token":"t"}"#, Some(172_800)),
            (r#"{"token_type":"Bearer","expires_in":99999999999999999999999,"access_token":"t"}"#, Some(172_800)),
            (r#"{"token_type":"Bearer","expires_in":"inf","access_token":"t"}"#, Some(172_800)),
            (r#"{"token_type":"Bearer","expires_in":-1,"access_token":"t"}"#, None),
            (r#"{"token_type":"Bearer","expires_in":0,"access_token":"t"}"#, None),
            (r#"{"token_type":"Bearer","expires_in":"NaN","access_token":"t"}"#, None),
            (r#"{"token_type":"Bearer","expires_in":"soon","access_token":"t"}"#, None),
            (r#"{"token_type":"Bearer","expires_in":[1],"access_token":"t"}"#, None),
            (r#"{"token_type":"Bearer","access_token":"t"}"#, None),
            (r#"{"token_type":"Bearer","expires_in":10}"#, None),
            (r#"{"token_type":"Bearer","expires_in":10,"access_token":""}"#, None),
            (r#"{"token_type":"Bearer","expires_in":10,"access_token":"a\r\nX-Evil: 1"}"#, None),
            (r#"{"token_type":"Bearer","expires_in":10,"access_token":7}"#, None),
            (r#"{"token_type":"pop","expires_in":10,"access_token":"t"}"#, None),
            (r#"{"expires_in":10,"access_token":"t"}"#, None),
            ("[]", None),
            ("", None),
            ("<html>", None),
        ];
        for (body, expected) in table {
            let life = parse_token(body.as_bytes(), NOW)
                .ok()
                .map(|token| (token.expires_at.expect("a life") - NOW).whole_seconds());
            assert_eq!(life, *expected, "{body}");
        }
        let long = format!(
            r#"{{"token_type":"Bearer","expires_in":10,"access_token":"{}"}}"#,
            "x".repeat(MAX_TOKEN_BYTES + 1)
        );
        assert!(parse_token(long.as_bytes(), NOW).is_err());
    }

    #[test]
    fn the_answer_does_not_reach_the_error() {
        let error = parse_token(br#"{"token_type":"Bearer","access_token":"s3cret","expires_in":"s3cret"}"#, NOW)
            .expect_err("no life");
        assert!(!format!("{error:?}").contains("s3cret"));
    }

    #[test]
    fn refusals_say_whether_to_come_back() {
        let secret = Secret::new("s3cret");
        let table: &[(u16, &str, &str, ErrorKind, Retry)] = &[
            (
                401,
                "",
                r#"{"error":"invalid_client","error_codes":[7000215]}"#,
                ErrorKind::Unauthenticated,
                Retry::Never,
            ),
            (400, "", "<html>", ErrorKind::Unauthenticated, Retry::Never),
            (400, "", r#"{"error":"temporarily_unavailable"}"#, ErrorKind::Unavailable, Retry::Later),
            (503, "", "", ErrorKind::Unavailable, Retry::Later),
            (429, "7", "", ErrorKind::Throttled, Retry::After(Duration::from_secs(7))),
            (302, "", "", ErrorKind::Protocol, Retry::Never),
            (204, "", "", ErrorKind::Protocol, Retry::Never),
        ];
        for (status, asked, body, kind, retry) in table {
            let mut headers = HeaderMap::new();
            if !asked.is_empty() {
                headers.insert("retry-after", asked.parse().expect("a header"));
            }
            let status = StatusCode::from_u16(*status).expect("a status");
            let error = refusal(status, &headers, body.as_bytes(), NOW, &secret);
            assert_eq!((error.kind(), error.retry()), (*kind, *retry), "{status} {body}");
        }
    }
}
