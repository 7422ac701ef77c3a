//! Formulas of other tools, imported and used on a real book; figures that were filed before, loaded beside what is computed.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

use rust_xlsxwriter::{Formula, Workbook};
use serde_json::Value;

use crate::{
    Site, csv,
    drafts::{site, tryton_book, tryton_lines},
    hand::{Books, TRYTON_B203, columns, thousands},
};

fn prepared(first: &str) -> Site {
    let site = site(&tryton_book("1", first), &["B203"], "tryton-hz.toml");
    let config = fs::read_to_string(site.path("agent.toml")).unwrap();
    fs::write(site.path("agent.toml"), config + "\n[[person]]\nid = \"wujing\"\nname = \"吴静\"\nroles = [\"preparer\"]\n")
        .unwrap();
    site
}

/// Puts a layer on top of the others.
fn layered(site: &Site, layer: &str) {
    let config = fs::read_to_string(site.path("agent.toml")).unwrap();
    let config = config.replace("[\"tryton-hz.toml\"]", &format!("[\"tryton-hz.toml\", \"{layer}\"]"));
    fs::write(site.path("agent.toml"), config).unwrap();
}

/// What a draft says of the indicators, beside the hand calculation.
fn equals_hand(site: &Site, month: &'static str, ids: &[&str], layer: &str) {
    let books = Books::new("tryton", "1", &tryton_lines(site, "1"));
    site.ok(&["build", "--form", "B203", "--period", month]);
    let draft = site.ok(&["draft", "export", "--form", "B203", "--period", month, "--to", "json"]);
    let draft: Value = serde_json::from_str(&draft).unwrap();
    for id in ids {
        let cell = draft["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == **id).unwrap();
        assert!(cell["place"].as_str().unwrap().starts_with(layer), "{id} is not from the layer: {cell}");
        let (_, how) = TRYTON_B203.iter().find(|(known, _)| known == id).unwrap();
        for (column, months) in columns(*how, month) {
            let Some(months) = months else { continue };
            let expected = months.iter().map(|month| books.amount(*how, month)).sum();
            let found = cell["columns"][column]["value"].as_str();
            assert_eq!(found, Some(&*thousands(expected)), "{id} {column}, {month}: {}", cell["formula"]);
        }
    }
}

/// 用友 UFO, as it is copied from a sheet, with full-width punctuation here and there.
const UFO: &str = r#"# 财务状况
B203:206 = QM("1.3.4.01",月,,,年,,)
301＝LFS（"4.1.1.01",月,"贷"）－LFS("4.1.1.01",月,"借")+LFS("4.1.2.01",月,"贷",,年,,)-LFS("4.1.2.01",月,"借")
营业成本 = LFS("5.2.1.01",月,"借")-LFS("5.2.1.01",月,"贷")+LFS("5.1.3",月,"借")-LFS("5.1.3",月,"贷")
401 = LFS("2.2.4.01",月,"贷")+LFS("2.2.4.02",月,"贷",,,,)
B203:319 = TFS("6.2.6.01",月,"借","利息")
"#;

#[test]
fn ufo_formulas_give_the_figures_of_the_real_book() {
    let site = prepared("first_period = \"2025-01\"\n");
    site.ok(&["pull"]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_taizhang"))
        .current_dir(site.folder.path())
        .args(["--lang", "en", "--format", "csv", "mapping", "import", "--form", "B203", "--out", "ufo.toml"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(UFO.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(0), "{said}");
    // Line and column of what was not understood, and why the rest was read as UFO.
    for word in ["[import-function] stdin:6:12", "TFS", "[import-dialect] stdin: read as ufo: 11 of 11"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let rows = csv(&String::from_utf8(out.stdout).unwrap());
    let row = |target: &str| rows.iter().find(|row| row["target"] == target).unwrap_or_else(|| panic!("{rows:?}"));
    assert_eq!((row("B203:206")["formula"].as_str(), row("B203:206")["result"].as_str()), ("QM(1.3.4.01)", "understood"));
    assert_eq!(
        row("B203:307")["formula"],
        "LFS(5.2.1.01, side=借) - LFS(5.2.1.01, side=贷) + LFS(5.1.3, side=借) - LFS(5.1.3, side=贷)"
    );
    assert_eq!(row("B203:319")["result"], "not-imported");
    let layer = fs::read_to_string(site.path("ufo.toml")).unwrap();
    assert!(layer.contains("# original: QM(\"1.3.4.01\",月,,,年,,)\n[cell.\"B203:206\"]\nformula = \"QM(1.3.4.01)\""), "{layer}");
    layered(&site, "ufo.toml");
    site.ok(&["mapping", "check"]);
    equals_hand(&site, "2025-12", &["206", "301", "307", "401"], "ufo.toml");
    equals_hand(&site, "2026-02", &["206", "301", "307", "401"], "ufo.toml");
}

#[test]
fn acct_formulas_of_a_workbook_give_the_figures_of_the_real_book() {
    let site = prepared("first_period = \"2025-01\"\n");
    site.ok(&["pull"]);
    let mut book = Workbook::new();
    book.add_worksheet().set_name("封面").unwrap().write_string(0, 0, "报表").unwrap();
    let sheet = book.add_worksheet().set_name("利润表").unwrap();
    let rows = [
        ["指标代码", "指标名称", "本月", "1—本月", "上年同期"],
        [
            "301",
            "营业收入",
            "",
            r#"=ACCT("4.1.1.01:4.1.2.01","SL","",0,0,0,"")"#,
            r#"=ACCT("4.1.1.01:4.1.2.01","SL","",-1,0,0,"")"#,
        ],
        ["", "产品成本", "", r#"ACCT("5.2.1.01","SL","",0,0,0,"")"#, ""],
        ["", "采购价差", "", r#"ACCT("5.1.3","SL","RMB",0,0,0,"")"#, ""],
        ["206", "产成品", "", r#"ACCT("1.3.4.01","Y","",0,0,0,"")"#, ""],
        ["401", "应付职工薪酬", "", r#"ACCT("2.2.4.01:2.2.4.02","DL","",0,0,0,"")"#, ""],
        ["", "预算", "", r#"ACCT("5.1.3","BG","",0,0,0,"")"#, ""],
    ];
    for (row, texts) in (0..).zip(rows) {
        for (column, text) in (0..).zip(texts) {
            sheet.write_string(row, column, text).unwrap();
        }
    }
    // A formula of the spreadsheet itself: D3 + D4.
    sheet.write_string(7, 0, "307").unwrap();
    sheet.write_string(7, 1, "营业成本").unwrap();
    sheet.write_formula(7, 3, Formula::new("=SUM(D3:D4)")).unwrap();
    book.save(site.path("kingdee.xlsx")).unwrap();
    let out = site.run(&["mapping", "import", "kingdee.xlsx", "--form", "B203", "--out", "k3.toml"]);
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(0), "{said}");
    for word in [
        "read as kingdee-k3: 5 of 5",
        "[import-other-column] kingdee.xlsx, 利润表!E2",
        "[import-argument] kingdee.xlsx, 利润表!D7:",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let layer = fs::read_to_string(site.path("k3.toml")).unwrap();
    assert!(layer.contains("[cell.\"B203:307\"]\nformula = \"@d3 + @d4\""), "{layer}");
    layered(&site, "k3.toml");
    equals_hand(&site, "2025-12", &["301", "307", "206", "401"], "k3.toml");
    equals_hand(&site, "2026-02", &["301", "307", "206", "401"], "k3.toml");
    // Read as another product's, the second argument is a type where an account should be.
    site.refused(
        &["mapping", "import", "kingdee.xlsx", "--form", "B203", "--dialect", "kingdee-cloud"],
        1,
        &["import-argument", "import-nothing"],
    );
}

/// A workbook that was put together from two products: each cell is read as what it is.
#[test]
fn formulas_of_two_products_on_one_sheet_are_each_read_as_their_own() {
    let site = prepared("first_period = \"2025-01\"\n");
    site.ok(&["pull"]);
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let rows = [
        ["指标代码", "指标名称", "1—本月"],
        ["301", "营业收入", r#"=ACCT("4.1.1.01:4.1.2.01","SL","",0,0,0,"")"#],
        ["206", "产成品", r#"QM("1.3.4.01",月,,,年,,)"#],
        ["401", "应付职工薪酬", r#"=LFS("2.2.4.01",月,"贷")+LFS("2.2.4.02",月,"贷")"#],
    ];
    for (row, texts) in (0..).zip(rows) {
        for (column, text) in (0..).zip(texts) {
            sheet.write_string(row, column, text).unwrap();
        }
    }
    // Of the two at once: a cell of the spreadsheet adds what each of them gave.
    for (row, text) in [(4, r#"ACCT("5.2.1.01","SL","",0,0,0,"")"#), (5, r#"LFS("5.1.3",月,"借")-LFS("5.1.3",月,"贷")"#)] {
        sheet.write_string(row, 2, text).unwrap();
    }
    sheet.write_string(6, 0, "307").unwrap();
    sheet.write_formula(6, 2, Formula::new("=C5+C6")).unwrap();
    book.save(site.path("both.xlsx")).unwrap();
    let import = ["--format", "csv", "mapping", "import", "both.xlsx", "--form", "B203", "--out", "both.toml"];
    let out = site.run(&import);
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(0), "{said}");
    assert!(said.contains("read as ufo: 5 of 7") && said.contains("read as kingdee-k3: 2 of 7"), "{said}");
    let rows = csv(&String::from_utf8(out.stdout).unwrap());
    let spoken: Vec<[&str; 3]> = rows.iter().map(|row| ["cell", "dialect", "result"].map(|name| row[name].as_str())).collect();
    let expected = [
        ["C2", "kingdee-k3", "understood"],
        ["C3", "ufo", "understood"],
        ["C4", "ufo", "understood"],
        ["C5", "kingdee-k3", "understood"],
        ["C6", "ufo", "understood"],
    ];
    assert_eq!(spoken[..5], expected, "{rows:?}");
    let layer = fs::read_to_string(site.path("both.toml")).unwrap();
    assert!(layer.contains("# original (kingdee-k3): =ACCT(") && layer.contains("# original (ufo): QM("), "{layer}");
    layered(&site, "both.toml");
    equals_hand(&site, "2025-12", &["301", "307", "206", "401"], "both.toml");
    // Who says that all are of one product gets the rest told.
    let forced = site.run(&["mapping", "import", "both.xlsx", "--form", "B203", "--dialect", "ufo", "--out", "ufo.toml"]);
    let said = String::from_utf8(forced.stderr).unwrap();
    assert!(said.contains("[import-function]") && said.contains("ACCT") && !said.contains("[import-dialect]"), "{said}");
}

/// What is not read, and what is not understood, is told: other sheets with formulas, calls of functions nobody knows, a second formula for
/// the same indicator. 云星空's own code of 人民币 is no foreign currency.
#[test]
fn nothing_of_a_workbook_is_left_out_without_a_word() {
    let site = prepared("");
    let mut book = Workbook::new();
    let fill = |sheet: &mut rust_xlsxwriter::Worksheet, rows: &[[&str; 3]]| {
        for (row, texts) in (0..).zip(rows) {
            for (column, text) in (0..).zip(texts) {
                sheet.write_string(row, column, *text).unwrap();
            }
        }
    };
    let profit = book.add_worksheet().set_name("损益表").unwrap();
    fill(
        profit,
        &[
            ["指标代码", "指标名称 (RMB)", "1—本月"],
            ["301", "营业收入", r#"LFS("4.1.1.01",月,"贷")"#],
            ["", "往来", "SL(\"6401\",月)+SL(“6402”，月)"],
            ["", "上月", "SELECT(?C5,年@=年 and 月@=月+1)"],
            ["", "合计", "PTOTAL(C2:C2)"],
            ["Total (RMB)", "", "Total (RMB)"],
        ],
    );
    let assets = book.add_worksheet().set_name("资产表").unwrap();
    fill(
        assets,
        &[["指标代码", "指标名称", "期末"], ["206", "产成品", r#"QM("1.3.4.01",月)"#], ["205", "存货", r#"=QM("1.3.4",月)"#]],
    );
    book.add_worksheet().set_name("说明").unwrap().write_string(0, 0, "没有公式").unwrap();
    book.save(site.path("two.xlsx")).unwrap();
    let out = site.run(&["--format", "csv", "mapping", "import", "two.xlsx", "--form", "B203", "--out", "two.toml"]);
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(0), "{said}");
    assert!(said.contains("[import-sheet-unread] two.xlsx, 资产表") && said.contains("has 2 formulas"), "{said}");
    assert!(!said.contains("说明"), "{said}");
    assert!(said.contains("[import-function] two.xlsx, 损益表!C3:1") && said.contains("two.xlsx, 损益表!C4:"), "{said}");
    let rows = csv(&String::from_utf8(out.stdout).unwrap());
    let told: Vec<[&str; 2]> = rows.iter().map(|row| ["cell", "result"].map(|name| row[name].as_str())).collect();
    assert_eq!(told, [["C2", "understood"], ["C3", "not-imported"], ["C4", "not-imported"], ["C5", "understood"]], "{said}");
    let layer = fs::read_to_string(site.path("two.toml")).unwrap();
    assert!(layer.contains("SELECT(?C5") && layer.contains("SL(“6402”，月)"), "{layer}");
    let out =
        site.run(&["--format", "csv", "mapping", "import", "two.xlsx", "--form", "B203", "--sheet", "资产表", "--out", "a.toml"]);
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(out.status.success() && said.contains("[import-sheet-unread] two.xlsx, 损益表"), "{said}");
    let text = "B203:206 = QM(\"1.3.4.01\",月)\n206＝QM(“1.3.4.02”，月)\n";
    fs::write(site.path("twice.txt"), text).unwrap();
    let out = site.run(&["mapping", "import", "twice.txt", "--form", "B203", "--out", "twice.toml"]);
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(said.contains("[import-doubled] twice.txt:2") && said.contains("206 has a formula already"), "{said}");
    fs::write(site.path("cloud.txt"), "301 = ACCT(\"\",\"6001\",\"SY\",0,1,0,\"PRE001\")\n").unwrap();
    let out = site.run(&["mapping", "import", "cloud.txt", "--form", "B203", "--dialect", "kingdee-cloud", "--out", "c.toml"]);
    let said = String::from_utf8(out.stderr).unwrap();
    let layer = fs::read_to_string(site.path("c.toml")).unwrap();
    assert!(!said.contains("import-currency") && !layer.contains("currency"), "{said} {layer}");
}

#[test]
fn filed_figures_stand_beside_what_is_computed_and_never_for_it() {
    let site = prepared("");
    site.ok(&["pull"]);
    site.ok(&["build", "--form", "B203", "--period", "2025-12"]);
    // What the portal exports: GBK; December as it was filed, one 千元 more than the books, and the year before, which the books do not have.
    let text = "统一社会信用代码,单位详细名称,报告期,营业收入;本年-1—本月,营业收入;本年-本月,资产总计;本年-1—本月,备注\n\
                913301060000000000,示例,202512,1789,200,6600,\n\
                913301060000000000,示例,202412,1650,150,6000,\n";
    fs::write(site.path("filed.csv"), &*encoding_rs::GBK.encode(text).0).unwrap();
    let import = ["ledger", "import", "--reported", "filed.csv", "--form", "B203"];
    site.refused(&import, 2, &["person-missing"]);
    let as_person = [&["--as", "wujing", "--format", "csv"], &import[..]].concat();
    let rows = csv(&site.ok(&as_person));
    let counts: Vec<(&str, &str, &str)> =
        rows.iter().map(|row| (row["period"].as_str(), row["figures"].as_str(), row["new"].as_str())).collect();
    assert_eq!(counts, [("2024-12", "2", "2"), ("2025-12", "2", "2")]);
    // The same file again says nothing new, and writes nothing.
    let operations = csv(&site.ok(&["--format", "csv", "log", "show"])).len();
    assert!(csv(&site.ok(&as_person)).iter().all(|row| row["new"] == "0"));
    assert_eq!(csv(&site.ok(&["--format", "csv", "log", "show"])).len(), operations);
    // The ledger shows both and the difference: 1,788 computed (1,788,144.76 元), 1,789 filed.
    let ledger = csv(&site.ok(&["--format", "csv", "ledger", "show", "--form", "B203"]));
    let row = |period: &str, code: &str| {
        let found = ledger.iter().find(|row| row["period"] == period && row["code"] == code);
        found.unwrap_or_else(|| panic!("{period} {code}")).clone()
    };
    let december = row("2025-12", "301");
    let shown = ["cumulative", "reported", "platform", "difference", "status"].map(|name| december[name].as_str());
    assert_eq!(shown, ["1788", "1788", "1789", "-1", "ok"]);
    let before = row("2024-12", "301");
    let shown = ["cumulative", "reported", "platform", "difference", "status"].map(|name| before[name].as_str());
    assert_eq!(shown, ["", "", "1650", "", "reported"]);
    // A draft of the month shows last year from it; the machine contract keeps the value missing.
    site.ok(&["build", "--form", "B203", "--period", "2025-12"]);
    let draft = site.ok(&["draft", "export", "--form", "B203", "--period", "2025-12", "--to", "json"]);
    let draft: Value = serde_json::from_str(&draft).unwrap();
    let cell = draft["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == "301").unwrap();
    for (column, filed) in [("prior_year", "1650"), ("prior_year_month", "150")] {
        let figure = &cell["columns"][column];
        assert!(figure["value"].is_null() && figure["raw"].is_null(), "{figure}");
        assert_eq!((figure["status"].as_str(), figure["platform"].as_str()), (Some("before_first_period"), Some(filed)));
    }
    // What the books do know stays computed: the opening voucher says what assets there were at the end of 2024.
    let assets = draft["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == "213").unwrap();
    assert_eq!(assets["columns"]["prior_year"]["value"], "6592");
    assert!(assets["columns"]["prior_year"].get("platform").is_none());
    let people = site.ok(&["draft", "show", "--form", "B203", "--period", "2025-12"]);
    assert!(people.contains("1650 (platform)"), "{people}");
    // (1,788 − 1,650) ÷ 1,650 = 8.4 %
    let line = people.lines().find(|line| line.starts_with("301 ")).unwrap();
    assert!(line.contains("8.4%"), "{line}");
    // A file that contradicts itself is refused whole.
    fs::write(site.path("twice.csv"), "报告期,指标代码,指标名称,1-本月\n2024-11,301,营业收入,5\n2024-11,301,营业收入,6\n")
        .unwrap();
    let twice = ["--as", "wujing", "ledger", "import", "--reported", "twice.csv", "--form", "B203"];
    site.refused(&twice, 1, &["reported-twice", "5", "6"]);
    fs::write(site.path("when.csv"), "指标代码,指标名称,1-本月\n301,营业收入,5\n").unwrap();
    site.refused(
        &["--as", "wujing", "ledger", "import", "--reported", "when.csv", "--form", "B203"],
        1,
        &["reported-month-missing"],
    );
}
