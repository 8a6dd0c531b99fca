//! A job meets a tenant that has 5,000 people already: it is stopped, then takes them over and takes nothing away, then
//! does what it held back, then rests (rules of adoption; R62, R64).

use std::collections::BTreeMap;
use std::time::Duration;

use entrant::adapters::Entra;
use entrant::clock::ManualClock;
use entrant::connection::Connection;
use entrant::job::{Apply, OutcomeKind, Run, RunStatus};
use entrant::mapping::OnNull;
use entrant::model::ObjectId;
use entrant::reconcile::{Action, Guard, Licenses, Managed, Plan};
use entrant::sim::{Activity, Sim, Sku};
use entrant::store::{MemoryState, MemoryStore};
use entrant::{Job, Mapping, Policy, Preferences, Record, Value};
use serde_json::json;

use crate::job::world::Sink;

const IN_TENANT: usize = 5_000;
/// Of whom so many are in the source too.
const IN_BOTH: usize = 4_960;
const NEW: usize = 50;

fn is_inactive(id: usize) -> bool {
    id.is_multiple_of(40) && id <= IN_TENANT
}

fn has_lost_title(id: usize) -> bool {
    id % 50 == 1
}

fn has_moved(id: usize) -> bool {
    id % 50 == 2
}

fn has_license(id: usize) -> bool {
    id % 80 == 3
}

fn those(is: fn(usize) -> bool) -> usize {
    (1..=IN_BOTH).filter(|id| is(*id)).count()
}

fn person(id: usize) -> Record {
    Record::new(ObjectId::user(id.to_string()))
        .with("id", id.to_string())
        .with("login", format!("p{id}"))
        .with("name", format!("Person {id}"))
        .with("title", if has_lost_title(id) { Value::Null } else { "Clerk".into() })
        .with("department", if has_moved(id) { "New" } else { "Old" })
        .with("sku", Value::Null)
        .with("active", !is_inactive(id))
}

struct World {
    clock: ManualClock,
    sim: Sim,
    job: Job,
}

