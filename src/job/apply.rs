//! Applying a plan: checked, leased, recovered, then wave by wave.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use time::OffsetDateTime;
use tokio::sync::OnceCell;
use tracing::Instrument;

use super::builder::Ready;
use super::ledger::{LinkSet, StoredJob};
use super::links::Links;
use super::outage::{Reach, passes};
use super::quarantine::Trials;
use super::recover::Unsettled;
use super::run::{INCREMENTAL, RETIRE, is_of_all};
use super::tenure::Tenure;
use super::{Apply, ElementCount, EntryReport, Event, Job, Outcome, OutcomeKind, Report, RunStatus, Stop};
use crate::clock::later;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::Context;
use crate::model::{Class, Name, ObjectId};
use crate::permit;
use crate::reconcile::{
    Action, Answer, Breach, Constraints, EdgeKind, Entry, EntryKey, LinkNote, Part, Plan, breaches, edge_parts, waves,
};
use crate::store::{Access, Batch, Lease, Source};

/// How many entries are noted, written and settled together.
const WINDOW: usize = 200;
/// In how many calls at most the entries of a wave are written where each call costs as much as all that is there: more
/// at once are held in memory and noted then, and the whole costs no more than so many times the file.
const REWRITES: usize = 8;
/// For how many windows the sources are looked up together: a file is read from its beginning for each look.
const LOOKED_TOGETHER: usize = 5;
/// How long after planning both sides are taken to be as they were, but for what is taken away.
const FRESH: Duration = Duration::from_secs(60);
/// How often a lease that another holds is asked for.
const LEASE_POLL: Duration = Duration::from_secs(1);

/// A plan on its way.
pub(super) struct Progress<'a> {
    pub(super) job: &'a Job,
    pub(super) plan: &'a Plan,
    pub(super) lease: Lease,
    pub(super) tenure: Arc<Tenure>,
    pub(super) links: Links,
    outcomes: Vec<Option<Outcome>>,
    /// How many parts of each entry are still to be dealt with.
    parts_left: Vec<usize>,
    /// Whether what gives somebody an account is preceded by a look at him and at who matches.
    pub(super) looks: bool,
    /// The sources of those who are next to get an account, as they are now.
    pub(super) sources: HashMap<ObjectId, Answer>,
    /// What earlier runs began, and of which it is still not known what became of it.
    pub(super) unsettled: Unsettled,
    pub(super) targets: HashMap<usize, ObjectId>,
    /// The objects in whose place others are made.
    pub(super) replaced: HashSet<&'a ObjectId>,
    pub(super) counts: BTreeMap<Name, ElementCount>,
    /// How many references more objects of a class have by now that this job gave.
    pub(super) memberships: BTreeMap<Class, i64>,
    places: HashMap<&'a EntryKey, usize>,
    pub(super) trials: Trials,
    pub(super) stop: Option<Stop>,
    /// Whether anything gets through.
    pub(super) reach: Reach,
    /// What expressions are evaluated with, and what the target forbids by now, once that must be known.
    pub(super) context: OnceCell<(Context, Arc<dyn Constraints>)>,
}

impl Job {
    /// Applies a plan that this job made, and tells what became of it.
    ///
    /// What is written is noted in the state first; a run that was cut off is taken up by the next. One entry that
    /// fails stops no other. Before an account is disabled or deleted, both sides are read again; and where the plan is older
    /// than a minute, whoever is to get an account, and whom it matches.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Quarantined`] until [`Job::release`], if the job is in quarantine: over 40 % of at least 100 writes
    /// of a run failed, or its credentials were refused;
    /// [`ErrorKind::Stale`] if the plan is another job's, was changed, is not the one that was
    /// [approved](Apply::approved), is too old, or was made with another mapping or policy; [`ErrorKind::NotReady`] if the target lets no writes through; [`ErrorKind::Leased`] if another run is at
    /// work; [`ErrorKind::Store`] if the state or the password sink fails: then nothing more is written. A guard that
    /// stops the plan is no error but the report's status.
    ///
    /// # Cancellation
    ///
    /// What was sent may be carried out; it is noted, and the next run looks. The lease runs out by itself, within a minute;
    /// with [`Stop`] it is given back.
    pub async fn apply(&self, plan: &Plan, apply: Apply) -> Result<Report> {
        let span = tracing::info_span!("apply", job = self.name, link_set = self.link_set);
        self.apply_checked(plan, apply).instrument(span).await
    }

