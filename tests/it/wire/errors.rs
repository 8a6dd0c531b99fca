//! What failures are made of.

use entrant::auth::{ClientId, ClientSecret, TenantId};
use entrant::error::Retry;
use entrant::graph::{GraphClass, GraphClient};
use entrant::http::RetryPolicy;
use entrant::{Error, ErrorKind};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::script::{Reply, Script, builder, client, clock, cloud};

#[derive(Deserialize)]
struct Sample {
    name: String,
    method: String,
    status: u16,
    headers: std::collections::BTreeMap<String, String>,
    body: Json,
}

async fn fails_with(sample: Sample) -> Error {
    let method = sample.method.parse().expect("a method");
    let script = Script::new(move |_, _| {
        let leak = |(name, value): (&String, &String)| (&*name.clone().leak(), value.clone());
        Reply::Answer(sample.status, sample.headers.iter().map(leak).collect(), sample.body.to_string())
    });
    let graph = builder(&script, &clock()).retry(RetryPolicy::never()).build().expect("a client");
    graph.request(method, "/users").await.expect_err("a refusal")
}

#[tokio::test]
async fn graphs_refusals_are_classified() {
    let duplicate = |property: &str| GraphClass::DuplicateValue { property: Some(property.to_owned()) };
    let named = |property: &str| Some(property.to_owned());
    #[rustfmt::skip]
    let expected = [
        ("error-upn-domain", ErrorKind::Invalid, GraphClass::UnverifiedDomain),
        ("error-duplicate-upn", ErrorKind::Conflict, duplicate("userPrincipalName")),
        ("error-duplicate-proxy", ErrorKind::Conflict, duplicate("proxyAddresses")),
        ("error-duplicate-immutableid", ErrorKind::Conflict, duplicate("onPremisesImmutableId")),
        ("error-missing-property", ErrorKind::Invalid, GraphClass::MissingProperty { property: named("mailNickname") }),
        ("error-password", ErrorKind::Invalid, GraphClass::WeakPassword),
        ("error-invalid-value", ErrorKind::Invalid, GraphClass::InvalidValue { property: named("displayName") }),
        ("error-not-found", ErrorKind::NotFound, GraphClass::NotFound),
        ("error-denied", ErrorKind::Forbidden, GraphClass::Denied),
        ("error-token", ErrorKind::Unauthenticated, GraphClass::Unauthorized),
        ("error-replication", ErrorKind::NotFound, GraphClass::ReplicationDelay),
        ("error-quota-owners", ErrorKind::Forbidden, GraphClass::Quota),
        ("error-onprem", ErrorKind::Invalid, GraphClass::DirectorySynced),
        ("error-throttled", ErrorKind::Throttled, GraphClass::Throttled),
        ("error-concurrency", ErrorKind::Conflict, GraphClass::Concurrency),
        ("error-unsupported-query", ErrorKind::Invalid, GraphClass::UnsupportedQuery),
        ("error-page-size", ErrorKind::Invalid, GraphClass::UnsupportedQuery),
        ("error-page-token", ErrorKind::Invalid, GraphClass::ExpiredPageToken),
    ];
    let samples: Vec<Sample> =
        serde_json::from_str(include_str!("../../data/graph-errors.json")).expect("the samples are JSON");
    let mut found = 0;
    for sample in samples {
        let (name, status) = (sample.name.clone(), sample.status);
        let request_id = sample.headers.get("request-id").cloned();
        let error = fails_with(sample).await;
        let graph = error.graph().expect("Graph said something");
        assert_eq!(graph.status, status, "{name}");
        assert!(!graph.code.is_empty() && !graph.message.is_empty(), "{name}");
        assert_eq!(graph.request_id, request_id, "{name}");
        assert!(graph.client_request_id.is_some(), "{name}");
        assert!(!graph.class().advice().is_empty(), "{name}");
        if let Some((_, kind, class)) = expected.iter().find(|(expected, ..)| *expected == name) {
            assert_eq!((error.kind(), graph.class()), (*kind, class.clone()), "{name}");
            found += 1;
        }
    }
    assert_eq!(found, expected.len());
}

#[tokio::test]
async fn an_error_says_what_graph_said_in_one_line() {
    let script = Script::new(|_, _| {
        let body = json!({"error": {"code": "Request_BadRequest", "message": "Line one.\r\nforged: line.",
            "innerError": {"request-id": "inner-id"}}});
        Reply::json(400, body)
    });
    let error = client(&script).users().get("ada@contoso.com").select(["id"]).await.expect_err("refused");
    assert_eq!(
        error.to_string(),
        "Line one. forged: line (request=GET /v1.0/users/ada@contoso.com, status=400, code=Request_BadRequest, \
         request-id=inner-id)"
    );
}

