//! A full plan over a whole directory, from two streams of records, beside a hand-written hash join over loaded data.
//!
//! Each is a process of its own, so that its time and its peak of memory are its own; the time is that on the processor
//! where the system tells it (Linux), so that others who use the machine count less. `PEOPLE` sets the size, 100,000
//! if it is not set; `cargo bench --bench million` with `PEOPLE=1000000` is the size that the aims speak of.

use std::collections::HashMap;
use std::fmt::Write;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use compact_str::CompactString;
use entrant::job::{Apply, Run};
use entrant::model::{AttributeSchema, Change, ChangeId, Class, Name, ObjectId, Schema, Shape, Written};
use entrant::reconcile::{Action, Guard};
use entrant::store::{Batch, Capabilities, Lease, MemoryState, MemoryStore, Query, Read, Source, State, Table, Target};
use entrant::{Error, ErrorKind, Job, Mapping, Policy, Preferences, Record, Result, Value};
use futures::StreamExt;
use futures::stream::{self, BoxStream};

const ROLE: &str = "ENTRANT_BENCH_ROLE";
/// Of a hundred people eight have changed, one has joined and one has left.
const CHANGED: usize = 8;

fn main() {
    let people = std::env::var("PEOPLE").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    match std::env::var(ROLE) {
        Ok(role) => child(&role, people),
        Err(_) => parent(people),
    }
}

/// Runs each role as a process of its own, and sets what they say side by side.
fn parent(people: usize) {
    println!("{people} source × {people} target records, 12 attributes, 8 % changed, 1 % joiners, 1 % leavers");
    let mut floor: Option<(f64, f64)> = None;
    for (role, what) in [
        ("floor", "floor: hash join and diff on loaded data"),
        ("streams", "the two streams alone, read and dropped"),
        ("direct", "plan, all mapped directly"),
        ("expressions", "plan, five expressions"),
    ] {
        let program = std::env::current_exe().expect("this program");
        let output = Command::new(program).env(ROLE, role).env("PEOPLE", people.to_string()).output().expect("a child");
        assert!(output.status.success(), "{role}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("text");
        let said: HashMap<&str, f64> = text
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(name, n)| (name, n.parse().expect("a number")))
            .collect();
        let (seconds, peak) = (said["seconds"], said["peak"]);
        let (time, memory) = *floor.get_or_insert((seconds, peak));
        print!("{what:45} {seconds:7.3} s ({:4.2} ×) {peak:7.0} MiB ({:4.2} ×)", seconds / time, peak / memory);
        match (said.get("load"), said.get("links")) {
            (Some(load), _) => println!("   after {load:.3} s to load the data, which is not counted"),
            (_, Some(links)) => println!("   after {links:.3} s for the links, {:.0} MiB", said["links-memory"]),
            _ => println!(),
        }
    }
}

fn child(role: &str, people: usize) {
    let mut said = match role {
        "floor" => floor(people),
        "streams" => streams(people),
        "direct" => plan(people, mapping(false)),
        _ => plan(people, mapping(true)),
    };
    said.push(("peak", memory("VmHWM")));
    said.iter().for_each(|(name, number)| println!("{name} {number}"));
}

/// A moment, by the time that this process spent on a processor.
#[derive(Debug, Clone, Copy)]
struct Moment(f64);

impl Moment {
    fn now() -> Self {
        let spent = std::fs::read_to_string("/proc/self/schedstat").ok();
        let spent = spent.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
        Self(spent.map_or_else(|| BEGAN.get_or_init(Instant::now).elapsed().as_secs_f64(), |nanos| nanos / 1e9))
    }

    fn until(self, later: Self) -> f64 {
        later.0 - self.0
    }
}

static BEGAN: OnceLock<Instant> = OnceLock::new();

/// What the system says of this process, in MiB; not a number where there is no such file.
fn memory(what: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(what));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    number.map_or(f64::NAN, |kib| kib / 1024.0)
}

// Who the people are.

const ATTRIBUTES: [&str; 12] = [
    "city",
    "company",
    "country",
    "department",
    "displayName",
    "employeeId",
    "givenName",
    "mail",
    "office",
    "phone",
    "surname",
    "title",
];
const GIVEN: [&str; 8] = ["Ada", "Grace", "Konstantin", "Jun", "Maria", "Oluwaseun", "Sigríður", "Tom"];
const FAMILY: [&str; 8] = ["Lovelace", "Hopper", "Ek", "Watanabe", "Fernández", "Adeyemi", "Olson", "Brown"];
const CITIES: [&str; 8] = ["Berlin", "Paris", "Oslo", "Kyoto", "San Francisco", "Lagos", "Porto", "Leeds"];
const DEPARTMENTS: [&str; 8] =
    ["Sales", "Engineering", "Legal", "Finance", "People", "Customer Success", "Research", "Facilities"];
