//! The objects of a document.

use super::error::{SchemaRemark, Unused};
use super::json::Place;
use super::members::{Found, Kept, Members, Node, search, write};
use super::words::{AttributeType, FlowTypes, SourceType};
use crate::mapping::{FlowBehavior, FlowType};
use crate::model::Mutability;

/// A `synchronizationSchema`: directories, and the rules that say how objects of one become objects of another.
///
/// Made by [`from_json`](Self::from_json), or by [`from_mapping`](Self::from_mapping). Whatever a document holds beyond
/// the fields here stays in it, and is written again by [`to_json`](Self::to_json).
///
/// See [synchronizationSchema](https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationschema).
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct SynchronizationSchema {
    /// The key of the job or template.
    pub id: Option<String>,
    /// What the service changes on each save.
    pub version: Option<String>,
    /// The directories.
    pub directories: Vec<DirectoryDefinition>,
    /// The rules.
    pub synchronization_rules: Vec<SynchronizationRule>,
    pub(super) kept: Kept,
}

/// A directory, by whose name rules refer to it.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct DirectoryDefinition {
    /// Its id.
    pub id: Option<String>,
    /// Its name, unique in the document.
    pub name: String,
    /// The classes of objects that it has.
    pub objects: Vec<ObjectDefinition>,
    /// Settings of the service.
    pub metadata: Vec<MetadataEntry>,
    pub(super) kept: Kept,
}

/// A class of objects.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ObjectDefinition {
    /// Its name, unique in the directory.
    pub name: String,
    /// What its objects hold.
    pub attributes: Vec<AttributeDefinition>,
    /// Settings; `PropertyNameAccountEnabled` names the attribute that says whether an object is active.
    pub metadata: Vec<MetadataEntry>,
    pub(super) kept: Kept,
}

/// What one attribute of an object may hold.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct AttributeDefinition {
    /// Its name, which may be a path such as `emails[type eq "work"].value`.
    pub name: String,
    /// The type of a value.
    pub kind: AttributeType,
    /// Whether it identifies the object for good.
    pub anchor: bool,
    /// Whether a change of case is a change.
    pub case_exact: bool,
    /// Whether it holds several values.
    pub multivalued: bool,
    /// When it may be written; `Immutable` is [`CreateOnly`](Mutability::CreateOnly).
    pub mutability: Mutability,
    /// Whether an object cannot be made without it.
    pub required: bool,
    /// What a required attribute gets if nothing else gives it a value.
    pub default_value: Option<String>,
    /// Of a source: whether null may clear the target.
    pub flow_null_values: bool,
    /// What it refers to.
    pub referenced_objects: Vec<ReferencedObject>,
    /// Settings; `MaximumLength` limits text, in characters.
    pub metadata: Vec<MetadataEntry>,
    pub(super) kept: Kept,
}

/// What a reference refers to.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ReferencedObject {
    /// The class of objects.
    pub referenced_object_name: String,
    pub(super) kept: Kept,
}

/// A setting: a name and a text, which often is JSON itself.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct MetadataEntry {
    /// Which setting.
    pub key: String,
    /// What it is set to.
    pub value: Option<String>,
    pub(super) kept: Kept,
}

/// A rule: from one directory to another.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct SynchronizationRule {
    /// Its id.
    pub id: Option<String>,
    /// Its name, such as `USER_OUTBOUND_USER`.
    pub name: String,
    /// Rules come in the order of these, the lowest first.
    pub priority: i32,
    /// The directory that objects come from.
    pub source_directory_name: String,
    /// The directory that objects are written to.
    pub target_directory_name: String,
    /// How objects become objects, class by class.
    pub object_mappings: Vec<ObjectMapping>,
    /// Settings of the service.
    pub metadata: Vec<MetadataEntry>,
    pub(super) kept: Kept,
}

