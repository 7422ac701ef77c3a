/*!
The agent's state in one SQLite database: the hash-chained operation log, and the rows that its operations wrote.

Nothing here is ever updated or deleted: a table holds versions, and each version names the operation that wrote it. What a row means
(Parquet, forms) is known elsewhere; here are names, digests and texts.
*/
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail"))]

mod ledger;
mod log;
mod records;
mod rows;
mod seals;

pub use ledger::{CellVersion, DraftVersion};
pub use log::{Break, Operation};
pub use records::{Record, Wanted};
pub use seals::Seal;

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, Transaction, TransactionBehavior};

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
    /// Another process works on the book.
    #[error("another process works on book {book}")]
    Locked {
        /// The book.
        book: String,
    },
    /// A row does not read as what was written.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The state was written by a newer version of this program.
    #[error("{}: schema version {found} is newer than this program", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
}

impl StoreError {
    /// What the system refused, where SQLite only passes its word on.
    pub fn refusal(&self) -> Option<std::io::ErrorKind> {
        use rusqlite::ErrorCode as Code;
        match self {
            StoreError::Io { source, .. } => Some(source.kind()),
            StoreError::Sqlite { source, .. } => match source.sqlite_error_code()? {
                Code::DiskFull => Some(std::io::ErrorKind::StorageFull),
                // No room for the index of the write-ahead log.
                Code::SystemIoFailure
                    if source.sqlite_error().is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE) =>
                {
                    Some(std::io::ErrorKind::StorageFull)
                }
                Code::CannotOpen | Code::ReadOnly | Code::PermissionDenied => Some(std::io::ErrorKind::PermissionDenied),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Version of the tables below.
const SCHEMA_VERSION: i64 = 2;

const SCHEMA: &str = "
CREATE TABLE operation (
  seq INTEGER PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL,
  previous TEXT NOT NULL, hash TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE context (digest TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE seal (
  id INTEGER PRIMARY KEY, operation INTEGER NOT NULL REFERENCES operation, book TEXT NOT NULL, period TEXT NOT NULL,
  root TEXT NOT NULL, file TEXT, rows INTEGER NOT NULL, vouchers INTEGER NOT NULL, debit TEXT NOT NULL, credit TEXT NOT NULL,
  closing TEXT NOT NULL, fingerprint TEXT NOT NULL, state TEXT NOT NULL, context TEXT NOT NULL REFERENCES context, cube TEXT
) STRICT;
CREATE INDEX seal_of ON seal (book, period, id);
CREATE TABLE cell (
  id INTEGER PRIMARY KEY, operation INTEGER NOT NULL REFERENCES operation, book TEXT NOT NULL, form TEXT NOT NULL,
  edition TEXT NOT NULL, period TEXT NOT NULL, cell TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX cell_of ON cell (book, form, period, cell, id);
CREATE TABLE draft (
  id INTEGER PRIMARY KEY, operation INTEGER NOT NULL REFERENCES operation, book TEXT NOT NULL, form TEXT NOT NULL,
  edition TEXT NOT NULL, period TEXT NOT NULL, state TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX draft_of ON draft (book, form, period, id);
CREATE TABLE record (
  id INTEGER PRIMARY KEY, operation INTEGER NOT NULL REFERENCES operation, kind TEXT NOT NULL, book TEXT NOT NULL,
  form TEXT NOT NULL, period TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX record_of ON record (kind, book, form, period, key, id);
";

/// Finds what an operation wrote.
const BY_OPERATION: &str = "
CREATE INDEX seal_by ON seal (operation, id);
CREATE INDEX cell_by ON cell (operation, id);
CREATE INDEX draft_by ON draft (operation, id);
CREATE INDEX record_by ON record (operation, id);
";

/// What version 1 lacks.
const FROM_1: &str = "
CREATE TABLE IF NOT EXISTS record (
  id INTEGER PRIMARY KEY, operation INTEGER NOT NULL REFERENCES operation, kind TEXT NOT NULL, book TEXT NOT NULL,
  form TEXT NOT NULL, period TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS record_of ON record (kind, book, form, period, key, id);
ALTER TABLE seal ADD COLUMN cube TEXT;
";

/// The open state.
pub struct Store {
    connection: Connection,
    folder: PathBuf,
    path: PathBuf,
}

/// A book that this process works on alone; dropping it lets others in.
pub struct BookLock {
    _file: File,
}

/// One operation under way: its rows and its log entry become visible together, or not at all.
pub struct Work<'a> {
    transaction: Transaction<'a>,
    path: &'a Path,
    /// Number of the operation.
    pub seq: i64,
}

impl Store {
    /// Opens the state in `folder`, making it where there is none. Readable by its owner only.
    pub fn open(folder: &Path) -> Result<Store, StoreError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Io { path, source }
        };
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(io(folder))?;
        let path = folder.join("state.sqlite");
        let sqlite = |source| StoreError::Sqlite { path: path.clone(), source };
        let mut connection = Connection::open(&path).map_err(sqlite)?;
        connection.busy_timeout(std::time::Duration::from_secs(10)).map_err(sqlite)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(sqlite)?;
        // FULL: an operation that was reported as done is done after a power failure too.
        connection.pragma_update(None, "synchronous", "FULL").map_err(sqlite)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(sqlite)?;
        let making = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
        let found: i64 = making.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(sqlite)?;
        if found > SCHEMA_VERSION {
            return Err(StoreError::Newer { path, found });
        }
        if found < SCHEMA_VERSION {
            making.execute_batch(if found == 0 { SCHEMA } else { FROM_1 }).map_err(sqlite)?;
            making.execute_batch(BY_OPERATION).map_err(sqlite)?;
            making.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(sqlite)?;
        }
        making.commit().map_err(sqlite)?;
        Ok(Store { connection, folder: folder.to_owned(), path })
    }

    /// Folder of the state.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Folder of a book's snapshots, made where there is none.
    pub fn snapshots(&self, book: &str) -> Result<PathBuf, StoreError> {
        let folder = self.folder.join("snapshots").join(book);
        fs::create_dir_all(&folder).map_err(|source| StoreError::Io { path: folder.clone(), source })?;
        Ok(folder)
    }

    /// Keeps other processes from writing to a book.
    pub fn lock(&self, book: &str) -> Result<BookLock, StoreError> {
        let path = self.snapshots(book)?.join(".lock");
        let io = |source| StoreError::Io { path: path.clone(), source };
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(BookLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { book: book.to_owned() }),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }

    /// Begins an operation: `who` did `what` with `detail`, now.
    pub fn begin(&mut self, who: &str, what: &str, detail: &serde_json::Value) -> Result<Work<'_>, StoreError> {
        let path = &self.path;
        let sqlite = |source| StoreError::Sqlite { path: path.clone(), source };
        // IMMEDIATE: the previous hash is read under the write lock, so that no two operations follow the same one.
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
        let seq = log::append(&transaction, who, what, detail).map_err(sqlite)?;
        Ok(Work { transaction, path, seq })
    }

    fn sqlite(&self) -> impl Fn(rusqlite::Error) -> StoreError + use<> {
        let path = self.path.clone();
        move |source| StoreError::Sqlite { path: path.clone(), source }
    }

    fn damaged(&self, reason: impl std::fmt::Display) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), reason: reason.to_string() }
    }
}

impl Work<'_> {
    /// Makes the operation and all its rows lasting. Its log entry gets the digest of the rows before anybody can see it.
    pub fn commit(self) -> Result<(), StoreError> {
        let path = self.path;
        let rows = rows::digest(&self.transaction, self.seq).map_err(self.sqlite())?;
        log::complete(&self.transaction, self.seq, &rows).map_err(self.sqlite())?;
        self.transaction.commit().map_err(|source| StoreError::Sqlite { path: path.to_owned(), source })
    }

    fn sqlite(&self) -> impl Fn(rusqlite::Error) -> StoreError + use<> {
        let path = self.path.to_owned();
        move |source| StoreError::Sqlite { path: path.clone(), source }
    }
}
