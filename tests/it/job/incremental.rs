//! Incremental runs: what they look at, what they leave, and where the next one goes on.

use std::time::Duration;

use entrant::job::{Apply, JobBuilder, OutcomeKind, Report, Run, RunStatus};
use entrant::model::{ObjectId, Operation, eq};
use entrant::reconcile::{Action, Enable, Evidence, Guard, Leaver, Plan, Policy, Preferences, Situation, days};
use entrant::store::{Capabilities, GetSupport, WriteFault};
use entrant::{Job, Mapping, Record, Value};

use super::tracked::{Manners, Tracked};
use super::world::{World, account, entry, mapping, person};

/// A world whose two stores tell what changed.
pub(super) struct Feeds {
    pub(super) world: World,
    pub(super) hr: Tracked,
    pub(super) directory: Tracked,
}

impl Feeds {
    pub(super) fn new(people: impl IntoIterator<Item = Record>) -> Self {
        let world = World::new(people);
        Self { hr: Tracked::new(&world.hr), directory: Tracked::new(&world.directory), world }
    }

    pub(super) fn builder(&self, preferences: Preferences) -> JobBuilder {
        self.world.builder(preferences).source(self.hr.clone()).target(self.directory.clone())
    }

    pub(super) fn job_with(&self, preferences: Preferences) -> Job {
        self.builder(preferences).build().expect("the job is sound")
    }

    /// A job with a mapping of its own.
    pub(super) fn job_of(&self, mapping: Mapping) -> Job {
        let world = &self.world;
        let builder = Job::builder("staff").source(self.hr.clone()).target(self.directory.clone()).mapping(mapping);
        let builder = builder.policy(Policy::outbound(Preferences::default())).passwords(world.sink.clone());
        builder.state(world.state.clone()).clock(world.clock.clone()).build().expect("the job is sound")
    }

    /// The one account in the recycle bin.
    pub(super) fn deleted(&self) -> ObjectId {
        user("t1")
    }

    pub(super) fn job(&self) -> Job {
        self.job_with(Preferences::default())
    }

    /// Three people with accounts, and a feed that has nothing more to tell.
    pub(super) async fn settled() -> Self {
        let feeds = Self::new(["1", "2", "3"].map(person));
        feeds.quiet(&feeds.job()).await;
        feeds
    }

    /// Runs until there is nothing to tell.
    pub(super) async fn quiet(&self, job: &Job) {
        _ = self.run(job, Run::full()).await;
        self.world.clock.advance(Duration::from_secs(3600));
        _ = self.run(job, Run::incremental()).await;
        self.clear();
    }

    /// Forgets what was read and asked so far.
    pub(super) fn clear(&self) {
        for store in [&self.hr, &self.directory] {
            store.reads();
            store.asked();
        }
    }

    pub(super) async fn run(&self, job: &Job, run: Run) -> Report {
        job.run(run, Apply::new()).await.expect("the run works")
    }

    pub(super) async fn plan(&self, job: &Job) -> Plan {
        job.plan(Run::incremental()).await.expect("a plan")
    }
}

/// How many objects a plan looked at.
pub(super) fn looked_at(plan: &Plan) -> u64 {
    plan.situations().values().sum()
}

/// Why a plan is a full one.
pub(super) fn why_full(plan: &Plan) -> Option<&str> {
    plan.problems().iter().find(|problem| problem.rule == "full-run").map(|problem| problem.message.as_str())
}

pub(super) fn user(id: &str) -> ObjectId {
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
    _ = job.apply(&echo, Apply::new()).await.expect("a report");
    assert_eq!((feeds.hr.reads(), feeds.directory.reads()), (vec!["changes"], vec!["changes"]));

    let quiet = feeds.plan(&job).await;
    assert_eq!((looked_at(&quiet), quiet.entries().len()), (0, 0), "{quiet}");
    assert!(quiet.to_string().contains("all that changed"), "{quiet}");

    feeds.world.hr.set(&user("2"), "title", "Chief");
    let plan = feeds.plan(&job).await;
    assert_eq!((looked_at(&plan), plan.count(Action::Update)), (1, 1), "{plan}");
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
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
    _ = feeds.run(&job, Run::incremental()).await;
    assert!(feeds.plan(&job).await.is_converged());
    assert!(job.plan(Run::full()).await.expect("a plan").is_converged());
}

