//! Lists by conditions.

use entrant::ErrorKind;
use entrant::auth::{ClientId, ClientSecret, TenantId};
use entrant::clock::ManualClock;
use entrant::graph::{GraphClient, Query, User};
use entrant::odata::{Condition, property};
use entrant::sim::Sim;
use futures::TryStreamExt;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use time::macros::datetime;

use super::script::{Reply, Script, client};

fn empty() -> Script {
    Script::new(|_, request| match request.uri().path().ends_with("/$count") {
        true => Reply::Answer(200, vec![("content-type", "text/plain".to_owned())], "\u{feff}42".to_owned()),
        false => Reply::json(200, json!({"value": []})),
    })
}

#[tokio::test]
async fn what_needs_an_advanced_query_becomes_one() {
    let users = |change: fn(Query<User>) -> Query<User>| change;
    #[rustfmt::skip]
    let table = [
        (users(|q| q), "?$top=999", false, "nothing asked"),
        (users(|q| q.select(["id", "city"]).top(5)), "?$select=id,city&$top=5", false, "select and top"),
        (users(|q| q.filter(property("city").eq("Leeds"))), "?$filter=city%20eq%20%27Leeds%27&$top=999", false, "a plain filter"),
        (users(|q| q.filter(property("city").ne("Leeds"))), "?$filter=city%20ne%20%27Leeds%27&$count=true&$top=999", true, "ne"),
        (users(|q| q.filter(property("City").is_null())), "?$filter=City%20eq%20null&$count=true&$top=999", true, "null, whatever the case"),
        (users(|q| q.filter(property("companyName").eq("x"))), "?$filter=companyName%20eq%20%27x%27&$count=true&$top=999", true, "not in the plain index"),
        (users(|q| q.filter(property("mail").ends_with("x"))), "?$filter=endswith(mail,%27x%27)&$count=true&$top=999", true, "endsWith"),
        (users(|q| q.filter(property("onPremisesExtensionAttributes/extensionAttribute3").eq("x"))), "?$filter=onPremisesExtensionAttributes/extensionAttribute3%20eq%20%27x%27&$count=true&$top=999", true, "a member"),
        (users(|q| q.filter(property("extension_0123_badge").eq("x"))), "?$filter=extension_0123_badge%20eq%20%27x%27&$top=999", false, "an extension"),
        (users(|q| q.filter(property("assignedLicenses").is_empty())), "?$filter=assignedLicenses/%24count%20eq%200&$count=true&$top=999", true, "a count of a collection"),
        (users(|q| q.order_by("displayName")), "?$orderby=displayName&$top=999", false, "an order"),
        (users(|q| q.order_by_descending("displayname").filter(property("city").eq("x"))), "?$filter=city%20eq%20%27x%27&$orderby=displayName%20desc&$count=true&$top=999", true, "an order beside a filter"),
        (users(|q| q.search("displayName", "wa").search("mail", "a\"\\b")), "?$search=%22displayName:wa%22%20AND%20%22mail:a%5C%22%5C%5Cb%22&$count=true&$top=999", true, "a search"),
        (users(|q| q.counted()), "?$count=true&$top=999", true, "a count"),
        (users(|q| q.expand("manager($select=id)").filter(property("city").eq("x"))), "?$filter=city%20eq%20%27x%27&$expand=manager(%24select%3Did)&$top=999", false, "an expansion"),
        (users(|q| q.filter(property("city").eq("a").or(property("city").eq("b"))).filter(property("state").eq("c"))), "?$filter=(city%20eq%20%27a%27%20or%20city%20eq%20%27b%27)%20and%20state%20eq%20%27c%27&$top=999", false, "two filters"),
        (users(|q| q.filter(property("identities").eq("x"))), "?$filter=identities%20eq%20%27x%27&$top=999", false, "never advanced"),
    ];
    for (change, expected, is_advanced, why) in table {
        let script = empty();
        let list: Vec<User> = change(client(&script).users().query()).list().items().try_collect().await.expect(why);
        assert!(list.is_empty());
        assert_eq!(script.addresses(), [format!("https://graph.example/v1.0/users{expected}")], "{why}");
        let header = script.seen()[0].headers().get("consistencylevel").cloned();
        assert_eq!(header.is_some_and(|level| level == "eventual"), is_advanced, "{why}");
    }
}

