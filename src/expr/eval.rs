//! The value of a tree for one object.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::ops::Range;

use time::OffsetDateTime;

use super::ast::{Comparison, Meaning, Node, NodeKind};
use super::coerce::{self, text_form};
use super::context::Context;
use super::fuel::{Exhausted, Fuel};
use super::functions::Prepared;
use super::path::Found;
use super::random::Random;
use crate::model::{Attributes, Value};

/// Longest text, or sum of the texts of a list, that a function may make, in bytes. Nested calls of Replace can
/// otherwise double a text 128 times.
const MAX_TEXT_BYTES: usize = 1_000_000;

/// Room for the text that most expressions make.
const USUAL_LENGTH: usize = 64;

/// What an expression reads, and what one evaluation of it has used up and noticed.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    attributes: &'a Attributes,
    context: &'a Context,
    fuel: Fuel,
    random: RefCell<Option<Random>>,
    redacted: Cell<bool>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(attributes: &'a Attributes, context: &'a Context) -> Self {
        Self { attributes, context, fuel: Fuel::full(), random: RefCell::new(None), redacted: Cell::new(false) }
    }

    /// Whether `Redact` was called on the way.
    pub(super) fn is_redacted(&self) -> bool {
        self.redacted.get()
    }

    /// How much work was done so far.
    pub(super) fn work(&self) -> usize {
        Fuel::STEPS - self.fuel.left()
    }

    #[inline]
    fn burn(&self, steps: usize, span: &Range<usize>) -> Result<(), Stop> {
        match self.fuel.burn(steps) {
            Ok(()) => Ok(()),
            Err(exhausted) => Err(exhausted_at(span, exhausted)),
        }
    }
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

#[cold]
fn exhausted_at(span: &Range<usize>, _: Exhausted) -> Stop {
    Stop::fault(span, format!("this takes more than {} steps for this object", Fuel::STEPS))
}

pub(super) fn evaluate<'a>(node: &'a Node, scope: &'a Scope<'a>) -> Result<Item<'a>, Stop> {
    match &node.kind {
        NodeKind::Constant(value) => Ok(Item::Borrowed(value)),
        NodeKind::Attribute(path) => {
            let (found, visited) = path.find_counting(scope.attributes);
            let item = match found {
                Found::Here(value) => Item::Borrowed(value),
                Found::Collected(value) => Item::Owned(value),
                Found::Absent => Item::NULL,
            };
            scope.burn(visited + item.reading_cost(), &node.span)?;
            Ok(item)
        }
        NodeKind::Parameter(name) => match scope.context.parameter(name) {
            Some(value) => {
                let item = Item::Borrowed(value);
                scope.burn(item.reading_cost(), &node.span)?;
                Ok(item)
            }
            None => Err(Stop::fault(&node.span, format!("the parameter %{name}% is not defined"))),
        },
        NodeKind::Word(word) => match word.meaning {
            Meaning::Null => Ok(Item::NULL),
            Meaning::Bool(value) => Ok(Item::from(value)),
            Meaning::Text(text) => Ok(Item::Text(Cow::Borrowed(text))),
            Meaning::IgnoreAttribute => Err(Stop::IgnoreAttribute),
            Meaning::IgnoreObject => Err(Stop::IgnoreObject),
        },
        NodeKind::Call { function, arguments, prepared } => {
            let call = Call { arguments, prepared, scope, span: &node.span };
            if let Some(write) = function.write {
                let mut text = String::with_capacity(USUAL_LENGTH);
                match write(&call, &mut text)? {
                    Written::Text => return Ok(Item::from(text)),
                    Written::Null => return Ok(Item::NULL),
                    Written::Other => {}
                }
            }
            (function.run)(&call)
        }
        NodeKind::Concat(nodes) => concat(nodes, scope, &node.span),
        NodeKind::Compare { left, operator, right } => compare(left, *operator, right, scope),
    }
}

/// What came of writing the text of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// It was added, and may be empty.
    Text,
    /// There is none: it is null.
    Null,
    /// It is no single text, such as a list, and must be evaluated. What was added does not count.
    Other,
}

/// Adds the text of a node to another text.
fn write<'a>(node: &'a Node, scope: &'a Scope<'a>, out: &mut String) -> Result<Written, Stop> {
    match &node.kind {
        NodeKind::Constant(Value::Text(text)) => push(text, &node.span, scope, out),
        NodeKind::Attribute(path) => match path.find_flat(scope.attributes) {
            Some(Value::Text(text)) => push(text, &node.span, scope, out),
            _ => write_item(evaluate(node, scope)?, &node.span, scope, out),
        },
        NodeKind::Call { function, arguments, prepared } => match function.write {
            Some(write) => write(&Call { arguments, prepared, scope, span: &node.span }, out),
            None => write_item(evaluate(node, scope)?, &node.span, scope, out),
        },
        _ => write_item(evaluate(node, scope)?, &node.span, scope, out),
    }
}

