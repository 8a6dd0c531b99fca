//! A mapping against its target's schema: everything that is wrong with it, at once.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

use hmac_sha256::Hash;

use super::builder::Mapping;
use super::engine::{CompiledMapping, sorted};
use super::fit::fit;
use super::flow::{FlowBehavior, FlowType};
use super::rule::{OnNull, Rule, RuleSource};
use super::steps::{NamedTransform, Steps};
use crate::digest::{Digester, hex};
use crate::error::{Error, ErrorKind};
use crate::expr::closest;
use crate::model::{AttributeSchema, Cardinality, Filter, Kind, Mutability, Name, Schema, Value};

/// What it means that a source did not deliver an attribute. Complete by definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "what is not delivered is unknown or empty; there is no third")]
pub enum AbsentMeans {
    /// Nobody knows: it never clears anything. So it is with most stores.
    #[default]
    Unknown,
    /// There is no value, as in LDAP.
    Empty,
}

/// Why a mapping cannot be used: all its faults.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the mapping {name} cannot be used: {}", list(.faults))]
pub struct MappingError {
    name: Name,
    faults: Vec<MappingFault>,
}

impl MappingError {
    /// The name of the mapping.
    #[must_use]
    pub fn mapping(&self) -> &Name {
        &self.name
    }

    /// What is wrong, at least one.
    #[must_use]
    pub fn faults(&self) -> &[MappingFault] {
        &self.faults
    }
}

impl From<MappingError> for Error {
    fn from(error: MappingError) -> Self {
        Error::new(ErrorKind::Invalid, "the mapping does not fit its target")
            .with_context("mapping", &error.name)
            .with_source(error)
    }
}

/// One thing that is wrong with a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MappingFault {
    /// The attribute at fault; `None` if it is the mapping as a whole.
    pub attribute: Option<Name>,
    /// What is wrong and what would be right, in one line.
    pub message: String,
}

