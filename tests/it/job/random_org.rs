//! Random organisations: managers, groups, licences, seats, strangers' gifts. Whatever they hold, applying plans leads
//! somewhere quiet, and takes nothing that is not the job's to take.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use entrant::job::{Apply, OutcomeKind, Run, RunStatus};
use entrant::model::{Class, License, ObjectId};
use entrant::reconcile::{Breach, Guard, Leaver, LicenseRemoval, Licenses, Managed, Plan, Preferences};
use entrant::store::MemoryStore;
use entrant::{Job, Mapping, Record, Value};
use proptest::prelude::*;

use super::org::{E3, E5, F3, Org, account, group, groups, held, person, texts, users};

/// Few values for many people, so that they get in each other's way; no one has a twin twice as often as not.
const PEOPLE: u8 = 8;
const TEAMS: u8 = 4;

fn some_ids(of: u8, most: usize) -> impl Strategy<Value = Vec<String>> {
    // One more than there are: somebody whom nobody knows.
    prop::collection::vec((0..=of).prop_map(|id| id.to_string()), 0..most)
}

fn products() -> impl Strategy<Value = Value> {
    let sku = prop::sample::select(vec!["E3", "E5", "F3", "PHONE", "E4", "OLD"]);
    prop_oneof![
        2 => Just(Value::Null),
        4 => sku.clone().prop_map(|one| texts(&[one])),
        1 => prop::collection::vec(sku, 2).prop_map(|several| texts(&several)),
    ]
}

fn one_person() -> impl Strategy<Value = Record> {
    let manager = prop::option::weighted(0.6, (0..=PEOPLE).prop_map(|id| id.to_string()));
    let plans = prop_oneof![3 => Just(Value::Null), 1 => Just(texts(&["chat"])), 1 => Just(texts(&["mail-e3"]))];
    let rest = (any::<bool>(), any::<bool>(), 0..6_u8, 0..10_u8);
    (0..PEOPLE, manager, products(), plans, rest).prop_map(|(id, manager, sku, without, rest)| {
        let (active, other_active, kind, location) = rest;
        person(&id.to_string())
            .with("manager", manager)
            .with("sku", sku)
            .with("without", without)
            .with("active", active || other_active)
            .with("kind", if kind == 0 { "external" } else { "staff" })
            .with("location", if location == 0 { "" } else { "DE" })
    })
}

fn team() -> impl Strategy<Value = Record> {
    (0..TEAMS, some_ids(PEOPLE, 6), some_ids(TEAMS, 3), some_ids(PEOPLE, 2)).prop_map(
        |(id, members, nested, owners)| {
            let list = |ids: &[String]| Value::list(ids.iter().map(|id| Value::text(id.as_str())));
            group(&format!("g{id}"), &[])
                .with("members", list(&members))
                .with("groups", list(&nested.iter().map(|id| format!("g{id}")).collect::<Vec<_>>()))
                .with("owners", list(&owners))
        },
    )
}

fn world() -> impl Strategy<Value = Vec<Record>> {
    (prop::collection::vec(one_person(), 1..10), prop::collection::vec(team(), 1..6))
        .prop_map(|(people, teams)| people.into_iter().chain(teams).collect())
}

/// What was there before the job: accounts and groups, with what strangers gave.
fn before() -> impl Strategy<Value = Vec<Record>> {
    let license = prop::sample::select(vec![E3, E5, F3, "old-id"]);
    let licenses = prop::collection::btree_map(license, any::<bool>(), 0..3).prop_map(|licenses| {
        let licenses: Vec<License> = licenses
            .into_iter()
            .map(|(product, own)| if own { License::new(product) } else { License::new(product).inherited_from("g") })
            .collect();
        held(&licenses)
    });
    let accounts = prop::collection::btree_map(0..PEOPLE, (licenses, prop::option::of(0..4_u8)), 0..4);
    let teams = prop::collection::btree_map(0..TEAMS, prop::collection::btree_set(0..4_u8, 0..3), 0..3);
    (accounts, teams).prop_map(|(accounts, teams)| {
        let stranger = |id: u8| account(&format!("s{id}"), &format!("9{id}"));
        let strangers = (0..4).map(stranger);
        let accounts = accounts.into_iter().map(|(id, (licenses, manager))| {
            let manager = manager.map(|manager| format!("s{manager}"));
            account(&format!("a{id}"), &id.to_string()).with("skuId", licenses).with("manager", manager)
        });
        let teams = teams.into_iter().map(|(id, members)| {
            let members = members.into_iter().map(|id| Value::text(format!("s{id}")));
            let group = Record::new(ObjectId::group(format!("t{id}"))).with("name", format!("Group g{id}"));
            group.with("members", Value::list(members)).with("memberGroups", texts(&[])).with("owners", texts(&[]))
        });
        strangers.chain(accounts).chain(teams).collect()
    })
}

