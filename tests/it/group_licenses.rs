//! Licences by way of groups, to a simulated tenant: what a group is given, and what its members come to.

use std::time::Duration;

use entrant::job::{Apply, OutcomeKind, Run, RunStatus};
use entrant::model::ObjectId;
use entrant::reconcile::{Action, Guard, Leaver, LicenseRemoval, Licenses, Managed, days};
use entrant::sim::{Activity, Fault, Sku};
use entrant::{Job, Mapping, Policy, Preferences, Record, Value};
use serde_json::json;

use crate::flow_org::{World, group, groups, person};
use crate::job::org::{problems, texts};

/// A world whose groups have licences too.
fn world(records: impl IntoIterator<Item = Record>, seats: usize) -> World {
    let mut world = World::new(records, move |builder| builder.standard_skus(seats));
    world.groups =
        groups().attribute("skuId", "sku").attribute("disabledPlans", "without").attribute("groupTypes", "types");
    world
}

fn licensed(id: &str, members: &[&str], products: &[&str]) -> Record {
    group(id, members).with("sku", texts(products)).with("without", Value::Null).with("types", Value::Null)
}

fn set(world: &World, id: &str, attribute: &str, value: impl Into<Value>) {
    assert!(world.hr.set(&ObjectId::group(id), attribute, value));
}

/// How many licences of groups were given and taken, each in a request.
fn assigned(world: &World) -> (usize, usize) {
    let count = |activity| world.sim.audit().iter().filter(|entry| entry.activity == activity).count();
    (count(Activity::AssignLicense), count(Activity::RemoveLicense))
}

#[tokio::test]
async fn members_get_what_their_group_is_given_and_lose_it() {
    let world = world([person("1"), person("2"), licensed("a", &["1", "2"], &["ENTERPRISEPACK"])], 5);
    let report = world.settle().await;
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert_eq!(world.sim.licenses(&world.name("1")), ["ENTERPRISEPACK"]);
    assert_eq!((assigned(&world), world.sim.skus()[0]["consumedUnits"].clone()), ((1, 0), json!(2)));
    let second = world.plan().await;
    assert!(second.is_converged() && second.entries().is_empty(), "{second}");

    // Another product in its place, without some of its plans, is one request.
    set(&world, "a", "sku", texts(&["ENTERPRISEPREMIUM"]));
    set(&world, "a", "without", texts(&["BI_AZURE_P2"]));
    let plan = world.plan().await;
    assert_eq!(
        plan.effects().of_class(&entrant::model::Class::GROUP, Guard::LicenseRemoval),
        0,
        "a swap takes nothing"
    );
    _ = world.settle().await;
    assert_eq!(world.sim.licenses(&world.name("2")), ["ENTERPRISEPREMIUM"]);
    let e5 = Sku::office_e5(0);
    let of_group = world.sim.group("Group a").expect("there")["assignedLicenses"].clone();
    assert_eq!(of_group, json!([{"skuId": e5.sku_id(), "disabledPlans": [e5.plan_id("BI_AZURE_P2")]}]));
    assert!(world.plan().await.entries().is_empty());

    // Who leaves the group loses it; and so do all when the group does.
    set(&world, "a", "members", texts(&["1"]));
    _ = world.settle().await;
    assert_eq!(world.sim.licenses(&world.name("2")), [""; 0]);
    set(&world, "a", "sku", Value::Null);
    _ = world.settle().await;
    assert_eq!(world.sim.licenses(&world.name("1")), [""; 0]);
    assert!(world.plan().await.entries().is_empty());
}

#[tokio::test]
async fn what_others_gave_a_group_stays() {
    let world = world([person("1"), licensed("a", &["1"], &["ENTERPRISEPACK"])], 5);
    let there = world.sim.add_group(json!({"displayName": "Group a", "mailNickname": "a"}));
    world.sim.assign_group_license(&there, "EMS");
    for wanted in [texts(&["ENTERPRISEPACK"]), Value::Null] {
        set(&world, "a", "sku", wanted);
        _ = world.settle().await;
        let group = world.sim.group("Group a").expect("there");
        let skus = group["assignedLicenses"].as_array().expect("a list").clone();
        assert!(skus.iter().any(|license| license["skuId"] == json!(Sku::ems_e3(0).sku_id())), "{skus:?}");
    }
    assert_eq!(world.sim.licenses(&world.name("1")), ["EMS"]);
    // Not even where all that people have is managed, as long as nobody maps what groups have.
    let licenses = Licenses::default().with_removal(LicenseRemoval::Always).with_managed(Managed::AllDirect);
    let mut unmapped = world;
    unmapped.groups = groups();
    // Somebody else's mapping of the same policy has them read.
    let policy = Preferences::default().with_licenses(licenses).with_source_deleted(Leaver::remove_licenses());
    unmapped.group_policy = Some(Policy::outbound(policy));
    _ = unmapped.settle().await;
    assert_eq!(unmapped.sim.licenses(&unmapped.name("1")), ["EMS"]);
}

