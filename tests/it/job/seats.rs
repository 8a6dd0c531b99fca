//! Licences of those who leave, return, are inactive or wait (semantics, rules 1, 2, 7, 12 and 15; R12, R13).

use entrant::Value;
use entrant::job::{Apply, OutcomeKind};
use entrant::model::{License, ObjectId};
use entrant::reconcile::{Action, Leaver, Licenses, Managed, Preferences, days};

use super::org::{E3, E5, F3, OLD, Org, PHONE, account, groups, held, person, plan, problems, texts, users};

fn licenses(licenses: Licenses) -> Preferences {
    Preferences::default().with_licenses(licenses)
}

/// "An inactive person gets no new one unless `license_inactive`; one that he has stays until R12's condition … takes it."
#[tokio::test]
async fn who_is_inactive_gets_no_licence_and_keeps_the_one_he_has() {
    let joiner = || person("1").with("active", false).with("sku", texts(&["E3"]));
    for (with_inactive, expected) in [(false, &[][..]), (true, &["e3"])] {
        let org = Org::new([joiner()]);
        let own = Licenses::default();
        let own = if with_inactive { own.with_inactive() } else { own };
        let job = org.unguarded(users(), groups(), licenses(own).with_create_inactive());
        _ = org.settle_with(&job).await;
        assert_eq!(org.licenses("1"), expected);
        assert!(plan(&job).await.is_converged());
    }
    let org = Org::new([person("1").with("sku", texts(&["E3"]))]);
    _ = org.settle().await;
    org.set("1", "active", false);
    _ = org.settle().await;
    assert_eq!(org.licenses("1"), ["e3"], "a mailbox hangs on it");
    // No other one either; and what is cleared is taken.
    org.set("1", "sku", texts(&["E5"]));
    assert!(org.plan().await.is_converged(), "{}", org.plan().await);
    org.set("1", "sku", Value::Null);
    _ = org.settle().await;
    assert_eq!(org.licenses("1"), [""; 0]);
    // Whoever is active again gets what he is to have.
    org.set("1", "sku", texts(&["E5"]));
    org.set("1", "active", true);
    let back = org.plan().await;
    let report = org.settle().await;
    assert_eq!(org.licenses("1"), ["e5"], "{back}{report}");
}

/// Rule 7: `RemoveLicenses` takes managed licences, after its grace; "a return cancels it".
#[tokio::test]
async fn leavers_lose_managed_licences_after_their_grace() {
    let leaver = || Leaver::disable().then_remove_licenses(days(30));
    for (managed, expected) in [(Managed::Own, &["^f3", "old"][..]), (Managed::AllDirect, &["^f3"])] {
        for gone in [true, false] {
            let preferences = licenses(Licenses::default().with_managed(managed.clone()));
            let preferences = preferences.with_source_deleted(leaver()).with_left_scope(leaver());
            let org = Org::new([person("1").with("sku", texts(&["E5"])), person("2").with("sku", texts(&["E5"]))]);
            let job = org.unguarded(users(), groups(), preferences);
            _ = org.settle_with(&job).await;
            let all = held(&[License::new(E5), License::new(OLD), License::new(F3).inherited_from("g")]);
            assert!(org.directory.set(&org.id("1"), "skuId", all));
            let record = org.hr.record(&ObjectId::user("1")).expect("a record");
            match gone {
                true => org.hr.remove(&record.id),
                false => org.set("1", "kind", "external"),
            }
            _ = org.settle_with(&job).await;
            assert_eq!(org.find("1").get("active"), Some(&Value::Bool(false)));
            org.clock.advance(days(29));
            let waits = plan(&job).await;
            assert!(waits.is_converged() && waits.entries()[0].action == Action::Wait, "{waits:?}");
            _ = org.settle_with(&job).await;
            assert_eq!(org.licenses("1"), ["^f3", "e5", "old"]);
            // Back before the day, he begins anew.
            org.hr.remove(&record.id);
            org.hr.push(record.clone());
            _ = org.settle_with(&job).await;
            assert_eq!(org.find("1").get("active"), Some(&Value::Bool(true)));
            match gone {
                true => org.hr.remove(&record.id),
                false => org.set("1", "kind", "external"),
            }
            _ = org.settle_with(&job).await;
            org.clock.advance(days(29));
            assert!(plan(&job).await.is_converged(), "the return cancelled what had been waited");
            org.clock.advance(days(1));
            let due = plan(&job).await;
            assert_eq!(due.count(Action::Update), 1, "{due}");
            _ = org.settle_with(&job).await;
            assert_eq!(org.licenses("1"), expected, "{managed:?}: {due}");
            assert!(plan(&job).await.is_converged(), "{}", plan(&job).await);
        }
    }
}

