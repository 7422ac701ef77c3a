/*! The built-in SQLite reader: the child's side. */

use std::{io::Write, path::Path};

use rusqlite::{Connection, OpenFlags, types::ValueRef};

use crate::{ServeError, rows::RowWriter};

/// Opens the file read-only, refuses a statement that writes, streams its rows.
pub(crate) fn serve(path: &Path, query: &str, parameters: &[i64], output: impl Write) -> Result<(), ServeError> {
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = database.prepare(query)?;
    if !statement.readonly() {
        return Err(ServeError::Writes);
    }
    let columns = statement.column_names().map(str::to_owned).collect();
    let mut writer = RowWriter::new(output, columns)?;
    let mut rows = statement.query(rusqlite::params_from_iter(parameters))?;
    while let Some(row) = rows.next()? {
        for at in 0..writer.width() {
            match row.get_ref(at)? {
                ValueRef::Null => writer.put(at, None),
                ValueRef::Integer(value) => writer.put(at, Some(&value.to_string())),
                ValueRef::Text(text) => match std::str::from_utf8(text) {
                    Ok(text) => writer.put(at, Some(text)),
                    Err(_) => return Err(writer.inexact(at, "TEXT")),
                },
                ValueRef::Real(_) => return Err(writer.inexact(at, "REAL")),
                ValueRef::Blob(_) => return Err(writer.inexact(at, "BLOB")),
            }
        }
        writer.end_row()?;
    }
    writer.finish()
}
