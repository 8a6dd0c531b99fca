//! Links from page to page, waits and entries of batches that lead nowhere good.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entrant::auth::StaticToken;
use entrant::clock::{Clock as _, ManualClock};
use entrant::graph::{BatchRequest, GraphClient, User};
use entrant::http::Transport;
use entrant::{Cloud, ErrorKind, Result};
use futures::{StreamExt, TryStreamExt};
use http::{Method, Request, Response};
use serde_json::{Value as Json, json};

type Answering = dyn Fn(usize, &Json) -> (u16, Vec<(&'static str, String)>, Bytes) + Send + Sync;

/// Answers as a test says.
#[derive(Clone)]
struct Wire {
    answer: Arc<Answering>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

#[async_trait]
impl Transport for Wire {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let number = {
            let mut seen = self.seen.lock().expect("no test panics with it");
            seen.push(request.uri().to_string());
            seen.len() - 1
        };
        tokio::task::yield_now().await;
        let body = serde_json::from_slice(request.body()).unwrap_or_default();
        let (status, headers, body) = (self.answer)(number, &body);
        let mut answer = Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(name, value);
        }
        Ok(answer.body(body).expect("an answer"))
    }
}

impl Wire {
    fn new(answer: impl Fn(usize, &Json) -> (u16, Vec<(&'static str, String)>, Bytes) + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), seen: Arc::default() }
    }

    fn json(answer: impl Fn(usize, &Json) -> Json + Send + Sync + 'static) -> Self {
        Self::new(move |number, body| (200, Vec::new(), answer(number, body).to_string().into()))
    }

    fn count(&self) -> usize {
        self.seen.lock().expect("no test panics with it").len()
    }

    fn hosts(&self) -> Vec<String> {
        let seen = self.seen.lock().expect("no test panics with it");
        let host = |address: &String| address.parse::<http::Uri>().expect("an address").host().map(str::to_owned);
        seen.iter().filter_map(host).collect()
    }

    fn client(&self, clock: &ManualClock) -> GraphClient {
        let cloud = Cloud::Custom {
            authority: "https://login.example/".parse().expect("valid"),
            graph: "https://graph.example/".parse().expect("valid"),
        };
        let builder = GraphClient::builder(StaticToken::new("t0ken")).cloud(cloud);
        builder.transport(self.clone()).clock(clock.clone()).build().expect("a client")
    }
}

fn clock() -> ManualClock {
    ManualClock::at(time::macros::datetime!(2026-01-15 09:30:00 UTC))
}

const NEXT: &str = "https://graph.example/v1.0/users?$skiptoken=";
const CHANGES: &str = "https://graph.example/v1.0/users/delta?$skiptoken=";

/// Lists and changes that lead back to where they were, and those of empty pages without end.
#[tokio::test]
async fn pages_that_go_in_circles_or_without_end() {
    let page = |link: String, items: Json| json!({"value": items, "@odata.nextLink": link});
    let table: [(&str, usize, usize); 4] =
        [("itself", 1, 2), ("to and fro", 2, 3), ("a circle of nine", 9, 10), ("never", usize::MAX, 1_000)];
    for (what, length, requests) in table {
        for (link, is_delta) in [(NEXT, false), (CHANGES, true)] {
            let wire = Wire::json(move |number, _| {
                let items = if length == usize::MAX { json!([]) } else { json!([{"id": "1"}]) };
                page(format!("{link}{}", number % length), items)
            });
            let graph = wire.client(&clock());
            let error = if is_delta {
                graph.users().delta().changes().try_collect::<Vec<_>>().await.expect_err(what)
            } else {
                graph.users().list().items().try_collect::<Vec<User>>().await.expect_err(what)
            };
            assert_eq!((error.kind(), wire.count()), (ErrorKind::Protocol, requests), "{what}: {error}");
        }
    }
}

/// Whatever a link says, the token stays at its host.
#[tokio::test]
async fn links_to_other_places_are_not_followed() {
    let elsewhere = [
        "https://evil.example/v1.0/users/delta?$deltatoken=a",
        "http://graph.example/v1.0/users/delta?$deltatoken=a",
        "https://graph.example:8443/v1.0/users/delta?$deltatoken=a",
        "https://t0ken@graph.example/v1.0/users/delta?$deltatoken=a",
        "//evil.example/v1.0/users",
        "https://graph.example.evil.example/v1.0/users",
        "https://xn--grph-0na.example/v1.0/users",
        "data:application/json,{}",
        "file:///etc/passwd",
        "",
        "\u{0}",
    ];
    for link in elsewhere {
        for name in ["@odata.nextLink", "@odata.deltaLink"] {
            let wire = Wire::json(move |_, _| json!({"value": [{"id": "1"}], (name): link}));
            let graph = wire.client(&clock());
            let error = graph.users().delta().changes().try_collect::<Vec<_>>().await.expect_err(link);
            assert_eq!(error.kind(), ErrorKind::Protocol, "{link:?}");
            assert!(!format!("{error:?}").contains("$deltatoken"), "{error:?}");
            assert!(wire.hosts().iter().all(|host| host == "graph.example"), "{link:?}: {:?}", wire.hosts());
            assert_eq!(wire.count(), 1, "{link:?}");
        }
        // Nor what a redirect or an accepted request names.
        for status in [201, 202, 301, 302, 303, 307, 308] {
            let wire = Wire::new(move |_, _| {
                let location = if link.contains('\0') { "" } else { link };
                (status, vec![("location", location.to_owned())], Bytes::from_static(b"{}"))
            });
            let graph = wire.client(&clock());
            let _ = graph.request(Method::GET, "/users/1").await;
            let _ = graph.request(Method::PATCH, "/users/1").body(&json!({})).await;
            assert!(wire.hosts().iter().all(|host| host == "graph.example"), "{link:?} after {status}");
            assert_eq!(wire.count(), 2, "{link:?} after {status}");
        }
    }
}

/// Brackets a million deep, in each place where text is read.
#[tokio::test]
async fn depth_is_no_way_in() {
    let deep = || "[".repeat(1_000_000) + &"]".repeat(1_000_000);
    let bodies = [
        deep(),
        format!("{{\"value\":{}}}", deep()),
        format!("{{\"value\":[{{\"id\":\"1\",\"x\":{}}}]}}", deep()),
        format!("{{\"value\":[{{\"id\":\"1\",\"extra\":{}1{}}}]}}", "{\"a\":".repeat(100_000), "}".repeat(100_000)),
        format!("{{\"responses\":[{{\"id\":\"0\",\"status\":200,\"body\":{}}}]}}", deep()),
        format!("{{\"error\":{{\"code\":{}}}}}", deep()),
    ];
    for body in bodies {
        for status in [200, 400, 403] {
            let text = Bytes::from(body.clone());
            let wire = Wire::new(move |_, _| (status, Vec::new(), text.clone()));
            let graph = wire.client(&clock());
            assert!(graph.users().list().items().try_collect::<Vec<User>>().await.is_err());
            assert!(graph.users().delta().changes().try_collect::<Vec<_>>().await.is_err());
            let batch = vec![BatchRequest::new(Method::GET, "/users/1")];
            let outcomes: Vec<_> = graph.batch(batch).collect().await;
            assert!(matches!(&outcomes[..], [(0, Err(_))]), "{outcomes:?}");
        }
    }
}

fn requests() -> Vec<BatchRequest> {
    vec![
        BatchRequest::new(Method::POST, "/users").with_body(json!({"displayName": "x"})),
        BatchRequest::new(Method::PATCH, "/users/1").with_body(json!({"displayName": "y"})),
        BatchRequest::new(Method::DELETE, "/users/2"),
    ]
}

/// Answers of a batch that do not belong to its requests: each request has one outcome, from an entry of its own, and
/// what has none is in doubt.
#[tokio::test]
async fn entries_of_a_batch_that_are_missing_doubled_or_foreign() {
    let good = |id: Json| json!({"id": id, "status": 204});
    let table: [(&str, Json, [bool; 3]); 10] = [
        ("all", json!([good("2".into()), good("0".into()), good("1".into())]), [true; 3]),
        ("none", json!([]), [false; 3]),
        ("the first is missing", json!([good("1".into()), good("2".into())]), [false, true, true]),
        ("foreign ids", json!([good("3".into()), good("-1".into()), good("x".into()), good(7.into())]), [false; 3]),
        ("odd ids", json!([good("00".into()), good("1".into()), good(2.into())]), [true; 3]),
        (
            "doubled: nobody knows which is whose",
            json!([good("0".into()), {"id": "0", "status": 400}, good("1".into()), good("2".into())]),
            [false, true, true],
        ),
        (
            "ids of any shape",
            json!([good(json!(null)), good(json!([0])), good(json!({})), good(json!(0.5))]),
            [false; 3],
        ),
        (
            "a batch in the batch",
            json!([{"id": "0", "status": 200, "body": {"responses": [good("1".into())]}}]),
            [true, false, false],
        ),
        ("no status", json!([{"id": "0"}, {"id": "1", "status": "x"}, {"id": "2", "status": 1e30}]), [false; 3]),
        (
            "odd statuses",
            json!([{"id": "0", "status": 99}, {"id": "1", "status": -204}, {"id": "2", "status": 70_000}]),
            [false; 3],
        ),
    ];
    for (what, responses, expected) in table {
        let wire = Wire::json(move |number, body| {
            // Repeated ones are asked for by their own numbers.
            let asked = body["requests"].as_array().map_or(0, Vec::len);
            if number == 0 || asked == 3 { json!({"responses": responses}) } else { json!({"responses": []}) }
        });
        let graph = wire.client(&clock());
        let mut outcomes: Vec<_> = graph.batch(requests()).collect().await;
        outcomes.sort_by_key(|(at, _)| *at);
        assert_eq!(outcomes.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 1, 2], "{what}: each has one");
        for ((at, outcome), expected) in outcomes.iter().zip(expected) {
            assert_eq!(outcome.is_ok(), expected, "{what}: {at}: {outcome:?}");
            if let Err(error) = outcome {
                assert!(error.is_outcome_in_doubt(), "{what}: {at}: {error:?}");
            }
        }
        let posts = wire.count();
        assert!(posts <= 6, "{what}: {posts} posts");
    }
}

/// A wait of any length is never waited for beyond the request's own time, and one in the past is none.
#[tokio::test]
async fn waits_are_bounded() {
    let table = [
        ("86400", 0),
        ("99999999999999999999999", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 0),
        ("301", 0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 1),
        ("0", 1),
        ("-5", 40),
        ("soon", 40),
        ("1e9", 40),
        ("NaN", 40),
        ("60", 300),
    ];
    for (wait, longest) in table {
        for status in [429, 503] {
            let wire = Wire::new(move |_, _| {
                let body = r#"{"error":{"code":"TooManyRequests","message":"later"}}"#;
                (status, vec![("retry-after", wait.to_owned())], Bytes::from_static(body.as_bytes()))
            });
            let clock = clock();
            let graph = wire.client(&clock);
            let begun = clock.now();
            graph.request(Method::GET, "/users/1").await.expect_err("it never works");
            let waited = Duration::try_from(clock.now() - begun).expect("time goes on");
            assert!(waited <= Duration::from_secs(longest + 5), "{status} {wait}: {waited:?}");
            // And in a batch, where each has a wait of its own.
            let wire = Wire::json(move |_, body| {
                let asked = body["requests"].as_array().map_or(0, Vec::len);
                let refused = |number: usize| json!({"id": number.to_string(), "status": status, "headers": {"Retry-After": wait}});
                json!({"responses": (0..asked).map(refused).collect::<Vec<_>>()})
            });
            let clock = self::clock();
            let begun = clock.now();
            let outcomes: Vec<_> = wire.client(&clock).batch(requests()).collect().await;
            assert!(outcomes.len() == 3 && outcomes.iter().all(|(_, outcome)| outcome.is_err()), "{outcomes:?}");
            let waited = Duration::try_from(clock.now() - begun).expect("time goes on");
            assert!(waited <= Duration::from_secs(longest + 30), "{status} {wait} in a batch: {waited:?}");
        }
    }
}
