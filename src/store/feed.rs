//! What changed in a store in memory, from the first cursor on.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::Cursor;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Class, ObjectId, Record};

/// What begins a cursor of this form.
const FORM: &str = "memory-1";

/// The ids of objects that changed, in order. The oldest are forgotten once there are too many.
///
/// Each position has a mark of all that the store held and of all that changed since, so that a cursor of another store,
/// or of an earlier life of this one, is told from its own.
#[derive(Debug)]
pub(super) struct Feed {
    changes: VecDeque<(ObjectId, u64)>,
    max_changes: usize,
    /// How many were forgotten, and the mark after these.
    forgotten: (u64, u64),
}

impl Feed {
    /// Begins with what the store holds now.
    pub(super) fn begin<'a>(records: impl Iterator<Item = &'a Record>, max_changes: usize) -> Self {
        // In any order.
        let mark = records.map(mark_of).fold(0, u64::wrapping_add);
        Self { changes: VecDeque::new(), max_changes, forgotten: (0, mark) }
    }

    /// Takes note of a change of an object, which now has these records.
    pub(super) fn note<'a>(&mut self, id: &ObjectId, records: impl Iterator<Item = &'a Record>) {
        let mut hasher = DefaultHasher::new();
        self.mark().hash(&mut hasher);
        id.hash(&mut hasher);
        records.for_each(|record| mark_of(record).hash(&mut hasher));
        self.changes.push_back((id.clone(), hasher.finish()));
        while self.changes.len() > self.max_changes
            && let Some((_, mark)) = self.changes.pop_front()
        {
            self.forgotten = (self.forgotten.0.saturating_add(1), mark);
        }
    }

    /// A cursor for what changes from now on.
    pub(super) fn cursor(&self, class: &Class) -> Cursor {
        let position = self.forgotten.0.saturating_add(self.changes.len() as u64);
        Cursor::new(format!("{FORM} {position} {:016x} {class}", self.mark()))
    }

    /// The objects of a class that changed since a cursor, each once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::CursorExpired`] if the cursor is not one of this store and class, or what changed next was forgotten.
    pub(super) fn since(&self, class: &Class, cursor: &Cursor) -> Result<Vec<&ObjectId>> {
        let seen = self.seen(class, cursor).ok_or_else(expired)?;
        let mut told = HashSet::new();
        let changed = self.changes.iter().skip(seen).map(|(id, _)| id);
        Ok(changed.filter(|id| id.class == *class && told.insert(*id)).collect())
    }

    /// How many of the changes somebody knows who has this cursor, if it is good.
    fn seen(&self, class: &Class, cursor: &Cursor) -> Option<usize> {
        let mut parts = cursor.as_str().splitn(4, ' ');
        let (form, position, mark, of) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let (position, mark) = (position.parse::<u64>().ok()?, u64::from_str_radix(mark, 16).ok()?);
        let seen = usize::try_from(position.checked_sub(self.forgotten.0)?).ok()?;
        let own = match seen.checked_sub(1) {
            None => self.forgotten.1,
            Some(last) => self.changes.get(last)?.1,
        };
        (form == FORM && of == class.as_str() && mark == own).then_some(seen)
    }

    fn mark(&self) -> u64 {
        self.changes.back().map_or(self.forgotten.1, |(_, mark)| *mark)
    }
}

pub(super) fn expired() -> Error {
    Error::new(
        ErrorKind::CursorExpired,
        "the cursor is not one of this store and class, or what changed since is forgotten",
    )
}

fn mark_of(record: &Record) -> u64 {
    let mut hasher = DefaultHasher::new();
    record.id.hash(&mut hasher);
    record.attributes.iter().for_each(|pair| pair.hash(&mut hasher));
    hasher.finish()
}
