//! Licences, their seats and plans, direct and inherited.

use std::time::Duration;

use entrant::clock::ManualClock;
use entrant::sim::{Activity, ServicePlan, Sim, SimBuilder, Sku};
use serde_json::{Value, json};
use time::macros::datetime;

use super::{Client, tenant};

/// E3 with three seats, E5 and F3 with ten, an add-on that needs a mailbox, and one for the company.
fn licensed() -> SimBuilder {
    let addon = Sku::new("CONTOSO_ADDON", 10)
        .plan(ServicePlan::new("CONTOSO_CORE").depends_on("EXCHANGE_S_ENTERPRISE"))
        .plan(ServicePlan::new("CONTOSO_EXTRA").depends_on("CONTOSO_CORE"));
    let skus = [Sku::office_e3(3), Sku::office_e5(10), Sku::office_f3(10), addon, Sku::new("COMPANY", 1).for_company()];
    skus.into_iter().fold(tenant(), SimBuilder::sku)
}

fn people(sim: &Sim) -> Vec<String> {
    let add = |name| sim.add_user(json!({"userPrincipalName": format!("{name}@contoso.com"), "usageLocation": "GB"}));
    ["ada", "bo", "cy", "dee"].map(add).into()
}

fn id(sku: &str) -> String {
    match sku {
        "E3" => Sku::office_e3(0).sku_id(),
        "E5" => Sku::office_e5(0).sku_id(),
        "F3" => Sku::office_f3(0).sku_id(),
        other => Sku::new(other, 0).sku_id(),
    }
}

fn plan(name: &str) -> String {
    let skus = [Sku::office_e5(0), Sku::office_f3(0), Sku::new("X", 0).plan(ServicePlan::new(name))];
    skus.iter().find_map(|sku| sku.plan_id(name)).expect("known or made")
}

/// A body for `assignLicense`: SKUs to add, each with plans to switch off, and SKUs to remove.
fn change(add: &[(&str, &[&str])], remove: &[&str]) -> Value {
    let license = |(sku, off): &(&str, &[&str])| {
        let off: Vec<_> = off.iter().map(|name| plan(name)).collect();
        json!({"skuId": id(sku), "disabledPlans": off})
    };
    json!({
        "addLicenses": add.iter().map(license).collect::<Vec<_>>(),
        "removeLicenses": remove.iter().map(|sku| id(sku)).collect::<Vec<_>>(),
    })
}

fn consumed(sim: &Sim, sku: &str) -> u64 {
    let sku = sim.skus().into_iter().find(|known| known["skuId"] == id(sku)).expect("bought");
    sku["consumedUnits"].as_u64().expect("a number")
}

