//! A web service that keeps its own users in step with a tenant: a job, its schedule, and pages about them.
//!
//! ```sh
//! cargo run --example service                 # a simulated tenant; open the address that it prints
//! cargo run --example service -- --once       # starts, calls itself over HTTP, prints what it got, and ends
//! AZURE_CLIENT_SECRET=… cargo run --example service -- --tenant contoso.com --client-id … \
//!     --state service.redb --passwords passwords.jsonl
//! ```
//!
//! **Who sees what.** The pages name people and say what happens to them: personal data. So the service listens on this
//! machine alone, and gives them to who has the token that it prints when it starts: a browser gets a cookie for it, a
//! program sends it as `Authorization: Bearer …`. `/health` is open and says nothing of anybody. Secrets and initial
//! passwords are on no page. What a browser may be tricked into is refused: a form needs a word that only our own pages
//! have, and requests by another host's name are not answered. Behind a proxy, let that sign people in, and put TLS there.

mod common;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{Form, FromRequest, Path, Query, Request, State};
use axum::http::header::{self, HeaderMap, HeaderName};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use clap::Parser;
use entrant::adapters::{Entra, PasswordFile, RedbState};
use entrant::connection::Connection;
use entrant::http::{ReqwestTransport, Transport};
use entrant::job::{Apply, Run, Schedule, Scheduler, SchedulerState, Stop};
use entrant::model::{Class, ObjectId};
use entrant::sim::Sim;
use entrant::store::{MemoryState, Query as Wanted, Read};
use entrant::{Error, ErrorKind, Job, Mapping, Policy, Preferences, Record, Result, Source};
use futures::stream::{self, BoxStream, StreamExt};
use maud::{DOCTYPE, Markup, html};
use time::UtcOffset;
use tokio::net::TcpListener;

/// Keeps the users of a small web application in step with a Microsoft Entra tenant, by a schedule
///
/// Without a tenant it makes a simulated one. It listens on 127.0.0.1 only and prints an address with a token, without
/// which it shows nothing but /health. Ctrl-C ends it once the run that goes on is over; a second one stops that run too.
#[derive(Parser)]
struct Flags {
    /// The port; 0 is any that is free
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// When it runs, as five fields of cron in UTC: minute, hour, day, month, day of the week
    #[arg(long, value_name = "CRON", default_value = "*/15 * * * *")]
    schedule: String,
    #[command(flatten)]
    connection: common::ConnectionFlags,
    /// Where is remembered who is whom; needed with a tenant
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Where initial passwords go, created for your eyes only; needed with a tenant
    #[arg(long, value_name = "FILE")]
    passwords: Option<PathBuf>,
    /// Begin with six people who are made up, with a tenant too; without it a tenant gets nobody but whom the pages add
    #[arg(long, requires = "tenant")]
    some_people: bool,
    /// Start on the simulated tenant, call every address once, print what comes, and end
    #[arg(long, conflicts_with_all = ["tenant", "state", "passwords"])]
    once: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match common::flags() {
        Ok(flags) => common::exit(serve(flags).await),
        Err(code) => code,
    }
}

// The application's own users.

#[derive(Debug, Clone)]
struct Person {
    login: String,
    name: String,
    title: String,
    active: bool,
}

/// What an application has of its own: a table in a database, here in memory.
#[derive(Debug, Clone, Default)]
struct UserTable(Arc<RwLock<BTreeMap<u32, Person>>>);

impl UserTable {
    fn with_some_people() -> Self {
        let table = Self::default();
        for (login, name, title) in [
            ("ada", "Ada Lovelace", "Analyst"),
            ("alan", "Alan Turing", "Cryptographer"),
            ("grace", "Grace Hopper", "Rear Admiral"),
            ("edsger", "Edsger Dijkstra", "Professor"),
            ("barbara", "Barbara Liskov", "Professor"),
            ("zoe", "Zoë O'Hara", "Recruiter"),
        ] {
            table.add(login, name, title);
        }
        table
    }

    fn add(&self, login: &str, name: &str, title: &str) {
        let mut people = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let id = people.last_key_value().map_or(1, |(last, _)| last + 1);
        let (login, name, title) = (login.to_owned(), name.to_owned(), title.to_owned());
        people.insert(id, Person { login, name, title, active: true });
    }

    /// Switches a person on or off.
    fn switch(&self, id: u32) -> bool {
        let mut people = self.0.write().unwrap_or_else(PoisonError::into_inner);
        people.get_mut(&id).map(|person| person.active = !person.active).is_some()
    }

