//! Measures against the ERPs' own figures, through psql and SQLite and never through the program: output, sales, stock of the real Odoo and
//! Tryton companies; what people enter; the transfer sheet of the output value.

use std::{collections::BTreeMap, fs};

use model::Amount;
use serde_json::Value;

use crate::{Site, csv, data, servers::Postgres};

const MONTHS: [&str; 14] = [
    "2025-01", "2025-02", "2025-03", "2025-04", "2025-05", "2025-06", "2025-07", "2025-08", "2025-09", "2025-10", "2025-11",
    "2025-12", "2026-01", "2026-02",
];

/// Months that are built: the first, a plain one, one with credit notes, the end of a year, the last. The others are only added up.
const BUILT: [&str; 5] = ["2025-01", "2025-03", "2025-07", "2025-12", "2026-02"];

pub fn amount(text: &str) -> Amount {
    if text.is_empty() { Amount::ZERO } else { text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}")) }
}

pub fn sum(amounts: impl IntoIterator<Item = Amount>) -> Amount {
    amounts.into_iter().fold(Amount::ZERO, |sum, one| sum.checked_add(one).unwrap())
}

const PEOPLE: &str = r#"
[[person]]
id = "liu"
name = "刘设备"
roles = ["contributor"]

[[person]]
id = "wu"
name = "吴静"
roles = ["preparer"]

[measures]
none = ["processing"]

[[sheet]]
id = "power"
kind = "energy"
person = "liu"
items = ["电力"]
due_day = 5
"#;

pub fn config(book: &str, item: &str) -> String {
    format!(
        "[unit]\nname = \"示例\"\ncode = \"913301060000000000\"\naccounting_standard = \"cas\"\n\n{book}\n{PEOPLE}\n\
         [[form]]\ncode = \"B204-1\"\n\n[[form]]\ncode = \"B204-2\"\n\n\
         [[product]]\ncode = \"P1\"\nname = \"产品一\"\nunit = \"台\"\nitem = \"{item}\"\nindustry = \"3824\"\n"
    )
}

fn odoo(server: &Postgres, company: &str, item: &str) -> Site {
    let source = format!("source.odbc = \"{}\"\nsource.password.env = \"TAIZHANG_TEST_PASSWORD\"", server.odbc("odoo"));
    let variables =
        format!("variables = {{ company = {company}, sales = true, stock = true, production = true, valuation = true }}");
    Site::new(&config(&format!("[[book]]\nid = \"book\"\nconnector = \"odoo\"\n{source}\n{variables}\n"), item))
}

fn draft(site: &Site, form: &str, month: &str) -> Value {
    site.ok(&["build", "--form", form, "--period", month]);
    serde_json::from_str(&site.ok(&["draft", "export", "--form", form, "--period", month, "--to", "json"])).unwrap()
}

fn raw(draft: &Value, id: &str, column: &str) -> Option<Amount> {
    let cells = draft["cells"].as_array().unwrap();
    let cell = cells.iter().find(|cell| cell["id"] == id).unwrap_or_else(|| panic!("no cell {id}: {draft}"));
    cell["columns"][column]["raw"].as_str().map(amount)
}

/// Rows of `key|value` that psql gives, added by month.
fn by_month(server: &Postgres, sql: &str) -> BTreeMap<String, Amount> {
    let text = server.sql("odoo", sql);
    text.lines().map(|line| line.split_once('|').unwrap()).map(|(month, value)| (month.to_owned(), amount(value))).collect()
}

/// Column of `measure sheet`, added up.
fn sheet_sum(site: &Site, kind: &str, month: &str, column: &str) -> Amount {
    let text = site.ok(&["--format", "csv", "measure", "sheet", "--kind", kind, "--period", month]);
    sum(csv(&text).iter().map(|row| amount(&row[column])))
}

/// Turnover debit minus credit of accounts in the trial balance that the ERP's own report made.
fn oracle(erp: &str, company: &str, accounts: &[&str]) -> BTreeMap<String, Amount> {
    let mut months = BTreeMap::new();
    for row in csv(&fs::read_to_string(data(&format!("{erp}/oracle.csv"))).unwrap()) {
        let month = row.get("month").or(row.get("period")).unwrap();
        let standard = row.get("period_type").is_none_or(|kind| kind == "standard");
        if row["company_id"] == company && standard && accounts.iter().any(|code| row["account_code"].starts_with(code)) {
            let net = amount(&row["debit"]).checked_sub(amount(&row["credit"])).unwrap();
            let own: &mut Amount = months.entry(month.clone()).or_default();
            *own = own.checked_add(net).unwrap();
        }
    }
    months
}