impl fmt::Display for MappingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.attribute {
            Some(name) => write!(f, "{name}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

fn list(faults: &[MappingFault]) -> String {
    let texts: Vec<_> = faults.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

impl Mapping {
    /// Checks the mapping against the schema of its target, and makes it ready for use.
    ///
    /// # Errors
    ///
    /// All that is wrong at once: an attribute that the target does not have or does not let be written, two rules for
    /// one attribute, a constant or default of the wrong type or for a secret attribute, [`OnNull::Clear`] of what cannot
    /// be cleared, [`OnNull::Default`] without a default value, something said of an attribute that has no rule, a
    /// matching attribute that is not mapped or cannot be read back, a unique or random value that is matched on or not
    /// create-only, a redacted value that plans or the state must hold, a flow type that only adds to what cannot be read
    /// back, something said of sets of references that is said of none.
    pub fn compile(&self, schema: &Schema, absent_means: AbsentMeans) -> Result<CompiledMapping, MappingError> {
        let mut check = Check { mapping: self, schema, said: Said::of(self), faults: Vec::new() };
        let mut rules = check.rules(absent_means);
        check.settings();
        check.matching();
        check.memberships();
        check.target_scope();
        if self.target != schema.class {
            check.fault(
                None,
                format!("it writes {} objects and the schema is of {} objects", self.target, schema.class),
            );
        }
        if !check.faults.is_empty() {
            return Err(MappingError { name: self.name.clone(), faults: check.faults });
        }
        rules.sort_by(|left, right| left.target.cmp(&right.target));
        let mapped = |name: &Name| rules.binary_search_by(|rule| rule.target.cmp(name)).is_ok();
        let missing_required = schema
            .attributes
            .iter()
            .filter(|(name, attribute)| attribute.required_on_create && !schema.is_status(name) && !mapped(name))
            .map(|(name, _)| name.clone())
            .collect();
        Ok(CompiledMapping {
            name: self.name.clone(),
            source: self.source.clone(),
            target: self.target.clone(),
            matching: self.matching.clone(),
            scope: self.scope.clone(),
            scoping: self.scoping.clone(),
            target_scope: self.target_scope.clone(),
            exact: sorted(self.exact.clone()),
            claims: self.claims.iter().cloned().collect(),
            flatten: self.flatten.iter().cloned().collect(),
            missing_required,
            fingerprint: self.fingerprint(&rules, absent_means),
            rules,
        })
    }

    /// Hashes a text that says everything and is the same whatever the order of the builder's calls.
    fn fingerprint(&self, rules: &[Rule], absent_means: AbsentMeans) -> String {
        // Each part is escaped as Debug does it, so that no text can pretend to be two parts.
        let mut lines = vec![
            "entrant mapping 1".to_owned(),
            format!("{:?} {:?} {:?}", self.name, self.source.as_str(), self.target.as_str()),
            format!("absent {absent_means:?}"),
            format!("matching {:?}", self.matching),
        ];
        lines.extend(rules.iter().flat_map(Rule::definition));
        for (what, said) in [
            ("exact", format!("{:?}", sorted(self.exact.clone()))),
            ("claims", format!("{:?}", self.claims.iter().collect::<BTreeSet<_>>())),
            ("flatten", format!("{:?}", self.flatten.iter().collect::<BTreeSet<_>>())),
        ] {
            if said != "[]" && said != "{}" {
                lines.push(format!("{what} {said}"));
            }
        }
        for (what, scope) in [("scope", &self.scope), ("target scope", &self.target_scope)] {
            lines.extend(scope.iter().map(|filter| format!("{what} {}", filter_text(filter))));
        }
        lines.extend(self.scoping.iter().map(|filter| format!("scoping {filter}")));
        hex(&Hash::hash(lines.join("\n").as_bytes()))
    }
}

impl Rule {
    /// What defines it, in lines.
    fn definition(&self) -> Vec<String> {
        let target = &self.target;
        // `OnCreate` is what it was called in the first version.
        let flow_type = match self.flow_type {
            FlowType::ObjectAddOnly => "OnCreate".to_owned(),
            other => format!("{other:?}"),
        };
        let mut lines = vec![
            format!("{target:?} {:?} reads {:?}", self.source.to_string(), self.reads),
            format!("{target:?} {flow_type} {:?}", self.on_null),
        ];
        if self.flow_behavior != FlowBehavior::default() {
            lines.push(format!("{target:?} {:?}", self.flow_behavior));
        }
        let condition = self.steps.condition.iter();
        lines.extend(condition.map(|filter| format!("{target:?} condition {}", filter_text(filter))));
        let transform = self.steps.transform.iter();
        lines.extend(transform.map(|own| format!("{target:?} transform {:?} {}", own.name, own.version)));
        lines.extend(self.default.iter().map(|value| format!("{target:?} default {value:?}")));
        lines
    }

    fn with_fingerprint(self) -> Self {
        let follows = match &self.source {
            RuleSource::Attribute(_) => true,
            RuleSource::Expression(expression) => !expression.reads_clock() && expression.parameters().is_empty(),
            RuleSource::Constant(_) | RuleSource::Closure(_) | RuleSource::Generated => false,
        };
        let rests = self.flow_behavior == FlowBehavior::FlowWhenChanged && self.on_null != OnNull::Default;
        let fingerprint = || {
            let mut digest = Digester::new();
            digest.part(format!("absent {:?}", self.absent_means));
            self.definition().iter().for_each(|line| digest.part(line));
            digest.short()
        };
        let fingerprint = (follows && rests && self.overwrites() && self.reads.len() == 1).then(fingerprint);
        Self { fingerprint, ..self }
    }
}

struct Check<'a> {
    mapping: &'a Mapping,
    schema: &'a Schema,
    said: Said<'a>,
    faults: Vec<MappingFault>,
}

/// What is said of each target attribute. Of what is said twice the last.
struct Said<'a> {
    mapped: HashMap<&'a Name, &'a RuleSource>,
    reads: HashMap<&'a Name, Vec<Name>>,
    defaults: HashMap<&'a Name, &'a Value>,
    on_null: HashMap<&'a Name, OnNull>,
    flow_types: HashMap<&'a Name, FlowType>,
    flow_behaviors: HashMap<&'a Name, FlowBehavior>,
    conditions: HashMap<&'a Name, &'a Filter>,
    transforms: HashMap<&'a Name, &'a NamedTransform>,
}

impl<'a> Said<'a> {
    fn of(mapping: &'a Mapping) -> Self {
        fn copied<T: Copy>(pairs: &[(Name, T)]) -> HashMap<&Name, T> {
            pairs.iter().map(|(name, value)| (name, *value)).collect()
        }
        fn borrowed<T>(pairs: &[(Name, T)]) -> HashMap<&Name, &T> {
            pairs.iter().map(|(name, value)| (name, value)).collect()
        }
        let mut reads: HashMap<&Name, Vec<Name>> = HashMap::new();
        for (name, names) in &mapping.reads {
            reads.entry(name).or_default().extend(names.iter().cloned());
        }
        Self {
            mapped: borrowed(&mapping.rules),
            reads,
            defaults: borrowed(&mapping.defaults),
            on_null: copied(&mapping.on_null),
            flow_types: copied(&mapping.flow_types),
            flow_behaviors: copied(&mapping.flow_behaviors),
            conditions: borrowed(&mapping.conditions),
            transforms: borrowed(&mapping.transforms),
        }
    }
}

impl Check<'_> {
    fn fault(&mut self, attribute: Option<&Name>, message: impl Into<String>) {
        self.faults.push(MappingFault { attribute: attribute.cloned(), message: message.into() });
    }

