//! Which address means what, and which permission it needs.

use std::time::Duration;

use super::answer::{Answer, Refusal, Trace};
use super::routes::Call;
use crate::sim::apps::grant::Side;
use crate::sim::groups::member_of::Reach;
use crate::sim::groups::membership::Relation;
use crate::sim::state::State;
use crate::sim::trouble::fault::Place;
use crate::sim::users::property::Class;

/// Every address that there is; `*` stands for a key.
const ADDRESSES: &[&str] = &[
    "$batch",
    "users",
    "users/$count",
    "users/delta",
    "users/*",
    "users/*/manager",
    "users/*/manager/$ref",
    "users/*/directreports",
    "users/*/directreports/$count",
    "users/*/licensedetails",
    "users/*/assignlicense",
    "users/*/reprocesslicenseassignment",
    "users/*/revokesigninsessions",
    "groups",
    "groups/$count",
    "groups/delta",
    "groups/*",
    "groups/*/members",
    "groups/*/members/$ref",
    "groups/*/members/$count",
    "groups/*/members/*/$ref",
    "groups/*/owners",
    "groups/*/owners/$ref",
    "groups/*/owners/$count",
    "groups/*/owners/*/$ref",
    "groups/*/transitivemembers",
    "groups/*/transitivemembers/$count",
    "groups/*/memberswithlicenseerrors",
    "groups/*/assignlicense",
    "directoryobjects/getbyids",
    "directoryobjects/getavailableextensionproperties",
    "directoryobjects/*",
    "organization",
    "organization/*",
    "domains",
    "domains/*",
    "subscribedskus",
    "subscribedskus/*",
    "applications",
    "applications/$count",
    "applications/*",
    "applications/*/addpassword",
    "applications/*/removepassword",
    "applications/*/owners",
    "applications/*/owners/$ref",
    "applications/*/owners/$count",
    "applications/*/owners/*/$ref",
    "applications/*/extensionproperties",
    "applications/*/extensionproperties/*",
    "serviceprincipals",
    "serviceprincipals/$count",
    "serviceprincipals/*",
    "serviceprincipals/*/addpassword",
    "serviceprincipals/*/removepassword",
    "serviceprincipals/*/owners",
    "serviceprincipals/*/owners/$ref",
    "serviceprincipals/*/owners/$count",
    "serviceprincipals/*/owners/*/$ref",
    "serviceprincipals/*/approleassignments",
    "serviceprincipals/*/approleassignments/*",
    "serviceprincipals/*/approleassignedto",
    "serviceprincipals/*/approleassignedto/*",
    "oauth2permissiongrants",
    "oauth2permissiongrants/*",
    "invitations",
    "directory/deleteditems/*/$count",
    "directory/deleteditems/*",
    "directory/deleteditems/*/restore",
    "rolemanagement/directory/roleassignments",
    "rolemanagement/directory/roleassignments/*",
];
/// What users, groups and objects of either kind have alike.
const MEMBER_ADDRESSES: &[&str] = &[
    "memberof",
    "memberof/$count",
    "transitivememberof",
    "transitivememberof/$count",
    "ownedobjects",
    "ownedobjects/$count",
    "getmembergroups",
    "getmemberobjects",
    "checkmembergroups",
    "checkmemberobjects",
];

impl State {
    pub(crate) fn authorised(
        &mut self,
        place: Place,
        call: &Call<'_>,
        client: &str,
        path: &[&str],
        trace: &Trace,
        delay: &mut Duration,
    ) -> Result<Option<Answer>, Refusal> {
        match (path, call.method) {
            (["$batch"], "POST") if place == Place::TopLevel => return self.batch(call, trace, delay),
            (["me", ..], _) => {
                return Err(Refusal::protocol("/me request is only valid with delegated authentication flow."));
            }
            (["$batch"], _) if place == Place::Batch => {
                return Err(Refusal::protocol("A batch cannot hold a batch."));
            }
            _ => {}
        }
        client.clone_into(&mut self.caller);
        if let Some(needed) = needed(path, call.method)
            && !needed.iter().any(|permission| self.is_granted(permission))
        {
            return Err(Refusal::denied());
        }
        let answer = match path.first() {
            Some(&"users") => self.route_users(call, client, path),
            Some(&"groups") => self.route_groups(call, client, path),
            Some(&("applications" | "serviceprincipals")) => self.route_apps(call, client, path),
            _ => self.route_others(call, client, path),
        };
        let answer = match answer {
            Some(answer) => answer,
            None => self.route_member(call, path).unwrap_or_else(|| Err(unrouted(call, path))),
        };
        answer.map(Some)
    }

