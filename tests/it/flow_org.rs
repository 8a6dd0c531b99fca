//! The whole way with managers, groups and licences, to a simulated tenant.

use std::time::Duration;

use entrant::adapters::Entra;
use entrant::clock::ManualClock;
use entrant::connection::Connection;
use entrant::job::{Apply, OutcomeKind, Report, Run, RunStatus};
use entrant::model::ObjectId;
use entrant::reconcile::{Action, Guard, Plan};
use entrant::sim::{Activity, Fault, Sim, SimBuilder};
use entrant::store::{MemoryState, MemoryStore};
use entrant::{Job, Mapping, Policy, Preferences, Record, Value};
use serde_json::json;

use crate::job::org::{problems, texts};
use crate::job::world::Sink;

/// An HR store, a simulated tenant, and what a job between them remembers.
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) hr: MemoryStore,
    pub(crate) sim: Sim,
    pub(crate) state: MemoryState,
    pub(crate) sink: Sink,
    pub(crate) preferences: Preferences,
    pub(crate) groups: Mapping,
    pub(crate) group_policy: Option<Policy>,
}

impl World {
    pub(crate) fn new(records: impl IntoIterator<Item = Record>, tenant: impl Fn(SimBuilder) -> SimBuilder) -> Self {
        let clock = ManualClock::at(time::macros::datetime!(2026-01-05 08:00 UTC));
        Self {
            hr: MemoryStore::new("hr").with_records(records),
            sim: tenant(Sim::builder().domain("contoso.com").clock(clock.clone())).build(),
            state: MemoryState::new().with_clock(clock.clone()),
            sink: Sink::default(),
            preferences: Preferences::default(),
            groups: groups(),
            group_policy: None,
            clock,
        }
    }

    pub(crate) async fn entra(&self) -> Entra {
        let connection = Connection::builder(self.sim.tenant_id(), self.sim.client_id())
            .client_secret(self.sim.client_secret())
            .cloud(self.sim.cloud())
            .build()
            .expect("a connection");
        let entra = Entra::builder(connection).transport(self.sim.transport()).clock(self.clock.clone());
        entra.connect().await.expect("the check passes")
    }

    pub(crate) async fn job(&self) -> Job {
        Job::builder("staff")
            .source(self.hr.clone())
            .target(self.entra().await)
            .mapping(users())
            .mapping(match &self.group_policy {
                Some(policy) => self.groups.clone().policy(policy.clone()),
                None => self.groups.clone().into(),
            })
            .policy(Policy::outbound(self.preferences.clone()))
            .passwords(self.sink.clone())
            .state(self.state.clone())
            .clock(self.clock.clone())
            .build()
            .expect("a job")
    }

    pub(crate) async fn plan(&self) -> Plan {
        self.job().await.plan(Run::full()).await.expect("a plan")
    }

    /// A run with all guards lifted, and an hour after it.
    pub(crate) async fn settle(&self) -> Report {
        let apply = Guard::ALL.iter().fold(Apply::new(), |apply, guard| apply.lift(*guard));
        let report = self.job().await.run(Run::full(), apply).await.expect("a report");
        self.clock.advance(Duration::from_secs(3600));
        report
    }

    pub(crate) fn set(&self, id: &str, attribute: &str, value: impl Into<Value>) {
        assert!(self.hr.set(&ObjectId::user(id), attribute, value));
    }

    pub(crate) fn name(&self, id: &str) -> String {
        let user = self.sim.users().into_iter().find(|user| user["employeeId"] == json!(id)).expect("an account");
        user["userPrincipalName"].as_str().expect("a name").to_owned()
    }

