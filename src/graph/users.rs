//! Users.

use std::sync::Arc;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use time::OffsetDateTime;

use crate::error::Result;
use crate::graph::word::text_id;
use crate::graph::{AssignedLicense, Call, DirectoryObject, GraphClient, LicenseAssignmentState, List};
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
pub struct UserId(Arc<str>);

text_id!(UserId);

/// A user, as far as it was asked for: what was not selected, or has no value, is `None`.
///
/// Properties without a field of their own are in [`extra`](User::extra). When sent, `None` is left out; a `null` in
/// `extra` clears a property.
///
/// See [user](https://learn.microsoft.com/graph/api/resources/user).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are Graph's properties, under Graph's names")]
pub struct User {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_principal_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail_nickname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub employee_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub employee_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub office_location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub street_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mobile_phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub business_phones: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_mails: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_addresses: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assigned_licenses: Option<Vec<AssignedLicense>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license_assignment_states: Option<Vec<LicenseAssignmentState>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<DirectoryObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_premises_immutable_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_premises_sync_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub created_date_time: Option<OffsetDateTime>,
    #[serde(skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub deleted_date_time: Option<OffsetDateTime>,
    /// Every other property, under Graph's own name.
    #[serde(flatten)]
    pub extra: Map<String, Json>,
}

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
    /// a manager is one whose [`manager`](User::manager) is `None`.
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

    fn call(&self, method: Method, path: Result<String>) -> Call {
        Call::new(self.0.clone(), method, path)
    }

    pub(super) fn call_at(&self, method: Method, id: UserId, rest: &str) -> Call {
        self.call(method, path(id).map(|path| path + rest))
    }
}

fn path(id: UserId) -> Result<String> {
    odata::key_segment("/users", id.as_str())
}
