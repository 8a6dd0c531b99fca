//! One pace for all that a client sends.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::Notify;

use super::lane::{Lane, Outcome, Wait};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result, Retry};

/// The shortest wait; clocks are no finer.
const TICK: f64 = 0.001;

/// What is paced apart, since the service limits it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Traffic {
    /// What only looks.
    Reads,
    /// What changes something.
    Writes,
}

/// What a host allows at most, beside what the service does.
///
/// The default: as much as the service takes.
///
/// A full batch of 20 passes at once and is paid off afterwards: the next one then waits 20 times as long as one request.
/// What waits for its turn for longer than the deadline of a [`RetryPolicy`](super::RetryPolicy), 5 minutes by default,
/// fails with [`ErrorKind::Throttled`]: below some 4 requests a minute, batches need a longer deadline.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct PacePolicy {
    max_reads: Option<f64>,
    max_writes: Option<f64>,
}

/// How much one kind of traffic may send now.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Budget {
    /// Of what.
    pub traffic: Traffic,
    /// Units a second; `None` as long as the service has refused nothing.
    pub units_per_second: Option<f64>,
    /// How many units may be under way at once.
    pub max_in_flight: f64,
    /// How many are.
    pub in_flight: f64,
    /// For how long nothing is sent, since the service asked for that.
    pub held_for: Duration,
}

/// What happens to the pace.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum PaceEvent {
    /// The service refused some of what was sent, since it was too much. It is sent again, later and slower.
    Refused {
        /// How many units.
        units: f64,
        /// How long the service wants to be left alone, if it said so.
        retry_after: Option<Duration>,
        /// What is left.
        budget: Budget,
    },
    /// Something waits since the service asked for that, at least so long.
    Waiting {
        /// What waits.
        traffic: Traffic,
        /// How long.
        wait: Duration,
    },
}

/// Learns how fast a client is: for progress, metrics and logs.
///
/// Called from the task that sends; whatever takes long belongs elsewhere.
pub trait PaceObserver: fmt::Debug + Send + Sync + 'static {
    /// Something happened.
    fn pace(&self, event: &PaceEvent);
}

impl<T: PaceObserver + ?Sized> PaceObserver for Arc<T> {
    fn pace(&self, event: &PaceEvent) {
        (**self).pace(event);
    }
}

impl PacePolicy {
    /// The most reads a second; less than one in a thousand seconds counts as that.
    #[must_use]
    pub fn with_max_reads_per_second(mut self, units: f64) -> Self {
        self.max_reads = Some(positive(units));
        self
    }

    /// The most writes a second, to leave the rest to others; less than one in a thousand seconds counts as that.
    #[must_use]
    pub fn with_max_writes_per_second(mut self, units: f64) -> Self {
        self.max_writes = Some(positive(units));
        self
    }
}

fn positive(units: f64) -> f64 {
    if units >= TICK { units } else { TICK }
}

/// Lets through what may be sent. Clones share the pace.
///
/// Each kind of traffic has its turn in the order in which it asked. Whoever gives up leaves its turn to the next, and
/// what it had under way counts no longer.
#[derive(Debug, Clone)]
pub(crate) struct Pacer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    observer: Option<Arc<dyn PaceObserver>>,
    state: Mutex<State>,
    gates: [Gate; 2],
}

/// Where one kind of traffic waits.
#[derive(Debug, Default)]
struct Gate {
    /// Held by the one that is next.
    turn: tokio::sync::Mutex<()>,
    /// Told when something came back.
    freed: Notify,
}

#[derive(Debug)]
struct State {
    lanes: [Lane; 2],
    /// Where the seconds begin; moved if the clock is set back, so that they never do.
    base: OffsetDateTime,
    last: f64,
}

/// Leave to send so much. Dropped without a word, it counts as given up.
#[derive(Debug)]
pub(crate) struct Permit {
    pacer: Pacer,
    traffic: Traffic,
    units: u32,
    sent_at: f64,
    settled: bool,
}

/// What came back of what was sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Feedback {
    /// Units that the service refused since they were too many.
    pub(crate) throttled: u32,
    /// Units that nobody knows to have been taken: the service failed, or did not answer.
    pub(crate) failed: u32,
    pub(crate) retry_after: Option<Duration>,
    /// The limit that was hit is one for all traffic.
    pub(crate) is_for_all: bool,
    /// How much of its limit is in use, by its own word; 1 is all.
    pub(crate) load: Option<f64>,
    /// It is in trouble, or did not answer.
    pub(crate) overloaded: bool,
    /// What it really cost, by the service's word.
    pub(crate) cost: Option<f64>,
}

