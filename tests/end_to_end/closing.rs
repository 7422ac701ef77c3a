/*!
Closing vouchers in books whose account of profit has a name that no standard knows.

The Tryton company closes 2025 with one voucher of a journal of type *situation*, in the adjustment period 2025-12+adj, to 3.2.1.01
未分配利润. What that voucher moves is asked of the database itself, by SQL.
*/

use std::{collections::BTreeMap, fs};

use model::Amount;

use crate::{Site, csv};

const CONFIG: &str = r#"
[unit]
name = "杭州西溪精密机械有限公司"

[[book]]
id = "hz"
connector = "tryton"
source.sqlite = "tryton.sqlite"
variables.company = 1

[[form]]
code = "B203"
mapping = ["layer.toml"]
"#;

const LAYER: &str = "title = \"own\"\n";

/// Debit and credit of each account in the adjustment period, closing vouchers left out.
fn turnover(site: &Site) -> BTreeMap<String, [Amount; 2]> {
    let rows = csv(&site.ok(&["balances", "--period", "2025-12+adj", "--without-closing", "--format", "csv"]));
    let amount = |text: &str| text.parse::<Amount>().unwrap();
    let sides = rows.iter().map(|row| (row["account"].clone(), [amount(&row["debit"]), amount(&row["credit"])]));
    sides.filter(|(_, sides)| sides.iter().any(|side| !side.is_zero())).collect()
}

fn sql(site: &Site, text: &str) -> rusqlite::Connection {
    let database = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    database.execute_batch(text).unwrap();
    database
}

