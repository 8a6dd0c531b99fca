//! What random worlds have found: each fault as a small world of its own.

use entrant::job::Run;
use entrant::model::ObjectId;
use entrant::reconcile::{Plan, Situation};
use entrant::store::MemoryStore;
use entrant::{Job, Policy, Preferences};

use super::watched::{Faults, Watched};
use crate::job::world::{World, account, entry, mapping, person};

async fn plan(world: &World, hr: Watched) -> Plan {
    let job = Job::builder("staff")
        .source(hr)
        .target(world.directory.clone())
        .mapping(mapping())
        .policy(Policy::outbound(Preferences::default()))
        .passwords(world.sink.clone())
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("the job is sound");
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
