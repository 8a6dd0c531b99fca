//! A tenant of Microsoft Entra ID as source and target.

mod changes;
mod constraints;
mod countries;
mod elements;
mod group_rules;
mod groups;
mod guests;
mod license_faults;
mod links;
mod operations;
mod products;
mod read;
mod record;
mod roles;
mod routing;
mod schema;
mod step;
mod tenant;
mod users;
mod write;

pub use guests::Invitations;
pub use products::PlanRelation;
pub use tenant::{Entra, EntraBuilder};
pub use users::member_scope;
