//! The client beside hand-written programs on the same bytes: the ratios count.
//!
//! - Listing 100,000 users over a socket, beside `reqwest` and `serde` with a struct of the same properties.
//! - 2,000 creates, 20 in a batch and 4 batches under way, with answers that take 50 ms, beside 25 ideal rounds.
//!
//! Not criterion: what is measured is the CPU time of a process that also holds the server, so that the server's share
//! is measured by itself and taken off.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use entrant::auth::StaticToken;
use entrant::graph::{GraphClient, User};
use entrant::http::Transport;
use entrant::{Cloud, Result};
use futures::{StreamExt, TryStreamExt};
use http::{Request, Response};
use serde::Deserialize;
use serde_json::{Value as Json, json};

const USERS: usize = 100_000;
const PAGE: usize = 999;
const ROUNDS: u32 = 5;
const LISTINGS: u32 = 5;
const PROPERTIES: [&str; 20] = [
    "id",
    "userPrincipalName",
    "displayName",
    "givenName",
    "surname",
    "mail",
    "mailNickname",
    "accountEnabled",
    "userType",
    "usageLocation",
    "employeeId",
    "employeeType",
    "jobTitle",
    "department",
    "companyName",
    "officeLocation",
    "streetAddress",
    "city",
    "country",
    "businessPhones",
];

/// What a program written by hand for these properties would have.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "read, as the other side is")]
struct Person {
    id: Option<String>,
    user_principal_name: Option<String>,
    display_name: Option<String>,
    given_name: Option<String>,
    surname: Option<String>,
    mail: Option<String>,
    mail_nickname: Option<String>,
    account_enabled: Option<bool>,
    user_type: Option<String>,
    usage_location: Option<String>,
    employee_id: Option<String>,
    employee_type: Option<String>,
    job_title: Option<String>,
    department: Option<String>,
    company_name: Option<String>,
    office_location: Option<String>,
    street_address: Option<String>,
    city: Option<String>,
    country: Option<String>,
    business_phones: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Page {
    value: Vec<Person>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

/// The same pages for everyone, made once, on a keep-alive connection.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let pages: Arc<Vec<Vec<u8>>> = Arc::new((0..USERS.div_ceil(PAGE)).map(|number| answer(&origin, number)).collect());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (connection, pages) = (connection.expect("a connection"), pages.clone());
            std::thread::spawn(move || talk(connection, &pages));
        }
    });
    origin
}

fn answer(origin: &str, number: usize) -> Vec<u8> {
    let users: Vec<Json> = (number * PAGE..USERS.min((number + 1) * PAGE)).map(person).collect();
    let mut page = json!({"@odata.context": format!("{origin}/v1.0/$metadata#users"), "value": users});
    if (number + 1) * PAGE < USERS {
        page["@odata.nextLink"] = format!("{origin}/v1.0/users?$skiptoken={}", number + 1).into();
    }
    let body = page.to_string();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.into_bytes(), body.into_bytes()].concat()
}

fn person(number: usize) -> Json {
    json!({
        "id": format!("a82905a2-4ba2-5e93-bd12-{number:012}"),
        "userPrincipalName": format!("person{number}@contoso.com"), "displayName": format!("Person {number}"),
        "givenName": "Person", "surname": format!("Number{number}"), "mail": format!("person{number}@contoso.com"),
        "mailNickname": format!("person{number}"), "accountEnabled": !number.is_multiple_of(7), "userType": "Member",
        "usageLocation": "GB", "employeeId": number.to_string(), "employeeType": "Employee", "jobTitle": "Engineer",
        "department": format!("Department {}", number % 50), "companyName": "Contoso", "officeLocation": null,
        "streetAddress": "1 The Street", "city": "Leeds", "country": "United Kingdom",
        "businessPhones": ["+44 113 496 0000"],
    })
}

fn talk(mut connection: TcpStream, pages: &[Vec<u8>]) {
    connection.set_nodelay(true).expect("a setting");
    let mut request = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        match connection.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&buffer[..count]),
        }
        if !request.ends_with(b"\r\n\r\n") {
            continue;
        }
        let text = String::from_utf8_lossy(&request);
        let token = text.lines().next().and_then(|line| line.split("skiptoken=").nth(1));
        let token = token.and_then(|token| token.split([' ', '&']).next()?.parse().ok());
        let page = &pages[token.unwrap_or(0usize)];
        request.clear();
        if connection.write_all(page).is_err() {
            return;
        }
    }
}

/// The CPU time of this process so far, in seconds.
fn cpu() -> f64 {
    // utime and stime, in hundredths of a second, behind the name in brackets.
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let rest = text.rsplit(')').next().unwrap_or_default();
    let ticks = |place| rest.split_whitespace().nth(place).and_then(|ticks| ticks.parse::<f64>().ok());
    (ticks(11).unwrap_or_default() + ticks(12).unwrap_or_default()) / 100.0
}

/// The most memory that this process has had since `clear`, in MB.
fn peak_memory() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok()).unwrap_or_default() / 1_024.0
}