    fn route_users(&mut self, call: &Call<'_>, client: &str, path: &[&str]) -> Option<Result<Answer, Refusal>> {
        let key = call.name(1);
        Some(match (path, call.method) {
            (["users"], "GET") => self.list_users(call),
            (["users"], "POST") => self.post_user(call, client),
            (["users", "$count"], "GET") => self.count_users(call),
            (["users", "delta"], "GET") => self.delta(call, Class::User),
            (["users", _], "GET") => self.read_user(call, key),
            (["users", _], "PATCH") => self.patch_user(call, client, key),
            (["users", _], "DELETE") => self.drop_user(call, client, key),
            (["users", _, "manager"], "GET") => self.read_manager(call, key),
            (["users", _, "manager", "$ref"], "GET") => self.read_manager_reference(call, key),
            (["users", _, "manager", "$ref"], "PUT") => self.put_manager(call, client, key),
            (["users", _, "manager", "$ref"], "DELETE") => self.delete_manager(call, client, key),
            (["users", _, "directreports", rest @ ..], "GET") if is_list(rest) => self.list_reports(call, key, rest),
            (["users", _, "licensedetails"], "GET") => self.list_license_details(call, key),
            (["users", _, "assignlicense"], "POST") => self.assign_user_license(call, client, key),
            (["users", _, "reprocesslicenseassignment"], "POST") => self.reprocess(call, key),
            (["users", _, "revokesigninsessions"], "POST") => self.revoke_sessions(call, client, key),
            _ => return None,
        })
    }

    fn route_groups(&mut self, call: &Call<'_>, client: &str, path: &[&str]) -> Option<Result<Answer, Refusal>> {
        let key = call.name(1);
        if let ["groups", _, name, rest @ ..] = path
            && let Some(relation) = Relation::parse(name)
        {
            return Some(match (rest, call.method) {
                (["$ref"], "POST") => self.post_link(call, client, key, relation),
                (["$ref"], "PATCH") => {
                    Err(Refusal::protocol("The request is currently not supported on the targeted entity set"))
                }
                ([], "POST") => Err(Refusal::protocol("Write requests are only supported on contained entities")),
                ([_, "$ref"], "DELETE") => self.delete_link(call, client, key, relation, call.name(3)),
                (rest, "GET") if is_list(rest) || rest == ["$ref"] => self.list_links(call, key, relation, rest),
                _ => return None,
            });
        }
        Some(match (path, call.method) {
            (["groups"], "GET") => self.list_groups(call),
            (["groups"], "POST") => self.post_group(call, client),
            (["groups", "$count"], "GET") => self.count_groups(call),
            (["groups", "delta"], "GET") => self.delta(call, Class::Group),
            (["groups", _], "GET") => self.read_group(call, key),
            (["groups", _], "PATCH") => self.patch_group(call, client, key),
            (["groups", _], "DELETE") => self.drop_group(call, client, key),
            (["groups", _, "transitivemembers", rest @ ..], "GET") if is_list(rest) => {
                self.list_transitive(call, key, rest)
            }
            (["groups", _, "memberswithlicenseerrors"], "GET") => self.list_license_errors(call, key),
            (["groups", _, "assignlicense"], "POST") => self.assign_group_license(call, client, key),
            _ => return None,
        })
    }

