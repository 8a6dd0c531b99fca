//! A tenant to work with: where it is, who we are there, whether it answers.
//!
//! A [`Connection`] is settings and, in memory only, a credential; it is stored without its secrets, and loaded as a
//! [`StoredConnection`], which may be of an older shape. Its [`check`](Connection::check) shows stage by stage whether the
//! tenant can be worked with, and what is missing for what the connection is for ([`Operations`]); nothing is written
//! through a connection that is switched off or whose check has not passed. [`preview`](Connection::preview) shows some
//! of its accounts. A [`Setup`] registers the application that a connection signs in as.
//!
//! Who may make, change and use connections is the host's to decide and to enforce: whoever holds a [`Connection`] with
//! its credential can do all that the application can. As a rule that is for the owners and administrators of the host's
//! organisation only.

mod access;
mod builder;
mod check;
mod checking;
mod kind;
mod operation;
mod patience;
mod permissions;
mod preview;
mod settings;
mod setup;
mod stored;

pub use builder::ConnectionBuilder;
pub use check::{ApplicationFacts, Check, GroupAccess, LicenseFacts, Stage, StageName, StageOutcome, TenantFacts};
pub use kind::{ConnectionStatus, CredentialKind};
pub use operation::{Operation, OperationGroup, Operations};
pub use permissions::{DirectoryRole, Permissions, Roles};
pub use preview::{Preview, RemoteAccount};
pub use settings::Connection;
pub use setup::{Made, PlannedStep, Setup, SetupFailure, SetupPlan, SetupReport, SetupStep, StepKind};
pub use stored::{OutdatedConnection, StoredConnection};
