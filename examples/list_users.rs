//! Streams every user of a tenant as JSON Lines, or counts them.
//!
//! ```sh
//! AZURE_CLIENT_SECRET=… cargo run --example list_users -- --tenant contoso.com --client-id … --select id,mail
//! ```

mod common;

use std::io::{BufWriter, ErrorKind as IoErrorKind, Write};
use std::process::ExitCode;

use clap::Parser;
use entrant::{Error, ErrorKind, Result};
use futures::TryStreamExt;
use serde::de::IgnoredAny;
use serde_json::Value;

/// Prints every user of a tenant, one JSON line each
#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    connection: common::ConnectionFlags,
    /// The properties to print (default: those that Graph gives by itself)
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    select: Vec<String>,
    /// Print how many users there are, and nothing else
    #[arg(long)]
    count_only: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match common::flags() {
        Ok(flags) => common::exit(run(flags).await),
        Err(code) => code,
    }
}

async fn run(flags: Flags) -> Result<ExitCode> {
    let mut users = flags.connection.graph()?.users().list();
    let mut out = BufWriter::new(std::io::stdout().lock());
    if flags.count_only {
        let mut pages = users.select(["id"]).items_as::<IgnoredAny>().pages();
        let mut count = 0;
        while let Some(page) = pages.try_next().await? {
            count += page.items.len();
        }
        return written(writeln!(out, "{count}").and_then(|()| out.flush()));
    }
    if !flags.select.is_empty() {
        users = users.select(&flags.select);
    }
    let mut pages = users.items_as::<Value>().pages();
    while let Some(page) = pages.try_next().await? {
        for user in page.items {
            if let Err(error) = writeln!(out, "{user}") {
                return written(Err(error));
            }
        }
    }
    written(out.flush())
}

/// Whoever reads us may stop early, as `head` does.
fn written(outcome: std::io::Result<()>) -> Result<ExitCode> {
    match outcome {
        Err(error) if error.kind() != IoErrorKind::BrokenPipe => {
            Err(Error::new(ErrorKind::Invalid, "cannot write the output").with_source(error))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
