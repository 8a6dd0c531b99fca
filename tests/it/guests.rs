//! Guests of a simulated tenant: invited by a job of their own, beside that of the members.

use std::time::Duration;

use entrant::adapters::{Entra, Invitations};
use entrant::connection::{Connection, Operation};
use entrant::job::{Apply, OutcomeKind, Report, Run, RunStatus};
use entrant::model::{ObjectId, eq, ne};
use entrant::reconcile::{Action, Enable, Guard, Leaver, Situation};
use entrant::sim::{Activity, Fault, SimBuilder};
use entrant::{Job, Mapping, Plan, Policy, Preferences, Record, Value};
use serde_json::{Value as Json, json};

use crate::flow_org::{World, group, person};
use crate::job::org::problems;

fn partner(id: &str) -> Record {
    Record::new(ObjectId::user(id))
        .with("id", id)
        .with("name", format!("Partner {id}"))
        .with("mail", format!("{id}@fabrikam.com"))
        .with("title", "Consultant")
        .with("active", true)
        .with("manager", Value::Null)
}

fn mapping() -> Mapping {
    Mapping::users()
        .named("partners")
        .attribute("mail", "mail")
        .attribute("displayName", "name")
        .attribute("employeeId", "id")
        .attribute("jobTitle", "title")
        .attribute("accountEnabled", "active")
        .attribute("manager", "manager")
        .match_on("mail")
        .match_on("employeeId")
}

struct Partners {
    world: World,
    preferences: Preferences,
    mapping: Mapping,
}

impl Partners {
    fn new(records: impl IntoIterator<Item = Record>, tenant: impl Fn(SimBuilder) -> SimBuilder) -> Self {
        Self { world: World::new(records, tenant), preferences: Preferences::default(), mapping: mapping() }
    }

    async fn job(&self) -> Job {
        let invitations = Invitations::new("https://myapplications.microsoft.com/").expect("an address");
        Job::builder("partners")
            .source(self.world.hr.clone())
            .target(self.world.entra().await.guests(invitations))
            .mapping(self.mapping.clone())
            .policy(Policy::outbound(self.preferences.clone()))
            .state(self.world.state.clone())
            .clock(self.world.clock.clone())
            .build()
            .expect("a job")
    }

    async fn plan(&self) -> Plan {
        self.job().await.plan(Run::full()).await.expect("a plan")
    }

    async fn settle(&self) -> Report {
        let apply = Guard::ALL.iter().fold(Apply::new(), |apply, guard| apply.lift(*guard));
        let report = self.job().await.run(Run::full(), apply).await.expect("a report");
        self.world.clock.advance(Duration::from_secs(3600));
        report
    }

    fn guest(&self, id: &str) -> Json {
        let mail = format!("{id}@fabrikam.com");
        self.world.sim.users().into_iter().find(|user| user["mail"] == json!(mail)).unwrap_or_default()
    }

    fn count(&self, activity: Activity) -> usize {
        self.world.sim.audit().iter().filter(|entry| entry.activity == activity).count()
    }

    fn set(&self, id: &str, attribute: &str, value: impl Into<Value>) {
        assert!(self.world.hr.set(&ObjectId::user(id), attribute, value));
    }
}

#[tokio::test]
async fn guests_are_invited_and_not_created() {
    let partners = Partners::new([partner("1"), partner("2").with("active", false)], |builder| builder);
    let partners = Partners { preferences: Preferences::default().with_create_inactive(), ..partners };
    let report = partners.settle().await;
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert_eq!(report.count(Action::Create, OutcomeKind::Applied), 2, "{report}");
    let guest = partners.guest("1");
    for (name, value) in [
        ("userType", json!("Guest")),
        ("creationType", json!("Invitation")),
        ("displayName", json!("Partner 1")),
        ("employeeId", json!("1")),
        ("jobTitle", json!("Consultant")),
        ("accountEnabled", json!(true)),
        ("userPrincipalName", json!("1_fabrikam.com#EXT#@contoso.onmicrosoft.com")),
    ] {
        assert_eq!(guest[name], value, "{name}: {guest}");
    }
    assert_eq!(partners.guest("2")["accountEnabled"], json!(false));
    assert_eq!((partners.count(Activity::InviteGuest), partners.count(Activity::CreateUser)), (2, 0));
    let second = partners.plan().await;
    assert!(second.is_converged() && second.entries().is_empty(), "{second}");
    // What this job switched off it switches on.
    partners.set("2", "active", true);
    partners.set("1", "title", "Owner");
    _ = partners.settle().await;
    assert_eq!(partners.guest("2")["accountEnabled"], json!(true));
    assert_eq!(partners.guest("1")["jobTitle"], json!("Owner"));
    assert_eq!(partners.count(Activity::InviteGuest), 2);
}

