//! A mapping that was made here, as a document.

use std::collections::BTreeMap;

use super::document::{
    AttributeDefinition, AttributeMapping, DirectoryDefinition, MappingSource, MetadataEntry, ObjectDefinition,
    ObjectMapping, ReferencedObject, ScopeFilter, SynchronizationRule, SynchronizationSchema,
};
use super::error::{SchemaError, SchemaRemark};
use super::words::AttributeType;
use crate::expr::{Expression, text_form};
use crate::mapping::rule::RuleSource;
use crate::mapping::{AbsentMeans, Mapping, OnNull};
use crate::model::{AttributeSchema, Cardinality, CaseRule, Class, Kind, Name, Schema, Value};

/// What the directories of a document are called that was made here.
const SOURCE: &str = "source";
const TARGET: &str = "target";

impl SynchronizationSchema {
    /// A document with one rule and one object mapping, which [`mappings`](Self::mappings) reads as this mapping.
    ///
    /// Its directories are called `source` and `target`; what the mapping reads is text there, since a mapping does not
    /// know more, and of the target's attributes those that it writes are defined, and those that are required. Change
    /// what is else in the fields.
    ///
    /// # Errors
    ///
    /// All that a document cannot say, each with the attribute: closures, transforms, conditions, generated passwords and
    /// what is secret, constants and defaults that are no text, number, Boolean or moment, [`OnNull::Default`],
    /// [`OnNull::Clear`] of what reads no attribute, complex values; exact and flattened sets, claims, and scopes that are
    /// a [`Filter`](crate::model::Filter), whose operators are others than Entra's. And what
    /// [`compile`](Mapping::compile) and [`check`](Self::check) find.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::mapping::{FlowType, Mapping, synchronization::SynchronizationSchema};
    /// use entrant::model::{AttributeSchema, Class, Schema};
    ///
    /// let schema = Schema::new(Class::USER)
    ///     .with("employeeId", AttributeSchema::text())
    ///     .with("mailNickname", AttributeSchema::text().required());
    /// let mapping = Mapping::users()
    ///     .attribute("employeeId", "id")
    ///     .expression("mailNickname", "ToLower([login])")?
    ///     .flow_type("mailNickname", FlowType::ObjectAddOnly)
    ///     .match_on("employeeId");
    /// let document = SynchronizationSchema::from_mapping(&mapping, &schema)?;
    /// let json = document.to_json();
    /// let rules = &json["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"];
    /// assert_eq!(rules[1]["source"]["parameters"][0]["value"]["name"], "login");
    ///
    /// let again = SynchronizationSchema::from_json(&json.to_string())?.mappings()?;
    /// assert_eq!(again[0].mapping.to_string(), mapping.to_string());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_mapping(mapping: &Mapping, target: &Schema) -> Result<Self, SchemaError> {
        let mut export = Export { mapping, target, faults: Vec::new(), sources: BTreeMap::new() };
        if let Err(error) = mapping.compile(target, AbsentMeans::Unknown) {
            for fault in error.faults() {
                export.fault(fault.attribute.as_ref(), fault.message.clone());
            }
        }
        export.whole();
        let attribute_mappings = export.rules();
        let Export { faults, sources, .. } = export;
        if !faults.is_empty() {
            return Err(SchemaError::new(faults));
        }
        let source = ObjectDefinition {
            name: object_name(&mapping.source),
            attributes: sources.into_values().collect(),
            ..ObjectDefinition::default()
        };
        let directory = |name: &str, object| DirectoryDefinition {
            name: name.to_owned(),
            objects: vec![object],
            ..DirectoryDefinition::default()
        };
        let own = ObjectMapping {
            name: mapping.name.to_string(),
            source_object_name: source.name.clone(),
            target_object_name: object_name(&mapping.target),
            attribute_mappings,
            scope: mapping.scoping.as_ref().map(ScopeFilter::of),
            ..ObjectMapping::default()
        };
        let schema = Self {
            directories: vec![directory(SOURCE, source), directory(TARGET, target_object(mapping, target))],
            synchronization_rules: vec![SynchronizationRule {
                name: mapping.name.to_string(),
                priority: 1,
                source_directory_name: SOURCE.to_owned(),
                target_directory_name: TARGET.to_owned(),
                object_mappings: vec![own],
                ..SynchronizationRule::default()
            }],
            ..Self::default()
        };
        schema.check()?;
        Ok(schema)
    }
}

