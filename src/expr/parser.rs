//! Tokens into a tree: recursive descent over the few levels of the grammar.

use std::ops::Range;

use super::ast::{Meaning, Node, NodeKind, WORDS};
use super::error::ExpressionError;
use super::functions::{self, Need};
use super::lexer::{Lexer, Operand, Operator};
use super::path::AttributePath;
use super::suggest::closest;
use crate::model::Value;

/// Longest expression, in characters, as Entra has it.
const MAX_CHARACTERS: usize = 10_000;

/// Deepest nesting of calls. Deep enough for a chain of IIF over all states of a country, shallow enough for a small
/// stack.
const MAX_DEPTH: usize = 128;

/// Parses a whole text.
pub(super) fn parse(text: &str) -> Result<Node, ExpressionError> {
    if let Some((end, _)) = text.char_indices().nth(MAX_CHARACTERS) {
        return Err(ExpressionError::new(
            &text[..end],
            0..end,
            "the expression is too long",
            format!("at most {MAX_CHARACTERS} characters"),
        ));
    }
    let mut parser = Parser {
        lexer: Lexer::new(text),
        depth: 0,
    };
    let (first, span) = parser.lexer.operand()?;
    let (node, (end, place)) = parser.expression(first, span)?;
    match end {
        Operator::End => Ok(node),
        _ => Err(parser.lexer.error(
            place,
            "this is left over after the expression",
            "remove it, or put it into a function",
        )),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    depth: usize,
}

/// A node, and what follows it.
type Parsed = (Node, (Operator, Range<usize>));

impl<'a> Parser<'a> {
    /// One comparison at most; the first operand has been read.
    fn expression(&mut self, first: Operand<'a>, span: Range<usize>) -> Result<Parsed, ExpressionError> {
        let (left, follow) = self.concat(first, span)?;
        let (Operator::Compare(operator), _) = follow else {
            return Ok((left, follow));
        };
        let (first, span) = self.lexer.operand()?;
        let (right, follow) = self.concat(first, span)?;
        if let (Operator::Compare(_), place) = follow {
            return Err(self.lexer.error(
                place,
                "a comparison cannot be compared again",
                "nest IIF for a condition of several parts",
            ));
        }
        let node = Node {
            span: left.span.start..right.span.end,
            kind: NodeKind::Compare {
                left: Box::new(left),
                operator,
                right: Box::new(right),
            },
        };
        Ok((node, follow))
    }

    fn concat(&mut self, first: Operand<'a>, span: Range<usize>) -> Result<Parsed, ExpressionError> {
        let mut nodes = vec![self.primary(first, span)?];
        loop {
            let follow = self.lexer.operator()?;
            if follow.0 == Operator::Ampersand {
                let (next, span) = self.lexer.operand()?;
                nodes.push(self.primary(next, span)?);
                continue;
            }
            let last = nodes.len() - 1;
            let span = nodes[0].span.start..nodes[last].span.end;
            let node = if last == 0 {
                nodes.remove(0)
            } else {
                Node {
                    span,
                    kind: NodeKind::Concat(nodes.into()),
                }
            };
            return Ok((node, follow));
        }
    }

    fn primary(&mut self, operand: Operand<'a>, span: Range<usize>) -> Result<Node, ExpressionError> {
        let kind = match operand {
            Operand::Attribute(text) => NodeKind::Attribute(AttributePath::new(text)),
            Operand::Text(text) => NodeKind::Constant(Value::text(text)),
            Operand::Integer(number) => NodeKind::Constant(Value::Integer(number)),
            Operand::Number(text) => NodeKind::Constant(Value::text(text)),
            Operand::Parameter(name) => NodeKind::Parameter(name.into()),
            Operand::Name(name) => match self.lexer.open() {
                Some(open) => return self.call(name, span, open),
                None => NodeKind::Word(self.word(name, &span)?),
            },
            Operand::Comma | Operand::Close | Operand::End => {
                return Err(self.lexer.error(
                    span,
                    "a value is missing here",
                    "a function, [attribute], \"text\", number or %Parameter%",
                ));
            }
        };
        Ok(Node { kind, span })
    }

    fn word(&self, name: &str, span: &Range<usize>) -> Result<&'static super::ast::Word, ExpressionError> {
        WORDS.iter().find(|word| word.spelling == name).ok_or_else(|| {
            let accepted = if functions::find(name).is_some() {
                format!("a function has its arguments in parentheses: {name}(…)")
            } else if let Some(word) = closest(name, words()) {
                format!("did you mean {word}?")
            } else {
                format!("write an attribute as [{name}] and text as \"{name}\"")
            };
            self.lexer
                .error(span.clone(), format!("there is no word {name}"), accepted)
        })
    }

    fn call(&mut self, name: &str, span: Range<usize>, open: Range<usize>) -> Result<Node, ExpressionError> {
        let Some(function) = functions::find(name) else {
            let (message, accepted) = functions::explain_unknown(name);
            return Err(self.lexer.error(span, message, accepted));
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.lexer.error(
                span,
                "the expression is nested too deeply",
                format!("at most {MAX_DEPTH} levels"),
            ));
        }
        let (arguments, end) = self.arguments(open)?;
        self.depth -= 1;
        let span = span.start..end;
        let error =
            |place: Range<usize>, message: String, accepted: String| Err(self.lexer.error(place, message, accepted));
        if let Err((message, accepted)) = function.check_count(arguments.len()) {
            return error(span, message, accepted);
        }
        for (index, argument) in arguments.iter().enumerate() {
            let parameter = function.parameter(index);
            if argument.is_none() && parameter.need == Need::Required {
                let message = format!(
                    "{} needs its argument {} ({})",
                    function.name,
                    index + 1,
                    parameter.name
                );
                return error(span, message, function.signature());
            }
        }
        if let Err(fault) = (function.check)(&arguments) {
            let place = fault.argument.and_then(|index| arguments.get(index)?.as_ref());
            let place = place.map_or(span, |node| node.span.clone());
            return error(place, fault.message, fault.accepted);
        }
        Ok(Node {
            kind: NodeKind::Call {
                function,
                arguments: arguments.into(),
            },
            span,
        })
    }

    /// What stands between the parentheses, and where the closing one ends.
    fn arguments(&mut self, open: Range<usize>) -> Result<(Vec<Option<Node>>, usize), ExpressionError> {
        let unclosed = |lexer: &Lexer<'_>| {
            Err(lexer.error(
                open.clone(),
                "the parenthesis is not closed",
                "end the arguments with )",
            ))
        };
        let mut arguments = Vec::new();
        loop {
            let (operand, span) = self.lexer.operand()?;
            match operand {
                Operand::End => return unclosed(&self.lexer),
                Operand::Comma => {
                    arguments.push(None);
                    continue;
                }
                Operand::Close => {
                    // `f()` has no argument; `f(a, )` has two, the second not given.
                    if !arguments.is_empty() {
                        arguments.push(None);
                    }
                    return Ok((arguments, span.end));
                }
                _ => {}
            }
            let (node, (follow, place)) = self.expression(operand, span)?;
            arguments.push(Some(node));
            match follow {
                Operator::Comma => {}
                Operator::Close => return Ok((arguments, place.end)),
                _ => return unclosed(&self.lexer),
            }
        }
    }
}

fn words() -> impl Iterator<Item = &'static str> {
    // What Microsoft never documented for Entra is understood, not advertised.
    WORDS
        .iter()
        .filter(|word| !matches!(word.meaning, Meaning::Text(_)))
        .map(|word| word.spelling)
}
