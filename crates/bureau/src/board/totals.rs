//! Totals by area or trade: of the newest versions, without those that were returned.

use std::collections::BTreeMap;

use model::Month;
use rusqlite::{Connection, params};

use super::{
    Asked, Board, Sums, cells, progress,
    read::{Decision, Figures, REGION, Short, Slots, TRADE},
    sql,
};
use crate::store::StoreError;

/// A group of units with its sums.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// First digits of the region or of the industry; empty for all.
    pub group: String,
    /// Units whose reports are in it.
    pub units: i64,
    /// Sums by column.
    pub sums: Sums,
}

/// Totals of a form and period.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Columns of forms by number.
    pub slots: Slots,
    /// Groups.
    pub groups: Vec<Total>,
    /// All together.
    pub all: Total,
}

/// By what units are grouped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// 地区 Region.
    #[default]
    Area,
    /// 行业 Industry.
    Trade,
}

fn broken() -> rusqlite::Error {
    rusqlite::Error::InvalidQuery
}

/// Adds up: by the running totals where they tell groups far enough apart, else report by report.
pub fn totals(board: &Board, asked: &Asked, month: Month, by: By) -> Result<Totals, StoreError> {
    let register = board.register()?;
    let period = super::number(month);
    let units = || register.units().iter().filter(|unit| asked.takes(unit));
    let level = match by {
        By::Area => progress::level(units().map(|unit| unit.region.as_str()), asked.area.len()),
        By::Trade => {
            if asked.trade.len() < TRADE {
                TRADE
            } else {
                4
            }
        }
    };
    let coarse = asked.area.len() <= REGION && asked.trade.len() <= TRADE;
    let running = coarse && level <= if by == By::Area { REGION } else { TRADE };
    let mut groups: BTreeMap<String, Total> = BTreeMap::new();
    let mut add = |key: &str, count: i64, bytes: &[u8]| -> rusqlite::Result<()> {
        let total = groups.entry(key.get(..level).unwrap_or(key).to_owned()).or_default();
        total.units += count;
        cells::add_sums(&mut total.sums, bytes).ok_or_else(broken)
    };
    let slots = board.read(|connection| {
        if running {
            each(connection, asked, period, |region, trade, units, bytes| {
                add(if by == By::Area { region } else { trade }, units, bytes)
            })?;
        } else {
            for short in Short::all(connection, &asked.form, period)?.iter().filter(|short| short.decision != Decision::Returned)
            {
                let Some(unit) = register.get(short.unit).filter(|unit| asked.takes(unit)) else { continue };
                let figures = Figures::find(connection, unit.id, &asked.form, period)?.unwrap_or_default();
                let mut sums = Sums::new();
                cells::count(&mut sums, &figures.cells, true).ok_or_else(broken)?;
                add(if by == By::Area { &unit.region } else { &unit.industry }, 1, &cells::pack_sums(&sums))?;
            }
        }
        Slots::read(connection)
    })?;
    let mut all = Total::default();
    for total in groups.values() {
        all.units += total.units;
        cells::add_sums(&mut all.sums, &cells::pack_sums(&total.sums)).ok_or_else(|| board.damaged("sums"))?;
    }
    let groups = groups.into_iter().map(|(group, total)| Total { group, ..total }).collect();
    Ok(Totals { slots, groups, all })
}

/// Every running total of a form and period: region, trade, units and sums.
fn each(
    connection: &Connection,
    asked: &Asked,
    period: i64,
    mut each: impl FnMut(&str, &str, i64, &[u8]) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(sql::TOTALS)?;
    let mut rows = statement.query(params![asked.form, period, asked.area, asked.trade])?;
    while let Some(row) = rows.next()? {
        let (region, trade, units): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        each(&region, &trade, units, row.get_ref(3)?.as_blob()?)?;
    }
    Ok(())
}

/// All units together, as far as running totals tell them apart.
pub fn sum(connection: &Connection, asked: &Asked, period: i64) -> rusqlite::Result<Total> {
    let mut all = Total::default();
    each(connection, asked, period, |_, _, units, bytes| {
        all.units += units;
        cells::add_sums(&mut all.sums, bytes).ok_or_else(broken)
    })?;
    Ok(all)
}
