//! What changed in a tenant since last time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entrant::adapters::Entra;
use entrant::clock::ManualClock;
use entrant::http::Transport;
use entrant::model::{Class, Completeness, Name, ObjectId, Operation};
use entrant::sim::{DeltaQuirks, Fault, Reads, Sim, SimBuilder, Sku};
use entrant::store::{Cursor, Query, Read, Source};
use entrant::{Error, ErrorKind, Record, Result, Value};
use futures::StreamExt;
use http::{Request, Response};
use serde_json::{Value as Json, json};

use super::{clock, connection, person, update, write_one};

/// The answer to a request for changes, by how many of them came before.
type Answering = dyn Fn(usize) -> (u16, Json) + Send + Sync;

/// A network that notes where requests go, batched ones too, and may answer those for changes itself.
#[derive(Clone)]
struct Wire {
    inner: Arc<dyn Transport>,
    seen: Arc<Mutex<Vec<String>>>,
    answer: Option<Arc<Answering>>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    fn of(sim: &Sim) -> Self {
        Self { inner: sim.transport(), seen: Arc::default(), answer: None }
    }

    fn answering(self, answer: impl Fn(usize) -> (u16, Json) + Send + Sync + 'static) -> Self {
        Self { answer: Some(Arc::new(answer)), ..self }
    }

    /// What was asked since last time, without the host and with tokens cut.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().expect("no test panics with it"))
    }
}

#[async_trait]
impl Transport for Wire {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        let number = {
            let mut seen = self.seen.lock().expect("no test panics with it");
            let number = seen.iter().filter(|path| path.starts_with("/users/delta")).count();
            if path.ends_with("/$batch") {
                let body: Json = serde_json::from_slice(request.body()).expect("JSON");
                let urls = body["requests"].as_array().expect("a list").iter();
                seen.extend(urls.map(|one| one["url"].as_str().expect("an address").to_owned()));
            } else if let Some(path) = path.strip_prefix("/v1.0") {
                seen.push(match path.split_once("token=") {
                    Some((start, token)) if token != "latest" => format!("{start}token=…"),
                    _ => path.to_owned(),
                });
            }
            number
        };
        match &self.answer {
            Some(answer) if path.starts_with("/v1.0/users/delta") => {
                let (status, body) = answer(number);
                Ok(Response::builder().status(status).body(body.to_string().into()).expect("an answer"))
            }
            _ => self.inner.send(request).await,
        }
    }
}

async fn entra_over(sim: &Sim, clock: &ManualClock, wire: impl Transport) -> Entra {
    let connection = connection(sim).build().expect("complete");
    Entra::builder(connection).transport(wire).clock(clock.clone()).connect().await.expect("the check passes")
}

async fn tenant_of(builder: SimBuilder) -> (Sim, Entra, Wire, ManualClock) {
    let clock = clock();
    let sim = builder.domain("contoso.com").clock(clock.clone()).build();
    let wire = Wire::of(&sim);
    let entra = entra_over(&sim, &clock, wire.clone()).await;
    wire.take();
    (sim, entra, wire, clock)
}

