//! One request to the token endpoint, and what comes back.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use time::OffsetDateTime;
use url::form_urlencoded;
use uuid::Uuid;

use super::{AccessToken, SignInFailure, TenantId, TokenContext};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::http::retry::{Attempts, retry_after};
use crate::http::{RetryPolicy, redact};
use crate::secret::Secret;

/// The longest life of a token that is believed; the longest that Entra gives is 28 hours.
const MAX_LIFE: Duration = Duration::from_secs(48 * 60 * 60);

/// The longest token that is taken. Tokens with many roles reach some kilobytes.
const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// The largest answer that is read.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// What the token endpoint gave.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) token: AccessToken,
    /// Where a person signed in and it was asked for.
    pub(super) refresh_token: Option<Secret>,
}

/// An answer of Entra or of a host's identity service.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) sent_at: OffsetDateTime,
}

/// The address of one of a tenant's endpoints, such as `oauth2/v2.0/token`.
pub(super) fn address(context: &TokenContext, tenant: &TenantId, path: &str) -> String {
    format!("{}{tenant}/{path}", context.authority())
}

/// Asks for a token. Repeating does no harm here, so a lost answer is asked for again.
pub(super) async fn token(
    context: &TokenContext,
    tenant: &TenantId,
    fields: &[(&str, &str)],
    secrets: &[&Secret],
) -> Result<Granted> {
    let mut patience = Patience::begin(context);
    loop {
        match ask(context, tenant, fields, secrets).await {
            Ok(granted) => return Ok(granted),
            Err(error) => patience.wait(context, error).await?,
        }
    }
}

/// How often and how long something is tried: three times in two minutes, as long as its error says that this helps.
pub(super) struct Patience {
    policy: RetryPolicy,
    attempts: Attempts,
}

impl Patience {
    pub(super) fn begin(context: &TokenContext) -> Self {
        Self::with(context, 3)
    }

    pub(super) fn with(context: &TokenContext, attempts: u32) -> Self {
        let policy = RetryPolicy::default().with_max_attempts(attempts).with_deadline(Duration::from_secs(120));
        Self { policy, attempts: Attempts::begin(context.clock().now()) }
    }

    /// Waits for the next try, or gives the error back if there is none.
    pub(super) async fn wait(&mut self, context: &TokenContext, error: Error) -> Result<()> {
        let clock = context.clock();
        match self.attempts.next(&self.policy, clock.now(), &error) {
            Some(delay) => clock.sleep(delay).await,
            None => return Err(error),
        }
        Ok(())
    }
}

/// Asks for a token, once.
pub(super) async fn ask(
    context: &TokenContext,
    tenant: &TenantId,
    fields: &[(&str, &str)],
    secrets: &[&Secret],
) -> Result<Granted> {
    let claims = context.claims();
    let claims = claims.iter().map(|claims| ("claims", claims.as_str()));
    let fields: Vec<_> = fields.iter().copied().chain(claims).collect();
    let answer = send_form(context, &address(context, tenant, "oauth2/v2.0/token"), &fields).await?;
    if answer.status == StatusCode::OK {
        return parse_token(&answer.body, answer.sent_at).map_err(|error| at_authority(context, error));
    }
    Err(at_authority(context, refusal(&answer, secrets)))
}

/// Posts a form to one of Entra's endpoints.
pub(super) async fn send_form(context: &TokenContext, address: &str, fields: &[(&str, &str)]) -> Result<Answer> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::builder()
        .method(Method::POST)
        .uri(address)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::from(body));
    send(context, request).await.map_err(|error| at_authority(context, error))
}

/// Sends a request, with an id of our own. No redirect is followed: a transport does not, and what an answer names is
/// not asked.
pub(super) async fn send(context: &TokenContext, request: http::Result<Request<Bytes>>) -> Result<Answer> {
    let mut request =
        request.map_err(|_| Error::new(ErrorKind::Invalid, "the address of the token endpoint is not valid"))?;
    let id = Uuid::new_v4().to_string();
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        request.headers_mut().insert("client-request-id", id);
    }
    let path = redact::path_for_people(request.uri().path()).to_owned();
    let sent_at = context.clock().now();
    let answer = context.transport().send(request).await.map_err(|source| {
        let retry = match source.kind() {
            ErrorKind::Transport | ErrorKind::TimedOut => Retry::Later,
            _ => Retry::Never,
        };
        Error::new(source.kind(), "the token endpoint did not answer").with_retry(retry).with_source(source)
    })?;
    let (parts, body) = answer.into_parts();
    tracing::debug!(path, status = parts.status.as_u16(), client_request_id = id, "token request");
    if body.len() > MAX_ANSWER_BYTES {
        return Err(Error::new(ErrorKind::Protocol, "the token endpoint's answer is larger than any token")
            .with_context("limit", format_args!("{MAX_ANSWER_BYTES} bytes")));
    }
    Ok(Answer { status: parts.status, headers: parts.headers, body, sent_at })
}

