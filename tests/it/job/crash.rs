//! Answers that are lost, and runs that are cut off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use entrant::job::{Apply, OutcomeKind, Run, RunStatus};
use entrant::model::{Anchor, Change, ChangeId, Class, Name, ObjectId, Schema, Value, Written};
use entrant::reconcile::{Action, Constraints, Policy, Preferences, Situation};
use entrant::store::{Capabilities, Lookup, MemoryStore, Query, Read, Source, Target, WriteFault};
use entrant::{Job, Record, Result};
use futures::StreamExt;
use futures::stream::BoxStream;

use super::world::{World, entry, mapping, person};

#[tokio::test]
async fn a_create_whose_answer_was_lost_is_found_and_not_repeated() {
    let world = World::new((1..=5).map(|id| person(&id.to_string())));
    world.directory.fail_write(2, WriteFault::AnswerLost);
    world.directory.fail_write(4, WriteFault::RequestLost);
    let report = world.run().await;
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert_eq!(world.directory.records().len(), 5, "nobody twice, nobody left out");
    assert_eq!(world.sink.confirmed().len(), 5);
    for (_, id, password) in world.sink.confirmed() {
        assert_eq!(world.directory.secret(&id, "password").as_ref(), Some(&password));
    }
    assert!(world.plan().await.is_converged());
}

/// A target behind which the process dies: it writes, and the answer never comes.
#[derive(Debug)]
pub(crate) struct Dying {
    inner: MemoryStore,
    armed: Arc<AtomicBool>,
    /// How often it was asked by value.
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl Source for Dying {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
    async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        self.inner.get(ids).await
    }
    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        self.inner.read(query)
    }
}

#[async_trait]
impl Target for Dying {
    fn schema(&self, class: &Class) -> Result<Arc<Schema>> {
        self.inner.schema(class)
    }
    async fn constraints(&self) -> Result<Arc<dyn Constraints>> {
        self.inner.constraints().await
    }
    fn write<'a>(&'a self, changes: Vec<Change>) -> BoxStream<'a, (ChangeId, Result<Written>)> {
        let writes = self.inner.write(changes);
        if !self.armed.load(Ordering::Relaxed) {
            return writes;
        }
        // Everything is written; then nothing more is heard.
        futures::stream::once(async move {
            writes.collect::<Vec<_>>().await;
            futures::future::pending().await
        })
        .boxed()
    }
    async fn find(&self, class: &Class, attribute: &Name, values: &[Value]) -> Result<Vec<Record>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.inner.find(class, attribute, values).await
    }
    async fn deleted(&self, anchors: &[Anchor]) -> Result<Vec<Record>> {
        self.inner.deleted(anchors).await
    }
}

pub(crate) fn dying_job(world: &World, armed: &Arc<AtomicBool>) -> Job {
    counted_dying_job(world, armed, &Arc::default())
}

fn counted_dying_job(world: &World, armed: &Arc<AtomicBool>, asked: &Arc<AtomicUsize>) -> Job {
    Job::builder("staff")
        .source(world.hr.clone())
        .target(Dying { inner: world.directory.clone(), armed: armed.clone(), asked: asked.clone() })
        .mapping(mapping())
        .policy(Policy::outbound(Preferences::default()))
        .passwords(world.sink.clone())
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("a job")
}

/// Runs until the process dies in the middle of a write.
pub(crate) async fn die(job: &Job) {
    let run = job.run(Run::full(), Apply::new());
    let cut = tokio::time::timeout(Duration::from_millis(200), run).await;
    assert!(cut.is_err(), "the run was to be cut off");
}

#[tokio::test]
async fn a_run_that_died_between_create_and_answer_is_taken_up() {
    let world = World::new((1..=3).map(|id| person(&id.to_string())));
    let armed = Arc::new(AtomicBool::new(true));
    let job = dying_job(&world, &armed);
    die(&job).await;
    assert_eq!(world.directory.records().len(), 3);
    assert_eq!(world.sink.confirmed().len(), 0);
    armed.store(false, Ordering::Relaxed);
    // The plan shows what it will do: take over what the dead run made, which is no adoption.
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!((entry(&plan, "1").situation, entry(&plan, "1").action), (Situation::Found, Action::Link), "{plan}");
    world.clock.advance(Duration::from_secs(600)); // the dead run's lease runs out
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert_eq!(world.directory.records().len(), 3, "nobody twice");
    assert_eq!(world.sink.confirmed().len(), 3, "their passwords are known");
    // They are ours: a leaver is disabled, not merely reported.
    world.clock.advance(Duration::from_secs(3600));
    world.hr.remove(&ObjectId::user("1"));
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert!(!world.is_active("1"));
}

#[tokio::test]
async fn what_a_dead_run_made_is_looked_for_together() {
    let world = World::new((1..=150).map(|id| person(&id.to_string())));
    let (armed, asked) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let job = counted_dying_job(&world, &armed, &asked);
    die(&job).await;
    armed.store(false, Ordering::Relaxed);
    world.clock.advance(Duration::from_secs(600));
    let plan = job.plan(Run::full()).await.expect("a plan");
    let before = asked.load(Ordering::Relaxed);
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert_eq!(world.directory.records().len(), 150, "nobody twice");
    assert!(asked.load(Ordering::Relaxed) - before <= 3, "asked {} times", asked.load(Ordering::Relaxed) - before);
}

#[tokio::test]
async fn what_a_dead_run_made_for_someone_who_left_since_is_still_ours() {
    let world = World::new((1..=2).map(|id| person(&id.to_string())));
    let armed = Arc::new(AtomicBool::new(true));
    let job = dying_job(&world, &armed);
    die(&job).await;
    armed.store(false, Ordering::Relaxed);
    world.clock.advance(Duration::from_secs(3600));
    world.hr.remove(&ObjectId::user("1"));
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    world.clock.advance(Duration::from_secs(3600));
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert!(!world.is_active("1"));
    assert!(world.is_active("2"));
}

#[tokio::test]
async fn a_disable_that_died_on_the_way_is_remembered_as_ours() {
    let world = World::new((1..=3).map(|id| person(&id.to_string())));
    let armed = Arc::new(AtomicBool::new(false));
    let job = dying_job(&world, &armed);
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    world.clock.advance(Duration::from_secs(3600));
    world.hr.set(&ObjectId::user("1"), "active", false);
    armed.store(true, Ordering::Relaxed);
    die(&job).await;
    assert!(!world.is_active("1"));
    armed.store(false, Ordering::Relaxed);
    world.clock.advance(Duration::from_secs(3600));
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    world.hr.set(&ObjectId::user("1"), "active", true);
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.outcome(OutcomeKind::Applied), 1, "{report}");
    assert!(world.is_active("1"), "we disabled it, so we enable it");
}
impl Dying {
    pub(crate) fn new(inner: MemoryStore, armed: Arc<AtomicBool>) -> Self {
        Self { inner, armed, asked: Arc::default() }
    }
}
