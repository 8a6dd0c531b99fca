//! A simulated tenant on a socket, for programs in any language.
//!
//! Prints one line of JSON when it listens, and serves until it is interrupted.

#[allow(dead_code, reason = "it connects to nothing")]
mod common;

use std::error::Error;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use entrant::sim::{Sim, Sku};
use serde_json::json;

/// Serves a simulated tenant, Graph and sign-in, on 127.0.0.1 over http.
#[derive(Debug, Parser)]
struct Options {
    /// The port; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// How many generated people the tenant starts with
    #[arg(long, default_value_t = 0)]
    users: usize,
    /// How many generated groups the tenant starts with
    #[arg(long, default_value_t = 0)]
    groups: usize,
    /// What ids, names and random orders are derived from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The default verified domain
    #[arg(long, default_value = "contoso.com")]
    domain: String,
    /// The application that may sign in; derived from the seed if left out
    #[arg(long)]
    client_id: Option<String>,
    /// Its secret; derived from the seed if left out
    #[arg(long)]
    client_secret: Option<String>,
    /// A product that the tenant has bought, by part number, and its seats; may be given several times. Without it there
    /// are the usual ones, with a hundred seats more than people
    #[arg(long, value_name = "NAME=SEATS", value_parser = sku)]
    sku: Vec<Sku>,
    /// How long every answer takes
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// How long after a write readers still see what was before
    #[arg(long, default_value_t = 0)]
    lag_ms: u64,
    /// How many objects a page holds without $top (1 to 999)
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=999))]
    page_size: u16,
    /// Writes every change that clients make into this file, one line of JSON each
    #[arg(long, value_name = "FILE.jsonl")]
    audit: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = match common::flags() {
        Ok(options) => options,
        Err(code) => return code,
    };
    match serve(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `ENTERPRISEPACK=100`. Well-known products have their plans.
fn sku(text: &str) -> Result<Sku, String> {
    let wrong = || "write the part number and the seats, such as ENTERPRISEPACK=100".to_owned();
    let (name, seats) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(wrong)?;
    let seats = seats.parse().map_err(|_| wrong())?;
    Ok(match name {
        "ENTERPRISEPACK" => Sku::office_e3(seats),
        "ENTERPRISEPREMIUM" => Sku::office_e5(seats),
        "DESKLESSPACK" => Sku::office_f3(seats),
        "EMS" => Sku::ems_e3(seats),
        other => Sku::new(other, seats),
    })
}

async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    // Before the line is printed: whoever reads it may end the program at once.
    let interrupted = interrupted()?;
    let derived = Sim::builder().seed(options.seed).build();
    let id = options.client_id.unwrap_or_else(|| derived.client_id());
    let secret = options.client_secret.unwrap_or_else(|| derived.client_secret().expose().to_owned());
    let mut builder = Sim::builder()
        .domain(options.domain)
        .seed(options.seed)
        .client(id, secret)
        .users(options.users)
        .groups(options.groups)
        .page_size(options.page_size.into())
        .latency(Duration::from_millis(options.latency_ms))
        .lag(Duration::from_millis(options.lag_ms));
    builder = match options.sku.is_empty() {
        true => builder.standard_skus(options.users.saturating_add(100)),
        false => options.sku.into_iter().fold(builder, |builder, sku| builder.sku(sku)),
    };
    if let Some(path) = &options.audit {
        let file = File::create(path).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        builder = builder.audit_writer(file);
    }
    let sim = builder.build();
    let server = sim
        .serve(("127.0.0.1", options.port))
        .await
        .map_err(|error| format!("{} (is port {} in use?)", error.to_chain(), options.port))?;
    let line = json!({
        "graph_url": server.url(),
        "authority_url": server.url(),
        "tenant_id": sim.tenant_id(),
        "client_id": sim.client_id(),
        "client_secret": sim.client_secret().expose(),
        "ca_file": null,
    });
    let mut out = std::io::stdout();
    writeln!(out, "{line}")?;
    out.flush()?;
    interrupted.await;
    server.stop().await;
    Ok(())
}

#[cfg(unix)]
fn interrupted() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn interrupted() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Without a way to be interrupted it serves until it is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
