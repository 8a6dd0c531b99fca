//! A tenant of Microsoft Entra ID as source and target.

mod constraints;
mod countries;
mod read;
mod record;
mod routing;
mod schema;
mod tenant;
mod write;

pub use schema::member_scope;
pub use tenant::{Entra, EntraBuilder};
