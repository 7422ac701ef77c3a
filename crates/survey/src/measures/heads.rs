//! Heads from dated changes: on the last day, and on average. The average of a month is the sum of its daily heads ÷ its calendar days;
//! of several months, the sum of their averages ÷ their number.

use std::collections::BTreeMap;

use formula::{Aspect, Gap, MeasureQuestion};
use model::{Amount, MeasureRow, Month};

use super::{
    Basis, Counted, Entered, KindFact, Measures, Origin,
    answer::{each, error, matches, missing, shown, span, too_large},
};

/// Calendar days of a month.
pub fn days_in(month: Month) -> u8 {
    match month.month() {
        4 | 6 | 9 | 11 => 30,
        2 => {
            let year = month.year();
            if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) { 29 } else { 28 }
        }
        _ => 31,
    }
}

/// Day of a month of a date `YYYY-MM-DD` that lies in it.
pub(super) fn day(date: &str, month: Month) -> Option<u8> {
    let day = date.strip_prefix(&format!("{month}-"))?;
    let day: u8 = if day.len() == 2 { day.parse().ok()? } else { return None };
    (1..=days_in(month)).contains(&day).then_some(day)
}

/// One change of an item: how many more from its day on.
struct Change<'a> {
    row: &'a MeasureRow,
    origin: Origin<'a>,
    month: Month,
    day: u8,
    more: Amount,
    basis: Basis,
}

/// Common multiple of 28, 29, 30 and 31.
const DAYS: i128 = 377_580;

impl Measures {
    pub(super) fn heads<'a>(&'a self, id: &'a str, kind: &KindFact, question: &MeasureQuestion) -> Result<Vec<Counted<'a>>, Gap> {
        let first = if question.aspect == Aspect::Closing { question.to } else { question.from };
        each(span(first, question.to), |month| self.known(id, kind, question, month, month..=month))?;
        let mut items: BTreeMap<&str, Vec<Change<'a>>> = BTreeMap::new();
        let theirs = self.rows.range(..=question.to).flat_map(|(_, rows)| rows).filter(|row| row.kind == id);
        let theirs = theirs.map(|row| (row, Origin::Erp, Basis::Change));
        let ours = self.entries(id).filter(|entry| entry.row.month <= question.to);
        let ours = ours.map(|entry| (&entry.row, Origin::Entry(entry), entry.basis));
        for (row, origin, basis) in theirs.chain(ours).filter(|(row, ..)| matches(row, &question.fields)) {
            let unfit = || error("measure-date-unfit").with("item", &row.item).with("document", &row.document);
            let day = row.date.as_deref().and_then(|date| day(date, row.month)).ok_or_else(unfit)?;
            let more = row.quantity.ok_or_else(|| missing("measure-without-quantity").with("item", &row.item))?;
            items.entry(&row.item).or_default().push(Change { row, origin, month: row.month, day, more, basis });
        }
        let mut counted = Vec::new();
        for (item, mut changes) in items {
            let level = |change: &Change<'_>| change.basis == Basis::Level;
            // On one day, what was counted comes before what changed.
            changes.sort_by_key(|change| (change.month, change.day, !level(change), change.row));
            let begun = changes.first().is_some_and(|change| level(change) || change.origin == Origin::Erp);
            let start = changes.first().map(|change| (change.month, change.day));
            let from = (first, if question.aspect == Aspect::Closing { days_in(first) } else { 1 });
            if !begun || start.is_none_or(|start| start > from) {
                return Err(missing("heads-not-begun").with("item", item).with("month", first).with("kind", &kind.name));
            }
            let entered = |month: Month| changes.iter().any(|change| change.month == month);
            let erp = changes.iter().all(|change| change.origin == Origin::Erp);
            each(span(first, question.to), |month| match erp || entered(month) {
                true => Ok(()),
                false => Err(missing("measure-not-entered").with("kind", &kind.name).with("item", item).with("month", month)),
            })?;
            let mut now = Amount::ZERO;
            for change in &mut changes {
                let before = now;
                now = if level(change) { change.more } else { now.checked_add(change.more).ok_or_else(too_large)? };
                change.more = now.checked_sub(before).ok_or_else(too_large)?;
                if now < Amount::ZERO {
                    return Err(error("heads-negative").with("item", item).with("document", &change.row.document));
                }
            }
            let shares = match question.aspect {
                Aspect::Closing => changes.iter().map(|change| (change, change.more)).collect(),
                _ => average(&changes, question.from, question.to)?,
            };
            counted.extend(shares.into_iter().map(|(change, amount)| Counted {
                row: change.row,
                origin: change.origin,
                month: change.month,
                amount,
                factor: None,
                price: None,
            }));
        }
        if counted.is_empty() {
            return Err(missing("measure-item-unknown").with("kind", &kind.name).with("item", shown(&question.fields)));
        }
        Ok(counted)
    }
}