/// How the objects of one class become objects of another.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ObjectMapping {
    /// What it is called.
    pub name: String,
    /// Whether it is switched on; it is unless said.
    pub enabled: bool,
    /// The class of the source's objects.
    pub source_object_name: String,
    /// The class of the target's objects.
    pub target_object_name: String,
    /// What may be done to objects of the target.
    pub flow_types: FlowTypes,
    /// Who belongs; everybody if there is none.
    pub scope: Option<ScopeFilter>,
    /// Where the attributes of the target come from.
    pub attribute_mappings: Vec<AttributeMapping>,
    /// Settings of the service.
    pub metadata: Vec<MetadataEntry>,
    pub(super) kept: Kept,
}

impl Default for ObjectMapping {
    fn default() -> Self {
        Self {
            name: String::new(),
            enabled: true,
            source_object_name: String::new(),
            target_object_name: String::new(),
            flow_types: FlowTypes::default(),
            scope: None,
            attribute_mappings: Vec::new(),
            metadata: Vec::new(),
            kept: Kept::default(),
        }
    }
}

/// Where one attribute of the target comes from.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct AttributeMapping {
    /// The attribute of the target.
    pub target_attribute_name: String,
    /// What its value comes from; without one the target keeps what it has, and gets the default where it has nothing.
    pub source: Option<MappingSource>,
    /// What it gets on create if the source has nothing.
    pub default_value: Option<String>,
    /// When it flows.
    pub flow_type: FlowType,
    /// How often it is written.
    pub flow_behavior: FlowBehavior,
    /// Above 0: objects are looked for by this attribute, the lowest first.
    pub matching_priority: i32,
    /// Whether null clears the target, if the attribute of the source says so too. Microsoft has not documented how it
    /// writes this; the name is that of the attribute definition.
    pub flow_null_values: bool,
    pub(super) kept: Kept,
}

/// What a value comes from. The expression decides; the rest is looked at only where it is missing.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct MappingSource {
    /// What kind of source it is.
    pub kind: SourceType,
    /// The attribute, the text of the constant, or the function.
    pub name: Option<String>,
    /// The same as text.
    pub expression: Option<String>,
    /// The arguments of a function that are given.
    pub parameters: Vec<SourceParameter>,
    pub(super) kept: Kept,
}

/// An argument of a function.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct SourceParameter {
    /// Which argument it is.
    pub key: Option<String>,
    /// What it is.
    pub value: Option<MappingSource>,
    pub(super) kept: Kept,
}

/// The scope of an object mapping; see [`ScopingFilter`](crate::mapping::ScopingFilter) for what it means.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ScopeFilter {
    /// One of these must hold; who fails them is a leaver.
    pub groups: Vec<FilterGroup>,
    /// One of these must hold; who fails them counts as not read.
    pub input_filter_groups: Vec<FilterGroup>,
    /// One of these must hold; who fails them is the matter of another mapping.
    pub category_filter_groups: Vec<FilterGroup>,
    pub(super) kept: Kept,
}

/// Clauses that must all hold.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct FilterGroup {
    /// What it is called.
    pub name: Option<String>,
    /// The clauses; none holds for everything.
    pub clauses: Vec<FilterClause>,
    pub(super) kept: Kept,
}

/// A test of one attribute of the source.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct FilterClause {
    /// The operator, such as `EQUALS`.
    pub operator_name: String,
    /// The attribute.
    pub source_operand_name: String,
    /// What it is compared with.
    pub target_operand: Option<FilterOperand>,
    pub(super) kept: Kept,
}

/// What an attribute is compared with.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct FilterOperand {
    /// Any of these, for operators that say what is; none of these, for those that say what is not.
    pub values: Vec<String>,
    pub(super) kept: Kept,
}

impl SynchronizationSchema {
    /// The document as JSON: what was read as it was, in any order of members, with the changes that were made since.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        write(&mut self.clone())
    }

    /// What the document holds and nothing here goes by: settings of the service, ids, members that are unknown. It is
    /// kept all the same. What is null, false, zero or empty says nothing, and is not listed.
    #[must_use]
    pub fn unused(&self) -> Vec<Unused> {
        self.search().unused
    }

    /// Members whose names are known in another case, as some programs write them.
    pub(super) fn misspelt(&self) -> Vec<SchemaRemark> {
        self.search().misspelt
    }

    fn search(&self) -> Found {
        let mut found = Found::default();
        search(&mut self.clone(), Place::Root, &mut found);
        found
    }
}

