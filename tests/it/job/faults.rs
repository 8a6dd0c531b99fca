//! References and licences when writes are lost, refused or cut off (semantics, rules 15, 17 and 21).

use std::time::Duration;

use entrant::error::ErrorKind;
use entrant::job::{Apply, OutcomeKind, Run, RunStatus};
use entrant::model::{License, Operation, Refused};
use entrant::reconcile::{Guard, Guards, Policy, Preferences};
use entrant::store::{State, Table, WriteFault};
use entrant::{Error, Job, Value};
use futures::TryStreamExt;

use super::org::{E3, Org, account, group, groups, held, no_guards, person, plan, texts, users};
use super::spy::{Death, Spy};

/// Four people with managers in a circle, two groups, licences, and an account that is taken over.
fn company() -> Org {
    let people = (1..=4_u8)
        .map(|id| person(&id.to_string()).with("manager", (id % 4 + 1).to_string()).with("sku", texts(&["E3"])));
    let org = Org::new(people.chain([
        group("a", &["1", "2", "3"]).with("owners", texts(&["4"])),
        group("b", &["4"]).with("groups", texts(&["a"])),
    ]));
    org.directory.push(account("adopted", "4").with("manager", Value::Null));
    org
}

/// What changes in the second act: everything that is given and taken one by one, with values and a status beside it.
fn reorganise(org: &Org) {
    org.set("1", "manager", "3");
    org.set("2", "manager", Value::Null);
    org.set("3", "title", "Head");
    org.set("3", "sku", texts(&["E5"]));
    org.set("4", "sku", Value::Null);
    org.set("1", "active", false);
    org.set("1", "title", "Gone");
    org.set_group("a", "members", texts(&["2", "4"]));
    org.set_group("a", "owners", texts(&[]));
    org.set_group("b", "members", texts(&["1", "4"]));
    org.hr.push(person("5").with("manager", "1").with("sku", texts(&["E3"])));
    org.hr.push(group("c", &["5", "1"]));
}

fn as_wanted_first(org: &Org, when: &str) {
    let count =
        |name: &str| org.directory.records().iter().filter(|own| own.get("login") == Some(&name.into())).count();
    for id in 1..=4 {
        let (id, manager) = (id.to_string(), (id % 4 + 1).to_string());
        assert_eq!(count(&format!("p{id}@contoso.com")), 1, "{when}: nobody twice");
        assert_eq!((org.refers(&id, "manager"), org.licenses(&id)), (vec![manager], vec!["e3".to_owned()]), "{when}");
    }
    assert_eq!(org.refers("Group a", "members"), ["1", "2", "3"], "{when}");
    assert_eq!(
        (org.refers("Group a", "owners"), org.refers("Group b", "members")),
        (vec!["4".into()], vec!["4".into()])
    );
    assert_eq!(org.refers("Group b", "memberGroups"), ["Group a"], "{when}");
}

fn as_wanted_second(org: &Org, when: &str) {
    let managers = ["1", "2", "3", "4", "5"].map(|id| org.refers(id, "manager").concat());
    assert_eq!(managers, ["3", "", "4", "1", "1"], "{when}");
    let licenses = ["1", "2", "3", "4", "5"].map(|id| org.licenses(id).concat());
    assert_eq!(licenses, ["e3", "e3", "e5", "", "e3"], "{when}");
    assert_eq!(org.refers("Group a", "members"), ["2", "4"], "{when}");
    assert_eq!(org.refers("Group a", "owners"), [""; 0], "{when}");
    assert_eq!(
        (org.refers("Group b", "members"), org.refers("Group c", "members")),
        (vec!["1".into(), "4".into()], vec!["1".into(), "5".into()]),
        "{when}"
    );
    assert_eq!(
        (org.find("1").get("active"), org.find("1").get("title")),
        (Some(&false.into()), Some(&"Gone".into())),
        "{when}"
    );
    assert_eq!(org.find("3").get("title"), Some(&"Head".into()), "{when}");
}

/// What the job remembers to have given: object, attribute, element.
async fn given(org: &Org) -> Vec<[String; 3]> {
    let mut rows: Vec<[String; 3]> = org
        .state
        .scan(Table::Given, b"")
        .map_ok(|(key, _)| {
            let key: Vec<String> = serde_json::from_slice(&key).expect("keys are lists of text");
            [key[4].clone(), key[5].clone(), key[6].clone()]
        })
        .try_collect()
        .await
        .expect("the state is read");
    rows.sort();
    rows
}

/// Whatever the job holds itself to have given is there, and all of it: nobody else gave anything.
async fn remembers_what_is_there(org: &Org, when: &str) {
    let mut there = Vec::new();
    for record in org.directory.records() {
        for name in ["manager", "members", "memberGroups", "owners", "skuId"] {
            for element in record.get(name).map_or(&[][..], Value::as_slice) {
                let key = License::from_value(element).expect("an id or a licence").product;
                there.push([record.id.id.to_string(), name.to_owned(), key.to_string()]);
            }
        }
    }
    there.sort();
    assert_eq!(given(org).await, there, "{when}");
}

