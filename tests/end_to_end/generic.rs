/*!
`generic-sql` on MariaDB: a small book made by hand, with the calculation beside it.

| 凭证 | 日期 | 分录 | 摘要 |
|---|---|---|---|
| 1 | 2025-03-01 | 借 1002 100000 贷 4001 100000 | 实收资本 |
| 2 | 2025-03-10 | 借 1122 10000 贷 6001 10000（100 件） | 销售 |
| 3 | 2025-03-31 | 借 6001 10000 贷 4103 10000 | 月末处理（手工结转，摘要看不出来） |
| 4 | 2025-03-31 | 借 1122 1000 贷 6001 1000（10 件） | 补记销售（结转之后，年末没有结平） |
| 5 | 2025-04-02 | 借 1405 7200（50 件） 贷 2202 7200（USD 1000） | 进口 |
| 6 | 2025-04-15 | 借 6401 2880 贷 1405 2880（20 件） | 结转销售成本（普通凭证，摘要写着结转） |
| 7 | 2025-04-16 | 借 6602 800 贷 1002 800 | 办公费，管理部 |
| 8 | 2025-04-17 | 借 6602 -500 贷 1002 -500 | 冲回办公费（红字） |
| 9 | 2025-04-20 | 借 6602 99999 贷 1002 99999 | 未过账 |
| 10 | 2025-04-25 | 借 1122 5000 贷 6001 5000（40 件） | 销售，销售部，项目甲 |
| 11 | 2025-04-30 | 借 6001 5000 贷 6401 2880, 6602 300, 4103 1820 | 四月账务（手工结转） |
| 12 | 2025-05-06 | 借 1002 5000 贷 1122 5000 | 收款 |

The fiscal year starts in April: 6001 has -1000 left on 31 March (-10000 + 10000 - 1000) that nobody closed; in April it opens at zero and
the -1000 stands in `*undistributed`.
*/

use std::{collections::BTreeMap, fs, path::PathBuf};

use model::Amount;

use crate::{Site, csv, servers::MariaDb};

const BOOK: &str = "
CREATE DATABASE ledger CHARACTER SET utf8mb4;
USE ledger;
CREATE TABLE subject (code VARCHAR(20) PRIMARY KEY, name VARCHAR(60), kind VARCHAR(20));
INSERT INTO subject VALUES ('1002', '银行存款', 'asset'), ('1122', '应收账款', 'asset'), ('1405', '库存商品', 'asset'),
 ('2202', '应付账款', 'liability'), ('4001', '实收资本', 'equity'), ('4103', '本年利润', 'equity'),
 ('6001', '主营业务收入', 'profit_and_loss'), ('6401', '主营业务成本', 'profit_and_loss'), ('6602', '管理费用', 'profit_and_loss');
CREATE TABLE calendar (month CHAR(7) PRIMARY KEY, state VARCHAR(8), fiscal_year_start CHAR(7));
INSERT INTO calendar VALUES ('2025-03', 'closed', '2024-04'), ('2025-04', 'open', '2025-04'), ('2025-05', 'open', '2025-04'),
 ('2025-06', 'open', '2025-04');
CREATE TABLE voucher (id INT PRIMARY KEY, number VARCHAR(20), day DATE, posted INT, summary VARCHAR(60));
CREATE TABLE line (voucher INT, line INT, account VARCHAR(20), debit DECIMAL(18,2), credit DECIMAL(18,2), quantity DECIMAL(12,3),
 currency CHAR(3), foreign_amount DECIMAL(18,2), department VARCHAR(20), project VARCHAR(20), PRIMARY KEY (voucher, line));
INSERT INTO voucher VALUES (1, '记-1', '2025-03-01', 1, '实收资本'), (2, '记-2', '2025-03-10', 1, '销售'),
 (3, '记-3', '2025-03-31', 1, '月末处理'), (4, '记-4', '2025-03-31', 1, '补记销售'), (5, '记-1', '2025-04-02', 1, '进口'),
 (6, '记-2', '2025-04-15', 1, '结转销售成本'), (7, '记-3', '2025-04-16', 1, '办公费'), (8, '记-4', '2025-04-17', 1, '冲回办公费'),
 (9, '记-5', '2025-04-20', 0, '未过账'), (10, '记-6', '2025-04-25', 1, '销售'), (11, '记-7', '2025-04-30', 1, '四月账务'),
 (12, '记-1', '2025-05-06', 1, '收款');
