/*!
Every statement of the receiver, in one place.

There are INSERTs and SELECTs, and no other: what arrived is a blob under its digest, a correction is one more version, and a register, a
revocation or a message is one more row. So nothing here can change a figure that a unit reported, and a test asks SQLite itself what each
statement does. Triggers refuse UPDATE and DELETE to other programs too.
*/

/// Tables that a version of the state added to those of the version before it. What was published is never changed: something else is a further version.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Number of the version.
    pub version: i64,
    /// Tables that are new in it.
    pub tables: &'static [&'static str],
    /// What makes them, in SQLite's words; `db::dialect` says what PostgreSQL reads.
    pub text: &'static str,
}

/// Every version from the first that is opened. Since 2 every row but blobs is an entry of the log or follows from one: a state of an earlier version
/// cannot be held against its log, so it is not opened.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 2,
        tables: &[
            "unit",
            "enrolment",
            "enrolled",
            "certificate",
            "revocation",
            "blob",
            "package",
            "report",
            "receipt",
            "entry",
            "node",
            "checkpoint",
            "agent",
            "message",
            "pack",
        ],
        text: SCHEMA,
    },
    Migration { version: 3, tables: staff::TABLES, text: staff::SCHEMA },
    Migration { version: 4, tables: &["portal", "remark"], text: BOARD },
];

/// The version that this program writes.
pub const SCHEMA_VERSION: i64 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// Every table there is.
pub fn tables() -> Vec<&'static str> {
    MIGRATIONS.iter().flat_map(|migration| migration.tables).copied().collect()
}