/// Documents that are not done, large enough to be seen if one of them counted.
const UNDONE: &str = "
CREATE TEMP TABLE copied AS SELECT * FROM mrp_production WHERE id = (SELECT MIN(id) FROM mrp_production WHERE company_id = 1);
UPDATE copied SET id = 90001, name = 'D1', state = 'draft', product_qty = 777777, qty_producing = 777777; INSERT INTO mrp_production SELECT * FROM copied;
UPDATE copied SET id = 90002, name = 'D2', state = 'cancel'; INSERT INTO mrp_production SELECT * FROM copied;
UPDATE copied SET id = 90003, name = 'D3', state = 'progress'; INSERT INTO mrp_production SELECT * FROM copied;
CREATE TEMP TABLE moves AS SELECT * FROM stock_move WHERE company_id = 1 AND (production_id IS NOT NULL OR reference LIKE 'WH/OUT/%');
CREATE TEMP TABLE lines AS SELECT * FROM stock_move_line WHERE move_id IN (SELECT id FROM moves);
UPDATE moves SET id = id + 100000, state = 'draft', quantity = 777777;
UPDATE lines SET id = id + 100000, move_id = move_id + 100000, state = 'draft', quantity = 777777, quantity_product_uom = 777777;
INSERT INTO stock_move SELECT * FROM moves; INSERT INTO stock_move_line SELECT * FROM lines;
UPDATE moves SET id = id + 100000, state = 'cancel';
UPDATE lines SET id = id + 100000, move_id = move_id + 100000, state = 'cancel';
INSERT INTO stock_move SELECT * FROM moves; INSERT INTO stock_move_line SELECT * FROM lines;
UPDATE moves SET id = id + 100000, state = 'assigned';
UPDATE lines SET id = id + 100000, move_id = move_id + 100000, state = 'assigned';
INSERT INTO stock_move SELECT * FROM moves; INSERT INTO stock_move_line SELECT * FROM lines;
";

