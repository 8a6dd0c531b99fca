//! What a run looks at, and how a plan is applied.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::expr::Seed;
use crate::model::Filter;
use crate::reconcile::{Guard, days};

/// The word for a run that gives a job up, in its plan.
pub(super) const RETIRE: &str = "retire";

/// Which objects a run looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Run {
    pub(super) extent: Extent,
    pub(super) filter: Option<Filter>,
    pub(super) allow_empty: bool,
    pub(super) seed: Option<Seed>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Extent {
    Full,
    One(Arc<str>),
    Retire,
}

impl Run {
    /// All objects of both sides: the run that finds who is gone.
    #[must_use]
    pub fn full() -> Self {
        Self { extent: Extent::Full, filter: None, allow_empty: false, seed: None }
    }

    /// One source object, by its id.
    #[must_use]
    pub fn one(id: impl Into<Arc<str>>) -> Self {
        Self { extent: Extent::One(id.into()), filter: None, allow_empty: false, seed: None }
    }

    /// All that the job owns, because the job is to be given up: each object gets what
    /// [`Preferences::with_retired`](crate::reconcile::Preferences::with_retired) says, nothing unless it was said.
    ///
    /// The source is not read. Once the plan is applied the job owns nothing more, and its links are kept for 30 days as
    /// memories. Objects whose steps are not over, such as a deletion after a grace period, stay its own until the same
    /// run is made again; doing it twice does nothing twice. From the first such apply on no other plan of the job is
    /// applied, until [`Job::reinstate`](super::Job::reinstate).
    ///
    /// To begin with some of the objects, use [`Plan::select`](crate::reconcile::Plan::select); a filter is refused.
    #[must_use]
    pub fn retire() -> Self {
        Self { extent: Extent::Retire, filter: None, allow_empty: false, seed: None }
    }

    /// Only source objects for which this holds; all others are left untouched, also those that are gone.
    ///
    /// This narrows one run. Who belongs at all is the mapping's scope. The source is handed the condition and may apply
    /// it, as Entra does where Graph answers exactly alike; what it yields is looked at again.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Believes a source that is complete and empty.
    #[must_use]
    pub fn allow_empty_source(mut self) -> Self {
        self.allow_empty = true;
        self
    }

    /// What `RandomString` and `Guid` draw from, so that two plans of the same inputs are the same, byte for byte. If not
    /// given, the operating system is asked for a new one.
    ///
    /// The plan keeps it. So nothing that must not be shown is drawn from it: secrets and redacted values are drawn when
    /// the plan is applied, from what the operating system gives.
    #[must_use]
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The run in a word, for the plan.
    pub(super) fn describe(&self) -> String {
        let mut text = match &self.extent {
            Extent::Full => "full".to_owned(),
            Extent::One(id) => format!("one {id}"),
            Extent::Retire => RETIRE.to_owned(),
        };
        if let Some(filter) = &self.filter {
            text.push_str(&format!(" where {filter:?}"));
        }
        text
    }
}

/// How a plan is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Apply {
    pub(super) lifted: BTreeSet<Guard>,
    pub(super) max_age: Duration,
    pub(super) wait: Duration,
    pub(super) deadline: Option<Duration>,
}

impl Default for Apply {
    fn default() -> Self {
        Self { lifted: BTreeSet::new(), max_age: days(7), wait: Duration::ZERO, deadline: None }
    }
}

impl Apply {
    /// All guards hold; a plan older than 7 days is refused.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets this plan exceed a guard.
    #[must_use]
    pub fn lift(mut self, guard: Guard) -> Self {
        self.lifted.insert(guard);
        self
    }

    /// Waits so long for another run on the link set to end, or for the lease of one that died to run out (at most a
    /// minute after it died). Not at all if not given.
    #[must_use]
    pub fn wait(mut self, longest: Duration) -> Self {
        self.wait = longest;
        self
    }

    /// Begins no further writes so long after applying began. What is left is `Pending`, the run ends as
    /// [`Incomplete`](super::RunStatus::Incomplete), and the next one takes it up. Without it there is no such limit.
    ///
    /// What is under way by then is brought to its end, which the client's
    /// [`RetryPolicy`](crate::http::RetryPolicy::with_deadline) and the job's
    /// [`settle_deadline`](super::JobBuilder::settle_deadline) bound: minutes. A target that cannot be reached needs no
    /// deadline: after 40 writes in a row that did not get through the rest is left to the next run, too.
    #[must_use]
    pub fn deadline(mut self, longest: Duration) -> Self {
        self.deadline = Some(longest);
        self
    }

    /// Refuses plans that are older than this.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }
}
