//! Registers the application that a connection signs in as: permissions, consent, roles, a secret or a certificate. Shows
//! before what it would do, does it, and finds nothing left to do when it runs again.
//!
//! ```sh
//! cargo run --example setup_application                                 # on a simulated tenant
//! GRAPH_TOKEN=$(az account get-access-token --resource-type ms-graph --query accessToken -o tsv) \
//!     cargo run --example setup_application -- --tenant contoso.com --name "Provisioning connector" --dry-run
//! ```

mod common;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use entrant::auth::Certificate;
use entrant::clock::SystemClock;
use entrant::connection::{DirectoryRole, Made, Roles, Setup, SetupReport, StepKind};
use entrant::graph::GraphClient;
use entrant::http::Transport;
use entrant::secret::Secret;
use entrant::sim::{Sim, Sku};
use entrant::{Cloud, Error, ErrorKind, Result};

use common::files::open_private;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Creates or updates the application that a connection signs in as; run again, it does nothing
///
/// The connection's flags say as whom to sign in: an administrator's token in GRAPH_TOKEN, or an application that may
/// register others. Without them it runs on a simulated tenant. Exit codes: 0 done, 1 error, 2 there is something to do
/// (with --dry-run), 4 something is left to be done by hand.
#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    connection: common::ConnectionFlags,
    /// The application's name
    #[arg(long, default_value = "Provisioning connector")]
    name: String,
    /// What the application is for: it gets the least permissions that do this
    #[arg(long = "for", value_enum, default_value = "outbound")]
    purpose: common::Purpose,
    /// A directory role for it, such as "User Administrator"
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// The certificate that it is to sign in with, in place of a secret
    #[arg(long, value_name = "FILE.pem")]
    certificate: Option<PathBuf>,
    /// How many days a new secret is good for
    #[arg(long, value_name = "DAYS", default_value = "180")]
    secret_days: u32,
    /// Where a new secret goes, created for your eyes only (default: it is printed, once)
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Where is kept what was made, without the secret: needed to remove it
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Wait so many minutes for an administrator to consent, where the caller may not
    #[arg(long, value_name = "MINUTES", default_value = "0")]
    wait: u32,
    /// Show what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Take back what is in --record
    #[arg(long, requires = "record", conflicts_with = "dry_run")]
    remove: bool,
    /// Print one JSON document in place of text
    #[arg(long)]
    json: bool,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match common::flags::<Flags>() {
        Ok(flags) if flags.connection.is_given() => real(flags).await,
        Ok(flags) => simulated(flags).await,
        Err(code) => return code,
    };
    common::exit(outcome)
}

async fn real(flags: Flags) -> Result<ExitCode> {
    let client = flags.connection.graph()?;
    if flags.remove {
        return remove(&flags, &client).await;
    }
    let hand_over = |report: &mut SetupReport| report.take_secret().map_or(Ok(()), |secret| hand_over(&flags, &secret));
    let (_, code) = set_up(&flags, &client, &flags.connection.cloud(), hand_over).await?;
    Ok(code)
}

/// All of it on a tenant inside this program: plan, apply, check, again, and back.
async fn simulated(flags: Flags) -> Result<ExitCode> {
    let flags = Flags { yes: true, secret_file: None, ..flags };
    let sim = Sim::builder()
        .domain("contoso.com")
        .sku(Sku::office_e3(25))
        .permission("AppRoleAssignment.ReadWrite.All")
        .permission("RoleManagement.ReadWrite.Directory")
        .build();
    let administrator = entrant::auth::StaticToken::new(sim.token());
    let client = GraphClient::builder(administrator).cloud(sim.cloud()).transport(sim.transport()).build()?;
    say(&flags, "On a simulated tenant; give --tenant and a token for a real one.\n");
    let (report, code) = set_up(&flags, &client, &sim.cloud(), |_| Ok(())).await?;
    let Some(mut report) = report else { return Ok(code) };
    let Some(secret) = report.take_secret() else { return Ok(code) };
    // Only here: the tenant and its secret end with this program.
    say(&flags, "\nSigning in as the application:");
    let builder = report.made.connection().ok_or_else(|| Error::new(ErrorKind::NotFound, "no application was made"))?;
    let builder = builder.operations(flags.purpose.operations()).roles(wanted_roles(&flags)?);
    let mut connection = builder.client_secret(secret).cloud(sim.cloud()).build()?;
    let transport: Arc<dyn Transport> = sim.transport();
    let check =
        connection.check_until_passed(transport, Arc::new(SystemClock::new()), Duration::from_secs(300)).await?;
    say(&flags, &check.to_string());
    let is_usable = check.passed();
    say(&flags, "\nAnd again:");
    let plan = wanted(&flags)?.plan(&client).await?;
    say(&flags, &plan.to_string());
    say(&flags, "\nTaking it back:");
    let failures = Setup::remove(&client, &report.made).await?;
    failures.iter().for_each(|failure| eprintln!("{}: {}; {}", failure.step, failure.cause, failure.advice));
    say(&flags, &format!("{} applications are left, as before", sim.applications().len()));
    let is_fine = is_usable && plan.is_converged() && failures.is_empty();
    Ok(if is_fine { code } else { ExitCode::from(1) })
}

