//! Keeps the people of an organisation in step with Microsoft Entra ID / Microsoft 365: a host brings its own identity
//! store behind a small trait, says how attributes map, and gets a plan that can be read and a safe apply.
//!
//! # What a program needs
//!
//! ```toml
//! [dependencies]
//! entrant = { version = "0.1.0", features = ["redb"] } # others are below, under Features
//! tokio = { version = "1", features = ["macros", "rt-multi-thread"] }
//! ```
//!
//! Everything `async` runs in a runtime of tokio whose timer is on, as `#[tokio::main]` makes one; another runtime panics.
//! A host that implements one of the traits says [`#[async_trait]`](macro@async_trait) above the `impl`. Types of other crates
//! in the API are those of `time` 0.3, `url` 2, `serde_json` 1, `http` 1, `bytes` 1 and `futures` 0.3.
//!
//! # A host's own user table → Entra
//!
//! ```
//! # use entrant::adapters::{PasswordFile, RedbState};
//! use entrant::adapters::Entra;
//! use entrant::connection::Connection;
//! use entrant::job::{Apply, Run};
//! use entrant::reconcile::{Guard, Leaver, days};
//! use entrant::{Job, Mapping, Policy, Preferences};
//! # use entrant::model::ObjectId;
//! # use entrant::store::MemoryStore;
//! # struct UserTable;
//! # impl UserTable {
//! #     fn new(pool: MemoryStore) -> MemoryStore { pool }
//! # }
//! # async fn example() -> entrant::Result<()> {
//! # let dir = tempfile::tempdir().expect("a folder");
//! # let sim = entrant::sim::Sim::new();
//! # let server = sim.serve("127.0.0.1:0").await?;
//! # let (tenant, client_id, secret, cloud) = (sim.tenant_id(), sim.client_id(), sim.client_secret(), server.cloud());
//! # let person = |id: &str, login: &str| entrant::Record::new(ObjectId::user(id)).with("id", id).with("login", login).with("name", login);
//! # let pool = MemoryStore::new("user table").with_records([person("1", "Ada"), person("2", "Alan")]);
//! # let mail_to_manager = PasswordFile::open(dir.path().join("passwords.jsonl"))?;
//! # let state = RedbState::open(dir.path().join("entrant.redb"))?;
//!
//! let entra = Entra::connect(Connection::builder(tenant, client_id).client_secret(secret).cloud(cloud).build()?).await?;
//! let job = Job::builder("staff")
//!     .source(UserTable::new(pool))                        // impl Source
//!     .target(entra)
//!     .mapping(Mapping::users()
//!         .attribute("displayName", "name")
//!         .attribute("employeeId", "id")
//!         .expression("mailNickname", "ToLower([login])")?
//!         .expression("userPrincipalName", "Join(\"@\", ToLower([login]), %Domain%)")?
//!         .constant("usageLocation", "DE")
//!         .generate_password()
//!         .match_on("employeeId"))
//!     .policy(Policy::outbound(Preferences::default().with_left_scope(Leaver::disable().after(days(7)))))
//!     .passwords(mail_to_manager)                          // impl PasswordSink
//!     .state(state)                                        // impl State
//!     .link_set("acme")
//!     .build()?;                                           // everything that can be wrong is said here, all at once
//! let plan = job.plan(Run::full()).await?;
//! println!("{plan}");
//! let report = job.apply(&plan, Apply::new().lift(Guard::Adopt)).await?;
//! println!("{}", report.by_situation());
//! # assert_eq!(sim.users().len(), 2);
//! # assert!(job.plan(Run::full()).await?.is_converged());
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(example()).unwrap();
//! ```
//!
//! # Entra → the host's own user table
//!
//! The same engine the other way round, picked entry by entry. (Both programs share `entra` and `state`.)
//!
//! ```
//! # use entrant::adapters::RedbState;
//! use entrant::adapters::Entra;
//! use entrant::connection::Connection;
//! use entrant::job::{Apply, Run};
//! use entrant::model::eq;
//! use entrant::reconcile::{Bucket, Winner};
//! use entrant::{Job, Mapping, Policy};
//! # use entrant::model::{AttributeSchema, Class, Schema};
//! # use entrant::reconcile::Entry;
//! # use entrant::store::MemoryStore;
//! # struct UserTable;
//! # impl UserTable {
//! #     fn new(pool: MemoryStore) -> MemoryStore { pool }
//! # }
//! # fn ticked(entry: &Entry) -> bool { entry.label.as_deref() == Some("scarter@contoso.com") }
//! # async fn example() -> entrant::Result<()> {
//! # let dir = tempfile::tempdir().expect("a folder");
//! # let sim = entrant::sim::Sim::new();
//! # sim.add_user(serde_json::json!({"userPrincipalName": "scarter@contoso.com", "mail": "scarter@example.com", "surname": "Carter", "displayName": "Sam"}));
//! # sim.add_user(serde_json::json!({"userPrincipalName": "other@contoso.com", "mail": "other@example.com", "surname": "Other", "displayName": "Other"}));
//! # let connection = Connection::builder(sim.tenant_id(), sim.client_id()).client_secret(sim.client_secret()).cloud(sim.cloud()).build()?;
//! # let entra = Entra::builder(connection).transport(sim.transport()).connect().await?;
//! # let state = RedbState::open(dir.path().join("entrant.redb"))?;
//! # let text = AttributeSchema::text;
//! # let pool = MemoryStore::new("user table").with_schema(Schema::new(Class::USER)
//! #     .with("userName", text().ignore_case()).with("sn", text()).with_label("userName"));
//! let import = Job::builder("import").source(entra.clone()).target(UserTable::new(pool.clone()))
//!     .mapping(Mapping::users().attribute("userName", "userPrincipalName").attribute("sn", "surname").match_on("userName"))
//!     .policy(Policy::inbound(Winner::Source)).state(state).link_set("acme").build()?;
//! let plan = import.plan(Run::full().filter(eq("mail", "scarter@example.com"))).await?;
//! let chosen = plan.select(|entry| entry.is_in(Bucket::New) && ticked(entry));
//! println!("{}", import.apply(&chosen, Apply::new()).await?);
//! # assert_eq!(pool.records().len(), 1);
//! # assert_eq!(pool.records()[0].get("sn").and_then(|sn| sn.as_text()), Some("Carter"));
//! # assert!(sim.audit().is_empty());
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(example()).unwrap();
//! ```
//!
//! (First the target attribute, then where it comes from, everywhere.)
//!
//! # The modules
//!
//! | module | what it is |
//! | --- | --- |
//! | [`job`] | the front door: plan, apply, report |
//! | [`reconcile`] | situations, policy, guards, the plan itself; pure |
//! | [`mapping`], [`expr`] | what a target should hold; Entra's expression language; pure |
//! | [`model`] | records, values, schemas, changes; pure |
//! | [`store`] | the traits that hosts implement, and stores in memory |
//! | [`adapters`] | the stores that come with the crate: Entra, CSV and JSON Lines (read and written), redb, a password file |
//! | [`connection`] | which tenant, as whom, and whether that works |
//! | [`graph`], [`auth`], [`http`], [`odata`] | the client for Microsoft Graph |
//! | [`sim`] | the simulated tenant |
//! | [`testing`] | conformance suites for hosts' own stores |
//! | [`guide`] | guides, from getting started to how it works inside |
//!
//! # Features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `rustls` | yes | the bundled transport, TLS by rustls and aws-lc-rs |
//! | `native-tls` | | the bundled transport, TLS by the operating system |
//! | `reqwest` | by the two above | the bundled transport; without it bring your own [`http::Transport`] |
//! | `aws-lc` | by `rustls` | `auth::CertificateKey`, which signs with keys in PEM; without it bring your own [`auth::AssertionSigner`] |
//! | `pfx` | | keys in PFX files and encrypted ones in PEM |
//! | `csv` | | `adapters::CsvSource`, `adapters::CsvMemberships`, `adapters::CsvTarget` |
//! | `redb` | | `adapters::RedbState` |
//! | `schedule` | | `job::Schedule`, `job::Scheduler`: runs by a cron expression |
//! | `sim` | | the simulated tenant in process; its tokens are signed with aws-lc-rs |
//! | `sim-server` | | the same on a socket, http or https |
//! | `testing` | | conformance suites; exempt from SemVer |
//!
//! # Limits
//!
//! Users with managers and licences, groups with members and licences, and guests, from a host's store into Entra; users and
//! groups from Entra into a host's store. A [run that looks at what changed only](job::Run::incremental) does not see who is
//! merely absent: a full one does, and holds both sides in memory while its plan is made. Plans, reports and state are
//! personal data.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod adapters;
pub mod auth;
pub mod clock;
pub mod cloud;
pub mod connection;
mod digest;
pub mod error;
pub mod expr;
pub mod graph;
#[cfg(any(doc, doctest))]
pub mod guide;
pub mod http;
pub mod job;
pub mod mapping;
pub mod model;
pub mod odata;
mod permit;
mod plain;
pub mod reconcile;
pub mod secret;
#[cfg(feature = "sim")]
#[cfg_attr(docsrs, doc(cfg(feature = "sim")))]
pub mod sim;
pub mod store;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;

#[doc(no_inline)]
pub use async_trait::async_trait;
pub use cloud::Cloud;
pub use error::{Error, ErrorKind, Result};
pub use job::{Job, Report};
pub use mapping::Mapping;
pub use model::{Record, Value};
pub use reconcile::{Plan, Policy, Preferences};
pub use store::{Source, State, Target};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
