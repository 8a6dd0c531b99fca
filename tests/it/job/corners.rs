//! Corners that a first design overlooks.

use super::crash::{die, dying_job};
use super::world::{Sink, World, account, entry, has_problem, mapping, person};
use entrant::job::{Apply, Run, RunStatus};
use entrant::model::{AttributeSchema, Change, ChangeId, Class, Completeness, ObjectId, Operation, Schema, eq};
use entrant::reconcile::{Action, Constraints, Draft, Finding, Guard, Leaver, Plan, Situation, days};
use entrant::store::{
    Capabilities, GetSupport, InitialPassword, Lookup, MemoryState, MemoryStore, PasswordSink, Query, Read, Source,
    Target, WriteFault,
};
use entrant::{Job, Mapping, Policy, Preferences, Record, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn job_of(world: &World, name: &str, m: Mapping, p: Policy) -> Job {
    Job::builder(name.to_owned())
        .source(world.hr.clone())
        .target(world.directory.clone())
        .mapping(m)
        .policy(p)
        .passwords(world.sink.clone())
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("job")
}
fn lifted() -> Apply {
    Apply::new().lift(Guard::Adopt).lift(Guard::Disable).lift(Guard::Delete).lift(Guard::Rename)
}

#[tokio::test]
async fn the_only_match_in_a_part_of_the_target_is_not_linked() {
    let world = World::new([person("1")]);
    world.directory.push(account("a", Some("1")));
    world.directory.end_reads(Completeness::Partial { reason: "page 3".to_owned() });
    let _ = world.directory.clone().with_capabilities(Capabilities::default().with_get(GetSupport::Authoritative));
    let plan = world.plan().await;
    assert!(entry(&plan, "1").is_blocked(), "{plan}");
}

#[tokio::test]
async fn two_mappings_of_the_same_classes_are_refused() {
    let world = World::new([person("1")]);
    let two = world.builder(Preferences::default()).mapping(mapping().named("temps").scope(eq("title", "Temp")));
    let error = two.build().expect_err("each would take the other's people for leavers");
    assert!(error.to_string().contains("user and temps map the same classes"), "{error}");
}

#[tokio::test]
async fn nobody_out_of_scope_is_restored() {
    let world = World::new([person("1"), person("2")]);
    let m = || mapping().scope(entrant::model::ne("title", "Gone"));
    let job = job_of(&world, "staff", m(), Policy::outbound(Preferences::default().with_restore()));
    _ = job.run(Run::full(), Apply::new()).await.expect("r");
    world.clock.advance(Duration::from_secs(3600));
    let id = world.account_of("1").id;
    // someone else deletes it (to the bin), and the person leaves the scope
    let w: Vec<_> = {
        use futures::StreamExt;
        world.directory.write(vec![Change::new(ChangeId::new(1), Operation::Delete { id: id.clone() })]).collect().await
    };
    assert!(w[0].1.is_ok());
    world.hr.set(&ObjectId::user("1"), "title", "Gone");
    let plan = job.plan(Run::full()).await.expect("p");
    assert_eq!(plan.count(Action::Restore), 0, "{plan}");
}

#[tokio::test]
async fn a_restored_stranger_is_adopted_and_never_deleted() {
    let world = World::new([person("1").with("anchor", "X1"), person("2").with("anchor", "X2")]);
    world
        .directory
        .push(account("a", Some("99")).with("immutableId", "X1").with("userPrincipalName", "p1@contoso.com"));
    {
        use futures::StreamExt;
        let _: Vec<_> = world
            .directory
            .write(vec![Change::new(ChangeId::new(1), Operation::Delete { id: ObjectId::user("a") })])
            .collect()
            .await;
    }
    let m = || mapping().attribute("immutableId", "anchor");
    let job = job_of(
        &world,
        "staff",
        m(),
        Policy::outbound(Preferences::default().with_restore().with_source_deleted(Leaver::delete())),
    );
    let plan = job.plan(Run::full()).await.expect("p");
    assert_eq!(entry(&plan, "1").action, Action::Restore, "{plan}");
    _ = job.apply(&plan, Apply::new()).await.expect("r");
    world.clock.advance(Duration::from_secs(3600));
    world.hr.remove(&ObjectId::user("1"));
    let plan = job.plan(Run::full()).await.expect("p");
    assert_eq!(plan.count(Action::Delete), 0, "never ours: {plan}");
}

#[tokio::test]
async fn what_we_disabled_deleted_and_restored_we_enable() {
    let world = World::new([person("1"), person("2")]);
    let job = world
        .job_with(Preferences::default().with_restore().with_source_deleted(Leaver::disable().then_delete(days(10))));
    _ = job.run(Run::full(), Apply::new()).await.expect("r");
    world.clock.advance(days(1));
    world.hr.remove(&ObjectId::user("1"));
    _ = job.run(Run::full(), Apply::new()).await.expect("r");
    world.clock.advance(days(11));
    _ = job.run(Run::full(), Apply::new()).await.expect("r");
    assert_eq!(world.directory.records().len(), 1);
    world.hr.push(person("1"));
    _ = job.run(Run::full(), Apply::new()).await.expect("r");
    let plan = job.plan(Run::full()).await.expect("p");
    _ = job.apply(&plan, Apply::new()).await.expect("r");
    assert!(world.is_active("1"), "{plan}");
}

#[tokio::test]
async fn an_adopted_account_is_not_made_to_change_its_password() {
    let world = World::new([person("1")]);
    world.directory.push(account("a", Some("1")));
    let job = job_of(&world, "staff", mapping().constant("reset", true), Policy::outbound(Preferences::default()));
    _ = job.run(Run::full(), lifted()).await.expect("r");
    world.clock.advance(Duration::from_secs(3600));
    let plan = job.plan(Run::full()).await.expect("p");
    assert!(plan.is_converged(), "{plan}");
}

#[tokio::test]
async fn a_switch_that_is_turned_on_again_is_written_again() {
    let world = World::new([person("1").with("reset", true)]);
    let job = job_of(&world, "staff", mapping().attribute("reset", "reset"), Policy::outbound(Preferences::default()));
    _ = job.run(Run::full(), lifted()).await.expect("r");
    world.clock.advance(Duration::from_secs(3600));
    world.hr.set(&ObjectId::user("1"), "reset", false);
    _ = job.run(Run::full(), lifted()).await.expect("r");
    world.hr.set(&ObjectId::user("1"), "reset", true);
    let plan = job.plan(Run::full()).await.expect("p");
    assert!(!plan.is_converged(), "turned true: {plan}");
}

#[tokio::test]
async fn a_swap_of_names_does_not_stop_a_disable() {
    let world = World::new([person("1"), person("2")]);
    _ = world.settled_run().await;
    world.hr.set(&ObjectId::user("1"), "login", "p2@contoso.com");
    world.hr.set(&ObjectId::user("2"), "login", "p1@contoso.com");
    world.hr.set(&ObjectId::user("1"), "active", false);
    let r = world.run().await;
    assert!(!world.is_active("1"), "{r}");
}

#[tokio::test]
async fn a_name_that_is_not_given_up_does_not_stop_a_disable() {
    let world = World::new([person("1"), person("2")]);
    _ = world.settled_run().await;
    world.hr.set(&ObjectId::user("1"), "login", "new1@contoso.com");
    world.hr.set(&ObjectId::user("2"), "login", "p1@contoso.com");
    world.hr.set(&ObjectId::user("2"), "active", false);
    world.directory.fail_write(1, WriteFault::Refused);
    let r = world.run().await;
    assert!(!world.is_active("2"), "{r}");
}

#[derive(Debug)]
struct Synced;
impl Constraints for Synced {
    fn check(&self, d: &Draft<'_>) -> Vec<Finding> {
        if d.current.is_some() { vec![Finding::object("directory-synced", "synced")] } else { vec![] }
    }
}
#[tokio::test]
async fn what_may_not_be_written_is_linked_all_the_same() {
    let world = World::new([person("1").with("name", "Other")]);
    let _ = world.directory.clone().with_constraints(Arc::new(Synced));
    world.directory.push(account("a", Some("1")));
    let plan = world.plan().await;
    assert_eq!(entry(&plan, "1").action, Action::Link);
    assert!(entry(&plan, "1").runs(), "{plan}");
}

#[tokio::test]
async fn a_mapping_that_was_renamed_after_a_crash_still_recovers() {
    let world = World::new([person("1")]);
    let armed = Arc::new(AtomicBool::new(true));
    die(&dying_job(&world, &armed)).await;
    world.clock.advance(Duration::from_secs(3600));
    let job = job_of(&world, "staff", mapping().named("people"), Policy::outbound(Preferences::default()));
    let r = job.run(Run::full(), lifted()).await;
    assert!(r.is_ok(), "{r:?}");
}

#[tokio::test]
async fn a_recreation_that_died_is_taken_up() {
    let world = World::new([person("1"), person("2")]);
    _ = world.settled_run().await;
    let id = world.account_of("1").id;
    world.directory.remove(&id);
    let armed = Arc::new(AtomicBool::new(true));
    // dying job with recreate_missing
    let mk = |d| {
        Job::builder("staff")
            .source(world.hr.clone())
            .target(super::crash::Dying::new(world.directory.clone(), d))
            .mapping(mapping())
            .policy(Policy::outbound(Preferences::default().with_recreate_missing()))
            .passwords(world.sink.clone())
            .state(world.state.clone())
            .clock(world.clock.clone())
            .build()
            .expect("job")
    };
    let job = mk(armed.clone());
    die(&job).await;
    armed.store(false, Ordering::Relaxed);
    world.clock.advance(Duration::from_secs(120));
    let r = job.run(Run::full(), Apply::new()).await.expect("r");
    let plan = job.plan(Run::full()).await.expect("p");
    assert!(r.status == RunStatus::Complete && plan.is_converged() && !plan.needs_attention(), "{r}{plan}");
}

#[tokio::test]
async fn a_recreation_that_is_applied_twice_is_made_once() {
    let schema = Schema::new(Class::USER)
        .with("displayName", AttributeSchema::text())
        .with("employeeId", AttributeSchema::text());
    let clock = entrant::clock::ManualClock::at(time::macros::datetime!(2026-01-05 08:00 UTC));
    let hr = MemoryStore::new("hr").with_record(person("1"));
    let dir = MemoryStore::new("directory").with_schema(schema).with_clock(clock.clone());
    let job = Job::builder("s")
        .source(hr)
        .target(dir.clone())
        .clock(clock.clone())
        .mapping(Mapping::users().attribute("displayName", "name").attribute("employeeId", "id").match_on("employeeId"))
        .policy(Policy::outbound(Preferences::default().with_recreate_missing()))
        .state(MemoryState::new().with_clock(clock.clone()))
        .build()
        .expect("job");
    _ = job.run(Run::full(), Apply::new()).await.expect("report");
    clock.advance(Duration::from_secs(3600));
    let id = dir.records()[0].id.clone();
    dir.remove(&id);
    let plan = job.plan(Run::full()).await.expect("p");
    _ = job.apply(&plan, Apply::new()).await.expect("r");
    _ = job.apply(&plan, Apply::new()).await.expect("r");
    assert_eq!(dir.records().len(), 1);
}

#[tokio::test]
async fn a_lost_create_that_nothing_identifies_is_not_repeated() {
    let schema = Schema::new(Class::USER).with("displayName", AttributeSchema::text());
    let clock = entrant::clock::ManualClock::at(time::macros::datetime!(2026-01-05 08:00 UTC));
    let hr = MemoryStore::new("hr").with_record(person("1"));
    let dir = MemoryStore::new("directory").with_schema(schema).with_clock(clock.clone());
    let job = Job::builder("s")
        .source(hr)
        .target(dir.clone())
        .clock(clock.clone())
        .mapping(Mapping::users().attribute("displayName", "name"))
        .policy(Policy::outbound(Preferences::default()))
        .state(MemoryState::new().with_clock(clock.clone()))
        .build()
        .expect("job");
    dir.fail_write(1, WriteFault::AnswerLost);
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    _ = job.run(Run::full(), Apply::new()).await.expect("report");
    assert_eq!(dir.records().len(), 1);
}

#[tokio::test]
async fn a_plan_of_before_does_not_enable_what_security_disabled_since() {
    let world = World::new([person("1")]);
    _ = world.settled_run().await;
    world.hr.set(&ObjectId::user("1"), "active", false);
    _ = world.run().await;
    world.hr.set(&ObjectId::user("1"), "active", true);
    let job = world.job();
    let old = job.plan(Run::full()).await.expect("p"); // enables
    assert!(entry(&old, "1").enables());
    _ = world.run().await; // another plan does it
    let id = world.account_of("1").id;
    world.directory.set(&id, "active", false); // security
    assert!(!world.is_active("1"));
    let r = job.apply(&old, Apply::new()).await.expect("r");
    assert!(!world.is_active("1"), "security disabled it: {r}");
}

#[tokio::test]
async fn a_plan_of_before_does_not_take_a_link_from_another_job() {
    let world = World::new([person("1")]);
    world.directory.push(account("a", Some("1")));
    let mine = world.job();
    let plan = mine.plan(Run::full()).await.expect("p");
    let other = job_of(&world, "other", mapping(), Policy::outbound(Preferences::default()));
    _ = other.run(Run::full(), lifted()).await.expect("r");
    _ = mine.apply(&plan, lifted()).await.expect("r");
    assert_eq!(other.plan(Run::full()).await.expect("p").owned_elsewhere(), 0, "the owner is still the other job");
}

#[tokio::test]
async fn what_a_dead_run_took_away_counts_for_the_guards() {
    let world = World::new((1..=20).map(|id| person(&id.to_string())));
    _ = world.settled_run().await;
    for id in 1..=3 {
        world.hr.set(&ObjectId::user(id.to_string()), "active", false);
    }
    let armed = Arc::new(AtomicBool::new(true));
    die(&dying_job(&world, &armed)).await;
    world.clock.advance(Duration::from_secs(120));
    for id in 4..=6 {
        world.hr.set(&ObjectId::user(id.to_string()), "active", false);
    }
    let mut r = world.run().await;
    if r.status == RunStatus::Complete {
        r = world.run().await;
    }
    assert!(matches!(r.status, RunStatus::Stopped { .. }), "{r}");
}

#[derive(Debug, Clone)]
struct OnceFailing(Sink, Arc<AtomicBool>);
#[async_trait::async_trait]
impl PasswordSink for OnceFailing {
    async fn prepare(&self, p: Vec<InitialPassword>) -> entrant::Result<Vec<entrant::secret::Secret>> {
        self.0.prepare(p).await
    }
    async fn confirm(&self, c: Vec<(String, ObjectId)>) -> entrant::Result<()> {
        if self.1.swap(false, Ordering::Relaxed) {
            return Err(entrant::Error::new(entrant::ErrorKind::Store, "down"));
        }
        self.0.confirm(c).await
    }
}
#[tokio::test]
async fn a_password_that_was_not_confirmed_is_confirmed_by_the_next_run() {
    let world = World::new([person("1")]);
    let sink = OnceFailing(world.sink.clone(), Arc::new(AtomicBool::new(true)));
    let job = world.builder(Preferences::default()).passwords(sink).build().expect("job");
    job.run(Run::full(), Apply::new()).await.expect_err("sink down");
    world.clock.advance(Duration::from_secs(3600));
    _ = job.run(Run::full(), Apply::new()).await.expect("r");
    assert_eq!(world.sink.confirmed().len(), 1, "the password of an account that exists is confirmed");
}

#[tokio::test]
async fn records_that_share_an_id_protect_what_they_match() {
    let world = World::new([person("1"), person("2")]);
    _ = world.settled_run().await;
    world.hr.remove(&ObjectId::user("1"));
    world.hr.push(person("77").with("login", "p1@contoso.com"));
    world.hr.push(person("77").with("login", "p1@contoso.com").with("name", "Twice"));
    let plan = world.plan().await;
    assert_eq!(plan.count(Action::Disable), 0, "{plan}");
}

#[tokio::test]
async fn a_renamed_scope_column_takes_nobody_away() {
    let world = World::new((1..=3).map(|i| person(&i.to_string()).with("dept", "Sales")));
    let m = || mapping().scope(eq("dept", "Sales"));
    let job = job_of(&world, "staff", m(), Policy::outbound(Preferences::default()));
    _ = job.run(Run::full(), Apply::new()).await.expect("r");
    world.clock.advance(Duration::from_secs(3600));
    for i in 1..=3 {
        world.hr.remove(&ObjectId::user(i.to_string()));
        world.hr.push(person(&i.to_string()).with("department", "Sales"));
    }
    let plan = job.plan(Run::full()).await.expect("p");
    assert_eq!(plan.count(Action::Disable), 0, "{plan}");
}

#[tokio::test]
async fn one_person_without_the_column_of_the_scope_is_no_leaver() {
    let world = World::new((1..=3).map(|i| person(&i.to_string()).with("dept", "Sales")));
    let job = world.scoped_job(mapping().scope(eq("dept", "Sales")));
    _ = job.run(Run::full(), Apply::new()).await.expect("r");
    world.clock.advance(Duration::from_secs(3600));
    for i in 1..=3 {
        world.hr.remove(&ObjectId::user(i.to_string()));
        world.hr.push(person(&i.to_string()).with("department", "Sales"));
    }
    for run in [Run::one("1"), Run::full().filter(eq("id", "1"))] {
        let plan = job.plan(run).await.expect("p");
        assert!(has_problem(entry(&plan, "1"), "schema-drift"), "{plan}");
        assert!(plan.is_converged(), "{plan}");
    }
    // Who is delivered with the column, and fails the scope, is one.
    world.hr.set(&ObjectId::user("2"), "dept", "Gone");
    let plan = job.plan(Run::one("2")).await.expect("p");
    assert_eq!(plan.count(Action::Disable), 1, "{plan}");
}

#[tokio::test]
async fn an_unlink_of_before_leaves_the_new_account_linked() {
    let world = World::new([person("1"), person("2")]);
    _ = world.settled_run().await;
    let job = world.job_with(Preferences::default().with_recreate_missing());
    let id = world.account_of("1").id;
    world.directory.remove(&id);
    world.hr.remove(&ObjectId::user("1"));
    let old = job.plan(Run::full()).await.expect("p");
    assert_eq!(entry(&old, "1").action, Action::Unlink);
    world.hr.push(person("1"));
    _ = job.run(Run::full(), Apply::new()).await.expect("r"); // recreated
    world.clock.advance(Duration::from_secs(3600));
    _ = job.apply(&old, Apply::new()).await.expect("r");
    let plan = job.plan(Run::full()).await.expect("p");
    assert_eq!(plan.situations().get(&Situation::Confirmed), Some(&2), "{plan}");
}

#[tokio::test]
async fn waiting_for_ever_is_not_too_long() {
    let world = World::new([person("1")]);
    _ = world.job().run(Run::full(), Apply::new().wait(Duration::MAX)).await.expect("r");
}
#[tokio::test]
async fn a_grace_period_may_be_longer_than_the_calendar() {
    let world = World::new([person("1"), person("2")]);
    let job = world.job_with(Preferences::default().with_source_deleted(Leaver::disable().after(days(u32::MAX))));
    _ = job.run(Run::full(), Apply::new()).await.expect("r");
    world.clock.advance(Duration::from_secs(3600));
    world.hr.remove(&ObjectId::user("1"));
    job.plan(Run::full()).await.expect("p");
}
#[test]
fn a_date_before_the_calendar_is_shown() {
    let _ = Value::from(time::macros::datetime!(-0001-01-01 0:00 UTC)).to_string();
}

#[tokio::test]
async fn nobody_is_created_active_because_the_source_says_nothing() {
    let world = World::new([person("1").with("active", Value::Null)]);
    let plan = world.plan().await;
    assert_eq!(plan.count(Action::Create), 0, "{plan}");
}

#[derive(Debug)]
struct Broken;
#[async_trait::async_trait]
impl Source for Broken {
    fn name(&self) -> &str {
        "hr"
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities::default().with_get(GetSupport::Authoritative)
    }
    async fn get(&self, _: &[ObjectId]) -> entrant::Result<Vec<Lookup>> {
        Err(entrant::Error::new(entrant::ErrorKind::Store, "down"))
    }
    fn read(&self, _: &Query) -> futures::stream::BoxStream<'_, entrant::Result<Read>> {
        Box::pin(futures::stream::empty())
    }
}
#[tokio::test]
async fn one_object_that_the_source_cannot_be_asked_for_is_an_error() {
    let world = World::new([person("1")]);
    let job = world.builder(Preferences::default()).source(Broken).build().expect("job");
    let r = job.run(Run::one("1"), Apply::new()).await;
    assert_eq!(r.expect_err("the source is down").kind(), entrant::ErrorKind::Store);
}

