//! Random worlds: whatever the two sides hold, applying plans leads somewhere quiet and takes nothing wrongly.

use std::collections::BTreeMap;
use std::time::Duration;

use entrant::job::{Apply, Run};
use entrant::model::ObjectId;
use entrant::reconcile::{Action, Guard, Guards, Leaver, Plan, Preferences};
use entrant::{Job, Record, Value};
use proptest::prelude::*;

use super::world::World;

/// Few values for many people, so that they get in each other's way.
pub(crate) fn person(many: u8) -> impl Strategy<Value = Record> {
    (0..many, 0..many, 0..many, prop::option::of(0..2_u8), any::<bool>()).prop_map(
        |(id, number, login, title, active)| {
            Record::new(ObjectId::user(id.to_string()))
                .with("id", number.to_string())
                .with("login", format!("p{login}@contoso.com"))
                .with("name", format!("Person {id}"))
                .with("title", title.map(|title| title.to_string()))
                .with("active", active)
        },
    )
}

pub(crate) fn account(accounts: u8, people: u8) -> impl Strategy<Value = Record> {
    (0..accounts, prop::option::of(0..people), 0..people, any::<bool>()).prop_map(|(id, number, login, active)| {
        Record::new(ObjectId::user(format!("a{id}")))
            .with("userPrincipalName", format!("p{login}@contoso.com"))
            .with("employeeId", number.map(|number| number.to_string()))
            .with("displayName", "Before us")
            .with("jobTitle", "0")
            .with("active", active)
            .with("created", "2020-01-01T00:00:00Z")
    })
}

/// A directory holds a name once.
fn accounts() -> impl Strategy<Value = Vec<Record>> {
    prop::collection::vec(account(9, 9), 0..6).prop_map(|accounts| {
        let by_name: BTreeMap<Value, Record> = accounts
            .into_iter()
            .map(|account| (account.get("userPrincipalName").cloned().unwrap_or_default(), account))
            .collect();
        let by_id: BTreeMap<ObjectId, Record> =
            by_name.into_values().map(|account| (account.id.clone(), account)).collect();
        by_id.into_values().collect()
    })
}

fn preferences() -> impl Strategy<Value = Preferences> {
    (any::<bool>(), any::<bool>(), any::<bool>(), 0..3_u8).prop_map(|(create_inactive, restore, recreate, leaver)| {
        let mut preferences = Preferences::default();
        if create_inactive {
            preferences = preferences.with_create_inactive();
        }
        if restore {
            preferences = preferences.with_restore();
        }
        if recreate {
            preferences = preferences.with_recreate_missing();
        }
        match leaver {
            0 => preferences,
            1 => preferences.with_source_deleted(Leaver::delete()),
            _ => preferences.with_source_deleted(Leaver::keep()),
        }
    })
}

fn job(world: &World, preferences: &Preferences) -> Job {
    let guards = [Guard::Adopt, Guard::Disable, Guard::Delete, Guard::Clear, Guard::Rename];
    let guards = guards.into_iter().fold(Guards::default(), |guards, guard| guards.with_limit(guard, 1_000));
    world.builder(preferences.clone()).guards(guards).build().expect("a job")
}

async fn plan(job: &Job) -> Plan {
    job.plan(Run::full().allow_empty_source()).await.expect("a plan")
}

/// Applies plans until one has nothing to write. Adopting takes a run of its own, and so does a name that was given up.
async fn settle(world: &World, job: &Job) -> Result<(), TestCaseError> {
    for _ in 0..5 {
        let plan = plan(job).await;
        if plan.is_converged() {
            return Ok(());
        }
        let report = job.apply(&plan, Apply::new()).await.expect("a report");
        prop_assert_eq!(report.outcome(entrant::job::OutcomeKind::Failed), 0, "{}{}", plan, report);
        world.clock.advance(Duration::from_secs(3600));
    }
    let last = plan(job).await;
    prop_assert!(last.is_converged(), "still not quiet:\n{}", last);
    Ok(())
}

fn check_entries(plan: &Plan, before: &[Record]) -> Result<(), TestCaseError> {
    for entry in plan.entries().iter().filter(|entry| entry.runs()) {
        if matches!(entry.action, Action::Disable | Action::Delete) || entry.disables() {
            prop_assert!(entry.evidence.is_some(), "a removal without evidence: {}", plan);
        }
        if entry.action == Action::Delete {
            let existed = before.iter().any(|account| Some(&account.id) == entry.target.as_ref());
            prop_assert!(!existed, "an account that existed before would be deleted: {}", plan);
        }
        if entry.action == Action::Link {
            prop_assert!(!entry.disables() && entry.changes.iter().all(|change| !change.clears()), "{}", plan);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn plans_lead_to_a_quiet_end_and_take_nothing_wrongly(
        first in prop::collection::vec(person(9), 0..8),
        second in prop::collection::vec(person(9), 0..8),
        accounts in accounts(),
        preferences in preferences(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let mut world = World::new(first.clone());
            for account in &accounts {
                world.directory.push(account.clone());
            }
            let job_one = job(&world, &preferences);
            let plan_one = plan(&job_one).await;
            check_entries(&plan_one, &accounts)?;
            // The order of the records makes no difference.
            world.hr = entrant::store::MemoryStore::new("hr").with_records(first.iter().rev().cloned());
            prop_assert_eq!(plan(&job(&world, &preferences)).await.to_json(), plan_one.to_json());
            prop_assert_eq!(Plan::from_json(&plan_one.to_json()).expect("a plan").to_json(), plan_one.to_json());
            settle(&world, &job_one).await?;
            // Everybody changes; the second world starts from the links of the first.
            world.hr = entrant::store::MemoryStore::new("hr").with_records(second);
            let job_two = job(&world, &preferences);
            check_entries(&plan(&job_two).await, &accounts)?;
            settle(&world, &job_two).await?;
            // No name is held twice, and nobody has two accounts that we made.
            let names: Vec<Value> = world.directory.records().iter().filter_map(|record| record.get("userPrincipalName").cloned()).collect();
            let different: std::collections::BTreeSet<&Value> = names.iter().collect();
            prop_assert_eq!(different.len(), names.len());
            Ok(())
        })?;
    }
}