#[tokio::test]
async fn what_a_group_takes_from_its_members_counts_for_each_of_them() {
    let ids: Vec<String> = (0..12).map(|id| format!("{id:02}")).collect();
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    let people = ids.iter().map(|id| person(id));
    let world = world(people.chain([licensed("a", &all, &["ENTERPRISEPACK"])]), 20);
    _ = world.settle().await;
    set(&world, "a", "sku", Value::Null);
    let job = world.job().await;
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(plan.effects().of_class(&entrant::model::Class::GROUP, Guard::LicenseRemoval), 12, "{plan}");
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert!(matches!(report.status, RunStatus::Stopped { .. }), "{report}");
    assert_eq!(world.sim.licenses(&world.name("00")), ["ENTERPRISEPACK"], "one group, and twelve mailboxes");
    let report = job.apply(&plan, Apply::new().lift(Guard::LicenseRemoval)).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert_eq!(world.sim.licenses(&world.name("00")), [""; 0]);
}

#[tokio::test]
async fn too_few_seats_are_said_before_and_told_after() {
    let people = ["1", "2", "3"].map(person);
    let world = world(people.into_iter().chain([licensed("a", &["1", "2", "3"], &["ENTERPRISEPACK"])]), 2);
    let plan = world.plan().await;
    let said = problems(&plan, "a");
    assert_eq!(said, ["seats-of-members: skuId: 1 of 3 members would get no seat of ENTERPRISEPACK"], "{plan}");
    let report = world.settle().await;
    assert_eq!(report.status, RunStatus::Complete, "the tenant takes it: {report}");
    assert_eq!(world.sim.skus()[0]["consumedUnits"], json!(2));
    let told = problems(&world.plan().await, "a");
    assert!(
        matches!(&told[..], [one] if one.starts_with("members-without-license: skuId: 1 of the members did not get ENTERPRISEPACK (CountViolation): ")),
        "{told:?}"
    );
    world.sim.set_seats("ENTERPRISEPACK", 3);
    let unlucky = ["1", "2", "3"].into_iter().find(|id| world.sim.licenses(&world.name(id)).is_empty()).expect("one");
    set(&world, "a", "members", texts(&["1", "2", "3"].into_iter().filter(|id| *id != unlucky).collect::<Vec<_>>()));
    _ = world.settle().await;
    assert_eq!(world.plan().await.entries().len(), 0, "who is not in it lacks nothing");
    // One who comes needs a seat as well; and who has one of his own needs none.
    set(&world, "a", "members", texts(&["1", "2", "3"]));
    assert_eq!(problems(&world.plan().await, "a"), [""; 0]);
    world.sim.set_seats("ENTERPRISEPACK", 2);
    assert_eq!(problems(&world.plan().await, "a").len(), 1);
    world.sim.set_seats("ENTERPRISEPACK", 3);
    world.sim.assign_license(&world.name(unlucky), "ENTERPRISEPACK");
    assert_eq!(problems(&world.plan().await, "a"), [""; 0]);
}

#[tokio::test]
async fn seats_of_people_and_of_groups_are_the_same_seats() {
    let people = [person("1").with("sku", texts(&["ENTERPRISEPACK"])), person("2"), person("3")];
    let records = people
        .into_iter()
        .chain([licensed("a", &["1", "2"], &["ENTERPRISEPACK"]), licensed("b", &["2", "3"], &["ENTERPRISEPACK"])]);
    let world = world(records, 2);
    let plan = world.plan().await;
    assert_eq!(problems(&plan, "a"), [""; 0], "one gets it himself, and the other seat is left: {plan}");
    assert_eq!(problems(&plan, "b"), ["seats-of-members: skuId: 1 of 1 members would get no seat of ENTERPRISEPACK"]);
}

