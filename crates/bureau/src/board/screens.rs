//! Who stands out: among the units of a form and period, and in its own series. Made anew for what changed, from the figures of the board.

use std::{collections::BTreeMap, path::Path};

use model::{Amount, Month};
use rusqlite::{Connection, params};
use survey::{
    audit::{Outside, Papers},
    document::{Cell, Column, Columns, Draft, Unit},
    quality::{
        Thresholds,
        among::{Plan, Said},
        series::{self, Point, Series},
    },
};

use super::{
    Board, Cells,
    read::{Decision, Figures, Outlier, Short, Slot, Slots},
    sql,
};
use crate::{failure::Failure, knowledge::Knowledge, quality, store::Store};

/// Months back that a unit's own series is looked at.
pub const BACK: i64 = 24;

/// Screens every form and period that changed since; `folder` is the configuration's, where thresholds of the bureau's own may be. Gives how many.
pub fn refresh(board: &Board, store: &Store, knowledge: &Knowledge, folder: &Path) -> Result<usize, Failure> {
    let set = quality::thresholds(folder)?;
    let mut done = 0;
    loop {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?));
        let dirty = board.read(|connection| {
            connection.prepare_cached(sql::DIRTY)?.query_map([], read)?.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        if dirty.is_empty() {
            return Ok(done);
        }
        for (form, period) in dirty {
            let found = board.write(|connection| {
                let found = screened(store, knowledge, &set, connection, (&form, period)).map_err(|wrong| match wrong {
                    Wrong::Board(error) => board.refused()(error),
                    Wrong::Store(error) => error,
                })?;
                connection
                    .prepare_cached(sql::CLEAR_DIRTY)
                    .and_then(|mut clear| clear.execute(params![form, period]))
                    .map_err(board.refused())?;
                Ok(found)
            })?;
            done += usize::from(found);
        }
    }
}

enum Wrong {
    Board(rusqlite::Error),
    Store(crate::store::StoreError),
}

impl From<rusqlite::Error> for Wrong {
    fn from(error: rusqlite::Error) -> Wrong {
        Wrong::Board(error)
    }
}

impl From<crate::store::StoreError> for Wrong {
    fn from(error: crate::store::StoreError) -> Wrong {
        Wrong::Store(error)
    }
}

/// Screens a form and period; whether there was anything.
fn screened(
    store: &Store,
    knowledge: &Knowledge,
    set: &Thresholds,
    connection: &Connection,
    (form, period): (&str, i64),
) -> Result<bool, Wrong> {
    connection.prepare_cached(sql::CLEAR_OUTLIERS)?.execute(params![form, period])?;
    connection.prepare_cached(sql::CLEAR_ODD)?.execute(params![form, period])?;
    let Some(month) = super::month(period) else { return Ok(false) };
    let shorts = Short::all(connection, form, period)?;
    let units: Vec<i64> = shorts.iter().filter(|short| short.decision != Decision::Returned).map(|short| short.unit).collect();
    let mut own = Vec::new();
    for unit in &units {
        own.push(Figures::between(connection, *unit, form, [period - BACK, period])?);
    }
    let edition = own.iter().filter_map(|figures| figures.last()).map(|figures| figures.edition.as_str()).max();
    let Some(edition) = edition else { return Ok(false) };
    let known = knowledge.edition(store, edition)?;
    let slots = Slots::read(connection)?;
    let mut found: BTreeMap<i64, Vec<Outlier>> = BTreeMap::new();
    let pack = known.as_ref().and_then(|known| known.mapping.form(form));
    for (unit, figures) in units.iter().zip(&own) {
        let mut own = in_own_series(&slots, form, figures, month, set);
        for outlier in own.iter_mut().filter(|outlier| outlier.name.is_empty()) {
            // A document need not name its rows; the pack does.
            let row = outlier.id.split_once(':').and_then(|(_, code)| pack?.row(code));
            outlier.name = row.map(|row| row.name.clone()).unwrap_or_default();
        }
        found.insert(*unit, own);
    }
    if let (Some(known), Some(pack)) = (&known, pack) {
        // What is wrong with formulas of the bureau's own is told where a person asks: `taizhang-bureau quality`.
        let (plan, _) = Plan::new(pack, &set.peers, month);
        let outside = Outside::default();
        let mut said: Vec<Said> = Vec::new();
        for (unit, figures) in units.iter().zip(&own) {
            let near = figures.iter().filter(|one| one.period == period || plan.before().map(super::number) == Some(one.period));
            let mut drafts: Vec<Draft> = near.filter_map(|one| draft(&slots, one)).collect();
            for other in plan.others() {
                drafts.extend(Figures::find(connection, *unit, other, period)?.and_then(|one| draft(&slots, &one)));
            }
            said.push(plan.read(&Papers::new(&known.mapping.forms, form, &drafts, &outside)));
        }
        for hit in plan.screen(&said).0 {
            let Some(unit) = units.get(hit.unit) else { continue };
            let figure = &plan.figures()[hit.figure];
            found.entry(*unit).or_default().push(Outlier {
                screen: figure.screen.name().to_owned(),
                id: hit.id,
                name: figure.name.clone(),
                pair: hit.pair.map(|value| value.to_string()),
                score: hit.score.to_string(),
                threshold: hit.threshold.to_string(),
            });
        }
    }
    for (unit, outliers) in found.into_iter().filter(|(_, outliers)| !outliers.is_empty()) {
        for one in &outliers {
            let row =
                params![form, period, unit, one.screen, one.id, one.name, one.pair[0], one.pair[1], one.score, one.threshold];
            connection.prepare_cached(sql::PUT_OUTLIER)?.execute(row)?;
        }
        let count = i64::try_from(outliers.len()).unwrap_or(i64::MAX);
        let odd = outliers.iter().map(Outlier::odd).max().unwrap_or(0);
        connection.prepare_cached(sql::SET_ODD)?.execute(params![count, odd, form, period, unit])?;
    }
    Ok(true)
}

