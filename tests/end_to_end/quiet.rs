//! Changes that leave no trace: no sum moves and nothing says when it was written, because somebody used SQL.

use model::Amount;

use crate::{Site, books, csv, data, servers::Postgres};

/// Periods that a pull seals anew, with what it says of them.
fn changed(site: &Site) -> Vec<String> {
    csv(&site.ok(&["pull", "--format", "csv"])).iter().map(|row| format!("{} {}", row["period"], row["change"])).collect()
}

/// Opening, debit, credit, closing of an account.
fn row(site: &Site, period: &str, account: &str) -> Option<[Amount; 4]> {
    let rows = csv(&site.ok(&["balances", "--period", period, "--format", "csv"]));
    let row = rows.iter().find(|row| row["account"] == account)?;
    Some(["opening", "debit", "credit", "closing"].map(|name| row[name].parse().unwrap()))
}

#[test]
fn tryton_in_sqlite_gives_them_away() {
    let site = Site::tryton(&books("hz", "tryton", "source.sqlite = \"tryton.sqlite\"", &["1"]));
    site.ok(&["pull"]);
    let erp = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    let run = |sql: &str, rows: usize| assert_eq!(erp.execute(sql, []).unwrap(), rows, "{sql}");
    let june = "company = 1 AND state = 'posted' AND date LIKE '2025-06%'";

    // A number: one voucher, one line of the difference.
    run(&format!("UPDATE account_move SET number = '9183' WHERE number = '183' AND {june}"), 1);
    assert_eq!(changed(&site), ["2025-06 changed"]);
    let shown = csv(&site.ok(&["diff", "--period", "2025-06", "--format", "csv"]));
    assert_eq!(
        shown.iter().map(|row| (row["change"].as_str(), row["voucher"].as_str())).collect::<Vec<_>>(),
        [("renumbered", "183 → 9183")]
    );

    // Two vouchers over the same two accounts swap their amounts: every sum stays.
    let pair = "WITH two AS (SELECT l.move, min(l.account) AS a, max(l.account) AS b, max(CAST(l.debit AS TEXT)) AS amount, max(CAST(CAST(l.debit AS TEXT) AS REAL)) AS big, \
                min(l.id) AS first, max(l.id) AS last FROM account_move_line l JOIN account_move m ON m.id = l.move \
                WHERE m.company = 1 AND m.state = 'posted' AND m.date LIKE '2025-06%' GROUP BY l.move \
                HAVING count(*) = 2 AND min(CAST(CAST(l.debit AS TEXT) AS REAL)) = 0 AND big > 0) \
                SELECT x.move, y.move, x.amount, y.amount FROM two x JOIN two y ON x.a = y.a AND x.b = y.b AND x.amount <> y.amount \
                AND x.move < y.move AND (SELECT CAST(CAST(debit AS TEXT) AS REAL) <> 0 FROM account_move_line WHERE id = x.first) \
                = (SELECT CAST(CAST(debit AS TEXT) AS REAL) <> 0 FROM account_move_line WHERE id = y.first)";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get(2)?, row.get(3)?));
    let (one, other, a, b): (i64, i64, String, String) = erp.query_row(pair, [], read).unwrap();
    for (voucher, amount) in [(one, b), (other, a)] {
        for side in ["debit", "credit"] {
            let what = format!("{side} = CAST('{amount}' AS BLOB)");
            run(
                &format!(
                    "UPDATE account_move_line SET {what} WHERE move = {voucher} AND CAST(CAST({side} AS TEXT) AS REAL) <> 0"
                ),
                1,
            );
        }
    }
    assert_eq!(changed(&site), ["2025-06 changed"]);

    // An account gets another code: months sealed under the old one are sealed anew, and its balance moves over whole.
    let old = row(&site, "2025-06", "5.2.2.01").unwrap();
    run("UPDATE account_account SET code = '5.2.2.91' WHERE code = '5.2.2.01' AND company = 1", 1);
    let months = changed(&site);
    assert!(months.len() > 10 && months.iter().all(|month| month.ends_with(" changed")), "{months:?}");
    assert_eq!((row(&site, "2025-06", "5.2.2.91"), row(&site, "2025-06", "5.2.2.01")), (Some(old), None));
    assert_eq!(changed(&site), Vec::<String>::new());
}

