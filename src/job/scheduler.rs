//! A job that runs by itself, when its schedule says.

use std::collections::VecDeque;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::{Apply, Buckets, Job, Report, Run, RunStatus, Schedule, SyncStatus};
use crate::error::{ErrorKind, Result};

/// How many runs are remembered unless told otherwise.
const KEPT: usize = 100;
/// The longest sleep: after it the clock is looked at again, which may have been set, or have stood still with the
/// machine.
const NAP: Duration = Duration::from_secs(60);
/// How far the clock may go back and count as corrected: no moment comes twice then. One that goes back further was wrong
/// before, and so were the moments that came.
const CORRECTION: time::Duration = time::Duration::minutes(5);
/// How many missed moments are counted at once.
const COUNTED: u64 = 10_000;

/// Runs a job whenever its schedule says, one run after the other.
///
/// Runs never overlap: a moment that comes while a run goes on is missed, and counted. So it is across programs, by the
/// lease on the link set: a run that finds another at work is [skipped](PastRun). A guard that stops a run is its
/// status, and stops no later run.
///
/// Time is the [job's clock](super::JobBuilder::clock). If it is set back by five minutes or less, no moment has a second
/// run. If it is set back further it was wrong before: a warning is logged, and the schedule goes on from the time that it
/// shows now, within a minute; moments that come again have runs again.
///
/// Dropping it is [`stop`](Self::stop) without waiting.
///
/// # Examples
///
/// ```no_run
/// # use std::sync::Arc;
/// # use entrant::job::{Job, Schedule, ScheduleError, Scheduler};
/// # use time::UtcOffset;
/// # async fn example(job: Job) -> Result<(), ScheduleError> {
/// let scheduler = Scheduler::builder(Arc::new(job), Schedule::unix("*/15 * * * *", UtcOffset::UTC)?).start();
/// println!("{:?}", scheduler.status().next);
/// scheduler.run_now(); // beside the schedule
/// tokio::signal::ctrl_c().await.ok();
/// for run in scheduler.stop().await {
///     println!("{run}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Scheduler {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

/// Settings of a [`Scheduler`].
#[derive(Debug)]
#[must_use]
pub struct SchedulerBuilder {
    job: Arc<Job>,
    schedule: Schedule,
    run: Run,
    apply: Apply,
    kept: usize,
}

#[derive(Debug)]
struct Shared {
    board: Mutex<Board>,
    now: Notify,
}

#[derive(Debug)]
struct Board {
    status: SchedulerStatus,
    kept: usize,
    history: VecDeque<PastRun>,
    report: Option<Arc<Report>>,
}

/// What ended a wait.
enum Waited {
    /// The moment came.
    UntilDue,
    /// The clock shows a time long before that since which it was waited.
    UntilSetBack,
}

/// How a [`Scheduler`] stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SchedulerStatus {
    /// The job.
    pub job: String,
    /// What it does now.
    pub state: SchedulerState,
    /// When the next run is due, as far as is known now; `None` if no moment of the schedule is to come, of which a warning
    /// is logged, or after the end.
    #[serde(with = "time::serde::rfc3339::option")]
    pub next: Option<OffsetDateTime>,
    /// How many runs there were.
    pub runs: u64,
    /// How many moments of the schedule had no run of their own: they came while a run went on, or the clock passed over
    /// them.
    pub missed: u64,
}

/// What a [`Scheduler`] does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[non_exhaustive]
pub enum SchedulerState {
    /// It waits for the next moment.
    Waiting,
    /// A run goes on.
    Running {
        /// Since when.
        #[serde(with = "time::serde::rfc3339")]
        since: OffsetDateTime,
    },
    /// It has ended.
    Stopped,
}

/// A run that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PastRun {
    /// The moment of the schedule; `None` for a run by hand.
    #[serde(with = "time::serde::rfc3339::option")]
    pub due: Option<OffsetDateTime>,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub started: OffsetDateTime,
    /// When it ended.
    #[serde(with = "time::serde::rfc3339")]
    pub finished: OffsetDateTime,
    /// How.
    pub outcome: PastRunOutcome,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[non_exhaustive]
