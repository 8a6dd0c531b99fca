//! Where the value of one target attribute comes from.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::compile::AbsentMeans;
use super::engine::FlowOutcome;
use super::fit::fit;
use super::flow::{FlowBehavior, FlowType};
use super::steps::Steps;
use crate::digest::Digest;
use crate::expr::{AttributePath, Context, EvaluationError, Expression, Found, Outcome};
use crate::model::{AttributeSchema, Cardinality, Kind, Name, Record, Value};

/// What null in the source means on update, and whether empty text is null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnNull {
    /// The target stays as it is. Empty text is no null: it is written, which a plan counts as
    /// [clearing](crate::reconcile::AttributeChange::clears) where it takes the place of a value. A target that keeps no
    /// empty texts, such as Entra, stays as it is, and the plan warns of it.
    #[default]
    Skip,
    /// The target is cleared, by empty text too.
    Clear,
    /// The target gets the mapping's default value, for empty text too.
    Default,
}

/// The rule for one target attribute of a [`CompiledMapping`](super::CompiledMapping).
#[derive(Debug, Clone)]
pub struct Rule {
    pub(super) target: Name,
    pub(super) source: RuleSource,
    pub(super) reads: Vec<Name>,
    pub(super) schema: AttributeSchema,
    pub(super) default: Option<Value>,
    pub(super) on_null: OnNull,
    pub(super) flow_type: FlowType,
    pub(super) flow_behavior: FlowBehavior,
    pub(super) steps: Steps,
    pub(super) absent_means: AbsentMeans,
    /// See [`Rule::fingerprint`].
    pub(super) fingerprint: Option<Digest>,
}

#[derive(Clone)]
pub(super) enum RuleSource {
    Attribute(AttributePath),
    Expression(Expression),
    Constant(Value),
    Closure(NamedClosure),
    Generated,
}

#[derive(Clone)]
pub(super) struct NamedClosure {
    pub(super) name: Name,
    pub(super) version: u32,
    pub(super) function: Arc<Function>,
}

pub(super) type Function = dyn Fn(&Record) -> Result<Option<Value>, String> + Send + Sync;

/// What a rule gives before it is fitted to the schema.
pub(super) enum Raw {
    Absent,
    Value(Value),
    IgnoreAttribute,
    IgnoreObject,
    /// The expression failed.
    Expression(EvaluationError),
    /// The closure refused.
    Closure(String),
}

impl Rule {
    /// The target attribute.
    #[must_use]
    pub fn target(&self) -> &Name {
        &self.target
    }

    /// Where the value comes from, in one line: `[name]`, `ToLower([login])`, `constant "DE"`, `closure worker-status v1`,
    /// `generated`. Of an expression that redacts, or makes a secret, only what it reads, since its constants are not to be
    /// shown either.
    #[must_use]
    pub fn provenance(&self) -> String {
        match &self.source {
            RuleSource::Expression(expression) if self.is_secret() => reading("expression", expression),
            source => format!("{source:?}"),
        }
    }

    /// The source attributes that it may read, each once, in order.
    #[must_use]
    pub fn source_attributes(&self) -> &[Name] {
        &self.reads
    }

    /// A digest of what defines it, where it overwrites what is there by one attribute of the record and nothing else: the
    /// same for the same rule, in any version of the program.
    ///
    /// `None` if it reads several; or may go by the time, by parameters, or by what a closure does not say; if it is to be
    /// written in each run, or where there is nothing; or if it only adds.
    pub(crate) fn fingerprint(&self) -> Option<Digest> {
        self.fingerprint
    }

    /// What null means on update.
    #[must_use]
    pub fn on_null(&self) -> OnNull {
        self.on_null
    }

    /// Whether it is written on create and never again.
    #[must_use]
    pub fn is_create_only(&self) -> bool {
        self.flow_type == FlowType::ObjectAddOnly
    }

    /// Whether the value is made when it is needed, and comes from no record.
    #[must_use]
    pub fn is_generated(&self) -> bool {
        matches!(self.source, RuleSource::Generated)
    }

    /// Whether a value of it, or what fails in its expression, may be such that plans and logs must not show it, because
    /// the expression redacts it.
    #[must_use]
    pub fn is_redacted(&self) -> bool {
        matches!(&self.source, RuleSource::Expression(expression) if expression.redacts())
    }

    /// Whether its value is drawn at random.
    #[must_use]
    pub fn is_random(&self) -> bool {
        matches!(&self.source, RuleSource::Expression(expression) if expression.is_random())
    }

