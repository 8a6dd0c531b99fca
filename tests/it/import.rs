//! From a simulated tenant into a file: the other direction, reviewed in four lists.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use async_trait::async_trait;
use entrant::adapters::{CsvTarget, Entra, JsonlTarget};
use entrant::clock::ManualClock;
use entrant::connection::Connection;
use entrant::job::{Apply, JobBuilder, OutcomeKind, Run, RunStatus};
use entrant::model::{AttributeSchema, eq};
use entrant::reconcile::{Action, Bucket, Enable, Guard, Situation, Winner};
use entrant::sim::Sim;
use entrant::store::{Batch, Lease, MemoryState, State, Table};
use entrant::{Error, ErrorKind, Job, Mapping, Plan, Policy, Preferences, Result};
use futures::stream::BoxStream;
use serde_json::json;

use crate::job::world::Sink;

struct World {
    clock: ManualClock,
    sim: Sim,
    state: MemoryState,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::at(time::macros::datetime!(2026-01-05 08:00 UTC));
        Self {
            sim: Sim::builder().domain("contoso.com").clock(clock.clone()).build(),
            state: MemoryState::new().with_clock(clock.clone()),
            folder: tempfile::tempdir().expect("a folder"),
            clock,
        }
    }

    fn with_user(self, login: &str, active: bool) -> Self {
        self.add(login, active);
        self
    }

    /// Whose mail is not the sign-in name, as with R40.
    fn add(&self, login: &str, active: bool) {
        self.sim.add_user(json!({
            "userPrincipalName": format!("{login}@contoso.com"),
            "displayName": format!("The {login}"),
            "givenName": login,
            "surname": "Carter",
            "mail": format!("{login}@example.com"),
            "accountEnabled": active,
        }));
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("people.csv")
    }

    fn content(&self) -> String {
        std::fs::read_to_string(self.file()).expect("a file")
    }

    /// The rows of the file without their header and ids, sorted.
    fn people(&self) -> Vec<String> {
        let content = self.content();
        let rows = content.lines().skip(1).map(|row| row.split_once(',').expect("an id").1.to_owned());
        let mut rows: Vec<_> = rows.collect();
        rows.sort();
        rows
    }

    fn table(&self) -> CsvTarget {
        let text = AttributeSchema::text;
        CsvTarget::builder(self.file())
            .name("table")
            .key("id")
            .attribute("userName", text().ignore_case().required().unique_in("userName"))
            .attribute("givenName", text())
            .attribute("sn", text())
            .attribute("mail", text())
            .status("active")
            .label("userName")
            .build()
            .expect("a good file")
    }

    async fn entra(&self) -> Entra {
        let connection = Connection::builder(self.sim.tenant_id(), self.sim.client_id())
            .client_secret(self.sim.client_secret())
            .cloud(self.sim.cloud())
            .build()
            .expect("a connection");
        let builder = Entra::builder(connection).transport(self.sim.transport()).clock(self.clock.clone());
        builder.connect().await.expect("the check passes")
    }

    async fn builder(&self, winner: Winner) -> JobBuilder {
        Job::builder("import")
            .source(self.entra().await)
            .target(self.table())
            .policy(Policy::inbound(winner))
            .state(self.state.clone())
            .clock(self.clock.clone())
    }

    async fn job(&self, winner: Winner) -> Job {
        self.builder(winner).await.mapping(mapping().attribute("active", "accountEnabled")).build().expect("a job")
    }
}

/// R41.
fn mapping() -> Mapping {
    Mapping::users()
        .attribute("userName", "userPrincipalName")
        .attribute("givenName", "givenName")
        .attribute("sn", "surname")
        .attribute("mail", "mail")
        .match_on("userName")
}

fn listed(plan: &Plan, bucket: Bucket) -> BTreeSet<String> {
    plan.bucket(bucket).map(|entry| entry.label.clone().expect("each has a name")).collect()
}

fn names(logins: &[&str]) -> BTreeSet<String> {
    logins.iter().map(|login| format!("{login}@contoso.com")).collect()
}

