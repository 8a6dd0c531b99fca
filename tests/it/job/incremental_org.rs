//! Random organisations: what an incremental run gives and takes, member by member and licence by licence, is what a full
//! run gives and takes.

use std::time::Duration;

use entrant::job::{Apply, Run};
use entrant::model::{Class, ObjectId};
use entrant::reconcile::{Action, Leaver, Preferences};
use entrant::{Job, Record, Value};
use proptest::prelude::*;

use super::org::{Org, group, groups, no_guards, person, texts, users};
use super::tracked::{Manners, Tracked};

const PEOPLE: u8 = 6;
const TEAMS: u8 = 3;

/// What happens between two runs.
#[derive(Debug, Clone)]
enum Event {
    Joins(u8),
    Leaves(u8),
    Changes(u8, &'static str, Value),
    TeamJoins(u8, Vec<String>),
    TeamLeaves(u8),
    Teams(u8, &'static str, Vec<String>),
    /// Someone else changes the n-th account.
    Edits(u8, &'static str, Value),
    /// Someone else takes all members out of the n-th group.
    Empties(u8),
    Hours(u8),
}

fn ids(of: u8, most: usize) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec((0..=of).prop_map(|id| id.to_string()), 0..most)
}

fn teams() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec((0..=TEAMS).prop_map(|id| format!("g{id}")), 0..3)
}

fn of_person() -> impl Strategy<Value = (&'static str, Value)> {
    let sku = prop::sample::select(vec!["E3", "E5", "F3", "NONE", "OLD"]);
    prop_oneof![
        3 => (0..=PEOPLE).prop_map(|id| ("manager", Value::text(id.to_string()))),
        1 => Just(("manager", Value::Null)),
        3 => sku.prop_map(|sku| ("sku", texts(&[sku]))),
        1 => Just(("sku", Value::Null)),
        1 => any::<bool>().prop_map(|active| ("active", Value::Bool(active))),
        1 => any::<bool>().prop_map(|external| ("kind", Value::text(if external { "external" } else { "staff" }))),
        1 => any::<bool>().prop_map(|known| ("location", Value::text(if known { "DE" } else { "" }))),
        1 => (0..3_u8).prop_map(|title| ("title", Value::text(title.to_string()))),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let of_team = prop_oneof![
        3 => ids(PEOPLE, 4).prop_map(|ids| ("members", ids)),
        1 => ids(PEOPLE, 2).prop_map(|ids| ("owners", ids)),
        1 => teams().prop_map(|ids| ("groups", ids)),
    ];
    prop_oneof![
        2 => (0..PEOPLE).prop_map(Event::Joins),
        1 => (0..PEOPLE).prop_map(Event::Leaves),
        5 => (0..PEOPLE, of_person()).prop_map(|(id, (name, value))| Event::Changes(id, name, value)),
        1 => (0..TEAMS, ids(PEOPLE, 4)).prop_map(|(id, members)| Event::TeamJoins(id, members)),
        1 => (0..TEAMS).prop_map(Event::TeamLeaves),
        4 => (0..TEAMS, of_team).prop_map(|(id, (name, ids))| Event::Teams(id, name, ids)),
        1 => (0..PEOPLE, any::<bool>()).prop_map(|(at, active)| Event::Edits(at, "active", Value::Bool(active))),
        1 => (0..PEOPLE).prop_map(|at| Event::Edits(at, "manager", Value::Null)),
        1 => (0..TEAMS).prop_map(Event::Empties),
        1 => (1..48_u8).prop_map(Event::Hours),
    ]
}

/// One of two organisations in which the same happens.
struct Side {
    org: Org,
    job: Job,
    feeds: [Tracked; 2],
}

impl Side {
    fn new(flat: bool, delete: bool, seats: [Option<u64>; 3]) -> Self {
        let people = ["0", "1", "2"].map(person);
        let org = Org::new(people.into_iter().chain([group("g0", &["0", "1"])])).seats(seats[0], seats[1], seats[2]);
        let feeds = [Tracked::new(&org.hr), Tracked::new(&org.directory)];
        let groups = if flat { groups().flatten("memberGroups", "members") } else { groups() };
        let mut preferences = Preferences::default();
        if delete {
            preferences = preferences.with_source_deleted(Leaver::delete());
        }
        let builder = org.builder_of(users(), groups, preferences).guards(no_guards());
        let job = builder.source(feeds[0].clone()).target(feeds[1].clone()).build().expect("the job is sound");
        Self { org, job, feeds }
    }

    fn happens(&self, event: &Event) {
        let (hr, directory) = (&self.org.hr, &self.org.directory);
        let user = |id: &u8| ObjectId::user(id.to_string());
        let team = |id: &u8| ObjectId::group(format!("g{id}"));
        let list = |ids: &[String]| Value::list(ids.iter().map(|id| Value::text(id.as_str())));
        let nth = |class: Class, at: u8| {
            let of_class = directory.records().into_iter().filter(|record| record.id.class == class);
            let ids: Vec<ObjectId> = of_class.map(|record| record.id).collect();
            ids.get(usize::from(at) % ids.len().max(1)).cloned()
        };
        match event {
            Event::Joins(id) if hr.record(&user(id)).is_none() => hr.push(person(&id.to_string())),
            Event::Joins(_) => {}
            Event::Leaves(id) => hr.remove(&user(id)),
            Event::Changes(id, name, value) => _ = hr.set(&user(id), *name, value.clone()),
            Event::TeamJoins(id, members) if hr.record(&team(id)).is_none() => {
                let members: Vec<&str> = members.iter().map(String::as_str).collect();
                hr.push(group(&format!("g{id}"), &members));
            }
            Event::TeamJoins(..) => {}
            Event::TeamLeaves(id) => hr.remove(&team(id)),
            Event::Teams(id, name, ids) => _ = hr.set(&team(id), *name, list(ids)),
            Event::Edits(at, name, value) => {
                if let Some(id) = nth(Class::USER, *at) {
                    directory.set(&id, *name, value.clone());
                }
            }
            Event::Empties(at) => {
                if let Some(id) = nth(Class::GROUP, *at) {
                    directory.set(&id, "members", texts(&[]));
                }
            }
            Event::Hours(hours) => self.org.clock.advance(Duration::from_secs(u64::from(*hours) * 3600)),
        }
    }

    /// Takes out of all sets whoever is gone, as a directory does by itself.
    fn tidy(&self) {
        let directory = &self.org.directory;
        let records = directory.records();
        let is_there = |id: &Value| {
            let id = id.as_text().unwrap_or_default();
            records.iter().any(|record| &*record.id.id == id)
        };
        for record in &records {
            for name in ["members", "memberGroups", "owners"] {
                if let Some(Value::List(elements)) = record.get(name)
                    && !elements.iter().all(is_there)
                {
                    directory.set(&record.id, name, Value::list(elements.iter().filter(|id| is_there(id)).cloned()));
                }
            }
            if record.get("manager").is_some_and(|manager| !manager.is_null() && !is_there(manager)) {
                directory.set(&record.id, "manager", Value::Null);
            }
        }
    }

    /// All objects, with the elements of each in one order.
    fn objects(&self) -> Vec<Record> {
        let mut records = self.org.directory.records();
        for record in &mut records {
            for name in ["members", "memberGroups", "owners", "skuId"] {
                if let Some(Value::List(elements)) = record.get(name) {
                    let mut elements = elements.to_vec();
                    elements.sort();
                    record.attributes.insert(name.into(), Value::list(elements));
                }
            }
        }
        records.sort_by(|left, right| left.id.cmp(&right.id));
        records
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn incremental_runs_give_and_take_what_full_runs_do(
        flat in any::<bool>(),
        delete in any::<bool>(),
        seats in [prop::option::of(0..3_u64), prop::option::of(0..3_u64), prop::option::of(0..3_u64)],
        rounds in prop::collection::vec(prop::collection::vec(event(), 0..6), 1..5),
        replays in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let (full, incremental) = (Side::new(flat, delete, seats), Side::new(flat, delete, seats));
            for feed in &incremental.feeds {
                feed.behaves(Manners { replays, ..Manners::default() });
            }
            for (number, events) in std::iter::once(&Vec::new()).chain(&rounds).enumerate() {
                for event in events {
                    full.happens(event);
                    incremental.happens(event);
                }
                for pass in 0..3 {
                    let all = full.job.plan(Run::full().allow_empty_source()).await.expect("a plan");
                    let report = full.job.apply(&all, Apply::new()).await.expect("a report");
                    let plan = incremental.job.plan(Run::incremental().allow_empty_source()).await.expect("a plan");
                    let told = incremental.job.apply(&plan, Apply::new()).await.expect("a report");
                    full.tidy();
                    incremental.tidy();
                    prop_assert_eq!(
                        full.objects(), incremental.objects(),
                        "round {} pass {} after {:?}:\n{}{}{}{}", number, pass, events, all, report, plan, told
                    );
                    for side in [&full, &incremental] {
                        side.org.clock.advance(Duration::from_secs(3600));
                    }
                }
            }
            let last = incremental.job.plan(Run::full().allow_empty_source()).await.expect("a plan");
            let other = full.job.plan(Run::full().allow_empty_source()).await.expect("a plan");
            prop_assert_eq!(last.situations(), other.situations(), "{}{}", last, other);
            let writes = |plan: &entrant::Plan| {
                let writes = plan.entries().iter().filter(|entry| entry.writes());
                writes.map(|entry| (entry.key.clone(), entry.action)).collect::<Vec<(_, Action)>>()
            };
            prop_assert_eq!(writes(&last), writes(&other));
            Ok(())
        })?;
    }
}
