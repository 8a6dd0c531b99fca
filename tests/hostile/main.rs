//! Answers, networks and disks as nobody expects them.

mod answers;
mod disks;
mod imports;
mod links;
mod mutation;
mod outages;
mod sign_in;
#[cfg(feature = "reqwest")]
mod socket;
mod world;

/// How many cases of a kind are tried: all of them if the environment says so, or as many as it says.
fn cases(all: usize) -> impl Iterator<Item = usize> {
    const FEW: usize = 150;
    let wanted = match std::env::var("HOSTILE_CASES").ok().as_deref() {
        Some("all") => all,
        Some(number) => number.parse().expect("HOSTILE_CASES is a number, or all"),
        None => FEW,
    };
    // Evenly over all, and not at the same place of each answer.
    let stride = (all / wanted.max(1)).max(1);
    let offset = std::env::var("HOSTILE_OFFSET").ok().map_or(0, |text| text.parse().expect("a number"));
    (0..all).skip(offset % stride).step_by(stride)
}