const TITLES: [&str; 8] =
    ["Engineer", "Senior Engineer", "Counsel", "Accountant", "Manager", "Director", "Assistant", "Analyst"];

/// Who left has a number below, who joined one above those of the others.
fn of_source(at: usize, people: usize) -> usize {
    at + people / 100
}

/// The target has its own order.
fn of_target(at: usize, people: usize) -> usize {
    at * 7_919 % people
}

/// Calls back with each value of a person, in the order of [`ATTRIBUTES`].
fn values(person: usize, changed: bool, text: &mut String, mut each: impl FnMut(usize, &str)) {
    let (given, family) = (GIVEN[person % 8], FAMILY[person / 8 % 8]);
    let mut digits = [b'0'; 7];
    let mut whole = |at: usize, parts: &[&str], number: Option<usize>, end: &str| {
        if let ([whole], None, "") = (parts, number, end) {
            return each(at, whole);
        }
        text.clear();
        parts.iter().for_each(|part| text.push_str(part));
        if let Some(number) = number {
            let mut rest = number;
            digits.iter_mut().rev().for_each(|digit| {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            });
            text.push_str(std::str::from_utf8(&digits).expect("digits"));
        }
        text.push_str(end);
        each(at, text);
    };
    whole(0, &[CITIES[person / 64 % 8]], None, "");
    whole(1, &["Contoso GmbH"], None, "");
    whole(2, &["DE"], None, "");
    whole(3, &[DEPARTMENTS[person / 512 % 8]], None, "");
    whole(4, &[given, " ", family], None, "");
    whole(5, &["E"], Some(person), "");
    whole(6, &[given], None, "");
    whole(7, &[given, "."], Some(person), "@contoso.example");
    whole(8, &["B"], Some(person % 500), "");
    whole(9, &["+49 30 "], Some(person), "");
    whole(10, &[family], None, "");
    whole(11, &[TITLES[(person / 100 + usize::from(changed)) % 8]], None, "");
}

fn is_changed(person: usize) -> bool {
    person % 100 < CHANGED
}

/// The id that a person has in the target, as long as those of a directory.
fn target_id(person: usize) -> String {
    format!("{TARGET_ID}{person:012}")
}

const TARGET_ID: &str = "00000000-0000-4000-8000-";

// The floor.

struct Row {
    id: CompactString,
    values: [CompactString; 12],
}

/// Both sides loaded, then joined by the employee id, and the attributes compared.
fn floor(people: usize) -> Vec<(&'static str, f64)> {
    let began = Moment::now();
    let mut text = String::new();
    let mut row = |id: String, person: usize, changed: bool| {
        let mut row = Row { id: id.into(), values: Default::default() };
        values(person, changed, &mut text, |at, value| row.values[at] = value.into());
        row
    };
    let sources: Vec<Row> = (0..people)
        .map(|at| of_source(at, people))
        .map(|person| row(person.to_string(), person, is_changed(person)))
        .collect();
    let targets: Vec<Row> =
        (0..people).map(|at| of_target(at, people)).map(|person| row(target_id(person), person, false)).collect();
    let start = Moment::now();
    let mut by_key: HashMap<&str, usize, foldhash::fast::RandomState> =
        HashMap::with_capacity_and_hasher(targets.len(), Default::default());
    by_key.extend(targets.iter().enumerate().map(|(at, row)| (row.values[5].as_str(), at)));
    let mut met = vec![false; targets.len()];
    let mut changes: Vec<(CompactString, usize, CompactString, CompactString)> = Vec::new();
    let mut joiners: Vec<CompactString> = Vec::new();
    for source in &sources {
        let Some(at) = by_key.get(source.values[5].as_str()) else {
            joiners.push(source.id.clone());
            continue;
        };
        met[*at] = true;
        for (number, (new, old)) in source.values.iter().zip(&targets[*at].values).enumerate() {
            if new != old {
                changes.push((targets[*at].id.clone(), number, old.clone(), new.clone()));
            }
        }
    }
    let leavers: Vec<CompactString> =
        targets.iter().zip(&met).filter(|(_, met)| !**met).map(|(row, _)| row.id.clone()).collect();
    let seconds = start.until(Moment::now());
    assert_eq!((joiners.len(), leavers.len()), (people / 100, people / 100));
    assert!(changes.len().abs_diff(people * CHANGED / 100) <= people / 100, "{}", changes.len());
    vec![("seconds", seconds), ("load", began.until(start))]
}

// The plan.