#[tokio::test]
async fn who_was_invited_by_hand_is_found_and_never_deleted() {
    let partners = Partners::new([partner("1"), partner("2")], |builder| builder);
    let by_hand = |mail: &str| {
        json!({"displayName": "By hand", "mailNickname": "x", "userPrincipalName": "by.hand_ext@contoso.com",
               "userType": "Guest", "mail": mail, "otherMails": [mail], "accountEnabled": true})
    };
    partners.world.sim.add_user(by_hand("1@Fabrikam.com"));
    let plan = partners.plan().await;
    assert_eq!((plan.count(Action::Link), plan.count(Action::Create)), (1, 1), "{plan}");
    _ = partners.settle().await;
    assert_eq!(partners.count(Activity::InviteGuest), 1);
    let deleting = Partners { preferences: Preferences::default().with_source_deleted(Leaver::delete()), ..partners };
    deleting.world.hr.remove(&ObjectId::user("1"));
    deleting.world.hr.remove(&ObjectId::user("2"));
    deleting.world.hr.push(partner("3"));
    _ = deleting.settle().await;
    let by_hand = deleting.world.sim.users().into_iter().find(|user| user["employeeId"] == json!("1")).expect("kept");
    assert_eq!(by_hand["accountEnabled"], json!(false), "it existed before");
    assert_eq!(deleting.guest("2"), Json::Null, "and who was invited by the job goes");
}

#[tokio::test]
async fn nobody_is_invited_who_is_somebody_already() {
    let partners = Partners::new([partner("1"), partner("2"), partner("3"), partner("4")], |builder| builder);
    // A member with the address, a guest of whom it is the second, and one of the tenant's own domain.
    partners.world.sim.add_user(json!({"userPrincipalName": "m@contoso.com", "mail": "1@fabrikam.com"}));
    partners.world.sim.add_user(json!({
        "userPrincipalName": "g@contoso.com", "userType": "Guest", "mail": "g@x.com", "otherMails": ["2@fabrikam.com"],
    }));
    partners.set("3", "mail", "three@contoso.com");
    partners.set("4", "mail", "");
    let plan = partners.plan().await;
    assert!(problems(&plan, "3").iter().any(|said| said.starts_with("own-domain")), "{plan}");
    let report = partners.settle().await;
    assert_eq!(report.status, RunStatus::NeedsAttention, "{report}");
    assert_eq!(partners.count(Activity::InviteGuest), 0, "{plan}{report}");
    let conflicts = report.count(Action::Create, OutcomeKind::Failed);
    assert_eq!(conflicts, 1, "whom no list shows is found when it matters: {report}");
    _ = partners.settle().await;
    assert_eq!(partners.count(Activity::InviteGuest), 0);
    assert_eq!(partners.world.sim.users().len(), 2);
}

