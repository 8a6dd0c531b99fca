//! An expression in parts, for whoever writes it in another form, and back.

use std::collections::BTreeMap;

use super::ast::{Node, NodeKind};
use super::expression::Expression;
use super::functions::{self, Last, Need};
use crate::model::{Name, Value};

/// A part of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Its normal form.
    pub(crate) text: String,
    pub(crate) kind: ShapeKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ShapeKind {
    /// The text between the brackets.
    Attribute(Name),
    Constant(Value),
    Call {
        function: &'static str,
        /// Those that are given, each with the place and the name of its parameter.
        arguments: Vec<(usize, &'static str, Shape)>,
    },
    /// A word, a parameter, texts that are joined, a comparison.
    Other,
}

impl Expression {
    pub(crate) fn shape(&self) -> Shape {
        shape(self.root())
    }
}

fn shape(node: &Node) -> Shape {
    let kind = match &node.kind {
        NodeKind::Attribute(path) => ShapeKind::Attribute(path.text().clone()),
        NodeKind::Constant(value) => ShapeKind::Constant(value.clone()),
        NodeKind::Call { function, arguments, .. } => ShapeKind::Call {
            function: function.name,
            arguments: arguments
                .iter()
                .enumerate()
                .filter_map(|(at, argument)| Some((at, function.parameter(at).name, shape(argument.as_ref()?))))
                .collect(),
        },
        NodeKind::Parameter(_) | NodeKind::Word(_) | NodeKind::Concat(_) | NodeKind::Compare { .. } => ShapeKind::Other,
    };
    Shape { text: node.to_string(), kind }
}

/// The text of a call, from its arguments under the names of their parameters. A name may come again where the last
/// parameter repeats; arguments under other names, or in another order, stand as they come.
pub(crate) fn call_text(function: &str, arguments: &[(Option<&str>, String)]) -> String {
    let places = places(function, arguments).unwrap_or_else(|| (0..arguments.len()).collect());
    let least = functions::find(function).map_or(0, |function| {
        let needed = |parameter: &functions::Parameter| parameter.need != Need::Optional;
        function.parameters.iter().rposition(needed).map_or(0, |last| last + 1)
    });
    let by_place: BTreeMap<usize, &str> =
        places.iter().copied().zip(arguments.iter().map(|(_, text)| text.as_str())).collect();
    let count = by_place.keys().next_back().map_or(0, |last| last + 1).max(least);
    let texts: Vec<&str> = (0..count).map(|place| by_place.get(&place).copied().unwrap_or_default()).collect();
    format!("{function}({})", texts.join(", "))
}

/// The place of each argument; `None` if the names do not say it.
fn places(function: &str, arguments: &[(Option<&str>, String)]) -> Option<Vec<usize>> {
    let function = functions::find(function)?;
    let mut places = Vec::with_capacity(arguments.len());
    let mut next = 0;
    for (name, _) in arguments {
        let named = name.and_then(|name| {
            function.parameters.iter().position(|parameter| parameter.name.eq_ignore_ascii_case(name))
        });
        let place = match named {
            Some(place) if place >= next => place,
            None => next,
            Some(_) if function.last == Last::Repeats => next,
            Some(_) => return None,
        };
        places.push(place);
        next = place + 1;
    }
    Some(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function, its arguments under their names, and the call.
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

    #[test]
    fn arguments_stand_where_their_parameters_do() {
        let text = |function: &str, arguments: &[(&str, &str)]| {
            let arguments: Vec<_> = arguments.iter().map(|(name, text)| (Some(*name), (*text).to_owned())).collect();
            call_text(function, &arguments)
        };
        #[rustfmt::skip]
        let table: &[Case<'_>] = &[
            ("Replace", &[("source", "[a]"), ("oldValue", "\"-\""), ("replacementValue", "\"_\"")], "Replace([a], \"-\", , , \"_\")"),
            ("Mid", &[("source", "[a]"), ("start", "1")], "Mid([a], 1, )"),
            ("Join", &[("separator", "\".\""), ("source", "[a]"), ("source", "[b]")], "Join(\".\", [a], [b])"),
            ("Switch", &[("source", "[a]"), ("key1", "\"x\""), ("value1", "\"y\"")], "Switch([a], , \"x\", \"y\")"),
            ("FormatDateTime", &[("source", "[a]"), ("inputFormat", "\"y\""), ("outputFormat", "\"d\"")], "FormatDateTime([a], , \"y\", \"d\")"),
            ("Mid", &[("start", "1"), ("source", "[a]"), ("length", "2")], "Mid(1, [a], 2)"),
            ("Nothing", &[("x", "1")], "Nothing(1)"),
            ("Now", &[], "Now()"),
        ];
        for (function, arguments, expected) in table {
            assert_eq!(text(function, arguments), *expected);
        }
    }
}