    fn rules(&mut self, absent_means: AbsentMeans) -> Vec<Rule> {
        let mapping = self.mapping;
        let mut rules: Vec<Rule> = Vec::with_capacity(mapping.rules.len());
        let mut seen = HashSet::new();
        for (target, source) in &mapping.rules {
            if !seen.insert(target) {
                self.fault(Some(target), "has two rules; one is right");
                continue;
            }
            let Some(schema) = self.known(target) else {
                continue;
            };
            self.writable(target, source, &schema);
            let source = match source {
                RuleSource::Constant(value) if !schema.secret => match fit(&schema, value.clone()) {
                    Ok(value) => RuleSource::Constant(value),
                    Err(message) => {
                        self.fault(Some(target), format!("the constant does not fit: {message}"));
                        continue;
                    }
                },
                other => other.clone(),
            };
            let reads = source.names().into_iter().chain(self.said.reads.get(target).into_iter().flatten().cloned());
            let steps = Steps {
                condition: self.said.conditions.get(target).copied().cloned(),
                transform: self.said.transforms.get(target).copied().cloned(),
            };
            let condition = steps.condition.iter().flat_map(Filter::attributes).cloned();
            let reads: Vec<Name> = reads.chain(condition).collect();
            let flow_type = match schema.mutability {
                Mutability::CreateOnly => FlowType::ObjectAddOnly,
                _ => self.said.flow_types.get(target).copied().unwrap_or_default(),
            };
            self.flow(target, flow_type, &schema, &source);
            self.once(target, &source, flow_type == FlowType::ObjectAddOnly);
            self.hidden(target, &source, flow_type, &schema);
            let rule = Rule {
                target: target.clone(),
                reads: sorted(reads),
                default: self.default_value(target, &schema),
                on_null: self.said.on_null.get(target).copied().unwrap_or_default(),
                flow_type,
                flow_behavior: self.said.flow_behaviors.get(target).copied().unwrap_or_default(),
                steps,
                source,
                schema,
                absent_means,
                fingerprint: None,
            };
            rules.push(rule.with_fingerprint());
        }
        rules
    }

    /// What only adds must see what is there.
    fn flow(&mut self, target: &Name, flow_type: FlowType, schema: &AttributeSchema, source: &RuleSource) {
        let adds = !matches!(flow_type, FlowType::Always | FlowType::ObjectAddOnly);
        if adds && !schema.is_readable() {
            self.fault(
                Some(target),
                format!("cannot be read from the target, so {flow_type:?} cannot tell what is there; write it always or on create"),
            );
        }
        if adds && self.mapping.exact.contains(target) {
            self.fault(Some(target), format!("is to be exact, and {flow_type:?} takes nothing away"));
        }
        if matches!(source, RuleSource::Generated) && self.said.transforms.contains_key(target) {
            self.fault(Some(target), "is generated, so there is nothing to transform");
        }
    }

