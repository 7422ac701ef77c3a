/*! Versions of ledger cells and drafts. Bodies are JSON that the survey crate knows. */

use rusqlite::{OptionalExtension, Row, params};

use crate::{Store, StoreError, Work};

/// One version of a ledger cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellVersion {
    /// From 1, for this cell; given here.
    pub version: i64,
    /// Operation that wrote it.
    pub operation: i64,
    /// Book id.
    pub book: String,
    /// Form code.
    pub form: String,
    /// Edition of the form.
    pub edition: String,
    /// Period, `YYYY-MM`.
    pub period: String,
    /// Indicator id.
    pub cell: String,
    /// JSON.
    pub body: String,
}

/// One version of a report draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftVersion {
    /// From 1, for this draft; given here. Another state of the same text is no other version.
    pub version: i64,
    /// Operation that wrote it.
    pub operation: i64,
    /// Book id.
    pub book: String,
    /// Form code.
    pub form: String,
    /// Edition of the form.
    pub edition: String,
    /// Period, `YYYY-MM`.
    pub period: String,
    /// `built`, later `in review` …
    pub state: String,
    /// JSON.
    pub body: String,
}

impl Work<'_> {
    /// Writes a version of a ledger cell; its `operation` is given here.
    pub fn put_cell(&self, cell: &CellVersion) -> Result<(), StoreError> {
        let sql = "INSERT INTO cell (operation, book, form, edition, period, cell, body) VALUES (?, ?, ?, ?, ?, ?, ?)";
        let CellVersion { book, form, edition, period, cell, body, .. } = cell;
        self.transaction.execute(sql, params![self.seq, book, form, edition, period, cell, body]).map_err(self.sqlite())?;
        Ok(())
    }

    /// Writes a version of a draft; its `operation` is given here.
    pub fn put_draft(&self, draft: &DraftVersion) -> Result<(), StoreError> {
        let sql = "INSERT INTO draft (operation, book, form, edition, period, state, body) VALUES (?, ?, ?, ?, ?, ?, ?)";
        let DraftVersion { book, form, edition, period, state, body, .. } = draft;
        self.transaction.execute(sql, params![self.seq, book, form, edition, period, state, body]).map_err(self.sqlite())?;
        Ok(())
    }
}

/// Columns of a cell's version.
const CELL: &str = "operation, book, form, edition, period, cell, body, (SELECT count(*) FROM cell AS old \
                    WHERE (old.book, old.form, old.period, old.cell) = (cell.book, cell.form, cell.period, cell.cell) AND old.id <= cell.id)";

/// Columns of a draft's version.
const DRAFT: &str = "operation, book, form, edition, period, state, body, (SELECT sum(fresh) FROM \
                     (SELECT id, body IS NOT lag(body) OVER (ORDER BY id) AS fresh FROM draft AS old \
                     WHERE (old.book, old.form, old.period) = (draft.book, draft.form, draft.period)) WHERE id <= draft.id)";

fn cell(row: &Row<'_>) -> rusqlite::Result<CellVersion> {
    let [book, form, edition, period, cell, body] = [1, 2, 3, 4, 5, 6].map(|at| row.get(at));
    let (book, form, edition) = (book?, form?, edition?);
    Ok(CellVersion {
        version: row.get(7)?,
        operation: row.get(0)?,
        book,
        form,
        edition,
        period: period?,
        cell: cell?,
        body: body?,
    })
}

fn draft(row: &Row<'_>) -> rusqlite::Result<DraftVersion> {
    let [book, form, edition, period, state, body] = [1, 2, 3, 4, 5, 6].map(|at| row.get(at));
    let (book, form, edition) = (book?, form?, edition?);
    Ok(DraftVersion {
        version: row.get(7)?,
        operation: row.get(0)?,
        book,
        form,
        edition,
        period: period?,
        state: state?,
        body: body?,
    })
}

/// Periods of a year sort between these, its adjustment periods too.
pub(crate) fn bounds(year: u16) -> [String; 2] {
    [format!("{year:04}-"), format!("{:04}-", year.saturating_add(1))]
}

impl Store {
    /// The newest version of every ledger cell of a book; the cells of one form and period come in the order they were first written.
    pub fn current_cells(&self, book: &str) -> Result<Vec<CellVersion>, StoreError> {
        let sqlite = self.sqlite();
        let sql = format!(
            "SELECT {CELL} FROM cell WHERE id IN \
             (SELECT max(id) FROM cell WHERE book = ? GROUP BY form, period, cell) ORDER BY form, period, id"
        );
        let mut statement = self.connection.prepare(&sql).map_err(&sqlite)?;
        let rows = statement.query_map([book], cell);
        rows.and_then(Iterator::collect).map_err(sqlite)
    }

