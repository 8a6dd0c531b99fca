//! Single requests: what is sent, and when again.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use entrant::auth::{AccessToken, StaticToken, TokenContext, TokenCredential};
use entrant::clock::{Clock, ManualClock};
use entrant::graph::{GraphClient, User};
use entrant::http::RetryPolicy;
use entrant::{Cloud, ErrorKind, Result};
use http::Method;
use serde_json::json;
use time::OffsetDateTime;
use time::macros::datetime;

use super::script::{Reply, Script, body_of, builder, client, clock, cloud};

#[test]
fn the_client_is_cheap_to_share() {
    fn check<T: Clone + Send + Sync + 'static>() {}
    check::<GraphClient>();
}

#[tokio::test]
async fn a_request_is_as_asked_for() {
    let script = Script::new(|_, _| Reply::json(200, json!({"id": "1", "displayName": null, "x-new": [1]})));
    let graph = client(&script);
    let user: User = graph.users().get("o'neil#EXT#@contoso.com").select(["id", "displayName"]).await.expect("a user");
    assert_eq!(user.id.expect("an id").as_str(), "1");
    assert_eq!(user.display_name, None);
    assert_eq!(user.extra["x-new"], json!([1]), "unknown properties are kept");
    graph.users().update("$ada@contoso.com", &json!({"city": null})).await.expect("updated");
    graph.deleted_items().restore("1").await.expect("restored");
    let seen = script.seen();
    assert_eq!(
        script.addresses(),
        [
            "https://graph.example/v1.0/users/o%27neil%23EXT%23@contoso.com?$select=id,displayName",
            "https://graph.example/v1.0/users(%27%24ada@contoso.com%27)",
            "https://graph.example/v1.0/directory/deletedItems/1/restore",
        ]
    );
    assert_eq!(seen[1].method(), Method::PATCH);
    assert_eq!(seen[1].headers()["content-type"], "application/json");
    assert_eq!(body_of(&seen[1]), json!({"city": null}));
    assert!(seen[0].body().is_empty() && seen[0].headers().get("content-type").is_none());
    for request in &seen {
        assert_eq!(request.headers()["authorization"], "Bearer t0ken");
        assert_eq!(request.headers()["accept"], "application/json");
        let id = request.headers()["client-request-id"].to_str().expect("text");
        assert!(uuid::Uuid::parse_str(id).is_ok());
    }
    assert_ne!(seen[0].headers()["client-request-id"], seen[1].headers()["client-request-id"]);
}

#[tokio::test]
async fn the_services_clock_is_learnt_from_its_answers() {
    let table = [
        ("Thu, 15 Jan 2026 09:32:00 GMT", Some(120)),
        ("Thu, 15 Jan 2026 09:29:30 +0000", Some(-30)),
        ("soon", None),
        ("", None),
        // No clock is so wrong, and it could not be added to ours.
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("Mon, 01 Jan 1900 00:00:00 GMT", None),
    ];
    for (date, expected) in table {
        let said = vec![("date", date.to_owned())];
        let script = Script::new(move |_, _| Reply::Answer(200, said.clone(), "{}".to_owned()));
        let graph = client(&script);
        assert_eq!(graph.clock_ahead(), None);
        graph.users().get("1").await.expect("a user");
        assert_eq!(graph.clock_ahead(), expected.map(time::Duration::seconds), "{date}");
    }
}

/// A clock that is set back by so many seconds.
#[derive(Debug, Clone, Default)]
struct SetBack(Arc<AtomicI64>);

