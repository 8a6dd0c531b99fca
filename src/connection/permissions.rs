//! Sets of permissions and of directory roles.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::operation::{Operation, Operations};
use crate::error::{Error, ErrorKind, Result};
use crate::http::redact::one_line;

/// Application permissions of Microsoft Graph, by name, such as `User.ReadWrite.All`.
///
/// # Examples
///
/// ```
/// use entrant::connection::{Operations, Permissions};
///
/// // What a product asks for, and what the same work takes.
/// let asked = Permissions::pingone_outbound();
/// let least = Permissions::least(&Operations::outbound());
/// assert!(asked.contains("Application.ReadWrite.All") && !least.contains("Application.ReadWrite.All"));
/// assert_eq!(least.to_string(), "Group.ReadWrite.All, Organization.Read.All, RoleManagement.Read.Directory, User.ReadWrite.All");
/// ```
///
/// See the [permissions reference](https://learn.microsoft.com/graph/permissions-reference).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Permissions(BTreeSet<Cow<'static, str>>);

impl Permissions {
    /// No permission.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// What PingOne's connection to Microsoft 365 asks for. [`Permissions::least`] of [`Operations::outbound`] does the
    /// same work with less.
    #[must_use]
    pub fn pingone_outbound() -> Self {
        Self::from_iter([
            "Application.ReadWrite.All",
            "Group.ReadWrite.All",
            "Organization.Read.All",
            "User.ReadWrite.All",
        ])
    }

    /// What PingOne Advanced Identity Cloud asks for to provision users from Entra. [`Permissions::least`] of
    /// [`Operations::inbound`] does the same work with less.
    #[must_use]
    pub fn aic_inbound() -> Self {
        Self::from_iter([
            "User.Export.All",
            "User.ManageIdentities.All",
            "User.Read.All",
            "User.ReadWrite.All",
            "Group.Create",
            "Group.Read.All",
            "Group.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ])
    }

    /// The least that does all of these: each operation's own least, without what the others bring already.
    #[must_use]
    pub fn least(operations: &Operations) -> Self {
        let mut set: Self = operations.iter().flat_map(|operation| operation.least().0).collect();
        let roles = Roles::none();
        let does = |set: &Self| operations.iter().all(|operation| operation.is_allowed(set, &roles));
        // What only reads goes before what writes, so that no wide permission is kept for the sake of a narrow one.
        let mut names: Vec<_> = set.0.iter().cloned().collect();
        names.sort_by_key(|name| (name.contains("Write"), name.clone()));
        for name in names {
            let smaller = set.clone().without(&name);
            if does(&smaller) {
                set = smaller;
            }
        }
        set
    }

    /// One more.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.0.insert(name.into());
        self
    }

    /// One less.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// Whether it is among them.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Those that are not among the others.
    #[must_use]
    pub fn missing_from(&self, others: &Self) -> Self {
        Self(self.0.difference(&others.0).cloned().collect())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Their names, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|name| &**name)
    }

    /// Those among them of which none of these operations has any use.
    #[must_use]
    pub fn unneeded_for(&self, operations: &Operations) -> Self {
        let roles = Roles::none();
        let may = |set: &Self| -> Vec<Operation> {
            operations.iter().filter(|operation| operation.is_allowed(set, &roles)).collect()
        };
        let all = may(self);
        let is_unneeded = |name: &Cow<'static, str>| may(&self.clone().without(name)) == all;
        Self(self.0.iter().filter(|name| is_unneeded(name)).cloned().collect())
    }
}

impl<N: Into<Cow<'static, str>>> FromIterator<N> for Permissions {
    fn from_iter<I: IntoIterator<Item = N>>(names: I) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }
}

/// Their names with commas between, sorted.
impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        listed(f, self.iter())
    }
}

/// A directory role that is built into every tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DirectoryRole(&'static (&'static str, &'static str));

