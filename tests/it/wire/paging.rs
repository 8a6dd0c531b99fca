//! Lists.

use entrant::ErrorKind;
use entrant::graph::{GraphClass, User};
use futures::{StreamExt, TryStreamExt};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::script::{Reply, Script, client};

fn page(ids: &[&str], next: Option<&str>) -> Json {
    let items: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
    match next {
        Some(next) => json!({"value": items, "@odata.nextLink": next}),
        None => json!({"value": items}),
    }
}

const NEXT: &str = "https://graph.example/v1.0/users?$skiptoken=";

fn walk(pages: Vec<Json>) -> Script {
    Script::new(move |number, _| match pages.get(number) {
        Some(page) => Reply::json(200, page),
        None => Reply::json(404, "{}"),
    })
}

#[tokio::test]
async fn a_list_is_walked_to_its_end() {
    let script = walk(vec![
        json!({"value": [{"id": "1"}, {"id": "2"}], "@odata.count": 4, "@odata.nextLink": format!("{NEXT}a%2Bb")}),
        page(&[], Some(&format!("{NEXT}c"))),
        page(&["3", "4"], None),
    ]);
    let list = client(&script).users().list().select(["id"]).filter("city eq 'A&B'").advanced();
    let pages: Vec<_> = list.pages().try_collect().await.expect("all pages");
    assert_eq!(pages.iter().map(|page| page.items.len()).collect::<Vec<_>>(), [2, 0, 2]);
    assert_eq!(pages[0].count, Some(4));
    assert_eq!(
        script.addresses(),
        [
            "https://graph.example/v1.0/users?$select=id&$filter=city%20eq%20%27A%26B%27&$count=true&$top=999",
            "https://graph.example/v1.0/users?$skiptoken=a%2Bb",
            "https://graph.example/v1.0/users?$skiptoken=c",
        ]
    );
    assert!(script.seen().iter().all(|request| request.headers()["consistencylevel"] == "eventual"));
}

#[tokio::test]
async fn items_are_read_as_asked_for() {
    #[derive(Deserialize)]
    struct OnlyId {
        id: String,
    }
    let script = walk(vec![page(&["1"], Some(&format!("{NEXT}a"))), page(&["2"], None)]);
    let items = client(&script).users().list().top(1).items_as::<OnlyId>().items();
    let ids: Vec<_> = items.map_ok(|item| item.id).try_collect().await.expect("all items");
    assert_eq!(ids, ["1", "2"]);
    assert!(script.addresses()[0].ends_with("?$top=1"));
}

#[tokio::test]
async fn links_elsewhere_and_circles_end_in_an_error() {
    let table = [
        "https://evil.example/v1.0/users?$skiptoken=a",
        "http://graph.example/v1.0/users?$skiptoken=a",
        "https://graph.example:444/v1.0/users",
        "https://graph.example@evil.example/v1.0/users",
        "https://user@graph.example/v1.0/users",
        "https://graph.example.evil.example/",
        "/v1.0/users?$skiptoken=a",
        "users",
        "",
        "javascript:alert(1)",
        // The first page again.
        "https://graph.example/v1.0/users?$top=999",
    ];
    for link in table {
        let script = walk(vec![page(&["1"], Some(link)), page(&["2"], None)]);
        let mut items = client(&script).users().list().items();
        let error = loop {
            match items.try_next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the list does not end well: {link}"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::Protocol, "{link}");
        assert!(items.next().await.is_none(), "nothing comes after the error");
        assert_eq!(script.count(), 1, "{link}");
    }
}

#[tokio::test]
async fn a_list_that_never_ends_is_given_up() {
    let script = Script::new(|number, _| Reply::json(200, page(&[], Some(&format!("{NEXT}{number}")))));
    let outcome: Result<Vec<User>, _> = client(&script).users().list().items().try_collect().await;
    assert_eq!(outcome.expect_err("no end").kind(), ErrorKind::Protocol);
    assert_eq!(script.count(), 1_000);
    let circle = Script::new(|number, _| Reply::json(200, page(&["1"], Some(&format!("{NEXT}{}", number % 3)))));
    let outcome: Result<Vec<User>, _> = client(&circle).users().list().items().try_collect().await;
    assert_eq!(outcome.expect_err("a circle").kind(), ErrorKind::Protocol);
    assert_eq!(circle.count(), 4);
}

#[tokio::test]
async fn a_listing_that_breaks_is_not_begun_again() {
    let expired = json!({"error": {"code": "Directory_ExpiredPageToken", "message": "too late"}});
    let script = Script::new(move |number, _| match number {
        0 => Reply::json(200, page(&["1"], Some(&format!("{NEXT}a")))),
        1 => Reply::Lost,
        2 => Reply::json(200, page(&["2"], Some(&format!("{NEXT}b")))),
        _ => Reply::json(400, &expired),
    });
    let mut items = client(&script).users().list().items();
    assert!(items.try_next().await.expect("first").is_some());
    assert!(items.try_next().await.expect("a lost page is read again").is_some());
    let error = items.try_next().await.expect_err("the token has expired");
    assert_eq!(error.graph().expect("Graph said so").class(), GraphClass::ExpiredPageToken);
    assert!(items.next().await.is_none());
    assert_eq!(script.count(), 4);
}

#[tokio::test]
async fn pages_of_the_wrong_shape_are_errors() {
    for body in
        ["", "{}", "[]", r#"{"value":{}}"#, r#"{"value":[1]}"#, r#"{"value":[],"@odata.nextLink":7}"#, "{\"value\":["]
    {
        let script = Script::new(move |_, _| Reply::json(200, body));
        let outcome: Result<Vec<User>, _> = client(&script).users().list().items().try_collect().await;
        assert_eq!(outcome.expect_err("no page").kind(), ErrorKind::Protocol, "{body}");
    }
}
