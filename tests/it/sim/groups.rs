//! Groups of every kind, and who belongs to them.

use std::collections::BTreeSet;
use std::time::Duration;

use entrant::clock::ManualClock;
use entrant::sim::{Activity, Sim};
use serde_json::{Value, json};
use time::macros::datetime;

use super::{Client, tenant, with};

fn engineering() -> Value {
    json!({"displayName": "Engineering", "mailEnabled": false, "mailNickName": "engineering", "securityEnabled": true})
}

fn unified() -> Value {
    let unified = json!({"groupTypes": ["Unified"], "mailEnabled": true, "securityEnabled": false});
    with(engineering(), unified)
}

fn reference(id: &str) -> Value {
    json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{id}")})
}

/// The ids of `ada`, `bo` and `cy`.
fn people(sim: &Sim) -> [String; 3] {
    ["ada", "bo", "cy"].map(|name| sim.add_user(json!({"userPrincipalName": format!("{name}@contoso.com")})))
}

#[tokio::test]
async fn a_group_lives() {
    let sim = tenant().build();
    let [ada, bo, _] = people(&sim);
    let client = Client::of(&sim);
    let body = with(
        engineering(),
        json!({
            "description": "Engineering access",
            "owners@odata.bind": [format!("https://x.example/v1.0/users/{bo}")],
            "Members@odata.bind": [format!("https://x.example/v1.0/users/{ada}"), format!("https://x.example/v1.0/directoryObjects/{bo}")],
        }),
    );
    let created = client.post("groups", &body).await;
    assert_eq!(created.status, 201, "{created:?}");
    let id = created.body["id"].as_str().expect("an id").to_owned();
    assert!(created.headers["Location"].to_str().expect("text").ends_with("Microsoft.DirectoryServices.Group"));
    assert_eq!(created.body.as_object().expect("a group").len(), 35, "34 properties and the context");
    assert_eq!((sim.members(&id), sim.owners(&id)), (vec![ada.clone(), bo.clone()], vec![bo.clone()]));

    let path = format!("groups/{id}");
    let change = json!({"DESCRIPTION": null, "displayName": "Engineers", "uniqueName": "eng", "visibility": "private"});
    assert_eq!(client.patch(&path, &change).await.status, 204);
    let got =
        client.get(&format!("{path}?$select=displayName,description,visibility,uniqueName,assignedLicenses")).await;
    assert_eq!(
        got.body,
        json!({
            "@odata.context": "https://sim.invalid/v1.0/$metadata#groups(displayName,description,visibility,uniqueName,assignedLicenses)/$entity",
            "displayName": "Engineers", "description": null, "visibility": "Private", "uniqueName": "eng",
            "assignedLicenses": [],
        })
    );
    for again in ["groups(uniqueName='eng')", "Groups(UniqueName='ENG')"] {
        assert_eq!(client.get(again).await.body["id"], id.as_str(), "{again}");
    }

    assert_eq!(client.send("DELETE", &path, None).await.status, 204);
    client.get(&path).await.refused(404, "Request_ResourceNotFound", &id);
    assert_eq!(client.get("directory/deletedItems/microsoft.graph.group").await.ids(), [&id]);
    assert_eq!(client.get("directory/deletedItems/graph.group/$count").await.body, 1);
    assert!(client.get("directory/deletedItems/graph.user").await.ids().is_empty());
    assert!(client.get(&format!("users/{ada}/memberOf")).await.ids().is_empty());
    let found = client.get(&format!("directory/deletedItems/{id}")).await;
    assert_eq!(found.body["@odata.type"], "#microsoft.graph.group");
    let restored = client.send("POST", &format!("directory/deletedItems/{id}/restore"), None).await;
    assert_eq!((restored.status, &restored.body["uniqueName"]), (200, &json!("eng")));
    assert_eq!(client.get(&format!("users/{ada}/memberOf")).await.ids(), [&id], "with its members");

    client.send("DELETE", &path, None).await;
    assert_eq!(client.send("DELETE", &format!("directory/deletedItems/{id}"), None).await.status, 204);
    client.get(&format!("directory/deletedItems/{id}")).await.refused(404, "Request_ResourceNotFound", &id);
    let audit: Vec<_> =
        sim.audit().iter().map(|entry| (entry.activity, entry.target.map(|id| id.to_string()))).collect();
    use Activity::{AddMember, AddOwner, CreateGroup, DeleteGroup, PurgeGroup, RestoreGroup, UpdateGroup};
    let expected = [
        (CreateGroup, None),
        (AddOwner, Some(bo.clone())),
        (AddMember, Some(ada)),
        (AddMember, Some(bo)),
        (UpdateGroup, None),
        (DeleteGroup, None),
        (RestoreGroup, None),
        (DeleteGroup, None),
        (PurgeGroup, None),
    ];
    assert_eq!(audit, expected);
}

