//! The exam: a report filled by hand from the ERP's own figures passes; one with planted mistakes does not, and each mistake is explained.

use std::fs;

use rust_xlsxwriter::{Format, Workbook};
use serde_json::Value;

use crate::{
    Site,
    drafts::{site, tryton_book, tryton_lines},
    hand::{
        Books,
        How::{self, Missing, NoSource},
        Money, TRYTON_B203, columns, thousands,
    },
};

fn prepared() -> (Site, Books) {
    let site = site(&tryton_book("1", "first_period = \"2025-01\"\n"), &["B203"], "tryton-hz.toml");
    site.ok(&["pull"]);
    let books = Books::new("tryton", "1", &tryton_lines(&site, "1"));
    (site, books)
}

/// One figure by hand, in 元.
fn by_hand(books: &Books, id: &str, column: &str, month: &'static str) -> Option<Money> {
    let (_, how) = TRYTON_B203.iter().find(|(known, _)| *known == id)?;
    if matches!(how, Missing | NoSource) {
        return None;
    }
    let (_, months) = columns(*how, month).into_iter().find(|(known, _)| *known == column)?;
    Some(months?.iter().map(|month| books.amount(*how, month)).sum())
}

/// Headings in two rows, and where each column's figures stand.
const COLUMNS: [(&str, &str, &str); 4] = [
    ("本年", "本月", "this_month"),
    ("", "1—本月", "cumulative"),
    ("上年同期", "本月", "prior_year_month"),
    ("", "1—本月", "prior_year"),
];

/// The other way round, in merged cells, with the names of the first columns in the second row.
const MERGED: [(&str, &str, &str); 4] = [
    ("本月", "本年", "this_month"),
    ("", "上年", "prior_year_month"),
    ("1—本月", "本年", "cumulative"),
    ("", "上年", "prior_year"),
];

/// The report as a statistician fills it from the ERP's trial balances; `change` plants mistakes, in the form's unit.
fn report(site: &Site, books: &Books, month: &'static str, change: &dyn Fn(&str, &str, String) -> String) -> usize {
    filled(site, books, month, &COLUMNS, change)
}

fn filled(
    site: &Site,
    books: &Books,
    month: &'static str,
    headings: &[(&str, &str, &'static str); 4],
    change: &dyn Fn(&str, &str, String) -> String,
) -> usize {
    let merged = headings == &MERGED;
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.set_name("B203").unwrap();
    sheet.write_string(0, 0, "财务状况").unwrap();
    sheet.write_string(1, 0, "单位详细名称：示例").unwrap();
    sheet.write_string(1, 4, "计量单位：千元").unwrap();
    for (at, text) in [(0, "指标名称"), (1, "指标代码")] {
        sheet.write_string(if merged { 3 } else { 2 }, at, text).unwrap();
    }
    for (at, (upper, lower, _)) in (2..).zip(headings) {
        if !merged {
            sheet.write_string(2, at, *upper).unwrap();
        } else if !upper.is_empty() {
            sheet.merge_range(2, at, 2, at + 1, upper, &Format::new()).unwrap();
        }
        sheet.write_string(3, at, *lower).unwrap();
    }
    let mut written = 0;
    for (row, (id, how)) in (4..).zip(TRYTON_B203) {
        sheet.write_string(row, 1, *id).unwrap();
        for (at, (_, _, column)) in (2..).zip(*headings) {
            // A balance stands under 1—本月, as the form has no column of its own for it.
            let stock = matches!(how, How::Stock { .. });
            let of = if stock && column == "cumulative" { "closing" } else { column };
            let Some(raw) = by_hand(books, id, of, month) else { continue };
            let value: f64 = change(id, of, thousands(raw)).parse().unwrap();
            sheet.write_number(row, at, value).unwrap();
            written += 1;
        }
    }
    book.save(site.path("report.xlsx")).unwrap();
    written
}

fn exam(site: &Site, month: &str, more: &[&str]) -> (Option<i32>, Value) {
    let args = ["--format", "json", "exam", "--against", "report.xlsx", "--form", "B203", "--period", month];
    let out = site.run(&[&args[..], more].concat());
    let text = String::from_utf8(out.stdout).unwrap();
    let json = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&out.stderr)));
    (out.status.code(), json)
}

