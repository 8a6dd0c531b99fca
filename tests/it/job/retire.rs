//! Giving a job up: what becomes of what it owns (R19, R80).

use std::time::Duration;

use entrant::job::{Apply, OutcomeKind, Run, RunStatus};
use entrant::model::{ObjectId, Operation, eq};
use entrant::reconcile::{Action, Evidence, Guard, Guards, Leaver, Preferences, Situation, days};
use entrant::store::WriteFault;
use entrant::{ErrorKind, Job};

use super::world::{World, account, entry, person};

fn job(world: &World, retired: Leaver) -> Job {
    world.job_with(Preferences::default().with_retired(retired))
}

#[tokio::test]
async fn a_job_that_is_given_up_keeps_what_it_made_unless_told_otherwise() {
    let world = World::new((1..=3).map(|id| person(&id.to_string())));
    _ = world.settled_run().await;
    // Whatever the source says, or whether it is there at all.
    world.hr.remove(&ObjectId::user("1"));
    let plan = world.job().plan(Run::retire()).await.expect("a plan");
    assert_eq!(plan.situations()[&Situation::Retired], 3);
    assert_eq!(plan.count(Action::Unlink), 3, "{plan}");
    assert_eq!(entry(&plan, "1").evidence, Some(Evidence::JobRetired));
    let report = world.job().apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete);
    assert!(["1", "2", "3"].iter().all(|id| world.is_active(id)));
    // From now on nothing else is applied, and the same again does nothing.
    let plan = world.plan().await;
    let error = world.job().apply(&plan, Apply::new()).await.expect_err("the job was given up");
    assert_eq!(error.kind(), ErrorKind::NotReady);
    assert!(error.to_string().contains("reinstate"), "{error}");
    let again = world.job().plan(Run::retire()).await.expect("a plan");
    assert!(again.is_converged(), "{again}");
    _ = world.job().apply(&again, Apply::new()).await.expect("twice is as good as once");
}

#[tokio::test]
async fn what_the_job_owns_is_disabled_or_deleted_where_it_was_asked_for() {
    for (leaver, action) in [(Leaver::disable(), Action::Disable), (Leaver::delete(), Action::Delete)] {
        let world = World::new((1..=3).map(|id| person(&id.to_string())));
        // One was there before: it is not deleted.
        world.directory.push(account("old", Some("1")));
        _ = world.job().run(Run::full(), Apply::new().lift(Guard::Adopt)).await.expect("a report");
        world.clock.advance(Duration::from_secs(3600));
        let plan = job(&world, leaver.clone()).plan(Run::retire()).await.expect("a plan");
        assert_eq!(entry(&plan, "1").action, Action::Disable, "{plan}");
        assert_eq!(entry(&plan, "2").action, action, "{plan}");
        _ = job(&world, leaver.clone()).apply(&plan, Apply::new()).await.expect("a report");
        assert!(!world.is_active("1"));
        let again = job(&world, leaver).plan(Run::retire()).await.expect("a plan");
        assert!(again.is_converged(), "{again}");
    }
}

#[tokio::test]
async fn many_at_once_are_stopped_by_the_guard_and_nothing_is_given_up() {
    let world = World::new((1..=20).map(|id| person(&id.to_string())));
    _ = world.settled_run().await;
    let job = job(&world, Leaver::disable());
    let plan = job.plan(Run::retire()).await.expect("a plan");
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert!(matches!(report.status, RunStatus::Stopped { .. }), "{report}");
    assert!(world.is_active("1"));
    _ = world.run().await;
    let plan = job.plan(Run::retire()).await.expect("a plan");
    let report = job.apply(&plan, Apply::new().lift(Guard::Disable)).await.expect("a report");
    assert_eq!(report.outcome(OutcomeKind::Applied), 20);
}

