//! Who left: evidence, grace, ownership; one policy for each way of leaving (R80).

use std::time::Duration;

use entrant::job::{Apply, OutcomeKind, Run, RunStatus};
use entrant::model::{ObjectId, Operation, ne};
use entrant::reconcile::{Action, Evidence, Guard, Leaver, Preferences, Situation, days};
use entrant::{Job, Record};

use super::world::{World, account, entry, mapping, person};

#[tokio::test]
async fn who_is_gone_from_the_source_is_disabled_with_evidence() {
    let world = World::new((1..=4).map(|id| person(&id.to_string())));
    _ = world.settled_run().await;
    world.hr.remove(&ObjectId::user("1"));
    world.hr.set(&ObjectId::user("2"), "active", false);
    let plan = world.plan().await;
    let gone = entry(&plan, "1");
    assert_eq!((gone.situation, gone.action), (Situation::SourceMissing, Action::Disable));
    assert_eq!(gone.evidence, Some(Evidence::NotInCompleteRead { read: 3, asked_again: true }));
    let inactive = entry(&plan, "2");
    assert_eq!((inactive.situation, inactive.action), (Situation::Confirmed, Action::Disable));
    assert!(matches!(inactive.evidence, Some(Evidence::Inactive { .. })));
    assert_eq!(plan.count(Action::Disable), 2);
    _ = world.run().await;
    assert!(!world.is_active("1") && !world.is_active("2") && world.is_active("3"));
    assert!(world.plan().await.is_converged());
}

#[tokio::test]
async fn what_nobody_linked_is_never_taken_away() {
    let world = World::new([person("1")]);
    // One that matches a source out of scope, and one that no source knows.
    world.directory.push(account("a", Some("1")));
    world.directory.push(account("b", Some("99")));
    let job = Job::builder("staff")
        .source(world.hr.clone())
        .target(world.directory.clone())
        .mapping(mapping().scope(ne("title", "Clerk")))
        .policy(entrant::Policy::outbound(Preferences::default().with_left_scope(Leaver::delete())))
        .passwords(world.sink.clone())
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("a job");
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert!(plan.is_converged(), "{plan}");
    assert_eq!(entry(&plan, "1").action, Action::Report);
    assert_eq!(plan.situations()[&Situation::Unassigned], 1);
}

#[tokio::test]
async fn who_leaves_the_scope_is_a_leaver_and_who_is_filtered_out_is_not() {
    let world = World::new([person("1"), person("2")]);
    let builder = || {
        Job::builder("staff")
            .source(world.hr.clone())
            .target(world.directory.clone())
            .mapping(mapping().scope(ne("title", "Gone")))
            .policy(entrant::Policy::outbound(Preferences::default()))
            .passwords(world.sink.clone())
            .state(world.state.clone())
            .clock(world.clock.clone())
            .build()
            .expect("a job")
    };
    _ = builder().run(Run::full(), Apply::new()).await.expect("a report");
    world.clock.advance(Duration::from_secs(3600));
    world.hr.set(&ObjectId::user("1"), "title", "Gone");
    world.hr.set(&ObjectId::user("2"), "name", "Renamed");
    // A filter narrows the run; it takes nobody away (R46).
    let filtered = builder().plan(Run::full().filter(entrant::model::eq("id", "2"))).await.expect("a plan");
    assert_eq!(filtered.entries().len(), 1, "{filtered}");
    assert_eq!(filtered.entries()[0].key.id.as_ref(), "2");
    let plan = builder().plan(Run::full()).await.expect("a plan");
    let left = entry(&plan, "1");
    assert_eq!((left.situation, left.action), (Situation::Unqualified, Action::Disable));
    assert_eq!(left.evidence, Some(Evidence::OutOfScope));
    assert!(left.changes.iter().all(|change| change.status), "who left is not updated");
}

