//! Writes that failed, and when they are tried again; jobs that apply nothing until they are released.

use std::collections::{HashMap, HashSet};
use std::fmt;

use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::macros::format_description;

use super::Job;
use super::apply::Progress;
use super::ledger::{Ledger, decode, encode};
use super::run::is_of_all;
use super::work::Work;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::reconcile::{EntryKey, Hold, Holds, Lane, Part, Plan};
use crate::store::{Batch, Table};

/// How long after the first failure, and after the second; then as long as after the last, each time.
const WAITS: [time::Duration; 3] = [time::Duration::hours(6), time::Duration::hours(12), time::Duration::DAY];
/// So long after the first failure nothing is tried any more by itself.
const GIVEN_UP: time::Duration = time::Duration::days(28);
/// Of fewer attempts in a run nothing follows for the job.
const ENOUGH_ATTEMPTS: u64 = 100;
/// More failures than this, in percent, and the job is in quarantine.
const MAX_FAILURES: u64 = 40;
/// Of an error so much is kept.
const LONGEST_MESSAGE: usize = 1_000;

/// A job in quarantine: it plans, and applies nothing until it is [released](Job::release).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Quarantine {
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Quarantine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "in quarantine since {}: {}", minute(self.since), self.reason)
    }
}

/// A write that failed, and failed again as often as it was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Failure {
    key: EntryKey,
    lane: Lane,
    /// What was to be written: a digest.
    input: String,
    attempts: u32,
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    last: OffsetDateTime,
    message: String,
}

/// What became of the writes of a run, and of those that failed before.
#[derive(Debug, Default)]
pub(super) struct Trials {
    failures: HashMap<(EntryKey, Lane), Failure>,
    /// What failed in this run: two parts of one entry are one attempt.
    fresh: HashSet<(EntryKey, Lane)>,
    attempts: u64,
    failed: u64,
    /// What is wrong with the credentials, if that is why nothing goes through.
    refused: Option<String>,
}

impl Failure {
    /// When it is tried again; `None` if it is not by itself.
    fn next(&self) -> Option<OffsetDateTime> {
        let place = usize::try_from(self.attempts.saturating_sub(1)).unwrap_or(usize::MAX).min(WAITS.len() - 1);
        self.last.checked_add(WAITS[place]).filter(|next| *next - self.since <= GIVEN_UP)
    }

    /// Whether it is tried again by now; also if the clock was set back to before it failed.
    fn is_due(&self, now: OffsetDateTime) -> bool {
        now < self.last || self.next().is_some_and(|next| next <= now)
    }

    fn describe(&self) -> String {
        let times = if self.attempts == 1 { "once".to_owned() } else { format!("{} times", self.attempts) };
        let (since, last) = (minute(self.since), minute(self.last));
        let failed = match self.attempts {
            1 => format!("failed {times}, {last}"),
            _ => format!("failed {times} since {since}, last {last}"),
        };
        let next = match self.next() {
            Some(next) => format!("tried again from {}, at once if it changes or by hand", minute(next)),
            None => "no longer tried by itself; mend it, and it is tried when it changes or by hand".to_owned(),
        };
        format!("{failed}: {}; {next}", self.message)
    }

    fn hold(&self) -> Hold {
        Hold { input: self.input.clone(), until: self.next(), message: self.describe() }
    }
}

impl Job {
    /// Whether the job is in quarantine, and why.
    ///
    /// # Errors
    ///
    /// Whatever the state fails with.
    pub async fn quarantine(&self) -> Result<Option<Quarantine>> {
        self.ledger.quarantine(&self.name).await
    }

