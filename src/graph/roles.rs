//! Who holds which directory role.

use std::sync::Arc;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::graph::word::text_id;
use crate::graph::{Call, DirectoryObjectId, GraphClient, List};

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

pub(super) fn role_assignments(client: &GraphClient) -> List<RoleAssignment> {
    // The page on the call names $filter, $expand and $select, and no $top.
    let path = "/roleManagement/directory/roleAssignments".to_owned();
    Call::new(client.clone(), Method::GET, Ok(path)).list().expand("roleDefinition")
}
