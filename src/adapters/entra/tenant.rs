//! The tenant itself.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::constraints::EntraConstraints;
use super::guests::{self, Invitations};
use super::products::PlanRelation;
use super::read::Reader;
use super::schema;
use super::write;
use crate::clock::{Clock, SystemClock};
use crate::connection::Connection;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::GraphClient;
use crate::http::{PaceObserver, PacePolicy, RetryPolicy, Transport};
use crate::model::{Anchor, Change, ChangeId, Class, Name, ObjectId, Origin, Record, Schema, Value, Written};
use crate::reconcile::Constraints;
use crate::store::{Access, Capabilities, GetSupport, Lookup, Query, Read, Source, Target};

/// What the store is called in plans, logs and links, whatever the connection is called.
const NAME: &str = "entra";

/// The users and groups of a tenant of Microsoft Entra ID, as a [`Source`] and a [`Target`].
///
/// Attributes have Graph's names, members of complex ones a dot (`employeeOrgData.division`,
/// `onPremisesExtensionAttributes.extensionAttribute1`); `password` is the initial password, `resetPassword` whether
/// the user must choose another at the first sign-in (true unless said otherwise when a user is created); `skuId` and
/// `disabledPlans` are the licences of a user, or those that a group gives its direct members. Of a group, `members` are
/// the users and `memberGroups` the groups in it; it is created as a security group unless `groupTypes` says otherwise;
/// `licenseErrors` says which members did not get its licences. Guests are invited by a target of their own,
/// [`guests`](Entra::guests). A change of several attributes takes several
/// requests where Graph wants it so; if one of them fails, the others are made all the same, and the error says which
/// `part` failed. Members, owners and licences that are refused are named one by one. Cheap to clone; clones share the
/// token and the connections.
///
/// # Changes
///
/// [`Query::with_cursor`] takes a cursor of Graph's [delta query](https://learn.microsoft.com/graph/delta-query-overview)
/// before the list is read, for one request more; a read [since](Query::with_since) it asks which objects changed, and
/// reads each of them again by id, twenty a request, with managers, members and owners where they are selected. It tells
/// of objects whose selected attributes, manager, members, owners or licences changed, of new, restored and deleted
/// ones. It does not tell:
///
/// - that a licence which stays now comes from a group, or no longer does (Graph tracks `assignedLicenses`, not
///   `licenseAssignmentStates`), nor that a member did not get what his group hands on;
/// - that members or managers went to the recycle bin: Graph keeps their links until they are purged, and tells of the
///   people themselves;
/// - what changed so late that Graph's other replicas do not show it yet.
///
/// A full read sees all of it. An object of which delta query and look-up say different things makes the read partial,
/// so that the next one asks again. Cursors are good for seven days, for the class, the selection, the tenant as its
/// connection names it, and the cloud that they were taken for, and for up to 50,000 changed objects; after that
/// [`ErrorKind::CursorExpired`]. Tenants without delta query (External ID, B2C) give no cursor.
///
/// # What is not written
///
/// - **Directory-synchronised** users and groups are matched and linked, and may be members and managers; of their own
///   only licences are written, which no other directory has. A location must come from the other directory.
/// - **Distribution lists and mail-enabled security groups** are Exchange's; the members of a **dynamic** group are its
///   rule's. All of them can be read, with who is in them.
/// - **Shared mailboxes, rooms and equipment** are users who are switched off, with nothing that tells them from others.
///   They stay off as long as [`Enable`](crate::reconcile::Enable) says no more than that what the job switched off comes
///   back, and what is not linked is neither deleted nor loses a licence. To look at none of them at all, keep those who
///   are off out of the mapping's target scope, or match by an attribute that only people have.
///
/// # Permissions
///
/// Of the application: `User.Read.All` and, for groups, `GroupMember.Read.All` to read (`Member.Read.Hidden` for groups
/// that hide their members); `User.Create`, `User.ReadUpdate.All`, `User.EnableDisableAccount.All` and
/// `User.DeleteRestore.All`, or `User.ReadWrite.All`, to write users, and for their licences
/// `LicenseAssignment.ReadWrite.All`, which the licences of groups take too (or `Group.ReadWrite.All`);
/// `Group.ReadWrite.All` to write groups, `User.Invite.All` to invite guests; `Domain.Read.All` or
/// `Organization.Read.All` to plan, and `LicenseAssignment.Read.All` and `RoleManagement.Read.Directory` to plan with
/// seats and administrators known: [`Operations::outbound`](crate::connection::Operations::outbound) is all of it but
/// deleting, and [`Setup`](crate::connection::Setup) asks for the least. Accounts with administrator roles ask for a directory role of the application too,
/// groups that can hold roles for `RoleManagement.ReadWrite.Directory`.
///
/// # Examples
///
/// ```
/// use entrant::adapters::Entra;
/// use entrant::connection::Connection;
/// use entrant::model::Class;
/// use entrant::sim::Sim;
/// use entrant::store::{Query, SourceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> entrant::Result<()> {
/// let sim = Sim::builder().users(3).build();
/// let connection = Connection::builder(sim.tenant_id(), sim.client_id())
///     .client_secret(sim.client_secret())
///     .cloud(sim.cloud())
///     .build()?;
/// let entra = Entra::builder(connection).transport(sim.transport()).connect().await?;
/// let (users, completeness) = entra.collect(&Query::all(Class::USER)).await;
/// assert_eq!(users.len(), 3);
/// assert!(completeness.is_complete());
/// # Ok(())
/// # }
/// ```
///
/// See [user](https://learn.microsoft.com/graph/api/resources/user),
/// [group](https://learn.microsoft.com/graph/api/resources/group) and
/// [licences of groups](https://learn.microsoft.com/entra/fundamentals/concept-group-based-licensing).
#[derive(Clone)]
pub struct Entra(Arc<Inner>);

