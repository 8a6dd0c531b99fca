//! A checked mapping at work.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::rule::{Raw, Rule, RuleSource};
use super::scope::ScopingFilter;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Context, text_form};
use crate::model::{Class, Filter, Name, Record, Value};
use crate::secret::Secret;

/// A mapping that fits its target's schema. Made by [`Mapping::compile`](super::Mapping::compile).
#[derive(Debug, Clone)]
pub struct CompiledMapping {
    pub(super) name: Name,
    pub(super) source: Class,
    pub(super) target: Class,
    /// In the order of their targets.
    pub(super) rules: Vec<Rule>,
    pub(super) matching: Vec<Name>,
    pub(super) scope: Option<Filter>,
    pub(super) scoping: Option<ScopingFilter>,
    pub(super) target_scope: Option<Filter>,
    pub(super) exact: Vec<Name>,
    pub(super) claims: BTreeSet<Arc<str>>,
    pub(super) flatten: BTreeMap<Name, Name>,
    pub(super) missing_required: Vec<Name>,
    pub(super) fingerprint: String,
}

/// What a mapping gives for one record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mapped {
    /// `IgnoreObjectFlow`: the record is left out.
    Ignored,
    /// One flow for each attribute that is neither secret nor generated, in the order of the target attributes.
    Flows(Vec<Flow>),
}

/// What one target attribute gets.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flow {
    /// The target attribute.
    pub attribute: Name,
    /// What it gets.
    pub outcome: FlowOutcome,
    /// Whether the value must not be shown, because its expression redacts.
    pub redacted: bool,
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut flow = f.debug_struct("Flow");
        flow.field("attribute", &self.attribute);
        match &self.outcome {
            FlowOutcome::Value(_) if self.redacted => flow.field("outcome", &"(redacted)"),
            outcome => flow.field("outcome", outcome),
        };
        flow.field("redacted", &self.redacted).finish()
    }
}

/// What the source says of one target attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlowOutcome {
    /// Nothing: what it comes from was not delivered.
    Absent,
    /// This value, or null, as the schema wants it.
    Value(Value),
    /// `IgnoreAttributeFlow`: the attribute is left as it is.
    Ignored,
    /// No value could be had, or it does not fit; why, in one line, which may show the value.
    Failed(String),
}

impl CompiledMapping {
    /// The name of the mapping.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The class of the records that it maps.
    #[must_use]
    pub fn source_class(&self) -> &Class {
        &self.source
    }

    /// The class of the objects that it writes.
    #[must_use]
    pub fn target_class(&self) -> &Class {
        &self.target
    }

    /// The target attributes by which an existing object is looked for, in order.
    #[must_use]
    pub fn matching(&self) -> &[Name] {
        &self.matching
    }

    /// The condition on who of the source belongs, if there is one; [`belonging`](Self::belonging) asks it and the scoping
    /// filter.
    #[must_use]
    pub fn scope(&self) -> Option<&Filter> {
        self.scope.as_ref()
    }

    /// Which objects of the target are looked at; `None` if the mapping does not say.
    #[must_use]
    pub fn target_scope(&self) -> Option<&Filter> {
        self.target_scope.as_ref()
    }

    /// Whether strangers are taken out of a set of references, given that the job made the object, or claims it.
    #[must_use]
    pub fn is_exact(&self, target: &str) -> bool {
        self.exact.iter().any(|name| name == target)
    }

    /// Whether the job claims an object that it did not make.
    #[must_use]
    pub fn claims(&self, source: &str) -> bool {
        self.claims.contains(source)
    }

    /// The set into which a set of nested objects is flattened.
    #[must_use]
    pub fn flattened_into(&self, nested: &str) -> Option<&Name> {
        self.flatten.get(nested)
    }

    /// The sets that are flattened into a set.
    pub fn flattened_from(&self, into: &str) -> impl Iterator<Item = &Name> {
        self.flatten.iter().filter(move |(_, own)| *own == into).map(|(nested, _)| nested)
    }

    /// The top-level source attributes that the rules and the scope may read, each once, in order: what to ask a source
    /// for.
    ///
    /// A path such as `name.givenName` may be an attribute of that very name or a member of `name`; both are listed. For
    /// what a source fails to deliver see [`undelivered`](Self::undelivered).
    #[must_use]
    pub fn source_attributes(&self) -> Vec<Name> {
        let of_rules = self.rules.iter().flat_map(|rule| rule.reads.iter());
        sorted(of_rules.cloned().chain(self.scope_attributes()).collect())
    }

    /// What a source may be asked for in place of everything; `None` if a closure does not say what it reads.
    #[must_use]
    pub fn select(&self) -> Option<Vec<Name>> {
        let silent = |rule: &Rule| matches!(rule.source, RuleSource::Closure(_)) && rule.reads.is_empty();
        (!self.rules.iter().any(silent)).then(|| self.source_attributes())
    }