/// A stranger's gifts stay, the job's own go, and whom it switched off it switches on.
async fn knows_what_is_its_own(org: &Org, when: &str) {
    org.directory.push(account("stranger", "9"));
    for name in ["Group a", "Group b"] {
        let found = org.find(name);
        let members = found.get("members").map_or(&[][..], Value::as_slice).iter().cloned();
        org.directory.set(&found.id, "members", Value::list(members.chain(["stranger".into()])));
        let id = name.trim_start_matches("Group ");
        org.set_group(id, "members", texts(&[]));
        org.set_group(id, "groups", texts(&[]));
        org.set_group(id, "owners", texts(&[]));
    }
    for id in ["1", "2", "3", "4"] {
        org.set(id, "manager", Value::Null);
        org.set(id, "sku", Value::Null);
        org.set(id, "active", true);
    }
    for _ in 0..3 {
        _ = org.settle().await;
    }
    for name in ["Group a", "Group b"] {
        assert_eq!(org.refers(name, "members"), ["9"], "{when}: {name}");
        assert_eq!((org.refers(name, "owners"), org.refers(name, "memberGroups")), (vec![], vec![]), "{when}: {name}");
    }
    for id in ["1", "2", "3", "4"] {
        assert_eq!((org.refers(id, "manager"), org.licenses(id)), (vec![], vec![]), "{when}: {id}");
        assert_eq!(org.find(id).get("active"), Some(&true.into()), "{when}: {id}");
    }
    let last = org.plan().await;
    assert!(last.is_converged(), "{when}: {last}");
}

async fn settle_thrice(org: &Org, when: &str) {
    for _ in 0..3 {
        _ = org.settle().await;
    }
    let last = org.plan().await;
    assert!(last.is_converged(), "{when}: {last}");
}

/// Every write of a run fails once in each way; after the next runs all is as wanted.
#[tokio::test]
async fn every_write_may_fail_once_in_any_way() {
    let counts = {
        let org = company();
        _ = org.settle().await;
        let first = org.directory.writes();
        reorganise(&org);
        _ = org.settle().await;
        (first, org.directory.writes() - first)
    };
    assert!(counts.0 > 10 && counts.1 > 10, "{counts:?}");
    for fault in [WriteFault::AnswerLost, WriteFault::RequestLost, WriteFault::Refused] {
        for number in 1..=counts.0 {
            let org = company();
            let when = format!("{fault:?} of write {number} of the first act");
            org.directory.fail_write(number, fault);
            settle_thrice(&org, &when).await;
            as_wanted_first(&org, &when);
            remembers_what_is_there(&org, &when).await;
        }
        for number in 1..=counts.1 {
            let org = company();
            _ = org.settle().await;
            reorganise(&org);
            let when = format!("{fault:?} of write {number} of the second act");
            org.directory.fail_write(number, fault);
            settle_thrice(&org, &when).await;
            as_wanted_second(&org, &when);
            remembers_what_is_there(&org, &when).await;
            knows_what_is_its_own(&org, &when).await;
        }
    }
}

fn spying(org: &Org, spy: &Spy) -> Job {
    Job::builder("staff")
        .source(org.hr.clone())
        .target(spy.clone())
        .mapping(users())
        .mapping(groups())
        .policy(Policy::outbound(Preferences::default()))
        .guards(no_guards())
        .state(org.state.clone())
        .clock(org.clock.clone())
        .build()
        .expect("the job is sound")
}

/// The process dies before and after every write of a run; the next runs finish what it began.
#[tokio::test(start_paused = true)]
async fn the_process_may_die_at_every_write() {
    for act in [1, 2] {
        for death in (1..60).flat_map(|number| [Death::Before(number), Death::After(number)]) {
            let org = company();
            if act == 2 {
                _ = org.settle().await;
                reorganise(&org);
            }
            let spy = Spy::new(&org.directory);
            spy.dies(Some(death));
            let job = spying(&org, &spy);
            let run = tokio::time::timeout(Duration::from_millis(10), job.run(Run::full(), Apply::new())).await;
            let when = format!("{death:?} of act {act}: {:?}", spy.log());
            if run.is_ok() {
                assert!(matches!(death, Death::Before(at) if at > 10), "{when}");
                break;
            }
            // Its lease runs out; whether new things show by then or not.
            org.clock.advance(Duration::from_secs(if matches!(death, Death::After(at) if at % 2 == 0) {
                61
            } else {
                3600
            }));
            settle_thrice(&org, &when).await;
            match act {
                1 => as_wanted_first(&org, &when),
                _ => as_wanted_second(&org, &when),
            }
            remembers_what_is_there(&org, &when).await;
            knows_what_is_its_own(&org, &when).await;
        }
    }
}

