//! Requests that wait for each other.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use entrant::auth::{ClientId, ClientSecret, TenantId};
use entrant::clock::{Clock, ManualClock};
use entrant::graph::{BatchRequest, GraphClient};
use entrant::http::RetryPolicy;
use entrant::sim::Sim;
use entrant::{Error, ErrorKind};
use http::Method;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use time::macros::datetime;

use super::script::{Reply, Script, body_of, builder, client, clock};

fn patches(count: usize) -> Vec<BatchRequest> {
    (0..count).map(|n| BatchRequest::new(Method::PATCH, format!("/users/{n}")).with_body(json!({}))).collect()
}

/// Carries a batch out in order, as `dependsOn` says: `act` says what becomes of each.
fn in_order(body: &Json, mut act: impl FnMut(&str) -> Json) -> Reply {
    let mut failed = false;
    let mut answers = Vec::new();
    let items = body["requests"].as_array().expect("a batch");
    let reads = items.iter().filter(|item| item["method"] == "GET").count();
    assert!(reads == 0 || reads == items.len(), "writes that wait for the turn of reads keep others from writing");
    for (number, item) in items.iter().enumerate() {
        let after = item.get("dependsOn").cloned();
        let expected = number.checked_sub(1).map(|before| json!([before.to_string()]));
        assert_eq!(after, expected, "each waits for the one before");
        let mut answer = if failed {
            json!({"status": 424, "body": {"error": {"code": "FailedDependency", "message": "A dependency failed."}}})
        } else {
            act(item["url"].as_str().expect("a url"))
        };
        failed |= answer["status"].as_u64().is_none_or(|status| status >= 300);
        answer["id"] = item["id"].clone();
        answers.insert(0, answer);
    }
    Reply::json(200, json!({ "responses": answers }))
}

#[tokio::test]
async fn they_are_sent_in_order_and_stop_at_the_first_failure() {
    let script = Script::new(|_, request| {
        in_order(&body_of(request), |url| match url {
            "/users/25" => json!({"status": 400, "body": {"error": {"code": "Request_BadRequest", "message": "No."}}}),
            _ => json!({"status": 204}),
        })
    });
    let outcomes = client(&script).batch_in_order(patches(45)).await;
    assert_eq!(outcomes.len(), 45);
    assert!(outcomes[..25].iter().all(Result::is_ok));
    let failed = outcomes[25].as_ref().expect_err("refused");
    assert_eq!((failed.kind(), failed.is_outcome_in_doubt()), (ErrorKind::Invalid, false));
    for outcome in &outcomes[26..] {
        let error = outcome.as_ref().expect_err("not tried");
        assert_eq!((error.kind(), error.is_outcome_in_doubt()), (ErrorKind::Conflict, false));
    }
    assert_eq!(script.count(), 2, "the third batch is not sent");
}

#[tokio::test]
async fn what_is_throttled_is_sent_again_with_what_follows() {
    let clock = clock();
    let start = clock.now();
    let done: &'static Mutex<Vec<String>> = Box::leak(Box::default());
    let script = Script::new(move |number, request| {
        in_order(&body_of(request), |url| {
            if number == 0 && url == "/users/3" {
                return json!({"status": 429, "headers": {"Retry-After": "4"}});
            }
            done.lock().expect("fine").push(url.to_owned());
            json!({"status": 204})
        })
    });
    let graph = builder(&script, &clock).build().expect("a client");
    assert!(graph.batch_in_order(patches(6)).await.iter().all(Result::is_ok));
    let expected: Vec<_> = (0..6).map(|n| format!("/users/{n}")).collect();
    assert_eq!(*done.lock().expect("fine"), expected, "each once, in order");
    assert!(clock.now() - start >= Duration::from_secs(4));
}

#[tokio::test]
async fn a_mistake_stops_what_comes_after_it() {
    let script = Script::new(|_, request| in_order(&body_of(request), |_| json!({"status": 204})));
    let mut requests = patches(3);
    requests[1] = BatchRequest::new(Method::GET, "https://evil.example/");
    let outcomes = client(&script).batch_in_order(requests).await;
    assert!(outcomes[0].is_ok());
    assert_eq!(outcomes[1].as_ref().expect_err("wrong").kind(), ErrorKind::Invalid);
    assert_eq!(outcomes[2].as_ref().expect_err("not tried").kind(), ErrorKind::Conflict);
    assert!(client(&script).batch_in_order(Vec::new()).await.is_empty());
}

