//! Plan and apply, between stores in memory.

mod apply;
mod corners;
pub(crate) mod crash;
mod doubts;
mod leavers;
mod licenses;
mod matching;
mod order;
pub(crate) mod org;
mod random;
mod reads;
mod references;
mod render;
pub(crate) mod world;
