//! The front door: plan, review, apply, again.
//!
//! A [`Job`] keeps the people of a [`Source`](crate::Source) in step in a [`Target`](crate::Target). It makes a
//! [`Plan`](crate::reconcile::Plan), which writes nothing and can be read, kept and narrowed down; and applies it, in
//! order, noting every write in the [`State`](crate::State) before it is sent, so that a run that was cut off is taken
//! up where it stopped.
//!
//! What is logged meanwhile is logged within a `tracing` span, `plan` or `apply`, with the names of the `job` and its
//! `link_set`.

mod absence;
mod apply;
mod bookmark;
mod both_ways;
mod builder;
mod claims;
mod doubts;
mod elements;
mod explaining;
mod follow_up;
mod incremental;
#[expect(clippy::module_inception, reason = "the file holds the type of that name")]
mod job;
mod ledger;
mod links;
mod look_again;
mod observe;
mod outage;
mod password;
mod planning;
mod quarantine;
mod reading;
mod recheck;
mod recover;
mod render;
mod report;
mod run;
#[cfg(feature = "schedule")]
mod schedule;
#[cfg(feature = "schedule")]
mod scheduler;
mod secrets;
mod seen;
mod stop;
mod tenure;
mod work;
mod write;

pub use builder::{JobBuilder, JobError, JobMapping};
pub use job::Job;
pub use observe::{Event, Observer};
pub use quarantine::Quarantine;
pub use report::{
    Buckets, ElementCount, EntryReport, Outcome, OutcomeCount, OutcomeKind, Report, RunStatus, SyncStatus,
};
pub use run::{Apply, Run};
#[cfg(feature = "schedule")]
#[cfg_attr(docsrs, doc(cfg(feature = "schedule")))]
pub use schedule::{Schedule, ScheduleError};
#[cfg(feature = "schedule")]
#[cfg_attr(docsrs, doc(cfg(feature = "schedule")))]
pub use scheduler::{PastRun, PastRunOutcome, Scheduler, SchedulerBuilder, SchedulerState, SchedulerStatus};
pub use stop::Stop;
