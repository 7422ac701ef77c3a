//! A figure with what it is made of: the formula as a tree of values, accounts, sealed periods.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use formula::At;
use formula::{Part, Question, Trace, Value};
use journal::Seen;
use model::{Amount, Finding, Level, Period};
use store::{Store, Wanted};
use survey::Printed;
use web::{Answer, Answered, Figure, FigurePlace, Node, Refusal};

use super::{
    book, drafts, month, series,
    shelf::{Loan, Shelf},
};
use crate::{acts, books, config::Agent, forms::Desk, report::Failure};

/// A figure, evaluated anew from sealed evidence.
pub struct Evaluated {
    /// Mapping and figures.
    pub ready: Loan,
    /// The trace of its formula.
    pub trace: Trace,
    /// Name of the indicator.
    pub name: String,
    /// Whether adjustment periods are in it.
    pub annual: bool,
}

impl Evaluated {
    /// The answers of books and measures in it, in the order of the formula.
    pub fn leaves(&self) -> Vec<&Trace> {
        self.trace.answers()
    }

    /// Closing vouchers of each period.
    pub fn closing(&self, form: &str) -> BTreeMap<Period, HashSet<String>> {
        self.ready.desk(form).seals.iter().map(|(period, seal)| (*period, books::closing(seal))).collect()
    }
}

/// Evaluates a figure; nothing where the form has no such indicator or column.
pub fn evaluate(shelf: &Arc<Shelf>, agent: &Agent, store: &mut Store, place: &FigurePlace) -> Answer<Evaluated> {
    let (book, period) = (book(agent, &place.draft)?, month(&place.draft)?);
    let form = place.draft.form.as_str();
    let ready = shelf.ready(agent, store, book, form, period)?;
    let pack = ready.layers.mapping.form(form).ok_or_else(Refusal::missing)?;
    let row = pack.row(&place.cell).ok_or_else(Refusal::missing)?;
    let column = pack.columns_of(row).iter().copied().find(|known: &Printed| known.name() == place.column);
    let at: At = column.and_then(|column| column.at(period, row.kind)).ok_or_else(Refusal::missing)?;
    let trace = ready.desk(form).with(&ready.layers.mapping, |engine, _| engine.cell(form, &place.cell, at));
    let (name, annual) = (row.name.clone(), pack.frequency.is_yearly());
    Ok(Evaluated { ready, trace, name, annual })
}

/// What each sealed period gives to each account, with the sign that it has in the figure.
pub fn by_period(
    seen: &Seen<'_>,
    question: &Question,
    parts: &[Part],
    closing: &BTreeMap<Period, HashSet<String>>,
) -> Answer<BTreeMap<String, Vec<(Period, Amount)>>> {
    let known = seen.by_period(question, closing);
    let mut known = known.map_err(|gap| Failure::findings(vec![survey::gap_finding(&gap, Level::Error)]))?;
    for part in parts {
        let Some(periods) = known.get_mut(&part.account) else { continue };
        if turned(periods.iter().map(|(_, amount)| *amount), part.amount) {
            periods.iter_mut().for_each(|(_, amount)| *amount = amount.checked_neg().unwrap_or(*amount));
        }
    }
    Ok(known)
}

/// Whether amounts have the other sign in the figure than in the books.
pub fn turned(amounts: impl IntoIterator<Item = Amount>, part: Amount) -> bool {
    let sum = amounts.into_iter().try_fold(Amount::ZERO, |sum: Amount, amount| sum.checked_add(amount));
    sum != Some(part) && sum.and_then(Amount::checked_neg) == Some(part)
}

/// The figure.
pub fn figure(shelf: &Arc<Shelf>, agent: &Agent, store: &mut Store, place: &FigurePlace) -> Answer<Figure> {
    let view = drafts::view(agent, store, &place.draft)?;
    let cell = view.draft.cells.iter().find(|cell| cell.id == place.cell).cloned().ok_or_else(Refusal::missing)?;
    let column = cell.columns.get(&place.column).cloned().ok_or_else(Refusal::missing)?;
    let form = place.draft.form.as_str();
    let mut figure = Figure {
        raw: column.raw.clone(),
        value: column.value.clone(),
        why: None,
        tree: None,
        answers: Vec::new(),
        seals: view.draft.evidence.iter().map(|(period, root)| (period.clone(), root.clone())).collect(),
        series: None,
        progress: None,
        events: events(store)?,
        findings: Vec::new(),
        sheets: Vec::new(),
        view,
        cell,
        column,
    };
    if !matches!(figure.cell.kind.as_str(), "text" | "choice") {
        (figure.series, figure.progress) = series::of(agent, store, place, &figure.cell)?;
    }
    // What no formula says, a record does: there is nothing to evaluate.
    if figure.cell.formula.is_none() {
        return Ok(figure);
    }
    let evaluated = evaluate(shelf, agent, store, place)?;
    let desk = evaluated.ready.desk(form);
    let formula = evaluated.ready.layers.mapping.cells.get(&(form.to_owned(), place.cell.clone()));
    // A reason belongs to the formula that it was written for.
    let same = formula.filter(|formula| figure.cell.formula.as_ref() == Some(&formula.text));
    figure.why = same.and_then(|formula| formula.why.clone());
    let now = number(&evaluated.trace);
    if now != figure.column.raw && figure.column.raw.is_some() {
        let at = format!("{}, {}, book {}", place.cell, place.draft.period, place.draft.book);
        let finding = Finding::warning("figure-differs").at(at).with("kept", figure.column.raw.as_deref().unwrap_or("—"));
        figure.findings.push(finding.with("now", now.as_deref().unwrap_or("—")).with("period", &place.draft.period));
    }
    // What the draft says stays what it says: it may have been signed. Beside it stands what is computed now, and that it is another.
    figure.raw = figure.column.raw.clone().or(now);
    let (mut next, closing) = (0, evaluated.closing(form));
    figure.tree = Some(node(&evaluated.trace, &mut next));
    let seen = desk.book.seen(evaluated.annual);
    for leaf in evaluated.leaves() {
        figure.answers.push(answered(desk, &seen, leaf, &closing)?);
    }
    Ok(figure)
}