    async fn apply_checked(&self, plan: &Plan, apply: Apply) -> Result<Report> {
        self.check(plan, &apply)?;
        let tenant = self.tenant();
        let tenure = Arc::new(self.take_tenure(apply.wait, apply.stop.as_ref()).await?);
        let applying = self.apply_leased(plan, &apply, &tenure, tenant.as_deref());
        let mut applying = pin!(permit::under(Arc::<Tenure>::clone(&tenure), applying));
        let result = if self.is_timed() {
            // Also while the target asks to wait longer than a lease lasts.
            match select(&mut applying, pin!(tenure.keep_on())).await {
                Either::Left((result, _)) => result,
                Either::Right(_) => applying.await,
            }
        } else {
            applying.await
        };
        // Whatever came of it, the next run need not wait.
        self.give_back(tenure.lease()).await;
        result
    }

    /// Takes a job up again that was given up by [`Run::retire`](super::Run::retire): its plans can be applied as before.
    ///
    /// What it let go of is not its own any more; a run finds those objects by matching, as if it saw them first. Of what it
    /// still owns, the grace periods begin anew.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Leased`] if a run is at work; whatever the state fails with.
    pub async fn reinstate(&self) -> Result<()> {
        let lease = self.take_lease().await?;
        let done = self.take_up_again(&lease).await;
        self.give_back(lease).await;
        done
    }

    async fn take_up_again(&self, lease: &Lease) -> Result<()> {
        let mut batch = Batch::new();
        if self.ledger.job(&self.name).await?.retired_at.is_some() {
            self.ledger.remove_job(&mut batch, &self.name);
            // That the job was given up made everybody a leaver.
            for mut link in self.ledger.links().await? {
                let end = link.end_mut(self.target.name()).filter(|end| end.owner.as_deref() == Some(&*self.name));
                if end.and_then(|end| end.leaving_since.take()).is_some() {
                    self.ledger.put_link(&mut batch, &link);
                }
            }
        }
        if batch.is_empty() { Ok(()) } else { self.ledger.state().commit(lease, batch).await }
    }

    /// The guards that would stop this plan now, beside what the job did in the last 24 hours.
    ///
    /// # Errors
    ///
    /// Whatever the state fails with.
    pub async fn breaches(&self, plan: &Plan) -> Result<Vec<Breach>> {
        let recent = self.ledger.effects_since(&self.name, self.clock.now() - time::Duration::DAY).await?;
        Ok(breaches(plan, &self.guards, &recent))
    }

    /// The lease on the link set, for what is done at once.
    pub(super) async fn take_lease(&self) -> Result<Lease> {
        Ok(self.take_tenure(Duration::ZERO, None).await?.lease())
    }

    /// The lease on the link set; while another holds it, waited for so long, unless stopped.
    async fn take_tenure(&self, wait: Duration, stop: Option<&Stop>) -> Result<Tenure> {
        let name = self.ledger.lease_name();
        let deadline = later(self.clock.now(), wait);
        loop {
            let (state, since) = (self.ledger.state(), self.clock.now());
            if let Some(lease) = state.lease(&name, self.lease).await? {
                let (state, clock) = (Arc::clone(state), Arc::clone(&self.clock));
                return Ok(Tenure::new(state, clock, self.lease, &self.link_set, lease, since));
            }
            if self.clock.now() >= deadline || stop.is_some_and(Stop::is_stopped) {
                let error =
                    Error::new(ErrorKind::Leased, "another run is at work on this link set; wait for it to end")
                        .with_context("link set", &self.link_set);
                return Err(match self.ledger.state().holder(&name).await? {
                    Some(holder) => error.with_context("held by", holder),
                    None => error,
                });
            }
            self.clock.sleep(LEASE_POLL).await;
        }
    }

