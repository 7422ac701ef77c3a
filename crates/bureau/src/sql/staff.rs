//! Statements about the bureau's own people: who they are, what they sign in with, what they looked at, and by when an answer is expected.

/// The tables.
pub const SCHEMA: &str = "
CREATE TABLE staff (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, person TEXT NOT NULL, name TEXT NOT NULL, roles TEXT NOT NULL, area TEXT NOT NULL,
  trade TEXT NOT NULL, state TEXT NOT NULL, who TEXT NOT NULL
) STRICT;
CREATE INDEX staff_of ON staff (person, id);
CREATE TABLE account (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, person TEXT NOT NULL, password BLOB, invitation BLOB, until INTEGER NOT NULL, second BLOB,
  who TEXT NOT NULL
) STRICT;
CREATE INDEX account_of ON account (person, id);
CREATE TABLE viewed (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, person TEXT NOT NULL, page TEXT NOT NULL, unit TEXT NOT NULL, form TEXT NOT NULL,
  edition TEXT NOT NULL, period TEXT NOT NULL, about TEXT NOT NULL
) STRICT;
CREATE INDEX viewed_of ON viewed (person, unit, form, period, id);
CREATE TABLE deadline (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, message INTEGER NOT NULL UNIQUE REFERENCES message, cause TEXT NOT NULL, answer_by TEXT NOT NULL,
  grace TEXT NOT NULL
) STRICT;
";

/// Its tables.
pub const TABLES: &[&str] = &["staff", "account", "viewed", "deadline"];

statements! {
    /// Somebody, or another version of somebody: what was before stays.
    ADD_STAFF = "INSERT INTO staff (at, person, name, roles, area, trade, state, who) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    /// Somebody as things are now.
    STAFF = "SELECT person, name, roles, area, trade, state FROM staff WHERE person = ? ORDER BY id DESC LIMIT 1";
    /// Everybody as things are now.
    STAFF_ALL = "SELECT person, name, roles, area, trade, state FROM staff WHERE id IN (SELECT MAX(id) FROM staff GROUP BY person) ORDER BY person";
    /// What somebody signs in with from now on.
    ADD_ACCOUNT = "INSERT INTO account (at, person, password, invitation, until, second, who) VALUES (?, ?, ?, ?, ?, ?, ?)";
    /// What somebody signs in with.
    ACCOUNT = "SELECT password, invitation, until, second FROM account WHERE person = ? ORDER BY id DESC LIMIT 1";
    /// That somebody looked at values of a unit.
    ADD_VIEWED = "INSERT INTO viewed (at, person, page, unit, form, edition, period, about) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    /// The last looks, the newest first.
    VIEWED = "SELECT id, at, person, page, unit, form, edition, period, about FROM viewed
              WHERE (?1 = '' OR person = ?1) AND (?2 = '' OR unit = ?2) AND id < ?3 ORDER BY id DESC LIMIT ?4";
    /// When somebody last looked at the reports of a form and period.
    VIEWED_LAST = "SELECT unit, form, period, MAX(at) FROM viewed WHERE person = ? GROUP BY unit, form, period";
    /// By when the answer to a query is expected.
    ADD_DEADLINE = "INSERT INTO deadline (at, message, cause, answer_by, grace) VALUES (?, ?, ?, ?, ?)";
    /// By when the answer to a query is expected.
    DEADLINE = "SELECT cause, answer_by, grace FROM deadline WHERE message = ?";
    /// Rows that are entries of the log.
    ROWS_STAFF = "SELECT * FROM staff ORDER BY id";
    /// Rows that are entries of the log.
    ROWS_ACCOUNT = "SELECT * FROM account ORDER BY id";
    /// Rows that are entries of the log.
    ROWS_VIEWED = "SELECT * FROM viewed ORDER BY id";
    /// Rows that are entries of the log.
    ROWS_DEADLINE = "SELECT * FROM deadline ORDER BY id";
    /// The newest version of each unit of an area and trade, by their first digits.
    UNITS_OF = "SELECT code, name, region, industry, channels FROM unit WHERE id IN (SELECT MAX(id) FROM unit GROUP BY code)
                AND SUBSTR(region, 1, ?1) = ?2 AND SUBSTR(industry, 1, ?3) = ?4 AND (code = ?5 OR name LIKE ?6)
                ORDER BY code LIMIT ?7";
    /// The reports of a unit that are no trials, the newest version last.
    REPORTS_OF_UNIT = "SELECT r.unit, r.form, r.edition, r.period, r.version, r.channel, p.payload, p.content, p.at
                       FROM report r JOIN package p ON p.id = r.package WHERE r.unit = ? AND r.trial = 0 ORDER BY r.period, r.form, r.version";
    /// What arrived since a moment and is no trial, the newest first.
    REPORTS_SINCE = "SELECT r.unit, r.form, r.edition, r.period, r.version, r.channel, p.payload, p.content, p.at
                     FROM report r JOIN package p ON p.id = r.package WHERE p.at >= ? AND r.trial = 0 ORDER BY r.id DESC LIMIT ?";
    /// Queries with their answers: each query, when the first answer came and when the last, and the deadline.
    QUERIES = "SELECT m.id, m.at, m.kind, m.who, m.form, m.period, m.payload, m.subject, m.reply_to, m.text, m.unit,
               COALESCE(MAX(a.id), 0), COALESCE(MAX(a.at), ''), COALESCE(MAX(d.answer_by), ''), COALESCE(MAX(d.grace), ''), COALESCE(MAX(d.cause), '')
               FROM message m LEFT JOIN message a ON a.reply_to = m.id LEFT JOIN deadline d ON d.message = m.id
               WHERE m.kind = 'query' AND m.at >= ?1 AND (?2 = '' OR m.unit = ?2)
               GROUP BY m.id, m.at, m.kind, m.who, m.form, m.period, m.payload, m.subject, m.reply_to, m.text, m.unit ORDER BY m.id DESC LIMIT ?3";
}
