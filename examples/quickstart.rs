//! The main job from beginning to end, on a simulated tenant: read, map, match, plan, review, apply, and again.
//!
//! ```sh
//! cargo run --example quickstart
//! ```

mod common;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use common::terminal::{Progress, title};
use entrant::adapters::{CsvMemberships, CsvSource, Entra, PasswordFile, RedbState};
use entrant::connection::{Connection, StageOutcome};
use entrant::job::{Apply, Run};
use entrant::model::Class;
use entrant::reconcile::{Action, Entry, Situation};
use entrant::sim::{Sim, Sku};
use entrant::store::ByClass;
use entrant::{Error, ErrorKind, Job, Mapping, Policy, Preferences, Result};

const PEOPLE: &str = include_str!("data/people.csv");
const GROUPS: &str = include_str!("data/groups.csv");
const MEMBERS: &str = include_str!("data/members.csv");

/// Shows the main job from beginning to end on a simulated tenant; takes no arguments and leaves nothing behind
#[derive(Parser)]
struct Flags {}

#[tokio::main]
async fn main() -> ExitCode {
    match common::flags() {
        Ok(Flags {}) => common::exit(quickstart().await),
        Err(code) => code,
    }
}

async fn quickstart() -> Result<ExitCode> {
    let folder = tempfile::tempdir().map_err(|error| failed("cannot make a folder", error))?;
    let file = |name: &str, text: &str| write(folder.path().join(name), text);
    let people = file("people.csv", PEOPLE)?;
    let groups = file("groups.csv", GROUPS)?;
    let members = file("members.csv", MEMBERS)?;

    title("1. A tenant, simulated inside this program, and a connection to it");
    // Eleven people are to have E5.
    let sim = Sim::builder().domain("contoso.com").sku(Sku::office_e3(200)).sku(Sku::office_e5(8)).build();
    let connection = Connection::builder(sim.tenant_id(), sim.client_id())
        .name("quickstart")
        .client_secret(sim.client_secret())
        .cloud(sim.cloud())
        .build()?;
    let entra = Entra::builder(connection).transport(sim.transport()).connect().await?;
    if let Some(check) = entra.connection().last_check() {
        let passed = check.stages.iter().filter(|stage| stage.outcome == StageOutcome::Passed);
        let passed: Vec<String> = passed.map(|stage| stage.name.to_string()).collect();
        println!("Checked, and passed: {}.", passed.join(", "));
    }

    title("2. A job: three files → the tenant, mapped by their headers");
    let people_table = CsvSource::open(&people)?;
    let groups_table = CsvSource::builder(&groups).class(Class::GROUP).build()?;
    let people_mapping = Mapping::from_headers(people_table.headers());
    let groups_mapping = Mapping::from_group_headers(groups_table.headers()).with_memberships();
    for (file, made) in [("people.csv", &people_mapping), ("groups.csv", &groups_mapping)] {
        println!("{file}:");
        for (header, attribute) in &made.recognised {
            println!("  {header:<13} → {attribute}");
        }
    }
    println!("members.csv: who is in which group, and who owns it");
    let source = ByClass::new("files")
        .with(Class::USER, people_table)
        .with(Class::GROUP, CsvMemberships::open(groups_table, &members)?);
    let progress = Progress::new(false);
    let job = Job::builder("quickstart")
        .source(source)
        .target(entra)
        .mapping(people_mapping.mapping)
        .mapping(groups_mapping.mapping)
        .policy(Policy::outbound(Preferences::default()))
        .passwords(PasswordFile::open(folder.path().join("passwords.jsonl"))?)
        .state(RedbState::open(folder.path().join("state.redb"))?)
        .observer(progress.clone())
        .build()?;

    title("3. The plan. Nothing is written yet; it tells what is wrong in the files, and who waits for a seat");
    let plan = job.plan(Run::full()).await?;
    progress.clear();
    print!("{}", plan.summary());
    println!("One of its entries:");
    let person = |entry: &&Entry| entry.action == Action::Create && entry.class == Class::USER;
    if let Some(entry) = plan.entries().iter().find(person) {
        print!("{entry}");
    }

    title("4. Apply it");
    let report = job.apply(&plan, Apply::new()).await?;
    print!("{report}");
    println!(
        "The tenant now has {} users and {} groups; it took {} batches.",
        sim.users().len(),
        sim.groups().len(),
        sim.requests().batch_posts
    );

    title("5. Life goes on: joiners, movers and leavers, and a seat that is free again. The plan has exactly them");
    file("people.csv", &a_month_later(PEOPLE))?;
    file("members.csv", &members_a_month_later(MEMBERS))?;
    let plan = job.plan(Run::incremental()).await?;
    progress.clear();
    plan.entries().iter().filter(|entry| entry.runs()).for_each(show);
    println!();
    print!("{}", job.apply(&plan, Apply::new()).await?);

    title("6. Once more: nothing left to do");
    let plan = job.plan(Run::full()).await?;
    progress.clear();
    if !plan.is_converged() {
        return Err(Error::new(ErrorKind::Stale, "the last run should have had nothing to do"));
    }
    let linked = plan.situations().get(&Situation::Confirmed).copied().unwrap_or_default();
    let open = plan.entries().iter().filter(|entry| entry.needs_attention()).count();
    println!(
        "Nothing to change: {linked} people and groups are as the files say; {open} entries still wait for a person."
    );

    title("What to read next");
    println!("  examples/own_store.rs   your own user table in place of a file, in 60 lines");
    println!("  examples/provision.rs   the real tool, for a real tenant: cargo run --example provision -- --help");
    println!(
        "  examples/service.rs     a job in a web service, by a schedule, with its pages: cargo run --example service"
    );
    println!("  examples/import.rs      the other direction: cargo run --example import");
    println!("  cargo doc --open        the library");
    Ok(ExitCode::SUCCESS)
}

