//! Files for one person's eyes.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Makes a file that only its owner can read and write; an error if it is there already.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    for_owner(&mut options);
    let file = options.open(path)?;
    sync_directory(path);
    Ok(file)
}

/// Makes what is made a file that only its owner can read and write. Only Unix can.
fn for_owner(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _ = options;
}

/// Whether others than its owner may read or write a file. Only Unix says.
pub(super) fn is_open_to_others(file: &File) -> io::Result<bool> {
    #[cfg(unix)]
    return Ok(std::os::unix::fs::PermissionsExt::mode(&file.metadata()?.permissions()) & 0o077 != 0);
    #[cfg(not(unix))]
    return file.metadata().map(|_| false);
}

/// Who may do what to a file beside its owner and its group. Only Unix says.
#[cfg(feature = "redb")]
pub(super) fn for_everybody(metadata: &std::fs::Metadata) -> Everybody {
    #[cfg(unix)]
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions());
    #[cfg(not(unix))]
    let mode = {
        let _ = metadata;
        0
    };
    match mode & 0o006 {
        0 => Everybody::Nothing,
        0o004 => Everybody::Reads,
        _ => Everybody::Writes,
    }
}

/// What everybody on a machine may do to a file.
#[cfg(feature = "redb")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Everybody {
    Nothing,
    Reads,
    Writes,
}

/// Whether the file is the one that is found at a path now; off Unix, whether one is found there.
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let found = match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        found => found?,
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let own = file.metadata()?;
        Ok((own.dev(), own.ino()) == (found.dev(), found.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = (file, found);
        Ok(true)
    }
}

/// Makes the name of a new file last, where the system can do that; where not, nothing more can be done.
pub(super) fn sync_directory(path: &Path) {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Ok(directory) = File::open(directory.unwrap_or(Path::new("."))) {
        let _ = directory.sync_all();
    }
}
