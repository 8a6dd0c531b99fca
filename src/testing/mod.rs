//! Conformance suites for hosts' own implementations. Exempt from SemVer.
//!
//! Each sentence of the contracts of [`Source`](crate::store::Source), [`Target`](crate::store::Target),
//! [`State`](crate::store::State) and [`PasswordSink`](crate::store::PasswordSink) that can be seen from outside has a
//! case here. A suite answers with the first sentence that does not hold. The stores of the crate pass them all.
//!
//! # Examples
//!
//! ```
//! use entrant::{store::MemoryStore, testing};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), testing::Violation> {
//! testing::source_suite(async |records| MemoryStore::new("hr").with_records(records)).await
//! # }
//! ```

mod changes;
mod passwords;
mod source;
mod state;
mod target;
mod violation;

pub use changes::{Edit, changes_suite};
pub use passwords::password_sink_suite;
pub use source::{records_suite, source_suite};
pub use state::state_suite;
pub use target::{Sample, target_suite};
pub use violation::Violation;
