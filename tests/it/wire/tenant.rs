//! The client against the simulated tenant.

use entrant::auth::{ClientId, ClientSecret, TenantId};
use entrant::clock::{Clock, ManualClock};
use entrant::graph::{GraphClass, GraphClient, User};
use entrant::sim::{Fault, Sim};
use entrant::{Error, ErrorKind};
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value as Json, json};
use time::macros::datetime;

struct World {
    sim: Sim,
    clock: ManualClock,
    graph: GraphClient,
}

fn world(users: usize) -> World {
    let clock = ManualClock::at(datetime!(2026-01-15 09:30:00 UTC));
    let sim = Sim::builder().domain("contoso.com").clock(clock.clone()).users(users).seed(7).build();
    let graph = GraphClient::builder(credential(&sim))
        .cloud(sim.cloud())
        .transport(sim.transport())
        .clock(clock.clone())
        .build()
        .expect("a client");
    World { sim, clock, graph }
}

fn credential(sim: &Sim) -> ClientSecret {
    ClientSecret::new(
        TenantId::new(sim.tenant_id()).expect("a tenant"),
        ClientId::new(sim.client_id()).expect("a client"),
        sim.client_secret(),
    )
}

fn newcomer(number: usize) -> Json {
    json!({
        "accountEnabled": true,
        "displayName": format!("New {number}"),
        "mailNickname": format!("new{number}"),
        "userPrincipalName": format!("new{number}@contoso.com"),
        "passwordProfile": {"password": "Slate-Otter-52!"},
    })
}

fn class(error: &Error) -> GraphClass {
    error.graph().expect("Graph said something").class()
}

#[tokio::test]
async fn a_user_lives_from_creation_to_purge() {
    let World { sim, graph, .. } = world(0);
    let created = graph.users().create(&newcomer(1)).await.expect("created");
    let id = created.id.expect("an id");
    graph.users().update(&id, &json!({"city": "Leeds", "employeeId": "E1"})).await.expect("updated");
    let found = graph.users().get("NEW1@contoso.com").select(["id", "city", "employeeId", "createdDateTime"]).await;
    let found = found.expect("found by its name");
    assert_eq!(found.id.as_ref(), Some(&id));
    assert_eq!((found.city.as_deref(), found.employee_id.as_deref()), (Some("Leeds"), Some("E1")));
    assert!(found.created_date_time.is_some() && found.display_name.is_none());

    let taken = graph.users().create(&newcomer(1)).await.expect_err("taken");
    assert_eq!(taken.kind(), ErrorKind::Conflict);
    let GraphClass::DuplicateValue { property, .. } = class(&taken) else { panic!("a duplicate: {taken}") };
    assert_eq!(property.as_deref(), Some("userPrincipalName"));

    graph.users().delete(&id).await.expect("deleted");
    assert_eq!(graph.users().get(&id).await.expect_err("gone").kind(), ErrorKind::NotFound);
    let bin: Vec<User> = graph.deleted_items().list_users().items().try_collect().await.expect("the bin");
    assert_eq!(bin.iter().map(|user| user.id.as_ref()).collect::<Vec<_>>(), [Some(&id)]);
    assert_eq!(graph.deleted_items().get(&id).await.expect("in the bin").id.as_ref(), Some(&id));
    let restored = graph.deleted_items().restore(&id).await.expect("restored");
    assert_eq!(restored.id.as_ref(), Some(&id));
    assert_eq!(sim.user(id.as_str()).expect("back")["city"], "Leeds");

    graph.users().delete(&id).await.expect("deleted");
    graph.deleted_items().purge(&id).await.expect("purged");
    assert_eq!(graph.deleted_items().restore(&id).await.expect_err("gone").kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn hostile_keys_find_nobody_and_harm_nobody() {
    let World { sim, graph, .. } = world(3);
    for key in ["O'Neil", "a/../b", "%2F", "..", "$x", "#", "?$filter=", "😀", "a b+c", "'", "x) or (", "a\\b"] {
        assert_eq!(graph.users().get(key).await.expect_err("nobody").kind(), ErrorKind::NotFound, "{key}");
        graph.users().delete(key).await.expect_err("nobody");
        let filter = format!("employeeId eq {}", entrant::odata::literal(key));
        let found: Vec<User> = graph.users().list().filter(filter).items().try_collect().await.expect("a valid filter");
        assert!(found.is_empty(), "{key}");
    }
    assert_eq!(sim.users().len(), 3);
}

#[tokio::test]
async fn the_tenant_describes_itself() {
    let World { sim, graph, .. } = world(0);
    let organization = graph.organization().await.expect("an organization");
    assert_eq!(organization.id.as_str(), sim.tenant_id());
    let verified: Vec<_> = organization.verified_domains.iter().map(|domain| domain.name.as_str()).collect();
    let domains: Vec<_> = graph.domains().items().try_collect().await.expect("domains");
    assert!(verified.contains(&"contoso.com"));
    assert!(domains.iter().any(|domain| domain.id == "contoso.com" && domain.is_verified));
}

#[tokio::test]
async fn every_user_is_listed_once() {
    let World { sim, graph, .. } = world(2_500);
    let mut ids: Vec<_> =
        graph.users().list().select(["id"]).items().map_ok(|user| user.id).try_collect().await.expect("all");
    assert_eq!(ids.len(), 2_500);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 2_500);
    assert_eq!(sim.requests().others, 3);
    assert_eq!(sim.requests().token, 1);
}

#[tokio::test]
async fn faults_on_the_way_are_overcome() {
    let faults = [
        Fault::on("GET", "/v1.0/users").containing("skiptoken").drop_before(),
        Fault::on("GET", "/v1.0/users").containing("skiptoken").drop_after(),
        Fault::on("GET", "/v1.0/users").times(2).throttle("3"),
        Fault::on("GET", "/v1.0/users").times(3).status(503),
        Fault::on("GET", "/v1.0/users").containing("skiptoken").status(500),
        Fault::on("POST", "/").containing("token").drop_before(),
    ];
    for fault in faults {
        let World { sim, graph, .. } = world(1_500);
        let name = format!("{fault:?}");
        sim.fail(fault);
        let users: Vec<User> =
            graph.users().list().items().try_collect().await.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(users.len(), 1_500, "{name}");
    }
}

#[tokio::test]
async fn a_page_that_stays_broken_ends_the_list() {
    for fault in [
        Fault::on("GET", "/v1.0/users").containing("skiptoken").after(1).always().status(503),
        Fault::on("GET", "/v1.0/users").containing("skiptoken").after(1).always().truncated_body(),
        Fault::on("GET", "/v1.0/users").containing("skiptoken").after(1).always().garbage_body(),
    ] {
        let World { sim, graph, .. } = world(5_000);
        let name = format!("{fault:?}");
        sim.fail(fault);
        let outcomes: Vec<_> = graph.users().list().items().collect().await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 2 * 999, "{name}");
        assert!(outcomes.last().expect("something came").is_err(), "{name}");
    }
}

