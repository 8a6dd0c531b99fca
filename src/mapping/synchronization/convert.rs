//! Definitions, filters and mappings of a document as the rest of the crate has them.

use std::collections::HashSet;
use std::sync::Arc;

use super::check::{self, Findings};
use super::classes::{Attributes, Classes};
use super::document::{
    AttributeDefinition, AttributeMapping, FilterClause, FilterGroup, FilterOperand, MetadataEntry, ObjectDefinition,
    ObjectMapping, ScopeFilter, SynchronizationRule, SynchronizationSchema,
};
use super::error::{SchemaError, SchemaRemark};
use super::json::{self, Place};
use super::members::{read, write};
use super::words::{AttributeType, FlowTypes};
use crate::expr::ShapeKind;
use crate::mapping::scope::{Clause, Group};
use crate::mapping::{FlowType, Mapping, OnNull, ScopeError, ScopingFilter};
use crate::model::{AttributeSchema, CaseRule, Class, Kind, Mutability, Schema};

/// How many required attributes get the defaults of their definitions, in all mappings of a document.
const MOST_ADDED: usize = 100_000;

/// An object mapping of a document, ready to be compiled.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ImportedMapping {
    /// The name of the rule that it belongs to.
    pub rule: String,
    /// Where it stands: `synchronizationRules[0].objectMappings[1]`.
    pub place: String,
    /// Whether it is switched on. One that is not should not be used.
    pub enabled: bool,
    /// What may be done to objects of the target: for the caller to turn into preferences.
    pub flow_types: FlowTypes,
    /// The rules for the attributes and who belongs, named like the object mapping.
    pub mapping: Mapping,
    /// What the document says of the target's objects, for a target that does not say so itself.
    pub target: Arc<Schema>,
}

