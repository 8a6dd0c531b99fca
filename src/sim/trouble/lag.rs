//! Replicas that hear late of what was written.

use std::time::Duration;

use time::OffsetDateTime;

/// What reads, each from a replica of its own: for [`SimBuilder::lag_of`](crate::sim::SimBuilder::lag_of).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reads {
    /// Reads of one object by id or name, and writes to it, which must find it first.
    Objects,
    /// Lists, with or without a `$filter`.
    Lists,
    /// Lists and counts with `ConsistencyLevel: eventual`, which an index answers: `$search`, `$count` and whatever else is
    /// an advanced query.
    Index,
    /// `delta`.
    Changes,
    /// Links: both ends of a new member, owner or manager.
    References,
}

const ALL: [Reads; 5] = [Reads::Objects, Reads::Lists, Reads::Index, Reads::Changes, Reads::References];

/// How late each hears of what clients write.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Lags {
    by: [Duration; ALL.len()],
}

impl Lags {
    pub(crate) fn all(by: Duration) -> Self {
        Self { by: [by; ALL.len()] }
    }

    pub(crate) fn set(&mut self, reads: Reads, by: Duration) {
        self.by[reads as usize] = by;
    }

    fn of(self, reads: Reads) -> time::Duration {
        self.by[reads as usize].try_into().unwrap_or(time::Duration::MAX)
    }

    /// When a write of a client is seen: by reads of one object.
    pub(crate) fn written(self, now: OffsetDateTime) -> Lag {
        let is_kept = self.by.iter().any(|by| !by.is_zero());
        Lag { now, by: self.by[Reads::Objects as usize], is_kept }
    }

    /// What time it is for a reader, if everything is dated by when reads of one object see it.
    pub(crate) fn clock(self, reads: Reads, now: OffsetDateTime) -> OffsetDateTime {
        now.saturating_add(self.of(Reads::Objects).saturating_sub(self.of(reads)))
    }

    /// The latest of these clocks: what is dated before is known to all.
    pub(crate) fn settled(self, now: OffsetDateTime) -> OffsetDateTime {
        ALL.into_iter().map(|reads| self.clock(reads, now)).min().unwrap_or(now)
    }
}

/// When a change is seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lag {
    pub(crate) now: OffsetDateTime,
    pub(crate) by: Duration,
    /// Whether others may see it later than reads of one object do.
    is_kept: bool,
}

impl Lag {
    /// From when on reads of one object see it.
    pub(crate) fn end(self) -> OffsetDateTime {
        self.now.saturating_add(self.by.try_into().unwrap_or(time::Duration::MAX))
    }

    /// At once, by everybody.
    pub(crate) fn none(now: OffsetDateTime) -> Self {
        Self { now, by: Duration::ZERO, is_kept: false }
    }

    /// At least so much later.
    pub(crate) fn at_least(self, by: Duration) -> Self {
        Self { by: self.by.max(by), ..self }
    }

    pub(crate) fn is_none(self) -> bool {
        self.by.is_zero() && !self.is_kept
    }

    /// Since when it is seen, for logs that tell everybody in time.
    pub(crate) fn dated(self) -> OffsetDateTime {
        if self.is_none() { OffsetDateTime::UNIX_EPOCH } else { self.end() }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn each_reader_has_a_clock_of_its_own() {
        let now = datetime!(2026-03-04 10:15:30 UTC);
        let seconds = Duration::from_secs;
        let mut lags = Lags::all(seconds(4));
        assert_eq!(lags.clock(Reads::Index, now), now);
        lags.set(Reads::Index, seconds(10));
        lags.set(Reads::Changes, seconds(1));
        let end = lags.written(now).end();
        let first = |reads| (0..20).find(|later| lags.clock(reads, now + seconds(*later)) >= end);
        for (reads, expected) in [(Reads::Objects, 4), (Reads::Lists, 4), (Reads::Index, 10), (Reads::Changes, 1)] {
            assert_eq!(first(reads), Some(expected), "{reads:?}");
        }
        assert_eq!(lags.settled(now), now - seconds(6));
        let mut late = Lags::default();
        assert!(late.written(now).is_none());
        late.set(Reads::Lists, Duration::MAX);
        assert!(!late.written(now).is_none() && late.clock(Reads::Lists, now) < now);
    }
}