/// How the job is set up.
#[derive(Debug, Clone)]
struct Setup {
    preferences: Preferences,
    exact: bool,
    flat: bool,
    managed: bool,
    seats: [Option<u64>; 3],
}

fn setup() -> impl Strategy<Value = Setup> {
    let seats = || prop::option::weighted(0.7, 0..4_u64);
    let removal = prop::sample::select(vec![
        LicenseRemoval::Never,
        LicenseRemoval::WhenMappedValueCleared,
        LicenseRemoval::Always,
    ]);
    let switches = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (removal, 0..3_u8, switches, 0..4_u8, (seats(), seats(), seats())).prop_map(
        |(removal, managed, (exact, flat, inactive, create_inactive), leaver, (e3, e5, f3))| {
            let mut licenses = Licenses::default().with_removal(removal);
            if inactive {
                licenses = licenses.with_inactive();
            }
            licenses = match managed {
                0 => licenses,
                1 => licenses.with_managed(Managed::list(["F3"])),
                _ => licenses.with_managed(Managed::AllDirect),
            };
            let mut preferences = Preferences::default().with_licenses(licenses);
            if create_inactive {
                preferences = preferences.with_create_inactive();
            }
            preferences = match leaver {
                0 => preferences,
                1 => preferences.with_source_deleted(Leaver::delete()),
                2 => preferences.with_left_scope(Leaver::remove_licenses()),
                _ => preferences.with_left_scope(Leaver::disable().then_remove_licenses(Duration::ZERO)),
            };
            Setup { preferences, exact, flat, managed: managed > 0, seats: [e3, e5, f3] }
        },
    )
}

fn mapping(setup: &Setup) -> Mapping {
    let groups = if setup.exact { groups().exact("members").claims(["g0"]) } else { groups() };
    if setup.flat { groups.flatten("memberGroups", "members") } else { groups }
}

fn unguarded(org: &Org, setup: &Setup) -> Job {
    org.unguarded(users(), mapping(setup), setup.preferences.clone())
}

async fn plan(job: &Job) -> Plan {
    job.plan(Run::full().allow_empty_source()).await.expect("a plan")
}

/// Applies plans until one has nothing to write. Adopting takes a run of its own, and so does a reference to what was
/// made moments ago. Seats are as many as before: what is given is counted by hand.
async fn settle(org: &Org, job: &Job, setup: &Setup) -> Result<(), TestCaseError> {
    for _ in 0..6 {
        let plan = plan(job).await;
        enough_seats(&plan, setup)?;
        if plan.is_converged() {
            return Ok(());
        }
        let report = job.apply(&plan, Apply::new()).await.expect("a report");
        prop_assert_eq!(report.outcome(OutcomeKind::Failed), 0, "{}{}", plan, report);
        prop_assert_eq!(report.outcome(OutcomeKind::Stale), 0, "{}{}", plan, report);
        org.clock.advance(Duration::from_secs(3600));
    }
    let last = plan(job).await;
    prop_assert!(last.is_converged(), "still not quiet:\n{}", last);
    Ok(())
}

