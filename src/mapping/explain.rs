//! How a mapping comes to what it gives for one record: attribute by attribute, step by step.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::belonging::Belonging;
use super::compile::AbsentMeans;
use super::engine::{CompiledMapping, FlowOutcome};
use super::flow::FlowType;
use super::rule::{OnNull, Rule, RuleSource};
use super::show::ShownFilter;
use crate::expr::{Context, EvaluationError, Expression, Found, Outcome, quote};
use crate::model::{AttributeSchema, Cardinality, CaseRule, Kind, Mutability, Name, ObjectId, Record, Value};
use crate::plain::plain;

/// How many elements of a list are shown.
const SHOWN_ELEMENTS: usize = 10;

/// How a mapping comes to what it gives for one record.
///
/// It is personal data, apart from secret and redacted values, which are not in it. Printed, it is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Explanation {
    /// The name of the mapping.
    pub mapping: Name,
    /// The source object.
    pub object: ObjectId,
    /// Whether it belongs, in words.
    pub scope: String,
    /// Each target attribute that has a rule, in order.
    pub attributes: Vec<AttributeExplanation>,
    /// Writes of this object that failed in earlier runs: how often, why, and when they are tried again. A mapping by
    /// itself knows of none; a [`Job`](crate::Job) does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
}

/// How one target attribute comes to its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AttributeExplanation {
    /// The target attribute.
    pub attribute: Name,
    /// Where the value comes from, as in a plan.
    pub rule: String,
    /// What is read of the source; of an expression its parts too, inner ones first, each with what it gives.
    pub steps: Vec<ExplainedStep>,
    /// What comes of it, fitted to the target's schema.
    pub outcome: Told,
    /// What is written when the object is made; `None` for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_create: Option<Told>,
    /// What the target should hold afterwards when the object is there; `None` to leave it as it is. Flow types that go by
    /// what the target holds count only if that was given with [`Explanation::with_current`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_update: Option<Told>,
    /// What the target holds now, if it was given with [`Explanation::with_current`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Told>,
    /// What decides beside the value, each in a few words: default value, null rule, how it is compared.
    pub notes: Vec<String>,
}

/// A part of a rule, and what it gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ExplainedStep {
    /// The part: `[givenName]`, `ToLower([givenName])`.
    pub text: String,
    /// What it gives.
    pub gives: Told,
}

/// What is told of a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "value")]
#[non_exhaustive]
pub enum Told {
    /// The value, or null.
    Value(Value),
    /// It was not delivered.
    Absent,
    /// It is not looked at: another branch is taken.
    NotReached,
    /// The attribute is left as it is.
    IgnoreAttribute,
    /// The whole object is left out.
    IgnoreObject,
    /// It cannot be had, for this reason.
    Failed(String),
    /// There may be one, and it is secret.
    Secret,
    /// There may be one, and it is redacted.
    Redacted,
}

impl CompiledMapping {
    /// Explains what the mapping makes of a record. Writes nothing and asks nobody: of `SelectUniqueValue` it tells what
    /// would be tried.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::expr::Context;
    /// use entrant::mapping::{AbsentMeans, Mapping};
    /// use entrant::model::{AttributeSchema, Class, ObjectId, Schema};
    /// use entrant::Record;
    ///
    /// let schema = Schema::new(Class::USER)
    ///     .with("displayName", AttributeSchema::text())
    ///     .with("faxNumber", AttributeSchema::text());
    /// let mapping = Mapping::users()
    ///     .expression("displayName", r#"Join(" ", [first], ToUpper([last]))"#)?
    ///     .expression("faxNumber", "Redact([fax])")?
    ///     .compile(&schema, AbsentMeans::Unknown)?;
    /// let record = Record::new(ObjectId::user("7")).with("first", "Ada").with("last", "Byron").with("fax", "7");
    /// let explanation = mapping.explain(&record, &Context::new(time::OffsetDateTime::UNIX_EPOCH));
    /// assert_eq!(explanation.to_string(), r#"user 7 by mapping user: in scope
    ///   displayName ← Join(" ", [first], ToUpper([last]))
    ///     [first] = "Ada"
    ///     [last] = "Byron"
    ///     ToUpper([last]) = "BYRON"
    ///     Join(" ", [first], ToUpper([last])) = "Ada BYRON"
    ///     on create "Ada BYRON", on update "Ada BYRON"
    ///     (null is skipped on update; compared exactly)
    ///   faxNumber ← Redact(…) of [fax]
    ///     (redacted)
    ///     on create (redacted), on update (redacted)
    ///     (null is skipped on update; compared exactly)
    /// "#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn explain(&self, record: &Record, context: &Context) -> Explanation {
        let scope = match self.belonging(record) {
            Belonging::InScope => "in scope".to_owned(),
            Belonging::LeftScope => "out of scope".to_owned(),
            Belonging::LeftAlone => "left alone, by the scoping filter".to_owned(),
            Belonging::Unknown(error) => format!("nobody can say whether it is in scope: {error}"),
        };
        let attributes = self.rules.iter().map(|rule| rule.explain(record, context)).collect();
        Explanation { mapping: self.name.clone(), object: record.id.clone(), scope, attributes, failures: Vec::new() }
    }
}

