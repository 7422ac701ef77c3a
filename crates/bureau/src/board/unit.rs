//! What one unit reported, month by month: states, and never a figure.

use super::{
    Board,
    read::{Figures, Hit, Outlier, Registered, State, Thread},
};
use crate::store::StoreError;

/// A form of a month of a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitMonth {
    /// How its newest version stands.
    pub state: State,
    /// Edition.
    pub edition: String,
    /// What rules say of it.
    pub hits: Vec<Hit>,
    /// Figures that stand out.
    pub outliers: Vec<Outlier>,
}

/// Everything of one unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfUnit {
    /// The unit.
    pub unit: Registered,
    /// Its forms by month, the newest first.
    pub months: Vec<UnitMonth>,
    /// What the bureau asked it.
    pub threads: Vec<Thread>,
}

/// A unit's forms by month, the newest first, and what the bureau asked it; nothing where there is no such unit.
pub fn months(board: &Board, code: &str) -> Result<Option<OfUnit>, StoreError> {
    board.read(|connection| {
        let Some(unit) = Registered::find(connection, code)? else { return Ok(None) };
        let mut months = Vec::new();
        for figures in Figures::of(connection, unit.id)?.into_iter().rev() {
            let (form, period) = (figures.form.as_str(), figures.period);
            let Some(state) = State::find(connection, form, period, unit.id)? else { continue };
            let hits = Hit::all(connection, unit.id, form, period)?;
            let outliers = Outlier::all(connection, form, period, unit.id)?;
            months.push(UnitMonth { state, edition: figures.edition, hits, outliers });
        }
        let threads = Thread::of(connection, unit.id)?;
        Ok(Some(OfUnit { unit, months, threads }))
    })
}