/// Accounts that vouchers of the closing journal touch, from the database.
fn closed(database: &rusqlite::Connection) -> Vec<String> {
    let mut asked = database
        .prepare(
            "SELECT DISTINCT a.code FROM account_move_line l JOIN account_account a ON a.id = l.account \
             JOIN account_move m ON m.id = l.move JOIN account_journal j ON j.id = m.journal \
             WHERE j.type = 'situation' AND m.company = 1 AND m.state = 'posted' ORDER BY 1",
        )
        .unwrap();
    asked.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

const ANONYMOUS: &str = "UPDATE account_account SET name = 'Result of all years' WHERE code = '3.2.1.01'";

#[test]
fn the_erp_s_own_mark_closes_to_equity_that_no_standard_knows() {
    let site = Site::tryton(CONFIG);
    fs::write(site.path("layer.toml"), LAYER).unwrap();
    let accounts = closed(&sql(&site, ANONYMOUS));
    assert!(accounts.contains(&"3.2.1.01".to_owned()) && accounts.len() > 5, "{accounts:?}");
    let left = turnover(&site);
    assert!(accounts.iter().all(|account| !left.contains_key(account)), "{left:?}");
}

/// A line of nothing on the bank account does not make a closing less of one, nor does a layer that says what an account which the ERP
/// closes really is: 5.1.5.01 暂估入库（在途） is profit and loss to Tryton and payables to the enterprise.
#[test]
fn a_closing_made_by_hand_closes_what_the_erp_calls_profit_and_loss() {
    let site = Site::tryton(CONFIG);
    let decided = "[accounts]\n\"5.1.5.01\" = { is = \"2202\", why = \"暂估应付\" }\n";
    fs::write(site.path("layer.toml"), format!("{LAYER}{decided}")).unwrap();
    let database = sql(&site, "");
    let accounts = closed(&database);
    assert!(accounts.contains(&"5.1.5.01".to_owned()), "{accounts:?}");
    database
        .execute_batch(
            "CREATE TEMP TABLE t AS SELECT l.* FROM account_move_line l JOIN account_move m ON m.id = l.move \
             JOIN account_journal j ON j.id = m.journal WHERE j.type = 'situation' AND m.company = 1 AND m.state = 'posted' LIMIT 1; \
             UPDATE t SET id = 999999, debit = 0, credit = 0, account = (SELECT l.account FROM account_move_line l \
               JOIN account_account a ON a.id = l.account WHERE a.company = 1 AND a.name LIKE '%银行%' LIMIT 1); \
             INSERT INTO account_move_line SELECT * FROM t; \
             UPDATE account_journal SET type = 'general' WHERE type = 'situation'",
        )
        .unwrap();
    drop(database);
    assert_eq!(turnover(&site), BTreeMap::new());
}

/// A voucher that closes and pays at once counts as turnover, and every draft with it says so, not only the pull that read it.
#[test]
fn a_doubt_about_a_closing_stands_on_each_draft() {
    let site = Site::tryton(CONFIG);
    fs::write(site.path("layer.toml"), LAYER).unwrap();
    let database = sql(
        &site,
        "UPDATE account_journal SET type = 'general' WHERE type = 'situation'; \
         CREATE TEMP TABLE t AS SELECT l.* FROM account_move_line l JOIN account_move m ON m.id = l.move JOIN account_period p ON p.id = m.period \
           WHERE p.type = 'adjustment' AND m.company = 1 AND m.state = 'posted' LIMIT 1; \
         UPDATE t SET debit = 7, credit = 0, account = (SELECT l.account FROM account_move_line l \
           JOIN account_account a ON a.id = l.account WHERE a.company = 1 AND a.name LIKE '%银行%' LIMIT 1), id = 999998; \
         INSERT INTO account_move_line SELECT * FROM t; UPDATE t SET debit = 0, credit = 7, id = 999999; \
         INSERT INTO account_move_line SELECT * FROM t",
    );
    drop(database);
    site.ok(&["pull"]);
    // Monthly forms leave the adjustment period out, annual ones have it.
    for (form, told) in [("B203", false), ("B103-1", true)] {
        site.ok(&["build", "--form", form, "--period", "2025-12"]);
        let text = site.ok(&["draft", "export", "--form", form, "--period", "2025-12", "--to", "json"]);
        assert_eq!(text.contains("closing-unclear"), told, "{text}");
    }
    let out = site.run(&["balances", "--period", "2025-12+adj", "--without-closing"]);
    assert!(String::from_utf8(out.stderr).unwrap().contains("closing-unclear"));
}

#[test]
fn a_decision_about_an_account_reseals_what_it_touches() {
    let site = Site::tryton(CONFIG);
    fs::write(site.path("layer.toml"), LAYER).unwrap();
    // Nobody marks the voucher, and the account goes by a name of its own.
    let database = sql(&site, &format!("{ANONYMOUS}; UPDATE account_journal SET type = 'general' WHERE type = 'situation'"));
    let mut asked = database
        .prepare(
            "SELECT a.code FROM account_move_line l JOIN account_account a ON a.id = l.account JOIN account_move m ON m.id = l.move \
             JOIN account_period p ON p.id = m.period \
             WHERE p.type = 'adjustment' AND m.company = 1 AND m.state = 'posted' GROUP BY 1",
        )
        .unwrap();
    let touched: Vec<String> = asked.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    drop(asked);
    drop(database);
    let said = String::from_utf8(site.run(&["pull"]).stderr).unwrap();
    assert!(said.contains("closing-account-unknown"), "{said}");
    let before = turnover(&site);
    assert!(touched.iter().any(|account| before.contains_key(account)));

    fs::write(site.path("layer.toml"), format!("{LAYER}[accounts]\n\"3.2.1.01\" = {{ is = \"4104\", why = \"未分配利润\" }}\n"))
        .unwrap();
    // What looks at the book now has the voucher left out, without being told to pull.
    let after = turnover(&site);
    assert!(after.is_empty(), "{after:?}");
    let out = site.run(&["balances", "--period", "2025-12+adj", "--without-closing"]);
    assert!(String::from_utf8(out.stderr).unwrap().contains("closing-left-out"));
    // And what was sealed for it is not sealed again.
    let again = String::from_utf8(site.run(&["pull"]).stderr).unwrap();
    assert!(!again.contains("closing-account-unknown"), "{again}");
    assert_eq!(csv(&site.ok(&["pull", "--format", "csv"])).len(), 0);
    site.ok(&["log", "verify"]);
}
