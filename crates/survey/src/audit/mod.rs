/*!
Audit rules (审核关系): the figures that are reported, judged by rules that are data.

A rule is true where the figures are in order. It sees what stands on the form: rounded to the form's unit, money in 元. What rounding alone
can do to an equation is forgiven; a rule whose figures the unit does not have is not applicable, and says which figure that is.
*/

pub mod bulk;
mod causes;
mod dimension;
mod explanation;
mod judge;
mod outside;
mod report;
mod world;

pub use causes::{Cause, Causes};
pub use dimension::tolerance;
pub use explanation::{Claim, Explanation, digest_of};
pub use judge::{Behind, Comparison, Fact, Outcome, Verdict, judge};
pub use outside::{OUTSIDE, Outside};
pub use report::{Event, report};
pub use world::{Described, Entered, Filed, Given, Papers, Reported};

use std::collections::BTreeSet;

use formula::{Column, Expr, Node};

use model::Month;

use crate::{Form, Mapping, Row, RowKind, Rule, RuleLevel, Severity, document::Draft, rule::Rows};

/// Causes of differences that come with the program.
pub const CAUSES: &str = include_str!("../../../../mappings/causes.toml");

/// How far a rule reaches: as it is declared, or further where its expression shows it.
pub fn reach(form: &Form, rule: &Rule, expr: &Expr) -> RuleLevel {
    if rule.level != RuleLevel::Within {
        return rule.level;
    }
    let mut reach = RuleLevel::Within;
    let mut waiting = vec![expr];
    while let Some(expr) = waiting.pop() {
        if let Node::Reference { form: of, column, .. } = &expr.node {
            let earlier = column.is_some_and(|column| {
                use Column as C;
                matches!(column, C::Previous | C::PriorYear | C::PriorYearMonth | C::Opening | C::FiledLastYear)
            });
            reach = match of.as_deref() {
                Some(OUTSIDE) => return RuleLevel::Outside,
                Some(of) if of != form.form => RuleLevel::Forms,
                _ if earlier && reach == RuleLevel::Within => RuleLevel::Periods,
                _ => reach,
            };
        }
        waiting.extend(children(expr));
    }
    reach
}

/// What a rule looks at beside the form of its own month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beyond {
    /// Whether it asks for the month before. Last year stands in the form itself.
    pub month_before: bool,
    /// Other forms of the month.
    pub forms: BTreeSet<String>,
}

/// What must be at hand to judge rules of a form by documents.
pub fn beyond<'e>(form: &Form, exprs: impl IntoIterator<Item = &'e Expr>) -> Beyond {
    let mut beyond = Beyond::default();
    let mut waiting: Vec<&Expr> = exprs.into_iter().collect();
    while let Some(expr) = waiting.pop() {
        if let Node::Reference { form: of, column, .. } = &expr.node {
            beyond.month_before |= *column == Some(Column::Previous);
            beyond.forms.extend(of.iter().filter(|of| **of != form.form && of.as_str() != OUTSIDE).cloned());
        }
        waiting.extend(children(expr));
    }
    beyond
}

/// What an expression is made of.
pub(crate) fn children(expr: &Expr) -> Vec<&Expr> {
    match &expr.node {
        Node::Negate(operand) | Node::Not(operand) => vec![operand],
        Node::Binary { left, right, .. } => vec![left, right],
        Node::Call { arguments, .. } => arguments.iter().collect(),
        _ => Vec::new(),
    }
}

/// A rule that is ready to be judged: one that speaks of `[*]` is one for each row of its form.
#[derive(Clone, Debug)]
pub struct Ready<'a> {
    /// Its form.
    pub form: &'a Form,
    /// As it is written.
    pub rule: &'a Rule,
    /// Its id, with the row where it is about each.
    pub id: String,
    /// Its expression.
    pub expr: Expr,
}

/// The rules of a form that are asked of a month, mandatory ones first, in the form's order.
pub fn rules<'a>(mapping: &'a Mapping, form: &str, month: Month) -> Vec<Ready<'a>> {
    let mut ready: Vec<Ready<'_>> = Vec::new();
    for formula in mapping.rules.iter().filter(|formula| formula.form == form) {
        let Some(form) = mapping.form(form) else { continue };
        let Some(rule) = form.rules.get(formula.at).filter(|rule| rule.is_asked(month)) else { continue };
        ready.extend(spread(form, rule, &formula.expr));
    }
    ready.sort_by_key(|ready| weight(ready.rule.severity));
    ready
}

