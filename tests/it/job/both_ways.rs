//! Two jobs of one link set that write what the other reads.

use std::time::Duration;

use entrant::clock::ManualClock;
use entrant::job::{Apply, Run, RunStatus};
use entrant::mapping::{FlowType, OnNull};
use entrant::model::{AttributeSchema, Class, ObjectId, Schema, eq};
use entrant::reconcile::{Enable, Guard, Plan, Policy, Preferences, Severity, Winner};
use entrant::store::{MemoryState, MemoryStore, WriteFault};
use entrant::{Job, Mapping, Record, Value};

const DAY: Duration = Duration::from_secs(24 * 3_600);

struct World {
    clock: ManualClock,
    table: MemoryStore,
    directory: MemoryStore,
    state: MemoryState,
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::at(time::macros::datetime!(2026-01-05 08:00 UTC));
        let text = AttributeSchema::text;
        let schema = Schema::new(Class::USER)
            .with("login", text().ignore_case().required().unique_in("login"))
            .with("title", text())
            .with("phone", text().with_max_length(10))
            .with("active", AttributeSchema::boolean().not_nullable())
            .with_status("active");
        let store = |name: &str| MemoryStore::new(name).with_schema(schema.clone()).with_clock(clock.clone());
        let (table, directory) = (store("table"), store("directory"));
        let ada = Record::new(ObjectId::user("1")).with("login", "ada").with("title", "Clerk").with("active", true);
        table.push(ada);
        Self { state: MemoryState::new().with_clock(clock.clone()), clock, table, directory }
    }

    fn job(&self, name: &str, is_import: bool, mapping: Mapping, policy: Policy) -> Job {
        let (source, target) = if is_import { (&self.directory, &self.table) } else { (&self.table, &self.directory) };
        Job::builder(name)
            .source(source.clone())
            .target(target.clone())
            .mapping(mapping)
            .policy(policy)
            .state(self.state.clone())
            .clock(self.clock.clone())
            .build()
            .expect("a job")
    }

    async fn settle(&self, job: &Job) -> Plan {
        let plan = job.plan(Run::full()).await.expect("a plan");
        _ = job.apply(&plan, lifted()).await.expect("a report");
        self.clock.advance(Duration::from_secs(3_600));
        plan
    }
}

/// There are so few people that each is too many to a guard.
fn lifted() -> Apply {
    Guard::ALL.iter().fold(Apply::new(), |apply, guard| apply.lift(*guard))
}

fn people(attributes: &[&'static str]) -> Mapping {
    let mapping = Mapping::users().match_on("login");
    attributes.iter().fold(mapping, |mapping, name| mapping.attribute(*name, *name))
}

fn warnings(plan: &Plan) -> Vec<String> {
    let warns = plan.problems().iter().filter(|problem| problem.rule == "both-ways");
    warns
        .map(|problem| {
            assert_eq!(problem.severity, Severity::Warning);
            problem.message.clone()
        })
        .collect()
}

#[tokio::test]
async fn a_plan_warns_of_a_job_that_writes_back_what_it_writes() {
    #[rustfmt::skip]
    let table = [
        (Winner::Source, &["login", "title", "active"][..], Some(": active, login, title;")),
        // Whether somebody is active follows the source in any case.
        (Winner::Target, &["login", "title", "active"], Some(": active;")),
        (Winner::Target, &["login", "title"], None),
        (Winner::Source, &["login", "phone"], Some(": login;")),
    ];
    for (winner, imported, expected) in table {
        let world = World::new();
        let export =
            world.job("export", false, people(&["login", "title", "active"]), Policy::outbound(Preferences::default()));
        let import = world.job("import", true, people(imported), Policy::inbound(winner));
        assert_eq!(warnings(&world.settle(&export).await), [""; 0], "nobody else is there");
        let heard = warnings(&world.settle(&import).await);
        assert_eq!(heard.len(), usize::from(expected.is_some()), "{heard:?}");
        assert_eq!(warnings(&world.settle(&export).await).len(), heard.len(), "the other says so too");
        if let (Some(expected), [heard]) = (expected, &heard[..]) {
            assert!(heard.contains("the job export ") && heard.contains(expected), "{heard}");
        }
    }
}

#[tokio::test]
async fn a_job_that_is_given_up_or_runs_no_more_is_no_warning() {
    for gives_up in [true, false] {
        let world = World::new();
        let policy = Policy::outbound(Preferences::default());
        let export = world.job("export", false, people(&["login", "title"]), policy);
        let import = world.job("import", true, people(&["login", "title"]), Policy::inbound(Winner::Source));
        _ = world.settle(&export).await;
        _ = world.settle(&import).await;
        assert_eq!(warnings(&world.settle(&export).await).len(), 1);
        match gives_up {
            true => _ = import.run(Run::retire(), Apply::new()).await.expect("a report"),
            false => world.clock.advance(DAY * 32),
        }
        assert_eq!(warnings(&world.settle(&export).await), [""; 0], "{gives_up}");
    }
}

/// Which side is edited, or which job runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Table,
    Directory,
}

