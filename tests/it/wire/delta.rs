//! Changes since last time.

use std::collections::{BTreeMap, BTreeSet};

use entrant::graph::{Delta, DeltaCursor, GraphClass, Group, Removal, User};
use entrant::{Error, ErrorKind};
use futures::{StreamExt, TryStreamExt};
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::script::{Reply, Script, client};

const NEXT: &str = "https://graph.example/v1.0/users/delta?$skiptoken=";
const LINK: &str = "https://graph.example/v1.0/users/delta?$deltatoken=";

fn walk(pages: Vec<Json>) -> Script {
    Script::new(move |number, _| match pages.get(number) {
        Some(page) => Reply::json(200, page),
        None => Reply::json(404, "{}"),
    })
}

#[tokio::test]
async fn a_round_is_walked_to_its_end_and_the_next_begins_there() {
    let script = walk(vec![
        json!({"@odata.nextLink": format!("{NEXT}a"), "value": [
            {"id": "1", "displayName": "Ada", "manager@delta": [{"@odata.type": "#microsoft.graph.user", "id": "9"}]},
            {"id": "2", "@removed": {"reason": "changed"}},
        ]}),
        json!({"@odata.nextLink": format!("{NEXT}b"), "value": []}),
        json!({"@odata.deltaLink": format!("{LINK}c"), "value": [{"id": "3", "@removed": {"reason": "deleted"}}]}),
        json!({"@odata.deltaLink": format!("{LINK}d"), "value": []}),
    ]);
    let graph = client(&script);
    let changes: Vec<Delta<User>> =
        graph.users().delta().select(["displayName", "manager"]).changes().try_collect().await.expect("a round");
    let [Delta::Record(ada), Delta::Linked { id, relation, object }, gone, purged, Delta::End(cursor)] = &changes[..]
    else {
        panic!("five changes: {changes:?}");
    };
    assert_eq!((ada.id.as_ref().map(|id| id.as_str()), ada.display_name.as_deref()), (Some("1"), Some("Ada")));
    assert!(ada.extra.is_empty(), "links are told by themselves: {:?}", ada.extra);
    assert_eq!((id.as_str(), relation.as_str(), object.id.as_str()), ("1", "manager", "9"));
    assert_eq!(*gone, Delta::Deleted { id: "2".into(), removal: Removal::Deleted });
    assert_eq!(*purged, Delta::Deleted { id: "3".into(), removal: Removal::Purged });
    let kept = serde_json::to_string(cursor).expect("text");
    let cursor: DeltaCursor = serde_json::from_str(&kept).expect("a cursor");
    let next: Vec<Delta<User>> = graph.users().delta().since(cursor).changes().try_collect().await.expect("a round");
    assert_eq!(next, [Delta::End(DeltaCursor::new(format!("{LINK}d")))]);
    assert_eq!(
        script.addresses(),
        [
            "https://graph.example/v1.0/users/delta?$select=displayName,manager".to_owned(),
            format!("{NEXT}a"),
            format!("{NEXT}b"),
            format!("{LINK}c"),
        ]
    );
}

#[tokio::test]
async fn a_slice_with_nothing_but_links_is_no_record() {
    // Whoever replaces an object by what is told of it would lose all the rest.
    let member = json!([{"@odata.type": "#microsoft.graph.user", "id": "9"}]);
    let page = json!({"@odata.deltaLink": format!("{LINK}c"), "value": [
        {"@odata.type": "#microsoft.graph.group", "id": "1", "members@delta": member},
        {"id": "2", "displayName": null, "members@delta": member},
        {"id": "3"},
    ]});
    let changes: Vec<Delta<Group>> =
        client(&walk(vec![page])).groups().delta().changes().try_collect().await.expect("a round");
    let [Delta::Linked { id, .. }, Delta::Record(second), Delta::Linked { .. }, Delta::Record(third), Delta::End(_)] =
        &changes[..]
    else {
        panic!("five changes: {changes:?}");
    };
    let ids = [&second.id, &third.id].map(|id| id.as_ref().map(|id| id.as_str()));
    assert_eq!((id.as_str(), ids), ("1", [Some("2"), Some("3")]));
}

