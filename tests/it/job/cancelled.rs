//! Runs that the host gives up, at any point.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use entrant::adapters::Entra;
use entrant::clock::{Clock, ManualClock};
use entrant::connection::Connection;
use entrant::job::{Apply, OutcomeKind, Run, RunStatus, Stop};
use entrant::model::ObjectId;
use entrant::reconcile::{Policy, Preferences};
use entrant::sim::{Activity, Sim, Sku};
use entrant::store::{MemoryState, MemoryStore};
use entrant::{ErrorKind, Job, Record};

use super::world::{Sink, tenant_mapping};

/// A simulated tenant to which people came; more are to come, and some changed or left.
struct Tenant {
    clock: ManualClock,
    sim: Sim,
    sink: Sink,
    job: Job,
}

const BEFORE: usize = 30;
const AFTER: usize = 210;

fn person(id: usize) -> Record {
    Record::new(ObjectId::user(id.to_string()))
        .with("id", id.to_string())
        .with("login", format!("p{id}"))
        .with("title", "Clerk")
        .with("active", true)
        .with("product", "ENTERPRISEPACK")
}

impl Tenant {
    async fn new() -> Self {
        let clock = ManualClock::at(time::macros::datetime!(2026-01-05 08:00 UTC));
        let sim = Sim::builder().clock(clock.clone()).latency(Duration::from_millis(10)).sku(Sku::office_e3(AFTER));
        let sim = sim.build();
        let connection = Connection::builder(sim.tenant_id(), sim.client_id())
            .client_secret(sim.client_secret())
            .cloud(sim.cloud())
            .build()
            .expect("a connection");
        let entra = Entra::builder(connection).transport(sim.transport()).clock(clock.clone());
        let (hr, sink) = (MemoryStore::new("hr").with_records((0..BEFORE).map(person)), Sink::default());
        let mapping = tenant_mapping()
            .attribute("jobTitle", "title")
            .attribute("accountEnabled", "active")
            .constant("usageLocation", "DE")
            .attribute("skuId", "product");
        let job = Job::builder("staff")
            .source(hr.clone())
            .target(entra.connect().await.expect("the check passes"))
            .mapping(mapping)
            .policy(Policy::outbound(Preferences::default()))
            .passwords(sink.clone())
            .state(MemoryState::new().with_clock(clock.clone()))
            .clock(clock.clone())
            .build()
            .expect("a job");
        let tenant = Self { clock, sim, sink, job };
        assert_eq!(tenant.run().await, RunStatus::Complete);
        tenant.clock.advance(Duration::from_secs(3600));
        (BEFORE..AFTER).for_each(|id| hr.push(person(id)));
        (0..5).for_each(|id| assert!(hr.set(&ObjectId::user(id.to_string()), "title", "Chief")));
        (5..8).for_each(|id| assert!(hr.set(&ObjectId::user(id.to_string()), "active", false)));
        tenant
    }

    async fn run(&self) -> RunStatus {
        self.job.run(Run::full(), Apply::new()).await.expect("a report").status
    }

    /// What the next run leaves: nobody twice, nobody left out, each password known, all as the source says.
    async fn ends_well(&self, when: &str) {
        assert_eq!(self.run().await, RunStatus::Complete, "{when}");
        let users = self.sim.users();
        let employees: BTreeSet<&str> = users.iter().filter_map(|user| user["employeeId"].as_str()).collect();
        assert_eq!((users.len(), employees.len()), (AFTER, AFTER), "{when}");
        let with = |name: &str, value: serde_json::Value| users.iter().filter(|user| user[name] == value).count();
        assert_eq!((with("jobTitle", "Chief".into()), with("accountEnabled", false.into())), (5, 3), "{when}");
        let licensed: Vec<_> =
            self.sim.audit().into_iter().filter(|entry| entry.activity == Activity::AssignLicense).collect();
        let whom: BTreeSet<_> = licensed.iter().map(|entry| entry.id).collect();
        assert_eq!((licensed.len(), whom.len()), (AFTER, AFTER), "{when}: each is given a licence once");
        let confirmed = self.sink.confirmed();
        assert_eq!(confirmed.len(), AFTER, "{when}");
        for (_, id, password) in confirmed {
            assert_eq!(self.sim.password_of(&id.id), Some(password), "{when}");
        }
        assert!(self.job.plan(Run::full()).await.expect("a plan").is_converged(), "{when}");
    }
}

