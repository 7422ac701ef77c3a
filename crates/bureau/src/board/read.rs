//! Rows of the board as values.

use std::collections::BTreeMap;

use model::Amount;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Cells, cells, sql};

/// A unit as the board knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registered {
    /// Its number on the board.
    pub id: i64,
    /// Unified social credit code.
    pub code: String,
    /// Name.
    pub name: String,
    /// Code of the region.
    pub region: String,
    /// Code of the industry.
    pub industry: String,
}

fn registered(row: &Row<'_>) -> rusqlite::Result<Registered> {
    Ok(Registered { id: row.get(0)?, code: row.get(1)?, name: row.get(2)?, region: row.get(3)?, industry: row.get(4)? })
}

impl Registered {
    /// The unit with this code.
    pub fn find(connection: &Connection, code: &str) -> rusqlite::Result<Option<Registered>> {
        connection.prepare_cached(sql::UNIT)?.query_row([code], registered).optional()
    }

    /// The unit with this number.
    pub fn of(connection: &Connection, id: i64) -> rusqlite::Result<Option<Registered>> {
        connection.prepare_cached(sql::UNIT_OF)?.query_row([id], registered).optional()
    }

    /// Where its figures are added up: county and division of the industry.
    pub fn group(&self) -> (String, String) {
        let cut = |text: &str, most: usize| text.chars().take(most).collect();
        (cut(&self.region, REGION), cut(&self.industry, TRADE))
    }
}

/// Digits of the region by which figures are added up: of a county.
pub const REGION: usize = 6;
/// Digits of the industry by which figures are added up: of a division (大类).
pub const TRADE: usize = 2;

/// All units.
#[derive(Clone, Debug, Default)]
pub struct Register {
    units: Vec<Registered>,
}

impl Register {
    /// Reads them.
    pub fn read(connection: &Connection) -> rusqlite::Result<Register> {
        let units = connection.prepare_cached(sql::UNITS)?.query_map([], registered)?.collect::<rusqlite::Result<_>>()?;
        Ok(Register { units })
    }

    /// All of them, by number.
    pub fn units(&self) -> &[Registered] {
        &self.units
    }

    /// The unit with a number.
    pub fn get(&self, id: i64) -> Option<&Registered> {
        let at = self.units.binary_search_by_key(&id, |unit| unit.id).ok()?;
        self.units.get(at)
    }
}

/// Up to where something was read.
pub fn mark(connection: &Connection, what: &str) -> rusqlite::Result<i64> {
    let found = connection.prepare_cached(sql::MARK)?.query_row([what], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or(0))
}

/// A column of a row of a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// Number.
    pub id: u32,
    /// Form.
    pub form: String,
    /// Code of the row.
    pub code: String,
    /// Machine name of the column.
    pub column: String,
    /// Name of the row.
    pub name: String,
    /// Unit of its figures.
    pub measure: String,
    /// The row of the form that it is one of; empty where it is none.
    pub repeats: String,
}

impl Slot {
    /// Whether it has what the row reports of the period itself.
    pub fn is_main(&self) -> bool {
        matches!(self.column.as_str(), "cumulative" | "closing")
    }
}

/// All columns of rows of forms.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    all: Vec<Slot>,
    known: BTreeMap<[String; 3], u32>,
}

