//! Directory roles and permissions.

use entrant::sim::{Sim, SimBuilder};
use serde_json::{Value, json};

use super::{Client, tenant};

const GLOBAL: &str = "62e90394-69f5-4237-9190-012177145e10";
const USER_ADMIN: &str = "fe930be7-5e62-47db-91af-98c3a49a38b1";
const READERS: &str = "88d8e3e3-8f55-4a1e-953a-9b9898b8876b";

/// Ada is a global administrator, Bo reads the directory, Cy is one by a group, Dee owns that group, Eve is nobody.
fn governed() -> SimBuilder {
    ["ada", "bo", "cy", "dee", "eve"]
        .into_iter()
        .fold(tenant(), |builder, name| builder.user(json!({"userPrincipalName": format!("{name}@contoso.com")})))
        .group(json!({
            "displayName": "Admins", "isAssignableToRole": true,
            "members": ["cy@contoso.com"], "owners": ["dee@contoso.com"],
        }))
        .role("Global Administrator", "ada@contoso.com")
        .role(READERS, "bo@contoso.com")
        .role("User Administrator", "Admins")
}

/// The claims of a token from the token endpoint.
async fn claims(sim: &Sim) -> Value {
    use entrant::http::Transport as _;
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope=https://graph.microsoft.com/.default",
        sim.client_id(),
        sim.client_secret().expose()
    );
    let request = http::Request::post(format!("{}{}/oauth2/v2.0/token", sim.origin(), sim.tenant_id()))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form.into());
    let answer = sim.transport().send(request.expect("a request")).await.expect("an answer");
    let token = super::read(answer).body["access_token"].as_str().expect("a token").to_owned();
    let mut bits = 0_u32;
    let mut count = 0;
    let mut bytes = Vec::new();
    for c in token.split('.').nth(1).expect("claims").bytes() {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let value = alphabet.iter().position(|known| *known == c).expect("in the alphabet");
        bits = (bits << 6 | value as u32) & 0xFFFF;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    serde_json::from_slice(&bytes).expect("JSON")
}

#[tokio::test]
async fn role_assignments_are_read() {
    let sim = governed().application_role(USER_ADMIN).build();
    let client = Client::of(&sim);
    let path = "roleManagement/directory/roleAssignments";
    let all = client.get(path).await;
    let all = all.body["value"].as_array().expect("a list");
    assert_eq!(all.len(), 4);
    let ada = sim.user("ada@contoso.com").expect("there")["id"].clone();
    assert_eq!(
        (&all[0]["principalId"], &all[0]["roleDefinitionId"], &all[0]["directoryScopeId"]),
        (&ada, &json!(GLOBAL), &json!("/"))
    );
    let filtered = client
        .get(&format!("{path}?$filter=principalId eq '{}'&$select=id,roleDefinitionId", ada.as_str().expect("text")))
        .await;
    assert_eq!(filtered.body["value"], json!([{"id": all[0]["id"], "roleDefinitionId": GLOBAL}]));
    let by_role = client.get(&format!("{path}?$filter=roleDefinitionId in ('{GLOBAL}','{READERS}')")).await;
    assert_eq!(by_role.ids().len(), 2);
    let one = client.get(&format!("{path}/{}", all[0]["id"].as_str().expect("text"))).await;
    assert_eq!(one.body["principalId"], ada);
    let expanded = client.get(&format!("{path}?$expand=roleDefinition")).await;
    assert_eq!(expanded.body["value"][0]["roleDefinition"]["displayName"], "Global Administrator");
    let expanded = client.get(&format!("{path}?$expand=principal&$top=3")).await;
    let kinds: Vec<_> = (0..3).map(|at| expanded.body["value"][at]["principal"]["@odata.type"].clone()).collect();
    assert_eq!(kinds, ["#microsoft.graph.user", "#microsoft.graph.user", "#microsoft.graph.group"]);
    let next = expanded.body["@odata.nextLink"].as_str().expect("more").replace("https://sim.invalid/v1.0/", "");
    let rest = client.get(&next).await;
    assert_eq!(rest.body["value"][0]["principal"]["@odata.type"], "#microsoft.graph.servicePrincipal");
    for (query, code) in [
        ("$expand=principal,roleDefinition", "Request_UnsupportedQuery"),
        ("$orderby=id", "Request_UnsupportedQuery"),
        ("$filter=displayName eq 'x'", "BadRequest"),
        ("$select=displayName", "BadRequest"),
    ] {
        client.get(&format!("{path}?{query}")).await.refused(400, code, "");
    }
    client.get(&format!("{path}/x")).await.refused(404, "Request_ResourceNotFound", "x");
    client.send("PUT", path, Some(&json!({}))).await.refused(405, "Request_BadRequest", "method");
    assert_eq!(sim.role_holders("Global Administrator"), [ada.as_str().expect("text")]);
    assert_eq!(claims(&sim).await["wids"], json!([USER_ADMIN, "0997a1d0-0d1d-4acb-b408-d5ca73121e90"]));

    sim.withdraw_permission("RoleManagement.Read.Directory");
    client.get(path).await.refused(403, "Authorization_RequestDenied", "Insufficient privileges");
}