/// Mandatory first.
pub(crate) fn weight(severity: Severity) -> u8 {
    match severity {
        Severity::Mandatory => 0,
        Severity::Verify => 1,
        Severity::Info => 2,
    }
}

/// The star that stands for each row.
pub(crate) const EACH: &str = "*";

/// A rule for each row that its `[*]` stands for; itself where it has none.
pub fn spread<'a>(form: &'a Form, rule: &'a Rule, expr: &Expr) -> Vec<Ready<'a>> {
    let mut waiting = vec![expr];
    let mut starred = false;
    while let Some(expr) = waiting.pop() {
        starred |= matches!(&expr.node, Node::Reference { code, form: None, .. } if code == EACH);
        waiting.extend(children(expr));
    }
    if !starred {
        return vec![Ready { form, rule, id: rule.id.clone(), expr: expr.clone() }];
    }
    let meant = |row: &&Row| match rule.rows {
        Rows::All => true,
        Rows::Money => {
            row.kind.is_number() && row.kind != RowKind::Count && row.unit.as_ref().is_none_or(|own| *own == form.unit)
        }
        Rows::Required => row.required,
    };
    let each = form.rows.iter().filter(meant).map(|row| row.key());
    each.map(|row| Ready { form, rule, id: format!("{}:{row}", rule.id), expr: filled(expr, row) }).collect()
}

fn filled(expr: &Expr, row: &str) -> Expr {
    renamed(expr, &|code| (code == EACH).then(|| row.to_owned()))
}

/// An expression whose references to its own form have other codes, where `name` gives one.
fn renamed(expr: &Expr, name: &dyn Fn(&str) -> Option<String>) -> Expr {
    let inner = |expr: &Expr| Box::new(renamed(expr, name));
    let node = match &expr.node {
        Node::Reference { form: None, code, column } => {
            Node::Reference { form: None, code: name(code).unwrap_or_else(|| code.clone()), column: *column }
        }
        Node::Negate(operand) => Node::Negate(inner(operand)),
        Node::Not(operand) => Node::Not(inner(operand)),
        Node::Binary { operator, left, right } => Node::Binary { operator: *operator, left: inner(left), right: inner(right) },
        Node::Call { function, arguments } => {
            Node::Call { function: *function, arguments: arguments.iter().map(|argument| renamed(argument, name)).collect() }
        }
        other => other.clone(),
    };
    Expr { node, span: expr.span.clone() }
}

/// A rule of a form that is filled project by project, for each that a document has, by its code: what the enterprise asks of its own rows, the
/// receiver asks of the same. Itself where the form is no such form, or the document has none.
pub fn spread_over<'a>(ready: Ready<'a>, document: &Draft) -> Vec<Ready<'a>> {
    let mut codes: Vec<&str> = Vec::new();
    let mut all = 0;
    if ready.form.each.is_some() && document.form == ready.form.form {
        let mut known: Vec<&str> = Vec::new();
        for cell in &document.cells {
            let own = cell.repeats.as_deref().and_then(|row| cell.id.strip_suffix(row)?.strip_suffix('.'));
            let Some(code) = own.filter(|code| !known.contains(code)) else { continue };
            known.push(code);
            // A row that is one of several has the name of what it is of before its own.
            let name = cell.name.split_once('：').map_or(cell.name.as_str(), |(name, _)| name);
            codes.extend(Some(code).filter(|_| ready.rule.is_of(code, name)));
        }
        all = known.len();
    }
    if all > 0 && codes.is_empty() {
        return Vec::new();
    }
    if codes.is_empty() {
        return vec![ready];
    }
    let each = |code: &str| {
        let own = |row: &str| ready.form.row(row).map(|row| format!("{code}.{}", row.key()));
        Ready { id: format!("{}.{code}", ready.id), expr: renamed(&ready.expr, &own), ..ready.clone() }
    };
    codes.into_iter().map(each).collect()
}