#[tokio::test]
async fn what_a_first_round_can_be_asked() {
    let script = walk(vec![json!({"@odata.deltaLink": format!("{LINK}c"), "value": []}); 3]);
    let graph = client(&script);
    let ends = |outcome: entrant::Result<Vec<Delta<User>>>| assert_eq!(outcome.expect("a round").len(), 1);
    ends(graph.users().delta().latest().minimal().changes().try_collect().await);
    ends(graph.users().delta().only(["1", "o'2"]).changes().try_collect().await);
    assert_eq!(script.addresses()[0], "https://graph.example/v1.0/users/delta?$deltatoken=latest");
    assert_eq!(script.seen()[0].headers()["prefer"], "return=minimal");
    assert!(script.addresses()[1].ends_with("?$filter=id%20eq%20%271%27%20or%20id%20eq%20%27o%27%272%27"));
    let cursor = || DeltaCursor::new(format!("{LINK}c"));
    let refused: [_; 3] = [
        graph.users().delta().only(Vec::<String>::new()),
        graph.users().delta().only((0..51).map(|id| id.to_string())),
        graph.users().delta().select(["id"]).since(cursor()),
    ];
    for query in refused {
        let outcome: entrant::Result<Vec<Delta<User>>> = query.changes().try_collect().await;
        assert_eq!(outcome.expect_err("refused").kind(), ErrorKind::Invalid);
    }
    assert_eq!(script.count(), 2);
}

#[tokio::test]
async fn a_cursor_travels_to_its_own_place_only() {
    let table = [
        "https://evil.example/v1.0/users/delta?$deltatoken=x",
        "http://graph.example/v1.0/users/delta?$deltatoken=x",
        "https://user@graph.example/v1.0/users/delta?$deltatoken=x",
        "https://graph.example/v1.0/groups/delta?$deltatoken=x",
        "https://graph.example/v1.0/users/1?$deltatoken=x",
        "https://graph.example/v1.0/users/delta/../1?$deltatoken=x",
        "https://graph.example/v1.0/users/delta",
        "https://graph.example/users/delta?$deltatoken=x",
        "users/delta?$deltatoken=x",
        "",
    ];
    for text in table {
        let script = walk(Vec::new());
        let mut changes = client(&script).users().delta().since(DeltaCursor::new(text)).changes();
        assert_eq!(changes.try_next().await.expect_err("refused").kind(), ErrorKind::Invalid, "{text}");
        assert!(changes.next().await.is_none());
        assert_eq!(script.count(), 0, "{text}");
    }
    for text in ["users/delta", "Users/microsoft.graph.delta()", "users/delta()", "users/microsoft.graph.delta"] {
        let script = walk(vec![json!({"@odata.deltaLink": format!("{LINK}c"), "value": []})]);
        let cursor = DeltaCursor::new(format!("https://graph.example/v1.0/{text}?$deltatoken=x"));
        let count = client(&script).users().delta().since(cursor).changes().count().await;
        assert_eq!((count, script.count()), (1, 1), "{text}");
    }
}