/// Drives a future on so many times; its outcome, if it came to its end.
async fn drive<F: Future>(mut future: Pin<&mut F>, times: usize) -> Option<F::Output> {
    for _ in 0..times {
        if let Poll::Ready(outcome) = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await {
            return Some(outcome);
        }
        tokio::task::yield_now().await;
    }
    None
}

#[tokio::test]
async fn a_run_may_be_dropped_at_any_point() {
    for times in 0.. {
        let tenant = Tenant::new().await;
        let when = format!("dropped after {times} steps");
        let plan = tenant.job.plan(Run::full()).await.expect("a plan");
        let mut applying = Box::pin(tenant.job.apply(&plan, Apply::new()));
        let ended = drive(applying.as_mut(), times).await;
        drop(applying);
        if ended.is_some() {
            assert!(times > 10, "{when}");
            return tenant.ends_well(&when).await;
        }
        let requests = tenant.sim.requests();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(tenant.sim.requests(), requests, "{when}: it sends nothing more");
        tenant.clock.advance(Duration::from_secs(61));
        tenant.ends_well(&when).await;
    }
}

#[tokio::test]
async fn a_run_may_be_stopped_at_any_point() {
    let mut partly = 0;
    for times in 0.. {
        let tenant = Tenant::new().await;
        let when = format!("stopped after {times} steps");
        let plan = tenant.job.plan(Run::full()).await.expect("a plan");
        let stop = Stop::new();
        let mut applying = pin!(tenant.job.apply(&plan, Apply::new().stop_with(&stop)));
        let ended = drive(applying.as_mut(), times).await;
        if ended.is_some() {
            assert!(times > 10 && partly > 3, "{when}: {partly} runs were carried out in part");
            return tenant.ends_well(&when).await;
        }
        let posts = tenant.sim.requests().batch_posts;
        stop.stop();
        let report = applying.await.expect("a report");
        let more = tenant.sim.requests().batch_posts - posts;
        assert!(more <= 1, "{when}: {more} batches more");
        if report.status != RunStatus::Complete {
            assert!(report.outcome(OutcomeKind::Pending) > 0, "{when}: {report}");
            partly += usize::from(report.outcome(OutcomeKind::Applied) > 0);
            assert_eq!(report.status, RunStatus::Incomplete, "{when}: {report}");
            assert!(report.to_string().contains("the run was stopped"), "{when}: {report}");
        }
        // The lease was given back: nobody waits for it.
        tenant.ends_well(&when).await;
    }
}

#[tokio::test]
async fn a_run_that_is_stopped_before_it_begins_writes_nothing() {
    let tenant = Tenant::new().await;
    let stop = Stop::new();
    stop.stop();
    let before = tenant.sim.audit().len();
    let report = tenant.job.run(Run::full(), Apply::new().stop_with(&stop)).await.expect("a report");
    assert_eq!((report.status.clone(), report.outcome(OutcomeKind::Applied)), (RunStatus::Incomplete, 0), "{report}");
    assert_eq!(tenant.sim.audit().len(), before);
    tenant.ends_well("after it").await;
}

#[tokio::test]
async fn a_run_that_is_stopped_waits_for_no_other() {
    let tenant = Tenant::new().await;
    let plan = tenant.job.plan(Run::full()).await.expect("a plan");
    let mut other = Box::pin(tenant.job.apply(&plan, Apply::new()));
    assert!(drive(other.as_mut(), 5).await.is_none(), "it is at work");
    let (stop, begun) = (Stop::new(), tenant.clock.now());
    stop.stop();
    let patient = Apply::new().wait(Duration::from_secs(90)).stop_with(&stop);
    let error = tenant.job.apply(&plan, patient).await.expect_err("the other is at work");
    assert_eq!((error.kind(), tenant.clock.now()), (ErrorKind::Leased, begun), "{error}");
    drop(other);
    tenant.clock.advance(Duration::from_secs(61));
    tenant.ends_well("after both").await;
}
