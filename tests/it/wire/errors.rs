//! What failures are made of.

use entrant::auth::{ClientId, ClientSecret, StaticToken, TenantId};
use entrant::error::{GraphError, Retry};
use entrant::graph::{GraphClass, GraphClient, ServicePlanId, SkuId};
use entrant::http::RetryPolicy;
use entrant::{Error, ErrorKind};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::batch::each;
use super::script::{Reply, Script, builder, client, clock, cloud};

#[derive(Deserialize)]
struct Sample {
    name: String,
    method: String,
    status: u16,
    headers: std::collections::BTreeMap<String, String>,
    body: Json,
}

async fn fails_with(sample: Sample) -> Error {
    let method = sample.method.parse().expect("a method");
    let script = Script::new(move |_, _| {
        let leak = |(name, value): (&String, &String)| (&*name.clone().leak(), value.clone());
        Reply::Answer(sample.status, sample.headers.iter().map(leak).collect(), sample.body.to_string())
    });
    let graph = builder(&script, &clock()).retry(RetryPolicy::never()).build().expect("a client");
    graph.request(method, "/users").await.expect_err("a refusal")
}

#[tokio::test]
async fn graphs_refusals_are_classified() {
    let duplicate = |property: &str, object: &str| GraphClass::DuplicateValue {
        property: Some(property.to_owned()),
        object: Some(object.into()),
    };
    const ADA: &str = "a82905a2-4ba2-5e93-bd12-3200cfe70a56";
    const GRACE: &str = "804bb6d6-5bad-5027-9173-5883d15a900f";
    let named = |property: &str| Some(property.to_owned());
    #[rustfmt::skip]
    let expected = [
        ("error-upn-domain", ErrorKind::Invalid, GraphClass::UnverifiedDomain),
        ("error-duplicate-upn", ErrorKind::Conflict, duplicate("userPrincipalName", ADA)),
        ("error-duplicate-proxy", ErrorKind::Conflict, duplicate("proxyAddresses", ADA)),
        ("error-duplicate-immutableid", ErrorKind::Conflict, duplicate("onPremisesImmutableId", GRACE)),
        ("error-missing-property", ErrorKind::Invalid, GraphClass::MissingProperty { property: named("mailNickname") }),
        ("error-password", ErrorKind::Invalid, GraphClass::WeakPassword),
        ("error-invalid-value", ErrorKind::Invalid, GraphClass::InvalidValue { property: named("displayName") }),
        ("error-not-found", ErrorKind::NotFound, GraphClass::NotFound),
        ("error-denied", ErrorKind::Forbidden, GraphClass::Denied { permission: None }),
        ("error-token", ErrorKind::Unauthenticated, GraphClass::Unauthorized),
        ("error-replication", ErrorKind::NotFound, GraphClass::ReplicationDelay),
        ("error-quota-owners", ErrorKind::Forbidden, GraphClass::Quota),
        ("error-onprem", ErrorKind::Invalid, GraphClass::DirectorySynced),
        ("error-already-member", ErrorKind::Conflict, GraphClass::ReferenceExists),
        ("error-mail-enabled-group", ErrorKind::Invalid, GraphClass::MailEnabledGroup),
        ("error-license-usagelocation", ErrorKind::Invalid, GraphClass::UsageLocation),
        ("error-license-none-left", ErrorKind::Conflict, GraphClass::NoSeats { sku: sku("656091e0-e0b6-5bf8-95fd-e8ceb57ddd77") }),
        ("error-license-dependency", ErrorKind::Invalid, GraphClass::PlanDependency {
            plan: plans(["0852952e-4b35-5c9f-a317-c645c642d519"]).pop(),
            needs: plans(["04758c86-1da8-5cfd-8758-06be85526a9d"]),
        }),
        ("error-license-exclusive", ErrorKind::Conflict, GraphClass::PlanConflict {
            plans: plans(["0852952e-4b35-5c9f-a317-c645c642d519", "6084ac89-cf93-50c4-8ba9-5d3f558bdfe9"]),
        }),
        ("error-license-inherited", ErrorKind::Invalid, GraphClass::InheritedLicense),
        ("error-license-sku", ErrorKind::NotFound, GraphClass::UnknownSku { sku: sku("97d7fab4-6896-59ff-8c71-a840408fdf34") }),
        ("error-throttled", ErrorKind::Throttled, GraphClass::Throttled),
        ("error-concurrency", ErrorKind::Conflict, GraphClass::Concurrency),
        ("error-unsupported-query", ErrorKind::Invalid, GraphClass::UnsupportedQuery),
        ("error-page-size", ErrorKind::Invalid, GraphClass::UnsupportedQuery),
        ("error-page-token", ErrorKind::Invalid, GraphClass::ExpiredPageToken),
    ];
    let samples: Vec<Sample> =
        serde_json::from_str(include_str!("../../data/graph-errors.json")).expect("the samples are JSON");
    let mut found = 0;
    for sample in samples {
        let (name, status) = (sample.name.clone(), sample.status);
        let request_id = sample.headers.get("request-id").cloned();
        let error = fails_with(sample).await;
        let graph = error.graph().expect("Graph said something");
        assert_eq!(graph.status, status, "{name}");
        assert!(!graph.code.is_empty() && !graph.message.is_empty(), "{name}");
        assert_eq!(graph.request_id, request_id, "{name}");
        assert!(graph.client_request_id.is_some(), "{name}");
        assert!(!graph.class().advice().is_empty(), "{name}");
        if let Some((_, kind, class)) = expected.iter().find(|(expected, ..)| *expected == name) {
            assert_eq!((error.kind(), graph.class()), (*kind, class.clone()), "{name}");
            found += 1;
        }
    }
    assert_eq!(found, expected.len());
}

