//! Plan and apply, between stores in memory.

mod apply;
pub(crate) mod crash;
mod leavers;
mod matching;
mod random;
mod reads;
mod render;
mod review;
pub(crate) mod world;
