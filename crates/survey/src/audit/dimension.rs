//! What a side of a comparison is measured in, and how far rounding alone can move it.

use std::collections::BTreeMap;

use formula::{At, Expr, Function, Node, Operator};
use model::Amount;

use super::{Ready, world::Reported};

/// In what a value is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dimension {
    /// A written number: whatever it is compared with.
    Open,
    /// 元.
    Money,
    /// Anything else: people, pieces, ratios.
    Other,
}

/// In what an expression is measured.
pub(crate) fn dimension(expr: &Expr, world: &dyn Reported) -> Dimension {
    use Dimension::{Money, Open, Other};
    match &expr.node {
        Node::Number(_) | Node::Truth(_) | Node::Text(_) => Open,
        Node::Reference { form, code, .. } => match world.step(form.as_deref(), code) {
            Some((_, true)) => Money,
            _ => Other,
        },
        Node::Item(_) => Money,
        Node::Account(call) if call.measure == formula::Measure::Money => Money,
        Node::Account(_) | Node::Measure(_) | Node::Not(_) => Other,
        Node::Negate(operand) => dimension(operand, world),
        Node::Binary { operator, left, right } => {
            let (left, right) = (dimension(left, world), dimension(right, world));
            match operator {
                Operator::Add | Operator::Subtract => joined(left, right),
                Operator::Multiply => match (left, right) {
                    (Open, other) | (other, Open) => other,
                    _ => Other,
                },
                Operator::Divide => match (left, right) {
                    (left, Open) => left,
                    _ => Other,
                },
                _ => Other,
            }
        }
        Node::Call { function, arguments } => match function {
            Function::Abs | Function::Round => arguments.first().map_or(Open, |argument| dimension(argument, world)),
            Function::Min | Function::Max | Function::Coalesce | Function::Sum => {
                arguments.iter().map(|argument| dimension(argument, world)).fold(Open, joined)
            }
            Function::If => arguments.iter().skip(1).map(|argument| dimension(argument, world)).fold(Open, joined),
            _ => Other,
        },
    }
}

fn joined(left: Dimension, right: Dimension) -> Dimension {
    match (left, right) {
        (Dimension::Open, other) | (other, Dimension::Open) => other,
        (left, right) if left == right => left,
        _ => Dimension::Other,
    }
}

/// What a comparison of a rule forgives, in 元 where it is of money: what the rule says, or what rounding alone can do. Strict
/// comparisons and `<>` forgive nothing.
pub fn tolerance(
    ready: &Ready<'_>,
    operator: Operator,
    left: &Expr,
    right: &Expr,
    world: &dyn Reported,
    at: At,
) -> Option<Amount> {
    match allowance(ready, operator, left, right, world)? {
        Allowance::Fixed(amount) => Some(amount),
        Allowance::Rows(slack) => slack.at(&|form, code| world.repeated(form, code, at).len()),
    }
}

/// What a comparison forgives.
#[derive(Clone, Debug)]
pub(crate) enum Allowance {
    /// Always the same.
    Fixed(Amount),
    /// As much as rounding can do to the rows that a unit has of repeated indicators.
    Rows(Slack),
}

/// As [`tolerance`], for whatever number of rows.
pub(crate) fn allowance(
    ready: &Ready<'_>,
    operator: Operator,
    left: &Expr,
    right: &Expr,
    world: &dyn Reported,
) -> Option<Allowance> {
    if !matches!(operator, Operator::Equal | Operator::AtMost | Operator::AtLeast) {
        return Some(Allowance::Fixed(Amount::ZERO));
    }
    let said = ready.rule.tolerance;
    if !said.is_zero() {
        let money = [left, right].map(|side| dimension(side, world)).contains(&Dimension::Money);
        let times = Amount::from_whole(if money { ready.form.divisor.into() } else { 1 })?;
        return said.checked_mul(times).map(Allowance::Fixed);
    }
    let (one, mut sum) = (Amount::from_whole(1)?, Slack::default());
    if linear(left, one, world, &mut sum).is_none() || linear(right, one.checked_neg()?, world, &mut sum).is_none() {
        return Some(Allowance::Fixed(Amount::ZERO));
    }
    if sum.repeated().next().is_some() { Some(Allowance::Rows(sum)) } else { sum.at(&|_, _| 1).map(Allowance::Fixed) }
}

/// A sum of figures with whole or broken coefficients.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slack {
    /// Each reported figure, by its text.
    terms: BTreeMap<String, Term>,
    /// Whether something that is not rounded is in it too.
    exact: bool,
}

#[derive(Clone, Debug)]
struct Term {
    coefficient: Amount,
    step: Amount,
    /// Form and code, where it stands for as many rows as the unit has.
    rows: Option<(Option<String>, String)>,
}