fn sku(id: &str) -> Option<SkuId> {
    Some(SkuId::new(id).expect("a GUID"))
}

fn plans<const N: usize>(ids: [&str; N]) -> Vec<ServicePlanId> {
    ids.map(|id| ServicePlanId::new(id).expect("a GUID")).to_vec()
}

#[test]
fn what_has_but_a_message_is_told_by_it() {
    const A: &str = "aaaaaaaa-0000-4000-8000-000000000001";
    const B: &str = "bbbbbbbb-0000-4000-8000-000000000002";
    const C: &str = "cccccccc-0000-4000-8000-000000000003";
    let needs = |plan: Option<&str>, needs: Vec<ServicePlanId>| GraphClass::PlanDependency {
        plan: plan.map(|plan| ServicePlanId::new(plan).expect("a GUID")),
        needs,
    };
    #[rustfmt::skip]
    let table = [
        (400, "One or more added object references already exist for the following modified properties: 'members'.", GraphClass::ReferenceExists),
        (400, "One or more added object references already exist for the following modified properties: 'owners'.", GraphClass::ReferenceExists),
        (400, "One or more removed object references do not exist for the following modified properties: 'members'.", GraphClass::ReferenceMissing),
        (400, "The group must have at least one owner, hence this owner cannot be removed.", GraphClass::LastOwner),
        (400, "Cannot Update a mail-enabled security groups and or distribution list.", GraphClass::MailEnabledGroup),
        (403, "Cannot Update a mail-enabled security groups and or distribution list.", GraphClass::MailEnabledGroup),
        (400, "The service does not currently support writes of mail-enabled groups. Please ensure that the mail-enablement property is unset and the security-enablement property is set.", GraphClass::MailEnabledGroup),
        (403, "Insufficient privileges to complete the operation.", GraphClass::Denied { permission: None }),
        (400, "The source resource object or one of the objects being referenced don't exist.", GraphClass::ReplicationDelay),
        (404, "The source resource object or one of the objects being referenced don't exist.", GraphClass::ReplicationDelay),
        (404, "Resource 'x' does not exist or one of its queried reference-property objects are not present.", GraphClass::NotFound),
        (400, "License assignment cannot be done for user with invalid usage location.", GraphClass::UsageLocation),
        (400, "Subscription with SKU aaaaaaaa-0000-4000-8000-000000000001 does not have any available licenses.", GraphClass::NoSeats { sku: sku(A) }),
        (400, "Subscription with SKU AAAAAAAA-0000-4000-8000-000000000001 DOES NOT HAVE any available licenses", GraphClass::NoSeats { sku: sku(A) }),
        (400, "The subscription does not have any available licenses.", GraphClass::NoSeats { sku: None }),
        (400, "License aaaaaaaa-0000-4000-8000-000000000001 does not correspond to a valid company License.", GraphClass::UnknownSku { sku: sku(A) }),
        (400, "License aaaaaaaa-0000-4000-8000-000000000001 cannot be assigned to a user.", GraphClass::UnassignableSku { sku: sku(A) }),
        (400, "License assignment failed because service plan aaaaaaaa-0000-4000-8000-000000000001 depends on the service plan(s) bbbbbbbb-0000-4000-8000-000000000002,cccccccc-0000-4000-8000-000000000003", needs(Some(A), plans([B, C]))),
        (400, "License assignment failed because service plan aaaaaaaa-0000-4000-8000-000000000001 depends on the service plan(s) bbbbbbbb-0000-4000-8000-000000000002; aaaaaaaa-0000-4000-8000-000000000001.", needs(Some(A), plans([B]))),
        (400, "License assignment failed because a service plan depends on the service plan(s)", needs(None, Vec::new())),
        (400, "License assignment failed because service plans aaaaaaaa-0000-4000-8000-000000000001, bbbbbbbb-0000-4000-8000-000000000002 are mutually exclusive.", GraphClass::PlanConflict { plans: plans([A, B]) }),
        (400, "License assignment failed because service plans aaaaaaaa-0000-4000-8000-000000000001,bbbbbbbb-0000-4000-8000-000000000002 are mutually exclusive", GraphClass::PlanConflict { plans: plans([A, B]) }),
        (400, "User license is inherited from a group membership and it cannot be removed directly from the user.", GraphClass::InheritedLicense),
        (400, "User does not have a corresponding license.", GraphClass::NotLicensed),
        (400, "Another object with the same value for property proxyAddresses already exists.", GraphClass::DuplicateValue { property: Some("proxyAddresses".into()), object: None }),
        (400, "Unable to update the specified properties for objects that have originated within an external service.", GraphClass::MasteredElsewhere),
        (400, "The following extension properties are not available: extension_0123_badge.", GraphClass::UnknownProperty { property: Some("extension_0123_badge".into()) }),
        (400, "Parsing OData Select and Expand failed: Could not find a property named 'x' on type 'microsoft.graph.user'.", GraphClass::UnknownProperty { property: Some("x".into()) }),
        (410, "Resync required.", GraphClass::ResyncRequired),
        (424, "", GraphClass::DependencyFailed),
        (400, "The device cannot be assigned to a user.", GraphClass::Other),
        (400, "aaaaaaaa-0000-4000-8000-000000000001", GraphClass::Other),
        (500, "Subscription does not have any available licenses.", GraphClass::ServiceFailure),
    ];
    for (status, message, class) in table {
        let mut error = GraphError::default();
        error.status = status;
        error.code = if status == 404 { "Request_ResourceNotFound" } else { "Request_BadRequest" }.into();
        error.message = message.into();
        assert_eq!(error.class(), class, "{status} {message}");
        assert!(!class.advice().is_empty());
        let error = Error::new(ErrorKind::Invalid, "refused").with_graph(error);
        assert_eq!(error.is_already_there(), class == GraphClass::ReferenceExists, "{message}");
        let is_not_there = matches!(class, GraphClass::ReferenceMissing | GraphClass::NotFound);
        assert_eq!(error.is_not_there(), is_not_there, "{message}");
        let of_many = Error::new(ErrorKind::Invalid, "the batch failed").with_source(error);
        assert!(!of_many.is_already_there() && !of_many.is_not_there());
    }
}

