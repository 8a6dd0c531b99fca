//! What comes back from the recycle bin, and creates whose answer never came (semantics, rules 4 and 21).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use entrant::Value;
use entrant::job::{Apply, Run};
use entrant::model::ObjectId;
use entrant::reconcile::{Action, Leaver, Preferences};

use super::crash::{die, dying_job};
use super::world::{World, account, entry, person};

#[tokio::test]
async fn nobody_inactive_is_active_after_a_restore() {
    let world = World::new([person("1"), person("2")]);
    let job = world.job_with(Preferences::default().with_source_deleted(Leaver::delete()).with_restore());
    job.run(Run::full(), Apply::new()).await.expect("the run works");
    world.clock.advance(Duration::from_secs(3600));
    world.hr.remove(&ObjectId::user("1"));
    job.run(Run::full(), Apply::new()).await.expect("the run works");
    world.hr.push(person("1").with("active", false));
    job.run(Run::full(), Apply::new()).await.expect("the run works");
    let back = world.directory.records().into_iter().any(|record| record.get("employeeId") == Some(&Value::text("1")));
    assert!(!back || !world.is_active("1"), "restored, and active");
}

#[tokio::test]
async fn a_restore_writes_what_differs() {
    let world = World::new([person("1"), person("2")]);
    let job = world.job_with(Preferences::default().with_source_deleted(Leaver::delete()).with_restore());
    job.run(Run::full(), Apply::new()).await.expect("the run works");
    world.clock.advance(Duration::from_secs(3600));
    world.hr.remove(&ObjectId::user("1"));
    job.run(Run::full(), Apply::new()).await.expect("the run works");
    world.hr.push(person("1").with("title", "Chief"));
    job.run(Run::full(), Apply::new()).await.expect("the run works");
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
