/*!
The language by its cases: signs, spans, UFO's order, faults and their places.
*/
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test that cannot set up its case must fail")]

mod common;

use std::collections::BTreeMap;

use common::{Small, at};
use formula::{Account, Kind, Mode, Outcome, Scope, Value, check, cycle, evaluate, parse};
use model::Amount;

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
