//! Pairs that are settled early, beside the same world in which none is.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use time::OffsetDateTime;

use super::*;
use crate::expr::Context;
use crate::mapping::{AbsentMeans, CompiledMapping, Mapping};
use crate::model::{Class, Completeness, Origin, Schema, comparison_key, eq};
use crate::reconcile::planner::{Planned, plan};
use crate::reconcile::{
    Abilities, Action, Answers, CarriedBack, Enable, Extent, Given, Holds, InDoubt, Link, LinkEnd, LinkIndex,
    LinkOrigin, NoConstraints, Planner, Policy, Preferences, Questions, When, Winner,
};

/// What there is to plan, and in which order it is read.
#[derive(Debug, Clone)]
struct World {
    sources: Vec<Record>,
    targets: Vec<Record>,
    links: Vec<Link>,
    unreadable: Vec<ObjectId>,
    in_doubt: Vec<InDoubt>,
    complete: (bool, bool),
    asks: bool,
    policy: usize,
    turns: Vec<bool>,
    clock: bool,
}

const NOTE: &str = r#"IIF([name] = "out", IgnoreObjectFlow, [name])"#;

fn schema() -> Schema {
    Schema::new(Class::USER)
        .with("name", AttributeSchema::text())
        .with("mail", AttributeSchema::text().ignore_case().unique_in("mail"))
        .with("tags", AttributeSchema::text().many())
        .with("active", AttributeSchema::boolean())
        .with("note", AttributeSchema::text())
        .with_status("active")
        .with_label("note")
}

/// `clock`: whether it reads the clock.
fn mapping(clock: bool) -> CompiledMapping {
    let note = if clock { "Now()" } else { NOTE };
    Mapping::users()
        .attribute("name", "name")
        .attribute("mail", "mail")
        .attribute("tags", "tags")
        .attribute("active", "active")
        .expression("note", note)
        .expect("an expression")
        .create_only("note")
        .scope(eq("kind", "person"))
        .match_on("mail")
        .compile(&schema(), AbsentMeans::Unknown)
        .expect("a mapping")
}

fn policies() -> Vec<Policy> {
    let outbound = |preferences| Policy::outbound(preferences);
    vec![
        outbound(Preferences::default()),
        outbound(Preferences::default().without_update()),
        outbound(Preferences::default().with_enable(Enable::OnSourceChange)),
        Policy::inbound(Winner::Target),
        outbound(Preferences::default()).rule(Situation::FoundAlreadyLinked, Action::Relink),
        outbound(Preferences::default()).rule_when(
            Situation::Confirmed,
            When::Target(eq("name", "Ada")),
            Action::Report,
        ),
    ]
}

fn record() -> impl Strategy<Value = Record> {
    let text = |values: &'static [&'static str]| prop::option::of(prop::sample::select(values));
    let tags = prop::option::of(prop::collection::vec(prop::sample::select(&["x", "y"][..]), 0..3));
    let attributes = (
        text(&["Ada", "Grace", "", "out"]),
        text(&["ada@a", "ADA@a", "grace@a", "jun@a", " "]),
        tags,
        prop::option::weighted(0.9, any::<bool>()),
        prop::option::weighted(0.9, Just("person")),
        prop::option::weighted(0.1, Just("not all")),
    );
    (0..6_u8, attributes, prop::option::of(0..9_u64)).prop_map(
        |(id, (name, mail, tags, active, kind, partial), row)| {
            let mut record = Record::new(ObjectId::user(id.to_string()));
            for (attribute, value) in [("name", name), ("mail", mail), ("kind", kind), ("note", name)] {
                if let Some(value) = value {
                    record = record.with(attribute, value);
                }
            }
            if let Some(tags) = tags {
                record = record.with("tags", tags);
            }
            if let Some(active) = active {
                record = record.with("active", active);
            }
            if let Some(reason) = partial {
                record = record.with_partial("tags", reason);
            }
            record.origin = row.map(|row| Origin::row("people.csv", row));
            record
        },
    )
}

fn link() -> impl Strategy<Value = Link> {
    let flags = (prop::bool::weighted(0.1), prop::bool::weighted(0.1), prop::bool::weighted(0.1));
    let owner = prop::option::weighted(0.9, prop_oneof![9 => Just("job"), 1 => Just("other")]);
    (0..6_u8, 0..6_u8, owner, flags, prop::bool::weighted(0.1)).prop_map(|(source, target, owner, flags, deleted)| {
        let since = OffsetDateTime::UNIX_EPOCH;
        let mut end = LinkEnd::new("b", ObjectId::user(target.to_string()), LinkOrigin::Created, since);
        end.owner = owner.map(str::to_owned);
        (end.disabled_by_us, end.was_inactive) = (flags.0, flags.1);
        end.leaving_since = flags.2.then_some(since);
        end.deleted_at = deleted.then_some(since);
        Link::new(LinkEnd::new("a", ObjectId::user(source.to_string()), LinkOrigin::Adopted, since), end)
    })
}

