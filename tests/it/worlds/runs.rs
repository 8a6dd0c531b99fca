//! One job in a random world: whatever happens, what it writes it may write, and in the end it comes to rest.

use std::collections::BTreeSet;
use std::time::Duration;

use entrant::job::{Apply, OutcomeKind, Report, Run, RunStatus};
use entrant::mapping::{Explanation, Told};
use entrant::model::{Class, License, ObjectId, Operation, eq};
use entrant::reconcile::{Action, Entry, EntryKey, Evidence, Guard, KeyEnd, Leaver, Link, Plan, Policy, Preferences};
use entrant::store::{MemoryState, State, Table, Target};
use entrant::{ErrorKind, Job, Record, Value};
use futures::{StreamExt, TryStreamExt};
use proptest::prelude::*;

use super::drawn::{Event, Look, Scene, Setup, Strange, Turn, comings_and_goings, scene};
use super::judge::{Moment, Past, judge, stored_links};
use super::watched::{Faults, Watched};
use crate::job::org::Org;

/// More runs than anything may take to come to rest.
const ROUNDS: usize = 12;

struct World {
    org: Org,
    hr: Watched,
    directory: Watched,
    past: Past,
}

impl World {
    fn new(scene: &Scene) -> Self {
        let [e3, e5, f3] = scene.setup.seats;
        let org = Org::new(scene.source.clone()).seats(e3, e5, f3);
        scene.before.iter().for_each(|record| org.directory.push(record.clone()));
        let (hr, directory) = (Watched::new(org.hr.clone()), Watched::new(org.directory.clone()));
        hr.set_get(scene.setup.source_get);
        Self { org, hr, directory, past: Past::default() }
    }

    fn job(&self, setup: &Setup) -> Job {
        let groups = setup.groups();
        let builder = Job::builder("staff")
            .source(self.hr.clone())
            .target(self.directory.clone())
            .mapping(setup.users())
            .policy(setup.policy())
            .state(self.org.state.clone())
            .clock(self.org.clock.clone());
        let leaving = Preferences::default().with_source_deleted(Leaver::delete());
        let builder = match setup.deletes_groups {
            true => builder.mapping(groups.policy(Policy::outbound(leaving.with_left_scope(Leaver::keep())))),
            false => builder.mapping(groups),
        };
        builder.build().expect("the job is sound")
    }

    async fn links(&self) -> Vec<Link> {
        stored_links(&table(&self.org.state, Table::Links).await)
    }

    async fn happen(&self, event: &Event) {
        match event {
            Event::Comes(record) => self.org.hr.push(record.clone()),
            Event::Goes(id) => self.org.hr.remove(id),
            Event::Changes(id, name, value) => {
                self.org.hr.set(id, *name, value.clone());
            }
            Event::Stranger(at, strange) => {
                let records = self.org.directory.records();
                if !records.is_empty() {
                    self.meddle(at.get(&records), strange, &records).await;
                }
            }
        }
    }

    async fn meddle(&self, object: &Record, strange: &Strange, all: &[Record]) {
        let id = &object.id;
        let directory = &self.org.directory;
        let is_user = id.class == Class::USER;
        let members = || object.get("members").map_or(Vec::new(), |members| members.as_slice().to_vec());
        match strange {
            Strange::Disables | Strange::Enables if is_user => {
                directory.set(id, "active", matches!(strange, Strange::Enables));
            }
            Strange::Retitles if is_user => {
                directory.set(id, "title", "Stranger");
            }
            Strange::Licenses(product) if is_user => {
                let mut held = object.get("skuId").map_or(Vec::new(), |held| held.as_slice().to_vec());
                let is_it = |own: &Value| {
                    License::from_value(own).is_some_and(|own| own.is_direct() && *own.product == **product)
                };
                if !held.iter().any(is_it) {
                    held.push(License::new(*product).to_value());
                }
                directory.set(id, "skuId", Value::list(held));
            }
            Strange::Deletes => {
                let delete =
                    entrant::model::Change::new(entrant::model::ChangeId::new(1), Operation::Delete { id: id.clone() });
                directory.write(vec![delete]).next().await.expect("an answer").1.expect("it is deleted");
            }
            // What is gone for good is referred to by nothing.
            Strange::Purges => {
                directory.remove(id);
                let gone = Value::text(&id.id);
                for record in all {
                    for (name, value) in &record.attributes {
                        let is_reference = ["members", "memberGroups", "owners", "manager"].contains(&name.as_str());
                        if is_reference && value.as_slice().contains(&gone) {
                            let left: Vec<Value> =
                                value.as_slice().iter().filter(|own| **own != gone).cloned().collect();
                            let left = if name.as_str() == "manager" { Value::Null } else { Value::list(left) };
                            directory.set(&record.id, name, left);
                        }
                    }
                }
            }
            Strange::Expels if !is_user => {
                directory.set(id, "members", Value::list(members().into_iter().skip(1)));
            }
            Strange::Admits(who) if !is_user => {
                let users: Vec<&Record> = all.iter().filter(|record| record.id.class == Class::USER).collect();
                if !users.is_empty() {
                    let new = Value::text(&who.get(&users).id.id);
                    let mut members = members();
                    if !members.contains(&new) {
                        members.push(new);
                    }
                    directory.set(id, "members", Value::list(members));
                }
            }
            _ => {}
        }
    }