    fn route_others(&mut self, call: &Call<'_>, client: &str, path: &[&str]) -> Option<Result<Answer, Refusal>> {
        let key = call.name(1);
        Some(match (path, call.method) {
            (["organization"], "GET") => self.list_organization(call),
            (["organization", _], "GET") => self.read_organization(call, key),
            (["domains"], "GET") => self.list_domains(call),
            (["domains", _], "GET") => self.read_domain(call, key),
            (["subscribedskus"], "GET") => self.list_skus(call),
            (["subscribedskus", _], "GET") => self.read_sku(call, key),
            (["directoryobjects", "getbyids"], "POST") => self.get_by_ids(call),
            (["directoryobjects", "getavailableextensionproperties"], "POST") => self.available_extensions(call),
            (["directoryobjects", _], "GET") => self.read_object(call, key),
            (["directory", "deleteditems", cast, rest @ ..], "GET") if binned_class(cast).is_some() => {
                let class = binned_class(cast)?;
                match rest {
                    [] => self.list_deleted(call, class),
                    ["$count"] => self.count_deleted(call, class),
                    _ => return None,
                }
            }
            (["invitations"], "POST") => self.invite(call, client),
            (["oauth2permissiongrants"], "GET") => self.list_scope_grants(call),
            (["oauth2permissiongrants"], "POST") => self.post_scope_grant(call, client),
            (["oauth2permissiongrants", _], "GET") => self.read_scope_grant(call, key),
            (["oauth2permissiongrants", _], "PATCH") => self.patch_scope_grant(call, client, key),
            (["oauth2permissiongrants", _], "DELETE") => self.drop_scope_grant(call, client, key),
            (["directory", "deleteditems", _], "GET") => self.read_deleted(call, call.name(2)),
            (["directory", "deleteditems", _], "DELETE") => self.purge(call, client, call.name(2)),
            (["directory", "deleteditems", _, "restore"], "POST") => self.restore(call, client, call.name(2)),
            (["rolemanagement", "directory", "roleassignments"], "GET") => self.list_assignments(call),
            (["rolemanagement", "directory", "roleassignments"], "POST") => self.post_assignment(call, client),
            (["rolemanagement", "directory", "roleassignments", _], "GET") => self.read_assignment(call, call.name(3)),
            (["rolemanagement", "directory", "roleassignments", _], "DELETE") => {
                self.drop_assignment(call, client, call.name(3))
            }
            _ => return None,
        })
    }

    fn route_apps(&mut self, call: &Call<'_>, client: &str, path: &[&str]) -> Option<Result<Answer, Refusal>> {
        let key = call.name(1);
        let class = match path.first() {
            Some(&"applications") => Class::Application,
            _ => Class::ServicePrincipal,
        };
        Some(match (path, call.method) {
            ([_], "GET") => self.list_apps(call, class),
            ([_], "POST") => self.post_app(call, client, class),
            ([_, "$count"], "GET") => self.count_apps(call, class),
            ([_, _], "GET") => self.read_app(call, class, key),
            ([_, _], "PATCH") => self.upsert_app(call, client, class, key),
            ([_, _], "DELETE") => self.drop_app(call, client, class, key),
            ([_, _, "addpassword"], "POST") => self.add_password(call, client, class, key),
            ([_, _, "removepassword"], "POST") => self.remove_password(call, client, class, key),
            ([_, _, "owners", "$ref"], "POST") => self.add_app_owner(call, client, class, key),
            ([_, _, "owners", _, "$ref"], "DELETE") => self.drop_app_owner(call, client, class, (key, call.name(3))),
            ([_, _, "owners", rest @ ..], "GET") if is_list(rest) || rest == ["$ref"] => {
                self.list_app_owners(call, class, key, rest)
            }
            (["applications", _, "extensionproperties"], "GET") => self.list_extensions(call, key),
            (["applications", _, "extensionproperties"], "POST") => self.post_extension(call, client, key),
            (["applications", _, "extensionproperties", id], "GET") => self.read_extension(call, key, id),
            (["applications", _, "extensionproperties", id], "DELETE") => self.drop_extension(call, client, key, id),
            (["serviceprincipals", _, side @ ("approleassignments" | "approleassignedto"), rest @ ..], method) => {
                let side = if *side == "approleassignments" { Side::Granted } else { Side::Given };
                match (rest, method) {
                    ([], "GET") => self.list_grants(call, key, side),
                    ([], "POST") => self.post_grant(call, client, key, side),
                    ([_], "GET") => self.read_grant(call, key, call.name(3), side),
                    ([_], "DELETE") => self.drop_grant(call, client, (key, call.name(3)), side),
                    _ => return None,
                }
            }
            _ => return None,
        })
    }

