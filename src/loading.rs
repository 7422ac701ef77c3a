/*! Taking back what was filed as 平台值: from a sheet, the portal's export, or a column that was pasted. Command line and pages do it with this. */

use std::path::Path;

use model::{Amount, Finding, Level, Month};
use store::Store;
use survey::{
    Form, Printed,
    exam::{Grid, Told},
};
use ui::Lang;

use crate::{
    config::{self, Agent, Book, Deed, Person},
    evidence::Paper,
    form_sheet::Reading,
    forms::{self, EDITION},
    report::Failure,
    reported::{self, Kept},
};

/// What came of it.
pub struct Loaded {
    /// What was kept.
    pub kept: Kept,
    /// What is to be said about it.
    pub findings: Vec<Finding>,
}

/// The pack of a form, whether the configuration has it or not: what was filed before may be of a form that is filed no more.
pub fn form(agent: &Agent, code: &str) -> Result<Form, Failure> {
    let configured = agent.forms.iter().find(|form| form.code == code).cloned();
    let configured = configured.unwrap_or_else(|| config::Form::of(code, EDITION));
    forms::pack(Some(agent), &configured).map_err(|findings| Failure { exit: 2, findings })
}

/// Loads a file that was read into `sheets`: all of it, or nothing where it contradicts itself. A figure without a month is of `period`.
#[allow(clippy::too_many_arguments, reason = "each is said by whoever loads, and none is a part of another")]
pub fn load(
    agent: &Agent,
    store: &mut Store,
    book: &Book,
    form: &Form,
    reading: &Reading<'_>,
    (paper, sheets): (Paper, Vec<sheets::Sheet>),
    period: Option<Month>,
    person: &Person,
    lang: Lang,
) -> Result<Loaded, Failure> {
    person.must(Deed::Platform, &form.form)?;
    let (grid, read, _) = reading.of_sheets(agent, form, sheets)?;
    let digest = paper.digest();
    let source = reported::Source { file: paper.name(), sha256: &digest, grid: &grid };
    let (figures, mut findings) = reported::figures(form, &read.told, period, &source, person);
    findings.extend(read.notes.into_iter().chain(read.unclear));
    if figures.is_empty() && !findings.iter().any(|finding| finding.level == Level::Error) {
        let place = reading.path.display().to_string();
        findings.push(Finding::error("sheet-without-figures").at(place).with("form", &form.form));
    }
    if findings.iter().any(|finding| finding.level == Level::Error) {
        return Err(Failure::findings(findings));
    }
    // A month alone says neither the month's own figure nor that since January: what was taken is told, with how to say it.
    let assumed = read.told.iter().filter(|told| told.assumed);
    if let Some(first) = assumed.clone().next() {
        let finding = Finding::warning("reported-column-assumed").at(grid.place(first.at.0, first.at.1));
        let finding = finding.with("column", ui::label(lang, crate::output::at_end(first.column.name())).trim_end().to_owned());
        findings.push(finding.with("count", assumed.count()));
    }
    keep(store, book, form, &figures, findings, person)
}

fn keep(
    store: &mut Store,
    book: &Book,
    form: &Form,
    figures: &reported::Figures,
    mut findings: Vec<Finding>,
    person: &Person,
) -> Result<Loaded, Failure> {
    let mut kept = reported::keep(store, &book.id, &form.form, figures, person)?;
    findings.extend(std::mem::take(&mut kept.replaced).into_iter().map(|(month, replaced)| {
        let place = format!("{}, {month}, book {}", form.form, book.id);
        Finding::warning("reported-replaced").at(place).with("figures", replaced.join("; "))
    }));
    Ok(Loaded { kept, findings })
}

/// Most lines of a column that is pasted.
const LINES_MOST: usize = 5_000;

/// A column that was pasted: one figure on a line, in the order in which the page has its rows. `rows` are these rows, each with the machine
/// name of the column that stands there, or none where the form has no figure. An empty line was not filed.
pub fn pasted(
    store: &mut Store,
    (book, form, month): (&Book, &Form, Month),
    rows: &[(String, Option<Printed>)],
    text: &str,
    person: &Person,
    lang: Lang,
) -> Result<Loaded, Failure> {
    person.must(Deed::Platform, &form.form)?;
    let name = ui::label(lang, "page-pasted");
    let mut lines: Vec<&str> = text.split('\n').take(LINES_MOST).map(str::trim).collect();
    // A line end after the last line begins no other; an empty line is one that was not filed, and is counted.
    if lines.len() == rows.len() + 1 && lines.last() == Some(&"") {
        lines.pop();
    }
    if lines.len() != rows.len() {
        let finding = Finding::error("paste-lines-differ").at(format!("{}, {month}, book {}", form.form, book.id));
        return Err(Failure::findings(vec![finding.with("lines", lines.len()).with("rows", rows.len())]));
    }
    let (mut told, mut findings) = (Vec::new(), Vec::new());
    let grid = Grid { name: name.clone(), rows: lines.iter().map(|line| vec![(*line).to_owned()]).collect() };
    for (at, ((key, column), line)) in rows.iter().zip(&lines).enumerate() {
        if line.is_empty() || *line == "—" {
            continue;
        }
        let place = grid.place(at, 0);
        let Some(column) = column else {
            findings.push(Finding::error("paste-line-without-figure").at(place).with("indicator", key).with("text", *line));
            continue;
        };
        match line.replace([',', '，', ' '], "").parse::<Amount>() {
            Ok(value) => {
                let at = (at, 0);
                told.push(Told {
                    key: key.clone(),
                    column: *column,
                    month: Some(month),
                    value,
                    decimals: 0,
                    unit: None,
                    assumed: false,
                    at,
                });
            }
            Err(error) => {
                let finding = Finding::error("paste-line-unfit").at(place).with("indicator", key).with("text", *line);
                findings.push(finding.with("reason", error.code()));
            }
        }
    }
    if told.is_empty() && findings.is_empty() {
        findings.push(Finding::error("sheet-without-figures").at(&name).with("form", &form.form));
    }
    if !findings.is_empty() {
        return Err(Failure::findings(findings));
    }
    let digest = journal::Digest::of(text.as_bytes()).to_string();
    let source = reported::Source { file: &name, sha256: &digest, grid: &grid };
    let (figures, findings) = reported::figures(form, &told, Some(month), &source, person);
    if findings.iter().any(|finding| finding.level == Level::Error) {
        return Err(Failure::findings(findings));
    }
    keep(store, book, form, &figures, findings, person)
}

/// A file as it was received, read.
pub fn received(paper: Paper) -> Result<(Paper, Vec<sheets::Sheet>), Failure> {
    let sheets = sheets::received(paper.name(), paper.bytes().to_vec())?;
    Ok((paper, sheets))
}

/// How a received file is read: its name, and what its month headings may leave out.
pub fn reading<'a>(name: &'a str, month: Month, column: Option<Printed>) -> Reading<'a> {
    Reading { path: Path::new(name), sheet: None, unit: None, year: Some(month.year()), column }
}
