//! Sheets of every layout, and a planted difference of every kind, on a small book whose figures are worked out by hand.

use super::*;
use crate::{Engine, Mapping, Printed, Sources, Standard, Test, tests as read_tests};

/// A trading firm. 2024 is in the opening; 2025-01 and 02 are closed month by month (损益结转).
///
/// 6001 主营业务收入: Jan 1,000,000, Feb 400,000. 6051 其他业务收入: Feb 60,000. 6401 主营业务成本: Jan 700,000, Feb 250,000.
/// 6601 销售费用: Jan 30,000, Feb 20,000. 1122 甲: opening 200,000, Jan +1,130,000, Feb −530,000. 2202 乙: opening −90,000.
const BOOK: &str = r#"
title = "book"

[[test]]
name = "book"
form = "E203"
period = "2025-02"
given = [
    { account = "1002 银行存款", debit = "500000" },
    { account = "1122 应收账款", debit = "200000", party = "甲" },
    { account = "2202 应付账款", credit = "90000", party = "乙" },
    { account = "1405 库存商品", debit = "1300000" },
    { account = "1402 在途物资", debit = "37000" },
    { account = "4001 实收资本", credit = "1947000" },
    { account = "1122", period = "2025-01", debit = "1130000", party = "甲", voucher = "1" },
    { account = "6001 主营业务收入", period = "2025-01", credit = "1000000", voucher = "1" },
    { account = "2221 应交税费", period = "2025-01", credit = "130000", voucher = "1" },
    { account = "6401 主营业务成本", period = "2025-01", debit = "700000", voucher = "2" },
    { account = "1405", period = "2025-01", credit = "700000", voucher = "2" },
    { account = "6601 销售费用", period = "2025-01", debit = "30000", voucher = "3" },
    { account = "1002", period = "2025-01", credit = "30000", voucher = "3" },
    { account = "6001", period = "2025-01", debit = "1000000", voucher = "4", closing = true },
    { account = "6401", period = "2025-01", credit = "700000", voucher = "4", closing = true },
    { account = "6601", period = "2025-01", credit = "30000", voucher = "4", closing = true },
    { account = "4103 本年利润", period = "2025-01", credit = "270000", voucher = "4", closing = true },
    { account = "1002", period = "2025-02", debit = "530000", voucher = "5" },
    { account = "1122", period = "2025-02", credit = "530000", party = "甲", voucher = "5" },
    { account = "1002", period = "2025-02", debit = "460000", voucher = "6" },
    { account = "6001", period = "2025-02", credit = "400000", voucher = "6" },
    { account = "6051 其他业务收入", period = "2025-02", credit = "60000", voucher = "6" },
    { account = "6401", period = "2025-02", debit = "250000", voucher = "7" },
    { account = "1405", period = "2025-02", credit = "250000", voucher = "7" },
    { account = "6601", period = "2025-02", debit = "20000", voucher = "8" },
    { account = "1002", period = "2025-02", credit = "20000", voucher = "8" },
]
expect = {}
"#;

fn words() -> Words {
    Words::parse("mappings/headers.toml", HEADERS).0.unwrap()
}

fn mapping(layer: &str) -> Mapping {
    let (_, text) = crate::STANDARDS.iter().find(|(name, _)| *name == "cas").unwrap();
    let standard = Standard::parse("cas", text).0.unwrap();
    let (.., text) = crate::FORMS.iter().find(|(edition, code, _)| (*edition, *code) == ("2025", "E203")).unwrap();
    let form = Form::parse("E203", text).0.unwrap();
    let layer = format!("title = \"x\"\n{layer}");
    let (mapping, findings) = Mapping::assemble(&standard, vec![form], &[("layer.toml".to_owned(), layer)]);
    mapping.unwrap_or_else(|| panic!("{findings:?}"))
}

use crate::Form;

fn grid(text: &str) -> Grid {
    let rows = text.trim().lines().map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect());
    Grid { name: "台账".to_owned(), rows: rows.collect() }
}

fn told(text: &str, column: Option<Printed>) -> Reading {
    let mapping = mapping("");
    let words = words();
    let unit = ("913301060000000000", "示例公司");
    read(&grid(text), Wanted { form: mapping.form("E203").unwrap(), words: &words, unit, year: Some(2025), column })
}

fn examined(sheet: &str, layer: &str) -> Exam {
    examined_on(BOOK, sheet, layer)
}

