//! A simulated tenant on a socket, for programs in any language.
//!
//! Prints one line of JSON when it listens, and serves until it is interrupted. With `--tls DIR` it makes a certificate
//! authority of its own, whose certificate clients are told to trust: `DIR/ca.pem`.

#[allow(dead_code, reason = "it connects to nothing")]
mod common;

use std::error::Error;
use std::fs::File;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use common::files::write_private;
use entrant::sim::{GraphLimits, Sim, SimServer, Sku};
use serde_json::json;

/// Serves a simulated tenant, Graph and sign-in, over http or https.
#[derive(Debug, Parser)]
struct Options {
    /// The port; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The address to listen on; others than this machine's own let strangers in
    #[arg(long, default_value = "127.0.0.1")]
    address: IpAddr,
    /// Serves https with a certificate of its own for localhost and the address, and writes ca.pem into this directory
    #[arg(long, value_name = "DIR", conflicts_with_all = ["tls_cert", "tls_key"])]
    tls: Option<PathBuf>,
    /// Serves https with this certificate chain (PEM)
    #[arg(long, value_name = "FILE.pem", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate (PEM)
    #[arg(long, value_name = "FILE.pem", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Believes X-Forwarded-Proto and X-Forwarded-Host, behind a reverse proxy
    #[arg(long)]
    trust_forwarded: bool,
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
    /// A permission that the application does not have, such as User.ReadWrite.All; may be given several times
    #[arg(long, value_name = "NAME")]
    without_permission: Vec<String>,
    /// How long every answer takes
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// How long after a write readers still see what was before
    #[arg(long, default_value_t = 0)]
    lag_ms: u64,
    /// How many objects a page holds without $top (1 to 999)
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=999))]
    page_size: u16,
    /// How many writes an application may make in how many seconds, such as 100/1
    #[arg(long, value_name = "UNITS/SECONDS", value_parser = write_limit, conflicts_with = "graph_limits")]
    write_limit: Option<(u32, Duration)>,
    /// Throttles as Graph does for a small (under 50 users), medium (up to 500) or large tenant
    #[arg(long, value_name = "s|m|l", value_parser = graph_limits)]
    graph_limits: Option<GraphLimits>,
    /// Lets faults strike at random, drawn from this seed: this share of requests, by default 0.02
    #[arg(long, value_name = "SEED[:RATE]", value_parser = faults)]
    faults: Option<(u64, f64)>,
    /// Writes every change that clients make into this file, one line of JSON each
    #[arg(long, value_name = "FILE.jsonl")]
    audit: Option<PathBuf>,
    /// Writes the password of each user into this file when it ends, one line of JSON each
    #[arg(long, value_name = "FILE.jsonl")]
    passwords: Option<PathBuf>,
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

/// `100/1`.
fn write_limit(text: &str) -> Result<(u32, Duration), String> {
    let wrong = || "write the number and the seconds, such as 100/1".to_owned();
    let (writes, seconds) = text.split_once('/').ok_or_else(wrong)?;
    let writes = writes.parse().ok().filter(|writes| *writes > 0).ok_or_else(wrong)?;
    let seconds = seconds.parse().ok().filter(|seconds| *seconds > 0.0).ok_or_else(wrong)?;
    Ok((writes, Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?))
}

fn graph_limits(text: &str) -> Result<GraphLimits, String> {
    match text {
        "s" => Ok(GraphLimits::Small),
        "m" => Ok(GraphLimits::Medium),
        "l" => Ok(GraphLimits::Large),
        _ => Err("write s, m or l".to_owned()),
    }
}

/// `7` or `7:0.1`.
fn faults(text: &str) -> Result<(u64, f64), String> {
    let wrong = || "write a number, or a number and a share from 0 to 1, such as 7:0.1".to_owned();
    let (seed, rate) = text.split_once(':').unwrap_or((text, "0.02"));
    let seed = seed.parse().map_err(|_| wrong())?;
    let rate = rate.parse().ok().filter(|rate| (0.0..=1.0).contains(rate)).ok_or_else(wrong)?;
    Ok((seed, rate))
}

/// A certificate authority, and a server certificate that it signed.
struct Certificates {
    authority: String,
    server: String,
    key: String,
}

