//! What noting costs on a disk, and what of it is found there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use entrant::adapters::{Entra, PasswordFile, RedbState};
use entrant::connection::Connection;
use entrant::job::{Apply, Run, RunStatus};
use entrant::model::ObjectId;
use entrant::reconcile::{Policy, Preferences};
use entrant::secret::Secret;
use entrant::sim::Sim;
use entrant::store::{Batch, InitialPassword, Lease, MemoryStore, PasswordSink, State, Table};
use entrant::{Job, Record, Result};
use futures::stream::BoxStream;

/// Counts what is flushed to the disk.
#[derive(Debug, Clone)]
struct Counted<T> {
    inner: T,
    flushes: Arc<AtomicUsize>,
}

impl<T> Counted<T> {
    fn new(inner: T) -> Self {
        Self { inner, flushes: Arc::default() }
    }

    fn count(&self) {
        self.flushes.fetch_add(1, Ordering::Relaxed);
    }

    fn take(&self) -> usize {
        self.flushes.swap(0, Ordering::Relaxed)
    }
}

#[async_trait]
impl<T: State> State for Counted<T> {
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.inner.get(table, key).await
    }
    fn scan(&self, table: Table, prefix: &[u8]) -> BoxStream<'_, Result<(Vec<u8>, Vec<u8>)>> {
        self.inner.scan(table, prefix)
    }
    async fn commit(&self, lease: &Lease, batch: Batch) -> Result<()> {
        self.count();
        self.inner.commit(lease, batch).await
    }
    async fn lease(&self, name: &str, ttl: Duration) -> Result<Option<Lease>> {
        self.count();
        self.inner.lease(name, ttl).await
    }
    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Option<Lease>> {
        self.count();
        self.inner.renew(lease, ttl).await
    }
    async fn release(&self, lease: Lease) -> Result<()> {
        self.count();
        self.inner.release(lease).await
    }
}

#[async_trait]
impl<T: PasswordSink> PasswordSink for Counted<T> {
    async fn prepare(&self, passwords: Vec<InitialPassword>) -> Result<Vec<Secret>> {
        self.count();
        self.inner.prepare(passwords).await
    }
    async fn confirm(&self, created: Vec<(String, ObjectId)>) -> Result<()> {
        self.count();
        self.inner.confirm(created).await
    }
}

fn person(id: usize) -> Record {
    Record::new(ObjectId::user(id.to_string()))
        .with("id", id.to_string())
        .with("login", format!("p{id}"))
        .with("title", "Clerk")
}

async fn job(sim: &Sim, people: &MemoryStore, state: impl State, sink: impl PasswordSink) -> Job {
    let connection = Connection::builder(sim.tenant_id(), sim.client_id())
        .client_secret(sim.client_secret())
        .cloud(sim.cloud())
        .build()
        .expect("a connection");
    let entra = Entra::builder(connection).transport(sim.transport()).connect().await.expect("the check passes");
    let mapping = super::world::tenant_mapping().attribute("jobTitle", "title");
    Job::builder("staff")
        .source(people.clone())
        .target(entra)
        .mapping(mapping)
        .policy(Policy::outbound(Preferences::default()))
        .passwords(sink)
        .state(state)
        .build()
        .expect("a job")
}

/// "Fsyncs of the journal at most `$batch` posts + 10, with the file sink at most three times that."
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn noting_takes_no_more_flushes_than_there_are_batches() {
    let directory = tempfile::tempdir().expect("a directory");
    let state = Counted::new(RedbState::open(directory.path().join("state.redb")).expect("a new file"));
    let sink = Counted::new(PasswordFile::open(directory.path().join("passwords.jsonl")).expect("a new file"));
    let sim = Sim::builder().latency(Duration::from_millis(5)).build();
    let people = MemoryStore::new("hr").with_records((0..1_000).map(person));
    let job = job(&sim, &people, state.clone(), sink.clone()).await;
    for act in ["creates", "updates"] {
        let plan = job.plan(Run::full()).await.expect("a plan");
        assert_eq!(plan.entries().len(), 1_000, "{act}");
        let before = sim.requests().batch_posts;
        state.take();
        sink.take();
        let report = job.apply(&plan, Apply::new()).await.expect("a report");
        assert_eq!(report.status, RunStatus::Complete, "{act}: {report}");
        let posts = sim.requests().batch_posts - before;
        let (noted, kept) = (state.take(), sink.take());
        println!("{act}: {posts} batches, {noted} flushes of the state, {kept} of the passwords");
        assert!(posts >= 50 && noted <= posts + 10, "{act}: {noted} flushes of the state for {posts} batches");
        assert!(noted + kept <= 3 * (posts + 10), "{act}: {kept} flushes of the passwords for {posts} batches");
        for id in 0..1_000 {
            people.set(&ObjectId::user(id.to_string()), "title", "Chief");
        }
    }
}

/// "State at rest holds no secrets": neither of a run that went through, nor of one that was cut off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_file_holds_no_secrets() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.redb");
    let passwords = directory.path().join("passwords.jsonl");
    let sim = Sim::builder().latency(Duration::from_millis(20)).build();
    let people = MemoryStore::new("hr").with_records((0..60).map(person));
    {
        let state = RedbState::open(&path).expect("a new file");
        let sink = PasswordFile::open(&passwords).expect("a new file");
        let job = job(&sim, &people, state, sink).await;
        _ = job.run(Run::full(), Apply::new()).await.expect("a report");
        (60..120).for_each(|id| people.push(person(id)));
        let plan = job.plan(Run::full()).await.expect("a plan");
        let cut = tokio::time::timeout(Duration::from_millis(30), job.apply(&plan, Apply::new())).await;
        assert!(cut.is_err(), "it is cut off");
    }
    let lines = std::fs::read_to_string(&passwords).expect("the passwords");
    let mut secrets: Vec<String> = lines
        .lines()
        .filter_map(|line| {
            serde_json::from_str::<serde_json::Value>(line).expect("a line")["password"].as_str().map(str::to_owned)
        })
        .collect();
    assert!(secrets.len() >= 120, "of both runs");
    secrets.extend([sim.client_secret().expose().to_owned(), sim.token().expose().to_owned()]);
    let file = std::fs::read(&path).expect("the state");
    let holds = |text: &str| file.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("employeeId"), "the journal of the second run is there");
    for secret in secrets {
        assert!(!holds(&secret), "a secret is in the state");
    }
    let token = regex::bytes::Regex::new(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.").expect("a pattern");
    assert!(!token.is_match(&file), "a token is in the state");
}