#[tokio::test]
async fn steps_that_are_not_over_keep_the_object_until_they_are() {
    let leaver = || Leaver::disable().then_delete(days(30));
    let world = World::new([person("1"), person("2")]);
    _ = world.settled_run().await;
    let first = job(&world, leaver()).plan(Run::retire()).await.expect("a plan");
    _ = job(&world, leaver()).apply(&first, Apply::new()).await.expect("a report");
    assert!(!world.is_active("1"));
    // The nightly run that nobody switched off must not bring them back meanwhile.
    let error = world.job().run(Run::full(), Apply::new()).await.expect_err("being given up");
    assert_eq!(error.kind(), ErrorKind::NotReady);
    let between = job(&world, leaver()).plan(Run::retire()).await.expect("a plan");
    assert_eq!(entry(&between, "1").action, Action::Wait, "{between}");
    world.clock.advance(Duration::from_secs(31 * 86_400));
    let last = job(&world, leaver()).plan(Run::retire()).await.expect("a plan");
    assert_eq!(last.count(Action::Delete), 2, "{last}");
    _ = job(&world, leaver()).apply(&last, Apply::new()).await.expect("a report");
    assert!(world.directory.records().is_empty());
    assert!(job(&world, leaver()).plan(Run::retire()).await.expect("a plan").is_converged());
}

#[tokio::test]
async fn a_job_that_is_taken_up_again_finds_its_people_by_matching() {
    let world = World::new([person("1"), person("2")]);
    _ = world.settled_run().await;
    let plan = job(&world, Leaver::disable()).plan(Run::retire()).await.expect("a plan");
    world.job().apply(&plan, Apply::new()).await.expect_err("a plan of other preferences");
    _ = job(&world, Leaver::disable()).apply(&plan, Apply::new()).await.expect("a report");
    world.job().reinstate().await.expect("nothing is at work");
    let plan = world.plan().await;
    assert_eq!(plan.count(Action::Link), 2, "{plan}");
    _ = world.job().apply(&plan, Apply::new().lift(Guard::Adopt)).await.expect("a report");
    _ = world.run().await;
    assert!(world.is_active("1"), "it was this job that had switched it off");
    assert_eq!(world.directory.records().len(), 2);
}

#[tokio::test]
async fn an_account_in_the_recycle_bin_is_let_go_and_a_filter_is_refused() {
    let world = World::new([person("1")]);
    _ = world.settled_run().await;
    let id = world.account_of("1").id;
    world.write(Operation::Delete { id }).await;
    let plan = world.job().plan(Run::retire()).await.expect("a plan");
    assert_eq!(plan.count(Action::Unlink), 1, "{plan}");
    _ = world.job().apply(&plan, Apply::new()).await.expect("a report");
    assert!(world.job().plan(Run::retire()).await.expect("a plan").is_converged());
    let error = world.job().plan(Run::retire().filter(eq("id", "1"))).await.expect_err("a filter");
    assert!(error.to_string().contains("Plan::select"), "{error}");
}

#[tokio::test]
async fn who_could_not_be_switched_off_is_not_let_go_of() {
    let world = World::new([person("1"), person("2")]);
    _ = world.settled_run().await;
    let job = job(&world, Leaver::disable());
    let plan = job.plan(Run::retire()).await.expect("a plan");
    world.directory.fail_write(1, WriteFault::Refused);
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(report.outcome(OutcomeKind::Failed), 1, "{report}");
    let again = job.plan(Run::retire()).await.expect("a plan");
    assert_eq!(again.count(Action::Disable), 1, "one is still the job's to switch off: {again}");
    _ = job.apply(&again, Apply::new()).await.expect("a report");
    assert!(!world.is_active("1") && !world.is_active("2"));
    assert!(job.plan(Run::retire()).await.expect("a plan").is_converged());
}

#[tokio::test]
async fn what_is_selected_is_let_go_and_the_rest_stays_owned() {
    let world = World::new((1..=3).map(|id| person(&id.to_string())));
    _ = world.settled_run().await;
    let job = world.builder(Preferences::default().with_retired(Leaver::delete()));
    let job = job.guards(Guards::default()).build().expect("a job");
    let plan = job.plan(Run::retire()).await.expect("a plan");
    let chosen = plan.select(|entry| &*entry.key.id == "2");
    _ = job.apply(&chosen, Apply::new()).await.expect("a report");
    assert_eq!(world.directory.records().len(), 2);
    let rest = job.plan(Run::retire()).await.expect("a plan");
    assert_eq!(rest.count(Action::Delete), 2, "{rest}");
}
