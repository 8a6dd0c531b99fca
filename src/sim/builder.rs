//! Setting a tenant up.

use std::collections::HashMap;
use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;

use super::admin::{group_of, role_named};
use super::audit::Requests;
use super::region::Skewed;
use super::seed::Seeded;
use super::state::{Bin, Client, ClientSecret, Domain, DomainRole, Settings, State, Tokens};
use super::tenant::{Forwarded, Sim, added_user};
use crate::clock::{Clock, SystemClock};
use crate::cloud::Cloud;
use crate::secret::Secret;
use crate::sim::groups::link::Links;
use crate::sim::licenses::sku::Sku;
use crate::sim::lists::delta::DeltaQuirks;
use crate::sim::objects::extension::{ExtensionType, Extensions};
use crate::sim::objects::shelf::Shelf;
use crate::sim::sign_in::consent::Grants;
use crate::sim::trouble::bad_luck::BadLuck;
use crate::sim::trouble::lag::{Lags, Reads};
use crate::sim::trouble::throttle::{GraphLimits, Throttle};

/// Builds a [`Sim`].
#[derive(Debug)]
#[must_use]
pub struct SimBuilder {
    domains: Vec<Domain>,
    name: Option<String>,
    seed: u64,
    clock: Arc<dyn Clock>,
    clients: Vec<(String, Secret)>,
    users: usize,
    groups: usize,
    setup: Vec<Setup>,
    skus: Vec<Sku>,
    extensions: Vec<(String, ExtensionType)>,
    roles: Vec<(String, String)>,
    application_roles: Vec<String>,
    pub(super) permissions: Vec<String>,
    pub(super) secrets_expire: Option<OffsetDateTime>,
    pub(super) lives_in: Option<Cloud>,
    pub(super) clock_ahead: time::Duration,
    page_size: usize,
    latency: Duration,
    lags: Lags,
    token_lifetime: Duration,
    max_filter_values: usize,
    delta: DeltaQuirks,
    object_quota: usize,
    security_groups: Bin,
    collides_for: Duration,
    license_processing: Duration,
    throttle: Throttle,
    bad_luck: Option<BadLuck>,
    forwarded: Forwarded,
    audit_writer: Option<Writer>,
}

/// What a tenant starts with beside generated people.
#[derive(Debug)]
enum Setup {
    User(Value),
    Group(Value),
}

/// What the applications may do unless told otherwise.
const PERMISSIONS: &[&str] = &[
    "User.ReadWrite.All",
    "User.DeleteRestore.All",
    "User.EnableDisableAccount.All",
    "Group.ReadWrite.All",
    "LicenseAssignment.ReadWrite.All",
    "Organization.Read.All",
    "Domain.Read.All",
    "RoleManagement.Read.Directory",
    "Application.ReadWrite.All",
];

struct Writer(Box<dyn Write + Send>);

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

impl SimBuilder {
    pub(super) fn new() -> Self {
        Self {
            domains: Vec::new(),
            name: None,
            seed: 0,
            clock: Arc::new(SystemClock::new()),
            clients: Vec::new(),
            users: 0,
            groups: 0,
            setup: Vec::new(),
            skus: Vec::new(),
            extensions: Vec::new(),
            roles: Vec::new(),
            application_roles: Vec::new(),
            permissions: PERMISSIONS.iter().map(|permission| (*permission).to_owned()).collect(),
            secrets_expire: None,
            lives_in: None,
            clock_ahead: time::Duration::ZERO,
            page_size: 100,
            latency: Duration::ZERO,
            lags: Lags::default(),
            token_lifetime: Duration::from_secs(3_599),
            max_filter_values: 15,
            delta: DeltaQuirks::default(),
            object_quota: usize::MAX,
            security_groups: Bin::Recycled,
            collides_for: Duration::ZERO,
            license_processing: Duration::ZERO,
            throttle: Throttle::default(),
            bad_luck: None,
            forwarded: Forwarded::Ignored,
            audit_writer: None,
        }
    }

    /// Adds a verified domain. The first one is the tenant's default; without any it is `contoso.com`. The
    /// `….onmicrosoft.com` one is there too.
    pub fn domain(self, name: impl Into<String>) -> Self {
        self.with_domain(name.into(), DomainRole::Managed)
    }

