/*!
An account is given another type in the ERP: no voucher changes, and figures do.

The Tryton company closes 2025 with one voucher in 2025-12+adj, which annual forms leave out. What is left out is asked of the database itself, by SQL.
*/

use std::{collections::BTreeSet, fs};

use model::Amount;
use serde_json::Value;

use crate::{Site, csv};

const CONFIG: &str = r#"
[unit]
name = "杭州西溪精密机械有限公司"
accounting_standard = "cas"

[[book]]
id = "hz"
connector = "tryton"
first_period = "2025-01"
source.sqlite = "tryton.sqlite"
variables.company = 1

[[form]]
code = "B103-1"
mapping = ["layer.toml"]

[[form]]
code = "B203"
mapping = ["layer.toml"]
"#;

/// What 暂估入库 is, nobody says but the ERP.
const LAYER: &str = r#"
title = "own"

[accounts]
"1.2.1" = { is = "1122", why = "应收" }
"2.1.1" = { is = "2202", why = "应付" }
"#;

fn draft(site: &Site, form: &str) -> Value {
    let text = site.ok(&["draft", "export", "--form", form, "--period", "2025-12", "--to", "json"]);
    serde_json::from_str(&text).unwrap()
}

/// Cells that a draft's own finding names as touched.
fn named(draft: &Value) -> BTreeSet<String> {
    let told = draft["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "evidence-changed");
    let cells = told.map(|finding| finding["arguments"]["cells"].as_str().unwrap_or_else(|| panic!("{finding}")).to_owned());
    cells.iter().flat_map(|cells| cells.split(", ")).map(str::to_owned).collect()
}

fn raws(draft: &Value) -> Vec<(String, Value)> {
    let cells = draft["cells"].as_array().unwrap().iter();
    cells.map(|cell| (cell["id"].as_str().unwrap().to_owned(), cell["columns"].clone())).collect()
}

/// Touched cells of each kept draft as `draft list` counts them, and whether `status` tells.
fn listed(site: &Site, form: &str) -> (usize, bool) {
    let rows = csv(&site.ok(&["draft", "list", "--format", "csv"]));
    let row = rows.iter().find(|row| row["form"] == form).unwrap();
    let status = csv(&site.ok(&["status", "--date", "2026-01-20", "--format", "csv"]));
    let told = status.iter().any(|row| row["form"] == form && row["period"].ends_with("2025-12") && !row["touched"].is_empty());
    (row["touched"].parse().unwrap(), told)
}

#[test]
fn an_account_of_another_type_touches_what_stands_on_its_class() {
    let site = Site::tryton(CONFIG);
    fs::write(site.path("layer.toml"), LAYER).unwrap();
    let database = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    // Made by hand: only what it does says that it closes.
    database.execute_batch("UPDATE account_journal SET type = 'general' WHERE type = 'situation'").unwrap();
    // What that voucher moves of revenue, in cents.
    let closed: i64 = database
        .query_row(
            "SELECT CAST(round(sum(CAST(CAST(l.debit AS TEXT) AS REAL)) * 100) AS INTEGER) FROM account_move_line l \
             JOIN account_account a ON a.id = l.account JOIN account_move m ON m.id = l.move JOIN account_period p ON p.id = m.period \
             WHERE a.code IN ('4.1.1.01', '4.1.2.01') AND p.type = 'adjustment' AND m.company = 1 AND m.state = 'posted'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    for form in ["B103-1", "B203"] {
        site.ok(&["build", "--form", form, "--period", "2025-12"]);
        assert_eq!(listed(&site, form), (0, false), "{form}");
    }
    let before = draft(&site, "B103-1");

    // 暂估入库 is payable to Tryton from now on, and a voucher that empties it with the rest is no closing.
    let retyped = "UPDATE account_account SET type = 8 WHERE code = '5.1.5.01' AND company = 1";
    assert_eq!(database.execute(retyped, []).unwrap(), 1);
    site.ok(&["pull"]);
    for form in ["B103-1", "B203"] {
        let told = draft(&site, form);
        let (cells, status) = listed(&site, form);
        let names = named(&told);
        let old = raws(&told);
        site.ok(&["build", "--form", form, "--period", "2025-12"]);
        let new = raws(&draft(&site, form));
        let moved: BTreeSet<String> = old.iter().zip(&new).filter(|(a, b)| a != b).map(|(a, _)| a.0.clone()).collect();
        assert!(!moved.is_empty() && moved.is_subset(&names), "{form}: {moved:?} of {names:?}");
        assert_eq!((cells, status), (names.len(), true), "{form}");
        assert_eq!(listed(&site, form), (0, false), "{form}: built anew");
    }
    // The year's revenue is what was sold, less what the voucher took away.
    let revenue = |draft: &Value| -> Amount {
        let cell = draft["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == "301").unwrap();
        cell["columns"]["cumulative"]["raw"].as_str().unwrap_or_else(|| panic!("{cell}")).parse().unwrap()
    };
    let fell = revenue(&before).checked_sub(revenue(&draft(&site, "B103-1"))).unwrap();
    assert_eq!(fell.fixed(2).replace('.', ""), closed.to_string());
}
