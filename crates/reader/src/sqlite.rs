/*! The built-in SQLite reader: the child's side. */

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, types::ValueRef};

use crate::{
    Fault, Kind, Query, Request, Value, Verb,
    rows::{RowWriter, Sink},
};

/// Instructions of SQLite's machine between two looks at the clock.
const CLOCK_STEPS: i32 = 10_000;

const TABLES: &str = "SELECT m.name AS table_name, p.name AS column_name FROM sqlite_schema m, pragma_table_info(m.name) p \
                      WHERE m.type IN ('table', 'view') ORDER BY m.name, p.cid";

/// Opens the file read-only, refuses a statement that writes, streams the rows.
pub(crate) fn serve(path: &Path, request: &Request, output: &mut impl Sink) -> Result<(), Fault> {
    let mut database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let limit = Duration::from_secs(request.timeout_s);
    // One transaction: all queries see the file as it was at the first.
    database.execute_batch("BEGIN")?;
    let queries = match request.verb {
        Verb::Read => request.queries.clone(),
        Verb::Discover => vec![Query { query: TABLES.to_owned(), parameters: Vec::new() }],
        Verb::Describe => Vec::new(),
        Verb::Check => {
            let sql = "SELECT 'SQLite' AS system, sqlite_version() AS version, 'yes' AS read_only, 'no' AS can_write \
                       FROM (SELECT count(*) FROM sqlite_schema)";
            vec![Query { query: sql.to_owned(), parameters: Vec::new() }]
        }
    };
    for query in &queries {
        let deadline = Instant::now() + limit;
        database.progress_handler(CLOCK_STEPS, Some(move || Instant::now() > deadline))?;
        answer(&database, query, output)?;
    }
    Ok(())
}

fn answer(database: &Connection, query: &Query, output: &mut impl Sink) -> Result<(), Fault> {
    let mut statement = database.prepare(&query.query)?;
    if !statement.readonly() {
        return Err(Fault::new(Kind::Writes, "SQLite says that the statement writes"));
    }
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut writer = RowWriter::new(output, &columns)?;
    let parameters = query.parameters.iter().map(|value| match value {
        Value::Integer(value) => rusqlite::types::Value::Integer(*value),
        Value::Text(text) => rusqlite::types::Value::Text(text.clone()),
    });
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
                // Tryton stores NUMERIC as bytes that are a decimal text; other bytes are no text at all.
                ValueRef::Blob(bytes) => match std::str::from_utf8(bytes).ok().filter(|text| decimal(text)) {
                    Some(text) => writer.put(at, Some(text)),
                    None => return Err(writer.inexact(at, "BLOB")),
                },
                ValueRef::Real(_) => return Err(writer.inexact(at, "REAL")),
            }
        }
        writer.end_row()?;
    }
    writer.finish()
}

fn decimal(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && digits.bytes().any(|byte| byte.is_ascii_digit())
}
