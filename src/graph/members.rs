//! Who is in a group, and who owns it.

use std::collections::HashSet;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::StreamExt;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use crate::error::{Error, ErrorKind, Result, Retry};
use crate::graph::word::text_id;
use crate::graph::{BatchResponse, Call, GraphClass, GraphClient, GroupId, GroupTarget, List, UserId, groups};
use crate::http::redact::one_line;
use crate::odata;

/// The object id of a user, a group, or whatever else the directory holds: a GUID. No user principal name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DirectoryObjectId(#[serde(deserialize_with = "crate::graph::word::shared")] Arc<str>);

text_id!(DirectoryObjectId, UserId, GroupId);

/// An object of a list that holds several sorts, such as a group's members.
///
/// Of an object that the application may not read, only the id is told.
///
/// See [directoryObject](https://learn.microsoft.com/graph/api/resources/directoryobject).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DirectoryObject {
    /// Its id.
    pub id: DirectoryObjectId,
    /// Its type in Graph's words, such as `#microsoft.graph.user`.
    #[serde(rename = "@odata.type", skip_serializing_if = "Option::is_none")]
    pub odata_type: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The user principal name, if it is a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_principal_name: Option<String>,
    /// Every other property, under Graph's own name.
    #[serde(flatten)]
    pub extra: Map<String, Json>,
}

/// The sort of a [`DirectoryObject`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DirectoryObjectKind {
    /// A person, or what signs in like one.
    User,
    /// A group.
    Group,
    /// An application in this tenant.
    ServicePrincipal,
    /// A device.
    Device,
    /// A contact of the organization.
    Contact,
    /// Something else, or not told.
    Other,
}

impl DirectoryObject {
    /// The sort of object.
    #[must_use]
    pub fn kind(&self) -> DirectoryObjectKind {
        let name = self.odata_type.as_deref().unwrap_or_default();
        match name.trim_start_matches('#').trim_start_matches("microsoft.graph.") {
            "user" => DirectoryObjectKind::User,
            "group" => DirectoryObjectKind::Group,
            "servicePrincipal" => DirectoryObjectKind::ServicePrincipal,
            "device" => DirectoryObjectKind::Device,
            "orgContact" => DirectoryObjectKind::Contact,
            _ => DirectoryObjectKind::Other,
        }
    }
}

impl DirectoryObjectId {
    /// The id if it can be put into a reference. An id of another form could name another object.
    fn checked(&self) -> Result<&str> {
        let id = self.as_str();
        if id.len() == 36 && Uuid::try_parse(id).is_ok() {
            return Ok(id);
        }
        Err(Error::new(
            ErrorKind::Invalid,
            "an object of the directory is referred to by its object id, a GUID with hyphens",
        )
        .with_context("given", format_args!("{:?}", one_line(id, 100))))
    }
}

/// The members or the owners of a group.
///
/// [`add`](GroupLinks::add) and [`remove`](GroupLinks::remove) do all that is needed for many objects. For batches of
/// one's own there are the requests that they are made of ([`bind`](GroupLinks::bind),
/// [`add_one`](GroupLinks::add_one), [`remove_one`](GroupLinks::remove_one)) and what their outcomes mean
/// ([`added`](GroupLinks::added), [`removed`](GroupLinks::removed)).
#[derive(Debug, Clone)]
pub struct GroupLinks {
    client: GraphClient,
    group: GroupId,
    side: Side,
    /// Why it cannot be changed.
    fixed: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Members,
    Owners,
}

impl GroupLinks {
    /// The most members that Graph adds in one [`bind`](GroupLinks::bind).
    pub const MAX_BOUND: usize = 20;

    pub(super) fn members(client: GraphClient, group: GroupTarget) -> Self {
        Self { client, group: group.id, side: Side::Members, fixed: group.fixed_members }
    }

    pub(super) fn owners(client: GraphClient, group: GroupTarget) -> Self {
        Self { client, group: group.id, side: Side::Owners, fixed: group.fixed }
    }

