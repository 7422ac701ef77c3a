/*! From sealed evidence to ledger versions and drafts, in one operation or not at all. */

use std::collections::BTreeMap;

use journal::Digest;
use model::{Finding, Level, Month, Period};
use serde_json::json;
use store::{CellVersion, DraftVersion, Store};
use survey::{
    Order, Seals,
    document::{Cell, Draft, Footer, LedgerCell, Note, Unit},
};

use crate::{
    acts, audit,
    books::{self, Grain},
    config::{self, Agent, Book},
    forms::{self, Desk, Layers},
    measures, packs, pull,
    report::Failure,
    reported, retyped, times, unposted,
};

pub use crate::{stale::stale, touched::touched};

/// State of a draft that nobody has looked at yet.
const BUILT: &str = "built";

/// A draft that was built, found as it was, or only computed.
pub struct Outcome {
    /// The draft.
    pub draft: Draft,
    /// Number of its version, from 1; 0 where it is not kept.
    pub version: i64,
    /// Operation that wrote this version.
    pub operation: i64,
    /// Whether this build wrote it.
    pub new: bool,
    /// Indicators that this build moved.
    pub moved: Vec<String>,
    /// Its ledger cells, where it is not kept.
    pub ledger: Vec<LedgerCell>,
}

/// Drafts with their ledger cells, and what was found.
pub type Computed = (Vec<(Draft, Vec<LedgerCell>)>, Vec<Finding>);

/// A book's mapping and figures, ready for any of its forms.
pub struct Ready {
    /// Mapping.
    pub layers: Layers,
    /// Figures.
    pub desk: Desk,
    /// Figures with unposted vouchers in them, where a form wants that.
    pub unposted: Option<Desk>,
    /// Forms as they are configured.
    pub forms: Vec<config::Form>,
    /// What was found on the way.
    pub findings: Vec<Finding>,
}

/// Prepares a book, pulling it first where `month` is not sealed.
pub fn ready(agent: &Agent, store: &mut Store, book: &Book, form: Option<&str>, month: Month) -> Result<Ready, Failure> {
    let forms = forms::configured(agent, book, form)?;
    let layers = forms::layers(agent, &forms)?;
    ready_with(agent, store, book, forms, layers, month)
}

/// The same with a mapping that is put together already.
pub fn ready_with(
    agent: &Agent,
    store: &mut Store,
    book: &Book,
    forms: Vec<config::Form>,
    layers: Layers,
    month: Month,
) -> Result<Ready, Failure> {
    times::done("mapping");
    let (sealed, mut findings) = pull::sealed(agent, store, book, Period { month, adjustment: true }, Grain::Dimensions)?;
    times::done("seals");
    let unposted = if forms.iter().any(|form| form.unposted) {
        if store.current_seals(&unposted::id(&book.id))?.is_empty() {
            // Sealed before a form asked for them.
            findings.extend(pull::pull(agent, store, book, pull::Scope::default())?.findings);
        }
        let (sealed, _) = pull::sealed(agent, store, book, Period { month, adjustment: true }, Grain::Dimensions)?;
        Some(Desk::new(agent, store, book, sealed, &layers.mapping, true)?)
    } else {
        None
    };
    if layers.mapping.asks_measures(None) {
        findings.extend(measures::first(agent, store, book)?);
    }
    let desk = Desk::new(agent, store, book, sealed, &layers.mapping, false)?;
    findings.extend(layers.findings.iter().cloned());
    findings.extend(desk.findings.iter().cloned());
    times::done("figures");
    Ok(Ready { layers, desk, unposted, forms, findings })
}

impl Ready {
    /// The figures of a form, with unposted vouchers where it declares that it wants them.
    pub fn desk(&self, form: &str) -> &Desk {
        let wanted = self.forms.iter().any(|configured| configured.code == form && configured.unposted);
        self.unposted.as_ref().filter(|_| wanted).unwrap_or(&self.desk)
    }

    /// Why a month has no figures: nothing of it was read, or the book begins later.
    pub fn unread(&self, month: Month) -> Option<Finding> {
        let coverage = self.desk.book.coverage();
        if month > coverage.to {
            return Some(Finding::error("period-beyond").with("last", coverage.to));
        }
        let early = || Finding::error("before-first-period").with("month", month).with("first", coverage.balances_from);
        (month < coverage.balances_from).then(early)
    }
}