fn select(class: Class, names: &[&'static str]) -> Query {
    Query::all(class).with_select(names.iter().map(|name| Name::from_static(name)))
}

fn users(names: &[&'static str]) -> Query {
    select(Class::USER, names)
}

/// What a read yields: the last word on each object, and its end.
#[derive(Debug)]
struct Told {
    objects: BTreeMap<String, Option<Record>>,
    completeness: Completeness,
    cursor: Option<Cursor>,
}

impl Told {
    fn cursor(&self) -> Cursor {
        assert!(self.completeness.is_complete(), "{:?}", self.completeness);
        self.cursor.clone().expect("a complete read of changes has a cursor")
    }

    fn ids(&self) -> Vec<&str> {
        self.objects.keys().map(String::as_str).collect()
    }

    fn record(&self, id: &str) -> &Record {
        self.objects[id].as_ref().unwrap_or_else(|| panic!("{id} is gone"))
    }

    fn text(&self, id: &str, name: &str) -> Option<&str> {
        self.record(id).get(name).unwrap_or_else(|| panic!("{name} was not read")).as_text()
    }

    fn texts(&self, id: &str, name: &str) -> BTreeSet<&str> {
        let value = self.record(id).get(name).unwrap_or_else(|| panic!("{name} was not read"));
        value.as_slice().iter().filter_map(Value::as_text).collect()
    }
}

async fn read(entra: &Entra, query: &Query) -> Result<Told> {
    let mut told = Told { objects: BTreeMap::new(), completeness: Completeness::Complete, cursor: None };
    let mut ended = false;
    let mut steps = entra.read(query);
    while let Some(step) = steps.next().await {
        assert!(!ended, "{step:?} after the end");
        match step? {
            Read::Record(record) => drop(told.objects.insert(record.id.id.to_string(), Some(record))),
            Read::Deleted(id) => drop(told.objects.insert(id.id.to_string(), None)),
            Read::End { completeness, cursor } => {
                ended = true;
                (told.completeness, told.cursor) = (completeness, cursor);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(ended, "it ends with an end");
    Ok(told)
}

async fn begin(entra: &Entra, query: &Query) -> Cursor {
    read(entra, &query.clone().with_cursor()).await.expect("it is read").cursor()
}

async fn since(entra: &Entra, query: &Query, cursor: &Cursor) -> Told {
    read(entra, &query.clone().with_since(cursor.clone())).await.expect("changes are read")
}

async fn expired(entra: &Entra, query: Query) -> Error {
    let error = read(entra, &query).await.expect_err("no longer good");
    assert_eq!(error.kind(), ErrorKind::CursorExpired, "{error}");
    error
}

#[tokio::test]
async fn a_cursor_costs_one_request_and_only_where_it_is_wanted() {
    let (sim, entra, wire, _) = tenant_of(Sim::builder().users(3)).await;
    let query = users(&["displayName", "manager", "skuId"]);
    let list = "/users?$select=id,displayName,licenseAssignmentStates&$expand=manager($select=id)&$top=999";
    let list = list.replace("id,displayName", "displayName,id");
    assert_eq!(read(&entra, &query).await.expect("it is read").cursor, None);
    assert_eq!(decoded(wire.take()), std::slice::from_ref(&list));
    let cursor = begin(&entra, &query).await;
    let latest = "/users/delta?$select=assignedLicenses,displayName,id,manager&$deltatoken=latest";
    assert_eq!(decoded(wire.take()), [latest.to_owned(), list]);

    let id = sim.add_user(json!({"userPrincipalName": "ada@contoso.com"}));
    let told = since(&entra, &query, &cursor).await;
    assert_eq!(told.ids(), [&id]);
    let one = format!("/users/{id}?$select=displayName,id,licenseAssignmentStates&$expand=manager($select=id)");
    assert_eq!(decoded(wire.take()), ["/users/delta?$deltatoken=…".to_owned(), one]);
    assert!(since(&entra, &query, &told.cursor()).await.objects.is_empty());
    assert_eq!(decoded(wire.take()), ["/users/delta?$deltatoken=…"], "nothing to be read again");

    begin(&entra, &select(Class::GROUP, &["displayName", "memberGroups", "owners"])).await;
    let seen = decoded(wire.take());
    assert_eq!(seen[0], "/groups/delta?$select=displayName,id,members,owners,visibility&$deltatoken=latest");
}

fn decoded(paths: Vec<String>) -> Vec<String> {
    paths
        .iter()
        .map(|path| {
            path.replace("%24", "$").replace("%2C", ",").replace("%28", "(").replace("%29", ")").replace("%3D", "=")
        })
        .collect()
}

#[tokio::test]
async fn what_changes_while_the_list_is_read_is_told() {
    let (sim, entra, _, _) = tenant_of(Sim::builder().users(25).page_size(10)).await;
    let query = users(&["displayName"]);
    let all: Vec<String> = sim.users().iter().map(|user| user["id"].as_str().expect("an id").to_owned()).collect();
    let whole = query.clone().with_cursor();
    let mut steps = entra.read(&whole);
    let Some(Ok(Read::Record(first))) = steps.next().await else { panic!("a record first") };
    sim.update_user(&first.id.id, json!({"displayName": "Changed"}));
    sim.delete_user(&all[20]);
    let new = sim.add_user(json!({"userPrincipalName": "new@contoso.com"}));
    let mut cursor = None;
    while let Some(step) = steps.next().await {
        if let Read::End { completeness, cursor: end } = step.expect("it is read") {
            assert!(completeness.is_complete());
            cursor = end;
        }
    }
    let cursor = cursor.expect("it was asked for");
    let told = since(&entra, &query, &cursor).await;
    let expected: BTreeSet<&str> = [&*first.id.id, all[20].as_str(), new.as_str()].into();
    assert_eq!(told.ids().into_iter().collect::<BTreeSet<_>>(), expected);
    assert_eq!(told.text(&first.id.id, "displayName"), Some("Changed"));
    assert_eq!(told.objects[&all[20]], None);
    // The same again, for a run that died may have read it.
    assert_eq!(since(&entra, &query, &cursor).await.objects, told.objects);
}

#[tokio::test]
async fn what_changed_is_read_whole() {
    let (sim, entra, _, _) = tenant_of(Sim::builder().users(10).standard_skus(9)).await;
    let names =
        ["displayName", "surname", "jobTitle", "accountEnabled", "manager", "skuId", "employeeOrgData.division"];
    let query = users(&names);
    let all = sim.users();
    let id = |at: usize| all[at]["id"].as_str().expect("an id");
    let cursor = begin(&entra, &query).await;

    write_one(&entra, update(id(0), &[("jobTitle", "Baker".into())])).await.expect("written");
    write_one(&entra, update(id(1), &[("accountEnabled", false.into())])).await.expect("written");
    write_one(&entra, update(id(2), &[("city", "Leeds".into())])).await.expect("written");
    write_one(&entra, Operation::Delete { id: ObjectId::user(id(3)) }).await.expect("deleted");
    write_one(&entra, Operation::Delete { id: ObjectId::user(id(4)) }).await.expect("deleted");
    write_one(&entra, Operation::Restore { id: ObjectId::user(id(4)) }).await.expect("restored");
    write_one(&entra, Operation::Delete { id: ObjectId::user(id(5)) }).await.expect("deleted");
    entra.graph().deleted_items().purge(id(5)).await.expect("purged");
    sim.set_manager(id(6), Some(id(0)));
    sim.update_user(id(7), json!({"usageLocation": "DE"}));
    sim.assign_license(id(7), &Sku::office_e3(0).sku_id());
    let new = write_one(&entra, person("neu")).await.expect("made").id;

    let told = since(&entra, &query, &cursor).await;
    let mut expected = vec![id(0), id(1), id(3), id(4), id(5), id(6), id(7), &new];
    expected.sort_unstable();
    assert_eq!(told.ids(), expected);
    for gone in [id(3), id(5)] {
        assert_eq!(told.objects[gone], None, "{gone}");
    }
    for (id, record) in told.objects.iter().filter_map(|(id, record)| Some((id, record.as_ref()?))) {
        for name in names {
            assert!(record.get(name).is_some(), "{name} of {id}");
        }
    }
    assert_eq!(told.text(id(0), "surname"), all[0]["surname"].as_str(), "not only what changed");
    assert_eq!(told.record(id(1)).get("accountEnabled"), Some(&false.into()));
    assert_eq!(told.text(id(6), "manager"), Some(id(0)));
    assert_eq!(told.record(id(7)).get("skuId").map(|value| value.as_slice().len()), Some(1));
    sim.set_manager(id(6), None);
    let then = since(&entra, &query, &told.cursor()).await;
    assert_eq!((then.ids(), then.record(id(6)).get("manager")), (vec![id(6)], Some(&Value::Null)));
    assert!(since(&entra, &query, &then.cursor()).await.objects.is_empty());
}

#[tokio::test]
async fn a_filter_hides_no_change() {
    let (sim, entra, _, _) = tenant_of(Sim::builder()).await;
    let ada = sim.add_user(json!({"userPrincipalName": "ada@contoso.com", "department": "Sales"}));
    let query = users(&["displayName"]).with_filter(entrant::model::eq("department", "Sales"));
    let cursor = begin(&entra, &query).await;
    sim.update_user(&ada, json!({"department": "Legal", "displayName": "Ada"}));
    let told = since(&entra, &query, &cursor).await;
    assert_eq!(told.text(&ada, "department"), Some("Legal"), "with what the filter looks at");
}

#[tokio::test]
async fn groups_change_by_their_members_and_owners() {
    let (sim, entra, _, _) = tenant_of(Sim::builder().users(3)).await;
    let people: Vec<String> = sim.users().iter().map(|user| user["id"].as_str().expect("an id").to_owned()).collect();
    let a = sim.add_group(json!({"displayName": "A", "members": people[..2]}));
    let b = sim.add_group(json!({"displayName": "B"}));
    let names = select(Class::GROUP, &["displayName"]);
    let whole = select(Class::GROUP, &["displayName", "members", "memberGroups", "owners"]);
    let (of_names, of_whole) = (begin(&entra, &names).await, begin(&entra, &whole).await);

    sim.remove_member(&a, &people[0]);
    sim.add_member(&a, &people[2]);
    sim.add_owner(&b, &people[1]);
    sim.add_member(&b, &a);
    let told = since(&entra, &whole, &of_whole).await;
    assert_eq!(told.ids().into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([a.as_str(), b.as_str()]));
    assert_eq!(told.texts(&a, "members"), BTreeSet::from([people[1].as_str(), people[2].as_str()]));
    assert_eq!(told.texts(&b, "owners"), BTreeSet::from([people[1].as_str()]));
    assert_eq!((told.texts(&b, "memberGroups"), told.texts(&b, "members")), ([a.as_str()].into(), BTreeSet::new()));
    assert!(since(&entra, &names, &of_names).await.objects.is_empty(), "not what is selected");

    sim.delete_group(&b);
    let then = since(&entra, &whole, &told.cursor()).await;
    assert_eq!(then.objects, BTreeMap::from([(b.clone(), None)]));
    assert_eq!(since(&entra, &names, &of_names).await.ids(), [&b]);
}

#[tokio::test]
async fn licences_that_come_another_way_are_not_told() {
    let (sim, entra, _, _) = tenant_of(Sim::builder().standard_skus(9)).await;
    let e3 = Sku::office_e3(0);
    let ada = sim.add_user(json!({"userPrincipalName": "ada@contoso.com", "usageLocation": "DE"}));
    let group = sim.add_group(json!({"displayName": "Licensed", "members": [ada]}));
    let query = users(&["skuId"]);
    let cursor = begin(&entra, &query).await;
    sim.assign_license(&ada, &e3.sku_id());
    let told = since(&entra, &query, &cursor).await;
    assert_eq!(told.ids(), [&ada]);
    sim.assign_group_license(&group, &e3.sku_id());
    let then = since(&entra, &query, &told.cursor()).await;
    assert!(then.objects.is_empty(), "as the docs say: {then:?}");
    let whole = read(&entra, &query).await.expect("it is read");
    assert_eq!(whole.record(&ada).get("skuId").map(|value| value.as_slice().len()), Some(2), "a full read sees it");
}

#[tokio::test]
async fn whoever_follows_knows_the_tenant_whatever_the_quirks() {
    let quirks = DeltaQuirks::default().with_replays(9).with_duplicates().with_empty_pages().with_max_links(2);
    for quirks in [DeltaQuirks::default(), quirks] {
        let lag = Duration::from_secs(5);
        let builder = Sim::builder().users(12).groups(3).page_size(4).delta(quirks).lag(lag);
        let (sim, entra, _, clock) = tenant_of(builder).await;
        for class in [Class::USER, Class::GROUP] {
            let query = match class == Class::USER {
                true => users(&["displayName", "jobTitle", "manager"]),
                false => select(class.clone(), &["displayName", "members", "owners"]),
            };
            let first = read(&entra, &query.clone().with_cursor()).await.expect("it is read");
            let (mut cursor, mut known) = (first.cursor(), first.objects);
            let mut binned = BTreeSet::new();
            for turn in 0..15 {
                live(&sim, &entra, turn).await;
                binned.extend(sim.deleted_users().iter().filter_map(|user| user["id"].as_str().map(Value::from)));
                clock.advance(Duration::from_secs([2, 7, 0][turn % 3]));
                let told = since(&entra, &query, &cursor).await;
                known.extend(told.objects);
                if let Some(next) = told.cursor {
                    cursor = next;
                }
            }
            clock.advance(lag);
            let told = since(&entra, &query, &cursor).await;
            told.cursor();
            known.extend(told.objects);
            let mut whole = read(&entra, &query).await.expect("it is read").objects;
            known.retain(|_, record| record.is_some());
            // That people whom others refer to went to the bin or came back is told of these people only.
            for record in known.values_mut().chain(whole.values_mut()).flatten() {
                for name in ["manager", "members", "owners"] {
                    if let Some(value) = record.get(name) {
                        let others = value.as_slice().iter().filter(|id| !binned.contains(id));
                        let others = Value::list(others.cloned());
                        record.attributes.insert(name.into(), others);
                    }
                }
            }
            assert_eq!(known, whole, "{class}");
        }
    }
}

/// One step of a tenant's life, of a kind that depends on the turn.
async fn live(sim: &Sim, entra: &Entra, turn: usize) {
    let id = |all: &[Json], at: usize| all[at % all.len()]["id"].as_str().expect("an id").to_owned();
    let (users, groups) = (sim.users(), sim.groups());
    let (user, group) = (id(&users, turn), id(&groups, turn));
    let title = Value::text(format!("T{turn}"));
    // Who was made a moment ago is not found yet.
    drop(write_one(entra, update(&user, &[("jobTitle", title)])).await);
    sim.set_manager(&user, Some(&id(&users, turn + 1)));
    sim.update_group(&group, json!({"displayName": format!("G{turn}")}));
    match sim.members(&group).first() {
        Some(member) if turn.is_multiple_of(2) => sim.remove_member(&group, member),
        _ if !sim.members(&group).contains(&user) => sim.add_member(&group, &user),
        _ => {}
    }
    match turn % 4 {
        0 => drop(write_one(entra, Operation::Delete { id: ObjectId::user(user) }).await),
        1 => {
            for gone in sim.deleted_users().iter().take(1) {
                drop(
                    write_one(entra, Operation::Restore { id: ObjectId::user(id(std::slice::from_ref(gone), 0)) })
                        .await,
                );
            }
        }
        2 => drop(
            write_one(entra, person(&format!("new{turn}x{}", users.len() + sim.deleted_users().len())))
                .await
                .expect("made"),
        ),
        _ => drop(write_one(entra, Operation::Delete { id: ObjectId::group(group) }).await),
    }
    if groups.len() < 3 {
        sim.add_group(json!({"displayName": format!("New{turn}")}));
    }
}

#[tokio::test]
async fn what_is_told_and_not_found_is_asked_for_again() {
    // Changes are known before reads by id know them.
    let builder = || Sim::builder().users(2).lag_of(Reads::Objects, Duration::from_secs(10));
    let (sim, entra, _, clock) = tenant_of(builder()).await;
    let query = users(&["displayName"]);
    let cursor = begin(&entra, &query).await;
    let new = write_one(&entra, person("neu")).await.expect("made").id;
    let told = since(&entra, &query, &cursor).await;
    assert!(told.objects.is_empty(), "neither there nor gone: {told:?}");
    let Completeness::Partial { reason } = &told.completeness else { panic!("{told:?}") };
    assert!(reason.contains(&*new) && reason.contains("told to be there"), "{reason}");
    assert_eq!(told.cursor, None, "so that it is told again");
    clock.advance(Duration::from_secs(10));
    let told = since(&entra, &query, &cursor).await;
    assert_eq!(told.text(&new, "displayName"), Some("neu"));
    let cursor = told.cursor();

    // And the other way round.
    let id = sim.users()[0]["id"].as_str().expect("an id").to_owned();
    let (removed, link) =
        (json!({"reason": "changed"}), cursor.as_str().rsplit_once(' ').expect("a link").1.to_owned());
    let page = json!({"value": [{"id": id, "@removed": removed}], "@odata.deltaLink": link});
    let wire = Wire::of(&sim).answering(move |_| (200, page.clone()));
    let told = since(&entra_over(&sim, &clock, wire).await, &query, &cursor).await;
    assert!(told.objects[&id].is_some() && told.cursor.is_none(), "nobody is gone who is found: {told:?}");
    let Completeness::Partial { reason } = &told.completeness else { panic!("{told:?}") };
    assert!(reason.contains(&id) && reason.contains("told to be gone"), "{reason}");
}

#[tokio::test]
async fn a_cursor_that_is_no_longer_good_is_said_to_be() {
    let (sim, entra, wire, clock) = tenant_of(Sim::builder().users(2)).await;
    let query = users(&["displayName"]);
    let cursor = begin(&entra, &query).await;
    let text = serde_json::to_string(&cursor).expect("text");
    let kept: Cursor = serde_json::from_str(&text).expect("a cursor");
    since(&entra, &query, &kept).await;
    assert_eq!(format!("{cursor:?}"), "Cursor(…)");
    assert!(!text.contains(&*sim.client_secret().expose().to_owned()) && !text.contains("Bearer"));

    wire.take();
    let other = sim_of_another_name(&clock).await;
    let (head, link) = cursor.as_str().rsplit_once(' ').expect("a head and a link");
    let with = |link: &str| Cursor::new(format!("{head} {link}"));
    for (entra, query, cursor) in [
        (&entra, select(Class::GROUP, &["displayName"]), cursor.clone()),
        (&entra, users(&["displayName", "surname"]), cursor.clone()),
        (&entra, Query::all(Class::USER), cursor.clone()),
        (&other, query.clone(), cursor.clone()),
        (&entra, query.clone(), with(&link.replace("sim.invalid", "evil.example"))),
        (&entra, query.clone(), with(&link.replace("/users/", "/groups/"))),
        (&entra, query.clone(), with("")),
        (&entra, query.clone(), Cursor::new(link)),
        (&entra, query.clone(), Cursor::new("")),
        (&entra, query.clone(), Cursor::new("a/../b\0 🦀")),
        (&entra, query.clone(), Cursor::new("x".repeat(1 << 20))),
    ] {
        expired(entra, query.with_since(cursor)).await;
    }
    assert_eq!(wire.take(), [""; 0], "none of them was sent anywhere");
    for link in [link.replace("token=", "token=Stale"), link.replace("/delta", "/delta()").replace("token=", "token=A")]
    {
        expired(&entra, query.clone().with_since(with(&link))).await;
    }
    let device = read(&entra, &Query::all(Class::new("device")).with_since(cursor.clone())).await;
    assert_eq!(device.expect_err("no such class").kind(), ErrorKind::Unsupported);

    sim.expire_delta_links();
    let error = expired(&entra, query.clone().with_since(cursor)).await;
    assert!(error.to_chain().contains("resyncRequired"), "{}", error.to_chain());
    let cursor = begin(&entra, &query).await;
    clock.advance(Duration::from_secs(7 * 24 * 3_600 + 1));
    expired(&entra, query.with_since(cursor)).await;
}

async fn sim_of_another_name(clock: &ManualClock) -> Entra {
    let sim = Sim::builder().seed(77).domain("fabrikam.com").clock(clock.clone()).build();
    entra_over(&sim, clock, sim.transport()).await
}

#[tokio::test]
async fn what_graph_no_longer_follows_is_expired_and_what_fails_fails() {
    #[rustfmt::skip]
    let table = [
        (410, json!({}), ErrorKind::CursorExpired),
        (400, json!({"error": {"code": "syncStateNotFound"}}), ErrorKind::CursorExpired),
        (400, json!({"error": {"code": "Request_BadRequest", "message": "Badly formed token."}}), ErrorKind::CursorExpired),
        (404, json!({"error": {"code": "Request_ResourceNotFound"}}), ErrorKind::CursorExpired),
        (403, json!({"error": {"code": "Authorization_RequestDenied"}}), ErrorKind::Forbidden),
        (200, json!({"value": []}), ErrorKind::Protocol),
        (200, json!({"value": [{"displayName": "nobody"}]}), ErrorKind::Protocol),
    ];
    let (sim, entra, _, clock) = tenant_of(Sim::builder().users(2)).await;
    let query = users(&["displayName"]);
    let cursor = begin(&entra, &query).await;
    for (status, body, expected) in table {
        let said = body.clone();
        let entra = entra_over(&sim, &clock, Wire::of(&sim).answering(move |_| (status, said.clone()))).await;
        let error = read(&entra, &query.clone().with_since(cursor.clone())).await.expect_err("no changes");
        assert_eq!(error.kind(), expected, "{status} {body}: {error}");
    }
}

#[tokio::test]
async fn more_than_is_worth_it_is_not_kept() {
    let (sim, entra, _, clock) = tenant_of(Sim::builder().users(2)).await;
    let query = users(&["displayName"]);
    let cursor = begin(&entra, &query).await;
    // A million objects, a thousand a page.
    let origin = sim.origin();
    let link = move |number: usize| format!("{origin}v1.0/users/delta?$skiptoken={number}");
    let page = move |number: usize| {
        let ids = (0..1_000).map(|at| json!({"id": format!("{number}-{at}")}));
        (200, json!({"value": ids.collect::<Vec<_>>(), "@odata.nextLink": link(number)}))
    };
    let wire = Wire::of(&sim).answering(page);
    let crowded = entra_over(&sim, &clock, wire.clone()).await;
    wire.take();
    let error = expired(&crowded, query.clone().with_since(cursor.clone())).await;
    assert!(error.to_string().contains("50000"), "{error}");
    assert_eq!(wire.take().len(), 51, "and no further");

    // The same few for ever, from page to page in a circle.
    let link = format!("{}v1.0/users/delta?$skiptoken=x", sim.origin());
    let page = move |_| (200, json!({"value": [{"id": "1"}], "@odata.nextLink": link}));
    let circling = entra_over(&sim, &clock, Wire::of(&sim).answering(page)).await;
    let error = read(&circling, &query.with_since(cursor)).await.expect_err("no end");
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
}

#[tokio::test]
async fn without_changes_all_is_read_all_the_same() {
    let (sim, entra, _, _) = tenant_of(Sim::builder().users(3)).await;
    let query = users(&["displayName"]).with_cursor();
    sim.fail(Fault::on("GET", "/v1.0/users/delta").status(400).always());
    let told = read(&entra, &query).await.expect("it is read");
    assert_eq!((told.objects.len(), told.completeness.is_complete(), told.cursor), (3, true, None));
    sim.clear_faults();
    sim.fail(Fault::on("GET", "/v1.0/users/delta").garbage_body().always());
    assert_eq!(read(&entra, &query).await.expect("it is read").cursor, None);
}

#[tokio::test]
async fn a_group_whose_members_broke_off_is_read_again() {
    let (sim, entra, _, _) = tenant_of(Sim::builder().users(3)).await;
    let people: Vec<String> = sim.users().iter().map(|user| user["id"].as_str().expect("an id").to_owned()).collect();
    let group = sim.add_group(json!({"displayName": "A", "members": people[..2]}));
    let query = select(Class::GROUP, &["displayName", "members"]);
    let cursor = begin(&entra, &query).await;
    sim.add_member(&group, &people[2]);
    sim.fail(Fault::on("GET", format!("/v1.0/groups/{group}/members")).status(503).always());
    let told = since(&entra, &query, &cursor).await;
    assert!(!told.record(&group).partial.is_empty() && told.cursor.is_none(), "{told:?}");
    let whole = read(&entra, &query.clone().with_cursor()).await.expect("it is read");
    assert_eq!((whole.completeness.is_complete(), whole.cursor), (true, None), "nothing would tell of them");
    sim.clear_faults();
    assert_eq!(since(&entra, &query, &cursor).await.texts(&group, "members").len(), 3);
}

#[tokio::test]
async fn objects_that_cannot_be_read_again_leave_the_cursor_where_it_is() {
    let (sim, entra, _, _) = tenant_of(Sim::builder().users(3)).await;
    let query = users(&["displayName"]);
    let cursor = begin(&entra, &query).await;
    let id = sim.add_user(json!({"userPrincipalName": "ada@contoso.com"}));
    sim.fail(Fault::on("GET", format!("/v1.0/users/{id}")).status(503).always());
    let error = read(&entra, &query.clone().with_since(cursor.clone())).await.expect_err("it cannot be read");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    sim.clear_faults();
    assert_eq!(since(&entra, &query, &cursor).await.ids(), [&id]);
}
