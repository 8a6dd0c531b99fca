//! A job: one source, one target, and what flows between them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::builder::Ready;
use super::ledger::Ledger;
use super::{Apply, Event, JobBuilder, Observer, Report, Run};
use crate::clock::Clock;
use crate::error::Result;
use crate::model::{Name, Value};
use crate::reconcile::Guards;
use crate::store::{PasswordSink, Source, Target};

/// Keeps the people of one store in step in another.
///
/// # Examples
///
/// ```
/// use entrant::job::{Apply, Job, Run};
/// use entrant::mapping::Mapping;
/// use entrant::model::{AttributeSchema, Class, ObjectId, Schema};
/// use entrant::reconcile::{Action, Policy, Preferences};
/// use entrant::store::{MemoryState, MemoryStore};
/// use entrant::Record;
///
/// # async fn example() -> entrant::Result<()> {
/// let people = MemoryStore::new("hr").with_record(Record::new(ObjectId::user("7")).with("name", "Ada"));
/// let schema = Schema::new(Class::USER).with("displayName", AttributeSchema::text());
/// let directory = MemoryStore::new("directory").with_schema(schema);
///
/// let job = Job::builder("staff")
///     .source(people)
///     .target(directory.clone())
///     .mapping(Mapping::users().attribute("displayName", "name"))
///     .policy(Policy::outbound(Preferences::default()))
///     .state(MemoryState::new())
///     .build()?;
/// let plan = job.plan(Run::full()).await?;
/// assert_eq!(plan.count(Action::Create), 1);
/// println!("{}", job.apply(&plan, Apply::new()).await?);
/// assert_eq!(directory.records().len(), 1);
/// assert!(job.plan(Run::full()).await?.is_converged());
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Debug)]
pub struct Job {
    pub(super) name: String,
    pub(super) link_set: String,
    pub(super) source: Arc<dyn Source>,
    pub(super) target: Arc<dyn Target>,
    pub(super) ledger: Ledger,
    pub(super) mappings: Vec<Ready>,
    pub(super) passwords: Option<Arc<dyn PasswordSink>>,
    pub(super) observer: Option<Arc<dyn Observer>>,
    pub(super) guards: Guards,
    pub(super) parameters: BTreeMap<Name, Value>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) lag: Duration,
    pub(super) settle: Duration,
    pub(super) lease: Duration,
    /// Whether time passes by itself.
    pub(super) real_time: bool,
}

impl Job {
    /// Begins a job. Its name is part of what it owns: another name is another job.
    pub fn builder(name: impl Into<String>) -> JobBuilder {
        JobBuilder::new(name)
    }

    /// The name of the job.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes a plan and applies it: what a schedule calls.
    ///
    /// # Errors
    ///
    /// As [`plan`](Job::plan) and [`apply`](Job::apply). A guard that stops it is no error but the report's status.
    /// Credentials that are refused put the job in quarantine.
    pub async fn run(&self, run: Run, apply: Apply) -> Result<Report> {
        let plan = match self.plan(run).await {
            Ok(plan) => plan,
            Err(error) => {
                self.note_refusal(&error).await;
                return Err(error);
            }
        };
        self.apply(&plan, apply).await
    }

    /// Now, by the target's clock as far as it is known: what is young there goes by it, since ours may be set.
    pub(super) fn target_now(&self) -> OffsetDateTime {
        self.clock.now() + self.target.clock_ahead()
    }

    /// Whether what was done in the target at a moment of its clock may not show yet.
    pub(super) fn is_young(&self, at: OffsetDateTime) -> bool {
        self.target_now() - at < self.lag
    }

    /// Whether something can be done beside a request once some time has passed: not by a clock that others move, and
    /// not where nobody wakes who sleeps.
    pub(super) fn is_timed(&self) -> bool {
        self.real_time && tokio::runtime::Handle::try_current().is_ok()
    }

    pub(super) fn tell(&self, event: &Event<'_>) {
        if let Some(observer) = &self.observer {
            observer.event(event);
        }
    }
}
