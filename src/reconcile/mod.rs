//! From two sides to a plan: who is whom, what that means, what is to be done about it.
//!
//! Pure: no input or output, no clock, no randomness. The same inputs give the same plan, byte for byte.

mod assess;
mod bucket;
mod case;
mod choose;
mod conceal;
mod conflict;
mod constraints;
mod correlate;
mod decide;
mod doubt;
mod elements;
mod entry;
mod found;
mod given;
mod growing;
mod guard;
mod heirs;
mod holds;
mod inputs;
mod json_lines;
mod leavers;
mod license_policy;
mod licenses;
mod link;
mod order;
mod partial;
mod plan;
mod planner;
mod policy;
#[cfg(test)]
mod policy_table;
mod preferences;
mod presets;
mod problem;
mod products;
mod references;
pub(crate) mod render;
mod seats;
mod set;
mod situation;
mod unique;
mod watch;

pub use bucket::Bucket;
pub use constraints::{Constraints, Draft, DraftStep, Finding, FindingKind, NoConstraints};
pub use entry::{AttributeChange, Edge, EdgeKind, Entry, EntryKey, Evidence, KeyEnd, LinkNote, SecretChange};
pub use guard::{Breach, Effects, Guard, Guards, breaches};
pub use license_policy::{LicenseRemoval, Licenses, Managed};
pub use link::{Link, LinkEnd, LinkIndex, LinkOrigin, Linked};
pub use plan::{Plan, SideRead};
pub use policy::{Policy, When, Winner};
pub use preferences::{Enable, Leaver, Preferences, days};
pub use presets::{PingOne, RemoveAction, Zoho};
pub use problem::{Problem, Severity};
pub use products::{Product, ProductPlan, Products};
pub use set::{Element, SetChange, SetKind};
pub use situation::{Action, Situation};

pub(crate) use case::Extent;
pub(crate) use conceal::Hidden;
pub(crate) use decide::write_only_digest;
pub(crate) use doubt::is_made_by;
pub(crate) use found::element_basis;
pub(crate) use given::Given;
pub(crate) use holds::{Hold, Holds, Lane};
pub(crate) use inputs::{Abilities, Answer, Answers, InDoubt, Inputs, Questions, Side};
pub(crate) use link::AtTarget;
pub(crate) use order::{Part, edge_parts, waves};
pub(crate) use plan::{Bookmark, Header};
pub(crate) use planner::{Planner, plan, schema_drift};
pub(crate) use policy::Pair;
pub(crate) use set::element_key;
pub(crate) use watch::Watch;
