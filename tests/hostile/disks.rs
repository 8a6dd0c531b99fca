//! Files that were cut off, or of which a byte is another: an error that names the file and says what to do, or all
//! that was written; never a part of it as if it were all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use entrant::adapters::{CsvTarget, JsonlTarget, PasswordFile, RedbState};
use entrant::model::{AttributeSchema, Attributes, Change, ChangeId, Class, ObjectId, Operation};
use entrant::secret::Secret;
use entrant::store::{Batch, InitialPassword, PasswordSink, Query, SourceExt, State, Table, Target};
use entrant::{Error, ErrorKind, Result};
use futures::{StreamExt, TryStreamExt};

type Rows = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// What the state of a small organisation looks like, in several commits, some of which take back what others wrote.
async fn filled(path: &Path) -> Rows {
    let state = RedbState::open(path).expect("a new file");
    let lease = state.lease("default", Duration::from_secs(60)).await.expect("it works").expect("it is free");
    let mut rows = Rows::new();
    for commit in 0..30_u32 {
        let mut batch = Batch::new();
        for row in 0..10_u32 {
            for table in Table::ALL {
                let key = format!("[\"default\",\"{row}\",\"{commit}\"]").into_bytes();
                let value = format!("{{\"row\":{row},\"text\":\"{}\"}}", "x".repeat((row * 40) as usize)).into_bytes();
                batch.put(*table, key.clone(), value.clone());
                rows.insert((*table, key), value);
            }
        }
        if let Some(before) = commit.checked_sub(3) {
            let key = format!("[\"default\",\"0\",\"{before}\"]").into_bytes();
            batch.remove(Table::Journal, key.clone());
            rows.remove(&(Table::Journal, key));
        }
        state.commit(&lease, batch).await.expect("committed");
    }
    state.release(lease).await.expect("given back");
    rows
}

async fn read(state: &RedbState) -> Result<Rows> {
    let mut rows = Rows::new();
    for table in Table::ALL {
        let found: Vec<_> = state.scan(*table, b"").try_collect().await?;
        rows.extend(found.into_iter().map(|(key, value)| ((*table, key), value)));
    }
    Ok(rows)
}

fn assert_useful(error: &Error, path: &Path, when: &str) {
    let text = error.to_chain();
    assert_eq!(error.kind(), ErrorKind::Store, "{when}: {text}");
    assert!(text.contains(&path.display().to_string()), "{when}: {text}");
    assert!(text.contains("backup") || text.contains("another version"), "{when}: it says what to do: {text}");
}

/// Opens a damaged file, reads all of it, and writes to it. `true` if it worked.
async fn survives(path: &Path, rows: &Rows, when: &str) -> bool {
    let state = match RedbState::open(path) {
        Ok(state) => state,
        Err(error) => {
            assert_useful(&error, path, when);
            return false;
        }
    };
    match read(&state).await {
        Ok(found) => assert!(found == *rows, "{when}: {} rows instead of {}", found.len(), rows.len()),
        Err(error) => {
            assert_useful(&error, path, when);
            return false;
        }
    }
    let written = async {
        let lease = state.lease("default", Duration::from_secs(60)).await?.expect("nobody holds it");
        let mut batch = Batch::new();
        batch.put(Table::Links, "new", "x".repeat(10_000));
        state.commit(&lease, batch).await?;
        state.get(Table::Links, b"new").await
    };
    match written.await {
        Ok(found) => assert_eq!(found.map(|value| value.len()), Some(10_000), "{when}"),
        Err(error) => assert_useful(&error, path, when),
    }
    true
}

#[tokio::test]
async fn a_state_that_was_cut_off_is_refused_or_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let (whole, path) = (folder.path().join("whole.redb"), folder.path().join("cut.redb"));
    let rows = filled(&whole).await;
    let content = std::fs::read(&whole).expect("a file");
    let mut good = 0;
    for at in super::cases(content.len() / 512 + 1) {
        let length = (at * 512).min(content.len());
        std::fs::write(&path, &content[..length]).expect("written");
        good += u32::from(survives(&path, &rows, &format!("cut at {length} of {}", content.len())).await);
        let left = std::fs::metadata(&path).expect("it is still there").len();
        assert!(length > 0 || left == 0, "an empty file stays as it is: {left}");
    }
    std::fs::write(&path, &content).expect("written");
    assert!(survives(&path, &rows, "whole").await);
    eprintln!("{good} of those cut off were whole");
}

#[tokio::test]
async fn a_state_with_a_byte_turned_is_refused_or_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let (whole, path) = (folder.path().join("whole.redb"), folder.path().join("turned.redb"));
    let rows = filled(&whole).await;
    let content = std::fs::read(&whole).expect("a file");
    let mut good = 0;
    // The head of the file, byte by byte, and then all over it.
    let places = (0..320).chain(super::cases(content.len()));
    for (number, place) in places.enumerate() {
        let mut turned = content.clone();
        turned[place] ^= [0x01, 0x80, 0xff][number % 3];
        std::fs::write(&path, &turned).expect("written");
        good += u32::from(survives(&path, &rows, &format!("byte {place}")).await);
    }
    eprintln!("{good} of those turned were whole");
}

/// A copy that was made while the file was in use, as a backup does or a crash leaves it.
#[tokio::test]
async fn a_state_that_was_in_use_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let (whole, path) = (folder.path().join("whole.redb"), folder.path().join("copy.redb"));
    let rows = filled(&whole).await;
    let _open = RedbState::open(&whole).expect("it opens");
    std::fs::copy(&whole, &path).expect("copied");
    assert!(survives(&path, &rows, "while it is open").await);
}