/// Makes both; their keys are nowhere but in memory.
fn certificates(address: IpAddr) -> Result<Certificates, rcgen::Error> {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.distinguished_name.push(DnType::CommonName, "Simulated tenant");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    let authority_key = KeyPair::generate()?;
    let authority_pem = authority.self_signed(&authority_key)?.pem();
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    if !names.contains(&address.to_string()) {
        names.push(address.to_string());
    }
    let mut server = CertificateParams::new(names)?;
    server.distinguished_name.push(DnType::CommonName, "localhost");
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let server = server.signed_by(&key, &Issuer::new(authority, authority_key))?;
    Ok(Certificates { authority: authority_pem, server: server.pem(), key: key.serialize_pem() })
}

/// Listens; answers also where the certificate of the authority is, if there is one of its own.
async fn listen(sim: &Sim, options: &Options) -> Result<(SimServer, Option<PathBuf>), Box<dyn Error>> {
    let address = (options.address, options.port);
    let in_use = |error: entrant::Error| format!("{} (is port {} in use?)", error.to_chain(), options.port);
    let read = |path: &Path| std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()));
    if let Some(directory) = &options.tls {
        let made = certificates(options.address)?;
        let path = directory.join("ca.pem");
        std::fs::create_dir_all(directory)
            .and_then(|()| std::fs::write(&path, &made.authority))
            .and_then(|()| path.canonicalize())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        let server = sim.serve_https(address, made.server.as_bytes(), made.key.as_bytes()).await.map_err(in_use)?;
        return Ok((server, Some(path.canonicalize()?)));
    }
    if let (Some(certificate), Some(key)) = (&options.tls_cert, &options.tls_key) {
        let (certificate, key) = (read(certificate)?, read(key)?);
        let server = sim.serve_https(address, &certificate, &key).await;
        return Ok((server.map_err(|error| error.to_chain().to_string())?, None));
    }
    Ok((sim.serve(address).await.map_err(in_use)?, None))
}

async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    // Before the line is printed: whoever reads it may end the program at once.
    let interrupted = interrupted()?;
    let derived = Sim::builder().seed(options.seed).build();
    let id = options.client_id.clone().unwrap_or_else(|| derived.client_id());
    let secret = options.client_secret.clone().unwrap_or_else(|| derived.client_secret().expose().to_owned());
    let mut builder = Sim::builder()
        .domain(options.domain.clone())
        .seed(options.seed)
        .client(id, secret)
        .users(options.users)
        .groups(options.groups)
        .page_size(options.page_size.into())
        .latency(Duration::from_millis(options.latency_ms))
        .lag(Duration::from_millis(options.lag_ms));
    builder = match options.sku.is_empty() {
        true => builder.standard_skus(options.users.saturating_add(100)),
        false => options.sku.iter().cloned().fold(builder, |builder, sku| builder.sku(sku)),
    };
    if let Some((writes, per)) = options.write_limit {
        builder = builder.write_limit(writes, per);
    }
    if let Some(limits) = options.graph_limits {
        builder = builder.graph_limits(limits);
    }
    builder = options.without_permission.iter().fold(builder, |builder, name| builder.without_permission(name));
    if let Some((seed, rate)) = options.faults {
        builder = builder.random_faults(seed, rate);
    }
    if options.trust_forwarded {
        builder = builder.trust_forwarded();
    }
    if let Some(path) = &options.audit {
        let file = File::create(path).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        builder = builder.audit_writer(file);
    }
    let sim = builder.build();
    let (server, authority) = listen(&sim, &options).await?;
    let line = json!({
        "graph_url": server.url(),
        "authority_url": server.url(),
        "tenant_id": sim.tenant_id(),
        "client_id": sim.client_id(),
        "client_secret": sim.client_secret().expose(),
        "ca_file": authority,
    });
    let mut out = std::io::stdout();
    writeln!(out, "{line}")?;
    out.flush()?;
    interrupted.await;
    server.stop().await;
    if let Some(path) = &options.passwords {
        write_private(path, passwords(&sim))?;
    }
    Ok(())
}

/// What clients set, of those who have one.
fn passwords(sim: &Sim) -> String {
    let line = |user: &serde_json::Value| {
        let password = sim.password_of(user["id"].as_str()?)?;
        Some(json!({ "id": user["id"], "password": password.expose() }).to_string())
    };
    sim.users().iter().filter_map(line).collect::<Vec<_>>().join("\n")
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