#[tokio::test]
async fn an_employee_who_becomes_a_contractor_is_not_disabled() {
    // employee becomes contractor (another class of the source)
    let world = World::new([person("1"), person("2")]);
    let m2 = || {
        let mut m = Mapping::new(Class::new("contractor"), Class::USER).named("contractors");
        m = m
            .attribute("userPrincipalName", "login")
            .attribute("employeeId", "id")
            .attribute("displayName", "name")
            .attribute("active", "active")
            .generate_password()
            .match_on("userPrincipalName");
        m
    };
    let job = Job::builder("staff")
        .source(world.hr.clone())
        .target(world.directory.clone())
        .mapping(mapping())
        .mapping(m2())
        .policy(Policy::outbound(Preferences::default()))
        .passwords(world.sink.clone())
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("job");
    let mut c = Record::new(ObjectId::new(Class::new("contractor"), "c9"))
        .with("id", "9")
        .with("login", "p9@contoso.com")
        .with("name", "P 9")
        .with("active", true);
    world.hr.push(c.clone());
    _ = job.run(Run::full(), Apply::new()).await.expect("r");
    world.clock.advance(Duration::from_secs(3600));
    world.hr.remove(&ObjectId::user("1"));
    c = Record::new(ObjectId::new(Class::new("contractor"), "c1"))
        .with("id", "1")
        .with("login", "p1@contoso.com")
        .with("name", "P 1")
        .with("active", true);
    world.hr.push(c);
    let plan = job.plan(Run::full()).await.expect("p");
    assert_eq!(plan.count(Action::Disable), 0, "{plan}");
}

