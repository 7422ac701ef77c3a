/*!
The two databases that a state can be in, behind one way of asking.

Statements stand in `sql.rs`, each as one text; [`dialect`] says how PostgreSQL reads them. Callers see neither SQLite nor PostgreSQL: a [`Connection`],
statements, rows and values of four kinds. There are INSERTs and SELECTs only, so an insert can be sent without waiting for its answer, and the
number of a row can be given by whoever holds the lock under which rows are added.
*/

mod dialect;
mod postgres;
mod sqlite;
mod tls;
mod value;

use std::{cell::RefCell, fmt, sync::Arc};

pub use dialect::{numbered, tables_text};
pub use postgres::Server;
pub use sqlite::{File, scratch};
pub use value::{FromValue, Params, Row, ToValue, Value};

use postgres::{Cursor, Session};
use value::Given;

pub(crate) use crate::db_params as params;

/// Why a database did not do what it was asked to.
#[derive(Debug)]
pub enum Error {
    /// SQLite's word.
    Sqlite(rusqlite::Error),
    /// PostgreSQL's word.
    Postgres(Box<tokio_postgres::Error>),
    /// There is no such row.
    NoRows,
    /// A value is not of the kind that it must be.
    Value {
        /// Which column, from 0.
        column: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Anything else.
    Other(String),
}

/// What a database answers.
pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Sqlite(error) => error.fmt(f),
            Error::Postgres(error) => match error.as_db_error() {
                Some(said) => write!(f, "{} ({})", said.message(), said.code().code()),
                // The crate's own text hides what it is about.
                None => match std::error::Error::source(error) {
                    Some(source) => write!(f, "{error}: {source}"),
                    None => error.fmt(f),
                },
            },
            Error::NoRows => f.write_str("a row that must be there is missing"),
            Error::Value { column, reason } => write!(f, "column {column}: {reason}"),
            Error::Other(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Error {}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Error {
        match error {
            rusqlite::Error::QueryReturnedNoRows => Error::NoRows,
            error => Error::Sqlite(error),
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Error {
        Error::Postgres(Box::new(error))
    }
}

impl Error {
    /// Whether a key that is there already, or one that is not there, stands in the way.
    pub fn is_constraint(&self) -> bool {
        match self {
            Error::Sqlite(error) => error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation),
            Error::Postgres(error) => error.code().is_some_and(|code| code.code().starts_with("23")),
            _ => false,
        }
    }

    /// Whether there is no room left.
    pub fn is_full(&self) -> bool {
        match self {
            Error::Sqlite(error) => error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull),
            Error::Postgres(error) => error.code().is_some_and(|code| code.code() == "53100"),
            _ => false,
        }
    }
}

/// Nothing instead of an error where a row is not there.
pub trait OptionalExtension<T> {
    /// Nothing instead of an error where a row is not there.
    fn optional(self) -> Result<Option<T>>;
}

impl<T> OptionalExtension<T> for Result<T> {
    fn optional(self) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(Error::NoRows) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

enum Kind {
    Sqlite(rusqlite::Connection),
    Postgres(Box<Session>),
}

/// A question that is asked before its answer is needed.
pub type Ask = (std::borrow::Cow<'static, str>, Vec<Value>);

/// A connection to the state.
pub struct Connection {
    kind: Kind,
    /// Rows that were added since somebody began to listen: table and row.
    heard: RefCell<Option<Vec<(String, Row)>>>,
}

impl Connection {
    fn new(kind: Kind) -> Connection {
        Connection { kind, heard: RefCell::default() }
    }

    /// A statement of `sql.rs`.
    pub fn prepare_cached<'c>(&'c self, text: &'c str) -> Result<Statement<'c>> {
        Ok(Statement { connection: self, text, held: None })
    }

    /// Lets the database read a statement, and do nothing.
    pub fn understands(&self, text: &str) -> Result<()> {
        match &self.kind {
            Kind::Sqlite(connection) => Ok(connection.prepare(text).map(drop)?),
            Kind::Postgres(session) => session.understands(text),
        }
    }

    /// Begins a transaction that only reads, and sees one state of the database.
    pub fn begin_reading(&self) -> Result<()> {
        match &self.kind {
            Kind::Sqlite(connection) => Ok(connection.execute_batch("BEGIN")?),
            Kind::Postgres(session) => session.later("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"),
        }
    }

    /// Begins a transaction that adds rows. There is one at a time, of all receivers: it sees everything that those before it added.
    pub fn begin_writing(&self) -> Result<()> {
        match &self.kind {
            Kind::Sqlite(connection) => Ok(connection.execute_batch("BEGIN IMMEDIATE")?),
            Kind::Postgres(session) => session.lock(),
        }
    }

    /// Makes it lasting.
    pub fn commit(&self) -> Result<()> {
        match &self.kind {
            Kind::Sqlite(connection) => Ok(connection.execute_batch("COMMIT")?),
            Kind::Postgres(session) => session.commit(),
        }
    }

    /// Ends it, and nothing of it stays.
    pub fn roll_back(&self) -> Result<()> {
        match &self.kind {
            Kind::Sqlite(connection) if connection.is_autocommit() => Ok(()),
            Kind::Sqlite(connection) => Ok(connection.execute_batch("ROLLBACK")?),
            Kind::Postgres(session) => session.roll_back(),
        }
    }

    /// From now on inserts may be sent without waiting for their answers; where one fails, the commit does.
    pub fn hasten(&self, hasten: bool) {
        if let Kind::Postgres(session) = &self.kind {
            session.hasten(hasten);
        }
    }

    /// Asks all of it at once where asking is a journey; who asks the same next gets the answer.
    pub fn expect(&self, asks: Vec<Ask>) -> Result<()> {
        match &self.kind {
            Kind::Sqlite(_) => Ok(()),
            Kind::Postgres(session) => session.expect(asks),
        }
    }

    /// Rows that are added from now on are remembered.
    pub fn listen(&self) {
        *self.heard.borrow_mut() = Some(Vec::new());
    }

    /// What was remembered: each row with its table.
    pub fn heard(&self) -> Vec<(String, Row)> {
        self.heard.borrow_mut().take().unwrap_or_default()
    }

    /// Number of the row that was added last.
    pub fn last_insert_rowid(&self) -> i64 {
        match &self.kind {
            Kind::Sqlite(connection) => connection.last_insert_rowid(),
            Kind::Postgres(session) => session.last(),
        }
    }

    /// What the database says of itself where it checks itself.
    pub fn integrity(&self) -> Result<Vec<String>> {
        match &self.kind {
            Kind::Sqlite(connection) => sqlite::integrity(connection),
            Kind::Postgres(_) => Ok(Vec::new()),
        }
    }

    /// What keeps other programs from changing rows, by name, and what must be there for tables.
    pub fn guards(&self, tables: &[&str]) -> Result<Guards> {
        match &self.kind {
            Kind::Sqlite(connection) => sqlite::guards(connection, tables),
            Kind::Postgres(session) => session.guards(tables),
        }
    }

    /// Whether it is still of use.
    pub fn is_open(&self) -> bool {
        match &self.kind {
            Kind::Sqlite(connection) => connection.is_autocommit(),
            Kind::Postgres(session) => session.is_open(),
        }
    }

    /// Tables of which this role may do more than read them and add rows; a file's rights are the system's.
    pub fn rights(&self) -> Result<Vec<String>> {
        match &self.kind {
            Kind::Sqlite(_) => Ok(Vec::new()),
            Kind::Postgres(session) => session.rights(),
        }
    }
}

/// Names of what guards rows: what there is, and what there must be.
pub struct Guards {
    /// Name and text of each that is there.
    pub present: Vec<(String, String)>,
    /// Name and text of each that must be.
    pub wanted: Vec<(String, String)>,
}

/// A statement of a connection.
pub struct Statement<'c> {
    connection: &'c Connection,
    text: &'c str,
    /// SQLite's own, while rows of it are walked.
    held: Option<rusqlite::CachedStatement<'c>>,
}

impl<'c> Statement<'c> {
    /// Adds a row; how many were added, where that is known already.
    pub fn execute(&mut self, params: impl Params) -> Result<usize> {
        let given = params.given();
        if self.connection.heard.borrow().is_some() {
            return self.heard(&given);
        }
        match &self.connection.kind {
            Kind::Sqlite(connection) => Ok(connection.prepare_cached(self.text)?.execute(rusqlite::params_from_iter(given))?),
            Kind::Postgres(session) => session.insert(self.text, &given),
        }
    }

