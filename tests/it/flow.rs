//! The whole way, from people to a simulated tenant: what goes wrong on it, and where it ends (R51).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entrant::adapters::Entra;
use entrant::clock::ManualClock;
use entrant::connection::Connection;
use entrant::http::Transport;
use entrant::job::{Apply, OutcomeKind, Run, RunStatus};
use entrant::model::ObjectId;
use entrant::reconcile::{Action, Guard, Situation};
use entrant::sim::{Fault, Sim};
use entrant::store::{MemoryState, MemoryStore};
use entrant::{ErrorKind, Job, Mapping, Policy, Preferences, Record};
use serde_json::{Value as Json, json};

use crate::job::world::Sink;

/// An HR store, a simulated tenant, and what a job between them remembers.
struct World {
    clock: ManualClock,
    hr: MemoryStore,
    sim: Sim,
    state: MemoryState,
    sink: Sink,
}

impl World {
    fn new(people: usize) -> Self {
        Self::with_lag(people, Duration::ZERO)
    }

    fn with_lag(people: usize, lag: Duration) -> Self {
        let clock = ManualClock::at(time::macros::datetime!(2026-01-05 08:00 UTC));
        Self {
            hr: MemoryStore::new("hr").with_records((1..=people).map(person)),
            sim: Sim::builder().domain("contoso.com").clock(clock.clone()).lag(lag).build(),
            state: MemoryState::new().with_clock(clock.clone()),
            sink: Sink::default(),
            clock,
        }
    }

    fn connection(&self) -> Connection {
        Connection::builder(self.sim.tenant_id(), self.sim.client_id())
            .client_secret(self.sim.client_secret())
            .cloud(self.sim.cloud())
            .build()
            .expect("a connection")
    }

    async fn entra(&self) -> Entra {
        self.entra_over(self.sim.transport()).await
    }

    async fn entra_over(&self, transport: impl Transport) -> Entra {
        let builder = Entra::builder(self.connection()).transport(transport).clock(self.clock.clone());
        builder.connect().await.expect("the check passes")
    }

    async fn job(&self) -> Job {
        self.job_on(self.entra().await)
    }

    fn job_on(&self, entra: Entra) -> Job {
        Job::builder("staff")
            .source(self.hr.clone())
            .target(entra)
            .mapping(mapping())
            .policy(Policy::outbound(Preferences::default()))
            .passwords(self.sink.clone())
            .state(self.state.clone())
            .clock(self.clock.clone())
            .build()
            .expect("a job")
    }

    fn account(&self, employee: usize) -> Json {
        let id = json!(employee.to_string());
        self.sim.users().into_iter().find(|user| user["employeeId"] == id).expect("an account")
    }

    /// Nobody twice, nobody left out, every password known.
    fn assert_exact(&self, people: usize) {
        assert_eq!(self.sim.users().len(), people);
        let confirmed = self.sink.confirmed();
        assert_eq!(confirmed.len(), people, "each account's password is confirmed once");
        for (_, id, password) in confirmed {
            assert_eq!(self.sim.password_of(&id.id), Some(password));
        }
    }
}

fn person(id: usize) -> Record {
    Record::new(ObjectId::user(id.to_string()))
        .with("id", id.to_string())
        .with("login", format!("p{id}"))
        .with("name", format!("Person {id}"))
        .with("title", "Clerk")
        .with("active", true)
}

