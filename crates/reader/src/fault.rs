/*! Why a reader stopped, in words that another program can act on. */

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The request is not understood.
    Request,
    /// The driver is not installed or does not load.
    Driver,
    /// The source could not be reached or opened.
    Connect,
    /// User or password were refused.
    Credentials,
    /// A table is missing.
    Table,
    /// A column is missing.
    Column,
    /// The source ran out of the time it was given.
    Timeout,
    /// The statement would write.
    Writes,
    /// The account may not read this.
    Forbidden,
    /// A value has no exact text.
    Inexact,
    /// A row is larger than a message may be.
    Size,
    /// The source refused the query for another reason.
    Query,
    /// The rows could not be passed on.
    Output,
}

impl Kind {
    /// Exit code of a reader that stops for this reason.
    pub const fn exit(self) -> u8 {
        match self {
            Kind::Inexact => 1,
            Kind::Request => 2,
            Kind::Driver | Kind::Connect | Kind::Credentials => 3,
            _ => 4,
        }
    }
}

/// Why a reader stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What kind of thing went wrong.
    pub kind: Kind,
    /// The source's own words. Never a connection string.
    pub message: String,
}

impl Fault {
    pub(crate) fn new(kind: Kind, message: impl fmt::Display) -> Fault {
        Fault { kind, message: message.to_string() }
    }

    /// The line a reader writes to stderr before it ends.
    pub fn line(&self) -> String {
        serde_json::json!({ "error": self }).to_string()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        use rusqlite::ErrorCode as Code;
        let message = error.to_string();
        let kind = match error.sqlite_error_code() {
            Some(Code::CannotOpen | Code::NotADatabase | Code::PermissionDenied | Code::DatabaseBusy) => Kind::Connect,
            Some(Code::OperationInterrupted) => Kind::Timeout,
            Some(Code::ReadOnly) => Kind::Writes,
            _ if message.contains("no such table") => Kind::Table,
            _ if message.contains("no such column") => Kind::Column,
            _ => Kind::Query,
        };
        Fault { kind, message }
    }
}

impl From<arrow_schema::ArrowError> for Fault {
    fn from(error: arrow_schema::ArrowError) -> Fault {
        Fault::new(Kind::Output, error)
    }
}
