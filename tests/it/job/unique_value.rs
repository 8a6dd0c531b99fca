//! `SelectUniqueValue` in a job: one name for each, whoever asks at the same time.

use std::time::Duration;

use entrant::job::{Apply, OutcomeKind, Run};
use entrant::mapping::Mapping;
use entrant::model::{Completeness, ObjectId, eq};
use entrant::reconcile::{Action, EdgeKind, Entry, Leaver, Plan, Policy, Preferences};
use entrant::store::Capabilities;
use entrant::{Job, Record, Value};
use proptest::prelude::*;

use super::world::{World, account, entry, has_problem, mapping as plain, person};

const UNIQUE: &str =
    r#"SelectUniqueValue(Append([nick], "@c.com"), Append([nick], "2@c.com"), Append([nick], "3@c.com"))"#;

fn mapping() -> Mapping {
    unique(UNIQUE)
}

fn unique(expression: &str) -> Mapping {
    unique_on(Mapping::users(), expression)
}

fn unique_on(mapping: Mapping, expression: &str) -> Mapping {
    mapping
        .expression("userPrincipalName", expression)
        .expect("an expression")
        .create_only("userPrincipalName")
        .attribute("employeeId", "id")
        .attribute("displayName", "name")
        .attribute("active", "active")
        .generate_password()
        .match_on("employeeId")
}

fn nick(id: &str, nick: &str) -> Record {
    person(id).with("nick", nick)
}

async fn plan(job: &Job) -> Plan {
    job.plan(Run::full()).await.expect("a plan")
}

fn name(entry: &Entry) -> Option<&Value> {
    entry.changes.iter().find(|change| change.attribute == "userPrincipalName").map(|change| &change.new)
}

fn named(plan: &Plan, id: &str) -> String {
    name(entry(plan, id)).map(ToString::to_string).unwrap_or_default()
}

#[tokio::test]
async fn two_joiners_never_get_the_same_name_and_the_order_is_the_plans() {
    let people = [nick("2", "Ann"), nick("3", "ANN"), nick("1", "ann")];
    let taken = Record::new(ObjectId::user("x")).with("userPrincipalName", "aNN@c.com").with("employeeId", "99");
    let mut plans = Vec::new();
    for turned in [false, true] {
        let mut people = people.to_vec();
        if turned {
            people.reverse();
        }
        let world = World::new(people);
        world.directory.push(taken.clone());
        let job = world.scoped_job(mapping());
        let plan = plan(&job).await;
        assert_eq!(
            (named(&plan, "1"), named(&plan, "2")),
            ("ann2@c.com".to_owned(), "Ann3@c.com".to_owned()),
            "by their keys, without regard to case: {plan}"
        );
        let third = entry(&plan, "3");
        assert!(third.is_blocked() && has_problem(third, "unique"), "{plan}");
        let message = &third.problems[0].message;
        for tried in ["ANN@c.com\" is held by x", "ANN2@c.com\" goes to user 1", "ANN3@c.com\" goes to user 2"] {
            assert!(message.contains(tried), "{message}");
        }
        let report = job.apply(&plan, Apply::new()).await.expect("a report");
        assert_eq!(report.count(Action::Create, OutcomeKind::Applied), 2);
        plans.push(plan.to_json());
        world.clock.advance(Duration::from_secs(3600));
        let second = job.plan(Run::full()).await.expect("a plan");
        assert!(second.is_converged(), "on update the name is kept: {second}");
    }
    let entries = |plan: &String| serde_json::from_str::<serde_json::Value>(plan).expect("JSON")["entries"].clone();
    assert_eq!(entries(&plans[0]), entries(&plans[1]), "in whatever order the source is read");
}

#[tokio::test]
async fn one_object_alone_is_asked_of_the_target_by_all_its_candidates() {
    let world = World::new([nick("1", "ann"), nick("2", "bob")]);
    for (id, name) in [("x", "ann@c.com"), ("y", "ANN2@c.com")] {
        world.directory.push(Record::new(ObjectId::user(id)).with("userPrincipalName", name));
    }
    let plan = world.scoped_job(mapping()).plan(Run::one("1")).await.expect("a plan");
    assert_eq!(plan.reads()[1].completeness, None, "the target is not read as a whole");
    assert_eq!(named(&plan, "1"), "ann3@c.com", "{plan}");
}

#[tokio::test]
async fn a_name_that_is_mapped_as_it_is_comes_before_one_that_is_chosen() {
    let expression =
        r#"SelectUniqueValue(IIF([nick] = "", [login], Append([nick], "@c.com")), Append([id], "@c.com"))"#;
    let world = World::new([nick("1", "zoe"), nick("2", "zoe")]);
    let plan = plan(&world.scoped_job(unique(expression))).await;
    assert_eq!((named(&plan, "1"), named(&plan, "2")), ("zoe@c.com".to_owned(), "2@c.com".to_owned()));
}

