//! A run that stood still while its lease ran out (semantics, rule 21).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use entrant::adapters::Entra;
use entrant::clock::{Clock, ManualClock};
use entrant::connection::Connection;
use entrant::job::{Apply, Run, RunStatus};
use entrant::model::ObjectId;
use entrant::reconcile::{Policy, Preferences};
use entrant::sim::{Fault, Sim};
use entrant::store::{MemoryState, MemoryStore, State, Table};
use entrant::{ErrorKind, Job, Record};
use futures::{FutureExt, TryStreamExt};
use time::OffsetDateTime;

use super::spy::Spy;
use super::world::{Sink, World, person, tenant_mapping};

const LEASE: &str = "link set default";

/// A clock with whose longest sleeps another run comes and takes the lease.
#[derive(Debug, Clone)]
struct Robbed {
    inner: ManualClock,
    state: MemoryState,
    robber: Arc<Mutex<Robber>>,
}

#[derive(Debug)]
enum Robber {
    StaysAway,
    Comes,
    Came,
}

#[async_trait]
impl Clock for Robbed {
    fn now(&self) -> OffsetDateTime {
        self.inner.now()
    }
    async fn sleep(&self, duration: Duration) {
        self.inner.sleep(duration).await;
        if duration >= Duration::from_secs(100) && matches!(*self.robber.lock().expect("no panic"), Robber::Comes) {
            self.state.lease(LEASE, Duration::from_secs(60)).await.expect("works").expect("it ran out");
            *self.robber.lock().expect("no panic") = Robber::Came;
        }
    }
}

/// "Its own lease deadline is looked at before every send": also by what waits to send again.
#[tokio::test]
async fn a_request_that_waited_for_longer_than_the_lease_is_sent_only_if_nobody_took_over() {
    for (method, path, at_once) in [("POST", "/v1.0/$batch", 0), ("*", "/v1.0/users", 28)] {
        for comes in [false, true] {
            let when = format!("{method} {path}, another comes: {comes}");
            let inner = ManualClock::at(time::macros::datetime!(2026-01-05 08:00 UTC));
            let state = MemoryState::new().with_clock(inner.clone());
            let robber = Arc::new(Mutex::new(Robber::StaysAway));
            let clock = Robbed { inner: inner.clone(), state: state.clone(), robber: Arc::clone(&robber) };
            let sim = Sim::builder().clock(inner.clone()).build();
            let connection = Connection::builder(sim.tenant_id(), sim.client_id())
                .client_secret(sim.client_secret())
                .cloud(sim.cloud())
                .build()
                .expect("a connection");
            let entra = Entra::builder(connection).transport(sim.transport()).clock(clock.clone());
            let people = (0..30).map(|id: u32| {
                Record::new(ObjectId::user(id.to_string())).with("id", id.to_string()).with("login", format!("p{id}"))
            });
            let job = Job::builder("staff")
                .source(MemoryStore::new("hr").with_records(people))
                .target(entra.connect().await.expect("the check passes"))
                .mapping(tenant_mapping())
                .policy(Policy::outbound(Preferences::default()))
                .passwords(Sink::default())
                .state(state.clone())
                .clock(clock)
                .build()
                .expect("a job");
            let plan = job.plan(Run::full()).await.expect("a plan");
            if comes {
                *robber.lock().expect("no panic") = Robber::Comes;
            }
            sim.fail(Fault::on(method, path).throttle("120").times(2));
            let before = sim.audit().len();
            let ended = job.apply(&plan, Apply::new()).await;
            if !comes {
                assert_eq!(ended.expect(&when).status, RunStatus::Complete, "{when}: it is renewed");
                continue;
            }
            let error = ended.expect_err(&when);
            assert_eq!(error.kind(), ErrorKind::Leased, "{when}");
            assert!(error.to_string().contains("another run took over"), "{when}: {error}");
            assert!(matches!(*robber.lock().expect("no panic"), Robber::Came), "{when}");
            // What was not throttled went through at once, before the other came.
            assert_eq!(sim.audit().len() - before, at_once, "{when}");
            let requests = sim.requests();
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            assert_eq!(sim.requests(), requests, "{when}");
        }
    }
}

/// A target that asks nobody is asked nothing more; and each commit carries the fence.
#[tokio::test]
async fn a_run_that_was_overtaken_writes_and_notes_nothing_more() {
    for after in [1, 45, 200, 230] {
        let world = World::new((0..300).map(|id| person(&id.to_string())));
        let spy = Spy::new(&world.directory);
        let (clock, state) = (world.clock.clone(), world.state.clone());
        let (mut answers, mut held) = (0, Vec::new());
        spy.answers(move |_, answer| {
            answers += 1;
            if answers == after {
                clock.advance(Duration::from_secs(61));
                let lease = state.lease(LEASE, Duration::from_secs(60)).now_or_never().expect("at once");
                held.push(lease.expect("works").expect("it ran out"));
            }
            answer
        });
        let job = world.builder(Preferences::default()).target(spy.clone()).build().expect("the job is sound");
        let error = job.run(Run::full(), Apply::new()).await.expect_err("overtaken");
        assert_eq!(error.kind(), ErrorKind::Leased, "{after}: {error}");
        assert_eq!(spy.log().len(), after, "nothing after it");
        let links: Vec<_> = world.state.scan(Table::Links, b"").try_collect().await.expect("it is read");
        assert!(links.len() / 2 < after, "{after}: the last answers are not noted, in {} links", links.len() / 2);
        // The other finishes it.
        world.clock.advance(Duration::from_secs(61));
        assert_eq!(world.run().await.status, RunStatus::Complete, "{after}");
        assert_eq!(world.directory.records().len(), 300, "{after}: nobody twice, nobody left out");
        assert_eq!(world.sink.confirmed().len(), 300, "{after}");
    }
}
