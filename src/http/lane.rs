//! How fast one kind of traffic may go, learned from what the service answers. Pure: time is an argument.

/// What goes into one `$batch`, and the least that is let through at once.
const BATCH: f64 = 20.0;

/// How much may be under way before anything is known: four full batches.
const FIRST_WINDOW: f64 = 4.0 * BATCH;

/// The most that is ever under way.
const MAX_WINDOW: f64 = 4_000.0;

/// What is left of the rate after a refusal.
const DOWN: f64 = 0.95;

/// What is left of it where the service took nearly nothing.
const FAR_DOWN: f64 = 0.7;

/// How fast the rate grows again at first: as far as it was after some 4 s, then it stays about there, then it looks
/// for more. The shape is that of CUBIC (RFC 9438).
const FIRST_GROWTH: f64 = 1e-3;

/// How much slower it grows after each refusal at about the same rate as the one before: twice the time.
const SURER: f64 = 1.0 / 8.0;

/// How slowly it grows at least, once it is sure: as far as it was after some 40 s.
const LEAST_GROWTH: f64 = 1e-6;

/// How fast it grows at the most, in shares of itself a second: what is too fast is known only when it comes back.
const FASTEST_GROWTH: f64 = 0.15;

/// For how many seconds what is accepted is counted together; a rate is measured over the last one or two such stretches.
const STRETCH: f64 = 3.0;

/// What "about the same rate" is.
const SAME: f64 = 0.15;

/// The slowest rate, in units a second.
const MIN_RATE: f64 = 1.0;

/// For how many seconds an answer can be charged in advance at the most.
const DEEPEST_DEBT: f64 = 60.0;

/// The slowest rate to begin with, where nothing was measured.
const FIRST_RATE: f64 = 10.0;

/// How much may pass in one go, in seconds of the rate, beside one batch.
const BURST_SECONDS: f64 = 0.1;

/// Where the service refuses and does not say for how long.
const DEFAULT_HOLD: f64 = 1.0;

/// A wait up to here is what the service says when it does not know; at a rate that was good until now it is enough to
/// go slower.
const SHORT: f64 = 2.0;

/// After so many seconds without traffic what was measured before says nothing.
const IDLE: f64 = 1.0;

/// For so many seconds after the service said that its limit is near, nothing grows.
const CALM: f64 = 1.0;

/// One kind of traffic: how much is under way, how fast it may go. Times are in seconds.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    /// The rate that the host allows at most.
    max_rate: Option<f64>,
    /// The rate that the service seems to allow; unknown before it refuses.
    rate: Option<f64>,
    /// The rate at which it refused.
    peak: f64,
    growth: f64,
    /// How long it takes until the rate is back there.
    back: f64,
    /// For how long the rate has been in use since it was cut.
    age: f64,
    /// What may pass at once now.
    tokens: f64,
    filled_at: f64,
    window: f64,
    in_flight: f64,
    held_until: f64,
    calm_until: f64,
    /// What was sent before has no say: it was sent at the old rate.
    cut_at: f64,
    /// What was accepted since the last cut, or since traffic began again.
    accepted: f64,
    refused: f64,
    since: f64,
    /// Where the stretch of measuring before `since` began, and what was accepted in it.
    before: Option<(f64, f64)>,
    last_traffic: f64,
    latency: f64,
}

/// Why nothing may be sent now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wait {
    /// Ask again after so many seconds; the service said so.
    Held(f64),
    /// Ask again after so many seconds.
    For(f64),
    /// Ask again when something has come back.
    ForRoom,
}

/// What came back of what was sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outcome {
    pub(super) sent_at: f64,
    /// Units that the service took.
    pub(super) accepted: f64,
    /// Units that it refused since they were too many.
    pub(super) throttled: f64,
    /// For how many seconds it wants to be left alone.
    pub(super) retry_after: Option<f64>,
    /// How much of its limit is in use, by its own word; 1 is all.
    pub(super) load: Option<f64>,
    /// It is in trouble, or did not answer.
    pub(super) overloaded: bool,
}

impl Lane {
    pub(super) fn new(max_rate: Option<f64>) -> Self {
        Self {
            max_rate,
            rate: None,
            peak: 0.0,
            growth: FIRST_GROWTH,
            back: 0.0,
            age: 0.0,
            tokens: BATCH,
            filled_at: 0.0,
            window: FIRST_WINDOW,
            in_flight: 0.0,
            held_until: 0.0,
            calm_until: 0.0,
            cut_at: f64::NEG_INFINITY,
            accepted: 0.0,
            refused: 0.0,
            since: 0.0,
            before: None,
            last_traffic: 0.0,
            latency: 0.0,
        }
    }

