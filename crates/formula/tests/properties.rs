/*!
Properties of the language: what is printed reads as the same, evaluation agrees with a naive evaluator, and nothing panics.
*/
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test that cannot set up its case must fail")]

mod common;

use common::{Small, at};
use formula::{
    AccountCall, Aspect, Class, Column, Expr, Field, Filter, Function, Kind, Measure, MeasureCall, Mode, Name, Node, Operator,
    Pick, Scope, Selector, Side, Span, Value, What, Year, check, evaluate, parse,
};
use model::Amount;
use proptest::{prelude::*, strategy::Union};

fn expr(node: Node) -> Expr {
    Expr { node, span: 0..0 }
}

fn one_of<T: Clone + std::fmt::Debug + 'static>(values: &[T]) -> impl Strategy<Value = T> + use<T> {
    Union::new(values.iter().cloned().map(Just))
}

fn pick() -> impl Strategy<Value = Pick> {
    let code = "[1-9][0-9]{3}(\\.[0-9]{2})?|[一-龥]{1,3}|A-1 b|x\"“y";
    prop_oneof![
        code.prop_map(|code| Pick::Code(code, None)),
        (code, "[a-z\"” 应收]{1,4}").prop_map(|(code, text)| Pick::Code(code, Some(text))),
        (code, code).prop_map(|(from, to)| Pick::Range(from, to)),
        "[1-9]{1,2}[*?]{1,2}[0-9]?".prop_map(Pick::Pattern),
        one_of(&[Class::Asset, Class::Common, Class::ProfitAndLoss]).prop_map(Pick::Class),
    ]
}

fn selector() -> impl Strategy<Value = Selector> {
    (prop::collection::vec(pick(), 1..3), prop::collection::vec(pick(), 0..2))
        .prop_map(|(picks, without)| Selector { picks, without })
}

fn account_call() -> impl Strategy<Value = AccountCall> {
    let what = one_of(&[What::Opening, What::Closing, What::Turnover, What::Net, What::Movement, What::Counter]);
    let measure = one_of(&[Measure::Money, Measure::Quantity, Measure::Foreign]);
    let side = || prop::option::of(one_of(&[Side::Debit, Side::Credit]));
    let span =
        one_of(&[Span::Month(0), Span::Month(-3), Span::Of(12), Span::Quarter, Span::Year, Span::ToDate, Span::Through(7)]);
    let year = one_of(&[Year::Offset(0), Year::Offset(-1), Year::Of(2024)]);
    let filter = (one_of(&[Name::Any, Name::Party, Name::Currency]), ".{0,6}").prop_map(|(name, value)| Filter { name, value });
    let filters = prop::collection::vec(filter, 0..2);
    (what, measure, selector(), selector(), span, year, side(), side(), filters).prop_map(
        |(what, measure, accounts, counter, span, year, side, detail, filters)| {
            // Only LFS and SL run from January.
            let runs = matches!(what, What::Turnover | What::Movement);
            let span = if span == Span::Through(7) && !runs { Span::Of(7) } else { span };
            let counter = (what == What::Counter).then_some(counter);
            AccountCall { what, measure, accounts, counter, span, year, side, detail, filters }
        },
    )
}

fn measure_call() -> impl Strategy<Value = MeasureCall> {
    let aspect = one_of(&[Aspect::Quantity, Aspect::Amount, Aspect::Value, Aspect::Average, Aspect::Closing, Aspect::Coal]);
    let span = one_of(&[Span::Month(0), Span::Month(-3), Span::Of(12), Span::Quarter, Span::Year, Span::ToDate]);
    let year = one_of(&[Year::Offset(0), Year::Offset(-1), Year::Of(2024)]);
    let fields = prop::collection::vec(
        (one_of(&[Field::Item, Field::Class, Field::Origin, Field::Use, Field::Composition]), ".{0,6}"),
        0..3,
    );
    let kind = "[a-z][a-z_]{0,5}|[一-龥]{1,4}|x \"y|Ａb|9";
    (kind, aspect, fields, prop::option::of(".{0,4}"), span, year)
        .prop_map(|(kind, aspect, fields, unit, span, year)| MeasureCall { kind, aspect, fields, unit, span, year })
}

