//! Building a job: whatever can be wrong is said here, all at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Job, Observer};
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind};
use crate::mapping::{AbsentMeans, CompiledMapping, Mapping};
use crate::model::{Name, Record, Schema, Value};
use crate::reconcile::{Guards, Policy};
use crate::store::{PasswordSink, Source, State, Target};

/// How long a new object may take to show in the target.
const LAG: Duration = Duration::from_secs(15 * 60);
/// How long to wait, in all, for an object to show before its write is given up.
const SETTLE: Duration = Duration::from_secs(60);
/// How long a lease lasts without being renewed.
const LEASE: Duration = Duration::from_secs(60);
const SHORTEST_LEASE: Duration = Duration::from_secs(1);

/// Builds a [`Job`].
#[derive(Debug)]
#[must_use]
pub struct JobBuilder {
    name: String,
    source: Option<Arc<dyn Source>>,
    target: Option<Arc<dyn Target>>,
    state: Option<Arc<dyn State>>,
    mappings: Vec<JobMapping>,
    policy: Option<Policy>,
    passwords: Option<Arc<dyn PasswordSink>>,
    observer: Option<Arc<dyn Observer>>,
    guards: Guards,
    link_set: String,
    parameters: BTreeMap<Name, Value>,
    clock: Arc<dyn Clock>,
    lag: Duration,
    settle: Duration,
    lease: Duration,
    real_time: bool,
}

/// A mapping with a policy of its own, if it has one.
#[derive(Debug, Clone)]
pub struct JobMapping {
    mapping: Mapping,
    policy: Option<Policy>,
}

impl From<Mapping> for JobMapping {
    fn from(mapping: Mapping) -> Self {
        Self { mapping, policy: None }
    }
}

impl Mapping {
    /// Gives the mapping a policy of its own, in place of the job's.
    #[must_use]
    pub fn policy(self, policy: Policy) -> JobMapping {
        JobMapping { mapping: self, policy: Some(policy) }
    }
}

/// What is wrong with a job; all of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the job{}{name} cannot be built: {}", if name.is_empty() { "" } else { " " }, faults.join("; "))]
#[non_exhaustive]
pub struct JobError {
    /// The job.
    pub name: String,
    /// Each fault, with what would be right.
    pub faults: Vec<String>,
}

impl From<JobError> for Error {
    fn from(error: JobError) -> Self {
        Error::new(ErrorKind::Invalid, error.to_string())
    }
}

/// A mapping that fits its target, with the policy that applies.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) mapping: CompiledMapping,
    pub(super) policy: Policy,
    pub(super) schema: Arc<Schema>,
}

impl Ready {
    /// Whether the mapping looks at an object of the target.
    pub(super) fn is_in_target_scope(&self, record: &Record) -> bool {
        let scope = self.mapping.target_scope().or(self.schema.default_scope.as_ref());
        scope.is_none_or(|scope| scope.matches(&record.attributes))
    }
}

