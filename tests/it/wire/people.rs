//! Users: their attributes, guests, extensions, the recycle bin.

use entrant::auth::{ClientId, ClientSecret, TenantId};
use entrant::clock::ManualClock;
use entrant::graph::{
    EmployeeOrgData, ExtensionAttributes, ExtensionProperty, ExtensionType, GraphClass, GraphClient, Group, Guest,
    Invitation, PasswordProfile, Restore, User,
};
use entrant::sim::Sim;
use entrant::{ErrorKind, Result};
use futures::TryStreamExt;
use serde_json::{Value as Json, json};
use time::macros::datetime;

use super::script::{Reply, Script, body_of, client};

/// Every writable attribute, as Graph writes it.
fn everything() -> Json {
    serde_json::from_str(include_str!("../../data/user-everything.json")).expect("JSON")
}

#[test]
fn every_writable_attribute_is_typed_and_comes_out_as_it_went_in() {
    let user: User = serde_json::from_value(everything()).expect("a user");
    assert!(user.extra.is_empty(), "without a field: {:?}", user.extra.keys());
    assert_eq!(serde_json::to_value(&user).expect("JSON"), everything());
    assert!(!format!("{user:?}").contains("Otter"), "a password is not shown");
    assert_eq!(user.on_premises_extension_attributes.as_ref().and_then(|own| own.get(1)), Some("x"));
}

