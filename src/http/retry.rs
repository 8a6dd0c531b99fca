//! How often a request is repeated, and how long to wait in between.

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::error::{Error, Retry};

/// The longest wait that is believed, whatever the other side asks for.
const MAX_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// How often a request is repeated, and for how long in all.
///
/// What is repeated at all does not depend on the policy: a request that was surely not carried out (429, 503, no
/// connection) always may be; a lost answer only where repeating does no harm (reads, `PATCH`, `PUT`, `DELETE`, never
/// `POST`). The service's `Retry-After` is kept to; where it says nothing the wait doubles from
/// [`first_delay`](Self::with_first_delay) to [`max_delay`](Self::with_max_delay), shortened at random by up to half.
///
/// The default: 6 attempts, 1 s doubling up to 30 s, 5 minutes in all.
///
/// See [throttling guidance](https://learn.microsoft.com/graph/throttling).
///
/// # Examples
///
/// ```
/// use entrant::http::RetryPolicy;
/// use std::time::Duration;
///
/// let patient = RetryPolicy::default().with_max_attempts(10).with_deadline(Duration::from_secs(1_800));
/// assert_ne!(patient, RetryPolicy::default());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    max_attempts: u32,
    first_delay: Duration,
    max_delay: Duration,
    deadline: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 6,
            first_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(30),
            deadline: Duration::from_secs(300),
        }
    }
}

impl RetryPolicy {
    /// Every request is sent once.
    #[must_use]
    pub fn never() -> Self {
        Self::default().with_max_attempts(1)
    }

    /// How often a request is sent in all; 0 counts as 1.
    #[must_use]
    pub fn with_max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// The wait before the second attempt where the service does not say how long.
    #[must_use]
    pub fn with_first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay;
        self
    }

    /// The longest wait where the service does not say how long.
    #[must_use]
    pub fn with_max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// How long a request may take in all, with its attempts, the waits between them, for its turn and for a
    /// token: an attempt that would begin later is not made. An attempt or a request for a token that is under way is
    /// not cut off; the transport's own time limit ends it.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

/// The count of one request's attempts.
#[derive(Debug, Clone)]
pub(crate) struct Attempts {
    started: OffsetDateTime,
    made: u32,
}

impl Attempts {
    /// Starts with the first attempt.
    pub(crate) fn begin(now: OffsetDateTime) -> Self {
        Self { started: now, made: 1 }
    }

    /// How much of the time for all of it is left.
    pub(crate) fn left(&self, policy: &RetryPolicy, now: OffsetDateTime) -> Duration {
        policy.deadline.saturating_sub(self.spent(now))
    }

    /// Whether no attempt may begin any more.
    pub(crate) fn is_late(&self, policy: &RetryPolicy, now: OffsetDateTime) -> bool {
        self.spent(now) > policy.deadline
    }

    fn spent(&self, now: OffsetDateTime) -> Duration {
        Duration::try_from(now - self.started).unwrap_or_default()
    }

    /// Which attempt is under way, from 1.
    pub(crate) fn number(&self) -> u32 {
        self.made
    }

    /// How long to wait before the next attempt, which counts as begun, or `None` if the error is final.
    pub(crate) fn next(&mut self, policy: &RetryPolicy, now: OffsetDateTime, error: &Error) -> Option<Duration> {
        let delay = match error.retry() {
            Retry::Never => return None,
            Retry::Later => self.back_off(policy, now),
            Retry::After(delay) => delay.min(MAX_WAIT),
        };
        if self.made >= policy.max_attempts || self.spent(now).saturating_add(delay) > policy.deadline {
            return None;
        }
        self.made += 1;
        Some(delay)
    }

    fn back_off(&self, policy: &RetryPolicy, now: OffsetDateTime) -> Duration {
        let doubled = policy.first_delay.saturating_mul(1 << (self.made - 1).min(20));
        jittered(doubled.min(policy.max_delay).min(MAX_WAIT), now)
    }
}

/// How long the answer asks to wait: seconds (whole or decimal) or a date. Nonsense is as if nothing was said.
pub(crate) fn retry_after(headers: &HeaderMap, now: OffsetDateTime) -> Option<Duration> {
    parse_retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, now)
}

