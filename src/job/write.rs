//! A window of entries: checked, noted, written, settled.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::future::{FutureExt, OptionFuture};
use futures::stream::{BoxStream, StreamExt};

use super::apply::Progress;
use super::builder::Ready;
use super::elements::split_refused;
use super::ledger::{Intent, Taken};
use super::work::{Work, changes_in};
use super::{Outcome, Stop};
use crate::error::{Error, ErrorKind, Result};
use crate::mapping::CompiledMapping;
use crate::model::{Change, ChangeId, ObjectId, Operation, Written};
use crate::permit::Permit;
use crate::reconcile::{
    Action, Entry, Guard, Link, LinkEnd, LinkNote, LinkOrigin, Part, agree, agree_on_written, element_key,
};
use crate::store::{Batch, Source};

/// How many answers are settled in one commit: those of two batches, so that noting takes fewer flushes than there are
/// batches.
const SETTLED_TOGETHER: usize = 40;
/// No answer waits longer than this for others to be noted with it.
const NOTED_WITHIN: Duration = Duration::from_millis(500);

type Answers<'a> = BoxStream<'a, (ChangeId, Result<Written>)>;

/// What comes of waiting for an answer.
enum Next {
    Answer(ChangeId, Result<Written>),
    /// None came for a while.
    Nothing,
    /// The run is stopped.
    Stopped,
    /// There are no more.
    Over,
}

