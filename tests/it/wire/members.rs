//! Adding and removing members and owners.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use entrant::ErrorKind;
use entrant::graph::{DirectoryObjectId, GraphClass};
use entrant::http::RetryPolicy;
use futures::future;
use http::Method;
use serde_json::{Value as Json, json};

use super::batch::each;
use super::script::{Reply, Script, body_of, builder, client, clock};

const GROUP: &str = "93b15b8f-474e-5b49-b513-7f3c48f8eb6a";

fn id(number: usize) -> String {
    format!("a0000000-0000-4000-8000-{number:012}")
}

fn refusal(status: u16, message: &str) -> Json {
    let code = match status {
        404 => "Request_ResourceNotFound",
        403 => "Authorization_RequestDenied",
        _ => "Request_BadRequest",
    };
    json!({"status": status, "body": {"error": {"code": code, "message": message}}})
}

fn exists(list: &str) -> Json {
    let message =
        format!("One or more added object references already exist for the following modified properties: '{list}'.");
    refusal(400, &message)
}

fn unknown(id: &str) -> Json {
    let message =
        format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present.");
    refusal(404, &message)
}

/// A group that adds all or nothing, as Graph's does, and remembers what it was asked.
#[derive(Clone, Default)]
struct Service {
    members: Arc<Mutex<BTreeSet<String>>>,
    unknown: BTreeSet<String>,
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Service {
    fn with_members(numbers: impl IntoIterator<Item = usize>) -> Self {
        let service = Self::default();
        service.members.lock().expect("fine").extend(numbers.into_iter().map(id));
        service
    }

    fn answer(&self, item: &Json) -> Json {
        let (method, url) = (item["method"].as_str().expect("a method"), item["url"].as_str().expect("a url"));
        self.asked.lock().expect("fine").push((method.to_owned(), url.to_owned()));
        let group = format!("/groups/{GROUP}");
        let tail = url.strip_prefix(&group).expect("the group");
        let mut members = self.members.lock().expect("fine");
        let (named, list): (Vec<String>, &str) = match (method, tail) {
            ("PATCH", "") => {
                let body = item["body"].as_object().expect("a body");
                assert_eq!(body.len(), 1, "nothing but the members: {body:?}");
                let references = body["members@odata.bind"].as_array().expect("a list");
                (references.iter().map(object).collect(), "members")
            }
            ("POST", "/members/$ref") => (vec![object(&item["body"]["@odata.id"])], "members"),
            ("POST", "/owners/$ref") => (vec![object(&item["body"]["@odata.id"])], "owners"),
            ("DELETE", tail) => {
                let member = tail.strip_prefix("/members/").and_then(|tail| tail.strip_suffix("/$ref"));
                let member = member.unwrap_or_else(|| panic!("{tail} would delete the object")).to_owned();
                return match members.remove(&member) {
                    true => json!({"status": 204}),
                    false => unknown(&member),
                };
            }
            other => panic!("nobody asks for {other:?}"),
        };
        assert!((1..=20).contains(&named.len()), "20 at most");
        assert_eq!(named.iter().collect::<BTreeSet<_>>().len(), named.len(), "none twice");
        if let Some(missing) = named.iter().find(|id| self.unknown.contains(*id)) {
            return unknown(missing);
        }
        if named.iter().any(|id| members.contains(id)) {
            return exists(list);
        }
        members.extend(named);
        json!({"status": 204})
    }

    fn script(&self) -> Script {
        let service = self.clone();
        Script::new(move |_, request| each(request, |item| service.answer(item)))
    }

    fn count(&self, method: &str) -> usize {
        self.asked.lock().expect("fine").iter().filter(|(own, _)| own == method).count()
    }
}

fn object(reference: &Json) -> String {
    let reference = reference.as_str().expect("text");
    reference.strip_prefix("https://graph.example/v1.0/directoryObjects/").expect("a reference").to_owned()
}

#[tokio::test]
async fn members_are_added_twenty_at_a_time_and_each_once() {
    let service = Service::default();
    let script = service.script();
    let ids = (0..45).chain(0..45).map(id).chain([id(3).to_uppercase()]);
    let failed = client(&script).groups().members(GROUP).add(ids).await;
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(service.members.lock().expect("fine").len(), 45);
    assert_eq!((service.count("PATCH"), service.count("POST"), script.count()), (3, 0, 1));
    let first = &body_of(&script.seen()[0])["requests"][2];
    assert_eq!(
        first,
        &json!({"id": "2", "method": "PATCH", "url": format!("/groups/{GROUP}"),
            "headers": {"Content-Type": "application/json"},
            "body": {"members@odata.bind": (40..45).map(|number| {
                format!("https://graph.example/v1.0/directoryObjects/{}", id(number))
            }).collect::<Vec<_>>()}})
    );
}

#[tokio::test]
async fn one_failure_stops_no_other_and_who_is_in_is_in() {
    let mut service = Service::with_members([7, 25]);
    service.unknown = BTreeSet::from([id(30)]);
    let script = service.script();
    let failed = client(&script).groups().members(GROUP).add((0..60).map(id)).await;
    let failed: BTreeMap<_, _> = failed.into_iter().collect();
    assert_eq!(failed.keys().map(DirectoryObjectId::as_str).collect::<Vec<_>>(), [id(30)]);
    let error = failed.values().next().expect("one");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(service.members.lock().expect("fine").len(), 59);
    assert_eq!((service.count("PATCH"), service.count("POST")), (3, 40), "the third twenty went through");
}

#[tokio::test]
async fn what_is_the_groups_fault_is_not_tried_for_each() {
    let group = GROUP.to_uppercase();
    let synced = "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects \
                  currently undergoing migration.";
    // What is said of 20; how many are then tried alone; the kind of what fails.
    let table = [
        (refusal(400, synced), 0, ErrorKind::Invalid),
        (refusal(400, "Cannot Update a mail-enabled security groups and or distribution list."), 0, ErrorKind::Invalid),
        (unknown(&group), 0, ErrorKind::NotFound),
        (json!({"status": 500}), 0, ErrorKind::Unavailable),
        (json!({"status": 429}), 0, ErrorKind::Throttled),
        (json!({"status": 401}), 0, ErrorKind::Unauthenticated),
        (unknown(&id(1)), 25, ErrorKind::NotFound),
        (refusal(403, "Insufficient privileges to complete the operation."), 25, ErrorKind::Forbidden),
        (
            refusal(400, "The source resource object or one of the objects being referenced don't exist."),
            25,
            ErrorKind::NotFound,
        ),
    ];
    for (answer, alone, kind) in table {
        let said = answer.clone();
        let script = Script::new(move |_, request| each(request, |_| said.clone()));
        let graph = builder(&script, &clock()).retry(RetryPolicy::never()).build().expect("a client");
        let failed = graph.groups().members(GROUP).add((0..25).map(id)).await;
        assert_eq!(failed.len(), 25, "{answer}");
        assert!(failed.iter().all(|(_, error)| error.kind() == kind), "{answer}");
        let in_doubt = answer["status"] == 500;
        assert!(failed.iter().all(|(_, error)| error.is_outcome_in_doubt() == in_doubt), "{answer}");
        let items = |request| body_of(request)["requests"].as_array().expect("a list").clone();
        let posts = script.seen().iter().flat_map(items).filter(|item| item["method"] == "POST").count();
        assert_eq!(posts, alone, "{answer}");
    }
}

#[tokio::test]
async fn owners_are_added_one_by_one() {
    let service = Service::with_members([2]);
    let script = service.script();
    let owners = client(&script).groups().owners(GROUP);
    let failed = owners.add((0..3).map(id)).await;
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!((service.count("PATCH"), service.count("POST")), (0, 3));
    let error = owners.bind(&[id(1).into()]).await.expect_err("Graph has no such request");
    assert_eq!((error.kind(), script.count()), (ErrorKind::Invalid, 1));
}

#[tokio::test]
async fn an_addition_without_an_answer_is_made_again() {
    let service = Service::default();
    let answering = service.clone();
    let script = Script::new(move |number, request| {
        let reply = each(request, |item| answering.answer(item));
        match number {
            0 => Reply::Lost,
            _ => reply,
        }
    });
    let failed = client(&script).groups().owners(GROUP).add([id(1)]).await;
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(service.count("POST"), 2, "a POST is never repeated by itself, this one does no harm");
    let lost = Script::new(|_, _| Reply::Lost);
    let graph = builder(&lost, &clock()).retry(RetryPolicy::never()).build().expect("a client");
    let failed = graph.groups().members(GROUP).add([id(1)]).await;
    assert!(failed.len() == 1 && failed[0].1.is_outcome_in_doubt());
}

#[tokio::test]
async fn a_lost_patch_that_was_carried_out_is_a_success() {
    let service = Service::default();
    let answering = service.clone();
    let script = Script::new(move |number, request| {
        let reply = each(request, |item| answering.answer(item));
        match number {
            0 => Reply::Lost,
            _ => reply,
        }
    });
    let failed = client(&script).groups().members(GROUP).add((0..20).map(id)).await;
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(service.members.lock().expect("fine").len(), 20);
}

#[tokio::test]
async fn removing_who_is_not_in_is_a_success() {
    let service = Service::with_members([1, 2]);
    let script = service.script();
    let members = client(&script).groups().members(GROUP);
    let failed = members.remove([id(1), id(2), id(2), id(3)]).await;
    assert!(failed.is_empty(), "{failed:?}");
    assert!(service.members.lock().expect("fine").is_empty());
    assert_eq!(service.count("DELETE"), 3);
}

#[tokio::test]
async fn a_removal_fails_where_nothing_proves_it() {
    let removed =
        "One or more removed object references do not exist for the following modified properties: 'members'.";
    // The answer to one removal; whether it is a failure.
    let table = [
        (json!({"status": 204}), None),
        (refusal(400, removed), None),
        (unknown(&id(1)), None),
        (unknown(GROUP), Some(ErrorKind::NotFound)),
        (json!({"status": 404, "body": "<html>"}), Some(ErrorKind::NotFound)),
        (json!({"status": 404}), Some(ErrorKind::NotFound)),
        (
            refusal(400, "The group must have at least one owner, hence this owner cannot be removed."),
            Some(ErrorKind::Invalid),
        ),
        (refusal(403, "Insufficient privileges to complete the operation."), Some(ErrorKind::Forbidden)),
    ];
    for (answer, expected) in table {
        let said = answer.clone();
        let script = Script::new(move |_, request| each(request, |_| said.clone()));
        let failed = client(&script).groups().members(GROUP).remove([id(1)]).await;
        assert_eq!(failed.first().map(|(_, error)| error.kind()), expected, "{answer}");
    }
    // The whole batch meets a 404, as from a proxy or in the directory's own words.
    for body in ["<html>".to_owned(), unknown(&id(1))["body"].to_string()] {
        let script = Script::new(move |_, _| Reply::json(404, &body));
        let failed = client(&script).groups().members(GROUP).remove([id(1)]).await;
        assert_eq!(failed.len(), 1, "nobody was removed");
    }
}

#[tokio::test]
async fn hostile_ids_are_refused_and_stop_no_other() {
    let service = Service::default();
    let script = service.script();
    let graph = client(&script);
    let long = "a".repeat(10_000);
    let hostile = [
        "",
        ".",
        "..",
        "ada@contoso.com",
        "a/../b",
        "%2F",
        "O'Neil",
        "\0",
        "😀",
        "a0000000000040008000000000000001",
        "{a0000000-0000-4000-8000-000000000001}",
        "urn:uuid:a0000000-0000-4000-8000-000000000001",
        "a0000000-0000-4000-8000-00000000000g",
        "a0000000-0000-4000-8000-000000000001/$ref",
        &long,
    ];
    let ids: Vec<String> = hostile.iter().map(|id| (*id).to_owned()).chain([id(1)]).collect();
    let members = graph.groups().members(GROUP);
    let failed = members.add(&*ids.iter().map(|id| DirectoryObjectId::new(id.as_str())).collect::<Vec<_>>()).await;
    assert_eq!(failed.len(), hostile.len());
    assert!(failed.iter().all(|(_, error)| error.kind() == ErrorKind::Invalid && error.to_string().len() < 700));
    assert_eq!(service.members.lock().expect("fine").len(), 1);
    let failed = members.remove(ids).await;
    assert_eq!(failed.len(), hostile.len());
    assert_eq!((service.count("PATCH"), service.count("POST"), service.count("DELETE")), (1, 0, 1));
    for text in hostile {
        let hostile = DirectoryObjectId::new(text);
        assert!(members.add_one(&hostile).await.is_err());
        assert!(members.remove_one(&hostile).await.is_err());
        assert!(members.bind([&hostile]).await.is_err());
        assert!(graph.reference(&hostile).is_err());
    }
    let failed = graph.groups().members("").add([id(1)]).await;
    assert_eq!(failed[0].1.kind(), ErrorKind::Invalid, "no group");
    assert_eq!(script.count(), 2);
}

#[tokio::test]
async fn the_building_blocks_are_single_requests() {
    let script = Script::new(|_, _| Reply::Answer(204, Vec::new(), String::new()));
    let graph = client(&script);
    let members = graph.groups().members(GROUP);
    let ids: Vec<DirectoryObjectId> = (0..21).map(|number| id(number).into()).collect();
    members.bind(&ids[..20]).await.expect("added");
    members.add_one(&ids[0]).await.expect("added");
    members.remove_one(&ids[0]).await.expect("removed");
    graph.groups().owners(GROUP).remove_one(&ids[0]).await.expect("removed");
    let at = format!("https://graph.example/v1.0/groups/{GROUP}");
    assert_eq!(
        script.addresses(),
        [
            at.clone(),
            format!("{at}/members/$ref"),
            format!("{at}/members/{}/$ref", id(0)),
            format!("{at}/owners/{}/$ref", id(0))
        ]
    );
    let seen = script.seen();
    assert_eq!((seen[1].method(), seen[3].method()), (&Method::POST, &Method::DELETE));
    assert_eq!(
        body_of(&seen[1]),
        json!({"@odata.id": format!("https://graph.example/v1.0/directoryObjects/{}", id(0))})
    );
    assert!(members.bind(&ids).await.is_err(), "21 are too many");
    assert!(members.bind(&[]).await.is_err(), "none");
    assert!(members.bind([&ids[0], &ids[0]]).await.is_err(), "twice");
    assert_eq!(script.count(), 4);
}

#[tokio::test]
async fn nothing_to_do_sends_nothing() {
    let script = Script::new(|_, _| Reply::json(500, "{}"));
    let members = client(&script).groups().members(GROUP);
    let nobody = || Vec::<DirectoryObjectId>::new();
    let (added, removed) = future::join(members.add(nobody()), members.remove(nobody())).await;
    assert!(added.is_empty() && removed.is_empty());
    assert_eq!(script.count(), 0);
}

#[tokio::test]
async fn a_caller_can_wait_for_replication() {
    let script = Script::new(|_, request| {
        each(request, |_| {
            refusal(400, "The source resource object or one of the objects being referenced don't exist.")
        })
    });
    let failed = client(&script).groups().members(GROUP).add([id(1)]).await;
    let class = failed[0].1.graph().expect("Graph said so").class();
    assert_eq!(class, GraphClass::ReplicationDelay);
}
