//! How the board goes on: what came after the last numbers it has read, in order, in one transaction of the board and one state of the receiver.

use std::collections::BTreeMap;

use model::{Amount, Month};
use rusqlite::{Connection, params};
use seal::{Digest, Receipt};
use survey::document::{Cell, Draft};

use super::{
    Board, Cells, cells,
    portal::{self, Import},
    read::{Decision, Hit, Registered, Slot, Slots, State, Thread},
    sql,
    write::{self, Changing, Reported, Word},
};
use crate::{
    receive::{Opened, Said},
    store::{KeptMessage, Landed, Store, StoreError, UnitVersion},
};

/// Marks of what was read.
pub const UNIT: &str = "unit";
const REPORT: &str = "report";
const MESSAGE: &str = "message";
const IMPORT: &str = "import";

/// Most reports of one turn: their packages are in memory together.
const REPORTS: usize = 64;
/// Most rows of the others.
const ROWS: usize = 5000;

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fed {
    /// Versions of units.
    pub units: usize,
    /// Reports.
    pub reports: usize,
    /// Messages.
    pub messages: usize,
    /// Sheets of the portal.
    pub imports: usize,
}

impl Fed {
    fn is_nothing(self) -> bool {
        self == Fed::default()
    }
}

/// What one turn takes from the state, all of one moment.
#[derive(Default)]
struct Turn {
    units: Vec<UnitVersion>,
    reports: Vec<Landed>,
    /// Packages by their digest, opened, and receipts by payload.
    packages: BTreeMap<String, Option<Opened>>,
    receipts: BTreeMap<String, Option<Receipt>>,
    messages: Vec<KeptMessage>,
    imports: Vec<Import>,
}

/// Reads everything that came since.
pub fn catch_up(store: &Store, board: &Board) -> Result<Fed, StoreError> {
    let mut all = Fed::default();
    loop {
        let fed = board.write(|connection| turn(store, board, connection))?;
        all.units += fed.units;
        all.reports += fed.reports;
        all.messages += fed.messages;
        all.imports += fed.imports;
        if fed.is_nothing() {
            return Ok(all);
        }
    }
}

/// Makes the board anew from what arrived.
pub fn rebuild(store: &Store, board: &Board) -> Result<Fed, StoreError> {
    board.make(true)?;
    catch_up(store, board)
}

fn turn(store: &Store, board: &Board, connection: &Connection) -> Result<Fed, StoreError> {
    let refused = board.refused();
    let mark = |what: &str| super::read::mark(connection, what).map_err(&refused);
    let (unit, report, message, import) = (mark(UNIT)?, mark(REPORT)?, mark(MESSAGE)?, mark(IMPORT)?);
    let mut turn = store.read(|state| {
        let mut turn = Turn { units: UnitVersion::after(state, unit, ROWS)?, ..Turn::default() };
        // Reports are of units that are known, words about reports that are there: each waits until what it needs was read to its end.
        if turn.units.len() < ROWS {
            turn.reports = Landed::after(state, report, REPORTS)?;
            for arrival in turn.reports.iter().filter(|arrival| !arrival.trial) {
                if !turn.receipts.contains_key(&arrival.payload) {
                    let record = arrival.record(state)?;
                    turn.receipts.insert(arrival.payload.clone(), record.and_then(|record| Receipt::from_bytes(&record).ok()));
                }
            }
            if turn.reports.len() < REPORTS {
                turn.messages = KeptMessage::after(state, message, ROWS)?;
                turn.imports = Import::after(state, import, 1)?;
            }
        }
        Ok(turn)
    })?;
    // Bytes that a row names are never others: they may be read after the rows, from wherever they are.
    for arrival in turn.reports.iter().filter(|arrival| !arrival.trial) {
        if !turn.packages.contains_key(&arrival.content) {
            let bytes = store.object(&arrival.content)?;
            turn.packages.insert(arrival.content.clone(), bytes.and_then(|bytes| Opened::read(&bytes)));
        }
    }
    let fed =
        Fed { units: turn.units.len(), reports: turn.reports.len(), messages: turn.messages.len(), imports: turn.imports.len() };
    if !fed.is_nothing() {
        let last = [
            (UNIT, turn.units.last().map(|row| row.id)),
            (REPORT, turn.reports.last().map(|row| row.id)),
            (MESSAGE, turn.messages.last().map(|row| number(row.message.id))),
            (IMPORT, turn.imports.last().map(|row| row.id)),
        ];
        apply(connection, &turn).map_err(&refused)?;
        for (what, upto) in last {
            if let Some(upto) = upto {
                connection
                    .prepare_cached(sql::PUT_MARK)
                    .and_then(|mut put| put.execute(params![what, upto]))
                    .map_err(&refused)?;
            }
        }
    }
    Ok(fed)
}

