//! From a database that nobody has described to a configuration that runs: `connector`, `init`, `check`.

use std::{collections::BTreeMap, fs};

use model::Amount;

use crate::{Site, csv, data, servers::Postgres};

const ENV: &[&str] = &["--password-env", "TAIZHANG_TEST_PASSWORD"];

/// One row of a result by the value of a column.
fn row<'a>(rows: &'a [BTreeMap<String, String>], column: &str, value: &str) -> &'a BTreeMap<String, String> {
    rows.iter().find(|row| row[column] == value).unwrap_or_else(|| panic!("no {column} {value} in {rows:?}"))
}

/// Sealed quantities of a book by account and product, debit-positive.
fn quantities(site: &Site, book: &str) -> BTreeMap<(String, String), Amount> {
    let mut sums: BTreeMap<(String, String), Amount> = BTreeMap::new();
    let product = journal::DIMENSIONS.iter().position(|name| *name == "product").unwrap();
    for entry in fs::read_dir(site.path("taizhang-state/snapshots").join(book)).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_str().unwrap().ends_with(".cube.parquet") {
            continue;
        }
        for cell in journal::read_cube(&path).unwrap() {
            let Some(product) = &cell.dimensions[product] else { continue };
            let sum = sums.entry((cell.account.to_string(), product.to_string())).or_insert(Amount::ZERO);
            let net = cell.sums.quantity.debit.checked_sub(cell.sums.quantity.credit).unwrap();
            *sum = sum.checked_add(net).unwrap();
        }
    }
    sums
}

#[test]
fn a_newcomer_goes_from_a_sqlite_file_to_balances() {
    let site = Site::tryton("");
    fs::remove_file(site.path("agent.toml")).unwrap();
    let listed = csv(&site.ok(&["connector", "list", "--format", "csv"]));
    assert_eq!(listed.iter().map(|row| row["connector"].as_str()).collect::<Vec<_>>(), ["generic-sql", "odoo", "tryton"]);

    let books = csv(&site.ok(&["connector", "detect", "--sqlite", "tryton.sqlite", "--format", "csv"]));
    let [first, second] = ["tryton-1", "tryton-2"].map(|book| row(&books, "book", book));
    assert_eq!((first["name"].as_str(), first["currency"].as_str()), ("杭州西溪精密机械有限公司", "CNY"));
    assert_eq!(
        (second["currency"].as_str(), second["variables"].as_str()),
        ("USD", "company = 2, products = true, sales = true, stock = true")
    );

    let written = csv(&site.ok(&["init", "--sqlite", "tryton.sqlite", "--unit-code", "91350100M000100Y43", "--format", "csv"]));
    // Tryton's calendar of this company starts with fiscal year 2024.
    assert_eq!(row(&written, "book", "tryton-1")["first_period"], "2024-01");
    let config = fs::read_to_string(site.path("agent.toml")).unwrap();
    assert!(config.contains("accounting_standard = \"cas\"") && config.contains("# [[form]]"), "{config}");
    // What is there stays.
    site.refused(&["init", "--sqlite", "tryton.sqlite"], 2, &["config-exists", "agent.toml"]);
    assert_eq!(fs::read_to_string(site.path("agent.toml")).unwrap(), config);

    let checked = csv(&site.ok(&["check", "--format", "csv"]));
    assert_eq!(checked.iter().map(|row| row["currency"].as_str()).collect::<Vec<_>>(), ["CNY", "USD"]);
    let balances = csv(&site.ok(&["balances", "--book", "tryton-1", "--period", "2025-12", "--format", "csv"]));
    let oracle = csv(&fs::read_to_string(data("tryton/oracle.csv")).unwrap());
    let bank = oracle.iter().find(|row| {
        row["company_id"] == "1"
            && row.get("period").or(row.get("month")).unwrap() == "2025-12"
            && row["account_code"] == "1.1.1.02"
    });
    let amount = |row: &BTreeMap<String, String>| row["closing"].parse::<Amount>().unwrap();
    assert_eq!(amount(row(&balances, "account", "1.1.1.02")), amount(bank.unwrap()));

    let tested = csv(&site.ok(&["connector", "test", "--book", "tryton-1", "--format", "csv"]));
    assert!(tested.iter().all(|row| row["errors"] == "0"), "{tested:?}");
    assert!(row(&tested, "extract", "entries")["columns"].contains("product"));
    assert!(
        tested.len() == 8 && row(&tested, "extract", "fingerprint")["periods"] == row(&tested, "extract", "entries")["periods"]
    );
}