fn world() -> impl Strategy<Value = World> {
    let records = || prop::collection::vec(record(), 0..8);
    let doubt = (0..6_u8, prop::sample::select(&["ada@a", "jun@a"][..])).prop_map(|(id, mail)| InDoubt {
        source: ObjectId::user(id.to_string()),
        begun_at: OffsetDateTime::UNIX_EPOCH,
        tried_at: OffsetDateTime::UNIX_EPOCH,
        anchors: vec![("mail".into(), mail.into())],
        disabled: false,
    });
    let of_others = (0..6_u8).prop_map(|id| of_others(&id.to_string()));
    let rare = (
        prop::collection::vec((0..6_u8).prop_map(|id| ObjectId::user(id.to_string())), 0..2),
        prop::collection::vec(of_others, 0..2),
        prop::collection::vec(doubt, 0..2),
        any::<bool>(),
    );
    // Half of the worlds are in step, where there is something to settle.
    let echo = any::<bool>();
    (
        records(),
        records(),
        prop::collection::vec(link(), 0..7),
        rare,
        (any::<bool>(), any::<bool>()),
        0..policies().len(),
        prop::collection::vec(any::<bool>(), 20),
        echo,
    )
        .prop_map(
            |(
                sources,
                mut targets,
                mut links,
                (unreadable, of_others, in_doubt, asks),
                complete,
                policy,
                turns,
                echo,
            )| {
                if echo {
                    targets.extend(sources.iter().cloned());
                    links.iter_mut().for_each(|link| link.ends[1].object = link.ends[0].object.clone());
                }
                links.extend(of_others);
                World { sources, targets, links, unreadable, in_doubt, complete, asks, policy, turns, clock: false }
            },
        )
}

fn side(completeness: bool) -> Option<Completeness> {
    Some(if completeness { Completeness::Complete } else { Completeness::Partial { reason: "cut".to_owned() } })
}

/// Answers all questions from the world.
fn answer(world: &World, questions: Questions) -> Answers {
    let of = |records: &[Record], id: &ObjectId| -> Vec<Record> {
        records.iter().filter(|record| record.id == *id).cloned().collect()
    };
    let mut answers = Answers::default();
    answers.sources.extend(questions.sources.into_iter().map(|id| (id.clone(), Ok(of(&world.sources, &id)))));
    // A target has one object of an id.
    let one = |id: &ObjectId| of(&world.targets, id).into_iter().take(1).collect();
    answers.targets.extend(questions.targets.into_iter().map(|id| (id.clone(), Ok(one(&id)))));
    for (name, value) in questions.find {
        let key = |value: &Value| comparison_key(&AttributeSchema::text().ignore_case(), value);
        let holds = |record: &&Record| record.get(&name).and_then(key) == key(&value);
        let found: Vec<Record> = world.targets.iter().filter(holds).cloned().collect();
        answers.find.insert((name, value), Ok(found));
    }
    answers
}

fn planned(world: &World, settles: bool) -> (Planned, u64) {
    let (mapping, schema, context) = (mapping(world.clock), schema(), Context::new(OffsetDateTime::UNIX_EPOCH));
    let (links, given) = (LinkIndex::new(&world.links, "a", "b"), Given::default());
    let policy = &policies()[world.policy];
    let abilities =
        Abilities { source_get: world.asks, target_get: world.asks, target_find: world.asks, ..Abilities::default() };
    let inputs = Inputs {
        mapping: &mapping,
        policy,
        schema: &schema,
        constraints: &NoConstraints,
        context: &context,
        links: &links,
        given: &given,
        in_doubt: &world.in_doubt,
        holds: &Holds::new(),
        begun: &[],
        carried_back: &CarriedBack::new(),
        been_round: false,
        job: "job",
        abilities,
        lists_all: false,
        target_now: OffsetDateTime::UNIX_EPOCH,
        lag: Duration::ZERO,
    };
    let mut reading = Reading::new(inputs, settles);
    let (mut sources, mut targets) = (world.sources.iter().cloned(), world.targets.iter().cloned());
    let mut unreadable = world.unreadable.iter();
    for turn in &world.turns {
        if *turn {
            sources.next().into_iter().for_each(|record| reading.read_source(record));
        } else {
            targets.next().into_iter().for_each(|record| reading.read_target(record));
        }
        unreadable.next().into_iter().for_each(|id| reading.read_unreadable(id));
    }
    sources.for_each(|record| reading.read_source(record));
    targets.for_each(|record| reading.read_target(record));
    unreadable.for_each(|id| reading.read_unreadable(id));
    let (mut source, mut target, pairs) = reading.end();
    assert_eq!((source.objects(), target.objects()), (world.sources.len() as u64, world.targets.len() as u64));
    (source.completeness, target.completeness) = (side(world.complete.0), side(world.complete.1));
    source.unreadable =
        world.unreadable.iter().map(|id| (id.clone(), Origin::new("people.csv"), "torn".to_owned())).collect();
    let mut planner = Planner::new(inputs, Extent::Whole, source, target, pairs);
    for _ in 0..10 {
        match plan(std::slice::from_ref(&planner)) {
            Ok(planned) => return (planned, planner.settled()),
            Err(mut questions) => planner.answer(answer(world, questions.remove(0))),
        }
    }
    panic!("planning asks without end");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn what_is_settled_early_is_planned_as_if_it_were_not(world in world()) {
        let ((settled, _), (whole, none)) = (planned(&world, true), planned(&world, false));
        prop_assert_eq!(none, 0);
        prop_assert_eq!(settled.situations, whole.situations);
        prop_assert_eq!(settled.owned_elsewhere, whole.owned_elsewhere);
        prop_assert_eq!(settled.watch, whole.watch);
        prop_assert_eq!(settled.entries, whole.entries);
    }
}

