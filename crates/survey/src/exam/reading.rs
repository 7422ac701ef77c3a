//! From a sheet to what it says about the indicators of a form: three layouts, recognised by their headings.

use std::collections::BTreeMap;

use model::{Amount, Finding, Month};

use super::{
    grid::{Figure, Grid, figure, month, month_of},
    words::{Role, Words, bare_name},
};
use crate::{Form, Printed, Row, RowKind};

/// Rows in which headings are looked for.
const HEAD_ROWS: usize = 30;
/// Rows that the headings of one table take at most.
const HEAD_DEPTH: usize = 3;

/// One figure of a sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Code or id of the indicator.
    pub key: String,
    /// Column.
    pub column: Printed,
    /// Month, where the sheet says one.
    pub month: Option<Month>,
    /// The figure as it stands there.
    pub value: Amount,
    /// Its decimals.
    pub decimals: u32,
    /// Unit of money that the sheet says, in 元; none where it says none.
    pub unit: Option<i64>,
    /// Whether nothing said which column it is: its heading is a month alone, and a flow has two figures of a month.
    pub assumed: bool,
    /// Row and column, from 0.
    pub at: (usize, usize),
}

/// Which figure a cell is.
#[derive(Clone, Copy)]
struct Kept {
    column: Printed,
    month: Option<Month>,
    assumed: bool,
}

/// What a sheet says, and what of it could not be placed.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Figures.
    pub told: Vec<Told>,
    /// Cells and rows that may be figures of the form and were not understood: each is a warning.
    pub unclear: Vec<Finding>,
    /// What was passed over on purpose.
    pub notes: Vec<Finding>,
}

/// What a sheet is read for.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The form.
    pub form: &'a Form,
    /// The words.
    pub words: &'a Words,
    /// Code of the reporting unit, which tells its row from those of others.
    pub unit: (&'a str, &'a str),
    /// Year of headings that say a month alone.
    pub year: Option<u16>,
    /// Column of headings that say a month alone; by kind of the indicator where absent.
    pub column: Option<Printed>,
}

/// Reads a sheet in the layout that finds the most figures in it.
pub fn read(grid: &Grid, wanted: Wanted<'_>) -> Reading {
    let reader = Reader::new(grid, wanted);
    let mut best = Reading::default();
    for read in [reader.rows(), reader.units(), reader.months()].into_iter().flatten() {
        if read.told.len() > best.told.len() || best.told.is_empty() && read.unclear.len() > best.unclear.len() {
            best = read;
        }
    }
    best
}

/// Rows of a form by their bare names; a name that two rows have tells neither.
fn names(form: &Form) -> BTreeMap<String, Option<usize>> {
    let mut names = BTreeMap::new();
    for (at, row) in form.rows.iter().enumerate() {
        names.entry(bare_name(&row.name)).and_modify(|known| *known = None).or_insert(Some(at));
    }
    names
}

/// The row of a form that cells beside each other say by a code or, where none is one, by a name.
pub fn row_of<'a>(form: &'a Form, cells: &[&str]) -> Option<&'a Row> {
    let code = cells.iter().find_map(|text| form.rows.iter().find(|row| row.key() == text.trim()));
    let names = names(form);
    code.or_else(|| cells.iter().find_map(|text| form.rows.get(names.get(&bare_name(text)).copied().flatten()?)))
}

/// What a heading says about the figures below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heading {
    Column(Printed),
    Month(Option<u16>, u8),
    /// That there are figures, and nothing else.
    Alone,
}

pub(super) struct Reader<'a> {
    grid: &'a Grid,
    wanted: Wanted<'a>,
    names: BTreeMap<String, Option<usize>>,
}

/// Which row of the form a row of a sheet is.
enum Found<'a> {
    Row(&'a Row),
    /// Code and name say different things.
    Disagrees,
    Unknown,
}