/// Builds the forms of a book for a month: those named `form`, or all. Everything is kept, or, where a figure cannot be computed for an
/// error in a formula, nothing. The log names `who`: a person, or the program where nobody asked.
pub fn build(
    agent: &Agent,
    store: &mut Store,
    book: &Book,
    form: Option<&str>,
    month: Month,
    who: &str,
) -> Result<(Vec<Outcome>, Vec<Finding>), Failure> {
    let ready = ready(agent, store, book, form, month)?;
    let meant: Vec<&config::Form> =
        ready.forms.iter().filter(|configured| form.is_none_or(|code| configured.code == code)).collect();
    if let Some(finding) = ready.unread(month) {
        let place = |configured: &&config::Form| format!("{}, {month}, book {}", configured.code, book.id);
        let findings = meant.iter().map(|configured| finding.clone().at(place(configured)));
        return Err(Failure::findings(findings.collect()));
    }
    for configured in &meant {
        acts::unlocked(store, &book.id, &configured.code, month)?;
    }
    let (drafts, mut findings) = compute(agent, store, book, (&ready, &ready.layers), form, month)?;
    times::done("forms");
    // Where some months have no rate, the rest is built and says so; without any figure there is nothing to keep. Any other error is one of a
    // formula.
    let mut errors = findings.iter().filter(|finding| finding.level == Level::Error);
    let counted =
        |cell: &Cell| !matches!(&*cell.kind, "text" | "choice") && cell.columns.each().any(|(_, column)| column.value.is_some());
    let empty = |(draft, _): &(Draft, Vec<LedgerCell>)| !draft.cells.iter().any(counted);
    if errors.clone().any(|finding| finding.code != "rate-missing") || errors.next().is_some() && drafts.iter().all(empty) {
        return Err(Failure::findings(findings));
    }
    let outcomes = keep(store, book, &ready.layers.texts, drafts, who)?;
    times::done("kept");
    for (draft, moved) in outcomes.iter().map(|outcome| (&outcome.draft, &outcome.moved)) {
        let Some(first) = moved.first() else { continue };
        let place = format!("{}, {}, book {}", draft.form, draft.period, draft.book);
        let finding = Finding::warning("figures-moved").at(place).with("count", moved.len());
        findings.push(finding.with("first", format!("{}:{first}", draft.form)).with("period", &draft.period));
    }
    Ok((outcomes, findings))
}

/// Computes the forms of a book for a month by a mapping, the book's own or one that is tried on its figures, and keeps nothing.
pub fn compute(
    agent: &Agent,
    store: &Store,
    book: &Book,
    (ready, layers): (&Ready, &Layers),
    form: Option<&str>,
    month: Month,
) -> Result<Computed, Failure> {
    let mut findings = ready.findings.clone();
    let forms = &ready.forms;
    let facts = agent.unit.facts();
    let digest = |text: &str| Digest::of(text.as_bytes()).to_string();
    let mut drafts = Vec::new();
    let given = audit::given(agent, store, book)?;
    for configured in forms.iter().filter(|configured| form.is_none_or(|code| configured.code == code)) {
        let Some(pack) = layers.mapping.form(&configured.code) else { continue };
        let desk = ready.desk(&configured.code);
        let said = audit::said(store, &book.id, &configured.code, &month.to_string())?;
        let asks = layers.mapping.asks_measures(Some(&configured.code));
        // What somebody asked before is none of this form's.
        let used = || desk.rates.as_ref().map(survey::Rates::used).unwrap_or_default();
        used();
        let built = desk.with(&layers.mapping, |engine, original| {
            survey::build(&Order {
                form: pack,
                month,
                engine,
                original,
                unit: Unit { code: agent.unit.code.clone(), name: agent.unit.name.clone() },
                footer: footer(configured),
                facts: &facts,
                book: book.id.clone(),
                currency: desk.currency.clone(),
                source: format!("{} · {}", book.id, book.connector),
                unposted: configured.unposted,
                measures: asks,
                measured: desk.measures.as_ref(),
                seals: Seals {
                    books: &desk.evidence,
                    measures: &desk.measured,
                    both: if asks { &desk.beside } else { &desk.evidence },
                },
                mapping: layers.digest(&configured.code),
                given: &given,
                said: &said,
                digest: &digest,
            })
        });
        findings.extend(built.findings.iter().cloned());
        let (mut draft, mut ledger) = (built.draft, built.ledger);
        draft.rates = used();
        draft.doubtful.clone_from(&desk.doubtful);
        draft.pack = layers.pack(&configured.code);
        draft.typed = desk.typed(month);
        draft.closings = Some(retyped::closings(desk.seals.values(), month));
        reported::beside(store, &book.id, &mut draft, &mut ledger)?;
        let adjustments = acts::adjustments(store, &book.id, &draft.form, &draft.period)?;
        let found = acts::adjust(&mut draft, &mut ledger, &adjustments);
        draft.findings.extend(found.iter().map(Note::from));
        findings.extend(found);
        // Told with every draft that has them in it, not only when they were read.
        let doubts = books::doubts(&book.id, desk.seals.values(), month, pack.frequency.is_yearly());
        draft.findings.extend(doubts.iter().map(Note::from));
        findings.extend(doubts);
        drafts.push((draft, ledger));
    }
    Ok((drafts, findings))
}

