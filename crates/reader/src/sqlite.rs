/*! The built-in SQLite reader: the child's side. */

use std::{
    io::{Read, Write},
    sync::Arc,
};

use arrow_array::{ArrayRef, RecordBatch, builder::StringBuilder};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use rusqlite::{Connection, OpenFlags, types::ValueRef};

use crate::{BATCH_ROWS, Request};

/// Longest request that is read from stdin, in bytes.
const REQUEST_MAX: u64 = 1 << 20;

/// Why a read stopped.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// The request is no JSON of the expected shape.
    #[error("the request is not understood: {0}")]
    Request(#[from] serde_json::Error),
    /// The database could not be opened, or refused the query.
    #[error("SQLite: {0}")]
    Database(#[from] rusqlite::Error),
    /// The statement would write.
    #[error("the query writes, and an ERP is only ever read")]
    Writes,
    /// A value has no exact text: a REAL has lost its decimals already, a BLOB may not be UTF-8.
    #[error("column {column}, row {row}: a {kind} value has no exact text; cast it to TEXT in the query")]
    Inexact {
        /// Column name.
        column: String,
        /// Row of the result, from 1.
        row: u64,
        /// What SQLite calls it.
        kind: &'static str,
    },
    /// The rows could not be passed on.
    #[error("the rows could not be written: {0}")]
    Output(#[from] ArrowError),
    /// The request could not be read.
    #[error("the request could not be read: {0}")]
    Input(#[from] std::io::Error),
}

/// Answers one request: opens the file read-only, refuses statements that write, streams rows in batches.
pub fn serve_sqlite(input: impl Read, output: impl Write) -> Result<(), SqliteError> {
    let request: Request = serde_json::from_reader(input.take(REQUEST_MAX))?;
    let database = Connection::open_with_flags(&request.database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = database.prepare(&request.query)?;
    if !statement.readonly() {
        return Err(SqliteError::Writes);
    }
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let fields: Vec<Field> = columns.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let mut writer = StreamWriter::try_new(output, &schema)?;
    let mut builders: Vec<StringBuilder> = columns.iter().map(|_| StringBuilder::new()).collect();
    let mut flush = |builders: &mut Vec<StringBuilder>| {
        let arrays = builders.iter_mut().map(|b| Arc::new(b.finish()) as ArrayRef).collect();
        writer.write(&RecordBatch::try_new(schema.clone(), arrays)?)
    };
    let mut rows = statement.query(rusqlite::params_from_iter(&request.parameters))?;
    let mut count = 0_u64;
    while let Some(row) = rows.next()? {
        count += 1;
        for (at, builder) in builders.iter_mut().enumerate() {
            let inexact = |kind| SqliteError::Inexact { column: columns[at].clone(), row: count, kind };
            match row.get_ref(at)? {
                ValueRef::Null => builder.append_null(),
                ValueRef::Integer(value) => builder.append_value(value.to_string()),
                ValueRef::Text(text) => builder.append_value(std::str::from_utf8(text).map_err(|_| inexact("TEXT"))?),
                ValueRef::Real(_) => return Err(inexact("REAL")),
                ValueRef::Blob(_) => return Err(inexact("BLOB")),
            }
        }
        if count.is_multiple_of(BATCH_ROWS as u64) {
            flush(&mut builders)?;
        }
    }
    flush(&mut builders)?;
    writer.finish()?;
    Ok(())
}
