//! Groups.

use std::sync::Arc;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::error::{Error, ErrorKind, Result};
use crate::graph::query::OF_GROUPS;
use crate::graph::resource::resource;
use crate::graph::send::decode;
use crate::graph::word::text_id;
use crate::graph::{
    AssignedLicense, Call, DeltaQuery, DirectoryObject, GraphClient, GroupLinks, LicenseChange, List, Query,
};
use crate::odata;

/// The groups of the tenant.
///
/// # Examples
///
/// ```no_run
/// # async fn example(graph: entrant::graph::GraphClient) -> entrant::Result<()> {
/// let group = graph
///     .groups()
///     .create(&serde_json::json!({
///         "displayName": "Engineering",
///         "mailEnabled": false,
///         "mailNickname": "engineering",
///         "securityEnabled": true,
///     }))
///     .await?;
/// if let Some(id) = &group.id {
///     let failed = graph.groups().members(id).add(["a82905a2-4ba2-5e93-bd12-3200cfe70a56"]).await;
///     for (member, error) in failed {
///         eprintln!("{member} is not in: {error}");
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Groups(GraphClient);

/// A group's object id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupId(#[serde(deserialize_with = "crate::graph::word::shared")] Arc<str>);

text_id!(GroupId);

resource! {
    /// A group, as far as it was asked for: what was not selected, or has no value, is `None`.
    ///
    /// Properties without a field of their own are in [`extra`](Group::extra). When sent, `None` is left out; a `null`
    /// in `extra` clears a property.
    ///
    /// See [group](https://learn.microsoft.com/graph/api/resources/group).
    Group {
        id: GroupId = "id",
        display_name: String = "displayName",
        description: String = "description",
        mail: String = "mail",
        mail_nickname: String = "mailNickname",
        mail_enabled: bool = "mailEnabled",
        security_enabled: bool = "securityEnabled",
        group_types: Vec<String> = "groupTypes",
        visibility: String = "visibility",
        unique_name: String = "uniqueName",
        membership_rule: String = "membershipRule",
        membership_rule_processing_state: String = "membershipRuleProcessingState",
        is_assignable_to_role: bool = "isAssignableToRole",
        proxy_addresses: Vec<String> = "proxyAddresses",
        assigned_licenses: Vec<AssignedLicense> = "assignedLicenses",
        on_premises_sync_enabled: bool = "onPremisesSyncEnabled",
        created_date_time: OffsetDateTime = "createdDateTime" as moment,
        deleted_date_time: OffsetDateTime = "deletedDateTime" as moment,
    }
}

/// What sort of group a group is.
///
/// See [groups](https://learn.microsoft.com/graph/api/resources/groups-overview).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum GroupKind {
    /// A Microsoft 365 group, with a mailbox and a site.
    Microsoft365,
    /// A security group.
    Security,
    /// A security group with a mail address, which Graph reads and does not write.
    MailEnabledSecurity,
    /// A distribution list, which Graph reads and does not write.
    Distribution,
    /// Neither for mail nor for access.
    Plain,
}

impl GroupKind {
    /// Whether groups of this kind can be changed through Graph.
    #[must_use]
    pub fn is_writable(self) -> bool {
        !matches!(self, Self::MailEnabledSecurity | Self::Distribution)
    }
}

impl Group {
    /// The sort of group; `None` if `groupTypes`, `mailEnabled` and `securityEnabled` do not tell, since they were not
    /// selected.
    #[must_use]
    pub fn kind(&self) -> Option<GroupKind> {
        if self.has_type("Unified")? {
            return Some(GroupKind::Microsoft365);
        }
        Some(match (self.mail_enabled?, self.security_enabled?) {
            (false, true) => GroupKind::Security,
            (true, true) => GroupKind::MailEnabledSecurity,
            (true, false) => GroupKind::Distribution,
            (false, false) => GroupKind::Plain,
        })
    }

    /// Whether a rule says who is in it, so that members cannot be added or removed; `None` if `groupTypes` was not
    /// selected.
    #[must_use]
    pub fn is_dynamic(&self) -> Option<bool> {
        self.has_type("DynamicMembership")
    }

    /// Whether it is synchronised from another directory, where it must be changed. Needs `onPremisesSyncEnabled`,
    /// which is null for a group that never was: what was not selected looks like that.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.on_premises_sync_enabled == Some(true)
    }

    fn has_type(&self, name: &str) -> Option<bool> {
        Some(self.group_types.as_ref()?.iter().any(|own| own.eq_ignore_ascii_case(name)))
    }
}

/// A group to be changed: its id, or the group as it was read.
///
/// With the group itself what Graph cannot do to it is refused before it is sent, as far as what was read of it tells:
/// `groupTypes`, `mailEnabled`, `securityEnabled` and `onPremisesSyncEnabled`. They are among the default properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupTarget {
    pub(super) id: GroupId,
    /// Why neither its properties nor its lists can be changed.
    pub(super) fixed: Option<&'static str>,
    /// Why its members cannot.
    pub(super) fixed_members: Option<&'static str>,
}

