//! From an answer that is no success to an [`Error`].

use std::borrow::Cow;
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::Value as Json;

use crate::auth::TokenClaims;
use crate::error::{Error, ErrorKind, GraphError, GraphErrorDetail, Retry};
use crate::graph::GraphClass;
use crate::graph::blot::Blot;
use crate::graph::permission::{needs_role, permission};
use crate::http::redact::{MAX_TEXT, one_line};

/// The most finer errors that are kept.
const MAX_DETAILS: usize = 20;

/// What is known of a refused request beside its body.
#[derive(Debug)]
pub(crate) struct Refused<'a> {
    pub(crate) method: &'a Method,
    pub(crate) status: StatusCode,
    /// The path under the version, to know what it needed.
    pub(crate) path: &'a str,
    /// What the token that it went with allows, if that is known.
    pub(crate) claims: Option<&'a TokenClaims>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) request_id: Option<&'a str>,
    pub(crate) client_request_id: Option<&'a str>,
    /// What the answer must not repeat.
    pub(crate) blot: Blot,
}

impl Refused<'_> {
    /// The error for this answer; `body` may be of any shape.
    pub(crate) fn into_error(self, body: &Json) -> Error {
        let graph = self.read(body);
        let class = graph.class();
        let kind = kind_of(self.status, &class);
        let message = match graph.message.trim_end_matches('.') {
            "" => Cow::Borrowed(without_message(self.status)),
            said => Cow::Owned(said.to_owned()),
        };
        let retry = match (kind, &class) {
            (ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::TimedOut, _) | (_, GraphClass::Concurrency) => {
                self.retry_after.map_or(Retry::Later, Retry::After)
            }
            _ => Retry::Never,
        };
        let said_by_graph = !graph.code.is_empty();
        let error = Error::new(kind, message).with_graph(graph).with_retry(retry);
        if leaves_doubt(self.method, self.status, said_by_graph) { error.with_outcome_in_doubt() } else { error }
    }

    fn read(&self, body: &Json) -> GraphError {
        let error = &body["error"];
        let shown = |text: &str, max| one_line(&self.blot.out_of(text), max);
        let text = |json: &Json| shown(json.as_str().unwrap_or_default(), MAX_TEXT);
        let some = |json: &Json| json.as_str().map(|text| shown(text, MAX_TEXT));
        let id =
            |header: Option<&str>, name| header.map(|id| shown(id, 100)).or_else(|| some(&error["innerError"][name]));
        let detail = |detail: &Json| GraphErrorDetail {
            code: text(&detail["code"]),
            message: text(&detail["message"]),
            target: some(&detail["target"]),
        };
        let details = error["details"].as_array().map_or(&[][..], Vec::as_slice);
        let is_denied = self.status == StatusCode::FORBIDDEN;
        let code = text(&error["code"]);
        let needs_role = is_denied
            && code == "Authorization_RequestDenied"
            && self.claims.is_some_and(|claims| needs_role(self.method, self.path, claims));
        GraphError {
            status: self.status.as_u16(),
            code,
            message: text(&error["message"]),
            target: some(&error["target"]),
            details: details.iter().take(MAX_DETAILS).map(detail).collect(),
            request_id: id(self.request_id, "request-id"),
            client_request_id: id(self.client_request_id, "client-request-id"),
            permission: (is_denied && !needs_role)
                .then(|| permission(self.method, self.path))
                .flatten()
                .map(str::to_owned),
            needs_role,
        }
    }
}

/// Whether a request of this method changes something.
pub(crate) fn is_write(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether the request may be sent again after this error: it was surely not carried out, or once more does no harm.
pub(crate) fn may_repeat(method: &Method, error: &Error) -> bool {
    error.retry() != Retry::Never && !(*method == Method::POST && error.is_outcome_in_doubt())
}

/// After a 5xx nobody knows; but 501 says that nothing was done, and so does a 503 of Graph's own: one without a code may
/// come from something on the way, after the request was carried out.
fn leaves_doubt(method: &Method, status: StatusCode, said_by_graph: bool) -> bool {
    let refused = match status {
        StatusCode::NOT_IMPLEMENTED => true,
        StatusCode::SERVICE_UNAVAILABLE => said_by_graph,
        _ => false,
    };
    is_write(method) && (status == StatusCode::REQUEST_TIMEOUT || (is_failure(status) && !refused))
}

/// Whether the service failed; what is beyond all that HTTP knows says no less.
pub(super) fn is_failure(status: StatusCode) -> bool {
    status.as_u16() >= 500
}

fn kind_of(status: StatusCode, class: &GraphClass) -> ErrorKind {
    match (status.as_u16(), class) {
        // Whatever the code says.
        (429, _) => ErrorKind::Throttled,
        (
            _,
            GraphClass::DuplicateValue { .. }
            | GraphClass::Concurrency
            | GraphClass::ReferenceExists
            | GraphClass::NoSeats { .. }
            | GraphClass::PlanConflict { .. },
        ) => ErrorKind::Conflict,
        (
            _,
            GraphClass::NotFound
            | GraphClass::ReplicationDelay
            | GraphClass::ReferenceMissing
            | GraphClass::UnknownSku { .. },
        ) => ErrorKind::NotFound,
        (_, GraphClass::ResyncRequired) => ErrorKind::CursorExpired,
        (401, _) => ErrorKind::Unauthenticated,
        (403, _) => ErrorKind::Forbidden,
        (408, _) => ErrorKind::TimedOut,
        (409 | 412, _) => ErrorKind::Conflict,
        (501, _) => ErrorKind::Unsupported,
        (500.., _) => ErrorKind::Unavailable,
        (400.., _) => ErrorKind::Invalid,
        _ => ErrorKind::Protocol,
    }
}

fn without_message(status: StatusCode) -> &'static str {
    match status.as_u16() {
        300..400 => "Microsoft Graph answered with a redirect, which is not followed",
        429 => "Microsoft Graph asks to come back later",
        500.. => "Microsoft Graph failed",
        _ => "Microsoft Graph refused the request",
    }
}
