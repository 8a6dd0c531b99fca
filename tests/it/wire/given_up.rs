//! Work that is given up, wherever it was, goes on nowhere and holds up nobody.

use std::time::Duration;

use async_trait::async_trait;
use entrant::auth::{AccessToken, TokenContext, TokenCredential};
use entrant::graph::{BatchRequest, GraphClient, Invitation, LicenseChange, SkuId};
use entrant::http::Traffic;
use entrant::{Result, graph};
use futures::future::{BoxFuture, FutureExt, join};
use futures::{StreamExt, TryStreamExt};
use http::Method;
use serde_json::json;

use super::batch::each;
use super::script::{Reply, Script, clock, cloud};

/// Lets others go first before it gives a token.
#[derive(Debug)]
struct Dallying;

#[async_trait]
impl TokenCredential for Dallying {
    async fn token(&self, _: &TokenContext) -> Result<AccessToken> {
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        Ok(AccessToken::new("t0ken"))
    }
}

/// Refuses the first request, and the first of a batch, for a second; lists and rounds have two pages.
fn tenant() -> Script {
    Script::new(|number, request| {
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        if path.ends_with("/$batch") {
            return each(request, |item| match (number, item["id"].as_str()) {
                (0, Some("0")) => json!({"status": 429, "headers": {"Retry-After": "1"}}),
                _ => json!({"status": 200, "body": {"id": "1"}}),
            });
        }
        if number == 0 {
            return Reply::after(429, "1");
        }
        let link = format!("https://graph.example{path}?$skiptoken=x");
        let end = format!("https://graph.example{path}?$deltatoken=x");
        let is_first = !query.contains("skiptoken");
        let is_list = request.method() == Method::GET && !path.ends_with("/1");
        Reply::json(
            200,
            match (path.ends_with("/delta"), is_list) {
                (true, _) if is_first => json!({"value": [{"id": "1"}], "@odata.nextLink": link}),
                (true, _) => json!({"value": [{"id": "2"}], "@odata.deltaLink": end}),
                (_, true) if path.ends_with("/users") && is_first && !query.contains("mail") => {
                    json!({"value": [{"id": "1"}], "@odata.nextLink": link})
                }
                (_, true) => json!({"value": []}),
                _ => json!({"id": "1", "invitedUser": {"id": "1"}}),
            },
        )
    })
}

fn client(script: &Script) -> GraphClient {
    let builder = GraphClient::builder(Dallying).cloud(cloud()).transport(script.clone()).clock(clock());
    builder.max_batches_in_flight(2).build().expect("a client")
}

fn requests(count: usize) -> Vec<BatchRequest> {
    let method = |number| if number % 3 == 0 { Method::GET } else { Method::PATCH };
    (0..count)
        .map(|number| BatchRequest::new(method(number), format!("/users/{number}")).with_body(json!({})))
        .collect()
}

type Work = fn(GraphClient) -> BoxFuture<'static, ()>;

fn works() -> Vec<(&'static str, Work)> {
    fn ids() -> impl Iterator<Item = graph::DirectoryObjectId> {
        (0..50).map(|number| graph::DirectoryObjectId::new(format!("00000000-0000-0000-0000-{number:012}")))
    }
    fn change() -> LicenseChange {
        LicenseChange::new().assign(SkuId::new("c7df2760-2c81-4ef7-b578-5b5392b571df").expect("a GUID"))
    }
    vec![
        ("get", |graph| async move { drop(graph.users().get("1").await.expect("read")) }.boxed()),
        ("create", |graph| async move { drop(graph.users().create(&json!({})).await.expect("created")) }.boxed()),
        ("list", |graph| {
            async move {
                assert_eq!(graph.users().list().items().try_collect::<Vec<_>>().await.expect("a list").len(), 1);
            }
            .boxed()
        }),
        ("delta", |graph| {
            async move {
                assert_eq!(graph.users().delta().changes().try_collect::<Vec<_>>().await.expect("a round").len(), 3);
            }
            .boxed()
        }),
        ("batch", |graph| {
            async move {
                let outcomes: Vec<_> = graph.batch(requests(150)).collect().await;
                assert!(outcomes.len() == 150 && outcomes.iter().all(|(_, outcome)| outcome.is_ok()));
            }
            .boxed()
        }),
        ("batch in order", |graph| {
            async move {
                assert!(graph.batch_in_order(requests(30)).await.iter().all(Result::is_ok));
            }
            .boxed()
        }),
        ("members", |graph| {
            async move {
                assert!(graph.groups().members("1").add(ids()).await.is_empty());
                assert!(graph.groups().owners("1").remove(ids()).await.is_empty());
            }
            .boxed()
        }),
        ("licences", |graph| {
            async move {
                let users = graph.users();
                let (one, other) = (users.assign_license("1", &change()), users.assign_license("1", &change()));
                let both = join(one.into_future(), other.into_future()).await;
                assert!(both.0.is_ok() && both.1.is_ok());
            }
            .boxed()
        }),
        ("invitation", |graph| {
            async move {
                let invitation = Invitation::new("dana@fabrikam.com", "https://portal.contoso.com/");
                graph.users().invite(&invitation).await.expect("invited");
            }
            .boxed()
        }),
    ]
}

async fn others() {
    for _ in 0..30 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn at_every_point() {
    for (name, work) in works() {
        let mut polls = 0;
        loop {
            polls += 1;
            let script = tenant();
            let graph = client(&script);
            let mut under_way = work(graph.clone());
            let mut is_done = false;
            for _ in 0..polls {
                is_done = futures::poll!(&mut under_way).is_ready();
                if is_done {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(under_way);
            others().await;
            let sent = script.count();
            others().await;
            assert_eq!(script.count(), sent, "{name}: it goes on after {polls} polls");
            for traffic in [Traffic::Reads, Traffic::Writes] {
                assert_eq!(graph.budget(traffic).in_flight, 0.0, "{name}: {traffic:?} after {polls} polls");
            }
            let again = tokio::time::timeout(Duration::from_secs(10), work(graph));
            again.await.unwrap_or_else(|_| panic!("{name}: held up after {polls} polls"));
            if is_done {
                break;
            }
        }
        assert!(polls > 5, "{name} is done at once: {polls}");
    }
}
