//! Licences of users and groups, and managers.

use std::collections::BTreeMap;

use entrant::adapters::Entra;
use entrant::graph::GraphClass;
use entrant::model::{Class, ElementChange, License, LicenseFault, Name, ObjectId, Operation, Refused};
use entrant::sim::{Activity, Fault, Sim, Sku};
use entrant::store::{Lookup, Query, Source, SourceExt, Target};
use entrant::{ErrorKind, Record, Result, Value};
use serde_json::json;

use super::{clock, entra, tenant, write};

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

fn licensed() -> (Sim, entrant::clock::ManualClock) {
    let clock = clock();
    let sim = Sim::builder().domain("contoso.com").standard_skus(3).clock(clock.clone()).build();
    (sim, clock)
}

fn add_user(sim: &Sim, name: &str) -> String {
    sim.add_user(json!({"userPrincipalName": format!("{name}@contoso.com"), "usageLocation": "DE"}))
}

fn licenses(user: &str, add: &[License], remove: &[&str]) -> Operation {
    let add = add.iter().map(License::to_value);
    let remove = remove.iter().map(|sku| License::new(*sku).to_value());
    let changes = BTreeMap::from([(Name::from("skuId"), ElementChange::new(add, remove))]);
    Operation::Elements { id: ObjectId::user(user), changes }
}

fn manager(user: &str, add: &[&str], remove: &[&str]) -> Operation {
    let values = |ids: &[&str]| ids.iter().map(|id| Value::from(*id)).collect::<Vec<_>>();
    let changes = BTreeMap::from([(Name::from("manager"), ElementChange::new(values(add), values(remove)))]);
    Operation::Elements { id: ObjectId::user(user), changes }
}

async fn refused(entra: &Entra, operation: Operation) -> Result<Vec<Refused>> {
    write(entra, vec![operation]).await.remove(0).map(|written| written.refused)
}

async fn read_one(entra: &Entra, id: &str) -> Record {
    match entra.get(&[ObjectId::user(id)]).await.expect("it works").remove(0) {
        Lookup::One(record) => record,
        other => panic!("{other:?} for {id}"),
    }
}

fn held(record: &Record) -> Vec<License> {
    let values = record.get("skuId").expect("they were asked for").as_slice();
    values.iter().map(|value| License::from_value(value).expect("a licence")).collect()
}

#[tokio::test]
async fn licences_are_read_by_the_way_they_come() {
    let (sim, clock) = licensed();
    let e3 = Sku::office_e3(0);
    let ada = add_user(&sim, "ada");
    let group = sim.add_group(json!({"displayName": "licensed", "members": [ada]}));
    sim.assign_license(&ada, &e3.sku_id());
    sim.assign_group_license(&group, &e3.sku_id());
    let entra = entra(&sim, &clock).await;
    let both = [License::new(e3.sku_id()), License::new(e3.sku_id()).inherited_from(group.as_str())];
    assert_eq!(held(&read_one(&entra, &ada).await), both);

    // What could not be given is not held: the group's fourth member finds no seat.
    let others: Vec<_> = (0..3).map(|number| add_user(&sim, &format!("p{number}"))).collect();
    others.iter().for_each(|other| sim.add_member(&group, other));
    let counts: Vec<_> = {
        let query = Query::all(Class::USER).with_select([Name::from("skuId")]);
        let (users, _) = entra.collect(&query).await;
        others.iter().map(|id| held(users.iter().find(|user| *user.id.id == **id).expect("there")).len()).collect()
    };
    assert_eq!(counts, [1, 1, 0]);
    let query = Query::all(Class::USER).with_select([Name::from("mail")]);
    assert!(entra.collect(&query).await.0.iter().all(|user| user.get("skuId").is_none()), "nobody asked");
}

