//! Pages, filters, lag, the organisation.

use std::time::Duration;

use bytes::Bytes;
use entrant::clock::ManualClock;
use entrant::http::Transport as _;
use http::Request;
use serde_json::{Value, json};
use time::macros::datetime;

use super::{Client, ada, read, tenant};

#[tokio::test]
async fn pages_visit_everyone_once() {
    let sim = tenant().users(250).build();
    let client = Client::of(&sim);
    let all: Vec<String> = sim
        .users()
        .iter()
        .map(|user| user["id"].as_str().expect("an id").to_owned())
        .collect();
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
            assert_eq!(
                page.body["@odata.count"].is_number(),
                count == 0 && first.contains("count"),
                "{first}"
            );
            seen.extend(page.ids().into_iter().map(str::to_owned));
            count += 1;
            let Some(next) = page.body["@odata.nextLink"].as_str() else {
                break;
            };
            path = next
                .strip_prefix("https://sim.invalid/v1.0/")
                .expect("our own")
                .to_owned();
        }
        assert_eq!(count, pages, "{first}");
        assert_eq!(seen, all, "{first}");
    }

    let page = client.get("users?$top=10").await;
    let next = page.body["@odata.nextLink"]
        .as_str()
        .expect("more")
        .replace("https://sim.invalid/v1.0/", "");
    let other = next.replace("top=10", "top=11");
    client
        .get(&other)
        .await
        .refused(400, "Directory_ExpiredPageToken", "expired");
    sim.expire_page_tokens();
    client
        .get(&next)
        .await
        .refused(400, "Directory_ExpiredPageToken", "expired");
}

#[tokio::test]
async fn users_are_found_by_filter() {
    let sim = tenant().users(20).build();
    let ids: Vec<_> = (1..=20)
        .map(|n| json!({"employeeId": format!("X{n}"), "mail": format!("x{n}@contoso.com")}))
        .collect();
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
        (
            format!("userPrincipalName eq '{name}' or mail eq 'x1@contoso.com'"),
            vec![id(0), id(4)],
        ),
        (format!("id eq '{}'", id(7)), vec![id(7)]),
        ("startswith(mail,'x2')".to_owned(), vec![id(1), id(19)]),
    ] {
        assert_eq!(
            client.get(&format!("users?$filter={filter}")).await.ids(),
            expected,
            "{filter}"
        );
    }
    let counted = client.get("users?$count=true&$top=1&$filter=employeeId ne 'X3'").await;
    assert_eq!(counted.body["@odata.count"], 19);
    assert_eq!(client.get("users/$count").await.body, json!(20));
    let request = Request::get("https://sim.invalid/v1.0/users/$count")
        .header("Authorization", format!("Bearer {}", client.token));
    let got = read(
        sim.transport()
            .send(request.body(Bytes::new()).expect("a request"))
            .await
            .expect("an answer"),
    );
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
    client
        .patch(&path, &json!({"city": "Leeds"}))
        .await
        .refused(404, "Request_ResourceNotFound", "");
    client
        .get("users/ada.okafor@contoso.com")
        .await
        .refused(404, "Request_ResourceNotFound", "");
    let filter = "users?$filter=userPrincipalName eq 'ada.okafor@contoso.com'";
    assert!(client.get("users").await.ids().is_empty());
    assert!(client.get(filter).await.ids().is_empty());
    assert_eq!(client.get("users/$count").await.body, json!(0));
    client
        .post("users", &ada())
        .await
        .refused(400, "Request_BadRequest", "userPrincipalName already exists");
    clock.advance(Duration::from_secs(10));
    assert_eq!(client.get(filter).await.ids().len(), 1);
    assert_eq!(
        client
            .patch(&path, &json!({"city": "Leeds", "userPrincipalName": "eve@contoso.com"}))
            .await
            .status,
        204
    );
    assert_eq!(
        client.get(&format!("{path}?$select=city")).await.body["city"],
        Value::Null
    );
    assert_eq!(client.get(filter).await.ids().len(), 1, "the old name until then");
    sim.update_user(path.trim_start_matches("users/"), json!({"accountEnabled": false}));
    assert_eq!(
        client.get(&format!("{path}?$select=city")).await.body["city"],
        "Leeds",
        "an administrator settles it"
    );
    assert!(client.get(filter).await.ids().is_empty());
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
    assert_eq!(
        (marked("isDefault"), marked("isInitial")),
        (vec!["contoso.com"], vec!["contoso.onmicrosoft.com"])
    );
    let listed = client.get("domains").await;
    let ids: Vec<_> = listed.ids();
    assert_eq!(
        ids,
        domains
            .iter()
            .map(|domain| domain["name"].as_str().expect("a name"))
            .collect::<Vec<_>>()
    );
    assert_eq!(
        client.get("domains/FABRIKAM.com").await.body["authenticationType"],
        "Federated"
    );
    client
        .get("organization?$select=shoeSize")
        .await
        .refused(400, "BadRequest", "shoeSize");
    client
        .get("domains?$filter=isDefault eq true")
        .await
        .refused(400, "Request_UnsupportedQuery", "filter");
}