/// Thousands in each other's way: what is said of them grows with their number, not with its square.
#[tokio::test]
async fn thousands_in_each_others_way_make_no_endless_plan() {
    const COUNT: usize = 2_000;
    let people = || (1..=COUNT).map(|id| person(&id.to_string()));
    let bytes_each = |plan: &Plan| plan.to_json().len() / COUNT;
    // A column that was shifted by a row: everybody wants the next one's name, the last one the first one's.
    let world = World::new(people());
    for id in 1..=COUNT {
        world.directory.push(account(&format!("a{id}"), Some(&id.to_string())));
    }
    _ = world.job().run(Run::full(), lifted()).await.expect("a report");
    for id in 1..=COUNT {
        world.hr.set(&ObjectId::user(id.to_string()), "login", format!("p{}@contoso.com", id % COUNT + 1));
    }
    let circle = world.plan().await;
    assert!(circle.is_converged() && bytes_each(&circle) < 2_000, "{}", bytes_each(&circle));
    // Without the first one's: the last one's is taken, and so nobody moves up.
    world.hr.set(&ObjectId::user(COUNT.to_string()), "login", "taken@contoso.com");
    world.directory.push(account("x", None).with("userPrincipalName", "taken@contoso.com"));
    let chain = world.plan().await;
    assert!(chain.is_converged() && bytes_each(&chain) < 2_000, "{}", bytes_each(&chain));
    // Everybody wants one name; and everybody matches everybody, by a placeholder.
    let world = World::new(people().map(|person| person.with("login", "same@contoso.com")));
    let same = world.plan().await;
    assert!(same.is_converged() && bytes_each(&same) < 3_000, "{}", bytes_each(&same));
    let world = World::new(people().map(|person| person.with("id", "0")));
    for id in 1..=COUNT {
        world
            .directory
            .push(account(&format!("a{id}"), Some("0")).with("userPrincipalName", format!("q{id}@contoso.com")));
    }
    let placeholder = world.plan().await;
    assert!(placeholder.is_converged() && bytes_each(&placeholder) < 3_000, "{}", bytes_each(&placeholder));
}
