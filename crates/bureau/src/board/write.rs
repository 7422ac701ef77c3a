//! How a report, a decision and a query change the board. Each of these says the same whatever came before it, so that a board that is made anew is the one that grew.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Cells, Sums, cells,
    read::{Decision, Figures, Hit, Registered, State, Thread},
    sql,
};

/// Key of a running total: form, period, region and trade.
type Key = (String, i64, String, String);

/// Running totals that are being changed: read when they are first asked for, written at the end.
#[derive(Default)]
pub struct Changing {
    totals: BTreeMap<Key, (i64, Sums)>,
}

fn broken() -> rusqlite::Error {
    rusqlite::Error::InvalidQuery
}

impl Changing {
    /// A report's figures come to the totals of its group, or go from them.
    pub fn count(
        &mut self,
        connection: &Connection,
        group: (String, String),
        report: (&str, i64),
        figures: &Cells,
        comes: bool,
    ) -> rusqlite::Result<()> {
        let key = (report.0.to_owned(), report.1, group.0, group.1);
        if !self.totals.contains_key(&key) {
            let (form, period, region, trade) = &key;
            let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?));
            let found =
                connection.prepare_cached(sql::TOTAL)?.query_row(params![form, period, region, trade], read).optional()?;
            let (units, bytes) = found.unwrap_or_default();
            let mut sums = Sums::new();
            cells::add_sums(&mut sums, &bytes).ok_or_else(broken)?;
            self.totals.insert(key.clone(), (units, sums));
        }
        let (units, sums) = self.totals.get_mut(&key).ok_or_else(broken)?;
        *units += if comes { 1 } else { -1 };
        cells::count(sums, figures, comes).ok_or_else(broken)
    }

    /// Writes what changed.
    pub fn write(self, connection: &Connection) -> rusqlite::Result<()> {
        for ((form, period, region, trade), (units, sums)) in self.totals {
            if units == 0 {
                connection.prepare_cached(sql::CLEAR_TOTAL)?.execute(params![form, period, region, trade])?;
            } else {
                let row = params![form, period, region, trade, units, cells::pack_sums(&sums)];
                connection.prepare_cached(sql::PUT_TOTAL)?.execute(row)?;
            }
        }
        Ok(())
    }
}

/// A report as it is put on the board.
pub struct Reported<'a> {
    /// Its state; what was decided, and what of it is open, are found here.
    pub state: State,
    /// Edition.
    pub edition: &'a str,
    /// Payload digest.
    pub payload: &'a [u8],
    /// Figures.
    pub cells: Cells,
    /// What rules say of it.
    pub hits: Vec<Hit>,
}

/// Puts a state.
pub fn put_state(connection: &Connection, state: &State) -> rusqlite::Result<()> {
    let row = params![
        state.form,
        state.period,
        state.unit,
        state.version,
        state.first,
        state.at,
        state.filed,
        state.official,
        state.decision.number(),
        state.mandatory,
        state.verify,
        state.explained,
        state.open,
        state.outliers,
        state.odd,
        state.differs
    ];
    connection.prepare_cached(sql::PUT_STATE)?.execute(row).map(drop)
}

/// Puts the newest version of a report in the place of the one before.
pub fn report(connection: &Connection, changing: &mut Changing, unit: &Registered, new: Reported<'_>) -> rusqlite::Result<()> {
    let (form, period) = (new.state.form.clone(), new.state.period);
    let before = State::find(connection, &form, period, unit.id)?;
    if let Some(before) = before.as_ref().filter(|before| before.decision != Decision::Returned) {
        debug_assert_eq!(before.unit, unit.id);
        let old = Figures::find(connection, unit.id, &form, period)?.unwrap_or_default();
        changing.count(connection, unit.group(), (&form, period), &old.cells, false)?;
    }
    let first = before.as_ref().map_or(new.state.at, |before| before.first);
    let filed = before.as_ref().map_or(new.state.filed, |before| match (before.filed, new.state.filed) {
        (0, filed) | (filed, 0) => filed,
        (one, other) => one.min(other),
    });
    let decision = decided(connection, new.payload, &form)?;
    let count = |severity: &str| new.hits.iter().filter(|hit| hit.severity == severity && hit.cause.is_empty()).count() as i64;
    let state = State {
        first,
        filed,
        decision,
        mandatory: count("mandatory"),
        verify: count("verify"),
        explained: new.hits.iter().filter(|hit| !hit.cause.is_empty()).count() as i64,
        open: open(connection, unit.id, &form, period)?,
        differs: before.as_ref().map_or(0, |before| before.differs),
        ..new.state
    };
    put_state(connection, &state)?;
    let row = params![unit.id, form, period, new.edition, new.payload, cells::pack(&new.cells)];
    connection.prepare_cached(sql::PUT_FIGURE)?.execute(row)?;
    connection.prepare_cached(sql::CLEAR_HITS)?.execute(params![unit.id, form, period])?;
    for hit in &new.hits {
        let row = params![unit.id, form, period, hit.rule, hit.severity, hit.text, hit.cause, hit.said];
        connection.prepare_cached(sql::PUT_HIT)?.execute(row)?;
    }
    if decision != Decision::Returned {
        changing.count(connection, unit.group(), (&form, period), &new.cells, true)?;
    }
    dirty(connection, &form, period)
}

