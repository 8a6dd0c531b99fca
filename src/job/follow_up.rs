//! What did not go through at once: looked for, waited for, tried again, or noted.

use std::collections::HashSet;
use std::time::Duration;

use super::Outcome;
use super::apply::Progress;
use super::ledger::Intent;
use super::work::Work;
use crate::clock::later;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Operation;
use crate::reconcile::Action;
use crate::store::Batch;

/// The first and the longest wait for an object to show.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(16);

impl Progress<'_> {
    /// Deals with what failed: looks for what may have been done, waits for what may not show yet, notes the rest.
    pub(super) async fn follow_up(&mut self, left: Vec<(Work, Error)>) -> Result<()> {
        let (mut open, failed): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|(work, error)| self.is_unsettled(work, error));
        open.iter().for_each(|(work, _)| self.doubted(work));
        self.fail(failed).await?;
        let deadline = later(self.now(), self.job.settle);
        let mut wait = FIRST_WAIT;
        while !open.is_empty() {
            open = self.look_for_created(open).await?;
            if open.is_empty() {
                break;
            }
            if self.now() >= deadline || self.is_stopped() {
                for (work, error) in open {
                    // The intent stays: the next run looks again.
                    let reason = self.told(&work, error.to_chain());
                    self.settle(work.at, Outcome::Pending { reason });
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
        end.is_some_and(|end| self.job.is_young(end.since))
    }

    /// Adopts the creates in doubt that turn out to have been done.
    async fn look_for_created(&mut self, open: Vec<(Work, Error)>) -> Result<Vec<(Work, Error)>> {
        let creates = |work: &Work| matches!(work.operation, Some(Operation::Create { .. }));
        let intents: Vec<&Intent> =
            open.iter().filter(|(work, _)| creates(work)).map(|(work, _)| &work.intent).collect();
        let made = self.job.seek_created(&intents).await.made;
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
        // What an earlier attempt may have done stays in doubt, whatever becomes of a later one.
        let in_doubt: HashSet<usize> =
            repeated.iter().filter(|(_, error)| error.is_outcome_in_doubt()).map(|(work, _)| work.at).collect();
        let works: Vec<Work> = repeated.into_iter().map(|(work, _)| work).collect();
        let mut failed = Vec::new();
        for (work, error) in self.write(works).await? {
            let error = if in_doubt.contains(&work.at) { error.with_outcome_in_doubt() } else { error };
            if self.is_unsettled(&work, &error) {
                left.push((work, error));
            } else if self.is_doubted(&work) {
                // The first attempt may have been carried out, whatever became of this one: the intent stays.
                let reason = self.told(&work, error.to_chain());
                self.settle(work.at, Outcome::Pending { reason });
            } else {
                failed.push((work, error));
            }
        }
        self.fail(failed).await?;
        Ok(left)
    }

    fn is_safe_to_repeat(&self, work: &Work) -> bool {
        let Ok(ready) = self.job.ready(&work.intent.key) else { return false };
        work.intent.in_doubt().is_none_or(|doubt| doubt.is_repeatable(&ready.schema))
    }

    /// Whether a create for the same source was begun whose outcome is not known.
    fn is_doubted(&self, work: &Work) -> bool {
        work.intent.action == Action::Create && self.doubt(self.entry(work.at)).is_some()
    }

    fn doubted(&mut self, work: &Work) {
        if let (Some(source), Some(Operation::Create { .. })) = (&work.intent.source, &work.operation) {
            self.unsettled.creates.entry(source.clone()).or_insert_with(|| work.intent.clone());
        }
    }

    /// Notes what did not go through, durably, and why.
    async fn fail(&mut self, failed: Vec<(Work, Error)>) -> Result<()> {
        let mut batch = Batch::new();
        for (work, error) in failed {
            // What may have been done stays noted; what surely was not is forgotten.
            if error.is_outcome_in_doubt() || self.is_doubted(&work) {
                let reason = self.told(&work, error.to_chain());
                self.settle(work.at, Outcome::Pending { reason });
                continue;
            }
            let message = match error.graph() {
                Some(graph) if !graph.message.is_empty() => format!("{}: {}", error.to_chain(), graph.message),
                _ => error.to_chain(),
            };
            let message = self.told(&work, message);
            self.job.ledger.remove_intent(&mut batch, self.job.name(), &work.intent);
            self.failed(&mut batch, &work, &error, &message)?;
            self.settle(work.at, Outcome::Failed { class: error.kind(), message });
        }
        if !batch.is_empty() {
            self.job.ledger.state().commit(&self.lease, batch).await?;
        }
        Ok(())
    }
}