    fn people(&self) -> BTreeMap<u32, Person> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Source for UserTable {
    fn name(&self) -> &str {
        "user table"
    }

    fn read(&self, query: &Wanted) -> BoxStream<'_, Result<Read>> {
        let class = query.class.clone();
        let rows = self.people().into_iter().map(move |(id, person)| {
            let record = Record::new(ObjectId::new(class.clone(), id.to_string())).with("id", id.to_string());
            let record = record.with("login", person.login).with("name", person.name);
            Ok(Read::Record(record.with("title", person.title).with("active", person.active)))
        });
        // The end mark says that this was all: only then is anybody taken for gone.
        stream::iter(rows.chain([Ok(Read::complete())])).boxed()
    }
}

// The job.

fn mapping() -> Result<Mapping> {
    Ok(Mapping::users()
        .attribute("displayName", "name")
        .attribute("employeeId", "id")
        .attribute("jobTitle", "title")
        .attribute("accountEnabled", "active")
        .attribute("mailNickname", "login")
        .expression("userPrincipalName", r#"Join("@", ToLower([login]), %Domain%)"#)?
        .generate_password()
        .match_on("employeeId"))
}

/// The job; and on a simulated tenant that tenant.
async fn job(flags: &Flags, table: UserTable, folder: &std::path::Path) -> Result<(Job, Option<Sim>)> {
    let missing = |what| Error::new(ErrorKind::Invalid, what);
    let builder = Job::builder("service").source(table).policy(Policy::outbound(Preferences::default()));
    let attributes = ["displayName", "employeeId", "jobTitle", "accountEnabled", "mailNickname", "userPrincipalName"];
    let operations = Entra::operations(&Class::USER, attributes, &Preferences::default());
    if flags.connection.is_given() {
        let state = flags.state.as_ref().ok_or_else(|| missing("say where is remembered who is whom: --state FILE"))?;
        let passwords =
            flags.passwords.as_ref().ok_or_else(|| missing("say where initial passwords go: --passwords FILE"))?;
        let connection = flags.connection.connection()?.with_operations(operations);
        let entra = Entra::builder(connection).transport(flags.connection.transport()?).connect().await?;
        let builder = builder.target(entra).mapping(mapping()?);
        return Ok((builder.passwords(PasswordFile::open(passwords)?).state(RedbState::open(state)?).build()?, None));
    }
    let sim = Sim::builder().domain("contoso.com").build();
    let connection = Connection::builder(sim.tenant_id(), sim.client_id())
        .client_secret(sim.client_secret())
        .cloud(sim.cloud())
        .operations(operations)
        .build()?;
    let entra = Entra::builder(connection).transport(sim.transport()).connect().await?;
    let passwords = PasswordFile::open(folder.join("passwords.jsonl"))?;
    let builder = builder.target(entra).mapping(mapping()?).passwords(passwords).state(MemoryState::new());
    Ok((builder.build()?, Some(sim)))
}

async fn serve(flags: Flags) -> Result<ExitCode> {
    let failed = |error| Error::new(ErrorKind::Store, "cannot listen, or make a folder").with_source(error);
    let schedule = Schedule::unix(&flags.schedule, UtcOffset::UTC)?;
    let folder = tempfile::tempdir().map_err(failed)?;
    let is_real = flags.connection.tenant.is_some() && !flags.some_people;
    let table = if is_real { UserTable::default() } else { UserTable::with_some_people() };
    let (job, sim) = job(&flags, table.clone(), folder.path()).await?;
    let job = Arc::new(job);
    let port = if flags.once { 0 } else { flags.port };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
        failed(error).with_context("port", port).with_context("otherwise", "choose another with --port")
    })?;
    let address = listener.local_addr().map_err(failed)?;
    let cut = Stop::new();
    let scheduler = Scheduler::builder(Arc::clone(&job), schedule.clone()).apply(Apply::new().stop_with(&cut)).start();
    let app = Arc::new(App {
        table,
        job,
        schedule,
        sim,
        scheduler: Mutex::new(Some(scheduler)),
        plans: tokio::sync::Mutex::new(()),
        address,
        // Random, and not to be guessed.
        token: uuid::Uuid::new_v4().simple().to_string(),
        form: uuid::Uuid::new_v4().simple().to_string(),
    });
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let router = router(Arc::clone(&app));
    let server = tokio::spawn(async move {
        let until = async {
            let _ = stopped.await;
        };
        axum::serve(listener, router).with_graceful_shutdown(until).await
    });
    let asked = tokio::spawn(common::asked_to_end());
    let code = if flags.once {
        once(&app).await?
    } else {
        println!("Open http://{address}/?token={}", app.token);
        println!("Runs at {}; Ctrl-C ends it.", app.schedule);
        let _ = asked.await;
        println!("\nEnding. If a run goes on, it is waited for; Ctrl-C again stops it.");
        ExitCode::SUCCESS
    };
    let _ = stop.send(());
    let scheduler = app.scheduler().take();
    let ended = async {
        if let Some(scheduler) = scheduler {
            scheduler.stop().await.iter().for_each(|run| println!("{run}"));
        }
        let _ = tokio::time::timeout(Duration::from_secs(5), server).await;
    };
    let mut ended = std::pin::pin!(ended);
    tokio::select! {
        () = &mut ended => return Ok(code),
        () = common::asked_to_end() => println!("Stopping it; the next start takes up what is left."),
    }
    // It notes what was answered, and gives its lease back.
    cut.stop();
    tokio::select! {
        () = ended => {}
        () = common::asked_to_end() => println!("Cut off; the next start waits for its lease to run out, a minute at most."),
    }
    Ok(code)
}