#[tokio::test]
async fn whoever_joins_is_looked_for_in_all_of_the_target() {
    let feeds = Feeds::new(["1", "2", "3"].map(person));
    feeds.world.directory.push(account("before", Some("4")));
    let job = feeds.job();
    feeds.quiet(&job).await;
    feeds.world.directory.push(account("another", None));
    feeds.world.hr.push(person("4"));
    feeds.world.hr.push(person("5").with("login", "panother@contoso.com"));
    let plan = feeds.plan(&job).await;
    assert_eq!(plan.count(Action::Create), 0, "{plan}");
    assert_eq!(entry(&plan, "4").target, Some(user("before")), "{plan}");
    assert_eq!(entry(&plan, "5").target, Some(user("another")), "{plan}");
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
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(feeds.world.account_of("1").get("jobTitle"), Some(&Value::text("Clerk")));
}

#[tokio::test]
async fn a_full_run_takes_its_place_where_going_on_is_not_safe() {
    let expired = Manners { expired: true, ..Manners::default() };
    type Spoil = fn(&Feeds, Job) -> Job;
    #[rustfmt::skip]
    let table: [(&str, &str, Spoil); 8] = [
        ("the policy changed", "the policy", |feeds, _| feeds.job_with(Preferences::default().with_enable(Enable::Never))),
        ("the mapping changed", "the mapping", |feeds, _| feeds.job_of(mapping().match_on("displayName"))),
        ("the scope changed", "its scope", |feeds, _| feeds.job_of(mapping().scope(entrant::model::ne("title", "Boss")))),
        ("a parameter changed", "a parameter", |feeds, _| {
            feeds.builder(Preferences::default()).parameter("Domain", "contoso.com").build().expect("the job is sound")
        }),
        ("the source takes its cursor no longer", "hr no longer takes its cursor", |feeds, job| {
            feeds.hr.behaves(Manners { expired: true, ..Manners::default() });
            job
        }),
        ("the target cannot be asked by value", "both by id and by value", |feeds, _| {
            let capabilities = Capabilities::default().with_get(GetSupport::Authoritative);
            let directory = Tracked::new(&feeds.world.directory.clone().with_capabilities(capabilities));
            feeds.builder(Preferences::default()).target(directory).build().expect("the job is sound")
        }),
        ("another tenant", "another tenant", |feeds, job| {
            let capabilities = Capabilities::default().with_get(GetSupport::Authoritative).with_find().with_recycle_bin();
            let world = &feeds.world;
            _ = world.directory.clone().with_capabilities(capabilities.with_tenant("fabrikam"));
            job
        }),
        ("waiting objects that cannot be asked for", "cannot be asked for them by id", |feeds, job| {
            feeds.world.directory.set(&feeds.world.account_of("1").id, "jobTitle", "Emperor");
            _ = feeds.world.hr.clone().with_capabilities(Capabilities::default());
            job
        }),
    ];
    for (what, expected, spoil) in table {
        let feeds = Feeds::settled().await;
        let job = spoil(&feeds, feeds.job());
        let plan = feeds.plan(&job).await;
        assert!(why_full(&plan).is_some_and(|why| why.contains(expected)), "{what}: {plan}");
        assert_eq!(plan.reads().iter().map(|read| read.changes).collect::<Vec<_>>(), [false, false], "{what}");
        assert!(looked_at(&plan) >= 3, "{what}: {plan}");
    }
    let feeds = Feeds::settled().await;
    feeds.directory.behaves(expired);
    let plan = feeds.plan(&feeds.job()).await;
    assert!(why_full(&plan).is_some_and(|why| why.contains("directory no longer takes its cursor")), "{plan}");
}