/// One side, made as it is read: no record is there before.
#[derive(Debug)]
struct Side {
    name: &'static str,
    people: usize,
    schema: Arc<Schema>,
    /// When the first read began, and what the process held then.
    began: Arc<Mutex<Option<(Moment, f64)>>>,
}

fn side(name: &'static str, people: usize) -> Side {
    let schema = ATTRIBUTES
        .iter()
        .fold(Schema::new(Class::USER), |schema, name| schema.with(*name, AttributeSchema::text()))
        .with("mail", AttributeSchema::text().ignore_case().unique_in("mail"))
        .with("active", AttributeSchema::boolean())
        .with_status("active");
    Side { name, people, schema: Arc::new(schema), began: Arc::default() }
}

/// What records are made with.
struct Draft {
    /// In their order.
    names: Vec<Name>,
    shape: Shape,
    values: Vec<Value>,
    text: String,
}

impl Side {
    fn record(&self, at: usize, draft: &mut Draft) -> Record {
        let is_source = self.name == "hr";
        let person = if is_source { of_source(at, self.people) } else { of_target(at, self.people) };
        let Draft { names, shape, values: held, text } = draft;
        text.clear();
        let written = if is_source { write!(text, "{person}") } else { write!(text, "{TARGET_ID}{person:012}") };
        written.expect("a text takes what is written");
        let id = ObjectId::user(text.as_str());
        held.push(Value::Bool(true));
        values(person, is_source && is_changed(person), text, |_, value| held.push(Value::from(value)));
        let mut record = Record::new(id);
        record.attributes = shape.attributes(names.iter().zip(held.drain(..)));
        record
    }
}

#[async_trait]
impl Source for Side {
    fn name(&self) -> &str {
        self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn read(&self, _: &Query) -> BoxStream<'_, Result<Read>> {
        let mut began = self.began.lock().expect("no panic");
        began.get_or_insert_with(|| (Moment::now(), memory("VmRSS")));
        let names = ["active"].into_iter().chain(ATTRIBUTES).map(Name::from).collect();
        let mut draft = Draft { names, shape: Shape::new(), values: Vec::new(), text: String::new() };
        let records = (0..self.people).map(move |at| Ok(Read::Record(self.record(at, &mut draft))));
        stream::iter(records.chain([Ok(Read::complete())])).boxed()
    }
}

#[async_trait]
impl Target for Side {
    fn schema(&self, _: &Class) -> Result<Arc<Schema>> {
        Ok(Arc::clone(&self.schema))
    }

    fn write<'a>(&'a self, _: Vec<Change>) -> BoxStream<'a, (ChangeId, Result<Written>)> {
        stream::empty().boxed()
    }
}

/// Links for all who have not joined, made as they are scanned, from the rows that the crate itself wrote for one.
#[derive(Debug)]
struct Links {
    rows: Vec<(Table, Vec<u8>, Vec<u8>)>,
    people: usize,
}

const SAMPLE_SOURCE: &str = "sample-source";
const SAMPLE_TARGET: &str = "sample-target";

impl Links {
    async fn new(people: usize) -> Self {
        let (hr, directory) = (side("hr", people), side("directory", people));
        let record = |id: &str| {
            ATTRIBUTES.iter().fold(Record::new(ObjectId::user(id)), |record, name| record.with(*name, "sample"))
        };
        let hr = MemoryStore::new(hr.name).with_record(record(SAMPLE_SOURCE).with("active", true));
        let there = record(SAMPLE_TARGET).with("active", true);
        let directory = MemoryStore::new(directory.name).with_schema((*directory.schema).clone()).with_record(there);
        let state = Arc::new(MemoryState::new());
        let job = job(hr, directory, Arc::clone(&state), mapping(false));
        _ = job.run(Run::full(), Apply::new().lift(Guard::Adopt)).await.expect("a first run");
        let mut rows = Vec::new();
        for table in [Table::LinkSets, Table::Links] {
            let mut stored = state.scan(table, b"");
            while let Some(row) = stored.next().await {
                let (key, value) = row.expect("a row");
                rows.push((table, key, value));
            }
        }
        Self { rows, people }
    }
}

/// A text with the sample's ids replaced.
struct Template(Vec<(Vec<u8>, Option<bool>)>);

impl Template {
    fn new(text: &[u8]) -> Self {
        let mut rest = std::str::from_utf8(text).expect("text");
        let mut parts = Vec::new();
        loop {
            let next = [(SAMPLE_SOURCE, true), (SAMPLE_TARGET, false)]
                .into_iter()
                .filter_map(|(sample, is_source)| Some((rest.find(sample)?, sample.len(), is_source)))
                .min();
            match next {
                Some((at, length, is_source)) => {
                    parts.push((rest.as_bytes()[..at].to_vec(), Some(is_source)));
                    rest = &rest[at + length..];
                }
                None => {
                    parts.push((rest.as_bytes().to_vec(), None));
                    return Self(parts);
                }
            }
        }
    }

