//! When a value flows to an account that is there, and how often (semantics, rule 9; R81).

use entrant::mapping::{FlowBehavior, FlowType, Mapping, OnNull};
use entrant::model::{AttributeSchema, ObjectId};
use entrant::reconcile::{Effects, Guard, Preferences};
use entrant::store::MemoryStore;
use entrant::{Record, Value};

use super::org::{self, Org, texts};
use super::world::{World, entry, mapping, person, schema};

/// A world whose people have several phones.
fn world(people: impl IntoIterator<Item = Record>) -> World {
    let world = World::new(people);
    let schema = schema().with("phones", AttributeSchema::text().ignore_case().many());
    World { directory: MemoryStore::new("directory").with_schema(schema).with_clock(world.clock.clone()), ..world }
}

fn mapped(flow_type: FlowType) -> Mapping {
    let mapping = mapping().attribute("phones", "phones");
    ["jobTitle", "phones"].into_iter().fold(mapping, |mapping, target| mapping.flow_type(target, flow_type))
}

async fn settle(world: &World, mapping: Mapping) {
    let job = world.scoped_job(mapping);
    _ = job.run(entrant::job::Run::full(), entrant::job::Apply::new()).await.expect("the run works");
    world.clock.advance(std::time::Duration::from_secs(3600));
}

/// What an account holds after the source has changed, for each flow type.
#[tokio::test]
async fn flow_types_decide_what_an_update_writes() {
    use FlowType::{Always, AttributeAddOnly, MultiValueAddOnly, ObjectAddOnly, ValueAddOnly};
    let boss = || Value::text("Boss");
    #[rustfmt::skip]
    let table = [
        // Replaced, and one phone for another.
        (Always, boss(), texts(&["2"]), boss(), texts(&["2"])),
        (ObjectAddOnly, boss(), texts(&["2"]), "Clerk".into(), texts(&["1"])),
        (MultiValueAddOnly, boss(), texts(&["2"]), "Clerk".into(), texts(&["1", "2"])),
        (ValueAddOnly, boss(), texts(&["2"]), boss(), texts(&["1", "2"])),
        (AttributeAddOnly, boss(), texts(&["2"]), "Clerk".into(), texts(&["1"])),
        // Cleared.
        (Always, Value::Null, texts(&[]), Value::Null, texts(&[])),
        (ObjectAddOnly, Value::Null, texts(&[]), "Clerk".into(), texts(&["1"])),
        (MultiValueAddOnly, Value::Null, texts(&[]), "Clerk".into(), texts(&["1"])),
        (ValueAddOnly, Value::Null, texts(&[]), "Clerk".into(), texts(&["1"])),
        (AttributeAddOnly, Value::Null, texts(&[]), "Clerk".into(), texts(&["1"])),
    ];
    for (flow_type, title, phones, expected_title, expected_phones) in table {
        let world = world([person("1").with("phones", texts(&["1"]))]);
        settle(&world, mapped(flow_type)).await;
        let account = world.account_of("1");
        let created = (account.get("jobTitle"), account.get("phones"));
        assert_eq!(created, (Some(&"Clerk".into()), Some(&texts(&["1"]))), "{flow_type:?}: on create all are written");
        world.hr.set(&ObjectId::user("1"), "title", title.clone());
        world.hr.set(&ObjectId::user("1"), "phones", phones.clone());
        settle(&world, mapped(flow_type)).await;
        let account = world.account_of("1");
        let got = (account.get("jobTitle").cloned(), account.get("phones").cloned());
        assert_eq!(got, (Some(expected_title), Some(expected_phones)), "{flow_type:?} of {title:?}, {phones:?}");
        let again = world.scoped_job(mapped(flow_type)).plan(entrant::job::Run::full()).await.expect("planning works");
        assert!(again.is_converged(), "{flow_type:?}: {again}");
    }
}

