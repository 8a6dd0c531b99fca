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
//! | nothing at all | `Absent` | the default value, if there is one | untouched |
//! | `IgnoreAttributeFlow` | `Ignored` | nothing | untouched |
//! | a value that does not fit | `Failed` | a problem | a problem, untouched |
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