    fn fill(&self, source: &str, target: &str) -> Vec<u8> {
        let mut text = Vec::with_capacity(512);
        for (part, id) in &self.0 {
            text.extend_from_slice(part);
            text.extend_from_slice(id.map_or("", |is_source| if is_source { source } else { target }).as_bytes());
        }
        text
    }
}

#[async_trait]
impl State for Links {
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let row = self.rows.iter().find(|(own, at, _)| *own == table && at == key);
        Ok(row.map(|(_, _, value)| value.clone()))
    }

    fn scan(&self, table: Table, _: &[u8]) -> BoxStream<'_, Result<(Vec<u8>, Vec<u8>)>> {
        if table != Table::Links {
            return stream::empty().boxed();
        }
        let links = self.rows.iter().filter(|(own, ..)| *own == Table::Links);
        let rows = links.flat_map(|(_, key, value)| {
            let (key, value) = (Template::new(key), Template::new(value));
            (0..self.people).map(move |person| {
                let (source, target) = (person.to_string(), target_id(person));
                Ok((key.fill(&source, &target), value.fill(&source, &target)))
            })
        });
        stream::iter(rows).boxed()
    }

    async fn commit(&self, _: &Lease, _: Batch) -> Result<()> {
        Err(Error::new(ErrorKind::Store, "a plan writes nothing"))
    }

    async fn lease(&self, _: &str, _: Duration) -> Result<Option<Lease>> {
        Ok(None)
    }

    async fn renew(&self, _: &Lease, _: Duration) -> Result<Option<Lease>> {
        Ok(None)
    }

    async fn release(&self, _: Lease) -> Result<()> {
        Ok(())
    }
}

fn mapping(expressions: bool) -> Mapping {
    let of = |name: &str| match name {
        "city" => Some("Trim([city])"),
        "displayName" => Some("Join(\" \", [givenName], [surname])"),
        "mail" => Some("Coalesce([mail], Append([employeeId], \"@contoso.example\"))"),
        "office" => Some("ToUpper([office])"),
        "title" => Some("IIF(IsNullOrEmpty([title]), \"none\", [title])"),
        _ => None,
    };
    let mapping = Mapping::users().attribute("active", "active").match_on("employeeId");
    ATTRIBUTES.iter().fold(mapping, |mapping, name| match of(name).filter(|_| expressions) {
        Some(expression) => mapping.expression(*name, expression).expect("an expression"),
        None => mapping.attribute(*name, *name),
    })
}

fn job(source: impl Source, target: impl Target, state: impl State, mapping: Mapping) -> Job {
    Job::builder("million")
        .source(source)
        .target(target)
        .mapping(mapping)
        .policy(Policy::outbound(Preferences::default()))
        .state(state)
        .build()
        .expect("a job")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn plan(people: usize, mapping: Mapping) -> Vec<(&'static str, f64)> {
    let runtime = runtime();
    let links = runtime.block_on(Links::new(people));
    let (hr, directory) = (side("hr", people), side("directory", people));
    let began = [Arc::clone(&hr.began), Arc::clone(&directory.began)];
    let job = job(hr, directory, links, mapping);
    let start = Moment::now();
    let plan = runtime.block_on(job.plan(Run::full())).expect("a plan");
    let end = Moment::now();
    let count = |action: Action| plan.entries().iter().filter(|entry| entry.action == action).count();
    assert_eq!((count(Action::Create), count(Action::Disable)), (people / 100, people / 100));
    assert!(count(Action::Update).abs_diff(people * CHANGED / 100) <= people / 100);
    let reads = began.iter().filter_map(|began| *began.lock().expect("no panic"));
    let (read, held) = reads.min_by(|(one, _), (other, _)| one.0.total_cmp(&other.0)).expect("a read");
    vec![("seconds", read.until(end)), ("links", start.until(read)), ("links-memory", held)]
}

/// What making the records costs by itself.
fn streams(people: usize) -> Vec<(&'static str, f64)> {
    let (hr, directory) = (side("hr", people), side("directory", people));
    let start = Moment::now();
    let read = async {
        let mut records = 0_usize;
        for side in [&hr, &directory] {
            let mut stream = side.read(&Query::all(Class::USER));
            while let Some(step) = stream.next().await {
                records += usize::from(matches!(step, Ok(Read::Record(_))));
            }
        }
        records
    };
    assert_eq!(runtime().block_on(read), 2 * people);
    vec![("seconds", start.until(Moment::now()))]
}