const MAIL_ENABLED: &str = "distribution lists and mail-enabled security groups are changed in Exchange, not in Graph";
const SYNCED: &str = "the group is synchronised from another directory: change it there";
const DYNAMIC: &str = "a rule says who is in the group: change the rule";

impl<T: Into<GroupId>> From<T> for GroupTarget {
    fn from(id: T) -> Self {
        Self { id: id.into(), fixed: None, fixed_members: None }
    }
}

impl From<&Group> for GroupTarget {
    fn from(group: &Group) -> Self {
        let is_fixed = group.kind().is_some_and(|kind| !kind.is_writable());
        let fixed = match is_fixed {
            true => Some(MAIL_ENABLED),
            false => group.is_synced().then_some(SYNCED),
        };
        let fixed_members = (group.is_dynamic() == Some(true)).then_some(DYNAMIC);
        // An empty id is refused like any other that is none.
        let id = group.id.clone().unwrap_or_else(|| GroupId::new(""));
        Self { id, fixed, fixed_members: fixed.or(fixed_members) }
    }
}

impl GroupTarget {
    /// A request that changes the group itself, unless that is known to be in vain.
    fn guarded(&self, call: Call) -> Call {
        match self.fixed {
            Some(reason) => call.refused(Error::new(ErrorKind::Invalid, reason).with_context("group", &self.id)),
            None => call,
        }
    }
}

impl Groups {
    pub(super) fn new(client: GraphClient) -> Self {
        Self(client)
    }

    /// Creates a group; gives it back with Graph's default properties.
    ///
    /// Needs `displayName`, `mailEnabled`, `mailNickname` and `securityEnabled`; a Microsoft 365 group also
    /// `groupTypes: ["Unified"]`. `members@odata.bind` and `owners@odata.bind` may hold 20 references together:
    /// see [`GraphClient::reference`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if a value is refused; without a request, if it is mail-enabled
    /// and no Microsoft 365 group, or binds more than 20 references. Display names are not unique, so that a second group of the same name is no error. Never
    /// repeated after a lost answer: the error is in doubt then.
    ///
    /// # Permissions
    ///
    /// `Group.Create` (application); also `User.Read.All` to name users as members or owners.
    ///
    /// See [create group](https://learn.microsoft.com/graph/api/group-post-groups).
    pub fn create(&self, group: &(impl Serialize + ?Sized)) -> Call<Group> {
        checked(self.call(Method::POST, Ok("/groups".to_owned())), group).decode()
    }

    /// Changes the group of this `uniqueName`, or creates it if there is none: gives the new one back, `None` if it was
    /// there.
    ///
    /// Needs the properties that [`create`](Groups::create) needs. After a lost answer it is sent again; a group that
    /// the first attempt created is then `None` too.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if a value is refused.
    ///
    /// # Permissions
    ///
    /// `Group.Create` to create, `Group.ReadWrite.All` to change (application).
    ///
    /// See [upsert group](https://learn.microsoft.com/graph/api/group-upsert).
    pub fn upsert(&self, unique_name: impl AsRef<str>, group: &(impl Serialize + ?Sized)) -> Call<Option<Group>> {
        checked(self.call(Method::PATCH, odata::alternate_key("/groups", "uniqueName", unique_name.as_ref())), group)
            .header("Prefer", "create-if-missing")
            .decode_with(|answer| match answer.body().is_empty() {
                true => Ok(None),
                false => decode(answer.body()).map(Some),
            })
    }

    /// Reads one group, with Graph's default properties unless others are selected.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is none, or it is in the recycle bin.
    ///
    /// # Permissions
    ///
    /// `Group.Read.All` (application).
    ///
    /// See [get group](https://learn.microsoft.com/graph/api/group-get).
    pub fn get(&self, id: impl Into<GroupId>) -> Call<Group> {
        self.call(Method::GET, path(&id.into())).decode()
    }

    /// Lists all groups, 999 a page.
    ///
    /// # Permissions
    ///
    /// `Group.Read.All` (application).
    ///
    /// See [list groups](https://learn.microsoft.com/graph/api/group-list).
    pub fn list(&self) -> List<Group> {
        self.call(Method::GET, Ok("/groups".to_owned())).list().top(999)
    }

    /// Lists groups by conditions that Graph can answer.
    ///
    /// # Permissions
    ///
    /// `Group.Read.All` (application).
    ///
    /// See [list groups](https://learn.microsoft.com/graph/api/group-list).
    pub fn query(&self) -> Query<Group> {
        Query::new(self.0.clone(), &OF_GROUPS)
    }

    /// Watches groups: all of them in the first round, then what has changed since. Members and owners are told where they are selected, or nothing is.
    ///
    /// # Permissions
    ///
    /// `Group.Read.All` (application).
    ///
    /// See [group: delta](https://learn.microsoft.com/graph/api/group-delta).
    pub fn delta(&self) -> DeltaQuery<Group> {
        DeltaQuery::new(self.0.clone(), "groups")
    }

