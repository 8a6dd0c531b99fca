//! The stores that come with the crate.
//!
//! | store | what it is | feature |
//! |---|---|---|
//! | [`Entra`] | a tenant of Microsoft Entra ID, read and written; its guests, with [`Entra::guests`] | |
//! | [`CsvSource`] | people or groups from a CSV file | `csv` |
//! | [`CsvMemberships`] | groups with their members, from a CSV file beside theirs | `csv` |
//! | [`CsvTarget`] | a CSV file, read and written | `csv` |
//! | [`JsonlSource`] | people from a file of JSON Lines | |
//! | [`JsonlTarget`] | a file of JSON Lines, read and written | |
//! | [`RedbState`] | what jobs remember, in one crash-safe file | `redb` |
//! | [`PasswordFile`] | initial passwords, in a file for one person's eyes | |

mod blocking;
#[cfg(feature = "csv")]
mod csv;
#[cfg(feature = "csv")]
mod csv_target;
mod entra;
mod jsonl;
mod jsonl_target;
mod lines;
mod members;
#[cfg(feature = "csv")]
mod memberships;
mod password_file;
mod private_file;
#[cfg(feature = "redb")]
mod redb;
mod rows;
mod shared_file;
mod sheet;
mod table;
#[cfg(test)]
mod table_faults;

#[cfg(feature = "csv")]
#[cfg_attr(docsrs, doc(cfg(feature = "csv")))]
pub use csv::{CsvSource, CsvSourceBuilder};
#[cfg(feature = "csv")]
#[cfg_attr(docsrs, doc(cfg(feature = "csv")))]
pub use csv_target::{CsvTarget, CsvTargetBuilder};
pub use entra::{Entra, EntraBuilder, Invitations, PlanRelation, member_scope};
pub use jsonl::{JsonlSource, JsonlSourceBuilder};
pub use jsonl_target::{JsonlTarget, JsonlTargetBuilder};
#[cfg(feature = "csv")]
#[cfg_attr(docsrs, doc(cfg(feature = "csv")))]
pub use memberships::CsvMemberships;
pub use password_file::PasswordFile;
#[cfg(feature = "redb")]
#[cfg_attr(docsrs, doc(cfg(feature = "redb")))]
pub use redb::RedbState;
