//! What arrived: packages under their digests, reports as linked versions, receipts.

use super::{column, json};
use crate::{
    db::{self, Connection, OptionalExtension, Row, params},
    sql,
};

/// A receipt that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Whether the package was taken.
    pub accepted: bool,
    /// The container.
    pub receipt: Vec<u8>,
    /// Codes of the reasons.
    pub reasons: Vec<String>,
}

fn known(row: &Row) -> db::Result<Known> {
    let reasons: String = row.get(2)?;
    Ok(Known { accepted: row.get(0)?, receipt: row.get(1)?, reasons: column(&reasons, 2)? })
}

impl Known {
    /// The receipt of a payload: that of the taken package, else that of the last refusal.
    pub fn of_payload(connection: &Connection, payload: &str, unit: &str) -> db::Result<Option<Known>> {
        connection.prepare_cached(sql::RECEIPT)?.query_row([payload, unit], known).optional()
    }

    /// The last receipt of the same bytes.
    pub fn of_bytes(connection: &Connection, content: &str, unit: &str) -> db::Result<Option<Known>> {
        connection.prepare_cached(sql::RECEIPT_OF_BYTES)?.query_row([content, unit], known).optional()
    }

    /// Keeps it, of `payload` in the bytes `content`, under its leaf.
    pub fn add(&self, connection: &Connection, at: &str, unit: &str, digests: [&str; 2], leaf: u64) -> db::Result<()> {
        let [payload, content] = digests;
        let leaf = i64::try_from(leaf).unwrap_or(i64::MAX);
        let row = params![at, unit, payload, content, self.accepted, json(&self.reasons)?, leaf, self.receipt];
        connection.prepare_cached(sql::ADD_RECEIPT)?.execute(row).map(drop)
    }

    /// Every receipt as its row is: unit, payload, digest of the bytes, time and reasons; leaf, whether the package was taken, and the container.
    pub fn each(connection: &Connection, mut each: impl FnMut([String; 5], u64, i64, Vec<u8>)) -> db::Result<()> {
        let mut statement = connection.prepare_cached(sql::RECEIPTS)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let texts = [row.get(0)?, row.get(1)?, row.get(2)?, row.get(7)?, row.get(4)?];
            each(texts, row.get::<_, i64>(5)?.unsigned_abs(), row.get(3)?, row.get(6)?);
        }
        Ok(())
    }

    /// Every receipt's row with its entry's bytes and the leaves under the first checkpoint over it.
    pub fn each_checked(
        connection: &Connection,
        mut each: impl FnMut(Receipted, Option<Vec<u8>>, Option<u64>) -> db::Result<()>,
    ) -> db::Result<()> {
        let mut statement = connection.prepare_cached(sql::RECEIPTS_CHECKED)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let texts = [row.get(0)?, row.get(1)?, row.get(2)?, row.get(7)?, row.get(4)?];
            let leaf = row.get::<_, i64>(5)?.unsigned_abs();
            let receipt = Receipted { texts, leaf, accepted: row.get(3)?, body: row.get(6)? };
            each(receipt, row.get(8)?, row.get::<_, Option<i64>>(9)?.map(i64::unsigned_abs))?;
        }
        Ok(())
    }

    /// Entries of receipts that have no row.
    pub fn unwritten(connection: &Connection, mut each: impl FnMut(Vec<u8>)) -> db::Result<()> {
        let mut statement = connection.prepare_cached(sql::UNRECEIPTED)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            each(row.get(0)?);
        }
        Ok(())
    }

    /// Rows whose yes or no is neither, which statements would pass over, and tables that are not numbered one by one: what they are and which.
    pub fn untrue(connection: &Connection) -> db::Result<Vec<[String; 2]>> {
        connection.prepare_cached(sql::UNTRUE)?.query_map([], |row| Ok([row.get(0)?, row.get(1)?]))?.collect()
    }
}

/// A receipt's row as it stands, for checks.
#[derive(Clone, Debug)]
pub struct Receipted {
    /// Unit, payload, digest of the bytes, time and reasons.
    pub texts: [String; 5],
    /// Its place in the log.
    pub leaf: u64,
    /// Whether the package was taken: 1 or 0.
    pub accepted: i64,
    /// The container.
    pub body: Vec<u8>,
}

