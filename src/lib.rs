//! Keeps an organisation's people in step with Microsoft Entra ID / Microsoft 365.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod adapters;
pub mod auth;
pub mod clock;
pub mod cloud;
pub mod connection;
pub mod error;
pub mod expr;
pub mod graph;
pub mod http;
pub mod job;
pub mod mapping;
pub mod model;
pub mod odata;
pub mod reconcile;
pub mod secret;
#[cfg(feature = "sim")]
#[cfg_attr(docsrs, doc(cfg(feature = "sim")))]
pub mod sim;
pub mod store;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;

pub use cloud::Cloud;
pub use error::{Error, ErrorKind, Result};
pub use job::{Job, Report};
pub use mapping::Mapping;
pub use model::{Record, Value};
pub use reconcile::{Plan, Policy, Preferences};
pub use store::{Source, State, Target};