const OPERATORS: [Operator; 12] = [
    Operator::Or,
    Operator::And,
    Operator::Equal,
    Operator::Unequal,
    Operator::Less,
    Operator::AtMost,
    Operator::Greater,
    Operator::AtLeast,
    Operator::Add,
    Operator::Subtract,
    Operator::Multiply,
    Operator::Divide,
];

fn formulas(leaf: BoxedStrategy<Expr>) -> BoxedStrategy<Expr> {
    leaf.prop_recursive(5, 40, 3, |inner| {
        let function = one_of(&[
            Function::Abs,
            Function::Min,
            Function::Max,
            Function::Round,
            Function::If,
            Function::Coalesce,
            Function::Missing,
            Function::Sum,
        ]);
        prop_oneof![
            4 => (one_of(&OPERATORS), inner.clone(), inner.clone()).prop_map(|(operator, left, right)| expr(Node::Binary {
                operator,
                left: Box::new(left),
                right: Box::new(right)
            })),
            1 => inner.clone().prop_map(|operand| expr(Node::Negate(Box::new(operand)))),
            1 => inner.clone().prop_map(|operand| expr(Node::Not(Box::new(operand)))),
            1 => (function, prop::collection::vec(inner, 1..4)).prop_map(|(function, arguments)| expr(Node::Call { function, arguments })),
        ]
    })
    .boxed()
}

fn leaves() -> BoxedStrategy<Expr> {
    let number =
        (0_i128..1_000_000, 0_u32..4).prop_map(|(n, places)| expr(Node::Number(Amount::from_units(n * 10_i128.pow(9 - places)))));
    prop_oneof![
        number,
        any::<bool>().prop_map(|truth| expr(Node::Truth(truth))),
        "[a-z_]{1,6}".prop_map(|name| expr(Node::Item(name))),
        (
            "[0-9]{3}|x-1",
            prop::option::of("[A-Z][0-9]{3}(-1)?"),
            prop::option::of(one_of(&[Column::ThisMonth, Column::Previous]))
        )
            .prop_map(|(code, form, column)| expr(Node::Reference { form, code, column })),
        account_call().prop_map(|call| expr(Node::Account(call))),
        measure_call().prop_map(|call| expr(Node::Measure(call))),
    ]
    .boxed()
}

/// What a formula is worth, written again in the plainest way: a count of 10⁻⁹, a truth, or the code of the gap.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Plain {
    Number(i128),
    Truth(bool),
}

const ONE: i128 = 1_000_000_000;

/// n ÷ d, half away from zero.
fn half_away(n: i128, d: i128) -> i128 {
    let (q, rest) = (n / d, (n % d).abs());
    let up = i128::from(rest >= d.abs() - rest);
    if (n < 0) == (d < 0) { q + up } else { q - up }
}

