//! A part of an entry on its way to the target: what is written, and what is noted of it first.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::apply::Progress;
use super::ledger::Intent;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Attributes, Mutability, Name, Operation, Schema, Value};
use crate::reconcile::{Action, AttributeChange, Entry, Part, write_only_digest};

/// A part of an entry on its way to the target.
#[derive(Debug, Clone)]
pub(super) struct Work {
    pub(super) at: usize,
    pub(super) part: Part,
    pub(super) operation: Option<Operation>,
    /// The attributes of the operation that must not be shown; they are put in last.
    pub(super) redacted: Vec<Name>,
    pub(super) intent: Intent,
    /// The elements that were to be taken and were not there, once it is answered.
    pub(super) not_there: BTreeMap<Name, HashSet<Arc<str>>>,
    /// What is forgotten of what was given, since someone else took it away.
    pub(super) forget: BTreeMap<Name, Vec<Arc<str>>>,
}

impl Progress<'_> {
    /// What one part of an entry comes to, given what was made by now. What must be left out is settled.
    pub(super) fn work(&mut self, at: usize, part: Part) -> Result<Work> {
        let entry = self.plan.entries()[at].clone();
        let entry = &entry;
        let schema = &self.job.ready(&entry.key)?.schema;
        let changes = || changes_in(entry, part);
        let value = |change: &AttributeChange| match (part, &change.through) {
            (Part::Temporary, Some(value)) => value.clone(),
            _ => change.new.clone(),
        };
        let shown = changes().filter(|change| !change.redacted);
        let mut attributes: Attributes = shown.map(|change| (change.attribute.clone(), value(change))).collect();
        let redacted: Vec<Name> =
            changes().filter(|change| change.redacted).map(|change| change.attribute.clone()).collect();
        let disables = changes().any(|change| change.status && change.new == Value::Bool(false));
        if let Some(sessions) = schema.sessions.as_ref().filter(|_| disables && entry.revokes_sessions) {
            attributes.insert(sessions.clone(), Value::Bool(true));
        }
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
            _ if attributes.is_empty() && redacted.is_empty() => None,
            _ => Some(Operation::Update { id: id()?, attributes, secrets: BTreeMap::new() }),
        };
        let creates = entry.action == Action::Create && part == Part::Main;
        let doubt = self.doubt(entry).filter(|_| creates);
        let anchors = if creates { self.anchors(entry, schema)? } else { Vec::new() };
        let source = entry.source.clone();
        let written = changes()
            .filter(|change| is_write_only(schema, &change.attribute) && !change.redacted)
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
            at: doubt.map_or_else(|| self.now(), |doubt| doubt.at),
            target_at: Some(doubt.map_or_else(|| self.job.target_now(), Intent::target_at)),
            again_at: doubt.map(|_| self.job.target_now()),
            replaces: entry.candidates.first().filter(|_| creates).cloned(),
            class: entry.class.clone(),
            source: entry.source.clone(),
            target: target.clone(),
            elements,
            licenses_lost: lost,
            disables,
            anchors,
            written,
        };
        Ok(Work { at, part, operation, redacted, intent, not_there: BTreeMap::new(), forget: BTreeMap::new() })
    }

    /// The create of an earlier run for the same source whose outcome is still not known.
    pub(super) fn doubt(&self, entry: &Entry) -> Option<&Intent> {
        self.unsettled.creates.get(entry.source.as_ref()?).filter(|_| entry.action == Action::Create)
    }

    /// What tells the object that is made from all others: its matching and unique values.
    fn anchors(&self, entry: &Entry, schema: &Schema) -> Result<Vec<(Name, Value)>> {
        let matching = self.job.ready(&entry.key)?.mapping.matching();
        let tells = |name: &Name| {
            schema.get(name).is_some_and(|attribute| attribute.unique_in.is_some() && attribute.is_readable())
                || matching.contains(name)
        };
        let pairs = entry.changes.iter().filter(|change| tells(&change.attribute) && !change.redacted && !change.later);
        Ok(pairs.map(|change| (change.attribute.clone(), change.new.clone())).collect())
    }
}

/// The changes that a part of an entry writes.
pub(super) fn changes_in(entry: &Entry, part: Part) -> impl Iterator<Item = &AttributeChange> {
    let alone = entry.changes.len() == 1 || entry.action == Action::Create;
    entry.changes.iter().filter(move |change| match part {
        Part::Temporary => change.through.is_some(),
        Part::Main => !change.later && (alone || !change.status),
        Part::Status => change.later || (change.status && !alone),
        Part::Restore | Part::References | Part::Licenses => false,
    })
}

fn is_write_only(schema: &Schema, name: &Name) -> bool {
    schema.get(name).is_some_and(|attribute| attribute.mutability == Mutability::WriteOnly && !attribute.secret)
}