struct Inner {
    connection: Connection,
    reader: Reader,
    relations: Vec<PlanRelation>,
    /// Whose users are guests.
    invitations: Option<Invitations>,
}

/// Sets up an [`Entra`].
#[derive(Debug)]
#[must_use]
pub struct EntraBuilder {
    connection: Connection,
    transport: Option<Arc<dyn Transport>>,
    clock: Arc<dyn Clock>,
    retry: RetryPolicy,
    pace: PacePolicy,
    pace_observer: Option<Arc<dyn PaceObserver>>,
    relations: Vec<PlanRelation>,
}

impl Entra {
    /// Checks the connection, and gives the tenant if the check passes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] if a stage of the check fails, saying which, why and what to do, or the connection has
    /// no credential; [`ErrorKind::Invalid`] without a way to the network (feature `reqwest`).
    pub async fn connect(connection: Connection) -> Result<Self> {
        Self::builder(connection).connect().await
    }

    /// The tenant without a check now: to read and to plan.
    ///
    /// It is written to only if the connection's last check passed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] if the connection has no credential; [`ErrorKind::Invalid`] without a way to the network.
    pub fn unchecked(connection: Connection) -> Result<Self> {
        Self::builder(connection).unchecked()
    }

    /// Other settings.
    pub fn builder(connection: Connection) -> EntraBuilder {
        EntraBuilder {
            connection,
            transport: None,
            clock: Arc::new(SystemClock::new()),
            retry: RetryPolicy::default(),
            pace: PacePolicy::default(),
            pace_observer: None,
            relations: Vec::new(),
        }
    }

    /// The guests of the tenant, as a target of their own: a job that writes to it invites whom it makes, and looks at
    /// nobody who is no guest unless its mapping says so.
    ///
    /// A guest is made by a `mail` address, which must be mapped, and a `displayName`; all else that is mapped is written
    /// as soon as the guest is there. He has no `password`, gets his `userPrincipalName` from Graph, and keeps the
    /// address that he was invited by. Match by `mail`, so that those who were invited by hand are found. Who left is
    /// disabled or deleted as others are.
    ///
    /// For people of both kinds in one store, give each kind a job, with scopes that exclude each other, and both one
    /// link set: then guests are members and managers like anybody.
    ///
    /// # Permissions
    ///
    /// `User.Invite.All` beside those to read and update users: see [`guest_operations`](Self::guest_operations).
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::adapters::{Entra, Invitations};
    /// use entrant::connection::Connection;
    /// use entrant::job::{Apply, Run};
    /// use entrant::sim::Sim;
    /// use entrant::store::{MemoryState, MemoryStore};
    /// use entrant::{Job, Mapping, Policy, Preferences, Record, model::ObjectId};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> entrant::Result<()> {
    /// # let sim = Sim::builder().domain("contoso.com").build();
    /// # let connection = Connection::builder(sim.tenant_id(), sim.client_id())
    /// #     .client_secret(sim.client_secret())
    /// #     .cloud(sim.cloud())
    /// #     .build()?;
    /// # let entra = Entra::builder(connection).transport(sim.transport()).connect().await?;
    /// let partner = Record::new(ObjectId::user("p1"))
    ///     .with("id", "p1")
    ///     .with("name", "Dana")
    ///     .with("mail", "dana@fabrikam.com");
    /// let job = Job::builder("partners")
    ///     .source(MemoryStore::new("partners").with_records([partner]))
    ///     .target(entra.guests(Invitations::new("https://myapplications.microsoft.com/")?))
    ///     .mapping(
    ///         Mapping::users()
    ///             .attribute("mail", "mail")
    ///             .attribute("displayName", "name")
    ///             .attribute("employeeId", "id")
    ///             .match_on("mail"),
    ///     )
    ///     .policy(Policy::outbound(Preferences::default()))
    ///     .state(MemoryState::new())
    ///     .build()?;
    /// println!("{}", job.run(Run::full(), Apply::new()).await?);
    /// let guest = &sim.users()[0];
    /// assert_eq!((&guest["userType"], &guest["employeeId"]), (&"Guest".into(), &"p1".into()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// See [create invitation](https://learn.microsoft.com/graph/api/invitation-post).
    #[must_use]
    pub fn guests(&self, invitations: Invitations) -> Self {
        let Inner { connection, reader, relations, .. } = &*self.0;
        Self(Arc::new(Inner {
            connection: connection.clone(),
            reader: reader.clone(),
            relations: relations.clone(),
            invitations: Some(invitations),
        }))
    }

