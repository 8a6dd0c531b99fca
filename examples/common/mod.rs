//! What the example programs share: the flags that say which tenant, what they print, their files, and errors in one line.

#[allow(dead_code, reason = "not every example has files")]
pub(crate) mod files;
#[allow(dead_code, reason = "not every example has tables")]
pub(crate) mod tables;
#[allow(dead_code, reason = "not every example is for people")]
pub(crate) mod terminal;

use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, Parser, ValueEnum};
use entrant::auth::{
    AccessToken, ClientId, Environment, EnvironmentCredential, StaticToken, TenantId, TokenCredential,
};
use entrant::connection::{Connection, Operations};
use entrant::graph::GraphClient;
use entrant::http::ReqwestTransport;
use entrant::job::{Apply, RunStatus, Stop};
use entrant::reconcile::Breach;
use entrant::{Cloud, Error, ErrorKind, Plan, Result};
use url::Url;

/// Which tenant, as whom, over which network.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection (credentials from AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH with \
        AZURE_CLIENT_CERTIFICATE_PASSWORD, or AZURE_FEDERATED_TOKEN_FILE; a ready bearer token from GRAPH_TOKEN comes first)")]
pub(crate) struct ConnectionFlags {
    /// The tenant: its id or one of its domains
    #[arg(long, value_name = "ID|DOMAIN", env = "AZURE_TENANT_ID")]
    pub(crate) tenant: Option<String>,
    /// The application (client) id
    #[arg(long, value_name = "ID", env = "AZURE_CLIENT_ID")]
    pub(crate) client_id: Option<String>,
    /// The cloud that the tenant lives in
    #[arg(long, value_enum, default_value = "global")]
    pub(crate) cloud: CloudName,
    /// Another host that issues tokens, such as a simulated tenant's
    #[arg(long, value_name = "URL")]
    pub(crate) authority_url: Option<Url>,
    /// Another host of Microsoft Graph, without the version
    #[arg(long, value_name = "URL")]
    pub(crate) graph_url: Option<Url>,
    /// An extra root certificate (local servers)
    #[arg(long, value_name = "FILE.pem")]
    pub(crate) ca: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum CloudName {
    Global,
    Gcc,
    GccHigh,
    Dod,
    China,
}

/// What a connection is for.
#[allow(dead_code, reason = "not every example asks what a connection is for")]
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Purpose {
    /// Users, groups and licences into Entra
    Outbound,
    /// Users and licences into Entra
    OutboundUsers,
    /// Users and groups out of Entra
    Inbound,
}

impl Purpose {
    #[allow(dead_code, reason = "not every example asks what a connection is for")]
    pub(crate) fn operations(self) -> Operations {
        match self {
            Self::Outbound => Operations::outbound(),
            Self::OutboundUsers => Operations::outbound_users(),
            Self::Inbound => Operations::inbound(),
        }
    }
}

impl ConnectionFlags {
    /// Whether a tenant is named at all; without one, some examples make a simulated one.
    #[allow(dead_code, reason = "not every example runs on a simulated tenant too")]
    pub(crate) fn is_given(&self) -> bool {
        self.tenant.is_some() || self.client_id.is_some() || self.graph_url.is_some() || self.authority_url.is_some()
    }

    /// Who signs in.
    pub(crate) fn credential(&self) -> Result<Box<dyn TokenCredential>> {
        let missing = |what| Error::new(ErrorKind::Invalid, what);
        if let Some(token) = variable("GRAPH_TOKEN") {
            return Ok(Box::new(StaticToken::new(token)));
        }
        let tenant = self.tenant.as_deref().ok_or_else(|| missing("no tenant: give --tenant"))?;
        let client = self.client_id.as_deref().ok_or_else(|| missing("no application: give --client-id"))?;
        let (tenant, client) = (TenantId::new(tenant)?, ClientId::new(client)?);
        Ok(Box::new(EnvironmentCredential::of_application(tenant, client, &Environment::of_process())?))
    }

    /// The connection that these flags and the environment describe.
    #[allow(dead_code, reason = "not every example works with a tenant as a whole")]
    pub(crate) fn connection(&self) -> Result<Connection> {
        let missing = |what| Error::new(ErrorKind::Invalid, what);
        let tenant =
            self.tenant.as_deref().ok_or_else(|| missing("no tenant: give --tenant, its id or one of its domains"))?;
        let token = variable("GRAPH_TOKEN");
        let client = match (&self.client_id, &token) {
            (Some(client), _) => client.clone(),
            // A ready token says by itself which application it is of, if it can be read.
            (None, Some(token)) => {
                let application = AccessToken::new(token.as_str()).claims().application;
                application.unwrap_or_else(|| "00000000-0000-0000-0000-000000000000".to_owned())
            }
            (None, None) => return Err(missing("no application: give --client-id")),
        };
        let builder = Connection::builder(tenant, client).cloud(self.cloud());
        match token {
            Some(token) => builder.token(token),
            None => builder.environment(&Environment::of_process()),
        }
        .build()
    }

    /// The hosts to talk to.
    pub(crate) fn cloud(&self) -> Cloud {
        let cloud = match self.cloud {
            CloudName::Global => Cloud::Global,
            CloudName::Gcc => Cloud::Gcc,
            CloudName::GccHigh => Cloud::GccHigh,
            CloudName::Dod => Cloud::Dod,
            CloudName::China => Cloud::China,
        };
        if self.authority_url.is_none() && self.graph_url.is_none() {
            return cloud;
        }
        Cloud::Custom {
            authority: self.authority_url.clone().unwrap_or_else(|| cloud.authority()),
            graph: self.graph_url.clone().unwrap_or_else(|| cloud.graph()),
        }
    }

