//! How much each answer of books and measures weighs in the value of a formula: what brings a difference of two months back to accounts.

use model::Amount;

use crate::{
    ast::{Function, Node, Operator, operands},
    parser::parse,
    world::{Trace, Value},
};

/// What a value moves by where an answer of [`Trace::answers`] moves by one, in their order; none where a formula divides by the answer or
/// multiplies it by another, so that it has no weight of its own.
pub fn weights(trace: &Trace) -> Vec<Option<Amount>> {
    let mut found = Vec::new();
    walk(trace, Amount::from_whole(1), &mut found);
    found
}

fn walk(trace: &Trace, weight: Option<Amount>, found: &mut Vec<Option<Amount>>) {
    if trace.question.is_some() || trace.measured.is_some() {
        found.push(weight);
        return;
    }
    // What is printed reads as the same tree, what a formula refers to being printed as its own formula.
    let own = of_children(trace, weight);
    for (child, weight) in trace.children.iter().zip(own) {
        walk(child, weight, found);
    }
}

fn number(trace: &Trace) -> Option<Amount> {
    match trace.outcome {
        Ok(Value::Number(number)) => Some(number),
        _ => None,
    }
}

fn of_children(trace: &Trace, weight: Option<Amount>) -> Vec<Option<Amount>> {
    let children = &trace.children;
    if weight == Some(Amount::ZERO) {
        return vec![weight; children.len()];
    }
    let all = |weight: Option<Amount>| vec![weight; children.len()];
    // Which of them became the value.
    let only = |taken: Option<usize>| {
        let of = |at: usize| if Some(at) == taken { weight } else { Some(Amount::ZERO) };
        (0..children.len()).map(of).collect::<Vec<_>>()
    };
    let Some(expr) = parse(&trace.text).0 else { return all(None) };
    match &expr.node {
        Node::Item(_) | Node::Reference { .. } => all(weight),
        Node::Negate(_) => all(weight.and_then(Amount::checked_neg)),
        Node::Binary { operator: Operator::Add | Operator::Subtract, .. } => {
            let (_, rest) = operands(&expr);
            let signs = std::iter::once(Operator::Add).chain(rest.into_iter().map(|(operator, _)| operator));
            let of = |sign: Operator| if sign == Operator::Subtract { weight.and_then(Amount::checked_neg) } else { weight };
            signs.map(of).take(children.len()).collect()
        }
        Node::Binary { operator: Operator::Multiply | Operator::Divide, .. } => {
            let (_, rest) = operands(&expr);
            let signs: Vec<Operator> =
                std::iter::once(Operator::Multiply).chain(rest.into_iter().map(|(operator, _)| operator)).collect();
            (0..children.len()).map(|at| factor(children, &signs, at, weight)).collect()
        }
        Node::Call { function, .. } => match function {
            Function::Coalesce | Function::If => only(children.len().checked_sub(1)),
            Function::Round => only(Some(0)),
            Function::Sum => all(weight),
            Function::Min | Function::Max => only(children.iter().position(|child| child.outcome == trace.outcome)),
            Function::Abs => match children.first().and_then(number) {
                Some(value) if value < Amount::ZERO => all(weight.and_then(Amount::checked_neg)),
                _ => all(weight),
            },
            _ => all(None),
        },
        _ => all(None),
    }
}

/// The weight of one factor: the others must be numbers that ask nothing.
fn factor(children: &[Trace], signs: &[Operator], at: usize, weight: Option<Amount>) -> Option<Amount> {
    if signs.get(at) == Some(&Operator::Divide) && !children[at].answers().is_empty() {
        return None;
    }
    let others = children.iter().zip(signs).enumerate().filter(|(other, _)| *other != at);
    others.map(|(_, pair)| pair).try_fold(weight?, |product, (child, sign)| {
        let value = number(child).filter(|_| child.answers().is_empty())?;
        if *sign == Operator::Divide { product.checked_div(value) } else { product.checked_mul(value) }
    })
}

#[cfg(test)]
mod tests {
    use model::Month;

    use super::*;
    use crate::{Account, At, Class, Column, Gap, Mode, Outcome, Part, Question, Scope, World, evaluate};

    struct Books(Vec<Account>);

    fn account(code: &str) -> Account {
        Account {
            code: code.to_owned(),
            name: code.to_owned(),
            class: Some(Class::ProfitAndLoss),
            debit: Some(false),
            standard: Some(code.to_owned()),
            undecided: Vec::new(),
        }
    }

    impl World for Books {
        fn chart(&self) -> &[Account] {
            &self.0
        }
        fn ask(&self, question: &Question) -> Result<Vec<Part>, Gap> {
            let amount = |code: &str| Amount::from_whole(code.parse::<i128>().unwrap_or(0)).unwrap().checked_neg().unwrap();
            Ok(question.accounts.iter().map(|code| Part { account: code.clone(), amount: amount(code) }).collect())
        }
        fn reference(&self, _: Option<&str>, _: &str, _: Option<Column>, at: At) -> crate::Trace {
            evaluate(&parse("-SL(30)").0.unwrap(), self, at)
        }
        fn item(&self, _: &str, at: At) -> crate::Trace {
            evaluate(&parse("SL(10) - SL(20)").0.unwrap(), self, at)
        }
        fn scope(&self) -> Scope {
            Scope::Own
        }
    }

    /// By hand: what the value moves by where the account in it moves by one.
    #[test]
    fn weights_are_what_a_formula_makes_of_its_answers() {
        let books = Books(["10", "20", "30"].map(account).to_vec());
        let at = At { month: Month::new(2025, 6).unwrap(), mode: Mode::ToDate };
        let weights = |text: &str| {
            let trace = evaluate(&parse(text).0.unwrap(), &books, at);
            let _: &Outcome = &trace.outcome;
            let weights = weights(&trace);
            assert_eq!(weights.len(), trace.answers().len(), "{text}");
            weights
                .into_iter()
                .map(|weight| weight.map_or("—".to_owned(), |weight| weight.to_string()))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(weights("@x + [1] * 2 - (SL(10) - SL(20)) / 4"), "1 -1 -2 -0.25 0.25");
        assert_eq!(weights("coalesce(SL(99), SL(10)) + if(SL(10) > 0, SL(20), SL(30))"), "1 0 1");
        assert_eq!(weights("max(SL(10), SL(20)) - round(SL(30) * 0.5, 2) + abs(-SL(10))"), "0 1 -0.5 1");
        assert_eq!(weights("SL(10) / SL(20) + SL(10) * SL(30)"), "— — — —");
    }
}
