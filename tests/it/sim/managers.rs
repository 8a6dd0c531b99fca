//! Whom people report to.

use std::time::Duration;

use entrant::clock::ManualClock;
use entrant::sim::Activity;
use serde_json::json;
use time::macros::datetime;

use super::{Client, ada, tenant, with};

#[tokio::test]
async fn a_user_has_a_manager() {
    let sim = tenant().page_size(2).build();
    let [ada_id, bo, cy] =
        ["ada", "bo", "cy"].map(|name| sim.add_user(json!({"userPrincipalName": format!("{name}@contoso.com")})));
    let group = sim.add_group(json!({"displayName": "Engineering"}));
    let client = Client::of(&sim);
    let path = format!("users/{ada_id}/manager");
    let put = async |path: &str, id: &str| {
        let body = json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/users/{id}")});
        client.send("PUT", &format!("{path}/$ref"), Some(&body)).await
    };
    client.get(&path).await.refused(404, "Request_ResourceNotFound", "Resource 'manager' does not exist");
    client.send("DELETE", &format!("{path}/$ref"), None).await.refused(404, "Request_ResourceNotFound", "'manager'");
    put(&path, "nobody@contoso.com").await.refused(404, "Request_ResourceNotFound", "nobody@contoso.com");
    put(&path, &group).await.refused(404, "Request_ResourceNotFound", &group);
    let body = json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/groups/{group}")});
    client.send("PUT", &format!("{path}/$ref"), Some(&body)).await.refused(400, "Request_BadRequest", "'manager'");

    assert_eq!(put(&path, &bo).await.status, 204);
    assert_eq!(put("users/cy@contoso.com/manager", &bo).await.status, 204);
    assert_eq!(put("users/bo@contoso.com/manager", &ada_id).await.status, 204, "a circle");
    let got = client.get(&format!("{path}?$select=id")).await;
    assert_eq!(
        got.body,
        json!({
            "@odata.context": "https://sim.invalid/v1.0/$metadata#directoryObjects(id)/$entity",
            "@odata.type": "#microsoft.graph.user",
            "id": bo,
        })
    );
    assert!(client.get(&format!("{path}/$ref")).await.body["@odata.id"].as_str().expect("text").contains(&bo));
    assert_eq!(client.get(&format!("users/{bo}/directReports")).await.ids(), [&ada_id, &cy]);
    assert_eq!(client.get(&format!("users/{bo}/directReports/$count")).await.body, 2);

    let one = client.get(&format!("users/{cy}?$select=id&$expand=manager($select=id,displayName)")).await;
    assert_eq!(
        one.body,
        json!({
            "@odata.context": "https://sim.invalid/v1.0/$metadata#users(id,manager(id,displayName))/$entity",
            "id": cy,
            "manager": {"@odata.type": "#microsoft.graph.user", "id": bo, "displayName": "bo"},
        })
    );
    let plain = sim.add_user(json!({"userPrincipalName": "dee@contoso.com"}));
    let mut managers = Vec::new();
    let mut path = "users?$select=id&$expand=manager($select=id)".to_owned();
    let mut pages = 0;
    loop {
        let page = client.get(&path).await;
        pages += 1;
        for user in page.body["value"].as_array().expect("a list") {
            managers.push((user["id"].as_str().expect("an id").to_owned(), user.pointer("/manager/id").cloned()));
        }
        let Some(next) = page.body["@odata.nextLink"].as_str() else { break };
        path = next.strip_prefix("https://sim.invalid/v1.0/").expect("our own").to_owned();
    }
    let expected = [
        (ada_id.clone(), Some(json!(bo))),
        (bo.clone(), Some(json!(ada_id))),
        (cy.clone(), Some(json!(bo))),
        (plain, None),
    ];
    assert_eq!((pages, managers), (2, expected.to_vec()));
    client.get("users?$count=true&$expand=manager").await.refused(400, "Request_UnsupportedQuery", "$expand");

    sim.delete_user(&bo);
    client.get(&format!("users/{cy}/manager")).await.refused(404, "Request_ResourceNotFound", "'manager'");
    assert_eq!(sim.manager(&cy), None);
    client.send("DELETE", &format!("directory/deletedItems/{bo}"), None).await;
    sim.add_user(json!({"userPrincipalName": "bo@contoso.com", "id": bo}));
    assert_eq!(sim.manager(&cy), None, "a final deletion forgets it");

    sim.set_manager(&cy, Some(&ada_id));
    assert_eq!(client.send("DELETE", &format!("users/{cy}/manager/$ref"), None).await.status, 204);
    let last = sim.audit().pop().expect("written");
    assert_eq!((last.activity, last.method.as_str()), (Activity::ClearManager, "DELETE"));
    assert_eq!(last.target.map(|id| id.to_string()), Some(ada_id.clone()));
    sim.update_user(&cy, json!({"onPremisesSyncEnabled": true}));
    put(&format!("users/{cy}/manager"), &ada_id).await.refused(400, "Request_BadRequest", "on-premises mastered");

    let bound = json!({"manager@odata.bind": format!("https://graph.microsoft.com/v1.0/users/{cy}")});
    let created = client.post("users", &with(ada(), bound)).await;
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(sim.manager("ada.okafor@contoso.com"), Some(cy));
}

#[tokio::test]
async fn a_new_manager_is_refused_until_it_is_replicated() {
    let clock = ManualClock::at(datetime!(2026-03-04 10:15:30 UTC));
    let sim = tenant().clock(clock.clone()).lag(Duration::from_secs(10)).build();
    let bo = sim.add_user(json!({"userPrincipalName": "bo@contoso.com"}));
    let client = Client::of(&sim);
    let id = client.post("users", &ada()).await.body["id"].as_str().expect("an id").to_owned();
    let body = json!({"@odata.id": format!("https://x.example/v1.0/users/{id}")});
    let path = format!("users/{bo}/manager/$ref");
    client.send("PUT", &path, Some(&body)).await.refused(400, "Request_BadRequest", "don't exist");
    clock.advance(Duration::from_secs(10));
    assert_eq!(client.send("PUT", &path, Some(&body)).await.status, 204);
    client.get(&format!("users/{bo}/manager")).await.refused(404, "Request_ResourceNotFound", "");
    assert!(client.get(&format!("users/{id}/directReports")).await.ids().is_empty());
    clock.advance(Duration::from_secs(10));
    assert_eq!(client.get(&format!("users/{bo}/manager")).await.body["id"], id.as_str());
    assert_eq!(client.get(&format!("users/{id}/directReports")).await.ids(), [&bo]);
}
