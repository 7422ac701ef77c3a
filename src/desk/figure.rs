//! A figure with what it is made of: the formula as a tree of values, accounts, sealed periods.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use formula::{At, Part, Question, Trace, Value};
use journal::Seen;
use model::{Amount, Finding, Level, Month, Period};
use store::{Store, Wanted};
use survey::Printed;
use ui::Lang;
use web::{Answer, Answered, Figure, FigurePlace, Node, Refusal, Remade, Since};

use super::{
    basis::{Basis, basis},
    drafts, month, series,
    shelf::Shelf,
    why,
};
use crate::{acts, books, build::Ready, config::Agent, forms::Desk, measures, plain::Plain, report::Failure, then};

/// A figure, evaluated from what its draft was built from.
pub struct Evaluated {
    /// Mapping and figures.
    pub basis: Basis,
    /// The trace of its formula.
    pub trace: Trace,
    /// The column, and the month of the draft.
    pub column: (Printed, Month),
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
        self.basis.ready.desk(form).seals.iter().map(|(period, seal)| (*period, books::closing(seal))).collect()
    }
}

/// Evaluates a figure; nothing where the form has no such indicator or column.
pub fn evaluate(shelf: &Arc<Shelf>, agent: &Agent, store: &mut Store, place: &FigurePlace) -> Answer<Evaluated> {
    let (basis, period) = (basis(shelf, agent, store, &place.draft)?, month(&place.draft)?);
    let (trace, column, name, annual) = traced(&basis.ready, place, period).ok_or_else(Refusal::missing)?;
    Ok(Evaluated { basis, trace, column: (column, period), name, annual })
}

/// The trace of a figure, with its column, the name of its indicator, and whether adjustment periods are in it.
fn traced(ready: &Ready, place: &FigurePlace, period: Month) -> Option<(Trace, Printed, String, bool)> {
    let form = place.draft.form.as_str();
    let pack = ready.layers.mapping.form(form)?;
    let row = pack.row(&place.cell)?;
    let column = pack.columns_of(row).iter().copied().find(|known: &Printed| known.name() == place.column)?;
    let at: At = column.at(period, row.kind)?;
    let trace = ready.desk(form).with(&ready.layers.mapping, |engine, _| engine.cell(form, &place.cell, at));
    Some((trace, column, row.name.clone(), pack.frequency.is_yearly()))
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
        words: Default::default(),
        since: None,
        moved: None,
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
    // What no formula says, a record does: there is nothing to evaluate.
    if figure.cell.formula.is_none() {
        if !matches!(figure.cell.kind.as_str(), "text" | "choice") {
            (figure.series, figure.progress) = series::of(agent, store, place, &figure.cell, None)?;
        }
        return Ok(figure);
    }
    let evaluated = evaluate(shelf, agent, store, place)?;
    let basis = &evaluated.basis;
    let desk = basis.ready.desk(form);
    figure.findings.extend(basis.findings.iter().cloned());
    (figure.series, figure.progress) = series::of(agent, store, place, &figure.cell, Some(basis.now()))?;
    figure.moved = why::why(store, basis, place, (evaluated.column.0, evaluated.column.1, &evaluated.trace))?;
    let formula = basis.ready.layers.mapping.cells.get(&(form.to_owned(), place.cell.clone()));
    // A reason belongs to the formula that it was written for.
    let same = formula.filter(|formula| figure.cell.formula.as_ref() == Some(&formula.text));
    figure.why = same.and_then(|formula| formula.why.clone());
    if let Some(formula) = formula {
        figure.words = words(agent, &basis.ready, form, formula);
    }
    figure.since = since(agent, store, place, &evaluated)?;
    let computed = number(&evaluated.trace);
    if computed != figure.column.raw && figure.column.raw.is_some() {
        let at = format!("{}, {}, book {}", place.cell, place.draft.period, place.draft.book);
        let finding = Finding::warning("figure-differs").at(at).with("kept", figure.column.raw.as_deref().unwrap_or("—"));
        figure.findings.push(finding.with("now", computed.as_deref().unwrap_or("—")).with("period", &place.draft.period));
    }
    // What the draft says stays what it says: it may have been signed.
    figure.raw = figure.column.raw.clone().or(computed);
    let (mut next, closing) = (0, evaluated.closing(form));
    figure.tree = Some(node(&evaluated.trace, &mut next));
    let seen = desk.book.seen(evaluated.annual);
    let standard = &basis.ready.layers.mapping.standard;
    for leaf in evaluated.leaves() {
        let mut answered = answered(desk, &seen, leaf, &closing)?;
        for part in answered.parts.iter_mut().filter(|_| !answered.measured) {
            let own = desk.chart.iter().find(|account| account.code == part.account);
            if let Some(code) = own.and_then(|account| account.standard.as_ref()) {
                let name = standard.account(code).and_then(|known| known.names.first());
                part.standard = format!("{code} {}", name.map_or("", String::as_str));
            }
        }
        figure.answers.push(answered);
    }
    Ok(figure)
}