/// See [built-in roles](https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference).
const ROLES: &[(&str, &str)] = &[
    ("Application Administrator", "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"),
    ("Application Developer", "cf1c38e5-3621-4004-a7cb-879624dced7c"),
    ("Attribute Assignment Administrator", "58a13ea3-c632-46ae-9ee0-9c0d43cd7f3d"),
    ("Authentication Administrator", "c4e39bd9-1100-46d3-8c65-fb160da0071f"),
    ("Billing Administrator", "b0f54661-2d74-4c50-afa3-1ec803f12efe"),
    ("Cloud Application Administrator", "158c047a-c907-4556-b7ef-446551a6b5f7"),
    ("Directory Readers", "88d8e3e3-8f55-4a1e-953a-9b9898b8876b"),
    ("Directory Writers", "9360feb5-f418-4baa-8175-e2a00bac4301"),
    ("Domain Name Administrator", "8329153b-31d0-4727-b945-745eb3bc5f31"),
    ("Exchange Administrator", "29232cdf-9323-42fd-ade2-1d097af3e4de"),
    ("Exchange Recipient Administrator", "31392ffb-586c-42d1-9346-e59415a2cc4e"),
    ("Global Administrator", "62e90394-69f5-4237-9190-012177145e10"),
    ("Global Reader", "f2ef992c-3afb-46b9-b7cf-a126ee74c451"),
    ("Groups Administrator", "fdd7a751-b60b-444a-984c-02652fe8fa1c"),
    ("Guest Inviter", "95e79109-95c0-4d8e-aee3-d01accf2d47b"),
    ("Helpdesk Administrator", "729827e3-9c14-49f7-bb1b-9608f156bbb8"),
    ("Hybrid Identity Administrator", "8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2"),
    ("License Administrator", "4d6ac14f-3453-41d0-bef9-a3e0c569773a"),
    ("Password Administrator", "966707d0-3269-4727-9be2-8c3a10f19b9d"),
    ("Privileged Authentication Administrator", "7be44c8a-adaf-4e2a-84d6-ab2649e08a13"),
    ("Privileged Role Administrator", "e8611ab8-c189-46e8-94e1-60213ab1f814"),
    ("Reports Reader", "4a5d8f65-41da-4de4-8968-e035b65339cf"),
    ("Security Reader", "5d6b6bb7-de71-4623-b4af-96380a352509"),
    ("SharePoint Administrator", "f28a1f50-f6e7-4571-818b-6a12f2af6b6c"),
    ("Teams Administrator", "69091246-20e8-4a56-aa4d-066075b2a7a8"),
    ("User Administrator", "fe930be7-5e62-47db-91af-98c3a49a38b1"),
];

impl DirectoryRole {
    /// A role by its name, such as `User Administrator`, or by its template id.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if it is none of the built-in roles that are known here.
    pub fn new(name: impl AsRef<str>) -> Result<Self> {
        let text = name.as_ref().trim();
        let found = ROLES.iter().find(|(name, id)| name.eq_ignore_ascii_case(text) || id.eq_ignore_ascii_case(text));
        found.map(Self).ok_or_else(|| {
            Error::new(ErrorKind::Invalid, "no such built-in directory role; write it like `User Administrator`")
                .with_context("role", format_args!("{:?}", one_line(text, 100)))
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.0
    }

    /// Its id in every tenant.
    #[must_use]
    pub fn template_id(self) -> &'static str {
        self.0.1
    }
}

impl fmt::Display for DirectoryRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TryFrom<String> for DirectoryRole {
    type Error = Error;

    fn try_from(name: String) -> Result<Self> {
        Self::new(name)
    }
}

impl From<DirectoryRole> for String {
    fn from(role: DirectoryRole) -> Self {
        role.name().to_owned()
    }
}

/// Directory roles that an application holds, or is to hold.
///
/// Without one, Graph lets no application disable, delete or rename people who hold a role themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Roles(BTreeSet<DirectoryRole>);

impl Roles {
    /// No role: the least, and enough for everybody who holds none.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// What One Identity's connector gives to its application: Directory Writers, Exchange Administrator and User
    /// Administrator. Graph itself has no use for the second.
    #[must_use]
    pub fn one_identity() -> Self {
        Self::known(["Directory Writers", "Exchange Administrator", "User Administrator"])
    }

    /// The least with which people who hold only limited roles (such as Helpdesk Administrator) can be disabled,
    /// deleted and renamed: User Administrator.
    #[must_use]
    pub fn over_limited_administrators() -> Self {
        Self::known(["User Administrator"])
    }

    /// One more.
    #[must_use]
    pub fn with(mut self, role: DirectoryRole) -> Self {
        self.0.insert(role);
        self
    }

    /// One more, by its name or template id.
    ///
    /// # Errors
    ///
    /// Those of [`DirectoryRole::new`].
    pub fn with_named(self, name: impl AsRef<str>) -> Result<Self> {
        Ok(self.with(DirectoryRole::new(name)?))
    }

    /// Whether it is among them.
    #[must_use]
    pub fn contains(&self, role: DirectoryRole) -> bool {
        self.0.contains(&role)
    }