impl Measures {
    /// Items of a kind that would be fewer than none at some time with these entries in the place of all that are there, each with the document
    /// from which on. An item whose count nobody has begun is not known, and not below zero.
    pub fn heads_below_zero(&self, kind: &str, entered: &[Entered]) -> Vec<(String, String)> {
        let mut items: BTreeMap<&str, Vec<(Month, u8, bool, &MeasureRow)>> = BTreeMap::new();
        let theirs = self.rows.values().flatten().map(|row| (row, false));
        let ours = entered.iter().map(|entry| (&entry.row, entry.basis == Basis::Level));
        let erp: Vec<&str> = self.rows.values().flatten().filter(|row| row.kind == kind).map(|row| row.item.as_str()).collect();
        for (row, level) in theirs.chain(ours).filter(|(row, _)| row.kind == kind) {
            let Some(day) = row.date.as_deref().and_then(|date| day(date, row.month)) else { continue };
            items.entry(&row.item).or_default().push((row.month, day, !level, row));
        }
        let below = items.into_iter().filter_map(|(item, mut changes)| {
            changes.sort();
            let begun = changes.first().is_some_and(|(_, _, change, _)| !change) || erp.contains(&item);
            let mut now = Amount::ZERO;
            let found = changes.iter().filter(|_| begun).find(|(_, _, change, row)| {
                let more = row.quantity.unwrap_or_default();
                now = if *change { now.checked_add(more).unwrap_or(now) } else { more };
                now < Amount::ZERO
            });
            found.map(|(.., row)| (item.to_owned(), row.document.clone()))
        });
        below.collect()
    }
}

/// What each change gives to the average. The whole is divided once; the last change takes what rounding leaves.
fn average<'c, 'a>(changes: &'c [Change<'a>], from: Month, to: Month) -> Result<Vec<(&'c Change<'a>, Amount)>, Gap> {
    let months: Vec<Month> = span(from, to).collect();
    let whole = i128::try_from(months.len()).ok().and_then(|count| DAYS.checked_mul(count)).ok_or_else(too_large)?;
    let (mut shares, mut all) = (Vec::new(), 0_i128);
    for change in changes {
        let mut weight = 0_i128;
        for month in months.iter().filter(|month| **month >= change.month) {
            let days = i128::from(days_in(*month));
            let in_force = if *month == change.month { days + 1 - i128::from(change.day) } else { days };
            weight += in_force * (DAYS / days);
        }
        let share = change.more.units().checked_mul(weight).ok_or_else(too_large)?;
        all = all.checked_add(share).ok_or_else(too_large)?;
        shares.push((change, share));
    }
    let divided = |share: i128| Amount::from_units(share).div_round(whole, 9).ok_or_else(too_large);
    let (total, mut given) = (divided(all)?, Amount::ZERO);
    let last = shares.iter().rposition(|(_, share)| *share != 0);
    let mut result = Vec::new();
    for (at, (change, share)) in shares.into_iter().enumerate() {
        let amount = if Some(at) == last { total.checked_sub(given).ok_or_else(too_large)? } else { divided(share)? };
        given = given.checked_add(amount).ok_or_else(too_large)?;
        result.push((change, amount));
    }
    Ok(result)
}
