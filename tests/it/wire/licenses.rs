//! Licences, managers and sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use entrant::auth::StaticToken;
use entrant::graph::{
    AppliesTo, AssignedLicense, CapabilityStatus, GraphClass, LicenseChange, LicenseError, LicenseOrigin, LicenseState,
    ServicePlanId, SkuId, SubscribedSku, User,
};
use entrant::http::{RetryPolicy, Transport};
use entrant::{ErrorKind, Result};
use futures::future::{FutureExt, join_all};
use futures::{StreamExt, TryStreamExt};
use http::{Method, Request, Response};
use serde_json::{Value as Json, json};

use super::script::{Reply, Script, body_of, client, clock, cloud};

const E5: &str = "c7df2760-2c81-4ef7-b578-5b5392b571df";
const ADDON: &str = "656091e0-e0b6-5bf8-95fd-e8ceb57ddd77";
const PLAN: &str = "8c098270-9dd4-4350-9b30-ba4703f3b36b";
const ADA: &str = "a82905a2-4ba2-5e93-bd12-3200cfe70a56";

fn sku(id: &str) -> SkuId {
    SkuId::new(id).expect("a GUID")
}

fn plan(id: &str) -> ServicePlanId {
    ServicePlanId::new(id).expect("a GUID")
}

#[tokio::test]
async fn subscribed_products_are_listed_with_their_seats() {
    let script = Script::new(|_, _| {
        Reply::json(
            200,
            json!({"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#subscribedSkus", "value": [
                {"accountName": "contoso", "accountId": "9349cff3-a265-591c-82e0-ba1cb333d477", "appliesTo": "User",
                 "capabilityStatus": "Enabled", "consumedUnits": 14, "id": format!("9349cff3-a265-591c-82e0-ba1cb333d477_{E5}"),
                 "skuId": E5, "skuPartNumber": "ENTERPRISEPREMIUM", "subscriptionIds": ["e93ec36c-5b2c-5f60-b95c-8cea89e86901"],
                 "prepaidUnits": {"enabled": 25, "suspended": 0, "warning": 0, "lockedOut": 0},
                 "servicePlans": [{"servicePlanId": PLAN, "servicePlanName": "ADALLOM_S_O365", "provisioningStatus": "Success", "appliesTo": "User"}]},
                {"appliesTo": "Company", "capabilityStatus": "Novelty", "consumedUnits": null, "skuId": ADDON.to_uppercase(),
                 "skuPartNumber": null, "prepaidUnits": null, "servicePlans": null},
            ]}),
        )
    });
    let skus: Vec<_> = client(&script).subscribed_skus().items().try_collect().await.expect("products");
    assert_eq!(script.addresses(), ["https://graph.example/v1.0/subscribedSkus"], "the list takes no options");
    assert_eq!((skus[0].sku_id, skus[0].free_seats()), (sku(E5), 11));
    assert_eq!(skus[0].service_plans[0].service_plan_id, plan(PLAN));
    assert_eq!(skus[0].service_plans[0].applies_to, Some(AppliesTo::User));
    assert_eq!(skus[0].extra["accountName"], "contoso");
    assert_eq!(skus[1].sku_id.to_string(), ADDON, "case does not matter");
    assert_eq!(skus[1].capability_status, Some(CapabilityStatus::Other("Novelty".into())));
    assert!(!skus[1].is_assignable());
}

#[test]
fn free_seats_are_what_can_be_given() {
    let read = |applies: Json, status: Json, units: [i64; 4], consumed: i64| -> SubscribedSku {
        let [enabled, warning, suspended, locked] = units;
        serde_json::from_value(json!({"skuId": E5, "appliesTo": applies, "capabilityStatus": status,
            "consumedUnits": consumed, "prepaidUnits":
            {"enabled": enabled, "warning": warning, "suspended": suspended, "lockedOut": locked}}))
        .expect("a product")
    };
    #[rustfmt::skip]
    let table = [
        (json!("User"), json!("Enabled"), [25, 0, 0, 0], 14, 11, "what is left"),
        (json!("User"), json!("Enabled"), [25, 0, 0, 0], 25, 0, "all taken"),
        (json!("User"), json!("Enabled"), [25, 0, 0, 0], 30, 0, "more than all"),
        (json!("User"), json!("Warning"), [0, 10, 0, 0], 4, 6, "in the grace period"),
        (json!("User"), json!("Enabled"), [5, 10, 7, 9], 4, 11, "suspended and locked-out seats are none"),
        (json!("User"), json!("Suspended"), [25, 0, 0, 0], 0, 0, "suspended"),
        (json!("User"), json!("Deleted"), [25, 0, 0, 0], 0, 0, "deleted"),
        (json!("User"), json!("LockedOut"), [25, 0, 0, 0], 0, 0, "locked out"),
        (json!("User"), json!("Novelty"), [25, 0, 0, 0], 0, 0, "nobody knows"),
        (json!("User"), json!(null), [25, 0, 0, 0], 0, 0, "not told"),
        (json!("Company"), json!("Enabled"), [25, 0, 0, 0], 0, 0, "not for users"),
        (json!("User"), json!("Enabled"), [i64::MAX, i64::MAX, 0, 0], -1, i64::MAX as u64, "no overflow"),
        (json!("User"), json!("Enabled"), [i64::MIN, -1, 0, 0], 1, 0, "no underflow"),
    ];
    for (applies, status, units, consumed, expected, why) in table {
        assert_eq!(read(applies, status, units, consumed).free_seats(), expected, "{why}");
    }
}

