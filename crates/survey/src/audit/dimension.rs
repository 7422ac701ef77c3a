//! What a side of a comparison is measured in, and how far rounding alone can move it.

use std::collections::BTreeMap;

use formula::{Expr, Function, Node, Operator};
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
        Node::Number(_) | Node::Truth(_) => Open,
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
            Function::Min | Function::Max | Function::Coalesce => {
                arguments.iter().map(|argument| dimension(argument, world)).fold(Open, joined)
            }
            Function::If => arguments.iter().skip(1).map(|argument| dimension(argument, world)).fold(Open, joined),
            Function::Missing => Other,
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
pub fn tolerance(ready: &Ready<'_>, operator: Operator, left: &Expr, right: &Expr, world: &dyn Reported) -> Option<Amount> {
    if !matches!(operator, Operator::Equal | Operator::AtMost | Operator::AtLeast) {
        return Some(Amount::ZERO);
    }
    let said = ready.rule.tolerance;
    if said.is_zero() {
        return slack(left, right, world);
    }
    let money = [left, right].map(|side| dimension(side, world)).contains(&Dimension::Money);
    said.checked_mul(Amount::from_whole(if money { ready.form.divisor.into() } else { 1 })?)
}

/// A sum of figures with whole or broken coefficients.
#[derive(Default)]
struct Linear {
    /// Coefficient of each reported figure, by its text.
    terms: BTreeMap<String, (Amount, Amount)>,
    /// Whether something that is not rounded is in it too.
    exact: bool,
}

/// How far rounding can move `left - right` where the figures behind them agree: half a unit for each figure, times its coefficient. Two
/// figures that are compared with each other are rounded alike, so that rounding cannot turn them round; and figures in whole units can
/// only be whole units apart. Zero where a side is no sum.
fn slack(left: &Expr, right: &Expr, world: &dyn Reported) -> Option<Amount> {
    let one = Amount::from_whole(1)?;
    let mut sum = Linear::default();
    if linear(left, one, world, &mut sum).is_none() || linear(right, one.checked_neg()?, world, &mut sum).is_none() {
        return Some(Amount::ZERO);
    }
    sum.terms.retain(|_, (coefficient, _)| !coefficient.is_zero());
    let steps: Vec<Amount> = sum.terms.values().map(|(_, step)| *step).collect();
    let alike = steps.first().copied().filter(|first| !sum.exact && steps.iter().all(|step| step == first));
    let whole = |(coefficient, _): &(Amount, Amount)| coefficient.round(0) == Some(*coefficient);
    let alike = alike.filter(|_| sum.terms.values().all(whole));
    if alike.is_some() && sum.terms.len() <= 2 && sum.terms.values().all(|(c, _)| c.units().abs() == one.units()) {
        return Some(Amount::ZERO);
    }
    let mut slack = Amount::ZERO;
    for (coefficient, step) in sum.terms.values() {
        let size = if *coefficient < Amount::ZERO { coefficient.checked_neg()? } else { *coefficient };
        slack = slack.checked_add(size.checked_mul(*step)?.div_round(2, 9)?)?;
    }
    match alike {
        Some(step) => Amount::from_units(slack.units() - slack.units() % step.units()).into(),
        None => Some(slack),
    }
}

/// Adds `times` an expression to a sum; `None` where it is none.
fn linear(expr: &Expr, times: Amount, world: &dyn Reported, sum: &mut Linear) -> Option<()> {
    match &expr.node {
        Node::Number(_) => Some(()),
        Node::Item(_) | Node::Account(_) | Node::Measure(_) => {
            sum.exact = true;
            Some(())
        }
        Node::Reference { form, code, .. } => {
            let (step, _) = world.step(form.as_deref(), code)?;
            if step.is_zero() {
                sum.exact = true;
                return Some(());
            }
            let term = sum.terms.entry(expr.to_string()).or_insert((Amount::ZERO, step));
            term.0 = term.0.checked_add(times)?;
            Some(())
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
        _ => None,
    }
}

pub(crate) fn constant(expr: &Expr) -> Option<Amount> {
    match &expr.node {
        Node::Number(number) => Some(*number),
        Node::Negate(operand) => constant(operand)?.checked_neg(),
        _ => None,
    }
}
