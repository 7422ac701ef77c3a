//! How rules are judged: rounding, tolerance, what is missing, and the same verdicts over columns.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

mod common;

use common::{Table, next};
use model::{Amount, Month};
use survey::{
    Form,
    audit::{
        self, Outcome, Ready, Verdict,
        bulk::{Count, Lane, Machine, Program, state},
        judge,
    },
};

const FORM: &str = r#"
form = "T1"
edition = "2025"
name = "试"
frequency = "monthly"
columns = ["cumulative"]
unit = "千元"
divisor = 1000
places = 0
header = { authority = "", document = "", valid_until = "", status = "recalled" }
[[row]]
code = "1"
name = "一"
kind = "flow"
status = "recalled"
[[row]]
code = "2"
name = "二"
kind = "flow"
status = "recalled"
[[row]]
code = "3"
name = "三"
kind = "flow"
status = "recalled"
[[row]]
code = "4"
name = "四"
kind = "flow"
status = "recalled"
[[row]]
code = "9"
name = "人数"
unit = "人"
kind = "count"
status = "recalled"
"#;

fn form(rule: &str, tolerance: &str) -> Form {
    let tolerance = if tolerance.is_empty() { String::new() } else { format!("tolerance = {tolerance}\n") };
    let rule = format!(
        "{FORM}\n[[rule]]\nid = \"R\"\nexpr = \"{rule}\"\nseverity = \"mandatory\"\n{tolerance}text = \"试\"\nstatus = \"recalled\"\n"
    );
    // A form that prints no columns says nothing of them in older packs.
    let parsed =
        Form::parse("t1.toml", &rule).0.or_else(|| Form::parse("t1.toml", &rule.replace("columns = [\"cumulative\"]\n", "")).0);
    parsed.unwrap_or_else(|| panic!("{:?}", Form::parse("t1.toml", &rule).1))
}

fn month() -> Month {
    Month::new(2025, 6).unwrap()
}

fn ready(form: &Form) -> Ready<'_> {
    let rule = &form.rules[0];
    let (expr, faults) = formula::parse(rule.expr.get_ref());
    assert!(faults.is_empty(), "{faults:?}");
    audit::spread(form, rule, &expr.unwrap()).remove(0)
}