/// What a formula means, in both languages.
fn words(agent: &Agent, ready: &Ready, form: &str, formula: &survey::Formula) -> [Vec<String>; 2] {
    let mapping = &ready.layers.mapping;
    let facts = if mapping.asks_measures(Some(form)) { measures::facts(agent).ok() } else { None };
    [Lang::Zh, Lang::En].map(|lang| {
        let kinds = facts.as_ref().map(|facts| &facts.kinds);
        let plain = Plain { mapping, chart: &ready.desk(form).chart, kinds, form, lang };
        plain.lines(&formula.expr, formula.scope)
    })
}

/// What is another since the draft was built.
fn since(agent: &Agent, store: &Store, place: &FigurePlace, evaluated: &Evaluated) -> Answer<Option<Since>> {
    let basis = &evaluated.basis;
    let (Some(now), Some((version, draft))) = (&basis.now, &basis.kept) else { return Ok(None) };
    let (form, key) = (place.draft.form.as_str(), (place.draft.form.clone(), place.cell.clone()));
    let present = traced(now, place, evaluated.column.1).map(|(trace, ..)| trace);
    let mut since = Since { mapping: now.layers.digest(form) != draft.mapping, ..Since::default() };
    since.sealed = then::newer(now, draft);
    since.value = present.as_ref().and_then(number);
    if !since.mapping {
        return Ok(Some(since));
    }
    let (was, is) = (basis.ready.layers.mapping.cells.get(&key), now.layers.mapping.cells.get(&key));
    if let Some(formula) = is.filter(|is| was.map(|was| &was.text) != Some(&is.text)) {
        since.formula = Some(formula.text.clone());
        since.why.clone_from(&formula.why);
    }
    since.place = is.map(|formula| formula.place.clone()).unwrap_or_default();
    let mut about = then::leads_to(&basis.ready.layers.mapping, form, &place.cell);
    about.extend(then::leads_to(&now.layers.mapping, form, &place.cell));
    for leaf in evaluated.leaves().into_iter().chain(present.iter().flat_map(Trace::answers)) {
        about.extend(leaf.question.iter().flat_map(|question| question.accounts.iter().cloned()));
    }
    let built = then::built(store, version)?.map_or(0, |built| built.seq);
    let changes = then::changes(store, built, &|name| about.contains(name))?;
    since.changes = changes
        .into_iter()
        .map(|made| Remade {
            who: super::signoff::name(agent, &made.who),
            name: made.name,
            before: made.before,
            after: made.after,
            at: made.at,
            why: made.why,
        })
        .collect();
    Ok(Some(since))
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
        standard: String::new(),
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
        let lines = parts.iter_mut().filter_map(|part| part.first.as_mut()).filter(|(at, _)| *at == period);
        super::lines::beside(desk, period, &mut lines.flat_map(|(_, lines)| lines).collect::<Vec<_>>())?;
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
