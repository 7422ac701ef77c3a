/*! 平台值: figures that were filed before, as the platform or an old ledger has them. They stand beside what is computed and never for it. */

use std::collections::BTreeMap;

use model::{Amount, Finding, Month};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Record, Store, Wanted};
use survey::{
    Form,
    document::{Column, Draft, LedgerCell},
    exam::Told,
};

use crate::{acts::body, config::Person, report::Failure};

/// Kind of their records.
pub const REPORTED: &str = "reported";

/// Earlier filed figures of one indicator and month.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// By column, in the form's unit.
    pub columns: BTreeMap<String, String>,
    /// File they were read from last.
    pub file: String,
    /// Its SHA-256.
    pub sha256: String,
    /// Cells of the file, by column.
    pub places: BTreeMap<String, String>,
    /// Who loaded them.
    pub by: String,
    /// Why figures were taken back, of a version that does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// By month and indicator.
pub type Figures = BTreeMap<(String, String), Reported>;

/// Everything that was reported of a form; of one month where that is said.
pub fn of(store: &Store, book: &str, form: Option<&str>, period: Option<&str>) -> Result<Vec<(Record, Reported)>, Failure> {
    let wanted = Wanted { book: Some(book), form, period, key: None };
    let read = |record: Record| body::<Reported>(&record).map(|reported| (record, reported));
    let all = store.records(REPORTED, wanted)?.into_iter().map(read);
    // All of them were taken back: there is nothing.
    all.filter(|read| read.as_ref().map_or(true, |(_, reported)| !reported.columns.is_empty())).collect()
}

/// Where a file comes from.
pub struct Source<'a> {
    /// Name of the file.
    pub file: &'a str,
    /// Its SHA-256.
    pub sha256: &'a str,
    /// Sheet with its cells.
    pub grid: &'a survey::exam::Grid,
}

/// Figures of a file by month and indicator, in the form's unit. A figure without a month is of `period`.
pub fn figures(form: &Form, told: &[Told], period: Option<Month>, source: &Source<'_>, by: &Person) -> (Figures, Vec<Finding>) {
    let (mut figures, mut findings): (Figures, Vec<Finding>) = (BTreeMap::new(), Vec::new());
    for told in told {
        let place = source.grid.place(told.at.0, told.at.1);
        let Some(row) = form.row(&told.key) else { continue };
        let Some(month) = told.month.or(period) else {
            if !findings.iter().any(|finding: &Finding| finding.code == "reported-month-missing") {
                findings.push(Finding::error("reported-month-missing").at(place));
            }
            continue;
        };
        let (divisor, places) = form.conversion(row);
        let own = told.unit.unwrap_or(divisor);
        let value = if own == divisor {
            Some(told.value)
        } else {
            let whole = Amount::from_whole(i128::from(own)).and_then(|own| told.value.checked_mul(own));
            whole.and_then(|whole| whole.div_round(i128::from(divisor), places))
        };
        let Some(value) = value else {
            findings.push(Finding::error("amount-too-large").at(place));
            continue;
        };
        let reported = figures.entry((month.to_string(), told.key.clone())).or_default();
        let column = told.column.name().to_owned();
        match reported.columns.get(&column) {
            Some(known) if *known != value.to_string() => {
                let finding = Finding::error("reported-twice").at(place).with("indicator", &told.key).with("month", month);
                findings.push(finding.with("first", known).with("second", value));
            }
            _ => {
                reported.columns.insert(column.clone(), value.to_string());
                reported.places.insert(column, place);
            }
        }
        reported.file.clone_from(&source.file.to_owned());
        reported.sha256.clone_from(&source.sha256.to_owned());
        reported.by.clone_from(&by.id);
    }
    (figures, findings)
}

/// What came of an import.
#[derive(Default)]
pub struct Kept {
    /// For each month how many indicators the file has, and how many of them said something new.
    pub months: BTreeMap<String, (usize, usize)>,
    /// For each month the figures that stood there with another value.
    pub replaced: BTreeMap<String, Vec<String>>,
}

