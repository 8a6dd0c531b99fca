//! Incremental runs: what they look at, what they leave, and where the next one goes on.

use std::time::Duration;

use entrant::job::{Apply, OutcomeKind, Report, Run, RunStatus};
use entrant::model::{ObjectId, Operation, eq};
use entrant::reconcile::{Action, Evidence, Guard, Guards, Leaver, Plan, Preferences, Situation, days};
use entrant::store::{Capabilities, GetSupport, WriteFault};
use entrant::{Job, Mapping, Record, Value};

use super::tracked::{Manners, Tracked};
use super::world::{World, account, entry, has_problem, mapping, person};

/// A world whose two stores tell what changed.
struct Feeds {
    world: World,
    hr: Tracked,
    directory: Tracked,
}

impl Feeds {
    fn new(people: impl IntoIterator<Item = Record>) -> Self {
        let world = World::new(people);
        Self { hr: Tracked::new(&world.hr), directory: Tracked::new(&world.directory), world }
    }

    fn job_with(&self, preferences: Preferences) -> Job {
        let builder = self.world.builder(preferences).guards(Guards::default());
        builder.source(self.hr.clone()).target(self.directory.clone()).build().expect("the job is sound")
    }

    fn job(&self) -> Job {
        self.job_with(Preferences::default())
    }

    /// Three people with accounts, and a feed that has nothing more to tell.
    async fn settled() -> Self {
        let feeds = Self::new(["1", "2", "3"].map(person));
        feeds.quiet(&feeds.job()).await;
        feeds
    }

    /// Runs until there is nothing to tell.
    async fn quiet(&self, job: &Job) {
        self.run(job, Run::full()).await;
        self.world.clock.advance(Duration::from_secs(3600));
        self.run(job, Run::incremental()).await;
        self.clear();
    }

    /// Forgets what was read and asked so far.
    fn clear(&self) {
        for store in [&self.hr, &self.directory] {
            store.reads();
            store.asked();
        }
    }

    async fn run(&self, job: &Job, run: Run) -> Report {
        job.run(run, Apply::new()).await.expect("the run works")
    }

    async fn plan(&self, job: &Job) -> Plan {
        job.plan(Run::incremental()).await.expect("a plan")
    }
}

/// How many objects a plan looked at.
fn looked_at(plan: &Plan) -> u64 {
    plan.situations().values().sum()
}

/// Why a plan is a full one.
fn why_full(plan: &Plan) -> Option<&str> {
    plan.problems().iter().find(|problem| problem.rule == "full-run").map(|problem| problem.message.as_str())
}

fn user(id: &str) -> ObjectId {
    ObjectId::user(id)
}

#[tokio::test]
async fn the_first_run_is_a_full_one_and_later_ones_look_at_what_changed() {
    let feeds = Feeds::new(["1", "2", "3"].map(person));
    let job = feeds.job();
    let first = feeds.plan(&job).await;
    assert!(why_full(&first).expect("a reason").contains("applied as a whole before"), "{first}");
    assert!(first.to_string().contains("an incremental run was asked for"), "{first}");
    assert!(first.markdown().to_string().contains("an incremental run was asked for"));
    assert!(first.html().to_string().contains("an incremental run was asked for"));
    let report = job.apply(&first, Apply::new()).await.expect("a report");
    assert!(report.to_string().contains("an incremental run was asked for"), "{report}");
    assert_eq!((feeds.hr.reads(), feeds.directory.reads()), (vec!["whole"], vec!["whole"]));

    // What the job wrote itself comes back in the feed, is compared, and makes no entry.
    let echo = feeds.plan(&job).await;
    assert_eq!((why_full(&echo), looked_at(&echo), echo.entries().len()), (None, 3, 0), "{echo}");
    job.apply(&echo, Apply::new()).await.expect("a report");
    assert_eq!((feeds.hr.reads(), feeds.directory.reads()), (vec!["changes"], vec!["changes"]));

    let quiet = feeds.plan(&job).await;
    assert_eq!((looked_at(&quiet), quiet.entries().len()), (0, 0), "{quiet}");
    assert!(quiet.to_string().contains("all that changed"), "{quiet}");

    feeds.world.hr.set(&user("2"), "title", "Chief");
    let plan = feeds.plan(&job).await;
    assert_eq!((looked_at(&plan), plan.count(Action::Update)), (1, 1), "{plan}");
    job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(feeds.world.account_of("2").get("jobTitle"), Some(&Value::text("Chief")));
}

#[tokio::test]
async fn joiners_and_leavers_are_told_by_the_feed() {
    let feeds = Feeds::settled().await;
    let job = feeds.job();
    feeds.world.hr.push(person("4"));
    feeds.world.hr.remove(&user("3"));
    feeds.world.hr.push(person("5"));
    feeds.world.hr.remove(&user("5"));
    let plan = feeds.plan(&job).await;
    assert_eq!((plan.count(Action::Create), plan.count(Action::Disable)), (1, 1), "{plan}");
    assert_eq!(entry(&plan, "3").evidence, Some(Evidence::Deleted));
    assert!(plan.to_string().contains("the source says that it was deleted"), "{plan}");
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert!(!feeds.world.is_active("3"));
    feeds.world.clock.advance(Duration::from_secs(3600));
    feeds.run(&job, Run::incremental()).await;
    assert!(feeds.plan(&job).await.is_converged());
    assert!(job.plan(Run::full()).await.expect("a plan").is_converged());
}

#[tokio::test]
async fn what_others_did_in_the_target_is_put_right() {
    let feeds = Feeds::settled().await;
    let job = feeds.job();
    let (edited, gone) = (feeds.world.account_of("1").id, feeds.world.account_of("2").id);
    feeds.world.directory.set(&edited, "jobTitle", "Emperor");
    feeds.world.write(Operation::Delete { id: gone }).await;
    feeds.world.directory.push(account("stranger", None));
    let plan = feeds.plan(&job).await;
    assert_eq!(looked_at(&plan), 2, "{plan}");
    assert_eq!(entry(&plan, "1").action, Action::Update, "{plan}");
    assert_eq!(entry(&plan, "2").situation, Situation::RecycleBin, "{plan}");
    job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(feeds.world.account_of("1").get("jobTitle"), Some(&Value::text("Clerk")));
}