impl SynchronizationSchema {
    /// Reads a document and checks it.
    ///
    /// # Errors
    ///
    /// All that is wrong, each with its place: no JSON, more than 128 levels of objects and lists, a member that comes
    /// twice or is of the wrong type, a word that is none of those that are known, a directory, object or target attribute
    /// that is not defined, a target attribute that cannot be written or is mapped twice, an expression that is wrong,
    /// `SelectUniqueValue` where it cannot be, a default that does not fit, a wrong clause of a filter, no matching
    /// attribute where existing objects are to be updated.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::mapping::synchronization::SynchronizationSchema;
    ///
    /// let error = SynchronizationSchema::from_json(r#"{"directories": [
    ///     {"name": "hr", "objects": [{"name": "Worker", "attributes": [{"name": "id"}]}]},
    ///     {"name": "entra", "objects": [{"name": "User", "attributes": [{"name": "employeeId"}]}]}
    /// ], "synchronizationRules": [{
    ///     "sourceDirectoryName": "hr", "targetDirectoryName": "entra",
    ///     "objectMappings": [{"sourceObjectName": "Worker", "targetObjectName": "User", "attributeMappings": [
    ///         {"targetAttributeName": "employeeId", "matchingPriority": 1, "flowType": "Alway",
    ///          "source": {"type": "Function", "name": "ToLowr", "expression": "ToLowr([id])"}}
    ///     ]}]
    /// }]}"#).expect_err("two things are wrong");
    /// let places: Vec<&str> = error.faults().iter().map(|fault| fault.place()).collect();
    /// let mapping = "synchronizationRules[0].objectMappings[0].attributeMappings[0]";
    /// assert_eq!(places, [format!("{mapping}.flowType"), format!("{mapping}.source.expression")]);
    /// assert!(error.render().ends_with("1 | ToLowr([id])\n  | ^^^^^^ did you mean ToLower?"));
    /// ```
    pub fn from_json(text: &str) -> Result<Self, SchemaError> {
        // Some editors and shells begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (json, repeated) = json::parse(text).map_err(|error| {
            let message = format!("this is no JSON, or nested deeper than 128 levels: {error}");
            SchemaError::new(vec![SchemaRemark::new(Place::Root, message)])
        })?;
        let twice = |place| SchemaRemark::new(place, "this member comes twice, and nobody knows which is meant");
        let mut faults: Vec<SchemaRemark> = repeated.into_iter().map(twice).collect();
        let schema: Self = read(json, Place::Root, &mut faults);
        faults.extend(check::check(&schema).faults);
        if faults.is_empty() { Ok(schema) } else { Err(SchemaError::new(faults)) }
    }

    /// Checks a document that was made or changed here, as [`from_json`](Self::from_json) does.
    ///
    /// # Errors
    ///
    /// All that is wrong.
    pub fn check(&self) -> Result<(), SchemaError> {
        let Findings { faults, .. } = check::check(self);
        if faults.is_empty() { Ok(()) } else { Err(SchemaError::new(faults)) }
    }

    /// What works and is probably not meant, each with its place: attributes of the source that are not defined, equal
    /// priorities, parameters that say something else than the expression, branches that are never reached, members
    /// whose names are known in another case and so are not used, no object mapping at all …
    #[must_use]
    pub fn warnings(&self) -> Vec<SchemaRemark> {
        let mut warnings = check::check(self).warnings;
        warnings.extend(self.misspelt());
        warnings
    }

    /// The mappings, those of a rule with a low priority first, then in the order of the document.
    ///
    /// - What is matched on comes in the order of the priorities.
    /// - The source's `expression` decides; only where it is missing it is made from the other members.
    /// - A mapping without a source is a constant, its default value, written where the target has nothing.
    /// - A default value is written on create alone. A required attribute without one gets the default of its definition,
    ///   also if nothing is mapped to it.
    /// - Null clears an attribute of one value if the mapping and all that it reads say `flowNullValues`.
    /// - Objects called `User` and `Group`, in any case and also after the last colon of a longer name, are
    ///   [`Class::USER`] and [`Class::GROUP`]; others are classes of their own names.
    ///
    /// # Errors
    ///
    /// All that is wrong, as of [`check`](Self::check).
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::expr::Context;
    /// use entrant::mapping::synchronization::SynchronizationSchema;
    /// use entrant::mapping::{AbsentMeans, FlowOutcome, Mapped};
    /// use entrant::{Record, model::ObjectId};
    ///
    /// let document = SynchronizationSchema::from_json(r#"{"directories": [
    ///     {"name": "hr", "objects": [{"name": "User", "attributes": [{"name": "id"}]}]},
    ///     {"name": "entra", "objects": [{"name": "User", "attributes": [{"name": "employeeId"}]}]}
    /// ], "synchronizationRules": [{
    ///     "sourceDirectoryName": "hr", "targetDirectoryName": "entra",
    ///     "objectMappings": [{"sourceObjectName": "User", "targetObjectName": "User", "attributeMappings": [
    ///         {"targetAttributeName": "employeeId", "matchingPriority": 1,
    ///          "source": {"type": "Function", "name": "ToUpper", "expression": "ToUpper([id])"}}
    ///     ]}]
    /// }]}"#)?;
    /// let own = &document.mappings()?[0];
    /// let compiled = own.mapping.compile(&own.target, AbsentMeans::Unknown)?;
    /// let record = Record::new(ObjectId::user("1")).with("id", "ab12");
    /// let mapped = compiled.evaluate(&record, &Context::new(time::OffsetDateTime::UNIX_EPOCH));
    /// let Mapped::Flows(flows) = mapped else { unreachable!("nothing ignores the object") };
    /// assert_eq!(flows[0].outcome, FlowOutcome::Value("AB12".into()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn mappings(&self) -> Result<Vec<ImportedMapping>, SchemaError> {
        self.check()?;
        let classes = Classes::of(self);
        let mut added = 0;
        let mut rules: Vec<(usize, &SynchronizationRule)> = self.synchronization_rules.iter().enumerate().collect();
        rules.sort_by_key(|(_, rule)| rule.priority);
        let mut mappings = Vec::new();
        let mut faults = Vec::new();
        for (rule_index, rule) in rules {
            for (index, mapping) in rule.object_mappings.iter().enumerate() {
                let place = format!("synchronizationRules[{rule_index}].objectMappings[{index}]");
                match import(&classes, rule, mapping, place, &mut added) {
                    Ok(mapping) => mappings.push(mapping),
                    Err(fault) => faults.push(fault),
                }
            }
        }
        if faults.is_empty() { Ok(mappings) } else { Err(SchemaError::new(faults)) }
    }
}

