//! Audit of a real month: verdicts with both sides, explanations that hold as long as the figures do, and screens of the unit's own series.

use std::fs;

use calamine::Reader as _;
use serde_json::Value;

use crate::Site;

const CONFIG: &str = r#"
[unit]
code = "91330106MA00000007"
name = "杭州西溪精密机械有限公司"

[[book]]
id = "hz"
connector = "tryton"
source.sqlite = "tryton.sqlite"
variables.company = 1
first_period = "2025-01"

[[form]]
code = "B203"
book = "hz"
mapping = ["layer.toml"]

[[person]]
id = "wu"
name = "吴静"
roles = ["preparer"]

[outside]
file = "outside.csv"
"#;

const MONTH: &str = "2026-02";
const TEXT: &str = "2026年2月购入材料的进项税额当月未抵扣完，见凭证";

fn site() -> Site {
    let site = Site::tryton(CONFIG);
    fs::copy(crate::data("../../mappings/examples/tryton-hz.toml"), site.path("layer.toml")).unwrap();
    fs::write(site.path("outside.csv"), "period,name,value\n2026-01,tax_sales,1000\n2026-02,tax_sales,900000000\n").unwrap();
    site
}

/// The ESS report of the month; its exit code is checked.
fn report(site: &Site, exit: i32) -> Vec<Value> {
    let out = site.run(&["audit", "run", "--form", "B203", "--period", MONTH, "--format", "json"]);
    assert_eq!(out.status.code(), Some(exit), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn entry<'a>(report: &'a [Value], rule: &str) -> &'a Value {
    report.iter().find(|entry| entry["details"]["rule"] == rule).unwrap_or_else(|| panic!("no {rule}"))
}

fn draft(site: &Site) -> Value {
    let text = site.ok(&["draft", "export", "--form", "B203", "--period", MONTH, "--to", "json"]);
    serde_json::from_str(&text).unwrap()
}

fn explain(site: &Site, rule: &str, cause: &str, text: &str) -> std::process::Output {
    site.run(&["audit", "explain", "B203", "--rule", rule, "--period", MONTH, "--as", "wu", "--cause", cause, "--text", text])
}