    /// Gives the lease back. One that cannot be given back runs out by itself.
    pub(super) async fn give_back(&self, lease: Lease) {
        if let Err(error) = self.ledger.state().release(lease).await {
            tracing::warn!(error = %error.to_chain(), "the lease could not be given back; it runs out by itself");
        }
    }

    fn check(&self, plan: &Plan, apply: &Apply) -> Result<()> {
        plan.verify()?;
        if let Some(approved) = apply.approved.as_deref().filter(|approved| *approved != plan.digest()) {
            return Err(Error::new(
                ErrorKind::Stale,
                "the plan is not the one that was approved: have it approved, or apply that one",
            )
            .with_context("digest", plan.digest())
            .with_context("approved", approved));
        }
        let header = plan.header();
        let stale = |message| Err(Error::new(ErrorKind::Stale, message).with_context("job", &self.name));
        if header.job != self.name || header.link_set != self.link_set {
            return Err(Error::new(ErrorKind::Stale, "the plan is of another job")
                .with_context("plan of", format!("{} in {}", header.job, header.link_set))
                .with_context("job", format!("{} in {}", self.name, self.link_set)));
        }
        if header.fingerprint != self.fingerprint() {
            return stale("the mapping, policy or parameters changed since the plan was made; make a new one");
        }
        if header.tenant != self.tenant() {
            return stale("the plan was made for another tenant; make a new one");
        }
        if self.clock.now() - header.as_of > apply.max_age {
            return stale("the plan is too old; make a new one");
        }
        match self.target.capabilities().writes {
            Access::Allowed => Ok(()),
            Access::Refused(reason) => {
                Err(Error::new(ErrorKind::NotReady, format!("nothing may be written: {reason}"))
                    .with_context("target", self.target.name()))
            }
        }
    }

