//! What random worlds have found: each fault as a small world of its own.

use std::time::Duration;

use entrant::job::{Apply, OutcomeKind, Run, RunStatus};
use entrant::model::{Change, ChangeId, ObjectId, Operation, eq};
use entrant::reconcile::{Action, Guard, Plan, Situation, Winner};
use entrant::store::{MemoryStore, Target};
use entrant::{Job, Mapping, Policy, Preferences};
use futures::StreamExt;

use super::watched::{Faults, Watched};
use crate::job::org::{self, Org};
use crate::job::world::{World, account, entry, mapping, person, schema};

async fn plan(world: &World, hr: Watched) -> Plan {
    let job = world.builder(Preferences::default()).source(hr).build().expect("the job is sound");
    job.plan(Run::full()).await.expect("a plan")
}

/// Each is an entry of its own, whether or not rows tell them apart.
#[tokio::test]
async fn records_of_one_id_that_cannot_be_read_are_told_apart() {
    for readable in [0, 1, 2] {
        let world = World::new([]);
        let twins = (0..2 + readable).map(|_| person("1")).chain([person("2")]);
        let hr = Watched::new(MemoryStore::new("hr").with_records(twins));
        // Those that can be read come first.
        hr.set_faults(Faults { unreadable: [ObjectId::user("1")].into(), readable, ..Faults::default() });
        let plan = plan(&world, hr).await;
        let twins: Vec<_> = plan.entries().iter().filter(|entry| &*entry.key.id == "1").collect();
        assert_eq!(twins.len(), 2 + readable, "{plan}");
        let keys: std::collections::BTreeSet<_> = twins.iter().map(|entry| &entry.key).collect();
        assert_eq!(keys.len(), twins.len(), "{plan}");
        let situation = if readable == 0 { Situation::Unreadable } else { Situation::Duplicate };
        assert!(twins.iter().all(|entry| entry.situation == situation), "{plan}");
        let mut lines = Vec::new();
        plan.write_json_lines(&mut lines).expect("each entry has a key of its own");
        assert_eq!(Plan::read_json_lines(&lines[..]).expect("the same plan"), plan);
    }
}

/// The first of many candidates are the first by their ids, in whichever order the target lists them.
#[tokio::test]
async fn candidates_are_named_in_the_order_of_their_ids() {
    let expected: Vec<ObjectId> = (10..20).map(|id| ObjectId::user(format!("a{id}"))).collect();
    let mut plans = Vec::new();
    for backwards in [false, true] {
        let world = World::new([person("1")]);
        let mut ids: Vec<u32> = (10..25).collect();
        if backwards {
            ids.reverse();
        }
        for id in ids {
            let twin = account(&format!("a{id}"), Some("1")).with("userPrincipalName", format!("{id}@contoso.com"));
            world.directory.push(twin);
        }
        let plan = world.plan().await;
        assert_eq!(entry(&plan, "1").candidates, expected, "{plan}");
        plans.push(plan.to_json());
    }
    assert_eq!(plans[0], plans[1]);
}

/// Someone who left, and whose account lies in the bin by another's hand, is nobody's manager and no member; who is in
/// the bin only for a while comes back to what he was given.
#[tokio::test]
async fn nobody_is_given_a_manager_whose_account_lies_in_the_recycle_bin() {
    for leaves_scope in [false, true] {
        let org = Org::new([org::person("1"), org::person("2"), org::group("a", &["2"])]);
        _ = org.settle().await;
        let change = Change::new(ChangeId::new(1), Operation::Delete { id: org.id("1") });
        org.directory.write(vec![change]).next().await.expect("an answer").1.expect("deleted");
        match leaves_scope {
            true => org.set("1", "kind", "external"),
            false => org.hr.remove(&ObjectId::user("1")),
        }
        org.set("2", "manager", "1");
        org.set_group("a", "members", org::texts(&["1", "2"]));
        let plan = org.plan().await;
        for id in ["2", "a"] {
            let told = org::problems(&plan, id);
            assert!(told.len() == 1 && told[0].contains("recycle bin"), "{told:?}\n{plan}");
        }
        assert!(plan.is_converged(), "{plan}");
    }
}

/// A run that is narrowed down sees the twin that does not fit as well, and acts on neither.
#[tokio::test]
async fn a_filter_hides_no_twin() {
    let world = World::new([person("1"), person("2")]);
    _ = world.settled_run().await;
    world.hr.push(person("1").with("title", "Chief"));
    let plan = world.job().plan(Run::full().filter(eq("title", "Chief"))).await.expect("a plan");
    let twins: Vec<_> = plan.entries().iter().map(|entry| (entry.situation, entry.action)).collect();
    assert_eq!(twins, [(Situation::Duplicate, Action::Exception); 2], "{plan}");
}

