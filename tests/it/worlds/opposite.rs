//! Two jobs in opposite directions on one link set: whatever both sides hold and whoever changes what, they come to rest
//! in a few rounds, and what one of them wrote is no news to the other (R76).

use std::time::Duration;

use entrant::clock::ManualClock;
use entrant::job::{Apply, OutcomeKind, Run};
use entrant::mapping::OnNull;
use entrant::model::{AttributeSchema, Class, ObjectId, Schema};
use entrant::reconcile::{Enable, Entry, Guard, Leaver, Plan, Policy, Preferences, Winner};
use entrant::store::{MemoryState, MemoryStore};
use entrant::{Job, Mapping, Record, Value};
use proptest::prelude::*;
use proptest::sample::select;

use super::watched::Watched;

const PEOPLE: u8 = 6;
/// Both jobs run in each round.
const ROUNDS: usize = 6;

/// What is changed on either side between two rounds.
#[derive(Debug, Clone)]
enum Edit {
    /// Of somebody who is there.
    Set(Side, u8, &'static str, Value),
    Add(Side, Record),
    Remove(Side, u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Table,
    Directory,
}

#[derive(Debug, Clone)]
struct Scene {
    winner: Winner,
    leaver: Option<Leaver>,
    enable: Enable,
    /// Whether the export writes titles in capitals, and the import in small letters: what the other job does not undo.
    shouts: bool,
    whispers: bool,
    /// Whether the import comes first in each round.
    import_first: bool,
    table: Vec<Record>,
    directory: Vec<Record>,
    turns: Vec<Vec<Edit>>,
}

fn schema() -> Schema {
    Schema::new(Class::USER)
        .with("login", AttributeSchema::text().ignore_case().required().unique_in("login"))
        .with("number", AttributeSchema::text())
        .with("title", AttributeSchema::text())
        .with("active", AttributeSchema::boolean().not_nullable())
        .with("created", AttributeSchema::new(entrant::model::Kind::DateTime))
        .with_status("active")
        .with_created_at("created")
        .with_label("login")
}

fn someone(prefix: &'static str) -> impl Strategy<Value = Record> {
    let title = select(vec![Value::Null, "Clerk".into(), "Chief".into()]);
    (0..PEOPLE, prop::option::weighted(0.8, 0..PEOPLE), title, any::<bool>()).prop_map(
        move |(id, number, title, active)| {
            Record::new(ObjectId::user(format!("{prefix}{id}")))
                .with("login", format!("p{id}"))
                .with("number", number.map(|number| number.to_string()))
                .with("title", title)
                .with("active", active)
                .with("created", "2020-01-01T00:00:00Z")
        },
    )
}

/// Each id, and so each name, once.
fn some(prefix: &'static str) -> impl Strategy<Value = Vec<Record>> {
    prop::collection::vec(someone(prefix), 0..5).prop_map(|records| {
        let by_id: std::collections::BTreeMap<ObjectId, Record> =
            records.into_iter().map(|record| (record.id.clone(), record)).collect();
        by_id.into_values().collect()
    })
}

fn edit() -> impl Strategy<Value = Edit> {
    let side = || select(vec![Side::Table, Side::Directory]);
    let value = prop_oneof![
        select(vec![Value::Null, "Clerk".into(), "Chief".into(), "Boss".into()]).prop_map(|title| ("title", title)),
        any::<bool>().prop_map(|active| ("active", active.into())),
        (0..PEOPLE).prop_map(|number| ("number", number.to_string().into())),
    ];
    let added = prop_oneof![
        someone("t").prop_map(|record| Edit::Add(Side::Table, record)),
        someone("a").prop_map(|record| Edit::Add(Side::Directory, record)),
    ];
    prop_oneof![
        4 => (side(), 0..8_u8, value).prop_map(|(side, at, (name, value))| Edit::Set(side, at, name, value)),
        1 => added,
        1 => (side(), 0..8_u8).prop_map(|(side, at)| Edit::Remove(side, at)),
    ]
}

fn scene() -> impl Strategy<Value = Scene> {
    let leaver = prop::option::of(select(vec![Leaver::keep(), Leaver::delete(), Leaver::disable()]));
    let winner = select(vec![Winner::Source, Winner::Target]);
    let enable = select(vec![Enable::Own, Enable::OnSourceChange, Enable::Always]);
    let turns = prop::collection::vec(prop::collection::vec(edit(), 0..4), 1..4);
    (winner, leaver, enable, any::<bool>(), any::<[bool; 2]>(), some("t"), some("a"), turns).prop_map(
        |(winner, leaver, enable, import_first, [shouts, whispers], table, directory, turns)| Scene {
            winner,
            leaver,
            enable,
            shouts,
            whispers,
            import_first,
            table,
            directory,
            turns,
        },
    )
}

struct World {
    clock: ManualClock,
    table: Watched,
    directory: Watched,
    state: MemoryState,
}

impl World {
    fn new(scene: &Scene) -> Self {
        let clock = ManualClock::at(time::macros::datetime!(2026-01-05 08:00 UTC));
        let store = |name: &str, records: &[Record]| {
            let store = MemoryStore::new(name).with_schema(schema()).with_clock(clock.clone());
            Watched::new(store.with_records(records.iter().cloned()))
        };
        Self {
            table: store("table", &scene.table),
            directory: store("directory", &scene.directory),
            state: MemoryState::new().with_clock(clock.clone()),
            clock,
        }
    }

    fn job(&self, name: &str, from: &Watched, to: &Watched, policy: Policy, title: &str) -> Job {
        let mapping = Mapping::users()
            .attribute("login", "login")
            .attribute("number", "number")
            .expression("title", title)
            .expect("an expression")
            .on_null("title", OnNull::Clear)
            .attribute("active", "active")
            .match_on("number")
            .match_on("login");
        Job::builder(name)
            .source(from.clone())
            .target(to.clone())
            .mapping(mapping)
            .policy(policy)
            .state(self.state.clone())
            .clock(self.clock.clone())
            .build()
            .expect("the job is sound")
    }

    fn jobs(&self, scene: &Scene) -> [Job; 2] {
        let mut preferences = Preferences::default().with_enable(scene.enable).with_create_inactive();
        if let Some(leaver) = &scene.leaver {
            preferences = preferences.with_source_deleted(leaver.clone());
        }
        let exported = if scene.shouts { "ToUpper([title])" } else { "[title]" };
        let imported = if scene.whispers { "ToLower([title])" } else { "[title]" };
        let export = self.job("export", &self.table, &self.directory, Policy::outbound(preferences), exported);
        let import = self.job("import", &self.directory, &self.table, Policy::inbound(scene.winner), imported);
        if scene.import_first { [import, export] } else { [export, import] }
    }

    fn written(&self) -> [usize; 2] {
        [self.table.written(), self.directory.written()]
    }

    fn edit(&self, edit: &Edit) {
        let store = |side: &Side| if *side == Side::Table { &self.table.inner } else { &self.directory.inner };
        let nth = |side: &Side, at: u8| store(side).records().get(usize::from(at)).map(|record| record.id.clone());
        match edit {
            Edit::Set(side, at, name, value) => {
                if let Some(id) = nth(side, *at) {
                    store(side).set(&id, *name, value.clone());
                }
            }
            Edit::Add(side, record) => {
                let records = store(side).records();
                let taken = |own: &Record| own.id == record.id || own.get("login") == record.get("login");
                if !records.iter().any(taken) {
                    store(side).push(record.clone());
                }
            }
            Edit::Remove(side, at) => {
                if let Some(id) = nth(side, *at) {
                    store(side).remove(&id);
                }
            }
        }
    }

    async fn plan(&self, job: &Job) -> Plan {
        job.plan(Run::full().allow_empty_source()).await.expect("a plan")
    }

    /// Runs both until neither has anything to do.
    async fn settle(&self, jobs: &[Job; 2]) -> Result<(), TestCaseError> {
        let apply = || Guard::ALL.iter().fold(Apply::new(), |apply, guard| apply.lift(*guard));
        for _ in 0..ROUNDS {
            let mut quiet = true;
            for job in jobs {
                let plan = self.plan(job).await;
                quiet &= plan.is_converged();
                let report = job.apply(&plan, apply()).await.expect("a report");
                for outcome in [OutcomeKind::Failed, OutcomeKind::Stale] {
                    prop_assert_eq!(report.outcome(outcome), 0, "{}{}", plan, report);
                }
                self.clock.advance(Duration::from_secs(3600));
            }
            if quiet {
                return Ok(());
            }
        }
        let (one, other) = (self.plan(&jobs[0]).await, self.plan(&jobs[1]).await);
        Err(TestCaseError::fail(format!("still not quiet:\n{one}\n{other}")))
    }

    /// One value changes on one side: it is written to the other once, and does not come back.
    async fn one_change_is_written_once(&self, scene: &Scene, jobs: &[Job; 2]) -> Result<(), TestCaseError> {
        let Some(first) = self.table.inner.records().first().cloned() else { return Ok(()) };
        self.table.inner.set(&first.id, "title", "News");
        let export = &jobs[usize::from(scene.import_first)];
        let before = self.written();
        let plan = self.plan(export).await;
        let report = export.apply(&plan, Apply::new()).await.expect("a report");
        let after = self.written();
        prop_assert!(after[0] == before[0] && after[1] <= before[1] + 1, "{}{}", plan, report);
        self.clock.advance(Duration::from_secs(3600));
        for job in jobs.iter().filter(|_| after[1] > before[1]) {
            let plan = self.plan(job).await;
            prop_assert!(plan.is_converged(), "an echo: {}", plan);
        }
        Ok(())
    }

    /// A value that changes on one side gets to the other, also where the job that reads the other side runs first.
    async fn a_change_stays(&self, scene: &Scene, jobs: &[Job; 2]) -> Result<(), TestCaseError> {
        let (export, import) = (&jobs[usize::from(scene.import_first)], &jobs[usize::from(!scene.import_first)]);
        let Some(here) = self.table.inner.records().first().map(|record| record.id.clone()) else { return Ok(()) };
        let title = |store: &Watched, id: &ObjectId| {
            let records = store.inner.records();
            records.iter().find(|record| record.id == *id).and_then(|record| record.get("title").cloned())
        };
        // Unless both jobs write to the pair, there is nothing that could come back.
        self.table.inner.set(&here, "title", "New");
        let Some(there) = self
            .run(export)
            .await
            .entries()
            .iter()
            .find(|entry| entry.source.as_ref() == Some(&here))
            .and_then(|entry| entry.target.clone())
        else {
            return Ok(());
        };
        _ = self.run(import).await;
        self.directory.inner.set(&there, "title", "Newer");
        let plan = self.plan(import).await;
        let is_written = |entry: &Entry| {
            entry.target.as_ref() == Some(&here)
                && entry.runs()
                && entry.changes.iter().any(|change| change.attribute == *"title")
        };
        if title(&self.directory, &there).is_none() || !plan.entries().iter().any(is_written) {
            return Ok(());
        }
        let imported = if scene.whispers { "newer" } else { "Newer" };
        let exported = if scene.shouts { "NEWEST" } else { "Newest" };
        for (first, second, titles) in [(export, import, [imported, "Newer"]), (import, export, ["Newest", exported])] {
            if titles[0] == "Newest" {
                self.table.inner.set(&here, "title", "Newest");
            }
            let plans = format!("{}{}", self.run(first).await, self.run(second).await);
            let found = [title(&self.table, &here), title(&self.directory, &there)];
            prop_assert_eq!(found, titles.map(|title| Some(title.into())), "{}", plans);
        }
        Ok(())
    }

    async fn run(&self, job: &Job) -> Plan {
        let plan = self.plan(job).await;
        _ = job.apply(&plan, Apply::new()).await.expect("a report");
        self.clock.advance(Duration::from_secs(3600));
        plan
    }
}

proptest! {
    #[test]
    fn two_opposite_jobs_come_to_rest_without_an_echo(scene in scene()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let world = World::new(&scene);
            let jobs = world.jobs(&scene);
            world.settle(&jobs).await?;
            for turn in &scene.turns {
                turn.iter().for_each(|edit| world.edit(edit));
                world.settle(&jobs).await?;
            }
            let written = world.written();
            world.settle(&jobs).await?;
            prop_assert_eq!(world.written(), written, "at rest, and yet something is written");
            world.one_change_is_written_once(&scene, &jobs).await?;
            world.a_change_stays(&scene, &jobs).await
        })?;
    }
}
