//! When a run stops trying: nothing gets through any more, or its time is up.

use time::OffsetDateTime;

use super::Outcome;
use super::apply::Progress;
use crate::error::{Error, ErrorKind};

/// After so many writes in a row that did not get through, each after all its attempts, no other is tried.
const MAX_LOST: u32 = 40;

/// What is known of the way to the target while a plan is applied.
#[derive(Debug)]
pub(super) struct Reach {
    /// When no further write may begin.
    deadline: Option<OffsetDateTime>,
    /// How many writes in a row did not get through.
    lost: u32,
    /// Why the last one did not.
    last: Option<String>,
}

impl Reach {
    pub(super) fn until(deadline: Option<OffsetDateTime>) -> Self {
        Self { deadline, lost: 0, last: None }
    }

    /// The target answered a write, or did not.
    pub(super) fn answered<T>(&mut self, answer: &Result<T, Error>) {
        match answer {
            Err(error) if passes(error.kind()) => {
                self.lost = self.lost.saturating_add(1);
                self.last = Some(error.to_chain());
            }
            _ => self.lost = 0,
        }
    }

    /// Why no further write is tried, if so.
    pub(super) fn given_up(&self, now: OffsetDateTime) -> Option<String> {
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            return Some("not tried: the time for this run was up".to_owned());
        }
        let last = self.last.as_ref().filter(|_| self.lost >= MAX_LOST)?;
        Some(format!("not tried: {} writes in a row did not get through, the last one: {last}", self.lost))
    }
}

/// Whether a failure is one of the way there, which passes by itself: the same write may go through in the next run.
pub(super) fn passes(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Throttled | ErrorKind::Transport | ErrorKind::Unavailable | ErrorKind::TimedOut)
}

impl Progress<'_> {
    /// Leaves entries to the next run.
    pub(super) fn put_off(&mut self, window: &[usize], reason: &str) {
        for &at in window {
            self.settle(at, Outcome::Pending { reason: reason.to_owned() });
            self.tell_if_done(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-01-15 09:30:00 UTC);

    fn answers(reach: &mut Reach, kind: Option<ErrorKind>, times: u32) {
        for _ in 0..times {
            reach.answered(&kind.map_or(Ok(()), |kind| Err(Error::new(kind, "no way"))));
        }
    }

    #[test]
    fn only_what_never_gets_through_is_given_up() {
        let mut reach = Reach::until(None);
        answers(&mut reach, Some(ErrorKind::Unavailable), MAX_LOST - 1);
        assert_eq!(reach.given_up(NOW), None);
        answers(&mut reach, Some(ErrorKind::Forbidden), 1);
        answers(&mut reach, Some(ErrorKind::Transport), MAX_LOST - 1);
        answers(&mut reach, None, 1);
        answers(&mut reach, Some(ErrorKind::Throttled), MAX_LOST - 1);
        assert_eq!(reach.given_up(NOW), None, "an answer of any kind shows that the target is there");
        answers(&mut reach, Some(ErrorKind::TimedOut), 1);
        let reason = reach.given_up(NOW).expect("given up");
        assert!(reason.contains("40 writes") && reason.contains("no way"), "{reason}");
    }

    #[test]
    fn the_time_is_up_at_the_deadline() {
        let reach = Reach::until(Some(NOW));
        assert_eq!(reach.given_up(NOW - std::time::Duration::from_secs(1)), None);
        assert!(reach.given_up(NOW).is_some_and(|reason| reason.contains("time")));
    }
}
