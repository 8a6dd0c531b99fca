//! Reads that break, and what is not concluded from them.

use entrant::job::{Apply, OutcomeKind, Run, RunStatus};
use entrant::model::{Completeness, ObjectId, Origin};
use entrant::reconcile::{Guard, Plan, Situation};
use entrant::store::{Capabilities, GetSupport, Query, Read};
use entrant::{ErrorKind, Result, Source};
use futures::StreamExt;
use futures::stream::BoxStream;

use super::world::{World, account, entry, has_problem, person};

#[tokio::test]
async fn a_partial_source_takes_nobody_away_and_the_rest_goes_on() {
    let world = World::new((1..=3).map(|id| person(&id.to_string())));
    _ = world.settled_run().await;
    world.hr.remove(&ObjectId::user("1"));
    world.hr.set(&ObjectId::user("2"), "active", false);
    world.hr.push(person("4"));
    world.hr.end_reads(Completeness::Partial { reason: "row 9 is broken".to_owned() });
    let plan = world.plan().await;
    assert!(plan.entries().iter().all(|entry| &*entry.key.id != "1"), "{plan}");
    assert!(plan.to_string().contains("row 9 is broken"), "{plan}");
    let report = world.run().await;
    assert_eq!(report.status, RunStatus::Incomplete);
    assert!(world.is_active("1"), "not seen is not gone");
    assert!(!world.is_active("2"), "positive evidence counts");
    assert!(world.is_active("4"));
}

#[tokio::test]
async fn an_empty_source_is_refused_unless_allowed_by_name() {
    let world = World::new([person("1")]);
    _ = world.settled_run().await;
    world.hr.remove(&ObjectId::user("1"));
    let job = world.job();
    assert_eq!(job.plan(Run::full()).await.expect_err("empty").kind(), ErrorKind::EmptySource);
    let report = job.run(Run::full().allow_empty_source(), Apply::new()).await.expect("a report");
    assert_eq!(report.outcome(OutcomeKind::Applied), 1);
}

#[tokio::test]
async fn a_column_that_no_record_has_makes_the_read_partial() {
    let world = World::new((1..=3).map(|id| person(&id.to_string())));
    _ = world.settled_run().await;
    for id in 1..=3 {
        world.hr.remove(&ObjectId::user(id.to_string()));
    }
    let without_title = |id: u32| {
        let mut record = person(&id.to_string());
        record.attributes.remove("title");
        record
    };
    world.hr.push(without_title(1));
    world.hr.push(without_title(2));
    let plan = world.plan().await;
    assert!(plan.problems().iter().any(|problem| problem.rule == "schema-drift"), "{plan}");
    assert!(plan.is_converged(), "the third is not taken for gone, and no title is cleared: {plan}");
}

#[tokio::test]
async fn nobody_is_created_whom_a_broken_target_list_might_have_held() {
    let world = World::new((1..=3).map(|id| person(&id.to_string())));
    world.directory.push(account("a", Some("1")));
    world.directory.end_reads(Completeness::Partial { reason: "page 3".to_owned() });
    // A store that cannot be asked by value: nobody is created at all.
    let blind = Capabilities::default().with_get(GetSupport::Authoritative);
    let directory = world.directory.clone().with_capabilities(blind);
    let job = world.job();
    let plan = job.plan(Run::full()).await.expect("a plan");
    for id in ["1", "2", "3"] {
        assert!(entry(&plan, id).is_blocked() && has_problem(entry(&plan, id), "target-not-read"), "{plan}");
    }
    // One that can: who is not found is created, who is found is not.
    let sighted = Capabilities::default().with_get(GetSupport::Authoritative).with_find().with_recycle_bin();
    drop(directory.with_capabilities(sighted));
    let report = world.job().run(Run::full(), Apply::new().lift(Guard::Adopt)).await.expect("a report");
    assert_eq!(report.situations[&Situation::Found], 1);
    assert_eq!(world.directory.records().len(), 3);
    assert_eq!(report.status, RunStatus::Incomplete);
}