    /// Whether it is a `SelectUniqueValue`: the first of several values that nobody holds.
    #[must_use]
    pub fn is_chosen(&self) -> bool {
        matches!(&self.source, RuleSource::Expression(expression) if expression.asks_what_is_taken())
    }

    /// The values that a `SelectUniqueValue` would try for a record, in order, fitted to the schema; what cannot be had,
    /// with the reason, ends them. None of another rule.
    #[must_use]
    pub fn candidates(&self, record: &Record, context: &Context) -> Vec<Result<Value, String>> {
        let mut candidates = Vec::new();
        let RuleSource::Expression(expression) = &self.source else { return candidates };
        if !self.is_chosen() {
            return candidates;
        }
        let context = self.own_context(record, context);
        for candidate in expression.candidates(&record.attributes, &context) {
            match candidate {
                Ok(Outcome::Value(value) | Outcome::Redacted(value)) => {
                    match self.steps.around(record, self.is_redacted(), || Raw::Value(value)) {
                        Raw::Value(value) => candidates.push(fit(&self.schema, value)),
                        Raw::Closure(message) => candidates.push(Err(message)),
                        _ => break,
                    }
                }
                Ok(Outcome::IgnoreAttribute | Outcome::IgnoreObject) => break,
                Err(error) => {
                    candidates.push(Err(error.to_string()));
                    break;
                }
            }
        }
        candidates
    }

    /// Whether the value must never be shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.schema.secret
    }

    /// What to write on create; `None` for nothing.
    #[must_use]
    pub fn on_create(&self, outcome: &FlowOutcome) -> Option<Value> {
        match outcome {
            FlowOutcome::Value(value) if !is_empty(value) => Some(value.clone()),
            FlowOutcome::Value(Value::Text(empty)) => Some(self.default.clone().unwrap_or(Value::Text(empty.clone()))),
            FlowOutcome::Value(_) | FlowOutcome::Absent => self.default.clone(),
            FlowOutcome::Ignored | FlowOutcome::Failed(_) => None,
        }
    }

    /// What to write on update; null clears, `None` leaves the target as it is.
    #[must_use]
    pub fn on_update(&self, outcome: &FlowOutcome) -> Option<Value> {
        let FlowOutcome::Value(value) = outcome else {
            return None;
        };
        if self.is_create_only() {
            return None;
        }
        if self.schema.cardinality == Cardinality::Many {
            return Some(if value.is_null() { Value::list([]) } else { value.clone() });
        }
        if !is_empty(value) {
            return Some(value.clone());
        }
        match self.on_null {
            // Empty text is a value where nothing is said of null.
            OnNull::Skip => (!value.is_null()).then(|| value.clone()),
            OnNull::Clear => Some(Value::Null),
            OnNull::Default => self.default.clone(),
        }
    }

    /// What an object that is there gets of references or licences; `None` leaves them as they are.
    ///
    /// Null is the empty set. Where there is a default for it, it is that on create, and on update only with
    /// [`OnNull::Default`]: otherwise nothing is said, so that an update does not take back what the default gave.
    #[must_use]
    pub fn elements_on_update(&self, outcome: &FlowOutcome) -> Option<Value> {
        let FlowOutcome::Value(value) = outcome else { return None };
        match &self.default {
            _ if self.is_create_only() => None,
            Some(default) if is_nothing(value) => (self.on_null == OnNull::Default).then(|| default.clone()),
            _ => Some(value.clone()),
        }
    }

    /// What it gives for a record, fitted to the schema; `None` to leave the object out.
    pub(crate) fn flow(&self, record: &Record, context: &Context) -> Option<FlowOutcome> {
        Some(match self.raw(record, context) {
            Raw::Absent => FlowOutcome::Absent,
            Raw::Value(value) => match fit(&self.schema, value) {
                Ok(value) => FlowOutcome::Value(value),
                Err(_) if self.is_redacted() => FlowOutcome::Failed(
                    "the value does not fit; it is not shown, since the expression redacts".to_owned(),
                ),
                Err(message) => FlowOutcome::Failed(message),
            },
            Raw::IgnoreAttribute => FlowOutcome::Ignored,
            Raw::IgnoreObject => return None,
            Raw::Expression(error) => FlowOutcome::Failed(error.to_string()),
            Raw::Closure(message) => FlowOutcome::Failed(message),
        })
    }

    /// The source attribute whose value it gives as it is, wherever there is one of this kind.
    pub(crate) fn copies(&self, kind: &Kind) -> Option<&Name> {
        let RuleSource::Attribute(path) = &self.source else { return None };
        let as_it_is = self.schema.kind == *kind
            && self.schema.cardinality == Cardinality::Single
            && self.steps.condition.is_none()
            && self.steps.transform.is_none();
        as_it_is.then(|| path.text())
    }

    pub(super) fn raw(&self, record: &Record, context: &Context) -> Raw {
        self.steps.around(record, self.is_redacted(), || self.raw_source(record, context))
    }

    fn raw_source(&self, record: &Record, context: &Context) -> Raw {
        match &self.source {
            RuleSource::Attribute(path) => match path.find(&record.attributes) {
                Found::Here(value) => Raw::Value(value.clone()),
                Found::Collected(value) => Raw::Value(value),
                Found::Absent => self.absent(),
            },
            RuleSource::Expression(expression) => match self.evaluate(expression, record, context) {
                Ok(Outcome::Value(value) | Outcome::Redacted(value)) if is_empty(&value) => {
                    // Nothing made of something that was not delivered is no news.
                    let missing = |path: &AttributePath| matches!(path.find(&record.attributes), Found::Absent);
                    match self.absent_means == AbsentMeans::Unknown && expression.references().iter().any(missing) {
                        true => Raw::Absent,
                        false => Raw::Value(value),
                    }
                }
                Ok(Outcome::Value(value) | Outcome::Redacted(value)) => Raw::Value(value),
                Ok(Outcome::IgnoreAttribute) => Raw::IgnoreAttribute,
                Ok(Outcome::IgnoreObject) => Raw::IgnoreObject,
                Err(error) => Raw::Expression(error),
            },
            RuleSource::Constant(value) => Raw::Value(value.clone()),
            RuleSource::Closure(closure) => match (closure.function)(record) {
                Ok(Some(value)) => Raw::Value(value),
                Ok(None) => self.absent(),
                Err(message) => Raw::Closure(message),
            },
            RuleSource::Generated => Raw::Absent,
        }
    }

    /// Random values are those of this attribute of this record, however often they are asked for.
    fn evaluate(
        &self,
        expression: &Expression,
        record: &Record,
        context: &Context,
    ) -> Result<Outcome, EvaluationError> {
        expression.evaluate(&record.attributes, &self.own_context(record, context))
    }

    pub(super) fn own_context<'a>(&self, record: &Record, context: &'a Context) -> Cow<'a, Context> {
        if !self.is_random() {
            return Cow::Borrowed(context);
        }
        let context = context.clone();
        let context = if self.is_secret() || self.is_redacted() { context.into_hidden() } else { context };
        let subject = format!("{:?} {:?} {:?}", record.id.class.as_str(), record.id.id, self.target);
        Cow::Owned(context.with_subject(&subject))
    }

    fn absent(&self) -> Raw {
        match self.absent_means {
            AbsentMeans::Unknown => Raw::Absent,
            AbsentMeans::Empty => Raw::Value(Value::Null),
        }
    }
}