#[tokio::test]
async fn what_graph_does_not_answer_is_not_sent() {
    let users = |change: fn(Query<User>) -> Query<User>| change;
    let many: fn(Query<User>) -> Query<User> = |q| {
        let any = (0..16).map(|n| property("city").eq(n.to_string())).reduce(Condition::or);
        q.filter(any.expect("sixteen"))
    };
    #[rustfmt::skip]
    let table = [
        (users(|q| q.top(0)), "a page of none"),
        (users(|q| q.top(1_000)), "a page too large"),
        (users(|q| q.select(["skills"])), "kept elsewhere"),
        (users(|q| q.order_by("city")), "not sortable"),
        (users(|q| q.filter(property("accountEnabled").starts_with("t"))), "never"),
        (users(|q| q.filter(property("city").ends_with("x"))), "endsWith is for addresses"),
        (users(|q| q.filter(property("streetAddress").is_empty())), "no collection"),
        (users(|q| q.filter(property("city").eq(""))), "empty text"),
        (users(|q| q.filter(property("city eq 'x' or city").eq("x"))), "a name is not a place for text"),
        (users(|q| q.filter(property("preferredDataLocation").eq("NAM"))), "not filterable"),
        (users(|q| q.expand("manager").counted()), "an expansion in an advanced query"),
        (users(|q| q.expand("manager").filter(property("city").ne("x"))), "the same, by the filter"),
        (users(|q| q.expand("manager").search("displayName", "x")), "the same, by the search"),
        (users(|q| q.search("displayName", " ")), "nothing to search for"),
        (users(|q| q.search("x:y", "z")), "a name with a sign"),
        (users(|q| q.filter(property("identities").eq("x")).counted()), "never advanced"),
        (many, "too many alternatives"),
    ];
    for (change, why) in table {
        let script = empty();
        let outcome = change(client(&script).users().query()).list().items().try_collect::<Vec<User>>().await;
        assert_eq!(outcome.expect_err(why).kind(), ErrorKind::Invalid, "{why}");
        assert_eq!(script.count(), 0, "{why}");
    }
    let script = empty();
    let graph = client(&script);
    let errors = graph.groups().query().filter(property("hasMembersWithLicenseErrors").eq(true));
    errors.clone().list().items().try_collect::<Vec<_>>().await.expect("a plain query");
    assert_eq!(errors.count().await.expect_err("never advanced").kind(), ErrorKind::Invalid);
    assert_eq!(script.count(), 1);
}

#[tokio::test]
async fn objects_are_counted() {
    let script = empty();
    let query = client(&script).users().query().filter(property("city").eq("x")).search("displayName", "y");
    assert_eq!(query.count().await.expect("a number"), 42);
    let address = &script.addresses()[0];
    assert_eq!(
        address,
        "https://graph.example/v1.0/users/$count?$filter=city%20eq%20%27x%27&$search=%22displayName:y%22"
    );
    assert_eq!(script.seen()[0].headers()["consistencylevel"], "eventual");
    let wrong = Script::new(|_, _| Reply::json(200, "many"));
    assert_eq!(client(&wrong).users().query().count().await.expect_err("no number").kind(), ErrorKind::Protocol);
}

const TEXTS: [&str; 10] =
    ["Leeds", "leeds", "O'Neil", "o''", "a' or city ne '", "100%", "Zürich", "x&y=z#", "not(city)", "é😀"];