    /// Takes the job out of its quarantine, once what put it there is mended: its plans can be applied as before.
    ///
    /// What failed object by object is tried again in the next run, whatever it waits for. A job that is not in
    /// quarantine can be released for that alone.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Leased`] if a run is at work; whatever the state fails with.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(job: entrant::Job) -> entrant::Result<()> {
    /// if let Some(quarantine) = job.quarantine().await? {
    ///     println!("{} since {}", quarantine.reason, quarantine.since);
    ///     job.release().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn release(&self) -> Result<()> {
        let lease = self.take_lease().await?;
        let done = async {
            let mut batch = Batch::new();
            self.ledger.remove_quarantine(&mut batch, &self.name);
            for failure in self.ledger.failures(&self.name).await? {
                self.ledger.remove_failure(&mut batch, &self.name, &failure.key, failure.lane);
            }
            self.ledger.state().commit(&lease, batch).await
        };
        let done = done.await;
        self.give_back(lease).await;
        done
    }

    /// Puts the job in quarantine if its credentials are refused, which no retry heals.
    pub(super) async fn note_refusal(&self, error: &Error) {
        if !is_refused_credential(error) {
            return;
        }
        let note = async {
            // Whoever is at work finds out by himself.
            let lease = self.take_lease().await?;
            let done = self.put_in_quarantine(&lease, refused_credentials(&error.to_chain())).await;
            self.give_back(lease).await;
            done
        };
        if let Err(error) = note.await {
            tracing::warn!(error = %error.to_chain(), "the job could not be put in quarantine");
        }
    }

    async fn put_in_quarantine(&self, lease: &crate::store::Lease, reason: String) -> Result<()> {
        let mut batch = Batch::new();
        if self.quarantine().await?.is_none() {
            self.ledger.put_quarantine(&mut batch, &self.name, &Quarantine { since: self.clock.now(), reason });
            self.ledger.state().commit(lease, batch).await?;
        }
        Ok(())
    }

    /// Refuses to apply anything while the job is in quarantine.
    pub(super) async fn refuse_in_quarantine(&self) -> Result<()> {
        let Some(Quarantine { since, reason }) = self.quarantine().await? else { return Ok(()) };
        Err(Error::new(
            ErrorKind::Quarantined,
            format!("the job is in quarantine: {reason}; mend that, then release the job with Job::release()"),
        )
        .with_context("job", &self.name)
        .with_context("since", minute(since)))
    }

    /// What failed before and is not to be tried now.
    pub(super) async fn holds(&self, now: OffsetDateTime) -> Result<Holds> {
        let failures = self.ledger.failures(&self.name).await?;
        let waiting = failures.into_iter().filter(|failure| !failure.is_due(now));
        Ok(waiting.map(|failure| ((failure.key.clone(), failure.lane), failure.hold())).collect())
    }

    /// What failed before of one source object, for people.
    pub(super) async fn failures_of(&self, key: &EntryKey) -> Result<Vec<String>> {
        let failures = self.ledger.failures(&self.name).await?;
        Ok(failures.iter().filter(|failure| failure.key == *key).map(Failure::describe).collect())
    }

    /// What failed before, for a run; and forgets what the plan shows to be over: what it does not list although it
    /// looked at everything, and what something else stands in the way of, so that it is tried once that is mended.
    pub(super) async fn trials(&self, plan: &Plan, batch: &mut Batch) -> Result<Trials> {
        let mut trials = Trials::default();
        let failures = self.ledger.failures(&self.name).await?;
        if failures.is_empty() {
            return Ok(trials);
        }
        let whole = is_of_all(plan);
        let listed: HashSet<&EntryKey> = plan.entries().iter().map(|entry| &entry.key).collect();
        let barred = |entry: &&crate::reconcile::Entry| !entry.runs() && !entry.is_held();
        let barred: HashSet<&EntryKey> = plan.entries().iter().filter(barred).map(|entry| &entry.key).collect();
        for failure in failures {
            if barred.contains(&failure.key) || (whole && !listed.contains(&failure.key)) {
                self.ledger.remove_failure(batch, &self.name, &failure.key, failure.lane);
            } else {
                trials.failures.insert((failure.key.clone(), failure.lane), failure);
            }
        }
        Ok(trials)
    }
}

impl Trials {
    /// Why the job is to be in quarantine after this run, if it is.
    fn verdict(&self) -> Option<String> {
        if let Some(refused) = &self.refused {
            return Some(refused.clone());
        }
        let Self { attempts, failed, .. } = self;
        let too_many =
            *attempts >= ENOUGH_ATTEMPTS && failed.saturating_mul(100) > attempts.saturating_mul(MAX_FAILURES);
        too_many.then(|| format!("{failed} of {attempts} writes of a run failed, more than {MAX_FAILURES} %"))
    }
}

