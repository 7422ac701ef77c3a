/*! What people do to a month: adjust a figure beside what was computed, lock it, unlock it for a reason. */

use std::collections::BTreeMap;

use model::{Amount, Finding, Month};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Record, Store, Wanted};
use survey::document::{Adjustment, Cell, Draft, LedgerCell};

use crate::report::Failure;

/// Kind of the records of adjustments.
pub const ADJUSTMENT: &str = "adjustment";
/// Kind of the records of locks.
pub const LOCK: &str = "lock";

/// Kind of the records of texts.
pub const TEXT: &str = "text";

/// Kind of the records of events (大事记).
pub const EVENT: &str = "event";

/// Fewest characters of a reason.
const REASON_LEAST: usize = 4;

/// A reason that says something.
pub fn reason(text: &str) -> Result<&str, Failure> {
    let text = text.trim();
    if text.chars().count() < REASON_LEAST {
        return Err(Failure::config(Finding::error("reason-too-short").with("reason", text).with("least", REASON_LEAST)));
    }
    Ok(text)
}

/// What is written in the 大事记 of some months, as notes beside their figures.
pub fn events(store: &Store, months: &[Month]) -> Result<Vec<Finding>, Failure> {
    let mut found = Vec::new();
    for month in months {
        let period = month.to_string();
        for record in store.records(EVENT, Wanted { period: Some(&period), ..Wanted::default() })? {
            let said: Value = body(&record)?;
            if said["withdrawn"].is_string() {
                continue;
            }
            let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
            found.push(Finding::note("event-noted").at(&period).with("text", text("text")).with("by", text("by")));
        }
    }
    Ok(found)
}

/// A lock on a form's month, or on a whole month where its form is empty.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Lock {
    /// Whether it is locked; an unlocked month was locked once.
    pub locked: bool,
    /// Why it was unlocked.
    #[serde(default)]
    pub reason: String,
    /// Who did it.
    pub by: String,
    /// Files that show it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<BTreeMap<String, String>>,
}

/// A text or a choice that a person entered for a row of a form and month.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextEntry {
    /// The text as the form has it.
    pub text: String,
    /// Why it was corrected or taken back.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Who entered it.
    pub by: String,
    /// Files that show it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<BTreeMap<String, String>>,
    /// Whether it was taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
}

/// The body of a record, read.
pub fn body<T: for<'de> Deserialize<'de>>(record: &Record) -> Result<T, Failure> {
    serde_json::from_str(&record.body).map_err(|error| {
        let place = format!("{} {} {} {}", record.kind, record.form, record.period, record.key);
        Failure::source(Finding::error("file-damaged").at(place).with("reason", error))
    })
}

/// Writes one record as an operation of `who`.
pub fn write(store: &mut Store, who: &str, what: &str, detail: &Value, record: &Record) -> Result<(), Failure> {
    let work = store.begin(who, what, detail)?;
    work.put_record(record)?;
    Ok(work.commit()?)
}

/// The lock on the month of a form, or on its whole month.
pub fn locked(store: &Store, book: &str, form: &str, month: Month) -> Result<Option<Lock>, Failure> {
    let period = month.to_string();
    for scope in ["", form] {
        let wanted = Wanted { book: Some(book), form: Some(scope), period: Some(&period), key: None };
        if let Some(record) = store.records(LOCK, wanted)?.pop() {
            let lock: Lock = body(&record)?;
            if lock.locked {
                return Ok(Some(lock));
            }
        }
    }
    Ok(None)
}

/// Refuses to go on where the month of a form is locked.
pub fn unlocked(store: &Store, book: &str, form: &str, month: Month) -> Result<(), Failure> {
    match locked(store, book, form, month)? {
        None => Ok(()),
        Some(lock) => {
            let place = if form.is_empty() { String::new() } else { format!("{form}, ") };
            let finding = Finding::error("period-locked").at(format!("{place}{month}, book {book}"));
            Err(Failure::findings(vec![finding.with("by", lock.by)]))
        }
    }
}

/// Adjustments of a form's month that hold, by indicator.
pub fn adjustments(store: &Store, book: &str, form: &str, period: &str) -> Result<BTreeMap<String, Adjustment>, Failure> {
    let wanted = Wanted { book: Some(book), form: Some(form), period: Some(period), key: None };
    let mut found = BTreeMap::new();
    for record in store.records(ADJUSTMENT, wanted)? {
        let adjustment: Adjustment = body(&record)?;
        if !adjustment.withdrawn {
            found.insert(record.key, adjustment);
        }
    }
    Ok(found)
}

/// The adjustment of one indicator that holds, and the operation that made it.
pub fn adjustment(store: &Store, book: &str, form: &str, period: &str, row: &str) -> Result<Option<(Adjustment, i64)>, Failure> {
    let wanted = Wanted { book: Some(book), form: Some(form), period: Some(period), key: Some(row) };
    let Some(record) = store.records(ADJUSTMENT, wanted)?.pop() else { return Ok(None) };
    let made: Adjustment = body(&record)?;
    Ok((!made.withdrawn).then_some((made, record.operation)))
}

/// Puts adjustments beside what was computed. One that was made on another computed value is told: a person looks at it again.
pub fn adjust(draft: &mut Draft, ledger: &mut [LedgerCell], adjustments: &BTreeMap<String, Adjustment>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let place = |id: &str, draft: &Draft| format!("{}:{id}, {}, book {}", draft.form, draft.period, draft.book);
    for (id, adjustment) in adjustments {
        let shown = place(id, draft);
        let cells = draft.cells.iter_mut().find(|cell| cell.id == *id).zip(ledger.iter_mut().find(|cell| cell.cell.id == *id));
        let Some((cell, kept)) = cells else { continue };
        let computed = main_value(cell).unwrap_or_default();
        if computed != adjustment.computed {
            let finding = Finding::warning("adjustment-base-changed").at(&shown).with("before", &adjustment.computed);
            findings.push(finding.with("now", &computed).with("amount", &adjustment.amount));
        }
        let amount = |text: &str| if text.is_empty() { Ok(Amount::ZERO) } else { text.parse::<Amount>() };
        let reported = match (amount(&computed), amount(&adjustment.amount)) {
            (Ok(computed), Ok(change)) => computed.checked_add(change),
            _ => None,
        };
        let Some(reported) = reported else {
            findings.push(Finding::error("amount-too-large").at(&shown));
            continue;
        };
        cell.adjustment = Some(Adjustment { reported: reported.to_string(), ..adjustment.clone() });
        kept.cell.adjustment = cell.adjustment.clone();
        kept.reported = Some(reported.to_string());
    }
    findings
}

/// The computed value that an adjustment stands beside.
pub fn main_value(cell: &Cell) -> Option<String> {
    cell.columns.adjusted()?.value.clone()
}
