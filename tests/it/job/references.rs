//! References: managers, members, nested groups (semantics, rule 13; R21).

use entrant::model::ObjectId;
use entrant::reconcile::{Action, Preferences};
use entrant::{Record, Value};

use super::org::{Org, account, group, groups, person, plan, problems, texts, users};

#[tokio::test]
async fn members_and_managers_that_are_made_in_the_same_run_are_written_after_them() {
    let people = [person("1").with("manager", "2"), person("2").with("manager", "3"), person("3").with("manager", "1")];
    let org = Org::new(people.into_iter().chain([group("a", &["1", "2"]).with("owners", texts(&["3"]))]));
    let report = org.settle().await;
    assert_eq!(report.outcome(entrant::job::OutcomeKind::Applied), 4, "{report}");
    assert_eq!(org.refers("Group a", "members"), ["1", "2"]);
    assert_eq!(org.refers("Group a", "owners"), ["3"]);
    for (person, manager) in [("1", "2"), ("2", "3"), ("3", "1")] {
        assert_eq!(org.refers(person, "manager"), [manager], "a circle of managers does no harm");
    }
    let again = org.plan().await;
    assert!(again.is_converged() && !again.needs_attention(), "{again}");
}

#[tokio::test]
async fn only_members_that_the_job_added_are_removed() {
    let org = Org::new([person("1"), person("2"), person("3"), group("a", &["1", "2"])]);
    _ = org.settle().await;
    let stranger = account("stranger", "9");
    org.directory.push(stranger);
    let members = [org.id("1"), org.id("2"), ObjectId::user("stranger")].map(|id| Value::text(id.id));
    org.directory.set(&org.id("Group a"), "members", Value::list(members));
    org.set_group("a", "members", texts(&["2", "3"]));
    let plan = org.plan().await;
    let entry = plan.entries().iter().find(|entry| &*entry.key.id == "a").expect("an entry");
    assert_eq!((entry.sets[0].add.len(), entry.sets[0].remove.len()), (1, 1), "{plan}");
    _ = org.settle().await;
    assert_eq!(org.refers("Group a", "members"), ["2", "3", "9"]);
    org.set_group("a", "members", texts(&[]));
    _ = org.settle().await;
    assert_eq!(org.refers("Group a", "members"), ["9"]);
    assert!(org.plan().await.is_converged());
}

#[tokio::test]
async fn an_exact_group_loses_strangers_only_if_the_job_made_or_claims_it() {
    for (made, claimed, expected) in [(true, false, &["1"][..]), (false, false, &["1", "9"]), (false, true, &["1"])] {
        let org = Org::new([person("1"), group("a", &["1"])]);
        org.directory.push(account("stranger", "9"));
        let strangers = Value::list([Value::text("stranger")]);
        if !made {
            let before =
                Record::new(ObjectId::group("before")).with("name", "Group a").with("members", strangers.clone());
            org.directory.push(before.with("memberGroups", texts(&[])).with("owners", texts(&[])));
        }
        let mapping = groups().exact("members");
        let mapping = if claimed { mapping.claims(["a"]) } else { mapping };
        let job = org.unguarded(users(), mapping, Preferences::default());
        _ = org.settle_with(&job).await;
        if made {
            org.directory.set(
                &org.id("Group a"),
                "members",
                Value::list([Value::text(org.id("1").id), "stranger".into()]),
            );
        } else {
            assert_eq!(org.refers("Group a", "members"), ["1", "9"], "the run that takes a group over removes nothing");
        }
        _ = org.settle_with(&job).await;
        assert_eq!(org.refers("Group a", "members"), expected, "made {made}, claimed {claimed}");
        assert!(plan(&job).await.is_converged());
    }
}

#[tokio::test]
async fn what_nobody_can_resolve_is_left_out_and_taken_up_later() {
    let twin = person("7").with("title", "Twin");
    let org = Org::new([
        person("1").with("manager", "404"),
        person("2").with("manager", "7"),
        person("3").with("manager", "3"),
        person("7"),
        twin,
        group("a", &["1", "404", "405", "7"]),
    ]);
    let plan = org.plan().await;
    assert_eq!(problems(&plan, "1"), ["unresolved-reference: manager `404`: is not in the source"]);
    assert_eq!(problems(&plan, "2"), ["unresolved-reference: manager `7`: is ambiguous: 2 records share the id"]);
    assert_eq!(problems(&plan, "3"), ["unresolved-reference: manager `3`: is the object itself"]);
    assert_eq!(problems(&plan, "a").len(), 2, "{plan}");
    _ = org.settle().await;
    assert_eq!(org.refers("Group a", "members"), ["1"]);
    org.hr.push(person("404"));
    _ = org.settle().await;
    assert_eq!(org.refers("Group a", "members"), ["1", "404"]);
    assert_eq!(org.refers("1", "manager"), ["404"]);
}

#[tokio::test]
async fn nested_groups_are_kept_or_flattened_and_circles_end() {
    let circle = || {
        [
            person("1"),
            person("2"),
            person("3"),
            group("a", &["1"]).with("groups", texts(&["b"])),
            group("b", &["2"]).with("groups", texts(&["c"])),
            group("c", &["3", "1"]).with("groups", texts(&["a"])),
        ]
    };
    let org = Org::new(circle());
    _ = org.settle().await;
    assert_eq!(org.refers("Group a", "memberGroups"), ["Group b"]);
    assert_eq!(org.refers("Group c", "memberGroups"), ["Group a"]);
    assert_eq!(org.refers("Group a", "members"), ["1"]);
    let flat = org.unguarded(users(), groups().flatten("memberGroups", "members"), Preferences::default());
    _ = org.settle_with(&flat).await;
    for name in ["Group a", "Group b", "Group c"] {
        assert_eq!(org.refers(name, "members"), ["1", "2", "3"], "{name}");
        assert_eq!(org.refers(name, "memberGroups"), [""; 0], "{name}: what was kept before is taken out");
    }
    assert!(plan(&flat).await.is_converged());
}

