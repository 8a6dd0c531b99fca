//! `$batch`.

use serde_json::{Value, json};

use super::{Client, ada, tenant};

#[tokio::test]
async fn a_batch_answers_each_item() {
    let sim = tenant().users(3).build();
    let client = Client::of(&sim);
    let json_header = json!({"content-type": "application/json"});
    let got = client
        .post(
            "$batch",
            &json!({"requests": [
                {"id": "get", "method": "GET", "url": "users?$filter=surname eq 'x'&$select=id", "depends_on": []},
                {"id": 2, "method": "POST", "url": "/users", "headers": json_header, "body": ada()},
                {"id": "after", "method": "PATCH", "url": "/users/ada.okafor@contoso.com", "headers": json_header,
                 "body": {"city": "Leeds"}, "dependsOn": ["2"]},
                {"id": "bad", "method": "DELETE", "url": "/users/nobody@contoso.com"},
                {"id": "lost", "method": "GET", "url": "/users", "dependsOn": ["BAD"]},
                {"id": "absolute", "method": "GET", "url": "https://sim.invalid/v1.0/users"},
                {"id": "nested", "method": "POST", "url": "/$batch", "headers": json_header, "body": {"requests": []}},
                {"id": "number", "method": "GET", "url": "/users/$count", "headers": {"consistencylevel": "eventual"}},
            ]}),
        )
        .await;
    assert_eq!(got.status, 200, "{got:?}");
    let responses = got.body["responses"].as_array().expect("answers");
    assert_eq!(responses.len(), 8);
    let one = |id: &str| responses.iter().find(|response| response["id"] == id).expect("one answer each");
    assert_eq!(one("get")["body"]["value"], json!([]));
    assert_eq!(one("2")["status"], 201);
    assert!(one("2")["headers"]["Content-Type"].as_str().expect("text").starts_with("application/json"));
    assert_eq!((&one("after")["status"], one("after").get("body")), (&json!(204), None));
    assert_eq!(one("bad")["status"], 404);
    assert_eq!(one("lost")["status"], 424);
    assert_eq!(one("absolute")["status"], 400);
    assert_eq!(one("nested")["status"], 400);
    assert_eq!(one("number")["body"].as_str().map(|text| text == "3" || text == "4"), Some(true));
    assert_eq!(sim.user("ada.okafor@contoso.com").expect("created")["city"], "Leeds");
    assert_eq!(sim.requests().batch_posts, 1);
    assert_eq!(sim.requests().batch_items, 8);

    let item = |id: usize| json!({"id": id.to_string(), "method": "GET", "url": "/users"});
    for requests in [
        json!([]),
        (1..=21).map(item).collect(),
        json!([item(1), {"id": "1", "method": "GET", "url": "/users"}]),
        json!([{"id": "a", "method": "GET", "url": "/users"}, {"id": "A", "method": "GET", "url": "/users"}]),
        json!([{"id": "1", "method": "GET"}]),
        json!([{"id": "1", "method": "GET", "url": "/users", "dependsOn": ["2"]}]),
        json!([{"id": "1", "method": "GET", "url": "/users", "dependsOn": ["1"]}]),
        json!([{"id": "1", "method": "POST", "url": "/users", "body": ada()}]),
        json!([{"id": "1", "method": "POST", "url": "/users", "headers": json_header}]),
        json!("none"),
    ] {
        client.post("$batch", &json!({ "requests": requests })).await.refused(400, "BadRequest", "");
    }
    assert_eq!(client.post("$batch", &json!({"requests": (1..=20).map(item).collect::<Value>()})).await.status, 200);
}

#[tokio::test]
async fn a_batch_that_waits_for_itself_does_nothing() {
    let sim = tenant().build();
    let client = Client::of(&sim);
    let json_header = json!({"content-type": "application/json"});
    let requests = json!({"requests": [
        {"id": "make", "method": "POST", "url": "/users", "headers": json_header, "body": ada()},
        {"id": "a", "method": "GET", "url": "/users", "dependsOn": ["make", "b"]},
        {"id": "b", "method": "GET", "url": "/users", "dependsOn": ["a"]},
    ]});
    client.post("$batch", &requests).await.refused(400, "BadRequest", "wait for each other");
    assert!(sim.users().is_empty() && sim.audit().is_empty());
    let requests = json!({"requests": [
        {"id": "read", "method": "GET", "url": "/users/ada.okafor@contoso.com", "dependsOn": ["make"]},
        {"id": "make", "method": "POST", "url": "/users", "headers": json_header, "body": ada()},
    ]});
    let got = client.post("$batch", &requests).await;
    let responses = got.body["responses"].as_array().expect("answers");
    assert!(responses.iter().all(|one| one["status"] == 200 || one["status"] == 201), "{got:?}");
}

#[tokio::test]
async fn a_filter_of_megabytes_is_refused() {
    let sim = tenant().users(50).build();
    let client = Client::of(&sim);
    let filter = vec!["displayName ne 'x'"; 20_000].join(" and ").replace(' ', "%20");
    let requests = json!({"requests": [{
        "id": "1", "method": "GET", "url": format!("/users?$count=true&$filter={filter}"),
        "headers": {"ConsistencyLevel": "eventual"},
    }]});
    let got = client.post("$batch", &requests).await;
    assert_eq!(got.body["responses"][0]["status"], 400, "{got:?}");
}

#[tokio::test]
async fn answers_come_in_any_order() {
    let orders = async |seed: u64| {
        let client = Client::of(&tenant().seed(seed).build());
        let asked: Vec<_> = (0..20).map(|id| json!({"id": id, "method": "GET", "url": "/users"})).collect();
        let got = client.post("$batch", &json!({ "requests": asked })).await;
        let answers = got.body["responses"].as_array().expect("answers").clone();
        answers.iter().map(|one| one["id"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    let (one, again, other) = (orders(7).await, orders(7).await, orders(8).await);
    let mut sorted = one.clone();
    sorted.sort_by_key(|id| id.parse::<u8>().expect("a number"));
    assert_eq!(sorted, (0..20).map(|id| id.to_string()).collect::<Vec<_>>());
    assert!(one == again && one != other && one != sorted, "{one:?}");
}