// The pages.

struct App {
    table: UserTable,
    job: Arc<Job>,
    schedule: Schedule,
    sim: Option<Sim>,
    /// Until it is stopped.
    scheduler: Mutex<Option<Scheduler>>,
    /// Plans are made for one at a time.
    plans: tokio::sync::Mutex<()>,
    address: SocketAddr,
    /// Who has it sees the pages.
    token: String,
    /// What only our own pages have in their forms.
    form: String,
}

impl App {
    fn scheduler(&self) -> MutexGuard<'_, Option<Scheduler>> {
        self.scheduler.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cookies do not know of ports.
    fn cookie(&self) -> String {
        format!("entrant_service_{}", self.address.port())
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let (cookies, wanted) = (headers.get_all(header::COOKIE), format!("{}=", self.cookie()));
        let mut values = cookies.iter().filter_map(|own| own.to_str().ok()).flat_map(|own| own.split(';'));
        values.any(|own| own.trim().strip_prefix(&wanted).is_some_and(|value| is_same(value, &self.token)))
    }

    fn has_bearer(&self, headers: &HeaderMap) -> bool {
        let value = headers.get(header::AUTHORIZATION).and_then(|own| own.to_str().ok());
        value.and_then(|own| own.strip_prefix("Bearer ")).is_some_and(|value| is_same(value, &self.token))
    }
}

/// Takes as long however much of it is right.
fn is_same(given: &str, own: &str) -> bool {
    let differ = given.bytes().zip(own.bytes()).fold(0, |all, (one, other)| all | (one ^ other));
    given.len() == own.len() && differ == 0
}

/// How somebody showed who they are.
#[derive(Clone, Copy)]
enum Shown {
    /// By a header, which no foreign page can make a browser send.
    Header,
    /// By a cookie: what it asks to be done needs the form's word too.
    Cookie,
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(status))
        .route("/status", get(status_json))
        .route("/plan", get(plan))
        .route("/report", get(report))
        .route("/run", post(run))
        .route("/people", post(hire))
        .route("/people/{id}", post(switch))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), only_who_may))
        .route("/health", get(health))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), our_own_name))
        .with_state(app)
}

/// Answers by our own name alone, so that no foreign one that leads here is taken for us; and keeps pages to who asked.
async fn our_own_name(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|own| own.to_str().ok()).unwrap_or_default();
    let port = app.address.port();
    let mut response = if host == format!("127.0.0.1:{port}") || host == format!("localhost:{port}") {
        next.run(request).await
    } else {
        refused(StatusCode::MISDIRECTED_REQUEST, "not the name of this service")
    };
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, header::HeaderValue::from_static(value));
    }
    response
}

async fn only_who_may(
    State(app): State<Arc<App>>,
    Query(query): Query<BTreeMap<String, String>>,
    mut request: Request,
    next: Next,
) -> Response {
    // The address that was printed: the token goes into a cookie, and out of the address.
    if request.method() == Method::GET && query.get("token").is_some_and(|given| is_same(given, &app.token)) {
        let cookie = format!("{}={}; Path=/; HttpOnly; SameSite=Strict", app.cookie(), app.token);
        return ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response();
    }
    let shown = match request.headers() {
        headers if app.has_bearer(headers) => Shown::Header,
        headers if app.has_cookie(headers) => Shown::Cookie,
        _ => return refused(StatusCode::FORBIDDEN, "open the address that the service printed when it started"),
    };
    request.extensions_mut().insert(shown);
    next.run(request).await
}

