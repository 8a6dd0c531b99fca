//! The reference engine's truth table, row by row, under our rules: what each object's situation is, and what each
//! action that a rule may say does about it (semantics, part II and rules 1, 4 to 6; R42, R43, R83).
//!
//! Rows 17 to 20 tell apart what a source was like that is deleted and was never linked. Nothing is kept of such a one here,
//! so that all of them are rows 15 and 16, whatever accounts match: nothing of what nobody linked is taken away.

use std::time::Duration;

use entrant::job::{Apply, Run};
use entrant::mapping::Mapping;
use entrant::model::{ObjectId, ne};
use entrant::reconcile::{Action, Guard, Plan, Policy, Preferences, Situation, Winner};
use entrant::store::{Capabilities, Lookup, MemoryStore, Query, Read};
use entrant::{Job, Result, Source};
use futures::StreamExt;
use futures::stream::BoxStream;

use super::world::{World, account, mapping, person};

/// Whom the entry of a row is about.
#[derive(Clone, Copy)]
enum About {
    Source(&'static str),
    Target(&'static str),
    /// A source that is gone and was never linked: no entry can be.
    Gone(&'static str),
}

struct Row {
    number: &'static str,
    situation: Situation,
    about: About,
    /// Whether a link is there, so that removals and unlinking mean something.
    is_linked: bool,
    /// Whether the row is met when one object is looked at alone.
    alone: bool,
}

const fn row(number: &'static str, situation: Situation, about: About, is_linked: bool) -> Row {
    Row { number, situation, about, is_linked, alone: false }
}

const fn event(number: &'static str, situation: Situation, about: About, is_linked: bool) -> Row {
    Row { number, situation, about, is_linked, alone: true }
}

use About::{Gone, Target};

const ROWS: &[Row] = &[
    row("1", Situation::Confirmed, About::Source("1"), true),
    row("2", Situation::Missing, About::Source("2"), true),
    row("3, 4", Situation::Absent, About::Source("4"), false),
    row("5", Situation::Found, About::Source("5"), false),
    row("6", Situation::FoundAlreadyLinked, About::Source("6"), true),
    row("7", Situation::Ambiguous, About::Source("7"), false),
    row("8", Situation::Unqualified, About::Source("8"), true),
    row("9", Situation::Unqualified, About::Source("9"), false),
    row("10", Situation::Unqualified, About::Source("10"), false),
    row("11", Situation::SourceIgnored, About::Source("11"), false),
    event("12", Situation::SourceMissing, About::Source("23"), true),
    event("13", Situation::TargetIgnored, About::Source("21"), true),
    event("14", Situation::LinkOnly, About::Source("14"), true),
    event("15, 16", Situation::AllGone, Gone("nobody"), false),
    event("17", Situation::AllGone, Gone("17"), false),
    event("18", Situation::AllGone, Gone("18"), false),
    event("19, 20", Situation::AllGone, Gone("19"), false),
    row("21, linked", Situation::TargetIgnored, About::Source("21"), true),
    row("21, linked, out of scope", Situation::TargetIgnored, About::Source("26"), true),
    row("21, not linked", Situation::TargetIgnored, Target("stranger"), false),
    row("22", Situation::Unassigned, Target("unassigned"), false),
    row("23", Situation::SourceMissing, About::Source("23"), true),
    row("24", Situation::Unqualified, About::Source("24"), true),
    row("25", Situation::Confirmed, About::Source("25"), true),
];

const GUEST: &str = "Guest";

/// A source whose list leaves out some, whom it knows when asked by id.
#[derive(Debug)]
struct Forgetful(MemoryStore);

const FORGOTTEN: [&str; 2] = ["24", "25"];

#[async_trait::async_trait]
impl Source for Forgetful {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        self.0.get(ids).await
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        let is_listed = |step: &Result<Read>| match step {
            Ok(Read::Record(record)) => !FORGOTTEN.contains(&&*record.id.id),
            _ => true,
        };
        self.0.read(query).filter(move |step| std::future::ready(is_listed(step))).boxed()
    }
}

fn rules() -> Mapping {
    mapping().scope(ne("title", "Gone")).target_scope(ne("jobTitle", GUEST))
}

/// One world in which every row of the table is met. Links are an hour old.
async fn world(policy: &Policy) -> (World, Job) {
    let linked = ["1", "2", "8", "14", "21", "23", "24", "25", "26", "other"];
    let world = World::new(linked.map(person));
    let job = |policy: Policy| {
        Job::builder("staff")
            .source(Forgetful(world.hr.clone()))
            .target(world.directory.clone())
            .mapping(rules())
            .policy(policy)
            .passwords(world.sink.clone())
            .state(world.state.clone())
            .clock(world.clock.clone())
            .build()
            .expect("the job is sound")
    };
    for run in [Run::full(), Run::one("24"), Run::one("25")] {
        _ = job(Policy::outbound(Preferences::default())).run(run, Apply::new()).await.expect("a report");
    }
    world.clock.advance(Duration::from_secs(3600));
    for gone in ["2", "14"] {
        world.directory.remove(&world.account_of(gone).id);
    }
    for gone in ["14", "21", "23"] {
        world.hr.remove(&ObjectId::user(gone));
    }
    for guest in ["21", "26"] {
        world.directory.set(&world.account_of(guest).id, "jobTitle", GUEST);
    }
    for left in ["8", "24", "26"] {
        world.hr.set(&ObjectId::user(left), "title", "Gone");
    }
    world.hr.push(person("4"));
    world.hr.push(person("5"));
    world.directory.push(account("five", Some("5")));
    // Another source of the account of one who is still there.
    let twin = world.account_of("other");
    world
        .hr
        .push(person("6").with("id", twin.get("employeeId").expect("mapped").clone()).with("login", "p6@contoso.com"));
    world.hr.push(person("7"));
    world.directory.push(account("seven", Some("7")));
    world.directory.push(account("seven too", Some("7")).with("userPrincipalName", "x7@contoso.com"));
    for (id, accounts) in [("9", 1), ("10", 2), ("11", 0)] {
        world.hr.push(person(id).with("title", "Gone"));
        for number in 0..accounts {
            let own = account(&format!("{id}-{number}"), Some(id))
                .with("userPrincipalName", format!("{id}.{number}@contoso.com"));
            world.directory.push(own);
        }
    }
    // Those who were deleted and never linked.
    world.directory.push(account("17-0", Some("17")));
    world.directory.push(account("18-0", Some("18")).with("jobTitle", GUEST));
    world.directory.push(account("19-0", Some("19")));
    world.directory.push(account("19-1", Some("19")).with("userPrincipalName", "x19@contoso.com"));
    world.directory.push(account("stranger", Some("s")).with("jobTitle", GUEST));
    world.directory.push(account("unassigned", Some("u")));
    let job = job(policy.clone());
    (world, job)
}

/// What the plan does about whom a row is about.
fn fate(plan: &Plan, about: About) -> Option<(Situation, Action, bool)> {
    let id = match about {
        About::Source(id) | Target(id) => id,
        Gone(_) => return None,
    };
    let entry = plan.entries().iter().find(|entry| &*entry.key.id == id)?;
    Some((entry.situation, entry.action, entry.writes()))
}

async fn plan(job: &Job, row: &Row) -> Plan {
    let run = match (row.alone, row.about) {
        (false, _) => Run::full(),
        (true, About::Source(id) | Target(id) | Gone(id)) => Run::one(id),
    };
    job.plan(run).await.expect("a plan")
}

#[tokio::test]
async fn every_row_has_its_situation() {
    // With every situation reported, each is listed.
    let told = Situation::ALL
        .iter()
        .fold(Policy::outbound(Preferences::default()), |policy, situation| policy.rule(*situation, Action::Report));
    let (_world, job) = world(&told).await;
    for row in ROWS {
        let plan = plan(&job, row).await;
        match row.about {
            Gone(_) => assert!(plan.is_converged() && plan.entries().iter().all(|entry| !entry.writes()), "{plan}"),
            about => {
                let found = fate(&plan, about).map(|(situation, ..)| situation);
                assert_eq!(found, Some(row.situation), "row {}\n{plan}", row.number);
            }
        }
    }
}

/// The action that both presets lead to, by rule 6, and whether something is written.
#[rustfmt::skip]
const PRESETS: &[(&str, Option<Action>, Option<Action>)] = &[
    // row, outbound, inbound; none where nothing is listed
    ("1", None, None),
    ("2", Some(Action::Exception), Some(Action::Exception)),
    ("3, 4", Some(Action::Create), Some(Action::Create)),
    ("5", Some(Action::Link), Some(Action::Link)),
    ("6", Some(Action::Exception), Some(Action::Exception)),
    ("7", Some(Action::Exception), Some(Action::Exception)),
    ("8", Some(Action::Disable), Some(Action::Report)),
    ("9", Some(Action::Report), Some(Action::Report)),
    ("10", Some(Action::Report), Some(Action::Report)),
    ("11", None, None),
    ("12", Some(Action::Disable), Some(Action::Exception)),
    ("14", Some(Action::Unlink), Some(Action::Unlink)),
    ("21, linked", None, None),
    ("21, linked, out of scope", None, None),
    ("21, not linked", None, None),
    ("22", None, Some(Action::Report)),
    ("23", Some(Action::Disable), Some(Action::Exception)),
    ("24", Some(Action::Disable), Some(Action::Report)),
    ("25", None, None),
];

#[tokio::test]
async fn each_preset_answers_each_row_as_its_table_says() {
    for (policy, column) in [(Policy::outbound(Preferences::default()), 0), (Policy::inbound(Winner::Source), 1)] {
        let (_world, job) = world(&policy).await;
        for (number, outbound, inbound) in PRESETS {
            let row = ROWS.iter().find(|row| row.number == *number).expect("a row of that number");
            let plan = plan(&job, row).await;
            let expected = if column == 0 { outbound } else { inbound };
            // What one asks for by name is listed even if there is nothing to do.
            let got = fate(&plan, row.about).map(|(_, action, _)| action);
            assert_eq!(got, *expected, "row {number}, preset {column}\n{plan}");
        }
    }
}

#[tokio::test]
async fn each_action_that_a_rule_may_say_is_done_and_comes_to_rest() {
    let mut legal = 0;
    for row in ROWS {
        for action in Action::ALL {
            for preset in [Policy::outbound(Preferences::default()), Policy::inbound(Winner::Source)] {
                let policy = preset.rule(row.situation, *action);
                if policy.check().is_err() {
                    continue;
                }
                legal += 1;
                let (world, job) = world(&policy).await;
                let made = plan(&job, row).await;
                let fate = fate(&made, row.about);
                let context = format!("row {}, {action}\n{made}", row.number);
                let writes = fate.is_some_and(|(_, _, writes)| writes);
                let needs_link = matches!(action, Action::Disable | Action::Delete | Action::Unlink | Action::Wait);
                match action {
                    Action::Report | Action::Ignore | Action::Exception => assert!(!writes, "{context}"),
                    _ if needs_link && !row.is_linked => assert!(!writes, "{context}"),
                    // The one who holds the account is still there.
                    Action::Relink => assert_eq!(fate.map(|(_, own, _)| own), Some(Action::Exception), "{context}"),
                    // Who is updated and not linked is linked first.
                    Action::Update if row.situation == Situation::Found => {
                        assert_eq!(fate.map(|(_, own, _)| own), Some(Action::Link), "{context}");
                    }
                    // Nothing differs, so there is nothing to do.
                    Action::Update => assert!(!writes, "{context}"),
                    Action::Wait => assert_eq!(fate.map(|(_, action, _)| action), Some(Action::Wait), "{context}"),
                    action => assert_eq!(fate.map(|(_, own, _)| own), Some(*action), "{context}"),
                }
                let lifted = Guard::ALL.iter().fold(Apply::new(), |apply, guard| apply.lift(*guard));
                _ = job.apply(&made, lifted).await.unwrap_or_else(|error| panic!("{context}{}", error.to_chain()));
                // Whom nobody linked loses nothing, whatever a rule says.
                let matching_gone = ["17-0", "18-0", "19-0", "19-1"];
                let others = ["9-0", "10-0", "10-1", "unassigned", "stranger", "seven", "seven too"];
                for id in matching_gone.into_iter().chain(others) {
                    let stranger =
                        world.directory.record(&ObjectId::user(id)).unwrap_or_else(|| panic!("{id}: {context}"));
                    assert_eq!(stranger.get("active"), Some(&true.into()), "{id}: {context}");
                }
                let again = plan(&job, row).await;
                // Who is unlinked from an account that is gone has none, and gets one.
                let made_anew = row.situation == Situation::Missing && *action == Action::Unlink;
                let rests = made_anew || !fate_writes(&again, row.about);
                assert!(rests, "row {}, {action}: a second plan writes again\n{again}", row.number);
            }
        }
    }
    assert!(legal >= 130, "only {legal} combinations of row, action and preset");
}

/// "Legal are Part II, section 5 and its defaults": of row 5 that is `update`, which links first.
#[tokio::test]
async fn a_rule_may_say_what_the_reference_engine_does_by_default() {
    let row = ROWS.iter().find(|row| row.situation == Situation::Found).expect("row 5");
    for preset in [|| Policy::outbound(Preferences::default()), || Policy::inbound(Winner::Source)] {
        let policy = preset().rule(Situation::Found, Action::Update);
        assert_eq!(policy.check(), Ok(()));
        let (_, job) = world(&policy).await;
        let (_, by_itself) = world(&preset()).await;
        let entry = |plan: &Plan| format!("{:?}", fate(plan, row.about));
        assert_eq!(entry(&plan(&job, row).await), entry(&plan(&by_itself, row).await));
    }
}

fn fate_writes(plan: &Plan, about: About) -> bool {
    fate(plan, about).is_some_and(|(_, _, writes)| writes)
}

#[tokio::test]
async fn a_link_is_moved_from_who_left_and_from_nobody_else() {
    let relink = || Policy::outbound(Preferences::default()).rule(Situation::FoundAlreadyLinked, Action::Relink);
    let (world, job) = world(&relink()).await;
    world.hr.set(&ObjectId::user("other"), "title", "Gone");
    let row = ROWS.iter().find(|row| row.number == "6").expect("a row of that number");
    let made = plan(&job, row).await;
    assert_eq!(fate(&made, row.about).map(|(_, action, _)| action), Some(Action::Relink), "{made}");
    let lifted = || Guard::ALL.iter().fold(Apply::new(), |apply, guard| apply.lift(*guard));
    _ = job.apply(&made, lifted()).await.expect("a report");
    // What differs is written by the next run; then both rest, and the account was never switched off.
    _ = job.run(Run::full(), lifted()).await.expect("a report");
    let again = plan(&job, row).await;
    assert!(!fate_writes(&again, About::Source("6")) && !fate_writes(&again, About::Source("other")), "{again}");
    let account = world.directory.records().into_iter().find(|own| own.get("displayName") == Some(&"Person 6".into()));
    assert_eq!(account.expect("it is theirs now").get("active"), Some(&true.into()));
    // Looked at alone, nobody knows whether the other left.
    let alone = job.plan(Run::one("6")).await.expect("a plan");
    assert!(!fate_writes(&alone, About::Source("6")), "{alone}");
}