#[tokio::test]
async fn licences_change_in_one_request() {
    let (sim, clock) = licensed();
    let entra = entra(&sim, &clock).await;
    let (e3, e5) = (Sku::office_e3(0), Sku::office_e5(0));
    let plan = e5.plan_id("BI_AZURE_P2").expect("E5 has reports");
    let people: Vec<_> = (0..3).map(|number| add_user(&sim, &format!("p{number}"))).collect();
    people.iter().for_each(|user| sim.assign_license(user, &e3.sku_id()));
    let before = sim.requests();
    let swap = |user: &String| licenses(user, &[License::new(e5.sku_id()).without_plan(&*plan)], &[&e3.sku_id()]);
    for answer in write(&entra, people.iter().map(swap).collect()).await {
        let refused = answer.expect("written").refused;
        assert!(refused.is_empty(), "{refused:?}");
    }
    assert_eq!(sim.requests().batch_posts - before.batch_posts, 1);
    assert_eq!(sim.requests().batch_items - before.batch_items, 3);
    assert_eq!(held(&read_one(&entra, &people[0]).await), [License::new(e5.sku_id()).without_plan(&*plan)]);
    let again = licenses(&people[0], &[License::new(e5.sku_id())], &[]);
    assert!(refused(&entra, again).await.expect("written").is_empty());
    assert_eq!(held(&read_one(&entra, &people[0]).await), [License::new(e5.sku_id())], "and its plans follow");
}

