//! `taizhang balances` against the trial balances of the ERPs themselves, for every company and period.

use std::{collections::BTreeMap, fs};

use model::Amount;

use crate::{Site, csv, data, servers::Postgres};

type Figures = BTreeMap<String, [Amount; 4]>;

/// The oracle's figures by company and period, then by account; accounts whose figures are all zero are left out.
fn oracle(erp: &str) -> BTreeMap<(String, String), Figures> {
    let mut oracle: BTreeMap<(String, String), Figures> = BTreeMap::new();
    for row in csv(&fs::read_to_string(data(&format!("{erp}/oracle.csv"))).unwrap()) {
        let period = row.get("period").or(row.get("month")).unwrap().replace("2025-年结调整", "2025-12+adj");
        let figures = oracle.entry((row["company_id"].clone(), period)).or_default();
        figures.insert(row["account_code"].clone(), amounts(&row));
    }
    for figures in oracle.values_mut() {
        figures.retain(|_, amounts| amounts.iter().any(|amount| !amount.is_zero()));
    }
    oracle
}

fn amounts(row: &BTreeMap<String, String>) -> [Amount; 4] {
    ["opening", "debit", "credit", "closing"].map(|name| match row[name].as_str() {
        "" => Amount::ZERO,
        text => text.parse().unwrap(),
    })
}

/// Compares every company and period; books are named by the company's id.
fn equals_oracle(site: &Site, erp: &str, prefix: &str, cases: usize) {
    let oracle = oracle(erp);
    assert_eq!(oracle.len(), cases, "company-periods in the oracle");
    for ((company, period), expected) in oracle {
        let book = format!("{prefix}{company}");
        let text = site.ok(&["balances", "--book", &book, "--period", &period, "--format", "csv"]);
        assert!(text.starts_with("account,name,opening,debit,credit,closing\n"));
        let rows = csv(&text);
        let ours: Figures = rows
            .iter()
            .filter(|row| !row["account"].starts_with('*'))
            .map(|row| (row["account"].clone(), amounts(row)))
            .collect();
        assert_eq!(ours, expected, "{book}, {period}");
    }
}

pub fn books(prefix: &str, connector: &str, source: &str, companies: &[&str]) -> String {
    let book = |company: &&str| {
        format!("[[book]]\nid = \"{prefix}{company}\"\nconnector = \"{connector}\"\n{source}\nvariables.company = {company}\n\n")
    };
    companies.iter().map(book).collect()
}

#[test]
fn tryton_in_sqlite_equals_its_own_ledger() {
    let native = books("n", "tryton", "source.sqlite = \"tryton.sqlite\"", &["1", "2"]);
    let odbc = books("o", "tryton", "source.odbc = \"Driver=SQLite3;Database=DB\"", &["1", "2"]);
    let site = Site::tryton("");
    let odbc = odbc.replace("DB", site.path("tryton.sqlite").to_str().unwrap());
    fs::write(site.path("agent.toml"), native + &odbc).unwrap();
    let before = fs::read(site.path("tryton.sqlite")).unwrap();
    equals_oracle(&site, "tryton", "n", 30);
    equals_oracle(&site, "tryton", "o", 30);
    assert_eq!(before, fs::read(site.path("tryton.sqlite")).unwrap(), "the ERP is only ever read");
    // The same rows through two readers have the same identity.
    let roots = |book| csv(&site.ok(&["pull", "--full", "--format", "csv", "--book", book])).len();
    assert_eq!((roots("n1"), roots("o1")), (0, 0));
    for period in ["2025-06", "2025-12+adj"] {
        let root = |book| {
            let text = fs::read_dir(site.path("taizhang-state/snapshots").join(book)).unwrap();
            let mut names: Vec<_> =
                text.map(|f| f.unwrap().file_name().into_string().unwrap()).filter(|n| n.starts_with(period)).collect();
            names.sort();
            names
        };
        assert_eq!(root("n1"), root("o1"), "{period}");
    }
}

#[test]
fn odoo_and_tryton_in_postgresql_equal_their_own_reports_and_are_only_read() {
    let server = Postgres::start();
    server.load("odoo", &data("odoo/dump.sql.gz"));
    server.load("tryton", &data("tryton/dump.sql.gz"));
    let source =
        |database| format!("source.odbc = \"{}\"\nsource.password.env = \"TAIZHANG_TEST_PASSWORD\"", server.odbc(database));
    let config =
        books("odoo", "odoo", &source("odoo"), &["1", "4", "7"]) + &books("try", "tryton", &source("tryton"), &["1", "2"]);
    let site = Site::new(&config);
    let before = server.log().len();
    equals_oracle(&site, "odoo", "odoo", 37);
    equals_oracle(&site, "tryton", "try", 30);
    only_reads(&server.log()[before..]);
}

/// What the server was asked is reading, and the frame of reading.
fn only_reads(log: &str) {
    let mut seen = 0;
    for line in log.lines() {
        let Some(statement) = line.split_once("statement: ").or(line.split_once("execute ")).map(|(_, rest)| rest) else {
            continue;
        };
        let statement =
            statement.split_once(": ").filter(|(name, _)| name.starts_with(['_', '<'])).map_or(statement, |(_, rest)| rest);
        let word = statement.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap().to_ascii_uppercase();
        let frame = [
            "BEGIN",
            "START",
            "SET",
            "SHOW",
            "DECLARE",
            "FETCH",
            "CLOSE",
            "SAVEPOINT",
            "RELEASE",
            "ROLLBACK",
            "COMMIT",
            "DEALLOCATE",
        ];
        assert!(word == "SELECT" || frame.contains(&word.as_str()), "{line}");
        seen += 1;
    }
    assert!(seen > 100, "the log holds {seen} statements");
}
