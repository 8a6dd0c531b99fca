//! Jobs of one link set that write what the other reads, each in the other's direction: who changed a value since both
//! sides had the same wins there, and a plan says so.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Job;
use super::builder::Ready;
use super::ledger::StoredJob;
use crate::error::Result;
use crate::mapping::{FlowOutcome, Rule};
use crate::model::{Class, Name, Value};
use crate::reconcile::{CarriedBack, Carrier, Enable, Problem, Severity, Switch};

/// A job that did not run for so long is thought to be no more.
const LONG_AGO: time::Duration = time::Duration::days(30);

/// What a mapping of a job overwrites in objects that are there, with what it reads for that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Flows {
    from: Place,
    to: Place,
    attributes: BTreeMap<Name, Vec<Name>>,
    /// Those of them whose values must not be shown.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    hidden: BTreeSet<Name>,
    /// Those of them that are written also when there is nothing.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    clears: BTreeSet<Name>,
    /// The one of them that says whether an object is active, and when it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    switch: Option<(Name, Switch)>,
}

/// Another job of the link set that runs, and what it overwrites.
pub(super) struct Opposite {
    job: String,
    flows: Vec<Flows>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    store: String,
    class: Class,
}

impl Flows {
    /// The attributes that these write and those read, and the other way round: with those by which they come back.
    fn both_ways<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a Name, Vec<&'a Name>)> {
        let is_opposite = self.from == other.to && self.to == other.from;
        let comes_back = move |(written, read): (&'a Name, &'a Vec<Name>)| {
            let back = |name: &&Name| other.attributes.get(*name).is_some_and(|from| from.contains(written));
            let by: Vec<&Name> = read.iter().filter(back).collect();
            (is_opposite && !by.is_empty()).then_some((written, by))
        };
        self.attributes.iter().filter_map(comes_back)
    }

    /// How an attribute that these write is carried.
    fn carrier(&self, job: &str, name: &Name) -> Carrier {
        let switch = self.switch.as_ref().filter(|(status, _)| status == name);
        Carrier { job: job.to_owned(), clears: self.clears.contains(name), switch: switch.map(|(_, switch)| *switch) }
    }
}

impl Job {
    /// What its mappings overwrite. Elements are left out: each is owned by who gave it.
    pub(super) fn flows(&self) -> Vec<Flows> {
        self.mappings.iter().map(|ready| self.flows_of(ready)).collect()
    }

    fn flows_of(&self, Ready { mapping, policy, schema }: &Ready) -> Flows {
        let preferences = policy.preferences();
        let switch = Switch { disable: preferences.disable, enable: preferences.enable };
        let switches = switch.disable || switch.enable != Enable::Never;
        let is_overwritten = |rule: &&Rule| {
            let is_status = schema.status.as_ref() == Some(rule.target());
            let is_written = if is_status { switches } else { preferences.update };
            is_written && !rule.is_create_only() && !rule.fills_only() && !schema.is_elements(rule.target())
        };
        let overwritten: Vec<&Rule> = mapping.rules().iter().filter(is_overwritten).collect();
        let nothing = FlowOutcome::Value(Value::Null);
        let clears = overwritten.iter().filter(|rule| rule.on_update_over(&nothing, &"something".into()).is_some());
        let hidden = overwritten.iter().filter(|rule| rule.is_redacted() || rule.is_secret());
        let status = schema.status.as_ref().filter(|status| overwritten.iter().any(|rule| rule.target() == *status));
        let place = |store: &str, class: &Class| Place { store: store.to_owned(), class: class.clone() };
        Flows {
            from: place(self.source.name(), mapping.source_class()),
            to: place(self.target.name(), mapping.target_class()),
            hidden: hidden.map(|rule| rule.target().clone()).collect(),
            clears: clears.map(|rule| rule.target().clone()).collect(),
            switch: status.map(|status| (status.clone(), switch)),
            attributes: overwritten
                .iter()
                .map(|rule| (rule.target().clone(), rule.source_attributes().to_vec()))
                .collect(),
        }
    }

    /// The other jobs of the link set that run.
    pub(super) async fn other_flows(&self, now: OffsetDateTime) -> Result<Vec<Opposite>> {
        let others = self.ledger.other_jobs(&self.name).await?.into_iter();
        let runs = |job: &StoredJob| job.ran_on.is_some_and(|ran_on| now - ran_on <= LONG_AGO);
        Ok(others
            .filter(|(_, stored)| runs(stored))
            .map(|(job, stored)| Opposite { job, flows: stored.flows })
            .collect())
    }

    /// A warning for each other job that writes back what this one writes.
    pub(super) fn both_ways(&self, others: &[Opposite]) -> Vec<Problem> {
        let own = self.flows();
        let mut problems = Vec::new();
        for Opposite { job, flows } in others {
            let pairs = own.iter().flat_map(|own| flows.iter().map(move |other| (own, other)));
            let names: Vec<&str> =
                pairs.flat_map(|(own, other)| own.both_ways(other)).map(|(name, _)| &**name).collect();
            if !names.is_empty() {
                let message = format!(
                    "the job {job} overwrites what this one writes to {}, and reads it there: {}; where both sides changed \
                     since they had the same, whichever job runs first wins. Let one of the two own each attribute",
                    self.target.name(),
                    names.join(", "),
                );
                problems.push(Problem::new(Severity::Warning, "both-ways", message));
            }
        }
        problems
    }

    /// For each mapping what another job carries back.
    pub(super) fn carried_back(&self, others: &[Opposite]) -> Vec<CarriedBack> {
        let carried = |ready: &Ready| {
            let own = self.flows_of(ready);
            let mut carried = CarriedBack::new();
            for Opposite { job, flows } in others {
                for other in flows {
                    // Of what must not be shown nothing is kept.
                    let is_kept = |name: &Name, by: &[&Name]| {
                        !own.hidden.contains(name) && !by.iter().any(|name| other.hidden.contains(*name))
                    };
                    for (name, by) in own.both_ways(other).filter(|(name, by)| is_kept(name, by)) {
                        carried.entry(name.clone()).or_default().push(other.carrier(job, by[0]));
                    }
                }
            }
            carried
        };
        self.mappings.iter().map(carried).collect()
    }
}
