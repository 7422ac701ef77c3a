//! The receiver's log: entries, the hashes of whole subtrees, checkpoints.

use std::{cell::RefCell, collections::HashMap};

use seal::{
    Digest, Note, Proof,
    log::{self, Nodes},
};

use crate::{
    db::{self, Connection, OptionalExtension, Row, Value, params},
    sql,
};

/// The log as a connection sees it.
pub struct Log<'a> {
    connection: &'a Connection,
    size: u64,
    /// The newest time of the entries that were added here.
    latest: String,
    /// Hashes of whole subtrees that were added or read here: they never change.
    known: RefCell<HashMap<(u32, u64), Digest>>,
}

impl Nodes for Log<'_> {
    fn node(&self, level: u32, index: u64) -> Option<Digest> {
        if let Some(known) = self.known.borrow().get(&(level, index)) {
            return Some(*known);
        }
        let place = i64::try_from(index).ok()?;
        let mut statement = self.connection.prepare_cached(sql::NODE).ok()?;
        let hash = Digest(statement.query_row(params![level, place], |row| row.get::<_, [u8; 32]>(0)).ok()?);
        self.known.borrow_mut().insert((level, index), hash);
        Some(hash)
    }
}

fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A log whose tables lack what they must have.
fn broken() -> db::Error {
    db::Error::NoRows
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
    pub fn open(connection: &'a Connection) -> db::Result<Log<'a>> {
        let size: i64 = connection.prepare_cached(sql::SIZE)?.query_row([], |row| row.get(0))?;
        let (known, latest) = (RefCell::default(), String::new());
        Ok(Log { connection, size: size.unsigned_abs(), latest, known })
    }

    /// The log as it is now, with what entries that follow are joined to: the largest whole subtrees. Their proofs need no others.
    pub fn begin(connection: &'a Connection) -> db::Result<Log<'a>> {
        let log = Log::open(connection)?;
        let (mut first, mut peaks) = (0_u64, Vec::new());
        for level in (0..u64::BITS).rev().filter(|level| log.size >> level & 1 == 1) {
            peaks.push((level, first >> level));
            first += 1 << level;
        }
        let ask = |(level, place): &(u32, u64)| {
            (sql::NODE.into(), vec![Value::Integer(i64::from(*level)), Value::Integer(number(*place))])
        };
        connection.expect(peaks.iter().map(ask).collect())?;
        for (level, place) in peaks {
            log.node(level, place).ok_or_else(broken)?;
        }
        Ok(log)
    }

    /// Leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds an entry of a moment; gives its place.
    pub fn append(&mut self, kind: &str, at: &str, record: &[u8]) -> db::Result<u64> {
        let leaf = log::leaf(record);
        let row = params![number(self.size), kind, leaf.to_string(), record];
        self.connection.prepare_cached(sql::ADD_ENTRY)?.execute(row)?;
        for (level, index, hash) in log::append(self, self.size, leaf).ok_or_else(broken)? {
            self.connection.prepare_cached(sql::ADD_NODE)?.execute(params![level, number(index), hash.0])?;
            self.known.borrow_mut().insert((level, index), hash);
        }
        self.size += 1;
        // Times of one zone and length sort as texts.
        if *at > *self.latest {
            self.latest = at.to_owned();
        }
        Ok(self.size - 1)
    }

    /// Root of the first `size` leaves.
    pub fn root(&self, size: u64) -> db::Result<Digest> {
        log::root(self, size).ok_or_else(broken)
    }

    /// Keeps a checkpoint. Its time is that of its newest entry, so that it follows from the log.
    pub fn keep(&self, note: &Note) -> db::Result<()> {
        let row = params![number(self.size), self.latest, note.to_string()];
        self.connection.prepare_cached(sql::ADD_CHECKPOINT)?.execute(row).map(drop)
    }

    /// The newest checkpoint and its leaves.
    pub fn checkpoint(connection: &Connection) -> db::Result<Option<(u64, String)>> {
        let read = |row: &Row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?));
        connection.prepare_cached(sql::CHECKPOINT)?.query_row([], read).optional()
    }

    /// The checkpoint of so many leaves; not every size has one.
    pub fn checkpoint_at(connection: &Connection, size: u64) -> db::Result<Option<(u64, String)>> {
        let read = |row: &Row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?));
        connection.prepare_cached(sql::CHECKPOINT_AT)?.query_row([number(size)], read).optional()
    }

    /// A row of all checkpoints: leaves, time and note.
    pub fn read_checkpoint(row: Option<&Row>) -> db::Result<Option<(u64, String, String)>> {
        row.map(|row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?, row.get(2)?))).transpose()
    }

    /// Levels of the tree, and how many hashes of whole subtrees are kept.
    pub fn height(connection: &Connection) -> db::Result<(usize, u64)> {
        let read = |row: &Row| {
            let height = usize::try_from(row.get::<_, i64>(0)?).unwrap_or_default();
            Ok((height, row.get::<_, i64>(1)?.unsigned_abs()))
        };
        connection.prepare_cached(sql::NODES)?.query_row([], read)
    }

    /// Where a leaf stands.
    pub fn find(&self, hash: &str) -> db::Result<Option<u64>> {
        let read = |row: &Row| row.get::<_, i64>(0);
        Ok(self.connection.prepare_cached(sql::LEAF)?.query_row([hash], read).optional()?.map(i64::unsigned_abs))
    }

    /// The proof of a leaf, under a checkpoint.
    pub fn proof(&self, index: u64, size: u64, note: Note) -> db::Result<Proof> {
        Ok(Proof { index, path: self.inclusion(index, size)?, note })
    }

    /// Hashes from a leaf up.
    pub fn inclusion(&self, index: u64, size: u64) -> db::Result<Vec<Digest>> {
        log::inclusion(self, index, size).ok_or_else(broken)
    }

    /// That a log is the beginning of another.
    pub fn consistency(&self, from: u64, to: u64) -> db::Result<Vec<Digest>> {
        log::consistency(self, from, to).ok_or_else(broken)
    }

    /// Every entry.
    pub fn entries(connection: &Connection, mut each: impl FnMut(Entry) -> db::Result<()>) -> db::Result<()> {
        let mut statement = connection.prepare_cached(sql::ENTRIES)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let leaf = row.get::<_, i64>(0)?.unsigned_abs();
            each(Entry { leaf, kind: row.get(1)?, hash: row.get(2)?, record: row.get(3)? })?;
        }
        Ok(())
    }
}