INSERT INTO line (voucher, line, account, debit, credit, quantity, currency, foreign_amount, department, project) VALUES
 (1, 1, '1002', 100000, 0, NULL, NULL, NULL, NULL, NULL), (1, 2, '4001', 0, 100000, NULL, NULL, NULL, NULL, NULL),
 (2, 1, '1122', 10000, 0, NULL, NULL, NULL, NULL, NULL), (2, 2, '6001', 0, 10000, -100, NULL, NULL, '销售部', '甲'),
 (3, 1, '6001', 10000, 0, NULL, NULL, NULL, NULL, NULL), (3, 2, '4103', 0, 10000, NULL, NULL, NULL, NULL, NULL),
 (4, 1, '1122', 1000, 0, NULL, NULL, NULL, NULL, NULL), (4, 2, '6001', 0, 1000, -10, NULL, NULL, '销售部', '乙'),
 (5, 1, '1405', 7200, 0, 50, NULL, NULL, NULL, NULL), (5, 2, '2202', 0, 7200, NULL, 'USD', -1000, NULL, NULL),
 (6, 1, '6401', 2880, 0, NULL, NULL, NULL, '销售部', '甲'), (6, 2, '1405', 0, 2880, -20, NULL, NULL, NULL, NULL),
 (7, 1, '6602', 800, 0, NULL, NULL, NULL, '管理部', NULL), (7, 2, '1002', 0, 800, NULL, NULL, NULL, NULL, NULL),
 (8, 1, '6602', -500, 0, NULL, NULL, NULL, '管理部', NULL), (8, 2, '1002', 0, -500, NULL, NULL, NULL, NULL, NULL),
 (9, 1, '6602', 99999, 0, NULL, NULL, NULL, NULL, NULL), (9, 2, '1002', 0, 99999, NULL, NULL, NULL, NULL, NULL),
 (10, 1, '1122', 5000, 0, NULL, NULL, NULL, NULL, NULL), (10, 2, '6001', 0, 5000, -40, NULL, NULL, '销售部', '甲'),
 (11, 1, '6001', 5000, 0, NULL, NULL, NULL, NULL, NULL), (11, 2, '6401', 0, 2880, NULL, NULL, NULL, NULL, NULL),
 (11, 3, '6602', 0, 300, NULL, NULL, NULL, NULL, NULL), (11, 4, '4103', 0, 1820, NULL, NULL, NULL, NULL, NULL),
 (12, 1, '1002', 5000, 0, NULL, NULL, NULL, NULL, NULL), (12, 2, '1122', 0, 5000, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE total (month CHAR(7), account VARCHAR(20), closing DECIMAL(18,2));
INSERT INTO total VALUES ('2025-03', '1002', 100000), ('2025-03', '1122', 11000), ('2025-03', '4103', -10000),
 ('2025-04', '1002', 99700), ('2025-04', '1405', 4320), ('2025-04', '2202', -7200);
";

/// What an enterprise writes by following connectors/generic-sql/README.md.
const CONFIG: &str = r#"
[[book]]
id = "main"
connector = "generic-sql"
currency = "CNY"
source.odbc = "ODBC"
source.password.env = "TAIZHANG_TEST_PASSWORD"

[book.extract.accounts]
query = "SELECT code AS account, name, kind AS class FROM subject"

[book.extract.periods]
query = "SELECT month, '0' AS adjustment, state, fiscal_year_start FROM calendar"

[book.extract.entries]
query = """
SELECT DATE_FORMAT(v.day, '%Y-%m') AS month, '0' AS adjustment, CAST(v.id AS CHAR) AS voucher, v.number, CAST(v.day AS CHAR) AS date,
       CAST(l.line AS CHAR) AS line, v.summary, l.account, CAST(l.debit AS CHAR) AS debit, CAST(l.credit AS CHAR) AS credit,
       CAST(l.quantity AS CHAR) AS quantity, CASE WHEN l.quantity IS NOT NULL THEN '件' END AS unit, l.currency,
       CAST(l.foreign_amount AS CHAR) AS foreign_amount, l.department, l.project
FROM voucher v JOIN line l ON l.voucher = v.id
WHERE v.posted = 1 AND DATE_FORMAT(v.day, '%Y-%m') BETWEEN {from} AND {to}
ORDER BY 1, v.id, l.line"""

[book.extract.balances]
query = "SELECT month, account, CAST(closing AS CHAR) AS closing FROM total"

[book.extract.fingerprint]
query = """
SELECT DATE_FORMAT(v.day, '%Y-%m') AS month, '0' AS adjustment, l.account, CAST(COUNT(*) AS CHAR) AS entry_count,
       CAST(SUM(l.debit) AS CHAR) AS debit, CAST(SUM(l.credit) AS CHAR) AS credit
FROM voucher v JOIN line l ON l.voucher = v.id
WHERE v.posted = 1
GROUP BY 1, 2, 3 ORDER BY 1, 3"""
"#;

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

/// A trial balance without its rows of zeros: account → opening, debit, credit, closing.
fn trial(site: &Site, args: &[&str]) -> BTreeMap<String, [Amount; 4]> {
    let text = site.ok(&[&["balances", "--format", "csv", "--period"], args].concat());
    let rows = csv(&text)
        .into_iter()
        .map(|row| (row["account"].clone(), ["opening", "debit", "credit", "closing"].map(|column| amount(&row[column]))));
    rows.filter(|(_, amounts)| amounts.iter().any(|amount| !amount.is_zero())).collect()
}

fn expected(rows: &[(&str, [i64; 4])]) -> BTreeMap<String, [Amount; 4]> {
    rows.iter().map(|(account, row)| ((*account).to_owned(), row.map(|yuan| amount(&yuan.to_string())))).collect()
}

/// The cube of April, from its file.
fn cube(site: &Site) -> Vec<journal::Cell> {
    let files = fs::read_dir(site.path("taizhang-state/snapshots/main")).unwrap().map(|entry| entry.unwrap().path());
    let is_april = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("2025-04-") && name.ends_with(".cube.parquet")
    };
    journal::read_cube(&files.into_iter().find(is_april).unwrap()).unwrap()
}

