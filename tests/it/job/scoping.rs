//! Entra's own scoping filters in a job: who is a leaver, who is left alone, who is a question.

use entrant::job::{Apply, OutcomeKind, Run};
use entrant::mapping::{Mapping, ScopingFilter};
use entrant::model::{ObjectId, eq, present};
use entrant::reconcile::{Action, Leaver, Plan, Policy, Preferences, Situation};
use entrant::{Job, Value};
use serde_json::json;

use super::world::{World, entry, has_problem, mapping, person};

/// Who is of the unit `in` belongs; units `raw` and `other` are dropped by the other two sets.
pub(super) fn filter() -> ScopingFilter {
    let clause = |operator: &str, value: &str| {
        json!([{"clauses": [
            {"sourceOperandName": "unit", "operatorName": operator, "targetOperand": {"values": [value]}}
        ]}])
    };
    let filter = json!({
        "groups": clause("REGEX MATCH", "^(in|raw|other)"),
        "inputFilterGroups": clause("NOT EQUALS", "raw"),
        "categoryFilterGroups": clause("NOT EQUALS", "other"),
    });
    ScopingFilter::from_json(&filter.to_string()).expect("a filter")
}

fn scoped() -> Mapping {
    mapping().scoping(filter())
}

fn world(count: usize) -> World {
    World::new((1..=count).map(|id| person(&id.to_string()).with("unit", "in")))
}

async fn plan(job: &Job) -> Plan {
    job.plan(Run::full()).await.expect("a plan")
}

async fn settled(world: &World) {
    _ = world.scoped_job(scoped()).run(Run::full(), Apply::new()).await.expect("a run");
    world.clock.advance(std::time::Duration::from_secs(3600));
}

#[tokio::test]
async fn each_set_of_the_filter_has_its_own_effect() {
    let world = world(5);
    settled(&world).await;
    world.hr.set(&ObjectId::user("1"), "unit", "out");
    world.hr.set(&ObjectId::user("2"), "unit", "raw");
    world.hr.set(&ObjectId::user("3"), "unit", "other");
    world.hr.set(&ObjectId::user("4"), "unit", Value::list(["in".into(), "out".into()]));
    for id in ["2", "3", "4"] {
        world.hr.set(&ObjectId::user(id), "title", "Chief");
        world.hr.set(&ObjectId::user(id), "active", false);
    }
    let job = world.scoped_job(scoped());
    let plan = plan(&job).await;
    assert_eq!((entry(&plan, "1").situation, entry(&plan, "1").action), (Situation::Unqualified, Action::Disable));
    let unknown = entry(&plan, "4");
    assert_eq!((unknown.situation, unknown.action), (Situation::Unreadable, Action::Exception));
    assert!(has_problem(unknown, "scope"), "{plan}");
    assert_eq!(plan.entries().len(), 2, "who is left alone is only counted: {plan}");
    assert_eq!(plan.situations()[&Situation::SourceIgnored], 2);
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    let active: Vec<bool> = ["1", "2", "3", "4", "5"].iter().map(|id| world.is_active(id)).collect();
    assert_eq!(active, [false, true, true, true, true]);
    assert_eq!(world.account_of("4").get("jobTitle"), Some(&"Clerk".into()));
}

#[tokio::test]
async fn nobody_out_of_scope_is_created_and_one_run_for_one_object_goes_by_the_scope_too() {
    let world = world(1);
    world.hr.push(person("2").with("unit", "out"));
    world.hr.push(person("3").with("unit", "raw"));
    settled(&world).await;
    assert_eq!(world.directory.records().len(), 1);
    world.hr.set(&ObjectId::user("1"), "unit", "raw");
    let job = world.scoped_job(scoped());
    let one = job.plan(Run::one("1")).await.expect("a plan");
    assert!(one.is_converged(), "{one}");
    world.hr.set(&ObjectId::user("1"), "unit", "out");
    let one = job.plan(Run::one("1")).await.expect("a plan");
    assert_eq!(entry(&one, "1").action, Action::Disable);
}