    /// What is another value each time it is asked for belongs to the creation of an object alone.
    fn once(&mut self, target: &Name, source: &RuleSource, create_only: bool) {
        let RuleSource::Expression(expression) = source else {
            return;
        };
        let what = match (expression.asks_what_is_taken(), expression.is_random()) {
            (true, _) => "is made unique",
            (false, true) => "is drawn at random",
            (false, false) => return,
        };
        if !create_only {
            self.fault(Some(target), format!("{what}, and would change in each run; make it create-only"));
        }
        if self.mapping.matching.contains(target) {
            self.fault(Some(target), format!("{what}, and so cannot be matched on"));
        }
        let schema = self.schema.get(target);
        if expression.asks_what_is_taken()
            && (self.schema.is_elements(target) || schema.is_some_and(|schema| !schema.is_readable()))
        {
            self.fault(Some(target), "is made unique, and nobody can read from the target which values are taken");
        }
    }

    /// What must not be shown can be no part of what plans and the state have to hold.
    fn hidden(&mut self, target: &Name, source: &RuleSource, flow_type: FlowType, schema: &AttributeSchema) {
        let RuleSource::Expression(expression) = source else {
            return;
        };
        if schema.secret && expression.is_random() {
            let makes = |(name, source): &&(Name, RuleSource)| {
                let random = matches!(source, RuleSource::Expression(expression) if expression.is_random());
                name != target && (random || matches!(source, RuleSource::Generated))
            };
            let others = self.mapping.rules.iter().filter(makes);
            let secret = |name: &Name| self.schema.get(name).is_some_and(|schema| schema.secret);
            if others.map(|(name, _)| name).any(secret) {
                self.fault(Some(target), "is a second password made at random, and one only can be handed on");
            }
        }
        if !expression.redacts() || schema.secret {
            return;
        }
        let write_only = schema.mutability == Mutability::WriteOnly && flow_type != FlowType::ObjectAddOnly;
        let adds = matches!(flow_type, FlowType::MultiValueAddOnly | FlowType::ValueAddOnly);
        let what = [
            (self.schema.is_status(target), "says who is switched off, which plans must show"),
            (self.schema.is_elements(target), "holds references or licences, which plans must show"),
            (self.mapping.matching.contains(target), "is matched on, and so is kept where accounts are looked for"),
            (expression.asks_what_is_taken(), "is made unique, and plans must show which value was free"),
            (adds, "is added to what is there, which nobody may keep until it is written"),
            (
                write_only,
                "cannot be read back, and nothing may be kept to tell whether it changed; make it create-only",
            ),
        ];
        for (_, why) in what.into_iter().filter(|(applies, _)| *applies) {
            self.fault(Some(target), format!("is redacted and {why}"));
        }
    }

    fn writable(&mut self, target: &Name, source: &RuleSource, schema: &AttributeSchema) {
        if schema.mutability == Mutability::ReadOnly {
            self.fault(Some(target), "is set by the target and cannot be written");
        }
        let computes = matches!(source, RuleSource::Generated);
        if computes && self.schema.is_elements(target) {
            self.fault(Some(target), "cannot be generated");
        }
        match source {
            RuleSource::Constant(_) if schema.secret => {
                self.fault(
                    Some(target),
                    "is secret and would be the same for everybody; take it from an attribute, an expression or a closure",
                );
            }
            RuleSource::Generated if !schema.secret => {
                self.fault(Some(target), "is not secret, so no password can be put there");
            }
            _ => {}
        }
    }

    fn default_value(&mut self, target: &Name, schema: &AttributeSchema) -> Option<Value> {
        let value = *self.said.defaults.get(target)?;
        if schema.secret {
            self.fault(Some(target), "is secret and cannot have a default value");
            return None;
        }
        match fit(schema, value.clone()) {
            Ok(value) => Some(value),
            Err(message) => {
                self.fault(Some(target), format!("the default value does not fit: {message}"));
                None
            }
        }
    }

