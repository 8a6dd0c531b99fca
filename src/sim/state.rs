//! What the tenant knows.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io::Write;
use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::audit::{AuditEntry, Requests};
use super::seed::{Person, Seeded};
use crate::cloud::Cloud;
use crate::secret::Secret;
use crate::sim::apps::application::App;
use crate::sim::apps::grant::Grant;
use crate::sim::apps::scope_grant::ScopeGrant;
use crate::sim::groups::group::Group;
use crate::sim::groups::group_property;
use crate::sim::groups::link::Links;
use crate::sim::groups::membership::{Place, Relation, Target};
use crate::sim::licenses::sku::Sku;
use crate::sim::lists::delta::DeltaQuirks;
use crate::sim::objects::extension::Extensions;
use crate::sim::objects::shelf::{Field, Shelf, Slot};
use crate::sim::objects::stored::Stored;
use crate::sim::roles::role::Assignment;
use crate::sim::sign_in::assertion::{Federated, Registered};
use crate::sim::sign_in::consent::Grants;
use crate::sim::trouble::bad_luck::BadLuck;
use crate::sim::trouble::fault::Fault;
use crate::sim::trouble::lag::{Lag, Lags};
use crate::sim::trouble::throttle::Throttle;
use crate::sim::users::property::{self, Class};
use crate::sim::users::user::User;

/// Everything behind the lock.
pub(super) struct State {
    /// What time it was when somebody last looked.
    pub(super) now: OffsetDateTime,
    pub(super) settings: Settings,
    pub(super) people: Shelf<User>,
    pub(super) groups: Shelf<Group>,
    /// From groups to their members.
    pub(super) members: Links,
    /// From groups to their owners.
    pub(super) owners: Links,
    pub(super) applications: Shelf<App>,
    pub(super) principals: Shelf<App>,
    /// Properties that applications have added.
    pub(super) extensions: Extensions,
    /// What those were that were deleted for good.
    pub(super) departed: HashMap<Uuid, Class>,
    pub(super) skus: Vec<Sku>,
    pub(super) assignments: Vec<Assignment>,
    /// Permissions that were granted since the tenant was set up.
    pub(super) app_grants: Vec<Grant>,
    /// Those that act for people.
    pub(super) scope_grants: Vec<ScopeGrant>,
    pub(super) passwords: HashMap<Uuid, Secret>,
    /// Client secrets that clients had made up, by the ids of their keys.
    pub(super) secrets: HashMap<Uuid, Secret>,
    /// The application whose request is under way.
    pub(super) caller: String,
    pub(super) tokens: Tokens,
    /// Codes and refresh tokens.
    pub(super) grants: Grants,
    /// Secrets of applications that were registered later, by their application id.
    pub(super) later_secrets: HashMap<Uuid, Vec<ClientSecret>>,
    /// Tokens from before are challenged.
    pub(super) challenged: Option<OffsetDateTime>,
    /// The AADSTS number with which every token request is refused.
    pub(super) refuses: Option<u32>,
    pub(super) faults: Vec<Fault>,
    /// Faults that nobody scripted.
    pub(super) bad_luck: Option<BadLuck>,
    pub(super) throttle: Throttle,
    /// Objects to which a write is under way, and until when.
    pub(super) busy: HashMap<String, OffsetDateTime>,
    pub(super) audit: Vec<AuditEntry>,
    pub(super) audit_writer: Option<Box<dyn Write + Send>>,
    pub(super) requests: Requests,
    /// Page tokens of an earlier generation have expired.
    pub(super) page_generation: u32,
    /// Likewise those of `delta`.
    pub(super) delta_generation: u32,
    /// Ids of objects: what else happens does not shift them.
    pub(super) ids: Seeded,
    /// Everything else that looks random.
    pub(super) chance: Seeded,
}

