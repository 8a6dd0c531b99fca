//! Faults by script.

use std::time::Duration;

use entrant::ErrorKind;
use entrant::clock::ManualClock;
use entrant::sim::Fault;
use serde_json::{Value, json};
use time::macros::datetime;

use super::{Client, ada, tenant, with};

#[tokio::test]
async fn faults_strike_as_scripted() {
    let sim = tenant().build();
    let client = Client::of(&sim);
    sim.fail(Fault::on("POST", "/v1.0/users").drop_before());
    let error = client
        .try_send("POST", "users", Some(&ada()))
        .await
        .expect_err("dropped");
    assert_eq!(
        (error.kind(), error.is_outcome_in_doubt()),
        (ErrorKind::Transport, true)
    );
    assert!(sim.users().is_empty());

    sim.fail(Fault::on("POST", "/v1.0/users").drop_after());
    assert!(
        client
            .try_send("POST", "users", Some(&ada()))
            .await
            .expect_err("dropped")
            .is_outcome_in_doubt()
    );
    assert_eq!((sim.users().len(), sim.audit().len()), (1, 1));

    sim.fail(Fault::on("GET", "/v1.0/users").throttle("2.128"));
    let got = client.get("users").await;
    got.refused(429, "TooManyRequests", "");
    assert_eq!(got.headers["Retry-After"], "2.128");
    sim.fail(Fault::on("GET", "/v1.0/users").throttle(""));
    assert_eq!(client.get("users").await.headers.get("Retry-After"), None);
    sim.fail(Fault::on("PATCH", "/v1.0/users").status(504).carried_out());
    client
        .patch("users/ada.okafor@contoso.com", &json!({"city": "Leeds"}))
        .await
        .refused(504, "UnknownError", "");
    assert_eq!(sim.user("ada.okafor@contoso.com").expect("there")["city"], "Leeds");
    sim.fail(Fault::on("*", "/v1.0/users").status(503).times(2));
    for status in [503, 503, 200] {
        assert_eq!(client.get("users").await.status, status);
    }

    for fault in [
        Fault::on("GET", "/v1.0/users").truncated_body(),
        Fault::on("GET", "/v1.0/users").garbage_body(),
    ] {
        sim.fail(fault);
        let got = client.get("users").await;
        assert_eq!((got.status, got.body), (200, Value::Null), "a body that is no JSON");
    }

    // The third page of a list breaks.
    sim.add_users(30);
    sim.fail(
        Fault::on("GET", "/v1.0/users")
            .containing("$skiptoken")
            .after(1)
            .drop_before(),
    );
    let mut path = "users?$top=10".to_owned();
    for _ in 0..2 {
        let page = client.get(&path).await;
        path = page.body["@odata.nextLink"]
            .as_str()
            .expect("more")
            .replace("https://sim.invalid/v1.0/", "");
    }
    assert!(client.try_send("GET", &path, None).await.is_err());
    assert_eq!(client.get(&path).await.ids().len(), 10);

    sim.fail(Fault::on("GET", "/v1.0/users").always());
    sim.clear_faults();
    assert_eq!(client.get("users").await.status, 200);
}

#[tokio::test]
async fn faults_strike_inside_batches() {
    let sim = tenant().build();
    let client = Client::of(&sim);
    let batch = |numbers: std::ops::Range<usize>| {
        let create = |n: usize| {
            let name = json!({"userPrincipalName": format!("u{n}@contoso.com"), "mailNickName": format!("u{n}")});
            json!({"id": n.to_string(), "method": "POST", "url": "/users",
                   "headers": {"Content-Type": "application/json"}, "body": with(ada(), name)})
        };
        json!({"requests": numbers.map(create).collect::<Vec<_>>()})
    };
    sim.fail(Fault::on("POST", "/v1.0/users").in_batch().after(1).throttle("3"));
    let got = client.post("$batch", &batch(0..3)).await;
    let responses = got.body["responses"].as_array().expect("answers");
    let throttled = responses
        .iter()
        .find(|response| response["id"] == "1")
        .expect("an answer");
    assert_eq!(
        (&throttled["status"], &throttled["headers"]["Retry-After"]),
        (&json!(429), &json!("3"))
    );
    assert_eq!(sim.users().len(), 2);

    sim.fail(Fault::on("POST", "/v1.0/users").in_batch().after(1).drop_after());
    assert!(client.try_send("POST", "$batch", Some(&batch(10..15))).await.is_err());
    assert_eq!(sim.users().len(), 4, "the answer is lost after two of five");

    sim.fail(Fault::on("POST", "/v1.0/$batch").drop_after());
    assert!(client.try_send("POST", "$batch", Some(&batch(20..25))).await.is_err());
    assert_eq!(sim.users().len(), 9);
    sim.fail(Fault::on("POST", "/v1.0/users").garbage_body());
    let got = client.post("$batch", &batch(30..31)).await;
    assert!(
        got.body["responses"][0]["body"]
            .as_str()
            .expect("text")
            .contains("html")
    );
}

#[tokio::test]
async fn slow_answers_take_the_tenants_time() {
    use entrant::clock::Clock as _;
    let clock = ManualClock::at(datetime!(2026-03-04 10:15:30 UTC));
    let sim = tenant().clock(clock.clone()).latency(Duration::from_secs(1)).build();
    let client = Client::of(&sim);
    sim.fail(Fault::on("GET", "/").slow(Duration::from_secs(30)));
    client.get("users").await;
    assert_eq!(clock.now(), datetime!(2026-03-04 10:16:01 UTC));
}