/// `added` counts the constants that no mapping of the document has.
fn import(
    classes: &Classes<'_>,
    rule: &SynchronizationRule,
    own: &ObjectMapping,
    place: String,
    added: &mut usize,
) -> Result<ImportedMapping, SchemaRemark> {
    let missing = || SchemaRemark::new(&place, "the objects that it maps are not defined");
    let source = classes.class(&rule.source_directory_name, &own.source_object_name).ok_or_else(missing)?;
    let target = classes.class(&rule.target_directory_name, &own.target_object_name).ok_or_else(missing)?;
    let mut mapping = Mapping::new(class_of(&source.object.name), target.schema.class.clone());
    if !own.name.is_empty() {
        mapping = mapping.named(own.name.as_str());
    }
    for (index, attribute) in own.attribute_mappings.iter().enumerate() {
        let at = format!("{place}.attributeMappings[{index}].source.expression");
        mapping = attribute.import(mapping, target.get(&attribute.target_attribute_name), source, &at)?;
    }
    let mapped: HashSet<&str> = own.attribute_mappings.iter().map(|own| own.target_attribute_name.as_str()).collect();
    for (name, default) in target.required.iter().filter(|(name, _)| !mapped.contains(name)) {
        *added += 1;
        if *added > MOST_ADDED {
            let message = format!("more than {MOST_ADDED} required attributes get the defaults of their definitions");
            return Err(SchemaRemark::new(&place, message));
        }
        mapping = mapping.constant(*name, *default).create_only(*name);
    }
    let mut matching: Vec<&AttributeMapping> =
        own.attribute_mappings.iter().filter(|own| own.matching_priority > 0).collect();
    matching.sort_by_key(|own| own.matching_priority);
    for attribute in matching {
        mapping = mapping.match_on(attribute.target_attribute_name.as_str());
    }
    if let Some(scope) = &own.scope {
        let scoping = scope
            .to_filter()
            .map_err(|error| SchemaRemark::new(format!("{place}.scope.{}", error.place()), error.message()))?;
        mapping = mapping.scoping(scoping);
    }
    Ok(ImportedMapping {
        rule: rule.name.clone(),
        place,
        enabled: own.enabled,
        flow_types: own.flow_types,
        mapping,
        target: Arc::clone(&target.schema),
    })
}

impl AttributeMapping {
    fn import(
        &self,
        mapping: Mapping,
        own: Option<&AttributeDefinition>,
        from: &Attributes<'_>,
        place: &str,
    ) -> Result<Mapping, SchemaRemark> {
        let name = self.target_attribute_name.as_str();
        let required = own.filter(|own| own.is_given()).and_then(|own| own.default_value.as_ref());
        let Some(source) = &self.source else {
            let default = match (&self.default_value, required) {
                (Some(default), _) => default,
                (None, Some(required)) => return Ok(mapping.constant(name, required.as_str()).create_only(name)),
                (None, None) => return Ok(mapping),
            };
            let flow_type = match self.flow_type {
                FlowType::ObjectAddOnly => FlowType::ObjectAddOnly,
                _ => FlowType::AttributeAddOnly,
            };
            return Ok(mapping.constant(name, default.as_str()).flow_type(name, flow_type));
        };
        let expression = source.parse().map_err(|error| SchemaRemark::of_expression(place, error))?;
        let clears = self.flow_null_values
            && own.is_some_and(|own| !own.multivalued && !own.required)
            && !expression.references().is_empty()
            && expression.references().iter().all(|path| from.reached(path).is_some_and(|own| own.flow_null_values));
        let shape = expression.shape();
        let mut mapping = match shape.kind {
            ShapeKind::Attribute(attribute) => mapping.attribute(name, attribute),
            ShapeKind::Constant(value) => mapping.constant(name, value),
            ShapeKind::Call { .. } | ShapeKind::Other => mapping.parsed(name.into(), expression),
        };
        if let Some(default) = self.default_value.as_ref().or(required) {
            mapping = mapping.default_value(name, default.as_str());
        }
        if clears {
            mapping = mapping.on_null(name, OnNull::Clear);
        }
        if self.flow_type != FlowType::default() {
            mapping = mapping.flow_type(name, self.flow_type);
        }
        if self.flow_behavior != crate::mapping::FlowBehavior::default() {
            mapping = mapping.flow_behavior(name, self.flow_behavior);
        }
        Ok(mapping)
    }
}

