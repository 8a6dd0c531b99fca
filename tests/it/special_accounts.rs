//! Accounts that are nobody's to write, or only in part: shared mailboxes, rooms, and what another directory keeps.

use entrant::job::Run;
use entrant::model::ObjectId;
use entrant::reconcile::{Action, Enable, Leaver, Licenses};
use entrant::{Preferences, Record, Value};
use serde_json::json;

use crate::flow_org::{World, group, groups, person};
use crate::job::org::{problems, texts};

const SHARED: &str = "info@contoso.com";

/// A mailbox that several people read: an account that nobody signs in to, with a licence that was given by hand.
fn mailbox(world: &World, employee: Option<&str>) {
    world.sim.add_user(json!({
        "userPrincipalName": SHARED, "displayName": "Info", "mailNickname": "info", "mail": SHARED,
        "accountEnabled": false, "usageLocation": "DE", "employeeId": employee,
    }));
    world.sim.assign_license(SHARED, "ENTERPRISEPACK");
}

fn world(records: impl IntoIterator<Item = Record>) -> World {
    World::new(records, |builder| builder.standard_skus(20))
}

#[tokio::test]
async fn a_mailbox_of_nobodys_is_left_alone() {
    let mut world = world([person("1"), group("a", &[])]);
    mailbox(&world, None);
    let everything = Preferences::default()
        .with_enable(Enable::Always)
        .with_left_scope(Leaver::delete())
        .with_source_deleted(Leaver::delete())
        .with_delete_adopted();
    world.preferences = everything;
    for _ in 0..2 {
        _ = world.settle().await;
    }
    let shared = world.sim.user(SHARED).expect("there");
    assert_eq!((shared["accountEnabled"].clone(), shared["displayName"].clone()), (json!(false), json!("Info")));
    assert_eq!(world.sim.licenses(SHARED), ["ENTERPRISEPACK"]);
}

#[tokio::test]
async fn a_mailbox_that_matches_is_not_switched_on_nor_deleted() {
    // The store has a row for the mailbox, which says active as for people.
    let mut world = world([person("1").with("login", "info").with("name", "Info box"), group("a", &[])]);
    mailbox(&world, Some("1"));
    _ = world.settle().await;
    let plan = world.plan().await;
    assert!(problems(&plan, "1").iter().any(|said| said.starts_with("disabled-by-others")), "{plan}");
    _ = world.settle().await;
    let shared = || world.sim.user(SHARED).expect("there");
    assert_eq!(shared()["accountEnabled"], json!(false), "whatever the store says");
    assert_eq!(shared()["displayName"], json!("Info box"), "what is mapped is written");
    // Its row asks for no licence: what was given by hand stays.
    assert_eq!(world.sim.licenses(SHARED), ["ENTERPRISEPACK"]);
    world.preferences = Preferences::default()
        .with_source_deleted(Leaver::remove_licenses().then_delete(std::time::Duration::ZERO))
        .with_licenses(Licenses::default());
    world.hr.remove(&ObjectId::user("1"));
    world.hr.push(person("2"));
    _ = world.settle().await;
    assert_eq!(world.sim.licenses(SHARED), ["ENTERPRISEPACK"], "not ours to take");
    assert!(world.sim.user(SHARED).is_some(), "it existed before");
}

#[tokio::test]
async fn a_mailbox_is_switched_on_by_name_alone() {
    let mut world = world([person("1").with("login", "info"), group("a", &[])]);
    mailbox(&world, Some("1"));
    world.preferences = Preferences::default().with_enable(Enable::Always);
    _ = world.settle().await;
    assert!(world.is_enabled("1"));
}

fn synced(world: &World, id: &str, location: Option<&str>) {
    let mut user = json!({
        "displayName": "Synced", "mailNickname": format!("p{id}"), "userPrincipalName": format!("p{id}@contoso.com"),
        "employeeId": id, "onPremisesSyncEnabled": true, "onPremisesImmutableId": format!("abc{id}"),
        "accountEnabled": true,
    });
    if let Some(location) = location {
        user["usageLocation"] = json!(location);
    }
    world.sim.add_user(user);
}

