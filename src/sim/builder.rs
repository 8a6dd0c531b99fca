//! Setting a tenant up.

use std::collections::HashMap;
use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use super::audit::Requests;
use super::people::People;
use super::seed::Seeded;
use super::state::{Client, Domain, DomainRole, Settings, State, Tokens};
use super::tenant::{Forwarded, Sim};
use crate::clock::{Clock, SystemClock};
use crate::secret::Secret;

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
    page_size: usize,
    latency: Duration,
    lag: Duration,
    token_lifetime: Duration,
    max_filter_values: usize,
    forwarded: Forwarded,
    audit_writer: Option<Writer>,
}

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
            page_size: 100,
            latency: Duration::ZERO,
            lag: Duration::ZERO,
            token_lifetime: Duration::from_secs(3_599),
            max_filter_values: 15,
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
    /// That a name is taken shows at once, and so does a deletion.
    pub fn lag(mut self, lag: Duration) -> Self {
        self.lag = lag;
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
    #[must_use]
    pub fn build(mut self) -> Sim {
        let mut setup = Seeded::new(self.seed, 1);
        if self.domains.is_empty() {
            self = self.domain("contoso.com");
        }
        let (first, label) = match self.domains.first() {
            Some(first) => (
                first.name.clone(),
                first.name.split('.').next().unwrap_or_default().to_owned(),
            ),
            None => (String::new(), String::new()),
        };
        let initial = format!("{label}.onmicrosoft.com");
        match self.domains.iter_mut().find(|domain| domain.name == initial) {
            Some(domain) => domain.role = DomainRole::Initial,
            None => self.domains.insert(
                0,
                Domain {
                    name: initial,
                    role: DomainRole::Initial,
                },
            ),
        }
        let tenant_id = setup.uuid();
        if self.clients.is_empty() {
            let id = setup.uuid().to_string();
            self.clients
                .push((id, Secret::new(format!("sim~{}", setup.uuid().simple()))));
        }
        let clients = self.clients.into_iter();
        let clients = clients
            .map(|(id, secret)| Client {
                id,
                secret,
                principal: setup.uuid(),
            })
            .collect();
        let now = self.clock.now();
        let mut state = State {
            settings: Settings {
                tenant_id,
                name: self.name.unwrap_or(first),
                created: now,
                domains: self.domains,
                clients,
                page_size: self.page_size,
                lag: self.lag,
                token_lifetime: self.token_lifetime,
                max_filter_values: self.max_filter_values,
            },
            people: People::default(),
            passwords: HashMap::new(),
            tokens: Tokens::default(),
            faults: Vec::new(),
            audit: Vec::new(),
            audit_writer: self.audit_writer.map(|writer| writer.0),
            requests: Requests::default(),
            page_generation: 0,
            ids: Seeded::new(self.seed, 2),
            chance: Seeded::new(self.seed, 3),
        };
        state.populate(self.users, now);
        Sim::from_parts(state, self.clock, self.latency, self.forwarded)
    }

    fn with_domain(mut self, name: String, role: DomainRole) -> Self {
        let name = name.to_lowercase();
        self.domains.retain(|domain| domain.name != name);
        self.domains.push(Domain { name, role });
        self
    }
}
