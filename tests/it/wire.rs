//! The client on the wire: what it sends, what it makes of answers, when it repeats.

#[path = "wire/batch.rs"]
mod batch;
#[path = "wire/delta.rs"]
mod delta;
#[path = "wire/errors.rs"]
mod errors;
#[path = "wire/given_up.rs"]
mod given_up;
#[path = "wire/groups.rs"]
mod groups;
#[path = "wire/licenses.rs"]
mod licenses;
#[path = "wire/members.rs"]
mod members;
#[path = "wire/pace.rs"]
mod pace;
#[path = "wire/paging.rs"]
mod paging;
#[path = "wire/people.rs"]
mod people;
#[path = "wire/query.rs"]
mod query;
#[path = "wire/requests.rs"]
mod requests;
#[path = "wire/script.rs"]
mod script;
#[path = "wire/sequence.rs"]
mod sequence;
#[path = "wire/socket.rs"]
mod socket;
#[path = "wire/tenant.rs"]
mod tenant;
#[path = "wire/tracing.rs"]
pub(crate) mod tracing;