#[tokio::test]
async fn a_lost_answer_invites_nobody_twice() {
    let faults: [fn() -> Fault; 5] = [
        || Fault::on("POST", "/v1.0/$batch").drop_after().times(1).after(0),
        || Fault::on("POST", "/v1.0/$batch").drop_after().times(1).after(1),
        || Fault::on("POST", "/v1.0/$batch").drop_before().times(1).after(1),
        || Fault::on("POST", "/v1.0/invitations").in_batch().status(503).times(1),
        || Fault::on("POST", "/v1.0/invitations").in_batch().status(500).times(1),
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        for lag in [Duration::ZERO, Duration::from_secs(20)] {
            let partners = Partners::new([partner("1"), partner("2")], |builder| builder.lag(lag));
            let job = partners.job().await;
            let plan = job.plan(Run::full()).await.expect("a plan");
            partners.world.sim.fail(fault());
            _ = job.apply(&plan, Apply::new()).await.expect("a report");
            partners.world.clock.advance(Duration::from_secs(1800));
            _ = partners.settle().await;
            _ = partners.settle().await;
            assert_eq!(partners.world.sim.users().len(), 2, "fault {number} lag {lag:?}");
            for id in ["1", "2"] {
                assert_eq!(partners.guest(id)["jobTitle"], json!("Consultant"), "fault {number} lag {lag:?}");
            }
            assert!(partners.plan().await.entries().is_empty(), "fault {number} lag {lag:?}");
            // They are known to be ours, whatever became of the answer.
            let deleting =
                Partners { preferences: Preferences::default().with_source_deleted(Leaver::delete()), ..partners };
            deleting.world.hr.remove(&ObjectId::user("1"));
            _ = deleting.settle().await;
            assert_eq!(deleting.guest("1"), Json::Null, "fault {number} lag {lag:?}");
        }
    }
}

#[tokio::test]
async fn what_fails_after_the_invitation_is_made_up_for() {
    let partners = Partners::new([partner("1")], |builder| builder);
    partners.world.sim.fail(Fault::on("PATCH", "/v1.0/users").in_batch().status(403).times(1));
    let report = partners.settle().await;
    assert_eq!(report.count(Action::Create, OutcomeKind::Failed), 1, "{report}");
    assert_eq!(
        (partners.guest("1")["userType"].clone(), partners.guest("1")["jobTitle"].clone()),
        (json!("Guest"), json!(null))
    );
    let plan = partners.plan().await;
    assert_eq!((plan.count(Action::Update), plan.entries()[0].situation), (1, Situation::Confirmed), "linked: {plan}");
    let report = partners.settle().await;
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert_eq!(partners.guest("1")["employeeId"], json!("1"));
    assert_eq!(partners.count(Activity::InviteGuest), 1);
}

#[tokio::test]
async fn a_guest_who_does_not_show_yet_is_waited_for() {
    let partners = Partners::new([partner("1")], |builder| builder);
    partners.world.sim.fail(Fault::on("PATCH", "/v1.0/users").in_batch().status(404).times(2));
    let report = partners.settle().await;
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert_eq!(partners.guest("1")["jobTitle"], json!("Consultant"));
}

#[tokio::test]
async fn guests_leave_as_others_do() {
    for (leaver, left) in
        [(Leaver::disable(), json!(false)), (Leaver::delete(), Json::Null), (Leaver::keep(), json!(true))]
    {
        let partners = Partners::new([partner("1"), partner("2")], |builder| builder);
        let partners = Partners { preferences: Preferences::default().with_source_deleted(leaver.clone()), ..partners };
        _ = partners.settle().await;
        partners.world.hr.remove(&ObjectId::user("1"));
        _ = partners.settle().await;
        assert_eq!(partners.guest("1")["accountEnabled"], left, "{leaver:?}");
        assert_eq!(partners.guest("2")["accountEnabled"], json!(true));
    }
}

#[tokio::test]
async fn people_of_both_kinds_are_kept_by_two_jobs() {
    let records = [
        person("s1").with("kind", "staff"),
        partner("p1")
            .with("kind", "partner")
            .with("manager", "s1")
            .with("login", "x")
            .with("country", "DE")
            .with("sku", Value::Null),
        group("a", &["s1", "p1"]),
    ];
    let world = World::new(records, |builder| builder);
    let partners =
        Partners { world, preferences: Preferences::default(), mapping: mapping().scope(eq("kind", "partner")) };
    let staff = || async {
        Job::builder("staff")
            .source(partners.world.hr.clone())
            .target(partners.world.entra().await)
            .mapping(crate::flow_org::users().scope(ne("kind", "partner")))
            .mapping(partners.world.groups.clone())
            .policy(Policy::outbound(
                Preferences::default().with_left_scope(Leaver::delete()).with_source_deleted(Leaver::delete()),
            ))
            .passwords(partners.world.sink.clone())
            .state(partners.world.state.clone())
            .clock(partners.world.clock.clone())
            .build()
            .expect("a job")
    };
    for _ in 0..3 {
        let apply = Guard::ALL.iter().fold(Apply::new(), |apply, guard| apply.lift(*guard));
        _ = staff().await.run(Run::full(), apply).await.expect("a report");
        partners.world.clock.advance(Duration::from_secs(3600));
        _ = partners.settle().await;
    }
    assert_eq!(partners.world.sim.users().len(), 2);
    assert_eq!(partners.world.sim.members("Group a").len(), 2, "a guest is a member like others");
    let guest = partners.guest("p1")["id"].as_str().expect("an id").to_owned();
    assert_eq!(partners.world.sim.manager(&guest), Some(partners.world.id("s1")));
    assert!(partners.plan().await.entries().is_empty());
    assert!(staff().await.plan(Run::full()).await.expect("a plan").is_converged());
    assert_eq!(partners.guest("p1")["accountEnabled"], json!(true), "the other job left it alone");
}