/// Whether something goes by a setting.
fn is_used(key: &str) -> bool {
    [MetadataEntry::ACCOUNT_ENABLED, MetadataEntry::MAXIMUM_LENGTH].iter().any(|used| used.eq_ignore_ascii_case(key))
}

impl MetadataEntry {
    pub(super) const ACCOUNT_ENABLED: &'static str = "PropertyNameAccountEnabled";
    pub(super) const MAXIMUM_LENGTH: &'static str = "MaximumLength";

    pub(super) fn new(key: &str, value: impl Into<String>) -> Self {
        Self { key: key.to_owned(), value: Some(value.into()), kept: Kept::default() }
    }

    /// The value of a setting, without the quotes of JSON that it may have.
    pub(super) fn of<'a>(entries: &'a [Self], key: &str) -> Option<&'a str> {
        let entry = entries.iter().find(|entry| entry.key.eq_ignore_ascii_case(key))?;
        entry.value.as_deref().map(|value| value.trim_matches('"')).filter(|value| !value.is_empty())
    }
}

impl Node for SynchronizationSchema {
    fn members<M: Members>(&mut self, members: &mut M) {
        members.spare("id", &mut self.id, None);
        members.spare("version", &mut self.version, None);
        members.list("directories", &mut self.directories);
        members.list("synchronizationRules", &mut self.synchronization_rules);
    }

    fn kept(&mut self) -> &mut Kept {
        &mut self.kept
    }
}

impl Node for DirectoryDefinition {
    fn members<M: Members>(&mut self, members: &mut M) {
        members.spare("id", &mut self.id, None);
        members.value("name", &mut self.name, String::new());
        members.list("objects", &mut self.objects);
        members.list("metadata", &mut self.metadata);
    }

    fn kept(&mut self) -> &mut Kept {
        &mut self.kept
    }
}

impl Node for ObjectDefinition {
    fn members<M: Members>(&mut self, members: &mut M) {
        members.value("name", &mut self.name, String::new());
        members.list("attributes", &mut self.attributes);
        members.list("metadata", &mut self.metadata);
    }

    fn kept(&mut self) -> &mut Kept {
        &mut self.kept
    }
}

impl Node for AttributeDefinition {
    fn members<M: Members>(&mut self, members: &mut M) {
        members.value("name", &mut self.name, String::new());
        members.value("type", &mut self.kind, AttributeType::String);
        members.value("anchor", &mut self.anchor, false);
        members.value("caseExact", &mut self.case_exact, false);
        members.value("multivalued", &mut self.multivalued, false);
        members.value("mutability", &mut self.mutability, Mutability::ReadWrite);
        members.value("required", &mut self.required, false);
        members.value("defaultValue", &mut self.default_value, None);
        members.value("flowNullValues", &mut self.flow_null_values, false);
        members.list("referencedObjects", &mut self.referenced_objects);
        members.list("metadata", &mut self.metadata);
    }

    fn kept(&mut self) -> &mut Kept {
        &mut self.kept
    }
}

impl Node for ReferencedObject {
    fn members<M: Members>(&mut self, members: &mut M) {
        members.value("referencedObjectName", &mut self.referenced_object_name, String::new());
    }

    fn kept(&mut self) -> &mut Kept {
        &mut self.kept
    }
}

impl Node for MetadataEntry {
    fn members<M: Members>(&mut self, members: &mut M) {
        members.value("key", &mut self.key, String::new());
        match is_used(&self.key) {
            true => members.value("value", &mut self.value, None),
            false => members.spare("value", &mut self.value, None),
        }
    }