fn mapping() -> Mapping {
    Mapping::users()
        .attribute("displayName", "name")
        .attribute("employeeId", "id")
        .attribute("jobTitle", "title")
        .attribute("accountEnabled", "active")
        .attribute("mailNickname", "login")
        .expression("userPrincipalName", r#"Join("@", ToLower([login]), %Domain%)"#)
        .expect("an expression")
        .generate_password()
        .match_on("employeeId")
        .match_on("userPrincipalName")
}

#[tokio::test]
async fn a_thousand_creates_take_few_requests() {
    let world = World::new(1_000);
    let report = world.job().await.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    world.assert_exact(1_000);
    let requests = world.sim.requests();
    assert!(requests.batch_posts <= 65, "{requests:?}");
    assert!(requests.besides_batches() <= 15, "{requests:?}");
    let second = world.job().await.plan(Run::full()).await.expect("a plan");
    assert!(second.is_converged() && second.entries().is_empty(), "{second}");
}

#[tokio::test]
async fn apply_is_refused_until_the_check_has_passed() {
    let world = World::new(2);
    let builder = || Entra::builder(world.connection()).transport(world.sim.transport()).clock(world.clock.clone());
    let job = world.job_on(builder().unchecked().expect("unchecked"));
    let plan = job.plan(Run::full()).await.expect("planning needs no check");
    assert_eq!(plan.count(Action::Create), 2);
    assert_eq!(job.apply(&plan, Apply::new()).await.expect_err("unchecked").kind(), ErrorKind::NotReady); // R9
    let disabled =
        Entra::builder(world.connection().disabled()).transport(world.sim.transport()).clock(world.clock.clone());
    let job = world.job_on(disabled.connect().await.expect("a check"));
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(job.apply(&plan, Apply::new()).await.expect_err("switched off").kind(), ErrorKind::NotReady); // R10
    assert_eq!(world.sim.audit().len(), 0);
}

#[tokio::test]
async fn faults_on_the_way_lead_to_the_same_end() {
    type Case = (&'static str, fn() -> Fault);
    let faults: &[Case] = &[
        ("a 429 inside a batch", || Fault::on("POST", "/v1.0/users").in_batch().after(3).times(5).throttle("2")),
        ("a decimal Retry-After", || Fault::on("POST", "/v1.0/users").in_batch().times(2).throttle("0.5")),
        ("a 503", || Fault::on("POST", "/v1.0/$batch").status(503)),
        ("a 504 whose write did happen", || {
            Fault::on("POST", "/v1.0/users").in_batch().times(2).status(504).carried_out()
        }),
        ("a request that is lost", || Fault::on("POST", "/v1.0/$batch").after(1).drop_before()),
        ("an answer that is lost", || Fault::on("POST", "/v1.0/$batch").after(1).drop_after()),
        ("a torn answer", || Fault::on("POST", "/v1.0/$batch").truncated_body()),
        ("a garbled answer", || Fault::on("POST", "/v1.0/$batch").garbage_body()),
        ("a listing that breaks once", || Fault::on("GET", "/v1.0/users").status(503)),
    ];
    let quiet = World::new(60);
    _ = quiet.job().await.run(Run::full(), Apply::new()).await.expect("a report");
    let sent = |world: &World| world.sim.requests().batch_posts + world.sim.requests().others;
    for (name, fault) in faults {
        let world = World::new(60);
        let job = world.job().await;
        world.sim.fail(fault());
        let mut report = job.run(Run::full(), Apply::new()).await.expect("a report");
        if report.status != RunStatus::Complete {
            world.clock.advance(Duration::from_secs(20 * 60));
            report = job.run(Run::full(), Apply::new()).await.expect("a report");
        }
        assert_eq!(report.status, RunStatus::Complete, "{name}: {report}");
        assert!(sent(&world) > sent(&quiet), "{name} was met");
        world.assert_exact(60);
    }
}

#[tokio::test]
async fn a_new_account_that_does_not_show_yet_is_waited_for() {
    let world = World::with_lag(5, Duration::from_secs(20));
    let job = world.job().await;
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    // At once after the create nobody shows; nobody is taken for gone, nobody is made twice.
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert!(plan.is_converged() && !plan.situations().contains_key(&Situation::Missing), "{plan}");
    assert_eq!(plan.situations()[&Situation::Pending], 5);
    // An update that was planned in time meets a 404, and waits until the account shows.
    world.clock.advance(Duration::from_secs(21));
    world.hr.set(&ObjectId::user("1"), "title", "Chief");
    let plan = job.plan(Run::full()).await.expect("a plan");
    world.sim.fail(Fault::on("PATCH", "/v1.0/users").in_batch().times(2).status(404));
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.account(1)["jobTitle"], "Chief");
    world.assert_exact(5);
}

#[tokio::test]
async fn a_lost_create_under_lag_is_found_when_it_shows() {
    let world = World::with_lag(3, Duration::from_secs(20));
    let job = world.job().await;
    world.sim.fail(Fault::on("POST", "/v1.0/$batch").drop_after());
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    world.assert_exact(3);
}

/// Lets everything through until it is cut: then the request arrives, and nobody hears of it.
#[derive(Debug)]
struct Cut {
    inner: Arc<dyn Transport>,
    batches_left: std::sync::atomic::AtomicUsize,
}

#[async_trait]
impl Transport for Cut {
    async fn send(&self, request: http::Request<Bytes>) -> entrant::Result<http::Response<Bytes>> {
        let is_batch = request.uri().path().ends_with("$batch");
        let answer = self.inner.send(request).await;
        if is_batch && self.batches_left.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) == 1 {
            futures::future::pending::<()>().await;
        }
        answer
    }
}