#[tokio::test]
async fn people_of_whom_nothing_changes_have_what_they_have() {
    let world = world(["1", "2"].map(person).into_iter().chain([licensed("a", &["1", "2"], &[])]), 2);
    // Nothing of theirs is mapped that depends on others, and their licences are read all the same.
    let people = || {
        Mapping::users()
            .attribute("displayName", "name")
            .attribute("employeeId", "id")
            .attribute("usageLocation", "country")
            .attribute("mailNickname", "login")
            .expression("userPrincipalName", r#"Join("@", ToLower([login]), %Domain%)"#)
            .expect("an expression")
            .generate_password()
            .match_on("employeeId")
    };
    let job = async || {
        Job::builder("staff")
            .source(world.hr.clone())
            .target(world.entra().await)
            .mapping(people())
            .mapping(world.groups.clone())
            .policy(Policy::outbound(Preferences::default().with_source_deleted(Leaver::remove_licenses())))
            .passwords(world.sink.clone())
            .state(world.state.clone())
            .clock(world.clock.clone())
            .build()
            .expect("a job")
    };
    let report = job().await.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    world.clock.advance(Duration::from_secs(3600));
    world.sim.assign_license(&world.name("1"), "ENTERPRISEPACK");
    set(&world, "a", "sku", texts(&["ENTERPRISEPACK"]));
    let plan = job().await.plan(Run::full()).await.expect("a plan");
    assert_eq!(plan.entries().len(), 1, "{plan}");
    assert_eq!(problems(&plan, "a"), [""; 0], "one has it himself, and the other seat is left: {plan}");
    world.sim.set_seats("ENTERPRISEPACK", 1);
    let plan = job().await.plan(Run::full()).await.expect("a plan");
    assert_eq!(problems(&plan, "a"), ["seats-of-members: skuId: 1 of 1 members would get no seat of ENTERPRISEPACK"]);
}

#[tokio::test]
async fn where_no_people_are_read_it_is_said_that_fewer_seats_may_do() {
    let world = world([licensed("a", &[], &["ENTERPRISEPACK"])], 2);
    let people: Vec<_> = (0..3)
        .map(|number| json!({"userPrincipalName": format!("x{number}@contoso.com"), "usageLocation": "DE"}))
        .map(|user| world.sim.add_user(user))
        .collect();
    world.sim.add_group(json!({"displayName": "Group a", "mailNickname": "a", "members": people}));
    let job = Job::builder("groups")
        .source(world.hr.clone())
        .target(world.entra().await)
        .mapping(world.groups.clone())
        .policy(Policy::outbound(Preferences::default()))
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("a job");
    let plan = job.plan(Run::full()).await.expect("a plan");
    let said = problems(&plan, "a").join("; ");
    assert!(
        said.contains("1 of 3 members would get no seat of ENTERPRISEPACK; who has one already is not known"),
        "{plan}"
    );
}

#[tokio::test]
async fn what_people_inherit_is_theirs_until_the_group_goes() {
    // Rule: inherited is satisfied, and never taken from the person.
    let world = world([person("1"), licensed("a", &["1"], &["ENTERPRISEPACK"])], 5);
    _ = world.settle().await;
    world.set("1", "sku", texts(&["ENTERPRISEPACK"]));
    assert!(world.plan().await.entries().is_empty(), "the group gives it");
    world.set("1", "sku", Value::Null);
    assert!(world.plan().await.is_converged(), "what the group gives is the group's");
    world.set("1", "sku", texts(&["ENTERPRISEPACK"]));
    set(&world, "a", "sku", Value::Null);
    _ = world.settle().await;
    _ = world.settle().await;
    assert_eq!(world.sim.licenses(&world.name("1")), ["ENTERPRISEPACK"], "now it is his own");
    let states = world.sim.user(&world.name("1")).expect("there")["licenseAssignmentStates"].clone();
    assert_eq!(states[0]["assignedByGroup"], json!(null), "{states}");
    // And when the group has it again, he keeps his own, which costs no second seat.
    set(&world, "a", "sku", texts(&["ENTERPRISEPACK"]));
    _ = world.settle().await;
    assert_eq!(world.sim.skus()[0]["consumedUnits"], json!(1));
    world.set("1", "sku", Value::Null);
    _ = world.settle().await;
    assert_eq!(world.sim.licenses(&world.name("1")), ["ENTERPRISEPACK"], "by the group");
    assert!(world.plan().await.entries().is_empty());
}

#[tokio::test]
async fn a_group_that_is_being_processed_is_told_of_and_not_asked_again() {
    let mut world = World::new([person("1"), licensed("a", &["1"], &["ENTERPRISEPACK"])], |builder| {
        builder.standard_skus(5).license_processing(Duration::from_secs(2 * 3600))
    });
    world.groups = groups().attribute("skuId", "sku");
    _ = world.settle().await;
    let plan = world.plan().await;
    assert!(plan.is_converged(), "{plan}");
    assert_eq!(
        problems(&plan, "a"),
        ["licenses-under-way: skuId: the members do not have all of the licences yet: ProcessingInProgress"]
    );
    _ = world.settle().await;
    assert_eq!(assigned(&world), (1, 0));
    assert!(world.plan().await.entries().is_empty());
}

#[tokio::test]
async fn groups_that_cannot_give_licences_are_found_when_planned() {
    let kinds = [
        ("synced", json!({"onPremisesSyncEnabled": true}), ""),
        ("dynamic", json!({"groupTypes": ["DynamicMembership"], "membershipRule": "x"}), ""),
        ("roles", json!({"isAssignableToRole": true}), ""),
        ("unified", json!({"groupTypes": ["Unified"], "mailEnabled": true, "securityEnabled": true}), ""),
        ("soft", json!({"groupTypes": ["Unified"], "mailEnabled": true, "securityEnabled": false}), "licensing-group"),
        ("mail", json!({"mailEnabled": true, "securityEnabled": true}), "mail-enabled-group"),
        ("list", json!({"mailEnabled": true, "securityEnabled": false}), "mail-enabled-group"),
        (
            "elsewhere",
            json!({"onPremisesSyncEnabled": true, "mailEnabled": true, "securityEnabled": false}),
            "mail-enabled-group",
        ),
    ];
    let records = kinds.iter().map(|(id, ..)| licensed(id, &[], &["ENTERPRISEPACK"]));
    let world = world(records.chain([person("1")]), 5);
    for (id, extra, _) in &kinds {
        let mut body = json!({"displayName": format!("Group {id}"), "mailNickname": id});
        body.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        world.sim.add_group(body);
    }
    let plan = world.plan().await;
    for (id, _, rule) in &kinds {
        let said = problems(&plan, id);
        let is_right = if rule.is_empty() {
            !said.iter().any(|said| said.contains("skuId"))
        } else {
            said.iter().any(|said| said.starts_with(rule))
        };
        assert!(is_right, "{id}: {said:?}");
    }
    _ = world.settle().await;
    for (id, _, rule) in &kinds {
        let group = world.sim.group(&format!("Group {id}")).expect("there");
        let count = group["assignedLicenses"].as_array().map_or(0, Vec::len);
        assert_eq!(count, usize::from(rule.is_empty()), "{id}");
    }
}

#[tokio::test]
async fn a_group_that_gives_licences_is_deleted_when_they_are_gone() {
    let leavers = [
        (Leaver::delete(), 0, true),
        (Leaver::remove_licenses().then_delete(Duration::ZERO), 1, false),
        (Leaver::remove_licenses().then_delete(days(1)), 1, false),
    ];
    for (leaver, taken, stays) in leavers {
        let policy = Preferences::default().with_left_scope(leaver.clone()).with_source_deleted(leaver.clone());
        let mut world = world([person("1"), licensed("a", &["1"], &["ENTERPRISEPACK"]), licensed("b", &[], &[])], 5);
        world.group_policy = Some(Policy::outbound(policy));
        _ = world.settle().await;
        world.hr.remove(&ObjectId::group("a"));
        let plan = world.plan().await;
        assert_eq!(
            problems(&plan, "a").iter().any(|said| said.starts_with("licensing-group")),
            stays,
            "{leaver:?} {plan}"
        );
        _ = world.settle().await;
        assert_eq!(assigned(&world).1, taken, "{leaver:?}");
        world.clock.advance(Duration::from_secs(25 * 3600));
        _ = world.settle().await;
        assert_eq!(world.sim.group("Group a").is_some(), stays, "{leaver:?}");
    }
}

#[tokio::test]
async fn a_lost_answer_gives_a_group_its_licences_once() {
    let faults: [fn() -> Fault; 4] = [
        || Fault::on("POST", "/v1.0/groups").containing("assignLicense").in_batch().times(1).status(503),
        || Fault::on("POST", "/v1.0/groups").containing("assignLicense").in_batch().times(1).status(503).carried_out(),
        || Fault::on("POST", "/v1.0/groups").containing("assignLicense").in_batch().times(2).status(429),
        || Fault::on("POST", "/v1.0/$batch").after(3).times(1).drop_after(),
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let world = world([person("1"), licensed("a", &["1"], &["ENTERPRISEPACK"])], 5);
        world.sim.fail(fault());
        _ = world.settle().await;
        _ = world.settle().await;
        assert_eq!(world.sim.licenses(&world.name("1")), ["ENTERPRISEPACK"], "fault {number}");
        // It is known to be ours.
        set(&world, "a", "sku", Value::Null);
        let report = world.settle().await;
        assert_eq!(report.count(Action::Update, OutcomeKind::Applied), 1, "fault {number}: {report}");
        assert_eq!(world.sim.licenses(&world.name("1")), [""; 0], "fault {number}");
    }
}