impl Slots {
    /// Reads them.
    pub fn read(connection: &Connection) -> rusqlite::Result<Slots> {
        let slot = |row: &Row<'_>| {
            let (id, form, code, column) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(Slot { id, form, code, column, name: row.get(4)?, measure: row.get(5)?, repeats: row.get(6)? })
        };
        let all: Vec<Slot> = connection.prepare_cached(sql::SLOTS)?.query_map([], slot)?.collect::<rusqlite::Result<_>>()?;
        let key = |slot: &Slot| ([slot.form.clone(), slot.code.clone(), slot.column.clone()], slot.id);
        let known = all.iter().map(key).collect();
        Ok(Slots { all, known })
    }

    /// The number of a column; a new one is written down.
    pub fn number(&mut self, connection: &Connection, slot: Slot) -> rusqlite::Result<u32> {
        let key = [slot.form.clone(), slot.code.clone(), slot.column.clone()];
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let row = params![slot.form, slot.code, slot.column, slot.name, slot.measure, slot.repeats];
        connection.prepare_cached(sql::PUT_SLOT)?.execute(row)?;
        let id = u32::try_from(connection.last_insert_rowid()).unwrap_or(u32::MAX);
        self.known.insert(key, id);
        self.all.push(Slot { id, ..slot });
        Ok(id)
    }

    /// The column with a number.
    pub fn get(&self, id: u32) -> Option<&Slot> {
        self.all.get(usize::try_from(id).ok()?.checked_sub(1)?)
    }

    /// The columns of a form.
    pub fn of<'a>(&'a self, form: &'a str) -> impl Iterator<Item = &'a Slot> {
        self.all.iter().filter(move |slot| slot.form == form)
    }

    /// The number of a row's column.
    pub fn find(&self, form: &str, code: &str, column: &str) -> Option<u32> {
        self.known.get(&[form.to_owned(), code.to_owned(), column.to_owned()]).copied()
    }

    /// The number of what a row reports of the period itself.
    pub fn main(&self, form: &str, code: &str) -> Option<u32> {
        self.find(form, code, "cumulative").or_else(|| self.find(form, code, "closing"))
    }
}

/// What was decided of a version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decision {
    /// Nothing yet.
    #[default]
    None,
    /// 受理
    Accepted,
    /// 退回
    Returned,
}

impl Decision {
    /// As the board keeps it.
    pub fn number(self) -> i64 {
        match self {
            Decision::None => 0,
            Decision::Accepted => 1,
            Decision::Returned => 2,
        }
    }

    /// What a number means.
    pub fn of(number: i64) -> Decision {
        match number {
            1 => Decision::Accepted,
            2 => Decision::Returned,
            _ => Decision::None,
        }
    }
}

/// How the newest version of a report stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Unit.
    pub unit: i64,
    /// Form.
    pub form: String,
    /// Period, as the board numbers it.
    pub period: i64,
    /// Version.
    pub version: i64,
    /// When the first version arrived, in seconds.
    pub first: i64,
    /// When this one did.
    pub at: i64,
    /// Day on which a companion was filed at the portal (`yyyymmdd`); 0 where nobody said.
    pub filed: i64,
    /// Whether this receiver is the designated channel.
    pub official: bool,
    /// What was decided.
    pub decision: Decision,
    /// Mandatory rules that are not met and not explained.
    pub mandatory: i64,
    /// The same of rules that ask for an explanation.
    pub verify: i64,
    /// Rules that are not met and explained.
    pub explained: i64,
    /// Open queries.
    pub open: i64,
    /// Figures that stand out.
    pub outliers: i64,
    /// How far the farthest of them does, in hundredths of its threshold.
    pub odd: i64,
    /// Figures that the portal has otherwise.
    pub differs: i64,
}

fn state(row: &Row<'_>) -> rusqlite::Result<State> {
    Ok(State {
        unit: row.get(0)?,
        version: row.get(1)?,
        first: row.get(2)?,
        at: row.get(3)?,
        filed: row.get(4)?,
        official: row.get(5)?,
        decision: Decision::of(row.get(6)?),
        mandatory: row.get(7)?,
        verify: row.get(8)?,
        explained: row.get(9)?,
        open: row.get(10)?,
        outliers: row.get(11)?,
        odd: row.get(12)?,
        differs: row.get(13)?,
        form: row.get(14)?,
        period: row.get(15)?,
    })
}

impl State {
    /// Of one report.
    pub fn find(connection: &Connection, form: &str, period: i64, unit: i64) -> rusqlite::Result<Option<State>> {
        connection.prepare_cached(sql::STATE)?.query_row(params![form, period, unit], state).optional()
    }

    /// Of a form and period, by unit.
    pub fn all(connection: &Connection, form: &str, period: i64) -> rusqlite::Result<Vec<State>> {
        connection.prepare_cached(sql::STATES)?.query_map(params![form, period], state)?.collect()
    }
}

