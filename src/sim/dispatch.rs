//! Which address means what, and which permission it needs.

use std::time::Duration;

use super::answer::{Answer, Refusal, Trace};
use super::fault::Place;
use super::member_of::Reach;
use super::membership::Relation;
use super::property::Class;
use super::routes::Call;
use super::state::State;

/// Every address that there is; `*` stands for a key.
const ADDRESSES: &[&str] = &[
    "$batch",
    "users",
    "users/$count",
    "users/*",
    "users/*/manager",
    "users/*/manager/$ref",
    "users/*/directreports",
    "users/*/directreports/$count",
    "users/*/directreports/graph.user",
    "users/*/directreports/graph.user/$count",
    "users/*/licensedetails",
    "users/*/assignlicense",
    "users/*/reprocesslicenseassignment",
    "groups",
    "groups/$count",
    "groups/*",
    "groups/*/members",
    "groups/*/members/$ref",
    "groups/*/members/$count",
    "groups/*/members/graph.user",
    "groups/*/members/graph.user/$count",
    "groups/*/members/graph.group",
    "groups/*/members/graph.group/$count",
    "groups/*/members/*/$ref",
    "groups/*/owners",
    "groups/*/owners/$ref",
    "groups/*/owners/$count",
    "groups/*/owners/graph.user",
    "groups/*/owners/graph.user/$count",
    "groups/*/owners/*/$ref",
    "groups/*/transitivemembers",
    "groups/*/transitivemembers/$count",
    "groups/*/transitivemembers/graph.user",
    "groups/*/transitivemembers/graph.user/$count",
    "groups/*/transitivemembers/graph.group",
    "groups/*/transitivemembers/graph.group/$count",
    "groups/*/memberswithlicenseerrors",
    "groups/*/assignlicense",
    "directoryobjects/getbyids",
    "directoryobjects/*",
    "organization",
    "organization/*",
    "domains",
    "domains/*",
    "subscribedskus",
    "subscribedskus/*",
    "directory/deleteditems/graph.user",
    "directory/deleteditems/graph.user/$count",
    "directory/deleteditems/graph.group",
    "directory/deleteditems/graph.group/$count",
    "directory/deleteditems/*",
    "directory/deleteditems/*/restore",
    "rolemanagement/directory/roleassignments",
    "rolemanagement/directory/roleassignments/*",
];
/// What users, groups and objects of either kind have alike.
const MEMBER_ADDRESSES: &[&str] = &[
    "memberof",
    "memberof/$count",
    "memberof/graph.group",
    "memberof/graph.group/$count",
    "transitivememberof",
    "transitivememberof/$count",
    "transitivememberof/graph.group",
    "transitivememberof/graph.group/$count",
    "getmembergroups",
    "getmemberobjects",
    "checkmembergroups",
    "checkmemberobjects",
];

impl State {
    pub(super) fn authorised(
        &mut self,
        place: Place,
        call: &Call<'_>,
        trace: &Trace,
        delay: &mut Duration,
    ) -> Result<Option<Answer>, Refusal> {
        let client = self.check_token(call, trace)?;
        let path = call.path();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match (path.as_slice(), call.method) {
            (["$batch"], "POST") if place == Place::TopLevel => return self.batch(call, trace, delay),
            (["$batch"], _) if place == Place::Batch => {
                return Err(Refusal::protocol("A batch cannot hold a batch."));
            }
            _ => {}
        }
        if let Some(needed) = needed(&path, call.method)
            && !needed.iter().any(|permission| self.is_granted(permission))
        {
            return Err(Refusal::denied());
        }
        let answer = match path.first() {
            Some(&"users") => self.route_users(call, &client, &path),
            Some(&"groups") => self.route_groups(call, &client, &path),
            _ => self.route_others(call, &client, &path),
        };
        let answer = match answer {
            Some(answer) => answer,
            None => self.route_member(call, &path).unwrap_or_else(|| Err(unrouted(call, &path))),
        };
        answer.map(Some)
    }

