//! What the operations need.

use http::Method;

use crate::auth::TokenClaims;

/// The least application permission for a request, by its path under the version; `None` where it is not known.
///
/// See [permissions reference](https://learn.microsoft.com/graph/permissions-reference) and the page of each operation.
pub(super) fn permission(method: &Method, path: &str) -> Option<&'static str> {
    let path = path.trim_matches('/').to_ascii_lowercase();
    let segments: Vec<&str> = path.split('/').collect();
    // `users('$ada')` and `groups(uniqueName='x')` are an object of the collection.
    let (first, in_brackets) = match segments[0].split_once('(') {
        Some((name, _)) => (name, true),
        None => (segments[0], false),
    };
    let mut rest: Vec<&str> = segments[1..].to_vec();
    if in_brackets {
        rest.insert(0, "key");
    }
    let reads = *method == Method::GET;
    let permission = match (first, rest.as_slice()) {
        ("users", [] | ["$count" | "delta" | "delta()"]) if reads => "User.Read.All",
        ("users", []) if *method == Method::POST => "User.Create",
        ("users", [_]) if reads => "User.Read.All",
        ("users", [_]) if *method == Method::DELETE => "User.DeleteRestore.All",
        ("users", [_]) => "User.ReadUpdate.All",
        ("users", [_, "manager" | "directreports", ..]) if reads => "User.Read.All",
        ("users", [_, "manager", ..]) => "User.ReadWrite.All",
        ("users", [_, "revokesigninsessions"]) => "User.RevokeSessions.All",
        ("users" | "groups", [_, "assignlicense"]) => "LicenseAssignment.ReadWrite.All",
        ("users", [_, "licensedetails"]) => "LicenseAssignment.Read.All",
        ("users", [_, "memberof" | "transitivememberof" | "getmembergroups" | "checkmembergroups", ..]) => {
            "GroupMember.Read.All"
        }
        ("groups", [] | ["$count" | "delta" | "delta()"]) if reads => "Group.Read.All",
        ("groups", []) if *method == Method::POST => "Group.Create",
        ("groups", [_]) if reads => "Group.Read.All",
        ("groups", [_]) => "Group.ReadWrite.All",
        ("groups", [_, "members" | "transitivemembers" | "owners", ..]) if reads => "GroupMember.Read.All",
        ("groups", [_, "members", ..]) => "GroupMember.ReadWrite.All",
        ("groups", [_, "owners", ..]) => "Group.ReadWrite.All",
        ("directory", ["deleteditems", "microsoft.graph.group", ..]) if reads => "Group.Read.All",
        ("directory", ["deleteditems", ..]) if reads => "User.Read.All",
        // A group's needs another one; the address does not tell.
        ("directory", ["deleteditems", ..]) => return None,
        ("invitations", []) => "User.Invite.All",
        ("subscribedskus", ..) => "LicenseAssignment.Read.All",
        ("organization", ..) if reads => "Organization.Read.All",
        ("domains", ..) if reads => "Domain.Read.All",
        ("rolemanagement", ..) if reads => "RoleManagement.Read.Directory",
        ("applications", [_, "extensionproperties", ..]) if reads => "Application.Read.All",
        ("applications", [_, "extensionproperties", ..]) => "Application.ReadWrite.All",
        ("rolemanagement", ..) => "RoleManagement.ReadWrite.Directory",
        ("applications" | "serviceprincipals", ..) if reads => "Application.Read.All",
        ("serviceprincipals", [_, "approleassignedto" | "approleassignments", ..]) => "AppRoleAssignment.ReadWrite.All",
        ("applications" | "serviceprincipals", ..) => "Application.ReadWrite.OwnedBy",
        _ => return None,
    };
    Some(permission)
}

/// Whether a refusal of this request can only mean that a directory role is missing: the application has the permission
/// for all that such a request may change.
///
/// Told only for writes of users, where Graph asks for a role beside the permission: for people who hold roles
/// themselves, and for passwords. See [update user](https://learn.microsoft.com/graph/api/user-update).
pub(super) fn needs_role(method: &Method, path: &str, claims: &TokenClaims) -> bool {
    match permission(method, path) {
        // The least permission is not enough for every property.
        Some("User.ReadUpdate.All") => claims.has_permission("User.ReadWrite.All"),
        Some(least @ "User.DeleteRestore.All") => claims.has_permission(least),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_named() {
        #[rustfmt::skip]
        let table = [
            (Method::GET, "/users", Some("User.Read.All")),
            (Method::POST, "users", Some("User.Create")),
            (Method::PATCH, "/users/ada%40contoso.com", Some("User.ReadUpdate.All")),
            (Method::PATCH, "/users('$ada@contoso.com')", Some("User.ReadUpdate.All")),
            (Method::DELETE, "/Users/1", Some("User.DeleteRestore.All")),
            (Method::PUT, "/users/1/manager/$ref", Some("User.ReadWrite.All")),
            (Method::POST, "/users/1/assignLicense", Some("LicenseAssignment.ReadWrite.All")),
            (Method::PATCH, "/groups(uniqueName='x')", Some("Group.ReadWrite.All")),
            (Method::POST, "/groups/1/members/$ref", Some("GroupMember.ReadWrite.All")),
            (Method::GET, "/groups/1/transitiveMembers", Some("GroupMember.Read.All")),
            (Method::GET, "/applications(uniqueName='x')", Some("Application.Read.All")),
            (Method::POST, "/applications/1/addPassword", Some("Application.ReadWrite.OwnedBy")),
            (Method::POST, "/applications/1/extensionProperties", Some("Application.ReadWrite.All")),
            (Method::GET, "/servicePrincipals/1/appRoleAssignments", Some("Application.Read.All")),
            (Method::POST, "/servicePrincipals/1/appRoleAssignedTo", Some("AppRoleAssignment.ReadWrite.All")),
            (Method::POST, "/roleManagement/directory/roleAssignments", Some("RoleManagement.ReadWrite.Directory")),
            (Method::POST, "/directory/deletedItems/1/restore", None),
            (Method::POST, "/users/1/sendMail", None),
            (Method::DELETE, "/users", None),
            (Method::GET, "", None),
            (Method::GET, "///", None),
        ];
        for (method, path, expected) in table {
            assert_eq!(permission(&method, path), expected, "{method} {path}");
        }
    }
}