#[tokio::test]
async fn what_a_group_may_not_be() {
    let sim = tenant().build();
    let [ada, ..] = people(&sim);
    sim.add_user(json!({"userPrincipalName": "x@contoso.com", "mail": "taken@contoso.com"}));
    sim.add_group(json!({"displayName": "Marketing", "groupTypes": ["Unified"], "uniqueName": "market"}));
    let client = Client::of(&sim);
    let invalid = |property: &str| format!("Invalid value specified for property '{property}' of resource 'Group'.");
    let required = |property: &str| format!("A value is required for property '{property}' of resource 'Group'.");
    let conflict = |property: &str| format!("Another object with the same value for property {property} already");
    let bind = |count: usize| vec![format!("https://x.example/v1.0/users/{ada}"); count];
    let cases = [
        (engineering(), json!({"displayName": null}), required("displayName")),
        (engineering(), json!({"mailEnabled": null}), required("mailEnabled")),
        (engineering(), json!({"mailNickName": null}), required("mailNickname")),
        (engineering(), json!({"securityEnabled": null}), required("securityEnabled")),
        (engineering(), json!({"displayName": "x".repeat(257)}), invalid("displayName")),
        (engineering(), json!({"displayName": ""}), invalid("displayName")),
        (engineering(), json!({"mailNickName": "a b"}), invalid("mailNickname")),
        (engineering(), json!({"mailNickName": "zoë"}), invalid("mailNickname")),
        (engineering(), json!({"mailNickName": "x".repeat(65)}), invalid("mailNickname")),
        (engineering(), json!({"groupTypes": ["Secret"]}), invalid("groupTypes")),
        (engineering(), json!({"visibility": "Hidden"}), invalid("visibility")),
        (engineering(), json!({"visibility": "HiddenMembership"}), invalid("visibility")),
        (engineering(), json!({"securityEnabled": false}), invalid("securityEnabled")),
        (engineering(), json!({"securityEnabled": "yes"}), invalid("securityEnabled")),
        (
            engineering(),
            json!({"mailEnabled": true}),
            "does not currently support writes of mail-enabled groups".into(),
        ),
        (unified(), json!({"mailEnabled": false}), invalid("mailEnabled")),
        (engineering(), json!({"groupTypes": ["DynamicMembership"]}), required("membershipRule")),
        (engineering(), json!({"membershipRule": "user.city -eq \"Leeds\""}), invalid("membershipRule")),
        (engineering(), json!({"id": "x"}), "Property 'id' is read-only".into()),
        (engineering(), json!({"onPremisesSyncEnabled": true}), "Property 'onPremisesSyncEnabled' is read-only".into()),
        (engineering(), json!({"shoeSize": 1}), "The property 'shoeSize' does not exist".into()),
        (unified(), json!({"mailNickName": "MARKETING"}), conflict("mailNickname")),
        (unified(), json!({"mailNickName": "taken"}), conflict("proxyAddresses")),
        (
            engineering(),
            json!({"members@odata.bind": bind(21)}),
            "A resource cannot contain more than 20 link changes".into(),
        ),
        (
            engineering(),
            json!({"members@odata.bind": bind(2)}),
            format!("Object '{ada}' referenced from 'members' can only be present once"),
        ),
        (engineering(), json!({"members@odata.bind": "x"}), invalid("members@odata.bind")),
        (engineering(), json!({"members@odata.bind": ["x"]}), "Invalid URL".into()),
    ];
    for (group, changes, message) in cases {
        let got = client.post("groups", &with(group, changes.clone())).await;
        got.refused(400, "Request_BadRequest", &message);
    }
    let nobody = json!({"members@odata.bind": ["https://x.example/v1.0/users/00000000-0000-0000-0000-000000000000"]});
    client.post("groups", &with(engineering(), nobody)).await.refused(404, "Request_ResourceNotFound", "00000000");
    let taken = client.post("groups", &with(engineering(), json!({"uniqueName": "MARKET"}))).await;
    taken.refused(409, "Request_MultipleObjectsWithSameKeyValue", "A conflicting object");
    let privileged = with(engineering(), json!({"isAssignableToRole": true}));
    client.post("groups", &privileged).await.refused(403, "Authorization_RequestDenied", "");
    sim.grant_permission("RoleManagement.ReadWrite.Directory");
    assert_eq!(client.post("groups", &privileged).await.status, 201);
    assert_eq!((sim.groups().len(), sim.audit().len()), (2, 1), "what is refused leaves nothing");
    assert_eq!(client.post("groups", &with(engineering(), json!({"mailNickName": "marketing"}))).await.status, 201);
}

