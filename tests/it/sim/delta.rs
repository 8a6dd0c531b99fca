//! `delta`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use entrant::clock::ManualClock;
use entrant::sim::{DeltaQuirks, Sim};
use serde_json::{Value, json};
use time::macros::datetime;

use super::{Client, ada, tenant};

/// Follows the pages of a round; answers all items, the link of the next round, and how many pages there were.
async fn round(client: &Client, path: &str) -> (Vec<Value>, String, usize) {
    let (mut items, mut path, mut pages) = (Vec::new(), path.to_owned(), 0);
    loop {
        let got = client.get(&path).await;
        assert_eq!(got.status, 200, "{got:?}");
        pages += 1;
        assert!(pages < 1_000, "it ends");
        items.extend(got.body["value"].as_array().expect("a list").iter().cloned());
        let link = |name: &str| got.body[name].as_str().map(|link| link.replace("https://sim.invalid/v1.0/", ""));
        match (link("@odata.nextLink"), link("@odata.deltaLink")) {
            (Some(next), None) => path = next,
            (None, Some(link)) => return (items, link, pages),
            both => panic!("one link and not {both:?}"),
        }
    }
}

fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn users_are_told_and_then_what_changed() {
    let sim = tenant().users(25).page_size(10).build();
    let client = Client::of(&sim);
    let (items, link, pages) = round(&client, "users/delta").await;
    assert_eq!((items.len(), pages), (25, 3));
    let names: BTreeSet<&str> = items[0].as_object().expect("an object").keys().map(String::as_str).collect();
    let set = ["displayName", "givenName", "id", "jobTitle", "mail", "surname", "userPrincipalName"];
    assert_eq!(names, BTreeSet::from(set), "what was never set is left out");
    assert_eq!(round(&client, &link).await.0, Vec::<Value>::new());

    let all = sim.users();
    let id = |at: usize| all[at]["id"].as_str().expect("an id").to_owned();
    let created = client.post("users", &ada()).await;
    client.patch(&format!("users/{}", id(0)), &json!({"jobTitle": null, "surname": "New"})).await;
    client.patch(&format!("users/{}", id(1)), &json!({"city": "Leeds"})).await;
    client.send("DELETE", &format!("users/{}", id(2)), None).await;
    client.send("DELETE", &format!("users/{}", id(3)), None).await;
    client.send("DELETE", &format!("directory/deletedItems/{}", id(3)), None).await;
    client.send("DELETE", &format!("users/{}", id(4)), None).await;
    client.post(&format!("directory/deletedItems/{}/restore", id(4)), &json!({})).await;
    let (items, next, _) = round(&client, &link).await;
    let told: BTreeMap<&str, &Value> = ids(&items).into_iter().zip(&items).collect();
    let new = created.body["id"].as_str().expect("an id");
    assert_eq!(told.keys().copied().collect::<BTreeSet<_>>(), [&id(0), &id(2), &id(3), &id(4), new].into());
    assert_eq!((&told[id(0).as_str()]["jobTitle"], &told[id(0).as_str()]["surname"]), (&Value::Null, &json!("New")));
    assert!(told[id(0).as_str()].get("jobTitle").is_some(), "what was cleared is null");
    assert_eq!(*told[id(2).as_str()], json!({"id": id(2), "@removed": {"reason": "changed"}}));
    assert_eq!(*told[id(3).as_str()], json!({"id": id(3), "@removed": {"reason": "deleted"}}));
    assert_eq!(told[id(4).as_str()]["surname"], all[4]["surname"], "it came back whole");
    assert_eq!(told[new]["displayName"], "Ada Okafor");
    assert_eq!(round(&client, &next).await.0, Vec::<Value>::new());
    assert_eq!(ids(&round(&client, &link).await.0), ids(&items), "a link can be followed again");
}

