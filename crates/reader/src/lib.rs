/*!
Readers as child processes: the request is JSON on stdin, the rows are an Arrow IPC stream on stdout, what went wrong is one line of
text on stderr. A crash or a hang of a reader is therefore an error of that read and nothing else.

All columns are text for now; whoever asked knows which are amounts and parses them strictly.
*/

mod child;
mod odbc;
mod rows;
mod sqlite;

pub use child::{ReadError, read};

use std::{
    io::{Read, Write},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

/// Rows a batch holds at most: small batches keep memory flat and were measured to be the fastest.
pub const BATCH_ROWS: usize = 1000;

/// Longest request that is read from stdin, in bytes.
const REQUEST_MAX: u64 = 1 << 20;

/// Where rows are read from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// Path of a SQLite database file.
    Sqlite(PathBuf),
    /// ODBC connection string. It may hold a password, so a `Source` has no `Debug`.
    Odbc(String),
}

/// What a reader is asked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Where to read.
    pub source: Source,
    /// One statement that only reads; `?` is a parameter.
    pub query: String,
    /// Values of the parameters, in the order of their `?`.
    pub parameters: Vec<i64>,
    /// Seconds the statement may take.
    pub timeout_s: u64,
}

/// Why a reader stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The request could not be read.
    #[error("the request could not be read: {0}")]
    Input(#[from] std::io::Error),
    /// The request is no JSON of the expected shape.
    #[error("the request is not understood: {0}")]
    Request(#[from] serde_json::Error),
    /// SQLite could not open the file, or refused the query.
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The driver or the database refused.
    #[error("ODBC: {0}")]
    Odbc(#[from] odbc_api::Error),
    /// The statement would write.
    #[error("the query writes, and an ERP is only ever read")]
    Writes,
    /// The statement gives no rows, so it is no query.
    #[error("the statement gives no rows")]
    NoRows,
    /// A value has no exact text: a REAL has lost its decimals already, bytes may not be a text.
    #[error("column {column}, row {row}: a {kind} value has no exact text; cast it to text in the query")]
    Inexact {
        /// Column name.
        column: String,
        /// Row of the result, from 1.
        row: u64,
        /// What the source calls it.
        kind: &'static str,
    },
    /// The rows could not be passed on.
    #[error("the rows could not be written: {0}")]
    Output(#[from] arrow_schema::ArrowError),
}

/// Answers one request from `input` with rows on `output`.
pub fn serve(input: impl Read, output: impl Write) -> Result<(), ServeError> {
    let Request { source, query, parameters, timeout_s } = serde_json::from_reader(input.take(REQUEST_MAX))?;
    let first = query.split_whitespace().next().unwrap_or_default();
    if !["SELECT", "WITH"].iter().any(|word| first.eq_ignore_ascii_case(word)) {
        return Err(ServeError::Writes);
    }
    match source {
        Source::Sqlite(path) => sqlite::serve(&path, &query, &parameters, output),
        Source::Odbc(text) => odbc::serve(&text, &query, &parameters, usize::try_from(timeout_s).unwrap_or(usize::MAX), output),
    }
}