impl ObjectDefinition {
    /// What the objects hold, as a target says it.
    #[must_use]
    pub fn to_schema(&self) -> Schema {
        let mut schema = Schema::new(class_of(&self.name));
        for attribute in &self.attributes {
            schema = schema.with(attribute.name.as_str(), attribute.to_model());
        }
        match MetadataEntry::of(&self.metadata, MetadataEntry::ACCOUNT_ENABLED) {
            Some(status) if schema.get(status).is_some_and(|own| own.kind == Kind::Boolean) => {
                schema.with_status(status)
            }
            _ => schema,
        }
    }
}

impl AttributeDefinition {
    pub(super) fn is_writable(&self) -> bool {
        self.mutability != Mutability::ReadOnly
    }

    /// Whether an object that is made gets the default of the definition, if nothing else gives it a value.
    pub(super) fn is_given(&self) -> bool {
        self.required && self.default_value.is_some()
    }

    pub(super) fn to_model(&self) -> AttributeSchema {
        let kind = match self.kind {
            AttributeType::String => Kind::Text,
            AttributeType::Integer => Kind::Integer,
            AttributeType::Binary => Kind::Binary,
            AttributeType::Boolean => Kind::Boolean,
            AttributeType::DateTime => Kind::DateTime,
            AttributeType::Reference => {
                let first = self.referenced_objects.first();
                Kind::Reference(first.map_or(Class::USER, |object| class_of(&object.referenced_object_name)))
            }
        };
        let mut schema = AttributeSchema::new(kind).with_mutability(self.mutability);
        schema.case = if self.case_exact { CaseRule::Exact } else { CaseRule::Ignore };
        if self.multivalued {
            schema = schema.many();
        }
        if self.required {
            schema = schema.required();
        }
        let length = MetadataEntry::of(&self.metadata, MetadataEntry::MAXIMUM_LENGTH);
        schema.max_length = length.and_then(|length| length.parse().ok()).filter(|length| *length > 0);
        schema
    }
}

impl ScopeFilter {
    /// The filter, ready for use.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its place.
    pub fn to_filter(&self) -> Result<ScopingFilter, ScopeError> {
        ScopingFilter::from_json(&write(&mut self.clone()).to_string())
    }

    /// The filter as a document says it; the groups have no names.
    #[must_use]
    pub fn of(filter: &ScopingFilter) -> Self {
        let [groups, input_filter_groups, category_filter_groups] = filter.sets().map(|groups| {
            let clause = |own: &Clause| FilterClause {
                operator_name: own.test.operator().to_owned(),
                source_operand_name: own.attribute.text().to_string(),
                target_operand: Some(own.test.operands())
                    .filter(|operands| !operands.is_empty())
                    .map(|values| FilterOperand { values, ..FilterOperand::default() }),
                ..FilterClause::default()
            };
            let group = |own: &Group| FilterGroup {
                clauses: own.clauses.iter().map(clause).collect(),
                ..FilterGroup::default()
            };
            groups.iter().map(group).collect()
        });
        Self { groups, input_filter_groups, category_filter_groups, ..Self::default() }
    }

    pub(super) fn sets(&self) -> [(&'static str, &[FilterGroup]); 3] {
        [
            ("groups", &self.groups),
            ("inputFilterGroups", &self.input_filter_groups),
            ("categoryFilterGroups", &self.category_filter_groups),
        ]
    }
}

impl FilterClause {
    /// A filter of this clause alone.
    pub(super) fn to_filter(&self) -> Result<ScopingFilter, ScopeError> {
        let group = FilterGroup { clauses: vec![self.clone()], ..FilterGroup::default() };
        ScopeFilter { groups: vec![group], ..ScopeFilter::default() }.to_filter()
    }
}

/// The class of objects of a name: those of people and groups are told by their last word.
pub(super) fn class_of(name: &str) -> Class {
    let last = name.rsplit(':').next().unwrap_or(name);
    if last.eq_ignore_ascii_case("user") {
        Class::USER
    } else if last.eq_ignore_ascii_case("group") {
        Class::GROUP
    } else {
        Class::new(name)
    }
}
