//! Who is meant by a reference, and whose it is to take (semantics, rules 1, 2, 7 and 13; R21, R31).

use std::time::Duration;

use entrant::job::{Apply, OutcomeKind, Run};
use entrant::mapping::OnNull;
use entrant::model::{Change, ChangeId, Class, ObjectId, Operation, eq};
use entrant::reconcile::{Action, Leaver, Policy, Preferences, Situation, days};
use entrant::store::{Target, WriteFault};
use entrant::{Job, Mapping, Record, Value};
use futures::StreamExt;

use super::org::{Org, account, group, groups, no_guards, person, plan, problems, texts, users};
use super::tracked::Tracked;

/// "`manager`, `members`, `owners` are references": owners are given and taken as members are.
#[tokio::test]
async fn owners_are_given_and_taken_as_members_are() {
    let org = Org::new([person("1"), person("2"), group("a", &[]).with("owners", texts(&["1", "2"]))]);
    _ = org.settle().await;
    org.directory.push(account("stranger", "9"));
    let owners = [org.id("1"), org.id("2"), ObjectId::user("stranger")].map(|id| Value::text(id.id));
    org.directory.set(&org.id("Group a"), "owners", Value::list(owners));
    org.set_group("a", "owners", texts(&["2"]));
    _ = org.settle().await;
    assert_eq!(org.refers("Group a", "owners"), ["2", "9"]);
    assert!(org.plan().await.is_converged());
}

/// "What links do not know is looked up by matching": an account that is taken over in this run, and one whose person is
/// out of scope.
#[tokio::test]
async fn who_is_not_linked_is_found_by_matching() {
    let external = person("2").with("kind", "external").with("sku", Value::Null);
    let org = Org::new([person("1"), external, person("3").with("manager", "2"), group("a", &["1", "2"])]);
    org.directory.push(account("x", "1"));
    org.directory.push(account("y", "2"));
    let first = org.plan().await;
    assert_eq!(problems(&first, "a"), [""; 0], "{first}");
    _ = org.settle().await;
    assert_eq!(org.refers("Group a", "members"), ["1", "2"]);
    assert_eq!(org.refers("3", "manager"), ["2"]);
    // Two whom one could be are nobody.
    org.hr.push(person("5").with("kind", "external"));
    org.directory.push(account("v", "5"));
    org.directory.push(account("w", "5").with("login", "other@contoso.com"));
    org.set_group("a", "members", texts(&["1", "2", "5"]));
    let unclear = org.plan().await;
    assert_eq!(problems(&unclear, "a").len(), 1, "{unclear}");
    assert!(unclear.is_converged(), "{unclear}");
}

/// The same by a run that reads only what changed, and meets him for being referred to.
#[tokio::test]
async fn who_is_out_of_scope_is_found_by_matching_where_only_what_changed_is_read() {
    let external = person("2").with("kind", "external").with("sku", Value::Null);
    let org = Org::new([person("1"), external, person("3"), group("a", &["1"])]);
    org.directory.push(account("y", "2"));
    let feeds = [Tracked::new(&org.hr), Tracked::new(&org.directory)];
    let builder = org.builder(users(), Preferences::default()).guards(no_guards());
    let job = builder.source(feeds[0].clone()).target(feeds[1].clone()).build().expect("the job is sound");
    _ = org.settle_with(&job).await;
    org.set_group("a", "members", texts(&["1", "2"]));
    org.set("3", "manager", "2");
    let plan = job.plan(Run::incremental()).await.expect("a plan");
    assert!(plan.problems().is_empty() && problems(&plan, "a").is_empty(), "{plan}");
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(org.refers("Group a", "members"), ["1", "2"]);
    assert_eq!(org.refers("3", "manager"), ["2"]);
}

