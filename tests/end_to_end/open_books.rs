//! Open books: provisional seals, unposted vouchers by a form's own choice, and what happens when the ERP closes.

use std::fs;

use model::Amount;
use serde_json::Value;

use crate::Site;

/// Company 1 with two forms on one book: B203 with posted vouchers only, E203 with the unposted ones too.
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

[[form]]
code = "E203"
unposted = true
"#;

fn draft(site: &Site, form: &str, period: &str) -> Value {
    let text = site.ok(&["draft", "export", "--form", form, "--period", period, "--to", "json"]);
    serde_json::from_str(&text).unwrap()
}

fn raw(draft: &Value, id: &str, column: &str) -> Amount {
    let cell = draft["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == id).unwrap();
    cell["columns"][column]["raw"].as_str().unwrap_or_else(|| panic!("{cell}")).parse().unwrap()
}

#[test]
fn unposted_vouchers_enter_the_forms_that_say_so_and_no_other() {
    let site = Site::tryton(CONFIG);
    site.ok(&["pull"]);
    // Tryton's own rows: the draft voucher of 2025-03 has 77777.00 of 销售费用—广告费 (5.2.2.03), paid from the bank.
    let sql = "SELECT sum(CAST(CAST(l.debit AS TEXT) AS INTEGER)) FROM account_move_line l JOIN account_move m ON m.id = l.move \
               JOIN account_account a ON a.id = l.account JOIN account_period p ON p.id = m.period \
               WHERE m.state = 'draft' AND m.company = 1 AND a.code = '5.2.2.03' AND p.start_date = '2025-03-01'";
    let database = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    let unposted: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(unposted, 77777);
    let (posted, with) = (draft(&site, "B203", "2025-03"), draft(&site, "E203", "2025-03"));
    assert_eq!((posted.get("unposted"), &with["unposted"]), (None, &Value::Bool(true)));
    let difference = raw(&with, "312", "this_month").checked_sub(raw(&posted, "312", "this_month")).unwrap();
    assert_eq!(difference, Amount::from_whole(unposted.into()).unwrap());
    // They are evidence of their own, and the trial balance does not know them.
    assert!(with["evidence"]["2025-03"].as_str().unwrap().contains('+'), "{}", with["evidence"]);
    assert!(!posted["evidence"]["2025-03"].as_str().unwrap().contains('+'));
    assert!(!site.ok(&["balances", "--book", "hz", "--period", "2025-03", "--format", "csv"]).contains("77777"));
    // The explanation names the draft voucher's line.
    let text =
        site.ok(&["explain", "E203:312", "--period", "2025-03", "--column", "this_month", "--lines", "0", "--format", "csv"]);
    assert!(text.contains("77777"), "{text}");
    assert!(!site.ok(&["explain", "B203:312", "--period", "2025-03", "--lines", "0", "--format", "csv"]).contains("77777"));
}

#[test]
fn an_open_book_says_so_and_closing_it_builds_anew_and_shows_what_moved() {
    let site = Site::tryton(&CONFIG.replace("\n[[form]]\ncode = \"E203\"\nunposted = true\n", ""));
    site.ok(&["build", "--period", "2025-03"]);
    let before = draft(&site, "B203", "2025-03");
    assert_eq!(before["books_open"], true);
    let shown = site.ok(&["draft", "show", "--form", "B203", "--period", "2025-03", "--lang", "zh"]);
    assert!(shown.contains("账未结"), "{shown}");
    // The accountant posts the draft voucher of March and closes January to March.
    let database = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    let post = "UPDATE account_move SET state = 'posted', number = '999', write_date = '2026-03-01 00:00:00' \
                WHERE state = 'draft' AND company = 1 AND period IN (SELECT id FROM account_period WHERE start_date = '2025-03-01')";
    assert_eq!(database.execute(post, []).unwrap(), 1);
    let close = "UPDATE account_period SET state = 'closed' WHERE type = 'standard' AND start_date BETWEEN '2025-01-01' AND '2025-03-01' \
                 AND fiscalyear IN (SELECT id FROM account_fiscalyear WHERE company = 1)";
    assert_eq!(database.execute(close, []).unwrap(), 3);
    let out = site.run(&["pull"]);
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(0), "{told}");
    for code in ["draft-rebuilt", "figures-moved"] {
        assert!(told.contains(code), "{code}: {told}");
    }
    let after = draft(&site, "B203", "2025-03");
    assert_eq!(after["books_open"], false);
    let moved: Vec<&str> = after["cells"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|cell| cell["changed"] == true)
        .map(|c| c["id"].as_str().unwrap())
        .collect();
    // 77777.00 more of selling expenses, paid from the bank: current assets, assets, selling expenses, operating and total profit.
    assert_eq!(moved, ["201", "213", "312", "323", "327"]);
    let old = |id: &str, column: &str| raw(&before, id, column);
    let more = Amount::from_whole(77777).unwrap();
    assert_eq!(raw(&after, "312", "this_month"), old("312", "this_month").checked_add(more).unwrap());
    assert_eq!(raw(&after, "213", "closing"), old("213", "closing").checked_sub(more).unwrap());
    let kept = after["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == "312").unwrap();
    assert_eq!(kept["before"]["this_month"]["raw"].as_str().unwrap().parse(), Ok(old("312", "this_month")));
    // Reopening is told by the state of the seal.
    let open = "UPDATE account_period SET state = 'open' WHERE start_date = '2025-03-01'";
    database.execute(open, []).unwrap();
    let rows = crate::csv(&site.ok(&["pull", "--format", "csv"]));
    assert_eq!(
        rows.iter().map(|row| (row["period"].as_str(), row["state"].as_str())).collect::<Vec<_>>(),
        [("2025-03", "reopened")]
    );
    fs::metadata(site.path("taizhang-state")).unwrap();
}