    /// Adds a verified domain whose users sign in elsewhere: each needs an `onPremisesImmutableId`.
    pub fn federated_domain(self, name: impl Into<String>) -> Self {
        self.with_domain(name.into(), DomainRole::Federated)
    }

    /// The organisation's name; by default that of its domain.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Derives all ids, tokens and random orders from this number; default 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// What time it is, and how latency passes; default the machine's clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Adds an application that may sign in; without any there is one, derived from the seed.
    pub fn client(mut self, id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        self.clients.push((id.into(), secret.into()));
        self
    }

    /// Starts with this many generated people; default 0.
    pub fn users(mut self, count: usize) -> Self {
        self.users = count;
        self
    }

    /// Starts with this many generated groups; default 0. Each has an owner and members if there are users.
    pub fn groups(mut self, count: usize) -> Self {
        self.groups = count;
        self
    }

    /// Starts with this user too, as [`Sim::add_user`] takes it: a guest with `userType`, one that another directory
    /// keeps with `onPremisesSyncEnabled`.
    pub fn user(mut self, user: Value) -> Self {
        self.setup.push(Setup::User(user));
        self
    }

    /// Starts with this group too, as [`Sim::add_group`] takes it, with members, owners and licences. Whom it names
    /// comes before it.
    pub fn group(mut self, group: Value) -> Self {
        self.setup.push(Setup::Group(group));
        self
    }

    /// Adds a product with its seats; without any the tenant has bought nothing.
    pub fn sku(mut self, sku: Sku) -> Self {
        self.skus.push(sku);
        self
    }

    /// Adds the usual products with so many seats each: Office 365 E3, E5 and F3, and EMS E3.
    pub fn standard_skus(self, seats: usize) -> Self {
        let skus = [Sku::office_e3(seats), Sku::office_e5(seats), Sku::office_f3(seats), Sku::ems_e3(seats)];
        skus.into_iter().fold(self, Self::sku)
    }

    /// Gives a directory role, by name or template id, to a user or a group that the tenant starts with.
    pub fn role(mut self, role: impl Into<String>, principal: impl Into<String>) -> Self {
        self.roles.push((role.into(), principal.into()));
        self
    }

    /// Gives a directory role, by name or template id, to the applications themselves; default none.
    ///
    /// Without one, a client can neither disable nor delete a user who holds a role.
    pub fn application_role(mut self, role: impl Into<String>) -> Self {
        self.application_roles.push(role.into());
        self
    }

    /// Gives the applications a permission more, such as `RoleManagement.ReadWrite.Directory`, without which nobody
    /// writes to groups that roles can be given to.
    pub fn permission(mut self, permission: impl Into<String>) -> Self {
        self.permissions.push(permission.into());
        self
    }

    /// Takes a permission from the applications, such as `Domain.Read.All`: what needs it, or another one that is not
    /// there either, answers 403.
    ///
    /// They have `User.ReadWrite.All`, `User.DeleteRestore.All`, `User.EnableDisableAccount.All`,
    /// `Group.ReadWrite.All`, `LicenseAssignment.ReadWrite.All`, `Organization.Read.All`, `Domain.Read.All`,
    /// `RoleManagement.Read.Directory` and `Application.ReadWrite.All`.
    pub fn without_permission(mut self, permission: &str) -> Self {
        self.permissions.retain(|granted| granted != permission);
        self
    }

    /// How many objects a page holds without `$top`, 1 to 999; default 100.
    pub fn page_size(mut self, size: usize) -> Self {
        self.page_size = size.clamp(1, 999);
        self
    }

    /// How long every answer takes; default no time.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// How long after a client's write readers still see what was before; default no time.
    ///
    /// Until then a new or restored user is not found by any read or write, and a changed one shows its old values.
    /// Links to and from what is not found yet are refused as Graph does it, with 400. That a name is taken, a link or a
    /// seat is there already shows at once, and so does a deletion.
    pub fn lag(mut self, lag: Duration) -> Self {
        self.lags = Lags::all(lag);
        self
    }

