//! The tenant from outside: building it, looking into it, and sending it requests.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};
use url::Url;
use uuid::Uuid;

use super::audit::{AuditEntry, Requests};
use super::builder::SimBuilder;
use super::state::{State, Token};
use crate::clock::Clock;
use crate::cloud::Cloud;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::http::Transport;
use crate::secret::Secret;
use crate::sim::lists::query::Target;
use crate::sim::objects::object::{Object, whole};
use crate::sim::sign_in::login::Door;
use crate::sim::trouble::bad_luck::BadLuck;
use crate::sim::trouble::fault::{Fault, Place};
use crate::sim::trouble::lag::Reads;
use crate::sim::users::property;
use crate::sim::users::user::User;
use crate::sim::users::write::By;
use crate::sim::wire::answer::{Answer, Refusal, Trace};
use crate::sim::wire::routes::{Asked, Call};

/// Requests in process go to this host; `.invalid` is never anyone's.
const ORIGIN: &str = "https://sim.invalid";
/// Larger bodies are refused.
pub(super) const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// A simulated tenant. Clones are the same tenant.
///
/// What is done through its methods is done by an administrator: it needs no token, may write what Graph keeps
/// read-only, is seen at once whatever the lag, and is not in the [audit](Sim::audit).
///
/// # Examples
///
/// ```
/// use entrant::sim::Sim;
/// use serde_json::json;
///
/// let sim = Sim::builder().domain("contoso.com").seed(7).build();
/// let id = sim.add_user(json!({"userPrincipalName": "ada@contoso.com", "displayName": "Ada Okafor"}));
/// sim.update_user(&id, json!({"accountEnabled": false}));
/// assert_eq!(sim.user("ada@contoso.com").expect("just added")["accountEnabled"], false);
/// ```
#[derive(Clone)]
pub struct Sim {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    latency: Duration,
    #[cfg_attr(not(feature = "sim-server"), expect(dead_code, reason = "only the server has a proxy before it"))]
    forwarded: Forwarded,
}

/// Whether `X-Forwarded-…` headers say under what name the tenant is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forwarded {
    Ignored,
    Trusted,
}

impl Sim {
    /// A tenant with all defaults: `contoso.com`, no users, one application.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A tenant to be set up.
    pub fn builder() -> SimBuilder {
        SimBuilder::new()
    }

    pub(super) fn from_parts(state: State, clock: Arc<dyn Clock>, latency: Duration, forwarded: Forwarded) -> Self {
        Self { shared: Arc::new(Shared { state: Mutex::new(state), clock, latency, forwarded }) }
    }

    /// The way in without a network: requests to addresses under [`origin`](Sim::origin).
    #[must_use]
    pub fn transport(&self) -> Arc<dyn Transport> {
        Arc::new(InProcess { sim: self.clone() })
    }

    /// Under what address the tenant answers in process.
    #[must_use]
    pub fn origin(&self) -> Url {
        Url::parse(ORIGIN).expect("the address is valid")
    }

    /// The tenant as a cloud of its own, for use with [`transport`](Sim::transport).
    #[must_use]
    pub fn cloud(&self) -> Cloud {
        Cloud::Custom { authority: self.origin(), graph: self.origin() }
    }

    /// The tenant's id.
    #[must_use]
    pub fn tenant_id(&self) -> String {
        self.state().settings.tenant_id.to_string()
    }

    /// The id of the (first) application that may sign in.
    #[must_use]
    pub fn client_id(&self) -> String {
        self.state().settings.clients.first().map(|client| client.id.clone()).unwrap_or_default()
    }

    /// The secret of the (first) application.
    #[must_use]
    pub fn client_secret(&self) -> Secret {
        let state = self.state();
        let secret = state.settings.clients.first().and_then(|client| client.secrets.first());
        secret.map_or_else(|| Secret::new(""), |secret| secret.value.clone())
    }

