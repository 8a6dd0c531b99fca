//! Whole provisionings in virtual time, in which everything fails that can: processes die at any moment, answers are
//! lost, the service is throttled or down, replicas lag, clocks are set, administrators work by hand. In the end the
//! tenant must be as HR says, and nothing may have been lost, doubled, or taken away that was not the job's to take.
//!
//! A history is drawn from its seed, and is the same each time.
//!
//! ```sh
//! cargo run --release --example fault_histories -- --seeds 0..1000
//! cargo run --example fault_histories -- --seeds 17..18 --show
//! ```

#[path = "../common/mod.rs"]
mod common;

mod administrator;
mod chance;
mod company;
mod fate;
mod history;
mod oracles;
mod timeline;
mod watch;
mod witness;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use clap::Parser;
use history::{Told, tell};
use witness::Wrong;

/// Every so many histories are told twice, and must be the same.
const TWICE: u64 = 25;

/// Tells histories full of faults, drawn from seeds, and checks how each ends
#[derive(Debug, Parser)]
struct Flags {
    /// Which seeds: from A to below B
    #[arg(long, value_name = "A..B", value_parser = parse_seeds)]
    seeds: Range<u64>,
    /// How many people HR begins with
    #[arg(long, value_name = "N", default_value_t = 50)]
    users: usize,
    /// Print all that happened, a line each (for few seeds)
    #[arg(long)]
    show: bool,
}

fn parse_seeds(text: &str) -> Result<Range<u64>, String> {
    let parsed = text.split_once("..").and_then(|(from, to)| Some(from.trim().parse().ok()?..to.trim().parse().ok()?));
    match parsed {
        Some(seeds) if seeds.start < seeds.end => Ok(seeds),
        _ => Err("give two numbers, the smaller first, such as 0..100".to_owned()),
    }
}

fn main() -> ExitCode {
    let flags: Flags = match common::flags() {
        Ok(flags) => flags,
        Err(code) => return code,
    };
    let next = AtomicU64::new(flags.seeds.start);
    let results = Mutex::new((0_u64, 0_u64, 0_u64, 0_usize));
    let threads = if flags.show { 1 } else { std::thread::available_parallelism().map_or(1, usize::from) };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= flags.seeds.end {
                        return;
                    }
                    let told = told_safely(seed, flags.users);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    print_history(seed, &flags, &told);
                    match told.wrongs.is_empty() {
                        true => results.0 += 1,
                        false => results.1 += 1,
                    }
                    results.2 ^= u64::from_str_radix(&told.digest, 16).unwrap_or_default();
                    results.3 += told.writes;
                }
            });
        }
    });
    let (passed, failed, digest, writes) = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{writes} writes in all; digest of all histories {digest:016x}");
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn told_safely(seed: u64, users: usize) -> Told {
    let told = catch_unwind(AssertUnwindSafe(|| {
        let mut told = tell(seed, users);
        if seed.is_multiple_of(TWICE) {
            let again = tell(seed, users);
            if let Some(at) = (0..told.lines.len()).find(|at| again.lines.get(*at) != told.lines.get(*at)) {
                let why = format!("told twice, it differs from line {at} on: {}", told.lines[at]);
                told.wrongs.push(Wrong { oracle: "same-history", why });
            }
        }
        told
    }));
    told.unwrap_or_else(|_| {
        let wrong = Wrong { oracle: "no-panic", why: "it panicked; see above".to_owned() };
        Told { wrongs: vec![wrong], lines: Vec::new(), digest: String::new(), writes: 0 }
    })
}

fn print_history(seed: u64, flags: &Flags, told: &Told) {
    if flags.show {
        told.lines.iter().for_each(|line| println!("{line}"));
        println!("digest {}", told.digest);
    }
    if let Some(first) = told.wrongs.first() {
        let more = told.wrongs.len() - 1;
        let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
        println!(
            "seed {seed} failed: {}: {}{more}; again: --seeds {seed}..{} --users {} --show",
            first.oracle,
            first.why,
            seed + 1,
            flags.users
        );
    }
}
