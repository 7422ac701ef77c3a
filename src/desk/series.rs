//! A figure month by month, as it is reported, with the year before behind it; and where most of the unit's own months lie.

use std::collections::BTreeMap;

use formula::{Trace, Value};
use model::{Amount, Month};
use store::Store;
use survey::{Printed, document::Cell, quality::robust};
use web::{Answer, Band, FigurePlace, SeriesPoint, SeriesView};

use super::month;
use crate::{
    audit,
    build::{self, Ready},
    config::Agent,
    report::Failure,
};

/// Months that are drawn.
const DRAWN: i32 = 24;
/// Months that the quality screens look at, with the last one.
const LOOKED_AT: i32 = 25;

/// What a month says in a column, and whether nobody reported it.
#[derive(Clone)]
struct Said {
    value: String,
    computed: bool,
}

/// A month of a series: its columns by their machine names.
type Months = BTreeMap<Month, BTreeMap<String, Said>>;

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
pub fn reported(cell: &Cell, name: &str) -> Option<String> {
    let column = cell.columns.get(name)?;
    let adjusted = cell.adjusted(column).map(|made| made.reported.clone());
    adjusted.or_else(|| column.value.clone()).or_else(|| column.platform.clone())
}

/// Cells that are looked at for months that nobody reported: beyond that a page would keep people waiting.
const MOST_CELLS: usize = 4_000_000;

/// Whether a month more is too much to ask for: vouchers by their other side are read from entry lines, and large accounts have many cells.
fn too_much(ready: &Ready, form: &str, trace: &Trace) -> bool {
    let questions: Vec<_> = trace.answers().into_iter().filter_map(|leaf| leaf.question.as_ref()).collect();
    let cells: usize = questions.iter().map(|question| ready.desk(form).book.cells_of(&question.accounts)).sum();
    let months = usize::try_from(DRAWN + 12).unwrap_or(0);
    cells.saturating_mul(months) > MOST_CELLS || questions.iter().any(|question| question.what == formula::What::Counter)
}

/// Months without a draft, computed by the present mapping from what is sealed; only of forms that are filled every month. The column of a
/// month, and `year`, what has come together, of this year and the one before.
fn computed(ready: &Ready, place: &FigurePlace, last: Month, known: &mut Months, [name, year]: [&str; 2]) {
    let form = place.draft.form.as_str();
    let (mapping, desk) = (&ready.layers.mapping, ready.desk(form));
    let Some((pack, row)) = mapping.form(form).and_then(|pack| Some((pack, pack.row(&place.cell)?))) else { return };
    if pack.frequency != survey::Frequency::Monthly || !row.kind.is_number() {
        return;
    }
    let coverage = desk.book.coverage();
    let (divisor, places) = pack.conversion(row);
    let printed = pack.columns_of(row);
    let columns: Vec<&Printed> = printed.iter().filter(|column| [name, year].contains(&column.name())).collect();
    desk.with(mapping, |engine, _| {
        for back in 0..DRAWN + 12 {
            let Some(month) = last.plus(-back).filter(|month| !known.contains_key(month)) else { continue };
            if month < coverage.balances_from || month > coverage.to {
                continue;
            }
            for column in &columns {
                if column.name() != name && month.year() + 1 < last.year() {
                    continue;
                }
                let Some(at) = column.at(month, row.kind) else { continue };
                let trace = engine.cell(form, &place.cell, at);
                if too_much(ready, form, &trace) {
                    return;
                }
                let Ok(Value::Number(number)) = trace.outcome else { continue };
                let Some(value) = number.div_round(divisor.into(), places) else { continue };
                let said = Said { value: value.to_string(), computed: true };
                known.entry(month).or_default().insert(column.name().to_owned(), said);
            }
        }
    });
}

/// The figure over 24 months, and since January beside last year; `ready` is the present mapping on what is sealed.
pub fn of(
    agent: &Agent,
    store: &Store,
    place: &FigurePlace,
    cell: &Cell,
    ready: Option<&Ready>,
) -> Answer<(Option<SeriesView>, Option<SeriesView>)> {
    let last = month(&place.draft)?;
    let flow = cell.columns.this_month.is_some();
    let main = cell.columns.main();
    let main = main.and_then(|main| cell.columns.each().find(|(_, column)| std::ptr::eq(*column, main))).map(|(name, _)| name);
    let Some(main) = main else { return Ok((None, None)) };
    let name = if flow { "this_month" } else { main };
    let beside = if flow { "prior_year_month" } else { "prior_year" };
    let columns = [name, main, beside, "prior_year"];
    let mut known = Months::new();
    for (month, cell) in cells(store, place, last)? {
        let said = |name: &&str| {
            let value = reported(&cell, name)?;
            Some(((*name).to_owned(), Said { value, computed: false }))
        };
        known.insert(month, columns.iter().filter_map(said).collect());
    }
    if let Some(ready) = ready {
        computed(ready, place, last, &mut known, [name, main]);
    }
    let now = |month: Month, column: &str| known.get(&month).and_then(|said| said.get(column)).cloned();
    // A year before: as it was reported then; else as this year's form has it.
    let before = |month: Month, column: &str, beside: &str| {
        let then = month.prior_year().and_then(|then| now(then, column));
        then.or_else(|| now(month, beside)).map(|said| said.value)
    };
    let point = |month: Month, column: &str, beside: &str| {
        let own = now(month, column).filter(|_| month <= last);
        SeriesPoint {
            month: month.to_string(),
            computed: own.as_ref().is_some_and(|own| own.computed),
            value: own.map(|own| own.value),
            before: before(month, column, beside),
        }
    };
    let months = (0..DRAWN).rev().filter_map(|back| last.plus(-back));
    let points: Vec<SeriesPoint> = months.map(|month| point(month, name, beside)).collect();
    // What lies before the books begin is no gap of the figure.
    let begins = points.iter().position(|point| point.value.is_some()).unwrap_or(points.len());
    let points = points.into_iter().skip(begins).collect();
    // Only what was reported tells where most of the unit's months lie.
    let told = |back: i32| now(last.plus(-back)?, name).filter(|said| !said.computed)?.value.parse().ok();
    let values: Vec<Amount> = (0..LOOKED_AT).filter_map(told).collect();
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
