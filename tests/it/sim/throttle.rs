//! Throttling by load, collisions, and faults at random.

use std::time::Duration;

use entrant::clock::ManualClock;
use entrant::sim::{GraphLimits, Sim};
use serde_json::{Value, json};
use time::macros::datetime;

use super::{Client, ada, tenant, with};

fn named(number: usize) -> Value {
    let names = json!({"userPrincipalName": format!("u{number}@contoso.com"), "mailNickName": format!("u{number}")});
    with(ada(), names)
}

#[tokio::test]
async fn writes_are_limited_item_by_item() {
    let clock = ManualClock::at(datetime!(2026-03-04 10:15:30 UTC));
    let sim = tenant().clock(clock.clone()).write_limit(30, Duration::from_secs(1)).build();
    let client = Client::of(&sim);
    let batch = |from: usize| {
        let item = |number: usize| {
            json!({"id": number.to_string(), "method": "POST", "url": "/users",
                   "headers": {"Content-Type": "application/json"}, "body": named(number)})
        };
        json!({"requests": (from..from + 20).map(item).collect::<Vec<_>>()})
    };
    let statuses = |got: &super::Got| -> (usize, usize) {
        let responses = got.body["responses"].as_array().expect("answers");
        let count = |status: u64| responses.iter().filter(|response| response["status"] == json!(status)).count();
        (count(201), count(429))
    };
    assert_eq!(statuses(&client.post("$batch", &batch(0)).await), (20, 0));
    let got = client.post("$batch", &batch(20)).await;
    assert_eq!(statuses(&got), (10, 10));
    let responses = got.body["responses"].as_array().expect("answers");
    let throttled = responses.iter().find(|response| response["status"] == 429).expect("one");
    assert_eq!(throttled["headers"]["Retry-After"], "1");
    assert_eq!(throttled["body"]["error"]["code"], "TooManyRequests");
    let scope = format!("Tenant_Application/Write/{}/{}", sim.client_id(), sim.tenant_id());
    assert_eq!(throttled["headers"]["x-ms-throttle-scope"], json!(scope));
    assert_eq!(client.get("users").await.status, 200, "reads are free");
    assert_eq!(sim.users().len(), 30);
    clock.advance(Duration::from_millis(500));
    assert_eq!(statuses(&client.post("$batch", &batch(60)).await), (15, 5));
    let late = client.post("users", &named(99)).await;
    late.refused(429, "TooManyRequests", "");
    assert_eq!(late.body["error"]["innerError"]["code"], "429");
    assert_eq!(sim.requests().throttled, 16);
}

#[tokio::test]
async fn graphs_limits_tell_how_much_is_used() {
    let clock = ManualClock::at(datetime!(2026-03-04 10:15:30 UTC));
    let sim = tenant().clock(clock.clone()).graph_limits(GraphLimits::Small).build();
    let client = Client::of(&sim);
    let group = sim.add_group(json!({}));
    let path = format!("groups/{group}/transitiveMembers");
    for turn in 1..=700 {
        let got = client.get(&path).await;
        assert_eq!(got.headers["x-ms-resource-unit"], "5");
        let used = got.headers.get("x-ms-throttle-limit-percentage").map(|used| used.to_str().expect("text"));
        assert_eq!(used.is_some(), turn > 560, "{turn}: {used:?}");
    }
    let got = client.get(&path).await;
    got.refused(429, "TooManyRequests", "");
    assert_eq!(got.headers["retry-after"], "0.014");
    assert_eq!(got.headers["x-ms-throttle-information"], "ResourceUnitLimitExceeded");
    clock.advance(Duration::from_secs(10));
    assert_eq!(client.get(&path).await.status, 200);
    assert_eq!(client.get("users?$select=id").await.headers["x-ms-resource-unit"], "1");
}

#[tokio::test]
async fn writes_to_one_object_collide() {
    let clock = ManualClock::at(datetime!(2026-03-04 10:15:30 UTC));
    let sim = tenant().clock(clock.clone()).collisions(Duration::from_millis(200)).users(2).build();
    let client = Client::of(&sim);
    let ids: Vec<String> = sim.users().iter().map(|user| user["id"].as_str().expect("an id").to_owned()).collect();
    let write = async |id: &str| client.patch(&format!("users/{id}"), &json!({"city": "Leeds"})).await;
    assert_eq!(write(&ids[0]).await.status, 204);
    write(&ids[0]).await.refused(409, "Directory_ConcurrencyViolation", "concurrent requests");
    assert_eq!(write(&ids[1]).await.status, 204);
    assert_eq!(client.get(&format!("users/{}", ids[0])).await.status, 200);
    clock.advance(Duration::from_millis(201));
    let item = |id: &str, waits: Value| {
        json!({"id": id, "method": "PATCH", "url": format!("/users/{}", ids[0]), "dependsOn": waits,
               "headers": {"Content-Type": "application/json"}, "body": {"city": id}})
    };
    let body = json!({"requests": [item("1", json!([])), item("2", json!(["1"])), item("3", json!([]))]});
    let got = client.post("$batch", &body).await;
    let mut statuses: Vec<_> = got.body["responses"]
        .as_array()
        .expect("answers")
        .iter()
        .map(|response| (response["id"].as_str().expect("an id"), response["status"].as_u64().expect("a status")))
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [("1", 204), ("2", 204), ("3", 409)]);
}

/// What a tenant answered to so many creates.
async fn creates(sim: &Sim) -> Vec<Option<u16>> {
    let client = Client::of(sim);
    let mut seen = Vec::new();
    for number in 0..300 {
        let answer = client.try_send("POST", "users", Some(&named(number))).await;
        seen.push(answer.ok().map(|answer| answer.status().as_u16()));
    }
    seen
}

#[tokio::test]
async fn faults_come_at_random_and_are_the_same_again() {
    let unlucky = |seed| tenant().random_faults(seed, 0.2).build();
    let (one, same, other) = (creates(&unlucky(5)).await, creates(&unlucky(5)).await, creates(&unlucky(6)).await);
    assert_eq!(one, same);
    assert_ne!(one, other);
    let failed = one.iter().filter(|status| **status != Some(201)).count();
    assert!((25..90).contains(&failed), "{failed}");
    for wanted in [None, Some(429), Some(503), Some(504)] {
        assert!(one.contains(&wanted), "{wanted:?}");
    }
    let sim = unlucky(5);
    sim.clear_faults();
    assert!(creates(&sim).await.iter().all(|status| *status == Some(201)));
    sim.random_faults(1, 1.0);
    let client = Client::of(&sim);
    let mut fine = 0;
    for _ in 0..30 {
        let answer = client.try_send("GET", "organization", None).await;
        fine += usize::from(
            answer.is_ok_and(|answer| answer.status() == 200 && serde_json::from_slice::<Value>(answer.body()).is_ok()),
        );
    }
    assert!(fine < 20, "only slow ones come whole: {fine}");
}