/// Two people with accounts `ann@c.com` and `bob@c.com`, made by this job.
async fn with_accounts() -> World {
    let world = World::new([nick("7", "ann"), nick("8", "bob")]);
    _ = world.scoped_job(mapping()).run(Run::full(), Apply::new()).await.expect("a run");
    world.clock.advance(Duration::from_secs(3600));
    world
}

fn deleting(world: &World, mapping: Mapping) -> Job {
    Job::builder("staff")
        .source(world.hr.clone())
        .target(world.directory.clone())
        .mapping(mapping)
        .policy(Policy::outbound(Preferences::default().with_source_deleted(Leaver::delete())))
        .passwords(world.sink.clone())
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("the job is sound")
}

#[tokio::test]
async fn a_leaver_who_is_deleted_leaves_the_name_to_one_newcomer() {
    let world = with_accounts().await;
    world.hr.remove(&ObjectId::user("7"));
    world.hr.push(nick("1", "ann"));
    world.hr.push(nick("2", "ann"));
    let job = deleting(&world, mapping());
    let plan = plan(&job).await;
    assert_eq!((named(&plan, "1"), named(&plan, "2")), ("ann@c.com".to_owned(), "ann2@c.com".to_owned()), "{plan}");
    let edge = &entry(&plan, "1").after[0];
    assert_eq!((&*edge.entry.id, edge.kind), ("7", EdgeKind::Frees));
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(report.count(Action::Create, OutcomeKind::Applied), 2, "{report:?}");
    assert_eq!(report.count(Action::Delete, OutcomeKind::Applied), 1);
}

#[tokio::test]
async fn a_leaver_who_is_disabled_keeps_the_name() {
    let world = with_accounts().await;
    world.hr.remove(&ObjectId::user("7"));
    world.hr.push(nick("1", "ann"));
    let plan = plan(&world.scoped_job(mapping())).await;
    assert_eq!(named(&plan, "1"), "ann2@c.com", "{plan}");
}

#[tokio::test]
async fn a_rename_that_turns_out_impossible_leaves_no_newcomer_without_a_name() {
    // Two classes of people in one directory: staff are renamed as their logins say, guests choose.
    let world = World::new([person("7").with("login", "ann@c.com"), person("8").with("login", "bob@c.com")]);
    _ = world.run().await;
    world.clock.advance(Duration::from_secs(3600));
    let guests = Mapping::new(entrant::model::Class::new("guest"), entrant::model::Class::USER).named("guests");
    let guests = unique_on(guests, UNIQUE);
    let guest = Record::new(ObjectId::new(entrant::model::Class::new("guest"), "1"));
    let guest = guest.with("id", "g1").with("nick", "ann").with("name", "Guest").with("active", true);
    world.hr.push(guest);
    for (login, expected, why) in [
        ("anna@c.com", "ann@c.com", "given up by a rename"),
        ("bob@c.com", "ann2@c.com", "the rename cannot be, since the name is another's"),
    ] {
        world.hr.set(&ObjectId::user("7"), "login", login);
        let job = world.builder(Preferences::default()).mapping(guests.clone()).build().expect("a job");
        let plan = plan(&job).await;
        let chosen = plan.entries().iter().find(|entry| entry.key.mapping == "guests").expect("an entry");
        assert_eq!(name(chosen), Some(&expected.into()), "{why}: {plan}");
        assert!(!chosen.is_blocked() && chosen.problems.is_empty(), "{why}: {plan}");
        assert_eq!(chosen.after.len(), usize::from(expected == "ann@c.com"), "{why}");
    }
}

#[tokio::test]
async fn two_mappings_of_one_class_of_accounts_share_its_names() {
    let guest = entrant::model::Class::new("guest");
    let guests = Mapping::new(guest.clone(), entrant::model::Class::USER).named("guests");
    let guests = unique_on(guests, UNIQUE);
    let mut chosen = Vec::new();
    for turned in [false, true] {
        let world = World::new([nick("2", "ann")]);
        let visitor = Record::new(ObjectId::new(guest.clone(), "1")).with("id", "g1").with("nick", "ANN");
        world.hr.push(visitor.with("name", "Guest").with("active", true));
        let own = mapping();
        let (first, second) = if turned { (guests.clone(), own) } else { (own, guests.clone()) };
        let job = Job::builder("staff")
            .source(world.hr.clone())
            .target(world.directory.clone())
            .mapping(first)
            .mapping(second)
            .policy(Policy::outbound(Preferences::default()))
            .passwords(world.sink.clone())
            .state(world.state.clone())
            .clock(world.clock.clone())
            .build()
            .expect("the job is sound");
        let plan = plan(&job).await;
        let mut names = [named(&plan, "1"), named(&plan, "2")].map(|name| name.to_lowercase());
        chosen.push(names.clone());
        names.sort();
        assert_eq!(names, ["ann2@c.com", "ann@c.com"], "{plan}");
        let report = job.apply(&plan, Apply::new()).await.expect("a report");
        assert_eq!(report.count(Action::Create, OutcomeKind::Applied), 2, "{report:?}");
    }
    assert_eq!(chosen[0], chosen[1], "in whatever order the mappings are given");
}

