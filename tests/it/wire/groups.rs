//! Groups and role assignments.

use entrant::ErrorKind;
use entrant::graph::{DirectoryObjectKind, Group, GroupKind};
use futures::TryStreamExt;
use http::Method;
use serde_json::{Value as Json, json};

use super::script::{Reply, Script, body_of, client};

const GROUP: &str = "93b15b8f-474e-5b49-b513-7f3c48f8eb6a";

fn group() -> Json {
    json!({
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#groups/$entity",
        "id": GROUP, "deletedDateTime": null, "classification": null, "createdDateTime": "2026-03-04T10:00:00Z",
        "description": null, "displayName": "Engineering", "groupTypes": [], "mailEnabled": false,
        "mailNickname": "engineering", "onPremisesSyncEnabled": null, "proxyAddresses": [], "securityEnabled": true,
        "securityIdentifier": "S-1-12-1-1111111111", "uniqueName": null, "visibility": null,
    })
}

#[tokio::test]
async fn a_group_is_created_read_changed_and_deleted() {
    let script = Script::new(|_, request| match *request.method() {
        Method::POST => Reply::json(201, group()),
        Method::GET => Reply::json(200, group()),
        _ => Reply::Answer(204, Vec::new(), String::new()),
    });
    let graph = client(&script);
    let created = graph.groups().create(&json!({"displayName": "Engineering"})).await.expect("created");
    let id = created.id.clone().expect("an id");
    assert_eq!(created.kind(), Some(GroupKind::Security));
    assert_eq!(created.extra["securityIdentifier"], "S-1-12-1-1111111111", "unknown properties are kept");
    graph.groups().get(&id).select(["id", "groupTypes"]).expand("members($select=id)").await.expect("read");
    graph.groups().update(&id, &json!({"description": null})).await.expect("changed");
    graph.groups().delete(&id).await.expect("deleted");
    let seen = script.seen();
    let methods: Vec<_> = seen.iter().map(|request| request.method().as_str()).collect();
    assert_eq!(methods, ["POST", "GET", "PATCH", "DELETE"]);
    let at = format!("https://graph.example/v1.0/groups/{GROUP}");
    assert_eq!(
        script.addresses(),
        [
            "https://graph.example/v1.0/groups".to_owned(),
            format!("{at}?$select=id,groupTypes&$expand=members(%24select%3Did)"),
            at.clone(),
            at,
        ]
    );
    assert_eq!(body_of(&seen[2]), json!({"description": null}));
}

#[tokio::test]
async fn an_upsert_tells_a_new_group_from_an_old_one() {
    for (name, address) in [
        ("contoso-eng", "groups(uniqueName=%27contoso-eng%27)"),
        ("o'neil/../x?y#z", "groups(uniqueName=%27o%27%27neil%2F..%2Fx%3Fy%23z%27)"),
        ("..", "groups(uniqueName=%27..%27)"),
    ] {
        let script = Script::new(|number, _| match number {
            0 => Reply::json(201, group()),
            _ => Reply::Answer(204, Vec::new(), String::new()),
        });
        let graph = client(&script);
        let new = graph.groups().upsert(name, &json!({"displayName": "Engineering"})).await.expect("created");
        assert_eq!(new.and_then(|group| group.display_name).as_deref(), Some("Engineering"));
        assert_eq!(graph.groups().upsert(name, &json!({})).await.expect("changed"), None);
        let request = &script.seen()[0];
        assert_eq!(request.method(), Method::PATCH);
        assert_eq!(request.headers()["prefer"], "create-if-missing");
        assert_eq!(request.uri(), format!("https://graph.example/v1.0/{address}").as_str());
    }
    let script = Script::new(|_, _| Reply::json(200, "{}"));
    let error = client(&script).groups().upsert("", &json!({})).await.expect_err("no key");
    assert_eq!((error.kind(), script.count()), (ErrorKind::Invalid, 0));
}