/// What a unit's own months say of a month.
fn in_own_series(slots: &Slots, form: &str, figures: &[Figures], month: Month, set: &Thresholds) -> Vec<Outlier> {
    let Some(now) = figures.last().filter(|figures| super::month(figures.period) == Some(month)) else { return Vec::new() };
    let mut found = Vec::new();
    for slot in now.cells.keys().filter_map(|slot| slots.get(*slot)).filter(|slot| slot.is_main()) {
        let column = |name: &str| slots.find(form, &slot.code, name);
        let (alone, prior_year) = (column("this_month"), column("prior_year"));
        let value = |cells: &Cells, slot: Option<u32>| slot.and_then(|slot| cells.get(&slot)).copied();
        let point = |figures: &Figures| {
            let cells = &figures.cells;
            let (alone, to_date) = (value(cells, alone), value(cells, Some(slot.id)));
            Some(Point { month: super::month(figures.period)?, alone, to_date, prior_year: value(cells, prior_year) })
        };
        let series = Series {
            form: form.to_owned(),
            code: slot.code.clone(),
            name: slot.name.clone(),
            unit: slot.measure.clone(),
            flow: slot.column == "cumulative",
            points: figures.iter().filter_map(point).collect(),
        };
        for flag in series::screen(&series, month, set) {
            let fact = |at: usize| flag.facts.get(at).map(|(_, value): &(String, Amount)| value.to_string()).unwrap_or_default();
            found.push(Outlier {
                screen: format!("own-{}", flag.finding.code.trim_start_matches("quality-")),
                id: flag.figure.clone(),
                name: flag.name.clone(),
                pair: [fact(0), fact(1)],
                score: flag.score.map_or_else(String::new, |score| score.to_string()),
                threshold: flag.threshold.to_string(),
            });
        }
    }
    found
}

/// Figures as a document that screens read.
fn draft(slots: &Slots, figures: &Figures) -> Option<Draft> {
    let mut cells: BTreeMap<&str, (&Slot, Columns)> = BTreeMap::new();
    for (slot, value) in &figures.cells {
        let slot = slots.get(*slot)?;
        let column = Some(Column { value: Some(value.to_string()), status: "ok".to_owned(), ..Column::default() });
        let columns = &mut cells.entry(&slot.code).or_insert_with(|| (slot, Columns::default())).1;
        match slot.column.as_str() {
            "this_month" => columns.this_month = column,
            "this_quarter" => columns.this_quarter = column,
            "cumulative" => columns.cumulative = column,
            "closing" => columns.closing = column,
            "opening" => columns.opening = column,
            "prior_year_month" => columns.prior_year_month = column,
            "prior_year" => columns.prior_year = column,
            _ => {}
        }
    }
    let cell = |(code, (slot, columns)): (&str, (&Slot, Columns))| Cell {
        id: code.to_owned(),
        name: slot.name.clone(),
        repeats: (!slot.repeats.is_empty()).then(|| slot.repeats.clone()),
        columns,
        status: "ok".to_owned(),
        ..Cell::default()
    };
    Some(Draft {
        form: figures.form.clone(),
        edition: figures.edition.clone(),
        period: super::month(figures.period)?.to_string(),
        unit: Unit::default(),
        cells: cells.into_iter().map(cell).collect(),
        ..Draft::default()
    })
}
