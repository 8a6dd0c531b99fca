//! A file that several jobs and programs write, each time as a whole.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::private_file;
use super::rows::modified;
use crate::error::{Error, ErrorKind, Result, Retry};

/// How long to wait for another program that is writing the file.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// The files that this program has open, so that all who write one know of each other.
static FILES: Mutex<BTreeMap<PathBuf, Weak<SharedFile>>> = Mutex::new(BTreeMap::new());

/// A file that is read and replaced as a whole: whoever reads it, and whatever is cut off, sees the old or the new
/// content.
pub(super) struct SharedFile {
    path: PathBuf,
    disk: Box<dyn Disk>,
    /// What it held when this program last read or wrote it, if it did.
    seen: Mutex<Option<Digest>>,
}

/// A hash of the content; `None` if the file was not there.
type Digest = Option<[u8; 32]>;

/// What is done to files: the seam at which a test pulls the plug.
pub(super) trait Disk: fmt::Debug + Send + Sync + 'static {
    /// The content of a file; an error if it changed meanwhile.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Makes a file for its owner alone; an error if it is there.
    fn create(&self, path: &Path, content: &[u8]) -> io::Result<()>;
    /// Makes the content of a file last.
    fn sync(&self, path: &Path) -> io::Result<()>;
    /// Puts a file in the place of another.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names in a file's folder last.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

impl SharedFile {
    /// The file of a path, behind symbolic links; the same for all in this program who ask for it.
    pub(super) fn open(path: &Path) -> Result<Arc<Self>> {
        let path = resolve(path).map_err(|error| failed(path, "cannot find the file's folder", error))?;
        let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
        files.retain(|_, file| file.strong_count() > 0);
        if let Some(file) = files.get(&path).and_then(Weak::upgrade) {
            return Ok(file);
        }
        let file = Arc::new(Self::on(RealDisk, path.clone()));
        files.insert(path, Arc::downgrade(&file));
        Ok(file)
    }

    pub(super) fn on(disk: impl Disk, path: PathBuf) -> Self {
        Self { path, disk: Box::new(disk), seen: Mutex::new(None) }
    }

    /// The content; `None` if the file is not there. A later change is made only if it is still the same then.
    pub(super) fn read(&self) -> Result<Option<Vec<u8>>> {
        let mut seen = self.lock();
        let content = self.load()?;
        *seen = Some(digest(content.as_deref()));
        Ok(content)
    }

    /// The content, without a word on whether it may change.
    pub(super) fn peek(&self) -> Result<Option<Vec<u8>>> {
        self.load()
    }

    /// Replaces the content by what `work` makes of it, if it makes anything. One at a time, in this program and others.
    ///
    /// # Errors
    ///
    /// What `work` fails with; [`ErrorKind::Stale`] if someone else changed the file since it was read;
    /// [`ErrorKind::Store`]. The file is then as it was, unless the error says that this is in doubt.
    pub(super) fn change<T>(&self, work: impl FnOnce(Option<&[u8]>) -> Result<(T, Option<Vec<u8>>)>) -> Result<T> {
        let mut seen = self.lock();
        let _lock = self.lock_out_others()?;
        let old = self.load()?;
        let before = digest(old.as_deref());
        if seen.is_some_and(|seen| seen != before) {
            return Err(self.changed_by_others());
        }
        let (answer, new) = work(old.as_deref())?;
        if let Some(new) = new {
            let temporary = self.beside("new");
            if let Err(error) = self.put_in_place(&temporary, before, &new) {
                let _ = self.disk.remove(&temporary);
                return Err(error);
            }
            *seen = Some(digest(Some(&new)));
            // Others see the new content; only a machine that stops now may come back with the old one.
            let synced = self.disk.sync_folder(&self.path);
            synced.map_err(|error| self.failed("cannot make the file's name last", error).with_outcome_in_doubt())?;
        }
        Ok(answer)
    }

    fn put_in_place(&self, temporary: &Path, before: Digest, new: &[u8]) -> Result<()> {
        let failed = |error| self.failed("cannot write a new file beside the old one", error);
        match self.disk.remove(temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            // One that a program left when it was cut off: nobody else has the lock.
            _ => {}
        }
        self.disk.create(temporary, new).map_err(failed)?;
        self.disk.sync(temporary).map_err(failed)?;
        // Someone who knows nothing of the lock may have written meanwhile, such as an editor.
        if digest(self.load()?.as_deref()) != before {
            return Err(self.changed_by_others());
        }
        self.disk.rename(temporary, &self.path).map_err(|error| self.failed("cannot put the new file in place", error))
    }

    fn load(&self) -> Result<Option<Vec<u8>>> {
        match self.disk.read(&self.path) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("cannot read the file", error)),
        }
    }

    /// A lock that the system takes back when the program ends, however it ends.
    fn lock_out_others(&self) -> Result<File> {
        let path = self.beside("lock");
        let failed = |error| self.failed("cannot lock the file", error);
        let file = match private_file::create(&path) {
            // A link would have a file made, or locked, wherever whoever left it likes.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if fs::symlink_metadata(&path).map_err(failed)?.is_symlink() {
                    return Err(self
                        .error(ErrorKind::Store, "the lock of the file is a link, which is not ours; remove it")
                        .with_context("lock", path.display()));
                }
                OpenOptions::new().write(true).open(&path)
            }
            made => made,
        };
        let file = file.map_err(failed)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    let message = "another program is writing the file; try again when it has ended";
                    return Err(self.error(ErrorKind::Store, message).with_retry(Retry::Later));
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }

    fn beside(&self, extension: &str) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.path.with_file_name(format!(".{name}.{extension}"))
    }

    fn changed_by_others(&self) -> Error {
        self.error(
            ErrorKind::Stale,
            "someone else changed the file since it was read, so it was left as it is; make a new plan",
        )
    }

    fn error(&self, kind: ErrorKind, message: &'static str) -> Error {
        Error::new(kind, message).with_context("file", self.path.display())
    }

    fn failed(&self, message: &'static str, cause: io::Error) -> Error {
        failed(&self.path, message, cause)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Digest>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SharedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedFile").field("path", &self.path).finish_non_exhaustive()
    }
}

fn failed(path: &Path, message: &'static str, cause: io::Error) -> Error {
    Error::new(ErrorKind::Store, message).with_context("file", path.display()).with_source(cause)
}

fn resolve(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let name = path.file_name().ok_or(error)?;
            Ok(fs::canonicalize(folder)?.join(name))
        }
        resolved => resolved,
    }
}

fn digest(content: Option<&[u8]>) -> Digest {
    content.map(hmac_sha256::Hash::hash)
}

/// The file system.
#[derive(Debug, Clone, Copy)]
pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let stamp = |file: &File| file.metadata().map(|metadata| (metadata.len(), modified(&metadata)));
        let before = stamp(&file)?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        if stamp(&file)? != before || content.len() as u64 != before.0 {
            return Err(io::Error::other("it changed while it was read"));
        }
        Ok(content)
    }

    fn create(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        private_file::create(path)?.write_all(content)
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        OpenOptions::new().write(true).open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        // Elsewhere a folder cannot be opened to be synced.
        #[cfg(unix)]
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        #[cfg(not(unix))]
        let _ = path;
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}
