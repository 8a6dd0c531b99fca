//! What failed is tried again later and later, and a job of which too much fails applies nothing (semantics, rule 20).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use entrant::clock::Clock;
use entrant::error::{ErrorKind, Retry};
use entrant::job::{Apply, Outcome, OutcomeKind, Run, RunStatus};
use entrant::model::{Change, Class, ObjectId, Operation, eq};
use entrant::reconcile::{Action, Guard, Plan, Policy, Preferences};
use entrant::store::{MemoryState, State, Table};
use entrant::{Error, Job, Report, Value};
use futures::TryStreamExt;

use super::org::{self, Org, no_guards, problems, texts};
use super::spy::Spy;
use super::world::{World, entry, mapping, person};

/// Which writes fail, and how; none if it gives none.
type Refusal = Box<dyn FnMut(&Change) -> Option<Error> + Send>;

/// A job whose target fails as it is told.
struct Failing {
    world: World,
    job: Job,
    refusal: Arc<Mutex<Refusal>>,
    spy: Spy,
}

fn refused() -> Error {
    Error::new(ErrorKind::Invalid, "the title is not to its liking")
}

/// Whether a write gives somebody this title.
fn gives_title(change: &Change, title: &str) -> bool {
    match &change.operation {
        Operation::Create { attributes, .. } | Operation::Update { attributes, .. } => {
            attributes.get("jobTitle") == Some(&Value::text(title))
        }
        _ => false,
    }
}

impl Failing {
    fn new(people: u32) -> Self {
        let world = World::new((1..=people).map(|id| person(&id.to_string())));
        let refusal: Arc<Mutex<Refusal>> = Arc::new(Mutex::new(Box::new(|_| None)));
        let spy = Spy::new(&world.directory);
        let own = Arc::clone(&refusal);
        spy.refuses(move |change| own.lock().expect("no test panics with the lock")(change));
        let job = Job::builder("staff")
            .source(world.hr.clone())
            .target(spy.clone())
            .mapping(mapping())
            .policy(Policy::outbound(Preferences::default()))
            .guards(no_guards())
            .passwords(world.sink.clone())
            .state(world.state.clone())
            .clock(world.clock.clone())
            .build()
            .expect("the job is sound");
        Self { world, job, refusal, spy }
    }

    /// Fails whatever gives somebody the title `Bad`.
    fn refuse_bad_titles(&self) {
        self.refuse(|change| gives_title(change, "Bad").then(refused));
    }

    fn refuse(&self, refusal: impl FnMut(&Change) -> Option<Error> + Send + 'static) {
        *self.refusal.lock().expect("no test panics with the lock") = Box::new(refusal);
    }

    fn title(&self, id: &str, title: &str) {
        assert!(self.world.hr.set(&ObjectId::user(id), "title", title));
    }

    async fn plan(&self) -> Plan {
        self.job.plan(Run::full()).await.expect("a plan")
    }

    async fn run(&self) -> Report {
        self.job.run(Run::full(), Apply::new()).await.expect("a report")
    }

    fn pass(&self, hours: u64) {
        self.world.clock.advance(Duration::from_secs(hours * 3600));
    }

    /// How many writes the target was asked for by `work`.
    async fn writes_in(&self, work: impl Future) -> usize {
        let before = self.spy.log().len();
        work.await;
        self.spy.log().len() - before
    }
}

async fn rows(state: &MemoryState) -> usize {
    state.scan(Table::Quarantine, b"").try_collect::<Vec<_>>().await.expect("the state is read").len()
}

