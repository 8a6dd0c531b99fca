//! Provisions people from a file into a tenant, by way of a plan.
//!
//! ```sh
//! AZURE_CLIENT_SECRET=… cargo run --example provision -- --tenant contoso.com --client-id … \
//!     --users people.csv --passwords passwords.jsonl --plan
//! ```

mod common;

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use entrant::adapters::{CsvSource, Entra, JsonlSource, PasswordFile, RedbState};
use entrant::job::{Apply, Event, JobBuilder, Observer, Run, RunStatus};
use entrant::mapping::HeaderMapping;
use entrant::reconcile::{Breach, Guard, Leaver};
use entrant::store::MemoryState;
use entrant::{Error, ErrorKind, Job, Mapping, Plan, Policy, Preferences, Report, Result};
use indicatif::{ProgressBar, ProgressStyle};

/// Provisions people from a file into a Microsoft Entra tenant
///
/// Without --plan or --apply: plans, shows, asks, applies. Exit codes: 0 done, 1 error, 2 the plan has changes (--plan),
/// 3 a guard stopped it, 4 applied but some entries failed, are blocked or need attention.
#[derive(Parser)]
struct Flags {
    /// The people: a CSV file with a header, or JSON Lines (*.jsonl)
    #[arg(long, value_name = "FILE")]
    users: PathBuf,
    /// The column with each person's own id (default: the first)
    #[arg(long, value_name = "COLUMN")]
    key: Option<String>,
    #[command(flatten)]
    connection: common::ConnectionFlags,
    /// The domain for %Domain% (default: the tenant's default verified domain)
    #[arg(long)]
    domain: Option<String>,
    /// Where initial passwords go, created for your eyes only; needed when people are created
    #[arg(long, value_name = "FILE")]
    passwords: Option<PathBuf>,
    /// Create nobody
    #[arg(long)]
    no_create: bool,
    /// Change no attributes
    #[arg(long)]
    no_update: bool,
    /// Disable nobody
    #[arg(long)]
    no_disable: bool,
    /// Create accounts for inactive people too, switched off
    #[arg(long)]
    create_inactive: bool,
    /// What becomes of accounts whose person left the scope
    #[arg(long, value_enum)]
    on_leave: Option<OnLeave>,
    /// What becomes of accounts whose person is gone from the file
    #[arg(long, value_enum)]
    on_delete: Option<OnLeave>,
    /// Guards to lift for this plan
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    lift: Vec<Guard>,
    /// Where is remembered who is whom
    #[arg(long, value_name = "FILE", default_value = "entrant.redb")]
    state: PathBuf,
    /// Look at everybody (the default)
    #[arg(long)]
    full: bool,
    /// What to allow that is refused otherwise
    #[arg(long, value_enum, value_delimiter = ',')]
    allow: Vec<Allow>,
    /// Show the plan and change nothing
    #[arg(long, conflicts_with = "apply")]
    plan: bool,
    /// Save the plan, which is personal data
    #[arg(long, value_name = "FILE", requires = "plan")]
    out: Option<PathBuf>,
    /// Apply exactly this saved plan
    #[arg(long, value_name = "FILE")]
    apply: Option<PathBuf>,
    /// Look at one person only, with the explanation
    #[arg(long, value_name = "KEY", conflicts_with = "apply")]
    only: Option<String>,
    /// Save the report
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print one JSON document in place of text
    #[arg(long)]
    json: bool,
    /// Apply without asking
    #[arg(long)]
    yes: bool,
    /// Print the mapping that is made from the file's header, and end
    #[arg(long)]
    show_mapping: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum OnLeave {
    Keep,
    Disable,
    Delete,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Allow {
    /// A file that is complete and empty
    EmptySource,
    /// Deleting accounts that were there before
    DeleteAdopted,
}

#[tokio::main]
async fn main() -> ExitCode {
    match common::flags() {
        Ok(flags) => common::exit(provision(flags).await),
        Err(code) => code,
    }
}

async fn provision(flags: Flags) -> Result<ExitCode> {
    let (mapping, job) = source(&flags)?;
    if flags.show_mapping {
        print_mapping(&mapping);
        return Ok(ExitCode::SUCCESS);
    }
    if !flags.json {
        for header in &mapping.unrecognised {
            eprintln!("note: column {header} is not recognised and left out");
        }
    }
    let entra =
        Entra::builder(flags.connection.connection()?).transport(flags.connection.transport()?).connect().await?;
    let job = finish(&flags, job, mapping.mapping, entra)?;
    let plan = match &flags.apply {
        Some(file) => Plan::from_json(&read(file)?)?,
        None => job.plan(run(&flags)).await?,
    };
    if let (Some(key), true) = (&flags.only, plan.situations().is_empty() && plan.owned_elsewhere() == 0) {
        return Err(Error::new(
            ErrorKind::NotFound,
            "nobody has this key, in the file or among those provisioned before",
        )
        .with_context("key", key)
        .with_context("file", flags.users.display()));
    }
    let guards: Vec<Breach> =
        job.breaches(&plan).await?.into_iter().filter(|breach| !flags.lift.contains(&breach.guard)).collect();
    if let Some(file) = &flags.out {
        write_private(file, &mut open_private(file)?, &plan.to_json())?;
    }
    if !flags.json && flags.apply.is_none() {
        print!("{plan}");
        guards.iter().for_each(|breach| println!("{breach}"));
    }
    if flags.plan {
        print_json(&flags, &plan, &guards, None);
        return Ok(planned(&plan));
    }
    if !guards.is_empty() {
        print_json(&flags, &plan, &guards, None);
        if !flags.json {
            println!("Nothing was changed. Review the plan, and pass --lift {} if it is right.", lifts(&guards));
        }
        return Ok(ExitCode::from(3));
    }
    if flags.apply.is_none() && !plan.is_converged() && !confirmed(&flags)? {
        println!("Nothing was changed.");
        return Ok(ExitCode::SUCCESS);
    }
    let apply = flags.lift.iter().fold(Apply::new().wait(Duration::from_secs(90)), |apply, guard| apply.lift(*guard));
    // Before anything is changed: a report that cannot be kept is better known in time.
    let report_file = match &flags.report {
        Some(file) => Some((file, open_private(file)?)),
        None => None,
    };
    let report = job.apply(&plan, apply).await?;
    print_json(&flags, &plan, &guards, Some(&report));
    if !flags.json {
        print!("{report}");
    }
    if let Some((file, mut out)) = report_file {
        write_private(file, &mut out, &to_json(&report))?;
    }
    Ok(match report.status {
        RunStatus::Complete => ExitCode::SUCCESS,
        RunStatus::Stopped { .. } => ExitCode::from(3),
        _ => ExitCode::from(4),
    })
}

/// The mapping that fits the file's header, and a job that reads the file.
fn source(flags: &Flags) -> Result<(HeaderMapping, JobBuilder)> {
    // The store's name is part of what is remembered: it must not change with the file's.
    const NAME: &str = "people";
    let job = Job::builder("provision");
    if flags.users.extension().is_some_and(|extension| extension == "jsonl") {
        let key = flags.key.clone().ok_or_else(|| {
            Error::new(
                ErrorKind::Invalid,
                "JSON Lines have no first column: say with --key which member is each person's own id",
            )
        })?;
        let source = JsonlSource::builder(&flags.users).key(key).name(NAME).build()?;
        return Ok((Mapping::from_headers(&members(&flags.users)?), job.source(source)));
    }
    let mut builder = CsvSource::builder(&flags.users).name(NAME);
    if let Some(key) = &flags.key {
        builder = builder.key(key.as_str());
    }
    let source = builder.build()?;
    Ok((Mapping::from_headers(source.headers()), job.source(source)))
}

fn finish(flags: &Flags, mut job: JobBuilder, mapping: Mapping, entra: Entra) -> Result<Job> {
    job =
        job.target(entra).mapping(mapping).policy(Policy::outbound(preferences(flags))).observer(Progress::new(flags));
    if let Some(domain) = &flags.domain {
        job = job.parameter("Domain", domain.as_str());
    }
    job = match &flags.passwords {
        // A look at the plan leaves nothing behind.
        _ if flags.plan => job.passwords(NoPasswords),
        Some(file) => job.passwords(PasswordFile::open(file)?),
        None if flags.no_create => job.passwords(NoPasswords),
        None => {
            return Err(Error::new(
                ErrorKind::Invalid,
                "say where initial passwords go with --passwords FILE, or pass --no-create",
            ));
        }
    };
    if flags.plan && !flags.state.exists() {
        job.state(MemoryState::new())
    } else {
        job.state(RedbState::open(&flags.state)?)
    }
    .build()
    .map_err(Error::from)
}

fn preferences(flags: &Flags) -> Preferences {
    let leaver = |on_leave| match on_leave {
        OnLeave::Keep => Leaver::keep(),
        OnLeave::Disable => Leaver::disable(),
        OnLeave::Delete => Leaver::delete(),
    };
    let mut preferences = Preferences::default();
    if flags.no_create {
        preferences = preferences.without_create();
    }
    if flags.no_update {
        preferences = preferences.without_update();
    }
    if flags.no_disable {
        preferences = preferences.without_disable();
    }
    if flags.create_inactive {
        preferences = preferences.with_create_inactive();
    }
    if let Some(on_leave) = flags.on_leave {
        preferences = preferences.with_left_scope(leaver(on_leave));
    }
    if let Some(on_delete) = flags.on_delete {
        preferences = preferences.with_source_deleted(leaver(on_delete));
    }
    if flags.allow.contains(&Allow::DeleteAdopted) {
        preferences = preferences.with_delete_adopted();
    }
    preferences
}

fn run(flags: &Flags) -> Run {
    let run = flags.only.as_ref().map_or_else(Run::full, |key| Run::one(key.as_str()));
    if flags.allow.contains(&Allow::EmptySource) { run.allow_empty_source() } else { run }
}

/// Asks on a terminal; elsewhere --yes must have been given.
fn confirmed(flags: &Flags) -> Result<bool> {
    if flags.yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Error::new(ErrorKind::Invalid, "nobody to ask: pass --yes to apply, or --plan to look"));
    }
    print!("Apply? [y/N] ");
    std::io::stdout()
        .flush()
        .map_err(|error| file_error("cannot write to the terminal", Path::new("stdout"), error))?;
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| file_error("cannot read the answer", Path::new("stdin"), error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn planned(plan: &Plan) -> ExitCode {
    ExitCode::from(match (plan.is_converged(), plan.needs_attention() || is_partial(plan)) {
        (false, _) => 2,
        (true, true) => 4,
        (true, false) => 0,
    })
}

fn is_partial(plan: &Plan) -> bool {
    plan.reads().iter().any(|read| read.completeness.as_ref().is_some_and(|end| !end.is_complete()))
}

fn lifts(guards: &[Breach]) -> String {
    guards.iter().map(|breach| breach.guard.as_str()).collect::<Vec<_>>().join(",")
}

fn print_mapping(mapping: &HeaderMapping) {
    println!("{}", mapping.mapping);
    for (header, reason) in &mapping.not_mapped {
        println!("not mapped: {header} ({reason})");
    }
    for header in &mapping.unrecognised {
        println!("not recognised: {header}");
    }
}

fn print_json(flags: &Flags, plan: &Plan, guards: &[Breach], report: Option<&Report>) {
    if flags.json {
        let document = serde_json::json!({ "plan": plan, "guards": guards, "report": report });
        println!("{document}");
    }
}

fn to_json(report: &Report) -> String {
    serde_json::to_string_pretty(report).expect("a report is plain data")
}

/// The member names of a JSON Lines file: of all its lines, since no one of them need have all.
fn members(file: &Path) -> Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for line in read(file)?.lines() {
        // What is wrong with a line is said when it is read as a record.
        let Ok(members) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(line) else { continue };
        names.extend(members.into_iter().map(|(name, _)| name));
        names.sort_unstable();
        names.dedup();
    }
    if names.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "no line is a JSON object with members; each is to be one person")
            .with_context("file", file.display()));
    }
    Ok(names)
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|error| file_error("cannot read the file", file, error))
}

