//! Two programs on one state file: one is stopped, and the other takes over.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use entrant::adapters::{Entra, RedbState};
use entrant::connection::Connection;
use entrant::http::ReqwestTransport;
use entrant::job::{Apply, Run};
use entrant::model::ObjectId;
use entrant::sim::Sim;
use entrant::store::{Batch, MemoryStore, State, Table};
use entrant::{Cloud, Error, ErrorKind, Job, Policy, Preferences, Record};

/// What the children are told.
const STATE: &str = "ENTRANT_TEST_STATE";
const TENANT: &str = "ENTRANT_TEST_TENANT";
const PEOPLE: usize = 240;

/// This test program once more, for one of the tests that are children.
fn child(test: &str, state: &Path, tenant: &str) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", &format!("job::processes::{test}"), "--ignored", "--nocapture", "--test-threads=1"])
        .env(STATE, state)
        .env(TENANT, tenant)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child")
}

/// What a child says after this word, in its own line.
fn said(child: &mut Child, word: &str) -> String {
    let out = BufReader::new(child.stdout.as_mut().expect("its output"));
    let mut lines = out.lines().map(|line| line.expect("a line"));
    let own = lines.find_map(|line| line.split_once(word).map(|(_, rest)| rest.trim().to_owned()));
    own.expect("the child says so")
}

fn signal(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill is there");
    assert!(sent.success());
}

fn told(name: &str) -> String {
    std::env::var(name).expect("only started by another test")
}

