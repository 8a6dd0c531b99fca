//! Pages, filters, lag, the organisation.

use std::time::Duration;

use bytes::Bytes;
use entrant::clock::ManualClock;
use entrant::http::Transport as _;
use entrant::sim::Reads;
use http::Request;
use serde_json::{Value, json};
use time::macros::datetime;

use super::{Client, ada, read, tenant};

#[tokio::test]
async fn pages_visit_everyone_once() {
    let sim = tenant().users(250).build();
    let client = Client::of(&sim);
    let all: Vec<String> = sim.users().iter().map(|user| user["id"].as_str().expect("an id").to_owned()).collect();
    for (first, pages) in [
        ("users", 3),
        ("users?$select=id&$top=7", 36),
        ("users?%24filter=accountEnabled+eq+true&$top=50&$count=true&x=a%26b", 5),
        ("users?$top=999", 1),
        ("users?$top=250", 1),
    ] {
        let mut seen = Vec::new();
        let mut path = first.to_owned();
        let mut count = 0;
        loop {
            let page = client.get(&path).await;
            assert_eq!(page.status, 200, "{page:?}");
            assert_eq!(page.body["@odata.count"].is_number(), count == 0 && first.contains("count"), "{first}");
            seen.extend(page.ids().into_iter().map(str::to_owned));
            count += 1;
            let Some(next) = page.body["@odata.nextLink"].as_str() else {
                break;
            };
            path = next.strip_prefix("https://sim.invalid/v1.0/").expect("our own").to_owned();
        }
        assert_eq!(count, pages, "{first}");
        assert_eq!(seen, all, "{first}");
    }

    let page = client.get("users?$top=10").await;
    let next = page.body["@odata.nextLink"].as_str().expect("more").replace("https://sim.invalid/v1.0/", "");
    let other = next.replace("top=10", "top=11");
    client.get(&other).await.refused(400, "Directory_ExpiredPageToken", "expired");
    sim.expire_page_tokens();
    client.get(&next).await.refused(400, "Directory_ExpiredPageToken", "expired");
}

#[tokio::test]
async fn users_are_found_by_filter() {
    let sim = tenant().users(20).build();
    let ids: Vec<_> =
        (1..=20).map(|n| json!({"employeeId": format!("X{n}"), "mail": format!("x{n}@contoso.com")})).collect();
    for (user, change) in sim.users().iter().zip(ids) {
        sim.update_user(user["id"].as_str().expect("an id"), change);
    }
    let users = sim.users();
    let id = |n: usize| users[n]["id"].as_str().expect("an id").to_owned();
    let name = users[4]["userPrincipalName"].as_str().expect("a name").to_uppercase();
    let client = Client::of(&sim);
    for (filter, expected) in [
        ("employeeId eq 'x3'".to_owned(), vec![id(2)]),
        ("employeeId in ('X2','X1','X99')".to_owned(), vec![id(0), id(1)]),
        ("employeeId eq 'X3' and accountEnabled eq false".to_owned(), vec![]),
        (format!("userPrincipalName eq '{name}' or mail eq 'x1@contoso.com'"), vec![id(0), id(4)]),
        (format!("id eq '{}'", id(7)), vec![id(7)]),
        ("startswith(mail,'x2')".to_owned(), vec![id(1), id(19)]),
    ] {
        assert_eq!(client.get(&format!("users?$filter={filter}")).await.ids(), expected, "{filter}");
    }
    let counted = client.get("users?$count=true&$top=1&$filter=employeeId ne 'X3'").await;
    assert_eq!(counted.body["@odata.count"], 19);
    assert_eq!(client.get("users/$count").await.body, json!(20));
    let request = Request::get("https://sim.invalid/v1.0/users/$count")
        .header("Authorization", format!("Bearer {}", client.token));
    let got = read(sim.transport().send(request.body(Bytes::new()).expect("a request")).await.expect("an answer"));
    got.refused(400, "Request_BadRequest", "$count is not currently supported.");
}