#[tokio::test]
async fn what_cannot_change_is_refused() {
    let sim = tenant().build();
    let [ada, ..] = people(&sim);
    let fixed = sim.add_group(json!({"displayName": "Fixed", "uniqueName": "fixed", "groupTypes": ["Unified"], "members": ["ada@contoso.com"]}));
    let client = Client::of(&sim);
    let path = format!("groups/{fixed}");
    for (change, message) in [
        (json!({"displayName": null}), "property 'displayName'"),
        (json!({"mailEnabled": false}), "property 'mailEnabled'"),
        (json!({"groupTypes": []}), "property 'groupTypes'"),
        (json!({"uniqueName": "other"}), "Property 'uniqueName' is read-only"),
        (json!({"isAssignableToRole": true}), "Property 'isAssignableToRole' is read-only"),
        (json!({"mailNickname": "a.b"}), "property 'mailNickname'"),
        (json!({"createdDateTime": "2026-01-01T00:00:00Z"}), "Property 'createdDateTime' is read-only"),
        (json!({"visibility": "HiddenMembership"}), "property 'visibility'"),
    ] {
        client.patch(&path, &change).await.refused(400, "Request_BadRequest", message);
    }
    let same = json!({"mailEnabled": true, "uniqueName": "fixed"});
    assert_eq!(client.patch(&path, &same).await.status, 204, "what is as before is no change");
    assert_eq!(sim.members(&fixed), [ada]);
    let ruled = json!({"groupTypes": ["Unified", "DynamicMembership"], "membershipRule": "user.city -eq \"Leeds\""});
    assert_eq!(client.patch(&path, &ruled).await.status, 204);
    assert!(sim.members(&fixed).is_empty(), "the rule says who is in");
    client.patch("groups/nothing", &json!({})).await.refused(404, "Request_ResourceNotFound", "nothing");
}

#[tokio::test]
async fn groups_are_upserted_by_name() {
    let sim = tenant().build();
    let client = Client::of(&sim);
    let path = "groups(uniqueName='contoso-eng')";
    client.patch(path, &engineering()).await.refused(404, "Request_ResourceNotFound", "contoso-eng");
    let upsert = json!({"requests": [{
        "id": "1", "method": "PATCH", "url": "/groups(uniqueName='contoso-eng')", "body": engineering(),
        "headers": {"Content-Type": "application/json", "prefer": "create-if-missing"},
    }]});
    for status in [201, 204] {
        let got = client.post("$batch", &upsert).await;
        assert_eq!(got.body["responses"][0]["status"], status, "{got:?}");
    }
    assert_eq!(sim.group("contoso-eng").expect("there")["displayName"], "Engineering");
    assert_eq!(sim.groups().len(), 1);
}

