//! Jobs of one link set that write what the other reads, each in the other's direction: whichever runs last wins there,
//! and a plan says so.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Job;
use super::builder::Ready;
use super::ledger::StoredJob;
use crate::error::Result;
use crate::model::{Class, Name};
use crate::reconcile::{Enable, Problem, Severity};

/// A job that did not run for so long is thought to be no more.
const LONG_AGO: time::Duration = time::Duration::days(30);

/// What a mapping of a job overwrites in objects that are there, with what it reads for that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Flows {
    from: Place,
    to: Place,
    attributes: BTreeMap<Name, Vec<Name>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    store: String,
    class: Class,
}

impl Flows {
    /// The attributes that these write and those read, and the other way round.
    fn both_ways<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a Name> {
        let is_opposite = self.from == other.to && self.to == other.from;
        let comes_back = |(written, read): &(&'a Name, &'a Vec<Name>)| {
            read.iter().any(|name| other.attributes.get(name).is_some_and(|from| from.contains(written)))
        };
        self.attributes.iter().filter(move |_| is_opposite).filter(comes_back).map(|(written, _)| written)
    }
}

impl Job {
    /// What its mappings overwrite. Elements are left out: each is owned by who gave it.
    pub(super) fn flows(&self) -> Vec<Flows> {
        self.mappings.iter().map(|ready| self.flows_of(ready)).collect()
    }

    fn flows_of(&self, Ready { mapping, policy, schema }: &Ready) -> Flows {
        let preferences = policy.preferences();
        let switches = preferences.disable || preferences.enable != Enable::Never;
        let overwritten = mapping.rules().iter().filter(|rule| {
            let is_status = schema.status.as_ref() == Some(rule.target());
            let is_written = if is_status { switches } else { preferences.update };
            is_written && !rule.is_create_only() && !rule.fills_only() && !schema.is_elements(rule.target())
        });
        let place = |store: &str, class: &Class| Place { store: store.to_owned(), class: class.clone() };
        Flows {
            from: place(self.source.name(), mapping.source_class()),
            to: place(self.target.name(), mapping.target_class()),
            attributes: overwritten.map(|rule| (rule.target().clone(), rule.source_attributes().to_vec())).collect(),
        }
    }

    /// A warning for each other job that writes back what this one writes.
    pub(super) async fn both_ways(&self, now: OffsetDateTime) -> Result<Vec<Problem>> {
        let own = self.flows();
        let mut problems = Vec::new();
        for (job, StoredJob { flows, ran_on, .. }) in self.ledger.other_jobs(&self.name).await? {
            if ran_on.is_none_or(|ran_on| now - ran_on > LONG_AGO) {
                continue;
            }
            let pairs = own.iter().flat_map(|own| flows.iter().map(move |other| (own, other)));
            let names: Vec<&str> = pairs.flat_map(|(own, other)| own.both_ways(other)).map(|name| &**name).collect();
            if !names.is_empty() {
                let message = format!(
                    "the job {job} overwrites what this one writes to {}, and reads it there: {}; where both sides differ, \
                     whichever runs last wins, be it with the older value. Let one of the two own each attribute",
                    self.target.name(),
                    names.join(", "),
                );
                problems.push(Problem::new(Severity::Warning, "both-ways", message));
            }
        }
        Ok(problems)
    }
}