    /// What is said of an attribute beside its rule.
    fn settings(&mut self) {
        let mapping = self.mapping;
        let default_values = mapping.defaults.iter().map(|(name, _)| (name, "default value"));
        let on_null = mapping.on_null.iter().map(|(name, _)| (name, "null rule"));
        let flow_types = mapping.flow_types.iter().map(|(name, flow_type)| match flow_type {
            FlowType::ObjectAddOnly => (name, "create-only rule"),
            _ => (name, "flow type"),
        });
        let flow_behaviors = mapping.flow_behaviors.iter().map(|(name, _)| (name, "flow behaviour"));
        let conditions = mapping.conditions.iter().map(|(name, _)| (name, "condition"));
        let transforms = mapping.transforms.iter().map(|(name, _)| (name, "transform"));
        let flows = flow_types.chain(flow_behaviors).chain(conditions).chain(transforms);
        for (name, what) in default_values.chain(on_null).chain(flows) {
            if !self.is_mapped(name) {
                self.fault(Some(name), format!("has a {what} and is not mapped"));
            }
        }
        for (name, _) in &mapping.reads {
            if !matches!(self.said.mapped.get(name), Some(RuleSource::Closure(_))) {
                self.fault(Some(name), "is said to read source attributes and has no closure");
            }
        }
        let mut seen = HashSet::new();
        for (name, on_null) in &mapping.on_null {
            if !seen.insert(name) {
                self.fault(Some(name), "has two null rules; one is right");
            }
            match on_null {
                OnNull::Clear => {
                    let schema = self.schema.get(name);
                    let single = schema.is_some_and(|schema| schema.cardinality == Cardinality::Single);
                    if single && schema.is_some_and(|schema| !schema.nullable || schema.required_on_create) {
                        self.fault(Some(name), "cannot be cleared; skip nulls or give a default value");
                    }
                }
                OnNull::Default if !self.said.defaults.contains_key(name) => {
                    self.fault(Some(name), "is to get its default value for null and has none");
                }
                OnNull::Default | OnNull::Skip => {}
            }
        }
        let mut seen = HashSet::new();
        for (name, _) in &mapping.defaults {
            if !seen.insert(name) {
                self.fault(Some(name), "has two default values; one is right");
            }
        }
    }

    fn matching(&mut self) {
        let mapping = self.mapping;
        let mut seen = HashSet::new();
        for name in &mapping.matching {
            if !seen.insert(name) {
                self.fault(Some(name), "is matched on twice");
            }
            if !self.is_mapped(name) {
                let hint = self.suggestion(name);
                self.fault(Some(name), format!("is matched on and is not mapped{hint}"));
            } else if self.schema.get(name).is_some_and(|schema| !schema.is_readable()) {
                self.fault(Some(name), "is matched on and cannot be read from the target");
            } else if self.schema.is_elements(name) {
                self.fault(
                    Some(name),
                    "is matched on, and holds references or licences, which say nothing of who it is",
                );
            }
        }
    }

    /// What is said of sets of references.
    fn memberships(&mut self) {
        let mapping = self.mapping;
        for name in &mapping.exact {
            let many = self.schema.get(name).is_some_and(|schema| schema.cardinality == Cardinality::Many);
            if !self.is_mapped(name) {
                self.fault(Some(name), "is to be exact and is not mapped");
            } else if !(many && self.schema.is_reference(name)) {
                self.fault(Some(name), "is to be exact and is no set of references");
            }
        }
        if !mapping.claims.is_empty() && mapping.exact.is_empty() {
            self.fault(None, "objects are claimed and no set of theirs is exact");
        }
        for (at, (nested, into)) in mapping.flatten.iter().enumerate() {
            if mapping.flatten[..at].iter().any(|(earlier, _)| earlier == nested) {
                self.fault(Some(nested), "is flattened twice");
            }
            if nested == into {
                self.fault(Some(nested), "cannot be flattened into itself");
            }
            for name in [nested, into] {
                let many = self.schema.get(name).is_some_and(|schema| schema.cardinality == Cardinality::Many);
                if !self.is_mapped(name) {
                    self.fault(Some(name), "is to be flattened and is not mapped");
                } else if !(many && self.schema.is_reference(name)) {
                    self.fault(Some(name), "is to be flattened and is no set of references");
                }
            }
            let refers_to = |name: &Name| match self.schema.get(name).map(|schema| &schema.kind) {
                Some(Kind::Reference(class)) => Some(class.clone()),
                _ => None,
            };
            if refers_to(nested).is_some_and(|class| class != self.schema.class) {
                self.fault(
                    Some(nested),
                    format!("is to be flattened and does not refer to {} objects", self.schema.class),
                );
            }
        }
    }

