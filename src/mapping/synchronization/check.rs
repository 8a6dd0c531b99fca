//! A document that can be read, looked at as a whole: what cannot work, and what is probably not meant.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::fmt::Display;

use super::classes::{Attributes, Classes};
use super::document::{
    AttributeDefinition, AttributeMapping, FilterClause, MappingSource, ObjectMapping, ScopeFilter,
    SynchronizationRule, SynchronizationSchema,
};
use super::error::SchemaRemark;
use super::words::{AttributeType, SourceType};
use crate::expr::{AttributePath, Expression, ShapeKind, closest, quote};
use crate::mapping::fit::fit;
use crate::mapping::{FlowBehavior, FlowType};
use crate::model::{AttributeSchema, Mutability, Value};

/// How many names are guessed at; more than these nobody reads.
const MOST_GUESSES: usize = 200;
/// Among how many names one is guessed.
const MOST_NAMES: usize = 2_000;

/// What is wrong with a document, and what is odd in it.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) faults: Vec<SchemaRemark>,
    pub(super) warnings: Vec<SchemaRemark>,
}

pub(super) fn check(schema: &SynchronizationSchema) -> Findings {
    let mut check = Check { found: Findings::default(), guesses: Cell::new(MOST_GUESSES) };
    check.directories(schema);
    let classes = Classes::of(schema);
    if schema.synchronization_rules.iter().all(|rule| rule.object_mappings.is_empty()) {
        check.warn("synchronizationRules", "there is no object mapping, so nothing is mapped; is it the whole schema?");
    }
    for (index, rule) in schema.synchronization_rules.iter().enumerate() {
        check.rule(&classes, rule, &format!("synchronizationRules[{index}]"));
    }
    check.found
}

struct Check {
    found: Findings,
    guesses: Cell<usize>,
}

impl Check {
    fn fault(&mut self, place: impl Display, message: impl Into<String>) {
        self.found.faults.push(SchemaRemark::new(place, message));
    }

    fn warn(&mut self, place: impl Display, message: impl Into<String>) {
        self.found.warnings.push(SchemaRemark::new(place, message));
    }

