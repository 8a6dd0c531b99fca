//! Sources in which nothing at all is found, which prove nothing of anybody.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use entrant::adapters::{CsvSource, CsvTarget, JsonlTarget};
use entrant::job::{Apply, OutcomeKind, Run};
use entrant::mapping::Mapping;
use entrant::model::{AttributeSchema, Class, Completeness, ObjectId, Schema};
use entrant::reconcile::{Action, Evidence, Leaver, Plan, Policy, Preferences};
use entrant::store::{Capabilities, GetSupport, MemoryStore};
use entrant::{ErrorKind, Job, Record, Source};

use super::incremental::{Feeds, user, why_full};
use super::tracked::{Manners, Tracked};
use super::world::{World, mapping, person, schema};

/// Whoever leaves is deleted, so that nothing is lost quietly.
fn strict() -> Preferences {
    Preferences::default().with_source_deleted(Leaver::delete())
}

fn refused(plan: entrant::Result<Plan>) -> ErrorKind {
    plan.expect_err("nothing at all is there").kind()
}

/// The evidence for what is taken away.
fn deletes(plan: &Plan) -> Vec<Option<&Evidence>> {
    let gone = plan.entries().iter().filter(|entry| entry.action == Action::Delete);
    gone.map(|entry| entry.evidence.as_ref()).collect()
}

const HEADER: &str = "id,login,name,title,active\n";

/// A file of people, as a source in each of the ways in which it can be one.
struct Files {
    world: World,
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        Self { world: World::new([]), folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("people")
    }

