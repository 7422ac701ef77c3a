//! One-time codes, certificates and revocations.

use super::{column, json};
use crate::{
    db::{self, Connection, OptionalExtension, Row, params},
    sql,
};

/// A one-time code for a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enrolment {
    /// Number; 0 until it is kept.
    pub id: i64,
    /// Unit.
    pub unit: String,
    /// Name of the person; empty for the unit's machine.
    pub person: String,
    /// Roles, as certificates name them.
    pub roles: Vec<String>,
    /// RFC 3339.
    pub expires: String,
    /// Number of the certificate that it was used for.
    pub used: Option<String>,
}

impl Enrolment {
    /// Keeps a code by its hash.
    pub fn add(&self, connection: &Connection, at: &str, hash: &str, who: &str) -> db::Result<()> {
        let row = params![at, self.unit, self.person, json(&self.roles)?, hash, self.expires, who];
        connection.prepare_cached(sql::ADD_ENROLMENT)?.execute(row).map(drop)
    }

    /// The code with this hash.
    pub fn find(connection: &Connection, hash: &str) -> db::Result<Option<Enrolment>> {
        let read = |row: &Row| {
            let roles: String = row.get(3)?;
            Ok(Enrolment {
                id: row.get(0)?,
                unit: row.get(1)?,
                person: row.get(2)?,
                roles: column(&roles, 3)?,
                expires: row.get(4)?,
                used: row.get(5)?,
            })
        };
        connection.prepare_cached(sql::ENROLMENT)?.query_row([hash], read).optional()
    }

    /// Uses it; a second time is refused by the database.
    pub fn spend(&self, connection: &Connection, at: &str, serial: &str) -> db::Result<()> {
        connection.prepare_cached(sql::ADD_ENROLLED)?.execute(params![self.id, at, serial]).map(drop)
    }
}

/// A certificate that was issued.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Issued {
    /// Its number, hexadecimal.
    pub serial: String,
    /// Unit.
    pub unit: String,
    /// Person; empty for a machine.
    pub person: String,
    /// Roles.
    pub roles: Vec<String>,
    /// Until when it holds, RFC 3339.
    pub until: String,
    /// Since when it is revoked.
    pub revoked: Option<String>,
}

impl Issued {
    /// Keeps it with its bytes.
    pub fn add(&self, connection: &Connection, at: &str, der: &[u8]) -> db::Result<()> {
        let row = params![self.serial, at, self.unit, self.person, json(&self.roles)?, self.until, der];
        connection.prepare_cached(sql::ADD_CERTIFICATE)?.execute(row).map(drop)
    }

    /// The certificate with this number.
    pub fn find(connection: &Connection, serial: &str) -> db::Result<Option<Issued>> {
        let read = |row: &Row| {
            let roles: String = row.get(2)?;
            let revoked = Issued::revoked(connection, serial)?;
            let (unit, person, until) = (row.get(0)?, row.get(1)?, row.get(3)?);
            Ok(Issued { serial: serial.to_owned(), unit, person, roles: column(&roles, 2)?, until, revoked })
        };
        connection.prepare_cached(sql::CERTIFICATE)?.query_row([serial], read).optional()
    }

    /// The bytes of a certificate.
    pub fn bytes(connection: &Connection, serial: &str) -> db::Result<Option<Vec<u8>>> {
        connection.prepare_cached(sql::CERTIFICATE)?.query_row([serial], |row| row.get(4)).optional()
    }

    /// Certificates of a unit, or all.
    pub fn all(connection: &Connection, unit: &str) -> db::Result<Vec<Issued>> {
        let read = |row: &Row| {
            let roles: String = row.get(3)?;
            let (serial, unit, person) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Issued { serial, unit, person, roles: column(&roles, 3)?, until: row.get(4)?, revoked: row.get(5)? })
        };
        connection.prepare_cached(sql::CERTIFICATES)?.query_map([unit], read)?.collect()
    }

    /// The certificates of a unit's people with their bytes, the newest first.
    pub fn people(connection: &Connection, unit: &str) -> db::Result<Vec<(Issued, Vec<u8>)>> {
        let read = |row: &Row| {
            let roles: String = row.get(2)?;
            let (serial, person, until, revoked) = (row.get(0)?, row.get(1)?, row.get(3)?, row.get(5)?);
            Ok((Issued { serial, unit: unit.to_owned(), person, roles: column(&roles, 2)?, until, revoked }, row.get(4)?))
        };
        connection.prepare_cached(sql::CERTIFICATES_OF_PEOPLE)?.query_map([unit], read)?.collect()
    }

    /// Since when a certificate is revoked.
    pub fn revoked(connection: &Connection, serial: &str) -> db::Result<Option<String>> {
        connection.prepare_cached(sql::REVOKED)?.query_row([serial], |row| row.get(0)).optional()
    }

    /// Everything that is revoked: number and since when.
    pub fn revocations(connection: &Connection) -> db::Result<Vec<(String, String)>> {
        connection.prepare_cached(sql::REVOCATIONS)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }

    /// Revokes a certificate; whether it was not yet.
    pub fn revoke(connection: &Connection, serial: &str, at: &str, reason: &str, who: &str) -> db::Result<bool> {
        if Issued::revoked(connection, serial)?.is_some() {
            return Ok(false);
        }
        connection.prepare_cached(sql::ADD_REVOCATION)?.execute(params![serial, at, reason, who])?;
        Ok(true)
    }
}
