/*! The state of a receiver: rows of a database, to which rows are only added, and the bytes of packages. */

mod acts;
mod feed;
mod log;
mod messages;
mod objects;
mod packages;
mod packs;
mod people;
mod portal;
mod staff;
mod units;
mod writer;

pub use acts::Act;
pub use feed::{Kept as KeptMessage, Landed, UnitVersion};
pub use log::{Entry, Log};
pub use messages::Draft as MessageDraft;
pub use objects::Objects;
pub use packages::{Agent, Blob, Kept, Known, NewReport, Report, Taken};
pub use packs::Published;
pub use people::{Enrolment, Issued};
pub use portal::{PortalSheet, Remark};
pub use staff::{Arrival, Deadline, Query, Staff, Viewed, account, put_account};
pub use units::Unit;
pub use writer::{Close, Notary, Refused, Signing, Task, Writer, commit};

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, PoisonError},
};

use crate::{
    config::{self, Config},
    db::{self, Connection, File, Server},
    failure::Failure,
    sql,
};

/// Why the state could not be read or written. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused; a full disk is one of these.
    #[error("{place}: {source}")]
    Database {
        /// The database.
        place: String,
        /// What it said.
        #[source]
        source: db::Error,
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
    /// A row or an object does not read as what was written.
    #[error("{place}: {reason}")]
    Damaged {
        /// The database or the object.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// The object store could not be asked.
    #[error("{place}: {reason}")]
    Objects {
        /// The object.
        place: String,
        /// What it said.
        reason: String,
    },
    /// An object is where it cannot be read at once.
    #[error("{place} is archived")]
    Archived {
        /// The object.
        place: String,
    },
    /// What is to be written could not be signed.
    #[error("{finding}")]
    Unsigned {
        /// Why.
        finding: seal::Finding,
    },
    /// The state was written by a newer version of this program.
    #[error("{place}: schema version {found} is newer than this program")]
    Newer {
        /// The database.
        place: String,
        /// Its version.
        found: i64,
    },
    /// The state was written by an older version of this program, whose rows its log does not bind.
    #[error("{place}: schema version {found} is older than this program reads")]
    Older {
        /// The database.
        place: String,
        /// Its version.
        found: i64,
    },
    /// Tables of the state are missing: their owner makes them.
    #[error("{place}: schema version {found} lacks tables of this program")]
    Unmigrated {
        /// The database.
        place: String,
        /// Its version; 0 where there is nothing.
        found: i64,
    },
}

/// Where rows are.
#[derive(Clone)]
pub enum Base {
    /// In a file.
    Sqlite(File),
    /// On a server.
    Postgres(Box<Server>),
}

impl Base {
    /// A connection that writes.
    fn writing(&self) -> db::Result<Connection> {
        match self {
            Base::Sqlite(file) => file.writing(),
            Base::Postgres(server) => server.connect(),
        }
    }

    /// A connection that reads.
    fn reading(&self) -> db::Result<Connection> {
        match self {
            Base::Sqlite(file) => file.reading(),
            Base::Postgres(server) => server.connect(),
        }
    }

    /// What to call it.
    fn place(&self) -> String {
        match self {
            Base::Sqlite(file) => file.path().display().to_string(),
            Base::Postgres(server) => server.place(),
        }
    }
}

/// Connections to the state: one that writes at a time, and as many that read as are needed, or as the server is asked to bear.
pub struct Store {
    base: Base,
    objects: Objects,
    idle: Mutex<Vec<Connection>>,
    /// How many more may be open at once.
    free: Mutex<u32>,
    freed: Condvar,
}

/// A connection that is used; its place is given back however that ends.
struct Turn<'s>(&'s Store);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

/// Makes a folder that its owner alone reads.
pub fn folder(path: &Path) -> Result<(), StoreError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| StoreError::Io { path: path.to_owned(), source })
}