    /// A token of the (first) application, without asking the token endpoint for it.
    #[must_use]
    pub fn token(&self) -> Secret {
        let now = self.shared.clock.now();
        let mut state = self.state();
        let text = format!("sim.{}.{}", state.chance.uuid().simple(), state.chance.uuid().simple());
        let client = state.settings.clients.first().map(|client| client.id.clone()).unwrap_or_default();
        let lifetime = state.settings.token_lifetime.try_into().unwrap_or(time::Duration::MAX);
        let expires = now.checked_add(lifetime).unwrap_or(now);
        state.tokens.issue(text.clone(), Token { client, expires, issued: now, answers_challenges: false });
        Secret::new(text)
    }

    /// Adds a user and answers its id. What is missing of the required properties is made up; `id` may be given.
    ///
    /// # Panics
    ///
    /// If this is not an object, names an unknown property, or has a value that Graph would refuse.
    pub fn add_user(&self, user: Value) -> String {
        let now = self.shared.clock.now();
        added_user(&mut self.state(), user, now)
    }

    /// Adds this many generated people.
    pub fn add_users(&self, count: usize) {
        let now = self.shared.clock.now();
        self.state().populate(count, now);
    }

    /// Changes a user, found by id or user principal name; `null` clears a property.
    ///
    /// # Panics
    ///
    /// If there is no such user, or the change is one that [`add_user`](Sim::add_user) would not take.
    pub fn update_user(&self, key: &str, changes: Value) {
        let now = self.shared.clock.now();
        let mut state = self.state();
        let slot = state.user_named(key);
        if let Err(refusal) = state.update_user(slot, &changes, By::Administrator, now) {
            panic!("the user cannot be changed: {}", refusal.message);
        }
    }

    /// Moves a user, found by id or user principal name, to the recycle bin.
    ///
    /// # Panics
    ///
    /// If there is no such user.
    pub fn delete_user(&self, key: &str) {
        let now = self.shared.clock.now();
        let mut state = self.state();
        let slot = state.user_named(key);
        state.delete_user(slot, now);
    }

    /// All properties of a user, found by id or user principal name, as it is now, whatever the lag.
    #[must_use]
    pub fn user(&self, key: &str) -> Option<Value> {
        let state = self.state();
        let slot = state.people.find_current(key)?;
        state.people.current(slot).map(|user| whole(Object::User(user), state.context()))
    }

    /// All users with all properties, in the order of creation.
    #[must_use]
    pub fn users(&self) -> Vec<Value> {
        self.all(|user| user.deleted.is_none())
    }

    /// All users in the recycle bin.
    #[must_use]
    pub fn deleted_users(&self) -> Vec<Value> {
        self.all(|user| user.deleted.is_some())
    }

    /// The password that a user was last given, if it was given one; the user is found by id or user principal name.
    #[must_use]
    pub fn password_of(&self, key: &str) -> Option<Secret> {
        let state = self.state();
        let slot = state.people.find_current(key)?;
        let id = state.people.current(slot)?.id;
        state.passwords.get(&id).cloned()
    }

