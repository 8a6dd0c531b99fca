//! The recycle bin.

use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Call, GraphClient, Group, GroupId, List, User, UserId};
use crate::odata;

/// The recycle bin, where deleted users and groups stay for 30 days.
///
/// # Examples
///
/// ```no_run
/// use entrant::graph::{GraphClass, Restore};
///
/// # async fn example(graph: entrant::graph::GraphClient, id: entrant::graph::UserId) -> entrant::Result<()> {
/// let bin = graph.deleted_items();
/// let restored = match bin.restore(&id).await {
///     Err(error) if error.is_duplicate() => {
///         // Someone else has the name by now.
///         let other = Restore::new().with_user_principal_name("ada2@contoso.com").with_free_addresses();
///         bin.restore_with(&id, &other).await?
///     }
///     restored => restored?,
/// };
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct DeletedItems(GraphClient);

/// How a user comes back whose name or address someone else has by now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Restore {
    #[serde(skip_serializing_if = "Option::is_none")]
    new_user_principal_name: Option<String>,
    #[serde(rename = "autoReconcileProxyConflict", skip_serializing_if = "std::ops::Not::not")]
    free_addresses: bool,
}

impl Restore {
    /// As it was.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Under another user principal name.
    #[must_use]
    pub fn with_user_principal_name(mut self, name: impl Into<String>) -> Self {
        self.new_user_principal_name = Some(name.into());
        self
    }

    /// Without those proxy addresses that someone else has.
    #[must_use]
    pub fn with_free_addresses(mut self) -> Self {
        self.free_addresses = true;
        self
    }
}

impl DeletedItems {
    pub(super) fn new(client: GraphClient) -> Self {
        Self(client)
    }

    /// Lists the deleted users, 999 a page.
    ///
    /// # Permissions
    ///
    /// `User.Read.All` (application).
    ///
    /// See [list deleted items](https://learn.microsoft.com/graph/api/directory-deleteditems-list).
    pub fn list_users(&self) -> List<User> {
        self.list("user")
    }

    /// Lists the deleted groups, 999 a page.
    ///
    /// # Permissions
    ///
    /// `Group.Read.All` (application).
    ///
    /// See [list deleted items](https://learn.microsoft.com/graph/api/directory-deleteditems-list).
    pub fn list_groups(&self) -> List<Group> {
        self.list("group")
    }

    /// Reads one deleted user by its object id.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if it is not in the bin.
    ///
    /// # Permissions
    ///
    /// `User.Read.All` (application).
    ///
    /// See [get deleted item](https://learn.microsoft.com/graph/api/directory-deleteditems-get).
    pub fn get(&self, id: impl Into<UserId>) -> Call<User> {
        self.call(Method::GET, id.into().as_str(), "").decode()
    }

    /// Reads one deleted group.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if it is not in the bin.
    ///
    /// # Permissions
    ///
    /// `Group.Read.All` (application).
    ///
    /// See [get deleted item](https://learn.microsoft.com/graph/api/directory-deleteditems-get).
    pub fn get_group(&self, id: impl Into<GroupId>) -> Call<Group> {
        self.call(Method::GET, id.into().as_str(), "").decode()
    }

    /// Takes a user out of the bin.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if it is not in the bin, [`ErrorKind::Conflict`] if a unique value is taken by now: see
    /// [`restore_with`](DeletedItems::restore_with).
    ///
    /// # Permissions
    ///
    /// `User.DeleteRestore.All` (application).
    ///
    /// See [restore](https://learn.microsoft.com/graph/api/directory-deleteditems-restore).
    pub fn restore(&self, id: impl Into<UserId>) -> Call<User> {
        self.call(Method::POST, id.into().as_str(), "/restore").decode()
    }

    /// Takes a user out of the bin although someone else has its name or addresses by now.
    ///
    /// # Errors
    ///
    /// Those of [`restore`](DeletedItems::restore).
    ///
    /// # Permissions
    ///
    /// `User.DeleteRestore.All` (application).
    ///
    /// See [restore](https://learn.microsoft.com/graph/api/directory-deleteditems-restore).
    pub fn restore_with(&self, id: impl Into<UserId>, how: &Restore) -> Call<User> {
        self.restore(id).body(how)
    }

    /// Takes a group out of the bin, with its members.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if it is not in the bin, [`ErrorKind::Conflict`] if a unique value is taken by now.
    ///
    /// # Permissions
    ///
    /// `Group.ReadWrite.All` (application).
    ///
    /// See [restore](https://learn.microsoft.com/graph/api/directory-deleteditems-restore).
    pub fn restore_group(&self, id: impl Into<GroupId>) -> Call<Group> {
        self.call(Method::POST, id.into().as_str(), "/restore").decode()
    }

    /// Deletes a user for ever.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if it is not in the bin.
    ///
    /// # Permissions
    ///
    /// `User.DeleteRestore.All` (application).
    ///
    /// See [permanently delete](https://learn.microsoft.com/graph/api/directory-deleteditems-delete).
    pub fn purge(&self, id: impl Into<UserId>) -> Call<()> {
        self.call(Method::DELETE, id.into().as_str(), "").decode_with(|_| Ok(()))
    }

    /// Deletes a group for ever.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if it is not in the bin.
    ///
    /// # Permissions
    ///
    /// `Group.ReadWrite.All` (application).
    ///
    /// See [permanently delete](https://learn.microsoft.com/graph/api/directory-deleteditems-delete).
    pub fn purge_group(&self, id: impl Into<GroupId>) -> Call<()> {
        self.call(Method::DELETE, id.into().as_str(), "").decode_with(|_| Ok(()))
    }

    fn list<T: DeserializeOwned>(&self, kind: &str) -> List<T> {
        // Graph lists one type only, and wants it named.
        let path = format!("/directory/deletedItems/microsoft.graph.{kind}");
        Call::new(self.0.clone(), Method::GET, Ok(path)).list().top(999)
    }

    fn call(&self, method: Method, id: &str, action: &str) -> Call {
        Call::new(self.0.clone(), method, place(id).map(|path| path + action))
    }
}

/// Where a deleted object is. A cast in its place would be the list.
fn place(id: &str) -> Result<String> {
    if id.to_ascii_lowercase().starts_with("microsoft.graph.") {
        return Err(Error::new(ErrorKind::Invalid, "a deleted object is named by its object id"));
    }
    odata::key_segment("/directory/deletedItems", id)
}
