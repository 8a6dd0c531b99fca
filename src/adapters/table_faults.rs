//! Files under bad luck: the plug is pulled at each step, others write at the same time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::StreamExt;

use super::jsonl_target::{JsonlTable, JsonlTarget};
use super::shared_file::{Disk, RealDisk};
use super::table::Table;
use crate::error::{ErrorKind, Result};
use crate::model::{AttributeSchema, Attributes, Change, ChangeId, Class, Name, ObjectId, Operation, Value, Written};
use crate::store::{Query, Source, SourceExt};

const OLD: &str = "{\"id\":\"1\",\"name\":\"Ada\",\"room\":4}\n{\"id\":\"2\",\"name\":\"Alan\"}\n";
const NEW: &str = "{\"id\":\"1\",\"name\":\"Ada Lovelace\",\"room\":4}\n{\"id\":\"3\",\"name\":\"Grace\"}\n";

/// What happens when the plug is pulled.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Plug {
    /// The step fails, and all goes on.
    Fails,
    /// The program ends before the step.
    Before,
    /// It ends in the middle of it.
    Within,
    /// It ends after it, and cannot tell.
    After,
}

/// A disk whose plug is pulled at a step.
#[derive(Debug)]
struct BadDisk {
    plug: Plug,
    steps_left: AtomicUsize,
    dead: AtomicBool,
    met: Arc<AtomicBool>,
}

impl BadDisk {
    fn step<T>(&self, carry_out: impl Fn() -> io::Result<T>, half: impl Fn()) -> io::Result<T> {
        let failure = || io::Error::other("the plug was pulled");
        if self.dead.load(Ordering::Relaxed) {
            return Err(failure());
        }
        if self.steps_left.fetch_sub(1, Ordering::Relaxed) != 1 {
            return carry_out();
        }
        self.met.store(true, Ordering::Relaxed);
        self.dead.store(self.plug != Plug::Fails, Ordering::Relaxed);
        match self.plug {
            Plug::Fails | Plug::Before => {}
            Plug::Within => half(),
            Plug::After => drop(carry_out()?),
        }
        Err(failure())
    }
}

impl Disk for BadDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.step(|| RealDisk.read(path), || ())
    }

    fn create(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let half = || drop(RealDisk.create(path, &content[..content.len() / 2]));
        self.step(|| RealDisk.create(path, content), half)
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        self.step(|| RealDisk.sync(path), || ())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|| RealDisk.rename(from, to), || ())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.step(|| RealDisk.sync_folder(path), || ())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(|| RealDisk.remove(path), || ())
    }
}

/// A disk on which somebody edits the file while the new one is being written.
#[derive(Debug)]
struct EditedMeanwhile(PathBuf);

