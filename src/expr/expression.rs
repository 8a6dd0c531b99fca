//! An expression as the rest of the crate sees it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::ast::{Node, NodeKind};
use super::check;
use super::context::Context;
use super::error::{EvaluationError, ExpressionError};
use super::eval::{self, Item, Scope, Stop};
use super::functions::Traits;
use super::lint::{self, Lint};
use super::parser;
use super::path::AttributePath;
use crate::model::{Attributes, Name, Value};

/// A parsed expression of Entra's attribute-mapping language. Cheap to clone.
///
/// `{}` prints its normal form: functions in their own spelling, one blank after each comma. It means the same as what
/// was written. Two expressions are equal if their normal forms are.
///
/// # Examples
///
/// ```
/// use entrant::expr::Expression;
///
/// let expression = Expression::parse("tolower( [mail],)")?;
/// assert_eq!(expression.to_string(), "ToLower([mail], )");
/// assert_eq!(expression.attributes(), ["mail"]);
/// # Ok::<(), entrant::expr::ExpressionError>(())
/// ```
#[derive(Clone)]
pub struct Expression(Arc<Inner>);

struct Inner {
    text: Arc<str>,
    root: Node,
    references: Box<[AttributePath]>,
    attributes: Box<[Name]>,
    parameters: Box<[Name]>,
    traits: Traits,
}

