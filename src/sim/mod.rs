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
//!   Managers and direct reports.
//! - Groups of every kind, with what can be written of which; members and owners, nested too, with the errors of links;
//!   upsert by `uniqueName`; `memberOf`, `getMemberGroups` and their kin; `getByIds`.
//! - Licences: SKUs with seats, plans that need or exclude others ([`Sku`]), assigned to users and inherited from groups.
//!   What is inherited is worked out at once; seats that become free later are not given to those who wait.
//! - Lists: pages with `@odata.nextLink`, `$select`, `$top`, `$count`, `$expand=manager`, `$filter` with `eq`, `ne`, `in`,
//!   `startswith`, `any(…)`, `and`, `or`, `not`, brackets. What else is asked for is refused, never ignored.
//! - `organization`, `domains`, `subscribedSkus`, role assignments (to read), and `$batch` with `dependsOn`, whose answers
//!   come in any order.
//! - Permissions and directory roles of the application: what it lacks answers 403.
//! - Directory lag: a new object is not found, a changed one shows its old values, links to it are refused, for as long as
//!   the tenant is told; names are taken at once, and so are links.
//! - Faults by script: [`Fault`].
//!
//! # What it does not imitate
//!
//! Applications, directory extensions, `delta`, `$orderby`, `$search`, rules of dynamic groups, custom roles,
//! `hasMembersWithLicenseErrors`, throttling by load, certificates, and services beside the directory. Addresses of those
//! are answered as unknown ones. Ids, tokens and the order of a batch's answers are derived from a seed: the same calls
//! give the same answers.
//!
//! Where Microsoft says nothing, this holds: a deleted user's links are hidden and come back with it; a user
//! may be its own manager; a cast in a list of links needs no `ConsistencyLevel`, a `$filter` there does.

mod admin;
mod answer;
mod application;
mod apps;
mod audit;
mod bad_luck;
mod batch;
mod bin;
mod builder;
mod delta;
mod delta_token;
mod directory;
mod dispatch;
mod expand;
mod fault;
mod filter;
mod filter_any;
mod filter_parse;
mod group;
mod group_property;
mod group_write;
mod groups;
mod invitation;
mod license;
mod license_write;
mod link;
mod list;
mod login;
mod manager;
mod member_of;
mod membership;
mod object;
mod order;
mod organization;
mod property;
mod query;
mod role;
mod routes;
mod search;
mod seed;
#[cfg(feature = "sim-server")]
mod server;
mod shelf;
mod sku;
mod state;
mod stored;
mod tenant;
mod throttle;
#[cfg(feature = "sim-server")]
mod tls;
mod user;
mod values;
mod write;

pub use audit::{Activity, AuditEntry, Requests};
pub use builder::SimBuilder;
pub use delta::DeltaQuirks;
pub use fault::Fault;
#[cfg(feature = "sim-server")]
#[cfg_attr(docsrs, doc(cfg(feature = "sim-server")))]
pub use server::SimServer;
pub use sku::{ServicePlan, Sku};
pub use tenant::Sim;
pub use throttle::GraphLimits;