#[test]
fn output_sales_and_stock_of_odoo_are_its_own() {
    let server = Postgres::start();
    server.load("odoo", &data("odoo/dump.sql.gz"));
    server.sql("odoo", UNDONE);
    let undone = server.sql("odoo", "SELECT COUNT(*) FROM stock_move WHERE state <> 'done' AND quantity = 777777");
    assert!(undone.trim().parse::<u32>().unwrap() > 100, "the documents that must not count are there: {undone}");
    for (company, item) in [("1", "E-F1"), ("4", "N-F1")] {
        let site = odoo(&server, company, item);
        site.ok(&["pull"]);
        let of = |what: &str, from: &str| by_month(&server, &format!("SELECT {what} FROM {from} GROUP BY 1 ORDER BY 1"));
        // Output by the production orders themselves, in China's time; stock by the valuation layers; sales by the revenue accounts.
        let output = of(
            "to_char(date_finished AT TIME ZONE 'UTC' AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM'), SUM(product_qty)",
            &format!("mrp_production WHERE company_id = {company} AND state = 'done'"),
        );
        let product = format!("(SELECT id FROM product_product WHERE default_code = '{item}')");
        let layers = of(
            "to_char(m.date + INTERVAL '8 hours', 'YYYY-MM'), SUM(v.quantity)",
            &format!("stock_valuation_layer v JOIN stock_move m ON m.id = v.stock_move_id WHERE v.product_id = {product}"),
        );
        let revenue = |column: &str| {
            of(
                &format!("to_char(l.date, 'YYYY-MM'), SUM({column})"),
                &format!(
                    "account_move_line l JOIN account_account a ON a.id = l.account_id JOIN account_move m ON m.id = l.move_id
                     WHERE l.company_id = {company} AND l.parent_state = 'posted' AND l.product_id = {product}
                       AND a.code_store ->> '{company}' LIKE '6001%' AND l.display_type = 'product'"
                ),
            )
        };
        let (money, sold) = (revenue("-l.balance"), revenue("-SIGN(l.balance) * l.quantity"));
        let turnover = oracle("odoo", company, &["600100", "605100"]);
        let progress = oracle("odoo", company, &["500100"]);
        let goods = oracle("odoo", company, &["140300", "140500"]);
        let none = Amount::ZERO;
        let (mut output_to_date, mut sales_to_date, mut value_to_date) = (none, none, none);
        let (mut stock, mut stock_of_2025) = (none, none);
        for month in MONTHS {
            if month.ends_with("-01") {
                (output_to_date, sales_to_date, value_to_date) = (none, none, none);
            }
            let get = |of: &BTreeMap<String, Amount>| of.get(month).copied().unwrap_or_default();
            // Σ output × (Σ invoiced without tax ÷ Σ invoiced quantity, six decimals) + 生产成本 closing − opening.
            let price = get(&money).checked_div(get(&sold)).unwrap().round(6).unwrap();
            let industry = get(&output).checked_mul(price).unwrap();
            let value = sum([industry, get(&progress)]);
            output_to_date = sum([output_to_date, get(&output)]);
            sales_to_date = sum([sales_to_date, get(&money)]);
            value_to_date = sum([value_to_date, value]);
            if month == "2026-01" {
                stock_of_2025 = stock;
            }
            stock = sum([stock, get(&layers)]);
            if !BUILT.contains(&month) {
                continue;
            }
            let one = draft(&site, "B204-1", month);
            let shown = |id: &str| (raw(&one, id, "this_month").unwrap(), raw(&one, id, "cumulative").unwrap());
            assert_eq!(shown("P1"), (get(&output), output_to_date), "{month}");
            assert_eq!(shown("03"), (get(&money), sales_to_date), "{month}");
            assert_eq!(shown("01"), (value, value_to_date), "{month}");
            // The only industry has what no product has, and the rows by industry add up to the whole.
            assert_eq!(shown("3824").0, value, "{month}");
            assert!(!get(&progress).is_zero(), "{month}");
            assert_eq!(rule(&site, "B204-1", "IND-01", month), "met", "{month}");
            // What no system holds is missing: nobody has entered electricity or exports.
            assert_eq!((raw(&one, "04", "this_month"), raw(&one, "05", "this_month")), (None, None));
            let two = draft(&site, "B204-2", month);
            assert_eq!(raw(&two, "P1.closing-stock", "closing"), Some(stock), "{month}");
            // The book begins in 2024-12 by its first voucher, and nothing was on the shelves then.
            let began = if month.starts_with("2025") { none } else { stock_of_2025 };
            assert_eq!(raw(&two, "P1.opening-stock", "opening"), Some(began), "{month}");
            assert_eq!(raw(&two, "P1.sales-volume", "this_month"), Some(get(&sold)), "{month}");
            // All sales together are the revenue that Odoo's own trial balance has, and the cost of stock is its stock accounts.
            let sales = sheet_sum(&site, "sales", month, "amount");
            assert_eq!(sales.checked_neg(), Some(get(&turnover)), "{month}");
            assert_eq!(sheet_sum(&site, "stock", month, "amount"), get(&goods), "{month}");
        }
        let quants = server.sql(
            "odoo",
            &format!(
                "SELECT SUM(q.quantity) FROM stock_quant q JOIN stock_location l ON l.id = q.location_id
                 WHERE l.usage = 'internal' AND q.product_id = {product}"
            ),
        );
        assert_eq!(stock, amount(quants.trim()), "what Odoo says is on its shelves");
        explained(&site, "B204-1:01", "2025-12");
        explained(&site, "B204-2:P1.closing-stock", "2025-12");
        assert!(site.run(&["log", "verify"]).status.success());
    }
}

/// How an audit rule of a form came out.
fn rule(site: &Site, form: &str, id: &str, month: &str) -> String {
    let text = site.ok(&["--format", "json", "audit", "run", "--form", form, "--period", month]);
    let report: Vec<Value> = serde_json::from_str(&text).unwrap();
    let found = report.iter().find(|entry| entry["details"]["rule"] == id).unwrap_or_else(|| panic!("no {id}: {text}"));
    found["details"]["outcome"].as_str().unwrap().to_owned()
}

