//! A kind of measures and one item of it over the twelve months of a year: what is there, what is missing, and all that is missing at once.

use std::collections::{BTreeMap, BTreeSet};

use model::{Finding, Month};
use store::Store;
use survey::measures::Nature;
use web::{Answer, Entering, Refusal, SheetPlace, SheetRow, YearMonth, YearPlace, YearView};

use super::{Meant, columns, meant, papers, row, theirs, typed};
use crate::{
    acts,
    config::Agent,
    measures::{
        self, Facts, entering,
        ledger::{self, Act},
        short,
    },
    report::Failure,
};

/// Cells that are filled in for a line before anybody has typed into it: beside those of a month's sheet, the day from which a count holds.
const OFFERED: [&str; 5] = ["item", "unit", "basis", "date", "month"];

/// The months of the year that is asked for; of the last that the books have where none is.
fn months(agent: &Agent, store: &Store, place: &YearPlace) -> Answer<Vec<Month>> {
    let year = match place.year.as_str() {
        "" => super::opens_at(agent, store, true)?.map(Month::year),
        text => text.parse().ok(),
    };
    let months: Option<Vec<Month>> = year.and_then(|year| (1..=12).map(|month| Month::new(year, month)).collect());
    months.ok_or_else(Refusal::missing)
}

fn meant_in<'a>(agent: &'a Agent, facts: &'a Facts, who: &str, place: &YearPlace, month: Month) -> Answer<Meant<'a>> {
    let (book, kind) = (place.book.clone(), place.kind.clone());
    meant(agent, facts, who, &SheetPlace { book, kind, period: month.to_string(), ..SheetPlace::default() })
}

/// The sheet.
pub fn view(agent: &Agent, store: &Store, facts: &Facts, who: &str, place: &YearPlace) -> Answer<YearView> {
    let months = months(agent, store, place)?;
    let first = *months.first().ok_or_else(Refusal::missing)?;
    let meant = meant_in(agent, facts, who, place, first)?;
    let (all, fact) = (ledger::current(store, &meant.book.id, None)?, meant.fact);
    let own = |entry: &&ledger::Entry| entry.body.kind == meant.kind && !entry.body.withdrawn;
    let whole = short::whole(fact);
    let mut known: BTreeSet<String> = fact.items.iter().cloned().collect();
    known.extend(all.iter().filter(own).map(|entry| entry.body.item.clone()));
    let sheets = agent.sheets.iter().filter(|sheet| facts.kinds.find(&sheet.kind).is_some_and(|(id, _)| id == meant.kind));
    known.extend(sheets.flat_map(|sheet| sheet.items.iter().cloned()));
    if known.is_empty() {
        known.extend(whole.map(str::to_owned));
    }
    let item = match place.item.trim() {
        "" => known.iter().next().cloned().unwrap_or_default(),
        text => text.to_owned(),
    };
    known.extend(Some(item.clone()).filter(|item| !item.is_empty()));
    let last = all.iter().rev().find(|entry| entry.body.kind == meant.kind && entry.body.item == item);
    let unit = last.map(|entry| entry.body.unit.clone()).unwrap_or_default();
    let (today, loaded) = (measures::today(), measures::load(agent, store, meant.book)?);
    let mut shown = Vec::new();
    for month in months {
        let entries: Vec<&ledger::Entry> =
            all.iter().filter(own).filter(|entry| entry.month == month && entry.body.item == item).collect();
        let mut rows = entries.into_iter().map(|entry| row(store, entry)).collect::<Answer<Vec<SheetRow>>>()?;
        let erp = theirs(&loaded, &Meant { month, ..meant }).remove(&item);
        if rows.is_empty() {
            let mut cells: BTreeMap<String, String> = [("unit".to_owned(), unit.clone())].into();
            if fact.nature == Nature::Heads {
                cells.extend(
                    [("date", format!("{month}-01")), ("basis", "level".to_owned())].map(|(name, text)| (name.to_owned(), text)),
                );
            }
            rows.push(SheetRow { cells, ..SheetRow::default() });
        }
        rows.iter_mut().for_each(|row| row.erp.clone_from(&erp));
        shown.push(YearMonth {
            month: month.to_string(),
            rows,
            locked: acts::locked(store, &meant.book.id, "", month)?.map(|lock| lock.by),
            begun: month.to_string().as_str() <= today.get(..7).unwrap_or_default(),
        });
    }
    let items: Vec<String> = if whole.is_some() && known.len() < 2 { Vec::new() } else { known.into_iter().collect() };
    let year = first.year().to_string();
    Ok(YearView {
        place: YearPlace { item, year, ..place.clone() },
        kind: meant.kind.to_owned(),
        name: fact.name.clone(),
        note: fact.note.clone().unwrap_or_default(),
        open: fact.items.is_empty(),
        items,
        columns: columns(&meant).into_iter().filter(|column| column.name != "item").collect(),
        months: shown,
    })
}

/// Enters what was typed, month by month; nothing of it where anything is wrong.
pub fn enter(
    agent: &Agent,
    store: &mut Store,
    facts: &Facts,
    who: &str,
    place: &YearPlace,
    asked: &Entering,
) -> Answer<Vec<Finding>> {
    let mut by_month: BTreeMap<Month, Entering> = BTreeMap::new();
    for (seen, cells) in &asked.rows {
        let month: Month = cells.get("month").and_then(|month| month.parse().ok()).ok_or_else(Refusal::missing)?;
        let mut cells = cells.clone();
        cells.insert("item".to_owned(), place.item.clone());
        by_month.entry(month).or_default().rows.push((*seen, cells));
    }
    let (mut months, mut findings) = (Vec::new(), Vec::new());
    for (month, rows) in &by_month {
        let meant = meant_in(agent, facts, who, place, *month)?;
        match typed(store, &meant, rows, &OFFERED) {
            Ok(bodies) if bodies.is_empty() => {}
            Ok(bodies) => months.push((*month, bodies)),
            Err(refusal) => findings.extend(refusal.findings),
        }
    }
    if !findings.is_empty() {
        return Err(Failure::findings(findings).into());
    }
    let Some(month) = by_month.keys().next() else { return Ok(Vec::new()) };
    let meant = meant_in(agent, facts, who, place, *month)?;
    let evidence = papers(&asked.papers)?;
    let act = Act { person: meant.person, correct: true, beside: asked.beside, reason: &asked.reason, evidence: &evidence };
    let (_, told) = entering::make(agent, store, meant.book, &act, months)?;
    Ok(told)
}