#[test]
fn the_report_has_the_standards_shape_and_both_sides() {
    let site = site();
    let report = report(&site, 0);
    // Fields and words of the ESS validation report structure 1.0.1, as its schema has them.
    let mut ids = std::collections::BTreeSet::new();
    for entry in &report {
        assert!(ids.insert(entry["id"].as_str().unwrap()), "{}", entry["id"]);
        assert_eq!(entry["type"], "validation");
        for field in ["time", "actor", "agent", "trigger"] {
            assert!(entry["event"][field].as_str().is_some_and(|text| !text.is_empty()), "{entry}");
        }
        for field in ["language", "expression", "description"] {
            assert!(entry["rule"][field].is_string(), "{entry}");
        }
        assert!(["information", "warning", "error"].contains(&entry["rule"]["severity"].as_str().unwrap()), "{entry}");
        assert!(["0", "1", "NA"].contains(&entry["value"].as_str().unwrap()), "{entry}");
        for list in ["source", "target"] {
            let keys = entry["data"][list].as_array().unwrap();
            assert!(keys.iter().all(Value::is_array), "{entry}");
        }
    }
    // What the form says of value added tax this month is what the rule was judged on.
    let draft = draft(&site);
    let cell = draft["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == "402").unwrap();
    let value = cell["columns"]["cumulative"]["value"].as_str().unwrap();
    assert!(value.starts_with('-'), "the case is one of a negative tax: {value}");
    let vat = entry(&report, "FIN-08");
    assert_eq!((vat["value"].as_str(), vat["rule"]["severity"].as_str()), (Some("0"), Some("warning")));
    let made = &vat["details"]["comparisons"][0];
    assert_eq!(
        (made["left_value"].as_str(), made["right_value"].as_str(), made["operator"].as_str()),
        (Some(value), Some("0"), Some(">="))
    );
    let fact = &vat["details"]["facts"][0];
    assert_eq!((fact["code"].as_str(), fact["value"].as_str(), fact["period"].as_str()), (Some("402"), Some(value), Some(MONTH)));
    assert!(!fact["rows"].as_array().unwrap().is_empty(), "the rows behind it");
    // A form that the unit does not fill makes a rule not applicable, and it says which.
    let other = entry(&report, "X-IND-01");
    assert_eq!((other["value"].as_str(), other["details"]["outcome"].as_str()), (Some("NA"), Some("not_applicable")));
    assert!(other["details"]["gap"]["arguments"].to_string().contains("B204-1:03"), "{other}");
    // People see the same, what is to be done first.
    let page = site.ok(&["audit", "run", "--form", "B203", "--period", MONTH]);
    for words in ["FIN-08", "taizhang explain B203:402", "audit explain B203 --rule FIN-08", "B204-1:03"] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[test]
fn last_years_column_is_held_against_what_was_filed() {
    let site = site();
    // Nothing was loaded: each row says so, and a person reads it once.
    let before = report(&site, 0);
    let asked: Vec<&Value> =
        before.iter().filter(|entry| entry["details"]["rule"].as_str().unwrap().starts_with("FIN-22:")).collect();
    assert!(asked.len() > 20 && asked.iter().all(|entry| entry["details"]["gap"]["code"] == "rule-nothing-filed"));
    let page = site.ok(&["audit", "run", "--form", "B203", "--period", MONTH]);
    assert_eq!(page.matches("FIN-22").count(), 1, "{page}");
    // The platform has what the books say of last year, save for one figure; another it brought along on this year's form.
    let draft = draft(&site);
    let last = |id: &str| {
        let cell = draft["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == id).unwrap();
        cell["columns"]["prior_year"]["value"].as_str().unwrap().parse::<i64>().unwrap()
    };
    let (revenue, cost) = (last("301"), last("307"));
    let filed = format!("指标代码,指标名称,2025年2月\n301,一、营业收入,{revenue}\n307,减：营业成本,{}\n", cost + 7);
    fs::write(site.path("filed.csv"), filed).unwrap();
    let brought =
        format!("报告期,指标代码,指标名称,上年同期\n2026年2月,312,销售费用,{}\n2026年2月,307,营业成本,1\n", last("312") + 1);
    fs::write(site.path("brought.csv"), brought).unwrap();
    for (file, more) in [("filed.csv", ["--column", "cumulative"].as_slice()), ("brought.csv", &[])] {
        let args = ["--as", "wu", "ledger", "import", "--reported", file, "--form", "B203"];
        site.ok(&[&args[..], more].concat());
    }
    let now = report(&site, 1);
    assert_eq!(entry(&now, "FIN-22:301")["value"], "1");
    let wrong = entry(&now, "FIN-22:307");
    assert_eq!((wrong["value"].as_str(), wrong["rule"]["severity"].as_str()), (Some("0"), Some("error")));
    // What was filed a year ago comes before what this year's form says of it.
    let made = &wrong["details"]["comparisons"][0];
    assert_eq!((made["difference"].as_str(), made["left_value"].as_str()), (Some("7"), Some((cost + 7).to_string().as_str())));
    assert_eq!(entry(&now, "FIN-22:312")["details"]["comparisons"][0]["difference"], "1");
    assert_eq!(entry(&now, "FIN-22:313")["value"], "NA");
    let page = site.run(&["audit", "run", "--form", "B203", "--period", MONTH, "--lang", "zh"]);
    let page = String::from_utf8(page.stdout).unwrap();
    assert!(page.contains("FIN-22:307") && page.contains(&format!("上年已报  {}", cost + 7)), "{page}");
}

#[test]
fn an_explanation_is_concrete_and_ends_with_the_figures() {
    let site = site();
    site.ok(&["build", "--form", "B203", "--period", MONTH]);
    let refused = |rule: &str, cause: &str, text: &str, exit: i32, code: &str| {
        let out = explain(&site, rule, cause, text);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(exit), "{said}");
        assert!(said.contains(code), "{said}");
    };
    refused("FIN-08", "one-off", "核实无误", 2, "explanation-empty");
    refused("FIN-08", "one-off", "2月购入", 2, "explanation-short");
    refused("FIN-08", "one-off", "情况确实是这样的没有任何差错请放心", 2, "explanation-vague");
    refused("FIN-08", "one-of", TEXT, 2, "explanation-cause-unknown");
    refused("FIN-80", "one-off", TEXT, 2, "rule-unknown");
    refused("FIN-06", "one-off", TEXT, 1, "explanation-needless");
    let out =
        site.run(&["audit", "explain", "B203", "--rule", "FIN-08", "--period", MONTH, "--cause", "one-off", "--text", TEXT]);
    assert_eq!(out.status.code(), Some(2), "an act of a person");
    assert_eq!(draft(&site)["explanations"], Value::Null);

    let out = explain(&site, "FIN-08", "one-off", TEXT);
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    // Draft, ledger and workbook show it; the rule asks for nothing more.
    let now = draft(&site);
    assert_eq!((&now["explanations"][0]["rule"], &now["explanations"][0]["text"]), (&"FIN-08".into(), &TEXT.into()));
    let codes: Vec<&str> = now["findings"].as_array().unwrap().iter().filter_map(|finding| finding["code"].as_str()).collect();
    assert!(codes.contains(&"rule-explained"), "{codes:?}");
    let ledger = crate::csv(&site.ok(&["ledger", "export", "--form", "B203", "--period", MONTH, "--to", "csv"]));
    let cell = ledger.iter().find(|row| row["code"] == "402").unwrap();
    assert!(cell["explanation"].contains(TEXT) && cell["audit"].contains("FIN-08"), "{cell:?}");
    site.ok(&["draft", "export", "--form", "B203", "--period", MONTH, "--to", "xlsx", "--out", "draft.xlsx"]);
    let mut book: calamine::Xlsx<_> = calamine::open_workbook(site.path("draft.xlsx")).unwrap();
    let sheets = book.sheet_names();
    let last = book.worksheet_range(sheets.last().unwrap()).unwrap();
    assert!(last.rows().flatten().any(|cell| *cell == TEXT), "{sheets:?}");
    let entry_now = entry(&report(&site, 0), "FIN-08").clone();
    assert_eq!(entry_now["details"]["explanation"]["valid"], true, "{entry_now}");
    let log = crate::csv(&site.ok(&["log", "show", "--format", "csv"]));
    assert!(log.iter().any(|row| row["what"] == "explain" && row["who"] == "wu"));

    // The figure changes, and what was said is no longer about it.
    let adjust = ["ledger", "adjust", "B203:402", "--period", MONTH, "--amount", "-1", "--reason", "更正进项税额", "--as", "wu"];
    site.ok(&adjust);
    let now = draft(&site);
    assert_eq!(now["explanations"], Value::Null);
    let codes: Vec<&str> = now["findings"].as_array().unwrap().iter().filter_map(|finding| finding["code"].as_str()).collect();
    assert!(codes.contains(&"explanation-stale") && codes.contains(&"rule-verify"), "{codes:?}");
    assert_eq!(entry(&report(&site, 0), "FIN-08")["details"]["explanation"]["valid"], false);
    // With the figure as it was, it holds again.
    site.ok(&["ledger", "adjust", "B203:402", "--period", MONTH, "--withdraw", "--reason", "撤回更正", "--as", "wu"]);
    assert_eq!(draft(&site)["explanations"][0]["rule"], "FIN-08");
}

#[test]
fn a_mandatory_rule_is_mended_and_not_explained() {
    let site = site();
    site.ok(&["build", "--form", "B203", "--period", MONTH]);
    site.ok(&[
        "ledger",
        "adjust",
        "B203:213",
        "--period",
        MONTH,
        "--amount",
        "-999999",
        "--reason",
        "试一次错误的调整",
        "--as",
        "wu",
    ]);
    let report = report(&site, 1);
    let assets = entry(&report, "FIN-04");
    assert_eq!((assets["value"].as_str(), assets["rule"]["severity"].as_str()), (Some("0"), Some("error")));
    // Mandatory rules come first.
    let severities: Vec<&str> = report.iter().filter_map(|entry| entry["rule"]["severity"].as_str()).collect();
    let first_other = severities.iter().position(|severity| *severity != "error").unwrap();
    assert!(severities[first_other..].iter().all(|severity| *severity != "error"), "{severities:?}");
    let out = explain(&site, "FIN-04", "one-off", TEXT);
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stderr).contains("explanation-mandatory"));
}

