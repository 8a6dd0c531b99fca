//! Initial passwords in a file for one person's eyes.

use std::collections::HashMap;
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::blocking::blocking;
use super::lines::{Line, read_line};
use super::private_file;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Attributes, ObjectId};
use crate::secret::Secret;
use crate::store::{InitialPassword, PasswordSink};

const VERSION: u32 = 1;
/// How long a call waits for another program.
const PATIENCE: Duration = Duration::from_secs(60);
/// The length of a file of which nothing is known yet.
const UNKNOWN: u64 = u64::MAX;

/// A file of initial passwords, as a [`PasswordSink`].
///
/// JSON Lines, appended to, so that a person or a script can hand the passwords out. The first line names the format;
/// then come two lines for each account: `prepared` before it is created, `created` once it exists. Take the `created`
/// ones:
///
/// ```json
/// {"entrant":"passwords","version":1}
/// {"state":"prepared","userPrincipalName":"ada@contoso.com","displayName":"Ada","password":"…","key":"…"}
/// {"state":"created","userPrincipalName":"ada@contoso.com","displayName":"Ada","password":"…","id":"…","key":"…"}
/// ```
///
/// A `prepared` line without its `created` line is an account that may not exist: the next run that creates it uses
/// the same password. The file is created readable by its owner only, and each call is on the disk when it returns.
///
/// Several programs may have it open: each call locks it, and first reads what another wrote. Whoever hands passwords out
/// may move the file away or clear it at any time: the next call begins it anew, with those that are not confirmed yet. A
/// call waits a minute for another program that is in the middle of one, and then fails with [`ErrorKind::Leased`].
/// Clones share the file.
#[derive(Clone)]
pub struct PasswordFile {
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    path: PathBuf,
    file: File,
    /// How long the file is as far as it is known.
    end: u64,
    /// What was prepared and is not confirmed, by key.
    prepared: HashMap<String, Prepared>,
    /// The last object that was confirmed, by key.
    confirmed: HashMap<String, String>,
}

#[derive(Clone)]
struct Prepared {
    user_principal_name: Option<String>,
    display_name: Option<String>,
    password: Secret,
}

#[derive(Serialize, Deserialize)]
struct Header {
    entrant: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    state: EntryState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_principal_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    password: SecretText<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    key: String,
}

#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum EntryState {
    Prepared,
    Created,
}

#[derive(PartialEq, Eq)]
enum Ending {
    Present,
    Missing,
}

/// The one place where a secret is written as text.
enum SecretText<'a> {
    Borrowed(&'a Secret),
    Owned(Secret),
}

impl PasswordFile {
    /// Opens a file, or makes it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`] if it cannot be read or made; [`ErrorKind::Invalid`] if it is no file of passwords, a line of it is
    /// broken (the last may be torn by a crash, and is dropped), or others than its owner may read it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let shared = Shared::open(path).map_err(|error| error.with_context("file", path.display()))?;
        Ok(Self { shared: Arc::new(Mutex::new(shared)) })
    }

    async fn with<T: Send + 'static>(&self, work: impl FnOnce(&mut Shared) -> Result<T> + Send + 'static) -> Result<T> {
        let shared = Arc::clone(&self.shared);
        blocking(move || {
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            shared.exclusively(work).map_err(|error| error.with_context("file", shared.path.display()))
        })
        .await
    }
}

impl fmt::Debug for PasswordFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("PasswordFile")
            .field("path", &shared.path)
            .field("prepared", &shared.prepared.len())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl PasswordSink for PasswordFile {
    async fn prepare(&self, passwords: Vec<InitialPassword>) -> Result<Vec<Secret>> {
        self.with(move |shared| shared.prepare(passwords)).await
    }

    async fn confirm(&self, created: Vec<(String, ObjectId)>) -> Result<()> {
        self.with(move |shared| shared.confirm(created)).await
    }
}

impl Shared {
    fn open(path: &Path) -> Result<Self> {
        let (prepared, confirmed) = (HashMap::new(), HashMap::new());
        let mut shared = Self { path: path.to_owned(), file: open(path)?, end: UNKNOWN, prepared, confirmed };
        shared.exclusively(|_| Ok(()))?;
        Ok(shared)
    }

