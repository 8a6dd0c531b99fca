//! What is found, and what can be done about it.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$outer:meta])* $name:ident { $($(#[doc = $meaning:literal])+ $variant:ident => $word:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum $name {
            $($(#[doc = $meaning])+ $variant,)+
        }

        impl $name {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word for it, in kebab case.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// What its documentation says it is, for tables in the documentation.
            #[cfg(test)]
            #[allow(dead_code, reason = "not all are put into tables")]
            pub(crate) fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($meaning),+),)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::error::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|own| own.as_str() == text).ok_or_else(|| {
                    let accepted = Self::ALL.iter().map(|own| own.as_str()).collect::<Vec<_>>().join(", ");
                    crate::error::Error::new(crate::error::ErrorKind::Invalid, "unknown word")
                        .with_context("given", text)
                        .with_context("accepted", accepted)
                })
            }
        }
    };
}

pub(crate) use words;

words! {
    /// How a source object and its counterpart stand to each other: the thirteen situations of the reference engine
    /// under their names, and six of our own.
    Situation {
        /// Linked, and both ends are there.
        Confirmed => "confirmed",
        /// Not linked, and one counterpart matches.
        Found => "found",
        /// Not linked, and nothing matches.
        Absent => "absent",
        /// Not linked, and several counterparts match, or several sources match one.
        Ambiguous => "ambiguous",
        /// Not linked, and what matches is linked to another source.
        FoundAlreadyLinked => "found-already-linked",
        /// Linked, and the target is gone, also from the recycle bin.
        Missing => "missing",
        /// What the source was linked or anchored to lies in the recycle bin.
        RecycleBin => "recycle-bin",
        /// Linked so recently that the target may not show it yet.
        Pending => "pending",
        /// Another source came for the account of one that is gone: an id changed, or a re-hire.
        Rekeyed => "rekeyed",
        /// Several source records share one id.
        Duplicate => "duplicate",
        /// A source record is there and cannot be read.
        Unreadable => "unreadable",
        /// Out of scope, with a counterpart.
        Unqualified => "unqualified",
        /// Out of scope, without a counterpart.
        SourceIgnored => "source-ignored",
        /// Linked, and the source is gone.
        SourceMissing => "source-missing",
        /// Linked, and the job that owns the target is being retired.
        Retired => "retired",
        /// A link whose two ends are gone.
        LinkOnly => "link-only",
        /// A target without a source.
        Unassigned => "unassigned",
        /// A target out of the mapping's target scope.
        TargetIgnored => "target-ignored",
        /// An event for something that is gone on all sides.
        AllGone => "all-gone",
    }
}

words! {
    /// What an entry of a plan does.
    Action {
        /// Makes the object and links it.
        Create => "create",
        /// Writes what differs.
        Update => "update",
        /// Links what was found, and writes what differs.
        Link => "link",
        /// Moves a link to another source.
        Relink => "relink",
        /// Drops a link.
        Unlink => "unlink",
        /// Switches the account off.
        Disable => "disable",
        /// Deletes the account.
        Delete => "delete",
        /// Brings the account back from the recycle bin.
        Restore => "restore",
        /// Waits for a grace period to pass.
        Wait => "wait",
        /// Shows something and changes nothing.
        Report => "report",
        /// Counts and shows nothing.
        Ignore => "ignore",
        /// Needs a person.
        Exception => "exception",
    }
}