#[test]
fn a_report_made_by_hand_from_the_erps_own_balances_passes() {
    let (site, books) = prepared();
    for month in ["2025-06", "2025-12", "2026-02"] {
        let written = report(&site, &books, month, &|_, _, value| value);
        let (code, exam) = exam(&site, month, &[]);
        assert_eq!((code, exam["passed"].as_bool()), (Some(0), Some(true)), "{month}: {exam:#}");
        // Every figure of the sheet was compared; last year's columns are there from 2026 on.
        assert_eq!(exam["compared"].as_u64(), Some(written as u64), "{month}");
        assert!(written >= if month == "2026-02" { 60 } else { 30 }, "{written}");
    }
    // 本年 and 上年 below 本月 and 1—本月, in merged cells.
    let written = filled(&site, &books, "2026-02", &MERGED, &|_, _, value| value);
    let (code, read) = exam(&site, "2026-02", &[]);
    assert_eq!((code, read["compared"].as_u64()), (Some(0), Some(written as u64)), "{read:#}");
    // The same as the portal would export it: GBK, one row, indicator;column.
    let figure = |id: &str, column: &str| thousands(by_hand(&books, id, column, "2025-12").unwrap());
    let text = format!(
        "统一社会信用代码,单位详细名称,营业收入;本年-1—本月,营业收入;本年-本月,营业成本;本年-1—本月,资产总计;本年-1—本月\n\
         913301060000000001,别家,1,2,3,4\n913301060000000000,示例,{},{},{},{}\n",
        figure("301", "cumulative"),
        figure("301", "this_month"),
        figure("307", "cumulative"),
        figure("213", "closing")
    );
    let (bytes, _, lost) = encoding_rs::GBK.encode(&text);
    assert!(!lost && std::str::from_utf8(&bytes).is_err());
    fs::write(site.path("portal.csv"), bytes).unwrap();
    let args = ["exam", "--against", "portal.csv", "--form", "B203", "--period", "2025-12"];
    let out = site.run(&args);
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(0), "{said}");
    assert!(said.contains("[exam-passed]") && said.contains("all 4 figures agree"), "{said}");
    // A workbook of the format before 2007, made by another program: see tests/data/sheets/make.py.
    let old = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sheets/report.xls");
    let args = ["exam", "--against", old.to_str().unwrap(), "--form", "B203", "--period", "2025-12", "--format", "json"];
    let out = site.run(&args);
    let read: Value = serde_json::from_slice(&out.stdout).unwrap();
    let differences = read["differences"].as_array().unwrap();
    let mut cells: Vec<[&str; 4]> =
        differences.iter().map(|found| ["code", "column", "cell", "theirs"].map(|name| found[name].as_str().unwrap())).collect();
    cells.sort_unstable();
    let expected = [
        ["202", "closing", "财务状况!E5", "800"],
        ["301", "cumulative", "财务状况!E6", "1460.25"],
        ["301", "this_month", "财务状况!C6", "460"],
        ["307", "cumulative", "财务状况!E7", "950"],
        ["307", "this_month", "财务状况!C7", "250"],
    ];
    assert_eq!(cells, expected);
    assert_eq!((out.status.code(), read["compared"].as_u64()), (Some(1), Some(5)));
    // A sheet without a figure of the form opens no gate.
    fs::write(site.path("empty.csv"), "指标代码,指标名称,本月\n").unwrap();
    site.refused(&["exam", "--against", "empty.csv", "--form", "B203", "--period", "2025-12"], 1, &["sheet-without-figures"]);
}

#[test]
fn each_planted_mistake_is_found_and_explained() {
    let (site, books) = prepared();
    let month = "2026-02";
    let money = |text: &str| text.parse::<i64>().unwrap();
    let hand = |id: &str, column: &str, month: &'static str| by_hand(&books, id, column, month).unwrap();
    // Thousands of a figure in 元 times a ratio, rounded once.
    let times = |raw: Money, by: Money, of: Money| thousands(raw * by / of);
    let mean = (hand("202", "closing", "2026-01") + hand("202", "closing", "2026-02")) / 2;
    report(&site, &books, month, &|id, column, value| match (id, column) {
        ("301", "cumulative") => times(hand("301", "cumulative", "2026-02"), 113, 100),
        ("307", "cumulative") => (money(&value) + 1).to_string(),
        ("312", "cumulative") => (-money(&value)).to_string(),
        ("313", "cumulative") => thousands(hand("313", "prior_year", "2026-02")),
        ("201", "closing") => thousands(hand("201", "closing", "2026-01")),
        ("202", "closing") => thousands(mean),
        ("213", "closing") => (hand("213", "closing", "2026-02") / 1_000_000).to_string(),
        // 资产总计 was filled in here without the machines' depreciation.
        ("217", "closing") => thousands(hand("217", "closing", "2026-02") - books.balance("2026-02", "2.3.2.01").abs()),
        _ => value,
    });
    let (code, exam) = exam(&site, month, &[]);
    assert_eq!((code, exam["passed"].as_bool()), (Some(1), Some(false)));
    let differences = exam["differences"].as_array().unwrap();
    let expected = [
        ("201", "exam-cause-month", "2026-01"),
        ("202", "exam-cause-average", "month"),
        ("213", "exam-cause-unit", "元"),
        ("217", "exam-cause-account-extra", "2.3.2.01"),
        ("301", "exam-cause-tax", "13"),
        ("307", "exam-cause-rounding", ""),
        ("312", "exam-cause-sign", ""),
        ("313", "exam-cause-column", "prior_year"),
    ];
    let ids: Vec<&str> = differences.iter().map(|difference| difference["code"].as_str().unwrap()).collect();
    assert_eq!(ids, expected.map(|(id, ..)| id), "{exam:#}");
    for (difference, (id, code, value)) in differences.iter().zip(expected) {
        let causes = difference["causes"].as_array().unwrap();
        let found = causes.iter().find(|cause| cause["code"] == code).unwrap_or_else(|| panic!("{id}: {causes:#?}"));
        let values = found["arguments"].as_object().unwrap().values();
        assert!(value.is_empty() || values.into_iter().any(|text| text.as_str().unwrap().contains(value)), "{id}: {found}");
        assert!(difference["cell"].as_str().unwrap().starts_with("B203!"), "{difference}");
    }
    // Of all explanations the planted one is told first, but where a figure of few digits fits more than one.
    let first = differences.iter().zip(expected).filter(|(found, (_, code, _))| found["causes"][0]["code"] == *code).count();
    assert!(first >= 7, "{first} of 8: {exam:#}");
}