    /// Those that are not among the others.
    #[must_use]
    pub fn missing_from(&self, others: &Self) -> Self {
        Self(self.0.difference(&others.0).copied().collect())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = DirectoryRole> {
        self.0.iter().copied()
    }

    pub(super) fn has_named(&self, name: &str) -> bool {
        self.0.iter().any(|role| role.name() == name)
    }

    fn known<const N: usize>(names: [&str; N]) -> Self {
        Self(ROLES.iter().filter(|(name, _)| names.contains(name)).map(DirectoryRole).collect())
    }
}

impl FromIterator<DirectoryRole> for Roles {
    fn from_iter<I: IntoIterator<Item = DirectoryRole>>(roles: I) -> Self {
        Self(roles.into_iter().collect())
    }
}

/// Their names with commas between.
impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        listed(f, self.0.iter().map(|role| role.name()))
    }
}

fn listed<'a>(f: &mut fmt::Formatter<'_>, names: impl Iterator<Item = &'a str>) -> fmt::Result {
    for (index, name) in names.enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        f.write_str(name)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(set: &Permissions) -> Vec<&str> {
        set.iter().collect()
    }

    /// R6, R35 and R73, word for word, and beside each what the same work takes.
    #[test]
    fn the_sets_of_the_products() {
        assert_eq!(
            names(&Permissions::pingone_outbound()),
            ["Application.ReadWrite.All", "Group.ReadWrite.All", "Organization.Read.All", "User.ReadWrite.All"],
            "R6"
        );
        assert_eq!(
            names(&Permissions::least(&Operations::outbound())),
            ["Group.ReadWrite.All", "Organization.Read.All", "RoleManagement.Read.Directory", "User.ReadWrite.All"]
        );
        assert_eq!(
            names(&Permissions::aic_inbound()),
            [
                "Directory.Read.All",
                "Directory.ReadWrite.All",
                "Group.Create",
                "Group.Read.All",
                "Group.ReadWrite.All",
                "User.Export.All",
                "User.ManageIdentities.All",
                "User.Read.All",
                "User.ReadWrite.All",
            ],
            "R35"
        );
        assert_eq!(
            names(&Permissions::least(&Operations::inbound())),
            ["Group.Read.All", "Organization.Read.All", "User.Read.All"]
        );
        let roles: Vec<_> = Roles::one_identity().iter().map(DirectoryRole::name).collect();
        assert_eq!(roles, ["Directory Writers", "Exchange Administrator", "User Administrator"], "R73");
        let roles: Vec<_> = Roles::over_limited_administrators().iter().map(DirectoryRole::name).collect();
        assert_eq!(roles, ["User Administrator"]);
    }

    #[test]
    fn the_least_is_enough_and_none_of_it_can_go() {
        let mut cases =
            vec![Operations::none(), Operations::outbound(), Operations::outbound_users(), Operations::inbound()];
        cases.push(Operation::all().collect());
        cases.extend(Operation::all().map(|operation| Operations::none().with(operation)));
        let pairs =
            Operation::all().flat_map(|one| Operation::all().map(move |two| Operations::none().with(one).with(two)));
        cases.extend(pairs);
        for operations in cases {
            let least = Permissions::least(&operations);
            let does = |set: &Permissions| operations.iter().all(|one| one.is_allowed(set, &Roles::none()));
            assert!(does(&least), "{operations:?}");
            for name in least.iter() {
                assert!(!does(&least.clone().without(name)), "{name} is not needed for {operations:?}");
            }
            assert!(least.unneeded_for(&operations).is_empty());
        }
        let granted = Permissions::pingone_outbound();
        assert_eq!(
            names(&granted.unneeded_for(&Operations::outbound_users())),
            ["Application.ReadWrite.All", "Group.ReadWrite.All"]
        );
    }

    #[test]
    fn roles_are_found_by_name_and_id_and_stored_by_name() {
        let role = DirectoryRole::new(" user administrator ").expect("by name");
        assert_eq!(role.template_id(), "fe930be7-5e62-47db-91af-98c3a49a38b1");
        assert_eq!(DirectoryRole::new(role.template_id()).expect("by id"), role);
        assert!(DirectoryRole::new("Owner").expect_err("unknown").to_string().contains("User Administrator"));
        let stored = serde_json::to_string(&Roles::one_identity()).expect("stored");
        assert_eq!(stored, r#"["Directory Writers","Exchange Administrator","User Administrator"]"#);
        assert_eq!(serde_json::from_str::<Roles>(&stored).expect("loaded"), Roles::one_identity());
        assert!(ROLES.is_sorted(), "so that they are listed by name");
    }
}
