//! What failed before and is not due yet: held back, and told.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::digest::Digester;
use crate::mapping::CompiledMapping;
use crate::model::{License, Name, ObjectId, Value};
use crate::reconcile::planner::Planner;
use crate::reconcile::{Action, AttributeChange, Element, Entry, EntryKey, Problem, SetKind, Severity};

/// The rule that problems of what is held back go by.
const RULE: &str = "quarantine";

/// What of an entry fails, and is held back, by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Lane {
    /// The object and its values.
    Object,
    /// Its licences.
    Licenses,
}

impl Lane {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Licenses => "licenses",
        }
    }
}

/// A write that failed and is not to be tried yet, as long as it is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hold {
    /// What would be written: a digest.
    pub(crate) input: String,
    /// When it is tried again; `None` if it is not by itself.
    pub(crate) until: Option<OffsetDateTime>,
    /// What became of the attempts, and what is to come, in one line.
    pub(crate) message: String,
}

/// What is held back, by entry.
pub(crate) type Holds = HashMap<(EntryKey, Lane), Hold>;

/// Holds back what was tried and failed. Whoever is to be switched off is: nothing of such an entry waits.
pub(crate) fn hold_objects(planners: &[Planner<'_>], entries: &mut [Entry]) {
    hold(planners, Lane::Object, entries, |entry, hold, _| {
        if !matches!(entry.action, Action::Update | Action::Link) {
            entry.problems.push(Problem::new(Severity::Blocks, RULE, hold.message.clone()));
            return;
        }
        entry.agreed.clear();
        // References and licences go on.
        let changes = entry.changes.drain(..).map(|change| change.attribute);
        let names: Vec<Name> = changes.chain(entry.secrets.drain(..).map(|secret| secret.attribute)).collect();
        let names = names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
        let message = format!("{names} not written: {}", hold.message);
        entry.problems.push(Problem::new(Severity::Attention, RULE, message));
        if !entry.runs() && entry.action == Action::Update {
            entry.action = Action::Report;
        }
    });
}

/// Holds back licences that could not be given or taken.
pub(crate) fn hold_licenses(planners: &[Planner<'_>], entries: &mut [Entry]) {
    hold(planners, Lane::Licenses, entries, |entry, hold, attribute| {
        entry.sets.retain(|set| set.kind != SetKind::Licenses);
        let problem = Problem::new(Severity::Attention, RULE, hold.message.clone());
        entry.problems.push(match attribute {
            Some(attribute) => problem.with_value(attribute, None),
            None => problem,
        });
    });
}

fn hold(
    planners: &[Planner<'_>],
    lane: Lane,
    entries: &mut [Entry],
    mut take_out: impl FnMut(&mut Entry, &Hold, Option<Name>),
) {
    for planner in planners {
        let inputs = planner.inputs();
        if inputs.holds.is_empty() {
            continue;
        }
        for entry in entries.iter_mut().filter(|entry| entry.key.mapping == *inputs.mapping.name()) {
            let Some(hold) = inputs.holds.get(&(entry.key.clone(), lane)) else { continue };
            if entry.runs() && !entry.disables() && entry.input(lane, inputs.mapping).as_ref() == Some(&hold.input) {
                let attribute = entry.licenses().map(|set| set.attribute.clone());
                take_out(entry, hold, attribute);
                entry.until = entry.until.into_iter().chain(hold.until).min();
            }
        }
    }
}

impl Entry {
    /// Whether something of it failed before and waits for its next attempt: at [`until`](Self::until), or when someone
    /// asks for it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held().is_some()
    }

    /// What failed before, and when it is tried again.
    pub(crate) fn held(&self) -> Option<&Problem> {
        self.problems.iter().find(|problem| problem.rule == RULE)
    }

    /// What it would write in one lane: a digest, the same as long as the same is to be written; `None` for nothing.
    ///
    /// What is drawn at random is left out, since it is another each time; and so are values that must not be shown,
    /// which no plan holds.
    pub(crate) fn input(&self, lane: Lane, mapping: &CompiledMapping) -> Option<String> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        enum Step<'a> {
            Create,
            Write(&'a ObjectId),
            Delete(&'a ObjectId),
            Restore(&'a ObjectId),
        }
        let target = self.target.as_ref();
        let step = match self.action {
            Action::Create => Step::Create,
            Action::Delete => Step::Delete(target?),
            Action::Restore => Step::Restore(target?),
            _ => Step::Write(target?),
        };
        // A disable is never held back, and says nothing of what stands beside it.
        let disables = |change: &&AttributeChange| change.status && change.new == Value::Bool(false);
        let changes = self.changes.iter().filter(|change| self.action == Action::Create || !disables(change));
        let told = |change: &AttributeChange| {
            let hidden = change.redacted || mapping.rule(&change.attribute).is_some_and(|rule| rule.is_random());
            (change.attribute.clone(), (!hidden).then(|| change.new.clone()))
        };
        let written = match lane {
            Lane::Object => {
                let secrets: Vec<&Name> = self.secrets.iter().map(|secret| &secret.attribute).collect();
                let changes: Vec<(Name, Option<Value>)> = changes.map(told).collect();
                let nothing = changes.is_empty() && secrets.is_empty() && matches!(step, Step::Write(_));
                (!nothing).then(|| serde_json::to_vec(&(step, changes, secrets)))?
            }
            Lane::Licenses => {
                let set = self.licenses()?;
                let licenses = |elements: &[Element]| {
                    let mut licenses: Vec<String> = elements
                        .iter()
                        .filter_map(|element| License::from_value(element.value.as_ref()?))
                        .map(|license| license.to_value().to_string())
                        .collect();
                    licenses.sort();
                    licenses
                };
                // Of a new account too: the object is there by then.
                serde_json::to_vec(&(licenses(&set.add), licenses(&set.remove)))
            }
        };
        let written = written.expect("names, values and ids are plain data");
        let mut digest = Digester::new();
        digest.part(lane.as_str());
        digest.part(written);
        Some(digest.hex())
    }
}
