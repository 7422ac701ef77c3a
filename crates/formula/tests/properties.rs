/*!
Properties of the language: what is printed reads as the same, evaluation agrees with a naive evaluator, and nothing panics.
*/
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test that cannot set up its case must fail")]

use std::collections::BTreeMap;

use formula::{
    Account, AccountCall, At, Class, Column, Expr, Filter, Function, Gap, Kind, Measure, Mode, Name, Node, Operator, Outcome,
    Part, Pick, Question, Scope, Selector, Side, Span, Trace, Value, What, World, Year, check, cycle, evaluate, parse,
};
use model::{Amount, Month};
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
        one_of(&[Class::Asset, Class::ProfitAndLoss]).prop_map(Pick::Class),
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
    let span = one_of(&[Span::Month(0), Span::Month(-3), Span::Of(12), Span::Quarter, Span::Year, Span::ToDate]);
    let year = one_of(&[Year::Offset(0), Year::Offset(-1), Year::Of(2024)]);
    let filter = (one_of(&[Name::Any, Name::Party, Name::Currency]), ".{0,6}").prop_map(|(name, value)| Filter { name, value });
    let filters = prop::collection::vec(filter, 0..2);
    (what, measure, selector(), selector(), span, year, side(), side(), filters).prop_map(
        |(what, measure, accounts, counter, span, year, side, detail, filters)| {
            let counter = (what == What::Counter).then_some(counter);
            AccountCall { what, measure, accounts, counter, span, year, side, detail, filters }
        },
    )
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
    ]
    .boxed()
}

/// A book of two accounts, an item that is missing and an item that is 7.
struct Small {
    chart: Vec<Account>,
}

impl Small {
    fn new() -> Small {
        let account = |code: &str, class, debit| Account {
            code: code.to_owned(),
            name: code.to_owned(),
            standard: None,
            class: Some(class),
            debit: Some(debit),
            undecided: Vec::new(),
        };
        Small { chart: vec![account("1001", Class::Asset, true), account("6001", Class::ProfitAndLoss, false)] }
    }
}

fn trace(outcome: Outcome) -> Trace {
    Trace { text: String::new(), outcome, question: None, parts: Vec::new(), children: Vec::new() }
}

impl World for Small {
    fn chart(&self) -> &[Account] {
        &self.chart
    }

    fn ask(&self, question: &Question) -> Result<Vec<Part>, Gap> {
        let amount = |account: &String| Amount::from_whole(if account == "1001" { 12 } else { -5 });
        Ok(question.accounts.iter().map(|account| Part { account: account.clone(), amount: amount(account).unwrap() }).collect())
    }

    fn reference(&self, _: Option<&str>, code: &str, _: Option<Column>, _: At) -> Trace {
        trace(
            code.parse::<i128>()
                .map(|n| Value::Number(Amount::from_whole(n).unwrap()))
                .map_err(|_| Gap::new("missing_source", "x")),
        )
    }

    fn item(&self, name: &str, _: At) -> Trace {
        trace(if name == "gone" {
            Err(Gap::new("missing_source", "x"))
        } else {
            Ok(Value::Number(Amount::from_whole(7).unwrap()))
        })
    }

    fn scope(&self) -> Scope {
        Scope::Standard
    }
}

fn at(mode: Mode) -> At {
    At { month: Month::new(2025, 6).unwrap(), mode }
}