/// The tables of version 2. A blob without bytes says that they are in the object store.
const SCHEMA: &str = "
CREATE TABLE unit (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, code TEXT NOT NULL, name TEXT NOT NULL, region TEXT NOT NULL, industry TEXT NOT NULL,
  channels TEXT NOT NULL, source TEXT NOT NULL
) STRICT;
CREATE INDEX unit_of ON unit (code, id);
CREATE TABLE enrolment (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, unit TEXT NOT NULL, person TEXT NOT NULL, roles TEXT NOT NULL, hash TEXT NOT NULL UNIQUE,
  expires TEXT NOT NULL, who TEXT NOT NULL
) STRICT;
CREATE TABLE enrolled (
  enrolment INTEGER PRIMARY KEY REFERENCES enrolment, at TEXT NOT NULL, serial TEXT NOT NULL
) STRICT;
CREATE TABLE certificate (
  serial TEXT PRIMARY KEY, at TEXT NOT NULL, unit TEXT NOT NULL, person TEXT NOT NULL, roles TEXT NOT NULL, until TEXT NOT NULL,
  der BLOB NOT NULL
) STRICT;
CREATE INDEX certificate_of ON certificate (unit, at);
CREATE TABLE revocation (
  serial TEXT PRIMARY KEY, at TEXT NOT NULL, reason TEXT NOT NULL, who TEXT NOT NULL
) STRICT;
CREATE TABLE blob (sha256 TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
CREATE TABLE package (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, unit TEXT NOT NULL, payload TEXT NOT NULL UNIQUE, content TEXT NOT NULL REFERENCES blob,
  trial INTEGER NOT NULL
) STRICT;
CREATE TABLE report (
  id INTEGER PRIMARY KEY, package INTEGER NOT NULL REFERENCES package, unit TEXT NOT NULL, form TEXT NOT NULL, edition TEXT NOT NULL,
  period TEXT NOT NULL, file TEXT NOT NULL, channel TEXT NOT NULL, trial INTEGER NOT NULL, version INTEGER NOT NULL,
  previous INTEGER REFERENCES report, UNIQUE (unit, form, edition, period, trial, version)
) STRICT;
CREATE INDEX report_by ON report (package);
CREATE TABLE receipt (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, unit TEXT NOT NULL, payload TEXT NOT NULL, content TEXT NOT NULL,
  accepted INTEGER NOT NULL, reasons TEXT NOT NULL, leaf INTEGER NOT NULL UNIQUE REFERENCES entry, body BLOB NOT NULL
) STRICT;
CREATE INDEX receipt_of ON receipt (payload, unit, id);
CREATE INDEX receipt_by ON receipt (content, unit, id);
CREATE TABLE entry (
  leaf INTEGER PRIMARY KEY, kind TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, record BLOB NOT NULL
) STRICT;
CREATE TABLE node (
  level INTEGER NOT NULL, place INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, at TEXT NOT NULL, note TEXT NOT NULL) STRICT;
CREATE TABLE agent (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, unit TEXT NOT NULL, origin TEXT NOT NULL, size INTEGER NOT NULL, root TEXT NOT NULL,
  note TEXT NOT NULL
) STRICT;
CREATE INDEX agent_of ON agent (unit, origin, id);
CREATE TABLE message (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, unit TEXT NOT NULL, kind TEXT NOT NULL, who TEXT NOT NULL, form TEXT NOT NULL,
  period TEXT NOT NULL, payload TEXT NOT NULL, subject TEXT NOT NULL, reply_to INTEGER REFERENCES message, key TEXT NOT NULL,
  text TEXT NOT NULL, UNIQUE (unit, key)
) STRICT;
CREATE INDEX message_of ON message (unit, id);
CREATE TABLE pack (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, edition TEXT NOT NULL, form TEXT NOT NULL, revision INTEGER NOT NULL,
  sha256 TEXT NOT NULL UNIQUE, text TEXT NOT NULL, body BLOB NOT NULL, who TEXT NOT NULL, UNIQUE (kind, edition, form, revision)
) STRICT;
";

/// The tables of version 4: what the national platform's exports said, and what the bureau notes for itself.
const BOARD: &str = "
CREATE TABLE portal (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, form TEXT NOT NULL, edition TEXT NOT NULL, file TEXT NOT NULL, sha256 TEXT NOT NULL,
  body BLOB NOT NULL, who TEXT NOT NULL, UNIQUE (form, edition, sha256)
) STRICT;
CREATE TABLE remark (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, unit TEXT NOT NULL, kind TEXT NOT NULL, message INTEGER NOT NULL REFERENCES message,
  who TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL, UNIQUE (unit, key)
) STRICT;
CREATE INDEX remark_of ON remark (message, id);
";

/// Which versions there were, in PostgreSQL; SQLite has a number of its own for that.
pub const VERSIONS: &str = "CREATE TABLE state_version (version INTEGER PRIMARY KEY, at TEXT NOT NULL) STRICT;";

/// What the role of the receivers may do: read, and add rows.
pub fn grants<'a>(tables: impl Iterator<Item = &'a &'a str>, role: &str) -> Vec<String> {
    let role = format!("\"{}\"", role.replace('"', "\"\""));
    let tables = tables.map(|table| format!("GRANT SELECT, INSERT ON {table} TO {role}"));
    tables.chain([format!("GRANT SELECT ON state_version TO {role}")]).collect()
}

/// The number of a table's last row.
pub fn last_of(table: &str) -> String {
    format!("SELECT COALESCE(MAX(id), 0) FROM {table}")
}

/// Tables each row of which is an entry of the log: its key and the statement that reads it.
pub const ACTS: &[(&str, &str, &str)] = &[
    ("unit", "id", ROWS_UNIT),
    ("enrolment", "id", ROWS_ENROLMENT),
    ("enrolled", "enrolment", ROWS_ENROLLED),
    ("certificate", "serial", ROWS_CERTIFICATE),
    ("revocation", "serial", ROWS_REVOCATION),
    ("message", "id", ROWS_MESSAGE),
    ("pack", "id", ROWS_PACK),
    ("portal", "id", ROWS_PORTAL),
    ("remark", "id", ROWS_REMARK),
    ("staff", "id", staff::ROWS_STAFF),
    ("account", "id", staff::ROWS_ACCOUNT),
    ("viewed", "id", staff::ROWS_VIEWED),
    ("deadline", "id", staff::ROWS_DEADLINE),
];

/// What keeps other programs from changing or taking away rows of a table.
pub fn guard(table: &str) -> String {
    let trigger = |act: &str| {
        format!(
            "CREATE TRIGGER {table}_{act} BEFORE {act} ON {table} BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;",
            act = act.to_uppercase()
        )
    };
    trigger("update") + &trigger("delete")
}

