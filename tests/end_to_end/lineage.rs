//! A figure that is made of others, from its formula down to entry lines and documents, against SQLite.

use std::{collections::BTreeMap, fs};

use serde_json::Value;

use crate::{
    Site, data,
    measures::{amount, config, sum},
};

/// A figure that is made of another row, of an item and of an item in that: below all of them stand lines of vouchers and rows of documents,
/// and nothing else.
#[test]
fn a_figure_three_levels_deep_ends_in_entry_lines_and_measure_rows_that_add_up_to_it() {
    const MONTH: &str = "2025-06";
    let book = "[[book]]\nid = \"book\"\nconnector = \"tryton\"\nsource.sqlite = \"tryton.sqlite\"\n\
                variables = { company = 1, sales = true, stock = true }\n";
    let layer = "title = \"深\"\n[item.booked]\nformula = \"SL({6001, 6051},,贷)\"\nwhy = \"试\"\n\
                 [item.mixed]\nformula = '@booked + MEASURE(sales, amount, item=\"#2\")'\nwhy = \"试\"\n\
                 [cell.\"B204-1:03\"]\nformula = 'MEASURE(sales, amount, item=\"#1\")'\nwhy = \"试\"\n\
                 [cell.\"B204-1:04\"]\nformula = \"[03] + @mixed\"\nwhy = \"试\"\n";
    let config = config(book, "#4").replacen(
        "code = \"B204-1\"\n",
        "code = \"B204-1\"\nmapping = [\"layer.toml\", \"tryton-hz.toml\"]\n",
        1,
    );
    let site = Site::tryton(&config);
    fs::write(site.path("layer.toml"), layer).unwrap();
    fs::copy(data("../../mappings/examples/tryton-hz.toml"), site.path("tryton-hz.toml")).unwrap();
    site.ok(&["pull"]);
    let args = ["--format", "json", "explain", "B204-1:04", "--period", MONTH, "--lines", "0"];
    let explained: Value = serde_json::from_str(&site.ok(&args)).unwrap();
    let figure = amount(explained["raw"].as_str().unwrap());

    // The figure, @mixed in it, @booked in that, the question to the books below: three levels.
    let below = |part: &'static str| {
        move |node: &Value| -> Value {
            let children = node["children"].as_array().unwrap();
            children.iter().find(|child| child["text"].as_str().unwrap().starts_with(part)).unwrap_or(&Value::Null).clone()
        }
    };
    let question = below("SL(")(&below("@booked")(&below("@booked +")(&below("@mixed")(&explained["lineage"]))));
    assert!(question["parts"].as_array().is_some_and(|parts| parts.len() == 2), "{}", explained["lineage"]);

    // Every line that is shown, once: those of vouchers have sides, those of documents a kind.
    let (mut entries, mut documents) = (BTreeMap::new(), BTreeMap::new());
    let accounts = explained["answers"].as_array().unwrap().iter().flat_map(|answer| answer["accounts"].as_array().unwrap());
    for line in accounts.flat_map(|account| account["lines"].as_array().unwrap()) {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let key = (text("voucher"), text("line"));
        let (of, other) = if line["kind"] == "sales" { (&mut documents, "debit") } else { (&mut entries, "kind") };
        assert!(line[other].is_null(), "{line}");
        assert!(of.insert(key, amount(&text("amount"))).is_none(), "a line twice: {line}");
    }
    let totals = [&entries, &documents].map(|lines| sum(lines.values().copied()));
    assert!(entries.len() > 30 && documents.len() > 15, "{} and {}", entries.len(), documents.len());
    assert_eq!(totals[0].checked_add(totals[1]), Some(figure));

    // What SQLite gives for both, asked by hand: credit less debit of the accounts, and the invoiced lines of the two
    // products.
    let database = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    let hand = |sql: &str| {
        sum(database
            .prepare(sql)
            .unwrap()
            .query_map([], |row| row.get::<_, String>(0))
            .unwrap()
            .map(|text| amount(&text.unwrap())))
    };
    let booked = "FROM account_move_line l JOIN account_move m ON m.id = l.move JOIN account_account a ON a.id = l.account
                  WHERE m.company = 1 AND m.state = 'posted' AND a.code IN ('4.1.1.01', '4.1.2.01') AND m.date BETWEEN '2025-01-01' AND '2025-06-30'";
    let sides = ["credit", "debit"].map(|side| hand(&format!("SELECT CAST(l.{side} AS TEXT) {booked}")));
    assert_eq!(sides[0].checked_sub(sides[1]), Some(totals[0]));
    // Some invoices are in dollars: their lines are worth what the books made of them.
    let sold = "FROM account_invoice_line il JOIN account_invoice i ON i.id = il.invoice
                JOIN account_move_line l ON l.origin = 'account.invoice.line,' || il.id
                WHERE i.company = 1 AND i.type = 'out' AND i.state IN ('posted', 'paid') AND il.product IN (1, 2)
                  AND COALESCE(i.accounting_date, i.invoice_date) BETWEEN '2025-01-01' AND '2025-06-30'";
    let sides = ["credit", "debit"].map(|side| hand(&format!("SELECT CAST(l.{side} AS TEXT) {sold}")));
    assert_eq!(sides[0].checked_sub(sides[1]), Some(totals[1]));
}
