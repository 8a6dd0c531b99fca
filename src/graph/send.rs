//! One request from first attempt to last: token, repetition, errors.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tracing::Instrument;
use url::Url;
use uuid::Uuid;

use crate::auth::{AccessToken, ClaimsChallenge};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::graph::GraphClient;
use crate::graph::blot::Blot;
use crate::graph::error::{Refused, is_write, may_repeat};
use crate::http::RetryPolicy;
use crate::http::Traffic;
use crate::http::pace::{Feedback, Permit, no_turn};
use crate::http::redact::path_for_people;
use crate::http::retry::{Attempts, retry_after};
use crate::permit;

/// How wrong a machine's clock may be.
const MAX_AHEAD: time::Duration = time::Duration::days(366);

/// After so many requests in a row that did not get through for all their attempts, each further one has a single one
/// until one gets through: an outage must not cost as much time for each of a million requests.
const MAX_LOST: u32 = 3;

/// A request without its token.
pub(super) struct Outgoing {
    pub(super) method: Method,
    /// Checked to be at the configured host.
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
    /// Which limit it counts against.
    pub(super) traffic: Traffic,
    /// How many requests it stands for.
    pub(super) units: u32,
    /// Whose turn it needs: no other request with one of them is under way meanwhile.
    pub(super) turns: Vec<String>,
}

/// An attempt that failed.
struct Failed {
    error: Error,
    /// What the service said beside the error.
    feedback: Feedback,
    /// What it wants of the next token.
    challenge: Option<ClaimsChallenge>,
}

/// Actions that are sent as `POST` and change nothing.
const QUESTIONS: &[&str] = &[
    "checkmembergroups",
    "checkmemberobjects",
    "getavailableextensionproperties",
    "getbyids",
    "getmembergroups",
    "getmemberobjects",
    "ismemberof",
    "validateproperties",
];

/// Which limit a request counts against.
pub(super) fn traffic_of(method: &Method, path: &str) -> Traffic {
    let path = path_for_people(path);
    let action = path.rsplit('/').next().unwrap_or_default();
    let action = action.rsplit('.').next().unwrap_or_default();
    let asks = || QUESTIONS.iter().any(|question| action.eq_ignore_ascii_case(question));
    if !is_write(method) || (*method == Method::POST && asks()) { Traffic::Reads } else { Traffic::Writes }
}

/// A request that was a success as a whole.
pub(super) struct Sent {
    pub(super) answer: Response<Bytes>,
    pub(super) permit: Permit,
    /// What it travelled with.
    pub(super) token: AccessToken,
}

impl Outgoing {
    /// What the request is called in errors.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, path_for_people(self.url.path()))
    }
}

impl GraphClient {
    /// Sends it, repeats it as far as that is safe, and gives the first answer that is a success.
    pub(super) async fn send(&self, outgoing: &Outgoing) -> Result<Response<Bytes>> {
        let Sent { answer, permit, .. } = self.send_unsettled(outgoing).await?;
        permit.settle(&heard(answer.headers()));
        Ok(answer)
    }

    /// The same, for a request whose answer has yet to be read to know how much of it the service refused.
    pub(super) async fn send_unsettled(&self, outgoing: &Outgoing) -> Result<Sent> {
        let span = tracing::debug_span!(
            "graph",
            method = outgoing.method.as_str(),
            path = path_for_people(outgoing.url.path()),
            units = outgoing.units,
            attempt = tracing::field::Empty,
            status = tracing::field::Empty,
            request_id = tracing::field::Empty,
        );
        let sent = self.attempts(outgoing).instrument(span).await;
        if sent.as_ref().err().is_none_or(|error| !is_outage(error) && !is_turn(error)) {
            self.0.lost.store(0, Ordering::Relaxed);
        }
        sent
    }

