//! How much work one evaluation may still do.

use std::cell::Cell;

/// A budget of steps. A step is a byte of text that is made, or an instruction of a regular expression: some
/// nanoseconds.
#[derive(Debug)]
pub(crate) struct Fuel(Cell<usize>);

/// The budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Fuel {
    /// What one evaluation gets: enough for any directory attribute, and over in a few milliseconds.
    pub(crate) const STEPS: usize = 1_000_000;

    pub(crate) fn full() -> Self {
        Self(Cell::new(Self::STEPS))
    }

    /// How much of it is left.
    pub(crate) fn left(&self) -> usize {
        self.0.get()
    }

    #[inline]
    pub(crate) fn burn(&self, steps: usize) -> Result<(), Exhausted> {
        match self.0.get().checked_sub(steps) {
            Some(left) => {
                self.0.set(left);
                Ok(())
            }
            None => {
                self.0.set(0);
                Err(Exhausted)
            }
        }
    }
}