    /// Plans, checks the plan as a value, applies it, and judges what was written.
    async fn turn(&mut self, setup: &Setup, turn: &Turn) -> Result<(), TestCaseError> {
        for event in &turn.events {
            self.happen(event).await;
        }
        self.org.clock.advance(turn.wait());
        self.hr.set_faults(turn.source_faults.clone());
        self.directory.set_faults(turn.target_faults.clone());
        let job = self.job(setup);
        let Some(plan) = self.plan(&job, turn).await? else { return Ok(()) };
        round_trips(&plan)?;
        if turn.source_faults.is_none() && turn.target_faults.is_none() {
            self.explains(&job, setup, &plan).await?;
        }
        let chosen = match turn.picked {
            Some(picked) => self.choose(&plan, picked)?,
            None => plan,
        };
        self.apply(&job, setup, turn, &chosen).await
    }

    async fn plan(&self, job: &Job, turn: &Turn) -> Result<Option<Plan>, TestCaseError> {
        let run = || match &turn.run {
            Look::Full => Run::full().allow_empty_source(),
            Look::One(id) => Run::one(id.as_str()),
            Look::Titled(title) => Run::full().filter(eq("title", *title)),
        };
        let before = (self.directory.written(), memory(&self.org.state).await);
        let plan = match job.plan(run()).await {
            Ok(plan) => plan,
            // One object alone that cannot be asked for.
            Err(error) if error.kind() == ErrorKind::Store && matches!(turn.run, Look::One(_)) => return Ok(None),
            Err(error) => return Err(TestCaseError::fail(error.to_chain())),
        };
        self.hr.read_backwards(true);
        self.directory.read_backwards(true);
        let again = job.plan(run()).await.expect("a plan");
        self.hr.read_backwards(false);
        self.directory.read_backwards(false);
        prop_assert!(
            again == plan,
            "the order of the records makes a difference:\n{}\n{}",
            plan,
            differing(&plan, &again)
        );
        prop_assert_eq!(again.to_json(), plan.to_json());
        let after = (self.directory.written(), memory(&self.org.state).await);
        prop_assert!(before == after, "planning wrote something");
        Ok(Some(plan))
    }

    /// Some of the entries, with what they depend on.
    fn choose(&self, plan: &Plan, picked: u16) -> Result<Plan, TestCaseError> {
        let wanted: BTreeSet<&EntryKey> = plan
            .entries()
            .iter()
            .enumerate()
            .filter(|(at, _)| picked >> (at % 16) & 1 == 1)
            .map(|(_, entry)| &entry.key)
            .collect();
        let chosen = plan.select(|entry| wanted.contains(&entry.key));
        let keys: BTreeSet<&EntryKey> = chosen.entries().iter().map(|entry| &entry.key).collect();
        prop_assert!(wanted.is_subset(&keys));
        let all: BTreeSet<&EntryKey> = plan.entries().iter().map(|entry| &entry.key).collect();
        let needed: BTreeSet<&EntryKey> =
            chosen.entries().iter().flat_map(|entry| &entry.after).map(|edge| &edge.entry).collect();
        prop_assert!(needed.iter().all(|key| keys.contains(key) || !all.contains(key)), "{}", chosen);
        prop_assert!(keys.iter().all(|key| wanted.contains(key) || needed.contains(key)), "more than was asked for");
        prop_assert_eq!(chosen.digest() == plan.digest(), keys.len() == all.len());
        round_trips(&chosen)?;
        Ok(chosen)
    }

