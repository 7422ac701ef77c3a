/*!
Readers as child processes: the request is JSON on stdin, the rows are an Arrow IPC stream on stdout, what went wrong is one line of
text on stderr. A crash or a hang of a reader is therefore an error of that read and nothing else.

All columns are text for now; whoever asked knows which are amounts and parses them strictly.
*/

mod child;
mod sqlite;

pub use child::{ReadError, read};
pub use sqlite::{SqliteError, serve_sqlite};

use serde::{Deserialize, Serialize};

/// Rows a batch holds at most: small batches keep memory flat and were measured to be the fastest.
pub const BATCH_ROWS: usize = 1000;

/// What a reader is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Path of the database file.
    pub database: String,
    /// One statement that only reads.
    pub query: String,
    /// Values of its numbered parameters, `$1` first.
    pub parameters: Vec<i64>,
}