/// What screens say of a period depends on it and on the months before it, as far as they look back.
pub fn dirty(connection: &Connection, form: &str, period: i64) -> rusqlite::Result<()> {
    for period in period..=period + super::screens::BACK {
        connection.prepare_cached(sql::PUT_DIRTY)?.execute(params![form, period])?;
    }
    Ok(())
}

fn decided(connection: &Connection, payload: &[u8], form: &str) -> rusqlite::Result<Decision> {
    let read = |row: &rusqlite::Row<'_>| row.get::<_, i64>(1);
    let found = connection.prepare_cached(sql::DECISION)?.query_row(params![payload, form], read).optional()?;
    Ok(found.map_or(Decision::None, Decision::of))
}

/// A word of the bureau decides over a form in a package: the last one holds.
pub fn decide(connection: &Connection, changing: &mut Changing, unit: &Registered, word: &Word<'_>) -> rusqlite::Result<()> {
    let row = params![word.payload, word.form, word.message, word.decision.number(), word.at, word.who];
    connection.prepare_cached(sql::PUT_DECISION)?.execute(row)?;
    let Some(state) = State::find(connection, word.form, word.period, unit.id)? else { return Ok(()) };
    let Some(figures) = Figures::find(connection, unit.id, word.form, word.period)?.filter(|known| known.payload == word.payload)
    else {
        return Ok(());
    };
    let counts = |decision: Decision| decision != Decision::Returned;
    if counts(state.decision) != counts(word.decision) {
        changing.count(connection, unit.group(), (word.form, word.period), &figures.cells, counts(word.decision))?;
        dirty(connection, word.form, word.period)?;
    }
    let row = params![word.decision.number(), word.form, word.period, unit.id];
    connection.prepare_cached(sql::SET_DECISION)?.execute(row).map(drop)
}

/// An acceptance or a return.
pub struct Word<'a> {
    /// Payload digest of the package.
    pub payload: &'a [u8],
    /// Form.
    pub form: &'a str,
    /// Period.
    pub period: i64,
    /// Number of the message.
    pub message: i64,
    /// What it decides.
    pub decision: Decision,
    /// When.
    pub at: &'a str,
    /// Who.
    pub who: &'a str,
}

/// Queries about a form and period that nobody has answered or closed; one of the robot's is open until it is closed.
fn open(connection: &Connection, unit: i64, form: &str, period: i64) -> rusqlite::Result<i64> {
    let month = super::month(period).map(|month| month.to_string()).unwrap_or_default();
    let about = |thread: &Thread| thread.about().iter().any(|(of, when)| *of == form && *when == month);
    let threads = Thread::of(connection, unit)?;
    Ok(threads.iter().filter(|thread| thread.is_open() && about(thread)).count() as i64)
}

/// Counts again what is open about what a thread is about.
pub fn opened(connection: &Connection, thread: &Thread) -> rusqlite::Result<()> {
    for (form, month) in thread.about() {
        let Some(period) = month.parse().ok().map(super::number) else { continue };
        let count = open(connection, thread.unit, form, period)?;
        connection.prepare_cached(sql::SET_OPEN)?.execute(params![count, form, period, thread.unit])?;
    }
    Ok(())
}

/// A unit changed its region or trade: its figures go from one group's totals to another's.
pub fn moved(connection: &Connection, changing: &mut Changing, before: &Registered, now: &Registered) -> rusqlite::Result<()> {
    if before.group() == now.group() {
        return Ok(());
    }
    for figures in Figures::of(connection, before.id)? {
        let state = State::find(connection, &figures.form, figures.period, before.id)?;
        if state.is_some_and(|state| state.decision != Decision::Returned) {
            let report = (figures.form.as_str(), figures.period);
            changing.count(connection, before.group(), report, &figures.cells, false)?;
            changing.count(connection, now.group(), report, &figures.cells, true)?;
        }
    }
    Ok(())
}
