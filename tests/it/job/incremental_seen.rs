//! Incremental runs between stores that tell no changes: what was seen is compared with what is there.

use std::time::Duration;

use entrant::Value;
use entrant::job::{Apply, Run};
use entrant::reconcile::{Action, Situation};
use entrant::store::Capabilities;

use super::incremental::{Feeds, looked_at, user, why_full};
use super::tracked::Manners;
use super::world::person;

#[tokio::test]
async fn a_source_without_cursors_is_compared_with_what_was_seen() {
    let feeds = Feeds::new(["1", "2", "3"].map(person));
    feeds.hr.behaves(Manners { silent: true, ..Manners::default() });
    let world = &feeds.world;
    _ = world.hr.clone().with_capabilities(Capabilities::default());
    let job = feeds.job();
    _ = feeds.run(&job, Run::full()).await;
    let plan = feeds.plan(&job).await;
    assert!(why_full(&plan).is_some(), "nobody asked for incremental runs before: {plan}");
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    world.clock.advance(Duration::from_secs(3600));
    _ = feeds.run(&job, Run::incremental()).await;
    feeds.clear();
    let plan = feeds.plan(&job).await;
    assert_eq!((why_full(&plan), looked_at(&plan)), (None, 0), "{plan}");
    assert_eq!((feeds.hr.reads(), feeds.directory.reads()), (vec!["whole"], vec!["changes"]));

    world.hr.set(&user("2"), "title", "Chief");
    world.hr.set(&user("3"), "shoe size", "44");
    world.hr.push(person("4"));
    world.directory.set(&world.account_of("3").id, "jobTitle", "Emperor");
    let plan = feeds.plan(&job).await;
    assert_eq!(looked_at(&plan), 3, "what is not mapped is no change: {plan}");
    assert_eq!((plan.count(Action::Create), plan.count(Action::Update)), (1, 2), "{plan}");
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    _ = feeds.run(&job, Run::incremental()).await;

    // Who is absent is left to the full run.
    world.hr.remove(&user("2"));
    let plan = feeds.plan(&job).await;
    assert_eq!(looked_at(&plan), 0, "{plan}");
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(job.plan(Run::full()).await.expect("a plan").count(Action::Disable), 1);
    // Who comes back is new.
    world.hr.push(person("2").with("title", "Chief"));
    assert_eq!(looked_at(&feeds.plan(&job).await), 1);

    // A second record of an id that looked as before is not taken for the person.
    world.hr.push(person("3").with("title", "Impostor"));
    let plan = feeds.plan(&job).await;
    assert!(why_full(&plan).is_some_and(|why| why.contains("share the id 3")), "{plan}");
    assert_eq!(plan.situations().get(&Situation::Duplicate), Some(&2), "{plan}");
}

#[tokio::test]
async fn a_source_that_changed_between_plan_and_apply_is_compared_with_what_was_seen_before() {
    let feeds = Feeds::new(["1", "2", "3"].map(person));
    feeds.hr.behaves(Manners { silent: true, ..Manners::default() });
    let job = feeds.job();
    let plan = feeds.plan(&job).await;
    feeds.world.hr.set(&user("1"), "title", "Chief");
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    assert!(why_full(&feeds.plan(&job).await).is_some(), "what was seen is not what is there");
    _ = feeds.run(&job, Run::incremental()).await;
    feeds.world.hr.set(&user("2"), "title", "Chief");
    let plan = feeds.plan(&job).await;
    feeds.world.hr.set(&user("3"), "title", "Chief");
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    _ = feeds.run(&job, Run::incremental()).await;
    for id in ["1", "2", "3"] {
        assert_eq!(feeds.world.account_of(id).get("jobTitle"), Some(&Value::text("Chief")), "{id}");
    }
}

#[tokio::test]
async fn a_target_without_cursors_is_taken_as_the_job_left_it_and_the_plan_says_so() {
    let feeds = Feeds::new(["1", "2", "3"].map(person));
    feeds.directory.behaves(Manners { silent: true, ..Manners::default() });
    let job = feeds.job();
    _ = feeds.run(&job, Run::full()).await;
    feeds.world.directory.set(&feeds.world.account_of("1").id, "jobTitle", "Emperor");
    feeds.world.hr.set(&user("2"), "title", "Chief");
    let plan = feeds.plan(&job).await;
    assert_eq!((why_full(&plan), looked_at(&plan)), (None, 1), "{plan}");
    assert!(plan.problems().iter().any(|problem| problem.rule == "target-changes-unseen"), "{plan}");
}