#[test]
fn a_book_with_queries_of_ones_own_equals_the_calculation_by_hand() {
    let server = MariaDb::start();
    server.sql("", BOOK);
    let site = Site::new(&CONFIG.replace("ODBC", &server.odbc("ledger")));
    let tested = csv(&site.ok(&["connector", "test", "--format", "csv"]));
    let entries = tested.iter().find(|row| row["extract"] == "entries").unwrap();
    assert_eq!((entries["rows"].as_str(), entries["periods"].as_str(), entries["errors"].as_str()), ("24", "3", "0"));

    let march = expected(&[
        ("1002", [0, 100_000, 0, 100_000]),
        ("1122", [0, 11_000, 0, 11_000]),
        ("4001", [0, 0, 100_000, -100_000]),
        ("4103", [0, 0, 10_000, -10_000]),
        ("6001", [0, 10_000, 11_000, -1_000]),
    ]);
    assert_eq!(trial(&site, &["2025-03"]), march);

    // 1002: 800 - 500 = 300. 6602: 800 - 500 = 300. 9 is not posted.
    let april = [
        ("*undistributed", [-1_000, 0, 0, -1_000]),
        ("1002", [100_000, 0, 300, 99_700]),
        ("1122", [11_000, 5_000, 0, 16_000]),
        ("1405", [0, 7_200, 2_880, 4_320]),
        ("2202", [0, 0, 7_200, -7_200]),
        ("4001", [-100_000, 0, 0, -100_000]),
        ("4103", [-10_000, 0, 1_820, -11_820]),
        ("6001", [0, 5_000, 5_000, 0]),
        ("6401", [0, 2_880, 2_880, 0]),
        ("6602", [0, 300, 300, 0]),
    ];
    assert_eq!(trial(&site, &["2025-04"]), expected(&april));

    // Without closing only debit and credit change, and what was left out is named; 结转销售成本 stays.
    let mut without = april;
    for (account, debit, credit) in [("4103", 0, 0), ("6001", 0, 5_000), ("6401", 2_880, 0), ("6602", 300, 0)] {
        let row = without.iter_mut().find(|(code, _)| *code == account).unwrap();
        (row.1[1], row.1[2]) = (debit, credit);
    }
    assert_eq!(trial(&site, &["2025-04", "--without-closing"]), expected(&without));
    let out = site.run(&["balances", "--period", "2025-04", "--without-closing"]);
    let said: Vec<String> = String::from_utf8(out.stderr).unwrap().lines().map(str::to_owned).collect();
    let named: Vec<&String> = said.iter().filter(|line| line.contains("closing-left-out")).collect();
    assert_eq!(named.len(), 1, "{said:?}");
    assert!(named[0].contains("记-7"), "{named:?}");

    // The book has no adjustment periods: one that is asked for is empty, and stands after the month.
    let adjusted = trial(&site, &["2025-04+adj"]);
    assert_eq!(adjusted["1002"], ["99700", "0", "0", "99700"].map(amount));
    assert!(adjusted.values().all(|row| row[1].is_zero() && row[2].is_zero()));

    // May opens with what April left; no account of profit and loss has anything.
    let may = expected(&[
        ("*undistributed", [-1_000, 0, 0, -1_000]),
        ("1002", [99_700, 5_000, 0, 104_700]),
        ("1122", [16_000, 0, 5_000, 11_000]),
        ("1405", [4_320, 0, 0, 4_320]),
        ("2202", [-7_200, 0, 0, -7_200]),
        ("4001", [-100_000, 0, 0, -100_000]),
        ("4103", [-11_820, 0, 0, -11_820]),
    ]);
    assert_eq!(trial(&site, &["2025-05"]), may);

    // Quantities, foreign currency and dimensions of April.
    let cells = cube(&site);
    let of = |account: &str, dimension: &str, value: &str| {
        let at = journal::DIMENSIONS.iter().position(|name| *name == dimension).unwrap();
        let found = cells.iter().filter(|cell| &*cell.account == account && cell.dimensions[at].as_deref() == Some(value));
        found.map(|cell| cell.sums).reduce(|a, b| a.plus(b).unwrap()).unwrap()
    };
    let goods = cells.iter().filter(|cell| &*cell.account == "1405").map(|cell| cell.sums).reduce(|a, b| a.plus(b).unwrap());
    let goods = goods.unwrap().quantity;
    assert_eq!((goods.debit, goods.credit), (amount("50"), amount("20")));
    assert_eq!(of("2202", "currency", "USD").foreign.credit, amount("1000"));
    assert_eq!(of("6001", "project", "甲").quantity.credit, amount("40"));
    assert_eq!(of("6001", "department", "销售部").credit, amount("5000"));
    let office = of("6602", "department", "管理部");
    assert_eq!((office.debit, office.credit), (amount("300"), Amount::ZERO));
}

