//! A small organisation with a history, and what is to change in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use entrant::adapters::Entra;
use entrant::clock::ManualClock;
use entrant::connection::Connection;
use entrant::http::Transport;
use entrant::job::{Apply, Report, Run};
use entrant::model::ObjectId;
use entrant::reconcile::Guard;
use entrant::secret::Secret;
use entrant::sim::{Activity, AuditEntry, Sim};
use entrant::store::{InitialPassword, MemoryState, MemoryStore, PasswordSink};
use entrant::{Job, Mapping, Policy, Preferences, Record, Result, Value};
use serde_json::{Value as Json, json};

/// What is added to the name of what is there twice.
pub(crate) const AGAIN: &str = ", again";

pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

/// An HR store, a simulated tenant, and what a job between them remembers.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) hr: MemoryStore,
    pub(crate) sim: Sim,
    pub(crate) state: MemoryState,
    pub(crate) sink: Sink,
    /// An account that is nobody's business.
    pub(crate) stranger: String,
}

impl World {
    /// Six people and two groups in step, with a stranger among them.
    pub(crate) async fn in_step() -> Self {
        let world = Self::empty(
            ["2", "3", "4", "5", "6", "8"]
                .map(|id| person(id).with("sku", texts(&["ENTERPRISEPACK"])).with("manager", "2"))
                .into_iter()
                .chain([group("a", &["2", "3", "4"]), group("b", &["5"])]),
        );
        world.hr.set(&ObjectId::user("2"), "manager", Value::Null);
        for _ in 0..2 {
            _ = world.settle().await;
        }
        world
    }

    pub(crate) fn empty(records: impl IntoIterator<Item = Record>) -> Self {
        let clock = ManualClock::at(time::macros::datetime!(2026-01-05 08:00 UTC));
        let sim = Sim::builder().domain("contoso.com").standard_skus(500).seed(7).clock(clock.clone()).build();
        let stranger = sim.add_user(json!({
            "userPrincipalName": "stranger@contoso.com", "displayName": "Stranger", "mailNickname": "stranger",
            "usageLocation": "DE", "accountEnabled": true,
        }));
        sim.assign_license(&stranger, "ENTERPRISEPACK");
        Self {
            hr: MemoryStore::new("hr").with_records(records),
            state: MemoryState::new().with_clock(clock.clone()),
            sink: Sink::default(),
            sim,
            clock,
            stranger,
        }
    }

    /// A joiner, a mover, a leaver, one to adopt, one to bring back; licences and members given and taken.
    pub(crate) fn reorganise(&self) {
        self.hr.push(person("1").with("sku", texts(&["ENTERPRISEPACK"])).with("manager", "2"));
        self.set("2", "title", "Head");
        self.hr.remove(&ObjectId::user("3"));
        self.set("4", "sku", texts(&["ENTERPRISEPREMIUM"]));
        self.set("5", "sku", Value::Null);
        self.set("5", "manager", Value::Null);
        self.hr.set(&ObjectId::group("a"), "members", texts(&["1", "2"]));
        self.hr.push(group("c", &["1", "5"]));
        self.sim.delete_user("p8@contoso.com");
        self.sim.add_user(json!({
            "userPrincipalName": "p9@contoso.com", "displayName": "Person 9", "mailNickname": "p9",
            "employeeId": "9", "jobTitle": "Clerk", "usageLocation": "DE", "accountEnabled": true,
        }));
        self.hr.push(person("9"));
        self.sim.add_member("Group a", &self.stranger);
    }

    pub(crate) fn set(&self, id: &str, attribute: &str, value: impl Into<Value>) {
        assert!(self.hr.set(&ObjectId::user(id), attribute, value));
    }

    pub(crate) async fn entra(&self, transport: impl Transport) -> Result<Entra> {
        let connection = Connection::builder(self.sim.tenant_id(), self.sim.client_id())
            .client_secret(self.sim.client_secret())
            .cloud(self.sim.cloud())
            .build()?;
        Entra::builder(connection).transport(transport).clock(self.clock.clone()).connect().await
    }

    pub(crate) fn job(&self, entra: Entra) -> Job {
        Job::builder("staff")
            .source(self.hr.clone())
            .target(entra)
            .mapping(users())
            .mapping(groups())
            .policy(Policy::outbound(Preferences::default().with_restore()))
            .passwords(self.sink.clone())
            .state(self.state.clone())
            .clock(self.clock.clone())
            .build()
            .expect("a job")
    }

    pub(crate) async fn clean_job(&self) -> Job {
        self.job(self.entra(self.sim.transport()).await.expect("the check passes"))
    }

    /// A run with nothing in its way, and an hour after it.
    pub(crate) async fn settle(&self) -> Report {
        let report = self.clean_job().await.run(Run::full(), unguarded()).await.expect("a report");
        self.clock.advance(HOUR);
        report
    }