async fn prepared(sink: &PasswordFile, key: &str, password: &str) -> Result<String> {
    let asked = InitialPassword::new(key, Attributes::default(), Secret::new(password));
    Ok(sink.prepare(vec![asked]).await?.remove(0).expose().to_owned())
}

async fn passwords(path: &Path) -> Vec<u8> {
    let sink = PasswordFile::open(path).expect("a new file");
    for key in ["1", "2", "3"] {
        prepared(&sink, key, &format!("geheim-{key}")).await.expect("kept");
    }
    sink.confirm(vec![("1".to_owned(), ObjectId::user("a"))]).await.expect("kept");
    prepared(&sink, "4", "geheim-4").await.expect("kept");
    std::fs::read(path).expect("a file")
}

/// Whatever is cut off or turned: what was handed out for a key is answered again, or nothing is.
#[tokio::test]
async fn a_file_of_passwords_that_is_damaged_is_refused_or_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("passwords.jsonl");
    let content = passwords(&path).await;
    let line_of = |key: &str| {
        let text = String::from_utf8(content.clone()).expect("text");
        let at = text.find(&format!("geheim-{key}")).expect("it is there");
        text[at..].find('\n').expect("a whole line") + at
    };
    for length in 0..=content.len() {
        std::fs::write(&path, &content[..length]).expect("written");
        let sink = match PasswordFile::open(&path) {
            Ok(sink) => sink,
            Err(error) => {
                assert!(error.to_string().contains("passwords.jsonl"), "cut at {length}: {error}");
                continue;
            }
        };
        for key in ["2", "3", "4"] {
            let answer = prepared(&sink, key, "another").await.expect("it works");
            // Without its line feed a line may be whole or not; a torn one was never answered for.
            let expected = if length >= line_of(key) { format!("geheim-{key}") } else { "another".to_owned() };
            assert_eq!(answer, expected, "cut at {length}: {key}");
        }
    }
    for at in super::cases(content.len() * 8) {
        let mut turned = content.clone();
        turned[at / 8] ^= 1 << (at % 8);
        std::fs::write(&path, &turned).expect("written");
        match PasswordFile::open(&path) {
            Ok(sink) => drop(prepared(&sink, "2", "another").await),
            Err(error) => {
                let text = error.to_chain();
                assert!(text.contains("passwords.jsonl"), "bit {at}: {text}");
                assert!(!text.contains("geheim"), "bit {at}: {text}");
            }
        }
        let left = std::fs::metadata(&path).expect("it is there").len() as usize;
        assert!(left + 200 > content.len(), "bit {at}: {left} of {} bytes are left", content.len());
    }
}

const CSV: &str =
    "id,name,city\n1,Ada,\"Bonn, am Rhein\"\n2,\"Zoë \"\"Z\"\"\",Rome\n3,Li,\"two\nlines\"\n4,O'Neil,Oslo\n";
const JSONL: &str = "{\"id\":\"1\",\"name\":\"Ada\"}\n{\"id\":\"2\",\"name\":\"Zo\\u00eb\"}\n{\"id\":\"3\",\"name\":\"Li\",\"x\":[1,{\"y\":null}]}\n";

enum Form {
    Csv,
    JsonLines,
}

fn target(form: &Form, path: &Path) -> Result<Box<dyn Target>> {
    let text = AttributeSchema::text;
    Ok(match form {
        Form::Csv => Box::new(CsvTarget::builder(path).key("id").attribute("name", text()).build()?),
        Form::JsonLines => Box::new(JsonlTarget::builder(path).key("id").attribute("name", text()).build()?),
    })
}

/// A file cut off in the middle of a row is read up to there and says so, and is not written to; one with any byte
/// turned yields rows or says what is wrong. A cut between two rows cannot be seen, which is what guards are for.
#[tokio::test]
async fn files_of_people_that_are_damaged_say_so_and_stay_as_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    for (form, content) in [(Form::Csv, CSV), (Form::JsonLines, JSONL)] {
        let whole = content.as_bytes();
        let cuts = (0..=whole.len()).map(|length| (format!("cut at {length}"), whole[..length].to_vec()));
        let turns = (0..whole.len() * 8).step_by(3).map(|at| {
            let mut turned = whole.to_vec();
            turned[at / 8] ^= 1 << (at % 8);
            (format!("bit {at}"), turned)
        });
        for (number, (when, damaged)) in cuts.chain(turns).enumerate() {
            // Of each its own, since a program remembers what it has seen of a file.
            let path: PathBuf = folder.path().join(format!("people{number}.txt"));
            std::fs::write(&path, &damaged).expect("written");
            let outcome: Result<bool> = async {
                let target = target(&form, &path)?;
                let (records, completeness) = target.collect(&Query::all(Class::USER)).await;
                assert!(records.len() <= 5, "{when}");
                let change = Operation::Update {
                    id: ObjectId::user("1"),
                    attributes: Attributes::from_iter([("name".into(), "Grace".into())]),
                    secrets: BTreeMap::new(),
                };
                let answers: Vec<_> = target.write(vec![Change::new(ChangeId::new(0), change)]).collect().await;
                let is_written = answers.iter().all(|(_, answer)| answer.is_ok());
                Ok(is_written && completeness.is_complete())
            }
            .await;
            let after = std::fs::read(&path).expect("it is there");
            match outcome {
                Ok(true) => {}
                Ok(false) => assert!(after == damaged, "{when}: a damaged file stays as it is"),
                Err(error) => {
                    assert!(error.to_chain().contains("people"), "{when}: {}", error.to_chain());
                    assert!(after == damaged, "{when}: a damaged file stays as it is");
                }
            }
            std::fs::remove_file(&path).expect("removed");
        }
    }
}