/// What a formula is worth, written again in the plainest way: whole numbers of 10⁻⁹, `None` for missing, `Err` for an error.
fn naive(expr: &Expr) -> Result<Option<i128>, ()> {
    const ONE: i128 = 1_000_000_000;
    let truth = |b: bool| Ok(Some(i128::from(b)));
    fn half_away(n: i128, d: i128) -> i128 {
        let (negative, n, d) = ((n < 0) != (d < 0), n.abs(), d.abs());
        let q = (2 * n + d) / (2 * d);
        if negative { -q } else { q }
    }
    match &expr.node {
        Node::Number(n) => Ok(Some(n.units())),
        Node::Item(name) => Ok((name != "gone").then_some(7 * ONE)),
        Node::Truth(b) => truth(*b),
        Node::Negate(x) => Ok(naive(x)?.map(|x| -x)),
        Node::Call { function, arguments } => match function {
            Function::Coalesce => {
                for argument in arguments {
                    if let Some(value) = naive(argument)? {
                        return Ok(Some(value));
                    }
                }
                Ok(None)
            }
            Function::Abs => Ok(naive(&arguments[0])?.map(i128::abs)),
            Function::Max => {
                let mut best: Option<i128> = None;
                for argument in arguments {
                    let Some(value) = naive(argument)? else { return Ok(None) };
                    best = Some(best.map_or(value, |best| if value > best { value } else { best }));
                }
                Ok(best)
            }
            _ => unreachable!("not generated"),
        },
        Node::Binary { operator, left, right } => {
            let Some(l) = naive(left)? else { return naive(right).map(|_| None).or(Ok(None)) };
            let Some(r) = naive(right)? else { return Ok(None) };
            match operator {
                Operator::Add => Ok(Some(l + r)),
                Operator::Subtract => Ok(Some(l - r)),
                Operator::Multiply => Ok(Some(half_away(l * r, ONE))),
                Operator::Divide if r == 0 => Err(()),
                Operator::Divide => Ok(Some(half_away(l * ONE, r))),
                _ => unreachable!("not generated"),
            }
        }
        _ => unreachable!("not generated"),
    }
}

fn arithmetic() -> BoxedStrategy<Expr> {
    let number = (0_i128..2_000).prop_map(|n| expr(Node::Number(Amount::from_units(n * 10_000_000))));
    let leaf = prop_oneof![6 => number, 1 => Just(expr(Node::Item("gone".into()))), 1 => Just(expr(Node::Item("seven".into())))];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let operator = one_of(&[Operator::Add, Operator::Subtract, Operator::Multiply, Operator::Divide]);
        let call = (one_of(&[Function::Abs, Function::Max, Function::Coalesce]), prop::collection::vec(inner.clone(), 1..4));
        prop_oneof![
            3 => (operator, inner.clone(), inner.clone()).prop_map(|(operator, left, right)| expr(Node::Binary {
                operator,
                left: Box::new(left),
                right: Box::new(right)
            })),
            1 => inner.prop_map(|operand| expr(Node::Negate(Box::new(operand)))),
            1 => call.prop_map(|(function, mut arguments)| {
                if function == Function::Abs {
                    arguments.truncate(1);
                }
                expr(Node::Call { function, arguments })
            }),
        ]
    })
    .boxed()
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
        prop_assert!(read.is_some() != !faults.is_empty());
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
        let ours = evaluate(&formula, &Small::new(), at(Mode::ToDate)).outcome;
        match (ours, naive(&formula)) {
            (Ok(Value::Number(ours)), Ok(Some(naive))) => prop_assert_eq!(ours.units(), naive, "{}", formula),
            (Err(gap), Ok(None)) => prop_assert!(gap.status == "missing_source" || gap.code == "division-by-zero", "{:?}", gap),
            (Err(gap), Err(())) => prop_assert!(gap.status == "error" || gap.status == "missing_source", "{:?}", gap),
            // A sum out of range is an error here and wraps nowhere.
            (ours, naive) => prop_assert!(matches!(&ours, Err(gap) if gap.code == "amount-too-large"), "{}: {:?} {:?}", formula, ours, naive),
        }
    }
}

fn value(text: &str, mode: Mode) -> Outcome {
    let (read, faults) = parse(text);
    assert_eq!(faults, [], "{text}");
    evaluate(&read.unwrap(), &Small::new(), at(mode)).outcome
}

fn whole(n: i128) -> Outcome {
    Ok(Value::Number(Amount::from_whole(n).unwrap()))
}

