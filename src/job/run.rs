//! What a run looks at, and how a plan is applied.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::Stop;
use crate::expr::Seed;
use crate::model::Completeness;
use crate::model::Filter;
use crate::reconcile::{Guard, Plan, SideRead, days};

/// The word for a run that gives a job up, in its plan.
pub(super) const RETIRE: &str = "retire";
/// The words for a run of all objects, in its plan.
const FULL: &str = "full";
const BY_HAND: &str = " by hand";

/// Whether a plan, by what it says, is all that is to be done about all objects of both sides.
pub(super) fn is_of_all(plan: &Plan) -> bool {
    let header = plan.header();
    let complete = |read: &SideRead| read.completeness == Some(Completeness::Complete);
    let run = header.run.strip_suffix(BY_HAND).unwrap_or(&header.run);
    run == FULL && !header.selected && header.reads.iter().all(complete)
}

/// The word for a run that goes by what changed, in its plan.
pub(super) const INCREMENTAL: &str = "incremental";

/// Which objects a run looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Run {
    pub(super) extent: Extent,
    pub(super) filter: Option<Filter>,
    pub(super) allow_empty: bool,
    pub(super) seed: Option<Seed>,
    pub(super) by_hand: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Extent {
    Full,
    Incremental,
    One(Arc<str>),
    Retire,
}

impl Run {
    fn of(extent: Extent) -> Self {
        Self { extent, filter: None, allow_empty: false, seed: None, by_hand: false }
    }

    /// All objects of both sides: the run that finds who is gone.
    #[must_use]
    pub fn full() -> Self {
        Self::of(Extent::Full)
    }

    /// What changed on either side since the last plan that was applied as a whole, and what is not done with yet: a run
    /// whose cost grows with the changes and not with the directory.
    ///
    /// It looks at
    ///
    /// - source objects that changed or were deleted, as the source's change feed says;
    /// - source objects whose counterpart in the target changed or went: what someone else did there is put right;
    /// - source objects that wait: whose entry failed, is blocked, stale or in doubt, or needs a person; who have no
    ///   counterpart of their own; whose references or seats are not all there; who left and are in a grace period; for
    ///   whom the mapping asked what time it is.
    ///
    /// Everything else is as in a full run: policy, evidence, guards (their limits are taken from what was linked at the
    /// last full run, and what was linked and let go of since), what is read again before a removal. Only that an object is
    /// gone *without a word* it cannot see: who is merely absent from the source is found by a full run. So is what changes
    /// without a trace in either feed: what another job of the link set linked or let go of; a group of which the target's
    /// feed does not say that it lost a member with the member's account; that somebody who is not linked, and was given to
    /// a group or as a manager because an account matched him, left or is matched by another one too. And a rule that moves
    /// a link from one who left needs to see that he left, which only a full run does. Run a full one now and then, each
    /// night say: it is the safety net.
    ///
    /// Where to go on is remembered when a plan is applied as a whole, a full one too: not if it was narrowed by
    /// [`Plan::select`](crate::reconcile::Plan::select) or a [filter](Self::filter), stopped by a guard, cut off, or made
    /// while a side could not be read to its end. Then the next run sees the same again, which does no harm.
    ///
    /// # When it is a full run
    ///
    /// A plan of a full run is made instead, and says why ([`Plan::problems`](crate::reconcile::Plan::problems), rule
    /// `full-run`), if
    ///
    /// - no plan was applied as a whole before, or only plans that were not made for going on;
    /// - the mapping, its scope, the policy, a parameter, a store's name or the tenant is another one than then;
    /// - a store no longer takes the cursor that it gave ([`ErrorKind::CursorExpired`](crate::ErrorKind::CursorExpired));
    /// - the target cannot be asked both by id and by value;
    /// - objects are to be looked at again that the source neither said to have changed nor can be asked for by id;
    /// - so much is to be looked at that a full run is cheaper: more than a tenth of what is linked, and more than 1,000.
    ///
    /// So a schedule may ask for an incremental run from the first time on.
    ///
    /// # Stores that keep no track of changes
    ///
    /// A source without cursors, such as a file, is read whole each time, and a digest of every record is kept to tell
    /// which of them changed: 16 bytes and the id for each in the state, and one more read of the source when a plan is
    /// applied. This begins with the first incremental run. The target is still not read whole. What the mapping keeps
    /// secret is not in the digests, and no change.
    ///
    /// A target without cursors is taken to be as the job left it; what others changed there is left to full runs, and the
    /// plan warns of that (`target-changes-unseen`).
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
    /// let people = MemoryStore::new("hr");
    /// for id in ["7", "8", "9"] {
    ///     people.push(Record::new(ObjectId::user(id)).with("name", "Ada"));
    /// }
    /// let schema = Schema::new(Class::USER).with("displayName", AttributeSchema::text());
    /// let job = Job::builder("staff")
    ///     .source(people.clone())
    ///     .target(MemoryStore::new("directory").with_schema(schema))
    ///     .mapping(Mapping::users().attribute("displayName", "name"))
    ///     .policy(Policy::outbound(Preferences::default()))
    ///     .state(MemoryState::new())
    ///     .build()?;
    ///
    /// // The first time it is a full run by itself.
    /// let first = job.plan(Run::incremental()).await?;
    /// assert_eq!(first.problems()[0].rule, "full-run");
    /// println!("{}", job.apply(&first, Apply::new()).await?);
    /// println!("{}", job.run(Run::incremental(), Apply::new()).await?);
    ///
    /// people.set(&ObjectId::user("8"), "name", "Grace");
    /// let plan = job.plan(Run::incremental()).await?;
    /// assert_eq!(plan.count(Action::Update), 1);
    /// assert_eq!(plan.situations().values().sum::<u64>(), 1, "nobody else was looked at");
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(example()).unwrap();
    /// ```
    #[must_use]
    pub fn incremental() -> Self {
        Self::of(Extent::Incremental)
    }