struct Export<'a> {
    mapping: &'a Mapping,
    target: &'a Schema,
    faults: Vec<SchemaRemark>,
    /// The attributes of the source.
    sources: BTreeMap<Name, AttributeDefinition>,
}

impl Export<'_> {
    fn fault(&mut self, attribute: Option<&Name>, message: impl Into<String>) {
        let place = attribute.map_or("the mapping", Name::as_str);
        self.faults.push(SchemaRemark::new(place, message));
    }

    /// What is said of the mapping as a whole, and what no attribute mapping can say.
    fn whole(&mut self) {
        let mapping = self.mapping;
        for (is_said, what) in [
            (
                mapping.scope.is_some(),
                "its scope is a filter, whose operators are others than those of a document; use a ScopingFilter",
            ),
            (mapping.target_scope.is_some(), "a document has no target scope"),
            (!mapping.claims.is_empty(), "a document has no claims"),
        ] {
            if is_said {
                self.fault(None, what);
            }
        }
        let exact = mapping.exact.iter().map(|name| (name, "is to be exact"));
        let flatten = mapping.flatten.iter().map(|(name, _)| (name, "is flattened"));
        let conditions = mapping.conditions.iter().map(|(name, _)| (name, "has a condition"));
        let transforms = mapping.transforms.iter().map(|(name, _)| (name, "has a transform, which is code"));
        for (name, what) in exact.chain(flatten).chain(conditions).chain(transforms) {
            self.fault(Some(name), format!("{what}; a document cannot say it"));
        }
    }

    fn rules(&mut self) -> Vec<AttributeMapping> {
        let mapping = self.mapping;
        let defaults: BTreeMap<&Name, &Value> = mapping.defaults.iter().map(|(name, value)| (name, value)).collect();
        let flow_types: BTreeMap<&Name, _> = mapping.flow_types.iter().map(|(name, own)| (name, *own)).collect();
        let behaviors: BTreeMap<&Name, _> = mapping.flow_behaviors.iter().map(|(name, own)| (name, *own)).collect();
        let on_null: BTreeMap<&Name, OnNull> = mapping.on_null.iter().map(|(name, own)| (name, *own)).collect();
        let mut rules = Vec::with_capacity(mapping.rules.len());
        for (name, source) in &mapping.rules {
            if self.target.get(name).is_some_and(|own| own.secret) {
                self.fault(Some(name), "is secret; a document would not say so");
                continue;
            }
            if self.target.get(name).is_some_and(|own| own.kind == Kind::Complex) {
                self.fault(Some(name), "holds a complex value, for which a document has no type");
            }
            let null = on_null.get(name).copied().unwrap_or_default();
            let Some(source) = self.source(name, source, null) else { continue };
            let default_value = defaults.get(name).copied().and_then(|value| self.text(name, "default value", value));
            let matching = mapping.matching.iter().position(|own| own == name);
            rules.push(AttributeMapping {
                target_attribute_name: name.to_string(),
                source: Some(source),
                default_value,
                flow_type: flow_types.get(name).copied().unwrap_or_default(),
                flow_behavior: behaviors.get(name).copied().unwrap_or_default(),
                matching_priority: matching.map_or(0, |at| i32::try_from(at + 1).unwrap_or(i32::MAX)),
                flow_null_values: null == OnNull::Clear,
                ..AttributeMapping::default()
            });
        }
        rules
    }

    fn source(&mut self, name: &Name, source: &RuleSource, null: OnNull) -> Option<MappingSource> {
        let (source, expression) = match source {
            RuleSource::Attribute(path) => {
                let source = MappingSource::attribute(path.text());
                match source.parse() {
                    Ok(expression) if expression.references() == std::slice::from_ref(path) => (source, expression),
                    _ => {
                        self.fault(
                            Some(name),
                            format!("[{}] does not mean that attribute in an expression", path.text()),
                        );
                        return None;
                    }
                }
            }
            RuleSource::Expression(expression) => (MappingSource::expression(expression), expression.clone()),
            RuleSource::Constant(value) => {
                let source = MappingSource::constant(&self.text(name, "constant", value)?);
                let expression = source.parse().ok()?;
                (source, expression)
            }
            RuleSource::Closure(_) => {
                self.fault(Some(name), "comes from a closure, which is code; write an expression instead");
                return None;
            }
            RuleSource::Generated => {
                self.fault(Some(name), "is generated, which a document cannot say");
                return None;
            }
        };
        match null {
            OnNull::Skip => {}
            OnNull::Clear if expression.references().is_empty() => {
                self.fault(Some(name), "is cleared by null and reads no attribute that could be null");
            }
            OnNull::Clear => {}
            OnNull::Default => {
                self.fault(
                    Some(name),
                    "gets its default value for null on update too; a document writes it on create alone",
                );
            }
        }
        self.define(&expression, null == OnNull::Clear);
        Some(source)
    }

    /// The attributes that an expression reads.
    fn define(&mut self, expression: &Expression, clears: bool) {
        for path in expression.references() {
            let name = path.text().clone();
            let own = self
                .sources
                .entry(name.clone())
                .or_insert_with(|| AttributeDefinition { name: name.to_string(), ..AttributeDefinition::default() });
            own.flow_null_values |= clears;
        }
    }

    /// A value as a document writes it.
    fn text(&mut self, name: &Name, what: &str, value: &Value) -> Option<String> {
        let text = match value {
            Value::DateTime(moment) => moment.format(&time::format_description::well_known::Rfc3339).ok(),
            Value::Text(_) | Value::Bool(_) | Value::Integer(_) => text_form(value).map(|text| text.into_owned()),
            _ => None,
        };
        if text.is_none() {
            self.fault(Some(name), format!("has the {what} {value:?}, and a document has texts alone"));
        }
        text
    }
}

