//! The order of a plan: swaps, circles, what is freed for whom (semantics, rule 17).

use std::time::Duration;

use entrant::job::{Apply, Run};
use entrant::model::ObjectId;
use entrant::reconcile::{Action, Leaver, Preferences, Situation};
use entrant::{Job, Value};

use super::org::{Org, group, groups, no_guards, person, plan, texts, users};
use super::spy::Spy;

fn spying(org: &Org, spy: &Spy, preferences: Preferences) -> Job {
    let builder = org.builder(users(), preferences).target(spy.clone()).guards(no_guards());
    builder.build().expect("the job is sound")
}

/// What is written to an object, in its order.
fn steps(spy: &Spy, id: &str) -> Vec<String> {
    let own = |line: &String| line.split(' ').nth(1) == Some(id);
    let steps = spy.log().into_iter().filter(own);
    steps.map(|line| line.replacen(&format!(" {id}"), "", 1)).collect()
}

fn place(log: &[String], line: &str) -> usize {
    log.iter().position(|own| own.starts_with(line)).unwrap_or_else(|| panic!("no {line} in {log:?}"))
}

/// "Each object's own steps in order (restore or create → attributes → status → references → licences)."
#[tokio::test]
async fn each_object_goes_its_steps_in_order() {
    let org = Org::new([person("1").with("manager", "2").with("sku", texts(&["E3"])), person("2")]);
    let spy = Spy::new(&org.directory);
    let job = spying(&org, &spy, Preferences::default().with_restore());
    _ = org.settle_with(&job).await;
    let log = spy.log();
    let id = org.id("1").id;
    assert!(place(&log, "create user 1") < place(&log, &format!("elements {id} manager")), "{log:?}");
    assert_eq!(steps(&spy, &id), ["elements manager", "elements skuId"]);
    org.set("1", "active", false);
    _ = org.settle_with(&job).await;
    let spy = Spy::new(&org.directory);
    let job = spying(&org, &spy, Preferences::default().with_restore());
    org.set("1", "active", true);
    org.set("1", "title", "Head");
    org.set("1", "manager", Value::Null);
    org.set("1", "sku", texts(&["E5"]));
    _ = org.settle_with(&job).await;
    assert_eq!(steps(&spy, &id), ["update title=Head", "update active=true", "elements manager", "elements skuId"]);
    // Restored first, then compared.
    let spy = Spy::new(&org.directory);
    let job = spying(&org, &spy, Preferences::default().with_restore());
    let gone = entrant::model::Operation::Delete { id: org.id("1") };
    let change = entrant::model::Change::new(entrant::model::ChangeId::new(1), gone);
    let deleted =
        futures::StreamExt::collect::<Vec<_>>(entrant::store::Target::write(&org.directory, vec![change])).await;
    assert!(deleted[0].1.is_ok());
    org.set("1", "title", "Chief");
    assert_eq!(plan(&job).await.situations()[&Situation::RecycleBin], 1);
    for _ in 0..2 {
        _ = org.settle_with(&job).await;
    }
    assert_eq!(steps(&spy, &id), ["restore", "update title=Chief"]);
}

/// "Disables of leavers come first, deletes last, unless an edge *frees* needs one earlier."
#[tokio::test]
async fn disables_come_first_and_deletes_last_unless_a_name_is_needed() {
    let org = Org::new([person("1"), person("2"), person("3"), person("5"), person("9"), group("a", &["3"])]);
    let preferences = || Preferences::default().with_source_deleted(Leaver::delete());
    let first = spying(&org, &Spy::new(&org.directory), preferences());
    _ = org.settle_with(&first).await;
    let ids = ["1", "2", "5", "9"].map(|id| org.id(id).id);
    let spy = Spy::new(&org.directory);
    let job = spying(&org, &spy, preferences());
    org.set("1", "kind", "external");
    org.set("9", "kind", "external");
    org.hr.remove(&ObjectId::user("2"));
    org.hr.remove(&ObjectId::user("5"));
    org.set("3", "title", "Head");
    org.set("3", "sku", texts(&["E3"]));
    org.set_group("a", "members", texts(&["4"]));
    org.hr.push(person("4").with("login", "p5@contoso.com").with("manager", "3"));
    _ = org.settle_with(&job).await;
    let log = spy.log();
    let disables = [&ids[0], &ids[3]].map(|id| format!("update {id} active=false"));
    assert_eq!(log[..2], disables, "in front of whatever else the plan has: {log:?}");
    assert_eq!(log[log.len() - 1], format!("delete {}", ids[1]), "{log:?}");
    assert!(place(&log, &format!("delete {}", ids[2])) < place(&log, "create user 4"), "{log:?}");
    assert_eq!(org.refers("Group a", "members"), ["4"]);
}

/// Edges *needs* "(a reference target exists)" and *frees* "(the unique value or the seat that I want)"; `select` "keeps
/// entries with what they depend on".
#[tokio::test]
async fn what_is_chosen_brings_along_what_it_waits_for() {
    let org = Org::new([person("1").with("sku", texts(&["E3"])), person("2"), person("3")]).seats(Some(1), None, None);
    _ = org.settle().await;
    let org = org.seats(Some(0), None, None);
    org.set("1", "sku", Value::Null);
    org.set("2", "sku", texts(&["E3"]));
    org.hr.push(person("4").with("manager", "5"));
    org.hr.push(person("5"));
    org.hr.push(person("6"));
    org.hr.push(group("a", &["4", "3"]));
    let spy = Spy::new(&org.directory);
    let job = spying(&org, &spy, Preferences::default());
    let whole = plan(&job).await;
    let keys = |chosen: &str| -> Vec<String> {
        let plan = whole.select(|entry| &*entry.key.id == chosen);
        plan.entries().iter().map(|entry| entry.key.id.to_string()).collect()
    };
    assert_eq!(keys("2"), ["1", "2"], "the seat");
    assert_eq!(keys("a"), ["a", "4", "5"], "the member, and his manager");
    assert_eq!(keys("6"), ["6"]);
    let chosen = whole.select(|entry| &*entry.key.id == "2");
    assert_ne!(chosen.digest(), whole.digest());
    _ = job.apply(&chosen, Apply::new()).await.expect("a report");
    let (giver, taker) = (format!("elements {} skuId", org.id("1").id), format!("elements {} skuId", org.id("2").id));
    assert_eq!(spy.log(), [giver, taker]);
    assert!(org.directory.records().iter().all(|record| record.get("employeeId") != Some(&"6".into())));
}

