//! Random worlds: an incremental run comes to what a full run comes to, whatever changed on either side.

use std::collections::BTreeMap;
use std::time::Duration;

use entrant::job::{Apply, Run, RunStatus};
use entrant::model::ObjectId;
use entrant::reconcile::{Guard, Guards, Leaver, Preferences, days};
use entrant::{Job, Record, Value};
use proptest::prelude::*;

use super::random;
use super::tracked::{Manners, Tracked};
use super::world::World;

/// What happens between two runs.
#[derive(Debug, Clone)]
enum Event {
    /// Somebody comes, or comes back.
    Joins(Record),
    Leaves(u8),
    Changes(u8, &'static str, Value),
    /// Someone else makes an account.
    Appears(Record),
    /// Someone else changes the n-th account.
    Edits(u8, &'static str, Value),
    Deletes(u8),
    Time(u8),
}

/// Most people have a number of their own.
fn person() -> impl Strategy<Value = Record> {
    random::person(7).prop_map(|person| match person.get("id") == Some(&Value::text("0")) {
        true => {
            let own = person.id.id.to_string();
            person.with("id", own)
        }
        false => person,
    })
}

fn account() -> impl Strategy<Value = Record> {
    random::account(3, 7)
}

fn event() -> impl Strategy<Value = Event> {
    let of_person = prop_oneof![
        (0..7_u8).prop_map(|number| ("id", Value::text(number.to_string()))),
        (0..7_u8).prop_map(|login| ("login", Value::text(format!("p{login}@contoso.com")))),
        (0..3_u8).prop_map(|title| ("title", Value::text(title.to_string()))),
        any::<bool>().prop_map(|active| ("active", Value::Bool(active))),
        Just(("title", Value::Null)),
        Just(("name", Value::text("a name that is longer than the target takes"))),
    ];
    let of_account = prop_oneof![
        (0..7_u8).prop_map(|number| ("employeeId", Value::text(number.to_string()))),
        (0..3_u8).prop_map(|title| ("jobTitle", Value::text(title.to_string()))),
        any::<bool>().prop_map(|active| ("active", Value::Bool(active))),
    ];
    prop_oneof![
        4 => person().prop_map(Event::Joins),
        2 => (0..7_u8).prop_map(Event::Leaves),
        5 => (0..7_u8, of_person).prop_map(|(id, (name, value))| Event::Changes(id, name, value)),
        1 => account().prop_map(Event::Appears),
        3 => (0..7_u8, of_account).prop_map(|(at, (name, value))| Event::Edits(at, name, value)),
        1 => (0..7_u8).prop_map(Event::Deletes),
        2 => (1..20_u8).prop_map(Event::Time),
    ]
}

fn preferences() -> impl Strategy<Value = Preferences> {
    (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), 0..4_u8).prop_map(
        |(create, create_inactive, restore, recreate, leaver)| {
            let mut preferences = Preferences::default();
            if !create {
                preferences = preferences.without_create();
            }
            if create_inactive {
                preferences = preferences.with_create_inactive();
            }
            if restore {
                preferences = preferences.with_restore();
            }
            if recreate && create {
                preferences = preferences.with_recreate_missing();
            }
            match leaver {
                0 => preferences,
                1 => preferences.with_source_deleted(Leaver::delete()),
                2 => preferences.with_source_deleted(Leaver::disable().after(days(5)).then_delete(days(15))),
                _ => preferences.with_source_deleted(Leaver::keep()),
            }
        },
    )
}

/// One of two worlds in which the same happens.
struct Side {
    world: World,
    job: Job,
    feeds: [Tracked; 2],
}

impl Side {
    fn new(people: &[Record], accounts: &[Record], preferences: &Preferences) -> Self {
        let world = World::new(one_each(people));
        one_each(accounts).into_iter().for_each(|account| world.directory.push(account));
        let guards = [Guard::Adopt, Guard::Disable, Guard::Delete, Guard::Clear, Guard::Rename];
        let guards = guards.into_iter().fold(Guards::default(), |guards, guard| guards.with_limit(guard, 1_000));
        let feeds = [Tracked::new(&world.hr), Tracked::new(&world.directory)];
        let builder = world.builder(preferences.clone()).guards(guards);
        let job = builder.source(feeds[0].clone()).target(feeds[1].clone()).build().expect("the job is sound");
        Self { world, job, feeds }
    }