/// What a tenant is set up with.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) tenant_id: Uuid,
    pub(super) name: String,
    pub(super) created: OffsetDateTime,
    pub(super) domains: Vec<Domain>,
    pub(super) clients: Vec<Client>,
    /// The applications that the tenant was set up with.
    pub(super) given: Vec<String>,
    /// What those may do.
    pub(super) permissions: Vec<String>,
    /// Where the tenant lives, if not where it is asked.
    pub(super) lives_in: Option<Cloud>,
    /// What an administrator has yet to consent to.
    pub(super) withheld: Vec<String>,
    pub(super) page_size: usize,
    pub(super) lags: Lags,
    pub(super) token_lifetime: Duration,
    /// With which links to further pages and changes are sealed.
    pub(super) token_key: u64,
    pub(super) max_filter_values: usize,
    pub(super) delta: DeltaQuirks,
    /// How many objects there may be.
    pub(super) object_quota: usize,
    pub(super) security_groups: Bin,
    /// How long a write is under way.
    pub(super) collides_for: Duration,
    /// How long licences of a group take to come to its members.
    pub(super) license_processing: Duration,
}

/// Where what is deleted goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bin {
    /// To the recycle bin, for thirty days.
    Recycled,
    /// Nowhere.
    Gone,
}

#[derive(Debug, Clone)]
pub(super) struct Domain {
    pub(super) name: String,
    pub(super) role: DomainRole,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DomainRole {
    /// The `….onmicrosoft.com` one.
    Initial,
    Managed,
    Federated,
}

impl Domain {
    pub(super) fn is_federated(&self) -> bool {
        self.role == DomainRole::Federated
    }

    pub(super) fn kind(&self) -> &'static str {
        if self.is_federated() { "Federated" } else { "Managed" }
    }
}

/// An application that may sign in.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) secrets: Vec<ClientSecret>,
    /// The id of its service principal.
    pub(super) principal: Uuid,
    pub(super) certificates: Vec<Registered>,
    pub(super) federated: Vec<Federated>,
    /// Where answers may be sent.
    pub(super) redirects: Vec<String>,
    /// Whether people sign in to it on their own machine, where it keeps no secret.
    pub(super) is_public: bool,
}

/// A secret of an application.
#[derive(Debug, Clone)]
pub(super) struct ClientSecret {
    pub(super) value: Secret,
    pub(super) ends: Option<OffsetDateTime>,
}

impl Client {
    pub(super) fn new(id: String, secrets: Vec<ClientSecret>, principal: Uuid) -> Self {
        Self {
            id,
            secrets,
            principal,
            certificates: Vec::new(),
            federated: Vec::new(),
            redirects: Vec::new(),
            is_public: false,
        }
    }
}

/// Tokens that were issued, oldest first.
#[derive(Default)]
pub(super) struct Tokens {
    issued: HashMap<String, Token>,
    order: VecDeque<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) client: String,
    pub(super) expires: OffsetDateTime,
    pub(super) issued: OffsetDateTime,
    /// Whether its holder knows what to do with a challenge.
    pub(super) answers_challenges: bool,
}

/// So many members a generated group has at most.
const MEMBERS: usize = 100;
/// So many tokens are remembered; whoever fetches more loses the oldest.
const MAX_TOKENS: usize = 10_000;

impl Tokens {
    pub(super) fn issue(&mut self, text: String, token: Token) {
        if self.order.len() >= MAX_TOKENS
            && let Some(oldest) = self.order.pop_front()
        {
            self.issued.remove(&oldest);
        }
        self.order.push_back(text.clone());
        self.issued.insert(text, token);
    }

    pub(super) fn find(&self, text: &str) -> Option<&Token> {
        self.issued.get(text)
    }

    pub(super) fn find_mut(&mut self, text: &str) -> Option<&mut Token> {
        self.issued.get_mut(text)
    }

    pub(super) fn expire(&mut self, now: OffsetDateTime) {
        for token in self.issued.values_mut() {
            token.expires = token.expires.min(now);
        }
    }
}

impl State {
    /// The domain that new users get: the first that the tenant was given.
    pub(super) fn default_domain(&self) -> &str {
        let domains = &self.settings.domains;
        let own = domains.iter().find(|domain| domain.role != DomainRole::Initial);
        own.or(domains.first()).map_or("", |domain| &domain.name)
    }

    /// The domain that came with the tenant.
    pub(super) fn initial_domain(&self) -> &str {
        let initial = self.settings.domains.iter().find(|domain| domain.role == DomainRole::Initial);
        initial.map_or("", |domain| &domain.name)
    }