#[tokio::test]
async fn what_fails_is_tried_later_and_later_and_at_last_not_any_more() {
    let all = Failing::new(2);
    _ = all.run().await;
    all.refuse_bad_titles();
    all.title("1", "Bad");
    let begin = all.world.clock.now();
    let mut tried = Vec::new();
    for hour in 0..24 * 32 {
        if all.writes_in(all.run()).await > 0 {
            tried.push(hour);
        }
        all.pass(1);
    }
    let expected: Vec<u64> =
        [0, 6, 18].into_iter().chain((1..).map(|day| 18 + day * 24)).take_while(|hour| *hour <= 28 * 24).collect();
    assert_eq!(tried, expected, "since {begin}");
    // It is listed all the time, and says what a person can do.
    let plan = all.plan().await;
    let own = entry(&plan, "1");
    assert!(own.is_held() && own.until.is_none() && own.needs_attention(), "{plan}");
    assert!(problems(&plan, "1")[0].contains("no longer tried by itself"), "{plan}");
    // A person asks.
    all.refuse(|_| None);
    let report = all.job.run(Run::full().by_hand(), Apply::new()).await.expect("a report");
    assert_eq!((report.outcome(OutcomeKind::Applied), &report.status), (1, &RunStatus::Complete), "{report}");
    assert_eq!(rows(&all.world.state).await, 0);
    assert!(all.plan().await.is_converged());
}

/// Nothing of it changes, and it waits: it is looked at in each run, and tried when its time has come.
#[tokio::test]
async fn what_waits_is_tried_by_an_incremental_run_once_its_time_has_come() {
    let all = Failing::new(3);
    let run = || async { all.job.run(Run::incremental(), Apply::new()).await.expect("a report") };
    let looked_at = || async {
        let plan = all.job.plan(Run::incremental()).await.expect("a plan");
        assert_eq!(plan.problems(), [], "it is no full run");
        plan.situations().values().sum::<u64>()
    };
    _ = all.run().await;
    all.pass(1);
    _ = run().await;
    all.refuse_bad_titles();
    all.title("1", "Bad");
    assert_eq!(all.writes_in(run()).await, 1);
    for hour in 1..=6 {
        all.pass(1);
        assert_eq!(looked_at().await, 1, "after {hour} hours");
        assert_eq!(all.writes_in(run()).await, usize::from(hour == 6), "after {hour} hours");
    }
    let by_hand = || async { all.job.run(Run::incremental().by_hand(), Apply::new()).await.expect("a report") };
    assert_eq!(all.writes_in(run()).await, 0);
    assert_eq!(all.writes_in(by_hand()).await, 1, "whoever asks is not to wait");
    all.refuse(|_| None);
    all.pass(23);
    assert_eq!(all.writes_in(run()).await, 0, "it was the third failure");
    all.pass(1);
    let report = run().await;
    assert_eq!((report.outcome(OutcomeKind::Applied), &report.status), (1, &RunStatus::Complete), "{report}");
    assert_eq!(rows(&all.world.state).await, 0);
    all.pass(1);
    _ = run().await;
    assert_eq!(looked_at().await, 0, "it is done with");
}

#[tokio::test]
async fn what_waits_is_listed_with_its_error_and_its_next_attempt() {
    let all = Failing::new(2);
    all.refuse_bad_titles();
    all.title("1", "Bad");
    let first = all.run().await;
    assert_eq!((first.outcome(OutcomeKind::Failed), first.outcome(OutcomeKind::Applied)), (1, 1), "{first}");
    all.pass(1);
    let plan = all.plan().await;
    let own = entry(&plan, "1");
    assert_eq!((own.action, own.runs(), own.is_held()), (Action::Create, false, true), "{plan}");
    assert_eq!(own.until, Some(time::macros::datetime!(2026-01-05 14:00 UTC)));
    for text in ["failed once", "not to its liking", "tried again from 2026-01-05 14:00 UTC", "WAITING"] {
        assert!(plan.to_string().contains(text) || own.to_string().contains(text), "{text}: {plan}\n{own}");
    }
    assert!(plan.is_converged(), "nothing is to be written now");
    let report = all.job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!((report.outcome(OutcomeKind::Held), &report.status), (1, &RunStatus::NeedsAttention), "{report}");
    assert!(matches!(&report.troubles[0].outcome, Outcome::Held { reason } if reason.contains("14:00")), "{report:?}");
    assert_eq!(report.sync_status().failed, 1);
    let explanation = all.job.explain("1").await.expect("an explanation")[0].to_string();
    assert!(explanation.contains("failed once") && explanation.contains("14:00"), "{explanation}");
    assert!(!all.job.explain("2").await.expect("an explanation")[0].to_string().contains("failed"));
}

