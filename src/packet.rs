/*! What stands behind a figure besides lines of the books: documents of measures, the invoices of a price, entries of people with their papers,
and what a person made of the computed value. */

use std::collections::{BTreeMap, BTreeSet};

use formula::Gap;
use model::{Amount, Finding, MeasureRow, Month};
use serde_json::{Value, json};
use store::Store;
use survey::{
    Row,
    document::Adjustment,
    measures::{Counted, Measures, Origin},
};
use ui::Lang;

use crate::{config::Book, measures::ledger, output::label, report::Failure};

/// A document or entry that a figure is made of.
pub const DOCUMENTS: [&str; 14] = [
    "kind",
    "item",
    "item_name",
    "date",
    "document",
    "line",
    "quantity",
    "unit",
    "amount",
    "origin",
    "class",
    "source",
    "at",
    "evidence",
];
/// A document that a price stands on.
pub const PRICES: [&str; 12] =
    ["item", "period", "price", "price_source", "document", "date", "line", "quantity", "unit", "amount", "source", "evidence"];
/// How the computed value became what is reported.
pub const REPORTED: [&str; 7] = ["step", "amount", "unit", "reason", "by", "at", "evidence"];

/// Files that people attached, as they lie in the packet.
pub struct Papers<'a> {
    store: &'a Store,
    stem: String,
    /// When each operation was.
    times: BTreeMap<i64, String>,
    entries: BTreeMap<(Month, String), Vec<BTreeMap<String, String>>>,
    /// Their bytes by the names that they have in the packet.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl<'a> Papers<'a> {
    /// Of a book; `stem` begins their names.
    pub fn new(store: &'a Store, book: &Book, stem: &str) -> Result<Papers<'a>, Failure> {
        let times = store.operations()?.into_iter().map(|operation| (operation.seq, operation.at)).collect();
        let entries = ledger::current(store, &book.id, None)?;
        let entries = entries.into_iter().map(|entry| ((entry.month, entry.key), entry.body.evidence)).collect();
        Ok(Papers { store, stem: stem.to_owned(), times, entries, files: BTreeMap::new() })
    }

    /// Puts papers into the packet; their names there.
    pub fn put(&mut self, papers: &[BTreeMap<String, String>]) -> Result<String, Failure> {
        let mut names = Vec::new();
        for paper in papers {
            let of = |name: &str| paper.get(name).map(String::as_str).unwrap_or_default();
            let (name, digest) = (of("name").replace(['/', '\\'], "_"), of("sha256"));
            let path = self.store.folder().join("evidence").join(digest);
            let bytes = std::fs::read(&path).map_err(|error| Failure::source(Finding::io(&path, &error)))?;
            let name = format!("{}-{}-{name}", self.stem, digest.get(..8).unwrap_or(digest));
            self.files.insert(name.clone(), bytes);
            names.push(name);
        }
        Ok(names.join("; "))
    }

    /// When an operation was.
    pub fn at(&self, operation: i64) -> String {
        self.times.get(&operation).cloned().unwrap_or_default()
    }

    /// Who says a row, when, and the papers that prove it.
    fn proof(&mut self, row: &MeasureRow, origin: Origin<'_>) -> Result<[String; 3], Failure> {
        match origin {
            Origin::Erp => Ok(["ERP".to_owned(), String::new(), String::new()]),
            Origin::Entry(entry) => {
                let papers = self.entries.get(&(row.month, entry.key.clone())).cloned().unwrap_or_default();
                Ok([entry.person.clone(), self.at(entry.operation), self.put(&papers)?])
            }
        }
    }
}

fn text(amount: Option<Amount>) -> String {
    amount.map(|amount| amount.to_string()).unwrap_or_default()
}

fn own(text: &Option<String>) -> String {
    text.clone().unwrap_or_default()
}

