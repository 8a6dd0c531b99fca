//! The client: what all requests share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use http::Method;
use url::Url;

use crate::auth::{TokenCache, TokenContext, TokenCredential};
use crate::clock::{Clock, SystemClock};
use crate::cloud::Cloud;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::turns::Turns;
use crate::graph::{
    Call, DeletedItems, Domain, Groups, List, Organization, RoleAssignment, SubscribedSku, Users, directory, licenses,
    roles,
};
use crate::http::address::checked_root;
use crate::http::pace::Pacer;
use crate::http::{Budget, PaceObserver, PacePolicy, RetryPolicy, Traffic, Transport};

/// A client for Microsoft Graph. Cheap to clone; clones share the token and the connections.
///
/// # Examples
///
/// ```no_run
/// use entrant::auth::{ClientId, ClientSecret, TenantId};
/// use entrant::graph::GraphClient;
/// use futures::TryStreamExt;
///
/// # async fn example() -> entrant::Result<()> {
/// let credential = ClientSecret::new(
///     TenantId::new("contoso.onmicrosoft.com")?,
///     ClientId::new("11111111-2222-3333-4444-555555555555")?,
///     std::env::var("AZURE_CLIENT_SECRET").unwrap_or_default(),
/// );
/// let graph = GraphClient::builder(credential).build()?;
/// let mut users = graph.users().list().select(["id", "displayName"]).items();
/// while let Some(user) = users.try_next().await? {
///     println!("{:?}", user.display_name);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct GraphClient(pub(super) Arc<Inner>);

pub(super) struct Inner {
    /// The root of version 1.0, with a slash at its end.
    pub(super) root: Url,
    pub(super) tokens: TokenCache,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) retry: RetryPolicy,
    pub(super) pacer: Pacer,
    pub(super) turns: Turns,
    pub(super) batches_in_flight: usize,
    /// How many seconds the service's clock is ahead of ours, by its last answer; [`UNKNOWN`] before the first.
    pub(super) ahead: AtomicI64,
    /// The date of that answer, in seconds since 1970: there it is later by now.
    pub(super) dated: AtomicI64,
    /// How many requests in a row did not get through, for all their attempts.
    pub(super) lost: AtomicU32,
}

/// No answer has said yet what time it is there.
pub(super) const UNKNOWN: i64 = i64::MIN;

/// Sets up a [`GraphClient`].
#[derive(Debug)]
#[must_use]
pub struct GraphClientBuilder {
    credential: Arc<dyn TokenCredential>,
    cloud: Cloud,
    transport: Option<Arc<dyn Transport>>,
    clock: Arc<dyn Clock>,
    retry: RetryPolicy,
    pace: PacePolicy,
    observer: Option<Arc<dyn PaceObserver>>,
    batches_in_flight: usize,
    continuous_access: bool,
}

impl GraphClient {
    /// Starts a client that signs in by `credential`; the worldwide cloud, the default transport and policy.
    pub fn builder(credential: impl TokenCredential) -> GraphClientBuilder {
        GraphClientBuilder {
            credential: Arc::new(credential),
            cloud: Cloud::Global,
            transport: None,
            clock: Arc::new(SystemClock::new()),
            retry: RetryPolicy::default(),
            pace: PacePolicy::default(),
            observer: None,
            batches_in_flight: 4,
            continuous_access: false,
        }
    }

    /// The root that paths are relative to, such as `https://graph.microsoft.com/v1.0/`.
    #[must_use]
    pub fn root(&self) -> &Url {
        &self.0.root
    }

    /// The tokens that requests travel with.
    #[must_use]
    pub fn tokens(&self) -> &TokenCache {
        &self.0.tokens
    }

    /// How far the service's clock is ahead of this client's, by the date of its last answer; nothing before the first. If
    /// this client's clock was set back since, it is at least so late there as that answer said.
    #[must_use]
    pub fn clock_ahead(&self) -> Option<time::Duration> {
        let seconds = self.0.ahead.load(Ordering::Relaxed);
        let since_then = self.0.dated.load(Ordering::Relaxed).saturating_sub(self.0.clock.now().unix_timestamp());
        (seconds != UNKNOWN).then(|| time::Duration::seconds(seconds.max(since_then)))
    }

    /// How much may be sent now: what the service allows, as far as it is known, and what is under way.
    #[must_use]
    pub fn budget(&self, traffic: Traffic) -> Budget {
        self.0.pacer.budget(traffic)
    }

    /// Users.
    #[must_use]
    pub fn users(&self) -> Users {
        Users::new(self.clone())
    }

    /// Groups, their members and owners.
    #[must_use]
    pub fn groups(&self) -> Groups {
        Groups::new(self.clone())
    }

    /// The recycle bin, where deleted objects stay for 30 days.
    #[must_use]
    pub fn deleted_items(&self) -> DeletedItems {
        DeletedItems::new(self.clone())
    }

    /// The tenant itself.
    ///
    /// # Permissions
    ///
    /// `Organization.Read.All` (application); with less, most properties are empty.
    ///
    /// See [list organization](https://learn.microsoft.com/graph/api/organization-list).
    pub fn organization(&self) -> Call<Organization> {
        directory::organization(self)
    }