#[tokio::test]
async fn a_licence_that_is_refused_refuses_all_of_the_request() {
    let (sim, clock) = licensed();
    let entra = entra(&sim, &clock).await;
    let (e3, e5) = (Sku::office_e3(0), Sku::office_e5(0));
    let people: Vec<_> = (0..4).map(|number| add_user(&sim, &format!("p{number}"))).collect();
    people[..3].iter().for_each(|user| sim.assign_license(user, &e5.sku_id()));
    sim.assign_license(&people[3], &e3.sku_id());
    let swap = licenses(&people[3], &[License::new(e5.sku_id())], &[&e3.sku_id()]);
    let refusals = refused(&entra, swap).await.expect("written");
    assert_eq!(refusals.len(), 2);
    for refusal in &refusals {
        let class = refusal.error.graph().map(|said| said.class());
        assert!(matches!(class, Some(GraphClass::NoSeats { .. })), "{:?}", refusal.error);
    }
    assert_eq!(sim.licenses(&people[3]), ["ENTERPRISEPACK"], "as it was");

    let nowhere = sim.add_user(json!({"userPrincipalName": "nowhere@contoso.com"}));
    let unknown = License::new(NOBODY);
    for (operation, expected) in [
        (licenses(&nowhere, &[License::new(e3.sku_id())], &[]), GraphClass::UsageLocation),
        (licenses(&people[0], &[unknown], &[]), GraphClass::UnknownSku { sku: NOBODY.try_into().ok() }),
    ] {
        let refusals = refused(&entra, operation).await.expect("written");
        assert_eq!(refusals[0].error.graph().map(|said| said.class()), Some(expected));
    }
    let refusals = refused(&entra, licenses(NOBODY, &[License::new(e3.sku_id())], &[])).await.expect("written");
    assert_eq!(refusals[0].error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_licence_that_is_gone_already_holds_up_no_other() {
    let (sim, clock) = licensed();
    let entra = entra(&sim, &clock).await;
    let (e3, e5, f3) = (Sku::office_e3(0), Sku::office_e5(0), Sku::office_f3(0));
    let ada = add_user(&sim, "ada");
    let group = sim.add_group(json!({"displayName": "licensed", "members": [ada]}));
    sim.assign_group_license(&group, &f3.sku_id());
    sim.assign_license(&ada, &e3.sku_id());
    let both = licenses(&ada, &[], &[&e3.sku_id(), &e5.sku_id()]);
    for _ in 0..2 {
        assert!(refused(&entra, both.clone()).await.expect("written").is_empty());
        assert_eq!(sim.licenses(&ada), ["DESKLESSPACK"]);
    }
    let removed = sim.audit().iter().filter(|entry| entry.activity == Activity::RemoveLicense).count();
    assert_eq!(removed, 1);

    let refusals = refused(&entra, licenses(&ada, &[], &[&f3.sku_id()])).await.expect("written");
    assert_eq!(refusals.len(), 1, "it is the group's");
    assert_eq!(refusals[0].error.graph().map(|said| said.class()), Some(GraphClass::InheritedLicense));
}

#[tokio::test]
async fn a_lost_answer_about_licences_leaves_them_in_doubt() {
    let (sim, clock) = licensed();
    let entra = entra(&sim, &clock).await;
    let ada = add_user(&sim, "ada");
    sim.fail(Fault::on("POST", "/v1.0/$batch").drop_after());
    let give = licenses(&ada, &[License::new(Sku::office_e3(0).sku_id())], &[]);
    let error = refused(&entra, give).await.expect_err("nobody knows");
    assert!(error.is_outcome_in_doubt() && error.to_string().contains("part=licenses"), "{error}");
}

#[tokio::test]
async fn a_manager_is_read_when_asked_for() {
    let (sim, entra) = tenant().await;
    let boss = sim.add_user(json!({"userPrincipalName": "boss@contoso.com", "companyName": "Contoso"}));
    let ada = sim.add_user(json!({"userPrincipalName": "ada@contoso.com", "companyName": "Contoso"}));
    sim.set_manager(&ada, Some(&boss));
    assert_eq!(read_one(&entra, &ada).await.get("manager"), Some(&boss.as_str().into()));
    assert_eq!(read_one(&entra, &boss).await.get("manager"), Some(&Value::Null));
    let managers = async |attribute: &str, value: &str| {
        let found = entra.find(&Class::USER, &attribute.into(), &[value.into()]).await.expect("it works");
        let mut managers: Vec<_> = found.iter().map(|user| user.get("manager").cloned()).collect();
        managers.sort();
        managers
    };
    let both = [Some(Value::Null), Some(boss.as_str().into())];
    assert_eq!(managers("userPrincipalName", "ada@contoso.com").await, both[1..]);
    assert_eq!(managers("companyName", "Contoso").await, both, "an advanced query expands nothing");

    let select = |name: &'static str| Query::all(Class::USER).with_select([Name::from_static(name)]);
    let (users, _) = entra.collect(&select("manager")).await;
    let mut read: Vec<_> = users.iter().map(|user| user.get("manager").cloned()).collect();
    read.sort();
    assert_eq!(read, both);
    sim.fail(Fault::on("GET", "/v1.0/users").containing("manager(").status(400).always());
    let (users, completeness) = entra.collect(&select("mail")).await;
    assert!(completeness.is_complete() && users.iter().all(|user| user.get("manager").is_none()));
}

#[tokio::test]
async fn a_manager_changes_and_goes() {
    let (sim, entra) = tenant().await;
    let people: Vec<_> = (0..3).map(|number| add_user(&sim, &format!("p{number}"))).collect();
    let [ada, boss, other] = [&*people[0], &*people[1], &*people[2]];
    for (operation, expected) in [
        (manager(ada, &[boss], &[]), Some(boss)),
        (manager(ada, &[other], &[boss]), Some(other)),
        (manager(ada, &[], &[boss]), Some(other)),
        (manager(ada, &[], &[&other.to_uppercase()]), None),
        (manager(ada, &[], &[other]), None),
    ] {
        assert!(refused(&entra, operation).await.expect("written").is_empty());
        assert_eq!(sim.manager(ada).as_deref(), expected);
    }
    let before = sim.audit().len();
    let refusals = refused(&entra, manager(ada, &[NOBODY], &[])).await.expect("written");
    assert_eq!((refusals.len(), refusals[0].error.kind()), (1, ErrorKind::NotFound));
    let refusals = refused(&entra, manager(NOBODY, &[], &[boss])).await.expect("written");
    assert_eq!((refusals.len(), refusals[0].error.kind()), (1, ErrorKind::NotFound));
    assert_eq!(sim.audit().len(), before);
}

#[tokio::test]
async fn one_change_may_hold_all_kinds_of_elements() {
    let (sim, clock) = licensed();
    let entra = entra(&sim, &clock).await;
    let (ada, e3) = (add_user(&sim, "ada"), Sku::office_e3(0));
    let changes = BTreeMap::from([
        (Name::from("manager"), ElementChange::new([NOBODY.into()], [])),
        (Name::from("skuId"), ElementChange::new([e3.sku_id().into()], [])),
        (Name::from("disabledPlans"), ElementChange::new(["x".into()], [])),
    ]);
    let refusals = refused(&entra, Operation::Elements { id: ObjectId::user(&*ada), changes }).await.expect("written");
    let mut shown: Vec<_> = refusals.iter().map(|refusal| (refusal.attribute.as_str(), refusal.error.kind())).collect();
    shown.sort_by_key(|row| (row.0, format!("{row:?}")));
    assert_eq!(shown, [("disabledPlans", ErrorKind::Invalid), ("manager", ErrorKind::NotFound)]);
    assert_eq!(sim.licenses(&ada), ["ENTERPRISEPACK"], "a product's id alone is a licence with all plans");
}

fn group_licenses(group: &str, add: &[License], remove: &[&str]) -> Operation {
    let add = add.iter().map(License::to_value);
    let remove = remove.iter().map(|sku| License::new(*sku).to_value());
    let changes = BTreeMap::from([(Name::from("skuId"), ElementChange::new(add, remove))]);
    Operation::Elements { id: ObjectId::group(group), changes }
}

#[tokio::test]
async fn licences_of_groups_are_given_read_and_taken() {
    let (sim, clock) = licensed();
    let entra = entra(&sim, &clock).await;
    let (e3, e5) = (Sku::office_e3(0), Sku::office_e5(0));
    let plan = e5.plan_id("BI_AZURE_P2").expect("E5 has reports");
    let ada = add_user(&sim, "ada");
    let group = sim.add_group(json!({"displayName": "licensed", "members": [ada]}));
    sim.assign_group_license(&group, &e3.sku_id());
    let swap = group_licenses(&group, &[License::new(e5.sku_id()).without_plan(&*plan)], &[&e3.sku_id()]);
    for _ in 0..2 {
        let refused = refused(&entra, swap.clone()).await.expect("written");
        assert!(refused.is_empty(), "what is gone already holds up nothing: {refused:?}");
    }
    assert_eq!(sim.licenses(&ada), ["ENTERPRISEPREMIUM"]);
    let read = |id: String| {
        let entra = entra.clone();
        async move {
            match entra.get(&[ObjectId::group(id)]).await.expect("it works").remove(0) {
                Lookup::One(record) => record,
                other => panic!("{other:?}"),
            }
        }
    };
    let record = read(group.clone()).await;
    assert_eq!(held(&record), [License::new(e5.sku_id()).without_plan(&*plan)]);
    assert_eq!(record.get("licenseProcessingState.state"), Some(&"ProcessingComplete".into()));
    assert_eq!(record.get("licenseErrors"), Some(&Value::list([])));
    let user = read_one(&entra, &ada).await;
    assert_eq!(held(&user), [License::new(e5.sku_id()).without_plan(&*plan).inherited_from(group.as_str())]);

    let unknown = refused(&entra, group_licenses(&group, &[License::new(NOBODY)], &[])).await.expect("written");
    assert_eq!(
        unknown[0].error.graph().map(|said| said.class()),
        Some(GraphClass::UnknownSku { sku: NOBODY.try_into().ok() })
    );
}

#[tokio::test]
async fn who_did_not_get_a_groups_licences_is_asked_of_groups_that_have_any() {
    let (sim, clock) = licensed();
    let entra = entra(&sim, &clock).await;
    let e3 = Sku::office_e3(0);
    let people: Vec<_> = (0..4).map(|number| add_user(&sim, &format!("p{number}"))).collect();
    let group = sim.add_group(json!({"displayName": "licensed", "members": people}));
    for number in 0..50 {
        sim.add_group(json!({"displayName": format!("g{number}"), "members": people}));
    }
    sim.assign_group_license(&group, &e3.sku_id());
    let unlucky = people.iter().find(|id| sim.licenses(id).is_empty()).expect("three seats for four").clone();
    let query = Query::all(Class::GROUP).with_select(["skuId", "licenseErrors"].map(Name::from));
    let before = sim.requests();
    let (groups, _) = entra.collect(&query).await;
    let after = sim.requests();
    assert_eq!(after.batch_items - before.batch_items, 1, "one group is asked");
    let faults = |record: &Record| -> Vec<LicenseFault> {
        record
            .get("licenseErrors")
            .map_or(&[][..], Value::as_slice)
            .iter()
            .filter_map(LicenseFault::from_value)
            .collect()
    };
    let of = |groups: &[Record]| groups.iter().find(|own| *own.id.id == *group).expect("there").clone();
    assert_eq!(faults(&of(&groups)), [LicenseFault::new(unlucky, e3.sku_id(), "CountViolation")]);
    assert_eq!(groups.iter().map(|own| faults(own).len()).sum::<usize>(), 1);

    sim.fail(Fault::on("GET", "/v1.0/groups").containing("membersWithLicenseErrors").in_batch().status(403).always());
    let (groups, completeness) = entra.collect(&query).await;
    assert!(completeness.is_complete(), "{completeness:?}");
    assert!(of(&groups).partial["licenseErrors"].contains("could not be read"), "{:?}", of(&groups).partial);
}
