//! The one run-time error of the crate.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::plain::plain;

/// Any error as a cause.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// The result of everything that runs.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong while something ran.
///
/// One word wide. Match on [`kind`](Error::kind); show it with `{}` (one line: what failed, then the
/// context); the cause is in [`source`](std::error::Error::source). Secrets never get in here.
///
/// # Examples
///
/// ```
/// use entrant::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::Store, "cannot read the people table").with_context("table", "people");
/// assert_eq!(error.to_string(), "cannot read the people table (table=people)");
/// assert_eq!(error.kind(), ErrorKind::Store);
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    retry: Retry,
    in_doubt: bool,
    message: Cow<'static, str>,
    context: Vec<(&'static str, String)>,
    graph: Option<GraphError>,
    source: Option<BoxError>,
}

/// The coarse class of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The object is not there.
    NotFound,
    /// A value is taken, or someone else changed the object at the same moment.
    Conflict,
    /// The service asks to come back later, and the last retry was used up.
    Throttled,
    /// No valid token could be had, or it was refused.
    Unauthenticated,
    /// The identity is known but may not do this.
    Forbidden,
    /// What was asked for is wrong in itself; repeating it does not help.
    Invalid,
    /// The request did not get through, or no whole answer came back.
    Transport,
    /// The service failed (5xx), and the last retry was used up.
    Unavailable,
    /// A deadline passed.
    TimedOut,
    /// The answer was not of the shape that the protocol says.
    Protocol,
    /// A host's store or the state failed.
    Store,
    /// The store cannot do this.
    Unsupported,
    /// What was planned no longer fits what is there.
    Stale,
    /// The connection has not passed its check, or is switched off.
    NotReady,
    /// The job is in quarantine, and applies nothing until it is released.
    Quarantined,
    /// The link set belongs to another tenant.
    TenantChanged,
    /// Another run holds, or took over, the lease.
    Leased,
    /// A source that holds nothing, or nothing of a class of which the job owns something: more often a fault than the
    /// truth.
    EmptySource,
    /// The cursor is no longer good for reading what changed since: too old, of something else, or more has changed than
    /// is worth reading so. Everything must be read anew.
    CursorExpired,
}

/// Whether repeating helps. Decided where it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retry {
    /// The same again fails the same way.
    Never,
    /// Worth repeating after a back-off.
    Later,
    /// Worth repeating after this long; the service said so.
    After(Duration),
}

/// What Microsoft Graph said of a failure.
///
/// See [error responses](https://learn.microsoft.com/graph/errors).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct GraphError {
    /// The HTTP status.
    pub status: u16,
    /// Graph's code, such as `Request_ResourceNotFound`.
    pub code: String,
    /// Graph's message, cut to 1,000 characters. For people: its wording changes.
    pub message: String,
    /// What the error is about, where Graph says so.
    pub target: Option<String>,
    /// Finer errors.
    pub details: Vec<GraphErrorDetail>,
    /// Graph's id of the request; Microsoft's support asks for it.
    pub request_id: Option<String>,
    /// Our id of the request.
    pub client_request_id: Option<String>,
    /// After a refusal for lack of rights: the least permission that the operation needs, where it is known. Not
    /// Graph's word.
    pub permission: Option<String>,
    /// After a refusal for lack of rights: the token has the permission for the operation, so that what is missing is a
    /// directory role. Not Graph's word.
    pub needs_role: bool,
}

/// One entry of `details` in a [`GraphError`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct GraphErrorDetail {
    /// Such as `ObjectConflict`.
    pub code: String,
    /// For people.
    pub message: String,
    /// Such as `userPrincipalName`.
    pub target: Option<String>,
}

