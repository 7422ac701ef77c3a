/*! What people wrote: adjustments, explanations, events, locks, manual entries, reported figures. Versions of records, each by its key. */

use rusqlite::{Row, params, params_from_iter};

use crate::{Store, StoreError, Work};

/// One version of a record. The newest version of a `(kind, book, form, period, key)` is the one that holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Operation that wrote it; given when it is written.
    pub operation: i64,
    /// What it is: `adjustment`, `explanation`, `event`, `lock`, `entry`, `reported` …
    pub kind: String,
    /// Book id; empty where it belongs to none.
    pub book: String,
    /// Form code; empty where it belongs to none.
    pub form: String,
    /// Period, `YYYY-MM`; empty where it belongs to none.
    pub period: String,
    /// What tells it from the others of its kind there: an indicator, a rule, an id.
    pub key: String,
    /// JSON. A record that was taken back keeps its key and says so in its body.
    pub body: String,
}

/// Which records are wanted; what is `None` does not matter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Book id.
    pub book: Option<&'a str>,
    /// Form code.
    pub form: Option<&'a str>,
    /// Period.
    pub period: Option<&'a str>,
    /// Key.
    pub key: Option<&'a str>,
}

const COLUMNS: &str = "operation, kind, book, form, period, key, body";

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let [kind, book, form, period, key, body] = [1, 2, 3, 4, 5, 6].map(|at| row.get(at));
    let (kind, book, form) = (kind?, book?, form?);
    Ok(Record { operation: row.get(0)?, kind, book, form, period: period?, key: key?, body: body? })
}

impl Work<'_> {
    /// Writes a version of a record; its `operation` is given here.
    pub fn put_record(&self, record: &Record) -> Result<(), StoreError> {
        let sql = "INSERT INTO record (operation, kind, book, form, period, key, body) VALUES (?, ?, ?, ?, ?, ?, ?)";
        let Record { kind, book, form, period, key, body, .. } = record;
        self.transaction.execute(sql, params![self.seq, kind, book, form, period, key, body]).map_err(self.sqlite())?;
        Ok(())
    }
}

impl Store {
    /// The newest version of each record of a kind, in the order in which they were last written.
    pub fn records(&self, kind: &str, wanted: Wanted<'_>) -> Result<Vec<Record>, StoreError> {
        let newest = "id IN (SELECT max(id) FROM record GROUP BY kind, book, form, period, key)";
        self.select_records(kind, wanted, newest)
    }

    /// Every version of the records of a kind, oldest first.
    pub fn record_versions(&self, kind: &str, wanted: Wanted<'_>) -> Result<Vec<Record>, StoreError> {
        self.select_records(kind, wanted, "1")
    }

    fn select_records(&self, kind: &str, wanted: Wanted<'_>, which: &str) -> Result<Vec<Record>, StoreError> {
        let sqlite = self.sqlite();
        let (mut sql, mut values) = (format!("SELECT {COLUMNS} FROM record WHERE kind = ? AND {which}"), vec![kind]);
        for (column, value) in [("book", wanted.book), ("form", wanted.form), ("period", wanted.period), ("key", wanted.key)] {
            if let Some(value) = value {
                sql.push_str(&format!(" AND {column} = ?"));
                values.push(value);
            }
        }
        sql.push_str(" ORDER BY id");
        let mut statement = self.connection.prepare(&sql).map_err(&sqlite)?;
        let rows = statement.query_map(params_from_iter(values), record);
        rows.and_then(Iterator::collect).map_err(sqlite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_holds_and_the_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        let written = |store: &mut Store, key: &str, body: &str| {
            let work = store.begin("wu", "adjust", &serde_json::json!({ "key": key })).unwrap();
            let (kind, period) = ("adjustment".to_owned(), "2025-06".to_owned());
            let record = Record { kind, period, key: key.to_owned(), body: body.to_owned(), ..Record::default() };
            work.put_record(&record).unwrap();
            work.commit().unwrap();
        };
        written(&mut store, "B203:301", "1");
        written(&mut store, "B203:301", "2");
        written(&mut store, "B203:302", "3");
        let bodies = |records: Vec<Record>| records.into_iter().map(|record| record.body).collect::<Vec<_>>();
        assert_eq!(bodies(store.records("adjustment", Wanted::default()).unwrap()), ["2", "3"]);
        let one = Wanted { key: Some("B203:301"), ..Wanted::default() };
        assert_eq!(bodies(store.record_versions("adjustment", one).unwrap()), ["1", "2"]);
        assert_eq!(bodies(store.records("lock", Wanted::default()).unwrap()), [""; 0]);
    }
}
