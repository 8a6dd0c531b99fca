//! Users, and the connection.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use entrant::adapters::{Entra, member_scope};
use entrant::connection::{Connection, CredentialKind, StageName, StageOutcome};
use entrant::http::Transport;
use entrant::model::{Anchor, Class, Completeness, Name, ObjectId, Operation, all, eq, starts_with};
use entrant::secret::Secret;
use entrant::sim::{Activity, Fault};
use entrant::store::{Access, Lookup, Query, Read, Source, SourceExt, Target};
use entrant::testing::{Sample, target_suite};
use entrant::{Error, ErrorKind, Record, Result, Value};
use futures::StreamExt;
use http::{Request, Response};
use serde_json::json;
use time::macros::datetime;

use super::{clock, connection, person, sim, tenant, update, write, write_one};

#[tokio::test]
async fn entra_keeps_the_contract_of_a_target() {
    let (_sim, entra) = tenant().await;
    let sample = Sample::new(Class::USER, "jobTitle", |number| {
        let attributes = [
            ("displayName", format!("Person {number}")),
            ("mailNickname", format!("o'neil{number}")),
            ("userPrincipalName", format!("o'neil{number}#x@contoso.com")),
            ("employeeId", format!("E{number}")),
            ("onPremisesImmutableId", format!("anchor{number}")),
            ("employeeOrgData.division", format!("D{number}")),
            ("onPremisesExtensionAttributes.extensionAttribute7", format!("X{number}")),
        ];
        let attributes = attributes.map(|(name, value)| (Name::from(name), Value::from(value)));
        let secrets = [(Name::from("password"), Secret::new(format!("Ge-heim-{number}-1234")))];
        (attributes.into_iter().collect(), BTreeMap::from(secrets))
    })
    .with_reference("manager");
    target_suite(&entra, &sample).await.expect("it keeps the contract");
}

