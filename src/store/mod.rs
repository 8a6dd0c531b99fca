//! The traits that a host implements to bring its own store, and reference implementations in memory.
//!
//! [`Source`] is read, [`Target`] is read and written, [`State`] holds what a job remembers, [`PasswordSink`] takes
//! initial passwords. Each sentence of their contracts has a case in the conformance suites (feature `testing`).
//!
//! Where a trait has `async` methods, an implementation says [`#[async_trait]`](macro@crate::async_trait) above its `impl`, and
//! writes them as `async fn`. [`Read::whole`] makes the shortest source there is; `examples/own_store.rs` is a table in
//! SQLite that is read and written.

mod by_class;
pub(crate) mod check;
pub(crate) mod elements;
mod feed;
mod heed;
mod holders;
mod memory;
mod memory_state;
mod objects;
mod passwords;
mod source;
mod state;
mod target;

pub use by_class::ByClass;
#[doc(no_inline)]
pub use futures::stream::BoxStream;
pub(crate) use heed::heeded;
pub use memory::{MemoryStore, WriteFault};
pub use memory_state::MemoryState;
#[cfg(feature = "redb")]
pub(crate) use memory_state::{fences_used_up, lease_end, lease_lost};
pub use passwords::{InitialPassword, PasswordSink};
pub(crate) use source::ended;
pub use source::{Access, Capabilities, Cursor, GetSupport, Lookup, Query, Read, Source, SourceExt};
pub use state::{Batch, Lease, State, StateOperation, Table};
pub use target::Target;