#[test]
fn products_of_tryton_are_those_of_its_invoices_and_stock() {
    let server = Postgres::start();
    server.load("tryton", &data("tryton/dump.sql.gz"));
    let site = Site::new("");
    fs::remove_file(site.path("agent.toml")).unwrap();
    let odbc = server.odbc("tryton");
    site.ok(&[&["init", "--odbc", &odbc], ENV].concat());
    site.ok(&["pull", "--book", "tryton-1"]);
    let ours = quantities(&site, "tryton-1");
    // Sales: what the invoices of customers say, by product. Credit notes have negative quantities there.
    let sold = server.sql(
        "tryton",
        "SELECT t.name || ' #' || COALESCE(p.code, p.id::text), SUM(l.quantity) FROM account_invoice_line l \
         JOIN account_invoice i ON i.id = l.invoice JOIN account_move m ON m.id = i.move \
         JOIN account_account a ON a.id = l.account \
         JOIN product_product p ON p.id = l.product JOIN product_template t ON t.id = p.template \
         WHERE i.company = 1 AND i.type = 'out' AND m.state = 'posted' AND a.code = '4.1.1.01' GROUP BY 1",
    );
    // Stock: what came in minus what went out of the warehouse's own places, by moves that made a posted voucher.
    let stock = server.sql(
        "tryton",
        "SELECT t.name || ' #' || COALESCE(p.code, p.id::text), SUM(CASE WHEN d.type = 'storage' THEN s.quantity ELSE -s.quantity END) \
         FROM stock_move s JOIN stock_location d ON d.id = s.to_location JOIN account_move m ON m.origin = 'stock.move,' || s.id \
         JOIN product_product p ON p.id = s.product JOIN product_template t ON t.id = p.template \
         WHERE s.company = 1 AND m.state = 'posted' GROUP BY 1",
    );
    for (account, theirs, sign) in [("4.1.1.01", sold, -1), ("1.3.4.01", stock, 1)] {
        let theirs: Vec<(String, Amount)> = theirs
            .lines()
            .map(|line| line.split_once('|').unwrap())
            .map(|(product, quantity)| {
                let quantity: Amount = quantity.parse().unwrap();
                (product.to_owned(), if sign < 0 { quantity.checked_neg().unwrap() } else { quantity })
            })
            .collect();
        assert_eq!(theirs.len(), 4, "{account}: {theirs:?}");
        for (product, quantity) in theirs {
            assert_eq!(ours.get(&(account.to_owned(), product.clone())), Some(&quantity), "{account} {product}");
        }
    }
}

#[test]
fn an_odoo_server_is_recognised_checked_and_its_stock_counted() {
    let server = Postgres::start();
    server.load("odoo", &data("odoo/dump.sql.gz"));
    let odbc = server.odbc("odoo");
    let site = Site::new("");
    fs::remove_file(site.path("agent.toml")).unwrap();
    let detected = site.ok(&[&["connector", "detect", "--format", "json", "--odbc", &odbc], ENV].concat());
    let detected: serde_json::Value = serde_json::from_str(&detected).unwrap();
    assert_eq!(detected["connector"], "odoo");
    assert_eq!(detected["version"], "18.0.1.3");
    assert_eq!(detected["books"].as_array().unwrap().len(), 3);
    // The snippet is a configuration by itself.
    fs::write(site.path("snippet.toml"), detected["config"].as_str().unwrap()).unwrap();
    site.ok(&["-c", "snippet.toml", "balances", "--book", "odoo-7", "--period", "2025-12"]);

    // A password on the command line is refused before anything is opened.
    let inline = format!("{odbc};PWD=x");
    site.refused(&["init", "--odbc", &inline], 2, &["password-on-command-line"]);
    assert!(!site.path("agent.toml").exists());
    site.ok(&[&["init", "--odbc", &odbc, "--unit-name", "某厂"], ENV].concat());
    let config = fs::read_to_string(site.path("agent.toml")).unwrap();
    assert!(config.contains("source.password = { env = \"TAIZHANG_TEST_PASSWORD\" }") && config.contains("name = \"某厂\""));
    assert!(!config.contains(crate::servers::PASSWORD));

    // The account of the test is the owner of everything; one that may only read is not warned of.
    let out = site.run(&["check"]);
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(out.status.code() == Some(0) && said.contains("account-can-write") && said.contains("credit-code-missing"), "{said}");
    let reader = format!("CREATE ROLE taizhang LOGIN PASSWORD '{}'", crate::servers::PASSWORD);
    for sql in [&reader, "GRANT USAGE ON SCHEMA public TO taizhang", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO taizhang"] {
        server.sql("odoo", sql);
    }
    let config = config.replace("UID=postgres", "UID=taizhang");
    fs::write(site.path("agent.toml"), &config).unwrap();
    let out = site.run(&["check", "--format", "csv"]);
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(out.status.code() == Some(0) && !said.contains("account-can-write"), "{said}");
    assert!(csv(&String::from_utf8(out.stdout).unwrap()).iter().all(|row| row["can_write"] == "no" && row["currency"] == "CNY"));

    // Raw materials, by Odoo's own valuation layers.
    site.ok(&["pull", "--book", "odoo-1"]);
    let ours = quantities(&site, "odoo-1");
    let layers = server.sql(
        "odoo",
        "SELECT COALESCE(t.name ->> 'zh_CN', t.name ->> 'en_US') || ' #' || p.id, SUM(v.quantity) FROM stock_valuation_layer v \
         JOIN product_product p ON p.id = v.product_id JOIN product_template t ON t.id = p.product_tmpl_id \
         WHERE v.company_id = 1 AND p.id IN (1, 2) GROUP BY 1",
    );
    assert_eq!(layers.lines().count(), 2);
    for (product, quantity) in layers.lines().map(|line| line.split_once('|').unwrap()) {
        assert_eq!(ours.get(&("140300".to_owned(), product.to_owned())), Some(&quantity.parse().unwrap()), "{product}");
    }
}

