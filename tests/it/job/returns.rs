//! Who comes back while a grace period runs: the leaving is over, whatever else the run that sees him makes of him.

use std::time::Duration;

use entrant::job::{Apply, OutcomeKind, Run};
use entrant::mapping::Mapping;
use entrant::model::Operation;
use entrant::reconcile::{Action, Guard, Leaver, Plan, Policy, Preferences, Situation, days};
use entrant::store::WriteFault;
use entrant::{Job, Value};

use super::incremental::{Feeds, user};
use super::scoping::filter;
use super::world::{World, entry, mapping, person};

fn leaver() -> Leaver {
    Leaver::delete().after(days(30))
}

fn preferences() -> Preferences {
    Preferences::default().with_source_deleted(leaver())
}

/// A job whose run at the beginning is an hour old.
async fn settled(job: &Job, world: &World) {
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    world.clock.advance(Duration::from_secs(3600));
}

async fn plan(job: &Job) -> Plan {
    job.plan(Run::full()).await.expect("a plan")
}

/// The first leaves, and the run that sees it notes it.
async fn leaves(job: &Job, world: &World) {
    world.hr.remove(&user("1"));
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.count(Action::Wait, OutcomeKind::Waiting), 1, "{report}");
    world.clock.advance(days(2));
}

/// Long after whatever was seen of the first, he leaves: the whole grace period is before him.
async fn leaves_anew(job: &Job, world: &World, what: &str) {
    world.clock.advance(days(100));
    world.hr.remove(&user("1"));
    let plan = plan(job).await;
    let left = entry(&plan, "1");
    assert_eq!((left.action, left.until), (Action::Wait, Some(plan.as_of() + days(30))), "{what}: {plan}");
}

#[tokio::test]
async fn a_return_counts_also_where_the_policy_does_nothing_about_whom_it_finds() {
    for action in [Action::Report, Action::Ignore, Action::Exception] {
        for run in [Run::full, || Run::one("1")] {
            let world = World::new(["1", "2", "3"].map(person));
            let policy = Policy::outbound(preferences()).rule(Situation::Confirmed, action);
            let job = world.builder(preferences()).policy(policy).build().expect("a job");
            settled(&job, &world).await;
            leaves(&job, &world).await;
            world.hr.push(person("1").with("title", "Chief"));
            let back = job.plan(run()).await.expect("a plan");
            assert!(!back.is_converged(), "who applies only what writes must apply this: {back}");
            assert!(entry(&back, "1").writes() && entry(&back, "1").changes.is_empty(), "{back}");
            let picked = back.select(|entry| entry.writes());
            _ = job.apply(&picked, Apply::new()).await.expect("a report");
            assert_eq!(world.account_of("1").get("jobTitle"), Some(&"Clerk".into()), "a rule for Confirmed");
            let again = plan(&job).await;
            assert!(again.is_converged(), "it is noted once: {again}");
            leaves_anew(&job, &world, action.as_str()).await;
        }
    }
}

#[tokio::test]
async fn a_return_counts_also_in_an_incremental_run() {
    for action in [Action::Update, Action::Report] {
        let feeds = Feeds::new((1..=9).map(|id| person(&id.to_string())));
        let policy = Policy::outbound(preferences()).rule(Situation::Confirmed, action);
        let job = feeds.builder(preferences()).policy(policy).build().expect("a job");
        feeds.quiet(&job).await;
        let world = &feeds.world;
        world.hr.remove(&user("1"));
        let report = feeds.run(&job, Run::incremental()).await;
        assert_eq!(report.outcome(OutcomeKind::Waiting), 1, "{report}");
        world.clock.advance(days(2));
        world.hr.push(person("1"));
        let back = feeds.plan(&job).await;
        assert!(super::incremental::why_full(&back).is_none() && entry(&back, "1").writes(), "{back}");
        _ = job.apply(&back, Apply::new()).await.expect("a report");
        assert!(feeds.plan(&job).await.is_converged());
        leaves_anew(&job, world, action.as_str()).await;
    }
}