async fn world() -> World {
    let clock = ManualClock::at(time::macros::datetime!(2026-01-05 08:00 UTC));
    let sim = Sim::builder().domain("contoso.com").sku(Sku::office_e3(200)).clock(clock.clone()).build();
    for id in 1..=IN_TENANT {
        let login = format!("p{id}@contoso.com");
        sim.add_user(json!({
            "userPrincipalName": login,
            "mailNickname": format!("p{id}"),
            "displayName": format!("Person {id}"),
            "employeeId": id.to_string(),
            "jobTitle": "Clerk",
            "department": "Old",
            "usageLocation": "DE",
            "accountEnabled": true,
        }));
        if has_license(id) {
            sim.assign_license(&login, "ENTERPRISEPACK");
        }
    }
    let connection = Connection::builder(sim.tenant_id(), sim.client_id())
        .client_secret(sim.client_secret())
        .cloud(sim.cloud())
        .build()
        .expect("a connection");
    let entra = Entra::builder(connection).transport(sim.transport()).clock(clock.clone()).connect().await;
    let people = (1..=IN_BOTH).chain(IN_TENANT + 1..=IN_TENANT + NEW).map(person);
    let mapping = Mapping::users()
        .expression("userPrincipalName", r#"Join("@", [login], %Domain%)"#)
        .expect("an expression")
        .attribute("mailNickname", "login")
        .attribute("employeeId", "id")
        .attribute("displayName", "name")
        .attribute("jobTitle", "title")
        .on_null("jobTitle", OnNull::Clear)
        .attribute("department", "department")
        .attribute("accountEnabled", "active")
        .attribute("skuId", "sku")
        .generate_password()
        .match_on("employeeId");
    let licenses = Licenses::default().with_managed(Managed::AllDirect);
    let job = Job::builder("staff")
        .source(MemoryStore::new("hr").with_records(people))
        .target(entra.expect("the check passes"))
        .mapping(mapping)
        .policy(Policy::outbound(Preferences::default().with_licenses(licenses)))
        .passwords(Sink::default())
        .state(MemoryState::new().with_clock(clock.clone()))
        .clock(clock.clone())
        .build()
        .expect("a job");
    World { clock, sim, job }
}

impl World {
    async fn plan(&self) -> Plan {
        self.job.plan(Run::full()).await.expect("a plan")
    }

    /// How often each thing was done since so many changes.
    fn done_since(&self, changes: usize) -> BTreeMap<String, usize> {
        let mut done = BTreeMap::new();
        for entry in &self.sim.audit()[changes..] {
            let properties = match entry.activity {
                Activity::UpdateUser => format!(" {}", entry.properties.join(" ")),
                _ => String::new(),
            };
            *done.entry(format!("{:?}{properties}", entry.activity)).or_default() += 1;
        }
        done
    }
}

fn counts(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    expected.iter().map(|(what, count)| ((*what).to_owned(), *count)).collect()
}

#[tokio::test]
async fn five_thousand_who_were_there_before_lose_nothing_until_the_second_run() {
    let world = world().await;
    let first = world.plan().await;
    assert_eq!((first.count(Action::Link), first.count(Action::Create)), (IN_BOTH, NEW));
    let (inactive, untitled, moved) = (those(is_inactive), those(has_lost_title), those(has_moved));
    let licensed = those(has_license);
    assert!([inactive, untitled, moved, licensed].iter().all(|count| *count > 50), "each is met often");

    // Nobody said that people may be taken over.
    let report = world.job.apply(&first, Apply::new()).await.expect("a report");
    let RunStatus::Stopped { breaches } = &report.status else { panic!("{report}") };
    assert_eq!(breaches.iter().map(|breach| breach.guard).collect::<Vec<_>>(), [Guard::Adopt], "{report}");
    assert!(world.sim.audit().is_empty(), "nothing is written");

    // With that very plan in hand it is said.
    let report = world.job.apply(&first, Apply::new().lift(Guard::Adopt)).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert_eq!(report.count(Action::Link, OutcomeKind::Applied), IN_BOTH as u64);
    assert_eq!(
        world.done_since(0),
        counts(&[("CreateUser", NEW), ("UpdateUser department", moved)]),
        "what differs is written, and nothing is taken away"
    );
    let users = world.sim.users();
    let old = || users.iter().filter(|user| user["department"] == "Old" || user["department"] == "New");
    assert!(old().all(|user| user["accountEnabled"] == true), "nobody is disabled");
    let titled = old().filter(|user| user["jobTitle"] == "Clerk").count();
    assert_eq!(titled, IN_TENANT + NEW - new_who(has_lost_title), "no title is cleared");

    // What was held back, and nothing else, is what the second run does; no guard stands against it.
    world.clock.advance(Duration::from_secs(3600));
    let changes = world.sim.audit().len();
    let second = world.plan().await;
    let writes: Vec<_> = second.entries().iter().filter(|entry| entry.writes()).collect();
    assert_eq!(writes.len(), inactive + untitled + licensed);
    assert_eq!(writes.iter().filter(|entry| entry.disables()).count(), inactive);
    assert_eq!(writes.iter().filter(|entry| entry.changes.iter().any(|change| change.clears())).count(), untitled);
    assert!(writes.iter().all(|entry| entry.changes.len() + entry.sets.len() == 1), "each for one reason");
    let report = world.job.apply(&second, Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert_eq!(
        world.done_since(changes),
        counts(&[
            ("UpdateUser accountEnabled", inactive),
            ("UpdateUser jobTitle", untitled),
            ("RemoveLicense", licensed)
        ])
    );

    // The third is quiet.
    world.clock.advance(Duration::from_secs(3600));
    let changes = world.sim.audit().len();
    let third = world.plan().await;
    assert!(third.is_converged() && third.entries().is_empty(), "{third}");
    _ = world.job.apply(&third, Apply::new()).await.expect("a report");
    assert_eq!(world.sim.audit().len(), changes);
}

/// How many of those who are new.
fn new_who(is: fn(usize) -> bool) -> usize {
    (IN_TENANT + 1..=IN_TENANT + NEW).filter(|id| is(*id)).count()
}