#[test]
fn check_tells_everything_at_once() {
    let config = r#"
[unit]
code = "91350100M000100Y34"

[[book]]
id = "a"
connector = "tryton"
source.sqlite = "tryton.sqlite"
variables.company = 9

[[book]]
id = "b"
connector = "generic-sql"
source.sqlite = "tryton.sqlite"
extract.accounts.query = "SELECT '1' AS account, 'x' AS name, 'gold' AS class"

[[book]]
id = "c"
connector = "tryton"
source.odbc = "Driver={PostgreSQL Unicode};Server=127.0.0.1;Port=1;Database=x;UID=x;PWD=s3cret;x"
variables.company = 1

[[form]]
code = "B203"
mapping = ["own.toml"]

[[form]]
code = "B999"
"#;
    let site = Site::tryton(config);
    fs::write(site.path("own.toml"), "title = 'x'\n[cell.\"B203:301\"]\nformula = 'QM('\nwhy = 'x'\n").unwrap();
    let words = [
        "credit-code-unfit",
        "unit-nameless",
        "book-absent",
        "extract-missing",
        "password-inline",
        "source-unreachable",
        "form-unknown",
        "own.toml:3:",
    ];
    let message = site.refused(&["check"], 3, &words);
    assert!(!message.contains("s3cret"), "{message}");
    // Without the unreachable server it is wrong configuration.
    let (before, after) = config.split_once("[[book]]\nid = \"c\"").unwrap();
    let forms = after.split_once("[[form]]").unwrap().1;
    fs::write(site.path("agent.toml"), format!("{before}[[form]]{forms}")).unwrap();
    site.refused(&["check"], 2, &words[..4]);
}

#[test]
fn a_pack_is_begun_and_tested() {
    let site = Site::new("");
    let written = site.ok(&["connector", "new", "my-erp"]);
    assert_eq!(written, "my-erp/connector.toml\nmy-erp/README.md\n");
    site.refused(&["connector", "new", "my-erp"], 2, &["pack-exists"]);
    // Nothing built in knows this file, and the begun pack does not fit it either.
    fs::write(site.path("erp.sqlite"), "").unwrap();
    site.refused(&["connector", "detect", "--sqlite", "erp.sqlite", "--pack", "my-erp"], 1, &["erp-unknown"]);
    // A pack with faults: a line too many by a join, a scattered voucher, a misspelt column, an unknown account.
    let pack = r#"
name = "my-erp"
title = "x"

[extract.accounts]
query = "SELECT '1001' AS account, '库存现金' AS name, 'asset' AS class"

[extract.entries]
query = """
SELECT '2025-01' AS month, '0' AS adjustment, 'V1' AS voucher, '1001' AS account, '8' AS debit, '8' AS credit, '1' AS quantiy
UNION ALL SELECT '2025-01', '0', 'V2', '9999', '8', '8', NULL
UNION ALL SELECT '2025-01', '0', 'V1', '1001', '8,5', '8', NULL"""

[extract.fingerprint]
query = "SELECT '2025-01' AS month, '0' AS adjustment, '1001' AS account, '2' AS entry_count"
"#;
    fs::write(site.path("my-erp/connector.toml"), pack).unwrap();
    fs::write(site.path("agent.toml"), "[[book]]\nid = 'x'\nconnector = './my-erp'\nsource.sqlite = 'erp.sqlite'\n").unwrap();
    let words = ["column-unused", "quantity", "voucher-scattered", "account-unknown", "9999", "amount-unreadable"];
    site.refused(&["connector", "test"], 1, &words);
    // Once the lines are in order the fingerprint is compared.
    let mended = pack.replace("'V2', '9999'", "'V2', '1001'").replace("'V1', '1001', '8,5'", "'V3', '1001', '8.5'");
    fs::write(site.path("my-erp/connector.toml"), mended).unwrap();
    site.refused(&["connector", "test"], 1, &["fingerprint-differs", "2025-01"]);
}
