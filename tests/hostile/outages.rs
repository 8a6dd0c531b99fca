//! Outages that last: how long a run waits for each, how it ends, and that the next one finishes the work. In the
//! tenant's own time.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entrant::clock::{Clock as _, ManualClock};
use entrant::http::Transport;
use entrant::job::{OutcomeKind, Run, RunStatus};
use entrant::sim::Activity;
use entrant::{Error, ErrorKind, Result};
use http::{Request, Response};

use super::world::{HOUR, World, group, person, texts, unguarded};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Outage {
    /// Graph answers 503 with a code of its own, and a wait in seconds if it names one.
    Unavailable(Option<&'static str>),
    /// Something on the way answers 503, after or before the request was carried out.
    Gateway,
    Throttled(&'static str),
    /// No address, a refused connection, a certificate that nobody trusts: nothing was sent.
    NoConnection,
    /// The connection breaks each time after the request was carried out.
    Broken,
    /// No answer for a minute, and nothing was carried out.
    Silent,
}

/// A network that fails from a request on.
#[derive(Clone)]
struct Failing {
    inner: Arc<dyn Transport>,
    clock: ManualClock,
    outage: Outage,
    /// How many requests still pass.
    left: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    requests: Arc<Mutex<usize>>,
}

impl fmt::Debug for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Failing")
    }
}

#[async_trait]
impl Transport for Failing {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let passes = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if passes || self.is_over.load(Ordering::Relaxed) {
            return self.inner.send(request).await;
        }
        *self.requests.lock().expect("no test panics with it") += 1;
        let refused = |status: u16, wait: Option<&str>, body: &'static str| {
            let mut answer = Response::builder().status(status);
            if let Some(wait) = wait {
                answer = answer.header("retry-after", wait);
            }
            Ok(answer.body(Bytes::from_static(body.as_bytes())).expect("an answer"))
        };
        let lost = || Error::new(ErrorKind::Transport, "the connection broke").with_outcome_in_doubt();
        match self.outage {
            Outage::Unavailable(wait) => {
                refused(503, wait, r#"{"error":{"code":"ServiceUnavailable","message":"later"}}"#)
            }
            Outage::Gateway => refused(503, None, "<html>busy</html>"),
            Outage::Throttled(wait) => {
                refused(429, Some(wait), r#"{"error":{"code":"TooManyRequests","message":"slower"}}"#)
            }
            Outage::NoConnection => Err(Error::new(ErrorKind::Transport, "no connection")),
            Outage::Broken => {
                self.inner.send(request).await?;
                Err(lost())
            }
            Outage::Silent => {
                self.clock.sleep(Duration::from_secs(60)).await;
                Err(Error::new(ErrorKind::TimedOut, "no whole answer in time").with_outcome_in_doubt())
            }
        }
    }
}

const PEOPLE: usize = 500;

fn company() -> World {
    let ids: Vec<String> = (0..PEOPLE).map(|id| format!("{id:03}")).collect();
    let members: Vec<&str> = ids.iter().map(String::as_str).take(5).collect();
    let people = ids.iter().map(|id| person(id).with("manager", "000"));
    let world = World::empty(people.chain([group("a", &members)]));
    world.hr.set(&entrant::model::ObjectId::user("000"), "manager", entrant::Value::Null);
    world
}

/// Nobody twice, nobody left out, every password known.
fn assert_exact(world: &World, when: &str) {
    assert_eq!(world.sim.users().len(), PEOPLE + 1, "{when}");
    let made = world.sim.audit().iter().filter(|entry| entry.activity == Activity::CreateUser).count();
    assert_eq!(made, PEOPLE, "{when}: nobody is made twice");
    let confirmed = world.sink.confirmed();
    assert_eq!(confirmed.len(), PEOPLE, "{when}");
    for (id, password) in confirmed {
        assert_eq!(world.sim.password_of(&id.id), Some(password), "{when}");
    }
    assert_eq!(world.sim.members("Group a").len(), 5, "{when}");
}