/// A link says who is meant, not that he is there: one whom such a run does not look at is asked for before he is given.
#[tokio::test]
async fn who_is_gone_is_put_into_no_group_where_only_what_changed_is_read() {
    let org = Org::new([person("1"), person("2"), person("3"), group("a", &["1"])]);
    org.directory.push(account("stranger", "9"));
    let feeds = [Tracked::new(&org.hr), Tracked::new(&org.directory)];
    let preferences = Preferences::default().with_source_deleted(Leaver::keep());
    let builder = org.builder(users(), preferences).guards(no_guards());
    let job = builder.source(feeds[0].clone()).target(feeds[1].clone()).build().expect("the job is sound");
    _ = org.settle_with(&job).await;
    // One leaves, and his account is deleted: no run has anything to do with him any more.
    org.hr.remove(&ObjectId::user("2"));
    let delete = Change::new(ChangeId::new(1), Operation::Delete { id: org.id("2") });
    org.directory.write(vec![delete]).collect::<Vec<_>>().await;
    org.directory.set(&org.id("Group a"), "members", texts(&[&org.id("1").id]));
    _ = org.settle_with(&job).await;
    org.set_group("a", "members", texts(&["1", "2", "3"]));
    for run in [Run::incremental(), Run::full()] {
        let plan = job.plan(run).await.expect("a plan");
        assert_eq!(problems(&plan, "a").len(), 1, "{plan}");
        let report = job.apply(&plan, Apply::new()).await.expect("a report");
        assert_eq!(report.outcome(OutcomeKind::Failed), 0, "{plan}{report}");
        assert_eq!(org.refers("Group a", "members"), ["1", "3"]);
    }
}

/// "Resolved through links": those of another job too, where this one does not read the people.
#[tokio::test]
async fn a_job_of_groups_alone_goes_by_the_links_of_others() {
    let org = Org::new([person("1"), group("a", &["1", "2"])]);
    let people = Job::builder("people").mapping(users());
    let teams = Job::builder("teams").mapping(groups());
    let build = |builder: entrant::job::JobBuilder| {
        let builder = builder.source(org.hr.clone()).target(org.directory.clone()).state(org.state.clone());
        let policy = Policy::outbound(Preferences::default());
        builder.policy(policy).clock(org.clock.clone()).guards(no_guards()).build().expect("the job is sound")
    };
    let (people, teams) = (build(people), build(teams));
    _ = org.settle_with(&people).await;
    let shown = plan(&teams).await;
    assert!(problems(&shown, "a")[0].contains("no mapping of this job reads user objects"), "{shown}");
    _ = org.settle_with(&teams).await;
    assert_eq!(org.refers("Group a", "members"), ["1"]);
    assert!(plan(&teams).await.is_converged());
}

fn student(id: &str) -> Record {
    let of = person(id);
    let record = Record::new(ObjectId::new(Class::new("student"), id));
    of.attributes.iter().fold(record, |record, (name, value)| record.with(name.clone(), value.clone()))
}

fn of_two_classes(org: &Org) -> Job {
    let students = Mapping::new(Class::new("student"), Class::USER)
        .named("students")
        .attribute("login", "login")
        .attribute("employeeId", "number")
        .attribute("active", "active")
        .match_on("employeeId");
    Job::builder("staff")
        .source(org.hr.clone())
        .target(org.directory.clone())
        .mapping(users())
        .mapping(students)
        .mapping(groups())
        .policy(Policy::outbound(Preferences::default()))
        .guards(no_guards())
        .state(org.state.clone())
        .clock(org.clock.clone())
        .build()
        .expect("the job is sound")
}

