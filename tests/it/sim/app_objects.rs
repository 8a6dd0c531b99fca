//! Secrets and owners of applications.

use entrant::sim::Activity;
use serde_json::{Value, json};

use super::{Client, Got, read, tenant};

/// An application with its service principal: both ids, and the client id.
async fn application(client: &Client) -> (String, String, String) {
    let made = client.post("applications", &json!({"displayName": "Provisioning"})).await;
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let (id, app_id) = (text(&made.body["id"]), text(&made.body["appId"]));
    let principal = client.post("servicePrincipals", &json!({"appId": app_id})).await;
    (id, text(&principal.body["id"]), app_id)
}

async fn sign_in(client: &Client, app_id: &str, secret: &str) -> Got {
    use entrant::http::Transport as _;
    let body = format!(
        "grant_type=client_credentials&client_id={app_id}&client_secret={secret}&scope=https://graph.microsoft.com/.default"
    );
    let request = http::Request::post("https://sim.invalid/contoso.com/oauth2/v2.0/token")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(body.into())
        .expect("a request");
    read(client.sim.transport().send(request).await.expect("an answer"))
}

#[tokio::test]
async fn a_secret_is_told_once_and_signs_in() {
    let sim = tenant().build();
    let client = Client::of(&sim);
    let (id, principal, app_id) = application(&client).await;
    assert_eq!(sign_in(&client, &app_id, "guess").await.body["error_codes"], json!([7_000_215]));
    let path = format!("applications/{id}");
    let wanted = json!({"passwordCredential": {"displayName": "HR job", "endDateTime": "2026-09-01T00:00:00Z"}});
    let made = client.post(&format!("{path}/addPassword"), &wanted).await;
    assert_eq!(made.status, 200, "{made:?}");
    let secret = made.body["secretText"].as_str().expect("a secret").to_owned();
    assert!(secret.len() >= 32 && made.body["hint"] == secret[..3], "{made:?}");
    let expected = json!([{
        "customKeyIdentifier": null, "displayName": "HR job", "endDateTime": "2026-09-01T00:00:00Z",
        "hint": made.body["hint"], "keyId": made.body["keyId"], "secretText": null,
        "startDateTime": "2026-03-04T10:15:30Z",
    }]);
    assert_eq!(client.get(&path).await.body["passwordCredentials"], expected);
    let issued = sign_in(&client, &app_id, &secret).await;
    assert_eq!(issued.status, 200, "{issued:?}");
    assert_eq!(sign_in(&client, &app_id, "guess").await.body["error_codes"], json!([7_000_215]));
    assert!(!format!("{:?} {:?}", sim.audit(), sim.applications()).contains(&secret));

    let other = client.send("POST", &format!("servicePrincipals/{principal}/addPassword"), None).await;
    assert_eq!((other.status, &other.body["endDateTime"]), (200, &json!("2028-03-03T10:15:30Z")), "{other:?}");
    let second = other.body["secretText"].as_str().expect("a secret");
    assert_ne!(second, secret);
    assert_eq!(sign_in(&client, &app_id, second).await.status, 200, "either of them will do");

    let remove = format!("{path}/removePassword");
    let key = json!({"keyId": made.body["keyId"]});
    assert_eq!(client.post(&remove, &key).await.status, 204);
    client.post(&remove, &key).await.refused(400, "Request_BadRequest", "No credentials found");
    client.post(&remove, &json!({"keyId": "x"})).await.refused(400, "Request_BadRequest", "keyId");
    client.post(&remove, &json!({})).await.refused(400, "Request_BadRequest", "keyId");
    assert_ne!(sign_in(&client, &app_id, &secret).await.status, 200);
    assert_eq!(client.get(&path).await.body["passwordCredentials"], json!([]));
    for bad in
        [json!({"displayName": 5}), json!({"endDateTime": "soon"}), json!({"endDateTime": "2020-01-01T00:00:00Z"})]
    {
        let got = client.post(&format!("{path}/addPassword"), &json!({"passwordCredential": bad})).await;
        got.refused(400, "Request_BadRequest", "PasswordCredential");
    }
    client.send("GET", &remove, None).await.refused(405, "Request_BadRequest", "method");
    let unknown = format!("applications/{principal}/addPassword");
    client.post(&unknown, &json!({})).await.refused(404, "Request_ResourceNotFound", "");
    let told: Vec<_> = sim.audit().iter().map(|entry| entry.activity).collect();
    assert!(told.contains(&Activity::AddPassword) && told.contains(&Activity::RemovePassword), "{told:?}");
}

#[tokio::test]
async fn applications_have_owners() {
    let sim = tenant().users(2).groups(1).build();
    let client = Client::of(&sim);
    let (id, principal, app_id) = application(&client).await;
    let (users, group) = (sim.users(), sim.groups()[0]["id"].clone());
    let round = client.get("groups/delta?$deltatoken=latest&$select=owners").await;
    let link = round.body["@odata.deltaLink"].as_str().expect("a link").replace("https://sim.invalid/v1.0/", "");
    let reference = |id: &Value| {
        let id = id.as_str().expect("an id");
        json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{id}")})
    };
    for collection in [format!("applications/{id}"), format!("servicePrincipals(appId='{app_id}')")] {
        let owners = format!("{collection}/owners");
        let link = format!("{owners}/$ref");
        assert_eq!(client.post(&link, &reference(&users[0]["id"])).await.status, 204);
        client.post(&link, &reference(&users[0]["id"])).await.refused(400, "Request_BadRequest", "already exist");
        assert_eq!(client.post(&link, &reference(&json!(principal))).await.status, 204);
        client.post(&link, &reference(&group)).await.refused(400, "Request_BadRequest", "not supported");
        let unknown = reference(&json!("00000000-0000-0000-0000-000000000009"));
        client.post(&link, &unknown).await.refused(404, "Request_ResourceNotFound", "");
        let listed = client.get(&owners).await;
        assert_eq!(listed.ids(), [users[0]["id"].as_str().expect("an id"), &principal]);
        assert_eq!(listed.body["value"][1]["@odata.type"], "#microsoft.graph.servicePrincipal");
        assert_eq!(client.get(&format!("{owners}/microsoft.graph.user?$select=id")).await.ids().len(), 1);
        assert_eq!(client.get(&format!("{owners}/$count")).await.body, json!(2));
        let one = format!("{owners}/{principal}/$ref");
        assert_eq!(client.send("DELETE", &one, None).await.status, 204);
        client.send("DELETE", &one, None).await.refused(404, "Request_ResourceNotFound", "");
    }
    let owned = client.get(&format!("users/{}/ownedObjects", users[0]["id"].as_str().expect("an id"))).await;
    assert!(owned.ids().contains(&id.as_str()) && owned.ids().contains(&principal.as_str()), "{owned:?}");
    assert_eq!(client.get(&link).await.body["value"], json!([]), "a group has not changed");
}