/// The lock under which rows are added to PostgreSQL: any number that nobody else of the database uses. It ends with the transaction.
pub const LOCK_OF_POSTGRES: &str = "SELECT pg_advisory_xact_lock(7026351487)";

/// What keeps other programs from changing rows, in SQLite.
pub const GUARDS_OF_SQLITE: &str = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name";

/// The same in PostgreSQL: what each trigger is, whether it is on, and what it does.
pub const GUARDS_OF_POSTGRES: &str =
    "SELECT CAST(t.tgname AS TEXT), pg_get_triggerdef(t.oid, true) || ' ' || CAST(t.tgenabled AS TEXT) || ' ' || p.prosrc
     FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
     WHERE NOT t.tgisinternal AND c.relnamespace = CAST(current_schema() AS regnamespace) ORDER BY 1";

/// That there is a version, in PostgreSQL.
pub const ADD_VERSION: &str = "INSERT INTO state_version (version, at) VALUES (?, ?)";

/// The version there is, in PostgreSQL.
pub const VERSION: &str = "SELECT COALESCE(MAX(version), 0) FROM state_version";

/// Whether there are versions, in PostgreSQL.
pub const VERSIONED_OF_POSTGRES: &str =
    "SELECT COUNT(*) FROM pg_class WHERE relname = 'state_version' AND relnamespace = CAST(current_schema() AS regnamespace)";

/// What a role may do to tables beyond reading and adding, in PostgreSQL.
pub const RIGHTS_OF_POSTGRES: &str = "SELECT CAST(c.relname AS TEXT) FROM pg_class c WHERE c.relkind IN ('r', 'p')
     AND c.relnamespace = CAST(current_schema() AS regnamespace)
     AND (has_table_privilege(c.oid, 'UPDATE') OR has_table_privilege(c.oid, 'DELETE') OR has_table_privilege(c.oid, 'TRUNCATE')) ORDER BY 1";

