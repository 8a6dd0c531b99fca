//! The value of a tree for one object.

use std::borrow::Cow;
use std::ops::Range;

use super::ast::{Comparison, Meaning, Node, NodeKind};
use super::coerce::{self, text_form};
use super::context::Context;
use super::path::Found;
use crate::model::{Attributes, Value};

/// Longest text, or sum of the texts of a list, that a function may make, in bytes. Nested calls of Replace can
/// otherwise double a text 128 times.
const MAX_TEXT_BYTES: usize = 1_000_000;

/// What an expression reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) attributes: &'a Attributes,
    pub(super) context: &'a Context,
}

/// A value on its way up the tree. Text stays borrowed or growable until the whole expression is done.
#[derive(Debug)]
pub(super) enum Item<'a> {
    Borrowed(&'a Value),
    Owned(Value),
    Text(Cow<'a, str>),
}

/// Why evaluation ends without a value. A flow marker that reaches any function is the result of it all.
#[derive(Debug)]
pub(super) enum Stop {
    IgnoreAttribute,
    IgnoreObject,
    Fault(Box<Fault>),
}

#[derive(Debug)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) span: Range<usize>,
}

impl Stop {
    pub(super) fn fault(span: &Range<usize>, message: impl Into<String>) -> Self {
        Self::Fault(Box::new(Fault { message: message.into(), span: span.clone() }))
    }
}

pub(super) fn evaluate<'a>(node: &'a Node, scope: Scope<'a>) -> Result<Item<'a>, Stop> {
    match &node.kind {
        NodeKind::Constant(value) => Ok(Item::Borrowed(value)),
        NodeKind::Attribute(path) => Ok(match path.find(scope.attributes) {
            Found::Here(value) => Item::Borrowed(value),
            Found::Collected(value) => Item::Owned(value),
            Found::Absent => Item::NULL,
        }),
        NodeKind::Parameter(name) => match scope.context.parameter(name) {
            Some(value) => Ok(Item::Borrowed(value)),
            None => Err(Stop::fault(&node.span, format!("the parameter %{name}% is not defined"))),
        },
        NodeKind::Word(word) => match word.meaning {
            Meaning::Null => Ok(Item::NULL),
            Meaning::Bool(value) => Ok(Item::Owned(Value::Bool(value))),
            Meaning::Text(text) => Ok(Item::Text(Cow::Borrowed(text))),
            Meaning::IgnoreAttribute => Err(Stop::IgnoreAttribute),
            Meaning::IgnoreObject => Err(Stop::IgnoreObject),
        },
        NodeKind::Call { function, arguments } => (function.run)(&Call { arguments, scope, span: &node.span }),
        NodeKind::Concat(nodes) => {
            let mut joined = String::new();
            for part in nodes {
                if let Some(text) = evaluate(part, scope)?.into_text(&part.span)? {
                    check_length(joined.len() + text.len(), &node.span)?;
                    joined.push_str(&text);
                }
            }
            Ok(Item::from(joined))
        }
        NodeKind::Compare { left, operator, right } => compare(left, *operator, right, scope),
    }
}

fn compare<'a>(left: &'a Node, operator: Comparison, right: &'a Node, scope: Scope<'a>) -> Result<Item<'a>, Stop> {
    let single = |node: &'a Node| {
        let item = evaluate(node, scope)?;
        match item.is_compound() {
            true => Err(Stop::fault(&node.span, "a list or complex value cannot be compared")),
            false => Ok(item.into_value_cow()),
        }
    };
    let (left, right) = (single(left)?, single(right)?);
    Ok(Item::Owned(Value::Bool(coerce::compare(&left, operator, &right))))
}

/// The arguments of one call, evaluated as the function asks for them.
#[derive(Debug)]
pub(super) struct Call<'a, 'c> {
    arguments: &'a [Option<Node>],
    scope: Scope<'a>,
    span: &'c Range<usize>,
}

