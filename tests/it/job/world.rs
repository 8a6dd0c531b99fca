//! A small organisation: an HR store, a directory, and a job between them.

use std::time::Duration;

use entrant::clock::ManualClock;
use entrant::job::{Apply, JobBuilder, Report, Run};
use entrant::mapping::Mapping;
use entrant::model::{AttributeSchema, Change, ChangeId, Class, Mutability, ObjectId, Operation, Schema};
use entrant::reconcile::{Entry, Plan, Policy, Preferences};
use entrant::secret::Secret;
use entrant::store::{InitialPassword, MemoryState, MemoryStore, PasswordSink, Target};
use entrant::{Job, Record, Value};
use futures::StreamExt;

/// Two stores, a state and a clock, shared by all jobs of a test.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) hr: MemoryStore,
    pub(crate) directory: MemoryStore,
    pub(crate) state: MemoryState,
    pub(crate) sink: Sink,
}

pub(crate) fn schema() -> Schema {
    Schema::new(Class::USER)
        .with(
            "userPrincipalName",
            AttributeSchema::text().ignore_case().required().renames().unique_in("userPrincipalName"),
        )
        .with("employeeId", AttributeSchema::text())
        .with("displayName", AttributeSchema::text().required().with_max_length(20))
        .with("jobTitle", AttributeSchema::text())
        .with("immutableId", AttributeSchema::text().anchor())
        .with("active", AttributeSchema::boolean().not_nullable())
        .with("reset", AttributeSchema::boolean().with_mutability(Mutability::WriteOnly))
        .with("password", AttributeSchema::text().secret().required().with_mutability(Mutability::CreateOnly))
        .with("created", AttributeSchema::new(entrant::model::Kind::DateTime).with_mutability(Mutability::ReadOnly))
        .with_status("active")
        .with_created_at("created")
        .with_label("displayName")
}

pub(crate) fn mapping() -> Mapping {
    Mapping::users()
        .attribute("userPrincipalName", "login")
        .attribute("employeeId", "id")
        .attribute("displayName", "name")
        .attribute("jobTitle", "title")
        .on_null("jobTitle", entrant::mapping::OnNull::Clear)
        .attribute("active", "active")
        .generate_password()
        .match_on("employeeId")
        .match_on("userPrincipalName")
}

/// People as a tenant takes them.
pub(crate) fn tenant_mapping() -> Mapping {
    Mapping::users()
        .attribute("displayName", "login")
        .attribute("employeeId", "id")
        .attribute("mailNickname", "login")
        .expression("userPrincipalName", "Join(\"@\", [login], %Domain%)")
        .expect("an expression")
        .generate_password()
        .match_on("employeeId")
}

pub(crate) fn person(id: &str) -> Record {
    Record::new(ObjectId::user(id))
        .with("id", id)
        .with("login", format!("p{id}@contoso.com"))
        .with("name", format!("Person {id}"))
        .with("title", "Clerk")
        .with("active", true)
}

/// An account as someone else made it.
pub(crate) fn account(id: &str, employee: Option<&str>) -> Record {
    Record::new(ObjectId::user(id))
        .with("userPrincipalName", format!("p{}@contoso.com", employee.unwrap_or(id)))
        .with("employeeId", employee.map(str::to_owned))
        .with("displayName", format!("Person {}", employee.unwrap_or(id)))
        .with("jobTitle", "Clerk")
        .with("active", true)
        .with("created", "2020-01-01T00:00:00Z")
}

impl World {
    pub(crate) fn new(people: impl IntoIterator<Item = Record>) -> Self {
        let clock = ManualClock::at(time::macros::datetime!(2026-01-05 08:00 UTC));
        Self {
            hr: MemoryStore::new("hr").with_records(people),
            directory: MemoryStore::new("directory").with_schema(schema()).with_clock(clock.clone()),
            state: MemoryState::new().with_clock(clock.clone()),
            sink: Sink::default(),
            clock,
        }
    }

