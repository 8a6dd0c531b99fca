//! Random numbers that are the same for the same seed, and that nobody can guess without it.

use hmac_sha256::HMAC;

use super::context::Seed;

/// HMAC-SHA-256 in counter mode.
#[derive(Debug)]
pub(super) struct Random {
    seed: Seed,
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl Random {
    pub(super) fn new(seed: Seed) -> Self {
        Self { seed, counter: 0, block: [0; 32], used: 32 }
    }

    pub(super) fn byte(&mut self) -> u8 {
        if self.used == self.block.len() {
            self.block = HMAC::mac(self.counter.to_be_bytes(), self.seed.0);
            self.counter += 1;
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    /// A number below a limit of 1 to 256, each as likely as any other.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        // What lies past the last whole multiple is drawn again.
        let whole = 256 - 256 % limit.clamp(1, 256);
        loop {
            let drawn = usize::from(self.byte());
            if drawn < whole {
                return drawn % limit.clamp(1, 256);
            }
        }
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        match from.is_empty() {
            true => None,
            false => from.get(self.below(from.len())).copied(),
        }
    }

    /// Puts up to 256 things into any order.
    pub(super) fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            let other = self.below(last + 1);
            things.swap(last, other);
        }
    }
}