/// "Source ids in the record, resolved through links": of two source classes that become one; an id that both have is
/// nobody's, and nothing is taken for it.
#[tokio::test]
async fn members_may_be_of_two_source_classes_and_a_shared_id_is_nobodys() {
    let student = |id: &str| student(id).with("login", format!("s{id}@contoso.com")).with("number", format!("s{id}"));
    let org = Org::new([person("1"), student("2"), group("a", &["1", "2"])]);
    let job = of_two_classes(&org);
    _ = org.settle_with(&job).await;
    assert_eq!(org.refers("Group a", "members"), ["1", "s2"]);
    // The other class gets the same ids: once a sound one, once two of them.
    org.hr.push(student("1"));
    org.hr.push(person("2"));
    org.hr.push(person("2").with("title", "Twin"));
    for _ in 0..2 {
        let shared = plan(&job).await;
        assert_eq!(problems(&shared, "a").len(), 1, "{shared}");
        _ = org.settle_with(&job).await;
        assert_eq!(org.refers("Group a", "members"), ["1", "s2"], "who is meant is not known, so nobody is taken out");
    }
}

/// "A duplicated source id is no reference target": and what was given to one of that id stays.
#[tokio::test]
async fn whoever_has_a_twin_stays_where_he_is() {
    let org = Org::new([person("1"), person("2"), person("3").with("manager", "1"), group("a", &["1", "2"])]);
    _ = org.settle().await;
    org.hr.push(person("1").with("title", "Twin"));
    org.set_group("a", "members", texts(&["1"]));
    _ = org.settle().await;
    assert_eq!(org.refers("Group a", "members"), ["1"]);
    assert_eq!(org.refers("3", "manager"), ["1"]);
    let quiet = org.plan().await;
    assert!(quiet.is_converged() && quiet.needs_attention(), "{quiet}");
}

/// "`Exact` also removes strangers" — unless who is meant is not known; "never inherited or dynamic ones".
#[tokio::test]
async fn strangers_stay_while_someone_is_not_known_or_the_group_is_dynamic() {
    let org = Org::new([person("1"), group("a", &["1", "404"])]);
    let job = org.unguarded(users(), groups().exact("members"), Preferences::default());
    _ = org.settle_with(&job).await;
    org.directory.push(account("stranger", "9"));
    let members = [org.id("1"), ObjectId::user("stranger")].map(|id| Value::text(id.id));
    org.directory.set(&org.id("Group a"), "members", Value::list(members));
    let unknown = plan(&job).await;
    assert!(unknown.is_converged(), "{unknown}");
    assert!(problems(&unknown, "a").iter().any(|problem| problem.starts_with("strangers-stay")), "{unknown}");
    org.set_group("a", "members", texts(&["1"]));
    org.directory.set(&org.id("Group a"), "dynamic", true);
    let dynamic = plan(&job).await;
    assert!(dynamic.is_converged(), "{dynamic}");
    org.directory.set(&org.id("Group a"), "dynamic", false);
    _ = org.settle_with(&job).await;
    assert_eq!(org.refers("Group a", "members"), ["1"]);
}

/// Rule 9: "sets, references and licences do not look at `on_null`: null is the empty set"; "`Absent` never clears
/// anything". A default is for creating, and for updating only where it is named for that.
#[tokio::test]
async fn null_is_the_empty_set_and_absent_is_nothing() {
    let org = Org::new([
        person("1"),
        person("2").with("manager", "1"),
        person("3").with("manager", "1"),
        group("a", &["1", "2"]),
        group("b", &["1", "2"]),
    ]);
    _ = org.settle().await;
    let without = |id: ObjectId, name: &str| {
        let mut record = org.hr.record(&id).expect("a record");
        record.attributes.remove(name);
        org.hr.remove(&id);
        org.hr.push(record);
    };
    org.set("2", "manager", Value::Null);
    without(ObjectId::user("3"), "manager");
    org.set_group("a", "members", Value::Null);
    without(ObjectId::group("b"), "members");
    let shown = org.plan().await;
    assert_eq!(problems(&shown, "2").len() + problems(&shown, "b").len(), 0, "{shown}");
    _ = org.settle().await;
    assert_eq!((org.refers("2", "manager"), org.refers("3", "manager")), (vec![], vec!["1".to_owned()]));
    assert_eq!((org.refers("Group a", "members").len(), org.refers("Group b", "members").len()), (0, 2));
    for (on_null, expected) in [(OnNull::Skip, "2"), (OnNull::Default, "1")] {
        let mapping = users().default_value("manager", "1").on_null("manager", on_null);
        let org = Org::new([person("1").with("manager", "2"), person("2").with("manager", "1"), person("3")]);
        let job = org.unguarded(mapping, groups(), Preferences::default());
        _ = org.settle_with(&job).await;
        assert_eq!(org.refers("3", "manager"), ["1"], "a default is for those who are made");
        assert!(plan(&job).await.is_converged(), "{on_null:?}: {}", plan(&job).await);
        org.set("3", "manager", "2");
        _ = org.settle_with(&job).await;
        org.set("3", "manager", Value::Null);
        _ = org.settle_with(&job).await;
        assert_eq!(org.refers("3", "manager"), [expected], "{on_null:?}");
        assert!(plan(&job).await.is_converged(), "{on_null:?}");
    }
}