/// What a dead run gave may not show yet when the next one looks: it is the job's all the same.
#[tokio::test(start_paused = true)]
async fn what_a_dead_run_gave_is_its_own_though_it_does_not_show_yet() {
    let org = Org::new([person("1"), person("2"), group("a", &["1"])]);
    _ = org.settle().await;
    org.set_group("a", "members", texts(&["1", "2"]));
    let spy = Spy::new(&org.directory);
    spy.dies(Some(Death::After(1)));
    let job = spying(&org, &spy);
    assert!(tokio::time::timeout(Duration::from_millis(10), job.run(Run::full(), Apply::new())).await.is_err());
    org.clock.advance(Duration::from_secs(61));
    spy.dies(None);
    spy.hides([org.id("2").id.to_string()]);
    // The next run looks, and sees nothing; nor does HR want him any more.
    org.set_group("a", "members", texts(&["1"]));
    assert!(plan(&job).await.is_converged());
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    spy.hides([]);
    for _ in 0..2 {
        org.clock.advance(Duration::from_secs(300));
        _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    }
    assert_eq!(org.refers("Group a", "members"), ["1"]);
    org.clock.advance(Duration::from_secs(3600));
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert!(plan(&job).await.is_converged());
    remembers_what_is_there(&org, "at the end").await;
}

/// "One of 20 is refused for good": the others are written and remembered, and the outcome says so.
#[tokio::test]
async fn one_element_that_is_refused_holds_up_no_other() {
    let ids: Vec<String> = (10..30).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let org = Org::new(ids.iter().map(|id| person(id)).chain([group("a", &[])]));
    _ = org.settle().await;
    let spy = Spy::new(&org.directory);
    let (barred, directory) = (Value::text(org.id("15").id), org.directory.clone());
    let refused = barred.clone();
    spy.answers(move |change, answer| {
        let Operation::Elements { id, changes } = &change.operation else { return answer };
        let Some(members) = changes.get("members").filter(|change| change.add.contains(&refused)) else {
            return answer;
        };
        // The store keeps him out.
        let held: Vec<Value> = members.add.iter().filter(|own| **own != refused).cloned().collect();
        let before = directory.record(id).and_then(|own| own.get("members").cloned()).unwrap_or_default();
        let before = before.as_slice().iter().filter(|own| **own != refused && !held.contains(own)).cloned();
        directory.set(id, "members", Value::list(before.chain(held.clone())));
        let error = Error::new(ErrorKind::Forbidden, "may not be added");
        Ok(answer?.with_refused([Refused::new("members".into(), refused.clone(), error)]))
    });
    org.set_group("a", "members", texts(&ids));
    let job = spying(&org, &spy);
    for attempt in [20, 1] {
        let shown = plan(&job).await;
        let given: usize = shown.entries().iter().flat_map(|entry| &entry.sets).map(|set| set.add.len()).sum();
        assert_eq!(given, attempt, "{shown}");
        let report = job.apply(&shown, Apply::new()).await.expect("a report");
        assert_eq!((report.outcome(OutcomeKind::Failed), &report.status), (1, &RunStatus::NeedsAttention), "{report}");
        assert!(report.to_string().contains("may not be added"), "{report}");
        assert_eq!(org.refers("Group a", "members").len(), 19);
        org.clock.advance(Duration::from_secs(3600));
    }
    remembers_what_is_there(&org, "the other nineteen").await;
    org.set_group("a", "members", texts(&["15"]));
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(org.refers("Group a", "members"), [""; 0]);
}

/// Of elements whose answer was lost nobody knows: they stay noted until somebody looked, also when others went through.
#[tokio::test]
async fn elements_in_doubt_stay_noted_beside_those_that_went_through() {
    let org = Org::new([person("1"), person("2"), group("a", &[])]);
    _ = org.settle().await;
    let spy = Spy::new(&org.directory);
    let lost = Value::text(org.id("2").id);
    spy.answers(move |change, answer| {
        let Operation::Elements { changes, .. } = &change.operation else { return answer };
        if changes.values().all(|change| !change.add.contains(&lost)) {
            return answer;
        }
        let error = Error::new(ErrorKind::Transport, "the connection broke").with_outcome_in_doubt();
        Ok(answer?.with_refused([Refused::new("members".into(), lost.clone(), error)]))
    });
    org.set_group("a", "members", texts(&["1", "2"]));
    let job = spying(&org, &spy);
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!((report.outcome(OutcomeKind::Pending), &report.status), (1, &RunStatus::Incomplete), "{report}");
    spy.answers(|_, answer| answer);
    org.clock.advance(Duration::from_secs(3600));
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    remembers_what_is_there(&org, "both").await;
    org.set_group("a", "members", texts(&[]));
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(org.refers("Group a", "members"), [""; 0]);
}

