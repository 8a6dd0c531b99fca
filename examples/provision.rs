//! Provisions people and groups from files into a tenant, by way of a plan.
//!
//! ```sh
//! AZURE_CLIENT_SECRET=… cargo run --example provision -- --tenant contoso.com --client-id … \
//!     --users people.csv --groups groups.csv --members members.csv --passwords passwords.jsonl --plan
//! ```

mod common;

use std::fmt;
use std::io::{BufRead, BufReader, BufWriter, IsTerminal, Write};
use std::iter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use entrant::adapters::{CsvMemberships, CsvSource, Entra, JsonlSource, PasswordFile, RedbState};
use entrant::job::{Apply, Event, JobBuilder, Observer, Run, RunStatus};
use entrant::mapping::HeaderMapping;
use entrant::model::{Class, Name};
use entrant::reconcile::{Breach, Guard, Leaver};
use entrant::store::{ByClass, MemoryState};
use entrant::{Error, ErrorKind, Job, Mapping, Plan, Policy, Preferences, Report, Result, Source};
use indicatif::{ProgressBar, ProgressStyle};

/// Provisions people and groups from files into a Microsoft Entra tenant
///
/// Without --plan or --apply: plans, shows, asks, applies. Exit codes: 0 done, 1 error, 2 the plan has changes (--plan),
/// 3 a guard stopped it, 4 applied but some entries failed, are blocked or need attention.
#[derive(Parser)]
struct Flags {
    /// The people: a CSV file with a header, or JSON Lines (*.jsonl)
    ///
    /// A column skuId (or license, licence, sku) holds the products that each gets, by part number or id, several separated
    /// by semicolons; a cell that becomes empty takes away what was given before. A column managerId (or supervisorId)
    /// holds the id of the manager's row.
    #[arg(long, value_name = "FILE")]
    users: PathBuf,
    /// Take over groups of the tenant that have the name of one in the file, and no unique name of their own
    #[arg(long, requires = "groups")]
    adopt_groups_by_name: bool,
    /// The groups: a CSV file with a header, whose first column is each group's own id, or JSON Lines with an id
    #[arg(long, value_name = "FILE")]
    groups: Option<PathBuf>,
    /// Who is in which group: a CSV file with columns groupId, memberId and, if need be, type (user, group or owner)
    #[arg(long, value_name = "FILE")]
    members: Option<PathBuf>,
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
    /// What becomes of accounts whose person left the scope, and of such groups if it is delete
    #[arg(long, value_enum)]
    on_leave: Option<OnLeave>,
    /// What becomes of accounts whose person is gone from the file, and of such groups if it is delete
    #[arg(long, value_enum)]
    on_delete: Option<OnLeave>,
    /// Guards to lift for this plan
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    lift: Vec<Guard>,
    /// Where is remembered who is whom
    #[arg(long, value_name = "FILE", default_value = "entrant.redb")]
    state: PathBuf,
    /// Look at everybody (the default)
    #[arg(long, conflicts_with = "incremental")]
    full: bool,
    /// Look at what changed in the files and in the tenant since the last run; who is gone from a file is seen by a full run
    #[arg(long, conflicts_with = "only")]
    incremental: bool,
    /// What to allow that is refused otherwise
    #[arg(long, value_enum, value_delimiter = ',')]
    allow: Vec<Allow>,
    /// Show the plan and change nothing
    #[arg(long, conflicts_with = "apply")]
    plan: bool,
    /// Save the plan, which is personal data: as JSON, or as JSON Lines if the name ends in .jsonl
    #[arg(long, value_name = "FILE", requires = "plan")]
    out: Option<PathBuf>,
    /// Save the plan as one HTML page to read and search through
    #[arg(long, value_name = "FILE", requires = "plan")]
    html: Option<PathBuf>,
    /// Save the plan as Markdown
    #[arg(long, value_name = "FILE", requires = "plan")]
    markdown: Option<PathBuf>,
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
    /// Print the mappings that are made from the files' headers, and end
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
    /// Disabling and deleting accounts that have a say over others, such as administrators
    Privileged,
}

#[tokio::main]
async fn main() -> ExitCode {
    match common::flags() {
        Ok(flags) => common::exit(provision(flags).await),
        Err(code) => code,
    }
}

async fn provision(flags: Flags) -> Result<ExitCode> {
    let Files { source, people, groups } = files(&flags)?;
    if flags.show_mapping {
        iter::once(&people).chain(&groups).for_each(print_mapping);
        return Ok(ExitCode::SUCCESS);
    }
    if !flags.json {
        for made in iter::once(&people).chain(&groups) {
            for header in &made.unrecognised {
                let class = made.mapping.target_class();
                eprintln!("note: {class} column {header} is not recognised and left out");
            }
        }
    }
    let entra =
        Entra::builder(flags.connection.connection()?).transport(flags.connection.transport()?).connect().await?;
    let mut job = Job::builder("provision").source(source).target(entra).mapping(people.mapping);
    if let Some(groups) = groups {
        job = job.mapping(groups.mapping.policy(Policy::outbound(group_preferences(&flags))));
    }
    let job = finish(&flags, job)?;
    let plan = match &flags.apply {
        Some(file) => read_plan(file)?,
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
    write_plan(&flags, &plan)?;
    if !flags.json && flags.apply.is_none() {
        print!("{plan}");
        if let Some(key) = &flags.only {
            // Who is gone from the file has nothing to explain.
            let explanations = job.explain(key).await.unwrap_or_default();
            explanations.iter().for_each(|explanation| print!("\n{explanation}"));
        }
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
        write_private(file, &mut out, to_json(&report))?;
    }
    Ok(match report.status {
        RunStatus::Complete => ExitCode::SUCCESS,
        RunStatus::Stopped { .. } => ExitCode::from(3),
        _ => ExitCode::from(4),
    })
}

/// The plan in all forms that were asked for.
fn write_plan(flags: &Flags, plan: &Plan) -> Result<()> {
    if let Some(file) = &flags.out {
        let mut out = BufWriter::new(open_private(file)?);
        if is_json_lines(file) {
            plan.write_json_lines(out).map_err(|error| error.with_context("file", file.display()))?;
        } else {
            write_private(file, &mut out, plan.to_json())?;
        }
    }
    if let Some(file) = &flags.html {
        write_private(file, &mut BufWriter::new(open_private(file)?), plan.html())?;
    }
    if let Some(file) = &flags.markdown {
        write_private(file, &mut BufWriter::new(open_private(file)?), plan.markdown())?;
    }
    Ok(())
}

fn read_plan(file: &Path) -> Result<Plan> {
    if !is_json_lines(file) {
        return Plan::from_json(&read(file)?);
    }
    let open = std::fs::File::open(file).map_err(|error| file_error("cannot read the file", file, error))?;
    Plan::read_json_lines(BufReader::new(open)).map_err(|error| error.with_context("file", file.display()))
}

fn is_json_lines(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "jsonl")
}