/// "An object planned in the same run becomes an order edge": whoever could not be made is left out, and taken up later.
#[tokio::test]
async fn a_member_who_could_not_be_made_holds_up_nobody_else() {
    let org = Org::new([person("1"), person("2"), person("3").with("manager", "1"), group("a", &["1", "2"])]);
    org.directory.fail_write(2, WriteFault::Refused);
    let job = org.job();
    let shown = plan(&job).await;
    let report = job.apply(&shown, entrant::job::Apply::new()).await.expect("a report");
    assert_eq!(report.outcome(OutcomeKind::Failed), 1, "{report}");
    let failed = ["1", "2", "3"]
        .into_iter()
        .filter(|id| org.directory.records().iter().all(|own| own.get("employeeId") != Some(&Value::text(*id))));
    let failed: Vec<&str> = failed.collect();
    assert_eq!(failed.len(), 1, "{report}");
    assert_eq!(org.refers("Group a", "members").len(), if failed[0] == "3" { 2 } else { 1 });
    org.clock.advance(Duration::from_secs(3600));
    _ = org.settle().await;
    assert_eq!(org.refers("Group a", "members"), ["1", "2"]);
    assert_eq!(org.refers("3", "manager"), ["1"]);
    assert!(org.plan().await.is_converged());
}

/// What is made anew is meant by its new id, or not at all.
#[tokio::test]
async fn an_account_that_is_made_anew_is_referred_to_by_its_new_id() {
    for fault in [None, Some(WriteFault::Refused)] {
        let org = Org::new([person("1"), person("2").with("manager", "1"), group("a", &[])]);
        let job = org.unguarded(users(), groups(), Preferences::default().with_recreate_missing());
        _ = org.settle_with(&job).await;
        let gone = org.id("1");
        org.directory.remove(&gone);
        org.directory.set(&org.id("2"), "manager", Value::Null);
        org.set_group("a", "members", texts(&["1"]));
        if let Some(fault) = fault {
            org.directory.fail_write(1, fault);
        }
        let shown = plan(&job).await;
        let report = job.apply(&shown, entrant::job::Apply::new()).await.expect("a report");
        let refused = report.outcome(OutcomeKind::Failed);
        assert_eq!(refused, u64::from(fault.is_some()), "nothing but the create fails: {report}");
        org.clock.advance(Duration::from_secs(3600));
        _ = org.settle_with(&job).await;
        assert_ne!(org.id("1"), gone);
        assert_eq!(
            (org.refers("2", "manager"), org.refers("Group a", "members")),
            (vec!["1".to_owned()], vec!["1".to_owned()])
        );
        let last = plan(&job).await;
        assert!(last.is_converged(), "{fault:?}: {last}");
    }
}