    /// Does some work while no other program writes, on the file that is at the path, knowing all that is in it.
    fn exclusively<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        lock(&self.file)?;
        while !private_file::is_at(&self.file, &self.path).map_err(unopened)? {
            (self.file, self.end) = (open(&self.path)?, UNKNOWN);
            lock(&self.file)?;
        }
        let done = self.catch_up().and_then(|()| work(self));
        // Whoever closes the file gives the lock back too.
        let _ = self.file.unlock();
        done
    }

    /// Reads the file anew if it is not as this program left it.
    fn catch_up(&mut self) -> Result<()> {
        if self.file.metadata().map_err(unopened)?.len() == self.end {
            return Ok(());
        }
        let (prepared, confirmed) = (std::mem::take(&mut self.prepared), std::mem::take(&mut self.confirmed));
        let read = self.file.rewind().map_err(unopened).and_then(|()| self.load()).and_then(|read| self.tidy(read));
        if let Err(error) = read {
            (self.prepared, self.confirmed, self.end) = (prepared, confirmed, UNKNOWN);
            return Err(error);
        }
        // What is not confirmed was handed to a create, and must not go with the file that was moved away or cleared.
        let elsewhere = |key: &String| self.confirmed.get(key).is_some_and(|id| confirmed.get(key) != Some(id));
        let lost: Vec<_> =
            prepared.into_iter().filter(|(key, _)| !self.prepared.contains_key(key) && !elsewhere(key)).collect();
        for (key, id) in confirmed {
            self.confirmed.entry(key).or_insert(id);
        }
        let entries: Vec<_> =
            lost.iter().map(|(key, prepared)| prepared.entry(EntryState::Prepared, key, None)).collect();
        let appended = self.append(&entries);
        drop(entries);
        self.prepared.extend(lost);
        // Once more next time, until they are in the file.
        appended.inspect_err(|_| self.end = UNKNOWN)
    }

    /// Drops a torn last line, and sees to it that the next one begins on a line of its own, below the header.
    fn tidy(&mut self, (end, ending): (u64, Ending)) -> Result<()> {
        self.file.set_len(end).map_err(unopened)?;
        self.file.seek(SeekFrom::Start(end)).map_err(unopened)?;
        if ending == Ending::Missing {
            self.file.write_all(b"\n").map_err(unopened)?;
        }
        self.end = self.file.stream_position().map_err(unopened)?;
        if end == 0 {
            let header = Header { entrant: "passwords".into(), version: VERSION };
            self.append(&[header])?;
        }
        Ok(())
    }

    /// Reads what is there; answers where the last good line ends, and whether a line feed is there.
    fn load(&mut self) -> Result<(u64, Ending)> {
        let failed = |error| Error::new(ErrorKind::Store, "cannot read the file of passwords").with_source(error);
        let mut input = BufReader::new(self.file.try_clone().map_err(failed)?);
        let mut buffer = Zeroizing::new(Vec::new());
        let mut number = 0_u64;
        let mut end = 0;
        loop {
            let line = read_line(&mut input, &mut buffer).map_err(failed)?;
            number += 1;
            let parsed = match line {
                Line::End => return Ok((end, Ending::Present)),
                Line::Unended if number > 1 => {
                    return Ok(match self.take(&buffer) {
                        // Good but for the line feed, which an editor may have taken away.
                        Some(()) => (end.saturating_add(buffer.len() as u64), Ending::Missing),
                        // A crash tore it off: what it was to say was never answered for.
                        None => (end, Ending::Present),
                    });
                }
                Line::Unended | Line::Whole if number == 1 => is_header(&buffer),
                Line::Unended | Line::Whole => self.take(&buffer),
                Line::TooLong => None,
            };
            if parsed.is_none() {
                let message = match number {
                    1 => "the file holds something else than passwords, or is of another version",
                    _ => "a line of the file of passwords is broken",
                };
                return Err(invalid(message).with_context("line", number));
            }
            if line == Line::Unended {
                // Only the header came to be written, and not even that whole.
                return Ok((0, Ending::Present));
            }
            end = input.stream_position().map_err(failed)?;
        }
    }

    fn take(&mut self, line: &[u8]) -> Option<()> {
        let entry: Entry<'static> = serde_json::from_slice(line).ok()?;
        match entry.state {
            EntryState::Prepared => {
                let SecretText::Owned(password) = entry.password else {
                    return None;
                };
                let prepared = Prepared {
                    user_principal_name: entry.user_principal_name,
                    display_name: entry.display_name,
                    password,
                };
                self.prepared.insert(entry.key, prepared);
            }
            EntryState::Created => {
                self.prepared.remove(&entry.key);
                self.confirmed.extend(entry.id.map(|id| (entry.key, id)));
            }
        }
        Some(())
    }

    fn prepare(&mut self, passwords: Vec<InitialPassword>) -> Result<Vec<Secret>> {
        let mut answers = Vec::with_capacity(passwords.len());
        let mut new: Vec<(String, Prepared)> = Vec::new();
        for InitialPassword { key, account, password } in passwords {
            let in_batch = || new.iter().find(|(own, _)| *own == key).map(|(_, prepared)| prepared);
            if let Some(earlier) = self.prepared.get(&key).or_else(in_batch) {
                answers.push(earlier.password.clone());
                continue;
            }
            answers.push(password.clone());
            let prepared = Prepared {
                user_principal_name: text(&account, "userPrincipalName"),
                display_name: text(&account, "displayName"),
                password,
            };
            new.push((key, prepared));
        }
        let entries: Vec<_> =
            new.iter().map(|(key, prepared)| prepared.entry(EntryState::Prepared, key, None)).collect();
        self.append(&entries)?;
        drop(entries);
        self.prepared.extend(new);
        Ok(answers)
    }

    fn confirm(&mut self, mut created: Vec<(String, ObjectId)>) -> Result<()> {
        // What was prepared since belongs to no account.
        created.retain(|(key, id)| self.confirmed.get(key).is_none_or(|known| **known != *id.id));
        let entries: Vec<_> = created
            .iter()
            .filter_map(|(key, id)| {
                let prepared = self.prepared.get(key)?;
                Some(prepared.entry(EntryState::Created, key, Some(id.id.to_string())))
            })
            .collect();
        self.end = Self::write(&mut self.file, &entries)?;
        drop(entries);
        for (key, id) in created {
            if self.prepared.remove(&key).is_some() {
                self.confirmed.insert(key, id.id.to_string());
            }
        }
        Ok(())
    }

    fn append<T: Serialize>(&mut self, lines: &[T]) -> Result<()> {
        self.end = Self::write(&mut self.file, lines)?;
        Ok(())
    }

    /// Answers where the file ends then.
    fn write<T: Serialize>(file: &mut File, lines: &[T]) -> Result<u64> {
        let failed =
            |error: io::Error| Error::new(ErrorKind::Store, "cannot write the file of passwords").with_source(error);
        let mut text = Zeroizing::new(Vec::new());
        for line in lines {
            serde_json::to_writer(&mut *text, line).map_err(|error| failed(error.into()))?;
            text.push(b'\n');
        }
        let end = file.stream_position().map_err(failed)?;
        if lines.is_empty() {
            return Ok(end);
        }
        let written = file.write_all(&text).and_then(|()| file.sync_data());
        if written.is_err() {
            // Half a line must not stay, or what follows would make it a broken one.
            let _ = file.set_len(end);
            let _ = file.seek(SeekFrom::Start(end));
        }
        written.map_err(failed)?;
        file.stream_position().map_err(failed)
    }
}

