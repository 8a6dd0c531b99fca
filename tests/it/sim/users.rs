//! Creating, changing, deleting and restoring users; what is refused; the audit.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use entrant::clock::ManualClock;
use entrant::http::Transport as _;
use entrant::sim::Activity;
use http::Request;
use serde_json::{Value, json};
use time::macros::datetime;

use super::{Client, ada, read, tenant, with};

#[tokio::test]
async fn a_user_lives() {
    let sim = tenant().build();
    let client = Client::of(&sim);
    let created = client.post("users", &ada()).await;
    assert_eq!(created.status, 201);
    let id = created.body["id"].as_str().expect("an id").to_owned();
    assert!(created.headers["Location"].to_str().expect("text").contains(&id));
    assert_eq!(created.body.as_object().expect("a user").len(), 12, "eleven properties and the context");
    assert_eq!(sim.password_of(&id).expect("given").expose(), "Tr4vel-Lamp-91!");

    let path = format!("Users/{id}?$select=usageLocation,createdDateTime,proxyAddresses,passwordProfile,mail");
    assert_eq!(
        client.get(&path).await.body,
        json!({
            "@odata.context": "https://sim.invalid/v1.0/$metadata#users(usageLocation,createdDateTime,proxyAddresses,passwordProfile,mail)/$entity",
            "usageLocation": "GB",
            "createdDateTime": "2026-03-04T10:15:30Z",
            "proxyAddresses": [],
            "passwordProfile": {
                "forceChangePasswordNextSignIn": true,
                "forceChangePasswordNextSignInWithMfa": false,
                "password": null,
            },
            "mail": null,
        })
    );

    let change = json!({"MAIL": "ada@contoso.com", "jobTitle": "Engineer", "onPremisesExtensionAttributes": {"extensionAttribute2": "blue"}});
    assert_eq!(client.patch("users/ADA.okafor%40contoso.com", &change).await.status, 204);
    let change = json!({"jobTitle": null, "mail": "ada.o@contoso.com", "onPremisesExtensionAttributes": {"extensionAttribute3": "x"}});
    let changed = client.patch(&format!("users('{id}')"), &change).await;
    assert_eq!((changed.status, &changed.body), (204, &Value::Null));
    let user = sim.user(&id).expect("there");
    assert_eq!(user["jobTitle"], Value::Null);
    assert_eq!(user["proxyAddresses"], json!(["SMTP:ada.o@contoso.com", "smtp:ada@contoso.com"]));
    assert_eq!(user["onPremisesExtensionAttributes"]["extensionAttribute2"], "blue");
    assert_eq!(user["onPremisesExtensionAttributes"]["extensionAttribute3"], "x");

    assert_eq!(client.send("DELETE", &format!("users/{id}"), None).await.status, 204);
    client.get(&format!("users/{id}")).await.refused(404, "Request_ResourceNotFound", "does not exist");
    let listed =
        client.get("directory/deletedItems/microsoft.graph.user?$select=id,userPrincipalName,deletedDateTime").await;
    assert_eq!(
        listed.body["value"],
        json!([{
            "id": id,
            "userPrincipalName": format!("{}ada.okafor@contoso.com", id.replace('-', "")),
            "deletedDateTime": "2026-03-04T10:15:30Z",
        }])
    );
    let found = client.get(&format!("directory/deletedItems/{id}")).await;
    assert_eq!(found.body["@odata.type"], "#microsoft.graph.user");

    let restored = client.send("POST", &format!("directory/deletedItems/{id}/restore"), None).await;
    assert_eq!((restored.status, &restored.body["mail"]), (200, &json!("ada.o@contoso.com")));
    assert_eq!(sim.user(&id).expect("back")["userPrincipalName"], "ada.okafor@contoso.com");

    client.send("DELETE", &format!("users/{id}"), None).await;
    assert_eq!(client.send("DELETE", &format!("directory/deletedItems/{id}"), None).await.status, 204);
    client.get(&format!("directory/deletedItems/{id}")).await.refused(404, "Request_ResourceNotFound", &id);

    let audit = sim.audit();
    let activities: Vec<_> = audit.iter().map(|entry| entry.activity).collect();
    use Activity::{CreateUser, DeleteUser, PurgeUser, RestoreUser, UpdateUser};
    assert_eq!(activities, [CreateUser, UpdateUser, UpdateUser, DeleteUser, RestoreUser, DeleteUser, PurgeUser]);
    assert!(audit[0].properties.contains(&"mailNickname".to_owned()));
    assert_eq!(audit[0].actor, sim.client_id());
    assert!(!serde_json::to_string(&audit).expect("JSON").contains("Tr4vel"));
}