#[tokio::test]
async fn a_manager_is_cleared_only_if_the_job_gave_him() {
    let org = Org::new([person("1"), person("2"), person("3").with("manager", "2"), person("4")]);
    _ = org.settle().await;
    org.directory.set(&org.id("1"), "manager", Value::text(org.id("2").id));
    org.set("3", "manager", Value::Null);
    let plan = org.plan().await;
    assert_eq!(plan.count(Action::Update), 1, "{plan}");
    _ = org.settle().await;
    assert_eq!(org.refers("3", "manager"), [""; 0]);
    assert_eq!(org.refers("1", "manager"), ["2"], "someone else's");
    org.set("1", "manager", "4");
    _ = org.settle().await;
    assert_eq!(org.refers("1", "manager"), ["4"], "what the source says replaces it");
    assert!(org.plan().await.is_converged());
}

#[tokio::test]
async fn a_set_that_was_not_read_to_its_end_is_left_alone() {
    let org = Org::new([person("1"), person("2"), group("a", &["1", "2"]), group("b", &["1", "2"])]);
    _ = org.settle().await;
    org.set_group("b", "members", texts(&["1"]));
    // The source could not read all members of one group, and the target not all of the other.
    let cut = group("a", &["1"]).with_partial("members", "row 7 of members.csv cannot be read");
    org.hr.remove(&ObjectId::group("a"));
    org.hr.push(cut);
    let before = org.find("Group b");
    org.directory.remove(&before.id);
    org.directory.push(before.with_partial("members", "the list broke off after page 2"));
    let plan = org.plan().await;
    assert!(plan.is_converged(), "{plan}");
    assert_eq!(problems(&plan, "a").len(), 1, "{plan}");
    assert!(problems(&plan, "a")[0].contains("row 7 of members.csv"), "{plan}");
    assert!(problems(&plan, "b")[0].contains("broke off after page 2"), "{plan}");
}

#[tokio::test]
async fn a_group_whose_rule_says_who_is_in_it_gets_no_members() {
    let org = Org::new([person("1"), group("a", &["1"])]);
    let dynamic = Record::new(ObjectId::group("d")).with("name", "Group a").with("dynamic", true);
    org.directory.push(dynamic.with("members", texts(&[])).with("memberGroups", texts(&[])).with("owners", texts(&[])));
    _ = org.settle().await;
    assert_eq!(org.refers("Group a", "members"), [""; 0]);
    let plan = org.plan().await;
    assert!(problems(&plan, "a")[0].starts_with("dynamic-membership"), "{plan}");
    assert!(plan.is_converged());
}

#[tokio::test]
async fn a_run_for_one_object_looks_up_whom_it_refers_to() {
    let org = Org::new([
        person("1").with("manager", "2"),
        person("2").with("manager", "3"),
        person("3"),
        group("a", &["1"]).with("groups", texts(&["b"])),
        group("b", &["3", "404"]),
    ]);
    // Not linked, and there: by matching.
    org.directory.push(account("boss", "2"));
    let flat = org.unguarded(users(), groups().flatten("memberGroups", "members"), Preferences::default());
    let one = flat.plan(entrant::job::Run::one("1")).await.expect("a plan");
    assert_eq!(one.entries().len(), 1, "{one}");
    _ = flat.apply(&one, entrant::job::Apply::new()).await.expect("a report");
    assert_eq!(org.refers("1", "manager"), ["2"]);
    let one = flat.plan(entrant::job::Run::one("a")).await.expect("a plan");
    assert_eq!(one.entries().len(), 1, "{one}");
    let said = problems(&one, "a").join("; ");
    assert!(said.contains("members `404`: is not in the source"), "{said}");
    assert!(said.contains("members `3`: has no object in the target, and this plan makes none"), "{said}");
    _ = flat.apply(&one, entrant::job::Apply::new()).await.expect("a report");
    assert_eq!(org.refers("Group a", "members"), ["1"]);
}

#[test]
fn what_is_said_of_sets_must_fit() {
    let compile = |mapping: entrant::Mapping| {
        let compiled = mapping.compile(&super::org::group_schema(), entrant::mapping::AbsentMeans::Unknown);
        compiled.err().map(|error| error.to_string()).unwrap_or_default()
    };
    let base = || entrant::Mapping::groups().attribute("name", "name").attribute("members", "members");
    let nested = || base().attribute("memberGroups", "groups");
    #[rustfmt::skip]
    let table = [
        (nested().exact("members").claims(["a"]).flatten("memberGroups", "members"), ""),
        (base().exact("owners"), "owners: is to be exact and is not mapped"),
        (base().exact("name"), "name: is to be exact and is no set of references"),
        (base().claims(["a"]), "objects are claimed and no set of theirs is exact"),
        (nested().flatten("members", "memberGroups"), "members: is to be flattened and does not refer to group objects"),
        (nested().flatten("memberGroups", "name"), "name: is to be flattened and is no set of references"),
        (nested().flatten("memberGroups", "memberGroups"), "memberGroups: cannot be flattened into itself"),
        (nested().flatten("memberGroups", "members").flatten("memberGroups", "members"), "memberGroups: is flattened twice"),
        (base().match_on("members"), "members: is matched on, and holds references or licences"),
    ];
    for (mapping, expected) in table {
        let said = compile(mapping);
        assert!(
            if expected.is_empty() { said.is_empty() } else { said.contains(expected) },
            "{said} instead of {expected}"
        );
    }
}
