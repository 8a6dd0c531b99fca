//! A typed client for the part of Microsoft Graph that provisioning needs.
//!
//! [`GraphClient`] authenticates, repeats what may be repeated, and keeps the token to the configured host. Typed
//! resources hang on it ([`users`](GraphClient::users), [`deleted_items`](GraphClient::deleted_items),
//! [`organization`](GraphClient::organization), [`domains`](GraphClient::domains)); [`batch`](GraphClient::batch)
//! sends many requests in few, and [`request`](GraphClient::request) reaches the rest of Graph. Failures keep what
//! Graph said; [`GraphClass`] says what it means.

mod batch;
mod class;
mod client;
mod directory;
mod error;
mod page;
mod request;
mod send;
mod users;

pub use batch::{BatchRequest, BatchResponse};
pub use class::GraphClass;
pub use client::{GraphClient, GraphClientBuilder};
pub use directory::{DeletedItems, Domain, Organization, VerifiedDomain};
pub use page::{List, Page};
pub use request::Call;
pub use users::{User, UserId, Users};