#[test]
fn only_the_directory_says_that_something_is_not_there() {
    for (status, code, expected) in [
        (404, "Request_ResourceNotFound", true),
        (404, "", false),
        (404, "itemNotFound", false),
        (400, "Request_BadRequest", false),
        (410, "Request_ResourceNotFound", false),
    ] {
        let mut said = GraphError::default();
        said.status = status;
        said.code = code.into();
        said.message = "Invalid object identifier 'x'.".into();
        let error = Error::new(ErrorKind::NotFound, "refused").with_graph(said.clone());
        assert_eq!(error.is_not_there(), expected, "{status} {code}");
        let of_many = Error::new(ErrorKind::NotFound, "the batch failed").with_graph(said).with_source(error);
        assert!(!of_many.is_not_there(), "a batch says nothing of its requests");
    }
}

#[tokio::test]
async fn an_error_says_what_graph_said_in_one_line() {
    let script = Script::new(|_, _| {
        let body = json!({"error": {"code": "Request_BadRequest", "message": "Line one.\r\nforged: line.",
            "innerError": {"request-id": "inner-id"}}});
        Reply::json(400, body)
    });
    let error = client(&script).users().get("ada@contoso.com").select(["id"]).await.expect_err("refused");
    assert_eq!(
        error.to_string(),
        "Line one. forged: line (request=GET /v1.0/users/ada@contoso.com, status=400, code=Request_BadRequest, \
         request-id=inner-id)"
    );
}

