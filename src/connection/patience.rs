//! Waiting for what was just made to reach all of the service.

use std::time::Duration;

use time::OffsetDateTime;

/// The waits between tries: 2, 4, 8, 16 and then 30 seconds each, as long as they end in time.
///
/// Nobody promises how long it takes: seconds as a rule, and minutes at times.
#[derive(Debug)]
pub(super) struct Waits {
    end: OffsetDateTime,
    next: Duration,
}

const LONGEST: Duration = Duration::from_secs(30);

impl Waits {
    pub(super) fn new(now: OffsetDateTime, patience: Duration) -> Self {
        Self { end: crate::clock::later(now, patience), next: Duration::from_secs(2) }
    }

    /// How long to wait before the next try; nothing if it would come too late.
    pub(super) fn next(&mut self, now: OffsetDateTime) -> Option<Duration> {
        let wait = self.next;
        self.next = (wait * 2).min(LONGEST);
        (now + wait <= self.end).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let mut now = OffsetDateTime::UNIX_EPOCH;
        let mut waits = Waits::new(now, Duration::from_secs(100));
        let mut all = Vec::new();
        while let Some(wait) = waits.next(now) {
            all.push(wait.as_secs());
            now += wait;
        }
        assert_eq!(all, [2, 4, 8, 16, 30, 30]);
    }
}