#[tokio::test]
async fn a_grace_period_waits_and_a_return_cancels_it() {
    let world = World::new([person("1"), person("2")]);
    let leaver = || Leaver::disable().after(days(7)).then_delete(days(90));
    let job = world.job_with(Preferences::default().with_source_deleted(leaver()));
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    world.clock.advance(Duration::from_secs(3600));
    let gone: Vec<Record> = ["1", "2"].iter().map(|id| person(id)).collect();
    world.hr.remove(&ObjectId::user("1"));
    world.hr.remove(&ObjectId::user("2"));
    world.hr.push(person("3"));
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(entry(&plan, "1").action, Action::Wait);
    assert_eq!(entry(&plan, "1").until, Some(plan.as_of() + days(7)));
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(report.outcome(OutcomeKind::Waiting), 2);
    assert!(world.is_active("1"));
    // One returns in time; for the other the week passes, and then the rest of the 90 days.
    world.hr.push(gone[0].clone());
    world.clock.advance(days(8));
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert!(world.is_active("1") && !world.is_active("2"));
    world.hr.remove(&ObjectId::user("1"));
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(entry(&plan, "1").until, Some(plan.as_of() + days(7)), "the return began the grace period anew");
    world.clock.advance(days(83));
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.count(Action::Delete, OutcomeKind::Applied), 1, "{report}");
    assert_eq!(world.directory.records().len(), 2);
}

#[tokio::test]
async fn what_existed_before_is_disabled_and_not_deleted() {
    let world = World::new([person("1"), person("2")]);
    world.directory.push(account("a", Some("1")));
    let job = world.job_with(Preferences::default().with_source_deleted(Leaver::delete()));
    _ = job.run(Run::full(), Apply::new().lift(Guard::Adopt)).await.expect("a report");
    world.clock.advance(Duration::from_secs(3600));
    world.hr.remove(&ObjectId::user("1"));
    world.hr.remove(&ObjectId::user("2"));
    world.hr.push(person("3"));
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.count(Action::Delete, OutcomeKind::Applied), 1, "{report}");
    assert_eq!(report.count(Action::Disable, OutcomeKind::Applied), 1, "{report}");
    assert!(!world.is_active("1"));
    // By name it is deleted too.
    let job = world.job_with(Preferences::default().with_source_deleted(Leaver::delete()).with_delete_adopted());
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.count(Action::Delete, OutcomeKind::Applied), 1, "{report}");
}

#[tokio::test]
async fn a_deleted_account_is_restored_for_who_returns() {
    let world = World::new([person("1"), person("2")]);
    let preferences = Preferences::default().with_source_deleted(Leaver::delete()).with_restore();
    let job = world.job_with(preferences);
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    world.clock.advance(Duration::from_secs(3600));
    let id = world.account_of("1").id;
    world.hr.remove(&ObjectId::user("1"));
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(world.directory.records().len(), 1);
    world.hr.push(person("1"));
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!((entry(&plan, "1").situation, entry(&plan, "1").action), (Situation::RecycleBin, Action::Restore));
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(world.account_of("1").id, id, "the same account");
    assert!(job.plan(Run::full()).await.expect("a plan").is_converged());
}

#[tokio::test]
async fn a_removal_is_rejected_if_the_world_changed_since_the_plan() {
    let world = World::new((1..=4).map(|id| person(&id.to_string())));
    _ = world.settled_run().await;
    world.hr.remove(&ObjectId::user("1"));
    world.hr.set(&ObjectId::user("2"), "active", false);
    world.hr.set(&ObjectId::user("3"), "active", false);
    let job = world.job();
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(plan.count(Action::Disable), 3);
    world.hr.push(person("1"));
    world.hr.set(&ObjectId::user("2"), "active", true);
    world.directory.set(&world.account_of("3").id, "active", false);
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(report.outcome(OutcomeKind::Stale), 2, "{report}");
    assert_eq!(report.outcome(OutcomeKind::Unchanged), 1, "{report}");
    assert!(world.is_active("1") && world.is_active("2"));
}