#[tokio::test]
async fn licences_are_assigned_and_shown() {
    let sim = licensed().build();
    let people = people(&sim);
    let client = Client::of(&sim);
    let path = format!("users/{}", people[0]);
    let got = client.post(&format!("{path}/assignLicense"), &change(&[("E5", &["ADALLOM_S_O365"])], &[])).await;
    assert_eq!((got.status, &got.body["userPrincipalName"]), (200, &json!("ada@contoso.com")), "{got:?}");
    assert_eq!(got.body.as_object().expect("a user").len(), 12);
    assert_eq!(consumed(&sim, "E5"), 1);

    let got = client.get(&format!("{path}?$select=assignedLicenses,licenseAssignmentStates,assignedPlans")).await;
    assert_eq!(got.body["assignedLicenses"], json!([{"disabledPlans": [plan("ADALLOM_S_O365")], "skuId": id("E5")}]));
    assert_eq!(
        got.body["licenseAssignmentStates"],
        json!([{
            "assignedByGroup": null, "disabledPlans": [plan("ADALLOM_S_O365")], "error": null,
            "lastUpdatedDateTime": "2026-03-04T10:15:30Z", "skuId": id("E5"), "state": "Active",
        }])
    );
    let plans: Vec<_> =
        got.body["assignedPlans"].as_array().expect("a list").iter().map(|plan| &plan["servicePlanId"]).collect();
    assert!(plans.contains(&&json!(plan("EXCHANGE_S_ENTERPRISE"))) && !plans.contains(&&json!(plan("ADALLOM_S_O365"))));
    let details = client.get(&format!("{path}/licenseDetails")).await;
    let e5 = &details.body["value"][0];
    assert_eq!((&e5["skuId"], &e5["skuPartNumber"]), (&json!(id("E5")), &json!("ENTERPRISEPREMIUM")));
    let of = |name: &str| {
        let plans = e5["servicePlans"].as_array().expect("plans").iter();
        plans.clone().find(|plan| plan["servicePlanName"] == name).expect("a plan")["provisioningStatus"].clone()
    };
    assert_eq!((of("ADALLOM_S_O365"), of("TEAMS1")), (json!("Disabled"), json!("Success")));

    for (filter, count) in [
        (format!("assignedLicenses/any(x:x/skuId eq {})", id("E5")), 1),
        (format!("assignedLicenses/any(x:x/skuId eq {})", id("E3")), 0),
        (format!("assignedLicenses/any(x:x/skuId eq {}) and accountEnabled eq false", id("E5")), 0),
    ] {
        assert_eq!(client.get(&format!("users?$filter={filter}")).await.ids().len(), count, "{filter}");
    }

    // Other plans take no other seat; a swap is one call.
    let again = change(&[("E5", &["TEAMS1"])], &[]);
    assert_eq!(client.post(&format!("{path}/assignLicense"), &again).await.status, 200);
    assert_eq!(consumed(&sim, "E5"), 1);
    assert_eq!(sim.user(&people[0]).expect("there")["assignedLicenses"][0]["disabledPlans"], json!([plan("TEAMS1")]));
    let swap = change(&[("F3", &[])], &["E5"]);
    assert_eq!(client.post(&format!("{path}/microsoft.graph.assignLicense"), &swap).await.status, 200);
    assert_eq!((consumed(&sim, "E5"), consumed(&sim, "F3")), (0, 1));
    assert_eq!(sim.licenses(&people[0]), ["DESKLESSPACK"]);
    assert_eq!(client.post(&format!("{path}/assignLicense"), &change(&[], &[])).await.status, 200);

    let skus = client.get("subscribedSkus").await;
    let f3 =
        skus.body["value"].as_array().expect("a list").iter().find(|sku| sku["skuId"] == id("F3")).expect("bought");
    assert_eq!(
        (&f3["consumedUnits"], &f3["prepaidUnits"]["enabled"], &f3["capabilityStatus"], &f3["appliesTo"]),
        (&json!(1), &json!(10), &json!("Enabled"), &json!("User"))
    );
    let one = client.get(&format!("subscribedSkus/{}?$select=skuPartNumber", f3["id"].as_str().expect("an id"))).await;
    assert_eq!(one.body["skuPartNumber"], "DESKLESSPACK");
    client.get("subscribedSkus/x").await.refused(404, "Request_ResourceNotFound", "x");
    client.get("subscribedSkus?$top=1").await.refused(400, "Request_UnsupportedQuery", "$top");

    let audit: Vec<_> =
        sim.audit().iter().map(|entry| (entry.activity, entry.target.expect("a SKU").to_string())).collect();
    use Activity::{AssignLicense, RemoveLicense};
    assert_eq!(
        audit,
        [(AssignLicense, id("E5")), (AssignLicense, id("E5")), (AssignLicense, id("F3")), (RemoveLicense, id("E5"))]
    );
}