fn naive(expr: &Expr) -> Result<Plain, &'static str> {
    let number = |value: Plain| match value {
        Plain::Number(n) => Ok(n),
        Plain::Truth(_) => Err("value-wrong-kind"),
    };
    let truth = |value: Plain| match value {
        Plain::Truth(b) => Ok(b),
        Plain::Number(_) => Err("value-wrong-kind"),
    };
    let exact = |n: Option<i128>| n.map(Plain::Number).ok_or("amount-too-large");
    match &expr.node {
        Node::Number(n) => Ok(Plain::Number(n.units())),
        Node::Truth(b) => Ok(Plain::Truth(*b)),
        Node::Item(name) => match name.as_str() {
            "gone" => Err("gone"),
            "unread" => Err("unread"),
            _ => Ok(Plain::Number(7 * ONE)),
        },
        Node::Account(_) => match QUESTIONS.iter().find(|(text, _)| *text == expr.to_string()).expect("not generated").1 {
            Some(n) => Ok(Plain::Number(n * ONE)),
            None => Err("account-missing"),
        },
        Node::Reference { .. } | Node::Measure(_) | Node::Text(_) => unreachable!("not generated"),
        Node::Negate(x) => exact(number(naive(x)?)?.checked_neg()),
        Node::Not(x) => Ok(Plain::Truth(!truth(naive(x)?)?)),
        Node::Call { function, arguments } => {
            let absent = |gap: &str| gap == "gone" || gap == "account-missing";
            let argument = |at: usize| arguments.get(at).map_or(Err("formula-argument-count"), naive);
            match function {
                Function::Coalesce => {
                    let values: Vec<_> = arguments.iter().map(naive).collect();
                    let first = values.iter().find(|value| !matches!(value, Err(gap) if absent(gap)));
                    *first.or(values.last()).unwrap()
                }
                Function::Missing => match argument(0) {
                    Ok(_) => Ok(Plain::Truth(false)),
                    Err(gap) if absent(gap) => Ok(Plain::Truth(true)),
                    Err(gap) => Err(gap),
                },
                Function::If => argument(if truth(argument(0)?)? { 1 } else { 2 }),
                Function::Abs => exact(number(argument(0)?)?.checked_abs()),
                Function::Min | Function::Max | Function::Sum => {
                    let mut all = Vec::new();
                    for at in 0..arguments.len() {
                        all.push(number(argument(at)?)?);
                    }
                    if *function == Function::Sum {
                        return exact(all.into_iter().try_fold(0_i128, i128::checked_add));
                    }
                    let best = if *function == Function::Min { all.iter().min() } else { all.iter().max() };
                    Ok(Plain::Number(*best.unwrap()))
                }
                Function::Round => {
                    let (value, places) = (number(argument(0)?)?, number(argument(1)?)?);
                    if places % ONE != 0 || (places / ONE).abs() > 9 {
                        return Err("round-places");
                    }
                    let step = 10_i128.pow(u32::try_from(9 - places / ONE).unwrap());
                    exact(half_away(value, step).checked_mul(step))
                }
                _ => unreachable!("not generated"),
            }
        }
        Node::Binary { operator, left, right } => {
            use Operator as O;
            let l = naive(left)?;
            match (operator, l) {
                (O::And, Plain::Truth(false)) | (O::Or, Plain::Truth(true)) => return Ok(l),
                _ => {}
            }
            let r = naive(right)?;
            match operator {
                O::And | O::Or => {
                    truth(l)?;
                    return truth(r).map(Plain::Truth);
                }
                O::Equal | O::Unequal if matches!((l, r), (Plain::Truth(_), Plain::Truth(_))) => {
                    return Ok(Plain::Truth((l == r) == (*operator == O::Equal)));
                }
                _ => {}
            }
            let (l, r) = (number(l)?, number(r)?);
            match operator {
                O::Add => exact(l.checked_add(r)),
                O::Subtract => exact(l.checked_sub(r)),
                O::Multiply => exact(l.checked_mul(r).map(|n| half_away(n, ONE))),
                O::Divide if r == 0 => Err("division-by-zero"),
                O::Divide => exact(l.checked_mul(ONE).map(|n| half_away(n, r))),
                O::Equal => Ok(Plain::Truth(l == r)),
                O::Unequal => Ok(Plain::Truth(l != r)),
                O::Less => Ok(Plain::Truth(l < r)),
                O::AtMost => Ok(Plain::Truth(l <= r)),
                O::Greater => Ok(Plain::Truth(l > r)),
                O::AtLeast => Ok(Plain::Truth(l >= r)),
                O::And | O::Or => unreachable!("answered above"),
            }
        }
    }
}

