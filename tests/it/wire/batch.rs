//! `$batch`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use entrant::clock::Clock;
use entrant::graph::{BatchRequest, BatchResponse, GraphClient};
use entrant::http::RetryPolicy;
use entrant::{ErrorKind, Result};
use futures::StreamExt;
use http::{Method, Request};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::requests::Numbered;
use super::script::{Reply, Script, body_of, builder, client, clock, cloud};

async fn run(graph: &GraphClient, requests: Vec<BatchRequest>) -> BTreeMap<usize, Result<BatchResponse>> {
    let count = requests.len();
    let outcomes: Vec<_> = graph.batch(requests).collect().await;
    assert_eq!(outcomes.len(), count, "one outcome each");
    let outcomes: BTreeMap<_, _> = outcomes.into_iter().collect();
    assert_eq!(outcomes.len(), count, "none twice");
    outcomes
}

fn gets(count: usize) -> Vec<BatchRequest> {
    (0..count).map(|number| BatchRequest::new(Method::GET, format!("/users/{number}"))).collect()
}

/// Answers each request of a batch by a closure, the last first.
pub(super) fn each(request: &Request<Bytes>, mut answer: impl FnMut(&Json) -> Json) -> Reply {
    let body = body_of(request);
    let items = body["requests"].as_array().expect("a batch");
    assert!((1..=20).contains(&items.len()));
    let answers: Vec<_> = items
        .iter()
        .rev()
        .map(|item| {
            let mut answer = answer(item);
            answer["id"] = item["id"].clone();
            answer
        })
        .collect();
    Reply::json(200, json!({ "responses": answers }))
}

#[tokio::test]
async fn requests_are_packed_and_answers_find_their_way() {
    let script = Script::new(|_, request| each(request, |item| json!({"status": 200, "body": {"url": item["url"]}})));
    let outcomes = run(&client(&script), gets(45)).await;
    for (index, outcome) in outcomes {
        let response = outcome.expect("a success");
        assert_eq!(response.body["url"], format!("/users/{index}"));
    }
    let sizes: Vec<_> =
        script.seen().iter().map(|r| body_of(r)["requests"].as_array().expect("a list").len()).collect();
    assert_eq!(sizes, [20, 20, 5]);
    assert!(script.addresses().iter().all(|address| address == "https://graph.example/v1.0/$batch"));
}

#[tokio::test]
async fn a_body_brings_its_type_and_typed_requests_fit() {
    let script = Script::new(|_, request| each(request, |_| json!({"status": 204})));
    let graph = client(&script);
    let requests = vec![
        graph.users().create(&json!({"city": "Leeds"})).into_batch().expect("valid"),
        graph.deleted_items().restore("1").into_batch().expect("valid"),
        graph
            .users()
            .get("a#b@c.de")
            .select(["id"])
            .header("ConsistencyLevel", "eventual")
            .into_batch()
            .expect("valid"),
        graph.users().delete("1").into_batch().expect("valid"),
    ];
    run(&graph, requests).await;
    assert_eq!(
        body_of(&script.seen()[0]),
        json!({"requests": [
            {"id": "0", "method": "POST", "url": "/users", "headers": {"Content-Type": "application/json"}, "body": {"city": "Leeds"}},
            {"id": "1", "method": "POST", "url": "/directory/deletedItems/1/restore", "headers": {"Content-Type": "application/json"}, "body": {}},
            {"id": "2", "method": "DELETE", "url": "/users/1"},
        ]})
    );
    assert_eq!(
        body_of(&script.seen()[1]),
        json!({"requests": [
            {"id": "0", "method": "GET", "url": "/users/a%23b@c.de?$select=id", "headers": {"consistencylevel": "eventual"}},
        ]}),
        "reads go by themselves"
    );
}