/// The value of a trace, unrounded.
fn number(trace: &Trace) -> Option<String> {
    match &trace.outcome {
        Ok(Value::Number(number)) => Some(number.to_string()),
        Ok(Value::Truth(truth)) => Some(truth.to_string()),
        Err(_) => None,
    }
}

/// A trace as a tree; answers are numbered in the order of [`Evaluated::leaves`].
fn node(trace: &Trace, next: &mut usize) -> Node {
    let answer = (trace.question.is_some() || trace.measured.is_some()).then(|| {
        *next += 1;
        *next - 1
    });
    let gap = trace.outcome.as_ref().err().map(|gap| survey::gap_finding(gap, Level::Warning));
    let children = trace.children.iter().map(|child| node(child, next)).collect();
    Node { text: trace.text.clone(), value: number(trace), gap, answer, children }
}

/// One answer: what each account gives, and in which periods.
fn answered(desk: &Desk, seen: &Seen<'_>, leaf: &Trace, closing: &BTreeMap<Period, HashSet<String>>) -> Answer<Answered> {
    let value = number(leaf).unwrap_or_default();
    let mut answered = Answered { text: leaf.text.clone(), value, parts: Vec::new(), measured: false, rows: Vec::new() };
    if leaf.outcome.is_err() {
        return Ok(answered);
    }
    let part = |part: &Part, periods: Vec<(Period, String)>| web::Part {
        account: part.account.clone(),
        name: desk.names.get(&part.account).cloned().unwrap_or_default(),
        amount: part.amount.to_string(),
        periods,
        first: None,
    };
    if let Some(question) = &leaf.question {
        let known = by_period(seen, question, &leaf.parts, closing)?;
        let periods =
            |account: &str| known.get(account).into_iter().flatten().map(|(period, amount)| (*period, amount.to_string()));
        answered.parts = leaf.parts.iter().map(|known| part(known, periods(&known.account).collect())).collect();
        first(desk, seen, question, &mut answered.parts, closing)?;
    }
    if let Some(question) = &leaf.measured {
        let counted = desk.counted(question).map_err(|gap| Failure::findings(vec![survey::gap_finding(&gap, Level::Error)]))?;
        answered.measured = true;
        answered.parts = leaf.parts.iter().map(|known| part(known, Vec::new())).collect();
        answered.rows = counted
            .iter()
            .map(|one| {
                let row = one.row;
                let quantity = row.quantity.map(|quantity| quantity.to_string()).unwrap_or_default();
                let source = match one.origin {
                    survey::measures::Origin::Entry(entry) => entry.person.clone(),
                    _ => row.document.clone(),
                };
                let item = format!("{} {}", row.item, row.item_name.as_deref().unwrap_or_default());
                vec![one.month.to_string(), item, quantity, row.unit.clone().unwrap_or_default(), one.amount.to_string(), source]
            })
            .collect();
    }
    Ok(answered)
}

/// Lines that a figure's page shows of an account.
const FIRST: usize = 5;

/// Gives each account the first lines of its newest period, reading each period once.
fn first(
    desk: &Desk,
    seen: &Seen<'_>,
    question: &Question,
    parts: &mut [web::Part],
    closing: &BTreeMap<Period, HashSet<String>>,
) -> Answer<()> {
    let mut newest: BTreeMap<Period, Vec<String>> = BTreeMap::new();
    for part in &*parts {
        if let Some((period, _)) = part.periods.iter().find(|(_, amount)| amount != "0") {
            newest.entry(*period).or_default().push(part.account.clone());
        }
    }
    let none = HashSet::new();
    for (period, accounts) in newest {
        let question = Question { accounts, ..question.clone() };
        let own = closing.get(&period).unwrap_or(&none);
        let pages = seen.pages(&question, period, own, |_| (0, FIRST)).map_err(Failure::from)?;
        for (account, page) in pages.into_iter().filter(|(_, page)| !page.lines.is_empty()) {
            let Some(part) = parts.iter_mut().find(|part| part.account == account) else { continue };
            // The periods have the sign of the figure already; a page has that of the books.
            let shown = part.periods.iter().find(|(at, _)| *at == period).and_then(|(_, amount)| amount.parse::<Amount>().ok());
            let turned = turned([page.sum], shown.unwrap_or(page.sum));
            let name = desk.names.get(&account).map_or("", String::as_str);
            let lines = page.lines.iter().map(|(entry, amount)| super::lines::line(entry, name, *amount, turned));
            part.first = Some((period, lines.collect()));
        }
    }
    Ok(())
}

/// 大事记.
fn events(store: &Store) -> Answer<Vec<(String, String)>> {
    let mut events = Vec::new();
    for record in store.records(acts::EVENT, Wanted::default()).map_err(Failure::from)? {
        let body: serde_json::Value = acts::body(&record)?;
        if body["withdrawn"].is_string() {
            continue;
        }
        events.push((record.period, body["text"].as_str().unwrap_or_default().to_owned()));
    }
    Ok(events)
}