/// S1's validation, word for word (R40, R46–R50).
#[tokio::test]
async fn r47_r48_the_validation_of_an_import() {
    let world = World::new().with_user("scarter", true).with_user("other", true).with_user("third", true);
    let job = world.builder(Winner::Source).await.mapping(mapping()).build().expect("a job");
    let only_her = || Run::full().filter(eq("mail", "scarter@example.com")); // R46

    let report = job.run(only_her(), Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert!(report.buckets().unresolved_source > 0, "{report}"); // R47: as found, not as it is now (R49)
    assert_eq!(report.buckets().one_to_one, 0);
    assert_eq!(report.count(Action::Create, OutcomeKind::Applied), 1);
    assert_eq!(world.people(), ["scarter@contoso.com,scarter,Carter,scarter@example.com,true"]);

    world.clock.advance(Duration::from_secs(3600));
    world.sim.update_user("scarter@contoso.com", json!({"givenName": "Sam"}));
    world.sim.update_user("other@contoso.com", json!({"givenName": "Changed"}));
    let report = job.run(only_her(), Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert!(report.buckets().one_to_one > 0, "{report}"); // R48
    assert_eq!(report.buckets().unresolved_source, 0);
    assert_eq!(
        world.people(),
        ["scarter@contoso.com,Sam,Carter,scarter@example.com,true"],
        "the filter touches nobody else"
    );

    // The filter is taken away, and everybody comes (R46); then nothing is left to do (R50).
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!((report.buckets().one_to_one, report.buckets().unresolved_source), (1, 2), "{report}");
    assert_eq!(world.people().len(), 3);
    world.clock.advance(Duration::from_secs(3600));
    let before = world.content();
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert!(plan.is_converged() && plan.entries().is_empty(), "{plan}");
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(world.content(), before);
    assert!(world.sim.audit().is_empty(), "nothing is ever written to Entra");
}

/// R63, R64 and R84: four lists, picked entry by entry, then confirmed.
#[tokio::test]
async fn r63_r64_four_lists_are_reviewed_and_picked() {
    let world = World::new();
    for (login, active) in
        [("new1", true), ("new2", false), ("same", true), ("moved", true), ("asleep", true), ("gone", false)]
    {
        world.add(login, active);
    }
    let row = |login: &str, given: &str, active: bool| {
        format!("{login},7,{login}@contoso.com,{given},Carter,{login}@example.com,{active},note\n")
    };
    let header = "id,room,userName,givenName,sn,mail,active,comment\n";
    let rows = [
        row("same", "same", true),
        row("moved", "Old", true),
        row("asleep", "asleep", false),
        row("gone", "gone", true),
        row("stranger", "x", true),
    ];
    std::fs::write(world.file(), format!("{header}{}", rows.concat())).expect("written");
    let job = world.job(Winner::Source).await;

    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(listed(&plan, Bucket::New), names(&["new1", "new2"]));
    assert_eq!(listed(&plan, Bucket::Update), names(&["moved", "same"]), "one differs, the other is to be linked");
    assert_eq!(listed(&plan, Bucket::Activate), names(&["asleep"]));
    assert_eq!(listed(&plan, Bucket::Deactivate), names(&["gone"]));
    let strangers = plan.entries().iter().filter(|entry| entry.situation == Situation::Unassigned);
    assert!(strangers.count() == 1 && !plan.needs_attention(), "{plan}");

    // One of the new ones is picked, and those who are on both sides; the first adoption must be allowed by name.
    let on_both_sides = [Bucket::Update, Bucket::Activate, Bucket::Deactivate];
    let chosen = plan.select(|entry| {
        let ticked = entry.label.as_deref() == Some("new2@contoso.com");
        (entry.is_in(Bucket::New) && ticked) || on_both_sides.iter().any(|bucket| entry.is_in(*bucket))
    });
    let report = job.apply(&chosen, Apply::new()).await.expect("a report");
    assert!(matches!(report.status, RunStatus::Stopped { .. }), "{report}");
    let report = job.apply(&chosen, Apply::new().lift(Guard::Adopt)).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    let content = world.content();
    let kept: Vec<&str> = content.lines().collect();
    assert_eq!(kept[0], header.trim_end());
    assert_eq!(kept[1], rows[0].trim_end(), "linked and otherwise untouched");
    assert_eq!(kept[2], row("moved", "moved", true).trim_end(), "overwritten, other columns kept");
    assert_eq!(kept[3], row("asleep", "asleep", true).trim_end(), "active again");
    assert_eq!(kept[4], rows[3].trim_end(), "the run that takes someone over disables nobody");
    assert_eq!(kept[5], rows[4].trim_end(), "whom nobody knows stays");
    assert!(
        kept[6].ends_with(",,new2@contoso.com,new2,Carter,new2@example.com,false,"),
        "as inactive as there: {content}"
    );
    assert_eq!(kept.len(), 7, "who was not picked is not made");

    // The next import disables here, never in Entra.
    world.clock.advance(Duration::from_secs(3600));
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(listed(&plan, Bucket::Deactivate), names(&["gone"]));
    assert_eq!(listed(&plan, Bucket::New), names(&["new1"]));
    assert_eq!(listed(&plan, Bucket::Update), names(&[]));
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    assert!(world.content().contains(row("gone", "gone", false).trim_end()), "{}", world.content());
    assert!(world.sim.audit().is_empty());

    world.clock.advance(Duration::from_secs(3600));
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert!(plan.is_converged(), "{plan}");
}

#[tokio::test]
async fn r63_the_chosen_side_wins() {
    for winner in [Winner::Source, Winner::Target] {
        let world = World::new().with_user("ada", true).with_user("alan", true);
        std::fs::write(
            world.file(),
            "id,userName,givenName,sn,mail,active\n1,ada@contoso.com,Augusta,Carter,ada@example.com,true\n",
        )
        .expect("written");
        let job = world.job(winner).await;
        let plan = job.plan(Run::full()).await.expect("a plan");
        assert_eq!(listed(&plan, Bucket::Update), names(&["ada"]), "{winner:?}");
        _ = job.apply(&plan, Apply::new().lift(Guard::Adopt)).await.expect("a report");
        let given = if winner == Winner::Source { "ada" } else { "Augusta" };
        let people = world.people();
        assert_eq!(people[0], format!("ada@contoso.com,{given},Carter,ada@example.com,true"), "{winner:?}");
        assert_eq!(people.len(), 2, "who is new comes in any case");
        world.clock.advance(Duration::from_secs(3600));
        let plan = job.plan(Run::full()).await.expect("a plan");
        assert!(plan.is_converged(), "{winner:?}: {plan}");
        // What differs is still told.
        let told = plan.bucket(Bucket::Update).filter(|entry| entry.action == Action::Report).count();
        assert_eq!(told, usize::from(winner == Winner::Target), "{plan}");
    }
}

/// Who is gone from Entra is not taken away here unless a rule says so.
#[tokio::test]
async fn who_is_gone_there_is_kept_here() {
    let world = World::new().with_user("ada", true).with_user("alan", true);
    let job = world.job(Winner::Source).await;
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    world.clock.advance(Duration::from_secs(3600));
    world.sim.delete_user("alan@contoso.com");
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert!(plan.is_converged() && plan.situations()[&Situation::SourceMissing] == 1, "{plan}");
    assert!(plan.needs_attention(), "a person must look: {plan}");
    let policy = Policy::inbound(Winner::Source).rule(Situation::SourceMissing, Action::Disable);
    let builder = world.builder(Winner::Source).await.policy(policy);
    let job = builder.mapping(mapping().attribute("active", "accountEnabled")).build().expect("a job");
    _ = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(world.people()[1], "alan@contoso.com,alan,Carter,alan@example.com,false");
}

/// Two opposite jobs on one link set, by one engine (R76): what one wrote is no news to the other.
#[tokio::test]
async fn two_opposite_jobs_come_to_rest() {
    let world = World::new().with_user("ada", true).with_user("alan", false);
    let import = world.job(Winner::Source).await;
    let export = Job::builder("export")
        .source(world.table())
        .target(world.entra().await)
        .mapping(
            Mapping::users()
                .attribute("userPrincipalName", "userName")
                .attribute("givenName", "givenName")
                .attribute("displayName", "userName")
                .attribute("surname", "sn")
                .expression("mailNickname", "Left([userName], 4)")
                .expect("an expression")
                .attribute("accountEnabled", "active")
                .generate_password()
                .match_on("userPrincipalName"),
        )
        .policy(Policy::outbound(Preferences::default().with_enable(Enable::Always)))
        .passwords(Sink::default())
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("a job");
    let apply = || Apply::new().lift(Guard::Adopt);
    for _ in 0..3 {
        _ = import.run(Run::full(), apply()).await.expect("a report");
        world.clock.advance(Duration::from_secs(3600));
        _ = export.run(Run::full(), apply()).await.expect("a report");
        world.clock.advance(Duration::from_secs(3600));
    }
    let (content, writes) = (world.content(), world.sim.audit().len());
    for job in [&import, &export, &import, &export] {
        let plan = job.plan(Run::full()).await.expect("a plan");
        assert!(plan.is_converged(), "{plan}");
        _ = job.apply(&plan, apply()).await.expect("a report");
    }
    assert_eq!((world.content(), world.sim.audit().len()), (content, writes), "both are quiet");

    // A change on one side goes to the other, once.
    world.sim.update_user("ada@contoso.com", json!({"givenName": "Augusta"}));
    _ = import.run(Run::full(), apply()).await.expect("a report");
    assert!(world.content().contains("Augusta"));
    let writes = world.sim.audit().len();
    _ = export.run(Run::full(), apply()).await.expect("a report");
    assert_eq!(world.sim.audit().len(), writes, "no echo");
}

/// A state whose program ends at a commit: before it, or after it.
#[derive(Debug)]
struct Dying {
    inner: MemoryState,
    commits_left: AtomicUsize,
    commits_then: bool,
}

#[async_trait]
impl State for Dying {
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.inner.get(table, key).await
    }

    fn scan(&self, table: Table, prefix: &[u8]) -> BoxStream<'_, Result<(Vec<u8>, Vec<u8>)>> {
        self.inner.scan(table, prefix)
    }

    async fn commit(&self, lease: &Lease, batch: Batch) -> Result<()> {
        let left = self.commits_left.fetch_update(Relaxed, Relaxed, |left| Some(left.saturating_sub(1)));
        match left.unwrap_or_else(|left| left) {
            2.. => self.inner.commit(lease, batch).await,
            left => {
                if left == 1 && self.commits_then {
                    self.inner.commit(lease, batch).await?;
                }
                Err(Error::new(ErrorKind::Store, "the program has ended"))
            }
        }
    }

    async fn lease(&self, name: &str, ttl: Duration) -> Result<Option<Lease>> {
        self.inner.lease(name, ttl).await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Option<Lease>> {
        self.inner.renew(lease, ttl).await
    }

    async fn release(&self, _: Lease) -> Result<()> {
        Ok(())
    }
}

/// Whatever a program that ended left behind, the next one makes nobody twice, and finishes: new rows have ids that only
/// the file knows.
#[tokio::test]
async fn a_crash_at_any_commit_makes_nobody_twice() {
    for commits_then in [false, true] {
        let mut died = 0;
        for commits in 1.. {
            let world = World::new().with_user("ada", true).with_user("alan", false).with_user("grace", true);
            std::fs::write(
                world.file(),
                "id,userName,givenName,sn,mail,active\n1,grace@contoso.com,G,Hopper,grace@example.com,false\n",
            )
            .expect("written");
            let dying = Dying { inner: world.state.clone(), commits_left: AtomicUsize::new(commits), commits_then };
            let builder = world.builder(Winner::Source).await.state(dying);
            let job = builder.mapping(mapping().attribute("active", "accountEnabled")).build().expect("a job");
            let ended = job.run(Run::full(), Apply::new().lift(Guard::Adopt)).await;
            // The lease of the one that died runs out.
            world.clock.advance(Duration::from_secs(3600));
            let job = world.job(Winner::Source).await;
            for _ in 0..2 {
                _ = job.run(Run::full(), Apply::new().lift(Guard::Adopt)).await.expect("a report");
                world.clock.advance(Duration::from_secs(3600));
            }
            let what = format!("ended at commit {commits} (carried out: {commits_then})");
            assert_eq!(
                world.people(),
                [
                    "ada@contoso.com,ada,Carter,ada@example.com,true",
                    "alan@contoso.com,alan,Carter,alan@example.com,false",
                    "grace@contoso.com,grace,Carter,grace@example.com,true",
                ],
                "{what}"
            );
            let plan = job.plan(Run::full()).await.expect("a plan");
            assert!(plan.is_converged(), "{what}: {plan}");
            if ended.is_ok() {
                break;
            }
            died = commits;
        }
        assert!(died >= 4, "it died at {died} commits");
    }
}

#[tokio::test]
async fn json_lines_are_imported_into_too() {
    let world = World::new().with_user("ada", true).with_user("alan", false);
    let path = world.folder.path().join("people.jsonl");
    std::fs::write(&path, "{\"id\": 4, \"login\": \"ADA@contoso.com\", \"shoe\": 38.50}\n").expect("written");
    let table = JsonlTarget::builder(&path)
        .attribute("login", AttributeSchema::text().ignore_case().unique_in("login"))
        .attribute("first", AttributeSchema::text())
        .status("active")
        .build()
        .expect("a good file");
    let job = Job::builder("import")
        .source(world.entra().await)
        .target(table)
        .mapping(
            Mapping::users()
                .attribute("login", "userPrincipalName")
                .attribute("first", "givenName")
                .attribute("id", "id")
                .attribute("active", "accountEnabled")
                .match_on("login"),
        )
        .policy(Policy::inbound(Winner::Source))
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("a job");
    let report = job.run(Run::full(), Apply::new().lift(Guard::Adopt)).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    let content = std::fs::read_to_string(&path).expect("a file");
    let lines: Vec<&str> = content.lines().collect();
    assert_eq!(
        lines[0], r#"{"id": 4, "login": "ADA@contoso.com", "shoe": 38.50, "first": "ada", "active": true}"#,
        "the login differs in case alone, and an id is never changed"
    );
    let alan = world.sim.user("alan@contoso.com").expect("he is there");
    let id = alan["id"].as_str().expect("an id");
    assert_eq!(lines[1], format!(r#"{{"id":"{id}","active":false,"first":"alan","login":"alan@contoso.com"}}"#));
    world.clock.advance(Duration::from_secs(3600));
    assert!(job.plan(Run::full()).await.expect("a plan").is_converged());
}
