//! Mappings as Entra itself exports them: the `synchronizationSchema` of a provisioning job, from and to JSON.
//!
//! Pure: the document is a text that the caller has.
//!
//! - [`SynchronizationSchema::from_json`] reads a document of any size, and says all that is wrong with it, each with its
//!   place; [`warnings`](SynchronizationSchema::warnings) says what is odd, and
//!   [`unused`](SynchronizationSchema::unused) what is kept and not used here.
//! - [`SynchronizationSchema::mappings`] makes a [`Mapping`](super::Mapping) of each object mapping.
//! - [`SynchronizationSchema::from_mapping`] makes a document of a mapping that was built in Rust.
//! - [`SynchronizationSchema::to_json`] writes a document. What was read comes back as it was, in any order of members,
//!   whether it is known here or not; that matters since Graph replaces the whole schema.
//!
//! # What decides
//!
//! | in the document | here |
//! | --- | --- |
//! | `source.expression` | the source; the other members only where it is missing, with a warning where they disagree |
//! | `source` null | a constant, the default value, that flows where the target has nothing |
//! | `matchingPriority` | the order of matching, ascending; 0 and below: not for matching |
//! | `flowType`, `flowBehavior` | [`FlowType`](super::FlowType), [`FlowBehavior`](super::FlowBehavior) |
//! | `defaultValue` | on create alone, where the source gives null or empty text |
//! | `flowNullValues`, of the mapping and of all that it reads | [`OnNull::Clear`](super::OnNull::Clear), for single values |
//! | `flowTypes` | [`FlowTypes`], for the caller to turn into preferences |
//! | `enabled` | [`ImportedMapping::enabled`] |
//! | `scope` | [`ScopingFilter`](super::ScopingFilter) |
//!
//! See [the schema](https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationschema) and
//! [how its mappings work](https://learn.microsoft.com/entra/identity/app-provisioning/customize-application-attributes).

mod check;
mod classes;
mod convert;
mod document;
mod error;
mod export;
mod json;
mod members;
mod source;
mod words;

pub use convert::ImportedMapping;
pub use document::{
    AttributeDefinition, AttributeMapping, DirectoryDefinition, FilterClause, FilterGroup, FilterOperand,
    MappingSource, MetadataEntry, ObjectDefinition, ObjectMapping, ReferencedObject, ScopeFilter, SourceParameter,
    SynchronizationRule, SynchronizationSchema,
};
pub use error::{SchemaError, SchemaRemark, Unused};
pub use words::{AttributeType, FlowTypes, SourceType};