#[tokio::test]
async fn groups_are_listed_and_filtered() {
    let sim = tenant().users(30).groups(9).page_size(4).build();
    let marketing = sim.add_group(json!({"displayName": "O'Brien's", "mailNickname": "obrien", "mailEnabled": true}));
    let client = Client::of(&sim);
    let all: Vec<_> = sim.groups().iter().map(|group| group["id"].as_str().expect("an id").to_owned()).collect();
    let mut seen = Vec::new();
    let mut path = "groups?$select=id".to_owned();
    loop {
        let page = client.get(&path).await;
        seen.extend(page.ids().into_iter().map(str::to_owned));
        let Some(next) = page.body["@odata.nextLink"].as_str() else { break };
        path = next.strip_prefix("https://sim.invalid/v1.0/").expect("our own").to_owned();
    }
    assert_eq!(seen, all);
    for (filter, count) in [
        ("groupTypes/any(c:c eq 'Unified')", 3),
        ("mailEnabled eq true", 4),
        ("securityEnabled eq true and mailEnabled eq false", 6),
        ("displayName eq 'o''brien''s'", 1),
        ("startswith(mailNickname,'obr')", 1),
        ("proxyAddresses/any(p:startswith(p,'SMTP:'))", 3),
        ("onPremisesSyncEnabled eq true", 0),
    ] {
        let got = client.get(&format!("groups?$top=999&$filter={filter}")).await;
        assert_eq!(got.status, 200, "{got:?}");
        assert_eq!(got.ids().len(), count, "{filter}");
    }
    let not = client.get("groups?$count=true&$top=1&$filter=not groupTypes/any(c:c eq 'Unified')").await;
    assert_eq!(not.body["@odata.count"], 7);
    assert_eq!(client.get("groups/$count").await.body, 10);
    assert_eq!(client.get(&format!("groups?$filter=id eq '{marketing}'")).await.ids(), [&marketing]);
    for (path, code) in [
        ("groups?$filter=description eq 'x'", "Request_UnsupportedQuery"),
        ("groups?$filter=theme eq 'x'", "Request_UnsupportedQuery"),
        ("groups?$filter=userPrincipalName eq 'x'", "BadRequest"),
        ("groups?$orderby=displayName&$filter=mailEnabled eq true", "Request_UnsupportedQuery"),
        ("groups?$expand=members&$count=true", "Request_UnsupportedQuery"),
        ("groups?$select=userPrincipalName", "BadRequest"),
        ("groups?$top=1000", "Request_UnsupportedQuery"),
    ] {
        client.get(path).await.refused(400, code, "");
    }
}