/// The newest version of a form of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Number of the row.
    pub id: i64,
    /// Version, from 1.
    pub version: u32,
    /// Payload digest of its package.
    pub payload: String,
    /// Digest of its bytes.
    pub content: String,
    /// Where it stands in the package.
    pub file: String,
    /// `official` or `companion`.
    pub channel: String,
}

/// A report that is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReport {
    /// Form.
    pub form: String,
    /// Edition.
    pub edition: String,
    /// Period.
    pub period: String,
    /// Where it stands in the package.
    pub file: String,
    /// `official` or `companion`.
    pub channel: String,
}

impl Report {
    /// The newest version there is.
    pub fn newest(connection: &Connection, unit: &str, report: [&str; 3], trial: bool) -> db::Result<Option<Report>> {
        let [form, edition, period] = report;
        let read = |row: &Row| {
            let (id, version, payload) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Report { id, version, payload, content: row.get(3)?, file: row.get(4)?, channel: row.get(5)? })
        };
        connection.prepare_cached(sql::REPORT)?.query_row(params![unit, form, edition, period, trial], read).optional()
    }

    /// The newest report of each form of a period: form, digest of the package, file in it.
    pub fn of_period(connection: &Connection, unit: &str, period: &str) -> db::Result<Vec<[String; 3]>> {
        let read = |row: &Row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]);
        let rows: Vec<[String; 3]> =
            connection.prepare_cached(sql::REPORTS_OF)?.query_map([unit, period], read)?.collect::<db::Result<_>>()?;
        // Versions come in their order: the last of each form counts.
        let mut newest: Vec<[String; 3]> = Vec::new();
        for row in rows {
            newest.retain(|known| known[0] != row[0]);
            newest.push(row);
        }
        Ok(newest)
    }

    /// Reports for people: unit, form, edition, period, version, trial, channel, payload, time.
    pub fn list(connection: &Connection, unit: &str, form: &str, period: &str) -> db::Result<Vec<[String; 9]>> {
        let read = |row: &Row| {
            let version: u32 = row.get(4)?;
            let trial: bool = row.get(5)?;
            let text = |at: usize| row.get::<_, String>(at);
            let kept = [text(0)?, text(1)?, text(2)?, text(3)?, version.to_string(), trial.to_string()];
            let [unit, form, edition, period, version, trial] = kept;
            Ok([unit, form, edition, period, version, trial, text(6)?, text(7)?, text(8)?])
        };
        connection.prepare_cached(sql::REPORTS)?.query_map([unit, form, period], read)?.collect()
    }
}

/// A report's row as it stands, for checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Number of the row.
    pub id: i64,
    /// Payload digest of its package; nothing where that is gone.
    pub payload: Option<String>,
    /// Unit.
    pub unit: String,
    /// What it is of.
    pub report: NewReport,
    /// Whether it is a test delivery (试填).
    pub trial: bool,
    /// Version, from 1.
    pub version: u64,
    /// Number of the row that it corrects.
    pub previous: Option<i64>,
}

impl Kept {
    /// Every report, by what it is of and by version.
    pub fn each(connection: &Connection, mut each: impl FnMut(Kept) -> db::Result<()>) -> db::Result<()> {
        let read = |row: &Row| -> db::Result<Kept> {
            let (form, edition, period) = (row.get(3)?, row.get(4)?, row.get(5)?);
            let report = NewReport { form, edition, period, file: row.get(6)?, channel: row.get(7)? };
            let (id, payload, unit) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let version = row.get::<_, i64>(9)?.unsigned_abs();
            Ok(Kept { id, payload, unit, report, trial: row.get(8)?, version, previous: row.get(10)? })
        };
        let mut statement = connection.prepare_cached(sql::REPORTS_CHECKED)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            each(read(row)?)?;
        }
        Ok(())
    }
}

impl NewReport {
    /// Keeps it as the version after `before`; gives its version.
    pub fn add(
        &self,
        connection: &Connection,
        package: i64,
        unit: &str,
        trial: bool,
        before: Option<&Report>,
    ) -> db::Result<u32> {
        let version = before.map_or(1, |before| before.version + 1);
        let NewReport { form, edition, period, file, channel } = self;
        let row = params![package, unit, form, edition, period, file, channel, trial, version, before.map(|before| before.id)];
        connection.prepare_cached(sql::ADD_REPORT)?.execute(row)?;
        Ok(version)
    }
}