/// No more seats are taken than are free and are freed.
fn enough_seats(plan: &Plan, setup: &Setup) -> Result<(), TestCaseError> {
    for (product, free) in [E3, E5, F3].into_iter().zip(setup.seats) {
        let Some(free) = free else { continue };
        let sets = || plan.entries().iter().filter(|entry| entry.writes()).filter_map(|entry| entry.licenses());
        let seats = |elements: &[entrant::reconcile::Element]| {
            let of_product = |value: &Value| License::from_value(value).is_some_and(|own| *own.product == *product);
            let seats =
                elements.iter().filter(|element| element.seat && element.value.as_ref().is_some_and(of_product));
            seats.count() as u64
        };
        let taken: u64 = sets().map(|set| seats(&set.add)).sum();
        let freed: u64 = sets().map(|set| seats(&set.remove)).sum();
        prop_assert!(taken <= free + freed, "{} of {}: {}", taken, product, plan);
    }
    Ok(())
}

/// Each element of an object's attribute, as the store calls it.
type Elements = BTreeSet<(ObjectId, &'static str, String)>;

fn elements(records: &[Record], names: &[&'static str]) -> Elements {
    let mut all = BTreeSet::new();
    for record in records {
        for name in names {
            for element in record.get(name).map_or(&[][..], Value::as_slice) {
                let license = License::from_value(element).expect("an id or a licence");
                let mark = if license.is_direct() { "" } else { "^" };
                all.insert((record.id.clone(), *name, format!("{mark}{}", license.product)));
            }
        }
    }
    all
}

/// What strangers gave is there, but for what exact groups and managed licences are told to take.
fn strangers_keep(org: &Org, setup: &Setup, before: &[Record]) -> Result<(), TestCaseError> {
    let given = elements(before, &["members", "skuId"]);
    let now = elements(&org.directory.records(), &["members", "skuId"]);
    for element in &given {
        let (id, name, value) = element;
        let claimed = before.iter().any(|own| own.id == *id && own.get("name") == Some(&"Group g0".into()));
        let may_go = match *name {
            "skuId" => setup.managed && !value.starts_with('^'),
            _ => setup.exact && claimed,
        };
        prop_assert!(
            now.contains(element) || may_go || !org.directory.records().iter().any(|own| own.id == *id),
            "{} {} {} is gone",
            id,
            name,
            value
        );
    }
    Ok(())
}

/// Applies a plan in two halves under guards that the whole would not pass: the second must be stopped.
async fn no_slice_passes(org: &Org, setup: &Setup, ones: bool, start: usize) -> Result<(), TestCaseError> {
    let whole = plan(&unguarded(org, setup)).await;
    let taking = [Guard::Disable, Guard::Delete, Guard::LicenseRemoval, Guard::MemberRemoval, Guard::Clear];
    for guard in taking.into_iter().cycle().skip(start).take(taking.len()) {
        let effects = whole.effects();
        let most =
            [Class::USER, Class::GROUP].map(|class| effects.of_class(&class, guard)).into_iter().max().unwrap_or(0);
        if most < 2 {
            continue;
        }
        // As many as there are, less one.
        let guards = super::org::no_guards().with_limit(guard, most - 1);
        let builder = org.builder_of(users(), mapping(setup), setup.preferences.clone());
        let job = builder.guards(guards).build().expect("a job");
        let of_guard = |breaches: &[Breach]| breaches.iter().any(|breach| breach.guard == guard);
        prop_assert!(of_guard(&job.breaches(&whole).await.expect("guards")), "{}", whole);
        let counted = |entry: &&entrant::reconcile::Entry| {
            [Class::USER, Class::GROUP].iter().any(|class| entry.effects().of_class(class, guard) > 0)
        };
        let keys: Vec<_> = whole.entries().iter().filter(counted).map(|entry| entry.key.clone()).collect();
        let some = if ones { 1 } else { keys.len() / 2 };
        let first = whole.select(|entry| keys[..some].contains(&entry.key));
        if of_guard(&job.breaches(&first).await.expect("guards")) {
            continue;
        }
        let report = job.apply(&first, Apply::new()).await.expect("a report");
        prop_assert!(!matches!(report.status, RunStatus::Stopped { .. }), "{}", report);
        let done: BTreeSet<_> = first.entries().iter().map(|entry| entry.key.clone()).collect();
        let second = whole.select(|entry| !done.contains(&entry.key));
        let missing = report.outcome(OutcomeKind::Blocked) + report.outcome(OutcomeKind::Stale);
        let report = job.apply(&second, Apply::new()).await.expect("a report");
        let stopped = match &report.status {
            RunStatus::Stopped { breaches } => of_guard(breaches),
            _ => false,
        };
        prop_assert!(stopped || missing > 0, "{}: {}{}{}", guard, first, second, report);
        return Ok(());
    }
    Ok(())
}

fn reversed(org: &Org) -> MemoryStore {
    MemoryStore::new("hr").with_records(org.hr.records().into_iter().rev())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn organisations_come_to_rest_and_strangers_lose_nothing(
        first in world(),
        second in world(),
        before in before(),
        setup in setup(),
        ones in any::<bool>(),
        start in 0..5_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let [e3, e5, f3] = setup.seats;
            let mut org = Org::new(first).seats(e3, e5, f3);
            before.iter().for_each(|record| org.directory.push(record.clone()));
            let job = unguarded(&org, &setup);
            let plan_one = plan(&job).await;
            // The order of the records makes no difference, and a plan is what it was after a journey.
            let other_way = Org { hr: reversed(&org), ..org.clone() };
            prop_assert_eq!(plan(&unguarded(&other_way, &setup)).await.to_json(), plan_one.to_json());
            let read_back = Plan::from_json(&plan_one.to_json()).expect("a plan");
            prop_assert_eq!(&read_back, &plan_one);
            // The first run takes nothing: it has given nothing yet.
            let taken = plan_one.entries().iter().flat_map(|entry| &entry.sets).map(|set| set.remove.len()).sum::<usize>();
            prop_assert_eq!(taken, 0, "{}", plan_one);
            settle(&org, &job, &setup).await?;
            strangers_keep(&org, &setup, &before)?;
            // Everybody changes; the second world starts from the links of the first.
            org.hr = MemoryStore::new("hr").with_records(second);
            org.clock.advance(Duration::from_secs(48 * 3600));
            let job = unguarded(&org, &setup);
            let other_way = Org { hr: reversed(&org), ..org.clone() };
            prop_assert_eq!(plan(&unguarded(&other_way, &setup)).await.to_json(), plan(&job).await.to_json());
            no_slice_passes(&org, &setup, ones, start).await?;
            settle(&org, &job, &setup).await?;
            strangers_keep(&org, &setup, &before)?;
            quiet_end(&org, &setup)?;
            Ok(())
        })?;
    }
}