impl Progress<'_> {
    /// Carries out one part of some entries, which do not depend on each other.
    pub(super) async fn window(&mut self, window: &[usize], part: Part) -> Result<()> {
        self.carry_out(window, part).await?;
        window.iter().for_each(|at| self.tell_if_done(*at));
        Ok(())
    }

    async fn carry_out(&mut self, window: &[usize], part: Part) -> Result<()> {
        let mut open = Vec::new();
        for &at in window {
            if part != Part::Restore
                && (part > Part::Main || self.entry(at).action == Action::Restore)
                && !self.is_there(at)
            {
                // What became of the object is told; there is nothing to write the rest to.
                continue;
            }
            let held_up = self.held_up(at, part).map(|reason| Outcome::Blocked { reason });
            match held_up.or_else(|| self.refused(at, part)) {
                Some(outcome) => self.settle(at, outcome),
                None => open.push(at),
            }
        }
        let open = self.look_again(open, part).await?;
        let mut works = Vec::with_capacity(open.len());
        for at in open {
            let work = self.work(at, part)?;
            // Of elements all of which must be left out nothing is to be done.
            if work.operation.is_some() || part <= Part::Main {
                works.push(work);
            }
        }
        if part == Part::Main {
            self.look_for_forgotten(&mut works).await?;
        }
        self.fill_in(&mut works).await?;
        let works = self.note(works).await?;
        let left = self.write(works).await?;
        self.follow_up(left).await
    }

    /// Why an entry cannot be carried out, or need not be, given the links as they are now.
    fn refused(&mut self, at: usize, part: Part) -> Option<Outcome> {
        let entry = self.entry(at);
        if part > Part::Main && entry.action == Action::Create {
            return None;
        }
        let stale = |reason: &str| Some(Outcome::Stale { reason: reason.to_owned() });
        let source = entry.source.as_ref()?;
        let end = self.links.target_of(source);
        let ours = |end: &&LinkEnd| Some(&end.object) == entry.target.as_ref() && end.deleted_at.is_none();
        match entry.action {
            Action::Create => {
                let linked = end.filter(|end| end.deleted_at.is_none())?.object.clone();
                // What is created anew may still be linked to the account that is gone.
                if entry.candidates.contains(&linked) {
                    return None;
                }
                self.targets.insert(at, linked);
                Some(Outcome::Unchanged)
            }
            Action::Link => {
                let owner = entry.target.as_ref().and_then(|target| self.links.source_of(target));
                let other = owner.is_some_and(|owner| owner != source);
                match end {
                    _ if other => stale("what was to be linked was linked to another source since"),
                    // What another job deleted or let go of is no longer its own.
                    Some(end) if end.deleted_at.is_some() => None,
                    Some(end) if end.owner.as_deref().is_some_and(|owner| owner != self.job.name()) => {
                        stale("another job owns the link since")
                    }
                    Some(end) if Some(&end.object) != entry.target.as_ref() => {
                        stale("the source was linked to another object since")
                    }
                    _ => None,
                }
            }
            Action::Update | Action::Disable | Action::Delete | Action::Wait => match end {
                Some(end) if ours(&end) && end.owner.as_deref() == Some(self.job.name()) => {
                    if entry.is_of_leaver() && !self.is_same_leaving(entry, end) {
                        return stale("whoever left was back since, so that the time since he left begins anew");
                    }
                    // Someone else may have switched it off since: only what this job switched off comes back.
                    let may =
                        |ready: &Ready| ready.policy.preferences().may_enable(end.disabled_by_us, end.was_inactive);
                    let lost = part <= Part::Status && entry.enables() && !self.job.ready(&entry.key).is_ok_and(may);
                    lost.then(|| Outcome::Stale { reason: "it is no longer this job that switched it off".to_owned() })
                }
                Some(end) if entry.action == Action::Delete && end.deleted_at.is_some() => Some(Outcome::Unchanged),
                _ => stale("the link that the plan goes by has changed since"),
            },
            Action::Unlink => match end {
                None => Some(Outcome::Unchanged),
                Some(end) if Some(&end.object) == entry.target.as_ref() => None,
                Some(_) => stale("the source was linked to another object since"),
            },
            Action::Restore if part != Part::Restore => None,
            Action::Restore => match end {
                Some(end) if Some(&end.object) != entry.target.as_ref() => {
                    stale("the source was linked to another object since")
                }
                _ => None,
            },
            Action::Relink => {
                let before = entry.target.as_ref().and_then(|target| self.links.source_of(target));
                match before {
                    None => stale("the link that was to be moved is gone"),
                    Some(before) if before == source => Some(Outcome::Unchanged),
                    Some(_) if end.is_some_and(|end| end.deleted_at.is_none()) => {
                        stale("the source was linked to another object since")
                    }
                    Some(_) => None,
                }
            }
            Action::Report | Action::Ignore | Action::Exception => None,
        }
    }

    /// Notes what is about to be written, durably, and carries out what needs no write. Gives what is left to write.
    async fn note(&mut self, works: Vec<Work>) -> Result<Vec<Work>> {
        let mut batch = Batch::new();
        let mut left = Vec::new();
        let mut done = Vec::new();
        let mut created = Vec::new();
        for work in works {
            created.extend(self.recovered(&work)?);
            let entry = self.entry(work.at);
            if matches!(entry.action, Action::Link | Action::Relink | Action::Unlink) && work.part == Part::Main {
                let drops = entry.action == Action::Unlink && !entry.notes.contains(&LinkNote::LetGo);
                if let (true, Some(target)) = (drops, &entry.target) {
                    self.job.ledger.forget_given(&mut batch, self.job.target.name(), target).await?;
                }
                self.relink(&mut batch, work.at);
            }
            if work.operation.is_some() {
                self.job.ledger.put_intent(&mut batch, self.job.name(), &work.intent);
                left.push(work);
            } else {
                self.settled(&mut batch, &work, None);
                done.push(work);
            }
        }
        // First the sink: as long as the intent of the create stands, confirming is made up for.
        if let Some(sink) = self.job.passwords.as_ref().filter(|_| !created.is_empty()) {
            sink.confirm(created).await?;
        }
        if !batch.is_empty() {
            self.job.ledger.state().commit(&self.lease, batch).await?;
        }
        for work in done {
            let waits = self.entry(work.at).action == Action::Wait;
            self.settle(work.at, if waits { Outcome::Waiting } else { Outcome::Applied });
        }
        Ok(left)
    }

    /// The password to confirm with a link to what a create made whose answer was lost: planning found the object, and
    /// recovering had not been able to ask for it.
    fn recovered(&self, work: &Work) -> Result<Option<(String, ObjectId)>> {
        let entry = self.entry(work.at);
        let (Some(source), Some(target), Part::Main) = (&entry.source, &entry.target, work.part) else {
            return Ok(None);
        };
        let generates = self.job.ready(&entry.key)?.mapping.generates_password().is_some();
        let is_made = entry.recovers() && self.unsettled.creates.contains_key(source);
        Ok((is_made && generates).then(|| (self.password_key(work.at), target.clone())))
    }

    /// Makes, moves or drops a link, which no request is needed for.
    fn relink(&mut self, batch: &mut Batch, at: usize) {
        let entry = self.entry(at);
        let (Some(source), Some(target)) = (entry.source.clone(), entry.target.clone()) else { return };
        let (here, there) = (self.job.source.name(), self.job.target.name());
        if entry.notes.contains(&LinkNote::LetGo) {
            // With all the others, when the plan is done.
            return;
        }
        if entry.action == Action::Unlink {
            if let Some(link) = self.links.remove(&source) {
                self.job.ledger.remove_link(batch, &link);
            }
            return;
        }
        let before = match entry.action {
            Action::Relink => self.links.source_of(&target).cloned().and_then(|source| self.links.remove(&source)),
            _ => self.links.remove(&source),
        };
        let now = self.now();
        let origin = self.entry(at).link_origin.unwrap_or(LinkOrigin::Adopted);
        let kept = before.as_ref().and_then(|link| link.end(there)).filter(|end| end.object == target).cloned();
        let mut end = kept.unwrap_or_else(|| LinkEnd::new(there, target, origin, self.job.target_now()));
        end.owner = Some(self.job.name().to_owned());
        end.deleted_at = None;
        // Whoever had left before, or whatever job was given up: now there is somebody.
        end.leaving_since = None;
        if let Some(doubt) = self.unsettled.creates.get(&source).filter(|_| self.entry(at).recovers()) {
            end.disabled_by_us = doubt.disables;
            end.written = doubt.written.iter().cloned().collect();
        }
        let link = Link::new(source_end(before.as_ref(), here, source, now), end);
        if let Some(before) = before {
            self.job.ledger.remove_link(batch, &before);
        }
        self.job.ledger.put_link(batch, &link);
        self.links.insert(link);
    }

    /// Sends the changes, and settles each answer as it comes. Gives what is left, with its error.
    pub(super) async fn write(&mut self, works: Vec<Work>) -> Result<Vec<(Work, Error)>> {
        let changes: Vec<Change> = works
            .iter()
            .filter_map(|work| Some(Change::new(ChangeId::new(work.at as u64), work.operation.clone()?)))
            .collect();
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let mut open: HashMap<ChangeId, Work> =
            works.into_iter().map(|work| (ChangeId::new(work.at as u64), work)).collect();
        let target = self.job.target.clone();
        let mut answers = target.write(changes);
        let mut left = Vec::new();
        let mut written = Vec::new();
        loop {
            let next = self.next_answer(&mut answers, !written.is_empty()).await?;
            let is_time = !matches!(next, Next::Answer(..));
            let is_over = matches!(next, Next::Over | Next::Stopped);
            if let Next::Answer(number, answer) = next {
                let Some(mut work) = open.remove(&number) else { continue };
                self.reach.answered(&answer);
                let is_anothers = match &answer {
                    Ok(Written { id, .. }) => self.is_anothers(id, &work, &written).await?,
                    Err(_) => false,
                };
                match answer {
                    Ok(Written { id, .. }) if is_anothers => {
                        // It is looked for as if no answer had come.
                        let error = Error::new(
                            ErrorKind::Protocol,
                            "the answer to a create names an account that is somebody's; what was made is looked for by its values",
                        );
                        left.push((work, error.with_context("account", id).with_outcome_in_doubt()));
                    }
                    Ok(Written { id, refused, not_there }) => {
                        work.not_there = not_there
                            .into_iter()
                            .map(|(name, values)| (name, values.iter().filter_map(element_key).collect()))
                            .collect();
                        let rest = split_refused(&mut work, refused);
                        let nothing =
                            matches!(&work.operation, Some(Operation::Elements { changes, .. }) if changes.is_empty());
                        if rest.is_none() || !nothing {
                            let open = rest.as_ref().map(|(rest, _)| rest.intent.clone());
                            written.push((work, id, open));
                        }
                        left.extend(rest);
                    }
                    Err(error) => left.push((work, error)),
                }
            }
            if is_time || written.len() >= SETTLED_TOGETHER {
                self.commit_written(std::mem::take(&mut written)).await?;
                self.renew().await?;
            }
            if is_over {
                break;
            }
        }
        if let Some(at) = left.iter().position(|(_, error)| error.kind() == ErrorKind::Leased) {
            // It was not sent; what was noted of it is for whoever took over.
            return Err(left.swap_remove(at).1);
        }
        drop(answers);
        if self.is_stopped() {
            for work in open.drain().map(|(_, work)| work) {
                // The intent stays: the next run looks.
                self.settle(work.at, Outcome::Pending { reason: "the run was stopped before the answer".to_owned() });
            }
        }
        for work in open.into_values() {
            left.push((work, Error::new(ErrorKind::Protocol, "the target did not answer").with_outcome_in_doubt()));
        }
        left.sort_by_key(|(work, _)| work.at);
        Ok(left)
    }

    /// Whether an answer to a create names an object that is somebody's, or was made for another just now.
    async fn is_anothers(
        &self,
        id: &ObjectId,
        work: &Work,
        written: &[(Work, ObjectId, Option<Intent>)],
    ) -> Result<bool> {
        let creates = |work: &Work| matches!(work.operation, Some(Operation::Create { .. }));
        if !creates(work) {
            return Ok(false);
        }
        let just_made = written.iter().any(|(other, made, _)| creates(other) && made == id);
        Ok(just_made || self.job.is_anothers(id, work.intent.source.as_ref()).await?)
    }

    /// The next answer, as long as the right to send lasts. With `impatient`, not for ever.
    async fn next_answer(&self, answers: &mut Answers<'_>, impatient: bool) -> Result<Next> {
        let sleeps = (impatient && self.job.is_timed()).then(|| self.job.clock.sleep(NOTED_WITHIN));
        let mut sleep = OptionFuture::from(sleeps);
        let mut stopped = pin!(OptionFuture::from(self.stop.as_ref().map(Stop::stopped)));
        loop {
            let next = poll_fn(|context| {
                // Whatever goes on in there may send.
                if stopped.as_mut().poll(context) == Poll::Ready(Some(())) {
                    return Poll::Ready(Some(Next::Stopped));
                }
                if self.tenure.is_in_question() {
                    return Poll::Ready(None);
                }
                match answers.poll_next_unpin(context) {
                    Poll::Ready(Some((number, answer))) => Poll::Ready(Some(Next::Answer(number, answer))),
                    Poll::Ready(None) => Poll::Ready(Some(Next::Over)),
                    Poll::Pending => match sleep.poll_unpin(context) {
                        Poll::Ready(Some(())) => Poll::Ready(Some(Next::Nothing)),
                        Poll::Ready(None) | Poll::Pending => Poll::Pending,
                    },
                }
            });
            match next.await {
                Some(next) => return Ok(next),
                None => self.tenure.make_sure().await?,
            }
        }
    }

    /// Notes what was written, durably, before anything else happens; and what is left of it, if something is.
    pub(super) async fn commit_written(&mut self, mut written: Vec<(Work, ObjectId, Option<Intent>)>) -> Result<()> {
        if written.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::new();
        let mut created = Vec::new();
        self.look_for_not_there(&mut written).await?;
        for (work, id, open) in &written {
            self.settled(&mut batch, work, Some(id));
            match open {
                Some(open) => self.job.ledger.put_intent(&mut batch, self.job.name(), open),
                None => self.succeeded(&mut batch, work),
            }
            if work.intent.action == Action::Create
                && self.job.ready(&work.intent.key)?.mapping.generates_password().is_some()
            {
                created.push((self.password_key(work.at), id.clone()));
            }
        }
        // First the sink: as long as the intent stands, confirming is made up for.
        if let Some(sink) = self.job.passwords.as_ref().filter(|_| !created.is_empty()) {
            sink.confirm(created).await?;
        }
        self.job.ledger.state().commit(&self.lease, batch).await?;
        for (work, id, _) in written {
            self.count_elements(&work);
            self.targets.insert(work.at, id);
            self.settle(work.at, Outcome::Applied);
        }
        Ok(())
    }

    /// What a write that succeeded changes in the state.
    fn settled(&mut self, batch: &mut Batch, work: &Work, id: Option<&ObjectId>) {
        let entry = self.entry(work.at).clone();
        let (now, target_now) = (self.now(), self.job.target_now());
        let as_of = self.plan.as_of();
        let (here, there) = (self.job.source.name().to_owned(), self.job.target.name().to_owned());
        let job = self.job.name().to_owned();
        if let Some(source) = &entry.source {
            if let (Action::Create, Part::Main, Some(id)) | (Action::Restore, Part::Restore, Some(id)) =
                (entry.action, work.part, id)
            {
                let before = self.links.remove(source);
                let origin = entry.link_origin.unwrap_or(LinkOrigin::Adopted);
                let mut end = LinkEnd::new(there.as_str(), id.clone(), origin, target_now);
                end.disabled_by_us = work.intent.disables;
                // What is brought back is what it was.
                let kept = before.as_ref().and_then(|link| link.end(&there)).filter(|end| end.object == *id);
                if let Some(kept) = kept.filter(|_| entry.action == Action::Restore) {
                    end = LinkEnd { deleted_at: None, leaving_since: None, since: target_now, ..kept.clone() };
                }
                let end = end.owned_by(&job);
                let link = Link::new(source_end(before.as_ref(), &here, source.clone(), now), end);
                if let Some(before) = before {
                    self.job.ledger.remove_link(batch, &before);
                }
                self.links.insert(link);
            }
            if let Some((from, to)) = self.links.ends_of_mut(source) {
                remember(to, &entry, work, as_of, now);
                if let Some(ready) = self.job.ready_for(&work.intent) {
                    remember_agreed(from, to, &entry, work.part, &ready.mapping);
                }
            }
            if let Some(link) = self.links.get(source) {
                self.job.ledger.put_link(batch, link);
            }
        }
        self.job.ledger.remove_intent(batch, &job, &work.intent);
        if let Some(object) = id.or(entry.target.as_ref()) {
            self.remember_elements(batch, work, object);
            self.overrule(batch, work);
        }
        if work.part == Part::Main {
            self.forget_elements(batch, work);
        }
        if work.part <= Part::Status {
            for (guard, count) in entry.part_effects(work.part).kinds() {
                if !matches!(guard, Guard::Create | Guard::Update) {
                    let (plan, class) = (self.plan.digest(), &entry.class);
                    let taken = Taken { entry: &entry.key, plan, class, guard, object: None, element: None, count };
                    self.job.ledger.put_removal(batch, &job, &taken, now);
                }
            }
        }
    }
}

