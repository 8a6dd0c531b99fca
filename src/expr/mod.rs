//! Entra's attribute-mapping expression language: parsed once, evaluated for each record.
//!
//! Pure: no input or output, no clock, no randomness. What an expression needs from outside, the moment, the values of
//! `%Name%`, the values that are taken and the seed of random ones, comes in with a [`Context`].
//!
//! # The language
//!
//! | form | example |
//! | --- | --- |
//! | function call, names in any case | `ToLower([mail])` |
//! | attribute, flat or by path | `[mail]`, `[name.givenName]`, `[emails[type eq "work"].value]` |
//! | text, with `\"` and `\\` | `"Contoso"` |
//! | number | `8`, `-1`, `&HFF` |
//! | parameter | `%Domain%` |
//! | comparison: `=`, `<>`, `<`, `<=`, `>`, `>=` | `IIF([country] = "DE", "EUR", "USD")` |
//! | joining of text; null counts as `""` | `[givenName] & " " & [surname]` |
//! | word | `IgnoreAttributeFlow`, `IgnoreObjectFlow`, `NULL`, `True`, `False` … |
//!
//! An argument may be left out: `Replace([a], "-", , , "_", , )`. There are no single quotes, no parentheses for
//! grouping, no `&&`, `||`, `+`. An expression has at most 10,000 characters and 128 levels.
//!
//! # The functions
//!
//! All of [the function reference] and of [what differs in cloud sync]:
//!
//! | for | functions |
//! | --- | --- |
//! | text | Append, InStr, Join, Left, Mid, NormalizeDiacritics, PCase, Replace, StripSpaces, ToLower, ToUpper, Trim, Word |
//! | choosing | Coalesce, IIF, IsNull, IsNullOrEmpty, IsPresent, IsString, Not, Switch |
//! | lists | Count, Item, RemoveDuplicates, Split |
//! | dates, in UTC | CDate, DateAdd, DateDiff, DateFromNum, FormatDateTime, Now, NumFromDate |
//! | conversion | BitAnd, CBool, ConvertFromBase64, ConvertToBase64, ConvertToUTF8Hex, CRef, CStr, DNComponent, StringFromSid |
//! | roles | AppRoleAssignments, AppRoleAssignmentsComplex, AssertiveAppRoleAssignmentsComplex, SingleAppRoleAssignment |
//! | random values | Guid, RandomString |
//! | the flow | DefaultDomain, Error, IgnoreFlowIfNullOrEmpty, Redact, SelectUniqueValue |
//!
//! A null source gives null, so that a mapping's default value applies; Left, Mid and Word give empty text, as their
//! pages say. A function on one text is applied to each element of a list. Only the branch that is chosen is evaluated.
//!
//! What can never work is refused when the expression is parsed: a wrong regular expression or date format, a number
//! that is none. [`Expression::lints`] says what works and is probably not meant. Where Microsoft's pages disagree or are
//! silent, the functions say what they do.
//!
//! # Regular expressions and date formats
//!
//! They are those of .NET. A pattern that would mean something else here is refused: balancing groups, conditions, octal
//! escapes, rare blocks of Unicode. A character is a Unicode scalar value, in patterns and in lengths alike. A year of two
//! digits between 30 and 49 is an error, since nobody knows the century.
//!
//! # Limits
//!
//! One evaluation makes at most 1,000,000 steps (a byte of text or an instruction of a pattern each, some milliseconds),
//! and then ends with an error for that object.
//!
//! # Examples
//!
//! ```
//! use entrant::expr::{Context, Expression, Outcome};
//! use entrant::{Record, Value, model::ObjectId};
//!
//! let expression = Expression::parse(r#"Join("@", ToLower([login]), %Domain%)"#)?;
//! let record = Record::new(ObjectId::user("7")).with("login", "Ada");
//! let context = Context::new(time::OffsetDateTime::UNIX_EPOCH).with_parameter("Domain", "example.com");
//! let outcome = expression.evaluate(&record.attributes, &context)?;
//! assert_eq!(outcome, Outcome::Value(Value::text("ada@example.com")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! See [the function reference] and [what differs in cloud sync].
//!
//! [the function reference]: https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data
//! [what differs in cloud sync]: https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/reference-expressions

mod ast;
mod check;
mod coerce;
mod context;
mod datetime;
mod error;
mod eval;
mod expression;
mod fuel;
mod functions;
mod lexer;
mod lint;
mod parser;
mod path;
mod random;
mod regex;
mod shape;
mod steps;
mod suggest;
mod types;
mod unicode;

pub use coerce::text_form;
pub use context::{Context, Seed};
pub use error::{EvaluationError, ExpressionError};
pub use expression::{Expression, Outcome};
pub use lint::Lint;
pub use steps::Step;

pub(crate) use coerce::integer;
pub(crate) use eval::quote;
pub(crate) use fuel::Fuel;
pub(crate) use functions::without_marks;
pub(crate) use path::{AttributePath, Found};
pub(crate) use regex::Regex;
pub(crate) use shape::{Shape, ShapeKind, call_text};
pub(crate) use suggest::closest;
