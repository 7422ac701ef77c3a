/*!
Every statement of the board. Its file is a projection that may be thrown away, so rows are replaced here; no table of the receiver's own state can be
named by any of these, as a test shows by preparing all of them in a database that has the board's tables alone.
*/

/// Version of the tables below, and of what is derived into them: a file of another version is made anew from what arrived.
pub const VERSION: i64 = 1;

/// The tables. A period is `year × 12 + month − 1`; a moment is seconds since 1970; a form, a unit and a column of a form are numbers.
pub const SCHEMA: &str = "
CREATE TABLE mark (what TEXT PRIMARY KEY, upto INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE unit (
  id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, name TEXT NOT NULL, region TEXT NOT NULL, industry TEXT NOT NULL
) STRICT;
CREATE TABLE slot (
  id INTEGER PRIMARY KEY, form TEXT NOT NULL, code TEXT NOT NULL, col TEXT NOT NULL, name TEXT NOT NULL, measure TEXT NOT NULL,
  repeats TEXT NOT NULL, UNIQUE (form, code, col)
) STRICT;
CREATE TABLE state (
  form TEXT NOT NULL, period INTEGER NOT NULL, unit INTEGER NOT NULL, version INTEGER NOT NULL, first INTEGER NOT NULL, at INTEGER NOT NULL,
  filed INTEGER NOT NULL, official INTEGER NOT NULL, decision INTEGER NOT NULL, mandatory INTEGER NOT NULL, verify INTEGER NOT NULL,
  explained INTEGER NOT NULL, open INTEGER NOT NULL, outliers INTEGER NOT NULL, odd INTEGER NOT NULL, differs INTEGER NOT NULL,
  PRIMARY KEY (form, period, unit)
) STRICT, WITHOUT ROWID;
CREATE TABLE figure (
  unit INTEGER NOT NULL, form TEXT NOT NULL, period INTEGER NOT NULL, edition TEXT NOT NULL, payload BLOB NOT NULL, cells BLOB NOT NULL,
  PRIMARY KEY (unit, form, period)
) STRICT, WITHOUT ROWID;
CREATE TABLE hit (
  unit INTEGER NOT NULL, form TEXT NOT NULL, period INTEGER NOT NULL, rule TEXT NOT NULL, severity TEXT NOT NULL, text TEXT NOT NULL,
  cause TEXT NOT NULL, said TEXT NOT NULL, PRIMARY KEY (unit, form, period, rule)
) STRICT, WITHOUT ROWID;
CREATE TABLE outlier (
  form TEXT NOT NULL, period INTEGER NOT NULL, unit INTEGER NOT NULL, screen TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,
  one TEXT NOT NULL, other TEXT NOT NULL, score TEXT NOT NULL, threshold TEXT NOT NULL, PRIMARY KEY (form, period, unit, screen, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE total (
  form TEXT NOT NULL, period INTEGER NOT NULL, region TEXT NOT NULL, trade TEXT NOT NULL, units INTEGER NOT NULL, sums BLOB NOT NULL,
  PRIMARY KEY (form, period, region, trade)
) STRICT, WITHOUT ROWID;
CREATE TABLE decision (
  payload BLOB NOT NULL, form TEXT NOT NULL, message INTEGER NOT NULL, kind INTEGER NOT NULL, at TEXT NOT NULL, who TEXT NOT NULL,
  PRIMARY KEY (payload, form)
) STRICT, WITHOUT ROWID;
CREATE TABLE thread (
  message INTEGER PRIMARY KEY, unit INTEGER NOT NULL, kind TEXT NOT NULL, form TEXT NOT NULL, period TEXT NOT NULL, payload TEXT NOT NULL,
  subject TEXT NOT NULL, at TEXT NOT NULL, who TEXT NOT NULL, key TEXT NOT NULL, answer INTEGER NOT NULL, closed INTEGER NOT NULL
) STRICT;
CREATE INDEX thread_of ON thread (unit, message);
CREATE TABLE portal (
  form TEXT NOT NULL, period INTEGER NOT NULL, unit INTEGER NOT NULL, import INTEGER NOT NULL, status TEXT NOT NULL, filed INTEGER NOT NULL,
  cells BLOB NOT NULL, PRIMARY KEY (form, period, unit)
) STRICT, WITHOUT ROWID;
CREATE TABLE dirty (form TEXT NOT NULL, period INTEGER NOT NULL, PRIMARY KEY (form, period)) STRICT, WITHOUT ROWID;
";

/// Every table there is.
pub const TABLES: &[&str] =
    &["mark", "unit", "slot", "state", "figure", "hit", "outlier", "total", "decision", "thread", "portal", "dirty"];

/// Takes a table away: only from the board's own file, which is made anew.
pub fn away(table: &str) -> String {
    format!("DROP TABLE \"{table}\"")
}

/// Names statements and lists them.
macro_rules! statements {
    ($($(#[$about:meta])* $name:ident = $text:expr;)*) => {
        $($(#[$about])* pub const $name: &str = $text;)*
        /// Each statement with its name.
        #[cfg(test)]
        const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}

statements! {
    /// Up to where something was read.
    MARK = "SELECT upto FROM mark WHERE what = ?";
    /// Sets it.
    PUT_MARK = "INSERT OR REPLACE INTO mark (what, upto) VALUES (?, ?)";
    /// A unit as it stands now.
    PUT_UNIT = "INSERT INTO unit (code, name, region, industry) VALUES (?, ?, ?, ?) ON CONFLICT (code) DO UPDATE SET name = excluded.name,
                region = excluded.region, industry = excluded.industry";
    /// A unit by its code.
    UNIT = "SELECT id, code, name, region, industry FROM unit WHERE code = ?";
    /// A unit by its number.
    UNIT_OF = "SELECT id, code, name, region, industry FROM unit WHERE id = ?";
    /// All units.
    UNITS = "SELECT id, code, name, region, industry FROM unit ORDER BY id";
    /// A column of a row of a form.
    PUT_SLOT = "INSERT INTO slot (form, code, col, name, measure, repeats) VALUES (?, ?, ?, ?, ?, ?)";
    /// All of them.
    SLOTS = "SELECT id, form, code, col, name, measure, repeats FROM slot ORDER BY id";
    /// The state of one report.
    STATE = "SELECT unit, version, first, at, filed, official, decision, mandatory, verify, explained, open, outliers, odd, differs, form, period
             FROM state WHERE form = ? AND period = ? AND unit = ?";
    /// The states of a form and period.
    STATES = "SELECT unit, version, first, at, filed, official, decision, mandatory, verify, explained, open, outliers, odd, differs, form, period
              FROM state WHERE form = ? AND period = ? ORDER BY unit";
    /// Units that reported a form of a period, and how they stand with it: all that progress asks.
    STATES_SHORT = "SELECT unit, first, filed, decision, mandatory + verify, open, outliers FROM state WHERE form = ? AND period = ? ORDER BY unit";
    /// Writes it.
    PUT_STATE = "INSERT OR REPLACE INTO state (form, period, unit, version, first, at, filed, official, decision, mandatory, verify, explained, open,
                 outliers, odd, differs) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    /// What screens say of a report.
    SET_ODD = "UPDATE state SET outliers = ?, odd = ? WHERE form = ? AND period = ? AND unit = ?";
    /// Nothing stands out.
    CLEAR_ODD = "UPDATE state SET outliers = 0, odd = 0 WHERE form = ? AND period = ? AND outliers > 0";
    /// How many figures of the portal differ.
    SET_DIFFERS = "UPDATE state SET differs = ? WHERE form = ? AND period = ? AND unit = ?";
    /// How many queries are open.
    SET_OPEN = "UPDATE state SET open = ? WHERE form = ? AND period = ? AND unit = ?";
    /// A decision.
    SET_DECISION = "UPDATE state SET decision = ? WHERE form = ? AND period = ? AND unit = ?";
    /// Forms and periods there are.
    PERIODS = "SELECT DISTINCT form, period FROM total ORDER BY form, period";
    /// Figures of a report.
    FIGURE = "SELECT form, period, edition, payload, cells FROM figure WHERE unit = ? AND form = ? AND period = ?";
    /// Figures of a form, month by month.
    FIGURES = "SELECT form, period, edition, payload, cells FROM figure WHERE unit = ? AND form = ? AND period BETWEEN ? AND ? ORDER BY period";
    /// Everything that a unit reported.
    FIGURES_OF = "SELECT form, period, edition, payload, cells FROM figure WHERE unit = ? ORDER BY period, form";
    /// Writes it.
    PUT_FIGURE = "INSERT OR REPLACE INTO figure (unit, form, period, edition, payload, cells) VALUES (?, ?, ?, ?, ?, ?)";
    /// What rules say of a report.
    HITS = "SELECT rule, severity, text, cause, said FROM hit WHERE unit = ? AND form = ? AND period = ? ORDER BY rule";
    /// Takes it away.
    CLEAR_HITS = "DELETE FROM hit WHERE unit = ? AND form = ? AND period = ?";
    /// Writes one.
    PUT_HIT = "INSERT OR REPLACE INTO hit (unit, form, period, rule, severity, text, cause, said) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    /// What screens say of a report.
    OUTLIERS = "SELECT screen, id, name, one, other, score, threshold FROM outlier WHERE form = ? AND period = ? AND unit = ? ORDER BY screen, id";
    /// Takes away what they said of all.
    CLEAR_OUTLIERS = "DELETE FROM outlier WHERE form = ? AND period = ?";
    /// Writes one.
    PUT_OUTLIER = "INSERT OR REPLACE INTO outlier (form, period, unit, screen, id, name, one, other, score, threshold)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    /// A running total.
    TOTAL = "SELECT units, sums FROM total WHERE form = ? AND period = ? AND region = ? AND trade = ?";
    /// Running totals of a form and period, of regions and trades that begin with something.
    TOTALS = "SELECT region, trade, units, sums FROM total WHERE form = ?1 AND period = ?2 AND region >= ?3 AND region < ?3 || 'a'
              AND substr(trade, 1, length(?4)) = ?4 ORDER BY region, trade";
    /// Writes one.
    PUT_TOTAL = "INSERT OR REPLACE INTO total (form, period, region, trade, units, sums) VALUES (?, ?, ?, ?, ?, ?)";
    /// Takes away one that is of nobody.
    CLEAR_TOTAL = "DELETE FROM total WHERE form = ? AND period = ? AND region = ? AND trade = ?";
    /// What was decided of a form in a package.
    DECISION = "SELECT message, kind, at, who FROM decision WHERE payload = ? AND form = ?";
    /// Writes it.
    PUT_DECISION = "INSERT OR REPLACE INTO decision (payload, form, message, kind, at, who) VALUES (?, ?, ?, ?, ?, ?)";
    /// What the bureau asked or told.
    PUT_THREAD = "INSERT OR REPLACE INTO thread (message, unit, kind, form, period, payload, subject, at, who, key, answer, closed)
                  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)";
    /// Its last answer.
    SET_ANSWER = "UPDATE thread SET answer = ? WHERE message = ?";
    /// That it is done.
    SET_CLOSED = "UPDATE thread SET closed = ? WHERE message = ?";
    /// One of them.
    THREAD = "SELECT message, unit, kind, form, period, payload, subject, at, who, key, answer, closed FROM thread WHERE message = ?";
    /// Those of a unit.
    THREADS_OF = "SELECT message, unit, kind, form, period, payload, subject, at, who, key, answer, closed FROM thread WHERE unit = ? ORDER BY message";
    /// Those that are open.
    THREADS_OPEN = "SELECT message, unit, kind, form, period, payload, subject, at, who, key, answer, closed FROM thread
                    WHERE kind = 'query' AND closed = 0 ORDER BY message";
    /// What the portal has of a unit.
    PORTAL = "SELECT unit, status, filed, cells FROM portal WHERE form = ? AND period = ? AND unit = ?";
    /// What the portal has of all.
    PORTALS = "SELECT unit, status, filed, cells FROM portal WHERE form = ? AND period = ? ORDER BY unit";
    /// Writes it.
    PUT_PORTAL = "INSERT OR REPLACE INTO portal (form, period, unit, import, status, filed, cells) VALUES (?, ?, ?, ?, ?, ?, ?)";
    /// A form and period whose screens are to be made anew.
    PUT_DIRTY = "INSERT OR IGNORE INTO dirty (form, period) VALUES (?, ?)";
    /// All of these.
    DIRTY = "SELECT form, period FROM dirty ORDER BY form, period";
    /// They were.
    CLEAR_DIRTY = "DELETE FROM dirty WHERE form = ? AND period = ?";
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// Where only the board's tables are, every statement can be prepared: none names a table of the receiver's state.
    #[test]
    fn statements_touch_the_board_alone() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        for (name, text) in STATEMENTS {
            connection.prepare(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        let all = "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let tables: i64 = connection.query_row(all, [], |row| row.get(0)).unwrap();
        assert_eq!(usize::try_from(tables).unwrap(), TABLES.len());
    }
}