impl Explanation {
    /// Adds what the target holds now, of what may be shown and can be read, and what the mapping that is explained makes
    /// of it.
    #[must_use]
    pub fn with_current(mut self, mapping: &CompiledMapping, target: &Record) -> Self {
        for attribute in &mut self.attributes {
            let current = target.get(&attribute.attribute);
            attribute.current = Some(match &attribute.outcome {
                hidden @ (Told::Secret | Told::Redacted) => hidden.clone(),
                _ => current.cloned().map_or(Told::Absent, Told::Value),
            });
            // References are named as the source names them, and cannot be joined with those of the target.
            let rule = mapping.rule(&attribute.attribute);
            let Some(rule) = rule.filter(|rule| !matches!(rule.schema.kind, Kind::Reference(_))) else { continue };
            if let Told::Value(value) = &attribute.outcome {
                let over = rule.on_update_over(&FlowOutcome::Value(value.clone()), current.unwrap_or(&Value::Null));
                attribute.on_update = over.map(Told::Value);
            }
        }
        self
    }
}

impl Rule {
    fn explain(&self, record: &Record, context: &Context) -> AttributeExplanation {
        let hidden = match (self.is_secret() || self.is_generated(), self.is_redacted()) {
            (true, _) => Some(Told::Secret),
            (false, true) => Some(Told::Redacted),
            (false, false) => None,
        };
        let flow = self.flow(record, context);
        let shown = |value: Value| hidden.clone().unwrap_or(Told::Value(value));
        let outcome = match (&hidden, &flow) {
            // Whether it leaves the object out is no secret: the object is not written.
            (_, None) => Told::IgnoreObject,
            (Some(hidden), _) => hidden.clone(),
            (None, Some(FlowOutcome::Absent)) => Told::Absent,
            (None, Some(FlowOutcome::Value(value))) => Told::Value(value.clone()),
            (None, Some(FlowOutcome::Ignored)) => Told::IgnoreAttribute,
            (None, Some(FlowOutcome::Failed(message))) => Told::Failed(message.clone()),
        };
        let made = || self.is_generated().then_some(Told::Secret);
        AttributeExplanation {
            attribute: self.target.clone(),
            rule: self.provenance(),
            steps: if hidden.is_none() { self.steps(record, context) } else { Vec::new() },
            outcome,
            on_create: flow.as_ref().and_then(|flow| self.on_create(flow)).map(shown).or_else(made),
            on_update: flow.as_ref().and_then(|flow| self.on_update(flow)).map(shown),
            current: None,
            notes: self.notes(record, hidden.is_some()),
        }
    }