#[tokio::test]
async fn both_scopes_must_hold_and_each_is_part_of_the_fingerprint() {
    let world = world(2);
    world.hr.set(&ObjectId::user("2"), "id", "");
    let job = world.scoped_job(scoped().scope(present("id")));
    let plan = plan(&job).await;
    assert_eq!(plan.count(Action::Create), 1, "{plan}");
    let other = world.scoped_job(scoped());
    let stale = other.apply(&plan, Apply::new()).await.expect_err("another mapping");
    assert_eq!(stale.kind(), entrant::ErrorKind::Stale);
    let one = r#"{"groups": [{"clauses": [{"sourceOperandName": "unit", "operatorName": "IS NOT NULL"}]}]}"#;
    let one = world.scoped_job(mapping().scoping(ScopingFilter::from_json(one).expect("a filter")));
    let error = one.apply(&other.plan(Run::full()).await.expect("a plan"), Apply::new()).await;
    assert_eq!(error.expect_err("another filter").kind(), entrant::ErrorKind::Stale);
}

#[tokio::test]
async fn an_attribute_of_the_filter_that_no_record_has_removes_nobody() {
    let world = world(4);
    settled(&world).await;
    let without = (1..=4).map(|id| person(&id.to_string()).with("Unit", "in"));
    let renamed = World { hr: entrant::store::MemoryStore::new("hr").with_records(without), ..world };
    let plan = plan(&renamed.scoped_job(scoped())).await;
    assert!(plan.is_converged(), "{plan}");
    assert!(plan.problems().iter().any(|problem| problem.rule == "schema-drift" && problem.message.contains("unit")));
}

#[tokio::test]
async fn who_is_left_alone_since_the_plan_was_made_keeps_the_account() {
    for now in ["raw", "other", "in"] {
        let world = world(4);
        settled(&world).await;
        world.hr.set(&ObjectId::user("1"), "unit", "out");
        world.hr.set(&ObjectId::user("2"), "active", false);
        let job = world.scoped_job(scoped());
        let plan = plan(&job).await;
        assert_eq!(plan.count(Action::Disable), 2, "{plan}");
        world.hr.set(&ObjectId::user("1"), "unit", now);
        world.hr.set(&ObjectId::user("2"), "unit", if now == "in" { "raw" } else { now });
        let report = job.apply(&plan, Apply::new()).await.expect("a report");
        assert_eq!(report.outcome(OutcomeKind::Stale), 2, "{now}: {report:?}");
        assert!(world.is_active("1") && world.is_active("2"), "{now}");
    }
}

/// A list that broke off does not say that nobody is in it.
#[tokio::test]
async fn who_is_chosen_by_what_was_not_read_whole_is_a_question() {
    let scoped = || mapping().scope(eq("tags", "staff"));
    let tagged = |id: &str, tag: &'static str| person(id).with("tags", Value::list([tag.into()]));
    let world = World::new(["1", "2", "3", "4"].map(|id| tagged(id, "staff")));
    let preferences = Preferences::default().with_left_scope(Leaver::delete());
    let job = world.job_of(scoped(), Policy::outbound(preferences));
    _ = job.run(Run::full(), Apply::new()).await.expect("a run");
    world.clock.advance(std::time::Duration::from_secs(3600));
    let becomes = |record: entrant::Record| {
        world.hr.remove(&record.id);
        world.hr.push(record);
    };
    becomes(person("1").with("tags", Value::list([])).with_partial("tags", "the list broke off"));
    let cut = plan(&job).await;
    assert_eq!((entry(&cut, "1").situation, entry(&cut, "1").action), (Situation::Unreadable, Action::Exception));
    assert!(has_problem(entry(&cut, "1"), "scope"), "{cut}");

    // Nor does one that breaks off when it is looked at again.
    becomes(tagged("1", "guest"));
    let plan = plan(&job).await;
    assert_eq!(entry(&plan, "1").action, Action::Delete, "{plan}");
    becomes(person("1").with("tags", Value::list([])).with_partial("tags", "the list broke off"));
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(report.outcome(OutcomeKind::Stale), 1, "{report}");
    assert!(world.is_active("1"));
}

#[tokio::test]
async fn a_run_may_be_narrowed_down_by_an_attribute_that_is_not_mapped() {
    let world = world(3);
    world.hr.set(&ObjectId::user("2"), "floor", "7");
    let plan = world.job().plan(Run::full().filter(eq("floor", "7"))).await.expect("a plan");
    assert_eq!(plan.count(Action::Create), 1, "{plan}");
    assert_eq!(entry(&plan, "2").action, Action::Create);
}