#[tokio::test]
async fn a_cursor_that_is_no_longer_good_is_told_as_such() {
    #[rustfmt::skip]
    let table = [
        (410, json!({"error": {"code": "resyncRequired", "message": "Resync required."}}), true),
        (410, json!({}), true),
        (400, json!({"error": {"code": "syncStateNotFound"}}), true),
        (404, json!({"error": {"code": "SyncStateNotFound"}}), true),
        (400, json!({"error": {"code": "ResyncRequired"}}), true),
        (404, json!({"error": {"code": "Request_ResourceNotFound"}}), false),
        (400, json!({"error": {"code": "Request_BadRequest"}}), false),
    ];
    for (status, body, expected) in table {
        let said = body.to_string();
        let script = Script::new(move |number, _| match number {
            0 => Reply::json(200, json!({"@odata.nextLink": format!("{NEXT}a"), "value": [{"id": "1"}]})),
            _ => Reply::json(status, &said),
        });
        let mut changes = client(&script).users().delta().since(DeltaCursor::new(format!("{LINK}x"))).changes();
        assert!(matches!(changes.try_next().await, Ok(Some(Delta::Record(_)))));
        let error = changes.try_next().await.expect_err("no longer good");
        let class = error.graph().expect("Graph said so").class();
        assert_eq!(class == GraphClass::ResyncRequired, expected, "{status} {body}");
        assert_eq!(error.kind() == ErrorKind::CursorExpired, expected, "{status} {body}");
        assert!(changes.next().await.is_none(), "and no end, so that no cursor is kept");
        assert_eq!(script.count(), 2, "not begun again by itself");
    }
}

#[tokio::test]
async fn rounds_of_the_wrong_shape_are_errors() {
    let link = format!("{LINK}c");
    let table = [
        json!({"value": []}),
        json!({"value": [], "@odata.nextLink": format!("{NEXT}a"), "@odata.deltaLink": link}),
        json!({"value": [], "@odata.nextLink": "https://evil.example/v1.0/users/delta?$skiptoken=a"}),
        json!({"value": [], "@odata.deltaLink": "https://evil.example/v1.0/users/delta?$deltatoken=a"}),
        json!({"value": [], "@odata.nextLink": "https://graph.example/v1.0/users/delta"}),
        json!({"value": [{"displayName": "nobody"}], "@odata.deltaLink": link}),
        json!({"value": [{"id": ""}], "@odata.deltaLink": link}),
        json!({"value": [{"id": 7}], "@odata.deltaLink": link}),
        json!({"value": [7], "@odata.deltaLink": link}),
        json!({"value": [{"id": "1", "manager@delta": {}}], "@odata.deltaLink": link}),
        json!({"value": [{"id": "1", "manager@delta": [{"@removed": {}}]}], "@odata.deltaLink": link}),
        json!({"value": [{"id": "1", "displayName": {}}], "@odata.deltaLink": link}),
        json!([]),
    ];
    for page in table {
        let script = walk(vec![page.clone()]);
        let outcome: Result<Vec<Delta<User>>, Error> = client(&script).users().delta().changes().try_collect().await;
        assert_eq!(outcome.expect_err("no round").kind(), ErrorKind::Protocol, "{page}");
    }
    let endless =
        Script::new(|number, _| Reply::json(200, json!({"value": [], "@odata.nextLink": format!("{NEXT}{number}")})));
    let outcome: Result<Vec<Delta<User>>, Error> = client(&endless).users().delta().changes().try_collect().await;
    assert_eq!(outcome.expect_err("no end").kind(), ErrorKind::Protocol);
    assert_eq!(endless.count(), 1_000);
}

/// What a reader of changes ends up with.
#[derive(Debug, Default, Clone, PartialEq)]
struct State {
    groups: BTreeMap<String, Map<String, Json>>,
    members: BTreeMap<String, BTreeSet<String>>,
}

impl State {
    fn apply(&mut self, change: Delta<Group>) {
        match change {
            Delta::Record(group) => {
                let Json::Object(group) = serde_json::to_value(group).expect("an object") else { unreachable!() };
                let id = group["id"].as_str().expect("an id").to_owned();
                self.groups.entry(id).or_default().extend(group);
            }
            Delta::Deleted { id, .. } => {
                self.groups.remove(id.as_str());
                self.members.remove(id.as_str());
            }
            Delta::Linked { id, object, .. } => {
                self.members.entry(id.as_str().to_owned()).or_default().insert(object.id.as_str().to_owned());
            }
            Delta::Unlinked { id, object, .. } => {
                self.members.entry(id.as_str().to_owned()).or_default().remove(object.as_str());
            }
            _ => {}
        }
    }
}