/// Bytes under their digest.
#[derive(Debug)]
pub struct Blob;

impl Blob {
    /// Keeps bytes, once.
    pub fn add(connection: &Connection, sha256: &str, bytes: &[u8]) -> db::Result<()> {
        connection.prepare_cached(sql::ADD_BLOB)?.execute(params![sha256, bytes]).map(drop)
    }

    /// Digests of all that is kept, in their order, and whether the bytes are in the row.
    pub fn each(connection: &Connection, mut each: impl FnMut(String, bool) -> db::Result<()>) -> db::Result<()> {
        let mut statement = connection.prepare_cached(sql::BLOBS)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            each(row.get(0)?, row.get::<_, i64>(1)? > 0)?;
        }
        Ok(())
    }

    /// Bytes of a digest.
    pub fn get(connection: &Connection, sha256: &str) -> db::Result<Option<Vec<u8>>> {
        connection.prepare_cached(sql::BLOB)?.query_row([sha256], |row| row.get(0)).optional()
    }
}

/// A package that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// When.
    pub at: String,
    /// Unit.
    pub unit: String,
    /// Payload digest.
    pub payload: String,
    /// Digest of the bytes.
    pub content: String,
    /// Whether it is a test delivery (试填).
    pub trial: bool,
}

impl Taken {
    /// Keeps it; gives its number.
    pub fn add(&self, connection: &Connection) -> db::Result<i64> {
        let row = params![self.at, self.unit, self.payload, self.content, self.trial];
        connection.prepare_cached(sql::ADD_PACKAGE)?.execute(row)?;
        Ok(connection.last_insert_rowid())
    }

    /// Whose package has a payload digest, and its bytes' digest.
    pub fn owner(connection: &Connection, payload: &str) -> db::Result<Option<[String; 2]>> {
        let read = |row: &Row| Ok([row.get(0)?, row.get(1)?]);
        connection.prepare_cached(sql::PACKAGE)?.query_row([payload], read).optional()
    }

    /// Every package, in the order in which they came.
    pub fn each(connection: &Connection, mut each: impl FnMut(Taken) -> db::Result<()>) -> db::Result<()> {
        let mut statement = connection.prepare_cached(sql::PACKAGES)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (at, unit, payload) = (row.get(0)?, row.get(1)?, row.get(2)?);
            each(Taken { at, unit, payload, content: row.get(3)?, trial: row.get(4)? })?;
        }
        Ok(())
    }

    /// Every package.
    pub fn all(connection: &Connection) -> db::Result<Vec<Taken>> {
        let mut all = Vec::new();
        Taken::each(connection, |taken| {
            all.push(taken);
            Ok(())
        })?;
        Ok(all)
    }
}

/// A checkpoint of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Its log.
    pub origin: String,
    /// Leaves.
    pub size: u64,
    /// Root.
    pub root: String,
}

impl Agent {
    /// The last one that was countersigned.
    pub fn last(connection: &Connection, unit: &str, origin: &str) -> db::Result<Option<Agent>> {
        let read =
            |row: &Row| Ok(Agent { origin: origin.to_owned(), size: row.get::<_, i64>(0)?.unsigned_abs(), root: row.get(1)? });
        connection.prepare_cached(sql::AGENT)?.query_row([unit, origin], read).optional()
    }

    /// Every one, in the order in which they came: time, unit, itself and its note.
    pub fn each(
        connection: &Connection,
        mut each: impl FnMut(String, String, Agent, String) -> db::Result<()>,
    ) -> db::Result<()> {
        let mut statement = connection.prepare_cached(sql::AGENTS)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let agent = Agent { origin: row.get(2)?, size: row.get::<_, i64>(3)?.unsigned_abs(), root: row.get(4)? };
            each(row.get(0)?, row.get(1)?, agent, row.get(5)?)?;
        }
        Ok(())
    }

    /// Keeps one with the note that was countersigned.
    pub fn add(&self, connection: &Connection, at: &str, unit: &str, note: &str) -> db::Result<()> {
        let size = i64::try_from(self.size).unwrap_or(i64::MAX);
        connection.prepare_cached(sql::ADD_AGENT)?.execute(params![at, unit, self.origin, size, self.root, note]).map(drop)
    }
}
