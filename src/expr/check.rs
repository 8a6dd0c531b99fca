//! What can be known to fail before there are data.

use super::ast::{Node, NodeKind};
use super::error::ExpressionError;

/// Something that fails whenever it is evaluated.
#[derive(Debug)]
pub(super) struct Failing<'a> {
    pub(super) node: &'a Node,
    pub(super) message: String,
    pub(super) accepted: String,
    /// Whether it is evaluated whatever the data are.
    pub(super) certain: bool,
}

/// Refuses an expression that fails for every object, and `SelectUniqueValue` anywhere but at the top.
pub(super) fn check(text: &str, root: &Node) -> Result<(), Box<ExpressionError>> {
    let mut nested = None;
    root.visit(&mut |node| {
        let asks = matches!(&node.kind, NodeKind::Call { function, .. } if function.traits.asks_what_is_taken);
        if asks && !std::ptr::eq(node, root) {
            nested.get_or_insert(node);
        }
    });
    if let Some(node) = nested {
        return Err(Box::new(ExpressionError::new(
            text,
            node.span.clone(),
            "SelectUniqueValue is not the outermost function",
            "put the other functions into its rules: SelectUniqueValue(ToLower([a]), ToLower([b]))",
        )));
    }
    let mut first = None;
    failing(root, &mut |found| {
        if found.certain && first.is_none() {
            first = Some(found);
        }
    });
    match first {
        Some(found) => {
            Err(Box::new(ExpressionError::new(text, found.node.span.clone(), found.message, found.accepted)))
        }
        None => Ok(()),
    }
}

/// Calls a function with all that fails whenever it is evaluated.
pub(super) fn failing<'a>(root: &'a Node, visit: &mut impl FnMut(Failing<'a>)) {
    walk(root, true, visit);
}

fn walk<'a>(node: &'a Node, certain: bool, visit: &mut impl FnMut(Failing<'a>)) {
    match &node.kind {
        NodeKind::Call { function, arguments, .. } => {
            for (index, argument) in arguments.iter().enumerate() {
                let Some(argument) = argument else {
                    continue;
                };
                let certain = certain && (function.always_reads)(index);
                let parameter = function.parameter(index);
                if !parameter.takes.fits(argument) {
                    visit(Failing {
                        node: argument,
                        message: format!(
                            "argument {} ({}) of {} does not fit",
                            index + 1,
                            parameter.name,
                            function.name
                        ),
                        accepted: parameter.takes.to_string(),
                        certain,
                    });
                }
                walk(argument, certain, visit);
            }
        }
        NodeKind::Concat(nodes) => nodes.iter().for_each(|node| walk(node, certain, visit)),
        NodeKind::Compare { left, right, .. } => {
            walk(left, certain, visit);
            walk(right, certain, visit);
        }
        NodeKind::Constant(_) | NodeKind::Attribute(_) | NodeKind::Parameter(_) | NodeKind::Word(_) => {}
    }
}
