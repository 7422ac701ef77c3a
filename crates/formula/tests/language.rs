/*!
The language by its cases: signs, spans, UFO's order, faults and their places.
*/
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test that cannot set up its case must fail")]

mod common;

use std::collections::BTreeMap;

use common::{Small, at};
use formula::{Kind, Mode, Named, Outcome, Scope, Trace, Value, check, cycle, evaluate, parse};
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
        ("LFS(6001,3,贷)", "2025-01..2025-03", "2025-01..2025-03"),
        ("LFS(6001,,贷,,上年)", "2024-06..2024-06", "2024-01..2024-06"),
        ("QC(1001,年)", "2025-01..2025-12", "2025-01..2025-12"),
        ("QM(1001,月-6)", "2024-12..2024-12", "2024-12..2024-12"),
        ("JE(1001,累计,,,2024)", "2024-06..2024-06", "2024-01..2024-06"),
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
    let known = |_: Option<&str>, code: &str, _: Named| code == "301";
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

/// Formulas as accountants have them in UFO's sheets, and what they say here.
#[test]
fn formulas_of_ufo_are_read_in_its_order() {
    for (ufo, ours) in [
        (r#"QM("1001",月,,,年,,)+QM("1002",月,,,年,,)"#, "QM(1001) + QM(1002)"),
        (r#"=QC("1001",全年,,,年,,)"#, "QC(1001, period=年)"),
        (r#"QM("112201",月,"借",,,"001",)"#, r#"QM(112201, side=借, any="001")"#),
        (r#"QM("1122",月,"",,"","","")"#, "QM(1122)"),
        (r#"FS("6001",月,"贷",,年)"#, "FS(6001, side=贷)"),
        (r#"FS("6001",月,"贷",,年-1)"#, "FS(6001, side=贷, year=-1)"),
        (r#"QM("1001",月-1)"#, "QM(1001, period=-1)"),
        (r#"LFS("660201","月","借")"#, "LFS(660201, side=借)"),
        // Up to March, not March alone.
        (r#"LFS("6001",3,"贷",,2024)"#, "LFS(6001, period=3, side=贷, year=2024)"),
        (r#"FS("6001",3,"贷",,2024)"#, "FS(6001, period=3, side=贷, year=2024)"),
        // DFS has two places for the summary before the set of books.
        (r#"DFS("52101","101",10,"借",,,,2011)"#, "DFS(52101, 101, period=10, side=借, year=2011)"),
        (r#"DFS("52101","101",10,"借",,,,2011,"甲")"#, r#"DFS(52101, 101, period=10, side=借, year=2011, any="甲")"#),
        (r#"IFF(QM("1122",月)>0,QM("1122",月),0)"#, "if(QM(1122) > 0, QM(1122), 0)"),
        ("ＳＱＭ（“1405”，月，借）", "SQM(1405, side=借)"),
        ("quantity_net(1405) − foreign_closing(1002，currency=USD)", r#"SJE(1405) - WQM(1002, currency="USD")"#),
        ("movement_to_date({6001、6051}，side=credit)", "SL({6001, 6051}, side=贷)"),
        ("\u{feff}QM(1001,\u{a0}上月)", "QM(1001, period=-1)"),
    ] {
        let (read, faults) = parse(ufo);
        assert_eq!(faults, [], "{ufo}");
        assert_eq!(read.unwrap().to_string(), ours, "{ufo}");
    }
}

fn faults_of(text: &str) -> Vec<(&'static str, &str)> {
    parse(text).1.iter().map(|fault| (fault.code, &text[fault.span.clone()])).collect()
}

#[test]
fn each_fault_is_told_once_where_it_is() {
    for (text, expected) in [
        // The number of the set of books, the summary, and what stands past the last place.
        (r#"QM("1001",月,,"001")"#, vec![("formula-argument", "\"001\"")]),
        (r#"DFS("52101","101",10,"借","付款")"#, vec![("formula-argument", "\"付款\"")]),
        (
            r#"QM("112201",月,"借",,,"",,"y","y","t",)"#,
            vec![("formula-argument", "\"y\""), ("formula-argument", "\"y\""), ("formula-argument", "\"t\"")],
        ),
        ("QM(1001, 13)", vec![("formula-argument", "13")]),
        ("QM(1001, 月+1)", vec![("formula-argument", "月+1")]),
        ("LFS(6001, -1)", vec![("formula-argument", "-1")]),
        // d is the first letter of debit and of 贷.
        ("FS(1001, 月, d)", vec![("formula-argument", "d")]),
        ("QM(1001, 3, period=4)", vec![("formula-argument-twice", "4")]),
        ("QM(1001, colour=red, side=左)", vec![("formula-argument-name", "colour"), ("formula-argument", "左")]),
        ("QM(1001, side=, year=x)", vec![("formula-value", ","), ("formula-argument", "x")]),
        ("QM(1001 1002) + [301", vec![("formula-separator", "1002"), ("formula-unclosed", "")]),
        ("QM(1001, 月 借) + )", vec![("formula-separator", "借"), ("formula-operand", ")")]),
        ("max(1 2, 3) + QN(4, 月, 借)", vec![("formula-separator", "2"), ("formula-function", "QN")]),
        ("QM(1001 + 2", vec![("formula-unclosed", "+")]),
        ("QM({1001, #x, !}) * [301].y", vec![("formula-class", "x"), ("formula-accounts", "}"), ("formula-column", "y")]),
        ("QM({!1001})", vec![("formula-accounts", "{!1001}")]),
        ("QM(\"1001) + 2", vec![("formula-quote", "\"1001) + 2")]),
        ("收入 + 1..2 + QM", vec![("formula-operand", "收入"), ("formula-number", "1..2"), ("formula-call", "")]),
        ("1 < 2 < 3", vec![("formula-chained", "<")]),
        ("DFS(1001)", vec![("formula-counter", ")")]),
        ("", vec![("formula-operand", "")]),
        ("[1] [2]", vec![("formula-operator", "[")]),
    ] {
        assert_eq!(faults_of(text), expected, "{text}");
    }
}

#[test]
fn absence_is_passed_over_and_ignorance_is_not() {
    assert_eq!(value("coalesce(QM(9999), @gone, 3)", Mode::ToDate), whole(3));
    assert_eq!(value("if(missing(@gone), 1, 2)", Mode::ToDate), whole(1));
    for text in ["coalesce(@unread, 3)", "if(missing(@unread), 1, 2)", "max(1, @unread)"] {
        assert_eq!(value(text, Mode::ToDate).unwrap_err().status, "missing_source", "{text}");
    }
    // An account that may be 1001 or not is none of the two.
    let mut small = Small::new();
    small.chart[0].standard = None;
    small.chart[0].undecided = vec!["1001".to_owned(), "1012".to_owned()];
    let expr = parse("coalesce(QM(1012), 0)").0.unwrap();
    assert_eq!(evaluate(&expr, &small, at(Mode::ToDate)).outcome.unwrap_err().status, "undecided_account");
}

#[test]
fn rounding_takes_whole_places_on_both_sides_of_the_point() {
    let rounded = |text: &str| value(text, Mode::ToDate).map(|value| format!("{value:?}")).map_err(|gap| gap.code);
    for (text, expected) in [
        ("round(1234.5, 0)", "1235"),
        ("round(-1234.5, 0)", "-1235"),
        ("round(1500, -3)", "2000"),
        ("round(-1499.999, -3)", "-1000"),
        ("round(1.005, 2)", "1.01"),
    ] {
        let expected = Value::Number(expected.parse().unwrap());
        assert_eq!(rounded(text), Ok(format!("{expected:?}")), "{text}");
    }
    for text in ["round(1, 0.5)", "round(1, 10)", "round(1, -10)", "round(1, @seven * 2)"] {
        assert_eq!(rounded(text), Err("round-places"), "{text}");
    }
    let faults = check(&parse("round(1, 0.5) + round(2, -10)").0.unwrap(), Kind::Number, None, &|_, _, _| true);
    assert_eq!(faults.iter().map(|fault| fault.code).collect::<Vec<_>>(), ["round-places", "round-places"]);
}

#[test]
fn a_formula_of_ones_own_is_told_what_it_names_in_vain() {
    let mut small = Small::new();
    let codes = |text: &str, scope, small: &Small| -> Vec<(String, String)> {
        let faults = check(&parse(text).0.unwrap(), Kind::Number, Some((&small.chart, scope)), &|_, _, _| true);
        faults
            .iter()
            .map(|fault| (fault.code.to_owned(), fault.arguments.last().map_or(String::new(), |(_, text)| text.clone())))
            .collect()
    };
    let named = |code: &str, text: &str| vec![(code.to_owned(), text.to_owned())];
    assert_eq!(codes("QM({1001, 1009, !1002})", Scope::Own, &small), named("account-missing", "1009, !1002"));
    assert_eq!(codes("QM({1001, 1009, !1002})", Scope::Standard, &small), []);
    assert_eq!(codes("QM({1008, 1009})", Scope::Standard, &small), named("account-missing", "1008, 1009"));
    // A class of which nothing is left says so as it is written.
    for scope in [Scope::Own, Scope::Standard] {
        assert_eq!(codes("QM({#asset, !1001})", scope, &small), named("account-missing", "{#asset, !1001}"));
        assert_eq!(codes("QM(#cost)", scope, &small), named("account-missing", "#cost"));
    }
    let gap = evaluate(&parse("QM({#asset, !1001})").0.unwrap(), &small, at(Mode::Month)).outcome.unwrap_err();
    assert_eq!((gap.code, gap.arguments), ("account-missing", vec![("account", "{#asset, !1001}".to_owned())]));
    // Whoever says what a missing account is worth has thought of it.
    assert_eq!(codes("coalesce(QM(9999), 0) + if(missing(QM(9998)), 1, 2)", Scope::Own, &small), []);
    assert_eq!(codes("coalesce(QM(9999), QM(9998))", Scope::Own, &small), named("account-missing", "9998"));
    assert_eq!(codes("coalesce(QM({1001, 9999}), 0)", Scope::Own, &small), named("account-missing", "9999"));
    // Without a normal side a balance has no sign: `check` says so as `evaluate` does.
    small.chart[0].debit = None;
    assert_eq!(codes("QM(1001)", Scope::Own, &small), named("side-unknown", "1001"));
    assert_eq!(evaluate(&parse("QM(1001)").0.unwrap(), &small, at(Mode::Month)).outcome.unwrap_err().code, "side-unknown");
    assert_eq!(codes("QM(1001,,借)", Scope::Own, &small), []);
}

#[test]
fn the_deepest_formulas_that_are_read_are_evaluated() {
    for text in [
        format!("{}1{}", "(".repeat(28), ")".repeat(28)),
        format!("{}1", "-".repeat(28)),
        format!("{}1", "1+".repeat(250)),
        format!("{}1{}", "1+(".repeat(28), ")".repeat(28)),
        format!("{}1{}", "max(1,".repeat(28), ")".repeat(28)),
    ] {
        let (read, faults) = parse(&text);
        assert_eq!(faults, [], "{text}");
        let read = read.unwrap();
        assert_eq!(parse(&read.to_string()).0.as_ref(), Some(&read), "{text}");
        let trace = evaluate(&read, &Small::new(), at(Mode::Month));
        assert!(trace.outcome.is_ok() && levels(&trace) <= 32, "{text}");
    }
    for text in [format!("{}1{}", "1 or 1 and 1 = 1 + 1 * (".repeat(10), ")".repeat(10)), "--".repeat(20) + "1"] {
        assert_eq!(parse(&text).1.iter().map(|fault| fault.code).collect::<Vec<_>>(), ["formula-too-deep"], "{text}");
    }
}

fn levels(trace: &Trace) -> usize {
    1 + trace.children.iter().map(levels).max().unwrap_or(0)
}

#[test]
fn a_sum_has_its_terms_side_by_side_in_the_lineage() {
    let trace = evaluate(&parse("QM(1001) + 2 - @seven * 3 / 7 - (1 + 1)").0.unwrap(), &Small::new(), at(Mode::Month));
    let texts: Vec<&str> = trace.children.iter().map(|child| child.text.as_str()).collect();
    assert_eq!((trace.outcome, texts), (whole(9), vec!["QM(1001)", "2", "@seven * 3 / 7", "1 + 1"]));
}

/// Two items, of which one answers with the first month and the other with the last: the span that was asked can be read off the sum.
#[test]
fn measures_are_asked_over_the_span_of_the_column() {
    let value = |text: &str, mode: Mode| {
        let (expr, faults) = parse(text);
        assert_eq!(faults, [], "{text}");
        let trace = evaluate(&expr.unwrap(), &Small::new(), at(mode));
        (trace.outcome, trace.measured, trace.parts)
    };
    // The draft is of June 2025.
    for (text, mode, expected) in [
        ("MEASURE(output, quantity)", Mode::Month, 606),
        ("MEASURE(output, quantity)", Mode::ToDate, 601),
        ("MEASURE(output, quantity, 月)", Mode::ToDate, 606),
        ("计量(output, 金额, 月-1)", Mode::ToDate, 505),
        ("measure(output, value, period=季, year=-1)", Mode::Month, 604),
        ("MEASURE(output, coal, 年)", Mode::Month, 1201),
    ] {
        let (outcome, measured, parts) = value(text, mode);
        assert_eq!(outcome, Ok(Value::Number(Amount::from_whole(expected).unwrap())), "{text}");
        assert_eq!(parts.len(), 2, "{text}");
        assert_eq!(measured.unwrap().kind, "output");
    }
    let (outcome, ..) = value("coalesce(MEASURE(energy, quantity), 0)", Mode::Month);
    assert_eq!(outcome.unwrap_err().code, "unread", "what may exist and is not known is never passed over");
}
