//! Entering measures: what the command line and the pages do alike, and which short sheets are missing from whom.

use std::collections::{BTreeMap, BTreeSet};

use formula::Field;
use model::{Finding, Month};
use store::Store;
use survey::measures::{KindFact, Kinds, Measures, Nature};

use super::{
    Facts,
    ledger::{self, Act},
    short::Sheet,
};
use crate::{
    build,
    config::{Agent, Book},
    forms, measures,
    report::Failure,
};

/// A kind by its id or name.
pub fn known<'a>(kinds: &'a Kinds, name: &str) -> Result<(&'a str, &'a KindFact), Failure> {
    kinds.find(name).ok_or_else(|| {
        let near = settings::nearest(name, kinds.names()).unwrap_or("—");
        Failure::config(Finding::error("measure-kind-unknown").with("kind", name).with("near", near))
    })
}

/// Makes entries of some months, all of them or none. Gives the keys that were written, and what is to be said about them.
pub fn make(
    agent: &Agent,
    store: &mut Store,
    book: &Book,
    act: &Act<'_>,
    months: Vec<ledger::Bodies>,
) -> Result<(Vec<String>, Vec<Finding>), Failure> {
    let measures = measures::load(agent, store, book)?;
    let all = months.iter().flat_map(|(_, bodies)| bodies);
    let entered: BTreeSet<_> = all.map(|(_, body)| (body.kind.clone(), body.item.clone())).collect();
    let names: Vec<String> = months.iter().map(|(month, _)| month.to_string()).collect();
    let made = ledger::make(agent, store, book, &measures, act, months)?;
    let place = format!("{}, book {}", names.join("、"), book.id);
    let mut findings =
        vec![Finding::note("measures-entered").at(place).with("count", made.written.len()).with("same", made.same)];
    findings.extend(made.findings);
    findings.extend(build::touched_drafts(store, book)?);
    if !made.written.is_empty() {
        findings.extend(unread(agent, book, &measures, &entered));
    }
    Ok((made.written, findings))
}

/// Kinds that the forms of a book ask for, and what they are priced by.
pub fn asked(agent: &Agent, book: &Book, facts: &Facts) -> BTreeSet<String> {
    // What is wrong with the forms is told where they are built.
    let Ok(layers) = forms::configured(agent, book, None).and_then(|forms| forms::layers(agent, &forms)) else {
        return BTreeSet::new();
    };
    let mut asked: BTreeSet<String> = BTreeSet::new();
    asked.extend(layers.mapping.measured().into_iter().filter_map(|call| Some(facts.kinds.find(&call.kind)?.0.to_owned())));
    if asked.iter().any(|id| facts.kinds.kinds.get(id).is_some_and(|kind| kind.priced)) {
        let prices = facts.kinds.kinds.iter().filter(|(_, kind)| kind.nature == Nature::Price || kind.invoices);
        asked.extend(prices.map(|(id, _)| id.clone()));
    }
    asked
}

/// Entries that no form of the configuration asks for, by their kind or by their item: what was entered is kept, and reaches no report.
fn unread(agent: &Agent, book: &Book, measures: &Measures, written: &BTreeSet<(String, String)>) -> Vec<Finding> {
    let Ok(layers) = forms::configured(agent, book, None).and_then(|forms| forms::layers(agent, &forms)) else {
        // What is wrong with the forms is told where they are built.
        return Vec::new();
    };
    let (kinds, names) = (&measures.kinds, measures.names());
    let calls: Vec<(&str, Vec<&String>)> = layers
        .mapping
        .measured()
        .into_iter()
        .filter_map(|call| Some((kinds.find(&call.kind)?.0, call)))
        .map(|(id, call)| (id, call.fields.iter().filter(|(field, _)| *field == Field::Item).map(|(_, item)| item).collect()))
        .collect();
    let priced = calls.iter().any(|(id, _)| kinds.kinds.get(*id).is_some_and(|kind| kind.priced));
    let read = |id: &str, item: &String| {
        let named = |wanted: &&String| *wanted == item || names.get(item) == Some(*wanted);
        calls.iter().any(|(of, items)| *of == id && items.iter().all(named))
            || priced && kinds.kinds.get(id).is_some_and(|kind| kind.nature == Nature::Price || kind.invoices)
    };
    let mut lost: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (kind, item) in written {
        let Some((id, fact)) = kinds.find(kind).filter(|(id, _)| !read(id, item)) else { continue };
        // Where nothing of a kind is read, its items do not matter.
        let of_kind = lost.entry(&fact.name).or_default();
        of_kind.extend(Some(item.as_str()).filter(|_| calls.iter().any(|(of, _)| *of == id)));
    }
    let told = lost.into_iter().map(|(kind, items)| {
        let finding = Finding::warning("measure-unread").at(format!("book {}", book.id));
        finding.with("kind", kind).with("item", if items.is_empty() { "*".to_owned() } else { items.join(", ") })
    });
    told.collect()
}

/// A short sheet of a month, and how far it is.
pub struct Owed<'a> {
    /// The sheet.
    pub sheet: &'a Sheet,
    /// Name of its kind.
    pub name: &'a str,
    /// Last day on which it is in time.
    pub due: String,
    /// `filled`, `waiting` or `late`.
    pub state: &'static str,
    /// Items that nobody has entered; `*` where nothing was and no item is named.
    pub missing: Vec<String>,
    /// How many are expected.
    pub expected: usize,
}

/// The month before a day: the one whose sheets are due.
pub fn month_before(day: &str) -> Option<Month> {
    day.get(..7)?.parse::<Month>().ok()?.plus(-1)
}

/// What is owed for a month, as it is on a day.
pub fn owed<'a>(agent: &'a Agent, store: &Store, facts: &'a Facts, month: Month, today: &str) -> Result<Vec<Owed<'a>>, Failure> {
    let mut owed = Vec::new();
    for sheet in agent.sheets.iter().filter(|sheet| sheet.is_for(month)) {
        let book = agent.book(sheet.book.as_deref())?;
        let (kind, fact) = known(&facts.kinds, &sheet.kind)?;
        let entered = ledger::current(store, &book.id, Some(month))?;
        let entered: Vec<&str> = entered
            .iter()
            .filter(|entry| entry.body.kind == kind && !entry.body.withdrawn)
            .map(|entry| entry.body.item.as_str())
            .collect();
        let missing: Vec<String> = if sheet.items.is_empty() && entered.is_empty() {
            vec!["*".to_owned()]
        } else {
            sheet.items.iter().filter(|item| !entered.contains(&item.as_str())).cloned().collect()
        };
        let due = sheet.due(month);
        let state = match (missing.is_empty(), today <= due.as_str()) {
            (true, _) => "filled",
            (false, true) => "waiting",
            (false, false) => "late",
        };
        owed.push(Owed { sheet, name: &fact.name, due, state, missing, expected: sheet.items.len().max(1) });
    }
    Ok(owed)
}