#[tokio::test]
async fn the_simulated_tenant_takes_them() {
    let clock = ManualClock::at(datetime!(2026-01-15 09:30:00 UTC));
    let sim = Sim::builder().domain("contoso.com").clock(clock.clone()).users(2).seed(7).build();
    let credential = ClientSecret::new(
        TenantId::new(sim.tenant_id()).expect("a tenant"),
        ClientId::new(sim.client_id()).expect("a client"),
        sim.client_secret(),
    );
    let graph = GraphClient::builder(credential)
        .cloud(sim.cloud())
        .transport(sim.transport())
        .clock(clock)
        .build()
        .expect("a client");
    let ids: Vec<String> = sim.users().iter().map(|user| user["id"].as_str().expect("an id").to_owned()).collect();
    let change = |id: &str, city: &str| graph.users().update(id, &json!({ "city": city })).into_batch().expect("valid");
    let requests =
        vec![change(&ids[0], "Leeds"), change(&ids[0], "York"), change("nobody", "x"), change(&ids[1], "Leeds")];
    let outcomes = graph.batch_in_order(requests).await;
    assert!(outcomes[0].is_ok() && outcomes[1].is_ok());
    assert_eq!(outcomes[2].as_ref().expect_err("nobody").kind(), ErrorKind::NotFound);
    assert_eq!(outcomes[3].as_ref().expect_err("not tried").kind(), ErrorKind::Conflict);
    assert_eq!(sim.user(&ids[0]).expect("a user")["city"], "York");
    assert_ne!(sim.user(&ids[1]).expect("a user")["city"], "Leeds");
}

#[derive(Debug, Clone, Copy)]
enum Fate {
    Done,
    DoneButUnanswered,
    Status(u16),
    LostBefore,
    LostAfter,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever fails: one outcome each; a success was carried out; what was not carried out and what is said not to
    /// have been agree; nothing is created twice; nothing is begun before the one before it was done.
    #[test]
    fn order_is_kept_whatever_fails(
        methods in prop::collection::vec(prop::sample::select(vec!["POST", "PATCH", "DELETE", "GET"]), 1..50),
        fates in prop::collection::vec(
            prop_oneof![
                8 => Just(Fate::Done),
                1 => Just(Fate::DoneButUnanswered),
                2 => prop::sample::select(vec![429, 503, 504, 404, 400]).prop_map(Fate::Status),
                1 => Just(Fate::LostBefore),
                1 => Just(Fate::LostAfter),
            ],
            1..30,
        ),
    ) {
        let done: &'static Mutex<HashMap<usize, usize>> = Box::leak(Box::default());
        let next = AtomicUsize::new(0);
        let script = Script::new(move |_, request| {
            let mut lost = false;
            let mut unanswered = Vec::new();
            let reply = in_order(&body_of(request), |url| {
                let number: usize = url[1..].parse().expect("a number");
                let mut done = done.lock().expect("fine");
                assert!(number == 0 || done.contains_key(&(number - 1)), "{number} is begun too early");
                match fates[next.fetch_add(1, Ordering::SeqCst) % fates.len()] {
                    Fate::Done => *done.entry(number).or_default() += 1,
                    Fate::DoneButUnanswered => {
                        unanswered.push(url.to_owned());
                        *done.entry(number).or_default() += 1;
                    }
                    Fate::Status(status) => return json!({ "status": status }),
                    Fate::LostBefore => {
                        lost = true;
                        return json!({"status": 500});
                    }
                    Fate::LostAfter => {
                        lost = true;
                        *done.entry(number).or_default() += 1;
                    }
                }
                json!({"status": 204, "headers": {"url": url}})
            });
            let Reply::Answer(status, headers, body) = reply else { unreachable!() };
            let mut body: Json = serde_json::from_str(&body).expect("an answer");
            if let Some(answers) = body["responses"].as_array_mut() {
                answers.retain(|answer| !unanswered.iter().any(|url| answer["headers"]["url"] == **url));
            }
            if lost { Reply::Lost } else { Reply::Answer(status, headers, body.to_string()) }
        });
        let requests: Vec<_> = methods
            .iter()
            .enumerate()
            .map(|(index, method)| BatchRequest::new(method.parse().expect("a method"), format!("/{index}")))
            .collect();
        let policy = RetryPolicy::default().with_deadline(Duration::from_secs(100_000));
        let graph = builder(&script, &clock()).retry(policy).build().expect("a client");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let outcomes: Vec<Result<_, Error>> = runtime.block_on(graph.batch_in_order(requests));
        prop_assert_eq!(outcomes.len(), methods.len());
        let done = done.lock().expect("fine");
        for (index, outcome) in outcomes.iter().enumerate() {
            let times = done.get(&index).copied().unwrap_or_default();
            match outcome {
                Ok(_) => prop_assert!(times >= 1, "{index}"),
                Err(_) if methods[index] == "GET" => {}
                Err(error) => prop_assert!(times == 0 || error.is_outcome_in_doubt(), "{index}: {error}"),
            }
            prop_assert!(methods[index] != "POST" || times <= 1, "{index} created {times} times");
        }
    }
}
