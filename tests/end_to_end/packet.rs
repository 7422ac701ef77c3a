//! The evidence packet of a figure that stands on measures, of one that a person changed, and what it does not show.

use std::{collections::BTreeSet, fs, process::Command};

use model::Amount;
use serde_json::Value;

use crate::Site;

const CONFIG: &str = r#"
[unit]
name = "示例"

[[book]]
id = "book"
connector = "tryton"
source.sqlite = "tryton.sqlite"
variables = { company = 1, sales = true }

[measures]
none = ["processing"]

[[form]]
code = "B204-1"
mapping = ["layer.toml"]

[[form]]
code = "B203"

[[person]]
id = "wu"
name = "吴静"
roles = ["preparer"]
"#;

const LAYER: &str = "title = '没有在制品'\n[cell.'B204-1:01']\nformula = 'MEASURE(output, value)'\nwhy = '没有在制品'\n";

/// A sheet of a workbook of the packet, read by a library of its own: rows of texts, the heading apart.
fn sheet(site: &Site, path: &str, at: usize) -> Vec<Vec<String>> {
    let mut book: calamine::Xlsx<_> = calamine::open_workbook(site.path(path)).unwrap();
    let range = calamine::Reader::worksheet_range_at(&mut book, at).unwrap().unwrap();
    range.rows().skip(1).map(|row| row.iter().map(ToString::to_string).collect()).collect()
}

fn manifest(site: &Site, path: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(site.path(path)).unwrap()).unwrap()
}