#[tokio::test]
async fn so_much_that_a_full_run_is_cheaper_is_a_full_run() {
    let feeds = Feeds::new((0..1_100).map(|id| person(&format!("{id}"))));
    let job = feeds.job();
    _ = feeds.run(&job, Run::full()).await;
    let plan = feeds.plan(&job).await;
    assert!(why_full(&plan).is_some_and(|why| why.contains("cheaper all at once")), "{}", plan.summary());
    assert!(
        why_full(&plan).is_some_and(|why| why.contains("the source told of 0,")),
        "the target told of its own writes"
    );
    feeds.world.clock.advance(Duration::from_secs(3600));
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    let plan = feeds.plan(&job).await;
    assert_eq!((why_full(&plan), looked_at(&plan)), (None, 0), "{}", plan.summary());
}

#[tokio::test]
async fn what_is_not_done_is_looked_at_again_until_it_is() {
    type Hinder = fn(&Feeds);
    type Mend = fn(&Feeds);
    #[rustfmt::skip]
    let table: [(&str, Preferences, Hinder, Mend, &str); 7] = [
        ("a write that failed", Preferences::default(),
            |feeds| { feeds.world.hr.set(&user("1"), "title", "Chief"); feeds.world.directory.fail_write(1, WriteFault::Refused); },
            |_| {}, "1"),
        ("a create that was refused", Preferences::default(),
            |feeds| { feeds.world.hr.push(person("4")); feeds.world.directory.fail_write(1, WriteFault::Refused); },
            |_| {}, "4"),
        ("one who was not created", Preferences::default().without_create(),
            |feeds| feeds.world.hr.push(person("4")),
            |feeds| feeds.world.directory.push(account("new", Some("4"))), "4"),
        ("a name that another holds", Preferences::default(),
            |feeds| { feeds.world.hr.set(&user("1"), "login", "taken@contoso.com"); feeds.world.directory.push(account("other", None).with("userPrincipalName", "taken@contoso.com")); },
            |feeds| feeds.world.directory.remove(&user("other")), "1"),
        ("two who match", Preferences::default(),
            |feeds| { feeds.world.hr.push(person("4")); feeds.world.directory.push(account("a", Some("4"))); feeds.world.directory.push(account("b", Some("4")).with("userPrincipalName", "other@contoso.com")); },
            |feeds| feeds.world.directory.remove(&user("b")), "4"),
        ("an account in the recycle bin", Preferences::default(),
            |feeds| { let id = feeds.world.account_of("1").id; futures::executor::block_on(feeds.world.write(Operation::Delete { id })); },
            |feeds| { let id = feeds.deleted(); futures::executor::block_on(feeds.world.write(Operation::Restore { id })); }, "1"),
        ("what adoption held back", Preferences::default(),
            |feeds| { feeds.world.hr.push(person("4").with("active", false)); feeds.world.directory.push(account("new", Some("4"))); },
            |_| {}, "4"),
    ];
    for (what, preferences, hinder, mend, id) in table {
        let feeds = Feeds::new(["1", "2", "3"].map(person));
        let job = feeds.job_with(preferences);
        for id in ["1", "2", "3"] {
            feeds.world.directory.push(account(&format!("t{id}"), Some(id)));
        }
        _ = job.run(Run::full(), Apply::new().lift(Guard::Adopt)).await.expect("a run");
        feeds.world.clock.advance(days(2));
        _ = feeds.run(&job, Run::incremental()).await;
        hinder(&feeds);
        _ = feeds.run(&job, Run::incremental()).await;
        // Nothing changes any more, and it is looked at all the same; twice, so that its own change is told no more. What
        // failed is not held back any more.
        feeds.world.clock.advance(Duration::from_secs(7 * 3600));
        if what != "what adoption held back" && !what.starts_with("a write") && !what.starts_with("a create") {
            _ = feeds.run(&job, Run::incremental()).await;
            let plan = feeds.plan(&job).await;
            assert_eq!((why_full(&plan), looked_at(&plan)), (None, 1), "{what}: {plan}");
            mend(&feeds);
        }
        let plan = feeds.plan(&job).await;
        let confirms = plan.situations().get(&Situation::Confirmed) == Some(&1);
        let listed = plan.entries().iter().any(|entry| &*entry.key.id == id);
        assert!(why_full(&plan).is_none() && (listed || confirms), "{what}: {plan}");
        let report = job.apply(&plan, Apply::new()).await.expect("a report");
        assert_eq!(report.status, RunStatus::Complete, "{what}: {plan}{report}");
        feeds.world.clock.advance(Duration::from_secs(3600));
        _ = feeds.run(&job, Run::incremental()).await;
        let quiet = feeds.plan(&job).await;
        assert_eq!((why_full(&quiet), looked_at(&quiet)), (None, 0), "{what}: {quiet}");
        assert!(job.plan(Run::full()).await.expect("a plan").is_converged(), "{what}");
    }
}