/// What the source names and is there is there in the end; nobody has two accounts.
fn quiet_end(org: &Org, setup: &Setup) -> Result<(), TestCaseError> {
    let records = org.directory.records();
    let mut accounts: BTreeMap<String, Vec<ObjectId>> = BTreeMap::new();
    for record in records.iter().filter(|record| record.id.class == Class::USER) {
        let employee = record.get("employeeId").cloned().unwrap_or_default().to_string();
        accounts.entry(employee).or_default().push(record.id.clone());
    }
    prop_assert!(accounts.values().all(|ids| ids.len() == 1), "{:?}", accounts);
    let people = org.hr.records();
    let alone = |id: &ObjectId| people.iter().filter(|other| other.id == *id).count() == 1;
    for team in people.iter().filter(|record| record.id.class == Class::GROUP && alone(&record.id)) {
        let Some(there) = records.iter().find(|own| own.get("name") == team.get("name")) else {
            continue;
        };
        let held = there.get("members").cloned().unwrap_or_default();
        for member in team.get("members").map_or(&[][..], Value::as_slice) {
            let id = ObjectId::user(member.as_text().unwrap_or_default());
            if !alone(&id) {
                continue;
            }
            if let Some([account]) = accounts.get(&*id.id).map(Vec::as_slice) {
                let is_in = held.as_slice().contains(&Value::text(account.id.clone()));
                prop_assert!(is_in, "{} is not in {} (flat {}, exact {})", id, team.id, setup.flat, setup.exact);
            }
        }
    }
    Ok(())
}
