//! Entra's attribute-mapping expression language: parsed once, evaluated for each record.
//!
//! Pure: no input or output, no clock, no randomness. What an expression needs from outside, the moment and the values
//! of `%Name%`, comes in with a [`Context`].
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
//! # The functions of this version
//!
//! [`Append`], [`Coalesce`], [`IIF`], [`Join`], [`NormalizeDiacritics`], [`Replace`], [`StripSpaces`], [`ToLower`].
//! `Replace` knows *oldValue* with *replacementValue* and *oldValue* with *template*; its forms with a regular
//! expression, and the other functions of the reference, are refused when the expression is parsed: they are not
//! supported yet in this version.
//!
//! A null source gives null, so that a mapping's default value applies; a list is mapped element by element.
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
//! [`Append`]: https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#append
//! [`Coalesce`]: https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#coalesce
//! [`IIF`]: https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#iif
//! [`Join`]: https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#join
//! [`NormalizeDiacritics`]: https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#normalizediacritics
//! [`Replace`]: https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#replace
//! [`StripSpaces`]: https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#stripspaces
//! [`ToLower`]: https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#tolower
//! [the function reference]: https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data
//! [what differs in cloud sync]: https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/reference-expressions

mod ast;
mod coerce;
mod context;
mod error;
mod eval;
mod expression;
mod functions;
mod lexer;
mod parser;
mod path;
mod suggest;

pub use coerce::text_form;
pub use context::Context;
pub use error::{EvaluationError, ExpressionError};
pub use expression::{Expression, Outcome};

pub(crate) use eval::quote;
pub(crate) use functions::without_marks;
pub(crate) use path::{AttributePath, Found};
pub(crate) use suggest::closest;