#[tokio::test]
async fn what_changed_is_tried_at_once() {
    let all = Failing::new(2);
    _ = all.run().await;
    all.refuse(|change| matches!(change.operation, Operation::Update { .. }).then(refused));
    all.title("1", "Bad");
    assert_eq!(all.writes_in(all.run()).await, 1);
    assert_eq!(all.writes_in(all.run()).await, 0);
    all.title("1", "Also bad");
    assert_eq!(all.writes_in(all.run()).await, 1, "another record is another attempt");
    all.pass(6);
    assert_eq!(all.writes_in(all.run()).await, 1, "and begins anew: six hours");
    all.pass(6);
    assert_eq!(all.writes_in(all.run()).await, 0, "then twelve");
    // Back to what it was: nothing is to be done, and nothing is remembered.
    all.title("1", "Clerk");
    assert!(all.plan().await.entries().is_empty());
    _ = all.run().await;
    assert_eq!(rows(&all.world.state).await, 0);
}

#[tokio::test]
async fn one_object_by_name_is_tried_at_once() {
    let all = Failing::new(2);
    all.refuse_bad_titles();
    all.title("1", "Bad");
    _ = all.run().await;
    let one = || all.job.run(Run::one("1"), Apply::new());
    assert_eq!(all.writes_in(one()).await, 1);
    all.pass(6);
    assert_eq!(all.writes_in(all.run()).await, 0, "the second failure by hand counts as one");
    all.pass(6);
    assert_eq!(all.writes_in(all.run()).await, 1);
}

#[tokio::test]
async fn a_disable_never_waits() {
    let all = Failing::new(2);
    _ = all.run().await;
    all.pass(1);
    all.refuse(|change| matches!(change.operation, Operation::Update { .. }).then(refused));
    all.title("1", "Bad");
    _ = all.run().await;
    assert!(all.world.hr.set(&ObjectId::user("1"), "active", false));
    for attempt in 0..3 {
        assert!(all.writes_in(all.run()).await > 0, "attempt {attempt}");
    }
    all.refuse(|change| gives_title(change, "Bad").then(refused));
    _ = all.run().await;
    assert!(!all.world.is_active("1"), "the title fails still, and he is switched off");
    // A leaver too, whose disable failed.
    all.refuse(|change| matches!(change.operation, Operation::Update { .. }).then(refused));
    all.world.hr.remove(&ObjectId::user("2"));
    for attempt in 0..3 {
        assert_eq!(all.writes_in(all.run()).await, 1, "attempt {attempt}: {:?}", all.spy.log());
    }
}

#[tokio::test]
async fn who_leaves_or_is_mended_leaves_nothing_behind() {
    let all = Failing::new(3);
    all.refuse_bad_titles();
    ["1", "2"].iter().for_each(|id| all.title(id, "Bad"));
    _ = all.run().await;
    assert_eq!(rows(&all.world.state).await, 2);
    // A plan in which one was merely not picked says nothing of him.
    let chosen = all.plan().await.select(|entry| &*entry.key.id == "2");
    _ = all.job.apply(&chosen, Apply::new()).await.expect("a report");
    assert_eq!(rows(&all.world.state).await, 2);
    // Nor does a run that looked at the other alone.
    _ = all.job.run(Run::full().filter(eq("id", "2")), Apply::new()).await.expect("a report");
    assert_eq!(rows(&all.world.state).await, 2);
    // He is gone before he ever came.
    all.world.hr.remove(&ObjectId::user("1"));
    all.world.hr.end_reads(entrant::model::Completeness::Partial { reason: "broken".to_owned() });
    _ = all.run().await;
    assert_eq!(rows(&all.world.state).await, 2, "a read that broke off says nothing either");
    all.world.hr.end_reads(entrant::model::Completeness::Complete);
    _ = all.run().await;
    assert_eq!(rows(&all.world.state).await, 1);
    // Something else stands in the way now; once that is mended he is tried at once.
    assert!(all.world.hr.set(&ObjectId::user("2"), "name", "A name far longer than is allowed"));
    assert!(entry(&all.plan().await, "2").is_blocked());
    _ = all.run().await;
    assert_eq!(rows(&all.world.state).await, 0);
    assert!(all.world.hr.set(&ObjectId::user("2"), "name", "Person 2"));
    assert_eq!(all.writes_in(all.run()).await, 1);
}

