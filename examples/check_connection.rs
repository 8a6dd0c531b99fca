//! Finds out whether a tenant can be worked with, stage by stage, and says what is missing and what to do.
//!
//! ```sh
//! cargo run --example check_connection                                  # on a simulated tenant
//! cargo run --example check_connection -- --simulate no-consent         # on one with a defect
//! AZURE_CLIENT_SECRET=… cargo run --example check_connection -- --tenant contoso.com --client-id …
//! AZURE_CLIENT_CERTIFICATE_PATH=key.pem cargo run --example check_connection -- --tenant contoso.com --client-id …
//! ```

mod common;

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, ValueEnum};
use entrant::auth::CertificateKey;
use entrant::clock::{Clock, SystemClock};
use entrant::connection::{Check, Connection, DirectoryRole, Roles, StageOutcome};
use entrant::http::Transport;
use entrant::sim::{Sim, SimBuilder, Sku};
use entrant::{Cloud, Error, ErrorKind, Result};
use time::{Duration, OffsetDateTime};

/// Checks a connection stage by stage: what works, what is missing, and who must do what about it
///
/// Without a connection's flags it runs on a simulated tenant. Exit codes: 0 provisioning may begin, 1 it would be refused.
#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    connection: common::ConnectionFlags,
    /// What the connection is for
    #[arg(long = "for", value_enum, default_value = "outbound")]
    purpose: common::Purpose,
    /// A directory role that the application is to hold, such as "User Administrator"
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// The domain that new users are to get (default: the tenant's default verified domain)
    #[arg(long)]
    domain: Option<String>,
    /// Check a simulated tenant with this defect
    #[arg(long, value_enum, value_name = "DEFECT", conflicts_with_all = ["tenant", "client_id"])]
    simulate: Option<Defect>,
    /// Print one JSON document in place of text
    #[arg(long)]
    json: bool,
}

/// What can be wrong.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Defect {
    WrongSecret,
    ExpiredSecret,
    WrongTenant,
    OtherCloud,
    NoConsent,
    MissingPermission,
    NoRole,
    UnverifiedDomain,
    WrongClock,
    ExpiredCertificate,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match common::flags() {
        Ok(flags) => common::exit(check(flags).await),
        Err(code) => code,
    }
}

async fn check(flags: Flags) -> Result<ExitCode> {
    let is_simulated = flags.simulate.is_some() || !flags.connection.is_given();
    let (connection, transport): (Connection, Arc<dyn Transport>) = if is_simulated {
        let (sim, connection) = simulated(flags.simulate)?;
        (connection, sim.transport())
    } else {
        (flags.connection.connection()?, Arc::new(flags.connection.transport()?))
    };
    let mut roles = connection.roles().clone();
    for role in &flags.roles {
        roles = roles.with(DirectoryRole::new(role)?);
    }
    let mut connection = connection.with_operations(flags.purpose.operations()).with_roles(roles);
    if let Some(domain) = &flags.domain {
        connection = connection.with_domain(Some(domain))?;
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let check = connection.check_over(transport, clock).await?.clone();
    if flags.json {
        let document = serde_json::json!({
            "passed": check.passed(),
            "refusal": connection.refusal(),
            "simulated": is_simulated,
            "check": check,
        });
        println!("{document:#}");
    } else {
        if is_simulated {
            println!("On a simulated tenant; give --tenant and --client-id for a real one.\n");
        }
        show(&check);
        match connection.refusal() {
            None => println!("\nProvisioning may begin."),
            Some(reason) => println!("\nProvisioning would be refused: {reason}"),
        }
    }
    Ok(if connection.refusal().is_none() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn show(check: &Check) {
    for stage in &check.stages {
        let (mark, said) = match &stage.outcome {
            StageOutcome::Passed => ("pass", None),
            StageOutcome::Skipped => ("skipped", None),
            StageOutcome::Warned { cause, advice } => ("WARNING", Some((cause, advice))),
            StageOutcome::Failed { cause, advice } => ("FAIL", Some((cause, advice))),
            _ => ("?", None),
        };
        println!("{:<13} {mark}", stage.name.to_string());
        if let Some((cause, advice)) = said {
            println!("              {cause}\n              → {advice}");
        }
    }
    if !check.access.is_empty() {
        println!("\nWhat the application may do:");
    }
    for access in &check.access {
        println!("  {access}");
    }
    if let Some(application) = check.application.as_ref().filter(|application| !application.unneeded.is_empty()) {
        println!("  more than is needed: {}", application.unneeded);
    }
    if let Some(tenant) = &check.tenant {
        let name = tenant.name.as_deref().unwrap_or("(without a name)");
        println!("\nThe tenant {name}, {}: {}", tenant.id, tenant.verified_domains.join(", "));
    }
    for license in &check.licenses {
        println!("  {}: {} of {} seats taken", license.part_number, license.taken, license.seats);
    }
}

/// A tenant, and a connection to it, in which all is well but for the defect.
fn simulated(defect: Option<Defect>) -> Result<(Sim, Connection)> {
    let is = |wanted| defect == Some(wanted);
    let or_not = |builder: SimBuilder, wanted: Defect, change: fn(SimBuilder) -> SimBuilder| {
        if is(wanted) { change(builder) } else { builder }
    };
    let mut tenant = Sim::builder().domain("contoso.com").sku(Sku::office_e3(25));
    if !is(Defect::NoRole) {
        tenant = tenant.application_role("User Administrator");
    }
    tenant = or_not(tenant, Defect::ExpiredSecret, |tenant| {
        tenant.secrets_expire(OffsetDateTime::now_utc() - Duration::days(1))
    });
    tenant = or_not(tenant, Defect::OtherCloud, |tenant| tenant.lives_in(Cloud::GccHigh));
    tenant = or_not(tenant, Defect::NoConsent, SimBuilder::without_consent);
    tenant = or_not(tenant, Defect::MissingPermission, |tenant| tenant.without_permission("Group.ReadWrite.All"));
    tenant = or_not(tenant, Defect::WrongClock, |tenant| tenant.clock_ahead(Duration::minutes(10)));
    let sim = tenant.build();

    let id = if is(Defect::WrongTenant) { "99999999-2222-3333-4444-555555555555".to_owned() } else { sim.tenant_id() };
    let domain = if is(Defect::UnverifiedDomain) { "fabrikam.com" } else { "contoso.com" };
    let builder = Connection::builder(id, sim.client_id())
        .name("simulated")
        .cloud(sim.cloud())
        .domain(domain)
        .roles(Roles::over_limited_administrators());
    let builder = match defect {
        Some(Defect::WrongSecret) => builder.client_secret("the secret's id"),
        Some(Defect::ExpiredCertificate) => builder.certificate(expired()?),
        _ => builder.client_secret(sim.client_secret()),
    };
    Ok((sim, builder.build()?))
}

/// A certificate that ended yesterday, with its key.
fn expired() -> Result<CertificateKey> {
    let cannot = |error: rcgen::Error| Error::new(ErrorKind::Invalid, "cannot make a certificate").with_source(error);
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).map_err(cannot)?;
    let mut wanted = rcgen::CertificateParams::default();
    wanted.not_after = OffsetDateTime::now_utc() - Duration::days(1);
    wanted.not_before = wanted.not_after - Duration::days(365);
    let certificate = wanted.self_signed(&key).map_err(cannot)?;
    CertificateKey::from_pem(format!("{}{}", certificate.pem(), key.serialize_pem()))
}