#[tokio::test]
async fn refusals_of_any_shape_are_errors() {
    let deep = "[".repeat(100_000);
    let long = json!({"error": {"code": "x".repeat(100_000), "message": "y".repeat(100_000),
        "details": vec![json!({"code": "z"}); 10_000]}})
    .to_string();
    let bodies = [
        "",
        "null",
        "[]",
        "7",
        "<html>",
        "{",
        r#"{"error":"x"}"#,
        r#"{"error":{"code":7,"message":[],"details":{}}}"#,
        r#"{"error":{"details":[1,null,{"code":"ObjectConflict"}]}}"#,
        "\u{0}\u{1}",
        &deep,
        &long,
    ];
    for body in bodies {
        for status in [301, 304, 400, 404, 418, 499, 599] {
            let owned = body.to_owned();
            let script = Script::new(move |_, _| Reply::json(status, &owned));
            let graph = builder(&script, &clock()).retry(RetryPolicy::never()).build().expect("a client");
            let error = graph.users().get("x").await.expect_err("no success");
            let said = error.graph().expect("an answer came");
            assert_eq!(said.status, status);
            assert!(said.message.chars().count() <= 1_001 && said.code.chars().count() <= 1_001);
            assert!(said.details.len() <= 20);
        }
    }
}

#[tokio::test]
async fn successes_of_the_wrong_shape_are_errors_and_quote_nothing() {
    for body in ["", "[]", "{", r#"{"id":{"s3cret":1}}"#, r#"{"accountEnabled":"s3cret"}"#, r#"{"id":"a","id":"b"}"#] {
        let script = Script::new(move |_, _| Reply::json(200, body));
        let graph = client(&script);
        let error = graph.users().get("x").await.expect_err("not a user");
        assert_eq!(error.kind(), ErrorKind::Protocol, "{body}");
        assert!(!error.is_outcome_in_doubt(), "a read changes nothing");
        assert!(!format!("{error:?}").contains("s3cret"), "{body}");
        let error = graph.users().create(&json!({})).await.expect_err("not a user");
        assert!(error.is_outcome_in_doubt(), "it was created: {body}");
        assert_eq!(script.count(), 2, "nothing is repeated: {body}");
    }
}

#[tokio::test]
async fn token_refusals_name_the_code_and_never_the_secret() {
    #[derive(Deserialize)]
    struct TokenSample {
        code: u64,
        status: u16,
        body: Json,
    }
    let samples: Vec<TokenSample> =
        serde_json::from_str(include_str!("../../data/token-errors.json")).expect("the samples are JSON");
    for sample in samples {
        let TokenSample { code, status, mut body } = sample;
        let description = body["error_description"].as_str().unwrap_or_default().to_owned();
        body["error_description"] = format!("{description} you sent s3cret~v@lue").into();
        let script = Script::new(move |_, _| Reply::json(status, &body));
        let graph = secret_client(&script);
        let error = graph.users().get("x").await.expect_err("no token");
        let shown = format!("{} {error:?}", error.to_chain());
        assert!(shown.contains(&format!("AADSTS{code}")), "{code}: {shown}");
        assert!(!shown.contains("s3cret"), "{code}: {shown}");
        let passes = error.retry() != Retry::Never;
        assert_eq!(script.count(), if passes { 3 } else { 1 }, "{code}");
        assert_eq!(passes, [90_033, 90_055].contains(&code), "{code}");
        if !passes {
            assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{code}");
        }
    }
}

