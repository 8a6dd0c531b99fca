//! The main job from beginning to end, on a simulated tenant: read, map, match, plan, review, apply, and again.
//!
//! ```sh
//! cargo run --example quickstart
//! ```

mod common;

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use entrant::adapters::{CsvSource, Entra, PasswordFile, RedbState};
use entrant::connection::Connection;
use entrant::job::{Apply, Event, Observer, Run};
use entrant::reconcile::Action;
use entrant::sim::Sim;
use entrant::{Error, ErrorKind, Job, Mapping, Policy, Preferences, Result};
use indicatif::ProgressBar;

const PEOPLE: &str = include_str!("data/people.csv");

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
    let file = folder.path().join("people.csv");
    write(&file, PEOPLE)?;

    title("1. A tenant, simulated inside this program, and a connection to it");
    let sim = Sim::builder().domain("contoso.com").build();
    let connection = Connection::builder(sim.tenant_id(), sim.client_id())
        .name("quickstart")
        .client_secret(sim.client_secret())
        .cloud(sim.cloud())
        .build()?;
    let entra = Entra::builder(connection).transport(sim.transport()).connect().await?;
    if let Some(check) = entra.connection().last_check() {
        println!("{check}");
    }

    title("2. A job: people.csv → the tenant, mapped by the header of the file");
    let source = CsvSource::builder(&file).name("people").build()?;
    let mapping = Mapping::from_headers(source.headers()).mapping;
    for (header, attribute) in Mapping::from_headers(source.headers()).recognised {
        println!("  {header:<13} → {attribute}");
    }
    let job = Job::builder("quickstart")
        .source(source)
        .target(entra)
        .mapping(mapping)
        .policy(Policy::outbound(Preferences::default()))
        .passwords(PasswordFile::open(folder.path().join("passwords.jsonl"))?)
        .state(RedbState::open(folder.path().join("state.redb"))?)
        .observer(Progress(if std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() }))
        .build()?;

    title("3. The plan. Nothing is written yet, and it tells what is wrong in the file");
    let plan = job.plan(Run::full()).await?;
    print!("{}", plan.summary());
    println!("One of its entries:");
    if let Some(entry) = plan.entries().iter().find(|entry| entry.action == Action::Create) {
        print!("{entry}");
    }

    title("4. Apply it");
    let report = job.apply(&plan, Apply::new()).await?;
    print!("{report}");
    println!("The tenant now has {} users; it took {} batches.", sim.users().len(), sim.requests().batch_posts);

    title("5. Life goes on: joiners, movers and leavers. The plan has exactly them");
    write(&file, &a_month_later(PEOPLE))?;
    let plan = job.plan(Run::full()).await?;
    print!("{plan}");
    let report = job.apply(&plan, Apply::new()).await?;
    print!("{report}");

    title("6. Once more: nothing left to do");
    let plan = job.plan(Run::full()).await?;
    print!("{}", plan.summary());
    if !plan.is_converged() {
        return Err(Error::new(ErrorKind::Stale, "the last run should have had nothing to do"));
    }

    title("What to read next");
    println!("  examples/own_store.rs   your own user table in place of a file, in 60 lines");
    println!("  examples/provision.rs   the real tool, for a real tenant: cargo run --example provision -- --help");
    println!("  cargo doc --open        the library");
    Ok(ExitCode::SUCCESS)
}

/// Two people join, three get another title, one becomes inactive, one is gone from the file.
fn a_month_later(people: &str) -> String {
    let mut lines: Vec<String> = people.lines().map(str::to_owned).collect();
    for line in &mut lines[2..5] {
        let mut cells: Vec<&str> = line.split(',').collect();
        cells[4] = "Team Lead";
        *line = cells.join(",");
    }
    lines[6] = lines[6].replace(",Active,", ",Inactive,");
    lines.remove(8);
    lines.push("1501,Ada,Lovelace,Active,Software Engineer,Engineering,Dublin,IE,".to_owned());
    lines.push("1502,Zoë,O'Hara,Active,Recruiter,People,Lyon,FR,".to_owned());
    lines.join("\n") + "\n"
}

fn title(text: &str) {
    println!("\n─── {text}\n");
}

fn write(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).map_err(|error| failed("cannot write people.csv", error))
}

fn failed(message: &'static str, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Store, message).with_source(error)
}

/// A progress bar on a terminal.
#[derive(Debug)]
struct Progress(ProgressBar);

impl Observer for Progress {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Applying { entries } => {
                self.0.reset();
                self.0.set_length(*entries);
            }
            Event::Entry(_) => self.0.inc(1),
            Event::Finished(_) => self.0.finish_and_clear(),
            _ => {}
        }
    }
}
