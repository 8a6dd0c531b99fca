//! Tokens into a tree: recursive descent over the few levels of the grammar.

use std::ops::Range;

use super::ast::{Comparison, Meaning, Node, NodeKind, WORDS, Word};
use super::error::ExpressionError;
use super::functions::{self, Function, Need};
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
pub(super) fn parse(text: &str) -> Result<Node, Box<ExpressionError>> {
    if let Some((end, _)) = text.char_indices().nth(MAX_CHARACTERS) {
        let accepted = format!("at most {MAX_CHARACTERS} characters");
        return Err(Lexer::new(&text[..end]).error(0..end, "the expression is too long", accepted));
    }
    let mut parser = Parser { lexer: Lexer::new(text), depth: 0 };
    let first = parser.lexer.operand()?;
    let (node, (end, place)) = parser.expression(first)?;
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

/// What follows a node, and where.
type Follow = (Operator, Range<usize>);

// The functions that call each other in a circle hold little on the stack; what is made once a call has ended, and the
// texts of errors, are made in functions beside them.
impl<'a> Parser<'a> {
    /// One comparison at most; the first operand has been read.
    fn expression(&mut self, first: (Operand<'a>, Range<usize>)) -> Result<(Node, Follow), Box<ExpressionError>> {
        let (left, follow) = self.concat(first)?;
        let (Operator::Compare(operator), _) = follow else {
            return Ok((left, follow));
        };
        let first = self.lexer.operand()?;
        let (right, follow) = self.concat(first)?;
        if let (Operator::Compare(_), place) = follow {
            return Err(self.chained_comparison(place));
        }
        Ok((compared(left, operator, right), follow))
    }

    fn concat(&mut self, first: (Operand<'a>, Range<usize>)) -> Result<(Node, Follow), Box<ExpressionError>> {
        let mut nodes = vec![self.primary(first)?];
        loop {
            let follow = self.lexer.operator()?;
            if follow.0 != Operator::Ampersand {
                return Ok((joined(nodes), follow));
            }
            let next = self.lexer.operand()?;
            nodes.push(self.primary(next)?);
        }
    }

    fn primary(&mut self, (operand, span): (Operand<'a>, Range<usize>)) -> Result<Node, Box<ExpressionError>> {
        if let Operand::Name(name) = operand
            && let Some(open) = self.lexer.open()
        {
            return self.call(name, span, open);
        }
        self.leaf(operand, span)
    }

    fn call(&mut self, name: &str, span: Range<usize>, open: Range<usize>) -> Result<Node, Box<ExpressionError>> {
        let function = self.enter(name, &span)?;
        let (arguments, end) = self.arguments(open)?;
        self.depth -= 1;
        self.checked(function, arguments, span.start..end)
    }

    /// What stands between the parentheses, and where the closing one ends.
    fn arguments(&mut self, open: Range<usize>) -> Result<(Vec<Option<Node>>, usize), Box<ExpressionError>> {
        let mut arguments = Vec::new();
        loop {
            let first = self.lexer.operand()?;
            match first.0 {
                Operand::End => return Err(self.unclosed(open)),
                Operand::Comma => {
                    arguments.push(None);
                    continue;
                }
                Operand::Close => {
                    // `f()` has no argument; `f(a, )` has two, the second not given.
                    if !arguments.is_empty() {
                        arguments.push(None);
                    }
                    return Ok((arguments, first.1.end));
                }
                _ => {}
            }
            let (node, follow) = self.expression(first)?;
            arguments.push(Some(node));
            match follow.0 {
                Operator::Comma => {}
                Operator::Close => return Ok((arguments, follow.1.end)),
                _ => return Err(self.unclosed(open)),
            }
        }
    }

    fn leaf(&self, operand: Operand<'a>, span: Range<usize>) -> Result<Node, Box<ExpressionError>> {
        let kind = match operand {
            Operand::Attribute(text) => NodeKind::Attribute(AttributePath::new(text)),
            Operand::Text(text) => NodeKind::Constant(Value::text(text)),
            Operand::Integer(number) => NodeKind::Constant(Value::Integer(number)),
            Operand::Number(text) => NodeKind::Constant(Value::text(text)),
            Operand::Parameter(name) => NodeKind::Parameter(name.into()),
            Operand::Name(name) => NodeKind::Word(self.word(name, &span)?),
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

    fn word(&self, name: &str, span: &Range<usize>) -> Result<&'static Word, Box<ExpressionError>> {
        WORDS.iter().find(|word| word.spelling == name).ok_or_else(|| {
            let accepted = if functions::find(name).is_some() {
                format!("a function has its arguments in parentheses: {name}(…)")
            } else if let Some(word) = closest(name, words()) {
                format!("did you mean {word}?")
            } else {
                format!("write an attribute as [{name}] and text as \"{name}\"")
            };
            self.lexer.error(span.clone(), format!("there is no word {name}"), accepted)
        })
    }

    /// Finds the function, and goes one level down.
    fn enter(&mut self, name: &str, span: &Range<usize>) -> Result<&'static Function, Box<ExpressionError>> {
        let Some(function) = functions::find(name) else {
            let (message, accepted) = functions::explain_unknown(name);
            return Err(self.lexer.error(span.clone(), message, accepted));
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.lexer.error(
                span.clone(),
                "the expression is nested too deeply",
                format!("at most {MAX_DEPTH} levels"),
            ));
        }
        Ok(function)
    }

    /// A call, if the arguments are such as the function takes.
    fn checked(
        &self,
        function: &'static Function,
        arguments: Vec<Option<Node>>,
        span: Range<usize>,
    ) -> Result<Node, Box<ExpressionError>> {
        let function = function.for_count(arguments.len());
        if let Err((message, accepted)) = function.check_count(arguments.len()) {
            return Err(self.lexer.error(span, message, accepted));
        }
        for (index, argument) in arguments.iter().enumerate() {
            let parameter = function.parameter(index);
            if argument.is_none() && parameter.need == Need::Required {
                let message = format!("{} needs its argument {} ({})", function.name, index + 1, parameter.name);
                return Err(self.lexer.error(span, message, function.signature()));
            }
        }
        let prepared = match (function.prepare)(&arguments) {
            Ok(prepared) => prepared,
            Err(fault) => {
                let place = fault.argument.and_then(|index| arguments.get(index)?.as_ref());
                let place = place.map_or(span, |node| node.span.clone());
                return Err(self.lexer.error(place, fault.message, fault.accepted));
            }
        };
        Ok(Node { kind: NodeKind::Call { function, arguments: arguments.into(), prepared }, span })
    }

    fn unclosed(&self, open: Range<usize>) -> Box<ExpressionError> {
        self.lexer.error(open, "the parenthesis is not closed", "end the arguments with )")
    }

    fn chained_comparison(&self, place: Range<usize>) -> Box<ExpressionError> {
        self.lexer.error(place, "a comparison cannot be compared again", "nest IIF for a condition of several parts")
    }
}

fn compared(left: Node, operator: Comparison, right: Node) -> Node {
    Node {
        span: left.span.start..right.span.end,
        kind: NodeKind::Compare { left: Box::new(left), operator, right: Box::new(right) },
    }
}

/// One node as it is, several as a concatenation.
fn joined(mut nodes: Vec<Node>) -> Node {
    match nodes.as_slice() {
        [first, .., last] => Node { span: first.span.start..last.span.end, kind: NodeKind::Concat(nodes.into()) },
        _ => nodes.remove(0),
    }
}

fn words() -> impl Iterator<Item = &'static str> {
    // What Microsoft never documented for Entra is understood, not advertised.
    WORDS.iter().filter(|word| !matches!(word.meaning, Meaning::Text(_))).map(|word| word.spelling)
}