#[test]
fn odoo_gives_them_away() {
    let server = Postgres::start_with(&[]);
    server.load("odoo", &data("odoo/dump.sql.gz"));
    let source = format!("source.odbc = \"{}\"\nsource.password.env = \"TAIZHANG_TEST_PASSWORD\"", server.odbc("odoo"));
    let site = Site::new(&books("odoo", "odoo", &source, &["1"]));
    site.ok(&["pull"]);
    let june = "company_id = 1 AND state = 'posted' AND date BETWEEN '2025-06-01' AND '2025-06-30'";
    for change in [
        // A number, and a line's party.
        format!("UPDATE account_move SET name = 'X-1' WHERE id = (SELECT min(id) FROM account_move WHERE {june})"),
        format!(
            "UPDATE account_move_line SET partner_id = 1 WHERE id = (SELECT min(l.id) FROM account_move_line l WHERE l.move_id IN \
             (SELECT id FROM account_move WHERE {june}) AND l.partner_id <> 1)"
        ),
    ] {
        server.sql("odoo", &change);
        assert_eq!(changed(&site), ["2025-06 changed"], "{change}");
    }
    // Two accounts swap their codes: ids and sums stay.
    let before = (row(&site, "2025-06", "660100").unwrap(), row(&site, "2025-06", "660200").unwrap());
    server.sql(
        "odoo",
        "UPDATE account_account SET code_store = jsonb_set(code_store, '{1}', CASE code_store ->> '1' WHEN '660100' THEN '\"660200\"' \
         ELSE '\"660100\"' END::jsonb) WHERE code_store ->> '1' IN ('660100', '660200')",
    );
    let months = changed(&site);
    assert!(months.len() > 10 && months.iter().all(|month| month.ends_with(" changed")), "{months:?}");
    assert_eq!((row(&site, "2025-06", "660200").unwrap(), row(&site, "2025-06", "660100").unwrap()), before);
    // Lines for looks of a kind that later versions have are no entries.
    server.sql(
        "odoo",
        "SET session_replication_role = replica; ALTER TABLE account_move_line DROP CONSTRAINT IF EXISTS \
         account_move_line_check_accountable_required_fields; CREATE TEMP TABLE look AS SELECT * FROM account_move_line WHERE \
         company_id = 1 AND parent_state = 'posted' AND date = '2025-06-30' LIMIT 1; UPDATE look SET id = 900001, account_id = NULL, \
         debit = 0, credit = 0, balance = 0, amount_currency = 0, display_type = 'line_subsection'; INSERT INTO account_move_line \
         SELECT * FROM look",
    );
    assert_eq!(changed(&site), Vec::<String>::new());
}

/// An ERP may have set up its calendar after its first entries, and people post into months that nobody opened.
#[test]
fn entries_outside_the_calendar_are_read_too() {
    let site = Site::new(
        r#"
[[book]]
id = "b"
connector = "generic-sql"
currency = "CNY"
source.sqlite = "erp.sqlite"

[book.extract]
accounts.query = "SELECT '1002' AS account, '银行存款' AS name, 'asset' AS class UNION ALL SELECT '4001', '实收资本', 'equity'"
periods.query = "SELECT '2025-02' AS month, '0' AS adjustment, 'open' AS state, '2025-01' AS fiscal_year_start UNION ALL SELECT '2025-04', '0', 'open', '2025-01'"
entries.query = "SELECT month, '0' AS adjustment, voucher, account, debit, credit FROM line WHERE month BETWEEN {from} AND {to} ORDER BY 1, 3"
"#,
    );
    let erp = rusqlite::Connection::open(site.path("erp.sqlite")).unwrap();
    erp.execute_batch("CREATE TABLE line (month TEXT, voucher TEXT, account TEXT, debit TEXT, credit TEXT)").unwrap();
    // Before the calendar, on it, in its gap, on it, after it: 1, 2, 4, 8, 16.
    for (at, month) in ["2023-11", "2025-02", "2025-03", "2025-04", "2025-07"].iter().enumerate() {
        let amount = 1 << at;
        let sql = format!(
            "INSERT INTO line VALUES ('{month}', 'v{at}', '1002', '{amount}', '0'), ('{month}', 'v{at}', '4001', '0', '{amount}')"
        );
        erp.execute_batch(&sql).unwrap();
    }
    site.ok(&["pull", "--to", "2025-04"]);
    let sealed: Vec<String> = csv(&site.ok(&["pull", "--format", "csv"])).iter().map(|row| row["period"].clone()).collect();
    assert_eq!(sealed, ["2025-07"]);
    let whole = |amount: i128| Amount::from_whole(amount).unwrap();
    assert_eq!(row(&site, "2025-04", "1002").unwrap(), [whole(7), whole(8), whole(0), whole(15)]);
    assert_eq!(row(&site, "2025-07", "1002").unwrap(), [whole(15), whole(16), whole(0), whole(31)]);
}