/// Rule 11: "what would fail is a problem at plan time": what others gave may need what the job would take.
#[tokio::test]
async fn a_licence_that_another_one_needs_is_not_taken_from_a_leaver() {
    let org = Org::new([person("1").with("sku", texts(&["E5"])), person("2")]);
    let preferences = Preferences::default().with_source_deleted(Leaver::disable().then_remove_licenses(days(0)));
    let job = org.unguarded(users(), groups(), preferences);
    _ = org.settle_with(&job).await;
    assert!(org.directory.set(&org.id("1"), "skuId", held(&[License::new(E5), License::new(PHONE)])));
    org.hr.remove(&ObjectId::user("1"));
    let left = plan(&job).await;
    assert!(problems(&left, "1")[0].contains("CALL of PHONE needs VOICE"), "{left}");
    _ = org.settle_with(&job).await;
    assert_eq!((org.find("1").get("active"), org.licenses("1").len()), (Some(&Value::Bool(false)), 2));
    let quiet = plan(&job).await;
    assert!(quiet.is_converged() && quiet.needs_attention(), "{quiet}");
    assert!(org.directory.set(&org.id("1"), "skuId", held(&[License::new(E5)])));
    _ = org.settle_with(&job).await;
    assert_eq!(org.licenses("1"), [""; 0]);
    assert!(plan(&job).await.is_converged());
}

/// Whoever left is given nothing, whatever his record says.
#[tokio::test]
async fn who_left_the_scope_is_given_nothing_new() {
    let org = Org::new([person("1").with("sku", texts(&["E3"])), person("2")]);
    let preferences = Preferences::default().with_left_scope(Leaver::remove_licenses());
    let job = org.unguarded(users(), groups(), preferences);
    _ = org.settle_with(&job).await;
    org.set("1", "kind", "external");
    org.set("1", "sku", texts(&["E5"]));
    org.set("1", "manager", "2");
    let left = plan(&job).await;
    let sets: Vec<_> = left.entries().iter().flat_map(|entry| &entry.sets).collect();
    assert_eq!(sets.len(), 1, "{left}");
    assert!(sets[0].add.is_empty(), "{left}");
    _ = org.settle_with(&job).await;
    assert_eq!((org.licenses("1"), org.refers("1", "manager")), (vec![], vec![]));
    assert!(plan(&job).await.is_converged());
}

/// "A job manages the SKUs that it assigned itself and those it is told to manage (`List`)"; "by GUID or part number".
#[tokio::test]
async fn a_list_says_what_else_is_managed() {
    for list in [["E3"], ["e3"], [E3]] {
        let org = Org::new([person("1").with("sku", texts(&["f3-id"])), person("2")]);
        let managed = Licenses::default().with_managed(Managed::list(list));
        let job = org.unguarded(users(), groups(), licenses(managed));
        _ = org.settle_with(&job).await;
        let strangers = [License::new(E3).without_plan("mail-e3"), License::new(PHONE)];
        for id in ["1", "2"] {
            let own = (id == "1").then(|| License::new(F3));
            let all: Vec<License> = strangers.iter().cloned().chain(own).collect();
            assert!(org.directory.set(&org.id(id), "skuId", held(&all)));
        }
        // Of the second the source says that there are to be none.
        let shown = plan(&job).await;
        _ = org.settle_with(&job).await;
        assert_eq!(org.licenses("1"), ["f3", "phone"], "{shown}");
        assert_eq!(org.licenses("2"), ["phone"], "{shown}");
        assert!(plan(&job).await.is_converged());
    }
}