#[tokio::test]
async fn lag_hides_what_was_just_written() {
    let clock = ManualClock::at(datetime!(2026-03-04 10:15:30 UTC));
    let sim = tenant().clock(clock.clone()).lag(Duration::from_secs(10)).build();
    let client = Client::of(&sim);
    let created = client.post("users", &ada()).await;
    let path = format!("users/{}", created.body["id"].as_str().expect("an id"));
    client.get(&path).await.refused(404, "Request_ResourceNotFound", "");
    client.patch(&path, &json!({"city": "Leeds"})).await.refused(404, "Request_ResourceNotFound", "");
    client.get("users/ada.okafor@contoso.com").await.refused(404, "Request_ResourceNotFound", "");
    let filter = "users?$filter=userPrincipalName eq 'ada.okafor@contoso.com'";
    assert!(client.get("users").await.ids().is_empty());
    assert!(client.get(filter).await.ids().is_empty());
    assert_eq!(client.get("users/$count").await.body, json!(0));
    client.post("users", &ada()).await.refused(400, "Request_BadRequest", "userPrincipalName already exists");
    clock.advance(Duration::from_secs(10));
    assert_eq!(client.get(filter).await.ids().len(), 1);
    assert_eq!(
        client.patch(&path, &json!({"city": "Leeds", "userPrincipalName": "eve@contoso.com"})).await.status,
        204
    );
    assert_eq!(client.get(&format!("{path}?$select=city")).await.body["city"], Value::Null);
    assert_eq!(client.get(filter).await.ids().len(), 1, "the old name until then");
    sim.update_user(path.trim_start_matches("users/"), json!({"accountEnabled": false}));
    assert_eq!(client.get(&format!("{path}?$select=city")).await.body["city"], "Leeds", "an administrator settles it");
    assert!(client.get(filter).await.ids().is_empty());
}

#[tokio::test]
async fn addresses_are_read_in_any_case() {
    let sim = tenant().users(1).build();
    let token = sim.token();
    let id = sim.users()[0]["id"].as_str().expect("an id").to_owned();
    for path in ["V1.0/Users", "v1.0/USERS/$Count", &format!("V1.0/users/{id}/MEMBEROF"), "v1.0/SubscribedSKUs"] {
        let request = Request::get(format!("{}{path}", sim.origin()))
            .header("Authorization", format!("bearer {}", token.expose()))
            .header("CONSISTENCYLEVEL", "Eventual")
            .body(Bytes::new())
            .expect("a request");
        assert_eq!(read(sim.transport().send(request).await.expect("an answer")).status, 200, "{path}");
    }
}