#[tokio::test]
async fn only_what_asks_for_it_is_repeated_each_after_its_own_time() {
    let clock = clock();
    let (start, watch) = (clock.now(), clock.clone());
    let times: &'static Mutex<Vec<(String, f64)>> = Box::leak(Box::default());
    let asked: &'static Mutex<HashMap<String, usize>> = Box::leak(Box::default());
    let script = Script::new(move |_, request| {
        each(request, |item| {
            let url = item["url"].as_str().expect("a url").to_owned();
            times.lock().expect("fine").push((url.clone(), (watch.now() - start).as_seconds_f64()));
            let mut asked = asked.lock().expect("fine");
            let count = asked.entry(url.clone()).or_default();
            *count += 1;
            match (url.as_str(), *count) {
                ("/users/3", 1) => json!({"status": 429, "headers": {"retry-after": "10"}}),
                ("/users/7", 1) => json!({"status": 429, "headers": {"Retry-After": 2.5}}),
                ("/users/9", _) => json!({"status": 404, "body": {"error": {"code": "Request_ResourceNotFound"}}}),
                _ => json!({"status": 200}),
            }
        })
    });
    let graph = builder(&script, &clock).build().expect("a client");
    let outcomes = run(&graph, gets(20)).await;
    for (index, outcome) in outcomes {
        match index {
            9 => assert_eq!(outcome.expect_err("not there").kind(), ErrorKind::NotFound),
            _ => assert!(outcome.is_ok(), "{index}"),
        }
    }
    let times = times.lock().expect("fine");
    assert_eq!(times[20..], [("/users/7".to_owned(), 2.5), ("/users/3".to_owned(), 10.0)]);
}

#[tokio::test]
async fn a_lost_batch_leaves_creations_in_doubt_and_repeats_the_rest() {
    let seen: [fn(usize) -> Reply; 6] = [
        |_| Reply::Lost,
        |_| Reply::json(504, ""),
        |_| Reply::json(999, json!({"error": {"code": "serviceNotAvailable"}})),
        // Of two answers one is another's.
        |_| Reply::json(200, json!({"responses": [{"id": "0", "status": 201}, {"id": 0, "status": 404}]})),
        |_| Reply::json(200, "{\"responses\":["),
        |_| Reply::json(200, json!({"responses": [{"id": "99", "status": 200}, {"status": 200}, 7]})),
    ];
    for first in seen {
        let script = Script::new(move |number, request| match number {
            // One batch of writes, one of reads.
            0 | 1 => first(number),
            _ => each(request, |_| json!({"status": 200})),
        });
        let requests = vec![
            BatchRequest::new(Method::POST, "/users").with_body(json!({})),
            BatchRequest::new(Method::PATCH, "/users/1").with_body(json!({})),
            BatchRequest::new(Method::DELETE, "/users/2"),
            BatchRequest::new(Method::GET, "/users/3"),
        ];
        let outcomes = run(&client(&script), requests).await;
        let error = outcomes[&0].as_ref().expect_err("nobody knows");
        assert!(error.is_outcome_in_doubt());
        assert!((1..4).all(|index| outcomes[&index].is_ok()));
        assert_eq!(script.count(), 4);
        for again in &script.seen()[2..] {
            let again = body_of(again);
            assert!(again["requests"].as_array().expect("a list").iter().all(|item| item["method"] != "POST"));
        }
    }
}

#[tokio::test]
async fn a_batch_that_was_not_carried_out_is_repeated_whole() {
    for (first, sent) in [(429, 2), (503, 2)] {
        let script = Script::new(move |number, request| match number {
            0 => Reply::json(first, json!({"error": {"code": "serviceNotAvailable"}})),
            _ => each(request, |_| json!({"status": 201})),
        });
        let requests = vec![BatchRequest::new(Method::POST, "/users").with_body(json!({}))];
        assert!(run(&client(&script), requests).await[&0].is_ok());
        assert_eq!(script.count(), sent);
    }
    let script = Script::new(|_, _| Reply::NotSent);
    let requests = vec![BatchRequest::new(Method::POST, "/users").with_body(json!({}))];
    let outcomes = run(&client(&script), requests).await;
    let error = outcomes[&0].as_ref().expect_err("no network");
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(!error.is_outcome_in_doubt(), "it was surely not sent");
    assert_eq!(script.count(), 6);
}

