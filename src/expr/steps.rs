//! How an expression comes to its value, part by part.

use std::ops::Range;

use super::ast::{Node, NodeKind};
use super::coerce;
use super::context::Context;
use super::error::EvaluationError;
use super::expression::{Expression, Outcome};
use super::fuel::Fuel;
use crate::model::{Attributes, Value};

/// The most parts that are told of one expression.
const MAX_STEPS: usize = 200;
/// How much work all of them may be together.
const MAX_WORK: usize = 5 * Fuel::STEPS;

/// What a part of an expression gives for one object.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// The part, in its normal form.
    pub text: String,
    /// Where it stands, in bytes of the expression's text.
    pub span: Range<usize>,
    /// What it gives by itself; `None` if it is not looked at, since another branch is taken.
    pub outcome: Option<Result<Outcome, EvaluationError>>,
}

impl Expression {
    /// How it comes to its value: each attribute, parameter, comparison and call, inner ones first, the whole last.
    /// Constants are left out, and what is said twice is told once.
    ///
    /// Of an expression that redacts nothing is told. A part that draws at random beside another is left out, for what it
    /// gives depends on what was drawn before. Of a very long expression the first 200 parts are told, and less if they
    /// take very long.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::expr::{Context, Expression, Outcome};
    /// use entrant::{Record, Value, model::ObjectId};
    ///
    /// let expression = Expression::parse(r#"ToLower(IIF([nick] = "", [name], [nick]))"#)?;
    /// let record = Record::new(ObjectId::user("7")).with("name", "Ada").with("nick", "");
    /// let steps = expression.steps(&record.attributes, &Context::new(time::OffsetDateTime::UNIX_EPOCH));
    /// let texts: Vec<&str> = steps.iter().map(|step| step.text.as_str()).collect();
    /// assert_eq!(texts, [
    ///     "[nick]",
    ///     r#"[nick] = """#,
    ///     "[name]",
    ///     r#"IIF([nick] = "", [name], [nick])"#,
    ///     r#"ToLower(IIF([nick] = "", [name], [nick]))"#,
    /// ]);
    /// assert_eq!(steps[4].outcome, Some(Ok(Outcome::Value(Value::text("ada")))));
    /// # Ok::<(), entrant::expr::ExpressionError>(())
    /// ```
    #[must_use]
    pub fn steps(&self, attributes: &Attributes, context: &Context) -> Vec<Step> {
        if self.redacts() {
            return Vec::new();
        }
        let mut draws = 0_usize;
        self.root().visit(&mut |node| draws += usize::from(draws_itself(node)));
        let mut walk = Walk { expression: self, attributes, context, draws, work: 0, steps: Vec::new() };
        walk.node(self.root(), true, true);
        walk.steps
    }
}

struct Walk<'a> {
    expression: &'a Expression,
    attributes: &'a Attributes,
    context: &'a Context,
    /// How many calls draw at random.
    draws: usize,
    work: usize,
    steps: Vec<Step>,
}

impl<'a> Walk<'a> {
    fn node(&mut self, node: &'a Node, reached: bool, is_root: bool) {
        match &node.kind {
            NodeKind::Constant(_) | NodeKind::Word(_) if !is_root => return,
            NodeKind::Constant(_) | NodeKind::Word(_) | NodeKind::Attribute(_) | NodeKind::Parameter(_) => {}
            NodeKind::Call { function, arguments, .. } => self.arguments(function.name, arguments, reached),
            NodeKind::Concat(nodes) => nodes.iter().for_each(|node| self.node(node, reached, false)),
            NodeKind::Compare { left, right, .. } => {
                self.node(left, reached, false);
                self.node(right, reached, false);
            }
        }
        let mut random = false;
        node.visit(&mut |inner| random |= draws_itself(inner));
        if (random && self.draws > 1 && !is_root) || self.steps.len() >= MAX_STEPS || self.work >= MAX_WORK {
            return;
        }
        let text = node.to_string();
        if self.steps.iter().any(|step| step.text == text && (step.outcome.is_some() || !reached)) {
            return;
        }
        let outcome = reached.then(|| self.evaluate(node));
        self.steps.retain(|step| step.text != text);
        self.steps.push(Step { text, span: node.span.clone(), outcome });
    }

    fn evaluate(&mut self, node: &Node) -> Result<Outcome, EvaluationError> {
        let (outcome, work) = self.expression.evaluate_counting(node, self.attributes, self.context);
        self.work = self.work.saturating_add(work);
        outcome
    }

    /// The arguments of a call, of which some functions look at the first ones to know which others to look at.
    fn arguments(&mut self, function: &str, arguments: &'a [Option<Node>], reached: bool) {
        let mut open = [true; 3];
        let mut found = false;
        for (index, argument) in arguments.iter().enumerate() {
            let reached = reached && !found && (function != "IIF" || open.get(index).copied().unwrap_or(true));
            let Some(node) = argument else { continue };
            self.node(node, reached, false);
            if !reached || !matches!(function, "IIF" | "Coalesce") || self.work >= MAX_WORK {
                continue;
            }
            match (function, index, self.evaluate(node)) {
                ("IIF", 0, Ok(Outcome::Value(value))) => match coerce::truth(&value) {
                    Some(true) => open[2] = false,
                    Some(false) => open[1] = false,
                    None => open = [true, false, false],
                },
                // What fails or leaves the flow ends it all.
                ("IIF", 0, _) => open = [true, false, false],
                ("Coalesce", _, Ok(Outcome::Value(value))) => found = !is_empty(&value),
                ("Coalesce", ..) => found = true,
                _ => {}
            }
        }
    }
}

fn draws_itself(node: &Node) -> bool {
    matches!(&node.kind, NodeKind::Call { function, .. } if function.traits.draws)
}

fn is_empty(value: &Value) -> bool {
    value.as_slice().is_empty() || value.as_text() == Some("")
}
