/*! The built-in SQLite reader: the child's side. */

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
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
    let Some(still) = Still::of(path) else {
        return run(Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?, request, output);
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let done = Connection::open_with_flags(&still.address, flags).map_err(Fault::from);
    let done = done.and_then(|database| run(database, request, output));
    if still.moved() {
        return Err(Fault::new(Kind::Connect, "something began to write to the file while it was read; run again"));
    }
    done
}

/// A file in write-ahead mode that nobody has open. SQLite would make a -wal and a -shm beside it and, as it only reads, leave them there: they
/// belong to whoever read, and the ERP may then be kept out of its own database. So the file is read as one that does not change, and that it did
/// not is looked at afterwards: whoever writes makes a -wal first.
struct Still {
    path: PathBuf,
    log: PathBuf,
    address: String,
    was: (SystemTime, u64),
}

impl Still {
    fn of(path: &Path) -> Option<Still> {
        let mut head = [0; 20];
        File::open(path).and_then(|mut file| file.read_exact(&mut head)).ok()?;
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let log = PathBuf::from(log);
        // Bytes 18 and 19 of the header are 2 in write-ahead mode.
        if head[18..] != [2, 2] || log.try_exists().unwrap_or(true) {
            return None;
        }
        let plain = path.to_str()?.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let was = stamp(path)?;
        Some(Still { path: path.to_owned(), log, address: format!("file:{plain}?immutable=1"), was })
    }

    fn moved(&self) -> bool {
        self.log.try_exists().unwrap_or(true) || stamp(&self.path) != Some(self.was)
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let about = fs::metadata(path).ok()?;
    Some((about.modified().ok()?, about.len()))
}

fn run(mut database: Connection, request: &Request, output: &mut impl Sink) -> Result<(), Fault> {
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