fn number(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

fn apply(connection: &Connection, turn: &Turn) -> rusqlite::Result<()> {
    let mut changing = Changing::default();
    for version in &turn.units {
        let unit = &version.unit;
        let before = Registered::find(connection, &unit.code)?;
        let row = params![unit.code, unit.name, unit.region, unit.industry];
        connection.prepare_cached(sql::PUT_UNIT)?.execute(row)?;
        if let (Some(before), Some(now)) = (before, Registered::find(connection, &unit.code)?) {
            write::moved(connection, &mut changing, &before, &now)?;
        }
    }
    let mut slots = Slots::read(connection)?;
    for arrival in turn.reports.iter().filter(|arrival| !arrival.trial) {
        let opened = turn.packages.get(&arrival.content).and_then(Option::as_ref);
        let receipt = turn.receipts.get(&arrival.payload).and_then(Option::as_ref);
        if let (Some(opened), Some(unit), Ok(month)) =
            (opened, Registered::find(connection, &arrival.unit)?, arrival.period.parse::<Month>())
        {
            let new = reported(connection, &mut slots, arrival, opened, receipt, (unit.id, month))?;
            write::report(connection, &mut changing, &unit, new.borrowed())?;
            portal::compare(connection, &slots, &arrival.form, super::number(month), unit.id)?;
        }
    }
    for kept in &turn.messages {
        if let Some(unit) = Registered::find(connection, &kept.unit)? {
            message(connection, &mut changing, &unit, kept)?;
        }
    }
    for import in &turn.imports {
        portal::put(connection, &mut slots, import)?;
    }
    changing.write(connection)
}

/// A report with what it owns.
struct Owned {
    state: State,
    edition: String,
    payload: Vec<u8>,
    cells: Cells,
    hits: Vec<Hit>,
}

impl Owned {
    fn borrowed(&self) -> Reported<'_> {
        Reported {
            state: self.state.clone(),
            edition: &self.edition,
            payload: &self.payload,
            cells: self.cells.clone(),
            hits: self.hits.clone(),
        }
    }
}

fn reported(
    connection: &Connection,
    slots: &mut Slots,
    arrival: &Landed,
    opened: &Opened,
    receipt: Option<&Receipt>,
    (unit, month): (i64, Month),
) -> rusqlite::Result<Owned> {
    let draft = opened.drafts.iter().find(|draft| draft.form == arrival.form);
    let filed = opened.identity.forms.iter().find(|form| form.form == arrival.form).and_then(|form| form.filed.as_ref());
    let at = seconds(&arrival.at);
    let state = State {
        unit,
        form: arrival.form.clone(),
        period: super::number(month),
        version: arrival.version,
        first: at,
        at,
        filed: filed.map_or(0, |filing| day(&filing.at)),
        official: arrival.channel == "official",
        ..State::default()
    };
    Ok(Owned {
        state,
        edition: arrival.edition.clone(),
        payload: digest(&arrival.payload),
        cells: draft.map_or_else(|| Ok(Cells::new()), |draft| figures(connection, slots, draft))?,
        hits: receipt.map(|receipt| hits(receipt, &arrival.form, &opened.said)).unwrap_or_default(),
    })
}

/// Bytes of a digest.
pub fn digest(text: &str) -> Vec<u8> {
    Digest::parse(text).map(|digest| digest.0.to_vec()).unwrap_or_default()
}

/// Seconds since 1970 of a moment as texts have it; 0 where it is none.
pub fn seconds(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_second)
}

