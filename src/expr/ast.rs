//! The parsed form of an expression, and its normal form in print.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;

use super::functions::{Function, Prepared};
use super::path::AttributePath;
use crate::model::{Name, Value};

/// A part of an expression and its place in the text. Two are equal if they mean the same, wherever they stand.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: NodeKind,
    pub(super) span: Range<usize>,
}

#[derive(Debug, PartialEq)]
pub(super) enum NodeKind {
    /// Text or a whole number. A decimal number is its text.
    Constant(Value),
    Attribute(AttributePath),
    Parameter(Name),
    Word(&'static Word),
    Call {
        function: &'static Function,
        /// `None` where an argument is left empty.
        arguments: Box<[Option<Node>]>,
        prepared: Prepared,
    },
    /// Two or more, joined by `&`.
    Concat(Box<[Node]>),
    Compare {
        left: Box<Node>,
        operator: Comparison,
        right: Box<Node>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    GreaterOrEqual,
    LessOrEqual,
    Greater,
    Less,
}

/// A bare word and what it stands for.
#[derive(Debug, PartialEq)]
pub(super) struct Word {
    pub(super) spelling: &'static str,
    pub(super) meaning: Meaning,
}

#[derive(Debug, PartialEq)]
pub(super) enum Meaning {
    Null,
    Bool(bool),
    Text(&'static str),
    IgnoreAttribute,
    IgnoreObject,
}

/// All bare words, written exactly so.
#[rustfmt::skip]
pub(super) const WORDS: &[Word] = &[
    Word { spelling: "IgnoreAttributeFlow", meaning: Meaning::IgnoreAttribute },
    Word { spelling: "IgnoreThisFlow", meaning: Meaning::IgnoreAttribute },
    Word { spelling: "IgnoreObjectFlow", meaning: Meaning::IgnoreObject },
    Word { spelling: "NULL", meaning: Meaning::Null },
    Word { spelling: "Null", meaning: Meaning::Null },
    Word { spelling: "AuthorizedNull", meaning: Meaning::Null },
    Word { spelling: "True", meaning: Meaning::Bool(true) },
    Word { spelling: "False", meaning: Meaning::Bool(false) },
    Word { spelling: "CRLF", meaning: Meaning::Text("\r\n") },
    Word { spelling: "vbTextCompare", meaning: Meaning::Text("vbTextCompare") },
    Word { spelling: "vbBinaryCompare", meaning: Meaning::Text("vbBinaryCompare") },
    Word { spelling: "Unicode", meaning: Meaning::Text("Unicode") },
    Word { spelling: "ASCII", meaning: Meaning::Text("ASCII") },
    Word { spelling: "UTF8", meaning: Meaning::Text("UTF8") },
];

impl Node {
    /// Calls a function with this node and all below it.
    pub(super) fn visit<'a>(&'a self, visitor: &mut impl FnMut(&'a Node)) {
        visitor(self);
        match &self.kind {
            NodeKind::Call { arguments, .. } => {
                arguments.iter().flatten().for_each(|node| node.visit(visitor));
            }
            NodeKind::Concat(nodes) => nodes.iter().for_each(|node| node.visit(visitor)),
            NodeKind::Compare { left, right, .. } => {
                left.visit(visitor);
                right.visit(visitor);
            }
            NodeKind::Constant(_) | NodeKind::Attribute(_) | NodeKind::Parameter(_) | NodeKind::Word(_) => {}
        }
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Comparison {
    /// Longer ones first, so that `<` does not hide `<=`.
    pub(super) const ALL: [(&'static str, Comparison); 6] = [
        ("<>", Comparison::NotEqual),
        (">=", Comparison::GreaterOrEqual),
        ("<=", Comparison::LessOrEqual),
        ("=", Comparison::Equal),
        (">", Comparison::Greater),
        ("<", Comparison::Less),
    ];

    pub(super) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::GreaterOrEqual => ordering.is_ge(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::Less => ordering.is_lt(),
        }
    }

    fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::GreaterOrEqual => ">=",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::Less => "<",
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            NodeKind::Constant(Value::Text(text)) => write_quoted(f, text),
            NodeKind::Constant(value) => value.fmt(f),
            NodeKind::Attribute(path) => write!(f, "[{}]", path.text()),
            NodeKind::Parameter(name) => write!(f, "%{name}%"),
            NodeKind::Word(word) => f.write_str(word.spelling),
            NodeKind::Call { function, arguments, .. } => {
                write!(f, "{}(", function.name)?;
                for (index, argument) in arguments.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    if let Some(node) = argument {
                        node.fmt(f)?;
                    }
                }
                f.write_str(")")
            }
            NodeKind::Concat(nodes) => {
                for (index, node) in nodes.iter().enumerate() {
                    if index > 0 {
                        f.write_str(" & ")?;
                    }
                    node.fmt(f)?;
                }
                Ok(())
            }
            NodeKind::Compare { left, operator, right } => {
                write!(f, "{left} {} {right}", operator.symbol())
            }
        }
    }
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for part in text.split_inclusive(['"', '\\']) {
        match part.as_bytes().last() {
            Some(b'"' | b'\\') => {
                let (head, tail) = part.split_at(part.len() - 1);
                write!(f, "{head}\\{tail}")?;
            }
            _ => f.write_str(part)?,
        }
    }
    f.write_str("\"")
}
