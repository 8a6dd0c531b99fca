//! Consent, secrets of applications, and roles given through Graph: what a set-up leans on.

use std::time::Duration;

use bytes::Bytes;
use entrant::Cloud;
use entrant::clock::ManualClock;
use entrant::http::Transport as _;
use entrant::sim::{Activity, Sim};
use http::Request;
use serde_json::{Value, json};
use time::macros::datetime;

use super::{Client, Got, read, tenant};

const GRAPH: &str = "00000003-0000-0000-c000-000000000000";
const USER_READ: &str = "df021288-bdef-4463-88db-98f22de89214";
const USER_ADMIN: &str = "fe930be7-5e62-47db-91af-98c3a49a38b1";

fn governed() -> entrant::sim::SimBuilder {
    tenant()
        .permission("AppRoleAssignment.ReadWrite.All")
        .permission("RoleManagement.ReadWrite.Directory")
        .permission("DelegatedPermissionGrant.ReadWrite.All")
}

async fn sign_in(sim: &Sim, id: &str, secret: &str) -> Got {
    let encoded: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let form = format!(
        "grant_type=client_credentials&client_id={id}&client_secret={encoded}&scope=https://graph.microsoft.com/.default"
    );
    let request = Request::post(format!("{}{}/oauth2/v2.0/token", sim.origin(), sim.tenant_id()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(form));
    read(sim.transport().send(request.expect("a request")).await.expect("an answer"))
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

#[tokio::test]
async fn a_new_application_may_do_what_it_was_granted() {
    let sim = governed().build();
    let client = Client::of(&sim);
    let app = client.post("applications", &json!({"displayName": "Connector"})).await.body;
    let (id, app_id) = (text(&app["id"]), text(&app["appId"]));
    let made = client.post(&format!("applications/{id}/addPassword"), &json!({})).await;
    assert_eq!(made.status, 200, "{made:?}");
    let secret = text(&made.body["secretText"]);
    let refused = sign_in(&sim, app_id, secret).await;
    assert_eq!(refused.status, 400, "without a service principal it does not sign in");
    let principal = client.post("servicePrincipals", &json!({"appId": app_id})).await.body;
    let principal = text(&principal["id"]);

    let mut own = Client::of(&sim);
    own.token = text(&sign_in(&sim, app_id, secret).await.body["access_token"]).to_owned();
    own.get("users").await.refused(403, "Authorization_RequestDenied", "");
    let graph = client.get(&format!("servicePrincipals(appId='{GRAPH}')?$select=id,appRoles")).await.body;
    let roles = graph["appRoles"].as_array().expect("a list");
    let role = roles.iter().find(|role| role["value"] == "User.Read.All").expect("it is offered");
    assert_eq!((&role["id"], &role["isEnabled"]), (&json!(USER_READ), &json!(true)));
    let graph = text(&graph["id"]);
    let body = json!({"principalId": principal, "resourceId": graph, "appRoleId": USER_READ});
    let path = format!("servicePrincipals/{graph}/appRoleAssignedTo");
    let granted = client.post(&path, &body).await;
    assert_eq!(granted.status, 201, "{granted:?}");
    assert_eq!(granted.body["principalDisplayName"], "Connector");
    assert_eq!(own.get("users").await.status, 200, "at once");
    own.get("groups").await.refused(403, "Authorization_RequestDenied", "");
    assert_eq!(sim.permissions_of(app_id), ["User.Read.All"]);

    // The errors of the reference, word for word.
    client.post(&path, &body).await.refused(
        400,
        "Request_BadRequest",
        "Permission being assigned already exists on the object",
    );
    let mut wrong = body.clone();
    wrong["principalId"] = json!(id);
    client.post(&path, &wrong).await.refused(400, "Request_BadRequest", "Not a valid reference update.");
    wrong = body.clone();
    wrong["appRoleId"] = json!(USER_ADMIN);
    client.post(&path, &wrong).await.refused(400, "Request_BadRequest", "was not found on application");
    wrong["appRoleId"] = json!("x");
    client.post(&path, &wrong).await.refused(400, "Request_BadRequest", "'appRoleId'");
    client.post(&path, &json!({})).await.refused(400, "Request_BadRequest", "'principalId'");
    own.post(&path, &body).await.refused(403, "Authorization_RequestDenied", "");

    // Seen from both sides, and withdrawn.
    let list = client.get(&format!("servicePrincipals/{principal}/appRoleAssignments")).await;
    assert_eq!(list.body["value"].as_array().map(Vec::len), Some(1));
    let grant = text(&granted.body["id"]);
    let all = client.get(&path).await;
    assert_eq!(all.body["value"].as_array().map(Vec::len), Some(13), "those of the tenant's own client too");
    assert_eq!(client.get(&format!("{path}/{grant}")).await.body["appRoleId"], USER_READ);
    assert_eq!(client.send("DELETE", &format!("{path}/{grant}"), None).await.status, 204);
    client.send("DELETE", &format!("{path}/{grant}"), None).await.refused(404, "Request_ResourceNotFound", "");
    own.get("users").await.refused(403, "Authorization_RequestDenied", "");

    // The secret is told once, and is good no more once it is removed.
    let shown = client.get(&format!("applications/{id}")).await.body["passwordCredentials"][0].clone();
    assert_eq!((&shown["secretText"], &shown["hint"]), (&Value::Null, &json!(&secret[..3])));
    let key = json!({"keyId": made.body["keyId"]});
    assert_eq!(client.post(&format!("applications/{id}/removePassword"), &key).await.status, 204);
    assert_ne!(sign_in(&sim, app_id, secret).await.status, 200);
    let activities: Vec<_> = sim.audit().iter().map(|entry| entry.activity).collect();
    assert!(activities.ends_with(&[Activity::WithdrawPermission, Activity::RemovePassword]), "{activities:?}");
}

#[tokio::test]
async fn consent_grants_what_a_registration_asks_for() {
    let sim = governed().build();
    let client = Client::of(&sim);
    let access = json!([{"resourceAppId": GRAPH, "resourceAccess": [
        {"id": USER_READ, "type": "Role"}, {"id": "e1fe6dd8-ba31-4d61-89e7-88639da4683d", "type": "Scope"},
    ]}]);
    let body = json!({"displayName": "Connector", "requiredResourceAccess": access});
    let app = client.post("applications", &body).await.body;
    let app_id = text(&app["appId"]);
    assert!(sim.permissions_of(app_id).is_empty(), "asking grants nothing");
    for _ in 0..2 {
        sim.consent(app_id);
        assert_eq!(sim.permissions_of(app_id), ["User.Read.All"]);
    }
    assert!(sim.service_principals().iter().any(|one| one["appId"] == app_id), "it was made");
}

#[tokio::test]
async fn applications_are_created_by_their_key() {
    let sim = governed().build();
    let client = Client::of(&sim);
    let path = "applications(uniqueName='payroll')";
    client.patch(path, &json!({"displayName": "Payroll"})).await.refused(404, "Request_ResourceNotFound", "");
    let upsert = async |path: &str, body: Value| {
        let request = Request::patch(format!("https://sim.invalid/v1.0/{path}"))
            .header("authorization", format!("Bearer {}", sim.token().expose()))
            .header("content-type", "application/json")
            .header("prefer", "create-if-missing")
            .body(Bytes::from(body.to_string()));
        read(sim.transport().send(request.expect("a request")).await.expect("an answer"))
    };
    let made = upsert(path, json!({"displayName": "Payroll"})).await;
    assert_eq!((made.status, &made.body["uniqueName"]), (201, &json!("payroll")), "{made:?}");
    assert_eq!(upsert(path, json!({"displayName": "Payroll 2"})).await.status, 204);
    let named = sim.applications().into_iter().filter(|app| app["uniqueName"] == "payroll").collect::<Vec<_>>();
    assert_eq!((named.len(), &named[0]["displayName"]), (1, &json!("Payroll 2")));
    let app_id = text(&made.body["appId"]);
    let path = format!("servicePrincipals(appId='{app_id}')");
    assert_eq!(upsert(&path, json!({})).await.status, 201);
    assert_eq!(upsert(&path, json!({"tags": ["hr"]})).await.status, 204);
    upsert("servicePrincipals(appId='99999999-2222-3333-4444-555555555555')", json!({})).await.refused(
        400,
        "Request_BadRequest",
        "does not reference a valid application object",
    );
}

#[tokio::test]
async fn roles_are_given_and_taken() {
    let sim = governed().user(json!({"userPrincipalName": "ada@contoso.com"})).build();
    let client = Client::of(&sim);
    let path = "roleManagement/directory/roleAssignments";
    let principal = sim.service_principals()[0]["id"].clone();
    let body = json!({"roleDefinitionId": USER_ADMIN, "principalId": principal, "directoryScopeId": "/"});
    let given = client.post(path, &body).await;
    assert_eq!((given.status, &given.body["roleDefinitionId"]), (201, &json!(USER_ADMIN)), "{given:?}");
    assert_eq!(sim.role_holders("User Administrator"), [text(&principal)]);
    client.post(path, &body).await.refused(400, "Request_BadRequest", "A conflicting object with one or more");
    let change = |name: &str, value: Value| {
        let mut body = body.clone();
        body[name] = value;
        body
    };
    client.post(path, &change("principalId", json!(USER_ADMIN))).await.refused(404, "Request_ResourceNotFound", "");
    client.post(path, &change("roleDefinitionId", json!("x"))).await.refused(404, "Request_ResourceNotFound", "x");
    client.post(path, &change("directoryScopeId", Value::Null)).await.refused(
        400,
        "Request_BadRequest",
        "directoryScopeId",
    );
    let group = sim.add_group(json!({"displayName": "Plain"}));
    client.post(path, &change("principalId", json!(group))).await.refused(400, "Request_BadRequest", "role-assignable");
    let ada = sim.user("ada@contoso.com").expect("there")["id"].clone();
    assert_eq!(client.post(path, &change("principalId", ada)).await.status, 201);
    let one = format!("{path}/{}", text(&given.body["id"]));
    assert_eq!(client.send("DELETE", &one, None).await.status, 204);
    client.send("DELETE", &one, None).await.refused(404, "Request_ResourceNotFound", "");
    sim.withdraw_permission("RoleManagement.ReadWrite.Directory");
    client.post(path, &body).await.refused(403, "Authorization_RequestDenied", "");
    assert_eq!(client.get(path).await.status, 200, "reading asks for less");
}

#[tokio::test]
async fn permissions_for_people_are_granted_and_taken() {
    let sim = governed().build();
    let client = Client::of(&sim);
    let principals = sim.service_principals();
    let graph = principals.iter().find(|one| one["appId"] == GRAPH).expect("it is there")["id"].clone();
    let body = json!({
        "clientId": principals[0]["id"], "consentType": "AllPrincipals", "resourceId": graph, "scope": "User.Read",
    });
    let made = client.post("oauth2PermissionGrants", &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    client.post("oauth2PermissionGrants", &body).await.refused(409, "Request_MultipleObjectsWithSameKeyValue", "");
    let path = format!("oauth2PermissionGrants/{}", text(&made.body["id"]));
    assert_eq!(client.patch(&path, &json!({"scope": "User.Read openid"})).await.status, 204);
    assert_eq!(client.get(&path).await.body["scope"], "User.Read openid");
    assert_eq!(client.get("oauth2PermissionGrants").await.body["value"].as_array().map(Vec::len), Some(1));
    let mut wrong = body.clone();
    wrong["consentType"] = json!("Everybody");
    client.post("oauth2PermissionGrants", &wrong).await.refused(400, "Request_BadRequest", "consentType");
    assert_eq!(client.send("DELETE", &path, None).await.status, 204);
    client.get(&path).await.refused(404, "Request_ResourceNotFound", "");
    sim.withdraw_permission("DelegatedPermissionGrant.ReadWrite.All");
    client.post("oauth2PermissionGrants", &body).await.refused(403, "Authorization_RequestDenied", "");
}

#[tokio::test]
async fn what_goes_wrong_before_anything_is_written() {
    let now = datetime!(2026-03-04 10:15:30 UTC);
    let clock = ManualClock::at(now);
    let sim = tenant().clock(clock.clone()).client("APP", "s").secrets_expire(now + Duration::from_secs(60)).build();
    assert_eq!(sign_in(&sim, "APP", "s").await.status, 200);
    clock.advance(Duration::from_secs(60));
    let expired = sign_in(&sim, "APP", "s").await;
    assert_eq!((expired.status, &expired.body["error_codes"]), (401, &json!([7_000_222])));

    let sim = tenant().clock(clock.clone()).clock_ahead(time::Duration::minutes(10)).build();
    let answer = Client::of(&sim).get("organization").await;
    assert_eq!(answer.headers["date"], "Wed, 04 Mar 2026 10:26:30 GMT");

    let sim = tenant().client("APP", "s").lives_in(Cloud::Dod).build();
    let request = Request::get(format!("{}contoso.com/v2.0/.well-known/openid-configuration", sim.origin()));
    let answer = sim.transport().send(request.body(Bytes::new()).expect("a request")).await.expect("an answer");
    let document = read(answer).body;
    assert_eq!(document["tenant_region_sub_scope"], "DOD");
    assert_eq!(document["msgraph_host"], "dod-graph.microsoft.us");
    assert!(text(&document["token_endpoint"]).starts_with("https://login.microsoftonline.us/"));
    assert_eq!(sign_in(&sim, "APP", "s").await.body["error_codes"], json!([900_382]));
}
