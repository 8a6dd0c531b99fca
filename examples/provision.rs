//! Provisions people and groups from files into a tenant, by way of a plan.
//!
//! ```sh
//! AZURE_CLIENT_SECRET=… cargo run --example provision -- --tenant contoso.com --client-id … \
//!     --users people.csv --groups groups.csv --members members.csv --passwords passwords.jsonl --plan
//! ```

mod common;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use common::Interrupt;
use common::files::{open_private, read_plan, write_plan, write_private, write_report};
use common::tables::{Mapped, Table, Tables};
use common::terminal::{Progress, confirmed};
use entrant::adapters::{Entra, PasswordFile, RedbState};
use entrant::connection::Operations;
use entrant::job::{Apply, JobBuilder, Run};
use entrant::reconcile::{Breach, Guard, Leaver};
use entrant::store::MemoryState;
use entrant::{Error, ErrorKind, Job, Plan, Policy, Preferences, Report, Result};

/// Provisions people and groups from files into a Microsoft Entra tenant
///
/// Without --plan or --apply: plans, shows, asks, applies. Interrupted and started again with the same --state it takes up
/// what is left. Exit codes: 0 done, 1 error, 2 the plan has changes (--plan),
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
    /// How people are mapped: a synchronizationSchema, as Microsoft Graph exports it, in place of a mapping made from the
    /// headers
    ///
    /// Its one mapping to users that is switched on is taken; its flowTypes hold beside the flags below.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
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
    /// How long the next start waits if this one dies, at most; a run that stands still for longer loses its turn
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    lease: u64,
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
    /// Take the job out of its quarantine first, once what put it there is mended; what failed is tried again
    #[arg(long, conflicts_with = "plan")]
    release: bool,
    /// Look at one person only, with the explanation
    #[arg(long, value_name = "KEY", conflicts_with = "apply")]
    only: Option<String>,
    /// Save the report: as JSON, or as one page or Markdown if the name ends in .html or .md
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
        Ok(flags) => common::unless_interrupted(|interrupt| provision(flags, interrupt)).await,
        Err(code) => code,
    }
}

async fn provision(flags: Flags, interrupt: Interrupt) -> Result<ExitCode> {
    // What can be wrong with what was given is said before anything is asked of the tenant.
    let saved = flags.apply.as_deref().map(read_plan).transpose()?;
    let Mapped { source, people, groups } = Tables {
        users: &flags.users,
        key: flags.key.as_deref(),
        groups: flags.groups.as_deref(),
        members: flags.members.as_deref(),
        mapping: flags.mapping.as_deref(),
        adopt_groups_by_name: flags.adopt_groups_by_name,
        members_may_be_empty: flags.allow.contains(&Allow::EmptySource),
    }
    .open()?;
    let tables: Vec<&Table> = [Some(&people), groups.as_ref()].into_iter().flatten().collect();
    if flags.show_mapping {
        match flags.json {
            true => println!("{}", serde_json::Value::from_iter(tables.iter().map(|table| table.to_json()))),
            false => tables.iter().for_each(|table| table.print()),
        }
        return Ok(ExitCode::SUCCESS);
    }
    if !flags.plan && !flags.no_create && flags.passwords.is_none() {
        return Err(Error::new(
            ErrorKind::Invalid,
            "say where initial passwords go with --passwords FILE, or pass --no-create; --plan only looks",
        ));
    }
    let entra = connect(&flags, &people, groups.as_ref()).await?;
    let advice = tables.iter().filter_map(|table| table.advice()).collect::<Vec<_>>().join("; ");
    let progress = Progress::new(flags.json);
    let mut job = Job::builder("provision").source(source).target(entra).observer(progress.clone());
    job = job.lease(Duration::from_secs(flags.lease));
    job = job.mapping(people.mapping.clone().policy(Policy::outbound(preferences(&flags, &people)?)));
    if let Some(groups) = &groups {
        job = job.mapping(groups.mapping.clone().policy(Policy::outbound(group_preferences(&flags))));
    }
    let job = finish(&flags, job).map_err(|error| match advice.as_str() {
        "" => error,
        advice => Error::new(error.kind(), format!("{}; {advice}", error.to_chain())),
    })?;
    if flags.release {
        job.release().await?;
    }
    let plan = match saved {
        Some(plan) => plan,
        None => job.plan(run(&flags)).await.map_err(|error| match error.kind() {
            ErrorKind::EmptySource => {
                Error::new(ErrorKind::EmptySource, format!("{error}; that is --allow empty-source"))
            }
            _ => error,
        })?,
    };
    progress.clear();
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
    save(&flags, &plan)?;
    // Who is gone from the file has nothing to explain.
    let explanations = match &flags.only {
        Some(key) => job.explain(key).await.unwrap_or_default(),
        None => Vec::new(),
    };
    if !flags.json && flags.apply.is_none() {
        print!("{plan}");
        explanations.iter().for_each(|explanation| print!("\n{explanation}"));
        guards.iter().for_each(|breach| println!("{breach}"));
    }
    let print_json = |report: Option<&Report>| {
        if flags.json {
            let mut document = serde_json::json!({ "plan": plan, "guards": guards, "report": report });
            if flags.only.is_some() {
                document["explanations"] = serde_json::json!(explanations);
            }
            println!("{document}");
        }
    };
    if flags.plan {
        print_json(None);
        return Ok(common::planned(&plan));
    }
    if !guards.is_empty() {
        print_json(None);
        if !flags.json {
            println!(
                "Nothing was changed. Review the plan, and pass --lift {} if it is right.",
                common::lifts(&guards)
            );
        }
        return Ok(ExitCode::from(3));
    }
    if flags.apply.is_none() && !plan.is_converged() && !confirmed(flags.yes).await? {
        print_json(None);
        eprintln!("Nothing was changed.");
        return Ok(ExitCode::SUCCESS);
    }
    let apply = flags
        .lift
        .iter()
        .fold(Apply::new().wait(Duration::from_secs(flags.lease + 30)), |apply, guard| apply.lift(*guard));
    // Before anything is changed: a report that cannot be kept is better known in time.
    let report_file = flags.report.as_ref().map(|file| open_private(file).map(|out| (file, out))).transpose()?;
    let report = job.apply(&plan, interrupt.stops(apply)).await.map_err(|error| match error.kind() {
        ErrorKind::Quarantined => error.with_context("or pass", "--release"),
        _ => error,
    })?;
    print_json(Some(&report));
    if !flags.json {
        print!("{report}");
    }
    if let Some((file, out)) = report_file {
        write_report(file, out, &report)?;
    }
    Ok(common::ended(&report.status))
}