/// Questions to the small book, and what a person reads off it.
const QUESTIONS: [(&str, Option<i128>); 6] = [
    ("QM(1001)", Some(12)),
    ("QM(1001, side=贷)", Some(-12)),
    ("SL(6001)", Some(5)),
    ("JE(6001)", Some(-5)),
    ("QM({1001, 6001}, side=借)", Some(7)),
    ("QM(9999)", None),
];

fn arithmetic() -> BoxedStrategy<Expr> {
    let number = (0_i128..2_000).prop_map(|n| expr(Node::Number(Amount::from_units(n * 10_000_000))));
    let small = (0_i128..4).prop_map(|n| expr(Node::Number(Amount::from_whole(n).unwrap())));
    let item = one_of(&["gone", "unread", "seven"]).prop_map(|name| expr(Node::Item(name.into())));
    let asked = one_of(&QUESTIONS).prop_map(|(text, _)| parse(text).0.unwrap());
    formulas(
        prop_oneof![6 => number, 2 => small, 1 => any::<bool>().prop_map(|b| expr(Node::Truth(b))), 1 => item, 2 => asked]
            .boxed(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_reads_as_the_same(formula in formulas(leaves())) {
        let text = formula.to_string();
        let (read, faults) = parse(&text);
        prop_assert_eq!(faults, [], "{}", text);
        prop_assert_eq!(read.unwrap(), formula, "{}", text);
    }

    #[test]
    fn no_text_panics(text in ".{0,80}|[-0-9QMFSL()\\[\\]{},:!~#@=<>.\"*/+借贷（），【】 a-z]{0,120}") {
        let (read, faults) = parse(&text);
        prop_assert!(read.is_some() == faults.is_empty());
        for fault in &faults {
            prop_assert!(text.get(fault.span.clone()).is_some(), "{:?} is no place in {:?}", fault, text);
        }
        if let Some(read) = read {
            let small = Small::new();
            check(&read, Kind::Number, Some((&small.chart, Scope::Own)), &|_, _, _| true);
            evaluate(&read, &small, at(Mode::Month));
        }
    }

    #[test]
    fn evaluation_agrees_with_a_naive_one(formula in arithmetic()) {
        let ours = match evaluate(&formula, &Small::new(), at(Mode::ToDate)).outcome {
            Ok(Value::Number(n)) => Ok(Plain::Number(n.units())),
            Ok(Value::Truth(b)) => Ok(Plain::Truth(b)),
            Err(gap) => Err(gap.code),
        };
        prop_assert_eq!(ours, naive(&formula), "{}", formula);
    }

    #[test]
    fn what_passes_the_check_has_no_wrong_kind(formula in arithmetic()) {
        let small = Small::new();
        for (wanted, number) in [(Kind::Number, true), (Kind::Truth, false)] {
            if check(&formula, wanted, Some((&small.chart, Scope::Standard)), &|_, _, _| true).iter().all(|fault| fault.code != "formula-kind" && fault.code != "formula-argument-count") {
                match evaluate(&formula, &small, at(Mode::ToDate)).outcome {
                    Ok(value) => prop_assert_eq!(matches!(value, Value::Number(_)), number, "{}", formula),
                    Err(gap) => prop_assert!(gap.code != "value-wrong-kind" && gap.code != "formula-argument-count", "{}", formula),
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_long_or_strange_text_panics(text in "\\PC{0,2000}", cut in 0_usize..200, formula in formulas(leaves())) {
        let whole = formula.to_string();
        let at = whole.char_indices().map(|(at, _)| at).chain([whole.len()]).nth(cut).unwrap_or(whole.len());
        for text in [text.clone(), format!("{}{text}{}", &whole[..at], &whole[at..]), whole[..at].to_owned(), whole[at..].to_owned()] {
            let (read, faults) = parse(&text);
            prop_assert!(read.is_some() == faults.is_empty());
            for fault in &faults {
                prop_assert!(text.get(fault.span.clone()).is_some(), "{:?} is no place in {:?}", fault, text);
            }
        }
    }
}
