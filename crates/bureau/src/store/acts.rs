/*!
Rows as entries of the log.

What arrived is in the log by its receipt. Everything else that a person or a unit does (the register, codes, certificates, revocations, messages,
packs) adds rows, and each of these rows is an entry as well: SQLite itself says which rows were added, so no act can be left out of the log.
*/

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, Row, hooks::Action, params, types::ValueRef};
use seal::{Digest, canonical};
use serde_json::{Map, Value, json};

use super::{Log, Notary, StoreError};
use crate::sql;

/// What an entry of this kind is called.
pub const FORMAT: &str = "taizhang-act/1";

/// A row that is an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Its table.
    pub table: String,
    /// Its columns: bytes by their digest.
    pub row: Value,
    /// Leaves of the log under the checkpoint that it was written with.
    pub size: u64,
}

impl Act {
    /// Canonical bytes: the entry of the log.
    pub fn to_bytes(&self) -> Result<Vec<u8>, seal::Finding> {
        canonical::to_bytes(&json!({ "format": FORMAT, "table": self.table, "row": self.row, "size": self.size }))
    }

    /// Reads an entry.
    pub fn from_bytes(bytes: &[u8]) -> Option<Act> {
        let value = canonical::from_bytes(bytes).ok()?;
        (value["format"] == FORMAT).then_some(())?;
        let table = value["table"].as_str()?.to_owned();
        Some(Act { table, row: value["row"].clone(), size: value["size"].as_u64()? })
    }

    /// A column's text.
    pub fn text(&self, column: &str) -> &str {
        self.row[column].as_str().unwrap_or_default()
    }

    /// What tells it from other rows of its table: the first column is each table's key.
    pub fn key(&self) -> String {
        let column = sql::ACTS.iter().find(|(table, ..)| *table == self.table).map_or("", |(_, key, _)| *key);
        key(&self.row[column])
    }

    /// Every row of a table that is an entry: its key and itself.
    pub fn rows(connection: &Connection, table: &str, mut each: impl FnMut(String, Value)) -> rusqlite::Result<()> {
        let Some((_, column, text)) = sql::ACTS.iter().find(|(known, ..)| *known == table) else { return Ok(()) };
        let mut statement = connection.prepare_cached(text)?;
        let mut rows = statement.query(params![0, i64::MAX])?;
        while let Some(row) = rows.next()? {
            let row = columns(row)?;
            each(key(&row[*column]), row);
        }
        Ok(())
    }
}

fn key(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A row as JSON.
fn columns(row: &Row<'_>) -> rusqlite::Result<Value> {
    let names: Vec<String> = row.as_ref().column_names().map(str::to_owned).collect();
    let mut values = Map::new();
    for (at, name) in names.into_iter().enumerate() {
        let value = match row.get_ref(at)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => json!(number),
            // No table has a column of these; another program's would not be lost here.
            ValueRef::Real(number) => json!(number.to_string()),
            ValueRef::Text(text) => json!(String::from_utf8_lossy(text)),
            ValueRef::Blob(bytes) => json!({ "sha256": Digest::of(bytes).to_string() }),
        };
        values.insert(name, value);
    }
    Ok(Value::Object(values))
}

/// What was added while it listens.
pub(super) struct Added(Arc<Mutex<Vec<(String, i64)>>>);

impl Added {
    /// Listens to a connection.
    pub(super) fn listen(connection: &mut Connection) -> rusqlite::Result<Added> {
        let seen: Arc<Mutex<Vec<(String, i64)>>> = Arc::default();
        let writer = Arc::clone(&seen);
        let hear = move |_: Action, _: &str, table: &str, row: i64| {
            writer.lock().unwrap_or_else(PoisonError::into_inner).push((table.to_owned(), row));
        };
        connection.update_hook(Some(hear))?;
        Ok(Added(seen))
    }

    /// Writes an entry for each row, and the checkpoint over them; gives the entries.
    pub(super) fn enter(
        &self,
        connection: &Connection,
        notary: &dyn Notary,
        refused: impl Fn(rusqlite::Error) -> StoreError,
    ) -> Result<Vec<Act>, StoreError> {
        let added = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut rows = Vec::new();
        for (table, id) in added {
            let known = sql::ACTS.iter().find(|(known, ..)| *known == table);
            // What arrived is written by the group commit alone, with its receipt.
            let (_, _, text) = known.ok_or_else(|| refused(rusqlite::Error::InvalidQuery))?;
            let mut statement = connection.prepare_cached(text).map_err(&refused)?;
            rows.push((table, statement.query_row(params![id, id], columns).map_err(&refused)?));
        }
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut log = Log::open(connection).map_err(&refused)?;
        let size = log.size() + rows.len() as u64;
        let unsigned = |finding| StoreError::Unsigned { finding };
        let acts: Vec<Act> = rows.into_iter().map(|(table, row)| Act { table, row, size }).collect();
        for act in &acts {
            let record = act.to_bytes().map_err(unsigned)?;
            log.append(&act.table, act.text("at"), &record).map_err(&refused)?;
        }
        let root = log.root(size).map_err(&refused)?;
        log.keep(&notary.checkpoint(size, root).map_err(unsigned)?).map_err(&refused)?;
        Ok(acts)
    }
}