impl Prepared {
    fn entry(&self, state: EntryState, key: &str, id: Option<String>) -> Entry<'_> {
        Entry {
            state,
            user_principal_name: self.user_principal_name.clone(),
            display_name: self.display_name.clone(),
            password: SecretText::Borrowed(&self.password),
            id,
            key: key.to_owned(),
        }
    }
}

impl Serialize for SecretText<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Borrowed(secret) => serializer.serialize_str(secret.expose()),
            Self::Owned(secret) => serializer.serialize_str(secret.expose()),
        }
    }
}

impl<'de> Deserialize<'de> for SecretText<'_> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::Owned(Secret::from(text)))
    }
}

fn open(path: &Path) -> Result<File> {
    let file = match private_file::create(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            OpenOptions::new().read(true).write(true).open(path).map_err(unopened)?
        }
        Err(error) => return Err(unopened(error)),
    };
    if private_file::is_open_to_others(&file).map_err(unopened)? {
        return Err(invalid(format!("others may read the file of passwords; run chmod 600 {}", path.display())));
    }
    Ok(file)
}

/// Waits until no other program is in the middle of a call. Where files cannot be locked, nobody is waited for.
fn lock(file: &File) -> Result<()> {
    let waited = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(unopened(error)),
            Err(TryLockError::WouldBlock) if waited.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(10))
            }
            Err(TryLockError::WouldBlock) => {
                let message = "another program is in the middle of writing the file of passwords, and does not go on; end it, and run again";
                return Err(Error::new(ErrorKind::Leased, message));
            }
        }
    }
}

