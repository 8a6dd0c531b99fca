//! What was written, and how much was asked.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

/// One change that a client made through Graph, as it was carried out: one for each object, link and licence.
///
/// A change is listed even if its answer was lost, and once for each time that it was carried out.
/// Values are not kept, passwords least of all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AuditEntry {
    /// When, by the tenant's clock.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    /// The application (client) id that the token was issued to.
    pub actor: String,
    /// `POST`, `PATCH`, `PUT` or `DELETE`.
    pub method: String,
    /// What happened.
    pub activity: Activity,
    /// The object.
    pub id: Uuid,
    /// The other end: the member, the owner, the manager, or the SKU of a licence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Uuid>,
    /// The names of the properties that the request wrote, in Microsoft's spelling.
    pub properties: Vec<String>,
    /// The status of the answer.
    pub status: u16,
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Activity {
    /// A user was created.
    CreateUser,
    /// A user was changed.
    UpdateUser,
    /// A user was moved to the recycle bin.
    DeleteUser,
    /// A user came back from the recycle bin.
    RestoreUser,
    /// A user was deleted for good.
    PurgeUser,
    /// A group was created.
    CreateGroup,
    /// A group was changed.
    UpdateGroup,
    /// A group was moved to the recycle bin.
    DeleteGroup,
    /// A group came back from the recycle bin.
    RestoreGroup,
    /// A group was deleted for good.
    PurgeGroup,
    /// A group got a member.
    AddMember,
    /// A group lost a member.
    RemoveMember,
    /// A group, an application or a service principal got an owner.
    AddOwner,
    /// A group, an application or a service principal lost an owner.
    RemoveOwner,
    /// A user got a manager.
    SetManager,
    /// A user has no manager any more.
    ClearManager,
    /// A user or a group was given a licence, or other plans of one that it had.
    AssignLicense,
    /// A licence was taken from a user or a group.
    RemoveLicense,
    /// A user was signed out everywhere.
    RevokeSessions,
    /// A guest was invited.
    InviteGuest,
    /// An application was created.
    CreateApplication,
    /// An application was changed.
    UpdateApplication,
    /// An application was moved to the recycle bin.
    DeleteApplication,
    /// An application came back from the recycle bin.
    RestoreApplication,
    /// An application was deleted for good.
    PurgeApplication,
    /// A service principal was created.
    CreateServicePrincipal,
    /// A service principal was changed.
    UpdateServicePrincipal,
    /// A service principal was moved to the recycle bin.
    DeleteServicePrincipal,
    /// A service principal came back from the recycle bin.
    RestoreServicePrincipal,
    /// A service principal was deleted for good.
    PurgeServicePrincipal,
    /// A client secret of an application was made up: the target is the id of its key.
    AddPassword,
    /// A client secret was taken away.
    RemovePassword,
    /// An application defined a directory extension: the target is its id.
    DefineExtension,
    /// A definition of a directory extension was taken away.
    RemoveExtension,
    /// An application was granted a permission: the target is the permission's id.
    GrantPermission,
    /// A permission was withdrawn.
    WithdrawPermission,
    /// A directory role was given to somebody: the target is the role.
    AssignRole,
    /// A directory role was taken.
    RemoveRole,
}

/// How many requests arrived, by kind; those that a fault answered or dropped count too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Requests {
    /// To the token endpoint.
    pub token: usize,
    /// For the discovery document and keys.
    pub discovery: usize,
    /// `POST /v1.0/$batch`.
    pub batch_posts: usize,
    /// Inside batches.
    pub batch_items: usize,
    /// To Graph, other than batches.
    pub others: usize,
    /// Of all these, items of batches included, those that were refused for the load.
    #[serde(default)]
    pub throttled: usize,
}

impl Requests {
    /// All requests over HTTP other than batches.
    #[must_use]
    pub fn besides_batches(&self) -> usize {
        self.token + self.discovery + self.others
    }
}