#[tokio::test]
async fn a_change_of_licences_has_both_lists() {
    let script = Script::new(|_, _| Reply::json(200, json!({"id": ADA})));
    let graph = client(&script);
    let table = [
        (LicenseChange::new(), json!([]), json!([])),
        (
            LicenseChange::new().assign(AssignedLicense::new(sku(E5)).without([plan(PLAN), plan(PLAN)])),
            json!([{"skuId": E5, "disabledPlans": [PLAN]}]),
            json!([]),
        ),
        (LicenseChange::new().remove(sku(ADDON)).remove(sku(ADDON)), json!([]), json!([ADDON])),
        (
            LicenseChange::new().remove(sku(ADDON)).assign(sku(E5)),
            json!([{"skuId": E5, "disabledPlans": []}]),
            json!([ADDON]),
        ),
        (LicenseChange::new().assign(sku(E5)).remove(sku(E5)), json!([]), json!([E5])),
        (LicenseChange::new().remove(sku(E5)).assign(sku(E5)), json!([{"skuId": E5, "disabledPlans": []}]), json!([])),
    ];
    for (number, (change, add, remove)) in table.into_iter().enumerate() {
        let user = graph.users().assign_license(ADA, &change).await.expect("done");
        assert_eq!(user.id.expect("an id").as_str(), ADA);
        assert_eq!(body_of(&script.seen()[number]), json!({"addLicenses": add, "removeLicenses": remove}));
        assert_eq!(change.is_empty(), number == 0);
    }
    graph.groups().assign_license("g", &LicenseChange::new().assign(sku(E5))).await.expect("accepted");
    let seen = script.seen();
    assert!(seen.iter().all(|request| request.method() == Method::POST));
    assert_eq!(seen[0].uri(), format!("https://graph.example/v1.0/users/{ADA}/assignLicense").as_str());
    assert_eq!(seen[6].uri(), "https://graph.example/v1.0/groups/g/assignLicense");
}

#[tokio::test]
async fn a_refused_licence_says_why() {
    let script = Script::new(|_, _| {
        let message = format!("Subscription with SKU {ADDON} does not have any available licenses.");
        Reply::json(400, json!({"error": {"code": "Request_BadRequest", "message": message}}))
    });
    let change = LicenseChange::new().assign(sku(ADDON));
    let error = client(&script).users().assign_license(ADA, &change).await.expect_err("no seat");
    let class = error.graph().expect("Graph said so").class();
    assert_eq!(class, GraphClass::NoSeats { sku: Some(sku(ADDON)) });
    assert_eq!(script.count(), 1);
}

#[tokio::test]
async fn changes_of_one_user_that_collide_are_made_again() {
    let script = Script::new(|number, _| match number {
        0 => Reply::json(409, json!({"error": {"code": "Directory_ConcurrencyViolation", "message": "wait"}})),
        _ => Reply::json(200, json!({"id": ADA})),
    });
    client(&script).users().assign_license(ADA, &LicenseChange::new().assign(sku(E5))).await.expect("the second");
    assert_eq!(script.count(), 2);
}

/// Takes its time, and counts how often a user's licences change; two changes at once are a mistake.
#[derive(Debug, Clone, Default)]
struct OneAtATime {
    under_way: Arc<Mutex<BTreeSet<String>>>,
    changes: Arc<Mutex<BTreeMap<String, usize>>>,
}