/// Judges a rule on figures in the row's unit: a number, or the status of a gap.
fn judged(rule: &str, tolerance: &str, figures: &[(&str, &'static str)]) -> Verdict {
    let form = form(rule, tolerance);
    let forms = [form.clone()];
    let mut table = Table::new(&forms, "T1");
    for (code, value) in figures {
        let value = value.parse::<Amount>().map_err(|_| *value);
        table.figures.insert(("T1".to_owned(), (*code).to_owned(), None), value);
    }
    judge(&ready(&form), &table, month())
}

fn outcome(rule: &str, tolerance: &str, figures: &[(&str, &'static str)]) -> Outcome {
    judged(rule, tolerance, figures).outcome
}

#[test]
fn what_rounding_alone_can_do_is_forgiven_and_no_more() {
    use Outcome::{Met, Unmet};
    // 1.4 + 1.4 = 2.8: printed 1 + 1 = 3.
    let three = |left: &'static str| [("1", left), ("2", "1"), ("3", "1")];
    assert_eq!(outcome("[1] = [2] + [3]", "", &three("3")), Met);
    assert_eq!(outcome("[1] = [2] + [3]", "", &three("4")), Unmet);
    assert_eq!(outcome("[1] = [2] + [3]", "", &three("1")), Met);
    assert_eq!(outcome("[1] = [2] + [3]", "", &three("0")), Unmet);
    // Two figures that are the same are printed the same, and rounding turns no order round.
    assert_eq!(outcome("[1] = [2]", "", &three("2")), Unmet);
    assert_eq!(outcome("[1] >= [2]", "", &three("0")), Unmet);
    assert_eq!(outcome("[1] >= [2] + [3]", "", &three("1")), Met);
    assert_eq!(outcome("[1] >= [2] + [3]", "", &three("0")), Unmet);
    // What the rule says stands over what rounding can do, in the form's unit.
    assert_eq!(outcome("[1] = [2] + [3]", "2", &three("4")), Met);
    assert_eq!(outcome("[1] = [2] + [3]", "2", &three("5")), Unmet);
    assert_eq!(outcome("[1] = [2]", "\"0.5\"", &three("2")), Unmet);
    // Strict comparisons and <> forgive nothing.
    assert_eq!(outcome("[1] > [2] + [3]", "5", &three("2")), Unmet);
    assert_eq!(outcome("[1] <> [2] + [3]", "5", &three("3")), Met);
    // A written slack is its own tolerance.
    assert_eq!(outcome("abs([1] - [2] - [3]) <= 1000", "", &three("3")), Met);
    assert_eq!(outcome("abs([1] - [2] - [3]) <= 1000", "", &three("4")), Unmet);
}

#[test]
fn money_is_in_yuan_and_people_are_people() {
    let figures = [("1", "100"), ("9", "10")];
    assert_eq!(outcome("[1] / [9] >= 10000", "", &figures), Outcome::Met);
    assert_eq!(outcome("[1] / [9] > 10000", "", &figures), Outcome::Unmet);
    let verdict = judged("[1] <= 90000", "", &figures);
    let made = &verdict.comparisons[0];
    let shown = (made.left_value.as_deref(), made.right_value.as_deref(), made.difference.as_deref(), made.unit.as_str());
    assert_eq!(shown, (Some("100"), Some("90"), Some("10"), "千元"));
    let made = judged("[9] <= 9", "", &figures).comparisons.remove(0);
    assert_eq!((made.left_value.as_deref(), made.unit.as_str()), (Some("10"), ""));
}

#[test]
fn what_is_missing_by_nature_is_not_applicable_and_what_is_awaited_waits() {
    use Outcome::{Met, NotApplicable, Undetermined, Unmet};
    for (status, expected) in [
        ("missing_account", NotApplicable),
        ("not_applicable", NotApplicable),
        ("before_first_period", NotApplicable),
        ("missing_source", Undetermined),
        ("undecided_account", Undetermined),
        ("no_rate", Undetermined),
        ("error", Undetermined),
    ] {
        assert_eq!(outcome("[1] >= [2]", "", &[("1", "1"), ("2", status)]), expected, "{status}");
    }
    let verdict = judged("[1] >= [2]", "", &[("1", "1")]);
    assert_eq!((verdict.outcome, verdict.gap.unwrap().code.as_str()), (NotApplicable, "rule-indicator-absent"));
    assert_eq!(outcome("[1] / [2] > 1", "", &[("1", "1"), ("2", "0")]), Undetermined);
    // What decides alone decides.
    let half = [("1", "1"), ("2", "missing_source")];
    assert_eq!(outcome("[2] > 0 and [1] > 5000", "", &half), Unmet);
    assert_eq!(outcome("[2] > 0 or [1] > 0", "", &half), Met);
    assert_eq!(outcome("[2] > 0 or [1] > 5000", "", &half), Undetermined);
    // Figures that were asked for are kept with their status.
    let verdict = judged("[2] > 0 or [1] > 5000", "", &half);
    let facts: Vec<_> =
        verdict.facts.iter().map(|fact| (fact.code.as_str(), fact.value.as_deref(), fact.status.as_str())).collect();
    assert_eq!(facts, [("2", None, "missing_source"), ("1", Some("1"), "ok")]);
}

#[test]
fn a_star_stands_for_each_row() {
    let form = form("[*] >= 0", "");
    let (expr, _) = formula::parse("[*] >= 0");
    let each = audit::spread(&form, &form.rules[0], &expr.unwrap());
    let ids: Vec<_> = each.iter().map(|ready| (ready.id.as_str(), ready.expr.to_string())).collect();
    let expected = ["1", "2", "3", "4", "9"].map(|row| (format!("R:{row}"), format!("[{row}] >= 0")));
    assert_eq!(ids, expected.iter().map(|(id, expr)| (id.as_str(), expr.clone())).collect::<Vec<_>>());
}

#[test]
fn an_explanation_is_bound_to_the_figures() {
    let digest = |text: &str| format!("<{text}>");
    let said = |verdict: &Verdict| audit::Explanation {
        rule: "R".to_owned(),
        figures: audit::digest_of(verdict, &digest),
        ..audit::Explanation::default()
    };
    let first = judged("[1] >= [2]", "", &[("1", "1"), ("2", "2")]);
    let kept = [said(&first)];
    assert!(matches!(first.claim(&kept, &digest), audit::Claim::Holds(_)));
    for (figures, holds) in
        [([("1", "1"), ("2", "3")], false), ([("1", "0"), ("2", "2")], false), ([("1", "1"), ("2", "2")], true)]
    {
        let now = judged("[1] >= [2]", "", &figures);
        assert_eq!(matches!(now.claim(&kept, &digest), audit::Claim::Holds(_)), holds, "{figures:?}");
    }
    assert!(matches!(first.claim(&[], &digest), audit::Claim::None));
}

#[test]
fn an_explanation_says_something_that_can_be_looked_up() {
    let causes = audit::Causes::parse("causes.toml", audit::CAUSES).0.unwrap();
    for (cause, text, expected) in [
        ("price", "核实无误", vec!["explanation-empty"]),
        ("price", "经核实无误，数据属实。", vec!["explanation-empty"]),
        ("one-off", "经核实，数据准确无误，情况属实，2026年2月", vec!["explanation-empty"]),
        ("price", "", vec!["explanation-empty"]),
        ("price", "3月涨价", vec!["explanation-short"]),
        ("price", "由于行情变化较大所以有所波动是真实的", vec!["explanation-vague"]),
        ("prize", "核实无误", vec!["explanation-cause-unknown", "explanation-empty"]),
        ("price", "自3月起甲产品出厂价按新合同下调，见销售合同2025-018", vec![]),
        ("one-off", "一月购入数控机床一台，进项税额未抵扣完", vec![]),
        ("volume", "老客户华东机械的订单推迟到下一季度交货", vec![]),
    ] {
        let codes: Vec<_> = causes.check(cause, text, None).into_iter().map(|finding| finding.code.into_owned()).collect();
        assert_eq!(codes, expected, "{text}");
    }
    assert!(
        !causes.check("price", "3月起涨价5%", Some(20)).is_empty() && causes.check("price", "3月起涨价5%", Some(5)).is_empty()
    );
}

/// Rules of every kind that packs have, for the comparison of one by one with columns.
const RULES: &[&str] = &[
    "[1] >= [2]",
    "[1] = [2] + [3]",
    "[1] = [2] + [3] + [4] - coalesce([9], 0)",
    "[1] >= 0",
    "abs([1] / [2] - 1) <= 0.5",
    "[1] > 0 and [2] > 0 or [3] <> 0",
    "([1] > 0) = ([2] > 0)",
    "not ([1] > [2]) or [3] > [4]",
    "if([1] > 0, [2] / [1] <= 2, [3] = 0)",
    "if([1] > 0 and [2] > 0, [2], [3]) >= [4]",
    "max([1], [2]) >= min([3], [4])",
    "round([1] / 7, 2) <> round([2] / 7, 2)",
    "missing([4]) or [4] >= [3]",
    "coalesce([4], [3], 0) * 2 >= -[1]",
    "[1] * [2] >= [3]",
    "[1] < 100 * [2]",
    "[1] / [9] >= 1000",
];

#[test]
fn columns_give_the_verdicts_of_one_by_one() {
    let forms: Vec<Form> = RULES.iter().map(|rule| form(rule, "")).collect();
    let readies: Vec<Ready<'_>> = forms.iter().map(ready).collect();
    let own = [forms[0].clone()];
    let mut table = Table::new(&own, "T1");
    let program = Program::compile(&readies, &table).unwrap();
    let rows = 700;
    let mut seed = 42;
    let mut lanes = vec![Lane { values: vec![0; rows], states: vec![state::OK; rows] }; program.figures.len()];
    let mut expected = vec![Count::default(); RULES.len()];
    let mut hits = Vec::new();
    for row in 0..rows {
        for (figure, lane) in program.figures.iter().zip(&mut lanes) {
            let value = i128::from(next(&mut seed) % 7) - 2;
            let missing = [
                ("missing_account", state::ABSENT),
                ("missing_source", state::AWAITED),
                ("before_first_period", state::BEFORE),
                ("error", state::AWAITED),
            ];
            let missing = (next(&mut seed).is_multiple_of(6)).then(|| missing[next(&mut seed) as usize % missing.len()]);
            let divisor = i128::from(table.divisor("T1", &figure.row));
            lane.values[row] = value * divisor * 1_000_000_000;
            lane.states[row] = missing.map_or(state::OK, |(_, state)| state);
            let value = missing.map_or(Ok(Amount::from_whole(value).unwrap()), |(status, _)| Err(status));
            table.figures.insert((figure.form.clone(), figure.row.clone(), figure.column), value);
        }
        for (rule, ready) in readies.iter().enumerate() {
            let count = &mut expected[rule];
            match judge(ready, &table, month()).outcome {
                Outcome::Met => count.met += 1,
                Outcome::Unmet => {
                    count.unmet += 1;
                    hits.push((rule, row));
                }
                Outcome::NotApplicable => count.not_applicable += 1,
                Outcome::Undetermined => count.undetermined += 1,
            }
        }
    }
    let mut found = Vec::new();
    let counts = Machine::default().run(&program, &lanes, rows, |rule, row| found.push((rule, row)));
    for (rule, (count, expected)) in counts.iter().zip(&expected).enumerate() {
        assert_eq!(count, expected, "{}", RULES[rule]);
        assert!(count.met > 0 && count.unmet > 0, "{}: {count:?}", RULES[rule]);
    }
    hits.sort_unstable();
    assert_eq!(found, hits);
}

/// A filed form with one row: this month, cumulative and last year's.
fn filed(period: &str, row: &str, values: [&str; 3]) -> survey::document::Draft {
    use survey::document::{Cell, Column as Figure, Columns, Draft};
    let figure = |value: &str| {
        let known = value.parse::<Amount>().is_ok();
        let status = if known { "ok" } else { value };
        Some(Figure { value: known.then(|| value.to_owned()), status: status.to_owned(), ..Figure::default() })
    };
    let [month, to_date, before] = values.map(figure);
    let columns = Columns { this_month: month, cumulative: to_date, prior_year: before, ..Columns::default() };
    let cells = vec![Cell { id: row.to_owned(), columns, ..Cell::default() }];
    Draft { form: "T1".to_owned(), period: period.to_owned(), cells, ..Draft::default() }
}

#[test]
fn a_receiver_judges_filed_documents_by_the_same_rules() {
    use Outcome::{Met, NotApplicable, Undetermined, Unmet};
    let may = filed("2025-05", "1", ["10", "70", "60"]);
    for (rule, june, expected) in [
        ("[1] = [1].previous + [1].this_month", ["20", "90", "80"], Met),
        ("[1] = [1].previous + [1].this_month", ["20", "95", "80"], Unmet),
        ("abs([1] - [1].prior_year) <= 0.5 * [1].prior_year", ["20", "90", "59"], Unmet),
        ("abs([1] - [1].prior_year) <= 0.5 * [1].prior_year", ["20", "90", "before_first_period"], NotApplicable),
        ("[1] >= 0", ["20", "missing_source", "80"], Undetermined),
        ("[1] >= [2]", ["20", "90", "80"], NotApplicable),
        ("[1] >= [other:7]", ["20", "90", "80"], NotApplicable),
        ("[1] >= @revenue", ["20", "90", "80"], NotApplicable),
        ("[1] >= [outside:tax]", ["20", "90", "80"], NotApplicable),
        // Outside figures are of months: 30 000 元 in each of six is 180 000.
        ("[1] <= [outside:sales] / 2", ["20", "90", "80"], Met),
        ("[1].this_month < [outside:sales].this_month", ["30", "90", "80"], Unmet),
    ] {
        let form = form(rule, "");
        let forms = [form.clone()];
        let rows: Vec<String> = (1..=6).map(|month| format!("2025-{month:02}")).collect();
        let (outside, wrong) =
            audit::Outside::of("outside.csv", rows.iter().map(|period| (2, [period.as_str(), "sales", "30000"])));
        assert_eq!(wrong, []);
        let june = filed("2025-06", "1", june);
        let world = audit::Papers::new(&forms, "T1", [&may, &june], &outside);
        let verdict = judge(&ready(&form), &world, month());
        assert_eq!(verdict.outcome, expected, "{rule}: {verdict:?}");
    }
    // What was accumulated up to December is another year's.
    let form = form("[1] >= [1].previous", "");
    let forms = [form.clone()];
    let (january, outside) = (filed("2026-01", "1", ["5", "5", "4"]), audit::Outside::default());
    let world = audit::Papers::new(&forms, "T1", [&january], &outside);
    let verdict = judge(&ready(&form), &world, Month::new(2026, 1).unwrap());
    assert_eq!((verdict.outcome, verdict.gap.unwrap().code.as_str()), (NotApplicable, "rule-year-begins"));
}

#[test]
fn every_line_of_a_sheet_that_is_wrong_is_told() {
    let rows = [(2, ["2025-01", "a", "1"]), (3, ["2025-1", "a", "1"]), (4, ["2025-02", "a", "1,0"]), (5, ["2025-01", "a", "2"])];
    let (outside, wrong) = audit::Outside::of("o.csv", rows);
    let places: Vec<_> = wrong.iter().map(|finding| finding.place.as_str()).collect();
    assert_eq!(places, ["o.csv:3", "o.csv:4", "o.csv:5"]);
    assert_eq!(outside.names(), ["a"]);
}

const REPEATING: &str = r#"
form = "T1"
edition = "2025"
name = "试"
frequency = "monthly"
columns = ["cumulative", "opening"]
unit = "千元"
divisor = 1000
places = 0
header = { authority = "", document = "", valid_until = "", status = "recalled" }
[[row]]
code = "1"
name = "合计"
kind = "flow"
status = "recalled"
[[row]]
id = "by-goods"
name = "分类"
kind = "flow"
each = "commodity"
status = "recalled"
[[row]]
code = "5"
name = "库存"
kind = "stock"
status = "recalled"
[[row]]
code = "6"
name = "控股"
kind = "choice"
choices = ["1 国有", "3 私人"]
status = "recalled"
[[row]]
code = "7"
name = "开工"
kind = "text"
status = "recalled"
"#;

#[test]
fn a_receiver_adds_up_rows_that_it_learns_of_from_the_document() {
    use Outcome::{Met, NotApplicable, Undetermined, Unmet};
    use survey::document::{Cell, Column as Figure, Columns, Draft};
    let figure = |value: &str| {
        let known = !["", "missing_source"].contains(&value);
        let status = if known { "ok" } else { value }.to_owned();
        Some(Figure { value: known.then(|| value.to_owned()), status, ..Figure::default() })
    };
    let cell = |id: &str, column: &str, value: &str, repeats: Option<&str>| {
        let mut columns = Columns::default();
        match column {
            "cumulative" => columns.cumulative = figure(value),
            "closing" => columns.closing = figure(value),
            _ => columns.value = figure(value),
        }
        Cell { id: id.to_owned(), repeats: repeats.map(str::to_owned), columns, ..Cell::default() }
    };
    let draft = |period: &str, goods: &[&str], total: &str, stock: &str, texts: [&str; 2]| {
        let mut cells = vec![cell("1", "cumulative", total, None), cell("5", "closing", stock, None)];
        cells.extend(goods.iter().enumerate().map(|(at, value)| cell(&format!("G{at}"), "cumulative", value, Some("by-goods"))));
        cells.extend([cell("6", "value", texts[0], None), cell("7", "value", texts[1], None)]);
        Draft { form: "T1".to_owned(), period: period.to_owned(), cells, ..Draft::default() }
    };
    let (december, last_june) = (draft("2024-12", &[], "900", "40", ["", ""]), draft("2024-06", &[], "80", "30", ["", ""]));
    let outside = audit::Outside::default();
    let goods: &[&str] = &["10", "20", "30"];
    for (rule, goods, texts, expected) in [
        ("[1] = sum([by-goods])", goods, ["", ""], Met),
        // Three rows and their total can be rounded two thousand apart, and no more.
        ("[1] = sum([by-goods])", &["10", "20", "32"], ["", ""], Met),
        ("[1] = sum([by-goods])", &["10", "20", "33"], ["", ""], Unmet),
        ("[1] = sum([by-goods])", &["10", "missing_source"], ["", ""], Undetermined),
        // Of one row, nothing is forgiven.
        ("[1] = sum([by-goods])", &["61"], ["", ""], Unmet),
        // A document without any of them says nothing of their sum.
        ("[1] = sum([by-goods])", &[], ["", ""], NotApplicable),
        ("max([by-goods]) = 30000 and min([by-goods]) = 10000", goods, ["", ""], Met),
        // The balance of June of 50 was 40 when the year began.
        ("[5] - [5].opening = 10000", goods, ["", ""], Met),
        ("[1].opening = 0", goods, ["", ""], NotApplicable),
        ("[1].filed_last_year = 80000 and [5].filed_last_year = 30000", goods, ["", ""], Met),
        ("[G1].filed_last_year >= 0", goods, ["", ""], NotApplicable),
        ("is([6], \\\"3\\\") and year([7]) = 2025", goods, ["3 私人", "202503"], Met),
        ("is([6], \\\"3\\\")", goods, ["33 其他", ""], Unmet),
        // What stands empty on a document was left empty.
        ("filled([6])", goods, ["", ""], Unmet),
        ("months([7], [7]) = 0", goods, ["", "2025年3月"], Undetermined),
        ("length([1]) = 2", goods, ["", ""], NotApplicable),
    ] {
        let text = format!(
            "{REPEATING}\n[[rule]]\nid = \"R\"\nexpr = \"{rule}\"\nseverity = \"mandatory\"\ntext = \"试\"\nstatus = \"recalled\"\n"
        );
        let form = Form::parse("t1.toml", &text).0.unwrap_or_else(|| panic!("{rule}"));
        let forms = [form.clone()];
        let june = draft("2025-06", goods, "60", "50", texts);
        let world = audit::Papers::new(&forms, "T1", [&december, &last_june, &june], &outside);
        let verdict = judge(&ready(&form), &world, month());
        assert_eq!(verdict.outcome, expected, "{rule}: {verdict:?}");
    }
}

/// A rule that is about one sort of energy is asked of it alone, at both ends, and of nothing where a unit uses none of it.
#[test]
fn a_rule_of_one_sort_of_energy_is_asked_of_it_alone() {
    use survey::document::{Cell, Column as Figure, Columns, Draft};
    let shipped = |code: &str| {
        let text = survey::FORMS.iter().find(|(_, known, _)| *known == code).unwrap().2;
        Form::parse(code, text).0.unwrap()
    };
    let (whole, output) = (shipped("205-1"), shipped("B204-1"));
    let energy = |name: &str| -> survey::Product {
        survey::Repeat { each: "energy".to_owned(), code: name.to_owned(), name: name.to_owned(), item: None }.into()
    };
    let month = Month::new(2025, 3).unwrap();
    let cell = |id: &str, name: &str, repeats: Option<&str>, value: &str| {
        let figure = Figure { value: Some(value.to_owned()), status: "ok".to_owned(), ..Figure::default() };
        let columns = Columns { cumulative: Some(figure), ..Columns::default() };
        Cell { id: id.to_owned(), name: name.to_owned(), repeats: repeats.map(str::to_owned), columns, ..Cell::default() }
    };
    for (names, used, expected) in [
        (&["原煤", "电力"][..], "37.1", Some(Outcome::Unmet)),
        (&["原煤", "电力"][..], "37.05", Some(Outcome::Met)),
        (&["原煤"][..], "37.1", None),
    ] {
        let products: Vec<_> = names.iter().map(|name| energy(name)).collect();
        let (expanded, findings) = whole.clone().expanded(&products);
        assert_eq!(findings, []);
        let ours: Vec<_> =
            expanded.rules.iter().filter(|rule| rule.id.starts_with("ENG-04")).map(|rule| rule.id.clone()).collect();
        let at = whole.rules.iter().position(|rule| rule.id == "ENG-04").unwrap();
        let expr = formula::parse(whole.rules[at].expr.get_ref()).0.unwrap();
        let cells = names.iter().flat_map(|name| {
            let row = |code: &str, value| cell(&format!("{name}.{code}"), &format!("{name}：行"), Some(code), value);
            [row("c5", "20"), row("consumption", used)]
        });
        let of = |form: &str, cells: Vec<Cell>| Draft {
            form: form.to_owned(),
            period: "2025-03".to_owned(),
            cells,
            ..Draft::default()
        };
        let documents = [of("205-1", cells.collect()), of("B204-1", vec![cell("05", "企业用电量", None, "37.05")])];
        let (forms, outside) = ([whole.clone(), output.clone()], audit::Outside::default());
        let world = audit::Papers::new(&forms, "205-1", &documents, &outside);
        let theirs: Vec<_> = audit::spread(&whole, &whole.rules[at], &expr)
            .into_iter()
            .flat_map(|ready| audit::spread_over(ready, &documents[0]))
            .map(|ready| (ready.id.clone(), judge(&ready, &world, month).outcome))
            .collect();
        let asked = expected.map(|outcome| ("ENG-04.电力".to_owned(), outcome));
        assert_eq!(theirs, asked.into_iter().collect::<Vec<_>>());
        assert_eq!(ours, theirs.into_iter().map(|(id, _)| id).collect::<Vec<_>>());
    }
    let stray = survey::FORMS.iter().find(|(_, known, _)| *known == "B203").unwrap().2;
    let stray = stray.replacen("severity =", "only = [\"电力\"]\nseverity =", 1);
    assert_eq!(Form::parse("B203", &stray).1[0].code, "rule-only-unfit");
}

/// What a receiver asks of a form that is filled project by project is what the enterprise asks of it.
#[test]
fn rules_of_a_form_of_projects_are_asked_of_each_at_both_ends() {
    use survey::document::{Cell, Column as Figure, Columns, Draft};
    let text = survey::FORMS.iter().find(|(_, code, _)| *code == "107-1").unwrap().2;
    let whole = Form::parse("107-1", text).0.unwrap();
    let project = |code: &str| -> survey::Product {
        let (each, name) = ("project".to_owned(), format!("项目{code}"));
        survey::Repeat { each, code: code.to_owned(), name, item: None }.into()
    };
    let (expanded, findings) = whole.clone().expanded(&[project("A1"), project("B-2")]);
    assert_eq!(findings, []);
    let read = |form: &Form, at: usize| formula::parse(form.rules[at].expr.get_ref()).0.unwrap();
    let enterprise: Vec<(String, String)> = (0..expanded.rules.len())
        .flat_map(|at| audit::spread(&expanded, &expanded.rules[at], &read(&expanded, at)))
        .map(|ready| (ready.id, ready.expr.to_string()))
        .collect();
    // The document as the enterprise's form makes it: A1 runs for a year, B-2 for a month and across years without a stage.
    let says = |id: &str| match id {
        "A1.1" => "高效电机",
        "A1.6" => "202501",
        "A1.7" => "202512",
        "B-2.1" => "生产线改造",
        "B-2.6" => "202412",
        "B-2.7" => "202501",
        _ => "",
    };
    let cells = expanded.rows.iter().map(|row| {
        let value = Some(says(row.key())).filter(|text| !text.is_empty()).map(str::to_owned);
        let columns =
            Columns { value: Some(Figure { value, status: "ok".to_owned(), ..Figure::default() }), ..Columns::default() };
        Cell { id: row.key().to_owned(), repeats: row.repeats.clone(), columns, ..Cell::default() }
    });
    let document = Draft { form: "107-1".to_owned(), period: "2025-12".to_owned(), cells: cells.collect(), ..Draft::default() };
    let (forms, outside) = ([whole.clone()], audit::Outside::default());
    let world = audit::Papers::new(&forms, "107-1", [&document], &outside);
    let mut receiver = Vec::new();
    let mut unmet = Vec::new();
    for at in 0..whole.rules.len() {
        for ready in audit::spread(&whole, &whole.rules[at], &read(&whole, at)) {
            for ready in audit::spread_over(ready, &document) {
                receiver.push((ready.id.clone(), ready.expr.to_string()));
                if judge(&ready, &world, Month::new(2025, 12).unwrap()).outcome == Outcome::Unmet {
                    unmet.push(ready.id);
                }
            }
        }
    }
    let sorted = |mut rules: Vec<(String, String)>| {
        rules.sort();
        rules
    };
    assert_eq!(sorted(receiver), sorted(enterprise));
    assert_eq!(unmet, ["RD1-01.B-2", "RD1-02.B-2", "RD1-03.B-2"]);
}