#[tokio::test]
async fn what_only_adds_fills_what_is_empty() {
    for flow_type in [FlowType::MultiValueAddOnly, FlowType::ValueAddOnly, FlowType::AttributeAddOnly] {
        let world = world([person("1").with("title", Value::Null).with("phones", texts(&[]))]);
        settle(&world, mapped(flow_type)).await;
        world.hr.set(&ObjectId::user("1"), "title", "Boss");
        world.hr.set(&ObjectId::user("1"), "phones", texts(&["2"]));
        settle(&world, mapped(flow_type)).await;
        let account = world.account_of("1");
        let got = (account.get("jobTitle"), account.get("phones"));
        assert_eq!(got, (Some(&"Boss".into()), Some(&texts(&["2"]))), "{flow_type:?}");
    }
}

#[tokio::test]
async fn values_are_added_by_the_targets_rule_of_case() {
    let world = world([person("1").with("phones", texts(&["Aa"]))]);
    settle(&world, mapped(FlowType::MultiValueAddOnly)).await;
    world.hr.set(&ObjectId::user("1"), "phones", texts(&["aA", "b"]));
    settle(&world, mapped(FlowType::MultiValueAddOnly)).await;
    assert_eq!(world.account_of("1").get("phones"), Some(&texts(&["Aa", "b"])));
}

/// "`FlowAlways` writes each run and is left out of 'a second run has nothing to do'".
#[tokio::test]
async fn what_flows_always_is_written_in_each_run() {
    let world = World::new([person("1"), person("2").with("title", Value::Null)]);
    let always = || mapping().flow_behavior("jobTitle", FlowBehavior::FlowAlways);
    let run = entrant::job::Run::full;
    settle(&world, always()).await;
    let plan = world.scoped_job(always()).plan(run()).await.expect("planning works");
    assert!(plan.is_converged(), "{plan}");
    let changes = &entry(&plan, "1").changes;
    assert_eq!(changes.len(), 1, "{plan}");
    assert!(changes[0].repeated && changes[0].attribute == "jobTitle" && changes[0].new == "Clerk".into());
    assert!(plan.entries().iter().all(|entry| &*entry.key.id != "2"), "nothing is not written again: {plan}");
    assert_eq!(plan.effects(), Effects::default(), "no guard counts it");
    let before = world.directory.writes();
    settle(&world, always()).await;
    assert_eq!(world.directory.writes() - before, 1);
    // What changes beside it is a change.
    world.hr.set(&ObjectId::user("1"), "name", "Ada");
    let plan = world.scoped_job(always()).plan(run()).await.expect("planning works");
    assert!(!plan.is_converged() && entry(&plan, "1").changes.len() == 2, "{plan}");
    // A rename that is none trips no guard.
    let upn = || mapping().flow_behavior("userPrincipalName", FlowBehavior::FlowAlways);
    settle(&world, upn()).await;
    assert_eq!(world.account_of("1").get("displayName"), Some(&"Ada".into()));
    let plan = world.scoped_job(upn()).plan(run()).await.expect("planning works");
    assert_eq!(plan.effects().of_class(&entrant::model::Class::USER, Guard::Rename), 0, "{plan}");
    // With updates off it is not written.
    let off = entrant::Job::builder("staff")
        .source(world.hr.clone())
        .target(world.directory.clone())
        .mapping(always())
        .policy(entrant::Policy::outbound(Preferences::default().without_update()))
        .passwords(world.sink.clone())
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("the job is sound");
    let plan = off.plan(run()).await.expect("planning works");
    assert!(plan.entries().iter().all(|entry| entry.changes.is_empty()), "{plan}");
}