fn sha256(site: &Site, path: &str) -> String {
    let sum = Command::new("sha256sum").arg(site.path(path)).output().unwrap();
    String::from_utf8(sum.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn output_is_shown_down_to_receipts_entries_and_the_invoices_of_its_price() {
    let site = Site::tryton(CONFIG);
    fs::write(site.path("layer.toml"), LAYER).unwrap();
    fs::write(site.path("入库单.txt"), "三十台").unwrap();
    let entry = ["measure", "enter", "--kind", "output", "--item", "#3", "--unit", "Unit", "--quantity", "30"];
    let act = ["--period", "2025-07", "--document", "RK-7", "--evidence", "入库单.txt", "--as", "wu"];
    site.ok(&[&entry[..], &act].concat());
    site.ok(&["evidence", "B204-1:01", "--period", "2025-07", "--month", "--out", "p"]);
    let stem = "p/B204-1-01-2025-07";
    // The invoices of the month in Tryton's own tables: money over quantity is the price.
    let database = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    let sql = "SELECT i.number, CAST(l.quantity AS REAL) FROM account_invoice i JOIN account_invoice_line l ON l.invoice = i.id \
               WHERE i.company = 1 AND i.type = 'out' AND i.state IN ('posted', 'paid') AND l.product = 3 \
               AND substr(COALESCE(i.accounting_date, i.invoice_date), 1, 7) = '2025-07'";
    let mut query = database.prepare(sql).unwrap();
    let theirs: BTreeSet<String> = query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(!theirs.is_empty());
    let prices = sheet(&site, &format!("{stem}-documents.xlsx"), 1);
    let (mut money, mut quantity) = (Amount::ZERO, Amount::ZERO);
    for row in &prices {
        let amount = |at: usize| row[at].parse::<Amount>().unwrap();
        (quantity, money) = (quantity.checked_add(amount(7)).unwrap(), money.checked_add(amount(9)).unwrap());
        assert_eq!((row[0].as_str(), row[10].as_str()), ("#3", "ERP"), "{row:?}");
    }
    let price = money.checked_div(quantity).unwrap();
    let calculation = sheet(&site, &format!("{stem}-calculation.xlsx"), 0);
    let line = &calculation[0];
    assert_eq!([&line[4], &line[6], &line[7], &line[10]], ["RK-7", "30", "Unit", "wu"], "{line:?}");
    assert_eq!(line[8].parse::<Amount>().ok(), Some(price));
    let value = price.checked_mul(Amount::from_whole(30).unwrap()).unwrap();
    assert_eq!(line[11].parse::<Amount>().ok(), Some(value));
    let documents = sheet(&site, &format!("{stem}-documents.xlsx"), 0);
    assert_eq!((documents.len(), documents[0][4].as_str(), documents[0][11].as_str()), (1, "RK-7", "wu"), "{documents:?}");
    // Who entered it attached a paper: it is in the packet, under the digest that sha256sum gives.
    let paper = &documents[0][13];
    let said = manifest(&site, &format!("{stem}.json"));
    assert_eq!(fs::read(site.path(&format!("p/{paper}"))).unwrap(), "三十台".as_bytes());
    assert_eq!(said["files"][paper], sha256(&site, "入库单.txt"));
    assert_eq!(said["adds_up"], true);
    assert_eq!(said["raw"].as_str().unwrap().parse::<Amount>().ok(), Some(value));
    let numbers: BTreeSet<String> = prices.iter().map(|row| row[4].clone()).collect();
    assert_eq!(numbers.len(), theirs.len(), "{numbers:?} {theirs:?}");
}

#[test]
fn a_figure_that_a_person_changed_is_tied_to_what_is_reported() {
    let site = Site::tryton(CONFIG);
    fs::write(site.path("layer.toml"), LAYER).unwrap();
    // A customer's name in the words of the line that counts: the customer stands on the other line.
    let database = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    let (name, line): (String, i64) = database
        .query_row(
            "SELECT p.name, l2.id FROM account_move m JOIN account_move_line l ON l.move = m.id JOIN party_party p ON p.id = l.party \
             JOIN account_move_line l2 ON l2.move = m.id JOIN account_account a ON a.id = l2.account JOIN account_period q ON q.id = m.period \
             WHERE m.company = 1 AND m.state = 'posted' AND a.code = '4.1.1.01' AND l2.party IS NULL AND q.start_date < '2025-06-30' \
             AND q.type = 'standard' AND l.account <> l2.account ORDER BY m.id LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let words = format!("售{name}轴承一批");
    assert_eq!(database.execute("UPDATE account_move_line SET description = ?1 WHERE id = ?2", (&words, line)).unwrap(), 1);
    fs::write(site.path("合同.txt"), "补充协议").unwrap();
    let act = ["ledger", "adjust", "B203:301", "--period", "2025-06", "--amount", "2", "--reason", "补记未开票收入"];
    site.ok(&[&act[..], &["--evidence", "合同.txt", "--as", "wu"]].concat());
    site.ok(&["evidence", "B203:301", "--period", "2025-06", "--out", "p"]);
    let said = manifest(&site, "p/B203-301-2025-06.json");
    let draft: Value =
        serde_json::from_str(&site.ok(&["draft", "export", "--form", "B203", "--period", "2025-06", "--to", "json"])).unwrap();
    let cell = draft["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == "301").unwrap().clone();
    assert_eq!(said["cell"]["computed"], cell["columns"]["cumulative"]["value"]);
    assert_eq!(said["cell"]["reported"], cell["adjustment"]["reported"]);
    assert_eq!(said["raw"], said["lines_total"]);
    let change = &said["cell"]["adjustment"];
    assert_eq!([&change["amount"], &change["reason"], &change["by"]], ["2", "补记未开票收入", "wu"]);
    let steps = sheet(&site, "p/B203-301-2025-06-calculation.xlsx", 1);
    assert_eq!((steps.len(), steps[2][1].as_str(), steps[2][3].as_str()), (4, "2", "补记未开票收入"), "{steps:?}");
    assert_eq!(steps[3][1].as_str(), said["cell"]["reported"].as_str().unwrap());
    let paper = &steps[2][6];
    assert_eq!(said["files"][paper], sha256(&site, "合同.txt"), "{steps:?}");
    assert!(site.path(&format!("p/{paper}")).exists());
    // No name of a party is left, neither in its column nor within the words.
    let vouchers = sheet(&site, "p/B203-301-2025-06-vouchers.xlsx", 0);
    assert!(vouchers.iter().any(|row| row[9] == "售＊＊＊轴承一批"), "{vouchers:?}");
    assert!(vouchers.iter().flatten().all(|text| !text.contains(&name)), "{name}");
    // A figure that nothing computes has what a person said for it, and why.
    let act = ["ledger", "adjust", "B204-1:05", "--period", "2025-06", "--amount", "3", "--reason", "按电费单填报"];
    site.ok(&[&act[..], &["--evidence", "合同.txt", "--as", "wu"]].concat());
    site.ok(&["evidence", "B204-1:05", "--period", "2025-06", "--out", "q"]);
    let said = manifest(&site, "q/B204-1-05-2025-06.json");
    assert_eq!((&said["raw"], &said["cell"]["computed"], &said["cell"]["reported"]), (&Value::Null, &Value::Null, &"3".into()));
}
