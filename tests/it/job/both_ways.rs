//! Two jobs of one link set that write what the other reads.

use std::time::Duration;

use entrant::clock::ManualClock;
use entrant::job::{Apply, Run};
use entrant::model::{AttributeSchema, Class, ObjectId, Schema};
use entrant::reconcile::{Guard, Plan, Policy, Preferences, Severity, Winner};
use entrant::store::{MemoryState, MemoryStore};
use entrant::{Job, Mapping, Record};

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
