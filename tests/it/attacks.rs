//! What somebody tries who may write one record of the source, the file of a plan, or the state.

use entrant::job::{Apply, OutcomeKind, RunStatus};
use entrant::model::ObjectId;
use entrant::reconcile::{Guard, Leaver, Plan};
use entrant::{ErrorKind, Policy, Preferences};
use serde_json::json;

use crate::flow_org::{World, group, person};
use crate::job::org::problems;

const ADMIN: &str = "root@contoso.com";

/// An administrator with the number of somebody whose record the attacker may write; the application may write to all.
fn with_administrator() -> World {
    let world = World::new([person("9").with("login", "intruder"), person("2"), group("a", &[])], |builder| {
        builder.application_role("Global Administrator")
    });
    world.sim.add_user(json!({
        "userPrincipalName": ADMIN, "displayName": "Root", "mailNickname": "root", "employeeId": "9",
        "accountEnabled": true, "usageLocation": "DE",
    }));
    world.sim.assign_role("Global Administrator", ADMIN);
    world
}

#[tokio::test]
async fn a_record_that_matches_an_administrator_takes_over_no_account() {
    let mut world = with_administrator();
    let said = problems(&world.plan().await, "9").join("; ");
    assert!(said.contains("role-holder") && said.contains("Global Administrator"), "{said}");
    let report = world.settle().await;
    assert_eq!(report.status, RunStatus::NeedsAttention, "{report}");
    let admin = world.sim.user(ADMIN).expect("under its name still");
    assert_eq!(admin["jobTitle"], json!("Clerk"), "all else is written");
    assert!(world.sim.password_of(ADMIN).is_none(), "nobody who was there gets a password from us");
    // Nor is it switched off, or deleted, by whoever writes the record.
    world.preferences = Preferences::default().with_source_deleted(Leaver::delete()).with_delete_adopted();
    world.set("9", "active", false);
    _ = world.settle().await;
    world.hr.remove(&ObjectId::user("9"));
    _ = world.settle().await;
    assert_eq!(world.sim.user(ADMIN).expect("there")["accountEnabled"], json!(true));
}

#[tokio::test]
async fn an_administrator_is_renamed_when_that_is_allowed_by_name() {
    let mut world = with_administrator();
    world.preferences = Preferences::default().with_privileged();
    _ = world.settle().await;
    assert!(world.sim.user("intruder@contoso.com").is_some());
}

#[tokio::test]
async fn a_record_of_a_group_gives_nobody_a_role() {
    let mut world = World::new([person("1"), group("a", &["1"])], |builder| {
        builder.permission("RoleManagement.ReadWrite.Directory").group(json!({
            "displayName": "Group a", "mailNickname": "a", "isAssignableToRole": true, "securityEnabled": true,
            "mailEnabled": false,
        }))
    });
    world.sim.assign_role("User Administrator", "Group a");
    _ = world.settle().await;
    let plan = world.plan().await;
    let said = problems(&plan, "a").join("; ");
    assert!(said.contains("role-holder") && said.contains("gives a directory role (User Administrator)"), "{said}");
    assert!(plan.needs_attention() && plan.is_converged(), "{plan}");
    assert_eq!(world.sim.members("Group a").len(), 0);
    world.group_policy = Some(Policy::outbound(Preferences::default().with_privileged()));
    _ = world.settle().await;
    assert_eq!(world.sim.members("Group a").len(), 1, "allowed by name");
}

#[tokio::test]
async fn who_was_made_an_administrator_since_the_plan_is_not_shut_out() {
    for deletes in [false, true] {
        let mut world = World::new([person("1"), person("2"), group("a", &[])], |builder| {
            builder.application_role("Global Administrator")
        });
        if deletes {
            world.preferences = Preferences::default().with_source_deleted(Leaver::delete());
        }
        _ = world.settle().await;
        match deletes {
            true => world.hr.remove(&ObjectId::user("1")),
            false => world.set("1", "active", false),
        }
        let (job, plan) = (world.job().await, world.plan().await);
        world.sim.assign_role("User Administrator", &world.name("1"));
        let apply = Guard::ALL.iter().fold(Apply::new(), |apply, guard| apply.lift(*guard));
        let report = job.apply(&plan, apply).await.expect("a report");
        assert_eq!(report.outcome(OutcomeKind::Stale), 1, "{report}");
        assert!(world.is_enabled("1"), "deletes: {deletes}");
        let said = problems(&world.plan().await, "1").join("; ");
        assert!(said.contains("role-holder"), "{said}");
    }
}

#[tokio::test]
async fn who_was_made_an_administrator_since_the_plan_is_not_renamed() {
    let world = World::new([person("1"), person("2"), group("a", &[])], |builder| {
        builder.application_role("Global Administrator")
    });
    _ = world.settle().await;
    let login = world.name("1");
    world.set("1", "login", "mallory");
    let (job, plan) = (world.job().await, world.plan().await);
    assert!(
        plan.entries().iter().any(|entry| entry.changes.iter().any(|own| own.attribute == "userPrincipalName")),
        "{plan}"
    );
    world.sim.assign_role("User Administrator", &login);
    let apply = || Guard::ALL.iter().fold(Apply::new(), |apply, guard| apply.lift(*guard));
    let report = job.apply(&plan, apply()).await.expect("a report");
    assert_eq!(report.outcome(OutcomeKind::Stale), 1, "{report}");
    assert!(world.sim.user(&login).is_some(), "the name stays");
}

/// A plan that somebody changed who knows how its digest is taken.
fn forged(plan: &Plan, from: &str, to: &str) -> Plan {
    let mut text = Vec::new();
    plan.write_json_lines(&mut text).expect("it can be written");
    let text = String::from_utf8(text).expect("text").replace(from, to);
    let lines: Vec<&str> = text.lines().collect();
    let mut hash = hmac_sha256::Hash::new();
    for line in &lines[..lines.len() - 1] {
        let part = &line[line.find(':').expect("an object") + 1..line.len() - 1];
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Plan::read_json_lines(text.replace(plan.digest(), &digest).as_bytes()).expect("it fits its digest")
}

#[tokio::test]
async fn a_forged_plan_is_not_the_one_that_was_approved() {
    let world = World::new([person("1"), group("a", &[])], |builder| builder);
    let (job, plan) = (world.job().await, world.plan().await);
    let other = forged(&plan, "p1@contoso.com", "evil@contoso.com");
    assert_ne!(other.digest(), plan.digest());
    let apply = || Apply::new().approved(plan.digest());
    let error = job.apply(&other, apply()).await.expect_err("another plan");
    assert_eq!(error.kind(), ErrorKind::Stale);
    let said = error.to_string();
    assert!(said.contains("not the one that was approved") && said.contains(plan.digest()), "{said}");
    assert!(world.sim.audit().is_empty(), "nothing is written");
    _ = job.apply(&plan, apply()).await.expect("the one that was approved");
    assert!(world.sim.user("p1@contoso.com").is_some());
}
