//! What must be there, written down beside what is there: as much as there is, on the disk and not in memory.

use rusqlite::{OptionalExtension, Rows, params};
use seal::{Digest, Receipt, Verdict, canonical};
use serde_json::Value;

use super::sql;
use crate::{
    db,
    store::{Act, Agent, Taken},
};

/// Tables of a check.
pub(super) struct Scratch {
    connection: rusqlite::Connection,
}

/// A key of a table: a number, or a text.
pub(super) type Key = (i64, String);

/// What tells a row from others of its table.
pub(super) fn key(value: &Value) -> Key {
    value
        .as_i64()
        .map_or_else(|| (0, value.as_str().map_or_else(|| value.to_string(), str::to_owned)), |number| (number, String::new()))
}

/// A key in words.
pub(super) fn shown((number, name): &Key) -> String {
    if name.is_empty() { number.to_string() } else { name.clone() }
}

/// Digest of a row: of its canonical bytes, as the order of an object's keys in memory is that of whoever built it.
fn digest(row: &Value) -> [u8; 32] {
    let bytes = canonical::to_bytes(row).unwrap_or_else(|_| row.to_string().into_bytes());
    Digest::of(&bytes).0
}

/// What an agent's checkpoint is called.
pub(super) fn label(at: &str, unit: &str, agent: &Agent) -> String {
    format!("{unit} {} {at}", agent.size)
}

fn of_agent(at: &str, unit: &str, agent: &Agent, note: &str) -> [u8; 32] {
    let Agent { origin, size, root } = agent;
    Digest::of(serde_json::json!([at, unit, origin, size, root, note]).to_string().as_bytes()).0
}

/// A version of a form that must be there.
pub(super) struct Version {
    /// Unit, form, edition and period, and whether it is a test delivery.
    pub key: ([String; 4], i64),
    /// Payload digest of its package.
    pub payload: String,
    /// Channel.
    pub channel: String,
    /// Version.
    pub version: u64,
}

impl Scratch {
    pub(super) fn new() -> db::Result<Scratch> {
        let connection = db::scratch()?;
        connection.execute_batch(sql::TABLES)?;
        connection.execute_batch("BEGIN")?;
        Ok(Scratch { connection })
    }

    /// A row that is an entry.
    pub(super) fn act(&self, act: &Act) -> db::Result<()> {
        let (number, name) = key(&act.row[act.key_column()]);
        self.connection.prepare_cached(sql::ACT)?.execute(params![act.table, number, name, digest(&act.row)])?;
        Ok(())
    }

    /// What follows from a receipt.
    pub(super) fn receipt(&self, leaf: u64, receipt: &Receipt) -> db::Result<()> {
        if receipt.verdict != Verdict::Received {
            return Ok(());
        }
        let (payload, content, leaf) = (receipt.payload.to_string(), receipt.package.to_string(), leaf.cast_signed());
        let row = params![payload, leaf, receipt.received.to_string(), receipt.unit, content, receipt.test];
        self.connection.prepare_cached(sql::TAKEN)?.execute(row)?;
        self.connection.prepare_cached(sql::CONTENT)?.execute([&content])?;
        for form in &receipt.forms {
            let (version, seal::Form { form, edition, period, .. }) = (form.version.cast_signed(), form);
            let row = params![leaf, receipt.unit, form, edition, period, receipt.test, payload, receipt.channel, version];
            self.connection.prepare_cached(sql::VERSION)?.execute(row)?;
        }
        Ok(())
    }

