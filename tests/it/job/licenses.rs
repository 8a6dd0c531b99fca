//! Licences: who gets one, who keeps one, who waits (semantics, rule 12; R12, R13, R82).

use entrant::Value;
use entrant::job::{Apply, Run};
use entrant::model::{License, ObjectId};
use entrant::reconcile::{Action, Leaver, LicenseRemoval, Licenses, Managed, Preferences};

use super::org::{E3, E5, Org, account, group, groups, held, person, plan, problems, texts, users};

/// What the source says of a person's products.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Says {
    Unmapped,
    Cleared,
    Absent,
    Same,
    Other,
    /// Another product of which no seat is left.
    Full,
}

/// Whose the person's licence is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Whose {
    Ours,
    Strangers,
    Inherited,
}

#[tokio::test]
async fn the_truth_table_of_clearing() {
    use LicenseRemoval::{Always, Never, WhenMappedValueCleared};
    use Says::{Absent, Cleared, Full, Other, Same, Unmapped};
    use Whose::{Inherited, Ours, Strangers};
    let all = [Never, WhenMappedValueCleared, Always];
    // Of E3, which the person has: whether it stays under each policy, with what the job manages by default and in all.
    #[rustfmt::skip]
    let table: &[(Says, Whose, [bool; 3], [bool; 3])] = &[
        (Unmapped, Ours,      [true, true, false],  [true, true, false]),
        (Unmapped, Strangers, [true, true, true],   [true, true, false]),
        (Unmapped, Inherited, [true, true, true],   [true, true, true]),
        (Cleared,  Ours,      [true, false, false], [true, false, false]),
        (Cleared,  Strangers, [true, true, true],   [true, false, false]),
        (Cleared,  Inherited, [true, true, true],   [true, true, true]),
        (Absent,   Ours,      [true, true, true],   [true, true, true]),
        (Absent,   Strangers, [true, true, true],   [true, true, true]),
        (Same,     Ours,      [true, true, true],   [true, true, true]),
        (Same,     Strangers, [true, true, true],   [true, true, true]),
        (Same,     Inherited, [true, true, true],   [true, true, true]),
        // E5 without its mail, so that it goes beside E3.
        (Other,    Ours,      [true, false, false], [true, false, false]),
        (Other,    Strangers, [true, true, true],   [true, false, false]),
        (Other,    Inherited, [true, true, true],   [true, true, true]),
        // Nobody loses what he has for something that he cannot have yet.
        (Full,     Ours,      [true, true, true],   [true, true, true]),
        (Full,     Strangers, [true, true, true],   [true, true, true]),
        (Full,     Inherited, [true, true, true],   [true, true, true]),
    ];
    for (says, whose, own, direct) in table {
        for ((managed, stays), policy) in [(Managed::Own, own), (Managed::AllDirect, direct)]
            .into_iter()
            .flat_map(|row| all.map(|policy| (row.clone(), policy)))
        {
            let stays = stays[all.iter().position(|own| *own == policy).expect("one of them")];
            let org = Org::new([person("1").with("sku", if *whose == Ours { texts(&["E3"]) } else { Value::Null })]);
            _ = org.settle().await;
            match whose {
                Ours => {}
                Strangers => assert!(org.directory.set(&org.id("1"), "skuId", held(&[License::new(E3)]))),
                Inherited => {
                    assert!(org.directory.set(&org.id("1"), "skuId", held(&[License::new(E3).inherited_from("g")])));
                }
            }
            let mapping = match says {
                Unmapped => without_products(),
                _ => users(),
            };
            match says {
                Unmapped => {}
                Cleared => org.set("1", "sku", Value::Null),
                Absent => {
                    let mut record = org.hr.record(&entrant::model::ObjectId::user("1")).expect("a record");
                    record.attributes.remove("sku");
                    org.hr.remove(&record.id);
                    org.hr.push(record);
                    // Someone has it, so that the column is not taken for renamed.
                    org.hr.push(person("2"));
                }
                Same => org.set("1", "sku", texts(&["E3"])),
                Other | Full => {
                    org.set("1", "sku", texts(&["E5"]));
                    org.set("1", "without", texts(&["mail-e5"]));
                }
            }
            let preferences = Preferences::default()
                .with_licenses(Licenses::default().with_removal(policy).with_managed(managed.clone()));
            // What is there stays without a seat too; what comes needs one.
            let org = org.seats(Some(0), Some(u64::from(*says != Full)), None);
            let job = org.unguarded(mapping, groups(), preferences);
            let shown = plan(&job).await;
            _ = org.settle_with(&job).await;
            let org = org.seats(Some(0), Some(0), None);
            let licenses = org.licenses("1");
            let has = licenses.iter().any(|license| license.trim_start_matches('^') == "e3");
            assert_eq!(has, stays, "{says:?} {whose:?} {policy:?} {managed:?}: {licenses:?}\n{shown}");
            assert_eq!(
                licenses.iter().any(|license| license.starts_with("e5")),
                *says == Other,
                "{says:?} {whose:?}\n{shown}"
            );
            assert!(plan(&job).await.is_converged(), "{says:?} {whose:?} {policy:?} {managed:?}");
        }
    }
}