#[tokio::test]
async fn references_and_licences_are_only_added_too() {
    let org = Org::new([
        org::person("1").with("manager", "2").with("sku", texts(&["E3"])),
        org::person("2"),
        org::person("3"),
        org::group("a", &["1", "2"]),
    ]);
    let job = |flow_type| {
        let users = org::users().flow_type("manager", flow_type).flow_type("skuId", flow_type);
        org.unguarded(users, org::groups().flow_type("members", flow_type), Preferences::default())
    };
    _ = org.settle_with(&job(FlowType::Always)).await;
    org.set("1", "manager", "3");
    org.set("1", "sku", Value::Null);
    org.set_group("a", "members", texts(&["2", "3"]));
    for (flow_type, manager, members, licences) in [
        (FlowType::AttributeAddOnly, "2", &["1", "2"][..], &["e3"][..]),
        (FlowType::MultiValueAddOnly, "2", &["1", "2", "3"], &["e3"]),
        (FlowType::ValueAddOnly, "3", &["1", "2", "3"], &["e3"]),
        (FlowType::Always, "3", &["2", "3"], &[]),
    ] {
        _ = org.settle_with(&job(flow_type)).await;
        assert_eq!(org.refers("1", "manager"), [manager], "{flow_type:?}");
        assert_eq!(org.refers("Group a", "members"), members, "{flow_type:?}");
        assert_eq!(org.licenses("1"), licences, "{flow_type:?}");
    }
    // A manager is not taken away by what only adds.
    org.set("1", "manager", Value::Null);
    _ = org.settle_with(&job(FlowType::ValueAddOnly)).await;
    assert_eq!(org.refers("1", "manager"), ["3"]);
    _ = org.settle_with(&job(FlowType::Always)).await;
    assert_eq!(org.refers("1", "manager"), [""; 0]);
    org.set("1", "manager", "2");
    _ = org.settle_with(&job(FlowType::AttributeAddOnly)).await;
    assert_eq!(org.refers("1", "manager"), ["2"], "there was none");
}

/// "the target is left as it is, but filled with the default whenever it is empty, also on update".
#[tokio::test]
async fn a_constant_that_only_fills_is_written_where_there_is_nothing() {
    let world = World::new([person("1"), person("2")]);
    let constant = || {
        entrant::Mapping::users()
            .attribute("userPrincipalName", "login")
            .attribute("employeeId", "id")
            .attribute("displayName", "name")
            .constant("jobTitle", "Staff")
            .flow_type("jobTitle", FlowType::AttributeAddOnly)
            .generate_password()
            .match_on("employeeId")
    };
    settle(&world, constant()).await;
    assert_eq!(world.account_of("1").get("jobTitle"), Some(&"Staff".into()));
    let id = |employee: &str| world.account_of(employee).id;
    world.directory.set(&id("1"), "jobTitle", "Boss");
    world.directory.set(&id("2"), "jobTitle", Value::Null);
    settle(&world, constant()).await;
    assert_eq!(world.account_of("1").get("jobTitle"), Some(&"Boss".into()));
    assert_eq!(world.account_of("2").get("jobTitle"), Some(&"Staff".into()));
}

/// What empty text is, by the null rule.
#[tokio::test]
async fn empty_text_counts_as_null_where_something_is_said_of_null() {
    for (on_null, expected) in
        [(OnNull::Skip, Value::text("")), (OnNull::Clear, Value::Null), (OnNull::Default, "Staff".into())]
    {
        let world = World::new([person("1"), person("2").with("title", "")]);
        let mapping = || {
            entrant::Mapping::users()
                .attribute("userPrincipalName", "login")
                .attribute("employeeId", "id")
                .attribute("displayName", "name")
                .attribute("jobTitle", "title")
                .on_null("jobTitle", on_null)
                .default_value("jobTitle", "Staff")
                .generate_password()
                .match_on("employeeId")
        };
        settle(&world, mapping()).await;
        assert_eq!(world.account_of("2").get("jobTitle"), Some(&"Staff".into()), "on create, {on_null:?}");
        world.hr.set(&ObjectId::user("1"), "title", "");
        settle(&world, mapping()).await;
        assert_eq!(world.account_of("1").get("jobTitle"), Some(&expected), "{on_null:?}");
    }
}