#[tokio::test]
async fn an_outage_costs_minutes_whatever_it_is_and_the_next_run_finishes() {
    const MINUTES: u64 = 60;
    // How many requests pass before it: none of the plan's, some of the plan's, some of the apply's.
    let table = [
        (Outage::Unavailable(None), 20 * MINUTES),
        (Outage::Unavailable(Some("86400")), 20 * MINUTES),
        (Outage::Gateway, 20 * MINUTES),
        (Outage::Throttled("86400"), 20 * MINUTES),
        (Outage::Throttled("60"), 40 * MINUTES),
        (Outage::NoConnection, 20 * MINUTES),
        (Outage::Broken, 20 * MINUTES),
        (Outage::Silent, 90 * MINUTES),
    ];
    for (outage, longest) in table {
        for passing in [0, 4, 30, 36, 44] {
            let when = format!("{outage:?} after {passing}");
            let world = company();
            let network = Failing {
                inner: world.sim.transport(),
                clock: world.clock.clone(),
                outage,
                left: Arc::new(AtomicUsize::new(usize::MAX)),
                is_over: Arc::default(),
                requests: Arc::default(),
            };
            let entra = world.entra(network.clone()).await.expect("the check passes");
            let job = world.job(entra);
            network.left.store(passing, Ordering::Relaxed);
            let begun = world.clock.now();
            let outcome = job.run(Run::full(), unguarded()).await;
            let took = Duration::try_from(world.clock.now() - begun).expect("time goes on");
            let requests = *network.requests.lock().expect("no test panics with it");
            eprintln!(
                "{when}: {took:?}, {requests} requests failed, {:?}",
                outcome.as_ref().map(|report| (&report.status, report.outcome(OutcomeKind::Applied)))
            );
            assert!(took <= Duration::from_secs(longest), "{when}: {took:?}");
            match outcome {
                Ok(report) => assert_eq!(report.status, RunStatus::Incomplete, "{when}: {report}"),
                // What a plan cannot be made without.
                Err(error) => {
                    assert!(passing < 30, "{when}: {error:?}");
                    assert!(!error.to_chain().is_empty());
                }
            }
            network.is_over.store(true, Ordering::Relaxed);
            world.clock.advance(HOUR * 25);
            // The same process, as a schedule would.
            for _ in 0..2 {
                _ = job.run(Run::full(), unguarded()).await.expect("a report");
                world.clock.advance(HOUR);
            }
            assert_exact(&world, &when);
            let last = job.plan(Run::full()).await.expect("a plan");
            assert!(last.is_converged(), "{when}: {last}");
        }
    }
}

/// A deadline of its own ends a run between two windows; the rest is left to the next one.
#[tokio::test]
async fn a_run_ends_at_its_deadline_and_the_next_one_goes_on() {
    let world = company();
    world.sim.fail(entrant::sim::Fault::on("POST", "/v1.0/$batch").slow(Duration::from_secs(5)).always());
    let job = world.clean_job().await;
    let begun = world.clock.now();
    let report = job.run(Run::full(), unguarded().deadline(Duration::from_secs(60))).await.expect("a report");
    let took = world.clock.now() - begun;
    assert_eq!(report.status, RunStatus::Incomplete, "{report}");
    let (done, left) = (report.outcome(OutcomeKind::Applied), report.outcome(OutcomeKind::Pending));
    assert!(done > 0 && left > 0 && done + left == PEOPLE as u64 + 1, "{done} done, {left} left, after {took}");
    assert!(took < time::Duration::minutes(10), "{took}");
    assert!(report.to_string().contains("time for this run was up"), "{report}");
    world.sim.clear_faults();
    world.clock.advance(HOUR);
    let report = world.settle().await;
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert_exact(&world, "after the deadline");
}

/// One object that always fails stops no other, however long the plan is.
#[tokio::test]
async fn one_object_in_trouble_is_no_outage() {
    let world = World::in_step().await;
    world.set("2", "title", "Head");
    world.set("4", "title", "Head");
    world.set("5", "sku", texts(&["ENTERPRISEPREMIUM"]));
    let id = world.sim.user("p2@contoso.com").expect("there")["id"].as_str().expect("an id").to_owned();
    world.sim.fail(entrant::sim::Fault::on("PATCH", format!("/v1.0/users/{id}")).status(503).always());
    let report = world.settle().await;
    assert_eq!(report.status, RunStatus::Incomplete, "it passes by itself: {report}");
    assert_eq!(world.sim.user("p4@contoso.com").expect("there")["jobTitle"], "Head");
    assert_eq!(world.sim.licenses("p5@contoso.com"), ["ENTERPRISEPREMIUM"]);
    world.sim.clear_faults();
    assert_eq!(world.settle().await.status, RunStatus::Complete);
    assert_eq!(world.sim.user("p2@contoso.com").expect("there")["jobTitle"], "Head");
}