    /// Notes that a request failed for all its attempts.
    pub(super) fn note_lost(&self, error: &Error) {
        if is_outage(error) {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often a request is repeated now: while nothing gets through, one attempt tells as much as six.
    pub(super) fn policy(&self) -> RetryPolicy {
        let policy = self.0.retry.clone();
        if self.0.lost.load(Ordering::Relaxed) < MAX_LOST { policy } else { policy.with_max_attempts(1) }
    }

    async fn attempts(&self, outgoing: &Outgoing) -> Result<Sent> {
        let inner = &*self.0;
        let mut token_was_refused = false;
        let mut in_doubt = false;
        // What an earlier attempt may have done stays in doubt, whatever a later one says.
        let finally = |error: Error, in_doubt: bool| {
            let error = error.with_context("request", outgoing.name());
            if in_doubt { error.with_outcome_in_doubt() } else { error }
        };
        let policy = self.policy();
        let mut attempts = Attempts::begin(inner.clock.now());
        let is_late = |attempts: &Attempts| attempts.is_late(&inner.retry, inner.clock.now());
        let turn = inner.turns.take(&outgoing.turns, || is_late(&attempts)).await;
        let _turn = turn.ok_or_else(|| finally(no_turn(None), in_doubt))?;
        let mut permit = self.admit(outgoing, &attempts).await.map_err(|error| finally(error, in_doubt))?;
        loop {
            let token = inner.tokens.token().await.map_err(|error| finally(error, in_doubt))?;
            if is_late(&attempts) {
                return Err(finally(late_token(), in_doubt));
            }
            permit::check().await.map_err(|error| finally(error, in_doubt))?;
            let Failed { error, feedback, challenge } = match self.exchange(outgoing, &token, attempts.number()).await {
                Ok(answer) => return Ok(Sent { answer, permit, token }),
                Err(failed) => failed,
            };
            permit.settle(&match error.graph().map(|graph| graph.status) {
                Some(429) => Feedback { throttled: outgoing.units, ..feedback },
                Some(..500) => feedback,
                Some(_) | None => Feedback { failed: outgoing.units, ..feedback },
            });
            in_doubt |= error.is_outcome_in_doubt();
            if error.graph().is_some_and(|graph| graph.status == 401) && !token_was_refused {
                token_was_refused = true;
                match &challenge {
                    Some(challenge) => inner.tokens.challenge(&token, challenge),
                    None => inner.tokens.invalidate(&token),
                }
                let another = inner.tokens.token().await.map_err(|error| finally(error, in_doubt))?;
                if another.secret != token.secret {
                    permit = self.admit(outgoing, &attempts).await.map_err(|error| finally(error, in_doubt))?;
                    continue;
                }
            }
            if !may_repeat(&outgoing.method, &error) {
                return Err(finally(error, in_doubt));
            }
            match attempts.next(&policy, inner.clock.now(), &error) {
                Some(delay) => inner.clock.sleep(delay).await,
                None => {
                    self.note_lost(&error);
                    return Err(finally(error, in_doubt));
                }
            }
            permit = self.admit(outgoing, &attempts).await.map_err(|error| finally(error, in_doubt))?;
        }
    }

    /// Waits until it may be sent.
    async fn admit(&self, outgoing: &Outgoing, attempts: &Attempts) -> Result<Permit> {
        let inner = &*self.0;
        let patience = attempts.left(&inner.retry, inner.clock.now());
        inner.pacer.admit(outgoing.traffic, outgoing.units, patience).await
    }

    async fn exchange(
        &self,
        outgoing: &Outgoing,
        token: &AccessToken,
        attempt: u32,
    ) -> Result<Response<Bytes>, Failed> {
        let inner = &*self.0;
        let span = tracing::Span::current();
        span.record("attempt", attempt);
        let id = Uuid::new_v4().to_string();
        let nothing = Feedback::default();
        let request =
            prepare(outgoing, token, &id).map_err(|error| Failed { error, feedback: nothing, challenge: None })?;
        let path = path_for_people(outgoing.url.path());
        let method = outgoing.method.as_str();
        let answer = match inner.transport.send(request).await {
            Ok(answer) => answer,
            Err(source) => {
                tracing::debug!(method, path, attempt, client_request_id = id, error = %source, "no answer from Graph");
                let feedback = Feedback { overloaded: source.kind() == ErrorKind::TimedOut, ..nothing };
                return Err(Failed { error: no_answer(outgoing, source, &id), feedback, challenge: None });
            }
        };
        self.note_clock(answer.headers());
        let status = answer.status();
        let request_id = answer.headers().get("request-id").and_then(|id| id.to_str().ok());
        span.record("status", status.as_u16());
        span.record("request_id", request_id);
        tracing::debug!(
            method,
            path,
            attempt,
            status = status.as_u16(),
            request_id,
            client_request_id = id,
            "Graph answered"
        );
        if status.is_success() {
            return Ok(answer);
        }
        let body = serde_json::from_slice(answer.body()).unwrap_or_default();
        let retry_after = retry_after(answer.headers(), inner.clock.now());
        let claims = (status == StatusCode::FORBIDDEN).then(|| token.claims());
        let refused = Refused {
            method: &outgoing.method,
            status,
            claims: claims.as_ref(),
            path: path.strip_prefix(inner.root.path()).unwrap_or(path),
            retry_after,
            request_id,
            client_request_id: Some(&id),
            blot: Blot::of(token, outgoing.body.as_deref().unwrap_or_default()),
        };
        let overloaded = matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT);
        let feedback = Feedback { retry_after, overloaded, ..heard(answer.headers()) };
        let challenge = if status == StatusCode::UNAUTHORIZED { ClaimsChallenge::find(answer.headers()) } else { None };
        Err(Failed { error: refused.into_error(&body), feedback, challenge })
    }

    /// Learns from an answer what time it is there. A date that is far off is no clock's, and is not believed.
    fn note_clock(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| OffsetDateTime::parse(date.to_str().ok()?, &Rfc2822).ok());
        if let Some(date) = date {
            let ahead = date - self.0.clock.now();
            if ahead.abs() <= MAX_AHEAD {
                self.0.ahead.store(ahead.whole_seconds(), Ordering::Relaxed);
                self.0.dated.store(date.unix_timestamp(), Ordering::Relaxed);
            }
        }
    }