fn refused(status: StatusCode, reason: &'static str) -> Response {
    (status, format!("{reason}\n")).into_response()
}

/// What is asked to be done, by a program or by a form of ours.
struct Meant(BTreeMap<String, String>);

impl FromRequest<Arc<App>> for Meant {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let shown = request.extensions().get::<Shown>().copied();
        // A program need send no form.
        if let (Some(Shown::Header), None) = (shown, request.headers().get(header::CONTENT_TYPE)) {
            return Ok(Self(BTreeMap::new()));
        }
        let Form(form) =
            Form::<BTreeMap<String, String>>::from_request(request, app).await.map_err(IntoResponse::into_response)?;
        let has_word = form.get("word").is_some_and(|word| is_same(word, &app.form));
        match shown {
            Some(Shown::Header) => Ok(Self(form)),
            Some(Shown::Cookie) if has_word => Ok(Self(form)),
            _ => Err(refused(StatusCode::FORBIDDEN, "the form is not one of ours")),
        }
    }
}

async fn run(State(app): State<Arc<App>>, _: Meant) -> Response {
    match &*app.scheduler() {
        Some(scheduler) => scheduler.run_now(),
        None => return refused(StatusCode::SERVICE_UNAVAILABLE, "the service is ending"),
    }
    Redirect::to("/").into_response()
}

async fn hire(State(app): State<Arc<App>>, Meant(form): Meant) -> Response {
    let text = |name: &str| form.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    match (text("login"), text("name")) {
        (Some(login), Some(name)) => app.table.add(login, name, text("title").unwrap_or("Newcomer")),
        _ => return refused(StatusCode::BAD_REQUEST, "a person has a login and a name"),
    }
    Redirect::to("/").into_response()
}

async fn switch(State(app): State<Arc<App>>, Path(id): Path<u32>, _: Meant) -> Response {
    match app.table.switch(id) {
        true => Redirect::to("/").into_response(),
        false => refused(StatusCode::NOT_FOUND, "nobody has this id"),
    }
}

async fn health(State(app): State<Arc<App>>) -> Response {
    match &*app.scheduler() {
        Some(_) => "ok\n".into_response(),
        None => refused(StatusCode::SERVICE_UNAVAILABLE, "ending"),
    }
}

async fn status_json(State(app): State<Arc<App>>) -> Response {
    let document = app.scheduler().as_ref().map(|scheduler| {
        serde_json::json!({ "status": scheduler.status(), "history": scheduler.history() }).to_string()
    });
    match document {
        Some(document) => ([(header::CONTENT_TYPE, "application/json")], document).into_response(),
        None => refused(StatusCode::SERVICE_UNAVAILABLE, "the service is ending"),
    }
}

/// What a run would do now.
async fn plan(State(app): State<Arc<App>>) -> Response {
    let _one_at_a_time = app.plans.lock().await;
    match app.job.plan(Run::full()).await {
        Ok(plan) => page_of_its_own(plan.html().to_string()),
        Err(error) => (StatusCode::BAD_GATEWAY, format!("there is no plan: {}\n", error.to_chain())).into_response(),
    }
}

async fn report(State(app): State<Arc<App>>) -> Response {
    let report = app.scheduler().as_ref().and_then(Scheduler::last_report);
    match report {
        Some(report) => page_of_its_own(report.html().to_string()),
        None => refused(StatusCode::NOT_FOUND, "no run has ended yet"),
    }
}

/// A page that says by itself what it admits.
fn page_of_its_own(page: String) -> Response {
    Html(page).into_response()
}

