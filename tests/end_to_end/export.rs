//! What people get: workbooks read back by another library, and texts that no spreadsheet runs.

use std::fs;

use calamine::{Data, Reader, Xlsx, open_workbook};
use model::Amount;
use serde_json::Value;

use crate::Site;

const CONFIG: &str = r#"
[unit]
name = "杭州西溪精密机械有限公司"
code = "91330106MA27W00000"

[[book]]
id = "hz"
connector = "tryton"
source.sqlite = "tryton.sqlite"
variables.company = 1

[[form]]
code = "B203"
preparer = "=2+5"
"#;

/// A name that a spreadsheet would run if it were given as a formula.
const EVIL: &str = "=HYPERLINK(\"http://example.invalid\",\"x\")";

fn sheets(path: &std::path::Path) -> Vec<Vec<Vec<Data>>> {
    let mut book: Xlsx<_> = open_workbook(path).unwrap();
    let names = book.sheet_names();
    for name in &names {
        let formulas = book.worksheet_formula(name).unwrap();
        assert!(formulas.used_cells().all(|(_, _, formula)| formula.is_empty()), "{name} has formulas");
    }
    names.iter().map(|name| book.worksheet_range(name).unwrap().rows().map(<[Data]>::to_vec).collect()).collect()
}

#[test]
fn workbooks_hold_the_draft_and_no_formula() {
    let site = Site::tryton(CONFIG);
    let database = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    database.execute("UPDATE account_account SET name = ? WHERE code = '4.1.1.01' AND company = 1", [EVIL]).unwrap();
    // The account is told by its name, so a person has to say what it is.
    fs::write(site.path("layer.toml"), "title = 'x'\n[accounts.'4.1.1.01']\nis = '6001'\nwhy = 'sales'\n").unwrap();
    fs::write(site.path("agent.toml"), format!("{CONFIG}mapping = [\"layer.toml\"]\n")).unwrap();
    let json: Value =
        serde_json::from_str(&site.ok(&["draft", "export", "--form", "B203", "--period", "2025-06", "--to", "json"])).unwrap();
    site.ok(&["draft", "export", "--form", "B203", "--period", "2025-06", "--to", "xlsx", "--out", "b.xlsx", "--lang", "zh"]);
    let sheets = sheets(&site.path("b.xlsx"));
    let text = |cell: &Data| cell.to_string();
    let form = &sheets[0];
    let head = form.iter().position(|row| text(&row[0]) == "代码").unwrap();
    assert_eq!(
        form[head].iter().map(text).collect::<Vec<_>>()[..7],
        ["代码", "名称", "计量单位", "本月", "1—本月", "上年同月", "上年同期"]
    );
    for (at, cell) in json["cells"].as_array().unwrap().iter().enumerate() {
        let row = &form[head + 1 + at];
        assert_eq!(text(&row[0]), cell["id"].as_str().unwrap());
        for (column, names) in [(3, ["this_month", ""]), (4, ["cumulative", "closing"]), (6, ["prior_year", ""])] {
            let value = names.iter().find_map(|name| cell["columns"].get(*name));
            match value.map(|column| &column["value"]) {
                None => assert_eq!(text(&row[column]), "", "{cell}"),
                Some(Value::Null) => assert_eq!(text(&row[column]), "—", "{cell}"),
                Some(value) => {
                    let shown: Amount = text(&row[column]).parse().unwrap();
                    assert_eq!(Ok(shown), value.as_str().unwrap().parse(), "{cell}");
                }
            }
        }
    }
    let all = form.iter().flatten().map(text).collect::<Vec<_>>().join("|");
    for words in ["财务状况（规模以上工业）", "91330106MA27W00000", "制定机关：国家统计局", "填表人：=2+5", "账未结"]
    {
        assert!(all.contains(words), "{words}: {all}");
    }
    assert!(sheets[1].iter().flatten().any(|cell| text(cell) == EVIL), "the lineage names the account as it is called");
    // The accounts of the lineage add up to the figure they are the lineage of.
    let of = |row: &Vec<Data>| (text(&row[0]), text(&row[2]), text(&row[4]));
    let amount = |row: &Vec<Data>| text(&row[8]).parse::<Amount>().unwrap();
    let rows: Vec<_> = sheets[1].iter().filter(|row| of(row).0 == "301" && of(row).1 == "1—本月").collect();
    let parts = rows[1..].iter().fold(Amount::ZERO, |sum, row| sum.checked_add(amount(row)).unwrap());
    assert!(rows.len() > 2 && amount(rows[0]) == parts, "{rows:?}");
}

#[test]
fn texts_of_exported_sheets_cannot_be_formulas_and_machine_formats_stay_as_they_are() {
    let site = Site::tryton(CONFIG);
    site.ok(&["build", "--period", "2025-06"]);
    // A negative figure is a number and stays one; a formula's text begins with @ or a sign only as text.
    let sheet = site.ok(&["ledger", "export", "--to", "csv"]);
    let rows = crate::csv(&sheet);
    let formula = |row: &std::collections::BTreeMap<String, String>| row["formula"].clone();
    let profit = rows.iter().find(|row| row["code"] == "323").unwrap();
    assert_eq!((profit["cumulative"].starts_with('-'), formula(profit).as_str()), (true, "'@operating_profit"));
    let machine = crate::csv(&site.ok(&["ledger", "show", "--format", "csv"]));
    let same = machine.iter().find(|row| row["code"] == "323").unwrap();
    assert_eq!((formula(same).as_str(), &same["cumulative"]), ("@operating_profit", &profit["cumulative"]));
    for row in &rows {
        for (name, cell) in row {
            let number = cell.parse::<Amount>().is_ok();
            assert!(number || !cell.starts_with(['=', '+', '-', '@', '\t']), "{name}: {cell}");
        }
    }
    site.ok(&["ledger", "export", "--to", "xlsx", "--out", "l.xlsx"]);
    let ledger = &sheets(&site.path("l.xlsx"))[0];
    assert_eq!(ledger.len(), rows.len() + 1);
}

#[test]
fn the_same_evidence_with_the_same_mapping_gives_the_same_bytes_anywhere() {
    let made = || {
        let site = Site::tryton(&format!("{CONFIG}mapping = [\"layer.toml\"]\n"));
        fs::write(site.path("layer.toml"), "title = 'x'\n[cell.'B203:312']\nformula = 'SL(5.2.2.03,,借)'\nwhy = 'x'\n").unwrap();
        site.ok(&["build", "--period", "2025-06"]);
        site
    };
    let (one, two) = (made(), made());
    for args in [
        &["draft", "export", "--form", "B203", "--period", "2025-06", "--to", "json"][..],
        &["ledger", "show", "--format", "csv"],
        &["explain", "B203:312", "--period", "2025-06", "--format", "json"],
    ] {
        assert_eq!(one.ok(args), two.ok(args), "{args:?}");
    }
    // Read whole again, the evidence is the same, so nothing is written anew.
    let log = || one.ok(&["log", "show", "--format", "csv"]);
    let before = log();
    one.ok(&["pull", "--full"]);
    one.ok(&["build", "--period", "2025-06"]);
    assert_eq!(before, log());
}
