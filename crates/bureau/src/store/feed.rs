//! What came after a number, in order: for whoever derives something from the state and goes on where it stopped.

use exchange::Message;

use super::Unit;
use crate::{
    db::{self, Connection, OptionalExtension, Row, params},
    sql,
};

/// A version of a unit of the register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitVersion {
    /// Number of the row.
    pub id: i64,
    /// The unit; its channels are not read.
    pub unit: Unit,
}

impl UnitVersion {
    /// Those after a number.
    pub fn after(connection: &Connection, id: i64, most: usize) -> db::Result<Vec<UnitVersion>> {
        let read = |row: &Row| {
            let (code, name, region, industry) = (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
            Ok(UnitVersion { id: row.get(0)?, unit: Unit { code, name, region, industry, ..Unit::default() } })
        };
        connection.prepare_cached(sql::UNITS_AFTER)?.query_map(params![id, limit(most)], read)?.collect()
    }
}

/// A report that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landed {
    /// Number of the row.
    pub id: i64,
    /// Unit.
    pub unit: String,
    /// Form.
    pub form: String,
    /// Edition.
    pub edition: String,
    /// Period.
    pub period: String,
    /// Version, from 1.
    pub version: i64,
    /// Whether it is a test delivery (试填).
    pub trial: bool,
    /// `official` or `companion`.
    pub channel: String,
    /// Payload digest of its package.
    pub payload: String,
    /// Digest of the package's bytes.
    pub content: String,
    /// When the package arrived.
    pub at: String,
}

impl Landed {
    /// Those after a number.
    pub fn after(connection: &Connection, id: i64, most: usize) -> db::Result<Vec<Landed>> {
        let read = |row: &Row| {
            Ok(Landed {
                id: row.get(0)?,
                unit: row.get(1)?,
                form: row.get(2)?,
                edition: row.get(3)?,
                period: row.get(4)?,
                version: row.get(5)?,
                trial: row.get(6)?,
                channel: row.get(7)?,
                payload: row.get(8)?,
                content: row.get(9)?,
                at: row.get(10)?,
            })
        };
        connection.prepare_cached(sql::REPORTS_AFTER)?.query_map(params![id, limit(most)], read)?.collect()
    }

    /// What the log holds of its receipt.
    pub fn record(&self, connection: &Connection) -> db::Result<Option<Vec<u8>>> {
        connection.prepare_cached(sql::RECORD_OF)?.query_row([&self.payload, &self.unit], |row| row.get(0)).optional()
    }
}

/// A message with its unit and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Unit it is to or from.
    pub unit: String,
    /// Its key.
    pub key: String,
    /// Itself.
    pub message: Message,
}

impl Kept {
    /// Those after a number.
    pub fn after(connection: &Connection, id: i64, most: usize) -> db::Result<Vec<Kept>> {
        let read = |row: &Row| {
            let (unit, message) = super::messages::message(row)?;
            Ok(Kept { unit, key: row.get(11)?, message })
        };
        connection.prepare_cached(sql::MESSAGES_AFTER)?.query_map(params![id, limit(most)], read)?.collect()
    }
}

fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

impl Kept {
    /// Those of a unit of one kind, in their order.
    pub fn of_kind(connection: &Connection, unit: &str, kind: &str) -> db::Result<Vec<Kept>> {
        let read = |row: &Row| {
            let (unit, message) = super::messages::message(row)?;
            Ok(Kept { unit, key: row.get(11)?, message })
        };
        connection.prepare_cached(sql::MESSAGES_OF_KIND)?.query_map([unit, kind], read)?.collect()
    }
}