impl Progress<'_> {
    /// A write went through: what failed before is forgotten.
    pub(super) fn succeeded(&mut self, batch: &mut Batch, work: &Work) {
        let Some(lane) = lane(work.part) else { return };
        self.trials.attempts += 1;
        let key = (work.intent.key.clone(), lane);
        // One part that went through does not make up for another.
        if !self.trials.fresh.contains(&key) && self.trials.failures.remove(&key).is_some() {
            self.job.ledger.remove_failure(batch, self.job.name(), &key.0, lane);
        }
    }

    /// A write failed for good: it is remembered when it is to be tried again, unless that has nothing to do with what
    /// was written.
    pub(super) fn failed(&mut self, batch: &mut Batch, work: &Work, error: &Error, message: &str) -> Result<()> {
        if is_refused_credential(error) {
            self.trials.refused.get_or_insert_with(|| refused_credentials(message));
        }
        let Some(lane) = lane(work.part).filter(|_| error.kind() != ErrorKind::Throttled) else { return Ok(()) };
        self.trials.attempts += 1;
        self.trials.failed += 1;
        let mapping = &self.job.ready(&work.intent.key)?.mapping;
        let Some(input) = self.entry(work.at).input(lane, mapping).filter(|_| is_about_the_object(error)) else {
            return Ok(());
        };
        let now = self.now();
        let key = work.intent.key.clone();
        if !self.trials.fresh.insert((key.clone(), lane)) {
            return Ok(());
        }
        let before = self.trials.failures.remove(&(key.clone(), lane)).filter(|before| before.input == input);
        let message: String = message.chars().take(LONGEST_MESSAGE).collect();
        let failure = match before {
            Some(before) => Failure { attempts: before.attempts.saturating_add(1), last: now, message, ..before },
            None => Failure { key: key.clone(), lane, input, attempts: 1, since: now, last: now, message },
        };
        self.job.ledger.put_failure(batch, self.job.name(), &failure);
        self.trials.failures.insert((key, lane), failure);
        Ok(())
    }

    /// Whether nothing can go through any more.
    pub(super) fn is_refused(&self) -> bool {
        self.trials.refused.is_some()
    }

    /// Puts the job in quarantine if this run says so. Gives why.
    pub(super) async fn judge(&mut self) -> Result<Option<String>> {
        let Some(reason) = self.trials.verdict() else { return Ok(None) };
        self.renew().await?;
        self.job.put_in_quarantine(&self.lease, reason.clone()).await?;
        Ok(Some(reason))
    }
}

/// What fails by itself, and is held back by itself. References do not count.
fn lane(part: Part) -> Option<Lane> {
    match part {
        Part::Restore | Part::Temporary | Part::Main | Part::Status => Some(Lane::Object),
        Part::Licenses => Some(Lane::Licenses),
        Part::References => None,
    }
}

/// Whether a failure may have to do with what was written: not if the target could not be reached or was not ready.
fn is_about_the_object(error: &Error) -> bool {
    use ErrorKind as K;
    let elsewhere = [
        K::Throttled,
        K::Unauthenticated,
        K::Transport,
        K::Unavailable,
        K::TimedOut,
        K::Store,
        K::NotReady,
        K::Leased,
        K::Quarantined,
    ];
    error.retry() == Retry::Never && !elsewhere.contains(&error.kind())
}

fn is_refused_credential(error: &Error) -> bool {
    error.kind() == ErrorKind::Unauthenticated && error.retry() == Retry::Never
}

fn refused_credentials(message: &str) -> String {
    format!("the credentials are refused: {message}")
}

fn minute(moment: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    let utc = moment.checked_to_offset(time::UtcOffset::UTC);
    utc.and_then(|utc| utc.format(format).ok()).unwrap_or_else(|| moment.to_string())
}

impl Ledger {
    async fn failures(&self, job: &str) -> Result<Vec<Failure>> {
        let stored = self.state().scan(Table::Quarantine, &self.prefix(&[job]));
        stored.and_then(|(_, bytes)| async move { decode(Table::Quarantine, &bytes) }).try_collect().await
    }