fn object_name(class: &Class) -> String {
    match class {
        class if *class == Class::USER => "User".to_owned(),
        class if *class == Class::GROUP => "Group".to_owned(),
        other => other.as_str().to_owned(),
    }
}

fn target_object(mapping: &Mapping, target: &Schema) -> ObjectDefinition {
    let is_mapped = |name: &Name| mapping.rules.iter().any(|(own, _)| own == name);
    let attributes = target.attributes.iter().filter(|(name, own)| {
        let needed = own.required_on_create && !own.secret && own.kind != Kind::Complex && !target.is_status(name);
        needed || is_mapped(name)
    });
    let metadata = target.status.iter().filter(|status| is_mapped(status));
    ObjectDefinition {
        name: object_name(&target.class),
        attributes: attributes.map(|(name, own)| definition(name, own)).collect(),
        metadata: metadata.map(|status| MetadataEntry::new(MetadataEntry::ACCOUNT_ENABLED, status.as_str())).collect(),
        ..ObjectDefinition::default()
    }
}

fn definition(name: &Name, schema: &AttributeSchema) -> AttributeDefinition {
    let refers =
        |class: &Class| ReferencedObject { referenced_object_name: object_name(class), ..ReferencedObject::default() };
    let (kind, referenced) = match &schema.kind {
        Kind::Text | Kind::Complex => (AttributeType::String, None),
        Kind::Boolean => (AttributeType::Boolean, None),
        Kind::Integer => (AttributeType::Integer, None),
        Kind::DateTime => (AttributeType::DateTime, None),
        Kind::Binary => (AttributeType::Binary, None),
        Kind::Reference(class) => (AttributeType::Reference, Some(refers(class))),
    };
    let length = schema.max_length.iter();
    AttributeDefinition {
        name: name.to_string(),
        kind,
        case_exact: schema.case == CaseRule::Exact,
        multivalued: schema.cardinality == Cardinality::Many,
        mutability: schema.mutability,
        required: schema.required_on_create,
        referenced_objects: referenced.into_iter().collect(),
        metadata: length.map(|length| MetadataEntry::new(MetadataEntry::MAXIMUM_LENGTH, length.to_string())).collect(),
        ..AttributeDefinition::default()
    }
}