/// The documents and entries that a figure counts, each once.
pub fn documents(counted: &[Counted<'_>], papers: &mut Papers<'_>) -> Result<Vec<Vec<String>>, Failure> {
    let mut rows = BTreeSet::new();
    for one in counted {
        let row = one.row;
        let [source, at, evidence] = papers.proof(row, one.origin)?;
        let [item_name, date, line, unit] = [&row.item_name, &row.date, &row.line, &row.unit].map(own);
        let said = [row.kind.clone(), row.item.clone(), item_name, date, row.document.clone(), line, text(row.quantity), unit];
        let rest = [text(row.amount), own(&row.origin), own(&row.class), source, at, evidence];
        rows.insert([said.to_vec(), rest.to_vec()].concat());
    }
    Ok(rows.into_iter().collect())
}

/// The invoices and entries that the prices of a figure stand on, product by product and month by month.
pub fn prices(
    measures: &Measures,
    counted: &[Counted<'_>],
    papers: &mut Papers<'_>,
    lang: Lang,
) -> Result<Vec<Vec<String>>, Failure> {
    let failed = |gap: &Gap| Failure::findings(vec![survey::gap_finding(gap, model::Level::Error)]);
    let (mut rows, mut seen) = (Vec::new(), BTreeSet::new());
    for one in counted.iter().filter(|one| one.price.is_some()) {
        if !seen.insert((one.row.item.clone(), one.row.unit.clone(), one.row.class.clone(), one.month)) {
            continue;
        }
        let Some((price, behind)) = measures.behind(one.row, one.month).map_err(|gap| failed(&gap))? else { continue };
        for (row, origin) in behind {
            let [source, _, evidence] = papers.proof(row, origin)?;
            let said = [one.row.item.clone(), one.month.to_string(), price.price.to_string()];
            let from =
                [label(lang, &format!("price-{}", price.source.name())), row.document.clone(), own(&row.date), own(&row.line)];
            let money = [text(row.quantity), own(&row.unit), text(row.amount), source, evidence];
            rows.push([said.to_vec(), from.to_vec(), money.to_vec()].concat());
        }
    }
    Ok(rows)
}

/// How the figure of the books becomes what the form reports: converted and rounded, and changed by a person.
pub struct Reported {
    /// Rows of the sheet.
    pub rows: Vec<Vec<String>>,
    /// The same for the manifest.
    pub said: Value,
}

/// Ties a figure in 元 to the cell as it is reported.
pub fn reported(
    figure: Option<Amount>,
    (divisor, places): (i64, u32),
    unit: &str,
    adjustment: Option<(&Adjustment, i64)>,
    papers: &mut Papers<'_>,
    lang: Lang,
) -> Result<Reported, Failure> {
    let large = || Failure::findings(vec![Finding::error("amount-too-large")]);
    let computed = figure.map(|figure| figure.div_round(divisor.into(), places).ok_or_else(large)).transpose()?;
    let shown = |amount: Option<Amount>| amount.map(|amount| amount.to_string());
    let row = |step: &str, amount: String, unit: &str| {
        let mut row = vec![String::new(); REPORTED.len()];
        (row[0], row[1], row[2]) = (label(lang, step), amount, unit.to_owned());
        row
    };
    let mut rows =
        vec![row("figure", text(figure), if divisor == 1 { unit } else { "元" }), row("computed", text(computed), unit)];
    let mut said = json!({ "computed": shown(computed), "reported": shown(computed), "unit": unit });
    if let Some((made, operation)) = adjustment {
        let amount: Amount = made.amount.parse().map_err(|_| large())?;
        let reported = computed.unwrap_or_default().checked_add(amount).ok_or_else(large)?;
        let evidence = papers.put(&made.evidence)?;
        let mut change = row("adjustment", made.amount.clone(), unit);
        (change[3], change[4], change[5]) = (made.reason.clone(), made.by.clone(), papers.at(operation));
        change[6].clone_from(&evidence);
        rows.push(change);
        rows.push(row("reported", reported.to_string(), unit));
        said["reported"] = reported.to_string().into();
        said["adjustment"] = json!({
            "amount": made.amount, "reason": made.reason, "by": made.by, "at": papers.at(operation), "made_on": made.computed,
            "evidence": made.evidence,
        });
    }
    Ok(Reported { rows, said })
}

/// The unit that a row is reported in.
pub fn unit<'a>(form: &'a survey::Form, row: &'a Row) -> &'a str {
    row.unit.as_deref().unwrap_or(&form.unit)
}

/// A party's name without the number that packs put after it.
pub fn name(party: &str) -> &str {
    party.rsplit_once(" #").map_or(party, |(name, _)| name)
}

/// Takes names out of a text that are none of its business: the longest first, so that no part of one is left.
pub fn masked(text: &str, names: &[String], mask: &str) -> String {
    names.iter().filter(|name| name.chars().count() > 1).fold(text.to_owned(), |text, name| text.replace(name.as_str(), mask))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_out_of_texts_whole() {
        let names = ["宁波甬江机械有限公司", "宁波甬江", "丙"].map(str::to_owned);
        assert_eq!(masked("收宁波甬江机械有限公司货款，宁波甬江经办，丙等品", &names, "＊"), "收＊货款，＊经办，丙等品");
        assert_eq!((name("杭州某厂 #7"), name("杭州某厂")), ("杭州某厂", "杭州某厂"));
    }
}
