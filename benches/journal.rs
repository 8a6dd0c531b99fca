//! What remembering costs: creates on a simulated tenant without latency, with the state in memory and in a file, in one
//! run: the ratio counts.
//!
//! `cargo bench --bench journal -- 1000` takes another number of people than 10,000. The disk is that of the system's
//! folder for temporary files.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use entrant::adapters::{Entra, PasswordFile, RedbState};
use entrant::connection::Connection;
use entrant::job::{Apply, Run, RunStatus};
use entrant::model::ObjectId;
use entrant::secret::Secret;
use entrant::sim::Sim;
use entrant::store::{InitialPassword, MemoryState, MemoryStore, PasswordSink, State};
use entrant::{Job, Mapping, Policy, Preferences, Record, Result};

const PEOPLE: usize = 10_000;
const ROUNDS: usize = 3;

/// Keeps nothing, and so takes no time.
#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl PasswordSink for Nowhere {
    async fn prepare(&self, passwords: Vec<InitialPassword>) -> Result<Vec<Secret>> {
        Ok(passwords.into_iter().map(|own| own.password).collect())
    }

    async fn confirm(&self, _: Vec<(String, ObjectId)>) -> Result<()> {
        Ok(())
    }
}

fn person(id: usize) -> Record {
    Record::new(ObjectId::user(id.to_string()))
        .with("id", id.to_string())
        .with("login", format!("p{id}"))
        .with("title", "Clerk")
}

/// How long it takes to apply a plan that creates so many.
async fn creates(people: usize, state: impl State, sink: impl PasswordSink) -> Duration {
    let sim = Sim::builder().build();
    let connection = Connection::builder(sim.tenant_id(), sim.client_id())
        .client_secret(sim.client_secret())
        .cloud(sim.cloud())
        .build()
        .expect("a connection");
    let entra = Entra::builder(connection).transport(sim.transport()).connect().await.expect("the check passes");
    let job = Job::builder("bench")
        .source(MemoryStore::new("hr").with_records((0..people).map(person)))
        .target(entra)
        .mapping(
            Mapping::users()
                .attribute("displayName", "login")
                .attribute("employeeId", "id")
                .attribute("jobTitle", "title")
                .attribute("mailNickname", "login")
                .expression("userPrincipalName", "Join(\"@\", [login], %Domain%)")
                .expect("an expression")
                .generate_password()
                .match_on("employeeId"),
        )
        .policy(Policy::outbound(Preferences::default()))
        .passwords(sink)
        .state(state)
        .build()
        .expect("a job");
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(plan.entries().len(), people);
    let began = Instant::now();
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    let passed = began.elapsed();
    assert_eq!((report.status, sim.users().len()), (RunStatus::Complete, people));
    passed
}

#[tokio::main]
async fn main() {
    let number = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let few = std::env::args().any(|word| word == "--test");
    let people = number.unwrap_or(if few { 400 } else { PEOPLE });
    let folder = tempfile::tempdir().expect("a folder");
    let mut best = [Duration::MAX; 3];
    for round in 0..if few { 1 } else { ROUNDS } {
        let file = |name: &str| folder.path().join(format!("{name}-{round}"));
        let redb = |name| Arc::new(RedbState::open(file(name)).expect("a new file"));
        let passwords = PasswordFile::open(file("passwords")).expect("a new file");
        let round = [
            creates(people, MemoryState::new(), Nowhere).await,
            creates(people, redb("state"), Nowhere).await,
            creates(people, redb("other"), passwords).await,
        ];
        best = std::array::from_fn(|at| best[at].min(round[at]));
    }
    let [memory, redb, both] = best;
    println!("{people} creates, the best of each:");
    println!("state in memory: {memory:.2?}");
    for (name, own) in [("state in a file", redb), ("state and passwords in files", both)] {
        println!("{name}: {own:.2?}, {:.2} times that", own.as_secs_f64() / memory.as_secs_f64());
    }
}