    /// The address of a path under the root, with its query.
    pub(super) fn address(&self, path: &str) -> Result<Url> {
        let outside = || {
            Error::new(ErrorKind::Invalid, "the path does not stay under the root of Graph")
                .with_context("path", path_for_people(path))
        };
        let root = &self.0.root;
        let url = Url::parse(&format!("{root}{}", path.trim_start_matches('/'))).map_err(|_| outside())?;
        // A path with `..` in it, however encoded, has been resolved by now.
        let stays = url.path().len() > root.path().len() && url.path().starts_with(root.path());
        if stays && url.fragment().is_none() && same_host(&url, root) { Ok(url) } else { Err(outside()) }
    }

    /// An absolute address that Graph gave, if the token may travel there.
    pub(super) fn followed(&self, link: &str) -> Result<Url> {
        let url = Url::parse(link)
            .map_err(|_| Error::new(ErrorKind::Protocol, "the link to the next page is not a valid address"))?;
        if same_host(&url, &self.0.root) {
            Ok(url)
        } else {
            // A host is shown, nothing else: the link is foreign text.
            Err(Error::new(ErrorKind::Protocol, "the link to the next page leaves the configured Graph host")
                .with_context("host", url.host_str().unwrap_or_default()))
        }
    }
}

/// What an answer's headers say of the load.
pub(super) fn heard(headers: &HeaderMap) -> Feedback {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let number = |name: &str| text(name)?.trim().parse::<f64>().ok().filter(|number| (0.0..1_000.0).contains(number));
    Feedback {
        // A share of the limit: what is far beyond it says nothing.
        load: number("x-ms-throttle-limit-percentage").filter(|load| *load <= 10.0),
        cost: number("x-ms-resource-unit"),
        is_for_all: text("x-ms-throttle-scope").is_some_and(is_for_all),
        ..Feedback::default()
    }
}

/// Whether a limit is one for reads and writes: `Tenant_Application/ReadWrite/<application>/<tenant>`.
fn is_for_all(scope: &str) -> bool {
    scope.split('/').nth(1).is_some_and(|kind| kind.eq_ignore_ascii_case("ReadWrite"))
}

fn same_host(url: &Url, root: &Url) -> bool {
    url.origin() == root.origin() && url.username().is_empty() && url.password().is_none()
}

fn prepare(outgoing: &Outgoing, token: &AccessToken, id: &str) -> Result<Request<Bytes>> {
    let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.secret.expose()))
        .map_err(|_| Error::new(ErrorKind::Unauthenticated, "the token has characters that no token has"))?;
    bearer.set_sensitive(true);
    let mut request = Request::builder()
        .method(outgoing.method.clone())
        .uri(outgoing.url.as_str())
        .header("client-request-id", id)
        .header(ACCEPT, "application/json")
        .body(outgoing.body.clone().unwrap_or_default())
        .map_err(|_| Error::new(ErrorKind::Invalid, "the address is too long or not valid"))?;
    let headers = request.headers_mut();
    if outgoing.body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    for (name, value) in &outgoing.headers {
        headers.insert(name, value.clone());
    }
    headers.insert(AUTHORIZATION, bearer);
    Ok(request)
}

fn no_answer(outgoing: &Outgoing, source: Error, id: &str) -> Error {
    let retry = match source.kind() {
        ErrorKind::Transport | ErrorKind::TimedOut => Retry::Later,
        _ => Retry::Never,
    };
    let in_doubt = source.is_outcome_in_doubt() && is_write(&outgoing.method);
    let error = Error::new(source.kind(), "no whole answer from Microsoft Graph")
        .with_context("client-request-id", id)
        .with_retry(retry)
        .with_source(source);
    if in_doubt { error.with_outcome_in_doubt() } else { error }
}

/// Whether the service was not reached, or could not do its work.
fn is_outage(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Transport | ErrorKind::TimedOut | ErrorKind::Unavailable => true,
        ErrorKind::Throttled => !is_turn(error),
        _ => false,
    }
}

/// Whether its turn did not come, which says nothing of the service.
fn is_turn(error: &Error) -> bool {
    error.kind() == ErrorKind::Throttled && error.graph().is_none()
}

/// The token took so long that no attempt may begin any more.
fn late_token() -> Error {
    Error::new(ErrorKind::TimedOut, "the token came after the request's deadline").with_retry(Retry::Later)
}

/// Reads an answer's body.
pub(super) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| wrong_shape(&error))
}

/// Says where the parser stopped, not what it read there: that may be a person's data.
pub(super) fn wrong_shape(error: &serde_json::Error) -> Error {
    let message = match error.classify() {
        serde_json::error::Category::Eof => "Microsoft Graph's answer ends too early",
        serde_json::error::Category::Data => "Microsoft Graph's answer is not of the expected shape",
        _ => "Microsoft Graph's answer is not JSON",
    };
    Error::new(ErrorKind::Protocol, message).with_context("line", error.line()).with_context("column", error.column())
}