fn examined_on(book: &str, sheet: &str, layer: &str) -> Exam {
    let mapping = mapping(layer);
    let test: Test = read_tests("book", book).0.unwrap().tests.remove(0);
    let (chart, findings) = test.chart(&mapping);
    assert_eq!(findings, []);
    let engine = Engine::new(&mapping, &chart, Sources { monthly: &test, annual: &test });
    let form = mapping.form("E203").unwrap();
    let words = words();
    let reading = read(&grid(sheet), Wanted { form, words: &words, unit: ("", ""), year: Some(2025), column: None });
    examine(Subject { engine: &engine, form, month: "2025-02".parse().unwrap(), words: &words }, reading)
}

/// The first cause of the only difference, its values, and the formula that is proposed.
fn cause(sheet: &str, layer: &str) -> (String, String, Option<String>) {
    let exam = examined(sheet, layer);
    assert_eq!(exam.differences.len(), 1, "{exam:#?}");
    let causes = &exam.differences[0].causes;
    let first = causes.first().unwrap_or_else(|| panic!("no cause: {exam:#?}"));
    let values: Vec<&str> = first.said.arguments.iter().map(|(_, value)| value.as_str()).collect();
    (first.said.code.to_string(), values.join(" "), first.change.as_ref().map(|change| change.formula.clone()))
}

/// The report of February as a statistician fills it, worked out from the figures above:
/// 应收 200 + 1,130 − 530 = 800; 存货 1,300 + 37 − 700 − 250 = 387; 收入 1,460 of which 460 in February; 成本 950; 销售费用 50.
const REPORT: &str = "
批发和零售业财务状况
单位详细名称：示例公司||计量单位：千元
指标名称|指标代码|本年||上年同期
||本月|1—本月|1—本月
应收账款|202||800|
存货|205||387|
一、营业收入|301|460|1,460|
减：营业成本|307|250|950|
销售费用|312|20|50|
";

#[test]
fn a_report_that_is_right_passes() {
    let exam = examined(REPORT, "");
    assert!(exam.passed(), "{exam:#?}");
    assert_eq!(exam.compared, 8);
    // Nothing compared is not passed.
    assert!(!examined("指标名称|本月\n", "").passed());
}

#[test]
fn decimals_and_units_of_the_sheet_are_what_it_is_held_to() {
    for sheet in [
        "单位：元|\n指标代码|指标名称|1-本月\n301|营业收入|1,460,000.00\n205|存货|387000",
        "指标代码|指标名称|计量单位|1-本月\n301|营业收入|万元|146\n205|存货|万元|38.7",
        "指标代码|指标名称|1-本月（万元）\n301|营业收入|146.00",
        "指标代码|指标名称|1-本月\n301|营业收入|1460.00",
    ] {
        let exam = examined(sheet, "");
        assert!(exam.passed(), "{sheet}: {exam:#?}");
    }
    assert!(!examined("指标代码|指标名称|1-本月\n301|营业收入|1460.01", "").passed());
}

#[test]
fn every_layout_is_read() {
    let figures = |reading: Reading| {
        let told = reading.told.iter();
        let mut told: Vec<String> = told
            .map(|told| {
                let month = told.month.map_or_else(String::new, |month| format!(" {month}"));
                format!("{} {}{month} {}", told.key, told.column.name(), told.value)
            })
            .collect();
        told.sort();
        told
    };
    // Months beside each other.
    let sheet = "指标代码|指标名称|2025年||\n||1月|2月|备注\n301|营业收入|1000|460|\n202|应收账款|1330|800|无";
    let expected =
        ["202 closing 2025-01 1330", "202 closing 2025-02 800", "301 this_month 2025-01 1000", "301 this_month 2025-02 460"];
    assert_eq!(figures(told(sheet, None)), expected);
    assert_eq!(figures(told(sheet, Some(Printed::Cumulative)))[2], "301 cumulative 2025-01 1000");
    // Months below each other.
    let sheet = "统计台账\n月份|营业收入|应收账款\n2025-01|1000|1330\n2025-02|460|800\n合计|1460|";
    assert_eq!(figures(told(sheet, None)), expected);
    // The portal's export: units in rows, one of them ours.
    let sheet = "统一社会信用代码|单位详细名称|报告期|[E203] 营业收入;本年-1—本月|营业收入;上年-1—本月|应收账款;本年-1—本月
        913301060000000001|别家|202502|9|9|9
        913301060000000000|示例公司|202502|1460|1300|800";
    let expected = ["202 closing 2025-02 800", "301 cumulative 2025-02 1460", "301 prior_year 2025-02 1300"];
    assert_eq!(figures(told(sheet, None)), expected);
    let absent = told("统一社会信用代码|营业收入;本年-本月\n913301060000000001|9", None);
    assert_eq!(absent.unclear[0].code, "sheet-unit-absent");
    // A column of its own for the month.
    let sheet = "报告期|指标代码|指标名称|1-本月|上年同期\n2025年2月|301|营业收入|1460|1300";
    assert_eq!(figures(told(sheet, None)), expected[1..]);
}