    async fn apply_leased(
        &self,
        plan: &Plan,
        apply: &Apply,
        tenure: &Arc<Tenure>,
        tenant: Option<&str>,
    ) -> Result<Report> {
        let lease = tenure.lease();
        let started = self.clock.now();
        let mut report = Report::new(plan, started);
        let link_set = self.ledger.open(tenant).await?;
        let stored = self.ledger.job(&self.name).await?;
        if let Some(at) = stored.retired_at.filter(|_| !retires(plan)) {
            return Err(Error::new(
                ErrorKind::NotReady,
                "the job is being given up; end that with Run::retire(), or take it up again with Job::reinstate()",
            )
            .with_context("job", &self.name)
            .with_context("since", at));
        }
        self.refuse_in_quarantine().await?;
        let looks = self.looks_before_creating(plan, link_set.as_ref())?;
        let mut batch = Batch::new();
        let trials = self.trials(plan, &mut batch).await?;
        self.ledger.upgrade(&mut batch, link_set.as_ref()).await?;
        self.ledger.put_link_set(&mut batch, link_set, tenant);
        let today = Some(started.replace_time(time::Time::MIDNIGHT));
        let been_round = stored.been_round.clone().filter(|before| *before == self.fingerprint());
        let mut now = StoredJob { retired_at: None, ran_on: today, flows: self.flows(), been_round };
        if !retires(plan) && stored != now {
            self.ledger.put_job(&mut batch, &self.name, &now);
        }
        self.ledger.forget_effects(&mut batch, &self.name, started - time::Duration::DAY).await?;
        self.ledger.state().commit(&lease, batch).await?;
        // First what a dead run did: it counts for the guards.
        let unsettled = self.recover(&lease, plan.header().run != INCREMENTAL).await?;
        // Looking may have taken long.
        tenure.keep().await?;
        let mut stopped = self.breaches(plan).await?;
        stopped.retain(|breach| !apply.lifted.contains(&breach.guard));
        if !stopped.is_empty() {
            report.status = RunStatus::Stopped { breaches: stopped };
            return Ok(self.finish(report));
        }
        if retires(plan) && stored.retired_at.is_none() {
            let mut batch = Batch::new();
            let retired = StoredJob { retired_at: Some(self.clock.now()), ..StoredJob::default() };
            self.ledger.put_job(&mut batch, &self.name, &retired);
            // Should the job be taken up again, nothing is as it was.
            self.remove_bookmarks(&mut batch);
            self.ledger.state().commit(&lease, batch).await?;
        }
        let links = self.links_for(plan).await?;
        let linked_before = links.owned(&self.name);
        let outcomes = vec![None; plan.entries().len()];
        let makers = plan.entries().iter().filter(|entry| entry.action == Action::Create);
        let mut progress = Progress {
            job: self,
            plan,
            lease,
            tenure: Arc::clone(tenure),
            links,
            outcomes,
            parts_left: plan.entries().iter().map(|entry| entry.parts().len()).collect(),
            looks,
            sources: HashMap::new(),
            unsettled,
            targets: HashMap::new(),
            replaced: makers.flat_map(|entry| &entry.candidates).collect(),
            counts: BTreeMap::new(),
            memberships: BTreeMap::new(),
            places: plan.entries().iter().enumerate().map(|(at, entry)| (&entry.key, at)).collect(),
            trials,
            stop: apply.stop.clone(),
            reach: Reach::until(apply.deadline.map(|longest| later(started, longest))),
            context: OnceCell::new(),
        };
        progress.end_leavings().await?;
        let waves = waves(plan.entries());
        self.tell(&Event::Applying { entries: plan.entries().iter().filter(|entry| entry.runs()).count() as u64 });
        let rewrites = self.target.capabilities().rewrites;
        for wave in waves {
            let together = if rewrites { wave.entries.len().div_ceil(REWRITES) } else { WINDOW }.max(WINDOW);
            for ahead in wave.entries.chunks(together * LOOKED_TOGETHER) {
                progress.look_ahead(ahead, wave.part).await?;
                for window in ahead.chunks(together) {
                    if progress.ends_early().is_some() {
                        break;
                    }
                    if let Some(reason) = progress.reach.given_up(self.clock.now()) {
                        progress.put_off(window, &reason);
                        continue;
                    }
                    progress.renew().await?;
                    progress.window(window, wave.part).await?;
                }
            }
        }
        if retires(plan) {
            progress.let_go().await?;
        }
        let mut unreached = false;
        if progress.ends_early().is_none() {
            progress.put_bookmarks(&linked_before).await?;
            self.recover_overtaken(&progress.lease, plan.digest()).await?;
        }
        for (at, entry) in plan.entries().iter().enumerate() {
            let not_tried = progress.ends_early().filter(|_| entry.runs());
            let outcome = progress.outcomes[at].take().or(not_tried).unwrap_or_else(|| unrun(entry));
            unreached |= matches!(&outcome, Outcome::Failed { class, .. } if passes(*class));
            let target = progress.targets.remove(&at).or_else(|| entry.target.clone());
            let told = EntryReport::new(entry, target, outcome);
            // Nor was anything told of what was not tried to its end.
            if !entry.runs() || progress.parts_left[at] > 0 {
                self.tell(&Event::Entry(&told));
            }
            report.add(&told);
        }
        let quarantine = progress.judge().await?;
        if now.been_round.is_none() && has_been_round(plan, &report) {
            now.been_round = Some(self.fingerprint());
            let mut batch = Batch::new();
            self.ledger.put_job(&mut batch, &self.name, &now);
            progress.renew().await?;
            self.ledger.state().commit(&progress.lease, batch).await?;
        }
        report.elements = progress.counts;
        let in_doubt = !self.ledger.intents(&self.name).await?.is_empty();
        report.status = match quarantine {
            Some(reason) => RunStatus::Quarantined { reason },
            None => self.status(plan, &report, in_doubt),
        };
        if unreached && report.status == RunStatus::NeedsAttention {
            // Nobody need look at what goes through once the target is there again.
            report.status = RunStatus::Incomplete;
        }
        Ok(self.finish(report))
    }

    /// Whether accounts may have appeared since the plan was made that nobody knows of: it is not of this moment, or was
    /// made before anything was remembered.
    fn looks_before_creating(&self, plan: &Plan, link_set: Option<&LinkSet>) -> Result<bool> {
        let header = plan.header();
        let now = link_set.map(|set| &set.id);
        if header.link_set_id.is_some() && header.link_set_id.as_ref() != now {
            return Err(Error::new(ErrorKind::Stale, "the plan was made with another state; make a new one")
                .with_context("link set", &self.link_set));
        }
        Ok(header.link_set_id.as_ref() != now || self.clock.now() - header.as_of > FRESH)
    }