    /// The tenant, with names in place of ids.
    pub(crate) fn picture(&self) -> BTreeMap<String, String> {
        let mut picture = BTreeMap::new();
        // Who is there twice is no less to be seen.
        let mut put = |mut name: String, shown: String| {
            while picture.contains_key(&name) {
                name.push_str(AGAIN);
            }
            picture.insert(name, shown);
        };
        for user in self.sim.users() {
            let id = user["id"].as_str().expect("an id");
            let manager = self.sim.manager(id).map(|id| self.name(&id));
            let shown = format!(
                "employee {} {} enabled {} manager {manager:?}",
                user["employeeId"], user["jobTitle"], user["accountEnabled"],
            );
            put(self.name(id), shown);
            let licenses: BTreeSet<String> = self.sim.licenses(id).into_iter().collect();
            put(format!("licences of {}", self.name(id)), format!("{licenses:?}"));
        }
        for group in self.sim.groups() {
            let id = group["id"].as_str().expect("an id");
            let members: BTreeSet<String> = self.sim.members(id).iter().map(|id| self.name(id)).collect();
            put(self.name(id), format!("{members:?}"));
        }
        picture
    }

    pub(crate) fn name(&self, id: &str) -> String {
        let text = |json: Option<Json>, name: &str| json.and_then(|json| json[name].as_str().map(str::to_owned));
        text(self.sim.user(id), "userPrincipalName")
            .or_else(|| text(self.sim.group(id), "displayName"))
            .unwrap_or_else(|| id.to_owned())
    }

    /// What was taken from anybody since then, in words.
    pub(crate) fn taken_since(&self, audit: usize) -> BTreeSet<String> {
        let sku = |id: &str| {
            let skus = self.sim.skus();
            let found = skus.iter().find(|sku| sku["skuId"] == json!(id)).expect("a product");
            found["skuPartNumber"].as_str().expect("a name").to_owned()
        };
        let told = |entry: &AuditEntry| {
            let (id, target) = (entry.id.to_string(), entry.target.map(|id| id.to_string()));
            let of = |target: Option<String>| target.map(|id| self.name(&id));
            let what = match entry.activity {
                Activity::DeleteUser | Activity::PurgeUser | Activity::DeleteGroup | Activity::PurgeGroup => None,
                Activity::RemoveMember | Activity::RemoveOwner => of(target),
                Activity::ClearManager => None,
                Activity::RemoveLicense => target.map(|id| sku(&id)),
                Activity::UpdateUser if entry.properties.iter().any(|name| name == "accountEnabled") => None,
                _ => return None,
            };
            Some(format!("{:?} {} {what:?}", entry.activity, self.name(&id)))
        };
        self.sim.audit()[audit..].iter().filter_map(told).collect()
    }
}

pub(crate) fn unguarded() -> Apply {
    Guard::ALL.iter().fold(Apply::new(), |apply, guard| apply.lift(*guard))
}

pub(crate) fn texts(values: &[&str]) -> Value {
    Value::list(values.iter().map(|value| Value::from(*value)))
}

pub(crate) fn person(id: &str) -> Record {
    Record::new(ObjectId::user(id))
        .with("id", id)
        .with("login", format!("p{id}"))
        .with("name", format!("Person {id}"))
        .with("title", "Clerk")
        .with("country", "DE")
        .with("active", true)
        .with("manager", Value::Null)
        .with("sku", Value::Null)
}

pub(crate) fn group(id: &str, members: &[&str]) -> Record {
    Record::new(ObjectId::group(id)).with("id", id).with("name", format!("Group {id}")).with("members", texts(members))
}

fn users() -> Mapping {
    Mapping::users()
        .attribute("displayName", "name")
        .attribute("employeeId", "id")
        .attribute("jobTitle", "title")
        .attribute("usageLocation", "country")
        .attribute("accountEnabled", "active")
        .attribute("mailNickname", "login")
        .expression("userPrincipalName", r#"Join("@", ToLower([login]), %Domain%)"#)
        .expect("an expression")
        .attribute("manager", "manager")
        .attribute("skuId", "sku")
        .generate_password()
        .match_on("employeeId")
        .match_on("userPrincipalName")
}

fn groups() -> Mapping {
    Mapping::groups()
        .attribute("displayName", "name")
        .attribute("mailNickname", "id")
        .attribute("members", "members")
        .match_on("displayName")
}

/// Keeps passwords in memory; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    open: BTreeMap<String, Secret>,
    confirmed: Vec<(ObjectId, Secret)>,
}

impl Sink {
    /// Every password that ever was, confirmed or not.
    pub(crate) fn passwords(&self) -> Vec<String> {
        let kept = self.0.lock().expect("no test panics with it");
        let confirmed = kept.confirmed.iter().map(|(_, password)| password);
        kept.open.values().chain(confirmed).map(|password| password.expose().to_owned()).collect()
    }

    pub(crate) fn confirmed(&self) -> Vec<(ObjectId, Secret)> {
        self.0.lock().expect("no test panics with it").confirmed.clone()
    }
}

#[async_trait]
impl PasswordSink for Sink {
    async fn prepare(&self, passwords: Vec<InitialPassword>) -> Result<Vec<Secret>> {
        let mut kept = self.0.lock().expect("no test panics with it");
        Ok(passwords.into_iter().map(|one| kept.open.entry(one.key).or_insert(one.password).clone()).collect())
    }

    async fn confirm(&self, created: Vec<(String, ObjectId)>) -> Result<()> {
        let mut kept = self.0.lock().expect("no test panics with it");
        for (key, id) in created {
            if let Some(password) = kept.open.remove(&key) {
                kept.confirmed.push((id, password));
            }
        }
        Ok(())
    }
}
