//! The switches of other products, each combination (R12–R19, R59–R62, R79).

use std::time::Duration;

use entrant::Job;
use entrant::job::{Apply, Run, RunStatus};
use entrant::model::{Attributes, ObjectId, Operation, ne};
use entrant::reconcile::{Action, Enable, Entry, PingOne, Plan, Preferences, RemoveAction, Situation, Zoho};

use super::world::{World, account, entry, has_problem, mapping, person};

/// A joiner, a mover, one who is switched off, one who is gone, one who left the scope; the last four have accounts.
async fn world() -> World {
    let world = World::new((2..=5).map(|id| person(&id.to_string())));
    _ = world.settled_run().await;
    world.hr.push(person("1"));
    world.hr.set(&ObjectId::user("2"), "title", "Chief");
    world.hr.set(&ObjectId::user("3"), "active", false);
    world.hr.remove(&ObjectId::user("4"));
    world.hr.set(&ObjectId::user("5"), "title", "Gone");
    world
}

fn job(world: &World, preferences: Preferences) -> Job {
    Job::builder("staff")
        .source(world.hr.clone())
        .target(world.directory.clone())
        .mapping(mapping().scope(ne("title", "Gone")))
        .policy(entrant::Policy::outbound(preferences))
        .passwords(world.sink.clone())
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("the job is sound")
}

/// What becomes of each of the five: the action of what is written, or nothing.
fn fates(plan: &Plan) -> [Option<Action>; 5] {
    let written = |entry: &&Entry| entry.writes() && (entry.action != Action::Update || !entry.changes.is_empty());
    ["1", "2", "3", "4", "5"].map(|id| {
        let entries = plan.entries().iter().filter(|entry| &*entry.key.id == id);
        entries.filter(written).map(|entry| entry.action).next()
    })
}

#[tokio::test]
async fn each_combination_of_pingone_s_switches_does_what_its_page_says() {
    let world = world().await;
    let mut legal = 0;
    for bits in 0..64_u32 {
        let on = |bit: u32| bits >> bit & 1 == 1;
        for remove in [None, Some(RemoveAction::Disable), Some(RemoveAction::Delete)] {
            let mut switches = PingOne::default();
            let [creation, updation, disable, deprovision, on_deletion, licences] = [0, 1, 2, 3, 4, 5].map(on);
            if creation {
                switches = switches.with_users_creation();
            }
            if updation {
                switches = switches.with_users_updation();
            }
            if disable {
                switches = switches.with_users_disable();
            }
            if deprovision {
                switches = switches.with_users_deprovision();
            }
            if on_deletion {
                switches = switches.with_deprovision_on_rule_deletion();
            }
            if licences {
                switches = switches.with_remove_licenses_when_sku_id_is_empty();
            }
            if let Some(remove) = remove {
                switches = switches.with_remove_action(remove);
            }
            let sound =
                (updation || !disable) && (remove.is_none() || disable && deprovision) && (deprovision || !on_deletion);
            let preferences = Preferences::pingone(switches);
            assert_eq!(preferences.is_ok(), sound, "{switches:?}");
            let Ok(preferences) = preferences else { continue };
            legal += 1;
            assert!(preferences.check().is_ok(), "{switches:?}");
            let plan = job(&world, preferences).plan(Run::full()).await.expect("a plan");
            let leaver = remove.map(|remove| match remove {
                RemoveAction::Disable => Action::Disable,
                RemoveAction::Delete => Action::Delete,
            });
            let expected = [
                creation.then_some(Action::Create),
                updation.then_some(Action::Update),
                disable.then_some(Action::Disable),
                leaver,
                leaver,
            ];
            assert_eq!(fates(&plan), expected, "{switches:?}\n{plan}");
            for id in ["4", "5"] {
                let told = plan.entries().iter().find(|entry| &*entry.key.id == id);
                assert!(told.is_some(), "who left is reported at least: {switches:?}");
            }
        }
    }
    // Updation, disable and deprovision in their five sound combinations with a remove action or none, and the rest.
    assert_eq!(legal, 52);
}

#[tokio::test]
async fn what_pingone_lacks_is_named_in_its_own_words() {
    let error = Preferences::pingone(PingOne::default().with_users_disable().with_remove_action(RemoveAction::Delete))
        .expect_err("two switches lack what they need");
    let text = error.to_string();
    assert!(text.contains("Enable users disable needs Enable users updation"), "{text}");
    assert!(text.contains("Remove Action needs Enable users deprovision"), "{text}");
}

#[tokio::test]
async fn each_combination_of_zoho_s_switches_does_what_its_page_says() {
    let world = world().await;
    for bits in 0..16_u32 {
        let [create, update, delete, activate] = [0, 1, 2, 3].map(|bit| bits >> bit & 1 == 1);
        let mut switches = Zoho::default();
        if create {
            switches = switches.with_create_users();
        }
        if update {
            switches = switches.with_update_user_profile();
        }
        if delete {
            switches = switches.with_delete_users();
        }
        if activate {
            switches = switches.with_activate_and_deactivate_users();
        }
        let preferences = Preferences::zoho(switches);
        assert!(preferences.check().is_ok(), "{switches:?}");
        let plan = job(&world, preferences).plan(Run::full()).await.expect("a plan");
        let leaver = delete.then_some(Action::Delete);
        let expected = [
            create.then_some(Action::Create),
            update.then_some(Action::Update),
            activate.then_some(Action::Disable),
            leaver,
            leaver,
        ];
        assert_eq!(fates(&plan), expected, "{switches:?}\n{plan}");
    }
}

