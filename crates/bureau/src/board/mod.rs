/*!
The board: what a county sees of all its units, as a projection of what arrived.

`board.sqlite` in the state folder is derived and disposable: deleting it loses nothing, and made anew from what arrived it has the same content. It
is fed in order by [`feed`], from the last number of units, reports, messages and imports that it has, so that it does not matter which receiver took
something. Nothing that leaves as evidence takes a value from it: exports read the packages ([`export`]).
*/

mod brief;
mod cells;
mod compare;
mod duty;
mod export;
mod feed;
mod keyed;
mod late;
mod portal;
mod progress;
mod queue;
mod read;
mod screens;
pub mod sql;
mod totals;
mod unit;
mod watch;
mod write;

pub use brief::{Brief, Headline, accepted, brief};
pub use cells::{Cells, Sum, Sums, count, pack, pack_sums};
pub use compare::{Compared, Month as MonthOf, compare};
pub use duty::{Duties, Standing, day_of, due, standing};
pub use export::{Sheet, Target, exported, save};
pub use feed::{Fed, catch_up, rebuild, seconds};
pub use keyed::{Contribution, Key, Keyed, Warning, contributions, warnings};
pub use late::{Around, Late, Missing, late, letters};
pub use portal::{Difference, Reading, differences, import};
pub use progress::{Group, Progress, progress};
pub use queue::{Queue, Queued, Reason, queue};
pub use read::{Decision, Figures, Hit, Outlier, ROBOT, Register, Registered, Short, Slot, Slots, State, Thread, periods};
pub use screens::refresh;
pub use totals::{By, Total, Totals, totals};
pub use unit::{OfUnit, UnitMonth, months};
pub use watch::{turn, watch};

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use model::Month;
use rusqlite::{Connection, TransactionBehavior};

use crate::store::StoreError;

/// Which reports are looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Form; every one where empty.
    pub form: String,
    /// First digits of the region (行政区划代码); all where empty.
    pub area: String,
    /// First digits of the industry (行业代码); all where empty.
    pub trade: String,
}

impl Asked {
    /// Whether a unit is one of those.
    pub fn takes(&self, unit: &Registered) -> bool {
        unit.region.starts_with(&self.area) && unit.industry.starts_with(&self.trade)
    }
}

/// The board's file.
pub struct Board {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    register: Mutex<Option<(i64, Arc<Register>)>>,
}

/// A period as the board numbers it.
pub fn number(month: Month) -> i64 {
    i64::from(month.year()) * 12 + i64::from(month.month()) - 1
}

/// The month of a number.
pub fn month(number: i64) -> Option<Month> {
    Month::new(u16::try_from(number.div_euclid(12)).ok()?, u8::try_from(number.rem_euclid(12) + 1).ok()?)
}

impl Board {
    /// Opens the board of a state folder, making it where there is none or one of another version.
    pub fn open(folder: &Path) -> Result<Board, StoreError> {
        let board = Board { path: folder.join("board.sqlite"), idle: Mutex::default(), register: Mutex::default() };
        board.make(false)?;
        Ok(board)
    }

    /// Makes the tables, and anew where that is wanted.
    pub(crate) fn make(&self, anew: bool) -> Result<(), StoreError> {
        let refused = self.refused();
        let mut connection = self.connect()?;
        // What is in it can be made again, so that no power failure is waited for.
        connection.pragma_update(None, "journal_mode", "WAL").map_err(&refused)?;
        let making = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&refused)?;
        let found: i64 = making.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(&refused)?;
        if anew || found != sql::VERSION {
            for table in tables(&making).map_err(&refused)? {
                making.execute_batch(&sql::away(&table)).map_err(&refused)?;
            }
            making.execute_batch(sql::SCHEMA).map_err(&refused)?;
            making.pragma_update(None, "user_version", sql::VERSION).map_err(&refused)?;
        }
        making.commit().map_err(&refused)
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let refused = self.refused();
        let connection = Connection::open(&self.path).map_err(&refused)?;
        connection.busy_timeout(Duration::from_secs(60)).map_err(&refused)?;
        connection.pragma_update(None, "synchronous", "OFF").map_err(&refused)?;
        connection.pragma_update(None, "cache_size", -65_536).map_err(&refused)?;
        connection.set_prepared_statement_cache_capacity(96);
        Ok(connection)
    }

    /// Reads, in one state of the file.
    pub fn read<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = idle.map_or_else(|| self.connect(), Ok)?;
        connection.execute_batch("BEGIN").map_err(self.refused())?;
        let answer = ask(&connection);
        if connection.execute_batch("ROLLBACK").is_ok() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        answer.map_err(self.refused())
    }

    /// Writes in one transaction: one at a time, whichever process it is of.
    pub fn write<T>(&self, act: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut connection = self.connect()?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(self.refused())?;
        let done = act(&transaction)?;
        transaction.commit().map_err(self.refused())?;
        Ok(done)
    }

    /// The register as it stands now, read again where a unit came or changed.
    pub fn register(&self) -> Result<Arc<Register>, StoreError> {
        let mark = self.read(|connection| read::mark(connection, feed::UNIT))?;
        if let Some((known, register)) = &*self.register.lock().unwrap_or_else(PoisonError::into_inner)
            && *known == mark
        {
            return Ok(Arc::clone(register));
        }
        let register = Arc::new(self.read(Register::read)?);
        *self.register.lock().unwrap_or_else(PoisonError::into_inner) = Some((mark, Arc::clone(&register)));
        Ok(register)
    }

    /// SQLite's word as an error.
    pub(crate) fn refused(&self) -> impl Fn(rusqlite::Error) -> StoreError + use<> {
        let place = self.path.display().to_string();
        move |source| StoreError::Database { place: place.clone(), source: source.into() }
    }

    /// A row that does not read as what was written.
    pub(crate) fn damaged(&self, reason: impl std::fmt::Display) -> StoreError {
        StoreError::Damaged { place: self.path.display().to_string(), reason: reason.to_string() }
    }
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut found = Vec::new();
    connection.pragma_query(None, "table_list", |row| {
        let (name, kind): (String, String) = (row.get(1)?, row.get(2)?);
        if kind == "table" && !name.starts_with("sqlite_") {
            found.push(name);
        }
        Ok(())
    })?;
    Ok(found)
}