const SIDES: [Side; 2] = [Side::Table, Side::Directory];

/// Two jobs that write the same attributes, in opposite directions, and have come to rest.
struct BothWays {
    world: World,
    export: Job,
    import: Job,
}

impl BothWays {
    async fn new(import: Policy) -> Self {
        let world = World::new();
        let mapping = || people(&["login", "title", "phone", "active"]).on_null("title", OnNull::Clear);
        let export = world.job("export", false, mapping(), Policy::outbound(Preferences::default()));
        let import = world.job("import", true, mapping(), import);
        let both = Self { world, export, import };
        both.settle().await;
        both
    }

    fn job(&self, side: Side) -> &Job {
        if side == Side::Table { &self.export } else { &self.import }
    }

    fn store(&self, side: Side) -> &MemoryStore {
        if side == Side::Table { &self.world.table } else { &self.world.directory }
    }

    async fn settle(&self) {
        for _ in 0..3 {
            _ = self.run(Side::Table).await;
            _ = self.run(Side::Directory).await;
        }
        for job in [&self.export, &self.import] {
            let plan = job.plan(Run::full()).await.expect("a plan");
            assert!(plan.is_converged(), "{plan}");
        }
    }

    /// Runs the job that reads a side.
    async fn run(&self, side: Side) -> Plan {
        self.world.settle(self.job(side)).await
    }

    fn set(&self, side: Side, name: &'static str, value: impl Into<Value>) {
        let id = self.store(side).records()[0].id.clone();
        self.store(side).set(&id, name, value);
    }

    fn values(&self, name: &str) -> [Value; 2] {
        SIDES.map(|side| self.store(side).records()[0].get(name).cloned().unwrap_or_default())
    }
}

fn rules(plan: &Plan) -> Vec<&str> {
    let entries = plan.entries().iter().flat_map(|entry| &entry.problems);
    entries.map(|problem| &*problem.rule).collect()
}

#[tokio::test]
async fn a_change_wins_on_whichever_side_it_was_made_and_whichever_job_runs_first() {
    let edits: [&[(&str, Value)]; 4] = [
        &[("title", "Chief".into())],
        &[("title", Value::Null), ("title", "Boss".into())],
        &[("active", false.into()), ("active", true.into())],
        &[("title", "Chief".into()), ("title", "Clerk".into())],
    ];
    for edits in edits {
        for edited in SIDES {
            for first in SIDES {
                let both = BothWays::new(Policy::inbound(Winner::Source)).await;
                for (name, value) in edits {
                    both.set(edited, name, value.clone());
                    let plan = both.run(first).await;
                    let is_left = first != edited;
                    let is_left_alone = rules(&plan).contains(&"carried-back");
                    assert_eq!(is_left_alone, is_left, "{name} {value:?} {edited:?} {first:?}: {plan}");
                    let second = SIDES[usize::from(first == Side::Table)];
                    _ = both.run(second).await;
                    let expected = [value.clone(), value.clone()];
                    assert_eq!(both.values(name), expected, "{name} {edited:?} {first:?}");
                    both.settle().await;
                    assert_eq!(both.values(name), expected, "{name} {edited:?} {first:?}: it does not come back");
                }
            }
        }
    }
}

#[tokio::test]
async fn of_two_changes_the_first_job_carries_its_own_and_says_so() {
    for first in SIDES {
        let both = BothWays::new(Policy::inbound(Winner::Source)).await;
        both.set(Side::Table, "title", "Chief");
        both.set(Side::Directory, "title", "Boss");
        let plan = both.run(first).await;
        assert_eq!(rules(&plan), ["changed-on-both-sides"], "{plan}");
        let winner: Value = if first == Side::Table { "Chief" } else { "Boss" }.into();
        both.settle().await;
        assert_eq!(both.values("title"), [winner.clone(), winner]);
    }
}

