//! Applications, service principals, guests, and sessions.

use entrant::sim::Activity;
use serde_json::{Value, json};

use super::{Client, tenant};

const CLIENT: &str = "4a7d3c58-97ce-4d7a-8d56-0b7d3e1f0001";

#[tokio::test]
async fn applications_come_and_go_and_come_back() {
    let sim = tenant().client(CLIENT, "secret").build();
    let client = Client::of(&sim);
    let body = json!({"displayName": "Payroll", "keyCredentials": [], "tags": ["hr"]});
    let made = client.post("applications", &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let (id, app_id) = (made.body["id"].as_str().expect("an id"), made.body["appId"].as_str().expect("an id"));
    assert_ne!(id, app_id);
    assert_eq!((&made.body["signInAudience"], &made.body["identifierUris"]), (&json!("AzureADMyOrg"), &json!([])));
    for path in [
        format!("applications/{id}"),
        format!("applications(appId='{app_id}')"),
        format!("Applications(appId='{}')", app_id.to_uppercase()),
    ] {
        assert_eq!(client.get(&path).await.body["displayName"], "Payroll", "{path}");
    }
    for (filter, count) in [
        (format!("appId eq '{app_id}'"), 1),
        ("displayName eq 'payroll'".to_owned(), 1),
        ("startswith(displayName,'Sim')".to_owned(), 1),
        (format!("appId eq '{id}'"), 0),
    ] {
        assert_eq!(client.get(&format!("applications?$filter={filter}")).await.ids().len(), count, "{filter}");
    }
    assert_eq!(client.get("applications/$count").await.body, json!(2));

    let principal = client.post("servicePrincipals", &json!({"appId": app_id, "accountEnabled": true})).await;
    assert_eq!((principal.status, &principal.body["displayName"]), (201, &json!("Payroll")));
    client.post("servicePrincipals", &json!({"appId": app_id})).await.refused(
        409,
        "Request_MultipleObjectsWithSameKeyValue",
        "already in use",
    );
    client.post("servicePrincipals", &json!({})).await.refused(400, "Request_BadRequest", "'appId'");
    client.post("servicePrincipals", &json!({"appId": id})).await.refused(
        400,
        "Request_BadRequest",
        "valid application",
    );
    client.post("applications", &json!({})).await.refused(400, "Request_BadRequest", "'displayName'");
    client.post("applications", &json!({"displayName": "x", "shoe": 1})).await.refused(
        400,
        "Request_BadRequest",
        "shoe",
    );
    client.post("applications", &json!({"displayName": 5})).await.refused(400, "Request_BadRequest", "displayName");
    let own = principal.body["id"].as_str().expect("an id");
    let any = format!("servicePrincipals?$filter=servicePrincipalNames/any(c:c eq '{app_id}')");
    assert_eq!(client.get(&any).await.ids(), [own]);
    assert_eq!(client.get(&format!("servicePrincipals(appId='{CLIENT}')")).await.body["accountEnabled"], true);
    let graph = "servicePrincipals?$filter=appId eq '00000003-0000-0000-c000-000000000000'";
    assert_eq!(client.get(graph).await.body["value"][0]["displayName"], "Microsoft Graph");

    assert_eq!(
        client.patch(&format!("applications/{id}"), &json!({"displayName": "Pay", "tags": []})).await.status,
        204
    );
    client.patch(&format!("applications/{id}"), &json!({"appId": CLIENT})).await.refused(
        400,
        "Request_BadRequest",
        "read-only",
    );
    let mixed =
        client.post("directoryObjects/getByIds", &json!({"ids": [own, id], "types": ["servicePrincipal"]})).await;
    assert_eq!(mixed.body["value"][0]["@odata.type"], "#microsoft.graph.servicePrincipal");
    assert_eq!(mixed.ids(), [own]);

    assert_eq!(client.send("DELETE", &format!("applications(appId='{app_id}')"), None).await.status, 204);
    client.get(&format!("applications/{id}")).await.refused(404, "Request_ResourceNotFound", "");
    client.get(&format!("servicePrincipals/{own}")).await.refused(404, "Request_ResourceNotFound", "");
    assert_eq!(client.get("directory/deletedItems/microsoft.graph.application").await.ids(), [id]);
    assert_eq!(client.get("directory/deletedItems/graph.servicePrincipal").await.ids(), [own]);
    let shown = client.get(&format!("directory/deletedItems/{id}")).await;
    assert_eq!(shown.body["@odata.type"], "#microsoft.graph.application");
    let back = client.post(&format!("directory/deletedItems/{id}/restore"), &json!({})).await;
    assert_eq!((back.status, &back.body["displayName"]), (200, &json!("Pay")));
    assert_eq!(client.send("DELETE", &format!("directory/deletedItems/{own}"), None).await.status, 204);
    client.post(&format!("directory/deletedItems/{own}/restore"), &json!({})).await.refused(
        404,
        "Request_ResourceNotFound",
        "",
    );
    assert_eq!(client.post("servicePrincipals", &json!({"appId": app_id})).await.status, 201);
    let done: Vec<Activity> = sim.audit().iter().map(|entry| entry.activity).collect();
    use Activity::*;
    let expected = [
        CreateApplication,
        CreateServicePrincipal,
        UpdateApplication,
        DeleteApplication,
        RestoreApplication,
        PurgeServicePrincipal,
        CreateServicePrincipal,
    ];
    assert_eq!(done, expected);

    sim.withdraw_permission("Application.ReadWrite.All");
    client.get("applications").await.refused(403, "Authorization_RequestDenied", "");
}

#[tokio::test]
async fn service_principals_are_members() {
    let sim = tenant().client(CLIENT, "secret").build();
    let client = Client::of(&sim);
    let principal = client.get(&format!("servicePrincipals(appId='{CLIENT}')?$select=id")).await;
    let id = principal.body["id"].as_str().expect("an id").to_owned();
    let group = sim.add_group(json!({"displayName": "Robots"}));
    let unified = sim.add_group(json!({"displayName": "People", "groupTypes": ["Unified"]}));
    for (collection, status) in [("servicePrincipals", 204), ("directoryObjects", 400)] {
        let link = json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/{collection}/{id}")});
        assert_eq!(client.post(&format!("groups/{group}/members/$ref"), &link).await.status, status, "{collection}");
        assert_eq!(client.post(&format!("groups/{unified}/members/$ref"), &link).await.status, 400);
    }
    assert_eq!(client.get(&format!("groups/{group}/members/microsoft.graph.servicePrincipal")).await.ids(), [&id]);
    assert_eq!(client.get(&format!("groups/{group}/transitiveMembers")).await.ids(), [&id]);
    assert_eq!(client.get(&format!("servicePrincipals/{id}/memberOf")).await.ids(), [&group]);
    let owner = json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/servicePrincipals/{id}")});
    assert_eq!(client.post(&format!("groups/{unified}/owners/$ref"), &owner).await.status, 204);
    assert_eq!(client.send("DELETE", &format!("groups/{group}/members/{id}/$ref"), None).await.status, 204);
}

#[tokio::test]
async fn guests_are_invited_once() {
    let sim = tenant().build();
    let client = Client::of(&sim);
    let body = json!({"invitedUserEmailAddress": "dana+x@partner.example", "inviteRedirectUrl": "https://portal.example/",
                      "invitedUserDisplayName": "Dana"});
    let one = client.post("invitations", &body).await;
    assert_eq!(one.status, 201, "{one:?}");
    let again = client.post("invitations", &body).await;
    assert_eq!(one.body["invitedUser"], again.body["invitedUser"]);
    let id = one.body["invitedUser"]["id"].as_str().expect("an id");
    let guest = sim.user(id).expect("there");
    assert_eq!(guest["userPrincipalName"], "dana_x_partner.example#EXT#@contoso.onmicrosoft.com");
    let shown =
        ["userType", "externalUserState", "creationType", "mail", "displayName"].map(|name| guest[name].clone());
    assert_eq!(shown, ["Guest", "PendingAcceptance", "Invitation", "dana+x@partner.example", "Dana"].map(Value::from));
    let found = client.get("users/dana_x_partner.example%23EXT%23@contoso.onmicrosoft.com?$select=id").await;
    assert_eq!(found.body["id"], json!(id));
    sim.add_user(json!({"userPrincipalName": "ada@contoso.com", "mail": "ada@contoso.com"}));
    let member = json!({"invitedUserEmailAddress": "ada@contoso.com", "inviteRedirectUrl": "https://portal.example/"});
    client.post("invitations", &member).await.refused(400, "Request_BadRequest", "already exists");
    client.post("invitations", &json!({})).await.refused(400, "Request_BadRequest", "invitedUserEmailAddress");
    let hostile = json!({"invitedUserEmailAddress": "@", "inviteRedirectUrl": "x"});
    client.post("invitations", &hostile).await.refused(400, "Request_BadRequest", "");
    assert_eq!(sim.audit().iter().filter(|entry| entry.activity == Activity::InviteGuest).count(), 1);
}

#[tokio::test]
async fn sessions_are_revoked_in_every_spelling() {
    let clock = entrant::clock::ManualClock::at(time::macros::datetime!(2026-03-04 10:15:30 UTC));
    let sim = tenant().clock(clock.clone()).users(1).build();
    let client = Client::of(&sim);
    let id = sim.users()[0]["id"].as_str().expect("an id").to_owned();
    clock.advance(std::time::Duration::from_secs(60));
    for action in ["revokeSignInSessions", "microsoft.graph.revokeSignInSessions", "REVOKESIGNINSESSIONS"] {
        let got = client.send("POST", &format!("users/{id}/{action}"), None).await;
        assert_eq!((got.status, &got.body["value"]), (200, &json!(true)), "{action}");
    }
    assert_eq!(sim.user(&id).expect("there")["signInSessionsValidFromDateTime"], "2026-03-04T10:16:30Z");
}

#[tokio::test]
async fn the_tenant_knows_itself_as_its_only_instance() {
    use entrant::http::Transport as _;
    let sim = tenant().build();
    let address = "https://sim.invalid/common/discovery/instance?api-version=1.1&authorization_endpoint=\
                   https%3A%2F%2Fsim.invalid%2Fcontoso.com%2Foauth2%2Fv2.0%2Fauthorize";
    let request = http::Request::get(address).body(bytes::Bytes::new()).expect("a request");
    let got = super::read(sim.transport().send(request).await.expect("an answer"));
    let endpoint = "https://sim.invalid/contoso.com/v2.0/.well-known/openid-configuration";
    assert_eq!(got.body["tenant_discovery_endpoint"], endpoint);
    assert_eq!(got.body["metadata"][0]["aliases"], json!(["sim.invalid"]));
}

#[tokio::test]
async fn a_disabled_or_deleted_application_does_not_sign_in() {
    use entrant::http::Transport as _;
    let sim = tenant().client(CLIENT, "secret").build();
    let client = Client::of(&sim);
    let sign_in = async || {
        let body = format!(
            "grant_type=client_credentials&client_id={CLIENT}&client_secret=secret&scope=https://graph.microsoft.com/.default"
        );
        let request = http::Request::post("https://sim.invalid/contoso.com/oauth2/v2.0/token")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body.into())
            .expect("a request");
        let got = super::read(sim.transport().send(request).await.expect("an answer"));
        (got.status, got.body["error_codes"][0].as_u64())
    };
    assert_eq!(sign_in().await, (200, None));
    let path = format!("servicePrincipals(appId='{CLIENT}')");
    assert_eq!(client.patch(&path, &json!({"accountEnabled": false})).await.status, 204);
    assert_eq!(sign_in().await, (400, Some(7_000_112)));
    assert_eq!(client.send("DELETE", &path, None).await.status, 204);
    assert_eq!(sign_in().await, (400, Some(700_016)));
}
