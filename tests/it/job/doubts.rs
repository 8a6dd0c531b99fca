//! What comes back from the recycle bin, and creates whose answer never came (semantics, rules 4 and 21).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use entrant::Value;
use entrant::job::{Apply, Job, Run};
use entrant::model::{ObjectId, Record};
use entrant::reconcile::{Action, Leaver, Preferences};

use super::crash::{die, dying_job};
use super::world::{World, account, entry, person};

/// What became of person 1, who left, was deleted for it, and is in the source again as `again` says.
async fn left_and_came_back(again: Record) -> (World, Job) {
    let world = World::new([person("1"), person("2")]);
    let job = world.job_with(Preferences::default().with_source_deleted(Leaver::delete()).with_restore());
    _ = job.run(Run::full(), Apply::new()).await.expect("the run works");
    world.clock.advance(Duration::from_secs(3600));
    world.hr.remove(&ObjectId::user("1"));
    _ = job.run(Run::full(), Apply::new()).await.expect("the run works");
    assert!(!has_account(&world, "1"), "the leaver is deleted");
    world.hr.push(again);
    _ = job.run(Run::full(), Apply::new()).await.expect("the run works");
    (world, job)
}

fn has_account(world: &World, employee: &str) -> bool {
    let id = Value::text(employee);
    world.directory.records().iter().any(|record| record.get("employeeId") == Some(&id))
}

#[tokio::test]
async fn nobody_inactive_is_restored() {
    let (world, job) = left_and_came_back(person("1").with("active", false)).await;
    assert!(!has_account(&world, "1"), "it stays in the recycle bin");
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(entry(&plan, "1").action, Action::Report, "{plan}");
}

#[tokio::test]
async fn a_restore_writes_what_differs() {
    let (world, job) = left_and_came_back(person("1").with("title", "Chief")).await;
    assert_eq!(world.account_of("1").get("jobTitle"), Some(&Value::text("Chief")));
    assert!(job.plan(Run::full()).await.expect("a plan").is_converged());
}

#[tokio::test]
async fn a_create_in_doubt_whose_anchors_disagree_is_an_exception() {
    let world = World::new([person("1"), person("2")]);
    let armed = Arc::new(AtomicBool::new(true));
    let job = dying_job(&world, &armed);
    die(&job).await;
    armed.store(false, Ordering::Relaxed);
    let id = world.account_of("1").id;
    world.directory.set(&id, "userPrincipalName", "other@contoso.com");
    world.clock.advance(Duration::from_secs(300));
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(entry(&plan, "1").action, Action::Exception, "{plan}");
}

#[tokio::test]
async fn an_older_account_is_not_taken_for_what_a_create_in_doubt_made() {
    let world = World::new([person("1"), person("2")]);
    let armed = Arc::new(AtomicBool::new(true));
    let job = dying_job(&world, &armed);
    die(&job).await;
    armed.store(false, Ordering::Relaxed);
    let id = world.account_of("1").id;
    world.directory.remove(&id);
    world.directory.push(account("old", Some("1")));
    world.clock.advance(Duration::from_secs(300));
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(entry(&plan, "1").action, Action::Exception, "{plan}");
}