fn footer(form: &config::Form) -> Footer {
    Footer {
        head: form.head.clone(),
        statistician: form.statistician.clone(),
        preparer: form.preparer.clone(),
        phone: form.phone.clone(),
        sent_on: String::new(),
    }
}

/// Writes the versions that say something new, as one operation.
fn keep(
    store: &mut Store,
    book: &Book,
    texts: &[(String, String)],
    drafts: Vec<(Draft, Vec<LedgerCell>)>,
    who: &str,
) -> Result<Vec<Outcome>, Failure> {
    let damaged = |error: serde_json::Error| Failure::source(Finding::error("state-refused").with("reason", error));
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut fresh = Vec::new();
    for (mut draft, mut ledger) in drafts {
        let before = current_cells(store, &book.id, &draft.form, &draft.period)?;
        let (mut bodies, mut moved) = (Vec::new(), Vec::new());
        for (cell, shown) in ledger.iter_mut().zip(&mut draft.cells) {
            if let Some((_, old)) = before.get(&cell.cell.id)
                && follow(cell, old)
            {
                moved.push(cell.cell.id.clone());
            }
            (shown.changed, shown.before) = (cell.cell.changed, cell.cell.before.clone());
            if before.get(&cell.cell.id).is_none_or(|(_, old)| old != cell) {
                bodies.push((cell.cell.id.clone(), serde_json::to_string(cell).map_err(damaged)?));
            }
        }
        let old = store.current_draft(&book.id, &draft.form, &draft.period)?;
        let body = serde_json::to_string(&draft).map_err(damaged)?;
        let same = old.as_ref().is_some_and(|old| old.body == body);
        let last = old.map_or((0, 0), |old| (old.version, old.operation));
        let (version, operation) = if same { last } else { (last.0 + 1, 0) };
        outcomes.push(Outcome { draft, version, operation, new: !same, moved, ledger: Vec::new() });
        if !same || !bodies.is_empty() {
            fresh.push((outcomes.len() - 1, body, bodies));
        }
    }
    if fresh.is_empty() {
        return Ok(outcomes);
    }
    let list: Vec<_> = fresh
        .iter()
        .map(|(at, body, cells)| {
            let draft = &outcomes[*at].draft;
            let digest = Digest::of(body.as_bytes()).to_string();
            json!({ "form": draft.form, "edition": draft.edition, "period": draft.period, "draft": digest, "cells": cells.len() })
        })
        .collect();
    let digests: Vec<String> = texts.iter().map(|(_, text)| Digest::of(text.as_bytes()).to_string()).collect();
    let mapping: Vec<_> =
        texts.iter().zip(&digests).map(|((file, _), digest)| json!({ "file": file, "sha256": digest })).collect();
    let work = store.begin(who, "build", &json!({ "book": book.id, "drafts": list, "mapping": mapping }))?;
    // A mapping is edited where it lies; what a figure was made by must be there to read years later.
    for ((_, text), digest) in texts.iter().zip(&digests) {
        work.put_context(digest, text)?;
    }
    for (at, body, cells) in fresh {
        let outcome = &mut outcomes[at];
        let draft = &outcome.draft;
        let (form, edition, period) = (draft.form.clone(), draft.edition.clone(), draft.period.clone());
        for (cell, body) in cells {
            let (form, edition, period) = (form.clone(), edition.clone(), period.clone());
            work.put_cell(&CellVersion { version: 0, operation: 0, book: book.id.clone(), form, edition, period, cell, body })?;
        }
        if outcome.new {
            let state = BUILT.to_owned();
            work.put_draft(&DraftVersion {
                version: 0,
                operation: 0,
                book: book.id.clone(),
                form,
                edition,
                period,
                state,
                body,
            })?;
            outcome.operation = work.seq;
        }
    }
    work.commit()?;
    Ok(outcomes)
}

/// Puts a newly built cell after the version before: what moved is shown beside it, and what did not stays as it was kept. Whether it
/// moved now.
fn follow(cell: &mut LedgerCell, old: &LedgerCell) -> bool {
    let figures = |cell: &Cell| cell.columns.figures();
    let bare = |cell: &LedgerCell| {
        let mut cell = cell.clone();
        (cell.cell.changed, cell.cell.before) = (false, None);
        cell
    };
    if bare(old) == bare(cell) {
        (cell.cell.changed, cell.cell.before) = (old.cell.changed, old.cell.before.clone());
        return false;
    }
    let moved = figures(&old.cell) != figures(&cell.cell);
    if moved {
        (cell.cell.changed, cell.cell.before) = (true, Some(figures(&old.cell)));
    }
    moved
}