/// How a unit stands with a form and period: what progress asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Short {
    /// Unit.
    pub unit: i64,
    /// When the first version arrived, in seconds.
    pub first: i64,
    /// Day on which it was filed at the portal, where it is a companion.
    pub filed: i64,
    /// What was decided.
    pub decision: Decision,
    /// Rules that are neither met nor explained.
    pub unmet: i64,
    /// Open queries.
    pub open: i64,
    /// Figures that stand out.
    pub outliers: i64,
}

impl Short {
    /// Of a form and period, by unit.
    pub fn all(connection: &Connection, form: &str, period: i64) -> rusqlite::Result<Vec<Short>> {
        let read = |row: &Row<'_>| {
            let (unit, first, filed, decision) = (row.get(0)?, row.get(1)?, row.get(2)?, Decision::of(row.get(3)?));
            Ok(Short { unit, first, filed, decision, unmet: row.get(4)?, open: row.get(5)?, outliers: row.get(6)? })
        };
        connection.prepare_cached(sql::STATES_SHORT)?.query_map(params![form, period], read)?.collect()
    }
}

/// Figures of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Form.
    pub form: String,
    /// Period, as the board numbers it.
    pub period: i64,
    /// Edition.
    pub edition: String,
    /// Payload digest.
    pub payload: Vec<u8>,
    /// Figures.
    pub cells: Cells,
}

fn figures(row: &Row<'_>) -> rusqlite::Result<Figures> {
    let bytes = row.get_ref(4)?.as_blob()?;
    let broken = || rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Blob, "figures".into());
    let cells = cells::unpack(bytes).ok_or_else(broken)?;
    Ok(Figures { form: row.get(0)?, period: row.get(1)?, edition: row.get(2)?, payload: row.get(3)?, cells })
}

impl Figures {
    /// Of one report.
    pub fn find(connection: &Connection, unit: i64, form: &str, period: i64) -> rusqlite::Result<Option<Figures>> {
        connection.prepare_cached(sql::FIGURE)?.query_row(params![unit, form, period], figures).optional()
    }

    /// Of a form, from a period to another.
    pub fn between(connection: &Connection, unit: i64, form: &str, periods: [i64; 2]) -> rusqlite::Result<Vec<Figures>> {
        connection.prepare_cached(sql::FIGURES)?.query_map(params![unit, form, periods[0], periods[1]], figures)?.collect()
    }

    /// Of everything that a unit reported.
    pub fn of(connection: &Connection, unit: i64) -> rusqlite::Result<Vec<Figures>> {
        connection.prepare_cached(sql::FIGURES_OF)?.query_map([unit], figures)?.collect()
    }
}

/// What a rule says of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hit {
    /// Rule.
    pub rule: String,
    /// `mandatory`, `verify` or `info`.
    pub severity: String,
    /// What it asks.
    pub text: String,
    /// Cause that the unit gave in its report; empty where it did not explain.
    pub cause: String,
    /// Its explanation.
    pub said: String,
}

impl Hit {
    /// Of one report.
    pub fn all(connection: &Connection, unit: i64, form: &str, period: i64) -> rusqlite::Result<Vec<Hit>> {
        let read = |row: &Row<'_>| {
            let (rule, severity, text) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Hit { rule, severity, text, cause: row.get(3)?, said: row.get(4)? })
        };
        connection.prepare_cached(sql::HITS)?.query_map(params![unit, form, period], read)?.collect()
    }
}

/// A figure that stands out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlier {
    /// `before`, `year`, `level` or `ratio` among peers; `own-…` in the unit's own series.
    pub screen: String,
    /// Form and code, or the id of a ratio.
    pub id: String,
    /// Name.
    pub name: String,
    /// The two numbers that were compared.
    pub pair: [String; 2],
    /// How far it stands out.
    pub score: String,
    /// From where on that is told.
    pub threshold: String,
}