#[async_trait]
impl Clock for SetBack {
    fn now(&self) -> OffsetDateTime {
        datetime!(2026-01-15 09:30:00 UTC) - time::Duration::seconds(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, _: Duration) {}
}

/// What is done there would otherwise look older than it is, until the next answer tells.
#[tokio::test]
async fn it_is_no_earlier_there_than_its_last_answer_said() {
    let script = Script::new(|_, _| {
        Reply::Answer(200, vec![("date", "Thu, 15 Jan 2026 09:32:00 GMT".to_owned())], "{}".to_owned())
    });
    let clock = SetBack::default();
    let graph = GraphClient::builder(StaticToken::new("t0ken")).cloud(cloud()).transport(script).clock(clock.clone());
    let graph = graph.build().expect("a client");
    graph.users().get("1").await.expect("a user");
    for (back, ahead) in [(0, 120), (600, 720), (-600, 120)] {
        clock.0.store(back, Ordering::SeqCst);
        assert_eq!(graph.clock_ahead(), Some(time::Duration::seconds(ahead)), "set back by {back} s");
    }
}

#[tokio::test]
async fn the_token_goes_nowhere_else() {
    let script = Script::new(|_, _| Reply::json(200, "{}"));
    let graph = client(&script);
    for path in [
        "https://evil.example/",
        "//evil.example/x",
        "/../users",
        "/%2e%2e/beta/users",
        "/users/../../beta",
        "\\\\evil.example\\x",
        "/@evil.example",
        "/users#x",
        "",
        "/",
    ] {
        let outcome = graph.request(Method::GET, path).await;
        match outcome {
            Err(error) => assert_eq!(error.kind(), ErrorKind::Invalid, "{path}"),
            Ok(_) => {
                let last = script.addresses().pop().expect("it was sent");
                assert!(last.starts_with("https://graph.example/v1.0/"), "{path} went to {last}");
            }
        }
    }
    assert!(graph.users().delete("").await.is_err(), "an empty id is no collection");
    assert!(graph.request(Method::GET, "/users").header("a\r\nb", "c").await.is_err());
    assert!(script.seen().iter().all(|request| request.uri().host() == Some("graph.example")));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let script =
        Script::new(|_, _| Reply::Answer(302, vec![("location", "https://evil.example/".to_owned())], String::new()));
    let error = client(&script).users().get("x").await.expect_err("no answer");
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert_eq!(script.count(), 1);
}

#[test]
fn only_private_hosts_are_accepted() {
    for (authority, graph, expected) in [
        ("https://login.example/", "https://graph.example/", true),
        ("http://127.0.0.1:8080/", "http://localhost:8080/", true),
        ("https://login.example/", "http://graph.example/", false),
        ("http://login.example/", "https://graph.example/", false),
        ("https://login.example/", "https://me:pw@graph.example/", false),
    ] {
        let cloud =
            Cloud::Custom { authority: authority.parse().expect("valid"), graph: graph.parse().expect("valid") };
        let script = Script::new(|_, _| Reply::NotSent);
        let built = GraphClient::builder(StaticToken::new("t")).cloud(cloud).transport(script).build();
        assert_eq!(built.is_ok(), expected, "{authority} {graph}");
    }
}

#[tokio::test]
async fn what_is_repeated_depends_on_the_method_and_the_failure() {
    #[derive(Clone, Copy)]
    enum Failure {
        Status(u16),
        Code(u16, &'static str),
        Lost,
        NotSent,
    }
    use Failure::*;
    // Failure; attempts of GET, PATCH, DELETE, PUT and of POST; whether a write that fails so to the end is in doubt.
    let table = [
        (NotSent, 3, 3, false),
        (Lost, 3, 1, true),
        (Status(429), 3, 3, false),
        (Code(503, "serviceNotAvailable"), 3, 3, false),
        // Not Graph's own word.
        (Status(503), 3, 1, true),
        (Status(500), 3, 1, true),
        (Status(502), 3, 1, true),
        (Status(504), 3, 1, true),
        (Status(408), 3, 1, true),
        (Status(501), 1, 1, false),
        (Status(400), 1, 1, false),
        (Status(403), 1, 1, false),
        (Status(404), 1, 1, false),
        (Code(409, "Directory_ConcurrencyViolation"), 3, 3, false),
        (Code(409, "nameAlreadyExists"), 1, 1, false),
        (Status(412), 1, 1, false),
    ];
    for (failure, others, post, in_doubt) in table {
        for method in [Method::GET, Method::PATCH, Method::DELETE, Method::PUT, Method::POST] {
            let script = Script::new(move |_, _| match failure {
                Status(status) => Reply::json(status, "{}"),
                Code(status, code) => Reply::json(status, json!({"error": {"code": code}})),
                Lost => Reply::Lost,
                NotSent => Reply::NotSent,
            });
            let policy = RetryPolicy::default().with_max_attempts(3);
            let graph = builder(&script, &clock()).retry(policy).build().expect("a client");
            let error = graph.request(method.clone(), "/users/1").await.expect_err("it fails to the end");
            let expected = if method == Method::POST { post } else { others };
            assert_eq!(script.count(), expected, "{method} {error}");
            assert_eq!(error.is_outcome_in_doubt(), in_doubt && method != Method::GET, "{method} {error}");
        }
    }
}

#[tokio::test]
async fn doubt_stays_whatever_comes_after() {
    let script = Script::new(|number, _| match number {
        0 => Reply::Lost,
        _ => Reply::json(404, r#"{"error":{"code":"Request_ResourceNotFound","message":"gone"}}"#),
    });
    let error = client(&script).users().delete("1").await.expect_err("it is gone");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.is_outcome_in_doubt(), "the first attempt may have deleted it");
}

#[tokio::test]
async fn the_wait_is_what_the_service_asks() {
    for (asked, seconds) in [("7", 7.0), ("2.128", 2.128), ("Thu, 15 Jan 2026 09:30:20 GMT", 20.0)] {
        let script = Script::new(move |number, _| match number {
            0 => Reply::after(429, asked),
            _ => Reply::json(200, "{}"),
        });
        let clock = clock();
        let start = clock.now();
        let graph = builder(&script, &clock).build().expect("a client");
        graph.users().get("x").await.expect("the second attempt");
        assert_eq!((clock.now() - start).as_seconds_f64(), seconds, "{asked}");
    }
}

#[tokio::test]
async fn the_deadline_holds() {
    let script = Script::new(|_, _| Reply::after(429, "100"));
    let clock = clock();
    let start = clock.now();
    let graph = builder(&script, &clock).build().expect("a client");
    let error = graph.users().get("x").await.expect_err("throttled to the end");
    assert_eq!(error.kind(), ErrorKind::Throttled);
    assert_eq!(script.count(), 4);
    assert!(clock.now() - start <= Duration::from_secs(300));
}

/// Gives `t1`, `t2` … at each call.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbered(Arc<AtomicU32>);

impl Numbered {
    pub(super) fn asked(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl TokenCredential for Numbered {
    async fn token(&self, _: &TokenContext) -> Result<AccessToken> {
        Ok(AccessToken::new(format!("t{}", self.0.fetch_add(1, Ordering::SeqCst) + 1)))
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let table = [(1, 2, true), (2, 2, false)];
    for (refusals, sent, succeeds) in table {
        let script = Script::new(move |number, _| match number < refusals {
            true => Reply::json(401, r#"{"error":{"code":"InvalidAuthenticationToken","message":"expired"}}"#),
            false => Reply::json(201, "{}"),
        });
        let graph = GraphClient::builder(Numbered::default())
            .cloud(cloud())
            .transport(script.clone())
            .clock(clock())
            .build()
            .expect("a client");
        let outcome = graph.users().create(&json!({})).await;
        assert_eq!(outcome.is_ok(), succeeds);
        assert_eq!(script.count(), sent);
        assert_eq!(script.seen()[1].headers()["authorization"], "Bearer t2");
        if let Err(error) = outcome {
            assert_eq!(error.kind(), ErrorKind::Unauthenticated);
            assert!(!error.is_outcome_in_doubt());
        }
    }
}

/// Takes so many seconds for a token.
#[derive(Debug)]
struct Slow(ManualClock, u64);

#[async_trait]
impl TokenCredential for Slow {
    async fn token(&self, _: &TokenContext) -> Result<AccessToken> {
        self.0.advance(Duration::from_secs(self.1));
        Ok(AccessToken::new("t"))
    }
}

#[tokio::test]
async fn nothing_is_sent_with_a_token_that_came_too_late() {
    for (seconds, expected) in [(300, Ok(())), (301, Err(ErrorKind::TimedOut))] {
        let script = Script::new(|_, _| Reply::json(201, "{}"));
        let clock = clock();
        let graph = GraphClient::builder(Slow(clock.clone(), seconds))
            .cloud(cloud())
            .transport(script.clone())
            .clock(clock)
            .build()
            .expect("a client");
        let outcome = graph.users().create(&json!({})).await;
        assert_eq!(script.count(), usize::from(expected.is_ok()), "{seconds} s");
        if let Err(error) = &outcome {
            assert!(!error.is_outcome_in_doubt(), "nothing was sent");
        }
        assert_eq!(outcome.map(|_| ()).map_err(|error| error.kind()), expected, "{seconds} s");
        assert_eq!(graph.budget(entrant::http::Traffic::Writes).in_flight, 0.0);
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_is_not_tried_twice() {
    let script = Script::new(|_, _| Reply::json(401, "{}"));
    let error = client(&script).users().get("x").await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert_eq!(script.count(), 1);
}

#[tokio::test]
async fn a_token_with_a_line_break_is_refused_and_not_shown() {
    let script = Script::new(|_, _| Reply::json(200, "{}"));
    let graph = GraphClient::builder(StaticToken::new("s3cret\r\nX-Evil: 1"))
        .cloud(cloud())
        .transport(script.clone())
        .build()
        .expect("a client");
    let error = graph.users().get("x").await.expect_err("no such token");
    assert!(!format!("{error:?}").contains("s3cret"));
    assert_eq!(script.count(), 0);
}

#[tokio::test]
async fn the_organization_and_its_domains_are_read() {
    let script = Script::new(|_, request| match request.uri().path() {
        "/v1.0/organization" => Reply::json(
            200,
            json!({"value": [{"id": "84841066-274d-4ec0-a5c1-276be684bdd3", "displayName": "Contoso",
                "verifiedDomains": [{"name": "contoso.com", "isDefault": true, "type": "Managed", "isInitial": false}],
                "onPremisesSyncEnabled": null, "tenantType": "AAD"}]}),
        ),
        _ => Reply::json(200, json!({"value": [{"id": "contoso.com", "isVerified": true}]})),
    });
    let graph = client(&script);
    let organization = graph.organization().await.expect("an organization");
    assert_eq!(organization.id.as_str(), "84841066-274d-4ec0-a5c1-276be684bdd3");
    assert!(organization.verified_domains[0].is_default);
    assert_eq!(organization.extra["tenantType"], "AAD");
    let domains: Vec<_> = futures::TryStreamExt::try_collect(graph.domains().items()).await.expect("domains");
    assert!(domains.len() == 1 && domains[0].is_verified);
    let empty = Script::new(|_, _| Reply::json(200, json!({"value": []})));
    assert_eq!(client(&empty).organization().await.expect_err("none").kind(), ErrorKind::Protocol);
}
