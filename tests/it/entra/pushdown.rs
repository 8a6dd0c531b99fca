//! A run's filter, tested by Graph or here: the same plan.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use entrant::adapters::Entra;
use entrant::job::Run;
use entrant::mapping::Mapping;
use entrant::model::{AttributeSchema, Class, Filter, ObjectId, Schema, all, any, eq, is_in, ne, present, starts_with};
use entrant::reconcile::{Plan, Policy, Preferences};
use entrant::store::{Capabilities, Lookup, MemoryState, MemoryStore, Query, Read, Source};
use entrant::{Job, Result, Value};
use futures::StreamExt;
use futures::stream::BoxStream;
use proptest::prelude::*;

use super::{clock, entra, person, sim, update, write_one};

/// A tenant as a source, with or without its filters.
#[derive(Debug, Clone)]
struct Watched {
    inner: Entra,
    filters: bool,
    yielded: Arc<AtomicUsize>,
}

#[async_trait]
impl Source for Watched {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
    async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        self.inner.get(ids).await
    }
    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        let mut query = query.clone();
        if !self.filters {
            query.filter = None;
        }
        let count = |read: &Result<Read>| {
            self.yielded.fetch_add(usize::from(matches!(read, Ok(Read::Record(_)))), Ordering::Relaxed);
        };
        self.inner.read(&query).inspect(count).boxed()
    }
}

struct World {
    clock: entrant::clock::ManualClock,
    pushes: Watched,
    keeps: Watched,
}

impl World {
    async fn new() -> Self {
        let clock = clock();
        let sim = sim(&clock);
        let entra = entra(&sim, &clock).await;
        let people: [&[(&str, Value)]; 7] = [
            &[("department", "Sales".into()), ("surname", "O'Neil".into()), ("city", "Leeds".into())],
            &[("department", "SALES".into()), ("surname", "Li".into())],
            &[("department", "sales ops".into()), ("surname", "Ürün".into()), ("accountEnabled", false.into())],
            &[("department", "R&D".into()), ("city", "leeds".into()), ("usageLocation", "GB".into())],
            &[("surname", "li".into()), ("employeeId", "7".into())],
            &[("city", "Zürich".into()), ("employeeId", "77".into())],
            &[],
        ];
        for (number, pairs) in people.iter().enumerate() {
            let id = write_one(&entra, person(&format!("p{number}"))).await.expect("a person");
            if !pairs.is_empty() {
                write_one(&entra, update(&id.id, pairs)).await.expect("what he is");
            }
        }
        let watched = |filters| Watched { inner: entra.clone(), filters, yielded: Arc::default() };
        Self { clock, pushes: watched(true), keeps: watched(false) }
    }

    async fn plan(&self, source: &Watched, filter: &Filter) -> (Plan, usize) {
        source.yielded.store(0, Ordering::Relaxed);
        let schema =
            Schema::new(Class::USER).with("name", AttributeSchema::text()).with("town", AttributeSchema::text());
        let job = Job::builder("import")
            .source(source.clone())
            .target(MemoryStore::new("hr").with_schema(schema))
            .mapping(Mapping::users().attribute("name", "userPrincipalName").attribute("town", "city"))
            .policy(Policy::outbound(Preferences::default()))
            .state(MemoryState::new().with_clock(self.clock.clone()))
            .clock(self.clock.clone())
            .build()
            .expect("a job");
        let plan = job.plan(Run::full().filter(filter.clone())).await.expect("a plan");
        (plan, source.yielded.load(Ordering::Relaxed))
    }

    /// Whether Graph answered with fewer than all, and the plan is the same.
    async fn is_pushed(&self, filter: &Filter) -> std::result::Result<bool, String> {
        let (pushed, fewer) = self.plan(&self.pushes, filter).await;
        let (kept, all) = self.plan(&self.keeps, filter).await;
        match pushed.to_json() == kept.to_json() {
            true => Ok(fewer < all),
            false => Err(format!("{filter:?}\npushed down:\n{pushed}\nnot:\n{kept}")),
        }
    }
}

