//! What a plan that waited for its approval may still do: each entry is looked at again before it is carried out.

use std::time::Duration;

use entrant::job::{Apply, OutcomeKind, Report, Run};
use entrant::mapping::Mapping;
use entrant::model::{AttributeSchema, Class, ObjectId, Operation, Schema, ne};
use entrant::reconcile::{Action, Enable, Guard, Leaver, Plan, Policy, Preferences, Situation, Winner, days};
use entrant::store::MemoryStore;
use entrant::{Job, Value};

use super::org::{Org, account as org_account, group, person as org_person};
use super::spy::Spy;
use super::world::{World, account, entry, mapping, person};

/// How long a plan waits here.
const WAITED: Duration = days(3);

fn three() -> World {
    World::new([person("1"), person("2"), person("3")])
}

/// A job between stores that are watched, the directory's and the source's.
fn watched(world: &World, hr: &Spy, directory: &Spy) -> Job {
    Job::builder("staff")
        .source(hr.clone())
        .target(directory.clone())
        .mapping(mapping())
        .policy(Policy::outbound(Preferences::default()))
        .passwords(world.sink.clone())
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("the job is sound")
}

async fn run(world: &World, job: &Job) {
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    world.clock.advance(Duration::from_secs(3600));
}

async fn plan(job: &Job) -> Plan {
    job.plan(Run::full()).await.expect("a plan")
}

async fn apply(job: &Job, plan: &Plan) -> Report {
    job.apply(plan, Apply::new().lift(Guard::Adopt)).await.expect("a report")
}

fn counts(report: &Report) -> (u64, u64) {
    (report.outcome(OutcomeKind::Applied), report.outcome(OutcomeKind::Stale))
}

fn active(store: &MemoryStore, id: &ObjectId) -> Option<Value> {
    store.record(id).and_then(|record| record.get("active").cloned())
}

// Who came back and left again.

#[tokio::test]
async fn nobody_is_deleted_who_was_back_and_has_a_new_grace_period() {
    let leaver = Leaver::delete().after(days(30));
    let world = three();
    let job = world.job_with(Preferences::default().with_source_deleted(leaver));
    run(&world, &job).await;
    world.hr.remove(&ObjectId::user("1"));
    run(&world, &job).await;
    world.clock.advance(days(31));
    let old = plan(&job).await;
    assert_eq!(entry(&old, "1").action, Action::Delete);
    world.clock.advance(days(1));
    world.hr.push(person("1"));
    run(&world, &job).await;
    // Back now, so that the source says so; and once more gone, which only the link tells apart.
    world.hr.remove(&ObjectId::user("1"));
    let unnoticed = apply(&job, &old).await;
    assert_eq!(counts(&unnoticed), (0, 1), "{unnoticed}");
    run(&world, &job).await;
    assert_eq!(entry(&plan(&job).await, "1").action, Action::Wait);
    let report = apply(&job, &old).await;
    assert_eq!(counts(&report), (0, 1), "{report}");
    assert_eq!(world.directory.records().len(), 3);
}

#[tokio::test]
async fn a_grace_period_begins_with_the_leaving_that_counts() {
    let world = three();
    let job = world.job_with(Preferences::default().with_source_deleted(Leaver::delete().after(days(30))));
    run(&world, &job).await;
    world.hr.remove(&ObjectId::user("1"));
    let old = plan(&job).await;
    assert_eq!(entry(&old, "1").action, Action::Wait);
    world.clock.advance(WAITED);
    world.hr.push(person("1"));
    // There again, he has not left.
    assert_eq!(counts(&apply(&job, &old).await), (0, 1));
    world.hr.remove(&ObjectId::user("1"));
    run(&world, &job).await;
    let until = entry(&plan(&job).await, "1").until;
    // Gone again, he left when the last run said so.
    assert_eq!(counts(&apply(&job, &old).await), (0, 1));
    assert_eq!(entry(&plan(&job).await, "1").until, until);
    assert!(until.is_some_and(|until| until - old.as_of() >= time::Duration::days(33)));
}