    fn route_users(&mut self, call: &Call<'_>, client: &str, path: &[&str]) -> Option<Result<Answer, Refusal>> {
        let key = call.name(1);
        Some(match (path, call.method) {
            (["users"], "GET") => self.list_users(call),
            (["users"], "POST") => self.post_user(call, client),
            (["users", "$count"], "GET") => self.count_users(call),
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
                (rest, "GET") if is_list(rest) => self.list_links(call, key, relation, rest),
                _ => return None,
            });
        }
        Some(match (path, call.method) {
            (["groups"], "GET") => self.list_groups(call),
            (["groups"], "POST") => self.post_group(call, client),
            (["groups", "$count"], "GET") => self.count_groups(call),
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
            (["directoryobjects", _], "GET") => self.read_object(call, key),
            (["directory", "deleteditems", "graph.user"], "GET") => self.list_deleted(call, Class::User),
            (["directory", "deleteditems", "graph.group"], "GET") => self.list_deleted(call, Class::Group),
            (["directory", "deleteditems", "graph.user", "$count"], "GET") => self.count_deleted(call, Class::User),
            (["directory", "deleteditems", "graph.group", "$count"], "GET") => self.count_deleted(call, Class::Group),
            (["directory", "deleteditems", _], "GET") => self.read_deleted(call, call.name(2)),
            (["directory", "deleteditems", _], "DELETE") => self.purge(call, client, call.name(2)),
            (["directory", "deleteditems", _, "restore"], "POST") => self.restore(call, client, call.name(2)),
            (["rolemanagement", "directory", "roleassignments"], "GET") => self.list_assignments(call),
            (["rolemanagement", "directory", "roleassignments", _], "GET") => self.read_assignment(call, call.name(3)),
            _ => return None,
        })
    }

    /// What users, groups and objects of either kind have alike.
    fn route_member(&self, call: &Call<'_>, path: &[&str]) -> Option<Result<Answer, Refusal>> {
        let [collection @ ("users" | "groups" | "directoryobjects"), _, asked, rest @ ..] = path else {
            return None;
        };
        let of = (*collection, call.name(1));
        Some(match (*asked, rest, call.method) {
            ("memberof", rest, "GET") if is_list(rest) => self.list_member_of(call, of, Reach::Direct, rest),
            ("transitivememberof", rest, "GET") if is_list(rest) => {
                self.list_member_of(call, of, Reach::Transitive, rest)
            }
            ("getmembergroups" | "getmemberobjects", [], "POST") => self.get_member_groups(call, of),
            ("checkmembergroups", [], "POST") => self.check_member_groups(call, of, "groupIds"),
            ("checkmemberobjects", [], "POST") => self.check_member_groups(call, of, "ids"),
            _ => return None,
        })
    }

    /// Whether the application was given a permission.
    pub(super) fn is_granted(&self, permission: &str) -> bool {
        self.settings.permissions.iter().any(|granted| granted == permission)
    }
}

/// Whether a list goes on like this: nothing, a cast, a count.
fn is_list(rest: &[&str]) -> bool {
    matches!(rest, [] | ["$count"] | ["graph.user" | "graph.group"] | ["graph.user" | "graph.group", "$count"])
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
        ["users", ..] => &["User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
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
        ["rolemanagement", ..] => &["RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory"],
        _ => return None,
    })
}

/// Why an address is answered by nobody: the method is wrong, or part of the address is.
fn unrouted(call: &Call<'_>, path: &[&str]) -> Refusal {
    let fits =
        |address: &str| address.split('/').zip(path).take_while(|(part, is)| *part == "*" || part == *is).count();
    let mut known = 0;
    for address in ADDRESSES {
        known = known.max(fits(address));
        if fits(address) == path.len() && address.split('/').count() == path.len() {
            return Refusal::method();
        }
    }
    if let ["users" | "groups" | "directoryobjects", _, rest @ ..] = path {
        let rest = rest.join("/");
        if MEMBER_ADDRESSES.contains(&rest.as_str()) {
            return Refusal::method();
        }
    }
    Refusal::segment(call.name(known.min(path.len().saturating_sub(1))))
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
