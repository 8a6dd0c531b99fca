//! The simulated tenant, as a client sees it.

mod app_objects;
mod apps;
mod attributes;
mod batch;
mod delta;
mod extensions;
mod faults;
mod grants;
mod groups;
mod licenses;
mod lists;
mod managers;
mod queries;
mod roles;
mod samples;
#[cfg(feature = "reqwest")]
mod server;
mod sign_in;
mod throttle;
mod users;
mod whole;

use bytes::Bytes;
use entrant::Error;
use entrant::clock::ManualClock;
use entrant::http::Transport as _;
use entrant::sim::{Sim, SimBuilder};
use http::{Method, Request, Response};
use serde_json::{Value, json};
use time::macros::datetime;

/// A client that knows nothing but HTTP.
struct Client {
    sim: Sim,
    token: String,
}

/// An answer with its body read.
#[derive(Debug)]
struct Got {
    status: u16,
    headers: http::HeaderMap,
    /// JSON, or null for other texts.
    body: Value,
    is_empty: bool,
}

impl Client {
    fn of(sim: &Sim) -> Self {
        Self { sim: sim.clone(), token: sim.token().expose().to_owned() }
    }

    async fn try_send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Response<Bytes>, Error> {
        let address = format!("{}v1.0/{path}", self.sim.origin()).replace(' ', "%20").replace('"', "%22");
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).expect("a method"))
            .uri(address)
            .header("Authorization", format!("Bearer {}", self.token));
        if path.contains("count=true") || path.contains("/$count") {
            request = request.header("consistencylevel", "Eventual");
        }
        let body = match body {
            None => Bytes::new(),
            Some(body) => {
                request = request.header("Content-Type", "application/json;odata.metadata=none; charset=utf-8");
                body.to_string().into()
            }
        };
        self.sim.transport().send(request.body(body).expect("a request")).await
    }

    async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Got {
        read(self.try_send(method, path, body).await.expect("an answer"))
    }

    async fn get(&self, path: &str) -> Got {
        self.send("GET", path, None).await
    }

    async fn post(&self, path: &str, body: &Value) -> Got {
        self.send("POST", path, Some(body)).await
    }

    async fn patch(&self, path: &str, body: &Value) -> Got {
        self.send("PATCH", path, Some(body)).await
    }
}

impl Got {
    #[track_caller]
    fn refused(&self, status: u16, code: &str, message: &str) {
        let error = &self.body["error"];
        let said = (self.status, error["code"].as_str().unwrap_or_default());
        assert_eq!(said, (status, code), "{self:?}");
        let text = error["message"].as_str().expect("a message");
        assert!(text.contains(message), "{text}");
        assert_eq!(error["innerError"]["request-id"], self.headers["request-id"].to_str().expect("text"));
    }

    fn ids(&self) -> Vec<&str> {
        let value = self.body["value"].as_array().expect("a list");
        value.iter().map(|user| user["id"].as_str().expect("an id")).collect()
    }
}

fn read(answer: Response<Bytes>) -> Got {
    let (parts, body) = answer.into_parts();
    Got {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        is_empty: body.is_empty(),
    }
}

fn tenant() -> SimBuilder {
    let clock = ManualClock::at(datetime!(2026-03-04 10:15:30 UTC));
    Sim::builder().domain("contoso.com").federated_domain("fabrikam.com").seed(7).clock(clock)
}

fn ada() -> Value {
    json!({
        "accountEnabled": true,
        "displayName": "Ada Okafor",
        "mailNickName": "ada.okafor",
        "userPrincipalName": "ada.okafor@contoso.com",
        "usageLocation": "GB",
        "passwordProfile": {"password": "Tr4vel-Lamp-91!", "forceChangePasswordNextSignIn": true},
    })
}

fn with(mut user: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().expect("an object") {
        user[name] = value.clone();
    }
    user
}
