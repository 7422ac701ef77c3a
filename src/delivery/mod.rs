/*!
What happens to a package outside: filings at the national portal that people record, and receipts.

A receipt is a record of kind [`RECEIPT`]: of its form, book and period, its key the payload digest, its body the receipt's verdict. What has been
received last is what the next package of the same forms corrects.

A person's `submit` puts a package into the outbox: a record of kind [`outbox::OUTBOX`]. It leaves from there, at once or when `taizhang run` reaches
the receiver, and its state changes in the one operation that keeps its receipt.
*/

pub mod client;
pub mod clock;
pub mod est;
pub mod machine;
pub mod messages;
pub mod outbox;
pub mod person;
pub mod published;
mod receipts;
pub mod regular;
pub mod theirs;

pub use receipts::{accept, adopt, import, kept, list, look, period_of, verify, why};

use std::collections::{BTreeMap, BTreeSet};

use journal::Digest;
use store::{DraftVersion, Store, Wanted};
use survey::{
    document::{Cell, Draft},
    filing::Filing,
};

use crate::{acts, build, package::Kept, report::Failure};

/// Kind of the records of filings at the national portal.
pub const FILED: &str = "filed";
/// Kind of the records of receipts.
pub const RECEIPT: &str = "receipt";
/// Verdict of a receipt that took the package.
pub const RECEIVED: &str = "received";

/// The filing of a form's month at the national portal, where a person has recorded it.
pub fn filing(store: &Store, book: &str, form: &str, period: &str) -> Result<Option<Filing>, Failure> {
    let wanted = Wanted { book: Some(book), form: Some(form), period: Some(period), key: None };
    store.records(FILED, wanted)?.last().map(acts::body).transpose()
}

/// Whether the filing that was recorded is of this version of the draft.
pub fn filed_is(store: &Store, book: &str, form: &str, period: &str, draft: &str) -> Result<bool, Failure> {
    let wanted = Wanted { book: Some(book), form: Some(form), period: Some(period), key: None };
    let newest: Option<serde_json::Value> = store.records(FILED, wanted)?.last().map(acts::body).transpose()?;
    Ok(newest.is_none_or(|filing| filing["draft"] == draft))
}

/// Cells whose figures are others than in the version that was filed; nothing where that version is not known.
pub fn filed_otherwise(store: &Store, draft: &Draft) -> Result<Vec<String>, Failure> {
    let wanted = Wanted { book: Some(&draft.book), form: Some(&draft.form), period: Some(&draft.period), key: None };
    let filing: Option<serde_json::Value> = store.records(FILED, wanted)?.last().map(acts::body).transpose()?;
    let Some(filed) = filing.and_then(|filing| filing["draft"].as_str().map(str::to_owned)) else { return Ok(Vec::new()) };
    let year = draft.period.get(..4).and_then(|year| year.parse().ok()).unwrap_or_default();
    let own = |version: &store::DraftVersion| {
        version.form == draft.form && version.period == draft.period && Digest::of(version.body.as_bytes()).to_string() == filed
    };
    let Some(version) = store.drafts_of_year(&draft.book, year)?.into_iter().find(own) else { return Ok(Vec::new()) };
    let (before, now) = (figures(&build::read(&version)?), figures(draft));
    let cells = before.keys().chain(now.keys()).filter(|id| before.get(*id) != now.get(*id));
    Ok(cells.collect::<BTreeSet<_>>().into_iter().cloned().collect())
}

/// What a draft reports: by cell, its columns' values and what an adjustment makes of them.
fn figures(draft: &Draft) -> BTreeMap<String, Vec<String>> {
    let one = |cell: &Cell| {
        let columns = cell.columns.each().map(|(name, column)| format!("{name} {:?}", column.value));
        let adjusted = cell.adjustment.iter().map(|made| made.reported.clone());
        (cell.id.clone(), columns.chain(adjusted).collect())
    };
    draft.cells.iter().map(one).collect()
}

/// Payload digest of the newest package that the receiver took for any of these forms and books. Deliveries that are only tried follow each
/// other, and reports follow reports.
pub fn received(store: &Store, forms: &[(&str, &str)], period: &str, trial: bool) -> Result<Option<String>, Failure> {
    let mut newest = None;
    for record in store.records(RECEIPT, Wanted { period: Some(period), ..Wanted::default() })? {
        let body: serde_json::Value = acts::body(&record)?;
        let tried = body["trial"] == true;
        if body["verdict"] == RECEIVED && tried == trial && forms.contains(&(record.form.as_str(), record.book.as_str())) {
            newest = Some(record.key);
        }
    }
    Ok(newest)
}

/// When the receiver had a package, by its last receipt.
pub fn received_at(store: &Store, digest: &str) -> Result<String, Failure> {
    let records = store.records(RECEIPT, Wanted { key: Some(digest), ..Wanted::default() })?;
    let body: Option<serde_json::Value> = records.last().map(acts::body).transpose()?;
    Ok(body.and_then(|body| body["at"].as_str().map(str::to_owned)).unwrap_or_default())
}

/// Why the receiver refused a package the last time: codes of findings.
pub fn refusal(store: &Store, digest: &str) -> Result<Vec<String>, Failure> {
    let records = store.records(RECEIPT, Wanted { key: Some(digest), ..Wanted::default() })?;
    let body: Option<serde_json::Value> = records.last().map(acts::body).transpose()?;
    let reasons = body.as_ref().and_then(|body| body["reasons"].as_array()).into_iter().flatten();
    Ok(reasons.filter_map(|reason| reason.as_str().map(str::to_owned)).collect())
}

/// Rules that the drafts of a month's package explain: form and rule.
pub fn explained(store: &Store, kept: &Kept, period: &str) -> Result<Vec<[String; 2]>, Failure> {
    let mut explained = Vec::new();
    for [form, book, digest] in &kept.forms {
        let own = |version: &DraftVersion| Digest::of(version.body.as_bytes()).to_string() == *digest;
        if let Some(version) = store.drafts_of(book, form, period)?.iter().rev().find(|version| own(version)) {
            explained.extend(build::read(version)?.explanations.into_iter().map(|said| [form.clone(), said.rule]));
        }
    }
    Ok(explained)
}