/// Plans, shows, asks, applies. No report where nothing was applied.
///
/// Nobody can read a secret again: it is handed over before anything else can fail, or somebody ends a long wait.
async fn set_up(
    flags: &Flags,
    client: &GraphClient,
    cloud: &Cloud,
    hand_over: impl FnOnce(&mut SetupReport) -> Result<()>,
) -> Result<(Option<SetupReport>, ExitCode)> {
    let setup = wanted(flags)?;
    let plan = setup.plan(client).await?;
    if flags.dry_run {
        if flags.json {
            print_json(&plan)
        } else {
            println!("{plan}")
        }
        let is_something = plan.steps.iter().any(|step| step.kind == StepKind::Change);
        let left = if plan.is_converged() { ExitCode::SUCCESS } else { ExitCode::from(4) };
        return Ok((None, if is_something { ExitCode::from(2) } else { left }));
    }
    if !flags.json {
        println!("{plan}\n");
    }
    if !plan.is_converged() && !flags.yes && !agreed()? {
        return Ok((None, ExitCode::from(2)));
    }
    let mut report = setup.apply(client, &plan).await?;
    let handed_over = hand_over(&mut report);
    if let Some(file) = &flags.record {
        keep(file, &report.made)?;
    }
    handed_over?;
    if flags.json {
        print_json(&report)
    } else {
        println!("{report}")
    }
    if report.failure.is_some() {
        return Ok((Some(report), ExitCode::from(1)));
    }
    let mut is_left = !report.is_complete();
    if let Some(url) = report.made.consent_url(cloud).filter(|_| is_left) {
        say(flags, &format!("A Privileged Role Administrator or Global Administrator consents here: {url}"));
        if flags.wait > 0 {
            let patience = Duration::from_secs(u64::from(flags.wait) * 60);
            let missing = setup.wait_for_consent(client, patience).await?;
            say(flags, &format!("still missing: {missing}"));
            is_left = !setup.plan(client).await?.is_converged();
        }
    }
    Ok((Some(report), if is_left { ExitCode::from(4) } else { ExitCode::SUCCESS }))
}

async fn remove(flags: &Flags, client: &GraphClient) -> Result<ExitCode> {
    let file = flags.record.as_deref().unwrap_or_else(|| Path::new(""));
    let text = std::fs::read(file).map_err(|error| failed("cannot read the record", file, error))?;
    let made: Made = serde_json::from_slice(&text).map_err(|error| failed("the record is not one", file, error))?;
    let failures = Setup::remove(client, &made).await?;
    for failure in &failures {
        eprintln!("{}: {}; {}", failure.step, failure.cause, failure.advice);
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(4) })
}

fn wanted(flags: &Flags) -> Result<Setup> {
    let setup = Setup::new(&flags.name).operations(flags.purpose.operations()).roles(wanted_roles(flags)?);
    match &flags.certificate {
        Some(file) => {
            let pem = std::fs::read(file).map_err(|error| failed("cannot read the certificate", file, error))?;
            let certificate = Certificate::from_pem(pem).map_err(|error| error.with_context("file", file.display()))?;
            Ok(setup.certificate(certificate))
        }
        None => Ok(setup.client_secret(flags.secret_days * DAY)),
    }
}

fn wanted_roles(flags: &Flags) -> Result<Roles> {
    flags.roles.iter().map(DirectoryRole::new).collect()
}

fn agreed() -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Err(Error::new(ErrorKind::Invalid, "nobody is there to ask: give --yes, or --dry-run to look only"));
    }
    print!("Do it? [y/N] ");
    let mut line = String::new();
    let read = std::io::stdout().flush().and_then(|()| std::io::stdin().read_line(&mut line));
    read.map_err(|error| Error::new(ErrorKind::Invalid, "cannot ask").with_source(error))?;
    Ok(line.trim().eq_ignore_ascii_case("y"))
}

/// The secret, to where only its owner sees it, or once to the terminal.
fn hand_over(flags: &Flags, secret: &Secret) -> Result<()> {
    match &flags.secret_file {
        Some(file) => {
            put(file, secret.expose().as_bytes())?;
            say(flags, &format!("The secret is in {}.", file.display()));
        }
        None if flags.json => eprintln!("{}", secret.expose()),
        None => println!("\nThe secret, which nobody can read again: {}", secret.expose()),
    }
    Ok(())
}

fn keep(file: &Path, made: &Made) -> Result<()> {
    // What an earlier run made of the same application stays known.
    let earlier = std::fs::read(file).ok().and_then(|text| serde_json::from_slice::<Made>(&text).ok());
    let made = earlier.map_or_else(|| made.clone(), |earlier| made.clone().merged_with(&earlier));
    let text = serde_json::to_vec_pretty(&made).map_err(|error| failed("cannot write the record", file, error))?;
    put(file, &text)
}

/// Puts a text, as it is, where only its owner reads it.
fn put(file: &Path, text: &[u8]) -> Result<()> {
    open_private(file)?.write_all(text).map_err(|error| failed("cannot write the file", file, error))
}

fn say(flags: &Flags, text: &str) {
    if !flags.json {
        println!("{text}");
    }
}

fn print_json(value: &impl serde::Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => println!("{text}"),
        Err(error) => eprintln!("cannot be written as JSON: {error}"),
    }
}

fn failed(what: &'static str, file: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Invalid, what).with_context("file", file.display()).with_source(error)
}