#[tokio::test]
async fn members_come_and_go() {
    let sim = tenant().build();
    let [ada, bo, cy] = people(&sim);
    let group = sim.add_group(json!({"displayName": "Engineering"}));
    let inner = sim.add_group(json!({"displayName": "Inner", "members": ["cy@contoso.com"]}));
    let client = Client::of(&sim);
    let members = format!("groups/{group}/members");
    for (address, id) in [
        ("https://graph.microsoft.com/v1.0/users/", &ada),
        ("http://127.0.0.1:9/v1.0/directoryObjects/", &bo),
        ("https://x.example/v1.0/groups/", &inner),
    ] {
        let body = json!({"@odata.id": format!("{address}{id}")});
        let got = client.post(&format!("Groups/{group}/Members/$ref"), &body).await;
        assert_eq!((got.status, &got.body), (204, &Value::Null));
    }
    let listed = client.get(&format!("{members}?$select=id,userPrincipalName")).await;
    assert_eq!(
        listed.body,
        json!({
            "@odata.context": "https://sim.invalid/v1.0/$metadata#directoryObjects(id,userPrincipalName)",
            "value": [
                {"@odata.type": "#microsoft.graph.user", "id": ada, "userPrincipalName": "ada@contoso.com"},
                {"@odata.type": "#microsoft.graph.user", "id": bo, "userPrincipalName": "bo@contoso.com"},
                {"@odata.type": "#microsoft.graph.group", "id": inner},
            ],
        })
    );
    for (path, ids) in [
        ("microsoft.graph.user", vec![&ada, &bo]),
        ("graph.group", vec![&inner]),
        ("graph.user?$count=true&$filter=startswith(userPrincipalName,'bo')", vec![&bo]),
    ] {
        let got = client.get(&format!("{members}/{path}")).await;
        assert_eq!(got.ids(), ids, "{path}");
        assert_eq!(got.body["value"][0].get("@odata.type"), None, "one kind needs no type");
    }
    assert_eq!(client.get(&format!("{members}/$count")).await.body, 3);
    assert_eq!(client.get(&format!("{members}/graph.user/$count")).await.body, 2);
    client.get(&format!("{members}/graph.user?$filter=accountEnabled eq true")).await.refused(
        400,
        "Request_UnsupportedQuery",
        "",
    );
    client.get(&format!("{members}?$filter=id eq '{ada}'")).await.refused(400, "Request_UnsupportedQuery", "");

    // Pages, and what changes between them.
    let first = client.get(&format!("{members}?$top=1")).await;
    let next = first.body["@odata.nextLink"].as_str().expect("more").replace("https://sim.invalid/v1.0/", "");
    sim.remove_member(&group, &ada);
    assert_eq!(client.get(&next).await.ids(), [&bo]);

    // A circle.
    sim.add_member("Inner", "Engineering");
    let all = |body: &Value| -> BTreeSet<String> {
        let ids = body["value"].as_array().expect("a list").iter();
        ids.map(|item| item["id"].as_str().or(item.as_str()).expect("an id").to_owned()).collect()
    };
    let set = |ids: &[&String]| ids.iter().map(|id| (*id).clone()).collect::<BTreeSet<_>>();
    let down = client.get(&format!("groups/{group}/transitiveMembers?$select=id")).await;
    assert_eq!(all(&down.body), set(&[&bo, &cy, &inner, &group]));
    let paged = client.get(&format!("groups/{group}/transitiveMembers/graph.user?$top=1")).await;
    assert_eq!(paged.ids(), [&bo]);
    let up = client.get(&format!("users/{cy}/transitiveMemberOf")).await;
    assert_eq!(all(&up.body), set(&[&inner, &group]));
    assert_eq!(client.get("users/cy@contoso.com/memberOf").await.ids(), [&inner]);
    assert_eq!(client.get(&format!("directoryObjects/{cy}/memberOf/microsoft.graph.group/$count")).await.body, 1);
    for (path, body, expected) in [
        (format!("users/{cy}/getMemberGroups"), json!({"securityEnabledOnly": true}), set(&[&inner, &group])),
        (format!("users/{cy}/microsoft.graph.getMemberObjects"), json!({}), set(&[&inner, &group])),
        (
            format!("directoryObjects/{bo}/getMemberGroups"),
            json!({"securityEnabledOnly": false}),
            set(&[&inner, &group]),
        ),
        (format!("users/{cy}/checkMemberGroups"), json!({"groupIds": [group, ada]}), set(&[&group])),
        (format!("directoryObjects/{ada}/checkMemberObjects"), json!({"ids": [group]}), set(&[])),
    ] {
        let got = client.post(&path, &body).await;
        assert_eq!(got.status, 200, "{path}: {got:?}");
        assert_eq!(all(&got.body), expected, "{path}");
    }
    let many = json!({"groupIds": vec![&group; 21]});
    client.post(&format!("users/{cy}/checkMemberGroups"), &many).await.refused(400, "Request_BadRequest", "20");
    client.post(&format!("users/{cy}/checkMemberGroups"), &json!({})).await.refused(
        400,
        "Request_BadRequest",
        "groupIds",
    );

    // A deleted user is nowhere, and comes back with what it was in.
    sim.delete_user(&bo);
    assert_eq!(sim.members(&group), [inner.as_str()]);
    assert_eq!(client.get(&members).await.ids(), [&inner]);
    client.post(&format!("directory/deletedItems/{bo}/restore"), &json!({})).await;
    assert_eq!(sim.members(&group), [bo.clone(), inner.clone()]);

    let got = client.send("DELETE", &format!("{members}/{bo}/$ref"), None).await;
    assert_eq!((got.status, sim.members(&group)), (204, vec![inner]));
    let last = sim.audit().pop().expect("written");
    assert_eq!(
        (last.activity, last.id.to_string(), last.target.map(|id| id.to_string())),
        (Activity::RemoveMember, group, Some(bo))
    );
}

