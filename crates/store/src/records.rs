/*! What people wrote: adjustments, explanations, events, locks, manual entries, reported figures. Versions of records, each by its key. */

use rusqlite::{Row, params, params_from_iter};

use crate::{Store, StoreError, Work, ledger::bounds};

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

    /// Every version of the records of a year that belong to one of `books` or to none, and of those that belong to no period; oldest first,
    /// each with its number among the versions of its key, from 1.
    pub fn records_of_year(&self, books: &[&str], year: u16) -> Result<Vec<(i64, Record)>, StoreError> {
        let sqlite = self.sqlite();
        let marks = vec!["?"; books.len() + 1].join(", ");
        let sql = format!(
            "SELECT {COLUMNS}, (SELECT count(*) FROM record AS old WHERE (old.kind, old.book, old.form, old.period, old.key) = \
             (record.kind, record.book, record.form, record.period, record.key) AND old.id <= record.id) FROM record \
             WHERE (period = '' OR period >= ? AND period < ?) AND book IN ({marks}) ORDER BY id"
        );
        let mut values: Vec<String> = bounds(year).into();
        values.push(String::new());
        values.extend(books.iter().map(|book| (*book).to_owned()));
        let mut statement = self.connection.prepare(&sql).map_err(&sqlite)?;
        let rows = statement.query_map(params_from_iter(values), |row| Ok((row.get(7)?, record(row)?)));
        rows.and_then(Iterator::collect).map_err(sqlite)
    }

    /// Every version of every record, oldest first.
    pub fn every_record(&self) -> Result<Vec<Record>, StoreError> {
        let sqlite = self.sqlite();
        let mut statement = self.connection.prepare(&format!("SELECT {COLUMNS} FROM record ORDER BY id")).map_err(&sqlite)?;
        let rows = statement.query_map([], record);
        rows.and_then(Iterator::collect).map_err(sqlite)
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
        let of_year = |year| {
            let found = store.records_of_year(&["hz"], year).unwrap().into_iter();
            found.map(|(version, record)| format!("{}.{version} {}", record.key, record.body)).collect::<Vec<_>>()
        };
        assert_eq!(of_year(2025), ["B203:301.1 1", "B203:301.2 2", "B203:302.1 3"]);
        assert_eq!(of_year(2024), [""; 0]);
    }
}