/// Keeps what is new, as one operation. Columns that a file does not have stay as they were.
pub fn keep(store: &mut Store, book: &str, form: &str, figures: &Figures, by: &Person) -> Result<Kept, Failure> {
    let damaged = |error: serde_json::Error| Failure::source(Finding::error("state-refused").with("reason", error));
    let known: BTreeMap<(String, String), Reported> = of(store, book, Some(form), None)?
        .into_iter()
        .map(|(record, reported)| ((record.period, record.key), reported))
        .collect();
    let (mut kept, mut fresh) = (Kept::default(), Vec::new());
    for ((period, key), reported) in figures {
        let mut whole = known.get(&(period.clone(), key.clone())).cloned().unwrap_or_default();
        let before = whole.columns.clone();
        whole.columns.extend(reported.columns.clone());
        whole.places.extend(reported.places.clone());
        let new = whole.columns != before;
        for (column, now) in &reported.columns {
            if let Some(old) = before.get(column).filter(|old| *old != now) {
                kept.replaced.entry(period.clone()).or_default().push(format!("{key} {column} {old} → {now}"));
            }
        }
        let count = kept.months.entry(period.clone()).or_default();
        *count = (count.0 + 1, count.1 + usize::from(new));
        if new {
            let whole = Reported { columns: whole.columns, places: whole.places, ..reported.clone() };
            fresh.push(Record {
                kind: REPORTED.to_owned(),
                book: book.to_owned(),
                form: form.to_owned(),
                period: period.clone(),
                key: key.clone(),
                body: serde_json::to_string(&whole).map_err(damaged)?,
                ..Record::default()
            });
        }
    }
    if !fresh.is_empty() {
        let (file, sha256) = figures.values().next().map_or(("", ""), |reported| (&reported.file, &reported.sha256));
        let detail = json!({
            "book": book, "form": form, "file": file, "sha256": sha256, "figures": fresh.len(),
            "from": kept.months.keys().next(), "to": kept.months.keys().next_back(),
        });
        let work = store.begin(&by.id, "ledger-import", &detail)?;
        for record in &fresh {
            work.put_record(record)?;
        }
        work.commit()?;
    }
    Ok(kept)
}

/// Which figures are taken back.
pub struct Back<'a> {
    /// Book id.
    pub book: &'a str,
    /// Form.
    pub form: &'a str,
    /// Month; every one where absent.
    pub period: Option<Month>,
    /// Indicator; every one where absent.
    pub key: Option<&'a str>,
    /// Column; every one where absent.
    pub column: Option<&'a str>,
    /// Why.
    pub reason: &'a str,
}

/// Takes figures back, as one operation: each becomes a version without them that says why. Gives how many it took from each month.
pub fn withdraw(store: &mut Store, back: &Back<'_>, by: &Person) -> Result<BTreeMap<String, usize>, Failure> {
    let damaged = |error: serde_json::Error| Failure::source(Finding::error("state-refused").with("reason", error));
    let period = back.period.map(|month| month.to_string());
    let (mut months, mut fresh) = (BTreeMap::new(), Vec::new());
    for (record, mut reported) in of(store, back.book, Some(back.form), period.as_deref())? {
        let named = |column: &String| back.column.is_none_or(|wanted| wanted == column);
        if back.key.is_some_and(|key| key != record.key) || !reported.columns.keys().any(named) {
            continue;
        }
        let count = reported.columns.len();
        reported.columns.retain(|column, _| !named(column));
        reported.places.retain(|column, _| !named(column));
        *months.entry(record.period.clone()).or_default() += count - reported.columns.len();
        (reported.by, reported.reason) = (by.id.clone(), back.reason.to_owned());
        fresh.push(Record { body: serde_json::to_string(&reported).map_err(damaged)?, ..record });
    }
    if !fresh.is_empty() {
        let detail = json!({
            "book": back.book, "form": back.form, "period": period, "indicator": back.key, "column": back.column,
            "records": fresh.len(), "reason": back.reason,
        });
        let work = store.begin(&by.id, "ledger-import-withdraw", &detail)?;
        for record in &fresh {
            work.put_record(record)?;
        }
        work.commit()?;
    }
    Ok(months)
}