#[tokio::test]
async fn the_secret_goes_to_the_token_endpoint_and_is_shown_nowhere() {
    let script = Script::new(|number, _| match number {
        0 => Reply::json(200, json!({"token_type": "Bearer", "expires_in": 3599, "access_token": "t0ken"})),
        _ => Reply::json(404, "{}"),
    });
    let graph = secret_client(&script);
    let error = graph.users().get("x").await.expect_err("not there");
    let seen = script.seen();
    assert_eq!(seen[0].uri(), "https://login.example/contoso.com/oauth2/v2.0/token");
    assert_eq!(
        seen[0].body(),
        "client_id=11111111-2222-3333-4444-555555555555&scope=https%3A%2F%2Fgraph.example%2F.default\
         &client_secret=s3cret%7Ev%40lue&grant_type=client_credentials"
    );
    assert!(seen[0].headers().get("authorization").is_none());
    assert_eq!(seen[1].headers()["authorization"], "Bearer t0ken");
    let shown = format!("{graph:?} {error:?} {:?}", seen[1].headers());
    assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
}

fn secret_client(script: &Script) -> GraphClient {
    let credential = ClientSecret::new(
        TenantId::new("contoso.com").expect("a tenant"),
        ClientId::new("11111111-2222-3333-4444-555555555555").expect("a client"),
        "s3cret~v@lue",
    );
    GraphClient::builder(credential).cloud(cloud()).transport(script.clone()).clock(clock()).build().expect("a client")
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let script = Script::new(|_, request| match request.uri().path().ends_with("$batch") {
        false => Reply::json(403, json!({"error": {"code": "Authorization_RequestDenied", "message": "No."}})),
        true => Reply::json(
            200,
            json!({"responses": [
                {"id": "0", "status": 403, "body": {"error": {"code": "Authorization_RequestDenied"}}},
            ]}),
        ),
    });
    let graph = client(&script);
    let error = graph.users().delete("1").await.expect_err("denied");
    let denied = |permission: &str| GraphClass::Denied { permission: Some(permission.to_owned()) };
    assert_eq!(error.graph().expect("Graph said so").class(), denied("User.DeleteRestore.All"));
    assert!(error.to_string().contains("needs=User.DeleteRestore.All"), "{error}");
    let requests = vec![graph.groups().update("1", &json!({})).into_batch().expect("valid")];
    let (_, outcome) = graph.batch(requests).next().await.expect("an outcome");
    let error = outcome.expect_err("denied");
    assert_eq!(error.graph().expect("Graph said so").class(), denied("Group.ReadWrite.All"));
}

#[tokio::test]
async fn a_missing_role_is_told_from_a_missing_permission() {
    let script = Script::new(|_, request| match request.uri().path().ends_with("$batch") {
        false => Reply::json(403, json!({"error": {"code": "Authorization_RequestDenied", "message": "No."}})),
        true => each(request, |_| json!({"status": 403, "body": {"error": {"code": "Authorization_RequestDenied"}}})),
    });
    // The claims of each token, such as {"roles":["User.ReadWrite.All"]}.
    let least = || GraphClass::Denied { permission: Some("User.ReadUpdate.All".into()) };
    #[rustfmt::skip]
    let table = [
        ("eyJyb2xlcyI6WyJVc2VyLlJlYWRXcml0ZS5BbGwiXX0", GraphClass::PrivilegedTarget, "it may change all of a user, but for some users"),
        ("eyJyb2xlcyI6WyJVc2VyLlJlYWRVcGRhdGUuQWxsIl19", least(), "which is not enough for some properties"),
        ("eyJyb2xlcyI6WyJHcm91cC5SZWFkV3JpdGUuQWxsIl19", least(), "another one"),
        ("eyJyb2xlcyI6W119", least(), "none"),
    ];
    for (claims, expected, why) in table {
        let graph = GraphClient::builder(StaticToken::new(format!("e30.{claims}.sig")))
            .cloud(cloud())
            .transport(script.clone())
            .clock(clock())
            .build()
            .expect("a client");
        let alone = graph.users().update("1", &json!({})).await.expect_err(why);
        let request = graph.users().update("1", &json!({})).into_batch().expect("valid");
        let (_, outcome) = graph.batch(vec![request]).next().await.expect("an outcome");
        for error in [alone, outcome.expect_err(why)] {
            assert_eq!(error.graph().expect("Graph said so").class(), expected, "{why}");
            assert_eq!(error.kind(), ErrorKind::Forbidden);
            assert_eq!(error.to_string().contains("needs=a directory role"), expected == GraphClass::PrivilegedTarget);
        }
    }
}