    /// Adds generated people.
    pub(super) fn populate(&mut self, count: usize, now: OffsetDateTime) {
        let domain = self.default_domain().to_owned();
        for _ in 0..count {
            let number = u64::from(self.people.end()) + 1;
            let person = Person::draw(&mut self.ids);
            let id = self.ids.uuid();
            let mut alias = format!("{}.{}{number}", person.given, person.family).to_lowercase();
            let is_taken = |name: &str| {
                let fields = [Field::Name, Field::Address];
                fields.iter().any(|field| self.people.holder(*field, name, None).is_some())
            };
            if is_taken(&format!("{alias}@{domain}")) {
                alias = format!("{alias}.{}", id.simple());
            }
            let name = format!("{alias}@{domain}");
            let mut user = User::new(id, now.unix_timestamp());
            for (prop, text) in [
                (property::DISPLAY_NAME, format!("{} {}", person.given, person.family).as_str()),
                (property::GIVEN_NAME, person.given),
                (property::SURNAME, person.family),
                (property::JOB_TITLE, person.title),
                (property::DEPARTMENT, person.department),
                (property::CITY, person.city),
                (property::COUNTRY, person.country),
                (property::USAGE_LOCATION, person.country),
                (property::EMPLOYEE_ID, &format!("{:06}", 100_000 + number)),
                (property::MAIL_NICKNAME, &alias),
                (property::MAIL, &name),
                (property::UPN, &name),
            ] {
                user.set_text(prop, text);
            }
            user.set(property::ACCOUNT_ENABLED, Some(Stored::Bool(true)));
            self.people.insert(user, Lag::none(now));
        }
    }

    /// Adds generated groups: by turns two security groups and a Microsoft 365 group, with members drawn from the users.
    pub(super) fn populate_groups(&mut self, count: usize, now: OffsetDateTime) {
        let people: Vec<(Slot, Uuid)> =
            (0..self.people.end()).filter_map(|slot| Some((slot, self.people.live(slot)?.id))).collect();
        for _ in 0..count {
            let number = self.groups.end() + 1;
            let (person, id) = (Person::draw(&mut self.ids), self.ids.uuid());
            let name = format!("{} {number}", person.department);
            let alias = format!("{}-{number}", person.department.to_lowercase().replace(' ', "-"));
            let mut group = Group::new(id, now.unix_timestamp());
            group.set_text(group_property::DISPLAY_NAME, &name);
            group.set_text(group_property::MAIL_NICKNAME, &alias);
            let is_unified = number.is_multiple_of(3);
            group.set(group_property::MAIL_ENABLED, Some(Stored::Bool(is_unified)));
            group.set(group_property::SECURITY_ENABLED, Some(Stored::Bool(!is_unified)));
            if is_unified {
                let mail = format!("{alias}.group@{}", self.default_domain());
                group.set(group_property::GROUP_TYPES, Some(Stored::Json(Box::new(json!(["Unified"])))));
                group.set(
                    group_property::PROXY_ADDRESSES,
                    Some(Stored::Json(Box::new(json!([format!("SMTP:{mail}")])))),
                );
                group.set_text(group_property::MAIL, &mail);
                group.set_text(group_property::VISIBILITY, "Public");
            }
            self.groups.insert(group, Lag::none(now));
            for turn in 0..people.len().min(MEMBERS + 1) {
                let (slot, user) = people[self.ids.below(people.len())];
                let relation = if turn == 0 { Relation::Owners } else { Relation::Members };
                self.add_links(id, relation, &[Target { id: user, place: Place::User(slot) }], Lag::none(now));
            }
        }
    }

    /// From here on changes are of interest to `delta`.
    pub(super) fn begin_logs(&mut self) {
        self.people.begin_log();
        self.groups.begin_log();
        self.members.begin_log();
        self.owners.begin_log();
    }

    /// Writes down a change that a client made.
    pub(super) fn record(&mut self, entry: AuditEntry) {
        if let Some(writer) = &mut self.audit_writer {
            let line = format!("{}\n", json!(entry));
            // A full disk must not stop the tenant: whoever reads the file sees that it ends.
            if writer.write_all(line.as_bytes()).and_then(|()| writer.flush()).is_err() {
                self.audit_writer = None;
            }
        }
        self.audit.push(entry);
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("settings", &self.settings)
            .field("faults", &self.faults)
            .field("requests", &self.requests)
            .finish_non_exhaustive()
    }
}
