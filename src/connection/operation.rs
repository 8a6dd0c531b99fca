//! What is done through a connection, and which permissions that takes.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::permissions::Permissions;

/// Something that is done in a tenant, and for which an application needs a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Operation {
    /// Reading users, also as changes.
    ReadUsers,
    /// Creating users.
    CreateUsers,
    /// Changing users' ordinary properties.
    UpdateUsers,
    /// Setting and taking managers.
    SetManagers,
    /// Disabling and enabling users.
    SwitchUsers,
    /// Setting the password of a user that exists, or asking for another one at the next sign-in.
    ResetPasswords,
    /// Deleting users.
    DeleteUsers,
    /// Bringing users back from the recycle bin.
    RestoreUsers,
    /// Signing users out everywhere.
    RevokeSessions,
    /// Inviting guests.
    InviteGuests,
    /// Changing with which accounts of others users sign in (`identities`).
    ManageIdentities,
    /// Reading groups, also as changes.
    ReadGroups,
    /// Creating groups.
    CreateGroups,
    /// Changing groups and their owners.
    UpdateGroups,
    /// Deleting groups, and bringing them back.
    DeleteGroups,
    /// Reading who is in which group.
    ReadMembers,
    /// Reading who is in groups that hide it.
    ReadHiddenMembers,
    /// Adding and removing members.
    WriteMembers,
    /// Adding and removing members of groups that directory roles can be given to.
    WritePrivilegedMembers,
    /// Reading the products that the tenant has, with their seats.
    ReadLicenses,
    /// Giving and taking licences of users.
    AssignLicenses,
    /// Giving and taking licences of groups, for their members.
    AssignGroupLicenses,
    /// Reading the tenant itself.
    ReadOrganization,
    /// Reading the tenant's domains.
    ReadDomains,
    /// Reading who holds which directory role.
    ReadRoles,
}

/// What operations are about; a check reports by these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OperationGroup {
    /// People's accounts.
    Users,
    /// Groups and who is in them.
    Groups,
    /// Products and who has them.
    Licenses,
    /// The tenant and its domains.
    Organization,
    /// Who holds directory roles.
    Administrators,
}

/// One line of the table.
struct Row {
    operation: Operation,
    /// For people.
    name: &'static str,
    group: OperationGroup,
    /// The least that does.
    least: &'static [&'static str],
    /// What else does: each of these sets.
    others: &'static [&'static [&'static str]],
}

const USER_WRITE: &str = "User.ReadWrite.All";
const DIRECTORY_READ: &str = "Directory.Read.All";
const DIRECTORY_WRITE: &str = "Directory.ReadWrite.All";
const GROUP_WRITE: &str = "Group.ReadWrite.All";
const ROLE_WRITE: &str = "RoleManagement.ReadWrite.Directory";

/// In a set of permissions that do, a directory role that is needed beside them.
const USER_ADMINISTRATOR: &str = "@User Administrator";