#[tokio::test]
async fn links_are_refused() {
    let sim = tenant().build();
    let [ada, bo, cy] = people(&sim);
    let add = |group: Value| {
        sim.add_group(with(json!({"members": ["ada@contoso.com"], "owners": ["bo@contoso.com"]}), group))
    };
    let security = add(json!({"displayName": "Security"}));
    let unified = add(json!({"displayName": "Unified", "groupTypes": ["Unified"]}));
    let dynamic = add(json!({"displayName": "Dynamic", "groupTypes": ["DynamicMembership"], "membershipRule": "x"}));
    let synced = add(json!({"displayName": "Synced", "onPremisesSyncEnabled": true}));
    let listed = add(json!({"displayName": "List", "mailEnabled": true, "securityEnabled": false}));
    let mail = add(json!({"displayName": "Mail", "mailEnabled": true, "securityEnabled": true}));
    let privileged = add(json!({"displayName": "Privileged", "isAssignableToRole": true}));
    let client = Client::of(&sim);
    const BAD: (u16, &str) = (400, "Request_BadRequest");
    const DENIED: (u16, &str) = (403, "Authorization_RequestDenied");
    const NOT_FOUND: (u16, &str) = (404, "Request_ResourceNotFound");
    let nobody = "00000000-0000-0000-0000-000000000000".to_owned();
    let missing = format!("Resource '{nobody}' does not exist or one of its queried");
    let there = |name: &str| format!("already exist for the following modified properties: '{name}'.");
    let type_of = |name: &str| format!("not supported for the following modified properties: '{name}'.");
    let mailed = "Cannot Update a mail-enabled security groups and or distribution list.".to_owned();
    let kept = "on-premises mastered Directory Sync objects".to_owned();
    for (group, name, id, (status, code), message) in [
        (&security, "members", &ada, BAD, there("members")),
        (&security, "owners", &bo, BAD, there("owners")),
        (&security, "members", &nobody, NOT_FOUND, missing.clone()),
        (&nobody, "members", &cy, NOT_FOUND, missing.clone()),
        (&security, "members", &unified, BAD, type_of("members")),
        (&unified, "members", &security, BAD, type_of("members")),
        (&security, "owners", &synced, BAD, type_of("owners")),
        (&dynamic, "members", &cy, DENIED, "Insufficient privileges".to_owned()),
        (&synced, "members", &cy, BAD, kept.clone()),
        (&synced, "owners", &cy, BAD, kept),
        (&listed, "members", &cy, BAD, mailed.clone()),
        (&mail, "members", &cy, BAD, mailed.clone()),
        (&privileged, "members", &cy, DENIED, "Insufficient privileges".to_owned()),
    ] {
        let got = client.post(&format!("groups/{group}/{name}/$ref"), &reference(id)).await;
        got.refused(status, code, &message);
    }
    for (path, (status, code), message) in [
        (format!("groups/{security}/members/{cy}/$ref"), NOT_FOUND, cy.as_str()),
        (format!("groups/{security}/members/nobody/$ref"), NOT_FOUND, "nobody"),
        (format!("groups/{dynamic}/members/{ada}/$ref"), DENIED, ""),
        (format!("groups/{synced}/members/{ada}/$ref"), BAD, "on-premises mastered"),
        (format!("groups/{mail}/members/{ada}/$ref"), BAD, mailed.as_str()),
        (
            format!("groups/{security}/owners/{bo}/$ref"),
            BAD,
            "The group must have at least one owner, hence this owner cannot be removed.",
        ),
        (format!("groups/{listed}"), BAD, mailed.as_str()),
        (format!("groups/{synced}"), BAD, "on-premises mastered"),
    ] {
        client.send("DELETE", &path, None).await.refused(status, code, message);
    }
    let change = json!({"description": "x"});
    client.patch(&format!("groups/{listed}"), &change).await.refused(400, "Request_BadRequest", &mailed);
    client.patch(&format!("groups/{synced}"), &change).await.refused(400, "Request_BadRequest", "on-premises mastered");

    let path = format!("groups/{security}/members");
    let protocol = "BadRequest";
    client.post(&path, &reference(&cy)).await.refused(
        400,
        protocol,
        "Write requests are only supported on contained entities",
    );
    client.patch(&format!("{path}/$ref"), &reference(&cy)).await.refused(
        400,
        protocol,
        "not supported on the targeted entity set",
    );
    client.send("POST", &format!("{path}/$ref"), None).await.refused(400, "Request_BadRequest", "'EndOfInput'");
    client.post(&format!("{path}/$ref"), &json!({})).await.refused(400, "Request_BadRequest", "@odata.id");
    client.send("DELETE", &format!("{path}/{ada}"), None).await.refused(400, protocol, "");
    assert!(sim.user(&ada).is_some(), "who forgets $ref deletes nobody here");

    // All or nothing.
    let url = |id: &str| format!("https://graph.microsoft.com/v1.0/directoryObjects/{id}");
    let both = json!({"members@odata.bind": [url(&cy), url(&ada)], "description": "x"});
    client.patch(&format!("groups/{security}"), &both).await.refused(400, "Request_BadRequest", &there("members"));
    assert_eq!(
        (sim.members(&security), &sim.group(&security).expect("there")["description"]),
        (vec![ada.clone()], &Value::Null)
    );
    assert!(sim.audit().is_empty());
    let both = json!({"members@odata.bind": [url(&cy), url(&bo)], "description": "x"});
    assert_eq!(client.patch(&format!("groups/{security}"), &both).await.status, 204);
    assert_eq!(sim.members(&security), [&ada, &cy, &bo].map(String::clone));
    assert_eq!(sim.audit().len(), 3);

    // Owners come with the members of a dynamic group, and up to a hundred.
    assert_eq!(client.post(&format!("groups/{dynamic}/owners/$ref"), &reference(&cy)).await.status, 204);
    sim.add_users(98);
    for user in sim.users().iter().rev().take(98) {
        sim.add_owner(&dynamic, user["id"].as_str().expect("an id"));
    }
    let quota = client.post(&format!("groups/{dynamic}/owners/$ref"), &reference(&ada)).await;
    quota.refused(
        403,
        "Directory_QuotaExceeded",
        "as '101' would exceed the maximum quota count '100' for forward-link 'owners'.",
    );
    let gone = client.send("DELETE", &format!("groups/{dynamic}/owners/{cy}/$ref"), None).await;
    assert_eq!(gone.status, 204);
}

