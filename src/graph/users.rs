//! Users.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::error::Result;
use crate::graph::query::OF_USERS;
use crate::graph::word::text_id;
use crate::graph::{Call, DeltaQuery, DirectoryObject, GraphClient, List, Query, User};
use crate::odata;

/// The users of the tenant.
///
/// # Examples
///
/// ```no_run
/// # async fn example(graph: entrant::graph::GraphClient) -> entrant::Result<()> {
/// let user = graph.users().get("ada@contoso.com").select(["id", "jobTitle"]).await?;
/// if let Some(id) = &user.id {
///     graph.users().update(id, &serde_json::json!({ "jobTitle": "Analyst" })).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Users(GraphClient);

/// A user's object id, or the user principal name, by which Graph finds a user too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(#[serde(deserialize_with = "crate::graph::word::shared")] Arc<str>);

text_id!(UserId);

impl Users {
    pub(super) fn new(client: GraphClient) -> Self {
        Self(client)
    }

    /// Creates a user; gives it back with Graph's default properties.
    ///
    /// Needs `accountEnabled`, `displayName`, `mailNickname`, `userPrincipalName` and `passwordProfile`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if a unique value is taken,
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if a value is refused. Never repeated after a lost answer: the
    /// error is in doubt then.
    ///
    /// # Permissions
    ///
    /// `User.Create` (application).
    ///
    /// See [create user](https://learn.microsoft.com/graph/api/user-post-users).
    pub fn create(&self, user: &(impl Serialize + ?Sized)) -> Call<User> {
        self.call(Method::POST, Ok("/users".to_owned())).body(user).decode()
    }

    /// Reads one user, with Graph's default properties unless others are selected.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is none, or it is in the recycle bin.
    ///
    /// # Permissions
    ///
    /// `User.Read.All` (application).
    ///
    /// See [get user](https://learn.microsoft.com/graph/api/user-get).
    pub fn get(&self, id: impl Into<UserId>) -> Call<User> {
        self.call(Method::GET, path(id.into())).decode()
    }

    /// Lists all users, 999 a page.
    ///
    /// # Permissions
    ///
    /// `User.Read.All` (application).
    ///
    /// See [list users](https://learn.microsoft.com/graph/api/user-list).
    pub fn list(&self) -> List<User> {
        self.call(Method::GET, Ok("/users".to_owned())).list().top(999)
    }

    /// Lists users by conditions that Graph can answer.
    ///
    /// # Permissions
    ///
    /// `User.Read.All` (application).
    ///
    /// See [list users](https://learn.microsoft.com/graph/api/user-list).
    pub fn query(&self) -> Query<User> {
        Query::new(self.0.clone(), &OF_USERS)
    }

    /// Watches users: all of them in the first round, then what has changed since.
    ///
    /// # Permissions
    ///
    /// `User.Read.All` (application).
    ///
    /// See [user: delta](https://learn.microsoft.com/graph/api/user-delta).
    pub fn delta(&self) -> DeltaQuery<User> {
        DeltaQuery::new(self.0.clone(), "users")
    }

    /// Changes what the body names; a `null` clears.
    ///
    /// # Permissions
    ///
    /// `User.ReadUpdate.All` (application); more for some properties.
    ///
    /// See [update user](https://learn.microsoft.com/graph/api/user-update).
    pub fn update(&self, id: impl Into<UserId>, changes: &(impl Serialize + ?Sized)) -> Call<()> {
        self.call(Method::PATCH, path(id.into())).body(changes).decode_with(|_| Ok(()))
    }

    /// Changes what `changes` names, in as many requests as Graph needs for it: what it takes only by itself (each of
    /// the properties that another service keeps), and what it may refuse by itself (password, sign-in), never shares a
    /// request. To be sent in this order.
    ///
    /// # Permissions
    ///
    /// `User.ReadUpdate.All` (application); `User.EnableDisableAccount.All` for `accountEnabled`,
    /// `User-PasswordProfile.ReadWrite.All` and a directory role for `passwordProfile`.
    ///
    /// See [update user](https://learn.microsoft.com/graph/api/user-update).
    pub fn updates(&self, id: impl Into<UserId>, changes: &Map<String, Json>) -> Vec<Call<()>> {
        let id = id.into();
        let mut parts: BTreeMap<_, Map<String, Json>> = BTreeMap::new();
        for (name, value) in changes {
            parts.entry(part_of(name)).or_default().insert(name.clone(), value.clone());
        }
        parts.values().map(|part| self.update(&id, part)).collect()
    }

