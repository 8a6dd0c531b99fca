//! Plan and apply, between stores in memory.

mod apply;
mod both_ways;
mod cancelled;
mod corners;
pub(crate) mod crash;
#[cfg(unix)]
mod disks;
mod doubts;
mod explained;
mod faults;
mod flow_types;
mod guards;
mod hidden;
mod histories;
mod incremental;
mod incremental_org;
mod incremental_random;
mod incremental_seen;
mod journal_cost;
mod lease;
mod leavers;
mod licenses;
mod matching;
mod order;
pub(crate) mod org;
mod policy;
mod presets;
#[cfg(unix)]
mod processes;
mod quarantine;
mod random;
mod random_org;
mod reads;
mod references;
mod referents;
mod render;
mod retire;
mod scoping;
mod seats;
mod spy;
mod state_files;
mod switches;
mod traced;
mod tracked;
mod truth_table;
mod unique_value;
pub(crate) mod world;
