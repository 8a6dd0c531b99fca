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
//! # A tenant for a test of your own
//!
//! People, groups and products in a few lines, a fault by script, and a look at what was written:
//!
//! ```
//! # futures::executor::block_on(async {
//! use entrant::http::Transport;
//! use entrant::sim::{Activity, Fault, Sim, Sku};
//! use serde_json::json;
//!
//! let sim = Sim::builder()
//!     .domain("contoso.com")
//!     .sku(Sku::office_e3(25))
//!     .user(json!({"userPrincipalName": "ada@contoso.com", "displayName": "Ada Okafor", "usageLocation": "GB"}))
//!     .group(json!({"displayName": "Engineers", "members": ["ada@contoso.com"], "licenses": ["ENTERPRISEPACK"]}))
//!     .build();
//! assert_eq!(sim.licenses("ada@contoso.com"), ["ENTERPRISEPACK"]);
//!
//! // The first answer to a change is lost, though the change is carried out.
//! sim.fail(Fault::on("PATCH", "/v1.0/users").drop_after());
//! let patch = || {
//!     http::Request::patch(format!("{}v1.0/users/ada@contoso.com", sim.origin()))
//!         .header("Authorization", format!("Bearer {}", sim.token().expose()))
//!         .header("Content-Type", "application/json")
//!         .body(bytes::Bytes::from_static(b"{\"jobTitle\": \"Engineer\"}"))
//! };
//! assert!(sim.transport().send(patch()?).await.is_err());
//! assert_eq!(sim.transport().send(patch()?).await?.status(), 204);
//!
//! let written: Vec<Activity> = sim.audit().iter().map(|entry| entry.activity).collect();
//! assert_eq!(written, [Activity::UpdateUser, Activity::UpdateUser]);
//! assert_eq!(sim.user("ada@contoso.com").expect("there")["jobTitle"], "Engineer");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! The crate's own client, and whatever else takes a [`Cloud`](crate::Cloud) and a transport, is led to it:
//!
//! ```
//! # futures::executor::block_on(async {
//! use entrant::auth::{ClientId, ClientSecret, TenantId};
//! use entrant::graph::GraphClient;
//! use entrant::sim::Sim;
//! use futures::TryStreamExt;
//!
//! let sim = Sim::builder().users(250).build();
//! let (tenant, client) = (TenantId::new(sim.tenant_id())?, ClientId::new(sim.client_id())?);
//! let credential = ClientSecret::new(tenant, client, sim.client_secret());
//! let graph = GraphClient::builder(credential).cloud(sim.cloud()).transport(sim.transport()).build()?;
//! let users: Vec<_> = graph.users().list().items().try_collect().await?;
//! assert_eq!(users.len(), 250);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Dials
//!
//! | what | how |
//! | --- | --- |
//! | what looks random | [`seed`](SimBuilder::seed): the same calls give the same answers |
//! | time | [`clock`](SimBuilder::clock) |
//! | slow answers, late replicas | [`latency`](SimBuilder::latency), [`lag`](SimBuilder::lag), [`lag_of`](SimBuilder::lag_of), [`license_processing`](SimBuilder::license_processing) |
//! | load | [`graph_limits`](SimBuilder::graph_limits), [`write_limit`](SimBuilder::write_limit), [`collisions`](SimBuilder::collisions) |
//! | faults by script, at random | [`Sim::fail`] with a [`Fault`], [`random_faults`](SimBuilder::random_faults) |
//! | what is full, what is recycled | [`object_quota`](SimBuilder::object_quota), [`without_bin_for_security_groups`](SimBuilder::without_bin_for_security_groups) |
//! | pages, `delta` | [`page_size`](SimBuilder::page_size), [`delta`](SimBuilder::delta) |
//! | what expires | [`Sim::expire_tokens`], [`Sim::expire_page_tokens`], [`Sim::expire_delta_links`] |
//! | properties of your own | [`extension`](SimBuilder::extension), [`Sim::define_extension`] |
//! | sign-in | [`Sim::refuse_sign_in`], [`Sim::expire_secret`], [`Sim::withdraw_consent`], [`Sim::challenge_tokens`] |
//! | rights | [`permission`](SimBuilder::permission), [`application_role`](SimBuilder::application_role), [`without_consent`](SimBuilder::without_consent), [`Sim::consent`] |
//! | what is wrong before anything is written | [`clock_ahead`](SimBuilder::clock_ahead), [`secrets_expire`](SimBuilder::secrets_expire), [`lives_in`](SimBuilder::lives_in) |
//!
//! # What it imitates
//!
//! - Sign-in: the token endpoint for applications with a secret, a certificate (assertions are verified by signature and
//!   registration, [`Sim::add_certificate`] or the application's `keyCredentials`) or a token of another issuer
//!   ([`Sim::add_federated_credential`], whose signature is not looked at); for people with the page where they sign in
//!   without a password, authorization codes and PKCE, device codes ([`Sim::approve_device`]) and refresh tokens;
//!   administrators' consent ([`Sim::withdraw_consent`]); managed identities at `/metadata/identity/oauth2/token` and
//!   `/msi/token`; claims challenges ([`Sim::challenge_tokens`]); the discovery documents, and refusals with AADSTS
//!   numbers, of which 50 can be scripted ([`Sim::refuse_sign_in`]). Tokens are signed by the key at `jwks_uri`, which
//!   is a new one in every process.
//! - Users: create, read by id or user principal name, list, change, delete; the recycle bin with restore and final
//!   deletion; what is required, read-only, too long, taken, or of an unverified domain is refused with Graph's words.
//!   Managers and direct reports; guests by invitation, who never accept it; revoked sign-in sessions.
//! - Groups of every kind, with what can be written of which; members and owners, nested too, with the errors of links;
//!   upsert by `uniqueName`; `memberOf`, `getMemberGroups` and their kin; `getByIds`.
//! - Licences: SKUs with seats, plans that need or exclude others ([`Sku`]), assigned to users and inherited from groups.
//!   What is inherited is worked out at once, or after a time in the queue; seats that become free later are not given to those who wait.
//! - Applications and service principals, found by id, `appId` or `uniqueName`, created by key too, with owners; those
//!   that may sign in, and Microsoft Graph with the permissions that it offers, are there. `addPassword` makes up a client
//!   secret, and an application that had none signs in with it; `removePassword` takes it away. Permissions are granted
//!   and withdrawn: a new application can do what it was granted, and nothing else.
//! - Directory extensions of users and groups: defined by an application, then written, selected, filtered and told by
//!   `delta` like any other property, with the type and the limits that they were given.
//! - Lists: pages with `@odata.nextLink`, `$select`, `$top`, `$count`, `$search`, `$orderby`, `$expand` of links and
//!   managers, casts, and `$filter` with `eq`, `ne`, `in`, `ge`, `le`, `startswith`, `endswith`, `any(…)`, `and`, `or`,
//!   `not`, brackets: of each property what Microsoft's table of it allows, and no more. What needs an advanced query is
//!   refused without one, and what else is asked for (`gt`, `lt`, `contains`) is refused, never ignored.
//! - `delta` of users and groups with `$select`, a filter on ids, `latest`, members in slices, and `Prefer:
//!   return=minimal`. Links are good for seven days, then 410 says where to begin anew. Rounds can be made harder to
//!   follow ([`DeltaQuirks`]).
//! - `organization`, `domains`, `subscribedSkus`, role assignments, and `$batch` with `dependsOn`, whose answers
//!   come in any order.
//! - Permissions and directory roles of the application: what it lacks answers 403.
//! - Directory lag: a new object is not found, a changed one shows its old values, links to it are refused, for as long as
//!   the tenant is told, for all reads alike or each kind by itself ([`Reads`]); names are taken at once, and so are links,
//!   and what is deleted is gone at once.
//! - Throttling by Graph's resource units and writes ([`GraphLimits`]) or a plain limit of writes, with the headers that
//!   tell; each item of a batch is charged.
//! - Faults by script ([`Fault`]) or at random, of every kind, in batches too.
//!
//! # What it does not imitate
//!
//! Passwords of people and their second factors, rules of dynamic groups, custom roles, open and schema extensions,
//! extensions of other objects than users and groups, change notifications, and services beside the directory. Addresses
//! of those are answered as unknown ones. A list that is sorted goes on by position: what is written between two pages can
//! shift it.
//!
//! Where Microsoft says nothing, this holds: a deleted user's links are hidden and come back with it; a user
//! may be its own manager; a cast in a list of links needs no `ConsistencyLevel`, a `$filter` there does; `delta` tells
//! changes only of what it selects, `id` and links apart, and links of a deleted group come back with it; a restored
//! application comes back without its service principal; an extension without a value is shown as `null` if it is
//! selected; a filter has 1,000 conditions at most; the buckets of throttling refill evenly.

mod admin;
mod apps;
mod audit;
mod builder;
mod groups;
mod licenses;
mod lists;
mod objects;
mod organization;
mod region;
mod roles;
mod seed;
mod sign_in;
mod state;
mod tenant;
mod trouble;
mod users;
mod wire;

pub use audit::{Activity, AuditEntry, Requests};
pub use builder::SimBuilder;
pub use licenses::sku::{ServicePlan, Sku};
pub use lists::delta::DeltaQuirks;
pub use objects::extension::ExtensionType;
pub use tenant::Sim;
pub use trouble::fault::Fault;
pub use trouble::lag::Reads;
pub use trouble::throttle::GraphLimits;
#[cfg(feature = "sim-server")]
#[cfg_attr(docsrs, doc(cfg(feature = "sim-server")))]
pub use wire::server::SimServer;