    fn target_scope(&mut self) {
        for name in self.mapping.target_scope.iter().flat_map(Filter::attributes) {
            if self.known(name).is_some_and(|schema| !schema.is_readable()) {
                self.fault(Some(name), "is in the target scope and cannot be read from the target");
            }
        }
    }

    fn is_mapped(&self, name: &Name) -> bool {
        self.said.mapped.contains_key(name)
    }

    fn known(&mut self, name: &Name) -> Option<AttributeSchema> {
        let found = self.schema.get(name).cloned();
        if found.is_none() {
            let hint = self.suggestion(name);
            self.fault(Some(name), format!("is no attribute of {} in the target{hint}", self.mapping.target));
        }
        found
    }

    fn suggestion(&self, name: &Name) -> String {
        let names = self.schema.attributes.keys().map(Name::as_str);
        match closest(name, names.filter(|other| *other != name.as_str())) {
            Some(near) => format!("; did you mean {near}?"),
            None => String::new(),
        }
    }
}

fn filter_text(filter: &Filter) -> String {
    serde_json::to_string(filter).unwrap_or_else(|_| format!("{filter:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Class, Record};

    fn fingerprint(change: impl FnOnce(Mapping) -> Mapping) -> Option<String> {
        let schema = Schema::new(Class::USER).with("title", AttributeSchema::text());
        let mapping = change(Mapping::users()).compile(&schema, AbsentMeans::Unknown).expect("a mapping");
        mapping.rule("title").expect("a rule").fingerprint().map(|digest| digest.to_string())
    }

    #[test]
    fn a_rule_is_known_by_its_fingerprint_where_it_overwrites_by_one_attribute_alone() {
        let copied = |mapping: Mapping| mapping.attribute("title", "title");
        let cleared = |mapping: Mapping| copied(mapping).on_null("title", OnNull::Clear);
        // As of the first version: by another, everything that rests would be written once more.
        assert_eq!(fingerprint(copied).as_deref(), Some("f34d9a187d5d4d18"));
        assert_ne!(fingerprint(copied), fingerprint(cleared));
        assert_ne!(fingerprint(copied), fingerprint(|mapping| mapping.attribute("title", "name")));
        for (expression, expected) in [
            ("ToUpper([title])", true),
            (r#"Join(" ", [title], [name])"#, false),
            (r#"FormatDateTime(Now(), , "s", "yyyy")"#, false),
            (r#"Join("@", [title], %Domain%)"#, false),
        ] {
            let mapped = |mapping: Mapping| mapping.expression("title", expression).expect("an expression");
            assert_eq!(fingerprint(mapped).is_some(), expected, "{expression}");
        }
        let closure = |mapping: Mapping| mapping.closure("title", "title", 1, |_: &Record| Ok(None));
        assert_eq!(fingerprint(closure), None, "who knows what it reads");
        let defaults = |mapping: Mapping| copied(mapping).on_null("title", OnNull::Default).default_value("title", "x");
        assert_eq!(fingerprint(defaults), None, "it fills what is empty");
        let always = |mapping: Mapping| copied(mapping).flow_behavior("title", FlowBehavior::FlowAlways);
        assert_eq!(fingerprint(always), None, "it is written in each run");
        for (flow_type, expected) in [
            (FlowType::ValueAddOnly, true),
            (FlowType::AttributeAddOnly, false),
            (FlowType::MultiValueAddOnly, false),
            (FlowType::ObjectAddOnly, false),
        ] {
            let found = fingerprint(|mapping| copied(mapping).flow_type("title", flow_type));
            assert_eq!(found.is_some(), expected, "{flow_type:?}");
        }
    }
}
