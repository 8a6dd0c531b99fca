//! What is written, what is not, and what stops a run.

use std::time::Duration;

use entrant::job::{Apply, OutcomeKind, Run, RunStatus};
use entrant::model::ObjectId;
use entrant::reconcile::{Action, Guard, Guards, Plan, Preferences, Situation};
use entrant::{ErrorKind, Value};

use super::world::{World, account, entry, has_problem, person};

#[tokio::test]
async fn the_first_run_creates_and_the_second_has_nothing_to_do() {
    let world = World::new((1..=25).map(|id| person(&id.to_string())));
    let plan = world.plan().await;
    assert_eq!(plan.count(Action::Create), 25);
    assert_eq!(world.directory.records().len(), 0, "planning writes nothing");
    let report = world.settled_run().await;
    assert_eq!(report.status, RunStatus::Complete);
    assert_eq!(report.count(Action::Create, OutcomeKind::Applied), 25);
    assert_eq!(world.directory.records().len(), 25);
    assert_eq!(world.sink.confirmed().len(), 25, "each password is in the sink");
    for (_, id, password) in world.sink.confirmed() {
        assert_eq!(world.directory.secret(&id, "password").as_ref(), Some(&password));
    }
    let second = world.plan().await;
    assert!(second.is_converged(), "{second}");
    assert_eq!(second.entries().len(), 0, "a pair without a difference is counted, not listed");
    assert_eq!(second.situations()[&Situation::Confirmed], 25);
}

#[tokio::test]
async fn exactly_what_differs_is_written() {
    let world = World::new((1..=5).map(|id| person(&id.to_string())));
    _ = world.settled_run().await;
    world.hr.set(&ObjectId::user("2"), "title", "Chief");
    world.hr.set(&ObjectId::user("3"), "title", Value::Null);
    let plan = world.plan().await;
    assert_eq!(plan.entries().len(), 2, "{plan}");
    let change = &entry(&plan, "2").changes[0];
    assert_eq!((change.old.clone(), change.new.clone()), (Some("Clerk".into()), "Chief".into()));
    assert_eq!(change.rule, "[title]");
    let before = world.directory.writes();
    _ = world.run().await;
    assert_eq!(world.directory.writes() - before, 2);
    assert_eq!(world.account_of("2").get("jobTitle"), Some(&"Chief".into()));
    assert_eq!(world.account_of("3").get("jobTitle").cloned().unwrap_or_default(), Value::Null);
}

#[tokio::test]
async fn an_adopted_account_loses_nothing_in_the_run_that_adopts_it() {
    let world = World::new([person("1").with("active", false).with("title", Value::Null).with("name", "New Name")]);
    world.directory.push(account("a", Some("1")));
    let job = world.job();
    let plan = job.plan(Run::full()).await.expect("a plan");
    let found = entry(&plan, "1");
    assert_eq!((found.situation, found.action), (Situation::Found, Action::Link));
    assert!(!found.disables() && has_problem(found, "after-adoption"));
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert!(matches!(report.status, RunStatus::Stopped { ref breaches } if breaches[0].guard == Guard::Adopt));
    assert_eq!(world.directory.writes(), 0, "the guard stops the plan before the first write");
    _ = job.apply(&plan, Apply::new().lift(Guard::Adopt)).await.expect("a report");
    let adopted = world.account_of("1");
    assert_eq!(adopted.get("displayName"), Some(&"New Name".into()), "what is given is written");
    assert_eq!(adopted.get("jobTitle"), Some(&"Clerk".into()), "what would be cleared is kept");
    assert!(world.is_active("1"));
    assert_eq!(world.directory.secret(&ObjectId::user("a"), "password"), None, "an adopted account gets no password");
    // The second run brings exactly what adoption held back.
    let second = job.plan(Run::full()).await.expect("a plan");
    let held = entry(&second, "1");
    assert!(held.disables() && held.changes.iter().any(|change| change.attribute == "jobTitle"), "{second}");
    _ = job.apply(&second, Apply::new()).await.expect("a report");
    assert!(!world.is_active("1"));
    assert!(job.plan(Run::full()).await.expect("a plan").is_converged());
}

#[tokio::test]
async fn an_account_that_others_disabled_stays_disabled() {
    let world = World::new([person("1"), person("2")]);
    _ = world.settled_run().await;
    world.directory.set(&world.account_of("1").id, "active", false);
    let plan = world.plan().await;
    let kept = entry(&plan, "1");
    assert!(!kept.runs() && has_problem(kept, "disabled-by-others"), "{plan}");
    _ = world.run().await;
    assert!(!world.is_active("1"));
    // What this job disabled, it enables.
    world.hr.set(&ObjectId::user("2"), "active", false);
    _ = world.run().await;
    assert!(!world.is_active("2"));
    world.hr.set(&ObjectId::user("2"), "active", true);
    _ = world.run().await;
    assert!(world.is_active("2"));
}

