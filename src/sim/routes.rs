//! Where a request goes, and what goes wrong on its way.

use std::time::Duration;

use serde_json::Value;

use super::answer::{Answer, Body, Refusal, Trace};
use super::fault::{FaultKind, Place, strike};
use super::login::Door;
use super::query::{Consistency, Target};
use super::state::State;

/// A request, taken apart.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) method: &'a str,
    /// With the version as its first segment.
    pub(super) target: Target,
    pub(super) headers: Asked,
    pub(super) body: &'a [u8],
    /// Under what the answer's addresses stand, such as `https://sim.invalid`.
    pub(super) origin: &'a str,
}

/// The headers that the tenant reads.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) authorization: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) consistency_level: Option<String>,
    pub(super) client_request_id: Option<String>,
}

impl Asked {
    pub(super) fn consistency(&self) -> Consistency {
        match &self.consistency_level {
            Some(level) if level.trim().eq_ignore_ascii_case("eventual") => Consistency::Eventual,
            _ => Consistency::Session,
        }
    }

    pub(super) fn is_json(&self) -> bool {
        let media = self.content_type.as_deref().and_then(|text| text.split(';').next()).unwrap_or_default();
        media.trim().eq_ignore_ascii_case("application/json")
    }
}

impl Call<'_> {
    pub(super) fn json(&self) -> Result<Value, Refusal> {
        if self.body.is_empty() {
            return Err(Refusal::protocol("Empty Payload. JSON content expected."));
        }
        if !self.headers.is_json() {
            return Err(Refusal::new(415, "UnsupportedMediaType", "The body of a write is sent as application/json."));
        }
        serde_json::from_slice(self.body)
            .map_err(|_| Refusal::protocol("Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."))
    }

    /// The segments behind the version, in lower case.
    fn path(&self) -> Vec<String> {
        self.target.segments.iter().skip(1).map(|segment| segment.to_lowercase()).collect()
    }
}

impl State {
    /// Carries a request out, unless a fault strikes; `None`: the connection broke.
    pub(super) fn conduct(
        &mut self,
        place: Place,
        call: &Call<'_>,
        trace: &Trace,
        delay: &mut Duration,
    ) -> Option<Answer> {
        let Some(strike) = strike(&mut self.faults, place, call.method, &call.target.plain()) else {
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
            Some(version) if version == "v1.0" => self.authorised(place, call, trace, delay),
            Some(other) => Err(Refusal::segment(other)),
            None => Err(Refusal::segment("")),
        };
        match answer {
            Ok(answer) => answer,
            Err(refusal) => Some(refusal.into_answer(trace)),
        }
    }

    fn authorised(
        &mut self,
        place: Place,
        call: &Call<'_>,
        trace: &Trace,
        delay: &mut Duration,
    ) -> Result<Option<Answer>, Refusal> {
        let client = self.check_token(call, trace)?;
        let path = call.path();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let name = |at: usize| call.target.segments.get(at + 1).map_or("", String::as_str);
        let now = trace.now;
        let answer = match (path.as_slice(), call.method) {
            (["$batch"], "POST") if place == Place::TopLevel => return self.batch(call, trace, delay),
            (["$batch"], _) if place == Place::Batch => Err(Refusal::protocol("A batch cannot hold a batch.")),
            (["users"], "GET") => self.list_users(call, now),
            (["users"], "POST") => self.post_user(call, &client, now),
            (["users", "$count"], "GET") => self.count_users(call, now),
            (["users", _], "GET") => self.read_user(call, name(1), now),
            (["users", _], "PATCH") => self.patch_user(call, &client, name(1), now),
            (["users", _], "DELETE") => self.drop_user(&client, name(1), now),
            (["organization"], "GET") => self.list_organization(call),
            (["organization", _], "GET") => self.read_organization(call, name(1)),
            (["domains"], "GET") => self.list_domains(call),
            (["domains", _], "GET") => self.read_domain(call, name(1)),
            (["directory", "deleteditems", "microsoft.graph.user" | "graph.user"], "GET") => {
                self.list_deleted(call, now)
            }
            (["directory", "deleteditems", "microsoft.graph.user" | "graph.user", "$count"], "GET") => {
                self.count_deleted(call, now)
            }
            (["directory", "deleteditems", _], "GET") => self.read_deleted(call, name(2), now),
            (["directory", "deleteditems", _], "DELETE") => self.purge(&client, name(2), now),
            (["directory", "deleteditems", _, "restore" | "microsoft.graph.restore"], "POST") => {
                self.restore(call, &client, name(2), now)
            }
            (
                ["$batch" | "users" | "organization" | "domains"]
                | ["users" | "organization" | "domains", _]
                | ["directory", "deleteditems", ..],
                _,
            ) if path.len() < 5 => Err(Refusal::method()),
            (
                ["users" | "organization" | "domains", _, unknown, ..] | ["directory", unknown, ..] | [unknown, ..],
                _,
            ) => {
                let at = path.iter().position(|segment| segment == unknown).unwrap_or(0);
                Err(Refusal::segment(name(at)))
            }
            ([], _) => Err(Refusal::segment("v1.0")),
        };
        answer.map(Some)
    }

    fn failed(&mut self, call: &Call<'_>, trace: &Trace, status: u16, retry_after: Option<String>) -> Answer {
        let mut answer = if Door::find(&call.target.segments).is_some() {
            self.refused_sign_in(call, trace, status)
        } else {
            failure(status).into_answer(trace)
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