#[test]
fn screens_tell_what_moved_in_the_units_own_figures() {
    let site = site();
    let text = site.ok(&["audit", "quality", "--form", "B203", "--period", MONTH, "--format", "json"]);
    let flags: Vec<Value> = serde_json::from_str(&text).unwrap();
    let pair = flags.iter().find(|flag| flag["figure"] == "revenue-tax-sales").unwrap_or_else(|| panic!("{text}"));
    assert_eq!((pair["code"].as_str(), pair["kind"].as_str()), (Some("quality-pair-jumped"), Some("coordination")));
    // The sheet says 900 000 000 元 of sales for a month: far from what the form says of the year.
    let level = flags.iter().find(|flag| flag["figure"] == "revenue-tax-sales-level").unwrap_or_else(|| panic!("{text}"));
    assert_eq!((level["code"].as_str(), level["kind"].as_str()), (Some("quality-level-apart"), Some("coordination")));
    assert!(
        level["facts"].as_array().unwrap().len() == 2 && level["to_do"].as_str().unwrap().contains("source of both"),
        "{level}"
    );
    assert_eq!(pair["facts"][3]["value"], "900000000");
    for flag in &flags {
        assert!(["continuity", "matching", "coordination", "outlier"].contains(&flag["kind"].as_str().unwrap()), "{flag}");
        assert!(!flag["reason"].as_str().unwrap().is_empty() && !flag["to_do"].as_str().unwrap().is_empty(), "{flag}");
    }
    // January was kept as it was filled in; its figure is changed afterwards, so that it no longer carries over.
    site.ok(&["build", "--form", "B203", "--period", "2026-01"]);
    let adjust =
        ["ledger", "adjust", "B203:301", "--period", "2026-01", "--amount", "50", "--reason", "补记一月收入", "--as", "wu"];
    site.ok(&adjust);
    let text = site.ok(&["audit", "quality", "--form", "B203", "--period", MONTH, "--format", "csv"]);
    let rows = crate::csv(&text);
    let carry = rows.iter().find(|row| row["code"] == "quality-carry-forward").unwrap_or_else(|| panic!("{text}"));
    assert_eq!((carry["indicator"].as_str(), carry["score"].as_str()), ("B203:301", "50"));
    // A sheet that cannot be read is told line by line.
    fs::write(site.path("outside.csv"), "period,name,value\n2026-13,tax_sales,1\n2026-01,tax_sales,\"1,000\"\n").unwrap();
    site.refused(&["audit", "run", "--form", "B203", "--period", MONTH], 2, &["outside.csv:2", "outside.csv:3"]);
}