#[test]
fn the_kind_is_told_by_the_properties() {
    let read = |types: Json, mail: Json, security: Json| -> Group {
        serde_json::from_value(json!({"groupTypes": types, "mailEnabled": mail, "securityEnabled": security}))
            .expect("a group")
    };
    #[rustfmt::skip]
    let table = [
        (json!(["Unified"]), json!(true), json!(false), Some(GroupKind::Microsoft365), Some(false)),
        (json!(["Unified"]), json!(true), json!(true), Some(GroupKind::Microsoft365), Some(false)),
        (json!(["DynamicMembership", "Unified"]), json!(true), json!(true), Some(GroupKind::Microsoft365), Some(true)),
        (json!([]), json!(false), json!(true), Some(GroupKind::Security), Some(false)),
        (json!(["DynamicMembership"]), json!(false), json!(true), Some(GroupKind::Security), Some(true)),
        (json!([]), json!(true), json!(true), Some(GroupKind::MailEnabledSecurity), Some(false)),
        (json!([]), json!(true), json!(false), Some(GroupKind::Distribution), Some(false)),
        (json!([]), json!(false), json!(false), Some(GroupKind::Plain), Some(false)),
        (json!(["Novelty"]), json!(false), json!(true), Some(GroupKind::Security), Some(false)),
        (json!(["Unified"]), json!(null), json!(null), Some(GroupKind::Microsoft365), Some(false)),
        (json!(null), json!(true), json!(true), None, None),
        (json!([]), json!(null), json!(true), None, Some(false)),
    ];
    for (types, mail, security, kind, dynamic) in table {
        let group = read(types.clone(), mail, security);
        assert_eq!((group.kind(), group.is_dynamic()), (kind, dynamic), "{types}");
    }
    assert!(GroupKind::Security.is_writable() && !GroupKind::Distribution.is_writable());
    for (synced, expected) in [(json!(true), true), (json!(false), false), (json!(null), false)] {
        let group: Group = serde_json::from_value(json!({"onPremisesSyncEnabled": synced})).expect("a group");
        assert_eq!(group.is_synced(), expected);
    }
}

#[test]
fn what_was_not_read_is_not_sent() {
    let group: Group = serde_json::from_value(json!({"id": GROUP, "displayName": "A"})).expect("a group");
    assert_eq!(serde_json::to_value(&group).expect("JSON"), json!({"id": GROUP, "displayName": "A"}));
}

#[tokio::test]
async fn groups_and_members_are_lists() {
    let script = Script::new(|_, request| {
        if !request.uri().path().ends_with("embers") {
            return Reply::json(200, json!({"value": [group()]}));
        }
        Reply::json(
            200,
            json!({"value": [
                {"@odata.type": "#microsoft.graph.user", "id": "a", "displayName": "Ada", "userPrincipalName": "ada@c.de", "mail": null},
                {"@odata.type": "#microsoft.graph.group", "id": "b"},
                {"@odata.type": "#microsoft.graph.servicePrincipal", "id": "c", "displayName": null},
                {"@odata.type": "#microsoft.graph.orgContact", "id": "d"},
                {"@odata.type": "#microsoft.graph.device", "id": "e"},
                {"@odata.type": "#microsoft.graph.novelty", "id": "f"},
                {"id": "g"},
            ]}),
        )
    });
    let graph = client(&script);
    let groups: Vec<_> = graph.groups().list().items().try_collect().await.expect("groups");
    assert_eq!(groups.len(), 1);
    let members: Vec<_> = graph.groups().members(GROUP).list().select(["id"]).items().try_collect().await.expect("all");
    let kinds: Vec<_> = members.iter().map(|member| member.kind()).collect();
    use DirectoryObjectKind::*;
    assert_eq!(kinds, [User, Group, ServicePrincipal, Contact, Device, Other, Other]);
    assert_eq!(members[0].user_principal_name.as_deref(), Some("ada@c.de"));
    assert!(members[0].extra.contains_key("mail"));
    graph.groups().transitive_members(GROUP).items().try_collect::<Vec<_>>().await.expect("all");
    let _ = graph.groups().owners("a/../b").list().items_as::<Json>().items().try_collect::<Vec<_>>().await;
    assert_eq!(
        script.addresses(),
        [
            "https://graph.example/v1.0/groups?$top=999".to_owned(),
            format!("https://graph.example/v1.0/groups/{GROUP}/members?$select=id&$top=999"),
            format!("https://graph.example/v1.0/groups/{GROUP}/transitiveMembers?$top=999"),
            "https://graph.example/v1.0/groups/a%2F..%2Fb/owners?$top=999".to_owned(),
        ]
    );
}

#[tokio::test]
async fn an_empty_id_is_no_group() {
    let script = Script::new(|_, _| Reply::json(200, "{}"));
    let graph = client(&script);
    for id in ["", ".", ".."] {
        assert_eq!(graph.groups().delete(id).await.expect_err("no id").kind(), ErrorKind::Invalid);
        assert_eq!(graph.groups().get(id).await.expect_err("no id").kind(), ErrorKind::Invalid);
        assert!(graph.groups().members(id).list().items().try_collect::<Vec<_>>().await.is_err());
    }
    assert_eq!(script.count(), 0);
}

