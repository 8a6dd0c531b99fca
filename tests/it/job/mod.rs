//! Plan and apply, between stores in memory.

mod apply;
mod crash;
mod leavers;
mod matching;
mod random;
mod reads;
mod render;
pub(crate) mod world;
