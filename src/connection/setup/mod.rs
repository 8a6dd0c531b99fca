//! Registering the application that a connection signs in as.
//!
//! A [`Setup`] says what there should be: an application by a name, the permissions and directory roles that its work
//! takes, a credential. [`Setup::plan`] compares with what is there and writes nothing; [`Setup::apply`] makes what is
//! missing, and can be run again at any time. What it takes more rights for than the caller has is left for an
//! administrator, with the address of the page. [`Setup::remove`] takes back what was made.

mod apply;
mod look;
mod outcome;
mod plan;
mod remove;
mod want;

pub use outcome::{Made, SetupFailure, SetupReport};
pub use plan::{PlannedStep, SetupPlan, SetupStep, StepKind};
pub use want::Setup;
