//! Accounts whose creation is in doubt, and their passwords.

use std::time::Duration;

use entrant::job::{Apply, Report, Run, RunStatus};
use entrant::model::{AttributeSchema, Class, Kind, Mutability, ObjectId, Operation, Schema, Written};
use entrant::reconcile::{Action, Policy, Preferences, Situation};
use entrant::store::{MemoryStore, PasswordSink};
use entrant::{Error, ErrorKind, Job, Mapping};
use futures::FutureExt;

use super::{lost, run};
use crate::job::spy::{Death, Spy};
use crate::job::tracked::Tracked;
use crate::job::world::{World, entry, person};

/// A job whose target can be made to die, or to find nobody.
fn watched(world: &World) -> (Spy, Job) {
    let spy = Spy::new(&world.directory);
    let job = world.builder(Preferences::default()).target(spy.clone()).build().expect("a job");
    (spy, job)
}

/// Runs until the process dies, once everyone was made and before the last answer came; and lets its lease run out.
fn die(world: &World, spy: &Spy, job: &Job) {
    spy.dies(Some(Death::After(world.hr.records().len())));
    // Stores in memory answer at once: what does not come to an end now waits for ever.
    let mut run = Box::pin(job.run(Run::full(), Apply::new()));
    assert!((0..100).all(|_| (&mut run).now_or_never().is_none()), "the run was to be cut off");
    spy.dies(None);
    world.clock.advance(Duration::from_secs(61));
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_not_taken_for_never_made() {
    let world = World::new((1..=3).map(|id| person(&id.to_string())));
    let (spy, job) = watched(&world);
    die(&world, &spy, &job);
    // Long after new accounts show, nobody can be found: that says nothing of what was made.
    world.clock.advance(Duration::from_secs(3600));
    spy.is_deaf(true);
    let report = job.run(Run::one("3"), Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Incomplete, "what was made is still not known: {report}");
    spy.is_deaf(false);
    let report = run(&job).await;
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert_eq!(
        (world.directory.records().len(), world.sink.confirmed().len()),
        (3, 3),
        "nobody twice, nobody forgotten"
    );
}

#[tokio::test]
async fn what_a_second_attempt_made_may_be_as_young_as_that_attempt() {
    let world = World::new([person("1")]);
    let (spy, job) = watched(&world);
    spy.refuses(|_| Some(lost()));
    assert_eq!(run(&job).await.status, RunStatus::Incomplete);
    // An hour later, in which nobody could be asked for him, he is made, and that answer is lost too.
    world.clock.advance(Duration::from_secs(3600));
    spy.is_deaf(true);
    spy.refuses(|_| None);
    spy.answers(|_, _| Err(lost()));
    assert_eq!(run(&job).await.status, RunStatus::Incomplete);
    assert_eq!(world.directory.records().len(), 1);
    // A minute later he does not show yet.
    world.clock.advance(Duration::from_secs(60));
    spy.is_deaf(false);
    spy.answers(|_, answer| answer);
    spy.shows_nothing(true);
    let report = run(&job).await;
    assert_eq!(report.status, RunStatus::Incomplete, "{report}");
    spy.shows_nothing(false);
    world.clock.advance(Duration::from_secs(3600));
    let report = run(&job).await;
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert_eq!((world.directory.records().len(), world.sink.confirmed().len()), (1, 1), "{report}");
}

#[tokio::test]
async fn what_planning_found_again_is_confirmed_though_recovering_could_not_ask() {
    let world = World::new((1..=3).map(|id| person(&id.to_string())));
    let (spy, job) = watched(&world);
    die(&world, &spy, &job);
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(plan.count(Action::Link), 3, "{plan}");
    spy.is_deaf(true);
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(world.sink.confirmed().len(), 3, "their passwords are handed out: {report}");
    spy.is_deaf(false);
    assert_eq!(run(&job).await.status, RunStatus::Complete);
    assert_eq!(world.sink.confirmed().len(), 3);
}

#[tokio::test]
async fn one_who_is_renamed_while_his_create_is_in_doubt_is_not_made_twice() {
    let world = World::new((1..=2).map(|id| person(&id.to_string())));
    let (spy, job) = watched(&world);
    die(&world, &spy, &job);
    // The accounts do not show yet, and HR changes its mind about a name.
    let made = world.directory.records();
    made.iter().for_each(|record| world.directory.remove(&record.id));
    world.hr.set(&ObjectId::user("1"), "login", "married@contoso.com");
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(entry(&plan, "1").action, Action::Report, "no name would stop a second account: {plan}");
    assert_eq!(entry(&plan, "2").action, Action::Create, "his own name would: {plan}");
    made.into_iter().for_each(|record| world.directory.push(record));
    world.clock.advance(Duration::from_secs(3600));
    _ = run(&job).await;
    assert_eq!(world.directory.records().len(), 2);
}

#[tokio::test]
async fn a_password_that_was_handed_out_stays_the_one_that_counts() {
    let world = World::new([person("1")]);
    let key = "staff: user 1";
    let prepare = |password: &str| {
        vec![entrant::store::InitialPassword::new(key, Default::default(), entrant::secret::Secret::from(password))]
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = entrant::adapters::PasswordFile::open(folder.path().join("passwords.jsonl")).expect("a file");
    for sink in [&world.sink as &dyn PasswordSink, &file] {
        sink.prepare(prepare("first")).await.expect("prepared");
        sink.confirm(vec![(key.to_owned(), ObjectId::user("a"))]).await.expect("confirmed");
        // The run died before it remembered that; the next one does not see the account, tries again, and is refused.
        sink.prepare(prepare("second")).await.expect("prepared");
        sink.confirm(vec![(key.to_owned(), ObjectId::user("a"))]).await.expect("confirmed");
    }
    let text = std::fs::read_to_string(folder.path().join("passwords.jsonl")).expect("a file");
    let created: Vec<&str> = text.lines().filter(|line| line.contains("created")).collect();
    assert!(matches!(created.as_slice(), [one] if one.contains("first")), "{text}");
    assert_eq!(world.sink.confirmed().len(), 1);
}

#[tokio::test]
async fn a_clock_that_is_put_right_makes_nothing_old() {
    // The machine is ten minutes behind when an account is made.
    let world = World::new([person("1"), person("2")]);
    let (spy, job) = watched(&world);
    spy.is_ahead(time::Duration::minutes(10));
    _ = run(&job).await;
    // Some minutes later its clock has been put right, and the account does not show yet.
    spy.is_ahead(time::Duration::ZERO);
    spy.shows_nothing(true);
    world.clock.advance(Duration::from_secs(10 * 60 + 8 * 60));
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(entry(&plan, "1").situation, Situation::Pending, "{plan}");
    world.clock.advance(Duration::from_secs(8 * 60));
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(entry(&plan, "1").situation, Situation::Missing, "{plan}");
}

#[tokio::test]
async fn an_answer_that_names_the_account_of_another_is_not_believed() {
    let world = World::new([person("1")]);
    _ = run(&world.job()).await;
    let (spy, job) = watched(&world);
    let first = world.account_of("1").id;
    // Of those who join, two are said to have been made under an id that is somebody's.
    let mut made = Vec::new();
    spy.answers(move |change, answer| match &change.operation {
        Operation::Create { .. } => {
            let id = answer.expect("made").id;
            made.push(id.clone());
            Ok(Written::new(match made.len() {
                1 => first.clone(),
                3 => made[1].clone(),
                _ => id,
            }))
        }
        _ => answer,
    });
    (2..=5).for_each(|id| world.hr.push(person(&id.to_string())));
    let report = run(&job).await;
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert_eq!(world.directory.records().len(), 5);
    let mut confirmed: Vec<_> = world.sink.confirmed().into_iter().map(|(_, id, _)| id).collect();
    confirmed.sort();
    confirmed.dedup();
    assert_eq!(confirmed.len(), 5, "each password goes with its own account");
    world.clock.advance(Duration::from_secs(3600));
    let plan = world.plan().await;
    assert!(plan.is_converged(), "{plan}");
    assert_eq!(plan.linked(&Class::USER), 5, "{plan}");
}

#[tokio::test]
async fn an_answer_that_names_a_linked_account_is_not_believed_in_an_incremental_run_either() {
    let world = World::new([person("1")]);
    let hr = Tracked::new(&world.hr);
    let spy = Spy::new(&world.directory);
    let job = world.builder(Preferences::default()).source(hr).target(spy.clone()).build().expect("a job");
    _ = run(&job).await;
    world.clock.advance(Duration::from_secs(3600));
    _ = job.run(Run::incremental(), Apply::new()).await.expect("a report");
    let first = world.account_of("1").id;
    names_at_creates(&spy, &first);
    world.hr.push(person("2"));
    let plan = job.plan(Run::incremental()).await.expect("a plan");
    assert_eq!(plan.entries().len(), 1, "{plan}");
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    nobody_got_it(&world, &job, &report, &first).await;
}

#[tokio::test]
async fn an_answer_that_names_the_account_of_another_job_is_not_believed() {
    let world = World::new([]);
    let payroll = MemoryStore::new("payroll").with_records([person("9")]);
    let spy = Spy::new(&world.directory);
    let other = world.builder(Preferences::default()).source(payroll).target(spy.clone()).build().expect("a job");
    _ = run(&other).await;
    let theirs = world.account_of("9").id;
    let job = world.builder(Preferences::default()).target(spy.clone()).build().expect("a job");
    names_at_creates(&spy, &theirs);
    world.hr.push(person("2"));
    let report = run(&job).await;
    nobody_got_it(&world, &job, &report, &theirs).await;
}

fn names_at_creates(spy: &Spy, id: &ObjectId) {
    let id = id.clone();
    spy.answers(move |change, answer| match &change.operation {
        Operation::Create { .. } => answer.map(|_| Written::new(id.clone())),
        _ => answer,
    });
}

/// Neither the account that an answer named nor its password is taken for those of person 2, whose own account is found.
async fn nobody_got_it(world: &World, job: &Job, report: &Report, named: &ObjectId) {
    let own = world.account_of("2").id;
    assert_ne!(own, *named);
    let confirmed: Vec<ObjectId> = world.sink.confirmed().into_iter().map(|(_, id, _)| id).collect();
    assert_eq!(confirmed.iter().filter(|id| *id == named).count(), 1, "{confirmed:?} {report}");
    assert!(confirmed.contains(&own), "{confirmed:?} {report}");
    world.clock.advance(Duration::from_secs(3600));
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert!(plan.is_converged(), "{plan}");
}

/// Two records by which nobody can be told apart, one of which was made, and the answer of the other was lost.
#[tokio::test]
async fn what_a_create_made_is_not_taken_for_what_a_lost_one_may_have_made() {
    let world = World::new(["1", "2"].map(|id| person(id).with("badge", "7")));
    let text = AttributeSchema::text;
    let schema = Schema::new(Class::USER)
        .with("employeeId", text())
        .with("displayName", text())
        .with("created", AttributeSchema::new(Kind::DateTime).with_mutability(Mutability::ReadOnly))
        .with_created_at("created");
    let directory = MemoryStore::new("directory").with_schema(schema).with_clock(world.clock.clone());
    let spy = Spy::new(&directory);
    let mapping =
        Mapping::users().attribute("employeeId", "badge").attribute("displayName", "name").match_on("employeeId");
    let job = Job::builder("staff")
        .source(world.hr.clone())
        .target(spy.clone())
        .mapping(mapping)
        .policy(Policy::outbound(Preferences::default()))
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("a job");
    let mut creates = 0;
    spy.refuses(move |change| {
        creates += usize::from(matches!(change.operation, Operation::Create { .. }));
        (creates == 2).then(|| Error::new(ErrorKind::Transport, "broke").with_outcome_in_doubt())
    });
    let report = run(&job).await;
    assert_eq!(report.status, RunStatus::Incomplete, "{report}");
    world.clock.advance(Duration::from_secs(60));
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(plan.count(Action::Update), 0, "nobody is renamed to another: {plan}");
}