#[tokio::test]
async fn what_a_leaver_loses_in_several_parts_is_not_stale_by_its_own_first_part() {
    let world = three();
    let job = world.job_with(Preferences::default().with_source_deleted(Leaver::disable().then_delete(days(30))));
    run(&world, &job).await;
    world.hr.remove(&ObjectId::user("1"));
    let old = plan(&job).await;
    world.clock.advance(WAITED);
    assert_eq!(counts(&apply(&job, &old).await), (1, 0));
    // Whoever left once, and was never back, is deleted by a plan that waited.
    world.clock.advance(days(30));
    let old = plan(&job).await;
    assert_eq!(entry(&old, "1").action, Action::Delete);
    world.clock.advance(WAITED);
    assert_eq!(counts(&apply(&job, &old).await), (1, 0));
    assert_eq!(world.directory.records().len(), 2);
}

// Whom an approved plan would link to an account.

/// One who is found by his number, in an account that is called after somebody else.
fn boss() -> World {
    let world = World::new([person("1"), person("2")]);
    let named = account("a", Some("1")).with("userPrincipalName", "boss@contoso.com").with("displayName", "The Boss");
    world.directory.push(named);
    world
}

fn boss_name(world: &World) -> Option<Value> {
    world.directory.record(&ObjectId::user("a"))?.get("displayName").cloned()
}

#[tokio::test]
async fn no_account_is_linked_that_no_longer_matches() {
    let world = boss();
    let job = world.job();
    let old = plan(&job).await;
    assert_eq!(entry(&old, "1").action, Action::Link);
    world.clock.advance(WAITED);
    world.directory.set(&ObjectId::user("a"), "employeeId", "99");
    assert_eq!(entry(&plan(&job).await, "1").action, Action::Create);
    let report = apply(&job, &old).await;
    assert_eq!(counts(&report), (1, 1), "{report}");
    assert_eq!(boss_name(&world), Some("The Boss".into()));
}

#[tokio::test]
async fn no_account_is_linked_that_is_not_the_only_one_or_the_best_one_to_match() {
    // Another of the same number; and one of his number, where the other bears only his name.
    for (employee, login) in [("1", "boss@contoso.com"), ("99", "p1@contoso.com")] {
        let world = boss();
        world.directory.set(&ObjectId::user("a"), "employeeId", employee);
        world.directory.set(&ObjectId::user("a"), "userPrincipalName", login);
        let job = world.job();
        let old = plan(&job).await;
        assert_eq!(entry(&old, "1").action, Action::Link);
        world.clock.advance(WAITED);
        world.directory.push(account("b", Some("1")).with("userPrincipalName", "b@contoso.com"));
        let report = apply(&job, &old).await;
        assert_eq!(counts(&report), (1, 1), "{report}");
        assert_eq!(boss_name(&world), Some("The Boss".into()));
    }
}

#[tokio::test]
async fn no_account_is_linked_that_left_the_target_scope_or_whose_person_left() {
    type Meanwhile = fn(&World);
    let meanwhile: [Meanwhile; 3] = [
        |world| _ = world.directory.set(&ObjectId::user("a"), "jobTitle", "Guest"),
        |world| world.hr.remove(&ObjectId::user("1")),
        |world| _ = world.hr.set(&ObjectId::user("1"), "name", "Left"),
    ];
    for what in meanwhile {
        let world = boss();
        let mapping = mapping().scope(ne("name", "Left")).target_scope(ne("jobTitle", "Guest"));
        let job = world.job_of(mapping, Policy::outbound(Preferences::default()));
        let old = plan(&job).await;
        world.clock.advance(WAITED);
        what(&world);
        let report = apply(&job, &old).await;
        assert_eq!(counts(&report), (1, 1), "{report}");
        assert_eq!(boss_name(&world), Some("The Boss".into()));
    }
}

