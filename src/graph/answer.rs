//! What a batch's answer says of each of its requests.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::auth::{AccessToken, TokenClaims};
use crate::error::{Error, ErrorKind, Retry};
use crate::graph::BatchResponse;
use crate::graph::batch::{Item, Outcome};
use crate::graph::blot::Blot;
use crate::graph::error::{Refused, is_failure, is_write};
use crate::http::pace::Feedback;
use crate::http::retry::parse_retry_after;

/// One entry of a batch's answer, of whatever shape.
#[derive(Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    id: Json,
    status: Json,
    headers: Json,
    body: Json,
}

impl Default for Answer {
    fn default() -> Self {
        Self { id: Json::Null, status: Json::Null, headers: Json::Null, body: Json::Null }
    }
}

impl Answer {
    pub(super) fn number(&self) -> Option<usize> {
        match &self.id {
            Json::String(id) => id.parse().ok(),
            Json::Number(id) => id.as_u64().and_then(|id| usize::try_from(id).ok()),
            _ => None,
        }
    }

    /// What it says of the request, which went with this token.
    pub(super) fn outcome(
        self,
        item: &Item,
        token: &AccessToken,
        claims: Option<&TokenClaims>,
        now: OffsetDateTime,
    ) -> Outcome {
        let method = &item.method;
        let Some(status) = self.status() else {
            return Outcome::Failed(missing(method, "the batch's answer has no status for the request"));
        };
        if status.is_success() {
            return Outcome::Final(Ok(BatchResponse { status, body: self.body }));
        }
        let retry_after = self.retry_after(now);
        let request_id = self.header("request-id");
        let refused = Refused {
            method,
            status,
            path: &item.path,
            claims,
            retry_after,
            request_id: request_id.as_deref(),
            client_request_id: None,
            blot: Blot::of(token, item.json.as_bytes()),
        };
        Outcome::Failed(refused.into_error(&self.body))
    }

    pub(super) fn status(&self) -> Option<StatusCode> {
        let status = match &self.status {
            Json::Number(status) => status.as_u64(),
            Json::String(status) => status.parse().ok(),
            _ => None,
        };
        StatusCode::from_u16(u16::try_from(status?).ok()?).ok()
    }

    pub(super) fn is_unauthorized(&self) -> bool {
        self.status() == Some(StatusCode::UNAUTHORIZED)
    }

    fn retry_after(&self, now: OffsetDateTime) -> Option<Duration> {
        self.header("retry-after").and_then(|text| parse_retry_after(&text, now))
    }

    pub(super) fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.as_object()?.iter().find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        match value {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
}

/// How much of a batch the service refused.
pub(super) fn weighed<'a>(
    answers: impl Iterator<Item = Option<&'a Answer>>,
    load: Option<f64>,
    now: OffsetDateTime,
) -> Feedback {
    let mut feedback = Feedback { load, ..Feedback::default() };
    for answer in answers {
        match answer.and_then(Answer::status) {
            Some(StatusCode::TOO_MANY_REQUESTS) => {
                feedback.throttled += 1;
                // Each waits as long as it was told; the others only as long as the first.
                let wait = answer.and_then(|answer| answer.retry_after(now));
                feedback.retry_after = feedback.retry_after.into_iter().chain(wait).min();
            }
            Some(status) if is_failure(status) => {
                feedback.failed += 1;
                feedback.overloaded |= matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT);
            }
            Some(_) => {}
            None => feedback.failed += 1,
        }
    }
    feedback
}

pub(super) fn missing(method: &Method, message: &'static str) -> Error {
    let error = Error::new(ErrorKind::Protocol, message).with_retry(Retry::Later);
    if is_write(method) { error.with_outcome_in_doubt() } else { error }
}