    fn write(&self, rows: impl IntoIterator<Item = u32>, is_csv: bool) {
        let mut text = if is_csv { HEADER.to_owned() } else { String::new() };
        for id in rows {
            text += &if is_csv {
                format!("{id},p{id}@contoso.com,Person {id},Clerk,true\n")
            } else {
                let (login, name) = (format!("p{id}@contoso.com"), format!("Person {id}"));
                format!(r#"{{"id":"{id}","login":"{login}","name":"{name}","title":"Clerk","active":true}}"#) + "\n"
            };
        }
        fs::write(self.path(), text).expect("a file");
    }

    fn job(&self, source: impl Source, directory: &Tracked) -> Job {
        let builder = self.world.builder(strict()).source(source).target(directory.clone());
        builder.build().expect("the job is sound")
    }
}

fn csv_table(path: &Path) -> CsvTarget {
    let text = AttributeSchema::text;
    let table = CsvTarget::builder(path).key("id").attribute("login", text()).attribute("name", text());
    table.attribute("title", text()).status("active").build().expect("a table")
}

fn jsonl_table(path: &Path) -> JsonlTarget {
    let text = AttributeSchema::text;
    let table = JsonlTarget::builder(path).key("id").attribute("login", text()).attribute("name", text());
    table.attribute("title", text()).status("active").build().expect("a table")
}

#[tokio::test]
async fn a_file_that_is_missing_or_empty_takes_nobody_away_in_any_run() {
    for (what, is_csv, left) in [
        ("a table that is missing", true, None),
        ("an empty table", true, Some("")),
        ("a table that has its header only", true, Some(HEADER)),
        ("lines that are missing", false, None),
        ("no lines", false, Some("")),
        ("an export that has its header only", true, Some(HEADER)),
    ] {
        let files = Files::new();
        files.write(1..=9, is_csv);
        let world = &files.world;
        let directory = Tracked::new(&world.directory);
        let job = match what {
            "an export that has its header only" => {
                files.job(CsvSource::builder(files.path()).key("id").build().expect("a source"), &directory)
            }
            _ if is_csv => files.job(csv_table(&files.path()), &directory),
            _ => files.job(jsonl_table(&files.path()), &directory),
        };
        for _ in 0..3 {
            _ = job.run(Run::incremental(), Apply::new()).await.expect("a report");
            world.clock.advance(Duration::from_secs(3600));
        }
        files.write(2..=9, is_csv);
        let of_one = job.plan(Run::one("1")).await.expect("a plan");
        assert_eq!(deletes(&of_one), [Some(&Evidence::NotFoundById)], "{what}: {of_one}");
        let of_all = job.plan(Run::full()).await.expect("a plan");
        assert_eq!(deletes(&of_all).len(), 1, "{what}: {of_all}");

        match left {
            None => fs::remove_file(files.path()).expect("it was there"),
            Some(text) => fs::write(files.path(), text).expect("a file"),
        }
        let empty = ErrorKind::EmptySource;
        assert_eq!(refused(job.plan(Run::full()).await), empty, "{what}");
        assert_eq!(refused(job.plan(Run::one("1")).await), empty, "{what}");
        assert_eq!(refused(job.plan(Run::incremental()).await), empty, "{what}, and nothing else changed");
        for id in ["1", "2", "3"] {
            assert!(world.directory.set(&world.account_of(id).id, "jobTitle", "Emperor"));
        }
        assert_eq!(refused(job.plan(Run::incremental()).await), empty, "{what}");
        // Nor is what was planned before borne out.
        for plan in [&of_one, &of_all] {
            let report = job.apply(plan, Apply::new()).await.expect("a report");
            assert_eq!(report.outcome(OutcomeKind::Stale), 1, "{what}: {report}");
        }
        assert_eq!(world.directory.records().len(), 9, "{what}");

        files.write(2..=9, is_csv);
        let report = job.apply(&of_one, Apply::new()).await.expect("a report");
        assert_eq!(report.outcome(OutcomeKind::Applied), 1, "{what}: {report}");
        let plan = job.plan(Run::incremental()).await.expect("a plan");
        assert_eq!((why_full(&plan), plan.count(Action::Update)), (None, 2), "{what}: {plan}");
    }
}

#[tokio::test]
async fn a_store_that_finds_nobody_at_all_is_believed_by_name_only() {
    for manners in [Manners { forgets: true, ..Manners::default() }, Manners { silent: true, ..Manners::default() }] {
        let feeds = Feeds::new(["1", "2", "3"].map(person));
        feeds.hr.behaves(manners);
        let (job, world) = (feeds.job_with(strict()), &feeds.world);
        for _ in 0..3 {
            _ = feeds.run(&job, Run::incremental()).await;
            world.clock.advance(Duration::from_secs(3600));
        }
        let people = world.hr.records();
        for record in &people {
            world.hr.remove(&record.id);
        }
        assert!(world.directory.set(&world.account_of("2").id, "jobTitle", "Emperor"));
        for run in [Run::incremental(), Run::one("2")] {
            assert_eq!(refused(job.plan(run.clone()).await), ErrorKind::EmptySource, "{run:?} {manners:?}");
            let plan = job.plan(run.allow_empty_source()).await.expect("a plan");
            assert_eq!(deletes(&plan), [Some(&Evidence::NotFoundById)], "{plan}");
        }
        // A store that cannot be read either says nothing.
        world.hr.end_reads(Completeness::Partial { reason: "the connection was closed".to_owned() });
        assert_eq!(refused(job.plan(Run::one("2")).await), ErrorKind::Store, "{manners:?}");
        let plan = job.plan(Run::incremental()).await.expect("a plan");
        assert!(plan.entries().is_empty() && plan.to_string().contains("the connection was closed"), "{plan}");
        world.hr.end_reads(Completeness::Complete);
        // One who is there is enough, whoever he is.
        world.hr.push(person("9"));
        let plan = job.plan(Run::one("2")).await.expect("a plan");
        assert_eq!(deletes(&plan), [Some(&Evidence::NotFoundById)], "{plan}");
        world.hr.remove(&user("9"));
        // What was allowed when it was planned is allowed still.
        let report = job.run(Run::incremental().allow_empty_source(), Apply::new()).await.expect("a report");
        assert_eq!((report.outcome(OutcomeKind::Applied), world.directory.records().len()), (1, 2), "{report}");
        let report = job.run(Run::full().allow_empty_source(), Apply::new()).await.expect("a report");
        assert_eq!((report.outcome(OutcomeKind::Applied), world.directory.records().len()), (2, 0), "{report}");
    }
}

#[tokio::test]
async fn a_store_that_names_who_was_deleted_is_believed_to_its_last() {
    let feeds = Feeds::settled().await;
    let (job, world) = (feeds.job_with(strict()), &feeds.world);
    _ = feeds.run(&job, Run::full()).await;
    for id in ["1", "2", "3"] {
        world.hr.remove(&user(id));
    }
    let report = feeds.run(&job, Run::incremental()).await;
    assert_eq!((report.outcome(OutcomeKind::Applied), world.directory.records().len()), (3, 0), "{report}");
}

#[tokio::test]
async fn nothing_is_taken_away_by_a_plan_once_the_source_holds_nobody() {
    for get in [GetSupport::Authoritative, GetSupport::Found, GetSupport::Unsupported] {
        let mut world = World::new(["1", "2", "3"].map(person));
        world.hr = world.hr.with_capabilities(Capabilities::default().with_get(get));
        _ = world.settled_run().await;
        world.hr.remove(&user("1"));
        let plan = world.plan().await;
        assert_eq!(plan.count(Action::Disable), 1, "{plan}");
        world.hr.remove(&user("2"));
        world.hr.remove(&user("3"));
        let report = world.job().apply(&plan, Apply::new()).await.expect("a report");
        assert_eq!(report.outcome(OutcomeKind::Stale), 1, "{get:?}: {report}");
        assert!(world.is_active("1"), "{get:?}");
        world.hr.push(person("3"));
        let report = world.job().apply(&plan, Apply::new()).await.expect("a report");
        assert_eq!(report.outcome(OutcomeKind::Applied), 1, "{get:?}: {report}");
    }
}

fn group(id: &str) -> ObjectId {
    ObjectId::new(Class::GROUP, id)
}

fn job_with_groups(world: &World, hr: &MemoryStore) -> Job {
    let groups = Schema::new(Class::GROUP).with("displayName", AttributeSchema::text());
    let directory = MemoryStore::new("directory").with_schema(schema()).with_schema(groups);
    let builder = Job::builder("staff").source(hr.clone()).target(directory.with_clock(world.clock.clone()));
    let builder = builder.mapping(mapping()).mapping(Mapping::groups().attribute("displayName", "name"));
    let builder = builder.policy(Policy::outbound(Preferences::default())).passwords(world.sink.clone());
    builder.state(world.state.clone()).clock(world.clock.clone()).build().expect("the job is sound")
}

#[tokio::test]
async fn a_class_of_which_nothing_is_read_matters_only_if_somebody_would_be_taken_for_gone() {
    for manners in [None, Some("no cursors")] {
        let world = World::new(["1", "2"].map(person));
        let hr = if manners.is_some() { world.hr.clone().without_changes() } else { world.hr.clone() };
        let job = job_with_groups(&world, &hr);
        // Without a group nobody is gone.
        for run in [Run::full(), Run::incremental(), Run::incremental(), Run::incremental()] {
            let report = job.run(run, Apply::new()).await.expect("a report");
            assert_eq!(report.outcome(OutcomeKind::Failed), 0, "{report}");
            world.clock.advance(Duration::from_secs(3600));
        }
        assert!(job.plan(Run::one("nobody")).await.expect("a plan").entries().is_empty());

        hr.push(Record::new(group("g")).with("name", "Sales"));
        _ = job.run(Run::full(), Apply::new()).await.expect("a report");
        world.clock.advance(Duration::from_secs(3600));
        _ = job.run(Run::incremental(), Apply::new()).await.expect("a report");
        hr.remove(&group("g"));
        assert_eq!(refused(job.plan(Run::full()).await), ErrorKind::EmptySource, "a group was linked");
        hr.push(Record::new(group("g")).with("name", "Sales"));
        for id in ["1", "2"] {
            hr.remove(&user(id));
        }
        assert_eq!(refused(job.plan(Run::full()).await), ErrorKind::EmptySource, "people were linked");
        hr.remove(&group("g"));
        assert_eq!(refused(job.plan(Run::full()).await), ErrorKind::EmptySource, "nothing at all is there");
        assert!(job.plan(Run::full().allow_empty_source()).await.is_ok());
    }
}

#[tokio::test]
async fn a_source_without_anything_is_refused_from_the_first_run_on() {
    let world = World::new([]);
    let job = job_with_groups(&world, &world.hr);
    assert_eq!(refused(job.plan(Run::full()).await), ErrorKind::EmptySource);
    world.hr.push(Record::new(group("g")).with("name", "Sales"));
    assert_eq!(job.plan(Run::full()).await.expect("a plan").count(Action::Create), 1);
}