impl JobBuilder {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            source: None,
            target: None,
            state: None,
            mappings: Vec::new(),
            policy: None,
            passwords: None,
            observer: None,
            guards: Guards::default(),
            link_set: "default".to_owned(),
            parameters: BTreeMap::new(),
            clock: Arc::new(SystemClock::new()),
            lag: LAG,
            settle: SETTLE,
            lease: LEASE,
            real_time: true,
        }
    }

    /// Where people come from. Required.
    pub fn source(mut self, source: impl Source) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Where they go. Required.
    pub fn target(mut self, target: impl Target) -> Self {
        self.target = Some(Arc::new(target));
        self
    }

    /// What the job remembers who is whom in. Required: without it nothing is known to be ours.
    pub fn state(mut self, state: impl State) -> Self {
        self.state = Some(Arc::new(state));
        self
    }

    /// How a class maps to a class. At least one is required.
    pub fn mapping(mut self, mapping: impl Into<JobMapping>) -> Self {
        self.mappings.push(mapping.into());
        self
    }

    /// What is done in which situation, for the mappings without a policy of their own. Required if there are any.
    ///
    /// What it says of leavers holds for objects that can be disabled, such as people. Others, such as groups, are kept
    /// when they leave unless their mapping has a policy of its own that deletes them.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Where initial passwords go. Required if a mapping generates them.
    pub fn passwords(mut self, sink: impl PasswordSink) -> Self {
        self.passwords = Some(Arc::new(sink));
        self
    }

    /// Who is told what happens.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// How many removals a plan may have.
    pub fn guards(mut self, guards: Guards) -> Self {
        self.guards = guards;
        self
    }

    /// The name of the links, shared by jobs that look at the same people; `default` if not given.
    pub fn link_set(mut self, name: impl Into<String>) -> Self {
        self.link_set = name.into();
        self
    }

    /// A value for `%Name%` in expressions, in place of what the target knows.
    pub fn parameter(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// What time it is; the machine's clock if not given. With another one a lease is renewed between requests, and not
    /// beside them.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self.real_time = false;
        self
    }

    /// How long a new object may take to show in the target: 15 minutes if not given. So long it is not taken for gone,
    /// by the target's clock, where the target tells it.
    pub fn lag_deadline(mut self, lag: Duration) -> Self {
        self.lag = lag;
        self
    }

    /// How long a write waits for an object to show before it is given up: 60 seconds if not given.
    pub fn settle_deadline(mut self, settle: Duration) -> Self {
        self.settle = settle;
        self
    }

    /// How long another run must wait after one has died: 60 seconds if not given, and never less than 1.
    ///
    /// A run holds a lease on its link set and renews it as it goes. One that stood still for longer, because the machine
    /// slept or the program was stopped, looks before its next request whether another took over, and then ends.
    pub fn lease(mut self, lasts: Duration) -> Self {
        self.lease = lasts;
        self
    }

    /// The job.
    ///
    /// # Errors
    ///
    /// Everything that is missing or does not fit together.
    pub fn build(self) -> Result<Job, JobError> {
        let mut faults = Vec::new();
        if self.name.trim().is_empty() {
            faults.push("it has no name; give it one with Job::builder(name)".to_owned());
        }
        if self.source.is_none() {
            faults.push("it has no source; give it one with .source(…)".to_owned());
        }
        if self.state.is_none() {
            faults.push("it has no state to remember links in; give it one with .state(…)".to_owned());
        }
        if self.mappings.is_empty() {
            faults.push("it has no mapping; give it one with .mapping(…)".to_owned());
        }
        let mut ready: Vec<Ready> = Vec::new();
        if let Some(target) = &self.target {
            for mapping in &self.mappings {
                match self.prepare(mapping, target) {
                    Ok(mapping) => ready.push(mapping),
                    Err(found) => faults.extend(found),
                }
            }
        } else {
            faults.push("it has no target; give it one with .target(…)".to_owned());
        }
        for (at, one) in ready.iter().enumerate() {
            let same = |other: &&Ready| {
                (other.mapping.source_class(), other.mapping.target_class())
                    == (one.mapping.source_class(), one.mapping.target_class())
            };
            if let Some(other) = ready[..at].iter().find(same) {
                faults.push(format!(
                    "{} and {} map the same classes, so each would take the other's people for leavers; make one mapping of them, or two jobs",
                    other.mapping.name(),
                    one.mapping.name()
                ));
            }
            if ready[..at].iter().any(|other| other.mapping.name() == one.mapping.name()) {
                faults.push(format!("two mappings are named {}; name one with .named(…)", one.mapping.name()));
            }
        }
        match (self.source, self.target, self.state) {
            (Some(source), Some(target), Some(state)) if faults.is_empty() && source.name() != target.name() => {
                Ok(Job {
                    name: self.name,
                    source,
                    target,
                    ledger: super::ledger::Ledger::new(state, &self.link_set),
                    link_set: self.link_set,
                    mappings: ready,
                    passwords: self.passwords,
                    observer: self.observer,
                    guards: self.guards,
                    parameters: self.parameters,
                    clock: self.clock,
                    lag: self.lag,
                    settle: self.settle,
                    lease: self.lease.max(SHORTEST_LEASE),
                    real_time: self.real_time,
                })
            }
            (source, target, _) => {
                if let (Some(source), Some(target)) = (source, target)
                    && source.name() == target.name()
                {
                    faults.push(format!(
                        "source and target are both named {}; links could not tell them apart",
                        source.name()
                    ));
                }
                Err(JobError { name: self.name, faults })
            }
        }
    }

    fn prepare(&self, mapping: &JobMapping, target: &Arc<dyn Target>) -> Result<Ready, Vec<String>> {
        let JobMapping { mapping, policy } = mapping;
        let mut faults = Vec::new();
        let schema = match target.schema(mapping.target_class()) {
            Ok(schema) => schema,
            Err(error) => return Err(vec![error.to_chain()]),
        };
        if let Some(own) = policy.as_ref().filter(|_| schema.status.is_none()) {
            faults.extend(own.disabling().map(|disables| {
                format!("{disables}, and {} objects cannot be disabled; keep or delete them", schema.class)
            }));
        }
        // What the job's policy says of leavers it says of those who can be disabled: of people.
        let shared =
            || self.policy.clone().map(|policy| if schema.status.is_none() { policy.keeping() } else { policy });
        let policy = policy.clone().or_else(shared);
        match &policy {
            None => faults.push("it has no policy; give it one with .policy(…)".to_owned()),
            Some(policy) => faults.extend(policy.check().err().unwrap_or_default()),
        }
        let absent_is_empty = self.source.as_ref().is_some_and(|source| source.capabilities().absent_is_empty);
        let absent_means = if absent_is_empty { AbsentMeans::Empty } else { AbsentMeans::Unknown };
        match (mapping.compile(&schema, absent_means), policy) {
            (Ok(mapping), Some(policy)) => {
                if policy.preferences().revokes_sessions() && schema.status.is_some() && schema.sessions.is_none() {
                    faults.push(format!(
                        "revoke_sessions is on, and the target cannot end the sign-ins of {} objects; leave it out",
                        schema.class
                    ));
                }
                let unknown = |name: &&Name| !schema.get(name).is_some_and(|attribute| attribute.is_readable());
                faults.extend(policy.target_attributes().filter(unknown).map(|name| {
                    format!(
                        "a rule of the policy looks at {name}, which {} objects do not have, or not to be read",
                        schema.class
                    )
                }));
                if mapping.generates_password().is_some() && self.passwords.is_none() {
                    faults.push(
                        "a mapping generates passwords, and there is nowhere to put them; say where with .passwords(…)"
                            .to_owned(),
                    );
                }
                if policy.preferences().creates() {
                    faults.extend(mapping.missing_required().iter().map(|name| {
                        format!(
                            "nothing is mapped to {name}, without which no {} can be created; map it, or switch create off",
                            schema.class
                        )
                    }));
                }
                if faults.is_empty() { Ok(Ready { mapping, policy, schema }) } else { Err(faults) }
            }
            (Err(error), _) => {
                faults.push(error.to_string());
                Err(faults)
            }
            (Ok(_), None) => Err(faults),
        }
    }
}