/// An entry in full; one that makes an object, by its first line.
fn show(entry: &Entry) {
    let text = entry.to_string();
    let lines = if entry.action == Action::Create { 1 } else { usize::MAX };
    text.lines().take(lines).for_each(|line| println!("{line}"));
}

/// Two people join, three get another title, one becomes inactive, one is gone from the file, and one of those
/// with E5 is to have E3.
fn a_month_later(people: &str) -> String {
    let mut lines: Vec<String> = people.lines().map(str::to_owned).collect();
    for line in &mut lines[2..5] {
        let mut cells: Vec<&str> = line.split(',').collect();
        cells[4] = "Team Lead";
        *line = cells.join(",");
    }
    lines[6] = lines[6].replace(",Active,", ",Inactive,");
    if let Some(line) = lines.iter_mut().find(|line| line.contains("ENTERPRISEPREMIUM")) {
        *line = line.replace("ENTERPRISEPREMIUM", "ENTERPRISEPACK");
    }
    lines.remove(8);
    lines.push("1501,Ada,Lovelace,Active,Software Engineer,Engineering,Dublin,IE,1020,ENTERPRISEPACK,".to_owned());
    lines.push("1502,Zoë,O'Hara,Active,Recruiter,People,Lyon,FR,1010,ENTERPRISEPACK,".to_owned());
    lines.join("\n") + "\n"
}

/// The two who joined are in their departments' groups, and the one who is gone is in none.
fn members_a_month_later(members: &str) -> String {
    let stayed = members.lines().filter(|line| !line.contains(",1008,"));
    stayed.chain(["engineering,1501,user", "people,1502,user", ""]).collect::<Vec<_>>().join("\n")
}

fn write(file: PathBuf, text: &str) -> Result<PathBuf> {
    std::fs::write(&file, text).map_err(|error| failed("cannot write a file", error))?;
    Ok(file)
}

fn failed(message: &'static str, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Store, message).with_source(error)
}
