//! The register of units (名录库).

use std::collections::BTreeMap;

use super::{column, json};
use crate::{
    db::{self, Connection, OptionalExtension, Row, params},
    sql,
};

/// A unit of the register.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// Unified social credit code.
    pub code: String,
    /// Name.
    pub name: String,
    /// Code of the region (行政区划代码).
    pub region: String,
    /// Code of the industry (行业代码).
    pub industry: String,
    /// Form → `official` where this receiver is the designated one, else `companion`.
    pub channels: BTreeMap<String, String>,
}

pub(super) fn unit(row: &Row) -> db::Result<Unit> {
    let channels: String = row.get(4)?;
    Ok(Unit { code: row.get(0)?, name: row.get(1)?, region: row.get(2)?, industry: row.get(3)?, channels: column(&channels, 4)? })
}

impl Unit {
    /// The unit with this code, as it stands now.
    pub fn find(connection: &Connection, code: &str) -> db::Result<Option<Unit>> {
        connection.prepare_cached(sql::UNIT)?.query_row([code], unit).optional()
    }

    /// All units as they stand now.
    pub fn all(connection: &Connection) -> db::Result<Vec<Unit>> {
        connection.prepare_cached(sql::UNITS)?.query_map([], unit)?.collect()
    }

    /// Adds the unit, or a version of it where something changed; whether anything was new.
    pub fn add(&self, connection: &Connection, at: &str, source: &str) -> db::Result<bool> {
        if Unit::find(connection, &self.code)?.as_ref() == Some(self) {
            return Ok(false);
        }
        let channels = json(&self.channels)?;
        let row = params![at, self.code, self.name, self.region, self.industry, channels, source];
        connection.prepare_cached(sql::ADD_UNIT)?.execute(row)?;
        Ok(true)
    }

    /// The channel of a form.
    pub fn channel(&self, form: &str) -> &str {
        self.channels.get(form).map_or("companion", String::as_str)
    }
}