#[test]
fn what_is_not_understood_keeps_the_gate_shut() {
    for (row, code, place) in [
        ("301|营业成本|1460", "sheet-row-disagrees", "台账!A2"),
        ("9301|营业收入|1460", "sheet-row-disagrees", "台账!A2"),
        ("301|营业收入|约 1460", "sheet-figure-unreadable", "台账!C2"),
    ] {
        let exam = examined(&format!("指标代码|指标名称|1-本月\n{row}\n205|存货|387"), "");
        assert!(!exam.passed());
        assert_eq!((exam.compared, exam.differences.len()), (1, 0));
        assert_eq!((&*exam.unclear[0].code, exam.unclear[0].place.as_str()), (code, place));
    }
    // A row of another table is passed over, and told.
    let exam = examined("指标代码|指标名称|1-本月\nX|备用|3\n205|存货|387", "");
    assert!(exam.passed());
    assert_eq!(exam.notes[0].code, "sheet-row-unknown");
}

#[test]
fn a_sheet_of_names_and_amounts_is_read_by_the_columns_of_the_form() {
    let sheet = "2025年2月利润表|\n单位：元|\n项目|金额\n营业收入|1460000\n应收账款|800000\n说明|略";
    let reading = told(sheet, None);
    let figures: Vec<_> = reading.told.iter().map(|told| (told.key.as_str(), told.column, told.unit)).collect();
    let form = mapping("").form("E203").unwrap().columns[0];
    assert_eq!(figures, [("301", form, Some(1)), ("202", Printed::Closing, Some(1))]);
    assert_eq!(told(sheet, Some(Printed::ThisMonth)).told[0].column, Printed::ThisMonth);
    // Beside a column with a name, 金额 is something else.
    assert_eq!(told("项目|1-本月|金额\n营业收入|1460|9", None).told.len(), 1);
}

#[test]
fn accounts_that_are_no_siblings_are_not_put_together() {
    // The sheet says 387 more: exactly 库存商品 350 and 在途物资 37, which are no receivables and no siblings.
    let exam = examined(&format!("{HEAD}202|应收账款||1187"), "");
    let sets = exam.differences[0].causes.iter().filter(|cause| cause.change.is_some());
    let sets: Vec<&str> = sets.map(|cause| cause.said.arguments[0].1.as_str()).collect();
    assert!(sets.iter().all(|accounts| !accounts.contains(", ")), "{sets:?}");
}

const HEAD: &str = "指标代码|指标名称|本月|1-本月|上年同期\n";

#[test]
fn an_account_that_the_mapping_lacks_is_found() {
    let narrow = "[cell.\"E203:301\"]\nformula = \"SL(6001,,贷)\"\nwhy = \"x\"";
    let found = cause(&format!("{HEAD}301|营业收入||1460"), narrow);
    let formula = "SL(6001,,贷) + SL(6051,, 贷)".to_owned();
    assert_eq!(found, ("exam-cause-account".to_owned(), "6051 其他业务收入 60000.00 +".to_owned(), Some(formula.clone())));
    // The change that is proposed removes the difference.
    let change = Change { cell: "E203:301".to_owned(), formula };
    assert!(examined(&format!("{HEAD}301|营业收入|460|1460"), &change.toml("建议")).passed());
}

#[test]
fn an_account_that_the_mapping_takes_too_much_is_found() {
    let found = cause(&format!("{HEAD}205|存货||350"), "");
    let formula = Some("@inventory - QM(1402,, 借)".to_owned());
    assert_eq!(found, ("exam-cause-account-extra".to_owned(), "1402 在途物资 37000.00".to_owned(), formula));
}

