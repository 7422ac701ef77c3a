/*!
Rows as entries of the log.

What arrived is in the log by its receipt. Everything else that a person or a unit does (the register, codes, certificates, revocations, messages,
packs) adds rows, and each of these rows is an entry as well: the database itself gives each row as it was added, so no act can be left out of the log.
*/

use seal::{Digest, canonical};
use serde_json::{Map, Value, json};

use super::{Log, Notary, StoreError};
use crate::{
    db::{self, Connection, Row},
    sql,
};

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

    /// The column that tells it from other rows of its table.
    pub fn key_column(&self) -> &'static str {
        sql::ACTS.iter().find(|(table, ..)| *table == self.table).map_or("", |(_, key, _)| *key)
    }

    /// Every row of a table that is an entry, in the order of their keys.
    pub fn rows(connection: &Connection, table: &str, mut each: impl FnMut(Value) -> db::Result<()>) -> db::Result<()> {
        let Some((_, _, text)) = sql::ACTS.iter().find(|(known, ..)| *known == table) else { return Ok(()) };
        let mut statement = connection.prepare_cached(text)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            each(columns(row))?;
        }
        Ok(())
    }
}

/// A row as JSON.
pub fn columns(row: &Row) -> Value {
    let mut values = Map::new();
    for (name, value) in row.columns() {
        let value = match value {
            db::Value::Null => Value::Null,
            db::Value::Integer(number) => json!(number),
            db::Value::Text(text) => json!(text),
            db::Value::Blob(bytes) => json!({ "sha256": Digest::of(bytes).to_string() }),
        };
        values.insert(name.to_owned(), value);
    }
    Value::Object(values)
}

/// Writes an entry for each row that was added, and the checkpoint over them; gives the entries.
pub(super) fn enter(
    connection: &Connection,
    added: Vec<(String, Row)>,
    notary: &dyn Notary,
    refused: impl Fn(db::Error) -> StoreError,
) -> Result<Vec<Act>, StoreError> {
    if added.is_empty() {
        return Ok(Vec::new());
    }
    let mut log = Log::begin(connection).map_err(&refused)?;
    let size = log.size() + added.len() as u64;
    let unsigned = |finding| StoreError::Unsigned { finding };
    let mut acts = Vec::new();
    for (table, row) in added {
        // What arrived is written by the group commit alone, with its receipt.
        if sql::ACTS.iter().all(|(known, ..)| *known != table) {
            return Err(refused(db::Error::Other(format!("{table} is written with receipts"))));
        }
        acts.push(Act { table, row: columns(&row), size });
    }
    for act in &acts {
        let record = act.to_bytes().map_err(unsigned)?;
        log.append(&act.table, act.text("at"), &record).map_err(&refused)?;
    }
    let root = log.root(size).map_err(&refused)?;
    log.keep(&notary.checkpoint(size, root).map_err(unsigned)?).map_err(&refused)?;
    Ok(acts)
}