#[tokio::test]
async fn a_selection_says_what_is_tracked() {
    let sim = tenant().users(3).build();
    let client = Client::of(&sim);
    let all = sim.users();
    let id = |at: usize| all[at]["id"].as_str().expect("an id").to_owned();
    sim.set_manager(&id(0), Some(&id(1)));
    let (items, link, _) = round(&client, "users/delta?$select=CITY,manager").await;
    assert_eq!(items.len(), 3);
    assert_eq!(
        items[0],
        json!({"id": id(0), "city": all[0]["city"], "manager@delta": [{"@odata.type": "#microsoft.graph.user", "id": id(1)}]})
    );
    sim.update_user(&id(0), json!({"surname": "New"}));
    assert!(round(&client, &link).await.0.is_empty(), "not selected");
    sim.set_manager(&id(2), Some(&id(1)));
    let (items, next, _) = round(&client, &link).await;
    assert_eq!(ids(&items), [&id(2)]);
    assert_eq!(items[0]["manager@delta"], json!([{"@odata.type": "#microsoft.graph.user", "id": id(1)}]));
    // Another one, and none at all.
    let edge = |at: usize| json!({"@odata.type": "#microsoft.graph.user", "id": id(at)});
    let gone = |at: usize| super::with(edge(at), json!({"@removed": {"reason": "deleted"}}));
    sim.set_manager(&id(2), Some(&id(2)));
    sim.set_manager(&id(2), Some(&id(0)));
    let (items, next, _) = round(&client, &next).await;
    assert_eq!(items[0]["manager@delta"], json!([gone(1), edge(0)]));
    sim.set_manager(&id(2), None);
    let (items, next, _) = round(&client, &next).await;
    assert_eq!(items[0]["manager@delta"], json!([gone(0)]));
    sim.set_manager(&id(2), Some(&id(1)));
    sim.set_manager(&id(2), None);
    assert_eq!(round(&client, &next).await.0[0].get("manager@delta"), None, "as it was");
    let context = client.get(&link).await.body["@odata.context"].clone();
    assert_eq!(context, "https://sim.invalid/v1.0/$metadata#users(city,manager)");
    assert_eq!(client.get(&format!("{link}&$select=city,manager")).await.status, 200, "the same again");
    client.get(&format!("{link}&$select=city")).await.refused(400, "Request_UnsupportedQuery", "first request");

    let one = format!("users/delta?$filter=id eq '{}' or id eq '{}'", id(0), id(2));
    let (items, link, _) = round(&client, &one).await;
    assert_eq!(ids(&items), [&id(0), &id(2)]);
    sim.update_user(&id(1), json!({"surname": "Other"}));
    sim.update_user(&id(2), json!({"surname": "Other"}));
    assert_eq!(ids(&round(&client, &link).await.0), [&id(2)]);
    let many = (0..51).map(|_| format!("id eq '{}'", id(0))).collect::<Vec<_>>().join(" or ");
    for refused in [
        "$filter=surname eq 'x'",
        "$top=5",
        "$orderby=displayName",
        "$search=\"displayName:x\"",
        "$expand=manager",
        "$filter=id ne 'x'",
        &format!("$filter={many}"),
    ] {
        client.get(&format!("users/delta?{refused}")).await.refused(400, "Request_UnsupportedQuery", "");
    }
    client.get("users/delta?$select=shoeSize").await.refused(400, "BadRequest", "shoeSize");
    client.get("users/delta?$select=members").await.refused(400, "BadRequest", "members");
    client.send("POST", "users/delta", None).await.refused(405, "Request_BadRequest", "");
}

#[tokio::test]
async fn every_spelling_and_every_beginning() {
    let clock = ManualClock::at(datetime!(2026-03-04 10:15:30 UTC));
    let sim = tenant().clock(clock.clone()).users(3).build();
    let mut client = Client::of(&sim);
    for path in ["users/delta", "users/delta()", "users/microsoft.graph.delta", "Users/microsoft.graph.delta()"] {
        assert_eq!(round(&client, path).await.0.len(), 3, "{path}");
    }
    let (items, latest, _) = round(&client, "users/delta?$deltatoken=latest&$select=id").await;
    assert!(items.is_empty());
    sim.add_user(json!({}));
    assert_eq!(round(&client, &latest).await.0.len(), 1);
    assert_eq!(round(&client, "users/delta?$deltatoken=").await.0.len(), 4, "all again");

    let gone = "https://sim.invalid/v1.0/users/delta?$deltatoken=";
    for link in ["users/delta?$deltatoken=StaleToken0001", "users/delta?$skiptoken=x", "users/delta?$deltatoken=e30"] {
        let got = client.get(link).await;
        got.refused(410, "resyncRequired", "");
        assert_eq!(got.headers["location"], gone);
    }
    client.get(&latest.replace("users/", "groups/")).await.refused(410, "resyncRequired", "");
    clock.advance(Duration::from_secs(7 * 24 * 3_600));
    client.token = sim.token().expose().to_owned();
    assert_eq!(client.get(&latest).await.status, 200, "a week");
    clock.advance(Duration::from_secs(1));
    client.get(&latest).await.refused(410, "resyncRequired", "");
    let (_, link, _) = round(&client, "users/delta").await;
    sim.expire_delta_links();
    client.get(&link).await.refused(410, "resyncRequired", "");
}

