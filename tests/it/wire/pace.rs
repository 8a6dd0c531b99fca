//! The pace: what a client makes of a service that takes only so much.

use std::collections::HashMap;
use std::future::IntoFuture;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entrant::auth::StaticToken;
use entrant::clock::{Clock, ManualClock};
use entrant::graph::{BatchRequest, GraphClient};
use entrant::http::{PaceEvent, PaceObserver, PacePolicy, RetryPolicy, Traffic, Transport};
use entrant::{ErrorKind, Result};
use futures::{StreamExt, stream};
use http::{Method, Request, Response};
use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::batch::each;
use super::script::{Reply, Script, body_of, builder, clock, cloud};

/// How the service counts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Limit {
    /// What is not used is saved up, for a second at most.
    Bucket,
    /// So much in each second of the clock.
    Window,
}

/// Units a second.
const RATE: f64 = 100.0;

/// How long an answer takes, in milliseconds.
const LATENCIES: [u64; 3] = [50, 200, 500];

/// A service that takes 100 writes a second and refuses the rest.
#[derive(Debug, Clone)]
struct Throttling(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: Limit,
    latency: Duration,
    clock: Arc<dyn Clock>,
    start: OffsetDateTime,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    tokens: f64,
    at: f64,
    /// How often each address was refused.
    refused: HashMap<String, usize>,
    taken: HashMap<String, usize>,
    last: f64,
}

impl Throttling {
    fn new(limit: Limit, latency: u64, clock: impl Clock) -> Self {
        let counts = Mutex::new(Counts { tokens: RATE, ..Counts::default() });
        let latency = Duration::from_millis(latency);
        Self(Arc::new(Inner { limit, latency, start: clock.now(), clock: Arc::new(clock), counts }))
    }

    fn now(&self) -> f64 {
        (self.0.clock.now() - self.0.start).as_seconds_f64()
    }

    fn take(&self, name: &Json) -> bool {
        let now = self.now();
        let name = name.as_str().expect("a name").to_owned();
        let mut counts = self.0.counts.lock().expect("no test panics with it");
        match self.0.limit {
            Limit::Bucket => counts.tokens = (counts.tokens + (now - counts.at) * RATE).min(RATE),
            Limit::Window if now.floor() > counts.at.floor() => counts.tokens = RATE,
            Limit::Window => {}
        }
        counts.at = now;
        let fits = counts.tokens >= 0.999_999;
        if fits {
            counts.tokens -= 1.0;
            counts.last = now;
            *counts.taken.entry(name).or_default() += 1;
        } else {
            *counts.refused.entry(name).or_default() += 1;
        }
        fits
    }
}

#[async_trait]
impl Transport for Throttling {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        self.0.clock.sleep(self.0.latency / 2).await;
        let body: Json = serde_json::from_slice(request.body()).expect("a body");
        let (status, answer) = match body["requests"].as_array() {
            Some(items) => {
                let answers = items.iter().map(|item| match self.take(&item["body"]["mailNickname"]) {
                    true => json!({"id": item["id"], "status": 201, "body": {"id": "x"}}),
                    false => json!({"id": item["id"], "status": 429, "headers": {"Retry-After": "1"}}),
                });
                (200, json!({"responses": answers.collect::<Vec<_>>()}))
            }
            None if self.take(&body["mailNickname"]) => (201, json!({"id": "x"})),
            None => (429, Json::Null),
        };
        self.0.clock.sleep(self.0.latency / 2).await;
        let answer = Response::builder().status(status).header("Retry-After", "1").body(answer.to_string().into());
        Ok(answer.expect("a valid answer"))
    }
}

/// The clock of the runtime, which stands still while anything can run.
#[derive(Debug, Clone)]
struct Virtual(tokio::time::Instant);