#[tokio::test]
async fn what_a_user_may_not_be() {
    let sim = tenant().build();
    sim.add_user(json!({
        "userPrincipalName": "taken@contoso.com",
        "mail": "taken.mail@contoso.com",
        "onPremisesImmutableId": "anchor",
    }));
    let client = Client::of(&sim);
    let invalid = |property: &str| format!("Invalid value specified for property '{property}' of resource 'User'.");
    let required = |property: &str| format!("A value is required for property '{property}' of resource 'User'.");
    let conflict =
        |property: &str| format!("Another object with the same value for property {property} already exists.");
    let password = "The specified password does not comply with password complexity requirements.".to_owned();
    let cases = [
        (json!({"displayName": null}), required("displayName")),
        (json!({"passwordProfile": null}), required("passwordProfile")),
        (json!({"accountEnabled": null}), required("accountEnabled")),
        (json!({"userPrincipalName": "ada@fabrikam.com"}), required("onPremisesImmutableId")),
        (json!({"displayName": ""}), invalid("displayName")),
        (json!({"displayName": "x".repeat(257)}), invalid("displayName")),
        (json!({"department": "ü".repeat(65)}), invalid("department")),
        (json!({"employeeId": "x".repeat(17)}), invalid("employeeId")),
        (json!({"usageLocation": "gb"}), invalid("usageLocation")),
        (json!({"usageLocation": "GBR"}), invalid("usageLocation")),
        (json!({"usageLocation": "UK"}), invalid("usageLocation")),
        (json!({"usageLocation": "XX"}), invalid("usageLocation")),
        (json!({"usageLocation": null}), invalid("usageLocation")),
        (json!({"mail": null}), invalid("mail")),
        (json!({"mail": "zoë@contoso.com"}), invalid("mail")),
        (json!({"mailNickName": "a b"}), invalid("mailNickname")),
        (json!({"userPrincipalName": "a..@contoso.com"}), invalid("userPrincipalName")),
        (json!({"userPrincipalName": "åda@contoso.com"}), invalid("userPrincipalName")),
        (json!({"accountEnabled": "true"}), invalid("accountEnabled")),
        (json!({"jobTitle": 5}), invalid("jobTitle")),
        (json!({"businessPhones": ["1", "2"]}), invalid("businessPhones")),
        (json!({"businessPhones": null}), invalid("businessPhones")),
        (json!({"userType": "Robot"}), invalid("userType")),
        (json!({"employeeHireDate": "soon"}), invalid("employeeHireDate")),
        (
            json!({"onPremisesExtensionAttributes": {"extensionAttribute16": "x"}}),
            invalid("onPremisesExtensionAttributes"),
        ),
        (json!({"createdDateTime": "2026-01-01T00:00:00Z"}), "Property 'createdDateTime' is read-only".to_owned()),
        (json!({"proxyAddresses": []}), "Property 'proxyAddresses' is read-only".to_owned()),
        (json!({"shoeSize": 44}), "The property 'shoeSize' does not exist".to_owned()),
        (json!({"extension_0123_badge": "x"}), "extension properties are not available".to_owned()),
        (
            json!({"userPrincipalName": "ada@elsewhere.example"}),
            "The domain portion of the userPrincipalName".to_owned(),
        ),
        (json!({"passwordProfile": {"password": "abc"}}), password.clone()),
        (json!({"passwordProfile": {}}), password),
        (json!({"userPrincipalName": "TAKEN@contoso.com"}), conflict("userPrincipalName")),
        (json!({"mail": "Taken.Mail@contoso.com"}), conflict("proxyAddresses")),
        (json!({"onPremisesImmutableId": "anchor"}), conflict("onPremisesImmutableId")),
    ];
    for (changes, message) in cases {
        let got = client.post("users", &with(ada(), changes.clone())).await;
        assert_eq!(
            got.body["error"]["message"].as_str().map(|text| text.contains(&message)),
            Some(true),
            "{changes}: {got:?}"
        );
        got.refused(400, "Request_BadRequest", "");
    }
    client.post("users", &with(ada(), json!({"skills": ["x"]}))).await.refused(403, "Authorization_RequestDenied", "");
    assert_eq!(sim.users().len(), 1);
    assert!(sim.audit().is_empty());
    assert_eq!(client.post("users", &ada()).await.status, 201);
}

