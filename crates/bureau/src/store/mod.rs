/*! The state of a receiver: one SQLite database, to which rows are only added. */

mod acts;
mod log;
mod messages;
mod packages;
mod packs;
mod people;
mod staff;
mod units;
mod writer;

pub use acts::Act;
pub use log::{Entry, Log};
pub use messages::Draft as MessageDraft;
pub use packages::{Agent, Blob, Kept, Known, NewReport, Report, Taken};
pub use packs::Published;
pub use people::{Enrolment, Issued};
pub use staff::{Arrival, Deadline, Query, Staff, Viewed, account, put_account};
pub use units::Unit;
pub use writer::{Close, Notary, Refused, Signing, Task, Writer, commit};

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::sql;

/// Why the state could not be read or written. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused; a full disk is one of these.
    #[error("{}: {source}", path.display())]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A row does not read as what was written.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// What is to be written could not be signed.
    #[error("{finding}")]
    Unsigned {
        /// Why.
        finding: seal::Finding,
    },
    /// The state was written by a newer version of this program.
    #[error("{}: schema version {found} is newer than this program", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// The state was written by an older version of this program, whose rows its log does not bind.
    #[error("{}: schema version {found} is older than this program reads", path.display())]
    Older {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
}

/// Connections to the state: one that writes at a time, and as many that read as are needed.
pub struct Store {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Store {
    /// Opens the state in `folder`, making it where there is none. Readable by its owner only.
    pub fn open(folder: &Path) -> Result<Store, StoreError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(|source| StoreError::Io { path: folder.to_owned(), source })?;
        let path = folder.join("bureau.sqlite");
        let store = Store { path, idle: Mutex::default() };
        let mut connection = store.writing()?;
        let sqlite = store.refused();
        let making = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&sqlite)?;
        let found: i64 = making.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(&sqlite)?;
        if found > sql::SCHEMA_VERSION {
            return Err(StoreError::Newer { path: store.path, found });
        }
        if found == 1 {
            return Err(StoreError::Older { path: store.path, found });
        }
        if found == 0 {
            making.execute_batch(sql::SCHEMA).map_err(&sqlite)?;
            for table in sql::TABLES {
                making.execute_batch(&sql::guard(table)).map_err(&sqlite)?;
            }
        }
        if found < sql::SCHEMA_VERSION {
            making.execute_batch(sql::staff::SCHEMA).map_err(&sqlite)?;
            for table in sql::staff::TABLES {
                making.execute_batch(&sql::guard(table)).map_err(&sqlite)?;
            }
            making.pragma_update(None, "user_version", sql::SCHEMA_VERSION).map_err(&sqlite)?;
        }
        making.commit().map_err(&sqlite)?;
        drop(connection);
        Ok(store)
    }

    /// A connection that writes.
    pub fn writing(&self) -> Result<Connection, StoreError> {
        let sqlite = self.refused();
        let connection = Connection::open(&self.path).map_err(&sqlite)?;
        connection.busy_timeout(Duration::from_secs(30)).map_err(&sqlite)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(&sqlite)?;
        // FULL: what a receipt says is there is there after a power failure too.
        connection.pragma_update(None, "synchronous", "FULL").map_err(&sqlite)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(&sqlite)?;
        connection.pragma_update(None, "recursive_triggers", true).map_err(&sqlite)?;
        connection.pragma_update(None, "wal_autocheckpoint", 4000).map_err(&sqlite)?;
        connection.set_prepared_statement_cache_capacity(96);
        Ok(connection)
    }

    /// Reads.
    pub fn read<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
                let connection = Connection::open_with_flags(&self.path, flags).map_err(self.refused())?;
                connection.busy_timeout(Duration::from_secs(10)).map_err(self.refused())?;
                connection.set_prepared_statement_cache_capacity(96);
                connection
            }
        };
        // One state of the database for all that is asked.
        connection.execute_batch("BEGIN").map_err(self.refused())?;
        let answer = ask(&connection);
        let ended = connection.execute_batch("ROLLBACK");
        if ended.is_ok() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        answer.map_err(self.refused())
    }

    /// Writes in one transaction, for the verbs that write little. Each row is an entry of the log as well, under a checkpoint of its own; gives
    /// these entries too.
    pub fn write<T>(
        &self,
        notary: &dyn Notary,
        act: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<(T, Vec<Act>), StoreError> {
        let mut connection = self.writing()?;
        let added = acts::Added::listen(&mut connection).map_err(self.refused())?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(self.refused())?;
        let done = act(&transaction).map_err(self.refused())?;
        let acts = added.enter(&transaction, notary, self.refused())?;
        transaction.commit().map_err(self.refused())?;
        Ok((done, acts))
    }

    /// The triggers that keep other programs from changing rows, by name.
    pub fn guards(connection: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
        connection.prepare_cached(sql::GUARDS)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }

    /// The database.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// SQLite's word as an error.
    pub fn refused(&self) -> impl Fn(rusqlite::Error) -> StoreError + use<> {
        let path = self.path.clone();
        move |source| StoreError::Sqlite { path: path.clone(), source }
    }
}

/// A text of JSON in a column.
fn column<T: serde::de::DeserializeOwned>(text: &str, at: usize) -> rusqlite::Result<T> {
    let wrong = |error| rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, Box::new(error));
    serde_json::from_str(text).map_err(wrong)
}

/// A value as a column of JSON; what is written here always has a text.
fn json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