impl Disk for EditedMeanwhile {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        RealDisk.read(path)
    }

    fn create(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        RealDisk.create(path, content)
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        fs::write(&self.0, OLD.replace("Alan", "Alan Turing"))?;
        RealDisk.sync(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_folder(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
}

fn target(path: &Path) -> JsonlTarget {
    JsonlTarget::builder(path).attribute("name", AttributeSchema::text()).build().expect("a good file")
}

fn attributes(pairs: &[(&'static str, &str)]) -> Attributes {
    pairs.iter().map(|(name, value)| (Name::from(*name), Value::text(*value))).collect()
}

fn create(id: &str, name: &str) -> Operation {
    let attributes = attributes(&[("id", id), ("name", name)]);
    Operation::Create { class: Class::USER, attributes, secrets: Default::default() }
}

/// From the old file to the new one.
fn operations() -> Vec<Operation> {
    let attributes = attributes(&[("name", "Ada Lovelace")]);
    vec![
        Operation::Update { id: ObjectId::user("1"), attributes, secrets: Default::default() },
        Operation::Delete { id: ObjectId::user("2") },
        create("3", "Grace"),
    ]
}

async fn write(table: &Table<JsonlTable>, operations: Vec<Operation>) -> Vec<Result<Written>> {
    let changes = (0..).zip(operations).map(|(id, operation)| Change::new(ChangeId::new(id), operation)).collect();
    table.write(changes).map(|(_, answer)| answer).collect().await
}

#[tokio::test]
async fn whatever_is_cut_off_leaves_the_old_file_or_the_new_one() {
    for plug in [Plug::Fails, Plug::Before, Plug::Within, Plug::After] {
        let mut steps = 0;
        for step in 1.. {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("people.jsonl");
            fs::write(&path, OLD).expect("written");
            let good = target(&path);
            let met = Arc::new(AtomicBool::new(false));
            let disk = BadDisk {
                plug,
                steps_left: AtomicUsize::new(step),
                dead: AtomicBool::new(false),
                met: Arc::clone(&met),
            };
            let answers = write(&good.table().elsewhere(disk), operations()).await;
            let content = fs::read_to_string(&path).expect("a file is there at any moment");
            let what = format!("{plug:?} at step {step}");
            let failed: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
            if failed.is_empty() {
                assert_eq!(content, NEW, "{what}");
            } else {
                assert_eq!(failed.len(), 3, "{what}: all of a batch fail together: {answers:?}");
                let in_doubt = failed.iter().all(|error| error.is_outcome_in_doubt());
                // A rename whose answer never came is the only thing that nobody can know of.
                let unknown = in_doubt || (plug == Plug::After && content == NEW);
                assert!(content == OLD || (unknown && content == NEW), "{what}: {content}");
            }
            // Another program starts, and has the same to do: what was done is not done twice.
            if content == OLD {
                for answer in write(good.table(), operations()).await {
                    answer.unwrap_or_else(|error| panic!("{what}: {error}"));
                }
            }
            assert_eq!(fs::read_to_string(&path).expect("a file"), NEW, "{what}");
            let left: Vec<_> =
                fs::read_dir(folder.path()).expect("a folder").flatten().map(|e| e.file_name()).collect();
            assert!(left.len() <= 2, "{what}: only the file and its lock are left: {left:?}");
            #[cfg(unix)]
            {
                let mode = fs::metadata(&path).map(|file| std::os::unix::fs::PermissionsExt::mode(&file.permissions()));
                assert_eq!(mode.expect("a file") & 0o777, 0o600, "{what}");
            }
            if !met.load(Ordering::Relaxed) {
                break;
            }
            steps = step;
        }
        assert!(steps >= 7, "read, remove, create, sync, read, rename, sync the folder: {plug:?} met {steps}");
    }
}

#[tokio::test]
async fn a_file_that_somebody_else_changed_is_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("people.jsonl");
    fs::write(&path, OLD).expect("written");
    let good = target(&path);
    let refused = |answers: Vec<Result<Written>>| {
        for answer in answers {
            let error = answer.expect_err("it is refused");
            assert_eq!(error.kind(), ErrorKind::Stale, "{error}");
            assert!(error.to_string().contains("make a new plan"), "{error}");
        }
    };
    // While it is being written.
    let edited = good.table().elsewhere(EditedMeanwhile(path.clone()));
    refused(write(&edited, operations()).await);
    assert_eq!(fs::read_to_string(&path).expect("a file"), OLD.replace("Alan", "Alan Turing"));
    // Between reading it for a plan and writing it, even if nothing but a blank changed.
    let _ = good.collect(&Query::all(Class::USER)).await;
    fs::write(&path, OLD.replace("Ada\",", "Ada\", ")).expect("written");
    refused(write(good.table(), operations()).await);
    // A new plan reads it again; one of a single object asks for it alone.
    good.get(&[ObjectId::user("1")]).await.expect("an answer");
    for answer in write(good.table(), operations()).await {
        answer.expect("it is written");
    }
    assert_eq!(fs::read_to_string(&path).expect("a file"), NEW.replace("Ada Lovelace\",", "Ada Lovelace\", "));
    // Removed altogether.
    fs::remove_file(&path).expect("removed");
    refused(write(good.table(), vec![create("9", "Nine")]).await);
    assert!(!path.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_take_turns() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("people.jsonl");
    // Two targets of one program, and two other programs, which have each read nothing before.
    let mine = [target(&path), target(&path)];
    let mut tables: Vec<_> = mine.iter().map(|target| target.table().clone()).collect();
    tables.extend([mine[0].table().elsewhere(RealDisk), mine[0].table().elsewhere(RealDisk)]);
    let writers = tables.into_iter().enumerate().map(|(writer, table)| {
        tokio::spawn(async move {
            let mut written = 0;
            for round in 0..10 {
                // What one program wrote is news to another: it reads again, as a new plan does.
                loop {
                    let answer = write(&table, vec![create(&format!("{writer}-{round}"), "x")]).await.remove(0);
                    match answer {
                        Ok(_) => break,
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Stale, "{error}"),
                    }
                    table.look_again();
                }
                written += 1;
            }
            written
        })
    });
    let written: usize = futures::future::join_all(writers).await.into_iter().map(|one| one.expect("no panic")).sum();
    assert_eq!(written, 40);
    let (records, completeness) = target(&path).collect(&Query::all(Class::USER)).await;
    assert!(completeness.is_complete());
    assert_eq!(records.len(), 40, "no writer undid what another wrote");
}
