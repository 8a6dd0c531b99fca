//! Who holds which directory role.

use std::sync::Arc;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::graph::word::text_id;
use crate::graph::{Call, DirectoryObjectId, GraphClient, List};
use crate::odata;

/// The id of a directory role. That of a built-in role is the same in every tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoleId(Arc<str>);

text_id!(RoleId);

/// A directory role that someone holds.
///
/// The holder may be a group: its members hold the role then. Who may activate a role, and has not, is in another list.
///
/// See [unifiedRoleAssignment](https://learn.microsoft.com/graph/api/resources/unifiedroleassignment).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RoleAssignment {
    /// Its own id.
    #[serde(default)]
    pub id: Option<String>,
    /// Who holds it.
    pub principal_id: DirectoryObjectId,
    /// Which role.
    pub role_definition_id: RoleId,
    /// Where it holds: `/` for the whole tenant, else an administrative unit or an object.
    pub directory_scope_id: Option<String>,
    /// What is told of the role itself.
    pub role_definition: Option<RoleDefinition>,
    /// Every other property, under Graph's own name.
    #[serde(flatten)]
    pub extra: Map<String, Json>,
}

/// A directory role.
///
/// See [unifiedRoleDefinition](https://learn.microsoft.com/graph/api/resources/unifiedroledefinition).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RoleDefinition {
    /// Its id in this tenant.
    pub id: RoleId,
    /// Its name, such as `User Administrator`.
    pub display_name: Option<String>,
    /// Its id in every tenant, if it is built in; what `wids` in a token names.
    pub template_id: Option<RoleId>,
}

impl RoleAssignment {
    /// The role's name, or its id if it has none or may not be read.
    #[must_use]
    pub fn role_name(&self) -> &str {
        let name = self.role_definition.as_ref().and_then(|role| role.display_name.as_deref());
        name.filter(|name| !name.is_empty()).unwrap_or(self.role_definition_id.as_str())
    }
}

const ASSIGNMENTS: &str = "/roleManagement/directory/roleAssignments";

pub(super) fn role_assignments(client: &GraphClient) -> List<RoleAssignment> {
    // The page on the call names $filter, $expand and $select, and no $top.
    Call::new(client.clone(), Method::GET, Ok(ASSIGNMENTS.to_owned())).list().expand("roleDefinition")
}

impl GraphClient {
    /// The directory roles that one user, group or service principal holds itself; as
    /// [`role_assignments`](GraphClient::role_assignments).
    pub fn role_assignments_of(&self, principal: &str) -> List<RoleAssignment> {
        self.role_assignments().filter(format!("principalId eq {}", odata::literal(principal)))
    }

    /// Gives a directory role, over the whole tenant, to a user, a group that roles can be given to, or a service
    /// principal.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if it holds it already.
    ///
    /// # Permissions
    ///
    /// `RoleManagement.ReadWrite.Directory` (application or delegated).
    ///
    /// See [create unifiedRoleAssignment](https://learn.microsoft.com/graph/api/rbacapplication-post-roleassignments).
    pub fn assign_role(&self, role: impl Into<RoleId>, principal: &str) -> Call<RoleAssignment> {
        let body = json!({
            "@odata.type": "#microsoft.graph.unifiedRoleAssignment",
            "roleDefinitionId": role.into(),
            "principalId": principal,
            "directoryScopeId": "/",
        });
        Call::new(self.clone(), Method::POST, Ok(ASSIGNMENTS.to_owned())).body(&body).decode()
    }

    /// Takes a directory role again, by the id of its assignment.
    ///
    /// # Permissions
    ///
    /// `RoleManagement.ReadWrite.Directory` (application or delegated).
    ///
    /// See [delete unifiedRoleAssignment](https://learn.microsoft.com/graph/api/unifiedroleassignment-delete).
    pub fn unassign_role(&self, assignment: &str) -> Call<()> {
        Call::new(self.clone(), Method::DELETE, odata::key_segment(ASSIGNMENTS, assignment)).decode_with(|_| Ok(()))
    }
}