fn without_products() -> entrant::Mapping {
    entrant::Mapping::users()
        .attribute("login", "login")
        .attribute("employeeId", "id")
        .attribute("active", "active")
        .match_on("employeeId")
}

#[tokio::test]
async fn seats_go_by_the_order_of_the_plan_and_freed_ones_to_those_who_wait() {
    let people = |has: std::ops::Range<usize>| {
        (0..6).map(move |id| {
            person(&id.to_string()).with("sku", if has.contains(&id) { texts(&["E3"]) } else { Value::Null })
        })
    };
    let org = Org::new(people(0..6)).seats(Some(2), None, None);
    let first = org.plan().await;
    assert_eq!(problems(&first, "2"), ["no-seat: skuId: waits for a seat of E3, as number 1"], "{first}");
    assert_eq!(problems(&first, "5"), ["no-seat: skuId: waits for a seat of E3, as number 4"]);
    _ = org.settle().await;
    let org = org.seats(Some(0), None, None);
    assert_eq!(org.licenses("1"), ["e3"]);
    assert_eq!(org.licenses("2"), [""; 0]);
    // One gives his up: the next one gets it, in the same plan.
    org.set("0", "sku", Value::Null);
    let second = org.plan().await;
    _ = org.settle().await;
    assert_eq!(org.licenses("0"), [""; 0], "{second}");
    assert_eq!(org.licenses("2"), ["e3"], "{second}");
    assert_eq!(org.licenses("3"), [""; 0], "{second}");
}

#[tokio::test]
async fn a_swap_is_one_call_and_nobody_is_left_without() {
    let org = Org::new([person("1").with("sku", texts(&["E3"]))]).seats(Some(5), Some(1), None);
    _ = org.settle().await;
    let before = org.directory.writes();
    org.set("1", "sku", texts(&["E5"]));
    let plan = org.plan().await;
    assert_eq!(plan.effects().of_class(&entrant::model::Class::USER, entrant::reconcile::Guard::LicenseRemoval), 0);
    _ = org.settle().await;
    assert_eq!(org.licenses("1"), ["e5"]);
    assert_eq!(org.directory.writes() - before, 1, "{plan}");
    // Without a seat of the other one he keeps what he has.
    let org = org.seats(Some(0), Some(0), Some(0));
    org.set("1", "sku", texts(&["F3"]));
    let plan = org.plan().await;
    assert!(plan.is_converged(), "{plan}");
    assert!(problems(&plan, "1")[0].contains("what is there stays until then"), "{plan}");
}

#[tokio::test]
async fn two_who_swap_products_without_a_free_seat_wait() {
    let org = Org::new([person("1").with("sku", texts(&["E3"])), person("2").with("sku", texts(&["E5"]))]);
    _ = org.settle().await;
    org.set("1", "sku", texts(&["E5"]));
    org.set("2", "sku", texts(&["E3"]));
    let org = org.seats(Some(0), Some(0), None);
    let stuck = org.plan().await;
    assert!(stuck.is_converged() && stuck.needs_attention(), "{stuck}");
    let org = org.seats(Some(0), Some(1), None);
    _ = org.settle().await;
    assert_eq!((org.licenses("1"), org.licenses("2")), (vec!["e5".to_owned()], vec!["e3".to_owned()]));
}

#[tokio::test]
async fn what_cannot_be_given_blocks_the_licence_alone() {
    let table = [
        (texts(&["E4"]), Value::Null, "DE", "unknown-product"),
        (texts(&["E3"]), texts(&["VOICE"]), "DE", "unknown-plan"),
        (texts(&["E3", "E5"]), Value::Null, "DE", "plan-conflict"),
        (texts(&["PHONE"]), Value::Null, "DE", "plan-dependency"),
        (texts(&["OLD"]), Value::Null, "DE", "product-refused"),
        (texts(&["E3"]), Value::Null, "", "usage-location"),
    ];
    for (sku, without, location, rule) in table {
        let person = person("1").with("sku", sku).with("without", without).with("location", location);
        let org = Org::new([person]);
        let plan = org.plan().await;
        assert!(problems(&plan, "1").iter().any(|problem| problem.starts_with(rule)), "{rule}: {plan}");
        assert!(plan.needs_attention());
        _ = org.settle().await;
        assert_eq!(org.licenses("1"), [""; 0], "{rule}");
    }
    let org = Org::new([person("1").with("sku", texts(&["E5", "PHONE"]))]);
    _ = org.settle().await;
    assert_eq!(org.licenses("1"), ["e5", "phone"]);
    // What others gave counts too, and is named.
    let org = Org::new([person("1").with("sku", texts(&["E3"]))]);
    org.directory.push(account("a", "1").with("skuId", held(&[License::new(E5)])));
    let plan = org.plan().await;
    assert!(problems(&plan, "1")[0].contains("MAIL-E3 of E3 and MAIL-E5 of E5 cannot be held together"), "{plan}");
}