#[tokio::test]
async fn a_user_is_not_created_as_a_guest() {
    let mut world = World::new([person("1"), group("a", &[])], |builder| builder);
    world.groups = crate::flow_org::groups();
    let job = Job::builder("staff")
        .source(world.hr.clone())
        .target(world.entra().await)
        .mapping(crate::flow_org::users().constant("userType", "Guest"))
        .policy(Policy::outbound(Preferences::default()))
        .passwords(world.sink.clone())
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("a job");
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert!(problems(&plan, "1").iter().any(|said| said.starts_with("guest-not-invited")), "{plan}");
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(world.sim.users().len(), 0, "neither as a guest nor as a member");
}

#[tokio::test]
async fn what_guests_have_not_is_not_mapped() {
    let partners = Partners::new([partner("1")], |builder| builder);
    let builder = |mapping: Mapping| {
        let job = Job::builder("partners").source(partners.world.hr.clone()).mapping(mapping);
        job.policy(Policy::outbound(Preferences::default())).state(partners.world.state.clone())
    };
    let guests = partners.world.entra().await.guests(Invitations::new("https://x.example/").expect("an address"));
    for (mapping, said) in [
        (mapping().generate_password(), "password"),
        (mapping().attribute("userPrincipalName", "mail"), "userPrincipalName"),
        (Mapping::users().attribute("displayName", "name").match_on("displayName"), "mail"),
    ] {
        let error =
            builder(mapping).target(guests.clone()).passwords(partners.world.sink.clone()).build().expect_err(said);
        assert!(error.to_string().contains(said), "{error}");
    }
}

fn only_inviting() -> Preferences {
    Preferences::default().without_disable().without_update().with_enable(Enable::Never)
}

#[tokio::test]
async fn the_least_that_invites_is_enough() {
    let operations = Entra::guest_operations(["mail", "displayName"], &only_inviting());
    assert!(operations.contains(Operation::InviteGuests) && !operations.contains(Operation::UpdateUsers));
    let partners = Partners::new([partner("1")], |builder| {
        ["User.ReadWrite.All", "Directory.ReadWrite.All"]
            .into_iter()
            .fold(builder, SimBuilder::without_permission)
            .permission("User.Invite.All")
            .permission("User.Read.All")
    });
    let mapping = Mapping::users().attribute("mail", "mail").attribute("displayName", "name").match_on("mail");
    let connection = Connection::builder(partners.world.sim.tenant_id(), partners.world.sim.client_id())
        .client_secret(partners.world.sim.client_secret())
        .cloud(partners.world.sim.cloud())
        .operations(operations)
        .build()
        .expect("a connection");
    let entra =
        Entra::builder(connection).transport(partners.world.sim.transport()).clock(partners.world.clock.clone());
    let entra = entra.connect().await.expect("the check passes");
    let job = Job::builder("partners")
        .source(partners.world.hr.clone())
        .target(entra.guests(Invitations::new("https://x.example/").expect("an address")))
        .mapping(mapping)
        .policy(Policy::outbound(only_inviting()))
        .state(partners.world.state.clone())
        .clock(partners.world.clock.clone())
        .build()
        .expect("a job");
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert_eq!(partners.guest("1")["displayName"], json!("Partner 1"));
    partners.world.sim.withdraw_permission("User.Invite.All");
    partners.world.hr.push(partner("2"));
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.count(Action::Create, OutcomeKind::Failed), 1, "{report}");
}