#[tokio::test]
async fn what_still_fits_is_linked_by_a_plan_that_waited() {
    let world = boss();
    let job = world.job();
    let old = plan(&job).await;
    world.clock.advance(WAITED);
    let report = apply(&job, &old).await;
    assert_eq!(counts(&report), (2, 0), "{report}");
    assert_eq!(boss_name(&world), Some("Person 1".into()));
    // What was let go of is found again by matching, and its old link is none.
    let back = world.job_with(Preferences::default().with_retired(Leaver::keep()));
    _ = back.run(Run::retire(), Apply::new()).await.expect("a report");
    back.reinstate().await.expect("taken up again");
    let old = plan(&back).await;
    assert_eq!((entry(&old, "1").action, entry(&old, "2").action), (Action::Link, Action::Link));
    world.clock.advance(WAITED);
    assert_eq!(counts(&apply(&back, &old).await), (2, 0));
}

#[tokio::test]
async fn who_is_found_by_a_link_of_the_other_direction_need_not_match() {
    let text = AttributeSchema::text;
    let people = Schema::new(Class::USER).with("id", text()).with("login", text()).with("name", text());
    let people = people.with("active", AttributeSchema::boolean()).with_status("active");
    let world = World { hr: MemoryStore::new("hr").with_schema(people), ..World::new([]) };
    world.directory.push(account("a", Some("1")));
    let reading = [("id", "employeeId"), ("login", "userPrincipalName"), ("name", "displayName"), ("active", "active")];
    let same = reading.into_iter().fold(Mapping::users(), |mapping, (here, there)| mapping.attribute(here, there));
    let import = Job::builder("import")
        .source(world.directory.clone())
        .target(world.hr.clone())
        .mapping(same.match_on("id"))
        .policy(Policy::inbound(Winner::Source))
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("the job is sound");
    run(&world, &import).await;
    let person = world.hr.records().pop().expect("imported").id;
    world.hr.set(&person, "id", "77");
    world.hr.set(&person, "login", "p77@contoso.com");
    let job = world.job();
    let old = plan(&job).await;
    assert_eq!(old.count(Action::Link), 1, "{old}");
    world.clock.advance(WAITED);
    let report = apply(&job, &old).await;
    assert_eq!(counts(&report), (1, 0), "{report}");
}

#[tokio::test]
async fn a_link_is_not_moved_from_one_who_is_there_again() {
    let policy = || Policy::outbound(Preferences::default()).rule(Situation::Rekeyed, Action::Relink);
    for comes_back in [false, true] {
        let world = three();
        let job = world.job_of(mapping(), policy());
        run(&world, &job).await;
        world.hr.remove(&ObjectId::user("1"));
        world.hr.push(person("9").with("id", "1").with("login", "p9@contoso.com"));
        let old = plan(&job).await;
        assert_eq!(entry(&old, "9").action, Action::Relink, "{old}");
        world.clock.advance(WAITED);
        if comes_back {
            world.hr.push(person("1"));
        }
        let report = apply(&job, &old).await;
        assert_eq!(counts(&report), if comes_back { (0, 1) } else { (1, 0) }, "{report}");
    }
}

#[tokio::test]
async fn looking_again_at_what_is_linked_asks_for_many_at_once() {
    let people = || (1..=450).map(|number| number.to_string());
    let world = World::new(people().map(|id| person(&id)));
    people().for_each(|id| world.directory.push(account(&format!("a{id}"), Some(&id))));
    let directory = Spy::new(&world.directory);
    let hr = Spy::new(&world.hr);
    let job = watched(&world, &hr, &directory);
    let old = plan(&job).await;
    world.clock.advance(WAITED);
    let before = (directory.asked(), hr.asked());
    assert_eq!(counts(&apply(&job, &old).await), (450, 0));
    // By one value for each window, for all were found by the first; the source for all windows at once.
    let finds = directory.asked() - before.0;
    let looks = hr.asked() - before.1;
    assert!(finds <= 3 && looks <= 1, "{finds} questions to the target, {looks} to the source");
}

#[tokio::test]
async fn an_account_that_nobody_can_be_found_by_must_bear_the_value_itself() {
    for mended in [false, true] {
        let world = boss();
        let directory = Spy::new(&world.directory);
        let job = watched(&world, &Spy::new(&world.hr), &directory);
        let old = plan(&job).await.select(|entry| entry.action == Action::Link);
        world.clock.advance(WAITED);
        directory.is_unsearchable();
        if mended {
            world.directory.set(&ObjectId::user("a"), "employeeId", "99");
        }
        let report = apply(&job, &old).await;
        assert_eq!(counts(&report), if mended { (0, 1) } else { (1, 0) }, "{report}");
    }
}

