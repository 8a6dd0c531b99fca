//! Where a request goes, and what goes wrong on its way.

use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;

use super::answer::{Answer, Body, Refusal, Trace};
use crate::sim::lists::query::{Consistency, Target};
use crate::sim::sign_in::login::Door;
use crate::sim::state::State;
use crate::sim::trouble::fault::{FaultKind, Place, strike};
use crate::sim::trouble::lag::Lag;
use crate::sim::trouble::throttle::{Throttled, cost};

/// A request, taken apart.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'a str,
    /// With the version as its first segment.
    pub(crate) target: Target,
    pub(crate) headers: Asked,
    pub(crate) body: &'a [u8],
    /// Under what the answer's addresses stand, such as `https://sim.invalid`.
    pub(crate) origin: &'a str,
    pub(crate) now: OffsetDateTime,
    /// Whether it waited for another request of its batch.
    pub(crate) has_waited: bool,
}

/// The headers that the tenant reads.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) authorization: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) consistency_level: Option<String>,
    pub(crate) client_request_id: Option<String>,
    pub(crate) prefer: Option<String>,
    /// `Metadata: true`, which no page in a browser can send.
    pub(crate) metadata: bool,
    /// What a program on a host in Azure shows to the local identity service.
    pub(crate) identity: Option<String>,
}

impl Asked {
    pub(crate) fn consistency(&self) -> Consistency {
        match &self.consistency_level {
            Some(level) if level.trim().eq_ignore_ascii_case("eventual") => Consistency::Eventual,
            _ => Consistency::Session,
        }
    }

    /// Whether a missing object is to be created.
    pub(crate) fn creates_if_missing(&self) -> bool {
        self.prefers("create-if-missing")
    }

    /// Whether this is among what `Prefer` asks for.
    pub(crate) fn prefers(&self, wanted: &str) -> bool {
        let preferred = self.prefer.as_deref().unwrap_or_default().split(',');
        preferred.map(str::trim).any(|preference| preference.eq_ignore_ascii_case(wanted))
    }

    pub(crate) fn is_json(&self) -> bool {
        let media = self.content_type.as_deref().and_then(|text| text.split(';').next()).unwrap_or_default();
        media.trim().eq_ignore_ascii_case("application/json")
    }
}

/// Types that lists are narrowed to, in lower case.
const CASTS: &[&str] = &[
    "user",
    "group",
    "application",
    "serviceprincipal",
    "device",
    "orgcontact",
    "directoryrole",
    "administrativeunit",
];

impl Call<'_> {
    pub(crate) fn json(&self) -> Result<Value, Refusal> {
        if self.body.is_empty() {
            return Err(Refusal::protocol("Empty Payload. JSON content expected."));
        }
        if !self.headers.is_json() {
            return Err(Refusal::new(415, "UnsupportedMediaType", "The body of a write is sent as application/json."));
        }
        serde_json::from_slice(self.body)
            .map_err(|_| Refusal::protocol("Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."))
    }

    /// The segments behind the version, in lower case and in one spelling: casts as `graph.user`, actions without
    /// `microsoft.graph.` and without brackets.
    pub(crate) fn path(&self) -> Vec<String> {
        let spelled = |segment: &String| {
            let folded = segment.to_lowercase();
            let bare = folded.strip_suffix("()").unwrap_or(&folded);
            match bare.strip_prefix("microsoft.").unwrap_or(bare).strip_prefix("graph.") {
                Some(kind) if CASTS.contains(&kind) => format!("graph.{kind}"),
                Some(action) => action.to_owned(),
                None => bare.to_owned(),
            }
        };
        self.target.segments.iter().skip(1).map(spelled).collect()
    }

    /// A segment behind the version, as it was sent.
    pub(crate) fn name(&self, at: usize) -> &str {
        self.target.segments.get(at + 1).map_or("", String::as_str)
    }
}

impl State {
    /// Carries a request out, unless a fault strikes; `None`: the connection broke.
    pub(crate) fn conduct(
        &mut self,
        place: Place,
        call: &Call<'_>,
        trace: &Trace,
        delay: &mut Duration,
    ) -> Option<Answer> {
        let scripted = strike(&mut self.faults, place, call.method, &call.target.plain());
        let Some(strike) = scripted.or_else(|| self.bad_luck.as_mut()?.strike(call.method)) else {
            return self.route(place, call, trace, delay);
        };
        let answer = match strike.carried_out {
            true => Some(self.route(place, call, trace, delay)?),
            false => None,
        };
        match (strike.kind, answer) {
            (FaultKind::Drop, _) => None,
            (FaultKind::Status(status), _) => Some(self.failed(call, trace, status, None)),
            (FaultKind::Throttle(retry_after), _) => Some(self.failed(call, trace, 429, retry_after)),
            (FaultKind::Slow(by), answer) => {
                *delay = delay.saturating_add(by);
                answer
            }
            (FaultKind::TruncatedBody, answer) => answer.map(truncated),
            (FaultKind::GarbageBody, answer) => answer.map(garbage),
        }
    }

