#![allow(unused_imports, dead_code, clippy::all)]
use super::crash::{die, dying_job};
use super::world::*;
use entrant::job::{Apply, OutcomeKind, Run, RunStatus};
use entrant::model::*;
use entrant::reconcile::*;
use entrant::store::*;
use entrant::{Job, Mapping, Policy, Preferences, Record, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

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
async fn r01_partial_match_not_adopted() {
    let world = World::new([person("1")]);
    world.directory.push(account("a", Some("1")));
    world.directory.end_reads(Completeness::Partial { reason: "page 3".to_owned() });
    let _ = world.directory.clone().with_capabilities(Capabilities::default().with_get(GetSupport::Authoritative));
    let plan = world.plan().await;
    assert!(entry(&plan, "1").is_blocked(), "{plan}");
}

#[tokio::test]
async fn r02_two_mappings_same_class() {
    let world = World::new([person("1"), person("2").with("title", "Temp"), person("3")]);
    let job = Job::builder("staff")
        .source(world.hr.clone())
        .target(world.directory.clone())
        .mapping(mapping().named("clerks").scope(entrant::model::eq("title", "Clerk")))
        .mapping(mapping().named("temps").scope(entrant::model::eq("title", "Temp")))
        .policy(Policy::outbound(Preferences::default()))
        .passwords(world.sink.clone())
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("job");
    job.run(Run::full(), Apply::new()).await.expect("report");
    world.clock.advance(Duration::from_secs(3600));
    let plan = job.plan(Run::full()).await.expect("plan");
    assert_eq!(plan.count(Action::Disable), 0, "{plan}");
}

#[tokio::test]
async fn r03_two_mappings_double_create() {
    let schema = Schema::new(Class::USER).with("displayName", AttributeSchema::text());
    let hr = MemoryStore::new("hr").with_record(person("1"));
    let dir = MemoryStore::new("directory").with_schema(schema);
    let job = Job::builder("s")
        .source(hr)
        .target(dir.clone())
        .mapping(Mapping::users().named("a").attribute("displayName", "name"))
        .mapping(Mapping::users().named("b").attribute("displayName", "name"))
        .policy(Policy::outbound(Preferences::default()))
        .state(MemoryState::new())
        .build()
        .expect("job");
    job.run(Run::full(), Apply::new()).await.expect("report");
    assert_eq!(dir.records().len(), 1);
}

#[tokio::test]
async fn r04_out_of_scope_restored() {
    let world = World::new([person("1"), person("2")]);
    let m = || mapping().scope(entrant::model::ne("title", "Gone"));
    let job = job_of(&world, "staff", m(), Policy::outbound(Preferences::default().with_restore()));
    job.run(Run::full(), Apply::new()).await.expect("r");
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
async fn r05_restored_stranger_is_not_created() {
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
    job.apply(&plan, Apply::new()).await.expect("r");
    world.clock.advance(Duration::from_secs(3600));
    world.hr.remove(&ObjectId::user("1"));
    let plan = job.plan(Run::full()).await.expect("p");
    assert_eq!(plan.count(Action::Delete), 0, "never ours: {plan}");
}

#[tokio::test]
async fn r06_restored_own_disable_is_undone() {
    let world = World::new([person("1"), person("2")]);
    let job = world
        .job_with(Preferences::default().with_restore().with_source_deleted(Leaver::disable().then_delete(days(10))));
    job.run(Run::full(), Apply::new()).await.expect("r");
    world.clock.advance(days(1));
    world.hr.remove(&ObjectId::user("1"));
    job.run(Run::full(), Apply::new()).await.expect("r");
    world.clock.advance(days(11));
    job.run(Run::full(), Apply::new()).await.expect("r");
    assert_eq!(world.directory.records().len(), 1);
    world.hr.push(person("1"));
    job.run(Run::full(), Apply::new()).await.expect("r");
    let plan = job.plan(Run::full()).await.expect("p");
    job.apply(&plan, Apply::new()).await.expect("r");
    assert!(world.is_active("1"), "{plan}");
}

#[tokio::test]
async fn r07_reset_constant_on_adopted() {
    let world = World::new([person("1")]);
    world.directory.push(account("a", Some("1")));
    let job = job_of(&world, "staff", mapping().constant("reset", true), Policy::outbound(Preferences::default()));
    job.run(Run::full(), lifted()).await.expect("r");
    world.clock.advance(Duration::from_secs(3600));
    let plan = job.plan(Run::full()).await.expect("p");
    assert!(plan.is_converged(), "{plan}");
}

#[tokio::test]
async fn r08_reset_turns_true_again() {
    let world = World::new([person("1").with("reset", true)]);
    let job = job_of(&world, "staff", mapping().attribute("reset", "reset"), Policy::outbound(Preferences::default()));
    job.run(Run::full(), lifted()).await.expect("r");
    world.clock.advance(Duration::from_secs(3600));
    world.hr.set(&ObjectId::user("1"), "reset", false);
    job.run(Run::full(), lifted()).await.expect("r");
    world.hr.set(&ObjectId::user("1"), "reset", true);
    let plan = job.plan(Run::full()).await.expect("p");
    assert!(!plan.is_converged(), "turned true: {plan}");
}

#[tokio::test]
async fn r09_swap_does_not_stop_disable() {
    let world = World::new([person("1"), person("2")]);
    world.settled_run().await;
    world.hr.set(&ObjectId::user("1"), "login", "p2@contoso.com");
    world.hr.set(&ObjectId::user("2"), "login", "p1@contoso.com");
    world.hr.set(&ObjectId::user("1"), "active", false);
    println!("{}", world.plan().await);
    let r = world.run().await;
    assert!(!world.is_active("1"), "{r}");
}

#[tokio::test]
async fn r10_held_up_does_not_stop_disable() {
    let world = World::new([person("1"), person("2")]);
    world.settled_run().await;
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
async fn r11_synced_is_linked() {
    let world = World::new([person("1").with("name", "Other")]);
    let _ = world.directory.clone().with_constraints(Arc::new(Synced));
    world.directory.push(account("a", Some("1")));
    let plan = world.plan().await;
    assert_eq!(entry(&plan, "1").action, Action::Link);
    assert!(entry(&plan, "1").runs(), "{plan}");
}

#[tokio::test]
async fn r12_renamed_mapping_after_crash() {
    let world = World::new([person("1")]);
    let armed = Arc::new(AtomicBool::new(true));
    die(&dying_job(&world, &armed)).await;
    world.clock.advance(Duration::from_secs(3600));
    let job = job_of(&world, "staff", mapping().named("people"), Policy::outbound(Preferences::default()));
    let r = job.run(Run::full(), lifted()).await;
    assert!(r.is_ok(), "{r:?}");
}

#[tokio::test]
async fn r13_recreate_crash() {
    let world = World::new([person("1"), person("2")]);
    world.settled_run().await;
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
async fn r14_recreate_plan_twice() {
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
    job.run(Run::full(), Apply::new()).await.expect("report");
    clock.advance(Duration::from_secs(3600));
    let id = dir.records()[0].id.clone();
    dir.remove(&id);
    let plan = job.plan(Run::full()).await.expect("p");
    job.apply(&plan, Apply::new()).await.expect("r");
    job.apply(&plan, Apply::new()).await.expect("r");
    assert_eq!(dir.records().len(), 1);
}

#[tokio::test]
async fn r15_lost_create_without_unique_not_repeated() {
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
    let r = job.run(Run::full(), Apply::new()).await.expect("report");
    println!("{r}");
    job.run(Run::full(), Apply::new()).await.expect("report");
    assert_eq!(dir.records().len(), 1);
}

#[tokio::test]
async fn r16_stale_enable() {
    let world = World::new([person("1")]);
    world.settled_run().await;
    world.hr.set(&ObjectId::user("1"), "active", false);
    world.run().await;
    world.hr.set(&ObjectId::user("1"), "active", true);
    let job = world.job();
    let old = job.plan(Run::full()).await.expect("p"); // enables
    assert!(entry(&old, "1").enables());
    world.run().await; // another plan does it
    let id = world.account_of("1").id;
    world.directory.set(&id, "active", false); // security
    assert!(!world.is_active("1"));
    println!("fresh plan: {}", job.plan(Run::full()).await.expect("p"));
    let r = job.apply(&old, Apply::new()).await.expect("r");
    assert!(!world.is_active("1"), "security disabled it: {r}");
}

#[tokio::test]
async fn r17_link_steals_owner() {
    let world = World::new([person("1")]);
    world.directory.push(account("a", Some("1")));
    let mine = world.job();
    let plan = mine.plan(Run::full()).await.expect("p");
    let other = job_of(&world, "other", mapping(), Policy::outbound(Preferences::default()));
    other.run(Run::full(), lifted()).await.expect("r");
    mine.apply(&plan, lifted()).await.expect("r");
    assert_eq!(other.plan(Run::full()).await.expect("p").owned_elsewhere(), 0, "the owner is still the other job");
}

#[tokio::test]
async fn r18_guard_after_crash() {
    let world = World::new((1..=20).map(|id| person(&id.to_string())));
    world.settled_run().await;
    for id in 1..=3 {
        world.hr.set(&ObjectId::user(id.to_string()), "active", false);
    }
    let armed = Arc::new(AtomicBool::new(true));
    die(&dying_job(&world, &armed)).await;
    world.clock.advance(Duration::from_secs(120));
    for id in 4..=6 {
        world.hr.set(&ObjectId::user(id.to_string()), "active", false);
    }
    println!("off after crash: {}", (1..=3).filter(|i| !world.is_active(&i.to_string())).count());
    let mut r = world.run().await;
    println!("first {r}off now: {}", (1..=20).filter(|i| !world.is_active(&i.to_string())).count());
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
async fn r19_confirm_lost() {
    let world = World::new([person("1")]);
    let sink = OnceFailing(world.sink.clone(), Arc::new(AtomicBool::new(true)));
    let job = world.builder(Preferences::default()).passwords(sink).build().expect("job");
    job.run(Run::full(), Apply::new()).await.expect_err("sink down");
    world.clock.advance(Duration::from_secs(3600));
    job.run(Run::full(), Apply::new()).await.expect("r");
    assert_eq!(world.sink.confirmed().len(), 1, "the password of an account that exists is confirmed");
}

#[tokio::test]
async fn r20_duplicates_protect_candidates() {
    let world = World::new([person("1"), person("2")]);
    world.settled_run().await;
    world.hr.remove(&ObjectId::user("1"));
    world.hr.push(person("77").with("login", "p1@contoso.com"));
    world.hr.push(person("77").with("login", "p1@contoso.com").with("name", "Twice"));
    let plan = world.plan().await;
    assert_eq!(plan.count(Action::Disable), 0, "{plan}");
}

#[tokio::test]
async fn r21_scope_drift() {
    let world = World::new((1..=3).map(|i| person(&i.to_string()).with("dept", "Sales")));
    let m = || mapping().scope(entrant::model::eq("dept", "Sales"));
    let job = job_of(&world, "staff", m(), Policy::outbound(Preferences::default()));
    job.run(Run::full(), Apply::new()).await.expect("r");
    world.clock.advance(Duration::from_secs(3600));
    for i in 1..=3 {
        world.hr.remove(&ObjectId::user(i.to_string()));
        world.hr.push(person(&i.to_string()).with("department", "Sales"));
    }
    let plan = job.plan(Run::full()).await.expect("p");
    assert_eq!(plan.count(Action::Disable), 0, "{plan}");
}

#[tokio::test]
async fn r22_stale_unlink() {
    let world = World::new([person("1"), person("2")]);
    world.settled_run().await;
    let job = world.job_with(Preferences::default().with_recreate_missing());
    let id = world.account_of("1").id;
    world.directory.remove(&id);
    world.hr.remove(&ObjectId::user("1"));
    let old = job.plan(Run::full()).await.expect("p");
    assert_eq!(entry(&old, "1").action, Action::Unlink);
    world.hr.push(person("1"));
    job.run(Run::full(), Apply::new()).await.expect("r"); // recreated
    world.clock.advance(Duration::from_secs(3600));
    job.apply(&old, Apply::new()).await.expect("r");
    let plan = job.plan(Run::full()).await.expect("p");
    assert_eq!(plan.situations().get(&Situation::Confirmed), Some(&2), "{plan}");
}

#[tokio::test]
async fn r23_wait_forever() {
    let world = World::new([person("1")]);
    world.job().run(Run::full(), Apply::new().wait(Duration::MAX)).await.expect("r");
}
#[tokio::test]
async fn r24_leaver_far() {
    let world = World::new([person("1"), person("2")]);
    let job = world.job_with(Preferences::default().with_source_deleted(Leaver::disable().after(days(u32::MAX))));
    job.run(Run::full(), Apply::new()).await.expect("r");
    world.clock.advance(Duration::from_secs(3600));
    world.hr.remove(&ObjectId::user("1"));
    job.plan(Run::full()).await.expect("p");
}
#[test]
fn r25_date_display() {
    let _ = Value::from(time::macros::datetime!(-0001-01-01 0:00 UTC)).to_string();
}

#[tokio::test]
async fn r26_null_status_creates_active() {
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
async fn r27_one_with_broken_source() {
    let world = World::new([person("1")]);
    let job = world.builder(Preferences::default()).source(Broken).build().expect("job");
    let r = job.run(Run::one("1"), Apply::new()).await;
    assert!(r.is_err() || r.as_ref().unwrap().status != RunStatus::Complete, "{:?}", r);
}

#[tokio::test]
async fn r28_mapping_across_classes_candidates() {
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
    job.run(Run::full(), Apply::new()).await.expect("r");
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

fn big(n: usize) -> World {
    World::new((1..=n).map(|id| person(&id.to_string())))
}
fn unguarded(world: &World) -> Job {
    job_of(world, "staff", mapping(), Policy::outbound(Preferences::default()))
}

async fn direct(n: usize) -> World {
    // target holds n linked people: adopt
    let world = big(n);
    for i in 1..=n {
        world.directory.push(account(&format!("a{i}"), Some(&i.to_string())));
    }
    world
}
#[tokio::test]
#[ignore]
async fn p1_adopt() {
    for n in [2500, 5000] {
        let world = direct(n).await;
        let job = unguarded(&world);
        let t = Instant::now();
        let plan = job.plan(Run::full()).await.expect("p");
        let planned = t.elapsed();
        let t = Instant::now();
        job.apply(&plan, lifted()).await.expect("r");
        println!("adopt {n}: plan {planned:?} apply {:?}", t.elapsed());
    }
}
#[tokio::test]
#[ignore]
async fn p2_shift() {
    for n in [500, 1000, 2000, 4000] {
        let world = direct(n).await;
        let job = unguarded(&world);
        job.run(Run::full(), lifted()).await.expect("r");
        for i in 1..=n {
            world.hr.set(&ObjectId::user(i.to_string()), "login", format!("p{}@contoso.com", i % n + 1));
        }
        let t = Instant::now();
        let plan = job.plan(Run::full()).await.expect("p");
        println!("cycle {n}: plan {:?}, json {} MB", t.elapsed(), plan.to_json().len() / 1_000_000);
        for i in 1..=n {
            world.hr.set(&ObjectId::user(i.to_string()), "login", format!("p{}@contoso.com", i + 1));
        }
        world.directory.push(account("stranger", None).with("userPrincipalName", format!("p{}@contoso.com", n + 1)));
        let t = Instant::now();
        let plan = job.plan(Run::full()).await.expect("p");
        println!("chain {n}: plan {:?}, json {} MB", t.elapsed(), plan.to_json().len() / 1_000_000);
    }
}
#[tokio::test]
#[ignore]
async fn p3_same_name() {
    for n in [500, 1000, 2000, 4000] {
        let world = World::new((1..=n).map(|id| person(&id.to_string()).with("login", "same@contoso.com")));
        let job = unguarded(&world);
        let t = Instant::now();
        let plan = job.plan(Run::full()).await.expect("p");
        println!("same upn {n}: plan {:?}, json {} MB", t.elapsed(), plan.to_json().len() / 1_000_000);
        let world = World::new((1..=n).map(|id| person(&id.to_string()).with("id", "0")));
        for i in 1..=n {
            world
                .directory
                .push(account(&format!("a{i}"), Some("0")).with("userPrincipalName", format!("q{i}@contoso.com")));
        }
        let job = unguarded(&world);
        let t = Instant::now();
        let plan = job.plan(Run::full()).await.expect("p");
        println!("same employeeId {n}x{n}: plan {:?}, json {} MB", t.elapsed(), plan.to_json().len() / 1_000_000);
    }
}