#[tokio::test]
async fn no_account_is_linked_while_the_target_cannot_be_asked() {
    let world = boss();
    let directory = Spy::new(&world.directory);
    let job = watched(&world, &Spy::new(&world.hr), &directory);
    let old = plan(&job).await.select(|entry| entry.action == Action::Link);
    world.clock.advance(WAITED);
    directory.is_deaf(true);
    assert_eq!(counts(&apply(&job, &old).await), (0, 1));
    assert_eq!(boss_name(&world), Some("The Boss".into()));
}

// Accounts that are to be taken away.

#[tokio::test]
async fn nothing_is_taken_from_an_account_that_left_the_target_scope() {
    for how in ["gone", "left"] {
        for leaver in [Leaver::disable(), Leaver::delete()] {
            let world = three();
            let preferences =
                Preferences::default().with_source_deleted(leaver.clone()).with_left_scope(leaver.clone());
            let mapping = mapping().scope(ne("name", "Left")).target_scope(ne("jobTitle", "Guest"));
            let job = world.job_of(mapping, Policy::outbound(preferences));
            run(&world, &job).await;
            match how {
                "gone" => world.hr.remove(&ObjectId::user("1")),
                _ => _ = world.hr.set(&ObjectId::user("1"), "name", "Left"),
            }
            let old = plan(&job).await;
            let id = world.account_of("1").id;
            world.directory.set(&id, "jobTitle", "Guest");
            let now = plan(&job).await;
            assert_eq!(now.situations().get(&Situation::TargetIgnored), Some(&1), "{how}: {now}");
            assert!(now.is_converged(), "{how}: {now}");
            let report = apply(&job, &old).await;
            assert_eq!(counts(&report), (0, 1), "{how}: {report}");
            assert_eq!(active(&world.directory, &id), Some(Value::Bool(true)));
        }
    }
}

#[tokio::test]
async fn a_job_that_is_retired_lets_go_of_those_out_of_the_target_scope_too() {
    let world = three();
    let mapping = mapping().target_scope(ne("jobTitle", "Guest"));
    let job = world.job_of(mapping, Policy::outbound(Preferences::default().with_retired(Leaver::disable())));
    run(&world, &job).await;
    let plan = job.plan(Run::retire()).await.expect("a plan");
    let id = world.account_of("1").id;
    world.directory.set(&id, "jobTitle", "Guest");
    assert_eq!(counts(&apply(&job, &plan).await), (3, 0));
    assert_eq!(active(&world.directory, &id), Some(Value::Bool(false)));
}

// Accounts that are to be made, brought back or switched on.

#[tokio::test]
async fn nobody_is_created_who_left_since() {
    let world = World::new(["1", "2", "3", "4", "5"].map(person));
    let job = world.job_of(mapping().scope(ne("name", "Left")), Policy::outbound(Preferences::default()));
    let old = plan(&job).await;
    world.clock.advance(WAITED);
    world.hr.remove(&ObjectId::user("1"));
    world.hr.set(&ObjectId::user("2"), "active", false);
    world.hr.set(&ObjectId::user("3"), "name", "Left");
    world.hr.push(person("4").with("name", "Another"));
    let report = apply(&job, &old).await;
    assert_eq!(counts(&report), (1, 4), "{report}");
    assert_eq!(world.directory.records().len(), 1);
    assert!(world.is_active("5"));
    assert_eq!(world.sink.confirmed().len(), 1);
}

#[tokio::test]
async fn nobody_is_created_while_the_source_cannot_be_asked() {
    let world = three();
    let hr = Spy::new(&world.hr);
    let job = watched(&world, &hr, &Spy::new(&world.directory));
    let plan = plan(&job).await;
    hr.is_blind(true);
    world.clock.advance(WAITED);
    assert_eq!(counts(&apply(&job, &plan).await), (0, 3));
    hr.is_blind(false);
    assert_eq!(counts(&apply(&job, &plan).await), (3, 0));
}

