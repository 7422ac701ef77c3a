//! A figure month by month, as it is reported, with the year before behind it; and where most of the unit's own months lie.

use std::collections::BTreeMap;

use model::{Amount, Month};
use store::Store;
use survey::{document::Cell, quality::robust};
use web::{Answer, Band, FigurePlace, SeriesPoint, SeriesView};

use super::month;
use crate::{audit, build, config::Agent, report::Failure};

/// Months that are drawn.
const DRAWN: i32 = 24;
/// Months that the quality screens look at, with the last one.
const LOOKED_AT: i32 = 25;

/// The cell of each month that has a kept draft, of as many months as a drawing with last year behind it needs.
fn cells(store: &Store, place: &FigurePlace, last: Month) -> Answer<BTreeMap<Month, Cell>> {
    let (book, form) = (&place.draft.book, &place.draft.form);
    let mut cells = BTreeMap::new();
    for back in 0..DRAWN + 12 {
        let Some(month) = last.plus(-back) else { continue };
        let Some(version) = store.current_draft(book, form, &month.to_string()).map_err(Failure::from)? else { continue };
        let own = build::read(&version)?.cells.into_iter().find(|cell| cell.id == place.cell);
        cells.extend(own.map(|cell| (month, cell)));
    }
    Ok(cells)
}

/// What is reported in a column: an adjustment before what was computed, and what was filed where the books have nothing.
fn reported(cell: &Cell, name: &str) -> Option<String> {
    let column = cell.columns.get(name)?;
    let adjusted = cell.adjusted(column).map(|made| made.reported.clone());
    adjusted.or_else(|| column.value.clone()).or_else(|| column.platform.clone())
}

/// The figure over 24 months, and since January beside last year.
pub fn of(agent: &Agent, store: &Store, place: &FigurePlace, cell: &Cell) -> Answer<(Option<SeriesView>, Option<SeriesView>)> {
    let last = month(&place.draft)?;
    let known = cells(store, place, last)?;
    let flow = cell.columns.this_month.is_some();
    let main = cell.columns.main();
    let main = main.and_then(|main| cell.columns.each().find(|(_, column)| std::ptr::eq(*column, main))).map(|(name, _)| name);
    let Some(main) = main else { return Ok((None, None)) };
    let name = if flow { "this_month" } else { main };
    let now = |month: Month, column: &str| known.get(&month).and_then(|cell| reported(cell, column));
    // A year before: as it was reported then; else as this year's form has it.
    let before = |month: Month, column: &str, beside: &str| {
        let then = month.prior_year().and_then(|then| now(then, column));
        then.or_else(|| now(month, beside))
    };
    let point = |month: Month, column: &str, beside: &str| SeriesPoint {
        month: month.to_string(),
        value: now(month, column).filter(|_| month <= last),
        before: before(month, column, beside),
    };
    let beside = if flow { "prior_year_month" } else { "prior_year" };
    let months = (0..DRAWN).rev().filter_map(|back| last.plus(-back));
    let points = months.map(|month| point(month, name, beside)).collect();
    let values: Vec<Amount> = (0..LOOKED_AT).filter_map(|back| now(last.plus(-back)?, name)?.parse().ok()).collect();
    let series = SeriesView { column: name.to_owned(), points, band: band(agent, &values)? };
    let progress = flow.then(|| {
        let months = (1..=12).filter_map(|month| Month::new(last.year(), month));
        let points = months.map(|month| point(month, main, "prior_year")).collect();
        SeriesView { column: main.to_owned(), points, band: None }
    });
    Ok((Some(series), progress))
}

/// The line of the screens for outliers, around the unit's own months.
fn band(agent: &Agent, values: &[Amount]) -> Answer<Option<Band>> {
    let set = audit::thresholds(agent)?.own_outlier;
    if values.len() < set.least_months {
        return Ok(None);
    }
    let band = robust::band(values, set.most);
    Ok(band.map(|(low, high)| Band { low, high, most: set.most.to_string(), months: values.len() }))
}