fn unopened(error: io::Error) -> Error {
    let message = match error.kind() {
        io::ErrorKind::NotFound => "cannot open the file of passwords; its folder must be there",
        _ => "cannot open the file of passwords",
    };
    Error::new(ErrorKind::Store, message).with_source(error)
}

fn is_header(line: &[u8]) -> Option<()> {
    let header: Header = serde_json::from_slice(line).ok()?;
    (header.entrant == "passwords" && header.version == VERSION).then_some(())
}

fn text(account: &Attributes, name: &str) -> Option<String> {
    account.get(name).and_then(|value| value.as_text()).map(str::to_owned)
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn prepare(file: &PasswordFile, key: &str, password: &str) -> String {
        let account = [("userPrincipalName".into(), "ada@contoso.com".into())].into_iter().collect();
        let passwords = vec![InitialPassword::new(key, account, password.into())];
        let mut shared = file.shared.lock().unwrap();
        shared.exclusively(|shared| shared.prepare(passwords)).unwrap()[0].expose().to_owned()
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_a_broken_one_elsewhere_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("passwords");
        let file = PasswordFile::open(&path).unwrap();
        prepare(&file, "1", "one");
        prepare(&file, "2", "two");
        drop(file);
        let whole = std::fs::read_to_string(&path).unwrap();
        assert_eq!(whole.lines().count(), 3, "{whole}");

        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let opened = PasswordFile::open(&path);
            let header = whole.find('\n').unwrap();
            if (1..header).contains(&cut) {
                opened.expect_err("half a header could be anything");
                continue;
            }
            let file = opened.unwrap();
            // The line counts as soon as nothing but its line feed is missing.
            let known = cut >= whole.match_indices('\n').nth(1).unwrap().0;
            assert_eq!(prepare(&file, "1", "new"), if known { "one" } else { "new" }, "cut at {cut}");
            drop(file);
            PasswordFile::open(&path).expect("it goes on where the last whole line ended");
        }

        std::fs::write(&path, whole.replacen("prepared", "perpared", 1)).unwrap();
        let error = PasswordFile::open(&path).unwrap_err();
        assert!(error.to_string().contains("line=2"), "{error}");
        assert!(!error.to_chain().contains("one"), "{error}");
    }

    #[test]
    fn two_that_have_it_open_know_what_the_other_wrote() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("passwords");
        let (one, two) = (PasswordFile::open(&path).unwrap(), PasswordFile::open(&path).unwrap());
        assert_eq!(prepare(&one, "1", "one"), "one");
        assert_eq!(prepare(&two, "2", "two"), "two");
        assert_eq!(prepare(&two, "1", "other"), "one", "what the first handed out");
        let created = vec![("1".to_owned(), ObjectId::user("a"))];
        two.shared.lock().unwrap().exclusively(|shared| shared.confirm(created)).unwrap();
        assert_eq!(prepare(&one, "1", "again"), "again", "the first is confirmed");
        let states: Vec<String> = std::fs::read_to_string(&path)
            .unwrap()
            .lines()
            .skip(1)
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["state"].to_string())
            .collect();
        assert_eq!(states, ["\"prepared\"", "\"prepared\"", "\"created\"", "\"prepared\""]);
    }

    #[test]
    fn a_file_that_was_moved_away_or_cleared_begins_anew_with_what_is_not_confirmed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("passwords");
        for way in ["moved", "deleted", "cleared"] {
            let file = PasswordFile::open(&path).unwrap();
            prepare(&file, "1", "one");
            match way {
                "moved" => std::fs::rename(&path, path.with_extension("old")).unwrap(),
                "deleted" => std::fs::remove_file(&path).unwrap(),
                _ => std::fs::write(&path, "").unwrap(),
            }
            assert_eq!(prepare(&file, "2", "two"), "two", "{way}");
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(text.lines().count(), 3, "{way}: the header and both: {text}");
            let again = PasswordFile::open(&path).unwrap();
            assert_eq!(prepare(&again, "1", "new"), "one", "{way}");
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_file_of_something_else_is_not_written_to() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("people.csv");
        drop(private_file::create(&path).unwrap());
        for text in ["id,name\n1,Ada\n", "{\"entrant\":\"passwords\",\"version\":2}\n", "id"] {
            std::fs::write(&path, text).unwrap();
            PasswordFile::open(&path).expect_err(text);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("passwords");
        PasswordFile::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = PasswordFile::open(&path).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}
