//! Two jobs of one link set that write what the other reads.

use std::time::Duration;

use entrant::clock::ManualClock;
use entrant::job::{Apply, Run};
use entrant::mapping::OnNull;
use entrant::model::{AttributeSchema, Class, ObjectId, Schema};
use entrant::reconcile::{Enable, Guard, Plan, Policy, Preferences, Severity, Winner};
use entrant::store::{MemoryState, MemoryStore};
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
            .with("phone", text())
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
        _ = job.apply(&plan, Apply::new().lift(Guard::Adopt)).await.expect("a report");
        self.clock.advance(Duration::from_secs(3_600));
        plan
    }
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
async fn an_active_account_whose_person_is_not_active_needs_a_look_until_the_other_job_ran() {
    let both = BothWays::new(Policy::inbound(Winner::Source)).await;
    both.set(Side::Table, "active", false);
    both.settle().await;
    both.set(Side::Directory, "active", true);
    let plan = both.run(Side::Table).await;
    let of_status =
        plan.entries().iter().flat_map(|entry| &entry.problems).find(|problem| problem.rule == "carried-back");
    assert_eq!(of_status.expect("a word on it").severity, Severity::Attention, "{plan}");
    assert!(of_status.expect("a word on it").message.contains("the job import brings it"), "{plan}");
}