/// A rounded sheet is met by some set of many small accounts whatever it says: no such set is proposed. One account that fits is.
#[test]
fn accounts_that_fit_by_chance_are_not_proposed() {
    let costs = |amounts: &[i32]| {
        let lines = amounts.iter().enumerate().map(|(at, amount)| {
            let account = format!("6602{:02} 费用{at}", at + 1);
            format!(
                "    {{ account = \"{account}\", period = \"2025-02\", debit = \"{amount}\", voucher = \"9\" }},\n    \
                 {{ account = \"1002\", period = \"2025-02\", credit = \"{amount}\", voucher = \"9\" }},\n"
            )
        });
        BOOK.replace("]\nexpect", &(lines.collect::<String>() + "]\nexpect"))
    };
    // Twenty of 1,100 to 3,000: three of them make any 6,000 within half a thousand.
    let many: Vec<i32> = (1..=20).map(|at| 1000 + at * 100).collect();
    let sheet = REPORT.replace("|20|50|", "|26|56|");
    let proposed = |amounts: &[i32]| {
        let exam = examined_on(&costs(amounts), &sheet, "");
        let causes = exam.differences.iter().flat_map(|difference| &difference.causes);
        causes.filter_map(|cause| cause.change.as_ref().map(|change| change.formula.clone())).collect::<Vec<_>>()
    };
    assert!(proposed(&many).iter().all(|formula| !formula.contains("6602")), "{:?}", proposed(&many));
    let one: Vec<i32> = many.iter().copied().chain([6000]).collect();
    assert!(proposed(&one).iter().any(|formula| formula.contains("660221")), "{:?}", proposed(&one));
}

#[test]
fn tax_rounding_sign_and_unit_are_found() {
    for (row, code, values, formula) in [
        // 1,460 × 1.13 = 1,649.8
        ("301|营业收入||1650", "exam-cause-tax", "in 13", Some("@revenue * 113 / 100")),
        // 950 ÷ 1.06 = 896.226…
        ("307|营业成本||896.23", "exam-cause-tax", "out 6", Some("@cost_of_sales * 100 / 106")),
        ("301|营业收入||1461", "exam-cause-rounding", "1460000.00", None),
        ("312|销售费用||-50", "exam-cause-sign", "", Some("-@selling_expenses")),
        ("301|营业收入||1460000", "exam-cause-unit", "元 千元 1000", None),
        ("301|营业收入||146", "exam-cause-unit", "万元 千元 10", None),
    ] {
        let found = cause(&format!("{HEAD}{row}"), "");
        assert_eq!(found, (code.to_owned(), values.to_owned(), formula.map(str::to_owned)), "{row}");
    }
}

#[test]
fn another_month_and_another_column_are_found() {
    for (row, code, values) in [
        // January's revenue, and what was filled into the wrong column.
        ("301|营业收入|1000|", "exam-cause-month", "2025-01"),
        ("301|营业收入||460", "exam-cause-column", "this_month"),
        ("202|应收账款||1330", "exam-cause-month", "2025-01"),
    ] {
        let found = cause(&format!("{HEAD}{row}"), "");
        assert_eq!((found.0.as_str(), found.1.as_str()), (code, values), "{row}");
    }
}

#[test]
fn a_mean_where_a_closing_belongs_is_found() {
    // (1,330 + 800) ÷ 2 at the ends of January and February; (200 + 800) ÷ 2 of the year.
    let found = cause(&format!("{HEAD}202|应收账款||1065"), "");
    assert_eq!((found.0.as_str(), found.1.as_str()), ("exam-cause-average", "month"));
    assert!(found.2.is_some_and(|formula| formula.contains("QC({1122, 2203}, detail=借)")));
    let found = cause(&format!("{HEAD}202|应收账款||500"), "");
    assert_eq!((found.0.as_str(), found.1.as_str()), ("exam-cause-average", "year"));
}

#[test]
fn closing_vouchers_in_or_out_are_found() {
    // Debit less credit since January: January was closed, so that February's 460 and costs of 250 are left.
    let found = cause(&format!("{HEAD}307|营业成本||250"), "");
    // 250 is also the month alone: both are told.
    assert_eq!(found.0, "exam-cause-column");
    let exam = examined(&format!("{HEAD}307|营业成本||250"), "");
    let codes: Vec<&str> = exam.differences[0].causes.iter().map(|cause| &*cause.said.code).collect();
    assert!(codes.contains(&"exam-cause-closing"), "{codes:?}");
    // The mapping takes the net turnover, closing vouchers and all; the sheet does not.
    let net = "[cell.\"E203:312\"]\nformula = \"JE(6601, 累计)\"\nwhy = \"x\"";
    let found = cause(&format!("{HEAD}312|销售费用||50"), net);
    assert_eq!(found, ("exam-cause-closing".to_owned(), "out".to_owned(), Some("SL(6601, side=借)".to_owned())));
}

