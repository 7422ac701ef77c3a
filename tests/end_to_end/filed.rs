//! Figures that were filed before (平台值): what a heading was taken for, taking them back, and comparing with them where the books do not reach.

use std::fs;

use serde_json::Value;

use crate::{
    Site, csv,
    drafts::{site, tryton_book},
};

/// The book begins in 2025-01 (its opening voucher is of 2024-12), so that nothing is computed of 2024's flows.
fn prepared() -> Site {
    let site = site(&tryton_book("1", ""), &["B203"], "tryton-hz.toml");
    let config = fs::read_to_string(site.path("agent.toml")).unwrap();
    let person = "\n[[person]]\nid = \"wujing\"\nname = \"吴静\"\nroles = [\"preparer\"]\n";
    fs::write(site.path("agent.toml"), config + person).unwrap();
    site.ok(&["pull"]);
    site
}

/// Imports a file; what was told.
fn import(site: &Site, text: &str, more: &[&str]) -> String {
    fs::write(site.path("filed.csv"), text).unwrap();
    let args = ["--as", "wujing", "ledger", "import", "--reported", "filed.csv", "--form", "B203"];
    let out = site.run(&[&args[..], more].concat());
    let told = String::from_utf8(out.stderr).unwrap();
    assert!(out.status.success(), "{told}");
    told
}

/// The filed figure of 301 in a month, by column; nothing where there is none.
fn filed(site: &Site, period: &str) -> String {
    let ledger = csv(&site.ok(&["--format", "csv", "ledger", "show", "--form", "B203"]));
    let row = ledger.iter().find(|row| row["period"] == period && row["code"] == "301");
    row.map_or_else(String::new, |row| row["platform"].clone())
}

#[test]
fn what_a_bare_month_was_taken_for_is_told_and_can_be_taken_back() {
    let site = prepared();
    let bare = "指标代码,指标名称,2024年11月,2024年12月\n301,营业收入,1500,1650\n213,资产总计,6000,6592\n";
    // Two figures of a flow; assets have one figure of a month only.
    let told = import(&site, bare, &[]);
    assert!(told.contains("reported-column-assumed") && told.contains("2 figures") && told.contains("filed!C2"), "{told}");
    // It was since January: taken back and loaded as what it is.
    fn back<'a>(more: &[&'a str]) -> Vec<&'a str> {
        [&["--as", "wujing", "ledger", "import", "--withdraw", "--form", "B203"][..], more].concat()
    }
    site.refused(&back(&["--column", "this_month"]), 2, &["--reason"]);
    site.refused(&back(&["--column", "this_month", "--reason", "错"]), 2, &["reason-too-short"]);
    let rows = csv(&site.ok(&back(&["--column", "this_month", "--reason", "是累计数", "--format", "csv"])));
    let counts: Vec<_> = rows.iter().map(|row| (row["period"].as_str(), row["withdrawn"].as_str())).collect();
    assert_eq!(counts, [("2024-11", "1"), ("2024-12", "1")]);
    site.refused(&back(&["--column", "this_month", "--reason", "再取一次"]), 1, &["reported-absent"]);
    assert_eq!(filed(&site, "2024-12"), "", "taken back");
    let told = import(&site, bare, &["--column", "cumulative"]);
    assert!(!told.contains("reported-"), "{told}");
    assert_eq!((filed(&site, "2024-11"), filed(&site, "2024-12")), ("1500".to_owned(), "1650".to_owned()));
    // Another figure in its place is told with both.
    let told = import(&site, "报告期,指标代码,指标名称,1-本月\n2024-12,301,营业收入,1640\n", &[]);
    assert!(told.contains("reported-replaced") && told.contains("301 cumulative 1650 → 1640"), "{told}");
    assert!(!import(&site, "报告期,指标代码,指标名称,1-本月\n2024-12,301,营业收入,1640\n", &[]).contains("reported-replaced"));
    // One month and indicator alone.
    site.ok(&back(&["--period", "2024-12", "--code", "301", "--reason", "年报口径不同"]));
    assert_eq!((filed(&site, "2024-11"), filed(&site, "2024-12")), ("1500".to_owned(), String::new()));
    let log = csv(&site.ok(&["--format", "csv", "log", "show"]));
    assert_eq!(log.iter().filter(|row| row["what"] == "ledger-import-withdraw").count(), 2);
    site.ok(&["log", "verify"]);
}

/// How a rule came out.
fn outcome(site: &Site, rule: &str) -> (String, Vec<Value>) {
    let out = site.run(&["--format", "json", "audit", "run", "--form", "B203", "--period", "2025-12"]);
    let report: Vec<Value> = serde_json::from_slice(&out.stdout).unwrap();
    let entry = report.iter().find(|entry| entry["details"]["rule"] == rule).unwrap();
    let facts = entry["details"]["facts"].as_array().unwrap().clone();
    (entry["details"]["outcome"].as_str().unwrap().to_owned(), facts)
}

#[test]
fn the_first_year_is_compared_with_what_was_filed() {
    let site = prepared();
    let flagged = |site: &Site| {
        let rows = csv(&site.ok(&["--format", "csv", "audit", "quality", "--form", "B203", "--period", "2025-12"]));
        rows.into_iter().filter(|row| row["code"] == "quality-year-on-year" && row["indicator"] == "B203:301").collect::<Vec<_>>()
    };
    // 2024's revenue is not in the books: nothing to compare with.
    assert_eq!(outcome(&site, "FIN-23.301").0, "not_applicable");
    assert!(flagged(&site).is_empty());
    // 1788 千元 now. Against 1650 filed it grew by 8 %, against 1000 by 78.8 %, more than the half that both look for.
    import(&site, "报告期,指标代码,指标名称,1-本月\n2024-12,301,营业收入,1650\n", &[]);
    let (result, facts) = outcome(&site, "FIN-23.301");
    assert_eq!(result, "met");
    assert!(facts.iter().any(|fact| fact["column"] == "prior_year" && fact["value"] == "1650"), "{facts:?}");
    assert!(flagged(&site).is_empty());
    import(&site, "报告期,指标代码,指标名称,1-本月\n2024-12,301,营业收入,1000\n", &[]);
    assert_eq!(outcome(&site, "FIN-23.301").0, "unmet");
    let flag = flagged(&site);
    assert!(flag.len() == 1 && flag[0]["score"].starts_with("0.788"), "{flag:?}");
    // What is known of assets at the end of 2024 is computed, and stays so.
    import(&site, "报告期,指标代码,指标名称,期末\n2024-12,213,资产总计,1\n", &[]);
    let explain = |figure: &str| {
        let args = ["--format", "json", "explain", figure, "--period", "2025-12", "--column", "prior_year"];
        serde_json::from_slice::<Value>(&site.run(&args).stdout).unwrap()
    };
    let revenue = explain("B203:301");
    assert!(revenue["value"].is_null() && revenue["raw"].is_null(), "filed, and not computed: {revenue}");
    assert_eq!((revenue["platform"]["value"].as_str(), revenue["platform"]["period"].as_str()), (Some("1000"), Some("2024-12")));
    assert!(revenue["platform"]["place"].as_str().is_some_and(|place| place == "filed!D2"), "{revenue}");
    let assets = explain("B203:213");
    assert!(assets["value"] == "6592" && assets["platform"].is_null(), "{assets}");
    let people = site.run(&["explain", "B203:301", "--period", "2025-12", "--column", "prior_year"]);
    assert!(String::from_utf8_lossy(&people.stdout).contains("1000"));
}