#[tokio::test]
async fn what_nobody_carries_back_is_written_as_ever() {
    // The import does not write titles, and switches nobody on.
    let imports = [
        ("title", Policy::inbound(Winner::Target)),
        ("active", Policy::outbound(Preferences::default().with_enable(Enable::Never).without_create())),
    ];
    for (name, import) in imports {
        let both = BothWays::new(import).await;
        both.set(Side::Table, "active", false);
        both.settle().await;
        let before = both.values(name)[0].clone();
        both.set(Side::Directory, name, if name == "title" { Value::from("Boss") } else { true.into() });
        let plan = both.run(Side::Table).await;
        assert_eq!(rules(&plan), [""; 0], "{plan}");
        assert_eq!(both.values(name), [before.clone(), before], "{plan}");
    }
}

#[tokio::test]
async fn what_a_job_brought_that_is_given_up_is_written_again() {
    let both = BothWays::new(Policy::inbound(Winner::Source)).await;
    both.set(Side::Directory, "title", "Boss");
    assert!(rules(&both.run(Side::Table).await).contains(&"carried-back"));
    _ = both.import.run(Run::retire(), Apply::new()).await.expect("a report");
    _ = both.run(Side::Table).await;
    assert_eq!(both.values("title"), ["Clerk", "Clerk"].map(Value::from));
}

#[tokio::test]
async fn another_job_takes_over_from_one_that_was_given_up() {
    for imports in [false, true] {
        let world = World::new();
        let job =
            |name: &str, is_import, policy| world.job(name, is_import, people(&["login", "title", "active"]), policy);
        let export = job("export", false, Policy::outbound(Preferences::default()));
        _ = world.settle(&export).await;
        if imports {
            _ = world.settle(&job("import", true, Policy::inbound(Winner::Source))).await;
        }
        _ = export.run(Run::retire(), Apply::new()).await.expect("a report");
        world.clock.advance(Duration::from_secs(3_600));
        let successor = job("successor", false, Policy::outbound(Preferences::default()));
        let plan = successor.plan(Run::full()).await.expect("a plan");
        let report = successor.apply(&plan, lifted()).await.expect("a report");
        assert_eq!(report.status, RunStatus::Complete, "{imports}: {plan}{report}");
        _ = world.settle(&successor).await;
        let id = world.table.records()[0].id.clone();
        world.table.set(&id, "title", "Chief");
        let plan = world.settle(&successor).await;
        assert_eq!(world.directory.records()[0].get("title"), Some(&"Chief".into()), "{imports}: {plan}");
        let plan = successor.plan(Run::full()).await.expect("a plan");
        assert!(plan.is_converged(), "{imports}: {plan}");
    }
}

type Change = fn(Mapping) -> Mapping;

/// What tells two jobs from those that copy everything to and fro.
struct Twist {
    export: Change,
    import: Change,
}

impl BothWays {
    async fn twisted(Twist { export, import }: Twist) -> Self {
        let world = World::new();
        let mapping = || people(&["login", "active"]);
        let export = world.job("export", false, export(mapping()), Policy::outbound(Preferences::default()));
        let import = world.job("import", true, import(mapping()), Policy::inbound(Winner::Source));
        let both = Self { world, export, import };
        both.settle().await;
        both
    }
}

#[tokio::test]
async fn whoever_left_and_is_back_is_switched_on_again() {
    let both = BothWays::new(Policy::inbound(Winner::Source)).await;
    let bob = Record::new(ObjectId::user("2"))
        .with("login", "bob")
        .with("title", "Clerk")
        .with("phone", "2")
        .with("active", true);
    both.world.table.push(bob);
    both.settle().await;
    let ada = both.world.table.records()[0].clone();
    both.world.table.remove(&ada.id);
    let plan = both.run(Side::Table).await;
    assert_eq!(both.world.directory.records()[0].get("active"), Some(&false.into()), "she left: {plan}");
    both.world.table.push(ada);
    _ = both.run(Side::Table).await;
    both.settle().await;
    for side in SIDES {
        for record in both.store(side).records() {
            assert_eq!(record.get("active"), Some(&true.into()), "{side:?}: {record:?}");
        }
    }
}