/// What a group has become: gone, or with a name, and for each of some members whether it is in.
type Change = Option<(u8, BTreeMap<u8, bool>)>;

fn changes() -> impl Strategy<Value = BTreeMap<u8, Change>> {
    let change = prop_oneof![
        1 => Just(None),
        4 => (0u8..5, prop::collection::btree_map(0u8..30, any::<bool>(), 0..20)).prop_map(Some),
    ];
    prop::collection::btree_map(0u8..12, change, 0..12)
}

/// The items that tell of a change: the members of a group in slices.
fn items(id: u8, change: &Change, slice: usize) -> Vec<Json> {
    let Some((name, members)) = change else {
        return vec![json!({"id": id.to_string(), "@removed": {"reason": "changed"}})];
    };
    let links: Vec<Json> = members
        .iter()
        .map(|(member, is_in)| match is_in {
            true => json!({"@odata.type": "#microsoft.graph.user", "id": member.to_string()}),
            false => json!({"@odata.type": "#microsoft.graph.user", "id": member.to_string(), "@removed": {"reason": "deleted"}}),
        })
        .collect();
    let group = json!({"id": id.to_string(), "displayName": format!("Group {name}")});
    if links.is_empty() {
        return vec![group];
    }
    let with = |slice: &[Json]| {
        let mut group = group.clone();
        group["members@delta"] = slice.into();
        group
    };
    links.chunks(slice.max(1)).map(with).collect()
}

async fn read(pages: Vec<Vec<Json>>) -> Vec<Delta<Group>> {
    let last = pages.len();
    let script = Script::new(move |number, _| {
        let mut page = json!({"value": pages.get(number).cloned().unwrap_or_default()});
        if number + 1 < last {
            page["@odata.nextLink"] = format!("{NEXT}{number}").into();
        } else {
            page["@odata.deltaLink"] = format!("{LINK}{number}").into();
        }
        Reply::json(200, page)
    });
    client(&script).groups().delta().changes().try_collect().await.expect("a round")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// However Graph cuts a round into pages and slices, in which order, and how often it repeats itself: a reader that
    /// applies each change as it comes ends up with the same.
    #[test]
    fn in_any_order_and_repeated_changes_come_to_the_same(
        before in changes(),
        round in changes(),
        slice in 1usize..7,
        page in 1usize..7,
        order in any::<u64>(),
        repeats in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let told = |changes: &BTreeMap<u8, Change>, slice| -> Vec<Json> {
            changes.iter().flat_map(|(id, change)| items(*id, change, slice)).collect()
        };
        let mut start = State::default();
        runtime.block_on(read(vec![told(&before, 100)])).into_iter().for_each(|change| start.apply(change));
        let mut plain = start.clone();
        runtime.block_on(read(vec![told(&round, 100)])).into_iter().for_each(|change| plain.apply(change));

        let mut shuffled = told(&round, slice);
        if !shuffled.is_empty() {
            let again: Vec<_> = repeats.iter().map(|index| index.get(&shuffled).clone()).collect();
            shuffled.extend(again);
        }
        let mut random = order;
        for place in (1..shuffled.len()).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(place, usize::try_from(random >> 33).expect("31 bits") % (place + 1));
        }
        let mut pages: Vec<Vec<Json>> = shuffled.chunks(page).map(<[_]>::to_vec).collect();
        pages.insert(pages.len() / 2, Vec::new());
        let read = runtime.block_on(read(pages));
        prop_assert!(matches!(read.last(), Some(Delta::End(_))));
        prop_assert_eq!(read.iter().filter(|change| matches!(change, Delta::End(_))).count(), 1);
        let mut other = start;
        // The whole round replayed as well: the next round may begin with what this one ended with.
        read.iter().chain(&read).cloned().for_each(|change| other.apply(change));
        prop_assert_eq!(other, plain);
    }
}