    fn happens(&self, event: &Event) {
        let (hr, directory) = (&self.world.hr, &self.world.directory);
        let nth = |at: u8| {
            let records = directory.records();
            let count = records.len().max(1);
            records.into_iter().nth(usize::from(at) % count).map(|record| record.id)
        };
        let user = |id: &u8| ObjectId::user(id.to_string());
        match event {
            Event::Joins(record) => {
                hr.remove(&record.id);
                hr.push(record.clone());
            }
            Event::Leaves(id) => hr.remove(&user(id)),
            Event::Changes(id, name, value) => _ = hr.set(&user(id), *name, value.clone()),
            Event::Appears(record) => {
                let same = |own: &Record| {
                    own.id == record.id || own.get("userPrincipalName") == record.get("userPrincipalName")
                };
                if !directory.records().iter().any(same) {
                    directory.push(record.clone());
                }
            }
            Event::Edits(at, name, value) => {
                if let Some(id) = nth(*at) {
                    directory.set(&id, *name, value.clone());
                }
            }
            Event::Deletes(at) => {
                if let Some(id) = nth(*at) {
                    directory.remove(&id);
                }
            }
            Event::Time(days) => self.world.clock.advance(Duration::from_secs(u64::from(*days) * 86_400)),
        }
    }

    /// All accounts, but for the moment when they were made.
    fn accounts(&self) -> Vec<Record> {
        let mut records = self.world.directory.records();
        records.sort_by(|left, right| left.id.cmp(&right.id));
        records
    }
}

/// The last record of each id and name.
fn one_each(records: &[Record]) -> Vec<Record> {
    let by_id: BTreeMap<ObjectId, Record> = records.iter().map(|record| (record.id.clone(), record.clone())).collect();
    let mut names = std::collections::BTreeSet::new();
    by_id
        .into_values()
        .filter(|record| record.get("userPrincipalName").is_none_or(|name| names.insert(name.clone())))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn incremental_runs_come_to_what_full_runs_come_to(
        people in prop::collection::vec(person(), 1..8),
        accounts in prop::collection::vec(account(), 0..4),
        preferences in preferences(),
        rounds in prop::collection::vec(prop::collection::vec(event(), 0..5), 1..5),
        replays in any::<bool>(),
        silent in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let (full, incremental) =
                (Side::new(&people, &accounts, &preferences), Side::new(&people, &accounts, &preferences));
            // A source that tells nothing by itself finds nobody gone; so nobody is then.
            let leaves = |event: &Event| matches!(event, Event::Leaves(_));
            incremental.feeds[0].behaves(Manners { replays: replays && !silent, silent, ..Manners::default() });
            incremental.feeds[1].behaves(Manners { replays, ..Manners::default() });
            for (number, events) in std::iter::once(&Vec::new()).chain(&rounds).enumerate() {
                for event in events.iter().filter(|event| !silent || !leaves(event)) {
                    full.happens(event);
                    incremental.happens(event);
                }
                // What is made in one run is seen in the next.
                for pass in 0..3 {
                    let run = Run::full().allow_empty_source();
                    let report = full.job.run(run, Apply::new()).await.expect("a report");
                    let plan = incremental.job.plan(Run::incremental().allow_empty_source()).await.expect("a plan");
                    let told = incremental.job.apply(&plan, Apply::new()).await.expect("a report");
                    prop_assert_eq!(
                        full.accounts(), incremental.accounts(),
                        "round {} pass {} after {:?}:\n{}{}{}", number, pass, events, report, plan, told
                    );
                    let stopped = |status: &RunStatus| matches!(status, RunStatus::Stopped { .. });
                    prop_assert!(!stopped(&report.status) && !stopped(&told.status));
                    for side in [&full, &incremental] {
                        side.world.clock.advance(Duration::from_secs(3600));
                    }
                }
            }
            // Whoever is linked is linked in both, and nothing is left to do.
            let last = incremental.job.plan(Run::full().allow_empty_source()).await.expect("a plan");
            let other = full.job.plan(Run::full().allow_empty_source()).await.expect("a plan");
            prop_assert_eq!(last.situations(), other.situations(), "{}{}", last, other);
            prop_assert_eq!(last.entries(), other.entries());
            Ok(())
        })?;
    }
}