#[tokio::test]
async fn doubt_in_a_batch_stays() {
    let script = Script::new(|number, request| match number {
        0 => Reply::Lost,
        _ => each(request, |_| json!({"status": 404, "body": {"error": {"code": "Request_ResourceNotFound"}}})),
    });
    let outcomes = run(&client(&script), vec![BatchRequest::new(Method::DELETE, "/users/1")]).await;
    let error = outcomes[&0].as_ref().expect_err("gone");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.is_outcome_in_doubt());
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_does_not_stop_the_others() {
    let script = Script::new(|_, request| each(request, |_| json!({"status": 200})));
    let requests = ["users", "https://evil.example/", "//evil.example/", "/../../x", "", "/users"]
        .map(|url| BatchRequest::new(Method::GET, url));
    let outcomes = run(&client(&script), requests.to_vec()).await;
    assert!((0..5).all(|index| outcomes[&index].as_ref().is_err_and(|e| e.kind() == ErrorKind::Invalid)));
    assert!(outcomes[&5].is_ok());
    assert_eq!(body_of(&script.seen()[0])["requests"].as_array().expect("a list").len(), 1);
}

#[tokio::test]
async fn large_bodies_make_smaller_batches() {
    let script = Script::new(|_, request| each(request, |_| json!({"status": 200})));
    let large = json!({"x": "y".repeat(1_400_000)});
    let requests = vec![BatchRequest::new(Method::PATCH, "/users/1").with_body(large); 5];
    run(&client(&script), requests).await;
    assert_eq!(script.count(), 3);
    assert!(script.seen().iter().all(|request| request.body().len() < 4_000_000));
}

#[tokio::test]
async fn only_so_many_are_under_way() {
    #[derive(Debug)]
    struct Slow(std::sync::Arc<(AtomicUsize, AtomicUsize)>, Script);

    #[async_trait::async_trait]
    impl entrant::http::Transport for Slow {
        async fn send(&self, request: Request<Bytes>) -> Result<http::Response<Bytes>> {
            let now = self.0.0.fetch_add(1, Ordering::SeqCst) + 1;
            self.0.1.fetch_max(now, Ordering::SeqCst);
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
            self.0.0.fetch_sub(1, Ordering::SeqCst);
            self.1.send(request).await
        }
    }

    for (limit, expected) in [(None, 4), (Some(2), 2), (Some(0), 1)] {
        let script = Script::new(|_, request| each(request, |_| json!({"status": 200})));
        let peak = std::sync::Arc::<(AtomicUsize, AtomicUsize)>::default();
        let mut builder = builder(&script, &clock()).transport(Slow(peak.clone(), script));
        if let Some(limit) = limit {
            builder = builder.max_batches_in_flight(limit);
        }
        run(&builder.build().expect("a client"), gets(200)).await;
        assert_eq!(peak.1.load(Ordering::SeqCst), expected);
    }
}

#[test]
fn a_request_shows_no_body_and_no_query() {
    let request = BatchRequest::new(Method::POST, "/users?$filter=s3cret").with_body(json!({"password": "s3cret"}));
    assert!(!format!("{request:?}").contains("s3cret"));
}