#[tokio::test]
async fn refusals_of_any_shape_are_errors() {
    let deep = "[".repeat(100_000);
    let long = json!({"error": {"code": "x".repeat(100_000), "message": "y".repeat(100_000),
        "details": vec![json!({"code": "z"}); 10_000]}})
    .to_string();
    let bodies = [
        "",
        "null",
        "[]",
        "7",
        "<html>",
        "{",
        r#"{"error":"x"}"#,
        r#"{"error":{"code":7,"message":[],"details":{}}}"#,
        r#"{"error":{"details":[1,null,{"code":"ObjectConflict"}]}}"#,
        "\u{0}\u{1}",
        &deep,
        &long,
    ];
    for body in bodies {
        for status in [301, 304, 400, 404, 418, 499, 599] {
            let owned = body.to_owned();
            let script = Script::new(move |_, _| Reply::json(status, &owned));
            let graph = builder(&script, &clock()).retry(RetryPolicy::never()).build().expect("a client");
            let error = graph.users().get("x").await.expect_err("no success");
            let said = error.graph().expect("an answer came");
            assert_eq!(said.status, status);
            assert!(said.message.chars().count() <= 1_001 && said.code.chars().count() <= 1_001);
            assert!(said.details.len() <= 20);
        }
    }
}

#[tokio::test]
async fn successes_of_the_wrong_shape_are_errors_and_quote_nothing() {
    for body in ["", "[]", "{", r#"{"id":{"s3cret":1}}"#, r#"{"accountEnabled":"s3cret"}"#, r#"{"id":"a","id":"b"}"#] {
        let script = Script::new(move |_, _| Reply::json(200, body));
        let graph = client(&script);
        let error = graph.users().get("x").await.expect_err("not a user");
        assert_eq!(error.kind(), ErrorKind::Protocol, "{body}");
        assert!(!error.is_outcome_in_doubt(), "a read changes nothing");
        assert!(!format!("{error:?}").contains("s3cret"), "{body}");
        let error = graph.users().create(&json!({})).await.expect_err("not a user");
        assert!(error.is_outcome_in_doubt(), "it was created: {body}");
        assert_eq!(script.count(), 2, "nothing is repeated: {body}");
    }
}

#[tokio::test]
async fn token_refusals_name_the_code_and_never_the_secret() {
    #[derive(Deserialize)]
    struct TokenSample {
        code: u64,
        status: u16,
        body: Json,
    }
    let samples: Vec<TokenSample> =
        serde_json::from_str(include_str!("../../data/token-errors.json")).expect("the samples are JSON");
    for sample in samples {
        let TokenSample { code, status, mut body } = sample;
        let description = body["error_description"].as_str().unwrap_or_default().to_owned();
        body["error_description"] = format!("{description} you sent s3cret~v@lue").into();
        let script = Script::new(move |_, _| Reply::json(status, &body));
        let graph = secret_client(&script);
        let error = graph.users().get("x").await.expect_err("no token");
        let shown = format!("{} {error:?}", error.to_chain());
        assert!(shown.contains(&format!("AADSTS{code}")), "{code}: {shown}");
        assert!(!shown.contains("s3cret"), "{code}: {shown}");
        let passes = error.retry() != Retry::Never;
        assert_eq!(script.count(), if passes { 3 } else { 1 }, "{code}");
        assert_eq!(passes, [90_033, 90_055].contains(&code), "{code}");
        if !passes {
            assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{code}");
        }
    }
}

#[tokio::test]
async fn the_secret_goes_to_the_token_endpoint_and_is_shown_nowhere() {
    let script = Script::new(|number, _| match number {
        0 => Reply::json(200, json!({"token_type": "Bearer", "expires_in": 3599, "access_token": "t0ken"})),
        _ => Reply::json(404, "{}"),
    });
    let graph = secret_client(&script);
    let error = graph.users().get("x").await.expect_err("not there");
    let seen = script.seen();
    assert_eq!(seen[0].uri(), "https://login.example/contoso.com/oauth2/v2.0/token");
    assert_eq!(
        seen[0].body(),
        "client_id=11111111-2222-3333-4444-555555555555&scope=https%3A%2F%2Fgraph.example%2F.default\
         &client_secret=s3cret%7Ev%40lue&grant_type=client_credentials"
    );
    assert!(seen[0].headers().get("authorization").is_none());
    assert_eq!(seen[1].headers()["authorization"], "Bearer t0ken");
    let shown = format!("{graph:?} {error:?} {:?}", seen[1].headers());
    assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
}

fn secret_client(script: &Script) -> GraphClient {
    let credential = ClientSecret::new(
        TenantId::new("contoso.com").expect("a tenant"),
        ClientId::new("11111111-2222-3333-4444-555555555555").expect("a client"),
        "s3cret~v@lue",
    );
    GraphClient::builder(credential).cloud(cloud()).transport(script.clone()).clock(clock()).build().expect("a client")
}