#[tokio::test]
async fn an_account_that_was_there_before_is_activated_when_its_person_is_assigned() {
    let zoho = || Preferences::zoho(Zoho::default().with_activate_and_deactivate_users());
    let world = World::new([person("1"), person("2").with("active", false)]);
    for id in ["1", "2"] {
        world.directory.push(account(id, Some(id)).with("active", false));
    }
    let job = world.job_with(zoho());
    let lifted = || Apply::new().lift(entrant::reconcile::Guard::Adopt);
    _ = job.run(Run::full(), lifted()).await.expect("a report");
    assert!(world.is_active("1"), "assigned, and active in the source (R62)");
    assert!(!world.is_active("2"), "the source says inactive");
    assert!(world.job_with(zoho()).plan(Run::full()).await.expect("a plan").is_converged());
}

#[tokio::test]
async fn the_status_follows_the_source_s_changes_and_nobody_else_s() {
    let zoho = || Preferences::zoho(Zoho::default().with_create_users().with_activate_and_deactivate_users());
    let world = World::new([person("1"), person("2")]);
    let run = async || {
        let report = world.job_with(zoho()).run(Run::full(), Apply::new()).await.expect("a report");
        world.clock.advance(Duration::from_secs(3600));
        report
    };
    let switch_off = async |id: &str| {
        let id = world.account_of(id).id;
        let attributes = Attributes::from_iter([("active".into(), false.into())]);
        world.write(Operation::Update { id, attributes, secrets: Default::default() }).await;
    };
    _ = run().await;
    // Security switches both off. The source has said nothing new of them.
    switch_off("1").await;
    switch_off("2").await;
    let plan = world.job_with(zoho()).plan(Run::full()).await.expect("a plan");
    assert!(plan.is_converged(), "{plan}");
    let told = plan.entries().iter().filter(|entry| has_problem(entry, "disabled-by-others"));
    assert_eq!(told.count(), 2, "{plan}");
    _ = run().await;
    // One goes on leave and comes back: that is news, although the job itself never switched the account off.
    world.hr.set(&ObjectId::user("1"), "active", false);
    _ = run().await;
    assert!(world.job_with(zoho()).plan(Run::full()).await.expect("a plan").is_converged());
    world.hr.set(&ObjectId::user("1"), "active", true);
    _ = run().await;
    assert!(world.is_active("1") && !world.is_active("2"));
    let plan = world.job_with(zoho()).plan(Run::full()).await.expect("a plan");
    assert!(plan.is_converged(), "{plan}");
    assert_eq!(plan.situations()[&Situation::Confirmed], 2);
    // And what is switched off after that stays off again.
    switch_off("1").await;
    _ = run().await;
    assert!(!world.is_active("1"));
}

/// Rule 8: "only when this job disabled", and whoever was switched on by someone else since is no longer so.
#[tokio::test]
async fn who_was_switched_on_by_someone_else_and_off_by_security_stays_off() {
    let world = World::new([person("1"), person("2")]);
    _ = world.settled_run().await;
    let user = ObjectId::user("1");
    world.hr.set(&user, "active", false);
    _ = world.run().await;
    assert!(!world.is_active("1"), "the job switched it off");
    world.hr.set(&user, "active", true);
    let id = world.account_of("1").id;
    world.directory.set(&id, "active", true); // an administrator is quicker
    _ = world.run().await;
    world.directory.set(&id, "active", false); // security
    let plan = world.plan().await;
    assert!(has_problem(entry(&plan, "1"), "disabled-by-others"), "{plan}");
    _ = world.run().await;
    assert!(!world.is_active("1"));
}

/// Who left and comes back was switched off by the job, whatever the source said of him.
#[tokio::test]
async fn a_leaver_who_returns_is_switched_on_where_the_status_follows_the_source() {
    let world = World::new([person("1"), person("2")]);
    let preferences = Preferences::default().with_enable(Enable::OnSourceChange);
    let run = || async {
        _ = world.job_with(preferences.clone()).run(Run::full(), Apply::new()).await.expect("a report");
        world.clock.advance(Duration::from_secs(3600));
    };
    run().await;
    world.hr.remove(&ObjectId::user("1"));
    run().await;
    assert!(!world.is_active("1"));
    world.hr.push(person("1"));
    run().await;
    assert!(world.is_active("1"));
}

/// Security switched the account off, the source said inactive and then active: in the same plan as another change.
#[tokio::test]
async fn whoever_the_source_switches_on_is_switched_on_beside_what_else_changes() {
    let world = World::new([person("1"), person("2")]);
    let job = world.job_with(Preferences::default().with_enable(Enable::OnSourceChange));
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    let id = world.account_of("1").id;
    world.directory.set(&id, "active", false);
    world.hr.set(&ObjectId::user("1"), "active", false);
    world.clock.advance(Duration::from_secs(3600));
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    world.hr.set(&ObjectId::user("1"), "active", true);
    world.hr.set(&ObjectId::user("1"), "title", "Chief");
    world.clock.advance(Duration::from_secs(3600));
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert!(world.is_active("1"));
}
