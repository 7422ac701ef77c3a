/*!
Readers as child processes. The request is JSON on stdin, the rows are one Arrow IPC stream per query on stdout, progress and what went
wrong are lines of JSON on stderr. A crash or a hang of a reader is therefore an error of that read and nothing else.

All columns are text; whoever asked knows which are amounts and parses them strictly. `docs/specs/reader.md` is the protocol.
*/
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail"))]

mod answer;
mod child;
mod fault;
mod known;
mod odbc;
mod pipe;
mod rows;
mod said;
mod source;
mod sqlite;
mod statement;

pub use child::{ReadError, read};
pub use fault::{Fault, Kind};
pub use said::Progress;
pub use source::{Program, Source};

use std::{
    io::{Read, Write},
    process::Command,
};

use serde::{Deserialize, Serialize};

use rows::{Output, RowWriter, Sink};

/// Rows a batch holds at most: small batches keep memory flat and were measured to be the fastest.
pub const BATCH_ROWS: usize = 1000;

/// Bytes after which a batch goes out before it has [`BATCH_ROWS`].
pub const BATCH_BYTES: usize = 1 << 20;

/// Version of the protocol.
pub const PROTOCOL: u32 = 1;

/// Longest request that is read from stdin, in bytes.
const REQUEST_MAX: u64 = 1 << 20;

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
    /// What the reader is, without opening anything: one stream with columns `protocol`, `name`, `version`, `sources`, `verbs` and one
    /// row; lists are separated by spaces.
    Describe,
}

/// What a reader is asked. The queries are answered one after the other in one read-only transaction, so that they see one state.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Version of the protocol.
    #[serde(default = "protocol")]
    pub protocol: u32,
    /// What to do.
    #[serde(default)]
    pub verb: Verb,
    /// Where to read; only `describe` goes without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// What to read.
    #[serde(default)]
    pub queries: Vec<Query>,
    /// Seconds each statement may take.
    #[serde(default = "timeout")]
    pub timeout_s: u64,
    /// How many of the last queries have small answers: those may be held in memory, planned for as a whole, and read ahead of the
    /// others where a second session can see the same state.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub small: usize,
    /// Name of a state that another session of the database shares, which this one enters before it reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn protocol() -> u32 {
    PROTOCOL
}

fn timeout() -> u64 {
    600
}

impl Request {
    /// Asks a source in this version of the protocol.
    pub fn new(verb: Verb, source: Source, queries: Vec<Query>) -> Request {
        Request { protocol: PROTOCOL, verb, source: Some(source), queries, timeout_s: timeout(), small: 0, state: None }
    }
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

/// Answers one request from `input` with streams on `output` and progress on `log`. `second` starts this program as a reader once more,
/// for what can be read at the same time.
pub fn serve(input: impl Read, output: impl Write, log: impl Write, second: Option<Command>) -> Result<(), Fault> {
    let request: Request = serde_json::from_reader(input.take(REQUEST_MAX)).map_err(|e| Fault::new(Kind::Request, e))?;
    if request.protocol != PROTOCOL {
        let message = format!("protocol {} is asked for; this reader speaks {PROTOCOL}", request.protocol);
        return Err(Fault::new(Kind::Request, message));
    }
    request.queries.iter().try_for_each(|query| statement::check(&query.query))?;
    let mut output = Output::new(output, log);
    let done = match (&request.source, request.verb) {
        (_, Verb::Describe) => describe(&mut output),
        (Some(Source::Sqlite(path)), _) => sqlite::serve(path, &request, &mut output),
        (Some(Source::Odbc(text)), _) => odbc::serve(text, &request, second, &mut output),
        (Some(Source::Command(_)), _) => Err(Fault::new(Kind::Request, "a command is a reader of its own")),
        (None, _) => Err(Fault::new(Kind::Request, "the request names no source")),
    };
    // What was read before a fault goes out, so that the fault is the only thing that is wrong with the answer.
    output.flush().map_err(|error| Fault::new(Kind::Output, error)).and(done)
}

/// Lets this process end with the one that started it, so that a query does not go on for nobody. For a program that is a reader.
pub fn end_with_parent() {
    #[cfg(target_os = "linux")]
    {
        // Without it, the reader ends when it next writes to a pipe that nobody reads.
        let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    }
}

fn describe(output: &mut impl Sink) -> Result<(), Fault> {
    let row = [
        ("protocol", PROTOCOL.to_string()),
        ("name", "taizhang".to_owned()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("sources", "sqlite odbc".to_owned()),
        ("verbs", "describe check discover read".to_owned()),
    ];
    let mut writer = RowWriter::new(output, &row.each_ref().map(|(name, _)| (*name).to_owned()))?;
    row.iter().enumerate().for_each(|(at, (_, value))| writer.put(at, Some(value)));
    writer.end_row()?;
    writer.finish()
}