pub(crate) fn parse_retry_after(text: &str, now: OffsetDateTime) -> Option<Duration> {
    let text = text.trim();
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        if !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return None;
        }
        let seconds: f64 = text.parse().ok()?;
        return Some(Duration::try_from_secs_f64(seconds).unwrap_or(MAX_WAIT).min(MAX_WAIT));
    }
    let date = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    // A date that has passed asks for no wait.
    Some(Duration::try_from(date - now).unwrap_or_default().min(MAX_WAIT))
}

/// Between half of the delay and the whole, so that many clients do not come back at one moment. By the clock's fraction
/// of a second, which is another for each of them; so that in virtual time the same happens each time.
fn jittered(delay: Duration, now: OffsetDateTime) -> Duration {
    let mixed = hmac_sha256::Hash::hash(&now.unix_timestamp_nanos().to_le_bytes());
    let random = u32::from_le_bytes([mixed[0], mixed[1], mixed[2], mixed[3]]);
    delay.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-01-15 09:30:00 UTC);

    #[test]
    fn retry_after_in_all_its_forms() {
        let table: &[(&str, Option<f64>)] = &[
            ("10", Some(10.0)),
            ("0", Some(0.0)),
            ("2.128", Some(2.128)),
            (" 3 ", Some(3.0)),
            ("Thu, 15 Jan 2026 09:30:20 GMT", Some(20.0)),
            ("Thu, 15 Jan 2026 09:29:00 GMT", Some(0.0)),
            ("99999999999999999999999999", Some(86_400.0)),
            ("Fri, 15 Jan 2100 09:30:20 GMT", Some(86_400.0)),
            ("-5", None),
            ("1e400", None),
            ("inf", None),
            ("NaN", None),
            ("1.2.3", None),
            ("soon", None),
            ("", None),
        ];
        for (text, expected) in table {
            let parsed = parse_retry_after(text, NOW).map(|delay| delay.as_secs_f64());
            assert_eq!(parsed, *expected, "{text:?}");
        }
    }

    #[test]
    fn the_service_says_how_long() {
        let policy = RetryPolicy::default();
        let mut attempts = Attempts::begin(NOW);
        let asked = Error::new(ErrorKind::Throttled, "x").with_retry(Retry::After(Duration::from_millis(2_128)));
        assert_eq!(attempts.next(&policy, NOW, &asked), Some(Duration::from_millis(2_128)));
        assert_eq!(attempts.number(), 2);
        let too_long = Error::new(ErrorKind::Throttled, "x").with_retry(Retry::After(Duration::from_secs(301)));
        assert_eq!(attempts.next(&policy, NOW, &too_long), None, "never earlier than asked, so not at all");
    }

    #[test]
    fn the_wait_doubles_up_to_its_cap_and_ends() {
        let policy = RetryPolicy::default().with_max_attempts(40).with_deadline(Duration::from_secs(1_000_000));
        let error = Error::new(ErrorKind::Unavailable, "x").with_retry(Retry::Later);
        let mut attempts = Attempts::begin(NOW);
        for whole in [1.0, 2.0, 4.0, 8.0, 16.0].into_iter().chain([30.0; 34]) {
            let delay = attempts.next(&policy, NOW, &error).expect("attempts are left").as_secs_f64();
            assert!((whole / 2.0..=whole).contains(&delay), "{delay} of {whole}");
        }
        assert_eq!(attempts.next(&policy, NOW, &error), None);
    }

    #[test]
    fn the_deadline_ends_it() {
        let error = Error::new(ErrorKind::Unavailable, "x").with_retry(Retry::Later);
        let mut attempts = Attempts::begin(NOW);
        let late = NOW + Duration::from_secs(300);
        assert_eq!(attempts.next(&RetryPolicy::default(), late, &error), None);
        let never = Error::new(ErrorKind::Invalid, "x");
        assert_eq!(Attempts::begin(NOW).next(&RetryPolicy::default(), NOW, &never), None);
        assert_eq!(Attempts::begin(NOW).next(&RetryPolicy::never(), NOW, &error), None);
    }
}