    /// The source attributes, as they are written in the mapping and its scope, of which no record held anything, given
    /// which attribute names were seen in any record.
    pub fn undelivered(&self, seen: impl Fn(&str) -> bool) -> Vec<Name> {
        let referred = self.rules.iter().flat_map(|rule| rule.source.references());
        let unseen = referred.filter(|path| !path.names().any(|name| seen(name)));
        let closures = self
            .rules
            .iter()
            .filter(|rule| matches!(rule.source, RuleSource::Closure(_)))
            .flat_map(|rule| rule.reads.iter());
        let conditions = self.rules.iter().flat_map(|rule| &rule.steps.condition).flat_map(Filter::attributes);
        let plain = closures.chain(conditions).filter(|name| !seen(name));
        let unseen = unseen.map(|path| path.text()).chain(plain);
        sorted(unseen.cloned().chain(self.scope_undelivered(&seen)).collect())
    }

    /// The target attributes that have a rule, secret and generated ones too, in order.
    pub fn target_attributes(&self) -> impl Iterator<Item = &Name> {
        self.rules.iter().map(|rule| &rule.target)
    }

    /// The rules in the order of their target attributes.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule for a target attribute.
    #[must_use]
    pub fn rule(&self, target: &str) -> Option<&Rule> {
        let index = self.rules.binary_search_by(|rule| rule.target.as_str().cmp(target));
        index.ok().map(|index| &self.rules[index])
    }

    /// The target attribute that gets a password which nobody knows beforehand: generated, or of an expression that draws
    /// at random.
    #[must_use]
    pub fn generates_password(&self) -> Option<&Name> {
        let makes = |rule: &&Rule| rule.is_generated() || (rule.is_secret() && rule.is_random());
        self.rules.iter().find(makes).map(|rule| &rule.target)
    }

    /// Whether a plan holds values that are drawn at random, and so needs a seed.
    #[must_use]
    pub fn draws(&self) -> bool {
        self.rules.iter().any(|rule| rule.is_random() && !rule.is_secret() && !rule.is_redacted())
    }

    /// The attributes without which no object can be made and for which there is no rule, in order. The schema's status
    /// attribute is not among them: it is true unless mapped.
    #[must_use]
    pub fn missing_required(&self) -> &[Name] {
        &self.missing_required
    }

    /// The parameters that expressions read, such as `Domain`, each once, in order.
    #[must_use]
    pub fn parameters(&self) -> Vec<Name> {
        let expressions = self.rules.iter().filter_map(|rule| match &rule.source {
            RuleSource::Expression(expression) => Some(expression),
            _ => None,
        });
        sorted(expressions.flat_map(|expression| expression.parameters()).cloned().collect())
    }

    /// Whether what it gives changes with time alone.
    #[must_use]
    pub fn reads_clock(&self) -> bool {
        let clock =
            |rule: &Rule| matches!(&rule.source, RuleSource::Expression(expression) if expression.reads_clock());
        self.rules.iter().any(clock)
    }

    /// A digest of everything that defines the mapping, as 64 hexadecimal digits: the same for the same mapping, in any
    /// version of the program. Closures count by name and version.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Maps a record. Whether it is in scope is for the caller to ask.
    #[must_use]
    pub fn evaluate(&self, record: &Record, context: &Context) -> Mapped {
        let mut flows = Vec::with_capacity(self.rules.len());
        for rule in &self.rules {
            if rule.is_secret() || rule.is_generated() {
                continue;
            }
            let Some(outcome) = rule.flow(record, context) else {
                return Mapped::Ignored;
            };
            flows.push(Flow { attribute: rule.target.clone(), outcome, redacted: rule.is_redacted() });
        }
        Mapped::Flows(flows)
    }

    /// The values of the secret attributes that are mapped and not generated. An attribute without a value is left out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if a value cannot be had or is no text. The error names the attribute, never a value.
    pub fn evaluate_secrets(&self, record: &Record, context: &Context) -> Result<BTreeMap<Name, Secret>> {
        let mut secrets = BTreeMap::new();
        for rule in &self.rules {
            if !rule.is_secret() || rule.is_generated() {
                continue;
            }
            let fault = |message: &'static str| {
                Err(Error::new(ErrorKind::Invalid, message).with_context("attribute", &rule.target))
            };
            match rule.raw(record, context) {
                Raw::Absent | Raw::IgnoreAttribute | Raw::Value(Value::Null) => {}
                Raw::Value(value) => match text_form(&value) {
                    Some(text) if text.is_empty() => {}
                    Some(text) => {
                        secrets.insert(rule.target.clone(), Secret::new(text));
                    }
                    None => return fault("the mapped value of a secret attribute is a list or a complex value"),
                },
                Raw::IgnoreObject => return fault("the mapping of a secret attribute leaves the object out"),
                // Their messages may hold the value.
                Raw::Expression(_) => return fault("the expression of a secret attribute cannot be evaluated"),
                Raw::Closure(_) => return fault("the closure of a secret attribute refuses the record"),
            }
        }
        Ok(secrets)
    }

    /// What to write for a flow when the object is created; `None` for nothing.
    #[must_use]
    pub fn on_create(&self, flow: &Flow) -> Option<Value> {
        self.rule(&flow.attribute)?.on_create(&flow.outcome)
    }

    /// What to write for a flow when the object is updated; null clears, `None` leaves the attribute as it is.
    ///
    /// What depends on what the target holds is said by [`Rule::on_update_over`].
    #[must_use]
    pub fn on_update(&self, flow: &Flow) -> Option<Value> {
        self.rule(&flow.attribute)?.on_update(&flow.outcome)
    }
}

pub(super) fn sorted(mut names: Vec<Name>) -> Vec<Name> {
    names.sort();
    names.dedup();
    names
}
