//! The receiver's log: entries, the hashes of whole subtrees, checkpoints.

use rusqlite::{Connection, OptionalExtension, params};
use seal::{
    Digest, Note, Proof,
    log::{self, Nodes},
};

use crate::sql;

/// The log as a connection sees it.
pub struct Log<'a> {
    connection: &'a Connection,
    size: u64,
    /// The newest time of the entries that were added here.
    latest: String,
}

impl Nodes for Log<'_> {
    fn node(&self, level: u32, index: u64) -> Option<Digest> {
        let index = i64::try_from(index).ok()?;
        let mut statement = self.connection.prepare_cached(sql::NODE).ok()?;
        statement.query_row(params![level, index], |row| row.get::<_, [u8; 32]>(0)).ok().map(Digest)
    }
}

fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A log whose tables lack what they must have.
fn broken() -> rusqlite::Error {
    rusqlite::Error::QueryReturnedNoRows
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place, from 0.
    pub leaf: u64,
    /// What it is about: `receipt`, or the table of a row (`unit`, `enrolment`, `certificate`, `message` …).
    pub kind: String,
    /// Hash of the leaf.
    pub hash: String,
    /// Its bytes.
    pub record: Vec<u8>,
}

impl<'a> Log<'a> {
    /// The log as it is now.
    pub fn open(connection: &'a Connection) -> rusqlite::Result<Log<'a>> {
        let size: i64 = connection.prepare_cached(sql::SIZE)?.query_row([], |row| row.get(0))?;
        Ok(Log { connection, size: size.unsigned_abs(), latest: String::new() })
    }

    /// Leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where it stands, to come back to where what follows is taken back.
    pub fn mark(&self) -> (u64, String) {
        (self.size, self.latest.clone())
    }

    /// Comes back to where it stood.
    pub fn back(&mut self, mark: (u64, String)) {
        (self.size, self.latest) = mark;
    }

    /// Adds an entry of a moment; gives its place.
    pub fn append(&mut self, kind: &str, at: &str, record: &[u8]) -> rusqlite::Result<u64> {
        let leaf = log::leaf(record);
        let row = params![number(self.size), kind, leaf.to_string(), record];
        self.connection.prepare_cached(sql::ADD_ENTRY)?.execute(row)?;
        for (level, index, hash) in log::append(self, self.size, leaf).ok_or_else(broken)? {
            self.connection.prepare_cached(sql::ADD_NODE)?.execute(params![level, number(index), hash.0])?;
        }
        self.size += 1;
        // Times of one zone and length sort as texts.
        if *at > *self.latest {
            self.latest = at.to_owned();
        }
        Ok(self.size - 1)
    }

    /// Root of the first `size` leaves.
    pub fn root(&self, size: u64) -> rusqlite::Result<Digest> {
        log::root(self, size).ok_or_else(broken)
    }

    /// Keeps a checkpoint. Its time is that of its newest entry, so that it follows from the log.
    pub fn keep(&self, note: &Note) -> rusqlite::Result<()> {
        let row = params![number(self.size), self.latest, note.to_string()];
        self.connection.prepare_cached(sql::ADD_CHECKPOINT)?.execute(row).map(drop)
    }

    /// The newest checkpoint and its leaves.
    pub fn checkpoint(connection: &Connection) -> rusqlite::Result<Option<(u64, String)>> {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?));
        connection.prepare_cached(sql::CHECKPOINT)?.query_row([], read).optional()
    }

    /// The checkpoint of so many leaves; not every size has one.
    pub fn checkpoint_at(connection: &Connection, size: u64) -> rusqlite::Result<Option<(u64, String)>> {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?));
        connection.prepare_cached(sql::CHECKPOINT_AT)?.query_row([number(size)], read).optional()
    }

    /// All checkpoints: leaves, time and note.
    pub fn checkpoints(connection: &Connection) -> rusqlite::Result<Vec<(u64, String, String)>> {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?, row.get(2)?));
        connection.prepare_cached(sql::CHECKPOINTS)?.query_map([], read)?.collect()
    }

    /// Where a leaf stands.
    pub fn find(&self, hash: &str) -> rusqlite::Result<Option<u64>> {
        let read = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        Ok(self.connection.prepare_cached(sql::LEAF)?.query_row([hash], read).optional()?.map(i64::unsigned_abs))
    }

    /// The proof of a leaf, under a checkpoint.
    pub fn proof(&self, index: u64, size: u64, note: Note) -> rusqlite::Result<Proof> {
        Ok(Proof { index, path: self.inclusion(index, size)?, note })
    }

    /// Hashes from a leaf up.
    pub fn inclusion(&self, index: u64, size: u64) -> rusqlite::Result<Vec<Digest>> {
        log::inclusion(self, index, size).ok_or_else(broken)
    }

    /// That a log is the beginning of another.
    pub fn consistency(&self, from: u64, to: u64) -> rusqlite::Result<Vec<Digest>> {
        log::consistency(self, from, to).ok_or_else(broken)
    }

    /// Every hash of a whole subtree.
    pub fn nodes(connection: &Connection, mut each: impl FnMut(u32, u64, &[u8])) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(sql::NODES)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let level = u32::try_from(row.get::<_, i64>(0)?).unwrap_or(u32::MAX);
            each(level, row.get::<_, i64>(1)?.unsigned_abs(), row.get_ref(2)?.as_blob()?);
        }
        Ok(())
    }

    /// Every entry.
    pub fn entries(connection: &Connection, mut each: impl FnMut(Entry)) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(sql::ENTRIES)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let leaf = row.get::<_, i64>(0)?.unsigned_abs();
            each(Entry { leaf, kind: row.get(1)?, hash: row.get(2)?, record: row.get(3)? });
        }
        Ok(())
    }
}