    /// One source object, by its id. It is a run [by hand](Run::by_hand).
    #[must_use]
    pub fn one(id: impl Into<Arc<str>>) -> Self {
        Self { by_hand: true, ..Self::of(Extent::One(id.into())) }
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
        Self { by_hand: true, ..Self::of(Extent::Retire) }
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

    /// Someone asks for it and waits: what failed in earlier runs is tried again at once.
    ///
    /// In other runs what failed, and is the same as it was, waits for its next attempt: 6 hours after the first failure, 12
    /// after the second, then a day each time, for 28 days; after that a person must look. Whatever changed since is tried
    /// at once, and so is every disable. References are not held back, nor is what failed because the target could not
    /// be reached.
    #[must_use]
    pub fn by_hand(mut self) -> Self {
        self.by_hand = true;
        self
    }

    /// Believes a source that holds nothing, and what it says of single objects then.
    ///
    /// Otherwise a run fails with [`ErrorKind::EmptySource`](crate::ErrorKind::EmptySource) that reads a source whole and
    /// finds nothing at all; or nothing of a class, users or groups, of which the job owns something in the target, so
    /// that it would be taken for gone. A class of which there was never anything does no harm. A run that asks for
    /// single objects, [incremental](Self::incremental) or of [one](Self::one), fails so too if the source does not find
    /// them and holds nothing else of their class either, such as a file that is missing: it is read up to the first
    /// object to know. Whom a change feed itself says to be deleted is gone all the same.
    ///
    /// This is for one run, and for all of its classes. It holds for applying its plan too, where what is to be taken away
    /// is looked for again. The [guards](crate::reconcile::Guard) stay.
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

    /// Whether it looks at all objects of both sides.
    pub(super) fn is_whole(&self) -> bool {
        self.extent == Extent::Full && self.filter.is_none()
    }

    /// The run in a word, for the plan.
    pub(super) fn describe(&self) -> String {
        let mut text = match &self.extent {
            Extent::Full => FULL.to_owned(),
            Extent::Incremental => INCREMENTAL.to_owned(),
            Extent::One(id) => format!("one {id}"),
            Extent::Retire => RETIRE.to_owned(),
        };
        if self.by_hand && self.extent == Extent::Full {
            text.push_str(BY_HAND);
        }
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
    pub(super) stop: Option<Stop>,
    pub(super) deadline: Option<Duration>,
    pub(super) approved: Option<String>,
}

impl Default for Apply {
    fn default() -> Self {
        Self {
            lifted: BTreeSet::new(),
            max_age: days(7),
            wait: Duration::ZERO,
            stop: None,
            deadline: None,
            approved: None,
        }
    }
}

impl Apply {
    /// All guards hold; a plan older than 7 days is refused.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets what is applied with this exceed a guard.
    ///
    /// With [`Job::apply`](super::Job::apply) that is the one plan that is given. [`Job::run`](super::Job::run) and a
    /// [`Scheduler`](super::Scheduler) apply plans that nobody saw, and each may exceed it, as may every plan for which the
    /// same value is used again. Where it is kept, bind it to the plan that was seen by [`approved`](Self::approved): any
    /// other is refused then.
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

    /// Lets the run be stopped from outside.
    #[must_use]
    pub fn stop_with(mut self, stop: &Stop) -> Self {
        self.stop = Some(stop.clone());
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

    /// Applies the plan of this [digest](crate::Plan::digest) and no other: the one that somebody approved. What is
    /// [lifted](Self::lift) beside is lifted for that plan alone.
    ///
    /// A plan that was changed by mistake does not fit its own digest, and is refused without this. It says nothing of who
    /// wrote the plan: whoever may change the file that a plan waits in can write a fitting digest, too. Where such people
    /// are not those who may apply, keep the digest of what was approved apart from the plan, and give it here.
    #[must_use]
    pub fn approved(mut self, digest: impl Into<String>) -> Self {
        self.approved = Some(digest.into());
        self
    }

    /// Refuses plans that are older than this.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }
}