#[tokio::test]
async fn a_process_killed_between_create_and_answer_leaves_nothing_twice() {
    for batches in 1..=4 {
        let world = World::new(60);
        let cut = Cut { inner: world.sim.transport(), batches_left: batches.into() };
        let job = world.job_on(world.entra_over(cut).await);
        let run = tokio::time::timeout(Duration::from_millis(300), job.run(Run::full(), Apply::new())).await;
        assert_eq!(run.is_err(), batches <= 3, "60 creates are three batches");
        drop(job);
        world.clock.advance(Duration::from_secs(120)); // the dead run's lease runs out
        let report = world.job().await.run(Run::full(), Apply::new()).await.expect("a report");
        assert_eq!(report.status, RunStatus::Complete, "cut at batch {batches}: {report}");
        world.assert_exact(60);
        let creates = world.sim.audit().iter().filter(|entry| entry.method == "POST" && entry.status == 201).count();
        assert_eq!(creates, 60, "no create was carried out twice");
    }
}

#[tokio::test]
async fn nobody_is_created_whom_a_list_that_breaks_on_its_third_page_might_have_held() {
    let world = World::new(0);
    // The tenant holds 2,500 people, three pages of 999; person 1 is on the last.
    for number in 1..=2_500_usize {
        let login = format!("p{number}");
        world.sim.add_user(json!({
            "displayName": format!("Person {number}"), "mailNickname": login, "userPrincipalName": format!("{login}@contoso.com"),
            "employeeId": number.to_string(), "jobTitle": "Clerk",
        }));
    }
    for number in [2_400, 2_499, 3_000] {
        world.hr.push(person(number));
    }
    world
        .sim
        .fail(Fault::on("GET", "/v1.0/users").containing("$skiptoken").outside_batch().after(1).always().status(500));
    let job = world.job().await;
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert!(plan.to_string().contains("PARTIAL"), "{plan}");
    let created: Vec<&str> =
        plan.entries().iter().filter(|entry| entry.action == Action::Create).map(|entry| &*entry.key.id).collect();
    assert_eq!(created, ["3000"], "asked by value, the two are found: {plan}");
    // Where asking by value fails too, nobody is created.
    world.sim.fail(Fault::on("GET", "/v1.0/users").containing("filter").always().status(500));
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert!(plan.is_converged() && plan.needs_attention(), "{plan}");
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Incomplete, "{report}");
    assert_eq!(world.sim.users().len(), 2_500);
}

#[tokio::test]
async fn what_security_disabled_stays_disabled_and_what_is_adopted_gets_no_password() {
    let world = World::new(3);
    let adopted = world.sim.add_user(json!({
        "displayName": "Person 1", "mailNickname": "p1", "userPrincipalName": "p1@contoso.com", "employeeId": "1",
    }));
    let password = world.sim.password_of(&adopted);
    let job = world.job().await;
    _ = job.run(Run::full(), Apply::new().lift(Guard::Adopt)).await.expect("a report");
    assert_eq!(world.sim.password_of(&adopted), password);
    assert_eq!(world.sink.confirmed().len(), 2);
    world.sim.update_user("p2@contoso.com", json!({ "accountEnabled": false }));
    world.hr.set(&ObjectId::user("2"), "title", "Chief");
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.count(Action::Update, OutcomeKind::Applied), 1, "{report}");
    assert_eq!(world.account(2)["accountEnabled"], false);
    assert_eq!(world.account(2)["jobTitle"], "Chief");
}

