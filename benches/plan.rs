//! A full plan over unchanged people, beside a hand-written hash join with attribute diff: the ratio counts.

use std::collections::HashMap;

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
    let schema = ATTRIBUTES.iter().fold(
        Schema::new(Class::USER).with("id", AttributeSchema::text()),
        |schema, name| schema.with(*name, AttributeSchema::text()),
    );
    let (hr, directory) = (MemoryStore::new("hr").with_records(people()), MemoryStore::new("directory").with_schema(schema));
    let mapping = ATTRIBUTES.iter().fold(Mapping::users().attribute("id", "id").match_on("id"), |mapping, name| {
        mapping.attribute(*name, *name)
    });
    let job = Job::builder("bench")
        .source(hr)
        .target(directory.clone())
        .mapping(mapping)
        .policy(Policy::outbound(Preferences::default()))
        .state(MemoryState::new())
        .build()
        .expect("a job");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(job.run(Run::full(), Apply::new())).expect("a first run");
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
            let by_id: HashMap<&Value, &Record> = right.iter().filter_map(|record| Some((record.get("id")?, record))).collect();
            let differs = |record: &&Record| {
                let other = record.get("id").and_then(|id| by_id.get(id));
                other.is_none_or(|other| ATTRIBUTES.iter().any(|name| record.get(name) != other.get(name)))
            };
            assert_eq!(left.iter().filter(differs).count(), 0);
        });
    });
    group.finish();
}

criterion_group!(benches, unchanged);
criterion_main!(benches);
