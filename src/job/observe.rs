//! What happens while a job runs, told as it happens.

use std::fmt;

use super::{EntryReport, Report};
use crate::model::Class;

/// Learns what a job does while it does it: for progress, logs, metrics and audit.
///
/// Called from the task that runs the job; whatever takes long belongs elsewhere. Entries are told here one by one, so
/// that nothing needs to keep all of them.
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// Something happened.
    fn event(&self, event: &Event<'_>);
}

/// Something that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event<'a> {
    /// So many objects of a side were read so far.
    Reading {
        /// The store's name.
        store: &'a str,
        /// The class.
        class: &'a Class,
        /// How many.
        objects: u64,
    },
    /// So many entries are about to be applied.
    Applying {
        /// How many.
        entries: u64,
    },
    /// An entry has its outcome.
    Entry(&'a EntryReport),
    /// The run is over.
    Finished(&'a Report),
}
