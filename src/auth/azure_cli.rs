//! The Azure CLI's sign-in, for people at their desk.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::channel::oneshot;
use serde_json::Value as Json;
use time::OffsetDateTime;

use super::endpoint::{seconds_since_1970, usable};
use super::{AccessToken, TenantId, TokenContext, TokenCredential};
use crate::error::{Error, ErrorKind, Result};
use crate::http::redact::one_line;

/// So long the tool may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// So much of what it prints is read, in bytes.
const MAX_OUTPUT: u64 = 1024 * 1024;

/// Whoever is signed in to the Azure CLI (`az login`) on this machine: the rights are the person's.
///
/// For development and for setting an application up, not for runs that must go on when the person leaves. `az` is
/// looked for on the `PATH`; it has 30 s. It is run in a folder of the system's, not in the one that the program was
/// started in: the tool is written in Python, which may take modules from where it is started.
///
/// See [az account get-access-token](https://learn.microsoft.com/cli/azure/account#az-account-get-access-token).
#[derive(Debug, Clone)]
pub struct AzureCli {
    program: PathBuf,
    tenant: Option<TenantId>,
}

impl Default for AzureCli {
    fn default() -> Self {
        Self::new()
    }
}

impl AzureCli {
    /// The CLI's own tenant.
    #[must_use]
    pub fn new() -> Self {
        Self { program: PathBuf::from(if cfg!(windows) { "az.cmd" } else { "az" }), tenant: None }
    }

    /// Asks for a token of this tenant.
    #[must_use]
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Where the tool is, if not on the `PATH`.
    #[must_use]
    pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
        let program = program.into();
        // A name alone is looked for on the `PATH`; what leads from here on would lead elsewhere from another folder.
        let is_name = program.file_name().is_some_and(|name| name == program.as_os_str());
        self.program = match std::path::absolute(&program) {
            Ok(absolute) if !is_name => absolute,
            _ => program,
        };
        self
    }

    fn command(&self, scope: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(system_folder());
        command.args(["account", "get-access-token", "--output", "json", "--scope", scope]);
        if let Some(tenant) = &self.tenant {
            command.args(["--tenant", tenant.as_str()]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

#[async_trait]
impl TokenCredential for AzureCli {
    async fn token(&self, context: &TokenContext) -> Result<AccessToken> {
        // On Windows the tool is a script of a shell, which would read other signs as its own.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:/".contains(c);
        if !context.scope().chars().all(is_plain) {
            return Err(Error::new(ErrorKind::Invalid, "the scope has signs that the Azure CLI is not given"));
        }
        let command = self.command(context.scope());
        let (send, receive) = oneshot::channel();
        let runs = std::thread::Builder::new().name("azure-cli".to_owned()).spawn(move || {
            // Whoever waited may have given up.
            let _ = send.send(run(command));
        });
        runs.map_err(|source| Error::new(ErrorKind::NotReady, "cannot run the Azure CLI").with_source(source))?;
        let output = receive.await.map_err(|_| Error::new(ErrorKind::NotReady, "the Azure CLI gave no answer"))??;
        parse(&output, context.clock().now())
    }
}

/// Where nobody but the system's administrators can leave a file that the tool would take for one of its own.
fn system_folder() -> PathBuf {
    if cfg!(windows) {
        std::env::var_os("SYSTEMROOT").map_or_else(|| PathBuf::from(r"C:\Windows"), PathBuf::from)
    } else {
        PathBuf::from("/")
    }
}

fn run(mut command: Command) -> Result<Vec<u8>> {
    let failed = |kind, message: &'static str| Error::new(kind, message);
    let mut child = command.spawn().map_err(|source| {
        failed(ErrorKind::NotReady, "the Azure CLI is not installed, or not on the PATH").with_source(source)
    })?;
    fn drained(stream: Option<impl std::io::Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(stream) = stream {
                // What was read before a failure is what there is.
                let _ = stream.take(MAX_OUTPUT).read_to_end(&mut bytes);
            }
            bytes
        })
    }
    let (out, err) = (drained(child.stdout.take()), drained(child.stderr.take()));
    let began = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if began.elapsed() < TIMEOUT => std::thread::sleep(Duration::from_millis(20)),
            _ => {
                // It may have ended by itself.
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(ErrorKind::TimedOut, "the Azure CLI did not answer in 30 s"));
            }
        }
    };
    if status.success() {
        return Ok(out.join().unwrap_or_default());
    }
    let said = one_line(&String::from_utf8_lossy(&err.join().unwrap_or_default()), 300);
    let is_missing = status.code() == Some(127) || said.contains("is not recognized");
    let (kind, message) = match () {
        () if is_missing => (ErrorKind::NotReady, "the Azure CLI is not installed, or not on the PATH"),
        () if said.contains("az login") => {
            (ErrorKind::NotReady, "nobody is signed in to the Azure CLI: run `az login`")
        }
        () => (ErrorKind::Unauthenticated, "the Azure CLI gave no token"),
    };
    Err(failed(kind, message).with_context("said", said))
}

fn parse(output: &[u8], now: OffsetDateTime) -> Result<AccessToken> {
    let wrong = |what: &'static str| Error::new(ErrorKind::Protocol, what);
    let json: Json = serde_json::from_slice(output).map_err(|_| wrong("the Azure CLI's answer is not JSON"))?;
    let token = usable(&json["accessToken"]).ok_or_else(|| wrong("the Azure CLI's answer holds no usable token"))?;
    // `expiresOn` is in the machine's own time zone, and not used.
    let ends = seconds_since_1970(&json["expires_on"]).and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    let ends = ends
        .filter(|ends| *ends > now)
        .ok_or_else(|| wrong("the Azure CLI does not say how long the token is good: use version 2.54 or later"))?;
    Ok(AccessToken::new(token).with_expiry(ends))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn the_answer_is_read() {
        let now = datetime!(2026-01-15 09:30:00 UTC);
        let sample = include_str!("../../tests/data/auth/azure-cli/get-access-token.stdout.json");
        let token = parse(sample.as_bytes(), now).expect("a token");
        assert_eq!(token.expires_at, Some(datetime!(2026-01-15 10:30:00 UTC)));
        for hostile in [
            "",
            "[]",
            r#"{"accessToken":"s3cret"}"#,
            r#"{"accessToken":"s3cret","expires_on":"soon"}"#,
            r#"{"accessToken":"s3cret","expires_on":1}"#,
            r#"{"accessToken":"s3 cret","expires_on":1768473000}"#,
            r#"{"accessToken":"s3cret","expires_on":9223372036854775807}"#,
        ] {
            let error = parse(hostile.as_bytes(), now).expect_err(hostile);
            assert!(!format!("{error:?}").contains("s3"), "{hostile}");
        }
    }
}