fn clear_peak() {
    // Where that is not allowed, the figure is the peak of the whole run.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

async fn by_hand(origin: &str) -> Vec<Person> {
    let client = reqwest::Client::new();
    let mut people = Vec::new();
    let mut next = Some(format!("{origin}/v1.0/users?$select={}&$top={PAGE}", PROPERTIES.join(",")));
    while let Some(address) = next {
        let request = client.get(address).header("Authorization", "Bearer t0ken");
        let body = request.send().await.expect("an answer").bytes().await.expect("a body");
        let page: Page = serde_json::from_slice(&body).expect("a page");
        people.extend(page.value);
        next = page.next;
    }
    people
}

fn graph(origin: &str) -> GraphClient {
    let root: url::Url = origin.parse().expect("an address");
    let cloud = Cloud::Custom { authority: root.clone(), graph: root };
    GraphClient::builder(StaticToken::new("t0ken")).cloud(cloud).build().expect("a client")
}

async fn typed(origin: &str) -> Vec<User> {
    graph(origin).users().list().select(PROPERTIES).items().try_collect().await.expect("all users")
}

async fn own_struct(origin: &str) -> Vec<Person> {
    graph(origin).users().list().select(PROPERTIES).items_as().items().try_collect().await.expect("all users")
}

async fn streamed(origin: &str) -> usize {
    let pages = graph(origin).users().list().select(PROPERTIES).pages();
    pages.try_fold(0, |count, page| async move { Ok(count + page.items.len()) }).await.expect("all users")
}

/// The bytes alone: what the server and the transport cost, and nothing is read.
async fn bytes_only(origin: &str) -> usize {
    let client = reqwest::Client::new();
    let mut size = 0;
    for page in 0..USERS.div_ceil(PAGE) {
        let answer = client.get(format!("{origin}/v1.0/users?$skiptoken={page}")).send().await.expect("an answer");
        size += answer.bytes().await.expect("a body").len();
    }
    size
}

/// CPU seconds of one listing, by the best of several rounds. The clock is coarse, so that a round is several listings.
fn measured<T>(runtime: &tokio::runtime::Runtime, run: impl AsyncFn() -> T) -> f64 {
    let mut least = f64::INFINITY;
    for _ in 0..ROUNDS {
        let before = cpu();
        for _ in 0..LISTINGS {
            drop(runtime.block_on(run()));
        }
        least = least.min((cpu() - before) / f64::from(LISTINGS));
    }
    least
}

fn listing(runtime: &tokio::runtime::Runtime) {
    let origin = serve();
    let transport = measured(runtime, async || bytes_only(&origin).await);
    let hand = measured(runtime, async || by_hand(&origin).await);
    let own = measured(runtime, async || own_struct(&origin).await);
    let pages = measured(runtime, async || streamed(&origin).await);
    let user = measured(runtime, async || typed(&origin).await);
    println!("listing {USERS} users of 20 properties, CPU of the whole process, best of {ROUNDS} rounds:");
    println!("  socket and server alone                    {transport:.3} s");
    println!("  reqwest + serde, by hand, into a Vec       {hand:.3} s");
    println!("  List::items_as::<own struct>, into a Vec   {own:.3} s, ratio {:.2}", own / hand);
    println!("  List<User>, page by page                   {pages:.3} s, ratio {:.2}", pages / hand);
    println!("  List<User>, into a Vec                     {user:.3} s, ratio {:.2}", user / hand);
    clear_peak();
    let before = peak_memory();
    assert_eq!(runtime.block_on(streamed(&origin)), USERS);
    println!("  streaming all pages: {:.1} MB more at the peak", peak_memory() - before);
}

/// Answers each batch after 50 ms.
#[derive(Debug)]
struct Far;

#[async_trait]
impl Transport for Far {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let body: Json = serde_json::from_slice(request.body()).expect("a batch");
        let items = body["requests"].as_array().expect("a batch").iter();
        let answers: Vec<_> = items.map(|item| json!({"id": item["id"], "status": 201, "body": {"id": "x"}})).collect();
        Ok(Response::new(json!({ "responses": answers }).to_string().into()))
    }
}

fn creates(runtime: &tokio::runtime::Runtime) {
    let root: url::Url = "https://graph.example/".parse().expect("an address");
    let cloud = Cloud::Custom { authority: root.clone(), graph: root };
    let graph = GraphClient::builder(StaticToken::new("t0ken"))
        .cloud(cloud)
        .transport(Far)
        .max_batches_in_flight(4)
        .build()
        .expect("a client");
    let requests =
        (0..2_000).map(|number| graph.users().create(&person(number)).into_batch().expect("valid")).collect();
    let start = Instant::now();
    let done =
        runtime.block_on(graph.batch(requests).filter(|(_, outcome)| std::future::ready(outcome.is_ok())).count());
    let spent = start.elapsed().as_secs_f64();
    assert_eq!(done, 2_000);
    let ideal = 25.0 * 0.05;
    println!(
        "2,000 creates at 50 ms, 4 batches under way: {spent:.3} s, ideal {ideal:.3} s, ratio {:.3}",
        spent / ideal
    );
}

fn main() {
    // `cargo test --benches` only wants to know whether it runs.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    creates(&runtime);
    listing(&runtime);
}