    /// The tenant's domains.
    ///
    /// # Permissions
    ///
    /// `Domain.Read.All` (application).
    ///
    /// See [list domains](https://learn.microsoft.com/graph/api/domain-list).
    pub fn domains(&self) -> List<Domain> {
        directory::domains(self)
    }

    /// The products that the tenant subscribes to, with their seats. Takes no query options.
    ///
    /// # Permissions
    ///
    /// `LicenseAssignment.Read.All` (application), or `Organization.Read.All`.
    ///
    /// See [list subscribedSkus](https://learn.microsoft.com/graph/api/subscribedsku-list).
    pub fn subscribed_skus(&self) -> List<SubscribedSku> {
        licenses::subscribed_skus(self)
    }

    /// Who holds which directory role now, with the role's name. May be filtered by `principalId` or
    /// `roleDefinitionId`; takes no page size.
    ///
    /// # Permissions
    ///
    /// `RoleManagement.Read.Directory` (application).
    ///
    /// See [list unifiedRoleAssignments](https://learn.microsoft.com/graph/api/rbacapplication-list-roleassignments).
    pub fn role_assignments(&self) -> List<RoleAssignment> {
        roles::role_assignments(self)
    }

    /// Any request, for what has no typed method: `path` is relative to the version's root, already encoded, and may
    /// have a query. Authentication, repetition and errors are those of every request.
    ///
    /// # Errors
    ///
    /// When sent, [`ErrorKind::Invalid`] if the path leaves the root.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(graph: entrant::graph::GraphClient) -> entrant::Result<()> {
    /// let me = graph
    ///     .request(http::Method::GET, "/users/ada@contoso.com/manager")
    ///     .decode::<serde_json::Value>()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn request(&self, method: Method, path: impl AsRef<str>) -> Call {
        Call::new(self.clone(), method, Ok(path.as_ref().to_owned()))
    }
}

impl fmt::Debug for GraphClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GraphClient")
            .field("root", &self.0.root.as_str())
            .field("tokens", &self.0.tokens)
            .finish_non_exhaustive()
    }
}

impl GraphClientBuilder {
    /// Which cloud the tenant lives in; the default is the worldwide one.
    pub fn cloud(mut self, cloud: Cloud) -> Self {
        self.cloud = cloud;
        self
    }

    /// The way to the network. The default is `ReqwestTransport::new()` (feature `reqwest`).
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

    /// How fast requests go at most; by default as fast as the service takes them.
    ///
    /// All requests and batches of a client and its clones keep one pace, reads and writes apart: it starts with 80
    /// under way at once, goes up as long as the service takes all, and down when it refuses or says that its limit is
    /// near.
    pub fn pace(mut self, policy: PacePolicy) -> Self {
        self.pace = policy;
        self
    }

    /// Who is told when the service refuses requests, and how long they wait.
    pub fn pace_observer(mut self, observer: impl PaceObserver) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// How many batches one call of [`GraphClient::batch`] has under way at once; the default is 4, 0 counts as 1.
    pub fn max_batches_in_flight(mut self, batches: usize) -> Self {
        self.batches_in_flight = batches.max(1);
        self
    }

    /// Tells Entra that this client answers claims challenges; see [`TokenContext::with_continuous_access`]. The default
    /// is not to.
    pub fn continuous_access(mut self) -> Self {
        self.continuous_access = true;
        self
    }

    /// Makes the client; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if a host of the cloud is neither `https` nor this machine, or if there is no transport:
    /// none given, and the feature `reqwest` is off.
    pub fn build(self) -> Result<GraphClient> {
        let transport = match self.transport {
            Some(transport) => transport,
            None => default_transport()?,
        };
        let root = checked_root(self.cloud.graph())?;
        let root = root
            .join("v1.0/")
            .map_err(|source| Error::new(ErrorKind::Invalid, "the root of Graph is not valid").with_source(source))?;
        let context = TokenContext::new(&self.cloud, transport.clone(), self.clock.clone())?;
        let context = if self.continuous_access { context.with_continuous_access() } else { context };
        Ok(GraphClient(Arc::new(Inner {
            root,
            tokens: TokenCache::new(self.credential, context),
            transport,
            pacer: Pacer::new(self.clock.clone(), self.pace, self.observer),
            turns: Turns::default(),
            clock: self.clock,
            retry: self.retry,
            batches_in_flight: self.batches_in_flight,
            ahead: AtomicI64::new(UNKNOWN),
            dated: AtomicI64::new(UNKNOWN),
            lost: AtomicU32::new(0),
        })))
    }
}

#[cfg(feature = "reqwest")]
fn default_transport() -> Result<Arc<dyn Transport>> {
    Ok(Arc::new(crate::http::ReqwestTransport::new()?))
}

#[cfg(not(feature = "reqwest"))]
fn default_transport() -> Result<Arc<dyn Transport>> {
    Err(Error::new(ErrorKind::Invalid, "no transport: give the builder one, or turn the feature `reqwest` on"))
}