    /// The way there.
    pub(crate) fn transport(&self) -> Result<ReqwestTransport> {
        let mut builder = ReqwestTransport::builder();
        if let Some(file) = &self.ca {
            let pem = std::fs::read(file).map_err(|source| {
                Error::new(ErrorKind::Invalid, "cannot read the root certificate")
                    .with_context("file", file.display())
                    .with_source(source)
            })?;
            builder = builder.ca_certificate(pem);
        }
        builder.build()
    }

    /// All of it as a client.
    #[allow(dead_code, reason = "not every example talks to Graph by itself")]
    pub(crate) fn graph(&self) -> Result<GraphClient> {
        GraphClient::builder(self.credential()?).cloud(self.cloud()).transport(self.transport()?).build()
    }
}

/// An environment variable; an empty one is none.
#[allow(dead_code, reason = "not every example reads one")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// The flags of a program. What cannot be read of them is an error like any other: one line, exit code 1.
#[allow(dead_code, reason = "not every example has flags")]
pub(crate) fn flags<T: Parser>() -> Result<T, ExitCode> {
    end_when_nobody_reads();
    T::try_parse().map_err(|error| {
        if !error.use_stderr() {
            // Help, or the version.
            return if error.print().is_ok() { ExitCode::SUCCESS } else { ExitCode::from(1) };
        }
        let text = error.render().to_string();
        let lines = text.lines().take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
        let said: Vec<&str> = lines.map(str::trim).filter(|line| !line.is_empty()).collect();
        eprintln!("{}; --help shows all flags", said.join(" "));
        ExitCode::from(1)
    })
}

/// Whoever reads what is printed may have seen enough, as in `… | head`: then the program ends, without a panic.
fn end_when_nobody_reads() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
        if message.starts_with("failed printing to stdout") {
            std::process::exit(1);
        }
        usual(panic);
    }));
}

/// Ends a program: an error goes to stderr in one line, with what to do about it where Graph's answer tells.
#[allow(dead_code, reason = "not every example ends so")]
pub(crate) fn exit(outcome: Result<ExitCode>) -> ExitCode {
    match outcome {
        Ok(code) => code,
        Err(error) => {
            let advice = error.graph().map(|graph| graph.class().advice());
            match advice {
                Some(advice) => eprintln!("error: {}; {advice}", error.to_chain()),
                None => eprintln!("error: {}", error.to_chain()),
            }
            ExitCode::from(1)
        }
    }
}

/// What a program that is interrupted must end before it may go.
#[allow(dead_code, reason = "not every example can be taken up again")]
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt {
    stop: Stop,
    applies: Arc<AtomicBool>,
}

impl Interrupt {
    /// From here on a plan is applied, and an interruption stops that in good order.
    #[allow(dead_code, reason = "not every example can be taken up again")]
    pub(crate) fn stops(&self, apply: Apply) -> Apply {
        self.applies.store(true, Ordering::Release);
        apply.stop_with(&self.stop)
    }
}

/// Runs a program until it ends, or is asked to: what was begun is in the state, and the next start goes on from there.
#[allow(dead_code, reason = "not every example can be taken up again")]
pub(crate) async fn unless_interrupted<P>(program: impl FnOnce(Interrupt) -> P) -> ExitCode
where
    P: Future<Output = Result<ExitCode>>,
{
    let interrupt = Interrupt::default();
    let mut program = pin!(program(interrupt.clone()));
    tokio::select! {
        outcome = &mut program => return exit(outcome),
        () = asked_to_end() => {}
    }
    interrupt.stop.stop();
    // Whoever plans, or is still being asked something, is not waited for.
    if !interrupt.applies.load(Ordering::Acquire) {
        eprintln!("error: interrupted; nothing was applied");
        std::process::exit(1);
    }
    eprintln!("note: stopping; Ctrl-C again does not wait");
    let outcome = tokio::select! {
        outcome = program => outcome,
        () = asked_to_end() => {
            eprintln!(
                "error: interrupted; started again with the same --state it takes up what is left, once the lease of this \
                 run is over (a minute at most)"
            );
            std::process::exit(1);
        }
    };
    match outcome {
        // All was done by then.
        Ok(code) if code == ExitCode::SUCCESS => code,
        Ok(_) => {
            eprintln!("error: interrupted; started again with the same --state it takes up what is left");
            ExitCode::from(1)
        }
        failed => exit(failed),
    }
}

/// Ctrl-C, or the signal by which a service manager ends a program.
#[allow(dead_code, reason = "not every example ends in good order")]
pub(crate) async fn asked_to_end() {
    #[cfg(unix)]
    if let Ok(mut terminated) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        return;
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// The exit code of a look at a plan.
#[allow(dead_code, reason = "not every example has a plan")]
pub(crate) fn planned(plan: &Plan) -> ExitCode {
    let is_partial = plan.reads().iter().any(|read| read.completeness.as_ref().is_some_and(|end| !end.is_complete()));
    ExitCode::from(match (plan.is_converged(), plan.needs_attention() || is_partial) {
        (false, _) => 2,
        (true, true) => 4,
        (true, false) => 0,
    })
}

/// The exit code of a run.
#[allow(dead_code, reason = "not every example has a run")]
pub(crate) fn ended(status: &RunStatus) -> ExitCode {
    match status {
        RunStatus::Complete => ExitCode::SUCCESS,
        RunStatus::Stopped { .. } => ExitCode::from(3),
        _ => ExitCode::from(4),
    }
}

/// What to pass to --lift.
#[allow(dead_code, reason = "not every example has guards")]
pub(crate) fn lifts(guards: &[Breach]) -> String {
    let mut kinds: Vec<&str> = guards.iter().map(|breach| breach.guard.as_str()).collect();
    kinds.dedup();
    kinds.join(",")
}
