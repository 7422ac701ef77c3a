/*!
A real Tryton database against Tryton's own general ledger.

Goal: every company, every period including the adjustment period, every account: opening, debit, credit and closing to the cent.
Method: the queries are those of `connectors/tryton/connector.toml`; the expected figures are in `oracle.csv`, which Tryton's
general ledger model made (its adjustment period was made by SQL, as that model cannot show it alone).
*/
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::copy,
    path::{Path, PathBuf},
};

use journal::{Balances, Class, UNDISTRIBUTED};
use model::{Amount, Month, Period};
use rusqlite::{Connection, OpenFlags};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The database, unpacked into a folder of its own and opened read-only, as an ERP always is.
fn database(folder: &Path) -> Connection {
    let path = folder.join("tryton.sqlite");
    let packed = File::open(root().join("tests/data/tryton/tryton.sqlite.gz")).unwrap();
    copy(&mut flate2::read::GzDecoder::new(packed), &mut File::create(&path).unwrap()).unwrap();
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

fn book(database: &Connection, company: i64) -> Balances {
    let pack: toml::Table = std::fs::read_to_string(root().join("connectors/tryton/connector.toml")).unwrap().parse().unwrap();
    let query = |extract: &str| pack["extract"][extract]["query"].as_str().unwrap().replace("{company}", "?");
    let mut accounts = database.prepare(&query("accounts")).unwrap();
    let chart = accounts.query_map([company], |row| {
        let class: String = row.get("class")?;
        let class = if class == "profit_and_loss" { Class::ProfitAndLoss } else { Class::BalanceSheet };
        Ok((row.get("account")?, class))
    });
    let mut book = Balances::new(1, chart.unwrap().map(Result::unwrap)).unwrap();
    let mut entries = database.prepare(&query("entries")).unwrap();
    let mut rows = entries.query([company]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let text = |column: &str| row.get::<_, String>(column).unwrap();
        let amount = |column: &str| text(column).parse::<Amount>().unwrap();
        let period = Period { month: text("month").parse::<Month>().unwrap(), adjustment: row.get("adjustment").unwrap() };
        book.add(&text("voucher"), &text("account"), period, amount("debit"), amount("credit")).unwrap();
    }
    book
}

/// (company, period) → account → opening, debit, credit, closing. All-zero rows are left aside.
type Oracle = BTreeMap<(i64, Period), BTreeMap<String, [Amount; 4]>>;

fn oracle() -> Oracle {
    let mut oracle = Oracle::new();
    for row in csv::Reader::from_path(root().join("tests/data/tryton/oracle.csv")).unwrap().deserialize() {
        let row: BTreeMap<String, String> = row.unwrap();
        let month = row["period_start"][..7].parse().unwrap();
        let period = Period { month, adjustment: row["period_type"] == "adjustment" };
        let amounts = ["opening", "debit", "credit", "closing"].map(|column| row[column].parse::<Amount>().unwrap());
        let accounts = oracle.entry((row["company_id"].parse().unwrap(), period)).or_default();
        if amounts.iter().any(|amount| !amount.is_zero()) {
            assert_eq!(accounts.insert(row["account_code"].clone(), amounts), None, "the oracle names an account once");
        }
    }
    oracle
}

#[test]
fn every_balance_equals_trytons_own_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(folder.path());
    let oracle = oracle();
    let companies: BTreeSet<i64> = oracle.keys().map(|(company, _)| *company).collect();
    assert_eq!(companies.len(), 2, "one book in CNY, one in USD");
    let mut compared = 0;
    for company in companies {
        let book = book(&database, company);
        for ((_, period), expected) in
            oracle.range((company, "1000-01".parse().unwrap())..).take_while(|((c, _), _)| *c == company)
        {
            let rows = book.trial(*period).unwrap();
            let found: BTreeMap<_, _> = rows
                .into_iter()
                .filter(|row| row.account != UNDISTRIBUTED)
                .map(|row| (row.account, [row.opening, row.debit, row.credit, row.closing]))
                .collect();
            assert_eq!(&found, expected, "company {company}, {period}");
            compared += found.len();
        }
    }
    // oracle.csv has 1003 rows under its header; those that are all zero are not compared.
    assert!((900..=1003).contains(&compared), "{compared} rows compared");
}
