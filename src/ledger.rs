/*! The ledger as rows of a table, for the screen, files and archives. */

use model::Finding;
use store::CellVersion;
use survey::document::LedgerCell;

use crate::report::Failure;

/// Columns of the ledger.
pub const COLUMNS: [&str; 32] = [
    "book",
    "period",
    "form",
    "code",
    "name",
    "unit",
    "this_month",
    "cumulative",
    "closing",
    "prior_year_month",
    "prior_year",
    "growth_month",
    "growth",
    "raw",
    "formula",
    "formula_place",
    "mapping",
    "source",
    "evidence",
    "conversion",
    "adjustment",
    "adjustment_reason",
    "reported",
    "platform",
    "difference",
    "audit",
    "explanation",
    "status",
    "version",
    "operation",
    "touched",
    "events",
];
/// Those that are numbers.
pub const NUMBERS: [&str; 12] = [
    "this_month",
    "cumulative",
    "closing",
    "prior_year_month",
    "prior_year",
    "growth_month",
    "growth",
    "raw",
    "adjustment",
    "reported",
    "platform",
    "difference",
];

/// Where a column stands.
pub fn place(name: &str) -> usize {
    COLUMNS.iter().position(|known| *known == name).unwrap_or(0)
}

/// A version of a cell, read.
pub fn read(version: &CellVersion) -> Result<LedgerCell, Failure> {
    serde_json::from_str(&version.body).map_err(|error| {
        let place = format!("{}:{}, {}, book {}", version.form, version.cell, version.period, version.book);
        Failure::source(Finding::error("file-damaged").at(place).with("reason", error))
    })
}

/// A version of a cell as a row of the ledger.
pub fn row(version: &CellVersion, ledger: &LedgerCell) -> Vec<String> {
    let cell = &ledger.cell;
    let value = |name: &str| cell.columns.get(name).and_then(|column| column.value.clone()).unwrap_or_default();
    let main = cell.columns.main();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let evidence = cell.evidence.as_ref().map_or_else(String::new, |evidence| {
        format!("{}..{} {}", evidence.from.as_deref().unwrap_or_default(), evidence.to, evidence.digest)
    });
    let adjustment = cell.adjustment.as_ref();
    vec![
        version.book.clone(),
        version.period.clone(),
        version.form.clone(),
        cell.id.clone(),
        cell.name.clone(),
        cell.unit.clone(),
        value("this_month"),
        value("cumulative"),
        value("closing"),
        value("prior_year_month"),
        value("prior_year"),
        text(&ledger.growth.month),
        text(&ledger.growth.cumulative),
        main.and_then(|column| column.raw.clone()).unwrap_or_default(),
        text(&cell.formula),
        text(&cell.place),
        ledger.mapping.clone(),
        ledger.source.clone(),
        evidence,
        ledger.conversion.clone(),
        adjustment.map(|adjustment| adjustment.amount.clone()).unwrap_or_default(),
        adjustment.map(|adjustment| adjustment.reason.clone()).unwrap_or_default(),
        text(&ledger.reported),
        text(&ledger.platform),
        String::new(),
        ledger.audit.join(", "),
        text(&ledger.explanation),
        cell.status.clone(),
        version.version.to_string(),
        version.operation.to_string(),
        String::new(),
        String::new(),
    ]
}