#[tokio::test]
async fn what_cannot_be_assigned_is_refused() {
    let sim = licensed().build();
    let people = people(&sim);
    sim.add_user(json!({"userPrincipalName": "nowhere@contoso.com"}));
    for user in &people[1..] {
        sim.assign_license(user, "ENTERPRISEPACK");
    }
    sim.add_group(json!({"displayName": "Frontline", "licenses": ["DESKLESSPACK"], "members": ["dee@contoso.com"]}));
    sim.assign_license(&people[3], &id("E5"));
    sim.remove_license(&people[3], "ENTERPRISEPACK");
    sim.assign_license(&people[2], "ENTERPRISEPACK");
    let last = sim.add_user(json!({"userPrincipalName": "eve@contoso.com", "usageLocation": "GB"}));
    sim.assign_license(&last, "ENTERPRISEPACK");
    sim.add_group(json!({"displayName": "Inherit", "licenses": ["ENTERPRISEPREMIUM"], "members": ["ada@contoso.com"]}));
    assert_eq!((consumed(&sim, "E3"), consumed(&sim, "E5")), (3, 2));
    let client = Client::of(&sim);
    let before = sim.users();
    let unknown = "97d7fab4-6896-59ff-8c71-a840408fdf34";
    let needs =
        format!("service plan {} depends on the service plan(s) {}", plan("CONTOSO_EXTRA"), plan("CONTOSO_CORE"));
    let needs_mail = format!(
        "service plan {} depends on the service plan(s) {}",
        plan("CONTOSO_CORE"),
        plan("EXCHANGE_S_ENTERPRISE")
    );
    let exclusive = |one: &str, other: &str| {
        format!(
            "License assignment failed because service plans {}, {} are mutually exclusive.",
            plan(one),
            plan(other)
        )
    };
    for (user, body, message) in [
        (
            "nowhere",
            change(&[("E5", &[])], &[]),
            "License assignment cannot be done for user with invalid usage location.".into(),
        ),
        (
            "ada",
            change(&[("E3", &[])], &[]),
            format!("Subscription with SKU {} does not have any available licenses.", id("E3")),
        ),
        (
            "ada",
            json!({"addLicenses": [{"skuId": unknown}], "removeLicenses": []}),
            format!("License {unknown} does not correspond to a valid company License."),
        ),
        ("ada", change(&[("COMPANY", &[])], &[]), format!("License {} cannot be assigned to a user.", id("COMPANY"))),
        ("ada", change(&[("CONTOSO_ADDON", &["CONTOSO_CORE"])], &[]), needs),
        ("cy", change(&[("CONTOSO_ADDON", &[]), ("E5", &["EXCHANGE_S_ENTERPRISE"])], &["E3"]), needs_mail.clone()),
        ("bo", change(&[("F3", &[])], &[]), exclusive("EXCHANGE_S_DESKLESS", "EXCHANGE_S_ENTERPRISE")),
        (
            "bo",
            change(&[("F3", &["EXCHANGE_S_DESKLESS", "MCOIMP"])], &[]),
            exclusive("SHAREPOINTDESKLESS", "SHAREPOINTENTERPRISE"),
        ),
        (
            "ada",
            change(&[], &["E5"]),
            "User license is inherited from a group membership and it cannot be removed directly from the user.".into(),
        ),
        ("ada", change(&[], &["F3"]), "User does not have a corresponding license.".into()),
        (
            "ada",
            change(&[("E5", &["EXCHANGE_S_DESKLESS"])], &[]),
            format!("service plan {} is not part of", plan("EXCHANGE_S_DESKLESS")),
        ),
        ("bo", change(&[("E3", &[])], &["E3"]), "more than once".into()),
        (
            "bo",
            json!({"addLicenses": [{"skuId": "x"}], "removeLicenses": []}),
            "'x' to the expected type 'Edm.Guid'".into(),
        ),
        ("bo", json!({"addLicenses": [{}], "removeLicenses": []}), "Edm.Guid".into()),
        ("bo", json!({"addLicenses": [], "removeLicenses": [5]}), "'5'".into()),
    ] {
        let got = client.post(&format!("users/{user}@contoso.com/assignLicense"), &body).await;
        got.refused(400, "Request_BadRequest", &message);
    }
    for (body, missing) in
        [(json!({"removeLicenses": []}), "addLicenses"), (json!({"addLicenses": []}), "removeLicenses")]
    {
        let got = client.post(&format!("users/{}/assignLicense", people[0]), &body).await;
        got.refused(400, "BadRequest", missing);
    }
    let got = client.post("users/nobody@contoso.com/assignLicense", &change(&[], &[])).await;
    got.refused(404, "Request_ResourceNotFound", "nobody");
    assert_eq!(sim.users(), before, "nothing changed");
    assert!(sim.audit().is_empty());

    // What the others need cannot go alone.
    let both = change(&[("E5", &[]), ("CONTOSO_ADDON", &[])], &["E3"]);
    assert_eq!(client.post("users/cy@contoso.com/assignLicense", &both).await.status, 200);
    let got = client.post("users/cy@contoso.com/assignLicense", &change(&[], &["E5"])).await;
    got.refused(400, "Request_BadRequest", &needs_mail);
    let off = client
        .post(
            "users/cy@contoso.com/assignLicense",
            &change(&[("E5", &["EXCHANGE_S_ENTERPRISE", "LOCKBOX_ENTERPRISE"])], &[]),
        )
        .await;
    off.refused(400, "Request_BadRequest", &needs_mail);
    assert_eq!(sim.licenses(&people[2]), ["ENTERPRISEPREMIUM", "CONTOSO_ADDON"]);
}

