//! Dates on their way from a file to a tenant.

use entrant::job::{Apply, OutcomeKind, Run, RunStatus};
use entrant::store::{MemoryState, MemoryStore};
use entrant::{Job, Mapping, Policy, Preferences, Record};
use serde_json::{Value, json};

use crate::flow_org::{World, person};
use crate::job::org::problems;

fn mapping() -> Mapping {
    crate::flow_org::users()
}

fn job(world: &World, entra: entrant::adapters::Entra, people: &[Record], mapping: Mapping) -> Job {
    Job::builder("staff")
        .source(MemoryStore::new("hr").with_records(people.to_vec()))
        .target(entra)
        .mapping(mapping)
        .policy(Policy::outbound(Preferences::default()))
        .passwords(world.sink.clone())
        .state(MemoryState::new().with_clock(world.clock.clone()))
        .clock(world.clock.clone())
        .build()
        .expect("a job")
}

fn hired(world: &World, id: &str) -> Value {
    let user = world.sim.users().into_iter().find(|user| user["employeeId"] == json!(id)).expect("an account");
    user["employeeHireDate"].clone()
}

/// Graph takes moments; a date alone would fail with all that is written beside it.
#[tokio::test]
async fn a_date_that_is_no_moment_is_left_out_and_the_plan_says_what_would_be_right() {
    let people = [
        person("1").with("hired", "2013-01-01"),
        person("2").with("hired", "2013-01-01T00:00:00Z"),
        person("3").with("hired", "soon"),
    ];
    let world = World::new([], |builder| builder);
    let job = job(&world, world.entra().await, &people, mapping().attribute("employeeHireDate", "hired"));
    let plan = job.plan(Run::full()).await.expect("a plan");
    let said = problems(&plan, "1").join("; ");
    assert!(said.contains("2013-01-01 is no moment") && said.contains("CDate"), "{said}");
    assert!(problems(&plan, "3").join("; ").contains("soon is no moment"), "{plan}");
    assert!(problems(&plan, "2").is_empty(), "{plan}");
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(report.outcome(OutcomeKind::Applied), 3, "{report}");
    assert_eq!(
        ["1", "2", "3"].map(|id| hired(&world, id)),
        [Value::Null, json!("2013-01-01T00:00:00Z"), Value::Null],
        "{report}"
    );
}

/// What the plan advises.
#[tokio::test]
async fn a_date_becomes_a_moment_by_an_expression_and_is_then_the_same() {
    let people = [person("1").with("hired", "2013-01-01")];
    let world = World::new([], |builder| builder);
    let mapping = mapping().expression("employeeHireDate", "CDate([hired])").expect("an expression");
    let job = job(&world, world.entra().await, &people, mapping);
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert_eq!(hired(&world, "1"), json!("2013-01-01T00:00:00Z"));
    world.clock.advance(std::time::Duration::from_secs(3600));
    assert!(job.plan(Run::full()).await.expect("a plan").is_converged());
}