impl State {
    fn now(&mut self, clock: &dyn Clock) -> f64 {
        let mut now = (clock.now() - self.base).as_seconds_f64();
        if now < self.last {
            // The base cannot leave what a date can say by more than the clock did.
            let back = time::Duration::seconds_f64(self.last - now);
            self.base = self.base.checked_sub(back).unwrap_or(self.base);
            now = self.last;
        }
        self.last = now;
        now
    }

    fn lane(&mut self, traffic: Traffic) -> &mut Lane {
        &mut self.lanes[index(traffic)]
    }

    fn budget(&mut self, traffic: Traffic, now: f64) -> Budget {
        let lane = self.lane(traffic);
        Budget {
            traffic,
            units_per_second: lane.rate(),
            max_in_flight: lane.window(),
            in_flight: lane.in_flight(),
            held_for: duration(lane.held_for(now)),
        }
    }
}

impl Pacer {
    pub(crate) fn new(clock: Arc<dyn Clock>, policy: PacePolicy, observer: Option<Arc<dyn PaceObserver>>) -> Self {
        let lanes = [Lane::new(policy.max_reads), Lane::new(policy.max_writes)];
        let state = State { lanes, base: clock.now(), last: 0.0 };
        Self(Arc::new(Inner { clock, observer, state: Mutex::new(state), gates: Default::default() }))
    }

    /// Waits until so many units may be sent, for `patience` at most, the wait for others before included.
    ///
    /// Fails with [`ErrorKind::Throttled`] as soon as it is clear that it takes longer.
    pub(crate) async fn admit(&self, traffic: Traffic, units: u32, patience: Duration) -> Result<Permit> {
        let inner = &*self.0;
        let gate = &inner.gates[index(traffic)];
        let until = self.with(|_, now| now) + patience.as_secs_f64();
        // Those before give up in time, too.
        let _turn = gate.turn.lock().await;
        let mut is_told = false;
        loop {
            let (outcome, now) = self.with(|state, now| match now > until {
                true => (Err(Wait::For(TICK)), now),
                false => (state.lane(traffic).take(now, f64::from(units)), now),
            });
            let (seconds, is_asked) = match outcome {
                Ok(()) => return Ok(Permit { pacer: self.clone(), traffic, units, sent_at: now, settled: false }),
                Err(Wait::ForRoom) => {
                    gate.freed.notified().await;
                    continue;
                }
                Err(Wait::For(seconds)) => (seconds.max(TICK), false),
                Err(Wait::Held(seconds)) => (seconds.max(TICK), true),
            };
            let wait = duration(seconds);
            if now + seconds > until {
                return Err(no_turn(is_asked.then_some(wait)));
            }
            if is_asked && !is_told {
                is_told = true;
                self.tell(PaceEvent::Waiting { traffic, wait });
            }
            inner.clock.sleep(wait).await;
        }
    }

    /// What may be sent now.
    pub(crate) fn budget(&self, traffic: Traffic) -> Budget {
        self.with(|state, now| state.budget(traffic, now))
    }

    fn with<T>(&self, act: impl FnOnce(&mut State, f64) -> T) -> T {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = state.now(&*self.0.clock);
        act(&mut state, now)
    }

    fn tell(&self, event: PaceEvent) {
        if let Some(observer) = &self.0.observer {
            observer.pace(&event);
        }
    }
}