    fn kept(&mut self) -> &mut Kept {
        &mut self.kept
    }
}

impl Node for SynchronizationRule {
    fn members<M: Members>(&mut self, members: &mut M) {
        members.spare("id", &mut self.id, None);
        members.value("name", &mut self.name, String::new());
        members.value("priority", &mut self.priority, 0);
        members.value("sourceDirectoryName", &mut self.source_directory_name, String::new());
        members.value("targetDirectoryName", &mut self.target_directory_name, String::new());
        members.list("objectMappings", &mut self.object_mappings);
        members.list("metadata", &mut self.metadata);
    }

    fn kept(&mut self) -> &mut Kept {
        &mut self.kept
    }
}

impl Node for ObjectMapping {
    fn members<M: Members>(&mut self, members: &mut M) {
        members.value("name", &mut self.name, String::new());
        members.value("enabled", &mut self.enabled, true);
        members.value("sourceObjectName", &mut self.source_object_name, String::new());
        members.value("targetObjectName", &mut self.target_object_name, String::new());
        members.value("flowTypes", &mut self.flow_types, FlowTypes::default());
        members.one("scope", &mut self.scope);
        members.list("attributeMappings", &mut self.attribute_mappings);
        members.list("metadata", &mut self.metadata);
    }

    fn kept(&mut self) -> &mut Kept {
        &mut self.kept
    }
}

impl Node for AttributeMapping {
    fn members<M: Members>(&mut self, members: &mut M) {
        members.value("targetAttributeName", &mut self.target_attribute_name, String::new());
        members.one("source", &mut self.source);
        members.value("defaultValue", &mut self.default_value, None);
        members.value("flowType", &mut self.flow_type, FlowType::Always);
        members.value("flowBehavior", &mut self.flow_behavior, FlowBehavior::FlowWhenChanged);
        members.value("matchingPriority", &mut self.matching_priority, 0);
        members.rare("flowNullValues", &mut self.flow_null_values, false);
    }

    fn kept(&mut self) -> &mut Kept {
        &mut self.kept
    }
}

impl Node for MappingSource {
    fn members<M: Members>(&mut self, members: &mut M) {
        members.value("type", &mut self.kind, SourceType::Attribute);
        members.value("name", &mut self.name, None);
        members.value("expression", &mut self.expression, None);
        members.list("parameters", &mut self.parameters);
    }

    fn kept(&mut self) -> &mut Kept {
        &mut self.kept
    }
}

impl Node for SourceParameter {
    fn members<M: Members>(&mut self, members: &mut M) {
        members.value("key", &mut self.key, None);
        members.one("value", &mut self.value);
    }

    fn kept(&mut self) -> &mut Kept {
        &mut self.kept
    }
}

impl Node for ScopeFilter {
    fn members<M: Members>(&mut self, members: &mut M) {
        members.list("groups", &mut self.groups);
        members.list("inputFilterGroups", &mut self.input_filter_groups);
        members.list("categoryFilterGroups", &mut self.category_filter_groups);
    }

    fn kept(&mut self) -> &mut Kept {
        &mut self.kept
    }
}

impl Node for FilterGroup {
    fn members<M: Members>(&mut self, members: &mut M) {
        members.spare("name", &mut self.name, None);
        members.needed_list("clauses", &mut self.clauses);
    }

    fn kept(&mut self) -> &mut Kept {
        &mut self.kept
    }
}

impl Node for FilterClause {
    fn members<M: Members>(&mut self, members: &mut M) {
        members.value("operatorName", &mut self.operator_name, String::new());
        members.value("sourceOperandName", &mut self.source_operand_name, String::new());
        members.one("targetOperand", &mut self.target_operand);
    }

    fn kept(&mut self) -> &mut Kept {
        &mut self.kept
    }
}

impl Node for FilterOperand {
    fn members<M: Members>(&mut self, members: &mut M) {
        members.value("values", &mut self.values, Vec::new());
    }

    fn kept(&mut self) -> &mut Kept {
        &mut self.kept
    }
}