#[tokio::test]
async fn seats_follow_users() {
    let sim = licensed().build();
    let people = people(&sim);
    let client = Client::of(&sim);
    let assign = async |user: &str| {
        client.post(&format!("users/{user}/assignLicense"), &change(&[("E3", &[])], &[])).await.status
    };
    for (user, status) in people.iter().zip([200, 200, 200, 400]) {
        assert_eq!(assign(user).await, status);
    }
    client.send("DELETE", &format!("users/{}", people[0]), None).await;
    assert_eq!(consumed(&sim, "E3"), 2, "who is deleted holds none");
    let restore = format!("directory/deletedItems/{}/restore", people[0]);
    client.post(&restore, &json!({})).await;
    assert_eq!((consumed(&sim, "E3"), sim.licenses(&people[0])), (3, vec!["ENTERPRISEPACK".to_owned()]));
    client.send("DELETE", &format!("users/{}", people[0]), None).await;
    assert_eq!(assign(&people[3]).await, 200);
    client.post(&restore, &json!({})).await;
    assert_eq!((consumed(&sim, "E3"), sim.licenses(&people[0])), (3, vec![]), "no seat is left");
    sim.set_seats("ENTERPRISEPACK", 4);
    assert_eq!(assign(&people[0]).await, 200);
}

#[tokio::test]
async fn members_inherit_licences() {
    let clock = ManualClock::at(datetime!(2026-03-04 10:15:30 UTC));
    let sim = licensed().clock(clock.clone()).build();
    let people = people(&sim);
    let group = sim.add_group(json!({"displayName": "Staff", "members": ["ada@contoso.com", "bo@contoso.com"]}));
    let nested = sim.add_group(json!({"displayName": "Nested", "members": ["cy@contoso.com"]}));
    sim.add_member(&group, &nested);
    let nowhere = sim.add_user(json!({"userPrincipalName": "nowhere@contoso.com"}));
    sim.add_member(&group, &nowhere);
    sim.assign_license(&people[1], "DESKLESSPACK");
    let client = Client::of(&sim);
    let path = format!("groups/{group}");
    assert_eq!(
        client.get(&format!("{path}?$select=licenseProcessingState")).await.body["licenseProcessingState"],
        Value::Null
    );
    let got = client
        .post(&format!("{path}/assignLicense"), &change(&[("E3", &["TEAMS1"]), ("CONTOSO_ADDON", &[])], &[]))
        .await;
    assert_eq!((got.status, &got.body["id"]), (202, &json!(group)));
    assert!(got.headers["Location"].to_str().expect("text").contains(&group));
    let got = client.get(&format!("{path}?$select=licenseProcessingState,assignedLicenses")).await;
    assert_eq!(got.body["licenseProcessingState"], json!({"state": "ProcessingComplete"}));
    assert_eq!(got.body["assignedLicenses"].as_array().expect("two").len(), 2);

    let rows = |user: &str| -> Vec<(String, bool, Value)> {
        let user = sim.user(user).expect("there");
        let rows = user["licenseAssignmentStates"].as_array().expect("rows").iter();
        let row = |row: &Value| {
            (
                row["skuId"].as_str().expect("a SKU").to_owned(),
                row["assignedByGroup"] == group.as_str(),
                row["error"].clone(),
            )
        };
        rows.map(row).collect()
    };
    let none = || Value::Null;
    assert_eq!(rows(&people[0]), [(id("E3"), true, none()), (id("CONTOSO_ADDON"), true, none())]);
    assert_eq!(
        rows(&people[1]),
        [
            (id("F3"), false, none()),
            (id("E3"), true, json!("MutuallyExclusiveViolation")),
            (id("CONTOSO_ADDON"), true, json!("DependencyViolation")),
        ]
    );
    assert_eq!(rows(&people[2]), [], "nested groups give nothing");
    assert_eq!(sim.licenses(&nowhere), ["ENTERPRISEPACK", "CONTOSO_ADDON"], "the tenant's own location will do");
    assert_eq!(consumed(&sim, "E3"), 2);
    assert_eq!(client.get(&format!("{path}/membersWithLicenseErrors")).await.ids(), [&people[1]]);
    let fine = sim.add_group(json!({"displayName": "Fine"}));
    let failing = "groups?$filter=hasMembersWithLicenseErrors eq";
    assert_eq!(client.get(&format!("{failing} true")).await.ids(), [&group]);
    assert!(client.get(&format!("{failing} false")).await.ids().contains(&fine.as_str()));
    for refused in
        [format!("{failing} true&$count=true"), format!("{failing} null"), failing.replace(" eq", " ne true")]
    {
        client.get(&refused).await.refused(400, "Request_UnsupportedQuery", "hasMembersWithLicenseErrors");
    }

    // The last seat, and none; the same one both ways takes one seat.
    for user in [&people[2], &people[3]] {
        let body = json!({"@odata.id": format!("https://x.example/v1.0/users/{user}")});
        assert_eq!(client.post(&format!("{path}/members/$ref"), &body).await.status, 204);
    }
    assert_eq!(
        rows(&people[3]),
        [(id("E3"), true, json!("CountViolation")), (id("CONTOSO_ADDON"), true, json!("DependencyViolation"))]
    );
    let direct = client.post(&format!("users/{}/assignLicense", people[0]), &change(&[("E3", &[])], &[])).await;
    assert_eq!((direct.status, consumed(&sim, "E3")), (200, 3));
    let ada = sim.user(&people[0]).expect("there");
    assert_eq!(ada["assignedLicenses"][0]["disabledPlans"], json!([]), "on by one way is on");

    // Whoever leaves loses it; whoever waits gets it when asked to be looked at again.
    clock.advance(Duration::from_secs(60));
    assert_eq!(client.send("DELETE", &format!("{path}/members/{}/$ref", people[2]), None).await.status, 204);
    assert_eq!((sim.licenses(&people[2]), consumed(&sim, "E3")), (vec![], 2));
    assert_eq!(sim.licenses(&people[3]), Vec::<String>::new());
    assert_eq!(client.send("POST", &format!("users/{}/reprocessLicenseAssignment", people[3]), None).await.status, 200);
    assert_eq!(sim.licenses(&people[3]), ["ENTERPRISEPACK", "CONTOSO_ADDON"]);
    let ada = sim.user(&people[0]).expect("there");
    assert_eq!(
        ada["licenseAssignmentStates"][1]["lastUpdatedDateTime"], "2026-03-04T10:15:30Z",
        "what stays keeps its date"
    );

    client.send("DELETE", &path, None).await.refused(400, "Request_BadRequest", "licenses");
    client.post(&format!("{path}/assignLicense"), &change(&[], &["F3"])).await.refused(
        400,
        "Request_BadRequest",
        "Group does not have",
    );
    assert_eq!(client.post(&format!("{path}/assignLicense"), &change(&[], &["E3", "CONTOSO_ADDON"])).await.status, 202);
    assert_eq!(consumed(&sim, "E3"), 1, "what was assigned to Ada herself stays");
    assert_eq!(rows(&people[1]), [(id("F3"), false, none())]);
    assert_eq!(client.send("DELETE", &path, None).await.status, 204);
}

