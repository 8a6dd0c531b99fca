//! Faults at random, drawn from a seed.

use std::time::Duration;

use super::fault::{FaultKind, Strike};
use crate::sim::seed::Seeded;

/// Draws whether a fault strikes, and which.
#[derive(Debug, Clone)]
pub(crate) struct BadLuck {
    chance: Seeded,
    /// Of 2^53 draws so many strike.
    threshold: u64,
}

const DRAWS: u64 = 1 << 53;
/// A slow answer comes at most so much later.
const SLOWEST_MILLIS: usize = 1_500;

impl BadLuck {
    /// Strikes this share of requests, 0 to 1.
    pub(crate) fn new(seed: u64, rate: f64) -> Self {
        let rate = if rate.is_nan() { 0.0 } else { rate.clamp(0.0, 1.0) };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "it is between 0 and 2^53"
        )]
        let threshold = (rate * DRAWS as f64) as u64;
        Self { chance: Seeded::new(seed, 4), threshold }
    }

    /// The fault that strikes the next request, if one does.
    pub(crate) fn strike(&mut self, method: &str) -> Option<Strike> {
        // What is drawn does not depend on whether it strikes, so that another rate strikes the same way.
        let (draw, kind, wait) =
            (self.chance.next() >> 11, self.chance.below(KINDS), self.chance.below(SLOWEST_MILLIS));
        if draw >= self.threshold {
            return None;
        }
        let wait = Duration::from_millis(u64::try_from(wait).unwrap_or_default());
        let is_write = method != "GET";
        let (kind, carried_out) = match kind {
            0 => (FaultKind::Drop, false),
            1 => (FaultKind::Drop, true),
            2 => (FaultKind::Throttle(Some("1".to_owned())), false),
            3 => (FaultKind::Throttle(Some(format!("{:.3}", wait.as_secs_f64()))), false),
            4 => (FaultKind::Throttle(None), false),
            5 => (FaultKind::Status(500), false),
            6 => (FaultKind::Status(503), false),
            7 => (FaultKind::Status(504), false),
            8 => (FaultKind::Status(504), true),
            9 if is_write => (FaultKind::Status(409), false),
            10 => (FaultKind::TruncatedBody, true),
            11 => (FaultKind::GarbageBody, true),
            _ => (FaultKind::Slow(wait), true),
        };
        Some(Strike { kind, carried_out })
    }
}

const KINDS: usize = 13;

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64, rate: f64) -> Vec<Option<FaultKind>> {
        let mut luck = BadLuck::new(seed, rate);
        (0..2_000).map(|_| luck.strike("POST").map(|strike| strike.kind)).collect()
    }

    #[test]
    fn a_seed_and_a_rate_say_what_strikes() {
        assert_eq!(drawn(7, 0.1), drawn(7, 0.1));
        assert_ne!(drawn(7, 0.1), drawn(8, 0.1));
        let strikes = |rate| drawn(7, rate).iter().filter(|fault| fault.is_some()).count();
        assert_eq!((strikes(0.0), strikes(f64::NAN), strikes(1.0), strikes(9.0)), (0, 0, 2_000, 2_000));
        assert!((150..250).contains(&strikes(0.1)), "{}", strikes(0.1));
        let (few, all) = (drawn(7, 0.1), drawn(7, 1.0));
        assert!(few.iter().zip(&all).all(|(few, all)| few.is_none() || few == all));
    }

    #[test]
    fn every_kind_comes() {
        let all = drawn(1, 1.0);
        let has = |wanted: fn(&FaultKind) -> bool| all.iter().flatten().any(wanted);
        assert!(has(|kind| *kind == FaultKind::Drop));
        assert!(has(|kind| *kind == FaultKind::Throttle(None)));
        assert!(has(|kind| matches!(kind, FaultKind::Throttle(Some(text)) if text.contains('.'))));
        for status in [409, 500, 503, 504] {
            assert!(all.contains(&Some(FaultKind::Status(status))), "{status}");
        }
        assert!(has(|kind| *kind == FaultKind::TruncatedBody) && has(|kind| *kind == FaultKind::GarbageBody));
        assert!(has(|kind| matches!(kind, FaultKind::Slow(_))));
        let mut luck = BadLuck::new(1, 1.0);
        let reads: Vec<_> = (0..2_000).filter_map(|_| luck.strike("GET")).collect();
        assert!(reads.iter().all(|strike| strike.kind != FaultKind::Status(409)), "reads do not collide");
    }
}