/// The figure of the period itself among reported columns: what a flow had since January, what a stock was at the end.
pub fn main(reported: &Reported) -> Option<&String> {
    ["cumulative", "closing", "opening"].iter().find_map(|column| reported.columns.get(*column))
}

/// A figure that was filed, and where it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Filed {
    /// Value in the form's unit.
    pub value: String,
    /// Month of the report that has it.
    pub period: String,
    /// File.
    pub file: String,
    /// Its SHA-256.
    pub sha256: String,
    /// Cell of the file.
    pub place: String,
}

/// What was reported for last year's column of an indicator: what this year's report brought along, else what was filed a year ago.
pub fn last_year(store: &Store, book: &str, form: &str, key: &str, column: &str, month: Month) -> Result<Option<Filed>, Failure> {
    let Some(before) = month.prior_year().filter(|_| ["prior_year", "prior_year_month"].contains(&column)) else {
        return Ok(None);
    };
    let main: &[&str] = if column == "prior_year" { &["cumulative", "closing", "opening"] } else { &["this_month"] };
    for (month, columns) in [(month, &[column][..]), (before, main)] {
        for (record, reported) in of(store, book, Some(form), Some(&month.to_string()))? {
            let found = columns.iter().find_map(|column| Some((column, reported.columns.get(*column)?)));
            let Some((column, value)) = found.filter(|_| record.key == key) else { continue };
            let place = reported.places.get(*column).cloned().unwrap_or_default();
            let (value, period) = (value.clone(), record.period);
            return Ok(Some(Filed { value, period, file: reported.file, sha256: reported.sha256, place }));
        }
    }
    Ok(None)
}

/// Shows beside a missing last year what was reported for it. The missing value stays missing.
pub fn beside(store: &Store, book: &str, draft: &mut Draft, ledger: &mut [LedgerCell]) -> Result<(), Failure> {
    let Some(before) = draft.period.parse::<Month>().ok().and_then(Month::prior_year) else { return Ok(()) };
    let figures = |period: &str| -> Result<BTreeMap<String, Reported>, Failure> {
        let found = of(store, book, Some(&draft.form), Some(period))?;
        Ok(found.into_iter().map(|(record, reported)| (record.key, reported)).collect())
    };
    let (now, then) = (figures(&draft.period)?, figures(&before.to_string())?);
    if now.is_empty() && then.is_empty() {
        return Ok(());
    }
    let fill = |id: &str, column: &mut Option<Column>, name: &str| {
        let Some(column) = column.as_mut().filter(|column| column.value.is_none()) else { return };
        // The platform shows last year beside this year's figures; else what was filed a year ago says it.
        let shown = now.get(id).and_then(|reported| reported.columns.get(name));
        let filed = then
            .get(id)
            .and_then(|reported| if name == "prior_year_month" { reported.columns.get("this_month") } else { main(reported) });
        column.platform = shown.or(filed).cloned();
    };
    for cell in &mut draft.cells {
        fill(&cell.id, &mut cell.columns.prior_year, "prior_year");
        fill(&cell.id, &mut cell.columns.prior_year_month, "prior_year_month");
    }
    for kept in ledger {
        let id = kept.cell.id.clone();
        fill(&id, &mut kept.cell.columns.prior_year, "prior_year");
        fill(&id, &mut kept.cell.columns.prior_year_month, "prior_year_month");
        kept.growth = survey::growth_of(&kept.cell.columns);
    }
    Ok(())
}