    /// What users, groups and objects of either kind have alike.
    fn route_member(&self, call: &Call<'_>, path: &[&str]) -> Option<Result<Answer, Refusal>> {
        let [collection @ ("users" | "groups" | "serviceprincipals" | "directoryobjects"), _, asked, rest @ ..] = path
        else {
            return None;
        };
        let of = (*collection, call.name(1));
        Some(match (*asked, rest, call.method) {
            ("memberof", rest, "GET") if is_list(rest) => self.list_member_of(call, of, Reach::Direct, rest),
            ("transitivememberof", rest, "GET") if is_list(rest) => {
                self.list_member_of(call, of, Reach::Transitive, rest)
            }
            ("ownedobjects", rest, "GET") if is_list(rest) && *collection == "users" => {
                self.list_owned(call, call.name(1), rest)
            }
            ("getmembergroups" | "getmemberobjects", [], "POST") => self.get_member_groups(call, of),
            ("checkmembergroups", [], "POST") => self.check_member_groups(call, of, "groupIds"),
            ("checkmemberobjects", [], "POST") => self.check_member_groups(call, of, "ids"),
            _ => return None,
        })
    }

    /// Whether the application whose request is under way was given a permission.
    pub(crate) fn is_granted(&self, permission: &str) -> bool {
        self.may(&self.caller, permission)
    }
}

/// Whether a list goes on like this: nothing, a cast, a count.
fn is_list(rest: &[&str]) -> bool {
    match rest {
        [] | ["$count"] => true,
        [cast] | [cast, "$count"] => cast.starts_with("graph."),
        _ => false,
    }
}

/// The class that a cast of the recycle bin names.
fn binned_class(cast: &str) -> Option<Class> {
    match cast {
        "graph.user" => Some(Class::User),
        "graph.group" => Some(Class::Group),
        "graph.application" => Some(Class::Application),
        "graph.serviceprincipal" => Some(Class::ServicePrincipal),
        _ => None,
    }
}

const GROUP_READ: &[&str] = &[
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];