/// "Different objects run concurrently": they go to the target in one call.
#[tokio::test]
async fn different_objects_go_to_the_target_together() {
    let org = Org::new((0..150).map(|id| person(&id.to_string()).with("sku", texts(&["E3"])).with("manager", "0")));
    let spy = Spy::new(&org.directory);
    let job = spying(&org, &spy, Preferences::default());
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    // Creates of people and of the group; managers (nobody his own); licences.
    assert_eq!(spy.calls(), [151, 149, 150]);
    org.clock.advance(Duration::from_secs(3600));
    assert!(plan(&job).await.is_converged());
}

#[tokio::test]
async fn two_people_swap_their_names_by_way_of_a_third() {
    let org = Org::new([person("1"), person("2"), person("3")]);
    _ = org.settle().await;
    let logins = ["p2@contoso.com", "p1@contoso.com"];
    for (id, login) in ["1", "2"].into_iter().zip(logins) {
        org.set(id, "login", login);
    }
    let plan = org.plan().await;
    assert_eq!(plan.count(Action::Update), 2, "{plan}");
    assert!(!plan.needs_attention(), "{plan}");
    assert_eq!(plan.to_string().matches("by way of").count(), 1, "{plan}");
    _ = org.settle().await;
    for (id, login) in ["1", "2"].into_iter().zip(logins) {
        assert_eq!(org.find(id).get("login"), Some(&login.into()));
    }
    assert!(org.plan().await.is_converged());
}

#[tokio::test]
async fn a_circle_of_many_is_opened_once_and_a_circle_without_a_way_is_named() {
    let org = Org::new((0..5).map(|id| person(&id.to_string()).with("code", format!("c{id}"))));
    let mapping = || users().attribute("code", "code");
    let job = org.unguarded(mapping(), groups(), Preferences::default());
    _ = org.settle_with(&job).await;
    for id in 0..5 {
        org.set(&id.to_string(), "login", format!("p{}@contoso.com", (id + 1) % 5));
    }
    let turned = plan(&job).await;
    assert_eq!(turned.to_string().matches("by way of").count(), 1, "{turned}");
    _ = org.settle_with(&job).await;
    for id in 0..5 {
        let login = format!("p{}@contoso.com", (id + 1) % 5);
        assert_eq!(org.find(&id.to_string()).get("login"), Some(&login.as_str().into()));
    }
    org.set("0", "code", "c1");
    org.set("1", "code", "c0");
    let stuck = plan(&job).await;
    assert!(stuck.is_converged(), "{stuck}");
    assert!(stuck.to_string().contains("each waits for a value that the next one gives up"), "{stuck}");
}

#[tokio::test]
async fn a_joiner_takes_the_name_of_a_leaver_who_is_deleted() {
    let org = Org::new([person("1"), person("2")]);
    let preferences = Preferences::default().with_source_deleted(Leaver::delete());
    let job = org.unguarded(users(), groups(), preferences);
    _ = org.settle_with(&job).await;
    org.hr.remove(&ObjectId::user("1"));
    org.hr.push(person("3").with("login", "p1@contoso.com"));
    let taken = plan(&job).await;
    assert_eq!((taken.count(Action::Delete), taken.count(Action::Create)), (1, 1), "{taken}");
    _ = org.settle_with(&job).await;
    assert_eq!(org.find("3").get("login"), Some(&"p1@contoso.com".into()));
    // Who is only disabled keeps his name.
    let keeping = org.unguarded(users(), groups(), Preferences::default());
    org.hr.remove(&ObjectId::user("2"));
    org.hr.push(person("4").with("login", "p2@contoso.com"));
    let kept = plan(&keeping).await;
    assert_eq!((kept.count(Action::Disable), kept.count(Action::Create)), (1, 0), "{kept}");
}

#[tokio::test]
async fn a_value_that_people_and_groups_share_is_held_once() {
    let staff = |code: &str| person("1").with("code", code);
    let team = |code: &str| group("a", &[]).with("code", code);
    let mappings = || (users().attribute("code", "code"), groups().attribute("code", "code"));
    let org = Org::new([staff("sales"), team("sales")]);
    let job = org.unguarded(mappings().0, mappings().1, Preferences::default());
    let both = plan(&job).await;
    assert_eq!(both.to_string().matches("several want this value").count(), 1, "{both}");
    assert_eq!(both.entries().iter().filter(|entry| entry.needs_attention()).count(), 2, "{both}");
    org.set("1", "code", "staff");
    _ = org.settle_with(&job).await;
    // The group gives it up, and the person takes it, in one plan.
    org.set("1", "code", "sales");
    assert!(plan(&job).await.to_string().contains("which keeps it"));
    org.set_group("a", "code", "team");
    _ = org.settle_with(&job).await;
    assert_eq!(org.find("1").get("code"), Some(&"sales".into()));
    assert!(plan(&job).await.is_converged());
}
