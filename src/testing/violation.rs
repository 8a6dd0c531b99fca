//! What a suite answers with.

use std::fmt;

/// A sentence of a contract that does not hold.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The sentence.
    pub sentence: &'static str,
    /// What was seen instead.
    pub seen: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "does not hold: {}: {}", self.sentence, self.seen)
    }
}

/// As `Display`, since this is what a failing test shows.
impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Violation {}

pub(super) type Verdict<T = ()> = Result<T, Violation>;

/// Fails with the sentence unless the condition holds.
pub(super) fn holds(sentence: &'static str, condition: bool, seen: impl FnOnce() -> String) -> Verdict {
    if condition { Ok(()) } else { Err(Violation { sentence, seen: seen() }) }
}

/// Fails with the sentence unless both are the same.
pub(super) fn same<T: PartialEq + fmt::Debug>(sentence: &'static str, seen: &T, expected: &T) -> Verdict {
    holds(sentence, seen == expected, || format!("{seen:?} instead of {expected:?}"))
}

/// Fails with the sentence on an error.
pub(super) fn works<T>(sentence: &'static str, outcome: crate::error::Result<T>) -> Verdict<T> {
    outcome.map_err(|error| Violation { sentence, seen: error.to_chain() })
}

/// Fails with the sentence unless it is an error of this kind.
pub(super) fn fails<T: fmt::Debug>(
    sentence: &'static str,
    outcome: crate::error::Result<T>,
    kind: crate::ErrorKind,
) -> Verdict {
    match outcome {
        Err(error) if error.kind() == kind => Ok(()),
        other => Err(Violation { sentence, seen: format!("{other:?}") }),
    }
}