impl Store {
    /// Opens the state that a configuration names. A file is made or brought to this version; a server's tables are made by their owner.
    pub fn open(config: &Config) -> Result<Store, Failure> {
        folder(&config.state)?;
        let (base, most) = match &config.store.kind {
            config::Kind::Sqlite => {
                let file = File::new(config.state.join("bureau.sqlite"));
                let place = file.path().display().to_string();
                let found =
                    file.migrate(sql::MIGRATIONS).map_err(|source| StoreError::Database { place: place.clone(), source })?;
                fit(place, found, false)?;
                (Base::Sqlite(file), u32::MAX)
            }
            config::Kind::Postgres => {
                let server = config.store.server()?;
                let place = server.place();
                let found = server.version().map_err(|source| StoreError::Database { place: place.clone(), source })?;
                fit(place, found, true)?;
                (Base::Postgres(Box::new(server)), config.store.connections)
            }
        };
        let objects = Objects::open(&config.objects)?;
        Ok(Store { base, objects, idle: Mutex::default(), free: Mutex::new(most), freed: Condvar::new() })
    }

    /// Where rows are.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// Where the bytes of packages are.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// A connection that writes.
    pub fn writing(&self) -> Result<Connection, StoreError> {
        self.base.writing().map_err(self.refused())
    }

    /// Waits for its turn.
    fn turn(&self) -> Turn<'_> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Turn(self)
    }

    /// A connection that is open.
    fn pooled(&self) -> Result<Connection, StoreError> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match idle {
                Some(connection) if connection.is_open() => return Ok(connection),
                Some(_) => {}
                None => return self.base.reading().map_err(self.refused()),
            }
        }
    }

    /// Reads: one state of the database for all that is asked.
    pub fn read<T>(&self, ask: impl FnOnce(&Connection) -> db::Result<T>) -> Result<T, StoreError> {
        let _turn = self.turn();
        let connection = self.pooled()?;
        connection.begin_reading().map_err(self.refused())?;
        let answer = ask(&connection);
        if connection.roll_back().is_ok() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        answer.map_err(self.refused())
    }

    /// Writes in one transaction, for the verbs that write little. Each row is an entry of the log as well, under a checkpoint of its own; gives
    /// these entries too.
    pub fn write<T>(
        &self,
        notary: &dyn Notary,
        act: impl FnOnce(&Connection) -> db::Result<T>,
    ) -> Result<(T, Vec<Act>), StoreError> {
        let _turn = self.turn();
        let connection = self.writing()?;
        connection.begin_writing().map_err(self.refused())?;
        connection.listen();
        let written = act(&connection).map_err(self.refused()).and_then(|done| {
            let acts = acts::enter(&connection, connection.heard(), notary, self.refused())?;
            connection.commit().map_err(self.refused())?;
            Ok((done, acts))
        });
        if written.is_err() {
            // What cannot be taken back is taken back with the connection.
            let _ = connection.roll_back();
        }
        written
    }

    /// The bytes of a digest, which are what it says.
    pub fn object(&self, sha256: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let kept = self.read(|connection| Blob::get(connection, sha256))?;
        kept.map(|kept| self.objects.whole(sha256, kept)).transpose()
    }

    /// Keeps bytes where they are kept before a row names them.
    pub fn keep(&self, sha256: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.objects.put(sha256, bytes)
    }

    /// The database.
    pub fn place(&self) -> String {
        self.base.place()
    }

    /// The database's word as an error.
    pub fn refused(&self) -> impl Fn(db::Error) -> StoreError + use<> {
        let place = self.base.place();
        move |source| StoreError::Database { place: place.clone(), source }
    }
}

/// Whether a state of this version can be used.
fn fit(place: String, found: i64, server: bool) -> Result<(), StoreError> {
    let oldest = sql::MIGRATIONS.first().map_or(0, |first| first.version);
    if found > sql::SCHEMA_VERSION {
        Err(StoreError::Newer { place, found })
    } else if (1..oldest).contains(&found) {
        Err(StoreError::Older { place, found })
    } else if server && found < sql::SCHEMA_VERSION {
        Err(StoreError::Unmigrated { place, found })
    } else {
        Ok(())
    }
}

/// A text of JSON in a column.
fn column<T: serde::de::DeserializeOwned>(text: &str, column: usize) -> db::Result<T> {
    serde_json::from_str(text).map_err(|error| db::Error::Value { column, reason: error.to_string() })
}

/// A value as a column of JSON; what is written here always has a text.
fn json(value: &impl serde::Serialize) -> db::Result<String> {
    serde_json::to_string(value).map_err(|error| db::Error::Other(error.to_string()))
}