/// What an expression gives for one object. Its debug form does not show what is redacted.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// A value, or null.
    Value(Value),
    /// A value, or null, that went through `Redact` or depends on what did: it may be written, and must not be shown.
    Redacted(Value),
    /// Leave this attribute as it is: no value, no default, no clearing.
    IgnoreAttribute,
    /// Leave the whole object out.
    IgnoreObject,
}

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its place and what would be accepted there: a bad token, an unknown function
    /// or word, a wrong number of arguments, a missing argument, a constant that is not of the type that its function
    /// takes, a wrong regular expression or date format, `SelectUniqueValue` inside another function, more than 10,000
    /// characters, more than 128 levels.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let root = parser::parse(text).map_err(|error| *error)?;
        let mut references = Vec::new();
        let mut parameters = Vec::new();
        check::check(text, &root).map_err(|error| *error)?;
        let mut traits = Traits::default();
        root.visit(&mut |node| match &node.kind {
            NodeKind::Attribute(path) => references.push(path.clone()),
            NodeKind::Parameter(name) => parameters.push(name.clone()),
            NodeKind::Call { function, prepared, .. } => {
                traits.reads_clock |= function.traits.reads_clock || prepared.reads_clock();
                traits.draws |= function.traits.draws;
                traits.redacts |= function.traits.redacts;
                traits.asks_what_is_taken |= function.traits.asks_what_is_taken;
                parameters.extend(function.traits.reads_parameter.map(Name::from_static));
            }
            NodeKind::Constant(_) | NodeKind::Word(_) | NodeKind::Concat(_) | NodeKind::Compare { .. } => {}
        });
        references.sort_by(|left, right| left.text().cmp(right.text()));
        references.dedup();
        let attributes = sorted(references.iter().flat_map(AttributePath::names).cloned().collect());
        Ok(Self(Arc::new(Inner {
            text: text.into(),
            root,
            references: references.into(),
            attributes,
            parameters: sorted(parameters),
            traits,
        })))
    }

    /// Evaluates it for the attributes of one object.
    ///
    /// An attribute that is not there counts as null.
    ///
    /// # Errors
    ///
    /// What cannot be evaluated for this object, with its place: a value of the wrong type, a date that is none, a
    /// parameter that is not defined, a random value without a seed, values that are all taken, a result of more than
    /// 1,000,000 bytes, more than 1,000,000 steps of work. Where a value goes through `Redact`, the message shows none.
    pub fn evaluate(&self, attributes: &Attributes, context: &Context) -> Result<Outcome, EvaluationError> {
        self.evaluate_node(&self.0.root, attributes, context)
    }

    /// The values that `SelectUniqueValue` would try, in order, each evaluated when it is asked for, whether taken or
    /// not; those that are null or empty are left out. Of another expression its one value.
    ///
    /// Whoever can ask a target asks for these, one after the other or together, and evaluates with the answers in
    /// [`Context::with_taken`].
    pub fn candidates<'a>(
        &'a self,
        attributes: &'a Attributes,
        context: &'a Context,
    ) -> impl Iterator<Item = Result<Outcome, EvaluationError>> + 'a {
        let rules: Vec<&Node> = match &self.0.root.kind {
            NodeKind::Call { function, arguments, .. } if function.traits.asks_what_is_taken => {
                arguments.iter().flatten().collect()
            }
            _ => vec![&self.0.root],
        };
        let evaluated = rules.into_iter().map(move |rule| self.evaluate_node(rule, attributes, context));
        evaluated.filter(|outcome| match outcome {
            Ok(Outcome::Value(value) | Outcome::Redacted(value)) => !value.is_null() && value.as_text() != Some(""),
            _ => true,
        })
    }

    fn evaluate_node(
        &self,
        node: &Node,
        attributes: &Attributes,
        context: &Context,
    ) -> Result<Outcome, EvaluationError> {
        let scope = Scope::new(attributes, context);
        self.outcome(eval::evaluate(node, &scope), &scope)
    }

    /// What a part of it gives, and how much work that was.
    pub(super) fn evaluate_counting(
        &self,
        node: &Node,
        attributes: &Attributes,
        context: &Context,
    ) -> (Result<Outcome, EvaluationError>, usize) {
        let scope = Scope::new(attributes, context);
        let outcome = self.outcome(eval::evaluate(node, &scope), &scope);
        (outcome, scope.work())
    }

    #[inline]
    fn outcome(&self, result: Result<Item<'_>, Stop>, scope: &Scope<'_>) -> Result<Outcome, EvaluationError> {
        match result {
            Ok(item) if scope.is_redacted() => Ok(Outcome::Redacted(item.into_value())),
            Ok(item) => Ok(Outcome::Value(item.into_value())),
            Err(stop) => self.stopped(stop),
        }
    }

    #[cold]
    fn stopped(&self, stop: Stop) -> Result<Outcome, EvaluationError> {
        match stop {
            Stop::IgnoreAttribute => Ok(Outcome::IgnoreAttribute),
            Stop::IgnoreObject => Ok(Outcome::IgnoreObject),
            Stop::Fault(fault) => {
                let message = match self.0.traits.redacts {
                    true => "this cannot be evaluated; why is not shown, since the expression redacts".to_owned(),
                    false => fault.message,
                };
                Err(EvaluationError::new(self.0.text.clone(), fault.span, message))
            }
        }
    }

    /// The text as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The top-level attributes that it may read, each once, in order.
    ///
    /// A path such as `[name.givenName]` may read the attribute of that very name, or the member of `name`: both are
    /// listed.
    #[must_use]
    pub fn attributes(&self) -> &[Name] {
        &self.0.attributes
    }

    /// The parameters that it reads, such as `Domain`, each once, in order.
    #[must_use]
    pub fn parameters(&self) -> &[Name] {
        &self.0.parameters
    }

    /// Whether its value changes with time alone.
    #[must_use]
    pub fn reads_clock(&self) -> bool {
        self.0.traits.reads_clock
    }

    /// Whether it draws random values, and so needs [`Context::with_seed`].
    #[must_use]
    pub fn is_random(&self) -> bool {
        self.0.traits.draws
    }

    /// Whether its value, or what fails in it, may be such that it must not be shown.
    #[must_use]
    pub fn redacts(&self) -> bool {
        self.0.traits.redacts
    }

    /// Whether it is a `SelectUniqueValue`: its value depends on which values are taken in the target.
    #[must_use]
    pub fn asks_what_is_taken(&self) -> bool {
        self.0.traits.asks_what_is_taken
    }

    /// What works and is probably not meant, in the order of the text: names in another case, branches that are never
    /// reached, what fails when it is reached.
    #[must_use]
    pub fn lints(&self) -> Vec<Lint> {
        lint::lints(&self.0.text, &self.0.root)
    }

    /// A lint for each attribute that a source does not have, with the name that was probably meant.
    #[must_use]
    pub fn unknown_attributes<'a>(&self, known: impl IntoIterator<Item = &'a str>) -> Vec<Lint> {
        let known: BTreeSet<&str> = known.into_iter().collect();
        lint::unknown_attributes(
            &self.0.text,
            &self.0.root,
            |name| known.contains(name),
            || known.iter().copied().collect(),
        )
    }

    pub(super) fn root(&self) -> &Node {
        &self.0.root
    }

    /// The attributes as they are referred to, each once, in the order of their texts.
    pub(crate) fn references(&self) -> &[AttributePath] {
        &self.0.references
    }
}

impl Outcome {
    /// The value, shown or not; `None` for a flow that is ignored.
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Value(value) | Self::Redacted(value) => Some(value),
            Self::IgnoreAttribute | Self::IgnoreObject => None,
        }
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => f.debug_tuple("Value").field(value).finish(),
            Self::Redacted(_) => f.write_str("Redacted(…)"),
            Self::IgnoreAttribute => f.write_str("IgnoreAttribute"),
            Self::IgnoreObject => f.write_str("IgnoreObject"),
        }
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.root == other.0.root
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.root.fmt(f)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.redacts() {
            true => f.write_str("Expression(Redact(…))"),
            false => write!(f, "Expression({self})"),
        }
    }
}

impl std::str::FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        Self::parse(text)
    }
}

fn sorted(mut names: Vec<Name>) -> Box<[Name]> {
    names.sort();
    names.dedup();
    names.into()
}