impl Slack {
    /// The indicators whose rows count.
    pub(crate) fn repeated(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        self.terms.values().filter_map(|term| term.rows.as_ref()).map(|(form, code)| (form.as_deref(), code.as_str()))
    }

    /// How far rounding can move the sum where the figures behind it agree: half a unit for each figure, times its coefficient. Two
    /// figures that are compared with each other are rounded alike, so that rounding cannot turn them round; and figures in whole units can
    /// only be whole units apart. Zero where a side is no sum.
    pub(crate) fn at(&self, count: &dyn Fn(Option<&str>, &str) -> usize) -> Option<Amount> {
        let one = Amount::from_whole(1)?;
        let rows = |term: &Term| term.rows.as_ref().map_or(1, |(form, code)| count(form.as_deref(), code));
        let terms: Vec<(&Term, usize)> = self.terms.values().map(|term| (term, rows(term))).collect();
        let terms = || terms.iter().filter(|(term, rows)| !term.coefficient.is_zero() && *rows > 0);
        let first = terms().next().map(|(term, _)| term.step);
        let alike = first.filter(|first| !self.exact && terms().all(|(term, _)| term.step == *first));
        let alike = alike.filter(|_| terms().all(|(term, _)| term.coefficient.round(0) == Some(term.coefficient)));
        let figures: usize = terms().map(|(_, rows)| rows).sum();
        if alike.is_some() && figures <= 2 && terms().all(|(term, _)| term.coefficient.units().abs() == one.units()) {
            return Some(Amount::ZERO);
        }
        let mut slack = Amount::ZERO;
        for (term, rows) in terms() {
            let size = if term.coefficient < Amount::ZERO { term.coefficient.checked_neg()? } else { term.coefficient };
            let one = size.checked_mul(term.step)?.div_round(2, 9)?;
            slack = slack.checked_add(one.checked_mul(Amount::from_whole(i128::try_from(*rows).ok()?)?)?)?;
        }
        match alike {
            Some(step) => Some(Amount::from_units(slack.units() - slack.units() % step.units())),
            None => Some(slack),
        }
    }
}

/// Adds `times` an expression to a sum; `None` where it is none.
fn linear(expr: &Expr, times: Amount, world: &dyn Reported, sum: &mut Slack) -> Option<()> {
    match &expr.node {
        Node::Number(_) => Some(()),
        Node::Item(_) | Node::Account(_) | Node::Measure(_) => {
            sum.exact = true;
            Some(())
        }
        Node::Reference { form, code, .. } => {
            let (step, _) = world.step(form.as_deref(), code)?;
            sum.add(expr.to_string(), times, step, None)
        }
        Node::Negate(operand) => linear(operand, times.checked_neg()?, world, sum),
        Node::Binary { operator, left, right } => match operator {
            Operator::Add | Operator::Subtract => {
                linear(left, times, world, sum)?;
                linear(right, if *operator == Operator::Add { times } else { times.checked_neg()? }, world, sum)
            }
            Operator::Multiply => match (constant(left), constant(right)) {
                (Some(number), _) => linear(right, times.checked_mul(number)?, world, sum),
                (_, Some(number)) => linear(left, times.checked_mul(number)?, world, sum),
                _ => None,
            },
            Operator::Divide => linear(left, times.checked_div(constant(right)?)?, world, sum),
            _ => None,
        },
        // A figure that may be absent counts as if it were there.
        Node::Call { function: Function::Coalesce, arguments } => match arguments.as_slice() {
            [figure, other] if constant(other).is_some() => linear(figure, times, world, sum),
            _ => None,
        },
        Node::Call { function: Function::Sum, arguments } => arguments.iter().try_for_each(|argument| match &argument.node {
            Node::Reference { form, code, .. } => {
                let (step, _) = world.step(form.as_deref(), code)?;
                if !world.is_repeated(form.as_deref(), code) {
                    return sum.add(argument.to_string(), times, step, None);
                }
                sum.add(format!("sum({argument})"), times, step, Some((form.clone(), code.clone())))
            }
            _ => linear(argument, times, world, sum),
        }),
        _ => None,
    }
}

impl Slack {
    fn add(&mut self, text: String, times: Amount, step: Amount, rows: Option<(Option<String>, String)>) -> Option<()> {
        if step.is_zero() {
            self.exact = true;
            return Some(());
        }
        let term = self.terms.entry(text).or_insert(Term { coefficient: Amount::ZERO, step, rows });
        term.coefficient = term.coefficient.checked_add(times)?;
        Some(())
    }
}

pub(crate) fn constant(expr: &Expr) -> Option<Amount> {
    match &expr.node {
        Node::Number(number) => Some(*number),
        Node::Negate(operand) => constant(operand)?.checked_neg(),
        _ => None,
    }
}