#[tokio::test]
async fn the_check_goes_stage_by_stage() {
    let clock = clock();
    let sim = sim(&clock);
    let mut good = connection(&sim).build().expect("complete");
    let check = good.check_over(sim.transport(), Arc::new(clock.clone())).await.expect("it can be made");
    assert!(check.passed(), "{check}");
    let facts = check.tenant.clone().expect("the tenant was read");
    assert_eq!(facts.id.as_str(), sim.tenant_id());
    assert_eq!(facts.default_domain.as_deref(), Some("contoso.com"));
    assert!(good.refusal().is_none());

    let wrong = connection(&sim).client_secret("hunter2").build().expect("complete");
    let error = Entra::builder(wrong.clone()).transport(sim.transport()).clock(clock.clone()).connect().await;
    let error = error.expect_err("a wrong secret");
    assert_eq!(error.kind(), ErrorKind::NotReady);
    let text = error.to_chain();
    assert!(text.contains("at token") && text.contains("secret's value"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");

    let mut stored = wrong;
    stored.check_over(sim.transport(), Arc::new(clock.clone())).await.expect("it can be made");
    let outcomes = |connection: &Connection| {
        let stages = connection.last_check().expect("it was checked").stages.clone();
        stages.into_iter().map(|stage| (stage.name, stage.outcome)).collect::<Vec<_>>()
    };
    let json = serde_json::to_string(&stored).expect("a failed check can be stored");
    let loaded: Connection = serde_json::from_str(&json).expect("and loaded");
    assert_eq!(outcomes(&loaded), outcomes(&stored));
    let all = outcomes(&loaded);
    let at = all.iter().position(|(stage, _)| *stage == StageName::Token).expect("there is one for the token");
    assert!(matches!(all[at].1, StageOutcome::Failed { .. }));
    assert!(all[..at].iter().all(|(_, outcome)| *outcome == StageOutcome::Passed), "{all:?}");
    assert!(all[at + 1..].iter().all(|(_, outcome)| *outcome == StageOutcome::Skipped), "{all:?}");
    assert!(!json.contains("hunter2"));
    assert!(loaded.refusal().is_some_and(|reason| reason.contains("failed its last check")));

    for (path, stage, word) in [
        ("/v1.0/organization", StageName::Organization, "Organization.Read.All"),
        ("/v1.0/domains", StageName::Domains, "unavailable"),
    ] {
        sim.clear_faults();
        let status = if stage == StageName::Domains { 503 } else { 403 };
        sim.fail(Fault::on("GET", path).status(status).always());
        let check = good.check_over(sim.transport(), Arc::new(clock.clone())).await.expect("it can be made");
        let (failed, cause, advice) = check.failure().expect("it fails");
        assert_eq!(failed, stage);
        let text = format!("{cause} {advice}").to_lowercase();
        assert!(text.contains(&word.to_lowercase()) || status == 503, "{text}");
    }
    sim.clear_faults();
    sim.fail(Fault::on("GET", "/v1.0/domains").status(403).always());
    let check = good.check_over(sim.transport(), Arc::new(clock.clone())).await.expect("it can be made");
    assert!(check.passed(), "the organization names its domains too: {check}");

    let mut refused = connection(&sim).token("no token at all").build().expect("complete");
    let check = refused.check_over(sim.transport(), Arc::new(clock.clone())).await.expect("it can be made");
    let (_, _, advice) = check.failure().expect("nobody knows this token");
    assert!(advice.contains("token") && !advice.contains("grant"), "{advice}");

    let other = "99999999-2222-3333-4444-555555555555";
    let mut other =
        Connection::builder(other, sim.client_id()).token(sim.token()).cloud(sim.cloud()).build().expect("complete");
    assert_eq!(other.credential_kind(), CredentialKind::Token);
    let check = other.check_over(sim.transport(), Arc::new(clock)).await.expect("it can be made");
    assert!(check.failure().is_some_and(|(_, cause, _)| cause.contains("the token is for the tenant")));
}

#[tokio::test]
async fn nothing_is_written_before_the_check_passed() {
    let clock = clock();
    let sim = sim(&clock);
    let unchecked = |connection: Connection| {
        Entra::builder(connection)
            .transport(sim.transport())
            .clock(clock.clone())
            .unchecked()
            .expect("it has a credential")
    };
    let mut checked = connection(&sim).build().expect("complete");
    checked.check_over(sim.transport(), Arc::new(clock.clone())).await.expect("it can be made");
    let table = [
        (connection(&sim).build().expect("complete"), Some("has not passed its check")),
        (checked.clone().disabled(), Some("switched off")),
        (checked.clone().with_client_secret("another"), Some("has not passed its check")),
        (checked.clone(), None),
    ];
    for (connection, refusal) in table {
        let entra = unchecked(connection);
        match (entra.capabilities().writes, refusal) {
            (Access::Refused(reason), Some(expected)) => {
                assert!(reason.contains(expected), "{reason}");
                let error = write_one(&entra, person("ada")).await.expect_err("refused");
                assert_eq!(error.kind(), ErrorKind::NotReady);
            }
            (Access::Allowed, None) => {
                write_one(&entra, person("ada")).await.expect("allowed");
            }
            (access, expected) => panic!("{access:?} instead of {expected:?}"),
        }
    }
    assert_eq!(sim.audit().len(), 1);
    assert_eq!(unchecked(checked).capabilities().tenant.as_deref(), Some(&*sim.tenant_id()));
}

#[tokio::test]
async fn a_list_that_breaks_off_is_partial() {
    let (sim, entra) = tenant().await;
    sim.add_users(2_500);
    let users = Query::all(Class::USER);
    let (records, completeness) = entra.collect(&users).await;
    assert_eq!(records.len(), 2_500);
    assert_eq!(completeness, Completeness::Complete);

    sim.fail(Fault::on("GET", "/v1.0/users").containing("$skiptoken").after(1).status(400).always());
    let steps: Vec<_> = entra.read(&users).collect().await;
    let (last, before) = steps.split_last().expect("steps");
    assert_eq!(before.len(), 1_998, "two pages of 999");
    let Ok(Read::End { completeness: Completeness::Partial { reason }, .. }) = last else {
        panic!("{last:?} is no partial end");
    };
    assert!(reason.contains("broke off after page 2"), "{reason}");

    sim.clear_faults();
    sim.fail(Fault::on("GET", "/v1.0/users").status(403).always());
    let steps: Vec<_> = entra.read(&users).collect().await;
    assert!(matches!(&steps[..], [Err(error)] if error.kind() == ErrorKind::Forbidden), "{steps:?}");
    let devices: Vec<_> = entra.read(&Query::all(Class::new("device"))).collect().await;
    assert!(matches!(&devices[..], [Err(error)] if error.kind() == ErrorKind::Unsupported));
}

#[tokio::test]
async fn reads_ask_for_what_is_needed() {
    let (sim, entra) = tenant().await;
    sim.add_user(
        json!({"userPrincipalName": "ada@contoso.com", "department": "R&D", "employeeOrgData": {"division": "N"}}),
    );
    sim.add_user(json!({"userPrincipalName": "guest@contoso.com", "department": "R&D", "userType": "Guest"}));
    sim.add_user(json!({"userPrincipalName": "bob@contoso.com", "department": "Sales"}));
    let query = Query::all(Class::USER)
        .with_filter(all([eq("department", "r&d"), member_scope()]))
        .with_select(["employeeOrgData.division", "businessPhones", "password", "nonsense"].map(Name::from));
    let (records, _) = entra.collect(&query).await;
    assert_eq!(records.len(), 2, "the department is asked of Graph, the scope is the caller's");
    let names: Vec<_> = records[0].attributes.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["businessPhones", "department", "employeeOrgData.costCenter", "employeeOrgData.division", "id", "userType"]
    );
    let kept: Vec<_> = records.iter().filter(|record| member_scope().matches(&record.attributes)).collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].get("employeeOrgData.division"), Some(&"N".into()));
    let prefix = Query::all(Class::USER).with_filter(starts_with("userPrincipalName", "BOB"));
    assert_eq!(entra.collect(&prefix).await.0.len(), 1);
}

