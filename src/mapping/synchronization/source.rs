//! What a value comes from: the expression of a source, and the source of an expression.

use super::document::{MappingSource, SourceParameter};
use super::words::SourceType;
use crate::expr::{Expression, ExpressionError, Shape, ShapeKind, call_text, text_form};
use crate::model::Value;

/// The names under which Microsoft stores arguments, where they are not those of the parameters: the function, the
/// first of the parameters that have it, and the name.
#[rustfmt::skip]
const KEYS: &[(&str, usize, &str)] = &[
    ("Replace", 1, "Find"),
    ("Replace", 4, "Replacement"),
    ("SelectUniqueValue", 0, "uniqueValueRule"),
    ("Switch", 2, "switchValue"),
];

impl MappingSource {
    /// The attribute of the source, as it is.
    #[must_use]
    pub fn attribute(name: &str) -> Self {
        Self {
            kind: SourceType::Attribute,
            name: Some(name.to_owned()),
            expression: Some(format!("[{name}]")),
            ..Self::default()
        }
    }

    /// The same text for every object.
    #[must_use]
    pub fn constant(text: &str) -> Self {
        Self {
            kind: SourceType::Constant,
            name: Some(text.to_owned()),
            expression: Some(quoted(text)),
            ..Self::default()
        }
    }

    /// An expression, with its parts as the service stores them.
    ///
    /// How the service stores comparisons, joined texts, words and parameters such as `%Domain%` is not published: where
    /// an expression has one, its arguments are left out, and the text alone says what it is. So it is with arguments
    /// that are nested very deep.
    #[must_use]
    pub fn expression(expression: &Expression) -> Self {
        // Each level of calls is three levels of JSON, of which documents have at most 128.
        const DEEPEST: usize = 30;
        of_shape(&expression.shape(), DEEPEST)
    }

    /// The expression: its text if there is one, else what the other members say.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn parse(&self) -> Result<Expression, ExpressionError> {
        Expression::parse(&self.text())
    }

    /// Whether there is an expression.
    pub(super) fn has_expression(&self) -> bool {
        self.expression.as_deref().is_some_and(|text| !text.trim().is_empty())
    }

    pub(super) fn text(&self) -> String {
        if let Some(text) = self.expression.as_deref().filter(|text| !text.trim().is_empty()) {
            return text.to_owned();
        }
        let name = self.name.as_deref().unwrap_or_default();
        match self.kind {
            SourceType::Attribute => format!("[{name}]"),
            SourceType::Constant => quoted(name),
            SourceType::Function => {
                let argument = |parameter: &SourceParameter| {
                    let text = parameter.value.as_ref().map(Self::text).unwrap_or_default();
                    (parameter.key.clone(), text)
                };
                let arguments: Vec<(Option<String>, String)> = self.parameters.iter().map(argument).collect();
                let arguments: Vec<(Option<&str>, String)> = arguments
                    .iter()
                    .map(|(key, text)| (key.as_deref().map(|key| own_key(name, key)), text.clone()))
                    .collect();
                call_text(name, &arguments)
            }
        }
    }

    /// What the other members say that the expression does not, if they disagree.
    pub(super) fn disagreement(&self, expression: &Expression) -> Option<String> {
        let shape = expression.shape();
        let name = self.name.as_deref()?;
        let other = |what: &str| Some(format!("the expression decides, and {what} says otherwise"));
        match (&shape.kind, self.kind) {
            (ShapeKind::Other, _) => None,
            (ShapeKind::Attribute(own), SourceType::Attribute) if own == name => None,
            (ShapeKind::Constant(own), SourceType::Constant) if text_form(own).as_deref() == Some(name) => None,
            (ShapeKind::Call { function, arguments }, SourceType::Function) if function.eq_ignore_ascii_case(name) => {
                let parameters: Vec<&MappingSource> =
                    self.parameters.iter().filter_map(|parameter| parameter.value.as_ref()).collect();
                if parameters.is_empty() {
                    return None;
                }
                let agree = parameters.len() == arguments.len()
                    && arguments.iter().zip(parameters).all(|((.., own), parameter)| {
                        parameter.parse().is_ok_and(|parameter| same(own, &parameter.shape()))
                    });
                if agree { None } else { other("parameters") }
            }
            (_, kind) => {
                let own = match &shape.kind {
                    ShapeKind::Attribute(_) => SourceType::Attribute,
                    ShapeKind::Constant(_) => SourceType::Constant,
                    _ => SourceType::Function,
                };
                if own == kind { other("name") } else { other("type") }
            }
        }
    }
}

/// Whether two parts mean the same, where a constant number is its text.
fn same(left: &Shape, right: &Shape) -> bool {
    match (&left.kind, &right.kind) {
        (ShapeKind::Constant(left), ShapeKind::Constant(right)) => text_form(left) == text_form(right),
        (
            ShapeKind::Call { function: left, arguments: lefts },
            ShapeKind::Call { function: right, arguments: rights },
        ) => {
            left == right
                && lefts.len() == rights.len()
                && lefts.iter().zip(rights).all(|((at, _, left), (other, _, right))| at == other && same(left, right))
        }
        _ => left.text == right.text,
    }
}

/// The name of a parameter for a stored one; any other stays, and says nothing.
fn own_key<'a>(function: &str, key: &'a str) -> &'a str {
    let stored =
        KEYS.iter().find(|(own, _, stored)| own.eq_ignore_ascii_case(function) && stored.eq_ignore_ascii_case(key));
    match stored {
        Some(("Replace", 1, _)) => "oldValue",
        Some(("Replace", ..)) => "replacementValue",
        Some(("Switch", ..)) => "key1",
        _ => key,
    }
}

fn of_shape(shape: &Shape, depth: usize) -> MappingSource {
    match &shape.kind {
        ShapeKind::Attribute(name) => MappingSource::attribute(name),
        ShapeKind::Constant(value) => match value {
            Value::Text(text) => MappingSource::constant(text),
            other => MappingSource::constant(&text_form(other).unwrap_or_default()),
        },
        ShapeKind::Call { function, arguments } => {
            let known = depth > 0 && !arguments.iter().any(|(.., part)| has_other(part));
            let parameter = |(at, name, part): &(usize, &'static str, Shape)| SourceParameter {
                key: Some(stored_key(function, *at, name).to_owned()),
                value: Some(of_shape(part, depth - 1)),
                ..SourceParameter::default()
            };
            MappingSource {
                kind: SourceType::Function,
                name: Some((*function).to_owned()),
                expression: Some(shape.text.clone()),
                parameters: if known { arguments.iter().map(parameter).collect() } else { Vec::new() },
                ..MappingSource::default()
            }
        }
        ShapeKind::Other => MappingSource {
            kind: SourceType::Function,
            expression: Some(shape.text.clone()),
            ..MappingSource::default()
        },
    }
}

fn has_other(shape: &Shape) -> bool {
    shape.kind == ShapeKind::Other
}

fn stored_key(function: &str, at: usize, parameter: &'static str) -> &'static str {
    let mut stored = KEYS.iter().filter(|(own, first, _)| *own == function && at >= *first);
    match function {
        // One name for all that follow.
        "Switch" | "SelectUniqueValue" => stored.next().map_or(parameter, |(.., key)| key),
        _ => stored.find(|(_, first, _)| *first == at).map_or(parameter, |(.., key)| key),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