pub enum PastRunOutcome {
    /// With a report.
    Reported {
        /// Its status.
        run: RunStatus,
        /// What was found, as people roll it up.
        found: Buckets,
        /// What became of it.
        entries: SyncStatus,
    },
    /// Another run was at work on the link set, so there was none.
    Skipped {
        /// Who holds the lease.
        reason: String,
    },
    /// With an error.
    Failed {
        /// Its class.
        error: ErrorKind,
        /// The error and its causes.
        message: String,
    },
}

impl Scheduler {
    /// A job and its schedule: full runs that apply, with all guards.
    pub fn builder(job: Arc<Job>, schedule: Schedule) -> SchedulerBuilder {
        SchedulerBuilder { job, schedule, run: Run::full(), apply: Apply::new(), kept: KEPT }
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> SchedulerStatus {
        self.shared.board().status.clone()
    }

    /// The runs that are over, the latest last; so many as are kept.
    #[must_use]
    pub fn history(&self) -> Vec<PastRun> {
        self.shared.board().history.iter().cloned().collect()
    }

    /// The whole report of the last run that had one.
    #[must_use]
    pub fn last_report(&self) -> Option<Arc<Report>> {
        self.shared.board().report.clone()
    }

    /// Asks for a run beside the schedule, [by hand](Run::by_hand): at once, or when the one that goes on has ended. Asked several times before
    /// it begins, it is one run.
    pub fn run_now(&self) {
        self.shared.now.notify_one();
    }

    /// Begins no more runs, waits for the one that goes on, and gives the history. To end that one too, stop it with the
    /// [`Stop`](super::Stop) that [`SchedulerBuilder::apply`] was given.
    ///
    /// # Cancellation
    ///
    /// It stops all the same.
    pub async fn stop(mut self) -> Vec<PastRun> {
        self.stop.send_replace(true);
        if let Some(task) = self.task.take() {
            // It has no error to give: a run that panics is a failed run.
            let _ = task.await;
        }
        self.history()
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl SchedulerBuilder {
    /// What each run looks at; everything if not given.
    pub fn run(mut self, run: Run) -> Self {
        self.run = run;
        self
    }

    /// How each plan is applied. A guard that is [lifted](Apply::lift) here is lifted for every run, unseen.
    pub fn apply(mut self, apply: Apply) -> Self {
        self.apply = apply;
        self
    }

    /// How many runs are remembered: 100 if not given.
    pub fn keep(mut self, runs: usize) -> Self {
        self.kept = runs;
        self
    }

    /// Begins to wait, in a task of its own, which stays within the `tracing` span that this is called in.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn start(self) -> Scheduler {
        let status = SchedulerStatus {
            job: self.job.name().to_owned(),
            state: SchedulerState::Waiting,
            next: self.schedule.next_after(self.job.clock.now()),
            runs: 0,
            missed: 0,
        };
        let board = Board { status, kept: self.kept, history: VecDeque::new(), report: None };
        let shared = Arc::new(Shared { board: Mutex::new(board), now: Notify::new() });
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(self.run_until(Arc::clone(&shared), stopped).in_current_span());
        Scheduler { shared, stop, task: Some(task) }
    }

    async fn run_until(self, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
        let clock = Arc::clone(&self.job.clock);
        let mut after = clock.now();
        loop {
            let next = self.schedule.next_after(after);
            {
                let mut board = shared.board();
                board.status.state = SchedulerState::Waiting;
                board.status.next = next;
            }
            let due = {
                let stop = pin!(stopped.wait_for(|stopped| *stopped));
                let (by_hand, by_time) = (pin!(shared.now.notified()), pin!(self.wait_for(next, after)));
                match select(stop, select(by_hand, by_time)).await {
                    Either::Left(_) => break,
                    Either::Right((Either::Left(_), _)) => None,
                    Either::Right((Either::Right((Waited::UntilDue, _)), _)) => next,
                    Either::Right((Either::Right((Waited::UntilSetBack, _)), _)) => {
                        let now = clock.now();
                        tracing::warn!(was = %after, %now, "the clock was set back: the schedule goes on from now");
                        after = now;
                        continue;
                    }
                }
            };
            let started = clock.now();
            {
                let mut board = shared.board();
                board.status.state = SchedulerState::Running { since: started };
                board.status.next = self.schedule.next_after(started);
            }
            let (outcome, report) = self.run_once(due).await;
            let finished = clock.now();
            // The clock may have been corrected; no moment has two runs.
            let last = due.unwrap_or(after).max(after);
            let mut board = shared.board();
            board.status.runs += 1;
            board.status.missed += self.missed(last, finished);
            board.report = report.or(board.report.take());
            board.history.push_back(PastRun { due, started, finished, outcome });
            while board.history.len() > board.kept {
                board.history.pop_front();
            }
            after = finished.max(last);
        }
        let mut board = shared.board();
        board.status.state = SchedulerState::Stopped;
        board.status.next = None;
    }

    /// Waits for the first moment after another.
    async fn wait_for(&self, moment: Option<OffsetDateTime>, after: OffsetDateTime) -> Waited {
        let Some(moment) = moment else {
            tracing::warn!(schedule = %self.schedule, "no moment of the schedule is to come: it runs by hand only");
            return std::future::pending().await;
        };
        loop {
            let now = self.job.clock.now();
            if after - now > CORRECTION {
                return Waited::UntilSetBack;
            }
            match Duration::try_from(moment - now) {
                Ok(left) if !left.is_zero() => self.job.clock.sleep(left.min(NAP)).await,
                _ => return Waited::UntilDue,
            }
        }
    }

    async fn run_once(&self, due: Option<OffsetDateTime>) -> (PastRunOutcome, Option<Arc<Report>>) {
        let run = if due.is_none() { self.run.clone().by_hand() } else { self.run.clone() };
        let (job, apply) = (Arc::clone(&self.job), self.apply.clone());
        // In a task of its own, so that a host's code that panics ends one run and not all.
        let ended: Result<Report> = match tokio::spawn(async move { job.run(run, apply).await }.in_current_span()).await
        {
            Ok(ended) => ended,
            Err(error) => {
                let message = format!("the run broke off: {error}");
                return (PastRunOutcome::Failed { error: ErrorKind::Store, message }, None);
            }
        };
        match ended {
            Ok(report) => {
                let (run, found, entries) = (report.status.clone(), report.buckets(), report.sync_status());
                (PastRunOutcome::Reported { run, found, entries }, Some(Arc::new(report)))
            }
            Err(error) if error.kind() == ErrorKind::Leased => {
                (PastRunOutcome::Skipped { reason: error.to_chain() }, None)
            }
            Err(error) => (PastRunOutcome::Failed { error: error.kind(), message: error.to_chain() }, None),
        }
    }

    /// How many moments came after one and until another.
    fn missed(&self, after: OffsetDateTime, until: OffsetDateTime) -> u64 {
        let mut moment = after;
        for count in 0..COUNTED {
            match self.schedule.next_after(moment) {
                Some(next) if next <= until => moment = next,
                _ => return count,
            }
        }
        COUNTED
    }
}

impl Shared {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for PastRun {
    /// One line: when, and how it ended.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.due.is_some() { "on time" } else { "by hand" };
        let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
        let utc = self.started.checked_to_offset(time::UtcOffset::UTC).and_then(|utc| utc.format(format).ok());
        let started = utc.unwrap_or_else(|| self.started.to_string());
        write!(f, "{started} ({how}, {} s): ", (self.finished - self.started).whole_seconds())?;
        match &self.outcome {
            PastRunOutcome::Reported { run, entries, .. } => {
                let status = match run {
                    RunStatus::Complete => "complete",
                    RunStatus::NeedsAttention => "needs attention",
                    RunStatus::Incomplete => "incomplete",
                    RunStatus::Quarantined { .. } => "quarantined",
                    RunStatus::Stopped { .. } => "stopped by a guard",
                };
                write!(f, "{status}, {} written, {} failed", entries.success, entries.failed)
            }
            PastRunOutcome::Skipped { reason } => write!(f, "skipped: {reason}"),
            PastRunOutcome::Failed { message, .. } => write!(f, "failed: {message}"),
        }
    }
}