    /// Lets so many units through, or says when to ask again.
    pub(super) fn take(&mut self, now: f64, units: f64) -> Result<(), Wait> {
        self.fill(now);
        if now < self.held_until {
            return Err(Wait::Held(self.held_until - now));
        }
        if self.in_flight > 0.0 && self.in_flight + units > self.window {
            return Err(Wait::ForRoom);
        }
        if let Some(rate) = self.rate() {
            // More than ever fits at once passes when all that fits is there, and is paid off later.
            let needed = units.min(self.burst(rate));
            if self.tokens + 1e-6 < needed {
                return Err(Wait::For((needed - self.tokens) / rate));
            }
            self.tokens -= units;
        }
        if self.in_flight <= 0.0 && now - self.last_traffic > IDLE {
            self.measure_from(now);
        }
        self.in_flight += units;
        self.last_traffic = now;
        Ok(())
    }

    /// What was let through has come back.
    pub(super) fn settle(&mut self, now: f64, units: f64, outcome: &Outcome) {
        self.fill(now);
        let was_full = self.in_flight + BATCH > self.window;
        self.give_back(now, units);
        if now - self.since >= STRETCH {
            self.before = Some((self.since, self.accepted));
            (self.since, self.accepted) = (now, 0.0);
        }
        self.accepted += outcome.accepted;
        let latency = (now - outcome.sent_at).max(0.0);
        self.latency = if self.latency == 0.0 { latency } else { 0.8 * self.latency + 0.2 * latency };
        let load = outcome.load.unwrap_or_default();
        if load >= 0.8 {
            self.calm_until = now + CALM;
        }
        if outcome.throttled > 0.0 {
            self.refused(now, outcome);
        } else if outcome.overloaded {
            if let Some(wait) = outcome.retry_after {
                self.hold(now + wait);
            }
            if outcome.sent_at > self.cut_at {
                self.window = (self.window / 2.0).max(BATCH);
                self.cut_at = now;
            }
        } else if load > 1.0 && outcome.sent_at > self.cut_at {
            self.cut(now, 0.0, DOWN.min(1.0 / load));
        } else if was_full && now >= self.calm_until {
            self.window = (self.window + BATCH * outcome.accepted / self.window).min(MAX_WINDOW);
        }
    }

    fn refused(&mut self, now: f64, outcome: &Outcome) {
        let asked = outcome.retry_after.unwrap_or(DEFAULT_HOLD);
        let is_part = outcome.throttled < outcome.accepted;
        if outcome.sent_at <= self.cut_at {
            // Its like has been heard. Only if all has stopped, it stops for longer.
            if self.held_until > now && !is_part {
                self.hold(now + asked);
            }
            return;
        }
        self.refused += outcome.throttled;
        // Where it takes the greater part, a slower pace is all that it asks for.
        let is_content = self.rate.is_some() && asked <= SHORT && self.refused < self.recent().1;
        let hold = if is_part || is_content { 0.0 } else { asked };
        self.hold(now + hold);
        self.cut(now, hold, if hold > 0.0 { FAR_DOWN } else { DOWN });
    }

    /// What was let through was given up, or need not have been counted.
    pub(super) fn give_back(&mut self, now: f64, units: f64) {
        self.in_flight = (self.in_flight - units).max(0.0);
        self.last_traffic = now;
    }

    /// It cost so many units more than was thought.
    pub(super) fn charge(&mut self, units: f64) {
        if let Some(rate) = self.rate() {
            // A minute's debt at the most, whatever an answer says that it cost.
            self.tokens = (self.tokens - units).max(-DEEPEST_DEBT * rate);
        }
    }

    /// Lets nothing through before then.
    pub(super) fn hold(&mut self, until: f64) {
        self.held_until = self.held_until.max(until);
    }

    /// In units a second, if a limit is known.
    pub(super) fn rate(&self) -> Option<f64> {
        match (self.rate, self.max_rate) {
            (Some(rate), Some(max)) => Some(rate.min(max)),
            (rate, max) => rate.or(max),
        }
    }

    pub(super) fn window(&self) -> f64 {
        self.window
    }

    pub(super) fn in_flight(&self) -> f64 {
        self.in_flight
    }

    pub(super) fn held_for(&self, now: f64) -> f64 {
        (self.held_until - now).max(0.0)
    }

    fn burst(&self, rate: f64) -> f64 {
        BATCH.max(rate * BURST_SECONDS)
    }

