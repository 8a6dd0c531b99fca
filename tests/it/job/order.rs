//! The order of a plan: swaps, circles, what is freed for whom (semantics, rule 17).

use entrant::model::ObjectId;
use entrant::reconcile::{Action, Leaver, Preferences};

use super::org::{Org, group, groups, person, plan, users};

#[tokio::test]
async fn two_people_swap_their_names_by_way_of_a_third() {
    let org = Org::new([person("1"), person("2"), person("3")]);
    org.settle().await;
    let logins = ["p2@contoso.com", "p1@contoso.com"];
    for (id, login) in ["1", "2"].into_iter().zip(logins) {
        org.set(id, "login", login);
    }
    let plan = org.plan().await;
    assert_eq!(plan.count(Action::Update), 2, "{plan}");
    assert!(!plan.needs_attention(), "{plan}");
    assert_eq!(plan.to_string().matches("by way of").count(), 1, "{plan}");
    org.settle().await;
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
    org.settle_with(&job).await;
    for id in 0..5 {
        org.set(&id.to_string(), "login", format!("p{}@contoso.com", (id + 1) % 5));
    }
    let turned = plan(&job).await;
    assert_eq!(turned.to_string().matches("by way of").count(), 1, "{turned}");
    org.settle_with(&job).await;
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
    org.settle_with(&job).await;
    org.hr.remove(&ObjectId::user("1"));
    org.hr.push(person("3").with("login", "p1@contoso.com"));
    let taken = plan(&job).await;
    assert_eq!((taken.count(Action::Delete), taken.count(Action::Create)), (1, 1), "{taken}");
    org.settle_with(&job).await;
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
    org.settle_with(&job).await;
    // The group gives it up, and the person takes it, in one plan.
    org.set("1", "code", "sales");
    assert!(plan(&job).await.to_string().contains("which keeps it"));
    org.set_group("a", "code", "team");
    org.settle_with(&job).await;
    assert_eq!(org.find("1").get("code"), Some(&"sales".into()));
    assert!(plan(&job).await.is_converged());
}
