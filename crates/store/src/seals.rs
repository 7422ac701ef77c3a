/*! Sealed periods: what was sealed when, under which identity. */

use std::{collections::BTreeSet, fs, path::Path};

use model::Period;
use rusqlite::{OptionalExtension, Row, params};

use crate::{Store, StoreError, Work};

/// One sealed period of a book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Number of the seal, from 1; 0 before it is written.
    pub id: i64,
    /// Operation that sealed it.
    pub operation: i64,
    /// Book id.
    pub book: String,
    /// Period.
    pub period: Period,
    /// Merkle root over the vouchers, 64 hexadecimal digits.
    pub root: String,
    /// SHA-256 of the entry file; absent when only balances are kept.
    pub file: Option<String>,
    /// Entry lines.
    pub rows: i64,
    /// Vouchers.
    pub vouchers: i64,
    /// Control total, canonical decimal text.
    pub debit: String,
    /// Control total, canonical decimal text.
    pub credit: String,
    /// JSON array of the closing vouchers' `[key, number]`.
    pub closing: String,
    /// Digest of the fingerprint rows.
    pub fingerprint: String,
    /// `provisional` while the period is open in the ERP, `closed`, or `reopened`.
    pub state: String,
    /// Digest of the chart and calendar read with it.
    pub context: String,
    /// SHA-256 of the cube file; absent where an earlier version sealed it.
    pub cube: Option<String>,
}

const COLUMNS: &str =
    "id, operation, book, period, root, file, rows, vouchers, debit, credit, closing, fingerprint, state, context, cube";

fn seal(row: &Row<'_>) -> rusqlite::Result<Seal> {
    let period: String = row.get(3)?;
    let period = period.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(3, rusqlite::types::Type::Text, Box::<model::PeriodError>::new(error))
    })?;
    Ok(Seal {
        id: row.get(0)?,
        operation: row.get(1)?,
        book: row.get(2)?,
        period,
        root: row.get(4)?,
        file: row.get(5)?,
        rows: row.get(6)?,
        vouchers: row.get(7)?,
        debit: row.get(8)?,
        credit: row.get(9)?,
        closing: row.get(10)?,
        fingerprint: row.get(11)?,
        state: row.get(12)?,
        context: row.get(13)?,
        cube: row.get(14)?,
    })
}

impl Work<'_> {
    /// Keeps a text under its digest; the same text twice is one row.
    pub fn put_context(&self, digest: &str, body: &str) -> Result<(), StoreError> {
        let sql = "INSERT OR IGNORE INTO context (digest, body) VALUES (?, ?)";
        self.transaction.execute(sql, params![digest, body]).map_err(self.sqlite())?;
        Ok(())
    }

    /// Writes a seal; its `id` and `operation` are given here.
    pub fn put_seal(&self, seal: &Seal) -> Result<i64, StoreError> {
        let sql = "INSERT INTO seal (operation, book, period, root, file, rows, vouchers, debit, credit, closing, fingerprint, \
                   state, context, cube) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let values = params![
            self.seq,
            seal.book,
            seal.period.to_string(),
            seal.root,
            seal.file,
            seal.rows,
            seal.vouchers,
            seal.debit,
            seal.credit,
            seal.closing,
            seal.fingerprint,
            seal.state,
            seal.context,
            seal.cube
        ];
        self.transaction.execute(sql, values).map_err(self.sqlite())?;
        Ok(self.transaction.last_insert_rowid())
    }
}

impl Store {
    /// The newest seal of each period of a book, in order of periods.
    pub fn current_seals(&self, book: &str) -> Result<Vec<Seal>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM seal WHERE id IN (SELECT max(id) FROM seal WHERE book = ? GROUP BY period) ORDER BY period"
        );
        self.seals(&sql, &[book])
    }

    /// Every seal of a period, oldest first.
    pub fn seals_of(&self, book: &str, period: Period) -> Result<Vec<Seal>, StoreError> {
        self.seals(&format!("SELECT {COLUMNS} FROM seal WHERE book = ? AND period = ? ORDER BY id"), &[book, &period.to_string()])
    }

    /// Every seal of the periods of a book and year, by period, oldest first.
    pub fn seals_of_year(&self, book: &str, year: u16) -> Result<Vec<Seal>, StoreError> {
        let [from, to] = crate::ledger::bounds(year);
        let sql = format!("SELECT {COLUMNS} FROM seal WHERE book = ? AND period >= ? AND period < ?");
        self.seals(&sql, &[book, &from, &to])
    }

    /// Every seal of every book, the newest first: of two with one identity the newer one's files are there.
    pub fn all_seals(&self) -> Result<Vec<Seal>, StoreError> {
        let mut seals = self.seals(&format!("SELECT {COLUMNS} FROM seal"), &[])?;
        seals.sort_by_key(|seal| std::cmp::Reverse(seal.id));
        Ok(seals)
    }

    fn seals(&self, sql: &str, values: &[&str]) -> Result<Vec<Seal>, StoreError> {
        let sqlite = self.sqlite();
        let mut statement = self.connection.prepare(sql).map_err(&sqlite)?;
        let rows = statement.query_map(rusqlite::params_from_iter(values), seal);
        let mut seals: Vec<Seal> = rows.and_then(Iterator::collect).map_err(sqlite)?;
        seals.sort_by_key(|seal| (seal.period, seal.id));
        Ok(seals)
    }

    /// The text kept under a digest.
    pub fn context(&self, digest: &str) -> Result<String, StoreError> {
        self.find_context(digest)?.ok_or_else(|| self.damaged(format!("context {digest} is missing")))
    }

    /// The text kept under a digest, where there is one.
    pub fn find_context(&self, digest: &str) -> Result<Option<String>, StoreError> {
        let row = self.connection.query_row("SELECT body FROM context WHERE digest = ?", [digest], |row| row.get(0)).optional();
        row.map_err(self.sqlite())
    }

    /// Removes files of a book's snapshot folder that no seal names: what a pull left that did not come to its end. The caller holds the
    /// book's lock. `name` gives the file names of a seal.
    pub fn collect_orphans(&self, book: &str, names: impl Fn(&Seal) -> Vec<String>) -> Result<u64, StoreError> {
        let seals = self.seals(&format!("SELECT {COLUMNS} FROM seal WHERE book = ?"), &[book])?;
        let known: BTreeSet<String> = seals.iter().flat_map(names).collect();
        let folder = self.snapshots(book)?;
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Io { path, source }
        };
        let mut removed = 0;
        for file in fs::read_dir(&folder).map_err(io(&folder))? {
            let file = file.map_err(io(&folder))?;
            let name = file.file_name().to_string_lossy().into_owned();
            let ours = name.ends_with(".parquet") || name.ends_with(".new");
            if ours && !known.contains(&name) {
                fs::remove_file(file.path()).map_err(io(&file.path()))?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}