#[test]
fn a_figure_that_the_books_do_not_have_is_explained_too() {
    let none = "[cell.\"E203:312\"]\nformula = \"SL(9999,,借)\"\nwhy = \"x\"";
    let exam = examined(&format!("{HEAD}312|销售费用||50"), none);
    let difference = &exam.differences[0];
    assert_eq!((difference.ours, difference.status.as_str()), (None, "missing_account"));
    let codes: Vec<&str> = difference.causes.iter().map(|cause| &*cause.said.code).collect();
    assert_eq!(codes[..2], ["exam-cause-missing", "exam-cause-account"]);
    assert_eq!(difference.causes[1].said.arguments[0].1, "6601 销售费用");
}

#[test]
fn what_explains_many_cells_comes_first() {
    // The whole sheet in 元 under a heading that says nothing. One figure alone could be many things.
    let exam = examined(&format!("{HEAD}301|营业收入|460000|1460000\n307|营业成本|250000|950000\n312|销售费用|20000|50000"), "");
    assert_eq!(exam.differences.len(), 6);
    for difference in &exam.differences {
        assert_eq!(difference.causes[0].said.code, "exam-cause-unit", "{difference:#?}");
    }
}

#[test]
fn no_sheet_panics() {
    // Ragged rows, headings without rows, cells of other worlds.
    for text in
        ["", "|", "指标代码", "|||指标名称\n|", "本月|1-本月\n1|2", "营业收入;本年-本月", ";本月\n1", "月份\n2025-01", "[|]|;"]
    {
        let reading = told(text, None);
        assert!(reading.told.is_empty(), "{text}: {reading:?}");
    }
}

/// What is told, as indicator, column and value.
fn shown(text: &str) -> Vec<(String, Printed, String)> {
    told(text, None).told.into_iter().map(|told| (told.key, told.column, told.value.to_string())).collect()
}

#[test]
fn headings_in_two_rows_are_read_together_whichever_of_them_names_the_indicator() {
    use Printed::{Cumulative, PriorYear, PriorYearMonth, ThisMonth};
    let four = [(ThisMonth, "460"), (PriorYearMonth, "410"), (Cumulative, "1460"), (PriorYear, "1300")];
    let four = four.map(|(column, value)| ("301".to_owned(), column, value.to_owned()));
    for head in [
        // Merged cells have their text in the first: those of the name reach down, those of 本月 to the right.
        "指标名称|指标代码|本月||1—本月|\n||本年|上年|本年|上年",
        "||本月||1—本月|\n指标名称|指标代码|本年|上年同期|本年|上年同期",
        "财务状况|||||\n||||计量单位：千元|\n指标|代码|本月||累计|\n||本年|上年|本年|上年",
    ] {
        let head = head.replace("累计|", "1—本月|");
        assert_eq!(shown(&format!("{head}\n营业收入|301|460|410|1460|1300\n")), four, "{head}");
    }
    // 本年 below 本月 is the month, and not the year.
    let two = shown("||本月|\n指标名称|指标代码|本年|上年\n营业收入|301|460|410\n");
    assert_eq!(two, four[..2]);
    // A heading that means no column of the form is none of them.
    let odd = shown("指标名称|指标代码|本月|||备注\n||本年|上年|增减%|\n营业收入|301|460|410|12.2|7\n");
    assert_eq!(odd, four[..2]);
}

#[test]
fn a_ledger_with_columns_below_each_indicator_is_read() {
    use Printed::{Cumulative, ThisMonth};
    let text = "月份|营业收入||营业成本|\n|本月|累计|本月|累计\n1月|1000|1000|700|700\n2月|460|1460|250|950\n";
    let expected = [
        ("301", ThisMonth, "1000"),
        ("301", Cumulative, "1000"),
        ("307", ThisMonth, "700"),
        ("307", Cumulative, "700"),
        ("301", ThisMonth, "460"),
        ("301", Cumulative, "1460"),
        ("307", ThisMonth, "250"),
        ("307", Cumulative, "950"),
    ];
    assert_eq!(shown(text), expected.map(|(key, column, value)| (key.to_owned(), column, value.to_owned())));
    let months: Vec<String> = told(text, None).told.iter().map(|told| told.month.unwrap().to_string()).collect();
    assert_eq!(months[3..5], ["2025-01", "2025-02"]);
}