#[tokio::test]
async fn a_target_that_cannot_be_reached_is_no_reason_to_wait() {
    for kind in [ErrorKind::Unavailable, ErrorKind::Throttled, ErrorKind::TimedOut, ErrorKind::Transport] {
        let all = Failing::new(2);
        _ = all.run().await;
        all.title("1", "Chief");
        all.refuse(move |_| Some(Error::new(kind, "come back later").with_retry(Retry::Later)));
        assert_eq!(all.run().await.outcome(OutcomeKind::Failed), 1, "{kind:?}");
        assert_eq!(rows(&all.world.state).await, 0, "{kind:?}");
        all.refuse(|_| None);
        assert_eq!(all.run().await.status, RunStatus::Complete, "{kind:?}");
    }
}

#[tokio::test]
async fn an_object_whose_values_wait_gets_its_licences_and_references() {
    let people = [org::person("1"), org::person("2"), org::group("a", &[])];
    let org = Org::new(people);
    _ = org.settle().await;
    let spy = Spy::new(&org.directory);
    let job = org.builder(org::users(), Preferences::default()).target(spy.clone()).build().expect("the job is sound");
    spy.refuses(|change| {
        let Operation::Update { attributes, .. } = &change.operation else { return None };
        (attributes.get("title") == Some(&Value::text("Bad"))).then(refused)
    });
    org.set("1", "title", "Bad");
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    org.set("1", "sku", texts(&["E3"]));
    org.set("1", "manager", "2");
    let plan = org::plan(&job).await;
    assert!(entry(&plan, "1").is_held() && entry(&plan, "1").runs(), "{plan}");
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!((org.licenses("1"), org.refers("1", "manager")), (vec!["e3".to_owned()], vec!["2".to_owned()]));
    let plan = org::plan(&job).await;
    assert_eq!((entry(&plan, "1").action, entry(&plan, "1").is_held()), (Action::Report, true), "{plan}");
    assert!(problems(&plan, "1")[0].contains("title not written: failed once"), "{plan}");
}

#[tokio::test]
async fn licences_wait_by_themselves_and_references_never() {
    let org = Org::new([org::person("1").with("sku", texts(&["E3"])), org::person("2"), org::group("a", &["2"])]);
    let spy = Spy::new(&org.directory);
    let job = org.builder(org::users(), Preferences::default()).target(spy.clone()).build().expect("the job is sound");
    spy.refuses(|change| matches!(change.operation, Operation::Elements { .. }).then(refused));
    let run = || job.run(Run::full(), Apply::new());
    let first = run().await.expect("a report");
    assert_eq!(first.outcome(OutcomeKind::Failed), 2, "{first}");
    let begun = spy.log().len();
    org.set("1", "title", "Chief");
    let plan = org::plan(&job).await;
    assert!(entry(&plan, "1").is_held() && entry(&plan, "1").licenses().is_none(), "{plan}");
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    let log = spy.log()[begun..].to_vec();
    assert_eq!(log.len(), 2, "the title and the member, not the licence: {log:?}");
    assert_eq!(org.find("1").get("title"), Some(&"Chief".into()));
    // Another licence is another matter.
    org.set("1", "sku", texts(&["F3"]));
    assert!(!entry(&org::plan(&job).await, "1").is_held());
    spy.refuses(|_| None);
    _ = run().await.expect("a report");
    assert_eq!((org.licenses("1"), org.refers("Group a", "members")), (vec!["f3".to_owned()], vec!["2".to_owned()]));
    assert_eq!(rows(&org.state).await, 0);
}