    /// `; did you mean …?`, if a name is near.
    fn guess<'a>(&self, name: &str, names: impl ExactSizeIterator<Item = &'a str>) -> String {
        let Some(left) = self.guesses.get().checked_sub(1).filter(|_| names.len() <= MOST_NAMES) else {
            return String::new();
        };
        self.guesses.set(left);
        closest(name, names).map_or_else(String::new, |near| format!("; did you mean {near}?"))
    }

    fn directories(&mut self, schema: &SynchronizationSchema) {
        let mut names = HashSet::new();
        for (index, directory) in schema.directories.iter().enumerate() {
            let place = format!("directories[{index}]");
            self.name(&place, "name", &directory.name, &mut names, "directories");
            let mut objects = HashSet::new();
            for (index, object) in directory.objects.iter().enumerate() {
                let place = format!("{place}.objects[{index}]");
                self.name(&place, "name", &object.name, &mut objects, "objects of the directory");
                let mut attributes = HashSet::new();
                for (index, attribute) in object.attributes.iter().enumerate() {
                    let place = format!("{place}.attributes[{index}]");
                    self.name(&place, "name", &attribute.name, &mut attributes, "attributes of the object");
                }
                let anchors = object.attributes.iter().filter(|attribute| attribute.anchor).count();
                if anchors > 1 {
                    self.warn(place, format!("{anchors} attributes are anchors; one is right"));
                }
            }
        }
    }

    /// A name that is there, and only once.
    fn name<'a>(&mut self, place: &str, member: &str, name: &'a str, seen: &mut HashSet<&'a str>, among: &str) {
        if name.is_empty() {
            self.fault(format!("{place}.{member}"), "the name is missing");
        } else if !seen.insert(name) {
            self.fault(format!("{place}.{member}"), format!("two {among} are called {}", quote(name)));
        }
    }

    fn rule(&mut self, classes: &Classes<'_>, rule: &SynchronizationRule, place: &str) {
        for (member, name) in
            [("sourceDirectoryName", &rule.source_directory_name), ("targetDirectoryName", &rule.target_directory_name)]
        {
            if classes.directory(name).is_none() {
                let hint = self.guess(name, classes.names());
                self.fault(format!("{place}.{member}"), format!("there is no directory {}{hint}", quote(name)));
            }
        }
        for (index, mapping) in rule.object_mappings.iter().enumerate() {
            let place = format!("{place}.objectMappings[{index}]");
            let source = (rule.source_directory_name.as_str(), mapping.source_object_name.as_str());
            let target = (rule.target_directory_name.as_str(), mapping.target_object_name.as_str());
            let from = self.class(classes, &format!("{place}.sourceObjectName"), source);
            let to = self.class(classes, &format!("{place}.targetObjectName"), target);
            self.object_mapping(mapping, from, to, &place);
        }
    }

    /// A class of a directory; nothing is said of it where the directory is not known either.
    fn class<'k, 'a>(
        &mut self,
        classes: &'k Classes<'a>,
        place: &str,
        (directory, name): (&str, &str),
    ) -> Option<&'k Attributes<'a>> {
        let known = classes.directory(directory)?;
        let found = known.get(name);
        if found.is_none() {
            let hint = self.guess(name, known.keys().copied());
            self.fault(place, format!("the directory has no object {}{hint}", quote(name)));
        }
        found
    }

    fn object_mapping(
        &mut self,
        mapping: &ObjectMapping,
        source: Option<&Attributes<'_>>,
        target: Option<&Attributes<'_>>,
        place: &str,
    ) {
        if let Some(scope) = &mapping.scope {
            self.scope(scope, source, place);
        }
        let mut targets: HashSet<&str> = HashSet::new();
        let mut priorities: HashMap<i32, usize> = HashMap::new();
        for (index, attribute) in mapping.attribute_mappings.iter().enumerate() {
            let at = Lazy { place, index };
            let name = attribute.target_attribute_name.as_str();
            if name.is_empty() {
                self.fault(at.member("targetAttributeName"), "the name of the target's attribute is missing");
            } else if !targets.insert(name) {
                self.fault(at.member("targetAttributeName"), format!("{} is mapped twice; once is right", quote(name)));
            }
            let own = target.and_then(|target| target.get(name));
            if let (Some(target), None, false) = (target, own, name.is_empty()) {
                let hint = self.guess(name, target.by_name.keys().copied());
                let message = format!("{} has no attribute {}{hint}", quote(&target.object.name), quote(name));
                self.fault(at.member("targetAttributeName"), message);
            }
            if own.is_some_and(|own| own.mutability == Mutability::ReadOnly) {
                self.fault(
                    at.member("targetAttributeName"),
                    format!("{} is set by the target and cannot be written", quote(name)),
                );
            }
            let model = target.and_then(|target| target.schema.get(name));
            self.attribute_mapping(attribute, source, own.zip(model), at);
            if attribute.matching_priority > 0
                && let Some(first) = priorities.insert(attribute.matching_priority, index)
            {
                let message = format!("attributeMappings[{first}] has this priority too, and comes first");
                self.warn(at.member("matchingPriority"), message);
                priorities.insert(attribute.matching_priority, first);
            }
            if attribute.matching_priority < 0 {
                self.warn(at.member("matchingPriority"), "counts as 0: not for matching");
            }
        }
        if mapping.enabled && mapping.flow_types.update && priorities.is_empty() {
            let message = "no mapping has a matchingPriority above 0, and existing objects are to be updated";
            self.fault(format!("{place}.attributeMappings"), message);
        }
    }

    fn attribute_mapping(
        &mut self,
        mapping: &AttributeMapping,
        source: Option<&Attributes<'_>>,
        target: Option<(&AttributeDefinition, &AttributeSchema)>,
        at: Lazy<'_>,
    ) {
        match &mapping.source {
            Some(own) => self.source(mapping, own, source, at),
            None if mapping.default_value.is_none() && !target.is_some_and(|(own, _)| own.is_given()) => {
                self.warn(at.member("source"), "there is neither a source nor a default value, so nothing flows");
            }
            None => {}
        }
        let Some((target, model)) = target else { return };
        if let Some(default) = &mapping.default_value
            && let Err(message) = fit(model, Value::text(default.as_str()))
        {
            self.fault(at.member("defaultValue"), message);
        }
        if mapping.flow_type == FlowType::MultiValueAddOnly && !target.multivalued {
            let message = "the attribute holds one value, so this is AttributeAddOnly";
            self.warn(at.member("flowType"), message);
        }
        if mapping.flow_behavior == FlowBehavior::FlowAlways && target.kind == AttributeType::Reference {
            self.warn(at.member("flowBehavior"), "references are written when they change, whatever is said here");
        }
        if mapping.flow_null_values && target.multivalued {
            self.warn(at.member("flowNullValues"), "an attribute of several values is emptied by null anyhow");
        }
    }

    fn source(
        &mut self,
        mapping: &AttributeMapping,
        own: &MappingSource,
        source: Option<&Attributes<'_>>,
        at: Lazy<'_>,
    ) {
        if own.kind == SourceType::Constant && mapping.default_value.is_some() {
            self.warn(at.member("defaultValue"), "a constant is never null, so this is never used");
        }
        let place = at.member("source.expression");
        let nothing = own.name.as_deref().is_none_or(str::is_empty) && own.kind != SourceType::Constant;
        if !own.has_expression() && nothing {
            self.fault(at.member("source"), "there is neither an expression nor a name to make one of");
            return;
        }
        let expression = match own.parse() {
            Ok(expression) => expression,
            Err(error) => {
                self.found.faults.push(SchemaRemark::of_expression(place, error));
                return;
            }
        };
        if expression.asks_what_is_taken() {
            if mapping.matching_priority > 0 {
                self.fault(at.member("matchingPriority"), "a value that is made unique finds nobody; match on another");
            }
            if mapping.flow_type != FlowType::ObjectAddOnly {
                self.fault(
                    at.member("flowType"),
                    "the value is made unique, and would change in each run: ObjectAddOnly is right",
                );
            }
        }
        for lint in expression.lints() {
            self.found.warnings.push(SchemaRemark::of_lint(&place, lint));
        }
        if own.has_expression()
            && let Some(message) = own.disagreement(&expression)
        {
            self.warn(&place, message);
        }
        if let ShapeKind::Attribute(name) = expression.shape().kind
            && name == "appRoleAssignments"
        {
            self.warn(&place, "role assignments are an object each: SingleAppRoleAssignment or another of its kind gives what is meant");
        }
        if let Some(source) = source {
            self.references(&expression, source, &place);
        }
    }

    /// The attributes of the source that an expression refers to and that are not defined.
    fn references(&mut self, expression: &Expression, source: &Attributes<'_>, place: &str) {
        let is_known = |name: &str| source.get(name).is_some();
        let unknown = expression.references().iter().find(|path| !path.names().any(|name| is_known(name)));
        let Some(unknown) = unknown else { return };
        let left = self.guesses.get();
        if left == 0 || source.by_name.len() > MOST_NAMES {
            self.warn(place, format!("the source has no attribute {}", quote(unknown.text())));
            return;
        }
        self.guesses.set(left - 1);
        for lint in expression.unknown_attributes(source.by_name.keys().copied()) {
            self.found.warnings.push(SchemaRemark::of_lint(place, lint));
        }
    }

    fn scope(&mut self, scope: &ScopeFilter, source: Option<&Attributes<'_>>, place: &str) {
        for (set, groups) in scope.sets() {
            for (group_index, group) in groups.iter().enumerate() {
                for (index, clause) in group.clauses.iter().enumerate() {
                    let place = format!("{place}.scope.{set}[{group_index}].clauses[{index}]");
                    self.clause(clause, source, &place);
                }
            }
        }
    }

    fn clause(&mut self, clause: &FilterClause, source: Option<&Attributes<'_>>, place: &str) {
        match clause.to_filter() {
            Ok(filter) => {
                for warning in filter.warnings() {
                    self.warn(place, warning);
                }
            }
            Err(error) => self.fault(place, error.message()),
        }
        let Some(source) = source else { return };
        let path = AttributePath::new(clause.source_operand_name.trim());
        let Some(attribute) = source.reached(&path) else {
            let name = path.text();
            let hint = self.guess(name, source.by_name.keys().copied());
            self.warn(place, format!("the source has no attribute {}{hint}", quote(name)));
            return;
        };
        if attribute.multivalued && attribute.name == path.text().as_str() {
            self.warn(place, "the attribute holds several values, and a filter looks at single ones");
        }
        if attribute.kind == AttributeType::DateTime {
            self.warn(place, "Entra does not filter on dates; it is evaluated here, as text");
        }
        if attribute.kind == AttributeType::Integer && clause.operator_name.contains('&') {
            let message = "the attribute's text is looked for in the operand; an older engine of Entra compared bits";
            self.warn(place, message);
        }
    }
}

/// The place of an attribute mapping, written when it is wanted.
#[derive(Clone, Copy)]
struct Lazy<'a> {
    place: &'a str,
    index: usize,
}

impl Lazy<'_> {
    fn member(self, name: &str) -> String {
        format!("{}.attributeMappings[{}].{name}", self.place, self.index)
    }
}
