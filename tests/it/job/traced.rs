//! Whose doings a trace tells of, and what it warns of.

use std::sync::{Arc, Mutex};

use entrant::Job;
use entrant::job::{Run, Schedule, Scheduler};
use time::UtcOffset;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Instrument, Level, Metadata, Subscriber};
use tracing_core::span::Current;

use super::world::{World, person};

/// Keeps the names of spans, each within which other, and what they are told when they begin; and warnings.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    spans: Vec<&'static Metadata<'static>>,
    entered: Vec<usize>,
    within: Vec<(Option<&'static str>, &'static str)>,
    told: Vec<String>,
}

impl Spans {
    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().expect("no test panics with it")
    }
}

impl Visit for Spans {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.kept().told.push(format!("{}={value:?}", field.name()));
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() || *metadata.level() == Level::WARN
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let name = span.metadata().name();
        let mut kept = self.kept();
        let outer = kept.entered.last().map(|at| kept.spans[*at].name());
        kept.within.push((outer, name));
        kept.spans.push(span.metadata());
        let id = kept.spans.len() as u64;
        drop(kept);
        span.record(&mut self.clone());
        Id::from_u64(id)
    }

    fn enter(&self, id: &Id) {
        self.kept().entered.push(id.into_u64() as usize - 1);
    }

    fn exit(&self, _: &Id) {
        self.kept().entered.pop();
    }

    fn current_span(&self) -> Current {
        let kept = self.kept();
        kept.entered.last().map_or_else(Current::none, |at| Current::new(Id::from_u64(*at as u64 + 1), kept.spans[*at]))
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }
}

fn job(world: &World) -> Job {
    world.builder(entrant::Preferences::default()).link_set("acme").build().expect("the job is sound")
}

#[tokio::test]
async fn what_a_job_does_is_told_within_a_span_of_its_own_and_within_that_of_the_host() {
    let spans = Spans::default();
    // With one listener only, what another thread meets first would count as of no interest to anybody.
    let (_another, _guard) = (Dispatch::new(Spans::default()), tracing::subscriber::set_default(spans.clone()));
    let world = World::new([person("1")]);
    let tenant = tracing::info_span!("tenant");
    _ = job(&world).run(Run::full(), entrant::job::Apply::new()).instrument(tenant).await.expect("a run");
    let kept = spans.kept();
    for expected in [(Some("tenant"), "plan"), (Some("tenant"), "apply")] {
        assert!(kept.within.contains(&expected), "{expected:?} in {:?}", kept.within);
    }
    for expected in ["job=\"staff\"", "link_set=\"acme\""] {
        assert_eq!(kept.told.iter().filter(|told| *told == expected).count(), 2, "{expected} in {:?}", kept.told);
    }
    assert!(!kept.told.iter().any(|told| told.contains("Person 1") || told.contains("p1@")), "{:?}", kept.told);
}

#[tokio::test]
async fn the_runs_of_a_scheduler_are_told_within_the_span_that_it_was_started_in() {
    let spans = Spans::default();
    let (_another, _guard) = (Dispatch::new(Spans::default()), tracing::subscriber::set_default(spans.clone()));
    let world = World::new([person("1")]);
    let never = Schedule::unix("0 0 29 2 *", UtcOffset::UTC).expect("a schedule");
    let job = Arc::new(
        world
            .builder(entrant::Preferences::default())
            .clock(entrant::clock::SystemClock::new())
            .build()
            .expect("a job"),
    );
    let scheduler = tracing::info_span!("tenant").in_scope(|| Scheduler::builder(job, never).start());
    scheduler.run_now();
    while scheduler.status().runs == 0 {
        tokio::task::yield_now().await;
    }
    scheduler.stop().await;
    let kept = spans.kept();
    assert!(kept.within.contains(&(Some("tenant"), "plan")), "{:?}", kept.within);
    assert!(kept.within.contains(&(Some("tenant"), "apply")), "{:?}", kept.within);
}

#[tokio::test]
async fn a_schedule_of_which_no_moment_is_to_come_is_warned_of() {
    let spans = Spans::default();
    let (_another, _guard) = (Dispatch::new(Spans::default()), tracing::subscriber::set_default(spans.clone()));
    let world = World::new([person("1")]);
    let past = Schedule::quartz("0 0 0 1 1 ? 2020", UtcOffset::UTC).expect("a schedule");
    let scheduler = Scheduler::builder(Arc::new(job(&world)), past).start();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let told = spans.kept().told.join("; ");
    assert!(told.contains("no moment") && told.contains("0 0 0 1 1 ? 2020"), "{told}");
    assert_eq!(scheduler.status().next, None);
    // By hand it runs all the same.
    scheduler.run_now();
    while scheduler.status().runs == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(scheduler.stop().await.len(), 1);
}