#[tokio::test]
async fn a_person_with_a_new_id_is_one_question_and_no_disable() {
    let world = World::new(3);
    let job = world.job().await;
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    world.clock.advance(Duration::from_secs(3600));
    world.hr.remove(&ObjectId::user("1"));
    world.hr.push(person(77).with("login", "P1"));
    let plan = job.plan(Run::full()).await.expect("a plan");
    let [rekeyed] = plan.entries() else { panic!("one entry:\n{plan}") };
    assert_eq!((rekeyed.situation, rekeyed.action), (Situation::Rekeyed, Action::Exception));
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(world.account(1)["accountEnabled"], true);
}

#[tokio::test]
async fn leavers_are_disabled_by_a_request_of_their_own_after_the_rest() {
    let world = World::new(4);
    let job = world.job().await;
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    world.clock.advance(Duration::from_secs(3600));
    world.hr.set(&ObjectId::user("1"), "active", false);
    world.hr.set(&ObjectId::user("1"), "title", "Former clerk");
    world.hr.remove(&ObjectId::user("2"));
    let before = world.sim.audit().len();
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert_eq!(world.account(1)["accountEnabled"], false);
    assert_eq!(world.account(2)["accountEnabled"], false);
    let writes: Vec<Vec<String>> = world.sim.audit()[before..].iter().map(|entry| entry.properties.clone()).collect();
    assert_eq!(writes.iter().filter(|properties| **properties == ["accountEnabled"]).count(), 2, "{writes:?}");
    assert_eq!(writes.len(), 3, "{writes:?}");
    // A bad value does not stop a disable.
    world.hr.set(&ObjectId::user("3"), "active", false);
    world.hr.set(&ObjectId::user("3"), "login", "not a name at all");
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::NeedsAttention, "{report}");
    assert_eq!(world.account(3)["accountEnabled"], false);
    assert_eq!(world.account(3)["userPrincipalName"], "p3@contoso.com");
}

#[tokio::test]
async fn a_link_set_belongs_to_one_tenant() {
    let world = World::new(1);
    _ = world.job().await.run(Run::full(), Apply::new()).await.expect("a report");
    let other =
        World { sim: Sim::builder().seed(99).domain("contoso.com").clock(world.clock.clone()).build(), ..world };
    let error = other.job().await.plan(Run::full()).await.expect_err("another tenant");
    assert_eq!(error.kind(), ErrorKind::TenantChanged, "{error}");
}

#[tokio::test]
async fn one_person_is_provisioned_without_reading_the_whole_tenant() {
    let world = World::new(3);
    world.sim.add_users(500);
    let job = world.job().await;
    let before = world.sim.requests();
    let report = job.run(Run::one("2"), Apply::new()).await.expect("a report");
    assert_eq!(report.count(Action::Create, OutcomeKind::Applied), 1, "{report}");
    let after = world.sim.requests();
    assert!(after.others - before.others <= 4, "{before:?} {after:?}");
    assert_eq!(world.sim.users().len(), 501);
}

#[tokio::test]
async fn passwords_are_in_no_plan_no_report_and_no_debug_output() {
    let world = World::new(2);
    let job = world.job().await;
    let plan = job.plan(Run::full()).await.expect("a plan");
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    let shown = format!("{plan}{}{report}{report:?}{plan:?}{job:?}{:?}{:?}", plan.to_json(), world.state, world.sim);
    for (_, id, _) in world.sink.confirmed() {
        let password = world.sim.password_of(&id.id).expect("a password");
        assert!(!shown.contains(password.expose()));
    }
    assert!(!shown.contains(world.sim.client_secret().expose()));
}

#[tokio::test]
async fn a_process_killed_under_lag_is_taken_up_when_the_account_shows() {
    let world = World::with_lag(3, Duration::from_secs(600));
    let cut = Cut { inner: world.sim.transport(), batches_left: 1.into() };
    let job = world.job_on(world.entra_over(cut).await);
    let run = tokio::time::timeout(Duration::from_millis(300), job.run(Run::full(), Apply::new())).await;
    assert!(run.is_err());
    drop(job);
    world.clock.advance(Duration::from_secs(360));
    let job = world.job().await;
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    world.clock.advance(Duration::from_secs(1200));
    let plan = job.plan(Run::full()).await.expect("p");
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "third: {report}");
    world.assert_exact(3);
}