    /// The package that must be there under a payload digest, and its leaf; once.
    pub(super) fn take(&self, payload: &str) -> db::Result<Option<(u64, Taken)>> {
        let read = |row: &rusqlite::Row<'_>| {
            let (at, unit, content) = (row.get(1)?, row.get(2)?, row.get(3)?);
            let taken = Taken { at, unit, payload: payload.to_owned(), content, trial: row.get(4)? };
            Ok((row.get::<_, i64>(0)?.unsigned_abs(), taken))
        };
        Ok(self.connection.prepare_cached(sql::TAKE)?.query_row([payload], read).optional()?)
    }

    /// Payload digests of packages that were not asked for.
    pub(super) fn not_taken(&self, mut each: impl FnMut(String)) -> db::Result<()> {
        let mut statement = self.connection.prepare_cached(sql::NOT_TAKEN)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            each(row.get(0)?);
        }
        Ok(())
    }

    /// A checkpoint of an agent that must be there.
    pub(super) fn wanted(&self, at: &str, unit: &str, agent: &Agent, note: &str) -> db::Result<()> {
        let row = params![of_agent(at, unit, agent, note), label(at, unit, agent)];
        self.connection.prepare_cached(sql::WANTED)?.execute(row)?;
        Ok(())
    }

    /// A checkpoint of an agent that is there.
    pub(super) fn found(&self, at: &str, unit: &str, agent: &Agent, note: &str) -> db::Result<()> {
        let row = params![of_agent(at, unit, agent, note), label(at, unit, agent)];
        self.connection.prepare_cached(sql::FOUND)?.execute(row)?;
        Ok(())
    }

    /// Checkpoints of agents that differ. The same ones in another order are one finding: the last one is asked for by its number.
    pub(super) fn odd(&self, mut each: impl FnMut(String)) -> db::Result<()> {
        let apart: i64 = self.connection.query_row(sql::APART, [], |row| row.get(0))?;
        if apart == 0 {
            return Ok(());
        }
        let (mut statement, mut any) = (self.connection.prepare(sql::ODD)?, false);
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            any = true;
            each(row.get(0)?);
        }
        if !any {
            each("≠".to_owned());
        }
        Ok(())
    }

    /// Compares the rows of a table that are entries: `rows` gives them in the order of their keys.
    pub(super) fn acts(
        &self,
        table: &str,
        rows: impl FnOnce(&mut dyn FnMut(Key, Value) -> db::Result<()>) -> db::Result<()>,
        mut differs: impl FnMut(&Key),
    ) -> db::Result<()> {
        let mut statement = self.connection.prepare_cached(sql::ACTS)?;
        let mut walk = Walk::new(statement.query([table])?, |row| Ok(((row.get(0)?, row.get(1)?), row.get::<_, [u8; 32]>(2)?)))?;
        rows(&mut |key, row| {
            while let Some((wanted, _)) = walk.peek().filter(|(wanted, _)| *wanted < key) {
                differs(wanted);
                walk.step()?;
            }
            match walk.peek() {
                Some((wanted, as_entry)) if *wanted == key => {
                    if *as_entry != digest(&row) {
                        differs(&key);
                    }
                    walk.step()
                }
                _ => {
                    differs(&key);
                    Ok(())
                }
            }
        })?;
        while let Some((wanted, _)) = walk.peek() {
            differs(wanted);
            walk.step()?;
        }
        Ok(())
    }

    /// Digests of what was taken, in their order.
    pub(super) fn contents<T>(&self, with: impl FnOnce(&mut Walk<'_, String>) -> db::Result<T>) -> db::Result<T> {
        let mut statement = self.connection.prepare_cached(sql::CONTENTS)?;
        with(&mut Walk::new(statement.query([])?, |row| row.get(0))?)
    }

    /// Versions of forms that must be there, by what they are of and in the order in which they came.
    pub(super) fn versions<T>(&self, with: impl FnOnce(&mut Walk<'_, Version>) -> db::Result<T>) -> db::Result<T> {
        let mut statement = self.connection.prepare_cached(sql::VERSIONS)?;
        let read = |row: &rusqlite::Row<'_>| {
            let key = ([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?], row.get(4)?);
            Ok(Version { key, payload: row.get(5)?, channel: row.get(6)?, version: row.get::<_, i64>(7)?.unsigned_abs() })
        };
        with(&mut Walk::new(statement.query([])?, read)?)
    }
}

/// Rows of which the next one can be looked at.
pub(super) struct Walk<'s, T> {
    rows: Rows<'s>,
    read: fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    next: Option<T>,
}

impl<'s, T> Walk<'s, T> {
    fn new(rows: Rows<'s>, read: fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>) -> db::Result<Walk<'s, T>> {
        let mut walk = Walk { rows, read, next: None };
        walk.step()?;
        Ok(walk)
    }

    /// The next row.
    pub(super) fn peek(&self) -> Option<&T> {
        self.next.as_ref()
    }

    /// Goes on.
    pub(super) fn step(&mut self) -> db::Result<()> {
        self.next = self.rows.next()?.map(self.read).transpose()?;
        Ok(())
    }
}