fn write_item(item: Item<'_>, span: &Range<usize>, scope: &Scope<'_>, out: &mut String) -> Result<Written, Stop> {
    if item.is_compound() {
        return Ok(Written::Other);
    }
    match item.into_text(span)? {
        Some(text) => push(&text, span, scope, out),
        None => Ok(Written::Null),
    }
}

#[inline]
fn push(text: &str, span: &Range<usize>, scope: &Scope<'_>, out: &mut String) -> Result<Written, Stop> {
    check_length(out.len() + text.len(), span)?;
    scope.burn(text.len(), span)?;
    out.push_str(text);
    Ok(Written::Text)
}

fn concat<'a>(nodes: &'a [Node], scope: &'a Scope<'a>, span: &Range<usize>) -> Result<Item<'a>, Stop> {
    let mut joined = String::new();
    for part in nodes {
        if let Some(text) = evaluate(part, scope)?.into_text(&part.span)? {
            check_length(joined.len() + text.len(), span)?;
            scope.burn(text.len(), span)?;
            joined.push_str(&text);
        }
    }
    Ok(Item::from(joined))
}

fn compare<'a>(left: &'a Node, operator: Comparison, right: &'a Node, scope: &'a Scope<'a>) -> Result<Item<'a>, Stop> {
    let single = |node: &'a Node| {
        let item = evaluate(node, scope)?;
        match item.is_compound() {
            true => Err(Stop::fault(&node.span, "a list or complex value cannot be compared")),
            false => Ok(item.into_value_cow()),
        }
    };
    let (left, right) = (single(left)?, single(right)?);
    Ok(Item::from(coerce::compare(&left, operator, &right)))
}

/// The arguments of one call, evaluated as the function asks for them.
#[derive(Debug)]
pub(super) struct Call<'a, 'c> {
    arguments: &'a [Option<Node>],
    prepared: &'a Prepared,
    scope: &'a Scope<'a>,
    span: &'c Range<usize>,
}