/// "Not mentioned never means remove": a list that broke off says nothing of what is not in it.
#[tokio::test]
async fn a_list_of_products_that_broke_off_takes_nothing() {
    let org = Org::new([person("1").with("sku", texts(&["E5", "PHONE"]))]);
    _ = org.settle().await;
    org.hr.remove(&ObjectId::user("1"));
    org.hr.push(person("1").with("sku", texts(&["E5"])).with_partial("sku", "row 7 of licences.csv cannot be read"));
    let shown = org.plan().await;
    assert!(shown.is_converged(), "{shown}");
    assert!(problems(&shown, "1")[0].contains("row 7 of licences.csv"), "{shown}");
    // What is added is given all the same.
    org.hr.remove(&ObjectId::user("1"));
    org.hr
        .push(person("1").with("sku", texts(&["E3"])).with("without", texts(&["mail-e3"])).with_partial("sku", "cut"));
    _ = org.settle().await;
    assert_eq!(org.licenses("1"), ["e3 -mail-e3", "e5", "phone"]);
}

/// Rule 1: "the run that adopts an object removes nothing from it …; it lists them as `Report` (`after adoption`)".
#[tokio::test]
async fn the_run_that_takes_an_account_over_takes_nothing_from_it() {
    let org = Org::new([person("1").with("active", false).with("title", Value::Null), person("2")]);
    let strangers = held(&[License::new(E5), License::new(F3).inherited_from("g")]);
    org.directory.push(account("x", "1").with("skuId", strangers).with("manager", "y"));
    org.directory.push(account("y", "2"));
    let mapping = || users().on_null("title", entrant::mapping::OnNull::Clear);
    let preferences = || licenses(Licenses::default().with_managed(Managed::AllDirect));
    let job = org.unguarded(mapping(), groups(), preferences());
    let adopting = plan(&job).await;
    let listed = problems(&adopting, "1").into_iter().filter(|problem| problem.starts_with("after-adoption")).count();
    assert_eq!(listed, 3, "the status, the value, the licence: {adopting}");
    _ = org.settle_with(&job).await;
    assert_eq!(org.licenses("1"), ["^f3", "e5"]);
    let found = org.find("1");
    assert_eq!((found.get("active"), found.get("title")), (Some(&Value::Bool(true)), Some(&"Clerk".into())));
    assert_eq!(org.refers("1", "manager"), ["2"]);
    _ = org.settle_with(&job).await;
    assert_eq!(org.licenses("1"), ["^f3"], "the next one does");
    assert_eq!(org.refers("1", "manager"), ["2"], "someone else's");
    assert!(plan(&job).await.is_converged());
}

/// "Seats are counted across the plan, with a waiting list in plan order", over several runs.
#[tokio::test]
async fn those_who_wait_get_their_seats_run_by_run() {
    let org = Org::new((0..8).map(|id| person(&id.to_string()).with("sku", texts(&["E3"]))));
    let org = org.seats(Some(2), None, None);
    _ = org.settle().await;
    let with = |org: &Org| (0..8).filter(|id| !org.licenses(&id.to_string()).is_empty()).collect::<Vec<_>>();
    assert_eq!(with(&org), [0, 1]);
    let org = org.seats(Some(0), None, None);
    for _ in 0..2 {
        let waits = org.plan().await;
        assert!(waits.is_converged() && waits.needs_attention(), "{waits}");
        assert_eq!(problems(&waits, "7"), ["no-seat: skuId: waits for a seat of E3, as number 6"]);
    }
    let org = org.seats(Some(3), None, None);
    _ = org.settle().await;
    assert_eq!(with(&org), [0, 1, 2, 3, 4]);
    // Two leave theirs, one of those who wait no longer wants one.
    let org = org.seats(Some(0), None, None);
    for id in ["0", "3", "5"] {
        org.set(id, "sku", Value::Null);
    }
    _ = org.settle().await;
    assert_eq!(with(&org), [1, 2, 4, 6, 7]);
    assert!(org.plan().await.is_converged());
}

