/*! What an operation wrote, as one digest that its log entry holds: rows that something else changed, added or took away are found. */

use rusqlite::{Connection, types::ValueRef};
use sha2::{Digest, Sha256};

/// Tables whose rows an operation writes, with their columns in the order in which they are digested.
const TABLES: [(&str, &str); 4] = [
    ("seal", "book, period, root, file, rows, vouchers, debit, credit, closing, fingerprint, state, context, cube"),
    ("cell", "book, form, edition, period, cell, body"),
    ("draft", "book, form, edition, period, state, body"),
    ("record", "kind, book, form, period, key, body"),
];

/// SHA-256 over the rows of an operation, table by table in the order in which they were written. Each value is its length in eight bytes and its
/// bytes, numbers as decimal text; NULL is the one byte FF, which no text is. The name of the table comes before each row.
pub(crate) fn digest(connection: &Connection, operation: i64) -> rusqlite::Result<String> {
    let mut hash = Sha256::new();
    let mut put = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    for (table, columns) in TABLES {
        let mut statement =
            connection.prepare_cached(&format!("SELECT {columns} FROM {table} WHERE operation = ? ORDER BY id"))?;
        let width = statement.column_count();
        let mut rows = statement.query([operation])?;
        while let Some(row) = rows.next()? {
            put(table.as_bytes());
            for at in 0..width {
                match row.get_ref(at)? {
                    ValueRef::Text(text) => put(text),
                    ValueRef::Integer(value) => put(value.to_string().as_bytes()),
                    // No column holds any other kind: the tables are STRICT.
                    _ => put(&[0xFF]),
                }
            }
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The first operation that rows name and the log does not have.
pub(crate) fn stray(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    for (table, _) in TABLES {
        let sql = format!("SELECT min(operation) FROM {table} WHERE operation NOT IN (SELECT seq FROM operation)");
        if let Some(operation) = connection.query_row(&sql, [], |row| row.get::<_, Option<i64>>(0))? {
            return Ok(Some(operation));
        }
    }
    Ok(None)
}