#[tokio::test]
async fn a_value_that_can_never_be_written_is_looked_at_again_only_when_it_changes() {
    let feeds = Feeds::settled().await;
    let job = feeds.job();
    feeds.world.hr.set(&user("1"), "name", "A name that is far longer than twenty characters");
    feeds.world.hr.set(&user("1"), "title", "Chief");
    let plan = feeds.plan(&job).await;
    assert!(plan.entries().iter().any(|entry| entry.problems.iter().any(|own| own.rule == "too-long")), "{plan}");
    feeds.quiet(&job).await;
    let plan = feeds.plan(&job).await;
    assert_eq!((why_full(&plan), looked_at(&plan)), (None, 0), "{plan}");
    assert!(!job.plan(Run::full()).await.expect("a plan").entries().is_empty(), "a full run tells of it each time");
    feeds.world.hr.set(&user("1"), "name", "A short name");
    _ = feeds.run(&job, Run::incremental()).await;
    assert_eq!(feeds.world.account_of("1").get("displayName"), Some(&Value::text("A short name")));
    assert_eq!(feeds.world.account_of("1").get("jobTitle"), Some(&Value::text("Chief")));
}

#[tokio::test]
async fn the_steps_of_leaving_go_on_without_a_change() {
    let feeds = Feeds::new(["1", "2", "3"].map(person));
    let leaver = Leaver::disable().then_delete(days(30));
    let job = feeds.job_with(Preferences::default().with_source_deleted(leaver));
    feeds.quiet(&job).await;
    feeds.world.hr.remove(&user("1"));
    _ = feeds.run(&job, Run::incremental()).await;
    assert!(!feeds.world.is_active("1"));
    for day in 1..30 {
        feeds.world.clock.advance(days(1));
        let plan = feeds.plan(&job).await;
        assert_eq!((looked_at(&plan), entry(&plan, "1").action), (1, Action::Wait), "day {day}: {plan}");
        _ = job.apply(&plan, Apply::new()).await.expect("a report");
    }
    feeds.world.clock.advance(days(1));
    let plan = feeds.plan(&job).await;
    assert_eq!(entry(&plan, "1").action, Action::Delete, "{plan}");
    assert_eq!(entry(&plan, "1").evidence, Some(Evidence::NotFoundById));
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(feeds.world.directory.records().len(), 2);
    _ = feeds.run(&job, Run::incremental()).await;
    assert_eq!(looked_at(&feeds.plan(&job).await), 0);
}

#[tokio::test]
async fn only_those_for_whom_the_mapping_looked_at_the_clock_are_looked_at_again() {
    let people = [
        person("1").with("ends", Value::Null),
        person("2").with("ends", "2026-02-01T00:00:00Z"),
        person("3").with("ends", Value::Null),
    ];
    let feeds = Feeds::new(people);
    let ended = r#"IIF(IsNullOrEmpty([ends]), "True", IIF(DateDiff("d", Now(), CDate([ends])) > 0, "True", "False"))"#;
    let job = feeds.job_of(
        Mapping::users()
            .attribute("userPrincipalName", "login")
            .attribute("employeeId", "id")
            .attribute("displayName", "name")
            .expression("active", ended)
            .expect("an expression")
            .generate_password()
            .match_on("employeeId"),
    );
    feeds.quiet(&job).await;
    let plan = feeds.plan(&job).await;
    assert_eq!((looked_at(&plan), plan.entries().len()), (1, 0), "{plan}");
    feeds.world.clock.advance(days(40));
    let plan = feeds.plan(&job).await;
    assert_eq!((looked_at(&plan), entry(&plan, "2").action), (1, Action::Disable), "{plan}");
}

