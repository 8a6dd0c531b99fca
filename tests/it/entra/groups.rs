//! Groups, their members and owners.

use std::collections::BTreeMap;

use entrant::adapters::Entra;
use entrant::graph::GraphClass;
use entrant::model::{Class, Completeness, ElementChange, Name, ObjectId, Operation, Refused};
use entrant::secret::Secret;
use entrant::sim::{Activity, Fault, Sim};
use entrant::store::{Lookup, Query, Source, SourceExt, Target};
use entrant::testing::{Sample, target_suite};
use entrant::{ErrorKind, Record, Result, Value};
use serde_json::json;
use std::time::Duration;

use super::{attributes, clock, entra, tenant, write, write_one};

type Changes<'a> = &'a [(&'a str, &'a [&'a str], &'a [&'a str])];

/// Gives and takes elements, by attribute.
fn elements(id: ObjectId, changes: Changes<'_>) -> Operation {
    let values = |ids: &[&str]| ids.iter().map(|id| Value::from(*id)).collect::<Vec<_>>();
    let changes =
        changes.iter().map(|(name, add, remove)| (Name::from(*name), ElementChange::new(values(add), values(remove))));
    Operation::Elements { id, changes: changes.collect() }
}

async fn refused(entra: &Entra, operation: Operation) -> Result<Vec<Refused>> {
    write(entra, vec![operation]).await.remove(0).map(|written| written.refused)
}

async fn read_one(entra: &Entra, id: &str) -> Record {
    match entra.get(&[ObjectId::group(id)]).await.expect("it works").remove(0) {
        Lookup::One(record) => record,
        other => panic!("{other:?} for {id}"),
    }
}

fn texts(record: &Record, name: &str) -> Vec<String> {
    let value = record.get(name).unwrap_or_else(|| panic!("{name} was not read"));
    value.as_slice().iter().filter_map(Value::as_text).map(str::to_owned).collect()
}

fn sorted<I: AsRef<str>>(ids: impl IntoIterator<Item = I>) -> Vec<String> {
    let mut ids: Vec<_> = ids.into_iter().map(|id| id.as_ref().to_owned()).collect();
    ids.sort();
    ids
}

fn people(sim: &Sim, count: usize) -> Vec<String> {
    let add = |number| sim.add_user(json!({"userPrincipalName": format!("p{number}@contoso.com")}));
    (0..count).map(add).collect()
}

fn refs(ids: &[String]) -> Vec<&str> {
    ids.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn groups_keep_the_contract_of_a_target() {
    let (_sim, entra) = tenant().await;
    let people = Sample::new(Class::USER, "jobTitle", |number| {
        let attributes = attributes(&[
            ("displayName", format!("Person {number}").into()),
            ("mailNickname", format!("p{number}").into()),
            ("userPrincipalName", format!("p{number}@contoso.com").into()),
        ]);
        (attributes, BTreeMap::from([("password".into(), Secret::new("Ge-heim-1234"))]))
    });
    let sample = Sample::new(Class::GROUP, "description", |number| {
        let attributes = attributes(&[
            ("displayName", format!("O'Neil's {number}").into()),
            ("mailNickname", format!("o'neil{number}").into()),
            ("uniqueName", format!("key'{number}").into()),
            ("visibility", "Private".into()),
        ]);
        (attributes, BTreeMap::new())
    });
    let sample = sample.with_reference_to("members", people).with_reference("memberGroups");
    target_suite(&entra, &sample).await.expect("it keeps the contract");
}

#[tokio::test]
async fn groups_of_each_kind_are_made() {
    let clock = clock();
    let sim = Sim::builder().permission("RoleManagement.ReadWrite.Directory").clock(clock.clone()).build();
    let entra = entra(&sim, &clock).await;
    let create = |name: &str, more: &[(&str, Value)]| {
        let mut attributes = attributes(more);
        attributes.insert("displayName".into(), name.into());
        attributes.insert("mailNickname".into(), name.into());
        Operation::Create { class: Class::GROUP, attributes, secrets: BTreeMap::new() }
    };
    let rule = ("membershipRule", Value::from("user.department -eq \"Sales\""));
    let created = write(
        &entra,
        vec![
            create("security", &[]),
            create("unified", &[("groupTypes", "Unified".into())]),
            create("dynamic", &[("groupTypes", Value::list(["DynamicMembership".into()])), rule]),
            create("roles", &[("isAssignableToRole", true.into())]),
            create("mail", &[("mailEnabled", true.into())]),
        ],
    )
    .await;
    let kinds: Vec<_> = created
        .iter()
        .map(|answer| {
            let group = sim.group(&answer.as_ref().ok()?.id.id)?;
            Some(json!([group["groupTypes"], group["mailEnabled"], group["securityEnabled"]]))
        })
        .collect();
    assert_eq!(
        kinds,
        [
            Some(json!([[], false, true])),
            Some(json!([["Unified"], true, false])),
            Some(json!([["DynamicMembership"], false, true])),
            Some(json!([[], false, true])),
            None
        ]
    );
    let error = created[4].as_ref().expect_err("Graph makes no distribution lists");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(sim.group("dynamic").expect("there")["membershipRuleProcessingState"], "On");
}

#[tokio::test]
async fn members_are_read_in_batches_and_only_if_asked_for() {
    let (sim, entra) = tenant().await;
    let people = people(&sim, 30);
    sim.add_group(json!({"displayName": "outer", "members": refs(&people[..3]), "owners": [people[4]]}));
    let inner = sim.add_group(json!({"displayName": "inner"}));
    sim.add_member("outer", &inner);
    for number in 0..998 {
        sim.add_group(json!({"displayName": format!("g{number}"), "members": [people[number % 30]]}));
    }
    let before = sim.requests();
    let names = Query::all(Class::GROUP).with_select([Name::from("displayName")]);
    let (groups, completeness) = entra.collect(&names).await;
    assert_eq!((groups.len(), completeness), (1_000, Completeness::Complete));
    assert!(groups.iter().all(|group| group.get("members").is_none()));
    assert_eq!((sim.requests().batch_posts, sim.requests().others), (before.batch_posts, before.others + 2));

    let before = sim.requests();
    let members = Query::all(Class::GROUP).with_select([Name::from("displayName"), Name::from("members")]);
    let (groups, completeness) = entra.collect(&members).await;
    assert_eq!((groups.len(), completeness), (1_000, Completeness::Complete));
    assert_eq!(sim.requests().others - before.others, 2, "pages of 999");
    assert_eq!(sim.requests().batch_posts - before.batch_posts, 51, "1,000 lists, 20 at a time, page by page");
    let outer = groups.iter().find(|group| group.get("displayName") == Some(&"outer".into())).expect("it is there");
    assert_eq!(texts(outer, "members"), sorted(&people[..3]));
    assert_eq!(texts(outer, "memberGroups"), [inner.as_str()]);
    assert_eq!(outer.get("owners"), None, "nobody asked");
    assert!(groups.iter().all(|group| group.partial.is_empty()));

    let outer = read_one(&entra, &outer.id.id).await;
    assert_eq!(texts(&outer, "owners"), [people[4].as_str()]);
    assert_eq!(texts(&outer, "members").len(), 3, "by id all is read");
    let found = entra.find(&Class::GROUP, &"displayName".into(), &["OUTER".into(), "outer".into()]).await;
    let found = found.expect("it works");
    assert_eq!((found.len(), texts(&found[0], "memberGroups").len()), (1, 1));
}

#[tokio::test]
async fn a_list_of_members_that_breaks_off_is_partial() {
    let (sim, entra) = tenant().await;
    let people = people(&sim, 2_100);
    let large = sim.add_group(json!({"displayName": "large", "members": refs(&people)}));
    let small = sim.add_group(json!({"displayName": "small", "members": refs(&people[..2]), "owners": [people[0]]}));
    let group = read_one(&entra, &large).await;
    assert_eq!(texts(&group, "members"), sorted(&people));
    assert!(group.partial.is_empty());

    sim.fail(Fault::on("GET", "/v1.0/groups").containing("$skiptoken").after(1).status(400).always());
    let group = read_one(&entra, &large).await;
    assert_eq!(texts(&group, "members").len(), 1_998, "two pages of 999");
    assert!(group.partial["members"].contains("broke off after page 2"), "{:?}", group.partial);
    assert!(!group.partial.contains_key("owners"));

    sim.clear_faults();
    sim.fail(Fault::on("GET", format!("/v1.0/groups/{small}/members")).status(403).always());
    let select = ["members", "owners"].map(Name::from);
    let (groups, completeness) = entra.collect(&Query::all(Class::GROUP).with_select(select)).await;
    assert_eq!(completeness, Completeness::Complete, "the groups themselves were all read");
    for group in &groups {
        let is_small = *group.id.id == *small;
        let partial: Vec<_> = group.partial.keys().map(|name| name.as_str()).collect();
        assert_eq!(partial, if is_small { vec!["memberGroups", "members"] } else { Vec::new() });
        assert_eq!(texts(group, "owners").len(), usize::from(is_small));
    }
}

#[tokio::test]
async fn a_thousand_members_go_in_five_batches() {
    let (sim, entra) = tenant().await;
    let people = people(&sim, 1_000);
    let groups: Vec<_> = (0..10).map(|number| sim.add_group(json!({"displayName": format!("g{number}")}))).collect();
    let before = sim.requests();
    let change =
        |(group, people): (&String, &[String])| elements(ObjectId::group(&**group), &[("members", &refs(people), &[])]);
    let changes = groups.iter().zip(people.chunks(100)).map(change).collect();
    for answer in write(&entra, changes).await {
        assert!(answer.expect("written").refused.is_empty());
    }
    assert_eq!(sim.requests().batch_posts - before.batch_posts, 5);
    assert_eq!(sim.requests().batch_items - before.batch_items, 50);
    assert_eq!(sim.requests().others, before.others);
    let added = sim.audit().iter().filter(|entry| entry.activity == Activity::AddMember).count();
    assert_eq!(added, 1_000);
    for (group, people) in groups.iter().zip(people.chunks(100)) {
        assert_eq!(sorted(sim.members(group)), sorted(people));
    }

    let before = sim.requests();
    let gone = elements(ObjectId::group(&*groups[0]), &[("members", &[], &refs(&people[..100]))]);
    assert!(refused(&entra, gone).await.expect("written").is_empty());
    assert_eq!(sim.requests().batch_posts - before.batch_posts, 5, "20 a batch, one request each");
    assert!(sim.members(&groups[0]).is_empty());
}

#[tokio::test]
async fn one_member_that_is_refused_stops_no_other() {
    let (sim, entra) = tenant().await;
    let people = people(&sim, 45);
    let unified = sim.add_group(json!({"displayName": "unified", "groupTypes": ["Unified"], "mailEnabled": true}));
    let inner = sim.add_group(json!({"displayName": "inner"}));
    let group = sim.add_group(json!({"displayName": "group", "members": [people[0], people[1]]}));
    let nobody = "00000000-0000-4000-8000-000000000000";
    let mut add = refs(&people);
    add.insert(30, nobody);
    add.push("ada@contoso.com");
    let operation =
        elements(ObjectId::group(&*group), &[("members", &add, &[]), ("memberGroups", &[&inner, &unified], &[])]);
    let refused_ones = refused(&entra, operation.clone()).await.expect("written");
    let mut shown: Vec<_> = refused_ones
        .iter()
        .map(|refused| (refused.attribute.as_str(), refused.element.as_text().expect("an id"), refused.error.kind()))
        .collect();
    shown.sort_by_key(|row| (row.0, format!("{row:?}")));
    let mut expected = vec![
        ("memberGroups", unified.as_str(), ErrorKind::Invalid),
        ("members", nobody, ErrorKind::NotFound),
        ("members", "ada@contoso.com", ErrorKind::Invalid),
    ];
    expected.sort_by_key(|row| (row.0, format!("{row:?}")));
    assert_eq!(shown, expected);
    assert_eq!(sorted(sim.members(&group)), sorted(people.iter().chain([&inner])));

    let before = sim.audit().len();
    assert_eq!(refused(&entra, operation).await.expect("written").len(), 3, "again, and nothing else is refused");
    assert_eq!(sim.audit().len(), before, "and nothing was written");
    let gone = elements(ObjectId::group(&*group), &[("members", &[], &[&people[0], &people[0], nobody])]);
    for _ in 0..2 {
        assert!(refused(&entra, gone.clone()).await.expect("written").is_empty());
    }
    assert!(!sim.members(&group).contains(&people[0]));
}

#[tokio::test]
async fn a_group_has_an_owner_at_any_time() {
    let (sim, entra) = tenant().await;
    let people = people(&sim, 3);
    let group = sim.add_group(json!({"displayName": "group", "owners": [people[0]]}));
    let owners = |add: &[&str], remove: &[&str]| elements(ObjectId::group(&*group), &[("owners", add, remove)]);
    let swap = owners(&[&people[1]], &[&people[0]]);
    assert!(refused(&entra, swap).await.expect("written").is_empty());
    assert_eq!(sim.owners(&group), [people[1].as_str()]);

    let last = refused(&entra, owners(&[&people[1]], &[&people[2]])).await.expect("written");
    assert!(last.is_empty(), "there already, and not there: {last:?}");
    let last = refused(&entra, owners(&[], &[&people[1]])).await.expect("written");
    assert_eq!(last.len(), 1);
    assert_eq!(last[0].error.graph().map(|said| said.class()), Some(GraphClass::LastOwner));
    assert_eq!(sim.owners(&group), [people[1].as_str()]);
}

#[tokio::test]
async fn a_group_that_cannot_be_written_refuses_all() {
    let (sim, entra) = tenant().await;
    let people = people(&sim, 3);
    let kinds = [
        json!({"displayName": "mail", "mailEnabled": true}),
        json!({"displayName": "synced", "onPremisesSyncEnabled": true}),
        json!({"displayName": "dynamic", "groupTypes": ["DynamicMembership"], "membershipRule": "x"}),
    ];
    for kind in kinds {
        let group = sim.add_group(kind);
        let operation = elements(ObjectId::group(&*group), &[("members", &refs(&people), &[])]);
        let refused = refused(&entra, operation).await.expect("written");
        assert_eq!(refused.len(), 3, "{refused:?}");
        assert!(sim.members(&group).is_empty());
    }
    let nowhere = ObjectId::group("00000000-0000-4000-8000-000000000000");
    let refused_ones =
        refused(&entra, elements(nowhere.clone(), &[("members", &refs(&people), &[])])).await.expect("written");
    assert!(refused_ones.iter().all(|refused| refused.error.kind() == ErrorKind::NotFound), "{refused_ones:?}");
    let empty = elements(nowhere, &[]);
    assert!(refused(&entra, empty).await.expect("nothing to do").is_empty());
    let device = elements(ObjectId::new(Class::new("device"), "7"), &[]);
    assert_eq!(refused(&entra, device).await.expect_err("no such class").kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_lost_answer_loses_and_doubles_nothing() {
    let (sim, entra) = tenant().await;
    let people = people(&sim, 30);
    let group = sim.add_group(json!({"displayName": "group", "owners": [people[0]]}));
    sim.fail(Fault::on("POST", "/v1.0/$batch").drop_after());
    let all = elements(ObjectId::group(&*group), &[("members", &refs(&people), &[])]);
    assert!(refused(&entra, all).await.expect("written").is_empty(), "sent again, one by one, and all are in");
    assert_eq!(sorted(sim.members(&group)), sorted(&people));

    sim.fail(Fault::on("POST", format!("/v1.0/groups/{group}/owners")).in_batch().drop_after());
    let owner = elements(ObjectId::group(&*group), &[("owners", &[&people[1]], &[])]);
    assert!(refused(&entra, owner.clone()).await.expect("written").is_empty(), "who is in already is in");
    assert_eq!(sim.owners(&group).len(), 2);

    sim.fail(Fault::on("POST", "/v1.0/$batch").times(9).drop_before());
    let error = refused(&entra, owner).await.expect_err("nobody knows");
    assert!(error.is_outcome_in_doubt(), "{error}");
}

#[tokio::test]
async fn what_a_lost_answer_may_have_added_is_not_taken_for_refused() {
    // Sent again one by one, none of them gets through: the service is down, or lets the application do so no more, or
    // they are not there any more, or what is said of those who are in cannot be read.
    for trouble in [
        |fault: Fault| fault.status(503),
        |fault: Fault| fault.status(403),
        |fault: Fault| fault.status(404),
        Fault::garbage_body,
    ] {
        let (sim, entra) = tenant().await;
        let people = people(&sim, 3);
        let group = sim.add_group(json!({"displayName": "group"}));
        sim.fail(Fault::on("POST", "/v1.0/$batch").drop_after());
        sim.fail(trouble(Fault::on("POST", format!("/v1.0/groups/{group}/members")).in_batch().times(100)));
        let all = elements(ObjectId::group(&*group), &[("members", &refs(&people), &[])]);
        let error = refused(&entra, all).await.expect_err("nobody knows");
        assert!(error.is_outcome_in_doubt(), "{error}");
        assert_eq!(sorted(sim.members(&group)), sorted(&people));
    }
}

#[tokio::test]
async fn what_is_not_there_to_be_taken_is_said() {
    let (sim, entra) = tenant().await;
    let people = people(&sim, 3);
    let group =
        sim.add_group(json!({"displayName": "group", "members": [people[0]], "owners": [people[0], people[1]]}));
    let taken: &[&str] = &[&people[0], &people[1]];
    let all = elements(ObjectId::group(&*group), &[("members", &[], taken), ("owners", &[], &[&people[2]])]);
    let written = write(&entra, vec![all]).await.remove(0).expect("written");
    assert!(written.refused.is_empty(), "{written:?}");
    let missing = |name: &str| written.not_there.get(name).cloned().unwrap_or_default();
    assert_eq!(missing("members"), [Value::text(&people[1])], "who was in was taken out");
    assert_eq!(missing("owners"), [Value::text(&people[2])]);

    // A manager is taken away only if it is still he; one who has none has none.
    for (manager, wanted) in [(Some(&people[1]), &people[2]), (None, &people[1])] {
        let user = sim.add_user(json!({"userPrincipalName": format!("of-{wanted}@contoso.com")}));
        if let Some(manager) = manager {
            let sets = elements(ObjectId::user(&*user), &[("manager", &[manager], &[])]);
            assert!(refused(&entra, sets).await.expect("written").is_empty());
        }
        let takes = elements(ObjectId::user(&*user), &[("manager", &[], &[wanted])]);
        let written = write(&entra, vec![takes]).await.remove(0).expect("written");
        assert_eq!(written.not_there, BTreeMap::from([("manager".into(), vec![Value::text(wanted)])]));
    }
}

#[tokio::test]
async fn who_is_new_is_waited_for_by_the_caller() {
    let clock = clock();
    let sim = Sim::builder().domain("contoso.com").lag(Duration::from_secs(60)).clock(clock.clone()).build();
    let entra = entra(&sim, &clock).await;
    let group = sim.add_group(json!({"displayName": "group"}));
    let created = write_one(&entra, super::person("ada")).await.expect("created");
    let join = elements(ObjectId::group(&*group), &[("members", &[&*created.id], &[])]);
    let refused_ones = refused(&entra, join.clone()).await.expect("written");
    assert_eq!(refused_ones.len(), 1);
    assert_eq!(refused_ones[0].error.kind(), ErrorKind::NotFound);
    clock.advance(Duration::from_secs(61));
    assert!(refused(&entra, join).await.expect("written").is_empty());
    assert_eq!(sim.members(&group), [&*created.id]);
}

#[tokio::test]
async fn members_that_are_hidden_may_be_more_than_are_seen() {
    for permission in [None, Some("Member.Read.Hidden")] {
        let clock = clock();
        let mut sim = Sim::builder().domain("contoso.com").clock(clock.clone());
        if let Some(permission) = permission {
            sim = sim.permission(permission);
        }
        let sim = sim.build();
        let entra = entra(&sim, &clock).await;
        let people = people(&sim, 2);
        let hidden = sim.add_group(json!({
            "displayName": "hidden", "groupTypes": ["Unified"], "mailEnabled": true,
            "visibility": "HiddenMembership", "members": [people[0]], "owners": [people[1]],
        }));
        let group = read_one(&entra, &hidden).await;
        let partial: Vec<_> = group.partial.keys().map(|name| name.as_str()).collect();
        assert_eq!(partial, if permission.is_some() { vec![] } else { vec!["memberGroups", "members"] });
        assert_eq!(texts(&group, "owners"), [people[1].as_str()]);
    }
}