#[async_trait]
impl Transport for OneAtATime {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let path = request.uri().path().trim_start_matches("/v1.0").to_owned();
        let items = match path.as_str() {
            "/$batch" => body_of(&request)["requests"].as_array().expect("a batch").clone(),
            _ => vec![json!({"url": path, "id": "0"})],
        };
        let urls: Vec<_> = items.iter().map(|item| item["url"].as_str().expect("a url").to_lowercase()).collect();
        for url in &urls {
            assert!(self.under_way.lock().expect("fine").insert(url.clone()), "{url} is under way already");
            *self.changes.lock().expect("fine").entry(url.clone()).or_default() += 1;
        }
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        urls.iter().for_each(|url| assert!(self.under_way.lock().expect("fine").remove(url)));
        let body = match path.as_str() {
            "/$batch" => {
                let answer = |item: &Json| json!({"id": item["id"], "status": 200, "body": {"id": "x"}});
                json!({ "responses": items.iter().map(answer).collect::<Vec<_>>() })
            }
            _ => json!({"id": "x"}),
        };
        Ok(Response::new(Bytes::from(body.to_string())))
    }
}

#[tokio::test]
async fn changes_of_one_users_licences_never_meet() {
    let tenant = OneAtATime::default();
    let graph = entrant::graph::GraphClient::builder(StaticToken::new("t0ken"))
        .cloud(cloud())
        .transport(tenant.clone())
        .clock(clock())
        .retry(RetryPolicy::never())
        .build()
        .expect("a client");
    let change = LicenseChange::new().assign(sku(E5));
    let people: Vec<String> = (0..30).map(|n| format!("Person{n}")).collect();
    // Each four times in one batch, in another beside it, twice by itself, and once in a batch in order.
    let asked = |times: usize| {
        let all = people.iter().flat_map(|who| std::iter::repeat_n(who, times));
        all.map(|who| graph.users().assign_license(who.as_str(), &change).into_batch().expect("valid"))
            .collect::<Vec<_>>()
    };
    let alone = people.iter().flat_map(|who| [who.clone(), who.to_lowercase()]);
    let alone = join_all(alone.map(|who| graph.users().assign_license(who, &change).into_future()));
    let batches = join_all([graph.batch(asked(4)), graph.batch(asked(1))].map(|batch| batch.collect::<Vec<_>>()));
    // What is given up, waiting or under way, holds up nobody.
    for _ in 0..3 {
        let first = graph.users().assign_license("person0", &change).into_future();
        let second = graph.users().assign_license("person0", &change).into_future();
        let mut both = Box::pin(futures::future::join(first, second));
        assert!(futures::poll!(&mut both).is_pending());
        drop(both);
        // The network does not hear of it.
        tenant.under_way.lock().expect("fine").clear();
        tenant.changes.lock().expect("fine").clear();
    }
    let in_order = graph.batch_in_order(asked(1)).map(|all| all.into_iter().collect::<Result<Vec<_>>>());
    let all = futures::future::join3(alone, batches, in_order);
    let all = tokio::time::timeout(std::time::Duration::from_secs(20), all).await;
    let (alone, batches, in_order) = all.expect("nobody waits for ever");
    assert!(alone.into_iter().all(|outcome| outcome.is_ok()));
    assert!(batches.into_iter().flatten().all(|(_, outcome)| outcome.is_ok()));
    in_order.expect("all");
    let changes = tenant.changes.lock().expect("fine");
    assert_eq!(changes.len(), 30);
    assert!(changes.values().all(|count| *count == 8), "{changes:?}");
}

#[test]
fn direct_and_inherited_licences_are_told_apart() {
    let user: User = serde_json::from_value(json!({
        "id": ADA,
        "assignedLicenses": [{"disabledPlans": [PLAN], "skuId": E5}],
        "licenseAssignmentStates": [
            {"skuId": E5, "disabledPlans": [PLAN], "assignedByGroup": null, "state": "Active", "error": null, "lastUpdatedDateTime": "2026-03-04T10:16:00Z"},
            {"skuId": ADDON, "disabledPlans": [], "assignedByGroup": "93b15b8f-474e-5b49-b513-7f3c48f8eb6a", "state": "Error", "error": "CountViolation", "lastUpdatedDateTime": "2026-03-04T10:17:00Z"},
            {"skuId": ADDON, "state": "ActiveWithError", "error": "Others"},
            {"skuId": ADDON, "disabledPlans": null, "state": "Novelty", "error": "None"},
        ],
    }))
    .expect("a user");
    assert_eq!(user.assigned_licenses.as_deref(), Some(&[AssignedLicense::new(sku(E5)).without([plan(PLAN)])][..]));
    let states = user.license_assignment_states.as_ref().expect("states");
    assert_eq!(states[0].origin(), LicenseOrigin::Direct);
    assert_eq!((&states[0].state, &states[0].error), (&Some(LicenseState::Active), &None));
    let group = "93b15b8f-474e-5b49-b513-7f3c48f8eb6a".into();
    assert_eq!(states[1].origin(), LicenseOrigin::Inherited(&group));
    assert_eq!(states[1].error, Some(LicenseError::CountViolation));
    assert_eq!(states[2].error, Some(LicenseError::Other("Others".into())));
    assert_eq!((&states[3].error, &states[3].state), (&None, &Some(LicenseState::Other("Novelty".into()))));
}