impl<'a> Call<'a, '_> {
    pub(super) fn len(&self) -> usize {
        self.arguments.len()
    }

    pub(super) fn is_given(&self, index: usize) -> bool {
        matches!(self.arguments.get(index), Some(Some(_)))
    }

    /// What was made of constant arguments when the expression was parsed.
    pub(super) fn prepared(&self) -> &'a Prepared {
        self.prepared
    }

    pub(super) fn context(&self) -> &'a Context {
        self.scope.context
    }

    pub(super) fn fuel(&self) -> &'a Fuel {
        &self.scope.fuel
    }

    /// An argument; null if it is not given.
    pub(super) fn value(&self, index: usize) -> Result<Item<'a>, Stop> {
        match self.arguments.get(index) {
            Some(Some(node)) => evaluate(node, self.scope),
            _ => Ok(Item::NULL),
        }
    }

    /// Adds the text of an argument to another text.
    #[inline]
    pub(super) fn write(&self, index: usize, out: &mut String) -> Result<Written, Stop> {
        match self.arguments.get(index) {
            Some(Some(node)) => write(node, self.scope, out),
            _ => Ok(Written::Null),
        }
    }

    /// An argument as text; `None` for null.
    pub(super) fn text(&self, index: usize) -> Result<Option<Cow<'a, str>>, Stop> {
        self.value(index)?.into_text(self.place(index))
    }

    /// An argument as a condition.
    pub(super) fn truth(&self, index: usize) -> Result<bool, Stop> {
        self.truth_of(index, &self.value(index)?.into_value_cow())
    }

    /// A value of an argument as a condition.
    pub(super) fn truth_of(&self, index: usize, value: &Value) -> Result<bool, Stop> {
        coerce::truth(value).ok_or_else(|| self.fault_at(index, format!("{} is neither True nor False", shown(value))))
    }

    /// An argument as a whole number; `None` for null.
    pub(super) fn integer(&self, index: usize) -> Result<Option<i64>, Stop> {
        self.integer_of(index, &self.value(index)?.into_value_cow())
    }

    /// A value of an argument as a whole number; `None` for null.
    pub(super) fn integer_of(&self, index: usize, value: &Value) -> Result<Option<i64>, Stop> {
        match value {
            Value::Null => Ok(None),
            value => coerce::integer(value)
                .map(Some)
                .ok_or_else(|| self.fault_at(index, format!("{} is no whole number", shown(value)))),
        }
    }

    /// An argument that must be a whole number, null not.
    pub(super) fn required_integer(&self, index: usize) -> Result<i64, Stop> {
        self.integer(index)?.ok_or_else(|| self.fault_at(index, "null is no whole number"))
    }

    /// An argument as a moment; `None` for null and empty text.
    pub(super) fn moment(&self, index: usize) -> Result<Option<OffsetDateTime>, Stop> {
        self.moment_of(index, &self.value(index)?.into_value_cow())
    }

    /// A value of an argument as a moment; `None` for null and empty text.
    pub(super) fn moment_of(&self, index: usize, value: &Value) -> Result<Option<OffsetDateTime>, Stop> {
        match value {
            Value::Null => Ok(None),
            Value::Text(text) if text.is_empty() => Ok(None),
            value => coerce::moment(value).map(Some).ok_or_else(|| {
                let message = format!("{} is no date such as 2024-12-31 or 2024-12-31T23:59:59Z", shown(value));
                self.fault_at(index, message)
            }),
        }
    }

    /// Applies a function to an argument, or to each element of a list.
    pub(super) fn map(
        &self,
        index: usize,
        mut function: impl FnMut(Item<'a>) -> Result<Item<'a>, Stop>,
    ) -> Result<Item<'a>, Stop> {
        let item = self.value(index)?;
        let elements = match &item {
            Item::Borrowed(Value::List(elements)) | Item::Owned(Value::List(elements)) => elements.clone(),
            _ => {
                let item = function(item)?;
                self.check_made(&item, 0)?;
                return Ok(item);
            }
        };
        let mut total = 0;
        let mut mapped = Vec::with_capacity(elements.len());
        for element in elements.iter() {
            let item = function(Item::Owned(element.clone()))?;
            total = self.check_made(&item, total)?;
            mapped.push(item.into_value());
        }
        Ok(Item::Owned(Value::list(mapped)))
    }

    /// Applies a function on one text to an argument, or to each element of a list; null stays null.
    pub(super) fn map_text(
        &self,
        index: usize,
        mut function: impl FnMut(Cow<'a, str>) -> Result<Cow<'a, str>, Stop>,
    ) -> Result<Item<'a>, Stop> {
        self.map(index, |item| match item.into_text(self.place(index))? {
            Some(text) => function(text).map(Item::Text),
            None => Ok(Item::NULL),
        })
    }

    /// Pays for what a function made, given what it made before.
    fn check_made(&self, item: &Item<'_>, before: usize) -> Result<usize, Stop> {
        let length = item.text_length();
        self.check_length(before + length)?;
        self.burn(length + 1)?;
        Ok(before + length)
    }

    pub(super) fn check_length(&self, bytes: usize) -> Result<(), Stop> {
        check_length(bytes, self.span)
    }

    pub(super) fn burn(&self, steps: usize) -> Result<(), Stop> {
        self.scope.burn(steps, self.span)
    }

    pub(super) fn exhausted(&self, exhausted: Exhausted) -> Stop {
        exhausted_at(self.span, exhausted)
    }

    /// From now on the result of it all must not be shown.
    pub(super) fn redact(&self) {
        self.scope.redacted.set(true);
    }

    /// Draws random numbers.
    pub(super) fn random<T>(&self, draw: impl FnOnce(&mut Random) -> T) -> Result<T, Stop> {
        let mut random = self.scope.random.borrow_mut();
        let random = match random.as_mut() {
            Some(random) => random,
            None => match self.scope.context.seed() {
                Some(seed) => random.insert(Random::new(seed)),
                None => return Err(self.fault("there is no seed to draw random values from")),
            },
        };
        Ok(draw(random))
    }

    /// A fault of the whole call.
    pub(super) fn fault(&self, message: impl Into<String>) -> Stop {
        Stop::fault(self.span, message)
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

/// A value in a message.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        value => text_form(value).map_or_else(|| "a list or complex value".to_owned(), |text| quote(&text)),
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

    #[inline]
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

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Borrowed(Value::Null) | Self::Owned(Value::Null))
    }

    /// What reading it costs: it may be compared or searched any number of times.
    fn reading_cost(&self) -> usize {
        match self {
            Self::Text(text) => text.len() / 8,
            Self::Borrowed(value) => reading_cost(value),
            Self::Owned(value) => reading_cost(value),
        }
    }

    fn text_length(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Borrowed(Value::Text(text)) | Self::Owned(Value::Text(text)) => text.len(),
            Self::Borrowed(Value::List(elements)) | Self::Owned(Value::List(elements)) => elements.len(),
            _ => 0,
        }
    }

    pub(super) fn is_compound(&self) -> bool {
        let compound = |value: &Value| matches!(value, Value::List(_) | Value::Object(_));
        match self {
            Self::Text(_) => false,
            Self::Borrowed(value) => compound(value),
            Self::Owned(value) => compound(value),
        }
    }
}

impl From<bool> for Item<'_> {
    fn from(value: bool) -> Self {
        Self::Owned(Value::Bool(value))
    }
}

impl From<i64> for Item<'_> {
    fn from(value: i64) -> Self {
        Self::Owned(Value::Integer(value))
    }
}

impl From<OffsetDateTime> for Item<'_> {
    fn from(value: OffsetDateTime) -> Self {
        Self::Owned(Value::DateTime(value))
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

fn reading_cost(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len() / 8,
        Value::Binary(bytes) => bytes.len(),
        Value::List(elements) => elements.iter().map(|element| 1 + reading_cost(element)).sum(),
        Value::Object(members) => members.len(),
        _ => 0,
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

#[inline]
fn check_length(bytes: usize, span: &Range<usize>) -> Result<(), Stop> {
    if bytes > MAX_TEXT_BYTES { Err(too_long(span)) } else { Ok(()) }
}

#[cold]
fn too_long(span: &Range<usize>) -> Stop {
    Stop::fault(span, format!("the result is longer than {MAX_TEXT_BYTES} bytes"))
}