async fn status(State(app): State<Arc<App>>) -> Response {
    let Some((status, history)) = app.scheduler().as_ref().map(|own| (own.status(), own.history())) else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "the service is ending");
    };
    let now = match status.state {
        SchedulerState::Running { since } => format!("A run goes on, since {}.", moment(since)),
        _ => "No run goes on.".to_owned(),
    };
    let form = |to: &str, fields: Markup, label: &str| {
        html! {
            form method="post" action=(to) {
                input type="hidden" name="word" value=(app.form);
                (fields)
                button { (label) }
            }
        }
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Service" }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                h1 { "Users, kept in step" }
                p { (now) " The next is due " (status.next.map_or("never".to_owned(), moment)) ", by " code { (app.schedule) } ". "
                    (status.runs) " so far, " (status.missed) " missed." }
                @if let Some(sim) = &app.sim {
                    p { "The tenant is simulated, and has " (sim.users().len()) " users." }
                }
                nav {
                    a href="/plan" { "What a run would do now" }
                    a href="/report" { "What the last one did" }
                    (form("/run", html! {}, "Run now"))
                }
                h2 { "Runs" }
                @if history.is_empty() { p { "None yet." } }
                ul { @for run in history.iter().rev().take(20) { li { (run) } } }
                h2 { "People of this application" }
                table {
                    thead { tr { th { "Id" } th { "Login" } th { "Name" } th { "Title" } th {} } }
                    tbody {
                        @for (id, person) in &app.table.people() {
                            tr.gone[!person.active] {
                                td { (id) } td { (person.login) } td { (person.name) } td { (person.title) }
                                td { (form(&format!("/people/{id}"), html! {}, if person.active { "Switch off" } else { "Switch on" })) }
                            }
                        }
                    }
                }
                (form("/people", html! {
                    label { "Login " input name="login" required; }
                    label { "Name " input name="name" required; }
                    label { "Title " input name="title"; }
                }, "Hire"))
            }
        }
    };
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(page.into_string())).into_response()
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
    nav{display:flex;gap:1.5rem;align-items:center}table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;\
    text-align:left}.gone{opacity:.5}label{margin-right:1rem}";

fn moment(moment: time::OffsetDateTime) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    moment.to_offset(UtcOffset::UTC).format(format).unwrap_or_else(|_| moment.to_string())
}

// The round that a check makes.

/// Calls every address as a browser and a program would, and as those would who may not.
async fn once(app: &App) -> Result<ExitCode> {
    let transport = ReqwestTransport::new()?;
    let (bearer, cookie) = (format!("Bearer {}", app.token), format!("{}={}", app.cookie(), app.token));
    let (none, bearer, cookie) = (None, Some(("authorization", &*bearer)), Some(("cookie", &*cookie)));
    let (opened, word) = (format!("/?token={}", app.token), format!("word={}", app.form));
    let hired = format!("{word}&login=rear&name=<b>Rear</b>");
    #[rustfmt::skip]
    let calls = [
        ("GET", "/health", none, "", 200, "ok"),
        ("GET", "/", none, "", 403, "open the address"),
        ("GET", "/health", Some(("host", "evil.example")), "", 421, "not the name"),
        ("GET", &opened, none, "", 303, ""),
        ("GET", "/", cookie, "", 200, "No run goes on"),
        ("GET", "/plan", cookie, "", 200, "6 accounts are made"),
        ("GET", "/report", cookie, "", 404, "no run has ended"),
        ("POST", "/run", none, "", 403, "open the address"),
        ("POST", "/run", cookie, "word=guessed", 403, "not one of ours"),
        ("POST", "/run", bearer, "", 303, ""),
        ("WAIT", "", none, "", 1, ""),
        ("GET", "/report", cookie, "", 200, "6 entries were carried out"),
        ("POST", "/people", cookie, &hired, 303, ""),
        ("POST", "/people/2", cookie, &word, 303, ""),
        ("GET", "/", cookie, "", 200, "&lt;b&gt;Rear&lt;/b&gt;"),
        ("POST", "/run", cookie, &word, 303, ""),
        ("WAIT", "", none, "", 2, ""),
        ("GET", "/report", bearer, "", 200, "2 entries were carried out"),
        ("GET", "/status", bearer, "", 200, "\"runs\":2"),
    ];
    for (method, path, header, form, expected, said) in calls {
        if method == "WAIT" {
            wait(app, expected).await?;
            continue;
        }
        let failed = |what: String| Error::new(ErrorKind::Protocol, what).with_context("path", path);
        let mut request = http::Request::builder().method(method).uri(format!("http://{}{path}", app.address));
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        if !form.is_empty() {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        let request = request.body(form.to_owned().into()).map_err(|error| failed(error.to_string()))?;
        let response = transport.send(request).await?;
        let (status, body) = (response.status(), String::from_utf8_lossy(response.body()));
        println!("{method:<4} {:<12} {status}, {} bytes", path.replace(&app.token, "…"), body.len());
        if u64::from(status.as_u16()) != expected || !body.contains(said) {
            return Err(failed(format!("expected {expected} with `{said}`, got {status}: {body}")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Waits for so many runs to have ended.
async fn wait(app: &App, runs: u64) -> Result<()> {
    for _ in 0..600 {
        if app.scheduler().as_ref().is_some_and(|own| own.status().runs >= runs) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(Error::new(ErrorKind::TimedOut, "no run has ended in 30 seconds"))
}
