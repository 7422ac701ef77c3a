//! What exports of the national platform said, and what the bureau notes for itself.

use crate::{
    db::{self, Connection, OptionalExtension, Row, params},
    sql,
};

/// An export of the platform as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortalSheet {
    /// Number of the row; 0 until it is kept.
    pub id: i64,
    /// Form.
    pub form: String,
    /// Edition.
    pub edition: String,
    /// Name of the file.
    pub file: String,
    /// Its SHA-256.
    pub sha256: String,
    /// What was read of it, as canonical JSON.
    pub body: Vec<u8>,
}

impl PortalSheet {
    /// Keeps it; whether it is new.
    pub fn add(&self, connection: &Connection, at: &str, who: &str) -> db::Result<bool> {
        let key = [&self.form, &self.edition, &self.sha256];
        if connection.prepare_cached(sql::PORTAL_KNOWN)?.query_row(key, |_| Ok(())).optional()?.is_some() {
            return Ok(false);
        }
        let row = params![at, self.form, self.edition, self.file, self.sha256, self.body, who];
        connection.prepare_cached(sql::ADD_PORTAL)?.execute(row)?;
        Ok(true)
    }

    /// Those after a number.
    pub fn after(connection: &Connection, id: i64, most: i64) -> db::Result<Vec<PortalSheet>> {
        let read = |row: &Row| {
            let (id, form, edition, file) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(PortalSheet { id, form, edition, file, sha256: row.get(4)?, body: row.get(5)? })
        };
        connection.prepare_cached(sql::PORTALS_AFTER)?.query_map(params![id, most], read)?.collect()
    }
}

/// A note of the bureau's own about a message: no unit is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remark {
    /// Number; 0 until it is kept.
    pub id: i64,
    /// When.
    pub at: String,
    /// Unit that it is about.
    pub unit: String,
    /// `escalation`.
    pub kind: String,
    /// The message that it is about.
    pub message: i64,
    /// Who.
    pub who: String,
    /// The same key of a unit is the same note.
    pub key: String,
    /// The words.
    pub text: String,
}

fn remark(row: &Row) -> db::Result<Remark> {
    Ok(Remark {
        id: row.get(0)?,
        at: row.get(1)?,
        unit: row.get(2)?,
        kind: row.get(3)?,
        message: row.get(4)?,
        who: row.get(5)?,
        key: row.get(6)?,
        text: row.get(7)?,
    })
}

impl Remark {
    /// Keeps it; whether it is new.
    pub fn add(&self, connection: &Connection, at: &str) -> db::Result<bool> {
        if connection.prepare_cached(sql::REMARK_OF_KEY)?.query_row([&self.unit, &self.key], remark).optional()?.is_some() {
            return Ok(false);
        }
        let row = params![at, self.unit, self.kind, self.message, self.who, self.key, self.text];
        connection.prepare_cached(sql::ADD_REMARK)?.execute(row)?;
        Ok(true)
    }

    /// Of a unit, or of all; the newest first.
    pub fn all(connection: &Connection, unit: &str) -> db::Result<Vec<Remark>> {
        connection.prepare_cached(sql::REMARKS)?.query_map([unit], remark)?.collect()
    }
}