/// After Microsoft's permissions reference and the page of each operation. The newest, narrowest permissions
/// (`User.Create`, `User.ReadUpdate.All`) do where they are granted, and are not asked for: not every cloud has them.
#[rustfmt::skip]
const TABLE: &[Row] = {
    use Operation as O;
    use OperationGroup as G;
    &[
        row(O::ReadUsers, "read users", G::Users, &["User.Read.All"], &[&[USER_WRITE], &[DIRECTORY_READ], &[DIRECTORY_WRITE]]),
        row(O::CreateUsers, "create users", G::Users, &[USER_WRITE], &[&["User.Create"], &[DIRECTORY_WRITE]]),
        row(O::UpdateUsers, "update users", G::Users, &[USER_WRITE], &[&["User.ReadUpdate.All"], &[DIRECTORY_WRITE]]),
        row(O::SetManagers, "set managers", G::Users, &[USER_WRITE], &[&[DIRECTORY_WRITE]]),
        row(O::SwitchUsers, "disable and enable users", G::Users, &["User.EnableDisableAccount.All", "User.Read.All"], &[&[USER_WRITE], &[DIRECTORY_WRITE]]),
        row(O::ResetPasswords, "reset passwords", G::Users, &["User-PasswordProfile.ReadWrite.All"], &[&[USER_WRITE, USER_ADMINISTRATOR]]),
        row(O::DeleteUsers, "delete users", G::Users, &["User.DeleteRestore.All"], &[&[USER_WRITE]]),
        row(O::RestoreUsers, "restore users", G::Users, &["User.DeleteRestore.All"], &[&[USER_WRITE]]),
        row(O::RevokeSessions, "revoke sessions", G::Users, &["User.RevokeSessions.All"], &[&[USER_WRITE], &[DIRECTORY_WRITE]]),
        row(O::InviteGuests, "invite guests", G::Users, &["User.Invite.All"], &[&[USER_WRITE], &[DIRECTORY_WRITE]]),
        row(O::ManageIdentities, "change identities", G::Users, &["User.ManageIdentities.All"], &[]),
        row(O::ReadGroups, "read groups", G::Groups, &["Group.Read.All"], &[&[GROUP_WRITE], &[DIRECTORY_READ], &[DIRECTORY_WRITE]]),
        row(O::CreateGroups, "create groups", G::Groups, &["Group.Create"], &[&[GROUP_WRITE], &[DIRECTORY_WRITE]]),
        row(O::UpdateGroups, "update groups", G::Groups, &[GROUP_WRITE], &[&[DIRECTORY_WRITE]]),
        row(O::DeleteGroups, "delete groups", G::Groups, &[GROUP_WRITE], &[]),
        row(O::ReadMembers, "read members", G::Groups, &["GroupMember.Read.All"], &[&["GroupMember.ReadWrite.All"], &["Group.Read.All"], &[GROUP_WRITE], &[DIRECTORY_READ], &[DIRECTORY_WRITE]]),
        row(O::ReadHiddenMembers, "read hidden members", G::Groups, &["Member.Read.Hidden"], &[]),
        row(O::WriteMembers, "add and remove members", G::Groups, &["GroupMember.ReadWrite.All"], &[&[GROUP_WRITE], &[DIRECTORY_WRITE]]),
        row(O::WritePrivilegedMembers, "add and remove members of role-assignable groups", G::Groups, &["GroupMember.ReadWrite.All", ROLE_WRITE], &[&[GROUP_WRITE, ROLE_WRITE]]),
        row(O::ReadLicenses, "read licences", G::Licenses, &["LicenseAssignment.Read.All"], &[&["LicenseAssignment.ReadWrite.All"], &["Organization.Read.All"], &[DIRECTORY_READ], &[DIRECTORY_WRITE]]),
        row(O::AssignLicenses, "assign licences", G::Licenses, &["LicenseAssignment.ReadWrite.All"], &[&[USER_WRITE], &[DIRECTORY_WRITE]]),
        row(O::AssignGroupLicenses, "assign licences to groups", G::Licenses, &["LicenseAssignment.ReadWrite.All"], &[&[GROUP_WRITE], &[DIRECTORY_WRITE]]),
        row(O::ReadOrganization, "read the organization", G::Organization, &["Organization.Read.All"], &[&[DIRECTORY_READ], &[DIRECTORY_WRITE]]),
        // The organization names its verified domains too.
        row(O::ReadDomains, "read domains", G::Organization, &["Domain.Read.All"], &[&["Organization.Read.All"], &[DIRECTORY_READ], &[DIRECTORY_WRITE]]),
        row(O::ReadRoles, "read role assignments", G::Administrators, &["RoleManagement.Read.Directory"], &[&[ROLE_WRITE], &[DIRECTORY_READ], &[DIRECTORY_WRITE]]),
    ]
};

const fn row(
    operation: Operation,
    name: &'static str,
    group: OperationGroup,
    least: &'static [&'static str],
    others: &'static [&'static [&'static str]],
) -> Row {
    Row { operation, name, group, least, others }
}

impl Operation {
    /// Every operation, in a fixed order.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.operation)
    }

    /// What it is about.
    #[must_use]
    pub fn group(self) -> OperationGroup {
        self.row().group
    }

    /// The least permissions that it takes: all of these.
    ///
    /// See the [permissions reference](https://learn.microsoft.com/graph/permissions-reference).
    #[must_use]
    pub fn least(self) -> Permissions {
        self.row().least.iter().copied().collect()
    }

    /// Whether an application with these permissions and directory roles may do it.
    #[must_use]
    pub fn is_allowed(self, granted: &Permissions, roles: &super::Roles) -> bool {
        let row = self.row();
        let has = |name: &&str| match name.strip_prefix('@') {
            Some(role) => roles.has_named(role),
            None => granted.contains(name),
        };
        row.least.iter().all(has) || row.others.iter().any(|set| set.iter().all(has))
    }

    fn row(self) -> &'static Row {
        TABLE.iter().find(|row| row.operation == self).expect("the table has every operation")
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)
    }
}

