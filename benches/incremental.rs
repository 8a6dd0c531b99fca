//! An incremental plan of 100 changes beside a full plan of the same directory, in one run: the ratio counts.
//!
//! `cargo bench --bench incremental -- 100000` takes another number of people than a million.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use entrant::job::{Apply, Run};
use entrant::model::{AttributeSchema, Change, ChangeId, Class, Name, ObjectId, Schema, Written};
use entrant::reconcile::Guard;
use entrant::store::{Capabilities, Cursor, GetSupport, Lookup, MemoryState, Query, Read, Source, Target};
use entrant::{Error, ErrorKind, Job, Mapping, Policy, Preferences, Record, Result, Value};
use futures::StreamExt;
use futures::stream::{self, BoxStream};

const PEOPLE: usize = 1_000_000;
const CHANGES: usize = 100;
const ROUNDS: u32 = 20;
const ATTRIBUTES: [&str; 12] = ["a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "a10", "a11"];

/// People in memory, found by id and by the attribute `id`, with a list of what changed.
#[derive(Debug, Clone)]
struct People {
    name: &'static str,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    records: Vec<Record>,
    places: HashMap<ObjectId, usize>,
    by_number: HashMap<Value, usize>,
    changed: Vec<usize>,
}

impl People {
    fn new(name: &'static str, prefix: &str, count: usize) -> Self {
        let person = |id: usize| {
            let record = Record::new(ObjectId::user(format!("{prefix}{id}"))).with("id", id.to_string());
            ATTRIBUTES.iter().fold(record, |record, name| record.with(*name, format!("{name} of {id}")))
        };
        let records: Vec<Record> = (0..count).map(person).collect();
        let places = records.iter().enumerate().map(|(at, record)| (record.id.clone(), at)).collect();
        let number = |record: &Record| record.get("id").cloned().unwrap_or_default();
        let by_number = records.iter().enumerate().map(|(at, record)| (number(record), at)).collect();
        Self { name, shared: Arc::new(Mutex::new(Shared { records, places, by_number, changed: Vec::new() })) }
    }

    fn shared(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().expect("nobody panics with the lock")
    }

    /// Changes so many, spread over all.
    fn change(&self, count: usize, value: &str) {
        let mut shared = self.shared();
        let step = (shared.records.len() / count).max(1);
        shared.changed = (0..count).map(|number| number * step).collect();
        for at in shared.changed.clone() {
            shared.records[at].attributes.insert("a3".into(), value.into());
        }
    }
}

#[async_trait]
impl Source for People {
    fn name(&self) -> &str {
        self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default().with_get(GetSupport::Authoritative).with_find()
    }

    async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        let shared = self.shared();
        let found = |id| shared.places.get(id).map(|at| shared.records[*at].clone());
        Ok(ids.iter().map(|id| found(id).map_or(Lookup::None, Lookup::One)).collect())
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        let shared = self.shared();
        let told: Vec<Record> = match &query.since {
            Some(_) => shared.changed.iter().map(|at| shared.records[*at].clone()).collect(),
            None => shared.records.clone(),
        };
        let end = Read::complete_at(Cursor::new("now"));
        stream::iter(told.into_iter().map(Read::Record).chain([end]).map(Ok)).boxed()
    }
}

#[async_trait]
impl Target for People {
    fn schema(&self, _: &Class) -> Result<Arc<Schema>> {
        let schema = Schema::new(Class::USER).with("id", AttributeSchema::text());
        Ok(Arc::new(ATTRIBUTES.iter().fold(schema, |schema, name| schema.with(*name, AttributeSchema::text()))))
    }

    fn write<'a>(&'a self, changes: Vec<Change>) -> BoxStream<'a, (ChangeId, Result<Written>)> {
        let refused = |change: Change| (change.id, Err(Error::new(ErrorKind::Unsupported, "nothing is written here")));
        stream::iter(changes).map(refused).boxed()
    }

    async fn find(&self, _: &Class, attribute: &Name, values: &[Value]) -> Result<Vec<Record>> {
        assert_eq!(attribute.as_str(), "id");
        let shared = self.shared();
        Ok(values.iter().filter_map(|value| Some(shared.records[*shared.by_number.get(value)?].clone())).collect())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let number = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let few = std::env::args().any(|word| word == "--test");
    let people = number.unwrap_or(if few { 2_000 } else { PEOPLE });
    let (hr, directory) = (People::new("hr", "", people), People::new("directory", "t", people));
    let mapping = ATTRIBUTES
        .iter()
        .fold(Mapping::users().attribute("id", "id").match_on("id"), |mapping, name| mapping.attribute(*name, *name));
    let job = Job::builder("bench")
        .source(hr.clone())
        .target(directory)
        .mapping(mapping)
        .policy(Policy::outbound(Preferences::default()))
        .state(MemoryState::new())
        .build()
        .expect("a job");
    let began = Instant::now();
    let report = job.run(Run::full(), Apply::new().lift(Guard::Adopt)).await.expect("a first run");
    println!("{people} people linked in {:.1?}: {:?}", began.elapsed(), report.status);

    hr.change(CHANGES, "changed");
    let began = Instant::now();
    let plan = job.plan(Run::full()).await.expect("a plan");
    let full = began.elapsed();
    assert_eq!(plan.entries().len(), CHANGES);
    drop(plan);
    let mut incremental = Duration::ZERO;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let plan = job.plan(Run::incremental()).await.expect("a plan");
        incremental += began.elapsed();
        assert_eq!((plan.entries().len(), plan.reads()[0].changes), (CHANGES, true), "{}", plan.summary());
    }
    let incremental = incremental / ROUNDS;
    println!("full plan: {full:.2?}");
    println!(
        "incremental plan of {CHANGES} changes: {incremental:.2?}, 1/{:.0} of it",
        full.as_secs_f64() / incremental.as_secs_f64()
    );
}