/// The newest version of each ledger cell of a form and month, by id.
pub fn current_cells(
    store: &Store,
    book: &str,
    form: &str,
    period: &str,
) -> Result<BTreeMap<String, (i64, LedgerCell)>, Failure> {
    let mut cells = BTreeMap::new();
    for version in store.form_cells(book, form, period)? {
        let cell = serde_json::from_str(&version.body).map_err(|error| {
            let place = format!("{form}:{}, {period}, book {book}", version.cell);
            Failure::source(Finding::error("file-damaged").at(place).with("reason", error))
        })?;
        cells.insert(version.cell, (version.operation, cell));
    }
    Ok(cells)
}

/// A kept draft, read.
pub fn read(version: &DraftVersion) -> Result<Draft, Failure> {
    serde_json::from_str(&version.body).map_err(|error| {
        let place = format!("{}, {}, book {}", version.form, version.period, version.book);
        Failure::source(Finding::error("file-damaged").at(place).with("reason", error))
    })
}

/// The kept draft of a form with what has changed beneath it since, which then stands in its findings too. Where none is kept it is
/// computed and not kept: who only looks writes nothing.
pub fn current(
    agent: &Agent,
    store: &mut Store,
    book: &Book,
    form: &str,
    month: Month,
) -> Result<(Outcome, Vec<Finding>), Failure> {
    if let Some(version) = store.current_draft(&book.id, form, &month.to_string())? {
        let mut draft = read(&version)?;
        let findings = stale(agent, store, book, &draft)?;
        // Beside the draft and not in it: an event that is written later changes no figure that was approved.
        let findings = [findings, acts::events(store, &[month])?].concat();
        draft.findings.extend(findings.iter().map(Note::from));
        let (version, operation) = (version.version, version.operation);
        return Ok((Outcome { draft, version, operation, new: false, moved: Vec::new(), ledger: Vec::new() }, findings));
    }
    let ready = ready(agent, store, book, Some(form), month)?;
    let (mut drafts, mut findings) = compute(agent, store, book, (&ready, &ready.layers), Some(form), month)?;
    let unknown = || Failure::config(Finding::error("form-unknown").with("form", form));
    let (mut draft, ledger) = drafts.pop().ok_or_else(unknown)?;
    let errors = findings.iter().filter(|finding| finding.level == Level::Error);
    if errors.clone().any(|finding| finding.code != "rate-missing") {
        return Err(Failure::findings(findings));
    }
    let place = format!("{form}, {month}, book {}", book.id);
    let told = match ready.unread(month) {
        Some(unread) => Finding { level: Level::Warning, ..unread },
        None => Finding::note("draft-not-kept").with("period", month),
    };
    let told = told.at(place);
    let noted = acts::events(store, &[month])?;
    draft.findings.extend([told.clone()].iter().chain(&noted).map(Note::from));
    findings.push(told);
    findings.extend(noted);
    Ok((Outcome { draft, version: 0, operation: 0, new: false, moved: Vec::new(), ledger }, findings))
}

/// Builds drafts anew that said 账未结 and whose months the ERP has closed since: what moved is told, and nothing is left saying so.
pub fn rebuild_closed(agent: &Agent, store: &mut Store, book: &Book) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    for version in store.current_drafts()?.into_iter().filter(|version| version.book == book.id) {
        let draft = read(&version)?;
        let Ok(month) = draft.period.parse::<Month>() else { continue };
        let last = Period::from(month);
        let first = Month::new(month.year(), 1).map_or(last, Period::from);
        let seals = unposted::seals(store, &book.id, draft.unposted, draft.measures)?;
        let closed = seals.range(first..=last).all(|(_, seal)| seal.closed);
        if draft.books_open && closed {
            if let Err(locked) = acts::unlocked(store, &book.id, &draft.form, month) {
                findings.extend(locked.findings.into_iter().map(|finding| Finding { level: Level::Warning, ..finding }));
                continue;
            }
            let (_, found) = build(agent, store, book, Some(&draft.form), month, &packs::who())?;
            findings.extend(crate::report::grave(found));
            let place = format!("{}, {month}, book {}", draft.form, book.id);
            findings.push(Finding::note("draft-rebuilt").at(place));
        }
    }
    Ok(findings)
}

/// Drafts of a book that a new seal touches, as one finding each: what a pull tells.
pub fn touched_drafts(store: &Store, book: &Book) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    for version in store.current_drafts()?.iter().filter(|version| version.book == book.id) {
        let place = format!("{}, {}, book {}", version.form, version.period, book.id);
        findings.extend(touched(store, &read(version)?)?.findings(&place));
    }
    Ok(findings)
}
