//! A state in a file of SQLite.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rusqlite::{OpenFlags, TransactionBehavior, types::ValueRef};

use super::{Connection, Error, Guards, Kind, Result, Row, Value, value::Given};
use crate::sql::{self, Migration};

/// Statements that stay prepared.
const PREPARED: usize = 192;

/// The file.
#[derive(Clone, Debug)]
pub struct File {
    path: PathBuf,
}

impl File {
    /// The database at a path.
    pub fn new(path: PathBuf) -> File {
        File { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Brings it to the newest of `migrations`, making it where it is empty; gives the version that it had. A newer or a lost one stays as it is.
    pub fn migrate(&self, migrations: &[Migration]) -> Result<i64> {
        let mut connection = self.open()?;
        let making = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found: i64 = making.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let newest = migrations.last().map_or(0, |last| last.version);
        let oldest = migrations.first().map_or(0, |first| first.version);
        if found > newest || (1..oldest).contains(&found) {
            return Ok(found);
        }
        for migration in migrations.iter().filter(|migration| migration.version > found) {
            making.execute_batch(migration.text)?;
            for table in migration.tables {
                making.execute_batch(&sql::guard(table))?;
            }
            making.pragma_update(None, "user_version", migration.version)?;
        }
        making.commit()?;
        Ok(if found == 0 { newest } else { found })
    }

    /// A whole copy as it stands at one moment, while others read and write.
    pub fn copy(&self, to: &Path) -> Result<()> {
        let connection = rusqlite::Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.execute("VACUUM INTO ?", [to.display().to_string()])?;
        std::fs::File::open(to).and_then(|file| file.sync_all()).map_err(|error| Error::Other(error.to_string()))?;
        Ok(())
    }

    /// A connection that writes.
    fn open(&self) -> Result<rusqlite::Connection> {
        let connection = rusqlite::Connection::open(&self.path)?;
        connection.busy_timeout(Duration::from_secs(30))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // FULL: what a receipt says is there is there after a power failure too.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "recursive_triggers", true)?;
        connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
        connection.set_prepared_statement_cache_capacity(PREPARED);
        Ok(connection)
    }

    /// A connection that writes.
    pub fn writing(&self) -> Result<Connection> {
        self.open().map(|connection| Connection::new(Kind::Sqlite(connection)))
    }

    /// A connection that reads.
    pub fn reading(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let connection = rusqlite::Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.set_prepared_statement_cache_capacity(PREPARED);
        Ok(Connection::new(Kind::Sqlite(connection)))
    }
}

/// A database that is on the disk where it must be, is nobody else's, and is gone when it is closed: room for what a check compares.
pub fn scratch() -> Result<rusqlite::Connection> {
    let connection = rusqlite::Connection::open("")?;
    for (name, value) in [("journal_mode", "OFF"), ("synchronous", "OFF"), ("temp_store", "FILE")] {
        connection.pragma_update(None, name, value)?;
    }
    connection.pragma_update(None, "cache_size", -24_576)?;
    Ok(connection)
}

/// Names of a statement's columns.
pub(super) fn names(statement: &rusqlite::Statement<'_>) -> Arc<[String]> {
    statement.column_names().map(str::to_owned).collect()
}

fn value(value: ValueRef<'_>) -> Result<Value> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        // No table has a column of these; another program's would not be lost here.
        ValueRef::Real(number) => Value::Text(number.to_string()),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    })
}

/// A row of its own.
pub(super) fn row(row: &rusqlite::Row<'_>, names: &Arc<[String]>) -> Result<Row> {
    let values = (0..names.len()).map(|at| value(row.get_ref(at)?)).collect::<Result<Vec<Value>>>()?;
    Ok(Row::new(names, values))
}

/// All rows of a statement.
pub(super) fn rows(statement: &mut rusqlite::Statement<'_>, given: &[Given<'_>]) -> Result<Vec<Row>> {
    let names = names(statement);
    let mut rows = statement.query(rusqlite::params_from_iter(given))?;
    let mut all = Vec::new();
    while let Some(found) = rows.next()? {
        all.push(row(found, &names)?);
    }
    Ok(all)
}

/// What SQLite finds wrong with its file.
pub(super) fn integrity(connection: &rusqlite::Connection) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    connection.pragma_query(None, "integrity_check", |row| {
        let said: String = row.get(0)?;
        if said != "ok" {
            wrong.push(said);
        }
        Ok(())
    })?;
    Ok(wrong)
}

/// Triggers that are there and that must be.
pub(super) fn guards(connection: &rusqlite::Connection, tables: &[&str]) -> Result<Guards> {
    let mut statement = connection.prepare_cached(sql::GUARDS_OF_SQLITE)?;
    let present: rusqlite::Result<Vec<(String, String)>> =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect();
    let mut wanted = Vec::new();
    for table in tables {
        for trigger in sql::guard(table).split_inclusive("END;") {
            let text = trigger.trim_end_matches(';');
            wanted.push((text.split_whitespace().nth(2).unwrap_or_default().to_owned(), text.to_owned()));
        }
    }
    Ok(Guards { present: present.map_err(Error::from)?, wanted })
}
