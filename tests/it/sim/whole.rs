//! The tenant as a whole: the same again, many at once, full.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use entrant::clock::ManualClock;
use entrant::http::Transport as _;
use entrant::sim::{Activity, ExtensionType, GraphLimits, Sim};
use http::Request;
use serde_json::{Value, json};
use time::macros::datetime;

use super::{Client, ada, tenant, with};

/// Everything that a tenant says in a long conversation, byte by byte.
async fn conversation(seed: u64) -> Vec<String> {
    let clock = ManualClock::at(datetime!(2026-03-04 10:15:30 UTC));
    let sim = Sim::builder()
        .seed(seed)
        .clock(clock.clone())
        .users(30)
        .groups(5)
        .standard_skus(9)
        .extension("badge", ExtensionType::String)
        .graph_limits(GraphLimits::Small)
        .random_faults(seed, 0.05)
        .build();
    let token = sim.token();
    let user = sim.users()[3]["id"].as_str().expect("an id").to_owned();
    let group = sim.groups()[0]["id"].as_str().expect("an id").to_owned();
    let app = sim.applications()[0]["id"].as_str().expect("an id").to_owned();
    let json_header = json!({"content-type": "application/json"});
    let batch = json!({"requests": [
        {"id": "1", "method": "GET", "url": "/users"},
        {"id": "2", "method": "PATCH", "url": format!("/users/{user}"), "headers": json_header, "body": {"city": "Y"}},
        {"id": "3", "method": "GET", "url": "/groups", "dependsOn": ["1"]},
    ]});
    let mut said = vec![format!("{} {}", sim.client_id(), token.expose())];
    for turn in 0..12 {
        let name = json!({"userPrincipalName": format!("u{turn}@contoso.com"), "mailNickName": format!("u{turn}")});
        for (method, path, body) in [
            ("POST", "users".to_owned(), Some(with(ada(), name))),
            ("GET", "users?$top=5&$orderby=displayName".to_owned(), None),
            ("GET", "users/delta".to_owned(), None),
            ("POST", "$batch".to_owned(), Some(batch.clone())),
            ("GET", format!("groups/{group}/transitiveMembers"), None),
            ("POST", format!("applications/{app}/addPassword"), Some(json!({}))),
            ("GET", format!("applications/{app}/extensionProperties"), None),
            ("GET", format!("nothing{turn}"), None),
        ] {
            let request = Request::builder()
                .method(method)
                .uri(format!("{}v1.0/{path}", sim.origin()))
                .header("Authorization", format!("Bearer {}", token.expose()))
                .header("Content-Type", "application/json")
                .body(body.map_or_else(Bytes::new, |body| body.to_string().into()))
                .expect("a request");
            said.push(match sim.transport().send(request).await {
                Ok(answer) => format!("{} {:?} {:?}", answer.status(), answer.headers(), answer.body()),
                Err(error) => error.to_string(),
            });
            clock.advance(Duration::from_millis(250));
        }
    }
    said.push(format!("{:?} {:?} {:?}", sim.audit(), sim.requests(), sim.users()));
    said
}

#[tokio::test]
async fn the_same_seed_and_clock_say_the_same() {
    // What other tenants of the process did must not matter.
    let (one, again) = (conversation(7).await, {
        Sim::new().define_extension("other", ExtensionType::Integer);
        conversation(7).await
    });
    for (one, again) in one.iter().zip(&again) {
        assert_eq!(one, again);
    }
    assert_ne!(one, conversation(8).await);
}

#[test]
fn many_at_once_lose_nothing() {
    let sim = tenant().build();
    let group = sim.add_group(json!({"displayName": "All"}));
    let work = |worker: usize| {
        let (sim, group) = (sim.clone(), group.clone());
        move || {
            futures::executor::block_on(async {
                let client = Client::of(&sim);
                for turn in 0..25 {
                    let name = format!("w{worker}.{turn}");
                    let name = json!({"userPrincipalName": format!("{name}@contoso.com"), "mailNickName": name});
                    let made = client.post("users", &with(ada(), name)).await;
                    assert_eq!(made.status, 201, "{made:?}");
                    let id = made.body["id"].as_str().expect("an id").to_owned();
                    let reference = json!({"@odata.id": format!("https://sim.invalid/v1.0/users/{id}")});
                    assert_eq!(client.post(&format!("groups/{group}/members/$ref"), &reference).await.status, 204);
                    if turn % 5 == 0 {
                        assert_eq!(client.send("DELETE", &format!("users/{id}"), None).await.status, 204);
                    }
                    assert_eq!(client.get("users?$top=999").await.status, 200);
                }
            });
        }
    };
    let workers: Vec<_> = (0..8).map(|worker| std::thread::spawn(work(worker))).collect();
    workers.into_iter().for_each(|worker| worker.join().expect("it fails for nobody"));
    let ids: HashSet<String> = sim.users().iter().map(|user| user["id"].to_string()).collect();
    assert_eq!((ids.len(), sim.deleted_users().len(), sim.members(&group).len()), (160, 40, 160));
    let count = |activity| sim.audit().iter().filter(|entry| entry.activity == activity).count();
    assert_eq!([Activity::CreateUser, Activity::AddMember, Activity::DeleteUser].map(count), [200, 200, 40]);
}

#[tokio::test]
async fn a_full_tenant_takes_nobody_more() {
    // The application and its service principal, that of Microsoft Graph, and two more.
    let sim = tenant().object_quota(5).build();
    let client = Client::of(&sim);
    assert_eq!(client.post("users", &ada()).await.status, 201);
    let id = sim.add_user(json!({"userPrincipalName": "bo@contoso.com"}));
    let group = json!({"displayName": "G", "mailEnabled": false, "mailNickname": "g", "securityEnabled": true});
    let guest = json!({"invitedUserEmailAddress": "x@y.example", "inviteRedirectUrl": "https://portal.example/"});
    let cy = with(ada(), json!({"userPrincipalName": "cy@contoso.com", "mailNickName": "cy"}));
    for (path, body) in
        [("users", cy), ("groups", group), ("invitations", guest), ("applications", json!({"displayName": "A"}))]
    {
        client.post(path, &body).await.refused(403, "Directory_QuotaExceeded", "quota limit for the Tenant");
    }
    assert_eq!((sim.users().len(), sim.groups().len(), sim.audit().len()), (2, 0, 1));
    client.send("DELETE", &format!("users/{id}"), None).await;
    client.post("users", &ada()).await.refused(400, "Request_BadRequest", "already exists");
    client.send("DELETE", &format!("directory/deletedItems/{id}"), None).await;
    assert_eq!(client.post("applications", &json!({"displayName": "A"})).await.status, 201);
}

#[tokio::test]
async fn security_groups_are_recycled_unless_told_otherwise() {
    for (is_recycled, builder) in [(true, tenant()), (false, tenant().without_bin_for_security_groups())] {
        let sim = builder.build();
        let client = Client::of(&sim);
        let security = sim.add_group(json!({"displayName": "S"}));
        let unified = json!({"displayName": "U", "groupTypes": ["Unified"], "mailEnabled": true});
        let unified = sim.add_group(unified);
        for id in [&security, &unified] {
            assert_eq!(client.send("DELETE", &format!("groups/{id}"), None).await.status, 204);
        }
        let left: Vec<Value> = sim.deleted_groups().iter().map(|group| group["displayName"].clone()).collect();
        assert_eq!(left, if is_recycled { vec!["S", "U"] } else { vec!["U"] });
        client.get(&format!("groups/{security}")).await.refused(404, "Request_ResourceNotFound", "");
    }
}