    /// Adds a row and remembers it as the database has it.
    fn heard(&self, given: &[Given<'_>]) -> Result<usize> {
        let table = dialect::table_of(self.text).ok_or_else(|| Error::Other("not an insert".to_owned()))?;
        let rows = match &self.connection.kind {
            Kind::Sqlite(connection) => {
                let text = format!("{} RETURNING *", self.text);
                sqlite::rows(&mut *connection.prepare_cached(&text)?, given)?
            }
            Kind::Postgres(session) => session.insert_returning(self.text, given)?,
        };
        let count = rows.len();
        if let Some(heard) = self.connection.heard.borrow_mut().as_mut() {
            heard.extend(rows.into_iter().map(|row| (table.to_owned(), row)));
        }
        Ok(count)
    }

    /// The first row.
    pub fn query_row<T>(&mut self, params: impl Params, read: impl FnOnce(&Row) -> Result<T>) -> Result<T> {
        let given = params.given();
        let row = match &self.connection.kind {
            Kind::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(self.text)?;
                let names = sqlite::names(&statement);
                let mut rows = statement.query(rusqlite::params_from_iter(given))?;
                rows.next()?.map(|row| sqlite::row(row, &names)).transpose()?
            }
            Kind::Postgres(session) => session.query(self.text, &given)?.into_iter().next(),
        };
        read(&row.ok_or(Error::NoRows)?)
    }