/// A day as a number, `yyyymmdd`; 0 where it is none.
pub fn day(text: &str) -> i64 {
    let date = text.get(..10).and_then(|text| text.parse::<jiff::civil::Date>().ok());
    date.map_or(0, |date| i64::from(date.year()) * 10_000 + i64::from(date.month()) * 100 + i64::from(date.day()))
}

/// The figures of a draft, by the numbers of their columns.
pub fn figures(connection: &Connection, slots: &mut Slots, draft: &Draft) -> rusqlite::Result<Cells> {
    let mut cells = Cells::new();
    for cell in draft.cells.iter().filter(|cell| !matches!(cell.kind.as_str(), "text" | "choice")) {
        for (name, column) in cell.columns.each().filter(|(name, _)| *name != "value") {
            let value = column.value.as_ref().or(column.platform.as_ref()).and_then(|text| text.parse::<Amount>().ok());
            if let Some(value) = value.filter(|value| cells::fits(*value)) {
                cells.insert(slots.number(connection, slot(draft, cell, name))?, value);
            }
        }
    }
    Ok(cells)
}

fn slot(draft: &Draft, cell: &Cell, column: &str) -> Slot {
    Slot {
        id: 0,
        form: draft.form.clone(),
        code: cell.id.clone(),
        column: column.to_owned(),
        name: cell.name.clone(),
        measure: cell.unit.clone(),
        repeats: cell.repeats.clone().unwrap_or_default(),
    }
}

/// What the receipt says of a form: as it was judged on arrival, and never again, so that the board says what the unit was told.
fn hits(receipt: &Receipt, form: &str, said: &[Said]) -> Vec<Hit> {
    let told = receipt.audit["hits"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |hit: &serde_json::Value, name: &str| hit[name].as_str().unwrap_or_default().to_owned();
    let own = told.iter().filter(|hit| hit["form"] == form && hit["severity"] != "info");
    let hit = |hit: &serde_json::Value| {
        let rule = text(hit, "rule");
        let explained = said.iter().find(|said| said.form == form && said.rule == rule && !said.text.trim().is_empty());
        let cause = explained.map(|said| if said.cause.is_empty() { "other".to_owned() } else { said.cause.clone() });
        let said = explained.map(|said| said.text.clone()).unwrap_or_default();
        Hit { rule, severity: text(hit, "severity"), text: text(hit, "text"), cause: cause.unwrap_or_default(), said }
    };
    own.map(hit).collect()
}

fn message(connection: &Connection, changing: &mut Changing, unit: &Registered, kept: &KeptMessage) -> rusqlite::Result<()> {
    let message = &kept.message;
    let id = number(message.id);
    match message.kind.as_str() {
        "acceptance" | "return" => {
            let Ok(month) = message.period.parse::<Month>() else { return Ok(()) };
            let decision = if message.kind == "return" { Decision::Returned } else { Decision::Accepted };
            let (payload, period) = (digest(&message.payload), super::number(month));
            let (form, at, who) = (message.form.as_str(), message.at.as_str(), message.by.as_str());
            write::decide(connection, changing, unit, &Word { payload: &payload, form, period, message: id, decision, at, who })
        }
        "query" | "reminder" => {
            let Message { kind, form, period, payload, subject, at, by, .. } = message;
            let row = params![id, unit.id, kind, form, period, payload, subject, at, by, kept.key];
            connection.prepare_cached(sql::PUT_THREAD)?.execute(row)?;
            about(connection, id)
        }
        "answer" | "closing" => {
            let Some(query) = message.reply_to.map(number) else { return Ok(()) };
            let text = if message.kind == "answer" { sql::SET_ANSWER } else { sql::SET_CLOSED };
            connection.prepare_cached(text)?.execute(params![id, query])?;
            about(connection, query)
        }
        _ => Ok(()),
    }
}

use exchange::Message;

/// Counts again what is open about what a thread is about.
fn about(connection: &Connection, message: i64) -> rusqlite::Result<()> {
    match Thread::find(connection, message)? {
        Some(thread) => write::opened(connection, &thread),
        None => Ok(()),
    }
}
