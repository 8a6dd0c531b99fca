//! A simulated tenant: Microsoft Graph and its sign-in, in process or on a socket.
//!
//! A [`Sim`] answers as a tenant would, so that a client, a mapping or a whole provisioning run is tested without one:
//! through a [`Transport`](crate::http::Transport) without any network ([`Sim::transport`]), or over HTTP
//! (`Sim::serve`, feature `sim-server`) for programs in any language.
//!
//! ```
//! # use entrant::sim::Sim;
//! # futures::executor::block_on(async {
//! use entrant::http::Transport;
//!
//! let sim = Sim::builder().domain("contoso.com").users(3).build();
//! let request = http::Request::get(format!("{}v1.0/users?$select=id", sim.origin()))
//!     .header("Authorization", format!("Bearer {}", sim.token().expose()))
//!     .body(bytes::Bytes::new())?;
//! let answer = sim.transport().send(request).await?;
//! assert_eq!(answer.status(), 200);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # What it imitates
//!
//! - Sign-in: the token endpoint for `client_credentials` with a client secret, the discovery document, and their
//!   refusals with AADSTS numbers. Tokens have the form of a JWT and are not signed.
//! - Users: create, read by id or user principal name, list, change, delete; the recycle bin with restore and final
//!   deletion; what is required, read-only, too long, taken, or of an unverified domain is refused with Graph's words.
//! - Lists: pages with `@odata.nextLink`, `$select`, `$top`, `$count`, `$filter` with `eq`, `ne`, `in`, `startswith`,
//!   `and`, `or`, `not`, brackets. What else is asked for is refused, never ignored.
//! - `organization`, `domains`, and `$batch` with `dependsOn`, whose answers come in any order.
//! - Directory lag: a new user is not found, a changed one shows its old values, for as long as the tenant is told; names
//!   are taken at once.
//! - Faults by script: [`Fault`].
//!
//! # What it does not imitate
//!
//! Groups, licences, applications, managers, directory extensions, `delta`, `$orderby`, `$search`, `$expand`,
//! `any(…)`, permissions and roles (its application may do everything here), throttling by load, certificates, and
//! services beside the directory. Addresses of those are answered as unknown ones. Ids, tokens and the order of a batch's
//! answers are derived from a seed: the same calls give the same answers.

mod answer;
mod audit;
mod batch;
mod builder;
mod directory;
mod fault;
mod filter;
mod login;
mod people;
mod property;
mod query;
mod routes;
mod seed;
#[cfg(feature = "sim-server")]
mod server;
mod state;
mod tenant;
mod user;
mod values;
mod write;

pub use audit::{Activity, AuditEntry, Requests};
pub use builder::SimBuilder;
pub use fault::Fault;
#[cfg(feature = "sim-server")]
#[cfg_attr(docsrs, doc(cfg(feature = "sim-server")))]
pub use server::SimServer;
pub use tenant::Sim;