/// A file for personal data, which only its owner can read; also if it was there before.
fn open_private(file: &Path) -> Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let opened = options.open(file);
    #[cfg(unix)]
    let opened = opened.and_then(|out| {
        out.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        Ok(out)
    });
    opened.map_err(|error| file_error("cannot write the file", file, error))
}

fn write_private(file: &Path, out: &mut std::fs::File, text: &str) -> Result<()> {
    writeln!(out, "{text}").map_err(|error| file_error("cannot write the file", file, error))
}

fn file_error(message: &'static str, file: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Invalid, message).with_context("file", file.display()).with_source(error)
}

/// Stands in where nobody is created.
#[derive(Debug)]
struct NoPasswords;

#[async_trait::async_trait]
impl entrant::store::PasswordSink for NoPasswords {
    async fn prepare(&self, _: Vec<entrant::store::InitialPassword>) -> Result<Vec<entrant::secret::Secret>> {
        Err(Error::new(ErrorKind::Invalid, "say where initial passwords go with --passwords FILE"))
    }

    async fn confirm(&self, _: Vec<(String, entrant::model::ObjectId)>) -> Result<()> {
        Ok(())
    }
}

/// A progress bar on a terminal, and nothing elsewhere.
#[derive(Debug)]
struct Progress(ProgressBar);

impl Progress {
    fn new(flags: &Flags) -> Self {
        let shown = !flags.json && std::io::stderr().is_terminal();
        let bar = if shown { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}").expect("a template without faults");
        Self(bar.with_style(style))
    }
}

impl Observer for Progress {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Reading { store, objects, .. } => {
                self.0.set_message(format!("reading {store}"));
                self.0.set_position(*objects);
            }
            Event::Applying { entries } => {
                self.0.set_message("applying");
                self.0.set_length(*entries);
                self.0.set_position(0);
            }
            Event::Entry(_) => self.0.inc(1),
            Event::Finished(_) => self.0.finish_and_clear(),
            _ => {}
        }
    }
}
