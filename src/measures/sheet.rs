//! Transfer sheets (过录表): how the documents of a month became a measure.

use std::path::Path;

use formula::{At, Mode, Trace, Value};
use model::{Amount, Finding, Month};
use survey::measures::{KindFact, Measures, Origin};
use ui::Lang;

use crate::{output::label, report::Failure, sheet};

/// A product in the sheet of the output value.
pub const PRODUCTS: [&str; 9] = ["item", "item_name", "class", "quantity", "unit", "price", "price_source", "value", "documents"];
/// A document of any sheet.
pub const ROWS: [&str; 11] =
    ["item", "item_name", "date", "document", "line", "quantity", "unit", "amount", "origin", "class", "source"];

/// The transfer sheet of one kind and month.
pub struct Sheet {
    /// Products with their prices, for a kind that has a value; the last line is the total.
    pub products: Vec<Vec<String>>,
    /// Documents and entries.
    pub rows: Vec<Vec<String>>,
    /// What was found: products without a price, prices that are no average of their own month.
    pub findings: Vec<Finding>,
}

fn text(amount: Option<Amount>) -> String {
    amount.map(|amount| amount.to_string()).unwrap_or_default()
}

/// Makes the sheet. `also` evaluates a formula of the data for the month: what stands beside the products.
pub fn make(
    measures: &Measures,
    id: &str,
    kind: &KindFact,
    month: Month,
    lang: Lang,
    also: &dyn Fn(&str, At) -> Option<Trace>,
) -> Result<Sheet, Failure> {
    let place = format!("{}, {month}", kind.name);
    let own = |text: &Option<String>| text.clone().unwrap_or_default();
    let rows = measures.of_month(id, month);
    let lines = rows.iter().map(|(row, origin)| {
        let source = match origin {
            Origin::Erp => "ERP".to_owned(),
            Origin::Entry(entry) => format!("{} ({})", entry.person, entry.key),
        };
        let (document, line) = (row.document.clone(), own(&row.line));
        vec![
            row.item.clone(),
            own(&row.item_name),
            own(&row.date),
            document,
            line,
            text(row.quantity),
            own(&row.unit),
            text(row.amount),
            own(&row.origin),
            own(&row.class),
            source,
        ]
    });
    let mut made = Sheet { products: Vec::new(), rows: lines.collect(), findings: Vec::new() };
    if !kind.priced {
        return Ok(made);
    }
    let gap = |gap: &formula::Gap| Failure::findings(vec![survey::gap_finding(gap, model::Level::Error).at(&place)]);
    let mut total = Some(Amount::ZERO);
    for product in measures.priced(rows, month).map_err(|error| gap(&error))? {
        let source = product.price.as_ref().map(|price| price.source);
        match source {
            None => {
                let finding = Finding::warning("output-without-price").at(&place).with("items", &product.like.item);
                made.findings.push(finding.with("month", month));
            }
            Some(source) if Some(&source) != measures.kinds.price_order.first() => {
                let finding = Finding::warning("price-fallback").at(&place).with("item", &product.like.item);
                made.findings.push(finding.with("source", label(lang, &format!("price-{}", source.name()))));
            }
            Some(_) => {}
        }
        if source != Some(survey::measures::PriceSource::Invoiced) {
            made.findings.extend(measures.prices_unused(product.like, month).into_iter().map(|entry| {
                let finding = Finding::warning("price-unit-differs").at(&place).with("item", &product.like.item);
                finding.with("unit", own(&entry.row.unit)).with("units", own(&product.like.unit))
            }));
        }
        total = total.zip(product.value).and_then(|(total, value)| total.checked_add(value));
        made.products.push(vec![
            product.like.item.clone(),
            own(&product.like.item_name),
            own(&product.like.class),
            product.quantity.to_string(),
            own(&product.like.unit),
            text(product.price.as_ref().map(|price| price.price)),
            source.map(|source| source.name().to_owned()).unwrap_or_default(),
            text(product.value),
            product.price.map(|price| price.documents.join(", ")).unwrap_or_default(),
        ]);
    }
    let named = |name: String, value: String, documents: String| {
        let mut line = vec![String::new(); PRODUCTS.len()];
        (line[1], line[7], line[8]) = (name, value, documents);
        line
    };
    for fact in &kind.also {
        let value = match also(&fact.formula, At { month, mode: Mode::Month }).map(|trace| trace.outcome) {
            Some(Ok(Value::Number(value))) => Some(value),
            Some(Err(why)) => {
                made.findings.push(survey::gap_finding(&why, model::Level::Warning).at(format!("{place}, {}", fact.name)));
                None
            }
            _ => None,
        };
        total = total.zip(value).and_then(|(total, value)| total.checked_add(value));
        made.products.push(named(fact.name.clone(), text(value), fact.formula.clone()));
    }
    made.products.push(named(label(lang, "total"), text(total), String::new()));
    Ok(made)
}

impl Sheet {
    /// Writes a workbook: the products with their prices, and the documents.
    pub fn save(&self, path: &Path, title: &str, lang: Lang) -> Result<(), Failure> {
        let mut sheets: Vec<sheet::Page<'_>> = Vec::new();
        if !self.products.is_empty() {
            let title = title.to_owned();
            sheets.push(sheet::Page {
                title,
                columns: &PRODUCTS,
                numbers: &["quantity", "price", "value"],
                rows: &self.products,
            });
        }
        let title = label(lang, "documents");
        sheets.push(sheet::Page { title, columns: &ROWS, numbers: &["quantity", "amount"], rows: &self.rows });
        sheet::pages(path, &sheets, lang)
    }
}