#[tokio::test]
async fn role_holders_are_out_of_reach_without_a_role() {
    // For each role of the application, whom it may not disable or delete.
    for (own, out_of_reach) in [
        (None, vec!["ada", "bo", "cy", "dee"]),
        (Some("License Administrator"), vec!["ada", "bo", "cy", "dee"]),
        (Some("User Administrator"), vec!["ada", "cy", "dee"]),
        (Some("Privileged Authentication Administrator"), vec![]),
        (Some("Global Administrator"), vec![]),
    ] {
        let sim = own.into_iter().fold(governed(), SimBuilder::application_role).build();
        let client = Client::of(&sim);
        for name in ["ada", "bo", "cy", "dee", "eve"] {
            let path = format!("users/{name}@contoso.com");
            assert_eq!(client.patch(&path, &json!({"jobTitle": "Lead"})).await.status, 204, "ordinary properties");
            let disabled = client.patch(&path, &json!({"AccountEnabled": false})).await;
            let deleted = client.send("DELETE", &path, None).await;
            if out_of_reach.contains(&name) {
                disabled.refused(403, "Authorization_RequestDenied", "Insufficient privileges");
                deleted.refused(403, "Authorization_RequestDenied", "Insufficient privileges");
            } else {
                assert_eq!((disabled.status, deleted.status), (204, 204), "{own:?} over {name}");
            }
        }
        let left = sim.users().len();
        assert_eq!(left, out_of_reach.len());
    }
    let sim = governed().build();
    let ada = sim.user("ada@contoso.com").expect("there")["id"].as_str().expect("an id").to_owned();
    sim.delete_user(&ada);
    let restored = Client::of(&sim).post(&format!("directory/deletedItems/{ada}/restore"), &json!({})).await;
    restored.refused(403, "Authorization_RequestDenied", "");
}

#[tokio::test]
async fn what_is_not_permitted_is_denied() {
    let without =
        |names: &[&str]| names.iter().fold(governed(), |builder, name| builder.without_permission(name)).build();
    for (names, denied, allowed) in [
        (&["Domain.Read.All"][..], ("GET", "domains"), ("GET", "organization")),
        (
            &["LicenseAssignment.ReadWrite.All", "Organization.Read.All"],
            ("GET", "subscribedSkus"),
            ("GET", "organization"),
        ),
        (&["RoleManagement.Read.Directory"], ("GET", "roleManagement/directory/roleAssignments"), ("GET", "users")),
        (&["User.ReadWrite.All"], ("GET", "users"), ("GET", "groups")),
        (&["User.ReadWrite.All"], ("POST", "users"), ("GET", "groups")),
        (&["Group.ReadWrite.All"], ("GET", "groups"), ("GET", "users")),
        (
            &["User.ReadWrite.All", "LicenseAssignment.ReadWrite.All"],
            ("POST", "users/eve@contoso.com/assignLicense"),
            ("GET", "groups"),
        ),
    ] {
        let sim = without(names);
        let client = Client::of(&sim);
        let body = json!({});
        let body = (denied.0 == "POST").then_some(&body);
        client.send(denied.0, denied.1, body).await.refused(
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges",
        );
        assert_eq!(client.send(allowed.0, allowed.1, None).await.status, 200, "{names:?}");
        let roles = claims(&sim).await["roles"].clone();
        assert!(names.iter().all(|name| !roles.as_array().expect("a list").contains(&json!(name))));
    }
    let sim = governed().build();
    assert_eq!(claims(&sim).await["wids"], json!(["0997a1d0-0d1d-4acb-b408-d5ca73121e90"]));
    let eve = sim.user("eve@contoso.com").expect("there")["id"].clone();
    let add = json!({"@odata.id": format!("https://x.example/v1.0/users/{}", eve.as_str().expect("text"))});
    let admins = sim.group("Admins").expect("there")["id"].as_str().expect("an id").to_owned();
    let path = format!("groups/{admins}/members/$ref");
    let client = Client::of(&sim);
    client.post(&path, &add).await.refused(403, "Authorization_RequestDenied", "");
    sim.grant_permission("RoleManagement.ReadWrite.Directory");
    assert_eq!(client.post(&path, &add).await.status, 204);
}