/// What the link remembers of a write.
fn remember(end: &mut LinkEnd, entry: &Entry, work: &Work, as_of: time::OffsetDateTime, now: time::OffsetDateTime) {
    let enabled =
        entry.enables() && (work.part == Part::Status || (work.part == Part::Main && entry.changes.len() == 1));
    for note in &entry.notes {
        match note {
            LinkNote::Leaving => end.leaving_since = Some(as_of),
            // Before anything was written.
            LinkNote::Returned => {}
            LinkNote::EnabledByOthers => {
                end.disabled_by_us = false;
            }
            // Once all of the plan is done.
            LinkNote::LetGo => {}
            LinkNote::Inactive => end.was_inactive = true,
            // That it was is what it may be switched on by: not forgotten until it is.
            LinkNote::Active if entry.enables() && !enabled => {}
            LinkNote::Active => end.was_inactive = false,
        }
    }
    if entry.action == Action::Delete {
        end.deleted_at = Some(now);
    }
    if work.intent.disables {
        end.disabled_by_us = true;
    } else if enabled {
        end.disabled_by_us = false;
    }
    let written = work.intent.written.iter().map(|(name, digest)| (name, digest));
    for (name, digest) in written.chain(&entry.remember) {
        end.written.insert(name.clone(), digest.clone());
    }
}

/// What the ends of the link agree on once a part of an entry is written.
fn remember_agreed(source: &mut LinkEnd, target: &mut LinkEnd, entry: &Entry, part: Part, mapping: &CompiledMapping) {
    if part == Part::Main {
        for (name, agreed) in &entry.agreed {
            agree(source, target, name, agreed, mapping.rule(name));
        }
    }
    if matches!(part, Part::Main | Part::Status) {
        for change in changes_in(entry, part) {
            agree_on_written(source, target, change, mapping.rule(&change.attribute));
        }
    }
}

/// The source's end of a link: as it was, if there was one.
fn source_end(before: Option<&Link>, store: &str, source: ObjectId, now: time::OffsetDateTime) -> LinkEnd {
    let kept = before.and_then(|link| link.end(store)).filter(|end| end.object == source).cloned();
    kept.unwrap_or_else(|| LinkEnd::new(store, source, LinkOrigin::Adopted, now))
}
