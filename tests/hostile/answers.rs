//! Every field of every answer of a whole run, changed in every way, one at a time: nothing panics, nothing goes on
//! without end, nothing is taken away that was not to be taken, no secret is told, and the next runs set it right.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use entrant::clock::Clock as _;
use entrant::job::{Run, RunStatus};
use entrant::model::{Class, Name};
use entrant::store::{Cursor, Query, Read, Source};
use entrant::{Error, Result};
use futures::StreamExt;
use serde_json::Value as Json;

use super::mutation::{CHANGES, Change, Liar, Mutation, WHOLE, places};
use super::world::{AGAIN, HOUR, World, unguarded};

/// The longest that one run may take by its own clock, whatever it is told.
const LONGEST: Duration = Duration::from_secs(2 * 3_600);

/// What a run over a network said, in words.
struct Heard {
    text: String,
    status: Option<RunStatus>,
}

/// Check, plan, apply, and what changed meanwhile.
async fn provision(world: &World, liar: &Liar, cursors: &[Cursor]) -> Heard {
    let mut text = String::new();
    let mut note = |result: &dyn std::fmt::Debug| text.push_str(&format!("{result:?}\n"));
    let entra = match world.entra(liar.clone()).await {
        Ok(entra) => entra,
        Err(error) => {
            note(&error.to_chain());
            note(&error);
            return Heard { text, status: None };
        }
    };
    note(entra.connection());
    let mut status = None;
    let job = world.job(entra.clone());
    let outcome: Result<()> = async {
        let plan = job.plan(Run::full()).await?;
        note(&plan.to_string());
        note(&serde_json::to_string(&plan).expect("a plan is JSON"));
        let report = job.apply(&plan, unguarded()).await?;
        note(&report.to_string());
        note(&report);
        status = Some(report.status);
        Ok(())
    }
    .await;
    let mut failed = |error: Error| {
        note(&error.to_chain());
        note(&error);
    };
    if let Err(error) = outcome {
        failed(error);
    }
    for (query, cursor) in queries().into_iter().zip(cursors) {
        let mut changes = entra.read(&query.with_since(cursor.clone()));
        while let Some(step) = changes.next().await {
            if let Err(error) = step {
                failed(error);
            }
        }
    }
    Heard { text, status }
}

