//! A past month is changed in the ERP after it was sealed and reported.

use std::{collections::BTreeSet, fs};

use journal::{Digest, file_digest, root_of};
use serde_json::Value;

use crate::{
    Site, csv, data,
    hand::{How, TRYTON_B203},
};

/// In Tryton's SQLite, voucher 183 of 2025-06, 计提单位社保: 34,692.00 from 管理费用 to 应付职工薪酬. Somebody makes it 35,692.00 as Tryton would:
/// amounts are bytes of decimal text, and the lines and the voucher say when they were written.
const EDIT: &str = "
    UPDATE account_move_line SET debit = CAST('35692.00' AS BLOB), write_date = '2026-11-24 08:00:00'
    WHERE id = 1216 AND CAST(debit AS TEXT) = '34692.00';
    UPDATE account_move_line SET credit = CAST('35692.00' AS BLOB), write_date = '2026-11-24 08:00:00'
    WHERE id = 1217 AND CAST(credit AS TEXT) = '34692.00';
    UPDATE account_move SET write_date = '2026-11-24 08:00:00' WHERE number = '183' AND company = 1 AND date = '2025-06-30';";

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// Cells of a draft that a build marked, with what they were before in the column where people look first.
fn marked(draft: &Value) -> BTreeSet<String> {
    let cells = draft["cells"].as_array().unwrap().iter();
    cells.filter(|cell| cell["changed"] == true).map(|cell| cell["id"].as_str().unwrap().to_owned()).collect()
}