    /// How a run ended. `in_doubt`: what became of a write is not known, of an earlier run's perhaps.
    fn status(&self, plan: &Plan, report: &Report, in_doubt: bool) -> RunStatus {
        let partial = plan.reads().iter().any(|read| read.completeness.as_ref().is_some_and(|end| !end.is_complete()));
        let failed = [OutcomeKind::Failed, OutcomeKind::Blocked, OutcomeKind::Stale];
        if partial || in_doubt || report.outcome(OutcomeKind::Pending) > 0 {
            RunStatus::Incomplete
        } else if plan.needs_attention() || failed.iter().any(|outcome| report.outcome(*outcome) > 0) {
            RunStatus::NeedsAttention
        } else {
            RunStatus::Complete
        }
    }

    fn finish(&self, mut report: Report) -> Report {
        report.finished = self.clock.now();
        report.keep_the_worst();
        self.tell(&Event::Finished(&report));
        report
    }

    pub(super) fn ready(&self, key: &EntryKey) -> Result<&Ready> {
        self.mappings.iter().find(|ready| *ready.mapping.name() == key.mapping).ok_or_else(|| {
            Error::new(ErrorKind::Stale, "the plan names a mapping that the job does not have")
                .with_context("mapping", &key.mapping)
        })
    }
}