    /// Lists them, 999 a page; the direct ones only.
    ///
    /// # Permissions
    ///
    /// `GroupMember.Read.All` (application); `Member.Read.Hidden` for a group that hides its members, and for what is
    /// shown of them the permission to read them.
    ///
    /// See [list members](https://learn.microsoft.com/graph/api/group-list-members).
    pub fn list(&self) -> List<DirectoryObject> {
        Call::new(self.client.clone(), Method::GET, self.path()).list().top(999)
    }

    /// Adds objects; gives those that are not in afterwards, and why.
    ///
    /// Each object is added once, however often it is named, and whoever is in already counts as added. Members go 20
    /// at a time, many times 20 in a batch; where one of 20 is refused, Graph refuses them all, and each is then added
    /// by itself, so that no failure stops another. What an attempt without an answer may have done is done again,
    /// which does no harm.
    ///
    /// # Errors
    ///
    /// For an object: [`ErrorKind::NotFound`] if it (or the group) is not there or, shortly after it was made,
    /// [not yet](GraphClass::ReplicationDelay); [`ErrorKind::Invalid`] if it can be no member, if the group cannot be
    /// changed here, or if the id is no GUID; [`ErrorKind::Forbidden`] beyond the 100 owners.
    ///
    /// # Cancellation
    ///
    /// What was sent by then may have been carried out.
    ///
    /// # Permissions
    ///
    /// `GroupMember.ReadWrite.All` for members, `Group.ReadWrite.All` for owners; for a group that can be given roles
    /// also `RoleManagement.ReadWrite.Directory` (application).
    ///
    /// See [add members](https://learn.microsoft.com/graph/api/group-post-members) and
    /// [add owners](https://learn.microsoft.com/graph/api/group-post-owners).
    pub fn add(
        &self,
        ids: impl IntoIterator<Item = impl Into<DirectoryObjectId>>,
    ) -> BoxFuture<'static, Vec<(DirectoryObjectId, Error)>> {
        let (ids, failed) = distinct(ids);
        let links = self.clone();
        Box::pin(async move { links.add_all(ids, failed).await })
    }

    /// Removes objects; gives those that are still in afterwards, and why.
    ///
    /// Whoever is not in counts as removed, also whoever is not there at all. No failure stops another.
    ///
    /// # Errors
    ///
    /// For an object: [`ErrorKind::NotFound`] if the group is not there; [`ErrorKind::Invalid`] if it is the
    /// [last owner](GraphClass::LastOwner), if the group cannot be changed here, or if the id is no GUID.
    ///
    /// # Cancellation
    ///
    /// What was sent by then may have been carried out.
    ///
    /// # Permissions
    ///
    /// As for [`add`](GroupLinks::add).
    ///
    /// See [remove member](https://learn.microsoft.com/graph/api/group-delete-members) and
    /// [remove owner](https://learn.microsoft.com/graph/api/group-delete-owners).
    pub fn remove(
        &self,
        ids: impl IntoIterator<Item = impl Into<DirectoryObjectId>>,
    ) -> BoxFuture<'static, Vec<(DirectoryObjectId, Error)>> {
        let (ids, mut failed) = distinct(ids);
        let links = self.clone();
        Box::pin(async move {
            for (id, outcome) in links.each(ids, Self::remove_one).await {
                if let Err(error) = links.removed(outcome) {
                    failed.push((id, error));
                }
            }
            failed
        })
    }

    /// The request that adds up to [`MAX_BOUND`](GroupLinks::MAX_BOUND) members: all of them, or none.
    ///
    /// # Errors
    ///
    /// When sent, [`ErrorKind::Invalid`] if an id is no GUID, is in twice, if there are too many or none, and for
    /// owners: only a new group takes several owners at once.
    ///
    /// See [add members](https://learn.microsoft.com/graph/api/group-post-members).
    pub fn bind<'a>(&self, ids: impl IntoIterator<Item = &'a DirectoryObjectId>) -> Call<()> {
        let parts = self
            .references(ids.into_iter())
            .and_then(|references| Ok((groups::path(&self.group)?, Some(json!({ "members@odata.bind": references })))));
        self.write(Method::PATCH, parts)
    }

    /// The request that adds one object. [`added`](GroupLinks::added) says what its outcome means.
    ///
    /// # Errors
    ///
    /// [`GraphClass::ReferenceExists`] if it is in already.
    pub fn add_one(&self, id: &DirectoryObjectId) -> Call<()> {
        let parts = self
            .client
            .reference(id)
            .and_then(|reference| Ok((format!("{}/$ref", self.path()?), Some(json!({ "@odata.id": reference })))));
        self.write(Method::POST, parts)
    }

    /// The request that removes one object, and never the object itself: that is the address without `$ref`.
    /// [`removed`](GroupLinks::removed) says what its outcome means.
    ///
    /// # Errors
    ///
    /// [`GraphClass::ReferenceMissing`] or [`GraphClass::NotFound`] if it is not in.
    pub fn remove_one(&self, id: &DirectoryObjectId) -> Call<()> {
        let id = id.checked().and_then(odata::segment);
        self.write(Method::DELETE, id.and_then(|id| Ok((format!("{}/{id}/$ref", self.path()?), None))))
    }

    /// What came of [`add_one`](GroupLinks::add_one): who is in already was added.
    ///
    /// # Errors
    ///
    /// Every other.
    pub fn added<T>(&self, outcome: Result<T>) -> Result<()> {
        match outcome {
            Err(error) if !error.is_already_there() => Err(error),
            _ => Ok(()),
        }
    }

    /// What came of [`remove_one`](GroupLinks::remove_one): who is not in was removed.
    ///
    /// # Errors
    ///
    /// Every other; also if it is the group that is not there, since that is no proof for a group that was just made.
    pub fn removed<T>(&self, outcome: Result<T>) -> Result<()> {
        match outcome {
            Err(error) if !error.is_not_there() || self.is_named_by(&error) => Err(error),
            _ => Ok(()),
        }
    }

    async fn add_all(
        &self,
        ids: Vec<DirectoryObjectId>,
        mut failed: Vec<(DirectoryObjectId, Error)>,
    ) -> Vec<(DirectoryObjectId, Error)> {
        let alone = match self.side {
            Side::Members => self.add_together(ids, &mut failed).await,
            Side::Owners => ids,
        };
        let mut doubtful = Vec::new();
        for (id, outcome) in self.each(alone, Self::add_one).await {
            match self.added(outcome) {
                Ok(()) => {}
                Err(error) if error.is_outcome_in_doubt() && error.retry() != Retry::Never => doubtful.push(id),
                Err(error) => failed.push((id, error)),
            }
        }
        for (id, outcome) in self.each(doubtful, Self::add_one).await {
            if let Err(error) = self.added(outcome) {
                failed.push((id, error.with_outcome_in_doubt()));
            }
        }
        failed
    }

    /// Adds 20 at a time; gives those that must be tried one by one.
    async fn add_together(
        &self,
        ids: Vec<DirectoryObjectId>,
        failed: &mut Vec<(DirectoryObjectId, Error)>,
    ) -> Vec<DirectoryObjectId> {
        let mut alone = Vec::new();
        let chunks: Vec<Vec<DirectoryObjectId>> = ids.chunks(Self::MAX_BOUND).map(<[_]>::to_vec).collect();
        for (chunk, outcome) in self.each(chunks, |links, chunk| links.bind(chunk)).await {
            match outcome {
                Ok(_) => {}
                Err(error) if self.may_be_the_fault_of_one(&error) => alone.extend(chunk),
                Err(error) => {
                    let error = Arc::new(error);
                    failed.extend(chunk.into_iter().map(|id| (id, shared(&error))));
                }
            }
        }
        alone
    }

    /// Sends one request for each in batches; the outcomes come in the order of what was given.
    async fn each<T>(&self, items: Vec<T>, request: impl Fn(&Self, &T) -> Call<()>) -> Vec<(T, Result<BatchResponse>)> {
        let mut outcomes = Vec::with_capacity(items.len());
        let (mut places, mut requests) = (Vec::new(), Vec::new());
        for (place, item) in items.iter().enumerate() {
            match request(self, item).into_batch() {
                Ok(request) => {
                    places.push(place);
                    requests.push(request);
                }
                Err(error) => outcomes.push((place, Err(error))),
            }
        }
        let mut batch = self.client.batch(requests);
        while let Some((index, outcome)) = batch.next().await {
            outcomes.push((places[index], outcome));
        }
        outcomes.sort_by_key(|(place, _)| *place);
        items.into_iter().zip(outcomes).map(|(item, (_, outcome))| (item, outcome)).collect()
    }

    /// Whether Graph refused the members for what one of them is, as far as can be told.
    pub(crate) fn may_be_the_fault_of_one(&self, error: &Error) -> bool {
        let Some(graph) = error.graph_of_itself() else {
            return false;
        };
        let is_refusal = matches!(graph.status, 400 | 403 | 404 | 409 | 412 | 422);
        let is_the_groups = matches!(
            graph.class(),
            GraphClass::MailEnabledGroup
                | GraphClass::DirectorySynced
                | GraphClass::MasteredElsewhere
                | GraphClass::Concurrency
        );
        is_refusal && !is_the_groups && !self.is_named_by(error)
    }

    /// Whether the error names the group as what is not there.
    fn is_named_by(&self, error: &Error) -> bool {
        let quoted = format!("'{}'", self.group.as_str().to_ascii_lowercase());
        error.graph().is_some_and(|graph| graph.message.to_ascii_lowercase().contains(&quoted))
    }

    fn references<'a>(&self, ids: impl Iterator<Item = &'a DirectoryObjectId>) -> Result<Vec<String>> {
        if self.side == Side::Owners {
            return Err(Error::new(ErrorKind::Invalid, "owners of a group are added one by one"));
        }
        let mut seen = HashSet::new();
        let mut references = Vec::new();
        for id in ids {
            if !seen.insert(id.as_str().to_ascii_lowercase()) {
                return Err(
                    Error::new(ErrorKind::Invalid, "an object is added twice in one request").with_context("id", id)
                );
            }
            references.push(self.client.reference(id)?);
        }
        if references.is_empty() || references.len() > Self::MAX_BOUND {
            return Err(Error::new(ErrorKind::Invalid, "one request adds 1 to 20 members")
                .with_context("members", references.len()));
        }
        Ok(references)
    }

    fn write(&self, method: Method, parts: Result<(String, Option<Json>)>) -> Call<()> {
        let (path, body) = match parts {
            Ok((path, body)) => (Ok(path), body),
            Err(error) => (Err(error), None),
        };
        let call = Call::new(self.client.clone(), method, path);
        let call = match &body {
            Some(body) => call.body(body),
            None => call,
        };
        let call = match self.fixed {
            Some(reason) => call.refused(Error::new(ErrorKind::Invalid, reason).with_context("group", &self.group)),
            None => call,
        };
        call.decode_with(|_| Ok(()))
    }

    /// Where the list is.
    fn path(&self) -> Result<String> {
        let name = match self.side {
            Side::Members => "members",
            Side::Owners => "owners",
        };
        Ok(format!("{}/{name}", groups::path(&self.group)?))
    }
}