    /// Scripts a fault.
    pub fn fail(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Takes back all faults that have not struck, and ends those at random.
    pub fn clear_faults(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.bad_luck = None;
    }

    /// Lets faults of all kinds strike at random from now on, as [`SimBuilder::random_faults`] does from the start.
    pub fn random_faults(&self, seed: u64, rate: f64) {
        self.state().bad_luck = Some(BadLuck::new(seed, rate));
    }

    /// Lets every token that was issued expire now.
    pub fn expire_tokens(&self) {
        let now = self.shared.clock.now();
        self.state().tokens.expire(now);
    }

    /// Lets every `@odata.nextLink` that was given out expire now.
    pub fn expire_page_tokens(&self) {
        let mut state = self.state();
        state.page_generation = state.page_generation.wrapping_add(1);
    }

    /// Lets every link of `delta` that was given out expire now: whoever follows one is told to begin anew.
    pub fn expire_delta_links(&self) {
        let mut state = self.state();
        state.delta_generation = state.delta_generation.wrapping_add(1);
    }

    /// Every write that clients had carried out, in order.
    #[must_use]
    pub fn audit(&self) -> Vec<AuditEntry> {
        self.state().audit.clone()
    }

    /// How many requests arrived so far.
    #[must_use]
    pub fn requests(&self) -> Requests {
        self.state().requests
    }

    fn all(&self, wanted: impl Fn(&User) -> bool) -> Vec<Value> {
        let state = self.state();
        (0..state.people.end())
            .filter_map(|slot| state.people.current(slot))
            .filter(|user| wanted(user))
            .map(|user| whole(Object::User(user), state.context()))
            .collect()
    }

    pub(super) fn now(&self) -> OffsetDateTime {
        self.shared.clock.now()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.now = self.shared.clock.now();
        state
    }

    #[cfg(feature = "sim-server")]
    pub(super) fn forwarded(&self) -> Forwarded {
        self.shared.forwarded
    }

    /// Answers one request; `None`: the connection broke.
    pub(super) async fn answer(&self, origin: &str, request: Request<Bytes>) -> Option<Response<Bytes>> {
        let now = self.shared.clock.now();
        let (answer, trace, delay) = self.state().exchange(origin, &request, now);
        let delay = delay.saturating_add(self.shared.latency);
        if !delay.is_zero() {
            self.shared.clock.sleep(delay).await;
        }
        Some(response(answer?, &trace))
    }
}

impl Default for Sim {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No lock is taken: whoever holds it may print this.
        f.debug_struct("Sim").field("latency", &self.shared.latency).finish_non_exhaustive()
    }
}

/// The way into the tenant without a network.
#[derive(Debug)]
struct InProcess {
    sim: Sim,
}

#[async_trait]
impl Transport for InProcess {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let uri = request.uri();
        let is_ours = uri.scheme_str() == Some("https")
            && uri.authority().map(|authority| authority.as_str()) == ORIGIN.strip_prefix("https://");
        if !is_ours {
            let host = uri.host().unwrap_or_default();
            return Err(Error::new(ErrorKind::Transport, "no such host").with_context("host", host));
        }
        self.sim.answer(ORIGIN, request).await.ok_or_else(|| {
            Error::new(ErrorKind::Transport, "the connection broke before an answer came")
                .with_outcome_in_doubt()
                .with_retry(Retry::Later)
        })
    }
}

impl State {
    fn exchange(
        &mut self,
        origin: &str,
        request: &Request<Bytes>,
        now: OffsetDateTime,
    ) -> (Option<Answer>, Trace, Duration) {
        let (settled, told) = (self.settings.lags.settled(now), self.clock(Reads::Changes, now));
        self.people.settle(settled, told);
        self.groups.settle(settled, told);
        self.members.settle(settled, told);
        self.owners.settle(settled, told);
        self.applications.settle(settled, told);
        self.principals.settle(settled, told);
        let headers = asked(request.headers());
        let request_id = self.chance.uuid();
        let trace = Trace { request_id, client_request_id: client_request_id(&headers, request_id), now };
        let raw = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let target = match Target::parse(raw) {
            _ if request.body().len() > MAX_BODY_BYTES => {
                Err(Refusal::new(413, "RequestEntityTooLarge", "The body of the request is too large."))
            }
            target => target,
        };
        let mut delay = Duration::ZERO;
        let answer = match target {
            Ok(target) => {
                self.count_request(&target);
                let method = request.method().as_str();
                let call = Call { method, target, headers, body: request.body(), origin, now, has_waited: false };
                self.conduct(Place::TopLevel, &call, &trace, &mut delay)
            }
            Err(refusal) => {
                self.requests.others += 1;
                Some(refusal.into_answer(&trace))
            }
        };
        (answer, trace, delay)
    }