    pub(crate) fn id(&self, id: &str) -> String {
        let user = self.sim.users().into_iter().find(|user| user["employeeId"] == json!(id)).expect("an account");
        user["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) fn is_enabled(&self, id: &str) -> bool {
        self.sim
            .users()
            .into_iter()
            .any(|user| user["employeeId"] == json!(id) && user["accountEnabled"] == json!(true))
    }
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
    Record::new(ObjectId::group(id))
        .with("id", id)
        .with("name", format!("Group {id}"))
        .with("members", texts(members))
        .with("groups", texts(&[]))
}

pub(crate) fn users() -> Mapping {
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
}

pub(crate) fn groups() -> Mapping {
    Mapping::groups()
        .attribute("displayName", "name")
        .attribute("mailNickname", "id")
        .attribute("members", "members")
        .attribute("memberGroups", "groups")
        .match_on("displayName")
}

fn e3() -> impl Fn(SimBuilder) -> SimBuilder {
    |builder| builder.standard_skus(2_000)
}

#[tokio::test]
async fn a_thousand_people_with_a_licence_and_a_group_take_few_requests() {
    let ids: Vec<String> = (0..1_000).map(|id| format!("{id:04}")).collect();
    let people = ids.iter().map(|id| person(id).with("sku", texts(&["ENTERPRISEPACK"])));
    let members = |group: usize| -> Vec<&str> { ids.iter().skip(group).step_by(10).map(String::as_str).collect() };
    let teams = (0..10).map(|number| group(&format!("g{number}"), &members(number)));
    let world = World::new(people.chain(teams), e3());
    for number in 0..10 {
        world.sim.add_group(json!({"displayName": format!("Group g{number}"), "mailNickname": format!("g{number}")}));
    }
    let report = world.settle().await;
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    let requests = world.sim.requests();
    assert!(requests.batch_posts <= 160, "{requests:?}");
    assert!(requests.besides_batches() <= 25, "{requests:?}");
    assert!((0..10).all(|number| world.sim.members(&format!("g{number}")).len() == 100));
    assert_eq!(world.sim.skus()[0]["consumedUnits"], json!(1_000), "{:?}", world.sim.skus()[0]);
    let second = world.plan().await;
    assert!(second.is_converged() && second.entries().is_empty(), "{second}");
}

#[tokio::test]
async fn names_managers_and_nested_groups_go_in_circles() {
    let world = World::new(
        [
            person("1").with("manager", "2"),
            person("2").with("manager", "3"),
            person("3").with("manager", "1"),
            group("a", &["1"]).with("groups", texts(&["b"])),
            group("b", &["2"]).with("groups", texts(&["c"])),
            group("c", &["3"]).with("groups", texts(&["a"])),
        ],
        e3(),
    );
    let report = world.settle().await;
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    for (person, manager) in [("1", "2"), ("2", "3"), ("3", "1")] {
        assert_eq!(world.sim.manager(&world.name(person)), Some(world.id(manager)), "{person}");
    }
    assert_eq!(world.sim.members("Group c").len(), 2, "{:?}", world.sim.members("Group c"));
    assert!(world.plan().await.entries().is_empty());
    // Two swap their names, by way of a third that nobody else can hold.
    world.set("1", "login", "p2");
    world.set("2", "login", "p1");
    let plan = world.plan().await;
    assert_eq!(plan.count(Action::Update), 2, "{plan}");
    let report = world.settle().await;
    assert_eq!(report.status, RunStatus::Complete, "{plan}{report}");
    assert_eq!((world.name("1").as_str(), world.name("2").as_str()), ("p2@contoso.com", "p1@contoso.com"));
    assert!(world.plan().await.entries().is_empty());
}

#[tokio::test]
async fn a_joiner_takes_the_name_of_a_leaver() {
    let mut world = World::new([person("1"), person("2"), group("a", &[])], e3());
    world.preferences = Preferences::default().with_source_deleted(entrant::reconcile::Leaver::delete());
    _ = world.settle().await;
    world.hr.remove(&ObjectId::user("1"));
    world.hr.push(person("3").with("login", "p1"));
    let report = world.settle().await;
    assert_eq!(report.count(Action::Create, OutcomeKind::Applied), 1, "{report}");
    assert_eq!(world.name("3"), "p1@contoso.com");
}

#[tokio::test]
async fn a_licence_is_swapped_without_a_gap_and_without_a_second_seat() {
    let world = World::new([person("1").with("sku", texts(&["ENTERPRISEPACK"])), group("a", &[])], |builder| {
        builder.standard_skus(1)
    });
    _ = world.settle().await;
    assert_eq!(world.sim.licenses(&world.name("1")), ["ENTERPRISEPACK"]);
    world.set("1", "sku", texts(&["ENTERPRISEPREMIUM"]));
    let before = world.sim.audit().len();
    _ = world.settle().await;
    assert_eq!(world.sim.licenses(&world.name("1")), ["ENTERPRISEPREMIUM"]);
    let audit = world.sim.audit();
    let taken = audit[before..].iter().find(|entry| entry.activity == Activity::RemoveLicense).expect("one is taken");
    let given = audit[before..].iter().find(|entry| entry.activity == Activity::AssignLicense).expect("one is given");
    assert_eq!((taken.time, audit.len() - before), (given.time, 2), "in one call, and nothing else is written");
    assert!(world.plan().await.entries().is_empty());
}

#[tokio::test]
async fn a_seat_that_is_given_up_is_nobodys_while_more_are_held_than_there_are() {
    let people = ["1", "2", "3"].map(|id| person(id).with("sku", texts(&["EMS"])));
    let world =
        World::new(people.into_iter().chain([person("4"), group("a", &[])]), |builder| builder.standard_skus(3));
    _ = world.settle().await;
    // Fewer were bought: the first of two that are given up is nobody's, and the second waits for both.
    world.sim.set_seats("EMS", 2);
    world.set("1", "sku", Value::Null);
    world.set("4", "sku", texts(&["EMS"]));
    let plan = world.plan().await;
    assert!(problems(&plan, "4").join("; ").contains("no-seat"), "{plan}");
    world.set("2", "sku", Value::Null);
    let report = world.settle().await;
    assert_eq!(report.outcome(OutcomeKind::Failed), 0, "{report}");
    assert_eq!(world.sim.licenses(&world.name("4")), ["EMS"]);
    assert!(world.plan().await.is_converged());
}

#[tokio::test]
async fn what_the_tenant_forbids_is_refused_when_planned() {
    let people = ["1", "2", "3"].map(|id| person(id).with("sku", texts(&["ENTERPRISEPACK"])));
    let world = World::new(people.into_iter().chain([group("a", &["1"])]), e3());
    world.sim.add_group(json!({
        "displayName": "Group a", "mailNickname": "a", "groupTypes": ["DynamicMembership"],
        "membershipRule": "user.department -eq \"x\"", "membershipRuleProcessingState": "On",
    }));
    // One who is kept by another directory, and one who holds a role.
    world.sim.add_user(json!({
        "displayName": "Synced", "mailNickname": "p2", "userPrincipalName": "p2@contoso.com", "employeeId": "2",
        "onPremisesSyncEnabled": true, "onPremisesImmutableId": "abc", "usageLocation": "DE",
    }));
    _ = world.settle().await;
    world.sim.assign_role("Global Administrator", &world.name("3"));
    let plan = world.plan().await;
    assert!(problems(&plan, "a").iter().any(|problem| problem.starts_with("dynamic-membership")), "{plan}");
    assert!(problems(&plan, "2").iter().any(|problem| problem.starts_with("directory-synced")), "{plan}");
    assert_eq!(world.sim.licenses(&world.name("2")), ["ENTERPRISEPACK"], "which no other directory has");
    let synced = world.sim.user(&world.name("2")).expect("there");
    assert_eq!(synced["displayName"], json!("Synced"), "what is synced is not written");
    world.set("3", "active", false);
    let plan = world.plan().await;
    let said = problems(&plan, "3").join("; ");
    assert!(said.contains("role-holder") && said.contains("Global Administrator"), "{said}");
    _ = world.settle().await;
    assert!(world.is_enabled("3"), "not without a word");
}

#[tokio::test]
async fn a_role_holder_is_disabled_when_that_is_allowed_by_name() {
    let mut world =
        World::new([person("1"), group("a", &[])], |builder| builder.application_role("Global Administrator"));
    _ = world.settle().await;
    world.sim.assign_role("User Administrator", &world.name("1"));
    world.set("1", "active", false);
    assert!(problems(&world.plan().await, "1").join("; ").contains("role-holder"));
    world.preferences = Preferences::default().with_privileged();
    let report = world.settle().await;
    assert_eq!(report.count(Action::Disable, OutcomeKind::Applied), 1, "{report}");
    assert!(!world.is_enabled("1"));
}

#[tokio::test]
async fn faults_on_the_way_leave_members_and_licences_right() {
    let ids: Vec<String> = (0..60).map(|id| format!("{id:02}")).collect();
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    let faults: [fn() -> Fault; 6] = [
        || Fault::on("PATCH", "/v1.0/groups").in_batch().times(1).status(503),
        || Fault::on("POST", "/v1.0/users").containing("assignLicense").in_batch().times(3).status(429),
        || Fault::on("POST", "/v1.0/$batch").after(4).times(1).drop_after(),
        || Fault::on("POST", "/v1.0/$batch").after(5).times(1).drop_before(),
        || Fault::on("POST", "/v1.0/$batch").after(6).times(1).drop_after(),
        || Fault::on("POST", "/v1.0/$batch").after(7).times(1).drop_after(),
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        for lag in [Duration::ZERO, Duration::from_secs(20)] {
            let people = ids.iter().map(|id| person(id).with("sku", texts(&["ENTERPRISEPACK"])).with("manager", "00"));
            let world = World::new(people.chain([group("a", &all)]), |builder| builder.standard_skus(60).lag(lag));
            world.sim.fail(fault());
            _ = world.settle().await;
            _ = world.settle().await;
            assert_eq!(world.sim.users().len(), 60, "fault {number}");
            assert_eq!(world.sim.members("Group a").len(), 60, "fault {number} lag {lag:?}");
            let licensed = ids.iter().filter(|id| world.sim.licenses(&world.name(id)) == ["ENTERPRISEPACK"]).count();
            assert_eq!(licensed, 60, "fault {number} lag {lag:?}");
            // What was given is known to be ours, whatever became of the answer.
            world.hr.set(&ObjectId::group("a"), "members", texts(&all[..5]));
            _ = world.settle().await;
            assert_eq!(world.sim.members("Group a").len(), 5, "fault {number} lag {lag:?}");
        }
    }
}