    /// The connection, with what its check found.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.0.connection
    }

    /// The client for everything else that Graph can do.
    #[must_use]
    pub fn graph(&self) -> &GraphClient {
        &self.0.reader.client
    }
}

impl fmt::Debug for Entra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entra").field("connection", &self.0.connection).finish_non_exhaustive()
    }
}

impl EntraBuilder {
    /// The way to the network; the default is that of [`GraphClient::builder`].
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// The clock; the default is the machine's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How often and how long a request is repeated.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Says which service plans need or exclude others, so that a plan of changes finds what Graph would refuse.
    pub fn plan_relations(mut self, relations: impl IntoIterator<Item = PlanRelation>) -> Self {
        self.relations.extend(relations);
        self
    }

    /// How fast requests are sent at most; without it the pace is learned from what the service refuses.
    pub fn pace(mut self, policy: PacePolicy) -> Self {
        self.pace = policy;
        self
    }

    /// Who is told when the service refuses requests, and how long they wait.
    pub fn pace_observer(mut self, observer: impl PaceObserver) -> Self {
        self.pace_observer = Some(Arc::new(observer));
        self
    }

    /// Checks the connection, and gives the tenant if the check passes.
    ///
    /// # Errors
    ///
    /// As [`Entra::connect`].
    pub async fn connect(mut self) -> Result<Entra> {
        let client = self.client()?;
        let check = self.connection.run_check(&client, &self.clock).await?;
        if let Some((stage, cause, advice)) = check.failure() {
            let message = format!("the connection failed its check at {stage}: {cause}; {advice}");
            return Err(Error::new(ErrorKind::NotReady, message).with_context("connection", self.connection.name()));
        }
        Ok(self.finish(client))
    }

    /// The tenant without a check now.
    ///
    /// # Errors
    ///
    /// As [`Entra::unchecked`].
    pub fn unchecked(self) -> Result<Entra> {
        let client = self.client()?;
        Ok(self.finish(client))
    }

    fn client(&self) -> Result<GraphClient> {
        let builder = self.connection.client()?.clock(Arc::clone(&self.clock)).retry(self.retry.clone());
        let builder = builder.pace(self.pace);
        let builder = match &self.pace_observer {
            Some(observer) => builder.pace_observer(Arc::clone(observer)),
            None => builder,
        };
        match &self.transport {
            Some(transport) => builder.transport(Arc::clone(transport)).build(),
            None => builder.build(),
        }
    }

    fn finish(self, client: GraphClient) -> Entra {
        let origin = Origin::new(self.connection.name());
        let tenant = self.connection.tenant().to_string().to_ascii_lowercase().into();
        let reader = Reader { client, origin, tenant };
        Entra(Arc::new(Inner { connection: self.connection, reader, relations: self.relations, invitations: None }))
    }
}

#[async_trait]
impl Source for Entra {
    fn name(&self) -> &str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        let connection = self.connection();
        let capabilities = Capabilities::default()
            .with_get(GetSupport::Authoritative)
            .with_recycle_bin()
            .with_find()
            .with_writes(connection.refusal().map_or(Access::Allowed, |reason| Access::Refused(reason.into())));
        match connection.last_check().and_then(|check| check.tenant.as_ref()) {
            Some(tenant) => capabilities.with_tenant(tenant.id.to_string()),
            None => capabilities,
        }
    }

    async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        self.0.reader.get(ids).await
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        self.0.reader.read(query)
    }
}

#[async_trait]
impl Target for Entra {
    fn schema(&self, class: &Class) -> Result<Arc<Schema>> {
        let is_of_guests = *class == Class::USER && self.0.invitations.is_some();
        Ok(Arc::clone(if is_of_guests { &guests::SCHEMA } else { schema::of(class)?.schema() }))
    }

    async fn constraints(&self) -> Result<Arc<dyn Constraints>> {
        let domain = self.connection().domain();
        let constraints = EntraConstraints::read(self.graph(), &self.0.relations, domain).await?;
        Ok(Arc::new(if self.0.invitations.is_some() { constraints.of_guests() } else { constraints }))
    }

    fn clock_ahead(&self) -> time::Duration {
        self.graph().clock_ahead().unwrap_or(time::Duration::ZERO)
    }

    fn write<'a>(&'a self, changes: Vec<Change>) -> BoxStream<'a, (ChangeId, Result<Written>)> {
        let Some(reason) = self.connection().refusal() else {
            return write::write(self.graph().clone(), self.0.invitations.as_ref(), changes);
        };
        let refused = move |change: Change| (change.id, Err(Error::new(ErrorKind::NotReady, reason)));
        stream::iter(changes).map(refused).boxed()
    }

    async fn find(&self, class: &Class, attribute: &Name, values: &[Value]) -> Result<Vec<Record>> {
        self.0.reader.find(class, attribute, values).await
    }

    async fn deleted(&self, anchors: &[Anchor]) -> Result<Vec<Record>> {
        self.0.reader.deleted(anchors).await
    }
}
