//! Who is whom: matches, doubts, and values that one account only can hold.

use std::time::Duration;

use entrant::job::{Apply, OutcomeKind, Run, RunStatus};
use entrant::model::ObjectId;
use entrant::reconcile::{Action, Guard, Policy, Preferences, Situation};
use entrant::{Job, Value};

use super::world::{World, account, entry, has_problem, mapping, person};

#[tokio::test]
async fn records_that_share_an_id_are_each_listed_and_nobody_wins() {
    let world = World::new([person("1"), person("2"), person("2").with("name", "Other"), person("3")]);
    let plan = world.plan().await;
    assert_eq!(plan.count(Action::Create), 2);
    let shared: Vec<_> = plan.entries().iter().filter(|entry| entry.situation == Situation::Duplicate).collect();
    assert_eq!(shared.len(), 2);
    assert!(shared.iter().all(|entry| entry.action == Action::Exception && has_problem(entry, "duplicate-id")));
    let report = world.settled_run().await;
    assert_eq!(report.status, RunStatus::NeedsAttention);
    // A link of that id is left alone.
    let world = World::new([person("1"), person("2")]);
    _ = world.settled_run().await;
    world.hr.push(person("2").with("name", "Other").with("active", false));
    assert!(world.plan().await.is_converged());
}

#[tokio::test]
async fn several_candidates_are_a_question_for_a_person() {
    let world = World::new([person("1"), person("2"), person("3").with("id", "2")]);
    world.directory.push(account("a", Some("1")));
    world.directory.push(account("b", Some("1")).with("userPrincipalName", "b@contoso.com"));
    world.directory.push(account("c", Some("2")));
    let plan = world.plan().await;
    let ambiguous = entry(&plan, "1");
    assert_eq!(
        (ambiguous.situation, ambiguous.action, ambiguous.candidates.len()),
        (Situation::Ambiguous, Action::Exception, 2)
    );
    // Two sources that match one account: neither gets it.
    assert_eq!(entry(&plan, "2").situation, Situation::Ambiguous);
    assert_eq!(entry(&plan, "3").situation, Situation::Ambiguous);
    assert!(plan.is_converged());
}

#[tokio::test]
async fn blank_matching_values_match_nobody() {
    let world = World::new([person("1").with("id", "").with("login", Value::Null)]);
    world.directory.push(account("a", None).with("employeeId", ""));
    let plan = world.plan().await;
    assert!(has_problem(entry(&plan, "1"), "no-matching-value"), "{plan}");
    assert!(plan.is_converged() && plan.needs_attention());
}

#[tokio::test]
async fn a_person_with_a_new_id_is_rekeyed_and_nobody_is_disabled() {
    let world = World::new([person("1"), person("2")]);
    _ = world.settled_run().await;
    world.hr.remove(&ObjectId::user("1"));
    world.hr.push(person("77").with("login", "p1@contoso.com"));
    let plan = world.plan().await;
    let rekeyed = entry(&plan, "77");
    assert_eq!((rekeyed.situation, rekeyed.action), (Situation::Rekeyed, Action::Exception));
    assert_eq!(plan.entries().len(), 1, "one entry, not two: {plan}");
    assert!(plan.to_string().contains("linked to `1`, which is gone"), "{plan}");
    _ = world.run().await;
    assert!(world.is_active("1"));
    // A person may say that it is one and the same.
    let relink = Policy::outbound(Preferences::default()).rule(Situation::Rekeyed, Action::Relink);
    let job = Job::builder("staff")
        .source(world.hr.clone())
        .target(world.directory.clone())
        .mapping(mapping())
        .policy(relink)
        .passwords(world.sink.clone())
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("a job");
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert_eq!(world.account_of("77").get("userPrincipalName"), Some(&"p1@contoso.com".into()));
    assert_eq!(world.directory.records().len(), 2);
}

#[tokio::test]
async fn a_joiner_who_wants_a_taken_name_does_not_stop_the_incumbents_disable() {
    let world = World::new([person("1"), person("2")]);
    let job = Job::builder("staff")
        .source(world.hr.clone())
        .target(world.directory.clone())
        // By employee id alone: the name is no match, only taken.
        .mapping(
            entrant::Mapping::users()
                .attribute("userPrincipalName", "login")
                .attribute("employeeId", "id")
                .attribute("displayName", "name")
                .attribute("active", "active")
                .generate_password()
                .match_on("employeeId"),
        )
        .policy(Policy::outbound(Preferences::default()))
        .passwords(world.sink.clone())
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("a job");
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    world.clock.advance(Duration::from_secs(3600));
    world.hr.remove(&ObjectId::user("1"));
    world.hr.set(&ObjectId::user("2"), "active", false);
    world.hr.push(person("8").with("login", "P1@contoso.com"));
    world.hr.push(person("9").with("login", "p2@contoso.com"));
    let plan = job.plan(Run::full()).await.expect("a plan");
    for id in ["8", "9"] {
        assert!(entry(&plan, id).is_blocked() && has_problem(entry(&plan, id), "unique"), "{plan}");
    }
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    assert!(!world.is_active("1") && !world.is_active("2"));
}