#[tokio::test]
async fn role_assignments_have_names() {
    let script = Script::new(|_, _| {
        Reply::json(
            200,
            json!({"value": [
                {"id": "1", "principalId": "p1", "roleDefinitionId": "fe930be7-5e62-47db-91af-98c3a49a38b1", "directoryScopeId": "/",
                 "roleDefinition": {"id": "fe930be7-5e62-47db-91af-98c3a49a38b1", "displayName": "User Administrator", "isBuiltIn": true,
                                    "templateId": "fe930be7-5e62-47db-91af-98c3a49a38b1", "rolePermissions": []}},
                {"id": "2", "principalId": "p2", "roleDefinitionId": "r2", "roleDefinition": {"id": "r2", "displayName": ""}},
                {"id": "3", "principalId": "p3", "roleDefinitionId": "r3", "roleDefinition": null},
            ]}),
        )
    });
    let roles: Vec<_> = client(&script)
        .role_assignments()
        .filter("principalId eq 'p1'")
        .items()
        .try_collect()
        .await
        .expect("assignments");
    assert_eq!(roles.iter().map(|role| role.role_name()).collect::<Vec<_>>(), ["User Administrator", "r2", "r3"]);
    assert_eq!(roles[0].principal_id.as_str(), "p1");
    assert_eq!(roles[0].directory_scope_id.as_deref(), Some("/"));
    assert_eq!(
        script.addresses(),
        ["https://graph.example/v1.0/roleManagement/directory/roleAssignments?$expand=roleDefinition\
          &$filter=principalId%20eq%20%27p1%27"]
    );
}

#[tokio::test]
async fn what_graph_cannot_write_is_refused_before_it_is_sent() {
    let script = Script::new(|_, _| Reply::Answer(204, Vec::new(), String::new()));
    let graph = client(&script);
    let references: Vec<String> =
        (0..21).map(|number| format!("https://graph.microsoft.com/v1.0/users/{number}")).collect();
    let (some, rest) = references.split_at(11);
    let table = [
        (json!({"mailEnabled": true, "securityEnabled": true}), "add Unified to groupTypes"),
        (json!({"mailEnabled": true, "groupTypes": ["DynamicMembership"]}), "add Unified to groupTypes"),
        (json!({"members@odata.bind": references}), "20 references"),
        (json!({"members@odata.bind": some, "owners@odata.bind": rest}), "20 references"),
    ];
    for (body, expected) in table {
        for error in [
            graph.groups().create(&body).await.expect_err("refused"),
            graph.groups().upsert("sales", &body).await.expect_err("refused"),
            graph.groups().update(GROUP, &body).await.expect_err("refused"),
        ] {
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
    assert_eq!(script.count(), 0, "nothing was sent");
    let m365 = json!({"mailEnabled": true, "groupTypes": ["unified"], "members@odata.bind": some});
    graph.groups().update(GROUP, &m365).await.expect("sent");
    assert_eq!(script.count(), 1);
}

#[tokio::test]
async fn a_group_that_was_read_is_not_asked_for_what_graph_does_not_do() {
    let read = |types: &[&str], mail: bool, security: bool, synced: Json| {
        let group = json!({
            "id": GROUP, "groupTypes": types, "mailEnabled": mail, "securityEnabled": security,
            "onPremisesSyncEnabled": synced,
        });
        serde_json::from_value::<Group>(group).expect("a group")
    };
    #[rustfmt::skip]
    let table = [
        (read(&[], false, true, Json::Null), [true, true, true, true], "security"),
        (read(&["Unified"], true, false, Json::Null), [true, true, true, true], "Microsoft 365"),
        (read(&["Unified", "DynamicMembership"], true, false, Json::Null), [true, false, true, true], "a rule says who is in"),
        (read(&[], true, true, Json::Null), [false, false, false, false], "mail-enabled security"),
        (read(&[], true, false, Json::Null), [false, false, false, false], "distribution"),
        (read(&[], false, true, json!(true)), [false, false, false, false], "synchronised"),
        (read(&[], false, true, json!(false)), [true, true, true, true], "once synchronised"),
        (serde_json::from_value(json!({"id": GROUP})).expect("a group"), [true, true, true, true], "not known"),
    ];
    let member = entrant::graph::DirectoryObjectId::new("a82905a2-4ba2-5e93-bd12-3200cfe70a56");
    for (group, expected, why) in table {
        let script = Script::new(|_, _| Reply::Answer(204, Vec::new(), String::new()));
        let groups = client(&script).groups();
        let outcomes = [
            groups.update(&group, &json!({"description": "x"})).await,
            groups.members(&group).add_one(&member).await,
            groups.owners(&group).remove_one(&member).await,
            groups.delete(&group).await,
        ];
        assert_eq!(outcomes.each_ref().map(Result::is_ok), expected, "{why}");
        assert_eq!(script.count(), expected.iter().filter(|sent| **sent).count(), "{why}");
        for error in outcomes.into_iter().filter_map(Result::err) {
            assert_eq!(error.kind(), ErrorKind::Invalid, "{why}");
            assert!(error.to_string().contains(GROUP), "{error}");
        }
        if !expected[1] {
            assert_eq!(groups.members(&group).add([&member]).await.len(), 1, "{why}: refused, and said so");
            assert_eq!(groups.members(&group).bind([&member]).await.expect_err(why).kind(), ErrorKind::Invalid);
        }
    }
    let script = Script::new(|_, _| Reply::Answer(204, Vec::new(), String::new()));
    let nameless = Group::default();
    client(&script).groups().update(&nameless, &json!({"description": "x"})).await.expect_err("which?");
    assert_eq!(script.count(), 0);
}