#[test]
fn what_is_not_known_is_kept_and_null_is_none() {
    let text = r##"{"id":"1","ci\u0074y":"Leeds","surname":null,"extension_0123_badge":"B7","x":{"y":[1]},"@odata.type":"#microsoft.graph.user"}"##;
    let user: User = serde_json::from_str(text).expect("a user");
    assert_eq!((user.city.as_deref(), user.surname.as_deref()), (Some("Leeds"), None));
    assert_eq!(user.extra["extension_0123_badge"], "B7");
    assert_eq!(user.extra["x"], json!({"y": [1]}));
    assert_eq!(user.extra.len(), 3);
    let mut changes = User::default();
    changes.job_title = Some("Analyst".into());
    changes.extra.insert("extension_0123_badge".into(), Json::Null);
    assert_eq!(
        serde_json::to_value(&changes).expect("JSON"),
        json!({"jobTitle": "Analyst", "extension_0123_badge": null})
    );
    for wrong in ["[]", "7", r#"{"city":7}"#, r#"{"createdDateTime":"soon"}"#, r#"{"city":"x""#] {
        assert!(serde_json::from_str::<User>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn typed_parts_are_written_as_graph_wants_them() {
    let attributes = ExtensionAttributes::new().with(3, Some("x")).with(4, None::<String>).with(16, Some("y"));
    let mut user = User::default();
    user.on_premises_extension_attributes = Some(attributes);
    user.employee_org_data = Some(EmployeeOrgData::new(Some("C1".into()), None));
    user.password_profile = Some(PasswordProfile::new("Slate-Otter-52!").without_change());
    user.employee_hire_date = Some(datetime!(2026-01-15 01:00 +1));
    assert_eq!(
        serde_json::to_value(&user).expect("JSON"),
        json!({
            "onPremisesExtensionAttributes": {"extensionAttribute3": "x", "extensionAttribute4": null},
            "employeeOrgData": {"costCenter": "C1", "division": null},
            "passwordProfile": {"password": "Slate-Otter-52!", "forceChangePasswordNextSignIn": false},
            "employeeHireDate": "2026-01-15T01:00:00+01:00",
        })
    );
}

#[test]
fn what_is_seldom_asked_for_takes_no_room() {
    let read = |json: Json| serde_json::from_value::<User>(json).expect("a user");
    let plain = read(json!({"id": "1", "skills": null, "faxNumber": null}));
    assert_eq!(plain.skills, None);
    let mut touched = plain.clone();
    touched.skills = Some(vec!["Rust".into()]);
    assert_ne!(touched, plain);
    assert_eq!(touched.skills.take(), Some(vec!["Rust".into()]));
    assert_eq!(touched, plain, "nothing is the same as no details");
    assert_eq!(read(json!({"id": "1", "faxNumber": "7"})).fax_number.as_deref(), Some("7"));
    let twice = serde_json::from_str::<User>("{\"skills\": [\"a\"], \"skills\": [\"b\"]}");
    assert!(twice.is_err(), "which of them?");
    // A listing is a vector of these.
    assert!(size_of::<User>() <= 640, "{}", size_of::<User>());
}

#[tokio::test]
async fn what_cannot_share_a_request_does_not() {
    let script = Script::new(|_, _| Reply::json(204, ""));
    let changes = json!({
        "city": "Leeds", "accountEnabled": false, "skills": ["x"], "AboutMe": "y", "jobTitle": null,
        "passwordProfile": {"password": "Slate-Otter-52!"},
    });
    let calls = client(&script).users().updates("1", changes.as_object().expect("an object"));
    for call in calls {
        call.await.expect("changed");
    }
    let bodies: Vec<_> = script.seen().iter().map(body_of).collect();
    let expected = [
        json!({"city": "Leeds", "jobTitle": null}),
        json!({"AboutMe": "y"}),
        json!({"skills": ["x"]}),
        json!({"passwordProfile": {"password": "Slate-Otter-52!"}}),
        json!({"accountEnabled": false}),
    ];
    assert_eq!(bodies, expected);
    assert!(client(&script).users().updates("1", &serde_json::Map::new()).is_empty());
}

#[tokio::test]
async fn names_with_signs_find_their_owner() {
    let clock = ManualClock::at(datetime!(2026-01-15 09:30:00 UTC));
    let sim = Sim::builder().domain("contoso.com").clock(clock.clone()).seed(7).build();
    let graph = graph(&sim, &clock);
    let names = ["o'neil@contoso.com", "ada#ext#@contoso.com", "a_b-c.d!e^f~g@contoso.com"];
    for (number, name) in names.iter().enumerate() {
        let id =
            sim.add_user(json!({"userPrincipalName": name, "displayName": "x", "mailNickname": format!("n{number}")}));
        let found = graph.users().get(*name).select(["id"]).await.expect(name);
        assert_eq!(found.id.expect("an id").as_str(), id);
    }
}

fn graph(sim: &Sim, clock: &ManualClock) -> GraphClient {
    let credential = ClientSecret::new(
        TenantId::new(sim.tenant_id()).expect("a tenant"),
        ClientId::new(sim.client_id()).expect("a client"),
        sim.client_secret(),
    );
    GraphClient::builder(credential)
        .cloud(sim.cloud())
        .transport(sim.transport())
        .clock(clock.clone())
        .build()
        .expect("a client")
}

#[tokio::test]
async fn deleted_users_and_groups_are_listed_restored_and_purged() {
    let clock = ManualClock::at(datetime!(2026-01-15 09:30:00 UTC));
    let sim = Sim::builder().domain("contoso.com").clock(clock.clone()).users(2).groups(1).seed(7).build();
    let graph = graph(&sim, &clock);
    let bin = graph.deleted_items();
    let group = sim.groups()[0]["id"].as_str().expect("an id").to_owned();
    graph.groups().delete(&*group).await.expect("deleted");
    let listed: Vec<Group> = bin.list_groups().items().try_collect().await.expect("the bin");
    assert_eq!(listed[0].id.as_ref().map(|id| id.as_str()), Some(&*group));
    assert!(bin.get_group(&*group).await.is_ok());
    let restored = bin.restore_group(&*group).await.expect("restored");
    assert_eq!(restored.id.expect("an id").as_str(), group);
    graph.groups().delete(&*group).await.expect("deleted");
    bin.purge_group(&*group).await.expect("purged");
    assert_eq!(bin.get_group(&*group).await.expect_err("gone").kind(), ErrorKind::NotFound);

    let ada = json!({
        "accountEnabled": true, "displayName": "Ada", "mailNickname": "ada", "userPrincipalName": "ada@contoso.com",
        "passwordProfile": {"password": "Slate-Otter-52!"},
    });
    let first = graph.users().create(&ada).await.expect("created").id.expect("an id");
    graph.users().delete(&first).await.expect("deleted");
    graph.users().create(&ada).await.expect("the name is free");
    let error = bin.restore(&first).await.expect_err("the name is taken");
    assert!(error.is_duplicate(), "{error}");
    let other = Restore::new().with_user_principal_name("ada2@contoso.com").with_free_addresses();
    bin.restore_with(&first, &other).await.expect("under another name");
    assert_eq!(sim.user(first.as_str()).expect("back")["userPrincipalName"], "ada2@contoso.com");
    let script = Script::new(|_, _| Reply::json(200, "{}"));
    let bin = client(&script).deleted_items();
    bin.restore_with("1", &other).await.expect("restored");
    assert_eq!(
        body_of(&script.seen()[0]),
        json!({"newUserPrincipalName": "ada2@contoso.com", "autoReconcileProxyConflict": true})
    );
    bin.restore_with("1", &Restore::new()).await.expect("restored");
    assert_eq!(body_of(&script.seen()[1]), json!({}));
    for wrong in ["microsoft.graph.user", "Microsoft.Graph.Group", ""] {
        assert_eq!(bin.purge(wrong).await.expect_err(wrong).kind(), ErrorKind::Invalid);
        assert_eq!(bin.restore_group(wrong).await.expect_err(wrong).kind(), ErrorKind::Invalid);
    }
    assert_eq!(script.count(), 2, "a list is not deleted");
    bin.purge("x/../../users").await.expect("a name like another");
    assert_eq!(script.addresses()[2], "https://graph.example/v1.0/directory/deletedItems/x%2F..%2F..%2Fusers");
}

const GUEST: &str =
    r#"{"id":"g1","userType":"Guest","mail":"dana@fabrikam.com","externalUserState":"PendingAcceptance"}"#;
const MEMBER: &str = r#"{"id":"m1","userType":"Member","otherMails":["dana@fabrikam.com"]}"#;

#[tokio::test]
async fn a_guest_is_invited_once() {
    let invited = || {
        Reply::json(
            201,
            r#"{"invitedUser":{"id":"g2"},"inviteRedeemUrl":"https://x.example/","status":"PendingAcceptance","more":1}"#,
        )
    };
    let found = |users: &str| Reply::json(200, format!("{{\"value\":[{users}]}}"));
    type Answers = Vec<Box<dyn Fn() -> Reply + Send + Sync>>;
    let run = |answers: Answers| async move {
        let script = Script::new(move |number, _| answers[number]());
        let invitation = Invitation::new("dana@fabrikam.com", "https://portal.contoso.com/").with_display_name("Dana");
        let outcome: Result<Guest> = client(&script).users().invite(&invitation).await;
        (script, outcome)
    };
    let (script, outcome) = run(vec![Box::new(move || found("")), Box::new(invited)]).await;
    let Guest::Invited(sent) = outcome.expect("invited") else { panic!("not invited") };
    assert_eq!(sent.invited_user.id.expect("an id").as_str(), "g2");
    assert_eq!(sent.extra["more"], 1);
    assert_eq!(
        body_of(&script.seen()[1]),
        json!({
            "invitedUserEmailAddress": "dana@fabrikam.com", "inviteRedirectUrl": "https://portal.contoso.com/",
            "invitedUserDisplayName": "Dana", "sendInvitationMessage": false,
        })
    );
    assert!(script.addresses()[0].contains("otherMails/any(x:x%20eq%20%27dana@fabrikam.com%27)"));

    let (script, outcome) = run(vec![Box::new(move || found(GUEST))]).await;
    assert_eq!(outcome.expect("there").user().id.as_ref().map(|id| id.as_str()), Some("g1"));
    assert_eq!(script.count(), 1, "no second invitation");

    let (script, outcome) = run(vec![Box::new(move || found(MEMBER))]).await;
    assert_eq!(outcome.expect_err("a member").kind(), ErrorKind::Conflict);
    assert_eq!(script.count(), 1);

    let two = format!("{GUEST},{}", GUEST.replace("g1", "g3"));
    let (_, outcome) = run(vec![Box::new(move || found(&two))]).await;
    assert_eq!(outcome.expect_err("which one").kind(), ErrorKind::Conflict);

    let (script, outcome) =
        run(vec![Box::new(move || found("")), Box::new(|| Reply::Lost), Box::new(move || found(GUEST))]).await;
    assert!(matches!(outcome.expect("it was carried out"), Guest::There(_)));
    assert_eq!(script.count(), 3, "not sent twice");

    let (_, outcome) =
        run(vec![Box::new(move || found("")), Box::new(|| Reply::Lost), Box::new(move || found(""))]).await;
    assert!(outcome.expect_err("nobody knows").is_outcome_in_doubt());

    let script = Script::new(|_, _| Reply::json(500, ""));
    let outcome = client(&script).users().invite(&Invitation::new(" ", "https://x.example/")).await;
    assert_eq!(outcome.expect_err("no address").kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn extension_properties_are_listed_and_defined() {
    let script = Script::new(|number, _| match number {
        0 => Reply::json(
            200,
            json!({"value": [
                {"name": "extension_0123_badge", "dataType": "String", "targetObjects": ["User"]},
                {"name": "extension_0123_odd", "dataType": "Quaternion", "isMultiValued": true, "targetObjects": []},
            ]}),
        ),
        _ => {
            Reply::json(201, json!({"name": "extension_0123_floor", "dataType": "Integer", "targetObjects": ["User"]}))
        }
    });
    let extensions = client(&script).extension_properties("app1");
    let listed: Vec<ExtensionProperty> = extensions.list().items().try_collect().await.expect("a list");
    assert_eq!(listed[0].data_type, ExtensionType::String);
    assert_eq!(listed[1].data_type, ExtensionType::Other("Quaternion".into()));
    let created = extensions.create(&ExtensionProperty::of_users("floor", ExtensionType::Integer)).await;
    assert_eq!(created.expect("defined").name, "extension_0123_floor");
    assert_eq!(
        body_of(&script.seen()[1]),
        json!({"name": "floor", "dataType": "Integer", "isMultiValued": false, "targetObjects": ["User"]})
    );
    assert!(script.addresses()[1].ends_with("/v1.0/applications/app1/extensionProperties"));
    assert!(entrant::graph::extension_name("app1", "x").is_err());
    assert!(entrant::graph::extension_name("11111111-2222-3333-4444-555555555555", "a b").is_err());
}

#[tokio::test]
async fn an_unknown_property_is_named() {
    let script = Script::new(|_, _| {
        let message = "The following extension properties are not available: extension_0123_badge.";
        Reply::json(400, json!({"error": {"code": "Request_BadRequest", "message": message}}))
    });
    let error = client(&script).users().update("1", &json!({"extension_0123_badge": 1})).await.expect_err("refused");
    let class = error.graph().expect("Graph said so").class();
    assert_eq!(class, GraphClass::UnknownProperty { property: Some("extension_0123_badge".into()) });
}