#[tokio::test]
async fn a_name_given_up_in_the_plan_goes_to_one_newcomer_after_it() {
    let world = World::new([person("1"), person("2")]);
    _ = world.settled_run().await;
    world.hr.set(&ObjectId::user("1"), "login", "new1@contoso.com");
    world.hr.set(&ObjectId::user("2"), "login", "p1@contoso.com");
    let plan = world.plan().await;
    assert_eq!(entry(&plan, "2").after[0].entry, entry(&plan, "1").key, "{plan}");
    let selected = plan.select(|entry| &*entry.key.id == "2");
    assert_eq!(selected.entries().len(), 2, "what it depends on comes with it");
    let report = world.run().await;
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert_eq!(world.account_of("2").get("userPrincipalName"), Some(&"p1@contoso.com".into()));
    // Two newcomers to one name: neither.
    world.hr.push(person("3").with("login", "same@contoso.com"));
    world.hr.push(person("4").with("login", "SAME@contoso.com"));
    let plan = world.plan().await;
    assert!(has_problem(entry(&plan, "3"), "unique") && has_problem(entry(&plan, "4"), "unique"), "{plan}");
}

#[tokio::test]
async fn two_who_swap_names_are_shown_as_a_circle() {
    let world = World::new([person("1"), person("2")]);
    _ = world.settled_run().await;
    world.hr.set(&ObjectId::user("1"), "login", "p2@contoso.com");
    world.hr.set(&ObjectId::user("2"), "login", "p1@contoso.com");
    let plan = world.plan().await;
    assert!(has_problem(entry(&plan, "1"), "cycle") && has_problem(entry(&plan, "2"), "cycle"), "{plan}");
    assert!(plan.is_converged());
}

#[tokio::test]
async fn what_another_job_owns_is_left_alone() {
    let world = World::new([person("1")]);
    _ = world.settled_run().await;
    let other = Job::builder("other")
        .source(world.hr.clone())
        .target(world.directory.clone())
        .mapping(mapping())
        .policy(Policy::outbound(Preferences::default()))
        .passwords(world.sink.clone())
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("a job");
    world.hr.set(&ObjectId::user("1"), "title", "Chief");
    let plan = other.plan(Run::full()).await.expect("a plan");
    assert!(plan.is_converged(), "{plan}");
    assert_eq!(plan.owned_elsewhere(), 1);
    world.hr.remove(&ObjectId::user("1"));
    let plan = other.plan(Run::full().allow_empty_source()).await.expect("a plan");
    assert!(plan.is_converged(), "{plan}");
}

#[tokio::test]
async fn an_account_that_someone_deleted_is_missing_and_a_new_one_is_pending() {
    let world = World::new([person("1"), person("2")]);
    let job = world.job();
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    let id = world.account_of("1").id;
    world.directory.remove(&id);
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(entry(&plan, "1").situation, Situation::Pending, "too young to be called missing: {plan}");
    world.clock.advance(Duration::from_secs(3600));
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!((entry(&plan, "1").situation, entry(&plan, "1").action), (Situation::Missing, Action::Exception));
    let job = world.job_with(Preferences::default().with_recreate_missing());
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.count(Action::Create, OutcomeKind::Applied), 1, "{report}");
    assert_eq!(world.directory.records().len(), 2);
    assert!(job.plan(Run::full()).await.expect("a plan").is_converged());
}

#[tokio::test]
async fn found_accounts_are_adopted_under_guard() {
    let world = World::new((1..=3).map(|id| person(&id.to_string())));
    world.directory.push(account("a", Some("1")));
    let report = world.job().run(Run::full(), Apply::new().lift(Guard::Adopt)).await.expect("a report");
    assert_eq!(report.count(Action::Link, OutcomeKind::Applied), 1);
    assert_eq!(report.count(Action::Create, OutcomeKind::Applied), 2);
    assert_eq!(world.directory.records().len(), 3);
}
