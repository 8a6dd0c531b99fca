//! Plan and apply, between stores in memory.

mod apply;
mod corners;
pub(crate) mod crash;
mod leavers;
mod matching;
mod random;
mod reads;
mod render;
pub(crate) mod world;