    fn put_failure(&self, batch: &mut Batch, job: &str, failure: &Failure) {
        batch.put(Table::Quarantine, self.failure_key(job, &failure.key, failure.lane), encode(failure));
    }

    fn remove_failure(&self, batch: &mut Batch, job: &str, key: &EntryKey, lane: Lane) {
        batch.remove(Table::Quarantine, self.failure_key(job, key, lane));
    }

    fn failure_key(&self, job: &str, key: &EntryKey, lane: Lane) -> Vec<u8> {
        let key = serde_json::to_string(key).expect("a key has only text");
        self.key(&[job, &key, lane.as_str()])
    }

    async fn quarantine(&self, job: &str) -> Result<Option<Quarantine>> {
        let Some(bytes) = self.state().get(Table::Quarantine, &self.key(&[job])).await? else { return Ok(None) };
        decode(Table::Quarantine, &bytes).map(Some)
    }

    fn put_quarantine(&self, batch: &mut Batch, job: &str, quarantine: &Quarantine) {
        batch.put(Table::Quarantine, self.key(&[job]), encode(quarantine));
    }

    fn remove_quarantine(&self, batch: &mut Batch, job: &str) {
        batch.remove(Table::Quarantine, self.key(&[job]));
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_quarantine_is_told_in_a_line() {
        let since = datetime!(2026-01-01 9:30 +1);
        let told = Quarantine { since, reason: "60 of 100 writes failed".to_owned() }.to_string();
        assert_eq!(told, "in quarantine since 2026-01-01 08:30 UTC: 60 of 100 writes failed");
    }

    fn failure(attempts: u32, last: OffsetDateTime) -> Failure {
        let key = serde_json::from_value(serde_json::json!({ "mapping": "m", "end": "source", "id": "1" }));
        Failure {
            key: key.expect("a key"),
            lane: Lane::Object,
            input: String::new(),
            attempts,
            since: datetime!(2026-01-01 0:00 UTC),
            last,
            message: "refused".to_owned(),
        }
    }

    #[test]
    fn attempts_are_spaced_out_until_they_end() {
        #[rustfmt::skip]
        let table = [
            (1, datetime!(2026-01-01 0:00 UTC), Some(datetime!(2026-01-01 6:00 UTC)), "six hours"),
            (2, datetime!(2026-01-01 6:00 UTC), Some(datetime!(2026-01-01 18:00 UTC)), "twelve"),
            (3, datetime!(2026-01-01 18:00 UTC), Some(datetime!(2026-01-02 18:00 UTC)), "a day"),
            (4, datetime!(2026-01-02 18:00 UTC), Some(datetime!(2026-01-03 18:00 UTC)), "a day each time"),
            (29, datetime!(2026-01-28 0:00 UTC), Some(datetime!(2026-01-29 0:00 UTC)), "the 28th day is the last"),
            (29, datetime!(2026-01-28 0:01 UTC), None, "not after it"),
            (u32::MAX, datetime!(2026-06-01 0:00 UTC), None, "never again"),
            (0, datetime!(2026-01-01 0:00 UTC), Some(datetime!(2026-01-01 6:00 UTC)), "nonsense does no harm"),
        ];
        for (attempts, last, next, why) in table {
            let failure = failure(attempts, last);
            assert_eq!(failure.next(), next, "{why}");
            assert!(!failure.is_due(last), "{why}");
            assert!(failure.is_due(last - time::Duration::SECOND), "{why}: a clock that was set back");
            if let Some(next) = next {
                assert!(!failure.is_due(next - time::Duration::SECOND) && failure.is_due(next), "{why}");
            }
        }
    }

    #[test]
    fn few_failures_or_few_attempts_are_no_reason() {
        #[rustfmt::skip]
        let table = [(99, 99, false), (100, 40, false), (100, 41, true), (1_000, 400, false), (1_000, 401, true), (0, 0, false)];
        for (attempts, failed, expected) in table {
            let trials = Trials { attempts, failed, ..Trials::default() };
            assert_eq!(trials.verdict().is_some(), expected, "{failed} of {attempts}");
        }
    }
}