/// A target that cannot be asked for a value is read as a whole; where that breaks off nobody knows which are free.
#[tokio::test]
async fn a_target_that_cannot_be_asked_is_read_and_nothing_is_chosen_where_it_breaks_off() {
    let mut world = World::new([nick("1", "ann"), nick("2", "ann")]);
    world.directory = world.directory.with_capabilities(Capabilities::default());
    world.directory.push(Record::new(ObjectId::user("x")).with("userPrincipalName", "ANN@c.com"));
    let job = world.scoped_job(mapping());
    let one = job.plan(Run::one("2")).await.expect("a plan");
    assert_eq!(named(&one, "2"), "ann2@c.com", "{one}");
    assert_eq!(one.reads()[1].completeness, Some(Completeness::Complete), "{one}");
    world.directory.end_reads(Completeness::Partial { reason: "page 3".to_owned() });
    for run in [Run::one("2"), Run::full()] {
        let plan = job.plan(run).await.expect("a plan");
        assert_eq!(plan.count(Action::Create), 0, "{plan}");
    }
}

#[tokio::test]
async fn what_is_taken_between_plan_and_apply_fails_that_entry_and_is_not_overwritten() {
    for (wait, expected) in [(0, "failed"), (120, "stale")] {
        let world = World::new([nick("1", "ann"), nick("2", "bob")]);
        let job = world.scoped_job(mapping());
        let plan = plan(&job).await;
        world.clock.advance(Duration::from_secs(wait));
        world.directory.push(Record::new(ObjectId::user("x")).with("userPrincipalName", "ANN@c.com"));
        let report = job.apply(&plan, Apply::new()).await.expect("a report");
        let (failed, stale) = (report.outcome(OutcomeKind::Failed), report.outcome(OutcomeKind::Stale));
        assert_eq!((failed, stale), if expected == "failed" { (1, 0) } else { (0, 1) }, "{report:?}");
        assert_eq!(report.count(Action::Create, OutcomeKind::Applied), 1);
        assert_eq!(world.directory.records().len(), 2);
        let next = job.plan(Run::full()).await.expect("a plan");
        assert_eq!(named(&next, "1"), "ann2@c.com", "the next plan has another");
    }
}

