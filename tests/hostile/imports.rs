//! The other direction: a tenant that lies, once, takes nothing away from the store that follows it.

use std::collections::BTreeSet;

use entrant::adapters::Entra;
use entrant::clock::ManualClock;
use entrant::connection::Connection;
use entrant::job::{Report, Run, RunStatus};
use entrant::model::{AttributeSchema, Class, Schema};
use entrant::reconcile::{Action, Situation, Winner};
use entrant::sim::Sim;
use entrant::store::{MemoryState, MemoryStore};
use entrant::{ErrorKind, Job, Mapping, Policy, Result};
use serde_json::{Value as Json, json};

use super::mutation::{CHANGES, Change, Liar, Mutation, WHOLE, places};
use super::world::{HOUR, unguarded};

struct World {
    clock: ManualClock,
    sim: Sim,
    table: MemoryStore,
    state: MemoryState,
    gone: String,
}

impl World {
    /// Five people in the tenant and in the table; then one of them leaves the tenant.
    async fn in_step() -> Self {
        let clock = ManualClock::at(time::macros::datetime!(2026-01-05 08:00 UTC));
        let sim = Sim::builder().domain("contoso.com").seed(7).clock(clock.clone()).build();
        let ids: Vec<String> = (1..=5)
            .map(|id| {
                sim.add_user(json!({
                    "userPrincipalName": format!("p{id}@contoso.com"), "displayName": format!("Person {id}"),
                    "accountEnabled": true, "jobTitle": "Clerk",
                }))
            })
            .collect();
        let text = AttributeSchema::text;
        let schema = Schema::new(Class::USER)
            .with("login", text().ignore_case().required().unique_in("login"))
            .with("title", text())
            .with("active", AttributeSchema::boolean().not_nullable())
            .with_status("active");
        let world = Self {
            table: MemoryStore::new("table").with_schema(schema).with_clock(clock.clone()),
            state: MemoryState::new().with_clock(clock.clone()),
            gone: ids[4].clone(),
            sim,
            clock,
        };
        for _ in 0..2 {
            _ = world.run(&Liar::new(world.sim.transport(), "", None)).await.expect("a report");
            world.clock.advance(HOUR);
        }
        assert_eq!(world.active().len(), 5);
        world.sim.delete_user(&world.gone);
        world
    }

    async fn run(&self, liar: &Liar) -> Result<Report> {
        let connection = Connection::builder(self.sim.tenant_id(), self.sim.client_id())
            .client_secret(self.sim.client_secret())
            .cloud(self.sim.cloud())
            .build()?;
        let entra = Entra::builder(connection).transport(liar.clone()).clock(self.clock.clone()).connect().await?;
        let policy = Policy::inbound(Winner::Source).rule(Situation::SourceMissing, Action::Disable);
        let mapping = Mapping::users()
            .attribute("login", "userPrincipalName")
            .attribute("title", "jobTitle")
            .attribute("active", "accountEnabled")
            .match_on("login");
        let job = Job::builder("import")
            .source(entra)
            .target(self.table.clone())
            .mapping(mapping)
            .policy(policy)
            .state(self.state.clone())
            .clock(self.clock.clone())
            .build()?;
        job.run(Run::full(), unguarded()).await
    }

    /// Who is active in the table, by the table's own ids.
    fn active(&self) -> BTreeSet<String> {
        let records = self.table.records();
        let active = records.iter().filter(|record| record.get("active") == Some(&true.into()));
        active.map(|record| record.id.id.to_string()).collect()
    }

    /// Those who are still in the tenant.
    fn left(&self) -> BTreeSet<String> {
        let records = self.table.records();
        let gone = records.iter().find(|record| record.get("login") == Some(&"p5@contoso.com".into()));
        let gone = gone.expect("the leaver is in the table").id.id.to_string();
        records.iter().map(|record| record.id.id.to_string()).filter(|id| *id != gone).collect()
    }
}

/// Where in the answers something stands that a predicate knows by its place and value.
fn place_of(answers: &[Option<Json>], is_it: impl Fn(&str, &Json) -> bool) -> (usize, String) {
    let all = answers.iter().enumerate().flat_map(|(number, answer)| {
        answer.iter().flat_map(move |answer| places(answer).into_iter().map(move |place| (number, place, answer)))
    });
    let mut found = all.filter(|(_, place, answer)| is_it(place, answer.pointer(place).expect("it is there")));
    let (number, place, _) = found.next().expect("there is such a place");
    (number, place)
}

