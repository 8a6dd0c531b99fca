//! `$orderby`, `$search`, `$expand`, and filters that need an advanced query.

use serde_json::{Value, json};

use super::{Client, tenant};

fn names(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().map(|one| one["displayName"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn lists_are_sorted_over_pages() {
    let sim = tenant().build();
    for name in ["delta", "Alpha", "charlie", "Bravo", "echo"] {
        sim.add_user(json!({"displayName": name, "department": if name == "echo" { "X" } else { "Y" }}));
    }
    let client = Client::of(&sim);
    let (mut seen, mut path) = (Vec::new(), "users?$orderby=displayName desc&$top=2&$select=displayName".to_owned());
    loop {
        let got = client.get(&path).await;
        seen.extend(names(&got.body["value"]).into_iter().map(str::to_owned));
        match got.body["@odata.nextLink"].as_str() {
            Some(next) => path = next.replace("https://sim.invalid/v1.0/", ""),
            None => break,
        }
    }
    assert_eq!(seen, ["echo", "delta", "charlie", "Bravo", "Alpha"]);
    let filtered = "users?$filter=department eq 'Y'&$orderby=displayName";
    client.get(filtered).await.refused(400, "Request_UnsupportedQuery", "Sorting not supported");
    let got = client.get(&format!("{filtered}&$count=true&$top=1")).await;
    assert_eq!((names(&got.body["value"]), &got.body["@odata.count"]), (vec!["Alpha"], &json!(4)));
    client.get("users?$orderby=createdDateTime").await.refused(400, "Request_UnsupportedQuery", "");
    assert_eq!(client.get("users?$orderby=createdDateTime&$count=true").await.ids().len(), 5);
}

#[tokio::test]
async fn searches_need_the_header_alone() {
    let sim = tenant().build();
    sim.add_user(json!({"displayName": "Ada O'Brien", "mail": "ada@contoso.com"}));
    sim.add_user(json!({"displayName": "Bo Adams", "mail": "bo@contoso.com"}));
    sim.add_group(json!({"displayName": "OneVideo crew", "description": "All of them"}));
    let client = Client::of(&sim);
    client.get("users?$search=\"displayName:ad\"").await.refused(400, "Request_UnsupportedQuery", "ConsistencyLevel");
    for (path, count) in [
        ("users?$count=true&$search=\"displayName:ad\"", 2),
        ("users?$count=true&$search=\"displayName:ad\" AND \"mail:bo\"", 1),
        ("users?$count=true&$search=\"displayName:ad\"&$filter=mail eq 'bo@contoso.com'&$orderby=displayName", 1),
        ("groups?$count=true&$search=\"displayName:video\"", 1),
        ("groups?$count=true&$search=\"description:them\" OR \"displayName:x\"", 1),
    ] {
        let got = client.get(path).await;
        assert_eq!((got.ids().len(), &got.body["@odata.count"]), (count, &json!(count)), "{path}");
    }
    assert_eq!(client.get("users/$count?$search=\"displayName:ada\"").await.body, json!(2));
    client.get("users?$count=true&$search=displayName:ad").await.refused(400, "BadRequest", "Syntax error");
}

#[tokio::test]
async fn relations_are_expanded() {
    let sim = tenant().users(30).build();
    let all = sim.users();
    let id = |at: usize| all[at]["id"].as_str().expect("an id");
    for (low, high) in [(0, 1), (1, 2), (2, 3), (3, 1)] {
        sim.set_manager(id(low), Some(id(high)));
    }
    let members: Vec<&str> = (0..30).map(id).collect();
    let group = sim.add_group(json!({"displayName": "All", "members": members, "owners": [id(0)]}));
    let client = Client::of(&sim);
    let got = client.get(&format!("users/{}?$expand=manager($select=id)&$select=id", id(0))).await;
    assert_eq!(got.body["manager"], json!({"@odata.type": "#microsoft.graph.user", "id": id(1)}));
    let chain = format!("users/{}?$expand=manager($levels=max;$select=id)&$select=id", id(0));
    client.get(&chain).await.refused(400, "Request_UnsupportedQuery", "$levels");
    let listed =
        format!("users?$filter=id eq '{}'&$expand=manager($levels=max;$select=id)&$select=id&$count=true", id(0));
    let got = client.get(&listed).await;
    let mut levels = 0;
    let mut at = &got.body["value"][0];
    while let Some(manager) = at.get("manager") {
        levels += 1;
        at = manager;
    }
    assert_eq!(levels, 3, "a circle is gone round once: {got:?}");
    let got = client.get(&format!("groups/{group}?$expand=members($select=id,displayName)")).await;
    let expanded = got.body["members"].as_array().expect("a list");
    assert_eq!(expanded.len(), 20, "so many at most");
    assert_eq!(
        expanded[0],
        json!({"@odata.type": "#microsoft.graph.user", "id": id(0), "displayName": all[0]["displayName"]})
    );
    assert_eq!(client.get(&format!("groups/{group}?$expand=owners")).await.body["owners"][0]["id"], id(0));
    let got = client.get("users?$expand=memberOf($select=displayName)&$top=1").await;
    assert_eq!(names(&got.body["value"][0]["memberOf"]), ["All"]);
    let got = client.get(&format!("users/{}?$expand=directReports($select=id)", id(1))).await;
    assert_eq!(got.body["directReports"].as_array().expect("a list").len(), 2);
    for refused in ["users?$expand=manager,memberOf", "users?$expand=manager&$count=true", "groups?$expand=manager"] {
        client.get(refused).await.refused(400, "Request_UnsupportedQuery", "");
    }
}

#[tokio::test]
async fn members_are_filtered_sorted_and_cast() {
    let sim = tenant().build();
    let ids: Vec<String> = ["Cy", "Ada", "Bo"].map(|name| sim.add_user(json!({"displayName": name}))).into();
    let inner = sim.add_group(json!({"displayName": "Alumni"}));
    let members: Vec<&String> = ids.iter().chain([&inner]).collect();
    let group = sim.add_group(json!({"displayName": "All", "members": members}));
    let client = Client::of(&sim);
    let list = async |rest: &str| client.get(&format!("groups/{group}/members{rest}")).await;
    let got = list("?$filter=startswith(displayName,'A')&$count=true").await;
    assert_eq!(names(&got.body["value"]), ["Ada", "Alumni"], "users and groups alike");
    list("?$filter=startswith(displayName,'A')").await.refused(400, "Request_UnsupportedQuery", "");
    let got = list("/microsoft.graph.user?$orderby=displayName&$count=true").await;
    assert_eq!(names(&got.body["value"]), ["Ada", "Bo", "Cy"]);
    assert_eq!(list("/graph.user/$count").await.body, json!(3));
    assert_eq!(list("/graph.group").await.ids(), [&inner]);
    for empty in ["/microsoft.graph.device", "/graph.orgContact", "/microsoft.graph.servicePrincipal"] {
        assert!(list(empty).await.ids().is_empty(), "{empty}");
    }
    let of = client.get(&format!("users/{}/memberOf/microsoft.graph.directoryRole", ids[0])).await;
    assert!(of.ids().is_empty());
    let refs = list("/$ref?$top=2").await;
    assert_eq!(refs.body["@odata.context"], "https://sim.invalid/v1.0/$metadata#Collection($ref)");
    let first = refs.body["value"][0]["@odata.id"].as_str().expect("an address");
    assert!(first.contains(&format!("/directoryObjects/{}/", ids[0])), "{first}");
    assert!(refs.body["@odata.nextLink"].as_str().expect("more").contains("/members/$ref?"));
    sim.add_owner(&group, &ids[1]);
    let owned = client.get(&format!("users/{}/ownedObjects", ids[1])).await;
    assert_eq!(
        (owned.ids(), &owned.body["value"][0]["@odata.type"]),
        (vec![group.as_str()], &json!("#microsoft.graph.group"))
    );
    client.get("me").await.refused(400, "BadRequest", "delegated");
    list("/graph.nonsense").await.refused(400, "BadRequest", "Resource not found for the segment");
    list("/graph.user/x").await.refused(400, "BadRequest", "'x'");
}
