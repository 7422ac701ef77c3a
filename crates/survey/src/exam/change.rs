//! Changes of a mapping, proposed as text.

use formula::{Expr, Node};

use crate::Mapping;

/// A formula that gives what the sheet says. It is shown, and put into a layer by a person or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// `form:code`
    pub cell: String,
    /// Formula.
    pub formula: String,
}

impl Change {
    /// As it would stand in a layer.
    pub fn toml(&self, why: &str) -> String {
        let quoted = |text: &str| toml::Value::from(text.replace(char::is_control, " ")).to_string();
        format!("[cell.{}]\nformula = {}\nwhy = {}\n", quoted(&self.cell), quoted(&self.formula), quoted(why))
    }
}

/// Does something to every part of an expression, the inner ones first.
pub(super) fn walk(expr: &mut Expr, with: fn(&mut Node)) {
    match &mut expr.node {
        Node::Negate(inner) | Node::Not(inner) => walk(inner, with),
        Node::Binary { left, right, .. } => {
            walk(left, with);
            walk(right, with);
        }
        Node::Call { arguments, .. } => arguments.iter_mut().for_each(|argument| walk(argument, with)),
        _ => {}
    }
    with(&mut expr.node);
}

/// Writes items out; `None` where they go deeper than `deepest`, or one of them is not there.
pub(super) fn inline(expr: &mut Expr, mapping: &Mapping, deepest: usize) -> Option<()> {
    match &mut expr.node {
        Node::Item(name) => {
            let deepest = deepest.checked_sub(1)?;
            let mut written = mapping.items.get(name)?.as_ref()?.expr.clone();
            inline(&mut written, mapping, deepest)?;
            *expr = written;
            Some(())
        }
        Node::Negate(inner) | Node::Not(inner) => inline(inner, mapping, deepest),
        Node::Binary { left, right, .. } => {
            inline(left, mapping, deepest)?;
            inline(right, mapping, deepest)
        }
        Node::Call { arguments, .. } => {
            for argument in arguments {
                // What may be absent in the standard is left as it is where it is.
                inline(argument, mapping, deepest)?;
            }
            Some(())
        }
        _ => Some(()),
    }
}