impl RuleSource {
    /// The attributes that it may read, apart from what a closure is said to read.
    pub(super) fn names(&self) -> Vec<Name> {
        match self {
            Self::Attribute(path) => path.names().cloned().collect(),
            Self::Expression(expression) => expression.attributes().to_vec(),
            Self::Constant(_) | Self::Closure(_) | Self::Generated => Vec::new(),
        }
    }

    /// The attributes as they are referred to.
    pub(super) fn references(&self) -> &[AttributePath] {
        match self {
            Self::Attribute(path) => std::slice::from_ref(path),
            Self::Expression(expression) => expression.references(),
            Self::Constant(_) | Self::Closure(_) | Self::Generated => &[],
        }
    }
}

impl fmt::Display for RuleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute(path) => write!(f, "[{}]", path.text()),
            Self::Expression(expression) => expression.fmt(f),
            Self::Constant(value) => write!(f, "constant {value:?}"),
            Self::Closure(closure) => write!(f, "closure {} v{}", closure.name, closure.version),
            Self::Generated => f.write_str("generated"),
        }
    }
}

impl fmt::Debug for RuleSource {
    /// Without what is not to be shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expression(expression) if expression.redacts() => f.write_str(&reading("Redact(…)", expression)),
            other => fmt::Display::fmt(other, f),
        }
    }
}

/// An expression by what it reads.
fn reading(what: &str, expression: &Expression) -> String {
    let names: Vec<String> = expression.references().iter().map(|path| format!("[{}]", path.text())).collect();
    if names.is_empty() { what.to_owned() } else { format!("{what} of {}", names.join(", ")) }
}

/// Null, an empty list or empty text.
pub(super) fn is_empty(value: &Value) -> bool {
    is_nothing(value) || value.as_text() == Some("")
}

/// Null or an empty list.
fn is_nothing(value: &Value) -> bool {
    value.as_slice().is_empty()
}