impl<'a> Call<'a, '_> {
    pub(super) fn len(&self) -> usize {
        self.arguments.len()
    }

    pub(super) fn is_given(&self, index: usize) -> bool {
        matches!(self.arguments.get(index), Some(Some(_)))
    }

    /// An argument; null if it is not given.
    pub(super) fn value(&self, index: usize) -> Result<Item<'a>, Stop> {
        match self.arguments.get(index) {
            Some(Some(node)) => evaluate(node, self.scope),
            _ => Ok(Item::NULL),
        }
    }

    /// An argument as text; `None` for null.
    pub(super) fn text(&self, index: usize) -> Result<Option<Cow<'a, str>>, Stop> {
        self.value(index)?.into_text(self.place(index))
    }

    /// An argument as a condition.
    pub(super) fn truth(&self, index: usize) -> Result<bool, Stop> {
        let item = self.value(index)?;
        let value = item.into_value_cow();
        coerce::truth(&value).ok_or_else(|| {
            let shown = text_form(&value).map_or_else(|| "a list or complex value".into(), |text| quote(&text));
            self.fault_at(index, format!("{shown} is neither True nor False"))
        })
    }

    /// Applies a function on one text to an argument: to each element of a list; null stays null.
    pub(super) fn map_text(
        &self,
        index: usize,
        mut function: impl FnMut(Cow<'a, str>) -> Result<Cow<'a, str>, Stop>,
    ) -> Result<Item<'a>, Stop> {
        let item = self.value(index)?;
        let elements = match &item {
            Item::Borrowed(Value::List(elements)) | Item::Owned(Value::List(elements)) => elements.clone(),
            _ => {
                return match item.into_text(self.place(index))? {
                    Some(text) => {
                        let text = function(text)?;
                        self.check_length(text.len())?;
                        Ok(Item::Text(text))
                    }
                    None => Ok(Item::NULL),
                };
            }
        };
        let mut total = 0;
        let mut mapped = Vec::with_capacity(elements.len());
        for element in elements.iter() {
            mapped.push(match Item::Owned(element.clone()).into_text(self.place(index))? {
                Some(text) => {
                    let text = function(text)?;
                    total += text.len();
                    self.check_length(total)?;
                    Value::text(text)
                }
                None => Value::Null,
            });
        }
        Ok(Item::Owned(Value::list(mapped)))
    }

    pub(super) fn check_length(&self, bytes: usize) -> Result<(), Stop> {
        check_length(bytes, self.span)
    }

    pub(super) fn fault_at(&self, index: usize, message: impl Into<String>) -> Stop {
        Stop::fault(self.place(index), message)
    }

    /// Where an argument stands; where the call stands, if it is not given.
    pub(super) fn place(&self, index: usize) -> &Range<usize> {
        match self.arguments.get(index) {
            Some(Some(node)) => &node.span,
            _ => self.span,
        }
    }
}

impl<'a> Item<'a> {
    pub(super) const NULL: Item<'static> = Item::Borrowed(&Value::Null);

    /// The text of a single value; `None` for null.
    pub(super) fn into_text(self, span: &Range<usize>) -> Result<Option<Cow<'a, str>>, Stop> {
        let compound = || Stop::fault(span, "a list or complex value is no text");
        match self {
            Self::Text(text) => Ok(Some(text)),
            Self::Borrowed(Value::Null) | Self::Owned(Value::Null) => Ok(None),
            Self::Borrowed(value) => text_form(value).map(Some).ok_or_else(compound),
            Self::Owned(value) => match text_form(&value) {
                Some(text) => Ok(Some(Cow::Owned(text.into_owned()))),
                None => Err(compound()),
            },
        }
    }

    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Borrowed(value) => value.clone(),
            Self::Owned(value) => value,
            Self::Text(text) => Value::text(text),
        }
    }

    pub(super) fn into_value_cow(self) -> Cow<'a, Value> {
        match self {
            Self::Borrowed(value) => Cow::Borrowed(value),
            other => Cow::Owned(other.into_value()),
        }
    }

    /// Null, empty text or an empty list.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Borrowed(value) => is_empty(value),
            Self::Owned(value) => is_empty(value),
        }
    }

    fn is_compound(&self) -> bool {
        let compound = |value: &Value| matches!(value, Value::List(_) | Value::Object(_));
        match self {
            Self::Text(_) => false,
            Self::Borrowed(value) => compound(value),
            Self::Owned(value) => compound(value),
        }
    }
}

impl From<String> for Item<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

/// A value in a message: in quotes, and not all of a long one.
pub(crate) fn quote(text: &str) -> String {
    const SHOWN: usize = 100;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        Value::List(values) => values.is_empty(),
        _ => false,
    }
}

fn check_length(bytes: usize, span: &Range<usize>) -> Result<(), Stop> {
    if bytes > MAX_TEXT_BYTES {
        return Err(Stop::fault(span, format!("the result is longer than {MAX_TEXT_BYTES} bytes")));
    }
    Ok(())
}