#[tokio::test]
async fn look_ups_go_in_batches() {
    let (sim, entra) = tenant().await;
    sim.add_users(100);
    let add =
        |n| sim.add_user(json!({"userPrincipalName": format!("o'neil{n}@contoso.com"), "employeeId": format!("{n}")}));
    let mut ids: Vec<ObjectId> = (0..90).map(|n| ObjectId::user(add(n))).collect();
    let before = sim.requests();
    ids.push(ObjectId::user("00000000-0000-4000-8000-000000000000"));
    // A name leads to a user in Graph, but it is not the id of one.
    ids.push(ObjectId::user("o'neil1@contoso.com"));
    for hostile in ["a/../b", "%2F", "x?$select=id", "#", "\0", "$x", "..", "🦀"] {
        ids.push(ObjectId::user(hostile));
    }
    let answers = entra.get(&ids).await.expect("it works");
    assert_eq!(answers.len(), 100);
    for (id, answer) in ids.iter().zip(&answers[..90]) {
        assert!(matches!(answer, Lookup::One(record) if record.id == *id), "{id}: {answer:?}");
    }
    assert!(answers[90..].iter().all(|answer| *answer == Lookup::None), "{:?}", &answers[90..]);
    assert_eq!(sim.requests().batch_posts - before.batch_posts, 5, "20 a batch");
    assert_eq!(sim.requests().besides_batches(), before.besides_batches());

    let before = sim.requests();
    let values: Vec<Value> = (0..200).map(|n| format!("{n}").into()).collect();
    let found = entra.find(&Class::USER, &"employeeId".into(), &values).await.expect("it works");
    assert_eq!(found.iter().filter(|record| ids.contains(&record.id)).count(), 90);
    assert_eq!(sim.requests().batch_posts - before.batch_posts, 1, "14 searches of 15 values");
    let names: Vec<Value> = vec!["O'NEIL5@contoso.com".into(), "x' or '1' eq '1".into(), "a\u{0}b".into()];
    let found = entra.find(&Class::USER, &"userPrincipalName".into(), &names).await.expect("it works");
    assert_eq!(found.len(), 1, "case does not matter in a name, and a quote is only a quote");
    let company = Name::from("companyName");
    sim.update_user(&ids[0].id, json!({"companyName": "Contoso"}));
    let found = entra.find(&Class::USER, &company, &["Contoso".into()]).await.expect("an advanced query");
    assert_eq!(found.len(), 1);
    let error = entra.find(&Class::USER, &"createdDateTime".into(), &["x".into()]).await;
    assert_eq!(error.expect_err("it cannot be searched").kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn only_the_directory_says_that_somebody_is_gone() {
    let (sim, entra) = tenant().await;
    let ada = ObjectId::user(sim.add_user(json!({"userPrincipalName": "ada@contoso.com"})));
    let delete = || Operation::Delete { id: ada.clone() };
    // What stands between answers for all of them.
    sim.fail(Fault::on("POST", "/v1.0/$batch").status(404).always());
    let error = entra.get(std::slice::from_ref(&ada)).await.expect_err("that is no answer about ada");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = entra.deleted(&[Anchor::Id(ada.clone())]).await.expect_err("nor one about the recycle bin");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    write_one(&entra, delete()).await.expect_err("nobody was deleted");
    assert!(sim.user(&ada.id).is_some());
    sim.clear_faults();
    write_one(&entra, delete()).await.expect("it works");
    write_one(&entra, delete()).await.expect("it is gone already");
}

#[tokio::test]
async fn a_value_that_many_hold_is_found_whole() {
    let (sim, entra) = tenant().await;
    for number in 0..1_100 {
        sim.add_user(json!({"userPrincipalName": format!("u{number}@contoso.com"), "department": "Sales"}));
    }
    let found = entra.find(&Class::USER, &"department".into(), &["Sales".into(), "None".into()]).await;
    assert_eq!(found.expect("it works").len(), 1_100);
}

#[tokio::test]
async fn the_recycle_bin_is_searched_by_id_and_anchor() {
    let (sim, entra) = tenant().await;
    let id = sim.add_user(json!({"userPrincipalName": "ada@contoso.com", "onPremisesImmutableId": "E=7"}));
    sim.add_user(json!({"userPrincipalName": "bob@contoso.com", "onPremisesImmutableId": "E=8"}));
    sim.delete_user("ada@contoso.com");
    let anchor = |value: &str| Anchor::Attribute {
        class: Class::USER,
        name: "onPremisesImmutableId".into(),
        value: value.into(),
    };
    let both = [Anchor::Id(ObjectId::user(&*id)), anchor("E=7"), anchor("E=8")];
    let found = entra.deleted(&both).await.expect("it works");
    assert_eq!(found.len(), 1, "each once, and only what was deleted");
    assert_eq!(found[0].get("userPrincipalName"), Some(&"ada@contoso.com".into()));

    // A service that does not filter its recycle bin.
    sim.fail(Fault::on("GET", "/v1.0/directory/deletedItems").containing("filter").status(501).always());
    let found = entra.deleted(&[anchor("E=7")]).await.expect("it lists instead");
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn changes_are_split_ordered_and_packed() {
    let (sim, entra) = tenant().await;
    let created = write(&entra, (0..45).map(|n| person(&format!("p{n}"))).collect()).await;
    let ids: Vec<String> = created.into_iter().map(|answer| answer.expect("created").id.id.to_string()).collect();
    assert_eq!(sim.requests().batch_posts, 3, "20, 20 and 5");
    let user = sim.user(&ids[0]).expect("it is there");
    assert_eq!(user["accountEnabled"], true);
    assert_eq!(sim.password_of(&ids[0]), Some(Secret::new("Ge-heim-1234")));

    sim.update_user(&ids[0], json!({"employeeOrgData": {"division": "North", "costCenter": "7"}}));
    let operations = vec![
        update(
            &ids[0],
            &[("employeeOrgData.division", "South".into()), ("accountEnabled", false.into()), ("jobTitle", "x".into())],
        ),
        update(&ids[0], &[("jobTitle", "y".into()), ("resetPassword", true.into())]),
        update(&ids[1], &[]),
    ];
    for answer in write(&entra, operations).await {
        answer.expect("written");
    }
    let user = sim.user(&ids[0]).expect("it is there");
    assert_eq!(user["jobTitle"], "y");
    assert_eq!(user["accountEnabled"], false);
    assert_eq!(user["employeeOrgData"], json!({"division": "South", "costCenter": "7"}));
    let written: Vec<_> = sim.audit().into_iter().filter(|entry| entry.activity == Activity::UpdateUser).collect();
    let properties: Vec<_> = written.iter().map(|entry| entry.properties.join(" ")).collect();
    assert_eq!(properties, ["employeeOrgData jobTitle", "accountEnabled", "jobTitle", "passwordProfile"]);
}

#[tokio::test]
async fn a_part_that_fails_is_named_and_stops_no_other() {
    let (sim, entra) = tenant().await;
    let id = sim.add_user(json!({"userPrincipalName": "ada@contoso.com"}));
    sim.add_user(json!({"userPrincipalName": "bob@contoso.com"}));
    let taken = [("userPrincipalName", "Bob@contoso.com".into()), ("accountEnabled", false.into())];
    let error = write_one(&entra, update(&id, &taken)).await.expect_err("taken");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("part=attributes"), "{error}");
    assert_eq!(sim.user(&id).expect("there")["accountEnabled"], false, "the disable does not wait for the name");

    let gone = Operation::Delete { id: ObjectId::user("00000000-0000-4000-8000-000000000000") };
    write_one(&entra, gone).await.expect("what is gone is deleted");
}

#[tokio::test]
async fn a_lost_answer_to_a_create_leaves_it_in_doubt() {
    let (sim, entra) = tenant().await;
    sim.fail(Fault::on("POST", "/v1.0/$batch").drop_after());
    let error = write_one(&entra, person("ada")).await.expect_err("the answer was lost");
    assert!(error.is_outcome_in_doubt(), "{error}");
    assert_eq!(sim.users().len(), 1, "and it was created");

    sim.fail(Fault::on("PATCH", "/v1.0/users").in_batch().throttle("7"));
    let id = sim.user("ada@contoso.com").expect("there")["id"].as_str().expect("an id").to_owned();
    write_one(&entra, update(&id, &[("jobTitle", "x".into())])).await.expect("repeated after 7 seconds");
}

/// Remembers where tokens and passwords went.
#[derive(Debug)]
struct Watch {
    inner: Arc<dyn Transport>,
    seen: Mutex<Vec<(String, bool, bool)>>,
}

#[async_trait]
impl Transport for Watch {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let host = request.uri().to_string();
        let has_token = request.headers().contains_key("authorization");
        let has_password = String::from_utf8_lossy(request.body()).contains("Ge-heim-1234");
        self.seen.lock().expect("not poisoned").push((host, has_token, has_password));
        self.inner.send(request).await
    }
}

#[tokio::test]
async fn secrets_go_where_they_must_and_nowhere_else() {
    let clock = clock();
    let sim = sim(&clock);
    let watch = Arc::new(Watch { inner: sim.transport(), seen: Mutex::new(Vec::new()) });
    let entra = Entra::builder(connection(&sim).build().expect("complete"))
        .transport(Arc::clone(&watch))
        .clock(clock)
        .connect()
        .await
        .expect("the check passes");
    let error: Error = write_one(&entra, {
        let mut person = person("ada");
        if let Operation::Create { attributes, .. } = &mut person {
            attributes.insert("usageLocation".into(), "nowhere".into());
        }
        person
    })
    .await
    .expect_err("a value that Graph refuses");
    for text in [format!("{error:?}"), error.to_chain(), format!("{entra:?}"), format!("{:?}", person("ada"))] {
        assert!(!text.contains("Ge-heim") && !text.contains(sim.client_secret().expose()), "{text}");
    }
    let graph = sim.cloud().graph().to_string();
    let seen = watch.seen.lock().expect("not poisoned").clone();
    assert!(seen.iter().any(|(_, has_token, _)| *has_token));
    for (address, has_token, has_password) in seen {
        let to_graph = address.starts_with(&format!("{graph}v1.0/"));
        assert_eq!(has_token, to_graph, "{address}");
        assert!(!has_password || address.ends_with("/$batch"), "{address}");
    }
}

#[tokio::test]
async fn a_clone_is_the_same_tenant() {
    fn is_shared<T: Send + Sync + Clone>() {}
    is_shared::<Entra>();
    let (sim, entra) = tenant().await;
    let id = write_one(&entra.clone(), person("ada")).await.expect("created");
    let found: Vec<Record> = match entra.get(&[id]).await.expect("it works").remove(0) {
        Lookup::One(record) => vec![record],
        _ => Vec::new(),
    };
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].get("createdDateTime"), Some(&datetime!(2026-01-01 0:00 UTC).into()));
    assert_eq!(sim.requests().token, 1, "one token for all");
}

#[tokio::test]
async fn sign_ins_are_ended_once_the_account_is_off_and_not_where_it_is_not() {
    let (sim, entra) = tenant().await;
    let ids = ["ada", "bob"].map(|name| sim.add_user(json!({"userPrincipalName": format!("{name}@contoso.com")})));
    let off = |id: &str| update(id, &[("revokeSignInSessions", true.into()), ("accountEnabled", false.into())]);
    write_one(&entra, off(&ids[0])).await.expect("written");
    let done: Vec<_> = sim.audit().into_iter().map(|entry| entry.activity).collect();
    assert!(done.ends_with(&[Activity::UpdateUser, Activity::RevokeSessions]), "{done:?}");

    sim.fail(Fault::on("PATCH", format!("/v1.0/users/{}", ids[1])).status(403).always());
    let error = write_one(&entra, off(&ids[1])).await.expect_err("refused");
    assert!(error.to_string().contains("part=accountEnabled"), "{error}");
    let revoked = sim.audit().into_iter().filter(|entry| entry.activity == Activity::RevokeSessions);
    assert_eq!(revoked.count(), 1, "who can still sign in is not signed out");
}