/// What becomes of one attempt of one request.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Done,
    DoneButUnanswered,
    Missing,
    Status(u16),
    LostBefore,
    LostAfter,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever fails, each request has one outcome, an outcome that says done was done, an error that is not in doubt
    /// was not done, and nothing is created twice.
    #[test]
    fn nothing_is_lost_and_nothing_doubled(
        methods in prop::collection::vec(prop::sample::select(vec!["POST", "PATCH", "DELETE", "GET"]), 1..70),
        fates in prop::collection::vec(
            prop_oneof![
                6 => Just(Fate::Done),
                1 => Just(Fate::DoneButUnanswered),
                1 => Just(Fate::Missing),
                3 => prop::sample::select(vec![429, 503, 500, 504, 404, 400, 409]).prop_map(Fate::Status),
                1 => Just(Fate::LostBefore),
                1 => Just(Fate::LostAfter),
            ],
            1..40,
        ),
        in_flight in 1usize..6,
    ) {
        let done: &'static Mutex<HashMap<String, usize>> = Box::leak(Box::default());
        let next = AtomicUsize::new(0);
        let script = Script::new(move |_, request| {
            let items = body_of(request)["requests"].as_array().expect("a list").clone();
            let mut done = done.lock().expect("fine");
            let mut answers = Vec::new();
            let mut lost = false;
            for item in items {
                let url = item["url"].as_str().expect("a url").to_owned();
                let fate = fates[next.fetch_add(1, Ordering::SeqCst) % fates.len()];
                let mut status = 200;
                match fate {
                    Fate::Done => *done.entry(url).or_default() += 1,
                    Fate::DoneButUnanswered => {
                        *done.entry(url).or_default() += 1;
                        continue;
                    }
                    Fate::Missing => continue,
                    Fate::Status(other) => status = other,
                    Fate::LostBefore => lost = true,
                    Fate::LostAfter => {
                        lost = true;
                        *done.entry(url).or_default() += 1;
                    }
                }
                answers.push(json!({"id": item["id"], "status": status}));
            }
            if lost { Reply::Lost } else { Reply::json(200, json!({"responses": answers})) }
        });
        let requests: Vec<_> = methods
            .iter()
            .enumerate()
            .map(|(index, method)| BatchRequest::new(method.parse().expect("a method"), format!("/{index}")))
            .collect();
        let policy = RetryPolicy::default().with_deadline(Duration::from_secs(100_000));
        let graph = builder(&script, &clock()).retry(policy).max_batches_in_flight(in_flight).build().expect("a client");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let outcomes = runtime.block_on(run(&graph, requests));
        let done = done.lock().expect("fine");
        for (index, outcome) in outcomes {
            let times = done.get(&format!("/{index}")).copied().unwrap_or_default();
            let method = methods[index];
            match outcome {
                Ok(_) => prop_assert!(times >= 1),
                Err(error) if method != "GET" => prop_assert!(times == 0 || error.is_outcome_in_doubt(), "{error}"),
                Err(_) => {}
            }
            prop_assert!(method != "POST" || times <= 1, "created {times} times");
        }
    }
}

/// Continuous access evaluation in the middle of a batch: what was refused for its token goes once more with a new one.
#[tokio::test]
async fn a_token_that_is_refused_inside_a_batch_is_renewed_once() {
    const CHALLENGE: &str = "Bearer realm=\"\", error=\"insufficient_claims\", \
        claims=\"eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwgInZhbHVlIjoiMTYwNDEwNjY1MSJ9fX0=\"";
    for headers in [json!({}), json!({"WWW-Authenticate": CHALLENGE})] {
        for (good_from, succeeds) in [("Bearer t2", true), ("Bearer t9", false)] {
            let headers = headers.clone();
            let script = Script::new(move |_, request| {
                let is_good = request.headers()["authorization"] == good_from;
                each(request, |item| match item["url"].as_str() {
                    // The first fourteen were carried out before the token ended.
                    Some("/users/14" | "/users/15") if !is_good => {
                        json!({"status": 401, "headers": headers, "body": {"error": {"code": "InvalidAuthenticationToken"}}})
                    }
                    _ => json!({"status": 201}),
                })
            });
            let credential = Numbered::default();
            let graph =
                GraphClient::builder(credential.clone()).cloud(cloud()).transport(script.clone()).clock(clock());
            let graph = graph.build().expect("a client");
            let requests = (0..16).map(|n| BatchRequest::new(Method::POST, format!("/users/{n}"))).collect();
            let outcomes = run(&graph, requests).await;
            assert_eq!(outcomes.values().filter(|outcome| outcome.is_ok()).count(), if succeeds { 16 } else { 14 });
            let sent: Vec<usize> =
                script.seen().iter().map(|one| body_of(one)["requests"].as_array().map_or(0, Vec::len)).collect();
            assert_eq!(sent, [16, 2], "what was carried out is not sent again, and what was refused once");
            assert_eq!(credential.asked(), 2, "one request for a token");
            for error in outcomes.into_values().filter_map(Result::err) {
                assert_eq!(error.kind(), ErrorKind::Unauthenticated);
                assert!(!error.is_outcome_in_doubt());
            }

            let requests = (13..16).map(|n| BatchRequest::new(Method::POST, format!("/users/{n}"))).collect();
            if succeeds {
                let graph = GraphClient::builder(Numbered::default()).cloud(cloud());
                let graph = graph.transport(script).clock(clock()).build().expect("a client");
                let outcomes = graph.batch_in_order(requests).await;
                assert!(outcomes.iter().all(|outcome| outcome.is_ok()), "{outcomes:?}");
            }
        }
    }
}