impl Progress<'_> {
    /// Keeps the lease while it lasts; whoever lost it must not write.
    pub(super) async fn renew(&self) -> Result<()> {
        self.tenure.keep().await
    }

    /// Whether the host stopped the run.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(Stop::is_stopped)
    }

    /// Whether nothing more is tried, for now or at all.
    pub(super) fn is_over(&self) -> bool {
        self.ends_early().is_some() || self.reach.given_up(self.now()).is_some()
    }

    /// The outcome of what is not tried any more, if nothing is.
    fn ends_early(&self) -> Option<Outcome> {
        let why = match (self.is_refused(), self.is_stopped()) {
            (true, _) => "not tried: the credentials are refused",
            (false, true) => "not tried: the run was stopped",
            (false, false) => return None,
        };
        Some(Outcome::Pending { reason: why.to_owned() })
    }

    pub(super) fn now(&self) -> OffsetDateTime {
        self.job.clock.now()
    }

    pub(super) fn entry(&self, at: usize) -> &Entry {
        &self.plan.entries()[at]
    }

    /// What became of an entry, once all its parts were dealt with.
    pub(super) fn outcome(&self, at: usize) -> Outcome {
        self.outcomes[at].clone().unwrap_or_else(|| unrun(self.entry(at)))
    }

    /// The entry of a key, if the plan has it.
    pub(super) fn entry_of(&self, key: &EntryKey) -> Option<&Entry> {
        self.places.get(key).map(|at| self.entry(*at))
    }

    /// Forgets of those who are back that they had left. It comes first and hangs on nothing: an entry that only reports, waits
    /// for a person or fails must not let a grace period run out while its person is there.
    async fn end_leavings(&mut self) -> Result<()> {
        let plan = self.plan;
        let mut batch = Batch::new();
        for source in plan.entries().iter().filter(|entry| entry.returns()).filter_map(|entry| entry.source.as_ref()) {
            let Some(end) = self.links.target_of_mut(source) else { continue };
            // Who left again since this plan was made is leaving.
            let is_over = end.leaving_since.is_some_and(|since| since <= plan.as_of());
            if !is_over || end.owner.as_deref() != Some(self.job.name()) {
                continue;
            }
            end.leaving_since = None;
            if let Some(link) = self.links.get(source) {
                self.job.ledger.put_link(&mut batch, link);
            }
        }
        if !batch.is_empty() {
            self.renew().await?;
            self.job.ledger.state().commit(&self.lease, batch).await?;
        }
        Ok(())
    }

    /// Lets go of all for which nothing is left to do.
    async fn let_go(&mut self) -> Result<()> {
        self.renew().await?;
        let mut batch = Batch::new();
        let now = self.now();
        for (at, entry) in self.plan.entries().iter().enumerate() {
            let done = self.outcomes[at].as_ref().is_some_and(Outcome::is_done);
            let Some(source) = entry.source.as_ref().filter(|_| done && entry.notes.contains(&LinkNote::LetGo)) else {
                continue;
            };
            if let Some(end) = self.links.target_of_mut(source).filter(|end| Some(&end.object) == entry.target.as_ref())
            {
                end.deleted_at = Some(now);
            }
            if let Some(link) = self.links.get(source) {
                self.job.ledger.put_link(&mut batch, link);
            }
        }
        if !batch.is_empty() {
            self.job.ledger.state().commit(&self.lease, batch).await?;
        }
        Ok(())
    }

    /// Notes an outcome. Of the two parts of an entry the worse one counts.
    pub(super) fn settle(&mut self, at: usize, outcome: Outcome) {
        let kept = match self.outcomes[at].take() {
            Some(before) if !before.is_done() => before,
            Some(Outcome::Applied) if outcome.is_done() => Outcome::Applied,
            _ => outcome,
        };
        self.outcomes[at] = Some(kept);
    }

    /// Tells what became of an entry once all its parts were dealt with.
    pub(super) fn tell_if_done(&mut self, at: usize) {
        self.parts_left[at] = self.parts_left[at].saturating_sub(1);
        let entry = self.entry(at);
        if let (0, Some(outcome)) = (self.parts_left[at], &self.outcomes[at]) {
            let target = self.targets.get(&at).or(entry.target.as_ref()).cloned();
            self.job.tell(&Event::Entry(&EntryReport::new(entry, target, outcome.clone())));
        }
    }

    /// Why a part of an entry must wait for another entry that was not carried out. What makes an object that others
    /// refer to holds up none but the reference.
    pub(super) fn held_up(&self, at: usize, part: Part) -> Option<String> {
        let entry = self.entry(at);
        entry.after.iter().filter(|edge| edge.kind == EdgeKind::Frees).find_map(|edge| {
            let before = *self.places.get(&edge.entry)?;
            if edge_parts(self.entry(before), entry, edge.kind, &edge.attribute).1 != part {
                return None;
            }
            let done = self.outcomes[before].as_ref().is_some_and(Outcome::is_done);
            (!done).then(|| format!("waits for {}, which was not carried out", edge.entry))
        })
    }

    /// Whether the object that an entry is about is there by now, so that what is left of it can be written.
    pub(super) fn is_there(&self, at: usize) -> bool {
        match self.entry(at).action {
            Action::Create => self.targets.contains_key(&at),
            Action::Link | Action::Restore => self.outcomes[at].as_ref().is_none_or(Outcome::is_done),
            _ => true,
        }
    }
}

/// Whether the plan gives its job up.
fn retires(plan: &Plan) -> bool {
    plan.header().run == RETIRE
}

/// Whether all that was planned of everybody was tried and went through.
fn has_been_round(plan: &Plan, report: &Report) -> bool {
    let undone = [OutcomeKind::Failed, OutcomeKind::Stale, OutcomeKind::Pending];
    is_of_all(plan) && undone.iter().all(|outcome| report.outcome(*outcome) == 0)
}

/// The outcome of an entry that was not to be carried out.
fn unrun(entry: &Entry) -> Outcome {
    let problem = entry.problems.iter().max_by_key(|problem| problem.severity).map(ToString::to_string);
    match entry.action {
        Action::Exception => Outcome::Blocked {
            reason: entry.reason.clone().or(problem).unwrap_or_else(|| format!("{} needs a person", entry.situation)),
        },
        Action::Wait => Outcome::Waiting,
        _ if entry.is_held() => Outcome::Held { reason: entry.held().map(ToString::to_string).unwrap_or_default() },
        _ if entry.is_blocked() => Outcome::Blocked { reason: problem.unwrap_or_default() },
        _ => Outcome::Unchanged,
    }
}
