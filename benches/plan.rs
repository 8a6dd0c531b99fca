//! Full plans, beside hand-written hash joins with a diff: the ratio counts.

use std::collections::{HashMap, HashSet};

use criterion::{Criterion, criterion_group, criterion_main};
use entrant::job::{Apply, Run};
use entrant::model::{AttributeSchema, Class, ObjectId, Schema};
use entrant::store::{MemoryState, MemoryStore};
use entrant::{Job, Mapping, Policy, Preferences, Record, Value};

const PEOPLE: usize = 10_000;
const ATTRIBUTES: [&str; 12] = ["a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "a10", "a11"];

fn people() -> Vec<Record> {
    let person = |id: usize| {
        let record = Record::new(ObjectId::user(id.to_string())).with("id", id.to_string());
        ATTRIBUTES.iter().fold(record, |record, name| record.with(*name, format!("{name} of {id}")))
    };
    (0..PEOPLE).map(person).collect()
}

fn unchanged(criterion: &mut Criterion) {
    let schema =
        ATTRIBUTES.iter().fold(Schema::new(Class::USER).with("id", AttributeSchema::text()), |schema, name| {
            schema.with(*name, AttributeSchema::text())
        });
    let (hr, directory) =
        (MemoryStore::new("hr").with_records(people()), MemoryStore::new("directory").with_schema(schema));
    let mapping = ATTRIBUTES
        .iter()
        .fold(Mapping::users().attribute("id", "id").match_on("id"), |mapping, name| mapping.attribute(*name, *name));
    let job = Job::builder("bench")
        .source(hr)
        .target(directory.clone())
        .mapping(mapping)
        .policy(Policy::outbound(Preferences::default()))
        .state(MemoryState::new())
        .build()
        .expect("a job");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    _ = runtime.block_on(job.run(Run::full(), Apply::new())).expect("a first run");
    let mut group = criterion.benchmark_group("plan");
    group.sample_size(10);
    group.bench_function("full plan, 10,000 unchanged", |bencher| {
        bencher.iter(|| {
            let plan = runtime.block_on(job.plan(Run::full())).expect("a plan");
            assert!(plan.is_converged());
        });
    });
    let (left, right) = (people(), directory.records());
    group.bench_function("floor: hash join and diff", |bencher| {
        bencher.iter(|| {
            let by_id: HashMap<&Value, &Record> =
                right.iter().filter_map(|record| Some((record.get("id")?, record))).collect();
            let differs = |record: &&Record| {
                let other = record.get("id").and_then(|id| by_id.get(id));
                other.is_none_or(|other| ATTRIBUTES.iter().any(|name| record.get(name) != other.get(name)))
            };
            assert_eq!(left.iter().filter(differs).count(), 0);
        });
    });
    group.finish();
}

const MEMBERS: usize = 1_000;
const GROUPS: usize = 1_000;
const STAFF: usize = 100_000;

/// A person with a manager, or a group with members, whose ids on the other side are made of these.
type Organisation = (Vec<Record>, Vec<Record>);

/// People with managers in groups with members; every hundredth manager and member is another one if `changed`.
fn organisation(changed: bool) -> Organisation {
    let other = |number: usize| usize::from(changed && number.is_multiple_of(100));
    let person = |id: usize| {
        let manager = (id / 10 + other(id)).min(STAFF - 1);
        Record::new(ObjectId::user(id.to_string()))
            .with("id", id.to_string())
            .with("name", format!("Person {id}"))
            .with("active", true)
            .with("manager", manager.to_string())
    };
    let group = |id: usize| {
        let member = |number: usize| {
            let step = other(number + id) * STAFF / 2;
            Value::text(((id * 97 + number * 101 + step) % STAFF).to_string())
        };
        Record::new(ObjectId::group(id.to_string()))
            .with("name", format!("Group {id}"))
            .with("members", Value::list((0..MEMBERS).map(member)))
    };
    ((0..STAFF).map(person).collect(), (0..GROUPS).map(group).collect())
}

fn memberships(criterion: &mut Criterion) {
    let users = Schema::new(Class::USER)
        .with("id", AttributeSchema::text())
        .with("name", AttributeSchema::text())
        .with("active", AttributeSchema::boolean())
        .with("manager", AttributeSchema::reference(Class::USER))
        .with_status("active");
    let groups = Schema::new(Class::GROUP)
        .with("name", AttributeSchema::text())
        .with("members", AttributeSchema::reference(Class::USER).many());
    let directory = MemoryStore::new("directory").with_schema(users).with_schema(groups);
    let state = MemoryState::new();
    let job = |hr: MemoryStore| {
        let mut people = Mapping::users().match_on("id");
        for name in ["id", "name", "active", "manager"] {
            people = people.attribute(name, name);
        }
        let teams = Mapping::groups().attribute("name", "name").attribute("members", "members").match_on("name");
        Job::builder("bench")
            .source(hr)
            .target(directory.clone())
            .mapping(people)
            .mapping(teams)
            .policy(Policy::outbound(Preferences::default()))
            .state(state.clone())
            .build()
            .expect("a job")
    };
    let (before, after) = (organisation(false), organisation(true));
    // Linking what is there already is quicker than making it; what it gives is its own all the same.
    let store =
        |(people, groups): &Organisation| MemoryStore::new("hr").with_records(people.iter().chain(groups).cloned());
    let (unchanged, changed) = (job(store(&before)), job(store(&after)));
    let account = |record: &Record| {
        let mut account = record.clone();
        account.id = ObjectId::new(record.id.class.clone(), format!("t{}", record.id.id));
        for name in ["manager", "members"] {
            let id = |id: &Value| Value::text(format!("t{}", id.as_text().unwrap_or_default()));
            match record.get(name) {
                Some(Value::List(ids)) => account = account.with(name, Value::list(ids.iter().map(id))),
                Some(one) => account = account.with(name, id(one)),
                None => {}
            }
        }
        account
    };
    before.0.iter().chain(&before.1).for_each(|record| directory.push(account(record)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let adopt = Apply::new().lift(entrant::reconcile::Guard::Adopt);
    _ = runtime.block_on(unchanged.run(Run::full(), adopt)).expect("a first run");
    let mut group = criterion.benchmark_group("memberships");
    group.sample_size(10);
    group.bench_function("full plan, 1,000,000 unchanged", |bencher| {
        bencher.iter(|| {
            let plan = runtime.block_on(unchanged.plan(Run::full())).expect("a plan");
            assert!(plan.is_converged());
        });
    });
    group.bench_function("full plan, 1 % changed", |bencher| {
        bencher.iter(|| {
            let plan = runtime.block_on(changed.plan(Run::full())).expect("a plan");
            assert!(plan.entries().len() > 1_000);
        });
    });
    let targets = directory.records();
    for (name, sources) in [("floor, unchanged", &before), ("floor, 1 % changed", &after)] {
        group.bench_function(name, |bencher| bencher.iter(|| floor(sources, &targets)));
    }
    group.finish();
}

/// Joins both sides by their matching attribute, resolves each reference and compares it: how many differ.
fn floor((people, groups): &Organisation, targets: &[Record]) -> usize {
    let ids = |class: &Class, name: &'static str| -> HashMap<&Value, &Record> {
        let of_class = targets.iter().filter(|record| record.id.class == *class);
        of_class.filter_map(|record| Some((record.get(name)?, record))).collect()
    };
    let (accounts, teams) = (ids(&Class::USER, "id"), ids(&Class::GROUP, "name"));
    let by_source: HashMap<&str, &Record> =
        people.iter().filter_map(|person| Some((&*person.id.id, *accounts.get(person.get("id")?)?))).collect();
    let resolved = |id: &Value| by_source.get(id.as_text()?).map(|record| &*record.id.id);
    let differs = |record: &Record, other: &Record, name: &str| {
        let held: HashSet<&str> =
            other.get(name).map_or(&[][..], Value::as_slice).iter().filter_map(Value::as_text).collect();
        let wanted = record.get(name).map_or(&[][..], Value::as_slice);
        wanted.iter().filter_map(resolved).filter(|id| !held.contains(id)).count()
    };
    let of_people = people.iter().filter_map(|person| {
        let account = accounts.get(person.get("id")?)?;
        let same = ["id", "name", "active"].iter().all(|name| person.get(name) == account.get(name));
        Some(usize::from(!same) + differs(person, account, "manager"))
    });
    let of_groups = groups.iter().filter_map(|group| Some(differs(group, teams.get(group.get("name")?)?, "members")));
    of_people.sum::<usize>() + of_groups.sum::<usize>()
}

criterion_group!(benches, unchanged, memberships);
criterion_main!(benches);