#[tokio::test]
async fn groups_tell_members_in_slices() {
    let sim = tenant().users(30).delta(DeltaQuirks::default().with_max_links(7)).build();
    let client = Client::of(&sim);
    let people: Vec<String> = sim.users().iter().map(|user| user["id"].as_str().expect("an id").to_owned()).collect();
    let big = sim.add_group(json!({"displayName": "Big", "members": people, "owners": people[..10]}));
    let empty = sim.add_group(json!({"displayName": "Empty"}));
    let edges = |items: &[Value], name: &str, gone: bool| -> Vec<String> {
        let all = items.iter().filter(|item| item["id"] == json!(big)).flat_map(|item| item[name].as_array().cloned());
        let edges = all.flatten().filter(|edge| edge.get("@removed").is_some() == gone);
        edges.map(|edge| edge["id"].as_str().expect("an id").to_owned()).collect()
    };
    let (items, link, pages) = round(&client, "groups/delta").await;
    assert_eq!(edges(&items, "members@delta", false), people);
    assert_eq!(
        items.iter().filter(|item| item["displayName"] == "Big").count(),
        pages,
        "the same properties each time"
    );
    assert_eq!(items.last().expect("one")["id"], json!(empty));
    assert_eq!(items.last().expect("one").get("members@delta"), None);
    let (both, _, _) = round(&client, "groups/delta?$select=owners,members").await;
    assert_eq!(edges(&both, "members@delta", false), people);
    assert_eq!(edges(&both, "owners@delta", false), people[..10]);

    for person in &people[..15] {
        sim.remove_member(&big, person);
    }
    sim.add_member(&big, &people[0]);
    sim.add_member(&big, &empty);
    sim.delete_user(&people[20]);
    sim.delete_user(&people[21]);
    client.send("DELETE", &format!("directory/deletedItems/{}", people[21]), None).await;
    let (items, next, pages) = round(&client, &link).await;
    assert!(pages > 1);
    assert_eq!(edges(&items, "members@delta", true), [&people[1..15], &people[21..22]].concat());
    assert_eq!(edges(&items, "members@delta", false), [people[0].clone(), empty.clone()]);
    let types: BTreeSet<&str> = items
        .iter()
        .flat_map(|item| item["members@delta"].as_array().into_iter().flatten())
        .map(|edge| edge["@odata.type"].as_str().expect("a type"))
        .collect();
    assert_eq!(types, ["#microsoft.graph.group", "#microsoft.graph.user"].into());
    assert!(round(&client, &next).await.0.is_empty());

    // What changes between two pages of a first round is not lost.
    let first = client.get("groups/delta").await;
    let more = first.body["@odata.nextLink"].as_str().expect("more").replace("https://sim.invalid/v1.0/", "");
    let told = edges(first.body["value"].as_array().expect("a list"), "members@delta", false);
    sim.remove_member(&big, &told[0]);
    let (rest, link, _) = round(&client, &more).await;
    let (after, _, _) = round(&client, &link).await;
    let mut members: BTreeSet<String> = told.iter().cloned().chain(edges(&rest, "members@delta", false)).collect();
    edges(&after, "members@delta", true).iter().for_each(|gone| assert!(members.remove(gone)));
    // Soft-deleted members stay members.
    let mut expected: BTreeSet<String> = sim.members(&big).into_iter().collect();
    expected.insert(people[20].clone());
    assert_eq!(members, expected);
}

#[tokio::test]
async fn a_refused_group_was_never_there() {
    let sim = tenant().build();
    let client = Client::of(&sim);
    let (_, link, _) = round(&client, "groups/delta?$deltatoken=latest").await;
    let unified = sim.add_group(json!({"displayName": "U", "groupTypes": ["Unified"]}));
    let body = json!({"displayName": "x", "mailEnabled": false, "mailNickname": "x", "securityEnabled": true,
                      "members@odata.bind": [format!("https://sim.invalid/v1.0/groups/{unified}")]});
    assert_eq!(client.post("groups", &body).await.status, 400);
    assert_eq!(ids(&round(&client, &link).await.0), [&unified]);
}

/// What a client knows that merges everything it is told.
fn merge(state: &mut BTreeMap<String, Value>, items: &[Value]) {
    for item in items {
        let id = item["id"].as_str().expect("an id").to_owned();
        if item.get("@removed").is_some() {
            state.remove(&id);
            continue;
        }
        let known = state.entry(id).or_insert_with(|| json!({"members": {}}));
        for (name, value) in item.as_object().expect("an object") {
            if name != "members@delta" {
                known[name] = value.clone();
            }
        }
        for edge in item["members@delta"].as_array().into_iter().flatten() {
            let members = known["members"].as_object_mut().expect("an object");
            let other = edge["id"].as_str().expect("an id").to_owned();
            match edge.get("@removed") {
                Some(_) => members.remove(&other),
                None => members.insert(other, json!(true)),
            };
        }
    }
}

