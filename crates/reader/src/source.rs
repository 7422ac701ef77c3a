/*! Where rows are read from. */

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::odbc;

/// Where rows are read from. It may hold a password, so it has no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// Path of a SQLite database file.
    Sqlite(PathBuf),
    /// ODBC connection string.
    Odbc(String),
    /// Whatever a reader of one's own reads.
    Command(Program),
}

/// A reader of one's own. Its request carries the settings and the password; the rest is how it is started.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Program and arguments.
    #[serde(skip)]
    pub command: Vec<String>,
    /// Folder it runs in.
    #[serde(skip)]
    pub folder: PathBuf,
    /// Variables of the environment that it does not get.
    #[serde(skip)]
    pub hidden: Vec<String>,
    /// The SQL dialect it understands, or nothing.
    #[serde(skip)]
    pub dialect: String,
    /// Settings, as the configuration has them.
    #[serde(default)]
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

impl Source {
    /// Name of the SQL dialect, as far as the source tells before it is opened: `sqlite`, `postgresql`, `mariadb` or nothing.
    pub fn dialect(&self) -> &str {
        match self {
            Source::Sqlite(_) => "sqlite",
            Source::Odbc(text) => odbc::dialect(text),
            Source::Command(program) => &program.dialect,
        }
    }

    /// What must not be repeated in messages, as it may be written.
    pub(crate) fn secrets(&self) -> Vec<String> {
        match self {
            Source::Sqlite(_) => Vec::new(),
            Source::Odbc(text) => passwords(text),
            Source::Command(program) => program.password.iter().cloned().collect(),
        }
    }
}

/// Values of `PWD` and `Password` in a connection string, as they stand there and as they are meant.
fn passwords(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((key, after)) = rest.split_once('=') {
        let end = match after.strip_prefix('{') {
            // A closing brace in a braced value is doubled.
            Some(braced) => {
                let mut at = 0;
                while let Some(next) = braced[at..].find('}') {
                    at += next + 1;
                    if !braced[at..].starts_with('}') {
                        break;
                    }
                    at += 1;
                }
                at + 1
            }
            None => after.find(';').unwrap_or(after.len()),
        };
        let value = after.get(..end).unwrap_or(after);
        if ["pwd", "password"].iter().any(|name| key.trim_start_matches(';').trim().eq_ignore_ascii_case(name)) {
            let bare = value.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
            found.extend([Some(value.to_owned()), bare.map(str::to_owned), bare.map(|bare| bare.replace("}}", "}"))]);
        }
        rest = after.get(end..).unwrap_or_default();
    }
    found.into_iter().flatten().filter(|secret| !secret.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_found_however_they_are_written() {
        assert_eq!(passwords("Driver={X;Y};PWD={a;b}}c};UID=u"), ["{a;b}}c}", "a;b}}c", "a;b}c"]);
        assert_eq!(passwords("UID=u; password=p w"), ["p w"]);
        assert!(passwords("Driver={X};UID=pwd;").is_empty());
    }
}
