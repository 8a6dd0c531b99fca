//! Regular expressions as .NET understands them.
//!
//! Entra's service runs on .NET, and mappings are written for its dialect: look-around of any length, `\w` by Unicode
//! category, `$` before a last line feed, groups numbered unnamed first, an empty match after a match. What a pattern
//! means must not change quietly on the way, and neither a pattern nor a value may hold up a run, so there is one small
//! engine here that counts its steps: each pattern becomes a program of at most 10,000 instructions, which a
//! backtracking machine carries out within the [`Fuel`](super::fuel::Fuel) of its evaluation.
//!
//! What is not here is refused when a pattern is read: balancing groups, conditions, octal escapes, numbered names,
//! blocks of Unicode beyond the common ones. One thing differs by design: a character is a Unicode scalar value, not a
//! UTF-16 unit, so that no character outside the first plane is ever cut in two.
//!
//! See [.NET regular expressions](https://learn.microsoft.com/dotnet/standard/base-types/regular-expression-language-quick-reference).

mod class;
mod compile;
mod machine;
mod parse;
mod pattern;
mod replacement;
mod tree;

pub(crate) use pattern::Regex;
pub(super) use replacement::Replacement;