    /// Lets time pass.
    fn fill(&mut self, now: f64) {
        let passed = now - self.filled_at.max(self.held_until.min(now));
        self.filled_at = self.filled_at.max(now);
        let Some(rate) = self.rate() else {
            return;
        };
        if passed <= 0.0 {
            return;
        }
        let full = self.burst(rate);
        let filled = self.tokens + rate * passed;
        // A rate that is not made use of proves nothing.
        if filled < full + BATCH && now >= self.calm_until {
            self.grow(passed);
        }
        self.tokens = filled.min(full);
    }

    fn grow(&mut self, passed: f64) {
        if let Some(rate) = &mut self.rate {
            self.age += passed;
            let grown = self.peak * (1.0 + self.growth * (self.age - self.back).powi(3));
            *rate = rate.max(grown.min(*rate * (1.0 + FASTEST_GROWTH * passed)));
        }
    }

    /// Goes slower: at most at the rate that was got through, and at a share of the rate until now.
    fn cut(&mut self, now: f64, hold: f64, share: f64) {
        let (since, accepted) = self.recent();
        let during = now - since;
        let measured = (accepted / (during + hold).max(0.1)).max(MIN_RATE);
        let start = match self.rate() {
            // What was taken at first may be what had been saved up; it may also have been too little.
            None => {
                let start = measured.max(FIRST_RATE);
                self.peak = (accepted / during.max(0.1)).clamp(start / 0.9, start * 2.0);
                start
            }
            Some(rate) if during < 1.0 => {
                // Too short to have measured anything.
                self.peak = rate;
                (rate * share).max(MIN_RATE)
            }
            Some(rate) => {
                let peak = rate.min(measured.max(rate / 2.0));
                let is_same = (peak - self.peak).abs() <= SAME * self.peak;
                self.growth = if is_same { (self.growth * SURER).max(LEAST_GROWTH) } else { FIRST_GROWTH };
                self.peak = peak;
                (self.peak * share).max(MIN_RATE)
            }
        };
        self.rate = Some(start);
        self.age = 0.0;
        self.back = ((1.0 - start / self.peak).max(0.0) / self.growth).cbrt();
        // While it is left alone the service has room again.
        self.tokens = if hold > 0.0 { BATCH.min(start * hold) } else { self.tokens.min(0.0) };
        self.filled_at = now;
        let on_the_way = self.peak * self.latency * 2.0;
        self.window = (self.window * 0.7).max(on_the_way).clamp(BATCH, MAX_WINDOW);
        self.cut_at = now;
        self.measure_from(now + hold);
    }

    /// Since when, and how much was accepted since.
    fn recent(&self) -> (f64, f64) {
        let (since, earlier) = self.before.unwrap_or((self.since, 0.0));
        (since, earlier + self.accepted)
    }

    /// Forgets what was accepted before.
    fn measure_from(&mut self, since: f64) {
        (self.since, self.before, self.accepted, self.refused) = (since, None, 0.0, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn outcome() -> impl Strategy<Value = Outcome> {
        (
            0.0..40.0_f64,
            0.0..40.0_f64,
            prop::option::of(0.0..90_000.0_f64),
            prop::option::of(0.0..1_000.0_f64),
            any::<bool>(),
        )
            .prop_map(|(accepted, throttled, retry_after, load, overloaded)| Outcome {
                sent_at: 0.0,
                accepted,
                throttled,
                retry_after,
                load,
                overloaded,
            })
    }

    proptest! {
        /// Whatever the service says: the numbers stay sound, and after the wait that is told something passes.
        #[test]
        fn it_never_stands_still(
            outcomes in prop::collection::vec((outcome(), 0.0..20.0_f64, 1.0..21.0_f64), 1..60),
            max_rate in prop::option::of(0.001..1_000.0_f64),
        ) {
            let mut lane = Lane::new(max_rate);
            let mut now = 0.0;
            for (outcome, passed, units) in outcomes {
                let units = units.floor();
                let mut tries = 0;
                while let Err(wait) = lane.take(now, units) {
                    match wait {
                        Wait::Held(seconds) | Wait::For(seconds) => {
                            prop_assert!(seconds.is_finite() && seconds > 0.0, "{wait:?}");
                            now += seconds.max(0.001);
                        }
                        Wait::ForRoom => prop_assert!(false, "nothing is under way"),
                    }
                    tries += 1;
                    prop_assert!(tries < 100, "{lane:?}");
                }
                let sent_at = now;
                now += passed;
                lane.settle(now, units, &Outcome { sent_at, ..outcome });
                prop_assert_eq!(lane.in_flight(), 0.0);
                prop_assert!(lane.window() >= BATCH && lane.window() <= MAX_WINDOW);
                let least = max_rate.unwrap_or(MIN_RATE).min(MIN_RATE);
                prop_assert!(lane.rate().is_none_or(|rate| rate.is_finite() && rate >= least), "{lane:?}");
            }
        }
    }
}