fn condition() -> impl Strategy<Value = Condition> {
    let text = || prop::sample::select(TEXTS.to_vec());
    let name = || prop::sample::select(vec!["city", "department", "jobTitle", "displayName", "surname"]);
    let leaf = prop_oneof![
        (name(), text()).prop_map(|(name, text)| property(name).eq(text)),
        (name(), text()).prop_map(|(name, text)| property(name).ne(text)),
        (name(), text(), 1usize..4).prop_map(|(name, text, length)| {
            property(name).starts_with(text.chars().take(length).collect::<String>())
        }),
        (name(), prop::collection::vec(text(), 1..5)).prop_map(|(name, texts)| property(name).is_in(texts)),
        name().prop_map(|name| property(name).is_null()),
        any::<bool>().prop_map(|value| property("accountEnabled").eq(value)),
        text().prop_map(|text| property("otherMails").has(format!("{}@x.example", text.len()))),
        (1usize..12).prop_map(|start| property("otherMails").has_start(start.to_string())),
        (1usize..12).prop_map(|start| property("otherMails").has_end(format!("{start}@x.EXAMPLE"))),
        Just(property("otherMails").is_empty()),
        ("[ -~]{1,8}", any::<bool>()).prop_map(|(text, is_start)| match is_start {
            true => property("surname").starts_with(text),
            false => property("surname").eq(text),
        }),
        (prop::sample::select(vec!["city", "department"]), text(), any::<bool>()).prop_map(|(name, text, least)| {
            if least { property(name).at_least(text) } else { property(name).at_most(text) }
        }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| left.and(right)),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| left.or(right)),
            inner.prop_map(Condition::not),
        ]
    })
}

fn person() -> impl Strategy<Value = Json> {
    let text = || prop::option::of(prop::sample::select(TEXTS.to_vec()));
    (text(), text(), text(), text(), any::<bool>(), prop::collection::vec(1usize..12, 0..3)).prop_map(
        |(city, department, title, surname, enabled, mails)| {
            let mails: std::collections::BTreeSet<_> = mails.iter().map(|n| format!("{n}@X.example")).collect();
            json!({
                "city": city, "department": department, "jobTitle": title, "surname": surname,
                "displayName": city.unwrap_or("Nobody"), "accountEnabled": enabled, "otherMails": mails,
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// What the client prints, the tenant's own parser reads the same way.
    #[test]
    fn a_printed_filter_selects_what_the_condition_selects(
        people in prop::collection::vec(person(), 1..12),
        condition in condition(),
    ) {
        let clock = ManualClock::at(datetime!(2026-01-15 09:30:00 UTC));
        let sim = Sim::builder().domain("contoso.com").clock(clock.clone()).seed(7).build();
        for (number, mut person) in people.into_iter().enumerate() {
            person["userPrincipalName"] = format!("p{number}@contoso.com").into();
            person["mailNickname"] = format!("p{number}").into();
            sim.add_user(person);
        }
        let credential = ClientSecret::new(
            TenantId::new(sim.tenant_id()).expect("a tenant"),
            ClientId::new(sim.client_id()).expect("a client"),
            sim.client_secret(),
        );
        let graph = GraphClient::builder(credential)
            .cloud(sim.cloud())
            .transport(sim.transport())
            .clock(clock)
            .build()
            .expect("a client");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let query = graph.users().query().filter(condition.clone()).select(["id"]);
        let list = query.clone().list().items();
        let found: Vec<User> = runtime.block_on(list.try_collect()).map_err(|error| {
            TestCaseError::fail(format!("{error} for {}", condition.text().unwrap_or_default()))
        })?;
        let mut found: Vec<String> = found.into_iter().filter_map(|user| Some(user.id?.as_str().to_owned())).collect();
        let users = sim.users();
        let expected = users.iter().filter(|user| condition.matches(user.as_object().expect("an object")));
        let mut expected: Vec<String> = expected.map(|user| user["id"].as_str().expect("an id").to_owned()).collect();
        found.sort();
        expected.sort();
        prop_assert_eq!(&found, &expected, "{}", condition.text().unwrap_or_default());
        let count = runtime.block_on(async { query.count().await }).expect("a count");
        prop_assert_eq!(usize::try_from(count).expect("few"), expected.len());
    }
}