/// A file of three people, of whom the last row is cut off in the middle.
fn cut_file(rows: &str) -> (tempfile::TempDir, entrant::adapters::CsvSource) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("people.csv");
    std::fs::write(&file, format!("id,login,name,title,active\n{rows}")).expect("a file");
    let source = entrant::adapters::CsvSource::builder(&file).name("hr").build().expect("a source");
    (folder, source)
}

#[tokio::test]
async fn a_row_that_is_cut_off_still_shares_its_id() {
    let world = World::new([]);
    let (_folder, source) = cut_file("1,p1@contoso.com,One,Clerk,True\n2,p2@contoso.com,Two,Clerk,True\n2,p3@con");
    let job = world.builder(entrant::Preferences::default()).source(source).build().expect("a job");
    let plan = job.plan(Run::full()).await.expect("a plan");
    let created: Vec<&str> = plan.entries().iter().filter(|entry| entry.writes()).map(|entry| &*entry.key.id).collect();
    assert_eq!(created, ["1"], "{plan}");
    let shared: Vec<_> = plan.entries().iter().filter(|entry| entry.situation == Situation::Duplicate).collect();
    assert_eq!(shared.len(), 2, "both rows are listed: {plan}");
    assert!(plan.to_string().contains("row 4 of people.csv"), "{plan}");
    // Looked at alone, it is the same.
    let one = job.plan(Run::one("2")).await.expect("a plan");
    assert!(one.is_converged(), "{one}");
    // One that shares with nobody is named, and nothing is concluded from it.
    let (_folder, source) = cut_file("1,p1@contoso.com,One,Clerk,True\n2,p2@con");
    let job = world.builder(entrant::Preferences::default()).source(source).build().expect("a job");
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(plan.situations()[&Situation::Unreadable], 1, "{plan}");
}

/// A store that yields these steps, whatever it is asked for.
#[derive(Debug)]
struct Careless(Vec<Read>);

impl Source for Careless {
    fn name(&self) -> &str {
        "hr"
    }

    fn read(&self, _query: &Query) -> BoxStream<'_, Result<Read>> {
        futures::stream::iter(self.0.iter().cloned().map(Ok)).boxed()
    }
}

/// What is planned for steps that end as if they were all, in a world whose person 1 is linked.
async fn plan_of(step: Read) -> Plan {
    let world = World::new([person("1")]);
    _ = world.settled_run().await;
    let source = Careless(vec![step, Read::complete()]);
    let job = world.builder(entrant::Preferences::default()).source(source).build().expect("a job");
    job.plan(Run::full()).await.expect("a plan")
}

#[tokio::test]
async fn an_object_of_another_class_ends_the_read_and_says_why() {
    let mut group = person("7");
    group.id = ObjectId::group("7");
    let plan = plan_of(Read::Record(group)).await;
    assert!(plan.entries().iter().all(|entry| !entry.writes()), "neither made nor taken for gone: {plan}");
    assert!(plan.to_string().contains("user objects were asked for, and what came is group:7"), "{plan}");
}

#[tokio::test]
async fn whoever_has_no_id_is_nobody_and_nobody_is_gone_for_it() {
    for blank in ["", " "] {
        let mut nameless = person("7");
        nameless.id = ObjectId::user(blank);
        let plan = plan_of(Read::Record(nameless)).await;
        assert_eq!(plan.situations()[&Situation::Unreadable], 1, "{plan}");
        assert!(plan.entries().iter().all(|entry| !entry.writes()), "{plan}");
        assert!(plan.to_string().contains("it has no id"), "{plan}");
    }
}

#[tokio::test]
async fn a_read_with_something_unreadable_is_not_complete_whatever_its_end_says() {
    let torn =
        Read::Unreadable { id: ObjectId::user("9"), origin: Origin::row("people", 9), reason: "torn".to_owned() };
    let plan = plan_of(torn).await;
    assert!(plan.entries().iter().all(|entry| !entry.writes()), "{plan}");
    assert!(plan.to_string().contains("PARTIAL: torn (row 9 of people)"), "{plan}");
}
