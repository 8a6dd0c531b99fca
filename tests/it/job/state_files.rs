//! State files that earlier versions wrote: read, taken up, brought up to date.

use std::path::{Path, PathBuf};
use std::time::Duration;

use entrant::adapters::RedbState;
use entrant::job::{Apply, Run, RunStatus};
use entrant::reconcile::{Policy, Preferences};
use entrant::store::{Batch, State, Table};
use entrant::{ErrorKind, Job};
use futures::TryStreamExt;
use redb::ReadableDatabase;

use super::org::{Org, group, groups, no_guards, person, texts, users};
use super::spy::{Death, Spy};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/state").join(name)
}

fn job(org: &Org, spy: &Spy, state: impl State) -> Job {
    Job::builder("staff")
        .source(org.hr.clone())
        .target(spy.clone())
        .mapping(users())
        .mapping(groups())
        .policy(Policy::outbound(Preferences::default()))
        .guards(no_guards())
        .state(state)
        .clock(org.clock.clone())
        .build()
        .expect("the job is sound")
}

/// What happened while a sample was written: people came, one left, and the program died while it made another.
async fn history(state: impl State) -> Org {
    let people = (1..=3).map(|id| person(&id.to_string()).with("sku", texts(&["E3"])));
    let org = Org::new(people.chain([group("a", &["1", "2"])]));
    let spy = Spy::new(&org.directory);
    let job = job(&org, &spy, state);
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    org.clock.advance(Duration::from_secs(3600));
    org.set("3", "active", false);
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    org.clock.advance(Duration::from_secs(3600));
    org.hr.push(person("4"));
    spy.dies(Some(Death::After(1)));
    let cut = tokio::time::timeout(Duration::from_secs(1), job.run(Run::full(), Apply::new())).await;
    assert!(cut.is_err(), "the run was to be cut off");
    org.clock.advance(Duration::from_secs(600));
    org
}

/// Writes a sample with the version at hand, for later ones to read.
#[tokio::test]
#[ignore = "writes a sample"]
async fn write_a_sample() {
    let path = sample("new.redb");
    let _ = std::fs::remove_file(&path);
    let state = RedbState::open(&path).expect("a new file");
    let clock = entrant::clock::ManualClock::at(time::macros::datetime!(2026-01-05 08:00 UTC));
    history(state.with_clock(clock)).await;
}

/// A file of the first format is taken up: what it remembers is so, what it left in doubt is looked up, and it is of the
/// new format then.
#[tokio::test]
async fn a_file_of_the_first_format_is_brought_up_to_date() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.redb");
    std::fs::copy(sample("format-1.redb"), &path).expect("a copy");
    // The same happens again beside a state in memory, for the stores to be as they were.
    let org = history(entrant::store::MemoryState::new()).await;
    let spy = Spy::new(&org.directory);
    let state = RedbState::open(&path).expect("a good file").with_clock(org.clock.clone());
    for table in Table::ALL {
        let rows: Vec<_> = state.scan(*table, b"").try_collect().await.expect("each table is there");
        let has_rows =
            matches!(table, Table::LinkSets | Table::Links | Table::Journal | Table::Removals | Table::Given);
        assert_eq!(!rows.is_empty(), has_rows, "{table:?}");
    }
    let job = job(&org, &spy, state);
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(plan.entries().len(), 1, "{plan}");
    assert!(plan.entries()[0].recovers(), "what the dead run made is its own: {plan}");
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert_eq!(org.directory.records().iter().filter(|own| own.get("employeeId") == Some(&"4".into())).count(), 1);
    assert!(job.plan(Run::full()).await.expect("a plan").is_converged());
    // It was this job that switched 3 off, so it comes back.
    org.set("3", "active", true);
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(org.find("3").get("active"), Some(&true.into()));
    drop(job);
    let state = RedbState::open(&path).expect("a file of the new format");
    assert!(state.get(Table::Quarantine, b"x").await.expect("works").is_none());
    // Each link is found from either end, by the store at the other.
    let links: Vec<(Vec<u8>, Vec<u8>)> = state.scan(Table::Links, b"").try_collect().await.expect("they are read");
    let parts = |key: &[u8]| serde_json::from_slice::<Vec<String>>(key).expect("a list of text").len();
    assert!(links.len() >= 8 && links.iter().all(|(key, _)| parts(key) == 6));
}

/// A file of a later format stays as it is, and the error says what to do.
#[tokio::test]
async fn a_file_of_a_later_format_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.redb");
    drop(RedbState::open(&path).expect("a new file"));
    let database = redb::Database::open(&path).expect("a database");
    let write = database.begin_write().expect("a transaction");
    let version = redb::TableDefinition::<&str, u64>::new("entrant");
    write.open_table(version).expect("the table").insert("version", 1_000).expect("written");
    write.commit().expect("committed");
    drop(database);
    let error = RedbState::open(&path).expect_err("too new");
    assert_eq!(error.kind(), ErrorKind::Store);
    for text in ["newer version", "format=1000", "state.redb"] {
        assert!(error.to_string().contains(text), "{text}: {error}");
    }
    let database = redb::Database::open(&path).expect("a database");
    let read = database.begin_read().expect("a transaction");
    let stays =
        read.open_table(version).expect("the table").get("version").expect("read").map(|version| version.value());
    assert_eq!(stays, Some(1_000), "it stays as it was");
}

/// A file that once held far more can be made small again, and holds what it held.
#[tokio::test]
async fn a_file_can_be_made_small() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.redb");
    let size = || std::fs::metadata(&path).expect("it is there").len();
    assert_eq!(RedbState::compact(&path).expect_err("not there").kind(), ErrorKind::Store);
    assert!(!path.exists(), "nothing is made");
    {
        let state = RedbState::open(&path).expect("a new file");
        let lease = state.lease("x", Duration::from_secs(60)).await.expect("works").expect("free");
        let key = |number: u32| number.to_be_bytes().to_vec();
        let (mut full, mut empty) = (Batch::new(), Batch::new());
        for number in 0..20_000 {
            full.put(Table::Journal, key(number), "x".repeat(200));
            if number > 0 {
                empty.remove(Table::Journal, key(number));
            }
        }
        state.commit(&lease, full).await.expect("written");
        state.commit(&lease, empty).await.expect("written");
    }
    let before = size();
    RedbState::compact(&path).expect("compacted");
    assert!(size() < before / 4, "{} of {before}", size());
    let state = RedbState::open(&path).expect("a good file");
    assert_eq!(
        state.get(Table::Journal, &0_u32.to_be_bytes()).await.expect("works"),
        Some("x".repeat(200).into_bytes())
    );
    let lease = state.lease("x", Duration::ZERO).await.expect("works");
    assert!(lease.is_none(), "leases too: it is held still");
}