impl Error {
    /// An error of a kind, with a message in one line and without a full stop.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            retry: Retry::Never,
            in_doubt: false,
            message: message.into(),
            context: Vec::new(),
            graph: None,
            source: None,
        }))
    }

    /// What a host's store failed with: of [`ErrorKind::Store`], with the cause.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::{Error, Result};
    ///
    /// fn people() -> Result<String> {
    ///     std::fs::read_to_string("no such file").map_err(Error::store)
    /// }
    ///
    /// let error = people().expect_err("there is none");
    /// assert!(error.to_chain().starts_with("the store failed: No such file"));
    /// ```
    pub fn store(cause: impl Into<BoxError>) -> Self {
        Self::new(ErrorKind::Store, "the store failed").with_source(cause)
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds a place or a name to the message.
    #[must_use]
    pub fn with_context(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((key, value.to_string()));
        self
    }

    /// Says whether repeating helps; the default is [`Retry::Never`].
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// Says that the request may have been carried out although no answer came.
    #[must_use]
    pub fn with_outcome_in_doubt(mut self) -> Self {
        self.0.in_doubt = true;
        self
    }

    /// Adds what Graph said.
    #[must_use]
    pub fn with_graph(mut self, graph: GraphError) -> Self {
        self.0.graph = Some(graph);
        self
    }

    /// The coarse class.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether repeating helps.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// Whether the request may have been carried out although it failed here: look before repeating.
    #[must_use]
    pub fn is_outcome_in_doubt(&self) -> bool {
        self.0.in_doubt
    }

    /// What Graph said, if it was Graph that failed.
    #[must_use]
    pub fn graph(&self) -> Option<&GraphError> {
        self.0.graph.as_ref()
    }

    /// The error and all its causes in one line, for a log or a terminal. Signs that would begin another line, or command
    /// the terminal, are replaced.
    #[must_use]
    pub fn to_chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&plain(&error.to_string()));
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What comes from outside may be in all of it.
        f.write_str(&plain(&self.0.message))?;
        let graph = self.0.graph.iter().flat_map(|graph| {
            let status = (graph.status != 0).then(|| ("status", graph.status.to_string()));
            let code = (!graph.code.is_empty()).then(|| ("code", graph.code.clone()));
            let request = graph.request_id.clone().map(|id| ("request-id", id));
            let role = graph.needs_role.then(|| "a directory role".to_owned());
            let needs = graph.permission.clone().or(role).map(|what| ("needs", what));
            status.into_iter().chain(code).chain(needs).chain(request)
        });
        let context = self.0.context.iter().map(|(key, value)| (*key, value.clone()));
        for (index, (key, value)) in context.chain(graph).enumerate() {
            write!(f, "{}{key}={}", if index == 0 { " (" } else { ", " }, plain(&value))?;
        }
        if !self.0.context.is_empty()
            || self.0.graph.as_ref().is_some_and(|g| g.status != 0 || !g.code.is_empty() || g.request_id.is_some())
        {
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("retry", &self.0.retry)
            .field("in_doubt", &self.0.in_doubt)
            .field("message", &self.0.message)
            .field("context", &self.0.context)
            .field("graph", &self.0.graph)
            .field("source", &self.0.source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

const _: () = assert!(size_of::<Error>() == size_of::<usize>());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_forges_no_line_and_commands_no_terminal() {
        let hostile = "7\r\n2026-01-05T08:00:00Z INFO all is well\u{1b}[2J\u{202e}\u{2028}x\0";
        let cause = std::io::Error::other(hostile);
        let graph = GraphError { code: hostile.to_owned(), ..GraphError::default() };
        let error = Error::new(ErrorKind::Invalid, format!("no such row {hostile}"))
            .with_context("id", hostile)
            .with_graph(graph)
            .with_source(cause);
        for text in [error.to_string(), error.to_chain(), format!("{error:?}")] {
            assert!(text.contains("all is well"), "{text}");
            assert!(!text.contains(|sign: char| sign.is_control()), "{text:?}");
            assert!(!text.contains(['\u{202e}', '\u{2028}']), "{text:?}");
        }
    }
}
