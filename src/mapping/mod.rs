//! From a source record to what its target should hold.
//!
//! Pure: no input or output, no clock, no randomness.
//!
//! A [`Mapping`] says, first the target attribute and then where it comes from, how a record of one class becomes a
//! record of another. [`Mapping::compile`] checks it against the target's schema, all faults at once, and gives a
//! [`CompiledMapping`], which maps one record after the other.
//!
//! # What an attribute gives
//!
//! | the source says | [`FlowOutcome`] | on create | on update |
//! | --- | --- | --- | --- |
//! | a value that fits | `Value` | written | written, unless create-only |
//! | null | `Value(Null)` | the default value, if there is one | by [`OnNull`]; a set becomes empty |
//! | empty text | `Value("")` | the default value, if there is one; empty text otherwise | by [`OnNull`]: written unless that says how null is written |
//! | nothing at all | `Absent` | the default value, if there is one | untouched |
//! | `IgnoreAttributeFlow` | `Ignored` | nothing | untouched |
//! | a value that does not fit | `Failed` | a problem | a problem, untouched |
//!
//! # Who belongs
//!
//! [`Mapping::scope`] takes a condition, [`Mapping::scoping`] a filter of Entra's; [`CompiledMapping::belonging`] asks
//! both. Who fails the `groups` of such a filter is a leaver; who fails its other sets, or of whom it cannot be said, is
//! left as he is.
//!
//! # Values that are unique, random or redacted
//!
//! - `SelectUniqueValue` is for create-only attributes that are not matched on and can be read from the target. A plan
//!   takes the first value that can be written and that nobody holds, without regard to case: nobody in the target, and
//!   nobody in the plan, whose entries choose in the order of their keys. What an entry that is deleted or renamed gives
//!   up is free, and the newcomer waits for it. If all are taken, the problem lists who has which.
//! - `RandomString` and `Guid` are for create-only attributes too, so that no second run writes again. The values are in
//!   the plan, drawn from the [seed of the run](crate::job::Run::seed), for each object and attribute its own. A random
//!   password is drawn when the plan is applied, from what the operating system gives, and goes by the password sink.
//! - `Redact` anywhere in an expression hides all that the attribute gets, its constants and its errors: no plan, report,
//!   state or message has them. Applying reads the source again and evaluates; what became null since, or is no longer,
//!   makes the entry stale. The status, references, licences, what is matched on and what is made unique cannot be
//!   redacted.
//!
//! [`CompiledMapping::explain`] tells of one record how each value comes about.
//!
//! # Examples
//!
//! ```
//! use entrant::expr::Context;
//! use entrant::mapping::{AbsentMeans, FlowOutcome, Mapped, Mapping};
//! use entrant::model::{AttributeSchema, Class, ObjectId, Schema};
//! use entrant::{Record, Value};
//!
//! let schema = Schema::new(Class::USER)
//!     .with("employeeId", AttributeSchema::text())
//!     .with("mailNickname", AttributeSchema::text());
//! let mapping = Mapping::users()
//!     .attribute("employeeId", "id")
//!     .expression("mailNickname", "ToLower([login])")?
//!     .match_on("employeeId")
//!     .compile(&schema, AbsentMeans::Unknown)?;
//!
//! let record = Record::new(ObjectId::user("7")).with("id", 7).with("login", "Ada");
//! let context = Context::new(time::OffsetDateTime::UNIX_EPOCH);
//! let Mapped::Flows(flows) = mapping.evaluate(&record, &context) else { unreachable!("nothing ignores the object") };
//! assert_eq!(flows[0].outcome, FlowOutcome::Value(Value::text("7")));
//! assert_eq!(flows[1].outcome, FlowOutcome::Value(Value::text("ada")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod belonging;
mod builder;
mod compile;
mod defaults;
mod engine;
mod explain;
mod fit;
mod flow;
mod group_defaults;
mod headers;
mod products;
mod rule;
mod scope;
mod scope_show;
mod show;
mod steps;
pub mod synchronization;

pub use belonging::Belonging;
pub use builder::Mapping;
pub use compile::{AbsentMeans, MappingError, MappingFault};
pub use engine::{CompiledMapping, Flow, FlowOutcome, Mapped};
pub use explain::{AttributeExplanation, ExplainedStep, Explanation, Told};
pub use flow::{FlowBehavior, FlowType};
pub use headers::HeaderMapping;
pub use rule::{OnNull, Rule};
pub use scope::{ScopeError, ScopeVerdict, ScopingFilter};