#[tokio::test]
async fn a_value_that_the_target_does_not_guard_is_unique_all_the_same() {
    let mapping = || {
        plain()
            .expression("immutableId", r#"SelectUniqueValue([nick], Append([nick], "2"))"#)
            .expect("an expression")
            .create_only("immutableId")
    };
    let world = World::new([nick("1", "k"), nick("2", "K")]);
    let job = world.scoped_job(mapping());
    let plan = plan(&job).await;
    let chosen = |id| entry(&plan, id).changes.iter().find(|change| change.attribute == "immutableId").expect("one");
    assert_eq!((&chosen("1").new, &chosen("2").new), (&"k".into(), &"K2".into()), "{plan}");
    world.directory.push(account("x", None).with("immutableId", "k"));
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(report.outcome(OutcomeKind::Stale), 1, "{report:?}");
    assert_eq!(report.count(Action::Create, OutcomeKind::Applied), 1);
}

#[tokio::test]
async fn what_cannot_be_is_passed_over_and_what_cannot_be_made_is_told() {
    // A display name has at most 20 characters.
    let world = World::new([nick("1", "a").with("name", "Bartholomew Featherstonehaugh")]);
    let mapping = Mapping::users()
        .attribute("userPrincipalName", "login")
        .attribute("employeeId", "id")
        .expression("displayName", r#"SelectUniqueValue([name], Left([name], 20))"#)
        .expect("an expression")
        .create_only("displayName")
        .generate_password()
        .match_on("employeeId");
    let plan = plan(&world.scoped_job(mapping)).await;
    let change = entry(&plan, "1").changes.iter().find(|change| change.attribute == "displayName").expect("a name");
    assert_eq!(change.new, "Bartholomew Feathers".into(), "{plan}");
    assert_eq!(entry(&plan, "1").label.as_deref(), Some("Bartholomew Feathers"));
    assert!(entry(&plan, "1").problems.is_empty(), "{plan}");
}

#[test]
fn what_can_be_no_choice_is_said_when_the_mapping_is_compiled() {
    let compile = |mapping: Mapping| {
        let error = mapping.compile(&super::world::schema(), entrant::mapping::AbsentMeans::Unknown);
        error.expect_err("a fault").to_string()
    };
    let set = |target: &str, expression: &str| Mapping::users().expression(target, expression).expect("an expression");
    let unique = r#"SelectUniqueValue("a", "b")"#;
    for (mapping, fault) in [
        (set("jobTitle", unique), "jobTitle: is made unique, and would change in each run; make it create-only"),
        (set("jobTitle", unique).create_only("jobTitle").match_on("jobTitle"), "and so cannot be matched on"),
        (set("password", unique), "password: is made unique, and nobody can read"),
        (
            set("jobTitle", r#"SelectUniqueValue(Redact("a"), "b")"#).create_only("jobTitle"),
            "jobTitle: is redacted and is made unique",
        ),
    ] {
        let text = compile(mapping);
        assert!(text.contains(fault), "{text}");
    }
}

#[tokio::test]
async fn filters_narrow_who_chooses_and_not_what_is_taken() {
    let world = with_accounts().await;
    world.hr.push(nick("1", "ann"));
    let job = world.scoped_job(mapping());
    let plan = job.plan(Run::full().filter(eq("id", "1"))).await.expect("a plan");
    assert_eq!(named(&plan, "1"), "ann2@c.com", "{plan}");
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert!(report.outcome(OutcomeKind::Applied) == 1, "{report:?}");
}

#[tokio::test]
async fn where_there_is_nothing_to_choose_from_the_attribute_is_left_out() {
    let mapping = || {
        Mapping::users()
            .attribute("userPrincipalName", "login")
            .attribute("employeeId", "id")
            .attribute("displayName", "name")
            .expression("jobTitle", r#"SelectUniqueValue([nick], Append([nick], "2"))"#)
            .expect("an expression")
            .create_only("jobTitle")
            .expression("password", "[login]")
            .expect("an expression")
            .match_on("employeeId")
    };
    let world = World::new([nick("1", "a"), person("2").with("nick", Value::Null), nick("3", "A")]);
    let report = world.scoped_job(mapping()).run(Run::full(), Apply::new()).await.expect("a run");
    assert_eq!(report.count(Action::Create, OutcomeKind::Applied), 3, "{report:?}");
    let titles =
        ["1", "2", "3"].map(|id| world.account_of(id).get("jobTitle").cloned().unwrap_or_default().to_string());
    assert_eq!(titles, ["a", "null", "A2"]);
    assert_eq!(report.warnings, 1, "{report:?}");
}

proptest! {
    /// However many want the same names, and whatever is there: each who is made has a name of his own, and then there is
    /// nothing to do.
    #[test]
    fn nobody_ever_shares_a_name(
        nicks in prop::collection::vec("[abAB]{1,2}", 1..9),
        taken in prop::collection::btree_set(r"[ab]{1,2}2?@c\.com", 0..5),
        order in any::<u64>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut people: Vec<Record> = (1..).zip(&nicks).map(|(id, own)| nick(&id.to_string(), own)).collect();
            let count = people.len();
            people.rotate_left(usize::try_from(order % 7).unwrap_or(0) % count);
            let world = World::new(people);
            for (number, name) in taken.iter().enumerate() {
                world.directory.push(Record::new(ObjectId::user(format!("x{number}"))).with("userPrincipalName", name.as_str()));
            }
            let job = world.scoped_job(mapping());
            let plan = plan(&job).await;
            let report = job.apply(&plan, Apply::new()).await.expect("a report");
            prop_assert_eq!(report.outcome(OutcomeKind::Failed) + report.outcome(OutcomeKind::Stale), 0, "{}", plan);
            let names: Vec<String> = world.directory.records().iter()
                .filter_map(|record| record.get("userPrincipalName")).map(|name| name.to_string().to_lowercase()).collect();
            let different: std::collections::BTreeSet<&String> = names.iter().collect();
            prop_assert_eq!(different.len(), names.len(), "{:?}", names);
            // Whoever has none could have had none: all three of his are taken.
            for entry in plan.entries().iter().filter(|entry| entry.is_blocked()) {
                let own = nicks[entry.key.id.parse::<usize>().expect("a number") - 1].to_lowercase();
                for name in [format!("{own}@c.com"), format!("{own}2@c.com"), format!("{own}3@c.com")] {
                    prop_assert!(names.contains(&name), "{} is free: {}", name, plan);
                }
            }
            world.clock.advance(Duration::from_secs(3600));
            let second = job.plan(Run::full()).await.expect("a plan");
            prop_assert!(second.is_converged(), "{}", second);
            Ok(())
        })?;
    }
}
