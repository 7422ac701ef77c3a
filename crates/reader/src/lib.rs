/*!
Readers as child processes. The request is JSON on stdin, the rows are one Arrow IPC stream per query on stdout, what went wrong is one
line of JSON on stderr. A crash or a hang of a reader is therefore an error of that read and nothing else.

All columns are text; whoever asked knows which are amounts and parses them strictly. `docs/specs/reader.md` is the protocol.
*/

mod child;
mod fault;
mod odbc;
mod rows;
mod sqlite;

pub use child::{ReadError, read};
pub use fault::{Fault, Kind};

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

impl Source {
    /// Name of the SQL dialect, as far as the source tells before it is opened: `sqlite`, `postgresql`, `mariadb` or nothing.
    pub fn dialect(&self) -> &'static str {
        match self {
            Source::Sqlite(_) => "sqlite",
            Source::Odbc(text) => odbc::dialect(text),
        }
    }
}

/// What is asked of a reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Rows of the queries.
    #[default]
    Read,
    /// Whether the source opens: one stream with columns `system`, `version`, `read_only`, `can_write` and one row.
    Check,
    /// What the source holds: one stream with columns `table_name`, `column_name`.
    Discover,
}

/// What a reader is asked. The queries are answered one after the other in one read-only transaction, so that they see one state.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// What to do.
    #[serde(default)]
    pub verb: Verb,
    /// Where to read.
    pub source: Source,
    /// What to read.
    #[serde(default)]
    pub queries: Vec<Query>,
    /// Seconds each statement may take.
    pub timeout_s: u64,
}

/// One statement that only reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// SQL; `?` is a parameter.
    pub query: String,
    /// Values of the parameters, in the order of their `?`.
    #[serde(default)]
    pub parameters: Vec<Value>,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Whole number.
    Integer(i64),
    /// Text.
    Text(String),
}

/// Answers one request from `input` with streams on `output`.
pub fn serve(input: impl Read, mut output: impl Write) -> Result<(), Fault> {
    let request: Request = serde_json::from_reader(input.take(REQUEST_MAX)).map_err(|e| Fault::new(Kind::Request, e))?;
    for query in &request.queries {
        let first = query.query.split_whitespace().next().unwrap_or_default();
        if !["SELECT", "WITH"].iter().any(|word| first.eq_ignore_ascii_case(word)) {
            return Err(Fault::new(Kind::Writes, "a query begins with SELECT or WITH"));
        }
    }
    match &request.source {
        Source::Sqlite(path) => sqlite::serve(path, &request, &mut output),
        Source::Odbc(text) => odbc::serve(text, &request, &mut output),
    }
}