/// Names statements and lists them.
macro_rules! statements {
    ($($(#[$about:meta])* $name:ident = $text:expr;)*) => {
        $($(#[$about])* pub const $name: &str = $text;)*
        /// Each statement with its name.
        pub const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}

pub mod staff;

/// Every statement with its name, of all files.
pub fn all() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    STATEMENTS.iter().chain(staff::STATEMENTS)
}

statements! {
    /// A unit, or another version of it.
    ADD_UNIT = "INSERT INTO unit (at, code, name, region, industry, channels, source) VALUES (?, ?, ?, ?, ?, ?, ?)";
    /// The newest version of a unit.
    UNIT = "SELECT code, name, region, industry, channels FROM unit WHERE code = ? ORDER BY id DESC LIMIT 1";
    /// The newest version of each unit.
    UNITS = "SELECT code, name, region, industry, channels FROM unit WHERE id IN (SELECT MAX(id) FROM unit GROUP BY code) ORDER BY code";
    /// A one-time code, by its hash.
    ADD_ENROLMENT = "INSERT INTO enrolment (at, unit, person, roles, hash, expires, who) VALUES (?, ?, ?, ?, ?, ?, ?)";
    /// A one-time code and whether it was used.
    ENROLMENT = "SELECT e.id, e.unit, e.person, e.roles, e.expires, d.serial FROM enrolment e LEFT JOIN enrolled d ON d.enrolment = e.id
                 WHERE e.hash = ?";
    /// That a code was used; a second time is refused by the key.
    ADD_ENROLLED = "INSERT INTO enrolled (enrolment, at, serial) VALUES (?, ?, ?)";
    /// A certificate that was issued.
    ADD_CERTIFICATE = "INSERT INTO certificate (serial, at, unit, person, roles, until, der) VALUES (?, ?, ?, ?, ?, ?, ?)";
    /// A certificate by its number.
    CERTIFICATE = "SELECT unit, person, roles, until, der FROM certificate WHERE serial = ?";
    /// The certificates of a unit, or of all.
    CERTIFICATES = "SELECT c.serial, c.unit, c.person, c.roles, c.until, r.at FROM certificate c LEFT JOIN revocation r ON r.serial = c.serial
                    WHERE ?1 = '' OR c.unit = ?1 ORDER BY c.unit, c.at, c.serial";
    /// The certificates of a unit's people, the newest first.
    CERTIFICATES_OF_PEOPLE = "SELECT c.serial, c.person, c.roles, c.until, c.der, r.at FROM certificate c
                              LEFT JOIN revocation r ON r.serial = c.serial WHERE c.unit = ? AND c.person <> '' ORDER BY c.at DESC, c.serial";
    /// A revocation; it stays.
    ADD_REVOCATION = "INSERT INTO revocation (serial, at, reason, who) VALUES (?, ?, ?, ?)";
    /// Since when a certificate is revoked.
    REVOKED = "SELECT at FROM revocation WHERE serial = ?";
    /// All that are revoked.
    REVOCATIONS = "SELECT serial, at FROM revocation ORDER BY serial";
    /// Bytes under their digest, once.
    ADD_BLOB = "INSERT INTO blob (sha256, bytes) VALUES (?1, ?2) ON CONFLICT (sha256) DO NOTHING";
    /// Bytes of a digest.
    BLOB = "SELECT bytes FROM blob WHERE sha256 = ?";
    /// A package that was taken.
    ADD_PACKAGE = "INSERT INTO package (at, unit, payload, content, trial) VALUES (?, ?, ?, ?, ?)";
    /// Whose package has a payload digest.
    PACKAGE = "SELECT unit, content FROM package WHERE payload = ?";
    /// All packages that were taken.
    PACKAGES = "SELECT p.at, p.unit, p.payload, p.content, p.trial FROM package p ORDER BY p.id";
    /// A report of a package: one version of a form of a period.
    ADD_REPORT = "INSERT INTO report (package, unit, form, edition, period, file, channel, trial, version, previous)
                  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    /// The newest version of a form of a period.
    REPORT = "SELECT r.id, r.version, p.payload, p.content, r.file, r.channel FROM report r JOIN package p ON p.id = r.package
              WHERE r.unit = ? AND r.form = ? AND r.edition = ? AND r.period = ? AND r.trial = ? ORDER BY r.version DESC LIMIT 1";
    /// The newest version of each form of a period, of any edition.
    REPORTS_OF = "SELECT r.form, p.content, r.file FROM report r JOIN package p ON p.id = r.package
                  WHERE r.unit = ? AND r.period = ? AND r.trial = 0 ORDER BY r.form, r.version";
    /// Every report, for people and exports.
    REPORTS = "SELECT r.unit, r.form, r.edition, r.period, r.version, r.trial, r.channel, p.payload, p.at
               FROM report r JOIN package p ON p.id = r.package
               WHERE (?1 = '' OR r.unit = ?1) AND (?2 = '' OR r.form = ?2) AND (?3 = '' OR r.period = ?3) ORDER BY r.id";
    /// A receipt.
    ADD_RECEIPT = "INSERT INTO receipt (at, unit, payload, content, accepted, reasons, leaf, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    /// The receipt of a payload: that of the taken package before those of refusals, and the last of these.
    RECEIPT = "SELECT accepted, body, reasons FROM receipt WHERE payload = ? AND unit = ? ORDER BY accepted DESC, id DESC LIMIT 1";
    /// The last receipt of the same bytes.
    RECEIPT_OF_BYTES = "SELECT accepted, body, reasons FROM receipt WHERE content = ? AND unit = ? ORDER BY id DESC LIMIT 1";
    /// All receipts, for checks and exports.
    RECEIPTS = "SELECT unit, payload, content, accepted, reasons, leaf, body, at FROM receipt ORDER BY id";
    /// What the log holds under a leaf.
    ADD_ENTRY = "INSERT INTO entry (leaf, kind, hash, record) VALUES (?, ?, ?, ?)";
    /// How many leaves there are.
    SIZE = "SELECT COALESCE(MAX(leaf) + 1, 0) FROM entry";
    /// Where a leaf stands.
    LEAF = "SELECT leaf FROM entry WHERE hash = ?";
    /// All leaves.
    ENTRIES = "SELECT leaf, kind, hash, record FROM entry ORDER BY leaf";
    /// The hash of a whole subtree.
    ADD_NODE = "INSERT INTO node (level, place, hash) VALUES (?, ?, ?)";
    /// The hash of a whole subtree.
    NODE = "SELECT hash FROM node WHERE level = ? AND place = ?";
    /// A checkpoint.
    ADD_CHECKPOINT = "INSERT INTO checkpoint (size, at, note) VALUES (?, ?, ?)";
    /// The newest checkpoint.
    CHECKPOINT = "SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1";
    /// The checkpoint of so many leaves.
    CHECKPOINT_AT = "SELECT size, note FROM checkpoint WHERE size = ?";
    /// All checkpoints.
    CHECKPOINTS = "SELECT size, at, note FROM checkpoint ORDER BY size";
    /// A checkpoint of an agent that was countersigned.
    ADD_AGENT = "INSERT INTO agent (at, unit, origin, size, root, note) VALUES (?, ?, ?, ?, ?, ?)";
    /// The last countersigned checkpoint of an agent.
    AGENT = "SELECT size, root FROM agent WHERE unit = ? AND origin = ? ORDER BY id DESC LIMIT 1";
    /// A message.
    ADD_MESSAGE = "INSERT INTO message (at, unit, kind, who, form, period, payload, subject, reply_to, key, text)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    /// Messages of a unit after a number.
    MESSAGES = "SELECT id, at, kind, who, form, period, payload, subject, reply_to, text, unit FROM message
                WHERE (?1 = '' OR unit = ?1) AND id > ?2 ORDER BY id LIMIT ?3";
    /// A message by its number.
    MESSAGE = "SELECT id, at, kind, who, form, period, payload, subject, reply_to, text, unit FROM message WHERE id = ?";
    /// A message by its key.
    MESSAGE_OF_KEY = "SELECT id, at, kind, who, form, period, payload, subject, reply_to, text, unit FROM message
                      WHERE unit = ? AND key = ?";
    /// The last return or acceptance of a form in a package.
    DECISION = "SELECT id, at, kind, who, form, period, payload, subject, reply_to, text, unit FROM message
                WHERE unit = ? AND form = ? AND payload = ? AND kind IN ('return', 'acceptance') ORDER BY id DESC LIMIT 1";
    /// A pack.
    ADD_PACK = "INSERT INTO pack (at, kind, edition, form, revision, sha256, text, body, who) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    /// The newest revision of each pack.
    PACKS = "SELECT kind, edition, form, revision, sha256, LENGTH(body), at, text FROM pack p
             WHERE revision = (SELECT MAX(q.revision) FROM pack q WHERE q.kind = p.kind AND q.edition = p.edition AND q.form = p.form)
             ORDER BY kind, edition, form";
    /// A pack by its digest.
    PACK = "SELECT body FROM pack WHERE sha256 = ?";
    /// How many packs were published: what was read of them is current while this stays.
    PACKS_COUNT = "SELECT COUNT(*) FROM pack";
    /// How high the tree is, and how many hashes of whole subtrees there are.
    NODES = "SELECT COALESCE(MAX(level) + 1, 0), COUNT(*) FROM node";
    /// Every hash of a whole subtree of a level.
    NODES_OF = "SELECT place, hash FROM node WHERE level = ? ORDER BY place";
    /// Every report with its package, by what it is of.
    REPORTS_CHECKED = "SELECT r.id, p.payload, r.unit, r.form, r.edition, r.period, r.file, r.channel, r.trial, r.version, r.previous
                       FROM report r LEFT JOIN package p ON p.id = r.package
                       ORDER BY r.unit, r.form, r.edition, r.period, r.trial, r.version";
    /// Every receipt with its entry and with the first checkpoint over it.
    RECEIPTS_CHECKED = "SELECT r.unit, r.payload, r.content, r.accepted, r.reasons, r.leaf, r.body, r.at, e.record,
                        (SELECT MIN(c.size) FROM checkpoint c WHERE c.size > r.leaf)
                        FROM receipt r LEFT JOIN entry e ON e.leaf = r.leaf ORDER BY r.id";
    /// Entries of receipts without a row.
    UNRECEIPTED = "SELECT e.record FROM entry e WHERE e.kind = 'receipt'
                   AND NOT EXISTS (SELECT 1 FROM receipt r WHERE r.leaf = e.leaf) ORDER BY e.leaf";
    /// Rows whose yes or no is neither, and tables whose rows are not numbered one by one.
    UNTRUE = "SELECT 'receipt', payload FROM receipt WHERE accepted NOT IN (0, 1) UNION ALL
              SELECT 'package', payload FROM package WHERE trial NOT IN (0, 1) UNION ALL
              SELECT 'report', unit || ' ' || form || ' ' || period FROM report WHERE trial NOT IN (0, 1) UNION ALL
              SELECT 'receipt', 'id ' || COUNT(*) FROM receipt HAVING MIN(id) <> 1 OR MAX(id) <> COUNT(*) UNION ALL
              SELECT 'package', 'id ' || COUNT(*) FROM package HAVING MIN(id) <> 1 OR MAX(id) <> COUNT(*) UNION ALL
              SELECT 'report', 'id ' || COUNT(*) FROM report HAVING MIN(id) <> 1 OR MAX(id) <> COUNT(*) UNION ALL
              SELECT 'agent', 'id ' || COUNT(*) FROM agent HAVING MIN(id) <> 1 OR MAX(id) <> COUNT(*)";
    /// Digests of all bytes, and how many of them are in the row.
    BLOBS = "SELECT sha256, LENGTH(bytes) FROM blob ORDER BY sha256";
    /// All checkpoints of agents.
    AGENTS = "SELECT at, unit, origin, size, root, note FROM agent ORDER BY id";
    /// Rows that are entries of the log.
    ROWS_UNIT = "SELECT * FROM unit ORDER BY id";
    /// Rows that are entries of the log.
    ROWS_ENROLMENT = "SELECT * FROM enrolment ORDER BY id";
    /// Rows that are entries of the log.
    ROWS_ENROLLED = "SELECT * FROM enrolled ORDER BY enrolment";
    /// Rows that are entries of the log.
    ROWS_CERTIFICATE = "SELECT * FROM certificate ORDER BY serial";
    /// Rows that are entries of the log.
    ROWS_REVOCATION = "SELECT * FROM revocation ORDER BY serial";
    /// Rows that are entries of the log.
    ROWS_MESSAGE = "SELECT * FROM message ORDER BY id";
    /// Rows that are entries of the log.
    ROWS_PACK = "SELECT * FROM pack ORDER BY id";
    /// Versions of units after a number, for the board.
    UNITS_AFTER = "SELECT id, code, name, region, industry FROM unit WHERE id > ? ORDER BY id LIMIT ?";
    /// Reports after a number, for the board.
    REPORTS_AFTER = "SELECT r.id, r.unit, r.form, r.edition, r.period, r.version, r.trial, r.channel, p.payload, p.content, p.at
                     FROM report r JOIN package p ON p.id = r.package WHERE r.id > ? ORDER BY r.id LIMIT ?";
    /// Messages after a number with their keys, for the board.
    MESSAGES_AFTER = "SELECT id, at, kind, who, form, period, payload, subject, reply_to, text, unit, key FROM message
                      WHERE id > ? ORDER BY id LIMIT ?";
    /// What the log holds of the receipt of a package that was taken.
    RECORD_OF = "SELECT e.record FROM receipt r JOIN entry e ON e.leaf = r.leaf WHERE r.payload = ? AND r.unit = ? AND r.accepted = 1";
    /// Rows that are entries of the log.
    ROWS_PORTAL = "SELECT * FROM portal ORDER BY id";
    /// Rows that are entries of the log.
    ROWS_REMARK = "SELECT * FROM remark ORDER BY id";
    /// What an export of the national platform said.
    ADD_PORTAL = "INSERT INTO portal (at, form, edition, file, sha256, body, who) VALUES (?, ?, ?, ?, ?, ?, ?)";
    /// Whether an export was read before.
    PORTAL_KNOWN = "SELECT id FROM portal WHERE form = ? AND edition = ? AND sha256 = ?";
    /// Exports after a number, for the board.
    PORTALS_AFTER = "SELECT id, form, edition, file, sha256, body FROM portal WHERE id > ? ORDER BY id LIMIT ?";
    /// What the bureau notes for itself about a message.
    ADD_REMARK = "INSERT INTO remark (at, unit, kind, message, who, key, text) VALUES (?, ?, ?, ?, ?, ?, ?)";
    /// Notes, the newest first.
    REMARKS = "SELECT id, at, unit, kind, message, who, key, text FROM remark WHERE ?1 = '' OR unit = ?1 ORDER BY id DESC";
    /// A note by its key.
    REMARK_OF_KEY = "SELECT id, at, unit, kind, message, who, key, text FROM remark WHERE unit = ? AND key = ?";
    /// Messages of a unit of one kind, with their keys.
    MESSAGES_OF_KIND = "SELECT id, at, kind, who, form, period, payload, subject, reply_to, text, unit, key FROM message
                        WHERE unit = ? AND kind = ? ORDER BY id";
    /// Counts for people.
    COUNTS = "SELECT (SELECT COUNT(DISTINCT code) FROM unit), (SELECT COUNT(*) FROM package), (SELECT COUNT(*) FROM receipt WHERE accepted = 0)";
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        fs,
        path::Path,
        sync::{Arc, Mutex},
    };

    use rusqlite::{
        Connection,
        hooks::{AuthAction, AuthContext, Authorization},
    };

    use super::*;

    fn made() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        for migration in MIGRATIONS {
            connection.execute_batch(migration.text).unwrap();
            migration.tables.iter().for_each(|table| connection.execute_batch(&guard(table)).unwrap());
        }
        connection
    }

    /// What SQLite says each statement does: rows are added and read, and nothing else.
    #[test]
    fn no_statement_changes_or_removes_a_row() {
        let mut connection = made();
        assert!(all().count() > 60);
        for (name, text) in all() {
            let seen: Arc<Mutex<Vec<String>>> = Arc::default();
            let writer = Arc::clone(&seen);
            let watch = move |context: AuthContext<'_>| {
                let said = match context.action {
                    AuthAction::Insert { table_name } => format!("insert {table_name}"),
                    AuthAction::Select | AuthAction::Read { .. } | AuthAction::Function { .. } | AuthAction::Recursive => {
                        return Authorization::Allow;
                    }
                    other => format!("{other:?}"),
                };
                writer.lock().unwrap().push(said);
                Authorization::Allow
            };
            connection.authorizer(Some(watch)).unwrap();
            connection.prepare(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            let seen = seen.lock().unwrap();
            let own = if name.starts_with("ADD_") { 1 } else { 0 };
            assert_eq!(seen.len(), own, "{name} does {seen:?}");
            assert!(seen.iter().all(|said| said.starts_with("insert ")), "{name} does {seen:?}");
        }
    }

    #[test]
    fn other_programs_cannot_change_rows_either() {
        let connection = made();
        connection.execute(ADD_BLOB, ("a", b"figures")).unwrap();
        for text in ["UPDATE blob SET bytes = x'00'", "DELETE FROM blob", "REPLACE INTO blob VALUES ('a', x'00')"] {
            connection.pragma_update(None, "recursive_triggers", true).unwrap();
            let refused = connection.execute_batch(text).unwrap_err().to_string();
            assert!(refused.contains("rows are only added"), "{text}: {refused}");
        }
        let all = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let mut statement = connection.prepare(all).unwrap();
        let tables: BTreeSet<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(tables, super::tables().into_iter().map(str::to_owned).collect());
    }

    /// No other file of the receiver has a statement.
    #[test]
    fn statements_stand_here_alone() {
        fn walk(folder: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    if !path.ends_with("src/sql") {
                        walk(&path, found);
                    }
                } else if path.extension().is_some_and(|ending| ending == "rs")
                    && !path.ends_with("sql.rs")
                    // It reads texts of this file in another's words.
                    && !path.ends_with("db/dialect.rs")
                {
                    let text = fs::read_to_string(&path).unwrap();
                    for word in ["\"INSERT ", "\"SELECT ", "\"UPDATE ", "\"DELETE ", "\"REPLACE ", "\"ALTER ", "\"DROP "] {
                        if text.contains(word) {
                            found.push(format!("{}: {word}", path.display()));
                        }
                    }
                }
            }
        }
        let mut found = Vec::new();
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        assert!(found.is_empty(), "{found:?}");
    }
}