/// Who is made and waits for a seat needs a person, and the report names him.
#[tokio::test]
async fn a_report_names_those_who_wait_for_a_seat() {
    let org = Org::new((0..3).map(|id| person(&id.to_string()).with("sku", texts(&["E3"]))));
    let org = org.seats(Some(2), None, None);
    let job = org.job();
    let shown = plan(&job).await;
    let report = job.apply(&shown, Apply::new()).await.expect("a report");
    assert_eq!(report.outcome(OutcomeKind::Applied), shown.entries().len() as u64, "{report}");
    let [waiting] = report.troubles.as_slice() else { panic!("one waits: {report:?}") };
    assert_eq!((&*waiting.key.id, waiting.outcome.kind()), ("2", OutcomeKind::Applied));
    assert_eq!(waiting.attention, ["skuId: waits for a seat of E3, as number 1"]);
    let entry = shown.entries().iter().find(|entry| entry.key == waiting.key).expect("the plan has it");
    assert_eq!(waiting.label, entry.label);
    assert!(report.html().to_string().contains("waits for a seat of E3"));
    assert!(report.to_string().contains("Done, but lacking something (1)"), "{report}");
}

/// Whoever cannot move at all keeps nobody from a seat.
#[tokio::test]
async fn a_seat_that_one_cannot_use_goes_to_the_next() {
    // The first needs E5 for his phone, and there is none: the seat of PHONE is of no use to him.
    let org = Org::new([person("1").with("sku", texts(&["F3"])), person("2").with("sku", texts(&["E3"]))]);
    _ = org.settle().await;
    let org = org.seats(Some(0), Some(0), Some(1));
    org.set("1", "sku", texts(&["E3", "PHONE"]));
    org.set("2", "sku", texts(&["F3"]));
    let shown = org.plan().await;
    _ = org.settle().await;
    assert_eq!((org.licenses("1"), org.licenses("2")), (vec!["f3".to_owned()], vec!["f3".to_owned()]), "{shown}");
}

/// A chain of swaps is carried out from its end; without a seat at its end nobody moves.
#[tokio::test]
async fn swaps_in_a_row_begin_where_a_seat_is_free() {
    for (free, moved) in [(0, false), (1, true)] {
        let org = Org::new([
            person("1").with("sku", texts(&["E3"])),
            person("2").with("sku", texts(&["E5"])),
            person("3").with("sku", texts(&["E5"])),
        ]);
        _ = org.settle().await;
        let org = org.seats(Some(0), Some(0), Some(free));
        org.set("1", "sku", texts(&["E5"]));
        org.set("2", "sku", texts(&["F3"]));
        let shown = org.plan().await;
        _ = org.settle().await;
        let expected = if moved { ["e5", "f3"] } else { ["e3", "e5"] };
        assert_eq!([org.licenses("1"), org.licenses("2")].concat(), expected, "{shown}");
    }
}

/// Rule 9: a default product is given on create, and not taken back by the next run.
#[tokio::test]
async fn a_default_product_is_not_taken_back() {
    let org = Org::new([person("1"), person("2").with("sku", texts(&["E5"]))]);
    let job = org.unguarded(users().default_value("skuId", "F3"), groups(), Preferences::default());
    _ = org.settle_with(&job).await;
    assert_eq!((org.licenses("1"), org.licenses("2")), (vec!["f3".to_owned()], vec!["e5".to_owned()]));
    assert!(plan(&job).await.is_converged(), "{}", plan(&job).await);
}