fn queries() -> [Query; 2] {
    let select = |names: &[&'static str]| names.iter().map(|name| Name::from_static(name)).collect::<Vec<_>>();
    [
        Query::all(Class::USER).with_select(select(&["userPrincipalName", "accountEnabled", "manager"])),
        Query::all(Class::GROUP).with_select(select(&["displayName", "members"])),
    ]
}

async fn cursors(world: &World) -> Vec<Cursor> {
    let entra = world.entra(world.sim.transport()).await.expect("the check passes");
    let mut cursors = Vec::new();
    for query in queries() {
        let mut steps = entra.read(&query.with_cursor());
        while let Some(step) = steps.next().await {
            if let Read::End { cursor: Some(cursor), .. } = step.expect("a step") {
                cursors.push(cursor);
            }
        }
    }
    cursors
}

/// What is expected in the end, and every answer on the way there.
struct Reference {
    answers: Vec<Option<Json>>,
    taken: BTreeSet<String>,
    picture: BTreeMap<String, String>,
}

async fn reference() -> Reference {
    let world = World::in_step().await;
    let cursors = cursors(&world).await;
    world.reorganise();
    let audit = world.sim.audit().len();
    let liar = Liar::new(world.sim.transport(), &world.stranger, None);
    let heard = provision(&world, &liar, &cursors).await;
    assert_eq!(heard.status, Some(RunStatus::Complete), "{}", heard.text);
    let taken = world.taken_since(audit);
    assert!(taken.len() >= 6, "there is something to take away: {taken:?}");
    world.clock.advance(HOUR);
    let last = world.clean_job().await.plan(Run::full()).await.expect("a plan");
    assert!(last.is_converged(), "{last}");
    Reference { answers: liar.answers(), taken, picture: world.picture() }
}

fn all_mutations(answers: &[Option<Json>]) -> Vec<(usize, Mutation)> {
    let mut all = Vec::new();
    for (number, answer) in answers.iter().enumerate() {
        all.extend(WHOLE.iter().map(|mutation| (number, mutation.clone())));
        for place in answer.iter().flat_map(places) {
            all.extend(CHANGES.iter().map(|change| (number, Mutation::Field(place.clone(), *change))));
        }
    }
    all
}

/// A lie that nothing in the answer contradicts: of which object it speaks. What was made or taken over is then known by
/// a wrong id, which shows itself, and a person must look.
fn is_wrong_id(mutation: &Mutation) -> bool {
    matches!(mutation, Mutation::Field(place, Change::Other) if place.ends_with("/id"))
}

/// A lie of what somebody holds, who gave it, or who is in a list, which nothing in the answer contradicts: what is then
/// thought to be gone, or another's, is not the job's any more, and stays where it is.
fn is_lost_sight_of(mutation: &Mutation) -> bool {
    let Mutation::Field(place, change) = mutation else { return false };
    let name = place.rsplit('/').next().unwrap_or_default();
    let is_element = name == "value" || name.bytes().all(|byte| byte.is_ascii_digit());
    match change {
        Change::Removed | Change::Raw("null" | "[]") | Change::Other if place.contains("licenseAssignmentStates") => {
            true
        }
        // Of one who has no manager Graph does not say so either: it says nothing.
        Change::Removed | Change::Raw("null") if name == "manager" => true,
        Change::Removed | Change::Raw("null" | "[]") => is_element || name == "@odata.nextLink",
        Change::Other => name == "id",
        _ => false,
    }
}

/// That nothing was done, said of a request that was carried out: what has no unique value is then made twice.
fn is_false_refusal(mutation: &Mutation) -> bool {
    matches!(mutation, Mutation::Status(401 | 429))
}

/// Whether a list shows all of another.
fn holds_all(shown: &str, wanted: &str) -> bool {
    let items = |text: &str| -> BTreeSet<String> {
        text.trim_matches(['{', '}']).split(", ").filter(|item| !item.is_empty()).map(str::to_owned).collect()
    };
    items(wanted).is_subset(&items(shown))
}

async fn tried(reference: &Reference, number: usize, mutation: &Mutation) -> Result<bool, String> {
    let world = World::in_step().await;
    let cursors = cursors(&world).await;
    world.reorganise();
    let audit = world.sim.audit().len();
    let liar = Liar::new(world.sim.transport(), &world.stranger, Some((number, mutation.clone())));
    let begun = world.clock.now();
    let heard = provision(&world, &liar, &cursors).await;
    if !liar.has_lied() {
        return Ok(false);
    }
    let took = Duration::try_from(world.clock.now() - begun).unwrap_or_default();
    if liar.was_flooded() || took > LONGEST {
        return Err(format!("{} requests in {took:?}", liar.answers().len()));
    }
    // What is repeated where a name or a value is expected is taken for one.
    let is_data = matches!(mutation, Mutation::Field(place, Change::Echo) if !place.contains("error"));
    let tokens = liar.tokens().into_iter().filter(|_| !is_data);
    // What is long is cut when it is told: no part of it may be.
    let part = |token: String| token.get(token.len() / 4..token.len() / 4 + 60).map_or(token.clone(), str::to_owned);
    let secrets = tokens.map(part).chain(world.sink.passwords());
    let client_secret = world.sim.client_secret().expose().to_owned();
    if let Some(secret) = secrets.chain([client_secret]).find(|secret| heard.text.contains(secret.as_str())) {
        let at = heard.text.find(&secret).unwrap_or_default();
        let shown = heard.text[..at].chars().rev().take(300).collect::<Vec<_>>();
        return Err(format!("a secret is told after {:?}", shown.into_iter().rev().collect::<String>()));
    }
    world.clock.advance(HOUR);
    let mut last = String::new();
    for _ in 0..3 {
        last = world.settle().await.to_string();
    }
    let taken = world.taken_since(audit);
    if !taken.is_subset(&reference.taken) {
        return Err(format!("taken: {:?}", taken.difference(&reference.taken).collect::<Vec<_>>()));
    }
    let picture = world.picture();
    let differs = |(name, shown): &(&String, &String)| {
        let wanted = reference.picture.get(*name);
        let is_list = name.starts_with("licences") || name.starts_with("Group");
        let has_manager = |wanted: &str| wanted.strip_suffix("None").is_some_and(|rest| shown.starts_with(rest));
        let has_more = || match wanted {
            Some(wanted) if is_list => holds_all(shown, wanted),
            Some(wanted) => has_manager(wanted),
            None => false,
        };
        wanted != Some(*shown) && !(is_lost_sight_of(mutation) && has_more())
    };
    let is_twice = |name: &str| name.ends_with(AGAIN) || picture.contains_key(&format!("{name}{AGAIN}"));
    let wrong: Vec<_> = picture.iter().filter(differs).collect();
    let wrong: Vec<_> = wrong.into_iter().filter(|(name, _)| !(is_false_refusal(mutation) && is_twice(name))).collect();
    let lost: Vec<_> = reference.picture.keys().filter(|name| !picture.contains_key(*name)).collect();
    if (!wrong.is_empty() || !lost.is_empty()) && !is_wrong_id(mutation) {
        return Err(format!("not as wanted: {wrong:?}, missing {lost:?}\n{last}\n{}", heard.text));
    }
    for (id, password) in world.sink.confirmed() {
        if world.sim.user(&id.id).is_some() && world.sim.password_of(&id.id) != Some(password) && !is_wrong_id(mutation)
        {
            return Err(format!("the password of {id} is another"));
        }
    }
    Ok(true)
}

#[tokio::test]
async fn a_run_survives_every_change_of_every_answer() {
    let reference = reference().await;
    let all = all_mutations(&reference.answers);
    let mut wrong = Vec::new();
    let (mut lied, mut count) = (0, 0);
    for at in super::cases(all.len()) {
        let (number, mutation) = &all[at];
        count += 1;
        match tried(&reference, *number, mutation).await {
            Ok(has_lied) => lied += usize::from(has_lied),
            Err(what) => {
                let what: String = what.chars().take(3_000).collect();
                eprintln!("case {at} of {}: answer {number}, {mutation:?}: {what}", all.len());
                wrong.push((at, *number, mutation));
            }
        }
    }
    // Not everything can be turned round, and an answer may come in another place.
    assert!(lied * 10 >= count * 8, "{lied} of {count} lied");
    assert!(wrong.is_empty(), "{} of {count} go wrong: {wrong:#?}", wrong.len());
}

/// Refusals that repeat the whole request, its token and the passwords in it, in each place of a whole run.
#[tokio::test]
async fn what_an_answer_repeats_is_not_told() {
    let reference = reference().await;
    let mut wrong = Vec::new();
    for number in 0..reference.answers.len() {
        match tried(&reference, number, &Mutation::Repeated).await {
            Ok(has_lied) => assert!(has_lied, "answer {number}"),
            Err(what) => wrong.push((number, what.chars().take(600).collect::<String>())),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