#[test]
fn signs_follow_the_normal_side_or_the_one_that_is_said() {
    for (text, expected) in [
        ("QM(1001)", 12),
        ("QM(1001,,贷)", -12),
        ("QM(6001)", 5),
        ("SL(6001)", 5),
        ("JE(6001)", -5),
        ("ＱＭ（１００１，月，借）＋［７］", 19),
        ("@seven * 2", 14),
        ("if([7] > 6 and not missing([7]), 1, 2)", 1),
        ("coalesce(@gone, 3)", 3),
        ("1 + 2 * 3 - 4 / 2", 5),
        ("--3", 3),
        ("-(1 + 2)", -3),
    ] {
        assert_eq!(value(text, Mode::ToDate), whole(expected), "{text}");
    }
    assert_eq!(value("QM({1001,6001})", Mode::ToDate).unwrap_err().code, "side-mixed");
    assert_eq!(value("QM({1001,6001},,借)", Mode::ToDate), whole(7));
    assert_eq!(value("QM(9999)", Mode::ToDate).unwrap_err().status, "missing_account");
    assert_eq!(value("1 + QM(9999)", Mode::ToDate).unwrap_err().status, "missing_account");
    assert_eq!(value("1 / ([7] - 7)", Mode::ToDate).unwrap_err().code, "division-by-zero");
    assert_eq!(value("coalesce(1 / 0.0, 3)", Mode::ToDate).unwrap_err().code, "division-by-zero", "an error is not passed over");
}

#[test]
fn one_flow_formula_serves_the_month_and_the_year_to_date() {
    let months = |text: &str, mode| {
        let question = evaluate(&parse(text).0.unwrap(), &Small::new(), at(mode)).question.unwrap();
        format!("{}..{}", question.from, question.to)
    };
    for (text, month, to_date) in [
        ("SL(6001)", "2025-06..2025-06", "2025-01..2025-06"),
        ("LFS(6001,,贷)", "2025-06..2025-06", "2025-01..2025-06"),
        ("SY(6001)", "2025-06..2025-06", "2025-06..2025-06"),
        ("FS(6001,季)", "2025-04..2025-06", "2025-04..2025-06"),
        ("FS(6001,年,贷,,-1)", "2024-01..2024-12", "2024-01..2024-12"),
        ("QM(1001,-1)", "2025-05..2025-05", "2025-05..2025-05"),
        ("QM(1001,12,,,2023)", "2023-12..2023-12", "2023-12..2023-12"),
    ] {
        assert_eq!((months(text, Mode::Month).as_str(), months(text, Mode::ToDate).as_str()), (month, to_date), "{text}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once_and_in_its_place() {
    let text = "QN(1001) + [999] * (2 - )";
    let (_, faults) = parse(text);
    let places: Vec<(&str, &str)> = faults.iter().map(|fault| (fault.code, &text[fault.span.clone()])).collect();
    assert_eq!(places, [("formula-function", "QN"), ("formula-operand", ")")]);
    assert_eq!(faults[0].arguments[1], ("near", "qc".to_owned()));

    let small = Small::new();
    let known = |_: Option<&str>, code: &str, _: bool| code == "301";
    let text = "SL(1001) + QM(9999) + [302] + @x + QM({1001,6001}) + round(1) + 1 / 0 + (1 = 2)";
    let faults = check(&parse(text).0.unwrap(), Kind::Number, Some((&small.chart, Scope::Standard)), &known);
    let codes: Vec<&str> = faults.iter().map(|fault| fault.code).collect();
    assert_eq!(
        codes,
        [
            "movement-of-balance",
            "account-missing",
            "indicator-unknown",
            "item-unknown",
            "side-mixed",
            "formula-argument-count",
            "division-by-zero",
            "formula-kind"
        ]
    );
}

#[test]
fn circles_are_found() {
    let graph = |edges: &[(&str, &[&str])]| -> BTreeMap<String, Vec<String>> {
        edges.iter().map(|(name, to)| ((*name).to_owned(), to.iter().map(|t| (*t).to_owned()).collect())).collect()
    };
    assert_eq!(cycle(&graph(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])])), None);
    let circle = cycle(&graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])])).unwrap();
    assert_eq!(circle, ["b", "c", "b"]);
    assert_eq!(cycle(&graph(&[("a", &["a"])])).unwrap(), ["a", "a"]);
}

#[test]
fn hostile_texts_are_bounded() {
    for text in [
        "(".repeat(10_000),
        "-".repeat(10_000),
        "1+".repeat(5_000) + "1",
        "not ".repeat(2_000),
        "abs(".repeat(2_000),
        "x".repeat(20_000),
    ] {
        assert!(parse(&text).0.is_none());
    }
}
