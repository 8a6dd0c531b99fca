//! Jobs that run by themselves, in paused time (R44, R47–R49).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use entrant::clock::Clock;
use entrant::job::{PastRunOutcome, Run, RunStatus, Schedule, Scheduler, SchedulerState};
use entrant::model::{AttributeSchema, Class, ObjectId, Schema};
use entrant::store::{Capabilities, Lookup, MemoryState, MemoryStore, Query, Read, State};
use entrant::{ErrorKind, Job, Mapping, Policy, Preferences, Record, Result, Source};
use futures::StreamExt;
use futures::stream::BoxStream;
use time::macros::datetime;
use time::{OffsetDateTime, UtcOffset};

/// Tokio's time as the time of the day, by a clock that may be wrong.
#[derive(Debug, Clone)]
struct TokioClock {
    start: tokio::time::Instant,
    seconds_wrong: Arc<AtomicI64>,
}

impl TokioClock {
    fn new() -> Self {
        Self { start: tokio::time::Instant::now(), seconds_wrong: Arc::default() }
    }

    fn set_wrong(&self, by: time::Duration) {
        self.seconds_wrong.store(by.whole_seconds(), Ordering::Relaxed);
    }
}

#[async_trait]
impl Clock for TokioClock {
    fn now(&self) -> OffsetDateTime {
        let wrong = time::Duration::seconds(self.seconds_wrong.load(Ordering::Relaxed));
        datetime!(2026-01-05 08:00:30 UTC) + self.start.elapsed() + wrong
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A store that takes its time, and sees whether it is read twice at once.
#[derive(Debug, Clone)]
struct Slow {
    store: MemoryStore,
    seconds: Arc<AtomicU64>,
    reading: Arc<AtomicBool>,
    panics: Arc<AtomicBool>,
}

#[async_trait]
impl Source for Slow {
    fn name(&self) -> &str {
        self.store.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    /// What is asked by id is answered at once.
    async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        self.store.get(ids).await
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        let (slow, query) = (self.clone(), query.clone());
        futures::stream::once(async move {
            assert!(!slow.panics.load(Ordering::Relaxed), "told to panic");
            assert!(!slow.reading.swap(true, Ordering::Relaxed), "two runs at once");
            tokio::time::sleep(Duration::from_secs(slow.seconds.load(Ordering::Relaxed))).await;
            slow.reading.store(false, Ordering::Relaxed);
            let steps: Vec<_> = slow.store.read(&query).collect().await;
            futures::stream::iter(steps)
        })
        .flatten()
        .boxed()
    }
}

struct World {
    clock: TokioClock,
    hr: Slow,
    directory: MemoryStore,
    state: MemoryState,
}

impl World {
    fn new(seconds: u64) -> Self {
        let clock = TokioClock::new();
        let person = Record::new(ObjectId::user("7")).with("name", "Ada");
        let schema = Schema::new(Class::USER).with("displayName", AttributeSchema::text());
        Self {
            hr: Slow {
                store: MemoryStore::new("hr").with_record(person),
                seconds: Arc::new(AtomicU64::new(seconds)),
                reading: Arc::default(),
                panics: Arc::default(),
            },
            directory: MemoryStore::new("directory").with_schema(schema).with_clock(clock.clone()),
            state: MemoryState::new().with_clock(clock.clone()),
            clock,
        }
    }

    fn start(&self, cron: &str) -> Scheduler {
        let job = Job::builder("staff")
            .source(self.hr.clone())
            .target(self.directory.clone())
            .mapping(Mapping::users().attribute("displayName", "name"))
            .policy(Policy::outbound(Preferences::default()))
            .state(self.state.clone())
            .clock(self.clock.clone())
            .build()
            .expect("a job");
        let schedule = Schedule::unix(cron, UtcOffset::UTC).expect("a schedule");
        Scheduler::builder(Arc::new(job), schedule).run(Run::full()).keep(3).start()
    }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn r44_runs_come_on_time_and_are_told() {
    let world = World::new(1);
    let scheduler = world.start("*/15 * * * *");
    let status = scheduler.status();
    assert_eq!((status.state, status.runs), (SchedulerState::Waiting, 0));
    assert_eq!(status.next, Some(datetime!(2026-01-05 08:15 UTC)));
    pass(14 * 60).await;
    assert!(scheduler.history().is_empty() && world.directory.records().is_empty(), "not before its time");
    pass(31).await;
    assert!(matches!(scheduler.status().state, SchedulerState::Running { .. }));
    pass(4).await;
    let history = scheduler.history();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].due, Some(datetime!(2026-01-05 08:15 UTC)));
    let PastRunOutcome::Reported { run, found, entries } = &history[0].outcome else { panic!("{:?}", history[0]) };
    // What was found, not what it is now (R47, R49).
    assert_eq!((run, found.unresolved_source, entries.success), (&RunStatus::Complete, 1, 1));
    assert_eq!(world.directory.records().len(), 1);

    world.hr.store.set(&ObjectId::user("7"), "name", "Ada Lovelace");
    pass(15 * 60).await;
    let history = scheduler.history();
    let PastRunOutcome::Reported { found, .. } = &history[1].outcome else { panic!("{:?}", history[1]) };
    assert_eq!((found.one_to_one, found.unresolved_source), (1, 0)); // R48
    assert_eq!(scheduler.last_report().expect("a report").buckets(), *found);
    // Values: they can be kept and shown.
    let text = serde_json::to_string(&history).expect("JSON");
    assert_eq!(serde_json::from_str::<Vec<entrant::job::PastRun>>(&text).expect("runs"), history);
    serde_json::to_string(&scheduler.status()).expect("JSON");
    assert!(history[1].to_string().contains("on time, 1 s): complete, 1 written"), "{}", history[1]);

    // Only so many are kept, and all are counted.
    pass(4 * 15 * 60).await;
    assert_eq!((scheduler.history().len(), scheduler.status().runs), (3, 6));
    assert_eq!(scheduler.stop().await.len(), 3);
    pass(3600).await;
    assert!(!world.hr.reading.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn runs_never_overlap() {
    let world = World::new(150);
    let scheduler = world.start("* * * * *");
    // From 08:01 to 08:03:30; 08:02 and 08:03 are missed; the next is 08:04. The store panics if it is read twice at once.
    pass(4 * 60 + 30).await;
    let (status, history) = (scheduler.status(), scheduler.history());
    assert_eq!((status.runs, status.missed), (1, 2), "{status:?}");
    assert_eq!(status.state, SchedulerState::Running { since: datetime!(2026-01-05 08:04 UTC) });
    assert_eq!(history[0].finished, datetime!(2026-01-05 08:03:30 UTC));
    // Asked for by hand, and twice: once, when the other has ended.
    scheduler.run_now();
    scheduler.run_now();
    pass(150).await;
    assert!(matches!(scheduler.status().state, SchedulerState::Running { .. }));
    pass(150).await;
    let history = scheduler.history();
    assert_eq!(history.last().map(|run| run.due), Some(None), "by hand: {history:?}");
    assert!(history.iter().all(|run| matches!(run.outcome, PastRunOutcome::Reported { .. })), "{history:?}");
}

#[tokio::test(start_paused = true)]
async fn stopping_lets_a_run_end_and_begins_no_other() {
    let world = World::new(100);
    let scheduler = world.start("* * * * *");
    pass(45).await;
    assert!(matches!(scheduler.status().state, SchedulerState::Running { .. }));
    let history = scheduler.stop().await;
    assert_eq!(history.len(), 1);
    assert!(matches!(history[0].outcome, PastRunOutcome::Reported { run: RunStatus::Complete, .. }), "{history:?}");
    assert_eq!(world.directory.records().len(), 1, "it was not cut off");
    assert_eq!(world.clock.now(), datetime!(2026-01-05 08:02:40 UTC));

    // While it waits it ends at once; dropped, it ends too.
    assert!(world.start("0 0 1 1 *").stop().await.is_empty());
    assert_eq!(world.clock.now(), datetime!(2026-01-05 08:02:40 UTC));
    drop(world.start("* * * * *"));
    pass(600).await;
    assert!(!world.hr.reading.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_is_told_and_ends_no_other() {
    let world = World::new(1);
    let scheduler = world.start("* * * * *");
    // Nobody is in the source any more, which is more often a fault than the truth.
    world.hr.store.remove(&ObjectId::user("7"));
    pass(35).await;
    world.hr.panics.store(true, Ordering::Relaxed);
    pass(60).await;
    world.hr.panics.store(false, Ordering::Relaxed);
    // Another program's run holds the lease.
    world.hr.store.push(Record::new(ObjectId::user("7")).with("name", "Ada"));
    let lease = world.state.lease("link set default", Duration::from_secs(90)).await.expect("a state").expect("free");
    pass(60).await;
    let outcomes: Vec<_> = scheduler.history().into_iter().map(|run| run.outcome).collect();
    assert!(matches!(&outcomes[0], PastRunOutcome::Failed { error: ErrorKind::EmptySource, .. }), "{outcomes:?}");
    assert!(
        matches!(&outcomes[1], PastRunOutcome::Failed { message, .. } if message.contains("broke off")),
        "{outcomes:?}"
    );
    assert!(matches!(&outcomes[2], PastRunOutcome::Skipped { .. }), "{outcomes:?}");
    world.state.release(lease).await.expect("released");
    pass(60).await;
    let history = scheduler.stop().await;
    assert!(matches!(&history[2].outcome, PastRunOutcome::Reported { run: RunStatus::Complete, .. }), "{history:?}");
}

#[tokio::test(start_paused = true)]
async fn runs_go_on_when_a_clock_that_was_ahead_is_put_right() {
    let world = World::new(1);
    world.clock.set_wrong(time::Duration::days(30));
    let scheduler = world.start("*/15 * * * *");
    pass(20 * 60).await;
    assert_eq!(scheduler.history()[0].due, Some(datetime!(2026-02-04 08:15 UTC)));
    world.clock.set_wrong(time::Duration::ZERO);
    pass(60).await;
    assert_eq!(scheduler.status().next, Some(datetime!(2026-01-05 08:30 UTC)), "it is told when it goes on");
    pass(3600).await;
    let (status, history) = (scheduler.status(), scheduler.history());
    let dues: Vec<_> = history.iter().filter_map(|run| run.due).collect();
    let right = [datetime!(2026-01-05 08:45 UTC), datetime!(2026-01-05 09:00 UTC), datetime!(2026-01-05 09:15 UTC)];
    assert_eq!((status.runs, status.missed, dues.as_slice()), (5, 0, right.as_slice()));
    assert_eq!(status.next, Some(datetime!(2026-01-05 09:30 UTC)));
}

#[tokio::test(start_paused = true)]
async fn runs_go_on_when_the_clock_is_put_right_while_one_goes_on() {
    let world = World::new(150);
    world.clock.set_wrong(time::Duration::days(30));
    let scheduler = world.start("*/5 * * * *");
    pass(5 * 60).await;
    assert!(matches!(scheduler.status().state, SchedulerState::Running { .. }));
    world.clock.set_wrong(time::Duration::ZERO);
    // It ends at 08:07:00 by the right clock, and the next moment is that of 08:10. The store panics if it is read twice
    // at once.
    pass(6 * 60).await;
    assert_eq!(scheduler.status().state, SchedulerState::Running { since: datetime!(2026-01-05 08:10 UTC) });
    pass(5 * 60).await;
    let history = scheduler.history();
    let dues: Vec<_> = history.iter().filter_map(|run| run.due).collect();
    assert_eq!(dues, [datetime!(2026-02-04 08:05 UTC), datetime!(2026-01-05 08:10 UTC)]);
    assert!(history.iter().all(|run| matches!(run.outcome, PastRunOutcome::Reported { .. })), "{history:?}");
}

#[tokio::test(start_paused = true)]
async fn no_moment_comes_twice_while_the_clock_is_corrected() {
    let world = World::new(1);
    let scheduler = world.start("* * * * *");
    pass(15 * 60).await;
    assert_eq!(scheduler.status().runs, 15);
    world.clock.set_wrong(time::Duration::minutes(-4));
    pass(4 * 60 - 1).await;
    assert_eq!(scheduler.status().runs, 15, "it is the time of those that were");
    pass(60).await;
    let status = scheduler.status();
    assert_eq!((status.runs, status.missed), (16, 0));
    assert_eq!(scheduler.history().last().and_then(|run| run.due), Some(datetime!(2026-01-05 08:16 UTC)));
}