impl fmt::Display for OperationGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Users => "users",
            Self::Groups => "groups",
            Self::Licenses => "licences",
            Self::Organization => "organization",
            Self::Administrators => "administrators",
        })
    }
}

/// What a connection is for. A check holds the application's permissions against it, and a set-up asks for no more.
///
/// # Examples
///
/// ```
/// use entrant::connection::{Operation, Operations, Permissions};
///
/// let operations = Operations::inbound().with(Operation::SwitchUsers);
/// let least = Permissions::least(&operations);
/// assert!(least.contains("User.EnableDisableAccount.All"));
/// assert!(!least.contains("User.ReadWrite.All"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Operations(BTreeSet<Operation>);

impl Operations {
    /// Nothing yet.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Keeping users and groups in step, with managers, memberships and licences: a host's store into Entra. Nobody is
    /// deleted.
    #[must_use]
    pub fn outbound() -> Self {
        use Operation as O;
        Self::from_iter([
            O::ReadUsers,
            O::CreateUsers,
            O::UpdateUsers,
            O::SetManagers,
            O::SwitchUsers,
            O::ReadGroups,
            O::CreateGroups,
            O::UpdateGroups,
            O::ReadMembers,
            O::WriteMembers,
            O::ReadLicenses,
            O::AssignLicenses,
            O::ReadOrganization,
            O::ReadDomains,
            O::ReadRoles,
        ])
    }

    /// As [`outbound`](Self::outbound) without groups.
    #[must_use]
    pub fn outbound_users() -> Self {
        let users = |operation: &Operation| operation.group() != OperationGroup::Groups;
        Self(Self::outbound().0.into_iter().filter(users).collect())
    }

    /// Reading users, groups and who is in them: Entra into a host's store.
    #[must_use]
    pub fn inbound() -> Self {
        use Operation as O;
        Self::from_iter([O::ReadUsers, O::ReadGroups, O::ReadMembers, O::ReadOrganization, O::ReadDomains])
    }

    /// One more.
    #[must_use]
    pub fn with(mut self, operation: Operation) -> Self {
        self.0.insert(operation);
        self
    }

    /// One less.
    #[must_use]
    pub fn without(mut self, operation: Operation) -> Self {
        self.0.remove(&operation);
        self
    }

    /// Whether it is among them.
    #[must_use]
    pub fn contains(&self, operation: Operation) -> bool {
        self.0.contains(&operation)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = Operation> {
        self.0.iter().copied()
    }
}

impl FromIterator<Operation> for Operations {
    fn from_iter<I: IntoIterator<Item = Operation>>(operations: I) -> Self {
        Self(operations.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Roles;

    #[test]
    fn the_table_is_whole() {
        let mut seen = BTreeSet::new();
        for row in TABLE {
            assert!(seen.insert(row.operation), "{} is there twice", row.name);
            assert!(row.operation.is_allowed(&row.operation.least(), &Roles::none()), "{}", row.name);
            for set in row.others {
                assert!(!set.is_empty() && *set != row.least, "{}", row.name);
            }
        }
        // Each word of the stored form is one of the table's.
        let known = serde_json::to_string(&TABLE.iter().map(|row| row.operation).collect::<Vec<_>>());
        let known: Vec<Operation> = serde_json::from_str(&known.expect("it can be stored")).expect("and loaded");
        assert_eq!(known.len(), TABLE.len());
    }

    #[test]
    fn a_role_may_stand_in_for_a_permission() {
        let granted = Permissions::from_iter([USER_WRITE]);
        let roles = Roles::none().with_named("User Administrator").expect("a known role");
        assert!(!Operation::ResetPasswords.is_allowed(&granted, &Roles::none()));
        assert!(Operation::ResetPasswords.is_allowed(&granted, &roles));
        assert!(!Operation::ResetPasswords.is_allowed(&Permissions::none(), &roles));
    }
}