#[test]
fn balances_of_the_erp_that_disagree_are_named() {
    let server = MariaDb::start();
    server.sql("", BOOK);
    let site = Site::new(&CONFIG.replace("ODBC", &server.odbc("ledger")));
    // April is open: the seal is provisional and a person is told.
    server.sql("ledger", "UPDATE total SET closing = 99701 WHERE month = '2025-04' AND account = '1002'");
    let out = site.run(&["pull"]);
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(0), "{said}");
    let line = |said: &str, word: &str| {
        said.lines().find(|line| line.contains("erp-balance-differs") && line.contains(word)).map(str::to_owned)
    };
    let april = line(&said, "2025-04").unwrap();
    assert!(april.contains("1002") && april.contains("99701.00") && april.contains("99700.00"), "{april}");
    assert_eq!(line(&said, "2025-03"), None);
    let before = site.ok(&["balances", "--period", "2025-03"]);
    // March is closed: nothing is sealed, both are named, and what was sealed stays.
    server.sql("ledger", "UPDATE total SET closing = 11001 WHERE month = '2025-03' AND account = '1122'");
    server.sql("ledger", "UPDATE line SET debit = 5001 WHERE voucher = 12 AND line = 1");
    server.sql("ledger", "UPDATE line SET credit = 5001 WHERE voucher = 12 AND line = 2");
    let said = site.refused(&["pull", "--full"], 1, &["11001.00", "11000.00", "99701.00"]);
    assert!(line(&said, "2025-03").unwrap().contains("1122") && line(&said, "2025-04").is_some(), "{said}");
    assert_eq!(site.ok(&["balances", "--period", "2025-03"]), before);
    // May was not sealed anew either.
    assert_eq!(trial(&site, &["2025-05"])["1002"][1], amount("5000"));
}