    /// How long after a client's write one kind of reads still sees what was before, if not as long as
    /// [`lag`](SimBuilder::lag) says, which comes before it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use entrant::sim::{Reads, Sim};
    ///
    /// // What was written is read back at once, but found by a search half a minute later.
    /// let sim = Sim::builder().lag_of(Reads::Index, Duration::from_secs(30)).build();
    /// ```
    pub fn lag_of(mut self, reads: Reads, lag: Duration) -> Self {
        self.lags.set(reads, lag);
        self
    }

    /// Defines a directory extension, as [`Sim::define_extension`] does, before people and groups are added: theirs is
    /// `extension_{client id without hyphens}_{name}`.
    pub fn extension(mut self, name: impl Into<String>, kind: ExtensionType) -> Self {
        self.extensions.push((name.into(), kind));
        self
    }

    /// How long a token is good for; default 3,599 seconds.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = lifetime;
        self
    }

    /// How many values `in`, and how many conditions `or`, may join in a `$filter`; default 15, as observed.
    pub fn max_filter_values(mut self, count: usize) -> Self {
        self.max_filter_values = count.max(1);
        self
    }

    /// Throttles as Graph does for a tenant of this size; default no limits.
    ///
    /// Requests cost the resource units and writes that Microsoft's table names. What no bucket has answers 429 with a
    /// fractional `Retry-After`, and rejected requests count too. Above 0.8 of a limit each answer says how much is used.
    pub fn graph_limits(mut self, limits: GraphLimits) -> Self {
        self.throttle.graph(limits);
        self
    }

    /// Lets each application write so many times in such a time, refilled evenly; beside
    /// [`graph_limits`](SimBuilder::graph_limits) if both are told. Default no limit.
    ///
    /// What comes too early answers 429 with `Retry-After` in whole seconds, and costs nothing. Of a batch each item
    /// counts.
    pub fn write_limit(mut self, writes: u32, per: Duration) -> Self {
        self.throttle.writes(writes.max(1), per);
        self
    }

    /// How many users, groups, applications and service principals there may be, those in the recycle bin included; default
    /// as many as come. A client that creates one more is answered 403 `Directory_QuotaExceeded`.
    pub fn object_quota(mut self, objects: usize) -> Self {
        self.object_quota = objects;
        self
    }

    /// Deletes security groups for good, as the service did before they came to the recycle bin like Microsoft 365 groups
    /// and users.
    pub fn without_bin_for_security_groups(mut self) -> Self {
        self.security_groups = Bin::Gone;
        self
    }

    /// Lets faults of all kinds strike at random: this share of requests (0 to 1), drawn from a seed of its own. Default
    /// none.
    ///
    /// The same requests in the same order meet the same faults. Those by script ([`Sim::fail`]) come first.
    pub fn random_faults(mut self, seed: u64, rate: f64) -> Self {
        self.bad_luck = Some(BadLuck::new(seed, rate));
        self
    }

    /// Takes a write to a user or a group to be under way for so long: another one to the same object answers 409
    /// meanwhile. In a batch those collide that do not depend on others. Default no time.
    pub fn collisions(mut self, within: Duration) -> Self {
        self.collides_for = within;
        self
    }

    /// How long the licences of a group take to come to its members once a client assigned them: half of the time they
    /// wait in the queue. Default no time.
    ///
    /// Seats are taken at once, and whoever is written to meanwhile has them early.
    pub fn license_processing(mut self, takes: Duration) -> Self {
        self.license_processing = takes;
        self
    }

    /// Makes rounds of `delta` harder to follow; default not.
    pub fn delta(mut self, quirks: DeltaQuirks) -> Self {
        self.delta = quirks;
        self
    }

    /// Believes `X-Forwarded-Proto` and `X-Forwarded-Host`: for a server behind a reverse proxy.
    pub fn trust_forwarded(mut self) -> Self {
        self.forwarded = Forwarded::Trusted;
        self
    }

    /// Writes each entry of the audit as a line of JSON, as it happens.
    pub fn audit_writer(mut self, writer: impl Write + Send + 'static) -> Self {
        self.audit_writer = Some(Writer(Box::new(writer)));
        self
    }

    /// The tenant.
    ///
    /// # Panics
    ///
    /// If a user, a group, an extension or a role cannot be set up as told.
    #[must_use]
    pub fn build(mut self) -> Sim {
        let mut setup = Seeded::new(self.seed, 1);
        if self.domains.is_empty() {
            self = self.domain("contoso.com");
        }
        let (first, label) = match self.domains.first() {
            Some(first) => (first.name.clone(), first.name.split('.').next().unwrap_or_default().to_owned()),
            None => (String::new(), String::new()),
        };
        let initial = format!("{label}.onmicrosoft.com");
        match self.domains.iter_mut().find(|domain| domain.name == initial) {
            Some(domain) => domain.role = DomainRole::Initial,
            None => self.domains.insert(0, Domain { name: initial, role: DomainRole::Initial }),
        }
        let tenant_id = setup.uuid();
        if self.clients.is_empty() {
            let id = setup.uuid().to_string();
            self.clients.push((id, Secret::new(format!("sim~{}", setup.uuid().simple()))));
        }
        let given = self.clients.iter().map(|(id, _)| id.clone()).collect();
        let clients = self.clients.into_iter();
        let ends = self.secrets_expire;
        let clients =
            clients.map(|(id, value)| Client::new(id, vec![ClientSecret { value, ends }], setup.uuid())).collect();
        if !self.clock_ahead.is_zero() {
            self.clock = Arc::new(Skewed { clock: self.clock, ahead: self.clock_ahead });
        }
        let now = self.clock.now();
        let mut state = State {
            now,
            settings: Settings {
                tenant_id,
                name: self.name.unwrap_or(first),
                created: now,
                domains: self.domains,
                clients,
                given,
                permissions: self.permissions,
                lives_in: self.lives_in,
                withheld: Vec::new(),
                page_size: self.page_size,
                lags: self.lags,
                token_lifetime: self.token_lifetime,
                token_key: Seeded::new(self.seed, 5).next(),
                max_filter_values: self.max_filter_values,
                delta: self.delta,
                object_quota: self.object_quota,
                security_groups: self.security_groups,
                collides_for: self.collides_for,
                license_processing: self.license_processing,
            },
            people: Shelf::default(),
            groups: Shelf::default(),
            members: Links::default(),
            owners: Links::default(),
            applications: Shelf::default(),
            principals: Shelf::default(),
            extensions: Extensions::default(),
            departed: HashMap::new(),
            skus: self.skus,
            assignments: Vec::new(),
            app_grants: Vec::new(),
            scope_grants: Vec::new(),
            passwords: HashMap::new(),
            secrets: HashMap::new(),
            caller: String::new(),
            tokens: Tokens::default(),
            grants: Grants::default(),
            later_secrets: HashMap::new(),
            challenged: None,
            refuses: None,
            faults: Vec::new(),
            bad_luck: self.bad_luck,
            throttle: self.throttle,
            busy: HashMap::new(),
            audit: Vec::new(),
            audit_writer: self.audit_writer.map(|writer| writer.0),
            requests: Requests::default(),
            page_generation: 0,
            delta_generation: 0,
            ids: Seeded::new(self.seed, 2),
            chance: Seeded::new(self.seed, 3),
        };
        state.register_clients(now);
        for (name, kind) in &self.extensions {
            state.define_extension(name, *kind);
        }
        state.populate(self.users, now);
        state.populate_groups(self.groups, now);
        for setup in self.setup {
            match setup {
                Setup::User(user) => {
                    added_user(&mut state, user, now);
                }
                Setup::Group(group) => {
                    group_of(&mut state, group, now);
                }
            }
        }
        for (role, principal) in &self.roles {
            state.give_role(role, principal);
        }
        let principals: Vec<_> = state.settings.clients.iter().map(|client| client.principal).collect();
        for role in self.application_roles.iter().map(|role| role_named(role)) {
            principals.iter().for_each(|principal| state.assign(role, *principal));
        }
        state.begin_logs();
        Sim::from_parts(state, self.clock, self.latency, self.forwarded)
    }

    fn with_domain(mut self, name: String, role: DomainRole) -> Self {
        let name = name.to_lowercase();
        self.domains.retain(|domain| domain.name != name);
        self.domains.push(Domain { name, role });
        self
    }
}