async fn wait_for(what: &str, longest: Duration, is_so: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while !is_so() {
        if begun.elapsed() > longest {
            println!("{what} did not come");
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}

/// A run that creates people over a socket, with a short lease.
#[tokio::test]
#[ignore = "a child of another test"]
async fn a_run() {
    let told_tenant = told(TENANT);
    let [url, tenant, client, secret] = told_tenant.split(' ').collect::<Vec<_>>()[..] else { panic!("four words") };
    let url = url::Url::parse(url).expect("an address");
    let cloud = Cloud::Custom { authority: url.clone(), graph: url };
    let connection = Connection::builder(tenant, client).client_secret(secret).cloud(cloud).build().expect("sound");
    let transport = ReqwestTransport::new().expect("a transport");
    let entra = Entra::builder(connection).transport(transport).connect().await.expect("connected");
    let person = |id: usize| {
        Record::new(ObjectId::user(id.to_string())).with("id", id.to_string()).with("login", format!("p{id}"))
    };
    let job = Job::builder("staff")
        .source(MemoryStore::new("hr").with_records((0..PEOPLE).map(person)))
        .target(entra)
        .mapping(super::world::tenant_mapping())
        .policy(Policy::outbound(Preferences::default()))
        .passwords(super::world::Sink::default())
        .state(RedbState::open(told(STATE)).expect("the state").with_patience(Duration::from_secs(3)))
        .lease(Duration::from_secs(2))
        .build()
        .expect("the job is sound");
    let run = job.run(Run::full(), Apply::new().wait(Duration::from_secs(20))).await;
    match run {
        Ok(report) => println!("ENDED {:?}", report.status),
        Err(error) => println!("ENDED {:?} {}", error.kind(), error.to_chain()),
    }
}

/// "A paused process starts no new request after the other took over."
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_stopped_for_longer_than_its_lease_sends_nothing_more() {
    let directory = tempfile::tempdir().expect("a directory");
    let state = directory.path().join("state.redb");
    drop(RedbState::open(&state).expect("a new file"));
    let sim = Sim::builder().latency(Duration::from_millis(100)).write_limit(20, Duration::from_secs(1)).build();
    let server = sim.serve("127.0.0.1:0").await.expect("a socket");
    let tenant = format!("{} {} {} {}", server.url(), sim.tenant_id(), sim.client_id(), sim.client_secret().expose());
    let mut first = child("a_run", &state, &tenant);
    assert!(wait_for("the first run's writes", Duration::from_secs(60), || sim.audit().len() >= 40).await);
    // Stopped in the middle of a commit it holds the state up: then it goes on for a moment and is stopped elsewhere.
    let mut second = loop {
        signal(&first, "-STOP");
        tokio::time::sleep(Duration::from_millis(700)).await;
        let before = sim.audit().len();
        assert!(before < PEOPLE, "it is to be stopped in the middle");
        let mut second = child("a_run", &state, &tenant);
        let sim = sim.clone();
        if wait_for("the second run's writes", Duration::from_secs(30), || sim.audit().len() > before).await {
            break second;
        }
        let _ = second.kill();
        let _ = second.wait();
        signal(&first, "-CONT");
        tokio::time::sleep(Duration::from_millis(30)).await;
    };
    assert_eq!(said(&mut second, "ENDED"), "Complete");
    let (audit, requests) = (sim.audit().len(), sim.requests());
    signal(&first, "-CONT");
    let end = said(&mut first, "ENDED");
    assert!(end.starts_with("Leased") && end.contains("another run took over"), "{end}");
    assert_eq!((sim.audit().len(), sim.requests()), (audit, requests), "it sends nothing more");
    assert_eq!(sim.users().len(), PEOPLE, "nobody twice, nobody left out");
    for mut child in [first, second] {
        let mut rest = String::new();
        let _ = child.stdout.take().expect("its output").read_to_string(&mut rest);
        assert!(child.wait().expect("it ends").success());
    }
}

/// Holds the file as one does who was stopped in the middle of a commit.
#[tokio::test]
#[ignore = "a child of another test"]
async fn a_commit_that_does_not_end() {
    let path = told(STATE);
    let state = RedbState::open(&path).expect("the state");
    state.lease("link set default", Duration::from_secs(1)).await.expect("works").expect("free");
    drop(state);
    let mut builder = redb::Database::builder();
    builder.set_concurrency_mode(redb::ConcurrencyMode::MultiWriter);
    let database = builder.open(&path).expect("the state");
    let _transaction = database.begin_write().expect("a transaction");
    println!("HOLDS {}", std::process::id());
    std::thread::sleep(Duration::from_secs(60));
}

/// "Stopped inside a commit, the other waits and says for whom."
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_is_held_up_says_by_whom() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.redb");
    let state = RedbState::open(&path).expect("a new file").with_patience(Duration::from_millis(500));
    let mut holder = child("a_commit_that_does_not_end", &path, "");
    let id = said(&mut holder, "HOLDS");
    signal(&holder, "-STOP");
    let begun = Instant::now();
    let error = state.lease("link set default", Duration::from_secs(60)).await.expect_err("held up");
    assert!(begun.elapsed() >= Duration::from_millis(500), "it waits");
    assert_eq!(error.kind(), ErrorKind::Leased);
    for text in [format!("writer=process {id} ("), "does not go on".to_owned(), "state.redb".to_owned()] {
        assert!(error.to_string().contains(&text), "{text}: {error}");
    }
    // Whoever only reads is not held up.
    assert_eq!(state.get(Table::Links, b"x").await.expect("reading works"), None);
    assert!(state.holder("link set default").await.expect("works").is_some_and(|holder| holder.contains(&id)));
    // What was given up is not done later; what waits longer goes on when the other is gone.
    let patient = state.clone().with_patience(Duration::from_secs(30));
    let lease = tokio::spawn(async move { patient.lease("link set default", Duration::from_secs(60)).await });
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    signal(&holder, "-KILL");
    let _ = holder.wait();
    let lease = lease.await.expect("no panic").expect("works").expect("the holder's lease ran out");
    assert_eq!(lease.fence, 2, "the lease that was given up was never given");
    let mut batch = Batch::new();
    batch.put(Table::Links, "x", "1");
    state.commit(&lease, batch).await.expect("written");
}

/// A lease that another holds names him.
#[tokio::test]
async fn whoever_is_refused_learns_who_is_at_work() {
    let directory = tempfile::tempdir().expect("a directory");
    let state = RedbState::open(directory.path().join("state.redb")).expect("a new file");
    let world = super::world::World::new([super::world::person("1")]);
    let state = state.with_clock(world.clock.clone());
    let lease = state.lease("link set default", Duration::from_secs(60)).await.expect("works").expect("free");
    let job = world.builder(Preferences::default()).state(state.clone()).build().expect("the job is sound");
    let error: Error = job.run(Run::full(), Apply::new()).await.expect_err("another is at work");
    assert_eq!(error.kind(), ErrorKind::Leased);
    assert!(error.to_string().contains(&format!("held by=process {} (", std::process::id())), "{error}");
    state.release(lease).await.expect("released");
    assert_eq!(state.holder("link set default").await.expect("works"), None);
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
}