/// The tenant, with a check of all that these mappings do, and of no more.
async fn connect(flags: &Flags, people: &Table, groups: Option<&Table>) -> Result<Entra> {
    let connection = flags.connection.connection()?;
    let transport = std::sync::Arc::new(flags.connection.transport()?);
    let unchecked = Entra::builder(connection.clone()).transport(std::sync::Arc::clone(&transport)).unchecked()?;
    let mut operations = Operations::none();
    let of_people = preferences(flags, people)?;
    for (table, preferences) in [(Some(people), of_people), (groups, group_preferences(flags))] {
        let Some(table) = table else { continue };
        let compiled = table.compile(&unchecked)?;
        if !flags.json {
            table.remarks(&compiled).iter().for_each(|remark| eprintln!("note: {remark}"));
        }
        let own = Entra::operations(table.mapping.target_class(), compiled.target_attributes(), &preferences);
        operations = own.iter().fold(operations, Operations::with);
    }
    let connection = connection.with_operations(operations);
    Entra::builder(connection).transport(transport).connect().await
}

/// The plan in all forms that were asked for.
fn save(flags: &Flags, plan: &Plan) -> Result<()> {
    if let Some(file) = &flags.out {
        write_plan(file, plan)?;
    }
    if let Some(file) = &flags.html {
        write_private(file, plan.html())?;
    }
    if let Some(file) = &flags.markdown {
        write_private(file, plan.markdown())?;
    }
    Ok(())
}

fn finish(flags: &Flags, mut job: JobBuilder) -> Result<Job> {
    if let Some(domain) = &flags.domain {
        job = job.parameter("Domain", domain.as_str());
    }
    // A look at the plan leaves nothing behind.
    job = match &flags.passwords {
        Some(file) if !flags.plan => job.passwords(PasswordFile::open(file)?),
        _ => job.passwords(NoPasswords),
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

fn preferences(flags: &Flags, people: &Table) -> Result<Preferences> {
    let leaver = |on_leave| match on_leave {
        OnLeave::Keep => Leaver::keep(),
        OnLeave::Disable => Leaver::disable(),
        OnLeave::Delete => Leaver::delete(),
    };
    let mut preferences = common_preferences(flags);
    let allowed = people.flow_types;
    if !allowed.add {
        preferences = preferences.without_create();
    }
    if !allowed.update {
        preferences = preferences.without_update().without_disable();
    }
    if !allowed.delete && [flags.on_leave, flags.on_delete].contains(&Some(OnLeave::Delete)) {
        return Err(Error::new(ErrorKind::Invalid, "the mapping's flowTypes have no Delete, so nobody can be deleted"));
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
    Ok(preferences)
}

fn run(flags: &Flags) -> Run {
    let run = match &flags.only {
        Some(key) => Run::one(key.as_str()),
        None if flags.incremental => Run::incremental(),
        None => Run::full(),
    };
    if flags.allow.contains(&Allow::EmptySource) { run.allow_empty_source() } else { run }
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