impl<'a> Reader<'a> {
    pub(super) fn new(grid: &'a Grid, wanted: Wanted<'a>) -> Reader<'a> {
        Reader { grid, wanted, names: names(wanted.form) }
    }

    fn by_name(&self, name: &str) -> Option<&'a Row> {
        let at = self.names.get(&bare_name(name)).copied().flatten()?;
        self.wanted.form.rows.get(at)
    }

    fn by_code(&self, code: &str) -> Option<&'a Row> {
        let code = code.trim_start_matches('\'').trim();
        let rows = &self.wanted.form.rows;
        let exact = rows.iter().find(|row| row.key() == code);
        // A spreadsheet makes 1 of 01.
        let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.trim_start_matches('0').to_owned());
        exact.or_else(|| {
            let wanted = number(code).filter(|text| !text.is_empty())?;
            let mut alike = rows.iter().filter(|row| number(row.key()).as_ref() == Some(&wanted));
            alike.next().filter(|_| alike.next().is_none())
        })
    }

    fn find(&self, code: &str, name: &str) -> Found<'a> {
        let named = if name.is_empty() { None } else { self.by_name(name) };
        if code.is_empty() {
            return named.map_or(Found::Unknown, Found::Row);
        }
        match (self.by_code(code), named) {
            (Some(row), Some(other)) if row.key() != other.key() => Found::Disagrees,
            (Some(row), _) => Found::Row(row),
            // A code that the form does not have with a name that it has: of another edition, or wrong.
            (None, Some(_)) => Found::Disagrees,
            (None, None) => Found::Unknown,
        }
    }

    /// The headings of a table that begins at a row: those of up to three rows together, the upper ones reaching to the right.
    pub(super) fn headings(&self, from: usize, depth: usize) -> Vec<String> {
        let width = self.grid.width();
        let mut headings = vec![String::new(); width];
        for row in from..from + depth {
            let mut last = "";
            for (column, heading) in headings.iter_mut().enumerate() {
                let mut text = self.grid.text(row, column);
                if row + 1 < from + depth {
                    // A cell that reaches over several columns says its text once.
                    if text.is_empty() { text = last } else { last = text }
                }
                if !text.is_empty() && !heading.ends_with(text) {
                    if !heading.is_empty() {
                        heading.push('-');
                    }
                    heading.push_str(text);
                }
            }
        }
        headings
    }

    /// Whether a row says of columns which they are.
    fn says_columns(&self, row: usize) -> bool {
        (0..self.grid.width()).any(|column| self.wanted.words.column(self.grid.text(row, column)).is_some())
    }

    fn heading(&self, text: &str) -> Option<Heading> {
        if let Some(column) = self.wanted.words.column(text) {
            return Some(Heading::Column(column));
        }
        if self.wanted.words.alone(text) {
            return Some(Heading::Alone);
        }
        month(text).map(|(year, month)| Heading::Month(year, month))
    }

    /// The unit of money that the rows above a table say.
    fn unit_above(&self, head: usize) -> Option<i64> {
        let cells = (0..head).flat_map(|row| (0..self.grid.width()).map(move |column| self.grid.text(row, column)));
        let said = cells.filter(|text| text.contains("单位"));
        // 单位 alone is a label whose unit stands in the next cell.
        let alone = (0..head).flat_map(|row| {
            (1..self.grid.width())
                .filter(move |column| {
                    matches!(self.grid.text(row, column - 1).trim_end_matches([':', '：']), "单位" | "计量单位")
                })
                .map(move |column| self.grid.text(row, column))
        });
        said.chain(alone).find_map(|text| self.wanted.words.money(text))
    }

    /// A column of figures for a kind of indicator: a stock has its balance wherever the form has one column for both.
    pub(super) fn kept(row: &Row, column: Printed) -> Option<Printed> {
        use Printed as P;
        match (row.kind, column) {
            (RowKind::Text | RowKind::Choice, _) | (_, P::Value) | (RowKind::Flow, P::Closing | P::Opening) => None,
            (RowKind::Flow, column) => Some(column),
            (_, P::PriorYear | P::PriorYearMonth) => Some(P::PriorYear),
            (RowKind::Opening, _) | (RowKind::Stock, P::Opening) => Some(P::Opening),
            (RowKind::Count, P::Opening) => None,
            (RowKind::Stock | RowKind::Count, _) => Some(P::Closing),
        }
    }

    fn of_heading(&self, row: &Row, heading: Heading) -> Option<Kept> {
        match heading {
            Heading::Column(column) => Some(Kept { column: Self::kept(row, column)?, month: None, assumed: false }),
            Heading::Alone => self.alone(row),
            Heading::Month(year, month) => Some(self.of_month(row, Month::new(year.or(self.wanted.year)?, month)?)),
        }
    }

    /// The column that figures are of whose heading says nothing: the one that was asked for, or the first that the form prints.
    fn alone(&self, row: &Row) -> Option<Kept> {
        let said = self.wanted.column.and_then(|column| Self::kept(row, column));
        let form = self.wanted.form;
        let first = form.columns.iter().copied().find_map(|column| Self::kept(row, column));
        let (column, assumed) = (said.or(first)?, said.is_none() && row.kind == RowKind::Flow);
        Some(Kept { column, month: None, assumed })
    }

    /// The column that figures under a month alone are of.
    fn of_month(&self, row: &Row, month: Month) -> Kept {
        let usual = match row.kind {
            RowKind::Flow => Printed::ThisMonth,
            RowKind::Opening => Printed::Opening,
            _ => Printed::Closing,
        };
        let said = self.wanted.column.and_then(|column| Self::kept(row, column));
        Kept { column: said.unwrap_or(usual), month: Some(month), assumed: said.is_none() && row.kind == RowKind::Flow }
    }

    /// Takes one cell.
    fn take(&self, reading: &mut Reading, row: &Row, kept: Kept, unit: Option<i64>, at: (usize, usize)) {
        let text = self.grid.text(at.0, at.1);
        match figure(text) {
            Figure::Empty => {}
            Figure::Number(value, decimals) => {
                let (key, Kept { column, month, assumed }) = (row.key().to_owned(), kept);
                let unit = unit.filter(|_| self.wanted.words.is_money(self.wanted.form, row));
                reading.told.push(Told { key, column, month, value, decimals, unit, assumed, at });
            }
            Figure::Strange => {
                let finding = Finding::warning("sheet-figure-unreadable").at(self.grid.place(at.0, at.1));
                reading.unclear.push(finding.with("text", text));
            }
        }
    }

    /// Indicators in rows, columns of the form or months beside each other.
    fn rows(&self) -> Option<Reading> {
        let says = |role: &Option<Role>| matches!(role, Some(Role::Code | Role::Name));
        let (head, depth, headings) = (0..HEAD_ROWS.min(self.grid.rows.len()))
            .flat_map(|row| (1..=HEAD_DEPTH).map(move |depth| (row, depth)))
            .map(|(row, depth)| (row, depth, self.headings(row, depth)))
            .filter(|(.., headings)| self.roles_of(headings).iter().any(says))
            .max_by_key(|(row, depth, headings)| {
                // 本年 under 本月 and 本年 under 1—本月 are two columns: each counts once, and a row of columns above the headings is a
                // part of them.
                let mut known: Vec<Heading> = Vec::new();
                for heading in headings.iter().filter_map(|heading| self.heading(heading)) {
                    if !known.contains(&heading) {
                        known.push(heading);
                    }
                }
                let left = row.checked_sub(1).is_some_and(|above| self.says_columns(above));
                (known.len(), !left, std::cmp::Reverse(*depth), std::cmp::Reverse(*row))
            })?;
        let roles = self.roles_of(&headings);
        let place = |wanted: Role| roles.iter().position(|role| *role == Some(wanted));
        let (code, name, unit, period) = (place(Role::Code), place(Role::Name), place(Role::Unit), place(Role::Period));
        let figures: Vec<(usize, Heading, Option<i64>)> = headings
            .iter()
            .enumerate()
            .filter(|(at, _)| roles[*at].is_none())
            .filter_map(|(at, heading)| Some((at, self.heading(heading)?, self.wanted.words.money(heading))))
            .collect();
        // Beside columns that say what they are, one that says nothing is something else.
        let said = figures.iter().any(|(_, heading, _)| *heading != Heading::Alone);
        let figures: Vec<_> = figures.into_iter().filter(|(_, heading, _)| !said || *heading != Heading::Alone).collect();
        let above = self.unit_above(head);
        let mut reading = Reading::default();
        let mut names = 0;
        for row in head + depth..self.grid.rows.len() {
            let text = |at: Option<usize>| at.map_or("", |at| self.grid.text(row, at));
            let found = match self.find(text(code), text(name)) {
                Found::Row(found) => found,
                other => {
                    let filled = figures.iter().any(|(at, ..)| matches!(figure(self.grid.text(row, *at)), Figure::Number(..)));
                    let at = self.grid.place(row, code.or(name).unwrap_or(0));
                    let said = [text(code), text(name)].join(" ");
                    match other {
                        _ if !filled => {}
                        Found::Disagrees => {
                            reading.unclear.push(Finding::warning("sheet-row-disagrees").at(at).with("row", said.trim()));
                        }
                        _ => reading.notes.push(Finding::note("sheet-row-unknown").at(at).with("row", said.trim())),
                    }
                    continue;
                }
            };
            names += 1;
            let own = unit.and_then(|at| self.wanted.words.money(self.grid.text(row, at)));
            let month = period.and_then(|at| month_of(self.grid.text(row, at), self.wanted.year));
            for (at, heading, unit) in &figures {
                if let Some(kept) = self.of_heading(found, *heading) {
                    let kept = Kept { month: kept.month.or(month), ..kept };
                    self.take(&mut reading, found, kept, own.or(*unit).or(above), (row, *at));
                }
            }
        }
        (names > 0).then_some(reading)
    }

    pub(super) fn roles_of(&self, headings: &[String]) -> Vec<Option<Role>> {
        let mut seen = Vec::new();
        let once = |heading: &String| {
            let role = self.wanted.words.role(heading)?;
            // The first column of a role is it.
            (!seen.contains(&role)).then(|| {
                seen.push(role);
                role
            })
        };
        headings.iter().map(once).collect()
    }

    /// Units in rows and `indicator;column` beside each other, as the portal exports.
    fn units(&self) -> Option<Reading> {
        let head = (0..HEAD_ROWS.min(self.grid.rows.len())).find(|row| {
            let cells = (0..self.grid.width()).map(|column| self.grid.text(*row, column));
            cells.filter(|text| self.portal(text).is_some()).count() > 0
        })?;
        let headings = self.headings(head, 1);
        let roles = self.roles_of(&headings);
        let place = |wanted: Role| roles.iter().position(|role| *role == Some(wanted));
        let figures: Vec<_> = headings.iter().enumerate().filter_map(|(at, text)| Some((at, self.portal(text)?))).collect();
        let (code, name) = self.wanted.unit;
        let mut reading = Reading::default();
        let rows: Vec<usize> = (head + 1..self.grid.rows.len())
            .filter(|row| self.grid.rows[*row].iter().any(|text| !text.trim().is_empty()))
            .collect();
        let own = |row: &usize| {
            let said = |role: Role| place(role).map(|at| self.grid.text(*row, at)).filter(|text| !text.is_empty());
            match (said(Role::UnitCode), said(Role::UnitName)) {
                (Some(said), _) if !code.is_empty() => said == code,
                (_, Some(said)) if !name.is_empty() => said == name,
                // Nothing says whose the rows are: they are ours where there is no other.
                _ => place(Role::UnitCode).is_none() && place(Role::UnitName).is_none(),
            }
        };
        let mine: Vec<usize> = rows.iter().copied().filter(|row| own(row)).collect();
        if mine.is_empty() && !rows.is_empty() {
            let finding = Finding::warning("sheet-unit-absent").at(self.grid.place(head, 0)).with("code", code);
            reading.unclear.push(finding.with("name", name));
        }
        for row in mine {
            let month = place(Role::Period).and_then(|at| month_of(self.grid.text(row, at), self.wanted.year));
            for (at, (found, column)) in &figures {
                if let Some(column) = Self::kept(found, *column) {
                    let kept = Kept { column, month, assumed: false };
                    self.take(&mut reading, found, kept, self.wanted.words.money(&headings[*at]), (row, *at));
                }
            }
        }
        Some(reading)
    }

    /// `商品销售额;本年-本月`
    pub(super) fn portal(&self, heading: &str) -> Option<(&'a Row, Printed)> {
        let (name, column) = heading.split_once([';', '；'])?;
        let name = name.trim();
        let bare = name.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(name, |(_, rest)| rest);
        Some((self.by_name(bare).or_else(|| self.by_code(bare))?, self.wanted.words.column(column)?))
    }

    /// Months in rows and indicators beside each other: a ledger that is written on month by month.
    fn months(&self) -> Option<Reading> {
        let of = |text: &str| self.by_name(text).or_else(|| self.by_code(text));
        let head = (0..HEAD_ROWS.min(self.grid.rows.len())).max_by_key(|row| {
            let cells = (0..self.grid.width()).filter(|column| of(self.grid.text(*row, *column)).is_some());
            (cells.count(), std::cmp::Reverse(*row))
        })?;
        // The columns of an indicator may stand below it, where the cell with its name reaches over them.
        let below = (head + 1 < self.grid.rows.len() && self.says_columns(head + 1)).then_some(head + 1);
        let mut last = "";
        let mut headings = self.headings(head, 1);
        for (at, heading) in headings.iter_mut().enumerate().filter(|_| below.is_some()) {
            let text = self.grid.text(head, at);
            last = if text.is_empty() { last } else { text };
            last.clone_into(heading);
        }
        let column = |at: usize| below.and_then(|row| self.wanted.words.column(self.grid.text(row, at)));
        let figures: Vec<(usize, &Row, Option<Printed>)> =
            headings.iter().enumerate().filter_map(|(at, text)| Some((at, of(text)?, column(at)))).collect();
        // Below an indicator with columns, a cell that says none is none of them.
        let figures: Vec<_> = figures
            .iter()
            .filter(|(at, _, column)| {
                column.is_some()
                    || !self.grid.text(head, *at).is_empty() && below.is_none_or(|row| self.grid.text(row, *at).is_empty())
            })
            .collect();
        let above = self.unit_above(head);
        let mut reading = Reading::default();
        for row in below.unwrap_or(head) + 1..self.grid.rows.len() {
            let first = (0..self.grid.width()).find(|at| !self.grid.text(row, *at).is_empty());
            let Some(month) = first.and_then(|at| month_of(self.grid.text(row, at), self.wanted.year)) else { continue };
            for (at, found, column) in &figures {
                let unit = self.wanted.words.money(&headings[*at]).or(above);
                let said = |column| Some(Kept { column: Self::kept(found, column)?, month: Some(month), assumed: false });
                if let Some(kept) = column.map_or(Some(self.of_month(found, month)), said) {
                    self.take(&mut reading, found, kept, unit, (row, *at));
                }
            }
        }
        (!reading.told.is_empty()).then_some(reading)
    }
}
