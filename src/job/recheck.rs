//! Before anything is taken away, both sides are read again: what changed since the plan was made.

use std::collections::{HashMap, HashSet};

use super::Outcome;
use super::apply::Progress;
use super::recover::reread;
use crate::error::Result;
use crate::expr::Context;
use crate::mapping::{Belonging, Mapped};
use crate::model::{License, Name, ObjectId, Record, Value};
use crate::reconcile::{
    Action, Answer, Constraints, Draft, DraftStep, Element, Entry, Evidence, FindingKind, LinkEnd, LinkNote, Pair,
    Part, Situation, element_basis, element_key,
};
use crate::store::Source;

impl Progress<'_> {
    /// Reads both sides again before anything is taken away, or a grace period begins; gives the entries for which nothing
    /// changed.
    pub(super) async fn recheck(&mut self, open: Vec<usize>, part: Part) -> Result<Vec<usize>> {
        let takes_away = |entry: &Entry| {
            let alone = part == Part::Main && entry.changes.len() == 1;
            let switches = entry.disables() || entry.enables();
            let takes = entry.sets.iter().any(|set| set.part() == part && set.takes());
            // What a grace period takes away is the time until the removal.
            let begins = entry.action == Action::Wait && entry.is_of_leaver();
            takes || begins || entry.action == Action::Delete || (switches && (part == Part::Status || alone))
        };
        let risky: Vec<usize> = open.iter().copied().filter(|at| takes_away(self.entry(*at))).collect();
        let changes = |at: &usize| self.entry(*at).target.is_some() && self.entry(*at).action != Action::Create;
        if risky.is_empty() && !open.iter().any(changes) {
            return Ok(open);
        }
        let sources: Vec<ObjectId> = risky.iter().filter_map(|at| self.entry(*at).source.clone()).collect();
        let by_absence = |at: &&usize| {
            let evidence = self.entry(**at).evidence.as_ref();
            matches!(evidence, Some(Evidence::NotInCompleteRead { .. } | Evidence::NotFoundById))
        };
        let told = risky.iter().filter(|at| !by_absence(at)).filter_map(|at| self.entry(*at).source.clone());
        let sources = self.reread_sources(&sources, &told.collect()).await?;
        let targets: Vec<ObjectId> = risky.iter().filter_map(|at| self.entry(*at).target.clone()).collect();
        let targets = reread(&*self.job.target, &targets).await;
        let (context, constraints) = self.surroundings().await?.clone();
        let mut kept = Vec::with_capacity(open.len());
        for at in open {
            let mut outcome = None;
            if risky.contains(&at) {
                outcome = self.changed_since(at, part, &sources, &targets, &context)?;
            }
            if outcome.is_none() {
                let current = self.entry(at).target.as_ref().and_then(|id| targets.get(id)?.as_ref().ok()?.first());
                outcome = self.forbidden_since(self.entry(at), part, current, &*constraints)?;
            }
            match outcome {
                Some(outcome) => self.settle(at, outcome),
                None => kept.push(at),
            }
        }
        Ok(kept)
    }

    /// What changed since the plan was made, so that nothing may be taken away; `None` if nothing did.
    fn changed_since(
        &self,
        at: usize,
        part: Part,
        sources: &HashMap<ObjectId, Answer>,
        targets: &HashMap<ObjectId, Answer>,
        context: &Context,
    ) -> Result<Option<Outcome>> {
        let entry = self.entry(at);
        let stale = |reason: String| Ok(Some(Outcome::Stale { reason }));
        if let Some(reason) = self.source_changed(entry, sources, context)? {
            return stale(reason);
        }
        if entry.enables()
            && let Some(reason) = self.unwanted(entry, sources, context)?
        {
            return stale(reason);
        }
        let Some(answer) = entry.target.as_ref().and_then(|id| targets.get(id)) else { return Ok(None) };
        let records = match answer {
            Ok(records) => records,
            Err(reason) => return stale(format!("the target could not be read again: {reason}")),
        };
        let Some(record) = records.first() else {
            // A young account may not show yet: the write itself will tell.
            let young = entry.source.as_ref().and_then(|source| self.links.target_of(source));
            let young = young.is_some_and(|end| self.job.is_young(end.since));
            return match entry.action {
                Action::Delete | Action::Disable | Action::Update | Action::Wait if young => Ok(None),
                _ => stale("the account is gone from the target".to_owned()),
            };
        };
        // As planning has it: whom the mapping does not look at, it takes nothing from.
        if entry.is_of_leaver()
            && entry.situation != Situation::Retired
            && !self.job.ready(&entry.key)?.is_in_target_scope(record)
        {
            return stale("the account is out of the target scope now".to_owned());
        }
        // A retiring job does not ask the source.
        let asked = entry.source.as_ref().filter(|_| entry.situation != Situation::Retired);
        let source = asked.and_then(|id| match sources.get(id) {
            Some(Ok(records)) => records.first(),
            _ => None,
        });
        let absent_is_empty = self.job.source.capabilities().absent_is_empty;
        let pair = Pair { source, target: Some(record), absent_is_empty };
        if self.job.ready(&entry.key)?.policy.hit(entry.situation, pair) != entry.policy_rule {
            return stale("the condition of the policy's rule no longer holds, or now does".to_owned());
        }
        if matches!(part, Part::References | Part::Licenses) {
            return Ok(self
                .elements_changed(entry, part, sources, record, context)?
                .map(|reason| Outcome::Stale { reason }));
        }
        for change in entry.changes.iter().filter(|change| change.status) {
            let now = record.get(&change.attribute).cloned().unwrap_or_default();
            if now == change.new {
                // Whom someone else switched on is not off by this job any more: writing it once more forgets that.
                return Ok((!entry.enables()).then_some(Outcome::Unchanged));
            }
            if change.old.as_ref() != Some(&now) {
                return stale(format!("{} is now {now} in the target", change.attribute));
            }
        }
        Ok(None)
    }

    /// Whether an account that is to be shut out, or of which is to be written who signs in as it, has got a say over others
    /// since the plan was made; or a group a role whose members are to be changed. Whoever may do so said so.
    fn forbidden_since(
        &self,
        entry: &Entry,
        part: Part,
        current: Option<&Record>,
        constraints: &dyn Constraints,
    ) -> Result<Option<Outcome>> {
        let Some(target) = entry.target.as_ref().filter(|_| entry.action != Action::Create) else { return Ok(None) };
        if self.job.ready(&entry.key)?.policy.preferences().allows_privileged() {
            return Ok(None);
        }
        let sets = entry.sets.iter().filter(|set| set.part() == part && !set.is_empty());
        let elements: Vec<Name> = sets.map(|set| set.attribute.clone()).collect();
        let is_elements = matches!(part, Part::References | Part::Licenses);
        let step = match entry.action {
            Action::Delete => DraftStep::Delete,
            _ if is_elements => DraftStep::Elements,
            // As it was asked when the plan was made: what a mapping switches off is a change among others.
            _ if entry.disables() && !matches!(entry.evidence, Some(Evidence::Inactive { .. })) => DraftStep::Disable,
            _ => DraftStep::Update,
        };
        let changes = entry.changes.iter().filter(|_| !is_elements);
        let attributes = changes.map(|change| (change.attribute.clone(), change.new.clone())).collect();
        let mut current = current.cloned().unwrap_or_else(|| Record::new(target.clone()));
        // What this plan itself has written by now was judged when it was made.
        for change in &entry.changes {
            if let Some(old) = change.old.as_ref().filter(|_| current.get(&change.attribute) == Some(&change.new)) {
                current.attributes.insert(change.attribute.clone(), old.clone());
            }
        }
        let draft = Draft::new(&entry.class, step, Some(&current), &attributes);
        let findings = constraints.check(&draft.with_elements(&elements));
        let finding = findings.into_iter().find(|finding| finding.kind == FindingKind::Privileged);
        Ok(finding.map(|finding| Outcome::Stale { reason: finding.message }))
    }

    /// What changed since the plan was made in the elements that are to be taken, on either side.
    fn elements_changed(
        &self,
        entry: &Entry,
        part: Part,
        sources: &HashMap<ObjectId, Answer>,
        record: &Record,
        context: &Context,
    ) -> Result<Option<String>> {
        let ready = self.job.ready(&entry.key)?;
        let source = match entry.source.as_ref().and_then(|source| sources.get(source)) {
            Some(Ok(records)) => match records.as_slice() {
                [one] => Some(one),
                _ => None,
            },
            _ => None,
        };
        for set in entry.sets.iter().filter(|set| set.part() == part && set.takes()) {
            if let Some(basis) = &set.basis {
                let Some(source) = source else {
                    return Ok(Some(
                        "the source record is gone, not the only one of its id, or cannot be read".to_owned(),
                    ));
                };
                let in_scope = ready.mapping.belonging(source) == Belonging::InScope;
                let now = element_basis(
                    &ready.mapping,
                    &ready.schema,
                    &ready.mapping.evaluate(source, context),
                    &set.attribute,
                );
                if !in_scope || now != *basis {
                    return Ok(Some(format!("what the source says of {} changed", set.attribute)));
                }
            }
            let held: HashSet<_> = record
                .get(&set.attribute)
                .into_iter()
                .flat_map(|value| value.as_slice())
                .filter(|value| License::from_value(value).is_some_and(|license| license.is_direct()))
                .filter_map(element_key)
                .collect();
            let is_held =
                |element: &Element| element.value.as_ref().and_then(element_key).is_some_and(|key| held.contains(&key));
            if record.partial.contains_key(&set.attribute) || !set.remove.iter().all(is_held) {
                return Ok(Some(format!("{} changed in the target", set.attribute)));
            }
        }
        Ok(None)
    }

    /// Whether the leaving that the link remembers is the one that the plan goes by. Who was back and left again is gone as
    /// he was then; only the link tells.
    pub(super) fn is_same_leaving(&self, entry: &Entry, end: &LinkEnd) -> bool {
        let as_of = self.plan.as_of();
        match end.leaving_since {
            // By the first part of the entry itself.
            Some(since) if entry.notes.contains(&LinkNote::Leaving) => since == as_of,
            Some(since) => since <= as_of,
            None => entry.notes.contains(&LinkNote::Leaving),
        }
    }

    fn source_changed(
        &self,
        entry: &Entry,
        sources: &HashMap<ObjectId, Answer>,
        context: &Context,
    ) -> Result<Option<String>> {
        let (Some(evidence), Some(source)) = (&entry.evidence, &entry.source) else { return Ok(None) };
        if *evidence == Evidence::JobRetired {
            return Ok(None);
        }
        let records = match sources.get(source) {
            Some(Ok(records)) => records,
            Some(Err(reason)) => return Ok(Some(format!("the source could not be read again: {reason}"))),
            None => return Ok(Some("the source could not be read again".to_owned())),
        };
        let mapping = &self.job.ready(&entry.key)?.mapping;
        let changed = match (evidence, records.as_slice()) {
            (Evidence::NotInCompleteRead { .. } | Evidence::NotFoundById | Evidence::Deleted, []) => None,
            (Evidence::NotInCompleteRead { .. } | Evidence::NotFoundById | Evidence::Deleted, _) => {
                Some("the source has it again")
            }
            (Evidence::JobRetired, _) => None,
            (_, []) => Some("the source no longer has it"),
            (_, [_, _, ..]) => Some("the source now has several of this id"),
            (Evidence::OutOfScope, [record]) => match mapping.belonging(record) {
                Belonging::LeftScope => None,
                Belonging::InScope => Some("it is in scope again"),
                Belonging::LeftAlone => Some("it is left alone by the scoping filter now"),
                Belonging::Unknown(_) => Some("nobody can say any more whether it is in scope"),
            },
            (Evidence::Inactive { .. }, [record])
                if matches!(mapping.belonging(record), Belonging::LeftAlone | Belonging::Unknown(_)) =>
            {
                Some("the source record is not to be looked at any more, by the scoping filter")
            }
            (Evidence::Inactive { .. }, [record]) => {
                let status = self.job.ready(&entry.key)?.schema.status.clone();
                let inactive = match mapping.evaluate(record, context) {
                    Mapped::Flows(flows) => flows
                        .iter()
                        .find(|flow| Some(&flow.attribute) == status.as_ref())
                        .and_then(|flow| mapping.on_update(flow))
                        .is_some_and(|value| value == Value::Bool(false)),
                    Mapped::Ignored => false,
                };
                (!inactive).then_some("the source no longer says inactive")
            }
        };
        Ok(changed.map(str::to_owned))
    }
}