/// Rule 1: "what another job owns at my target's end is counted `OwnedElsewhere` and never touched."
#[tokio::test]
async fn a_group_of_another_job_is_left_alone() {
    let org = Org::new([person("1"), person("2"), group("a", &["1"])]);
    _ = org.settle().await;
    let other = Job::builder("other")
        .source(org.hr.clone())
        .target(org.directory.clone())
        .mapping(users().scope(eq("kind", "nobody")))
        .mapping(groups().exact("members"))
        .policy(Policy::outbound(Preferences::default().with_left_scope(Leaver::keep())))
        .state(org.state.clone())
        .clock(org.clock.clone())
        .build()
        .expect("the job is sound");
    org.set_group("a", "members", texts(&["2"]));
    let shown = plan(&other).await;
    assert!(shown.is_converged() && shown.owned_elsewhere() >= 1, "{shown}");
    assert!(shown.entries().iter().all(|entry| entry.sets.is_empty()), "{shown}");
}

/// Rule 7: "groups have no `Disable`: their leavers default to `Keep`"; deleting them is asked for by name.
#[tokio::test]
async fn a_group_that_is_gone_is_kept_unless_deleting_is_asked_for() {
    let preferences = Preferences::default;
    let table = [
        (preferences(), None, true),
        (preferences().with_source_deleted(Leaver::disable()), None, true),
        // What a policy for people says of deleting is not said of groups.
        (preferences().with_source_deleted(Leaver::disable().then_delete(days(0))), None, true),
        (preferences().with_source_deleted(Leaver::delete()), None, true),
        (preferences(), Some(preferences().with_source_deleted(Leaver::keep())), true),
        (preferences(), Some(preferences().with_source_deleted(Leaver::delete())), false),
    ];
    for (own, of_groups, stays) in table {
        let org = Org::new([person("1"), group("a", &["1"]), group("b", &["1"])]);
        let build = |own: Preferences| {
            let builder = Job::builder("staff").source(org.hr.clone()).target(org.directory.clone()).mapping(users());
            let builder = match of_groups.clone() {
                Some(preferences) => builder.mapping(groups().policy(Policy::outbound(preferences))),
                None => builder.mapping(groups()),
            };
            let builder = builder.policy(Policy::outbound(own)).state(org.state.clone()).clock(org.clock.clone());
            builder.guards(no_guards()).build().expect("the job is sound")
        };
        let job = build(own);
        _ = org.settle_with(&job).await;
        org.hr.remove(&ObjectId::group("a"));
        let shown = plan(&job).await;
        assert_eq!(shown.situations()[&Situation::SourceMissing], 1);
        assert_eq!((shown.count(Action::Disable), shown.count(Action::Delete)), (0, usize::from(!stays)), "{shown}");
        _ = org.settle_with(&job).await;
        let there = org.directory.records().iter().any(|record| record.get("name") == Some(&"Group a".into()));
        assert_eq!(there, stays);
        assert_eq!(
            stays.then(|| org.refers("Group a", "members")),
            stays.then(|| vec!["1".to_owned()]),
            "nobody is taken out"
        );
        assert!(plan(&job).await.is_converged());
    }
}

/// Rule 7: "groups have no `Disable`": a policy of their own that names it does not build, in whatever words.
#[tokio::test]
async fn a_policy_of_groups_that_disables_does_not_build() {
    let preferences = Preferences::default;
    let policies = [
        Policy::outbound(preferences().with_left_scope(Leaver::disable())),
        Policy::outbound(preferences().with_source_deleted(Leaver::disable().then_delete(days(30)))),
        Policy::outbound(preferences()).rule(Situation::SourceMissing, Action::Disable),
        Policy::outbound(preferences()).rule(Situation::Unqualified, Action::Disable),
    ];
    for policy in policies {
        let org = Org::new([person("1")]);
        let builder = Job::builder("staff").source(org.hr.clone()).target(org.directory.clone()).mapping(users());
        let builder = builder.mapping(groups().policy(policy)).policy(Policy::outbound(preferences()));
        let error = builder.state(org.state.clone()).build().expect_err("groups cannot be disabled").to_string();
        assert!(error.contains("group objects cannot be disabled"), "{error}");
    }
}

