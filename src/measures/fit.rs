//! Whether entries fit what is known beside them: the calendar, units of energy and prices, heads that cannot be fewer than none.

use std::collections::{BTreeMap, BTreeSet};

use model::{Finding, Month};
use store::Store;
use survey::measures::{Entered, Measures, Nature};

use super::{
    ledger::{self, Body, Entry},
    today,
};
use crate::report::Failure;

/// Before this month nobody keeps an ERP.
const EARLIEST: (u16, u8) = (1990, 1);

/// A month that cannot be meant: one that has not begun, or one long before any book.
pub fn month(month: Month) -> Option<Finding> {
    let now = today().get(..7).and_then(|now| now.parse::<Month>().ok());
    let earliest = Month::new(EARLIEST.0, EARLIEST.1);
    let fits = now.is_none_or(|now| month <= now) && earliest.is_none_or(|earliest| earliest <= month);
    (!fits).then(|| {
        let shown = |month: Option<Month>| month.map_or_else(String::new, |month| month.to_string());
        Finding::error("measure-month-unfit").with("month", month).with("first", shown(earliest)).with("last", shown(now))
    })
}

/// What is wrong with the unit of one entry (an error), or worth knowing of it (a warning).
pub fn unit(measures: &Measures, body: &Body) -> Option<Finding> {
    let kind = measures.kinds.kinds.get(&body.kind)?;
    if kind.coal && !body.unit.is_empty() {
        let fact = measures.energy.kinds.get(&body.item)?;
        let one = model::Amount::from_whole(1)?;
        let known = measures.energy.convert(one, &body.unit, &fact.unit).is_some();
        let finding = Finding::error("measure-unit-unknown").with("item", &body.item).with("unit", &body.unit);
        return (!known).then(|| finding.with("wanted", &fact.unit));
    }
    if kind.nature == Nature::Price {
        let units = measures.priced_units(&body.item);
        let known = units.is_empty() || units.contains(&body.unit);
        let finding = Finding::warning("price-unit-differs").with("item", &body.item).with("unit", &body.unit);
        return (!known).then(|| finding.with("units", units.into_iter().collect::<Vec<_>>().join(", ")));
    }
    None
}

/// Items of heads that entries would make fewer than none, whichever month it shows in. Entries come with their months and keys, and their places.
pub fn heads(
    store: &Store,
    book: &str,
    measures: &Measures,
    fresh: &BTreeMap<(Month, String), (String, Body)>,
) -> Result<Vec<Finding>, Failure> {
    let heads = |kind: &str| measures.kinds.kinds.get(kind).is_some_and(|kind| kind.nature == Nature::Heads);
    let kinds: BTreeSet<&str> = fresh.values().map(|(_, body)| body.kind.as_str()).filter(|kind| heads(kind)).collect();
    if kinds.is_empty() {
        return Ok(Vec::new());
    }
    let mut entries: BTreeMap<(Month, String), Entry> =
        ledger::current(store, book, None)?.into_iter().map(|entry| ((entry.month, entry.key.clone()), entry)).collect();
    for ((month, key), (_, body)) in fresh {
        let entry = Entry { month: *month, key: key.clone(), operation: 0, body: body.clone() };
        entries.insert((*month, key.clone()), entry);
    }
    let entries = entries.into_values().filter(|entry| !entry.body.withdrawn && kinds.contains(entry.body.kind.as_str()));
    let entered: Vec<Entered> = entries.map(Entry::figure).collect::<Result<_, _>>()?;
    let mut findings = Vec::new();
    for (item, document) in kinds.iter().flat_map(|kind| measures.heads_below_zero(kind, &entered)) {
        // What was wrong before is no fault of these entries.
        let Some((place, _)) = fresh.values().find(|(_, body)| body.item == item && heads(&body.kind)) else { continue };
        findings.push(Finding::error("heads-negative").at(place).with("item", item).with("document", document));
    }
    Ok(findings)
}