fn set(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[test]
fn a_changed_amount_is_found_shown_and_marked() {
    let site = Site::tryton(
        "[unit]\nname = \"示例\"\ncode = \"913301060000000000\"\naccounting_standard = \"cas\"\n\n[[book]]\nid = \"hz\"\n\
         connector = \"tryton\"\nfirst_period = \"2025-01\"\nsource.sqlite = \"tryton.sqlite\"\nvariables.company = 1\n\n\
         [[form]]\ncode = \"B203\"\nedition = \"2025\"\nmapping = [\"tryton-hz.toml\"]\n",
    );
    fs::copy(data("../../mappings/examples/tryton-hz.toml"), site.path("tryton-hz.toml")).unwrap();
    let pulled = csv(&site.ok(&["pull", "--format", "csv"]));
    let old = pulled.iter().find(|row| row["period"] == "2025-06").unwrap().clone();
    let export = |month: &str| json(&site.ok(&["draft", "export", "--form", "B203", "--period", month, "--to", "json"]));
    let months = ["2025-05", "2025-06", "2025-07", "2026-01"];
    for month in months {
        site.ok(&["build", "--form", "B203", "--period", month]);
        assert_eq!(marked(&export(month)), set(&[]), "{month}: nothing has moved yet");
    }
    let draft_before = export("2025-06");

    let erp = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    erp.execute_batch(EDIT).unwrap();
    let kind: String = erp
        .query_row("SELECT typeof(debit) || CAST(debit AS TEXT) FROM account_move_line WHERE id = 1216", [], |r| r.get(0))
        .unwrap();
    assert_eq!(kind, "blob35692.00");
    drop(erp);

    // The next pull seals that month again, and no other.
    let pulled = csv(&site.ok(&["pull", "--format", "csv"]));
    assert_eq!(pulled.len(), 1, "{pulled:?}");
    let new = &pulled[0];
    assert_eq!((&*new["period"], &*new["change"], &*new["rows"]), ("2025-06", "changed", &*old["rows"]));
    assert_ne!(new["root"], old["root"]);

    // The difference, voucher by voucher.
    let diff = json(&site.ok(&["diff", "--book", "hz", "--period", "2025-06", "--format", "json"]));
    let lines: BTreeSet<[String; 6]> = diff
        .as_array()
        .unwrap()
        .iter()
        .map(|row| ["change", "voucher", "sign", "account", "debit", "credit"].map(|name| row[name].as_str().unwrap().to_owned()))
        .collect();
    let line = |sign: &str, account: &str, debit: &str, credit: &str| {
        ["changed", "183", sign, account, debit, credit].map(str::to_owned)
    };
    let expected = BTreeSet::from([
        line("-", "5.2.2.01", "34692.00", "0.00"),
        line("+", "5.2.2.01", "35692.00", "0.00"),
        line("-", "2.2.4.02", "0.00", "34692.00"),
        line("+", "2.2.4.02", "0.00", "35692.00"),
    ]);
    assert_eq!(lines, expected);

    // Both seals are there, and each file still has the identity that its seal names.
    let period = "2025-06".parse().unwrap();
    let state = rusqlite::Connection::open(site.path("taizhang-state/state.sqlite")).unwrap();
    for root in [&old["root"], &new["root"]] {
        let path = journal::entries_path(&site.path("taizhang-state/snapshots/hz"), period, Digest::parse(root).unwrap());
        assert_eq!(root_of(&path, period).unwrap().to_string(), *root);
        let file: String = state.query_row("SELECT file FROM seal WHERE root = ?", [root], |row| row.get(0)).unwrap();
        assert_eq!(file_digest(&path).unwrap().to_string(), file);
    }

    // Drafts that stand on it say so before they are built anew; May does not stand on June.
    for (month, touched) in months.into_iter().zip([false, true, true, true]) {
        let out = site.run(&["draft", "export", "--form", "B203", "--period", month, "--to", "json"]);
        assert_eq!(out.status.code(), Some(0));
        let told = String::from_utf8_lossy(&out.stderr).contains("evidence-changed");
        assert_eq!(told, touched, "{month}: {}", String::from_utf8_lossy(&out.stderr));
    }

    // So does the ledger, cell by cell: only those whose formulas ask for one of the two accounts in a month that they look at.
    let touched = |month: &str| -> BTreeSet<String> {
        let rows = csv(&site.ok(&["ledger", "show", "--form", "B203", "--period", month, "--format", "csv"]));
        rows.iter().filter(|row| row["touched"] == "evidence_changed").map(|row| row["code"].clone()).collect()
    };
    let asks = |accounts: &[&str]| -> BTreeSet<String> {
        let of = |how: &How| match how {
            How::Stock { accounts, by_party, .. } => [*accounts, *by_party].concat(),
            How::Income(accounts) | How::Expense(accounts) | How::Credited(accounts) => accounts.to_vec(),
            How::Missing | How::NoSource => Vec::new(),
        };
        let cells = TRYTON_B203.iter().filter(|(_, how)| of(how).iter().any(|account| accounts.contains(account)));
        cells.map(|(id, _)| (*id).to_owned()).collect()
    };
    assert_eq!(touched("2025-05"), set(&[]));
    assert_eq!(touched("2025-06"), asks(&["5.2.2.01", "2.2.4.02"]));
    assert_eq!(touched("2025-07"), asks(&["5.2.2.01", "2.2.4.02"]));
    assert_eq!(touched("2026-01"), asks(&["2.2.4.02"]).intersection(&set(&["213", "217"])).cloned().collect(), "balances alone");

    // Built anew, the cells whose figures moved are marked, and only those: 1,000 more of 管理费用 and of 应付职工薪酬.
    let owed = ["217", "313", "323", "327", "401"];
    for (month, cells) in [
        ("2025-05", &[][..]),
        ("2025-06", &owed),
        ("2025-07", &owed),
        // A year on only what is owed has moved; no result of last June is in this January, or in the last one.
        ("2026-01", &["217"]),
    ] {
        site.ok(&["build", "--form", "B203", "--period", month]);
        assert_eq!(marked(&export(month)), set(cells), "{month}");
    }
    let draft = export("2025-06");
    let figure = |draft: &Value, id: &str, column: &str| {
        let cell = draft["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == id).unwrap().clone();
        cell["columns"][column]["raw"].as_str().unwrap().parse::<model::Amount>().unwrap()
    };
    let thousand = model::Amount::from_whole(1000).unwrap();
    for (id, column, more) in
        [("313", "this_month", true), ("217", "closing", true), ("401", "cumulative", true), ("323", "this_month", false)]
    {
        let (was, is) = (figure(&draft_before, id, column), figure(&draft, id, column));
        let (low, high) = if more { (was, is) } else { (is, was) };
        assert_eq!(high.checked_sub(low), Some(thousand), "{id} {column}");
    }
    // What it was stands beside it.
    let moved = draft["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == "313").unwrap();
    let old = draft_before["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == "313").unwrap();
    assert_eq!(moved["before"], old["columns"]);

    // Another number touches no figure.
    let erp = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    let june = "company = 1 AND state = 'posted' AND date LIKE '2025-06%'";
    assert_eq!(erp.execute(&format!("UPDATE account_move SET number = '9183' WHERE number = '183' AND {june}"), []).unwrap(), 1);
    assert_eq!(csv(&site.ok(&["pull", "--format", "csv"])).len(), 1);
    for month in months {
        assert_eq!(touched(month), set(&[]), "{month}");
    }
    // Another customer touches what looks at the balance of each.
    let other = format!(
        "UPDATE account_move_line SET party = (SELECT min(id) FROM party_party p WHERE p.id <> party) WHERE id = (SELECT min(l.id) \
         FROM account_move_line l JOIN account_account a ON a.id = l.account WHERE a.code = '1.2.1' AND l.party IS NOT NULL \
         AND l.move IN (SELECT id FROM account_move WHERE {june}))"
    );
    assert_eq!(erp.execute(&other, []).unwrap(), 1);
    assert_eq!(csv(&site.ok(&["pull", "--format", "csv"])).len(), 1);
    assert_eq!(touched("2025-05"), set(&[]));
    for month in ["2025-06", "2025-07", "2026-01"] {
        assert_eq!(touched(month), asks(&["1.2.1"]), "{month}");
    }
}

/// Company 2 closed 2025 in Tryton, which keeps what its accounts carry forward. Voucher 109 of 2025-06 moves 9,118.72 from 5.1.5.01 to 1.3.4.01; SQL
/// makes it 7,777.00 and leaves the carried balances as they are.
#[test]
fn a_change_beneath_a_closed_balance_is_kept_and_names_its_voucher() {
    let site = Site::tryton(&crate::books("c", "tryton", "source.sqlite = \"tryton.sqlite\"", &["2"]));
    site.ok(&["pull"]);
    let erp = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    for side in ["debit", "credit"] {
        let sql = format!(
            "UPDATE account_move_line SET {side} = CAST('7777.00' AS BLOB) WHERE CAST({side} AS TEXT) = '9118.72' AND move = (SELECT id \
             FROM account_move WHERE number = '109' AND company = 2 AND date = '2025-06-05')"
        );
        assert_eq!(erp.execute(&sql, []).unwrap(), 1);
    }
    let out = site.run(&["pull"]);
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(0), "{said}");
    let line = said.lines().find(|line| line.contains("erp-balance-differs") && line.contains("1.3.4.01")).unwrap();
    assert!(line.starts_with("warning") && line.contains("2025-12") && line.ends_with("2025-06 109"), "{line}");
    let rows = csv(&site.ok(&["diff", "--period", "2025-06", "--format", "csv"]));
    let rows: Vec<_> = rows.iter().map(|row| (row["voucher"].as_str(), row["sign"].as_str(), row["account"].as_str())).collect();
    assert_eq!(rows, [("109", "-", "5.1.5.01"), ("109", "-", "1.3.4.01"), ("109", "+", "5.1.5.01"), ("109", "+", "1.3.4.01")]);
    // Never sealed before, the same database is refused.
    std::fs::remove_dir_all(site.path("taizhang-state")).unwrap();
    site.refused(&["pull"], 1, &["erp-balance-differs", "1.3.4.01"]);
}
