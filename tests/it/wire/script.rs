//! A network that answers as a test says, and remembers what it was asked.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use entrant::auth::StaticToken;
use entrant::clock::ManualClock;
use entrant::graph::{GraphClient, GraphClientBuilder};
use entrant::http::Transport;
use entrant::{Cloud, Error, ErrorKind, Result};
use http::{Request, Response};
use serde_json::Value as Json;
use time::macros::datetime;

/// One answer of the network.
pub(super) enum Reply {
    Answer(u16, Vec<(&'static str, String)>, String),
    /// The connection broke after the request was sent.
    Lost,
    /// No connection came about.
    NotSent,
}

impl Reply {
    pub(super) fn json(status: u16, body: impl ToString) -> Self {
        Self::Answer(status, Vec::new(), body.to_string())
    }

    pub(super) fn after(status: u16, seconds: &str) -> Self {
        Self::Answer(status, vec![("retry-after", seconds.to_owned())], String::new())
    }
}

type Answering = dyn Fn(usize, &Request<Bytes>) -> Reply + Send + Sync;

/// Calls the closure with the number of each request, from 0.
#[derive(Clone)]
pub(super) struct Script {
    answer: Arc<Answering>,
    seen: Arc<Mutex<Vec<Request<Bytes>>>>,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

impl Script {
    pub(super) fn new(answer: impl Fn(usize, &Request<Bytes>) -> Reply + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), seen: Arc::default() }
    }

    pub(super) fn seen(&self) -> Vec<Request<Bytes>> {
        self.seen.lock().expect("no test panics with it").clone()
    }

    pub(super) fn count(&self) -> usize {
        self.seen.lock().expect("no test panics with it").len()
    }

    pub(super) fn addresses(&self) -> Vec<String> {
        self.seen().iter().map(|request| request.uri().to_string()).collect()
    }
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let number = {
            let mut seen = self.seen.lock().expect("no test panics with it");
            seen.push(request.clone());
            seen.len() - 1
        };
        tokio::task::yield_now().await;
        match (self.answer)(number, &request) {
            Reply::Answer(status, headers, body) => {
                let mut answer = Response::builder().status(status);
                for (name, value) in headers {
                    answer = answer.header(name, value);
                }
                Ok(answer.body(Bytes::from(body)).expect("a valid answer"))
            }
            Reply::Lost => Err(Error::new(ErrorKind::Transport, "the connection broke").with_outcome_in_doubt()),
            Reply::NotSent => Err(Error::new(ErrorKind::Transport, "no connection")),
        }
    }
}

pub(super) fn clock() -> ManualClock {
    ManualClock::at(datetime!(2026-01-15 09:30:00 UTC))
}

pub(super) fn cloud() -> Cloud {
    Cloud::Custom {
        authority: "https://login.example/".parse().expect("valid"),
        graph: "https://graph.example/".parse().expect("valid"),
    }
}

pub(super) fn builder(script: &Script, clock: &ManualClock) -> GraphClientBuilder {
    GraphClient::builder(StaticToken::new("t0ken")).cloud(cloud()).transport(script.clone()).clock(clock.clone())
}

pub(super) fn client(script: &Script) -> GraphClient {
    builder(script, &clock()).build().expect("a client")
}

pub(super) fn body_of(request: &Request<Bytes>) -> Json {
    serde_json::from_slice(request.body()).expect("a JSON body")
}