/// The files as one source, and the mappings that fit their headers.
struct Files {
    source: ByClass,
    people: HeaderMapping,
    groups: Option<HeaderMapping>,
}

fn files(flags: &Flags) -> Result<Files> {
    let (people, headers) = table(&flags.users, flags.key.as_deref(), Class::USER)?;
    let people_mapping = Mapping::from_headers(&headers);
    // The store's name is part of what is remembered: it must not change with the files'.
    let source = ByClass::new("people").with(Class::USER, people);
    let Some(file) = &flags.groups else {
        return match flags.members {
            Some(_) => Err(Error::new(ErrorKind::Invalid, "--members needs the groups: give them with --groups FILE")),
            None => Ok(Files { source, people: people_mapping, groups: None }),
        };
    };
    let (groups, headers) = table(file, None, Class::GROUP)?;
    let mut mapping = Mapping::from_group_headers(&headers);
    if flags.adopt_groups_by_name {
        mapping.mapping = mapping.mapping.match_on("displayName");
    }
    let (source, mapping) = match &flags.members {
        Some(members) => {
            let memberships = CsvMemberships::open(groups, members)?;
            let may_be_empty = flags.allow.contains(&Allow::EmptySource);
            let memberships = if may_be_empty { memberships.allow_empty() } else { memberships };
            (source.with(Class::GROUP, memberships), mapping.with_memberships())
        }
        None => (source.with(Class::GROUP, groups), mapping),
    };
    Ok(Files { source, people: people_mapping, groups: Some(mapping) })
}

/// A file of one class, and the names of its columns.
fn table(file: &Path, key: Option<&str>, class: Class) -> Result<(Box<dyn Source>, Vec<Name>)> {
    if is_json_lines(file) {
        let key = match (key, &class) {
            (Some(key), _) => key,
            (None, class) if *class == Class::GROUP => "id",
            (None, _) => {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    "JSON Lines have no first column: say with --key which member is each person's own id",
                ));
            }
        };
        let source = JsonlSource::builder(file).key(key).class(class).build()?;
        return Ok((Box::new(source), members(file)?));
    }
    let mut builder = CsvSource::builder(file).class(class);
    if let Some(key) = key {
        builder = builder.key(key);
    }
    let source = builder.build()?;
    let headers = source.headers().to_vec();
    Ok((Box::new(source), headers))
}

fn finish(flags: &Flags, mut job: JobBuilder) -> Result<Job> {
    job = job.policy(Policy::outbound(preferences(flags))).observer(Progress::new(flags));
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

/// What people and groups have in common.
fn common_preferences(flags: &Flags) -> Preferences {
    let mut preferences = Preferences::default();
    if flags.no_create {
        preferences = preferences.without_create();
    }
    if flags.no_update {
        preferences = preferences.without_update();
    }
    if flags.allow.contains(&Allow::DeleteAdopted) {
        preferences = preferences.with_delete_adopted();
    }
    if flags.allow.contains(&Allow::Privileged) {
        preferences = preferences.with_privileged();
    }
    preferences
}

/// Groups cannot be disabled: they are kept unless they are to be deleted.
fn group_preferences(flags: &Flags) -> Preferences {
    let leaver = |on_leave| if on_leave == Some(OnLeave::Delete) { Leaver::delete() } else { Leaver::keep() };
    common_preferences(flags).with_left_scope(leaver(flags.on_leave)).with_source_deleted(leaver(flags.on_delete))
}

fn preferences(flags: &Flags) -> Preferences {
    let leaver = |on_leave| match on_leave {
        OnLeave::Keep => Leaver::keep(),
        OnLeave::Disable => Leaver::disable(),
        OnLeave::Delete => Leaver::delete(),
    };
    let mut preferences = common_preferences(flags);
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
    preferences
}

fn run(flags: &Flags) -> Run {
    let run = match &flags.only {
        Some(key) => Run::one(key.as_str()),
        None if flags.incremental => Run::incremental(),
        None => Run::full(),
    };
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
fn members(file: &Path) -> Result<Vec<Name>> {
    let mut names: Vec<Name> = Vec::new();
    for line in read(file)?.lines() {
        // What is wrong with a line is said when it is read as a record.
        let Ok(members) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(line) else { continue };
        names.extend(members.into_iter().map(|(name, _)| Name::from(name)));
        names.sort_unstable();
        names.dedup();
    }
    if names.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "no line is a JSON object with members; each is to be one object")
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

fn write_private(file: &Path, out: &mut impl Write, text: impl fmt::Display) -> Result<()> {
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| file_error("cannot write the file", file, error))
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
