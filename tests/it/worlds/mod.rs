//! Random worlds: whatever two stores hold, whoever else changes them, and however badly they can be read.
//!
//! `PROPTEST_CASES=5000 cargo test --test it worlds::` runs them long. What failed once is run first by the next run;
//! `PROPTEST_RNG_SEED` repeats a whole run.

mod cut;
mod drawn;
mod found;
mod judge;
mod opposite;
mod runs;
mod tenant;
mod watched;