#[tokio::test]
async fn left_out_plans_are_kept_in_step_for_what_the_job_gave() {
    let org = Org::new([
        person("1").with("sku", texts(&["E3"])).with("without", texts(&["chat"])),
        person("2").with("sku", texts(&["E3"])),
    ]);
    _ = org.settle().await;
    assert_eq!(org.licenses("1"), ["e3 -chat"]);
    org.set("1", "without", Value::Null);
    _ = org.settle().await;
    assert_eq!(org.licenses("1"), ["e3"]);
    // Someone else's licence of the same product is satisfied, whatever is left out.
    org.directory.set(&org.id("2"), "skuId", held(&[]));
    org.set("2", "sku", Value::Null);
    _ = org.settle().await;
    org.directory.set(&org.id("2"), "skuId", held(&[License::new(E3).without_plan("mail-e3")]));
    org.set("2", "sku", texts(&["E3"]));
    assert!(org.plan().await.is_converged());
}

#[tokio::test]
async fn one_who_comes_back_is_switched_on_and_gets_a_licence_in_the_same_plan() {
    let org = Org::new([person("1")]);
    _ = org.settle().await;
    org.set("1", "active", false);
    _ = org.settle().await;
    org.set("1", "active", true);
    org.set("1", "title", "Clerk again");
    org.set("1", "sku", texts(&["E3"]));
    let report = org.settle().await;
    assert_eq!(report.outcome(entrant::job::OutcomeKind::Stale), 0, "{report}");
    assert_eq!(org.find("1").get("active"), Some(&true.into()));
    assert_eq!(org.licenses("1"), ["e3"]);
}

#[tokio::test]
async fn a_plan_that_is_applied_later_gives_licences_to_those_whom_it_makes() {
    let org = Org::new([person("1").with("sku", texts(&["E3"])), group("a", &["1"])]);
    let job = org.job();
    let later = plan(&job).await;
    org.clock.advance(std::time::Duration::from_secs(3600));
    let report = job.apply(&later, entrant::job::Apply::new()).await.expect("a report");
    assert_eq!(report.status, entrant::job::RunStatus::Complete, "{report}");
    assert_eq!(org.licenses("1"), ["e3"]);
    assert_eq!(org.refers("Group a", "members"), ["1"]);
}

/// Counts how often each entry is told.
#[derive(Debug, Clone, Default)]
struct Told(std::sync::Arc<std::sync::Mutex<std::collections::BTreeMap<String, usize>>>);

impl entrant::job::Observer for Told {
    fn event(&self, event: &entrant::job::Event<'_>) {
        if let entrant::job::Event::Entry(entry) = event {
            *self.0.lock().expect("no test panics with the lock").entry(entry.key.to_string()).or_default() += 1;
        }
    }
}

/// A leaver whose licences were not read has perhaps some: the job is not through with him.
#[tokio::test]
async fn licences_that_were_not_read_are_still_to_be_taken() {
    for retires in [false, true] {
        let org = Org::new(["1", "2", "3"].map(|id| person(id).with("sku", texts(&["E3"]))));
        _ = org.settle().await;
        let leaver = Leaver::remove_licenses();
        let preferences = Preferences::default().with_source_deleted(leaver.clone()).with_retired(leaver);
        let job = org.unguarded(users(), groups(), preferences);
        let run = || if retires { Run::retire() } else { Run::full() };
        org.hr.remove(&ObjectId::user("1"));
        org.hr.remove(&ObjectId::user("2"));
        let account = org.find("1");
        org.directory.remove(&account.id);
        let mut cut = account.clone().with_partial("skuId", "a row goes by no id");
        cut.attributes.remove("skuId");
        org.directory.push(cut);
        let unread = job.plan(run()).await.expect("a plan");
        assert!(problems(&unread, "1").iter().any(|own| own.starts_with("target-not-read")), "{unread}");
        assert!(!unread.is_converged() && unread.needs_attention(), "{unread}");
        let mut own = unread.entries().iter().filter(|entry| &*entry.key.id == "1");
        assert!(own.all(|entry| entry.action == Action::Report), "{unread}");
        _ = job.apply(&unread, Apply::new()).await.expect("a report");
        assert_eq!(org.licenses("2"), [""; 0]);

        org.directory.remove(&account.id);
        org.directory.push(account);
        let plan = job.plan(run()).await.expect("a plan");
        _ = job.apply(&plan, Apply::new()).await.expect("a report");
        assert_eq!(org.licenses("1"), [""; 0], "{plan}");
    }
}

#[tokio::test]
async fn each_entry_is_told_once_however_many_parts_it_has() {
    let org = Org::new([person("1").with("sku", texts(&["E3"])).with("manager", "2"), person("2"), group("a", &["1"])]);
    let told = Told::default();
    let job = org.builder(users(), Preferences::default()).observer(told.clone()).build().expect("a job");
    _ = org.settle_with(&job).await;
    org.set("1", "active", false);
    org.set("1", "title", "Left");
    org.set("1", "sku", Value::Null);
    org.set("1", "manager", Value::Null);
    _ = org.settle_with(&job).await;
    let told = told.0.lock().expect("no test panics with the lock").clone();
    assert_eq!(told.into_values().collect::<Vec<_>>(), [1, 2, 1], "group a, user 1 in each run, user 2");
}