#[tokio::test]
async fn a_disable_of_ours_that_an_administrator_undid_is_no_longer_ours() {
    let world = World::new([person("1")]);
    _ = world.settled_run().await;
    world.hr.set(&ObjectId::user("1"), "active", false);
    _ = world.run().await;
    let id = world.account_of("1").id;
    // An administrator enables it, the person returns, a run sees both; then security disables it.
    world.directory.set(&id, "active", true);
    world.hr.set(&ObjectId::user("1"), "active", true);
    _ = world.run().await;
    world.directory.set(&id, "active", false);
    _ = world.run().await;
    assert!(!world.is_active("1"), "security disabled it, not we");
}

#[tokio::test]
async fn inactive_people_are_created_only_on_request_and_then_switched_off() {
    let world = World::new([person("1"), person("2").with("active", false)]);
    let plan = world.plan().await;
    assert_eq!(plan.count(Action::Create), 1);
    assert_eq!(entry(&plan, "2").action, Action::Report);
    let job = world.job_with(Preferences::default().with_create_inactive());
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert!(!world.is_active("2"));
    // Created switched off by us, so switched on by us.
    world.hr.set(&ObjectId::user("2"), "active", true);
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert!(world.is_active("2"));
}

#[tokio::test]
async fn guards_stop_the_whole_plan_and_slices_do_not_evade_them() {
    let world = World::new((1..=20).map(|id| person(&id.to_string())));
    _ = world.settled_run().await;
    for id in 1..=6 {
        world.hr.set(&ObjectId::user(id.to_string()), "active", false);
    }
    let job = world.job();
    let plan = job.plan(Run::full()).await.expect("a plan");
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    let RunStatus::Stopped { breaches } = &report.status else { panic!("6 disables pass a limit of 3: {report}") };
    assert_eq!((breaches[0].guard, breaches[0].planned, breaches[0].allowed), (Guard::Disable, 6, 3));
    assert!(breaches[0].to_string().contains("lift `disable`"), "{}", breaches[0]);
    assert!((1..=6).all(|id| world.is_active(&id.to_string())));
    // Three pass, and three more on the same day do not, whatever the slices.
    let slice = |from: u32, to: u32| {
        plan.select(move |entry| entry.key.id.parse().is_ok_and(|id: u32| (from..=to).contains(&id)))
    };
    assert_eq!(job.apply(&slice(1, 3), Apply::new()).await.expect("a report").status, RunStatus::Complete);
    let report = job.apply(&slice(4, 6), Apply::new()).await.expect("a report");
    assert!(matches!(report.status, RunStatus::Stopped { .. }), "{report}");
    // A day later they pass.
    world.clock.advance(Duration::from_secs(24 * 3600 + 1));
    assert_eq!(job.apply(&slice(4, 6), Apply::new()).await.expect("a report").status, RunStatus::Complete);
    assert!((1..=6).all(|id| !world.is_active(&id.to_string())));
}

#[tokio::test]
async fn a_limit_of_ones_own_counts() {
    let world = World::new((1..=5).map(|id| person(&id.to_string())));
    let guards = Guards::default().with_limit(Guard::Create, 4);
    let job = world.builder(Preferences::default()).guards(guards).build().expect("a job");
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert!(matches!(report.status, RunStatus::Stopped { .. }));
    assert_eq!(world.directory.records().len(), 0);
}

#[tokio::test]
async fn a_plan_is_kept_and_read_back_and_another_one_is_refused() {
    let world = World::new([person("1").with("title", Value::Null), person("2")]);
    let job = world.job();
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(
        plan.to_json(),
        job.plan(Run::full()).await.expect("a plan").to_json(),
        "the same inputs, the same bytes"
    );
    let read = Plan::from_json(&plan.to_json()).expect("a plan");
    assert_eq!(read.digest(), plan.digest());
    // Changed by hand.
    let forged = plan.to_json().replace("Person 2", "Person X");
    assert_eq!(Plan::from_json(&forged).expect_err("forged").kind(), ErrorKind::Stale);
    assert_eq!(Plan::from_json("{}").expect_err("no plan").kind(), ErrorKind::Invalid);
    // Another job's, another mapping's, too old.
    let other = world.builder(Preferences::default().without_update()).build().expect("a job");
    assert_eq!(other.apply(&read, Apply::new()).await.expect_err("another policy").kind(), ErrorKind::Stale);
    world.clock.advance(Duration::from_secs(8 * 86_400));
    assert_eq!(job.apply(&read, Apply::new()).await.expect_err("too old").kind(), ErrorKind::Stale);
    let relaxed = Apply::new().max_age(Duration::from_secs(30 * 86_400));
    _ = job.apply(&read, relaxed.clone()).await.expect("a report");
    // Twice is once.
    let again = job.apply(&read, relaxed).await.expect("a report");
    assert_eq!(again.outcome(OutcomeKind::Unchanged), 2, "{again}");
    assert_eq!(world.directory.records().len(), 2);
}

