//! A tenant to work with: where it is, who we are there, whether it answers.
//!
//! A [`Connection`] is settings and, in memory only, a credential; it is stored without its secrets. Its
//! [`check`](Connection::check) shows stage by stage whether the tenant can be worked with; nothing is written through
//! a connection whose check has not passed.

mod check;
mod settings;

pub use check::{Check, Stage, StageName, StageOutcome, TenantFacts};
pub use settings::{Connection, ConnectionBuilder, CredentialKind};