    fn count_request(&mut self, target: &Target) {
        let is_batch = target.segments.get(1).is_some_and(|segment| segment.eq_ignore_ascii_case("$batch"));
        let counter = match Door::find(&target.segments) {
            Some(Door::Token) => &mut self.requests.token,
            Some(Door::Discovery | Door::Instances | Door::Keys) => &mut self.requests.discovery,
            Some(Door::Authorize | Door::AdminConsent | Door::DeviceCode | Door::Identity(_)) => {
                &mut self.requests.others
            }
            None if is_batch => &mut self.requests.batch_posts,
            None => &mut self.requests.others,
        };
        *counter += 1;
    }
}

fn asked(headers: &HeaderMap) -> Asked {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Asked {
        authorization: text("authorization"),
        content_type: text("content-type"),
        consistency_level: text("consistencylevel"),
        client_request_id: text("client-request-id"),
        prefer: text("prefer"),
        metadata: text("metadata").is_some_and(|value| value.eq_ignore_ascii_case("true")),
        identity: text("x-identity-header").or_else(|| text("secret")),
    }
}

fn client_request_id(headers: &Asked, request_id: Uuid) -> String {
    let own = headers.client_request_id.as_deref().filter(|id| !id.is_empty() && id.len() <= 200);
    own.map_or_else(|| request_id.to_string(), str::to_owned)
}

/// `Wed, 04 Mar 2026 10:15:30 GMT`.
fn http_date(at: OffsetDateTime) -> String {
    let format =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    at.to_offset(UtcOffset::UTC).format(format).unwrap_or_default()
}

fn response(answer: Answer, trace: &Trace) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let request_id = trace.request_id.to_string();
    let date = http_date(trace.now);
    let ids = [
        ("date", date.as_str()),
        ("request-id", request_id.as_str()),
        ("client-request-id", &trace.client_request_id),
        ("x-ms-request-id", &request_id),
    ];
    let headers = answer.headers.iter().map(|(name, value)| (*name, value.as_str()));
    for (name, value) in headers.chain(ids) {
        // What cannot be sent can only come from a script, such as a line break in `Retry-After`.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    *response.body_mut() = answer.bytes().into();
    response
}

pub(super) fn added_user(state: &mut State, user: Value, now: OffsetDateTime) -> String {
    let user = completed(state, user);
    match state.create_user(&user, By::Administrator, now) {
        Ok(slot) => state.people.current(slot).map(|user| user.id.to_string()).unwrap_or_default(),
        Err(refusal) => {
            let name = user.get("userPrincipalName").and_then(Value::as_str).unwrap_or("without a name");
            panic!("the user '{name}' cannot be added: {}", refusal.message)
        }
    }
}

/// Makes up what is missing.
fn completed(state: &State, user: Value) -> Value {
    let Value::Object(mut members) = user else { return user };
    let has = |members: &Map<String, Value>, prop| {
        let name = property::property(prop).name;
        members.keys().any(|key| key.eq_ignore_ascii_case(name))
    };
    let alias = format!("user{}", state.people.end() + 1);
    let name = members
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case("userPrincipalName"))
        .and_then(|(_, value)| value.as_str())
        .map_or_else(|| format!("{alias}@{}", state.default_domain()), str::to_owned);
    let local = name.split('@').next().unwrap_or(&alias).to_owned();
    for (prop, value) in [
        (property::UPN, json!(name)),
        (property::DISPLAY_NAME, json!(local)),
        (property::MAIL_NICKNAME, json!(local.replace('$', ""))),
        (property::ACCOUNT_ENABLED, json!(true)),
    ] {
        if !has(&members, prop) {
            members.insert(property::property(prop).name.to_owned(), value);
        }
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_tenant() {
        let ids = |seed| {
            let sim = Sim::builder().seed(seed).users(3).build();
            (sim.tenant_id(), sim.users().iter().map(|user| user["id"].clone()).collect::<Vec<_>>())
        };
        assert_eq!(ids(7), ids(7));
        assert_ne!(ids(7), ids(8));
    }

    #[test]
    fn a_tenant_shows_no_secret() {
        let sim = Sim::builder().client("app", "hunter2hunter2").build();
        let shown = format!("{sim:?} {:?} {:?}", Sim::builder().client("app", "hunter2hunter2"), sim.state());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