#[tokio::test]
async fn a_job_of_which_too_much_fails_plans_and_applies_nothing_until_it_is_released() {
    for (people, bad, quarantined) in [(100, 40, false), (100, 41, true), (99, 99, false)] {
        let all = Failing::new(people);
        all.refuse_bad_titles();
        (1..=bad).for_each(|id: u32| all.title(&id.to_string(), "Bad"));
        let report = all.run().await;
        let case = format!("{bad} of {people}");
        assert_eq!(matches!(report.status, RunStatus::Quarantined { .. }), quarantined, "{case}: {report}");
        let state = all.job.quarantine().await.expect("the state is read");
        assert_eq!(state.is_some(), quarantined, "{case}");
        if !quarantined {
            _ = all.job.apply(&all.plan().await, Apply::new()).await.expect(&case);
            continue;
        }
        assert!(report.to_string().contains("41 of 100 writes of a run failed"), "{report}");
        all.refuse(|_| None);
        all.world.hr.push(person("new"));
        let plan = all.plan().await;
        assert_eq!(entry(&plan, "new").action, Action::Create, "it plans");
        let every = Guard::ALL.iter().fold(Apply::new(), |apply, guard| apply.lift(*guard));
        let error = all.job.apply(&plan, every).await.expect_err("it does not apply");
        assert_eq!(error.kind(), ErrorKind::Quarantined);
        for text in ["41 of 100", "since=2026-01-05 08:00 UTC", "Job::release()", "job=staff"] {
            assert!(error.to_string().contains(text), "{text}: {error}");
        }
        let another = all.world.builder(Preferences::default()).build().expect("the job is sound");
        let error = another.run(Run::full(), Apply::new()).await.expect_err("nor after a restart");
        assert_eq!(error.kind(), ErrorKind::Quarantined);
        all.job.release().await.expect("released");
        assert_eq!(all.job.quarantine().await.expect("the state is read"), None);
        let report = all.run().await;
        assert_eq!((report.outcome(OutcomeKind::Applied), &report.status), (42, &RunStatus::Complete), "{report}");
    }
}

#[tokio::test]
async fn refused_credentials_stop_a_run_and_the_job() {
    let all = Failing::new(450);
    let mut left = 150;
    all.refuse(move |_| {
        left -= 1;
        (left < 0).then(|| Error::new(ErrorKind::Unauthenticated, "AADSTS7000222: the secret expired"))
    });
    let report = all.run().await;
    assert!(
        matches!(&report.status, RunStatus::Quarantined { reason } if reason.contains("AADSTS7000222")),
        "{report}"
    );
    assert_eq!(all.spy.log().len(), 200, "what was under way, and no more");
    assert_eq!(report.outcome(OutcomeKind::Applied), 150);
    assert_eq!((report.outcome(OutcomeKind::Failed), report.outcome(OutcomeKind::Pending)), (50, 250), "{report}");
    assert_eq!(all.job.plan(Run::full()).await.expect("it plans").count(Action::Create), 300, "nobody waits for it");
    let error = all.job.run(Run::full(), Apply::new()).await.expect_err("it applies nothing");
    assert_eq!(error.kind(), ErrorKind::Quarantined);
    all.refuse(|_| None);
    all.job.release().await.expect("released");
    assert_eq!(all.run().await.status, RunStatus::Complete);
    // A refusal that a retry may heal is none.
    all.title("1", "Chief");
    all.refuse(|_| Some(Error::new(ErrorKind::Unauthenticated, "later").with_retry(Retry::Later)));
    assert_eq!(all.run().await.status, RunStatus::NeedsAttention);
    assert_eq!(all.job.quarantine().await.expect("the state is read"), None);
}

#[tokio::test]
async fn credentials_that_are_refused_while_planning_put_the_job_in_quarantine() {
    let all = Failing::new(2);
    all.spy.forbids_to_ask(Error::new(ErrorKind::Unauthenticated, "AADSTS7000215: the secret is wrong"));
    let error = all.job.plan(Run::full()).await.expect_err("no plan");
    assert_eq!(
        (error.kind(), rows(&all.world.state).await),
        (ErrorKind::Unauthenticated, 0),
        "planning writes nothing"
    );
    let error = all.job.run(Run::full(), Apply::new()).await.expect_err("no run");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "the error is what it was");
    let quarantine = all.job.quarantine().await.expect("the state is read").expect("in quarantine");
    assert!(quarantine.reason.contains("AADSTS7000215"), "{quarantine:?}");
    let class = Class::USER;
    assert!(all.world.directory.records().iter().all(|record| record.id.class != class), "nothing was written");
}