/// Rule 2: "completeness is held per side, class and multi-valued attribute": of plain values too.
#[tokio::test]
async fn plain_values_that_were_not_read_to_their_end_are_left_alone() {
    use entrant::model::AttributeSchema;
    let org = Org::new([person("1").with("phones", texts(&["1", "2"]))]);
    let schema = super::org::user_schema().with("phones", AttributeSchema::text().many());
    let org = Org { directory: org.directory.clone().with_schema(schema), ..org };
    let job = org.unguarded(users().attribute("phones", "phones"), groups(), Preferences::default());
    _ = org.settle_with(&job).await;
    let id = ObjectId::user("1");
    org.hr.remove(&id);
    org.hr.push(person("1").with("phones", texts(&["1"])).with_partial("phones", "the list broke off"));
    let shown = plan(&job).await;
    assert!(shown.is_converged(), "{shown}");
    assert!(problems(&shown, "1")[0].contains("the list broke off"), "{shown}");
    org.hr.remove(&id);
    org.hr.push(person("1").with("phones", texts(&["1"])));
    _ = org.settle_with(&job).await;
    assert_eq!(org.find("1").get("phones"), Some(&texts(&["1"])));
}

/// Rule 2: a target that was not read to its end says of nobody that he is the only one.
#[tokio::test]
async fn who_may_not_be_the_only_one_is_no_reference() {
    use entrant::store::Capabilities;
    let org = Org::new([person("1"), group("a", &["1"])]);
    org.directory.push(account("x", "1"));
    let capabilities = Capabilities::default().with_get(entrant::store::GetSupport::Authoritative);
    let blind = org.directory.clone().with_capabilities(capabilities);
    blind.end_reads(entrant::model::Completeness::Partial { reason: "page 2 is missing".to_owned() });
    let before = Record::new(ObjectId::group("g")).with("name", "Group a").with("members", texts(&[]));
    blind.push(before.with("memberGroups", texts(&[])).with("owners", texts(&[])));
    let shown = org.job().plan(Run::full()).await.expect("a plan");
    assert!(shown.entries().iter().all(|entry| entry.sets.iter().all(|set| set.add.is_empty())), "{shown}");
}

/// Rule 15: "before an irreversible step (… member removal) both sides are read again and the entry is rejected
/// (`Stale`) if … the touched values changed".
#[tokio::test]
async fn a_member_is_taken_out_only_if_both_sides_still_say_so() {
    type Meanwhile = fn(&Org);
    let table: [(Meanwhile, OutcomeKind, &[&str]); 5] = [
        (|_| {}, OutcomeKind::Applied, &["2", "3"]),
        (|org| org.set_group("a", "members", texts(&["1", "2", "3"])), OutcomeKind::Stale, &["1", "2"]),
        (|org| org.hr.remove(&ObjectId::group("a")), OutcomeKind::Stale, &["1", "2"]),
        (|org| org.hr.push(group("a", &["2", "3"])), OutcomeKind::Stale, &["1", "2"]),
        (
            |org| {
                let two = Value::list([Value::text(org.id("2").id)]);
                assert!(org.directory.set(&org.id("Group a"), "members", two));
            },
            OutcomeKind::Stale,
            &["2"],
        ),
    ];
    for (number, (meanwhile, outcome, members)) in table.into_iter().enumerate() {
        let org = Org::new([person("1"), person("2"), person("3"), group("a", &["1", "2"]), group("b", &[])]);
        _ = org.settle().await;
        org.set_group("a", "members", texts(&["2", "3"]));
        let job = org.job();
        let shown = plan(&job).await;
        meanwhile(&org);
        let report = job.apply(&shown, entrant::job::Apply::new()).await.expect("a report");
        assert_eq!(report.outcome(outcome), 1, "case {number}: {report}");
        assert_eq!(org.refers("Group a", "members"), members, "case {number}");
    }
}
