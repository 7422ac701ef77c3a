//! The end of an explanation in measures: the documents and entries that a figure is made of.

use std::collections::BTreeMap;

use formula::{MeasureQuestion, Trace};
use model::{Amount, Finding, Month};
use serde_json::{Value as Json, json};
use survey::measures::{Counted, Origin};

use super::Ctx;
use crate::{
    forms::Desk,
    output::{self, Format, Table, label},
    report::Failure,
};

/// Rows of one item in one answer.
#[derive(Default)]
pub struct Rows {
    name: String,
    months: BTreeMap<Month, (Amount, u64)>,
    shown: Vec<Json>,
    count: u64,
    sum: Option<Amount>,
}

/// Rows by item; `most` of each are kept to be shown, all are counted and added.
pub fn gather(
    desk: &Desk,
    question: &MeasureQuestion,
    only: Option<&str>,
    most: usize,
) -> Result<BTreeMap<String, Rows>, Failure> {
    let counted = desk.counted(question);
    let counted = counted.map_err(|gap| Failure::findings(vec![survey::gap_finding(&gap, model::Level::Error)]))?;
    let mut items: BTreeMap<String, Rows> = BTreeMap::new();
    for one in counted.iter().filter(|one| only.is_none_or(|only| one.row.is(only))) {
        let rows = items.entry(one.row.item.clone()).or_insert_with(|| Rows { sum: Some(Amount::ZERO), ..Rows::default() });
        if rows.name.is_empty() {
            rows.name = one.row.item_name.clone().unwrap_or_default();
        }
        rows.sum = rows.sum.and_then(|sum| sum.checked_add(one.amount));
        rows.count += 1;
        let month = rows.months.entry(one.month).or_default();
        *month = (month.0.checked_add(one.amount).unwrap_or(month.0), month.1 + 1);
        if most == 0 || rows.shown.len() < most {
            rows.shown.push(shown(one));
        }
    }
    Ok(items)
}

fn shown(one: &Counted<'_>) -> Json {
    let row = one.row;
    let text = |amount: Option<Amount>| amount.map(|amount| amount.to_string());
    let mut line = json!({
        "period": one.month.to_string(), "voucher": row.document, "number": row.document, "date": row.date, "line": row.line,
        "account": row.item, "summary": row.item_name, "kind": row.kind, "unit": row.unit, "quantity": text(row.quantity),
        "money": text(row.amount), "factor": text(one.factor), "price_source": one.price.map(|source| source.name()),
        "amount": one.amount.to_string(),
    });
    if let Origin::Entry(entry) = one.origin {
        line["entry"] = json!({ "key": entry.key, "person": entry.person, "operation": entry.operation });
    }
    line
}

/// Proves that the rows add up to what they answer.
pub fn differs(leaf: &Trace, items: &BTreeMap<String, Rows>, place: &str) -> Vec<Finding> {
    let differing = leaf.parts.iter().filter_map(|part| {
        let rows = items.get(&part.account)?;
        (rows.sum != Some(part.amount)).then(|| {
            let sum = rows.sum.map_or_else(|| "—".to_owned(), |sum| sum.fixed(2));
            let finding = Finding::error("lines-differ").at(place).with("account", &part.account);
            finding.with("lines", sum).with("figure", part.amount.fixed(2))
        })
    });
    differing.collect()
}

/// One answer as JSON, in the shape of an answer of the books: an item stands where an account does.
pub fn answer(leaf: &Trace, items: &BTreeMap<String, Rows>) -> Json {
    let accounts = items.iter().map(|(item, rows)| {
        let part = leaf.parts.iter().find(|part| part.account == *item).map(|part| part.amount.to_string());
        let months = rows
            .months
            .iter()
            .map(|(month, (amount, count))| json!({ "period": month.to_string(), "amount": amount.to_string(), "lines": count }));
        json!({
            "account": item, "name": rows.name, "amount": part, "lines_total": rows.sum.map(|sum| sum.to_string()),
            "lines_count": rows.count, "months": months.collect::<Vec<_>>(), "lines": rows.shown,
        })
    });
    json!({ "formula": leaf.text, "measures": true, "accounts": accounts.collect::<Vec<_>>() })
}

/// The same for people.
pub fn people(ctx: &Ctx, leaf: &Trace, items: &BTreeMap<String, Rows>) -> Result<(), Failure> {
    output::say(&format!("\n{}\n", leaf.text))?;
    for (item, rows) in items {
        let sum = rows.sum.map_or_else(|| "—".to_owned(), |sum| sum.to_string());
        let count = [("count", rows.count.to_string())];
        output::say(&format!("  {item} {}  {sum}  {}\n", rows.name, ui::text(ctx.lang, "label-lines-of", &count)))?;
        let months = rows.months.iter().rev().map(|(month, (amount, _))| format!("{month} {amount}"));
        output::say(&format!("    {}\n", months.collect::<Vec<_>>().join(" · ")))?;
        let lines = rows.shown.iter().map(|line| {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            let source = match line["entry"]["person"].as_str() {
                Some(person) => person.to_owned(),
                None => "ERP".to_owned(),
            };
            let price = line["price_source"].as_str().map(|name| label(ctx.lang, &format!("price-{name}"))).unwrap_or_default();
            let cells = ["period", "number", "date", "quantity", "unit", "factor"].map(text);
            [vec!["   ".to_owned()], cells.to_vec(), vec![price, text("amount"), source]].concat()
        });
        let columns = ["blank", "period", "document", "date", "quantity", "unit", "factor", "price_source", "amount", "source"];
        let numbers = ["quantity", "factor", "amount"];
        Table { columns: &columns, numbers: &numbers, rows: lines.collect() }.write(Format::Table, ctx.lang)?;
        let rest = rows.count.saturating_sub(rows.shown.len() as u64);
        if rest > 0 {
            output::say(&format!("    {}\n", ui::text(ctx.lang, "label-more-lines", &[("count", rest.to_string())])))?;
        }
    }
    Ok(())
}