    /// Changes what the body names; a `null` clears. Given the group itself, what Graph does not write is
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) without a request: see [`GroupTarget`].
    ///
    /// # Errors
    ///
    /// [`GraphClass::MailEnabledGroup`](crate::graph::GraphClass::MailEnabledGroup) and
    /// [`GraphClass::DirectorySynced`](crate::graph::GraphClass::DirectorySynced) if the group is none that Graph
    /// changes.
    ///
    /// # Permissions
    ///
    /// `Group.ReadWrite.All` (application).
    ///
    /// See [update group](https://learn.microsoft.com/graph/api/group-update).
    pub fn update(&self, group: impl Into<GroupTarget>, changes: &(impl Serialize + ?Sized)) -> Call<()> {
        let group = group.into();
        group.guarded(checked(self.call(Method::PATCH, path(&group.id)), changes)).decode_with(|_| Ok(()))
    }

    /// Deletes a group: Microsoft 365 groups, with mailbox and site, stay in the recycle bin for 30 days, and security
    /// groups by now do too. Given the group itself, one that Graph does not delete (mail-enabled, synchronised) is
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) without a request: see [`GroupTarget`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is none; also if the answer to a first attempt was
    /// lost, which the error then says.
    ///
    /// # Permissions
    ///
    /// `Group.ReadWrite.All` (application).
    ///
    /// See [delete group](https://learn.microsoft.com/graph/api/group-delete).
    pub fn delete(&self, group: impl Into<GroupTarget>) -> Call<()> {
        let group = group.into();
        group.guarded(self.call(Method::DELETE, path(&group.id))).decode_with(|_| Ok(()))
    }

    /// Who is in a group, to list and to change. Given the group itself, members that Graph does not write (of dynamic,
    /// synchronised and some mail-enabled groups) are refused without a request: see [`GroupTarget`].
    #[must_use]
    pub fn members(&self, group: impl Into<GroupTarget>) -> GroupLinks {
        GroupLinks::members(self.0.clone(), group.into())
    }

    /// Who owns a group, to list and to change.
    #[must_use]
    pub fn owners(&self, group: impl Into<GroupTarget>) -> GroupLinks {
        GroupLinks::owners(self.0.clone(), group.into())
    }

    /// Lists who is in a group, also by way of groups within it, 999 a page.
    ///
    /// # Permissions
    ///
    /// `GroupMember.Read.All` (application), and for what is shown of the members the permission to read them.
    ///
    /// See [list transitive members](https://learn.microsoft.com/graph/api/group-list-transitivemembers).
    pub fn transitive_members(&self, id: impl Into<GroupId>) -> List<DirectoryObject> {
        self.call_at(Method::GET, &id.into(), "/transitiveMembers").list().top(999)
    }

    /// Gives licences to a group's direct members and takes others. Done in the background: watch
    /// `licenseProcessingState` of the group, and each member's `licenseAssignmentStates`.
    ///
    /// # Permissions
    ///
    /// `LicenseAssignment.ReadWrite.All` (application).
    ///
    /// See [group: assignLicense](https://learn.microsoft.com/graph/api/group-assignlicense).
    pub fn assign_license(&self, id: impl Into<GroupId>, change: &LicenseChange) -> Call<()> {
        self.call_at(Method::POST, &id.into(), "/assignLicense").body(change).decode_with(|_| Ok(()))
    }

    fn call(&self, method: Method, path: Result<String>) -> Call {
        Call::new(self.0.clone(), method, path)
    }

    fn call_at(&self, method: Method, id: &GroupId, rest: &str) -> Call {
        self.call(method, path(id).map(|path| path + rest))
    }
}

/// Where a group is.
pub(super) fn path(id: &GroupId) -> Result<String> {
    Ok(format!("/groups/{}", odata::segment(id.as_str())?))
}

/// A request with a body, unless it is known beforehand that Graph cannot write it.
fn checked(call: Call, body: &(impl Serialize + ?Sized)) -> Call {
    let call = call.body(body);
    let json = serde_json::to_value(body).unwrap_or_default();
    let invalid = |message: &'static str| Error::new(ErrorKind::Invalid, message);
    let bound = |links: &str| json[format!("{links}@odata.bind")].as_array().map_or(0, Vec::len);
    let types = json["groupTypes"].as_array().into_iter().flatten();
    let is_unified = types.filter_map(Json::as_str).any(|kind| kind.eq_ignore_ascii_case("Unified"));
    if json["mailEnabled"] == Json::Bool(true) && !is_unified {
        let message = "of mail-enabled groups Graph writes Microsoft 365 groups alone; add Unified to groupTypes, or use Exchange";
        return call.refused(invalid(message));
    }
    if bound("members") + bound("owners") > GroupLinks::MAX_BOUND {
        return call
            .refused(invalid("20 references can be bound in one request; add the others one by one or in batches"));
    }
    call
}