    fn route(&mut self, place: Place, call: &Call<'_>, trace: &Trace, delay: &mut Duration) -> Option<Answer> {
        if place == Place::TopLevel
            && let Some(door) = Door::find(&call.target.segments)
        {
            return Some(self.sign_in(door, call, trace));
        }
        let segments = &call.target.segments;
        let answer = match segments.first() {
            Some(version) if version.eq_ignore_ascii_case("v1.0") => return self.charged(place, call, trace, delay),
            Some(other) => Refusal::segment(other),
            None => Refusal::segment(""),
        };
        Some(answer.into_answer(trace))
    }

    /// Carries a request out if it can be paid for, and says what it cost.
    fn charged(&mut self, place: Place, call: &Call<'_>, trace: &Trace, delay: &mut Duration) -> Option<Answer> {
        let path = call.path();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let cost = cost(&path, call.method, &call.target);
        let mut told = vec![("x-ms-resource-unit", cost.units.max(1).to_string())];
        let paid =
            self.check_token(call, trace).and_then(|client| match self.throttle.charge(&client, cost, call.now) {
                Ok(passed) => {
                    told.extend(passed.used.map(|used| ("x-ms-throttle-limit-percentage", format!("{used:.2}"))));
                    Ok(client)
                }
                Err(throttled) => {
                    told.push(("x-ms-throttle-limit-percentage", format!("{:.2}", throttled.used)));
                    Err(self.refuse_throttled(&client, throttled))
                }
            });
        let free = paid.and_then(|client| self.begin_write(call, &path).map(|()| client));
        let answer = free.and_then(|client| self.authorised(place, call, &client, &path, trace, delay));
        let mut answer = match answer {
            Ok(answer) => answer?,
            Err(refusal) => refusal.into_answer(trace),
        };
        answer.headers.extend(told);
        Some(answer)
    }

    /// Refuses a write to an object that another write is still under way to, if the tenant is told to.
    fn begin_write(&mut self, call: &Call<'_>, path: &[&str]) -> Result<(), Refusal> {
        let [collection @ ("users" | "groups"), key, ..] = path else { return Ok(()) };
        if call.method == "GET" || self.settings.collides_for.is_zero() {
            return Ok(());
        }
        self.busy.retain(|_, until| *until > call.now);
        let until = Lag::none(call.now).at_least(self.settings.collides_for).end();
        match self.busy.insert(format!("{collection}/{key}"), until) {
            Some(_) if !call.has_waited => Err(failure(409)),
            _ => Ok(()),
        }
    }

    fn refuse_throttled(&mut self, client: &str, throttled: Throttled) -> Refusal {
        self.requests.throttled += 1;
        let mut refusal = failure(429);
        let scope = format!("{}/{client}/{}", throttled.scope, self.settings.tenant_id);
        refusal.headers = vec![
            ("Retry-After", throttled.retry_after),
            ("x-ms-throttle-scope", scope),
            ("x-ms-throttle-information", throttled.information.to_owned()),
        ];
        refusal
    }

    fn failed(&mut self, call: &Call<'_>, trace: &Trace, status: u16, retry_after: Option<String>) -> Answer {
        let mut answer = if Door::find(&call.target.segments).is_some() {
            self.refused_sign_in(call, trace, status)
        } else {
            failure(status).into_answer(trace).with_header("x-ms-resource-unit", "1")
        };
        answer.headers.extend(retry_after.map(|text| ("Retry-After", text)));
        answer
    }
}

/// An error that fits a status.
fn failure(status: u16) -> Refusal {
    let (code, message) = match status {
        401 => ("InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."),
        403 => ("Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
        404 => (
            "Request_ResourceNotFound",
            "Resource '' does not exist or one of its queried reference-property objects are not present.",
        ),
        409 => (
            "Directory_ConcurrencyViolation",
            "Error due to concurrent requests being made to the tenant. Please wait briefly and retry.",
        ),
        429 => ("TooManyRequests", "Please retry again later."),
        503 => ("serviceNotAvailable", "The service is temporarily unavailable. Please retry again later."),
        504 => ("UnknownError", "The gateway did not receive a response in time."),
        400..=499 => ("Request_BadRequest", "The request cannot be carried out."),
        _ => ("Service_InternalServerError", "Encountered an internal server error."),
    };
    Refusal::new(status, code, message)
}

fn truncated(mut answer: Answer) -> Answer {
    match &mut answer.body {
        Body::Empty => {}
        Body::Json(bytes) => bytes.truncate(bytes.len() / 2),
        Body::Text(text) => {
            let half = text.chars().count() / 2;
            *text = text.chars().take(half).collect();
        }
    }
    answer
}

fn garbage(answer: Answer) -> Answer {
    Answer {
        status: answer.status,
        headers: vec![("Content-Type", "text/html; charset=utf-8".to_owned())],
        body: Body::Text("<!DOCTYPE html><html><body><h1>Please sign in to the network</h1></body></html>".to_owned()),
    }
}