#[tokio::test]
async fn hostile_requests_are_refused() {
    let sim = tenant().users(3).build();
    let client = Client::of(&sim);
    let send = async |body: Vec<u8>, content_type: &str| {
        let request = Request::post("https://sim.invalid/v1.0/users")
            .header("Authorization", format!("Bearer {}", client.token))
            .header("Content-Type", content_type)
            .body(Bytes::from(body))
            .expect("a request");
        read(sim.transport().send(request).await.expect("an answer"))
    };
    for (body, content_type, status) in [
        (Vec::new(), "application/json", 400),
        (b"{".to_vec(), "application/json", 400),
        (b"\xff\xfe".to_vec(), "application/json", 400),
        (b"[]".to_vec(), "application/json", 400),
        (vec![b'['; 1_000_000], "application/json", 400),
        (ada().to_string().into_bytes(), "text/plain", 415),
        (vec![b' '; 4 * 1024 * 1024 + 1], "application/json", 413),
    ] {
        assert_eq!(send(body, content_type).await.status, status);
    }
    for (path, status, code) in [
        ("users?$top=0", 400, "Request_UnsupportedQuery"),
        ("users?$top=1000", 400, "Request_UnsupportedQuery"),
        ("users?$top=99999999999999999999", 400, "Request_UnsupportedQuery"),
        ("users?$top=-1", 400, "Request_UnsupportedQuery"),
        ("users?$skip=1", 400, "Request_UnsupportedQuery"),
        ("users?$orderby=surname", 400, "Request_UnsupportedQuery"),
        ("users?$search=\"displayName:x\"", 400, "Request_UnsupportedQuery"),
        ("users?$expand=mailFolders", 400, "Request_UnsupportedQuery"),
        ("users?$expand=manager($levels=max)", 400, "Request_UnsupportedQuery"),
        ("users?filter=contains(mail,'x')", 400, "Request_UnsupportedQuery"),
        ("users?$select=shoeSize", 400, "BadRequest"),
        ("users?$select=skills", 501, "NotImplemented"),
        ("users?$skiptoken=x", 400, "Directory_ExpiredPageToken"),
        ("users?$filter=%zz", 400, "BadRequest"),
        ("users/%ff", 400, "BadRequest"),
        ("users/1/calendar", 400, "BadRequest"),
        ("devices", 400, "BadRequest"),
        ("", 400, "BadRequest"),
        ("directory/nothing", 400, "BadRequest"),
        ("users/00000000-0000-0000-0000-000000000000", 404, "Request_ResourceNotFound"),
        ("users/nobody@contoso.com", 404, "Request_ResourceNotFound"),
        ("domains/nowhere.example", 404, "Request_ResourceNotFound"),
    ] {
        client.get(path).await.refused(status, code, "");
    }
    let unknown = client.get("users/1/Calendar/x").await;
    unknown.refused(400, "BadRequest", "Resource not found for the segment 'Calendar'.");
    let brackets = format!("users?$filter={}", "(".repeat(10_000));
    client.get(&brackets).await.refused(400, "Request_UnsupportedQuery", "deeply");
    client.send("PUT", "users", None).await.refused(405, "Request_BadRequest", "method");
    client.send("GET", "$batch", None).await.refused(405, "Request_BadRequest", "method");
}