#[tokio::test]
async fn licences_lag_behind_for_readers() {
    let clock = ManualClock::at(datetime!(2026-03-04 10:15:30 UTC));
    let sim = licensed().clock(clock.clone()).lag(Duration::from_secs(10)).build();
    let people = people(&sim);
    let client = Client::of(&sim);
    let path = format!("users/{}?$select=assignedLicenses", people[0]);
    let assigned = client.post(&format!("users/{}/assignLicense", people[0]), &change(&[("E3", &[])], &[])).await;
    assert_eq!((assigned.status, consumed(&sim, "E3")), (200, 1));
    assert_eq!(client.get(&path).await.body["assignedLicenses"], json!([]));
    clock.advance(Duration::from_secs(10));
    assert_eq!(client.get(&path).await.body["assignedLicenses"][0]["skuId"], id("E3"));
}

#[tokio::test]
async fn licences_of_a_group_wait_in_a_queue() {
    let clock = ManualClock::at(datetime!(2026-03-04 10:15:30 UTC));
    let takes = Duration::from_secs(10);
    let sim = tenant().clock(clock.clone()).sku(Sku::office_e3(5)).license_processing(takes).users(1).build();
    let client = Client::of(&sim);
    let user = sim.users()[0]["id"].as_str().expect("an id").to_owned();
    let group = sim.add_group(json!({"displayName": "Staff", "members": [user]}));
    let sku = sim.skus()[0]["skuId"].clone();
    let body = json!({"addLicenses": [{"skuId": sku, "disabledPlans": []}], "removeLicenses": []});
    assert_eq!(client.post(&format!("groups/{group}/assignLicense"), &body).await.status, 202);
    for (passed, state, count) in
        [(0, "QueuedForProcessing", 0), (5, "ProcessingInProgress", 0), (5, "ProcessingComplete", 1)]
    {
        clock.advance(Duration::from_secs(passed));
        let got = client.get(&format!("groups/{group}?$select=licenseProcessingState")).await;
        assert_eq!(got.body["licenseProcessingState"]["state"], state);
        let got = client.get(&format!("users/{user}?$select=assignedLicenses")).await;
        assert_eq!(got.body["assignedLicenses"].as_array().expect("a list").len(), count, "{state}");
    }
}