    fn steps(&self, record: &Record, context: &Context) -> Vec<ExplainedStep> {
        let find = |text: String, found: Found<'_>| {
            let gives = match found {
                Found::Here(value) => Told::Value(value.clone()),
                Found::Collected(value) => Told::Value(value),
                Found::Absent => Told::Absent,
            };
            ExplainedStep { text, gives }
        };
        match &self.source {
            RuleSource::Attribute(path) => {
                vec![find(format!("[{}]", path.text()), path.find(&record.attributes))]
            }
            RuleSource::Expression(expression) => self.expression_steps(expression, record, context),
            RuleSource::Closure(_) => {
                let read = |name: &Name| find(format!("[{name}]"), record.get(name).map_or(Found::Absent, Found::Here));
                self.reads.iter().map(read).collect()
            }
            RuleSource::Constant(_) | RuleSource::Generated => Vec::new(),
        }
    }

    fn expression_steps(&self, expression: &Expression, record: &Record, context: &Context) -> Vec<ExplainedStep> {
        let steps = expression.steps(&record.attributes, &self.own_context(record, context));
        let references = expression.references();
        let absent = |text: &str| {
            let path = references.iter().find(|path| format!("[{}]", path.text()) == text);
            path.is_some_and(|path| matches!(path.find(&record.attributes), Found::Absent))
        };
        let told = |text: &str, outcome: Option<Result<Outcome, EvaluationError>>| match outcome {
            None => Told::NotReached,
            Some(Ok(_)) if absent(text) => Told::Absent,
            Some(Ok(Outcome::Value(value))) => Told::Value(value),
            Some(Ok(Outcome::Redacted(_))) => Told::Redacted,
            Some(Ok(Outcome::IgnoreAttribute)) => Told::IgnoreAttribute,
            Some(Ok(Outcome::IgnoreObject)) => Told::IgnoreObject,
            Some(Err(error)) => Told::Failed(error.to_string()),
        };
        steps.into_iter().map(|step| ExplainedStep { gives: told(&step.text, step.outcome), text: step.text }).collect()
    }

    fn notes(&self, record: &Record, hides: bool) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(condition) = &self.steps.condition {
            let what =
                if hides { "its condition holds".to_owned() } else { plain(&ShownFilter(condition).to_string()) };
            let so = if condition.matches(&record.attributes) { "it does" } else { "it does not" };
            notes.push(format!("only if {what}: {so}"));
        }
        notes.extend(self.steps.transform.iter().map(|transform| format!("transform {transform:?}")));
        if let Some(default) = &self.default {
            let default = if self.is_redacted() { "(redacted)".to_owned() } else { show(default) };
            notes.push(format!("default value {default} on create"));
        }
        if !matches!(self.flow_type, FlowType::Always | FlowType::ObjectAddOnly) {
            notes.push(format!("flow type {:?}", self.flow_type));
        }
        if self.is_create_only() {
            notes.push("written on create only".to_owned());
        } else if self.schema.cardinality == Cardinality::Single {
            notes.push(
                match self.on_null {
                    OnNull::Skip => "null is skipped on update",
                    OnNull::Clear => "null clears",
                    OnNull::Default => "null gives the default value on update",
                }
                .to_owned(),
            );
        }
        if self.absent_means == AbsentMeans::Empty {
            notes.push("what the source does not deliver is empty".to_owned());
        }
        if self.is_chosen() {
            notes.push("the first value that nobody holds is taken".to_owned());
        }
        if self.is_random() {
            notes.push("drawn at random, another value in each plan".to_owned());
        }
        if !self.is_create_only() {
            notes.push(compared(&self.schema).to_owned());
        }
        notes
    }
}

fn compared(schema: &AttributeSchema) -> &'static str {
    match (schema.mutability, &schema.kind, schema.cardinality, schema.case) {
        _ if schema.secret => "never compared",
        (Mutability::WriteOnly, ..) => "compared with what was last written",
        (_, Kind::Reference(_), ..) => "compared by the objects that are meant",
        (_, _, Cardinality::Many, CaseRule::Ignore) => "compared as a set, without regard to case",
        (_, _, Cardinality::Many, CaseRule::Exact) => "compared as a set",
        (_, _, Cardinality::Single, CaseRule::Ignore) => "compared without regard to case",
        (_, _, Cardinality::Single, CaseRule::Exact) => "compared exactly",
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ObjectId { class, id } = &self.object;
        writeln!(f, "{class} {} by mapping {}: {}", plain(id), self.mapping, plain(&self.scope))?;
        self.failures.iter().try_for_each(|failure| writeln!(f, "  {}", plain(failure)))?;
        self.attributes.iter().try_for_each(|attribute| write!(f, "{attribute}"))
    }
}

impl fmt::Display for AttributeExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {} ← {}", self.attribute, plain(&self.rule))?;
        for ExplainedStep { text, gives } in &self.steps {
            writeln!(f, "    {} = {gives}", plain(text))?;
        }
        let last = self.steps.last().map(|step| &step.gives);
        if last != Some(&self.outcome) {
            writeln!(f, "    {}", self.outcome)?;
        }
        let said = |told: &Option<Told>, nothing: &str| told.as_ref().map_or(nothing.to_owned(), Told::to_string);
        let update = said(&self.on_update, "untouched");
        write!(f, "    on create {}, on update {update}", said(&self.on_create, "nothing"))?;
        if let Some(current) = &self.current {
            write!(f, ", now {current}")?;
        }
        writeln!(f, "\n    ({})", self.notes.join("; "))
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => f.write_str(&show(value)),
            Self::Absent => f.write_str("(not delivered)"),
            Self::NotReached => f.write_str("(not looked at)"),
            Self::IgnoreAttribute => f.write_str("(leaves the attribute as it is)"),
            Self::IgnoreObject => f.write_str("(leaves the object out)"),
            Self::Failed(message) => write!(f, "(fails: {})", plain(message)),
            Self::Secret => f.write_str("(secret)"),
            Self::Redacted => f.write_str("(redacted)"),
        }
    }
}

/// A value for people; not all of a long one.
fn show(value: &Value) -> String {
    match value {
        Value::Text(text) => quote(text),
        Value::List(elements) => {
            let shown: Vec<String> = elements.iter().take(SHOWN_ELEMENTS).map(show).collect();
            let more = elements.len() - shown.len();
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            format!("[{}{more}]", shown.join(", "))
        }
        other => {
            let text = plain(&other.to_string());
            text.chars().take(200).collect()
        }
    }
}