fn person(id: &str, mail: &str) -> Record {
    let record = Record::new(ObjectId::user(id)).with("name", "Ada").with("mail", mail).with("kind", "person");
    record.with("active", true)
}

fn linked(source: &str, target: &str) -> Link {
    let since = OffsetDateTime::UNIX_EPOCH;
    let end = LinkEnd::new("b", ObjectId::user(target), LinkOrigin::Created, since).owned_by("job");
    Link::new(LinkEnd::new("a", ObjectId::user(source), LinkOrigin::Adopted, since), end)
}

/// A link of another job, from another store to an account.
fn of_others(target: &str) -> Link {
    let since = OffsetDateTime::UNIX_EPOCH;
    let end = LinkEnd::new("b", ObjectId::user(target), LinkOrigin::Adopted, since).owned_by("other");
    Link::new(end, LinkEnd::new("c", ObjectId::user("9"), LinkOrigin::Adopted, since))
}

#[test]
fn pairs_are_opened_for_those_who_ask() {
    let world = World {
        sources: vec![person("1", "ada@a"), person("2", "jun@a"), person("3", "tom@a")],
        targets: vec![person("1", "ada@a"), person("2", "jun@a"), person("3", "bob@a")],
        links: vec![linked("1", "1"), linked("2", "2"), linked("3", "3")],
        unreadable: Vec::new(),
        in_doubt: Vec::new(),
        complete: (true, true),
        asks: false,
        policy: 0,
        turns: Vec::new(),
        clock: false,
    };
    let with_source = |record: Record| {
        let mut world = world.clone();
        world.sources.push(record);
        world
    };
    let mut torn = world.clone();
    torn.unreadable.push(ObjectId::user("1"));
    let mut partial = world.clone();
    partial.complete = (false, false);
    let mut asking = partial.clone();
    asking.asks = true;
    let mut clock = world.clone();
    clock.clock = true;
    let mut shared = world.clone();
    shared.links.push(of_others("1"));
    let mut of_gone = world.clone();
    of_gone.links.push(of_others("1"));
    of_gone.links[3].end_mut("b").expect("an account").deleted_at = Some(OffsetDateTime::UNIX_EPOCH);
    #[rustfmt::skip]
    let table = [
        (world.clone(), 3, vec![(Situation::Confirmed, 3)], 1, "two are quiet, one is not"),
        (partial, 3, vec![(Situation::Confirmed, 3)], 1, "neither side was read to its end"),
        (asking, 0, vec![(Situation::Confirmed, 3)], 1, "and the target can be asked who holds the new values"),
        (clock, 0, vec![(Situation::Confirmed, 3)], 1, "what they come to changes with time"),
        (shared, 2, vec![(Situation::Confirmed, 3)], 1, "an account that another job owns by way of another store"),
        (of_gone, 3, vec![(Situation::Confirmed, 3)], 1, "one that it owned"),
        (with_source(person("2", "x@a")), 2, vec![(Situation::Confirmed, 2), (Situation::Duplicate, 2)], 3, "an id that comes again, last"),
        (with_source(person("3", "tom@a")), 2, vec![(Situation::Confirmed, 2), (Situation::Duplicate, 2)], 2, "of one that differs"),
        (torn, 2, vec![(Situation::Confirmed, 2), (Situation::Duplicate, 1), (Situation::Duplicate, 1)], 3, "an id that cannot be read"),
        (with_source(person("4", "ADA@a")), 2, vec![(Situation::Confirmed, 3), (Situation::FoundAlreadyLinked, 1)], 2, "one who matches an account"),
        (with_source(person("4", "new@a")), 3, vec![(Situation::Absent, 1), (Situation::Confirmed, 3)], 2, "one who matches none"),
    ];
    for (world, settled, situations, entries, why) in table {
        let (planned, count) = planned(&world, true);
        let mut counts: HashMap<Situation, u64> = HashMap::new();
        situations.into_iter().for_each(|(situation, count)| *counts.entry(situation).or_default() += count);
        assert_eq!(count, settled, "{why}");
        assert!(!world.clock || planned.watch[0].len() == 3, "{why}");
        assert_eq!(planned.situations.into_iter().collect::<HashMap<_, _>>(), counts, "{why}");
        assert_eq!(planned.entries.len(), entries, "{why}");
    }
}