#[tokio::test]
async fn dates_without_a_name_in_utc_are_refused() {
    let sim = tenant().users(1).build();
    let client = Client::of(&sim);
    let user = format!("users/{}", sim.users()[0]["id"].as_str().expect("an id"));
    for date in ["9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59"] {
        let leave = json!({"employeeLeaveDateTime": date});
        client.patch(&user, &leave).await.refused(400, "Request_BadRequest", "employeeLeaveDateTime");
        let date = date.replace('+', "%2B");
        let filter = format!("users?$filter=createdDateTime ge {date}");
        client.get(&filter).await.refused(400, "BadRequest", "is not a date");
    }
    assert_eq!(client.patch(&user, &json!({"employeeLeaveDateTime": "9999-12-31T23:59:59Z"})).await.status, 204);
}

#[tokio::test]
async fn restoring_meets_what_came_since() {
    let clock = ManualClock::at(datetime!(2026-03-04 10:15:30 UTC));
    let sim = tenant().clock(clock.clone()).build();
    let client = Client::of(&sim);
    let mail = json!({"userPrincipalName": "cy@contoso.com", "mail": "cy.mail@contoso.com"});
    let old = sim.add_user(mail.clone());
    sim.delete_user(&old);
    sim.add_user(mail);
    let path = format!("directory/deletedItems/{old}/restore");
    client.post(&path, &json!({})).await.refused(400, "Request_BadRequest", "userPrincipalName already exists");
    let renamed = json!({"newUserPrincipalName": "cy2@contoso.com"});
    client.post(&path, &renamed).await.refused(400, "Request_BadRequest", "proxyAddresses already exists");
    let both = with(renamed, json!({"autoReconcileProxyConflict": true}));
    let got = client.post(&path, &both).await;
    assert_eq!((&got.body["userPrincipalName"], &got.body["mail"]), (&json!("cy2@contoso.com"), &Value::Null));

    sim.delete_user(&old);
    clock.advance(Duration::from_secs(31 * 24 * 60 * 60));
    let left = Client::of(&sim).get("directory/deletedItems/graph.user").await;
    assert!(left.ids().is_empty());
    assert!(sim.deleted_users().is_empty());
}

#[tokio::test]
async fn a_synced_user_is_mastered_elsewhere() {
    let sim = tenant().build();
    let id = sim.add_user(json!({"onPremisesSyncEnabled": true}));
    let client = Client::of(&sim);
    let path = format!("users/{id}");
    client.patch(&path, &json!({"city": "Leeds"})).await.refused(400, "Request_BadRequest", "on-premises mastered");
    assert_eq!(client.patch(&path, &json!({"usageLocation": "GB"})).await.status, 204);
}

#[tokio::test]
async fn the_audit_is_written_as_it_happens() {
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let lines = Lines::default();
    let sim = tenant().audit_writer(lines.clone()).build();
    Client::of(&sim).post("users", &ada()).await;
    let text = String::from_utf8(lines.0.lock().expect("not poisoned").clone()).expect("text");
    let entry: Value = serde_json::from_str(text.strip_suffix('\n').expect("a whole line")).expect("JSON");
    assert_eq!((&entry["method"], &entry["activity"]), (&json!("POST"), &json!("create-user")));
    assert_eq!(entry["time"], "2026-03-04T10:15:30Z");
}
