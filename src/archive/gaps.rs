//! What a year lacks before it is put away: told and packed all the same, as an archive that waits for the last month is one that is not there.

use std::collections::{BTreeMap, BTreeSet};

use model::{Finding, Level};
use store::{DraftVersion, Store};

use super::months;
use crate::{
    acts, build,
    config::{Agent, Book},
    forms::{self, Layers},
    knowledge,
    report::Failure,
};

/// States of a draft that nobody has approved yet.
const WAITING: [&str; 3] = ["built", "in_review", "returned"];

/// The mapping of all configured forms of a book.
pub fn layers(agent: &Agent, book: &Book) -> Result<Layers, Failure> {
    forms::layers(agent, &forms::configured(agent, book, None)?)
}

/// Months that are open, drafts that nobody approved or that no longer follow from what they were made of, forms that were due and not built.
pub fn of(agent: &Agent, store: &Store, book: &Book, year: u16) -> Result<Vec<Finding>, Failure> {
    let place = format!("book {}, {year}", book.id);
    let mut newest: BTreeMap<(String, String), DraftVersion> = BTreeMap::new();
    for version in store.drafts_of_year(&book.id, year)? {
        newest.insert((version.period.clone(), version.form.clone()), version);
    }
    let sealed: BTreeSet<_> = store.seals_of_year(&book.id, year)?.iter().map(|seal| seal.period.month).collect();
    let mut findings = Vec::new();
    let mut tell = |finding: Finding, list: Vec<String>| {
        if !list.is_empty() {
            findings.push(finding.at(&place).with("count", list.len()).with("list", list.join(", ")));
        }
    };
    let mut open = Vec::new();
    for month in months(year) {
        let period = month.to_string();
        let drafts: Vec<&str> = newest.keys().filter(|(own, _)| *own == period).map(|(_, form)| form.as_str()).collect();
        if drafts.is_empty() && !sealed.contains(&month) {
            continue;
        }
        let whole = acts::locked(store, &book.id, "", month)?.is_some();
        let mut each = !drafts.is_empty();
        for form in &drafts {
            each &= acts::locked(store, &book.id, form, month)?.is_some();
        }
        if !whole && !each {
            open.push(period);
        }
    }
    tell(Finding::warning("archive-month-open"), open);
    let waiting = newest.values().filter(|version| WAITING.contains(&version.state.as_str()));
    tell(
        Finding::warning("archive-draft-waiting"),
        waiting.map(|version| format!("{} {}", version.form, version.period)).collect(),
    );
    let (unbuilt, told) = unbuilt(agent, book, year, &newest)?;
    tell(Finding::warning("archive-form-unbuilt"), unbuilt);
    findings.extend(told);
    for version in newest.values() {
        let draft = build::read(version)?;
        if WAITING.contains(&version.state.as_str()) {
            let stale = build::stale(agent, store, book, &draft)?;
            findings.extend(stale.into_iter().map(|finding| Finding { level: Level::Warning, ..finding }));
            continue;
        }
        // A mapping that was changed after a draft was approved is no gap: the text that it was built by is packed.
        let place = format!("{}, {}, book {}", draft.form, draft.period, draft.book);
        findings.extend(build::touched(store, &draft)?.findings(&place));
    }
    Ok(findings)
}

/// Forms that were due for a month of the year and have no draft; and whether no calendar says what was due.
fn unbuilt(
    agent: &Agent,
    book: &Book,
    year: u16,
    newest: &BTreeMap<(String, String), DraftVersion>,
) -> Result<(Vec<String>, Vec<Finding>), Failure> {
    let (calendars, mut findings) = knowledge::calendars(agent, year.cast_signed())?;
    findings.retain(|finding| finding.level > Level::Note);
    if !calendars.0.iter().any(|calendar| calendar.year == year) {
        findings.push(Finding::warning("calendar-missing").with("year", year));
    }
    let mut list = Vec::new();
    for own in agent.forms.iter().filter(|form| form.book.as_ref().is_none_or(|id| *id == book.id)) {
        let form = forms::pack(Some(agent), own).map_err(|findings| Failure { exit: 2, findings })?;
        for month in months(year) {
            let Some(due) = calendars.due(&form, month) else { continue };
            let code = due.replaced_by.unwrap_or_else(|| form.form.clone());
            if !newest.contains_key(&(month.to_string(), code.clone())) {
                list.push(format!("{code} {month}"));
            }
        }
    }
    Ok((list, findings))
}