/// Rule 15: "before an irreversible step (… licence … removal) both sides are read again and the entry is rejected".
#[tokio::test]
async fn a_licence_is_taken_only_if_both_sides_still_say_so() {
    type Meanwhile = fn(&Org);
    let table: [(Meanwhile, OutcomeKind, &[&str]); 5] = [
        (|_| {}, OutcomeKind::Applied, &["old"]),
        (|org| org.set("1", "sku", texts(&["E5"])), OutcomeKind::Stale, &["e5", "old"]),
        (|org| org.hr.remove(&ObjectId::user("1")), OutcomeKind::Stale, &["e5", "old"]),
        (|org| org.set("1", "kind", "external"), OutcomeKind::Stale, &["e5", "old"]),
        (
            |org| assert!(org.directory.set(&org.id("1"), "skuId", held(&[License::new(OLD)]))),
            OutcomeKind::Stale,
            &["old"],
        ),
    ];
    for (number, (meanwhile, outcome, expected)) in table.into_iter().enumerate() {
        let org = Org::new([person("1").with("sku", texts(&["E5"])), person("2")]);
        _ = org.settle().await;
        let all = held(&[License::new(E5), License::new(OLD)]);
        assert!(org.directory.set(&org.id("1"), "skuId", all));
        org.set("1", "sku", Value::Null);
        let job = org.job();
        let shown = plan(&job).await;
        meanwhile(&org);
        let report = job.apply(&shown, Apply::new()).await.expect("a report");
        assert_eq!(report.outcome(outcome), 1, "case {number}: {report}");
        assert_eq!(org.licenses("1"), expected, "case {number}");
    }
}

/// "R12 decides when managed licences go": what an administrator took away is no longer the job's, if he gives it again.
#[tokio::test]
async fn what_someone_else_took_away_is_given_again_and_what_he_gives_is_his() {
    let org = Org::new([person("1").with("sku", texts(&["E3"])), person("2").with("sku", texts(&["E3"]))]);
    _ = org.settle().await;
    for id in ["1", "2"] {
        assert!(org.directory.set(&org.id(id), "skuId", held(&[])));
    }
    org.set("2", "sku", Value::Null);
    _ = org.settle().await;
    assert_eq!((org.licenses("1"), org.licenses("2")), (vec!["e3".to_owned()], vec![]));
    assert!(org.directory.set(&org.id("2"), "skuId", held(&[License::new(E3)])));
    let quiet = org.plan().await;
    assert!(quiet.is_converged(), "{quiet}");
}

#[tokio::test]
async fn who_waits_for_one_product_gets_the_others_meanwhile() {
    let wants = |id: &str, products: &[&str]| person(id).with("sku", texts(products));
    let light = |id: &str, products: &[&str]| wants(id, products).with("without", texts(&["mail-f3"]));
    let org = Org::new([light("1", &["E3", "F3"]), light("2", &["F3"]), wants("3", &["E5", "PHONE"])]);
    // One seat of F3 less than wanted; the phone needs what E5 has no seat for.
    let org = org.seats(Some(9), Some(0), Some(0));
    let plan = org.plan().await;
    assert_eq!(problems(&plan, "1"), ["no-seat: skuId: waits for a seat of F3, as number 1"], "{plan}");
    _ = org.settle().await;
    assert_eq!(org.licenses("1"), ["e3"], "{plan}");
    assert_eq!(org.licenses("3"), [""; 0], "a phone is of no use without what it needs: {plan}");
    let org = org.seats(Some(9), Some(1), Some(2));
    _ = org.settle().await;
    assert_eq!(org.licenses("1"), ["e3", "f3 -mail-f3"], "{}", org.plan().await);
    assert_eq!(org.licenses("3"), ["e5", "phone"], "{}", org.plan().await);
    assert!(org.plan().await.is_converged());
}