#[tokio::test]
async fn what_a_killed_process_made_is_known_although_the_clocks_differ() {
    for ahead in [time::Duration::hours(-2), time::Duration::hours(2)] {
        let mut world = World::new(3);
        let there = ManualClock::at(time::macros::datetime!(2026-01-05 08:00 UTC) + ahead);
        world.sim = Sim::builder().domain("contoso.com").clock(there.clone()).build();
        let cut = Cut { inner: world.sim.transport(), batches_left: 1.into() };
        let job = world.job_on(world.entra_over(cut).await);
        let run = tokio::time::timeout(Duration::from_millis(300), job.run(Run::full(), Apply::new())).await;
        assert!(run.is_err());
        drop(job);
        world.clock.advance(Duration::from_secs(120));
        there.advance(Duration::from_secs(120));
        let report = world.job().await.run(Run::full(), Apply::new()).await.expect("a report");
        assert_eq!(report.status, RunStatus::Complete, "{ahead}: {report}");
        world.assert_exact(3);
    }
}

#[tokio::test]
async fn a_lost_create_that_is_refused_the_second_time_stays_in_doubt() {
    let world = World::with_lag(1, Duration::from_secs(120));
    let job = world.job().await;
    world.sim.fail(Fault::on("POST", "/v1.0/$batch").drop_after());
    world.sim.fail(Fault::on("POST", "/v1.0/users").in_batch().after(1).times(1).status(403));
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    world.clock.advance(Duration::from_secs(1200));
    let plan = job.plan(Run::full()).await.expect("p");
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "second: {report}");
    world.assert_exact(1);
}

#[tokio::test]
async fn a_young_account_that_is_not_found_on_delete_is_not_taken_for_deleted() {
    let world = World::new(2);
    let job = Job::builder("staff")
        .source(world.hr.clone())
        .target(world.entra().await)
        .mapping(mapping())
        .policy(Policy::outbound(Preferences::default().with_source_deleted(entrant::reconcile::Leaver::delete())))
        .passwords(world.sink.clone())
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("job");
    _ = job.run(Run::full(), Apply::new()).await.expect("r");
    world.clock.advance(Duration::from_secs(60));
    world.hr.remove(&ObjectId::user("1"));
    world.sim.fail(Fault::on("DELETE", "/v1.0/users").in_batch().status(404));
    let first = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(first.outcome(OutcomeKind::Waiting), 1, "too young to tell: {first}");
    world.clock.advance(Duration::from_secs(3600));
    world.sim.clear_faults();
    let second = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(world.sim.users().len(), 1, "{second}");
}

#[tokio::test]
async fn a_search_that_fails_after_a_lost_answer_ends_the_run_with_a_report() {
    let world = World::new(3);
    let job = world.job().await;
    world.sim.fail(Fault::on("POST", "/v1.0/$batch").drop_after());
    world.sim.fail(Fault::on("GET", "/v1.0/users").containing("filter").always().status(403));
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Incomplete, "{report}");
}

/// Counts what the service refused.
#[derive(Debug, Clone, Default)]
struct Refusals(Arc<std::sync::atomic::AtomicUsize>);

impl entrant::http::PaceObserver for Refusals {
    fn pace(&self, event: &entrant::http::PaceEvent) {
        if matches!(event, entrant::http::PaceEvent::Refused { .. }) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

#[tokio::test]
async fn a_host_is_told_when_the_service_slows_it_down() {
    let world = World::new(40);
    let refusals = Refusals::default();
    let entra = Entra::builder(world.connection())
        .transport(world.sim.transport())
        .clock(world.clock.clone())
        .pace_observer(refusals.clone())
        .connect()
        .await
        .expect("the check passes");
    world.sim.fail(Fault::on("POST", "/v1.0/users").in_batch().times(3).status(429));
    let report = world.job_on(entra).run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    world.assert_exact(40);
    assert!(refusals.0.load(std::sync::atomic::Ordering::Relaxed) >= 1);
}