#[tokio::test]
async fn nothing_but_a_whole_plan_moves_on() {
    type Look = fn(&Feeds) -> Run;
    type Narrow = fn(Plan) -> Plan;
    let select = |plan: Plan| plan.select(|entry| &*entry.key.id == "1");
    #[rustfmt::skip]
    let table: [(&str, Look, Narrow); 5] = [
        ("selected", |_| Run::incremental(), select),
        ("selected of a full one", |_| Run::full(), select),
        ("filtered", |_| Run::incremental().filter(eq("id", "1")), |plan| plan),
        ("one object", |_| Run::one("1"), |plan| plan),
        ("partial", |feeds| { feeds.hr.behaves(Manners { partial: true, ..Manners::default() }); Run::incremental() }, |plan| plan),
    ];
    for (what, run, narrow) in table {
        let feeds = Feeds::settled().await;
        let job = feeds.job();
        for id in ["1", "2"] {
            feeds.world.hr.set(&user(id), "title", "Chief");
        }
        let plan = narrow(job.plan(run(&feeds)).await.expect("a plan"));
        _ = job.apply(&plan, Apply::new()).await.expect("a report");
        assert_eq!(feeds.world.account_of("1").get("jobTitle"), Some(&Value::text("Chief")), "{what}");
        feeds.hr.behaves(Manners::default());
        let plan = feeds.plan(&job).await;
        assert_eq!((why_full(&plan), looked_at(&plan), plan.entries().len()), (None, 2, 1), "{what}: {plan}");
    }
    // All of it picked by hand is a whole plan.
    let feeds = Feeds::settled().await;
    let job = feeds.job();
    feeds.world.hr.set(&user("1"), "title", "Chief");
    _ = job.apply(&feeds.plan(&job).await.select(|_| true), Apply::new()).await.expect("a report");
    _ = feeds.run(&job, Run::incremental()).await;
    assert_eq!(looked_at(&feeds.plan(&job).await), 0);
}

#[tokio::test]
async fn a_guard_counts_as_in_a_full_run_and_what_it_stops_is_seen_again() {
    let feeds = Feeds::new((0..40).map(|id| person(&format!("{id}"))));
    let job = feeds.job();
    feeds.quiet(&job).await;
    feeds.world.clock.advance(days(2));
    for id in 0..5 {
        feeds.world.hr.remove(&user(&id.to_string()));
    }
    let (incremental, full) = (feeds.plan(&job).await, job.plan(Run::full()).await.expect("a plan"));
    let breaches = |plan: Plan| {
        let job = &job;
        async move { job.breaches(&plan).await.expect("breaches").iter().map(ToString::to_string).collect::<Vec<_>>() }
    };
    let (of_incremental, of_full) = (breaches(incremental.clone()).await, breaches(full).await);
    assert_eq!((of_incremental.len(), &of_incremental), (1, &of_full));
    assert!(of_full[0].contains("4 allowed with 40 linked"), "{of_full:?}");
    let report = job.apply(&incremental, Apply::new()).await.expect("a report");
    assert!(matches!(report.status, RunStatus::Stopped { .. }), "{report}");
    assert_eq!(feeds.plan(&job).await.count(Action::Disable), 5);
    // Who was made and deleted since counts too.
    let report = job.run(Run::incremental(), Apply::new().lift(Guard::Disable)).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    for id in 100..120 {
        feeds.world.hr.push(person(&id.to_string()));
    }
    _ = feeds.run(&job, Run::incremental()).await;
    let plan = feeds.plan(&job).await;
    assert_eq!(plan.linked(&entrant::model::Class::USER), 60, "{plan}");
    assert_eq!(job.plan(Run::full()).await.expect("a plan").linked(&entrant::model::Class::USER), 60);
}