/// Rule 13 with lag: what is referred to may be too young to show: it is waited for, until the settle deadline.
#[tokio::test]
async fn a_reference_that_is_too_young_is_waited_for() {
    for (attempts, settles) in [(3, true), (1_000, false)] {
        let org = Org::new([person("1"), person("2").with("manager", "1"), group("a", &["1"])]);
        let spy = Spy::new(&org.directory);
        let mut left = attempts;
        let directory = org.directory.clone();
        spy.answers(move |change, answer| {
            let Operation::Elements { id, changes } = &change.operation else { return answer };
            if left == 0 || !changes.contains_key("members") {
                return answer;
            }
            left -= 1;
            directory.set(id, "members", texts(&[]));
            let missing = || Error::new(ErrorKind::NotFound, "the object that is referred to is not there");
            let all =
                changes.iter().flat_map(|(name, change)| change.add.iter().map(move |own| (name.clone(), own.clone())));
            Ok(answer?.with_refused(all.map(|(name, own)| Refused::new(name, own, missing()))))
        });
        let job = spying(&org, &spy);
        let before = entrant::clock::Clock::now(&org.clock);
        let report = job.run(Run::full(), Apply::new()).await.expect("a report");
        let waited = entrant::clock::Clock::now(&org.clock) - before;
        assert!(waited >= time::Duration::seconds(3) && waited <= time::Duration::seconds(120), "{waited}");
        assert_eq!(report.outcome(OutcomeKind::Pending), u64::from(!settles), "{report}");
        assert_eq!(org.refers("Group a", "members").len(), usize::from(settles));
        assert_eq!(org.refers("2", "manager"), ["1"], "nobody else waits");
        spy.answers(|_, answer| answer);
        org.clock.advance(Duration::from_secs(3600));
        _ = job.run(Run::full(), Apply::new()).await.expect("a report");
        assert_eq!(org.refers("Group a", "members"), ["1"]);
        remembers_what_is_there(&org, "at the end").await;
        // What is old enough and not there is no matter of waiting.
        assert!(plan(&job).await.is_converged());
    }
}

/// A dead run's swap is a swap: it counts in no guard; what it took counts.
#[tokio::test(start_paused = true)]
async fn what_a_dead_run_took_counts_for_the_guards_as_it_would_have() {
    let people = |sku: &'static str| (0..3).map(move |id| person(&id.to_string()).with("sku", texts(&[sku])));
    for (swaps, stops) in [(true, false), (false, true)] {
        let org = Org::new(people("E3"));
        _ = org.settle().await;
        let spy = Spy::new(&org.directory);
        let guards = Guards::default().with_limit(Guard::LicenseRemoval, 1);
        let builder = org.builder(users(), Preferences::default()).guards(guards);
        let job = builder.target(spy.clone()).build().expect("the job is sound");
        org.set("0", "sku", if swaps { texts(&["E5"]) } else { Value::Null });
        spy.dies(Some(Death::After(1)));
        assert!(tokio::time::timeout(Duration::from_millis(10), job.run(Run::full(), Apply::new())).await.is_err());
        spy.dies(None);
        org.clock.advance(Duration::from_secs(61));
        org.hr.push(person("7").with("sku", texts(&["F3"])));
        _ = org.settle_with(&job).await;
        org.set("7", "sku", Value::Null);
        let report = job.run(Run::full(), Apply::new()).await.expect("a report");
        let breached = match &report.status {
            RunStatus::Stopped { breaches } => breaches.iter().any(|own| own.guard == Guard::LicenseRemoval),
            _ => false,
        };
        assert_eq!(breached, stops, "swaps {swaps}: {report}");
    }
}

/// What someone inherits is nobody's gift: a licence that never arrived is not remembered because a group gives it.
#[tokio::test]
async fn what_is_inherited_was_not_given() {
    let org = Org::new([person("1").with("sku", texts(&["E3"])), person("2")]);
    let job = org.job();
    let spy = Spy::new(&org.directory);
    spy.answers(|change, answer| match &change.operation {
        Operation::Elements { changes, .. } if changes.contains_key("skuId") => {
            Err(Error::new(ErrorKind::Transport, "the connection broke").with_outcome_in_doubt())
        }
        _ => answer,
    });
    _ = spying(&org, &spy).run(Run::full(), Apply::new()).await.expect("a report");
    org.directory.set(&org.id("1"), "skuId", held(&[License::new(E3).inherited_from("g")]));
    org.clock.advance(Duration::from_secs(3600));
    _ = org.settle_with(&job).await;
    assert_eq!(given(&org).await, Vec::<[String; 3]>::new());
}
