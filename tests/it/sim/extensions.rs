//! Directory extensions.

use entrant::sim::{Activity, ExtensionType, Sim};
use serde_json::{Value, json};

use super::{Client, ada, tenant, with};

/// The object id of the application.
async fn application(client: &Client) -> String {
    let got = client.get("applications?$select=id").await;
    got.ids()[0].to_owned()
}

async fn defined(client: &Client, name: &str, kind: &str, is_many: bool) -> String {
    let path = format!("applications/{}/extensionProperties", application(client).await);
    let body = json!({"name": name, "dataType": kind, "targetObjects": ["user", "Group"], "isMultiValued": is_many});
    let got = client.post(&path, &body).await;
    assert_eq!(got.status, 201, "{got:?}");
    got.body["name"].as_str().expect("a name").to_owned()
}

#[tokio::test]
async fn an_extension_lives() {
    let sim = tenant().build();
    let client = Client::of(&sim);
    let path = format!("applications/{}/extensionProperties", application(&client).await);
    let body = json!({"name": "badge", "dataType": "String", "targetObjects": ["User"]});
    let made = client.post(&path, &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let name = format!("extension_{}_badge", sim.client_id().replace('-', ""));
    let expected = json!({
        "id": made.body["id"], "deletedDateTime": null, "appDisplayName": "Simulated application", "name": name,
        "dataType": "String", "isMultiValued": false, "isSyncedFromOnPremises": false, "targetObjects": ["User"],
    });
    let mut is = made.body.clone();
    let context = is.as_object_mut().and_then(|is| is.remove("@odata.context")).expect("a context");
    assert!(context.as_str().expect("text").ends_with("/extensionProperties/$entity"), "{context}");
    assert_eq!(is, expected);
    assert_eq!(client.get(&path).await.body["value"], json!([expected]));
    let one = format!("{path}/{}", made.body["id"].as_str().expect("an id"));
    assert_eq!(client.get(&one).await.body["name"], name);
    let available = client.post("directoryObjects/getAvailableExtensionProperties", &json!({})).await;
    assert_eq!(available.body["value"], json!([expected]));
    client.post(&path, &body).await.refused(400, "Request_BadRequest", "exists");

    // Written on creation, read only if it is selected, found, cleared.
    let made = client.post("users", &with(ada(), json!({(name.as_str()): "B-7"}))).await;
    assert_eq!((made.status, made.body.get(&name)), (201, None), "{made:?}");
    let user = format!("users/{}", made.body["id"].as_str().expect("an id"));
    let read = client.get(&format!("{user}?$select=id,{}", name.to_uppercase())).await;
    assert_eq!(read.body[&name], "B-7");
    assert!(read.body["@odata.context"].as_str().expect("text").contains(&format!("users(id,{name})")));
    for filter in [format!("{name} eq 'b-7'"), format!("startswith({name},'B')"), format!("{name} in ('x','B-7')")] {
        assert_eq!(client.get(&format!("users?$filter={filter}")).await.ids().len(), 1, "{filter}");
    }
    for filter in [format!("{name} ne 'x'"), format!("{name} eq null"), format!("not ({name} eq 'x')")] {
        client.get(&format!("users?$filter={filter}")).await.refused(400, "Request_UnsupportedQuery", "");
        assert_eq!(client.get(&format!("users?$count=true&$filter={filter}")).await.status, 200, "{filter}");
    }
    for filter in [format!("{name} ge 'a'"), format!("contains({name},'a')"), format!("{name} eq 5")] {
        client.get(&format!("users?$count=true&$filter={filter}")).await.refused(400, "Request_UnsupportedQuery", "");
    }
    assert_eq!(client.patch(&user, &json!({(name.as_str()): null})).await.status, 204);
    assert_eq!(client.get(&format!("{user}?$select={name}")).await.body[&name], Value::Null);

    // It is of users, and of this tenant.
    let group = json!({"displayName": "G", "mailEnabled": false, "mailNickname": "g", "securityEnabled": true,
                       (name.as_str()): "x"});
    client.post("groups", &group).await.refused(400, "Request_BadRequest", &format!("not available: {name}"));
    let other = Client::of(&tenant().build());
    other.get(&format!("users?$select={name}")).await.refused(400, "BadRequest", "Could not find a property");

    let written: Vec<_> = sim.audit().iter().map(|entry| (entry.activity, entry.properties.clone())).collect();
    assert!(written[0].0 == Activity::DefineExtension && written[1].1.contains(&name), "{written:?}");
    assert_eq!(client.send("DELETE", &one, None).await.status, 204);
    client.get(&format!("{user}?$select={name}")).await.refused(400, "BadRequest", "Could not find a property");
    client.get(&one).await.refused(404, "Request_ResourceNotFound", "");
    let gone = json!({(name.as_str()): "x"});
    client.patch(&user, &gone).await.refused(400, "Request_BadRequest", "not available");
}

#[tokio::test]
async fn values_have_the_type_that_was_defined() {
    let sim = tenant().build();
    let client = Client::of(&sim);
    let user = format!("users/{}", sim.add_user(json!({"userPrincipalName": "ada@contoso.com"})));
    for (kind, is_many, good, shown, filter, bad) in [
        ("Boolean", false, json!(true), json!(true), "eq true", json!("true")),
        ("Integer", false, json!(-7), json!(-7), "eq -7", json!(2_147_483_648_u64)),
        ("LargeInteger", false, json!(i64::MAX), json!(i64::MAX), "eq 9223372036854775807", json!(1.5)),
        (
            "DateTime",
            false,
            json!("2026-03-04T10:15:30.123+02:00"),
            json!("2026-03-04T08:15:30Z"),
            "eq 2026-03-04T08:15:30Z",
            json!("yesterday"),
        ),
        ("Binary", false, json!("AQID"), json!("AQID"), "eq 'AQID'", json!("AQI")),
        ("String", true, json!(["a", "b"]), json!(["a", "b"]), "/any(c:c eq 'B')", json!("a")),
        ("String", false, json!("é".repeat(256)), json!("é".repeat(256)), "ne 'x'", json!("x".repeat(257))),
    ] {
        let name = defined(&client, &format!("v{kind}{is_many}"), kind, is_many).await;
        client.patch(&user, &json!({(name.as_str()): bad})).await.refused(400, "Request_BadRequest", &name);
        assert_eq!(client.patch(&user, &json!({(name.as_str()): good})).await.status, 204, "{kind}");
        assert_eq!(client.get(&format!("{user}?$select={name}")).await.body[&name], shown, "{kind}");
        let glue = if filter.starts_with('/') { "" } else { " " };
        let found = client.get(&format!("users?$count=true&$filter={name}{glue}{filter}")).await;
        match kind {
            "Binary" => found.refused(400, "Request_UnsupportedQuery", &name),
            _ => assert_eq!(found.ids().len(), 1, "{kind}: {found:?}"),
        }
        let empty = client.patch(&user, &json!({(name.as_str()): if is_many { json!([]) } else { Value::Null }})).await;
        assert_eq!(empty.status, 204);
    }
    let path = format!("applications/{}/extensionProperties", application(&client).await);
    for body in [
        json!({"name": "a-b", "dataType": "String", "targetObjects": ["User"]}),
        json!({"name": "a", "dataType": "Text", "targetObjects": ["User"]}),
        json!({"name": "a", "dataType": "String", "targetObjects": ["Person"]}),
        json!({"name": "a", "dataType": "String", "targetObjects": []}),
        json!({"name": "a", "dataType": "String"}),
        json!({"dataType": "String", "targetObjects": ["User"]}),
    ] {
        client.post(&path, &body).await.refused(400, "Request_BadRequest", "ExtensionProperty");
    }
}

#[tokio::test]
async fn an_object_holds_a_hundred_values() {
    let sim = tenant().build();
    let client = Client::of(&sim);
    let path = format!("applications/{}/extensionProperties", application(&client).await);
    let mut values = json!({});
    for number in 0..100 {
        let name = defined(&client, &format!("n{number}"), "Boolean", false).await;
        values[name] = json!(true);
    }
    let more = json!({"name": "more", "dataType": "String", "targetObjects": ["User"]});
    client.post(&path, &more).await.refused(403, "Directory_QuotaExceeded", "100");
    let user = format!("users/{}", sim.add_user(values));
    // One more, of another application.
    let other = client.post("applications", &json!({"displayName": "Other"})).await;
    let other = other.body["id"].as_str().expect("an id").to_owned();
    let more = client.post(&format!("applications/{other}/extensionProperties"), &more).await;
    let name = more.body["name"].as_str().expect("a name").to_owned();
    client.patch(&user, &json!({(name.as_str()): "x"})).await.refused(403, "Directory_QuotaExceeded", "101");

    // With its application an extension goes, and comes back.
    let select = format!("users?$select={name}");
    assert_eq!(client.get(&select).await.status, 200);
    assert_eq!(client.send("DELETE", &format!("applications/{other}"), None).await.status, 204);
    assert_eq!(client.get(&select).await.status, 400);
    assert_eq!(client.post(&format!("directory/deletedItems/{other}/restore"), &json!({})).await.status, 200);
    assert_eq!(client.get(&select).await.status, 200);
    client.send("DELETE", &format!("applications/{other}"), None).await;
    assert_eq!(client.send("DELETE", &format!("directory/deletedItems/{other}"), None).await.status, 204);
    assert_eq!(client.get(&select).await.status, 400);
}

#[tokio::test]
async fn delta_tells_extensions_that_are_selected() {
    let sim = tenant().extension("badge", ExtensionType::String).build();
    let name = format!("extension_{}_badge", sim.client_id().replace('-', ""));
    let id = sim.add_user(json!({"userPrincipalName": "ada@contoso.com"}));
    let group = sim.add_group(json!({"displayName": "G", (name.as_str()): "g"}));
    let client = Client::of(&sim);
    let first = client.get(&format!("users/delta?$select=displayName,{name}")).await;
    let link = first.body["@odata.deltaLink"].as_str().expect("one page").replace("https://sim.invalid/v1.0/", "");
    assert_eq!(client.patch(&format!("users/{id}"), &json!({(name.as_str()): "B"})).await.status, 204);
    let round = client.get(&link).await;
    assert_eq!(round.body["value"], json!([{"id": id, "displayName": "ada", (name.as_str()): "B"}]));
    let groups = client.get(&format!("groups?$select=id,{name}")).await;
    assert_eq!(groups.body["value"], json!([{"id": group, (name.as_str()): "g"}]));
    assert_eq!(sim.user(&id).expect("there")[&name], "B");
    assert_eq!(sim.group("G").expect("there")[&name], "g");
}

#[test]
#[should_panic(expected = "an extension property exists")]
fn a_name_is_taken_once() {
    let sim = Sim::new();
    sim.define_extension("badge", ExtensionType::String);
    let message = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        sim.define_extension("Badge", ExtensionType::Boolean);
    }))
    .expect_err("taken");
    let message = message.downcast_ref::<String>().expect("text").to_lowercase();
    panic!("{message}");
}