#[tokio::test]
async fn a_crash_before_the_end_is_remembered_does_no_harm() {
    let feeds = Feeds::settled().await;
    let job = feeds.job();
    feeds.world.hr.set(&user("1"), "title", "Chief");
    feeds.world.hr.push(person("4"));
    let plan = feeds.plan(&job).await;
    let before = feeds.world.state.commits();
    // The last commit of the run is the one that says where to go on.
    let trial = Feeds::settled().await;
    trial.world.hr.set(&user("1"), "title", "Chief");
    trial.world.hr.push(person("4"));
    let (job_of_trial, began) = (trial.job(), trial.world.state.commits());
    _ = trial.run(&job_of_trial, Run::incremental()).await;
    let commits = trial.world.state.commits() - began;
    assert_eq!(feeds.world.state.commits(), before, "planning writes nothing");
    feeds.world.state.fail_commit(commits);
    job.apply(&plan, Apply::new()).await.expect_err("the state fails");
    assert_eq!(feeds.world.directory.records().len(), 4, "all was written");
    feeds.world.clock.advance(Duration::from_secs(3600));
    let again = feeds.plan(&job).await;
    assert_eq!((why_full(&again), looked_at(&again), again.entries().len()), (None, 2, 0), "{again}");
    _ = feeds.run(&job, Run::incremental()).await;
    assert_eq!(looked_at(&feeds.plan(&job).await), 0);
    // The very plan again finds everything done.
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(report.outcome(OutcomeKind::Failed), 0, "{report}");
    assert_eq!(feeds.world.directory.records().len(), 4);
}

#[tokio::test]
async fn an_older_plan_does_not_take_the_place_of_a_newer_one() {
    let feeds = Feeds::settled().await;
    let job = feeds.job();
    feeds.world.hr.set(&user("1"), "title", "Chief");
    let older = feeds.plan(&job).await;
    feeds.world.hr.push(person("4"));
    feeds.world.directory.fail_write(2, WriteFault::Refused);
    _ = feeds.run(&job, Run::incremental()).await;
    _ = job.apply(&older, Apply::new()).await.expect("a report");
    feeds.world.clock.advance(Duration::from_secs(7 * 3600));
    let plan = feeds.plan(&job).await;
    assert_eq!(plan.count(Action::Create) + plan.count(Action::Update), 1, "what failed is not forgotten: {plan}");
    // Nor does it lead back to what was dealt with since.
    let feeds = Feeds::settled().await;
    let job = feeds.job();
    let older = feeds.plan(&job).await;
    feeds.world.hr.push(person("4"));
    feeds.quiet(&job).await;
    _ = job.apply(&older, Apply::new()).await.expect("a report");
    assert_eq!(looked_at(&feeds.plan(&job).await), 0);
}

#[tokio::test]
async fn replays_disorder_and_doubled_changes_are_harmless() {
    let feeds = Feeds::settled().await;
    let job = feeds.job();
    let manners = Manners { replays: true, tells_all: true, ..Manners::default() };
    feeds.hr.behaves(manners);
    feeds.directory.behaves(manners);
    for round in 0..4 {
        feeds.world.hr.set(&user("1"), "title", format!("Chief {round}"));
        feeds.world.hr.remove(&user("2"));
        // A whole read in between sees that he is gone, and the feed tells it.
        feeds.plan(&job).await;
        feeds.world.hr.push(person("2").with("title", format!("Back {round}")));
        let plan = feeds.plan(&job).await;
        assert_eq!(plan.count(Action::Disable), 0, "he is back: {plan}");
        let report = job.apply(&plan, Apply::new()).await.expect("a report");
        assert_eq!(report.status, RunStatus::Complete, "{report}");
        assert_eq!(feeds.world.account_of("2").get("jobTitle"), Some(&Value::text(format!("Back {round}"))));
        feeds.world.clock.advance(Duration::from_secs(3600));
    }
    assert!(feeds.plan(&job).await.is_converged());
    assert!(job.plan(Run::full()).await.expect("a plan").is_converged());
}

