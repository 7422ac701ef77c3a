/*! Statements about what a check compares: tables of its own, which are gone when it is done. */

/// The tables.
pub const TABLES: &str = "
CREATE TABLE act (
  of TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (of, number, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE taken (
  payload TEXT PRIMARY KEY, leaf INTEGER NOT NULL, at TEXT NOT NULL, unit TEXT NOT NULL, content TEXT NOT NULL, trial INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE content (sha256 TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE version (
  leaf INTEGER NOT NULL, unit TEXT NOT NULL, form TEXT NOT NULL, edition TEXT NOT NULL, period TEXT NOT NULL, trial INTEGER NOT NULL,
  payload TEXT NOT NULL, channel TEXT NOT NULL, version INTEGER NOT NULL
) STRICT;
CREATE TABLE wanted (place INTEGER PRIMARY KEY, digest BLOB NOT NULL, label TEXT NOT NULL) STRICT;
CREATE TABLE found (place INTEGER PRIMARY KEY, digest BLOB NOT NULL, label TEXT NOT NULL) STRICT;
";

pub const ACT: &str = "INSERT OR REPLACE INTO act VALUES (?, ?, ?, ?)";
pub const ACTS: &str = "SELECT number, name, digest FROM act WHERE of = ? ORDER BY number, name";
pub const TAKEN: &str = "INSERT OR REPLACE INTO taken VALUES (?, ?, ?, ?, ?, ?)";
pub const TAKE: &str = "DELETE FROM taken WHERE payload = ? RETURNING leaf, at, unit, content, trial";
pub const NOT_TAKEN: &str = "SELECT payload FROM taken ORDER BY payload";
pub const CONTENT: &str = "INSERT OR IGNORE INTO content VALUES (?)";
pub const CONTENTS: &str = "SELECT sha256 FROM content ORDER BY sha256";
pub const VERSION: &str = "INSERT INTO version VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
pub const VERSIONS: &str = "SELECT unit, form, edition, period, trial, payload, channel, version FROM version
                            ORDER BY unit, form, edition, period, trial, leaf";
pub const WANTED: &str = "INSERT INTO wanted (digest, label) VALUES (?, ?)";
pub const FOUND: &str = "INSERT INTO found (digest, label) VALUES (?, ?)";
/// Rows that are not what they must be in their place.
pub const APART: &str = "SELECT COUNT(*) FROM (SELECT place, digest FROM wanted EXCEPT SELECT place, digest FROM found
                         UNION ALL SELECT place, digest FROM (SELECT place, digest FROM found EXCEPT SELECT place, digest FROM wanted))";
pub const ODD: &str = "SELECT label FROM found WHERE digest NOT IN (SELECT digest FROM wanted) UNION
                       SELECT label FROM wanted WHERE digest NOT IN (SELECT digest FROM found) ORDER BY 1";
