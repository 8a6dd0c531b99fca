//! Whether a read was whole: what evidence by absence rests on.

use serde::{Deserialize, Serialize};

/// Whether a read yielded all there is. Complete by definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_enums, reason = "all was read or not all was")]
pub enum Completeness {
    /// All of it.
    Complete,
    /// Not all of it: what was not in it may well be there.
    Partial {
        /// Why, for people.
        reason: String,
    },
}

impl Completeness {
    /// Whether all was read.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Complete)
    }
}