/// Everything below a figure ends in rows whose sum is the part they answer.
fn explained(site: &Site, figure: &str, month: &str) {
    let text = site.ok(&["--format", "json", "explain", figure, "--period", month, "--lines", "0"]);
    let explained: Value = serde_json::from_str(&text).unwrap();
    let answers = explained["answers"].as_array().unwrap();
    let mut measured = 0;
    for account in answers.iter().flat_map(|answer| answer["accounts"].as_array().unwrap()) {
        let lines = account["lines"].as_array().unwrap();
        let total = sum(lines.iter().map(|line| amount(line["amount"].as_str().unwrap())));
        let part = account["amount"].as_str().map_or(Amount::ZERO, amount);
        assert_eq!((total, amount(account["lines_total"].as_str().unwrap())), (part, part), "{figure}: {account}");
        measured += lines.iter().filter(|line| line["kind"].is_string()).count();
    }
    assert!(measured > 0, "{figure} ends in no document: {text}");
}

#[test]
fn sales_and_stock_of_tryton_are_its_own() {
    let server = Postgres::start();
    server.load("tryton", &data("tryton/dump.sql.gz"));
    for company in ["1", "2"] {
        let variables = format!("variables = {{ company = {company}, sales = true, stock = true }}");
        let sqlite = format!("[[book]]\nid = \"book\"\nconnector = \"tryton\"\nsource.sqlite = \"tryton.sqlite\"\n{variables}\n");
        let site = Site::tryton(&config(&sqlite, "#1"));
        // Copies of every move and invoice line in the states that do not count.
        let database = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
        for (state, at) in [("draft", 100_000), ("cancelled", 200_000), ("assigned", 300_000)] {
            let sql = format!(
                "CREATE TEMP TABLE t AS SELECT * FROM stock_move WHERE id < 100000;
                 UPDATE t SET id = id + {at}, state = '{state}', quantity = 777777, internal_quantity = 777777;
                 INSERT INTO stock_move SELECT * FROM t; DROP TABLE t;"
            );
            database.execute_batch(&sql).unwrap();
        }
        let cancelled: i64 = database
            .query_row("SELECT COUNT(*) FROM account_invoice WHERE type = 'out' AND state IN ('cancelled', 'draft')", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert!(cancelled >= 4, "invoices that must not count are there");
        drop(database);
        site.ok(&["pull"]);
        let revenue = oracle("tryton", company, &["4.1.1", "4.1.2"]);
        let (mut delivered, mut stock) = (BTreeMap::new(), BTreeMap::new());
        let add = |of: &mut BTreeMap<String, Amount>, kind: &str, month: &str| {
            for row in csv(&site.ok(&["--format", "csv", "measure", "sheet", "--kind", kind, "--period", month])) {
                let own = of.entry(row["item"].clone()).or_default();
                *own = own.checked_add(amount(&row["quantity"])).unwrap();
            }
        };
        for month in MONTHS {
            if BUILT.contains(&month) {
                let sales = sheet_sum(&site, "sales", month, "amount");
                assert_eq!(
                    sales.checked_neg(),
                    Some(revenue.get(month).copied().unwrap_or_default()),
                    "company {company}, {month}"
                );
            }
            add(&mut delivered, "delivery", month);
            add(&mut stock, "stock", month);
        }
        // Orders say what was delivered and what came in; PostgreSQL and SQLite hold the same rows.
        let orders = |lines: &str, orders: &str, link: &str| -> BTreeMap<String, Amount> {
            let sql = format!(
                "SELECT '#' || l.product, SUM(l.actual_quantity) FROM {lines} l JOIN {orders} o ON o.id = l.{link}
                 JOIN product_product p ON p.id = l.product JOIN product_template t ON t.id = p.template
                 WHERE o.company = {company} AND t.type = 'goods' GROUP BY 1"
            );
            let text = server.sql("tryton", &sql);
            text.lines().map(|line| line.split_once('|').unwrap()).map(|(item, value)| (item.to_owned(), amount(value))).collect()
        };
        let (out, came) = (orders("sale_line", "sale_sale", "sale"), orders("purchase_line", "purchase_purchase", "purchase"));
        assert_eq!(delivered, out, "company {company}");
        for (item, quantity) in &stock {
            assert_eq!(came[item].checked_sub(out[item]), Some(*quantity), "company {company}, {item}");
        }
        if company == "2" {
            // Its book is in USD: a form wants rates, quantities do not.
            continue;
        }
        let two = draft(&site, "B204-2", "2026-02");
        assert_eq!(raw(&two, "P1.closing-stock", "closing"), Some(stock["#1"]));
        // A trading company without the production module has no output: that is missing, not zero.
        assert_eq!(raw(&two, "P1.production", "this_month"), None);
        // The same over ODBC from PostgreSQL.
        let source = format!("source.odbc = \"{}\"\nsource.password.env = \"TAIZHANG_TEST_PASSWORD\"", server.odbc("tryton"));
        let book = format!("[[book]]\nid = \"book\"\nconnector = \"tryton\"\n{source}\n{variables}\n");
        let other = Site::new(&config(&book, "#1"));
        other.ok(&["pull"]);
        let sheet = |site: &Site| site.ok(&["--format", "csv", "measure", "sheet", "--kind", "stock", "--period", "2025-06"]);
        assert_eq!(sheet(&site), sheet(&other), "company {company}");
    }
}

#[test]
fn output_of_tryton_comes_from_productions_that_are_done() {
    let book = "[[book]]\nid = \"book\"\nconnector = \"tryton\"\nsource.sqlite = \"tryton.sqlite\"\n\
                variables = { company = 1, sales = true, stock = true, production = true }\n";
    let site = Site::tryton(&config(book, "#4"));
    // What trytond_production 8.0 adds: its table, a link of each move, and which products are made.
    let database = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    database
        .execute_batch(
            "CREATE TABLE production (id INTEGER PRIMARY KEY, number VARCHAR, state VARCHAR, company INTEGER);
             ALTER TABLE stock_move ADD COLUMN production_output INTEGER;
             ALTER TABLE product_template ADD COLUMN producible BOOLEAN;
             UPDATE product_template SET producible = (id = 4);
             INSERT INTO stock_location (id, name, type) VALUES (900, 'Production', 'production');
             INSERT INTO production VALUES (1, 'P0001', 'done', 1), (2, 'P0002', 'draft', 1), (3, 'P0003', 'cancelled', 1),
               (4, 'P0004', 'done', 2), (5, 'P0005', 'running', 1);
             CREATE TEMP TABLE t AS SELECT * FROM stock_move WHERE product = 4 AND company = 1 AND state = 'done' LIMIT 1;
             UPDATE t SET from_location = 900, to_location = 3, effective_date = '2025-05-20', shipment = NULL, origin = NULL;
             UPDATE t SET id = 9001, production_output = 1, internal_quantity = 12, quantity = 12; INSERT INTO stock_move SELECT * FROM t;
             UPDATE t SET id = 9002, production_output = 2, internal_quantity = 777, state = 'draft'; INSERT INTO stock_move SELECT * FROM t;
             UPDATE t SET id = 9003, production_output = 3, state = 'cancelled'; INSERT INTO stock_move SELECT * FROM t;
             UPDATE t SET id = 9004, production_output = 4, state = 'done', company = 2; INSERT INTO stock_move SELECT * FROM t;
             UPDATE t SET id = 9005, production_output = 5, internal_quantity = 3, company = 1; INSERT INTO stock_move SELECT * FROM t;",
        )
        .unwrap();
    drop(database);
    site.ok(&["pull"]);
    let one = draft(&site, "B204-1", "2025-05");
    // 12 of the order that is done and 3 of the one that runs: what has come in is made.
    assert_eq!(raw(&one, "P1", "this_month"), Some(amount("15")));
    let sales: Amount = sum(csv(&site.ok(&["--format", "csv", "measure", "sheet", "--kind", "sales", "--period", "2025-05"]))
        .iter()
        .filter(|row| row["item"] == "#4")
        .map(|row| amount(&row["amount"])));
    assert_eq!(raw(&one, "03", "this_month"), Some(sales), "only what is made is in the sales value");
    explained(&site, "B204-1:P1", "2025-05");
}

#[test]
fn the_transfer_sheet_shows_each_price_and_its_total_is_the_output_value() {
    let server = Postgres::start();
    server.load("odoo", &data("odoo/dump.sql.gz"));
    let site = odoo(&server, "1", "E-F1");
    site.ok(&["pull"]);
    let sheet = |month: &str| csv(&site.ok(&["--format", "csv", "measure", "sheet", "--kind", "产量", "--period", month]));
    let total = |month: &str| amount(&sheet(month).last().unwrap()["value"]);
    for month in ["2025-03", "2025-12"] {
        assert_eq!(Some(total(month)), raw(&draft(&site, "B204-1", month), "01", "this_month"), "{month}");
    }
    let first = &sheet("2025-03")[0];
    assert_eq!([&first["item"], &first["quantity"], &first["price_source"]].map(String::as_str), ["E-F1", "134", "invoiced"]);
    // Three customers' invoices of March, without tax: 58157.52 + 59484.96 + 59322.. ÷ 120.
    let invoices = server.sql(
        "odoo",
        "SELECT ROUND(-SUM(l.balance) / SUM(l.quantity), 6) FROM account_move_line l JOIN product_product p ON p.id = l.product_id
         JOIN account_move m ON m.id = l.move_id AND m.move_type IN ('out_invoice', 'out_refund')
         WHERE p.default_code = 'E-F1' AND l.display_type = 'product' AND l.parent_state = 'posted'
           AND l.date BETWEEN '2025-03-01' AND '2025-03-31' AND l.company_id = 1",
    );
    assert_eq!(amount(&first["price"]), amount(invoices.trim()));
    // Without the month's invoices of the product: what there was before, or what a person enters; the receipt's cost is never taken.
    let unlink = |when: &str| {
        let sql = format!(
            "UPDATE account_move_line l SET product_id = NULL FROM account_move m WHERE m.id = l.move_id AND m.move_type LIKE 'out_%'
             AND l.display_type = 'product' AND l.product_id = (SELECT id FROM product_product WHERE default_code = 'E-F1') AND {when}"
        );
        server.sql("odoo", &sql);
    };
    unlink("l.date BETWEEN '2025-03-01' AND '2025-03-31'");
    site.ok(&["pull"]);
    let out = site.run(&["--format", "csv", "measure", "sheet", "--kind", "output", "--period", "2025-03"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("price-fallback"), "{said}");
    let fallback = &sheet("2025-03")[0];
    assert_eq!(fallback["price_source"], "last_three_months");
    fs::write(site.path("合同.pdf"), "E-F1 1500.00").unwrap();
    let enter = ["--as", "wu", "measure", "enter", "--kind", "price", "--item", "E-F1", "--period", "2025-03"];
    site.ok(&[&enter[..], &["--amount", "1500", "--unit", "单位", "--evidence", "合同.pdf"]].concat());
    let entered = &sheet("2025-03")[0];
    assert_eq!(
        [&entered["price"], &entered["price_source"], &entered["value"]].map(String::as_str),
        ["1500", "entered", "201000"]
    );
    explained(&site, "B204-1:01", "2025-03");
    // The packet for an inspector: the calculation adds up to the figure, products and vouchers together.
    site.ok(&["evidence", "B204-1:01", "--period", "2025-03", "--month", "--out", "packet"]);
    let manifest: Value = serde_json::from_str(&fs::read_to_string(site.path("packet/B204-1-01-2025-03.json")).unwrap()).unwrap();
    assert_eq!((&manifest["adds_up"], &manifest["raw"]), (&Value::Bool(true), &manifest["lines_total"]));
    // A product that was never sold has a cost in Odoo and no price: no value, and it is named.
    unlink("TRUE");
    let never = odoo(&server, "1", "E-F1");
    never.ok(&["pull"]);
    let text = never.run(&["--format", "csv", "measure", "sheet", "--kind", "output", "--period", "2025-05"]);
    assert!(String::from_utf8_lossy(&text.stderr).contains("output-without-price"));
    let rows = csv(&String::from_utf8(text.stdout).unwrap());
    assert!(rows[0]["value"].is_empty() && rows.last().unwrap()["value"].is_empty(), "{rows:?}");
    let one = draft(&never, "B204-1", "2025-05");
    assert_eq!(raw(&one, "01", "this_month"), None);
    never.ok(&["measure", "sheet", "--kind", "output", "--period", "2025-05", "--to", "xlsx", "--out", "out.xlsx"]);
    let mut book: calamine::Xlsx<_> = calamine::open_workbook(never.path("out.xlsx")).unwrap();
    let names = calamine::Reader::sheet_names(&book).clone();
    assert_eq!(names.len(), 2, "{names:?}");
    let range = calamine::Reader::worksheet_range(&mut book, &names[1]).unwrap();
    assert!(range.rows().any(|row| row.iter().any(|cell| cell.to_string().starts_with("WH/MO/"))));
}

#[test]
fn what_people_enter_is_a_ledger_of_its_own() {
    let book = "[[book]]\nid = \"book\"\nconnector = \"tryton\"\nsource.sqlite = \"tryton.sqlite\"\nvariables = { company = 1, sales = true }\n";
    let forms = "[[form]]\ncode = \"202-1\"\n";
    let site = Site::tryton(&format!("{}\n{forms}", config(book, "#4")));
    site.ok(&["pull"]);
    let power = |person: &'static str, quantity: &'static str| {
        [
            "--as",
            person,
            "measure",
            "enter",
            "--kind",
            "energy",
            "--item",
            "电力",
            "--period",
            "2025-03",
            "--quantity",
            quantity,
            "--unit",
            "千瓦时",
        ]
    };
    // Acts of people need a person; departments fill their own sheets.
    site.refused(&power("liu", "1")[2..], 2, &["person-missing"]);
    fs::write(site.path("电费单.txt"), "123456.5 kWh").unwrap();
    site.ok(&[&power("liu", "123,456.5")[..], &["--evidence", "电费单.txt"]].concat());
    let heads = ["--as", "liu", "measure", "enter", "--kind", "headcount", "--item", "在岗职工", "--period", "2025-01"];
    site.refused(&[&heads[..], &["--quantity", "5", "--date", "2025-01-01"]].concat(), 1, &["measure-not-yours"]);
    let kept: Vec<String> = fs::read_dir(site.path("taizhang-state/evidence"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let sum = std::process::Command::new("sha256sum").arg(site.path("电费单.txt")).output().unwrap();
    assert_eq!(kept, [String::from_utf8(sum.stdout).unwrap().split(' ').next().unwrap()], "evidence is named by its SHA-256");
    // The same again changes nothing; something else is refused, and a correction says why.
    assert_eq!(site.ok(&power("liu", "123456.5")), "");
    site.refused(&power("liu", "99"), 1, &["measure-entered-already"]);
    site.refused(&[&power("liu", "99")[..], &["--correct", "--reason", "错"]].concat(), 1, &["reason-too-short"]);
    site.ok(&[&power("wu", "125000")[..], &["--correct", "--reason", "电费单含上月差额"]].concat());
    let versions: Value = serde_json::from_str(&site.ok(&["--format", "json", "measure", "show", "energy:电力"])).unwrap();
    let said = |at: usize, name: &str| versions[at]["entry"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        [said(0, "quantity"), said(1, "quantity"), said(1, "person"), said(1, "reason")],
        ["123456.5", "125000", "wu", "电费单含上月差额"]
    );
    let month = draft(&site, "B204-1", "2025-03");
    assert_eq!(raw(&month, "05", "this_month"), Some(amount("125000")));
    let cells = month["cells"].as_array().unwrap();
    let shown = cells.iter().find(|cell| cell["id"] == "05").unwrap();
    assert_eq!(shown["columns"]["this_month"]["value"], "12.5", "万千瓦时");
    assert_eq!(shown["columns"]["cumulative"]["status"], "missing_source", "January and February were not entered");
    explained_entry(&site);
    // A draft built before a correction says that its evidence moved.
    let out = site.run(&[&power("wu", "126000")[..], &["--correct", "--reason", "抄表复核"]].concat());
    assert!(String::from_utf8_lossy(&out.stderr).contains("measures-changed"));
    sheets(&site);
    headcount(&site);
    assert!(site.run(&["log", "verify"]).status.success());
    site.ok(&["--as", "wu", "ledger", "lock", "--period", "2025-03"]);
    site.refused(&[&power("wu", "1")[..], &["--document", "2"]].concat(), 1, &["period-locked"]);
}

fn explained_entry(site: &Site) {
    let text = site.ok(&["--format", "json", "explain", "B204-1:05", "--period", "2025-03", "--column", "this_month"]);
    let explained: Value = serde_json::from_str(&text).unwrap();
    let line = &explained["answers"][0]["accounts"][0]["lines"][0];
    assert_eq!([&line["entry"]["person"], &line["quantity"], &line["amount"]], ["wu", "125000", "125000"]);
}

/// Short sheets: a template, all faults at once, all lines or none, and who owes what.
fn sheets(site: &Site) {
    let due = |on: &str| csv(&site.ok(&["--format", "csv", "measure", "due", "--period", "2025-04", "--on", on]))[0].clone();
    assert_eq!(
        [&due("2025-05-05")["state"], &due("2025-05-05")["due"], &due("2025-05-05")["missing"]],
        ["waiting", "2025-05-05", "电力"]
    );
    assert_eq!(due("2025-05-06")["state"], "late");
    let template = site.ok(&["measure", "template", "--sheet", "power"]);
    assert_eq!(template, "品种,数量,单位,折标系数,单据号,说明,用途\n电力,,千瓦时,,,,\n");
    let import = ["--as", "liu", "measure", "import", "短表.csv", "--sheet", "power", "--period", "2025-04"];
    fs::write(site.path("短表.csv"), "品种,数量,单位,折标系数,用途\n电力,约100,千瓦时,0,睡觉\n,5,千瓦时,,\n煤气,1,立方米,,\n")
        .unwrap();
    let said = site.refused(&import, 1, &["短表.csv:2", "约100", "短表.csv:3", "短表.csv:4", "measure-not-yours"]);
    let faults = ["measure-number-unfit", "measure-field-unfit", "measure-field-missing"];
    assert!(faults.iter().all(|code| said.contains(code)), "{said}");
    fs::write(site.path("短表.csv"), "品种,数 量\n电力,1\n").unwrap();
    site.refused(&import, 2, &["sheet-column-unknown", "数 量"]);
    assert_eq!(csv(&site.ok(&["--format", "csv", "measure", "list", "--period", "2025-04"])).len(), 0, "all lines or none");
    fs::write(site.path("短表.csv"), "\u{feff}品种,数量,单位,用途\n电力,100,千瓦时,生产\n").unwrap();
    assert_eq!(site.ok(&import), "energy:电力/生产\n");
    // What was used for something else is a line of its own; a total beside its parts would count twice.
    let april =
        ["--as", "liu", "measure", "enter", "--kind", "energy", "--item", "电力", "--period", "2025-04", "--unit", "千瓦时"];
    site.refused(&[&april[..], &["--quantity", "150"]].concat(), 1, &["measure-use-mixed"]);
    site.ok(&[&april[..], &["--quantity", "50", "--field", "use=非生产"]].concat());
    assert_eq!(due("2025-05-06")["state"], "filled");
    site.refused(&["measure", "template", "--sheet", "powr"], 2, &["sheet-unknown", "power"]);
}

/// 202-1 from dated changes: (100×10 + 110×10 + 105×11) ÷ 31 = 105; February 105 × 14 + 108 × 14 over 28 days = 106.5.
fn headcount(site: &Site) {
    let enter = |month: &str, item: &str, date: &str, quantity: &str, basis: &str| {
        let base = ["--as", "wu", "measure", "enter", "--kind", "从业人员", "--item", item, "--period", month];
        site.ok(&[&base[..], &["--date", date, "--quantity", quantity, "--basis", basis]].concat());
    };
    enter("2025-01", "在岗职工", "2025-01-01", "100", "level");
    enter("2025-01", "在岗职工", "2025-01-11", "10", "change");
    enter("2025-01", "在岗职工", "2025-01-21", "-5", "change");
    enter("2025-02", "在岗职工", "2025-02-15", "3", "change");
    enter("2025-03", "在岗职工", "2025-03-01", "0", "change");
    enter("2025-01", "劳务派遣人员", "2025-01-01", "20", "level");
    enter("2025-02", "劳务派遣人员", "2025-02-01", "0", "change");
    enter("2025-03", "劳务派遣人员", "2025-03-31", "-20", "change");
    let quarter = draft(site, "202-1", "2025-03");
    // (105 + 106.5 + 108) ÷ 3 = 106.5 and (20 + 20 + 20×30÷31) ÷ 3 = 19.784946237.
    assert_eq!(raw(&quarter, "10", "closing"), Some(amount("19.784946237")));
    assert_eq!(raw(&quarter, "08", "closing"), Some(amount("126.284946237")));
    assert_eq!(raw(&quarter, "01", "closing"), Some(amount("108")), "the end is no average");
    assert_eq!(raw(&quarter, "06", "closing"), Some(Amount::ZERO));
    explained(site, "202-1:08", "2025-03");
}