impl GraphClient {
    /// The text by which a body refers to an object: `{root}directoryObjects/{id}`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if the id is no GUID.
    pub fn reference(&self, id: impl Into<DirectoryObjectId>) -> Result<String> {
        let id = id.into();
        Ok(format!("{}directoryObjects/{}", self.root(), odata::segment(id.checked()?)?))
    }
}

/// Each id once, whatever its case, and those that are none.
fn distinct(
    ids: impl IntoIterator<Item = impl Into<DirectoryObjectId>>,
) -> (Vec<DirectoryObjectId>, Vec<(DirectoryObjectId, Error)>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for id in ids {
        let id: DirectoryObjectId = id.into();
        if !seen.insert(id.as_str().to_ascii_lowercase()) {
            continue;
        }
        match id.checked().err() {
            None => good.push(id),
            Some(error) => bad.push((id, error)),
        }
    }
    (good, bad)
}

/// The error of a request for many, for one of them.
fn shared(error: &Arc<Error>) -> Error {
    let mut own = Error::new(error.kind(), "the request for several members failed").with_retry(error.retry());
    if let Some(graph) = error.graph() {
        own = own.with_graph(graph.clone());
    }
    if error.is_outcome_in_doubt() {
        own = own.with_outcome_in_doubt();
    }
    own.with_source(error.clone())
}