fn at_authority(context: &TokenContext, error: Error) -> Error {
    error.with_context("authority", redact::address_for_people(context.authority()))
}

/// What an answer that is no success means.
pub(super) fn refusal(answer: &Answer, secrets: &[&Secret]) -> Error {
    let status = answer.status;
    let failure = SignInFailure::parse(&answer.body, secrets);
    let asked = retry_after(&answer.headers, answer.sent_at);
    let passes =
        status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() || failure.passes() || asked.is_some();
    let kind = match status {
        StatusCode::TOO_MANY_REQUESTS => ErrorKind::Throttled,
        _ if passes => ErrorKind::Unavailable,
        _ if status.is_redirection() || status.is_success() || status.is_informational() => ErrorKind::Protocol,
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::Unauthenticated,
        _ => ErrorKind::Protocol,
    };
    let message = match status.is_redirection() {
        true => "the token endpoint sends to another address, which is not followed".to_owned(),
        false => failure.message(),
    };
    let mut error = Error::new(kind, message).with_context("status", status.as_u16());
    if let Some(code) = failure.code {
        error = error.with_context("code", format_args!("AADSTS{code}"));
    }
    if let Some(id) = &failure.correlation_id {
        error = error.with_context("correlation-id", id);
    }
    let retry = match asked {
        _ if !passes => Retry::Never,
        Some(delay) => Retry::After(delay),
        None => Retry::Later,
    };
    error.with_retry(retry).with_source(failure)
}

/// Reads a token, with numbers as numbers or as text.
fn parse_token(body: &[u8], sent_at: OffsetDateTime) -> Result<Granted> {
    let wrong = |what: &'static str| Error::new(ErrorKind::Protocol, what);
    // Not the parser's own error, which may quote what it read.
    let json: serde_json::Value =
        serde_json::from_slice(body).map_err(|_| wrong("the token endpoint's answer is not JSON"))?;
    let is_bearer = json["token_type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
    if !is_bearer {
        return Err(wrong("the token endpoint's answer is no bearer token"));
    }
    let token =
        usable(&json["access_token"]).ok_or_else(|| wrong("the token endpoint's answer holds no usable token"))?;
    let life =
        life(&json, sent_at).ok_or_else(|| wrong("the token endpoint does not say how long the token is good"))?;
    let mut token = AccessToken::new(token).with_expiry(sent_at + life);
    token.refresh_at = seconds(&json["refresh_in"]).map(|after| sent_at + after.min(life));
    Ok(Granted { token, refresh_token: usable(&json["refresh_token"]).map(Secret::new) })
}

/// A token that may stand in a header.
pub(super) fn usable(json: &serde_json::Value) -> Option<&str> {
    let is_usable = |token: &&str| {
        !token.is_empty() && token.len() <= MAX_TOKEN_BYTES && token.bytes().all(|byte| byte.is_ascii_graphic())
    };
    json.as_str().filter(is_usable)
}

/// How long a token is good: `expires_in`, or where that is missing, as in answers of App Service, `expires_on`.
fn life(json: &serde_json::Value, sent_at: OffsetDateTime) -> Option<Duration> {
    if !json["expires_in"].is_null() {
        return seconds(&json["expires_in"]);
    }
    let end = seconds_since_1970(&json["expires_on"])?;
    let life = end.checked_sub(sent_at.unix_timestamp()).and_then(|life| u64::try_from(life).ok());
    life.filter(|life| *life > 0).map(|life| Duration::from_secs(life).min(MAX_LIFE))
}

pub(super) fn seconds_since_1970(json: &serde_json::Value) -> Option<i64> {
    json.as_i64().or_else(|| json.as_str()?.trim().parse().ok())
}

/// Reads the answer of a host's identity service or of a tool.
pub(super) fn parse_foreign_token(body: &[u8], sent_at: OffsetDateTime) -> Result<AccessToken> {
    parse_token(body, sent_at).map(|granted| granted.token)
}

/// A positive number of seconds, as a number or as text, cut to what is believed.
pub(super) fn seconds(json: &serde_json::Value) -> Option<Duration> {
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
            (r#"{"token_type":"Bearer","expires_on":"1768473000","access_token":"t"}"#, Some(3_600)),
            (r#"{"token_type":"Bearer","expires_on":1768469400,"access_token":"t"}"#, None),
            (r#"{"token_type":"Bearer","expires_on":-9223372036854775808,"access_token":"t"}"#, None),
            (r#"{"token_type":"Bearer","expires_on":"9223372036854775807","access_token":"t"}"#, Some(172_800)),
            (r#"{"token_type":"Bearer","expires_in":"","expires_on":"1768473000","access_token":"t"}"#, None),
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
                .map(|granted| (granted.token.expires_at.expect("a life") - NOW).whole_seconds());
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
            let answer = Answer { status, headers, body: Bytes::from(*body), sent_at: NOW };
            let error = refusal(&answer, &[&secret]);
            assert_eq!((error.kind(), error.retry()), (*kind, *retry), "{status} {body}");
        }
    }
}