#[tokio::test]
async fn one_person_is_looked_at_alone() {
    let world = World::new([person("1"), person("2"), person("3")]);
    _ = world.settled_run().await;
    world.hr.set(&ObjectId::user("1"), "title", "Chief");
    world.hr.set(&ObjectId::user("2"), "title", "Chief");
    world.hr.remove(&ObjectId::user("3"));
    let job = world.job();
    let plan = job.plan(Run::one("1")).await.expect("a plan");
    assert_eq!(plan.entries().len(), 1, "{plan}");
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(world.account_of("1").get("jobTitle"), Some(&"Chief".into()));
    assert_eq!(world.account_of("2").get("jobTitle"), Some(&"Clerk".into()));
    // Asked by id, and authoritatively not there.
    let plan = job.plan(Run::one("3")).await.expect("a plan");
    assert_eq!(entry(&plan, "3").evidence, Some(Evidence::NotFoundById));
    assert_eq!(job.apply(&plan, Apply::new()).await.expect("a report").status, RunStatus::Complete);
    assert!(!world.is_active("3"));
    // A joiner is created alone, too.
    world.hr.push(person("4"));
    let report = job.run(Run::one("4"), Apply::new()).await.expect("a report");
    assert_eq!(report.count(Action::Create, OutcomeKind::Applied), 1, "{report}");
}

#[tokio::test]
async fn who_leaves_the_scope_before_the_account_shows_stays_ours() {
    let world = World::new([person("1"), person("2")]);
    let job = world.scoped_job(mapping().scope(ne("title", "Gone")));
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    // The account does not show yet.
    let hidden = world.account_of("1");
    world.directory.remove(&hidden.id);
    world.hr.set(&ObjectId::user("1"), "title", "Gone");
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(plan.situations()[&Situation::Pending], 1, "too young to be called gone: {plan}");
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    world.directory.push(hidden);
    world.clock.advance(Duration::from_secs(3600));
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert!(!world.is_active("1"), "it shows, and is still ours");
    // Gone for good, it is a link to nothing.
    world.directory.remove(&world.account_of("1").id);
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!((entry(&plan, "1").situation, entry(&plan, "1").action), (Situation::LinkOnly, Action::Unlink));
}

#[tokio::test]
async fn a_leavers_account_in_the_recycle_bin_is_ours_when_it_comes_back() {
    let world = World::new([person("1"), person("2")]);
    _ = world.settled_run().await;
    let id = world.account_of("1").id;
    // An administrator deletes the account of someone who left, and has second thoughts.
    world.write(Operation::Delete { id: id.clone() }).await;
    world.hr.remove(&ObjectId::user("1"));
    let plan = world.plan().await;
    assert!(plan.is_converged(), "what lies in the recycle bin is not gone: {plan}");
    assert_eq!((entry(&plan, "1").situation, entry(&plan, "1").action), (Situation::SourceMissing, Action::Report));
    _ = world.run().await;
    world.write(Operation::Restore { id: id.clone() }).await;
    _ = world.run().await;
    assert!(!world.is_active("1"));
    world.directory.remove(&id);
    let plan = world.plan().await;
    assert_eq!((entry(&plan, "1").situation, entry(&plan, "1").action), (Situation::LinkOnly, Action::Unlink));
}

#[tokio::test]
async fn sign_ins_are_ended_with_every_disable_where_the_target_can() {
    use entrant::model::{AttributeSchema, Mutability};
    let revoking = || Preferences::default().with_revoke_sessions();
    let world = World::new((1..=3).map(|id| person(&id.to_string())));
    let error = world.builder(revoking()).build().expect_err("the target cannot end sign-ins");
    assert!(error.to_string().contains("revoke_sessions"), "{error}");

    let write_only = AttributeSchema::boolean().with_mutability(Mutability::WriteOnly);
    let schema = super::world::schema().with("signOut", write_only).with_sessions("signOut");
    let world = World { directory: world.directory.with_schema(schema), ..world };
    _ = world.settled_run().await;
    world.hr.set(&ObjectId::user("1"), "active", false);
    world.hr.remove(&ObjectId::user("2"));
    let plan = world.job_with(revoking()).plan(Run::full()).await.expect("a plan");
    assert!(entry(&plan, "1").revokes_sessions && entry(&plan, "2").revokes_sessions, "{plan}");
    assert!(plan.to_string().contains("ends all sign-ins"), "{plan}");
    _ = world.job_with(revoking()).apply(&plan, Apply::new()).await.expect("a report");
    let signed_out =
        |id: &str| world.directory.write_only(&world.account_of(id).id, "signOut") == Some(entrant::Value::Bool(true));
    assert!(signed_out("1") && signed_out("2") && !signed_out("3"));
    assert!(!world.is_active("1"));
    assert!(world.job_with(revoking()).plan(Run::full()).await.expect("a plan").is_converged());
}
