//! Disks that are full, and files that cannot be written.

use std::collections::BTreeSet;
use std::process::Command;

use entrant::ErrorKind;
use entrant::adapters::RedbState;
use entrant::job::{Apply, Run, RunStatus};
use entrant::reconcile::Preferences;
use entrant::store::{State, Table};
use futures::TryStreamExt;

use super::world::{World, person};

const STATE: &str = "ENTRANT_TEST_STATE";
const PEOPLE: usize = 2_000;

fn world() -> World {
    World::new((0..PEOPLE).map(|id| person(&id.to_string())))
}

/// A run in a process whose files cannot grow beyond some blocks.
#[tokio::test]
#[ignore = "a child of another test"]
async fn a_run_on_a_full_disk() {
    let path = std::env::var(STATE).expect("only started by another test");
    let world = world();
    let state = RedbState::open(path).expect("the state");
    let job = world.builder(Preferences::default()).state(state).build().expect("the job is sound");
    let error = job.run(Run::full(), Apply::new()).await.expect_err("the disk is full");
    println!("ENDED {:?} {}", error.kind(), error.to_chain());
    for account in world.directory.records() {
        println!("MADE {}", account.get("employeeId").expect("each has one"));
    }
}

/// "Disk full: clear error, nothing applied that is not journalled."
#[tokio::test]
async fn a_full_disk_stops_a_run_before_anything_is_written_that_is_not_noted() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.redb");
    drop(RedbState::open(&path).expect("a new file"));
    let program = std::env::current_exe().expect("this program");
    // Blocks of 512 bytes, or of 1,024 in some shells.
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 1500; exec \"$0\" \"$@\""])
        .arg(program)
        .args(["--exact", "job::disks::a_run_on_a_full_disk", "--ignored", "--nocapture", "--test-threads=1"])
        .env(STATE, &path)
        .output()
        .expect("a child");
    let out = String::from_utf8(child.stdout).expect("text");
    let find =
        |word: &'static str| out.lines().filter_map(move |line| line.split_once(word).map(|(_, rest)| rest.to_owned()));
    let error = find("ENDED ").next().unwrap_or_else(|| panic!("{out}"));
    assert!(error.starts_with("Store cannot write the state") && error.contains("state.redb"), "{error}");
    assert!(error.contains("File too large") || error.contains("os error 27"), "it says why: {error}");
    let made: BTreeSet<String> = find("MADE ").collect();
    assert!(made.len() >= 200 && made.len() < PEOPLE, "{} were made", made.len());
    // Once there is room, everything that was made is known.
    let state = RedbState::open(&path).expect("the file is whole");
    let mut known: BTreeSet<String> = BTreeSet::new();
    for table in [Table::Links, Table::Journal] {
        let rows: Vec<(Vec<u8>, Vec<u8>)> = state.scan(table, b"").try_collect().await.expect("it is read");
        for (key, _) in rows {
            let parts: Vec<String> = serde_json::from_slice(&key).expect("keys are lists of text");
            // A link under the id of one end; an intent under the key of an entry.
            let of_entry = parts.iter().find_map(|part| match serde_json::from_str::<serde_json::Value>(part) {
                Ok(serde_json::Value::Object(key)) => key["id"].as_str().map(str::to_owned),
                _ => None,
            });
            known.extend(of_entry.or_else(|| parts.get(4).cloned()));
        }
    }
    let unknown: Vec<&String> = made.difference(&known).collect();
    assert!(unknown.is_empty(), "made and not noted: {unknown:?}");
}

/// A file that may only be read is an error that names it, before anything is planned.
#[cfg(unix)]
#[test]
fn a_file_that_may_only_be_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.redb");
    drop(RedbState::open(&path).expect("a new file"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).expect("changed");
    if std::fs::OpenOptions::new().write(true).open(&path).is_ok() {
        println!("whoever runs this may write everything");
        return;
    }
    let before = std::fs::read(&path).expect("it is there");
    let error = RedbState::open(&path).expect_err("read-only");
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_chain().contains("state.redb") && error.to_chain().contains("ermission denied"), "{error}");
    assert_eq!(std::fs::read(&path).expect("it is there"), before);
}

/// Whichever commit of a run fails, nothing was made that nobody knows of, and the next runs finish it.
#[tokio::test]
async fn every_commit_may_fail_once() {
    for commit in 1..100 {
        let world = World::new((0..250).map(|id| person(&id.to_string())));
        world.state.fail_commit(commit);
        let first = world.job().run(Run::full(), Apply::new()).await;
        match first {
            Ok(report) => {
                assert!(commit > 8 && report.status == RunStatus::Complete, "commit {commit}: {report}");
                return;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Store, "commit {commit}"),
        }
        world.clock.advance(std::time::Duration::from_secs(61));
        _ = world.run().await;
        assert_eq!(world.directory.records().len(), 250, "commit {commit}: nobody twice, nobody left out");
        assert_eq!(world.sink.confirmed().len(), 250, "commit {commit}: each password is known");
        assert!(world.plan().await.is_converged(), "commit {commit}");
    }
    panic!("the run has fewer commits than that");
}
