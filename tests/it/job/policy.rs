//! Rules of a policy that hold on a condition.

use std::time::Duration;

use entrant::Job;
use entrant::job::{Apply, OutcomeKind, Run};
use entrant::model::{ObjectId, eq, ne, present};
use entrant::reconcile::{Action, Policy, Preferences, Situation, When};

use super::world::{World, account, entry, mapping, person};

fn job(world: &World, policy: Policy) -> Job {
    world.job_of(mapping().scope(ne("title", "Gone")), policy)
}

fn outbound() -> Policy {
    Policy::outbound(Preferences::default())
}

#[tokio::test]
async fn the_first_rule_whose_condition_holds_wins() {
    let world = World::new((1..=4).map(|id| person(&id.to_string()).with("type", "staff")));
    _ = world.settled_run().await;
    for (id, kind) in [("1", "temp"), ("2", "staff"), ("3", "board")] {
        world.hr.set(&ObjectId::user(id), "title", "Gone");
        world.hr.set(&ObjectId::user(id), "type", kind);
    }
    let policy = outbound()
        .rule_when(Situation::Unqualified, When::Source(eq("type", "board")), Action::Report)
        .rule_when(Situation::Unqualified, When::Source(eq("type", "temp")), Action::Delete)
        .rule_when(Situation::Unqualified, When::Source(present("type")), Action::Unlink)
        .rule_when(Situation::Confirmed, When::Target(eq("jobTitle", "Clerk")), Action::Ignore);
    world.hr.set(&ObjectId::user("4"), "name", "Renamed");
    let plan = job(&world, policy.clone()).plan(Run::full()).await.expect("a plan");
    let actions = ["1", "2", "3"].map(|id| entry(&plan, id).action);
    assert_eq!(actions, [Action::Delete, Action::Unlink, Action::Report], "{plan}");
    assert!(plan.entries().iter().all(|entry| &*entry.key.id != "4"), "ignored by a condition on the target: {plan}");
    // The policy is part of the plan's fingerprint.
    let other = outbound().rule_when(Situation::Unqualified, When::Source(eq("type", "temp")), Action::Report);
    let error = job(&world, other).apply(&plan, Apply::new()).await.expect_err("another policy");
    assert_eq!(error.kind(), entrant::ErrorKind::Stale);
}

#[tokio::test]
async fn a_condition_does_not_hold_of_what_was_not_delivered() {
    // Two have the column, one does not: nothing says that he is no member of the staff.
    let world = World::new((1..=2).map(|id| person(&id.to_string()).with("type", "staff")).chain([person("3")]));
    _ = world.settled_run().await;
    for id in ["1", "3"] {
        world.hr.set(&ObjectId::user(id), "title", "Gone");
    }
    world.hr.set(&ObjectId::user("1"), "type", "temp");
    let policy = outbound().rule_when(Situation::Unqualified, When::Source(ne("type", "staff")), Action::Delete);
    let plan = job(&world, policy).plan(Run::full()).await.expect("a plan");
    assert_eq!(entry(&plan, "1").action, Action::Delete, "{plan}");
    assert_eq!(entry(&plan, "3").action, Action::Disable, "the preset answers: {plan}");
}

#[tokio::test]
async fn a_column_that_only_a_condition_reads_is_missed_when_it_is_renamed() {
    let world = World::new((1..=3).map(|id| person(&id.to_string()).with("kind", "staff")));
    _ = world.settled_run().await;
    world.hr.remove(&ObjectId::user("1"));
    let policy = outbound().rule_when(Situation::Unqualified, When::Source(eq("type", "temp")), Action::Delete);
    let plan = job(&world, policy).plan(Run::full()).await.expect("a plan");
    assert!(plan.problems().iter().any(|problem| problem.rule == "schema-drift"), "{plan}");
    assert!(plan.entries().iter().all(|entry| !entry.disables()), "no removal by absence: {plan}");
}

#[tokio::test]
async fn what_a_condition_rested_on_is_looked_at_again_before_a_removal() {
    let world = World::new((1..=3).map(|id| person(&id.to_string()).with("type", "temp")));
    _ = world.settled_run().await;
    for id in ["1", "2"] {
        world.hr.set(&ObjectId::user(id), "title", "Gone");
    }
    let policy = outbound().rule_when(Situation::Unqualified, When::Source(eq("type", "temp")), Action::Delete);
    let plan = job(&world, policy.clone()).plan(Run::full()).await.expect("a plan");
    assert_eq!(plan.count(Action::Delete), 2);
    world.hr.set(&ObjectId::user("1"), "type", "staff");
    let report = job(&world, policy).apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!((report.outcome(OutcomeKind::Stale), report.outcome(OutcomeKind::Applied)), (1, 1));
    assert!(world.is_active("1"));
}

#[tokio::test]
async fn a_condition_on_the_target_names_what_the_target_has() {
    let world = World::new([person("1")]);
    let policy = outbound().rule_when(Situation::Found, When::Target(eq("jobTitel", "Clerk")), Action::Report);
    let error = world.builder(Preferences::default()).policy(policy).build().expect_err("no such attribute");
    assert!(error.to_string().contains("jobTitel"), "{error}");
    world.directory.push(account("a", Some("1")));
    let policy = outbound().rule_when(Situation::Found, When::Target(eq("jobTitle", "Clerk")), Action::Report);
    let plan = job(&world, policy).plan(Run::full()).await.expect("a plan");
    assert_eq!(entry(&plan, "1").action, Action::Report, "{plan}");
}

#[tokio::test]
async fn a_rule_may_wait_without_end() {
    let world = World::new((1..=2).map(|id| person(&id.to_string())));
    _ = world.settled_run().await;
    world.hr.set(&ObjectId::user("1"), "title", "Gone");
    let waiting = || outbound().rule(Situation::Unqualified, Action::Wait);
    let plan = job(&world, waiting()).plan(Run::full()).await.expect("a plan");
    assert_eq!((entry(&plan, "1").action, entry(&plan, "1").until), (Action::Wait, None), "{plan}");
    _ = job(&world, waiting()).apply(&plan, Apply::new()).await.expect("a report");
    assert!(world.is_active("1"));
    // The time counts: who is let wait leaves by the clock of the first leaving.
    world.clock.advance(Duration::from_secs(8 * 86_400));
    let leaver = entrant::reconcile::Leaver::disable().after(entrant::reconcile::days(7));
    let policy = Policy::outbound(Preferences::default().with_left_scope(leaver));
    let plan = job(&world, policy).plan(Run::full()).await.expect("a plan");
    assert_eq!(entry(&plan, "1").action, Action::Disable, "{plan}");
}