    async fn apply(&mut self, job: &Job, setup: &Setup, turn: &Turn, plan: &Plan) -> Result<(), TestCaseError> {
        let moment = Moment {
            now: entrant::clock::Clock::now(&self.org.clock),
            setup,
            look: &turn.run,
            source: self.org.hr.records(),
            source_faults: &turn.source_faults,
            target_faults: &turn.target_faults,
            links: self.links().await,
            lifted: turn.lifted,
            is_picked: turn.picked.is_some(),
        };
        let written = self.directory.written();
        let apply = if turn.lifted { lifted() } else { Apply::new() };
        let report = job.apply(plan, apply).await.expect("a report");
        let deeds = self.directory.deeds_since(written);
        if matches!(report.status, RunStatus::Stopped { .. }) {
            prop_assert!(deeds.is_empty() && !turn.lifted, "a guard stops all of it or nothing: {}", report);
            return Ok(());
        }
        judge(&moment, &mut self.past, &deeds)
            .map_err(|error| TestCaseError::fail(format!("{error}\n{plan}\n{report}")))?;
        if turn.source_faults.is_none() && turn.target_faults.is_none() {
            nothing_fails(plan, &report)?;
        }
        Ok(())
    }

    /// What is explained of an object is what the plan writes to it.
    async fn explains(&self, job: &Job, setup: &Setup, plan: &Plan) -> Result<(), TestCaseError> {
        // Asked by id: a store that cannot be is not.
        if setup.source_get == entrant::store::GetSupport::Unsupported {
            return Ok(());
        }
        for entry in plan.entries().iter().filter(|entry| entry.runs() && entry.key.end == KeyEnd::Source) {
            let told = match job.explain(&entry.key.id).await {
                Ok(told) => told,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    let gone = self.org.hr.records().iter().all(|record| record.id.id != entry.key.id);
                    prop_assert!(gone, "not found, and there: {}", plan);
                    continue;
                }
                Err(error) => return Err(TestCaseError::fail(error.to_chain())),
            };
            let mut told = told.iter().filter(|told| told.mapping == entry.key.mapping);
            let (Some(told), None) = (told.next(), told.next()) else { continue };
            explained(entry, told).map_err(|error| TestCaseError::fail(format!("{error}\n{plan}\n{told}")))?;
        }
        Ok(())
    }

    /// Runs without faults until nothing is left to do, then lets the longest grace pass, and again.
    async fn settle(&mut self, setup: &Setup) -> Result<(), TestCaseError> {
        for _ in 0..2 {
            let mut rounds = 0;
            loop {
                let turn = Turn {
                    events: Vec::new(),
                    hours: 1,
                    run: Look::Full,
                    source_faults: Faults::default(),
                    target_faults: Faults::default(),
                    lifted: true,
                    picked: None,
                };
                self.turn(setup, &turn).await?;
                let plan = self.job(setup).plan(Run::full().allow_empty_source()).await.expect("a plan");
                if plan.is_converged() {
                    break;
                }
                rounds += 1;
                prop_assert!(rounds < ROUNDS, "still not quiet:\n{}", plan);
            }
            self.org.clock.advance(Duration::from_secs(40 * 86_400));
        }
        Ok(())
    }

    async fn at_rest(&self, setup: &Setup) -> Result<(), TestCaseError> {
        let job = self.job(setup);
        let written = self.directory.written();
        let report = job.run(Run::full().allow_empty_source(), lifted()).await.expect("a report");
        prop_assert!(self.directory.written() == written, "at rest, and yet it writes: {}", report);
        Ok(())
    }
}

async fn table(state: &MemoryState, table: Table) -> Vec<(Vec<u8>, Vec<u8>)> {
    state.scan(table, &[]).try_collect().await.expect("the state can be read")
}

async fn memory(state: &MemoryState) -> Vec<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut all = Vec::new();
    for own in Table::ALL {
        all.push(table(state, *own).await);
    }
    all
}

/// The first entries of two plans that are not the same.
fn differing(one: &Plan, other: &Plan) -> String {
    let mut pairs = one.entries().iter().zip(other.entries());
    pairs.find(|(one, other)| one != other).map_or_else(String::new, |(one, other)| format!("{one:?}\n{other:?}"))
}