    pub(crate) fn builder(&self, preferences: Preferences) -> JobBuilder {
        self.builder_of(mapping(), Policy::outbound(preferences))
    }

    fn builder_of(&self, mapping: Mapping, policy: Policy) -> JobBuilder {
        Job::builder("staff")
            .source(self.hr.clone())
            .target(self.directory.clone())
            .mapping(mapping)
            .policy(policy)
            .passwords(self.sink.clone())
            .state(self.state.clone())
            .clock(self.clock.clone())
    }

    pub(crate) fn job(&self) -> Job {
        self.job_with(Preferences::default())
    }

    pub(crate) fn job_with(&self, preferences: Preferences) -> Job {
        self.builder(preferences).build().expect("the job is sound")
    }

    /// A job with a mapping of its own.
    pub(crate) fn scoped_job(&self, mapping: Mapping) -> Job {
        self.job_of(mapping, Policy::outbound(Preferences::default()))
    }

    /// A job with a mapping and a policy of its own.
    pub(crate) fn job_of(&self, mapping: Mapping, policy: Policy) -> Job {
        self.builder_of(mapping, policy).build().expect("the job is sound")
    }

    pub(crate) async fn plan(&self) -> Plan {
        self.job().plan(Run::full()).await.expect("planning works")
    }

    pub(crate) async fn run(&self) -> Report {
        self.job().run(Run::full(), Apply::new()).await.expect("the run works")
    }

    /// A run after the time in which new accounts may not show.
    pub(crate) async fn settled_run(&self) -> Report {
        let report = self.run().await;
        self.clock.advance(Duration::from_secs(3600));
        report
    }

    /// What someone else does in the directory.
    pub(crate) async fn write(&self, operation: Operation) {
        let mut answers = self.directory.write(vec![Change::new(ChangeId::new(1), operation)]);
        answers.next().await.expect("an answer").1.expect("it is done");
    }

    pub(crate) fn account_of(&self, employee: &str) -> Record {
        let is_theirs = |record: &Record| record.get("employeeId") == Some(&Value::text(employee));
        self.directory.records().into_iter().find(is_theirs).expect("the person has an account")
    }

    pub(crate) fn is_active(&self, employee: &str) -> bool {
        self.account_of(employee).get("active") == Some(&Value::Bool(true))
    }
}

pub(crate) fn entry<'a>(plan: &'a Plan, id: &str) -> &'a Entry {
    plan.entries().iter().find(|entry| &*entry.key.id == id).unwrap_or_else(|| panic!("no entry for {id} in\n{plan}"))
}

/// Whether a problem of an entry goes by this rule.
pub(crate) fn has_problem(entry: &Entry, rule: &str) -> bool {
    entry.problems.iter().any(|problem| problem.rule == rule)
}

/// Keeps passwords in memory; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sink(std::sync::Arc<std::sync::Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    open: std::collections::BTreeMap<String, Secret>,
    confirmed: Vec<(String, ObjectId, Secret)>,
}

impl Sink {
    pub(crate) fn confirmed(&self) -> Vec<(String, ObjectId, Secret)> {
        self.0.lock().expect("no test panics with the lock").confirmed.clone()
    }
}

#[async_trait::async_trait]
impl PasswordSink for Sink {
    async fn prepare(&self, passwords: Vec<InitialPassword>) -> entrant::Result<Vec<Secret>> {
        let mut kept = self.0.lock().expect("no test panics with the lock");
        Ok(passwords.into_iter().map(|one| kept.open.entry(one.key).or_insert(one.password).clone()).collect())
    }

    async fn confirm(&self, created: Vec<(String, ObjectId)>) -> entrant::Result<()> {
        let mut kept = self.0.lock().expect("no test panics with the lock");
        for (key, id) in created {
            if kept.confirmed.iter().any(|(known, of, _)| *known == key && *of == id) {
                continue;
            }
            if let Some(password) = kept.open.remove(&key) {
                kept.confirmed.push((key, id, password));
            }
        }
        Ok(())
    }
}
