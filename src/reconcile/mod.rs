//! From two sides to a plan: who is whom, what that means, what is to be done about it.
//!
//! Pure: no input or output, no clock, no randomness. The same inputs give the same plan, byte for byte.
//!
//! `reading` looks at what comes, `find` says who is whom, `decide` and `elements` what is to be done, by what the host
//! says in `policy`. What comes of it is a `plan`, which `render` shows; `planner` is the way from the first to the last.

mod decide;
mod elements;
mod find;
mod plan;
mod planner;
mod policy;
mod reading;
pub(crate) mod render;

pub use crate::digest::Digest;
pub use decide::agreed::Agreed;
pub use decide::constraints::{Constraints, Draft, DraftStep, Finding, FindingKind};
pub use decide::guard::{Breach, Effects, Guard, Guards};
pub use elements::products::{Product, ProductPlan, Products};
pub use find::link::{Link, LinkEnd, LinkOrigin};
pub use plan::bucket::Bucket;
pub use plan::digests::Digests;
pub use plan::entry::{AttributeChange, Edge, EdgeKind, Entry, EntryKey, Evidence, KeyEnd, LinkNote, SecretChange};
pub use plan::problem::{Problem, Severity};
pub use plan::set::{Element, SetChange, SetKind};
pub use plan::value::{Plan, SideRead};
pub use policy::licenses::{LicenseRemoval, Licenses, Managed};
pub use policy::preferences::{Enable, Leaver, Preferences, days};
pub use policy::presets::{PingOne, RemoveAction, Zoho};
pub use policy::rules::{Policy, When, Winner};
pub use policy::situation::{Action, Situation};

pub(crate) use decide::agreed::{CarriedBack, Carrier, Switch, agree, agree_on_written};
pub(crate) use decide::constraints::NoConstraints;
pub(crate) use decide::entries::write_only_digest;
pub(crate) use decide::guard::breaches;
pub(crate) use decide::holds::{Hold, Holds, Lane};
pub(crate) use elements::found::element_basis;
pub(crate) use elements::given::{Given, Giving};
pub(crate) use find::case::Extent;
pub(crate) use find::doubt::is_made_by;
pub(crate) use find::link::{AtTarget, LinkIndex, Linked};
pub(crate) use plan::conceal::Hidden;
pub(crate) use plan::order::{Part, edge_parts, waves};
pub(crate) use plan::set::element_key;
pub(crate) use plan::value::{Bookmark, Header};
pub(crate) use planner::{Planner, plan, schema_drift};
pub(crate) use policy::rules::Pair;
pub(crate) use reading::inputs::{Abilities, Answer, Answers, InDoubt, Inputs, Questions, Side};
pub(crate) use reading::pairs::{Pairs, Reading};
pub(crate) use reading::watch::Watch;
