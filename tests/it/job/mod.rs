//! Plan and apply, between stores in memory.

mod apply;
mod corners;
pub(crate) mod crash;
mod doubts;
mod faults;
mod flow_types;
mod guards;
mod leavers;
mod licenses;
mod matching;
mod order;
pub(crate) mod org;
mod policy;
mod presets;
mod random;
mod random_org;
mod reads;
mod references;
mod referents;
mod render;
mod retire;
mod seats;
mod spy;
pub(crate) mod world;