#[test]
fn a_proposed_change_removes_the_difference_it_was_proposed_for() {
    let (site, books) = prepared();
    report(&site, &books, "2025-12", &|_, _, value| value);
    // A layer that forgot an account: 财务费用 without 汇兑损益 or 利息支出.
    let layer = "title = \"本单位\"\n\n[cell.\"B203:317\"]\nformula = \"SL(6.2.1.01,,借)\"\nwhy = \"漏了一个科目\"\n";
    fs::write(site.path("own.toml"), layer).unwrap();
    let config = fs::read_to_string(site.path("agent.toml")).unwrap();
    let with = |layer: &str| config.replace("[\"tryton-hz.toml\"]", &format!("[\"tryton-hz.toml\", \"{layer}\"]"));
    fs::write(site.path("agent.toml"), with("own.toml")).unwrap();
    let (code, exam) = exam(&site, "2025-12", &["--proposals", "proposals.toml"]);
    assert_eq!(code, Some(1));
    let causes = &exam["differences"][0]["causes"];
    assert_eq!(causes[0]["code"], "exam-cause-account", "{exam:#}");
    assert!(causes[0]["arguments"]["accounts"].as_str().unwrap().starts_with("6.2.6.01"), "{causes}");
    assert_eq!(causes[0]["change"]["formula"], "SL(6.2.1.01,,借) + SL(6.2.6.01,, 借)");
    // It is not applied by itself: a person makes a layer of it, and then the gate is open.
    assert_eq!(self::exam(&site, "2025-12", &[]).0, Some(1));
    let proposals = fs::read_to_string(site.path("proposals.toml")).unwrap();
    fs::write(site.path("proposed.toml"), format!("title = \"采纳\"\n{proposals}")).unwrap();
    fs::write(site.path("agent.toml"), with("proposed.toml")).unwrap();
    let (code, exam) = self::exam(&site, "2025-12", &[]);
    assert_eq!(code, Some(0), "{exam:#}\n{proposals}");
}

#[test]
fn the_tests_of_a_layer_run_without_a_book() {
    let site = Site::new("");
    fs::remove_file(site.path("agent.toml")).unwrap();
    for file in ["tests/cas.toml", "tests/small-business.toml", "examples/tryton-hz.toml"] {
        let path = crate::data("../../mappings").join(file);
        let text = site.ok(&["--format", "csv", "mapping", "test", path.to_str().unwrap()]);
        assert!(crate::csv(&text).iter().all(|row| row["result"] == "passed") && text.lines().count() > 3, "{text}");
    }
    let failing = "title = \"x\"\n[[test]]\nname = \"t\"\nform = \"B203\"\nperiod = \"2025-01\"\n\
                   given = [{ account = \"6001 主营业务收入\", period = \"2025-01\", credit = \"1600\" }]\n[test.expect]\n\"301\" = \"3\"\n";
    fs::write(site.path("layer.toml"), failing).unwrap();
    let words = ["mapping-test-failed", "layer.toml:8:1", "301 should be 3 and is 2", "(6001 1600)"];
    site.run(&["mapping", "test", "layer.toml"]);
    let out = site.run(&["mapping", "test", "layer.toml"]);
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1), "{said}");
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
}