#[tokio::test]
async fn details_of_licences_are_a_list() {
    let script = Script::new(|_, _| {
        Reply::json(
            200,
            json!({"value": [{"id": "x", "skuId": E5, "skuPartNumber": "ENTERPRISEPREMIUM", "servicePlans": [
                {"servicePlanId": PLAN, "servicePlanName": "ADALLOM_S_O365", "provisioningStatus": "Disabled", "appliesTo": "User"}]}]}),
        )
    });
    let list = client(&script).users().license_details("a#b@c.de").items();
    let details: Vec<_> = list.try_collect().await.expect("details");
    assert_eq!(details[0].sku_part_number, "ENTERPRISEPREMIUM");
    assert_eq!(details[0].service_plans[0].provisioning_status.as_deref(), Some("Disabled"));
    assert_eq!(script.addresses(), ["https://graph.example/v1.0/users/a%23b@c.de/licenseDetails"]);
}

#[test]
fn an_id_of_a_product_is_a_guid() {
    assert_eq!(sku(" C7DF2760-2C81-4EF7-B578-5B5392B571DF ").to_string(), E5);
    for text in ["", "ENTERPRISEPREMIUM", "c7df2760", "c7df2760-2c81-4ef7-b578-5b5392b571dg", &"a".repeat(10_000)] {
        let error = SkuId::new(text).expect_err("no GUID");
        assert!(error.kind() == ErrorKind::Invalid && error.to_string().len() < 300, "{error}");
        assert!(serde_json::from_value::<ServicePlanId>(json!(text)).is_err());
    }
}

#[tokio::test]
async fn managers_are_read_set_and_removed() {
    let script = Script::new(|_, request| match *request.method() {
        Method::GET => Reply::json(
            200,
            json!({"@odata.type": "#microsoft.graph.user", "id": "m", "displayName": "Grace", "userPrincipalName": "g@c.de"}),
        ),
        Method::POST => Reply::json(200, json!({"value": true})),
        _ => Reply::Answer(204, Vec::new(), String::new()),
    });
    let graph = client(&script);
    let manager = graph.users().manager(ADA).select(["id"]).await.expect("a manager");
    assert_eq!((manager.id.as_str(), manager.display_name.as_deref()), ("m", Some("Grace")));
    graph.users().set_manager(ADA, "a66751c7-b81e-5b2b-ac6f-68603dc408b4").await.expect("set");
    graph.users().set_manager(ADA, "$o'neil#EXT#/..@contoso.com").await.expect("set");
    graph.users().remove_manager(ADA).await.expect("removed");
    graph.users().revoke_sign_in_sessions(ADA).await.expect("revoked");
    let at = format!("https://graph.example/v1.0/users/{ADA}");
    assert_eq!(
        script.addresses(),
        [
            format!("{at}/manager?$select=id"),
            format!("{at}/manager/$ref"),
            format!("{at}/manager/$ref"),
            format!("{at}/manager/$ref"),
            format!("{at}/revokeSignInSessions"),
        ]
    );
    let seen = script.seen();
    let methods: Vec<_> = seen.iter().map(|request| request.method().as_str()).collect();
    assert_eq!(methods, ["GET", "PUT", "PUT", "DELETE", "POST"]);
    assert_eq!(
        body_of(&seen[1]),
        json!({"@odata.id": "https://graph.example/v1.0/users/a66751c7-b81e-5b2b-ac6f-68603dc408b4"})
    );
    assert_eq!(
        body_of(&seen[2]),
        json!({"@odata.id": "https://graph.example/v1.0/users(%27%24o%27%27neil%23EXT%23%2F..@contoso.com%27)"})
    );
    for (user, manager) in [("", "m"), ("u", ""), ("", "")] {
        let error = graph.users().set_manager(user, manager).await.expect_err("an empty id");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    assert_eq!(script.count(), 5);
}

#[tokio::test]
async fn no_manager_is_told_from_other_failures() {
    let unset = "Resource 'manager' does not exist or one of its queried reference-property objects are not present.";
    for (status, code, expected) in [(404, "Request_ResourceNotFound", true), (404, "", false), (403, "x", false)] {
        let script = Script::new(move |_, _| Reply::json(status, json!({"error": {"code": code, "message": unset}})));
        let error = client(&script).users().remove_manager(ADA).await.expect_err("refused");
        assert_eq!(error.is_not_there(), expected, "{status} {code}");
    }
    let user: User = serde_json::from_value(json!({"id": ADA, "manager": {"id": "m"}})).expect("a user");
    assert_eq!(user.manager.as_ref().expect("a manager").id.as_str(), "m");
}
