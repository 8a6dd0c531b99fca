//! The other direction: users of a tenant into a file of one's own, reviewed in four lists.
//!
//! ```sh
//! cargo run --example import        # on a simulated tenant, in a folder that is thrown away
//! AZURE_CLIENT_SECRET=… cargo run --example import -- --tenant contoso.com --client-id … --file people.csv --plan
//! ```

mod common;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use common::Interrupt;
use common::files::{has_extension, is_json_lines, open_private, read_plan, write_plan, write_private, write_report};
use common::terminal::{Progress, bold, confirmed, title};
use entrant::adapters::{CsvTarget, Entra, JsonlTarget, RedbState};
use entrant::connection::{Connection, Operation};

use entrant::job::{Apply, Run};
use entrant::model::{AttributeSchema, Name, eq};
use entrant::reconcile::{Bucket, Entry, Guard, Winner};
use entrant::sim::Sim;
use entrant::store::MemoryState;
use entrant::{Error, ErrorKind, Job, Mapping, Plan, Policy, Report, Result, State, Target};

/// How many entries of a list are shown.
const SHOWN: usize = 20;

/// Imports users of a Microsoft Entra tenant into a CSV file or JSON Lines
///
/// Shows four lists (new, update, activate, deactivate), asks, and writes the file; nothing is ever written to the
/// tenant. Without --file it shows all that on a simulated tenant. Exit codes: 0 done, 1 error, 2 the plan has changes
/// (--plan), 3 a guard stopped it, 4 applied but some entries failed, are blocked or need attention.
#[derive(Parser)]
struct Flags {
    /// The file, made if it is not there: CSV, or JSON Lines (*.jsonl)
    ///
    /// Its columns or members userName, givenName, sn, mail, displayName and active are written, all others are kept.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The column or member with each person's own id; a new one has the id of the user in the tenant
    #[arg(long, value_name = "COLUMN", default_value = "id", requires = "file")]
    key: String,
    #[command(flatten)]
    connection: common::ConnectionFlags,
    /// The lists to carry out (default: all of the plan)
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    select: Vec<Bucket>,
    /// Whose values win where both sides have the person
    #[arg(long, value_enum, default_value = "entra")]
    winner: Wins,
    /// Look at users with this mail address only
    #[arg(long, value_name = "ADDRESS")]
    mail: Option<String>,
    /// Guards to lift for this plan
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    lift: Vec<Guard>,
    /// Where is remembered who is whom
    #[arg(long, value_name = "FILE", default_value = "entrant.redb")]
    state: PathBuf,
    /// Show the plan and change nothing
    #[arg(long, requires = "file", conflicts_with = "apply")]
    plan: bool,
    /// Save the plan, which is personal data: as JSON, or as JSON Lines, one HTML page or Markdown if the name ends in
    /// .jsonl, .html or .md
    #[arg(long, value_name = "FILE", requires = "plan")]
    out: Option<PathBuf>,
    /// Apply exactly this saved plan
    #[arg(long, value_name = "PLAN", requires = "file", conflicts_with_all = ["select", "mail"])]
    apply: Option<PathBuf>,
    /// Save the report: as JSON, or as one page or Markdown if the name ends in .html or .md
    #[arg(long, value_name = "FILE", requires = "file")]
    report: Option<PathBuf>,
    /// Print one JSON document in place of text
    #[arg(long)]
    json: bool,
    /// Apply without asking
    #[arg(long)]
    yes: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Wins {
    /// The tenant's values overwrite the file's
    Entra,
    /// The file's values stay
    Local,
}

#[tokio::main]
async fn main() -> ExitCode {
    let flags: Flags = match common::flags() {
        Ok(flags) => flags,
        Err(code) => return code,
    };
    common::unless_interrupted(async |interrupt| match &flags.file {
        Some(file) => import(&flags, file, &interrupt).await,
        None => demonstrate(&flags).await,
    })
    .await
}

async fn import(flags: &Flags, file: &Path, interrupt: &Interrupt) -> Result<ExitCode> {
    let saved = flags.apply.as_deref().map(read_plan).transpose()?;
    // All that reading people takes.
    let operations = [Operation::ReadUsers, Operation::ReadOrganization, Operation::ReadDomains];
    let connection = flags.connection.connection()?.with_operations(operations.into_iter().collect());
    let builder = Entra::builder(connection).transport(flags.connection.transport()?);
    // A look at the plan leaves nothing behind.
    let state: Arc<dyn State> = match flags.plan && !flags.state.exists() {
        true => Arc::new(MemoryState::new()),
        false => Arc::new(RedbState::open(&flags.state)?),
    };
    let progress = Progress::new(flags.json);
    let job = job(&progress, flags, builder.connect().await?, file, state)?;
    let plan = match saved {
        Some(plan) => plan,
        None => picked(flags, &job.plan(run(flags)).await?),
    };
    progress.clear();
    if let Some(out) = &flags.out {
        match out {
            out if has_extension(out, "html") => write_private(out, plan.html())?,
            out if has_extension(out, "md") => write_private(out, plan.markdown())?,
            out => write_plan(out, &plan)?,
        }
    }
    let breaches = job.breaches(&plan).await?;
    let guards: Vec<_> = breaches.into_iter().filter(|breach| !flags.lift.contains(&breach.guard)).collect();
    if !flags.json && flags.apply.is_none() {
        print_lists(&plan);
        guards.iter().for_each(|breach| println!("{breach}"));
    }
    let print_json = |report: Option<&Report>| {
        if flags.json {
            println!("{}", serde_json::json!({ "plan": plan, "guards": guards, "report": report }));
        }
    };
    if flags.plan {
        print_json(None);
        return Ok(common::planned(&plan));
    }
    if !guards.is_empty() {
        print_json(None);
        if !flags.json {
            let kinds = common::lifts(&guards);
            println!("Nothing was changed. Review the lists, and pass --lift {kinds} if they are right.");
        }
        return Ok(ExitCode::from(3));
    }
    if flags.apply.is_none() && !plan.is_converged() && !confirmed(flags.yes).await? {
        print_json(None);
        eprintln!("Nothing was changed.");
        return Ok(ExitCode::SUCCESS);
    }
    // Before anything is changed: a report that cannot be kept is better known in time.
    let report_file = flags.report.as_ref().map(|file| open_private(file).map(|out| (file, out))).transpose()?;
    let apply = flags.lift.iter().fold(Apply::new().wait(Duration::from_secs(90)), |apply, guard| apply.lift(*guard));
    let report = job.apply(&plan, interrupt.stops(apply)).await?;
    print_json(Some(&report));
    if !flags.json {
        print!("{report}");
    }
    if let Some((file, out)) = report_file {
        write_report(file, out, &report)?;
    }
    Ok(common::ended(&report.status))
}

/// Entra → the file.
fn job(progress: &Progress, flags: &Flags, entra: Entra, file: &Path, state: Arc<dyn State>) -> Result<Job> {
    let key = Name::from(&*flags.key);
    let winner = match flags.winner {
        Wins::Entra => Winner::Source,
        Wins::Local => Winner::Target,
    };
    Ok(Job::builder("import")
        .source(entra)
        .target(store(file, &key)?)
        .mapping(
            Mapping::users()
                .attribute(key, "id")
                .attribute("userName", "userPrincipalName")
                .attribute("givenName", "givenName")
                .attribute("sn", "surname")
                .attribute("mail", "mail")
                .attribute("displayName", "displayName")
                .attribute("active", "accountEnabled")
                .match_on("userName"),
        )
        .policy(Policy::inbound(winner))
        .observer(progress.clone())
        .state(state)
        .build()?)
}

fn store(file: &Path, key: &Name) -> Result<Box<dyn Target>> {
    let text = AttributeSchema::text;
    macro_rules! declare {
        ($builder:expr) => {
            $builder
                .key(key.clone())
                .attribute("userName", text().ignore_case().required().unique_in("userName"))
                .attribute("givenName", text())
                .attribute("sn", text())
                .attribute("mail", text().ignore_case())
                .attribute("displayName", text())
                .status("active")
                .label("userName")
                .build()?
        };
    }
    Ok(match is_json_lines(file) {
        true => Box::new(declare!(JsonlTarget::builder(file).name("local"))),
        false => Box::new(declare!(CsvTarget::builder(file).name("local"))),
    })
}

fn run(flags: &Flags) -> Run {
    match &flags.mail {
        Some(mail) => Run::full().filter(eq("mail", mail.as_str())),
        None => Run::full(),
    }
}

fn picked(flags: &Flags, plan: &Plan) -> Plan {
    if flags.select.is_empty() {
        return plan.clone();
    }
    plan.select(|entry| flags.select.iter().any(|bucket| entry.is_in(*bucket)))
}

fn print_lists(plan: &Plan) {
    for (bucket, what) in [
        (Bucket::New, "in Entra, and not here"),
        (Bucket::Update, "on both sides, and they differ or are to be linked"),
        (Bucket::Activate, "inactive here, active in Entra"),
        (Bucket::Deactivate, "active here, inactive in Entra"),
    ] {
        let entries: Vec<&Entry> = plan.bucket(bucket).collect();
        println!("{} ({}): {what}", bold(bucket), entries.len());
        for entry in entries.iter().take(SHOWN) {
            println!("  {}", describe(entry));
        }
        if entries.len() > SHOWN {
            println!("  and {} more", entries.len() - SHOWN);
        }
    }
    let is_in_none = |entry: &&Entry| !Bucket::ALL.iter().any(|bucket| entry.is_in(*bucket));
    let others = plan.entries().iter().filter(is_in_none);
    for entry in others.filter(|entry| entry.needs_attention()).take(SHOWN) {
        println!(
            "to look at: {} [{}] {}",
            describe(entry),
            entry.situation,
            entry.reason.as_deref().unwrap_or_default()
        );
    }
    plan.problems().iter().for_each(|problem| println!("{}", problem.message));
}

fn describe(entry: &Entry) -> String {
    let mut text = entry.label.clone().unwrap_or_else(|| entry.key.id.to_string());
    for change in entry.changes.iter().filter(|change| change.old.is_some()) {
        let old = change.old.as_ref().map(ToString::to_string).unwrap_or_default();
        text.push_str(&format!("; {}: {old} → {}", change.attribute, change.new));
    }
    // What is left out or left as it is, and why.
    entry.problems.iter().for_each(|problem| text.push_str(&format!(" ({})", problem.message)));
    text
}

// On a simulated tenant.

const TABLE: &str = "\
id,room,userName,givenName,sn,mail,displayName,active
1,4.01,ada@contoso.com,Augusta,Lovelace,ada@contoso.com,Ada Lovelace,true
2,4.02,alan@contoso.com,Alan,Turing,alan@contoso.com,Alan Turing,false
3,4.03,grace@contoso.com,Grace,Hopper,grace@contoso.com,Grace Hopper,true
4,4.04,guest@contoso.com,Somebody,Else,,Not in Entra,true
";

/// Everything from beginning to end; leaves nothing behind.
async fn demonstrate(flags: &Flags) -> Result<ExitCode> {
    let failed = |error| Error::new(ErrorKind::Store, "cannot make a file").with_source(error);
    let folder = tempfile::tempdir().map_err(failed)?;
    let file = folder.path().join("people.csv");
    std::fs::write(&file, TABLE).map_err(failed)?;
    let sim = Sim::builder().domain("contoso.com").build();
    for (login, given, surname, active) in [
        ("ada", "Ada", "Lovelace", true),
        ("alan", "Alan", "Turing", true),
        ("grace", "Grace", "Hopper", false),
        ("edsger", "Edsger", "Dijkstra", true),
        ("barbara", "Barbara", "Liskov", true),
    ] {
        sim.add_user(serde_json::json!({
            "userPrincipalName": format!("{login}@contoso.com"), "mail": format!("{login}@contoso.com"),
            "displayName": format!("{given} {surname}"), "givenName": given, "surname": surname, "accountEnabled": active,
        }));
    }
    let connection = Connection::builder(sim.tenant_id(), sim.client_id())
        .client_secret(sim.client_secret())
        .cloud(sim.cloud())
        .build()?;
    let entra = Entra::builder(connection).transport(sim.transport()).connect().await?;
    let progress = Progress::new(true);
    let job = job(&progress, flags, entra, &file, Arc::new(RedbState::open(folder.path().join("state.redb"))?))?;
    let show = || std::fs::read_to_string(&file).map(|text| print!("{text}")).map_err(failed);

    title("1. A simulated tenant, and a table of one's own");
    show()?;

    title("2. The import in four lists. Nothing is written yet");
    let plan = job.plan(run(flags)).await?;
    print_lists(&plan);

    title("3. All but one of the new ones are picked, and applied; the first adoption is allowed by name");
    let ticked = |entry: &Entry| entry.label.as_deref() != Some("barbara@contoso.com");
    let chosen = picked(flags, &plan).select(|entry| !entry.is_in(Bucket::New) || ticked(entry));
    print!("{}", job.apply(&chosen, Apply::new().lift(Guard::Adopt)).await?);
    show()?;

    title("4. Someone changes a name in Entra; who was taken over as active is disabled here now");
    sim.update_user("edsger@contoso.com", serde_json::json!({"givenName": "E. W."}));
    let plan = picked(flags, &job.plan(run(flags)).await?);
    print_lists(&plan);
    print!("{}", job.apply(&plan, Apply::new()).await?);
    show()?;

    title("5. Once more: nothing left to do");
    let plan = picked(flags, &job.plan(run(flags)).await?);
    print!("{}", plan.summary());
    if !plan.is_converged() {
        return Err(Error::new(ErrorKind::Stale, "the last run should have had nothing to do"));
    }
    println!("Nothing was written to the tenant: {} writes in its audit.", sim.audit().len());
    println!("A real one: cargo run --example import -- --help");
    Ok(ExitCode::SUCCESS)
}