#[tokio::test]
async fn what_was_written_while_the_other_job_paused_is_no_change_of_the_other_side() {
    for (name, away, back) in
        [("active", Value::from(false), Value::from(true)), ("title", "Boss".into(), "Clerk".into())]
    {
        let both = BothWays::new(Policy::inbound(Winner::Source)).await;
        both.world.clock.advance(DAY * 32);
        both.set(Side::Table, name, away);
        assert_eq!(warnings(&both.run(Side::Table).await), [""; 0], "the import is thought to be no more");
        // It runs again, and does not look at her.
        let nobody = Run::full().filter(eq("login", "nobody"));
        _ = both.import.run(nobody, lifted()).await.expect("a report");
        both.set(Side::Table, name, back.clone());
        let plan = both.run(Side::Table).await;
        assert_eq!(warnings(&plan).len(), 1, "the import is there again");
        assert_eq!(both.values(name), [back.clone(), back], "{plan}");
    }
}

#[tokio::test]
async fn nobody_stays_active_whose_own_record_says_inactive() {
    let both = BothWays::new(Policy::inbound(Winner::Source)).await;
    both.set(Side::Table, "active", false);
    both.settle().await;
    both.set(Side::Directory, "active", true);
    let plan = both.run(Side::Table).await;
    assert_eq!(both.values("active"), [false.into(), false.into()], "{plan}");
}

#[tokio::test]
async fn an_active_account_is_left_to_the_job_that_made_the_record_inactive() {
    let both = BothWays::new(Policy::inbound(Winner::Source)).await;
    // A person must look only where somebody is active who may have to be off.
    for (active, expected) in [(false, Severity::Warning), (true, Severity::Attention)] {
        both.set(Side::Directory, "active", active);
        let plan = both.run(Side::Table).await;
        let mut problems = plan.entries().iter().flat_map(|entry| &entry.problems);
        let of_status = problems.find(|problem| problem.rule == "carried-back").expect("a word on it");
        assert_eq!(of_status.severity, expected, "{plan}");
        assert!(of_status.message.contains("the job import brings it"), "{plan}");
        _ = both.run(Side::Directory).await;
        assert_eq!(both.values("active"), [active.into(), active.into()]);
    }
}

#[tokio::test]
async fn that_there_is_nothing_is_carried_as_the_rule_says() {
    #[rustfmt::skip]
    let table: [(Change, [&str; 2]); 4] = [
        (|export| export.attribute("title", "title").on_null("title", OnNull::Clear), ["", ""]),
        // Nothing says nothing, so the import fills it again.
        (|export| export.attribute("title", "title"), ["Clerk", "Clerk"]),
        (|export| export.attribute("title", "title").on_null("title", OnNull::Clear).flow_type("title", FlowType::ValueAddOnly), ["Clerk", "Clerk"]),
        (|export| export.attribute("title", "title").on_null("title", OnNull::Default).default_value("title", "none"), ["", "none"]),
    ];
    for (at, (export, expected)) in table.into_iter().enumerate() {
        let import = |import: Mapping| import.attribute("title", "title").on_null("title", OnNull::Clear);
        let both = BothWays::twisted(Twist { export, import }).await;
        both.set(Side::Table, "title", Value::Null);
        _ = both.run(Side::Directory).await;
        both.settle().await;
        let expected = expected.map(|title| if title.is_empty() { Value::Null } else { title.into() });
        assert_eq!(both.values("title"), expected, "{at}");
    }
}

#[tokio::test]
async fn each_of_several_jobs_carries_back_what_it_owns() {
    let world = World::new();
    let mapping = || people(&["login", "title", "active"]);
    let export = world.job("export", false, mapping(), Policy::outbound(Preferences::default()));
    let import = |name: &str, login: &'static str| {
        world.job(name, true, mapping().scope(eq("login", login)), Policy::inbound(Winner::Source))
    };
    let (of_others, of_ada) = (import("import-a", "bob"), import("import-b", "ada"));
    for job in [&export, &of_others, &of_ada, &export] {
        _ = world.settle(job).await;
    }
    let ada = world.directory.records()[0].id.clone();
    world.directory.set(&ada, "title", "Boss");
    let plan = world.settle(&export).await;
    assert_eq!(rules(&plan), ["carried-back"], "{plan}");
    assert!(plan.to_string().contains("the job import-b brings it"), "{plan}");
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_no_change_of_the_other_side() {
    let both = BothWays::new(Policy::inbound(Winner::Source)).await;
    both.set(Side::Table, "active", false);
    (1..=9).for_each(|nth| both.world.directory.fail_write(nth, WriteFault::AnswerLost));
    _ = both.run(Side::Table).await;
    assert_eq!(both.values("active"), [false.into(), false.into()], "written, and nobody knows");
    both.set(Side::Table, "active", true);
    // First it is found out that it was this job that switched her off.
    for _ in 0..2 {
        _ = both.export.run(Run::full().by_hand(), lifted()).await.expect("a report");
    }
    assert_eq!(both.values("active"), [true.into(), true.into()], "before the import ran");
    both.settle().await;
    assert_eq!(both.values("active"), [true.into(), true.into()]);
}