/// Somebody keeps April to June of 2025 as one period, and has a second adjustment that spans half a year: the months stay what they are.
#[test]
fn a_quarter_as_one_period_is_still_three_months() {
    let site = Site::tryton(&books("hz", "tryton", "source.sqlite = \"tryton.sqlite\"", &["1"]));
    let months = ["2025-03", "2025-04", "2025-05", "2025-06", "2025-07"];
    let all = |site: &Site| months.map(|month| site.ok(&["balances", "--period", month, "--format", "csv"]));
    let before = all(&site);
    let erp = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    erp.execute_batch(
        "CREATE TEMP TABLE quarter AS SELECT p.id, p.start_date FROM account_period p JOIN account_fiscalyear f ON f.id = p.fiscalyear \
         WHERE f.company = 1 AND p.type = 'standard' AND p.start_date BETWEEN '2025-04-01' AND '2025-06-01'; \
         UPDATE account_move SET period = (SELECT id FROM quarter WHERE start_date = '2025-04-01') WHERE period IN (SELECT id FROM quarter); \
         UPDATE account_period SET end_date = '2025-06-30' WHERE id = (SELECT id FROM quarter WHERE start_date = '2025-04-01'); \
         UPDATE account_period SET type = 'adjustment', start_date = '2025-01-01', end_date = '2025-06-30' \
         WHERE id = (SELECT id FROM quarter WHERE start_date = '2025-06-01'); \
         DELETE FROM account_period WHERE id = (SELECT id FROM quarter WHERE start_date = '2025-05-01')",
    )
    .unwrap();
    std::fs::remove_dir_all(site.path("taizhang-state")).unwrap();
    assert_eq!(all(&site), before);
    // A voucher of the adjustment is in June's, and in no month's turnover.
    let moved = "UPDATE account_move SET period = (SELECT id FROM quarter WHERE start_date = '2025-06-01') WHERE number = '183' AND \
                 company = 1 AND date = '2025-06-30'";
    assert_eq!(erp.execute(moved, []).unwrap(), 1);
    assert_eq!(changed(&site), ["2025-06 changed", "2025-06+adj changed"]);
    let amount: Amount = "34692".parse().unwrap();
    let adjusted = csv(&site.ok(&["balances", "--period", "2025-06+adj", "--format", "csv"]));
    let debits: Vec<&str> = adjusted.iter().map(|row| row["debit"].as_str()).filter(|debit| *debit != "0.00").collect();
    assert_eq!(debits, ["34692.00"]);
    // A month within the quarter changes: it is read once more, and then known.
    let other = "UPDATE account_move SET number = '9' || number WHERE id = (SELECT min(id) FROM account_move WHERE company = 1 AND \
                 state = 'posted' AND date LIKE '2025-05%')";
    assert_eq!(erp.execute(other, []).unwrap(), 1);
    assert_eq!(changed(&site), ["2025-05 changed"]);
    let state = rusqlite::Connection::open(site.path("taizhang-state/state.sqlite")).unwrap();
    let periods: u32 =
        state.query_row("SELECT count(DISTINCT period) FROM seal WHERE book = 'hz1'", [], |row| row.get(0)).unwrap();
    let said = String::from_utf8(site.run(&["pull"]).stderr).unwrap();
    assert!(said.contains(&format!("0 periods sealed, {periods} unchanged")), "{said}");
    let july = row(&site, "2025-07", "5.2.2.01").unwrap();
    let adjusted = row(&site, "2025-06+adj", "5.2.2.01").unwrap();
    assert_eq!((adjusted[1], july[0]), (amount, adjusted[3]));
}

/// Amounts that add up past what SQLite's own whole numbers hold are sealed all the same, and known again.
#[test]
fn sums_past_the_integers_of_sqlite_are_no_obstacle() {
    let site = Site::tryton(&books("hz", "tryton", "source.sqlite = \"tryton.sqlite\"", &["1"]));
    site.ok(&["pull"]);
    let erp = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    // Every voucher of two lines in June is of 90,000,000,000,000,000.00 元: nine times ten to the power of 18 in cents, each.
    for side in ["debit", "credit"] {
        let sql = format!(
            "UPDATE account_move_line SET {side} = CAST('90000000000000000.00' AS BLOB) WHERE CAST(CAST({side} AS TEXT) AS REAL) > 0 AND \
             move IN (SELECT m.id FROM account_move m JOIN account_move_line l ON l.move = m.id WHERE m.company = 1 AND m.state = 'posted' \
             AND m.date LIKE '2025-06%' GROUP BY m.id HAVING count(*) = 2 AND min(CAST(CAST(l.debit AS TEXT) AS REAL)) >= 0)"
        );
        assert!(erp.execute(&sql, []).unwrap() > 2);
    }
    let most = "SELECT a.code, count(*) FROM account_move_line l JOIN account_move m ON m.id = l.move JOIN account_account a ON a.id = l.account \
                WHERE m.date LIKE '2025-06%' AND m.company = 1 AND m.state = 'posted' AND CAST(l.debit AS TEXT) = '90000000000000000.00' \
                GROUP BY a.code ORDER BY 2 DESC, 1 LIMIT 1";
    let (account, count): (String, i64) = erp.query_row(most, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert!(count > 1, "their sum is past 2 to the power of 63 in cents");
    assert_eq!(changed(&site), ["2025-06 changed"]);
    let debit = row(&site, "2025-06", &account).unwrap()[1];
    let large = "90000000000000000".parse::<Amount>().unwrap().checked_mul(Amount::from_whole(count.into()).unwrap()).unwrap();
    let rest = debit.checked_sub(large).unwrap();
    assert!(rest >= Amount::ZERO && rest < "100000000".parse().unwrap(), "{account}: {debit}");
    assert_eq!(changed(&site), Vec::<String>::new());
}
