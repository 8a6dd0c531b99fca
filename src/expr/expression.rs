//! An expression as the rest of the crate sees it.

use std::fmt;
use std::sync::Arc;

use super::ast::{Node, NodeKind};
use super::context::Context;
use super::error::{EvaluationError, ExpressionError};
use super::eval::{self, Scope, Stop};
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
    reads_clock: bool,
}

/// What an expression gives for one object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// A value, or null.
    Value(Value),
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
    /// or word, a wrong number of arguments, a missing argument, more than 10,000 characters, more than 128 levels, a
    /// function or a form that is not supported yet in this version.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let root = parser::parse(text).map_err(|error| *error)?;
        let mut references = Vec::new();
        let mut parameters = Vec::new();
        let mut reads_clock = false;
        root.visit(&mut |node| match node {
            NodeKind::Attribute(path) => references.push(path.clone()),
            NodeKind::Parameter(name) => parameters.push(name.clone()),
            NodeKind::Call { function, .. } => reads_clock |= function.reads_clock,
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
            reads_clock,
        })))
    }

    /// Evaluates it for the attributes of one object.
    ///
    /// An attribute that is not there counts as null.
    ///
    /// # Errors
    ///
    /// What cannot be evaluated for this object, with its place: a value of the wrong type, a parameter that is not
    /// defined, a result of more than 1,000,000 bytes.
    pub fn evaluate(&self, attributes: &Attributes, context: &Context) -> Result<Outcome, EvaluationError> {
        let scope = Scope { attributes, context };
        match eval::evaluate(&self.0.root, scope) {
            Ok(item) => Ok(Outcome::Value(item.into_value())),
            Err(Stop::IgnoreAttribute) => Ok(Outcome::IgnoreAttribute),
            Err(Stop::IgnoreObject) => Ok(Outcome::IgnoreObject),
            Err(Stop::Fault(fault)) => Err(EvaluationError::new(self.0.text.clone(), fault.span, fault.message)),
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
        self.0.reads_clock
    }

    /// The attributes as they are referred to, each once, in the order of their texts.
    pub(crate) fn references(&self) -> &[AttributePath] {
        &self.0.references
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
        write!(f, "Expression({self})")
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
