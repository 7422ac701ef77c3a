//! An exam of a report that somebody made by hand: the same as `taizhang exam`, of a file that was sent.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use model::{Finding, Month};
use store::Store;
use survey::exam::column_named;
use ui::Lang;
use web::{AgreedView, Answer, CauseView, DifferenceView, ExamAsked, ExamChoices, ExamView, Refusal};

use super::shelf::Shelf;
use crate::{
    config::Agent,
    exam,
    form_sheet::{self, Reading},
    forms,
    report::{Failure, grave},
};

/// What can be chosen.
pub fn choices(agent: &Agent, store: &Store) -> Answer<ExamChoices> {
    let (mut seen, mut listed, mut months) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
    for form in agent.forms.iter().filter(|form| seen.insert(form.code.clone())) {
        // A pack that cannot be read is told where it is used.
        let name = forms::pack(Some(agent), form).map(|pack| pack.name).unwrap_or_default();
        listed.push([form.code.clone(), name]);
    }
    for book in &agent.books {
        months.extend(store.current_seals(&book.id).map_err(Failure::from)?.iter().map(|seal| seal.period.month));
    }
    let words = form_sheet::words(Some(agent))?;
    Ok(ExamChoices {
        books: agent.books.iter().map(|book| book.id.clone()).collect(),
        forms: listed,
        months: months.iter().rev().map(Month::to_string).collect(),
        units: words.moneys().map(|(name, _)| name.to_owned()).collect(),
    })
}

/// Compares a report with the books, cell by cell.
pub fn examine(shelf: &Arc<Shelf>, agent: &Agent, store: &mut Store, asked: &ExamAsked) -> Answer<ExamView> {
    let month: Month = asked.period.parse().map_err(|_| Refusal::missing())?;
    fn given(text: &str) -> Option<&str> {
        Some(text.trim()).filter(|text| !text.is_empty())
    }
    let book = agent.book_for(&asked.form, given(&asked.book))?;
    let ready = shelf.ready(agent, store, book, &asked.form, month)?;
    let unknown = || Failure::config(Finding::error("form-unknown").with("form", &asked.form));
    let form = ready.layers.mapping.form(&asked.form).ok_or_else(unknown)?;
    let reading = Reading {
        path: Path::new(&asked.name),
        sheet: given(&asked.sheet),
        unit: given(&asked.unit),
        year: Some(month.year()),
        column: given(&asked.column).and_then(column_named),
    };
    let sheets = sheets::received(&asked.name, asked.bytes.clone()).map_err(Failure::from)?;
    let (grid, told, words) = reading.of_sheets(agent, form, sheets)?;
    let found = exam::examined(&ready, form, month, told, &words);
    let differences = found.differences.iter().map(|difference| DifferenceView {
        key: difference.key.clone(),
        name: difference.name.clone(),
        column: difference.column.name().to_owned(),
        at: grid.place(difference.at.0, difference.at.1),
        theirs: difference.theirs.to_string(),
        ours: difference.ours.map(|ours| ours.to_string()),
        gap: exam::gap(difference).map(|gap| gap.to_string()),
        status: difference.status.clone(),
        causes: difference
            .causes
            .iter()
            .map(|cause| CauseView {
                text: [Lang::Zh, Lang::En].map(|lang| exam::sentence(lang, cause)),
                change: cause.change.as_ref().map(|change| [change.cell.clone(), change.formula.clone()]),
            })
            .collect(),
    });
    let agreed = found.agreed.iter().map(|agreed| AgreedView {
        key: agreed.key.clone(),
        name: agreed.name.clone(),
        column: agreed.column.name().to_owned(),
        at: grid.place(agreed.at.0, agreed.at.1),
        value: agreed.value.to_string(),
    });
    let mut findings = grave(ready.findings.clone());
    findings.retain(|finding| finding.level < model::Level::Error);
    findings.extend(found.unclear.iter().chain(&found.notes).cloned());
    if found.compared == 0 && found.unclear.is_empty() {
        findings.push(Finding::error("sheet-without-figures").at(&asked.name).with("form", &asked.form));
    }
    Ok(ExamView {
        book: book.id.clone(),
        name: form.name.clone(),
        sheet: grid.name.clone(),
        compared: found.compared,
        passed: found.passed(),
        differences: differences.collect(),
        agreed: agreed.collect(),
        findings,
    })
}
