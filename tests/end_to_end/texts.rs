//! Texts and choices that no system holds: entered by a person, kept with who and when, judged by rules.

use serde_json::Value;

use crate::{Site, csv};

const CONFIG: &str = r#"
[unit]
name = "甲服务有限公司"
code = "91310000MA1FL5L23X"
accounting_standard = "cas"

[[book]]
id = "demo"
connector = "generic-sql"
currency = "CNY"
first_period = "2025-01"
source.sqlite = "books.sqlite"

[book.extract]
accounts.query = "SELECT account, name, class FROM chart ORDER BY 1"
entries.query = "SELECT month, '0' AS adjustment, voucher, account, debit, credit FROM line WHERE month BETWEEN {from} AND {to} ORDER BY 1, 3"

[[form]]
code = "101-1"

[[form]]
code = "F203"

[[person]]
id = "wujing"
name = "吴静"
roles = ["preparer"]
"#;

/// 61,000 of wages, 9,000 of insurance, 4,000 of welfare: 74,000 credited to 2211, all of it in accounts that the list names.
const BOOKS: &str = "
    CREATE TABLE chart (account TEXT, name TEXT, class TEXT);
    INSERT INTO chart VALUES ('1002', '银行存款', 'asset'), ('2211', '应付职工薪酬', 'liability'), ('221101', '工资', 'liability'),
      ('221102', '社会保险费', 'liability'), ('221103', '职工福利费', 'liability'), ('221199', '待分配', 'liability'), ('6602', '管理费用', 'profit_and_loss');
    CREATE TABLE line (month TEXT, voucher TEXT, account TEXT, debit TEXT, credit TEXT);
    INSERT INTO line VALUES ('2025-12', 'V1', '6602', '74000', '0'), ('2025-12', 'V1', '221101', '0', '61000'),
      ('2025-12', 'V1', '221102', '0', '9000'), ('2025-12', 'V1', '221103', '0', '4000');";

fn site() -> Site {
    let site = Site::new(CONFIG);
    rusqlite::Connection::open(site.path("books.sqlite")).unwrap().execute_batch(BOOKS).unwrap();
    site.ok(&["pull"]);
    site
}

fn outcome(site: &Site, form: &str, rule: &str) -> String {
    let out = site.run(&["audit", "run", "--form", form, "--period", "2025-12", "--format", "json"]);
    let verdicts: Value =
        serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&out.stderr)));
    let found =
        verdicts.as_array().unwrap().iter().find(|verdict| {
            verdict["rule"]["description"].to_string().contains(rule) || verdict["id"].to_string().contains(rule)
        });
    found.unwrap_or_else(|| panic!("{rule}: {verdicts}"))["value"].as_str().unwrap().to_owned()
}

fn entered(site: &Site, row: &str) -> Value {
    let text = site.ok(&["draft", "export", "--form", "101-1", "--period", "2025-12", "--to", "json"]);
    let draft: Value = serde_json::from_str(&text).unwrap();
    draft["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == row).unwrap()["columns"]["value"]["value"].clone()
}

#[test]
fn a_person_enters_texts_and_rules_judge_them() {
    let site = site();
    let enter = |row: &str, more: &[&str]| {
        let figure = format!("101-1:{row}");
        [&["ledger", "text", figure.as_str(), "--period", "2025-12", "--as", "wujing"], more]
            .concat()
            .iter()
            .map(|s| (*s).to_owned())
            .collect::<Vec<_>>()
    };
    let run = |row: &str, more: &[&str]| site.ok(&enter(row, more).iter().map(String::as_str).collect::<Vec<_>>());
    let refused = |row: &str, more: &[&str], code: i32, words: &[&str]| {
        site.refused(&enter(row, more).iter().map(String::as_str).collect::<Vec<_>>(), code, words)
    };
    // 港澳台: a registration of 210 asks for 216, and one of 110 does not.
    assert_eq!(outcome(&site, "101-1", "BASE-04"), "NA", "nobody said anything yet");
    run("205", &["--text", "210"]);
    assert_eq!(entered(&site, "205"), "210");
    assert_eq!(outcome(&site, "101-1", "BASE-04"), "NA", "what is not entered is awaited, and not empty");
    run("216", &["--text", "港商投资 60%"]);
    assert_eq!(outcome(&site, "101-1", "BASE-04"), "1");
    // A private registration has a private holder.
    run("205", &["--text", "173", "--reason", "登记类型更正"]);
    run("206", &["--text", "2"]);
    assert_eq!((entered(&site, "206"), outcome(&site, "101-1", "BASE-03")), ("2 集体控股".into(), "0".to_owned()));
    refused("206", &["--text", "3"], 2, &["text-entered-already", "2 集体控股", "wujing"]);
    run("206", &["--text", "私人控股", "--reason", "股权变更登记"]);
    assert_eq!((entered(&site, "206"), outcome(&site, "101-1", "BASE-03")), ("3 私人控股".into(), "1".to_owned()));
    // Nothing is written where nothing changes.
    let log =
        || csv(&site.ok(&["log", "show", "--format", "csv"])).into_iter().filter(|row| row["what"] == "text").collect::<Vec<_>>();
    let before = log().len();
    run("206", &["--text", "3"]);
    assert_eq!(log().len(), before);
    assert!(log().iter().all(|row| row["who"] == "wujing"), "{:?}", log());
    let ledger = csv(&site.ok(&["ledger", "show", "--form", "101-1", "--period", "2025-12", "--format", "csv"]));
    assert_eq!(ledger.iter().find(|row| row["code"] == "206").unwrap()["source"], "text · wujing");
    // What is no answer, no text, a fact of the unit, and not there.
    refused("206", &["--text", "7", "--reason", "再更正一次"], 2, &["text-unfit", "9 其他"]);
    refused("198", &["--text", "7"], 2, &["text-on-figure"]);
    refused("102", &["--text", "乙公司"], 2, &["text-is-fact", "unit.name"]);
    refused("201", &["--withdraw", "--reason", "填错了表"], 2, &["text-missing"]);
    site.refused(&["ledger", "text", "101-1:201", "--period", "2025-12", "--text", "王"], 2, &["person-missing"]);
    run("216", &["--withdraw", "--reason", "不属于港澳台"]);
    assert_eq!(entered(&site, "216"), Value::Null);
    site.ok(&["log", "verify"]);
    // Another month says nothing of this one.
    site.ok(&["ledger", "lock", "--period", "2025-12", "--as", "wujing"]);
    refused("201", &["--text", "王"], 1, &["period-locked"]);
}

#[test]
fn payroll_is_the_sum_of_its_parts_or_somebody_says_why_not() {
    let site = site();
    assert_eq!(outcome(&site, "F203", "SVC-01"), "1");
    // 2,000 of something else: 76,000 credited, 74,000 of it named.
    let more = "INSERT INTO line VALUES ('2025-12', 'V2', '6602', '2000', '0'), ('2025-12', 'V2', '221199', '0', '2000')";
    rusqlite::Connection::open(site.path("books.sqlite")).unwrap().execute_batch(more).unwrap();
    site.ok(&["pull", "--full"]);
    assert_eq!(outcome(&site, "F203", "SVC-01"), "0");
    // A book without accounts beneath 2211 has no parts to add up.
    let whole = "UPDATE line SET account = '2211' WHERE account LIKE '2211%'; DELETE FROM chart WHERE account LIKE '2211__'";
    rusqlite::Connection::open(site.path("books.sqlite")).unwrap().execute_batch(whole).unwrap();
    site.ok(&["pull", "--full"]);
    assert_eq!(outcome(&site, "F203", "SVC-01"), "NA");
}