#[tokio::test]
async fn what_is_gone_on_all_sides_is_counted_and_nothing_else() {
    let feeds = Feeds::settled().await;
    let job = feeds.job();
    feeds.world.hr.push(person("4").with("login", ""));
    // Told once as there, and then as gone.
    let seen = feeds.plan(&job).await;
    assert_eq!(entry(&seen, "4").action, Action::Create);
    assert!(entry(&seen, "4").is_blocked(), "{seen}");
    _ = job.apply(&seen, Apply::new()).await.expect("a report");
    feeds.world.hr.remove(&user("4"));
    let id = feeds.world.account_of("1").id;
    feeds.world.hr.remove(&user("1"));
    feeds.world.directory.remove(&id);
    let plan = feeds.plan(&job).await;
    assert_eq!(plan.situations().get(&Situation::AllGone), Some(&1), "{plan}");
    assert_eq!(entry(&plan, "1").action, Action::Unlink, "{plan}");
    assert_eq!(entry(&plan, "1").situation, Situation::LinkOnly);
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(looked_at(&feeds.plan(&job).await), 0);
}

#[tokio::test]
async fn who_is_gone_is_looked_at_again_once_nobody_comes_for_his_account_any_more() {
    let feeds = Feeds::settled().await;
    let job = feeds.job();
    feeds.world.hr.remove(&user("1"));
    feeds.world.hr.push(person("77").with("login", "p1@contoso.com"));
    let plan = feeds.plan(&job).await;
    assert_eq!(plan.situations().get(&Situation::Rekeyed), Some(&1), "{plan}");
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    assert!(feeds.world.is_active("1"));
    // It was another one after all, and gets a name of his own: of the first the feed says nothing more.
    feeds.world.hr.set(&user("77"), "login", "p77@contoso.com");
    feeds.clear();
    let plan = feeds.plan(&job).await;
    assert!(why_full(&plan).is_none(), "{plan}");
    assert_eq!((entry(&plan, "1").situation, entry(&plan, "1").action), (Situation::SourceMissing, Action::Disable));
    assert_eq!(entry(&plan, "77").action, Action::Create, "{plan}");
}

#[tokio::test]
async fn a_job_that_was_given_up_and_taken_up_again_begins_anew() {
    let feeds = Feeds::settled().await;
    let job = feeds.job();
    _ = job.run(Run::retire(), Apply::new()).await.expect("a report");
    job.reinstate().await.expect("taken up again");
    assert!(why_full(&feeds.plan(&job).await).is_some());
}

#[tokio::test]
async fn who_waits_and_cannot_be_said_to_be_gone_is_not_forgotten() {
    for (support, left) in [(GetSupport::Found, 1), (GetSupport::Authoritative, 0)] {
        let feeds = Feeds::settled().await;
        _ = feeds.world.hr.clone().with_capabilities(Capabilities::default().with_get(support));
        let job = feeds.job();
        feeds.world.hr.push(person("4").with("login", ""));
        _ = feeds.run(&job, Run::incremental()).await;
        // The feed does not say so.
        feeds.hr.behaves(Manners { forgets: true, ..Manners::default() });
        feeds.world.hr.remove(&user("4"));
        _ = feeds.run(&job, Run::incremental()).await;
        _ = feeds.run(&job, Run::incremental()).await;
        feeds.clear();
        feeds.plan(&job).await;
        assert_eq!(feeds.hr.asked().len(), left, "{support:?}");
    }
}

#[tokio::test]
async fn a_filter_looks_at_nobody_else_and_takes_nobody_for_gone() {
    let feeds = Feeds::settled().await;
    let job = feeds.job();
    feeds.world.hr.set(&user("1"), "title", "Chief");
    feeds.world.hr.set(&user("2"), "title", "Chief");
    feeds.world.hr.remove(&user("3"));
    let plan = job.plan(Run::incremental().filter(eq("id", "2"))).await.expect("a plan");
    assert_eq!((looked_at(&plan), plan.count(Action::Update)), (1, 1), "{plan}");
    assert_eq!(entry(&plan, "2").action, Action::Update);
}