#[tokio::test]
async fn whoever_merges_knows_the_tenant_whatever_the_quirks() {
    let quirks = DeltaQuirks::default().with_replays(9).with_duplicates().with_empty_pages().with_max_links(3);
    for quirks in [DeltaQuirks::default(), quirks] {
        let clock = ManualClock::at(datetime!(2026-03-04 10:15:30 UTC));
        let lag = Duration::from_secs(5);
        let sim = tenant().clock(clock.clone()).lag(lag).users(12).groups(4).page_size(5).delta(quirks.clone()).build();
        let mut client = Client::of(&sim);
        let (mut users, mut groups) = (BTreeMap::new(), BTreeMap::new());
        let (mut user_link, mut group_link) = ("users/delta".to_owned(), "groups/delta".to_owned());
        for turn in 0..12_usize {
            change(&sim, &client, turn).await;
            clock.advance(Duration::from_secs(if turn % 3 == 0 { 2 } else { 7 }));
            client.token = sim.token().expose().to_owned();
            let (items, link, pages) = round(&client, &user_link).await;
            assert!(!quirks.empty_pages || pages > 1);
            merge(&mut users, &items);
            user_link = link;
            let (items, link, _) = round(&client, &group_link).await;
            merge(&mut groups, &items);
            group_link = link;
        }
        clock.advance(lag);
        merge(&mut users, &round(&client, &user_link).await.0);
        merge(&mut groups, &round(&client, &group_link).await.0);
        let expected: BTreeMap<String, Value> =
            sim.users().into_iter().map(|user| (user["id"].as_str().expect("an id").to_owned(), user)).collect();
        assert_eq!(users.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (id, user) in &expected {
            for name in ["displayName", "surname", "jobTitle", "userPrincipalName"] {
                assert_eq!(users[id][name], user[name], "{name} of {id}");
            }
        }
        let all = sim.groups();
        assert_eq!(groups.len(), all.len());
        for group in all {
            let id = group["id"].as_str().expect("an id");
            let members: BTreeSet<String> = sim.members(id).into_iter().collect();
            let known: BTreeSet<String> =
                groups[id]["members"].as_object().expect("an object").keys().cloned().collect();
            let live: BTreeSet<String> = known.into_iter().filter(|id| expected.contains_key(id)).collect();
            assert_eq!(live, members);
            assert_eq!(groups[id]["displayName"], group["displayName"]);
        }
    }
}

/// One step of a tenant's life, of a kind that depends on the turn.
async fn change(sim: &Sim, client: &Client, turn: usize) {
    let users = sim.users();
    let groups = sim.groups();
    let user = users[turn % users.len()]["id"].as_str().expect("an id").to_owned();
    let group = groups[turn % groups.len()]["id"].as_str().expect("an id").to_owned();
    client.patch(&format!("users/{user}"), &json!({"surname": format!("S{turn}"), "jobTitle": null})).await;
    client.patch(&format!("groups/{group}"), &json!({"displayName": format!("G{turn}")})).await;
    let members = sim.members(&group);
    match turn % 4 {
        0 => {
            if let Some(member) = members.first() {
                client.send("DELETE", &format!("groups/{group}/members/{member}/$ref"), None).await;
            }
        }
        1 => {
            client.send("DELETE", &format!("users/{user}"), None).await;
        }
        2 => {
            if let Some(gone) = sim.deleted_users().first() {
                let id = gone["id"].as_str().expect("an id");
                client.post(&format!("directory/deletedItems/{id}/restore"), &json!({})).await;
            }
            let name =
                json!({"userPrincipalName": format!("new{turn}@contoso.com"), "mailNickName": format!("n{turn}")});
            client.post("users", &super::with(ada(), name)).await;
        }
        _ => {
            client.send("DELETE", &format!("users/{user}"), None).await;
            client.send("DELETE", &format!("directory/deletedItems/{user}"), None).await;
            let new = json!({"displayName": "N", "mailEnabled": false, "mailNickname": "n", "securityEnabled": true});
            client.post("groups", &new).await;
        }
    }
}

#[tokio::test]
async fn forged_links_are_refused() {
    let sim = tenant().users(9).page_size(2).build();
    let client = Client::of(&sim);
    let other = Client::of(&super::tenant().seed(8).users(9).page_size(2).build());
    let begun = client.get("users/delta").await;
    let next = begun.body["@odata.nextLink"].as_str().expect("more").replace("https://sim.invalid/v1.0/", "");
    assert_eq!(client.get(&next).await.status, 200);
    let (path, token) = next.split_once("$skiptoken=").expect("a token");
    for at in (0..token.len()).step_by(7) {
        let mut forged = token.to_owned().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).expect("ASCII");
        client.get(&format!("{path}$skiptoken={forged}")).await.refused(410, "resyncRequired", "");
    }
    other.get(&next).await.refused(410, "resyncRequired", "");
    client.get(&format!("{path}$deltatoken={token}")).await.refused(410, "resyncRequired", "");
    client.get(&next.replace("users/", "groups/")).await.refused(410, "resyncRequired", "");
}
