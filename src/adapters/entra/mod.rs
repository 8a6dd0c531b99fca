//! A tenant of Microsoft Entra ID as source and target.

mod constraints;
mod countries;
mod elements;
mod groups;
mod links;
mod read;
mod record;
mod routing;
mod schema;
mod step;
mod tenant;
mod users;
mod write;

pub use tenant::{Entra, EntraBuilder};
pub use users::member_scope;