#[test]
fn rows_of_each_project_are_added_up_across_forms() {
    let repeats = ["RD01 高效电机", "RD02 低温轴承"].map(|project| {
        let (code, name) = project.split_once(' ').unwrap();
        format!("[[repeat]]\neach = \"project\"\ncode = \"{code}\"\nname = \"{name}\"\n\n")
    });
    let forms = "[[form]]\ncode = \"107-1\"\nbook = \"hz\"\n\n[[form]]\ncode = \"107-2\"\nbook = \"hz\"\n";
    let site = site();
    fs::write(site.path("agent.toml"), format!("{CONFIG}\n{forms}\n{}", repeats.concat())).unwrap();
    let adjust = |figure: &str, amount: &str| {
        let args =
            ["ledger", "adjust", figure, "--period", "2025-12", "--amount", amount, "--reason", "按研发工时记录", "--as", "wu"];
        site.ok(&args);
    };
    let run = |exit: i32| -> Vec<Value> {
        let out = site.run(&["audit", "run", "--form", "107-2", "--period", "2025-12", "--format", "json"]);
        assert_eq!(out.status.code(), Some(exit), "{}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_slice(&out.stdout).unwrap()
    };
    site.ok(&["build", "--form", "107-1", "--period", "2025-12"]);
    site.ok(&["build", "--form", "107-2", "--period", "2025-12"]);
    adjust("107-2:1", "5");
    adjust("107-1:RD01.10", "30");
    // The other project is not filled in: the sum waits, and is not 30.
    let waiting = run(0);
    assert_eq!(entry(&waiting, "RD-16")["details"]["outcome"], "undetermined");
    adjust("107-1:RD02.10", "31");
    let unmet = run(1);
    let made = &entry(&unmet, "RD-16")["details"]["comparisons"][0];
    let shown = ["left_value", "operator", "right_value", "difference"].map(|name| made[name].as_str().unwrap());
    assert_eq!(shown, ["60", ">=", "61", "-1"]);
    let facts = entry(&unmet, "RD-16")["details"]["facts"].as_array().unwrap().clone();
    let codes: Vec<_> = facts.iter().map(|fact| (fact["form"].as_str().unwrap(), fact["code"].as_str().unwrap())).collect();
    assert_eq!(codes, [("107-2", "1"), ("107-1", "RD01.10"), ("107-1", "RD02.10")]);
    adjust("107-1:RD02.10", "30");
    assert_eq!(entry(&run(0), "RD-16")["value"], "1");
}
