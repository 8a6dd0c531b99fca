//! A window of entries: checked, noted, written, settled.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures::StreamExt;

use super::apply::Progress;
use super::elements::split_refused;
use super::ledger::{Intent, Taken};
use super::recover::reread;
use super::{Outcome, password};
use crate::clock::later;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Attributes, Change, ChangeId, Mutability, Name, ObjectId, Operation, Schema, Value, Written};
use crate::reconcile::{
    Action, AttributeChange, Entry, Guard, Link, LinkEnd, LinkNote, LinkOrigin, Part, write_only_digest,
};
use crate::secret::Secret;
use crate::store::{Batch, InitialPassword, Source};

/// How many answers are settled in one commit.
const SETTLED_TOGETHER: usize = 20;
/// The first and the longest wait for an object to show.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(16);

/// A part of an entry on its way to the target.
#[derive(Debug, Clone)]
pub(super) struct Work {
    pub(super) at: usize,
    pub(super) part: Part,
    pub(super) operation: Option<Operation>,
    pub(super) intent: Intent,
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
        let open = if part == Part::Main { self.look_for_matches(open).await? } else { open };
        let open = self.recheck(open, part).await?;
        let mut works = Vec::with_capacity(open.len());
        for at in open {
            let work = self.work(at, part)?;
            // Of elements all of which must be left out nothing is to be done.
            if work.operation.is_some() || part <= Part::Main {
                works.push(work);
            }
        }
        self.prepare_passwords(&mut works).await?;
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
                    Some(end) if end.owner.as_deref().is_some_and(|owner| owner != self.job.name()) => {
                        stale("another job owns the link since")
                    }
                    Some(end) if end.deleted_at.is_none() && Some(&end.object) != entry.target.as_ref() => {
                        stale("the source was linked to another object since")
                    }
                    _ => None,
                }
            }
            Action::Update | Action::Disable | Action::Delete | Action::Wait => match end {
                Some(end) if ours(&end) && end.owner.as_deref() == Some(self.job.name()) => {
                    // Someone else may have switched it off since: only what this job switched off comes back.
                    let own =
                        self.job.ready(&entry.key).is_ok_and(|ready| ready.policy.preferences().enables_only_own());
                    let lost = part <= Part::Status && entry.enables() && own && !end.disabled_by_us;
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

    fn work(&mut self, at: usize, part: Part) -> Result<Work> {
        let entry = self.plan.entries()[at].clone();
        let entry = &entry;
        let schema = &self.job.ready(&entry.key)?.schema;
        let alone = entry.changes.len() == 1 || entry.action == Action::Create;
        let changes = || entry.changes.iter().filter(|change| Self::is_part(part, change, alone));
        let value = |change: &AttributeChange| match (part, &change.through) {
            (Part::Temporary, Some(value)) => value.clone(),
            _ => change.new.clone(),
        };
        let attributes: Attributes = changes().map(|change| (change.attribute.clone(), value(change))).collect();
        let (elements, missing) = self.elements(entry, part);
        if let Some(outcome) = missing {
            self.settle(at, outcome);
        }
        let target =
            entry.target.as_ref().filter(|_| entry.action != Action::Create).or(self.targets.get(&at)).cloned();
        let id = || {
            target.clone().ok_or_else(|| {
                Error::new(ErrorKind::Stale, "the plan has an entry without a target").with_context("entry", &entry.key)
            })
        };
        let operation = match entry.action {
            _ if matches!(part, Part::References | Part::Licenses) => match elements.is_empty() {
                true => None,
                false => Some(Operation::Elements { id: id()?, changes: elements.clone() }),
            },
            _ if matches!(part, Part::Temporary | Part::Status) => {
                Some(Operation::Update { id: id()?, attributes, secrets: BTreeMap::new() })
            }
            Action::Create => {
                Some(Operation::Create { class: entry.class.clone(), attributes, secrets: BTreeMap::new() })
            }
            Action::Delete => Some(Operation::Delete { id: id()? }),
            Action::Restore if part == Part::Restore => Some(Operation::Restore { id: id()? }),
            _ if attributes.is_empty() => None,
            _ => Some(Operation::Update { id: id()?, attributes, secrets: BTreeMap::new() }),
        };
        let creates = entry.action == Action::Create && part == Part::Main;
        let anchors = if creates { self.anchors(entry, schema)? } else { Vec::new() };
        let source = entry.source.clone();
        let written = changes()
            .filter(|change| is_write_only(schema, &change.attribute))
            .filter_map(|change| {
                let digest = write_only_digest(source.as_ref()?, &change.attribute, &change.new);
                Some((change.attribute.clone(), digest))
            })
            .collect();
        let lost = entry.licenses().filter(|set| set.part() == part).map_or(0, |set| set.removals());
        let intent = Intent {
            key: entry.key.clone(),
            part,
            // What is written to an object that was just made or brought back is no second making.
            action: match entry.action {
                Action::Create if !creates => Action::Update,
                Action::Restore if part != Part::Restore => Action::Update,
                action => action,
            },
            plan: self.plan.digest().to_owned(),
            // Of a create that was begun before, the first beginning counts: what it made is no younger.
            at: self.doubt(entry).map_or_else(|| self.now(), |doubt| doubt.at),
            target_at: Some(self.doubt(entry).map_or_else(
                || self.now() + self.job.target.clock_ahead(),
                |doubt| doubt.target_at.unwrap_or(doubt.at),
            )),
            replaces: entry.candidates.first().filter(|_| creates).cloned(),
            class: entry.class.clone(),
            source: entry.source.clone(),
            target: target.clone(),
            elements,
            licenses_lost: lost,
            disables: changes().any(|change| change.status && change.new == Value::Bool(false)),
            anchors,
            written,
        };
        Ok(Work { at, part, operation, intent })
    }

    /// The create of an earlier run for the same source whose outcome is still not known.
    fn doubt(&self, entry: &Entry) -> Option<&Intent> {
        self.doubts.get(entry.source.as_ref()?).filter(|_| entry.action == Action::Create)
    }

    /// What tells the object that is made from all others: its matching and unique values.
    fn anchors(&self, entry: &Entry, schema: &Schema) -> Result<Vec<(Name, Value)>> {
        let matching = self.job.ready(&entry.key)?.mapping.matching();
        let tells = |name: &Name| {
            schema.get(name).is_some_and(|attribute| attribute.unique_in.is_some() && attribute.is_readable())
                || matching.contains(name)
        };
        let pairs = entry.changes.iter().filter(|change| tells(&change.attribute));
        Ok(pairs.map(|change| (change.attribute.clone(), change.new.clone())).collect())
    }

    // Passwords and other secrets.

    /// Puts the secrets into the creates: generated ones by way of the sink, mapped ones from the source record.
    async fn prepare_passwords(&mut self, works: &mut Vec<Work>) -> Result<()> {
        self.map_secrets(works).await?;
        let mut wanted = Vec::new();
        let mut passwords = Vec::new();
        for (position, work) in works.iter().enumerate() {
            let Some(Operation::Create { attributes, .. }) = &work.operation else { continue };
            let Some(attribute) = self.job.ready(&work.intent.key)?.mapping.generates_password() else { continue };
            wanted.push((position, attribute.clone()));
            passwords.push(InitialPassword::new(self.password_key(work.at), attributes.clone(), password::generate()?));
        }
        let Some(sink) = self.job.passwords.as_ref().filter(|_| !wanted.is_empty()) else { return Ok(()) };
        let expected = passwords.len();
        let prepared = sink.prepare(passwords).await?;
        if prepared.len() != expected {
            return Err(Error::new(ErrorKind::Store, "the password sink did not answer a password for each account")
                .with_context("asked", expected)
                .with_context("answered", prepared.len()));
        }
        for ((position, attribute), secret) in wanted.into_iter().zip(prepared) {
            if let Some(Operation::Create { secrets, .. }) = &mut works[position].operation {
                secrets.insert(attribute, secret);
            }
        }
        Ok(())
    }

    /// Reads the source records of creates with mapped secrets again: their values are in no plan.
    async fn map_secrets(&mut self, works: &mut Vec<Work>) -> Result<()> {
        let mut ids = Vec::new();
        for work in works.iter() {
            let mapped = self.entry(work.at).secrets.iter().any(|secret| {
                self.job
                    .ready(&work.intent.key)
                    .is_ok_and(|ready| ready.mapping.generates_password() != Some(&secret.attribute))
            });
            if mapped && matches!(work.operation, Some(Operation::Create { .. })) {
                ids.extend(work.intent.source.clone());
            }
        }
        if ids.is_empty() {
            return Ok(());
        }
        let records = reread(&*self.job.source, &ids).await;
        let context = self.context().await?;
        let mut kept = Vec::with_capacity(works.len());
        for mut work in works.drain(..) {
            let Some(answer) = work.intent.source.as_ref().and_then(|id| records.get(id)) else {
                kept.push(work);
                continue;
            };
            match self.mapped_secrets(&work, answer, &context) {
                Ok(found) => {
                    if let Some(Operation::Create { secrets, .. }) = &mut work.operation {
                        secrets.extend(found);
                    }
                    kept.push(work);
                }
                Err(reason) => self.settle(work.at, Outcome::Stale { reason }),
            }
        }
        *works = kept;
        Ok(())
    }

    fn mapped_secrets(
        &self,
        work: &Work,
        answer: &crate::reconcile::Answer,
        context: &crate::expr::Context,
    ) -> Result<BTreeMap<Name, Secret>, String> {
        let [record] = answer.as_ref().map_err(Clone::clone)?.as_slice() else {
            return Err("the source record is gone or no longer the only one of its id".to_owned());
        };
        let mapping = &self.job.ready(&work.intent.key).map_err(|error| error.to_chain())?.mapping;
        let crate::mapping::Mapped::Flows(flows) = mapping.evaluate(record, context) else {
            return Err("the source record is now left out by its mapping".to_owned());
        };
        for change in &self.entry(work.at).changes {
            let now =
                flows.iter().find(|flow| flow.attribute == change.attribute).and_then(|flow| mapping.on_create(flow));
            if now.as_ref() != Some(&change.new) {
                return Err(format!("{} changed in the source since the plan was made", change.attribute));
            }
        }
        mapping.evaluate_secrets(record, context).map_err(|error| error.to_chain())
    }

    pub(super) fn password_key(&self, at: usize) -> String {
        password_key(self.job.name(), &self.entry(at).key)
    }

    // Noting, writing, settling.

    /// Notes what is about to be written, durably, and carries out what needs no write. Gives what is left to write.
    async fn note(&mut self, works: Vec<Work>) -> Result<Vec<Work>> {
        let mut batch = Batch::new();
        let mut left = Vec::new();
        let mut done = Vec::new();
        for work in works {
            let entry = self.entry(work.at);
            if matches!(entry.action, Action::Link | Action::Relink | Action::Unlink) && work.part == Part::Main {
                if let (Action::Unlink, Some(target)) = (entry.action, &entry.target) {
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
        if !batch.is_empty() {
            self.job.ledger.state().commit(&self.lease, batch).await?;
        }
        for work in done {
            let waits = self.entry(work.at).action == Action::Wait;
            self.settle(work.at, if waits { Outcome::Waiting } else { Outcome::Applied });
        }
        Ok(left)
    }

    /// Makes, moves or drops a link, which no request is needed for.
    fn relink(&mut self, batch: &mut Batch, at: usize) {
        let entry = self.entry(at);
        let (Some(source), Some(target)) = (entry.source.clone(), entry.target.clone()) else { return };
        let (here, there) = (self.job.source.name(), self.job.target.name());
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
        let mut end = kept.unwrap_or_else(|| LinkEnd::new(there, target, origin, now));
        end.owner = Some(self.job.name().to_owned());
        end.deleted_at = None;
        let link = Link::new(source_end(before.as_ref(), here, source, now), end);
        if let Some(before) = before {
            self.job.ledger.remove_link(batch, &before);
        }
        self.job.ledger.put_link(batch, &link);
        self.links.insert(link);
    }

    /// Sends the changes, and settles each answer as it comes. Gives what is left, with its error.
    async fn write(&mut self, works: Vec<Work>) -> Result<Vec<(Work, Error)>> {
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
        let mut answers = target.write(changes).ready_chunks(SETTLED_TOGETHER);
        let mut left = Vec::new();
        while let Some(answers) = answers.next().await {
            let mut written = Vec::new();
            for (number, answer) in answers {
                let Some(mut work) = open.remove(&number) else { continue };
                match answer {
                    Ok(Written { id, refused }) => {
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
            self.commit_written(written).await?;
            self.renew().await?;
        }
        for work in open.into_values() {
            left.push((work, Error::new(ErrorKind::Protocol, "the target did not answer").with_outcome_in_doubt()));
        }
        left.sort_by_key(|(work, _)| work.at);
        Ok(left)
    }

    /// Notes what was written, durably, before anything else happens; and what is left of it, if something is.
    async fn commit_written(&mut self, written: Vec<(Work, ObjectId, Option<Intent>)>) -> Result<()> {
        if written.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::new();
        let mut created = Vec::new();
        for (work, id, open) in &written {
            self.settled(&mut batch, work, Some(id));
            if let Some(open) = open {
                self.job.ledger.put_intent(&mut batch, self.job.name(), open);
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
        let now = self.now();
        let as_of = self.plan.as_of();
        let (here, there) = (self.job.source.name().to_owned(), self.job.target.name().to_owned());
        let job = self.job.name().to_owned();
        if let Some(source) = &entry.source {
            if let (Action::Create, Part::Main, Some(id)) | (Action::Restore, Part::Restore, Some(id)) =
                (entry.action, work.part, id)
            {
                let before = self.links.remove(source);
                let origin = entry.link_origin.unwrap_or(LinkOrigin::Adopted);
                let mut end = LinkEnd::new(there.as_str(), id.clone(), origin, now);
                end.disabled_by_us = work.intent.disables;
                // What is brought back is what it was.
                let kept = before.as_ref().and_then(|link| link.end(&there)).filter(|end| end.object == *id);
                if let Some(kept) = kept.filter(|_| entry.action == Action::Restore) {
                    end = LinkEnd { deleted_at: None, leaving_since: None, since: now, ..kept.clone() };
                }
                let end = end.owned_by(&job);
                let link = Link::new(source_end(before.as_ref(), &here, source.clone(), now), end);
                if let Some(before) = before {
                    self.job.ledger.remove_link(batch, &before);
                }
                self.links.insert(link);
            }
            if let Some(end) = self.links.target_of_mut(source) {
                remember(end, &entry, work, as_of, now);
            }
            if let Some(link) = self.links.get(source) {
                self.job.ledger.put_link(batch, link);
            }
        }
        self.job.ledger.remove_intent(batch, &job, &work.intent);
        if let Some(object) = id.or(entry.target.as_ref()) {
            self.remember_elements(batch, work, object);
        }
        if work.part == Part::Main {
            self.forget_elements(batch, &entry);
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

    // What did not go through at once.

    /// Deals with what failed: looks for what may have been done, waits for what may not show yet, notes the rest.
    async fn follow_up(&mut self, left: Vec<(Work, Error)>) -> Result<()> {
        let mut open: Vec<(Work, Error)> = Vec::new();
        for (work, error) in left {
            if self.is_unsettled(&work, &error) {
                self.doubted(&work);
                open.push((work, error));
            } else {
                self.fail(&work, &error).await?;
            }
        }
        let deadline = later(self.now(), self.job.settle);
        let mut wait = FIRST_WAIT;
        while !open.is_empty() {
            open = self.look_for_created(open).await?;
            if open.is_empty() {
                break;
            }
            if self.now() >= deadline {
                for (work, error) in open {
                    // The intent stays: the next run looks again.
                    self.settle(work.at, Outcome::Pending { reason: error.to_chain() });
                }
                return Ok(());
            }
            self.job.clock.sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
            self.renew().await?;
            open = self.again(open).await?;
        }
        Ok(())
    }

    /// Whether a failure may have been a success, or may become one by waiting.
    fn is_unsettled(&self, work: &Work, error: &Error) -> bool {
        match &work.operation {
            // A name that is taken is most likely taken by what was begun before.
            Some(Operation::Create { .. }) => {
                error.is_outcome_in_doubt() || (error.kind() == ErrorKind::Conflict && self.is_doubted(work))
            }
            Some(Operation::Update { .. }) => error.kind() == ErrorKind::NotFound && self.is_young(work),
            // Giving and taking again does no harm.
            Some(Operation::Elements { .. }) => {
                let young = || self.is_young(work) || self.refers_to_young(work);
                error.is_outcome_in_doubt() || (error.kind() == ErrorKind::NotFound && young())
            }
            _ => false,
        }
    }

    /// Whether the object was made so recently that it may not show yet.
    fn is_young(&self, work: &Work) -> bool {
        let end = work.intent.source.as_ref().and_then(|source| self.links.target_of(source));
        end.is_some_and(|end| self.now() - end.since < self.job.lag)
    }

    /// Adopts the creates in doubt that turn out to have been done.
    async fn look_for_created(&mut self, open: Vec<(Work, Error)>) -> Result<Vec<(Work, Error)>> {
        let creates = |work: &Work| matches!(work.operation, Some(Operation::Create { .. }));
        let intents: Vec<&Intent> =
            open.iter().filter(|(work, _)| creates(work)).map(|(work, _)| &work.intent).collect();
        let made = self.job.seek_created(&intents).await;
        let (found, left): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|(work, _)| creates(work) && made.contains_key(&work.intent.key));
        let found = found.into_iter().filter_map(|(work, _)| Some((made.get(&work.intent.key)?.clone(), work)));
        self.commit_written(found.map(|(id, work)| (work, id, None)).collect()).await?;
        Ok(left)
    }

    /// Tries again what was looked for and not found: an update that may not show yet, and a create where a unique
    /// value makes a second object impossible.
    async fn again(&mut self, open: Vec<(Work, Error)>) -> Result<Vec<(Work, Error)>> {
        let (repeated, mut left): (Vec<_>, Vec<_>) = open
            .into_iter()
            .partition(|(work, error)| error.kind() != ErrorKind::Conflict && self.is_safe_to_repeat(work));
        let works: Vec<Work> = repeated.into_iter().map(|(work, _)| work).collect();
        for (work, error) in self.write(works).await? {
            if self.is_unsettled(&work, &error) {
                left.push((work, error));
            } else if self.is_doubted(&work) {
                // The first attempt may have been carried out, whatever became of this one: the intent stays.
                self.settle(work.at, Outcome::Pending { reason: error.to_chain() });
            } else {
                self.fail(&work, &error).await?;
            }
        }
        Ok(left)
    }

    fn is_safe_to_repeat(&self, work: &Work) -> bool {
        let Ok(ready) = self.job.ready(&work.intent.key) else { return false };
        work.intent.in_doubt().is_none_or(|doubt| doubt.is_repeatable(&ready.schema))
    }

    /// Whether a create for the same source was begun whose outcome is not known.
    fn is_doubted(&self, work: &Work) -> bool {
        self.doubt(self.entry(work.at)).is_some()
    }

    fn doubted(&mut self, work: &Work) {
        if let (Some(source), Some(Operation::Create { .. })) = (&work.intent.source, &work.operation) {
            self.doubts.entry(source.clone()).or_insert_with(|| work.intent.clone());
        }
    }

    async fn fail(&mut self, work: &Work, error: &Error) -> Result<()> {
        // What may have been done stays noted; what surely was not is forgotten.
        let in_doubt = error.is_outcome_in_doubt() || self.is_doubted(work);
        if !in_doubt {
            let mut batch = Batch::new();
            self.job.ledger.remove_intent(&mut batch, self.job.name(), &work.intent);
            self.job.ledger.state().commit(&self.lease, batch).await?;
        }
        let outcome = if in_doubt {
            Outcome::Pending { reason: error.to_chain() }
        } else {
            let message = match error.graph() {
                Some(graph) if !graph.message.is_empty() => format!("{}: {}", error.to_chain(), graph.message),
                _ => error.to_chain(),
            };
            Outcome::Failed { class: error.kind(), message }
        };
        self.settle(work.at, outcome);
        Ok(())
    }
}

/// What the link remembers of a write.
fn remember(end: &mut LinkEnd, entry: &Entry, work: &Work, as_of: time::OffsetDateTime, now: time::OffsetDateTime) {
    for note in &entry.notes {
        match note {
            LinkNote::Leaving => end.leaving_since = Some(as_of),
            LinkNote::Returned => end.leaving_since = None,
            LinkNote::EnabledByOthers => end.disabled_by_us = false,
        }
    }
    if entry.action == Action::Delete {
        end.deleted_at = Some(now);
    }
    if work.intent.disables {
        end.disabled_by_us = true;
    } else if entry.enables() && (work.part == Part::Status || (work.part == Part::Main && entry.changes.len() == 1)) {
        end.disabled_by_us = false;
    }
    let written = work.intent.written.iter().map(|(name, digest)| (name, digest));
    for (name, digest) in written.chain(&entry.remember) {
        end.written.insert(name.clone(), digest.clone());
    }
}

/// The source's end of a link: as it was, if there was one.
fn source_end(before: Option<&Link>, store: &str, source: ObjectId, now: time::OffsetDateTime) -> LinkEnd {
    let kept = before.and_then(|link| link.end(store)).filter(|end| end.object == source).cloned();
    kept.unwrap_or_else(|| LinkEnd::new(store, source, LinkOrigin::Adopted, now))
}

/// Under which key the password of an entry is kept.
pub(super) fn password_key(job: &str, key: &crate::reconcile::EntryKey) -> String {
    format!("{job}: {key}")
}

fn is_write_only(schema: &Schema, name: &Name) -> bool {
    schema.get(name).is_some_and(|attribute| attribute.mutability == Mutability::WriteOnly && !attribute.secret)
}