/// What came from HR is linked to HR, and to the table that it goes on into: neither job takes the other's link, and a
/// second job from another store does not get what the first one owns.
#[tokio::test]
async fn an_object_is_linked_once_to_each_store_and_owned_once() {
    let world = World::new([person("1"), person("2")]);
    _ = world.settled_run().await;
    let onward = MemoryStore::new("table").with_schema(schema()).with_clock(world.clock.clone());
    let other = MemoryStore::new("other").with_records([person("1").with("title", "Other"), person("3")]);
    let job = |name: &str, source: MemoryStore, target: MemoryStore, mapping: Mapping, policy: Policy| {
        Job::builder(name)
            .source(source)
            .target(target)
            .mapping(mapping)
            .policy(policy)
            .passwords(world.sink.clone())
            .state(world.state.clone())
            .clock(world.clock.clone())
            .build()
            .expect("the job is sound")
    };
    let same = Mapping::users()
        .attribute("userPrincipalName", "userPrincipalName")
        .attribute("employeeId", "employeeId")
        .attribute("displayName", "displayName")
        .attribute("jobTitle", "jobTitle")
        .attribute("active", "active")
        .generate_password()
        .match_on("employeeId");
    let import = job("import", world.directory.clone(), onward.clone(), same, Policy::inbound(Winner::Source));
    _ = import.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(onward.records().len(), 2);
    world.clock.advance(Duration::from_secs(3600));
    let plan = world.plan().await;
    assert!(plan.is_converged() && plan.situations()[&Situation::Confirmed] == 2, "{plan}");
    assert!(import.plan(Run::full()).await.expect("a plan").is_converged());

    let policy = Policy::outbound(Preferences::default());
    let second = job("second", other, world.directory.clone(), mapping(), policy);
    let plan = second.plan(Run::full()).await.expect("a plan");
    assert_eq!((plan.owned_elsewhere(), plan.count(Action::Create)), (1, 1), "{plan}");
    assert!(plan.situations().get(&Situation::Unassigned).is_none(), "{plan}");
    _ = second.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(world.account_of("1").get("jobTitle"), Some(&"Clerk".into()));
    // And still nobody took anybody's link.
    world.clock.advance(Duration::from_secs(3600));
    let plan = world.plan().await;
    assert!(plan.is_converged() && plan.situations()[&Situation::Confirmed] == 2, "{plan}");
}

/// Looked at alone, nobody is given a name that another holds: it is an exception, and no failed write.
#[tokio::test]
async fn a_name_that_is_taken_is_seen_in_a_run_for_one() {
    for run in [Run::one("1"), Run::full().filter(eq("id", "1"))] {
        let world = World::new([person("1")]);
        _ = world.settled_run().await;
        world.directory.push(account("holder", None).with("userPrincipalName", "TAKEN@contoso.com"));
        world.hr.set(&ObjectId::user("1"), "login", "taken@contoso.com");
        world.hr.set(&ObjectId::user("1"), "title", "Chief");
        let job = world.job();
        let plan = job.plan(run).await.expect("a plan");
        let whole = job.plan(Run::full()).await.expect("a plan");
        assert_eq!(entry(&plan, "1").problems, entry(&whole, "1").problems, "{plan}");
        let report = job.apply(&plan, Apply::new()).await.expect("a report");
        assert_eq!(report.outcome(OutcomeKind::Failed), 0, "{plan}{report}");
        let account = world.account_of("1");
        assert_eq!(account.get("userPrincipalName"), Some(&"p1@contoso.com".into()));
    }
}

/// Empty text takes a value away as null does: it counts for the guard, and no run that takes an account over writes it.
#[tokio::test]
async fn empty_text_clears() {
    let world = World::new((1..=5).map(|id| person(&id.to_string()).with("title", "")));
    (1..=5).for_each(|id| world.directory.push(account(&format!("a{id}"), Some(&id.to_string()))));
    // Nothing is said of null, so that empty text is a value.
    let mapping = Mapping::users()
        .attribute("userPrincipalName", "login")
        .attribute("employeeId", "id")
        .attribute("displayName", "name")
        .attribute("jobTitle", "title")
        .attribute("active", "active")
        .generate_password()
        .match_on("employeeId");
    let job = world.scoped_job(mapping);
    _ = job.run(Run::full(), Apply::new().lift(Guard::Adopt)).await.expect("a report");
    assert_eq!(world.account_of("1").get("jobTitle"), Some(&"Clerk".into()), "not in the run that takes over");
    world.clock.advance(Duration::from_secs(3600));
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    let RunStatus::Stopped { breaches } = &report.status else { panic!("{report}") };
    assert_eq!((breaches[0].guard, breaches[0].planned), (Guard::Clear, 5), "{report}");
}