    /// Moves a user to the recycle bin.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is none; also if the answer to a first attempt was
    /// lost, which the error then says.
    ///
    /// # Permissions
    ///
    /// `User.DeleteRestore.All` (application).
    ///
    /// See [delete user](https://learn.microsoft.com/graph/api/user-delete).
    pub fn delete(&self, id: impl Into<UserId>) -> Call<()> {
        self.call(Method::DELETE, path(id.into())).decode_with(|_| Ok(()))
    }

    /// Reads a user's manager.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no manager, and likewise if there is no such
    /// user. Where the difference matters, ask for the user with `.expand("manager($select=id)")`: then a user without
    /// a manager is one whose [`manager`](crate::graph::UserDetails::manager) is `None`.
    ///
    /// # Permissions
    ///
    /// `User.Read.All` (application).
    ///
    /// See [list manager](https://learn.microsoft.com/graph/api/user-list-manager).
    pub fn manager(&self, id: impl Into<UserId>) -> Call<DirectoryObject> {
        self.call_at(Method::GET, id.into(), "/manager").decode()
    }

    /// Gives a user this manager, in place of another.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if one of the two is not there, or not yet everywhere.
    ///
    /// # Permissions
    ///
    /// `User.ReadWrite.All` (application).
    ///
    /// See [assign manager](https://learn.microsoft.com/graph/api/user-post-manager).
    pub fn set_manager(&self, id: impl Into<UserId>, manager: impl Into<UserId>) -> Call<()> {
        // The same form as for the path: the root ends in a slash, the path begins with one.
        match path(manager.into()) {
            Ok(manager) => {
                let reference = format!("{}{manager}", self.0.root().as_str().trim_end_matches('/'));
                self.call_at(Method::PUT, id.into(), "/manager/$ref")
                    .body(&serde_json::json!({ "@odata.id": reference }))
                    .decode_with(|_| Ok(()))
            }
            Err(error) => self.call(Method::PUT, Err(error)).decode_with(|_| Ok(())),
        }
    }

    /// Leaves a user without a manager. [`Error::is_not_there`](crate::Error::is_not_there) tells that there was none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there was no manager, or is no such user.
    ///
    /// # Permissions
    ///
    /// `User.ReadWrite.All` (application).
    ///
    /// See [remove manager](https://learn.microsoft.com/graph/api/user-delete-manager).
    pub fn remove_manager(&self, id: impl Into<UserId>) -> Call<()> {
        self.call_at(Method::DELETE, id.into(), "/manager/$ref").decode_with(|_| Ok(()))
    }

    /// Makes a user sign in again everywhere. Tokens that applications hold already stay good for up to an hour.
    ///
    /// # Permissions
    ///
    /// `User.RevokeSessions.All` (application).
    ///
    /// See [revoke sign-in sessions](https://learn.microsoft.com/graph/api/user-revokesigninsessions).
    pub fn revoke_sign_in_sessions(&self, id: impl Into<UserId>) -> Call<()> {
        self.call_at(Method::POST, id.into(), "/revokeSignInSessions").decode_with(|_| Ok(()))
    }

    pub(super) fn client(&self) -> &GraphClient {
        &self.0
    }

    fn call(&self, method: Method, path: Result<String>) -> Call {
        Call::new(self.0.clone(), method, path)
    }

    pub(super) fn call_at(&self, method: Method, id: UserId, rest: &str) -> Call {
        self.call(method, path(id).map(|path| path + rest))
    }
}

/// Which of the requests of [`Users::updates`] a property goes into: its place, and the property if it goes alone.
fn part_of(property: &str) -> (u8, Option<&str>) {
    const ELSEWHERE: &[&str] =
        &["aboutMe", "birthday", "interests", "mySite", "pastProjects", "responsibilities", "schools", "skills"];
    let is = |name: &&str| property.eq_ignore_ascii_case(name);
    match property {
        _ if ELSEWHERE.iter().any(is) => (1, Some(property)),
        _ if is(&"passwordProfile") => (2, None),
        _ if is(&"accountEnabled") => (3, None),
        _ => (0, None),
    }
}

fn path(id: UserId) -> Result<String> {
    odata::key_segment("/users", id.as_str())
}