#[tokio::test]
async fn what_another_directory_keeps_is_linked_and_written_in_no_part_but_licences() {
    let world = world([
        person("1").with("manager", "2").with("sku", texts(&["ENTERPRISEPACK"])),
        person("2"),
        person("3").with("manager", "1"),
        group("cloud", &["1", "2", "3"]),
        group("synced", &["1", "3"]),
    ]);
    synced(&world, "1", Some("DE"));
    synced(&world, "2", None);
    world.sim.add_group(json!({"displayName": "Group synced", "mailNickname": "s", "onPremisesSyncEnabled": true}));
    _ = world.settle().await;
    let (one, two) = (world.name("1"), world.name("2"));
    for name in [&one, &two] {
        let user = world.sim.user(name).expect("there");
        assert_eq!((user["displayName"].clone(), user["jobTitle"].clone()), (json!("Synced"), json!(null)), "{name}");
    }
    assert_eq!(world.sim.manager(&one), None, "who his manager is the other directory says");
    assert_eq!(world.sim.manager(&world.name("3")), Some(world.id("1")), "he may be one all the same");
    assert_eq!(world.sim.members("Group cloud").len(), 3, "and a member of groups that are kept here");
    assert_eq!(world.sim.members("Group synced").len(), 0);
    assert_eq!(world.sim.licenses(&one), ["ENTERPRISEPACK"], "licences no other directory has");

    let plan = world.plan().await;
    assert!(plan.is_converged(), "{plan}");
    assert!(problems(&plan, "1").iter().any(|said| said.starts_with("directory-synced")), "{plan}");
    assert!(problems(&plan, "synced").iter().any(|said| said.starts_with("directory-synced")), "{plan}");
    // The location cannot be written either, and without one there is no licence.
    world.set("2", "sku", texts(&["ENTERPRISEPACK"]));
    let said = problems(&world.plan().await, "2").join("; ");
    assert!(said.contains("usage-location"), "{said}");
    // The licence is ours, and goes when it is not wanted any more.
    world.set("1", "sku", Value::Null);
    _ = world.settle().await;
    assert_eq!(world.sim.licenses(&one), [""; 0]);
}

#[tokio::test]
async fn what_another_directory_keeps_is_neither_disabled_nor_deleted_here() {
    for leaver in [Leaver::disable(), Leaver::delete()] {
        let mut world = world([person("1"), person("2"), group("a", &["1"])]);
        synced(&world, "1", Some("DE"));
        world.preferences = Preferences::default().with_source_deleted(leaver.clone()).with_delete_adopted();
        _ = world.settle().await;
        world.set("1", "active", false);
        let plan = world.plan().await;
        assert!(problems(&plan, "1").iter().any(|said| said.starts_with("directory-synced")), "{plan}");
        world.hr.remove(&ObjectId::user("1"));
        let plan = world.plan().await;
        assert!(problems(&plan, "1").iter().any(|said| said.starts_with("directory-synced")), "{leaver:?} {plan}");
        _ = world.settle().await;
        assert!(world.is_enabled("1"), "{leaver:?}");
    }
}

#[tokio::test]
async fn a_synced_group_gives_licences_and_takes_no_members() {
    let mut world = world([person("1"), group("s", &["1"]).with("sku", texts(&["ENTERPRISEPACK"]))]);
    world.groups = groups().attribute("skuId", "sku");
    let group =
        world.sim.add_group(json!({"displayName": "Group s", "mailNickname": "s", "onPremisesSyncEnabled": true}));
    let dora = world.sim.add_user(json!({"userPrincipalName": "dora@contoso.com", "usageLocation": "DE"}));
    world.sim.add_member(&group, &dora);
    let plan = world.plan().await;
    assert!(problems(&plan, "s").iter().any(|said| said.starts_with("directory-synced")), "{plan}");
    _ = world.settle().await;
    _ = world.settle().await;
    assert_eq!(world.sim.members("Group s").len(), 1);
    assert_eq!(world.sim.licenses(&dora), ["ENTERPRISEPACK"]);
    let plan = world.job().await.plan(Run::full()).await.expect("a plan");
    assert!(plan.is_converged() && plan.count(Action::Update) == 0, "{plan}");
}