#[async_trait]
impl Clock for Virtual {
    fn now(&self) -> OffsetDateTime {
        time::macros::datetime!(2026-01-15 09:30:00 UTC) + self.0.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

fn create(graph: &GraphClient, number: usize) -> entrant::graph::Call<entrant::graph::User> {
    graph.users().create(&json!({ "mailNickname": number.to_string() }))
}

/// Creates users in batches, or one by one, and holds the figures to what is promised.
async fn creates(limit: Limit, latency: u64, clock: impl Clock + Clone, in_flight: usize, in_batches: bool) {
    let users = 10_000;
    let service = Throttling::new(limit, latency, clock.clone());
    let graph = GraphClient::builder(StaticToken::new("t0ken"))
        .cloud(cloud())
        .transport(service.clone())
        .clock(clock)
        .max_batches_in_flight(in_flight)
        .build()
        .expect("a client");
    let failures = if in_batches {
        let requests = (0..users).map(|number| create(&graph, number).into_batch().expect("valid")).collect();
        graph.batch(requests).filter(|(_, outcome)| std::future::ready(outcome.is_err())).count().await
    } else {
        let calls = stream::iter(0..users).map(|number| create(&graph, number).into_future());
        calls.buffer_unordered(in_flight).filter(|outcome| std::future::ready(outcome.is_err())).count().await
    };
    let case = format!("{limit:?}, {latency} ms, {in_flight} in flight, batches: {in_batches}");
    let counts = service.0.counts.lock().expect("no test panics with it");
    let share = users as f64 / RATE / counts.last;
    let met = counts.refused.len() as f64 / users as f64;
    println!("{case}: {:.1} % of the limit, {:.2} % of the users met a 429", share * 100.0, met * 100.0);
    assert_eq!(failures, 0, "{case}");
    assert_eq!(counts.taken.len(), users, "{case}");
    assert!(counts.taken.values().all(|times| *times == 1), "{case}: each once");
    assert!(share >= 0.95, "{case}: {share} of the limit");
    assert!(met <= 0.02, "{case}: {met} of the users met a 429");
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_used_up_and_seldom_hit_by_batches() {
    for (limit, latency) in cases([Limit::Bucket, Limit::Window], LATENCIES) {
        for in_flight in [4, 16, 64] {
            creates(limit, latency, Virtual(tokio::time::Instant::now()), in_flight, true).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_used_up_and_seldom_hit_by_single_requests() {
    for (limit, latency) in cases([Limit::Bucket, Limit::Window], LATENCIES) {
        // Fewer would not reach the limit, whoever paces them.
        let enough = |in_flight: &u64| in_flight * 1_000 / latency > 110;
        for in_flight in [16, 64].into_iter().filter(enough) {
            let in_flight = usize::try_from(in_flight).expect("few");
            creates(limit, latency, Virtual(tokio::time::Instant::now()), in_flight, false).await;
        }
    }
}

#[tokio::test]
async fn the_same_by_a_clock_that_is_moved_by_who_waits() {
    for in_flight in [16, 64] {
        creates(Limit::Bucket, 50, clock(), in_flight, true).await;
    }
}

fn cases(limits: [Limit; 2], latencies: [u64; 3]) -> impl Iterator<Item = (Limit, u64)> {
    limits.into_iter().flat_map(move |limit| latencies.map(|latency| (limit, latency)))
}

#[derive(Debug, Clone, Default)]
struct Notes(Arc<Mutex<Vec<PaceEvent>>>);

impl PaceObserver for Notes {
    fn pace(&self, event: &PaceEvent) {
        self.0.lock().expect("no test panics with it").push(*event);
    }
}

#[tokio::test]
async fn all_requests_of_a_kind_keep_the_distance_that_one_was_told() {
    let (clock, notes) = (clock(), Notes::default());
    let start = clock.now();
    let watch = clock.clone();
    let times: Arc<Mutex<Vec<(Method, f64)>>> = Arc::default();
    let seen = times.clone();
    let script = Script::new(move |number, request| {
        let time = (watch.now() - start).as_seconds_f64();
        seen.lock().expect("no test panics with it").push((request.method().clone(), time));
        if number == 0 { Reply::after(429, "7.5") } else { Reply::json(200, "{\"id\":\"1\"}") }
    });
    let graph = builder(&script, &clock).pace_observer(notes.clone()).build().expect("a client");
    let first = graph.users().update("1", &json!({"city": "Leeds"}));
    let later = async {
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        let read = graph.users().get("1").await;
        let write = graph.users().delete("2").await;
        (read, write)
    };
    let (first, (read, write)) = futures::join!(first.into_future(), later);
    assert!(first.is_ok() && read.is_ok() && write.is_ok());
    let times = times.lock().expect("no test panics with it").clone();
    assert!(times.iter().all(|(method, time)| method == Method::GET || *time == 0.0 || *time >= 7.5), "{times:?}");
    let budget = graph.budget(Traffic::Writes);
    assert!(budget.units_per_second.is_some());
    assert_eq!(budget.in_flight, 0.0);
    assert_eq!(graph.budget(Traffic::Reads).units_per_second, None, "reads were not refused");
    let notes = notes.0.lock().expect("no test panics with it");
    assert!(
        matches!(notes[0], PaceEvent::Refused { units: 1.0, retry_after: Some(wait), .. } if wait == Duration::from_millis(7_500))
    );
}

#[tokio::test]
async fn a_wait_longer_than_the_deadline_fails_at_once() {
    let script = Script::new(|_, _| Reply::after(429, "301"));
    let clock = clock();
    let start = clock.now();
    let graph = builder(&script, &clock).build().expect("a client");
    for _ in 0..2 {
        let error = graph.users().delete("1").await.expect_err("too long a wait");
        assert_eq!(error.kind(), ErrorKind::Throttled);
        assert!(!error.is_outcome_in_doubt());
    }
    let requests = vec![BatchRequest::new(Method::DELETE, "/users/1")];
    let outcomes: Vec<_> = graph.batch(requests).collect().await;
    assert!(matches!(&outcomes[..], [(0, Err(error))] if error.kind() == ErrorKind::Throttled));
    assert_eq!(script.count(), 1, "the second was not sent");
    assert_eq!(clock.now(), start);
}

#[tokio::test]
async fn who_knows_the_limit_may_say_so() {
    let clock = clock();
    let start = clock.now();
    let script = Script::new(|_, request| {
        let items = body_of(request)["requests"].as_array().expect("a batch").len();
        let answers: Vec<_> = (0..items).map(|id| json!({"id": id.to_string(), "status": 204})).collect();
        Reply::json(200, json!({ "responses": answers }))
    });
    let policy = PacePolicy::default().with_max_writes_per_second(20.0);
    let graph = builder(&script, &clock).pace(policy).build().expect("a client");
    let requests = (0..220).map(|number| BatchRequest::new(Method::DELETE, format!("/users/{number}"))).collect();
    assert!(graph.batch(requests).all(|(_, outcome)| std::future::ready(outcome.is_ok())).await);
    let spent = (clock.now() - start).as_seconds_f64();
    assert!((9.9..10.5).contains(&spent), "20 at once, 200 at 20 a second: {spent}");
}

#[tokio::test]
async fn what_is_given_up_makes_room() {
    let script = Script::new(|_, _| Reply::json(200, "{}"));
    let graph =
        builder(&script, &ManualClock::at(time::macros::datetime!(2026-01-15 09:30:00 UTC))).build().expect("a client");
    for _ in 0..500 {
        let mut call = graph.users().delete("1").into_future();
        assert!(futures::poll!(&mut call).is_pending(), "sent, and not answered yet");
    }
    assert_eq!(graph.budget(Traffic::Writes).in_flight, 0.0);
    graph.users().delete("1").await.expect("there is room");
}

/// Answers every request of a batch, and any other, with success.
fn taking_all() -> Script {
    Script::new(|_, request| {
        if !request.uri().path().ends_with("$batch") {
            return Reply::json(201, json!({"id": "1"}));
        }
        let body = body_of(request);
        let items = body["requests"].as_array().cloned().unwrap_or_default();
        let answers: Vec<Json> =
            items.iter().map(|item| json!({"id": item["id"], "status": 201, "body": {}})).collect();
        Reply::json(200, json!({"responses": answers}))
    })
}

#[tokio::test]
async fn whoever_reads_a_batch_may_write_in_between() {
    let script = taking_all();
    // More batches than the first window has room for: some wait for their turn.
    let graph = builder(&script, &clock()).max_batches_in_flight(8).build().expect("a client");
    let create = || BatchRequest::new(Method::POST, "/users").with_body(json!({}));
    let mut outcomes = graph.batch((0..200).map(|_| create()).collect());
    let mut seen = 0;
    let all = async {
        while let Some((_, outcome)) = outcomes.next().await {
            outcome.expect("taken");
            seen += 1;
            graph.users().create(&json!({})).await.expect("taken too");
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.expect("nobody waits for ever");
    assert_eq!(seen, 200);
}

#[tokio::test]
async fn a_batch_that_is_dropped_is_given_up_and_makes_room() {
    let script = taking_all();
    let graph = builder(&script, &clock()).max_batches_in_flight(8).build().expect("a client");
    let create = || BatchRequest::new(Method::POST, "/users").with_body(json!({}));
    for _ in 0..20 {
        let mut outcomes = graph.batch((0..200).map(|_| create()).collect());
        outcomes.next().await.expect("an outcome").1.expect("taken");
    }
    let more = graph.users().create(&json!({}));
    tokio::time::timeout(Duration::from_secs(5), more.into_future()).await.expect("there is room").expect("taken");
}

#[tokio::test]
async fn an_answer_that_says_it_cost_everything_stops_nobody_for_long() {
    let script = Script::new(|number, _| match number {
        0 => Reply::Answer(429, vec![("retry-after", "1".to_owned())], String::new()),
        _ => Reply::Answer(200, vec![("x-ms-resource-unit", "999".to_owned())], "{}".to_owned()),
    });
    let clock = clock();
    let graph = builder(&script, &clock).build().expect("a client");
    let began = clock.now();
    for _ in 0..20 {
        graph.request(Method::GET, "/users/1").await.expect("read");
    }
    let took = clock.now() - began;
    assert!(took < time::Duration::hours(1), "{took}");
}

#[tokio::test]
async fn failures_widen_nothing() {
    for reply in [|| Reply::json(500, "{}"), || Reply::json(502, "{}"), || Reply::NotSent, || Reply::Lost] {
        let script = Script::new(move |_, _| reply());
        let graph = builder(&script, &clock()).retry(RetryPolicy::never()).build().expect("a client");
        let before = graph.budget(Traffic::Reads).max_in_flight;
        let calls = stream::iter(0..400).map(|number| graph.users().get(number.to_string()).into_future());
        let failed = calls.buffer_unordered(200).filter(|outcome| std::future::ready(outcome.is_err())).count().await;
        assert_eq!(failed, 400);
        assert!(graph.budget(Traffic::Reads).max_in_flight <= before);
    }
    // Those of a batch, and what has no answer in it.
    let answers = [json!({"status": 500}), json!({"status": "?"})];
    for answer in answers {
        let script = Script::new(move |_, request| each(request, |_| answer.clone()));
        let graph =
            builder(&script, &clock()).retry(RetryPolicy::never()).max_batches_in_flight(20).build().expect("a client");
        let before = graph.budget(Traffic::Reads).max_in_flight;
        let gets = (0..800).map(|number| BatchRequest::new(Method::GET, format!("/users/{number}"))).collect();
        assert_eq!(graph.batch(gets).filter(|(_, outcome)| std::future::ready(outcome.is_err())).count().await, 800);
        assert!(graph.budget(Traffic::Reads).max_in_flight <= before);
    }
}

#[tokio::test]
async fn a_refusal_is_one_whatever_its_code() {
    let body = json!({"error": {"code": "Directory_ConcurrencyViolation", "message": "Please wait briefly."}});
    let script = Script::new(move |number, _| match number {
        0 => Reply::Answer(429, vec![("retry-after", "3".to_owned())], body.to_string()),
        _ => Reply::json(204, ""),
    });
    let (clock, notes) = (clock(), Notes::default());
    let graph = builder(&script, &clock).pace_observer(notes.clone()).build().expect("a client");
    graph.users().delete("1").await.expect("after a while");
    assert!(graph.budget(Traffic::Writes).units_per_second.is_some());
    let notes = notes.0.lock().expect("no test panics with it").clone();
    assert!(matches!(notes[0], PaceEvent::Refused { units: 1.0, .. }), "{notes:?}");
}

#[tokio::test]
async fn writes_do_not_wait_for_the_turn_of_reads() {
    let clock = clock();
    let (start, watch) = (clock.now(), clock.clone());
    let times: Arc<Mutex<Vec<(Json, f64)>>> = Arc::default();
    let seen = times.clone();
    let script = Script::new(move |number, request| {
        if number == 0 {
            return Reply::after(429, "100");
        }
        each(request, |item| {
            let time = (watch.now() - start).as_seconds_f64();
            seen.lock().expect("no test panics with it").push((item["method"].clone(), time));
            json!({"status": 200})
        })
    });
    let graph = builder(&script, &clock).retry(RetryPolicy::never()).build().expect("a client");
    graph.users().get("1").await.expect_err("refused, and reads are held");
    let requests = [Method::GET, Method::DELETE, Method::GET, Method::PATCH]
        .map(|method| BatchRequest::new(method, "/users/1").with_body(json!({})));
    let outcomes: Vec<_> = graph.batch(requests.to_vec()).collect().await;
    assert!(outcomes.iter().all(|(_, outcome)| outcome.is_ok()), "{outcomes:?}");
    for (method, time) in times.lock().expect("no test panics with it").iter() {
        assert_eq!(*time >= 100.0, method == "GET", "{method} at {time} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_pace_fails_nothing_that_is_its_own() {
    let script = taking_all();
    let clock = Virtual(tokio::time::Instant::now());
    let start = clock.now();
    let graph = GraphClient::builder(StaticToken::new("t0ken"))
        .cloud(cloud())
        .transport(script)
        .clock(clock.clone())
        .pace(PacePolicy::default().with_max_writes_per_second(1.0))
        .max_batches_in_flight(64)
        .build()
        .expect("a client");
    let requests = (0..1_000).map(|_| BatchRequest::new(Method::POST, "/users").with_body(json!({}))).collect();
    let done = graph.batch(requests).filter(|(_, outcome)| std::future::ready(outcome.is_ok())).count().await;
    assert_eq!(done, 1_000, "all queue for longer than the deadline, and go on");
    assert!(clock.now() - start >= time::Duration::seconds(900));
    // One by one, each has its deadline.
    let calls = futures::future::join_all((0..400).map(|number| create(&graph, number).into_future())).await;
    let failed: Vec<_> = calls.into_iter().filter_map(Result::err).collect();
    assert!(failed.len() >= 90, "{}", failed.len());
    assert!(failed.iter().all(|error| error.kind() == ErrorKind::Throttled && !error.is_outcome_in_doubt()));
}