#[tokio::test]
async fn what_graph_tests_alike_is_left_to_it_and_nothing_else() {
    let world = World::new().await;
    let many = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
    #[rustfmt::skip]
    let table = [
        (eq("department", "sales"), true, "text, in any case"),
        (eq("surname", "O'Neil"), true, "a quote"),
        (eq("surname", "Ürün"), false, "Graph may fold otherwise"),
        (ne("department", "Sales"), false, "who has none"),
        (eq("department", "Sales").not(), false, "a negation"),
        (present("city"), false, "blank is not null"),
        (starts_with("department", "sales"), true, "a start"),
        (starts_with("state", "x"), false, "Graph knows no start of a state"),
        (eq("accountEnabled", false), true, "a Boolean"),
        (eq("accountEnabled", "false"), false, "text is no Boolean, and Graph would refuse the question"),
        (eq("city", true), false, "a Boolean is no text"),
        (eq("city", 7), false, "a number is no text"),
        (is_in("employeeId", ["7", "77"]), true, "several"),
        (is_in("employeeId", many(15)), true, "as many as Graph takes"),
        (is_in("employeeId", many(16)), false, "more"),
        (any(many(16).into_iter().map(|id| eq("employeeId", id))), false, "more alternatives than Graph takes"),
        (any([is_in("employeeId", many(8)), is_in("city", many(8))]), false, "however they are said"),
        (eq("id", "nobody"), false, "no id, and Graph would refuse the question"),
        (eq("id", "00000000-0000-0000-0000-000000000001"), true, "an id of nobody"),
        (eq("city", "x".repeat(10_000)), false, "an address has its limits"),
        (all([eq("department", "Sales"), ne("surname", "Li")]), true, "the part that can be"),
        (any([eq("department", "Sales"), ne("surname", "Li")]), false, "no part of an or"),
        (all([]), false, "everything"),
        (any([]), false, "nothing"),
        (eq("companyName", "x"), false, "only in an advanced query"),
        (eq("otherMails", "x"), false, "several values"),
        (eq("nonsense", "x"), false, "no attribute"),
    ];
    for (filter, expected, why) in table {
        assert_eq!(world.is_pushed(&filter).await, Ok(expected), "{why}");
    }
}

fn filter() -> impl Strategy<Value = Filter> {
    let name =
        || prop::sample::select(&["department", "surname", "city", "employeeId", "usageLocation", "companyName"][..]);
    let text =
        || prop::sample::select(&["Sales", "sales", "S", "Li", "O'Neil", "Ürün", "leeds", "7", "", " ", "GB"][..]);
    let leaf = prop_oneof![
        (name(), text()).prop_map(|(name, text)| eq(name, text)),
        (name(), text()).prop_map(|(name, text)| ne(name, text)),
        (name(), text()).prop_map(|(name, text)| starts_with(name, text)),
        (name(), prop::collection::vec(text(), 0..4)).prop_map(|(name, texts)| is_in(name, texts)),
        name().prop_map(present),
        prop::bool::ANY.prop_map(|enabled| eq("accountEnabled", enabled)),
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(all),
            prop::collection::vec(inner.clone(), 0..3).prop_map(any),
            inner.prop_map(Filter::not),
        ]
    })
}

#[test]
fn any_filter_gives_the_same_plan_whoever_tests_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let world = runtime.block_on(World::new());
    let pushed = AtomicUsize::new(0);
    let mut config = ProptestConfig::default();
    config.cases = config.cases.min(100);
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&filter(), |filter| {
            let fewer = runtime.block_on(world.is_pushed(&filter)).map_err(TestCaseError::fail)?;
            pushed.fetch_add(usize::from(fewer), Ordering::Relaxed);
            Ok(())
        })
        .expect("the same plan");
    let pushed = pushed.into_inner();
    // How many of a hundred is chance; some are.
    assert!(pushed > 0, "{pushed} were pushed down");
}