impl Outlier {
    /// Of one report.
    pub fn all(connection: &Connection, form: &str, period: i64, unit: i64) -> rusqlite::Result<Vec<Outlier>> {
        let read = |row: &Row<'_>| {
            let (screen, id, name, pair) = (row.get(0)?, row.get(1)?, row.get(2)?, [row.get(3)?, row.get(4)?]);
            Ok(Outlier { screen, id, name, pair, score: row.get(5)?, threshold: row.get(6)? })
        };
        connection.prepare_cached(sql::OUTLIERS)?.query_map(params![form, period, unit], read)?.collect()
    }

    /// How far it stands out, in hundredths of its threshold, at most a thousand; a score that nobody can give a number counts as one.
    pub fn odd(&self) -> i64 {
        const MOST: i64 = 1000;
        let [score, threshold] = [&self.score, &self.threshold].map(|text| text.parse::<Amount>().ok());
        let hundred = Amount::from_whole(100);
        let part = score.zip(threshold).and_then(|(score, threshold)| score.checked_div(threshold)?.checked_mul(hundred?));
        let Some(part) = part else { return 100 };
        i64::try_from(part.units() / 1_000_000_000).unwrap_or(MOST).clamp(100, MOST)
    }
}

/// What the bureau asked or told a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// Number of the message.
    pub message: i64,
    /// Unit.
    pub unit: i64,
    /// `query` or `reminder`.
    pub kind: String,
    /// Form; empty where it is about several.
    pub form: String,
    /// Period; empty where it is about several.
    pub period: String,
    /// Payload digest.
    pub payload: String,
    /// Indicator or rule.
    pub subject: String,
    /// When, RFC 3339.
    pub at: String,
    /// Who.
    pub who: String,
    /// Its key.
    pub key: String,
    /// Number of the last answer; 0 where there is none.
    pub answer: i64,
    /// Number of the word that closed it; 0 where it is open.
    pub closed: i64,
}

fn thread(row: &Row<'_>) -> rusqlite::Result<Thread> {
    Ok(Thread {
        message: row.get(0)?,
        unit: row.get(1)?,
        kind: row.get(2)?,
        form: row.get(3)?,
        period: row.get(4)?,
        payload: row.get(5)?,
        subject: row.get(6)?,
        at: row.get(7)?,
        who: row.get(8)?,
        key: row.get(9)?,
        answer: row.get(10)?,
        closed: row.get(11)?,
    })
}

impl Thread {
    /// One of them.
    pub fn find(connection: &Connection, message: i64) -> rusqlite::Result<Option<Thread>> {
        connection.prepare_cached(sql::THREAD)?.query_row([message], thread).optional()
    }

    /// Those of a unit.
    pub fn of(connection: &Connection, unit: i64) -> rusqlite::Result<Vec<Thread>> {
        connection.prepare_cached(sql::THREADS_OF)?.query_map([unit], thread)?.collect()
    }

    /// Queries that nobody has closed.
    pub fn open(connection: &Connection) -> rusqlite::Result<Vec<Thread>> {
        connection.prepare_cached(sql::THREADS_OPEN)?.query_map([], thread)?.collect()
    }
}

/// Forms and periods of which something was reported.
pub fn periods(connection: &Connection) -> rusqlite::Result<Vec<(String, i64)>> {
    connection.prepare_cached(sql::PERIODS)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

impl Thread {
    /// Whether it waits for something: one of a person's for an answer, one of the robot's for what satisfies its rules.
    pub fn is_open(&self) -> bool {
        self.kind == "query" && self.closed == 0 && (self.answer == 0 || self.is_robot())
    }

    /// Whether the robot wrote it.
    pub fn is_robot(&self) -> bool {
        self.who.starts_with(ROBOT)
    }

    /// Forms and periods that it is about: one of the robot's lists them in its key.
    pub fn about(&self) -> Vec<(&str, &str)> {
        let Some(items) = self.key.strip_prefix(ROBOT) else { return vec![(self.form.as_str(), self.period.as_str())] };
        let items = items.split(';').filter_map(|item| item.split_once('@')?.1.split_once('/'));
        let mut found: Vec<(&str, &str)> = items.filter_map(|(form, rest)| Some((form, rest.split_once('/')?.0))).collect();
        found.dedup();
        found
    }
}

/// How the robot's name and its keys begin.
pub const ROBOT: &str = "robot:";

impl Outlier {
    /// What it is called as a rule: the screen and the figure.
    pub fn rule(&self) -> String {
        format!("{}:{}", self.screen, self.id)
    }
}