#[tokio::test]
async fn nobody_is_brought_back_who_left_since() {
    type Meanwhile = fn(&World);
    let meanwhile: [(Meanwhile, (u64, u64)); 3] = [
        (|world| world.hr.remove(&ObjectId::user("1")), (0, 1)),
        (|world| _ = world.hr.set(&ObjectId::user("1"), "active", false), (0, 1)),
        (|_| {}, (1, 0)),
    ];
    for (what, expected) in meanwhile {
        let world = three();
        let job = world.job_with(Preferences::default().with_restore());
        run(&world, &job).await;
        let id = world.account_of("1").id;
        world.write(Operation::Delete { id: id.clone() }).await;
        let old = plan(&job).await;
        assert_eq!(entry(&old, "1").action, Action::Restore);
        world.clock.advance(WAITED);
        what(&world);
        let report = apply(&job, &old).await;
        assert_eq!(counts(&report), expected, "{report}");
        assert_eq!(world.directory.record(&id).is_some(), expected.0 == 1);
    }
}

#[tokio::test]
async fn nobody_is_switched_on_who_left_since() {
    type Meanwhile = fn(&World);
    let meanwhile: [(Meanwhile, (u64, u64)); 3] = [
        (|world| world.hr.remove(&ObjectId::user("1")), (0, 1)),
        (|world| _ = world.hr.set(&ObjectId::user("1"), "active", false), (0, 1)),
        (|_| {}, (1, 0)),
    ];
    for (what, expected) in meanwhile {
        let world = three();
        let job = world.job_with(Preferences::default().with_enable(Enable::Always));
        run(&world, &job).await;
        world.hr.set(&ObjectId::user("1"), "active", false);
        run(&world, &job).await;
        world.hr.set(&ObjectId::user("1"), "active", true);
        let old = plan(&job).await;
        assert!(entry(&old, "1").enables());
        world.clock.advance(WAITED);
        what(&world);
        let report = apply(&job, &old).await;
        assert_eq!(counts(&report), expected, "{report}");
        assert_eq!(world.is_active("1"), expected.0 == 1);
    }
}

/// What is given in the name of somebody is given to the account that turns out to be his, or to none.
#[tokio::test]
async fn nobody_becomes_a_member_in_the_name_of_one_who_is_not_linked_after_all() {
    let org = Org::new([org_person("1"), group("a", &["1"])]);
    org.directory.push(org_account("boss", "1").with("login", "boss@contoso.com"));
    let plan = org.plan().await;
    org.clock.advance(Duration::from_secs(3 * 24 * 3_600));
    let boss = ObjectId::user("boss");
    assert!(org.directory.set(&boss, "employeeId", "99"));
    let report = org.job().apply(&plan, Apply::new().lift(Guard::Adopt)).await.expect("a report");
    assert_eq!(report.outcome(OutcomeKind::Stale), 1, "{report}");
    let team = org.find("Group a");
    assert_eq!(team.get("members").map_or(0, |members| members.as_slice().len()), 0, "{report}");
    _ = org.settle().await;
    assert_eq!(org.refers("Group a", "members"), ["1"], "who is made in his place");
}

/// Who was switched on by someone else meanwhile is not off by the job any more.
#[tokio::test]
async fn whom_another_switched_on_before_the_job_did_is_not_switched_on_again() {
    let world = three();
    _ = world.settled_run().await;
    let one = ObjectId::user("1");
    world.hr.set(&one, "active", false);
    _ = world.settled_run().await;
    world.hr.set(&one, "active", true);
    let plan = world.plan().await;
    let account = world.account_of("1").id;
    world.directory.set(&account, "active", true);
    _ = world.job().apply(&plan, Apply::new()).await.expect("a report");
    world.clock.advance(Duration::from_secs(3_600));
    world.directory.set(&account, "active", false);
    _ = world.settled_run().await;
    assert!(!world.is_active("1"), "what someone else switched off stays off");
}