#[tokio::test]
async fn each_kind_of_reads_lags_by_itself() {
    let seconds = Duration::from_secs;
    for (reads, at) in [
        (None, [0, 0, 0, 0, 0]),
        (Some(Reads::Objects), [10, 0, 0, 0, 0]),
        (Some(Reads::Lists), [0, 10, 0, 0, 0]),
        (Some(Reads::Index), [0, 0, 10, 0, 0]),
        (Some(Reads::Changes), [0, 0, 0, 10, 0]),
        (Some(Reads::References), [0, 0, 0, 0, 10]),
    ] {
        let clock = ManualClock::at(datetime!(2026-03-04 10:15:30 UTC));
        let mut builder = tenant().clock(clock.clone()).lag(seconds(3));
        if let Some(reads) = reads {
            builder = builder.lag_of(reads, seconds(13));
        }
        let sim = builder.build();
        let client = Client::of(&sim);
        let latest = client.get("users/delta?$deltatoken=latest").await;
        let link = latest.body["@odata.deltaLink"].as_str().expect("a link").replace("https://sim.invalid/v1.0/", "");
        let group = sim.add_group(json!({"displayName": "Engineers"}));
        let made = client.post("users", &ada()).await;
        let id = made.body["id"].as_str().expect("an id").to_owned();
        let reference = json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{id}")});
        let mut first = [None; 5];
        for second in 0..=13_u64 {
            let seen = [
                client.get(&format!("users/{id}")).await.status == 200,
                client.get("users?$filter=city eq 'x' or mailNickname eq 'ada.okafor'").await.ids().len() == 1,
                client.get("users?$count=true&$search=\"displayName:ada\"").await.ids().len() == 1,
                !client.get(&link).await.ids().is_empty(),
                client.post(&format!("groups/{group}/members/$ref"), &reference).await.status == 204,
            ];
            for (first, seen) in first.iter_mut().zip(seen) {
                *first = first.or(seen.then_some(second));
            }
            clock.advance(seconds(1));
        }
        assert_eq!(first, at.map(|more| Some(more + 3)), "{reads:?}");
        // The same for a change.
        let mail = json!({"mail": "ada@contoso.com"});
        assert_eq!(client.patch(&format!("users/{id}"), &mail).await.status, 204);
        let filter = "users?$filter=mail eq 'ada@contoso.com'";
        let mut changed = [None; 3];
        for second in 0..=13_u64 {
            let seen = [
                client.get(&format!("users/{id}")).await.body["mail"].is_string(),
                client.get(filter).await.ids().len() == 1,
                client.get(&format!("{filter}&$count=true")).await.ids().len() == 1,
            ];
            for (first, seen) in changed.iter_mut().zip(seen) {
                *first = first.or(seen.then_some(second));
            }
            clock.advance(seconds(1));
        }
        assert_eq!(changed, [at[0], at[1], at[2]].map(|more| Some(more + 3)), "{reads:?}");
    }
}

#[tokio::test]
async fn what_an_administrator_does_every_kind_of_reads_sees_at_once() {
    let sim = tenant().lag_of(Reads::Lists, Duration::MAX).lag_of(Reads::Changes, Duration::from_secs(99)).build();
    let client = Client::of(&sim);
    let latest = client.get("users/delta?$deltatoken=latest").await;
    let link = latest.body["@odata.deltaLink"].as_str().expect("a link").replace("https://sim.invalid/v1.0/", "");
    let id = sim.add_user(json!({"userPrincipalName": "ada@contoso.com"}));
    assert_eq!(client.get("users").await.ids(), [id.as_str()]);
    assert_eq!(client.get(&link).await.ids(), [id.as_str()]);
    let made = client.post("users", &ada()).await;
    let path = format!("users/{}", made.body["id"].as_str().expect("an id"));
    assert_eq!(client.get(&path).await.status, 200, "what lags is something else");
    assert_eq!(client.get("users").await.ids(), [id.as_str()]);
    assert_eq!(client.get("users?$count=true").await.ids().len(), 2);
    assert_eq!(client.send("DELETE", &format!("users/{id}"), None).await.status, 204);
    assert!(client.get("users").await.ids().is_empty(), "deletions are seen at once");
}

#[tokio::test]
async fn the_organisation_and_its_domains() {
    let sim = tenant().build();
    let client = Client::of(&sim);
    let got = client.get("organization?$select=id,displayName,verifiedDomains").await;
    assert_eq!(got.body["value"][0]["id"], sim.tenant_id());
    let domains = got.body["value"][0]["verifiedDomains"].as_array().expect("domains");
    let marked = |flag: &str| -> Vec<_> {
        let those = domains.iter().filter(|domain| domain[flag] == true);
        those.map(|domain| domain["name"].as_str().expect("a name")).collect()
    };
    assert_eq!((marked("isDefault"), marked("isInitial")), (vec!["contoso.com"], vec!["contoso.onmicrosoft.com"]));
    let listed = client.get("domains").await;
    let ids: Vec<_> = listed.ids();
    assert_eq!(ids, domains.iter().map(|domain| domain["name"].as_str().expect("a name")).collect::<Vec<_>>());
    assert_eq!(client.get("domains/FABRIKAM.com").await.body["authenticationType"], "Federated");
    client.get("organization?$select=shoeSize").await.refused(400, "BadRequest", "shoeSize");
    client.get("domains?$filter=isDefault eq true").await.refused(400, "Request_UnsupportedQuery", "filter");
}