/// What protects: the refusal of an empty source, the end mark of a list, and that whoever is to lose something is read
/// again by id.
#[tokio::test]
async fn each_lie_meets_what_protects_from_it() {
    let world = World::in_step().await;
    let liar = Liar::new(world.sim.transport(), "", None);
    _ = world.run(&liar).await.expect("a report");
    let answers = liar.answers();
    let is_first = |place: &str| place == "/value/0/userPrincipalName";
    let (page, _) = place_of(&answers, |place, _| is_first(place));
    let next = "/@odata.nextLink".to_owned();
    assert!(answers[page].as_ref().is_some_and(|answer| answer.pointer(&next).is_some()), "the list has two pages");
    // The second page follows it somewhere.
    let (last, _) = place_of(&answers[page + 1..], |place, _| is_first(place));
    let last = page + 1 + last;
    let raw = |place: &str, raw| Mutation::Field(place.to_owned(), Change::Raw(raw));
    let removed = |place: &str| Mutation::Field(place.to_owned(), Change::Removed);
    let table = [
        ("the list is cut after its first page, as if it were whole", page, removed(&next)),
        ("the last page is empty", last, raw("/value", "[]")),
        ("one is left out", page, removed("/value/1")),
        ("one is twice there, and another is not", page, Mutation::Field("/value/1".to_owned(), Change::Doubled)),
        ("one is said to be switched off", page, Mutation::Field("/value/0/accountEnabled".to_owned(), Change::Turned)),
        ("one goes by another id", page, Mutation::Field("/value/0/id".to_owned(), Change::Other)),
        ("the link leads elsewhere", page, raw(&next, "\"https://evil.example/\"")),
        ("the last page is refused", last, Mutation::Status(403)),
    ];
    for (what, number, mutation) in table {
        let world = World::in_step().await;
        let left = world.left();
        let other = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let liar = Liar::new(world.sim.transport(), other, Some((number, mutation)));
        let report = world.run(&liar).await.expect("a report");
        assert!(liar.has_lied(), "{what}");
        assert!(left.is_subset(&world.active()), "{what}: {report}");
        let partial = matches!(what, "the link leads elsewhere" | "the last page is refused");
        assert_eq!(report.status == RunStatus::Incomplete, partial, "{what}: {report}");
        if partial {
            assert_eq!(world.active().len(), 5, "{what}: what is not whole proves nothing of anybody");
        }
    }
    // A tenant without anybody is not believed at all.
    let world = World::in_step().await;
    let ids: Vec<String> = world.sim.users().iter().filter_map(|user| user["id"].as_str().map(str::to_owned)).collect();
    ids.iter().for_each(|id| world.sim.delete_user(id));
    let error = world.run(&Liar::new(world.sim.transport(), "", None)).await.expect_err("empty");
    assert_eq!((error.kind(), world.active().len()), (ErrorKind::EmptySource, 5));
}

/// A list that is emptied or cut, a status that is turned round, an id that is another's: who would lose something by it
/// is asked for again, by id, and is found.
#[tokio::test]
async fn one_lie_takes_nothing_from_those_who_are_still_there() {
    let world = World::in_step().await;
    let liar = Liar::new(world.sim.transport(), "", None);
    _ = world.run(&liar).await.expect("a report");
    assert_eq!(world.active(), world.left(), "who is gone is switched off");
    let answers = liar.answers();
    let mut all = Vec::new();
    for (number, answer) in answers.iter().enumerate() {
        all.extend(WHOLE.iter().map(|mutation| (number, mutation.clone())));
        for place in answer.iter().flat_map(places) {
            all.extend(CHANGES.iter().map(|change| (number, Mutation::Field(place.clone(), *change))));
        }
    }
    let mut wrong = Vec::new();
    let mut lied = 0;
    for at in super::cases(all.len()) {
        let (number, mutation) = &all[at];
        let world = World::in_step().await;
        let left = world.left();
        let other = world.sim.users()[0]["id"].as_str().expect("an id").to_owned();
        let liar = Liar::new(world.sim.transport(), &other, Some((*number, mutation.clone())));
        let report = world.run(&liar).await;
        lied += usize::from(liar.has_lied());
        let active = world.active();
        if liar.was_flooded() || !left.is_subset(&active) {
            eprintln!("case {at} of {}: answer {number}, {mutation:?}: {active:?}\n{report:?}", all.len());
            wrong.push((at, *number, mutation));
        }
        world.clock.advance(HOUR);
        for _ in 0..2 {
            _ = world.run(&Liar::new(world.sim.transport(), "", None)).await.expect("a report");
            world.clock.advance(HOUR);
        }
        let active = world.active();
        if active != left {
            eprintln!("case {at} of {}: answer {number}, {mutation:?} in the end: {active:?}", all.len());
            wrong.push((at, *number, mutation));
        }
    }
    assert!(lied > 0);
    assert!(wrong.is_empty(), "{} go wrong: {wrong:#?}", wrong.len());
}
