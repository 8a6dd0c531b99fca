//! The token endpoint and the discovery document.

use std::time::Duration;

use bytes::Bytes;
use entrant::ErrorKind;
use entrant::clock::ManualClock;
use entrant::http::Transport as _;
use entrant::sim::{Fault, Sim};
use http::Request;
use serde_json::json;
use time::macros::datetime;

use super::{Client, Got, read, tenant};

async fn sign_in(sim: &Sim, tenant: &str, fields: &[(&str, &str)]) -> Got {
    let form = fields.iter().map(|(name, value)| {
        let value = value
            .replace('%', "%25")
            .replace('+', "%2B")
            .replace(' ', "+")
            .replace('&', "%26");
        format!("{name}={value}")
    });
    let request = Request::post(format!("https://sim.invalid/{tenant}/oauth2/v2.0/token?x=1"))
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
        .header("client-request-id", "0b0f6e9a-5a7e-4f6f-9f40-000000000001")
        .body(Bytes::from(form.collect::<Vec<_>>().join("&")))
        .expect("a request");
    read(sim.transport().send(request).await.expect("an answer"))
}

#[tokio::test]
async fn signing_in() {
    let clock = ManualClock::at(datetime!(2026-03-04 10:15:30 UTC));
    let sim = tenant().clock(clock.clone()).client("APP-1", "s3cret+ &~/=").build();
    let good = [
        ("client_id", "app-1"),
        ("scope", "https://graph.microsoft.com/.default"),
        ("client_secret", "s3cret+ &~/="),
        ("grant_type", "client_credentials"),
        ("client_info", "1"),
    ];
    let id = sim.tenant_id();
    for tenant in [id.as_str(), "contoso.com", "CONTOSO.onmicrosoft.com"] {
        let got = sign_in(&sim, tenant, &good).await;
        assert_eq!(got.status, 200, "{got:?}");
        assert_eq!(
            (&got.body["token_type"], &got.body["expires_in"]),
            (&json!("Bearer"), &json!(3599))
        );
        assert_eq!(got.headers["client-request-id"], "0b0f6e9a-5a7e-4f6f-9f40-000000000001");
        let mut client = Client::of(&sim);
        client.token = got.body["access_token"].as_str().expect("a token").to_owned();
        assert_eq!(client.token.split('.').count(), 3);
        assert_eq!(client.get("users").await.status, 200);
        clock.advance(Duration::from_secs(3599));
        client
            .get("users")
            .await
            .refused(401, "InvalidAuthenticationToken", "the token is expired");
    }
    let change = |name: &str, value: &'static str| {
        let mut fields = good;
        fields
            .iter_mut()
            .filter(|(field, _)| *field == name)
            .for_each(|(_, old)| *old = value);
        fields
    };
    for (tenant, fields, status, error, number) in [
        (
            id.as_str(),
            change("client_secret", "wrong"),
            401,
            "invalid_client",
            7_000_215,
        ),
        (&id, change("client_secret", ""), 401, "invalid_client", 7_000_218),
        (&id, change("client_id", "app-2"), 400, "unauthorized_client", 700_016),
        (&id, change("client_id", ""), 400, "invalid_request", 900_144),
        (&id, change("grant_type", ""), 400, "invalid_request", 900_144),
        (
            &id,
            change("grant_type", "password"),
            400,
            "unsupported_grant_type",
            70_003,
        ),
        (&id, change("scope", "User.Read.All"), 400, "invalid_scope", 1_002_012),
        (
            &id,
            change("scope", "https://elsewhere.example/.default"),
            400,
            "invalid_resource",
            500_011,
        ),
        ("nowhere.example", good, 400, "invalid_request", 90_002),
        (
            "00000000-0000-0000-0000-000000000001",
            good,
            400,
            "invalid_request",
            90_002,
        ),
        ("nowhere", good, 400, "invalid_request", 900_023),
    ] {
        let got = sign_in(&sim, tenant, &fields).await;
        assert_eq!((got.status, &got.body["error"]), (status, &json!(error)), "{got:?}");
        assert_eq!(got.body["error_codes"], json!([number]));
        let description = got.body["error_description"].as_str().expect("text");
        assert!(description.starts_with(&format!("AADSTS{number}: ")), "{description}");
        assert!(!description.contains("s3cret"));
        assert_eq!(got.body["timestamp"].as_str().map(str::len), Some(20));
    }
    let own = sign_in(&sim, &id, &change("scope", "https://sim.invalid/.default")).await;
    assert_eq!(own.status, 200);
    assert_eq!(sim.requests().token, 15);

    let mut client = Client::of(&sim);
    client.token = String::new();
    client
        .get("users")
        .await
        .refused(401, "InvalidAuthenticationToken", "Access token is empty.");
    client.token = "a.b.c".to_owned();
    let got = client.get("users").await;
    got.refused(401, "InvalidAuthenticationToken", "CompactToken parsing failed");
    assert!(
        got.headers["WWW-Authenticate"]
            .to_str()
            .expect("text")
            .starts_with("Bearer")
    );
    client.token = sim.token().expose().to_owned();
    sim.expire_tokens();
    client
        .get("users")
        .await
        .refused(401, "InvalidAuthenticationToken", "expired");

    sim.fail(Fault::on("POST", "/").containing("/token").status(503));
    let got = sign_in(&sim, &id, &good).await;
    assert_eq!(
        (got.status, &got.body["error"]),
        (503, &json!("temporarily_unavailable"))
    );
}

#[tokio::test]
async fn the_discovery_document_names_the_tenant() {
    let sim = tenant().build();
    let get = async |address: &str| {
        let request = Request::get(address).body(Bytes::new()).expect("a request");
        read(sim.transport().send(request).await.expect("an answer"))
    };
    let got = get("https://sim.invalid/contoso.com/v2.0/.well-known/openid-configuration").await;
    assert_eq!(
        got.body["issuer"],
        format!("https://sim.invalid/{}/v2.0", sim.tenant_id())
    );
    for endpoint in [
        "authorization_endpoint",
        "token_endpoint",
        "device_authorization_endpoint",
        "jwks_uri",
    ] {
        assert!(
            got.body[endpoint]
                .as_str()
                .expect(endpoint)
                .starts_with("https://sim.invalid/"),
            "{endpoint}"
        );
    }
    let got = get("https://sim.invalid/nowhere.example/v2.0/.well-known/openid-configuration").await;
    assert_eq!((got.status, &got.body["error"]), (400, &json!("invalid_tenant")));
    let elsewhere = Request::get("https://graph.microsoft.com/v1.0/users")
        .body(Bytes::new())
        .expect("a request");
    let error = sim.transport().send(elsewhere).await.expect_err("not ours");
    assert_eq!(
        (error.kind(), error.is_outcome_in_doubt()),
        (ErrorKind::Transport, false)
    );
}
