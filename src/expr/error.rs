//! What is wrong with an expression, and where.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};

/// Why a text is no expression: what is wrong, where, and what would be accepted.
///
/// # Examples
///
/// ```
/// use entrant::expr::Expression;
///
/// let error = Expression::parse("Appendd([mail], \".test\")").expect_err("no such function");
/// assert_eq!(error.span(), 0..7);
/// assert_eq!(error.to_string(), "there is no function Appendd (character 1): did you mean Append?");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (character {}): {accepted}", self.char_span().start + 1)]
pub struct ExpressionError {
    message: String,
    accepted: String,
    span: Range<usize>,
    text: Arc<str>,
}

impl ExpressionError {
    pub(super) fn new(text: &str, span: Range<usize>, message: impl Into<String>, accepted: impl Into<String>) -> Self {
        Self { message: message.into(), accepted: accepted.into(), span, text: text.into() }
    }

    /// What is wrong, in one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What would be accepted there, in one line.
    #[must_use]
    pub fn accepted(&self) -> &str {
        &self.accepted
    }

    /// Where, in bytes of the text.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Where, in characters of the text.
    #[must_use]
    pub fn char_span(&self) -> Range<usize> {
        char_span(&self.text, &self.span)
    }

    /// The line at fault with carets under the place, for a terminal. Several lines, the last without a line end.
    #[must_use]
    pub fn render(&self) -> String {
        render("error", &self.text, &self.span, &self.message, &self.accepted)
    }
}

impl From<ExpressionError> for Error {
    fn from(error: ExpressionError) -> Self {
        Error::new(ErrorKind::Invalid, "the expression cannot be used").with_source(error)
    }
}

/// Why an expression has no value for one object.
///
/// The message may show values of that object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (character {})", self.char_span().start + 1)]
pub struct EvaluationError {
    message: String,
    span: Range<usize>,
    text: Arc<str>,
}

impl EvaluationError {
    pub(super) fn new(text: Arc<str>, span: Range<usize>, message: String) -> Self {
        Self { message, span, text }
    }

    /// What is wrong, in one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where, in bytes of the expression's text.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Where, in characters of the expression's text.
    #[must_use]
    pub fn char_span(&self) -> Range<usize> {
        char_span(&self.text, &self.span)
    }

    /// The line at fault with carets under the place, for a terminal. Several lines, the last without a line end.
    #[must_use]
    pub fn render(&self) -> String {
        render("error", &self.text, &self.span, &self.message, "")
    }
}

pub(super) fn char_span(text: &str, span: &Range<usize>) -> Range<usize> {
    let position = |end: usize| text.char_indices().take_while(|(index, _)| *index < end).count();
    position(span.start)..position(span.end)
}

pub(super) fn render(kind: &str, text: &str, span: &Range<usize>, message: &str, note: &str) -> String {
    let start = span.start.min(text.len());
    let before = text.get(..start).unwrap_or(text);
    let number = before.matches('\n').count() + 1;
    let line_start = before.rfind('\n').map_or(0, |index| index + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    // A span may go on in the next line; the carets do not.
    let marked = text.get(start..span.end.min(line_start + line.len())).unwrap_or_default();
    let gutter = " ".repeat(number.to_string().len());
    let shown: String = line.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    let indent = " ".repeat(text[line_start..start].chars().count());
    let carets = "^".repeat(marked.chars().count().max(1));
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = write!(out, "{kind}: {message}\n{gutter} |\n{number} | {shown}\n{gutter} | {indent}{carets}");
    if !note.is_empty() {
        let _ = write!(out, " {note}");
    }
    out
}