#[tokio::test]
async fn what_is_also_read_for_a_value_that_was_left_out_is_not_agreed_on() {
    // The phone is made of the title, and must be short.
    let export = |export: Mapping| export.attribute("title", "title").attribute("phone", "title");
    let import =
        |import: Mapping| import.expression("title", r#"IIF([phone]="-", [phone], [title])"#).expect("an expression");
    let both = BothWays::twisted(Twist { export, import }).await;
    let reads = |plan: &Plan| {
        let changes = plan.entries().iter().flat_map(|entry| &entry.changes);
        changes.map(|change| (change.attribute.to_string(), change.read.len())).collect::<Vec<_>>()
    };
    both.set(Side::Table, "title", "Chief");
    assert_eq!(reads(&both.run(Side::Table).await), [("phone".to_owned(), 1), ("title".to_owned(), 1)]);
    both.set(Side::Table, "title", "Chief of staff");
    let plan = both.run(Side::Table).await;
    assert!(rules(&plan).contains(&"too-long"), "{plan}");
    assert_eq!(reads(&plan), [("title".to_owned(), 0)], "{plan}");
}

/// An export that shouts, beside an import that copies.
fn shouting() -> Twist {
    Twist {
        export: |export| export.expression("title", "ToUpper([title])").expect("an expression"),
        import: |import| import.attribute("title", "title"),
    }
}

#[tokio::test]
async fn what_a_job_wrote_does_not_come_back_where_the_rules_do_not_undo_each_other() {
    for (edited, value, expected) in
        [(Side::Table, "Chief", ["Chief", "CHIEF"]), (Side::Directory, "Boss", ["Boss", "Boss"])]
    {
        for first in SIDES {
            let both = BothWays::twisted(shouting()).await;
            both.set(edited, "title", value);
            _ = both.run(first).await;
            both.settle().await;
            assert_eq!(both.values("title"), expected.map(Value::from), "{edited:?} {first:?}");
            // What changes next is written all the same.
            both.set(Side::Table, "title", "Clerk");
            both.settle().await;
            assert_eq!(both.values("title"), ["Clerk", "CLERK"].map(Value::from));
        }
    }
}

#[tokio::test]
async fn what_is_at_rest_is_told_to_whoever_asks_and_written_again_by_another_rule() {
    let both = BothWays::twisted(shouting()).await;
    both.set(Side::Table, "title", "Chief");
    both.settle().await;
    let id = both.store(Side::Directory).records()[0].id.id.clone();
    let asked = both.import.plan(Run::one(&*id)).await.expect("a plan");
    assert!(asked.to_string().contains("left as they are: title"), "{asked}");
    let whispers = people(&["login", "active"]).expression("title", "ToLower([title])").expect("an expression");
    let import = both.world.job("import", true, whispers, Policy::inbound(Winner::Source));
    _ = both.world.settle(&import).await;
    assert_eq!(both.values("title"), ["chief", "CHIEF"].map(Value::from));
    // Also where it is the rule that it was.
    _ = both.run(Side::Directory).await;
    assert_eq!(both.values("title"), ["CHIEF", "CHIEF"].map(Value::from));
}

/// The export is new, and does not come to everybody at first.
#[tokio::test]
async fn what_a_job_never_dealt_with_does_not_rest() {
    let nobody = || Run::full().filter(eq("login", "nobody"));
    for begins in [nobody(), Run::full()] {
        let Twist { export, import } = shouting();
        let world = World::new();
        let ada = Record::new(ObjectId::user("a")).with("login", "ada").with("title", "Clerk").with("active", true);
        world.directory.push(ada);
        let mapping = || people(&["login", "active"]);
        let import = world.job("import", true, import(mapping()), Policy::inbound(Winner::Source));
        _ = world.settle(&import).await;
        let export = world.job("export", false, export(mapping()), Policy::outbound(Preferences::default()));
        // A pilot of nobody, or a guard that stops it: nobody is linked yet.
        _ = export.run(begins, Apply::new()).await;
        let both = BothWays { world, export, import };
        _ = both.run(Side::Directory).await;
        both.set(Side::Directory, "title", "Chief");
        _ = both.run(Side::Directory).await;
        let plan = both.run(Side::Table).await;
        assert_eq!(both.values("title"), ["Chief", "CHIEF"].map(Value::from), "{plan}");
        both.settle().await;
        assert_eq!(both.values("title"), ["Chief", "CHIEF"].map(Value::from));
    }
}

#[tokio::test]
async fn two_jobs_that_both_read_several_values_come_to_rest() {
    let one_of =
        |mapping: Mapping| mapping.expression("title", r#"IIF([phone]="-", [phone], [title])"#).expect("an expression");
    let both = BothWays::twisted(Twist { export: one_of, import: one_of }).await;
    for side in SIDES {
        both.set(side, "title", if side == Side::Table { "Chief" } else { "Boss" });
        both.settle().await;
    }
    assert_eq!(both.values("title"), ["Boss", "Boss"].map(Value::from));
}

/// Whoever comes anew is made by one job, and does not come back by the other.
#[tokio::test]
async fn who_is_made_by_one_job_is_no_change_for_the_other() {
    for (side, title, expected) in
        [(Side::Table, "Chief", ["Chief", "CHIEF"]), (Side::Directory, "Boss", ["Boss", "Boss"])]
    {
        let both = BothWays::twisted(shouting()).await;
        let bob = Record::new(ObjectId::user("bob")).with("login", "bob").with("title", title).with("active", true);
        both.store(side).push(bob);
        both.settle().await;
        let titles = SIDES.map(|side| both.store(side).records()[1].get("title").cloned().unwrap_or_default());
        assert_eq!(titles, expected.map(Value::from), "{side:?}");
        // Another rule comes to him all the same.
        let whispers = people(&["login", "active"]).expression("title", "ToLower([title])").expect("an expression");
        let import = both.world.job("import", true, whispers, Policy::inbound(Winner::Source));
        _ = both.world.settle(&import).await;
        let titles = SIDES.map(|side| both.store(side).records()[1].get("title").cloned().unwrap_or_default());
        assert_eq!(titles, [Value::from(title.to_lowercase()), expected[1].into()], "{side:?}");
    }
}

#[tokio::test]
async fn what_is_made_of_several_values_follows_each() {
    let import = |import: Mapping| {
        let by_phone = r#"IIF([phone]="board", "Director", [title])"#;
        import.attribute("phone", "phone").expression("title", by_phone).expect("an expression")
    };
    let export = |export: Mapping| export.attribute("phone", "phone").attribute("title", "title");
    let both = BothWays::twisted(Twist { export, import }).await;
    for (name, value) in [("title", "Boss"), ("phone", "board")] {
        both.set(Side::Table, name, value);
        _ = both.run(Side::Table).await;
    }
    _ = both.run(Side::Directory).await;
    assert_eq!(both.values("title")[0], "Director".into());
}

#[tokio::test]
async fn what_one_job_takes_for_the_same_is_news_to_the_other() {
    for first in SIDES {
        let mut world = World::new();
        let careless = AttributeSchema::text().ignore_case();
        let schema = Schema::new(Class::USER)
            .with("login", careless.clone().required().unique_in("login"))
            .with("title", careless);
        world.directory = MemoryStore::new("directory").with_schema(schema);
        let mapping = || people(&["login", "title"]);
        let export = world.job("export", false, mapping(), Policy::outbound(Preferences::default()));
        let import = world.job("import", true, mapping(), Policy::inbound(Winner::Source));
        let both = BothWays { world, export, import };
        both.settle().await;
        both.set(Side::Directory, "title", "CLERK");
        _ = both.run(first).await;
        both.settle().await;
        assert_eq!(both.values("title"), ["CLERK", "CLERK"].map(Value::from), "{first:?}");
    }
}

#[tokio::test]
async fn what_makes_no_difference_there_does_not_come_back_either() {
    for first in SIDES {
        let both = BothWays::twisted(shouting()).await;
        for (edited, value, expected) in [
            (Side::Table, "Chief", ["Chief", "CHIEF"]),
            (Side::Table, "chief", ["chief", "CHIEF"]),
            (Side::Directory, "Chief", ["Chief", "Chief"]),
        ] {
            both.set(edited, "title", value);
            _ = both.run(first).await;
            both.settle().await;
            assert_eq!(both.values("title"), expected.map(Value::from), "{first:?}");
        }
    }
}

#[tokio::test]
async fn a_default_fills_what_the_other_job_emptied() {
    let export = |export: Mapping| {
        export.attribute("title", "title").on_null("title", OnNull::Default).default_value("title", "none")
    };
    let import = |import: Mapping| import.attribute("title", "title").on_null("title", OnNull::Clear);
    let both = BothWays::twisted(Twist { export, import }).await;
    both.set(Side::Directory, "title", Value::Null);
    _ = both.run(Side::Directory).await;
    _ = both.run(Side::Table).await;
    assert_eq!(both.values("title")[1], "none".into());
}

/// An export that writes all phones, beside an import that only adds.
async fn adding() -> BothWays {
    let schema = |store: &str| {
        let schema = Schema::new(Class::USER)
            .with("login", AttributeSchema::text().ignore_case().required().unique_in("login"))
            .with("phones", AttributeSchema::text().many());
        MemoryStore::new(store).with_schema(schema)
    };
    let mut world = World::new();
    (world.table, world.directory) = (schema("table"), schema("directory"));
    world.table.push(Record::new(ObjectId::user("1")).with("login", "ada").with("phones", phones(&["1", "2"])));
    let mapping = || people(&["login", "phones"]);
    let export = world.job("export", false, mapping(), Policy::outbound(Preferences::default()));
    let adds = mapping().flow_type("phones", FlowType::MultiValueAddOnly);
    let import = world.job("import", true, adds, Policy::inbound(Winner::Source));
    let both = BothWays { world, export, import };
    both.settle().await;
    both
}

fn phones(all: &[&str]) -> Value {
    Value::list(all.iter().map(|one| Value::from(*one)))
}

#[tokio::test]
async fn where_one_job_only_adds_nobody_takes_for_it() {
    type Edits = &'static [(Side, &'static [&'static str])];
    #[rustfmt::skip]
    let table: [(Edits, [&[&str]; 2]); 5] = [
        (&[(Side::Table, &["2"])], [&["2"], &["2"]]),
        (&[(Side::Directory, &["1", "2", "3"])], [&["1", "2", "3"], &["1", "2", "3"]]),
        // The import takes nothing from the table, so it is there still.
        (&[(Side::Directory, &["1"])], [&["1", "2"], &["1", "2"]]),
        (&[(Side::Directory, &["1", "3"])], [&["1", "2", "3"], &["1", "2", "3"]]),
        // Where both sides changed, the job that runs first wins: what the export has not seen it does not keep.
        (&[(Side::Table, &["1", "2", "4"]), (Side::Directory, &["1", "2", "3"])], [&["1", "2", "4"], &["1", "2", "3", "4"]]),
    ];
    for (edits, expected) in table {
        for (first, expected) in SIDES.into_iter().zip(expected) {
            let both = adding().await;
            edits.iter().for_each(|(side, value)| both.set(*side, "phones", phones(value)));
            _ = both.run(first).await;
            both.settle().await;
            let sorted = both.values("phones").map(|found| {
                let mut found = found.as_slice().to_vec();
                found.sort();
                Value::list(found)
            });
            assert_eq!(sorted, [phones(expected), phones(expected)], "{edits:?} {first:?}");
        }
    }
}

#[tokio::test]
async fn what_was_made_of_another_value_is_news_to_that_one() {
    let export = |export: Mapping| export.attribute("phone", "title").attribute("title", "title");
    let import = |import: Mapping| import.expression("title", "Coalesce([phone], [title])").expect("an expression");
    let both = BothWays::twisted(Twist { export, import }).await;
    both.set(Side::Table, "title", "Clerk 2");
    both.settle().await;
    both.set(Side::Directory, "phone", "Boss");
    _ = both.run(Side::Directory).await;
    both.settle().await;
    assert_eq!(both.values("title"), ["Boss", "Boss"].map(Value::from));
}

#[tokio::test]
async fn what_rests_does_not_keep_its_neighbours_from_being_agreed_on() {
    let export = |export: Mapping| {
        let shouts = export.expression("title", "ToUpper([title])").expect("an expression");
        shouts.expression("phone", "Coalesce([phone], [title])").expect("an expression")
    };
    let import = |import: Mapping| import.attribute("title", "title").attribute("phone", "phone");
    let both = BothWays::twisted(Twist { export, import }).await;
    both.set(Side::Directory, "title", "Boss");
    both.settle().await;
    both.set(Side::Table, "phone", "2");
    _ = both.run(Side::Table).await;
    both.set(Side::Directory, "phone", "3");
    let plan = both.run(Side::Table).await;
    assert!(rules(&plan).contains(&"carried-back"), "{plan}");
    both.settle().await;
    assert_eq!(both.values("phone"), ["3", "3"].map(Value::from));
}

#[tokio::test]
async fn what_was_not_read_to_its_end_does_not_rest() {
    let export = |export: Mapping| export.attribute("title", "title").attribute("phone", "title");
    let import =
        |import: Mapping| import.expression("title", r#"IIF([phone]="-", [phone], [title])"#).expect("an expression");
    let both = BothWays::twisted(Twist { export, import }).await;
    both.set(Side::Table, "title", "One");
    both.settle().await;
    let ada = both.world.directory.records()[0].clone();
    let mut broken = ada.clone();
    broken.partial.insert("phone".into(), "the connection broke".into());
    both.world.directory.remove(&ada.id);
    both.world.directory.push(broken);
    both.set(Side::Table, "title", "Two");
    let plan = both.run(Side::Table).await;
    assert!(rules(&plan).contains(&"target-not-read"), "{plan}");
    let mut whole = both.world.directory.records()[0].clone();
    whole.partial.clear();
    both.world.directory.remove(&ada.id);
    both.world.directory.push(whole);
    both.settle().await;
    assert_eq!(both.values("phone")[1], "Two".into());
}

#[tokio::test]
async fn a_rule_that_is_changed_and_changed_back_is_followed_each_time() {
    let mut both = BothWays::twisted(shouting()).await;
    both.set(Side::Table, "title", "Chief");
    both.settle().await;
    let mapping = || people(&["login", "active"]);
    let by_closure =
        mapping().closure("title", "none", 1, |_: &Record| Ok(Some("Nobody".into()))).reads("title", ["title"]);
    for (import, expected) in [(by_closure, "Nobody"), (mapping().attribute("title", "title"), "CHIEF")] {
        both.import = both.world.job("import", true, import, Policy::inbound(Winner::Source));
        _ = both.run(Side::Directory).await;
        assert_eq!(both.values("title"), [expected, "CHIEF"].map(Value::from));
    }
}

#[tokio::test]
async fn whoever_is_inactive_by_the_rule_of_one_job_is_switched_off_by_the_other() {
    let world = World::new();
    let unless_off = r#"IIF([phone]="off", False, CBool([active]))"#;
    let unless_off = people(&["login"]).expression("active", unless_off).expect("an expression");
    let export = world.job("export", false, people(&["login", "active"]), Policy::outbound(Preferences::default()));
    let import = world.job("import", true, unless_off, Policy::inbound(Winner::Source));
    let both = BothWays { world, export, import };
    both.settle().await;
    both.set(Side::Directory, "phone", "off");
    _ = both.run(Side::Directory).await;
    assert_eq!(both.values("active"), [false.into(), true.into()]);
    // The account is as it was when both agreed, and yet it does not stay active.
    let plan = both.run(Side::Table).await;
    assert_eq!(both.values("active"), [false.into(), false.into()], "{plan}");
}

#[tokio::test]
async fn of_what_must_not_be_shown_nothing_is_kept() {
    let redacts = |mapping: Mapping| mapping.expression("phone", "Redact([phone])").expect("an expression");
    let plain = |mapping: Mapping| mapping.attribute("phone", "phone");
    let twists = [Twist { export: redacts, import: plain }, Twist { export: plain, import: redacts }];
    for twist in twists {
        let both = BothWays::twisted(twist).await;
        for side in SIDES {
            both.set(side, "phone", if side == Side::Table { "1234" } else { "4321" });
            let plan = both.run(side).await;
            let change =
                plan.entries().iter().flat_map(|entry| &entry.changes).find(|change| change.attribute == *"phone");
            assert!(change.expect("a phone").read.is_empty(), "{plan}");
        }
    }
}