    /// The newest version of each ledger cell of one form and period.
    pub fn form_cells(&self, book: &str, form: &str, period: &str) -> Result<Vec<CellVersion>, StoreError> {
        let sqlite = self.sqlite();
        let sql = format!(
            "SELECT {CELL} FROM cell WHERE id IN \
             (SELECT max(id) FROM cell WHERE book = ? AND form = ? AND period = ? GROUP BY cell) ORDER BY id"
        );
        let mut statement = self.connection.prepare(&sql).map_err(&sqlite)?;
        let rows = statement.query_map([book, form, period], cell);
        rows.and_then(Iterator::collect).map_err(sqlite)
    }

    /// Every version of one ledger cell, oldest first.
    pub fn cell_versions(&self, book: &str, form: &str, period: &str, id: &str) -> Result<Vec<CellVersion>, StoreError> {
        let sqlite = self.sqlite();
        let sql = format!("SELECT {CELL} FROM cell WHERE book = ? AND form = ? AND period = ? AND cell = ? ORDER BY id");
        let mut statement = self.connection.prepare(&sql).map_err(&sqlite)?;
        let rows = statement.query_map([book, form, period, id], cell);
        rows.and_then(Iterator::collect).map_err(sqlite)
    }

    /// Every version of every ledger cell of a book and year, by form, period and cell, oldest first.
    pub fn cells_of_year(&self, book: &str, year: u16) -> Result<Vec<CellVersion>, StoreError> {
        let sqlite = self.sqlite();
        let sql = format!(
            "SELECT {CELL} FROM cell WHERE book = ? AND period >= ? AND period < ? ORDER BY form, period, \
             (SELECT min(id) FROM cell AS old WHERE (old.book, old.form, old.period, old.cell) = \
             (cell.book, cell.form, cell.period, cell.cell)), id"
        );
        let mut statement = self.connection.prepare(&sql).map_err(&sqlite)?;
        let [from, to] = bounds(year);
        let rows = statement.query_map([book, &from, &to], cell);
        rows.and_then(Iterator::collect).map_err(sqlite)
    }

    /// Every version and state of every draft of a book and year, by form and period, oldest first.
    pub fn drafts_of_year(&self, book: &str, year: u16) -> Result<Vec<DraftVersion>, StoreError> {
        let sqlite = self.sqlite();
        let sql = format!("SELECT {DRAFT} FROM draft WHERE book = ? AND period >= ? AND period < ? ORDER BY form, period, id");
        let mut statement = self.connection.prepare(&sql).map_err(&sqlite)?;
        let [from, to] = bounds(year);
        let rows = statement.query_map([book, &from, &to], draft);
        rows.and_then(Iterator::collect).map_err(sqlite)
    }

    /// Every version and state of a draft, oldest first.
    pub fn drafts_of(&self, book: &str, form: &str, period: &str) -> Result<Vec<DraftVersion>, StoreError> {
        let sqlite = self.sqlite();
        let sql = format!("SELECT {DRAFT} FROM draft WHERE book = ? AND form = ? AND period = ? ORDER BY id");
        let mut statement = self.connection.prepare(&sql).map_err(&sqlite)?;
        let rows = statement.query_map([book, form, period], draft);
        rows.and_then(Iterator::collect).map_err(sqlite)
    }

    /// The newest version of a draft.
    pub fn current_draft(&self, book: &str, form: &str, period: &str) -> Result<Option<DraftVersion>, StoreError> {
        let sql = format!("SELECT {DRAFT} FROM draft WHERE book = ? AND form = ? AND period = ? ORDER BY id DESC LIMIT 1");
        self.connection.query_row(&sql, [book, form, period], draft).optional().map_err(self.sqlite())
    }

    /// The newest version of every draft, by book, form and period.
    pub fn current_drafts(&self) -> Result<Vec<DraftVersion>, StoreError> {
        let sqlite = self.sqlite();
        let sql = format!(
            "SELECT {DRAFT} FROM draft WHERE id IN (SELECT max(id) FROM draft GROUP BY book, form, period) \
             ORDER BY book, form, period"
        );
        let mut statement = self.connection.prepare(&sql).map_err(&sqlite)?;
        let rows = statement.query_map([], draft);
        rows.and_then(Iterator::collect).map_err(sqlite)
    }
}