#[tokio::test]
async fn tokens_and_page_tokens_expire() {
    let World { sim, graph, .. } = world(2_500);
    let mut pages = graph.users().list().pages();
    pages.try_next().await.expect("a page");
    sim.expire_tokens();
    pages.try_next().await.expect("a page, by a new token");
    assert_eq!(sim.requests().token, 2);
    sim.expire_page_tokens();
    let error = pages.try_next().await.expect_err("the listing took too long");
    assert_eq!(class(&error), GraphClass::ExpiredPageToken);
    assert!(pages.next().await.is_none());
}

#[tokio::test]
async fn a_wrong_secret_is_named() {
    let World { sim, .. } = world(0);
    let wrong = ClientSecret::new(
        TenantId::new(sim.tenant_id()).expect("a tenant"),
        ClientId::new(sim.client_id()).expect("a client"),
        "wr0ng",
    );
    let graph = GraphClient::builder(wrong).cloud(sim.cloud()).transport(sim.transport()).build().expect("a client");
    let error = graph.organization().await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.to_chain().contains("AADSTS7000215") && !error.to_chain().contains("wr0ng"));
}

#[tokio::test]
async fn a_thousand_creations_take_few_posts_whatever_throttles() {
    for throttled in [0, 10] {
        let World { sim, graph, clock } = world(0);
        let start = clock.now();
        if throttled > 0 {
            sim.fail(Fault::on("POST", "/v1.0/users").in_batch().after(7).times(throttled).throttle("2"));
        }
        let requests = (0..1_000).map(|n| graph.users().create(&newcomer(n)).into_batch().expect("valid")).collect();
        let outcomes: Vec<_> = graph.batch(requests).collect().await;
        assert_eq!(outcomes.len(), 1_000);
        assert!(outcomes.iter().all(|(_, outcome)| outcome.is_ok()));
        assert_eq!(sim.users().len(), 1_000);
        assert!(sim.requests().batch_posts <= 65, "{} posts", sim.requests().batch_posts);
        assert!(throttled == 0 || clock.now() - start >= std::time::Duration::from_secs(2));
    }
}

#[tokio::test]
async fn a_lost_batch_is_in_doubt_and_nothing_is_made_twice() {
    let World { sim, graph, .. } = world(0);
    // The answer to the first batch is lost, after ten of its requests were carried out.
    sim.fail(Fault::on("POST", "/v1.0/users").in_batch().after(9).drop_after());
    let requests = (0..40).map(|n| graph.users().create(&newcomer(n)).into_batch().expect("valid")).collect();
    let outcomes: Vec<_> = graph.batch(requests).collect().await;
    let (made, failed): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, outcome)| outcome.is_ok());
    assert_eq!((made.len(), failed.len()), (20, 20));
    assert!(failed.iter().all(|(_, outcome)| outcome.as_ref().is_err_and(Error::is_outcome_in_doubt)));
    assert_eq!(sim.users().len(), 30);
}