    /// All rows, each read.
    pub fn query_map<T>(
        &mut self,
        params: impl Params,
        mut read: impl FnMut(&Row) -> Result<T>,
    ) -> Result<impl Iterator<Item = Result<T>>> {
        let given = params.given();
        let rows = match &self.connection.kind {
            Kind::Sqlite(connection) => sqlite::rows(&mut *connection.prepare_cached(self.text)?, &given)?,
            Kind::Postgres(session) => session.query(self.text, &given)?,
        };
        Ok(rows.into_iter().map(move |row| read(&row)))
    }

    /// Rows one after the other, however many there are. Other statements can be asked meanwhile.
    pub fn query(&mut self, params: impl Params) -> Result<Rows<'_>> {
        let given = params.given();
        let source = match &self.connection.kind {
            Kind::Sqlite(connection) => {
                let statement = self.held.insert(connection.prepare_cached(self.text)?);
                let names = sqlite::names(statement);
                Source::Sqlite(statement.query(rusqlite::params_from_iter(given))?, names)
            }
            Kind::Postgres(session) => Source::Postgres(session.cursor(self.text, &given)?),
        };
        Ok(Rows { source, row: None })
    }
}

enum Source<'s> {
    Sqlite(rusqlite::Rows<'s>, Arc<[String]>),
    Postgres(Cursor<'s>),
}

/// Rows as they are asked for.
pub struct Rows<'s> {
    source: Source<'s>,
    row: Option<Row>,
}

impl Rows<'_> {
    /// The next row.
    #[allow(clippy::should_implement_trait, reason = "a row may fail to be read, and lives until the next one")]
    pub fn next(&mut self) -> Result<Option<&Row>> {
        self.row = match &mut self.source {
            Source::Sqlite(rows, names) => rows.next()?.map(|row| sqlite::row(row, names)).transpose()?,
            Source::Postgres(cursor) => cursor.next()?,
        };
        Ok(self.row.as_ref())
    }
}
