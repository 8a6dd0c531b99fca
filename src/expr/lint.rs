//! What works, and is probably not meant.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::ast::{Meaning, Node, NodeKind};
use super::check::failing;
use super::coerce::{text_form, truth};
use super::error::{char_span, render};
use super::suggest::closest;
use crate::model::Value;

/// A remark on an expression that can be used: what is odd, where, and what would be better.
///
/// # Examples
///
/// ```
/// use entrant::expr::Expression;
///
/// let expression = Expression::parse("tolower([mail])")?;
/// assert_eq!(expression.lints()[0].to_string(), "the function is spelt ToLower (character 1): write ToLower");
/// # Ok::<(), entrant::expr::ExpressionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    message: String,
    advice: String,
    span: Range<usize>,
    text: Arc<str>,
}

impl Lint {
    /// What is odd, in one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What would be better, in one line.
    #[must_use]
    pub fn advice(&self) -> &str {
        &self.advice
    }

    /// Where, in bytes of the text.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Where, in characters of the text.
    #[must_use]
    pub fn char_span(&self) -> Range<usize> {
        char_span(&self.text, &self.span)
    }

    /// The line with carets under the place, for a terminal. Several lines, the last without a line end.
    #[must_use]
    pub fn render(&self) -> String {
        render("warning", &self.text, &self.span, &self.message, &self.advice)
    }
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (character {}): {}", self.message, self.char_span().start + 1, self.advice)
    }
}

/// Collects remarks on one expression, and gives them in the order of their places.
struct Lints<'a> {
    text: &'a Arc<str>,
    found: Vec<Lint>,
}

impl Lints<'_> {
    fn add(&mut self, span: Range<usize>, message: impl Into<String>, advice: impl Into<String>) {
        self.found.push(Lint { message: message.into(), advice: advice.into(), span, text: self.text.clone() });
    }

    fn sorted(mut self) -> Vec<Lint> {
        self.found.sort_by_key(|lint| (lint.span.start, lint.span.end));
        self.found
    }
}

pub(super) fn lints(text: &Arc<str>, root: &Node) -> Vec<Lint> {
    let mut lints = Lints { text, found: Vec::new() };
    root.visit(&mut |node| {
        if let NodeKind::Call { function, arguments, .. } = &node.kind {
            let end = node.span.start + function.name.len();
            let written = text.get(node.span.start..end).unwrap_or(function.name);
            if written != function.name {
                let message = format!("the function is spelt {}", function.name);
                lints.add(node.span.start..end, message, format!("write {}", function.name));
            }
            match function.name {
                "IIF" => condition(&mut lints, arguments),
                "Switch" => switch(&mut lints, arguments),
                "Coalesce" => coalesce(&mut lints, arguments),
                _ => {}
            }
        }
    });
    failing(root, &mut |found| {
        if !found.certain {
            let message = format!("{}, and fails when it is reached", found.message);
            lints.add(found.node.span.clone(), message, format!("give {}", found.accepted));
        }
    });
    lints.sorted()
}

/// Remarks on the attributes that a source does not have.
pub(super) fn unknown_attributes<'n>(
    text: &Arc<str>,
    root: &Node,
    known: impl Fn(&str) -> bool,
    names: impl Fn() -> Vec<&'n str>,
) -> Vec<Lint> {
    let mut lints = Lints { text, found: Vec::new() };
    root.visit(&mut |node| {
        if let NodeKind::Attribute(path) = &node.kind
            && !path.names().any(|name| known(name))
        {
            let name = path.text();
            let advice = match closest(name, names()) {
                Some(near) => format!("did you mean [{near}]?"),
                None => "it counts as null; names are compared exactly".to_owned(),
            };
            lints.add(node.span.clone(), format!("the source has no attribute {name}"), advice);
        }
    });
    lints.sorted()
}

/// A value that is the same for every object.
fn constant(node: Option<&Node>) -> Option<Value> {
    match &node?.kind {
        NodeKind::Constant(value) => Some(value.clone()),
        NodeKind::Word(word) => match word.meaning {
            Meaning::Bool(value) => Some(Value::Bool(value)),
            Meaning::Null => Some(Value::Null),
            Meaning::Text(text) => Some(Value::text(text)),
            Meaning::IgnoreAttribute | Meaning::IgnoreObject => None,
        },
        _ => None,
    }
}

fn condition(lints: &mut Lints<'_>, arguments: &[Option<Node>]) {
    let [Some(condition), Some(if_true), Some(if_false)] = arguments else {
        return;
    };
    if let Some(always) = constant(Some(condition)).as_ref().and_then(truth) {
        let (unused, word) = if always { (if_false, "True") } else { (if_true, "False") };
        let message = format!("the condition is always {word}, so this is never reached");
        lints.add(unused.span.clone(), message, "write the other value alone");
    }
}

fn switch(lints: &mut Lints<'_>, arguments: &[Option<Node>]) {
    if let Some(Some(Node { kind: NodeKind::Call { function, .. }, span })) = arguments.first()
        && function.name.starts_with("Is")
    {
        let message = format!("{} is only the source here; keys are compared with True and False", function.name);
        lints.add(span.clone(), message, "for one condition after the other nest IIF");
    }
    let keys: Vec<_> = arguments.iter().skip(2).step_by(2).flatten().collect();
    for (index, key) in keys.iter().enumerate() {
        let same = |other: &&&Node| match (constant(Some(other)), constant(Some(key))) {
            (Some(other), Some(key)) => text_form(&other).unwrap_or_default() == text_form(&key).unwrap_or_default(),
            _ => false,
        };
        if keys[..index].iter().any(|other| same(&other)) {
            lints.add(key.span.clone(), "the same key came before, so this one is never reached", "remove it");
        }
    }
}

fn coalesce(lints: &mut Lints<'_>, arguments: &[Option<Node>]) {
    let full = |argument: &Option<Node>| {
        constant(argument.as_ref()).is_some_and(|value| text_form(&value).is_some_and(|text| !text.is_empty()))
    };
    if let Some(first) = arguments.iter().position(full)
        && let Some(next) = arguments.iter().skip(first + 1).flatten().next()
    {
        lints.add(next.span.clone(), "a constant comes before, so this is never reached", "put the constant last");
    }
}