/// Permissions of which one is needed, if the address needs any.
fn needed(path: &[&str], method: &str) -> Option<&'static [&'static str]> {
    let reads = method == "GET";
    Some(match path {
        ["users", _, "assignlicense" | "reprocesslicenseassignment"] => {
            &["LicenseAssignment.ReadWrite.All", "User.ReadWrite.All", "Directory.ReadWrite.All"]
        }
        ["groups", _, "assignlicense"] => {
            &["LicenseAssignment.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"]
        }
        ["users", _, "licensedetails"] => &[
            "LicenseAssignment.Read.All",
            "LicenseAssignment.ReadWrite.All",
            "User.Read.All",
            "User.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        ["users", _] if method == "DELETE" => &["User.DeleteRestore.All", "User.ReadWrite.All"],
        ["users"] if method == "POST" => &["User.Create", "User.ReadWrite.All", "Directory.ReadWrite.All"],
        ["users", _] if method == "PATCH" => {
            &["User.ReadUpdate.All", "User.EnableDisableAccount.All", "User.ReadWrite.All", "Directory.ReadWrite.All"]
        }
        ["users", _, "manager", "$ref"] if !reads => &["User.ReadWrite.All", "Directory.ReadWrite.All"],
        ["users", _, "revokesigninsessions"] => {
            &["User.RevokeSessions.All", "User.ReadWrite.All", "Directory.ReadWrite.All"]
        }
        ["users", ..] => &["User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
        ["oauth2permissiongrants", ..] if reads => &[
            "DelegatedPermissionGrant.Read.All",
            "DelegatedPermissionGrant.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        ["oauth2permissiongrants", ..] => &["DelegatedPermissionGrant.ReadWrite.All", "Directory.ReadWrite.All"],
        ["invitations"] => &["User.Invite.All", "User.ReadWrite.All", "Directory.ReadWrite.All"],
        ["serviceprincipals", _, "approleassignments" | "approleassignedto", ..] if !reads => {
            &["AppRoleAssignment.ReadWrite.All"]
        }
        ["applications" | "serviceprincipals", ..] if !reads => {
            &["Application.ReadWrite.All", "Application.ReadWrite.OwnedBy", "Directory.ReadWrite.All"]
        }
        ["applications" | "serviceprincipals", ..] => &[
            "Application.Read.All",
            "Application.ReadWrite.All",
            "Application.ReadWrite.OwnedBy",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        ["groups"] if method == "POST" => &["Group.Create", "Group.ReadWrite.All", "Directory.ReadWrite.All"],
        ["groups", _] if method == "DELETE" => &["Group.ReadWrite.All"],
        ["groups", _, "members", ..] if !reads => &["GroupMember.ReadWrite.All", "Group.ReadWrite.All"],
        ["groups", _, "getmembergroups" | "getmemberobjects" | "checkmembergroups" | "checkmemberobjects"] => {
            GROUP_READ
        }
        ["groups", ..] if !reads => &["Group.ReadWrite.All", "Directory.ReadWrite.All"],
        ["groups", ..] => GROUP_READ,
        ["subscribedskus", ..] => &[
            "LicenseAssignment.Read.All",
            "LicenseAssignment.ReadWrite.All",
            "Organization.Read.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        ["domains", ..] => &["Domain.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"],
        ["organization", ..] => &[
            "Organization.Read.All",
            "User.Read.All",
            "User.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        ["rolemanagement", ..] if matches!(method, "POST" | "DELETE") => &["RoleManagement.ReadWrite.Directory"],
        ["rolemanagement", ..] => &["RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory"],
        _ => return None,
    })
}

/// Why an address is answered by nobody: the method is wrong, or part of the address is.
fn unrouted(call: &Call<'_>, path: &[&str]) -> Refusal {
    // A list with a cast is what it is without; that of the recycle bin is not.
    let is_cast = |part: &str| part.starts_with("graph.") && path.first() != Some(&"directory");
    let (places, path): (Vec<usize>, Vec<&str>) =
        path.iter().copied().enumerate().filter(|(_, part)| !is_cast(part)).unzip();
    let path = path.as_slice();
    let fits =
        |address: &str| address.split('/').zip(path).take_while(|(part, is)| *part == "*" || part == *is).count();
    let mut known = 0;
    for address in ADDRESSES {
        known = known.max(fits(address));
        if fits(address) == path.len() && address.split('/').count() == path.len() {
            return Refusal::method();
        }
    }
    if let ["users" | "groups" | "serviceprincipals" | "directoryobjects", _, rest @ ..] = path {
        let rest = rest.join("/");
        if MEMBER_ADDRESSES.contains(&rest.as_str()) {
            return Refusal::method();
        }
    }
    let unknown = places.get(known.min(path.len().saturating_sub(1))).copied().unwrap_or_default();
    Refusal::segment(call.name(unknown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_in_lower_case_and_named_once() {
        for (at, address) in ADDRESSES.iter().enumerate() {
            assert_eq!(address.to_lowercase(), *address);
            assert!(!ADDRESSES[..at].contains(address), "{address}");
        }
    }
}
