//! Plan and apply, between stores in memory.

mod apply;
mod corners;
pub(crate) mod crash;
mod doubts;
mod explained;
mod faults;
mod guards;
mod hidden;
mod leavers;
mod licenses;
mod matching;
mod order;
pub(crate) mod org;
mod random;
mod random_org;
mod reads;
mod references;
mod referents;
mod render;
mod scoping;
mod seats;
mod spy;
mod unique_value;
pub(crate) mod world;
