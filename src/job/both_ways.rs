//! Jobs of one link set that write what the other reads, each in the other's direction: who changed a value since both
//! sides had the same wins there, and a plan says so.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Job;
use super::builder::Ready;
use super::ledger::StoredJob;
use crate::error::Result;
use crate::mapping::{FlowBehavior, FlowOutcome, Rule};
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
    #[serde(default)]
    flows: BTreeMap<Name, Flow>,
}

/// How an attribute is overwritten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Flow {
    reads: Vec<Name>,
    /// A digest of the rule, if it gives the same whenever it reads the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// Whether its values must not be shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    hidden: bool,
    /// Whether it is written also when there is nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    clears: bool,
    /// Where it says whether an object is active: when it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    switch: Option<Switch>,
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
    fn both_ways<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a Name, Vec<(&'a Name, &'a Flow)>)> {
        let is_opposite = self.from == other.to && self.to == other.from;
        let comes_back = move |(written, flow): (&'a Name, &'a Flow)| {
            let back = |name: &'a Name| {
                let back = other.flows.get(name).filter(|back| back.reads.contains(written));
                back.map(|back| (name, back))
            };
            let by: Vec<(&Name, &Flow)> = flow.reads.iter().filter_map(back).collect();
            (is_opposite && !by.is_empty()).then_some((written, by))
        };
        self.flows.iter().filter_map(comes_back)
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
            is_written && rule.overwrites() && !schema.is_elements(rule.target())
        };
        let nothing = FlowOutcome::Value(Value::Null);
        let flow = |rule: &Rule| Flow {
            reads: rule.source_attributes().to_vec(),
            // What is to be written in each run is.
            rule: rule.fingerprint().filter(|_| rule.flow_behavior() == FlowBehavior::FlowWhenChanged),
            hidden: rule.is_redacted() || rule.is_secret(),
            clears: rule.on_update_over(&nothing, &"something".into()).is_some(),
            switch: schema.is_status(rule.target()).then_some(switch),
        };
        let place = |store: &str, class: &Class| Place { store: store.to_owned(), class: class.clone() };
        let overwritten = mapping.rules().iter().filter(is_overwritten);
        Flows {
            from: place(self.source.name(), mapping.source_class()),
            to: place(self.target.name(), mapping.target_class()),
            flows: overwritten.map(|rule| (rule.target().clone(), flow(rule))).collect(),
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
                    for (name, by) in own.both_ways(other) {
                        let (_, first) = by[0];
                        // Of what must not be shown nothing is kept.
                        if own.flows[name].hidden || by.iter().any(|(_, back)| back.hidden) {
                            continue;
                        }
                        carried.entry(name.clone()).or_default().push(Carrier {
                            job: job.clone(),
                            clears: first.clears,
                            switch: first.switch,
                            rules: by.iter().map(|(name, back)| ((*name).clone(), back.rule.clone())).collect(),
                        });
                    }
                }
            }
            carried
        };
        self.mappings.iter().map(carried).collect()
    }
}