/// Two records of one id are there, and so is one that nobody can place, or that is not looked at: none of them says that
/// the person is gone.
#[tokio::test]
async fn a_return_counts_also_where_it_is_not_clear_who_or_what_came_back() {
    let ignoring = || {
        let ignored = mapping().expression("immutableId", r#"IIF([title] = "Robot", IgnoreObjectFlow, [id])"#);
        ignored.expect("an expression")
    };
    let here = || person("1").with("unit", "in");
    let twins = || vec![here(), here().with("title", "Twin")];
    let cases: [(&str, Mapping, Vec<_>); 4] = [
        ("two records", mapping(), twins()),
        ("nobody can say whether in scope", mapping().scoping(filter()), {
            vec![here().with("unit", Value::list(["in".into(), "out".into()]))]
        }),
        ("left alone by the scoping filter", mapping().scoping(filter()), vec![here().with("unit", "raw")]),
        ("left alone by an expression", ignoring(), vec![here().with("title", "Robot")]),
    ];
    for (what, mapping, back) in cases {
        let world = World::new(["1", "2", "3"].map(|id| person(id).with("unit", "in")));
        let job = Job::builder("staff")
            .source(world.hr.clone())
            .target(world.directory.clone())
            .mapping(mapping)
            .policy(Policy::outbound(preferences().with_left_scope(leaver())))
            .passwords(world.sink.clone())
            .state(world.state.clone())
            .clock(world.clock.clone())
            .build()
            .expect("a job");
        settled(&job, &world).await;
        leaves(&job, &world).await;
        back.into_iter().for_each(|record| world.hr.push(record));
        _ = job.run(Run::full(), Apply::new()).await.expect("a report");
        let again = plan(&job).await;
        assert!(again.is_converged(), "{what}: it is noted once: {again}");
        leaves_anew(&job, &world, what).await;
    }
}

/// Out of scope is no return, whether he was gone before or not.
#[tokio::test]
async fn who_comes_back_out_of_scope_is_still_leaving() {
    let world = World::new(["1", "2", "3"].map(|id| person(id).with("unit", "in")));
    let job = Job::builder("staff")
        .source(world.hr.clone())
        .target(world.directory.clone())
        .mapping(mapping().scoping(filter()))
        .policy(Policy::outbound(preferences().with_left_scope(leaver())))
        .passwords(world.sink.clone())
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("a job");
    settled(&job, &world).await;
    leaves(&job, &world).await;
    // Twice, even.
    for _ in 0..2 {
        world.hr.push(person("1").with("unit", "out"));
    }
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    world.hr.remove(&user("1"));
    let plan = plan(&job).await;
    assert_eq!(entry(&plan, "1").until, Some(plan.as_of() + days(28)), "{plan}");
}

#[tokio::test]
async fn a_return_counts_also_if_what_it_brings_cannot_be_written() {
    let world = World::new(["1", "2", "3"].map(person));
    let job = world.job_with(preferences());
    settled(&job, &world).await;
    leaves(&job, &world).await;
    world.hr.push(person("1").with("title", "Chief"));
    world.directory.fail_write(1, WriteFault::Refused);
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.outcome(OutcomeKind::Failed), 1, "{report}");
    leaves_anew(&job, &world, "a refused write").await;
}

#[tokio::test]
async fn a_return_counts_also_while_the_account_lies_in_the_recycle_bin() {
    let world = World::new(["1", "2", "3"].map(person));
    let job = world.job_with(preferences());
    settled(&job, &world).await;
    leaves(&job, &world).await;
    let id = world.account_of("1").id;
    world.write(Operation::Delete { id: id.clone() }).await;
    world.hr.push(person("1"));
    let back = plan(&job).await;
    assert_eq!(entry(&back, "1").action, Action::Exception, "nothing is brought back by default");
    _ = job.apply(&back, Apply::new()).await.expect("a report");
    world.write(Operation::Restore { id }).await;
    leaves_anew(&job, &world, "an account in the recycle bin").await;
}

#[tokio::test]
async fn an_account_that_is_brought_back_has_its_whole_grace_period_though_the_answer_was_lost() {
    let world = World::new(["1", "2", "3"].map(person));
    let job = world.job_with(preferences().with_restore());
    settled(&job, &world).await;
    leaves(&job, &world).await;
    world.clock.advance(days(30));
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.count(Action::Delete, OutcomeKind::Applied), 1, "{report}");
    world.hr.push(person("1"));
    world.directory.fail_write(1, WriteFault::AnswerLost);
    let back = plan(&job).await;
    assert_eq!(entry(&back, "1").action, Action::Restore, "{back}");
    _ = job.apply(&back, Apply::new()).await.expect("a report");
    // He is gone before any run sees him: the next finds out what became of the restore, and no more.
    world.clock.advance(Duration::from_secs(3600));
    world.hr.remove(&user("1"));
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(world.directory.records().len(), 3);
    leaves_anew(&job, &world, "a restore whose answer was lost").await;
}

/// What the job let go of when it was retired it takes over as if it saw it first.
#[tokio::test]
async fn a_job_that_is_taken_up_again_counts_no_leaving_from_its_retirement() {
    // What was let go of is found by matching; of what was not yet, no run sees anything before he leaves.
    for (retired, finds) in [(Leaver::disable(), true), (Leaver::disable().then_delete(days(30)), false)] {
        let world = World::new(["1", "2", "3"].map(person));
        let job = world.job_with(preferences().with_retired(retired));
        settled(&job, &world).await;
        let retirement = job.plan(Run::retire()).await.expect("a plan");
        let report = job.apply(&retirement, Apply::new()).await.expect("a report");
        assert_eq!(report.count(Action::Disable, OutcomeKind::Applied), 3, "{report}");
        job.reinstate().await.expect("nothing is at work");
        if finds {
            let found = plan(&job).await;
            assert_eq!(found.count(Action::Link), 3, "{found}");
            _ = job.apply(&found, Apply::new().lift(Guard::Adopt)).await.expect("a report");
        }
        leaves_anew(&job, &world, "a retirement").await;
    }
}

/// Who was leaving before is still leaving, if the job was not given up.
#[tokio::test]
async fn taking_up_a_job_that_was_not_given_up_changes_nothing() {
    let world = World::new(["1", "2", "3"].map(person));
    let job = world.job_with(preferences());
    settled(&job, &world).await;
    leaves(&job, &world).await;
    job.reinstate().await.expect("nothing is at work");
    let plan = plan(&job).await;
    assert_eq!(entry(&plan, "1").until, Some(plan.as_of() + days(28)), "{plan}");
}