#[tokio::test]
async fn links_to_what_is_not_replicated_are_refused() {
    let clock = ManualClock::at(datetime!(2026-03-04 10:15:30 UTC));
    let sim = tenant().clock(clock.clone()).lag(Duration::from_secs(10)).build();
    let [ada, ..] = people(&sim);
    let old = sim.add_group(json!({"displayName": "Old"}));
    let client = Client::of(&sim);
    let created = client.post("groups", &engineering()).await;
    let young = created.body["id"].as_str().expect("an id").to_owned();
    let user = client.post("users", &super::ada()).await;
    let user = user.body["id"].as_str().expect("an id").to_owned();
    let text = "The source resource object or one of the objects being referenced don't exist.";
    for (group, id) in [(&young, &ada), (&old, &user), (&old, &young)] {
        let got = client.post(&format!("groups/{group}/members/$ref"), &reference(id)).await;
        got.refused(400, "Request_BadRequest", text);
    }
    let bind = json!({"members@odata.bind": [format!("https://x.example/v1.0/users/{ada}")]});
    client.patch(&format!("groups/{young}"), &bind).await.refused(400, "Request_BadRequest", text);
    client.get(&format!("groups/{young}")).await.refused(404, "Request_ResourceNotFound", "");
    clock.advance(Duration::from_secs(10));
    assert_eq!(client.patch(&format!("groups/{young}"), &bind).await.status, 204);
    let members = format!("groups/{young}/members");
    assert!(client.get(&members).await.ids().is_empty(), "not seen yet");
    client.patch(&format!("groups/{young}"), &bind).await.refused(400, "Request_BadRequest", "already exist");
    clock.advance(Duration::from_secs(10));
    assert_eq!(client.get(&members).await.ids(), [&ada]);
    assert_eq!(client.send("DELETE", &format!("{members}/{ada}/$ref"), None).await.status, 204);
    assert_eq!(client.get(&members).await.ids(), [&ada], "still seen");
    client.send("DELETE", &format!("{members}/{ada}/$ref"), None).await.refused(404, "Request_ResourceNotFound", &ada);
    clock.advance(Duration::from_secs(10));
    assert!(client.get(&members).await.ids().is_empty());
}

#[tokio::test]
async fn objects_are_got_by_their_ids() {
    let sim = tenant().build();
    let [ada, bo, _] = people(&sim);
    let group = sim.add_group(json!({"displayName": "Engineering"}));
    let client = Client::of(&sim);
    let nobody = "00000000-0000-0000-0000-000000000000";
    let got = client.post("directoryObjects/getByIds?$select=id", &json!({"ids": [group, nobody, ada]})).await;
    assert_eq!(
        got.body["value"],
        json!([{"@odata.type": "#microsoft.graph.group", "id": group}, {"@odata.type": "#microsoft.graph.user", "id": ada}])
    );
    let users = json!({"ids": [group, bo], "types": ["user"]});
    assert_eq!(client.post("directoryObjects/microsoft.graph.getByIds", &users).await.ids(), [&bo]);
    client.post("directoryObjects/getByIds", &json!({"ids": ["x"]})).await.refused(400, "Request_BadRequest", "GUID");
    client.post("directoryObjects/getByIds", &json!({})).await.refused(400, "Request_BadRequest", "ids");
    let one = client.get(&format!("directoryObjects/{group}")).await;
    assert_eq!((&one.body["@odata.type"], one.status), (&json!("#microsoft.graph.group"), 200));
    client.get(&format!("directoryObjects/{nobody}")).await.refused(404, "Request_ResourceNotFound", nobody);
}