#[tokio::test]
async fn one_run_at_a_time() {
    use entrant::State;
    let world = World::new([person("1")]);
    let job = world.job();
    let plan = job.plan(Run::full()).await.expect("a plan");
    let held = world.state.lease("link set default", Duration::from_secs(60)).await.expect("a lease").expect("free");
    assert_eq!(job.apply(&plan, Apply::new()).await.expect_err("leased").kind(), ErrorKind::Leased);
    world.state.release(held).await.expect("released");
    assert_eq!(job.apply(&plan, Apply::new()).await.expect("a report").status, RunStatus::Complete);
}

#[tokio::test]
async fn one_entry_that_fails_stops_no_other() {
    use entrant::store::WriteFault;
    let world = World::new((1..=3).map(|id| person(&id.to_string())));
    world.directory.fail_write(2, WriteFault::Refused);
    let report = world.run().await;
    assert_eq!(report.status, RunStatus::NeedsAttention);
    assert_eq!((report.outcome(OutcomeKind::Applied), report.outcome(OutcomeKind::Failed)), (2, 1));
    assert_eq!(report.troubles.len(), 1);
    world.clock.advance(Duration::from_secs(6 * 3600));
    assert_eq!(world.settled_run().await.status, RunStatus::Complete, "a later run takes it up");
    assert_eq!(world.directory.records().len(), 3);
}

#[tokio::test]
async fn bad_values_are_left_out_or_block_what_cannot_do_without() {
    let world = World::new([person("1").with("name", "A name that is far longer than twenty characters"), person("2")]);
    let plan = world.plan().await;
    let blocked = entry(&plan, "1");
    assert!(blocked.is_blocked() && has_problem(blocked, "too-long"), "{plan}");
    let report = world.settled_run().await;
    assert_eq!((report.outcome(OutcomeKind::Applied), report.outcome(OutcomeKind::Blocked)), (1, 1));
    assert_eq!(report.status, RunStatus::NeedsAttention);
    // On an update the attribute is left out, and everything else goes on.
    world.hr.set(&ObjectId::user("2"), "name", "A name that is far longer than twenty characters");
    world.hr.set(&ObjectId::user("2"), "active", false);
    _ = world.run().await;
    assert!(!world.is_active("2"), "a bad value does not stop the disable");
    assert_eq!(world.account_of("2").get("displayName"), Some(&"Person 2".into()));
}

#[tokio::test]
async fn what_cannot_work_is_said_when_the_job_is_built() {
    use entrant::reconcile::{Leaver, Policy};
    let error = entrant::Job::builder("staff").build().expect_err("nothing is there");
    assert_eq!(error.faults.len(), 4, "{error}");
    let world = World::new([]);
    let contradiction = Preferences::default().without_disable().with_left_scope(Leaver::disable());
    let error = world.builder(contradiction).build().expect_err("a contradiction");
    assert!(error.to_string().contains("left_scope"), "{error}");
    let without_password =
        entrant::Mapping::users().attribute("userPrincipalName", "login").attribute("displayName", "name");
    let error = entrant::Job::builder("staff")
        .source(world.hr.clone())
        .target(world.directory.clone())
        .state(world.state.clone())
        .policy(Policy::outbound(Preferences::default()))
        .mapping(without_password)
        .build()
        .expect_err("no password");
    assert!(error.to_string().contains("password"), "{error}"); // R20
    let error = entrant::Job::builder("staff")
        .source(world.hr.clone())
        .target(world.directory.clone())
        .state(world.state.clone())
        .policy(Policy::outbound(Preferences::default()))
        .mapping(super::world::mapping())
        .build()
        .expect_err("nowhere to put passwords");
    assert!(error.to_string().contains(".passwords("), "{error}");
}

#[tokio::test]
async fn a_plan_of_another_state_or_another_day_creates_nobody_twice() {
    let world = World::new([person("1"), person("2")]);
    let before_anything = world.plan().await;
    _ = world.settled_run().await;
    world.hr.push(person("3"));
    let with_links = world.plan().await;
    // The state is lost; the accounts are still there, under other names.
    let lost = World { state: entrant::store::MemoryState::new().with_clock(world.clock.clone()), ..world };
    for record in lost.directory.records() {
        lost.directory.set(&record.id, "userPrincipalName", format!("renamed-{}@contoso.com", record.id.id));
    }
    let job = lost.job();
    let report = job.apply(&before_anything, Apply::new()).await.expect("a report");
    assert_eq!(report.outcome(OutcomeKind::Stale), 2, "{report}");
    assert_eq!(job.apply(&with_links, Apply::new()).await.expect_err("another state").kind(), ErrorKind::Stale);
    assert_eq!(lost.directory.records().len(), 2);
    // Someone made the account by hand between plan and apply.
    let world = World::new([person("1"), person("2")]);
    let plan = world.plan().await;
    world.directory.push(account("a", Some("1")));
    world.clock.advance(Duration::from_secs(300));
    let report = world.job().apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!((report.outcome(OutcomeKind::Stale), report.outcome(OutcomeKind::Applied)), (1, 1), "{report}");
}