fn lifted() -> Apply {
    Guard::ALL.iter().fold(Apply::new(), |apply, guard| apply.lift(*guard))
}

/// A plan is the same after it was kept, in each form.
fn round_trips(plan: &Plan) -> Result<(), TestCaseError> {
    let json = plan.to_json();
    let back = Plan::from_json(&json).map_err(|error| TestCaseError::fail(error.to_chain()))?;
    prop_assert_eq!(back.to_json(), json);
    let mut lines = Vec::new();
    plan.write_json_lines(&mut lines).expect("written");
    let back = Plan::read_json_lines(&lines[..]).map_err(|error| TestCaseError::fail(error.to_chain()))?;
    let mut again = Vec::new();
    back.write_json_lines(&mut again).expect("written");
    prop_assert!(again == lines && back == *plan && back.digest() == plan.digest());
    Ok(())
}

/// Where nothing breaks, all that a plan does is done.
fn nothing_fails(plan: &Plan, report: &Report) -> Result<(), TestCaseError> {
    let held = |entry: &&Entry| entry.is_blocked() || entry.action == Action::Exception;
    let blocked = plan.entries().iter().filter(held).count() as u64;
    for (outcome, expected) in [(OutcomeKind::Failed, 0), (OutcomeKind::Stale, 0), (OutcomeKind::Blocked, blocked)] {
        prop_assert_eq!(report.outcome(outcome), expected, "{}: {}{}", outcome, plan, report);
    }
    Ok(())
}

fn explained(entry: &Entry, told: &Explanation) -> Result<(), TestCaseError> {
    let out = told.scope == "out of scope";
    if entry.evidence == Some(Evidence::OutOfScope) {
        prop_assert!(out, "evidence says out of scope");
    }
    if matches!(entry.action, Action::Create | Action::Link | Action::Update) && !entry.changes.is_empty() {
        prop_assert!(!out, "written, and out of scope");
    }
    for change in entry.changes.iter().filter(|change| !change.rule.starts_with("leaver")) {
        let own = told.attributes.iter().find(|own| own.attribute == change.attribute);
        let Some(own) = own else {
            return Err(TestCaseError::fail(format!("{} is not explained", change.attribute)));
        };
        let value = if entry.action == Action::Create { &own.on_create } else { &own.on_update };
        prop_assert_eq!(value.as_ref(), Some(&Told::Value(change.new.clone())), "{}", change.attribute);
        prop_assert_eq!(&own.rule, &change.rule);
    }
    Ok(())
}

/// Nobody has two accounts that the job made, unless a rule lets go of one.
async fn nobody_is_twice(world: &World, setup: &Setup) -> Result<(), TestCaseError> {
    let links = world.links().await;
    let mut ends: Vec<&ObjectId> = links
        .iter()
        .filter_map(|link| link.end("directory"))
        .filter(|end| end.deleted_at.is_none())
        .map(|end| &end.object)
        .collect();
    let all = ends.len();
    ends.sort();
    ends.dedup();
    prop_assert_eq!(ends.len(), all, "one account, two links");
    if setup.rules.is_empty() {
        let records = world.org.directory.records();
        let made = records.iter().filter(|record| record.get("created") != Some(&"2020-01-01T00:00:00Z".into()));
        let names: Vec<Value> = made.filter_map(|record| record.get("login").cloned()).collect();
        let different: BTreeSet<&Value> = names.iter().collect();
        prop_assert_eq!(different.len(), names.len(), "a name twice");
    }
    Ok(())
}

/// Plays a scene to its end.
fn play(scene: &Scene) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let mut world = World::new(scene);
        for turn in &scene.turns {
            world.turn(&scene.setup, turn).await?;
        }
        world.settle(&scene.setup).await?;
        world.at_rest(&scene.setup).await?;
        nobody_is_twice(&world, &scene.setup).await
    })
}

proptest! {
    #[test]
    fn what_is_written_may_be_written_and_all_comes_to_rest(scene in scene()) {
        play(&scene)?;
    }

    #[test]
    fn nothing_is_taken_before_a_grace_period_has_run_since_the_person_was_last_seen(scene in comings_and_goings()) {
        play(&scene)?;
    }
}