impl Permit {
    /// Says what came back.
    pub(crate) fn settle(mut self, feedback: &Feedback) {
        self.settled = true;
        let (traffic, units) = (self.traffic, f64::from(self.units));
        let throttled = f64::from(feedback.throttled.min(self.units));
        let failed = f64::from(feedback.failed.min(self.units));
        let retry_after = feedback.retry_after.map(|wait| wait.as_secs_f64());
        let outcome = Outcome {
            sent_at: self.sent_at,
            accepted: (units - throttled - failed).max(0.0),
            throttled,
            retry_after,
            load: feedback.load,
            overloaded: feedback.overloaded,
        };
        let budget = self.pacer.with(|state, now| {
            let lane = state.lane(traffic);
            // What it says are units of reading.
            if let (Traffic::Reads, Some(cost)) = (traffic, feedback.cost) {
                lane.charge(cost - units);
            }
            lane.settle(now, units, &outcome);
            if let (true, Some(wait)) = (feedback.is_for_all && throttled >= units, retry_after) {
                state.lanes.iter_mut().for_each(|lane| lane.hold(now + wait));
            }
            state.budget(traffic, now)
        });
        self.pacer.0.gates[index(traffic)].freed.notify_one();
        if throttled > 0.0 {
            let retry_after = feedback.retry_after;
            self.pacer.tell(PaceEvent::Refused { units: throttled, retry_after, budget });
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.settled {
            let units = f64::from(self.units);
            self.pacer.with(|state, now| state.lane(self.traffic).give_back(now, units));
            self.pacer.0.gates[index(self.traffic)].freed.notify_one();
        }
    }
}

/// The turn does not come in time, since the service asked to be left alone for so long, or since others go before.
pub(crate) fn no_turn(asked: Option<Duration>) -> Error {
    match asked {
        Some(wait) => Error::new(ErrorKind::Throttled, "the service asked for a longer wait than allowed")
            .with_retry(Retry::After(wait)),
        None => Error::new(ErrorKind::Throttled, "the request's turn did not come before its deadline")
            .with_retry(Retry::Later),
    }
}

fn index(traffic: Traffic) -> usize {
    match traffic {
        Traffic::Reads => 0,
        Traffic::Writes => 1,
    }
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use futures::future::{join, join_all};
    use std::sync::atomic::{AtomicU32, Ordering};
    use time::macros::datetime;

    const PATIENCE: Duration = Duration::from_secs(300);

    fn setup(policy: PacePolicy) -> (Pacer, ManualClock) {
        let clock = ManualClock::at(datetime!(2026-01-15 09:30:00 UTC));
        (Pacer::new(Arc::new(clock.clone()), policy, None), clock)
    }

    fn refused(units: u32, seconds: u64) -> Feedback {
        Feedback { throttled: units, retry_after: Some(Duration::from_secs(seconds)), ..Feedback::default() }
    }

    #[tokio::test]
    async fn what_is_under_way_is_bounded_and_comes_back_in_turn() {
        let (pacer, _clock) = setup(PacePolicy::default());
        let mut permits = Vec::new();
        for _ in 0..4 {
            permits.push(pacer.admit(Traffic::Writes, 20, PATIENCE).await.expect("room"));
        }
        let mut fifth = Box::pin(pacer.admit(Traffic::Writes, 20, PATIENCE));
        let mut sixth = Box::pin(pacer.admit(Traffic::Writes, 20, PATIENCE));
        assert!(futures::poll!(&mut fifth).is_pending() && futures::poll!(&mut sixth).is_pending());
        pacer.admit(Traffic::Reads, 20, PATIENCE).await.expect("reads have room of their own");
        permits.pop();
        assert!(futures::poll!(&mut sixth).is_pending(), "not its turn");
        assert!(futures::poll!(&mut fifth).is_ready(), "a permit that was given up makes room");
    }

    #[tokio::test]
    async fn who_gives_up_leaves_its_turn() {
        let (pacer, _clock) = setup(PacePolicy::default());
        let held = join_all((0..4).map(|_| pacer.admit(Traffic::Reads, 20, PATIENCE))).await;
        let mut first = Box::pin(pacer.admit(Traffic::Reads, 20, PATIENCE));
        let mut second = Box::pin(pacer.admit(Traffic::Reads, 20, PATIENCE));
        assert!(futures::poll!(&mut first).is_pending() && futures::poll!(&mut second).is_pending());
        drop(first);
        drop(held);
        second.await.expect("its turn");
        assert_eq!(pacer.budget(Traffic::Reads).in_flight, 0.0);
    }

    #[tokio::test]
    async fn a_refusal_holds_all_of_its_kind() {
        let (pacer, clock) = setup(PacePolicy::default());
        let start = clock.now();
        let permit = pacer.admit(Traffic::Writes, 1, PATIENCE).await.expect("room");
        permit.settle(&refused(1, 12));
        assert_eq!(pacer.budget(Traffic::Writes).held_for, Duration::from_secs(12));
        pacer.admit(Traffic::Reads, 1, PATIENCE).await.expect("reads go on");
        assert_eq!(clock.now(), start);
        pacer.admit(Traffic::Writes, 1, PATIENCE).await.expect("later");
        assert!(clock.now() - start >= Duration::from_secs(12));
        let permit = pacer.admit(Traffic::Writes, 1, PATIENCE).await.expect("room");
        permit.settle(&Feedback { is_for_all: true, ..refused(1, 301) });
        for traffic in [Traffic::Reads, Traffic::Writes] {
            let error = pacer.admit(traffic, 1, PATIENCE).await.expect_err("too long");
            assert_eq!(error.kind(), ErrorKind::Throttled);
            assert!(matches!(error.retry(), Retry::After(wait) if wait > PATIENCE));
        }
    }

    #[tokio::test]
    async fn waits_in_a_row_are_bounded_together() {
        let (pacer, clock) = setup(PacePolicy::default());
        let start = clock.now();
        pacer.admit(Traffic::Writes, 1, PATIENCE).await.expect("room").settle(&refused(1, 200));
        let first = async {
            let permit = pacer.admit(Traffic::Writes, 1, PATIENCE).await.expect("after 200 s");
            permit.settle(&refused(1, 200));
        };
        let ((), second) = join(first, pacer.admit(Traffic::Writes, 1, PATIENCE)).await;
        assert_eq!(second.expect_err("after 400 s it would be").kind(), ErrorKind::Throttled);
        assert!(clock.now() - start <= PATIENCE);
        let slow = PacePolicy::default().with_max_writes_per_second(1.0);
        let (pacer, clock) = setup(slow);
        let start = clock.now();
        let one = async || {
            let permit = pacer.admit(Traffic::Writes, 1, PATIENCE).await;
            permit.map(|permit| permit.settle(&Feedback::default())).is_ok()
        };
        let admitted = join_all((0..400).map(|_| one())).await.into_iter().filter(|admitted| *admitted).count();
        assert!((318..=322).contains(&admitted), "20 at once, and one a second: {admitted}");
        assert!(clock.now() - start <= PATIENCE);
    }

    #[tokio::test]
    async fn a_host_may_allow_less() {
        let (pacer, clock) = setup(PacePolicy::default().with_max_writes_per_second(10.0));
        let start = clock.now();
        for _ in 0..120 {
            let permit = pacer.admit(Traffic::Writes, 1, PATIENCE).await.expect("in time");
            permit.settle(&Feedback::default());
        }
        let spent = (clock.now() - start).as_seconds_f64();
        assert!((9.9..10.5).contains(&spent), "20 at once, 100 at ten a second: {spent}");
        assert_eq!(PacePolicy::default().with_max_reads_per_second(f64::NAN).max_reads, Some(TICK));
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_holds_nothing_up() {
        #[derive(Debug, Clone)]
        struct Jumping(ManualClock, Arc<AtomicU32>);

        #[async_trait::async_trait]
        impl Clock for Jumping {
            fn now(&self) -> OffsetDateTime {
                self.0.now() - Duration::from_secs(self.1.load(Ordering::SeqCst).into())
            }

            async fn sleep(&self, duration: Duration) {
                self.0.sleep(duration).await;
            }
        }

        let manual = ManualClock::at(datetime!(2026-01-15 09:30:00 UTC));
        let clock = Jumping(manual.clone(), Arc::default());
        let pacer = Pacer::new(Arc::new(clock.clone()), PacePolicy::default(), None);
        let permit = pacer.admit(Traffic::Writes, 1, PATIENCE).await.expect("room");
        permit.settle(&refused(1, 5));
        clock.1.store(3_600, Ordering::SeqCst);
        let before = manual.now();
        pacer.admit(Traffic::Writes, 1, PATIENCE).await.expect("after the hold");
        assert!(manual.now() - before < Duration::from_secs(7));
    }

    #[tokio::test]
    async fn an_observer_hears_of_refusals_and_waits() {
        #[derive(Debug, Default)]
        struct Notes(Mutex<Vec<PaceEvent>>);

        impl PaceObserver for Arc<Notes> {
            fn pace(&self, event: &PaceEvent) {
                self.0.lock().expect("no test panics with it").push(*event);
            }
        }

        let notes = Arc::new(Notes::default());
        let clock = ManualClock::at(datetime!(2026-01-15 09:30:00 UTC));
        let pacer = Pacer::new(Arc::new(clock), PacePolicy::default(), Some(Arc::new(notes.clone())));
        pacer.admit(Traffic::Writes, 4, PATIENCE).await.expect("room").settle(&refused(3, 2));
        let both = join(pacer.admit(Traffic::Writes, 1, PATIENCE), pacer.admit(Traffic::Writes, 1, PATIENCE)).await;
        assert!(both.0.is_ok() && both.1.is_ok());
        let notes = notes.0.lock().expect("no test panics with it").clone();
        let [PaceEvent::Refused { units, retry_after, budget }, PaceEvent::Waiting { traffic, wait }] = notes[..]
        else {
            panic!("a refusal and one wait: {notes:?}");
        };
        assert_eq!((units, retry_after), (3.0, Some(Duration::from_secs(2))));
        assert!(budget.units_per_second.is_some());
        assert_eq!((traffic, wait), (Traffic::Writes, Duration::from_secs(2)));
    }
}
